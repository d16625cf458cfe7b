# One answer as the client saw it.
package Gatehouse::Test::Response;

use strict;
use warnings;

use JSON::PP ();


# From the head's bytes (with its status line) and the body's.
sub new {
    my ($class, $head, $body) = @_;
    my ($line, @lines) = split /\r?\n/, $head;
    my ($version, $status, $reason)
        = ($line // '') =~ m{^(HTTP/[\d.]+) (\d{3})(?: (.*))?$};
    my @headers;

    for (@lines) {
        push @headers, [ $1, $2 ] if /^([^:]+):[ \t]*(.*?)[ \t]*$/;
    }

    return bless {
        head => $head, body => $body, version => $version,
        status => $status || 0, reason => $reason, headers => \@headers,
    }, $class;
}


# Status 0 stands for "no answer": refused, closed, or not in time.
sub none {
    my ($class, $error) = @_;
    my $self = $class->new('', '');
    $self->{error} = $error;
    return $self;
}


sub status  { return $_[0]{status} }
sub reason  { return $_[0]{reason} }
sub version { return $_[0]{version} }
sub body    { return $_[0]{body} }
sub head    { return $_[0]{head} }
sub error   { return $_[0]{error} }


# The first of that name, or undef.
sub header {
    my ($self, $name) = @_;
    my ($value) = $self->headers($name);
    return $value;
}


# All values of a name; without one, all [name, value] pairs in order.
sub headers {
    my ($self, $name) = @_;
    return @{ $self->{headers} } if !defined $name;
    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
           @{ $self->{headers} };
}


sub json {
    my ($self) = @_;
    my $doc = eval { JSON::PP->new->utf8->decode($self->{body}) };
    die "not JSON ($self->{status}): $self->{body}\n" if !defined $doc;
    return $doc;
}


# What the echo backend says it received (see Gatehouse::Test::Received), or
# undef if something else answered.
sub received {
    my ($self) = @_;
    return if ($self->header('Server') // '') ne 'echo'
              && $self->{body} !~ /^\{"n":\d+,"backend":/;
    my $doc = eval { JSON::PP->new->latin1->decode($self->{body}) };
    return $doc && Gatehouse::Test::Received->new($doc);
}


# One request as the backend received it, byte for byte.
package Gatehouse::Test::Received;

sub new {
    my ($class, $doc) = @_;
    return bless $doc, $class;
}

sub n           { return $_[0]{n} }
sub backend     { return $_[0]{backend} }
sub line        { return $_[0]{line} }
sub method      { return $_[0]{method} }
sub target      { return $_[0]{target} }
sub version     { return $_[0]{version} }
sub body        { return $_[0]{body} }
sub body_sha256 { return $_[0]{body_sha256} }
sub body_length { return $_[0]{body_length} }
sub at_us       { return $_[0]{at_us} }
sub conn        { return $_[0]{conn} }

sub header  { return Gatehouse::Test::Response::header(@_) }
sub headers { return Gatehouse::Test::Response::headers(@_) }

1;
