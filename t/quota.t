# Quotas of a day or a month: exact under four workers, kept over restarts
# and crashes, bounded while the store is away (THREATS 4.1, 1.G).
use Gatehouse::Test timeout => 240;
use Gatehouse::Test::Leap;

# Given quotas large and small, and four workers
my $t = Gatehouse::Test->new(workers => 4, debug => 0);
$t->plans(month => '300r/month', small => '5r/day', kept => '40r/month');

my %who = map { $_ => scalar $t->consumers(1, plan => $_) }
          qw(month small kept);
my $good  = $t->consumers(1, plan => 'month');

$t->start(<<'EOF');
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
    location /tight {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        gatehouse_limit         name=tight rate=1r/h burst=1;
        proxy_pass              http://echo;
    }
EOF

sub left { return ($_[0]->header('RateLimit') // '') =~ /;r=(\d+)/ ? $1 : -1 }

sub served_of {
    my ($key, $n) = @_;
    return scalar grep { $_->status == 200 }
           map { $t->get('/', key => $key) } 1 .. $n;
}

# When somebody spends a small one
my @got = map { $t->get('/', key => $who{small}) } 1 .. 7;

# Then it is exact, told, and ends with the day
is(join(' ', map { $_->status } @got), '200 200 200 200 200 429 429',
   'five a day are five');
is(join(' ', map { left($_) } @got), '4 3 2 1 0 0 0', 'and counted down');
like($got[0]->header('RateLimit-Policy'), qr/^"main";q=5;w=86400$/,
     'the policy is told');
my $until = 86400 - time % 86400;
my $retry = $got[5]->header('Retry-After');
cmp_ok(abs($retry - $until), '<=', 60, "until midnight, UTC ($retry s)");
my ($line) = grep { $_->{status} == 429 } $t->decisions(7);
is($line->{reason}, 'quota_exhausted', 'the log says which limit it was');

# What another limit refused is not spent
$t->get('/tight', key => $good) for 1 .. 8;
is(left($t->get('/', key => $good)), 298, 'what was refused is given back');

# Exact under four workers
my ($failed, $round, %sum) = (0, 0);
while (1) {
    my $load = $t->load('/', key => $who{month}, clients => 16,
                        seconds => 1)->wait;
    my %some = $load->status;
    $sum{$_} += $some{$_} for keys %some;
    $failed += $load->failed;
    last if !$some{200} || ++$round > 20;
}
is($sum{200}, 300, 'of everything at once exactly 300 are served');
is($failed, 0, 'and everybody is answered');
is(join(' ', sort keys %sum), '200 429', 'or refused');

# A restart and a crash lose no spending
is(served_of($who{kept}, 10), 10, 'ten of forty');
$t->restart;
is(served_of($who{kept}, 10), 10, 'ten more after a restart');
$t->kill_worker for 1 .. 4;
my $rest = served_of($who{kept}, 40);
cmp_ok($rest, '<=', 20, "no more than the rest after a crash ($rest)");
cmp_ok($rest, '>=', 18, 'and little is lost by it');
$t->restart;
is($t->get('/', key => $who{small})->status, 429,
   'what is used up stays used up');
is($t->get('/', key => $who{month})->status, 429, 'also the month');

# While the store cannot be asked: a tenth, said to be so, and no 500
my $u = Gatehouse::Test->new(workers => 4, debug => 0);
$u->{store} = 'test:lmdb:' . $u->dir . '/state?seed=1&fail=100';
$u->plans(anonymous => '100r/month');
$u->start(<<'EOF');
    location / {
        gatehouse_authenticate  off;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
EOF
my %status;
$status{ $u->get('/', from => '127.0.0.2')->status }++ for 1 .. 30;
is(join(' ', sort keys %status), '200 429',
   'with the store away there is credit, and it ends');
cmp_ok($status{200}, '<=', 11, 'a tenth of the amount and one');
cmp_ok($status{200}, '>=', 10, 'which is given');
is($u->get('/', from => '127.0.0.3')->status, 200, 'to each by itself');
ok($u->status->{degraded}{limits}, '/status says that limits are degraded');
cmp_ok($u->metric('gatehouse_degraded_since_seconds', what => 'limits'),
       '>', 0, 'and so do the metrics');


{
    # Given declared keys: Alice's has been used, Bob's not, nor Dan's, which
    # is of another make; Carol's is revoked, and of that make, too
    my $t = Gatehouse::Test->new(workers => 1, debug => 0,
                                 store => 'lmdb:%%DIR%%/state');
    my %foreign = (dan => 'dans-key-0123456789abcdef',
                   carol => 'carols-key-0123456789abcdef');
    $t->plant_secret(values %foreign);
    $t->plans(month => '100r/month');
    my ($alice, $bob) = $t->consumers(2, plan => 'month');
    $t->consumer($_, plan => 'month', credentials => { api_keys => [
        { id => "${_}1", hash =>
          Gatehouse::Test::Consumer::hash_of($foreign{$_}) } ] })
        for keys %foreign;
    my $leap = Gatehouse::Test::Leap->new($t);
    $leap->start(<<'EOF');
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
EOF
    is(($t->tool('key', 'revoke', 'carol1', '--wait'))[0], 0, 'revoked');
    is($t->get('/', key => $alice)->status, 200, 'Alice is served');

    # When the store is taken away
    rename $t->dir . '/state/data.mdb', $t->dir . '/data.mdb' or die "$!\n";
    $leap->ahead(10);    # it is looked after so often
    wait_for(sub { !$t->status->{store}{available} }, 30, 'it to be away');

    # Then for a while they open whose keys are known not to be revoked, on
    # credit; of the others nothing is guessed
    is(join(' ', map { $t->get('/', key => $_)->status }
            $alice, $foreign{dan}, $foreign{carol}, $bob),
       '200 200 503 503', 'known ones open, a revoked one does not, nor one '
       . 'that might have been issued: nothing is guessed');
    ok($t->status->{degraded}{limits}, 'limits are degraded, and say so');

    # and after 30 seconds that is over
    $leap->ahead(12);
    is($t->get('/', key => $foreign{dan})->status, 200, 'not at once');
    $leap->ahead(20);
    ok(wait_for(sub { $t->get('/', key => $foreign{dan})->status == 503 }, 40,
                '503'), 'what may be no longer true is not said');
    is($t->get('/', key => $alice)->status, 503, 'of nobody');

    # When it is back, all is as before
    rename $t->dir . '/data.mdb', $t->dir . '/state/data.mdb' or die "$!\n";
    ok(wait_for(sub { $t->get('/', key => $bob)->status == 200 }, 30, '200'),
       'it heals by itself');
    is($t->get('/', key => $foreign{carol})->status, 401,
       'revoked is revoked');
}

done_testing;
