# The store's vocabulary when answers are late, out of order, lost or never
# come, and when clients go away at whatever await they stand: by a seed, with
# the test backend around LMDB. SEED=N tries another one.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::StoreProbe;

my $seed = $ENV{SEED} // 7;
my $t = Gatehouse::Test::StoreProbe->new(workers => 1);

note "SEED=$seed";
srand $seed;
$t->allow_log(qr/exited on signal 9/);


sub start {
    my ($faults, $words) = @_;
    $t->stop;
    $t->spec("test:lmdb:DIR?seed=$seed&$faults", $words)->start;
    return;
}


sub quiet {
    wait_for(sub { my $s = $t->state; $s->{under_way} == 0
                                      && $s->{fetching} == 0 }, 30,
             'all operations to end');
    return;
}


# ---- each fault for itself ---------------------------------------------------

start('delay=30&late=30', 'deadline=20000');
is($t->state->{backend}, 'test', 'the test backend is asked');

my $all = $t->ask('many', op => 'put', count => 200, name => 'a', value => 1,
                  log => 1);
is($all->{ok}, 200, 'late answers all come');
is($t->ask('many', op => 'get', count => 200, name => 'a')->{ok}, 200,
   'to gets too, which wait like all others');
wait_for(sub { my $s = $t->state; $s->{last} == 200 && $s->{lines} == 200 },
         10, 'the lines of the change log');
pass('late lines of the change log all come, in their order');

start('delay=5&fail=30', 'deadline=20000');
$all = $t->ask('many', op => 'put', count => 500, name => 'f', value => 1);
is($all->{ok} + $all->{unavailable}, 500, 'what fails is answered too');
cmp_ok($all->{unavailable}, '>', 80, 'about as often as was asked for');
cmp_ok($all->{unavailable}, '<', 220, 'and not more');
my $there = () = grep { $t->ask('record', name => "f$_")->{rc} eq 'ok' }
            0 .. 99;
cmp_ok($there, '<', 100, 'what failed was not done');

start('delay=5&lose=100', 'deadline=20000');
is($t->ask('put', name => 'lost', value => 1)->{rc}, 'unavailable',
   'an answer is lost');
start('delay=5', 'deadline=20000');
is($t->ask('get', name => 'lost')->{rc}, 'ok', 'of what was done');

start('hang=100', 'deadline=150');
is($t->ask('put', name => 'h', value => 1)->{rc}, 'unavailable',
   'what never answers ends at its deadline');
is($t->ask('get', name => 'a1', deadline => 20)->{rc}, 'unavailable',
   'or at its own');
is($t->ask('record', name => 'a1')->{rc}, 'unavailable',
   'a record that was not told is not known');
is($t->state->{under_way}, 0, 'and nothing is left');

start('refuse=100');
is($t->ask('put', name => 'r', value => 1)->{rc}, 'unavailable',
   'a store may refuse at once');
start('now=100');
is($t->ask('get', name => 'a1')->{rc}, 'ok', 'or answer at once');

start('delay=2&gap=100', 'deadline=20000');
$t->ask('put', name => 'g', value => 1, log => 1);
wait_for(sub { $t->state->{gaps} >= 1 }, 10, 'a gap');
is($t->state->{lines}, 0, 'lines may be lost, and that is told');


# ---- one get for all who ask ---------------------------------------------------

start('delay=80', 'deadline=20000');
my $before = $t->state->{reads};
my @asked = map { $t->begin('record', name => 'a1') } 1 .. 20;
is(scalar(grep { $_->answer->{value} eq '1' } @asked), 20,
   'twenty who ask at once are all told');
is($t->state->{reads} - $before, 1, 'and the store was asked once');
is($t->ask('record', name => 'a1')->{waits}, 0, 'who asks later need not wait');
is($t->state->{reads} - $before, 1, 'nor is the store asked');

# who goes away is not waited for, and takes nothing from the others
@asked = map { $t->begin('record', name => 'a2') } 1 .. 10;
$asked[$_] = undef for grep { $_ % 2 } 0 .. 9;
is(scalar(grep { $_->answer->{value} eq '1' } grep { defined } @asked), 5,
   'those who stay are told though others went');
quiet();


# ---- what was told before a change is not remembered after it -------------------

start('delay=40', 'deadline=20000');
my ($wrong, $base) = (0, $t->state->{sequence});
for my $i (1 .. 12) {
    my @names   = map { "moving$_" } 1 .. 15;
    my @looking = map { $t->begin('record', name => $_) } @names;
    my @changes = map { $t->begin('put', name => $_, value => $i, log => 1) }
                  @names;
    push @looking, map { $t->begin('record', name => $_) } @names;

    for my $change (@changes) {
        $change->answer->{rc} eq 'ok' or die "a write failed\n";
    }
    wait_for(sub { $t->state->{last} >= $base + 15 * $i }, 10,
             'the lines of all changes');
    $_->answer for @looking;
    $wrong += grep { $t->ask('record', name => $_)->{value} ne $i } @names;
}
is($wrong, 0, 'a fill begun before a change is never kept');


# ---- bounded ------------------------------------------------------------------------

$t->stop;
$t->spec('', 'records=64 deadline=20000')->start;
$t->ask('many', op => 'put', count => 100, name => 'many', value => 1);
$t->ask('record', name => 'many1') for 1 .. 2;
my $fetches = $t->state->{fetches};
$t->ask('record', name => "invented$_") for 1 .. 300;
my $s = $t->state;
cmp_ok($s->{absent}, '<=', 32, 'absent ones are remembered in bounded room');
$t->ask('record', name => 'many1');
is($t->state->{fetches}, $fetches + 300,
   'and inventing names pushes out nothing that is there');
$t->ask('record', name => "many$_") for 0 .. 99;
$s = $t->state;
cmp_ok($s->{present}, '<=', 64, 'present ones are bounded too');
$t->ask('put', name => "large$_", size => 500_000) for 1 .. 5;
is($t->ask('record', name => "large$_")->{length}, 500_000,
   'large ones are remembered') for 1 .. 5;
cmp_ok($t->state->{bytes}, '<=', 600_000, 'within bounds of their own');


# ---- everything at once, and clients that go away ------------------------------------

start('delay=20&late=20&fail=5&lose=5&hang=3&refuse=2&now=10&gap=3', 'deadline=300');

for my $round (1 .. 40) {
    my @asked;

    for (1 .. 15) {
        my $name = 'n' . int rand 10;
        my $dice = rand;
        push @asked,
            $dice < 0.25 ? $t->begin('record', name => $name)
          : $dice < 0.40 ? $t->begin('get', name => $name)
          : $dice < 0.60 ? $t->begin('put', name => $name, value => $round,
                                     log => 1)
          : $dice < 0.70 ? $t->begin('delete', name => $name, log => 1)
          : $dice < 0.80 ? $t->begin('claim', name => $name, kind => 10,
                                     ttl => 1)
          : $dice < 0.90 ? $t->begin('take', name => $name, kind => 9, n => 3,
                                     limit => 1000)
          :                $t->begin('many', op => 'put', count => 20,
                                     name => $name, value => 1, log => 1);
    }

    # some wait for their answer, most go away at one await or another
    select undef, undef, undef, rand 0.02;
    for my $one (@asked) {
        $one->answer if rand() < 0.2;
        undef $one;
    }

    $t->reload if $round % 15 == 0;
}

wait_for(sub { $t->workers(all => 1) == 1 }, 30, 'old workers to leave');
quiet();
pass('after 600 questions, most of them abandoned, nothing is left over');

$t->begin('many', op => 'put', count => 50, name => 'z', value => 1)
    for 1 .. 5;
$t->kill_worker;
start('delay=1', 'deadline=20000');
is($t->ask('put', name => 'end', value => 1)->{rc}, 'ok',
   'and the store is as sound as ever');

$t->begin('many', op => 'put', count => 200, name => 'y', value => 1)
    for 1 .. 3;
$t->stop;
pass('a worker ends amid it all');

done_testing;
