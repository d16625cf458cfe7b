# What must never be in the logs of a test: alerts that nobody announced,
# sanitizer reports, secrets.
package Gatehouse::Test::Logs;

use strict;
use warnings;


sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return '';
    local $/;
    return <$fh> // '';
}


# dir, allowed => [patterns], secrets => [texts]; returns complaints.
sub complaints {
    my (%arg) = @_;
    my @bad;

    for my $path (sort glob "$arg{dir}/logs/*.log") {
        my ($name) = $path =~ m{([^/]+)$};
        push @bad, alerts($name, $path, $arg{allowed})
            if $name =~ /^(?:error|start|stderr)\.log$/;
        push @bad, leaks($name, $path, $arg{secrets});
    }

    for my $path (sort glob "$arg{dir}/san/*") {
        push @bad, "sanitizer report:\n" . first_lines(slurp($path), 60);
    }

    return @bad;
}


sub alerts {
    my ($name, $path, $allowed) = @_;
    my @bad;

    for my $line (split /\n/, slurp($path)) {
        next if $line !~ /\[(?:alert|emerg|crit)\]|runtime[ ]error:
                          |AddressSanitizer|ThreadSanitizer/x;
        next if grep { $line =~ $_ } @$allowed;
        push @bad, "$name: $line";
    }

    return @bad > 20 ? (@bad[0 .. 19], '...') : @bad;
}


# nginx itself writes request headers at level debug; of the debug log only
# the lines of Gatehouse count.
sub leaks {
    my ($name, $path, $secrets) = @_;
    my @bad;

    return if !@$secrets;
    my $any = join '|', map { quotemeta } @$secrets;

    # (of hundreds perl looks for their beginnings far sooner than for all)
    my %begin = map { substr($_, 0, 8) => 1 } @$secrets;
    my $begin = join '|', map { quotemeta } keys %begin;

    open my $fh, '<:raw', $path or return;
    while (my $line = <$fh>) {
        next if $line !~ /$begin/ || $line !~ /$any/;
        next if $name eq 'debug.log' && $line !~ /gatehouse/;
        push @bad, "$name:$.: a secret: " . substr $line, 0, 300;
        last if @bad >= 10;
    }

    return @bad;
}


sub first_lines {
    my ($text, $n) = @_;
    my @lines = split /\n/, $text;
    return join "\n", @lines > $n ? (@lines[0 .. $n - 1], '...') : @lines;
}

1;
