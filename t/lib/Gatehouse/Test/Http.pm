# A client that sends exactly what it is told, valid or not: HTTP/1.1 over
# plain and TLS sockets. HTTP/2 goes through curl.
package Gatehouse::Test::Http;

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::IP;
use Time::HiRes qw(time);

use Gatehouse::Test::Response;


# address, port, tls => {IO::Socket::SSL options} or undef, from, timeout
sub new {
    my ($class, %arg) = @_;
    my %opt = (PeerHost => $arg{address} || '127.0.0.1',
               PeerPort => $arg{port},
               Timeout  => $arg{timeout} || 10,
               ($arg{from} ? (LocalHost => $arg{from}) : ()));
    my $sock;

    if ($arg{tls}) {
        require IO::Socket::SSL;
        $sock = IO::Socket::SSL->new(%opt, %{ $arg{tls} });
    } else {
        $sock = IO::Socket::IP->new(%opt);
    }

    my $error = $sock ? undef : $arg{tls} ? "$!, " . IO::Socket::SSL::errstr()
                                          : "$!";
    binmode $sock if $sock;

    return bless { sock => $sock, in => '', error => $error,
                   timeout => $arg{timeout} || 10 }, $class;
}


sub error { return $_[0]{error} }
sub sock  { return $_[0]{sock} }


sub send_raw {
    my ($self, $bytes) = @_;
    return if !$self->{sock};

    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;

    while ($at < length $bytes) {
        my $n = syswrite $self->{sock}, $bytes, length($bytes) - $at, $at;
        if (!defined $n) {
            $self->{error} = "$!";
            return;
        }
        $at += $n;
    }

    return $at;
}


# Bytes until the other side closes or the time is over.
sub read_all {
    my ($self, $timeout) = @_;
    1 while $self->fill($timeout);
    return delete($self->{in}) . ($self->{in} = '');
}


# At least $n bytes, or what came before the end.
sub read_bytes {
    my ($self, $n, $timeout) = @_;
    while (length $self->{in} < $n) {
        $self->fill($timeout) or last;
    }
    return substr $self->{in}, 0, $n, '';
}


# Reads one answer, 1xx ones skipped; method tells if it has a body.
sub read_response {
    my ($self, $method, $timeout) = @_;

    while (1) {
        my $head = $self->read_until(qr/\r?\n\r?\n/, $timeout);
        return Gatehouse::Test::Response->none($self->{error} || 'closed')
            if !defined $head;

        my $res = Gatehouse::Test::Response->new($head, '');
        next if $res->status >= 100 && $res->status < 200
                && $res->status != 101;

        $res->{body} = $self->read_body($res, $timeout)
            if $method ne 'HEAD' && $res->status !~ /^(?:101|204|304)$/;
        return $res;
    }
}


sub read_body {
    my ($self, $res, $timeout) = @_;
    my $length = $res->header('Content-Length');

    if (lc($res->header('Transfer-Encoding') // '') eq 'chunked') {
        my $body = '';
        while (1) {
            my $size = $self->read_until(qr/\r\n/, $timeout);
            if (!defined $size || $size !~ /^([0-9a-fA-F]+)/) {
                $res->{error} = 'body cut off';
                return $body;
            }
            my $n = hex $1;
            if ($n == 0) {
                while (defined(my $line = $self->read_until(qr/\r\n/, $timeout))) {
                    last if $line eq "\r\n";
                }
                return $body;
            }
            $body .= $self->read_bytes($n, $timeout);
            $self->read_bytes(2, $timeout);
        }
    }

    return $self->read_all($timeout) if !defined $length;

    my $body = $self->read_bytes($length, $timeout);
    $res->{error} = 'body cut off' if length $body < $length;
    return $body;
}


# Whatever has come, up to and with the pattern; undef if it never came.
sub read_until {
    my ($self, $pattern, $timeout) = @_;
    while (1) {
        return substr $self->{in}, 0, $+[0], '' if $self->{in} =~ $pattern;
        $self->fill($timeout) or return;
    }
}


sub fill {
    my ($self, $timeout) = @_;
    my $sock = $self->{sock} or return;
    my $deadline = time + ($timeout || $self->{timeout});

    while (1) {
        if (!($sock->can('pending') && $sock->pending)) {
            my $left = $deadline - time;
            if ($left <= 0 || !IO::Select->new($sock)->can_read($left)) {
                $self->{error} = 'timeout';
                return;
            }
        }

        my $n = sysread $sock, $self->{in}, 65536, length $self->{in};
        next if !defined $n && ($!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR});
        $self->{error} = defined $n ? 'closed' : "$!" if !$n;
        return $n;
    }
}


# One request in HTTP/1.1 words. headers are [name, value] pairs.
sub format_request {
    my ($method, $target, $headers, $body) = @_;
    my $head = "$method $target HTTP/1.1\r\n";
    my $has = sub { my $n = shift; grep { lc $_->[0] eq $n } @$headers };

    $head .= "$_->[0]: $_->[1]\r\n" for @$headers;

    if (ref $body) {
        $head .= "Transfer-Encoding: chunked\r\n"
            if !$has->('transfer-encoding');
        $body = join '', map({ sprintf "%x\r\n%s\r\n", length, $_ }
                             grep { length } @$body), "0\r\n\r\n";
    } elsif (defined $body) {
        $head .= 'Content-Length: ' . length($body) . "\r\n"
            if !$has->('content-length') && !$has->('transfer-encoding');
    }

    return "$head\r\n" . ($body // '');
}


# The same request over HTTP/2, by curl. tls => 1 with ALPN, else with prior
# knowledge. Header names are lower-cased by HTTP/2 itself.
sub curl_http2 {
    my (%arg) = @_;
    my $head = File::Temp->new;
    my $out  = File::Temp->new;
    my $in   = File::Temp->new;
    my $body = ref $arg{body} ? join('', @{ $arg{body} }) : $arg{body};
    my @cmd  = ('curl', '-q', '-s', '-S', '-g', '--path-as-is', '--noproxy',
                '*', '--max-time', $arg{timeout} || 10, '-D', "$head", '-o',
                "$out", $arg{method} eq 'HEAD' ? '-I' : ('-X', $arg{method}),
                $arg{tls} ? ('--http2', '-k') : '--http2-prior-knowledge');

    push @cmd, '--interface', $arg{from} if $arg{from};
    push @cmd, '--cert', $arg{cert}, '--key', $arg{cert_key} if $arg{cert};
    push @cmd, '-H', 'User-Agent:', '-H', 'Accept:';

    for my $h (@{ $arg{headers} }) {
        push @cmd, '-H', $h->[1] eq '' ? "$h->[0];" : "$h->[0]: $h->[1]";
    }

    if (defined $body) {
        print {$in} $body;
        $in->flush;
        push @cmd, '-H', 'Expect:', '--data-binary', "\@$in";
        push @cmd, '-H', 'Content-Type:'
            if !grep { lc $_->[0] eq 'content-type' } @{ $arg{headers} };
    }

    my $scheme = $arg{tls} ? 'https' : 'http';
    push @cmd, "$scheme://127.0.0.1:$arg{port}$arg{target}";

    my $pid = open(my $err, '-|') // die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec @cmd or die "curl: $!";
    }
    my $message = do { local $/; <$err> };
    close $err;

    my $heads = do { local $/; seek $head, 0, 0; <$head> };
    my $bytes = do { local $/; open my $fh, '<:raw', "$out"; <$fh> } // '';
    my ($last) = grep { !m{^HTTP/\S+ 1\d\d} }
                 split /(?<=\r\n\r\n)/, $heads // '';

    return Gatehouse::Test::Response->none($message || "curl: $?") if !$last;
    $last =~ s{^HTTP/2 }{HTTP/2.0 };
    return Gatehouse::Test::Response->new($last, $bytes);
}

1;
