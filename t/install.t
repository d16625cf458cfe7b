# make install: everything where an operator looks for it, and nothing that
# an operator has edited is lost.
use Gatehouse::Test;

use File::Path ();
use File::Temp ();

my $root  = Gatehouse::Test::root();
my $build = Gatehouse::Test::build();

if (Gatehouse::Test::mk('GH_SANITIZE') ne '') {
    plan(skip_all => 'an instrumented nginx is not installed');
}

my $prefix  = Gatehouse::Test::mk('GH_PREFIX');
my $conf    = Gatehouse::Test::mk('GH_CONF_DIR');
my $modules = Gatehouse::Test::mk('GH_MODULES_PATH');
my $share   = "$prefix/share/gatehouse";
my $to      = File::Temp::tempdir('ghtest-XXXXXX', TMPDIR => 1, CLEANUP => 1);

my $said = make_install();

# ---- where things are ----------------------------------------------------------

my @mine = map { s{.*/}{}r } glob "$root/policies/*.json";
my @schema = map { s{.*/}{}r } glob "$root/policies/schema/*.json";
is_deeply([ files() ], [ sort
    "$prefix/bin/gatehouse", "$modules/ngx_http_gatehouse_module.so",
    "$conf/log.conf", "$conf/proxy.conf", "$conf/tls.conf",
    '/etc/logrotate.d/gatehouse',
    "$prefix/lib/systemd/system/nginx.service.d/gatehouse.conf",
    "$prefix/share/man/man1/gatehouse.1",
    "$prefix/share/bash-completion/completions/gatehouse",
    "$share/gateway.conf",
    (map { "$share/policies/$_" } @mine),
    (map { "$share/policies/schema/$_" } @schema),
    (map { "$share/as-installed/$_" }
     qw(log.conf proxy.conf tls.conf gatehouse gatehouse.conf)),
], 'every file has its place below DESTDIR, and there is no other');

ok(-x "$to$prefix/bin/gatehouse", 'the tool can be run');
is((stat "$to/var/lib/gatehouse")[2] & 07777, 0700,
   'nobody but its owner looks into the state directory');
like($said, qr{/var/lib/gatehouse must belong to the user},
     'whose it must become is said, where it cannot be done');

SKIP: {
    skip 'this compiler hides no names', 1
        if Gatehouse::Test::mk('GH_VISIBILITY') eq '';
    my ($status, $out) = Gatehouse::Test::run(
        'nm', '-D', '--defined-only', "$to$modules/ngx_http_gatehouse_module.so");
    is_deeply([ map { (split)[2] } split /\n/, $out ],
              [ qw(ngx_module_names ngx_module_order ngx_modules) ],
              'the module shows nginx what it asks for, and no other name');
}

# ---- the sample set -------------------------------------------------------------

SKIP: {
    skip 'this machine is a gateway', 1
        if slurp('/etc/nginx/nginx.conf') =~ /gatehouse_policies/;
    my ($status, $out, $err) = Gatehouse::Test::run("$to$prefix/bin/gatehouse",
                                                    'check', "$root/policies");
    is("$status $err", '0 ', 'gatehouse check policies, in the sources');
}

# the nginx.conf that goes with them, as if it lay in /etc/nginx
mkdir "$to/nginx" or die "nginx: $!\n";
symlink "$to$conf", "$to/nginx/gatehouse" or die "gatehouse: $!\n";
write_text("$to/nginx/nginx.conf",
           slurp("$to$share/gateway.conf"));
my ($status, $out, $err) = Gatehouse::Test::run(
    "$to$prefix/bin/gatehouse", '-c', "$to/nginx/nginx.conf", 'check',
    "$to$share/policies");
is("$status $err", '0 ', 'they fit the gateway.conf beside them');
File::Path::remove_tree("$to/nginx");

for my $file (glob "$to$share/policies/*.json") {
    my $schema = JSON::PP->new->decode(slurp($file))->{'$schema'};
    ok(-f "$to$share/policies/$schema", "an editor finds the schema of "
       . ($file =~ s{.*/}{}r));
}

# ---- once more -------------------------------------------------------------------

my %before = map { $_ => slurp("$to$_") } files();
$said = make_install();
is_deeply({ map { $_ => slurp("$to$_") } files() }, \%before,
          'a second time changes nothing');
unlike($said, qr/\.new/, 'and leaves nothing beside anything');

# ---- over files that were edited ---------------------------------------------------

my $shipped = slurp("$root/conf/proxy.conf");
write_text("$to$conf/proxy.conf", "$shipped# mine\n");
write_text("$to/etc/logrotate.d/gatehouse", "# mine\n");
write_text("$to$conf/$_", "# of an older version\n") for qw(tls.conf);
write_text("$to$share/as-installed/tls.conf", "# of an older version\n");
$said = make_install();

is(slurp("$to$conf/proxy.conf"), "$shipped# mine\n",
   'a snippet that was edited stays');
is(slurp("$to$conf/proxy.conf.new"), $shipped, 'the new one lies beside it');
like($said, qr{\Q$conf\E/proxy\.conf \ is\ yours\ and\ stays;\ the\ new\ one\ is
               \ \Q$conf\E/proxy\.conf\.new}x, 'which is said');
is(slurp("$to$conf/tls.conf"), slurp("$root/conf/tls.conf"),
   'one of an older version, never edited, is made anew');
is(slurp("$to/etc/logrotate.d/gatehouse"), "# mine\n",
   'the rule for the logs stays, too');
is_deeply([ glob "$to/etc/logrotate.d/*" ], [ "$to/etc/logrotate.d/gatehouse" ],
          'beside it nothing is put: logrotate would read that as well');

# ---- what must not meet ------------------------------------------------------------

my @rotated = grep { m{^/} } split /[\s{]+/,
              slurp("$root/conf/gatehouse.logrotate") =~ s/^#.*//gmr;
ok(@rotated > 0, 'there are logs to rotate');
is_deeply([ grep { m{^/var/log/nginx/[^/]*\.log$} } @rotated ], [],
          'no log is rotated that the rule of nginx rotates: /var/log/nginx/*.log');

make_install('SYSTEMD=no', "DESTDIR=$to/other");
ok(!-e "$to/other$prefix/lib/systemd", 'SYSTEMD=no leaves the drop-in out');

done_testing;


sub make_install {
    my @word = @_;
    local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL SANITIZE DESTDIR SYSTEMD)};
    delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL SANITIZE DESTDIR SYSTEMD)};

    # what is built is built: other stories run from it at this moment
    my ($status, $out, $err) = Gatehouse::Test::run(
        'make', '-C', $root, '-o', 'all', '-o', "$build/config.mk", 'install',
        "BUILD=$build", "DESTDIR=$to", @word);
    is($status, 0, "make install @word") or diag($out . $err);
    return $out;
}


sub files {
    my @found = map { chomp; s/^\Q$to\E//r } `find $to -type f`;
    return sort @found;
}


sub slurp { return Gatehouse::Test::Logs::slurp(@_) }


sub write_text {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print {$out} $text;
    close $out or die "$file: $!\n";
    return;
}
