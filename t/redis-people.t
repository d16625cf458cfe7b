# alone: it loads the machine
# Two hundred people at two gateways on one Redis, while workers, gateways,
# connections and Redis itself are stopped, killed and healed by a seeded
# schedule: the service behind never takes one for another, and nobody has to
# log in again (THREATS H4, H5; 4.1: Redis for sessions).
# GH_PEOPLE_REQUESTS=5000 is the long run; GH_SEED=N does the same again.
use lib 't/lib';
use Gatehouse::Test timeout => $ENV{GH_PEOPLE_REQUESTS} ? 1500 : 400;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Redis;
use Gatehouse::Test::SignOn;
use Gatehouse::Test::Sink;
use Time::HiRes qw(time);

my $SLOW   = Gatehouse::Test::slow();
my $PEOPLE = $ENV{GH_PEOPLE} || 200;
my $EACH   = $ENV{GH_PEOPLE_REQUESTS} || 50;
my $RATE   = ($ENV{GH_PEOPLE_RATE} || 2500) / $SLOW;
my $SEED   = $ENV{GH_SEED} || int(time * 1000) % 1_000_000_000;
my $NAME   = '__Host-gh-staff';

srand $SEED;
diag("GH_SEED=$SEED GH_PEOPLE_REQUESTS=$EACH");


# ---- people ------------------------------------------------------------------------

# Given two gateways and a Redis that has on disk what it acknowledged. Its
# deadline is short, so that answers come when nobody waits any more
my $redis = Gatehouse::Test::Redis->new(aof => 1);
my $root  = $redis->dir . '/root.key';
Gatehouse::Test::Config::write_file($root, 'a7' x 32);
chmod 0600, $root;

my %t = (store => $redis->words(timeout => 100 * $SLOW . 'ms'), workers => 2,
         debug => 0, decisions => 0, connections => 4096);
my $so    = Gatehouse::Test::SignOn->new(t => { %t }, op => { lifetime => 7200 });
my $op    = $so->op;
my $there = Gatehouse::Test->new(%t, tls => 1);
my @gate  = ($so->t, $there);
my $sink  = Gatehouse::Test::Sink->new(binary => $there->{binary});
my $port  = $sink->port;

for my $gate (@gate) {
    $gate->allow_log(qr/exited on signal 9/,
                     qr/open socket #\d+ left in connection/);
    $gate->start($so->text(http => <<"HTTP", locations => <<'CONF'));
gatehouse_secret  file:$root;
upstream sink { server 127.0.0.1:$port; keepalive 64; keepalive_requests 1000000; }
HTTP
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_http_version      1.1;
        proxy_set_header        Connection "";
        proxy_pass              http://sink;
    }
CONF
}
my $farm = Gatehouse::Test::Farm->of(gates => \@gate, workers => 2,
                                     redis => $redis, sink => $sink);
my @at   = map { 'https://gw.test:' . $_->port('tls') } @gate;

# When each logs in, one half at either gateway
sub login {
    my ($n) = @_;
    $op->person(sub => "u-$n", name => "Person $n");
    for (1 .. 5) {    # on a busy machine a deadline that short may pass
        my $who = $so->person($there->authority->ca);
        $who->login("$at[$n % 2]/$n", 'alice');
        my $cookie = $who->cookie($NAME);
        return $cookie->{value} if $cookie;
    }
    die "person $n is not let in\n";
}

my $from   = time;
my @cookie = map { login($_) } 0 .. $PEOPLE - 1;
note(sprintf '%d logins in %.1f s', $PEOPLE, time - $from);
$there->plant_secret($cookie[0]);
my $logins = $op->asked('token');
cmp_ok($logins, '>=', $PEOPLE,
       "$PEOPLE people log in, one half at either gateway");

# Then either knows all of them
is(known(), '', 'and are known at both');

# and Redis, which has written down all it was ever told, nobody
my $told = join '', map { Gatehouse::Test::Logs::slurp($_) }
           glob $redis->dir . '/appendonlydir/*';
like($told, qr/gh:\{session:/, 'Redis was told of them');
is(scalar(grep { index($told, $_) >= 0 } @cookie, $op->secrets, 'Person ',
          'u-177', 'alice@example.com'), 0,
   'H6: no cookie, token, name or address of anybody stands there in clear');


# ---- one of them is logged out --------------------------------------------------------

my %old = map { $_->{sid} => 1 } $op->sessions;
$op->person(sub => 'u-gone');
my $gone = $so->person;
$gone->login("$at[0]/gone", 'alice');
$gone = $gone->cookie($NAME)->{value};
my ($sid) = grep { !$old{$_} } map { $_->{sid} } $op->sessions;
is(join(' ', map { status($_, $gone, '/gone') } @gate), '204 204',
   'one more, at both');
my $token = $op->logout_token(sub => 'u-gone', sid => $sid);
is($op->send_logout('http://gw.test:' . $gate[0]->port
                    . '/oidc_backchannel_logout', token => $token)->status,
   200, 'is logged out by the provider, at one gateway');
wait_for(sub {
    join(' ', map { status($_, $gone, '/gone') } (@gate) x 4)
        eq join ' ', (401) x 8;
}, 10 * $SLOW, 'both to know');
pass('and stands outside at both');
is($op->send_logout('http://gw.test:' . $gate[1]->port
                    . '/oidc_backchannel_logout', token => $token)->status,
   400, 'E29: the same token is refused by the other gateway');
$logins = $op->asked('token');


# ---- Redis stops, is killed, and its connections are cut -----------------------------------

my %seen;
my ($asked, $sent, $spans) = (0, 0, 0);

# Half of the stalls are about as long as anybody waits for an answer
my %REDIS = (
    'Redis stopped'   => [ 6, sub {
        my (undef, $short, $rand) = @_;
        return $farm->stop_redis(($short ? 0.2 * $SLOW : 1.5) * $rand);
    } ],
    'Redis killed'    => [ 1, sub { $farm->kill_redis($_[2] / 2) } ],
    'connections cut' => [ 6, sub { $farm->cut } ],
);
my %ALL = (
    %REDIS,
    'worker killed'   => [ 3, sub { $farm->kill_worker(@_) } ],
    'worker stopped'  => [ 2, sub { $farm->stop_worker(@_) } ],
    'gateway killed'  => [ 1, sub {
        $farm->kill_gate($_[0], 0.02 + $_[2] / 2) } ],
    'gateway stopped' => [ 1, sub { $farm->stop_gate(@_[0, 2]) } ],
    'gateway reloaded' => [ 1, sub { $farm->reload_gate($_[0]) } ],
);

my $happened = storm(\%REDIS, $EACH / 4);
judge('while Redis is stopped and killed', $happened);
is(known(), '', 'H5: nobody is logged out by that');


# ---- and everything else with it -----------------------------------------------------------

$happened = storm(\%ALL, $EACH - $EACH / 4);
judge('while everything is', $happened);
is(known(), '', 'nobody is logged out');
is($op->asked('token'), $logins, 'and nobody had to log in again');
cmp_ok($asked, '>=', $PEOPLE * $EACH, "$asked requests of $PEOPLE people");
cmp_ok($seen{204}, '>=', $asked / 3, "$seen{204} of them served");
note(sprintf 'seed %d: %d requests, %.1f s under load: %s', $SEED, $asked,
     $spans, join ', ', map { "$_ x $seen{$_}" } sort keys %seen);

done_testing;


# ---- what is asked -------------------------------------------------------------------------

sub headers {
    my ($cookie) = @_;
    return [ Host => 'gw.test', Accept => 'text/plain',
             Cookie => "$NAME=$cookie" ];
}

sub status {
    my ($gate, $cookie, $path) = @_;
    return $gate->get($path, headers => headers($cookie))->status;
}

# Until each gateway has let everybody in under their own name; who is not.
sub known {
    my %left = map { my $n = $_; map { ("$n at $_" => [ $n, $_ ]) } 0, 1 }
               0 .. $PEOPLE - 1;
    $sink->forget;
    my $until = time + 30 * $SLOW;
    my %status;
    while (%left && time < $until) {
        for my $key (sort keys %left) {
            my ($n, $i) = @{ $left{$key} };
            my $status = status($gate[$i], $cookie[$n], "/$n");
            delete $left{$key} if $status == 204;
            $status{$status}++;
            last if $status == 503;    # in a moment
        }
    }
    my @others = strangers();
    return join ', ', (map { "person $_" } sort keys %left), @others,
           grep { !/^(?:204|503)$/ } sort keys %status;
}

# Whom the service took for another.
sub strangers {
    my %wrong;
    open my $fh, '<', $sink->log or die $sink->log . ": $!\n";
    while (<$fh>) {
        my (undef, $who, $target) = split;
        $sent++;
        $wrong{"$target as $who"}++ if "staff:u-" . substr($target, 1) ne $who;
    }
    close $fh;
    $sink->forget;
    return sort keys %wrong;
}

sub judge {
    my ($when, $did) = @_;
    my @strangers = @{ $did->{strangers} };
    is(join(', ', @strangers[0 .. ($#strangers > 9 ? 9 : $#strangers)]), '',
       "H4: nobody is taken for another $when (" . join(', ',
       map { "$_: $did->{count}{$_}" } sort keys %{ $did->{count} }) . ')');
    cmp_ok($did->{sent}, '>=', $did->{status}{204} // 0,
           "$did->{sent} requests that the service saw");
    is(join(' ', grep { !/^(?:0|204|502|503)$/ } sort keys %{ $did->{status} }),
       '', "everybody is served or told to wait $when: " . join ' ',
       map { "$_ x $did->{status}{$_}" } sort keys %{ $did->{status} });
    return;
}


# ---- faults --------------------------------------------------------------------------------

# Does them by the seed, under load, until each person has asked so often.
sub storm {
    my ($faults, $each) = @_;
    my (%count, %status, @strangers);
    my ($n, $seen_before) = (0, $sent);
    my $want = $each * $PEOPLE;

    while ($n < $want) {
        my $span = ($want - $n) / $RATE;
        $span = $span < 4 ? 4 : $span > 20 ? 20 : $span;
        my $load = load($span);
        my $did  = $farm->storm($load, $span, $faults);
        my %got  = $load->status;
        $count{$_} += $did->{$_} for keys %$did;
        $status{$_} += $got{$_} for keys %got;
        $n     += $load->requests;
        $spans += $load->seconds;
        push @strangers, strangers();
    }
    $seen{$_} += $status{$_} for keys %status;
    $asked += $n;
    return { count => \%count, status => \%status, strangers => \@strangers,
             sent => $sent - $seen_before };
}

sub load {
    my ($seconds) = @_;
    my @text = map {
        Gatehouse::Test::Http::format_request('GET', "/$_",
            $gate[0]->request_headers({ headers => headers($cookie[$_]) }))
    } 0 .. $PEOPLE - 1;
    my $build = Gatehouse::Test::build();
    return Gatehouse::Test::Load->new(
        program => "$build/load", leash => "$build/leash", requests => \@text,
        dir => $gate[0]->dir, n => 'people', clients => 64,
        port => join(',', map { $_->port } @gate), seconds => $seconds,
        rate => $RATE);
}
