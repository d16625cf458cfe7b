# A connection to Redis that comes back: how soon it is tried again, what of
# the cache it keeps, and what becomes of an asking for a lease that has waited
# for it (DESIGN's Redis; THREATS 4.1: Redis for limits and sessions).
use lib 't/lib';
use Gatehouse::Test timeout => 200;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Redis;
use Gatehouse::Test::StoreProbe;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

my $SLOW  = Gatehouse::Test::slow();
my $redis = Gatehouse::Test::Redis->new;

sub back {
    my ($gate) = @_;
    wait_for(sub { my $s = $gate->state; $s->{available} && !$s->{why} }, 30,
             'Redis to be there again');
    return $gate->state;
}


# ---- how soon ----------------------------------------------------------------------

# Given a connection that can be opened, and dies right after that
my $probe = Gatehouse::Test::StoreProbe->new(
    workers => 1,
    spec => $redis->words(state => 'DIR', timeout => 10_000 * $SLOW . 'ms'))
    ->start;
back($probe);
my $killer = IO::Socket::UNIX->new(Peer => $redis->socket)
    or die "redis: $!\n";
my $killed = 0;

# Then it is tried again soon, however often that was: attempts that are
# seconds apart would take a minute
sub kill_it {
    print {$killer} "CLIENT KILL TYPE normal SKIPME yes\r\n";
    return scalar <$killer>;
}
wait_for(sub {
    $killed++ if !$probe->state->{why} && kill_it() =~ /^:1/;
    return $killed >= 40;
}, 20, 'a connection that dies forty times to be opened as often');
pass('one who dies as soon as he is there is tried again soon');
is(back($probe)->{why}, '', 'and stays when he is let live');


# ---- what is kept -------------------------------------------------------------------

# Given a record that is known
sub known {
    $probe->ask('put', name => 'alice', value => 'v');
    $probe->ask('record', name => 'alice') for 1 .. 2;
    my $state = $probe->state;
    return ($state->{gaps}, $state->{fetches});
}

# When the connection is lost and there again
my ($gaps, $fetches) = known();
my $from = time;
kill_it();
back($probe);
$probe->ask('record', name => 'alice');
my $state = $probe->state;
my $took  = time - $from;

# Then it is still known
SKIP: {
    skip 'this machine is too slow to tell', 2 if $took > 0.8;
    is($state->{fetches}, $fetches, 'a short interruption: what is known stays');
    is($state->{gaps}, $gaps, '... and nobody is told to forget');
}

# When the way to it is closed for longer than two seconds, though for less
# than questions wait, and the same run of the same server is there again
($gaps, $fetches) = known();
$redis->cli('CONFIG', 'SET', 'maxclients', 2);
kill_it();
sleep 2.5;
is($probe->state->{gaps}, $gaps, 'nobody knows yet how long it will be');
print {$killer} "CONFIG SET maxclients 1000\r\n";
<$killer>;
$probe->ask('record', name => 'alice') for 1 .. 2;
back($probe);

# Then what is cached goes
$state = $probe->state;
unlike($probe->error_log, qr/store is away/, 'it was never given up');
is($state->{gaps}, $gaps + 1, 'a longer one: all who keep something forget it');
$probe->ask('record', name => 'alice');
cmp_ok($probe->state->{fetches}, '>', $fetches, '... and it is asked for');
undef $probe;
$redis->cli('FLUSHALL');


# ---- who waited for a lease ---------------------------------------------------------

# Given two gateways, a place where one server is and another can be at once,
# and somebody who has used up all she has, at one of the gateways. What
# somebody else has comes back by the hundred in a millisecond
my $next  = Gatehouse::Test::Redis->new;
my $place = $redis->dir . '/now';
symlink $redis->socket, $place or die "$place: $!\n";
my $farm = Gatehouse::Test::Farm->new(
    gates => 2, workers => 1, redis => $redis, who => { alice => 'slow', bob => 'fast' },
    plans => { slow => '6r/h burst=10', fast => '100000r/s burst=1000' },
    store => "gatehouse_store redis://unix:$place?state=%%DIR%%/state&timeout="
           . 10_000 * $SLOW . "ms;\n",
    locations => 'location /free { gatehouse_limit off; '
               . 'gatehouse_authenticate api_key; proxy_pass http://sink; }');
for my $t ($farm->gates) {
    wait_for(sub { $t->status->{store}{available} }, 30, 'Redis to be found');
}
my @first = map { $farm->ask(0, 'alice')->status } 1 .. 11;
is(join(' ', @first), join(' ', (204) x 10, 429), 'a burst is spent');
my $other = $farm->gate(1);
is(join(' ', map { $farm->ask(1, $_, '/free')->status } qw(alice bob)),
   '204 204', 'the other one knows who they are, too');

# When the other one asks for them, and the server dies over it. The next one,
# which knows of nothing, is there before anything else can be asked
$redis->halt;
my %http;
for my $who (qw(alice bob)) {
    $http{$who} = $other->connect(timeout => 20 * $SLOW);
    $http{$who}->send_raw(Gatehouse::Test::Http::format_request(
        'GET', '/', $other->request_headers({
            key => Gatehouse::Test::Farm::key($who) })));
}
sleep 0.3;
symlink $next->socket, "$place.new" or die "$place.new: $!\n";
rename "$place.new", $place or die "$place: $!\n";
$redis->kill;

# Then what is asked again means this one, whose buckets are empty
is($http{alice}->read_response('GET')->status, 429,
   'an asking that waited for another server gets nothing that this one '
   . 'makes of what it does not know');
is($http{bob}->read_response('GET')->status, 204,
   'but what has come back until it is asked there');
is($other->metric('gatehouse_degraded_decisions_total', what => 'limits') // 0,
   0, '... and it was that one who decided');
cmp_ok($next->calls('evalsha'), '>', 0, '... which was asked');

done_testing;
