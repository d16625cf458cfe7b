# Limits through Redis: what Redis itself pays, how often it is asked, and
# what a Redis that does not answer costs those who need it and those who do
# not.
package Gatehouse::Bench::Shared;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use Time::HiRes qw(sleep);

use Gatehouse::Bench::Http;
use Gatehouse::Bench::Rounds qw(measure);

our @EXPORT_OK = qw(measure_stopped);

my ($FREE, $KEY) = map {
    { name => $_, server => 'shared', port => 'SHARED',
      target => "/$_", sent => 'key', status => 200, stopped => 1 }
} qw(free key);

my $MOST = 5; # seconds each: known keys are good for half a minute


# By when (before, during, after) and by path ("key" needs Redis, "free" does
# not): lists of p50_us and p99_us; and the decisions made without Redis.
sub measure_stopped {
    my ($site) = @_;
    my $rounds = $site->extent('rounds');
    my $redis = $site->{servers}{redis}->pid;
    my %got;
    my $n = $rounds < $MOST ? $rounds : $MOST;
    my $measure = sub {
        my ($when) = @_;
        my $alone = alone($site);
        measure($site, $got{$when} //= {}, $FREE, $KEY) for 1 .. $n;
        $got{$when}{alone} = alone($site) - $alone;
        return;
    };

    $measure->('before');
    kill 'STOP', $redis;
    $measure->('during');
    kill 'CONT', $redis;
    Gatehouse::Bench::Http::wait_until(
        sub { asked($site) },
        60, 'Redis to be asked again');
    $measure->('after');
    return \%got;
}


sub page {
    my ($site, $path) = @_;
    return (Gatehouse::Bench::Http::get($site->port('SHARED_STATUS'),
                                        $path))[1];
}


sub alone {
    my ($site) = @_;
    my ($n) = page($site, '/metrics')
              =~ /^gatehouse_degraded_decisions_total\{[^}]*\} (\d+)/m;
    return $n // 0;
}


# One request does not count alone any more.
sub asked {
    my ($site) = @_;
    my $before = alone($site);
    my %sends  = $site->sends($KEY);
    Gatehouse::Bench::Http::ask($site->port('SHARED'), 200,
                                "/key $sends{headers}[0]");
    sleep 0.2;
    return alone($site) == $before && page($site, '/status')
           !~ /"degraded": \{\s*"/;
}

1;
