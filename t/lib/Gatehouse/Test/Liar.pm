package Gatehouse::Test::Liar;

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use POSIX ();

use Gatehouse::Test::Config;
use Gatehouse::Test::Logs;
use Gatehouse::Test::Ports;

=head1 NAME

Gatehouse::Test::Liar - a sentinel that says whatever it is told to

=head1 SYNOPSIS

    my $liar = Gatehouse::Test::Liar->new;
    $liar->says(address => '127.0.0.1', port => $replica->port);
    $liar->says(how => 'garbage');

=head1 DESCRIPTION

=over

=item new

Listens on a port of its own; names nobody until it is told to.

=item says(address => $host, port => $port), says(how => $what)

What it says to whoever asks for a primary from now on: an address, or
C<garbage>, C<half> an answer, a C<huge> or a C<nested> one, C<nothing> at
all, C<closed> the connection, C<error>, C<unknown>.

=item port, asked

C<asked>: how often.

=back

=cut


sub new {
    my ($class) = @_;
    my $port = Gatehouse::Test::Ports::free_port();
    my $dir  = File::Temp::tempdir('ghliar-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $self = bless { port => $port, dir => $dir, owner => $$ }, $class;
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64,
        ReuseAddr => 1) or die "liar: $!\n";

    $self->says(how => 'unknown');
    $self->{pid} = fork // die "fork: $!\n";
    serve($self, $listen) if !$self->{pid};
    return $self;
}


sub port { return $_[0]{port} }


sub says {
    my ($self, %arg) = @_;
    my $how = $arg{how} // join ' ', 'named', $arg{address}, $arg{port};
    Gatehouse::Test::Config::write_file("$self->{dir}/says", $how);
    return $self;
}


sub asked { return (-s "$_[0]{dir}/asked") // 0 }


sub serve {
    my ($self, $listen) = @_;
    my $parent = getppid;
    my $all = IO::Select->new($listen);
    my %got;

    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP ALRM);
    $SIG{PIPE} = 'IGNORE';

    while (getppid == $parent) {
        for my $fh ($all->can_read(0.5)) {
            if ($fh == $listen) {
                my $near = $listen->accept or next;
                $all->add($near);
                next;
            }
            my $n = sysread $fh, my $bytes, 65536;
            $got{$fh} .= $bytes if $n;
            my $open = $n ? 1 : 0;
            while ($open && $got{$fh} =~ s/\A(\*(\d+)\r\n)//) {
                my @words;
                for (1 .. $2) {
                    $got{$fh} =~ s/\A\$(\d+)\r\n// or last;
                    push @words, substr $got{$fh}, 0, $1, '';
                    $got{$fh} =~ s/\A\r\n//;
                }
                my $answer = answer($self, @words);
                $open = 0 if !defined $answer;
                syswrite $fh, $answer if length($answer // '');
            }
            if (!$open) {
                $all->remove($fh);
                delete $got{$fh};
                close $fh;
            }
        }
    }
    POSIX::_exit(0);
}


sub answer {
    my ($self, @words) = @_;
    my $what = lc $words[0];

    return "*3\r\n\$@{[ length $what ]}\r\n$what\r\n\$14\r\n+switch-master\r\n:1\r\n"
        if $what =~ /^(?:un)?subscribe$/;
    return "-ERR unknown command\r\n" if $what ne 'sentinel';

    if (open my $fh, '>>', "$self->{dir}/asked") {
        print {$fh} 'x';
        close $fh;
    }

    my ($how, $host, $port) =
        split / /, Gatehouse::Test::Logs::slurp("$self->{dir}/says");
    return "*2\r\n\$@{[ length $host ]}\r\n$host\r\n\$@{[ length $port ]}\r\n$port\r\n"
        if $how eq 'named';
    return $how eq 'garbage' ? "HTTP/1.1 200 OK\r\n\r\n"
         : $how eq 'half'    ? "*2\r\n\$9\r\n127.0"
         : $how eq 'huge'    ? "*2\r\n\$999999999\r\n" . 'x' x 200_000
         : $how eq 'nested'  ? "*1\r\n" x 1000
         : $how eq 'error'   ? "-ERR no\r\n"
         : $how eq 'nothing' ? ''
         : $how eq 'closed'  ? undef
         :                     "*-1\r\n";
}


sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local $?;
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
