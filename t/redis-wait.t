# A request that waits for Redis goes on once, when it is woken: whatever else
# happens to its connection meanwhile neither asks again nor passes it on
# twice. Its connection is one that has been used before, as most are.
use lib 't/lib';
use Gatehouse::Test timeout => 120;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Limits;
use Gatehouse::Test::Redis;
use Time::HiRes qw(sleep time);

my $TURNS = 40;

my $redis = Gatehouse::Test::Redis->new;
my $farm  = Gatehouse::Test::Farm->new(
    workers => 2, redis => $redis,
    plans => { ten => '10r/h burst=10', wide => '1000r/s burst=1000' },
    who => { few => 'ten', map { ("many$_" => 'wide') } 1 .. $TURNS },
    locations => <<'EOC');
    location /who {
        gatehouse_authenticate  api_key;
        gatehouse_limit         off;
        add_header X-Worker $pid always;
        proxy_pass http://sink;
HEADERS
    }
EOC

sub get {
    my ($target, $who) = @_;
    return "GET $target HTTP/1.1\r\nHost: localhost\r\n"
         . 'X-API-Key: ' . Gatehouse::Test::Farm::key($who) . "\r\n\r\n";
}

# An answer of the service has come on it already, to a key that is known from
# then on; which worker has it.
sub use_once {
    my ($http, $who) = @_;
    $http->send_raw(get('/who', $who));
    return $http->read_response('GET')->header('X-Worker');
}


# ---- it asks for itself once -------------------------------------------------

my $http = $farm->gate(0)->connect;
use_once($http, 'few');
$http->send_raw(get('/', 'few'));
is($http->read_response('GET')->status, 204, 'one of ten is served');
my %other;
$other{ $farm->ask(1, 'few')->status }++ for 1 .. 12;
is($other{204}, 9, 'nine are left for another gateway');


# ---- it is passed on once ----------------------------------------------------

# Two workers, one of which asks for both
my %at;
for (1 .. 200) {
    my $one = $farm->gate(0)->connect;
    push @{ $at{ use_once($one, 'few') } }, $one;
    last if keys %at == 2;
}
my ($left, $right) = map { $_->[0] } values %at;
ok($right, 'both workers have a connection') or BAIL_OUT('no second worker');

my ($sent, $served) = (0, 0);
for my $turn (1 .. $TURNS) {
    my $who = "many$turn";
    use_once($_, $who) for $left, $right;
    $redis->halt;
    $_->send_raw(get('/', $who)) for $left, $right;
    sleep 0.01;

    # While they wait, more comes in little pieces
    my @next = split //, get('/', $who);
    for my $i (0 .. $#next) {
        $redis->go_on if $i == 10;
        $_->send_raw($next[$i]) for $left, $right;
    }
    for my $one ($left, $right) {
        $served += $one->read_response('GET')->status == 204 for 1 .. 2;
    }
    $sent += 4;
}
is($served, $sent, 'all are served');
is(scalar(grep { /^many/ } map { $_->{who} } $farm->sink->admitted),
   $sent + 2 * $TURNS, 'and each was passed on once');

done_testing;
