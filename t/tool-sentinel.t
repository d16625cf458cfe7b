# The tool where sentinels say which Redis is the primary: it asks them as a
# gateway does, trusts what it is told to trust, and never writes to one that
# does not call itself a primary.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Liar;
use Gatehouse::Test::Redis;
use Gatehouse::Test::Sentinel;
use Gatehouse::Test::Tls;

# Given a primary with a replica, which three sentinels watch, and its key
my $t   = Gatehouse::Test->new(
    store => 0, backends => ['echo'],
    policies => { plans => { main => { limits => { main => '9r/s' } } },
                  consumers => { map { $_ => { plan => 'main' } }
                                 qw(first second third) } });
my $dir = $t->dir;

# Sentinels that were stopped for a while would take everybody for down, and
# elect another while this story goes on: they wait for longer than it takes.
my $watch = Gatehouse::Test::Sentinel->new(down => 120_000);
$t->file('root.key', 'b8' x 32);
chmod 0600, "$dir/root.key";

sub conf {
    my ($members) = @_;
    $t->file('tool.conf', "http { gatehouse_secret file:$dir/root.key; "
           . "gatehouse_policies $dir/policies; "
           . "gatehouse_redis shared { state $dir/state; $members } "
           . 'gatehouse_store redis=shared; }');
    return "$dir/tool.conf";
}

# status, and what was said on either
sub tool {
    my ($members, @words) = @_;
    my ($status, $out, $err) = Gatehouse::Test::run(
        Gatehouse::Test::build() . '/gatehouse', '-c', conf($members), @words);
    return ($status, $out . $err);
}

sub refused {
    my ($members, $like, $what) = @_;
    my ($status, $said) = tool($members, 'key', 'list');
    is($status, 3, $what);
    return like($said, $like, '... and it says so');
}

my $members = $watch->members;
refused($members, qr/no gateway has used it yet/,
        'before any gateway has used it the tool makes no mark of its own');
$t->start(
    http => "gatehouse_secret file:$dir/root.key; gatehouse_redis shared "
          . "{ timeout 2s; state $dir/state; $members } "
          . 'gatehouse_store redis=shared;',
    locations => 'location / { gatehouse_authenticate off; '
               . 'proxy_pass http://echo; }');
wait_for(sub { $t->status->{store}{available} }, 30, 'the gateway to be there');


# ---- as a gateway asks --------------------------------------------------------------

sub suspend {
    my ($who) = @_;
    my ($status, $said) = tool($members, 'consumer', 'suspend', $who);
    return $status == 0 ? 'done' : $said;
}

is(suspend('first'), 'done', 'sentinels say where the primary is');

my $port = $watch->failover;
wait_for(sub { suspend('second') eq 'done' }, 30,
         'the one that was elected to be written to');
like($watch->primary->cli('SCAN', 0, 'MATCH', 'gh:{suspended:*', 'COUNT', 1000),
     qr/gh:\{suspended:\S+\n.*gh:\{suspended:/s,
     'the next time it goes to the one that was elected');

$_->halt for ($watch->sentinels)[0, 1];
is(suspend('third'), 'done', 'one sentinel of three is enough where the others '
   . 'are silent');
$_->halt for $watch->sentinels;
refused($members, qr/Redis "main" is not known: no sentinel answers/,
        'with none of them it goes nowhere');
$_->go_on for $watch->sentinels;

refused($members =~ s/primary main/primary other/r,
        qr/Redis "other" is a name that no sentinel knows/,
        'a name that nobody watches is no place');


# ---- sentinels that lie ---------------------------------------------------------------

my $liar = Gatehouse::Test::Liar->new;
my $alone = 'primary main; sentinel 127.0.0.1:' . $liar->port . ';';

$watch->settled;
$liar->says(address => '127.0.0.1', port => $watch->replica->port);
refused($alone, qr/where sentinels sent us, is a replica/,
        'one that names a replica: nothing is asked of it');
$liar->says(address => '127.0.0.1',
            port => Gatehouse::Test::Ports::free_port());
refused($alone, qr/Redis at 127\.0\.0\.1:\d+ cannot be reached/,
        'one that names a place where nobody is');
$liar->says(address => '127.0.0.1', port => $liar->port);
refused($alone, qr/where sentinels sent us, is no primary|answers with an error/,
        'one that names itself');
for my $how (qw(garbage half huge nested nothing closed), 'error') {
    $liar->says(how => $how);
    refused($alone, qr/Redis "main" is not known: no sentinel answers/,
            "one whose answer is $how");
}
$liar->says(address => '127.0.0.1', port => $watch->replica->port);
my $two = join ' ', map { 'sentinel 127.0.0.1:' . $_->port . ';' }
                    ($watch->sentinels)[0, 1];
is((tool("$alone $two", 'key', 'list'))[0], 0, 'two others are believed');


# ---- TLS and users -----------------------------------------------------------------------

my $ca = Gatehouse::Test::Tls->new("$dir/ca");
my ($cert, $key) = $ca->issue('sentinel.test');
chmod 0644, $key;
my $tls_port = Gatehouse::Test::Ports::free_port();
my $secure = Gatehouse::Test::Redis->new(
    sentinel => 1,
    cli => [ '--user', 'default', '--pass', 'of-the-operator' ],
    config => [
        'sentinel monitor main 127.0.0.1 ' . $watch->primary->port . ' 1',
        "tls-port $tls_port", "tls-cert-file $cert", "tls-key-file $key",
        'tls-ca-cert-file ' . $ca->ca, 'tls-auth-clients optional',
        'user default on >of-the-operator ~* &* +@all',
        'user gatehouse-asks on >let-me-ask &+switch-master -@all +auth '
        . '+sentinel|get-master-addr-by-name +subscribe +unsubscribe' ]);
$t->plant_secret('let-me-ask');
$t->file('asks', "let-me-ask\n");
chmod 0600, "$dir/asks";

my $good = 'primary main; sentinel_username gatehouse-asks; sentinel_password '
         . "file:$dir/asks; ssl_trusted_certificate " . $ca->ca . '; ';
my $over = "sentinel rediss://localhost:$tls_port; ";
my $name = 'sentinel_ssl_name sentinel.test; ';

is((tool("$good$over$name", 'key', 'list'))[0], 0,
   'a sentinel is asked over TLS, by a user of its own');
refused("$good$over", qr/no sentinel answers/, 'a certificate of another name '
        . 'is not trusted');
my $foreign = Gatehouse::Test::Tls->new("$dir/foreign");
refused($good =~ s/ssl_trusted_certificate \S+/'ssl_trusted_certificate '
        . $foreign->ca . ';'/er . "$over$name", qr/no sentinel answers/,
        'nor is another authority');
refused('primary main; ssl_trusted_certificate ' . $ca->ca . "; $over$name",
        qr/no sentinel answers/, 'without a password it says nothing');
refused("$good$over$name" =~ s/primary main/primary rediss:\/\/main/r,
        qr/cannot be reached with TLS, or is not whom/,
        'a primary that must speak TLS, and does not, is not spoken to');

done_testing;
