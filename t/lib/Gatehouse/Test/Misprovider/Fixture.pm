package Gatehouse::Test::Misprovider::Fixture;

use strict;
use warnings;

use JSON::PP ();

use Gatehouse::Test::Misprovider::State;
use Gatehouse::Test::Page;

=head1 NAME

Gatehouse::Test::Misprovider::Fixture - the provider in somebody else's clothes

=head1 DESCRIPTION

Reads F<t/fixtures/oidc/NAME> and makes of it what the provider needs to look
so: the discovery document, the paths of its endpoints, the claims, members
of its answers and keys. The fixture's hosts become ours: the issuer's
C<localhost>, any other C<127.0.0.1>, so that an endpoint of another host
stays one.

=over

=item dress($name, $scheme, $port)

{ issuer path routes metadata claims no_claims userinfo tokens no_tokens jwk }

=item read_file($name, $part), names

=back

=cut

my %ENDPOINT = (authorization_endpoint => 'authorize', jwks_uri => 'keys',
    token_endpoint => 'token', userinfo_endpoint => 'userinfo',
    revocation_endpoint => 'revoke', end_session_endpoint => 'end_session');

# made anew for each token
my @FRESH = qw(iss aud azp iat nbf exp auth_time nonce at_hash sid);


sub directory { return Gatehouse::Test::root() . '/t/fixtures/oidc' }

sub names {
    return map { m{([^/]+)/discovery\.json$} ? $1 : () }
           sort glob directory() . '/*/discovery.json';
}


sub read_file {
    my ($name, $part) = @_;
    my $path = directory() . "/$name/$part.json";
    my $text = Gatehouse::Test::Misprovider::State::slurp($path)
        // die "$path: $!\n";
    return JSON::PP->new->utf8->decode($text);
}


sub dress {
    my ($name, $scheme, $port) = @_;
    my $metadata = read_file($name, 'discovery');
    my $home = Gatehouse::Test::Page::parse_url($metadata->{issuer})->{host};
    my $claims = read_file($name, 'id_token');
    my $tokens = read_file($name, 'token');

    my $ours = sub {
        my ($text) = @_;
        return $text =~ s{^https://([^/]+)}{
            "$scheme://" . ($1 eq $home ? 'localhost' : '127.0.0.1')
            . ":$port"}er;
    };
    my $walk;
    $walk = sub {
        my ($thing) = @_;
        return { map { $_ => $walk->($thing->{$_}) } keys %$thing }
            if ref $thing eq 'HASH';
        return [ map { $walk->($_) } @$thing ] if ref $thing eq 'ARRAY';
        return ref $thing || !defined $thing ? $thing : $ours->($thing);
    };

    $metadata = $walk->($metadata);
    my $path = $metadata->{issuer} =~ m{^https?://[^/]+(/.*)?$} ? $1 // ''
                                                                : '';
    my %routes = ($path =~ s{/\z}{}r . '/.well-known/openid-configuration'
                  => 'discovery');
    for my $member (grep { $metadata->{$_} } keys %ENDPOINT) {
        $routes{ Gatehouse::Test::Page::parse_url($metadata->{$member})
                     ->{path} } = $ENDPOINT{$member};
    }

    my %has = map { $_ => 1 } keys %$claims;
    my %claims = map { $_ => $claims->{$_} } keys %$claims;
    delete @claims{@FRESH};
    return {
        issuer => $metadata->{issuer}, path => $path, routes => \%routes,
        metadata => $metadata, claims => \%claims,
        no_claims => [ grep { !$has{$_} } @FRESH ],
        azp => $has{azp} ? JSON::PP::true : JSON::PP::false,
        userinfo => read_file($name, 'userinfo'),
        tokens => { map { $_ => $tokens->{$_} }
                    grep { !/^(?:access_token|id_token|refresh_token)$/ }
                    keys %$tokens },
        no_tokens => [ grep { !exists $tokens->{$_} }
                       qw(refresh_token scope expires_in) ],
        jwk => read_file($name, 'jwk'),
    };
}

1;
