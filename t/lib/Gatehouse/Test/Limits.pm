# What is asked of gateways that share their limits, and how the answers are
# judged: by the time of decision.
package Gatehouse::Test::Limits;

use strict;
use warnings;

use Exporter 'import';
use Test::More ();
use Time::HiRes qw(sleep);

use Gatehouse::Test::Windows qw(excess);

our @EXPORT = qw(times_of holds statuses only_fair no_error now_us leases_over);

my $SLACK = 0.01;    # of a token: times are cut to microseconds


# When requests of somebody were let in (microseconds), by the nth of its
# limits; after or before a time.
sub times_of {
    my ($farm, $who, $n, $since, $until) = @_;
    return [ grep { (!$since || $_ > $since) && (!$until || $_ < $until) }
             map { $_->{at}[ $n // 0 ] } grep { $_->{who} eq $who }
             $farm->sink->admitted ];
}


# No window of theirs holds more than the bound.
sub holds {
    my ($farm, $who, $rate, $burst, $what, %arg) = @_;
    my ($over, $words) = excess(times_of($farm, $who,
                                         @arg{qw(n since until)}),
                                $rate, $burst);
    Test::More::cmp_ok($over, '<=', $SLACK, "$what: $words")
        or Test::More::diag(map { "$_->{at}[ $arg{n} // 0 ] $_->{seen}\n" }
                            grep { $_->{who} eq $who } $farm->sink->admitted);
    return;
}


# Of n requests, at each of two gateways in turn: status => how many.
sub statuses {
    my ($farm, $who, $n, $target) = @_;
    my %seen;
    $seen{ $farm->ask($_ % 2, $who, $target)->status }++ for 1 .. $n;
    return \%seen;
}


sub only_fair {
    my ($what, %seen) = @_;
    Test::More::is(join(' ', grep { !/^(?:204|429)$/ } sort keys %seen), '',
                   "$what: served or refused, nothing else");
    return;
}


# Who has come back to Redis reads all that it knew anew, keys too: 503 until
# then, never an error.
sub no_error {
    my ($what, %seen) = @_;
    Test::More::is(join(' ', grep { !/^(?:204|429|503)$/ } sort keys %seen), '',
                   "$what: no error");
    return;
}


sub now_us {
    return Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) * 1e6;
}


# Leases that nobody renews are over.
sub leases_over { sleep 1.3; return }

1;
