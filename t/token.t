# What a good bearer token says about its bearer, and what becomes of it:
# principals, groups, scopes, consumers, several issuers, values that try to
# be headers, credentials that stay here.
use Gatehouse::Test timeout => 300;

my $es    = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $other = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');


# Given three issuers, two of them with one name, and consumers bound to
# claims of one
my $t = Gatehouse::Test->new(workers => 2);
my $acme = $t->consumer('acme', groups => [ 'partner', 'gold' ],
    scopes => [ 'orders:read' ], name => 'Acme Inc.',
    credentials => { tokens => [ { issuer => 'partners',
                                   claims => { azp => 'acme' } } ] });
$t->consumer('both', groups => [ 'two' ], credentials => { tokens => [
    { issuer => 'partners', claims => { azp => 'both', tenant => 't1' } } ] });

$t->file('jwks.json', Gatehouse::Test::Token::jwks($es));
$t->file('other.json', Gatehouse::Test::Token::jwks($other));

my $locations = <<'EOF';
    gatehouse_bad_credentials off;
    location / {
        gatehouse_authenticate  token=partners;
        proxy_pass              http://echo;
    }
    location /others {
        gatehouse_authenticate  token=others;
        proxy_pass              http://echo;
    }
    location /any {
        gatehouse_authenticate  token=others token=partners;
        proxy_pass              http://echo;
    }
    location /reports {
        gatehouse_authenticate  token=reports;
        proxy_pass              http://echo;
    }
    location /optional {
        gatehouse_authenticate  optional token=partners;
        proxy_pass              http://echo;
    }
    location /key {
        gatehouse_authenticate  api_key token=partners;
        proxy_pass              http://echo;
    }
    location /token-first {
        gatehouse_authenticate  token=partners api_key;
        proxy_pass              http://echo;
    }
    location /keeps {
        gatehouse_authenticate  token=partners;
        gatehouse_forward       credentials;
        proxy_pass              http://echo;
    }
    location /off {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
    location /away {
        gatehouse_authenticate  token=away token=partners;
        proxy_pass              http://echo;
    }
    location /scope {
        gatehouse_authenticate  token=partners;
        gatehouse_authorize     scope=orders:read;
        proxy_pass              http://echo;
    }
    location /group {
        gatehouse_authenticate  token=partners token=others;
        gatehouse_authorize     group=staff,partner;
        proxy_pass              http://echo;
    }
EOF

$t->start(http => <<'EOF', locations => $locations);
gatehouse_token_issuer partners {
    issuer        https://partners.test;
    audience      https://api.test;
    jwks_file     %%DIR%%/jwks.json;
}
gatehouse_token_issuer reports {
    issuer        https://partners.test;
    audience      https://reports.test;
    jwks_file     %%DIR%%/jwks.json;
    name_claim    /person/full;
    groups_claim  /realm_access/roles;
    scope_claim   scp;
}
gatehouse_token_issuer others {
    issuer        https://others.test;
    audience      https://api.test;
    jwks_file     %%DIR%%/other.json;
}
gatehouse_token_issuer away {
    issuer        https://away.test;
    audience      https://api.test;
    jwks_uri      http://127.0.0.1:%%PORT_nobody%%/keys;
}
EOF

my %base = (iss => 'https://partners.test', aud => 'https://api.test',
            sub => 'alice', exp => time + 600);

sub token { return $es->sign({ %base, @_ }) }

# what the service was told, as one text; asked twice, since the second time
# the token is known
sub told {
    my ($path, $token, @headers) = @_;
    my @said = map {
        my $res = $t->get($path, token => $token, headers => \@headers);
        my $got = $res->received;
        $got ? join '; ', map { $_->[1] =~ s/^/$_->[0]: /r =~ s/^X-Principal-?//r }
                          grep { $_->[0] =~ /^x[-_]principal/i } $got->headers
             : $res->status;
    } 1 .. 4;
    my %different = map { $_ => 1 } @said;
    return join ' OR ', sort keys %different;
}


# ---- who it is -------------------------------------------------------------------

is(told('/', token()), ': partners:alice; Type: user; '
   . 'Issuer: https://partners.test; Method: token',
   'a person is named after the issuer, fresh and remembered');
is(told('/', token(name => 'Alice A.', email => 'alice@a.test',
                   groups => [ 'staff', 'x,y' ], scope => 'a  b')),
   ': partners:alice; Type: user; Name: Alice A.; Email: alice@a.test; '
   . 'Groups: staff,x%2Cy; Scopes: a,b; Issuer: https://partners.test; '
   . 'Method: token', 'with name, email, groups and scopes');
is(told('/others', $other->sign({ %base, iss => 'https://others.test' })),
   ': others:alice; Type: user; Issuer: https://others.test; Method: token',
   'the same name of another issuer is somebody else');
like(told('/', token(client_id => 'robot', sub => 'robot')),
     qr/^: partners:robot; Type: client;/, 'a client that speaks for itself');
like(told('/', token(client_id => 'robot')), qr/^: partners:alice; Type: user/,
     'a client that speaks for a person');
my %nobody = %base;
delete $nobody{sub};
like(told('/', $es->sign({ %nobody, client_id => 'robot' })),
     qr/^: partners:robot; Type: client;/, 'a client without a subject');

is(told('/reports', token(aud => 'https://reports.test',
        person => { full => 'Alice' }, realm_access => { roles => [ 'r' ] },
        scp => [ 'x', 'y z' ], name => 'no', groups => [ 'no' ],
        scope => 'no')),
   ': reports:alice; Type: user; Name: Alice; Groups: r; Scopes: x,y z; '
   . 'Issuer: https://partners.test; Method: token',
   'each block says which claims mean what');
like(told('/', token(groups => [ 'a', 1, { x => 1 }, '', undef, 'b' ])),
     qr/Groups: a,b;/, 'what is no text is no group');
like(told('/', token(groups => 'one two')), qr/Groups: one two;/,
     'one text is one group');


# ---- one issuer's name in two blocks -------------------------------------------------

my $for_both = token(aud => [ 'https://api.test', 'https://reports.test' ]);
like(told('/', $for_both), qr/^: partners:alice;/, 'a token for two audiences');
like(told('/reports', $for_both), qr/^: reports:alice;/,
     'opens the other block too, although it is remembered');
like(told('/', $for_both), qr/^: partners:alice;/, 'and the first again');
is(told('/reports', token()), 401,
   'D24: one for the first audience alone does not');


# ---- which issuer, which method -------------------------------------------------------

my $theirs = $other->sign({ %base, iss => 'https://others.test' });
like(told('/any', $theirs), qr/^: others:/, 'the first of two issuers');
like(told('/any', token(x => 1)), qr/^: partners:/, 'or the second');
is(told('/', $theirs), 401, 'each only where it is named');
like(told('/away', token(x => 2)), qr/^: partners:/,
     'an issuer that is away does not hold up another');
is(told('/away', token(iss => 'https://away.test')), 503,
   'its own tokens cannot be judged');
is(told('/away', $es->sign({ %base, iss => 'https://away.test', exp => 1 })),
   401, 'K12: but one that is over is refused without its keys');
is(told('/away', $es->sign({ %base, iss => 'https://away.test',
   aud => 'x' })), 401, 'K12: as is one that is not for us');

my $wrong = $other->sign(\%base);
is($t->get('/optional')->received->header('X-Principal'), undef,
   'optional: nobody is nobody');
like(told('/optional', token(x => 3)), qr/^: partners:/, 'somebody is let in');
is(told('/optional', $wrong, 'X-Principal' => 'root'), 401,
   'A15: claims of a forged token are never told');
is($t->get('/optional', headers => [ Authorization => 'Basic YTpi' ])->status,
   200, 'a password is no credential of that line');

is($t->get('/key', key => $acme, token => token(x => 4))
   ->received->header('X-Principal'), 'consumer:acme',
   'of two kinds the first on the line decides');
is($t->get('/token-first', key => $acme, token => token(x => 4))
   ->received->header('X-Principal'), 'partners:alice', 'whichever it is');
is($t->get('/key', key => $acme, token => $wrong)->status, 200,
   'the second is not looked at');
is($t->get('/key', key => 'wrong-key-of-old', token => token(x => 4))->status,
   401, 'and does not save a wrong first one');
is($t->get('/token-first', key => $acme, token => $wrong)->status, 401,
   'in either order');


# ---- A14: credentials stay here --------------------------------------------------------

for my $path ('/', '/key', '/token-first', '/optional') {
    my $secret = token(path => $path);
    my $res = $t->get($path, token => $secret);
    my $all = join "\n", map { "@$_" } $res->received->headers;
    unlike($all, qr/\Q$secret\E|^Authorization/mi,
           "A14: $path: the token does not reach the service");
    $res = $t->get($path, token => $secret, key => $acme) if $path =~ /e?k/;
    $all = join "\n", map { "@$_" } $res->received->headers;
    unlike($all, qr/\Q$acme\E|^X-API-Key|^Authorization/mi,
           "A14: $path: nor does a key beside it") if $path =~ /e?k/;
}
my $kept = token(kept => 1);
is($t->get('/keeps', token => $kept)->received->header('Authorization'),
   "Bearer $kept", 'A14: unless the location says so');
is($t->get('/off', token => $kept)->received->header('Authorization'),
   "Bearer $kept", 'a public location leaves what is the service\'s own');


# ---- A6, A7: claims that try to be headers ------------------------------------------------

is(told('/', token(x => 5), 'X-Principal-Email' => 'ceo@x.test',
        'X-Principal-Groups' => 'admin'),
   ': partners:alice; Type: user; Issuer: https://partners.test; '
   . 'Method: token', 'A6: what the token does not say, nobody says');

for my $case (
    [ 'a line break', "a\r\nX-Principal-Groups: admin",
      'a%0D%0AX-Principal-Groups: admin' ],
    [ 'letters of all kinds', "Cem \x{d6}zdemir", 'Cem %C3%96zdemir' ],
    [ 'DEL', "a\x7fb", 'a%7Fb' ],
    [ 'a tab', "a\tb", 'a%09b' ],
    [ 'a percent sign', 'a%0Db', 'a%250Db' ],
    [ '5 kB', 'n' x 5000, 'n' x 1024 ])
{
    my ($what, $name, $value) = @$case;
    is(told('/', token(name => $name)), ': partners:alice; Type: user; '
       . "Name: $value; Issuer: https://partners.test; Method: token",
       "A7: a name with $what is one header");
}
is(told('/', token(name => "a\0b")), 401, 'A7: NUL is no part of a name');
like(told('/', token(sub => "al\r\nice")), qr/^: partners:al%0D%0Aice; T/,
     'A7: an id with a line break');
like(told('/', token(groups => [ "a\nb", ('g' x 100) x 50 ])),
     qr/; Groups: a%0Ab(?:,g{100}){40};/,
     'A7: a list that is too long loses whole members');
like(told('/', token(sub => 's' x 1015)), qr/^: partners:s{1015};/,
     'A7: the longest id');
is(told('/', token(sub => 's' x 1016)), 401, 'A7: one that would be cut is '
   . 'refused: it could be another\'s');
is(told('/', token(sub => "\x{e9}" x 500)), 401,
   'A7: also when it grows too long as it is encoded');
is(told('/', token(sub => 's' x 20_000)), 400,
   'A7: 20 kB are more than nginx takes in a header');
like(told('/', token(sub => "a'\"; \x{1f600}\\")),
     qr/^: partners:a'"; %F0%9F%98%80\\;/, 'A7: quotes and pictures');


# ---- groups and scopes open doors -----------------------------------------------------------

is(told('/scope', token(scope => 'x orders:read')) =~ /^:/, 1,
   'a scope among others');
is(told('/scope', token(scope => 'orders:readx orders')), 403,
   'not a part or a prolongation of it');
is(told('/scope', token(scope => [ 'orders:read' ])) =~ /^:/, 1,
   'also of a list');
is(told('/group', token(groups => [ 'x', 'staff' ])) =~ /^:/, 1,
   'a group among others');
is(told('/group', token(groups => 'STAFF')), 403, 'as it is written');
is(told('/group', token(roles => [ 'staff' ])), 403,
   'and only where the block says that groups are');


# ---- consumers behind tokens -----------------------------------------------------------------

is(told('/', token(azp => 'acme')), ': consumer:acme; Type: consumer; '
   . 'Name: Acme Inc.; Groups: partner,gold; Scopes: orders:read; '
   . 'Issuer: https://partners.test; Consumer: acme; Method: token',
   'a token whose claims name a consumer acts for it');
like(told('/', token(azp => 'acme', groups => [ 'staff' ], scope => 'x y')),
     qr/Groups: partner,gold,staff; Scopes: x,y;/,
     'its groups join the consumer\'s; its scopes stand');
is(told('/scope', token(azp => 'acme')) =~ /^:/, 1,
   'the consumer\'s scope opens');
is(told('/scope', token(azp => 'acme', scope => 'less')), 403,
   'a token with less has less');
is(told('/group', token(azp => 'acme')) =~ /^:/, 1, 'its group opens');
like(told('/', token(azp => 'both', tenant => 't1')), qr/^: consumer:both;/,
     'when all claims agree');
like(told('/', token(azp => 'both', tenant => 't2')), qr/^: partners:alice;/,
     'not when one does not');
like(told('/any', $other->sign({ %base, iss => 'https://others.test',
     azp => 'acme' })), qr/^: others:alice;/,
     'and not for another issuer\'s token');

# When the policies change, a remembered token follows
my $again = token(azp => 'acme', n => 1);
like(told('/', $again), qr/^: consumer:acme;/, 'a token of acme');
$t->apply_policies(consumers => {
    %{ $t->{policies}{consumers} },
    acme => { groups => [ 'gone' ] } });
wait_for(sub { told('/', $again) =~ /^: partners:alice;[^O]*$/ }, 10,
         'the binding to go');
pass('is nobody\'s when the binding is gone');
$t->consumer('later', groups => [ 'new' ], credentials => { tokens => [
    { issuer => 'partners', claims => { azp => 'acme' } } ] });
wait_for(sub { told('/', $again) =~ /^: consumer:later;[^O]*$/ }, 10,
         'the new binding');
pass('and another\'s when there is a new one');

# When the consumer is suspended
my ($status, $out, $err) = $t->tool(qw(consumer suspend later --wait));
is($status, 0, 'suspended') or diag("$out$err");
is(told('/', $again), 401, 'a suspended consumer\'s token opens nothing');
is(told('/', token(n => 2)) =~ /^: partners/, 1, 'another\'s does');
($status, $out, $err) = $t->tool(qw(consumer resume later --wait));
is(told('/', $again) =~ /^: consumer:later/, 1, 'until it is resumed');


# ---- reload -------------------------------------------------------------------------------

# When the key is replaced and nginx reloaded
my $survivor = token(n => 3);
like(told('/', $survivor), qr/^: partners/, 'a token before a reload');
$t->file('jwks.json', Gatehouse::Test::Token::jwks(
    Gatehouse::Test->token_key(alg => 'ES256', kid => 'new')));
$t->reload;
wait_for(sub { told('/', $survivor) eq '401' }, 20, 'the new keys');
pass('is refused once its key is gone');

is(scalar(grep { /\[error\]/ && !/issuer "away"/ } split /\n/, $t->error_log),
   0, 'nothing of this is an error of the gateway');

done_testing;
