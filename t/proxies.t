# Proxies before the gate and behind it: a second one behind takes nothing
# away that we say (THREATS A4), one in front is believed by its own address,
# not by the one that it reports (A11, with nginx's realip module).
use Gatehouse::Test;

use IO::Select;
use IO::Socket::INET;
use POSIX ();

use Gatehouse::Test::Ports;

# A proxy that does what RFC 9110 section 7.6.1 says: whatever Connection
# names is for this hop only, and goes no further.
my $port_behind = Gatehouse::Test::Ports::free_port();

sub one_hop {
    my ($client, $to) = @_;
    my $head = '';

    while ($head !~ /\r\n\r\n/) {
        sysread $client, $head, 4096, length $head or return;
    }

    my ($line, @fields) = split /\r\n/, $head;
    my %hop = map { lc $_ => 1 } 'connection', 'keep-alive',
              map { split /\s*,\s*/ } map { /^connection:\s*(.*)/i ? $1 : () }
              @fields;
    my @kept = grep { /^([^:]+):/ && !$hop{ lc $1 } } @fields;

    my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$to") or return;
    syswrite $server, join("\r\n", $line, @kept, 'Connection: close', '', '');
    while (sysread $server, my $answer, 65536) {
        syswrite $client, $answer;
    }
    return;
}

my $behind;

sub start_behind {
    my ($to) = @_;
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port_behind, Listen => 16,
        ReuseAddr => 1) or die "listen: $!\n";
    my $parent = $$;

    $behind = fork // die "fork: $!\n";
    return if $behind;

    $SIG{$_} = 'DEFAULT' for qw(INT TERM ALRM);
    alarm 0;
    my $wait = IO::Select->new($listen);
    while (getppid() == $parent) {
        $wait->can_read(1) or next;
        my $client = $listen->accept or next;
        one_hop($client, $to);
        close $client;
    }
    POSIX::_exit(0);
}

my $OWNER = $$;
END { kill 'KILL', $behind if $behind && $$ == $OWNER }


my $t = Gatehouse::Test->new;
my $alice = $t->consumer('alice', groups => ['user']);
$t->{ports}{behind} = $port_behind;
$t->start(http => <<'EOH', locations => <<'EOL');
    server {
        listen       127.0.0.1:%%PORT_real%%;
        server_name  real;

        set_real_ip_from           127.0.0.9;
        real_ip_header             X-Forwarded-For;
        gatehouse_trusted_proxies  127.0.0.9;
        gatehouse_request_id       header=X-Request-Id trusted=127.0.0.9;

        location / {
            gatehouse_authenticate  off;
            gatehouse_limit         name=few rate=1r/h burst=3;
            proxy_set_header        X-Source $remote_addr;
            proxy_pass              http://echo;
        }
    }
EOH
    location / {
        gatehouse_authenticate  api_key;
        proxy_pass              http://127.0.0.1:%%PORT_behind%%;
    }
    location /passed/ {
        gatehouse_authenticate  api_key;
        proxy_set_header        Connection $http_connection;
        proxy_pass              http://127.0.0.1:%%PORT_behind%%;
    }
EOL
start_behind($t->{backend}->port('echo'));


# ---- behind ----------------------------------------------------------------

for my $target ('/', '/passed/') {
    for my $names ('close, X-Principal, X-Principal-Groups, X-Forwarded-For',
                   'x-PRINCIPAL', 'X-Request-Id', 'keep-alive, X-Principal',
                   'X-Principal,close', 'close,,X-Principal', "\tX-Principal",
                   'Host, X-Principal', 'traceparent')
    {
        my $got = $t->get($target, key => $alice, headers => [
            Connection => $names ])->received;
        is(join(' ', map { $got->header($_) // 'none' }
                         qw(X-Principal X-Principal-Groups)),
           'consumer:alice user',
           "A4: behind a second proxy the principal stays: $target"
           . " Connection: $names");
        like($got->header('X-Request-Id') // '', qr/^[0-9a-f]{32}$/,
             'A4: and so does the id of the request');
    }
}
my $got = $t->get('/passed/', key => $alice, headers => [
    Connection => 'close', Connection => 'X-Principal',
    Connection => 'x-principal-groups' ])->received;
is($got->header('X-Principal'), 'consumer:alice',
   'A4: also when the names come on lines of their own');
is($got->header('X-Principal-Groups'), 'user', 'A4: each of them');


# ---- in front --------------------------------------------------------------

# Given a proxy whose address is trusted, and that nginx replaces by the
# client's
my $trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
sub asked {
    my ($from, $for) = @_;
    return $t->get('/', port => $t->port('real'), host => 'real',
                   from => $from, headers => [
        'X-Forwarded-For' => $for, 'X-Forwarded-Proto' => 'theirs',
        'X-Request-Id' => 'their-id', traceparent => $trace ]);
}

$got = asked('127.0.0.9', '127.0.0.5')->received;
is($got->header('X-Source'), '127.0.0.5', 'nginx knows the client');
is(join(' ', map { $got->header($_) // 'none' }
        qw(X-Forwarded-Proto X-Request-Id)), 'theirs their-id',
   'A11: and the proxy is believed, though its address was replaced');
like($got->header('traceparent'), qr/^00-4bf92f3577b34da6/,
     'A11: its trace as well');

# A client with the address of the proxy, behind the proxy, is that proxy's
# word; one that comes by itself and says so is nobody
$got = asked('127.0.0.1', '127.0.0.9')->received;
is($got->header('X-Source'), '127.0.0.1', 'anybody else is who he is');
is(join(' ', map { $got->header($_) // 'none' } qw(X-Forwarded-Proto)),
   'none', 'A11: and is not believed, whatever address he reports');
isnt($got->header('X-Request-Id'), 'their-id', 'A11: nor is his id kept');

# Limits count the client, not the proxy
is(join(' ', map { asked('127.0.0.9', '127.0.0.77')->status } 1 .. 4),
   '200 200 200 429', 'G1: a client behind the proxy has a limit of his own');
is(asked('127.0.0.9', '127.0.0.78')->status, 200,
   'G1: and his neighbour another');

done_testing;
