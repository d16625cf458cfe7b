# The echo process (t/lib/echo): any number of named backends and a journal.
package Gatehouse::Test::Backend;

use strict;
use warnings;

use IO::Handle;
use JSON::PP ();

use Gatehouse::Test::Http;
use Gatehouse::Test::Ports;


# program, names => [...]
sub new {
    my ($class, %arg) = @_;
    my %port = map { $_ => Gatehouse::Test::Ports::free_port() }
               @{ $arg{names} };
    my $control = Gatehouse::Test::Ports::free_port();
    my $self = bless { port => \%port, control => $control }, $class;

    pipe my $their_in, my $our_out or die "pipe: $!";
    pipe my $our_in, my $their_out or die "pipe: $!";

    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<&', $their_in  or die;
        open STDOUT, '>&', $their_out or die;
        exec $arg{program}, "control=$control",
             map { "$_=$port{$_}" } sort keys %port
            or die "$arg{program}: $!\n";
    }

    close $their_in;
    close $their_out;
    @$self{qw(pid leash)} = ($pid, $our_out);

    my $word = <$our_in> // '';
    die "the echo backend did not start\n" if $word ne "ready\n";
    return $self;
}


sub port  { return $_[0]{port}{ $_[1] } || die "no backend \"$_[1]\"\n" }
sub names { return sort keys %{ $_[0]{port} } }


# All requests received since the start or the last clear, in order.
sub journal {
    my ($self, $name) = @_;
    my $all = JSON::PP->new->latin1->decode($self->ask('GET', '/journal'));
    return map { Gatehouse::Test::Received->new($_) }
           grep { !defined $name || $_->{backend} eq $name } @$all;
}


# How many requests each backend received; "" is their sum.
sub counts {
    my ($self) = @_;
    return JSON::PP->new->decode($self->ask('GET', '/counts'));
}


sub clear {
    my ($self) = @_;
    $self->ask('POST', '/clear', '');
    return;
}


# Standing orders, for example status => 503, delay => 200, hang => 1,
# listen => 0 (connection refused); none at all returns to normal.
sub set {
    my ($self, $name, %order) = @_;
    my $words = join ' ', "backend=$name",
                map { "$_=$order{$_}" } sort keys %order;
    $words .= ' listen=1' if !exists $order{listen};
    $self->ask('POST', '/set', $words);
    return;
}


sub ask {
    my ($self, $method, $path, $body) = @_;
    my $http = Gatehouse::Test::Http->new(port => $self->{control});

    $http->send_raw(Gatehouse::Test::Http::format_request(
        $method, $path, [ [ Host => 'control' ] ], $body));

    my $res = $http->read_response($method);
    die "echo backend: $method $path: ", $res->status, ' ',
        $res->error // '', "\n" if $res->status != 200;
    return $res->body;
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    close delete $self->{leash};
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return;
}

1;
