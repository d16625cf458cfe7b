# What the checks of the sources share: which files there are, and how a
# finding is shown. A check that finds no file to look at fails.
package Gatehouse::Lint;

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use Test::More ();

my $ROOT = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
chdir $ROOT or die "$ROOT: $!\n";


sub import {
    my $caller = caller;

    strict->import;
    warnings->import;

    no strict 'refs';
    *{"${caller}::$_"} = \&{"Test::More::$_"}
        for qw(ok is fail pass diag done_testing);
    *{"${caller}::$_"} = \&$_
        for qw(files lines clean run_tool tool_path slurp);
    return;
}


# Files of the project matching a pattern: those git knows and those it would
# take. Without git (a tarball, or no git on this machine), what is there.
sub files {
    my ($pattern) = @_;
    my @all = -e '.git'
        ? split /\0/, `git ls-files -z -co --exclude-standard 2>/dev/null` : ();
    my %seen;

    @all = split /\0/, `find . -name .git -prune -o -type f -printf '%P\\0'`
        if !@all;
    @all = grep { /$pattern/ && !/^build/ && -f && !-l && !$seen{$_}++ } @all;
    @all = sort @all;
    return @all;
}


sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$fh> // '';
}


sub lines {
    my ($path) = @_;
    return split /\n/, slurp($path);
}


# One check: its name, what was looked at, and what was found.
sub clean {
    my ($name, $looked_at, $findings) = @_;

    return Test::More::fail("$name: nothing found to look at")
        if !@$looked_at;

    Test::More::ok(!@$findings, $name);
    my @shown = @$findings > 50 ? (@$findings[0 .. 49], '...') : @$findings;
    Test::More::diag($_) for @shown;
    return !@$findings;
}


# The first of these programs that there is. Where each version thinks
# otherwise, one is named, Debian 12's; another is not asked. '': any.
sub tool_path {
    my ($version, @names) = @_;
    for my $name (@names) {
        for my $path (map { "$_/$name" } split /:/, $ENV{PATH}) {
            next if !-x $path;
            return $path if $version eq '';
            my ($said) = run_tool(20, $path, '--version');
            return $path if $said =~ /\b\Q$version\E\b/;
            Test::More->builder->skip("$name is not of version $version");
            return;
        }
    }
    Test::More::fail("$names[-1] is missing: apt-get install $names[-1]");
    return;
}


# Output and exit status; killed (status 124) after so many seconds.
sub run_tool {
    my ($seconds, @cmd) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec 'timeout', '--foreground', $seconds, @cmd
            or die "$cmd[0]: $!\n";
    }
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($text, $? >> 8);
}

1;
