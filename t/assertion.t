# The signed assertion of a principal: what the service behind can verify
# without trusting whoever reaches it.
use Gatehouse::Test timeout => 300;

use JSON::PP ();
use MIME::Base64 ();

my $t = Gatehouse::Test->new(workers => 1);
my $acme = $t->consumer('acme', groups => [ 'partner', 'gold' ],
                        scopes => ['orders:read'], name => "Acme \x{fc}");
my $beta = $t->consumer('beta');

sub key_file {
    my ($name, @how) = @_;
    my $file = $t->file("$name.pem", '');
    Gatehouse::Test::run('openssl', 'genpkey', '-algorithm', @how, '-out', $file);
    chmod 0640, $file;
    return $file;
}

my $ed = key_file('ed', 'ed25519');
my $ec = key_file('ec', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
my $next = key_file('next', 'ed25519');
my $p384 = key_file('p384', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384');
my $rsa = key_file('rsa', 'RSA');

# Given two locations that assert, and a service that believes only that: a
# location that takes assertions for bearer tokens, by the gateway's own page
my $own = 'http://127.0.0.1:' . $t->port . '/keys';
$t->start(http => <<"EOH", locations => <<"EOL");
    gatehouse_token_issuer gateway {
        issuer    https://gw.test;
        audience  orders;
        jwks_uri  $own;
    }
EOH
    location / {
        gatehouse_authenticate  optional api_key token=gateway;
        gatehouse_assertion     key=file:$ed next=file:$next
                                issuer=https://gw.test audience=orders;
        proxy_pass              http://echo;
    }
    location /ec {
        gatehouse_authenticate  api_key;
        gatehouse_assertion     key=file:$ec issuer=https://gw.test
                                audience=orders lifetime=5s;
        proxy_pass              http://echo;
    }
    location /ec/off {
        gatehouse_authenticate  api_key;
        gatehouse_assertion     off;
        proxy_pass              http://echo;
    }
    location /own {
        gatehouse_authenticate  api_key;
        gatehouse_assertion     key=file:$ec issuer=https://gw.test
                                audience=orders;
        proxy_set_header        X-Principal-Assertion "none";
        proxy_pass              http://echo;
    }
    location /behind {
        gatehouse_authenticate  token=gateway;
        proxy_pass              http://echo;
    }
    location /keys { gatehouse_assertion_jwks; }
EOL

sub asserted {
    my ($path, @with) = @_;
    return $t->get($path, @with)->received->header('X-Principal-Assertion');
}

sub said {
    my ($text) = @_;
    return map { JSON::PP::decode_json(MIME::Base64::decode_base64url($_)) }
           (split /\./, $text)[0, 1];
}


# ---- what it says ------------------------------------------------------------------

my $text = asserted('/', key => $acme);
my ($header, $claims) = said($text);
is($header->{alg}, 'EdDSA', 'an Ed25519 key signs EdDSA');
is("$claims->{iss} $claims->{aud} $claims->{sub} $claims->{method}",
   'https://gw.test orders consumer:acme api_key', 'by whom, for whom, who');
is($claims->{exp} - $claims->{iat}, 60, 'for a minute');
is(join('|', @{ $claims->{groups} }), 'partner|gold', 'and their groups');
is($claims->{name}, "Acme \x{fc}", 'and the name');
is((said(asserted('/ec', key => $acme)))[0]{alg}, 'ES256',
   'a P-256 key signs ES256');
my (undef, $short) = said(asserted('/ec', key => $acme));
is($short->{exp} - $short->{iat}, 5, 'for as long as the location says');
is(asserted('/ec/off', key => $acme), undef, 'off: none');
is(asserted('/'), undef, 'nobody: none');

# And nobody can bring one along
is(asserted('/', headers => [ 'X-Principal-Assertion' => $text ]), undef,
   'one from outside does not pass');
is(asserted('/ec/off', key => $acme,
            headers => [ x_principal_assertion => 'x.y.z' ]), undef,
   'in no spelling');

# But the operator's own proxy_set_header takes the place of ours
is(join('|', $t->get('/own', key => $acme)->received
               ->headers('X-Principal-Assertion')), 'none',
   'a proxy_set_header of that name is what the service gets, once');

# And it is signed for each principal
my %sub = map { $_->[0] => (said(asserted('/', key => $_->[1])))[1]{sub} }
          map { [ acme => $acme ], [ beta => $beta ] } 1 .. 20;
is("$sub{acme} $sub{beta}", 'consumer:acme consumer:beta',
   'nobody gets another\'s, however fast they come');

# And not more than once a second
my %jti;
my @twenty = map { (said(asserted('/', key => $acme)))[1] } 1 .. 20;
$jti{ $_->{jti} }{ $_->{iat} } = 1 for @twenty;
my %second = map { $_->{iat} => 1 } @twenty;
is(scalar keys %jti, scalar keys %second, 'a signature serves for a second');


# ---- how it is verified ----------------------------------------------------------------

my $page = $t->get('/keys');
is($page->header('Content-Type'), 'application/jwk-set+json', 'keys are a page');
my @keys = @{ $page->json->{keys} };
is(scalar @keys, 3, 'of both locations, the next one before it is used');
is(scalar(grep { exists $_->{d} } @keys), 0, 'and nothing private');
is($t->request('POST', '/keys', body => 'x')->status, 405,
   'nobody posts there');

for my $path ('/', '/ec') {
    my $res = $t->get('/behind', token => asserted($path, key => $acme));
    is($res->status, 200, "a service verifies what $path asserted");
    is($res->received->header('X-Principal'), 'gateway:consumer:acme',
       'and knows who it is');
}
my $forged = asserted('/', key => $beta);
my ($h, undef, $sig) = split /\./, $forged;
is($t->get('/behind', token => join('.', $h, (split /\./, $text)[1], $sig))
     ->status, 401, 'and nothing that was put together');

# A credential taken at the door is not one behind it
is($t->get('/', token => $text)->received->header('X-Principal'),
   'gateway:consumer:acme', 'an assertion names the gateway as its issuer');


# ---- nginx -t -----------------------------------------------------------------------------

my $fine = "key=file:$ed issuer=https://gw.test audience=orders";
for (
    [ "$fine lifetime=61s", qr/takes a lifetime from 1s to 60s/ ],
    [ "$fine lifetime=0", qr/takes a lifetime from 1s to 60s/ ],
    [ "key=file:$ed issuer=x", qr/needs key=file:PATH, issuer=URL and aud/ ],
    [ "key=file:$rsa issuer=x audience=y", qr/signs with EC P-256/ ],
    [ "key=file:$p384 issuer=x audience=y", qr/signs with EC P-256/ ],
    [ "key=$ed issuer=x audience=y",
      qr/a secret is given as a file: write "key file:/ ],
    [ 'key=file:/nowhere issuer=x audience=y',
      qr/key "\/nowhere" cannot be opened/ ],
    [ "$fine key=file:$ec", qr/takes one key=; others that are published/ ],
    [ "$fine color=red", qr/unexpected "color=red" in gatehouse_assertion/ ],
    [ 'off on', qr/unexpected "off" in gatehouse_assertion/ ],
) {
    my ($line, $why) = @$_;
    like($t->conf_error(locations => "location / { gatehouse_authenticate off;"
                        . " gatehouse_assertion $line;"
                        . " proxy_pass http://echo; }"), $why,
         "nginx -t: $line");
}
like($t->conf_error(locations => 'location / { gatehouse_authenticate off;'
                    . ' proxy_pass http://echo; gatehouse_assertion_jwks; }'),
     qr/is a page of its own/, 'the page has a location of its own');

$t->plant_secret($text);
done_testing();
