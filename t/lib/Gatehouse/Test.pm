# Real nginx, real sockets, real backends, in the words of the stories that
# t/*.t tell. t/lib/README.md shows what there is.
package Gatehouse::Test;

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use File::Path ();
use File::Temp ();
use IPC::Open3 ();
use JSON::PP ();
use Scalar::Util ();
use Test::More ();
use Time::HiRes qw(sleep time);

use Gatehouse::Test::Backend;
use Gatehouse::Test::Client;
use Gatehouse::Test::Config;
use Gatehouse::Test::Logs;
use Gatehouse::Test::Needs;
use Gatehouse::Test::Nginx;
use Gatehouse::Test::Policies;
use Gatehouse::Test::Ports;
use Gatehouse::Test::Response;

our @ISA = qw(Gatehouse::Test::Client Gatehouse::Test::Policies);

my $ROOT  = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
my $BUILD = Cwd::abs_path($ENV{GH_BUILD} || "$ROOT/build");
my $OWNER = $$;
my (%mk, @all, $done);


# use Gatehouse::Test timeout => 400, needs => 'browser';
# (seconds for the whole file; what it is skipped without)
sub import {
    my ($class, %arg) = @_;
    my $caller = caller;

    strict->import;
    warnings->import;

    no strict 'refs';
    for my $name (grep { $_ ne 'done_testing' && $_ ne '$TODO' }
                  @Test::More::EXPORT)
    {
        *{"${caller}::$name"} = \&{"Test::More::$name"};
    }
    *{"${caller}::TODO"} = \${"${caller}::TODO"};
    *{"${caller}::done_testing"} = \&done_testing;
    *{"${caller}::wait_for"}     = sub { Gatehouse::Test->wait_for(@_) };

    $| = 1;
    $SIG{ALRM} = sub { die "the test took too long\n" };
    $SIG{INT} = $SIG{TERM} = sub { die "interrupted\n" };
    alarm(($ENV{GH_TEST_TIMEOUT} || $arg{timeout} || 180) * slow());

    my $lacking = Gatehouse::Test::Needs::lacking(
        split / /, $arg{needs} // '');
    Test::More::plan(skip_all => $lacking) if $lacking;
    return;
}


# What configure found; a build that is not there is said in words.
sub mk {
    my ($name) = @_;

    if (!%mk) {
        my $path = "$BUILD/config.mk";
        open my $fh, '<', $path
            or die "no build in $BUILD: run make, or set GH_BUILD\n";
        while (<$fh>) {
            $mk{$1} = $2 if /^(\w+) = ?(.*)$/;
        }
    }

    return $mk{$name} // '';
}


sub root  { return $ROOT }
sub build { return $BUILD }
sub slow  { return mk('GH_SANITIZE') ne '' || $ENV{GH_SLOW} ? 4 : 1 }


# Options, all with a default:
#   workers => 1      user => 'www-data'      connections => 1024
#   backends => [...] names beside "echo"     upstreams => { name => lines }
#   policies => {} (members, or 'x.json' => document or text; 0: no line)
#   store => 1        (or text for gatehouse_store; 0: no line)
#   tls => 0          h2 => 1       status => 1      proxy => 1
#   tls_names => []   names beside localhost, gw.test and *.gw.test
#   decisions => 1    debug => 1    log_level => 'info'
#   main, http, server => text for that level
sub new {
    my ($class, %arg) = @_;
    my $self = bless {
        workers => 1, connections => 1024, policies => {}, store => 1,
        h2 => 1, status => 1, proxy => 1, decisions => 1, debug => 1,
        log_level => 'info', backends => [], upstreams => {}, %arg,
        ports => {}, secrets => {}, allowed => [], consumers => 0,
    }, $class;

    $self->{user} //= (getpwnam 'www-data' ? 'www-data' : 'nobody');
    $self->{policies} = { %{ $self->{policies} } } if $self->{policies};
    $self->{dir} = File::Temp::tempdir('ghtest-XXXXXX', TMPDIR => 1);
    chmod 0755, $self->{dir};

    my $static = "$BUILD/nginx/objs/nginx";
    if (-x $static && mk('GH_NGINX_KIND') ne 'debian') {
        $self->{binary} = $static;
    } else {
        $self->{binary} = mk('GH_NGINX_BIN') || '/usr/sbin/nginx';
    }
    -x $self->{binary} or die "no nginx to test with: apt-get install nginx\n";
    $self->{module} = "$BUILD/ngx_http_gatehouse_module.so"
        if mk('GH_SANITIZE') eq '';
    die "no module in $BUILD: run make\n"
        if $self->{module} && !-f $self->{module};

    my $version = `$self->{binary} -V 2>&1`;
    $self->{debug} = 0 if $version !~ /--with-debug/ || $ENV{GH_NO_DEBUG};
    my ($x, $y, $z) = $version =~ m{nginx/(\d+)\.(\d+)\.(\d+)};
    $self->{nginx_version} = $x * 1_000_000 + $y * 1000 + $z;

    push @all, $self;
    Scalar::Util::weaken($all[-1]);
    return $self;
}


sub dir           { return $_[0]{dir} }
sub nginx_version { return $_[0]{nginx_version} }


# A free port by a name of the test's choosing; '' is the main server's.
sub port {
    my ($self, $name) = @_;
    return $self->{ports}{ $name // '' }
        //= Gatehouse::Test::Ports::free_port();
}


my %binary_text;

# Does the module know that word? Lets a story wait for its feature.
sub has_directive {
    my ($self, $word) = @_;
    my $file = $self->{module} || $self->{binary};
    $binary_text{$file} //= Gatehouse::Test::Logs::slurp($file);
    return index($binary_text{$file}, "$word\0") >= 0;
}


# ---- before the start ----------------------------------------------------

# Another named backend, with an upstream block of that name.
sub backend {
    my ($self, @names) = @_;
    push @{ $self->{backends} }, @names;
    return $self;
}


# ---- start and stop ------------------------------------------------------

# With the text of the locations, or (locations => ..., server => ...).
sub start {
    my ($self, @text) = @_;
    my $error = $self->try_start(@text);
    die "$error\n" if defined $error;
    return $self;
}


# The same, but says why it did not start.
sub try_start {
    my ($self, @text) = @_;

    $self->prepare(@text);

    my @ports = ($self->port);
    push @ports, $self->port('h2')
        if $self->{h2} && $self->nginx_version < 1_025_001;
    push @ports, $self->port('tls') if $self->{tls};

    $self->{nginx} = Gatehouse::Test::Nginx->new(
        binary => $self->{binary}, leash => "$BUILD/leash", slow => slow(),
        dir => $self->{dir}, conf => "$self->{dir}/nginx.conf",
        ports => \@ports, workers => $self->{workers},
        single => $self->{single});

    my $error = $self->{nginx}->start;
    delete $self->{nginx} if defined $error && !$self->{nginx}->pid;
    return $error;
}


# Directories, backends, certificates, policies and nginx.conf; once.
sub prepare {
    my ($self, @text) = @_;
    my %part = @text == 1 ? (locations => $text[0]) : @text;
    my $dir  = $self->{dir};

    if (!$self->{prepared}++) {
        mkdir "$dir/$_" for qw(logs tmp san policies state);
        chmod 01777, "$dir/san", "$dir/logs";
        chmod 0700, "$dir/state";
        chown +(getpwnam $self->{user})[2, 3], "$dir/state", "$dir/tmp"
            if $> == 0;
        $self->{backend} ||= Gatehouse::Test::Backend->new(
            program => "$BUILD/echo-backend",
            names => [ 'echo', @{ $self->{backends} } ]);
        $self->authority if $self->{tls};
    }

    @$self{ keys %part } = values %part;
    $self->write_policies;
    Gatehouse::Test::Config::write_all($self);
    return $self;
}


# The authority that vouches for the TLS port, made when first asked for.
sub authority {
    my ($self) = @_;
    return $self->{tls_ca} if $self->{tls_ca};
    require Gatehouse::Test::Tls;
    $self->{tls_ca}   = Gatehouse::Test::Tls->new("$self->{dir}/tls");
    $self->{tls_pair} = [
        $self->{tls_ca}->issue('localhost', '127.0.0.1', 'gw.test', '*.gw.test',
                               @{ $self->{tls_names} || [] }) ];
    return $self->{tls_ca};
}


sub stop {
    my ($self, $signal) = @_;
    my $nginx = delete $self->{nginx} or return $self;
    my $wrong = $nginx->stop($signal);
    push @{ $self->{wrong} }, $wrong if defined $wrong;
    return $self;
}


# Stops and starts it, with other text if given.
sub restart {
    my ($self, @text) = @_;
    $self->stop;
    return $self->start(@text);
}


# nginx -s reload, with other text if given; false if it was refused.
sub reload {
    my ($self, @text) = @_;
    $self->prepare(@text) if @text;
    return $self->{nginx}->reload;
}


sub workers    { my $self = shift; return $self->{nginx}->workers(@_) }
sub master_pid { return $_[0]{nginx}->pid }


# kill -9 of a worker (pid =>, signal =>) and the wait for the one after it
sub kill_worker {
    my ($self, %arg) = @_;
    $self->allow_log(qr/worker process \d+ exited on signal 9/);
    return $self->{nginx}->kill_worker(%arg);
}


# What "nginx -t" says to the text, '' if it is content. Paths are relative,
# lines count from the first of the text: "... in locations.conf:2".
sub conf_test {
    my ($self, @text) = @_;

    $self->prepare(@text);
    my $nginx = Gatehouse::Test::Nginx->new(
        binary => $self->{binary}, dir => $self->{dir},
        conf => "$self->{dir}/nginx.conf");
    my ($said, $status) = $nginx->check;

    unlink "$self->{dir}/logs/start.log";
    $said =~ s{\Q$self->{dir}\E/}{}g;
    my $message = join "\n", grep { length } map {
        s/^(?:[\d\/]+ [\d:]+ |nginx: )//r =~ s/^(\[\w+\] )\d+#\d+: /$1/r
    } grep { !/syntax is ok|test is successful|^nginx: configuration file/ }
      split /\n/, $said;

    return ($message, $status);
}


# The message of a configuration that nginx -t must refuse.
sub conf_error {
    my ($self, @text) = @_;
    my ($message, $status) = $self->conf_test(@text);
    return $status != 0 ? $message : "accepted: $message";
}


# ---- what the backends saw -------------------------------------------------

sub journal       { my $self = shift; return $self->{backend}->journal(@_) }
sub journal_clear { $_[0]{backend}->clear; return $_[0] }
sub counts        { return $_[0]{backend}->counts }


# Standing orders for a backend: status, delay (ms), hang, close, listen, ...
sub backend_set {
    my ($self, $name, %order) = @_;
    $self->{backend}->set($name, %order);
    return $self;
}


# ---- what Gatehouse says ---------------------------------------------------

sub status_get {
    my ($self, $path) = @_;
    return $self->request('GET', $path, port => $self->port('status'),
                          host => '127.0.0.1');
}

sub status  { return $_[0]->status_get('/status')->json }
sub metrics { return $_[0]->status_get('/metrics')->body }
sub ready   { return $_[0]->status_get('/ready')->status }


# The value of one metric: its name with the labels that must be there,
# others are summed up: metric('gatehouse_decisions_total', reason => 'ok').
sub metric {
    my ($self, $name, %label) = @_;
    my $sum;

    LINE: for my $line (split /\n/, $self->metrics) {
        my ($found, $labels, $value)
            = $line =~ /^(\w+)(?:\{(.*)\})? ([-+.\deE]+|NaN)/ or next;
        next if $found ne $name;
        my %has = ($labels // '') =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;
        for (keys %label) {
            next LINE if ($has{$_} // '') ne $label{$_};
        }
        $sum = ($sum // 0) + $value;
    }

    return $sum;
}


sub error_log { return Gatehouse::Test::Logs::slurp("$_[0]{dir}/logs/error.log") }
sub debug_log { return Gatehouse::Test::Logs::slurp("$_[0]{dir}/logs/debug.log") }


# Decision lines, as text and as decoded documents: decisions(n)
# waits for so many, since they are written after the answer.
sub decision_log {
    my ($self) = @_;
    return split /\n/,
           Gatehouse::Test::Logs::slurp("$self->{dir}/logs/decisions.log");
}

sub decisions {
    my ($self, $at_least) = @_;
    my $json = JSON::PP->new->utf8;

    $self->wait_for(sub { (() = $self->decision_log) >= $at_least }, 5,
                    "$at_least decisions") if $at_least;
    return map { $json->decode($_) } $self->decision_log;
}


# Runs the tool on our nginx.conf: (exit status, stdout, stderr). A key that
# it shows is a secret from then on.
sub tool {
    my ($self, @arg) = @_;
    my ($status, $out, $err)
        = run("$BUILD/gatehouse", '-c', "$self->{dir}/nginx.conf", @arg);

    $self->plant_secret($out =~ /\b(gh_[a-z0-9]+_\w{43}_\w{6})\b/g);
    return ($status, $out, $err);
}


sub run {
    my (@cmd) = @_;
    my $err_file = File::Temp->new;

    open my $err_fh, '>&', $err_file or die "dup: $!\n";
    my $pid = IPC::Open3::open3(my $in, my $out,
                                '>&' . fileno $err_fh, @cmd);
    close $in;
    my $stdout = do { local $/; <$out> } // '';
    waitpid $pid, 0;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;

    return ($status, $stdout,
            Gatehouse::Test::Logs::slurp($err_file->filename));
}


# ---- waiting, secrets, logs ------------------------------------------------

# Calls until it is true and returns that; dies after so many seconds.
# From five seconds on it is patience and no promise: a busy machine gets more.
sub wait_for {
    my ($self, $condition, $deadline_s, $what) = @_;
    my $patience = $deadline_s || 5;
    $patience = 30 if $patience >= 5 && $patience < 30;
    my $end = time + $patience * slow();

    while (1) {
        my $value = $condition->();
        return $value if $value;
        die 'waited in vain: ' . ($what // 'a condition') . "\n"
            if time > $end;
        sleep 0.01;
    }
}


# These texts must not be in any log at the end.
sub plant_secret {
    my ($self, @secrets) = @_;
    $self->{secrets}{$_} = 1 for grep { length >= 8 } map { "$_" } @secrets;
    return $self;
}


# Lines that may be in the error log although they are alerts.
sub allow_log {
    my ($self, @patterns) = @_;
    push @{ $self->{allowed} }, @patterns;
    return $self;
}


# A key that signs tokens: see Gatehouse::Test::Token.
sub token_key {
    my ($self, %arg) = @_;
    require Gatehouse::Test::Token;
    return Gatehouse::Test::Token->new(%arg);
}


# A file in the test's directory, readable by the workers; returns its path.
sub file {
    my ($self, $name, $text) = @_;
    Gatehouse::Test::Config::write_file("$self->{dir}/$name", $text);
    return "$self->{dir}/$name";
}


# ---- the end ---------------------------------------------------------------

# Stops all and looks into the logs; returns complaints.
sub finish {
    my ($self) = @_;

    return if $self->{finished}++;
    $self->stop;
    $self->{backend}->stop if $self->{backend};

    return (@{ $self->{wrong} || [] },
            Gatehouse::Test::Logs::complaints(
                dir => $self->{dir}, allowed => $self->{allowed},
                secrets => [ keys %{ $self->{secrets} } ]));
}


sub done_testing {
    for my $t (grep { defined && !$_->{finished} } @all) {
        my @complaints = $t->finish;
        Test::More::ok(!@complaints, 'no alert, no sanitizer report, no '
                       . 'planted secret in any log, nothing left behind');
        Test::More::diag($_) for @complaints;
    }

    $done = 1;
    return Test::More::done_testing();
}


sub keep {
    my ($self, $cut_short) = @_;
    return $ENV{KEEP} || $cut_short || !Test::More->builder->is_passing;
}


sub remove {
    my ($self, $cut_short) = @_;
    if ($self->keep($cut_short)) {
        Test::More::diag("kept: $self->{dir}");
    } else {
        File::Path::remove_tree($self->{dir});
    }
    return;
}


# An object that goes away early is finished and judged on the spot.
sub DESTROY {
    my ($self) = @_;
    return if $$ != $OWNER || $self->{removed}++;
    local ($?, $@, $!);

    if (!$self->{finished}) {
        my @complaints = $self->finish;
        if (@complaints) {
            Test::More::fail('nothing wrong in a log');
            Test::More::diag($_) for @complaints;
        }
    }
    $self->remove;
    return;
}


END {
    if ($$ == $OWNER) {
        my $status = $?;
        alarm 0;
        for my $t (grep { defined && !$_->{removed} } @all) {
            if (!$t->{finished}) {
                Test::More::diag($_) for $t->finish;
            }
            $t->{removed} = 1;
            $t->remove(!$done);
        }
        $? = $status;
    }
}

1;
