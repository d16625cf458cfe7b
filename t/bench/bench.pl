#!/usr/bin/perl

# Measures what t/bench/bench has built, prints it, and writes the report.
# Environment: see t/bench/bench.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Gatehouse::Bench::Extent qw(extent);
use Gatehouse::Bench::Goals qw(verdicts);
use Gatehouse::Bench::Held qw(measure_held);
use Gatehouse::Bench::Host qw(cores words haproxy_version load_average);
use Gatehouse::Bench::Instructions qw(count_instructions);
use Gatehouse::Bench::Paths qw(paths);
use Gatehouse::Bench::Report qw(report);
use Gatehouse::Bench::Rounds qw(check_answers measure_rounds);
use Gatehouse::Bench::Scale qw(measure_scale);
use Gatehouse::Bench::Shared qw(measure_stopped);
use Gatehouse::Bench::Site;

my $extent = extent();
my ($build, $nginx) = @ARGV;

$| = 1;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };
chdir "$FindBin::Bin/../.." or die "$!\n";

my @all = paths($ENV{ONLY});
my ($worker, $other) = cores();
my %result = (extent => $extent, paths => \@all,
              only => $ENV{ONLY}, host => [ words() ],
              load => load_average(),
              cores => [ $worker, $other ], at => time);
my $site = Gatehouse::Bench::Site->new(
    build => $build, nginx => $nginx, worker => $worker, other => $other,
    extent => $extent);
my @here = grep { $_->{server} ne 'haproxy' || haproxy_version() } @all;

progress('keys, tokens and policies');
$site->prepare;
$site->start('back', servers(@here));
$site->issue_key if $site->{servers}{gate};
check_answers($site, @here);
$site->check_logs if !$ENV{ONLY};

@result{qw(got verify)} = measure_rounds($site, \&progress, @here);
$result{memory} = { map { $_ => $site->{servers}{$_}->memory_kb }
                    servers(@here) };
if ($site->{servers}{gate} && $site->{servers}{bare} && !$ENV{ONLY}) {
    progress('a provider that hangs');
    $result{held} = measure_held($site);
}
if ($site->{servers}{shared} && !$ENV{ONLY}) {
    progress('a Redis that does not answer');
    $result{stopped} = measure_stopped($site);
}
$site->stop(servers(@here));

$result{scale} = measure_scale($site, \&progress) if on('SCALE');
$result{instructions} = count_all(@{ ($result{scale} || {})->{rows} })
    if on('CALLGRIND');
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

    $site->one_process;
    return count_instructions($site, sub {
        my ($server) = @_;
        progress('instructions: '
                 . ($server =~ /^(?:small|large)$/ ? "the $server set"
                    : $server));
    }, (map { { %$_, requests => [ requests($_) ] } } @count), @_);
}


sub requests {
    my ($path) = @_;
    my %sends = $site->sends($path);
    return @{ $sends{once} } if $sends{once};
    return join ' ', $path->{target}, @{ $sends{headers} || [] };
}
