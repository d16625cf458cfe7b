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

=item new(sentinels => 3, replicas => 1, down => 700)

C<down>: milliseconds after which a primary that is silent counts as down.

=item members

for a C<gatehouse_redis> block.

=item primary, replica, servers, sentinels

C<Gatehouse::Test::Redis> objects; what is primary is asked of a sentinel.

=item wait_for_another($port)

Until more than half of the sentinels name another port; returns it.

=item synced

Waits until a replica has all that the primary was told; returns the primary.

=item failover

C<SENTINEL FAILOVER> of a primary that is C<synced>, and waits for its end.

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

    my $down = $arg{down} // 700;
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
    $_->cli(qw(SENTINEL DEBUG publish-period 200 info-period 300
               tilt-trigger 60000)) for @{ $self->{sentinels} };
    my $others = $n - 1;
    until_true('the sentinels to know each other', sub {
        !grep { my $about = $_->cli('SENTINEL', 'MASTER', 'main');
                $about !~ /num-other-sentinels\n$others\b/
                || $about !~ /num-slaves\n$replicas\b/ }
            @{ $self->{sentinels} };
    });
    return $self;
}


sub members {
    my ($self) = @_;
    return join ' ', 'primary main;',
                     map { 'sentinel 127.0.0.1:' . $_->port . ';' }
                         @{ $self->{sentinels} };
}


sub sentinels { return @{ $_[0]{sentinels} } }
sub servers   { return @{ $_[0]{servers} } }


sub named {
    my ($self) = @_;
    my %votes;
    for my $sentinel (@{ $self->{sentinels} }) {
        my $said = $sentinel->cli('SENTINEL', 'get-master-addr-by-name',
                                  'main');
        $votes{$1}++ if $said =~ /^127\.0\.0\.1\n(\d+)$/;
    }
    my ($port) = grep { $votes{$_} > @{ $self->{sentinels} } / 2 } keys %votes;
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
    until_true('a failover to be accepted', sub {
        $self->{sentinels}[0]->cli('SENTINEL', 'FAILOVER', 'main') eq 'OK';
    });
    return $self->wait_for_another($port);
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
