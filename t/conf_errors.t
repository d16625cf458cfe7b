# Each message of the configuration names the word that is wrong, the place,
# and the way out; none repeats a secret. What whole locations must say
# stands in guard.t.
use Gatehouse::Test;

my $t = Gatehouse::Test->new->prepare('');
my $none = Gatehouse::Test->new(store => 0);

$t->file('empty', '');
$t->file('short', 'x');
$t->file('key',  join '', map { sprintf '%02x', $_ * 7 % 256 } 1 .. 32);
$t->file('open', join '', map { sprintf '%02x', $_ * 5 % 256 } 1 .. 32);
$t->file('bad.json', '{');
chmod 0600, $t->dir . '/key';
chmod 0644, $t->dir . '/open';
my $dir = $t->dir;


# [ line, message ]: all in one location, from its second line on
my @in_location = (
    [ 'gatehouse_authenticate off api_key;',
      '"off" stands alone: it makes the location public' ],
    [ 'gatehouse_authenticate optional;',
      'names no method: add oidc=PROVIDER, api_key, token=ISSUER or signature, '
      . 'or write' ],
    [ 'gatehouse_authenticate key;',
      'unknown method "key" in gatehouse_authenticate; methods are: '
      . 'oidc=PROVIDER, api_key' ],
    [ 'gatehouse_authenticate token;',
      'unknown method "token" in gatehouse_authenticate; methods are:' ],
    [ 'gatehouse_authenticate api_key api_key;', '"api_key" is named twice' ],
    [ 'gatehouse_authenticate token=x;',
      'unknown token issuer "x"; issuers are: none; declare '
      . '"gatehouse_token_issuer x {' ],
    [ 'gatehouse_authenticate api_key; gatehouse_authenticate off;',
      '"gatehouse_authenticate" directive is given twice here: put all' ],

    [ 'gatehouse_authorize grup=a;',
      'gatehouse_authorize: unknown word "grup"; words are: group, scope' ],
    [ 'gatehouse_authorize group=;',
      'empty value in "group="; write group=NAME' ],
    [ 'gatehouse_authorize group;', 'cannot read "group"; write group=NAME' ],
    [ 'gatehouse_authorize group=a,,b;', 'empty value in "group=a,,b"' ],
    [ 'gatehouse_authorize method=get;',
      'method "get" is in lower case, and methods are told apart by case; '
      . 'write GET' ],
    [ 'gatehouse_authorize method=G(T;', '"G(T" is no HTTP method; write' ],
    [ 'gatehouse_authorize claim:/a;',
      'cannot read "claim:/a"; write claim:POINTER=VALUE' ],
    [ 'gatehouse_authorize group=a dry_run method=GET;',
      '"dry_run" must be the last word of its line' ],
    [ 'gatehouse_authorize group=a deny;',
      '"deny" must be the first word of its line' ],

    [ 'gatehouse_limit plan burst=1;',
      'takes only cost= beside "plan": rates are in the policies' ],
    [ 'gatehouse_limit plan cost=256;',
      'cost "256" is no whole number from 0 to 255, and no variable' ],
    [ 'gatehouse_limit plan cost=;',
      'cost "" is no whole number from 0 to 255, and no variable' ],
    [ 'gatehouse_limit plan cost=-1;', 'cost "-1" is no whole number' ],
    [ 'gatehouse_limit plan cost=1 cost=2;', 'has cost= twice' ],
    [ 'gatehouse_limit name=x rate=1r/s cost=x;', 'cost "x" is no whole' ],
    [ 'gatehouse_limit off plan;', '"off" stands alone' ],
    [ 'gatehouse_limit plan; gatehouse_limit off;', '"off" stands alone' ],
    [ 'gatehouse_limit off; gatehouse_limit plan;',
      'stands beside "gatehouse_limit off;"' ],
    [ 'gatehouse_limit plan; gatehouse_limit plan;', 'is given twice here' ],
    [ 'gatehouse_limit gold;',
      'unexpected "gold"; write "gatehouse_limit plan;" or' ],
    [ 'gatehouse_limit rate=1r/s;', 'needs name=NAME: one name is one' ],
    [ 'gatehouse_limit name=x;', 'needs rate=, for example rate=5r/m' ],
    [ 'gatehouse_limit name=x rate=5;',
      'limit "5": expected a limit such as 100r/s' ],
    [ 'gatehouse_limit name=x rate=0r/s;',
      'limit "0r/s": a limit of 0 requests; to let nobody in' ],
    [ 'gatehouse_limit name=x rate=1r/s burst=x;',
      'limit "1r/s burst=x": expected' ],
    [ 'gatehouse_limit name=x rate=1r/s; gatehouse_limit name=x rate=2r/s;',
      'limit "x" has another rate in locations.conf:2; one name is one '
      . 'counter: give this one a name of its own' ],

    [ 'gatehouse_bad_credentials fast;',
      'unexpected "fast"; write "gatehouse_bad_credentials rate=10r/s' ],
    [ 'gatehouse_bad_credentials burst=5;', 'needs rate=, for example' ],
    [ 'gatehouse_bad_credentials off rate=1r/s;', '"off" stands alone' ],
    [ 'gatehouse_bad_credentials rate=5r/month;',
      'takes a rate per second, minute or hour' ],

    [ 'gatehouse_api_key cookie=x;',
      'unexpected "cookie=x"; write "gatehouse_api_key header=X-API-Key;"' ],
    [ 'gatehouse_api_key header=X:Y;', 'unexpected "header=X:Y"; write' ],
    [ 'gatehouse_api_key header=Host;', 'unexpected "header=Host"; write' ],
    [ 'gatehouse_api_key header=X-Principal-Key;',
      'unexpected "header=X-Principal-Key"; write' ],
    [ 'gatehouse_api_key query=a&b;', 'unexpected "query=a&b"; write' ],

    [ 'gatehouse_principal_headers apache;',
      'unknown preset "apache"; presets are: default, kong' ],
    [ 'gatehouse_principal_headers default kong;',
      'takes one preset, and it comes first' ],
    [ 'gatehouse_principal_headers X-User=uid;',
      'unknown part "uid" in "X-User=uid"; parts are: id, type' ],
    [ 'gatehouse_principal_headers Host=id;',
      '"Host" cannot be the name of a principal header; take one' ],
    [ 'gatehouse_principal_headers "X User=id";',
      '"X User" cannot be the name' ],
    [ 'gatehouse_principal_headers ' . 'X' x 200 . '=id;',
      'cannot be the name' ],
    [ 'gatehouse_forward all;',
      'unexpected "all" in gatehouse_forward; words are: '
      . 'access_token, id_token, credentials, off' ],
    [ 'gatehouse_principal_headers X-A=claim:;', 'unknown part "claim:"' ],
    [ 'gatehouse_principal_headers X-A=claim:/a~2;',
      'leads to no claim: write claim:NAME or a JSON pointer' ],
    [ 'gatehouse_target loose;',
      'unexpected "loose"; write "gatehouse_target strict;" or' ],
    [ 'gatehouse_target allow=slash;',
      '"slash" cannot be allowed in a target; what can is: encoded-slash,' ],
    [ 'gatehouse_target allow=nul;', '"nul" cannot be allowed in a target' ],
    [ 'gatehouse_status 10.0.0.0/8;',
      'unexpected "10.0.0.0/8"; write "gatehouse_status;" for loopback' ],
    [ 'gatehouse_status allow=x;', 'unexpected "allow=x"; write' ],

    (map { [ "$_ $_", '" directive is duplicate' ] }
         'gatehouse_api_key header=X-Key;', 'gatehouse_target strict;',
         'gatehouse_principal_headers off;', 'gatehouse_forward off;',
         'gatehouse_service a;', 'gatehouse_status;',
         'gatehouse_bad_credentials off;'),
    (map { [ "$_;", "invalid number of arguments in \"$_\"" ] }
         qw(gatehouse_authenticate gatehouse_authorize gatehouse_limit
            gatehouse_service gatehouse_forward gatehouse_target)),
    (map { [ "$_ x;", "\"$_\" directive is not allowed here" ] }
         qw(gatehouse_policies gatehouse_store gatehouse_memory
            gatehouse_streams gatehouse_secret gatehouse_request_id
            gatehouse_trusted_proxies)),
);

for my $case (@in_location) {
    my ($line, $message) = @$case;
    my $got = $t->conf_error("location /x/ {\n    $line\n}");
    like($got, qr/^\[emerg\] .*\Q$message\E.* in locations\.conf:2$/m,
         length $line < 70 ? $line : substr($line, 0, 60) . '...');
}


# Lines of a server
for my $case (
    [ 'gatehouse_request_id from=x;',
      'unexpected "from=x"; write "gatehouse_request_id header=' ],
    [ 'gatehouse_request_id header=Host;', 'unexpected "header=Host"' ],
    [ 'gatehouse_request_id header=X-Principal;', 'unexpected "header=X-P' ],
    [ 'gatehouse_request_id trusted=x;', 'unexpected "trusted=x"; write' ],
    [ 'gatehouse_request_id header=X; gatehouse_request_id header=Y;',
      'is duplicate' ],
    [ 'gatehouse_trusted_proxies x;',
      '"x" is no address: write 10.0.0.0/8, 2001:db8::/32' ],
    [ 'gatehouse_trusted_proxies ::1; gatehouse_trusted_proxies off;',
      'is duplicate' ],
) {
    my ($line, $message) = @$case;
    like($t->conf_error(server => $line, locations => ''),
         qr/^\[emerg\] .*\Q$message\E.* in server\.conf:1$/m, $line);
}
my ($said) = $t->conf_test(server => 'gatehouse_trusted_proxies 10.0.0.1/8;');
is($said, '[warn] low address bits of 10.0.0.1/8 are meaningless in '
          . 'server.conf:1', 'an address that is not what it seems is said');
$t->prepare(server => '');


# Lines of the http block
my $ok = 'issuer https://i.example; audience a;';
for my $case (
    [ 'gatehouse_policies /y;', 'is duplicate' ],
    [ 'gatehouse_store lmdb:/x;', 'is duplicate' ],
    [ 'gatehouse_memory x;', '"gatehouse_memory" directive invalid value' ],
    [ 'gatehouse_memory 1k;',
      'gatehouse_memory is too small: 1k; at least 4096k are needed' ],
    [ 'gatehouse_streams every=1s;',
      'gatehouse_streams: unknown word "every=1s"; there is: check=TIME' ],
    [ 'gatehouse_streams check=500ms;',
      'gatehouse_streams: check="500ms" is no time from 1s to 1h' ],
    [ 'gatehouse_streams check=1s; gatehouse_streams check=2s;',
      'is duplicate' ],
    [ 'gatehouse_secret /x;',
      'a secret is given as a file: write "gatehouse_secret file:/path' ],
    [ 'gatehouse_secret file:/nonexistent;',
      'root key "/nonexistent" cannot be opened (2: No such file' ],
    [ 'gatehouse_secret file:%%DIR%%/empty;',
      'root key "empty" holds less than 32 bytes of secret; make one with:' ],
    [ 'gatehouse_secret file:%%DIR%%/short;', 'holds less than 32 bytes' ],
    [ 'gatehouse_secret file:1 file:2 file:3 file:4 file:5;',
      'takes at most four files' ],
    [ 'gatehouse_secret file:%%DIR%%/key; gatehouse_secret file:x;',
      'is duplicate' ],
    [ 'gatehouse_token_issuer p;',
      '"gatehouse_token_issuer" has no opening "{"' ],
    [ 'gatehouse_token_issuer p { }',
      '"gatehouse_token_issuer" directive needs "issuer https://...;"' ],
    [ 'gatehouse_token_issuer p { issuer https://i.example; }',
      '"gatehouse_token_issuer" directive needs "audience NAME;"' ],
    [ "gatehouse_token_issuer p { $ok audience; }",
      '"audience" needs a value' ],
    [ "gatehouse_token_issuer p { $ok issuer a b; }",
      '"issuer" takes one value' ],
    [ "gatehouse_token_issuer p { $ok colour blue; }",
      'unknown member "colour" of gatehouse_token_issuer; members are: '
      . 'issuer, audience' ],
    [ "gatehouse_token_issuer p { $ok skew 2m; }",
      'skew "2m" is not a time of at most 60s' ],
    [ "gatehouse_token_issuer p { $ok jwks_refresh 1ms; }",
      'jwks_refresh "1ms" is not a time of at least 1s' ],
    [ "gatehouse_token_issuer p { $ok algorithms RS257; }",
      'unknown algorithm "RS257"; algorithms are: RS256' ],
    [ "gatehouse_token_issuer p { $ok algorithms none; }",
      'unknown algorithm "none"; algorithms are:' ],
    [ "gatehouse_token_issuer p { $ok algorithms HS256; }",
      'names an HS algorithm but has no secret: a public key must never' ],
    [ "gatehouse_token_issuer p { $ok secret hunter2hunter2; }",
      'a secret is given as a file: write "secret file:/path/to/secret;"' ],
    [ "gatehouse_token_issuer p { $ok secret file:/nonexistent; }",
      'has secret "/nonexistent", which cannot be opened: No such file' ],
    [ "gatehouse_token_issuer p { $ok secret file:%%DIR%%/short; }",
      'a secret has at least 32 bytes (openssl rand -base64 48 makes one' ],
    [ "gatehouse_token_issuer p { $ok secret file:%%DIR%%/key; "
      . 'algorithms RS256; }',
      'has a secret, so its algorithms are HS256, HS384, HS512' ],
    [ "gatehouse_token_issuer p { $ok secret file:%%DIR%%/key; "
      . 'jwks_file /x; }',
      'takes one of jwks_uri, jwks_file and secret' ],
    [ "gatehouse_token_issuer p { $ok jwks_file /nonexistent; }",
      'has jwks_file "/nonexistent", which cannot be opened' ],
    [ "gatehouse_token_issuer p { $ok jwks_file %%DIR%%/bad.json; }",
      'cannot be used: it is not a JSON Web Key Set' ],
    [ "gatehouse_token_issuer p { $ok jwks_file %%DIR%%/empty; }",
      'has jwks_file "empty", which is empty' ],
    [ "gatehouse_token_issuer p { $ok jwks_uri http://i.example/; }",
      'has jwks_uri "http://i.example/", which cannot be called: it must '
      . 'be https' ],
    [ "gatehouse_token_issuer p { $ok ssl_trusted_certificate /nonexistent; }",
      'has ssl_trusted_certificate "/nonexistent", in which no certificate' ],
    [ "gatehouse_token_issuer p { $ok } gatehouse_token_issuer p { $ok }",
      'token issuer "p" is declared already in http.conf:1' ],
    [ 'upstream gatehouse { server 127.0.0.1:1; }',
      'duplicate upstream "gatehouse"' ],
) {
    my ($line, $message) = @$case;
    my $got = $t->conf_error(http => $line);
    like($got, qr/^\[emerg\] .*\Q$message\E.* in [a-z]+\.conf:\d+$/m,
         substr $line, 0, 60);
    unlike($got, qr/hunter2/, 'without the secret') if $line =~ /hunter2/;
}
($said) = $t->conf_test(http => 'gatehouse_secret file:%%DIR%%/open;');
is($said, '[warn] root key "open" can be read by everybody; run: chmod 600 '
          . 'open in http.conf:1', 'a root key for all eyes is said');
($said) = $t->conf_test(http => "gatehouse_token_issuer p { $ok "
                              . 'secret file:%%DIR%%/open; }');
is($said, '[warn] the secret "open" can be read by everybody on this '
          . 'machine; chmod o-r it in http.conf:1', 'so is a secret');


# Stores
for my $case (
    [ 'x', 'names a store "x" of no known kind; write lmdb:/DIRECTORY' ],
    [ 'lmdb:relative', 'a directory "relative" that is not absolute; write' ],
    [ 'lmdb:/x?size=1', 'has an invalid size "1"; it is at least 1m' ],
    [ 'lmdb:/x?colour=1', 'unknown or invalid "colour=1"; a store takes' ],
    [ 'lmdb:/x y', 'unexpected "y": gatehouse_store takes one address' ],
) {
    my ($store, $message) = @$case;
    like($none->conf_error(http => "gatehouse_store $store;"),
         qr/^\[emerg\] .*\Q$message\E.* in http\.conf:1$/m,
         "gatehouse_store $store");
}

done_testing;
