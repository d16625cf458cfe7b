# How much is done: enough to measure, or, with QUICK=1, as little as shows
# that all of it works. What is done side by side then says nothing about how
# fast it is. ROUNDS, SECONDS_EACH and SCALE change either.
package Gatehouse::Bench::Extent;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(extent);

my %WHOLE = (
    rounds   => 10,
    seconds  => 1,         # of load per path and round; wrk takes whole ones
    clients  => 16,        # connections of each load
    loads    => 1,         # side by side
    tokens   => 6000,      # more than a worker remembers (4,096)
    keys     => 1_000_000, # of the large set
    warm     => 200,       # requests under callgrind that are not counted
    counted  => 2000,      # and those that are
    rest_s   => 1,         # how long nothing happens in a server at rest
    counters => 1,         # servers under callgrind, side by side
    pinned   => 1,         # the worker has a core of its own
);
my %QUICK = (
    rounds   => 1,
    clients  => 2,
    loads    => 40,
    tokens   => 600,
    keys     => 2000,
    warm     => 20,
    counted  => 20,
    rest_s   => 0.1,
    counters => 3,
    pinned   => 0,
);


sub extent {
    my %extent = (%WHOLE, $ENV{QUICK} ? %QUICK : ());
    my %said = (rounds => $ENV{ROUNDS}, seconds => $ENV{SECONDS_EACH},
                keys => ($ENV{SCALE} // 1) > 1 ? $ENV{SCALE} : 0);

    $extent{$_} = $said{$_} for grep { $said{$_} } keys %said;
    die "SECONDS_EACH is a whole number\n"
        if $extent{seconds} !~ /^[1-9]\d*$/;
    return \%extent;
}

1;
