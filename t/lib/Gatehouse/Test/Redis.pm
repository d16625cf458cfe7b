package Gatehouse::Test::Redis;

use strict;
use warnings;

use File::Path ();
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(sleep time);

use Gatehouse::Test::Ports;

=head1 NAME

Gatehouse::Test::Redis - a real Redis of the story's own

=head1 SYNOPSIS

    my $redis = Gatehouse::Test::Redis->new;
    my $t = Gatehouse::Test->new(store => $redis->words);
    $redis->cli('DBSIZE');

=head1 DESCRIPTION

=over

=item new(config => [ 'maxmemory 10mb', ... ], aof => 0, env => {})

Runs C<redis-server>, or what C<GH_REDIS_SERVER> names, in a directory of its
own: a port on loopback, and a socket. With C<aof> what was acknowledged is on
disk.

With C<sentinel> it is one, and C<config> says what it watches.

=item port, socket, dir

=item words(%argument)

for C<gatehouse_store>; C<%%DIR%%> in it is the gateway's directory.

=item has_run($seconds)

It has kept for so long what is used once. Nothing was used before it began:
where it stands in for the store of a story about something else, that story
need not wait until a young one vouches.

=item cli(@words)

What C<redis-cli> says, without the line's end.

=item tell($line)

The same without a process of its own for it: one line of words, and the
first line of the answer if it comes at once.

=item calls(@commands)

How often they were called, in all.

=item halt, go_on

SIGSTOP and SIGCONT.

=item kill, start, stop

=back

=cut


sub new {
    my ($class, %arg) = @_;
    my $dir = File::Temp::tempdir('ghredis-XXXXXX', TMPDIR => 1);
    my $self = bless { dir => $dir, owner => $$,
                       port => $arg{port}
                               // Gatehouse::Test::Ports::free_port(),
                       cli => $arg{cli} // [],
                       sentinel => $arg{sentinel},
                       env => $arg{env} // {} }, $class;
    chmod 0755, $dir;

    open my $fh, '>', "$dir/redis.conf" or die "redis.conf: $!\n";
    print {$fh} map { "$_\n" }
        "port $self->{port}", 'bind 127.0.0.1', "dir $dir",
        "unixsocket $dir/socket", 'unixsocketperm 777',
        ($arg{sentinel} ? () : 'save ""'),
        "pidfile $dir/pid", "logfile $dir/log", 'daemonize no',
        ($arg{aof} ? ('appendonly yes', 'appendfsync always') : ()),
        @{ $arg{config} // [] };
    close $fh or die "redis.conf: $!\n";

    return $self->start;
}


sub port   { return $_[0]{port} }
sub dir    { return $_[0]{dir} }
sub socket { return "$_[0]{dir}/socket" }


sub words {
    my ($self, %arg) = @_;
    my %all = (state => '%%DIR%%/state', timeout => '2s', %arg);
    return "redis://127.0.0.1:$self->{port}/0?"
         . join '&', map { "$_=$all{$_}" } sort keys %all;
}


sub start {
    my ($self) = @_;
    my $leash = Gatehouse::Test::build() . '/leash';

    unlink "$self->{dir}/pid";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        @ENV{ keys %{ $self->{env} } } = values %{ $self->{env} };
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$self->{dir}/out";
        open STDERR, '>>', "$self->{dir}/out";
        exec $leash, $ENV{GH_REDIS_SERVER} || 'redis-server',
             "$self->{dir}/redis.conf",
             ($self->{sentinel} ? '--sentinel' : ())
            or POSIX::_exit(127);
    }
    $self->{leash} = $pid;

    my $until = time + 30;
    until ($self->pid && $self->cli('PING') =~ /PONG|NOAUTH/) {
        die "redis-server does not start; see $self->{dir}/log\n"
            if time > $until;
        sleep 0.05;
    }
    return $self;
}


sub pid {
    my ($self) = @_;
    open my $fh, '<', "$self->{dir}/pid" or return;
    my $line = <$fh> // '';
    return $line =~ /^(\d+)/ ? $1 : undef;
}


# The same, if it runs.
sub pid_alive {
    my ($self) = @_;
    my $pid = $self->{leash} && $self->pid;
    return $pid && CORE::kill(0, $pid) ? $pid : undef;
}


sub cli {
    my ($self, @words) = @_;
    my $pid = open my $out, '-|';
    defined $pid or die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec 'redis-cli', '--no-auth-warning', '-s', $self->socket,
             @{ $self->{cli} }, @words
            or POSIX::_exit(127);
    }
    my $text = do { local $/; <$out> } // '';
    local $?;
    close $out;
    $text =~ s/\n+\z//;
    return $text;
}


sub has_run {
    my ($self, $seconds) = @_;
    my ($run)  = $self->cli('INFO', 'server') =~ /^run_id:([0-9a-f]+)/m;
    my ($data) = $self->cli('INFO', 'replication')
                 =~ /^master_replid:([0-9a-f]+)/m;
    $self->cli('HSET', 'gh:{replay}', 'server', "$run-$data",
               'since', int(time) - $seconds);
    return $self;
}


sub tell {
    my ($self, $line) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $self->socket) or return;
    syswrite $socket, "$line\r\n" or return;
    return if !IO::Select->new($socket)->can_read(0.1);
    my $answer = <$socket>;
    return $answer && $answer =~ s/\r\n\z//r;
}


sub calls {
    my ($self, @commands) = @_;
    my %calls = $self->cli('INFO', 'commandstats')
                =~ /^cmdstat_([\w|]+):calls=(\d+)/mg;
    my $sum = 0;
    $sum += $calls{ lc $_ } // 0 for @commands;
    return $sum;
}


sub halt  { my ($self) = @_; CORE::kill('STOP', $self->pid); return $self }
sub go_on { my ($self) = @_; CORE::kill('CONT', $self->pid); return $self }


sub kill {
    my ($self, $signal) = @_;
    my $leash = delete $self->{leash} or return $self;
    my $pid   = $self->pid;
    local $?;
    CORE::kill($signal // 'KILL', $pid) if $pid;
    CORE::kill('CONT', $pid) if $pid;
    waitpid $leash, 0;
    return $self;
}


sub stop { return $_[0]->kill('TERM') }


sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    $self->kill;
    File::Path::remove_tree($self->{dir}) if !$ENV{KEEP};
    return;
}

1;
