# clang-tidy with the checks of .clang-tidy, over what has no nginx header in
# it. A file that has not changed since it was found clean is not read again.
use Gatehouse::Lint;

use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(time);

my $SECONDS = 420;

my @c     = files(qr{^(?:module/core/|module/io/gh_|ctl/).*\.c$});
my @flags = ('-std=c11', '-D_GNU_SOURCE', '-DGH_VERSION=""',
             '-DGH_STATE_DIR=""', '-DGH_CONF_DIR=""', '-Imodule/core',
             '-Imodule/io', '-I/usr/include/hiredis');
my $tool  = tool_path('14', 'clang-tidy-14', 'clang-tidy');
my $clang = tool_path('14', 'clang-14', 'clang');
my $seen  = ($ENV{GH_BUILD} || 'build') . '/tidy';
my $end   = time + $SECONDS;

system 'mkdir', '-p', $seen;
clean('clang-tidy is content', \@c, [ in_two_lanes(@c) ]) if $tool && $clang;
done_testing();


# Half of the files in each of two processes.
sub in_two_lanes {
    my (@files) = @_;
    my @lanes = ([], []);
    my ($i, @found, @pipes) = (0);

    push @{ $lanes[$i++ % 2] }, $_ for @files;

    for my $lane (@lanes) {
        my $pid = open(my $in, '-|') // die "fork: $!\n";
        if (!$pid) {
            $| = 1;
            print map { check($_) } @$lane;
            require POSIX;
            POSIX::_exit(0);
        }
        push @pipes, $in;
    }

    for my $in (@pipes) {
        local $/;
        push @found, split /\n/, <$in> // '';
        close $in;
    }
    return @found;
}


sub check {
    my ($file) = @_;
    my ($text) = run_tool(60, $clang, '-E', @flags, $file);
    my $stamp = "$seen/" . sha256_hex($text . slurp('.clang-tidy'));

    return if -e $stamp;
    return "$file: no time left ($SECONDS s)\n" if time > $end;

    my ($out, $status) = run_tool(180, $tool, '--quiet', '-warnings-as-errors=*',
                                  $file, '--', @flags);
    if ($status == 0) {
        open my $fh, '>', $stamp;
        return;
    }
    return grep { /: (?:error|warning): / }
           map { "$_\n" } split /\n/, "$out\n$file: error: status $status";
}
