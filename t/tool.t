# The tool as people meet it: help, messages with a way out, exit statuses;
# and as the system meets it: whose it becomes, what it leaves behind.
use Gatehouse::Test;

use IO::Socket::INET;
use JSON::PP qw(decode_json);
use POSIX ();

my $t = Gatehouse::Test->new(workers => 2, backends => [ 'blue', 'green' ])
                       ->plans(wide => '1000r/s')
                       ->services(orders => { versions => { v1 => {
    deployments => { blue  => { upstream => 'blue', initial_weight => '100%' },
                     green => { upstream => 'green', initial_weight => '0%' } },
} } });
my $acme = $t->consumer('acme', plan => 'wide', groups => [ 'partner' ],
                        scopes => [ 'orders:read' ], name => 'Acme Ltd');

# ---- before nginx was ever started -------------------------------------------

$t->prepare('')->file('secret', 'x');
chmod 0600, "$t->{dir}/secret";
$t->prepare(http => <<'HTTP', locations => <<'CONF');
gatehouse_oidc_provider people {
    issuer         https://i.example;
    client_id      "gw { of us";
    client_secret  file:%%DIR%%/secret;
    argument       prompt=login "a=}}";
}
HTTP
    location / {
        gatehouse_authenticate     api_key;
        gatehouse_bad_credentials  off;
        proxy_pass                 http://echo;
    }
CONF

my $shared = ($ENV{GH_TEST_STORE} // '') eq 'redis';
answers(3, $shared ? qr/no gateway has used it yet: start nginx first/
                   : qr/there is no root key in .*: start nginx once/,
        'key', 'create', 'acme');
answers(3, qr/the gateway does not answer at .*Connection refused/, 'status');
is(($t->tool('check'))[0], 0, 'policies can be checked before the first start');
rename "$t->{dir}/state", "$t->{dir}/away";
answers(3, $shared ? qr/no gateway has used it yet: start nginx first/
                   : qr/there is no store in .*: start nginx once/,
        'key', 'list');
rename "$t->{dir}/away", "$t->{dir}/state";

$t->start;

# ---- help ----------------------------------------------------------------------

my ($status, $out, $err) = $t->tool;
is($status, 0, 'alone it explains itself');
like($out, qr/\A.*\n\n  gatehouse check/, 'beginning with examples');
for my $word (qw(check key consumer traffic history status)) {
    ($status, $out) = $t->tool('help', $word);
    is($status, 0, "there is help on $word");
    like($out, qr/Examples:\n  gatehouse $word/, '... with examples first');
}
(undef, $out) = $t->tool('key', 'create', 'acme', '--help');
like($out, qr/^gatehouse key create: .*\n\nExamples:/, '--help works anywhere');
like($out, qr/--expires WHEN/, 'and tells the options');
(undef, my $page) = $t->tool('help', 'key', 'create');
is($out, $page, 'both ways to the same page');
(undef, $out) = $t->tool('traffic');
like($out, qr/switch SERVICE\/VERSION DEPLOYMENT/, 'a group tells its commands');
(undef, $out) = $t->tool('--version');
like($out, qr/\Agatehouse \d+\.\d+\.\d+\n\z/, 'it has a version');

# ---- what is not understood ------------------------------------------------------

answers(2, qr/unknown command "kye"; did you mean "key"/, 'kye', 'list');
answers(2, qr/unknown key command "lits"; did you mean "list"/, 'key', 'lits');
answers(2, qr/unknown option "--expire"; did you mean "--expires"/,
        'key', 'create', 'acme', '--expire=1d');
answers(2, qr/"key list" does not take --reason/, 'key', 'list', '--reason', 'x');
answers(2, qr/--id needs a value/, 'key', 'create', 'acme', '--id');
answers(2, qr/--id is given twice/, 'key', 'create', 'acme', '--id=a', '--id=b');
answers(2, qr/--json takes no value/, 'status', '--json=1');
answers(2, qr/something is missing; usage: gatehouse key revoke ID/,
        'key', 'revoke');
answers(2, qr/"b" is one word too many; usage: gatehouse key list/,
        'key', 'list', 'a', 'b');
answers(2, qr/--wait=soon is not a span/, 'key', 'revoke', 'x', '--wait=soon');
answers(1, qr/there is no key --json/, 'key', 'revoke', '--', '--json');

# ---- another nginx.conf ------------------------------------------------------------

($status, undef, $err) = run_tool('-c', '/nonexistent.conf', 'status');
is($status, 3, 'a configuration that is not there is said');
like($err, qr{/nonexistent.conf: No such file.*-c FILE}, '... with the way out');
$t->file('broken.conf', "http {\n  server {\n");
($status, undef, $err) = run_tool('-p', $t->dir, '-c', 'broken.conf', 'status');
is($status, 3, 'a broken one, too');
like($err, qr{broken.conf:3: a block is not closed}, '... with file and line');
$t->file('other.conf', 'http { gatehouse_store sqlite:/x; }');
($status, undef, $err) = run_tool('-c', "$t->{dir}/other.conf", 'key', 'list');
is($status, 3, 'a store of another kind is said');
like($err, qr/"sqlite:.*it knows lmdb:.*redis:/, '... and which it knows');
$t->file('redis.conf', 'http { gatehouse_store redis://127.0.0.1:1; }');
($status, undef, $err) = run_tool('-c', "$t->{dir}/redis.conf", 'key', 'list');
is($status, 3, 'Redis without a root key is refused');
like($err, qr/needs a root key: name it with gatehouse_secret/, '... so');

# ---- check -----------------------------------------------------------------------

($status, $out) = $t->tool('check');
is($status, 0, 'what is valid');
like($out, qr/policies is valid/, '... is said to be');

mkdir "$t->{dir}/bad";
$t->file('bad/a.json', <<'JSON');
{ "consumers": { "acme": { "plan": "glod" } },
  "plans":     { "gold": { "limits": { "main": "5r/s" } } },
  "services":  { "orders": { "versions": { "v1": { "deployments": {
                 "blue": { "upstream": "bleu" } } } } } } }
JSON
answers(1, qr{bad/a\.json:1:\d+: .*"glod".*bad/a\.json:4:\d+: .*"bleu"}s,
        'check', "$t->{dir}/bad");
(undef, $out) = $t->tool('check', "$t->{dir}/bad", '--json');
my $doc = decode_json($out);
ok(!$doc->{valid}, 'a program is told, too');
is($doc->{errors}[0]{line}, 1, '... with the line');
like($doc->{errors}[0]{message}, qr/glod/, '... and the word');
answers(1, qr/nowhere/, 'check', "$t->{dir}/nowhere");

# In a repository there is no gateway
mkdir "$t->{dir}/alone";
$t->file('alone/a.json', <<'JSON');
{ "consumers": { "acme": { "credentials": { "signatures": [ {
      "keyid": "k1", "algorithm": "hmac-sha256",
      "secret": "file:/nonexistent" } ] } } },
  "services":  { "orders": { "versions": { "v1": { "deployments": {
                 "blue": { "upstream": "anything" } } } } } } }
JSON
SKIP: {
    skip 'this machine is a gateway', 2
        if Gatehouse::Test::Logs::slurp('/etc/nginx/nginx.conf')
           =~ /gatehouse_policies/;
    ($status, $out) = run_tool('check', "$t->{dir}/alone");
    is($status, 0, 'without a gateway a set is checked by itself');
    like($out, qr/is valid; .*taken as they are/, '... which is said');
}
answers(1, qr/"anything"/, 'check', "$t->{dir}/alone");

# ---- consumer ----------------------------------------------------------------------

is($t->get('/', key => $acme)->status, 200, 'a consumer is served');
(undef, $out) = $t->tool('consumer', 'show', 'acme');
like($out, qr/Acme Ltd.*wide.*partner.*orders:read/s, 'and shown');
($status) = $t->tool('consumer', 'suspend', 'acme', '--reason', 'circles',
                     '--wait');
is($status, 0, 'suspended everywhere');
is($t->get('/', key => $acme)->status, 401, 'it is refused');
(undef, $out) = $t->tool('consumer', 'show', 'acme');
like($out, qr/acme: SUSPENDED/, 'and shown so');
($status, $out) = $t->tool('consumer', 'suspend', 'acme');
is($status, 0, 'suspending twice does no harm');
like($out, qr/was suspended before/, '... and says so');
$t->tool('consumer', 'resume', 'acme', '--wait');
is($t->get('/', key => $acme)->status, 200, 'resumed, it is served again');
$t->tool('consumer', 'suspend', 'acme', '--for', '2s', '--wait');
isnt($t->get('/', key => $acme)->status, 200, 'suspended for a while');
wait_for(sub { $t->get('/', key => $acme)->status == 200 }, 8,
         'the suspension ends by itself');
pass('the suspension ends by itself');
answers(1, qr/no consumer "acmee".*did you mean "acme"/,
        'consumer', 'suspend', 'acmee');
answers(2, qr/--for "ever" is not a span/, 'consumer', 'suspend', 'acme',
        '--for', 'ever');
(undef, $out) = $t->tool('history', '--subject', 'consumer acme');
like($out, qr/suspend consumer acme\n +circles/, 'all of it is in the history');

# ---- status ------------------------------------------------------------------------

($status, $out) = $t->tool('status');
is($status, 0, 'a gateway that is ready');
like($out, qr/\Agateway   ready;.* 2 workers\n/, '... is summed up');
like($out, qr/^root key  [0-9a-f]{16} /m, '... with the root key, not to see');
like($out, qr/^policies  generation \d+ /m, '... with its policies');
like($out, $shared ? qr/^store +redis, available; change log at \d+$/m
                  : qr/^store +(?:lmdb|test), available; \d+ records, /m,
     '... with its store');
(undef, $out) = $t->tool('status', '--json');
$doc = decode_json($out);
ok($doc->{ready}, 'a program is told that it is ready');
is(scalar @{ $doc->{workers} }, 2, '... and how far each worker is');

$t->write_policies('broken.json' => '{ "plans": { "x": 1 } }');
wait_for(sub { ($t->tool('status'))[1] =~ /REFUSED.*broken\.json:1:/ }, 10,
         'a refused set is in the status');
pass('a set of policies that was refused is in the status');
$t->remove_policy('broken.json');

# ---- apply -------------------------------------------------------------------------

my $before = $t->generation;
$t->write_policies('more.json' => { plans => { more => { limits => {
    main => '5r/s' } } } });
($status, $out) = $t->tool('apply', '--json');
is($status, 0, 'a changed set is waited for');
is(decode_json($out)->{generation}, $t->generation, '... until it is in force');
cmp_ok($t->generation, '>', $before, '... as a new one');
($status, $out, $err) = $t->tool('apply');
is($status, 0, 'what is in force needs no waiting');
like($err, qr/in force in 2 workers/, '... and is said to be');
$t->write_policies('broken.json' => '{ "plans": { "x": 1 } }');
answers(1, qr/broken\.json:1:\d+: /, 'apply');
$t->remove_policy('broken.json');
is(($t->tool('apply'))[0], 0, 'until it is mended');

# ---- accepted, and nobody there to say that it is in force ---------------------------

$t->stop;
($status, $out, $err) = $t->tool('traffic', 'switch', 'orders/v1', 'green',
                                 '--wait=1s');
is($status, 4, 'without a gateway a change is accepted, not in force');
like($err, qr/written, but nobody could be asked/, '... which is said');
answers(3, qr/does not answer/, 'status');
$t->write_policies('late.json' => { plans => { late => { limits => {
    main => '5r/s' } } } });
answers(4, qr/is valid, but no gateway took it up yet/, 'apply', '--wait=1s');
(undef, $out) = $t->tool('status', '--json');
is(decode_json($out)->{result}, 'unavailable', '... to programs, too');
my ($made, $key) = $t->tool('key', 'create', 'acme');
$t->plant_secret($key =~ s/\n//r);
is($made, 0, 'a key can be made while nginx is down');
$t->start;
is($t->get('/', key => $key =~ s/\n//r)->status, 200,
   'and works when it is up again');

# ---- an answer that cannot be given is not given as done --------------------------------

my $full = system '/bin/sh', '-c', '"$0" -c "$1" history >/dev/full 2>/dev/null',
                  Gatehouse::Test::build() . '/gatehouse', "$t->{dir}/nginx.conf";
is($full >> 8, 3, 'an answer that does not fit on a disk is an error');

# ---- what answers is not always a gateway -----------------------------------------------

for my $case ([ '', 'nothing' ], [ "SSH-2.0\r\n", 'another protocol' ],
              [ "HTTP/1.1 200 OK\r\n\r\nhello", 'another page' ],
              [ "HTTP/1.1 200 OK\r\n\r\n" . '[' x 100_000, 'deep JSON' ],
              [ "HTTP/1.1 404 Not Found\r\n\r\n", 'a refusal' ],
              [ 'HTTP/1.1 200 OK', 'half an answer' ])
{
    my ($text, $name) = @$case;
    my $port = answer_with($text);
    $t->file('fake.conf', "http { gatehouse_store lmdb:$t->{dir}/state; "
                        . "server { listen 127.0.0.1:$port; gatehouse_status; } }");
    ($status, undef, $err) = run_tool('-c', "$t->{dir}/fake.conf", 'status');
    is($status, 3, "$name instead of the status is no status");
    like($err, qr/gateway/, '... which is said');
    wait;
}

# ---- a root key that the gateway does not have yet ---------------------------------------

$t->file('new.key', 'k' x 64 . "\n");
$t->plant_secret('k' x 64);
$t->file('rotated.conf', Gatehouse::Test::Logs::slurp("$t->{dir}/nginx.conf")
         =~ s/(gatehouse_s(?:ecret|tore))/gatehouse_secret file:new.key;\n$1/r);
($status, $key, $err) = run_tool('-c', "$t->{dir}/rotated.conf", 'key', 'create',
                                 'acme');
$t->plant_secret($key =~ s/\n//r);
like($err, qr/begins with another root key .*reload nginx/,
     'a key that the gateway cannot know yet comes with a word');

# ---- whose files -------------------------------------------------------------------------

SKIP: {
    skip 'only root can become somebody', 6 if $>;

    my $owner = (getpwnam $t->{user})[2];
    my @strange = grep { (stat)[4] != $owner } glob "$t->{dir}/state/*";
    is("@strange", '', 'as root it leaves nothing in the store that is root\'s');
    is((stat "$t->{dir}/state")[4], $owner, 'nor the directory itself');

    # Somebody else may not, and is told who may
    ($status, undef, $err) = as_user('nobody', 'key', 'list');
    is($status, 3, 'somebody else may not');
    like($err, qr/run this as root|Permission denied/, '... and is told who may');

    # The owner may, if a root key that nginx.conf names is not root's alone
    chown $owner, -1, glob "$t->{dir}/*root.key";
    ($status) = as_user($t->{user}, 'key', 'list');
    is($status, 0, 'the owner of the store may');

    # A directory that is still root's is not used as root
    mkdir "$t->{dir}/fresh", 0700;
    $t->file('fresh.conf', "user $t->{user};\nhttp { gatehouse_store "
                         . "lmdb:$t->{dir}/fresh; }\n");
    ($status, undef, $err) = run_tool('-c', "$t->{dir}/fresh.conf", 'history');
    like($err, qr/still belongs to root: start nginx once/,
         'a store that nginx has not seen yet is left alone');
}

done_testing;


sub answers {
    my ($expected, $why, @arg) = @_;
    my ($got, undef, $said) = $t->tool(@arg);
    is($got, $expected, "\"gatehouse @arg\" exits with $expected");
    like($said, $why, '... and says why');
    return;
}

# A server that says that once, whatever it is asked; its port.
sub answer_with {
    my ($text) = @_;
    my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "listen: $!\n";
    my $port = $server->sockport;
    my $pid  = fork // die "fork: $!\n";

    if (!$pid) {
        alarm 30;
        my $client = $server->accept;
        sysread $client, my $asked, 65536;
        print {$client} $text;
        $client->flush;
        close $client;
        POSIX::_exit(0);
    }
    return $port;
}

sub run_tool {
    return Gatehouse::Test::run(Gatehouse::Test::build() . '/gatehouse', @_);
}

sub as_user {
    my ($user, @arg) = @_;
    my ($uid, $gid) = (getpwnam $user)[2, 3];
    return Gatehouse::Test::run(
        'setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups',
        Gatehouse::Test::build() . '/gatehouse', '-c',
        "$t->{dir}/nginx.conf", @arg);
}
