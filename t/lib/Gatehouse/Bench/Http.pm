# One connection, many small requests: to see that a path answers as it
# should, and to be counted under callgrind.
package Gatehouse::Bench::Http;

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);


sub connect_to {
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
                                 Timeout => 10);
}


# The statuses of n requests in turn, kept alive; each of @requests is a path,
# a space and a header, or a path, or a reference to a whole request.
sub ask {
    my ($port, $n, @requests) = @_;
    my $socket = connect_to($port) or return;
    my @status;

    for my $i (0 .. $n - 1) {
        my ($path, $header) = split / /, $requests[$i % @requests], 2;
        $header = defined $header ? "$header\r\n" : '';
        my $text = "GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\n$header\r\n";
        $text = ${ $requests[$i % @requests] } if ref $requests[$i % @requests];
        syswrite $socket, $text or return @status;
        my ($status) = answer($socket) or return @status;
        push @status, $status;
    }
    return @status;
}


# Status and body
sub get {
    my ($port, $path) = @_;
    my $socket = connect_to($port) or return (0, '');
    syswrite $socket, "GET $path HTTP/1.1\r\nHost: localhost\r\n\r\n";
    my ($status, $body) = answer($socket);
    return ($status // 0, $body // '');
}


sub answer {
    my ($socket) = @_;
    my $text = '';

    while ($text !~ /\r\n\r\n/) {
        sysread $socket, $text, 65536, length $text or return;
    }

    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($status) = $head =~ m{^HTTP/1.[01] (\d+)} or return;

    if (my ($length) = $head =~ /^content-length:\s*(\d+)/mi) {
        while (length $body < $length) {
            sysread $socket, $body, 65536, length $body or return;
        }
    } elsif ($head =~ /^transfer-encoding:\s*chunked/mi) {
        while ($body !~ /(?:^|\r\n)0\r\n\r\n\z/) {
            sysread $socket, $body, 65536, length $body or return;
        }
        $body =~ s/(?:^|\r\n)[0-9a-f]+\r\n//gi;
    }
    return ($status, $body);
}


sub wait_until {
    my ($holds, $seconds, $what) = @_;
    my $end = time + $seconds;

    while (!$holds->()) {
        die "waited $seconds s in vain for $what\n" if time > $end;
        sleep 0.02;
    }
    return;
}

1;
