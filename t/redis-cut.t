# Connections to Redis that are cut all the time: as long as Redis answers
# within its deadline nobody is refused for it (THREATS 4.1: Redis for sessions
# and limits), and who was revoked is refused all the same.
use lib 't/lib';
use Gatehouse::Test timeout => 200;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Redis;
use Time::HiRes qw(sleep time);

my $SLOW = Gatehouse::Test::slow();

# Given two gateways of two workers, keys that policies declare, and keys that
# were issued
my $redis = Gatehouse::Test::Redis->new;
my @who   = map { sprintf 'user%02d', $_ } 1 .. 40;
my $farm  = Gatehouse::Test::Farm->new(
    gates => 2, workers => 2, redis => $redis,
    who => { map { $_ => 'wide' } @who },
    plans => { wide => '100000r/s burst=10000' },
    timeout => 1000 * $SLOW . 'ms');

is(join(' ', map { $farm->ask($_ % 2, $who[$_])->status } 0 .. 3),
   '204 204 204 204', 'all is well');

# $n seconds of load, while connections are cut every so often
sub cut_under {
    my ($seconds, $every, %arg) = @_;
    my $load  = $farm->load(seconds => $seconds, clients => 16, rate => 600 / $SLOW,
                            who => [ map { @who } 1 .. 2 ], %arg);
    my $until = time + $seconds;
    my $cuts  = 0;
    while (time < $until) {
        $farm->cut;
        $cuts++;
        sleep $every;
    }
    $load->wait;
    return ($load, $cuts);
}


# ---- keys that policies declare ------------------------------------------------------

for my $every (0.3, 0.05) {
    my ($load, $cuts) = cut_under(4, $every);
    note("$cuts cuts, ", $load->requests, ' requests');
    cmp_ok($load->requests, '>', 500 / $SLOW, "every ${every}s all connections die");
    is(join(' ', map { "$_: " . $load->status($_) }
            grep { $_ != 200 && $_ != 204 } sort keys %{ { $load->status } }), '',
       'and no request is refused for it');
    is($load->failed, 0, 'nor left without an answer');
}

done_testing;
