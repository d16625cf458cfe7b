# A gateway whose monotonic clock a story moves ahead (t/lib/leap.c).
package Gatehouse::Test::Leap;

use strict;
use warnings;

use Time::HiRes qw(time);


sub new {
    my ($class, $t) = @_;
    return bless { t => $t, ahead => 0 }, $class;
}


# Starts it, as Gatehouse::Test does. The sanitizers want to be loaded before
# our clock: with them it is the real one, and who moves it waits.
sub start {
    my ($self, @text) = @_;
    my $t = $self->{t};

    if (Gatehouse::Test::mk('GH_SANITIZE') ne '') {
        $t->start(@text);
        return $self;
    }

    my $library = $t->dir . '/leap.so';
    my $source  = Gatehouse::Test::root() . '/t/lib/leap.c';
    system('cc', '-shared', '-fPIC', '-O1', '-o', $library, $source) == 0
        or die "cannot build $source\n";
    $self->{file} = $t->file('leap', pack 'q', 0);

    local $ENV{LD_PRELOAD} = $library;
    local $ENV{GH_LEAP}    = $self->{file};
    $t->start(@text);
    return $self;
}


# So many seconds have passed.
sub ahead {
    my ($self, $seconds) = @_;

    if (!$self->{file}) {
        my $end = time + $seconds;
        return $self->{t}->wait_for(sub { time >= $end }, 2 * $seconds);
    }

    $self->{ahead} += $seconds;
    open my $fh, '+<', $self->{file} or die "$self->{file}: $!\n";
    syswrite $fh, pack 'q', $self->{ahead};
    close $fh;
    return $self;
}

1;
