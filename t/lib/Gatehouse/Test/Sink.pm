# A service behind several gateways that answers at once and notes who was
# let in when, by the gateway's own time of decision.
package Gatehouse::Test::Sink;

use strict;
use warnings;

use File::Path ();
use File::Temp ();

use Gatehouse::Test::Config;
use Gatehouse::Test::Logs;
use Gatehouse::Test::Nginx;
use Gatehouse::Test::Ports;


# binary (an nginx)
sub new {
    my ($class, %arg) = @_;
    my $dir  = File::Temp::tempdir('ghsink-XXXXXX', TMPDIR => 1);
    my $self = bless { dir => $dir, owner => $$,
                       port => Gatehouse::Test::Ports::free_port() }, $class;
    mkdir "$dir/$_" for qw(logs tmp);

    Gatehouse::Test::Config::write_file("$dir/nginx.conf", <<"EOC");
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log $dir/logs/error.log warn;
events { worker_connections 2048; }
http {
    log_format admitted '\$http_x_admitted \$http_x_principal \$request_uri '
                        '\$msec \$connection:\$connection_requests';
    client_body_temp_path $dir/tmp/body;
    proxy_temp_path $dir/tmp/proxy;
    fastcgi_temp_path $dir/tmp/fastcgi;
    uwsgi_temp_path $dir/tmp/uwsgi;
    scgi_temp_path $dir/tmp/scgi;
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:$self->{port} backlog=1024;
        access_log $dir/logs/admitted.log admitted;
        location / { return 204; }
    }
}
EOC
    $self->{nginx} = Gatehouse::Test::Nginx->new(
        binary => $arg{binary}, leash => Gatehouse::Test::build() . '/leash',
        slow => Gatehouse::Test::slow(), dir => $dir, workers => 0,
        single => 1, conf => "$dir/nginx.conf", ports => [ $self->{port} ]);
    my $error = $self->{nginx}->start;
    die "$error\n" if defined $error;
    return $self;
}


sub port { return $_[0]{port} }


# What a location passes on, beside proxy_pass.
sub headers {
    return <<'EOC';
        proxy_set_header  Host $host;
        proxy_set_header  Connection "";
        proxy_set_header  X-Admitted $gatehouse_limited_us;
EOC
}


# Each that was let in since the last forget: { who, target, at => [us, ...],
# seen }, a time per rate of its plan; seen: when and how it came here.
sub admitted {
    my ($self) = @_;
    return map {
        my ($at, $who, $target, @seen) = split / /;
        { at => [ $at eq '-' ? () : split /,/, $at ], seen => "@seen",
          who => $who =~ s/^consumer://r, target => $target };
    } split /\n/, Gatehouse::Test::Logs::slurp($self->log);
}


sub log { return "$_[0]{dir}/logs/admitted.log" }


sub forget {
    my ($self) = @_;
    truncate $self->log, 0 or die $self->log . ": $!\n";
    return $self;
}


sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $@, $!);
    $self->{nginx}->stop if $self->{nginx};
    File::Path::remove_tree($self->{dir}) if !$ENV{KEEP};
    return;
}

1;
