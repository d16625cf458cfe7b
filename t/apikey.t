# API keys: whoever sends one is the consumer it belongs to, every wrong one
# is refused alike, and none goes further than the gate (THREATS 1.F).
# GH_F2_SAMPLES=100000 measures the timing of refusals (F2); a test by itself.
use Gatehouse::Test timeout => 400;

use Digest::SHA qw(sha256_hex);
use List::Util ();
use Time::HiRes qw(time);

use Gatehouse::Test::Consumer;

my $FOREIGN = 'legacy-' . Gatehouse::Test::Consumer::random_text(32);
my $IMPORTED = 'other.' . Gatehouse::Test::Consumer::random_text(32);

# a day in UTC, so many seconds from now
sub utc {
    my @at = gmtime(time + $_[0]);
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $at[5] + 1900,
           $at[4] + 1, @at[3, 2, 1, 0];
}


# Given consumers with keys of every kind
my $t = Gatehouse::Test->new(workers => 2);
my $alice = $t->consumer('alice', groups => [ 'staff' ]);
my $bob   = $t->consumer('bob');
my %made  = map { $_ => Gatehouse::Test::Consumer::new_key($_) }
            qw(over1 soon1 later1);
$t->plant_secret($FOREIGN, $IMPORTED, values %made);

# nginx itself writes header lines that it does not take to an error log of
# level info: this one is not planted
my $loud = Gatehouse::Test::Consumer::new_key('loud1');
my $from_start = time;

$t->consumer('carol', credentials => { api_keys => [
    { id => 'over1', hash => Gatehouse::Test::Consumer::hash_of($made{over1}),
      expires => '2020-01-01T00:00:00Z' },
    { id => 'soon1', hash => Gatehouse::Test::Consumer::hash_of($made{soon1}),
      expires => utc(6) },
    { id => 'later1', hash => Gatehouse::Test::Consumer::hash_of(
      $made{later1}), expires => utc(3600) },
    { id => 'loud1', hash => Gatehouse::Test::Consumer::hash_of($loud) },
    { id => 'legacy', hash => 'sha256:' . sha256_hex($FOREIGN) } ] });

my $parts = {
    http => '', server => <<'EOF', locations => <<'EOF2' };
    gatehouse_bad_credentials  off;
EOF
    location / {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
    location /kong {
        gatehouse_authenticate       optional api_key;
        gatehouse_principal_headers  kong;
        proxy_pass                   http://echo;
    }
    location /kong/public {
        gatehouse_authenticate       off;
        gatehouse_principal_headers  kong;
        proxy_pass                   http://echo;
    }
    location /optional {
        gatehouse_authenticate  optional api_key;
        proxy_pass              http://echo;
    }
    location /query {
        gatehouse_authenticate  api_key;
        gatehouse_api_key       header=X-Key query=api_key;
        proxy_pass              http://echo;
    }
    location /off {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
EOF2
$t->start(%$parts);

my (%look, %expected, $n);

sub refused {
    my ($name, $headers, $reason) = @_;
    my @got;

    $t->journal_clear;

    for my $path ('/', '/', '/optional') {
        my $at = "$path?" . ++$n;
        my $res = $t->get($at, headers => $headers);
        my $text = $res->head . "\n" . $res->body;
        $text =~ s/[0-9a-f]{32}/ID/g;
        $text =~ s/^Date: .*$/Date/m;
        $look{$text} //= $name;
        push @got, $res->status;
        $expected{$at} = [ $name, $reason ];
    }
    my $seen = $t->journal;
    return is("@got, service $seen", '401 401 401, service 0', $name);
}

sub wrong { my ($name, $key, @rest) = @_;
            $t->plant_secret($key);
            return refused($name, [ 'X-API-Key' => $key ], @rest) }

sub who {
    my ($path, %arg) = @_;
    my $res = $t->get($path, %arg);
    return $res->received ? $res->received->header('X-Principal') // 'nobody'
                          : $res->status;
}

sub kong {
    my ($path, @with) = @_;
    my $seen = $t->get($path, @with, headers =>
                       [ 'X-Anonymous-Consumer' => 'yes' ])->received;
    return join ' ', map { $seen->header($_) // '-' }
           qw(X-Consumer-Username X-Anonymous-Consumer);
}

sub done {
    my ($name, @arg) = @_;
    my ($status, $out, $err) = $t->tool(@arg);
    is($status, 0, $name) or diag("$out$err");
    chomp $out;
    return $out;
}


# ---- declared keys -------------------------------------------------------------------

my $got = $t->get('/', key => $alice)->received;
is($got->header('X-Principal'), 'consumer:alice', 'a declared key is its '
   . 'consumer');
is($got->header('X-Principal-Type'), 'consumer', 'of type consumer');
is($got->header('X-Principal-Method'), 'api_key', 'by api_key');
is($got->header('X-Principal-Consumer'), 'alice', 'with its name');
is($got->header('X-Principal-Groups'), 'staff', 'and groups');
is(who('/', key => $bob), 'consumer:bob', 'another one is another');
is(who('/', headers => [ 'x-api-key' => "$alice" ]), 'consumer:alice',
   'the header\'s name has no case');
is(who('/', key => $FOREIGN), 'consumer:carol', 'a key of other make');
is(who('/', key => $made{later1}), 'consumer:carol', 'one that ends later');
is(who('/', key => $alice, http2 => 1), 'consumer:alice', 'over HTTP/2');

# nginx keeps request headers twenty by twenty
my @cut = grep {
    my $n = $_;
    my $seen = $t->get('/', key => $alice,
                       headers => [ map { ("X-N$_" => "n$_") } 1 .. $n ])
                 ->received;
    my @names = map { "X-Principal$_" } '', qw(-Type -Method -Consumer -Groups);
    (grep { ($seen->header("X-N$_") // '') ne "n$_" } 1 .. $n)
        || join(' ', map { $seen->header($_) // '-' } @names)
           ne 'consumer:alice consumer api_key alice staff';
} 1 .. 45;
is("@cut", '', 'however many headers a request has, all arrive, and ours too');
is(who('/optional'), 'nobody', 'optional: nobody is let in as nobody');
is(who('/optional', key => $alice), 'consumer:alice', 'somebody by name');
is(kong('/kong'), '- true', 'as with Kong, nobody is said to be nobody');
is(kong('/kong', key => $alice), 'alice -', 'and somebody is not');
is(kong('/kong/public'), '- -', 'in public nothing is said');
is(who('/off', key => $alice), 'nobody', 'a public location asks nobody');
$t->journal_clear;


# ---- wrong keys ------------------------------------------------------------------------

my $text = "$alice";
(my $typo = $text) =~ s/(.)$/$1 eq 'a' ? 'b' : 'a'/e;
my $twin = Gatehouse::Test::Consumer::new_key($alice->key_id);

is($t->get('/')->status, 401, 'no key');
$t->journal_clear;
wrong('F3: a key that nobody has', Gatehouse::Test::Consumer::new_key('none'),
      'key_unknown');
wrong('F3: another key under a known id', $twin, 'key_unknown');
wrong('F3: a key that is over', $made{over1}, 'key_expired');
wrong('F3: a foreign key that nobody has', 'legacy-' . 'x' x 32,
      'key_unknown');
wrong('a typo', $typo, 'credential_malformed');
wrong('a key in upper case', uc $text, 'key_unknown');
wrong('a key with its last byte gone', substr($text, 0, -1),
      'credential_malformed');
wrong('a key and more', "${text}0", 'credential_malformed');
wrong('the hash of a key', Gatehouse::Test::Consumer::hash_of($text),
      'key_unknown');
wrong('a quoted key', "\"$text\"", 'key_unknown');
wrong('the id of a key', 'gh_' . $alice->key_id, 'credential_malformed');
refused("F4: a key that is $_->[0]", [ 'X-API-Key' => $_->[1] ],
        'credential_malformed')
    for [ 'empty', '' ], [ 'one byte', 'x' ], [ 'of 257 bytes', 'k' x 257 ],
        [ 'of 5 kB', 'k' x 5000 ], [ 'with a space', "$text x" ],
        [ 'with high bytes', "legacy\xff\xfe\x80keys" ],
        [ 'with a tab', "legacy\tkey\tkey" ], [ 'UTF-8', "l\xc3\xa9gacykey" ],
        [ 'DEL', "legacykey\x7f" ],
        [ 'our prefix', 'gh_' ], [ 'our prefix and dots', 'gh_.._x_y' ],
        [ 'an id too long', 'gh_' . 'a' x 17 . '_' . 'x' x 43 . '_000000' ];
is($t->get('/', headers => [ 'X-API-Key' => 'k' x 65_536 ])->status, 400,
   'F4: 64 kB are more than nginx takes');
is($t->raw_request("GET / HTTP/1.1\r\nHost: localhost\r\nX-API-Key: $loud\0\r\n"
   . "Connection: close\r\n\r\n")->status, 400, 'F4: nor a NUL');
refused('F4: two keys', [ 'X-API-Key' => $text, 'X-API-Key' => $text ],
        'credential_duplicate');
refused('F4: a good one and a bad one', [ 'X-API-Key' => $text,
        'X-API-Key' => 'x' ], 'credential_duplicate');
refused('F4: an empty one and a good one', [ 'X-API-Key' => '',
        'X-API-Key' => $text ], 'credential_duplicate');
refused('F4: two in one line', [ 'X-API-Key' => "$text, $bob" ],
        'credential_malformed');
is($t->get('/', headers => [ Authorization => "Bearer $text" ])->status, 401,
   'a key is no bearer token');
is($t->get('/', headers => [ X_API_Key => $loud ])->status, 401,
   'nor in a header that looks alike');
is($t->get('/', headers => [ Cookie => "X-API-Key=$text" ])->status, 401,
   'nor in a cookie');
is($t->get("/?api_key=$text")->status, 401, 'F1: keys in the query are off');
is(who('/query', headers => [ 'X-API-Key' => $text ]), 401,
   'a location with another header does not know this one');
$t->journal_clear;

my ($look, @others) = keys %look;
is(scalar @others, 0, 'F3: all failures look alike') or diag(keys %look);


# ---- F1, A14: where keys may stand, and where they end -------------------------------------

is(who('/query', headers => [ 'X-Key' => $text ]), 'consumer:alice',
   'a header of the location\'s choosing');
for ([ "api_key=$text", '' ], [ "a=1&api_key=$text&b=%20", '?a=1&b=%20' ],
     [ "a&api_key=$text", '?a' ], [ "api_key=$text&x", '?x' ])
{
    my ($query, $left) = @$_;
    my $res = $t->get("/query?$query", headers => [ Referer =>
                      'http://localhost/before' ]);
    is($res->status, 200, 'F1: a key in the query where it is allowed');
    is($res->received->target, "/query$left",
       'F1: and the service sees the query without it');
    unlike(join("\n", map { "@$_" } $res->received->headers), qr/\Q$text/,
           'F1: nor does any header hold it');
}
$t->journal_clear;
is($t->get("/query?api_key=$text&api_key=$text")->status, 401,
   'F4: two of them are none');
is($t->get("/query?api_key=$text", headers => [ 'X-Key' => $text ])->status,
   401, 'F4: as is one here and one there');
is($t->get("/query?$_")->status, 401, 'F4: "' . substr($_, 0, 12) . '" is none')
    for 'api_key', 'api_key=', "API_KEY=$text", "api%5Fkey=$text",
        'api_key=%00', "api_key[]=$text";
is(scalar $t->journal, 0, 'and the service saw none of them');

$got = $t->get('/', key => $alice)->received;
unlike(join("\n", map { "@$_" } $got->headers), qr/\Q$text|X-API-Key/i,
       'A14: a key does not reach the service');
$got = $t->get('/optional', headers => [ 'X-API-Key' => $text ])->received;
unlike(join("\n", map { "@$_" } $got->headers), qr/\Q$text|X-API-Key/i,
       'A14: nor where it was optional');
$t->journal_clear;


# ---- issued keys ------------------------------------------------------------------------

my $issued = done('a key is issued', qw(key create bob --wait --id bob1));
$t->plant_secret($issued);
like($issued, qr/^gh_bob1_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/,
     'in the form that leak scanners know');
is(who('/', key => $issued), 'consumer:bob', 'and opens at once');
wrong('its last byte changed', $issued =~ s/.$/$& eq 'a' ? 'b' : 'a'/er,
      'credential_malformed');
wrong('another key of its id', Gatehouse::Test::Consumer::new_key('bob1'),
      'key_unknown');

my $brief = done('one that ends', qw(key create bob --id bob2 --wait
                 --expires), utc(3));
$t->plant_secret($brief);
my $state = who('/', key => $brief);
like($state, qr/^(?:consumer:bob|401)$/, 'opens until then');
wait_for(sub { who('/', key => $brief) eq '401' }, 15, 'the key to end');
$t->journal_clear;
wrong('F3: an issued key that is over', $brief, 'key_expired');

my $second = done('a key is rotated', qw(key rotate bob1 --overlap 1h --wait));
$t->plant_secret($second);
is(who('/', key => $second), 'consumer:bob', 'the new one opens');
is(who('/', key => $issued), 'consumer:bob', 'and so does the old one yet');
$t->journal_clear;

# F7: what both workers have just served
done('the old one is revoked', qw(key revoke bob1 --wait));
wrong('F7: a revoked key opens nothing, in no worker', $issued, 'key_revoked')
    for 1 .. 4;
is(who('/', key => $second), 'consumer:bob', 'its successor does');

my $declared = $alice->key_id;
is(who('/', key => $alice), 'consumer:alice', 'a declared key');
$t->journal_clear;
done('can be revoked too', qw(key revoke), $declared, '--wait');
wrong('F7: then it opens nothing, whatever the file says', $text,
      'key_revoked');

# F7: without --wait it is in force on every worker within a second
my $third = done('another key', qw(key create bob --id bob3 --wait));
$t->plant_secret($third);
is(who('/', key => $third), 'consumer:bob', 'served by') for 1 .. 4;
done('revoked, nobody waits', qw(key revoke bob3));
wait_for(sub { !grep { who('/', key => $third) ne '401' } 1 .. 8 }, 10,
         'the revocation to arrive');
pass('F7: it holds everywhere soon');
$t->journal_clear;


# ---- imported keys -----------------------------------------------------------------------

done('a foreign key is imported by its hash', qw(key import bob --id imp1
     --wait --hash), 'sha256:' . sha256_hex($IMPORTED));
is(who('/', key => $IMPORTED), 'consumer:bob', 'and opens');
$t->journal_clear;
wrong('a key that resembles it', $IMPORTED . 'x', 'key_unknown');
done('it is revoked', qw(key revoke imp1 --wait));
wrong('and opens no more', $IMPORTED, 'key_revoked');


# ---- consumers ----------------------------------------------------------------------------

done('bob is suspended', qw(consumer suspend bob --wait));
wrong('F3: an issued key of a suspended consumer', $second,
      'consumer_suspended');
wrong('F3: a declared key of a suspended consumer', "$bob",
      'consumer_suspended');
is(who('/', key => $FOREIGN), 'consumer:carol', 'carol is not touched');
done('bob is resumed', qw(consumer resume bob --wait));
is(who('/', key => $second), 'consumer:bob', 'and his keys open again');
is(who('/', key => $bob), 'consumer:bob', 'both of them');
$t->journal_clear;

my %consumers = %{ $t->{policies}{consumers} };
my $bobs = delete $consumers{bob};
$t->apply_policies(consumers => \%consumers);
wait_for(sub { who('/', key => $second) eq '401' }, 10, 'bob to be gone');
$t->journal_clear;
wrong('F3: an issued key whose consumer is gone', $second,
      'consumer_unknown');
wrong('a declared key whose consumer is gone', "$bob", 'key_unknown');
$t->apply_policies(consumers => { %consumers, bob => $bobs });
wait_for(sub { who('/', key => $second) eq 'consumer:bob' }, 10, 'bob');
pass('and is back with him');
$t->journal_clear;


# ---- time, reload, restart -----------------------------------------------------------------

wait_for(sub { time > $from_start + 7 }, 20, 'the clock');
wrong('F3: a declared key that has ended by itself', $made{soon1},
      'key_expired');
is(who('/', key => $made{later1}), 'consumer:carol', 'another has not');

$t->reload;
is(who('/', key => $second), 'consumer:bob', 'issued keys survive a reload');
$t->restart;
is(who('/', key => $second), 'consumer:bob', 'and a restart');
$t->journal_clear;
wrong('F7: revoked ones stay revoked', $issued, 'key_revoked');
wrong('F7: declared ones too', $text, 'key_revoked');

($look, @others) = keys %look;
is(scalar @others, 0, 'F3: all of these failures look alike')
    or diag(map { "$look{$_}: $_" } keys %look);

my %said = map { $_->{target} => $_->{reason} }
           $t->decisions(scalar keys %expected);
my @unlike;
for (sort keys %expected) {
    my ($name, $reason) = @{ $expected{$_} };
    my $log = $said{$_} // 'nothing';
    push @unlike, "$name: the log says $log" if $log ne ($reason // $log);
}
is(scalar @unlike, 0, 'the log knows why, each time')
    or diag(join "\n", @unlike);


# ---- the root key -----------------------------------------------------------------------

{
    # Given keys issued under one root key
    my $u = Gatehouse::Test->new;
    $u->consumer('dave');
    $u->prepare('');
    $u->file($_, Gatehouse::Test::Consumer::random_text(64))
        for qw(first second third);
    $u->plant_secret(map { Gatehouse::Test::Logs::slurp($u->dir . "/$_") }
                     qw(first second third));
    chmod 0600, map { $u->dir . "/$_" } qw(first second third);
    my $location = 'location / { gatehouse_authenticate api_key; '
                 . 'proxy_pass http://echo; }';
    my @files = map { "file:%%DIR%%/$_" } qw(first second third);
    $u->start(http => "gatehouse_secret $files[0];", locations => $location);

    my ($status, $old, $err) = $u->tool(qw(key create dave --wait));
    is($status, 0, 'a key under the first root key') or diag($err);
    chomp $old;
    $u->plant_secret($old);
    is($u->get('/', key => $old)->status, 200, 'opens');

    # When the root key is rotated
    $u->restart(http => "gatehouse_secret $files[1] $files[0];",
                locations => $location);
    is($u->get('/', key => $old)->status, 200, 'also under a new root key '
       . 'while the old one is still named');
    ($status, my $new, $err) = $u->tool(qw(key create dave --wait));
    is($status, 0, 'a key under the new one') or diag($err);
    chomp $new;
    is($u->get('/', key => $new)->status, 200, 'opens');

    # When the first one is taken away, and has sealed nothing any more
    ($status, my $said) = $u->tool(qw(store reseal));
    is($status, 4, 'a root key that an issued key was made with is needed');
    like($said, qr/1 issued key was made with an older one: rotate it \(/,
         '... as is said');
    $u->restart(http => "gatehouse_secret $files[1];",
                locations => $location);
    is($u->get('/', key => $old)->status, 401, 'keys of a root key that is '
       . 'gone are dead');
    is($u->get('/', key => $new)->status, 200, 'those of the new one are not');

    # F6: and when there is nothing in the file
    $u->file('empty', '');
    chmod 0600, $u->dir . '/empty';
    for ('empty', 'missing') {
        like($u->conf_error(http => "gatehouse_secret file:%%DIR%%/$_;",
                            locations => $location), qr/\Q$_\E/,
             "F6: a root key that is $_ is refused at the start");
    }
    $u->conf_test(http => "gatehouse_secret $files[1];",
                  locations => $location);
    $u->stop;
}


{
    # Given a start that died while it made the root key, and another one;
    # for Redis one is always named
    my $u    = Gatehouse::Test->new(store => 'lmdb:%%DIR%%/state');
    my $made = $u->dir . '/state/root.key';
    $u->prepare('');
    $u->file('state/root.key.new', 'half of');
    $u->start(locations => 'location / { return 204; }');

    # Then
    my @file  = stat $made;
    my @state = stat $u->dir . '/state';
    like(Gatehouse::Test::Logs::slurp($made), qr/\A[0-9a-f]{64}\n\z/,
         'a root key that nobody named is made whole');
    is($file[2] & 07777, 0600, 'for the eyes of one');
    is("@file[4, 5]", "@state[4, 5]", 'who owns the state directory');
    ok(!-e "$made.new", 'and of the first try nothing is left');
    $u->stop;
}


# ---- a store that cannot be asked ----------------------------------------------------------

{
    # Given keys that a worker has seen, and others that it has not
    my $u = Gatehouse::Test->new(store => 'lmdb:%%DIR%%/state');
    my $erin  = $u->consumer('erin');
    my $frank = $u->consumer('frank');
    my $location = <<'EOF';
        location / {
            gatehouse_authenticate  api_key;
            proxy_pass              http://echo;
        }
        location /optional {
            gatehouse_authenticate  optional api_key;
            proxy_pass              http://echo;
        }
EOF
    my $dir = $u->dir;
    $u->start($location);
    my ($status, $key, $err) = $u->tool(qw(key create erin --wait));
    chomp $key;
    $u->plant_secret($key);
    is($u->get('/', key => $key)->status, 200, 'an issued key opens')
        or diag($err);

    # When every question to the store fails from the start
    $u->stop;
    $u->{store} = "test:lmdb:$dir/state?fail=100";
    $u->start($location);
    $u->journal_clear;

    # Then nothing is guessed, neither way
    for my $path ('/', '/optional') {
        is($u->get($path, key => $key)->status, 503,
           "F7: $path: an issued key cannot be judged");
        is($u->get($path, key => $erin)->status, 503,
           'F7: nor a declared one, which might be revoked');
        is($u->get($path, key => Gatehouse::Test::Consumer::new_key('xxxx'))
           ->status, 503, 'F7: nor one that nobody knows');
        is($u->get($path, key => 'gh_typo')->status, 401,
           'what is no key at all is refused');
    }
    is(scalar $u->journal, 0, 'the service saw none of them');
    is($u->get('/')->status, 401, 'no key needs no store');
    is($u->get('/optional')->status, 200, 'nor does a caller without one');

    # When it answers late
    $u->stop;
    $u->{store} = "test:lmdb:$dir/state?delay=200";
    $u->start($location);
    is($u->get('/', key => $_)->status, 200, 'a slow store is waited for')
        for $key, $frank;

    # and when clients do not wait for it
    for my $i (1 .. 30) {
        my $http = $u->connect;
        $http->send_raw("GET / HTTP/1.1\r\nHost: localhost\r\nX-API-Key: "
            . Gatehouse::Test::Consumer::new_key("away$i") . "\r\n\r\n");
        undef $http;
    }
    is($u->get('/', key => $key)->status, 200, 'clients that leave while it is '
       . 'asked harm nobody');
    $u->stop;
}


# ---- F2: timing --------------------------------------------------------------------------

SKIP: {
    my $samples = $ENV{GH_F2_SAMPLES} || 0;
    skip 'F2: the time of a refusal is measured with GH_F2_SAMPLES=100000', 1 if !$samples;

    my %key = (unknown => Gatehouse::Test::Consumer::new_key('bob9'),
               twin    => Gatehouse::Test::Consumer::new_key('bob1'),
               revoked => $issued);
    my %us;
    my @order = sort keys %key;
    my $http;

    for my $i (0 .. $samples - 1) {
        for my $kind (@order) {
            $http = $t->connect(timeout => 60) if $i % 300 == 0;
            my $from = time;
            $t->get('/', key => $key{$kind}, connection => $http);
            push @{ $us{$kind} }, (time - $from) * 1e6;
        }
        push @order, shift @order;
    }

    # the slowest tenth is what else went on
    my (%mean, %error);
    for my $kind (@order) {
        my @all = sort { $a <=> $b } @{ $us{$kind} };
        splice @all, @all * 9 / 10;
        $mean{$kind} = List::Util::sum(@all) / @all;
        $error{$kind} = List::Util::sum(map { ($_ - $mean{$kind}) ** 2 } @all)
                      / @all / @all;
    }
    for ([ 'revoked', 'twin' ], [ 'revoked', 'unknown' ],
         [ 'twin', 'unknown' ])
    {
        my ($x, $y) = @$_;
        my $delta = abs($mean{$x} - $mean{$y});
        my $welch = $delta / sqrt($error{$x} + $error{$y});
        diag(sprintf 'F2: %s %.2f us, %s %.2f us, Welch %.2f', $x, $mean{$x},
             $y, $mean{$y}, $welch);
        ok($delta < 2 || $welch < 4.5, "F2: $x and $y take the same time");
    }
}

done_testing;
