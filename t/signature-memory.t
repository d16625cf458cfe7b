# alone: it fills the memory of nonces
# A replay memory that is full refuses, forgets nothing, and says so
# (THREATS K7).
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Signature;

# Given the smallest memory of one node, which holds some 15,700 nonces
my $t   = Gatehouse::Test->new(store => 'lmdb:%%DIR%%/state', workers => 2,
                               debug => 0, decisions => 0);
my $key = Gatehouse::Test::Signature->new(keyid => 'acme-1');
my $acme = $t->consumer('acme', credentials => {
    signatures => [ $key->declared($t) ] });
$t->start(http => 'gatehouse_memory 4m;', locations => <<'EOF');
    location / {
        gatehouse_bad_credentials  off;
        gatehouse_authenticate     signature api_key;
        gatehouse_signature        ahead=0s skew=10m;
        proxy_pass                 http://echo;
    }
EOF
my $started = time;
wait_for(sub { time > $started }, 3, 'a second has passed');

# When more are used than fit
my @signed = map { { headers => [ $key->sign('GET', '/') ] } } 1 .. 18_000;
my $load = $t->load('/', each => \@signed, clients => 32,
                    seconds => 12 * Gatehouse::Test::slow())->wait;
my %status = $load->status;

# Then the rest is refused, for want of room or because they were used
is(join(' ', sort keys %status), '200 401 503', 'let in, replayed, no room');
cmp_ok($status{200}, '<=', 15_800, 'K7: no more are let in than fit');
cmp_ok($status{200}, '>', 11_000, 'and no fewer than that');
cmp_ok($t->metric('gatehouse_decisions_total',
                  reason => 'replay_unavailable'), '>=', $status{503},
       'K7: it is counted');
cmp_ok($t->metric('gatehouse_replay_full_total'), '>=', $status{503},
       'so is that there was no room');
cmp_ok($t->metric('gatehouse_replay_used'), '==', $status{200},
       'each that was let in is remembered');

# and none of the first is forgotten
my %first = map { $_ => 1 }
            map { $t->get('/', headers => $_->{headers})->status }
            @signed[0 .. 99];
is(join(' ', keys %first), '401', 'K7: what was used stays used');
is($t->get('/', key => $acme)->status, 200, 'other credentials are served');

done_testing;
