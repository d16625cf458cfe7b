# What was measured on: the machine's words, without its name.
package Gatehouse::Bench::Host;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();

our @EXPORT_OK = qw(cores words haproxy_version load_average
                    openssl_verify_us);


# The worker's core and that of load and service; the same one if there is
# no other.
sub cores {
    my ($allowed) = slurp('/proc/self/status')
                    =~ /^Cpus_allowed_list:\s*(\S+)/m;
    my @all = map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ }
              split /,/, $allowed // '0';
    return ($all[0], $all[1] // $all[0]);
}


# Pairs of a word and what it is here.
sub words {
    my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my ($mem) = slurp('/proc/meminfo') =~ /^MemTotal:\s*(\d+)/m;
    my ($os)  = slurp('/etc/os-release') =~ /^PRETTY_NAME="?([^"\n]*)/m;
    my (undef, undef, $kernel, undef, $arch) = POSIX::uname();
    my $cores = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;

    $cpu = join ' ', $cpu // $arch, family();
    return (
        [ 'processor', "$cpu, $cores cores seen" ],
        [ 'memory',    sprintf '%.0f GB', $mem / 1e6 ],
        [ 'system',    "$os, Linux $kernel, $arch" ],
        [ 'Gatehouse', first_line('cat VERSION') . commit() ],
        [ 'nginx',     said('nginx -v', qr{nginx/(\S+)}) ],
        [ 'OpenSSL',   said('openssl version', qr{^OpenSSL (\S+)}) ],
        [ 'HAProxy',   haproxy_version() || 'not installed' ],
        [ 'wrk',       said('wrk -v', qr{^wrk (\S+)}) ],
        [ 'valgrind',  said('valgrind --version', qr{valgrind-(\S+)}) ],
    );
}


# What the machine did in the last minute.
sub load_average {
    return (split / /, slurp('/proc/loadavg'))[0];
}


# Virtual machines often tell no more than these numbers.
sub family {
    my $text = slurp('/proc/cpuinfo');
    my ($family) = $text =~ /^cpu family\s*:\s*(\d+)/m or return ();
    my ($model)  = $text =~ /^model\s*:\s*(\d+)/m;
    return "(family $family, model $model)";
}


sub commit {
    my $id = first_line('git rev-parse --short HEAD 2>/dev/null');
    return $id eq '' ? '' : " at $id";
}


sub haproxy_version {
    return said('haproxy -v', qr{version (\S+)});
}


# What OpenSSL needs for one verification, in microseconds, pinned to a core.
sub openssl_verify_us {
    my ($core, $seconds) = @_;
    # for machines: which bits, signed and verified a second
    my $text = `taskset -c $core openssl speed -mr -seconds $seconds \\
                rsa2048 ecdsap256 2>/dev/null`;
    my ($rsa) = $text =~ m{^\+F2:\d+:2048:[\d.]+:([\d.]+)}m;
    my ($ec)  = $text =~ m{^\+F4:\d+:256:[\d.]+:([\d.]+)}m;

    # thousands of bytes a second
    my ($sha) = `taskset -c $core openssl speed -seconds $seconds \\
                 -bytes 65536 -evp sha256 2>/dev/null`
                =~ /^sha256\s+([\d.]+)k/mi;

    die "openssl speed said nothing:\n$text\n" if !$rsa || !$ec || !$sha;
    return (RS256 => 1e6 / $rsa, ES256 => 1e6 / $ec,
            SHA256_64K => 65536 * 1e3 / $sha);
}


sub said {
    my ($command, $pattern) = @_;
    my $text = `$command 2>&1` // '';
    return $text =~ $pattern ? $1 : '';
}


sub first_line {
    my ($command) = @_;
    my ($line) = split /\n/, `$command` // '';
    return $line // '';
}


sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    return scalar <$in> // '';
}

1;
