# Bytes that two readers could cut into different requests are refused, or
# reach the service as one well-formed request (THREATS 1.C).
use Gatehouse::Test;

my $t = Gatehouse::Test->new;
my ($alice, $bob) = $t->consumers(2);
$t->start(<<'EOF');
    location / {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /open/ {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
EOF

my $HIDDEN = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
my $POST   = "POST /open/ HTTP/1.1\r\nHost: localhost\r\n";


# What the service saw after these bytes, as "METHOD target"
sub seen {
    my ($bytes) = @_;
    $t->journal_clear;
    my $all = $t->raw($bytes, timeout => 0.2);
    my ($status) = $all =~ m{^HTTP/1\.1 (\d+)};
    return ($status // 0, [ map { $_->method . ' ' . $_->target }
                            $t->journal ], $all);
}


# C1, C5: two framings, or one that is none
for my $case (
    [ 'both framings', "Content-Length: 6\r\nTransfer-Encoding: chunked" ],
    [ 'both, the other way',
      "Transfer-Encoding: chunked\r\nContent-Length: 6" ],
    [ 'two lengths', "Content-Length: 5\r\nContent-Length: 6" ],
    [ 'a list of lengths', 'Content-Length: 5, 5' ],
    [ 'a signed length', 'Content-Length: +5' ],
    [ 'a negative length', 'Content-Length: -5' ],
    [ 'a hexadecimal length', 'Content-Length: 0x5' ],
    [ 'an empty length', 'Content-Length: ' ],
    [ 'an endless length', 'Content-Length: ' . '9' x 30 ],
) {
    my ($what, $headers) = @$case;
    my ($status, $saw) = seen("$POST$headers\r\n\r\n0\r\n\r\n$HIDDEN");
    is($status, 400, "C1, C5: $what is refused");
    is("@$saw", '', "C1, C5: and reaches nobody");
}

# C2: a Transfer-Encoding in disguise beside a length
for my $te ('Transfer-Encoding : chunked', "Transfer-Encoding:\tchunked",
            "Transfer-Encoding: xchunked", 'Transfer-Encoding: chunked ',
            "Transfer-Encoding:\x0bchunked", "\x0bTransfer-Encoding: chunked",
            ' Transfer-Encoding: chunked', "Transfer-Encoding: chunked\x00",
            'Transfer-Encoding: identity, chunked',
            'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: "chunked"',
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            "X: y\nTransfer-Encoding: chunked", 'Transfer_Encoding: chunked',
            "X: y\rTransfer-Encoding: chunked", 'Transfer-Encoding: CHUNKED',
            "Transfer-Encoding:\r\n chunked", "Transfer-Encoding\r\n: chunked",
            'TRANSFER-ENCODING: chunked;x=y', "Transfer-Encoding: \xe9chunked",
            'Transfer-Encoding: chunk', 'Transfer-Encoding:', 'Foo Transfer-'
            . 'Encoding: chunked', 'Transfer.Encoding: chunked')
{
    my $name = $te =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger;
    my $body = "0\r\n\r\n$HIDDEN";
    my ($status, $saw) = seen("${POST}Content-Length: " . length($body)
                              . "\r\n$te\r\n\r\n$body");
    unlike("@$saw", qr/hidden/, "C2: nothing is hidden behind \"$name\"");
    cmp_ok(scalar @$saw, '<=', 1, "C2: one request at most: \"$name\"");
}
my ($status, $saw) = seen("POST /open/ HTTP/1.0\r\nHost: localhost\r\n"
                          . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
is("$status @$saw", '400 ', 'C1: HTTP/1.0 knows no chunks');

# C3: chunks that are none
for my $size ('-1', '+1', '0x1', 'g', '', ' 1', 'ffffffffffffffff1', '1 1',
              '1_0')
{
    ($status, $saw) = seen("${POST}Transfer-Encoding: chunked\r\n\r\n"
                           . "$size\r\nx\r\n0\r\n\r\n$HIDDEN");
    unlike("@$saw", qr/hidden/, "C3: a chunk of size \"$size\" hides nothing");
}
for my $chunks ("1;a=b\r\nx\r\n0\r\n\r\n", "1\nx\n0\n\n",
                "1;a=\"\n\"\r\nx\r\n0\r\n\r\n", "01\r\nx\r\n00\r\n\r\n")
{
    my $name = $chunks =~ s/\r/\\r/gr =~ s/\n/\\n/gr;
    ($status, $saw) = seen("${POST}Transfer-Encoding: chunked\r\n\r\n$chunks");
    if ($status == 200) {
        my ($got) = $t->journal;
        is($got->body, 'x', "C3: framed anew: $name");
    } else {
        is("$status @$saw", '400 ', "C3: refused: $name");
    }
}

# C4: ends and beginnings of lines
for my $line ("X-A: b\r\n folded", "X-A : b", "X-A: b\x00c", " X-A: b",
              ": b", "X-A\r\n\tb: c", "X-A: b\rX-Principal: admin", "\x00: b")
{
    my $name = $line =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger;
    $t->journal_clear;
    my $res = $t->raw_request("GET /open/ HTTP/1.1\r\nHost: localhost\r\n"
                              . "$line\r\n\r\n");
    my ($got) = $t->journal;
    ok($res->status == 400
       || !grep({ $_->[0] =~ /principal|[\s\0]|^$/i
                  || $_->[1] =~ /[\r\n\0]/ } $got->headers),
       "C4: refused or dropped: $name") or diag($res->body);
}

# C10, C11: a refusal before the body keeps the connection in step
my $body = $HIDDEN x 3;
for my $way ('length', 'chunks') {
    my $keep = $t->connect;
    $t->journal_clear;
    my $res = $t->request('POST', '/api', connection => $keep,
                          body => $way eq 'length' ? $body : [ $body ]);
    is($res->status, 401, "C10: refused before its body was read: $way");
    $res = $t->get('/api/next', connection => $keep, key => $alice);
    ok($res->status == 200 || $res->error, "C10: then one answer for the next");
    unlike(join(' ', map { $_->target } $t->journal), qr/hidden/,
           'C10: and none for what the body looked like');
}
my ($first, $none, $all)
    = seen("POST /api HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
           . length($HIDDEN) . "\r\n\r\n$HIDDEN");
is(scalar(() = $all =~ m{HTTP/1\.1 \d}g), 1, 'C10: one request, one answer');

# C12: nobody is taken for the one before, on any connection
my $keep = $t->connect;
my $wrong = 0;
for my $i (1 .. ($ENV{GH_LONG} ? 10_000 : 300)) {
    my ($key, $name) = $i % 2 ? ($alice, 'alice') : ($bob, 'bob');
    $keep = $t->connect if $i % 400 == 0;
    my $got = $t->get("/x/$i", connection => $keep, key => $key)->received;
    $wrong++ if !$got || $got->header('X-Principal') ne "consumer:$name";
    $wrong++ if $i % 50 == 0 && $t->get('/x/', connection => $keep)->status
                                != 401;
}
is($wrong, 0, 'C12: two callers in turn over one connection are two');
undef $keep;

# C13: a trailer is no header
my $res = $t->raw_request("${POST}Transfer-Encoding: chunked\r\nTrailer: "
    . "X-Principal\r\n\r\n1\r\nx\r\n0\r\nX-Principal: admin\r\nX-API-Key: "
    . "$alice\r\nAuthorization: Bearer x\r\n\r\n");
my $got = $res->received;
is(join(',', map { $got->headers($_) } qw(X-Principal Authorization
                                          X-API-Key)), '',
   'C13: a trailer is merged into nothing') if $got;
is($t->raw_request("POST /api HTTP/1.1\r\nHost: localhost\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n0\r\nX-API-Key: $alice\r\n\r\n")
     ->status, 401, 'C13: and a key in one is none');
is($t->raw_request("POST /api HTTP/1.1\r\nHost: localhost\r\nExpect: "
    . "100-continue\r\nContent-Length: 5\r\n\r\n", method => 'POST')->status,
   401, 'C13: a refusal waits for no body');

# C14: this is no forward proxy
for my $line ('CONNECT localhost:80', 'GET http://169.254.169.254/') {
    ($status, $saw) = seen("$line HTTP/1.1\r\nHost: localhost\r\n\r\n");
    like($status, qr/^40[015]$/, "C14: $line is refused");
    is("@$saw", '', 'C14: and goes nowhere');
}


# ---- HTTP/2, frame by frame ------------------------------------------------

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}

# Literal fields without indexing or Huffman codes (RFC 7541 section 6.2.2)
sub fields {
    my $block = '';
    while (my ($name, $value) = splice @_, 0, 2) {
        $block .= "\0" . pack('C', length $name) . $name
                . pack('C', length $value) . $value;
    }
    return $block;
}

# One request of these fields: what the service saw
sub h2_seen {
    my ($data, @fields) = @_;
    $t->journal_clear;
    my $port = $t->port($t->nginx_version < 1_025_001 ? 'h2' : '');
    my $http = $t->connect(port => $port);
    $http->send_raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '')
                    . frame(1, defined $data ? 4 : 5, 1, fields(@fields))
                    . (defined $data ? frame(0, 1, 1, $data) : ''));
    # an answer, a reset or a farewell: wait for that frame
    while (defined(my $head = $http->read_bytes(9, 2))) {
        last if length $head < 9;
        my ($len, $type, undef, $stream) = unpack 'NCCN', "\0$head";
        $http->read_bytes($len, 2);
        last if $type == 3 || $type == 7 || ($stream && $type == 1);
    }
    return [ $t->journal ];
}

my @plain = (':method' => 'GET', ':scheme' => 'http',
             ':authority' => 'localhost', ':path' => '/open/');
is(scalar @{ h2_seen(undef, @plain) }, 1, 'C6: a plain request arrives');

for my $case (
    [ 'B11: a path without a slash', undef,
      @plain[0 .. 5], ':path' => 'admin' ],
    [ 'B11: a star', undef, @plain[0 .. 5], ':path' => '*' ],
    [ 'C6: a request line in the path', undef, @plain[0 .. 5],
      ':path' => "/open/ HTTP/1.1\r\nX-Principal: admin\r\n\r\n" ],
    [ 'C6: a header in a value', undef, @plain,
      'x-a' => "b\r\nX-Principal: admin" ],
    [ 'C6: a zero in a value', undef, @plain, 'x-a' => "b\0c" ],
    [ 'C6: a length that is not the data\'s', 'xx', ':method' => 'POST',
      @plain[2 .. 7], 'content-length' => '5' ],
    [ 'C6: a length without data', undef, @plain, 'content-length' => '5' ],
    [ 'C7: a method twice', undef, @plain, ':method' => 'POST' ],
    [ 'C7: an unknown pseudo-header', undef, @plain, ':admin' => 'yes' ],
    [ 'C7: a path after a header', undef, @plain[0 .. 5], 'x-a' => 'b',
      ':path' => '/open/' ],
    [ 'C7: no method', undef, @plain[2 .. 7] ],
    [ 'C7: no path', undef, @plain[0 .. 5] ],
) {
    my ($what, $data, @fields) = @$case;
    my $saw = h2_seen($data, @fields);
    my @bad = grep { $_->target !~ m{^/open/$} || $what !~ /after a header/ }
              @$saw;
    is(scalar @bad, 0, "$what: reaches nobody")
        or diag(map { $_->line } @bad);
}
for my $case (
    [ 'a header in a name',   'x-a: b' => 'c' ],
    [ 'a name in capitals',   'X-Principal' => 'admin' ],
    [ 'a space in a name',    'x principal' => 'admin' ],
    [ 'a Transfer-Encoding',  'transfer-encoding' => 'chunked' ],
    [ 'a Connection',         'connection' => 'x-principal' ],
) {
    my ($what, $name, $value) = @$case;
    my @lines = map { $_->headers } @{ h2_seen(undef, @plain,
                                               $name => $value) };
    is(scalar(grep { $_->[1] eq $value && $value ne 'close' } @lines), 0,
       "C6: $what reaches nobody");
}

is($t->get('/api', key => $alice)->status, 200, 'and all is well afterwards');
done_testing;
