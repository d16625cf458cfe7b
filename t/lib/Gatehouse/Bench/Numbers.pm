# Medians, quartiles, and numbers as people read them.
package Gatehouse::Bench::Numbers;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(median quartile spread kilo micro);


# Between the values if it falls between them; undef of nothing.
sub quartile {
    my ($which, @values) = @_;
    my @sorted = sort { $a <=> $b } grep { defined } @values;
    return if !@sorted;

    my $at   = $which / 4 * $#sorted;
    my $low  = int $at;
    my $high = $low < $#sorted ? $low + 1 : $low;
    return $sorted[$low] + ($at - $low) * ($sorted[$high] - $sorted[$low]);
}


sub median {
    my (@values) = @_;
    return quartile(2, @values);
}


# "0.97 (0.96-0.98)": the median and the quartiles around it
sub spread {
    my ($format, @values) = @_;
    return '' if !@values;
    return sprintf "$format ($format-$format)",
           map { quartile($_, @values) } 2, 1, 3;
}


sub kilo {
    my ($n) = @_;
    return defined $n ? sprintf '%.1f k', $n / 1000 : '';
}


sub micro {
    my ($us) = @_;
    return defined $us ? sprintf '%.1f', $us : '';
}

1;
