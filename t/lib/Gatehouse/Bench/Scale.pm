# From one key and one service to a million and ten thousand: what a request
# costs then, how long the set takes, and what it holds.
package Gatehouse::Bench::Scale;

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes qw(time);

use Gatehouse::Bench::Http;
use Gatehouse::Bench::Process;
use Gatehouse::Bench::Rounds qw(measure);

our @EXPORT_OK = qw(measure_scale);

my $READY_S = 300;
my $IN_TURN = 16384; # twice what a worker remembers of verified keys


sub measure_scale {
    my ($site, $tell) = @_;
    my $keys = $site->extent('keys');
    my %large = (keys => $keys, consumers => at_least($keys / 10),
                 services => at_least($keys / 100), files => 100);
    my %small = map { $_ => 1 } keys %large;

    $tell->("a set of $keys keys");
    my %got = (large => \%large, compile => in_memory($site, %large));
    prepare($site, 'small', %small);
    prepare($site, 'large', %large);

    start($site, 'small');
    $got{first_start} = start($site, 'large');
    stop($site, 'large');
    $got{start} = start($site, 'large');
    $tell->('one changed file, just after the start; another one');
    $got{change} = change_one_file($site);
    $got{another} = change_one_file($site);
    # it has parsed and compiled by now; serve as after a plain start
    $got{pss_kb}{$_} = pss_kb($site->{servers}{$_}) for qw(small large);
    stop($site, 'large');
    start($site, 'large');

    $got{rows} = rows($site, \%large);
    for my $round (1 .. at_least($site->extent('rounds') / 2)) {
        measure($site, $got{got} //= {}, @{ $got{rows} });
        $tell->("scale, round $round");
    }
    stop($site, qw(small large));

    return \%got;
}


sub at_least { return $_[0] < 1 ? 1 : int $_[0] }


# What policy_scale says: a name, a number, a unit
sub in_memory {
    my ($site, %n) = @_;
    my $program = "$site->{build}/bench/policy_scale";
    my @said = `taskset -c $site->{worker} '$program' \\
                $n{keys} $n{consumers} $n{services} $n{files}`;
    die "policy_scale failed\n" if $?;
    return { map { my ($name, $value) = split; $name => $value } @said };
}


# Both sets listen on the same names; SET is part of them.
sub prepare {
    my ($site, $set, %n) = @_;
    my $dir = "$site->{dir}/$set";

    mkdir $dir;
    system("'$site->{build}/bench/policy_scale' --write '$dir' back"
           . " $n{keys} $n{consumers} $n{services} $n{files}") == 0
        or die "policy_scale wrote no $set set\n";
    $site->state_directory("$set-state");
    $site->configure('scale.conf', "$set.conf", SET => $set,
                     LISTEN => $site->port(uc $set),
                     LISTEN_STATUS => $site->port(uc $set . '_STATUS'));
    return;
}


# Seconds until it is ready.
sub start {
    my ($site, $set) = @_;
    my $begun = time;

    $site->{servers}{$set} = $site->server($set);
    $site->wait_until_ready(uc $set . '_STATUS', $READY_S);
    return time - $begun;
}


sub stop {
    my ($site, @sets) = @_;
    return $site->stop(@sets);
}


# Seconds and seconds of CPU until it is in force.
sub change_one_file {
    my ($site) = @_;
    my $server = $site->{servers}{large};
    my $status = $site->port('LARGE_STATUS');
    my $generation = sub {
        my (undef, $text) = Gatehouse::Bench::Http::get($status, '/status');
        return $text =~ /"policies":.*?"generation":\s*(\d+)/s ? $1 : -1;
    };
    my ($was, $cpu, $begun) = ($generation->(), $server->cpu_s, time);

    open my $out, '>>', "$site->{dir}/large/000000.json" or die "$!\n";
    print {$out} "\n";
    close $out;
    Gatehouse::Bench::Http::wait_until(sub { $generation->() > $was },
                                       $READY_S, 'a changed file in force');
    return { took => time - $begun, cpu => $server->cpu_s - $cpu };
}


# Its worker and its master.
sub pss_kb {
    my ($server) = @_;
    my $sum = 0;

    for my $pid ($server->pid, $server->worker) {
        open my $in, '<', "/proc/$pid/smaps_rollup" or next;
        local $/;
        $sum += $1 if <$in> =~ /^Pss:\s*(\d+)/m;
    }
    return $sum;
}


sub rows {
    my ($site, $large) = @_;
    my $one = sub {
        my ($set, $title) = @_;
        return { name => $set, server => $set, port => uc $set,
                 target => '/s0/v2/x', status => 200, title => $title,
                 requests => ['/s0/v2/x X-API-Key: '
                              . 'gatehouse-bench-0000000'],
                 sends => { headers => [
                     'X-API-Key: gatehouse-bench-0000000'] } };
    };
    my @turns = map {
        sprintf '/s%d/v2/x X-API-Key: gatehouse-bench-%07d',
                $_ * 7919 % $large->{services}, $_ * 61 % $large->{keys}
    } 1 .. $IN_TURN;
    my $file = $site->file('turns.requests', join '', map { "$_\n" } @turns);

    return [
        $one->('small', 'one key, one service'),
        $one->('large', 'the same request, '
               . "$large->{keys} keys, $large->{services} services"),
        { %{ $one->('large', "$IN_TURN keys in turn over all services") },
          name => 'turns', requests => \@turns,
          sends => { script => 't/bench/in-turn.lua', args => [$file] } },
    ];
}

1;
