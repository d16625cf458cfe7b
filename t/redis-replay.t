# A signature is used once on all gateways that share a Redis, whatever
# happens to Redis: stopped, killed, emptied, set back to an old snapshot, full
# of somebody's junk. Who cannot know refuses with 503 (THREATS 4.1: Redis for
# replay; F10, H3, H7).
use lib 't/lib';
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::Redis;
use Gatehouse::Test::Signature;

my $SLOW = Gatehouse::Test::slow();
my $WAIT = 0.9 * $SLOW;  # seconds that an operation may take


# Given two gateways of two workers on one Redis that keeps what it is told to
# save, and nothing else, and lets them do what the manual says they need
my $manual = Gatehouse::Test::Logs::slurp('docs/reference/redis.md');
my ($rights) = $manual =~ /^user gatehouse on >PASSWORD (.*?)^```/ms
    or die "the manual says no rights\n";
my $redis = Gatehouse::Test::Redis->new(
    config => [ 'user default on nopass ' . $rights =~ s/\s+/ /gr,
                'user operator on >all-of-it ~* &* +@all' ],
    cli => [ '--user', 'operator', '--pass', 'all-of-it' ]);
my $root  = $redis->dir . '/root.key';
Gatehouse::Test::Config::write_file($root, 'e5' x 32);
chmod 0600, $root;

my $key  = Gatehouse::Test::Signature->new(keyid => 'acme-1');
my @gate = map {
    my $t = Gatehouse::Test->new(
        store => $redis->words(timeout => 1000 * $WAIT . 'ms'), workers => 2);
    $t->consumer('acme', credentials => {
        signatures => [ $key->declared($t) ] });
    $t->start(http => "gatehouse_secret file:$root;",
              server => 'gatehouse_signature ahead=0s skew=10m;',
              locations => <<'CONF');
        add_header  X-Worker $pid always;
        location / {
            gatehouse_bad_credentials  off;
            gatehouse_authenticate     signature;
            proxy_pass                 http://echo;
        }
        location /public {
            gatehouse_authenticate     off;
            proxy_pass                 http://echo;
        }
CONF
    $t;
} 1 .. 2;
my ($here, $there) = @gate;
my @workers = map { join ' ', $_->workers } @gate;

sub signed { return [ $key->sign('GET', '/orders', @_) ] }

sub ask {
    my ($gate, $headers) = @_;
    return $gate->get('/orders', headers => [ @$headers ],
                      timeout => 4 * $WAIT);
}

sub status { return ask(@_)->status }

# What the services behind have seen since this was asked before.
sub seen {
    my $n = 0;
    for my $gate (@gate) {
        $n += () = $gate->journal;
        $gate->journal_clear;
    }
    return $n;
}

# Until what is signed now is let in: who has just begun to remember refuses
# what may be older.
sub vouches {
    my ($what) = @_;
    my $used;
    for my $gate (@gate) {
        wait_for(sub { $used = signed(); status($gate, $used) == 200 },
                 30 * $SLOW, $what);
    }
    seen();
    return $used;
}

# The same at once, where how long it takes is not what is told.
sub vouches_now {
    my ($what) = @_;
    $redis->has_run(600);
    return vouches($what);
}

# Every worker of both is asked; the statuses that were seen.
sub everywhere {
    my ($headers) = @_;
    my (%status, %pid);
    my $all = map { $_->workers } @gate;
    wait_for(sub {
        for my $gate (@gate) {
            my $answer = ask($gate, $headers);
            $status{ $answer->status }++;
            $pid{ $answer->header('X-Worker') }++;
        }
        return keys %pid >= $all;
    }, 30 * $SLOW, 'every worker to be asked');
    return join ' ', sort keys %status;
}


# ---- used once -----------------------------------------------------------------------

# When Redis has just begun
my $early = signed();
is(status($here, $early), 503, 'before its beginning Redis vouches for nothing');
my $used = vouches('Redis to vouch for new signatures');

# Then what one gateway has let in, nobody lets in again
is(everywhere($used), '401', 'F10: used at one, refused by all workers of both');
is(everywhere($early), '503',
   'what was made before Redis began is not let in later either');
is(seen(), 0, 'and the service behind saw none of it');

for my $gate (@gate) {
    my $other = signed();
    is(status($gate, $other), 200, 'another is let in by each');
    is(everywhere($other), '401', 'once');
}
seen();

my $raced = signed();
my @load  = map { $_->load('/orders', each => [ { headers => $raced } ],
                           clients => 8, seconds => 1) } @gate;
my %raced;
for my $load (@load) {
    my %status = $load->wait->status;
    $raced{$_} += $status{$_} for keys %status;
}
is($raced{200}, 1, 'F10: of sixteen at once, at both, one is let in');
is(join(' ', sort keys %raced), '200 401', 'and all others are refused');
is(seen(), 1, 'the services behind saw one');

my @names = grep { /^gh:\{replay\}:/ } split /\n/, $redis->cli('--scan');
cmp_ok(scalar @names, '>', 3, 'Redis has their names');
is_deeply([ grep { !/^gh:\{replay\}:[0-9a-f]{32}$/ } @names ], [],
          'H6: which are hashes');
is_deeply([ grep { my $ttl = $redis->cli('TTL', $_);
                   $ttl < 60 || $ttl > 700 } @names ], [],
          'and have an end, later than that of what they stand for');


# ---- stopped ---------------------------------------------------------------------------

$redis->halt;
my @late = map { signed() } 1 .. 3;
my $answer = ask($here, $late[0]);
is($answer->status, 503, 'Redis stopped: refused');
cmp_ok($answer->header('Retry-After') // 0, '>', 0, 'with a way back');
is(join(' ', map { status($here, $_) } @late[1, 2], $used), '503 503 503',
   'nor is anything else let in');
is($here->get('/public')->status, 200, 'who needs no Redis is served');
seen();
$redis->go_on;
vouches('it to go on');
is(everywhere($used), '401', 'what was used before it was stopped stays used');
is((grep { /200/ } everywhere($late[0])) ? 'once' : 'never',
   seen() ? 'once' : 'never', 'what was refused meanwhile is used once at most');


# ---- garbage under its names ---------------------------------------------------------------

sub name_of {
    my ($headers, $gate) = @_;
    my %before = map { $_ => 1 } split /\n/, $redis->cli('--scan');
    is(status($gate // $here, $headers), 200, 'one is used');
    my @new = grep { !$before{$_} && /replay/ } split /\n/, $redis->cli('--scan');
    is(scalar @new, 1, 'which is one name') or diag "@new";
    return $new[0];
}

my $spoilt = signed();
my $name   = name_of($spoilt);
seen();
my $long = 'x' x 100_000;
for my $junk ([ 'SET', $name, 'junk' ], [ 'LPUSH', $name, '1' ],
              [ 'HSET', $name, 'v', '0' ], [ 'SET', $name, '' ],
              [ 'SET', $name, $long ]) {
    $redis->cli('DEL', $name);
    $redis->cli(@$junk);
    is(everywhere($spoilt), '503',
       "H3: $junk->[0] of somebody under its name does not make it new");
}
is(seen(), 0, 'the service behind saw none of it');

my $kept = signed();
is(status($here, $kept), 200, 'one is used');
for my $junk ([ 'SET', 'gh:{replay}', 'junk' ],
              [ 'HSET', 'gh:{replay}', 'since', 'nan' ],
              [ 'HDEL', 'gh:{replay}', 'since' ],
              [ 'HSET', 'gh:{replay}', 'since', '99999999999' ]) {
    $redis->cli('DEL', 'gh:{replay}') if $junk->[0] eq 'SET';
    my $made = signed();
    $redis->cli(@$junk);
    is(status($there, $made), 503, "H3: without a whole mark ($junk->[0]) "
       . 'nothing is vouched for');
    is(status($there, $kept), 401, 'and nothing is forgotten');
}
is(seen(), 1, 'the service behind saw what was let in');
vouches_now('a mark that is old enough');


# ---- emptied, killed, set back ----------------------------------------------------------------

$used = vouches('one more');
my $unused = signed();
$redis->cli('FLUSHALL');
is(everywhere($used), '503',
   'Redis was emptied: what was used before is not taken for new');
is(everywhere($unused), '503', 'nor is anything made before');
is(seen(), 0, 'the service behind saw none of it');
$used = vouches('it to vouch again');
is(everywhere($unused), '503', 'and that stays so');

# a snapshot, and what was used after it
my $old = signed();
is(status($here, $old), 200, 'one is used');
$redis->cli('SAVE');
my $lost = signed();
is(status($there, $lost), 200, 'one more is used after a snapshot');
seen();

$redis->kill;
is(status($_, signed()), 503, 'Redis killed: refused') for @gate;
cmp_ok(ask($here, $lost)->header('Retry-After') // 0, '>', 0, 'with a way back');
is($here->get('/public')->status, 200, 'who needs no Redis is served');
seen();
$redis->start;
wait_for(sub { $_->status->{store}{available} }, 60, 'it is back') for @gate;
cmp_ok($redis->cli('EXISTS', 'gh:{replay}'), '==', 1,
       'it has its snapshot with the mark');
wait_for(sub { everywhere($old) eq '401' }, 30, 'all workers to have found it');
is(everywhere($old), '401', 'what is in the snapshot stays used');
is(everywhere($lost), '503', 'what it has lost is not taken for new');
is(seen(), 0, 'the service behind saw none of it');
vouches('new ones to be let in');
is(everywhere($lost), '503', 'nor later');

# one that takes no writes
$redis->cli('CONFIG', 'SET', 'maxmemory', '1');
my $full = signed();
is(everywhere($full), '503', 'H7: without room for a name nobody is let in');
$redis->cli('CONFIG', 'SET', 'maxmemory', '0');
is(status($here, $full), 200, 'until there is');
seen();
$redis->cli('REPLICAOF', '127.0.0.1', Gatehouse::Test::Ports::free_port());
$used = signed();
is(everywhere($used), '503', 'H8: nor by a replica');
$redis->cli('REPLICAOF', 'NO', 'ONE');
is(everywhere($used), '503', 'what it was is another history, which begins now');
is(seen(), 0, 'the service behind saw none of it');
vouches_now('new ones to be let in');


# ---- while it waits ------------------------------------------------------------------------------

sub waits {
    my ($gate, $headers) = @_;
    my $http = $gate->connect(timeout => 10 * $WAIT);
    $http->send_raw(Gatehouse::Test::Http::format_request(
        'GET', '/orders', $gate->request_headers({ headers => [ @$headers ] })));
    return $http;
}

# When clients go away while Redis is asked
my $known = () = $here->decision_log;
$redis->halt;
for (1 .. 20) {
    my $http = waits($here, signed());
    close $http->sock;
}
wait_for(sub { (() = $here->decision_log) >= $known + 20 }, 20 * $SLOW,
         'all of them to have ended');
$redis->go_on;
vouches('it to go on');
is(join(' ', $here->workers), $workers[0], 'clients that go away harm nobody');

# When a gateway reloads while Redis is asked
my $slow = signed();
$redis->halt;
my $http = waits($here, $slow);
ok($here->reload, 'a reload while a request waits for Redis');
$redis->go_on;
my $reply = $http->read_response('GET');
like($reply->status, qr/^(?:200|503)$/, 'it is answered');
vouches('all is well');
is(everywhere($slow), $reply->status == 200 ? '401' : everywhere($slow),
   'and what was used before a reload stays used');


# ---- it is counted ---------------------------------------------------------------------------------

my $before = $here->metric('gatehouse_decisions_total',
                           reason => 'signature_replayed') // 0;
my $again = vouches('one more');
is(status($here, $again), 401, 'once more');
is($here->metric('gatehouse_decisions_total', reason => 'signature_replayed'),
   $before + 1, 'a replay is counted');
$before = $here->metric('gatehouse_decisions_total',
                        reason => 'replay_unavailable') // 0;
$redis->kill;
is(status($here, signed()), 503, 'and one that nobody can know of');
is($here->metric('gatehouse_decisions_total', reason => 'replay_unavailable'),
   $before + 1, 'is counted as such');
ok(!$here->status->{store}{available}, 'status says that the store is away');

done_testing;
