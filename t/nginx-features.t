# nginx's own features around a gate: whatever way a request takes through
# the configuration, the principal is ours or nobody's, and who may enter is
# asked where the request ends up.
use Gatehouse::Test;

# A gRPC service and one of long files: another nginx, without a word of ours
my $grpc = Gatehouse::Test->new(policies => 0, store => 0, status => 0,
                                decisions => 0);
mkdir $grpc->dir . '/sliced';
$grpc->file('sliced/long', join '', map { sprintf '%07d|', $_ } 0 .. 511);
$grpc->start(http => <<'EOH', locations => <<'EOF');
    log_format  seen '$http_range|$http_x_principal|$http_x_principal_groups|'
                     '$http_x_api_key|$http_x_request_id';
EOH
    location /sliced/ {
        root        %%DIR%%;
        access_log  %%DIR%%/logs/seen.log seen;
    }
    location /grpc/ {
        add_header  X-Seen-Principal $http_x_principal;
        add_header  X-Seen-Key "$http_x_api_key.";
        return      200 grpc;
    }
EOF

my $t = Gatehouse::Test->new(tls => 1, backends => [qw(inner mirror asked)]);
my $alice = $t->consumer('alice', groups => ['user']);
my $boss  = $t->consumer('boss', groups => ['admin']);

$t->file('static/there.txt', 'a file') if mkdir $t->dir . '/static';
$t->file('static/401.html', 'come back with a key');
$t->file('passwords', 'carol:' . crypt('secret-of-carol', '$6$abcdefgh')
                      . "\n");
$t->plant_secret('secret-of-carol');

$t->{ports}{behind} = $grpc->port;
$t->file('static/page.html', 'page <!--#include virtual="/part/one?x=1" -->'
         . '<!--#include virtual="/part/two" -->.');
$t->{ports}{grpc} = $grpc->port($grpc->nginx_version < 1_025_001 ? 'h2' : '');
$t->start(http => <<'EOH', server => <<'EOS', locations => <<'EOL');
    server {
        listen       127.0.0.1:%%PORT_pages%%;
        server_name  pages;

        error_page  400 = @ambiguous;
        error_page  401 /401.html;
        error_page  403 = @forbidden;
        error_page  404 = @elsewhere;
        error_page  429 = @slow;

        location / {
            gatehouse_authenticate  api_key;
            gatehouse_authorize     group=admin;
            proxy_intercept_errors  on;
            proxy_pass              http://echo;
        }
        location = /401.html {
            gatehouse_authenticate  off;
            root                    %%DIR%%/static;
        }
        location @ambiguous {
            gatehouse_authenticate  off;
            gatehouse_target        allow=semicolon;
            proxy_pass              http://inner;
        }
        location @forbidden {
            gatehouse_authenticate  off;
            proxy_pass              http://inner;
        }
        location @elsewhere {
            gatehouse_authenticate  api_key;
            proxy_pass              http://inner;
        }
        location @slow {
            gatehouse_authenticate  off;
            proxy_pass              http://inner;
        }
    }
    server {
        listen       127.0.0.1:%%PORT_secure%% ssl;
        server_name  secure;
        ssl_certificate      %%CERT%%;
        ssl_certificate_key  %%CERT_KEY%%;

        error_page  497 = @plain;

        location / {
            gatehouse_authenticate  api_key;
            proxy_pass              http://echo;
        }
        location @plain {
            gatehouse_authenticate  off;
            proxy_pass              http://inner;
        }
    }
EOH
    gatehouse_request_id  header=X-Request-Id;
EOS
    location /api/ {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /moved/ {
        gatehouse_authenticate  off;
        rewrite                 ^/moved/(.*)$ /api/$1 last;
    }
    location /any/ {
        satisfy                 any;
        auth_basic              carol;
        auth_basic_user_file    %%DIR%%/passwords;
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /all/ {
        satisfy                 all;
        deny                    127.0.0.2;
        allow                   all;
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /files/ {
        gatehouse_authenticate  api_key;
        root                    %%DIR%%/static;
        rewrite                 ^/files/(.*)$ /$1 break;
        try_files               $uri @app;
    }
    location @app {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     group=user;
        proxy_pass              http://inner;
    }
    location /mirrored/ {
        gatehouse_authenticate  api_key;
        mirror                  /copy;
        proxy_pass              http://echo;
    }
    location = /copy {
        internal;
        gatehouse_authenticate  off;
        proxy_pass              http://mirror/copy$request_uri;
    }
    location /asked/ {
        auth_request            /ask;
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location = /ask {
        internal;
        gatehouse_authenticate   off;
        proxy_pass               http://asked/ask;
        proxy_pass_request_body  off;
        proxy_set_header         Content-Length "";
        proxy_set_header         X-Echo "";
    }
    location /ssi/ {
        gatehouse_authenticate  api_key;
        ssi                     on;
        alias                   %%DIR%%/static/;
    }
    location /added/ {
        gatehouse_authenticate  api_key;
        add_before_body         /part/before;
        add_after_body          /part/after;
        alias                   %%DIR%%/static/;
        types                   { text/html html; }
    }
    location /part/ {
        internal;
        gatehouse_authenticate  off;
        proxy_pass              http://inner;
    }
    location /sliced/ {
        gatehouse_authenticate  api_key;
        slice                   1k;
        proxy_set_header        Range $slice_range;
        proxy_pass              http://127.0.0.1:%%PORT_behind%%;
    }
    location /chat {
        gatehouse_authenticate  api_key;
        proxy_set_header        Upgrade    $http_upgrade;
        proxy_set_header        Connection upgrade;
        proxy_pass              http://echo;
    }
    location /grpc/ {
        gatehouse_authenticate  api_key;
        grpc_pass               grpc://127.0.0.1:%%PORT_grpc%%;
    }
    location /if/ {
        gatehouse_authenticate  api_key;
        if ($arg_to = inner) {
            proxy_pass          http://inner;
        }
        proxy_pass              http://echo;
    }
    location /except/ {
        gatehouse_authenticate  api_key;
        limit_except GET {
            deny  127.0.0.2;
        }
        proxy_pass              http://echo;
    }
EOL


sub principal {
    my ($res) = @_;
    my $got = $res->received;
    return $got ? join(',', $got->headers('X-Principal')) : 'nothing received';
}

my @forged = ('X-Principal' => 'admin', 'X_Principal' => 'admin',
              'X-Principal-Groups' => 'admin');
my @pages  = (port => $t->port('pages'), host => 'pages', headers => \@forged);


# ---- rewrite ---------------------------------------------------------------

is($t->get('/moved/x')->status, 401,
   'a rewrite out of a public location meets the rules of the other');
is(principal($t->get('/moved/x', key => $alice, headers => \@forged)),
   'consumer:alice', 'and its principal');


# ---- satisfy ---------------------------------------------------------------

my $basic = 'Basic ' . 'Y2Fyb2w6c2VjcmV0LW9mLWNhcm9s';
$t->journal_clear;
my $res = $t->get('/any/', headers => \@forged);
is($res->status, 401, 'satisfy any: nobody is refused');
is(join(' | ', sort $res->headers('WWW-Authenticate')),
   'ApiKey realm="gatehouse" | Basic realm="carol"',
   'satisfy any: and is told both ways in');
is(scalar $t->journal, 0, 'satisfy any: and seen by no service');
is(principal($t->get('/any/', key => $alice)), 'consumer:alice',
   'satisfy any: a key is a way in');
is(principal($t->get('/any/', headers => [ @forged, Authorization => $basic ])),
   '', 'A13: satisfy any: a password is another, and makes no principal');
is(principal($t->get('/any/', key => "${alice}x",
                     headers => [ Authorization => $basic ])),
   '', 'A13: satisfy any: also beside a wrong key');
is($t->get('/all/', key => $alice)->status, 200,
   'satisfy all: a key from an allowed address enters');
is($t->get('/all/', key => $alice, from => '127.0.0.2')->status, 403,
   'satisfy all: a key from a denied address does not');
is($t->get('/all/')->status, 401, 'satisfy all: nor an address alone');


# ---- error_page ------------------------------------------------------------

$res = $t->get('/', @pages);
is($res->status, 401, 'error_page 401: it is still a 401');
is($res->body, 'come back with a key', 'error_page 401: with the page of ours');
like($res->header('WWW-Authenticate') // '', qr/^ApiKey /,
     'error_page 401: and the challenge');
like($res->header('X-Request-Id') // '', qr/^[0-9a-f]{32}$/,
     'error_page 401: and the request id');
$res = $t->get('/', key => $alice, @pages);
is($res->status, 200, 'error_page 403 = @named: the other location answers');
is($res->received->backend, 'inner', 'error_page 403: from its service');
is(principal($res), '', 'A12: error_page 403: which is public, without a principal');
$res = $t->get('/_status/404', key => $boss, @pages);
is($res->received->backend, 'inner', 'error_page 404: the fallback answers');
is(principal($res), 'consumer:boss',
   'A12: error_page 404: for the principal that was verified, once');
is_deeply([ $res->received->headers('X-Principal-Groups') ], ['admin'],
          'A12: error_page 404: with the groups that are ours, once');
is(scalar(() = $res->received->headers('X-Request-Id')), 1,
   'error_page 404: and one request id');
$t->journal_clear;
is($t->get('/a%2fb', key => $boss, @pages)->status, 400,
   'error_page 400 = @named: an ambiguous target is not passed on there either');
is(scalar $t->journal, 0, 'and reaches no service');
is(principal($t->get('/a;b', key => $boss, @pages)), '',
   'unless that location allows it');
$res = $t->raw_request("GET / HTTP/1.1\r\nHost: pages\r\nHost: other\r\n"
                       . "X-Principal: admin\r\n\r\n",
                       port => $t->port('pages'));
is(principal($res), '', 'A12: a jump before any phase is cleaned too')
    if $res->received;
$res = $t->raw_request("GET / HTTP/1.1\r\nHost: secure\r\n"
                       . "X-Principal: admin\r\nConnection: close\r\n\r\n",
                       port => $t->port('secure'));
is($res->received->backend, 'inner', 'error_page 497 = @named is entered');
is(principal($res), '', 'A12: plain HTTP on a TLS port brings no principal');
like($res->received->header('X-Request-Id') // '', qr/^[0-9a-f]{32}$/,
     'and has a request id');


# ---- try_files -------------------------------------------------------------

is($t->get('/files/there.txt')->status, 401, 'files need a key like all else');
is($t->get('/files/there.txt', key => $alice)->body, 'a file',
   'try_files: a file that is there is served');
$res = $t->get('/files/gone', key => $alice, headers => \@forged);
is($res->received && $res->received->backend, 'inner',
   'try_files: what is not there is asked of the fallback');
is(principal($res), 'consumer:alice', 'A12: try_files: with its principal');
is($t->get('/files/gone', key => $boss)->status, 403,
   'try_files: under the rules of the fallback');


# ---- subrequests -----------------------------------------------------------

$t->journal_clear;
$res = $t->post('/mirrored/x', key => $alice, body => 'twice',
                headers => \@forged);
is(principal($res), 'consumer:alice', 'mirror: the request has its principal');
my ($copy) = $t->wait_for(sub { $t->journal('mirror') }, 5, 'a copy');
($copy) = $t->journal('mirror');
is_deeply([ $copy->headers('X-Principal') ], ['consumer:alice'],
          'A12: mirror: the copy has it, once');
is($copy->header('X-API-Key'), undef, 'A14: mirror: and no key');
is($copy->body, 'twice', 'mirror: and the body');
$t->journal_clear;
is($t->get('/mirrored/x', headers => \@forged)->status, 401,
   'mirror: a refused request');
is(scalar $t->journal, 0, 'mirror: is not copied');

$res = $t->get('/asked/', key => $alice, headers => \@forged);
is(principal($res), 'consumer:alice', 'auth_request: both admit');
my ($asked) = $t->journal('asked');
is(join(',', $asked->headers('X-Principal'), $asked->headers('X_Principal')),
   '', 'A12: auth_request: the service that is asked sees nothing forged');
$t->backend_set('asked', status => 403);
is($t->get('/asked/', key => $alice)->status, 403,
   'auth_request: it can refuse whom we admit');
$t->backend_set('asked', status => 204);
is($t->get('/asked/')->status, 401,
   'auth_request: it cannot admit whom we refuse');
$t->backend_set('asked');


# Parts of a page that the service of another location answers
for my $case ([ ssi => 2, 'page.html' ], [ added => 2, 'page.html' ]) {
    my ($way, $parts, $page) = @$case;
    $t->journal_clear;
    is($t->get("/$way/$page", headers => \@forged)->status, 401,
       "$way: a page needs a key");
    is(scalar $t->journal('inner'), 0, "$way: before any part is asked for");
    $res = $t->get("/$way/$page", key => $alice, headers => \@forged);
    is($res->status, 200, "$way: with one it comes");
    my @part = $t->journal('inner');
    is(scalar @part, $parts, "$way: with its parts");
    for my $part (@part) {
        is_deeply([ $part->headers('X-Principal'),
                    $part->headers('X-Principal-Groups'),
                    $part->headers('X_Principal') ],
                  [ 'consumer:alice', 'user' ],
                  "A12: $way: a part is asked for by the principal alone: "
                  . $part->target);
        is($part->header('X-API-Key'), undef, "A14: $way: without the key");
    }
}

$res = $t->get('/sliced/long', key => $alice, headers => \@forged);
is(length $res->body, 4096, 'slice: a file comes in pieces');
my @slices;
$t->wait_for(sub {
    @slices = split /\n/,
              Gatehouse::Test::Logs::slurp($grpc->dir . '/logs/seen.log');
    return @slices >= 4;
}, 5, 'the lines of the pieces');
is_deeply([ map { s/[0-9a-f]{32}$/id/r } @slices ],
          [ map { sprintf 'bytes=%d-%d|consumer:alice|user|-|id', $_ * 1024,
                  $_ * 1024 + 1023 } 0 .. 3 ],
          'A12: slice: each is asked for by the principal, once, without key');


# ---- upgrades, gRPC, blocks ------------------------------------------------

my ($chat, $granted) = $t->websocket('/chat', headers => \@forged);
is($granted->status, 401, 'B17: a websocket without a key is refused');
is(scalar(grep { $_->target eq '/chat' } $t->journal), 0,
   'B17: before the service saw it');
($chat, $granted) = $t->websocket('/chat', key => $alice);
is($granted->status, 101, 'a websocket with a key is granted');
$chat->send_raw('hello');
is($chat->read_bytes(5), 'hello', 'and carries bytes both ways');
undef $chat;

my $http = $t->connect;
$http->send_raw("GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket"
    . "\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nX-API-Key: "
    . "$alice\r\nX-Echo: status=200\r\n\r\nGET /api/hidden HTTP/1.1\r\n"
    . "Host: localhost\r\nConnection: close\r\n\r\n");
my $first = $http->read_response('GET');
SKIP: {
    skip 'the service granted the upgrade', 2 if $first->status == 101;
    is($first->status, 200, 'B17: an upgrade that is not granted');
    is($http->read_response('GET')->status, 401,
       'B17: tunnels nothing: what follows is asked for its key');
}
is(scalar(grep { $_->target =~ /hidden/ } $t->journal), 0,
   'B17: and reaches no service');

$res = $t->get('/grpc/x', key => $alice, http2 => 1, headers => \@forged);
is($res->body, 'grpc', 'gRPC is passed on');
is($res->header('X-Seen-Principal'), 'consumer:alice', 'with its principal');
is($res->header('X-Seen-Key'), '.', 'A14: and without the key');
is($t->get('/grpc/x', http2 => 1)->status, 401, 'and needs one');

for my $to ('echo', 'inner') {
    is($t->get("/if/?to=$to")->status, 401, "if: a key is asked for ($to)");
    $res = $t->get("/if/?to=$to", key => $alice, headers => \@forged);
    is($res->received->backend, $to, "if: $to answers");
    is(principal($res), 'consumer:alice', "if: to our principal ($to)");
}
is($t->post('/except/', body => 'x')->status, 401, 'limit_except: needs a key');
is(principal($t->post('/except/', body => 'x', key => $alice)),
   'consumer:alice', 'limit_except: and has its principal');
is($t->post('/except/', body => 'x', key => $alice, from => '127.0.0.2')
     ->status, 403, 'limit_except: and its own rules');


# ---- connections and bodies ------------------------------------------------

my $keep = $t->connect;
is($t->get('/api/', connection => $keep, key => $alice)->status, 200,
   'keepalive: a key on the first request');
is($t->get('/api/', connection => $keep)->status, 401,
   'C11: says nothing about the second');
is(principal($t->get('/api/', connection => $keep, key => $boss)),
   'consumer:boss', 'C12: nor about the third, over the same connection');
undef $keep;

for my $way ({}, { http2 => 1 }, { tls => 1 }, { tls => 1, http2 => 1 }) {
    my $name = join(' and ', sort keys %$way) || 'plain';
    $res = $t->post('/api/', key => $alice, body => 'x' x 300_000, %$way);
    is($res->received->body_length, 300_000, "a long body arrives: $name");
    is(principal($res), 'consumer:alice', "under its principal: $name");
    $res = $t->request('HEAD', '/api/', %$way);
    is($res->status, 401, "a HEAD is refused like a GET: $name");
    is($res->body, '', "without a body: $name") if !$way->{http2};
    like($res->header('Content-Type'), qr{^application/problem\+json},
         "but says what it would be: $name");
}
is($t->post('/api/', key => $alice, body => [ 'a' x 70_000, 'b' x 70_000 ])
     ->received->body_length, 140_000, 'a chunked body arrives');

# A client that leaves while the service thinks
$t->backend_set('echo', delay => 300);
my $gone = $t->connect;
$gone->send_raw("GET /api/slow HTTP/1.1\r\nHost: localhost\r\n"
                . "X-API-Key: $alice\r\n\r\n");
$t->wait_for(sub { grep { $_->target eq '/api/slow' } $t->journal }, 5,
             'the service has it');
undef $gone;
$t->backend_set('echo');
$t->wait_for(sub { grep { ($_->{status} // 0) == 499 } $t->decisions },
             5, 'the line of a client that left');
is($t->get('/api/', key => $alice)->status, 200,
   'a client that leaves early troubles nobody');

done_testing;
