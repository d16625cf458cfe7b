package Gatehouse::Test::Misprovider::Claims;

use strict;
use warnings;

use MIME::Base64 qw(encode_base64url decode_base64url);

=head1 NAME

Gatehouse::Test::Misprovider::Claims - everything wrong with an id_token

=head1 DESCRIPTION

The part of the table of L<Gatehouse::Test::Misprovider::Switches> that
changes claims (C<claims>, C<refreshed>), the JOSE header (C<header>) and the
text of an id_token (C<jwt>).

=cut

my @CLAIMS = map { [ $_->[0], 'claims', @$_[1 .. 3] ] } (
    [ iss_wrong => '2.1 invalid-iss', 'another iss',
      sub { $_[0]{iss} = 'https://evil.example' } ],
    [ iss_missing => '2.3 invalid-missing-iss', 'no iss',
      sub { delete $_[0]{iss} } ],
    [ iss_list => '2.1 invalid-iss', 'a list of iss',
      sub { $_[0]{iss} = [ $_[0]{iss} ] } ],
    [ sub_missing => '2.1 missing-sub', 'no sub', sub { delete $_[0]{sub} } ],
    [ sub_empty => '2.1 missing-sub', 'an empty sub',
      sub { $_[0]{sub} = '' } ],
    [ sub_number => '2.1 missing-sub', 'a number as sub',
      sub { $_[0]{sub} = 7 } ],
    [ sub_long => '2.1 missing-sub', 'a sub of 10,000 letters',
      sub { $_[0]{sub} = 'a' x 10_000 } ],
    [ aud_wrong => '2.1 invalid-aud', 'for another client',
      sub { $_[0]{aud} = 'another' } ],
    [ aud_missing => '2.1 missing-aud', 'for nobody',
      sub { delete $_[0]{aud} } ],
    [ aud_empty => '2.1 missing-aud', 'for an empty list',
      sub { $_[0]{aud} = [] } ],
    [ aud_list => '2.3 valid-aud-as-array', 'for a list of one',
      sub { $_[0]{aud} = [ $_[0]{aud} ] } ],
    [ aud_others => '2.3 invalid-secondary-aud',
      'for us and somebody unknown, without azp',
      sub { $_[0]{aud} = [ $_[0]{aud}, 'another' ] } ],
    [ aud_others_azp => '2.4', 'for us and another, azp is us',
      sub { $_[0]{azp} = $_[0]{aud};
            $_[0]{aud} = [ $_[0]{aud}, 'another' ] } ],
    [ azp_wrong => '2.4 azp', 'azp is another client',
      sub { $_[0]{azp} = 'another' } ],
    [ exp_past => '2.3 invalid-expired-exp', 'expired 10 minutes ago, or as '
      . 'many seconds as given (more than 1)',
      sub { $_[0]{exp} = time - ($_[1] > 1 ? $_[1] : 600) } ],
    [ exp_missing => '2.3 invalid-missing-exp', 'never expires',
      sub { delete $_[0]{exp} } ],
    [ exp_text => '2.3 invalid-expired-exp', 'exp is text',
      sub { $_[0]{exp} = "$_[0]{exp}" . '' } ],
    [ exp_huge => '2.3', 'expires after the end of time',
      sub { $_[0]{exp} = 1e300 } ],
    [ exp_negative => '2.3', 'exp is negative', sub { $_[0]{exp} = -1 } ],
    [ iat_missing => '2.1 missing-iat', 'no iat',
      sub { delete $_[0]{iat} } ],
    [ iat_skew => '2.4 iat skew', 'iat and nbf so many seconds from now',
      sub { $_[0]{iat} = $_[0]{nbf} = time + $_[1] } ],
    [ nbf_future => '2.4', 'not valid for an hour',
      sub { $_[0]{nbf} = time + 3600 } ],
    [ nonce_wrong => 'E1, 2.1 nonce-invalid', 'another nonce',
      sub { $_[0]{nonce} = 'another' } ],
    [ nonce_missing => 'E1, 2.3 invalid-missing-nonce', 'no nonce',
      sub { delete $_[0]{nonce} } ],
    [ nonce_list => 'E1', 'a list of nonces',
      sub { $_[0]{nonce} = [ $_[0]{nonce} ] } ],
    [ at_hash_wrong => '2.1 invalid-athash', 'at_hash of another token',
      sub { $_[0]{at_hash} = encode_base64url('x' x 16) } ],
    [ at_hash_missing => '2.1 missing-athash',
      'no at_hash (which the code flow allows)',
      sub { delete $_[0]{at_hash} } ],
    [ c_hash_wrong => '2.1 invalid-chash, 2.4', 'c_hash of another code',
      sub { $_[0]{c_hash} = encode_base64url('x' x 16) } ],
    [ auth_time => '2.4 max_age',
      'people logged in so many seconds ago; 0: not said',
      sub { $_[0]{auth_time} = time - $_[1];
            delete $_[0]{auth_time} if !$_[1] } ],
    [ acr => '2.4 acr required', 'acr as given; 0: not said',
      sub { $_[0]{acr} = $_[1]; delete $_[0]{acr} if !$_[1] } ],
    [ email_unverified => 'E34', 'email_verified is false',
      sub { $_[0]{email_verified} = JSON::PP::false() } ],
    [ email => 'E34', 'this e-mail address, verified',
      sub { $_[0]{email} = $_[1];
            $_[0]{email_verified} = JSON::PP::true() } ],
    [ groups => 'E24, E35', 'these groups, of any type; undef: none',
      sub { $_[0]{groups} = $_[1];
            delete $_[0]{groups} if !defined $_[1] } ],
    [ claims_hostile => 'A, 2.4', 'names full of line breaks, commas, '
      . 'quotes, NUL and letters outside ASCII',
      sub { @{ $_[0] }{qw(name given_name preferred_username)} = (
                "A\r\nX-Principal: root", "\x{202e}\x{0}\"',;=%", 'a,b c');
            $_[0]{groups} = [ 'a,b', "c\r\nd", "\x{1f600}", '', 'staff' ]; }
    ],
    [ claims_long => 'J5', 'a name of 30,000 letters and 1,000 groups',
      sub { $_[0]{name} = 'n' x 30_000;
            $_[0]{groups} = [ map { "group-$_" } 1 .. 1000 ] } ],
    [ claims_with => '2.4', 'these claims: { name => value }; undef removes',
      sub { for my $name (keys %{ $_[1] }) {
                $_[0]{$name} = $_[1]{$name};
                delete $_[0]{$name} if !defined $_[1]{$name};
            } } ],
    [ claims_aggregated => '2.1 aggregated-claims',
      'claims of another source, in a JWT',
      sub { $_[0]{_claim_names}   = { groups => 'src1' };
            $_[0]{_claim_sources} = { src1 => { JWT => 'x.y.z' } } } ],
    [ claims_distributed => '2.1 distributed-claims, J3',
      'claims that wait at an internal address',
      sub { $_[0]{_claim_names}   = { groups => 'src1' };
            $_[0]{_claim_sources} = { src1 => {
                endpoint => 'http://169.254.169.254/', access_token => 'x' }
            } } ],
);

my @REFRESHED = map { [ $_->[0], 'refreshed', @$_[1 .. 3] ] } (
    [ refresh_iss_wrong => '2.1 refresh-token-invalid-issuer, E26',
      'another iss after a refresh',
      sub { $_[0]{iss} = 'https://evil.example' } ],
    [ refresh_sub_wrong => '2.1 refresh-token-invalid-sub, E26',
      'another sub after a refresh',
      sub { $_[0]{sub} = 'somebody-else' } ],
    [ refresh_aud_wrong => 'E26', 'for another client after a refresh',
      sub { $_[0]{aud} = 'another' } ],
    [ refresh_nonce_wrong => 'E26', 'another nonce after a refresh',
      sub { $_[0]{nonce} = 'another' } ],
    [ refresh_with => 'E24', 'these claims after a refresh',
      sub { %{ $_[0] } = (%{ $_[0] }, %{ $_[1] }) } ],
);

my @HEADER = map { [ $_->[0], 'header', @$_[1 .. 3] ] } (
    [ alg_none => '2.1 idtoken-sig-none, 2.3 invalid-null-alg',
      'alg none and no signature', sub { $_[0]{alg} = 'none' } ],
    [ alg_none_case => '2.3 invalid-null-alg', 'alg nOnE and no signature',
      sub { $_[0]{alg} = 'nOnE' } ],
    [ alg_label => '2.3 invalid-alternate-alg',
      'says another algorithm than the one that signed',
      sub { $_[0]{alg} = $_[1] eq '1' ? 'PS512' : $_[1] } ],
    [ kid_unknown => 'D, 2.1 signing-key-rotation', 'a kid nobody knows',
      sub { $_[0]{kid} = 'nobody' } ],
    [ kid_missing => '2.1 kid-absent-single-jwks', 'no kid',
      sub { delete $_[0]{kid} } ],
    [ kid_number => 'D', 'kid is a number', sub { $_[0]{kid} = 1 } ],
    [ jwk_embedded => 'D', 'brings a key along',
      sub { $_[0]{jwk} = $_[2]{decoy}->jwk } ],
    [ jku => 'D, J3', 'tells where keys are to be had',
      sub { $_[0]{jku} = $_[0]{x5u} = 'http://169.254.169.254/keys' } ],
    [ crit_unknown => 'D', 'demands something unknown',
      sub { $_[0]{crit} = ['exotic']; $_[0]{exotic} = 1 } ],
    [ typ_other => 'D', 'typ as given', sub { $_[0]{typ} = $_[1] } ],
);

my @JWT = map { [ $_->[0], 'jwt', @$_[1 .. 3] ] } (
    [ signature_wrong => '2.1 invalid-sig-rs256, invalid-sig-es256',
      'one byte of the signature is another', sub { spoil($_[0]) } ],
    [ signature_missing => '2.1 invalid-sig-rs256', 'no signature',
      sub { ${ $_[0] } =~ s/[^.]*\z// } ],
    [ signature_other => '2.4 key reuse across issuers',
      'the signature of a key that is in no set',
      sub { again($_[0], $_[2]{decoy}) } ],
    [ signature_hs256 => '2.1 invalid-sig-hs256',
      'HS256 with the client secret',
      sub { again($_[0], $_[2]{hmac}, alg => 'HS256') } ],
    [ signature_confused => '2.1 invalid-sig-hs256',
      'HS256 with the public key as the secret',
      sub { again($_[0], $_[2]{confused}, alg => 'HS256') } ],
    [ jwt_cut => 'J5', 'the token is cut in the middle',
      sub { ${ $_[0] } = substr ${ $_[0] }, 0, length(${ $_[0] }) / 2 } ],
    [ jwt_four => 'J5', 'the token has four parts',
      sub { ${ $_[0] } .= '.x' } ],
    [ jwt_five => 'J5', 'the token has five parts',
      sub { ${ $_[0] } .= '.x.y' } ],
    [ jwt_text => 'J5', 'the token is no JWT',
      sub { ${ $_[0] } = 'not a token' } ],
    [ jwt_padded => 'J5', 'the parts are padded with =',
      sub { ${ $_[0] } =~ s/([^.]+)/$1 . '=' x (-length($1) % 4)/ge } ],
    [ jwt_long => 'J5', 'a token of 600 kB', sub {
          ${ $_[0] } .= 'A' x 600_000 } ],
    [ claims_twice => 'J5, 2.4', 'sub stands in the claims twice',
      sub { retell($_[0], $_[2],
                   sub { s/\A\{/{"sub":"somebody-else",/ }) } ],
    [ claims_deep => 'J5', 'claims are 10,000 lists deep',
      sub { retell($_[0], $_[2], sub {
          my $deep = '[' x 10_000 . ']' x 10_000;
          s/\A\{/{"deep":$deep,/ }) } ],
    [ claims_text => 'J5', 'claims are not JSON',
      sub { retell($_[0], $_[2], sub { $_ = 'hello' }) } ],
    [ claims_array => 'J5', 'claims are a list',
      sub { retell($_[0], $_[2], sub { $_ = "[$_]" }) } ],
    [ claims_utf8 => 'J5', 'claims are broken UTF-8',
      sub { retell($_[0], $_[2],
                   sub { s/\A\{/{"name2":"\xff\xfe",/ }) } ],
);


sub table { return (@CLAIMS, @REFRESHED, @HEADER, @JWT) }


# Another byte in the middle of a signature
sub spoil {
    my ($jwt) = @_;
    my ($input, $text) = $$jwt =~ /\A(.*\.)([^.]*)\z/s or return;
    my $bytes = decode_base64url($text);
    substr($bytes, length($bytes) / 2, 1) ^= "\x01" if length $bytes;
    $$jwt = $input . encode_base64url($bytes);
    return;
}


# The same claims signed by another key, under the same kid
sub again {
    my ($jwt, $key, %header) = @_;
    my ($head, $claims) = map { decode_base64url($_) } split /\./, $$jwt;
    $head = JSON::PP->new->decode($head);
    $$jwt = $key->sign($claims, header => { %$head, %header });
    return;
}


# Claims changed as text, signed as before
sub retell {
    my ($jwt, $context, $change) = @_;
    my ($head, $claims) = map { decode_base64url($_) } split /\./, $$jwt;
    $change->() for $claims;
    $$jwt = $context->{key}->sign($claims, raw_header => $head);
    return;
}

1;
