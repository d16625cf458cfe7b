# Which signatures verify, with which keys (THREATS 1.D): the key chooses the
# algorithm, no signature has two forms, and what is no key is none.
use Gatehouse::Test timeout => 400;

use Crypt::Digest::SHA256 qw(sha256);
use Crypt::PK::ECC ();
use Crypt::PK::RSA ();
use JSON::PP ();
use Math::BigInt;
use MIME::Base64 qw(encode_base64url decode_base64url);

use Gatehouse::Test::Door;
use Gatehouse::Test::Tls;

my $json = JSON::PP->new->utf8->canonical;


# ---- keys -------------------------------------------------------------------

my $es = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $rs = Gatehouse::Test->token_key(alg => 'RS256', kid => 'rs');
my $ed = Gatehouse::Test->token_key(alg => 'EdDSA', kid => 'ed');
my $p384 = Gatehouse::Test->token_key(alg => 'ES384', kid => 'p384');
my $hs  = Gatehouse::Test->token_key(alg => 'HS256', kid => 'oct');
my $hs2 = Gatehouse::Test->token_key(alg => 'HS256', kid => 'local',
                                     secret => 's' x 32);

# the same key under another kid or algorithm
sub as { my ($key, %other) = @_; return bless { %$key, %other }, ref $key }

my $free   = as(Gatehouse::Test->token_key(alg => 'RS256'), kid => 'free');
my $weak   = Gatehouse::Test->token_key(alg => 'RS256', kid => 'weak',
                                        bits => 1024);
my $twin   = Gatehouse::Test->token_key(alg => 'ES256', kid => 'twin');
my $twin2  = Gatehouse::Test->token_key(alg => 'ES256', kid => 'twin');
my $third  = as($rs, kid => 'three');
$third->{pk} = Crypt::PK::RSA->new;
$third->{pk}->generate_key(256, 3);

my $koblitz = as($es, kid => 'koblitz');
$koblitz->{pk} = Crypt::PK::ECC->new;
$koblitz->{pk}->generate_key('secp256k1');

sub jwk_without { my ($key, @names) = @_;
                  my $jwk = $key->jwk; delete @$jwk{@names}; return $jwk }

sub n_of { my ($key) = @_;
           return Math::BigInt->from_bytes(
               decode_base64url($key->jwk->{n})) }

sub bytes_of { my ($number, $length) = @_;
               my $bytes = $number->to_bytes;
               return "\0" x ($length - length $bytes) . $bytes }

# a certificate whose base64 has all of the alphabet
sub certificate {
    my $pem;
    do {
        $pem = Gatehouse::Test::Tls::run(
            'req', '-x509', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
            '/CN=x', '-keyout', '/dev/null');
        $pem =~ s/^.*?-----BEGIN CERTIFICATE-----|-----END.*|\s//gs;
    } until $pem =~ m{\+} && $pem =~ m{/};
    return $pem;
}

my $identity = "\x01" . "\0" x 31;    # a point of order one
my $x5c = certificate();
my %point = %{ $es->jwk };

my @set = (
    # D34: what a set may hold that is no key for us
    { kty => 'AKP', alg => 'ML-DSA-44', kid => 'pq', pub => 'AAAA' },
    { kty => 'made-up', kid => 'm' },
    { %{ $rs->jwk }, alg => 'RS1024', kid => 'future' },
    { %point, crv => 'P-999', kid => 'p999' },
    # D13: points that are none
    { %point, kid => 'off-curve', x => encode_base64url("\x01" x 32) },
    { %point, kid => 'short', x => encode_base64url("\x01" x 31) },
    { %point, kid => 'long', y => encode_base64url("\0" . 'y' x 32) },
    { %point, kid => 'infinity', x => encode_base64url("\0" x 32),
      y => encode_base64url("\0" x 32) },
    { %{ $koblitz->jwk }, crv => 'secp256k1' },
    { %{ $koblitz->jwk }, crv => 'P-256', kid => 'koblitz-as-p256' },
    { %{ $p384->jwk }, alg => 'ES256', kid => 'p384-as-es256' },
    # D14, D15, D16, D18
    { kty => 'OKP', crv => 'Ed25519', kid => 'identity', alg => 'EdDSA',
      x => encode_base64url($identity) },
    { %{ $rs->jwk }, e => 'AQ', kid => 'e1' },
    $weak->jwk, $third->jwk,
    { %{ $rs->jwk }, kid => 'huge',
      n => encode_base64url("\xc3" . "\x5a" x 2046 . "\x01") },
    { %{ $rs->jwk }, kid => 'huge-e',
      e => encode_base64url("\x7f" . "\xff" x 511) },
    $hs->jwk,
    # and the good ones
    $es->jwk, { %{ $rs->jwk }, x5c => [ $x5c ] }, $ed->jwk, $p384->jwk,
    jwk_without($free, 'alg'), $twin->jwk, $twin2->jwk,
);


# ---- the gateway --------------------------------------------------------------

# Given an issuer with such a set, the same one under an allow-list, and one
# with a local secret
my $t = Gatehouse::Test->new(policies => 0, store => 0);

$t->file('jwks.json', Gatehouse::Test::Token::jwks(@set));
chmod 0600, $t->file('secret', $hs2->secret);

$t->start(http => <<'EOF', locations => <<'EOF2');
gatehouse_token_issuer partners {
    issuer     https://partners.test;
    audience   https://api.test;
    jwks_file  %%DIR%%/jwks.json;
    skew       0s;
}
gatehouse_token_issuer rs_only {
    issuer     https://partners.test;
    audience   https://api.test;
    jwks_file  %%DIR%%/jwks.json;
    algorithms RS256;
}
gatehouse_token_issuer local {
    issuer     https://local.test;
    audience   https://api.test;
    secret     file:%%DIR%%/secret;
}
EOF
    gatehouse_bad_credentials  off;
    location / {
        gatehouse_authenticate  token=partners;
        proxy_pass              http://echo;
    }
    location /optional {
        gatehouse_authenticate  optional token=partners;
        proxy_pass              http://echo;
    }
    location /rs_only {
        gatehouse_authenticate  token=rs_only;
        proxy_pass              http://echo;
    }
    location /local {
        gatehouse_authenticate  token=local;
        proxy_pass              http://echo;
    }
EOF2

my @pids = $t->workers;


# ---- words ------------------------------------------------------------------

my $door = Gatehouse::Test::Door->new($t);
my %base = (iss => 'https://partners.test', aud => 'https://api.test',
            sub => 'alice', exp => time + 600);

sub claims  { return { %base, @_ } }
sub refused { return $door->refused(@_) }
sub served  { return $door->served(@_) }

sub with_signature {
    my ($token, $signature) = @_;
    $token =~ s/[^.]*$//;
    return $token . encode_base64url($signature);
}

sub signature_of { return decode_base64url((split /\./, $_[0])[2]) }


# ---- what is good passes ------------------------------------------------------

my $good = $es->sign(claims());
served('a token of ' . $_->alg . ' passes, fresh and cached',
       $_->sign(claims())) for $es, $rs, $ed, $p384;
served('D34: undecodable and unknown keys do not hide the good ones',
       $ed->sign(claims(x => 34)));
served('D35: a certificate in base64 beside a key does no harm',
       $rs->sign(claims(x => 35)));
served('D18: keys that share a kid are each tried', $_->sign(claims()))
    for $twin, $twin2;


# ---- D2, D3: who chooses the algorithm --------------------------------------------

my $nothing = "\0";    # HMAC cannot tell it from an empty secret
my $pem = $rs->public_pem;
my $ec_pem = $es->public_pem;
my %public = (
    'the PEM'                  => $pem,
    'the PEM with CRLF'        => $pem =~ s/\n/\r\n/gr,
    'the PEM, no last newline' => $pem =~ s/\n$//r,
    'the PEM after a space'    => " $pem",
    'the PEM after a newline'  => "\n$pem",
    'the PKCS1 PEM'            => $rs->{pk}->export_key_pem('public'),
    'the SPKI DER'             => MIME::Base64::decode(
                                      $pem =~ s/-----.*?-----//gr),
    'the PKCS1 DER'            => $rs->{pk}->export_key_der('public'),
    'the JWK'                  => $json->encode($rs->jwk),
    'the JWK in the set'       => $json->encode({ %{ $rs->jwk },
                                                  x5c => [ $x5c ] }),
    'the modulus'              => decode_base64url($rs->jwk->{n}),
    'the modulus in base64url' => $rs->jwk->{n},
    'the certificate'          => MIME::Base64::decode($x5c),
    'the certificate in base64' => $x5c,
    'nothing'                  => $nothing,
);
for my $what (sort keys %public) {
    for my $alg (qw(HS256 HS512)) {
        my $forger = Gatehouse::Test->token_key(
            alg => $alg, kid => 'rs', secret => $public{$what});
        refused("D2: $alg with $what as the secret",
                $forger->sign(claims()), 'token_algorithm');
    }
}
for my $secret ($ec_pem, decode_base64url($es->jwk->{x}), $nothing) {
    my $forger = Gatehouse::Test->token_key(alg => 'HS256', kid => 'es',
                                            secret => $secret);
    refused('D2: HS256 with a public EC key as the secret',
            $forger->sign(claims()), 'token_algorithm');
}

served("D3: a key without alg takes $_", as($free, alg => $_)->sign(claims()))
    for qw(RS256 RS384 RS512 PS256);
refused("D3: a key without alg is no $_ key",
        as($_ eq 'HS256' ? $hs : $es, alg => $_, kid => 'free')
            ->sign(claims()), 'token_algorithm') for qw(ES256 HS256);
refused("D3: a key for RS256 is none for $_",
        as($rs, alg => $_)->sign(claims()), 'token_algorithm')
    for qw(RS384 RS512 PS256);
served('D3: an allow-list admits what it names', $free->sign(claims(a => 1)),
       '/rs_only');
refused("D3: an allow-list of RS256 refuses $_->[0]",
        as($_->[1], alg => $_->[0])->sign(claims()), 'token_algorithm',
        '/rs_only')
    for [ RS512 => $free ], [ PS256 => $free ], [ ES256 => $es ];


# ---- D11 to D14: elliptic curves ---------------------------------------------------

my $order = Math::BigInt->from_hex('ffffffff00000000ffffffffffffffff'
                                   . 'bce6faada7179e84f3b9cac2fc632551');
my ($r, $s) = map { Math::BigInt->from_bytes($_) }
              unpack 'a32a32', signature_of($good);
my $most = Math::BigInt->from_bytes("\xff" x 32);

for ([ 'r and s are 0', 0, 0 ], [ 'r is 0', 0, $s ], [ 's is 0', $r, 0 ],
     [ 'r is n', $order, $s ], [ 's is n', $r, $order ],
     [ 'both are n', $order, $order ], [ 'both are above n', $most, $most ],
     [ 'r is 1, s is n', 1, $order ])
{
    my ($what, @pair) = @$_;
    refused("D11: $what", with_signature($good, join '', map {
        bytes_of(Math::BigInt->new($_), 32) } @pair), 'token_signature');
}
refused('D11: r + n', with_signature($good,
        bytes_of($r + $order, 33) . bytes_of($s, 32)));
refused('D11: another token\'s signature', with_signature($good,
        signature_of($es->sign(claims(x => 11)))), 'token_signature');

my ($input) = $good =~ /^(.*)\./;
my $rs_sig  = signature_of($good);
refused('D12: a DER signature', with_signature($good,
        $es->{pk}->sign_message($input, 'SHA256')));
refused("D12: $_->[0]", with_signature($good, $_->[1]))
    for [ '63 bytes', substr $rs_sig, 0, 63 ], [ '65 bytes', "\0$rs_sig" ],
        [ 'a trailing byte', "$rs_sig\0" ], [ 'it twice', $rs_sig x 2 ],
        [ 'nothing', '' ];

refused("D13: a key that is \"$_\" is none",
        as($es, kid => $_)->sign(claims()))
    for qw(off-curve short long infinity p999 p384-as-es256);
refused("D13: secp256k1 as $_", as($koblitz, kid => $_)->sign(claims()))
    for qw(koblitz koblitz-as-p256);
refused('D13: ES256 with a P-384 key', $p384->sign(claims(),
        header => { alg => 'ES256' }));
refused('D13: ES384 with a P-256 key', $es->sign(claims(),
        header => { alg => 'ES384' }));

my $l = Math::BigInt->from_hex('1000000000000000000000000000000014def9de'
                               . 'a2f79cd65812631a5cf5d3ed');
my $ed_token = $ed->sign(claims(x => 14));
served('an EdDSA token', $ed_token);
my ($big_r, $small_s) = unpack 'a32a32', signature_of($ed_token);
my $plus = reverse bytes_of(
    Math::BigInt->from_bytes(scalar reverse $small_s) + $l, 32);
refused('D14: S + L', with_signature($ed_token, $big_r . $plus),
        'token_signature');
refused('D14: a key of small order', with_signature(
        as($ed, kid => 'identity')->sign(claims()), $identity . "\0" x 32));
refused('D14: zeros', with_signature($ed_token, "\0" x 64),
        'token_signature');


# ---- D15 to D18: RSA and secrets ---------------------------------------------------

# the block that RSASSA-PKCS1-v1_5 signs, 256 bytes
sub padded {
    my ($text, %arg) = @_;
    my $info = pack('H*', '3031300d060960864801650304020105000420')
             . sha256($text);
    my $ff = $arg{ff} // 256 - 3 - length $info;
    my $block = "\0\1" . "\xff" x $ff . "\0$info";
    return $block . "\0" x (256 - length $block);
}

my $e1 = as($rs, kid => 'e1')->sign(claims()) =~ s/\.[^.]*$//r;
refused('D15: e is 1', "$e1." . encode_base64url(padded($e1)));
refused('D15: 1024 bits', $weak->sign(claims()));

# a cube root whose upper bytes are those of a short padding
my $cube = $third->sign(claims()) =~ s/\.[^.]*$//r;
my $root = Math::BigInt->from_bytes(padded($cube, ff => 8))->broot(3) + 1;
refused('D15: padding with garbage behind it (Bleichenbacher 2006)',
        "$cube." . encode_base64url(bytes_of($root, 256)));

my $leading;
my $i = 0;
do { $leading = $rs->sign(claims(i => $i++)) }
    until signature_of($leading) =~ /^\0/;
served('D15: a signature that begins with a zero', $leading);
refused('D15: the same without its zero', with_signature($leading,
        substr signature_of($leading), 1));
refused('D15: the same with one more', with_signature($leading,
        "\0" . signature_of($leading)));
my $rs_good = $rs->sign(claims(x => 15));
refused('D15: a signature plus the modulus', with_signature($rs_good,
        bytes_of(Math::BigInt->from_bytes(signature_of($rs_good))
                 + n_of($rs), 257)));

refused("D16: $_ is refused when it is loaded",
        as($rs, kid => $_)->sign(claims())) for qw(huge huge-e);

my %local = (iss => 'https://local.test');
served('D17: a local secret of 32 bytes', $hs2->sign(claims(%local)),
       '/local');
refused('D17: another secret', as($hs2, secret => 'S' x 32)
        ->sign(claims(%local)), 'token_signature', '/local');
refused('D17: an empty secret', as($hs2, secret => $nothing)
        ->sign(claims(%local)), 'token_signature', '/local');
refused('D17: the secret signs for no other issuer', $hs2->sign(claims()));

refused('D18: a secret in a published set', $hs->sign(claims()));
refused('D18: the same with no kid', as($hs, kid => undef)->sign(claims()));


# ---- the end -----------------------------------------------------------------------

is(join(' ', $t->workers), "@pids", 'no worker has ended');
served('what is good still passes', $good);
$door->judge;

done_testing;
