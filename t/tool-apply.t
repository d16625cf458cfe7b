# gatehouse diff DIR and apply DIR: what would change, told by name and
# without secrets; and a directory put in force whole, or not at all.
use Gatehouse::Test timeout => 240;

use Fcntl qw(:flock);
use File::Temp ();
use JSON::PP ();

my $JSON = JSON::PP->new->utf8->canonical->pretty;

# Given a gateway with a plan, two consumers and a service
my $t = Gatehouse::Test->new(workers => 2, backends => [ 'blue', 'green' ]);
$t->plans(slow => '5r/s', gone => '7r/day');
$t->services(orders => { versions => { v1 => { deployments => {
    blue  => { upstream => 'blue', initial_weight => '100%' },
    green => { upstream => 'green', initial_weight => '0%' } } } } });
my $acme = $t->consumer('acme', plan => 'slow', groups => [ 'partner' ]);
my $beta = $t->consumer('beta');
$t->start(<<'EOF');
    location / {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
EOF
my $policies = $t->dir . '/policies';
my $next     = $t->dir . '/next';
my $first    = $JSON->encode($t->{policies});

sub write_next {
    my ($document, $name) = @_;
    mkdir $next;
    Gatehouse::Test::Config::write_file(
        "$next/" . ($name // 'main.json'),
        ref $document ? $JSON->encode($document) : $document);
    return;
}

sub names { my ($dir) = @_; return join ' ', map { s{.*/}{}r } glob "$dir/*" }


# ---- diff -----------------------------------------------------------------

my ($status, $out, $err) = $t->tool('diff');
is($status, 0, 'diff: done');
like($out, qr/policies is what is in force, generation 1\n\z/,
     'the directory is what is in force');

# When another directory has other plans, consumers and services
my $secret = 'a secret of more than 32 bytes, all told';
$t->plant_secret($secret);
my $doc = $JSON->decode($first);
delete $doc->{plans}{gone};
$doc->{plans}{fast} = { limits => { main => '900r/s' } };
$doc->{plans}{slow}{limits}{main} = '6r/s burst=9';
$doc->{consumers}{acme}{plan}   = 'fast';
$doc->{consumers}{acme}{groups} = [ 'partner', 'gold' ];
my $other = Gatehouse::Test::Consumer::new_key('other1');
$t->plant_secret($other);
push @{ $doc->{consumers}{acme}{credentials}{api_keys} },
    { id => 'other1', hash => Gatehouse::Test::Consumer::hash_of($other) };
$doc->{consumers}{acme}{credentials}{signatures}
    = [ { keyid => 'sig-1', algorithm => 'hmac-sha256',
          secret => 'file:secret' } ];
delete $doc->{consumers}{beta};
my $gamma = Gatehouse::Test::Consumer::new_key('gamma1');
$t->plant_secret($gamma);
$doc->{consumers}{gamma}{credentials}{api_keys}
    = [ { id => 'gamma1', hash => Gatehouse::Test::Consumer::hash_of($gamma) } ];
$doc->{services}{orders}{access}
    = [ { methods => ['DELETE'], groups => ['admin'] } ];
$doc->{services}{orders}{default_version} = 'v1';
$doc->{services}{orders}{versions}{v1}{sunset} = '2035-01-01';
$doc->{services}{orders}{versions}{v2}
    = { deployments => { main => { upstream => 'green' } } };
write_next($doc);
write_next("$secret\n", 'secret');
chmod 0640, "$next/secret";
chown 0, (getpwnam $t->{user})[3], "$next/secret" if $> == 0;

# Then each of them is named, with what is different
($status, $out, $err) = $t->tool('diff', $next);
is($status, 0, 'diff DIR: done') or diag($err);
is($out =~ s/^\S+next against.*\n//mr, <<'EOF', 'what came, went and changed');
- plan gone
~ plan slow
      limits ~main 5r/s burst=5 -> 6r/s burst=9
+ plan fast
~ consumer acme
      plan slow -> fast
      groups ["partner"] -> ["partner","gold"]
      api_keys +other1
      signatures +sig-1
- consumer beta
+ consumer gamma
~ service orders
      access +rules
      versions ~v1
      versions +v2
EOF
like($out, qr/next against generation 1\n\z/, 'against what is in force');
(undef, $out) = $t->tool('diff', $next, '--json');
my $told = JSON::PP::decode_json($out);
ok(!$told->{same}, 'a program is told that it is not the same');
my ($plan) = grep { $_->{kind} eq 'consumer' && $_->{name} eq 'acme' }
             @{ $told->{changes} };
is($plan->{members}[0]{after}, 'fast', '... and what from and to');
unlike($out, qr/sha256|\Q$secret\E|[0-9a-f]{64}/, 'no secret, and no hash');

# A change of a secret is a change that does not show it
write_next("another $secret\n", 'secret');
$t->plant_secret("another $secret");

# What is wrong is said as check says it
my $bad = $t->dir . '/bad';
mkdir $bad;
Gatehouse::Test::Config::write_file("$bad/main.json",
                                    '{ "plans": { "x": 1 } }');
for my $word (qw(diff apply)) {
    ($status, undef, $err) = $t->tool($word, $bad);
    is($status, 1, "$word: what is not valid is refused");
    like($err, qr{bad/main\.json:1:19: }, '... with its place');
}
is($t->generation, 1, 'and nothing has changed');


# ---- apply ------------------------------------------------------------------

# When it is applied
($status, $out, $err) = $t->tool('apply', $next);

# Then every worker decides by it when the tool returns
is($status, 0, 'apply DIR: done') or diag($err);
like($out, qr/policies is generation 2\n/, 'it says which generation');
is(scalar(grep { $t->get('/', key => $gamma)->status != 200 } 1 .. 12), 0,
   'who came is let in by every worker');
is(scalar(grep { $t->get('/', key => $beta->key)->status != 401 } 1 .. 12),
   0, 'who went is not');
is(names($policies), 'main.json secret', 'it is a copy');
is(names("$policies.before"), 'main.json', 'what was there is beside it');
is((stat $policies)[4], (stat "$policies.before")[4], 'of the same owner');
ok(-e "$next/main.json", 'and the directory it came from stays');
($status, $out) = $t->tool('diff', $next);
like($out, qr/is what is in force/, 'nothing is different now');

# A signature's new secret: named, not shown
write_next("yet another $secret\n", 'secret');
$t->plant_secret("yet another $secret");
(undef, $out) = $t->tool('diff', $next);
like($out, qr/\A~ consumer acme\n      signatures ~sig-1\n/,
     'a changed secret is a changed credential');

# The same once more has nothing to do; its own directory is no copy
is(($t->tool('apply', "$policies.before"))[0], 0, 'and back');
is($t->get('/', key => $beta->key)->status, 200, 'as it was');
is(($t->tool('apply', $policies))[0], 0, 'its own directory: waits only');
is(($t->tool('apply'))[0], 0, 'as without a directory');
is(names("$policies.before"), 'main.json secret', 'nothing was moved');

# What cannot be
mkdir "$policies/inner";
Gatehouse::Test::Config::write_file("$policies/inner/a.json", '{}');
($status, undef, $err) = $t->tool('apply', "$policies/inner");
is($status, 1, 'not what lies inside');
like($err, qr/lie one in the other/, '... and it says so');
unlink "$policies/inner/a.json";
rmdir "$policies/inner";
($status, undef, $err) = $t->tool('apply', $t->dir . '/nowhere');
is($status, 1, 'nor what is not there');

open my $lock, '<', $t->dir or die "$!\n";
flock $lock, LOCK_EX;
($status, undef, $err) = $t->tool('apply', $next);
is($status, 1, 'one at a time');
like($err, qr/another apply is under way/, '... and it says so');
close $lock;

SKIP: {
    skip 'needs root', 3 if $> != 0;
    chmod 0600, "$next/main.json";
    my ($mode, $gid) = (stat $policies)[2, 5];
    chown 0, 0, $policies;
    chmod 0755, $policies;
    ($status, undef, $err) = $t->tool('apply', $next);
    is($status, 1, 'what the workers could not read is refused');
    like($err, qr/main\.json could not be read by $t->{user}/,
         '... and named');
    is($t->get('/', key => $beta->key)->status, 200, 'nothing has changed');
    chmod 0644, "$next/main.json";
}


# ---- through a link, and killed ----------------------------------------------

# Given a directory behind a link
rename $policies, $t->dir . '/real' or die "$!\n";
symlink 'real', $policies or die "$!\n";
is(($t->tool('apply'))[0], 0, 'a link is followed');
is(($t->tool('apply', $next))[0], 0, 'apply exchanges what it leads to');
is(readlink $policies, 'real', 'the link stays');
is($t->get('/', key => $gamma)->status, 200, 'and it is in force');

# When the tool is killed wherever it is, between two sets of many files
my %content = (
    one => $JSON->encode($JSON->decode($first)), two => $JSON->encode($doc));
for my $set (keys %content) {
    my $dir = $t->dir . "/$set";
    mkdir $dir;
    Gatehouse::Test::Config::write_file("$dir/main.json", $content{$set});
    Gatehouse::Test::Config::write_file("$dir/secret", "yet another $secret\n");
    chmod 0644, "$dir/secret";
    Gatehouse::Test::Config::write_file("$dir/$_.json", '{ "labels": { "set": "'
                                        . "$set\" } }") for 1 .. 40;
}
is(($t->tool('apply', $t->dir . '/one'))[0], 0, 'a set of many files');

my ($killed, $torn) = (0, 0);
for my $n (1 .. 40) {
    my $set = $n % 2 ? 'two' : 'one';
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec Gatehouse::Test::build() . '/gatehouse', '-c',
             $t->dir . '/nginx.conf', 'apply', $t->dir . "/$set"
            or POSIX::_exit(127);
    }
    select undef, undef, undef, 0.001 * $n;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    $killed++ if $? & 127;
    my %seen;
    for my $file (glob "$policies/[0-9]*.json") {
        my ($of) = Gatehouse::Test::Logs::slurp($file) =~ /"set": "(\w+)"/;
        $seen{$of}++;
    }
    $torn++ if keys %seen != 1 || (values %seen)[0] != 40;
}

# Then the directory is one or the other, whole
is($torn, 0, "killed $killed of 40 times: never half a set");
cmp_ok($killed, '>', 5, 'killed, that is');
is(($t->tool('apply', $t->dir . '/two'))[0], 0,
   'what was left behind is in nobody\'s way');
is($t->get('/', key => $gamma)->status, 200, 'and that set is in force');
ok(!-e $t->dir . '/.real.new', 'nothing is left over');

# Without a gateway it is in place, and that is said
$t->stop;
($status, undef, $err) = $t->tool('apply', $t->dir . '/one', '--wait=1s');
is($status, 4, 'nginx is down: in place, not in force');
like($err, qr/valid, but no gateway took it up yet/, '... and it says so');
$t->start;
is($t->get('/', key => $beta->key)->status, 200,
   'until it starts');

done_testing;
