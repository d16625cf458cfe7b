# Hands out loopback ports below the ephemeral range. Each test process locks
# a block of its own, so tests that run side by side never race for one.
package Gatehouse::Test::Ports;

use strict;
use warnings;

use Fcntl qw(LOCK_EX LOCK_NB O_CREAT O_RDWR);
use IO::Socket::INET;

my $FIRST  = 10_000;
my $SIZE   = 40;
my $BLOCKS = 500;

my ($lock, $next, $end);


sub free_port {
    my $tried = 0;

    while ($tried++ < 10 * $SIZE) {
        next_block() if !$lock || $next >= $end;
        my $port = $next++;
        return $port if is_free($port);
    }

    die "no free port found\n";
}


sub is_free {
    my ($port) = @_;

    return defined IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp',
        Listen => 1, ReuseAddr => 1);
}


sub next_block {
    my $dir = ($ENV{TMPDIR} || '/tmp') . "/gatehouse-ports.$<";
    mkdir $dir, 0700;

    my $start = ($$ * 7) % $BLOCKS;
    my $last  = $lock ? $lock->{block} : undef;

    for my $i (0 .. $BLOCKS - 1) {
        my $block = ($start + $i) % $BLOCKS;
        next if defined $last && $block == $last;

        sysopen my $fh, "$dir/$block", O_CREAT | O_RDWR, 0600
            or die "$dir/$block: $!\n";
        next unless flock $fh, LOCK_EX | LOCK_NB;

        $lock = { block => $block, fh => $fh, before => $lock };
        $next = $FIRST + $block * $SIZE;
        $end  = $next + $SIZE;
        return;
    }

    die "every block of ports is taken\n";
}

1;
