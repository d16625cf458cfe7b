# What sentinels say is bytes from a network: over TLS with the right name or
# not at all, names of hosts that a resolver must find while requests go on,
# lies of every kind. And a failover under load lets nobody in who may not, and
# keeps nobody out who may.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Liar;
use Gatehouse::Test::Names;
use Gatehouse::Test::Redis;
use Gatehouse::Test::Sentinel;
use Gatehouse::Test::StoreProbe;
use Gatehouse::Test::Tls;

my $SLOW  = Gatehouse::Test::slow();
my $watch = Gatehouse::Test::Sentinel->new;
my $scratch = Gatehouse::Test->new(store => 0, policies => 0);
my $dir   = $scratch->dir;

sub probe {
    my ($members) = @_;
    return Gatehouse::Test::StoreProbe->new(
        workers => 1, spec => 'redis=shared',
        redis => "timeout 1s; state DIR; $members")->start;
}

# "there", or why it is not
sub stands {
    my ($gate) = @_;
    my $state = {};
    wait_for(sub {
        $state = $gate->state;
        return $state->{why} !~ /connected to/
            && ($state->{available} || $state->{why});
    }, 60, 'the primary to be found or not');
    return $state->{available} ? 'there' : $state->{why};
}

sub says_of {
    my ($gate) = @_;
    return $gate->error_log;
}


# ---- TLS ------------------------------------------------------------------------------

my $ca = Gatehouse::Test::Tls->new("$dir/ca");
my ($cert, $key) = $ca->issue('sentinel.test');
chmod 0644, $key;
my $tls_port = Gatehouse::Test::Ports::free_port();
my $secure = Gatehouse::Test::Redis->new(
    sentinel => 1,
    config => [
        'sentinel monitor main 127.0.0.1 ' . $watch->primary->port . ' 1',
        "tls-port $tls_port", "tls-cert-file $cert", "tls-key-file $key",
        'tls-ca-cert-file ' . $ca->ca, 'tls-auth-clients optional' ]);
my $over  = "primary main; sentinel rediss://localhost:$tls_port; ";
my $trust = 'ssl_trusted_certificate ' . $ca->ca . '; ';
my $name  = 'sentinel_ssl_name sentinel.test; ';

is(stands(probe("$over$trust$name")), 'there',
   'a sentinel is asked over TLS by the name of its certificate');
my $gate = probe("$over$trust");
like(stands($gate), qr/no sentinel answers/, 'under another name it is not');
like(says_of($gate), qr/the sentinel at localhost:\d+ has a certificate of another name/,
     '... and the log says why');
my $foreign = Gatehouse::Test::Tls->new("$dir/foreign");
$gate = probe("$over${name}ssl_trusted_certificate " . $foreign->ca . ';');
like(stands($gate), qr/no sentinel answers/, 'nor with another authority');
like(says_of($gate), qr/certificate that is not of a trusted authority/,
     '... and the log says why');
undef $gate;


# ---- lies -------------------------------------------------------------------------------

my $liar  = Gatehouse::Test::Liar->new;
my $alone = 'primary main; sentinel 127.0.0.1:' . $liar->port . ';';
my $taken = sub { return $watch->replica->calls('exec', 'evalsha', 'set') };

$liar->says(address => '127.0.0.1', port => $watch->replica->port);
my $before = $taken->();
my $led = probe($alone);
like(stands($led), qr/is a replica, though sentinels call it the primary/,
     'a sentinel that names a replica leads nobody there');
is($led->ask('put', name => 'astray', value => 'v')->{rc}, 'unavailable',
   'nothing is written');
is($taken->(), $before, 'the replica is asked for nothing but its role');

$liar->says(address => '127.0.0.1', port => Gatehouse::Test::Ports::free_port());
wait_for(sub { $led->state->{why} =~ /cannot be reached/ }, 30,
         'a place where nobody is to be said');
pass('one that names a place where nobody is: it is said');
$liar->says(address => '127.0.0.1', port => $liar->port);
wait_for(sub { $led->state->{why} =~ /error|no primary/ }, 30,
         'one that is no Redis to be said');
pass('one that names itself: it is no primary');

undef $led;

# Each lie has a sentinel of its own, and a gateway that asks nobody else
my %liar = map { $_ => Gatehouse::Test::Liar->new->says(how => $_) }
           qw(garbage half huge nested nothing error closed unknown);
my %led  = map { $_ => probe('primary main; sentinel 127.0.0.1:'
                             . $liar{$_}->port . ';') } sort keys %liar;

# They say it twice more at least; the first of these was heard to its end
sub all_say {
    my ($what, $says) = @_;
    my %asked;
    for my $how (sort keys %liar) {
        $liar{$how}->says($says->($how));
        $asked{$how} = $liar{$how}->asked;
    }
    for my $how (sort keys %liar) {
        wait_for(sub { $liar{$how}->asked > $asked{$how} + 1 }, 60,
                 "one to be asked again ($how), $what");
    }
    return;
}

all_say('who knows no primary', sub { how => $_[0] });
for my $how (sort keys %led) {
    is($led{$how}->ask('get', name => 'first')->{rc}, 'unavailable',
       "an answer that is $how leads nowhere");
}
$_->says(address => '127.0.0.1', port => $watch->primary->port)
    for values %liar;
for my $how (sort keys %led) {
    wait_for(sub { $led{$how}->state->{available} }, 30,
             "the primary to be found after $how");
    pass("who has said $how is followed as soon as it tells the truth");
}
all_say('who has a primary', sub { how => $_[0] });
for my $how (sort keys %led) {
    is($led{$how}->ask('put', name => 'first', value => $how)->{rc}, 'ok',
       "who has a primary stays with it ($how)");
}
%led = ();

my $outvoted = probe($watch->members . ' sentinel 127.0.0.1:' . $liar->port . ';');
is(stands($outvoted), 'there', 'three others are believed');
$liar->says(address => '127.0.0.1', port => $watch->replica->port);
my $said = $liar->asked;
wait_for(sub { $liar->asked > $said + 1 }, 30, 'the liar to be heard');
is($outvoted->ask('put', name => 'second', value => 'v')->{rc}, 'ok',
   'one liar among four moves nobody');
undef $outvoted;


# ---- names of hosts --------------------------------------------------------------------------

my $names = Gatehouse::Test::Names->new;
$liar->says(address => 'redis.test', port => $watch->primary->port);
like(stands(probe($alone)), qr/is a host name, as sentinels say it, and there is no resolver/,
     'a host name without a resolver is said');

$names->answers('silence');
my $named = probe($alone . 'resolver 127.0.0.1:' . $names->port . ';');
wait_for(sub { $names->asked > 0 }, 30, 'the name to be asked for');
my $load = $named->load('/state', clients => 2, seconds => 1)->wait;
is($load->failed, 0, 'a resolver that is silent keeps no request waiting');
cmp_ok($load->requests, '>', 50, '... as the number of answers shows');
ok(!$named->state->{available}, 'though nobody knows where Redis is');
$names->answers('127.0.0.1');
wait_for(sub { $named->state->{available} }, 60, 'the primary to be found');
pass('when it answers the primary is found');
$names->answers('nobody');
is($named->ask('put', name => 'third', value => 'v')->{rc}, 'ok',
   'that the name is gone by then harms nobody');
undef $named;


# ---- a failover under load ---------------------------------------------------------------------

# Given two gateways, keys of which one is revoked, and nothing else there
$watch->primary->cli('FLUSHALL');
my @who  = map { sprintf 'user%02d', $_ } 1 .. 20;
my $farm = Gatehouse::Test::Farm->new(
    gates => 2, workers => 2, redis => $watch->primary,
    store => 'gatehouse_redis shared { timeout ' . 1000 * $SLOW . 'ms; state '
           . '%%DIR%%/state; ' . $watch->members . " }\n"
           . "gatehouse_store redis=shared;\n",
    who => { map { $_ => 'wide' } @who, 'gone' },
    plans => { wide => '100000r/s burst=10000' });
for my $t ($farm->gates) {
    wait_for(sub { $t->status->{store}{available} }, 30, 'Redis to be found');
}
my $first = $farm->gate(0);
my ($status, $out, $err) = $first->tool(
    'key', 'revoke', Gatehouse::Test::Farm::consumer('gone', 'wide')
        ->{credentials}{api_keys}[0]{id});
is($status, 0, 'a key is revoked') or diag $err;
wait_for(sub { !grep { $farm->ask($_, 'gone')->status != 401 } (0, 1) x 4 }, 20,
         'both to know');

# When the primary is changed while all are used
my @turn = (@who, 'gone');
$load = $farm->load(who => \@turn, clients => 16, seconds => 4,
                    rate => 500 / $SLOW);
my $port = $watch->named;
$watch->failover;
$load->wait;

# Then
my %got;
for my $line ($load->log) {
    my (undef, undef, $answer, $n) = @$line;
    $got{ $turn[$n] eq 'gone' ? 'revoked' : 'good' }{$answer}++;
}
note(join ', ', map { my $k = $_; map { "$k $_: $got{$k}{$_}" }
                      sort keys %{ $got{$k} } } sort keys %got);
isnt($watch->named, $port, 'there is another primary');
is(join(' ', grep { !/^(?:401|503)$/ } sort keys %{ $got{revoked} }), '',
   'who was revoked is never let in');
is(join(' ', grep { !/^(?:204|503)$/ } sort keys %{ $got{good} }), '',
   'and who was not is never called unknown')
    or diag(map { "$_\n" } grep { /_decisions_total/ }
            map { split /\n/, $_->metrics } $farm->gates);
cmp_ok($got{good}{204}, '>', 5 * ($got{good}{503} // 0),
       'nearly all are served all the time');
is($load->failed, 0, 'no connection is lost');
for my $n (0, 1) {
    wait_for(sub { $farm->ask($n, $who[0])->status == 204
                   && $farm->ask($n, 'gone')->status == 401 }, 30,
             "gate $n to be as before");
}
pass('afterwards all is as before');

done_testing;
