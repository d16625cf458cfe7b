# One real nginx in a directory of its own: start, reload, kill, stop, and
# what its processes are.
package Gatehouse::Test::Nginx;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);


# binary, leash, dir, conf (a path), ports to wait for, slow (a factor)
sub new {
    my ($class, %arg) = @_;
    return bless { slow => 1, %arg }, $class;
}


sub dir { return $_[0]{dir} }
sub pid { return $_[0]{pid} }


sub environment {
    my ($self) = @_;
    my $common = 'abort_on_error=0:exitcode=99:';
    my $leaks  = $ENV{GH_LEAKS} ? 1 : 0;

    return (ASAN_OPTIONS  => $common . "detect_leaks=$leaks:log_path="
                             . "$self->{dir}/san/asan"
                             . ':detect_stack_use_after_return=1',
            UBSAN_OPTIONS => $common . "print_stacktrace=1:log_path="
                             . "$self->{dir}/san/ubsan",
            LSAN_OPTIONS  => 'print_suppressions=0:suppressions='
                             . Gatehouse::Test::root() . '/t/lib/lsan.supp',
            TSAN_OPTIONS  => "log_path=$self->{dir}/san/tsan",
            LC_ALL => 'C');
}


sub command {
    my ($self) = @_;
    return ($self->{binary}, '-p', $self->{dir}, '-c', $self->{conf}, '-e',
            "$self->{dir}/logs/start.log");
}


# What "nginx -t" says, and its exit status.
sub check {
    my ($self) = @_;
    local %ENV = (%ENV, $self->environment);

    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $self->command, '-t' or die "$self->{binary}: $!\n";
    }
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($text, $?);
}


# Returns undef, or why it did not start.
sub start {
    my ($self) = @_;
    my $log = "$self->{dir}/logs/stderr.log";

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        local %ENV = (%ENV, $self->environment);
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', $log;
        open STDERR, '>>', $log;
        exec $self->{leash}, $self->command
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    my $deadline = time + 15 * $self->{slow};

    until ($self->accepts) {
        if (waitpid($pid, WNOHANG) == $pid) {
            delete $self->{pid};
            return "nginx ended at once ($?): "
                   . $self->last_words;
        }
        return 'nginx did not accept in time: ' . $self->last_words
            if time > $deadline;
        sleep 0.01;
    }

    return;
}


sub said {
    my ($self) = @_;
    my $text = '';
    for my $name (qw(stderr start error)) {
        open my $fh, '<', "$self->{dir}/logs/$name.log" or next;
        local $/;
        $text .= <$fh> // '';
    }
    return $text;
}


# The end of it, for a message.
sub last_words {
    my ($self) = @_;
    my @lines = split /\n/, $self->said;
    return join "\n", @lines > 20 ? @lines[-20 .. -1] : @lines;
}


# All ports accept, and the workers that will answer are there.
sub accepts {
    my ($self) = @_;

    return 0 if !$self->{single} && $self->workers < $self->{workers};

    for my $port (@{ $self->{ports} }) {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
                              Timeout => 1) or return 0;
    }

    return 1;
}


# Pids of workers that are not shutting down, or with all => 1 of every child.
sub workers {
    my ($self, %arg) = @_;
    my $master = $self->{pid} or return;
    my @found;

    for my $pid (child_pids($master)) {
        open my $fh, '<', "/proc/$pid/cmdline" or next;
        my $line = do { local $/; <$fh> } // '';
        push @found, $pid
            if $arg{all} || $line =~ /worker process(?! is shutting)/;
    }

    @found = sort { $a <=> $b } @found;
    return @found;
}


# Workers that are shutting down.
sub leaving {
    my ($self) = @_;
    return scalar grep {
        Gatehouse::Test::Logs::slurp("/proc/$_/cmdline")
            =~ /worker process is shutting/
    } child_pids($self->{pid});
}


sub child_pids {
    my ($parent) = @_;
    open my $fh, '<', "/proc/$parent/task/$parent/children" or return;
    my $line = <$fh> // '';
    return split ' ', $line;
}


# Loads the configuration again; 0 if it was refused. The old workers may
# still serve what they have.
sub reload {
    my ($self) = @_;
    my %old  = map { $_ => 1 } $self->workers;
    my $seen = () = $self->said =~ /\[emerg\]/g;

    kill 'HUP', $self->{pid};
    my $deadline = time + 15 * $self->{slow};

    while (time < $deadline) {
        my @now = $self->workers;
        return 1 if @now >= $self->{workers} && !grep { $old{$_} } @now;
        return 0 if (() = $self->said =~ /\[emerg\]/g) > $seen;
        sleep 0.01;
    }

    die "nginx did not reload in time\n";
}


# Kills a worker (the first unless told) and waits for the next one.
sub kill_worker {
    my ($self, %arg) = @_;
    my @old    = $self->workers;
    my $victim = $arg{pid} || $old[0];
    my %old    = map { $_ => 1 } @old;

    kill $arg{signal} || 'KILL', $victim;
    my $deadline = time + 15 * $self->{slow};

    while (time < $deadline) {
        my @now = $self->workers;
        return $victim if @now >= @old && !grep { $_ == $victim } @now;
        sleep 0.01;
    }

    die "no worker followed worker $victim\n";
}


# Ends it; returns what was wrong with the way it ended, or undef. Workers of
# an earlier configuration that are about to end may do so in peace: told to
# stop at once, they would complain about what they still have open.
sub stop {
    my ($self, $signal) = @_;
    my $pid = $self->{pid} or return;
    my $wrong;

    my $peace = time + 3 * $self->{slow};
    sleep 0.01 while $self->leaving && time < $peace;

    my @all = $self->workers(all => 1);
    kill $signal || 'TERM', $pid;
    my $deadline = time + 10 * $self->{slow};

    while (waitpid($pid, WNOHANG) == 0) {
        if (time > $deadline) {
            kill 'KILL', $pid, @all;
            waitpid $pid, 0;
            $wrong = 'nginx did not stop in time';
            last;
        }
        sleep 0.005;
    }

    $wrong //= "the master ended with status $?" if $? != 0;
    delete $self->{pid};

    for (@all) {
        next if !kill 0, $_;
        sleep 0.2;
        next if !kill 0, $_;
        kill 'KILL', $_;
        $wrong //= "worker $_ was left behind";
    }

    return $wrong;
}

1;
