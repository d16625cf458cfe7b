# A store into which a copy was begun and not ended may have keys without what
# revokes them: no gateway uses it before it is whole.
use lib 't/lib';
use Gatehouse::Test timeout => 200;
use Gatehouse::Test::Redis;
use Gatehouse::Test::StoreDump;
use Gatehouse::Test::StoreProbe;
use POSIX ();

my $N = 5_000;

# Given an embedded store, and a copy of it that was killed in the middle
my $from = Gatehouse::Test::StoreProbe->new(workers => 1,
                                            words => 'deadline=60000')->start;
my $dir  = $from->dir;
$from->ask('many', op => 'put', count => 1000, kind => 11, name => "k$_.",
           value => "value $_") for 1 .. $N / 1000;
$from->stop;
$from->file('root.key', 'd4' x 32);
chmod 0600, "$dir/root.key";
my $redis = Gatehouse::Test::Redis->new;
my $at    = 'redis://127.0.0.1:' . $redis->port;

sub copy {
    my (@words) = @_;
    $from->file('tool.conf', ($> == 0 ? "user $from->{user};\n" : '')
                             . "http { gatehouse_secret file:$dir/root.key; }\n");
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$dir/said";
        open STDERR, '>&', \*STDOUT;
        exec Gatehouse::Test::build() . '/gatehouse', '-c', "$dir/tool.conf",
             'store', 'copy', @words or POSIX::_exit(127);
    }
    return $pid;
}

sub killed {
    my ($when, @arg) = @_;
    my $pid = copy(@arg);
    wait_for($when, 30, 'a part of it');
    kill 'KILL', $pid;
    local $?;
    waitpid $pid, 0;
    return is($?, 9, 'a copy is killed in the middle');
}

# Whoever waits for it listens to it, as one that uses it would.
sub finished {
    my $pid = copy(@_, '--replace');
    local $?;
    waitpid $pid, 0;
    return is($?, 0, 'the same again ends it')
        || diag Gatehouse::Test::Logs::slurp("$dir/said");
}

sub gate {
    my ($store) = @_;
    my $t = Gatehouse::Test->new(store => $store);
    my $key = $t->consumer('acme');
    $t->start(http => "gatehouse_secret file:$dir/root.key;",
              locations => <<'CONF');
        location / { gatehouse_authenticate api_key; proxy_pass http://echo; }
        location /public { gatehouse_authenticate off; proxy_pass http://echo; }
CONF
    return ($t, $key);
}

sub away {
    my ($t, $key) = @_;
    my $store = {};
    wait_for(sub { $store = $t->status->{store};
                   ($store->{why} // 'connected to') !~ /connected to|opened/ },
             30, 'the gateway to have looked');
    ok(!$store->{available}, 'it is away for a gateway that starts');
    like($store->{why}, qr/a copy that was not finished: run the same gatehouse store copy again/,
         '... which says why, and what to do');
    is($t->get('/', key => $key)->status, 503, 'a key is neither right nor wrong');
    is($t->get('/public')->status, 200, 'who needs no store is served');
    return;
}

sub heals {
    my ($t, $key) = @_;
    wait_for(sub { $t->status->{store}{available} }, 60, 'the store to be used');
    is($t->get('/', key => $key)->status, 200, 'and it is used as soon as it is whole');
    return;
}


# ---- into Redis -----------------------------------------------------------------------

killed(sub { $redis->cli('DBSIZE') > 0.1 * $N }, "lmdb:$dir/state", $at);
my @gate = gate($redis->words(timeout => '1s'));
away(@gate);
finished("lmdb:$dir/state", $at);
heals(@gate);
$gate[0]->stop;


# ---- into an embedded one -----------------------------------------------------------------

my $back = "$dir/back";
killed(sub { -s "$back/gatehouse.store"
             && Gatehouse::Test::StoreDump::count($back) > 0.1 * $N },
       $at, "lmdb:$back");
@gate = gate("lmdb:$back");
away(@gate);
finished($at, "lmdb:$back");
heals(@gate);

done_testing;
