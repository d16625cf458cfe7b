# Redis that sentinels watch: the primary is found and followed, whatever
# becomes of it, and no single sentinel leads anybody astray.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use Gatehouse::Test::Sentinel;
use Gatehouse::Test::StoreProbe;

my $watch = Gatehouse::Test::Sentinel->new;

sub probe {
    my ($members) = @_;
    return Gatehouse::Test::StoreProbe->new(
        workers => 1, spec => 'redis=shared',
        redis => "timeout 2s; state DIR; $members")->start;
}

sub works {
    my ($gate, $name, $what) = @_;
    wait_for(sub { $gate->ask('put', name => $name, value => 'v',
                              log => 1)->{rc} eq 'ok' }, 60, $what);
    return pass($what);
}

sub stands_at {
    my ($name) = @_;
    my ($hash) = do { require Digest::SHA;
                      substr(Digest::SHA::sha256_hex($name), 0, 32) };
    return join ' ', map { $_->port } grep {
        $_->pid && $_->cli('EXISTS', "gh:{key:$hash}") eq '1'
            && $_->cli('ROLE') =~ /^master/ } $watch->servers;
}

my $t = probe($watch->members);
works($t, 'first', 'sentinels say where the primary is');
is(stands_at('first'), $watch->named, 'and what is written stands there');


# ---- SENTINEL FAILOVER -----------------------------------------------------------

my $load = $t->load('/get?name=first', clients => 4, seconds => 6);
my $port = $watch->named;
my $next = $watch->failover;
isnt($next, $port, 'a failover names another');
works($t, 'second', 'it is followed');
is(stands_at('second'), $next, 'and written to');
is($t->ask('get', name => 'first')->{rc}, 'ok', 'with what was there before');
$load->wait;
is($load->failed, 0, 'no request is lost meanwhile');


# ---- a primary that stops answering -------------------------------------------------

my $halted = $watch->primary;
$halted->halt;
$next = $watch->wait_for_another($halted->port);
works($t, 'third', 'one that hangs is left for the next');
$halted->go_on;
$watch->settled;
works($t, 'fourth', 'and when it comes back it is not gone back to');
is(stands_at('fourth'), $next, 'the elected one goes on');


# ---- a primary that is killed ---------------------------------------------------------

my $killed = $watch->synced;
$killed->kill;
my $lost = $t->ask('put', name => 'lost', value => 'v')->{rc};
$next = $watch->wait_for_another($killed->port);
is($lost eq 'ok' ? stands_at('lost') : $lost, $lost eq 'ok' ? $next : 'unavailable',
   'a write while there is no primary is done by the next one, or not done');
works($t, 'fifth', 'one that is killed is left too');
is($t->ask('get', name => 'fourth')->{rc}, 'ok', 'nothing else is lost');
$killed->start;
$watch->settled;


# ---- sentinels away -----------------------------------------------------------------------

$_->halt for $watch->sentinels;
is($t->ask('put', name => 'alone', value => 'v')->{rc}, 'ok',
   'without any sentinel the primary that is there stays');
my $late = probe($watch->members);
wait_for(sub { $late->state->{why} !~ /connected to/ }, 30,
         'a new gateway to say why');
like($late->state->{why}, qr/Redis "main" is not known: no sentinel answers/,
     'a new gateway says that nobody answers');
$_->go_on for $watch->sentinels;
works($late, 'sixth', 'and begins as soon as somebody does');
$late->stop;

my $nobody = probe('sentinel 127.0.0.1:' . ($watch->sentinels)[0]->port
                   . '; primary other;');
wait_for(sub { $nobody->state->{why} !~ /connected to/ }, 30,
         'it to be refused');
like($nobody->state->{why}, qr/Redis "other" is a name that no sentinel knows/,
     'a name that nobody watches is said');

done_testing;
