# The scripts by which nodes share a rate, run by a real Redis on a clock of
# the story's own: whatever nodes do, lose, or ask twice, what was spent in any
# window is no more than its burst and what came back in it.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use IO::Socket::INET;

my $SEED  = $ENV{GH_SEED} // 20261123;
my $STEPS = $ENV{GH_LEASE_STEPS} // 3000;
my $LIFE  = 1_000_000;
my $SERIAL = 0;

my $redis  = Gatehouse::Test::Redis->new;
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                   PeerPort => $redis->port)
    or die "redis: $!\n";

my $lease = script('LEASE');
my $beat  = script('BEAT');
my $clock = <<'LUA';
local real, n = redis, #ARGV
local redis = { pcall = real.pcall, call = function(c, ...)
  if c == 'TIME' then return {ARGV[n - 1], ARGV[n]} end
  return real.call(c, ...)
end }
LUA

note("seed $SEED");
srand $SEED;


# ---- whatever happens ----------------------------------------------------------

for my $case ([1, 1, 10], [3, 2, 10], [5, 20, 10], [4, 200, 1], [2, 7, 250],
              [6, 12, 0.05])
{
    my ($nodes, $burst, $interval_ms) = @{$case};
    my $run = Sim->new($nodes, $burst, $interval_ms * 1000);
    $run->step for 1 .. $STEPS;

    my $worst = worst($run->{spent}, $burst, 1 / $run->{interval});
    cmp_ok($worst, '<=', 1e-6,
           "$nodes nodes, burst $burst, one each $interval_ms ms: no window "
           . 'exceeds its bound (' . @{ $run->{spent} } . ' were spent, '
           . "the clock was set $run->{steps} times)");
    is($run->{over}, 0, 'and at no time is more out than there is');
    cmp_ok(scalar @{ $run->{spent} }, '>', 10, 'something was spent');
}


# ---- one node, step by step ------------------------------------------------------

my $now = 1_800_000_000_000_000;
my $told; # by how much the last asking was late
my %ask = (key => 'gh:{limit:steps}', burst => 100, interval => 10_000);

is(join(' ', asked(%ask, need => 1)), 'ok 1 99000',
   'a bucket that nobody knows is full, and one who waits gets one');
is(join(' ', asked(%ask, need => 1, after => 100)), 'ok 3 96000',
   'what was spent quickly is likely to be spent again');
is(join(' ', asked(%ask, need => 1, unspent => 3, after => 10_000)),
   'ok 0 97000', 'nothing is added to what is still there');
is(join(' ', asked(%ask, need => 80, unspent => 0, after => 1000)),
   'ok 80 17000', 'those who wait get all there is');
is(join(' ', asked(%ask, need => 80, unspent => 0, after => 1000)),
   'ok 17 100', 'and no more');
is(join(' ', asked(%ask, need => 1, unspent => 0, after => 1000)),
   'ok 0 200', 'then nothing');
is(join(' ', asked(%ask, need => 1, unspent => 0, after => 9_000_000)),
   'ok 1 99000', 'until it has come back');
is(join(' ', asked(%ask, need => 0, unspent => 0, node => 'b' x 16)),
   'ok 0 99000', 'one who has spent nothing gets nothing in advance');

%ask = (key => 'gh:{limit:costs}', burst => 100, interval => 10_000);
asked(%ask, need => 95);
is(join(' ', asked(%ask, need => 8, least => 8, unspent => 0)), 'ok 0 5000',
   'what is too little for anybody who waits stays in the bucket');
is(join(' ', asked(%ask, need => 8, least => 8, unspent => 3)), 'ok 5 0',
   'with what the node has it is enough');
is(join(' ', asked(%ask, need => 9, least => 1, unspent => 0, after => 20_000)),
   'ok 2 0', 'others who wait can use it');

%ask = (key => 'gh:{limit:steps}', burst => 100, interval => 10_000);
# What a node does not spend in time is lost, and a slow limit brings it back
# late: once an hour, and once in ten seconds.
for my $slow ([ 3_600_000_000, 1 ], [ 10_000_000, 4 ]) {
    my ($interval, $granted) = @$slow;
    my %slow = (key => "gh:{limit:slow$granted}", burst => 20,
                interval => $interval);
    asked(%slow, need => 8);
    is((asked(%slow, need => 1, after => 1000))[1], $granted,
       "of one in $interval us $granted are handed out");
}

is((asked(%ask, serial => 5, need => 1))[0], 'conflict',
   'an asking that comes after a later one is refused');
is((asked(%ask, need => 1, late => 500_001))[0], 'absent',
   'so is one that was under way for long, or came by a clock that was set');
is((asked(%ask, need => 1, late => -250_001))[0], 'absent',
   'and one that will only be sent');
asked(%ask, need => 1, late => 5000);
is($told, 0, 'who is a little late is not told');
asked(%ask, need => 1, late => 5001);
is($told, 5001, 'who is later is, by how much');


# ---- what is lost, and clocks ------------------------------------------------------

%ask = (key => 'gh:{limit:lost}', burst => 100, interval => 10_000);
is(join(' ', asked(%ask, need => 1, since => $now)), 'ok 0 0',
   'what Redis has lost begins empty');
is(join(' ', asked(%ask, need => 1, since => $now, after => 10_000)), 'ok 1 0',
   'and fills at the rate, from when it was lost: not at once');
%ask = (key => 'gh:{limit:lost2}', burst => 100, interval => 10_000);
is(join(' ', asked(%ask, need => 1, since => $now - 500_000)), 'ok 1 49000',
   'half a second later half of the burst of one second is there');

%ask = (key => 'gh:{limit:run}', burst => 100, interval => 10_000);
asked(%ask, need => 1);
is(join(' ', asked(%ask, need => 1, run => 'c' x 16, since => $now + 1,
                   unspent => 1)),
   'ok 0 0', 'a bucket of another run may have lost takings: it is empty');

%ask = (key => 'gh:{limit:way}', burst => 100, interval => 10_000);
my %look = (%ask, need => 0, node => 'b' x 16);
asked(%ask, need => 60);
is(join(' ', asked(%look, after => 200_000, late => 150_000)), 'ok 0 40000',
   'what comes back while others may hold what is out has no room,');
is(join(' ', asked(%look, after => 1_100_000, late => 250_000)), 'ok 0 40000',
   'nor what comes back on the way,');
is(join(' ', asked(%look)), 'ok 0 40000', 'or afterwards,');
asked(%look, after => 200_000);
is((asked(%ask, need => 50, after => 1))[1], 50, 'given room again');
is(join(' ', asked(%look, after => 100_000, late => 100_000)), 'ok 0 10000',
   'what comes back on the way is not there yet,');
is(join(' ', asked(%look)), 'ok 0 20000', 'but for the next one');

my $hour = 3_600_000_000;
%ask = (key => 'gh:{limit:clock}', burst => 100, interval => 10_000);
asked(%ask, need => 100);
is((asked(%ask, need => 1, after => $hour, late => $hour))[0], 'absent',
   'an hour that only Redis knows of is not believed,');
is(join(' ', asked(%ask, need => 1, epoch => 2, set => $hour)), 'ok 0 0',
   'it fills nothing when it is known as a step,');
is((asked(%ask, need => 1, set => 0, late => $hour))[0], 'absent',
   'whoever does not know it must ask first,');
is((asked(%ask, need => 1, set => $hour))[0], 'absent',
   'or knows of it by another name,');
is((asked(%ask, need => 1, epoch => 2, set => $hour, after => 20_000))[1], 1,
   'and then it fills as ever');
is((asked(%ask, need => 9, epoch => 3, set => $hour, after => 50_000))[1], 6,
   'while another step is told, too');
is(join(' ', asked(%ask, need => 1, epoch => 3, set => $hour,
                   after => -$hour)),
   'ok 0 0', 'a clock that was set back fills nothing');
is((asked(%ask, need => 9, epoch => 3, set => $hour, after => 20_000))[1], 2,
   'and then it fills as ever');
is(join(' ', asked(%ask, need => 1, epoch => 1003, after => $hour)),
   'ok 0 0', 'when all that was known of steps is lost no time has passed');
is((asked(%ask, need => 9, epoch => 1003, after => 20_000))[1], 2,
   'and then it fills as ever');
is((asked(%ask, need => 1, epoch => 2003, after => 100, late => 200_000))[1],
   0, 'nor has any for one that was under way,');
is((asked(%ask, need => 9, epoch => 2003, after => 100))[1], 0,
   'and it is not made good');

%ask = (key => 'gh:{limit:stands}', burst => 100, interval => 1_000_000);
asked(%ask, need => 10);
%look = (%ask, need => 0, node => 'b' x 16);
asked(%look, after => 50_000, late => 450_000);
is(join(' ', asked(%look, node => 'c' x 16, after => 900_000)), 'ok 0 90000',
   'what is out stands for as long as it may be spent, whoever asks late');
is(join(' ', asked(%look, node => 'c' x 16, after => 1_000_000)),
   'ok 0 90649', 'and comes back after 1.3 s');


# ---- garbage -----------------------------------------------------------------------

my $n = 0;
for my $junk ('', 'x', '1', "1 aaaaaaaaaaaaaaaa 1 50 $now junk",
              "1 aaaaaaaaaaaaaaaa 1 nan $now", "1 aaaaaaaaaaaaaaaa 1 inf $now",
              "1 aaaaaaaaaaaaaaaa 1 1e999 $now",
              "1 aaaaaaaaaaaaaaaa 1 -5 $now", '|' x 40_000,
              "1 aaaaaaaaaaaaaaaa 1 50 99999999999999999999",
              "1 aaaaaaaaaaaaaaaa 1 50 $now|zz 1 1 1 1",
              "1 aaaaaaaaaaaaaaaa 1 50 $now|" . 'd' x 16 . ' '
              . '9' x 300 . " $now 1 1",
              packed('NaN', $now), packed('Inf', $now), packed('-Inf', $now),
              packed(1e300, $now), packed(50, ~0),
              packed(50, $now) . pack('a16 Q<4', 'zz', (~0) x 4),
              packed(50, $now) . pack('a16 Q<4', 'a' x 16, ~0, $now, 1, 1),
              packed(50, $now) . 'junk', packed(50, $now) . "\xff" x 48 x 999,
              "\2" x 41, "\xff" x 89, "\0" x 100, 'y' x 1_000_000)
{
    my $key = 'gh:{limit:junk' . $n++ . '}';
    command('SET', $key, $junk);
    my ($word, $granted) = asked(key => $key, burst => 100,
                                 interval => 10_000, need => 200);
    ok($word eq 'ok' && $granted >= 0 && $granted <= 100,
       'junk gives no more than a burst: '
       . substr($junk, 0, 30) =~ s/[^ -~]/./gr . ' of ' . length $junk)
        or diag "$word $granted";
}
for my $type (['LPUSH', 'a'], ['SADD', 'a'], ['HSET', 'a', 'b'],
              ['XADD', '*', 'a', 'b'], ['ZADD', 1, 'a'])
{
    my ($verb, @rest) = @{$type};
    my $key = "gh:{limit:$verb}";
    command($verb, $key, @rest);
    is(join(' ', asked(key => $key, burst => 100, interval => 10_000,
                       need => 1)),
       'ok 0 0', "another type ($verb) is an empty bucket");
    is((asked(key => $key, burst => 100, interval => 10_000, need => 1,
              after => 10_000))[1], 1, 'which fills');
}


# ---- a beat --------------------------------------------------------------------------

my ($one, $two) = ('a' x 16, 'b' x 16);
my ($since, $epoch, $nodes) = beats($one, 'aa', '-');
is("$since $nodes", '0 1', 'the first node of all knows of no loss');
is((beats($two, 'aa', '-'))[2], 2, 'two are two');
is((beats($one, 'aa', 'aa'))[0], 0, 'and nothing is lost');
is((beats($one, 'aa', 'aa', after => 11_000_000))[2], 1,
   'who is silent for ten seconds does not count');

($since, my $next) = beats($one, 'cc', 'aa', after => 1000);
is($since, $now, 'another run has lost what is missing, from now on');
cmp_ok($next, '>', $epoch, 'and is another epoch');
is((beats($two, 'cc', '-', after => 1000))[0], $since, 'for everybody');

command('DEL', 'gh:{nodes}');
is((beats($two, 'cc', '-', after => 1000))[0], 0,
   'one who knows nothing may believe to be the first');
is((beats($one, 'cc', 'aa', after => 1000))[0], $now,
   'until one comes who knows another run');
command('DEL', 'gh:{nodes}');
is((beats($one, 'cc', 'cc', after => 1000))[0], $now,
   'or one who knows that this run had nodes');

my ($before, $was) = beats($one, 'cc', 'cc');
my @told = beats($one, 'cc', 'cc', ended => $was, step => 1_000_000,
                 after => 2_000_000);
is($told[1], $was + 1, 'a clock that was set ends an epoch');
is($told[4], 1_000_000, 'it is remembered by how much,');
is($told[3], $now - 1_000_000, 'which is no time');
is($told[0], $before, 'counters outlive a second');
is(join(' ', beats($two, 'cc', 'cc', ended => $was, step => 999_000)),
   "@told[0, 1] 2 @told[3, 4]", 'the same step counts once');
@told = beats($two, 'cc', 'cc', ended => $was + 1, step => 5_000_000,
              after => 5_000_001);
is("@told[1, 3, 4]", join(' ', $was + 2, $now - 6_000_000, 6_000_000),
   'the next one is added');
is($told[0], $told[3], 'and counters may have ended by it');
@told = beats($one, 'dd', 'cc', after => 1000);
is($told[4], 6_000_000, 'another run is the same clock');
cmp_ok($told[1], '>=', 1000 * int 1 + $was / 1000,
       'though another thousand of epochs');

for my $junk (['SET', 'x'], ['LPUSH', 'x'], ['HSET', 'run', 'cc'],
              ['HSET', 'run', 'cc', 'since', 'x', 'epoch', 'y'])
{
    my ($verb, @rest) = @{$junk};
    command('DEL', 'gh:{nodes}');
    command($verb, 'gh:{nodes}', @rest);
    ($since, $epoch, $nodes) = beats($one, 'cc', '-', after => 1000);
    is("$since $nodes", "$now 1", "junk (@{$junk}) counts as a loss");
}

command('DEL', 'gh:{nodes}');
beats($one, 'cc', '-', after => 1000);
command('HSET', 'gh:{nodes}', 'set', $now + 1001);
is(join(' ', (beats($one, 'cc', 'cc', after => 1000))[0, 3, 4]),
   "$now $now 0", 'a step from before there was time counts as a loss');

# What nodes are told is always a time, an epoch and a number that they read.
for my $number (qw(-5 -1000000000000000 nan -inf inf 1e300 0x10 1.5 +7),
                '9' x 20, '9' x 309, '', ' 7', "7\0", '7 ')
{
    for my $field (qw(since epoch set)) {
        command('DEL', 'gh:{nodes}');
        ($since, $epoch) = beats($one, 'cc', '-', after => 1000);
        command('HSET', 'gh:{nodes}', $field, $number);
        ($since, my $later) = beats($one, 'cc', 'cc', after => 1000);
        my $shown = length $number > 30 ? '9 x 309' : $number =~ s/\0/\\0/r;
        is($since, $now, "$field \"$shown\" counts as a loss");
        like($later, qr/^\d{1,15}\z/, 'in an epoch that can be read');
        is(join(' ', (beats($one, 'cc', 'cc', after => 1000))[0, 1]),
           "$since $later", 'and then all is as ever');
    }
    is((beats($one, 'cc', 'cc'))[4], 0, 'and no step is remembered');
    command('HSET', 'gh:{nodes}', "node:$two", $number);
    is((beats($one, 'cc', 'cc', after => 1000))[2], 1,
       'who was never there does not count');
}

done_testing;


# A script of the header, as the compiler reads it.
sub script {
    my ($name) = @_;
    open my $fh, '<', 'module/io/gh_redis_lease_scripts.h' or die "$!\n";
    my $text = join '', <$fh>;
    close $fh or die "$!\n";
    my ($body) = $text =~ /define GH_REDIS_LUA_SCRIPT_$name\b(.*?[^\\])\n\n/s
        or die "no script $name\n";
    my $out = join '', $body =~ /"((?:[^"\\]|\\.)*)"/g;
    $out =~ s/\\n/\n/g;
    return $out;
}


# What Redis answers, elements of an array as a list.
sub command {
    my (@words) = @_;
    local $/ = "\r\n";
    print {$socket} '*' . @words . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @words;
    return reply();
}


sub reply {
    local $/ = "\r\n";
    my $line = <$socket> // die "redis has gone\n";
    chomp $line;
    my ($type, $rest) = $line =~ /^(.)(.*)$/;
    die "redis: $rest\n" if $type eq '-';
    return map { reply() } 1 .. $rest if $type eq '*';
    return $rest if $type ne '$';
    return if $rest < 0;
    read $socket, my $text, $rest + 2;
    return substr $text, 0, $rest;
}


sub packed {
    my ($level, $at) = @_;
    return pack 'C a16 Q< d< Q<', 2, 'a' x 16, 1, $level, $at;
}


sub asked {
    my (%o) = @_;
    $now += $o{after} // 0;
    (my $word, $told, my ($granted, $level)) = command(
        'EVAL', $clock . $lease, 1, $o{key}, $o{node} // 'a' x 16,
        $o{run} // 'a' x 16, $o{since} // 0, $o{epoch} // 1,
        $o{set} // 0, $now - ($o{set} // 0) - ($o{late} // 0),
        $o{burst}, $o{interval} * 1000, $o{serial} // ++$SERIAL + 1000,
        $o{unspent} // 0, $o{need}, 50, $o{least} // 0,
        int $now / 1e6, $now % 1_000_000);
    return ($word, $granted, $level);
}


sub beats {
    my ($node, $run, $known, %o) = @_;
    $now += $o{after} // 0;
    return command('EVAL', $clock . $beat, 1, 'gh:{nodes}', $node, $run,
                   $known, $o{ended} // '-', $o{step} // 0, int $now / 1e6,
                   $now % 1_000_000);
}


# By how much the worst window exceeds burst + rate x T (per us).
sub worst {
    my ($at, $burst, $rate) = @_;
    my ($least, $worst, $i) = (undef, -$burst, 0);

    for my $t (sort { $a <=> $b } @{$at}) {
        my $before = $i - $rate * $t;
        $least = $before if !defined $least || $before < $least;
        my $excess = ++$i - $rate * $t - $least - $burst;
        $worst = $excess if $excess > $worst;
    }

    return $worst;
}


# Nodes that spend by the rules of gh_lease.h, and lose what can be lost.
package Sim;

sub new {
    my ($class, $nodes, $burst, $interval) = @_;
    my $self = bless { burst => $burst, interval => $interval, over => 0,
                       spent => [], late => [], now => 1_700_000_000_000_000,
                       key => "gh:{limit:sim$nodes}", born => 0,
                       ahead => 0, set => 0, epoch => 1, steps => 0 }, $class;
    $self->{nodes} = [map { $self->born } 1 .. $nodes];
    return $self;
}


sub born {
    my ($self) = @_;
    my $node = { id => sprintf('%016x', ++$self->{born}), left => 0,
                 until => 0 };
    return $self->beat($node, 1);
}


# What it knows of the time there (gh_redis_beat_step): the clock of Redis is
# ahead of the true time, which all nodes' own clocks show.
sub beat {
    my ($self, $node, $new) = @_;
    my $most = $self->{ahead} - $self->{set};

    if ($new || $node->{clock} > $most) {
        $node->{clock} = $most - int rand 2000;
    } elsif ($node->{clock} < $most - 5000) {
        $self->{set} += $most - $node->{clock};
        $self->{epoch}++;
    }
    @$node{qw(set epoch)} = @$self{qw(set epoch)};
    return $node;
}


sub step {
    my ($self) = @_;
    my $pick = $self->{nodes}[rand @{ $self->{nodes} }];
    my $dice = rand;
    $self->{now} += int(rand 4 * $self->{interval} / @{ $self->{nodes} });

    if ($dice < 0.003) {
        $self->{ahead} += int(rand 800_000) - 300_000;    # its clock is set
        $self->{steps}++;
        return;
    }
    $self->beat($pick) if rand() < 0.02;

    # what was asked long ago is done now
    if (@{ $self->{late} } && $dice < 0.1) {
        my $late = shift @{ $self->{late} };
        $self->ask(@{$late});
        return;
    }

    if ($dice < 0.005) {
        %{$pick} = %{ $self->born };    # it was killed
        return;
    }

    return $self->spend($pick)
        if $self->{now} < $pick->{until} && $pick->{left} > 0 && $dice < 0.8;

    my $unspent = $self->{now} < $pick->{until} ? $pick->{left} : 0;
    my @ask = ({%$pick}, $self->{now}, $unspent, 1 + int rand 3);
    $pick->{left} = $unspent;

    return if $dice > 0.97;                       # it never arrives
    if ($dice > 0.94) {
        push @{ $self->{late} }, \@ask;           # it arrives late
        return;
    }

    # it is under way
    $self->{now} += int rand 3 * $self->{interval} if rand() < 0.2;
    my $granted = $self->ask(@ask);
    return if $dice > 0.90;                       # the answer is lost
    return if !defined $granted;

    $pick->{left} += $granted;
    $pick->{until} = $ask[1] + $LIFE;
    $self->spend($pick) for 1 .. $ask[3];
    return;
}


sub spend {
    my ($self, $node) = @_;
    return if $self->{now} >= $node->{until} || $node->{left} < 1;
    $node->{left}--;
    push @{ $self->{spent} }, $self->{now};
    return;
}


sub ask {
    my ($self, $node, $asked, $unspent, $need) = @_;
    my $now = $self->{now} + $self->{ahead};
    my ($word, undef, $granted) = main::command(
        'EVAL', $clock . $lease, 1, $self->{key}, $node->{id}, 'a' x 16, 0,
        $node->{epoch}, $node->{set}, $asked + $node->{clock},
        $self->{burst}, $self->{interval} * 1000, $asked, $unspent, $need,
        50, 0, int $now / 1e6, $now % 1_000_000);
    if ($word eq 'absent') {
        $self->beat($_) for grep { $_->{id} eq $node->{id} }
                            @{ $self->{nodes} };
    }
    return if $word ne 'ok';

    my $state = main::command('GET', $self->{key});
    my (undef, undef, undef, $level, undef, @out) =
        unpack 'C a16 Q< d< Q< (a16 Q<4)*', $state;
    my $held = 0;
    $held += $out[5 * $_ + 1] for 0 .. @out / 5 - 1;
    $self->{over}++ if $level + $held > $self->{burst} + 1e-6;

    return $granted;
}
