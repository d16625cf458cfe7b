# Jobs side by side, each in a process of its own: what a job changes stays
# there, and what it started ends with it.
package Gatehouse::Bench::Together;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use Storable ();

use Gatehouse::Bench::Process;

our @EXPORT_OK = qw(together);


# What each job returns (a reference), in the order of the jobs, of which so
# many run at once; one at a time needs no other process.
sub together {
    my ($most, @jobs) = @_;
    return map { $_->() } @jobs if $most < 2;

    my ($said, %running, @results) = IO::Select->new;
    my $collect = sub {
        for my $from ($said->can_read) {
            my $job = delete $running{$from};
            my $got = eval { Storable::fd_retrieve($from) };

            $said->remove($from);
            $job->{process}->wait_for_end;
            $results[ $job->{number} ] = $got->{result};
            next if $got->{result};
            $_->{process}->stop for values %running;
            die $got->{error} // "a job ended without a result\n";
        }
    };

    for my $number (0 .. $#jobs) {
        $collect->() while keys %running >= $most;
        pipe my $from, my $to or die "pipe: $!\n";
        my $process = Gatehouse::Bench::Process->of_ours(
            sub { say_to($to, $jobs[$number]) });
        $running{$from} = { number => $number, process => $process };
        $said->add($from);
    }
    $collect->() while %running;
    return @results;
}


sub say_to {
    my ($to, $job) = @_;
    my $result = eval { $job->() };
    Storable::store_fd({ result => $result, error => $@ }, $to);
    close $to;
    return;
}

1;
