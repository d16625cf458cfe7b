# Several gateways of one set of policies on one Redis before one service, and
# what can happen to them: killed, stopped, begun again.
package Gatehouse::Test::Farm;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Storable qw(dclone);
use Time::HiRes qw(sleep time);

use Gatehouse::Test::Load;
use Gatehouse::Test::Sink;

my $LOCATIONS = <<'EOC';
    location / {
        gatehouse_authenticate     api_key;
        gatehouse_bad_credentials  off;
        gatehouse_limit            plan;
        proxy_pass                 http://sink;
HEADERS
    }
EOC


# gates => 2, workers => 1, redis (a Gatehouse::Test::Redis), plans => {},
# who => { name => plan }, timeout => '2s', http and locations => more text; store
# => what stands instead of an address of that Redis
sub new {
    my ($class, %arg) = @_;
    my $self = bless { gates => [], workers => $arg{workers} // 1,
                       redis => $arg{redis}, file => {} }, $class;
    my $root = $arg{redis}->dir . '/root.key';
    Gatehouse::Test::Config::write_file($root, 'd4' x 32);
    chmod 0600, $root;

    my %plan = map {
        my $plan = $arg{plans}{$_};
        $_ => ref $plan ? $plan : { limits => { main => $plan } }
    } keys %{ $arg{plans} };
    my %who = map { $_ => consumer($_, $arg{who}{$_}) } keys %{ $arg{who} };

    for my $n (1 .. $arg{gates} // 2) {
        my $t = Gatehouse::Test->new(
            store => $arg{store} ? 0
                   : $arg{redis}->words(timeout => $arg{timeout} // '2s'),
            workers => $self->{workers}, debug => 0, decisions => 0,
            log_level => 'info', connections => 4096,
            policies => dclone({ plans => \%plan, consumers => \%who }));
        $self->{sink} //= Gatehouse::Test::Sink->new(binary => $t->{binary});
        my $headers = Gatehouse::Test::Sink->headers;
        my $port = $self->{sink}->port;
        $t->allow_log(qr/exited on signal 9/);
        $t->plant_secret(map { key($_) } keys %who);
        $t->start(
            http => "gatehouse_secret file:$root;\n" . ($arg{store} // '')
                  . "upstream sink { server 127.0.0.1:$port; keepalive 64; "
                  . "keepalive_requests 1000000; }\n" . ($arg{http} // ''),
            locations => ($LOCATIONS . ($arg{locations} // ''))
                         =~ s/^HEADERS\n/$headers/mgr);
        push @{ $self->{gates} }, $t;
    }
    return $self;
}


# Gateways that are there already, in turn; workers, redis, sink.
sub of {
    my ($class, %arg) = @_;
    return bless { workers => 1, file => {}, %arg }, $class;
}


# Of a make that needs no store to be judged.
sub key { return "key-of-$_[0]-" . substr sha256_hex("farm $_[0]"), 0, 24 }


sub consumer {
    my ($name, $plan) = @_;
    return { plan => $plan, credentials => { api_keys => [
        { id => substr(sha256_hex($name), 0, 12),
          hash => 'sha256:' . sha256_hex(key($name)) } ] } };
}


sub gates { return @{ $_[0]{gates} } }
sub gate  { return $_[0]{gates}[ $_[1] ] }
sub sink  { return $_[0]{sink} }
sub redis { return $_[0]{redis} }


# One request at a gate.
sub ask {
    my ($self, $gate, $who, $target) = @_;
    return $self->gate($gate)->get($target // '/', key => key($who));
}


# Load over all gates (or gates => [0, 2]): who => [ names in turn ]; and
# clients, seconds, rate, target. Returns a Gatehouse::Test::Load.
sub load {
    my ($self, %arg) = @_;
    my $first = $self->gate(0);
    my $build = Gatehouse::Test::build();
    my $target = $arg{target} // '/';
    my @text = map {
        "GET $target HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " . key($_)
        . "\r\n\r\n"
    } @{ $arg{who} };
    my @ports = map { $self->gate($_)->port }
                @{ $arg{gates} // [ 0 .. $self->gates - 1 ] };

    return Gatehouse::Test::Load->new(
        program => "$build/load", leash => "$build/leash",
        dir => $first->dir, n => 'farm' . ++$self->{loads},
        requests => \@text, port => join(',', @ports),
        clients => $arg{clients} // 16, seconds => $arg{seconds} // 2,
        rate => $arg{rate} // 0);
}


# ---- what happens to them ----------------------------------------------------

# The processes of a gate: its master and what it has started.
sub processes {
    my ($self, $n) = @_;
    my $gate  = $self->gate($n) or return;
    my $nginx = $gate->{nginx}  or return;
    return grep { $_ } $nginx->pid, $nginx->workers(all => 1);
}


sub workers {
    my ($self, $n) = @_;
    my $nginx = $self->gate($n)->{nginx} or return;
    return $nginx->workers;
}


sub halt  { my ($self, $n) = @_; return kill 'STOP', $self->processes($n) }
sub go_on { my ($self, $n) = @_; return kill 'CONT', $self->processes($n) }


# Its power is cut.
sub crash {
    my ($self, $n) = @_;
    my $gate  = $self->gate($n);
    my $nginx = $gate->{nginx} or return;
    my @all   = $self->processes($n);

    local $?;
    kill 'KILL', @all;
    waitpid $nginx->pid, 0;
    delete $gate->{nginx};
    unlink $gate->dir . '/nginx.pid';
    return;
}


# It is begun again; nobody waits until it serves.
sub revive {
    my ($self, $n) = @_;
    my $gate = $self->gate($n);
    return if $gate->{nginx};
    my $nginx = Gatehouse::Test::Nginx->new(
        binary => $gate->{binary}, slow => Gatehouse::Test::slow(),
        leash => Gatehouse::Test::build() . '/leash', dir => $gate->dir,
        conf => $gate->dir . '/nginx.conf', ports => [], workers => 0);
    my $error = $nginx->start;
    die "$error\n" if defined $error;
    $nginx->{ports}   = [ $gate->port ];
    $nginx->{workers} = $self->{workers};
    $gate->{nginx} = $nginx;
    return;
}


# All are there and go on, and serve.
sub heal {
    my ($self) = @_;
    for my $n (0 .. $self->gates - 1) {
        $self->revive($n);
        $self->go_on($n);
        Gatehouse::Test->wait_for(sub {
            # a worker that was killed while its master was stopped
            $self->gate($n)->{nginx}->accepts
                && $self->gate($n)->ready == 200
        }, 30, "gate $n");
    }
    return $self;
}


# ---- faults: each returns in how many seconds to do what to end it, or nothing ---

sub kill_worker {
    my ($self, $gate, $n) = @_;
    my @workers = $self->workers($gate);
    kill 'KILL', $workers[$n] if $workers[$n];
    return;
}


sub stop_worker {
    my ($self, $gate, $n, $seconds) = @_;
    my @workers = $self->workers($gate);
    my $pid = $workers[$n] or return;
    kill 'STOP', $pid;
    return ($seconds, sub { kill 'CONT', $pid; return });
}


sub kill_gate {
    my ($self, $gate, $seconds) = @_;
    $self->crash($gate);
    return ($seconds, sub { $self->revive($gate); return });
}


sub stop_gate {
    my ($self, $gate, $seconds) = @_;
    my @pids = $self->processes($gate);
    kill 'STOP', @pids;
    return ($seconds, sub { kill 'CONT', @pids; return });
}


sub reload_gate {
    my ($self, $gate) = @_;
    my ($master) = $self->processes($gate);
    kill 'HUP', $master if $master;
    return;
}


# It goes on when the last of those who stopped it has said so.
sub stop_redis {
    my ($self, $seconds) = @_;
    my $pid = $self->redis->pid_alive or return;
    kill 'STOP', $pid;
    $self->{stopped}++;
    return ($seconds,
            sub { kill 'CONT', $pid if --$self->{stopped} == 0; return });
}


# It comes back with what it has on disk, or with nothing.
sub kill_redis {
    my ($self, $seconds, %arg) = @_;
    my $redis = $self->redis;
    return if !$redis->pid_alive;
    $redis->kill;
    unlink $redis->dir . '/dump.rdb' if $arg{empty};
    return ($seconds,
            sub { $redis->start if !$redis->pid_alive; return });
}


# Every connection to Redis is cut, unless it is stopped: it would not answer
# us either.
sub cut {
    my ($self) = @_;
    $self->redis->tell('CLIENT KILL TYPE normal')
        if !$self->{stopped} && $self->redis->pid_alive;
    return;
}


# Faults by the seed of rand under a load that runs, then peace: name =>
# [ how often, sub ($gate, $worker, $rand) ], which returns as those above. How
# often each was done.
sub storm {
    my ($self, $load, $seconds, $faults) = @_;
    my (%count, @due, @after);
    my @names = map { my $name = $_; ($name) x $faults->{$name}[0] }
                sort keys %$faults;
    for (my $at = 0.2; @names && $at < $seconds - 1.2;
         $at += 0.05 + rand 0.5) {
        my $name = $names[ rand @names ];
        push @due, [ $at, $name, $faults->{$name}[1], int rand $self->gates,
                     int rand $self->{workers}, rand ];
    }

    my $began = time;
    while (@due || @after) {
        @after = sort { $a->[0] <=> $b->[0] } @after;
        my $queue = !@due ? \@after : !@after ? \@due
                  : $after[0][0] < $due[0][0] ? \@after : \@due;
        my ($at, $name, $do, @arg) = @{ shift @$queue };
        my $now = time - $began;
        sleep $at - $now if $at > $now;
        warn sprintf "# %7.3f %s %s\n", time - $began, $name,
             join ' ', map { sprintf '%.3g', $_ } @arg if $ENV{GH_VERBOSE};
        my ($span, $undo) = $do->(@arg);
        $count{$name}++ if @arg;
        push @after, [ $at + $span, "... $name", $undo ] if $undo;
    }
    $load->wait;
    $self->redis->go_on;
    $self->redis->start if !$self->redis->pid_alive;
    $self->heal;
    return \%count;
}


# The sum of a metric over all gates.
sub metric {
    my ($self, @what) = @_;
    my $sum = 0;
    $sum += $_->metric(@what) // 0 for $self->gates;
    return $sum;
}


# What status says of a member, gate by gate.
sub degraded {
    my ($self, $what) = @_;
    return map { $_->status->{degraded}{$what} } $self->gates;
}


sub DESTROY {
    my ($self) = @_;
    return if ${^GLOBAL_PHASE} eq 'DESTRUCT';
    kill 'CONT', map { $self->processes($_) } 0 .. $self->gates - 1;
    return;
}

1;
