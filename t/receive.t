# Station receive: what the outside says about principals, forwarding and
# methods never gets behind the gate, whatever its spelling (THREATS 1.A).
use Gatehouse::Test;

my @PRINCIPAL = qw(X-Principal X-Principal-Type X-Principal-Name
                   X-Principal-Email X-Principal-Groups X-Principal-Scopes
                   X-Principal-Issuer X-Principal-Consumer X-Principal-Method
                   X-Principal-Assertion X-Principal-Whatever);

# Given protected, public and optional locations before one service
my $t = Gatehouse::Test->new(backends => ['inner']);
my $alice = $t->consumer('alice', groups => ['user']);
my $boss  = $t->consumer('boss', groups => ['admin']);

$t->start(server => <<'EOF', http => <<'EOH', locations => <<'EOL');
    underscores_in_headers       on;
    ignore_invalid_headers       off;
    gatehouse_principal_headers  default X-Staff=name;
EOF
    server {
        listen       127.0.0.1:%%PORT_trusting%%;
        server_name  trusting;
        gatehouse_trusted_proxies  127.0.0.9;
        location / {
            gatehouse_authenticate  off;
            proxy_pass              http://echo;
        }
    }
    server {
        listen  127.0.0.1:%%PORT_without%%;
        location / {
            proxy_pass  http://echo;
        }
    }
EOH
    location /private/ {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /open/ {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
    location /maybe/ {
        gatehouse_authenticate  optional api_key;
        proxy_pass              http://echo;
    }
    location /any/ {
        satisfy                 any;
        allow                   127.0.0.2;
        deny                    all;
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /keeps/ {
        gatehouse_authenticate  api_key;
        gatehouse_forward       credentials;
        proxy_pass              http://echo;
    }
    location /query/ {
        gatehouse_authenticate  api_key;
        gatehouse_api_key       header=X-API-Key query=api_key;
        proxy_pass              http://echo;
    }
    location /early/ {
        set $early              "$request_uri$http_x_api_key";
        set $http_x_ours        ours;
        gatehouse_authenticate  api_key;
        gatehouse_api_key       header=X-API-Key query=api_key;
        proxy_set_header        X-Target $request_uri;
        proxy_set_header        X-API-Key $http_x_api_key;
        proxy_set_header        X-Ours $http_x_ours;
        proxy_set_header        X-Agent $http_user_agent;
        proxy_pass              http://echo;
    }
    location /connection/ {
        gatehouse_authenticate  api_key;
        proxy_set_header        Connection $http_connection;
        proxy_pass              http://echo;
    }
    location /upgrade/ {
        gatehouse_authenticate  off;
        proxy_set_header        Connection $http_connection;
        proxy_set_header        Upgrade    $http_upgrade;
        proxy_pass              http://echo;
    }
    location /adds/ {
        gatehouse_authenticate  off;
        proxy_set_header        X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header        X-Copy          "<$http_x_forwarded_for>";
        proxy_pass              http://echo;
    }
    location /accel/ {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /inner/ {
        internal;
        gatehouse_authenticate  api_key;
        gatehouse_authorize     group=admin;
        proxy_set_header        X-Echo "";
        proxy_pass              http://inner;
    }
EOL


# What of a principal the service saw, or of what was forged.
sub principal_seen {
    my ($res) = @_;
    my $got = $res->received or return 'nothing received';
    return join ' ', map { "$_->[0]=$_->[1]" }
           grep { $_->[0] =~ /principal|staff/i || $_->[1] =~ /admin/ }
           $got->headers;
}


# A1: the caller is alice, whatever alice sends
my @forged = map { ($_ => 'admin') } @PRINCIPAL;
my $res = $t->get('/private/', key => $alice, headers => \@forged);
is($res->status, 200, 'A1: a caller with a key enters');
is_deeply([ $res->received->headers('X-Principal') ], ['consumer:alice'],
          'A1: the service sees one principal, ours');
unlike(principal_seen($res), qr/admin/, 'A1: and nothing of what was sent');

# A2: where nobody is asked, nobody is announced
for my $http2 (0, 1) {
    is(principal_seen($t->get('/open/', headers => \@forged,
                              http2 => $http2)), '',
       'A2: a public location sees no principal header'
       . ($http2 ? ' over HTTP/2' : ''));
}
my @preflight = (Origin => 'https://a',
                 'Access-Control-Request-Method' => 'GET');
is(principal_seen($t->request('OPTIONS', '/open/',
                              headers => [ @forged, @preflight ])), '',
   'A2: nor does an OPTIONS of a public location');
is(principal_seen($t->get('/maybe/', headers => \@forged)), '',
   'A2: nor a request without a credential, where that is optional');
is(principal_seen($t->get('/', headers => \@forged,
                          port => $t->port('without'))), '',
   'A2: nor a server without a word of ours');
is($t->request('OPTIONS', '/private/', headers => \@preflight)->status, 401,
   'A2: an OPTIONS is no way around a key');

# A3: every spelling that CGI, WSGI or PHP would read as ours
for my $name ('X_Principal', 'x_principal', 'X-PRINCIPAL', 'x-Principal_Name',
              'X_PRINCIPAL-groups', 'X.Principal', 'X-Principal.Groups',
              'X_Staff', 'x-staff', 'X-Principal-', 'X-PrincipalX')
{
    for my $target ('/open/', '/private/') {
        my $got = $t->get($target, headers => [ $name => 'admin' ],
                          $target eq '/open/' ? () : (key => $alice));
        is($got->status, 200, "A3: $name does not trouble $target");
        unlike(principal_seen($got), qr/admin/, "A3: $name is not passed on");
    }
}
for my $line ('X Principal: admin', 'X-Principal : admin', ': admin',
              "X-Principal\t: admin")
{
    my $got = $t->raw_request("GET /open/ HTTP/1.1\r\nHost: localhost\r\n"
                              . "$line\r\n\r\n");
    ok($got->status == 400 || principal_seen($got) eq '',
       'A3: "' . $line =~ s/\t/\\t/r . '" is refused or dropped');
}

# A4: nobody can make a proxy take our headers away
for my $names ('close, X-Principal, X-Forwarded-For, Authorization',
               'close, x-PRINCIPAL', 'X-Principal', 'keep-alive,X-Request-Id')
{
    my $got = $t->get('/connection/', key => $alice,
                      headers => [ Connection => $names ])->received;
    is($got->header('X-Principal'), 'consumer:alice',
       "A4: the principal stays under \"Connection: $names\"");
    unlike(join(',', $got->headers('Connection')), qr/x-/i,
           'A4: and no Connection header names it, even where it is passed');
}

# A5: duplicates
$res = $t->get('/private/', key => $alice, headers => [
    'X-Principal-Groups' => 'admin', 'X-Principal-Groups' => 'root',
    'X-Principal-Groups' => 'user,admin' ]);
is_deeply([ $res->received->headers('X-Principal-Groups') ], ['user'],
          'A5: of three lines of a name none passes, and ours is the one');

# A6: what we do not know is absent, not the caller's
is($t->get('/private/', key => $alice,
           headers => [ 'X-Principal-Email' => 'ceo@x' ])
     ->received->header('X-Principal-Email'), undef,
   'A6: a caller without e-mail has no e-mail header');

# A8: words that steer a gateway or a framework mean nothing from outside
for my $name (qw(X-Gatehouse-Route X-Gatehouse-Canary X-Gatehouse-Service
                 X-Gatehouse-Original-URI X-Original-URL X-Rewrite-URL
                 X-Original-URI X-Accel-Redirect X-Accel-Internal Proxy))
{
    my $got = $t->get('/open/x', headers => [ $name => '/private/' ]);
    is($got->received->header($name), undef, "A8: $name is not passed on");
    is($t->get('/private/', headers => [ $name => '/open/' ])->status, 401,
       "A8: $name opens nothing");
}

# A9: nor do words of proxies that are none of ours
$t->journal_clear;
for my $header ([ 'X-Forwarded-Uri' => '/open/' ],
                [ 'X-Forwarded-Method' => 'OPTIONS' ],
                [ 'Forwarded' => 'for=127.0.0.2;host=trusting' ],
                [ 'X-Forwarded-Host' => 'trusting' ],
                [ 'X-Forwarded-For' => '127.0.0.2' ],
                [ 'X-Real-IP' => '127.0.0.2' ])
{
    for my $target ('/private/', '/any/') {
        is($t->get($target, headers => [$header])->status, 401,
           "A9: $header->[0] does not open $target");
    }
}

# A10: nor does a name of somebody's health check
for my $agent ('kube-probe/1.29', 'GoogleHC/1.0', 'ELB-HealthChecker/2.0') {
    is($t->get('/private/', headers => [ 'User-Agent' => $agent ])->status,
       401, "A10: $agent needs a key like anybody");
}
is(scalar $t->journal, 0, 'A9, A10: and the service saw nothing');

# A11: forwarding headers are believed from trusted peers only
my @forwarded = qw(X-Forwarded-For X-Forwarded-Host X-Forwarded-Port
                   X-Forwarded-Proto X-Forwarded-Prefix X-Forwarded-Server
                   X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups
                   X-Forwarded-Access-Token X-Real-IP Forwarded True-Client-IP
                   CF-Connecting-IP X-Client-Cert X-SSL-Client-Verify
                   X-Forwarded-Tls-Client-Cert);
for my $from ('127.0.0.1', '127.0.0.9') {
    my $got = $t->get('/', port => $t->port('trusting'), from => $from,
                      headers => [ map { ($_ => 'evil') } @forwarded ]);
    my $n = grep { $_->[1] eq 'evil' } $got->received->headers;
    is($n, $from eq '127.0.0.9' ? @forwarded : 0,
       $from eq '127.0.0.9' ? 'A11: a trusted proxy says who it forwards'
                            : 'A11: anybody else does not');
}

my $adds = $t->get('/adds/', headers => [
    'X-Forwarded-For' => '10.6.6.6', 'X-Forwarded-For' => '10.7.7.7' ])
    ->received;
is($adds->header('X-Forwarded-For') . ' ' . $adds->header('X-Copy'),
   '127.0.0.1 <>', 'A11: nor do variables of nginx remember what was sent');

# A12, B23: a redirect by the service keeps the caller, and asks the rules of
# where it leads
$res = $t->get('/accel/', key => $boss, headers => [
    @forged, 'X-Echo' => 'accel=/inner/x' ]);
is($res->status, 200, 'A12: a redirect by the service is followed');
is_deeply([ $res->received->headers('X-Principal') ], ['consumer:boss'],
          'A12: the caller is the same, once');
is($res->received->backend, 'inner', 'A12: and another service answers');
$t->journal_clear;
is($t->get('/accel/', key => $alice, headers => [
       @forged, 'X-Echo' => 'accel=/inner/x' ])->status, 403,
   'B23: a caller whom the rules there do not admit is refused');
is($t->get('/inner/x', key => $boss)->status, 404,
   'B23: what is internal is not for the outside');
is(scalar $t->journal('inner'), 0, 'B23: before that service saw anything');

# A13: admitted by another module, nobody in particular
$res = $t->get('/any/', from => '127.0.0.2', headers => \@forged);
is($res->status, 200, 'A13: an address admits where any will do');
is(principal_seen($res), '', 'A13: without any principal header');
is($t->get('/any/', headers => \@forged)->status, 401,
   'A13: another address needs a key');
is($t->get('/any/', key => $alice)->received->header('X-Principal'),
   'consumer:alice', 'A13: with which it is somebody');
$res = $t->get('/any/', from => '127.0.0.2', key => "${alice}x");
is($res->status . principal_seen($res), '200',
   'A13: a wrong key beside an admitted address is nobody');
is($res->received->header('X-API-Key'), undef, 'A13: and goes no further');

# A14: credentials stop here
my $got = $t->get('/private/', key => $alice,
                  headers => [ Cookie => 'a=b' ])->received;
is($got->header('X-API-Key'), undef, 'A14: a key is not passed on');
is($got->header('Cookie'), 'a=b', 'A14: a cookie of others is');
$got = $t->get("/query/?a=1&api_key=$alice&b=2")->received;
is($got->target, '/query/?a=1&b=2', 'A14: nor is a key in the query');
is($t->get("/query/?api_key=$alice")->received->target, '/query/',
   'A14: nor the question mark before it');
is($t->get("/query/?api_key=$alice&api_key=$alice")->status, 401,
   'A14: two keys are none');
is($t->get("/query/?api_key=$alice", key => $alice)->status, 401,
   'A14: also in two places');
is($t->get("/query/?api%5Fkey=$alice")->status, 401,
   'A14: a key under an encoded name is none');
$got = $t->get("/early/?a=1&api_key=$alice")->received;
is($got->header('X-Target'), '/early/?a=1',
   'A14: nor in $request_uri that was read before');
$got = $t->get('/early/', key => $alice,
               headers => [ 'User-Agent' => 'me' ])->received;
is($got->header('X-API-Key'), undef, 'A14: nor in $http_x_api_key');
is($got->header('X-Ours') . $got->header('X-Agent'), 'oursme',
   'what is not of the outside, or not ours, is what it was');
$got = $t->get('/keeps/', key => $alice)->received;
is($got->header('X-API-Key'), "$alice", 'A14: unless the location says so');

# B12: one method, the one that was judged
for my $name (qw(X-HTTP-Method-Override X-HTTP-Method X-Method-Override
                 X_HTTP_Method_Override x-http-method-OVERRIDE))
{
    is($t->get('/open/', headers => [ $name => 'DELETE' ])
         ->received->header($name), undef, "B12: $name is not passed on");
}
is($t->get('/open/?_method=DELETE')->received->target, '/open/?_method=DELETE',
   'B12: a query is the service\'s own');

# B16: one upgrade, and only that
for my $words ([ 'h2c' ], [ 'websocket, h2c' ], [ 'h2c', 'websocket' ],
               [ 'websocket', 'h2c' ], [ 'TLS/1.3' ])
{
    my $got = $t->get('/upgrade/', timeout => 3, headers => [
        (map { (Upgrade => $_) } @$words), 'HTTP2-Settings' => 'AAMAAABk',
        Connection => 'Upgrade, HTTP2-Settings' ]);
    my ($seen) = reverse $t->journal;
    is(join(',', grep { !/^websocket$/i } $seen->headers('Upgrade'),
                 $seen->headers('HTTP2-Settings')), '',
       "B16: Upgrade: @$words does not reach the service");
}
my ($chat, $answer) = $t->websocket('/upgrade/');
is($answer->status, 101, 'B16: a websocket does');
undef $chat;

done_testing;
