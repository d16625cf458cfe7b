# A provider that takes connections and never answers: are requests that do
# not need it as quick as before?
package Gatehouse::Bench::Held;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);
use POSIX ();
use Time::HiRes qw(sleep);

use Gatehouse::Bench::Rounds qw(measure_once);

our @EXPORT_OK = qw(measure_held);

my %PATH = (name => 'held', server => 'gate', port => 'GATE',
            target => '/key', sent => 'key', status => 200);


# p99 in microseconds of the key's path: before, while and after the provider
# hangs; and how many calls it was holding.
sub measure_held {
    my ($site, $rounds, $seconds) = @_;
    my %p99;
    my $measure = sub {
        my ($when, $n) = @_;
        push @{ $p99{$when} }, measure_once($site, \%PATH, $seconds)->{p99_us}
            for 1 .. $n;
    };

    my $half = int(($rounds + 1) / 2);
    $measure->(before => $half);

    my ($pid, $calls) = hang($site);
    $measure->(during => $rounds);
    kill 'TERM', $pid;
    waitpid $pid, 0;

    $measure->(before => $half);
    my $held = () = do { local (@ARGV, $/) = ($calls); <> // '' } =~ /call/g;
    return { %p99, calls => $held };
}


# The provider, and a trickle of tokens that ask for its keys, in one process.
sub hang {
    my ($site) = @_;
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $site->port('HELD'),
        Listen => 64, ReuseAddr => 1) or die "listen: $!\n";
    my $calls = $site->file('held.calls', '');

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        eval { serve($site, $listen, $calls) };
        POSIX::_exit(0);
    }

    system "taskset -cp $site->{other} $pid > /dev/null";

    # a gateway that has just begun has not yet learnt to ask rarely; the
    # provider is hanging from when it is first asked
    $site->stop('gate');
    $site->start('gate');
    Gatehouse::Bench::Http::wait_until(sub { -s $calls }, 30,
                                       'a call to the provider');
    return ($pid, $calls);
}


sub serve {
    my ($site, $listen, $calls) = @_;
    my $select = IO::Select->new($listen);
    my $parent = getppid;
    my (@held, @asked);

    while (getppid == $parent) {
        if ($select->can_read(0.05)) {
            push @held, scalar $listen->accept;
            open my $out, '>>', $calls or die "$!\n";
            print {$out} "call\n";
            close $out;
        }
        my $client = Gatehouse::Bench::Http::connect_to($site->port('GATE'))
            or next;
        syswrite $client, "GET /held HTTP/1.1\r\nHost: bench\r\n"
            . 'Authorization: Bearer ' . token($site)
            . "\r\n\r\n";
        push @asked, $client;
        shift @asked while @asked > 64;
    }
    return;
}


# Nothing about it is wrong before its key would be needed.
sub token {
    my ($site) = @_;
    my $claims = sprintf '{"iss":"http://127.0.0.1:%d","sub":"x","exp":%d,'
               . '"aud":"%s","jti":"%s"}',
                 $site->port('HELD'), time + 600, $site->audience, rand;

    return join '.', map { encode_base64url($_) }
           '{"alg":"ES256","typ":"JWT","kid":"' . int(rand 1e9) . '"}',
           $claims, 'x' x 64;
}

1;
