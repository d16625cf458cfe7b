# Redis that is stopped, killed, full, or lies: nobody waits longer than the
# deadline, no answer reaches another question, and it heals by itself.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use Gatehouse::Test::StoreProbe;
use IO::Select;
use IO::Socket::INET;
use POSIX ();

my $redis = Gatehouse::Test::Redis->new(aof => 1);
my $t = Gatehouse::Test::StoreProbe->new(
    workers => 1, spec => $redis->words(state => 'DIR', timeout => '1s'))
    ->start;

sub heals {
    my ($gate) = @_;
    wait_for(sub { $gate->state->{available} }, 60, 'Redis to be there again');
    return $gate->state->{why};
}

is($t->ask('put', name => 'kept', value => 'v', log => 1)->{rc}, 'ok',
   'all is well');
heals($t);


# ---- stopped ---------------------------------------------------------------------

$redis->halt;
wait_for(sub { $t->state->{queue} > 0 }, 10, 'a question of its own');
is($t->ask('get', name => 'kept')->{rc}, 'unavailable',
   'one who does not answer is not waited for');
is($t->ask('many', op => 'get', count => 200, name => 'x')->{unavailable}, 200,
   'by nobody');
cmp_ok($t->state->{queue}, '<', 100, 'nor asked more');
wait_for(sub { !$t->state->{available} }, 30, 'it to be given up');
like($t->state->{why}, qr/Redis at 127\.0\.0\.1:\d+ does not answer/,
     'and said to be away');
$redis->go_on;
is(heals($t), '', 'it goes on, and is asked again');
is($t->ask('get', name => 'kept')->{value}, 'v', 'and answers');


# ---- killed ----------------------------------------------------------------------

my @kept;
for my $i (1 .. 30) {
    push @kept, $i
        if $t->ask('put', name => "kept$i", value => $i)->{rc} eq 'ok';
    next if $i % 10 != 5;
    $redis->kill->start;
    wait_for(sub { $t->ask('put', name => 'again', value => $i)->{rc} eq 'ok' },
             30, 'Redis to take writes again');
}
heals($t);
is(scalar(grep { $t->ask('get', name => "kept$_")->{rc} ne 'ok' } @kept), 0,
   'H5: with its log on disk a kill loses nothing acknowledged');
cmp_ok(scalar @kept, '>=', 25, 'H5: and a connection that died is not used '
       . 'again and again');

my $flying = $t->begin('many', op => 'put', count => 500, name => 'flying',
                       value => 'v', log => 1);
$redis->kill;
my $answer = $flying->answer;
is($answer->{ok} + $answer->{unavailable}, 500,
   'what was under way is done, or not known');
is($t->ask('get', name => 'kept')->{rc}, 'unavailable', 'away is not absent');
$redis->start;
is(heals($t), '', 'it comes back');


# ---- takes no writes ---------------------------------------------------------------

$redis->cli('CONFIG', 'SET', 'maxmemory', '1');
is($t->ask('put', name => 'full', value => 'v')->{rc}, 'full',
   'H7: Redis without memory is full');
is($t->ask('put', name => 'full', value => 'v', log => 1)->{rc}, 'full',
   'H7: for a logged write too');
is($t->ask('delete', name => 'kept', log => 1)->{rc}, 'full',
   'H7: a logged delete is done whole or not');
is($t->ask('get', name => 'kept')->{rc}, 'ok', 'H7: and reads go on');
like($t->state->{why}, qr/has no memory left \(maxmemory\)/, 'it is said');
$redis->cli('CLIENT', 'KILL', 'TYPE', 'normal');
is($t->ask('get', name => 'kept')->{rc}, 'ok',
   'H7: on another connection, too');
$redis->cli('CONFIG', 'SET', 'maxmemory', '0');
is($t->ask('put', name => 'full', value => 'v')->{rc}, 'ok', 'until it has');
is($t->state->{writable}, 1, 'which is seen');

$redis->cli('REPLICAOF', '127.0.0.1', Gatehouse::Test::Ports::free_port());
like($t->ask('put', name => 'full', value => 'w')->{rc}, qr/unavailable/,
     'H8: a replica takes no writes');
like($t->state->{why}, qr/is a replica/, 'it is said');
$redis->cli('REPLICAOF', 'NO', 'ONE');
is($t->ask('put', name => 'full', value => 'w')->{rc}, 'ok', 'until it is none');


# ---- lies --------------------------------------------------------------------------

my $mode = "$t->{dir}/mode";
my $port = Gatehouse::Test::Ports::free_port();
sub mode { Gatehouse::Test::Config::write_file($mode, $_[0]); return }
mode('pass');
my $proxy = proxy($port, $redis->port, $mode);

my $lied = Gatehouse::Test::StoreProbe->new(
    workers => 1,
    spec => "redis://127.0.0.1:$port/0?state=DIR&timeout=1s")->start;

for my $name (qw(alice bob)) {
    $lied->ask('put', name => $name, value => "of $name");
}
is($lied->ask('get', name => 'alice')->{value}, 'of alice', 'an honest way');

for my $lie (qw(garbage long wide nested half twice closed)) {
    mode($lie);
    my %seen;
    for my $i (1 .. 6) {
        my $name = $i % 2 ? 'alice' : 'bob';
        my $got  = $lied->ask('get', name => $name);
        $seen{ $got->{rc} ne 'ok' || $got->{value} eq "of $name"
               ? 'right or none' : "$name got $got->{value}" }++;
    }
    is(join(', ', sort keys %seen), 'right or none',
       "H4: $lie: nobody gets what is another's");
    mode('pass');
    heals($lied);
    wait_for(sub { $lied->ask('get', name => 'bob')->{rc} eq 'ok' }, 30,
             'answers again');
}
is($lied->ask('get', name => 'bob')->{value}, 'of bob', 'and it heals');

kill 'TERM', $proxy;
{ local $?; waitpid $proxy, 0; }

done_testing;


# Between gateway and Redis: what comes from Redis is passed on as the file
# says.
sub proxy {
    my ($from, $to, $file) = @_;
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $from, Listen => 64,
        ReuseAddr => 1) or die "proxy: $!\n";
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    my $parent = getppid;
    my $all = IO::Select->new($listen);
    my %peer;
    while (getppid == $parent) {
        for my $fh ($all->can_read(0.5)) {
            if ($fh == $listen) {
                my $near = $listen->accept or next;
                my $far = IO::Socket::INET->new(
                    PeerAddr => '127.0.0.1', PeerPort => $to);
                if (!$far) { close $near; next; }
                @peer{ $near, $far } = ([ $far, 0 ], [ $near, 1 ]);
                $all->add($near, $far);
                next;
            }
            my ($other, $answer) = @{ $peer{$fh} // next };
            my $n = sysread $fh, my $bytes, 65536;
            $bytes = tampered($bytes, $file) if $n && $answer;
            if (!$n || !defined $bytes) {
                $all->remove($fh, $other);
                delete @peer{ $fh, $other };
                close $fh;
                close $other;
                next;
            }
            local $SIG{PIPE} = 'IGNORE';
            syswrite $other, $bytes;
        }
    }
    POSIX::_exit(0);
}


sub tampered {
    my ($bytes, $file) = @_;
    open my $fh, '<', $file or return $bytes;
    my $how = do { local $/; <$fh> };
    return $how eq 'garbage' ? "HTTP/1.1 200 OK\r\n\r\n"
         : $how eq 'long'    ? '$999999999' . "\r\n" . 'x' x 60000
         : $how eq 'wide'    ? '*2000000000' . "\r\n"
         : $how eq 'nested'  ? "*1\r\n" x 1000
         : $how eq 'half'    ? substr $bytes, 0, length($bytes) / 2
         : $how eq 'twice'   ? $bytes x 2
         : $how eq 'closed'  ? undef
         :                     $bytes;
}
