# The rounds: each visits every path, in another order, so that what the
# machine does meanwhile falls on all of them.
package Gatehouse::Bench::Rounds;

use strict;
use warnings;

use Exporter 'import';

use Gatehouse::Bench::Host qw(openssl_verify_us);
use Gatehouse::Bench::Http;
use Gatehouse::Bench::Load qw(load);
use Gatehouse::Bench::Together qw(together);

our @EXPORT_OK = qw(check_answers measure_rounds measure);

my $VERIFY_EVERY = 4; # rounds between two measures of OpenSSL itself


# Before anything is measured each path must answer as it should.
sub check_answers {
    my ($site, @paths) = @_;

    for my $path (@paths) {
        my %sends = $site->sends($path);
        my ($header) = @{ $sends{headers} || [] };
        my @request = $path->{target} . (defined $header ? " $header" : '');
        @request = $sends{once}   ? @{ $sends{once} }
                 : $sends{script} ? first_line($sends{args}[0]) : @request;

        # the last of them: an allowance of one is used up by then
        my @got = Gatehouse::Bench::Http::ask($site->port($path->{port}), 3,
                                              @request);
        my $status = $got[-1] // 'nothing';
        die "$path->{name} answers $status, not $path->{status}\n"
            if $status ne $path->{status};
    }
    return;
}


sub first_line {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    chomp(my $line = <$in>);
    return $line;
}


# Results by path: lists of rate, cpu_us, p99_us; and verify_us by algorithm.
sub measure_rounds {
    my ($site, $tell, @paths) = @_;
    my $rounds = $site->extent('rounds');
    my (%got, %verify);

    for my $round (1 .. $rounds) {
        if ($round % $VERIFY_EVERY == 1 || $VERIFY_EVERY == 1) {
            my %us = openssl_verify_us($site->{worker}, 1);
            push @{ $verify{$_} }, $us{$_} for keys %us;
            $site->{verify_us} = \%us;
        }
        measure($site, \%got, @paths);
        push @paths, shift @paths;
        $tell->("round $round of $rounds");
    }
    return (\%got, \%verify);
}


# Adds to the lists of each path what was measured now.
sub measure {
    my ($site, $lists, @paths) = @_;
    my @got = together($site->extent('loads'), map {
        my $path = $_;
        sub { measure_once($site, $path) }
    } @paths);

    for my $path (@paths) {
        my $one = shift @got;
        push @{ $lists->{ $path->{name} }{$_} }, $one->{$_} for keys %$one;
    }
    return;
}


sub measure_once {
    my ($site, $path) = @_;
    my $server = $site->{servers}{ $path->{server} };
    my %sends = $site->sends($path);

    # go on where the last one ended: what was sent then is still known
    my $turn = \$site->{turn}{ $path->{name} };
    push @{ $sends{args} = [ @{ $sends{args} } ] }, $$turn // 0
        if $sends{script} && !$sends{once};

    my $redis = $path->{server} eq 'shared' && !$path->{stopped}
                && $site->{servers}{redis};
    my $asked = $redis && $site->redis_calls;
    my $redis_s = $redis && $redis->cpu_s;
    my $before = $server->cpu_s;
    my $load = load(core => $site->{other},
                    clients => $site->extent('clients'),
                    seconds => $site->extent('seconds'), refused => $path->{status} >= 400,
                    url => 'http://127.0.0.1:' . $site->port($path->{port})
                           . $path->{target}, %sends);
    my $spent = $server->cpu_s - $before;
    $$turn += $load->{requests};

    $site->empty_logs;
    my %redis = !$redis ? ()
        : (redis_us => ($redis->cpu_s - $redis_s) * 1e6 / $load->{requests},
           trips => ($site->redis_calls - $asked) / $load->{requests});
    return { %redis, rate => $load->{rate}, p99_us => $load->{p99_us},
             p50_us => $load->{p50_us},
             cpu_us => $spent * 1e6 / $load->{requests} };
}

1;
