#!/usr/bin/perl

# Runs a cmocka program and corrects its TAP: cmocka says "not ok # SKIP" of a
# story that cannot be told here. Ends as the program ended.

use strict;
use warnings;

$| = 1;
my $pid = open(my $out, '-|') // die "fork: $!\n";
if (!$pid) {
    exec 'timeout', '--foreground', '300', @ARGV or die "$ARGV[0]: $!\n";
}

while (my $line = <$out>) {
    $line =~ s/^not (ok \d+ .*# SKIP)/$1/;
    print $line;
}

close $out;
exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
