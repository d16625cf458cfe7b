# Instructions per request, counted by callgrind in the worker. SHA-256 is
# counted apart: a processor does it with instructions that valgrind lacks.
package Gatehouse::Bench::Instructions;

use strict;
use warnings;

use Exporter 'import';

use Gatehouse::Bench::Http;
use Gatehouse::Bench::Together qw(together);

our @EXPORT_OK = qw(count_instructions);

my $READY_S = 300; # it is slow


# By name: { all =>, sha => } per request of each of @what, which have a name,
# a server, the name of its port, and the requests to send in turn.
sub count_instructions {
    my ($site, $tell, @what) = @_;
    my (%of, @servers);

    for my $one (@what) {
        push @servers, $one->{server} if !$of{ $one->{server} };
        push @{ $of{ $one->{server} } }, $one;
    }

    my @counts = together($site->extent('counters'), map {
        my $name = $_;
        sub { $tell->($name); count_on($site, $name, @{ $of{$name} }) }
    } @servers);
    return { map { %$_ } @counts };
}


sub count_on {
    my ($site, $name, @what) = @_;
    my $server = $site->server($name, callgrind($site, $name));

    $site->wait_until_ready("\U${name}_STATUS", $READY_S)
        if $site->{ports}{"\U${name}_STATUS"};
    my %count = map {
        $_->{name} => count($site, $server, $site->port($_->{port}),
                            @{ $_->{requests} })
    } @what;
    $server->stop;
    return \%count;
}


# The command before the server's own.
sub callgrind {
    my ($site, $name) = @_;
    return ('valgrind', '-q', '--tool=callgrind', '--instr-atstart=no',
            "--callgrind-out-file=$site->{dir}/cg.%p", prefix($site, $name));
}


# Where it listens to callgrind_control: not among what others leave.
sub prefix {
    my ($site, $name) = @_;
    return "--vgdb-prefix=$site->{dir}/vgdb-$name";
}


sub count {
    my ($site, $server, $port, @requests) = @_;
    my $out = "$site->{dir}/cg." . $server->worker;
    my ($warm, $counted) = map { $site->extent($_) } qw(warm counted);
    my $ask = sub {
        my ($n, @which) = @_;
        my @got = Gatehouse::Bench::Http::ask($port, $n, @which);
        die "only " . @got . " of $n answers under callgrind\n" if @got < $n;
    };

    # what is new is found out before; of many requests those that are
    # counted are new
    $ask->($warm, reverse @requests);
    $server->rest($site->extent('rest_s'));
    control($site, $server, '-i', 'on');
    $ask->($counted, @requests);
    unlink glob "$out.*";
    control($site, $server, '-d');
    control($site, $server, '-i', 'off');
    $site->empty_logs;

    my ($file) = glob "$out.*";
    die "callgrind wrote nothing\n" if !defined $file;
    my ($all, $sha) = read_costs($file);
    unlink $file;
    return { all => $all / $counted, sha => $sha / $counted };
}


sub control {
    my ($site, $server, @arg) = @_;
    @arg = (prefix($site, $server->{name}), @arg, $server->worker);
    my $said = `callgrind_control @arg 2>&1`;
    die "callgrind_control @arg: $said\n" if $? || $said =~ /Error/;
    return;
}


# The sums of all functions, and of those that are SHA-256: by name, or, since
# Debian strips OpenSSL, what SHA256_Update and SHA256_Final call in libcrypto.
sub read_costs {
    my ($file) = @_;
    my (%name, %self, %called, $object, $function, $callee, $in_call);
    my $callee_object;

    open my $in, '<', $file or die "$file: $!\n";
    while (<$in>) {
        if (/^ob=(.*)/) {
            $object = full_name(\%name, 'ob', $1);
        } elsif (/^fn=(.*)/) {
            $function = "$object " . full_name(\%name, 'fn', $1);
            undef $callee_object;
        } elsif (/^cob=(.*)/) {
            $callee_object = full_name(\%name, 'ob', $1);
        } elsif (/^cfn=(.*)/) {
            $callee = ($callee_object // $object) . ' '
                    . full_name(\%name, 'fn', $1);
        } elsif (/^calls=/) {
            $called{$function}{$callee} = 1;
            undef $callee_object;
            $in_call = 1;
        } elsif (/^[+*-]?\d*\s.*?(\d+)$/ && defined $function) {
            $self{$function} += $1 if !$in_call;
            $in_call = 0;
        }
    }

    my $all = 0;
    $all += $_ for values %self;
    my $sha = 0;
    $sha += $self{$_} // 0 for sha_functions(\%self, \%called);
    return ($all, $sha);
}


# "(12) name" the first time, "(12)" from then on
sub full_name {
    my ($name, $kind, $text) = @_;
    my ($id, $said) = $text =~ /^(\(\d+\))\s*(.*)$/ or return $text;
    $kind = 'fn' if $kind eq 'cfn';
    $name->{$kind}{$id} = $said if $said ne '';
    return $name->{$kind}{$id} // $id;
}


sub sha_functions {
    my ($self, $called) = @_;
    my @own = grep { / (?:SHA256_|sha256_)\w+$/ } keys %$self;
    my %found = map { $_ => 1 } @own;

    for my $function (@own) {
        for my $callee (keys %{ $called->{$function} || {} }) {
            $found{$callee} = 1 if $callee =~ m{libcrypto\S* 0x};
        }
    }
    return keys %found;
}

1;
