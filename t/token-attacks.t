# Bearer tokens as an attacker would make them: every row of THREATS 1.D at
# the door of a running gateway. What each of them must find: 401, with one
# look for all, and a service behind that saw nothing.
use Gatehouse::Test timeout => 400;

use Compress::Zlib ();
use Crypt::AuthEnc::GCM ();
use Crypt::Digest::SHA256 qw(sha256);
use Crypt::Mac::HMAC ();
use Crypt::PK::ECC ();
use Crypt::PK::RSA ();
use IO::Select;
use IO::Socket::IP;
use JSON::PP ();
use Math::BigInt;
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64url);

use Gatehouse::Test::Tls;

my $json = JSON::PP->new->utf8->canonical;


# ---- keys -------------------------------------------------------------------

my $es = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $rs = Gatehouse::Test->token_key(alg => 'RS256', kid => 'rs');
my $ed = Gatehouse::Test->token_key(alg => 'EdDSA', kid => 'ed');
my $p384 = Gatehouse::Test->token_key(alg => 'ES384', kid => 'p384');
my $stranger = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
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

# Given locations that accept one issuer's tokens, and one that lets callers
# without any credential in
my $t = Gatehouse::Test->new(policies => 0, store => 0);
my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 5)
    or die "listen: $@\n";
my $evil = 'http://127.0.0.1:' . $listener->sockport;

$t->file('jwks.json', Gatehouse::Test::Token::jwks(@set));
$t->file('stranger.json', Gatehouse::Test::Token::jwks($stranger));
chmod 0600, $t->file('secret', $hs2->secret);

$t->start(http => <<'EOF', server => <<'EOF2', locations => <<'EOF3');
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
gatehouse_token_issuer stranger {
    issuer     https://stranger.test;
    audience   https://api.test;
    jwks_file  %%DIR%%/stranger.json;
}
gatehouse_token_issuer local {
    issuer     https://local.test;
    audience   https://api.test;
    secret     file:%%DIR%%/secret;
}
gatehouse_token_issuer away {
    issuer     https://away.test;
    audience   https://api.test;
    jwks_uri   http://127.0.0.1:%%PORT_nobody%%/keys;
}
EOF
    gatehouse_bad_credentials    off;
    large_client_header_buffers  4 1500k;
EOF2
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
    location /two {
        gatehouse_authenticate  token=partners token=stranger;
        proxy_pass              http://echo;
    }
    location /stranger {
        gatehouse_authenticate  token=stranger;
        proxy_pass              http://echo;
    }
    location /local {
        gatehouse_authenticate  token=local;
        proxy_pass              http://echo;
    }
    location /away {
        gatehouse_authenticate  token=away;
        proxy_pass              http://echo;
    }
    location /scope/a {
        gatehouse_authenticate  token=partners;
        gatehouse_authorize     scope=a;
        proxy_pass              http://echo;
    }
    location /scope/b {
        gatehouse_authenticate  token=partners;
        gatehouse_authorize     scope=b;
        proxy_pass              http://echo;
    }
EOF3

my @pids = $t->workers;
my %base = (iss => 'https://partners.test', aud => 'https://api.test',
            sub => 'alice', exp => time + 600);
my (%expected, %look, $n);


# ---- words ------------------------------------------------------------------

sub claims { return { %base, @_ } }

# The text is sent as Authorization, twice and where no credential would do.
sub refused {
    my ($name, $token, $reason, @paths) = @_;
    @paths = ('/', '/', '/optional') if !@paths;

    my @headers = ref $token ? @$token : (Authorization => "Bearer $token");
    $t->plant_secret($token) if !ref $token && length $token < 10_000;

    my @got;
    for my $path (@paths) {
        my $at = "$path?" . ++$n;
        my $res = $t->get($at, headers => \@headers);
        push @got, $res->status;
        $look{ look($res) } //= $name;
        $expected{$at} = [ $name, $reason ];
    }

    my $seen = $t->journal;
    $t->journal_clear if $seen;
    return is("@got, service $seen", join(' ', (401) x @paths)
              . ', service 0', $name);
}

sub look {
    my ($res) = @_;
    my $text = $res->head . "\n" . $res->body;
    $text =~ s/[0-9a-f]{32}/ID/g;
    $text =~ s/^Date: .*$/Date/m;
    return $text;
}

sub served {
    my ($name, $token, $path) = @_;
    my @got = map { $t->get($path // '/', token => $token)->status } 1, 2;
    $t->journal_clear;
    return is("@got", '200 200', $name);
}

sub with_signature {
    my ($token, $signature) = @_;
    $token =~ s/[^.]*$//;
    return $token . encode_base64url($signature);
}

sub signature_of { return decode_base64url((split /\./, $_[0])[2]) }

sub compact { return join '.', map { encode_base64url($_) } @_ }


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


# ---- D1: no signature -----------------------------------------------------------

for my $alg (qw("none" "None" "NONE" "nOnE" "" null 0 ["none"] true), '') {
    my $header = '{"typ":"JWT","kid":"es"'
               . (length $alg ? ",\"alg\":$alg" : '') . '}';
    my $text   = $es->sign(claims(), raw_header => $header);
    my $what   = length $alg ? "alg $alg" : 'no alg';
    my $bare   = $text =~ s/[^.]*$//r;

    refused("D1: $what, signed all the same", $text);
    refused("D1: $what, no signature", $bare);
    refused("D1: $what, not even the dot", $bare =~ s/\.$//r,
            'token_malformed');
}
refused('D1: a good token without its signature', $good =~ s/[^.]*$//r);
refused('D1: a good token without its last part', $good =~ s/\.[^.]*$//r);


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


# ---- D4, D5, D6, D28, D29, D30: encrypted tokens ----------------------------------

# a JWE of five parts; key and iv are 32 and 12 bytes
sub jwe {
    my ($header, $plain, %arg) = @_;
    my $aad = encode_base64url($json->encode($header));
    my $iv  = $arg{iv} // "\0" x 12;
    my $gcm = Crypt::AuthEnc::GCM->new('AES', $arg{key} // "\0" x 32, $iv);

    $gcm->adata_add($aad);
    my $text = $gcm->encrypt_add($plain);
    my $tag  = $gcm->encrypt_done;
    $tag = $arg{tag}->($tag) if $arg{tag};
    return "$aad." . compact($arg{wrapped} // '', $iv, $text, $tag);
}

my %dir   = (alg => 'dir', enc => 'A256GCM', kid => 'es');
my $plain = $json->encode(claims());
my $inner = compact('{"alg":"none"}', $plain, '');

refused('D4: a JWE under an empty key', jwe({ %dir }, $plain),
        'token_encrypted');
refused('D4: a JWE under a key of the published set',
        jwe({ %dir, kid => 'oct' }, $plain,
            key => substr $hs->secret, 0, 32), 'token_encrypted');
refused('D4: three parts with enc in the header',
        $es->sign(claims(), header => { enc => 'A256GCM' }));
refused('D4: three parts with enc, unsigned',
        compact($json->encode(\%dir), $plain, ''));
refused('D5: a JWE with a flipped tag', jwe({ %dir }, $plain,
        tag => sub { $_[0] ^ "\1" . "\0" x 15 }), 'token_encrypted');
refused('D5: a JWE without a tag', jwe({ %dir }, $plain, tag => sub { '' }),
        'token_encrypted');
refused('D5: a JWE with 4 bytes of tag', jwe({ %dir }, $plain,
        tag => sub { substr $_[0], 0, 4 }), 'token_encrypted');
refused('D5: a JWE without kid', jwe({ alg => 'dir', enc => 'A256GCM' },
        $plain), 'token_encrypted');

my $wrapped = $rs->{pk}->encrypt("\0" x 32, 'oaep', 'SHA1');
my $rsa1_5  = $rs->{pk}->encrypt("\0" x 32, 'v1.5');
my %oaep    = (alg => 'RSA-OAEP', enc => 'A256GCM', kid => 'rs');
refused('D6: an unsigned token wrapped for a public key',
        jwe({ %oaep, cty => 'JWT' }, $inner, wrapped => $wrapped),
        'token_encrypted');
refused('D6: claims wrapped for a public key',
        jwe(\%oaep, $plain, wrapped => $wrapped), 'token_encrypted');
refused('D6: a good token wrapped for a public key',
        jwe({ %oaep, cty => 'JWT' }, $good, wrapped => $wrapped),
        'token_encrypted');

my $deflater = Compress::Zlib::deflateInit(-WindowBits => -15, -Level => 9);
my $bomb = $deflater->deflate('a' x 4_000_000);
$bomb .= $deflater->flush;
refused('D28: a JWE that unpacks to megabytes',
        jwe({ %dir, zip => 'DEF' }, $bomb), 'token_encrypted');
refused('D28: a signed token that says zip',
        $es->sign($bomb, header => { zip => 'DEF' }));
refused('D29: PBES2 with 2^31 rounds', jwe({ alg => 'PBES2-HS256+A128KW',
        enc => 'A256GCM', p2c => 2**31, p2s => 'AAAA' }, $plain),
        'token_encrypted');
refused('D29: the same in three parts', $es->sign(claims(), header =>
        { alg => 'PBES2-HS256+A128KW', p2c => 2**31 }), 'token_algorithm');
refused('D30: RSA1_5', jwe({ %oaep, alg => 'RSA1_5' }, $plain,
        wrapped => $rsa1_5), 'token_encrypted');
refused('D30: RSA1_5 with another padding', jwe({ %oaep, alg => 'RSA1_5' },
        $plain, wrapped => $wrapped), 'token_encrypted');


# ---- D7 to D10: keys that the token brings -----------------------------------------

for my $kid ('../../../../dev/null', '/etc/hostname', '/dev/null', '',
             "x' UNION SELECT 'a", '| id', '../../evil',
             "\@127.0.0.1:" . $listener->sockport . '/', "$evil/key",
             'k' x 2000)
{
    my $forger = Gatehouse::Test->token_key(alg => 'HS256', secret => $nothing,
                                            kid => $kid);
    my $shown = substr $kid, 0, 30;
    refused("D7, D8: kid \"$shown\" with an empty secret",
            $forger->sign(claims()));
    refused("D7, D8: kid \"$shown\"", as($stranger, kid => $kid)
            ->sign(claims()));
}
refused("D7: kid is $_", $es->sign(claims(), raw_header =>
        "{\"alg\":\"ES256\",\"kid\":$_}"))
    for '1', '{}', '["es"]', 'null', 'true', '"es\u0000"', '"es\u0000b"';
refused('D7: kid of 64 kB', $es->sign(claims(),
        header => { kid => 'k' x 65_536 }), 'token_malformed');

refused("D9: $_ of a listener", $es->sign(claims(),
        header => { $_ => "$evil/jwks" })) for qw(jku x5u);
refused("D9: $_ and a key of one's own", as($stranger, kid => 'mine')
        ->sign(claims(), header => { $_ => "$evil/jwks" })) for qw(jku x5u);

my $own = Gatehouse::Test->token_key(alg => 'RS256', kid => 'own');
refused('D10: a token with its own jwk', $own->sign(claims(),
        header => { jwk => $own->jwk }));
refused('D10: the same under a known kid', $own->sign(claims(),
        header => { jwk => $own->jwk, kid => 'rs' }));
refused('D10: a token with its own x5c', $own->sign(claims(),
        header => { x5c => [ $x5c ] }));
refused('D10: a thumbprint of nobody\'s certificate', $own->sign(claims(),
        header => { 'x5t#S256' => encode_base64url(sha256(
            MIME::Base64::decode($x5c))) }));


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


# ---- D19 to D22: one form, one text -------------------------------------------------

my ($h, $p, $sig) = split /\./, $good;
my $one = { protected => $h, signature => $sig };
my $bad = { protected => $h, signature => encode_base64url('x' x 64) };
for ([ 'flattened', { %$one, payload => $p } ],
     [ 'general, one good and one bad signature',
       { payload => $p, signatures => [ $one, $bad ] } ],
     [ 'an unprotected alg', { payload => $p, signature => $sig,
       header => { alg => 'none' } } ])
{
    my ($what, $doc) = @$_;
    refused("D19: $what", $json->encode($doc), 'token_malformed');
}
refused('D19: four parts', "$good.x");

refused("D20: $_->[0]", $es->sign(claims(), raw_header =>
        '{"alg":"ES256","kid":"es",' . $_->[1] . '}'), 'token_critical')
    for [ 'crit exp2', '"crit":["exp2"],"exp2":1' ],
        [ 'an empty crit', '"crit":[]' ], [ 'crit is text', '"crit":"b64"' ],
        [ 'b64 false', '"b64":false,"crit":["b64"]' ],
        [ 'crit alg', '"crit":["alg"]' ];
refused('D20: b64 without crit', $es->sign(claims(), raw_header =>
        '{"alg":"ES256","kid":"es","b64":false}'));

refused("D21: header with two $_", $es->sign(claims(), raw_header =>
        "{\"alg\":\"ES256\",\"kid\":\"es\",\"$_\":\"none\"}"))
    for qw(alg kid);
refused("D21: claims with two $_", $es->sign(
        $json->encode(claims()) =~ s/^\{/{"$_":"other",/r))
    for qw(sub aud exp iss);
refused('D21: claims with two of anything', $es->sign(
        $json->encode(claims(role => 'a')) =~ s/^\{/{"role":"b",/r));
refused('D21: two of a kind deep inside', $es->sign(
        $json->encode(claims()) =~ s/^\{/{"x":{"a":1,"a":2},/r));

# a good token that is cached, and its near twins
served('a good token is remembered', $good);
my %twins = (
    'one = at the end'        => "$good=",
    'two = at the end'        => "$good==",
    'a newline, encoded'      => "$good%0A",
    'padding inside'          => "$h=.$p.$sig",
    'a dot at the end'        => "$good.",
    'a dot at the beginning'  => ".$good",
    'two dots'                => "$h..$p.$sig",
    'upper case header'       => uc($h) . ".$p.$sig",
);
my @alphabet = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
my %value = map { $alphabet[$_] => $_ } 0 .. 63;
my $last = $value{ substr $sig, -1 };
$twins{"loose bits $_"} = substr($good, 0, -1) . $alphabet[ $last ^ $_ ]
    for 1, 2, 3, 15;
refused("D22: $_", $twins{$_}) for sort keys %twins;

my $dashed;
$i = 0;
do { $dashed = $es->sign(claims(dash => $i++)) }
    until (split /\./, $dashed)[2] =~ /-.*_|_.*-/;
served('D22: a token with both of the alphabet\'s own signs', $dashed);
refused('D22: the same in the other alphabet', $dashed =~ tr{-_}{+/}r);


# ---- D23 to D25: claims --------------------------------------------------------------

my $now = time;
served('D23: exp with a fraction', $es->sign(
       $json->encode(claims()) =~ s/("exp":\d+)/$1.5/r));
for ([ 'exp is text', '"9999999999"' ], [ 'exp is 1e300', '1e300' ],
     [ 'exp is -1', '-1' ], [ 'exp is null', 'null' ],
     [ 'exp is true', 'true' ], [ 'exp is 0', '0' ],
     [ 'exp is 1e999', '1e999' ], [ 'exp is a list', '[9999999999]' ],
     [ 'exp is 2^63', '9223372036854775808' ],
     [ 'exp is more than 2^64', '18446744073709551617' ],
     [ 'exp is over', $now - 1 ])
{
    my ($what, $value) = @$_;
    refused("D23: $what", $es->sign(
        $json->encode(claims()) =~ s/"exp":\d+/"exp":$value/r));
}
my %no_exp = %base;
delete $no_exp{exp};
refused('D23: no exp', $es->sign(\%no_exp), 'token_claim');
refused("D23: $_ in the future", $es->sign(claims($_ => $now + 300)),
        'token_not_yet') for qw(nbf iat);
refused("D23: $_ is text", $es->sign(claims($_ => 'x')), 'token_claim')
    for qw(nbf iat);
refused('D23: sub is a number', $es->sign(claims(sub => 1)), 'token_claim');

for ('other', 'https://api.test/', 'https://api.tes', 'HTTPS://api.test',
     'https://api.test.evil', '', [ 'other' ], [], {}, undef,
     [ 'https://api.test', 1 ], [ [ 'https://api.test' ] ])
{
    my $aud = $json->allow_nonref->encode($_);
    refused("D24: aud is $aud", $es->sign(claims(aud => $_)),
            'token_audience');
}
my %no_aud = %base;
delete $no_aud{aud};
refused('D24: no aud', $es->sign(\%no_aud), 'token_audience');
served('D24: one of several audiences', $es->sign(
       claims(aud => [ 'other', 'https://api.test' ])));
for ('https://partners.test/', 'https://partners.tes', 'partners',
     'HTTPS://partners.test', '', undef, [ 'https://partners.test' ],
     "https://partners.test\0")
{
    my $iss = $json->allow_nonref->encode($_);
    refused("D24: iss is $iss", $es->sign(claims(iss => $_)));
}
my %no_iss = %base;
delete $no_iss{iss};
refused('D24: no iss', $es->sign(\%no_iss), 'token_issuer');

my $theirs = $stranger->sign(claims(iss => 'https://stranger.test'));
served('another issuer\'s token where it is welcome', $theirs, '/two');
served('the same where that issuer alone is believed', $theirs, '/stranger');
refused('D24: the same where it is not, although it is cached', $theirs,
        'token_issuer');
refused('D24: our iss with another issuer\'s key', $stranger->sign(claims()),
        'token_signature', '/', '/two');
refused('D24: their iss with our key', $es->sign(
        claims(iss => 'https://stranger.test')), 'token_signature', '/two');

refused("D25: a token with $_ is an ID token", $es->sign(claims($_ => 'x')),
        'token_type') for qw(nonce at_hash c_hash s_hash);
refused('D25: a logout token', $es->sign(claims(events => {
        'http://schemas.openid.net/event/backchannel-logout' => {} })),
        'token_type');
refused("D25: typ \"$_\"", $es->sign(claims(), header => { typ => $_ }),
        'token_type')
    for 'logout+jwt', 'dpop+jwt', 'secevent+jwt', 'id_token', '', 'JWS';
refused('D25: typ is a number', $es->sign(claims(), header => { typ => 1 }),
        'token_type');
served("D25: typ $_ is an access token", $es->sign(claims(),
       header => { typ => $_ })) for 'at+jwt', 'application/at+jwt', 'jwt';


# ---- D26, D27: where tokens stand ------------------------------------------------------

# nginx itself refuses a second Authorization line, and writes both to an
# error log of level info: these tokens are not planted
sub kept_out {
    my ($name, $path, @headers) = @_;
    my @got = map { $t->get($path, headers => \@headers)->status } 1, 2;
    return is("@got, service " . scalar $t->journal, '400 400, service 0',
              $name);
}

my $pair = $es->sign(claims(x => 26));
my @bearer = (Authorization => "Bearer $pair");
is($t->get('/', headers => \@bearer)->status, 200, 'D26: a token, cached');
$t->journal_clear;
kept_out('D26: two Authorization lines', '/', @bearer, @bearer);
kept_out('D26: a good one and another', '/', @bearer,
         Authorization => 'Bearer x');
kept_out('D26: a token and a password', '/', @bearer,
         Authorization => 'Basic YTpi');
kept_out('D26: a password and a token', '/optional',
         Authorization => 'Basic YTpi', @bearer);
kept_out('D26: two while the keys are away', '/away', @bearer, @bearer);
is($t->get('/away', token => $es->sign(claims(iss => 'https://away.test')))
   ->status, 503, 'D26: one while the keys are away cannot be judged');
is($t->get('/?access_token=' . $good)->status, 401,
   'D26: a token in the query is none');
is($t->get('/', headers => [ Cookie => "access_token=$good" ])->status, 401,
   'D26: nor is one in a cookie');
is(scalar $t->journal, 0, 'D26: and nothing of it reached the service');

is($t->get('/', headers => [ Authorization => "$_ $good" ])->status, 200,
   "D27: the scheme may be written $_") for qw(bearer BEARER bEaReR);
$t->journal_clear;
for my $value ('Bearer', 'Bearer ', 'bearer x', 'Bearer x y', 'Bearer  x',
               'Bearer .', 'Bearer ..', 'Bearer ...', "Bearer\t$good",
               "Bearer  $good", "Bearer $good x", "Bearer $good, Bearer $good",
               "Bearer \"$good\"", "Bearer \xff\xfe", 'Bearer ' . '.' x 4000)
{
    my $shown = substr $value =~ s/\Q$good\E/GOOD/gr =~ s/[^ -~]/?/gr, 0, 40;
    refused("D27: \"$shown\"", [ Authorization => $value ]);
}
is($t->get('/', headers => [ Authorization => $_->[1] ])->status, 401,
   "D27: $_->[0] is no bearer token")
    for [ 'nothing', '' ], [ 'another scheme', "Basic $good" ],
        [ 'a made-up scheme', "Token $good" ], [ 'no scheme', $good ],
        [ 'a longer scheme', "Bearerx $good" ], [ 'JWT', "JWT $good" ];
is($t->raw_request("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
   . "Bearer a\0b\r\nConnection: close\r\n\r\n")->status, 400,
   'D27: a NUL is no header at all');
is(scalar $t->journal, 0, 'D27: none of them reached the service');


# ---- D31: sizes ----------------------------------------------------------------------

my $pid = $pids[0];
sub memory_kb {
    return Gatehouse::Test::Logs::slurp("/proc/$pid/status")
           =~ /^VmHWM:\s+(\d+)/m ? $1 : 0;
}

refused("D31: $_->[0]", $_->[1], 'token_malformed')
    for [ 'a token of 1 MB', $good . 'x' x 1_000_000 ],
        [ 'claims of 10 000 levels', $es->sign('[' x 10_000 . ']' x 10_000) ],
        [ '100 000 claims', $es->sign('{' . join(',', map { "\"c$_\":1" }
          1 .. 60_000) . '}') ],
        [ 'a number of 1 MB', $es->sign('{"exp":' . '9' x 1_000_000 . '}') ];
refused("D31: $_->[0]", $_->[1])
    for [ 'claims of 2 000 levels', $es->sign(
          '{"a":' . '[' x 2000 . ']' x 2000 . '}') ],
        [ 'a header of 2 000 levels', $es->sign(claims(), raw_header =>
          '{"alg":"ES256","kid":"es","a":' . '[' x 2000 . ']' x 2000 . '}') ],
        [ 'a number of 5 kB', $es->sign('{"exp":' . '9' x 5000 . '}') ],
        [ 'claims that are a list', $es->sign('[]') ],
        [ 'claims that are text', $es->sign('"x"') ],
        [ 'no claims', $es->sign('') ],
        [ 'claims that are no UTF-8', $es->sign(
          $json->encode(claims()) =~ s/alice/al\xffce/r) ];
is($t->get('/', headers => [ Authorization => 'Bearer ' . 'x' x 1_600_000 ])
   ->status, 400, 'D31: beyond the header buffers nginx says no');

SKIP: {
    skip 'an instrumented worker measures itself', 1
        if Gatehouse::Test::mk('GH_SANITIZE') ne '';

    my $before = memory_kb();
    $t->get('/', headers => [ Authorization => "Bearer $_" ]) for map {
        (jwe({ %dir, zip => 'DEF', x => $_ }, $bomb),
         $es->sign('{"a":' . '[' x 2000 . ']' x 2000 . '}',
                   header => { x => $_ }))
    } 1 .. 50;
    my $grown = memory_kb() - $before;
    cmp_ok($grown, '<', 4096, 'K1, D28: a hundred of the worst leave the '
           . 'worker\'s memory where it was') or diag("$grown kB");
}
is(scalar $t->journal, 0, 'D31: none of them reached the service');


# ---- D33: what is remembered -----------------------------------------------------------

my $scoped = $es->sign(claims(scope => 'a'));
is($t->get('/scope/a', token => $scoped)->status, 200, 'D33: scope a opens a');
is($t->get('/scope/b', token => $scoped)->status, 403,
   'D33: not b, although the token is cached');
is($t->get('/scope/a', token => $scoped)->status, 200, 'D33: and a still');
$t->journal_clear;
refused('D33: a cached token where another issuer is asked for', $scoped,
        'token_issuer', '/stranger');

my $brief = $es->sign(claims(exp => time + 4));
is($t->get('/', token => $brief)->status, 200, 'D33: a token for a few seconds');
wait_for(sub { $t->get('/', token => $brief)->status == 401 }, 10,
         'the token to end');
$t->journal_clear;
refused('D33: it was cached, and ends when it says', $brief, 'token_expired');


# ---- the end -----------------------------------------------------------------------

is(IO::Select->new($listener)->can_read(0) ? 1 : 0, 0,
   'D8, D9: nobody ever called where a token pointed to');
is(join(' ', $t->workers), "@pids", 'no worker has ended');
served('what is good still passes', $good);

my ($first, @others) = sort { $look{$a} cmp $look{$b} } keys %look;
is(scalar @others, 0, 'D30, F3: every refusal looks like every other')
    or diag("$look{$first}: $first\n$look{$others[0]}: $others[0]");
like($first, qr/^WWW-Authenticate: Bearer realm=/m, 'and says what to send');

my %said = map { $_->{target} => $_->{reason} } $t->decisions(
    scalar keys %expected);
my @wrong;
for (sort keys %expected) {
    my ($name, $reason) = @{ $expected{$_} };
    my $log = $said{$_} // 'nothing';
    push @wrong, "$name: the log says $log"
        if $log eq 'nothing' || $log ne ($reason // $log);
}
is(scalar @wrong, 0, 'the log knows why, each time')
    or diag(join "\n", @wrong);
is(scalar(grep { /\[error\]/ && !/issuer "away"/ } split /\n/, $t->error_log),
   0, 'K11: a bad token is no error of ours');

done_testing;
