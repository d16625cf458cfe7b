# make run, as a newcomer meets it: what it prints can be pasted, each line
# does what is said beside it, people log in, and Ctrl-C leaves nothing.
use Gatehouse::Test timeout => 240;
use Gatehouse::Test::Login;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;

my $root  = Gatehouse::Test::root();
my $build = Gatehouse::Test::build();

if (Gatehouse::Test::mk('GH_SANITIZE') ne '') {
    plan(skip_all => 'a dynamic module is what make run builds');
}

my $tmp   = File::Temp::tempdir('ghtest-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @ports = ports(9);
my %pid;

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL SANITIZE STORE)};
@ENV{qw(BUILD RUN_PORT)} = ($build, $ports[0]);

# ---- what is in the way -----------------------------------------------------------

my $busy = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                 LocalPort => $ports[2], ReuseAddr => 1)
    or die "port $ports[2]: $!\n";
like(said_in_vain('make', 'run'),
     qr/port $ports[2] is in use; choose others with: make run RUN_PORT=\d+/,
     'a port that is in use is named');
close $busy;

{
    local $ENV{RUN_PORT} = '80a';
    like(said_in_vain('make', 'run'), qr/RUN_PORT "80a" is no port/,
         'so is a word that is no port');
    like(said_in_vain('make', 'run', 'STORE=sqlite', "RUN_PORT=$ports[0]"),
         qr/STORE "sqlite" is not known; there are: lmdb redis/,
         'and a store that is none');
}

pretend('dpkg-query' => 'exit 1', id => 'echo 1000');
{
    local $ENV{PATH} = "$tmp/bin:$ENV{PATH}";
    like(said_in_vain('make', 'run'),
         qr/these packages are missing; as root: apt-get install gcc\b/,
         'whoever is not root is told which packages to ask for');

    SKIP: {
        skip 'only root installs packages', 2 if $> != 0;
        pretend(id => 'echo 0', 'apt-get' => 'echo no route to host; exit 100');
        my $said = said_in_vain('make', 'run');
        like($said, qr/installing packages: gcc\b/, 'root sees them first');
        like($said, qr/no route to host\n.*is there a network\?/s,
             'without a network that is said');
    }
}

{
    local $ENV{PATH} = "$tmp/bin:$ENV{PATH}";
    pretend(npm => 'echo getaddrinfo EAI_AGAIN >&2; exit 1');
    my ($status, $out, $err) = Gatehouse::Test::run(
        "$root/auto/provider", "$tmp/provider");
    is($status, 1, 'a provider that cannot be fetched is none');
    like($err, qr/EAI_AGAIN\n.*npm ci failed; is there a network\?$/s,
         '... and why is said');
}

# ---- the first start ----------------------------------------------------------------

my $run = start('make', 'run');
wait_for(sub { heard($run) =~ /^Decisions, as they happen:/m || gone($run) },
         30, 'the first words');
my $text = $run->{text};
like($text, qr/^Gatehouse is at https:\/\/localhost:$ports[0],/m,
     'the address is said');

my @paste = map { s/^  //r } grep { /^  [^#]/ } split /\n/, $text;
my $n_said = () = $text =~ /^  # /mg;
cmp_ok($n_said, '>=', 6, 'what each line shows stands above it');
is(scalar(grep { /^api / } @paste), 6, 'there are calls to paste');

my @out = paste(@paste);
my %out = map { $paste[$_] => $out[$_] } 0 .. $#paste;
my ($key, $token, $none, $old, $blue_again) = map { $_ // '' }
    @out{ grep { /^api / && !/grep/ } @paste };
my @served = map { $out[$_] } grep { $paste[$_] =~ /grep served_by/ } 0 .. $#paste;
my ($trial) = map { $out{$_} } grep { /^for / } @paste;
my ($history) = map { $out{$_} } grep { /history$/ } @paste;

my $seen = JSON::PP->new->decode($key);
my %header = map { lc($_) => $seen->{headers}{$_} } keys %{ $seen->{headers} };
is($seen->{served_by}, 'orders v2 blue', 'with a key: v2 blue answers');
is($header{'x-principal'}, 'consumer:acme', '... and knows who called');
is($header{'x-api-key'}, undef, '... but not with which key');
$seen = JSON::PP->new->decode($token);
%header = map { lc($_) => $seen->{headers}{$_} } keys %{ $seen->{headers} };
is($header{'x-principal'}, 'consumer:robot', 'with a token: another principal');
is($header{authorization}, undef, '... whose token stays here');
like($none, qr{\AHTTP/2\ 401\b.*^content-type:\ application/problem\+json
               .*credential}xmsi, 'with neither: 401, a problem document');
like($old, qr/\AHTTP\/2 200\b/, 'the old version answers');
like($old, qr/^$_:/mi, "... with $_") for qw(deprecation sunset link);
like($old, qr/"served_by": "orders v1"/, '... from where it runs');
like($old, qr/"X-Principal": "consumer:acme"/i, '... and nobody becomes admin');
unlike($old, qr/: "admin"/, '... by saying so');
like($trial, qr/\A(?:200 \n){3}429 [1-9]\d*\n\z/,
     'the limit: three, then 429 and the seconds to wait');
like(shift @served, qr/"orders v2 green"/, 'green takes over');
like(shift @served, qr/"orders v2 blue"/, 'and back to blue');
like($history, qr/green 0%\n.*\n.*green 100%\n/, 'the history has both');

wait_for(sub { (() = heard($run) =~ /^\d{4}-\S+Z gatehouse: /mg) >= 10 }, 5,
         'ten decisions');
like($run->{text}, qr/ gatehouse: allowed reason=ok .*principal=consumer:acme/,
     'decisions are shown as they happen');
like($run->{text}, qr/ gatehouse: refused reason=credential_missing /,
     'refusals, too');
unlike($run->{text} =~ s/.*^Decisions//msr, qr/gh_\w+_\w{43}/,
       'and no key among them');

# ---- people -------------------------------------------------------------------------

SKIP: {
    my ($page, $name, $password) = $text =~
        /^People log in: open (https:\S+) in a browser, user (\w+),\s+password (\w+)/m;
    skip 'no provider here: ' . ($text =~ /^(Nobody can .*\n.*)/m ? $1 : '?'), 5
        if !$page && $text =~ /^Nobody can log in /m;

    my $alice = Gatehouse::Test::Login->new(ca => "$build/run/ca.pem");
    my $in = $alice->login($page, $name, password => $password);
    is($in->status, 200, 'whoever opens the address logs in');
    is($in->url, $page, '... and is where they wanted to be');
    $seen = JSON::PP->new->decode($in->body);
    is($seen->{served_by}, 'intranet', '... at the intranet');
    is($seen->{headers}{'X-Principal-Groups'}, 'staff,admin',
       '... which knows their groups');
    $alice->submit($alice->visit("${page}oidc_logout"));
    like($alice->visit($page)->url, qr/localhost:$ports[6]\//,
         'after the logout the provider asks again');
}

# ---- Ctrl-C ---------------------------------------------------------------------------

my @session = session($run->{pid});
cmp_ok(scalar @session, '>=', 5, 'several processes run');
interrupt($run);
like($run->{text}, qr/^stopped\.$/m, 'Ctrl-C: it says that it stopped');
is_deeply([ session($run->{pid}) ], [], 'no process is left');
is_deeply([ grep { !Gatehouse::Test::Ports::is_free($_) } @ports ], [],
          'no port is left');

# ---- the second start -------------------------------------------------------------------

pretend(node => 'echo no such engine; exit 1');
{
    local $ENV{PATH} = "$tmp/bin:$ENV{PATH}";
    unlink map { "$tmp/bin/$_" } qw(npm id dpkg-query apt-get);
    $run = start('make', 'run');
}
wait_for(sub { heard($run) =~ /^Decisions, as they happen:/m || gone($run) },
         30, 'the second start');
unlike($run->{text}, qr/building|installing/, 'nothing is built twice');
like($run->{text}, qr/^Nobody can log in at \S+, the rest runs:\nthe provider did not/m,
     'a provider that does not start is said');
my ($again) = (paste(grep { /env$/ || /^api\(\)/ || /API-Key/ && !/-i|for/ }
               map { s/^  //r } grep { /^  [^#]/ } split /\n/, $run->{text}))[2];
like($again, qr/"served_by": "orders v2 blue"/, 'the key made before works');
interrupt($run, 'TERM');
is_deeply([ session($run->{pid}) ], [], 'TERM leaves no process either');

# ---- two gateways on one Redis -----------------------------------------------------------

unlink map { "$tmp/bin/$_" } qw(node);
for my $time ('the first time', 'and again') {
    $run = start('make', 'run', 'STORE=redis');
    wait_for(sub { heard($run) =~ /^Decisions, as they happen:/m || gone($run) },
             30, "two gateways, $time");
    $text = $run->{text};
    like($text, qr/^Gatehouse is at https:\S+:$ports[0], and .*\n\S+:$ports[1];/m, "two addresses, $time");

    @paste = map { s/^  //r } grep { /^  [^#]/ } split /\n/, $text;
    @out = paste(@paste);
    %out = map { $paste[$_] => $out[$_] } 0 .. $#paste;
    my @both = map { $out[$_] } grep { $paste[$_] =~ /^for .*served_by/ } 0 .. $#paste;
    is(() = $both[0] =~ /"orders v2 blue"/g, 2, 'one key opens both');
    my ($limit) = map { $out{$_} } grep { /^for .*TRIAL/ } @paste;
    is($limit, "200 200 200 429 429 429 \n", 'one limit holds over both');
    is(() = $both[1] =~ /"orders v2 green"/g, 2, 'one switch turns both');
    my ($store) = map { $out{$_} } grep { /store show$/ } @paste;
    like($store, qr/^store +redis:.*; 4 workers use it\nrecords +\d+: \d+ issued/,
         'what stands in Redis is shown');

    SKIP: {
        my ($page, $other) = $text =~
            /^People log in: open (https:\S+) .*^Whoever .* at (https:\S+),/ms;
        skip 'no provider here', 3 if !$page && $text =~ /^Nobody can log in /m;

        my $bob = Gatehouse::Test::Login->new(ca => "$build/run/ca.pem");
        is($bob->login($page, 'bob', password => 'demo')->status, 200,
           'Bob logs in at one');
        my $there = $bob->visit($other);
        is($there->url, $other, '... and is in at the other');
        $bob->submit($bob->visit("${other}oidc_logout"));
        like($bob->visit($page)->url, qr/localhost:$ports[6]\//,
             'who leaves one has left both');
    }

    cmp_ok(scalar session($run->{pid}), '>=', 8, 'many processes run');
    interrupt($run);
    is_deeply([ session($run->{pid}) ], [], 'Ctrl-C leaves none of them');
    is_deeply([ grep { !Gatehouse::Test::Ports::is_free($_) } @ports ], [],
              '... and no port');
    ok(!-e "$build/run/redis/socket", '... and no socket');
}

done_testing;


# As many free ports, one after the other.
sub ports {
    my ($n) = @_;
    my @run;

    while (@run < $n) {
        my $port = Gatehouse::Test::Ports::free_port();
        @run = () if @run && $run[-1] + 1 != $port;
        push @run, $port;
    }
    return @run;
}


# Programs that stand before the system's own.
sub pretend {
    my (%script) = @_;

    mkdir "$tmp/bin";
    for my $name (keys %script) {
        open my $out, '>', "$tmp/bin/$name" or die "$name: $!\n";
        print {$out} "#!/bin/sh\n$script{$name}\n";
        close $out or die "$name: $!\n";
        chmod 0755, "$tmp/bin/$name";
    }
    return;
}


sub said_in_vain {
    my (@cmd) = @_;
    my $run = start(@cmd);

    wait_for(sub { gone($run) }, 30, "the end of @cmd");
    is($run->{status}, 2, 'it ends: ' . ($run->{text} =~ /(make run: [^\n;]*)/
                                         ? $1 : $run->{text}));
    return $run->{text};
}


# In a session of its own, as a terminal has it.
sub start {
    my (@cmd) = @_;

    pipe my $in, my $out or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{ALRM} = $SIG{INT} = $SIG{TERM} = 'DEFAULT';
        POSIX::setsid();
        chdir $root;
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $out;
        exec @cmd or POSIX::_exit(127);
    }
    close $out;
    $in->blocking(0);
    $pid{$pid} = 1;
    return { pid => $pid, in => $in, text => '' };
}


# All it has said so far.
sub heard {
    my ($run) = @_;

    1 while sysread $run->{in}, $run->{text}, 65536, length $run->{text};
    return $run->{text};
}


sub gone {
    my ($run) = @_;

    return 1 if defined $run->{status};
    return 0 if waitpid($run->{pid}, POSIX::WNOHANG()) != $run->{pid};
    $run->{status} = $? >> 8;
    delete $pid{ $run->{pid} };
    heard($run);
    return 1;
}


sub interrupt {
    my ($run, $signal) = @_;

    kill $signal // 'INT', -$run->{pid};
    wait_for(sub { gone($run) }, 20, 'its end');
    wait_for(sub { !session($run->{pid}) }, 5, 'the end of what it started');
    heard($run);
    return;
}


# Who lives in that session.
sub session {
    my ($sid) = @_;
    my @found;

    for my $file (glob '/proc/[0-9]*/stat') {
        my $stat = Gatehouse::Test::Logs::slurp($file);
        my ($name, $state, $of) = $stat =~ /\((.*)\) (\S) \d+ \d+ (\d+) /s
            or next;
        push @found, $name if $of == $sid && $state ne 'Z';
    }
    return @found;
}


# What each line says in one and the same shell.
sub paste {
    my (@line) = @_;
    my $mark = "-- next $$ --";
    my ($status, $out, $err) = Gatehouse::Test::run(
        'sh', '-c', join "\n", "cd $root", map { ($_, "echo '$mark'") } @line);

    is($err =~ s/^in force in \d+ workers\n//gmr, '', 'no line complains');
    return split /\Q$mark\E\n/, $out, -1;
}


END {
    kill 'TERM', map { -$_ } keys %pid;
}
