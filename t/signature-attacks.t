# Signed requests that somebody on the way, or with a key of their own, has
# changed: THREATS F8 to F13. A case passes when the status and what the
# service behind saw are right, and the log says why.
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Signature;


# Given two consumers with a key each, and a third who takes nonces as optional
my $t = Gatehouse::Test->new(workers => 4, tls => 1);
my $key = Gatehouse::Test::Signature->new(keyid => 'acme-1');
my $ed  = Gatehouse::Test::Signature->new(keyid => 'acme-2',
                                          algorithm => 'ed25519');
my $bob = Gatehouse::Test::Signature->new(keyid => 'bob-1');
my $ec  = Gatehouse::Test::Signature->new(keyid => 'acme-1',
                                          algorithm => 'ecdsa-p256-sha256');
my $stranger = Gatehouse::Test::Signature->new(keyid => 'nobody');

my $acme = $t->consumer('acme', credentials => {
    signatures => [ map { $_->declared($t) } $key, $ed ] });
$t->consumer('bob', credentials => { signatures => [ $bob->declared($t) ] });

my $locations = <<'EOF';
    location / {
        gatehouse_bad_credentials  off;
        gatehouse_authenticate     signature;
        proxy_pass                 http://echo;
    }
    location /optional {
        gatehouse_bad_credentials  off;
        gatehouse_authenticate     signature;
        gatehouse_signature        nonce=optional ahead=0s skew=30s;
        proxy_pass                 http://echo;
    }
    location /guess {
        gatehouse_bad_credentials  rate=1r/m burst=3;
        gatehouse_authenticate     signature;
        proxy_pass                 http://echo;
    }
EOF
$t->start(server => 'gatehouse_signature ahead=0s;', locations => $locations);

my $started = time;
wait_for(sub { time > $started }, 3, 'a second has passed');

# Sends what was signed, with changes; the reason of the refusal, or the
# status if nobody refused it. What is refused, the service never saw.
my $n = 0;

sub outcome {
    my ($method, $target, %arg) = @_;
    $t->journal_clear;
    my $res = $t->request($method, $target, headers => [ @{ $arg{headers} } ],
                          map { $_ => $arg{$_} }
                          grep { defined $arg{$_} } qw(host body http2));
    return $res->status if $res->status < 400;

    my $seen = () = $t->journal;
    my $id   = $res->header('X-Request-Id');
    my ($line) = wait_for(sub {
        (grep { ($_->{request_id} // '') eq $id } $t->decisions)[0]
    }, 5, 'the decision is logged');
    return $res->status . ' ' . $line->{reason} . ($seen ? ', but seen' : '');
}

sub got {
    my ($by, $method, $target, %arg) = @_;
    my %sent = (method => $method, target => $target, body => $arg{body},
                %{ delete $arg{sent} || {} });
    my @more = @{ $arg{headers} || [] };
    my @signed = $by->sign($method, $target, %arg);
    @signed = $sent{change}->(@signed) if $sent{change};

    return outcome($sent{method}, $sent{target}, host => $sent{host},
                   body => $sent{body}, http2 => $sent{http2},
                   headers => [ @{ $sent{headers} || \@more }, @signed ]);
}

sub header_changed {
    my ($name, $change) = @_;
    return sub {
        my @h = @_;
        for (my $i = 0; $i < @h; $i += 2) {
            $h[ $i + 1 ] = $change->($h[ $i + 1 ]) if lc $h[$i] eq lc $name;
        }
        return @h;
    };
}

my $wrong = '401 signature_wrong';
is(got($key, 'POST', '/a?b=c', body => 'd'), 200, 'unchanged it gets through');


# F8: whoever changes a part that is covered
is(got($key, 'GET', '/a?b=c', sent => { method => 'DELETE' }), $wrong,
   'F8: another method');
is(got($key, 'GET', '/a?b=c', sent => { target => '/b?b=c' }), $wrong,
   'F8: another path');
is(got($key, 'GET', '/a?b=c', sent => { target => '/a?b=d' }), $wrong,
   'F8: another query');
is(got($key, 'GET', '/a?b=c', sent => { target => '/a' }), $wrong,
   'F8: no query');
is(got($key, 'GET', '/a', sent => { target => '/a?b' }), $wrong,
   'F8: a query that was not there');
is(got($key, 'GET', '/a', sent => { host => 'other.test' }), $wrong,
   'F8: another host');
is(got($key, 'GET', '/a', host => 'localhost:8080'), $wrong,
   'F8: another port');
is(got($key, 'GET', '/a', headers => [ 'X-Amount' => 1 ],
       components => [ qw(@method @authority @path @query x-amount) ],
       sent => { headers => [ 'X-Amount' => 9 ] }), $wrong,
   'F8: another header');
is(got($key, 'GET', '/a', headers => [ 'X-Amount' => 1 ],
       components => [ qw(@method @authority @path @query x-amount) ],
       sent => { headers => [ 'X-Amount' => 1, 'X-Amount' => 9 ] }), $wrong,
   'F8: a header once more');
is(got($key, 'GET', '/a', headers => [ 'X-Amount' => 1 ],
       components => [ qw(@method @authority @path @query x-amount) ],
       sent => { headers => [] }), '401 signature_component',
   'F8: a header taken away');

is(got($key, 'GET', '/a', components => []), '401 signature_coverage',
   'F8: a signature that covers nothing');
for my $missed (qw(@method @authority @path @query)) {
    is(got($key, 'GET', '/a', components =>
           [ grep { $_ ne $missed } qw(@method @authority @path @query) ]),
       '401 signature_coverage', "F8: one that does not cover $missed");
}
is(got($key, 'GET', '/a', created => undef), '401 signature_coverage',
   'F8: one that does not say when');
is(got($key, 'GET', '/a', components => [ qw(@method @authority @path),
                                          '@query-param;name="b"' ]),
   '401 signature_coverage', 'F8: one parameter is not the query');


# F9: bodies
is(got($key, 'POST', '/a', body => 'pay 1', sent => { body => 'pay 9' }),
   '401 signature_digest', 'F9: another body');
is(got($key, 'POST', '/a', body => 'pay 1', sent => { body => 'pay 1 ' }),
   '401 signature_digest', 'F9: a longer one');
is(got($key, 'POST', '/a', body => 'pay 1', sent => { body => 'pay' }),
   '401 signature_digest', 'F9: a shorter one');
is(got($key, 'POST', '/a', body => 'pay 1', sent => { body => [ 'pay', ' 9' ] }),
   '401 signature_digest', 'F9: another body in chunks');
is(got($key, 'POST', '/a', body => 'p' x 200_000,
       sent => { body => 'p' x 199_999 . 'q' }),
   '401 signature_digest', 'F9: another body that is kept on disk');
is(got($key, 'POST', '/a', body => 'pay 1', sent => { body => undef }),
   '401 signature_digest', 'F9: no body');
is(got($key, 'POST', '/a', body => 'pay 1', components =>
       [ qw(@method @authority @path @query) ]),
   '401 signature_coverage', 'F9: a digest that is not covered');
is(got($key, 'POST', '/a', components => [ qw(@method @authority @path @query) ],
       sent => { body => 'pay 9' }), '401 signature_coverage',
   'F9: a body without any digest');
is(got($key, 'GET', '/a', sent => { body => [ 'pay 9' ] }),
   '401 signature_coverage', 'F9: a body of no said length');
is(got($key, 'POST', '/a', body => 'pay 1',
       sent => { change => header_changed('Content-Digest', sub {
           Gatehouse::Test::Signature::digest('sha-256', 'pay 9') }),
                 body => 'pay 9' }), $wrong, 'F9: digest and body together');
my $good = Gatehouse::Test::Signature::digest('sha-256', 'pay 1');
my $bad  = Gatehouse::Test::Signature::digest('sha-512', 'pay 9');
is(got($key, 'POST', '/a', body => 'pay 1', digest => "$good, $bad"),
   '401 signature_digest', 'F9: one of two digests does not hold');
is(got($key, 'POST', '/a', body => 'pay 1', digest => "$good, $good"),
   '401 signature_digest', 'F9: one algorithm twice');
is(got($key, 'POST', '/a', body => 'pay 1', digest => 'md5=:YWJj:'),
   '401 signature_digest', 'F9: only an algorithm that nobody checks');
is(got($key, 'POST', '/a', body => 'pay 1', digest => 'sha-256=:YWJj:'),
   '401 signature_digest', 'F9: a digest that is too short');
is(got($key, 'POST', '/a', body => 'pay 1', digest => $good =~ s/=:$/:/r),
   '401 signature_digest', 'F9: a digest without its padding');
is(got($key, 'POST', '/a', body => 'pay 1', components =>
       [ qw(@method @authority @path @query), 'content-digest;key="sha-512"' ],
       digest => $good), '401 signature_component',
   'F9: a digest covered that is not there');

# who goes away in the middle of a body leaves nothing behind
for my $at ((0, 3, 90_000) x ($ENV{GH_ABORTS} || 10)) {
    my %h = $key->sign('POST', '/a', body => 'x' x 100_000);
    my $http = $t->connect;
    $http->send_raw("POST /a HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Length: 100000\r\n"
        . join('', map { "$_: $h{$_}\r\n" } keys %h) . "\r\n" . 'x' x $at);
    close $http->sock;
}
is(got($key, 'GET', '/a'), 200, 'F9: clients that go away in their body');


# F10: times and replays
my $late = '401 signature_expired';
is(got($key, 'GET', '/a', created => time - 61), $late, 'F10: created too long ago');
is(got($key, 'GET', '/optional', created => time - 31, nonce => undef), $late,
   'F10: without a nonce, too');
is(got($key, 'GET', '/optional', created => time - 5, nonce => undef), 200,
   'F10: without a nonce where that is allowed');
is(got($key, 'GET', '/a', created => time + 30), '401 signature_not_yet',
   'F10: created in the future');
is(got($key, 'GET', '/a', expires => time - 1), $late, 'F10: expired');
is(got($key, 'GET', '/a', expires => time + 30), 200, 'F10: not yet expired');
is(got($key, 'GET', '/a', created => 0), $late, 'F10: created in 1970');
is(got($key, 'GET', '/a', created => '999999999999999'),
   '401 signature_not_yet', 'F10: created in 31 million years');
is(got($key, 'GET', '/a', nonce => undef), '401 signature_nonce',
   'F10: no nonce where one is required');
is(got($key, 'GET', '/a', nonce => ''), '401 signature_nonce',
   'F10: an empty nonce');
is(got($key, 'GET', '/a', nonce => 'n' x 257), '401 signature_nonce',
   'F10: a nonce that is too long');

my @once = $key->sign('POST', '/a', body => 'pay 1');
is(outcome('POST', '/a', body => 'pay 1', headers => \@once), 200, 'once');
my %again = map { $_ => 1 }
            map { outcome('POST', '/a', body => 'pay 1', headers => \@once) }
            1 .. 24;
is(join(', ', keys %again), '401 signature_replayed',
   'F10: never again, on whatever worker');
my $by_name = '127.0.0.1:' . $t->port($t->nginx_version < 1_025_001 ? 'h2' : '');
my @named = $key->sign('GET', '/a', host => $by_name);
is(outcome('GET', '/a', headers => \@named, host => $by_name), 200, 'once');
is(outcome('GET', '/a', headers => \@named, http2 => 1),
   '401 signature_replayed', 'F10: nor by another protocol');

$t->reload;
is(outcome('POST', '/a', body => 'pay 1', headers => \@once),
   '401 signature_replayed', 'F10: nor after a reload');
$t->kill_worker for 1 .. 4;
is(outcome('POST', '/a', body => 'pay 1', headers => \@once),
   '401 signature_replayed', 'F10: nor after workers were killed');

my $nonce = 'the-same-for-both';
is(got($key, 'GET', '/a', nonce => $nonce), 200, 'a nonce');
is(got($key, 'GET', '/b', nonce => $nonce), '401 signature_replayed',
   'F10: the same nonce under another request');
is(got($bob, 'GET', '/a', nonce => $nonce), 200, "F10: another key's is another");
is(got($key, 'GET', '/a', nonce => 'early', value => sub { 'QUJD' . substr $_[0], 4 }),
   $wrong, 'F10: whoever cannot sign');
is(got($key, 'GET', '/a', nonce => 'early'), 200, 'F10: does not use up a nonce');
is(got($key, 'POST', '/a', nonce => 'late', body => 'x', sent => { body => 'y' }),
   '401 signature_digest', 'F10: whoever changes the body');
is(got($key, 'POST', '/a', nonce => 'late', body => 'x'), 200,
   'F10: does not either');

# of many at once, one wins
my @race = $key->sign('GET', '/a');
my @conn = map { $t->connect } 1 .. 16;
my %race = @race;
$_->send_raw("GET /a HTTP/1.1\r\nHost: localhost\r\nSignature: $race{Signature}\r\n")
    for @conn;
$_->send_raw("Signature-Input: $race{'Signature-Input'}\r\n\r\n") for @conn;
my %status;
$status{ $_->read_response('GET')->status }++ for @conn;
is_deeply(\%status, { 200 => 1, 401 => 15 }, 'F10: of sixteen at once, one wins');
@conn = ();


# F11: fields, labels, parameters
my $malformed = '401 signature_malformed';
sub field { my ($name, $change) = @_;
            return (sent => { change => header_changed($name, $change) }) }

my %sign = $key->sign('GET', '/a');
for my $case (
    [ 'no Signature', [ 'Signature-Input' => $sign{'Signature-Input'} ] ],
    [ 'no Signature-Input', [ Signature => $sign{Signature} ] ],
    [ 'two labels of one name', [ %sign, %sign ] ],
    [ 'a label in one field only', [ %sign, Signature => 'more=:YQ==:' ] ],
    [ 'the other label', [ 'Signature-Input' => $sign{'Signature-Input'},
                           Signature => $sign{Signature} =~ s/sig/other/r ] ],
    [ 'a trailing comma', [ 'Signature-Input' => "$sign{'Signature-Input'},",
                            Signature => $sign{Signature} ] ],
    [ 'a string for a signature', [ 'Signature-Input' => $sign{'Signature-Input'},
                                    Signature => 'sig="YQ=="' ] ],
    [ 'base64url', [ 'Signature-Input' => $sign{'Signature-Input'},
                     Signature => 'sig=:YQ-_:' ] ],
    [ 'no list', [ 'Signature-Input' => 'sig="@method"', Signature => $sign{Signature} ] ],
    [ 'nine labels', [ map({ ('Signature-Input' => "l$_=()", Signature => "l$_=:YQ==:") }
                           1 .. 8), %sign ] ],
    [ 'control characters', [ 'Signature-Input' => "sig=(\"\x01\")", Signature => $sign{Signature} ] ],
) {
    like(outcome('GET', '/a', headers => $case->[1]),
         qr/^(?:$malformed|400 )/, "F11: $case->[0]");
}

for my $params (';created=1', ';keyid="bob-1"', ';nonce=x', ';expires="1"',
                ';x=', ';X=1', ';alg=hmac-sha256', ';tag=1')
{
    is(got($key, 'GET', '/a', params => $params), $malformed,
       "F11: a parameter $params");
}

is(got($key, 'GET', '/a', keyid => 'bob-1'), $wrong, "F11: another's keyid");
is(got($key, 'GET', '/a', field('Signature-Input', sub { $_[0] =~ s/acme-1/acme-2/r })),
   $wrong, 'F11: the keyid of a key of another kind');
is(got($key, 'GET', '/a', keyid => 'ACME-1'), '401 signature_key_unknown',
   'F11: a keyid in other letters');
is(got($stranger, 'GET', '/a'), '401 signature_key_unknown', 'F11: a stranger');
is(got($key, 'GET', '/a', keyid => undef), '401 signature_key_unknown',
   'F11: nobody says whose');
is(got($key, 'GET', '/a', alg => 'ed25519'), '401 signature_algorithm',
   'F11: an alg that is not the key\'s');
is(got($ed, 'GET', '/a', alg => 'hmac-sha256'), '401 signature_algorithm',
   'F11: nor the other way round');
is(got($key, 'GET', '/a', alg => 'none'), '401 signature_algorithm',
   'F11: none is no algorithm');
is(got($ec, 'GET', '/a'), $wrong, 'F11: a key of another kind under that name');

my @two = ($key->sign('GET', '/a', label => 'one'),
           $bob->sign('GET', '/a', label => 'two'));
is(outcome('GET', '/a', headers => \@two), '401 credential_duplicate',
   'F11: two signatures by keys of ours');

my $component = '401 signature_component';
for my $case (
    [ '@status', $component ], [ '@method;req', $malformed, 'twice' ],
    [ 'host;tr', $component ], [ 'host;req', $component ],
    [ 'x-none', $component ], [ '@unknown', $component ],
    [ 'host;sf', $component ], [ 'host;bs;sf', $malformed ],
    [ 'host;key="a"', $component ], [ 'Host', $malformed ],
    [ '@path', $malformed ], [ '@query;sf', $malformed ],
    [ '@query-param', $malformed ], [ 'host;new', $malformed ],
    [ '@query-param;name="z"', $component ],
) {
    my ($listed, $reason) = @$case;
    like(got($key, 'GET', '/a?b=1', components =>
             [ qw(@method @authority @path @query), $listed ]),
         $listed eq '@method;req' ? qr/^401 signature_/ : qr/^$reason$/,
         "F11: $listed is not covered");
}
is(got($key, 'GET', '/a?b=1&b=2', components =>
       [ qw(@method @authority @path @query), '@query-param;name="b"' ]),
   $component, 'F11: a parameter that comes twice has no value');


# F12: what is read in two ways
is(got($key, 'GET', '/a%2db', sent => { target => '/a%2Db' }), $wrong,
   'F12: other letters of a percent code');
is(got($key, 'GET', '/a%2Db', sent => { target => '/a-b' }), $wrong,
   'F12: the same path without the code');
is(got($key, 'GET', '/a%2Db'), 200, 'F12: but as it was sent it is signed');
is(got($key, 'GET', '/a?'), 200, 'F12: an empty query');
is(got($key, 'GET', '/a', sent => { target => '/a?' }), 200,
   'F12: which is the same as none (RFC 9421 2.2.7)');
is(got($key, 'GET', '/a', host => 'localhost', sent => { host => 'LOCALHOST:80' }),
   200, 'F12: the host in other letters with the usual port');
is(got($key, 'GET', '/a', headers => [ 'X-A' => " b \t", 'X-A' => 'c' ],
       components => [ qw(@method @authority @path @query x-a) ]), 200,
   'F12: lines are trimmed and joined');
is(got($key, 'GET', '/a', headers => [ 'X-A' => 'b', 'X-A' => 'c' ],
       components => [ qw(@method @authority @path @query x-a) ],
       sent => { headers => [ 'X-A' => 'c', 'X-A' => 'b' ] }), $wrong,
   'F12: in another order they are others');
is(got($key, 'GET', '/a', headers => [ 'X-A' => '' ],
       components => [ qw(@method @authority @path @query x-a) ]), 200,
   'F12: an empty value is a value');
is(got($key, 'GET', '/a', headers => [ 'X-A' => "caf\xe9" ],
       components => [ qw(@method @authority @path @query x-a) ]), $component,
   'F12: bytes that are not ASCII');
is(got($key, 'GET', '/a', headers => [ 'X-A' => "caf\xe9" ],
       components => [ qw(@method @authority @path @query), 'x-a;bs' ]), 200,
   'F12: but as bytes they can be signed');
like($t->raw_request("GET /a HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n"
         . join('', map { "$_: $sign{$_}\r\n" } keys %sign) . "\r\n")->status,
     qr/^40[01]$/, 'F12: folded lines are refused');


# F13: keys that prove nothing are refused when they are loaded
for my $case ([ 'short', 'only 31 bytes, which is too few' ], [ 'empty', "\n" ],
              [ 'pem', $key->secret ]) {
    my ($name, $text) = @$case;
    my $file = $t->file("bad-$name", $text);
    $t->write_policies('bad.json' => { consumers => { carol => { credentials => {
        signatures => [ { keyid => 'carol-1', $name eq 'pem'
            ? (algorithm => 'ed25519', public_key => "file:$file")
            : (algorithm => 'hmac-sha256', secret => "file:$file") } ] } } } });
    wait_for(sub { $t->status->{policies}{invalid} }, 10, 'the set is refused');
    like($t->status->{policies}{error}, qr/bad-$name/,
         "F13: a key file that is $name is refused and named");
    $t->remove_policy('bad.json');
    wait_for(sub { !$t->status->{policies}{invalid} }, 10, 'and forgotten');
}
$t->write_policies('bad.json' => { consumers => { carol => { credentials => {
    signatures => [ $stranger->declared($t),
                    { %{ $stranger->declared($t) }, keyid => 'acme-1' } ] } } } });
wait_for(sub { $t->status->{policies}{invalid} }, 10, 'the set is refused');
like($t->status->{policies}{error}, qr/acme-1/,
     'F13: one keyid is one key');
$t->remove_policy('bad.json');
wait_for(sub { !$t->status->{policies}{invalid} }, 10, 'and forgotten');


# F2, F3: all failures look alike, and guessing is bounded before arithmetic
my %look;
for my $headers ([ $stranger->sign('GET', '/a') ],
                 [ $key->sign('GET', '/a', keyid => 'bob-1') ],
                 [ $key->sign('GET', '/a', created => 1) ],
                 [ Signature => 'sig=:YQ==:' ], [])
{
    my $res  = $t->get('/a', headers => $headers);
    my $text = $res->head . $res->body;
    my $id   = $res->header('X-Request-Id');
    $text =~ s/\Q$id\E//g;
    $text =~ s/^Date:.*$//m;
    $look{$text}++;
}
is(scalar(keys %look), 1, 'F3: every failure looks the same outside');

my @guess = map { got($key, 'GET', '/guess', created => 1) } 1 .. 3;
is($guess[0], $late, 'F2: a source may fail a few times');
wait_for(sub { got($key, 'GET', '/guess', created => 1)
                   eq '429 bad_credentials_limited' }, 5,
         'F2: then it waits, whatever it sends');


# Cold start of what remembers, which in a shared store is not the gateway's:
# what may have been used before is refused
my @old = $key->sign('GET', '/a');
my $shared = $t->{redis};
$shared->cli('FLUSHALL') if $shared;
$t->restart;
is(outcome('GET', '/a', headers => \@old), '503 replay_unavailable',
   'F10: signed before the start: it may have been used');
$started = time;
wait_for(sub { time > $started && (!$shared || got($key, 'GET', '/a') eq '200') },
         $shared ? 30 : 3, 'it to have remembered for long enough');
is(got($key, 'GET', '/a'), 200, 'F10: signed after it');

done_testing;
