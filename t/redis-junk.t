# Limits that gateways share, while somebody writes junk where their counters
# are: nobody is let in who may not, and all of it heals (THREATS H3).
use lib 't/lib';
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Limits;
use Gatehouse::Test::Redis;
use Time::HiRes qw(sleep);

my $SLOW = Gatehouse::Test::slow();
my %PLAN = (slow  => '1r/h burst=12',   cold => '10r/s burst=20',
            exact => '100r/s burst=20', wide => '500r/s burst=200',
            share => '40r/s burst=40');

my $redis = Gatehouse::Test::Redis->new;
my $farm = Gatehouse::Test::Farm->new(
    gates => 2, workers => 2, redis => $redis, plans => \%PLAN, timeout => '1s',
    who => { map { my $plan = $_; map { ("$plan$_" => $plan) } 1 .. 6 }
             keys %PLAN });

my %junk = (
    list     => sub { $redis->cli('DEL', $_[0]);
                      $redis->cli('RPUSH', $_[0], 'a', 'b') },
    text     => sub { $redis->cli('SET', $_[0], "junk \xff\n|{") },
    empty    => sub { $redis->cli('SET', $_[0], '') },
    long     => sub { $redis->cli('EVAL', "redis.call('SET', KEYS[1], "
                                  . "string.rep('9', 1000000))", 1, $_[0]) },
    numbers  => sub { numbers($_[0], '9' x 300) },
    negative => sub { numbers($_[0], '-1000000000000000') },
    nan      => sub { numbers($_[0], 'nan') },
    ahead    => sub { numbers($_[0], '99999999999999999999') },
    zero     => sub { numbers($_[0], 0) },
);

# Every field of a hash, or what a bucket holds, becomes that number.
sub numbers {
    my ($key, $number) = @_;
    if ($redis->cli('TYPE', $key) eq 'hash') {
        for my $field (split /\n/, $redis->cli('HKEYS', $key)) {
            $redis->cli('HSET', $key, $field, $number);
        }
        return;
    }
    $redis->cli('EVAL', <<~'LUA', 1, $key, $number);
        local v = redis.call('GET', KEYS[1])
        redis.call('SET', KEYS[1], string.sub(v, 1, 25)
                   .. struct.pack('<d', tonumber(ARGV[1]))
                   .. string.sub(v, 34))
        LUA
    return;
}

sub keys_of { return map { $_ => 1 } split /\n/, $redis->cli('--scan') }

# Given a counter for each kind of junk
my (%victim, %key_of);
for my $kind (sort keys %junk) {
    my $n    = keys %victim;
    my %were = keys_of();
    $victim{$kind} = $n < 6 ? 'slow' . ($n + 1) : 'cold' . ($n - 5);
    statuses($farm, $victim{$kind}, 4);
    my %now = keys_of();
    $key_of{$kind} = [ grep { !$were{$_} } sort keys %now ];
    cmp_ok(scalar @{ $key_of{$kind} }, '>=', 1,
           "given the counter of $victim{$kind}");
}

# When it is there instead, and both must ask again
leases_over();
for my $kind (sort keys %junk) {
    $junk{$kind}->($_) for @{ $key_of{$kind} };
}
my $planted = now_us();
for my $kind (sort keys %junk) {
    my %seen = %{ statuses($farm, $victim{$kind}, 8) };
    only_fair("$kind in it", %seen);
    next if $victim{$kind} !~ /slow/ || $kind =~ /ahead|numbers/;
    is($seen{204} // 0, 0, "H3: $kind in a counter: empty, never full");
}
$farm->load(who => [ values %victim ], clients => 18, seconds => 1,
             rate => 900 / $SLOW)->wait;
for my $kind (sort keys %junk) {
    holds($farm, $victim{$kind},
          $victim{$kind} =~ /slow/ ? (1 / 3600, 12) : (10, 20),
          "H3: $kind in it: the limit holds", since => $planted);
}

# Under every key that limits have, the counters and who shares them, while
# they are in use
my @every = qw(list text numbers negative);
my @from;
my $all = $farm->load(who => [qw(exact5 share5 wide5)], clients => 16,
                       seconds => 1.2 * @every, rate => 900 / $SLOW);
for my $kind (@every) {
    push @from, now_us();
    $junk{$kind}->($_) for grep { !/root|replay/ } sort keys %{ { keys_of() } };
    my $rest = 1.2 - (now_us() - $from[-1]) / 1e6;
    sleep $rest if $rest > 0;
}
no_error('junk under every key', $all->status);
is($all->failed, 0, 'everybody is answered');
for my $i (0 .. $#every) {
    holds($farm, 'exact5', 200, 40, "H3: $every[$i] under every key: no more "
          . 'than the limit and a share for each', since => $from[$i],
          until => $from[$i + 1]);
}
wait_for(sub { $farm->ask(0, 'exact6')->status == 204 }, 30, 'an answer');
pass('it heals');

done_testing;
