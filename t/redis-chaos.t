# alone: it loads the machine
# Four gateways on one Redis, two hundred consumers, and a schedule by seed of
# what dies, hangs and comes back. No window of any consumer exceeds its limits
# while gateways, workers and connections hang and are killed; none exceeds the
# limits and a share for each gateway while that befalls Redis itself.
# GH_CHAOS_S=60 is the long run; GH_SEED=N does the same again.
use lib 't/lib';
use Gatehouse::Test timeout => 600;
use Gatehouse::Test::Farm;
use Gatehouse::Test::Redis;
use Gatehouse::Test::Windows qw(excess ideal);
use List::Util qw(max min shuffle sum);
use Time::HiRes qw(sleep time);

my $SLOW    = Gatehouse::Test::slow();
my $SECONDS = $ENV{GH_CHAOS_S} || 10;
my $GATES   = 4;
my $RATE    = ($ENV{GH_CHAOS_RATE} || 2600) / $SLOW;
my $SEED    = $ENV{GH_SEED} || int(time * 1000) % 1_000_000_000;
my $ONLY    = $ENV{GH_FAULTS} // '';    # a pattern: only these happen
my $SLACK   = 0.01;    # of a token: times are cut to microseconds

srand $SEED;
diag("GH_SEED=$SEED GH_CHAOS_S=$SECONDS");

# plan: how many are on it, what it says, its windows as [rate a second, burst]
my %PLAN = (
    fast  => [ 30, '20r/s burst=20',  [ 20,  20 ] ],
    large => [ 10, '40r/s burst=200', [ 40,  200 ] ],
    small => [ 80, '2r/s burst=5',    [ 2,   5 ] ],
    even  => [ 30, '5r/s burst=1',    [ 5,   1 ] ],
    slow  => [ 20, '30r/m burst=3',   [ 0.5, 3 ] ],
    both  => [ 30, { limits => { a => '10r/s burst=10',
                                 b => '300r/m burst=50' } },
               [ 10, 10 ], [ 5, 50 ] ],
);
my %who = map {
    my $plan = $_;
    map { sprintf('%s%02d', $plan, $_) => $plan } 1 .. $PLAN{$plan}[0]
} sort keys %PLAN;
my @who = sort keys %who;

my $redis = Gatehouse::Test::Redis->new(config => [ 'save ""' ]);
my $farm  = Gatehouse::Test::Farm->new(
    gates => $GATES, workers => 2, redis => $redis, who => \%who,
    plans => { map { $_ => $PLAN{$_}[1] } keys %PLAN },
    timeout => $ENV{GH_CHAOS_TIMEOUT} || '1s');
$_->allow_log(qr/open socket #\d+ left in connection/) for $farm->gates;

is(scalar @who, 200, "$GATES gateways, two workers each, 200 consumers");


# ---- nothing happens ---------------------------------------------------------------

# Half of them ask for nine tenths of their rate, half for more than it
my %factor = map { $who[$_] => $_ % 2 ? 0.9 : more($who[$_]) } 0 .. $#who;

sub more { return $who{ $_[0] } eq 'large' ? 4 : 2 }

sub rate_of { return min(map { $_->[0] } windows_of($_[0])) }

sub windows_of {
    my ($name) = @_;
    my (undef, undef, @windows) = @{ $PLAN{ $who{$name} } };
    return @windows;
}

# Names in turn, in proportion; an odd number of them, so that none is always
# asked for at the same gateway. And how many that are a second.
sub turns {
    my (@names) = @_;
    my @turn = shuffle map {
        my $name = $_;
        ($name) x max(1, int(rate_of($name) * $factor{$name} * 2 + 0.5))
    } @names;
    push @turn, $names[0] if @turn % 2 == 0;
    return \@turn;
}

my $turns = turns(@who);
my $wanted = @$turns / 2;
my $part  = min(1, $RATE / $wanted);
note(sprintf '%.0f requests a second', $wanted * $part);

$farm->sink->forget;
my $load = $farm->load(who => $turns, clients => 64, rate => $wanted * $part,
                       seconds => max(4, $SECONDS / 4))->wait;
my %served = per_plan($load, $turns);
my @steady = table(\%served);
note($_) for @steady;
fair('with nothing the matter', $load);
is($load->failed, 0, 'everybody is answered');
judge('with nothing the matter');

cmp_ok($served{large}{within}, '>=', 0.99,
       '99 % of a steady load are served with a burst of 200');
cmp_ok($served{fast}{within}, '>=', 0.97, 'and 97 % with a burst of 20');


# ---- gateways, workers and connections ------------------------------------------------

$factor{$_} = more($_) for @who;
$turns = turns(@who);

# what: how often, and how
my %FAULT = (
    'worker stopped'   => [ 5, \&stop_worker ],
    'gateway stopped'  => [ 4, \&stop_gate ],
    'worker killed'    => [ 3, sub { $farm->kill_worker(@_) } ],
    'gateway killed'   => [ 2, \&kill_gate ],
    'gateway reloaded' => [ 1, sub { $farm->reload_gate($_[0]) } ],
    'connections cut'  => [ 3, sub { $farm->cut } ],
);

$farm->sink->forget;
my $happened = storm(\%FAULT);
note('decided alone: ', $farm->metric('gatehouse_degraded_decisions_total'));
fair('with gateways stopped and killed', $load, 503);
judge('with ' . join(', ', map { "$_ $happened->{$_}" }
                     sort keys %$happened));
enough('while that goes on', 0.3);


# ---- Redis -------------------------------------------------------------------------

%FAULT = (
    'Redis stopped'        => [ 3, sub { $farm->stop_redis(0.05 + 2 * $_[2]) } ],
    'Redis killed, empty'  => [ 2, sub { $farm->kill_redis($_[2] / 2, empty => 1) } ],
    'Redis killed, of old' => [ 2, sub { $farm->kill_redis($_[2] / 2) } ],
    'Redis saved'          => [ 3, sub { $redis->tell('SAVE'); return } ],
    'connections cut'      => [ 2, sub { $farm->cut } ],
    'worker killed'        => [ 3, sub { $farm->kill_worker(@_) } ],
    'worker stopped'       => [ 2, \&stop_worker ],
    'gateway stopped'      => [ 2, \&stop_gate ],
    'gateway killed'       => [ 3, \&kill_gate ],
);
$farm->sink->forget;
$happened = storm(\%FAULT);
fair('with Redis killed and stopped', $load, 503);
judge('with ' . join(', ', map { "$_ $happened->{$_}" }
                     sort keys %$happened)
      . ': the limit and a share for each gateway', \&and_shares);
enough('while that goes on', 0.1);

# And then all is well again, as soon as each worker has asked again
my ($alone, $since) = (-1, time);
wait_for(sub {
    $farm->load(who => \@who, clients => 32, seconds => 0.3, rate => 400)
         ->wait;
    my $now = $farm->metric('gatehouse_degraded_decisions_total');
    ($alone, $since) = ($now, time) if $now != $alone;
    return time - $since > 3 && !grep { defined } $farm->degraded('limits');
}, 90, 'no gateway to count alone');
sleep 1.3;
$farm->sink->forget;
$load = $farm->load(who => $turns, clients => 64, seconds => 3,
                    rate => $wanted * $part)->wait;
fair('when all is over', $load);
is($load->failed, 0, 'everybody is answered');
judge('when all is over');

done_testing;


# ---- faults ------------------------------------------------------------------------

# Under load, for as long as there is to be some.
sub storm {
    my ($faults) = @_;
    my %some = map { $_ => $faults->{$_} } grep { $_ =~ /$ONLY/ }
               keys %$faults;
    return if !%some;
    $load = $farm->load(who => $turns, clients => 96, seconds => $SECONDS,
                        rate => $wanted * $part);
    return $farm->storm($load, $SECONDS, \%some);
}

# Most are short, some are not.
sub some { return 0.05 + 2 * $_[0] ** 2 }

sub stop_worker {
    my ($gate, $n, $rand) = @_;
    return $farm->stop_worker($gate, $n, some($rand));
}

sub stop_gate {
    my ($gate, undef, $rand) = @_;
    return $farm->stop_gate($gate, some($rand));
}

sub kill_gate {
    my ($gate, undef, $rand) = @_;
    return $farm->kill_gate($gate, 0.02 + $rand);
}


# ---- judging -----------------------------------------------------------------------

# A gateway that cannot ask counts by its part of the limit, at least one:
# so much may come to the limit itself.
sub and_shares {
    my ($rate, $burst) = @_;
    return (2 * $rate, $burst + $GATES * max(1, int($burst / $GATES)));
}

# No window exceeds its limits, or what of($rate, $burst) makes of them.
sub judge {
    my ($when, $of) = @_;
    my %at;
    for my $one ($farm->sink->admitted) {
        my @at = @{ $one->{at} };
        push @{ $at{ $one->{who} }[$_] }, $at[$_] for 0 .. $#at;
    }
    my ($worst, $words, @over) = (-1e18, 'nobody');
    my $n = 0;
    for my $name (sort keys %at) {
        my @windows = windows_of($name);
        for my $i (0 .. $#windows) {
            my ($rate, $burst) = @{ $windows[$i] };
            ($rate, $burst) = $of->($rate, $burst) if $of;
            my ($over, $said) = excess($at{$name}[$i], $rate, $burst);
            ($worst, $words) = ($over, "$name: $said") if $over > $worst;
            push @over, "$name: $said" if $over > $SLACK;
        }
        $n += @{ $at{$name}[0] };
    }
    is(scalar @over, 0, "no window of anybody exceeds $when; of $n the "
       . "fullest: $words");
    diag("  $_") for @over[0 .. min($#over, 9)];
    # where Redis was away, for want of a machine that is fast enough, each
    # gateway has its share besides
    diag('  decided alone so far: ',
         $farm->metric('gatehouse_degraded_decisions_total')) if @over;
    return;
}

# With Redis away a worker that has just begun knows no key: 503.
sub fair {
    my ($when, $of, @more) = @_;
    my %status = $of->status;
    my %may = map { $_ => 1 } 204, 429, @more;
    is(join(' ', grep { !$may{$_} } sort keys %status), '',
       "served or refused $when: "
       . join ' ', map { "$_ x $status{$_}" } sort keys %status);
    return;
}

# Of what full buckets would have admitted.
sub enough {
    my ($when, $least) = @_;
    my %got = per_plan($load, $turns);
    note($_) for table(\%got);
    my $all = sum(map { $_->{served} } values %got);
    my $of  = sum(map { $_->{ideal} } values %got);
    cmp_ok($all, '>=', $least * $of,
           sprintf 'what is allowed is served %s: %d of %d, %.0f %%', $when,
           $all, $of, 100 * $all / $of);
    return;
}

# By plan: served, ideal, and the part of it for those within their rate and
# above.
sub per_plan {
    my ($of, $names) = @_;
    my (%at, %got, %plan);
    for my $line ($of->log) {
        my ($begin, undef, $status, $n) = @$line;
        push @{ $at{ $names->[$n] } }, $begin;
        $got{ $names->[$n] }++ if $status == 204;
    }
    for my $name (keys %at) {
        my $kind = $factor{$name} < 1 ? 'within' : 'above';
        my $sum  = $plan{ $who{$name} } //= {};
        my $full = ideal($at{$name}, windows_of($name));
        $sum->{"${kind}_got"} += $got{$name} // 0;
        $sum->{"${kind}_ideal"} += $full;
        $sum->{served} += $got{$name} // 0;
        $sum->{ideal}  += $full;
    }
    for my $sum (values %plan) {
        for my $kind (qw(within above)) {
            $sum->{$kind} = $sum->{"${kind}_got"} / $sum->{"${kind}_ideal"}
                if $sum->{"${kind}_ideal"};
        }
    }
    return %plan;
}

sub table {
    my ($of) = @_;
    return map {
        my $sum = $of->{$_};
        sprintf '%-6s served %5d of %5d%s%s', $_, $sum->{served},
                $sum->{ideal},
                map { defined $sum->{$_}
                      ? sprintf ', %s: %.2f %%', $_, 100 * $sum->{$_} : '' }
                qw(within above);
    } sort keys %$of;
}
