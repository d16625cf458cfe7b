# gatehouse_redis and the addresses of gatehouse_store: what is refused, and
# that a Redis with users, passwords and TLS is reached by what was said.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use Gatehouse::Test::Tls;

my $t   = Gatehouse::Test->new(store => 0, policies => 0);
my $dir = $t->dir;

$t->file('root', 'ab' x 32);
$t->file('password', "open sesame\n");
$t->file('empty', "\n");
chmod 0600, map { "$dir/$_" } qw(root password empty);

my $secret = "gatehouse_secret file:$dir/root;";


# ---- what is refused -----------------------------------------------------------

my @address = (
    [ 'redis://', 'has no address in ""; write redis://HOST:PORT/DATABASE' ],
    [ 'redis://127.0.0.1:99999', 'invalid port in "127.0.0.1:99999"' ],
    [ 'redis://no.such.host.invalid', 'host not found in "no.such.host.invalid"' ],
    [ 'redis://u:p@127.0.0.1', 'has a password in an address; give it as a file' ],
    [ 'redis://127.0.0.1/x', 'has a database "x" that is no number' ],
    [ 'redis://127.0.0.1?timeout=0', 'has a timeout "0" that is not between' ],
    [ 'redis://127.0.0.1?nodes=0', 'has a number of nodes "0" that is not between 1 and 1000' ],
    [ 'redis://127.0.0.1?state=x', 'has a state directory "x" that is not absolute' ],
    [ 'redis://127.0.0.1?size=1g', 'has an unknown "size"; an address of Redis takes' ],
    [ 'redis=nobody', 'names "redis=nobody", but no "gatehouse_redis" block of that name' ],
    [ 'rediss://unix:/x', 'has TLS on a socket; say with ssl_name' ],
);

for (@address) {
    my ($words, $message) = @$_;
    like($t->conf_error(http => "$secret gatehouse_store $words;"),
         qr/\Q$message\E/, "refused: $words");
}

my @block = (
    [ '', 'has no server' ],
    [ 'sever 127.0.0.1;', 'unknown member "sever" of gatehouse_redis; members are: server' ],
    [ 'server 127.0.0.1 127.0.0.2;', '"server" takes one value' ],
    [ 'server 127.0.0.1; server 127.0.0.2;', '"server" is duplicate' ],
    [ 'server 127.0.0.1; password sesame;', '"password" is given as a file' ],
    [ "server 127.0.0.1; password file:$dir/empty;", '"password" is empty' ],
    [ "server 127.0.0.1; password file:$dir/none;", 'cannot be opened' ],
    [ 'server 127.0.0.1; username x;', 'has a username but no password' ],
    [ 'server 127.0.0.1; ssl_certificate /x;', 'has certificates but a server without TLS' ],
    [ 'server rediss://127.0.0.1; ssl_certificate /x;', 'has one of ssl_certificate and ssl_certificate_key' ],

    [ 'sentinel 127.0.0.1; primary main; server 127.0.0.1;', 'has a server and sentinels; leave the server out' ],
    [ 'sentinel 127.0.0.1;', 'has sentinels but not the name that they watch; write "primary mymaster;"' ],
    [ 'primary main;', 'has words about sentinels but no sentinel; write "sentinel HOST:PORT;"' ],
    [ 'server 127.0.0.1; resolver 127.0.0.1;', 'has words about sentinels but no sentinel' ],
    [ "server 127.0.0.1; sentinel_password file:$dir/password;", 'has words about sentinels but no sentinel' ],
    [ 'sentinel 127.0.0.1; primary main; primary main;', '"primary" is duplicate' ],
    [ 'sentinel 127.0.0.1; primary m/n;', '"primary" is the name under which sentinels watch it' ],
    [ 'sentinel 127.0.0.1:x; primary main;', 'invalid port in "127.0.0.1:x"' ],
    [ 'sentinel no.such.host.invalid; primary main;', 'host not found in "no.such.host.invalid"' ],
    [ 'sentinel 127.0.0.1/3; primary main;', 'invalid host in "127.0.0.1/3"' ],
    [ 'sentinel unix:/x; primary main;', '"sentinel" is asked over the network' ],
    [ 'sentinel 127.0.0.1; sentinel rediss://127.0.0.2; primary main;', '"sentinel" has TLS where another has none' ],
    [ (join '', map { "sentinel 127.0.0.$_; " } 1 .. 17), '"sentinel" is one too many; more than 16 are not asked' ],
    [ 'sentinel 127.0.0.1; primary main; sentinel_username x;', 'has a sentinel_username but no sentinel_password' ],
    [ 'sentinel 127.0.0.1; sentinel_password sesame;', '"sentinel_password" is given as a file' ],
    [ 'sentinel 127.0.0.1; primary rediss://main;', 'has a primary with TLS; say with ssl_name whose certificate' ],
    [ 'sentinel 127.0.0.1; primary main; resolver;', '"resolver" is followed by addresses' ],
    [ 'sentinel 127.0.0.1; primary main; resolver 127.0.0.1; resolver 127.0.0.1;', '"resolver" is duplicate' ],
    [ 'sentinel 127.0.0.1; primary main; resolver no.such.host.invalid;', 'host not found in resolver "no.such.host.invalid"' ],
    [ 'sentinel 127.0.0.1; primary main; ssl_certificate /x;', 'has certificates but a server without TLS' ],
);

for (@block) {
    my ($members, $message) = @$_;
    like($t->conf_error(http => "gatehouse_redis x { $members }"),
         qr/\Q$message\E.* in \S+:\d+/, "refused: { $members }");
}

like($t->conf_error(http => 'gatehouse_redis x { server rediss://127.0.0.1; '
                          . 'ssl_trusted_certificate /none; }'),
     qr{/none}, 'a file that is not there is named');
like($t->conf_error(http => 'gatehouse_redis x { server 127.0.0.1; } '
                          . 'gatehouse_redis x { server 127.0.0.1; }'),
     qr/Redis "x" is declared already in \S+:\d+/, 'a name stands for one');
like($t->conf_error(http => 'gatehouse_store redis://127.0.0.1;'),
     qr/a store in Redis needs a root key that all gateways have: add/,
     'no Redis without a root key of one\'s own');


# ---- users, passwords, TLS -------------------------------------------------------

my $ca = Gatehouse::Test::Tls->new("$dir/redis-tls");
my ($cert, $key) = $ca->issue('localhost');
my $tls_port = Gatehouse::Test::Ports::free_port();
chmod 0644, $key;

my $redis = Gatehouse::Test::Redis->new(
    config => [
        "tls-port $tls_port", "tls-cert-file $cert", "tls-key-file $key",
        'tls-ca-cert-file ' . $ca->ca, 'tls-auth-clients optional',
        'user default on >nobody-knows ~* &* +@all',
        'user gatehouse on >"open sesame" ~gh:* &gh:* -@all +auth +select '
        . '+multi +exec +watch +unwatch +evalsha +script|load +get +set +hmget +hget '
        . '+hgetall +hset +hdel +del +type +expire +persist +ttl +time +xadd '
        . '+xrange +xrevrange +publish +subscribe +scan +info',
    ],
    cli => [ '--user', 'default', '--pass', 'nobody-knows' ]);
$t->plant_secret('open sesame');

sub gate {
    my (%arg) = @_;
    my $gate = Gatehouse::Test->new(store => 'redis=shared', policies => 0,
                                    backends => ['echo']);
    my $state = $gate->dir . '/state';
    my $members = join ' ', map { "$_ $arg{$_};" } grep { $_ ne 'root' }
                            sort keys %arg;
    $gate->{main} = '';
    # the block stands before the line that names it
    my $store = delete $gate->{store};
    $gate->start(
        http => "$secret gatehouse_redis shared { timeout 5s; state $state; "
              . "$members } gatehouse_store redis=shared;",
        locations => 'location / { gatehouse_authenticate off; '
                   . 'proxy_pass http://echo; }');
    return $gate;
}

sub stands {
    my ($gate) = @_;
    my $store = {};
    wait_for(sub {
        $store = $gate->status->{store};
        return $store->{available}
            || ($store->{why} // 'connected to') !~ /connected to/;
    }, 20, 'Redis to be reached or refused');
    return $store->{available} ? 'there' : $store->{why};
}

my %good = (server => "rediss://localhost:$tls_port", username => 'gatehouse',
            password => "file:$dir/password",
            ssl_trusted_certificate => $ca->ca);

my $gate = gate(%good);
is(stands($gate), 'there', 'a user of few rights, over TLS');
is(($gate->tool('key', 'list'))[0], 0, 'the tool goes the same way');
is(stands(gate(%good, server => "rediss://127.0.0.1:$tls_port",
               ssl_name => 'localhost')), 'there',
   'an address, and the name of its certificate');

like(stands(gate(%good, server => "rediss://127.0.0.1:$tls_port")),
     qr/has a certificate of another name/, 'another name is not trusted');

my $foreign = Gatehouse::Test::Tls->new("$dir/foreign-tls");
like(stands(gate(%good, ssl_trusted_certificate => $foreign->ca)),
     qr/certificate that is not of a trusted authority/,
     'nor is another authority');

my %plain = (server => '127.0.0.1:' . $redis->port);
like(stands(gate(%plain)), qr/wants a user and a password/,
     'without a password');
$t->file('wrong', "close sesame\n");
chmod 0600, "$dir/wrong";
like(stands(gate(%plain, username => 'gatehouse',
                 password => "file:$dir/wrong")),
     qr/refuses the user or the password/, 'with the wrong one');
$gate = gate(server => 'redis://unix:' . $redis->socket,
             username => 'gatehouse', password => "file:$dir/password");
is(stands($gate), 'there', 'over a socket');
is(($gate->tool('key', 'list'))[0], 0, 'the tool too');

$gate = gate(%good, server => "rediss://127.0.0.1:$tls_port");
my ($status, undef, $err) = $gate->tool('key', 'list');
is($status, 3, 'it trusts no other name');
like($err, qr/is not whom its certificate must name/, 'and says so');

$t->file('sentinels.conf', "http { $secret gatehouse_redis x { sentinel "
       . '127.0.0.1:1; primary main; } gatehouse_store redis=x; }');
($status, undef, $err) = Gatehouse::Test::run(
    Gatehouse::Test::build() . '/gatehouse', '-c', "$dir/sentinels.conf",
    'key', 'list');
is($status, 3, 'where nobody says where the primary is, the tool goes nowhere');
like($err, qr/Redis "main" is not known: no sentinel answers/, 'and says so');

done_testing;
