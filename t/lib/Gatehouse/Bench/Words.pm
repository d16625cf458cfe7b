# The page around the tables: docs/benchmark.md.
package Gatehouse::Bench::Words;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();

our @EXPORT_OK = qw(page);


sub page {
    my ($result, $table) = @_;
    my $date = POSIX::strftime('%Y-%m-%d', gmtime $result->{at});
    my ($worker, $other) = @{ $result->{cores} };
    my $cores = $worker == $other
        ? 'There was one core for worker, load and service: rates and'
          . ' latencies say little, CPU and instructions hold.'
        : "The worker had one core, load and service another.";
    my $busy = $result->{load} < 1 ? '' : "**The machine was busy with other"
        . " things (load $result->{load}):\nonly the instructions mean much.**";
    my ($rounds, $seconds) = @{ $result->{extent} }{qw(rounds seconds)};
    my $minutes = sprintf '%.0f', $result->{took} / 60;

    my $rest = scale($table) . held($table) . stopped($table) . reading();

    return <<"END" . $rest;
# Benchmark

Written by `make bench` on $date ($rounds rounds of $seconds s per path, $minutes minutes
in all); do not edit it by hand.

## Goals

$table->{goals}
Instructions and CPU are per request, over the same nginx without the module; SHA-256 is
counted apart (valgrind has none of the processor's instructions for it). What is "not
measured" has no path yet, or was left out of this run.

## The machine

$table->{host}
$cores $busy
A virtual machine's numbers move with its neighbours: compare rows of one run, not runs of two
machines.

## Paths

$table->{paths}
The median over the rounds, with the quartiles in brackets; "of bare" compares within each
round, and "added" is over bare: over bare nginx that is sent the same key or token, since it
reads and passes that on, too.

### New tokens

$table->{verify}
A worker remembers 4,096 tokens; 6,000 are sent in turn, so that each is new to it.
OpenSSL's verify is what `openssl speed` says in the same run. What is added holds all that
a request costs beside bare: limit, headers and log line, too.

### Limits through Redis

@{[ $table->{shared} // "" ]}
Redis runs on the core of load and service. "Asked each time" sends each request under a limit
that nobody has asked for before: a round trip each, as limits that are kept in Redis alone have.

### Memory of a worker

$table->{memory}
After the rounds. Gatehouse's has its shared memory (32 MB by default, as far as it was
touched) in it.
END
}


sub scale {
    my ($table) = @_;
    return '' if !$table->{scale};
    return <<"END";

## Scale

$table->{scale}
$table->{set}
The first row is a gateway with one key and one service. The last asks for twice as many keys
as a worker remembers, so each is verified anew, and every request finds other data in
memory. Seconds of CPU are those of a program that reads and compiles the same documents
(`t/bench/policy_scale.c`); seconds until something is in force are by the clock.
END
}


sub held {
    my ($table) = @_;
    return '' if !$table->{held};
    return <<"END";

## A provider that hangs, or worse

$table->{held}
Up to twenty tokens a second ask for the provider's keys, which come as the table says, while
requests that need nothing of it are measured, bare nginx beside them. "Asked" is how often a
call reached it. The goal holds if the median of the API key's p99 is never above the upper fence of
before and after (the upper quartile, and one and a half times the span of the quartiles), nor above
the upper quartile of bare nginx beside it, whichever is more: a gigabyte that is sent on the same
two cores takes time from everybody.
END
}


sub stopped {
    my ($table) = @_;
    return '' if !$table->{stopped};
    return <<"END";

## A Redis that does not answer

$table->{stopped}
Redis is stopped by SIGSTOP. A request under a limit waits at most half of `timeout` (here the
default of 100 ms), then the node counts by its own share, and soon without waiting; "decided
alone" counts these decisions.
END
}


sub reading {
    return <<'END';

## Method

One nginx worker on one core; `wrk` with 16 connections kept alive and the service behind
(another nginx, which answers at once) on the other core; all on loopback, without TLS. In
each round every path has its turn, in another order each time. Answers are looked at: one
wrong status, and the run fails.

- **CPU us** is what the worker's threads got from the scheduler, per request.
- **p99** is `wrk`'s, with all 16 connections busy: it says how even the answers are, not how
  quick an idle gateway is.
- **instructions** are counted by callgrind over 2,000 requests on one connection, after 200
  that are not. They repeat within a fraction of a percent, also on a busy machine.
- Every row of Gatehouse has the plan limit, the principal headers and, unless it says
  otherwise, the decision line in a buffered log.
- nginx's own `map` and `limit_req` and HAProxy's maps, stick tables and `jwt_verify` do the
  part of the work that they can: no key hashes, no revocation, no exact limit over several
  windows, no decision log with reasons. Their configurations are in `t/bench/conf`.

## How to read it

Look at the goals first, then at "CPU us, added": that is what a request pays on top of nginx.
Requests per second of one path beside another's hold for a service that costs nothing; a real
one costs more, and the difference shrinks. On a machine that does other things at the same time
trust the instructions and the quartiles, and run it again.

    make bench                                  # all of it, and this page
    make bench ROUNDS=3 ONLY=key,jwt-rs         # some paths, on the screen only
    make bench QUICK=1 REPORT=/dev/null         # does it work at all?

A path is a line in `t/lib/Gatehouse/Bench/Paths.pm` and a location in `t/bench/conf`; a goal
is a line in `t/lib/Gatehouse/Bench/Goals.pm`.
END
}

1;
