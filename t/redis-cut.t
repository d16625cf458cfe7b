# Connections to Redis that are cut all the time: as long as Redis answers
# within its deadline nobody is refused for it (THREATS 4.1: Redis for sessions
# and limits), and who was revoked is refused all the same.
use lib 't/lib';
use Gatehouse::Test timeout => 200;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Redis;
use JSON::PP ();
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
    timeout => 2000 * $SLOW . 'ms');

is(join(' ', map { $farm->ask($_ % 2, $who[$_])->status } 0 .. 3),
   '204 204 204 204', 'all is well');

# $n seconds of load, while connections are cut every so often
sub cut_under {
    my ($seconds, $every) = @_;
    my $load  = $farm->load(seconds => $seconds, clients => 16,
                            rate => 600 / $SLOW, who => \@who);
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
    cmp_ok($load->requests, '>', 500 / $SLOW,
           "every ${every}s all connections die");
    my %got = $load->status;
    is(join(' ', sort keys %got), '204', 'and no request is refused for it');
    is($load->failed, 0, 'nor left without an answer');
}


# ---- keys that were issued, which no worker knows yet -----------------------------------

my ($gate) = $farm->gates;
my @issued;
for my $who (@who[0 .. 19]) {
    my ($status, $out) = $gate->tool('key', 'create', $who, '--json');
    push @issued, JSON::PP::decode_json($out)->{key} if $status == 0;
}
is(scalar @issued, 20, 'keys are issued');
$gate->plant_secret(@issued);
$gate->reload;
my $load  = $gate->load('/', clients => 4, seconds => 3, rate => 200 / $SLOW,
                        each => [ map { { key => $_ } } @issued ]);
my $until = time + 3;
while (time < $until) {
    $farm->cut;
    sleep 0.05;
}
my %got = $load->wait->status;
is(join(' ', sort keys %got), '204',
   'a record that is asked for when the connection dies is asked for again');

done_testing;
