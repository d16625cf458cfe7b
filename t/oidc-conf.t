# Each message about a provider names the member that is wrong, the place, and
# the way out; none repeats a secret. What stands in a block beside that is
# accepted in silence.
use Gatehouse::Test;
use Gatehouse::Test::Token;

my $t = Gatehouse::Test->new(tls => 1)->prepare('');

$t->file('secret', "hunter2hunter2\n");
$t->file('open',   'x' x 40);
$t->file('empty',  "\n");
$t->file('long',   'x' x 20_000);
$t->file('locked', Gatehouse::Test::Tls::run('pkey', '-in', $t->file('p256',
    pem('P-256')), '-aes128', '-passout', 'pass:x'));
for ([ 'p384', 'P-384' ]) {
    $t->file($_->[0], pem($_->[1]));
}
$t->file('rsa',   Gatehouse::Test::Tls::run('genrsa', '2048'));
$t->file('x25519', Gatehouse::Test::Tls::run('genpkey', '-algorithm', 'x25519'));
$t->file('ed',    Gatehouse::Test::Tls::run('genpkey', '-algorithm', 'ed25519'));
chmod 0600, map { $t->dir . "/$_" }
    qw(secret empty long locked p256 p384 rsa x25519 ed);
chmod 0644, $t->dir . '/open';
$t->plant_secret('hunter2hunter2');

sub pem {
    my ($curve) = @_;
    return Gatehouse::Test::Tls::run('genpkey', '-algorithm', 'EC',
                                     '-pkeyopt', "ec_paramgen_curve:$curve");
}


# [ members, message ]; what a provider needs at least stands before them
my $who  = 'issuer https://i.example; client_id gw;';
my $here = "$who client_secret file:%%DIR%%/secret;";

for my $case (
    [ '', 'needs "issuer https://...;", the provider\'s address' ],
    [ 'client_id a;', 'needs "issuer https://...;"' ],
    [ 'issuer https://i.example;',
      'needs "client_id NAME;", as registered at the provider' ],
    [ $who, 'needs "client_secret file:...;" or "private_key file:...;", or '
            . 'client_authentication none' ],
    [ "$who client_authentication client_secret_basic;",
      'needs "client_secret file:...;" or' ],
    [ "$here client_authentication private_key_jwt;",
      'needs "client_secret file:...;" or "private_key file:...;"' ],
    [ "$here client_authentication basic;",
      'unknown client_authentication "basic"; ways are: '
      . 'client_secret_basic, client_secret_post, private_key_jwt, none' ],

    [ "$here colour blue;",
      'unknown member "colour" of gatehouse_oidc_provider; members are: '
      . 'issuer, client_id, client_secret' ],
    [ "$here jwks_file x;", 'unknown member "jwks_file" of' ],
    [ "$here secret file:x;", 'unknown member "secret" of' ],
    (map { [ "$here $_;", "\"$_\" needs a value" ] }
         qw(scope issuer audience argument colour)),
    (map { [ "$here $_ /a; $_ /b;",
             "\"$_\" is given once, with one value" ],
           [ "$here $_ /a /b;", "\"$_\" is given once, with one value" ] }
         qw(redirect_uri logout_uri cookie_name private_key_id)),
    [ "$here client_id other;", '"client_id" is given once' ],
    [ "$here issuer a b;", '"issuer" takes one value' ],

    [ "$who client_secret hunter2hunter2;",
      'a secret is given as a file: write "client_secret '
      . 'file:/path/to/it;"' ],
    [ "$who private_key hunter2hunter2;",
      'a secret is given as a file: write "private_key file:/path' ],
    [ "$who client_secret file:/nonexistent;",
      'client_secret "/nonexistent" cannot be opened (2: No such file' ],
    [ "$who client_secret file:%%DIR%%/empty;",
      'empty" is empty, too long or ends with a NUL: a secret stands there' ],
    [ "$who client_secret file:%%DIR%%/long;", 'is empty, too long or ends' ],
    [ "$who private_key file:%%DIR%%/secret;",
      'private_key holds no private key in PEM that can be read without a '
      . 'pass phrase' ],
    [ "$who private_key file:%%DIR%%/locked;", 'without a pass phrase' ],
    [ "$who private_key file:%%DIR%%/x25519;",
      'private_key is neither RSA, EC P-256 nor Ed25519' ],
    [ "$who private_key file:%%DIR%%/p384;",
      'private_key cannot sign with ES256; RSA (2048 bits or more) signs' ],
    [ "$who private_key file:%%DIR%%/rsa ES256;",
      'private_key cannot sign with ES256' ],
    [ "$who private_key file:%%DIR%%/ed HS256;",
      'private_key cannot sign with HS256' ],
    [ "$who private_key file:%%DIR%%/rsa RS257;",
      'unknown algorithm "RS257" of private_key' ],

    (map { my $name = $_;
           map { [ "$here $name $_;", "$name \"$_\" is not a time of at "
                                      . 'least 1s' ] } qw(0 soon -1s) }
         qw(session_timeout session_lifetime max_age)),
    [ "$here skew 2m;", 'skew "2m" is not a time of at most 60s' ],
    [ "$here jwks_refresh 1ms;",
      'jwks_refresh "1ms" is not a time of at least 1s' ],
    (map { [ "$here $_ yes;", "$_ is \"on\" or \"off\"" ] }
         qw(userinfo unverified_email)),
    [ "$here argument prompt;", 'argument "prompt" is not NAME=VALUE' ],
    [ "$here argument =x;", 'argument "=x" is not NAME=VALUE' ],
    [ "$here algorithms RS257;", 'unknown algorithm "RS257"; algorithms are' ],
    [ "$here algorithms HS256;", 'names an HS algorithm but has no secret' ],
    [ "$here jwks_uri http://i.example/;",
      'has jwks_uri "http://i.example/", which cannot be called: it must be '
      . 'https' ],
    [ "$here ssl_trusted_certificate /nonexistent;",
      'has ssl_trusted_certificate "/nonexistent", in which no certificate' ],

    (map { [ "$here $_;", 'has a redirect_uri that is neither a path nor an '
             . 'https address without a query' ] }
         'redirect_uri http://gw.example/cb',
         'redirect_uri "https://gw.example/cb?a=b"',
         'redirect_uri gw.example/cb'),
    [ "$here redirect_uri https://gw.example;",
      'has a redirect_uri without a plain path such as /oidc_callback' ],
    [ "$here redirect_uri //gw.example/cb;",
      'has a redirect_uri without a plain path' ],
    (map { [ "$here $_ https://gw.example/x;",
             '"https://gw.example/x" is not a path: it begins with \'/\' and '
             . 'has no query; the host is the request\'s own' ] }
         qw(login_uri logout_uri post_logout_uri backchannel_logout_uri
            frontchannel_logout_uri)),
    [ "$here logout_uri /out?now;", '"/out?now" is not a path' ],

    [ "$here cookie_name a=b;",
      'has a cookie_name that is not of letters, digits' ],
    [ "$here cookie_name " . 'x' x 65 . ';',
      'has a cookie_name that is not of letters' ],
    [ "$here cookie_domain example.com;",
      'with cookie_domain needs a domain with a dot, and one callback host: '
      . '"redirect_uri https://HOST/oidc_callback;"' ],
    [ "$here cookie_domain com; redirect_uri https://gw.com/cb;",
      'with cookie_domain needs a domain with a dot' ],
    [ "$here cookie_domain example.com; redirect_uri https://gw.other.com/cb;",
      'has a redirect_uri outside of its cookie_domain' ],
    [ "$here cookie_domain ample.com; redirect_uri https://gw.example.com/cb;",
      'has a redirect_uri outside of its cookie_domain' ],
    (map { [ "$here cookie_name $_;", "provider \"staff\" would call its "
             . "cookie \"$_\", which Gatehouse uses for something else; add "
             . '"cookie_name __Host-staff-people;"' ] }
         qw(__Host-gh-login __Secure-gh-login __Host-gh-sticky)),
    (map { [ "$here logout_uri $_;", 'provider "staff" has two meanings for '
             . "the path \"$_\"; give each of its addresses one of its own" ] }
         qw(/oidc_callback /oidc_login /oidc_logged_out)),
    [ "$here redirect_uri https://gw.example/x; backchannel_logout_uri /x;",
      'has two meanings for the path "/x"' ],
    [ "$here cookie_domain example.com; cookie_name __Host-a; "
      . 'redirect_uri https://gw.example.com/cb;',
      'has a cookie_name that begins with __Host-' ],
) {
    my ($members, $message) = @$case;
    my $got = $t->conf_error(
        http => "gatehouse_oidc_provider staff { $members }");
    like($got, qr/^\[emerg\] .*\Q$message\E.* in http\.conf:1$/m,
         short($members));
    unlike($got, qr/hunter2/, 'without the secret') if $members =~ /hunter2/;
}


# Around the block
for my $case (
    [ 'gatehouse_oidc_provider staff;',
      '"gatehouse_oidc_provider" has no opening "{"' ],
    [ 'gatehouse_oidc_provider { }', 'invalid number of arguments' ],
    (map { [ "gatehouse_oidc_provider $_ { $here }",
             'takes a name of letters, digits, \'-\' and \'_\', at most 32' ] }
         'a:b', '"a b"', 'x' x 33),
    [ "gatehouse_oidc_provider a { $here }\ngatehouse_oidc_provider a { }",
      'is declared twice: a provider or token issuer of that name' ],
    [ "gatehouse_oidc_provider a { $here cookie_name x; }\n"
      . "gatehouse_oidc_provider b { $here cookie_name x; }",
      'providers "a" and "b" both have the cookie_name "x"; leave it out, '
      . 'and each has its own' ],
    [ "gatehouse_oidc_provider a { $here cookie_name __Host-gh-b; }\n"
      . "gatehouse_oidc_provider b { $here }",
      'providers "a" and "b" both have the cookie_name "__Host-gh-b"' ],
    [ "gatehouse_oidc_provider login { $here }",
      'provider "login" would call its cookie "__Host-gh-login"' ],
    [ "gatehouse_token_issuer a { issuer https://i; audience b; }\n"
      . 'gatehouse_oidc_provider a { }', 'is declared twice' ],
    [ "gatehouse_oidc_provider a { $here }\ngatehouse_token_issuer a { }",
      'is declared twice: a provider of that name stands above' ],
    [ "gatehouse_oidc_provider a { $here audience b; }\n"
      . 'gatehouse_token_issuer a { }', 'is declared ' ],
) {
    my ($text, $message) = @$case;
    like($t->conf_error(http => $text),
         qr/^\[emerg\] .*\Q$message\E.* in http\.conf:\d$/m, short($text));
}
is(($t->conf_test(http => "gatehouse_oidc_provider a { $who client_secret "
                          . 'file:%%DIR%%/open; }'))[0],
   '[warn] the secret "open" can be read by everybody on this machine; '
   . 'chmod o-r it in http.conf:1',
   'a secret for all eyes is said');


# Locations that ask for it
my $staff = "gatehouse_oidc_provider staff { $here }";
like($t->conf_error(http => $staff, locations => 'location / { '
                    . 'gatehouse_authenticate oidc=stuff; }'),
     qr/^\[emerg\] unknown provider "stuff"; declare .* in locations\.conf:1$/m,
     'an unknown provider is named, and the way out');
like($t->conf_error(http => '', locations => 'location / { '
                    . 'gatehouse_authenticate oidc=staff; }'),
     qr/gatehouse_oidc_provider staff \{/,
     'without any the way out is said');
is(($t->conf_test(http => $staff, locations => 'location / { '
                  . 'gatehouse_authenticate oidc=staff; }'))[0], '',
   'a server with TLS is fine');


# Browsers keep a session only from https
my $plain = Gatehouse::Test->new->prepare('');
$plain->file('secret', 'hunter2hunter2');
chmod 0600, $plain->dir . '/secret';
my $asks = 'gatehouse_authenticate oidc=staff;';
like(($plain->conf_test(http => $staff, locations => "location / { $asks }"))[0],
     qr/^\[warn\] location "\/".* locations\.conf:1 asks for a login, but /,
     'a login without TLS is warned of');
for my $case (
    [ 'a proxy that ends TLS', server =>
      'gatehouse_trusted_proxies 10.0.0.1;' ],
    [ 'another port with TLS', server =>
      'listen 127.0.0.1:%%PORT_other%% ssl; ssl_certificate %%DIR%%/c; '
      . 'ssl_certificate_key %%DIR%%/k;' ],
) {
    my ($what, @text) = @$case;
    my ($cert, $key) = $t->{tls_pair}->@*;
    $plain->file('c', Gatehouse::Test::Logs::slurp($cert));
    $plain->file('k', Gatehouse::Test::Logs::slurp($key));
    is(($plain->conf_test(http => $staff, @text,
                          locations => "location / { $asks }"))[0], '',
       "accepted in silence: $what");
}

done_testing;


sub short {
    my ($text) = @_;
    $text =~ s/\Q$who\E//;
    $text =~ s/client_secret file:%%DIR%%\/secret; ?//;
    $text =~ s/\s+/ /g;
    return $text eq '' ? 'an empty block' : substr $text, 0, 60;
}
