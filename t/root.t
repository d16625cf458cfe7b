# t/root runs the project in a root of another Debian: what stands in its way
# it says, what runs there has its own processes, mounts and environment, and
# whoever ends it leaves nothing running and nothing mounted.
use Gatehouse::Test timeout => 120;

use Cwd ();
use File::Temp ();

my $tmp = File::Temp::tempdir('ghtest-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $bin = "$tmp/bin";
mkdir $bin;
chdir Gatehouse::Test::root();
delete @ENV{qw(TESTS STORE MAKEFLAGS)};
$ENV{BUILD} = "$tmp/build";
$ENV{PATH}  = "$bin:$ENV{PATH}";

sub pretend {
    my (%does) = @_;
    for my $name (keys %does) {
        Gatehouse::Test::Config::write_file("$bin/$name",
                                            "#!/bin/sh\n$does{$name}\n");
        chmod 0755, "$bin/$name";
    }
    return;
}

# what it says, and its exit status
sub root {
    my (@words) = @_;
    my ($status, $out, $err) = Gatehouse::Test::run('t/root', @words);
    return wantarray ? ("$out$err", $status) : "$out$err";
}


# ---- what is in the way ---------------------------------------------------------------

like(root('sid'), qr/unknown release "sid"; there are: bookworm trixie/,
     'a release that is not known is named');
like(root('trixie', 'tset'), qr/unknown word "tset"; there are: test valkey/,
     'so is a word');
like(root('bookworm', 'valkey'), qr/no Valkey in bookworm; trixie has it/,
     'and that Debian 12 has no Valkey');
like(root(), qr/^usage: t\/root RELEASE/, 'without a word it says its usage');

pretend(id => 'echo 1000');
like(root('trixie'), qr/only root makes and enters a root/,
     'who is not root is told so');
unlink "$bin/id";

# only root makes roots, of a checkout that is his, where there may be mounts
my $can = $> == 0
    && system('git rev-parse -q --verify HEAD > /dev/null 2>&1') == 0
    && system('unshare --mount --pid --fork true > /dev/null 2>&1') == 0;
if (!$can) {
    note('nothing here can be a root');
    done_testing;
    exit;
}

pretend(debootstrap => 'echo E: no route to host; mkdir -p "$4"; exit 1');
my ($said, $status) = root('trixie');
like($said, qr/no route to host\n.*is there a network\?/s,
     'without a network that is said');
is($status, 1, '... and it is a failure');
ok(!-e "$ENV{BUILD}/root/trixie", '... that leaves no half root');


# ---- in there -------------------------------------------------------------------------

# Given a root of this machine's shell and a few words
pretend(debootstrap => <<'SH');
set -e
for name in sh cat sleep ls env; do
    file=$(readlink -f "$(command -v $name)")
    for lib in "$file" $(ldd "$file" | grep -o '/[^ ]*'); do
        mkdir -p "$4$(dirname "$lib")"
        cp -L "$lib" "$4$lib"
    done
    mkdir -p "$4/bin"
    test -e "$4/bin/$name" || cp "$file" "$4/bin/$name"
done
mkdir -p "$4/proc" "$4/dev" "$4/etc"
SH

($said, $status) = root('trixie', '--', 'sh', '-c', 'cat VERSION; exit 7');
is($status, 7, 'the status of a command in there is the status')
    or diag $said;
my $version = Gatehouse::Test::Logs::slurp('VERSION');
like($said, qr/^\Q$version\E$/m, 'it stands in the checkout');

$ENV{GH_SECRET_OF_MINE} = 'outside';
$said = root('trixie', '--', 'sh', '-c', 'env; ls /proc');
unlike($said, qr/outside/, 'it has an environment of its own');
my @process = $said =~ /^(\d+)$/mg;
cmp_ok(scalar @process, '<=', 4, 'and processes of its own');
$said = root('trixie', '--', 'sh', '-c', 'ls /dev; echo > /dev/null');
unlike($said, qr/^(?:[vs]da|mem|kmsg)$/m, 'and few devices');
like($said, qr/^null$/m, 'among them what everybody needs');


# ---- ended from outside ------------------------------------------------------------------

sub inside {
    my ($root) = Cwd::realpath("$ENV{BUILD}/root/trixie");
    return grep { (readlink("$_/root") // '') eq $root } glob '/proc/[0-9]*';
}

# Ctrl-C of a terminal goes to all of them, the others to one
for my $signal (qw(TERM HUP KILL -INT)) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp;
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
        open STDOUT, '>', "$tmp/out";
        open STDERR, '>&', \*STDOUT;
        exec 't/root', 'trixie', '--', 'sh', '-c',
             'sleep 1000 & sleep 1000 & wait' or die;
    }
    wait_for(sub { inside() >= 3 }, 30, 'it to run');
    like(root('trixie', '--', 'sh'), qr/is in use/,
         'nobody else comes in meanwhile') if $signal eq 'TERM';
    kill $signal, $pid;
    { local $?; waitpid $pid, 0; }
    wait_for(sub { !inside() }, 30, 'all to end');
    pass("$signal: nothing runs on");
    unlike(Gatehouse::Test::Logs::slurp('/proc/mounts'),
           qr/\Q$ENV{BUILD}\E/, '... nothing is mounted');
}
is((root('trixie', 'clean'))[1], 0, 'it can be removed');
ok(!-e "$ENV{BUILD}/root/trixie", '... and is gone');

done_testing;
