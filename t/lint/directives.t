# Every directive and every variable is named by a test; docs.t asks for their
# pages.
use Gatehouse::Lint;

my @tables = files(qr{^module/http/.*\.c$});
my @names  = map { slurp($_) =~ /\{\s*ngx_string\("(gatehouse_\w+)"\),\s*NGX_/g }
             @tables;
my @tests  = files(qr{^t/[^/]+\.t$});
my $tests  = join '', map { slurp($_) } @tests;

clean('there are directives', \@tables, @names ? [] : [ 'none' ]);
clean('each is named by a test', \@tests,
      [ grep { $tests !~ /\b$_\b/ } @names ]);

my @variables = map {
    slurp($_) =~ /\{\s*ngx_string\("(gatehouse_\w+)"\),\s*NULL/g } @tables;
my $lib = join '', map { slurp($_) } files(qr{^t/lib/.*\.pm$});
clean('there are variables', \@tables, @variables ? [] : [ 'none' ]);
clean('each is used by a test', \@tests,
      [ map { "\$$_" } grep { "$tests$lib" !~ /\$$_/ } @variables ]);

done_testing();
