# Keys and the JSON Web Tokens they sign, good and bad ones alike.
package Gatehouse::Test::Token;

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);

use Gatehouse::Test::Tls;

my $serial = 0;
my %CURVE  = (ES256 => 'secp256r1', ES384 => 'secp384r1',
              ES512 => 'secp521r1');


# alg => RS256 ... HS256 (default ES256), kid => text (undef for none),
# bits => of an RSA key, secret => of an HMAC key
sub new {
    my ($class, %arg) = @_;
    my $alg  = $arg{alg} || 'ES256';
    my $self = bless {
        alg => $alg,
        kid => exists $arg{kid} ? $arg{kid} : 'key-' . ++$serial,
    }, $class;

    if ($alg =~ /^[RP]S/) {
        require Crypt::PK::RSA;
        my $pem = Gatehouse::Test::Tls::run(
            'genpkey', '-quiet', '-algorithm', 'RSA', '-pkeyopt',
            'rsa_keygen_bits:' . ($arg{bits} || 2048));
        $pem =~ s/^.*?(?=-----BEGIN)//s;
        $self->{pk} = Crypt::PK::RSA->new(\$pem);
    } elsif ($CURVE{$alg}) {
        require Crypt::PK::ECC;
        $self->{pk} = Crypt::PK::ECC->new;
        $self->{pk}->generate_key($CURVE{$alg});
    } elsif ($alg eq 'EdDSA') {
        require Crypt::PK::Ed25519;
        $self->{pk} = Crypt::PK::Ed25519->new;
        $self->{pk}->generate_key;
    } elsif ($alg =~ /^HS/) {
        require Crypt::PRNG;
        $self->{secret} = $arg{secret} // Crypt::PRNG::random_bytes(64);
    } else {
        die "no algorithm $alg\n";
    }

    return $self;
}


sub kid    { return $_[0]{kid} }
sub alg    { return $_[0]{alg} }
sub secret { return $_[0]{secret} }


# The public key as a JWK; more members, or others, as given.
sub jwk {
    my ($self, %more) = @_;
    my $jwk = $self->{pk} ? $self->{pk}->export_key_jwk('public', 1)
            : { kty => 'oct', k => encode_base64url($self->{secret}) };

    $jwk->{alg} = $self->{alg};
    $jwk->{use} = 'sig';
    $jwk->{kid} = $self->{kid} if defined $self->{kid};
    return { %$jwk, %more };
}


# The text of a JWK set; keys are of this class or ready-made hashes.
sub jwks {
    my (@keys) = @_;
    return JSON::PP->new->utf8->canonical->encode(
        { keys => [ map { ref $_ eq 'HASH' ? $_ : $_->jwk } @keys ] });
}


sub public_pem {
    my ($self) = @_;
    return $self->{pk}->export_key_pem(
        $self->{alg} =~ /^[RP]S/ ? 'public_x509' : 'public_short');
}


# Signs claims (a hash, or text that is signed as it stands). header => more
# members of the JOSE header, undef removes one; alg => claims another
# algorithm than the one that signs.
sub sign {
    my ($self, $claims, %arg) = @_;
    my %header = (typ => 'JWT', alg => $arg{alg} || $self->{alg},
                  (defined $self->{kid} ? (kid => $self->{kid}) : ()),
                  %{ $arg{header} || {} });
    delete $header{$_} for grep { !defined $header{$_} } keys %header;

    my $json  = JSON::PP->new->utf8->canonical;
    my $input = join '.', map { encode_base64url($_) }
                $arg{raw_header} // $json->encode(\%header),
                ref $claims ? $json->encode($claims) : $claims;

    return "$input." . encode_base64url($self->signature($input));
}


sub signature {
    my ($self, $input) = @_;
    my $alg = $self->{alg};
    my ($bits) = $alg =~ /(\d+)$/;

    if ($alg =~ /^RS/) {
        return $self->{pk}->sign_message($input, "SHA$bits", 'v1.5');
    }
    if ($alg =~ /^PS/) {
        return $self->{pk}->sign_message($input, "SHA$bits", 'pss', $bits / 8);
    }
    if ($alg =~ /^ES/) {
        return $self->{pk}->sign_message_rfc7518($input, "SHA$bits");
    }
    if ($alg =~ /^HS/) {
        require Crypt::Mac::HMAC;
        return Crypt::Mac::HMAC::hmac("SHA$bits", $self->{secret}, $input);
    }
    return $self->{pk}->sign_message($input);
}

1;
