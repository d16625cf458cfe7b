# gatehouse dev: the headers of production before a service somebody works on,
# on loopback and nowhere else, and nothing is left of it.
use Gatehouse::Test timeout => 120;

use File::Temp ();

if (Gatehouse::Test::mk('GH_SANITIZE') ne '') {
    plan(skip_all => 'a dynamic module is what the tool loads');
}

# Given a service, and an nginx that fits the module
my $t = Gatehouse::Test->new;
$t->start(locations => <<'EOL');
    location / { gatehouse_authenticate off; proxy_pass http://echo; }
EOL
my $service = 'http://127.0.0.1:' . $t->{backend}->port('echo');
my $tmp = File::Temp::tempdir(CLEANUP => 1);
mkdir "$tmp/bin" or die "bin: $!\n";
symlink $t->{binary}, "$tmp/bin/nginx" or die "nginx: $!\n";
local @ENV{qw(TMPDIR PATH)} = ($tmp, "$tmp/bin:$ENV{PATH}");
my $tool = Gatehouse::Test::build() . '/gatehouse';
my $port = $t->port('dev');

sub dev {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$tmp/out";
        open STDERR, '>', "$tmp/err";
        exec $tool, 'dev', @_ or die "exec: $!\n";
    }
    return $pid;
}

sub ask {
    my (@headers) = @_;
    my $http = eval { Gatehouse::Test::Http->new(port => $port, timeout => 5) }
        or return;
    my $res = eval {
        $http->send_raw(Gatehouse::Test::Http::format_request('GET', '/x',
            [ [ Host => "127.0.0.1:$port" ], @headers ], undef));
        $http->read_response('GET');
    };
    return $res && $res->status == 200 ? $res : undef;
}

# When somebody works on it as Alice
my $pid = dev('--as', 'alice', '--group', 'staff,"q$\\', '--name', 'Al "A"',
              '--email', 'alice@example.com', '--claim', 'tenant=north',
              '--port', $port, $service);
ok($t->wait_for(sub { ask() }, 30, 'the gateway'), 'it comes up')
    or diag(Gatehouse::Test::Logs::slurp("$tmp/err"));

# Then the service sees her as in production
my $got = ask([ 'X-Principal' => 'root' ], [ 'X-Principal-Groups' => 'admin' ])
            ->received;
is(join('|', map { join ',', $got->headers("X-Principal$_") }
        '', '-Type', '-Name', '-Email', '-Groups', '-Method'),
   'dev:alice|user|Al "A"|alice@example.com|staff,"q$\\|oidc',
   'the headers are those of production, and nobody else\'s');
like(Gatehouse::Test::Logs::slurp("$tmp/err"),
     qr{^http://127\.0\.0\.1:$port is dev:alice before \Q$service\E; Ctrl-C},
     'it says where it is');

# And nobody but this machine reaches it
my ($listens) = (Gatehouse::Test::run('ss', '-Hltn', "sport = :$port"))[1];
is(join(' ', $listens =~ /(\S+):$port\s/g), '127.0.0.1',
       'it listens on loopback');

# When it is ended by Ctrl-C
kill INT => $pid;
waitpid $pid, 0;
is($? >> 8, 0, 'Ctrl-C ends it');
is(ask(), undef, 'nothing listens any more');
is(join(' ', glob "$tmp/gatehouse-dev-*"), '', 'and nothing is left');

# When the tool is killed
$pid = dev('--as', 'alice', '--port', $port, $service);
$t->wait_for(sub { ask() }, 30, 'the gateway');
kill KILL => $pid;
waitpid $pid, 0;
ok($t->wait_for(sub { !ask() }, 10, 'its end'), 'its nginx goes with it');

# Then what cannot be is refused
for (
    [ [ $service ], qr/whom should the service see\? say --as/ ],
    [ [ '--as', 'a', '--port', '0.0.0.0:80', $service ],
      qr/--port "0\.0\.0\.0:80" is no port; the address is always 127/ ],
    [ [ '--as', 'a', 'localhost:3000' ], qr/is not the address of a service/ ],
    [ [ '--as', 'a', 'http://x/;}' ], qr/is not the address of a service/ ],
) {
    my ($words, $why) = @$_;
    my ($status, $out, $err) = Gatehouse::Test::run($tool, 'dev', @$words);
    is("$status " . ($err =~ $why ? 'said' : $err), '2 said', "$why");
}


# ---- the directive ---------------------------------------------------------------

my $place = 'location / { gatehouse_authenticate api_key; '
          . 'proxy_pass http://echo; }';
for my $listen ('*:PORT', '0.0.0.0:PORT', '[::]:PORT', "unix:$tmp/s") {
    my $at = $listen =~ s/PORT/$t->port('other')/er;
    like($t->conf_error(locations => '', http => "server { listen "
        . "127.0.0.1:%%PORT_more%%; listen $at; "
        . "gatehouse_dev_principal alice; $place }"),
         qr/gatehouse_dev_principal makes everybody who reaches this server/,
         "nginx -t: not on $listen");
}
like($t->conf_error(locations => '', http => 'server { listen '
    . "127.0.0.1:%%PORT_more%%; gatehouse_dev_principal a color=red; $place }"),
     qr/unexpected "color=red" in gatehouse_dev_principal/,
     'nginx -t: a word that is none');

done_testing();
