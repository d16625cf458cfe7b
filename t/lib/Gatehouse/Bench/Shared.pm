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
use Gatehouse::Bench::Rounds qw(measure_once);

our @EXPORT_OK = qw(measure_stopped);

my %PATH = map {
    $_ => { name => "stopped-$_", server => 'shared', port => 'SHARED',
            target => "/$_", sent => 'key', status => 200, stopped => 1 }
} qw(key free);

my $MOST = 5; # seconds each: known keys are good for half a minute


# By path ("key" needs Redis, "free" does not) and by when (before, during,
# after): lists of p50_us and p99_us; and the decisions made without Redis.
sub measure_stopped {
    my ($site, $rounds, $seconds) = @_;
    my $redis = $site->{servers}{redis}->pid;
    my %got;
    my $n = $rounds < $MOST ? $rounds : $MOST;
    my $measure = sub {
        my ($when) = @_;
        my $alone = alone($site);
        for (1 .. $n) {
            for my $name (sort keys %PATH) {
                my $one = measure_once($site, $PATH{$name}, $seconds);
                push @{ $got{$name}{$when}{$_} }, $one->{$_}
                    for qw(p50_us p99_us);
            }
        }
        $got{alone}{$when} = alone($site) - $alone;
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
    my %sends  = $site->sends($PATH{key});
    Gatehouse::Bench::Http::ask($site->port('SHARED'), 200,
                                "/key $sends{headers}[0]");
    sleep 0.2;
    return alone($site) == $before && page($site, '/status')
           !~ /"degraded": \{\s*"/;
}

1;
