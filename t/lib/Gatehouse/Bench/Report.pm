# Writes what was measured: tables for the screen, and a page around them.
package Gatehouse::Bench::Report;

use strict;
use warnings;

use Exporter 'import';

use Gatehouse::Bench::Held qw(faults);
use Gatehouse::Bench::Goals qw(cpu_added instructions instructions_added
                               verify_ratio);
use Gatehouse::Bench::Numbers qw(median spread kilo micro);
use Gatehouse::Bench::Words qw(page);

our @EXPORT_OK = qw(report);


sub report {
    my ($result) = @_;
    my %table = (
        host   => table([ '', '' ], @{ $result->{host} }),
        paths  => paths($result),
        verify => verify($result),
        memory => memory($result),
        scale  => scalar scale($result),
        set    => scalar set($result),
        held   => scalar held($result),
        shared => scalar shared($result),
        stopped => scalar stopped($result),
        goals  => goals($result),
    );
    my $screen = join "\n", map { $table{$_} // () }
                 qw(paths verify shared memory scale set held stopped goals);

    return ("\n$screen", page($result, \%table));
}


# Columns padded, so that it reads on a screen and in Markdown.
sub table {
    my ($head, @rows) = @_;
    my @wide;

    for my $row ($head, @rows) {
        for my $i (0 .. $#$head) {
            my $length = length($row->[$i] // '');
            $wide[$i] = $length if $length > ($wide[$i] // 3);
        }
    }

    my $line = sub {
        my ($row) = @_;
        return '| ' . join(' | ', map {
            sprintf $_ ? '%*s' : '%2$-*1$s', $wide[$_], $row->[$_] // ''
        } 0 .. $#$head) . " |\n";
    };
    my $rule = '|' . join('|', map {
        '-' x ($wide[$_] + 1) . ($_ ? ':' : '-') } 0 .. $#$head) . "|\n";

    return $line->($head) . $rule . join '', map { $line->($_) } @rows;
}


sub paths {
    my ($result) = @_;
    my @rows;

    for my $path (@{ $result->{paths} }) {
        my $got = $result->{got}{ $path->{name} };
        if (!$got) {
            push @rows, [ $path->{title}, 'not installed' ];
            next;
        }

        my $bare = $result->{got}{ $path->{bare} }{rate};
        my $rate = $got->{rate};
        push @rows, [
            $path->{title},
            spread('%.0f', @$rate),
            spread('%.2f', map { $rate->[$_] / $bare->[$_] } 0 .. $#$rate),
            micro(median(@{ $got->{cpu_us} })),
            micro(cpu_added($result, $path->{name})),
            sprintf('%.2f', median(@{ $got->{p99_us} }) / 1000),
            kilo(instructions($result, $path->{name})),
            kilo(instructions_added($result, $path->{name})),
        ];
    }
    return table([ 'path', 'requests/s', 'of bare', 'CPU us', 'added',
                   'p99 ms', 'instructions', 'added' ], @rows);
}


sub verify {
    my ($result) = @_;
    my @rows;

    for my $row ([ 'RS256', 'jwt-rs-new', 'Gatehouse' ],
                 [ 'RS256', 'haproxy-jwt-rs-new', 'HAProxy' ],
                 [ 'ES256', 'jwt-es-new', 'Gatehouse' ],
                 [ 'ES256', 'haproxy-jwt-es-new', 'HAProxy' ])
    {
        my ($alg, $name, $who) = @$row;
        my $added = cpu_added($result, $name);
        push @rows, [ "$alg, $who",
                      micro(median(@{ $result->{verify}{$alg} })),
                      defined $added
                      ? (micro($added),
                         sprintf '%.2f', verify_ratio($result, $name, $alg))
                      : 'not measured' ];
    }
    return table([ 'each token new', 'OpenSSL\'s verify, us', 'CPU added, us',
                   'ratio' ], @rows);
}


sub memory {
    my ($result) = @_;
    my $memory = $result->{memory};

    return table([ 'worker of', 'RSS MB', 'PSS MB', 'of its own MB' ], map {
        my $kb = $memory->{$_};
        [ $_, map { sprintf '%.1f', ($kb->{$_} // 0) / 1000 }
              qw(Rss Pss Private_Dirty) ]
    } grep { $memory->{$_} } qw(bare nginx haproxy gate));
}


sub scale {
    my ($result) = @_;
    my $scale = $result->{scale} or return;

    return table([ 'requests', 'requests/s', 'CPU us', 'instructions' ], map {
        my $got = $scale->{got}{ $_->{name} };
        [ $_->{title}, spread('%.0f', @{ $got->{rate} }),
          spread('%.1f', @{ $got->{cpu_us} }),
          kilo(instructions($result, $_->{name})) ]
    } @{ $scale->{rows} });
}


sub set {
    my ($result) = @_;
    my $scale = $result->{scale} or return;
    my ($n, $c) = @$scale{qw(large compile)};
    my $mb = sub { sprintf '%.0f MB', $_[0] };
    my $s  = sub { sprintf '%.2f s', $_[0] };

    return table(
        [ "$n->{keys} keys, $n->{consumers} consumers, "
          . "$n->{services} services", '' ],
        [ 'documents',
          sprintf '%.0f MB in %d files', @$c{qw(documents files)} ],
        [ 'reading them, CPU', $s->($c->{read}) ],
        [ 'compiling, CPU', $s->($c->{compile}) ],
        [ 'reading one file again and compiling, CPU',
          $s->($c->{read_one_file} + $c->{compile_again}) ],
        [ 'opening the image, CPU', $s->($c->{open}) ],
        [ 'first start of the gateway until in force',
          $s->($scale->{first_start}) ],
        [ 'start from the image until in force', $s->($scale->{start}) ],
        [ 'one changed file, just after that start, until in force',
          $s->($scale->{change}{took}) ],
        [ 'the same, CPU of the worker', $s->($scale->{change}{cpu}) ],
        [ 'another one', $s->($scale->{another}{took}) ],
        [ 'image', $mb->($c->{image}) ],
        [ 'files as they were read, kept for the next start',
          $mb->($c->{kept}) ],
        [ 'image, bytes a key', sprintf '%.0f', $c->{bytes_a_key} ],
        [ 'PSS of master and worker, one key',
          $mb->($scale->{pss_kb}{small} / 1000) ],
        [ 'PSS of master and worker, all keys, after the change',
          $mb->($scale->{pss_kb}{large} / 1000) ],
        [ 'looking up a key by its hash',
          sprintf '%.0f ns', $c->{key_by_hash} ],
    );
}


sub held {
    my ($result) = @_;
    my $held = $result->{held} or return;

    return table([ 'The provider', 'asked', 'API key: p50 us', 'p99 us',
                   'session: p50 us', 'p99 us', 'bare: p50 us', 'p99 us' ],
        map {
            my ($when, undef, $words) = @$_;
            my $got = $held->{$when};
            [ $words, $got->{calls}, map {
                my $of = $got->{$_};
                map { spread('%.0f', @{ $of->{$_} }) } qw(p50_us p99_us)
            } qw(key session bare) ]
        } [ before => undef, 'is well, before' ], faults(),
          [ after => undef, 'is well, after' ]);
}


sub shared {
    my ($result) = @_;
    my @rows = grep { $result->{got}{ $_->[1] } }
        ([ 'counted by the node alone', 'key' ],
         [ 'leased from Redis', 'key-redis' ],
         [ 'Redis asked each time', 'key-redis-each' ]);
    return if @rows < 3;

    return table([ 'API key, limit, log line', 'CPU us', 'instructions',
                   'round trips a request', 'CPU us of Redis' ], map {
        my ($what, $name) = @$_;
        my $got = $result->{got}{$name};
        [ $what, micro(median(@{ $got->{cpu_us} })),
          kilo(instructions($result, $name)),
          map { $got->{ $_->[0] }
                ? sprintf $_->[1], median(@{ $got->{ $_->[0] } }) : '0' }
              [ trips => '%.4f' ], [ redis_us => '%.2f' ] ]
    } @rows);
}


sub stopped {
    my ($result) = @_;
    my $got = $result->{stopped} or return;

    return table([ 'Redis is stopped', 'with a limit: p50 us', 'p99 us',
                   'decided alone', 'without: p50 us', 'p99 us' ], map {
        my $when = $_;
        my ($with, $without) = map {
            my $of = $got->{$when}{$_};
            [ map { spread('%.0f', @{ $of->{$_} }) } qw(p50_us p99_us) ]
        } qw(key free);
        [ $when, @$with, $got->{$when}{alone}, @$without ]
    } qw(before during after));
}


sub goals {
    my ($result) = @_;

    return table([ 'goal', 'at most', 'measured', '' ], map {
        my ($most, $got) = @$_{qw(most got)};
        [ $_->{what}, defined $most ? number($most) . " $_->{unit}" : '',
          !defined $got || !defined $most ? ('', 'not measured')
          : (number($got), $_->{holds} ? 'holds'
             : 'missed by ' . number($got - $most)) ]
    } @{ $result->{goals} });
}


sub number {
    my ($n) = @_;
    return sprintf '%.0f', $n if abs($n) >= 100;
    return sprintf '%.4g', sprintf '%.2f', $n;
}

1;
