# Bytes that two readers could cut into different requests are refused, or
# reach the service as one well-formed request (THREATS 1.C).
use Gatehouse::Test;
use Gatehouse::Test::Frames;

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

# C2: a Transfer-Encoding in disguise beside a length. The 62 shapes of the
# smugglers' lists, and each odd byte in each place where one was ever lost.
my @disguises = (
    'Transfer-Encoding : chunked', 'Transfer-Encoding  : chunked',
    ' Transfer-Encoding: chunked', "\tTransfer-Encoding: chunked",
    "Transfer-Encoding:\tchunked", "Transfer-Encoding\t:\tchunked",
    'Transfer-Encoding:chunked', 'Transfer-Encoding:  chunked',
    'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunkedx',
    'Transfer-Encoding: chunk', 'Transfer-Encoding:', 'Transfer-Encoding: ',
    'Transfer-Encoding: CHUNKED', 'TRANSFER-ENCODING: chunked',
    'tRANSFER-ENCODING: chunked', 'Transfer-Encoding: cHuNkEd',
    'Transfer-Encoding: identity', 'Transfer-Encoding: cow',
    'Transfer-Encoding: identity, chunked',
    'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: chunked,',
    'Transfer-Encoding: ,chunked', 'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: "chunked"',
    "Transfer-Encoding: 'chunked'", 'Transfer-Encoding: chunked;x=y',
    'Transfer-Encoding: chunked; q=0.5', 'Transfer-Encoding: chunked#',
    'Transfer-Encoding: chunked -', 'Transfer-Encoding: [chunked]',
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
    "Transfer-Encoding:\r\n chunked", "Transfer-Encoding:\r\n\tchunked",
    "Transfer-Encoding\r\n: chunked", "Transfer-Encoding\n: chunked",
    "Transfer-Encoding:\n chunked", "Transfer-Encoding: chunked\r\n x",
    "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
    "X: y\r\rTransfer-Encoding: chunked", "X: y\n\rTransfer-Encoding: chunked",
    "X:X\r\n Transfer-Encoding: chunked", 'Transfer_Encoding: chunked',
    'Transfer.Encoding: chunked', 'Transfer Encoding: chunked',
    'TransferEncoding: chunked', 'Transfer--Encoding: chunked',
    'Transfer-Encoding; chunked', 'Transfer-Encoding= chunked',
    'Transfer-Encoding chunked', 'X-Transfer-Encoding: chunked',
    'Foo Transfer-Encoding: chunked', 'X: Transfer-Encoding: chunked',
    'Content-Encoding: chunked', 'TE: chunked',
    "Connection: Transfer-Encoding\r\nTransfer-Encoding: xchunked",
);
for my $byte (map { chr } 0, 1, 4, 8, 9, 0xb, 0xc, 0xd, 0x1f, 0x20, 0x7f,
              0x85, 0xa0, 0xe9, 0xff)
{
    push @disguises,
        "Transfer-Encoding:${byte}chunked", "Transfer-Encoding${byte}: chunked",
        "${byte}Transfer-Encoding: chunked", "Transfer-Encoding: chunked$byte",
        "X: X${byte}Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked${byte}X: X",
        "X: X\r${byte}Transfer-Encoding: chunked",
        "X: X${byte}\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r${byte}X: X",
        "Transfer-Encoding: chunked${byte}\nX: X",
        "Transfer-${byte}Encoding: chunked";
}
my $chunked = "0\r\n\r\n$HIDDEN";
for my $te (@disguises) {
    $t->journal_clear;
    # the last request ends the connection, wherever its beginning is seen
    $t->raw("${POST}Content-Length: " . length($chunked) . "\r\n$te\r\n\r\n"
            . $chunked . "GET /open/last HTTP/1.1\r\nHost: localhost\r\n"
            . "Connection: close\r\n\r\n");
    my @saw = $t->journal;
    my $bad = join ', ', grep { $_ !~ m{^(?:POST /open/|GET /open/last)$} }
                         map { $_->method . ' ' . $_->target } @saw;
    $bad .= 'a body cut short' if @saw && $saw[0]->method eq 'POST'
                                  && $saw[0]->body ne $chunked;
    $bad .= ' Transfer-Encoding passed on'
        if grep { /^transfer.encoding/i } map { map { $_->[0] } $_->headers }
           @saw;
    is($bad, '', 'C2: hides nothing: "'
                 . ($te =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger)
                 . '"');
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

# and neither is one who comes after another that left in the middle, or
# whose headers did not fit the first buffer. The target says who asks.
$t->journal_clear;
$keep = $t->connect;
for my $i (1 .. ($ENV{GH_LONG} ? 3_000 : 90)) {
    my ($long, $n) = ('x' x (1 + $i * 97 % 6000), 1 + $i % 3);
    my $gone = $t->connect;
    my $text = "GET /alice/_delay/2/$i HTTP/1.1\r\nHost: localhost\r\n"
          . join('', map { "X-Long-$_: $long\r\n" } 1 .. $n)
          . "X-API-Key: $alice\r\n\r\n";
    $gone->send_raw($i % 4 ? $text : substr $text, 0, length($text) - $i % 60);
    undef $gone;
    $t->get("/bob/$i", connection => $keep, key => $bob, headers => [
        map { ("X-Long-$_" => $long) } 1 .. 1 + ($i + 1) % 3 ]);
}
undef $keep;
my %mixed;
for my $got ($t->journal) {
    my ($who) = $got->target =~ m{^/(\w+)/};
    $mixed{"$who as " . join ',', $got->headers('X-Principal')}++;
}
is(delete $mixed{'bob as consumer:bob'}, $ENV{GH_LONG} ? 3_000 : 90,
   'C12: who comes after one that left is served, as himself');
cmp_ok(delete $mixed{'alice as consumer:alice'} // 0, '>', 0,
       'C12: some of those that left had been let in');
is(join(', ', sort keys %mixed), '', 'C12: and nobody as anybody else');

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

# One request of these fields: its status (or "reset", "goaway", "nothing")
# and what the service saw
sub h2_asked {
    my ($data, @fields) = @_;
    $t->journal_clear;
    my $port = $t->port($t->nginx_version < 1_025_001 ? 'h2' : '');
    my $http = Gatehouse::Test::Frames->new($t->connect(port => $port));
    $http->ask(1, $data, @fields);
    my $frame = $http->until_frame(sub {
        my ($type, $stream) = @{ $_[0] }{qw(type stream)};
        return $type == 3 || $type == 7 || ($stream && $type == 1);
    }, 2 * Gatehouse::Test::slow());
    my $came = !$frame ? 'nothing' : $frame->{type} == 3 ? 'reset'
             : $frame->{type} == 7 ? 'goaway' : 'answer';
    return ($came, [ $t->journal ]);
}

sub h2_seen { return (h2_asked(@_))[1] }

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
    [ 'C7: no scheme', undef, @plain[0, 1, 4 .. 7] ],
    [ 'C7: a path twice', undef, @plain, ':path' => '/open/2' ],
    [ 'C7: an authority twice', undef, @plain, ':authority' => 'localhost' ],
    [ 'C7: an authority and another Host', undef, @plain, host => 'evil' ],
    [ 'C7: another Host before the path', undef, @plain[0 .. 3],
      host => 'evil', @plain[4 .. 7] ],
    [ 'C7: two Hosts', undef, @plain[0 .. 3, 6, 7], host => 'localhost',
      host => 'evil' ],
    [ 'C7: no host at all', undef, @plain[0 .. 3, 6, 7] ],
    [ 'C7: a host with a path', undef, @plain[0 .. 3],
      ':authority' => 'localhost/admin', @plain[6, 7] ],
    [ 'C7: an evil scheme', undef, @plain[0, 1], ':scheme' => 'evil',
      @plain[4 .. 7] ],
    [ 'C7: a scheme that almost is one', undef, @plain[0, 1],
      ':scheme' => 'httpx', @plain[4 .. 7] ],
    [ 'C7: a scheme with a host in it', undef, @plain[0, 1],
      ':scheme' => 'http://evil/?', @plain[4 .. 7] ],
    [ 'C7: a trailer of pseudo-headers', undef, ':status' => '200', @plain ],
    [ 'C5: two lengths', 'xx', ':method' => 'POST', @plain[2 .. 7],
      'content-length' => '2', 'content-length' => '2' ],
    [ 'D26: two Authorization headers', undef, @plain,
      authorization => 'Bearer a', authorization => 'Bearer b' ],
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
