# The goals, each with what was measured and whether it holds. A goal is a
# line of a table; what has no path yet is said to be not measured.
package Gatehouse::Bench::Goals;

use strict;
use warnings;

use Exporter 'import';

use Gatehouse::Bench::Numbers qw(median quartile);

our @EXPORT_OK = qw(verdicts cpu_added instructions instructions_added
                    verify_ratio);

my $MILLION = 1_000_000;

# what, what it is measured in, the most it may be, how to find it
my @GOALS = (
    [ 'API key + plan limit + principal headers + log line', 'instructions',
      8000, \&instructions_added, 'key' ],
    [ 'the same', 'us of CPU', 1.5, \&cpu_added, 'key' ],
    [ 'an issued key', 'instructions', 8000, \&instructions_added,
      'key-issued' ],
    [ 'repeated JWT, RS256', 'instructions', 9000, \&instructions_added,
      'jwt-rs' ],
    [ 'repeated JWT, RS256', 'us of CPU', 2, \&cpu_added, 'jwt-rs' ],
    [ 'repeated JWT, ES256', 'instructions', 9000, \&instructions_added,
      'jwt-es' ],
    [ 'repeated JWT, ES256', 'us of CPU', 2, \&cpu_added, 'jwt-es' ],
    [ 'session in memory', 'instructions', 9000, \&instructions_added,
      'session' ],
    [ 'session in memory', 'us of CPU', 3, \&cpu_added, 'session' ],
    [ 'new JWT, RS256, over OpenSSL\'s verify', 'times', 1.3, \&verify_ratio,
      'jwt-rs-new', 'RS256' ],
    [ 'new JWT, ES256, over OpenSSL\'s verify', 'times', 1.1, \&verify_ratio,
      'jwt-es-new', 'ES256' ],
    [ 'plan limit shared through Redis, over the local one', 'us of CPU', 2,
      \&cpu_added, 'key-redis', 'key' ],
    [ 'the same, of Redis itself', 'us of CPU', 0.3, sub {
          median(@{ ($_[0]{got}{'key-redis'} || {})->{redis_us} || [] }) } ],
    [ 'signature, 64 KB body, over bare with SHA-256 and the verify', 'times',
      1.2, \&signature_ratio, 'signed-64k' ],
    [ 'large set, the same request', '% instructions', 5, \&grown,
      'large', \&instructions ],
    [ 'large set, the same request', '% CPU', 10, \&grown, 'large',
      \&cpu ],
    [ 'large set, keys and services in turn', '% instructions', 5, \&grown,
      'turns', \&instructions ],
    [ 'large set, keys and services in turn', '% CPU', 10, \&grown, 'turns',
      \&cpu ],
    [ 'p99 while a provider hangs (at most: that of before, or of bare)', 'us',
      sub { (held($_[0]))[0] }, sub { (held($_[0]))[1] } ],
    [ 'a million keys: reading and compiling', 's of CPU', 10,
      \&million, sub { $_[0]{compile}{read} + $_[0]{compile}{compile} } ],
    [ 'a million keys: first start until in force', 's', 10,
      \&million, sub { $_[0]{first_start} } ],
    [ 'a million keys: one changed file after a start', 's', 2,
      \&million, sub { $_[0]{change}{took} } ],
    [ 'a million keys: start from the image', 's', 2,
      \&million, sub { $_[0]{start} } ],
    [ 'a million keys: memory of all workers', 'bytes a key', 300,
      \&million, sub { ($_[0]{pss_kb}{large} - $_[0]{pss_kb}{small}) * 1024
                       / $MILLION } ],
);


# { what, unit, most, got (undef: not measured), holds }
sub verdicts {
    my ($result) = @_;
    my @verdicts;

    for my $goal (@GOALS) {
        my ($what, $unit, $most, $find, @arg) = @$goal;
        my $got = $find->($result, @arg);

        $most = $most->($result) if ref $most;
        push @verdicts, { what => $what, unit => $unit, most => $most,
                          got => $got, holds => defined $got
                          && defined $most && $got <= $most ? 1 : 0 };
    }
    return @verdicts;
}


# The median over the rounds of the difference to bare, or to another path.
sub cpu_added {
    my ($result, $name, $over) = @_;
    my $path = $result->{got}{$name}{cpu_us} or return;
    my $base = $result->{got}{ $over // bare_of($result, $name) }{cpu_us}
        or return;

    return median(map { $path->[$_] - $base->[$_] } 0 .. $#$path);
}


# The path of bare nginx that is sent the same.
sub bare_of {
    my ($result, $name) = @_;
    my ($path) = grep { $_->{name} eq $name } @{ $result->{paths} };
    return $path->{bare};
}


# Of a path or of a row of the scale, SHA-256 apart.
sub instructions {
    my ($result, $name) = @_;
    my $count = $result->{instructions}{$name} or return;
    return $count->{all} - $count->{sha};
}


sub instructions_added {
    my ($result, $name) = @_;
    my $own = instructions($result, $name) // return;
    return $own - instructions($result, bare_of($result, $name));
}


sub verify_ratio {
    my ($result, $name, $alg) = @_;
    my $added = cpu_added($result, $name) // return;
    my $verify = median(@{ $result->{verify}{$alg} || [] }) or return;

    return $added / $verify;
}


# To the sum of what must be done: passing it on, hashing it, verifying.
sub signature_ratio {
    my ($result, $name) = @_;
    my $path = $result->{got}{$name}{cpu_us} or return;
    my $bare = $result->{got}{ bare_of($result, $name) }{cpu_us} or return;
    my $verify = median(@{ $result->{verify}{ES256} || [] }) or return;
    my $sha = median(@{ $result->{verify}{SHA256_64K} || [] }) or return;

    return median(@$path) / (median(@$bare) + $sha + $verify);
}


# Of a row of the scale.
sub cpu {
    my ($result, $name) = @_;
    my $scale = $result->{scale} or return;
    return median(@{ $scale->{got}{$name}{cpu_us} });
}


# By how many percent a row of the scale is above the small one; never below
# nothing.
sub grown {
    my ($result, $name, $value) = @_;
    my $small = $value->($result, 'small') or return;
    my $large = $value->($result, $name) or return;

    return $large > $small ? ($large / $small - 1) * 100 : 0;
}


# What was allowed and what was measured, where that was nearest to too much:
# noise is what it was before and after, or what bare nginx has beside it.
sub held {
    my ($result) = @_;
    my $held = $result->{held} or return;
    my @calm = map { @{ $held->{$_}{key}{p99_us} } } qw(before after);
    my ($low, $high) = map { quartile($_, @calm) } 1, 3;
    my $fence = $high + 1.5 * ($high - $low);
    my @worst;

    for my $what (grep { !/^(?:before|after)$/ } keys %$held) {
        my $bare = quartile(3, @{ $held->{$what}{bare}{p99_us} });
        my $most = $bare > $fence ? $bare : $fence;
        my $p99  = median(@{ $held->{$what}{key}{p99_us} });
        @worst = ($most, $p99) if !@worst || $p99 / $most > $worst[1] / $worst[0];
    }

    return @worst;
}


sub million {
    my ($result, $value) = @_;
    my $scale = $result->{scale} or return;
    return $scale->{large}{keys} == $MILLION ? $value->($scale) : undef;
}

1;
