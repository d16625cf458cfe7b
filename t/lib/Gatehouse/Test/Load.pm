# Many clients at once, in the background (t/lib/load.c).
package Gatehouse::Test::Load;

use strict;
use warnings;

use JSON::PP ();


# program, leash, port, requests => [texts], clients, seconds, rate, dir
sub new {
    my ($class, %arg) = @_;
    my $self = bless { log => "$arg{dir}/load-$arg{n}.txt" }, $class;
    my $file = "$arg{dir}/load-$arg{n}.requests";

    open my $fh, '>:raw', $file or die "$file: $!\n";
    print {$fh} map { "$_\0" } @{ $arg{requests} };
    close $fh or die "$file: $!\n";

    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        exec $arg{leash}, $arg{program}, $arg{port}, $arg{clients},
             $arg{seconds}, $arg{rate}, $file, $self->{log}
            or die "$arg{program}: $!\n";
    }
    @$self{qw(pid out)} = ($pid, $out);
    return $self;
}


# Waits for its end; returns itself, with what is below.
sub wait {
    my ($self) = @_;

    if (my $out = delete $self->{out}) {
        my $text = do { local $/; <$out> } // '';
        close $out or die "load ended with status $?\n";
        $self->{result} = JSON::PP->new->decode($text);
    }
    return $self;
}


sub requests { return $_[0]->wait->{result}{requests} }
sub failed   { return $_[0]->wait->{result}{failed} }
sub retried  { return $_[0]->wait->{result}{retried} }
sub seconds  { return $_[0]->wait->{result}{seconds} }
sub result   { return $_[0]->wait->{result} }


# How many answers had that status; without one, all as a hash.
sub status {
    my ($self, $status) = @_;
    my $all = $self->wait->{result}{status};
    return defined $status ? $all->{$status} // 0 : %$all;
}


# Every request: [start_us, end_us, status, number of the request's text]
sub log {
    my ($self) = @_;
    $self->wait;
    open my $fh, '<', $self->{log} or die "$self->{log}: $!\n";
    return map { [ split ] } <$fh>;
}

1;
