# Instructions per request, counted by callgrind in the worker. SHA-256 is
# counted apart: a processor does it with instructions that valgrind lacks.
package Gatehouse::Bench::Instructions;

use strict;
use warnings;

use Exporter 'import';

use Gatehouse::Bench::Http;

our @EXPORT_OK = qw(count_instructions callgrind);

my $WARM  = 200;
my $COUNT = 2000;
my $QUICK = 200; # where it only must be seen to work


# The command before the server's own.
sub callgrind {
    my ($site) = @_;
    return ('valgrind', '-q', '--tool=callgrind', '--instr-atstart=no',
            "--callgrind-out-file=$site->{dir}/cg.%p", prefix($site));
}


# Where it listens to callgrind_control: not among what others leave.
sub prefix { return "--vgdb-prefix=$_[0]{dir}/vgdb" }


# { all =>, sha => } per request of a server that runs under callgrind.
sub count_instructions {
    my ($site, $server, $port, @requests) = @_;
    my $pid = $server->worker;
    my $out = "$site->{dir}/cg.$pid";
    my $n = $site->{quick} ? $QUICK : $COUNT;
    my $ask = sub {
        my ($n, @which) = @_;
        my @got = Gatehouse::Bench::Http::ask($port, $n, @which);
        die "only " . @got . " of $n answers under callgrind\n" if @got < $n;
    };

    # what is new is found out before; of many requests those that are
    # counted are new
    $ask->($WARM, reverse @requests);
    $server->rest;
    control($site, '-i', 'on', $pid);
    $ask->($n, @requests);
    unlink glob "$out.*";
    control($site, '-d', $pid);
    control($site, '-i', 'off', $pid);
    $site->empty_logs;

    my ($file) = glob "$out.*";
    die "callgrind wrote nothing\n" if !defined $file;
    my ($all, $sha) = read_costs($file);
    unlink $file;
    return { all => $all / $n, sha => $sha / $n };
}


sub control {
    my ($site, @arg) = @_;
    unshift @arg, prefix($site);
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
