# A consumer that a test declared. As text it is its API key.
package Gatehouse::Test::Consumer;

use strict;
use warnings;

use Compress::Zlib ();
use Digest::SHA qw(sha256_hex);

use overload '""' => sub { $_[0]{key} }, fallback => 1;

my @BASE62 = ('0' .. '9', 'A' .. 'Z', 'a' .. 'z');

my @NAMES = qw(alice bob carol dave erin frank grace heidi ivan judy kim leo
               mallory niaj olivia peggy quentin rupert sybil trent);


sub new {
    my ($class, %arg) = @_;
    return bless { %arg }, $class;
}


sub name   { return $_[0]{name} }
sub key    { return $_[0]{key} }
sub key_id { return $_[0]{key_id} }


# The name of the n-th consumer, from 0.
sub nth_name {
    my ($n) = @_;
    return $NAMES[$n] // 'consumer' . ($n + 1);
}


# A key of our form: gh_ID_SECRET_CHECKSUM.
sub new_key {
    my ($id) = @_;
    my $text = "gh_${id}_" . random_text(43);
    my $crc  = Compress::Zlib::crc32($text);
    my $sum  = '';

    for (1 .. 6) {
        $sum = $BASE62[$crc % 62] . $sum;
        $crc = int $crc / 62;
    }

    return "${text}_$sum";
}


# How policies declare it.
sub hash_of {
    my ($key) = @_;
    return 'sha256:' . sha256_hex($key);
}


sub random_text {
    my ($length) = @_;

    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    my $bytes;
    read $fh, $bytes, $length;
    return join '', map { $BASE62[$_ % 62] } unpack 'C*', $bytes;
}

1;
