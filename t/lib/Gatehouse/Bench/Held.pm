# A provider that hangs, is slow, dribbles, sends garbage or a gigabyte: are
# requests that do not need it as quick as before?
package Gatehouse::Bench::Held;

use strict;
use warnings;

use Exporter 'import';
use MIME::Base64 qw(encode_base64url);
use POSIX ();
use Time::HiRes qw(sleep);

use Gatehouse::Bench::Http;
use Gatehouse::Bench::Rounds qw(measure);
use Gatehouse::Test::Misprovider;

our @EXPORT_OK = qw(measure_held faults);

my @FAULTS = ([ hang => 1, 'hangs' ], [ slow => 2, 'takes 2 s' ],
              [ drip => 0.05, 'sends 20 bytes a second' ],
              [ garbage => 1, 'sends garbage' ], [ huge => 1, 'sends 1 GB' ]);
my @PATHS = map {
    my ($name, $server, $target, $sent) = @$_;
    { name => $name, server => $server, port => uc $server,
      target => $target, sent => $sent, status => 200 }
} [ qw(bare bare / key) ], [ qw(key gate /key key) ], [ qw(session gate /session session) ];
my $MOST = 5; # rounds for each


sub faults { return @FAULTS }


# By when (before, after, or a fault) and path (key, session, bare): lists of
# p50_us and p99_us; and how often the provider was asked in each.
sub measure_held {
    my ($site) = @_;
    my $rounds = $site->extent('rounds');
    my $n = $rounds < $MOST ? $rounds : $MOST;
    my $provider = Gatehouse::Test::Misprovider->new(tls => 0);
    my %got;

    system "taskset -cp $site->{other} $provider->{pid} > /dev/null";
    $site->{ports}{HELD} = $provider->port;
    $site->configure('gate.conf');
    my $pid = trickle($site);

    for my $fault ([ before => undef ], @FAULTS, [ after => undef ]) {
        my ($when, $value) = @$fault;
        $provider->behave;
        $provider->misbehave("keys.$when" => $value) if defined $value;
        $provider->forget;

        # a gateway that has just begun has not yet learnt to ask rarely
        $site->stop('gate');
        $site->start('gate');
        Gatehouse::Bench::Http::wait_until(
            sub { $provider->asked('keys') }, 30, 'a call to the provider');
        measure($site, $got{$when} //= {}, @PATHS) for 1 .. $n;
        $got{$when}{calls} = $provider->asked('keys');
    }

    kill 'TERM', $pid;
    waitpid $pid, 0;
    $provider->stop;
    return \%got;
}


# Up to twenty tokens a second ask for the provider's keys.
sub trickle {
    my ($site) = @_;
    my $parent = $$;
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        eval { ask($site, $parent) };
        POSIX::_exit(0);
    }
    system "taskset -cp $site->{other} $pid > /dev/null";
    return $pid;
}


sub ask {
    my ($site, $parent) = @_;
    my @asked;

    while (getppid == $parent) {
        sleep 0.05;
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
    my $claims = sprintf '{"iss":"http://localhost:%d","sub":"x","exp":%d,'
               . '"aud":"%s","jti":"%s"}',
                 $site->port('HELD'), time + 600, $site->audience, rand;

    return join '.', map { encode_base64url($_) }
           '{"alg":"ES256","typ":"JWT","kid":"' . int(rand 1e9) . '"}',
           $claims, 'x' x 64;
}

1;
