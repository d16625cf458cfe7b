# Directives and pages are in step: each directive has its page, each page a
# directive, and a page has the parts a reader looks for.
use Gatehouse::Lint;

my @tables = files(qr{^module/http/.*\.c$});
my @names  = map { slurp($_) =~ /\{\s*ngx_string\("gatehouse_(\w+)"\),\s*NGX_/g }
             @tables;
my @pages  = files(qr{^docs/reference/.*\.md$});
my %page   = map { m{([^/]+)\.md$} ? ($1 => $_) : () } @pages;

clean('each directive has a page', \@names,
      [ map { $page{$_} ? () : "docs/reference/$_.md" } @names ]);

my @own = grep { defined } map { $page{$_} } @names;
for my $part ('Syntax', 'Default', 'Context', 'Since') {
    clean("each page says \"$part\"", \@own,
          [ grep { slurp($_) !~ /\*\*$part:?\*\*/ } @own ]);
}

my @variables = map {
    slurp($_) =~ /\{\s*ngx_string\("(gatehouse_\w+)"\),\s*NULL/g } @tables;
my $docs = join '', map { slurp($_) } files(qr{^docs/.*\.md$});
clean('each variable is in the docs', \@variables,
      [ map { "\$$_" } grep { index($docs, "\$$_") < 0 } @variables ]);

my %known = map { $_ => 1 } @names;
my @conf  = files(qr{^(?:docs|conf|examples|README).*\.(?:md|conf)$});
my @wrong;
for my $file (@conf) {
    my $n = 0;
    for my $line (lines($file)) {
        $n++;
        my ($word) = $line =~ /^\s*gatehouse_(\w+)\s[^|]*[;{]/ or next;
        push @wrong, "$file:$n: no directive gatehouse_$word"
            if !$known{$word} && slurp($file) !~ /^<!-- plan -->/m;
    }
}
clean('configuration in docs, conf and examples uses known words', \@conf,
      \@wrong);

my @links = files(qr{\.md$});
my @dead;
for my $file (@links) {
    my ($dir) = $file =~ m{^(.*/)?[^/]*$};
    my $text = slurp($file) =~ s/^```.*?^```//gmsr;
    while ($text =~ /\]\(([^)#\s]+)(?:#[^)]*)?\)/g) {
        my $to = $1;
        next if $to =~ m{^(?:https?|mailto):};
        push @dead, "$file: $to" if !-e ($dir // '') . $to;
    }
}
clean('links between pages lead somewhere', \@links, \@dead);

done_testing();
