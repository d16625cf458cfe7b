# The shared memory of a node: what it counts and remembers over reloads,
# killed workers and another size.
use Gatehouse::Test timeout => 240;

my $LOCATION = <<'EOF';
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
EOF


{
    # Given load while old workers and new ones serve side by side
    my $t = Gatehouse::Test->new(workers => 4, debug => 0,
                                 log_level => 'notice');
    my $alice = $t->consumer('alice');
    $t->start($LOCATION);

    my $load = $t->load('/', key => $alice->key, clients => 16,
                        seconds => 8);
    for (1 .. 5) {
        ok($t->reload, "reload $_");
    }
    $load->wait;

    # Then not one of them is counted twice or lost
    my %status = $load->status;
    is(join(' ', keys %status), '200', 'all are served');
    ok(wait_for(sub { $t->metric('gatehouse_requests_total')
                      == $load->requests }, 10, 'the same sum'),
       'and each is counted once');

    # When a worker is killed
    my $before = $t->metric('gatehouse_requests_total');
    for (1 .. 3) {
        $t->kill_worker;
    }
    is($t->get('/', key => $alice->key)->status, 200, 'the others serve');
    cmp_ok($t->metric('gatehouse_requests_total'), '>', $before,
           'what it had counted stays');
}


{
    # Given a consumer who has used up a plan
    my $t = Gatehouse::Test->new(workers => 2)->plans(slow => '2r/h');
    my $alice = $t->consumer('alice', plan => 'slow');
    $t->start($LOCATION);
    is(join(' ', map { $t->get('/', key => $alice->key)->status } 1 .. 3),
       '200 200 429', 'used up');

    # Then it stays so over a reload and a killed worker
    ok($t->reload, 'a reload');
    is($t->get('/', key => $alice->key)->status, 429, 'is no way around it');
    $t->kill_worker;
    is($t->get('/', key => $alice->key)->status, 429, 'a crash neither');

    # But not over another size, which makes the memory anew
    ok($t->reload(locations => $LOCATION, http => 'gatehouse_memory 8m;'),
       'another size');
    my $shared = ($ENV{GH_TEST_STORE} // '') eq 'redis';
    is($t->get('/', key => $alice->key)->status, $shared ? 429 : 200,
       $shared ? 'what Redis counts is in no memory of ours' : 'begins anew');
}


{
    # The smallest memory there is holds all that must be there
    my $t = Gatehouse::Test->new(workers => 4);
    my $alice = $t->consumer('alice');
    $t->start(locations => $LOCATION, http => 'gatehouse_memory 4m;');
    is($t->get('/', key => $alice->key)->status, 200, '4m is enough');
    $t->stop;

    like($t->conf_error(locations => $LOCATION,
                        http => 'gatehouse_memory 3m;'),
         qr/gatehouse_memory is too small: 3072k; at least 4096k/,
         '3m is not, and it is said');
}


{
    # Given the smallest memory, and somebody who has used up two an hour
    my $t = Gatehouse::Test->new(workers => 2, debug => 0, decisions => 0,
                                 log_level => 'notice')->plans(slow => '2r/h');
    my $alice = $t->consumer('alice', plan => 'slow');
    my $bob   = $t->consumer('bob', plan => 'slow');
    $t->start(http => 'gatehouse_memory 4m;', locations => $LOCATION . <<'EOF');
    location /flood {
        gatehouse_authenticate  off;
        gatehouse_limit         name=flood rate=1r/m burst=1 key=$request_id;
        proxy_pass              http://echo;
    }
EOF
    my %rates = (table => 'rates');
    is(join(' ', map { $t->get('/', key => $alice)->status } 1 .. 3),
       '200 200 429', 'given a small memory and a plan that is used up');
    is($t->metric('gatehouse_cells_evicted_total', %rates), 0,
       'with room enough');

    # When more counters are wanted than there is room for
    my (%status, $failed, $rounds);
    while (!$t->metric('gatehouse_cells_evicted_total', %rates)
           && $rounds++ < 40)
    {
        my $load = $t->load('/flood', clients => 16, seconds => 2)->wait;
        my %now = $load->status;
        $status{$_} += $now{$_} for keys %now;
        $failed += $load->failed;
    }

    # Then that is said and counted, and nobody is refused for it or let off
    cmp_ok($t->metric('gatehouse_cells_evicted_total', %rates), '>', 0,
           '4.1: counters that were given up are counted');
    cmp_ok($t->metric('gatehouse_cells_used', %rates), '>', 10_000,
           '4.1: of a table that is full');
    is(join(' ', sort keys %status) . " $failed", '200 0',
       '4.1: a full memory is no reason for a 500 or a 429');
    is($t->get('/', key => $alice)->status, 429,
       '4.1: what is farther from empty is not given up');
    is(join(' ', map { $t->get('/', key => $bob)->status } 1 .. 3),
       '200 200 429', '4.1: and a limit that is new still counts');
    $t->kill_worker;
    is($t->get('/', key => $alice)->status, 429, '4.1: after a crash as well');
}

done_testing;
