# C looks as .clang-format says.
use Gatehouse::Lint;

my @c = files(qr{^(?:module|ctl|t)/.*\.[ch]$});

if (my $tool = tool_path('14', 'clang-format-14', 'clang-format')) {
    my (@bad, %seen);
    my ($out) = run_tool(120, $tool, '--dry-run', '-Werror',
                         '--ferror-limit=1', @c);

    for (split /\n/, $out) {
        push @bad, "$1: clang-format -i $1"
            if /^(\S+?):\d+:\d+: error/ && !$seen{$1}++;
    }
    push @bad, $out if !@bad && $out ne '';
    clean('clang-format has nothing to change', \@c, \@bad);
}

done_testing();
