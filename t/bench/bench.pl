#!/usr/bin/perl

# Measures what t/bench/bench has built, prints it, and writes the report.
# Environment: see t/bench/bench.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Gatehouse::Bench::Goals qw(verdicts);
use Gatehouse::Bench::Held qw(measure_held);
use Gatehouse::Bench::Host qw(cores words haproxy_version load_average);
use Gatehouse::Bench::Instructions qw(count_instructions callgrind);
use Gatehouse::Bench::Paths qw(paths);
use Gatehouse::Bench::Report qw(report);
use Gatehouse::Bench::Rounds qw(check_answers measure_rounds);
use Gatehouse::Bench::Scale qw(measure_scale count_scale);
use Gatehouse::Bench::Shared qw(measure_stopped);
use Gatehouse::Bench::Site;

my $quick   = $ENV{QUICK}        || 0;
my $rounds  = $ENV{ROUNDS}       || ($quick ? 1 : 10);
my $seconds = $ENV{SECONDS_EACH} || 1;
my ($build, $nginx) = @ARGV;

$| = 1;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };
die "SECONDS_EACH is a whole number\n" if $seconds !~ /^[1-9]\d*$/;
chdir "$FindBin::Bin/../.." or die "$!\n";

my @all = paths($ENV{ONLY});
my ($worker, $other) = cores();
my %result = (rounds => $rounds, seconds => $seconds, paths => \@all,
              only => $ENV{ONLY}, host => [ words() ],
              load => load_average(),
              cores => [ $worker, $other ], at => time);
my $site = Gatehouse::Bench::Site->new(
    build => $build, nginx => $nginx, worker => $worker, other => $other,
    quick => $quick, seconds => $seconds);
my @here = grep { $_->{server} ne 'haproxy' || haproxy_version() } @all;

progress('keys, tokens and policies');
$site->prepare;
$site->start('back', servers(@here));
$site->issue_key if $site->{servers}{gate};
check_answers($site, @here);
$site->check_logs if !$ENV{ONLY};

@result{qw(got verify)}
    = measure_rounds($site, $rounds, $seconds, \&progress, @here);
$result{memory} = { map { $_ => $site->{servers}{$_}->memory_kb }
                    servers(@here) };
if ($site->{servers}{gate} && $site->{servers}{bare} && !$ENV{ONLY}) {
    progress('a provider that hangs');
    $result{held} = measure_held($site, $rounds, $seconds);
}
if ($site->{servers}{shared} && !$ENV{ONLY}) {
    progress('a Redis that does not answer');
    $result{stopped} = measure_stopped($site, $rounds, $seconds);
}
$site->stop(servers(@here));

my $scale = on('SCALE')
    && measure_scale($site, $rounds, $seconds, \&progress);
if (on('CALLGRIND')) {
    $site->one_process;
    $result{instructions} = count_all();
    count_scale($site, $scale, \&progress) if $scale;
}
$result{scale} = $scale || undef;
$site->stop('back', 'redis');

$result{took} = time - $result{at};
$result{goals} = [ verdicts(\%result) ];
my ($screen, $page) = report(\%result);
print $screen;

if (my $file = $ENV{REPORT} // ($ENV{ONLY} ? '' : 'docs/benchmark.md')) {
    open my $out, '>', $file or die "$file: $!\n";
    print {$out} $page;
    close $out or die "$file: $!\n";
    progress("written to $file");
}


sub progress {
    print STDERR "$_[0]\n";
    return;
}


sub on {
    my ($knob) = @_;
    return ($ENV{$knob} // 1) ne '0';
}


sub servers {
    my %seen;
    return grep { !$seen{$_}++ } map { $_->{server} } @_;
}


# HAProxy is no nginx, and OpenSSL verifies and hashes with other code under
# valgrind.
sub count_all {
    my @count = grep { $_->{server} ne 'haproxy' && $_->{sent} !~ /\ds$|^signed/ }
                @here;
    my %count;

    for my $name (servers(@count)) {
        progress("instructions: $name");
        my $server = $site->server($name, callgrind($site));
        $site->wait_until_ready('GATE_STATUS', 120) if $name eq 'gate';
        $site->wait_until_ready('SHARED_STATUS', 120) if $name eq 'shared';
        for my $path (grep { $_->{server} eq $name } @count) {
            my %sends = $site->sends($path);
            my $request = join ' ', $path->{target},
                                    @{ $sends{headers} || [] };
            $count{ $path->{name} } = count_instructions(
                $site, $server, $site->port($path->{port}),
                $sends{once} ? @{ $sends{once} } : $request);
        }
        $server->stop;
    }
    return \%count;
}
