# What is secret stays so: keys, tokens and secrets of every flow, failures
# included, stand in no log, metric, page, answer, file, nor at the service;
# what outsiders write into a log stays one line (THREATS 1.M).
use Gatehouse::Test timeout => 300;

use Digest::SHA qw(sha256_hex);
use File::Find ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use Gatehouse::Test::Consumer;

my $json = JSON::PP->new->utf8;
my $random = \&Gatehouse::Test::Consumer::random_text;


# Given secrets of every kind
my $t = Gatehouse::Test->new(workers => 2, backends => [ 'gone' ]);
my $alice = $t->consumer('alice', scopes => [ 'read' ]);
my $bob   = $t->consumer('bob');
my %secret = (
    hmac     => $random->(40),
    root     => $random->(64),
    older    => $random->(64),
    password => $random->(20),
    cookie   => $random->(20),
    api_key  => "$alice",
    wrong_key => Gatehouse::Test::Consumer::new_key($alice->key_id),
    old_key  => Gatehouse::Test::Consumer::new_key('oldkey'),
    foreign  => 'legacy.' . $random->(30),
    bad_form => 'gh_' . $random->(40),
);
my $es = $t->token_key(alg => 'ES256', kid => 'es');
my $hs = $t->token_key(alg => 'HS256', secret => $secret{hmac}, kid => undef);
my $stranger = $t->token_key(alg => 'ES256', kid => 'es');
my %base = (iss => 'https://idp.test', aud => 'https://api.test',
            sub => 'alice', exp => time + 600, scope => 'read');

sub signed { my ($key, %more) = @_; return $key->sign({ %base, @_[1 .. $#_] }) }

my %token = (
    good     => signed($es, private => 'claim-' . $random->(20)),
    poor     => signed($es, scope => 'nothing'),
    local    => signed($hs, iss => 'https://local.test'),
    forged   => signed($stranger),
    over     => signed($es, exp => 1),
    audience => signed($es, aud => 'x'),
    issuer   => signed($es, iss => 'https://x.test'),
    away     => signed($es, iss => 'https://away.test'),
    no_kid   => $es->sign(\%base, header => { kid => 'k' . $random->(9) }),
    no_alg   => $es->sign(\%base, header => { alg => 'none' }),
    crit     => $es->sign(\%base, header => { crit => [ 'x' ] }),
    garbage  => 'eyJ' . $random->(60) . '.' . $random->(40) . '.x',
    no_json  => $es->sign('{"secret":"' . $random->(20)),
    twice    => $es->sign('{"secret":"' . $random->(20) . '","secret":1}'),
    five     => join('.', map { $random->(20) } 1 .. 5),
    long_id  => signed($es, sub => $random->(1100)),
    long     => $es->sign({ %base, x => 'y' x 5000 }),
);
$secret{"token_$_"} = $token{$_} for keys %token;
$secret{"signature_$_"} = (split /\./, $token{$_})[2]
    for qw(good poor local forged over);
$secret{"part_of_$_"} = substr((split /\./, $token{$_})[1], 0, 80)
    for keys %token;
$secret{claim} = $json->decode(MIME::Base64::decode_base64url(
    (split /\./, $token{good})[1]))->{private};

$t->consumer('carol', credentials => { api_keys => [
    { id => 'oldkey', expires => '2020-01-01T00:00:00Z',
      hash => Gatehouse::Test::Consumer::hash_of($secret{old_key}) },
    { id => 'legacy', hash => 'sha256:' . sha256_hex($secret{foreign}) } ] });

$t->prepare('');
$t->file('jwks.json', Gatehouse::Test::Token::jwks($es));
chmod 0600, $t->file($_, $secret{$_}) for qw(hmac root older);

my $http = <<'EOF';
    gatehouse_secret  file:%%DIR%%/root file:%%DIR%%/older;
    log_format        all escape=none '$gatehouse_log_text';
    access_log        %%DIR%%/logs/text.log all;
    access_log        %%DIR%%/logs/combined.log combined;
    gatehouse_token_issuer idp {
        issuer     https://idp.test;
        audience   https://api.test;
        jwks_file  %%DIR%%/jwks.json;
    }
    gatehouse_token_issuer local {
        issuer     https://local.test;
        audience   https://api.test;
        secret     file:%%DIR%%/hmac;
    }
    gatehouse_token_issuer away {
        issuer     https://away.test;
        audience   https://api.test;
        jwks_uri   http://127.0.0.1:%%PORT_nobody%%/keys;
    }
EOF
my $locations = <<'EOF';
    gatehouse_bad_credentials  off;
    gatehouse_authenticate     token=idp token=local token=away api_key;
    gatehouse_api_key          header=X-API-Key query=api_key;
    proxy_intercept_errors     off;
    location / {
        proxy_pass  http://echo;
    }
    location /scope {
        gatehouse_authorize  scope=read;
        proxy_pass           http://echo;
    }
    location /limited {
        gatehouse_limit  name=slow rate=1r/h burst=1 key=$gatehouse_principal;
        proxy_pass       http://echo;
    }
    location /gone {
        proxy_pass             http://gone;
        proxy_connect_timeout  1s;
    }
    location /optional {
        gatehouse_authenticate  optional token=idp api_key;
        proxy_pass              http://echo;
    }
    location /off {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
EOF
$t->start(http => $http, locations => $locations);

my ($status, $issued, $err) = $t->tool(qw(key create bob --id bobkey --wait));
is($status, 0, 'a key is issued') or diag($err);
chomp $issued;
$secret{issued} = $issued;
$secret{issued_secret} = (split /_/, $issued)[2];
$secret{"secret_of_$_"} = (split /_/, $secret{$_})[2]
    for qw(api_key wrong_key old_key);
$t->plant_secret(values %secret);
$t->backend_set('gone', listen => 0);


# ---- M1: every flow ------------------------------------------------------------------

# When each credential is used at each location, the right way and the wrong
my @said;
sub use_up {
    my ($target, @headers) = @_;
    my $res = $t->get($target, headers => [ @headers,
        Cookie => "session=$secret{cookie}" ]);
    my $text = $res->head . "\n" . $res->body;

    # the service's own words are not ours, and it was sent the cookie
    push @said, [ $target, $res->received ? $res->head : $text ];
    return $res->status;
}

my %seen;
my @paths = qw(/ /scope /limited /gone /optional);
for my $path (@paths) {
    for my $kind (sort keys %token) {
        $seen{ use_up($path, Authorization => "Bearer $token{$kind}") }++;
    }
    for my $kind (qw(api_key wrong_key old_key foreign bad_form issued)) {
        $seen{ use_up($path, 'X-API-Key' => $secret{$kind}) }++;
        $seen{ use_up("$path?a=1&api_key=$secret{$kind}&b=2") }++;
        $seen{ use_up("$path?api_key=$secret{$kind}&api_key=1") }++;
    }
    $seen{ use_up($path, Authorization => 'Basic '
                  . encode_base64("u:$secret{password}", '')) }++;
    $seen{ use_up($path, Authorization => "Bearer $token{good}",
                  'X-API-Key' => "$alice") }++;
    $seen{ use_up($path, Authorization => "Bearer  $token{good}") }++;
    $seen{ use_up($path, 'X-API-Key' => "$alice $bob") }++;
}
is(join(' ', sort keys %seen), '200 401 403 429 502 503',
   'what could happen has happened');

$t->request('POST', '/', key => $alice, body => "password=$secret{password}");
my $ws = $t->websocket('/', token => $token{good});
my $half = $t->connect;
$half->send_raw("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                . "$token{good}\r\nX-Half: ");
undef $half;
$t->get('/', token => $token{good}, http2 => 1);
$t->get("/?api_key=$alice", http2 => 1);

# and keys come and go, and policies, and configurations
$t->tool(qw(key rotate bobkey --overlap 0 --wait));
$t->tool(qw(key revoke), $alice->key_id, '--wait', '--reason', 'it was time');
$t->tool(qw(consumer suspend bob --wait));
my @tool;
push @tool, join "\n", $t->tool(@$_)
    for [ qw(key list) ], [ qw(key list --json) ], [ 'history' ],
        [ qw(history --json) ], [ 'status' ], [ qw(status --json) ],
        [ qw(consumer show bob) ], [ 'check' ];
$t->write_policies('bad.json' => '{"consumers":{"x":{"credentials":{"api_keys"'
                   . ':[{"id":"x","hash":"' . $secret{password} . '"}]}}}}');
wait_for(sub { $t->status->{policies}{invalid} }, 10, 'bad policies');
$t->remove_policy('bad.json');
undef $ws;
wait_for(sub { !$t->status->{policies}{invalid} }, 10, 'good ones');
$t->reload;
use_up('/', Authorization => "Bearer $token{good}");

# Then neither the answers hold any of it
my $any = join '|', map { quotemeta } values %secret;
is(join(' ', map { $_->[1] =~ /$any/ ? $_->[0] : () } @said), '',
   'M1: no answer holds a secret');

# nor what the service was sent, but for what is its own business
my $own = join '|', map { quotemeta } $secret{cookie}, $secret{password},
          encode_base64("u:$secret{password}", '');
my @told = grep { /$any/ } map { s/$own//gr } map {
    my $seen = $_;
    ($seen->target, map { "@$_" } $seen->headers)
} $t->journal;
is(scalar @told, 0, 'M1, A14: nor did the service see one')
    or diag(map { substr($_, 0, 200) . "\n" } @told[0 .. 2]);

# nor the pages, nor the tool
my $pages = join "\n", map { $t->status_get($_)->body }
            qw(/status /metrics /ready / /config /debug);
unlike($pages, qr/$any/, 'M1, M3: no page of the gateway holds a secret');
unlike(join("\n", @tool), qr/$any/, 'M1: no word of the tool does');
my $hashes = join '|', sha256_hex("$alice"), sha256_hex($secret{foreign});
unlike(join("\n", $pages, @tool), qr/$hashes/, 'nor the hash of one');

# nor the files that the gateway keeps (the logs are looked at in the end)
my @files;
File::Find::find({ no_chdir => 1, wanted => sub {
    return if !-f || m{/(?:root|older|hmac)$};
    push @files, $_ if Gatehouse::Test::Logs::slurp($_) =~ /$any/;
} }, map { $t->dir . "/$_" } qw(state tmp));
is("@files", '', 'M1: no file of state holds one');

for my $pid ($t->master_pid, $t->workers) {
    my $shown = join '', map { Gatehouse::Test::Logs::slurp("/proc/$pid/$_") }
                qw(cmdline environ);
    unlike($shown, qr/$any/, 'M1: no process shows one');
}

my $combined = Gatehouse::Test::Logs::slurp($t->dir . '/logs/combined.log');
like($combined, qr/api_key=\S*&b=2/, 'F1: an argument is masked, not cut off');
unlike($combined, qr/$any/, 'F1: also in nginx\'s own access log');


# ---- M2: what outsiders write ------------------------------------------------------------

my @injected = (
    [ 'a line break in an id', signed($es, sub => "x\r\n{\"forged\":1}") ],
    [ 'ESC in an id', signed($es, sub => "x\e[2Jx\x{9b}2J") ],
    [ 'quotes in an id', signed($es, sub => 'x","reason":"ok","y":"') ],
    [ 'a byte order mark in an id', signed($es, sub => "\x{feff}x\x{2028}y") ],
);
for (@injected) {
    my ($what, $token) = @$_;
    my $from = scalar $t->decision_log;
    my $text_from = () = Gatehouse::Test::Logs::slurp(
        $t->dir . '/logs/text.log') =~ /\n/g;
    is($t->get('/', token => $token)->status, 200, "M2: $what");

    my @lines = ($t->decision_log)[$from .. $from];
    wait_for(sub { ($t->decision_log) > $from }, 5, 'its line');
    @lines = ($t->decision_log)[$from .. scalar($t->decision_log) - 1];
    is(scalar @lines, 1, 'is one line');
    my $line = eval { $json->decode($lines[0]) } || {};
    like($line->{principal} // '', qr/^idp:/, 'of JSON');
    is($line->{reason}, 'ok', 'that says what happened');
    unlike($lines[0], qr/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xef\xbb\xbf|\xe2\x80\xa8/,
           'in plain characters');

    my @text = split /\n/, Gatehouse::Test::Logs::slurp(
        $t->dir . '/logs/text.log');
    is(scalar @text, $text_from + 1, 'as the text line is one');
    unlike($text[-1], qr/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/, 'and plain');
}

for my $case ([ 'a query', "/?x=\"}%0a{\"forged\":1" ],
              [ 'a path', '/%22,%22reason%22:%22ok%22' ])
{
    my ($what, $target) = @$case;
    my $from = scalar $t->decision_log;
    $t->get($target, token => $token{forged}, headers => [ 'User-Agent' =>
            "\xef\xbb\xbf\"\e[31m", Referer => "\"\e[0m" ]);
    wait_for(sub { ($t->decision_log) > $from }, 5, 'its line');
    my @lines = ($t->decision_log)[$from .. scalar($t->decision_log) - 1];
    is(scalar @lines, 1, "M2: $what is one line");
    my $line = eval { $json->decode($lines[0]) } || {};
    isnt($line->{reason} // '', 'ok', 'that nobody else has written')
        or diag($lines[0]);
}


# ---- M4, M5, M6 ------------------------------------------------------------------------------

my $gone = $t->get('/gone', token => $token{good});
is($gone->status, 502, 'a service that is away');
unlike($gone->head . $gone->body, qr/127\.0\.0\.1|nginx\/|gone/,
       'M4: the answer names no address, version or upstream');
my $denied = $t->get('/scope', token => $token{poor});
is($denied->status, 403, 'a refusal');
unlike($denied->head . $denied->body, qr/127\.0\.0\.1|nginx\/|scope|echo|read/,
       'M4: names neither, nor the rule');

for my $case ([ 401, '/', [] ],
              [ 403, '/scope', [ Authorization => "Bearer $token{poor}" ] ],
              [ 429, '/limited', [ Authorization => "Bearer $token{good}" ] ],
              [ 503, '/', [ Authorization => "Bearer $token{away}" ] ])
{
    my ($code, $path, $headers) = @$case;
    my $res = $t->get($path, headers => $headers);
    is($res->status . ' ' . ($res->header('Cache-Control') // 'none'),
       "$code no-store", "M5: a $code is not to be kept by a cache");
}

$t->get('/very/special/path?with=query', token => $token{good}) for 1 .. 3;
my $metrics = $t->metrics;
unlike($metrics, qr/special|idp:alice|alice|oldkey|bobkey|127\.0\.0\.1/,
       'M6: metrics hold no path, principal, key or address');
my $series = () = $metrics =~ /^\w+\{/mg;
$t->get("/path/$_", token => signed($es, sub => "user$_")) for 1 .. 40;
my $after = () = $t->metrics =~ /^\w+\{/mg;
is($after, $series, 'M6: forty users and paths add no series');
unlike($json->encode($t->status), qr/special|alice|oldkey|bobkey/,
       'M6: nor does the status page know of them');

done_testing;
