package Gatehouse::Test::Sentinel;

use strict;
use warnings;

use Gatehouse::Test::Ports;
use Gatehouse::Test::Redis;
use Time::HiRes qw(sleep time);

=head1 NAME

Gatehouse::Test::Sentinel - Redis with replicas, watched by sentinels

=head1 SYNOPSIS

    my $watch = Gatehouse::Test::Sentinel->new(replicas => 1);
    my $members = $watch->members;
    $watch->primary->kill;
    $watch->wait_for_another($port);

=head1 DESCRIPTION

=over

=item new(sentinels => 3, replicas => 1, down => 2000)

C<down>: milliseconds after which a primary that is silent counts as down.

=item members

for a C<gatehouse_redis> block.

=item primary, replica, servers, sentinels

C<Gatehouse::Test::Redis> objects; what is primary is asked of a sentinel.

=item wait_for_another($port)

Until more than half of the sentinels name another port; returns it.

=item settled

Waits until whoever is named is a primary, and all others that run follow it.

=item synced

Waits until a replica has all that the primary was told; returns the primary.

=item failover

C<SENTINEL FAILOVER> of a primary that is C<synced>, again if they gave it up;
returns the port of the new one when all sentinels have heard of it.

=back

=cut


sub new {
    my ($class, %arg) = @_;
    my $self = bless { name => 'main', sentinels => [] }, $class;
    my $n    = $arg{sentinels} // 3;
    my $replicas = $arg{replicas} // 1;

    # whoever is primary sends a copy at once: its operator waits for others
    my @config = ('repl-diskless-sync yes', 'repl-diskless-sync-delay 0',
                  @{ $arg{config} // [] });

    my $first = Gatehouse::Test::Redis->new(config => \@config);
    $self->{servers} = [ $first ];
    for (1 .. $replicas) {
        push @{ $self->{servers} }, Gatehouse::Test::Redis->new(
            config => [ 'replicaof 127.0.0.1 ' . $first->port, @config ]);
    }
    until_true('replicas to be connected', sub {
        my $info = $first->cli('INFO', 'replication');
        my @online = $info =~ /state=online/g;
        return @online == $replicas;
    });

    my $down = $arg{down} // 2000;
    for (1 .. $n) {
        push @{ $self->{sentinels} }, Gatehouse::Test::Redis->new(
            sentinel => 1,
            config => [
                "sentinel monitor main 127.0.0.1 @{[ $first->port ]} "
                    . (int($n / 2) + 1),
                "sentinel down-after-milliseconds main $down",
                'sentinel failover-timeout main 3000',
            ]);
    }
    # they find each other and do their rounds sooner than for the operator
    $self->tell(qw(publish-period 200 info-period 300 tilt-trigger 60000));
    my $others = $n - 1;
    until_true('the sentinels to know each other', sub {
        !grep { my $about = $_->cli('SENTINEL', 'MASTER', 'main');
                $about !~ /num-other-sentinels\n$others\b/
                || $about !~ /num-slaves\n$replicas\b/ }
            @{ $self->{sentinels} };
    });

    # Who has not heard of a failover makes the new primary a replica again
    # after four such periods: there must be time to hear of it
    $self->tell(qw(publish-period 1000));
    return $self;
}


sub tell {
    my ($self, @periods) = @_;
    $_->cli(qw(SENTINEL DEBUG), @periods) for @{ $self->{sentinels} };
    return;
}


sub members {
    my ($self) = @_;
    return join ' ', 'primary main;',
                     map { 'sentinel 127.0.0.1:' . $_->port . ';' }
                         @{ $self->{sentinels} };
}


sub sentinels { return @{ $_[0]{sentinels} } }
sub servers   { return @{ $_[0]{servers} } }


sub named_by {
    my ($sentinel) = @_;
    my ($port) = $sentinel->cli('SENTINEL', 'get-master-addr-by-name', 'main')
                 =~ /^127\.0\.0\.1\n(\d+)$/;
    return $port // 0;
}


# What more than so many of them name
sub named {
    my ($self, $most) = @_;
    my %votes;
    $votes{ named_by($_) }++ for @{ $self->{sentinels} };
    delete $votes{0};
    $most //= @{ $self->{sentinels} } / 2;
    my ($port) = grep { $votes{$_} > $most } keys %votes;
    return $port // 0;
}


sub primary {
    my ($self) = @_;
    my $port = $self->named;
    my ($is) = grep { $_->port == $port } @{ $self->{servers} };
    return $is;
}


sub replica {
    my ($self) = @_;
    my $port = $self->named;
    my ($is) = grep { $_->port != $port } @{ $self->{servers} };
    return $is;
}


sub wait_for_another {
    my ($self, $port) = @_;
    my $now;
    until_true("a primary that is not $port", sub {
        $now = $self->named;
        return $now && $now != $port;
    });
    return $now;
}


sub settled {
    my ($self) = @_;
    until_true('all servers to be what they should be', sub {
        my $port = $self->named or return 0;
        return !grep {
            my ($role, undef, $of) = split /\n/, $_->cli('ROLE');
            $_->port == $port ? $role ne 'master'
                              : $role ne 'slave' || $of != $port
        } grep { $_->pid } @{ $self->{servers} };
    });
    return;
}


# Until a replica has what the primary was told up to now: what it has not
# would be lost with the primary, which is Redis's word and not ours.
sub synced {
    my ($self) = @_;
    my $primary = $self->primary;
    my ($told) = $primary->cli('INFO', 'replication')
                 =~ /master_repl_offset:(\d+)/;
    until_true('a replica to have all of it', sub {
        $primary->cli('INFO', 'replication') =~ /state=online,offset=(\d+)/
            && $1 >= $told;
    });
    return $primary;
}


sub failover {
    my ($self) = @_;
    my $port = $self->synced->port;
    my $now;
    until_true('a failover that all have heard of', sub {
        my $leader = $self->{sentinels}[0];
        # refused while one goes on
        $leader->cli('SENTINEL', 'FAILOVER', 'main')
            if named_by($leader) == $port;
        $now = $self->named($#{ $self->{sentinels} });
        return $now && $now != $port;
    });
    return $now;
}


sub until_true {
    my ($what, $sub) = @_;
    my $until = time + 60;
    until ($sub->()) {
        die "waited in vain for $what\n" if time > $until;
        sleep 0.05;
    }
    return;
}

1;
