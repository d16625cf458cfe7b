# A throwaway authority and the certificates it gives out, by openssl.
package Gatehouse::Test::Tls;

use strict;
use warnings;


sub new {
    my ($class, $dir) = @_;
    my $self = bless { dir => $dir, serial => 1 }, $class;

    mkdir $dir, 0755;
    run('req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
        '/CN=Test authority', '-keyout', "$dir/ca.key", '-out',
        "$dir/ca.pem");
    return $self;
}


sub ca { return "$_[0]{dir}/ca.pem" }


# A certificate for the names given (the first is its subject too); returns
# the paths of certificate and key. For servers and for clients.
sub issue {
    my ($self, @names) = @_;
    my $path = "$self->{dir}/" . $self->{serial}++;
    my $alt  = join ',', map { /^[\d.]+$/ ? "IP:$_" : "DNS:$_" } @names;

    run('req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
        "/CN=$names[0]", '-addext', "subjectAltName=$alt", '-addext',
        'basicConstraints=critical,CA:FALSE', '-CA', "$self->{dir}/ca.pem",
        '-CAkey', "$self->{dir}/ca.key", '-keyout', "$path.key", '-out',
        "$path.pem");
    return ("$path.pem", "$path.key");
}


sub run {
    my @arg = @_;
    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec 'openssl', @arg or die "openssl: $!\n";
    }
    my $text = do { local $/; <$out> };
    close $out or die "openssl @arg: $text\n";
    return $text;
}

1;
