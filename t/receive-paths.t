# Station receive: one target for rules, log and the service behind (THREATS
# 1.B). For every row the service sees a request that the rules of /admin
# were asked about, or nothing.
use Gatehouse::Test;

my $t = Gatehouse::Test->new(tls => 1);
my $root = $t->consumer('root', groups => ['admin']);
my $user = $t->consumer('user', groups => ['user']);

$t->start(server => <<'EOS', http => <<'EOH', locations => <<'EOL');
    proxy_set_header  X-Rule $rule;
EOS
    map $uri $rule {
        default      other;
        ~^/admin     admin;
        ~^/public/   public;
    }
    server {
        listen       127.0.0.1:%%PORT_tls%% ssl http2;
        server_name  a.test;
        ssl_certificate      %%CERT%%;
        ssl_certificate_key  %%CERT_KEY%%;
        location / {
            gatehouse_authenticate  off;
            proxy_pass              http://echo;
        }
    }
    server {
        listen       127.0.0.1:%%PORT_tls%% ssl http2;
        server_name  b.test;
        ssl_certificate      %%CERT%%;
        ssl_certificate_key  %%CERT_KEY%%;
        location / {
            gatehouse_authenticate  api_key;
            proxy_pass              http://echo;
        }
    }
EOH
    location / {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /admin {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     group=admin;
        proxy_pass              http://echo;
    }
    location /public/ {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
    location /prefix/ {
        gatehouse_authenticate  off;
        proxy_pass              http://echo/;
    }
    location ~ ^/regex/(.*) {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
    location /written/ {
        gatehouse_authenticate  off;
        rewrite                 ^/written/(.*)$ /w/$1 break;
        proxy_pass              http://echo;
    }
    location /loose/ {
        gatehouse_authenticate  off;
        gatehouse_target        allow=encoded-slash,semicolon,encoded-percent;
        proxy_pass              http://echo;
    }
    location /status/ {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
    location = /exact {
        gatehouse_authenticate  api_key;
        gatehouse_authorize     method=GET;
        proxy_pass              http://echo;
    }
EOL


sub bytes {
    my ($target, %arg) = @_;
    my $method = $arg{method} || 'GET';
    my $host   = $arg{host} // 'localhost';
    my $key    = $arg{key} ? "X-API-Key: $arg{key}\r\n" : '';
    return $t->raw_request("$method $target HTTP/1.1\r\nHost: $host\r\n$key"
                           . "Connection: close\r\n\r\n", method => $method);
}

sub shown { return $_[0] =~ s/([^\x21-\x7e])/sprintf '\\x%02x', ord $1/ger }


# What a permissive service could read as /admin, sent without a key. What
# counts: refused, and nothing reached the service.
my %row = (
    B1 => [ '//admin/x', '///admin', '/public//..//admin/x', '//public/x' ],
    B2 => [ '/./admin', '/public/../admin', '/public/%2e%2e/admin',
            '/admin/.', '/admin/..;/admin', '/public/.%2E/admin',
            '/public/x/../../admin', '/public/..%00/admin' ],
    B3 => [ '/public%2f..%2fadmin', '/public/%2e%2e%2fadmin', '/admin%2fx',
            '/public\..\admin', '/public%5c..%5cadmin', '/public/..%5cadmin',
            '/public/%2fadmin', '/public/..\admin' ],
    B4 => [ '/admin;x', '/admin;/x', '/;/admin', '/public;/../admin',
            '/public/;/../../admin', '/public/..;a=b/admin',
            '/public/%3b/../admin' ],
    B5 => [ '/admin#/public', '/public/#/../admin', '/%23/../admin',
            '/public/%23/../../admin' ],
    B6 => [ '/admin?/public/', '/admin?x=/status/', '/admin/x?path=/status/' ],
    B7 => [ '/prefix%2e%2e/admin', '/prefix../admin', '/prefix/%2e%2e/admin',
            '/pre%66ix/../admin', '/prefix/..%2fadmin' ],
    B8 => [ '/mypath%3Ffoo=bar', '/public/%252e%252e/admin',
            '/public/%25%32%65%2e/admin', '/public/%3f/../admin' ],
    B9 => [ '/admin/*', q{/admin/!$&'()*+,=:@}, '/admin/%00', '/admin/%0a',
            "/admin/\xff", '/admin/%ff', '/admin/%c0%ae%c0%ae/',
            '/admin/%', '/admin/%zz', '/public/%c0%ae%c0%ae/admin',
            "/public/\x01", "/public/x\ty" ],
    B10 => [ '/ADMIN', '/Admin%2Fx', '/admin.', '/admin%20' ],
    B21 => [ '/adminx', '/admin', '/admin/' ],
);
for my $row (sort { substr($a, 1) <=> substr($b, 1) } keys %row) {
    for my $target (@{ $row{$row} }) {
        $t->journal_clear;
        my $status = bytes($target)->status;
        like($status, qr/^40[014]$/, "$row: " . shown($target)
                                     . " without a key is refused");
        is(scalar $t->journal, 0, "$row: and seen by nobody");
    }
}

# With the key of a user, who is no admin: what is let through is another
# target for every reader
for my $target (map { @$_ } @row{qw(B1 B2 B3 B4 B5 B7 B8)}) {
    $t->journal_clear;
    my $res = bytes($target, key => $user);
    my ($seen) = $t->journal;
    ok(!$seen || $seen->target !~ m{^/+admin|/\.\./|[\\%;]}i,
       'a user gets nowhere near /admin with ' . shown($target))
        or diag($seen->target);
}
for my $target ('/admin', '/admin/', '/admin/x?y', '/adm%69n', '/%61dmin/x') {
    is(bytes($target, key => $user)->status, 403, "a user: $target");
    my $res = bytes($target, key => $root);
    is($res->status, 200, "an admin: $target");
    like($res->received->target, qr{^/admin}, "in its plain form: $target");
    is($res->received->header('X-Rule'), 'admin', "B8: for all: $target");
}

# B22: what the service receives is the canonical form, and that is its own
for my $case (
    [ '/public/%41%62c',         '/public/Abc' ],
    [ '/public/a%7eb%2db',       '/public/a~b-b' ],
    [ '/public/%c3%b6',          '/public/%C3%B6' ],
    [ '/public/a%20b',           '/public/a%20b' ],
    [ '/public/a+b@c:d',         '/public/a+b@c:d' ],
    [ '/public/x?a=%2f..%2f%2e', '/public/x?a=%2f..%2f%2e' ],
    [ '/public/?',               '/public/?' ],
    [ '/prefix/%41/%20',         '/A/%20' ],
    [ '/regex/%41%20',           '/regex/A%20' ],
    [ '/written/%41%20?q=%41',   '/w/A%20?q=%41' ],
    [ '/loose/a%2fb',            '/loose/a%2Fb' ],
    [ '/loose/a;b=%41',          '/loose/a;b=A' ],
    [ '/loose/%252e',            '/loose/%252e' ],
) {
    my ($sent, $received) = @$case;
    my $res = bytes($sent);
    is($res->received && $res->received->target, $received, "B22: $sent");
    $res = bytes($received);
    next if $received !~ m{^/(?:public|regex|loose)};
    is($res->received && $res->received->target, $received,
       "B22: whose canonical form is its own: $received");
}
is(bytes('/loose/..%2fadmin')->status, 400,
   'B3: dots beside an encoded slash are refused where the slash is not');
is(bytes('/loose/..;/admin')->status, 400, 'B4: also beside a semicolon');

# The refusal is as ours are
my $res = bytes('/admin%2fx', key => $root);
is($res->status, 400, 'an ambiguous target is refused to an admin too');
is($res->header('Content-Type'), 'application/problem+json',
   'with a problem document');
like($res->header('X-Request-Id'), qr/^[0-9a-f]{32}$/, 'and the request id');
ok((grep { ($_->{reason} // '') eq 'target_ambiguous' } $t->decisions),
   'and a line in the log');

# B10: spellings of one host are one host
for my $host ('LOCALHOST', 'localhost.', 'localhost:443') {
    is(bytes('/admin', host => $host)->status, 401, "B10: Host: $host");
}

# B11: other forms of a target
for my $case ([ 'http://localhost/admin', 401 ], [ 'http://other/admin', 401 ],
              [ 'HTTP://localhost/admin', 401 ], [ 'http:/admin', 400 ],
              [ 'http://localhost/public/../admin', 400 ],
              [ 'http://localhost?/public/', 401 ],
              [ 'http://localhost', 401 ], [ '*', 400 ], [ 'admin', 400 ],
              [ 'http://', 400 ], [ 'gopher://localhost/admin', 401 ])
{
    my ($target, $status) = @$case;
    $t->journal_clear;
    my $got = bytes($target);
    like($got->status, $status == 401 ? qr/^40[01]$/ : qr/^400$/,
         "B11: $target");
    is(scalar $t->journal, 0, 'B11: reaches nobody without a key');
}
is(bytes('http://localhost/public/x')->received->target, '/public/x',
   'B11: the service receives the path alone');
for my $case ([ 'http://other/public/x', 'localhost', 400 ],
              [ 'http://localhost:80/public/x', 'localhost', 400 ],
              [ 'http://localhos/public/x', 'localhost', 400 ],
              [ 'http://other', 'localhost', 400 ],
              [ 'http://other?/public/', 'localhost', 400 ],
              [ 'evil://localhost/public/x', 'localhost', 400 ],
              [ 'httpx://localhost/public/x', 'localhost', 400 ],
              [ 'HTTPS://localhost/public/x', 'localhost', 200 ],
              [ 'http://LOCALHOST:80/public/x', 'localhost:80', 200 ])
{
    my ($target, $host, $status) = @$case;
    $t->journal_clear;
    is(bytes($target, host => $host)->status, $status,
       "B11, C7: $target with Host: $host"
       . ($status == 400 ? ' names two hosts, or none of ours' : ''));
    is(scalar $t->journal, $status == 200 ? 1 : 0, 'and arrives accordingly');
}
is(bytes('*', method => 'OPTIONS')->status, 400, 'B11: OPTIONS *');

# B13: methods are words of their own
for my $method (qw(FOO get PROPFIND DELETE Get)) {
    $t->journal_clear;
    like(bytes('/exact', method => $method, key => $root)->status,
         qr/^40[0135]$/, "B13: $method is not GET");
    is(scalar $t->journal, 0, 'B13: and goes nowhere');
}
for my $method (qw(TRACE CONNECT)) {
    like(bytes('/public/x', method => $method)->status, qr/^40[05]$/,
         "B13: no $method");
}
is(bytes('/exact', method => 'HEAD', key => $root)->status, 200,
   'B13: what may GET may HEAD');

# B14: OPTIONS opens nothing
$t->journal_clear;
for my $headers ([], [ Origin => 'https://a' ],
                 [ 'X-HTTP-Method-Override' => 'DELETE' ],
                 [ Origin => 'https://a',
                   'Access-Control-Request-Method' => 'DELETE' ])
{
    is($t->request('OPTIONS', '/admin', headers => $headers, body => 'x')
         ->status, 401, "B14: OPTIONS with @$headers");
}
is(scalar $t->journal, 0, 'B14: and the service sees none of them');

# B15: nobody is told that another origin may read
for my $origin ('https://evil', 'null', 'https://localhost.evil') {
    is($t->get('/public/x', headers => [ Origin => $origin ])
         ->header('Access-Control-Allow-Origin'), undef,
       "B15: no origin is reflected: $origin");
}

# B20: TLS and Host name one server
sub tls {
    my ($sni, $host, %arg) = @_;
    my $http = $t->connect(tls => 1, port => $t->port('tls'), tls_options => {
        SSL_verifycn_scheme => 'none', SSL_verify_mode => 0,
        SSL_hostname => $sni });
    $http->send_raw("GET /b20 HTTP/1.1\r\nHost: $host\r\n\r\n");
    return $http->read_response('GET')->status;
}
$t->journal_clear;
is(tls('a.test', 'a.test'), 200, 'B20: a server by its own name');
is(tls('b.test', 'b.test'), 401, 'B20: another, which needs a key');
is(tls('a.test', 'b.test'), 421, 'B20: not one through the other');
is(tls('b.test', 'a.test'), 421, 'B20: nor the other way');
is(tls('a.test', 'A.TEST'), 200, 'B20: in any case of letters');
is(tls('', 'b.test'), 401, 'B20: no name in TLS: the rules of the Host');
is(scalar(grep { $_->target eq '/b20' } $t->journal), 2,
   'B20: and the service saw what was let through');

done_testing;
