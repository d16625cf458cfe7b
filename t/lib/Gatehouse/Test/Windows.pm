# Judges limits by the times at which requests were admitted: by how much the
# fullest window exceeds its bound, and how many an ideal bucket would admit.
package Gatehouse::Test::Windows;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(excess ideal);


# Of all windows [a, b] between two admissions (microseconds), the one whose
# count is most above burst + rate x (b - a), rate per second: (by how much,
# words). Never above 0 if the bound holds.
sub excess {
    my ($times, $rate, $burst) = @_;
    my ($worst, $words) = (-1e18, 'nobody was admitted');
    my ($least, $from);

    my @at = sort { $a <=> $b } @$times;
    for my $i (0 .. $#at) {
        my $come_back = $rate * ($at[$i] - $at[0]) / 1e6;
        if (!defined $least || $i - $come_back < $least) {
            ($least, $from) = ($i - $come_back, $i);
        }
        my $over = $i + 1 - $come_back - $least - $burst;
        next if $over <= $worst;
        $worst = $over;
        $words = sprintf '%d in %.6f s, bound %.2f', $i + 1 - $from,
                 ($at[$i] - $at[$from]) / 1e6, $i + 1 - $from - $over;
    }
    return wantarray ? ($worst, $words) : $worst;
}


# How many of the requests at these times full buckets admit that all must:
# limits are [rate per second, burst].
sub ideal {
    my ($times, @limits) = @_;
    my @at = sort { $a <=> $b } @$times or return 0;
    my @left = map { $_->[1] } @limits;
    my ($last, $n) = ($at[0], 0);

    for my $now (@at) {
        for my $i (0 .. $#limits) {
            my ($rate, $burst) = @{ $limits[$i] };
            $left[$i] += $rate * ($now - $last) / 1e6;
            $left[$i] = $burst if $left[$i] > $burst;
        }
        $last = $now;
        next if grep { $_ < 1 } @left;
        $_-- for @left;
        $n++;
    }
    return $n;
}

1;
