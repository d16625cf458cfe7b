# What STYLE asks of every source and a machine can see.
use Gatehouse::Lint;

my $LINES_MAX = 650;

my @c    = files(qr{^(?:module|ctl|t)/.*\.[ch]$});
my @perl = files(qr{\.(?:t|pm|pl)$});
my @text = files(qr{\.(?:[ch]|t|pm|pl|sh|md|json|conf|mk)$
                   |(?:^|/)(?:Makefile|configure|config|config\.make|run
                   |CHANGES|NOTICE|VERSION|search|bench|packages)$}x);

clean("no file has more than $LINES_MAX lines", [ @c, @perl ],
      [ map { my $n = lines($_); $n > $LINES_MAX ? "$_: $n" : () }
        grep { !/\bcorpus\b/ } @c, @perl ]);

# Code that clang-format cannot break may be longer than 79; prose may not.
clean('C has no tab, no space at the end of a line, no long comment', \@c,
      [ each_line(\@c, sub {
            my $prose = m{^\s*/?[*]} || m{/[*].*[*]/\s*$};
            /\t/ || / $/ || length > ($prose ? 79 : 99) && !m{https?://}
        }) ]);

clean('C has no // comment', \@c,
      [ each_line(\@c, sub {
            my $line = s{"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'}{}gr;
            $line =~ s{/[*].*?(?:[*]/|$)}{}g;
            $line =~ m{(?<!:)//} && $line !~ m{^\s*\*} }) ]);

clean('C opens with a comment that says what it is', \@c,
      [ grep { slurp($_) !~ m{^/\*} } @c ]);

# nginx wants its own tables as they are: module/http is left out.
my @still = grep { m{^(?:ctl|module/(?:core|io))/} } @c;
clean('no mutable global', \@still, [ map {
    my $file = $_;
    my $code = slurp($file) =~ s{/[*].*?[*]/}{}gsr;
    map { "$file: $_" } grep { s/\)\h*\(.*//sr !~ /\bconst\b/
                               && (!/\(/ || /^[^(]*\(\*/) }
        $code =~ /^\h*((?:static|_Thread_local)\b[^;={]*)[;=]/mg
} @still ]);

clean('a header guards itself', \@c,
      [ grep { /\.h$/ && slurp($_) !~ m{^\#ifndef\s(\w+)\n\#define\s\1\b}mx }
        @c ]);

my $machine = join '|', '/work/' . '(?:main|shared|notes)', '/tmp/' . 'build-',
    '/home/' . '\w+/', 'artifact' . 'ory', '\bnpm\.' . 'pkg\.',
    'codeartifact', '-docker\.' . 'pkg\.dev';
clean('no path of one machine, no registry host', \@text,
      [ each_line(\@text, sub { /$machine/ }) ]);

my @lock = files(qr{(?:\block\.(?:json|yaml)|shrinkwrap\.json|\.lock)$});
clean('a lock file says what a package is, not where it comes from', \@lock,
      [ each_line(\@lock, sub { /\bresolved\b|\bregistry\b|\.tgz\b/ }) ]);

my @json = files(qr{\.json$});
clean('JSON is JSON', [ @json, 'none is fine' ], [ map {
    my $file = $_;
    require JSON::PP;
    eval { JSON::PP->new->decode(slurp($file)); 1 } ? () : "$file: $@"
} grep { !m{^t/(?:fuzz/corpus|unit|bad)/} && !/\bbad\b/ } @json ]);

done_testing();


sub each_line {
    my ($files, $bad) = @_;
    my @found;

    for my $file (@$files) {
        next if $file eq 't/lint/sources.t' || $file =~ m{/corpus/};
        my $n = 0;
        for (lines($file)) {
            $n++;
            push @found, "$file:$n: $_" if $bad->();
        }
    }
    return @found;
}
