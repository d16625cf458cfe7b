# The five operations of the store in a worker, with LMDB: what they answer,
# what other workers see of it and when, what a reload and a kill leave.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::StoreProbe;

my $t = Gatehouse::Test::StoreProbe->new(
    workers => 2, words => 'deadline=30000')->start;


# ---- the vocabulary --------------------------------------------------------

my $put = $t->ask('put', name => 'alice', value => 'wonderland', log => 1);
is($put->{rc}, 'ok', 'a record is put');

my $got = $t->ask('get', name => 'alice');
is("$got->{rc} $got->{value}", 'ok wonderland', 'and got');
is($got->{version}, $put->{version}, 'under the version that it was given');
is($t->ask('get', name => 'alice', kind => 3)->{rc}, 'absent',
   'another kind is another record');
is($t->ask('get', name => 'bob')->{rc}, 'absent', 'what is not there is said');

is($t->ask('put', name => 'alice', value => 'x', version => 0)->{rc},
   'conflict', 'a first put of what is there is a conflict');
is($t->ask('put', name => 'alice', value => 'x',
           version => $put->{version})->{rc},
   'ok', 'a put of the version that is there is not');
is($t->ask('put', name => 'alice', value => 'y',
           version => $put->{version})->{rc},
   'conflict', 'of the one before it is');

my %claim = (kind => 10, name => 'refresh', ttl => 60);
is($t->ask('claim', %claim)->{rc}, 'ok', 'a claim is made');
is($t->ask('claim', %claim)->{rc}, 'conflict', 'once');
is($t->ask('delete', kind => 10, name => 'refresh')->{rc}, 'ok',
   'and given back');
is($t->ask('claim', %claim)->{rc}, 'ok', 'so it can be made again');
is($t->ask('claim', kind => 10, name => 'never')->{rc}, 'invalid',
   'a claim without an end is none');

my %take = (kind => 9, name => 'month', n => 40, limit => 100);
is(join(' ', map { $t->ask('take', %take)->{granted} } 1 .. 4), '40 40 20 0',
   'a counter grants its limit and no more');

is($t->ask('delete', name => 'alice')->{rc}, 'ok', 'a record is deleted');
is($t->ask('delete', name => 'alice')->{rc}, 'absent', 'once');

is($t->ask('put', name => 'x' x 201, value => '')->{rc}, 'too_long',
   'a name has its bound');
is($t->ask('put', name => 'big', size => 1048577)->{rc}, 'too_long',
   'a value too');
is($t->ask('put', name => 'big', size => 1048576)->{rc}, 'ok',
   'and may be as long as that');
is($t->ask('get', name => 'big')->{length}, 1048576, 'and comes back whole');


# ---- expiry, in the store and in the workers' memory ------------------------

$t->ask('put', name => 'short', value => 'v', ttl => 2);
is($t->ask('record', name => 'short')->{rc}, 'ok',
   'a record with an end is there until then');
wait_for(sub { $t->ask('record', name => 'short')->{rc} eq 'absent' }, 10,
         'a remembered record to expire');
is($t->ask('get', name => 'short')->{rc}, 'absent', 'then it is not');


# ---- what one worker writes, the other one knows -----------------------------

# every worker remembers that carol is not there
my %pids;
wait_for(sub {
    $t->ask('record', name => 'carol');
    $pids{ $t->state->{pid} }++;
    return keys %pids == 2;
}, 20, 'both workers to answer');
$t->ask('record', name => 'carol') for 1 .. 30;

is($t->ask('put', name => 'carol', value => 'here', log => 1)->{rc}, 'ok',
   'one worker puts what both know to be absent');
wait_for(sub {
    return !grep { $t->ask('record', name => 'carol')->{rc} ne 'ok' } 1 .. 30;
}, 5, 'the other worker to know');
pass('soon the other one knows of it');

my $other = 0;
for my $i (1 .. 50) {
    my $rc = $t->ask('put', name => 'dave', value => $i, log => 1);
    $other++ if $t->ask('get', name => 'dave')->{value} != $i;
}
is($other, 0, 'a get sees what was acknowledged, in whichever worker');


# ---- many at once -----------------------------------------------------------

my $many = $t->ask('many', op => 'put', count => 1000, name => 'many',
                   value => 'v', log => 1);
is($many->{ok}, 1000, 'a thousand writes at once are all done');

my @asked = map { $t->begin('many', op => 'take', count => 50, kind => 9,
                            name => 'shared', n => 7, limit => 1000) } 1 .. 8;
my $granted = 0;
$granted += $_->answer->{granted} for @asked;
is($granted, 1000, 'two workers together take no more than the limit');


# ---- reload and kill ----------------------------------------------------------

my $load = $t->load('/put?name=load&value=v&log=1', clients => 8,
                    seconds => 4);
for (1 .. 3) {
    my %before = map { $_ => 1 } $t->workers(all => 1);
    $t->reload;
    wait_for(sub { !grep { $before{$_} } $t->workers(all => 1) }, 20,
             'old workers to leave');
}
$load->wait;
is($load->failed, 0, 'reloads under writes lose no request');

# acknowledged before a worker was killed
my @names;
for my $i (1 .. 40) {
    my $name = "kept$i";
    push @names, $name
        if $t->ask('put', name => $name, value => $i)->{rc} eq 'ok';
    $t->kill_worker if $i % 10 == 5;
}
is(scalar(grep { $t->ask('get', name => $_)->{rc} eq 'ok' } @names),
   scalar @names, 'kill -9 of workers loses nothing acknowledged');

# stopped at once with a full queue
my $flying = $t->begin('many', op => 'put', count => 500, name => 'last',
                       value => 'v');
wait_for(sub { $t->ask('get', name => 'last0')->{rc} eq 'ok' }, 10,
         'the first of many writes');
$t->restart;
is(scalar(grep { $t->ask('get', name => "last$_")->{rc} eq 'ok' } 0 .. 499),
   500, 'a worker that is stopped writes first what waits');

is($t->state->{why}, '', 'there is nothing to complain of');


# ---- without a master ------------------------------------------------------------

my $single = Gatehouse::Test::StoreProbe->new(
    single => 1, words => 'deadline=30000')->start;
is($single->ask('put', name => 'alone', value => 1)->{rc}, 'ok',
   'a single process writes');
is($single->ask('get', name => 'alone')->{value}, 1, 'and reads');
is_deeply([ map { (stat "$single->{dir}/state/$_")[4] }
            qw(data.mdb lock.mdb gatehouse.store) ],
          [ ((stat "$single->{dir}/state")[4]) x 3 ],
          'and leaves its files to their owner');

done_testing;
