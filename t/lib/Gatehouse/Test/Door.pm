# Tries credentials at a gateway's door and keeps what it said: every refusal
# must look like every other, and the log must know why.
package Gatehouse::Test::Door;

use strict;
use warnings;

use Test::More ();


# A started Gatehouse::Test with locations / and /optional, one worker and
# the service "echo" behind them
sub new {
    my ($class, $t) = @_;
    return bless { t => $t, n => 0, look => {}, expected => {} }, $class;
}


# A token (or a list of headers) is refused at each path, by default twice
# and where no credential would do, and the service sees nothing of it.
sub refused {
    my ($self, $name, $token, $reason, @paths) = @_;
    my $t = $self->{t};
    my @headers = ref $token ? @$token : (Authorization => "Bearer $token");
    my @got;

    $t->plant_secret($token) if !ref $token && length $token < 10_000;
    $t->journal_clear;
    @paths = ('/', '/', '/optional') if !@paths;

    for my $path (@paths) {
        my $target = "$path?" . ++$self->{n};
        my $res = $t->get($target, headers => \@headers);
        push @got, $res->status;
        $self->{look}{ look($res) } //= $name;
        $self->{expected}{$target} = [ $name, $reason ];
    }

    local $Test::Builder::Level = $Test::Builder::Level + 2;
    return Test::More::is("@got, service " . scalar $t->journal,
                          join(' ', (401) x @paths) . ', service 0', $name);
}


# An answer without what differs from one to the next.
sub look {
    my ($res) = @_;
    my $text = $res->head . "\n" . $res->body;
    $text =~ s/[0-9a-f]{32}/ID/g;
    $text =~ s/^Date: .*$/Date/m;
    return $text;
}


# A token passes, fresh and remembered.
sub served {
    my ($self, $name, $token, $path) = @_;
    my @got = map { $self->{t}->get($path // '/', token => $token)->status }
              1, 2;

    local $Test::Builder::Level = $Test::Builder::Level + 2;
    return Test::More::is("@got", '200 200', $name);
}


# What all refusals so far had in common.
sub judge {
    my ($self) = @_;
    my $t = $self->{t};
    my %look = %{ $self->{look} };
    my %expected = %{ $self->{expected} };

    my ($first, @others) = sort { $look{$a} cmp $look{$b} } keys %look;
    Test::More::is(scalar @others, 0,
                   'D30, F3: every refusal looks like every other')
        or Test::More::diag("$look{$first}: $first\n$look{ $others[0] }: "
                            . $others[0]);
    Test::More::like($first, qr/^WWW-Authenticate: Bearer realm=/m,
                     'and says what to send');

    my %said = map { $_->{target} => $_->{reason} }
               $t->decisions(scalar keys %expected);
    my @wrong;
    for (sort keys %expected) {
        my ($name, $reason) = @{ $expected{$_} };
        my $log = $said{$_} // 'nothing';
        push @wrong, "$name: the log says $log"
            if $log eq 'nothing' || $log ne ($reason // $log);
    }
    Test::More::is(scalar @wrong, 0, 'the log knows why, each time')
        or Test::More::diag(join "\n", @wrong);

    my @errors = grep { /\[error\]/ && !/issuer "away"/ }
                 split /\n/, $t->error_log;
    Test::More::is(scalar @errors, 0, 'K11: a bad token is no error of ours');
    return;
}

1;
