# HTTP/2, frame by frame, as a hostile client writes it. Fields are literal,
# neither indexed nor Huffman-coded (RFC 7541 section 6.2.2).
package Gatehouse::Test::Frames;

use strict;
use warnings;

our ($DATA, $HEADERS, $RST_STREAM, $SETTINGS, $GOAWAY, $WINDOW)
    = (0, 1, 3, 4, 7, 8);


# A connection (of $t->connect) that has said hello.
sub new {
    my ($class, $http) = @_;
    $http->send_raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                    . frame($SETTINGS, 0, 0, ''));
    return bless { http => $http }, $class;
}


sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}


# Names and values in turn.
sub fields {
    my $block = '';
    while (my ($name, $value) = splice @_, 0, 2) {
        $block .= "\0" . number($name) . number($value);
    }
    return $block;
}


# A string with its length in 7 bits and more (RFC 7541 section 5.1).
sub number {
    my ($text) = @_;
    my $n = length $text;
    return pack('C', $n) . $text if $n < 127;

    my $out = pack 'C', 127;
    for ($n -= 127; $n >= 128; $n >>= 7) {
        $out .= pack 'C', $n % 128 + 128;
    }
    return $out . pack('C', $n) . $text;
}


# Begins a request; with data, that is its whole body.
sub ask {
    my ($self, $stream, $data, @fields) = @_;
    $self->{http}->send_raw(
        frame($HEADERS, defined $data ? 4 : 5, $stream, fields(@fields))
        . (defined $data ? frame($DATA, 1, $stream, $data) : ''));
    return $self;
}


sub send_raw { my ($self, $bytes) = @_; $self->{http}->send_raw($bytes); return $self }


# The next frame as { type, flags, stream, payload }, undef at the end.
sub next_frame {
    my ($self, $timeout) = @_;
    my $head = $self->{http}->read_bytes(9, $timeout);
    return if length $head < 9;
    my ($len, $type, $flags, $stream) = unpack 'NCCN', "\0$head";
    return { type => $type, flags => $flags, stream => $stream,
             payload => $self->{http}->read_bytes($len, $timeout) };
}


# Frames up to the first that the condition likes; undef if none came.
sub until_frame {
    my ($self, $condition, $timeout) = @_;
    while (my $frame = $self->next_frame($timeout)) {
        return $frame if $condition->($frame);
    }
    return;
}

1;
