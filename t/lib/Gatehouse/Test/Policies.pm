# The part of Gatehouse::Test that declares plans, consumers and services.
package Gatehouse::Test::Policies;

use strict;
use warnings;

use JSON::PP ();

use Gatehouse::Test::Config;
use Gatehouse::Test::Consumer;


# name => "100r/s burst=20", or name => { ... } as in policies
sub plans {
    my ($self, %plan) = @_;

    for my $name (keys %plan) {
        my $plan = $plan{$name};
        $self->{policies}{plans}{$name}
            = ref $plan ? $plan : { limits => { main => $plan } };
    }

    return $self->changed_policies;
}


sub services {
    my ($self, %service) = @_;
    $self->{policies}{services}{$_} = $service{$_} for keys %service;
    return $self->changed_policies;
}


# Declares n consumers with an API key each; more members as in policies.
sub consumers {
    my ($self, $n, %member) = @_;
    my @made;

    for (1 .. $n) {
        my $name = Gatehouse::Test::Consumer::nth_name($self->{consumers}++);
        push @made, $self->consumer_entry($name, %member);
    }

    $self->changed_policies;
    return wantarray ? @made : $made[0];
}


# One consumer of that name.
sub consumer {
    my ($self, $name, %member) = @_;
    my $made = $self->consumer_entry($name, %member);
    $self->changed_policies;
    return $made;
}


sub consumer_entry {
    my ($self, $name, %member) = @_;
    my $key_id = lc Gatehouse::Test::Consumer::random_text(8);
    my $key    = Gatehouse::Test::Consumer::new_key($key_id);
    my $given  = delete $member{credentials} || {};

    $self->plant_secret($key);
    $self->{policies}{consumers}{$name} = {
        %member,
        credentials => {
            api_keys => [ { id => $key_id, hash =>
                            Gatehouse::Test::Consumer::hash_of($key) } ],
            %$given,
        },
    };

    return Gatehouse::Test::Consumer->new(
        name => $name, key => $key, key_id => $key_id);
}


# Writes documents: members of one document, or 'name.json' => document/text.
sub write_policies {
    my ($self, %more) = @_;
    return $self if !$self->{policies};

    $self->{policies}{$_} = $more{$_} for keys %more;

    my $dir  = "$self->{dir}/policies";
    my $json = JSON::PP->new->utf8->canonical->pretty;
    my %main = %{ $self->{policies} };

    for my $file (grep { /\.json$/ } keys %main) {
        my $doc = delete $main{$file};
        Gatehouse::Test::Config::write_file(
            "$dir/$file", ref $doc ? $json->encode($doc) : $doc);
    }

    Gatehouse::Test::Config::write_file("$dir/main.json",
                                        $json->encode(\%main));
    return $self;
}


sub remove_policy {
    my ($self, $file) = @_;
    delete $self->{policies}{$file};
    unlink "$self->{dir}/policies/$file";
    return $self;
}


# Writes them (see write_policies) and waits until they are in force.
sub apply_policies {
    my ($self, %more) = @_;
    my $before = $self->{nginx} ? $self->generation : 0;

    $self->write_policies(%more);
    return $self if !$self->{nginx};

    my $refused = '';
    my $applied = eval {
        $self->wait_for(sub {
            my $now = $self->status->{policies};
            $refused = $now->{invalid} ? "refused: $now->{error}" : '';
            return $now->{generation} > $before;
        }, 10, 'the new policies are in force');
    };
    die "$@$refused\n" if !$applied;
    return $self;
}


sub changed_policies {
    my ($self) = @_;
    return $self->{nginx} ? $self->apply_policies : $self;
}


# Number of the policy set in force.
sub generation {
    my ($self) = @_;
    my $policies = $self->status->{policies} || {};
    return $policies->{generation} // 0;
}

1;
