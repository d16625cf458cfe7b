# The status listener: /metrics, /status and /ready, for this machine only
# and in words that were declared (THREATS M6).
use Gatehouse::Test;

END { system("umount -l $main::mounted") if $main::mounted }


# Given a gateway that has let in and refused
my $t = Gatehouse::Test->new(workers => 2);
$t->services(orders => { default_version => 'v1', versions => { v1 => {
    deployments => { blue => { upstream => 'echo' } } } } });
my $key = $t->consumers(1);
$t->start(http => <<'EOH', locations => <<'EOL');
    server {
        listen 127.0.0.1:%%PORT_told%%;
        gatehouse_status allow=127.0.0.9;
    }
EOH
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_service       orders;
        proxy_pass              http://gatehouse;
    }
EOL
$t->get('/private/alice@example.com', key => $key) for 1 .. 3;
$t->get('/', key => 'wrong');
$t->get('/');

# Then it counts, over all workers
wait_for(sub { ($t->metric('gatehouse_decisions_total') // 0) >= 5 }, 5,
         'five decisions');
is($t->metric('gatehouse_decisions_total', decision => 'allowed'), 3,
   'what was let in');
is($t->metric('gatehouse_decisions_total', decision => 'refused'), 2,
   'what was refused');
is($t->metric('gatehouse_requests_total', service => 'orders',
              version => 'v1', deployment => 'blue', status => '2xx'), 3,
   'requests of a deployment');
is($t->metric('gatehouse_request_duration_seconds_count',
              service => 'orders', deployment => 'blue'), 3,
   'and how long they took');
is($t->metric('gatehouse_policies_generation'), $t->generation,
   'the policies in force');
is($t->metric('gatehouse_store_available'), 1, 'the store');

# In Prometheus's format
my $text = $t->metrics;
my (%type, @wrong);
for (split /\n/, $text) {
    if (/^# TYPE (\w+) (counter|gauge|histogram)$/) {
        push @wrong, "twice: $_" if $type{$1}++;
        next;
    }
    next if /^# HELP \w+ \S.*$/;
    my ($name) = /^(\w+)(?:\{\w+="(?:[^"\\\n]|\\[\\"n])*"
                   (?:,\w+="(?:[^"\\\n]|\\[\\"n])*")*\})?\ [-+.\deE]+$/x;
    my $family = ($name // '') =~ s/_(?:bucket|sum|count)$//r;
    push @wrong, $_ if !defined $name || !($type{$name} || $type{$family});
}
is(join("\n", @wrong), '', 'each line is a comment or a sample of a family');
like($text, qr/\n\z/, 'the last one ends');
like($t->status_get('/metrics')->header('Content-Type'),
     qr{^text/plain; version=0\.0\.4}, 'and its type says so');

# M6: nothing of a request is a label
unlike($text, qr/alice|private|wrong|127\.0\.0\.1|localhost/,
       'M6: no user, path, key or host in the metrics');

# /status and /ready
my $status = $t->status;
is($status->{policies}{generation}, $t->generation, 'status knows the set');
ok($status->{store}{available}, 'and that the store answers');
is($t->ready, 200, 'ready');
is($t->status_get('/status')->header('Cache-Control'), 'no-store',
   'nobody keeps a page of it');
unlike($t->status_get('/status')->body, qr/\Q$key\E/, 'no key is in it');
is($t->status_get('/nothing')->status, 404, 'there is nothing else');
is($t->request('POST', '/status', port => $t->port('status'),
               host => '127.0.0.1')->status, 405, 'and nothing to write');

# Only for this machine, under names that no foreign page can take
for ([ localhost => 200 ], [ '127.0.0.1' => 200 ], [ '[::1]' => 200 ],
     [ 'evil.test' => 403 ], [ 'localhost.evil.test' => 403 ],
     [ '127.0.0.1.evil.test' => 403 ])
{
    is($t->get('/status', port => $t->port('status'), host => $_->[0])
         ->status, $_->[1], "Host: $_->[0]: $_->[1]");
}
is($t->get('/status', port => $t->port('told'), from => '127.0.0.9')
     ->status, 200, 'who was named may ask');
is($t->get('/status', port => $t->port('told'))->status, 403,
   'and then nobody else');


{
    # Given two workers that nobody has asked for the service yet
    my $t = Gatehouse::Test->new(workers => 2);
    $t->services(orders => { default_version => 'v1', versions => { v1 => {
        deployments => {
            blue  => { upstream => 'echo', initial_weight => '100%' },
            green => { upstream => 'echo', initial_weight => '0%' } } } } });
    $t->start(<<'EOF');
    location / {
        gatehouse_authenticate  off;
        gatehouse_service       orders;
        proxy_pass              http://gatehouse;
    }
EOF

    my $all_say = sub {
        my ($blue, $change) = @_;
        return !grep {
            my $v = $t->status->{traffic}{'orders/v1'};
            $v->{weights}{blue} != $blue || $v->{change} != $change
        } 1 .. 12;
    };
    ok(wait_for(sub { $all_say->(10000, 0) }, 5, 'the weights'),
       'weights are those of the file');

    # When the tool changes them, twice
    for my $n (1, 2) {
        my ($done) = $t->tool('traffic', 'set', 'orders/v1',
                              'green=' . (20 + 10 * $n) . '%', '--wait');
        is($done, 0, "weights are changed, $n");

        # Then every worker says so, without a request to the service
        ok(wait_for(sub { $all_say->(8000 - 1000 * $n, $n) }, 5,
                    'the new weights'),
           'and status shows those of the store, whichever worker answers');
    }
    like($t->status->{traffic}{'orders/v1'}{as_of},
         qr/^\d{4}-\d\d-\d\dT/, 'it says when they were that');
}


SKIP: {
    # Given a store on a disk of its own
    my $t = Gatehouse::Test->new(workers => 1,
                                 store => 'lmdb:%%DIR%%/state');
    my $disk = $t->dir . '/state';
    $t->plans(slow => '100r/day');
    my $alice = $t->consumers(1, plan => 'slow');
    $t->prepare('');
    skip 'needs a disk of its own', 6
        if $> != 0 || system("mount -t tmpfs -o size=2m,mode=700 none $disk "
                             . '2>/dev/null') != 0;
    our $mounted = $disk;
    chown +(getpwnam $t->{user})[2, 3], $disk;
    $t->start(<<'EOF');
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
EOF
    my $store = sub { $t->status->{store} };
    is($t->get('/', key => $alice)->status, 200, 'a disk takes writes');
    wait_for(sub { $store->()->{writable} }, 5, 'a write');
    ok(!exists $store->()->{why}, 'and status has nothing to explain');

    # When it is full, and the next reservation of a quota is to be written
    open my $fill, '>', "$disk/fill" or die "$!\n";
    1 while syswrite $fill, 'x' x 4096;
    close $fill;
    wait_for(sub { $t->get('/', key => $alice); !$store->()->{writable} },
             20, 'a write that fails');

    # Then status says so, and why, and so does the tool
    ok($store->()->{available}, 'it is still there to be read');
    like($store->()->{why}, qr/no space left/, 'why it takes no writes');
    is($store->()->{dropped}, 0, 'nothing was dropped for want of room');
    like(($t->tool('status'))[1], qr/^store +\w+, available, NOT WRITABLE;/m,
         'the tool says so');
    unlink "$disk/fill";
    $t->stop;
    system("umount -l $disk");
    $mounted = undef;
}

done_testing;
