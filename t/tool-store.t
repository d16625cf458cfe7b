# gatehouse store: from one node to Redis and back with everything in force,
# what is refused on the way, and the end of an older root key.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use Gatehouse::Test::SignOn;
use Gatehouse::Test::StoreDump;

use Digest::SHA qw(sha256_hex);
use File::Copy ();
use JSON::PP qw(decode_json);

my $TOOL  = Gatehouse::Test::build() . '/gatehouse';
my $redis = Gatehouse::Test::Redis->new;
my $at    = 'redis://127.0.0.1:' . $redis->port;

my $so = Gatehouse::Test::SignOn->new(t => {
    store => 'lmdb:%%DIR%%/state', backends => [qw(blue green)],
    policies => {
        plans     => { few  => { limits => { month => '5r/month' },
                                 services => ['orders'] },
                       wide => { limits => { second => '1000r/s' },
                                 services => ['orders'] } },
        consumers => { acme => { plan => 'wide' }, tiny => { plan => 'few' },
                       bad  => { plan => 'wide' } },
        services  => { orders => {
            default_version => 'v1',
            versions => { v1 => { deployments => {
                blue  => { upstream => 'blue',  initial_weight => '100%' },
                green => { upstream => 'green', initial_weight => '0%' } } } },
        } },
    } });
my ($t, $op) = ($so->t, $so->op);
my $lmdb = "lmdb:$t->{dir}/state";
my $block = '';

my $PLACES = <<'CONF';
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /api/ {
        gatehouse_authenticate     api_key;
        gatehouse_bad_credentials  off;
        gatehouse_limit            plan;
        gatehouse_service          orders;
        proxy_pass                 http://gatehouse;
    }
CONF

# Given a node of its own: keys, a revoked one, an imported one, somebody
# suspended, weights, a quota that is half spent, and Alice
$so->start(locations => $PLACES);
my $foreign = 'another-gateway-made-this-one';
my %key = map { $_->[0] => made(@$_[1 .. $#$_]) }
    [ acme => 'acme', '--id', 'acme1' ], [ old => 'acme', '--id', 'acme2' ],
    [ tiny => 'tiny', '--id', 'tiny1' ], [ bad => 'bad', '--id', 'badd1' ],
    [ late => 'acme', '--id', 'late1' ];
done($t->tool('key', 'import', 'acme', '--id', 'impo1', '--hash',
              'sha256:' . sha256_hex($foreign)), 'a key is imported');
done($t->tool('key', 'revoke', 'acme2', '--wait'), 'one is revoked');
done($t->tool('consumer', 'suspend', 'bad', '--for', '2h', '--wait'),
     'a consumer is suspended');
done($t->tool('traffic', 'switch', 'orders/v1', 'green', '--wait'),
     'traffic is switched');
is(join(' ', map { api('tiny') } 1, 2), '200 200', 'a quota is spent in part');
my $alice = $so->login('/');
is($so->ask($alice), 200, 'Alice is in');
my $history = history();

# ---- what is refused --------------------------------------------------------

my ($new, $newer, $root) = (root_key('new', 'a1'), root_key('newer', 'b2'),
                            "$t->{dir}/old.key");

refused(3, qr/needs a root key: name it with gatehouse_secret/, [],
        'copy', $lmdb, $at);
refused(1, qr/4 issued keys and 1 session of \S+ depend on \S+\/root\.key, which/,
        [$new], 'copy', $lmdb, $at);
is($redis->cli('--scan', '--pattern', 'gh:{key:*'), '', 'nothing was');
refused(2, qr/"sqlite:\/x" is no store; write lmdb:/, [$new], 'copy',
        $lmdb, 'sqlite:/x');
refused(2, qr/has no gatehouse_redis "none"/, [$new], 'copy', $lmdb,
        'redis=none');
refused(2, qr/both are embedded stores/, [$new], 'copy', $lmdb, 'lmdb:/x');
refused(3, qr/there is no store in \/nonexistent/, [$new], 'copy',
        'lmdb:/nonexistent', $at);
refused(3, qr/127\.0\.0\.1:1\b|cannot be reached/, [$new], 'copy', $lmdb,
        'redis://127.0.0.1:1');

# ---- there and back -----------------------------------------------------------

# When its root key is named behind the new one
File::Copy::copy("$t->{dir}/state/root.key", $root) or die "$root: $!\n";
chmod 0600, $root;
my ($status, $out, $err) = store([ $new, $root ], 'copy', $lmdb, $at);
is($status, 0, 'a store is copied while it is used') or diag $err;
like($out, qr/6 issued keys.*1 suspended consumer, 1 version's weights, \d+ changes/,
     'with everything');
like($err, qr/2 workers still use \Q$lmdb\E: what they change from now on is not/,
     'that gateways go on changing it is said');

# And somebody changes something, and nginx is stopped
done($t->tool('key', 'revoke', 'late1', '--wait'), 'a change comes late');
$history = history();
$t->stop;
refused(1, qr/is not empty \(.*6 issued keys.*\): with --replace/,
        [ $new, $root ], 'copy', $lmdb, $at);
($status, $out, $err) = store([ $new, $root ], 'copy', $lmdb, $at, '--replace',
                              '--json');
is($status, 0, 'the last run says --replace') or diag $err;
my $said = decode_json($out);
is($said->{written}, 3, 'and writes what differs: the key, its change, their number');
is($said->{workers}, 0, 'nobody uses the source any more');
($status, $out) = store([ $new, $root ], 'copy', $lmdb, $at, '--replace');
like($out, qr/ 0 written, \d+ were the same, 0 removed/,
     'after it there is nothing to do');

# Then the copy of the copy is what it was
my $was  = Gatehouse::Test::StoreDump::records("$t->{dir}/state");
my $back = "$t->{dir}/back";
($status) = store([ $new, $root ], 'copy', $at, "lmdb:$back");
is($status, 0, 'and back');
is_deeply(Gatehouse::Test::StoreDump::records($back), $was,
          'every name, value and expiry is what it was');
is(+(stat "$back/data.mdb")[4], +(stat "$t->{dir}/state")[4],
   'and belongs to the workers');
my $dump = join "\n", map { $redis->cli('HGETALL', $_) }
                      split /\n/, $redis->cli('--scan', '--pattern', 'gh:{[kcs]*');
unlike($dump, qr/acme|u-2482|alice/, 'nothing in Redis can be read');

# And a user of Redis who may do what a gateway may, and no more
my ($acl) = Gatehouse::Test::Logs::slurp(
    Gatehouse::Test::root() . '/docs/reference/redis.md')
    =~ /^user gatehouse on >PASSWORD (.*?)^```/ms;
is($redis->cli('ACL', 'SETUSER', 'gatehouse', 'on', '>of-the-user',
               split ' ', $acl), 'OK', 'the user that the page shows');
$t->file('redis.password', "of-the-user\n");
$block = "gatehouse_redis mine { server 127.0.0.1:@{[ $redis->port ]}/1; "
          . "username gatehouse; password file:$t->{dir}/redis.password; }";
done(store([ $new, $root ], 'copy', $lmdb, 'redis=mine'),
     '... is enough to copy there');
done(store([ $new, $root ], 'copy', 'redis=mine', "lmdb:$t->{dir}/user"),
     '... and back');
is_deeply(Gatehouse::Test::StoreDump::records("$t->{dir}/user"), $was,
          '... everything');
done(store([ $root, $new ], 'copy', $at, 'redis=mine', '--replace'),
     'from one Redis to another one');
$block = '';

# ---- in force on Redis -----------------------------------------------------------

$t->{store} = $redis->words(timeout => '5s');
$so->start(locations => $PLACES,
           http => "gatehouse_secret file:$new file:$root;");
is(api('acme'), 200, 'an issued key opens');
is($t->get('/api/x', key => $foreign)->status, 200, 'an imported one');
is(api('old') . api('late'), '401401', 'revoked ones do not');
is(api('bad'), 401, 'who was suspended is');
is($t->get('/api/x', key => $key{acme})->received->backend, 'green',
   'weights rule');
is($so->ask($alice), 200, 'Alice is still in');
is(join(' ', map { api('tiny') } 1 .. 4), '200 200 200 429',
   'the quota goes on where it stood');
is(history(), $history, 'the history is the same');
my ($switch) = map { $_->{change} } grep { $_->{action} eq 'switch' }
    @{ decode_json(($t->tool('history', '--json'))[1])->{history} };
done($t->tool('traffic', 'undo', $switch, '--wait'), 'a change is undone');
is($t->get('/api/x', key => $key{acme})->received->backend, 'blue',
   'what stood before it rules');
done($t->tool('traffic', 'set', 'orders/v1', 'green=10%', '--wait'),
     'and the next one goes on');

# Who is connected hears of what a copy changes
done(store([ $new, $root ], 'copy', $at, "lmdb:$back", '--replace'),
     'a state is kept');
my $more = made('acme', '--id', 'more1');
is($t->get('/api/x', key => $more)->status, 200, 'a key is made after it');
done($t->tool('key', 'revoke', 'acme1', '--wait'), 'and one is revoked');
is(api('acme'), 401, 'it is');
done(store([ $new, $root ], 'copy', "lmdb:$back", $at, '--replace'),
     'the state is brought back under running gateways');
ok(wait_for(sub { api('acme') == 200 }, 5, 'the key'),
   'the key of then opens again');
ok(wait_for(sub { $t->get('/api/x', key => $more)->status == 401 }, 5, 'it'),
   'the key since then is gone');
refused(1, qr/ are the same store/, [ $new, $root ], 'copy', $at,
        'redis://localhost:' . $redis->port, '--replace');
is($redis->cli('EXISTS', 'gh:{meta:' . substr(sha256_hex('copy'), 0, 32) . '}'),
   '0', 'which leaves no mark');

# ---- the end of a root key -----------------------------------------------------------

# When a third one seals
$t->reload($so->text(locations => $PLACES,
    http => "gatehouse_secret file:$newer file:$new file:$root;"));
wait_for(sub { $redis->cli('GET', 'gh:{root}') eq fingerprint() }, 10,
         'the new one to seal');
wait_for(sub {
    ($status, $out) = $t->tool('store', 'show', '--json');
    $said = decode_json($out);
    return $said->{workers} <= 2;
}, 20, 'the workers of before to be gone');
cmp_ok($said->{older_keys}{sealed}, '>', 10, 'older ones have sealed much');
is($said->{older_keys}{issued_keys}, 3, 'issued keys were made with them');
is($said->{older_keys}{sessions}, 1, 'a session began with them');
is(join(' ', sort split /, /, $said->{older_keys}{ids}), 'acme1 badd1 tiny1',
   'which is told');
is($said->{workers}, 2, 'and who uses it');

# Then they are sealed again, and nobody notices
($status, $out) = $t->tool('store', 'reseal');
is($status, 4, 'reseal: something still needs the older ones');
like($out, qr/^[1-9]\d+ records sealed again .*; 0 still have an older one$/m,
     'no record does');
like($out, qr/3 issued keys were made with an older one: rotate them \(.*tiny1/, 'issued keys do');
like($out, qr/1 session was begun with an older one, the last may live until 20/, 'and a session');
is(api('acme') . ' ' . $so->ask($alice) . ' ' . api('late'), '200 200 401',
   'all is as it was');
like(($t->tool('store', 'reseal'))[1], qr/^0 records sealed again/,
     'once is enough');

# And when these have been rotated, and Alice has left
for my $id ('acme1', 'tiny1', 'badd1') {
    my ($rc, $text) = $t->tool('key', 'rotate', $id, '--overlap', '0');
    is($rc, 0, "$id is rotated");
    $key{ $id eq 'badd1' ? 'bad' : $id =~ s/1//r } = $text =~ s/\n//r;
}
done($t->tool('session', 'revoke', 'u-2482'), 'her session ends');
my $bob = $so->login('/');
($status, $out) = $t->tool('store', 'reseal');
is($status, 0, 'nothing needs an older one any more') or diag $out;
$t->stop;
$so->start(locations => $PLACES, http => "gatehouse_secret file:$newer;");
is(api('acme') . ' ' . $so->ask($bob), '200 200', 'nothing is lost with it');
is(api('late') . ' ' . api('bad'), '401 401', 'neither what was taken away');
is($t->get('/api/x', key => $foreign)->status, 200, 'nor what was imported');
is(($t->tool('store', 'show', '--json'))[0], 0, 'all can be read');
is(decode_json(($t->tool('store', 'show', '--json'))[1])->{unreadable}, 0,
   'really all');

# ---- and home again ----------------------------------------------------------------------

$t->stop;
done(store([$newer], 'copy', $at, "lmdb:$t->{dir}/home"), 'back to one node');
$t->{store} = 'lmdb:%%DIR%%/home';
$so->start(locations => $PLACES, http => "gatehouse_secret file:$newer;");
is(api('acme') . ' ' . $so->ask($bob) . ' ' . api('late'), '200 200 401',
   'with all that came meanwhile');

# The same for an embedded store: sessions are sealed there, too
$t->reload($so->text(locations => $PLACES,
                     http => "gatehouse_secret file:$new file:$newer;"));
my $fresh;
wait_for(sub { $fresh = made('acme'); api('acme') == 200 }, 5, 'the reload');
($status, $out) = $t->tool('store', 'reseal');
like($out, qr/^1 record sealed again .*; 0 still have/, 'Bob\'s session is');
is($so->ask($bob), 200, '... and he is in');

$t->plant_secret(values %key, 'a1' x 32, 'b2' x 32, 'of-the-user');
done_testing;


sub api { return $t->get('/api/x', key => $key{ $_[0] })->status }

sub made {
    my ($rc, $text, $wrong) = $t->tool('key', 'create', @_, '--wait');
    is($rc, 0, "a key for @_") or diag $wrong;
    return $text =~ s/\n//r;
}

sub done {
    my $name = pop;
    my ($rc, $text, $wrong) = @_;
    return is($rc, 0, $name) || diag $wrong;
}

sub history {
    my (undef, $text) = $t->tool('history', '--limit', 0);
    return $text;
}

sub root_key {
    my ($name, $byte) = @_;
    $t->file("$name.key", $byte x 32);
    chmod 0600, "$t->{dir}/$name.key";
    return "$t->{dir}/$name.key";
}

sub fingerprint {
    return decode_json(($t->tool('store', 'show', '--json'))[1])->{root_key};
}

# The tool on an nginx.conf with these root keys
sub store {
    my ($keys, @arg) = @_;
    my $secret = @$keys ? "gatehouse_secret @{[ map { qq(file:$_) } @$keys ]};"
                        : '';
    $t->file('tool.conf', ($> == 0 ? "user $t->{user};\n" : '')
                          . "http { $secret $block }\n");
    return Gatehouse::Test::run($TOOL, '-c', "$t->{dir}/tool.conf", 'store',
                                @arg);
}

sub refused {
    my ($rc, $why, $keys, @arg) = @_;
    my ($got, undef, $text) = store($keys, @arg);
    my $name = "@arg" =~ s/\Q$t->{dir}\E/DIR/gr;
    is($got, $rc, "refused: $name");
    return like($text, $why, '... ' . ($text =~ /gatehouse: (.{1,60})/ ? $1 : ''));
}
