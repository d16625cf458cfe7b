# How a login begins and where it ends: in many tabs at once, from any page,
# with the form that it interrupted, for many hosts, beside other methods;
# and never at somebody else's address.
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::SignOn;
use Time::HiRes qw(sleep);

my $so = Gatehouse::Test::SignOn->new(t => {
    policies => {}, tls_names => [ '*.app.test', 'evilapp.test' ] });
my ($t, $op) = ($so->t, $so->op);
my $shared = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256');
my $second = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256');
my $es     = $t->token_key(alg => 'ES256', kid => 'es');
my $key    = $t->consumer('robot');
my $at     = $so->at;
my $port   = $t->port('tls');
$t->prepare('');
$t->file('jwks.json', Gatehouse::Test::Token::jwks($es));
$t->file('passwords', "basil:{PLAIN}herb\n");

my @conf = (server => "    server_name gw.test;\n"
                       . "    client_body_buffer_size 128k;\n",
    http => $so->block('second', $second)
          . $so->block('shared', $shared, <<"EOB") . <<'EOH', locations =>
    redirect_uri   https://login.app.test:$port/oidc_callback;
    cookie_domain  app.test;
EOB
    gatehouse_token_issuer api {
        issuer     https://idp.test;
        audience   https://api.test;
        jwks_file  %%DIR%%/jwks.json;
    }
    server {
        listen 127.0.0.1:%%PORT_tls%% ssl;
        ssl_certificate      %%CERT%%;
        ssl_certificate_key  %%CERT_KEY%%;
        server_name          .app.test evilapp.test app.test.evil;
        location / {
            gatehouse_authenticate  oidc=shared;
            proxy_pass              http://echo;
        }
    }
EOH
    <<'EOL');
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /chat {
        gatehouse_authenticate  oidc=staff;
        proxy_set_header        Upgrade $http_upgrade;
        proxy_set_header        Connection upgrade;
        proxy_pass              http://echo;
    }
    location /second {
        gatehouse_authenticate  oidc=second;
        proxy_pass              http://echo;
    }
    location /mixed {
        gatehouse_authenticate  oidc=staff token=api api_key;
        proxy_pass              http://echo;
    }
    location /maybe {
        gatehouse_authenticate  oidc=staff optional;
        proxy_pass              http://echo;
    }
    location /either {
        satisfy                 any;
        auth_basic              office;
        auth_basic_user_file    %%DIR%%/passwords;
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location ~ evil[.]example {
        gatehouse_authenticate  oidc=staff;
        gatehouse_target        allow=double-slash,backslash,encoded-slash;
        proxy_pass              http://echo;
    }
    location /admin {
        gatehouse_authenticate  oidc=staff;
        gatehouse_authorize     group=nobody;
        proxy_pass              http://echo;
    }
EOL
$so->start(@conf);

my $NAME = '__Host-gh-staff';
my @HTML = (Accept => 'text/html', 'Sec-Fetch-Mode' => 'navigate',
            'Sec-Fetch-Dest' => 'document');

sub begin { my ($who, $url) = @_;
            return $who->visit($url, stop => qr{/oidc_callback})->location }


# ---- tabs (2.4, E3, E14) --------------------------------------------------------------

# Twenty tabs of one browser, all begun before the first ends
my $alice = $so->person;
my @tabs  = map { begin($alice, "$at/tab/$_?n=$_") } 1 .. 20;
is(scalar(grep { $_->{name} =~ /gh-login/ } $alice->cookies), 1,
   'E14: one cookie for all logins under way');
my @ended = map { $alice->visit($_)->url } reverse @tabs;
is(join(' ', @ended), join(' ', map { "$at/tab/$_?n=$_" } reverse 1 .. 20),
   '2.4 two tabs: twenty of them, each at its own page');
is($alice->cookie('__Host-gh-login'), undef, 'and then no such cookie');

# Two that began before either had a cookie: the second takes the first's
my ($one, $two) = map { my $who = $so->person; [ $who, begin($who,
                        "$at/at-once/$_") ] } 1, 2;
$one->[0]->jar->plant(%{ $two->[0]->cookie('__Host-gh-login') });
my $page = $one->[0]->visit($one->[1]);
is($page->status . ' ' . $page->url, "200 $at/at-once/1",
   '2.4 two tabs: whose cookie was overwritten begins once more');

# Whoever asks and never logs in
my $crowd = $so->person;
my $size  = sub { my $n = 0; $n += (-s $_) || 0
                      for glob $t->dir . '/state/*'; $n };
my $before = $size->();
for (1 .. 500) {
    my $got = $crowd->ask(GET => "$at/wanted/$_");
    $got->status == 302 or fail('E14: a redirect'), last;
}
is(scalar(grep { $_->{name} =~ /gh-/ } $crowd->cookies), 1,
   'E14: 500 requests leave one cookie');
cmp_ok(length($crowd->jar->header({ host => 'gw.test', path => '/',
       scheme => 'https' })), '<', 4096, 'E14: of less than 4 kB');
is($size->(), $before, 'E14: and nothing in the store');
is(($so->login('/', $crowd))[0]->status, 200, 'E14: who can still log in');


# ---- where it leads (E17, E20, 2.1 3rd-party-init-login) ---------------------------------

my @evil = ('//evil', '///evil', '/\\evil', "/\t/evil", '/%09/evil',
    '/%5cevil', 'https:evil', 'https:/evil', 'https://evil/',
    'http://gw.test@evil', 'https://gw.test.evil', 'https://evilgw.test',
    "https://gw.test:$port.evil/", "https://gw.test:$port\@evil/",
    'javascript:alert(1)', 'data:text/html,x', "/a\r\nX: 1", "/a\nb",
    '/%0d%0aX:%201', "/\x{3002}evil", '\\\\evil', '\\/evil', '/\\/evil',
    '/./\\evil', '/.//evil', '/x/..//evil', '/%2f%2fevil', "\x00//evil",
    ' //evil', "\x0b//evil", '/ /evil', 'evil', '?//evil', '#//evil',
    '/' . 'x' x 3000, "/\xe2\x80\xa8/evil", 'ftp://evil', 'HTTPS://EVIL',
    "https://gw.test:$port", "https://gw.test:$port\\evil",
    "https://gw.test:${port}0/evil", "$at//evil", "$at/\\evil");

# and three hundred more, from what begins them and where they lead
my @begin = ('//', '///', '/\\', '\\\\', "/\t/", '/%09/', '/%0a/', '/%5c',
             'https:', 'https:/', 'https://', 'HTTPS:\\\\', '//\\', '/.//',
             '/..//', '/%2e//', "\x01//", 'https://gw.test@',
             "https://gw.test:$port@", "https://gw.test:$port.");
my @lead  = ('evil.example', 'evil.example:443/', '[::1]/', '0x7f.1',
             '2130706433', "evil\x{3002}example", 'evil%E3%80%82example',
             'xn--evil-5na', 'gw.test@evil', 'evil#gw.test', 'evil?gw.test',
             'evil/gw.test', 'evil%00.gw.test', 'evil%2egw.test', "evil\r\nX:1");
my @made = map { my $from = $_; map { "$from$_" } @lead } @begin;
cmp_ok(scalar @made, '>=', 300, 'E17: three hundred addresses of our making');

my $tried = $so->person;
my $astray = 0;
for my $to (@made) {
    my $text = $to;
    utf8::encode($text) if utf8::is_utf8($text);
    my $back = begin($tried, "$at/oidc_login?target_link_uri="
                     . Gatehouse::Test::Page::encode($text));
    my $got = $tried->ask(GET => $back);
    next if ($got->header('Location') // '')
            =~ m{\A/(?![/\\])[!-\[\]-~]*\z} && !defined $got->header('X');
    diag('E17: ', $text =~ s/[^ -~]/./gr, ' leads to ',
         $got->header('Location') // 'nowhere');
    $astray++;
}
is($astray, 0, 'E17: all of them lead to a page of this origin');

for my $to (@evil) {
    my $who  = $so->person;
    my $text = ref $to ? '' : $to;
    utf8::encode($text) if utf8::is_utf8($text);
    my $back = begin($who, "$at/oidc_login?target_link_uri="
                     . Gatehouse::Test::Page::encode($text));
    my $got  = $who->ask(GET => $back);
    my $where = $got->header('Location') // 'none';
    like($where, qr{\A/(?![/\\])[!-\[\]-~]*\z},
         'E17: login?target_link_uri=' . substr $text =~ s/[^ -~]/./gr, 0, 40);
    is($got->header('X'), undef, 'E17: no header grows out of it')
        if $text =~ /X:/;
}
# and no page that a location allows to be called so
for my $path ('//evil.example/', '/\\evil.example/', '/%2Fevil.example/',
              '/%5Cevil.example/', '///evil.example/')
{
    my $who = $so->person;
    is($who->ask(GET => begin($who, "$at$path"))->header('Location'), '/',
       "E17: a login that begins at $path");
}

is(begin_and_end("$at/oidc_login?target_link_uri=/page%3Fa%3D1"),
   "$at/page?a=1", '2.1 3rd-party-init-login: a page of ours');
is(begin_and_end("$at/oidc_login?target_link_uri="
                 . Gatehouse::Test::Page::encode("$at/whole")), "$at/whole",
   '2.1 3rd-party-init-login: with our origin');
is(begin_and_end("$at/oidc_login?iss="
                 . Gatehouse::Test::Page::encode($op->issuer)), "$at/",
   '2.1 3rd-party-init-login: by the issuer\'s name');
is($so->person->ask(GET => "$at/oidc_login?iss=https%3A%2F%2Fevil")->status,
   403, '2.1 3rd-party-init-login: another issuer is an error');

sub begin_and_end { return ($so->person->visit($_[0]))->url }

# What was asked for is what is come back to, or the front page
for my $target ('//evil/x', '/\\evil', '/.//evil', '/x//y', '/a%0d%0aX:%201',
                '/%5c/evil', '/%2f%2fevil')
{
    my $who = $so->person;
    my $first = $who->ask(GET => "$at$target");
    next if $first->status == 400;
    my $back = $who->visit($first->location, stop => qr{/oidc_callback})
                   ->location;
    like($who->ask(GET => $back)->header('Location'),
         qr{\A/(?![/\\])}, "E17: a login from $target stays here");
}

# E20: what is protected is not shown beside the way to the login
for my $path ('/_size/50000', '/canary', '/admin/canary', '/second') {
    $t->journal_clear;
    my $got = $so->person->ask(GET => "$at$path");
    is($got->status . ' ' . length $got->body, '302 0',
       "E20: $path: a redirect without a body");
    is(scalar $t->journal, 0, "E20: $path: the service saw nothing");
}
my $denied = $so->ask($alice, '/admin/canary');
is($denied, 403, 'E35: who lacks the group is refused');


# ---- a form over an expired session (E21) ----------------------------------------------------

# Given Bob's session, which ends while he fills in a form
sub expired_form {
    my (%arg) = @_;
    my $who = $so->login('/');
    $op->send_logout("$at/oidc_backchannel_logout", sid => undef);
    wait_for(sub { !grep { $so->ask($who, '/') != 401 } 1 .. 8 }, 5,
             'the end of a session');
    sleep 0.2;    # how far they are is told ten times a second
    wait_for(sub {
        my %at = map { $_->{sequence} => 1 } @{ $t->status->{workers} };
        keys %at == 1;
    }, 5, 'every worker to know of it');
    $t->journal_clear;
    return ($who, $who->visit("$at/save?x=1", method => 'POST', headers => [
        $arg{origin} ? (Accept => 'text/html', Origin => $arg{origin})
                     : (@HTML, 'Sec-Fetch-Site' => $arg{site} // 'same-origin'),
        $arg{chunked} ? ('Transfer-Encoding' => 'chunked') : (),
        'Content-Type' => $arg{type} // 'application/x-www-form-urlencoded' ],
        body => $arg{body}, $arg{stop} ? (stop => $arg{stop}) : ()));
}

my $nasty = q('"><script>alert(1)</script>&amp;);
my @fields = (name => $nasty, note => "two\r\nlines \x{20ac}", name => 'again',
              '<b>' => '', empty => '');
my ($bob, $resume) = expired_form(
    body => Gatehouse::Test::Page::encode_form(@fields));
is($resume->status, 200, 'E21: after the login there is the form');
unlike($resume->body, qr/<script|<b>/, 'E21: escaped');
like($resume->header('Content-Security-Policy'), qr/default-src 'none'/,
     'E21: on a page that runs nothing');
is($t->journal ? 'sent' : 'not sent', 'not sent', 'E21: nothing is sent yet');
$page = $bob->submit($resume);
my $seen = $page->received;
is(join(' ', $seen->method, $seen->target), 'POST /save?x=1',
   'E21: he sends it');
my %sent = Gatehouse::Test::Page::decode_form($seen->body);
is($sent{note}, do { my $x = "two\r\nlines \x{20ac}"; utf8::encode($x); $x },
   'E21: with what he had filled in');
like($seen->body, qr/\Q@{[ Gatehouse::Test::Page::encode($nasty) ]}\E/,
     'E21: to the letter');

for ([ 'from another site', site => 'cross-site', body => 'a=1' ],
     [ 'from a sibling', site => 'same-site', body => 'a=1' ],
     [ 'of another origin, says an old browser', body => 'a=1',
       origin => 'https://evil.example' ],
     [ 'of nowhere, says an old browser', body => 'a=1', origin => 'null' ],
     [ 'that is too long', body => 'a=' . 'x' x 20_000 ],
     [ 'that is too long and does not say so', chunked => 1, body =>
       sprintf "%x\r\na=%s\r\n0\r\n\r\n", 20_002, 'x' x 20_000 ],
     [ 'with a file in it', type => 'multipart/form-data; boundary=x',
       body => "--x\r\n\r\n\r\n--x--\r\n" ],
     [ 'that is empty', body => '' ])
{
    my ($what, @arg) = @$_;
    my (undef, $got) = expired_form(@arg);
    unlike($got->body, qr/<form[^>]*method="?post/i,
           "E21: a form $what is not kept");
}
for ([ 'of this origin, says an old browser', origin => $at, body => 'a=1' ],
     [ 'in chunks', chunked => 1, body => "3\r\na=1\r\n0\r\n\r\n" ])
{
    my ($what, @arg) = @$_;
    my (undef, $got) = expired_form(@arg);
    like($got->body, qr/<form[^>]*method="?post/i, "E21: a form $what is kept");
}
my ($made_up, $his) = ($so->person, $bob->cookie('__Host-gh-staff'));
$made_up->jar->plant(%$his, value => scalar reverse $his->{value});
for ([ 'no session', $so->person ], [ 'a cookie that is made up', $made_up ]) {
    my ($what, $who) = @$_;
    my $got = $who->visit("$at/save", method => 'POST', body => 'a=1',
        headers => [ @HTML, 'Sec-Fetch-Site' => 'same-origin',
                     'Content-Type' => 'application/x-www-form-urlencoded' ]);
    unlike($got->body, qr/<form[^>]*method="?post/i,
           "E21: nor one of a browser that had $what");
}

# nor does it follow a login that somebody else takes up: Jack begins anew
my $callback = qr{/oidc_callback\?};
my (undef, $held) = expired_form(body => 'secret=of+bob', stop => $callback);
my $jack = $so->person;
$jack->visit("$at/", stop => $callback);
my $his_own = $jack->visit($held->location);
is($his_own->status . ($jack->cookie($his->{name}) ? ' in' : ''), '200 in',
   'E2: who begins anew because of a login of another is let in');
unlike($his_own->body, qr/of.bob/, 'E21: and is not handed the form of that');


# ---- pages (E32), websockets -------------------------------------------------------------------

my $first = $so->person->ask(GET => "$at/");
is($first->header('Cache-Control'), 'no-store', 'a redirect is not kept');
for my $got ($so->person->ask(GET => "$at/oidc_callback"),
             $so->person->ask(GET => "$at/oidc_logged_out"), $resume)
{
    is($got->header('X-Frame-Options'), 'DENY', 'E32: X-Frame-Options');
    is($got->header('X-Content-Type-Options'), 'nosniff',
       'E32: a page is nothing but a page');
    is($got->header('Cross-Origin-Opener-Policy'), 'same-origin',
       'E32: who opened it has no hold of it');
    like($got->header('Content-Security-Policy'), qr/frame-ancestors 'none'/,
         'E32: frame-ancestors');
}

is($t->get('/', host => 'gw.test', headers => [ @HTML,
    'X-Forwarded-Proto' => 'https' ])->status, 401,
   'no login begins without TLS, whatever somebody says who is not trusted');
is($so->person->ask(GET => "$at/", headers => [ Accept => 'text/html',
    Upgrade => 'websocket', Connection => 'upgrade' ])->status, 401,
   'E33: a websocket is not led to a login');

my $carol = $so->login('/');
my $her   = "$NAME=" . $carol->cookie($NAME)->{value};
for ([ $at, 101 ], [ 'https://evil.example', 403 ], [ 'null', 403 ],
     [ "https://gw.test:${port}0", 403 ], [ 'http://gw.test', 403 ],
     [ '', 403 ])
{
    my ($origin, $status) = @$_;
    my (undef, $res) = $t->websocket('/chat', host => "gw.test:$port",
        tls => 1, headers => [ Cookie => $her, Origin => $origin ]);
    is($res->status, $status, "a websocket from \"$origin\"");
}


# ---- beside other methods ------------------------------------------------------------------------

my $token = $es->sign({ iss => 'https://idp.test', aud => 'https://api.test',
                        sub => 'robot', exp => time + 600 });
my @host = (host => 'gw.test');
is($t->get('/mixed', @host, token => $token)->status, 200,
   'a token beside oidc');
is($t->get('/mixed', @host, key => $key)->status, 200, 'a key beside oidc');
is($so->ask($carol, '/mixed'), 200, 'a session beside both');
is($t->get('/mixed', @host, token => "${token}x", headers => [
    Cookie => $her ])->status, 200,
   'of different kinds the first on the line decides: the session');
is($t->get('/mixed', @host, token => "${token}x")->status, 401,
   'a wrong token is refused');
is($so->person->ask(GET => "$at/mixed")->status, 302,
   'a person without any of them logs in');
is($t->get('/mixed', @host)->status, 401, 'a program does not');

is($so->person->ask(GET => "$at/maybe")->status, 200,
   'optional: nobody is let in and sent nowhere');
my $maybe = $carol->ask(GET => "$at/maybe");
is($maybe->received->header('X-Principal'), 'staff:u-2482',
   'optional: somebody is known');

my $either = $so->person->ask(GET => "$at/either");
is($either->status, 302, 'satisfy any: a person is sent to log in');
my $basil = 'Basic ' . MIME::Base64::encode_base64('basil:herb', '');
is($so->person->ask(GET => "$at/either", headers => [
    @HTML, Authorization => $basil ])->status, 200,
   'satisfy any: a password does as well');
is($so->ask($carol, '/either'), 200, 'satisfy any: or a session');
is($t->get('/either', @host)->status, 401, 'satisfy any: or neither');

my $dora = $so->login('/second');
is($so->ask($dora, '/second'), 200, 'two providers in one server');
is($so->ask($dora, '/'), 401, 'each has its own people');
$so->login('/', $dora);
is(join(' ', map { $so->ask($dora, $_) } '/', '/second'), '200 200',
   'one may be both at once');


# ---- one login for many hosts (E19) -----------------------------------------------------------------

my ($blue, $green) = map { $so->at("$_.app.test") } qw(blue green);
my $erin = $so->person;
$page = $erin->login("$blue/page?1", 'erin');
is($page->status . ' ' . $page->url, "200 $blue/page?1",
   'one callback host leads back to the host of the login');
my ($asked) = $shared->journal('authorize');
is($asked->{params}{redirect_uri},
   "https://login.app.test:$port/oidc_callback", 'one registered address');
my $cookie = $erin->cookie('__Secure-gh-shared');
is("$cookie->{host} " . ($cookie->{host_only} ? 'alone' : 'and below'),
   'app.test and below', 'its cookie is the domain\'s');
is($erin->ask(GET => "$green/", headers => [ Accept => 'text/plain' ])
        ->status, 200, 'the other hosts know her');

# A callback of a provider that a server does not serve is none there
my $fay = $so->person;
my $stray = begin($fay, "$blue/page") =~ s{^https://[^/]+}{$at}r;
my ($binding) = grep { $_->{name} eq '__Secure-gh-login' } $fay->cookies;
$shared->forget;
my $got_there = $t->request('GET', $stray =~ s/^\Q$at\E//r, tls => 1,
    host => "gw.test:$port", tls_options => { SSL_hostname => 'gw.test' },
    headers => [ @HTML, Cookie => "__Secure-gh-login=$binding->{value}" ]);
is($got_there->status . ' ' . $shared->asked('token'), '403 0',
   'E6: a callback at a server that does not ask for its provider');
is($got_there->header('Set-Cookie'), undef, 'E6: sets nothing there');

for my $host (qw(evilapp.test app.test.evil)) {
    my $res = $t->request('GET', '/', tls => 1, host => "$host:$port",
        tls_options => { SSL_hostname => $host }, headers => [ @HTML, Cookie =>
                     "__Secure-gh-shared=$cookie->{value}" ]);
    is($res->status, 401, "E19: no login begins at $host");
    is($res->header('Location'), undef, "E19: nor leads there");
}

$so->is_same;
$t->plant_secret(grep { length() < 4096 && !/^eyJ/ } $op->secrets,
                 $shared->secrets, $second->secrets);
done_testing;
