# alone: it loads the machine
# Nothing that an operator does and nothing that dies costs a request that is
# not inside what died, and nothing that was acknowledged is lost (THREATS
# 4.1: worker crash, reload, store).
use Gatehouse::Test timeout => 400;

my $SECONDS = $ENV{GH_CHAOS_SECONDS} || 5;
my $CLIENTS = 16;
my $RATE    = ($ENV{GH_CHAOS_RATE} || 600) / Gatehouse::Test::slow();

# Given four workers and a service with two deployments
my $t = Gatehouse::Test->new(workers => 4, debug => 0,
                             backends => [qw(blue green)]);
$t->plans(default => '1000000r/s', gold => '1000000r/s burst=1000');
$t->services(orders => { default_version => 'v1', versions => { v1 => {
    deployments => { blue  => { upstream => 'blue',
                                initial_weight => '100%' },
                     green => { upstream => 'green',
                                initial_weight => '0%' } } } } });
my @consumers = $t->consumers(4, plan => 'gold');

my $LOCATION = <<'EOF';
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        gatehouse_limit         name=all rate=1000000r/s;
        gatehouse_service       orders;
        add_header              X-Deployment $gatehouse_deployment;
        proxy_pass              http://gatehouse;
    }
EOF
$t->start($LOCATION);

sub begin_load {
    return $t->load('/', clients => $CLIENTS, seconds => $SECONDS,
                    rate => $RATE,
                    each => [ map { { key => $_ } } @consumers ]);
}

sub said {
    my ($load) = @_;
    my %status = $load->status;
    return join ' ', map { "$_=$status{$_}" } sort keys %status;
}

sub tool_ok {
    my (@arg) = @_;
    my ($status, $out, $err) = $t->tool(@arg);
    die "gatehouse @arg: $status $err\n" if $status != 0;
    return $out;
}

my ($changes, $generations, $reloads, @keys) = (0, 0, 0);

# One of what an operator does, in turn.
sub operate {
    my ($n) = @_;

    if ($n % 4 == 0) {
        tool_ok('traffic', 'switch', 'orders/v1', $n % 8 ? 'green' : 'blue');
        $changes++;
    } elsif ($n % 4 == 1) {
        $t->consumers(1, plan => 'gold');
        $generations++;
    } elsif ($n % 4 == 2) {
        my ($key) = tool_ok('key', 'create', $consumers[0]->name)
                    =~ /^(gh_\S+)$/m;
        $t->plant_secret($key);
        push @keys, $key;
    } else {
        die "the reload was refused\n" if !$t->reload;
        $reloads++;
    }
    return;
}

sub ended { my ($end) = @_; return Time::HiRes::time() > $end }


# When under load weights, policies, keys and the configuration change
my $load = begin_load();
my $end  = Time::HiRes::time() + $SECONDS - 1;
my $n    = 0;
operate($n++) until ended($end);
$load->wait;

# Then nobody notices
is($load->failed, 0, "$changes switches, $generations policy sets, "
   . scalar(@keys) . " keys, $reloads reloads: no request failed");
is(said($load), '200=' . $load->requests, 'and each was served');
cmp_ok($load->requests, '>', $RATE * $SECONDS / 4, 'under load, that is');
is(scalar(grep { $t->get('/', key => $_)->status != 200 } @keys), 0,
   'every key that was acknowledged works');


# When the tool is killed wherever it is
my $acknowledged = history_ids();
$load = begin_load();
$end  = Time::HiRes::time() + $SECONDS - 1;
my ($killed, $done, $last) = (0, 0, undef);
my $i = 0;

until (ended($end)) {
    my $to = $i++ % 2 ? 'green' : 'blue';
    my ($was_done, $id) = switch_and_kill($to, ($i % 12) * 0.002);
    $was_done ? $done++ : $killed++;
    $acknowledged->{$id} = 1 if defined $id;
}
$load->wait;

# Then what it said it did stands, whole, and the requests go on
is($load->failed, 0, "the tool was killed $killed times, and done $done: no "
   . 'request failed');
is(said($load), '200=' . $load->requests, 'and each was served');
my $history = history_ids();
is(scalar(grep { !$history->{$_} } keys %$acknowledged), 0,
   'every change that was acknowledged is in the history');
is(join(' ', sort { $a <=> $b } keys %$history),
   join(' ', 1 .. keys %$history), 'which has no holes');
my ($newest) = grep { $_->{subject} eq 'traffic orders/v1' } history();
my ($side)   = grep { $newest->{after}{$_} eq '100%' } qw(blue green);
wait_for(sub {
    $t->get('/', key => $consumers[0])->header('X-Deployment') eq $side
}, 5, 'the newest change in the history is in force');
tool_ok('traffic', 'switch', 'orders/v1', 'green', '--wait');
is($t->get('/', key => $consumers[0])->header('X-Deployment'), 'green',
   'and the next change is made as ever');


# When workers are killed with requests inside
$t->backend_set($_, delay => 15) for qw(blue green);
$load = begin_load();
$end  = Time::HiRes::time() + $SECONDS - 1;
my @kills;    # [connections of clients that it held, from when, to when]

until (ended($end)) {
    my ($victim) = $t->workers;
    my $begin = 1e6 * Time::HiRes::time();
    kill 'STOP', $victim;
    wait_for(sub { Gatehouse::Test::Logs::slurp("/proc/$victim/stat")
                       =~ /\) [TZ] / }, 5, 'it to stop');
    my $held = held_by($victim);
    $t->kill_worker(pid => $victim);
    push @kills, [ $held, $begin, 1e6 * Time::HiRes::time() ];
    operate($n++) if @kills % 3 == 0;
    Time::HiRes::sleep(0.2);
}
$load->wait;

# Then only what was inside is lost: a connection that the worker held has at
# most one request in it. (A client asks again, once, if a kept connection ends
# before a byte of the answer, be it by a kill or by a reload.)
my $held = 0;
$held += $_->[0] for @kills;
cmp_ok($load->failed, '<=', $held, @kills . ' workers were killed, which held '
       . "$held connections: of " . $load->requests . ' requests '
       . $load->failed . ' were lost and ' . $load->retried . ' repeated');
my @lost    = grep { $_->[2] == 0 } $load->log;
my @outside = grep { !defined killed_in($_) } @lost;
is(scalar @outside, 0, 'each of them was under way when a worker was killed');
my %lost_in;
$lost_in{ killed_in($_) }++ for @lost;
is(join(' ', grep { $lost_in{$_} > $kills[$_][0] } sort keys %lost_in), '',
   'and no kill cost more than the worker had inside');
like(said($load), qr/^(?:0=\d+ )?200=\d+$/, 'nobody else noticed');
is(scalar(grep { $t->get('/', key => $_)->status != 200 } @keys), 0,
   'every key that was acknowledged works');
is($t->ready, 200, 'and the gateway is ready');
ok(!$t->status->{policies}{invalid}, 'its policies are in force');
ok($t->status->{store}{available}, 'its store answers');

# A worker killed while it holds locks in shared memory leaves none behind
is(scalar(grep { $t->get('/', key => $consumers[$_ % 4])->status != 200 }
          1 .. 100), 0, 'and nothing it held is held still');

done_testing;


# Connections that clients have with a worker: sockets of its own whose local
# port is the server's, established.
sub held_by {
    my ($pid) = @_;
    my %own = map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () }
              glob "/proc/$pid/fd/*";
    my $port = sprintf ':%04X', $t->port;

    open my $fh, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    return scalar grep {
        my @field = split;
        $field[1] =~ /\Q$port\E$/ && $field[3] eq '01' && $own{ $field[9] };
    } <$fh>;
}

# The number of the kill that a request was under way in; undef: of none.
sub killed_in {
    my ($request) = @_;
    my ($begin, $end) = @$request;
    my ($found) = grep { $begin <= $kills[$_][2] && $kills[$_][1] <= $end }
                  0 .. $#kills;
    return $found;
}

# Newest first.
sub history {
    my $json = tool_ok('history', '--json', '--limit', '0');
    return @{ JSON::PP->new->utf8->decode($json)->{history} };
}

sub history_ids { return { map { $_->{change} => 1 } history() } }


# (true if it ended by itself well, the id it said)
sub switch_and_kill {
    my ($to, $after_s) = @_;
    my $build = Gatehouse::Test::build();
    my $pid   = open(my $out, '-|') // die "fork: $!\n";

    if (!$pid) {
        open STDERR, '>', '/dev/null';
        exec "$build/gatehouse", '-c', $t->dir . '/nginx.conf', '--json',
             'traffic', 'switch', 'orders/v1', $to
            or POSIX::_exit(127);
    }

    Time::HiRes::sleep($after_s);
    kill 'KILL', $pid;
    my $text = do { local $/; <$out> } // '';
    close $out;
    my $well = $? == 0;
    my ($id) = $text =~ /"change":\s*"?(\d+)/;
    return ($well, $id);
}
