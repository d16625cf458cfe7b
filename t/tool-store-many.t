# gatehouse store copy with many records, and what happens to it in the
# middle: killed, Redis away, no room. Nothing is lost, and the same again
# goes on.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use Gatehouse::Test::StoreDump;
use Gatehouse::Test::StoreProbe;

use JSON::PP qw(decode_json);
use POSIX ();
use Time::HiRes qw(time);

my $N    = $ENV{GH_STORE_RECORDS} || 20_000;
my $TOOL = Gatehouse::Test::build() . '/gatehouse';

# Given an embedded store with many records, some of which expire
my $t = Gatehouse::Test::StoreProbe->new(workers => 1,
                                         words => 'deadline=60000')->start;
my $dir = "$t->{dir}/state";
for my $part (1 .. $N / 1000) {
    $t->ask('many', op => 'put', count => 1000, kind => 1, name => "k$part.",
            value => "value $part", $part % 4 ? () : (ttl => 86400));
}
$t->ask('put', kind => 3, name => 'leaked', value => '{}');
$t->ask('put', kind => 11, name => 'big', size => 60000);
$t->ask('put', kind => 2, name => "a\0b", value => "\0\1");
$t->ask('take', kind => 9, name => 'ab' x 16, n => 7, limit => 100,
        ttl => 3600);
$t->stop;

my $root = root_key('root', 'd4');
my $other = root_key('other', 'e5');
my $redis = Gatehouse::Test::Redis->new;
my $before = Gatehouse::Test::StoreDump::records($dir);
is(scalar keys %$before, $N + 4, 'all of them are there');
my $at = 'redis://127.0.0.1:' . $redis->port;
my $lmdb = "lmdb:$dir";

# ---- killed in the middle ---------------------------------------------------

# How long it takes when nobody kills it
my $whole = time;
my ($status, $out, $err) = tool('copy', $lmdb, $at);
$whole = time - $whole;
is($status, 0, 'a copy into an empty Redis') or diag $err;
note(sprintf '%d records in %.2f s', $N, $whole);
like($out, qr/ written, 0 were the same, 0 removed$/, 'all were written');
like($err, qr/^\d+ of @{[ $N + 4 ]}$/m, 'how far it is, is said meanwhile')
    if $whole > 4;
my $keys = $redis->cli('DBSIZE');
$redis->cli('FLUSHALL');

# When it is killed again and again
for my $part (0.1, 0.3, 0.5) {
    killed(sub { $redis->cli('DBSIZE') > $part * $N }, 'copy', $lmdb, $at);
}

# Then the same again goes on, and the copy is whole
($status, $out, $err) = tool('copy', $lmdb, $at);
is($status, 0, 'the same again') or diag $err;
like($err, qr/goes on with the copy that was not finished/, '... goes on');
my ($same) = $out =~ /, (\d+) were the same/;
cmp_ok($same, '>', 0, '... with what was there');
is($redis->cli('DBSIZE'), $keys, '... and ends with as many records');

# And back it comes as it was, killed as often
my $back = new_directory('back');
for my $part (0.1, 0.3, 0.5) {
    killed(sub { -s "$back/gatehouse.store"
                 && Gatehouse::Test::StoreDump::count($back) > $part * $N },
           'copy', $at, "lmdb:$back");
}
($status, $out, $err) = tool('copy', $at, "lmdb:$back", '--json');
is($status, 0, 'a copy back') or diag $err;
my $done = decode_json($out);
is($done->{written} + $done->{same}, $N + 4, '... of all');
cmp_ok($done->{same}, '>', 0, '... which goes on');
ok(equal($before, Gatehouse::Test::StoreDump::records($back)),
   'every name, value and expiry is what it was');

# ---- Redis goes in the middle -------------------------------------------------

$redis->cli('FLUSHALL');
my $pid = begin('copy', $lmdb, $at);
wait_for(sub { $redis->cli('DBSIZE') > 1000 }, 20, 'a part of it');
$redis->kill;
waitpid $pid, 0;
is($? >> 8, 3, 'Redis goes away in the middle: could not ask');
like(said(), qr/Redis does not answer.* of \d+ records were looked at.*same again/, '... which is said, and what to do');
$redis->start;
($status) = tool('copy', $lmdb, $at, '--replace');
is($status, 0, 'once it is back the same again does it');
is($redis->cli('DBSIZE'), $keys, '... whole');

$pid = begin('copy', $at, 'lmdb:' . new_directory('away'));
wait_for(sub { -s "$t->{dir}/away/data.mdb" }, 20, 'a part of it');
$redis->kill;
waitpid $pid, 0;
is($? >> 8, 3, 'the source goes away in the middle');
$redis->start;
is((tool('copy', $lmdb, $at))[0], 0, 'Redis without a file begins anew');
($status) = tool('copy', $at, "lmdb:$t->{dir}/away");
is($status, 0, '... and the copy from it goes on');
ok(equal($before, Gatehouse::Test::StoreDump::records("$t->{dir}/away")),
   '... to its end');

# ---- no room ----------------------------------------------------------------------

$redis->cli('FLUSHALL');
$redis->cli('CONFIG', 'SET', 'maxmemory', '4mb');
($status, undef, $err) = tool('copy', $lmdb, $at);
is($status, 3, 'a Redis without room');
like($err, qr/has no memory left \(maxmemory\); \d+ of \d+ records/,
     '... is said');
$redis->cli('CONFIG', 'SET', 'maxmemory', '0');
($status) = tool('copy', $lmdb, $at);
is($status, 0, '... and with room the same again goes on');
is($redis->cli('DBSIZE'), $keys, '... to its end');

my $small = new_directory('small');
($status, undef, $err) = tool('copy', $at, "lmdb:$small?size=1m");
is($status, 3, 'a directory without room');
like($err, qr/map is full: give it a larger size=.*the same\s+again/s,
     '... is said');
($status, undef, $err) = tool('copy', $at, "lmdb:$small?size=256m");
is($status, 0, '... and with room the same again goes on') or diag $err;
ok(equal($before, Gatehouse::Test::StoreDump::records($small)),
   '... to its end');

# ---- another root key --------------------------------------------------------------

($status, undef, $err) = tool_with($other, 'copy', $lmdb, $at, '--replace');
is($status, 3, 'a Redis of another root key');
like($err, qr/it belongs to gateways of another root key/, '... is not touched');
is($redis->cli('DBSIZE'), $keys, '... at all');

# Given a record that none of the root keys opens, and one that is damaged
my ($first, $second) = sort grep { /\{key:/ } split /\n/, $redis->cli('--scan');
$redis->cli('HSET', $first, 'd', 'junk');
$redis->cli('DEL', $second);
$redis->cli('LPUSH', $second, 'junk');
my $part = new_directory('part');
($status, $out, $err) = tool('copy', $at, "lmdb:$part");
is($status, 1, 'what cannot be read is not passed over in silence');
like($err, qr/2 records of \S+ cannot be read \(gh:\{key:\w+\}, \.\.\.\)/,
     '... it is counted and named');
is(scalar keys %{ Gatehouse::Test::StoreDump::records($part) }, $N + 2,
   '... and the rest is there');
($status, $out) = tool('copy', $lmdb, $at, '--replace');
is($status, 0, 'a good store heals it');
like($out, qr/ 2 written, @{[ $N + 2 ]} were the same, 0 removed/,
     '... and writes what differs alone');

done_testing;


sub equal {
    my ($one, $two) = @_;
    my @wrong = grep { ($one->{$_} // '') ne ($two->{$_} // '') }
                keys %{ { %$one, %$two } };
    diag(@wrong . " differ, $_: " . substr($one->{$_} // '-', 0, 60) . ' is '
         . substr($two->{$_} // '-', 0, 60)) for @wrong[0 .. (@wrong ? 0 : -1)];
    return !@wrong;
}

sub root_key {
    my ($name, $byte) = @_;
    $t->file("$name.key", $byte x 32);
    chmod 0600, "$t->{dir}/$name.key";
    return "$t->{dir}/$name.key";
}

# Started, and killed when that is so.
sub killed {
    my ($when, @arg) = @_;
    my $pid = begin(@arg);
    wait_for($when, 20, 'a part of it');
    kill 'KILL', $pid;
    waitpid $pid, 0;
    is($?, 9, 'killed in the middle');
    return;
}

sub new_directory { return "$t->{dir}/$_[0]" }

# The tool on an nginx.conf that names root keys, users, and no store of these
sub words {
    my ($root, @arg) = @_;
    $t->file('tool.conf', ($> == 0 ? "user $t->{user};\n" : '')
                          . "http { gatehouse_secret file:$root; }\n");
    return ($TOOL, '-c', "$t->{dir}/tool.conf", 'store', @arg);
}

sub tool_with { return Gatehouse::Test::run(words(@_)) }
sub tool      { return tool_with($root, @_) }

# In the background; what it says is kept.
sub begin {
    my @words = words($root, @_);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$t->{dir}/said";
        open STDERR, '>&', \*STDOUT;
        exec @words or POSIX::_exit(127);
    }
    return $pid;
}

sub said { return Gatehouse::Test::Logs::slurp("$t->{dir}/said") }
