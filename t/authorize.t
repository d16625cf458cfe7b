# Station authorize: who may do what. Lines of the location, access rules of
# the service and the plan's services must all hold (THREATS 1.B, methods).
use Gatehouse::Test;

my $es = Gatehouse::Test->token_key(alg => 'ES256');


# Given callers of every kind and a location for each sort of rule
my $t = Gatehouse::Test->new(backends => [ 'orders_v1', 'orders_v2' ]);
$t->plans(small => { limits => { s => '1000r/s burst=1000' },
                     services => [ 'orders' ] },
          other => { limits => { s => '1000r/s burst=1000' },
                     services => [ 'claims' ] });
my $staff   = $t->consumer('sue', groups => [ 'staff' ]);
my $admin   = $t->consumer('ada', groups => [ 'staff', 'admin' ]);
my $blocked = $t->consumer('ben', groups => [ 'staff', 'blocked' ]);
my $reader  = $t->consumer('rita', scopes => [ 'orders:read' ],
                           plan => 'small');
my $writer  = $t->consumer('will', scopes => [ 'orders:read',
                                               'orders:write' ]);
my $elsewhere = $t->consumer('ella', scopes => [ 'orders:read' ],
                             plan => 'other');
my $nobody  = $t->consumer('nils');

$t->services(
    orders => {
        default_version => 'v1', version_from => [ 'path' ],
        access => [ { scopes => [ 'orders:read', 'orders:write' ] },
                    { methods => [ 'POST', 'PUT', 'DELETE' ],
                      scopes => [ 'orders:write' ] },
                    { versions => [ 'v2' ], consumers => [ 'will' ] } ],
        versions => { map { $_ => { deployments => { main => {
            upstream => "orders_$_" } } } } qw(v1 v2) } },
    claims => {
        default_version => 'v1',
        access => [ { claims => { '/realm/roles' => [ 'a', 'b' ],
                                  level => [ 3 ] } } ],
        versions => { v1 => { deployments => { main => {
            upstream => 'orders_v1' } } } } });

$t->file('jwks.json', Gatehouse::Test::Token::jwks($es));

$t->start(http => <<'EOF', locations => <<'EOF2');
gatehouse_token_issuer idp {
    issuer     https://idp.test;
    audience   https://api.test;
    jwks_file  %%DIR%%/jwks.json;
}
EOF
    gatehouse_bad_credentials off;
    location / {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /group {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     group=admin,root;
        proxy_pass              http://echo;
    }
    location /both {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     group=staff group=other consumer=ada,ben;
        proxy_pass              http://echo;
    }
    location /deny {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     deny group=blocked;
        gatehouse_authorize     group=staff;
        proxy_pass              http://echo;
    }
    location /only-deny {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     deny group=blocked;
        proxy_pass              http://echo;
    }
    location /nobody {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     deny;
        proxy_pass              http://echo;
    }
    location /methods {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     method=GET scope=orders:read;
        gatehouse_authorize     method=POST scope=orders:write;
        proxy_pass              http://echo;
    }
    location /read {
        gatehouse_authenticate  optional api_key;
        gatehouse_authorize     method=GET;
        proxy_pass              http://echo;
    }
    location /no-delete {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     deny method=DELETE,GET;
        gatehouse_authorize     group=staff;
        proxy_pass              http://echo;
    }
    location /optional {
        gatehouse_authenticate  optional api_key;
        gatehouse_authorize     group=staff;
        gatehouse_authorize     scope=orders:read;
        proxy_pass              http://echo;
    }
    location /claim {
        gatehouse_authenticate  token=idp api_key;
        gatehouse_authorize     claim:/realm/roles=admin;
        gatehouse_authorize     claim:level=3 claim:ok=true;
        gatehouse_authorize     claim:/a~1b/0=x;
        gatehouse_authorize     claim:https://x.test/role=boss;
        proxy_pass              http://echo;
    }
    location /outer/ {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     group=admin;
        location /outer/inner {
            gatehouse_authorize  group=staff;
            proxy_pass           http://echo;
        }
        location /outer/same {
            proxy_pass  http://echo;
        }
        proxy_pass  http://echo;
    }
    location /orders/ {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     deny consumer=sue;
        gatehouse_authorize     scope=orders:read,orders:write;
        gatehouse_authorize     group=admin;
        gatehouse_service       orders;
        proxy_pass              http://gatehouse;
    }
    location /claims/ {
        gatehouse_authenticate  token=idp api_key;
        gatehouse_service       claims;
        proxy_pass              http://gatehouse;
    }
EOF2


# ---- words ---------------------------------------------------------------------

# What an answer was, and that the service saw as much: 200, or 403 with the
# log's reason
sub may {
    my ($method, $target, %arg) = @_;
    my $from = scalar $t->decision_log;
    $t->journal_clear;
    my $res = $t->request($method, $target, %arg);
    my $seen = $t->journal;
    my $line = ($t->decisions($from + 1))[-1];
    return $res->status . ($res->status == 403 ? " $line->{reason}" : '')
           . ($seen == ($res->status == 200) ? '' : ", but service $seen");
}

sub get { my ($target, $key) = @_; return may('GET', $target, key => $key) }

sub token {
    return $es->sign({ iss => 'https://idp.test', aud => 'https://api.test',
                       sub => 'x', exp => time + 600, @_ });
}


# ---- lines of a location ----------------------------------------------------------

is(get('/', $nobody), 200, 'without a line every principal may enter');
is(get('/group', $admin), 200, 'any of the groups');
is(get('/group', $staff), '403 rule_none', 'is asked for');
is(get('/group', $nobody), '403 rule_none', 'of everybody');
is(get('/both', $admin), 200, 'different names must all hold');
is(get('/both', $staff), '403 rule_none', 'one is not enough');
is(get('/deny', $staff), 200, 'who is not denied');
is(get('/deny', $blocked), '403 rule_deny', 'a deny beats what admits');
is(get('/deny', $nobody), '403 rule_none', 'and admits nobody by itself');
is(get('/only-deny', $staff), '403 rule_none', 'not even alone');
is(get('/nobody', $admin), '403 rule_deny', 'deny alone is everybody');
is(get('/outer/x', $staff), '403 rule_none', 'an outer line');
is(get('/outer/same', $staff), '403 rule_none', 'is inherited');
is(get('/outer/inner', $staff), 200, 'or replaced');
is(get('/optional', undef), '403 rule_none', 'a caller without a name has no '
   . 'group and no scope');
is(get('/optional', $reader), 200, 'one with a name may');
is(get('/optional', $nobody), '403 rule_none', 'if it has one of them');

my $refusal = $t->get('/group', key => $staff);
is($refusal->header('Content-Type'), 'application/problem+json',
   'a refusal is a problem document');
is($refusal->header('WWW-Authenticate'), undef, 'and asks for no credential');
unlike($refusal->body, qr/admin|root|group|rule/, 'and does not tell the rule');
my $other = $t->get('/deny', key => $blocked);
sub body_of { return $_[0]->body =~ s/[0-9a-f]{32}/ID/gr }
is(body_of($refusal), body_of($other), 'deny and no match look alike');


# ---- methods -----------------------------------------------------------------------

is(may('GET', '/methods', key => $reader), 200, 'GET for readers');
is(may('HEAD', '/methods', key => $reader), 200, 'B13: HEAD is a GET');
is(may('POST', '/methods', key => $reader), '403 rule_none',
   'POST is not for them');
is(may('POST', '/methods', key => $writer), 200, 'but for writers');
is(may($_, '/methods', key => $writer), '403 rule_none',
   "B13: $_ is named in no line")
    for qw(PUT DELETE PATCH OPTIONS PROPFIND FOO GETT GE);
for my $method (qw(get Get pOST), 'TRACE', 'CONNECT') {
    my $was = may($method, '/methods', key => $writer);
    like($was, qr/^(?:400|401|403 rule_none|405)$/,
         "B13: $method does not reach the service");
}
is(may('GET', '/read'), 200, 'B13: a line with a method alone');
is(may('HEAD', '/read'), 200, 'B13: covers HEAD');
is(may($_, '/read'), '403 rule_none', "B13: not $_")
    for qw(POST OPTIONS DELETE FOO);
is(may($_, '/no-delete', key => $admin), '403 rule_deny',
   "B13: deny of GET denies $_") for qw(GET HEAD DELETE);
is(may('POST', '/no-delete', key => $admin), 200, 'B13: and nothing else');

# B12, B14: what is judged is the method of the request line
for my $name (qw(X-HTTP-Method-Override X-Method-Override X-HTTP-Method)) {
    is(may('POST', '/methods', key => $reader, headers => [ $name => 'GET' ]),
       '403 rule_none', "B12: $name: GET does not make a POST one");
    my $res = $t->get('/methods', key => $reader,
                      headers => [ $name => 'DELETE' ]);
    is($res->status . ' ' . ($res->received->header($name) // 'gone'),
       '200 gone', "B12: $name: DELETE does not pass the gate");
}
is(may('POST', '/methods?_method=GET', key => $reader), '403 rule_none',
   'B12: nor is a query believed');

for ([ 'alone', {} ],
     [ 'with a body', { body => 'x=1' } ],
     [ 'with an override', { headers => [
       'X-HTTP-Method-Override' => 'DELETE' ] } ],
     [ 'as a preflight', { headers => [ Origin => 'https://evil.test',
       'Access-Control-Request-Method' => 'GET' ] } ])
{
    my ($what, $arg) = @$_;
    is(may('OPTIONS', '/', %$arg), 401,
       "B14: OPTIONS $what needs a credential");
    is(may('OPTIONS', '/methods', %$arg, key => $writer), '403 rule_none',
       "B14: and a line, $what");
}
is(may('OPTIONS', '/', key => $nobody), 200, 'B14: with both it passes');
is(may('OPTIONS', '*', key => $nobody) =~ /^200/ ? 1 : 0, 0,
   'B14: OPTIONS * does not');
is($t->request($_, '/methods', key => $reader, http2 => 1)->status,
   $_ eq 'GET' ? 200 : 403, "B13: $_ over HTTP/2") for qw(GET DELETE PROPFIND);


# ---- claims ---------------------------------------------------------------------------

my %claims = (
    'a member of a list'    => [ 1, realm => { roles => [ 'x', 'admin' ] } ],
    'a text'                => [ 1, realm => { roles => 'admin' } ],
    'another text'          => [ 0, realm => { roles => 'administrator' } ],
    'an object'             => [ 0, realm => { roles => { admin => 1 } } ],
    'a list in a list'      => [ 0, realm => { roles => [ [ 'admin' ] ] } ],
    'no such claim'         => [ 0 ],
    'a number and a truth'  => [ 1, level => 3, ok => JSON::PP::true ],
    'a number alone'        => [ 0, level => 3 ],
    'another number'        => [ 0, level => 33, ok => JSON::PP::true ],
    'an untruth'            => [ 0, level => 3, ok => JSON::PP::false ],
    'an escaped pointer'    => [ 1, 'a/b' => [ 'x' ] ],
    'the second of a list'  => [ 0, 'a/b' => [ 'y', 'x' ] ],
    'a name that is a URL'  => [ 1, 'https://x.test/role' => 'boss' ],
    'the name of a pointer' => [ 0, '/realm/roles' => 'admin' ],
);
for my $what (sort keys %claims) {
    my ($admits, @claims) = @{ $claims{$what} };
    is(may('GET', '/claim', token => token(@claims)),
       $admits ? 200 : '403 rule_none', "claim: $what");
}
is(may('GET', '/claim', key => $admin), '403 rule_none',
   'a key has no claims');


# ---- access rules of a service, and plans -------------------------------------------------

is(get('/orders/x', $reader), 200, 'a reader reads orders');
is(may('HEAD', '/orders/x', key => $reader), 200, 'and their heads');
is(may('POST', '/orders/x', key => $reader), '403 service_rule',
   'a rule of the service stands beside the location\'s');
is(may('POST', '/orders/x', key => $writer), 200, 'a writer writes');
is(get('/orders/x', $admin), '403 service_rule',
   'whom the location admits, the service need not');
is(get('/orders/x', $staff), '403 rule_deny', 'and the other way round');
is(get('/orders/v2/x', $reader), '403 service_rule',
   'B19: a rule for a version holds for who asks for it');
is(get('/orders/v1/x', $reader), 200, 'and not for another');
is(get('/orders/v2/x', $writer), 200, 'B19: who may, gets that version');
is(($t->journal)[-1]->backend, 'orders_v2', 'and no other');
is(get('/orders/x', $elsewhere), '403 plan_service',
   'a plan that does not include the service');
is(may('GET', '/claims/', token => token(realm => { roles => [ 'b' ] },
       level => 3)), 200, 'a service may ask for claims');
is(may('GET', '/claims/', token => token(realm => { roles => [ 'b' ] })),
   '403 service_rule', 'all of them');
is(may('GET', '/claims/', key => $admin), '403 service_rule',
   'which a key does not have');

# When a rule is added while it runs
$t->{policies}{services}{orders}{access}[0] = { groups => [ 'auditor' ] };
$t->apply_policies;
is(get('/orders/x', $reader), '403 service_rule',
   'a rule holds from when the policies are in force');


# ---- the grammar ------------------------------------------------------------------------

$t->stop;
for ([ 'group', qr/group/ ], [ 'group=', qr/group/ ],
     [ 'role=admin', qr/role/ ],
     [ 'method=get', qr/get/ ], [ 'claim:=x', qr/claim/ ],
     [ 'claim:/a~2=x', qr/claim/ ], [ 'group=a deny', qr/deny/ ],
     [ 'group=a,,b', qr/group/ ], [ 'admin', qr/admin/ ])
{
    my ($words, $says) = @$_;
    my $error = $t->conf_error(http => '', locations => "location / {\n"
        . "gatehouse_authenticate api_key;\ngatehouse_authorize $words;\n"
        . "proxy_pass http://echo;\n}\n");
    like($error, qr/^\[emerg\] .*$says.* in locations\.conf:3$/s,
         "\"$words\" is refused with its line") or diag($error);
}

done_testing;
