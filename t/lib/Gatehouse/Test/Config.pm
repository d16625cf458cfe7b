# Writes the nginx.conf of a test around the locations that the test gives.
# What the test wrote stands in files of its own (locations.conf, server.conf,
# http.conf), so that nginx's messages count the lines the test shows.
package Gatehouse::Test::Config;

use strict;
use warnings;

# What the stories' store is: GH_TEST_STORE (make test STORE=test). Those about
# one store itself name it in new(store => ...) and stay with it.
my %STORE = (
    lmdb => 'lmdb:%%DIR%%/state',
    test => 'test:lmdb:%%DIR%%/state?seed=7&delay=5&late=10',
);


# The words for gatehouse_store, %%DIR%% in them.
sub store_words {
    my ($t) = @_;
    my $name = $ENV{GH_TEST_STORE} || 'lmdb';
    return redis_words($t) if $name eq 'redis';
    return $STORE{$name}
        // die "no store \"$name\" to test with; there are: "
               . join(' ', 'redis', sort keys %STORE) . "\n";
}


# A Redis of this gateway's own.
sub redis_words {
    my ($t) = @_;
    require Gatehouse::Test::Redis;
    $t->{redis} //= Gatehouse::Test::Redis->new(aof => 1)->has_run(3600);
    return $t->{redis}->words(timeout => '5s');
}


# Redis wants a root key in a file: one, if the story names none.
sub redis_secret {
    my ($t) = @_;
    open my $fh, '<', "$t->{dir}/http.conf" or return '';
    return '' if do { local $/; <$fh> } =~ /\bgatehouse_secret\b/;

    my $file = "$t->{dir}/test-root.key";
    if (!-e $file) {
        write_file($file, 'c3' x 32);
        chmod 0600, $file;
    }
    return "gatehouse_secret file:$file;\n";
}


sub write_file {
    my ($path, $text) = @_;
    open my $fh, '>:raw', "$path.new" or die "$path: $!\n";
    print {$fh} $text;
    close $fh or die "$path: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
    return;
}


# $t is the Gatehouse::Test; %part has locations, server, http, main.
sub write_all {
    my ($t, %part) = @_;

    for my $name (qw(main http server locations)) {
        my $text = $part{$name} // $t->{$name} // '';
        $text =~ s/%%(\w+)%%/placeholder($t, $1)/ge;
        write_file("$t->{dir}/$name.conf", $text);
    }

    write_file("$t->{dir}/nginx.conf",
               main_part($t) . "http {\n" . http_part($t)
               . server_part($t) . status_part($t) . "}\n");
    return;
}


# %%DIR%%, %%PORT%%, %%PORT_h2%%, %%PORT_tls%%, %%PORT_anything%% (a free port
# that stays the same), %%BACKEND_name%% (the port of a backend)
sub placeholder {
    my ($t, $word) = @_;

    return $t->{dir}                      if $word eq 'DIR';
    return $t->port                       if $word eq 'PORT';
    return $t->port($1)                   if $word =~ /^PORT_(\w+)$/;
    return $t->{backend}->port($1)        if $word =~ /^BACKEND_(\w+)$/;
    return "$t->{tls_pair}[0]"            if $word eq 'CERT';
    return "$t->{tls_pair}[1]"            if $word eq 'CERT_KEY';
    return $t->{tls_ca}->ca               if $word eq 'CA';
    die "no placeholder %%$word%%\n";
}


sub main_part {
    my ($t) = @_;
    my $text = '';

    $text .= "load_module $t->{module};\n" if $t->{module};
    $text .= "user $t->{user};\n" if $t->{user} && $> == 0;
    $text .= "daemon off;\nworker_processes $t->{workers};\n"
           . "pid $t->{dir}/nginx.pid;\n"
           . "error_log $t->{dir}/logs/error.log $t->{log_level};\n";
    $text .= "error_log $t->{dir}/logs/debug.log debug;\n" if $t->{debug};
    $text .= "master_process off;\n" if $t->{single};
    $text .= "include $t->{dir}/main.conf;\n";
    $text .= "events { worker_connections $t->{connections}; }\n";
    return $text;
}


sub http_part {
    my ($t) = @_;
    my $dir  = $t->{dir};
    my $text = "server_tokens off;\n";

    $text .= "${_}_temp_path $dir/tmp/$_;\n"
        for qw(client_body proxy fastcgi uwsgi scgi);

    if ($t->has_directive('gatehouse_policies') && $t->{policies}) {
        $text .= "gatehouse_policies $dir/policies;\n";
    }
    if ($t->has_directive('gatehouse_store') && $t->{store}) {
        my $store = $t->{store} eq '1' ? store_words($t) : $t->{store};
        $text .= redis_secret($t) if $store =~ /^redis/;
        $text .= 'gatehouse_store ' . ($store =~ s/%%DIR%%/$dir/gr) . ";\n";
    }
    if ($t->has_directive('gatehouse_log_json') && $t->{decisions}) {
        $text .= "log_format test_json escape=none '\$gatehouse_log_json';\n"
               . "access_log $dir/logs/decisions.log test_json;\n";
    } else {
        $text .= "access_log off;\n";
    }
    if ($t->{proxy}) {
        $text .= "proxy_http_version 1.1;\nproxy_set_header Host \$host;\n"
               . "proxy_set_header Connection \"\";\n";
    }

    for my $name ($t->{backend}->names) {
        my $port = $t->{backend}->port($name);
        $text .= "upstream $name {\n    server 127.0.0.1:$port;\n    "
               . ($t->{upstreams}{$name} // 'keepalive 16;') . "\n}\n";
    }

    return $text . "include $dir/http.conf;\n";
}


sub server_part {
    my ($t) = @_;
    my $new  = $t->nginx_version >= 1_025_001;
    my $h2   = $new ? '' : ' http2';
    my $text = "server {\n    listen 127.0.0.1:" . $t->port . ";\n";

    $text .= '    listen 127.0.0.1:' . $t->port('h2') . "$h2;\n"
        if $t->{h2} && !$new;
    if ($t->{tls}) {
        $text .= '    listen 127.0.0.1:' . $t->port('tls') . " ssl$h2;\n"
               . "    ssl_certificate $t->{tls_pair}[0];\n"
               . "    ssl_certificate_key $t->{tls_pair}[1];\n";
    }
    $text .= "    http2 on;\n" if $new;

    return $text . "    server_name localhost;\n"
         . "    include $t->{dir}/server.conf;\n"
         . "    include $t->{dir}/locations.conf;\n}\n";
}


sub status_part {
    my ($t) = @_;
    return '' if !$t->{status} || !$t->has_directive('gatehouse_status');
    return "server {\n    listen 127.0.0.1:" . $t->port('status')
         . ";\n    access_log off;\n    gatehouse_status;\n}\n";
}

1;
