# Bearer tokens as an attacker would make them (THREATS 1.D): unsigned ones,
# encrypted ones, keys that they bring, forms, claims, sizes, memory. The
# algorithms and keys themselves are in t/token-signatures.t.
use Gatehouse::Test timeout => 400;

use Compress::Zlib ();
use Crypt::AuthEnc::GCM ();
use Crypt::Digest::SHA256 qw(sha256);
use IO::Select;
use IO::Socket::IP;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);

use Gatehouse::Test::Door;
use Gatehouse::Test::Tls;

my $json = JSON::PP->new->utf8->canonical;


# ---- keys -------------------------------------------------------------------

my $es = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $rs = Gatehouse::Test->token_key(alg => 'RS256', kid => 'rs');
my $hs = Gatehouse::Test->token_key(alg => 'HS256', kid => 'oct');
my $stranger = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $nothing = "\0";    # HMAC cannot tell it from an empty secret

# the same key under another kid or algorithm
sub as { my ($key, %other) = @_; return bless { %$key, %other }, ref $key }

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

my $x5c = certificate();


# ---- the gateway --------------------------------------------------------------

# Given locations that accept one issuer's tokens, and one that lets callers
# without any credential in
my $t = Gatehouse::Test->new(policies => 0, store => 0);
my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 5)
    or die "listen: $@\n";
my $evil = 'http://127.0.0.1:' . $listener->sockport;

$t->file('jwks.json', Gatehouse::Test::Token::jwks($es, $rs, $hs));
$t->file('stranger.json', Gatehouse::Test::Token::jwks($stranger));

$t->start(http => <<'EOF', server => <<'EOF2', locations => <<'EOF3');
gatehouse_token_issuer partners {
    issuer     https://partners.test;
    audience   https://api.test;
    jwks_file  %%DIR%%/jwks.json;
    skew       0s;
}
gatehouse_token_issuer stranger {
    issuer     https://stranger.test;
    audience   https://api.test;
    jwks_file  %%DIR%%/stranger.json;
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
    location /two {
        gatehouse_authenticate  token=partners token=stranger;
        proxy_pass              http://echo;
    }
    location /stranger {
        gatehouse_authenticate  token=stranger;
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


# ---- words ------------------------------------------------------------------

my $door = Gatehouse::Test::Door->new($t);
my %base = (iss => 'https://partners.test', aud => 'https://api.test',
            sub => 'alice', exp => time + 600);

sub claims  { return { %base, @_ } }
sub refused { return $door->refused(@_) }
sub served  { return $door->served(@_) }

sub compact { return join '.', map { encode_base64url($_) } @_ }


# ---- what is good passes ------------------------------------------------------

my $good = $es->sign(claims());
served('a token of ' . $_->alg . ' passes, fresh and cached',
       $_->sign(claims())) for $es, $rs;


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
my $i = 0;
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
$door->judge;

done_testing;
