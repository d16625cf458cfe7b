# The tool killed in mid-write, and tools at the same time: nothing that was
# acknowledged is lost, nothing is half done, nobody overwrites anybody.
# GH_TOOL_KILLS=1000 for the long version.
use Gatehouse::Test timeout => 300;

use JSON::PP qw(decode_json);
use POSIX ();
use Time::HiRes qw(sleep time);

my $KILLS = $ENV{GH_TOOL_KILLS} || 80;
my $TOOL  = Gatehouse::Test::build() . '/gatehouse';

my $t = Gatehouse::Test->new(workers => 2, backends => [ 'blue', 'green' ])
                       ->services(orders => { versions => { v1 => {
    sticky      => 'none',
    deployments => { blue  => { upstream => 'blue', initial_weight => '100%' },
                     green => { upstream => 'green', initial_weight => '0%' } },
} } });
$t->consumer('acme');
$t->start(<<'CONF');
    location / {
        gatehouse_authenticate  off;
        gatehouse_service       orders;
        proxy_pass              http://gatehouse;
    }
    location /keys {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
CONF
mkdir "$t->{dir}/out";

# ---- kill -9 at any moment ------------------------------------------------------

# How long it takes when nobody kills it
my $whole = took(sub { acknowledged(start('traffic', 'set', 'orders/v1',
                                          'green=1%')) });

# When it is killed again and again, and the gateway is asked meanwhile
my (@changes, @keys, $failed);
for my $i (1 .. $KILLS) {
    my @words = $i % 4 ? ('traffic', 'set', 'orders/v1',
                          'green=' . $i % 100 . '.' . $i % 10 . '%')
                       : ('key', 'create', 'acme');
    my $run = start(@words);
    sleep rand(1.2 * $whole);
    kill 'KILL', $run->{pid};
    my $said = acknowledged($run);
    push @changes, $1 if $said =~ /^change (\d+):/;
    push @keys, $said =~ s/\n.*//sr
        if $words[0] eq 'key' && $said =~ /_[0-9A-Za-z]{6}\n/;
    $failed++ if $t->get('/v1')->status != 200;
}
note(@changes . ' changes and ' . @keys . " keys of $KILLS were acknowledged");
$t->plant_secret(@keys);

# Then what it acknowledged is there, and nobody noticed
my %line = map { $_->{change} => $_ } history();
is(join(' ', grep { !$line{$_} } @changes), '',
   'every acknowledged change is in the history');
is(join(' ', map { $t->get('/keys', key => $_)->status } @keys),
   join(' ', map { 200 } @keys), 'every key that was shown works');
ok(!$failed, 'no request failed meanwhile');
whole_chain('after the kills');

# And the next one goes on. LMDB shows what a writer wrote that was killed
# between its last two steps only when the next writer comes: who decided by
# what it read before is told so, and decides again.
my @switch = ('traffic', 'switch', 'orders/v1', 'green', '--wait');
my ($status, undef, $err) = $t->tool(@switch);
if ($status == 1) {
    like($err, qr/somebody was faster/, 'a change of a killed tool is told');
    ($status) = $t->tool(@switch);
}
is($status, 0, 'the store takes the next change');

# ---- many at once -----------------------------------------------------------------

# When several people change one version and make keys at the same time
my $before = () = history();
my @runs = map { [ map { $_ % 3 ? [ 'traffic', 'set', 'orders/v1',
                                    'green=' . int(rand 9999) / 100 . '%' ]
                                : [ 'key', 'create', 'acme' ] } 1 .. 12 ]
} 1 .. 4;
my @pids = map { in_turn($_, @{ $runs[$_] }) } 0 .. $#runs;
waitpid $_, 0 for @pids;

# Then each was done or refused, and what was done is one chain
my ($done, $refused, $other) = (0, 0, 0);
for my $said (map { read_lines("$t->{dir}/out/turn$_") } 0 .. $#runs) {
    $said =~ /^0 /                             ? $done++
  : $said =~ /^1 .*somebody was faster \(change \d+/ ? $refused++
  :                                              $other++;
    diag($said) if $said !~ /^[01] /;
    $t->plant_secret($1) if $said =~ /(gh_\S+)/;
}
note("$done done, $refused refused");
is($other, 0, 'each is done, or told who was faster');
is($done + $refused, 48, 'all of them');
is(scalar(() = history()), $before + $done, 'what is in the history was done');
whole_chain('after all at once');

# ---- a writer that is stopped in the middle --------------------------------------

SKIP: {
    skip 'Redis has no lock that a writer could die with', 3
        if ($ENV{GH_TEST_STORE} // '') eq 'redis';

    # Given a process that was stopped while it held the writers' lock
    system(Gatehouse::Test::root() . '/t/lib/store-probe/build') == 0
        or die "no holder\n";
    require Gatehouse::Test::StoreProbe;
    my $holder = Gatehouse::Test::StoreProbe::Holder->new("$t->{dir}/state")->stop;

    # When somebody makes a key
    my $run = start('key', 'create', 'acme');
    wait_for(sub { Gatehouse::Test::Logs::slurp("$run->{file}.err")
                   =~ /another process holds the store's lock/ }, 15,
             'the tool says what it waits for');
    pass('the tool says what it waits for');

    # Then reading goes on, and so does the writing when the lock is free
    is(($t->tool('history'))[0], 0, 'what only reads does not wait');
    $holder->end;
    my $late = acknowledged($run) =~ s/\n.*//sr;
    $t->plant_secret($late);
    is($t->get('/keys', key => $late)->status, 200, 'then it goes on');
}

done_testing;


# Each change of the version begins where the last one ended, and the record
# that the gateway reads is that of the last one.
sub whole_chain {
    my ($when) = @_;
    my @lines = sort { $a->{change} <=> $b->{change} } history();
    my ($last, $broken) = (0, '');

    for my $line (grep { $_->{subject} eq 'traffic orders/v1' } @lines) {
        $broken .= " $line->{change}" if $line->{before_change} != $last;
        $last = $line->{change};
    }
    is($broken, '', "each change begins where the last ended, $when");

    my $n = 0;
    is(join(' ', map { $_->{change} } @lines),
       join(' ', 1 .. @lines), "ids have no gaps and no doubles, $when");

    my (undef, $text) = $t->tool('traffic', 'show', 'orders/v1', '--json');
    is(decode_json($text)->{traffic}[0]{change}, $last,
       "what is in force is what the last one said, $when");
    return;
}

sub history {
    my (undef, $text) = $t->tool('history', '--limit', 0, '--json');
    return @{ decode_json($text)->{history} };
}

# A tool in the background; its words go to a file.
my $runs;
sub start {
    my (@arg) = @_;
    my $file = "$t->{dir}/out/run" . $runs++;
    my $pid  = fork // die "fork: $!\n";

    if (!$pid) {
        open STDOUT, '>', $file;
        open STDERR, '>', "$file.err";
        exec $TOOL, '-c', "$t->{dir}/nginx.conf", @arg or POSIX::_exit(127);
    }
    return { pid => $pid, file => $file };
}

# What it had said when it ended.
sub acknowledged {
    my ($run) = @_;
    waitpid $run->{pid}, 0;
    return Gatehouse::Test::Logs::slurp($run->{file});
}

# One after the other in a process of its own: "STATUS words" per line
sub in_turn {
    my ($n, @commands) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    open my $fh, '>', "$t->{dir}/out/turn$n";
    for my $command (@commands) {
        my ($got, $out, $err) = $t->tool(@$command);
        print {$fh} "$got $out $err" =~ s/\n/ /gr, "\n";
    }
    close $fh;
    POSIX::_exit(0);
}

sub read_lines { return split /\n/, Gatehouse::Test::Logs::slurp($_[0]) }

sub took {
    my ($what) = @_;
    my $began = time;
    $what->();
    return time - $began;
}
