# One id per request: in the answer, the log and the request to the service;
# from outside only where that is trusted.
use Gatehouse::Test;

my $t = Gatehouse::Test->new;
my $alice = $t->consumer('alice');
$t->start(server => <<'EOS', locations => <<'EOL');
    gatehouse_request_id       header=X-Request-Id trusted=127.0.0.9;
    gatehouse_trusted_proxies  127.0.0.9;
EOS
    location / {
        gatehouse_authenticate  api_key;
        proxy_set_header        X-Nginx-Id $request_id;
        proxy_pass              http://echo;
    }
EOL

my $PARENT = '4bf92f3577b34da6a3ce929d0e0e4736';
my $trace  = "00-$PARENT-00f067aa0ba902b7-01";
my @theirs = ('X-Request-Id' => 'chosen-by-me', traceparent => $trace,
              tracestate => 'vendor=1');

# Given a caller whom nobody trusts
my $res = $t->get('/a', key => $alice, headers => \@theirs);
my $got = $res->received;
my $id  = $res->header('X-Request-Id');
like($id, qr/^[0-9a-f]{32}$/, 'the id is ours');
is_deeply([ $got->headers('X-Request-Id') ], [$id],
          'the service has the same, once');
is($got->header('X-Nginx-Id'), $id, 'and so has $request_id of nginx');
is(scalar(() = $res->headers('X-Request-Id')), 1, 'the answer has it once');
ok($t->wait_for(sub { grep { $_->{request_id} eq $id } $t->decisions }, 5,
                'its line'), 'and the log has it');
is_deeply([ map { /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/ ? 'ours' : $_ }
            $got->headers('traceparent') ], ['ours'],
          'the service has one trace parent');
unlike($got->header('traceparent'), qr/$PARENT/,
       'nobody joins a trace from outside');
is($got->header('tracestate'), undef, 'nor brings its state along');

# Given a trusted proxy
$res = $t->get('/b', key => $alice, headers => \@theirs, from => '127.0.0.9');
is($res->header('X-Request-Id'), 'chosen-by-me', 'a trusted id is kept');
$got = $res->received;
is_deeply([ $got->headers('X-Request-Id') ], ['chosen-by-me'],
          'and passed on, once');
like($got->header('traceparent'), qr/^00-$PARENT-(?!00f067aa0ba902b7)/,
     'its trace goes on, under a span of ours');
is($got->header('tracestate'), 'vendor=1', 'with its state');
ok($t->wait_for(sub { grep { $_->{request_id} eq 'chosen-by-me' }
                      $t->decisions }, 5, 'its line'), 'the log has it');
for my $bad ('', 'a b', 'x' x 300, '"quoted"', "caf\xe9", 'a;b=<c>') {
    $res = $t->get('/c', key => $alice, from => '127.0.0.9',
                   headers => [ 'X-Request-Id' => $bad ]);
    like($res->header('X-Request-Id'), qr/^[0-9a-f]{32}$/,
         'an id that is none is not kept: ' . length($bad) . ' bytes');
}
for my $bad ('00-0-0-0', "00-" . '0' x 32 . '-00f067aa0ba902b7-01',
             "ff-$PARENT-00f067aa0ba902b7-01", "$trace-x", uc $trace)
{
    $got = $t->get('/c', key => $alice, from => '127.0.0.9', headers => [
        traceparent => $bad, tracestate => 'vendor=1' ])->received;
    is(scalar(() = $got->headers('traceparent')), 1,
       "one trace parent for: $bad");
    unlike($got->header('traceparent'), qr/\Q$bad\E|$PARENT/,
           'and another than that');
    is($got->header('tracestate'), undef, 'without its state');
}

# Refusals, ours and nginx's, have one too
$res = $t->get('/d');
is($res->json->{request_id} // $res->json->{instance} // '',
   $res->header('X-Request-Id'), 'a refusal names its id')
    if $res->json->{request_id} || $res->json->{instance};
like($res->body, qr/\Q@{[ $res->header('X-Request-Id') ]}\E/,
     'a refusal has its id in the document');
for my $bytes ("GET / HTTP/1.1\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
               "nonsense\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
{
    $res = $t->raw_request($bytes);
    is($res->status, 400, 'a request that no phase sees');
    like($res->header('X-Request-Id') // '', qr/^[0-9a-f]{32}$/,
         'has an id all the same');
}
$t->backend_set('echo', listen => 0);
like($t->get('/e', key => $alice)->header('X-Request-Id'),
     qr/^[0-9a-f]{32}$/, 'so has a 502');
$t->backend_set('echo');

# No id comes twice
my %ids;
my $keep = $t->connect;
$ids{ $t->get('/f', connection => $keep)->header('X-Request-Id') }++
    for 1 .. 300;
is(scalar keys %ids, 300, 'three hundred requests, as many ids');
undef $keep;

done_testing;
