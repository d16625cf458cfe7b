package Gatehouse::Test::Party;

use strict;
use warnings;

use Digest::SHA ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64url);

use Gatehouse::Test::Login;
use Gatehouse::Test::Page;

=head1 NAME

Gatehouse::Test::Party - a relying party of a page, to try providers with

=head1 SYNOPSIS

    my $rp = Gatehouse::Test::Party->new(
        issuer => $op->issuer, ca => $op->ca, secret => $op->secret,
        redirect_uri => 'https://rp.example/cb');
    my $alice = Gatehouse::Test::Login->new(ca => $op->ca);
    my $answer = $rp->code($alice, 'alice');      # parameters of the redirect
    my $tokens = $rp->tokens($answer->{code});    # the token endpoint's words
    my $claims = $rp->verify($tokens->{id_token});

=head1 DESCRIPTION

What the gateway does, done by hand: it proves that a provider of the tests
works, before anybody blames the gateway. C<client_id> is C<gatehouse>,
C<auth> is C<basic>, C<post> or C<jwt> (with C<key>, a
L<Gatehouse::Test::Token>).

=over

=item metadata, jwks, endpoint($name)

fetched each time; endpoints stay what they were at the first look.

=item authorize_url(%more), code($login, $name, %more)

each with a fresh state, nonce and verifier (C<state>, C<nonce>, C<verifier>
tell them).

=item token_request(%form), tokens($code), refresh($refresh_token)

the page of the answer; the decoded answer, or death.

=item userinfo($access_token)

the page of the answer.

=item verify($id_token)

claims of a token whose signature, iss, aud, exp and nonce hold; dies with
the reason.

=item claims($jwt), header($jwt)

unverified.

=back

=cut

my $JSON = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %arg) = @_;
    return bless { client_id => 'gatehouse', auth => 'basic', %arg,
                   http => Gatehouse::Test::Login->new(ca => $arg{ca}) },
           $class;
}


sub state    { return $_[0]{state} }
sub nonce    { return $_[0]{nonce} }
sub verifier { return $_[0]{verifier} }


sub fetch {
    my ($self, $url, @headers) = @_;
    my $page = $self->{http}->ask('GET', $url, headers => [
        Accept => 'application/json', @headers ]);
    die "$url: ", $page->status, ' ', $page->error // '', $page->body, "\n"
        if $page->status != 200;
    return $page->json;
}


sub metadata {
    my ($self) = @_;
    my $issuer = $self->{issuer} =~ s{/\z}{}r;
    return $self->fetch("$issuer/.well-known/openid-configuration");
}


# Where something is, by the metadata of the first look
sub endpoint {
    my ($self, $name) = @_;
    $self->{known} //= $self->metadata;
    return $self->{known}{$name} // die "the provider has no $name\n";
}


sub jwks {
    my ($self) = @_;
    return $self->fetch($self->endpoint('jwks_uri'));
}


sub fresh {
    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    sysread $fh, my $bytes, 32;
    return encode_base64url($bytes);
}


sub authorize_url {
    my ($self, %more) = @_;
    @$self{qw(state nonce verifier)} = map { fresh() } 1 .. 3;

    my $endpoint = $self->endpoint('authorization_endpoint');
    return $endpoint . ($endpoint =~ /\?/ ? '&' : '?')
         . Gatehouse::Test::Page::encode_form({
        response_type => 'code', client_id => $self->{client_id},
        redirect_uri => $self->{redirect_uri}, state => $self->state,
        scope => 'openid profile email groups', nonce => $self->nonce,
        code_challenge_method => 'S256', code_challenge =>
            encode_base64url(Digest::SHA::sha256($self->verifier)), %more });
}


sub code {
    my ($self, $login, $name, %more) = @_;
    my $url = ref $login ? $self->authorize_url(%more) : die "no browser\n";
    my $page = $login->login($url, $name,
                             stop => qr/^\Q$self->{redirect_uri}\E/);
    my $to = $page->location
        // die 'no way back from ' . $page->url . ': ' . $page->status . ' '
               . $page->body . "\n";
    return { Gatehouse::Test::Page::decode_form($to) };
}


sub assertion {
    my ($self) = @_;
    my $id = $self->{client_id};
    return $self->{key}->sign({
        iss => $id, sub => $id, aud => $self->{issuer}, jti => fresh(),
        iat => time, exp => time + 60 });
}


sub token_request {
    my ($self, %form) = @_;
    my @headers = (Accept => 'application/json');
    my ($id, $secret) = @$self{qw(client_id secret)};

    if ($self->{auth} eq 'basic') {
        my $pair = join ':', map { Gatehouse::Test::Page::encode($_) }
                   $id, $secret;
        push @headers, Authorization => 'Basic ' . encode_base64($pair, '');
    } elsif ($self->{auth} eq 'post') {
        @form{qw(client_id client_secret)} = ($id, $secret);
    } else {
        @form{qw(client_id client_assertion client_assertion_type)} = ($id,
            $self->assertion,
            'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    }

    return $self->{http}->ask('POST', $self->endpoint('token_endpoint'),
                              form => \%form, headers => \@headers);
}


sub tokens {
    my ($self, $code, %more) = @_;
    my $page = $self->token_request(
        grant_type => 'authorization_code', code => $code,
        redirect_uri => $self->{redirect_uri},
        code_verifier => $self->verifier, %more);
    die 'token endpoint: ', $page->status, ' ', $page->body, "\n"
        if $page->status != 200;
    return $page->json;
}


sub refresh {
    my ($self, $token) = @_;
    return $self->token_request(grant_type => 'refresh_token',
                                refresh_token => $token);
}


sub userinfo {
    my ($self, $token) = @_;
    return $self->{http}->ask('GET', $self->endpoint('userinfo_endpoint'),
        headers => [ Authorization => "Bearer $token" ]);
}


sub part {
    my ($jwt, $n) = @_;
    return $JSON->decode(decode_base64url((split /\./, $jwt)[$n] // ''));
}

sub header { return part($_[1], 0) }
sub claims { return part($_[1], 1) }


sub verify {
    my ($self, $token) = @_;
    my ($header, $claims) = ($self->header($token), $self->claims($token));
    my ($key) = grep { !defined $header->{kid}
                       || ($_->{kid} // '') eq $header->{kid} }
                @{ $self->jwks->{keys} };
    my @aud = ref $claims->{aud} ? @{ $claims->{aud} } : $claims->{aud} // '';

    die "no such key\n" if !$key;
    die "bad signature\n" if !signed($token, $header->{alg}, $key);
    die "iss\n"   if ($claims->{iss} // '') ne $self->{issuer};
    die "aud\n"   if !grep { $_ eq $self->{client_id} } @aud;
    die "exp\n"   if ($claims->{exp} // 0) <= time;
    die "nonce\n" if defined $self->nonce
                     && ($claims->{nonce} // '') ne $self->nonce;
    return $claims;
}


sub signed {
    my ($token, $alg, $jwk) = @_;
    my ($input, $text) = $token =~ /^(.*)\.([^.]*)$/;
    my $signature = decode_base64url($text);
    my ($bits) = $alg =~ /(\d+)$/;

    if ($alg =~ /^[RP]S/) {
        require Crypt::PK::RSA;
        return Crypt::PK::RSA->new($jwk)->verify_message(
            $signature, $input, "SHA$bits",
            $alg =~ /^R/ ? 'v1.5' : ('pss', $bits / 8));
    }
    if ($alg =~ /^ES/) {
        require Crypt::PK::ECC;
        return Crypt::PK::ECC->new($jwk)->verify_message_rfc7518(
            $signature, $input, "SHA$bits");
    }
    if ($alg eq 'EdDSA') {
        require Crypt::PK::Ed25519;
        return Crypt::PK::Ed25519->new($jwk)->verify_message($signature,
                                                             $input);
    }
    return 0;
}

1;
