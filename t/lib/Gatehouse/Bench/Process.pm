# Processes pinned to a core: started, waited for, their CPU and memory read,
# and ended with whatever they started.
package Gatehouse::Bench::Process;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

my (%running, $OWNER);


# start(name => as the site calls it, core => 0 (or 0,1), command => [...],
#       port => to wait for, log => file, seconds => to wait at most)
sub start {
    my ($class, %arg) = @_;
    my $self = bless {%arg}, $class;

    $self->{pid} = begin(sub {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $arg{out} // $arg{log} or POSIX::_exit(1);
        open STDERR, '>>', $arg{log} or POSIX::_exit(1);
        exec 'taskset', '-c', $arg{core}, @{ $arg{command} };
    });
    $self->wait_for("port $arg{port}", sub { answers($arg{port}) })
        if $arg{port};
    return $self;
}


# A process that does a part of our own work.
sub of_ours {
    my ($class, $work) = @_;
    return bless { pid => begin(sub { $work->(); exit 0 }) }, $class;
}


# What another process has started is not ours to end.
sub begin {
    my ($work) = @_;

    $OWNER //= $$;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setpgid(0, 0);
        ($OWNER, %running) = ($$);
        $work->();
        POSIX::_exit(127);
    }

    POSIX::setpgid($pid, $pid);
    $running{$pid} = 1;
    return $pid;
}


sub pid { return $_[0]{pid} }


sub wait_for {
    my ($self, $what, $holds) = @_;
    my $end = time + ($self->{seconds} // 60);

    while (!$holds->()) {
        die "$self->{command}[0] ended; see $self->{log}:\n"
            . `tail -3 '$self->{log}'`
            if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
        die "no $what from $self->{command}[0]\n" if time > $end;
        sleep 0.02;
    }
    return $self;
}


sub answers {
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
                                 Timeout => 1);
}


# The process that does the work: nginx's worker, else the process itself.
sub worker {
    my ($self) = @_;
    my ($child) = grep { $_ } split ' ', `pgrep -P $self->{pid}`;
    return $self->{worker} //= $child // $self->{pid};
}


# All of its threads, in seconds.
sub cpu_s {
    my ($self) = @_;
    my $ns = 0;

    for my $file (glob '/proc/' . $self->worker . '/task/*/schedstat') {
        open my $in, '<', $file or next;
        $ns += (split ' ', <$in> // '0')[0];
    }
    return $ns / 1e9;
}


# Until its threads have nothing left to do: after its start it reads a large
# set of policies once more, beside what is measured.
sub rest {
    my ($self, $seconds) = @_;
    my ($was, $since) = ($self->cpu_s, time);

    Gatehouse::Bench::Http::wait_until(sub {
        return 0 if time - $since < $seconds;
        my $now = $self->cpu_s;
        my $idle = $now - $was < 0.2 * (time - $since);
        ($was, $since) = ($now, time);
        return $idle;
    }, 300, 'a server at rest');
    return;
}


# What it holds, and its share of what it shares, in kB.
sub memory_kb {
    my ($self) = @_;
    open my $in, '<', '/proc/' . $self->worker . '/smaps_rollup' or return;
    local $/;
    my %kb = <$in> =~ /^(Rss|Pss|Private_Dirty):\s*(\d+)/mg;
    return \%kb;
}


sub wait_for_end {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    waitpid $pid, 0;
    delete $running{$pid};
    return;
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    end($pid);
    return;
}


sub end {
    my ($pid) = @_;
    my $until = time + 10;

    kill 'TERM', $pid;
    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        last if time > $until;
        sleep 0.02;
    }
    kill 'KILL', -$pid;
    waitpid $pid, 0;
    delete $running{$pid};
    return;
}


END {
    local $?;
    end($_) for defined $OWNER && $OWNER == $$ ? keys %running : ();
}

1;
