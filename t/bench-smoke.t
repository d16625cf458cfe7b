# The bench, as short as it can be: every path is measured, every table has
# its rows, the page is written. Nothing is said about how fast.
# alone: it loads both cores
use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use Test::More;

use Gatehouse::Bench::Goals ();
use Gatehouse::Bench::Numbers qw(median quartile);
use Gatehouse::Bench::Paths qw(paths);

chdir dirname(__FILE__) . '/..' or die "$!\n";
$SIG{ALRM} = sub { die "the bench took too long\n" };
alarm 600;

my $build = Cwd::abs_path($ENV{GH_BUILD} || 'build');
my $made  = do { local (@ARGV, $/) = ("$build/config.mk"); <> };
plan skip_all => 'sanitizers are not measured'
    if $made =~ /^GH_SANITIZE = ?\S/m;


# Given one round of a second per path, and a small set of keys
my $page = File::Temp->new;
local $ENV{BUILD} = $build;
local @ENV{qw(QUICK REPORT)} = (1, "$page");
delete @ENV{qw(ROUNDS SECONDS_EACH SCALE ONLY CALLGRIND)};
my $screen = `t/bench/bench 2>&1`;

# Then it ends well, and what is on the screen is in the page
is($?, 0, 'the bench runs') or diag $screen;
my $text = do { local (@ARGV, $/) = ("$page"); <> };
my @tables = $screen =~ /((?:^\|.*\n)+)/mg;
is(scalar @tables, 9, 'there are nine tables');
is(scalar(grep { index($text, $_) < 0 } @tables), 0, 'all are in the page');

# And each path has a row with numbers, or says why not
my ($rows) = @tables;
for my $path (paths()) {
    my ($cells) = ($rows // '') =~ /^\| \Q$path->{title}\E +\|(.*)$/m;
    like($cells // '', qr/^\s*(?:\d.*\d\s*\||not installed)/,
         "$path->{name} is measured");
    next if !$cells || $path->{server} eq 'haproxy' || $path->{sent} =~ /\ds$|^signed/;
    like($cells, qr/ [\d.]+ k \| +-?[\d.]+ k \|$/, '  and counted');
}

# And each goal has a verdict; those of what there is have a number
my ($goals) = grep { /^\| goal/ } @tables;
my @verdicts = split /\n/, $goals // '';
is(scalar(grep { !/(?:holds|missed by [\d.]+|not measured) *\|$/ }
          @verdicts[2 .. $#verdicts]), 0, 'each goal has a verdict');
like($goals, qr/^\| \Q$_\E\b.*(?:holds|missed by)/m, "$_: has a number")
    for 'API key + plan limit', 'repeated JWT, RS256', 'new JWT, ES256',
        'session in memory', 'signature, 64 KB body',
        'plan limit shared through Redis',
        'large set, the same request', 'p99 while a provider hangs';

# And the page names the machine, but not this one
my $name = (split /\./, `uname -n`)[0] =~ s/\s+//r;
like($text, qr/^\| processor +\| +\S/m, 'the page says what machine it was');
unlike($text, qr/\b\Q$name\E\b/, 'it does not say its name')
    if length $name > 3;

# A knob that names no path is refused with those there are
local $ENV{ONLY} = 'kye';
like(scalar `t/bench/bench 2>&1`, qr/no path "kye"; there are: bare .*\bkey\b/,
     'a path that does not exist is refused');

# Medians and quartiles are what they are
is(median(3, 1, 2), 2, 'the median of three');
is(median(1, 2, 3, 4), 2.5, 'the median of four lies between');
is(quartile(1, 1 .. 5), 2, 'a quarter is below the first quartile');
is(median(), undef, 'nothing has no median');

done_testing;
