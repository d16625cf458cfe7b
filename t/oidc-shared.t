# Two providers that share one callback address: each login ends at its own,
# whatever their cookies are called, and none at a server that does not ask
# for it.
use Gatehouse::Test needs => 'provider', timeout => 120;
use Gatehouse::Test::Login;
use Gatehouse::Test::OpenID;

my $t     = Gatehouse::Test->new(workers => 2, tls => 1);
my $port  = $t->port('tls');
my $at    = "https://gw.test:$port";
my $login = "https://login.gw.test:$port/oidc_callback";
my $op    = Gatehouse::Test::OpenID->new(
    redirect_uris => [ "$at/oidc_callback", $login ],
    trust => $t->authority->ca);

my $client = sprintf <<'EOF', $op->issuer, $op->secret_file, $op->ca;
    issuer                   %s;
    client_id                gatehouse;
    client_secret            file:%s;
    ssl_trusted_certificate  %s;
EOF

# Given one whose cookies are this host's, and one for a whole domain
$t->start(http => <<"EOF", locations => <<'EOF');
gatehouse_oidc_provider staff {
$client
}
gatehouse_oidc_provider guests {
$client
    redirect_uri   $login;
    cookie_domain  gw.test;
}
EOF
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /guests/ {
        gatehouse_authenticate  oidc=guests;
        proxy_pass              http://echo;
    }
EOF

sub person {
    return Gatehouse::Test::Login->new(ca => [ $op->ca, $t->authority->ca ]);
}

for my $who ([ '/orders', 'staff' ], [ '/guests/book', 'guests' ]) {
    my ($path, $provider) = @$who;
    my $page = person()->login("$at$path", 'alice');
    is($page->url, "$at$path", "$provider: she arrives where she wanted to");
    is($page->status == 200 && $page->received->header('X-Principal'),
       "$provider:u-2482", "$provider: and is known as theirs");
}

# When a provider refuses a login
my $bob  = person();
my $gone = $bob->visit("$at/orders", stop => qr/^\Q@{[ $op->issuer ]}\E/);
my ($state) = $gone->location =~ /[?&]state=([^&]+)/;
my $page = $bob->ask(GET => "$at/oidc_callback?state=$state&iss="
    . Gatehouse::Test::Page::encode_form(x => $op->issuer) =~ s/^x=//r
    . '&error=access_denied');

# Then he is told that it failed, and we are told why
is($page->status, 403, 'a login that the provider refuses ends');
ok($t->wait_for(sub {
    $t->error_log
        =~ /provider "staff" answers a login with: access_denied/ }, 5, 'a line'),
   'and who is on call reads the provider\'s code');

done_testing();
