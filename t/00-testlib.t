# The tools of the tests tell the truth: what the service behind received,
# what a client got, and what must not be in a log.
use Gatehouse::Test;

my $t = Gatehouse::Test->new(tls => 1, workers => 2, backends => ['orders'])
                       ->start(<<'EOF');
    location / {
        proxy_pass  http://echo;
    }
    location /orders/ {
        proxy_pass  http://orders;
    }
    location /chat {
        proxy_pass        http://echo;
        proxy_set_header  Upgrade $http_upgrade;
        proxy_set_header  Connection upgrade;
    }
    location /inner/ {
        internal;
        proxy_pass  http://orders;
    }
EOF

# What arrives is told byte for byte
my $got = $t->get('/hello%20you?x=1', headers => [ 'X-A' => 1, 'x-a' => 2 ]);
is($got->status, 200, 'a request is answered');
is($got->received->target, '/hello%20you?x=1', 'its target is told');
is_deeply([ $got->received->headers('X-A') ], [ 1, 2 ],
          'all headers of a name are told, in order');
is($t->raw_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->status, 200,
   'bytes are sent as they are');

# Bodies, on every kind of connection
my %way = (plain => {}, TLS => { tls => 1 }, 'HTTP/2' => { http2 => 1 },
           'HTTP/2 with TLS' => { http2 => 1, tls => 1 });
for my $way (sort keys %way) {
    my $body = 'x' x 100_000;
    is($t->post('/orders/', body => $body, %{ $way{$way} })
         ->received->body_length, 100_000, "a body arrives: $way");
}
is($t->post('/', body => [ 'one', 'two' ])->received->body, 'onetwo',
   'a chunked body arrives');
is($t->get('/', http2 => 1)->version, 'HTTP/2.0', 'HTTP/2 is HTTP/2');

# The backend does as it is told
is($t->get('/_status/404')->status, 404, 'a status is ordered by path');
is($t->get('/', headers => [ 'X-Echo' => 'status=418' ])->status, 418,
   'a status is ordered by header');
is($t->get('/_header/X-B:%201')->header('X-B'), 1, 'a header is ordered');
is(length $t->get('/_size/200000/_chunked')->body, 200_000,
   'a long chunked answer is ordered');
is($t->get('/_partial')->error, 'body cut off', 'half an answer is noticed');
is($t->get('/_accel/%2Finner%2F')->received->backend, 'orders',
   'X-Accel-Redirect is ordered');
my ($chat, $answer) = $t->websocket('/chat');
is($answer->status, 101, 'a websocket is granted');
$chat->send_raw('hello');
is($chat->read_bytes(5), 'hello', 'and carries bytes both ways');
undef $chat;

# The journal remembers, backends come and go
$t->journal_clear;
$t->get("/orders/$_") for 1 .. 3;
is(join(' ', map { $_->target } $t->journal('orders')),
   '/orders/1 /orders/2 /orders/3', 'the journal has each request');
is($t->counts->{orders}, 3, 'and counts them');
$t->backend_set('orders', listen => 0);
is($t->get('/orders/')->status, 502, 'a backend can be away');
$t->backend_set('orders');
wait_for(sub { $t->get('/orders/')->status == 200 }, 15, 'orders is back');

# Workers and configuration
is(scalar $t->workers, 2, 'two workers');
my @before = $t->workers;
$t->kill_worker;
isnt("@before", join(' ', $t->workers), 'a killed worker is replaced');
ok($t->reload, 'a reload takes place');
ok(!$t->reload('location / { nonsense; }'), 'a bad one is refused');
$t->allow_log(qr/unknown directive "nonsense"/);
is($t->get('/')->status, 200, 'and changes nothing');
like(Gatehouse::Test->new->conf_error("\n  nonsense;"),
     qr/^\[emerg\] unknown directive "nonsense" in locations\.conf:2$/m,
     'a message names the line of the test');

# What must not be in a log is found there
my $bad = $t->dir . '/logs/error.log';
my %look = (dir => $t->dir, allowed => [ qr/exited on signal 9|nonsense/ ],
            secrets => ['hunter2hunter2']);
$t->stop;
is(join("\n", Gatehouse::Test::Logs::complaints(%look)), '',
   'a clean log is clean');
my $clean = Gatehouse::Test::Logs::slurp($bad);
for my $line ('[alert] 1#1: something', '[info] key hunter2hunter2 seen',
              'x.c:1:2: runtime error: signed integer overflow')
{
    Gatehouse::Test::Config::write_file($bad, "$clean$line\n");
    like(join("\n", Gatehouse::Test::Logs::complaints(%look)),
         qr/\Q$line\E/, "found: $line");
}
Gatehouse::Test::Config::write_file($bad, $clean);

done_testing;
