# Shell scripts are POSIX sh, and shellcheck has nothing to say.
use Gatehouse::Lint;

my @sh = grep { slurp($_) =~ m{^\#!/bin/sh} }
         files(qr{^(?:configure|auto/|\.ci/|t/|examples/|conf/|ctl/)});

if (my $tool = tool_path('', 'shellcheck')) {
    my ($out, $status) = run_tool(120, $tool, '-f', 'gcc', @sh);
    clean('shellcheck is content', \@sh,
          $status ? [ split /\n/, $out ] : []);
}

if (my $dash = tool_path('', 'dash')) {
    clean('dash can read them', \@sh, [ map {
        my ($out, $status) = run_tool(10, $dash, '-n', $_);
        $status ? $out : ();
    } @sh ]);
}

my @bash = grep { slurp($_) =~ m{^\#!.*\bbash} } files(qr{.});
clean('no script needs bash', \@sh, \@bash);
clean('scripts can be run', \@sh, [ grep { !-x } @sh ]);

done_testing();
