# Whoever signs by the recipes of examples/signatures, or with the tool, gets
# in: shell, Python, Node, gatehouse sign.
use Gatehouse::Test timeout => 200;
use Gatehouse::Test::Signature;

my $t    = Gatehouse::Test->new(tls => 1);
my $root = Gatehouse::Test::root();

# Given a consumer with a shared secret and a key pair of each kind
my $hmac   = Gatehouse::Test::Signature->new(keyid => 'acme-1');
my @public = $hmac->declared($t);
my $secret = $t->file('acme.secret', $hmac->secret . "\n");
my %pair   = (ed25519 => [ 'ed25519', '-algorithm', 'ed25519' ],
              p256 => [ 'ecdsa-p256-sha256', qw(-algorithm EC -pkeyopt
                        ec_paramgen_curve:P-256) ],
              p384 => [ 'ecdsa-p384-sha384', qw(-algorithm EC -pkeyopt
                        ec_paramgen_curve:P-384) ],
              rsa => [ 'rsa-pss-sha512', qw(-algorithm RSA -pkeyopt
                       rsa_keygen_bits:2048) ]);

for my $name (sort keys %pair) {
    my ($algorithm, @how) = @{ $pair{$name} };
    my $file = $t->dir . "/$name";
    system("openssl genpkey -quiet @how -out $file.key 2> $file.err"
           . " && openssl pkey -in $file.key -pubout -out $file.pub") == 0
        or die Gatehouse::Test::Logs::slurp("$file.err");
    push @public, { keyid => $name, algorithm => $algorithm,
                    public_key => "file:$file.pub" };
}
$t->consumer('acme', credentials => { signatures => \@public });

$t->start(server => 'gatehouse_signature ahead=0s;', locations => <<'EOF');
    location / {
        gatehouse_authenticate  signature;
        proxy_pass              http://echo;
    }
EOF
my $started = time;
wait_for(sub { time > $started }, 3, 'a second has passed');

my $base = 'http://127.0.0.1:' . $t->port;
my $dir  = $t->dir;

# Runs it in a shell; what the service behind saw of it
sub seen {
    my ($command, %env) = @_;
    $t->journal_clear;
    local @ENV{ keys %env } = values %env;
    my $out = `cd $dir && $command 2>&1`;
    my ($got) = $t->journal;
    return "refused: $out" if !$got;
    return join ' ', $got->method, $got->target, $got->header('X-Principal'),
                     $got->body // '';
}

sub has {
    my ($command) = @_;
    return system("$command > /dev/null 2>&1") == 0;
}

my $sign = "$root/examples/signatures/sign";
my %recipe = (
    'sign.sh' => [ 1, sub { my ($id, $kind, $file, @words) = @_;
        return ("$sign.sh @words", KEYID => $id, SECRET => '', KEY => '',
                $kind => $file) } ],
    'sign.py' => [ has('python3 --version'), sub {
        my ($id, $kind, $file, @words) = @_;
        return "python3 $sign.py --keyid $id --" . lc($kind) . " $file @words" } ],
    'sign.mjs' => [ has('node --version'), sub {
        my ($id, $kind, $file, @words) = @_;
        return ("node $sign.mjs @words", KEYID => $id, SECRET => '', KEY => '',
                $kind => $file) } ],
);
my $python_keys = has(q(python3 -c 'import cryptography'));

for my $name (sort keys %recipe) {
    my ($there, $command) = @{ $recipe{$name} };

  SKIP: {
        skip "$name: its language is not installed", 6 if !$there;

        is(seen($command->('acme-1', SECRET => $secret, 'GET',
                           "'$base/orders?id=7&x=%20'")),
           'GET /orders?id=7&x=%20 consumer:acme ', "$name: a shared secret");
        is(seen($command->('acme-1', SECRET => $secret, 'POST',
                           "$base/orders", q('{"id": 7}'))),
           'POST /orders consumer:acme {"id": 7}', "$name: with a body");

        for my $pair (sort keys %pair) {
            skip "$name: only Ed25519", 1
                if $name eq 'sign.sh' && $pair ne 'ed25519';
            skip "$name: the package cryptography is not installed", 1
                if $name eq 'sign.py' && !$python_keys;
            is(seen($command->($pair, KEY => "$dir/$pair.key", 'PUT',
                               "$base/$pair", 'x')),
               "PUT /$pair consumer:acme x", "$name: a key of $pair");
        }
    }
}


# The tool signs what curl sends
my $tool = Gatehouse::Test::build() . '/gatehouse';
my $ours = "$tool sign --keyid acme-1 --secret file:$secret";
$t->file('body.txt', "line one\r\nline two\n");
$t->file('body.json', '{"id": 8}');

for my $case (
    [ "curl -s $base", 'GET /' ],
    [ "curl -s '$base?a=b'", 'GET /?a=b' ],
    [ "curl -s '$base/a/./b/../c#part'", undef ],
    [ "curl -sS -X DELETE $base/a", 'DELETE /a' ],
    [ "curl -sXPATCH -dx=1 -d y=2 $base/a", 'PATCH /a', 'x=1&y=2' ],
    [ "curl -s --data-binary \@body.txt $base/a", 'POST /a',
      "line one\r\nline two\n" ],
    [ "curl -s -d \@body.txt $base/a", 'POST /a', 'line oneline two' ],
    [ "curl -s --data-raw \@at $base/a", 'POST /a', '@at' ],
    [ "curl -s --json \@body.json --url $base/a", 'POST /a', '{"id": 8}' ],
    [ "curl -s -H 'Host: other.test' -o out -w '' $base/h", 'GET /h' ],
    [ "curl -s -H 'Transfer-Encoding: chunked' -d abc $base/a", 'POST /a', 'abc' ],
    [ "curl -s --http2-prior-knowledge -d abc http://127.0.0.1:"
      . $t->port('h2') . '/two', 'POST /two', 'abc', 'h2' ],
    [ "curl -sk -d abc https://127.0.0.1:" . $t->port('tls') . '/tls',
      'POST /tls', 'abc' ],
)
{
    my ($curl, $line, $body, $h2) = @$case;
  SKIP: {
        skip 'one port speaks both', 1 if $h2 && $t->nginx_version >= 1_025_001;
        my $got = seen("$ours -- $curl");
        if (!defined $line) {
            # a gate that takes no dots says so, but not that the signature is wrong
            unlike($got, qr/authentication-required/, "the tool: $curl");
            next;
        }
        is($got, "$line consumer:acme " . ($body // ''), "the tool: $curl");
    }
}

for my $pair (sort keys %pair) {
    is(seen("$tool sign --keyid $pair --key file:$dir/$pair.key -- "
            . "curl -s -d x $base/k"), 'POST /k consumer:acme x',
       "the tool: a key of $pair");
}

is(seen("$ours --components '\@method,\@authority,\@path,\@query,x-a' --label "
        . "mine --tag t -- curl -s -H 'X-A: b' $base/more"),
   'GET /more consumer:acme ', 'the tool: other components, label and tag');

my $shown = JSON::PP::decode_json(
    scalar `$ours --json -- curl -d x $base/a`);
like($shown->{base}, qr/\A"\@method": POST\n"\@authority": 127\.0\.0\.1:\d+\n"\@path": \/a\n/,
     'with --json it shows the base');
is(join(' ', sort keys %{ $shown->{headers} }),
   'Content-Digest Signature Signature-Input', 'and the headers');
is($t->get('/', headers => [ %{ $shown->{headers} } ])->status, 401,
   'which are good for that request only');

# What it cannot sign it says
for my $case (
    [ "$ours -- wget $base", 2, qr/only curl's requests/ ],
    [ "$ours -- curl -F a=b $base", 2, qr/-F cannot be signed/ ],
    [ "$ours -- curl -d \@- $base", 1, qr/no file of at most/ ],
    [ "$ours -- curl -d \@none $base", 1, qr/no file of at most/ ],
    [ "$ours -- curl", 2, qr/no URL/ ],
    [ "$ours -- curl localhost/a", 2, qr/no URL/ ],
    [ "$ours -- curl $base/a $base/b", 2, qr/here are two/ ],
    [ "$ours -- curl '$base/a b'", 2, qr/percent-encoded/ ],
    [ "$ours -- curl -H \@file $base", 2, qr/headers in a file/ ],
    [ "$ours --components x-none -- curl $base", 2, qr/not in this request/ ],
    [ "$ours --components '\@Method' -- curl $base", 2, qr/cannot be written/ ],
    [ "$ours --algorithm ed25519 -- curl $base", 2, qr/does not go with/ ],
    [ "$ours --key file:x -- curl $base", 2, qr/write --secret/ ],
    [ "$tool sign --secret file:$secret -- curl $base", 2, qr/--keyid is missing/ ],
    [ "$tool sign --keyid a --secret mine -- curl $base", 2, qr/come from files/ ],
    [ "$tool sign --keyid a --secret file:$dir/none -- curl $base", 1, qr/none/ ],
    [ "$tool sign --keyid a --key file:$secret -- curl $base", 1,
      qr/no private key in PEM/ ],
)
{
    my ($command, $status, $message) = @$case;
    my $out = `cd $dir && $command 2>&1`;
    is($? >> 8, $status, "$message: the status") or diag($out);
    like($out, $message, "$message: the word");
    unlike($out, qr/\Q@{[ $hmac->secret ]}\E/, 'and no secret');
}

done_testing;
