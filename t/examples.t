# Every example runs, and each command of its README answers what stands
# below it there. "..." in an expected line is anything; on a line of its own,
# any lines.
use Gatehouse::Test timeout => 300;

use POSIX ();

my $root  = Gatehouse::Test::root();
my $build = Gatehouse::Test::build();

if (Gatehouse::Test::mk('GH_SANITIZE') ne '') {
    plan(skip_all => 'the examples load a dynamic module');
}

my @examples = map { s{/nginx\.conf$}{}r } glob "$root/examples/*/nginx.conf";
my $pid;

cmp_ok(scalar @examples, '>=', 7, 'there are examples');

for my $example (@examples) {
    my $name = $example =~ s{.*/}{}r;
    my $run  = start($example);
    my $said = '';

    eval {
        wait_for(sub { $said .= heard($run); $said =~ /^Ctrl-C ends/m || gone() },
                 40, "the start of $name");
        1;
    };
    if (!like($said, qr/^Ctrl-C ends all of it/m, "$name starts")) {
        diag($said);
        stop();
        next;
    }

    my ($port) = $said =~ /at http:\/\/localhost:(\d+)/;
    my ($env)  = $said =~ /^  \. (\S+)$/m;
    my ($ports, $dir) = (ports($said, "$example/README.md"), $env =~ s{/env$}{}r);
    my @step = steps("$example/README.md", $ports);
    is($ports->{8080}, $port, 'its port is in what can be pasted');

    my @out = paste($env, map { $_->{command} } @step);
    for my $i (0 .. $#step) {
        like($out[$i], expected($step[$i]{answer}),
             "$name: " . ($step[$i]{command} =~ s/\n.*//sr));
    }

    unlike(Gatehouse::Test::Logs::slurp("$dir/error.log"),
           qr/\[(?:alert|crit|emerg)\]/, "$name: no alert in its log");
    is(stop(), 0, "$name: Ctrl-C ends it");
    is_deeply([ grep { !Gatehouse::Test::Ports::is_free($_) } values %$ports ],
              [], '... and no port is left');
}

done_testing;


# In a group of its own, as a terminal has it.
sub start {
    my ($example) = @_;

    pipe my $in, my $out or die "pipe: $!\n";
    $pid = fork // die "fork: $!\n";
    if (!$pid) {
        @SIG{qw(ALRM INT TERM)} = ('DEFAULT') x 3;
        setpgrp 0, 0;
        $ENV{BUILD} = $build;
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $out;
        exec "$example/run" or POSIX::_exit(127);
    }
    close $out;
    $in->blocking(0);
    return $in;
}


sub heard {
    my ($in) = @_;
    my $text = '';
    1 while sysread $in, $text, 65536, length $text;
    return $text;
}


sub gone { return waitpid($pid, POSIX::WNOHANG()) == $pid }


sub stop {
    kill 'INT', -$pid;
    waitpid $pid, 0;
    my $status = $?;
    wait_for(sub { !kill 0, -$pid }, 10, 'the end of what it started');
    undef $pid;
    return $status;
}


# Which port stands for which of the README's.
sub ports {
    my ($said, $readme) = @_;
    my %port;

    my @here  = $said =~ /\b(?:localhost|127\.0\.0\.1):(\d+)/g;
    shift @here;
    my @there = map { /\b(?:localhost|127\.0\.0\.1):(\d+)/g }
                map { $_->{command} } steps($readme, {});
    @port{@there} = @here;
    return \%port;
}


sub steps {
    my ($readme, $port) = @_;
    my @step;

    for (split /\n/, Gatehouse::Test::Logs::slurp($readme)) {
        s/(localhost|127\.0\.0\.1):(\d+)/"$1:" . ($port->{$2} \/\/ $2)/ge;
        if (/^    \$ (.*)/) {
            push @step, { command => $1, answer => [] };
            $step[-1]{open} = 1;
        } elsif (@step && $step[-1]{open} && /^    > (.*)/) {
            $step[-1]{command} .= "\n$1";
        } elsif (@step && $step[-1]{open} && /^    (.*)/) {
            push @{ $step[-1]{answer} }, $1;
        } elsif (@step) {
            $step[-1]{open} = 0;
        }
    }
    return @step;
}


sub expected {
    my ($lines) = @_;
    my $re = join '', map {
        $_ eq '...' ? '(?:.*\n)*'
                    : join('.*', map { quotemeta } split /\.\.\./, $_, -1) . '\n'
    } @$lines;
    return qr/\A$re\z/;
}


# What each command says in one and the same shell.
sub paste {
    my ($env, @command) = @_;
    my $mark = "-- next $$ --";
    my ($status, $out, $err) = Gatehouse::Test::run(
        'sh', '-c', join "\n", ". $env", map { ($_, "echo '$mark'") } @command);

    is($err, '', 'no command complains');
    return map { s/\r//gr } split /\Q$mark\E\n/, $out, -1;
}


END {
    kill 'TERM', -$pid if $pid;
}
