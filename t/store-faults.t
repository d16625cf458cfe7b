# The embedded store when its directory, its disk or another process fails:
# other requests do not notice, what cannot be done is said, and it heals.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Leap;
use Gatehouse::Test::StoreProbe;


# ---- what nginx -t refuses, without a look at the disk -----------------------

my $t = Gatehouse::Test::StoreProbe->new;

my %refused = (
    'sqlite:/x'           => qr/"store_probe" directive names a store "sqlite:\/x" of no known kind; write lmdb:\/DIRECTORY/,
    'lmdb:'               => qr/names a directory "" that is not absolute/,
    'lmdb:state'          => qr/names a directory "state" that is not absolute; write lmdb:\/DIRECTORY/,
    'lmdb:/x?size=1k'     => qr/has an invalid size "1k"; it is at least 1m, and 16g if left out/,
    'lmdb:/x?size='       => qr/has an invalid size ""/,
    'lmdb:/x?sice=1g'     => qr/has an unknown or invalid "sice=1g"; a store takes size=/,
    'lmdb:/x?seed=1'      => qr/has an unknown or invalid "seed=1"/,
    'test:lmdb:/x?fail=x' => qr/has an unknown or invalid "fail=x"/,
    'test:lmdb:/x?fail=60&lose=41' => qr/fails, loses and hangs more often than always/,
);

for my $spec (sort keys %refused) {
    $t->spec($spec);
    like($t->conf_error($t->parts), $refused{$spec}, "refused: $spec");
}

$t->spec('lmdb:/nowhere/at/all?size=2g');
is(($t->conf_test($t->parts))[1], 0, 'nginx -t does not look for the directory');
ok(!-e '/nowhere', 'nor make it');


# ---- what the master refuses to start with ------------------------------------

$t->spec('');
chmod 0770, "$t->{dir}/state";
like($t->try_start($t->parts),
     qr/gatehouse_store: \S+state is writable by others than its owner: chmod 700/,
     'a directory that others may write keeps it from starting');
chmod 0700, "$t->{dir}/state";

$t->spec('lmdb:/nowhere/at/all');
like($t->try_start($t->parts),
     qr{gatehouse_store: /nowhere/at/all cannot be made: No such file},
     'one that cannot be made too');

SKIP: {
    skip 'only root gives directories away', 3 if $> != 0;

    mkdir "$t->{dir}/roots";
    Gatehouse::Test::Config::write_file("$t->{dir}/roots/precious", 'x');
    $t->spec("lmdb:$t->{dir}/roots");
    like($t->try_start($t->parts), qr/roots belongs to user 0, the store's owner is user \d+: chown/,
         'one of root with something in it is not taken');

    unlink "$t->{dir}/roots/precious";
    $t->start;
    is($t->ask('put', name => 'a', value => 1)->{rc}, 'ok',
       'an empty one is given to the workers');
    is((stat "$t->{dir}/roots")[4], (getpwnam $t->{user})[2], 'as their own');
    $t->stop;
}

$t->allow_log(qr/gatehouse_store: /);


# ---- a store that is away when a worker starts ------------------------------------

my $u = Gatehouse::Test::StoreProbe->new(words => 'stale=30000 deadline=20000');
my $leap = Gatehouse::Test::Leap->new($u);

SKIP: {
    skip 'needs root', 10 if $> != 0;

    my $data = "$u->{dir}/state/data.mdb";

    $u->start;
    is($u->ask('put', name => 'after', value => 1)->{rc}, 'ok', 'a write');
    $u->stop;
    chown 0, 0, $data;
    $leap->start;

    is($u->ask('get', name => 'after')->{rc}, 'unavailable',
       'a store of somebody else is not asked');
    is($u->ask('put', name => 'after', value => 2)->{rc}, 'unavailable',
       'nor written');
    is($u->ask('record', name => 'after')->{rc}, 'unavailable',
       'nor is anything known');
    my $s = $u->state;
    is("$s->{available} $s->{writable}", '0 0', 'the state says so');
    like($s->{why}, qr/data.mdb belongs to user 0, the store's owner is user \d+: chown it/,
         'and why');
    like($u->error_log, qr/\[error\] .* gatehouse: \S+data.mdb belongs to user 0/,
         'the log too');

    chown +(getpwnam $u->{user})[2, 3], $data;
    wait_for(sub { $u->state->{available} }, 10, 'the store to heal');
    is($u->ask('record', name => 'after')->{rc}, 'ok', 'it heals by itself');
    is($u->state->{gaps}, 1, 'and who remembers things is told');
    like($u->error_log, qr/\[notice\] .* the store is as it should be again/,
         'the log too');
}


# ---- a process that is stopped while it holds the writers' lock -----------------

# Two gateways wait for such a process, and a third for the next story; what
# becomes of them is told behind it

sub in_flight {
    my $s = $_[0]->state;
    return $s->{under_way} == 1 && $s->{queue} == 0;
}

# reload and stop amid this
my $v = Gatehouse::Test::StoreProbe->new(words => 'deadline=5000')->start;
is($v->ask('put', name => 'after', value => 1)->{rc}, 'ok', 'a write is done');

my $amid = $v->holder->stop;
my $late = $v->begin('put', name => 'amid', value => 1);
wait_for(sub { in_flight($v) }, 5, 'a write to be in flight');
my %before = map { $_ => 1 } $v->workers(all => 1);
$v->reload;
is($v->ask('get', name => 'after')->{rc}, 'ok',
   'a new worker reads though the lock is held');

$t->spec('', 'deadline=5000 queue=5')->start;
is($t->ask('put', name => 'before', value => 1)->{rc}, 'ok', 'a write is done');

my $holder = $t->holder->stop;
my $flying = $t->begin('put', name => 'flying', value => 1, deadline => 60000);
wait_for(sub { in_flight($t) }, 5, 'a write to be in flight');
my @waiting = map { $t->begin('put', name => "w$_", value => 1) } 1 .. 5;
wait_for(sub { $t->state->{queue} == 5 }, 5, 'writes to wait');

is($t->ask('put', name => 'more', value => 1)->{rc}, 'full',
   'more writes than may wait are refused at once');
is(scalar(grep { $t->ask('get', name => 'before')->{rc} eq 'ok' } 1 .. 100),
   100, 'reads go on beside it');
is($t->state->{under_way}, 6, 'while all writes still wait');


# ---- meanwhile: a store that goes away under its gateway's feet -------------------

SKIP: {
    skip 'needs root', 7 if $> != 0;

    is($u->ask('record', name => 'after')->{rc}, 'ok', 'a record is known');
    is($u->ask('record', name => 'nobody')->{rc}, 'absent', 'so is an absent one');
    rename "$u->{dir}/state", "$u->{dir}/away";
    $leap->ahead(10);    # it is looked after so often
    wait_for(sub { !$u->state->{available} }, 30, 'the loss to be noticed');

    is($u->ask('record', name => 'after')->{rc}, 'ok',
       'what was known is served while the store is away');
    is($u->ask('record', name => 'nobody')->{rc}, 'absent', 'absent ones too');
    is($u->ask('record', name => 'new')->{rc}, 'unavailable',
       'what was not known cannot be asked');
    $leap->ahead(30);
    wait_for(sub { $u->ask('record', name => 'after')->{rc} ne 'ok' }, 10,
             'what is known to become too old');
    is($u->ask('record', name => 'after')->{rc}, 'unavailable',
       'but not for long');

    rename "$u->{dir}/away", "$u->{dir}/state";
    wait_for(sub { $u->state->{available} }, 10, 'the store to heal');
    is($u->ask('record', name => 'after')->{rc}, 'ok', 'until it is back');
    $u->stop;
}


# ---- what becomes of who waits for the writers' lock -------------------------------

is(join(' ', map { $_->answer->{rc} } @waiting),
   join(' ', ('unavailable') x 5), 'writes end at their deadline');

my $state = wait_for(sub { my $s = $t->state; !$s->{writable} && $s }, 20,
                     'the state to say so');
is($state->{available}, 1, 'the store can still be asked');
like($state->{why}, qr/another process holds its lock \(is one stopped\?\), or the disk hangs/,
     'and why it takes no writes is said');

$holder->end;
is($flying->answer->{rc}, 'ok', 'the one in flight is done when it goes on');
is($t->ask('get', name => 'w1')->{rc}, 'absent',
   'those that had only waited are not');
wait_for(sub { $t->state->{writable} }, 15, 'the state to be good again');
is($t->ask('put', name => 'after', value => 1)->{rc}, 'ok', 'writes go on');
$t->stop;

is($late->answer->{rc}, 'unavailable', 'an old one answers before it goes');
wait_for(sub { !grep { $before{$_} } $v->workers(all => 1) }, 20,
         'the old worker to leave');
pass('and goes');
$amid->end;
$v->stop;


# ---- damage ------------------------------------------------------------------------

$t->spec('', 'deadline=20000')->start;
$t->ask('put', name => 'frail', value => 'the-value-that-will-be-damaged');
$t->stop;
{
    open my $fh, '+<:raw', "$t->{dir}/state/data.mdb" or die "data.mdb: $!\n";
    local $/;
    my $bytes = <$fh>;
    my $found = 0;
    while ($bytes =~ /the-value-that-will/g) {
        seek $fh, $-[0], 0;
        print {$fh} 'T';
        $found++;
    }
    ok($found, 'a value is damaged on the disk');
}
$t->start;
is($t->ask('get', name => 'frail')->{rc}, 'invalid', 'it is not given out');
is($t->ask('record', name => 'frail')->{rc}, 'unavailable',
   'and what it said counts as unknown, not as absent');
like($t->error_log, qr/a record of the store is damaged/, 'the log says so');
$t->stop;

truncate "$t->{dir}/state/data.mdb", 3 * 4096;
$t->start;
is($t->ask('get', name => 'frail')->{rc}, 'unavailable',
   'a truncated file is not opened');
like($t->state->{why}, qr/data.mdb is truncated: it has 12288 bytes and needs \d+: restore it from a backup/,
     'and that is said');
$t->stop;


# ---- a full disk ------------------------------------------------------------------

SKIP: {
    my $disk = "$t->{dir}/disk";

    mkdir $disk;
    skip 'needs a disk of its own', 7
        if $> != 0 || system("mount -t tmpfs -o size=2m none $disk 2>/dev/null") != 0;
    our $mounted = $disk;
    mkdir "$disk/state";
    chmod 0700, "$disk/state";
    chown +(getpwnam $t->{user})[2, 3], "$disk/state";

    $t->spec("lmdb:$disk/state", 'deadline=20000')->start;
    is($t->ask('put', name => 'first', value => 1)->{rc}, 'ok', 'a disk takes writes');

    my $rc;
    for my $i (1 .. 200) {
        $rc = $t->ask('put', name => "n$i", size => 50000)->{rc};
        last if $rc ne 'ok';
    }
    is($rc, 'full', 'until it is full');

    my $s = $t->state;
    is("$s->{available} $s->{writable}", '1 0', 'then it is still there to read');
    like($s->{why}, qr/no space left on the store's disk: make room/, 'and says why');
    is($t->ask('get', name => 'first')->{rc}, 'ok', 'what it has is read');

    system("mount -o remount,size=8m $disk") == 0 or die "no more room\n";
    is($t->ask('put', name => 'second', value => 1)->{rc}, 'ok',
       'and it goes on when there is room');
    is($t->state->{writable}, 1, 'and says so');
    $t->stop;
    system("umount -l $disk");
    $mounted = undef;
}

END { system("umount -l $main::mounted") if $main::mounted }

done_testing;
