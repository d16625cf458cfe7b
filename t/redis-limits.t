# alone: it loads the machine
# Gateways on one Redis share every limit: what one lets in the other does not
# (THREATS G5). Judged by the time of decision, no window holds more than its
# burst and what came back in it, whatever happens to Redis: away, lost,
# overwritten, its clock stepped (THREATS 4.1, H3, G6).
use lib 't/lib';
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Limits;
use Gatehouse::Test::Redis;
use Gatehouse::Test::Windows qw(excess ideal);
use POSIX ();
use Time::HiRes qw(sleep time);

my $SLOW = Gatehouse::Test::slow();

# The judge itself: one too many is found, wherever it is
{
    my @fair = map { $_ * 10_000 } 0 .. 99;
    unshift @fair, (0) x 19;
    is(sprintf('%.3f', scalar excess(\@fair, 100, 20)), '0.000',
       'a full bucket spent and then all that comes back is the bound');
    for my $at (0, 45, 99) {
        my @more = (@fair, $at * 10_000);
        is(sprintf('%.3f', scalar excess(\@more, 100, 20)), '1.000',
           "one more at $at is one too many");
    }
    is(ideal([ 0, 0, 0, 1e6, 1e6 ], [ 1, 2 ]), 3, 'two at once, one came back');
    is(ideal([ 0, 0, 0, 0 ], [ 10, 4 ], [ 1, 3 ]), 3, 'of two the tighter');
}

my %PLAN = (
    exact   => '100r/s burst=20',
    wide    => '500r/s burst=200',
    slow    => '1r/h burst=12',
    back    => '60r/m burst=3',
    windows => { limits => { a => '50r/s burst=10', b => '1200r/m burst=40' } },
    month   => '60r/month',
    share   => '40r/s burst=40',
    cold    => '10r/s burst=20',
    one     => '5r/s burst=1',
);

my $NAMED = <<'EOC';
    location /search {
        gatehouse_authenticate     api_key;
        gatehouse_bad_credentials  off;
        gatehouse_limit            name=search rate=1r/h burst=8
                                   key=$gatehouse_consumer;
        proxy_pass                 http://sink;
HEADERS
    }
    location /free {
        gatehouse_authenticate     api_key;
        gatehouse_bad_credentials  off;
        gatehouse_limit            off;
        proxy_pass                 http://sink;
HEADERS
    }
EOC

sub two {
    my ($redis, %arg) = @_;
    my %who = map { my $plan = $_; map { ("$plan$_" => $plan) } 1 .. 6 }
              keys %PLAN;
    $who{"crowd$_"} = 'cold' for 1 .. 60;
    return Gatehouse::Test::Farm->new(
        gates => 2, workers => 2, redis => $redis, plans => \%PLAN,
        who => \%who, locations => $NAMED, timeout => '1s', %arg);
}

# ---- one limit over both -------------------------------------------------------

my $redis = Gatehouse::Test::Redis->new;
my $farm  = two($redis);

# Given a Redis that never was used
my %at_once = %{ statuses($farm, 'slow1', 40) };
only_fair('in turn', %at_once);
cmp_ok($at_once{204} // 0, '<=', 12, 'G5: a burst of twelve is one of both');
cmp_ok($at_once{204} // 0, '>=', 9, 'and is there at the first start');
%at_once = %{ statuses($farm, 'slow2', 40, '/search') };
cmp_ok($at_once{204} // 0, '<=', 8, 'G5: so is that of a limit with a name');
cmp_ok($at_once{204} // 0, '>=', 6, 'which is there, too');

# When both are asked for much more
my @all = map { ($_) x 3 } qw(exact1 windows1 one1);
my $load = $farm->load(who => [ @all, 'wide1' ], clients => 32, seconds => 2.5,
                       rate => 3000 / $SLOW)->wait;
only_fair('under load', $load->status);
is($load->failed, 0, 'and everybody is answered');
holds($farm, 'exact1', 100, 20, 'G5: no window over both exceeds');
holds($farm, 'one1', 5, 1, 'G5: nor with a burst of one');
holds($farm, 'windows1', 50, 10, 'G5: of two windows the short');
holds($farm, 'windows1', 20, 40, 'G5: and the long', n => 1);

# Those within their rate are served, while somebody spends a month
$farm->sink->forget;
my @names = qw(exact2 wide2 wide2 wide2);
$load = $farm->load(who => \@names, clients => 16, seconds => 2.5,
                    rate => 360 / $SLOW);
my $month = $farm->load(who => ['month1'], clients => 8, seconds => 1,
                        rate => 400 / $SLOW)->wait;
my %status = $load->wait->status;
cmp_ok($status{204} // 0, '>=', 0.97 * $load->requests,
       'who asks for less than the rate is served: '
       . join(' ', map { "$_ x $status{$_}" } sort keys %status));
is($month->status(204), 60, 'a month of sixty is sixty of both together');


# ---- what is said of it ----------------------------------------------------------

# RateLimit never tells more than there is, nor less than nothing
my (@left, @policy, $refused);
for my $i (1 .. 20) {
    my $res = $farm->ask($i % 2, 'back1');
    push @left, ($res->header('RateLimit') // '') =~ /;r=(-?\d+)/;
    push @policy, $res->header('RateLimit-Policy') // '';
    $refused = $res if $res->status == 429;
    last if $refused;
}
is(scalar(grep { $_ < 0 || $_ > 3 } @left), 0, "G9: what is left: @left");
is(join('', grep { $_ ne '"main";q=3;w=3' } @policy), '',
   'G9: the policy is the same everywhere');
my $wait = $refused ? $refused->header('Retry-After') : -1;
cmp_ok($wait, '>', 0, "G9: who is refused is told to wait: $wait s");
cmp_ok($wait, '<=', 3, 'and not for longer than the burst takes to fill');

# Who waits that long is served, at the other gate, too
my ($served, @due) = (0);
for my $i (1 .. 6) {
    my $last;
    for my $try (1 .. 20) {
        $last = $farm->ask($i % 2, "back$i");
        last if $last->status == 429;
    }
    my $after = $last->header('Retry-After') // 0;
    push @due, [ time + $after, ($i + $after) % 2, "back$i" ];
}
for my $one (sort { $a->[0] <=> $b->[0] } @due) {
    my ($at, $gate, $who) = @$one;
    sleep $at - time if $at > time;
    $served++ if $farm->ask($gate, $who)->status == 204;
}
is($served, 6, 'G9: who waits as long as told is served, at either');


# ---- round trips -----------------------------------------------------------------

# All but what goes on when nobody asks
sub calls { return $redis->calls(qw(evalsha eval fcall)) }

my ($calls, $began) = (calls(), time);
sleep 1.5;
my $idle = (calls() - $calls) / (time - $began);
note(sprintf 'idle: %.1f a second', $idle);

# The first request of somebody is one
($calls, $began) = (calls(), time);
statuses($farm, "crowd$_", 1) for 1 .. 60;
my $took  = time - $began;
my $trips = calls() - $calls - $idle * $took;
cmp_ok($trips, '>=', 50, 'first requests are asked for in Redis');
cmp_ok($trips, '<=', 60 + 6 + 2 * $idle,
       sprintf 'and once each: %.0f of sixty', $trips);

# At load: at most one in fifty with a burst of 200 at two nodes, and what
# a life of one second adds: each node asks once or twice a second for each
# consumer anyway.
($calls, $began) = (calls(), time);
$load = $farm->load(who => ['wide3'], clients => 16, seconds => 3,
                    rate => 450 / $SLOW)->wait;
$took  = time - $began;
$trips = calls() - $calls - $idle * $took;
my $most = $load->requests / 50 + 2 * 2 * $took + 10;
note(sprintf 'a burst of 200: %.0f for %d requests in %.1f s, 1 in %.0f',
     $trips, $load->requests, $took, $load->requests / ($trips || 1));
cmp_ok($trips, '<=', $most, "at most $most round trips");
my $few = ($load->status(204) // 0) / $load->requests;
cmp_ok($few, '>=', 0.97, 'with which they are served: ' . $few);


# What Redis keeps of them has an end
my @counters = grep { /limit/ } split /\n/, $redis->cli('--scan');
cmp_ok(scalar @counters, '>', 0, 'counters are in Redis');
is(scalar(grep { $redis->cli('TTL', $_) == -1 } @counters), 0,
   'each with an end');


# ---- Redis does not answer -------------------------------------------------------

$farm->sink->forget;
my $before_degraded = $farm->metric('gatehouse_degraded_since_seconds',
                                    what => 'limits');
$load = $farm->load(who => [ qw(share1 share1 share1 exact3), 'share2' ],
                    clients => 48, seconds => 5, rate => 640 / $SLOW);
my $beside = $farm->load(who => ['share3'], target => '/free', clients => 4,
                         seconds => 5, rate => 100);
wait_for(sub { @{ times_of($farm, 'share1') } >= 50 }, 10 * $SLOW,
         'a bucket to be empty');
my $halted = now_us();
$redis->halt;
wait_for(sub { 2 == grep { defined } $farm->degraded('limits') }, 10 * $SLOW,
         'both to count alone');
sleep 1.3;    # they do for so long
my @degraded = $farm->degraded('limits');
my $metric   = $farm->metric('gatehouse_degraded_since_seconds',
                             what => 'limits');
my $going = now_us();
$redis->go_on;
$load->wait;
no_error('while Redis is stopped', $load->status);
is($load->failed, 0, 'nobody is left without an answer');
no_error('who needs no limit', $beside->wait->status);
cmp_ok($beside->result->{max_us}, '<', 0.9e6 * $SLOW, 'without waiting');
cmp_ok($load->result->{max_us}, '<', 1.9e6 * $SLOW,
       'nobody waits for two deadlines of a second: '
       . $load->result->{max_us} . ' us at most');
is(scalar(grep { defined } @degraded), 2, 'both say that limits are degraded');
cmp_ok($metric, '>', 0, 'as metrics do');
is($before_degraded, 0, 'which they did not before');

# and then a share each: half of it
my ($from, $until) = ($halted + 1.2e6, $going);
my @alone = @{ times_of($farm, 'share1', 0, $from, $until) };
holds($farm, 'share1', 40, 80, 'twice a half is not exceeded',
      since => $from, until => $until);
cmp_ok(scalar @alone, '>=', 0.6 * 40 * ($until - $from) / 1e6,
       'and is given: ' . @alone);
holds($farm, 'share1', 80, 80, 'over all, the limit and a share for each');
holds($farm, 'exact3', 200, 40, 'also of others');

wait_for(sub { !grep { defined } $farm->degraded('limits') }, 20,
         'to be no longer degraded');
pass('when Redis goes on it is taken back');
leases_over();
my $healed = now_us();
$farm->load(who => [qw(share1 exact3)], clients => 16, seconds => 1.3,
            rate => 1500 / $SLOW)->wait;
holds($farm, 'share1', 40, 40, 'and one limit holds over both again',
      since => $healed);
holds($farm, 'exact3', 100, 20, 'exactly', since => $healed);


# ---- Redis comes back without what it had -------------------------------------------

sub available {
    my ($with) = @_;
    wait_for(sub { !grep { !$_->status->{store}{available} } $with->gates },
             30, 'Redis to be there');
    wait_for(sub { !grep { defined } $with->degraded('limits') }, 30,
             'limits to be sure again');
    return;
}

statuses($farm, 'slow3', 2);
$redis->kill;
wait_for(sub { !grep { $_->status->{store}{available} } $farm->gates },
         10 * $SLOW, 'both to miss Redis');
$redis->start;
available($farm);
leases_over();
for my $who (qw(slow3 slow4)) {
    my %seen = %{ statuses($farm, $who, 10) };
    is($seen{204} // 0, 0, "a counter that was lost begins empty ($who)");
    only_fair('after a loss', %seen);
}
my $lost = now_us();
$farm->load(who => [qw(exact4 cold1)], clients => 16, seconds => 1.5,
            rate => 1000 / $SLOW)->wait;
holds($farm, 'exact4', 100, 20, 'after a loss limits hold');
cmp_ok(scalar @{ times_of($farm, 'exact4', 0, $lost) }, '>=', 75,
       'and fill at their rate');

# A gateway that is begun anew forgets nothing
my %kept = %{ statuses($farm, 'slow1', 6) };
is($kept{204} // 0, 0, 'given one who has used up what there was');
$_->restart for $farm->gates;
available($farm);
%kept = %{ statuses($farm, 'slow1', 6) };
is($kept{204} // 0, 0, 'gateways that begin anew give nothing back');


# ---- the clock of Redis is stepped ---------------------------------------------------

my $clock = $farm->gate(0)->dir . '/clock';
my $library = $farm->gate(0)->dir . '/clock.so';
my $source  = Gatehouse::Test::root() . '/t/lib/clock.c';
system('cc', '-shared', '-fPIC', '-O1', '-o', $library, $source, '-ldl') == 0
    or die "cannot build $source\n";
Gatehouse::Test::Config::write_file($clock, pack 'q2', 0, 0);

sub step {
    my ($to_s) = @_;
    my $whole = POSIX::floor($to_s);
    open my $fh, '+<', $clock or die "$clock: $!\n";
    syswrite $fh, pack 'q2', $whole, 1e6 * ($to_s - $whole);
    close $fh;
    return;
}

my $third;

# Of a hundred a second
sub goes_on {
    my ($name, $from, $until) = @_;
    my $n = @{ times_of($third, 'exact1', 0, $from, $until) };
    my $s = ($until - $from) / 1e6;
    cmp_ok($n, '>=', 60 * $s,
           sprintf 'G6: %s: nor is anybody locked out: %d in %.2f s', $name,
           $n, $s);
    return;
}

my $stepped = Gatehouse::Test::Redis->new(
    env => { LD_PRELOAD => $library, GH_CLOCK => $clock });
$third = two($stepped);
is(statuses($third, 'slow1', 30)->{429} > 0, 1, 'given who used up a burst');

my $offset = 0;
for my $by (3600, -3600, -3600, 3600) {
    my $name = sprintf '%+d s', $by;
    $third->sink->forget;
    $load = $third->load(who => [qw(exact1 share1)], clients => 16,
                         seconds => 2.5, rate => 800 / $SLOW);
    wait_for(sub { @{ times_of($third, 'share1') } >= 45 }, 10 * $SLOW,
             'a bucket to be empty');
    $offset += $by;
    step($offset);
    my $now = now_us();
    my %slow = %{ statuses($third, 'slow1', 10) };
    $load->wait;
    my $ended = now_us();
    no_error("the clock of Redis goes $name", $load->status, %slow);
    is($slow{204} // 0, 0, "G6: $name: an hour that did not pass brings nothing");
    holds($third, 'exact1', 100, 20, "G6: $name: no more than the limit");
    holds($third, 'share1', 40, 40, "G6: $name: of others neither");
    if ($offset > 0) {
        # who asks anew, because it knows nothing of it, is told the same
        $_->restart for $third->gates;
        available($third);
        is(statuses($third, 'slow1', 10)->{204} // 0, 0,
           "G6: $name: nor at gateways that begin anew");
    }
    goes_on($name, $now, $ended);
}

# Given steps that are as small as the time that an answer takes
$third->sink->forget;
$load = $third->load(who => [qw(exact1 share1)], clients => 16,
                     seconds => 4, rate => 800 / $SLOW);
wait_for(sub { @{ times_of($third, 'share1') } >= 45 }, 10 * $SLOW,
         'a bucket to be empty');
my $stepping = now_us();
for my $by (0.01, 0.09, 0.2, -0.2, 0.24, 0.3) {
    $offset += $by;
    step($offset);
    sleep 0.45;
}
$load->wait;
my $ended = now_us();
no_error('the clock of Redis goes by little', $load->status);
holds($third, 'exact1', 100, 20, 'G6: little steps bring nothing either');
holds($third, 'share1', 40, 40, 'G6: nor to others');
goes_on('by little', $stepping, $ended);


# ---- begun while Redis is away ---------------------------------------------------------

$stepped->kill;
my $one = Gatehouse::Test->new(
    store => $stepped->words(timeout => '100ms', nodes => 4), workers => 1,
    decisions => 0);
$one->allow_log(qr/Redis at \S+ cannot be reached/);
$one->start(
    http => 'gatehouse_secret file:' . $stepped->dir . '/root.key;',
    locations => 'location / { gatehouse_authenticate off; gatehouse_limit '
               . 'name=all rate=1r/h burst=8; empty_gif; }');
my %of_four;
$of_four{ $one->get('/')->status }++ for 1 .. 8;
is_deeply(\%of_four, { 200 => 2, 429 => 6 },
          'one of four that has never seen Redis has a quarter of the limit');

done_testing;
