# People log in at a provider and come back: the whole way with the certified
# provider, the session that carries them, and what the service behind sees.
use Gatehouse::Test timeout => 300, needs => 'provider';
use Gatehouse::Test::Login;
use Gatehouse::Test::OpenID;

my $t  = Gatehouse::Test->new(workers => 2, tls => 1);
my $at = 'https://gw.test:' . $t->port('tls');
my $op = Gatehouse::Test::OpenID->new(
    redirect_uris => ["$at/oidc_callback"],
    post_logout_redirect_uris => ["$at/oidc_logged_out"],
    backchannel_logout_uri => 'https://localhost:' . $t->port('tls')
                            . '/oidc_backchannel_logout',
    trust => $t->authority->ca);

$t->start(http => sprintf(<<'EOF', $op->issuer, $op->secret_file, $op->ca),
gatehouse_oidc_provider staff {
    issuer                   %s;
    client_id                gatehouse;
    client_secret            file:%s;
    ssl_trusted_certificate  %s;
    scope                    profile email groups offline_access;
}
EOF
    locations => <<'EOF');
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /admin/ {
        gatehouse_authenticate  oidc=staff;
        gatehouse_authorize     group=admin;
        proxy_pass              http://echo;
    }
EOF

sub person { return Gatehouse::Test::Login->new(ca => [ $op->ca, $t->authority->ca ]) }


# ---- a login ---------------------------------------------------------------------

# Given nobody is logged in
# When Alice opens a page
my $alice = person();
my $page  = $alice->login("$at/orders?page=2", 'alice');

# Then she sees it, and the service behind knows who she is
is($page->status, 200, 'Alice sees the page she asked for');
is($page->url, "$at/orders?page=2", 'and not another one');
is($page->received->header('X-Principal'), 'staff:u-2482',
   'the service knows her');
is($page->received->header('X-Principal-Groups'), 'staff,admin',
   'and her groups');
is($page->received->header('Cookie'), undef,
   'the session is nobody\'s business there');

# And the session is an opaque cookie of this host alone
my $cookie = $alice->cookie('__Host-gh-staff');
is("$cookie->{path} $cookie->{samesite} "
   . join(' ', map { $cookie->{$_} ? $_ : "no $_" } qw(secure httponly domain)),
   '/ Lax secure httponly no domain', 'E16: the cookie has its flags');
is($alice->cookie('__Host-gh-login'), undef,
   'E16: the cookie of the login is gone');
is($alice->ask(GET => "$at/admin/")->status, 200, 'her groups let her in');

# And the other worker knows it as well
my %status = map { $alice->ask(GET => "$at/again")->status => 1 } 1 .. 20;
is(join(' ', keys %status), '200', 'every worker knows the session');


# ---- who is sent to the provider -----------------------------------------------

my $nobody = person();
for (
    [ 'a program', [ Accept => 'application/json' ] ],
    [ 'a fetch', [ Accept => '*/*', 'Sec-Fetch-Mode' => 'cors',
                   'Sec-Fetch-Dest' => 'empty' ] ],
    [ 'an image', [ Accept => 'image/*', 'Sec-Fetch-Mode' => 'no-cors',
                    'Sec-Fetch-Dest' => 'image' ] ],
    [ 'a frame', [ Accept => 'text/html', 'Sec-Fetch-Mode' => 'navigate',
                   'Sec-Fetch-Dest' => 'iframe' ] ],
    [ 'a script of old', [ Accept => 'text/html',
                           'X-Requested-With' => 'XMLHttpRequest' ] ],
) {
    my ($who, $headers) = @$_;
    my $res = $nobody->ask(GET => "$at/x", headers => $headers);
    is($res->status, 401, "E33: $who is refused, not redirected");
    is($res->header('Set-Cookie'), undef, "E33: $who gets no cookie");
}


# ---- logout ----------------------------------------------------------------------

# Given another site's page that leads to our logout
my $there = $alice->ask(GET => "$at/oidc_logout", headers =>
    [ Accept => 'text/html', 'Sec-Fetch-Site' => 'cross-site' ]);
is($there->status, 200, 'E31: another site gets a question');
is($alice->ask(GET => "$at/again")->status, 200, 'E31: and logs nobody out');

# When she confirms
$page = $alice->submit($there);
like($page->url, qr{^\Q$at\E/oidc_logged_out|/session/end},
     'she is led to the provider and back');
my $old = $cookie->{value};
is($alice->cookie('__Host-gh-staff'), undef, 'her cookie is gone');
my $thief = person();
ok($t->wait_for(sub {
    !grep { $thief->ask(GET => "$at/again", headers =>
                [ Cookie => "__Host-gh-staff=$old", Accept => 'text/plain' ])
              ->status != 401 } 1 .. 8;
}, 2, 'the end of the session on every worker'),
   'and a moment later it opens nothing any more, on any worker');


# ---- the provider ends it ----------------------------------------------------------

my @people = map { person() } 1 .. 3;
$_->login("$at/", 'bob') for @people;
is($_->ask(GET => "$at/")->status, 200, 'Bob is logged in') for @people;

my @told = $op->logout(sub => 'u-1001');

my $done = $t->wait_for(sub {
    !grep { $_->ask(GET => "$at/", headers => [ Accept => 'text/plain' ])
              ->status != 401 } @people;
}, 5, "the end of all sessions");
ok($done, 'E30: all of his sessions are over on every worker');

done_testing();
