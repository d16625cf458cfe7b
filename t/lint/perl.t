# Perl compiles without a warning.
use Gatehouse::Lint;

my @perl = files(qr{^t/.*\.(?:t|pm|pl)$});
my @bad;

for my $file (@perl) {
    my ($out, $status) = run_tool(20, $^X, '-It/lib', '-wc', $file);
    push @bad, $out if $status || $out !~ /\A\S+ syntax OK\n\z/;
}
clean('perl -wc is content', \@perl, \@bad);
clean('no file leaves strict out', \@perl,
      [ grep { slurp($_) !~ /^use (?:strict|Gatehouse::(?:Test|Lint))\b/m }
        @perl ]);

done_testing();
