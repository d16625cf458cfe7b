# Several gateways on one Redis are one: a key made or revoked at one, a
# weight, a suspended consumer, a quota hold at the other within a second.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use Time::HiRes ();

my $redis = Gatehouse::Test::Redis->new(aof => 1);
my $root  = "$redis->{dir}/root.key";
Gatehouse::Test::Config::write_file($root, 'd4' x 32);
chmod 0600, $root;

my %service = (orders => {
    default_version => 'v1',
    versions => { v1 => { deployments => {
        blue  => { upstream => 'blue',  initial_weight => '100%' },
        green => { upstream => 'green', initial_weight => '0%' } } } } });

my @gate = map {
    my $t = Gatehouse::Test->new(
        store => $redis->words(timeout => '2s'), workers => 2,
        backends => [qw(blue green)],
        policies => {
            plans => { few => { limits => { month => '5r/month' },
                                services => ['orders'] },
                       many => { limits => { month => '100r/month' },
                                 services => ['orders'] },
                       wide => { limits => { second => '1000r/s' },
                                 services => ['orders'] } },
            consumers => { acme => { plan => 'wide' },
                           tiny => { plan => 'few' },
                           heavy => { plan => 'many' } },
            services => \%service,
        });
    $t->start(http => "gatehouse_secret file:$root;",
              locations => <<'CONF');
        location / {
            gatehouse_authenticate     api_key;
            gatehouse_bad_credentials  off;
            gatehouse_limit            plan;
            gatehouse_service          orders;
            proxy_pass                 http://gatehouse;
        }
        location /weighed {
            gatehouse_authenticate     api_key;
            gatehouse_limit            plan cost=$arg_cost;
            gatehouse_service          orders;
            proxy_pass                 http://gatehouse;
        }
CONF
    $t;
} 1 .. 2;
my ($here, $there) = @gate;

sub made {
    my ($gate, @arg) = @_;
    my ($status, $out, $err) = $gate->tool('key', 'create', @arg);
    is($status, 0, "a key for @arg") or diag $err;
    chomp $out;
    return $out;
}

sub statuses {
    my ($gate, $key, $n) = @_;
    my %seen;
    $seen{ $gate->get('/orders', key => $key)->status }++ for 1 .. $n;
    return join ' ', sort keys %seen;
}

sub soon {
    my ($what, $sub) = @_;
    my $from = Time::HiRes::time();
    wait_for($sub, 30, $what);
    note(sprintf '%s after %.3f s', $what, Time::HiRes::time() - $from);
    pass($what);
    return;
}


# ---- keys ------------------------------------------------------------------------

my $key = made($here, 'acme', '--id', 'acme1');
soon('a key that is made at one gateway opens the other',
     sub { statuses($there, $key, 10) eq '200' });
is(statuses($here, $key, 10), '200', 'and its own');

my ($status) = $there->tool('key', 'revoke', 'acme1');
is($status, 0, 'revoked at the other');
soon('it is refused by the first', sub { statuses($here, $key, 10) eq '401' });
is(statuses($there, $key, 10), '401', 'and by the second');

$key = made($there, 'acme', '--id', 'acme2');
soon('a next one', sub { statuses($here, $key, 10) eq '200' });
($status) = $here->tool('consumer', 'suspend', 'acme');
is($status, 0, 'its consumer is suspended at one');
soon('and stands outside at the other',
     sub { statuses($there, $key, 10) !~ /200/ });
$there->tool('consumer', 'resume', 'acme');
soon('until it is let in again', sub { statuses($here, $key, 10) eq '200' });


# ---- weights ---------------------------------------------------------------------

($status) = $here->tool('traffic', 'switch', 'orders/v1', 'green');
is($status, 0, 'traffic is switched at one gateway');
soon('and goes there from the other', sub {
    $there->get('/orders', key => $key)->received->backend eq 'green';
});


# ---- quotas ----------------------------------------------------------------------

my $tiny = made($here, 'tiny');
my %count;
for my $i (1 .. 12) {
    $count{ $gate[$i % 2]->get('/orders', key => $tiny)->status }++;
}
is($count{200}, 5, 'five a month are five at both together');

# Given a hundred a month, of which 70 are spent
my $heavy = made($here, 'heavy');
sub costs {
    my ($gate, $cost) = @_;
    return $gate->get("/weighed?cost=$cost", key => $heavy)->status;
}
is(costs($here, 70), 200, 'a request that costs 70 of a hundred');

# When one comes that they are too few for
is(join(' ', map { costs($here, 60) } 1 .. 3), '429 429 429',
   'one that costs 60 does not fit');

# Then it has taken nothing
is(costs($there, 1), 200, 'and takes nothing from the other gateway');
is(costs($here, 9), 200, 'nor from its own');
is(costs($there, 21), 429, 'one more than is left does not fit either');
is(costs($there, 20), 200, 'what is left does');
is(join(' ', map { costs($_, 1) } @gate), '429 429', 'then it is used up');


# ---- Redis away and back ------------------------------------------------------------

$redis->kill;
is(statuses($here, $key, 5), '200', 'a key that was let in before still opens');
($status, my $out, my $err) = $here->tool('key', 'revoke', 'acme2');
isnt($status, 0, 'a revocation that Redis did not take is not reported done');
like($err, qr/the store cannot be opened: Redis at \S+ cannot be reached/,
     'and the reason is said');
soon('status says that it is away', sub { !$here->status->{store}{available} });

$redis->start;
soon('it comes back', sub { $here->status->{store}{available}
                            && $there->status->{store}{available} });
soon('with all that it had, in every worker',
     sub { statuses($there, $key, 10) eq '200' });
($status) = $here->tool('key', 'revoke', 'acme2');
is($status, 0, 'and takes the revocation');
soon('which holds everywhere', sub { statuses($there, $key, 5) eq '401' });

done_testing;
