# What a signed request is for its signer: every algorithm, every body
# however it comes, what the service behind is told, other labels on the way.
use Gatehouse::Test timeout => 240;
use Gatehouse::Test::Signature;


# Given a consumer with a key of each algorithm
my $t    = Gatehouse::Test->new(workers => 2, tls => 1);
my %keys = map { $_ => Gatehouse::Test::Signature->new(algorithm => $_) }
           qw(hmac-sha256 ed25519 ecdsa-p256-sha256 ecdsa-p384-sha384
              rsa-pss-sha512 rsa-v1_5-sha256);
my $key  = $keys{'hmac-sha256'};
my $ed   = $keys{ed25519};
my $acme = $t->consumer('acme', groups => [ 'partner' ], credentials => {
    signatures => [ map { $_->declared($t) } values %keys ] });
my $other = Gatehouse::Test::Signature->new(keyid => 'theirs');

$t->start(server => 'gatehouse_signature ahead=0s;', locations => <<'EOF');
    gatehouse_bad_credentials off;
    location / {
        gatehouse_authenticate  signature;
        proxy_pass              http://echo;
    }
    location /small {
        gatehouse_authenticate   signature;
        client_body_buffer_size  1k;
        client_max_body_size     200k;
        proxy_pass               http://echo;
    }
    location /unbuffered {
        gatehouse_authenticate   signature;
        proxy_request_buffering  off;
        proxy_http_version       1.1;
        proxy_pass               http://echo;
    }
    location /mirrored {
        gatehouse_authenticate  signature;
        mirror                  /copy;
        proxy_pass              http://echo;
    }
    location = /copy {
        internal;
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
    location /chat {
        gatehouse_authenticate  signature;
        proxy_set_header        Upgrade    $http_upgrade;
        proxy_set_header        Connection upgrade;
        proxy_http_version      1.1;
        proxy_pass              http://echo;
    }
    location /keeps {
        gatehouse_authenticate  signature;
        gatehouse_forward       credentials;
        proxy_pass              http://echo;
    }
    location /more {
        gatehouse_authenticate  signature;
        gatehouse_signature     components=@method,@target-uri,date ahead=0s
                                nonce=optional;
        proxy_pass              http://echo;
    }
    location /label {
        gatehouse_authenticate  signature;
        gatehouse_signature     label=mine ahead=0s;
        proxy_pass              http://echo;
    }
    location /tag {
        gatehouse_authenticate  signature;
        gatehouse_signature     tag=orders ahead=0s;
        proxy_pass              http://echo;
    }
    location /both {
        gatehouse_authenticate  api_key signature;
        proxy_pass              http://echo;
    }
    location /signature-first {
        gatehouse_authenticate  signature api_key;
        proxy_pass              http://echo;
    }
    location /optional {
        gatehouse_authenticate  optional signature;
        proxy_pass              http://echo;
    }
    location /fallback {
        gatehouse_authenticate  signature;
        error_page 502 = @second;
        proxy_pass              http://127.0.0.1:%%PORT_nobody%%;
    }
    location @second {
        gatehouse_authenticate  signature;
        proxy_pass              http://echo;
    }
    location /stricter {
        gatehouse_authenticate  signature;
        error_page 502 = @stricter;
        proxy_pass              http://127.0.0.1:%%PORT_nobody%%;
    }
    location @stricter {
        gatehouse_authenticate  signature;
        gatehouse_signature     components=@method,x-more ahead=0s;
        proxy_pass              http://echo;
    }
    location /any {
        satisfy any;
        deny all;
        gatehouse_authenticate  signature;
        proxy_pass              http://echo;
    }
EOF

# a node that has just started vouches for nothing older than itself
my $started = time;
wait_for(sub { time > $started }, 3, 'a second has passed');

# signs as $by and sends
sub send_signed {
    my ($by, $method, $target, %arg) = @_;
    my $host = $arg{host} // ($arg{http2}
        ? '127.0.0.1:' . $t->port($arg{tls} ? 'tls'
                          : $t->nginx_version < 1_025_001 ? 'h2' : '')
        : 'localhost');
    my @headers = @{ $arg{headers} || [] };

    return $t->request($method, $target,
        body => $arg{body}, http2 => $arg{http2}, tls => $arg{tls},
        key => $arg{key}, ($arg{http2} ? () : (host => $host)),
        headers => [ @headers, $by->sign($method, $target,
            scheme => $arg{tls} ? 'https' : 'http', %arg, host => $host,
            headers => \@headers) ]);
}


# When each key signs, then its consumer is let through
for my $algorithm (sort keys %keys) {
    my $res = send_signed($keys{$algorithm}, 'GET', '/orders?id=7&x=%20');
    is($res->status, 200, "$algorithm lets its consumer in");
    is($res->received->header('X-Principal'), 'consumer:acme',
       "$algorithm: the service knows who calls");
    is(send_signed($keys{$algorithm}, 'GET', '/o', alg => $algorithm)->status,
       200, "$algorithm may be named in alg");
}

my $res = send_signed($key, 'POST', '/orders', body => '{"hello": "world"}');
my $got = $res->received;
is($got->header('X-Principal-Method'), 'signature', 'and by which proof');
is($got->header('X-Principal-Groups'), 'partner', 'groups come along');
ok(!defined $got->header($_), "$_ stays here") for qw(Signature Signature-Input);
like($got->header('Content-Digest'), qr/^sha-256=:/,
     'the digest of the body goes on');
is($got->body, '{"hello": "world"}', 'and so does the body');

my ($line) = grep { $_->{status} == 200 } $t->decisions(1);
is(join(' ', @$line{qw(method consumer)}) =~ /acme/ ? 'acme' : '', 'acme',
   'the decision line names the consumer');

$got = send_signed($key, 'GET', '/keeps')->received;
like($got->header('Signature'), qr/^sig=:/, 'credentials go on where asked');


# Bodies of all kinds arrive whole
my %body = (empty => '', short => 'x' x 10, 'in pieces' =>
            [ 'abc', 'd' x 5000, 'e' ],
            long => join '', map { chr(97 + $_ % 26) } 0 .. 99_999);

for my $where ('/', '/small') {
    for my $what (sort keys %body) {
        my $text = ref $body{$what} ? join '', @{ $body{$what} } : $body{$what};
        for my $how ([ 'HTTP/1.1' ], [ 'HTTP/2', http2 => 1 ],
                     [ 'HTTP/2 with TLS', http2 => 1, tls => 1 ]) {
            my ($name, @how) = @$how;
            my $res = send_signed($key, 'POST', $where, body => $body{$what},
                                  @how, digest => $what eq 'short'
                                                ? 'sha-512' : 'sha-256');
            is($res->status . ' ' . ($res->received ? $res->received->body_length
                                                    : '-'),
               '200 ' . length $text, "$where: a body $what by $name");
        }
    }
}

for my $where ('/unbuffered', '/mirrored') {
    is(send_signed($key, 'POST', $where, body => [ 'abc', 'd' x 70_000 ])
           ->received->body_length, 70_003, "$where: the body is whole");
    $t->journal_clear;
    is(send_signed($key, 'POST', $where, body => 'pay 1',
                   digest => Gatehouse::Test::Signature::digest(undef, 'pay 9'))
           ->status, 401, "F9: $where: another body");
    is(scalar(() = $t->journal), 0, 'of which nobody behind saw a byte');
}
is(send_signed($key, 'POST', '/small', body => 'x' x 300_000)->status, 413,
   'K9: a body beyond the limit is refused');
is(send_signed($key, 'POST', '/small', body => [ ('x' x 50_000) x 6 ])->status,
   413, 'K9: also when its length is not said');

$res = send_signed($key, 'PUT', '/', body => 'both',
    digest => Gatehouse::Test::Signature::digest('sha-512', 'both') . ', '
            . Gatehouse::Test::Signature::digest('sha-256', 'both')
            . ', md5=:YWJj:');
is($res->status, 200, 'F9: several digests that all hold');

for my $as ('content-digest;key="sha-256"', 'content-digest;bs') {
    is(send_signed($key, 'POST', '/', body => 'x', components =>
           [ qw(@method @authority @path @query), $as ])->status, 200,
       "F9: the digest covered as $as");
}

# A body that comes slowly is waited for, also when its client asks first
my $http = $t->connect;
my %h = $key->sign('POST', '/', body => 'slowly');
$http->send_raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n"
    . "Expect: 100-continue\r\n" . join('', map { "$_: $h{$_}\r\n" } keys %h)
    . "\r\n");
like($http->read_until(qr/\r\n\r\n/), qr{^HTTP/1.1 100},
     'a right signature gets its go-ahead');
$http->send_raw('slo');
is(send_signed($key, 'GET', '/')->status, 200, 'others are served meanwhile');
$http->send_raw('wly');
is($http->read_response('POST')->status, 200, 'the rest lets it in');


# What the location requires, and no more, must be covered
my $date = 'Tue, 20 Apr 2021 02:07:55 GMT';
is(send_signed($key, 'GET', '/more?a', headers => [ Date => $date ],
       components => [ qw(@method @target-uri date) ], nonce => undef)->status,
   200, 'other components, no nonce');
is(send_signed($key, 'GET', '/more?a', headers => [ Date => $date ],
       nonce => undef)->status, 401, 'date is missed');
is(send_signed($key, 'GET', '/more?a', tls => 1, headers => [ Date => $date ],
       components => [ qw(@method @target-uri date @scheme) ],
       nonce => undef)->status, 200, 'the scheme is that of the connection');
is(send_signed($key, 'GET', '/a?b=1&c=2', components =>
       [ '@method', '@authority', '@request-target',
         '@query-param;name="c"' ])->status, 200,
   '@request-target stands for path and query');

# An absolute target has an authority of its own
for my $components ([ qw(@method @authority @path @query) ],
                    [ qw(@method @authority @request-target) ]) {
    my $is_target = grep { $_ eq '@request-target' } @$components;
    my %h = $key->sign('GET', '/abs?x', components => $components,
        base => sub {
            $_[0] =~ s{"\@request-target": /}{"\@request-target": http://localhost/}r
        });
    my $text = join '', map { "$_: $h{$_}\r\n" } keys %h;
    is($t->raw_request("GET http://localhost/abs?x HTTP/1.1\r\n"
           . "Host: localhost\r\n$text\r\n")->status, 200,
       'F12: an absolute target' . ($is_target ? ' as it was sent'
                                               : ' says the same'));
}


# Others sign on the way, too
my %mine   = $key->sign('GET', '/x');
my %theirs = $other->sign('GET', '/x', label => 'proxy', nonce => undef);
is($t->get('/x', headers => [ map { $_ => "$theirs{$_}, $mine{$_}" }
                              qw(Signature Signature-Input) ])->status,
   200, 'F11: the label whose key is ours counts');
is($t->get('/x', headers => [ %theirs, $key->sign('GET', '/x') ])->status, 200,
   'F11: in lines of their own, too');
is(send_signed($key, 'GET', '/label', label => 'mine')->status, 200,
   'the label that is asked for');
is(send_signed($key, 'GET', '/label', label => 'sig')->status, 401,
   'F11: another label is nobody');
is(send_signed($key, 'GET', '/tag', tag => 'orders')->status, 200,
   'the tag that is asked for');
is(send_signed($key, 'GET', '/tag', tag => 'login')->status, 401,
   'F11: a signature for another application');


# Different kinds: the first method on the line that finds one decides
is(send_signed($key, 'GET', '/both', key => $acme)->received
       ->header('X-Principal-Method'), 'api_key', 'the key decides');
$got = send_signed($key, 'GET', '/signature-first', key => $acme)->received;
is($got->header('X-Principal-Method'), 'signature', 'the signature decides');
ok(!defined $got->header('X-API-Key'), 'the other kind is taken away');
is($t->get('/optional')->status, 200, 'optional lets anybody in');
is($t->get('/optional', headers => [ Signature => 'sig=:YQ==:' ])->status, 401,
   'F5: but no signature that is wrong');

# A refusal says what to sign
$res = $t->get('/more');
is($res->status, 401, 'no signature, no entry');
is($res->header('WWW-Authenticate'), 'Signature realm="gatehouse"',
   'the scheme');
is($res->header('Accept-Signature'),
   'sig=("@method" "@target-uri" "date");created', 'and what to cover');
is($t->post('/', body => 'x')->header('Accept-Signature'),
   'sig=("@method" "@authority" "@path" "@query" "content-digest");created',
   'with a body, its digest');
is($t->get('/tag')->header('Accept-Signature'),
   'sig=("@method" "@authority" "@path" "@query");created;tag="orders"',
   'with its tag');
ok(!defined $t->get('/both', key => $acme)->header('Accept-Signature'),
   'nobody else is told');


# Inner redirects keep what was verified, and use no nonce twice
is(send_signed($key, 'POST', '/fallback', body => 'again')->status, 200,
   'verified under a location of equal methods');
is(send_signed($key, 'POST', '/stricter', body => 'again')->status, 401,
   'a location that requires more asks again');
is(send_signed($key, 'GET', '/any')->status, 200, 'satisfy any: admitted');
is($t->get('/any')->status, 401, 'satisfy any: nobody is');


# Who is suspended, and whose key left the policies, is out
my ($status, $out, $err) = $t->tool('consumer', 'suspend', 'acme');
is($status, 0, 'the tool suspends') or diag("$out$err");
wait_for(sub { send_signed($key, 'GET', '/')->status == 401 }, 5,
         'a suspended consumer signs in vain');
$t->tool('consumer', 'resume', 'acme');
wait_for(sub { send_signed($key, 'GET', '/')->status == 200 }, 5, 'resumed');

# The worker that it reaches may not have heard of it yet
my ($chat, $opened);
wait_for(sub {
    ($chat, $opened) =
        $t->websocket('/chat', headers => [ $ed->sign('GET', '/chat') ]);
    return $opened->status == 101;
}, 5, 'a signed websocket to be opened');
is($opened->status, 101, 'a signed websocket is opened');
delete $t->{policies}{consumers}{acme}{credentials}{signatures};
$t->apply_policies;
$chat->read_all(10);
is($chat->error, 'closed', 'and closed when its key leaves the policies');
is(send_signed($key, 'GET', '/')->status, 401,
   'a key that left the policies lets nobody in');



# What nginx -t says
for my $case (
    [ 'components=@path,@status', 'unknown component "@status" in gatehouse_signature; components are:' ],
    [ 'components=@path,Date', 'unknown component "Date"' ],
    [ 'components=@path,', 'unknown component ""' ],
    [ 'components=@path,@path', '"@path" is named twice' ],
    [ 'components=@path components=date', 'names components= twice' ],
    [ 'skew=0s', 'takes skew= from 1s to 1h' ],
    [ 'skew=2h', 'takes skew= from 1s to 1h' ],
    [ 'ahead=61s', 'takes ahead= from 0s to 60s' ],
    [ 'nonce=never', 'unexpected "nonce=never" in gatehouse_signature; words are: components=NAME' ],
    [ 'label=A', 'unexpected "label=A"' ],
    [ 'tag="a b"', 'unexpected "tag=' ],
)
{
    my ($words, $message) = @$case;
    my $said = $t->conf_error(locations => <<"EOF");
    location / {
        gatehouse_authenticate  signature;
        gatehouse_signature     $words;
        proxy_pass              http://echo;
    }
EOF
    like($said, qr/\Q$message\E/, "gatehouse_signature $words");
}

my ($text) = $t->conf_test(locations => <<'EOF');
    location / {
        gatehouse_authenticate  signature;
        gatehouse_signature     components=@method,@path;
        proxy_pass              http://echo;
    }
EOF
like($text, qr/does not require content-digest/, 'bodies left open are warned of');


# A proxy that is trusted takes TLS off and says so
$t->restart(server => "gatehouse_signature ahead=0s;\n"
                    . 'gatehouse_trusted_proxies 127.0.0.2;',
            locations => <<'EOF');
    location / {
        gatehouse_authenticate  api_key signature;
        proxy_pass              http://echo;
    }
EOF
$t->{policies}{consumers}{acme}{credentials}{signatures} = [ $key->declared($t) ];
$t->apply_policies;
$started = time;
wait_for(sub { time > $started }, 3, 'a second has passed');

for my $from ('127.0.0.2', '127.0.0.3') {
    my $trusted = $from eq '127.0.0.2';
    my $res = $t->get('/', from => $from, headers => [
        'X-Forwarded-Proto' => 'https',
        $key->sign('GET', '/', scheme => 'https', components =>
            [ qw(@method @target-uri) ]) ]);
    is($res->status, $trusted ? 200 : 401,
       'X-Forwarded-Proto of a proxy that is ' . ($trusted ? '' : 'not ')
       . 'trusted');
}

done_testing;
