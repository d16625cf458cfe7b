# wrk on one core: how many requests, how fast, how late, and whether all were
# answered as they should be.
package Gatehouse::Bench::Load;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(load);

my %US = (us => 1, ms => 1000, s => 1_000_000);


# load(core =>, url =>, seconds => (wrk takes whole ones), clients =>,
#      script =>, args => [...], headers => [...], refused => 1 if all answers
#      should be refusals)
sub load {
    my (%arg) = @_;
    my @command = ('taskset', '-c', $arg{core}, 'wrk', '-t1', '--latency',
                   '--timeout', '30s', "-c$arg{clients}",
                   "-d$arg{seconds}s",
                   (map { ('-H', $_) } @{ $arg{headers} || [] }),
                   ($arg{script} ? ('-s', $arg{script}) : ()), $arg{url},
                   ($arg{args} ? ('--', @{ $arg{args} }) : ()));

    open my $out, '-|', @command or die "wrk: $!\n";
    my $text = do { local $/; <$out> };
    close $out;

    my %got;
    ($got{requests}) = $text =~ /(\d+) requests in/;
    ($got{rate})     = $text =~ m{Requests/sec:\s*([\d.]+)};
    my ($late, $unit) = $text =~ /^\s*99%\s+([\d.]+)(us|ms|s)/m;
    my ($half, $its) = $text =~ /^\s*50%\s+([\d.]+)(us|ms|s)/m;
    $got{p50_us} = $half * $US{$its} if defined $half;
    $got{p99_us} = $late * $US{$unit} if defined $late;

    my ($refused) = $text =~ /Non-2xx or 3xx responses: (\d+)/;
    my ($lost)    = $text =~ /Socket errors: (.*)/;
    my $wrong = $arg{refused} ? ($got{requests} // 0) - ($refused // 0)
              : $refused // 0;

    die "$arg{url}: nothing was answered:\n$text\n" if !$got{requests};
    die "$arg{url}: $wrong of $got{requests} answers are not what they should"
        . " be\n" if $wrong;
    die "$arg{url}: $lost\n" if $lost;
    return \%got;
}

1;
