package Gatehouse::Test::StoreDump;

use strict;
use warnings;

=head1 NAME

Gatehouse::Test::StoreDump - what stands in an embedded store, byte by byte

=head1 SYNOPSIS

    my $before = Gatehouse::Test::StoreDump::records("$t->{dir}/state");
    is_deeply($after, $before, 'nothing is lost');

=head1 DESCRIPTION

=over

=item records($directory)

Every record: its kind and name in hexadecimal, and of each "EXPIRY VALUE".
Versions are left out: each store has its own. Read with LMDB's own
C<mdb_dump>.

=item count($directory)

How many there are.

=back

=cut


sub records {
    my ($dir) = @_;
    my (%record, $key);

    open my $dump, '-|', 'mdb_dump', '-s', 'records', $dir
        or die "mdb_dump: $!\n";
    while (my $line = <$dump>) {
        next if $line !~ /^ ([0-9a-f]*)$/;
        if (!defined $key) {
            $key = $1;
            next;
        }
        # checksum, version, expiry, flags: 8 bytes each; then the value
        my (undef, undef, $expires, undef, $value)
            = unpack 'a16 a16 a16 a16 a*', $1;
        $record{$key} = hex($expires) . " $value";
        undef $key;
    }
    close $dump or die "mdb_dump of $dir failed\n";
    return \%record;
}


sub count {
    my ($dir) = @_;
    open my $stat, '-|', 'mdb_stat', '-s', 'records', $dir
        or die "mdb_stat: $!\n";
    my $text = do { local $/; <$stat> };
    close $stat;
    return $text =~ /^  Entries: (\d+)/m ? $1 : 0;
}

1;
