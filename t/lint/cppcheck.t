# cppcheck over what has no nginx header in it.
use Gatehouse::Lint;

my @c = files(qr{^(?:module/core/|module/io/gh_|ctl/).*\.c$});

if (my $tool = tool_path('2.10', 'cppcheck')) {
    my ($out, $status) = run_tool(
        300, $tool, '-q', '-j', 2, '--std=c11', '--language=c',
        '--enable=warning,performance,portability', '--inline-suppr',
        '--error-exitcode=3', '--template=gcc',
        '--library=posix', '--suppressions-list=t/lint/cppcheck.suppress',
        '-D_GNU_SOURCE', '-DGH_VERSION=""', '-DGH_STATE_DIR=""',
        '-DGH_CONF_DIR=""', '-Imodule/core', '-Imodule/io', @c);

    clean('cppcheck is content', \@c,
          $status == 0 ? []
          : $status == 124 ? [ 'not done in 300 s' ] : [ split /\n/, $out ]);
}

done_testing();
