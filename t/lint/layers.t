# Includes point down, and a name that is in the wrong room shows: ngx_ is
# never in core, ngx_http_ never in io, and what io shares with the tool
# (gh_*) knows no nginx either.
use Gatehouse::Lint;

my @core   = files(qr{^module/core/.*\.[ch]$});
my @io     = files(qr{^module/io/.*\.[ch]$});
my @engine = files(qr{^module/io/gh_.*\.[ch]$});
my @http   = files(qr{^module/http/.*\.[ch]$});
my @ctl    = files(qr{^ctl/.*\.[ch]$});

clean('core knows no nginx', \@core, [ mentions(qr/ngx_/i, @core) ]);
clean('io knows no http', \@io, [ mentions(qr/ngx_http_/i, @io) ]);
clean('the engine in io knows no nginx', \@engine,
      [ mentions(qr/ngx_/i, @engine) ]);
clean('the tool knows no nginx, though comments and texts may', \@ctl,
      [ mentions(qr{^(?!\s*(?:/?[*]|//))[^"]*ngx_}i, @ctl) ]) if @ctl;

my %room = (
    (map { base($_) => 'core' } grep { /\.h$/ } @core),
    (map { base($_) => 'io' }   grep { /\.h$/ } @io),
    (map { base($_) => 'http' } grep { /\.h$/ } @http),
);

clean('core includes only core', \@core, [ includes('core', @core) ]);
clean('io includes core and io', \@io, [ includes('core io', @io) ]);
clean('the engine includes no other io', \@engine,
      [ grep { !/"gh_/ } includes('core', @engine) ]);
clean('the tool includes core and the engine', \@ctl,
      [ grep { !/"gh_/ } includes('core', @ctl) ]) if @ctl;

my @names = map { base($_) } @core, @io, @http;
my %count;
$count{$_}++ for @names;
clean('file names are unique', \@names, [ grep { $count{$_} > 1 } @names ]);

clean('names begin as their room says', \@names,
      [ (grep { base($_) !~ /^gh(?:_|\.)/ } @core),
        (grep { base($_) !~ /^(?:gh_|ngx_gatehouse_)/ } @io),
        (grep { base($_) !~ /^ngx_http_gatehouse(?:_|\.)/ } @http) ]);

done_testing();


sub base {
    my ($path) = @_;
    return $path =~ s{.*/}{}r;
}


sub mentions {
    my ($pattern, @files) = @_;
    my @found;

    for my $file (@files) {
        my $n = 0;
        for my $line (lines($file)) {
            $n++;
            push @found, "$file:$n: $line" if $line =~ $pattern;
        }
    }
    return @found;
}


sub includes {
    my ($allowed, @files) = @_;
    my %allowed = map { $_ => 1 } split ' ', $allowed;
    my @found;

    for my $file (@files) {
        for my $line (lines($file)) {
            my ($name) = $line =~ /^\s*#\s*include\s+"([^"]+)"/ or next;
            my $room = $room{ base($name) } // next;
            push @found, "$file: \"$name\" is in $room" if !$allowed{$room};
        }
    }
    return @found;
}
