# A token issuer on loopback: its discovery document, its key set, and every
# way in which it can misbehave. What it is asked for stands in a journal.
package Gatehouse::Test::Provider;

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Gatehouse::Test::Ports;
use Gatehouse::Test::Token;

my $OWNER = $$;


# keys => [ ... ] as for Token::jwks
sub new {
    my ($class, %arg) = @_;
    my $self = bless {
        dir => File::Temp::tempdir('ghidp-XXXXXX', TMPDIR => 1, CLEANUP => 1),
        port => Gatehouse::Test::Ports::free_port(),
        order => {},
    }, $class;

    $self->{order} = {
        '/.well-known/openid-configuration' => {
            body => JSON::PP->new->canonical->encode({
                issuer => $self->issuer, jwks_uri => $self->issuer . '/keys',
            }),
        },
    };
    $self->keys(@{ $arg{keys} || [] });
    return $self->start;
}


sub port   { return $_[0]{port} }
sub issuer { return "http://127.0.0.1:$_[0]{port}" }


# What the set holds from now on.
sub keys {
    my ($self, @keys) = @_;
    return $self->set('/keys', body => Gatehouse::Test::Token::jwks(@keys));
}


# Orders for a path: body, status, type, delay (s), hang, close, headers
# (text), drip (s per byte); they stand until others are given for that path.
sub set {
    my ($self, $path, %order) = @_;
    $self->{order}{$path} = { status => 200, type => 'application/json',
                              body => '', headers => '', %order };
    $self->write_order;
    return $self;
}


sub write_order {
    my ($self) = @_;
    my $file = "$self->{dir}/order";
    open my $fh, '>', "$file.new" or die "$file: $!\n";
    print {$fh} JSON::PP->new->encode($self->{order});
    close $fh or die "$file: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    return;
}


# Paths asked for so far, or how often one was.
sub journal {
    my ($self) = @_;
    open my $fh, '<', "$self->{dir}/journal" or return;
    chomp(my @lines = <$fh>);
    return @lines;
}

sub asked {
    my ($self, $path) = @_;
    return scalar grep { $_ eq ($path // '/keys') } $self->journal;
}


# Nobody listens any more; start lets it come back at the same port.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return $self;
    kill 'KILL', -$pid;
    waitpid $pid, 0;
    return $self;
}


sub start {
    my ($self) = @_;
    $self->write_order;

    my $socket = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 64,
        ReuseAddr => 1, Proto => 'tcp') or die "listen: $!\n";

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setpgid(0, 0);
        $SIG{CHLD} = 'IGNORE';
        $SIG{$_} = 'DEFAULT' for qw(INT TERM ALRM);
        alarm 0;
        $self->serve($socket, getppid());
        POSIX::_exit(0);
    }

    POSIX::setpgid($pid, $pid);
    $self->{pid} = $pid;
    return $self;
}


sub serve {
    my ($self, $socket, $parent) = @_;
    my $select = IO::Select->new($socket);

    while (getppid() == $parent) {
        $select->can_read(1) or next;
        my $client = $socket->accept or next;
        my $pid = fork // next;
        if (!$pid) {
            close $socket;
            1 while $self->answer($client);
            POSIX::_exit(0);
        }
        close $client;
    }

    kill 'KILL', -$$;
    return;
}


# One request of a connection; false at its end.
sub answer {
    my ($self, $client) = @_;
    my $head = '';

    while ($head !~ /\r\n\r\n/) {
        sysread($client, $head, 4096, length $head) or return 0;
    }

    my ($path) = $head =~ m{^\S+ (\S+)};
    my $order = $self->order_for($path);

    open my $journal, '>>', "$self->{dir}/journal" or die "journal: $!\n";
    syswrite $journal, "$path\n";
    close $journal;

    sleep 3600 if $order->{hang};
    return 0   if $order->{close};
    sleep $order->{delay} if $order->{delay};

    my $length = length $order->{body};
    my $text = "HTTP/1.1 $order->{status} Said\r\n"
             . "Content-Type: $order->{type}\r\nContent-Length: $length\r\n"
             . "$order->{headers}\r\n$order->{body}";

    if ($order->{drip}) {
        for my $byte (split //, $text) {
            syswrite $client, $byte or return 0;
            sleep $order->{drip};
        }
        return 1;
    }

    my $at = 0;
    while ($at < length $text) {
        my $n = syswrite $client, $text, length($text) - $at, $at;
        return 0 if !$n;
        $at += $n;
    }
    return 1;
}


sub order_for {
    my ($self, $path) = @_;
    open my $fh, '<', "$self->{dir}/order" or die "order: $!\n";
    my $orders = JSON::PP->new->decode(do { local $/; <$fh> });
    return { status => 404, type => 'text/plain', headers => '',
             body => "no $path", %{ $orders->{$path} || {} },
             ($orders->{$path} ? (status => $orders->{$path}{status} // 200)
                               : ()) };
}


sub DESTROY {
    my ($self) = @_;
    return if $$ != $OWNER;
    local ($?, $@, $!);
    $self->stop;
    return;
}

1;
