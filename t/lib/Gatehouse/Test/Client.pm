# The part of Gatehouse::Test that sends requests.
package Gatehouse::Test::Client;

use strict;
use warnings;

use Gatehouse::Test::Http;
use Gatehouse::Test::Load;


sub get  { my $self = shift; return $self->request('GET', @_) }
sub post { my $self = shift; return $self->request('POST', @_) }


# One request on a connection of its own (or connection => one of connect).
#   key => API key        token => bearer token      host => 'localhost'
#   headers => [name => value, ...]     body => text, or [chunks]
#   tls => 1   http2 => 1   from => '127.0.0.2'   port =>   timeout =>
sub request {
    my ($self, $method, $target, %arg) = @_;
    my $headers = $self->request_headers(\%arg);

    if ($arg{http2}) {
        return Gatehouse::Test::Http::curl_http2(
            %arg, method => $method, target => $target, headers => $headers,
            port => $arg{port} || $self->port(
                $arg{tls} ? 'tls'
                : $self->nginx_version < 1_025_001 ? 'h2' : ''));
    }

    my $http = $arg{connection} || $self->connect(%arg);
    $http->send_raw(Gatehouse::Test::Http::format_request(
        $method, $target, $headers, $arg{body}));
    return $http->read_response($method, $arg{timeout});
}


sub request_headers {
    my ($self, $arg) = @_;
    my @flat = @{ $arg->{headers} || [] };
    my @headers;

    push @headers, [ 'X-API-Key', "$arg->{key}" ] if defined $arg->{key};
    push @headers, [ 'Authorization', "Bearer $arg->{token}" ]
        if defined $arg->{token};
    $self->plant_secret(grep { defined } @$arg{qw(key token)});

    while (@flat) {
        push @headers, ref $flat[0] ? shift @flat
                                    : [ shift @flat, shift @flat ];
    }

    unshift @headers, [ Host => $arg->{host} // 'localhost' ]
        if !$arg->{http2} && !grep { lc $_->[0] eq 'host' } @headers;
    return \@headers;
}


# A connection to keep: ->send_raw($bytes), ->read_response($method), ...
sub connect {
    my ($self, %arg) = @_;
    my $tls = $arg{tls}
        && { SSL_ca_file => $self->{tls_ca}->ca, SSL_hostname => 'localhost',
             SSL_verifycn_name => 'localhost', %{ $arg{tls_options} || {} } };

    return Gatehouse::Test::Http->new(
        port => $arg{port} || $self->port($tls ? 'tls' : ''), tls => $tls,
        from => $arg{from}, timeout => ($arg{timeout} || 10) * Gatehouse::Test::slow());
}


# Sends bytes as they are; returns all that comes until the other side closes
# or a second passes in silence.
sub raw {
    my ($self, $bytes, %arg) = @_;
    my $http = $self->connect(%arg);
    $http->send_raw($bytes);
    return $http->read_all($arg{timeout} || Gatehouse::Test::slow());
}


# Sends bytes as they are; returns the first answer.
sub raw_request {
    my ($self, $bytes, %arg) = @_;
    my $http = $self->connect(%arg);
    $http->send_raw($bytes);
    return $http->read_response($arg{method} || 'GET', $arg{timeout});
}


# Asks for a websocket: the connection (if it was granted) and the answer.
sub websocket {
    my ($self, $target, %arg) = @_;
    my $http = $self->connect(%arg);
    my $res  = $self->request(
        'GET', $target, %arg, connection => $http,
        headers => [ Upgrade => 'websocket', Connection => 'Upgrade',
                     'Sec-WebSocket-Version' => 13,
                     'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
                     @{ $arg{headers} || [] } ]);
    return ($res->status == 101 ? $http : undef, $res);
}


# Many clients at once, in the background: clients => 8, seconds => 2, rate =>
# requests a second in all (0: as fast as they can), method, and what request
# takes. each => [ { target =>, key =>, ... }, ... ] sends these in turn.
# Returns a Gatehouse::Test::Load; ->wait and its counts end it.
sub load {
    my ($self, $target, %arg) = @_;
    my @texts;

    for my $one (@{ $arg{each} || [ {} ] }) {
        my %one = (%arg, %$one);
        push @texts, Gatehouse::Test::Http::format_request(
            $one{method} || 'GET', $one{target} || $target,
            $self->request_headers(\%one), $one{body});
    }

    my $build = Gatehouse::Test::build();
    return Gatehouse::Test::Load->new(
        program => "$build/load", leash => "$build/leash",
        dir => $self->{dir}, n => ++$self->{loads}, requests => \@texts,
        port => $arg{port} || $self->port, clients => $arg{clients} || 8,
        seconds => $arg{seconds} || 2, rate => $arg{rate} || 0);
}

1;
