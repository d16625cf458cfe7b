# Every directive is named by a test; docs.t asks for its page.
use Gatehouse::Lint;

my @tables = files(qr{^module/http/.*\.c$});
my @names  = map { slurp($_) =~ /\{\s*ngx_string\("(gatehouse_\w+)"\),\s*NGX_/g }
             @tables;
my @tests  = files(qr{^t/[^/]+\.t$});
my $tests  = join '', map { slurp($_) } @tests;

clean('there are directives', \@tables, @names ? [] : [ 'none' ]);
clean('each is named by a test', \@tests,
      [ grep { $tests !~ /\b$_\b/ } @names ]);

done_testing();
