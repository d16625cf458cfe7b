package Gatehouse::Test::Names;

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use POSIX ();

use Gatehouse::Test::Config;
use Gatehouse::Test::Logs;

=head1 NAME

Gatehouse::Test::Names - a name server that answers as it is told to

=head1 SYNOPSIS

    my $names = Gatehouse::Test::Names->new;
    $names->answers('127.0.0.1');

=head1 DESCRIPTION

=over

=item answers($what)

To every question for an address from now on: that one, C<silence>, or
C<nobody> (NXDOMAIN). It begins with C<nobody>.

=item port, asked

C<asked>: how often.

=back

=cut


sub new {
    my ($class) = @_;
    my $dir = File::Temp::tempdir('ghnames-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Proto => 'udp')
        or die "names: $!\n";
    my $self = bless { port => $socket->sockport, dir => $dir, owner => $$ },
                     $class;
    $self->answers('nobody');
    $self->{pid} = fork // die "fork: $!\n";
    serve($self, $socket) if !$self->{pid};
    return $self;
}


sub port  { return $_[0]{port} }
sub asked { return (-s "$_[0]{dir}/asked") // 0 }


sub answers {
    my ($self, $what) = @_;
    Gatehouse::Test::Config::write_file("$self->{dir}/says", $what);
    return $self;
}


sub serve {
    my ($self, $socket) = @_;
    my $parent = getppid;
    my $one    = IO::Select->new($socket);

    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP ALRM);

    while (getppid == $parent) {
        next if !$one->can_read(0.5);
        my $from = $socket->recv(my $question, 4096) // next;
        if (open my $fh, '>>', "$self->{dir}/asked") {
            print {$fh} 'x';
            close $fh;
        }
        my $what = Gatehouse::Test::Logs::slurp("$self->{dir}/says");
        next if $what eq 'silence';
        $socket->send(reply($question, $what), 0, $from);
    }
    POSIX::_exit(0);
}


# RFC 1035 section 4; an address for type A, nothing for others.
sub reply {
    my ($question, $what) = @_;
    my $id   = substr $question, 0, 2;
    my ($name) = substr($question, 12) =~ /\A((?:[^\0]+)\0)/s;
    my $type = unpack 'n', substr $question, 12 + length $name, 2;
    my $asks = substr $question, 12, length($name) + 4;
    my $has  = $type == 1 && $what ne 'nobody';
    return $id . pack('nnnnn', $what eq 'nobody' ? 0x8183 : 0x8180, 1,
                      $has ? 1 : 0, 0, 0) . $asks
         . ($has ? pack('nnnNn', 0xC00C, 1, 1, 1, 4)
                   . pack('C4', split /\./, $what) : '');
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
