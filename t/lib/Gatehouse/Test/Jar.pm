package Gatehouse::Test::Jar;

use strict;
use warnings;

use Time::HiRes qw(time);
use Time::Local ();

=head1 NAME

Gatehouse::Test::Jar - the cookies of one browser, by the rules of RFC 6265bis

=head1 DESCRIPTION

Keeps what a browser would keep and sends what it would send: domains and
paths, C<Secure>, lifetimes, the C<__Host-> and C<__Secure-> prefixes. Ports
do not separate cookies. C<SameSite> is remembered and not acted upon: that
takes a real browser.

=over

=item store($url, @set_cookie)

takes the values of C<Set-Cookie> headers. What a browser would throw away is
kept apart in C<refused>, with the reason.

=item header($url)

the value of the C<Cookie> header, or undef.

=item all, find($name)

cookies as hashes: name value host host_only path secure httponly samesite
expires (undef for the session's) line.

=item plant(%cookie), remove($name), clear

=back

=cut


sub new { return bless { cookies => [], refused => [] }, $_[0] }

sub all     { return @{ $_[0]{cookies} } }
sub refused { return @{ $_[0]{refused} } }

sub clear {
    my ($self) = @_;
    @$self{qw(cookies refused)} = ([], []);
    return;
}


sub find {
    my ($self, $name) = @_;
    my ($found) = grep { $_->{name} eq $name } $self->all;
    return $found;
}


sub remove {
    my ($self, $name) = @_;
    @{ $self->{cookies} } = grep { $_->{name} ne $name } $self->all;
    return;
}


sub store {
    my ($self, $url, @lines) = @_;

    for my $line (@lines) {
        my $cookie = parse($url, $line);
        if (my $why = refusal($url, $cookie)) {
            push @{ $self->{refused} }, { %$cookie, why => $why };
        } else {
            $self->plant(%$cookie);
        }
    }
    return;
}


# Puts it in whatever it is; one that has expired goes.
sub plant {
    my ($self, %cookie) = @_;
    %cookie = (host => 'localhost', host_only => 1, path => '/', value => '',
               %cookie);

    @{ $self->{cookies} } = grep {
        $_->{name} ne $cookie{name} || $_->{path} ne $cookie{path}
            || $_->{host} ne $cookie{host}
    } $self->all;
    push @{ $self->{cookies} }, \%cookie
        if !defined $cookie{expires} || $cookie{expires} > time;
    return;
}


sub parse {
    my ($url, $line) = @_;
    my ($pair, @attributes) = split /;\s*/, $line;
    $pair //= '';
    my ($name, $value) = $pair =~ /^\s*(.*?)\s*=\s*(.*?)\s*$/
                       ? ($1, $2) : ('', $pair);
    my %cookie = (name => $name, value => $value, host => $url->{host},
                  host_only => 1, path => '/', line => $line);

    $cookie{path} = $1 if $url->{path} =~ m{^(/.+)/[^/]*$};
    for (@attributes) {
        my ($word, $text) = /^([^=]*?)\s*(?:=\s*(.*?))?\s*$/;
        $word = lc $word;
        $text //= '';
        $cookie{secure}   = 1 if $word eq 'secure';
        $cookie{httponly} = 1 if $word eq 'httponly';
        $cookie{samesite} = $text if $word eq 'samesite';
        $cookie{path}     = $text if $word eq 'path' && $text =~ m{^/};
        $cookie{age}      = $text if $word eq 'max-age' && $text =~ /^-?\d+$/;
        $cookie{until}    = date($text)
            if $word eq 'expires';
        @cookie{qw(host host_only)} = (lc $text =~ s/^\.//r, 0)
            if $word eq 'domain' && length $text;
    }

    $cookie{expires} = defined $cookie{age} ? time + $cookie{age}
                                            : $cookie{until};
    return \%cookie;
}


# "Wed, 21 Oct 2026 07:28:00 GMT" and its elder brothers, or undef
sub date {
    my ($text) = @_;
    my ($day, $name, $year, $h, $m, $s)
        = $text =~ /(\d+)[ -](\w{3})[ -](\d{2,4}) (\d+):(\d+):(\d+)/
        or return;
    my $month = index('JanFebMarAprMayJunJulAugSepOctNovDec', $name) / 3;

    return eval { Time::Local::timegm($s, $m, $h, $day, $month, $year) };
}


sub refusal {
    my ($url, $cookie) = @_;
    my $host = $url->{host};

    return 'no name' if !length $cookie->{name};
    return 'too long' if length($cookie->{name} . $cookie->{value}) > 4096;
    return 'another domain' if !$cookie->{host_only}
        && !matches($host, $cookie->{host});
    return 'Secure over http'
        if $cookie->{secure} && $url->{scheme} ne 'https';
    return '__Secure- without Secure'
        if $cookie->{name} =~ /^__(?:Secure|Host)-/i && !$cookie->{secure};
    return '__Host- with a domain or path' if $cookie->{name} =~ /^__Host-/i
        && (!$cookie->{host_only} || $cookie->{path} ne '/');
    return 'SameSite=None without Secure' if !$cookie->{secure}
        && lc($cookie->{samesite} // '') eq 'none';
    return;
}


sub matches {
    my ($host, $domain) = @_;
    return 1 if $host eq $domain;
    return $domain =~ /\./ && $host =~ /\.\Q$domain\E$/;
}


sub header {
    my ($self, $url) = @_;
    my @match = grep {
        my $path = $_->{path};
        (!defined $_->{expires} || $_->{expires} > time)
            && (!$_->{secure} || $url->{scheme} eq 'https')
            && ($_->{host_only} ? $url->{host} eq $_->{host}
                                : matches($url->{host}, $_->{host}))
            && ($path eq $url->{path} || $path =~ m{/$}
                && index($url->{path}, $path) == 0
                || index($url->{path}, "$path/") == 0)
    } $self->all;

    @match = sort { length $b->{path} <=> length $a->{path} } @match;
    return @match ? join('; ', map { "$_->{name}=$_->{value}" } @match)
                  : undef;
}

1;
