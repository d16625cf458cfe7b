#!/usr/bin/perl

# Runs the tests of a list ("KIND FILE" lines), counts their cases, and finds
# the processes they left behind. Called by t/run.

use strict;
use warnings;

use Cwd ();
use Errno ();
use File::Basename qw(basename);
use IO::Select;
use POSIX ();
use TAP::Harness;

my ($jobs, $list) = @ARGV;
my $build = $ENV{GH_BUILD};
my ($passed, $failed, @problems) = (0, 0);
my %orphan_since;

open my $fh, '<', $list or die "$list: $!\n";
my @tests = map { chomp; [ split / /, $_, 2 ] } <$fh>;
close $fh;

open STDIN, '<', '/dev/null';
$| = 1;

become_subreaper();
my $result = run_apart();
count($result);
report_left_behind();

print "\nfailed:\n", map { "  $_\n" } @problems if @problems;
if (!@tests) {
    print "no tests found\n";
    $failed++;
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);


# The harness runs in a process group of its own: Ctrl-C and this process end
# the whole group, whatever it started.
sub run_apart {
    pipe my $in, my $out or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $in;
        setpgrp 0, 0;
        print {$out} run_groups();
        close $out;
        POSIX::_exit(0);
    }

    close $out;
    local $SIG{INT}  = sub { kill 'TERM', -$pid; $failed++ };
    local $SIG{TERM} = $SIG{INT};

    my $text = '';
    my $poll = IO::Select->new($in);
    while (1) {
        end_orphans($pid);
        next if !$poll->can_read(1);
        my $n = sysread $in, $text, 65536, length $text;
        next if !defined $n && $!{EINTR};
        last if !$n;
    }

    waitpid $pid, 0;
    return $text;
}


sub run_groups {
    my $text = '';
    my @lint = grep { $_->[0] eq 'lint' } @tests;

    for my $kind (qw(unit fuzz t)) {
        my @files = grep { $_->[0] eq $kind } @tests;
        my @alone = grep { runs_alone($kind, $_->[1]) } @files;
        my %alone = map { $_->[1] => 1 } @alone;
        my @other = grep { !$alone{ $_->[1] } } @files;

        $text .= $kind eq 't' ? beside(\@lint, \@other)
                              : run_group($jobs, @other);
        $text .= run_group(1, @alone);
    }

    return $text;
}


# Stories wait for much: what only reads takes the time that they leave, one
# at once, and begins with the longest.
sub beside {
    my ($lint, $stories) = @_;
    my @lint = sort { ($b->[1] =~ /tidy/) <=> ($a->[1] =~ /tidy/) } @$lint;

    return run_group($jobs, @$stories, @lint) if $jobs < 2 || !@$stories
                                                      || !@lint;
    return run_group($jobs + 1, (splice @lint, 0, 1), @$stories, @lint);
}


# A test that measures says so in one of its first lines: "# alone: why"
sub runs_alone {
    my ($kind, $file) = @_;
    return 0 if $kind ne 't';

    open my $in, '<', $file or return 0;
    for (1 .. 10) {
        my $line = <$in> // last;
        return 1 if $line =~ /^# alone\b/;
    }
    return 0;
}


sub run_group {
    my ($n, @group) = @_;
    return '' if !@group;

    my %kind  = map { $_->[1] => $_->[0] } @group;
    my @files = map { $_->[1] } @group;
    local $ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';
    local $ENV{UBSAN_OPTIONS} = 'halt_on_error=1:print_stacktrace=1'
        if !grep { $_ eq 't' } values %kind;

    my $harness = TAP::Harness->new({
        jobs => $n, merge => 1, timer => 1, color => -t STDOUT ? 1 : 0,
        exec => sub { return command($kind{ $_[1] }, $_[1]) },
    });
    my %said;
    $harness->callback(made_parser => sub {
        my ($parser, $job) = @_;
        listen_to($parser, $said{ $job->[0] } = []);
    });
    my $all  = $harness->runtests(@files);
    my $text = '';

    for my $file (@files) {
        my ($p) = $all->parsers($file) or next;
        my $bad = () = $p->failed;
        my $run = $p->tests_run || 0;
        my $planned = $p->tests_planned || $run;

        $bad += $planned - $run if $planned > $run;
        $bad ||= 1 if $p->exit || $p->wait || $p->parse_errors;
        my $good = $run - (() = $p->failed);
        $text .= "$file $good $bad\n";
        $text .= join '', map { "\t$_\n" } @{ $said{$file} } if $bad;
    }

    return $text;
}


# What a test says of its failures: shown at once, and kept to be shown again
# below the summary, where everybody looks first. Of a test that ends badly
# without one, the last that it said.
sub listen_to {
    my ($parser, $kept) = @_;
    my ($lines, @last) = (0);

    $parser->callback(ALL => sub {
        my ($result) = @_;
        my $line = $result->raw;

        if ($result->is_test) {
            $lines = $result->is_ok ? 0 : 12;
        }
        if ($lines > 0) {
            $lines--;
            push @$kept, $line if length $line;
            print STDERR "$line\n";
            return;
        }
        print STDERR "$line\n" if $result->is_unknown && length $line;
        push @last, $line;
        shift @last if @last > 6;
    });
    $parser->callback(EOF => sub {
        push @$kept, @last if !@$kept;
    });
    return;
}


sub command {
    my ($kind, $file) = @_;
    my $name = basename($file, '.c');

    if ($kind eq 'unit') {
        return [ $^X, 't/lib/unit.pl', "$build/unit/$name" ];
    }
    if ($kind eq 'fuzz') {
        $name =~ s/^fuzz_//;
        return [ 'timeout', '--foreground', '300', "$build/replay/$name",
                 "t/fuzz/corpus/$name" ];
    }
    return [ $kind eq 'lint' ? qw(nice -n 19) : (), $^X, '-It/lib', $file ];
}


sub count {
    my ($text) = @_;
    my %seen;

    for (split /\n/, $text) {
        push @problems, "    $1" if /^\t(.*)/;
        my ($file, $good, $bad) = /^(\S+) (\d+) (\d+)$/ or next;
        $seen{$file} = 1;
        $passed += $good;
        $failed += $bad;
        push @problems, "$file ($bad)" if $bad;
    }

    for my $file (grep { !$seen{$_} } map { $_->[1] } @tests) {
        $failed++;
        push @problems, "$file (did not run)";
    }
    return;
}


# Whoever loses his parent becomes our child, so nobody hides.
sub become_subreaper {
    my $arch = (POSIX::uname())[4];
    my %prctl = (x86_64 => 157, aarch64 => 167, riscv64 => 167,
                 ppc64le => 171, s390x => 172);
    syscall $prctl{$arch}, 36, 1, 0, 0, 0 if $prctl{$arch};
    return;
}


# What lost its parent while tests run may hold their output open for ever;
# a minute is enough for those that end by themselves.
sub end_orphans {
    my ($harness) = @_;
    my $now = time;

    for my $child (grep { $_->[0] != $harness } children()) {
        my ($pid, $name) = @$child;
        $orphan_since{$pid} //= $now;
        next if $now - $orphan_since{$pid} < 60;
        push @problems, "left behind: $pid $name";
        kill 'KILL', $pid;
        $failed++;
        delete $orphan_since{$pid};
    }
    return;
}


sub report_left_behind {
    my @left = children();

    # one that is just ending is no offence
    for (1 .. 20) {
        last if !@left;
        1 while waitpid(-1, POSIX::WNOHANG()) > 0;
        select undef, undef, undef, 0.1;
        @left = children();
    }

    for my $child (@left) {
        push @problems, "left behind: $child->[0] $child->[1]";
        kill 'KILL', $child->[0];
        $failed++;
    }

    1 while waitpid(-1, 0) > 0;
    return;
}


sub children {
    my @found;

    for my $path (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $path or next;
        my $line = <$in> // next;
        my ($pid, $name, $state, $parent)
            = $line =~ /^(\d+) \((.*)\) (\S) (\d+)/ or next;
        push @found, [ $pid, $name ] if $parent == $$ && $state ne 'Z';
    }

    return @found;
}
