# Requests have weights: cost= says how much of each limit one takes, in a
# plan of several windows and in limits with a name, on one gateway and on
# two that share a Redis.
use Gatehouse::Test timeout => 200;
use Gatehouse::Test::Redis;

my $redis;
my %PLAN = (
    twenty  => '1r/h burst=20',
    four    => '1r/h burst=4',
    windows => { limits => { short => '1r/h burst=30', day => '40r/day',
                             month => '1000r/month' } },
    month   => '1000r/month',
    little  => '7r/month',
    free    => '1r/h burst=1',
    shared  => '1r/h burst=40',
);
my $HTTP = <<'EOH';
    map $arg_fields $weight { default $arg_fields; all 10; }
EOH
my $LOCATIONS = <<'EOL';
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
    location /five {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan cost=5;
        proxy_pass              http://echo;
    }
    location /free {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan cost=0;
        proxy_pass              http://echo;
    }
    location /any {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan cost=$weight;
        proxy_pass              http://echo;
    }
    location /both {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan cost=6;
        gatehouse_limit         name=both rate=1r/h burst=6 cost=3
                                key=$gatehouse_consumer;
        proxy_pass              http://echo;
    }
    location /both-little {
        gatehouse_authenticate  api_key;
        gatehouse_limit         name=both rate=1r/h burst=6
                                key=$gatehouse_consumer;
        proxy_pass              http://echo;
    }
EOL

sub gateway {
    my (%arg) = @_;
    my $t = Gatehouse::Test->new(decisions => 0, %arg);
    return $t->plans(%PLAN);
}

sub begin {
    my ($t, $more) = @_;
    return $t->start(http => $HTTP . ($more // ''), locations => $LOCATIONS);
}

sub one { return scalar $_[0]->consumers(1, plan => $_[1]) }

sub statuses { return join ' ', map { $_->status } @_ }

sub left {
    my ($res, $name) = @_;
    return ($res->header('RateLimit') // '') =~ /"\Q$name\E";r=(\d+)/
           ? $1 : 'not said';
}


sub beats {
    my %all = split /\n/, $redis->cli('HGETALL', 'gh:{nodes}');
    return map { $_ => $all{$_} } grep { /^node:/ } keys %all;
}


# ---- the embedded store --------------------------------------------------------------

my $t   = gateway();
my %who = map { $_ => one($t, $_) } keys %PLAN;
my ($other, $third, $fourth) = map { one($t, 'twenty') } 1 .. 3;
begin($t);

my @got = map { $t->get('/five', key => $who{twenty}) } 1 .. 5;
is(statuses(@got), '200 200 200 200 429',
   'a burst of twenty lets in four that cost five');
is(join(' ', map { left($_, 'main') } @got), '15 10 5 0 0',
   'what is left goes down by five');
is($t->counts->{echo}, 4, 'the fifth never reaches the service');
like($got[4]->header('Retry-After'), qr/^1[78]\d\d\d$/,
     'five have come back after five hours');

@got = ($t->get('/five', key => $other), $t->get('/', key => $other));
is(join(' ', map { left($_, 'main') } @got), '15 14',
   'where nothing is said a request costs one');
is($got[0]->header('RateLimit-Policy'), '"main";q=20;w=72000',
   'the policy is what it was');

# A cost that does not fit leaves what there is to others
@got = map { $t->get("/any?fields=$_", key => $third) } 10, 8, 5, 2, 1;
is(statuses(@got), '200 200 429 200 429',
   'what is refused takes nothing: less still fits');

# Above what the limit ever admits
@got = ($t->get('/five', key => $who{four}), $t->get('/', key => $who{four}));
is(statuses(@got), '429 200', 'a cost above the burst is refused at once');
my $said = $got[0]->json;
like($said->{type}, qr/cost-above-limit$/, 'by a problem of its own');
like($said->{detail}, qr/Waiting does not help/, 'that says so');
is($got[0]->header('Retry-After'), undef, 'and names no time to come back');
is(left($got[0], 'main') . ' ' . left($got[1], 'main'), '4 3',
   'nothing was taken');
@got = map { $t->get("/any?fields=$_", key => $who{little}) } 8, 7, 1;
is(statuses(@got), '429 200 429', 'so it is with the amount of a month');
like($got[0]->json->{type}, qr/cost-above-limit$/, 'above it, never');
like($got[2]->json->{type}, qr/quota-exhausted$/, 'used up, next month');

# Nothing
@got = map { $t->get('/free', key => $who{free}) } 1 .. 3;
is(statuses(@got), '200 200 200', 'what costs nothing is let in');
is($got[0]->header('RateLimit'), undef, 'and not told of a limit');
@got = map { $t->get($_, key => $who{free}) } '/', '/', '/free';
is(statuses(@got), '200 429 200', 'also by those who have used theirs up');

# By a variable
@got = map { $t->get("/any?fields=$_", key => $fourth) } 'all', 3, '';
is(join(' ', map { left($_, 'main') } @got), '10 7 6',
   'a variable says it, request by request; an empty one says one');
@got = map { $t->get("/any?fields=$_", key => $fourth) } '-5', 'x', '1e3';
is(statuses(@got) . ' ' . join(' ', map { left($_, 'main') } @got),
   '200 200 200 5 4 3', 'what is no number costs one: nobody goes free');
my @lines = $t->error_log =~ /(cost_unreadable: the cost= of .*? in \S+:\d+ )/g;
is(scalar @lines, 1, 'the log says where, once');
is($t->get('/any?fields=99999999999999999999', key => $fourth)->status, 429,
   'and more than the most costs the most');

# Several windows: all of them, or none
@got = map { $t->get("/any?fields=$_", key => $who{windows}) } 25, 6, 5, 1;
is(statuses(@got), '200 429 200 429', 'each window takes the cost');
is(join(' ', map { left($got[2], $_) } qw(short day month)), '0 10 970',
   'and what one refused was given back by the others');
@got = map { $t->get("/any?fields=$_", key => $who{month}) }
       255, 255, 255, 200, 36, 35, 1;
is(statuses(@got), '200 200 200 200 429 200 429',
   'a cost above what is reserved at once is reserved whole');

# Two lines, two costs
@got = map { $t->get($_, key => $who{shared}) }
       '/both', '/both-little', '/both', '/both-little';
is(statuses(@got), '200 200 429 200', 'each line has its own cost');
is(left($got[0], 'main') . ' ' . left($t->get('/', key => $who{shared}),
                                      'main'), '34 33',
   'and the plan gets back what the other line refused');

ok($t->stop, 'the gateway ends');


# ---- two gateways on one Redis -----------------------------------------------------------

$redis = Gatehouse::Test::Redis->new;
my $root  = $redis->dir . '/root.key';
Gatehouse::Test::Config::write_file($root, 'd4' x 32);
chmod 0600, $root;

my @gates = map { gateway(store => $redis->words(timeout => '2s')) } 1, 2;
$who{$_} = one($gates[0], $_) for keys %PLAN;
my ($costly, $mixed) = map { one($gates[0], 'twenty') } 1, 2;
$gates[1]{policies} = $gates[0]{policies};
begin($_, "gatehouse_secret file:$root;\n") for @gates;

# Tokens are leased for a second: on a slow machine some are lost, and fewer
# are let in. Never more.
@got = map { $gates[$_ % 2]->get('/five', key => $costly) } 1 .. 12;
my $in = grep { $_->status == 200 } @got;
cmp_ok($in, '<=', 4, 'two gateways let in four that cost five, of twenty');
cmp_ok($in, '>=', 3, 'and not much less');
is(scalar(grep { $_->status !~ /^(?:200|429)$/ } @got), 0, 'nothing else');

my $sum = 0;
for my $n (1 .. 40) {
    my $cost = 1 + $n % 4;
    $sum += $cost if $gates[$n % 2]->get("/any?fields=$cost", key => $mixed)
                     ->status == 200;
}
cmp_ok($sum, '<=', 20, 'of many costs no more than twenty in all');
cmp_ok($sum, '>=', 15, 'and not much less');

@got = map { $gates[0]->get($_, key => $who{four}) } '/five', '/';
is(statuses(@got), '429 200', 'a cost above the burst is refused at once');
like($got[0]->json->{type}, qr/cost-above-limit$/, 'by its own problem');
@got = map { $gates[$_]->get("/any?fields=255", key => $who{month}) }
       0, 1, 0, 1;
is(statuses(@got), '200 200 200 429', 'a quota of both is spent by costs');
is($gates[0]->get('/free', key => $costly)->status, 200,
   'what costs nothing asks nobody');

# Alone each has half, once it has heard of the other
my %nodes = beats();
my ($both) = sort { $b <=> $a } values %nodes;
$gates[0]->wait_for(sub {
    %nodes = beats();
    return !grep { $_ <= $both } values %nodes;
}, 20, 'a beat of both gateways');
is(scalar keys %nodes, 2, 'two gateways are there');
is($gates[0]->get('/free', key => $who{shared})->status, 200, 'known');
$redis->stop;
@got = map { $gates[0]->get('/any?fields=11', key => $who{shared}) } 1 .. 3;
is(statuses(@got), '200 429 429',
   'without Redis a cost is judged by the share: eleven of twenty');
my $never = $gates[0]->get('/any?fields=21', key => $who{shared});
is($never->status, 429, 'what is above the share waits for Redis');
like($never->json->{type}, qr/rate-limited$/, 'it is not refused for good');
like($never->header('Retry-After'), qr/^\d{1,5}$/, 'and told to come back');

done_testing;
