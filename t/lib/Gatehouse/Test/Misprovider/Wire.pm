package Gatehouse::Test::Misprovider::Wire;

use strict;
use warnings;

use Time::HiRes qw(sleep);

=head1 NAME

Gatehouse::Test::Misprovider::Wire - answers as no server should send them

=head1 DESCRIPTION

A switch C<ENDPOINT.FAULT> changes how the answer of an endpoint travels:
C<discovery>, C<keys>, C<token>, C<refresh> (the token endpoint, asked for a
refresh), C<userinfo>, C<revoke>, C<authorize>, C<end_session>, or C<any>.

C<< respond($client, $answer, $fault, $value) >> writes it; an answer is
{ status type headers body }. It returns true if the connection can go on.

=cut

my @ENDPOINTS = qw(discovery keys token refresh userinfo revoke authorize
                   end_session any);
my $HOUR = 3600;

my @TABLE = (
    [ hang => 'J5, 3', 'takes the request and says nothing',
      sub { sleep $HOUR; 0 } ],
    [ slow => 'J5, 3', 'answers after so many seconds',
      sub { sleep $_[2]; write_all($_[0], plain($_[1])) } ],
    [ drip => 'J5, 3', 'a byte every so many seconds', sub {
          for my $byte (split //, plain($_[1])) {
              write_all($_[0], $byte) or return 0;
              sleep $_[2];
          }
          1 } ],
    [ close => '3', 'closes without a word', sub { 0 } ],
    [ reset => '3', 'resets the connection', sub {
          my $raw = $_[0];
          setsockopt $raw, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
                     pack 'ii', 1, 0;
          0 } ],
    [ half => 'J5', 'closes in the middle of the body', sub {
          my $text = plain($_[1]);
          write_all($_[0], substr $text, 0,
                    length($text) - length($_[1]{body}) / 2);
          0 } ],
    [ stall => 'J5', 'stops in the middle of the body', sub {
          my $text = plain($_[1]);
          write_all($_[0], substr $text, 0,
                    length($text) - length($_[1]{body}) / 2);
          sleep $HOUR;
          0 } ],
    [ status => '2.4 discovery 5xx, 3', 'this status, body as it is',
      sub { write_all($_[0], plain({ %{ $_[1] }, status => $_[2] })) } ],
    [ error => '3', 'this status and an OAuth error: "503 server_error"',
      sub { my ($status, $word) = split / /, $_[2];
            write_all($_[0], plain({ %{ $_[1] }, status => $status,
                body => '{"error":"' . ($word // 'server_error') . '"}' })) }
    ],
    [ retry => '3', '429 with Retry-After', sub {
          write_all($_[0], plain({ %{ $_[1] }, status => 429,
              headers => "Retry-After: $_[2]\r\n", body => '{}' })) } ],
    [ html => 'J5', 'status 200 and a page',
      sub { write_all($_[0], plain({ %{ $_[1] }, type => 'text/html',
                body => '<html><body>Welcome to the hotel</body></html>' }))
      } ],
    [ type => 'J5', 'this media type for the right body',
      sub { write_all($_[0], plain({ %{ $_[1] }, type => $_[2] })) } ],
    [ body => 'J5', 'this body',
      sub { write_all($_[0], plain({ %{ $_[1] }, body => $_[2] })) } ],
    [ empty => 'J5', 'no body',
      sub { write_all($_[0], plain({ %{ $_[1] }, body => '' })) } ],
    [ garbage => 'J5', '64 kB of noise with status 200',
      sub { write_all($_[0], plain({ %{ $_[1] }, body => noise(65536) })) }
    ],
    [ noise => 'J5', '64 kB of noise that is no HTTP',
      sub { write_all($_[0], noise(65536)); 0 } ],
    [ array => 'J5', 'the document in a list',
      sub { changed(@_[0, 1], sub { "[$_[0]]" }) } ],
    [ text => 'J5', 'the document is a string',
      sub { changed(@_[0, 1], sub { '"hello"' }) } ],
    [ null => 'J5', 'the document is null',
      sub { changed(@_[0, 1], sub { 'null' }) } ],
    [ twice => 'J5', 'the first member stands there twice',
      sub { changed(@_[0, 1], sub {
          $_[0] =~ s/\A\{("[^"]+")/{$1:"another",$1/r }) } ],
    [ deep => 'J5', 'a member 100,000 lists deep',
      sub { changed(@_[0, 1], sub {
          my $deep = '[' x 100_000 . ']' x 100_000;
          $_[0] =~ s/\A\{/{"deep":$deep,/r }) } ],
    [ trailing => 'J5', 'something after the document',
      sub { changed(@_[0, 1], sub { "$_[0]\n{}" }) } ],
    [ bom => 'J5', 'a byte order mark before it',
      sub { changed(@_[0, 1], sub { "\xef\xbb\xbf$_[0]" }) } ],
    [ utf16 => 'J5', 'UTF-16', sub { changed(@_[0, 1], sub {
          join '', map { "$_\0" } split //, $_[0] }) } ],
    [ nul => 'J5', 'a NUL in the middle',
      sub { changed(@_[0, 1], sub { $_[0] =~ s/,/,\0/r }) } ],
    [ number => 'J5', 'a number of 100,000 digits',
      sub { changed(@_[0, 1], sub {
          my $long = '9' x 100_000;
          $_[0] =~ s/\A\{/{"n":$long,/r }) } ],
    [ padded => 'J5', 'so many spaces before the end of the document',
      sub { my $n = $_[2];
            changed(@_[0, 1], sub { $_[0] =~ s/\}\z/' ' x $n . '}'/er }) } ],
    [ huge => 'J5', '1 GB, announced',
      sub { pour(@_[0, 1], "Content-Length: 1073741824\r\n", 1 << 30) } ],
    [ endless => 'J5', 'chunks without end',
      sub { pour(@_[0, 1], "Transfer-Encoding: chunked\r\n", 1 << 30, 1) } ],
    [ unbounded => 'J5', '1 GB, not announced',
      sub { pour(@_[0, 1], "Connection: close\r\n", 1 << 30) } ],
    [ length => 'J5', 'this Content-Length', sub {
          my $text = plain($_[1]);
          $text =~ s/^Content-Length: .*?\r$/Content-Length: $_[2]\r/m;
          write_all($_[0], $text);
          0 } ],
    [ gzip_bomb => 'J5', '1 GB that is 1 MB on the wire',
      sub { bomb(@_[0, 1]) } ],
    [ redirect => 'J4', 'a redirect to this address', sub {
          write_all($_[0], plain({ %{ $_[1] }, status => 302, body => '',
                                   headers => "Location: $_[2]\r\n" })) } ],
    [ redirect_same => 'J4', 'a 307 to itself', sub {
          write_all($_[0], plain({ %{ $_[1] }, status => 307, body => '',
              headers => "Location: $_[1]{url}\r\n" })) } ],
    [ headers => 'J7', 'these header lines, too', sub {
          write_all($_[0], plain({ %{ $_[1] }, headers => $_[2] })) } ],
    [ headers_many => 'J7', '1,000 header lines', sub {
          write_all($_[0], plain({ %{ $_[1] }, headers =>
              join '', map { "X-Header-$_: value\r\n" } 1 .. 1000 })) } ],
    [ header_empty => 'J7', 'empty header values', sub {
          write_all($_[0], plain({ %{ $_[1] }, headers =>
              "WWW-Authenticate:\r\nX-Empty: \r\nSet-Cookie:\r\n" })) } ],
    [ header_huge => 'J7', 'a header of 1 MB', sub {
          write_all($_[0], plain({ %{ $_[1] }, headers =>
              'X-Long: ' . 'x' x (1 << 20) . "\r\n" })) } ],
    [ header_endless => 'J7', 'a head without end', sub {
          write_all($_[0], "HTTP/1.1 200 OK\r\n") or return 0;
          for (1 .. 1 << 20) {
              write_all($_[0], "X-Line-$_: " . 'x' x 1000 . "\r\n")
                  or return 0;
          }
          0 } ],
    [ interim => 'J7', '1,000 interim answers before the real one', sub {
          write_all($_[0], "HTTP/1.1 103 Early Hints\r\n\r\n" x 1000
                           . plain($_[1])) } ],
    [ smuggled => 'J2', 'a second answer that nobody asked for', sub {
          write_all($_[0], plain($_[1]) . plain({ %{ $_[1] },
              body => '{"issuer":"https://evil.example"}' })) } ],
);

my %FAULT = map { $_->[0] => $_ } @TABLE;


sub known {
    my ($name) = @_;
    my ($endpoint, $fault) = $name =~ /^(\w+)\.(\w+)$/ or return 0;
    return $FAULT{$fault} && grep { $_ eq $endpoint } @ENDPOINTS;
}


sub table {
    return map { { name => "ENDPOINT.$_->[0]", stage =>
                   'wire (ENDPOINT: ' . join(' ', @ENDPOINTS) . ')',
                   row => $_->[1], does => $_->[2] } } @TABLE;
}


# The fault that is switched on for an endpoint: (name, value), or nothing
sub fault {
    my ($switches, @endpoints) = @_;
    for my $endpoint (@endpoints, 'any') {
        for my $name (keys %$switches) {
            return ($1, $switches->{$name})
                if $name =~ /^\Q$endpoint\E\.(\w+)$/;
        }
    }
    return;
}


sub respond {
    my ($client, $answer, $fault, $value) = @_;
    return write_all($client, plain($answer)) if !defined $fault;
    return $FAULT{$fault}[3]->($client, $answer, $value);
}


sub plain {
    my ($answer) = @_;
    my $length = length $answer->{body};
    return "HTTP/1.1 $answer->{status} Said\r\n"
         . "Content-Type: $answer->{type}\r\nContent-Length: $length\r\n"
         . ($answer->{headers} // '') . "\r\n$answer->{body}";
}


sub changed {
    my ($client, $answer, $change) = @_;
    return write_all($client, plain({ %$answer,
                                      body => $change->($answer->{body}) }));
}


sub pour {
    my ($client, $answer, $header, $bytes, $chunked) = @_;
    my $block = 'x' x 65536;
    $block = sprintf "%x\r\n%s\r\n", length $block, $block if $chunked;

    write_all($client, "HTTP/1.1 200 OK\r\nContent-Type: $answer->{type}\r\n"
                       . "$header\r\n") or return 0;
    for (1 .. $bytes / 65536) {
        write_all($client, $block) or return 0;
    }
    return 0;
}


# After a full flush a block of spaces packs to the same bytes each time, so a
# thousand of them need to be packed only once.
sub bomb {
    my ($client, $answer) = @_;
    require Compress::Raw::Zlib;
    my $block = ' ' x (1 << 20);
    my $z = Compress::Raw::Zlib::Deflate->new(
        -WindowBits => Compress::Raw::Zlib::WANT_GZIP(), -Level => 9,
        -AppendOutput => 1);
    my ($head, $piece) = ('', '');

    $z->deflate('{"issuer":"', $head);
    $z->flush($head, Compress::Raw::Zlib::Z_FULL_FLUSH());
    $z->deflate($block, $piece);
    $z->flush($piece, Compress::Raw::Zlib::Z_FULL_FLUSH());

    return write_all($client, plain({ %$answer,
        body => $head . $piece x 1024,
        headers => "Content-Encoding: gzip\r\n" }));
}


sub noise {
    my ($length) = @_;
    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $fh, (my $bytes), $length;
    return $bytes;
}


# True if all of it went.
sub write_all {
    my ($client, $text) = @_;
    my $at = 0;

    local $SIG{PIPE} = 'IGNORE';
    while ($at < length $text) {
        my $n = syswrite $client, $text, length($text) - $at, $at;
        return 0 if !$n;
        $at += $n;
    }
    return 1;
}

1;
