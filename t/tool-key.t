# Keys from the tool: made, used at once, rotated, revoked, imported, listed;
# what a person sees, what a program sees, and what the gateway does.
use Gatehouse::Test;

use Digest::SHA qw(sha256_hex);
use JSON::PP qw(decode_json);

my $t = Gatehouse::Test->new(workers => 4)->plans(wide => '1000r/s');
my ($alice, $bob) = $t->consumers(2, plan => 'wide');

# Connections are spread over the workers by the kernel
$t->start(http => <<'CONF');
    server {
        listen 127.0.0.1:%%PORT_spread%% reuseport;
        location / {
            gatehouse_authenticate     api_key;
            gatehouse_bad_credentials  off;
            proxy_pass                 http://echo;
        }
    }
CONF

# ---- create ----------------------------------------------------------------

# When a key is made, and nobody waits for anything
my $key = create('alice', '--note', 'their shop');

# Then it works at once, in every worker, for its consumer
is(join(' ', statuses($key, 20)), join(' ', (200) x 20),
   'a new key works at once');
is(ask($key)->received->header('X-Principal'),
   'consumer:alice', 'as its consumer');
is(ask(substr($key, 0, -1) . ($key =~ /x$/ ? 'y' : 'x'))->status, 401,
   'a mistyped one does not');

# And the store does not hold it
for my $file (glob "$t->{dir}/state/*") {
    ok(index(Gatehouse::Test::Logs::slurp($file), $key) < 0,
       "the key is not in $file" =~ s{\Q$t->{dir}\E/}{}r);
}

my ($status, $out, $err) = $t->tool('key', 'create', 'alice', '--id', 'shop1');
planted($out);
is($status, 0, 'an id can be chosen');
like($out, qr/\Agh_shop1_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\n\z/,
     'the key alone is on stdout');
like($err, qr/key shop1 of alice, expires: never/, 'the rest is on stderr');

refused(qr/there is a key shop1 already, issued/,
        'key', 'create', 'bob', '--id', 'shop1');
refused(qr/there is a key \Q${\ $bob->key_id}\E already, declared/,
        'key', 'create', 'bob', '--id', $bob->key_id);
refused(qr/no consumer "alise".*did you mean "alice"/,
        'key', 'create', 'alise');
misused(qr/--id "Shop!" is not an id/, 'key', 'create', 'bob', '--id',
        'Shop!');
misused(qr/--expires "soon" is neither/, 'key', 'create', 'bob',
        '--expires', 'soon');
misused(qr/--expires "90" is neither/, 'key', 'create', 'bob', '--expires',
        '90');
misused(qr/has passed already/, 'key', 'create', 'bob', '--expires',
        '2001-01-01');
misused(qr/--note is longer/, 'key', 'create', 'bob', '--note', 'x' x 600);

# A key that has an end, as a document
my $doc = json('key', 'create', 'bob', '--expires', '2099-01-01', '--id',
               'shop2');
planted($doc->{key});
is($doc->{expires}, '2099-01-01T00:00:00Z', 'a program is told when it ends');
is(ask($doc->{key})->status, 200, 'and it works until then');
my $short = create('bob', '--expires', '1s', '--id', 'shop3');
wait_for(sub { ask($short)->status == 401 }, 5,
         'a key ends when it was said to');
pass('a key ends when it was said to');

# ---- rotate ----------------------------------------------------------------

# When a key is rotated
my $next = rotate('shop1', '--overlap', '1h');

# Then both work, the old one to its end
is(ask($next)->status, 200, 'the new key works');
is(ask(first_key('shop1'))->status, 200,
   'the old one works during the overlap');
my %row = rows();
like($row{shop1}{expires}, qr/^\d{4}-/, 'and has an end now');
is($row{ id_of($next) }{expires}, undef, 'the new one has none');

# And without an overlap the old one ends
my $last = rotate('shop1', '--overlap', '0');
wait_for(sub { ask(first_key('shop1'))->status == 401 }, 5,
         'without an overlap the old key ends at once');
is(ask($last)->status, 200, 'its successor works');
refused(qr/key shop1 has expired on .* gatehouse key create alice/,
        'key', 'rotate', 'shop1');
refused(qr/is declared in .*policies: give bob a new one/,
        'key', 'rotate', $bob->key_id);
refused(qr/there is no key nosuch/, 'key', 'rotate', 'nosuch');
misused(qr/--overlap "long" is not a span/, 'key', 'rotate', 'shop1',
        '--overlap', 'long');

# What had ninety days gets ninety days
my $ninety = create('bob', '--expires', '90d', '--id', 'ninety');
my $after  = id_of(rotate('ninety', '--overlap', '1h'));
%row = rows();
is(substr($row{$after}{expires}, 0, 7), substr(days_from_now(90), 0, 7),
   'the lifetime goes on to the next key');

# ---- revoke ----------------------------------------------------------------

# Given a key that every worker knows
is(join(' ', statuses($key, 40)), join(' ', (200) x 40), 'before: all work');

# When it is revoked and that has been waited for
($status, $out) = $t->tool('key', 'revoke', id_of($key), '--reason', 'lost',
                           '--wait');
is($status, 0, 'revoked everywhere');

# Then no worker serves it, not once
is(join(' ', statuses($key, 40)), join(' ', (401) x 40),
   'a revoked key is refused by every worker');
is(ask($next)->status, 200, 'its neighbour is not');

# And without waiting it is a matter of a second
my $gone = create('alice');
ask($gone) for 1 .. 8;
$t->tool('key', 'revoke', id_of($gone));
wait_for(sub { !grep { $_ != 401 } statuses($gone, 16) }, 2,
         'every worker refuses it soon');
pass('without waiting every worker refuses it soon');

# A declared key ends the same way, and a file does not bring it back
($status) = $t->tool('key', 'revoke', $bob->key_id, '--wait');
is($status, 0, 'a declared key can be revoked');
is(ask($bob)->status, 401, 'and does not work any more');
$t->apply_policies('more.json' => { plans => { more => {
    limits => { main => '1r/s' } } } });
is(ask($bob)->status, 401, 'nor after the files changed');

($status, $out) = $t->tool('key', 'revoke', id_of($key));
is($status, 0, 'revoking twice does no harm');
like($out, qr/was revoked before/, 'and says so');
refused(qr/there is no key nosuch/, 'key', 'revoke', 'nosuch');
refused(qr/was revoked on .* make a new one/, 'key', 'rotate', id_of($key));

# ---- import ----------------------------------------------------------------

my $foreign = 'legacy-' . 'f00d' x 8;
$t->plant_secret($foreign);
my $hash = 'sha256:' . sha256_hex($foreign);
is(ask($foreign)->status, 401, 'a foreign key is unknown');
($status) = $t->tool('key', 'import', 'bob', '--hash', $hash, '--id',
                     'legacy1', '--wait');
is($status, 0, 'it is imported by its hash');
is(ask($foreign)->received->header('X-Principal'),
   'consumer:bob', 'and works for its consumer');
refused(qr/that key is known already: it is legacy1/,
        'key', 'import', 'alice', '--hash', $hash);
refused(qr/that key is known already: it is \Q${\ $alice->key_id}\E/,
        'key', 'import', 'bob', '--hash', 'sha256:' . sha256_hex("$alice"));
misused(qr/--hash is missing/, 'key', 'import', 'bob');
misused(qr/--hash is not the hash of a key/, 'key', 'import', 'bob',
        '--hash', 'sha256:abcd');
($status, $out, $err) = $t->tool('key', 'import', 'bob', '--hash', "$alice");
ok(index("$out$err", "$alice") < 0, 'a key given by mistake is not echoed');
$t->tool('key', 'revoke', 'legacy1', '--wait');
is(ask($foreign)->status, 401, 'it is revoked like any other');

# ---- list ------------------------------------------------------------------

# Given a consumer that has gone from the files, and one suspended
my $orphan = $t->consumer('ghost', plan => 'wide');
my $ghost  = create('ghost', '--id', 'ghost1');
delete $t->{policies}{consumers}{ghost};
$t->apply_policies;
$t->tool('consumer', 'suspend', 'bob', '--wait');

# Then each key says how it stands
%row = rows();
is($row{ghost1}{state}, 'dead: no such consumer', 'a dead key is flagged');
is($row{ id_of($key) }{state}, 'revoked', 'a revoked one, too');
is($row{ $bob->key_id }{state}, 'revoked', 'a revoked declared one, too');
is($row{shop3}{state}, 'expired', 'an expired one, too');
is($row{shop2}{state}, 'suspended', 'and one of a suspended consumer');
is($row{ $alice->key_id }{from}, 'declared', 'declared and');
is($row{ id_of($next) }{from}, 'issued', 'issued and');
is($row{legacy1}{from}, 'imported', 'imported keys stand side by side');
is(ask($ghost)->status, 401, 'a dead key lets nobody in');

(undef, $out) = $t->tool('key', 'list', 'alice');
like($out, qr/^ID +CONSUMER +FROM/, 'people get columns');
unlike($out, qr/bob/, 'of one consumer if asked');
like($out, qr/their shop/, 'with notes');
refused(qr/no consumer "nobody"/, 'key', 'list', 'nobody');

# ---- when nobody knows what is declared ------------------------------------------

# Given policies that nobody can read, neither in force nor in their files
$t->stop;
unlink glob "$t->{dir}/state/policies.*";
$t->write_policies('broken.json' => '{');

# Then a revocation is believed, a new key is not
refused(qr/are not valid, and none are in force/, 'key', 'create', 'alice');
($status, undef, $err) = $t->tool('key', 'revoke', 'anything');
is($status, 0, 'a key can be revoked whatever the policies are');
like($err, qr/nobody can say whether .* it is revoked anyway/, '... with a word');
(undef, undef, $err) = $t->tool('key', 'list');
like($err, qr/declared keys are not shown/, 'and a list says what it lacks');

done_testing;


my %first;

sub planted {
    my ($text) = @_;
    my ($made) = $text =~ /(gh_\S+)/ or return;
    $t->plant_secret($made);
    $first{ id_of($made) } = $made;
    return $made;
}

sub first_key { return $first{ $_[0] } }
sub id_of     { return $_[0] =~ /^gh_([^_]+)_/ ? $1 : die "no key\n" }

sub create { return planted(($t->tool('key', 'create', @_))[1]) }
sub rotate { return planted(($t->tool('key', 'rotate', @_))[1]) }

sub statuses {
    my ($with, $n) = @_;
    return map { ask($with)->status } 1 .. $n;
}

sub ask { return $t->get('/', key => $_[0], port => $t->port('spread')) }

sub refused { return answers(1, @_) }
sub misused { return answers(2, @_) }

sub answers {
    my ($expected, $why, @arg) = @_;
    my ($got, undef, $said) = $t->tool(@arg);
    is($got, $expected, "\"@arg[0, 1]\" exits with $expected");
    like($said, $why, '... and says why');
    return;
}

sub json {
    my (undef, $text) = $t->tool(@_, '--json');
    return decode_json($text);
}

sub rows {
    return map { $_->{id} => $_ } @{ json('key', 'list')->{keys} };
}

sub days_from_now {
    my ($days) = @_;
    my @at = gmtime(time + $days * 86400);
    return sprintf '%04d-%02d-%02d', $at[5] + 1900, $at[4] + 1, $at[3];
}
