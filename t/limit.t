# Station limit: plans, named limits and bad credentials are each charged
# once per request, give back what another refused, and say so on the wire
# (THREATS 1.G).
use Gatehouse::Test;

# Given slow plans, so that nothing comes back while the test runs
my $t = Gatehouse::Test->new(backends => ['inner'], connections => 2048);
$t->plans(
    slow      => '1r/h burst=3',
    roomy     => '1r/h burst=50',
    windows   => { limits => { burst => '1r/h burst=3', day => '5r/day' } },
    apart     => { limits => { main => '1r/h burst=2' }, per => 'service' },
    default   => '1r/h burst=4',
    anonymous => '1r/h burst=2');
$t->services(map {
    $_ => { versions => { v1 => { deployments =>
                                  { blue => { upstream => 'echo' } } } },
            default_version => 'v1' }
} qw(orders bills));

sub caller_on { return scalar $t->consumers(1, plan => $_[0]) }

my %who = map { $_ => caller_on($_) } qw(slow roomy windows apart);
my $neighbour = caller_on('slow');
my $default   = $t->consumers(1);
my ($second)  = ($t->consumers(1, plan => 'slow'))[0];

$t->start(http => <<'EOH', locations => <<'EOL');
    server {
        listen                 [::1]:%%PORT_six%%;
        listen                 [::]:%%PORT_mapped%% ipv6only=off;
        server_name            localhost;
        gatehouse_authenticate off;
        location / {
            gatehouse_limit    name=source rate=1r/h burst=3;
            proxy_pass         http://echo;
        }
    }
EOH
    location /plan {
        gatehouse_authenticate  optional api_key;
        gatehouse_api_key       header=X-API-Key query=api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
    location /orders/ {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        gatehouse_service       orders;
        proxy_pass              http://gatehouse;
    }
    location /bills/ {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        gatehouse_service       bills;
        proxy_pass              http://gatehouse;
    }
    location /tight/ {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        gatehouse_limit         name=tight rate=1r/h burst=2
                                key=$gatehouse_consumer;
        proxy_pass              http://echo;
    }
    location /free/ {
        gatehouse_authenticate  api_key;
        gatehouse_limit         off;
        proxy_pass              http://echo;
    }
    location /login {
        gatehouse_authenticate  off;
        gatehouse_limit         name=login rate=1r/h burst=5;
        proxy_pass              http://echo;
    }
    location /login-too {
        gatehouse_authenticate  off;
        gatehouse_limit         name=login rate=1r/h burst=5;
        proxy_pass              http://echo;
    }
    location /tenant {
        gatehouse_authenticate  off;
        gatehouse_limit         name=tenant rate=1r/h burst=2
                                key=$http_x_tenant;
        proxy_pass              http://echo;
    }
    location /source {
        gatehouse_authenticate  off;
        gatehouse_limit         name=source rate=1r/h burst=3;
        set_real_ip_from        127.0.0.0/8;
        real_ip_header          X-Test-Source;
        proxy_pass              http://echo;
    }
    location /accel/ {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
    location /inner/ {
        internal;
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_set_header        X-Echo "";
        proxy_pass              http://inner;
    }
    location /try/ {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        try_files               /nothing /there @tried;
        proxy_pass              http://echo;
    }
    location @tried {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
    location /bad/ {
        gatehouse_authenticate     api_key;
        gatehouse_bad_credentials  rate=1r/h burst=5;
        proxy_pass                 http://echo;
    }
    location /bad-off/ {
        gatehouse_authenticate     api_key;
        gatehouse_bad_credentials  off;
        proxy_pass                 http://echo;
    }
EOL

# What "RateLimit" says is left of a limit.
sub left {
    my ($res, $name) = @_;
    return ($res->header('RateLimit') // '') =~ /"\Q$name\E";r=(\d+)/
           ? $1 : undef;
}

sub statuses { return join ' ', map { $_->status } @_ }


# When somebody on a plan of three asks five times
my @got = map { $t->get('/plan', key => $who{slow}) } 1 .. 5;

# Then two are refused, before the service, with a way back
is(statuses(@got), '200 200 200 429 429', 'a burst of three, then refused');
is($t->counts->{echo}, 3, 'what is refused never reaches the service');
is($got[0]->header('RateLimit-Policy'), '"main";q=3;w=10800',
   'G9: the policy is told: three, refilled in three hours');
is(join(' ', map { left($_, 'main') } @got), '2 1 0 0 0',
   'G9: what is left counts down to nothing and not below');
like($got[3]->header('Retry-After'), qr/^3[56]\d\d$/,
     'G9: told to return when one request has come back');
is($got[3]->header('Content-Type'), 'application/problem+json',
   'a program is told as a problem document');
is($got[3]->json->{status}, 429, 'with the status in it');
is($got[0]->header('Retry-After'), undef, 'who is served need not return');
is(statuses(map { $t->get('/plan', key => $neighbour) } 1 .. 3),
   '200 200 200', 'a neighbour on the same plan is served');

# A reload forgets nothing
ok($t->reload, 'a reload takes place');
is($t->get('/plan', key => $who{slow})->status, 429,
   'a reload does not fill a bucket');

# G3: one counter, however it is asked for
$t->journal_clear;
my $api = "?api_key=$second";
$t->plant_secret("$second");
@got = ($t->get('/plan', key => $second), $t->get("/plan$api"),
        $t->get("//plan$api"), $t->get("/%70lan$api"),
        $t->get('/plan/x/../y', key => $second),
        $t->get('/plan', headers => [ 'x-api-KEY' => "$second" ]));
is(scalar(grep { $_->status == 200 } @got), 3,
   'G3: header, query, case and spelling of the path count in one bucket: '
   . statuses(@got));
is(scalar $t->journal, 3, 'G3: the service saw three');

# Several windows of one plan: the short one and the day's quota
@got = map { $t->get('/plan', key => $who{windows}) } 1 .. 4;
is(statuses(@got), '200 200 200 429', 'of several windows each must admit');
is($got[2]->header('RateLimit-Policy'),
   '"burst";q=3;w=10800, "day";q=5;w=86400', 'G9: both are told');
is(left($got[2], 'burst') . ' ' . left($got[2], 'day'), '0 2',
   'G9: with what is left of each');

# Reserved plans
@got = map { $t->get('/plan', key => $default) } 1 .. 5;
is(statuses(@got), '200 200 200 200 429',
   'a consumer without a plan is on "default"');
@got = map { $t->get('/plan', from => '127.0.0.21') } 1 .. 3;
is(statuses(@got), '200 200 429', 'who is nobody is on "anonymous"');
is($t->get('/plan', from => '127.0.0.22')->status, 200,
   'each source by itself');

# per: service
is(statuses(map({ $t->get('/orders/', key => $who{apart}) } 1 .. 3),
            map { $t->get('/bills/', key => $who{apart}) } 1 .. 3),
   '200 200 429 200 200 429', 'a plan per service counts each by itself');

# What one limit took comes back when another refuses
@got = map { $t->get('/tight/', key => $who{roomy}) } 1 .. 12;
is(statuses(@got), join(' ', 200, 200, (429) x 10), 'the tight one refuses');
is(left($t->get('/plan', key => $who{roomy}), 'main'), 47,
   'and what it refused cost the plan nothing');
is($t->get('/free/', key => $who{roomy})->header('RateLimit'), undef,
   'a location can do without');

# Once per request, through however many locations it goes
my $before = left($t->get('/plan', key => $who{roomy}), 'main');
my $res = $t->get('/accel/', key => $who{roomy},
                  headers => [ 'X-Echo' => 'accel=/inner/x' ]);
is($res->received->backend, 'inner', 'a redirect by the service is followed');
is(left($res, 'main'), $before - 1, 'and charged once');
$res = $t->get('/try/', key => $who{roomy});
is($res->status, 200, 'try_files leads to a named location');
is(left($res, 'main'), $before - 2, 'and is charged once');

# One name, one counter
is(statuses(map({ $t->get('/login') } 1 .. 3),
            map { $t->get('/login-too') } 1 .. 3),
   '200 200 200 200 200 429', 'a name is one counter in two locations');
is($t->get('/login', from => '127.0.0.31')->status, 200,
   'by source, unless told otherwise');
@got = map { $t->get('/tenant', headers => [ 'X-Tenant' => $_ ]) }
       qw(a a a b A);
is(statuses(@got), '200 200 429 200 200', 'or by what key= says');
is(statuses(map { $t->get('/tenant') } 1 .. 5), join(' ', (200) x 5),
   'an empty key is not counted');
my $long = 'x' x 3000;
@got = map { $t->get('/tenant', headers => [ 'X-Tenant' => $_ ]) }
       $long, "${long}y", $long, $long, "${long}y";
is(statuses(@got), '200 200 200 429 200', 'long keys are told apart');
@got = map { $t->get('/tenant', headers => [ 'X-Tenant' => $_ ]) }
       '%s%n', '%s%n', "a\tb", '%s%n';
is(statuses(@got), '200 200 200 429', 'a key is data, whatever is in it');

# G1: a source is the connection's peer, not what a header says
$t->journal_clear;
@got = map {
    my $ip = join '.', map { int rand 256 } 1 .. 4;
    $t->get('/login', from => '127.0.0.32', headers => [
        'X-Forwarded-For' => "$ip, 10.0.0.$_", Forwarded => "for=$ip",
        'X-Real-IP' => $ip, 'True-Client-IP' => $ip ])
} 1 .. 60;
is(scalar(grep { $_->status == 200 } @got), 5,
   'G1: sixty forged addresses are one source');
is(scalar $t->journal, 5, 'G1: the service saw the burst');

# G2: the /64 of IPv6 is one source
sub from_source { return $t->get('/source', headers => [
    'X-Test-Source' => $_[0] ])->status }

@got = map { from_source(sprintf 'fd00:0:0:7:%x:%x:%x:%x',
                         map { int rand 65536 } 1 .. 4) } 1 .. 60;
is(scalar(grep { $_ == 200 } @got), 3,
   'G2: sixty addresses of one /64 are one source');
is(from_source('fd00:0:0:8::1'), 200, 'G2: the next /64 is another');
is(join(' ', map { from_source($_) } '10.9.8.7', '::ffff:10.9.8.7',
        '::ffff:a09:807', '10.9.8.7', '::ffff:10.9.8.7'),
   '200 200 200 429 429', 'G2: IPv4 in IPv6 is that IPv4');
is(from_source('10.9.8.8'), 200, 'G2: each IPv4 address by itself');

SKIP: {
    my $six = IO::Socket::IP->new(PeerHost => '::1',
                                  PeerPort => $t->port('six'));
    skip 'no IPv6 here', 2 if !$six;
    close $six;

    @got = map { ask_at('::1', 'six') } 1 .. 4;
    is(join(' ', @got), '200 200 200 429', 'G2: over IPv6 too');
    @got = (map({ ask_at('127.0.0.33', 'mapped') } 1 .. 2),
            map { from_source('127.0.0.33') } 1 .. 2);
    is(join(' ', @got), '200 200 200 429',
       'G2: on a socket for both, IPv4 is the same source');
}

sub ask_at {
    my ($address, $port) = @_;
    my $v4   = $address =~ /^127/;
    my $http = Gatehouse::Test::Http->new(
        address => $v4 ? '127.0.0.1' : $address, port => $t->port($port),
        from => $v4 ? $address : undef);
    $http->send_raw("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return $http->read_response('GET')->status;
}

# G4: a source that guesses is refused before its keys are looked at
$t->journal_clear;
my @wrong = map { Gatehouse::Test::Consumer::new_key("guess$_") } 1 .. 20;
@got = map { $t->get('/bad/', key => $_, from => '127.0.0.41') } @wrong;
is(statuses(@got), join(' ', (401) x 5, (429) x 15),
   'G4: five wrong keys, then no more guesses');
like($got[5]->header('Retry-After'), qr/^\d+$/, 'G4: told when to return');
is($got[5]->header('RateLimit'), undef,
   'G4, G9: and nothing of what others have left');
is($t->get('/bad/', key => $who{roomy}, from => '127.0.0.41')->status, 429,
   'G4: from there not even a good key is looked at');
is($t->get('/bad/', key => $who{roomy}, from => '127.0.0.42')->status, 200,
   'G4: from elsewhere it is served');
is($t->get('/bad/', from => '127.0.0.41')->status, 401,
   'G4: who sends no key is told to, not counted');
is(statuses(map { $t->get('/bad-off/', key => $_, from => '127.0.0.43') }
            @wrong), join(' ', (401) x 20), 'G4: unless it is switched off');
is($t->get('/bad-off/', key => $who{roomy}, from => '127.0.0.41')->status,
   200, 'G4: there a guessing source with a good key is served');
is(scalar $t->journal, 2, 'G4: the service saw the two good ones');
is($t->metric('gatehouse_decisions_total',
              reason => 'bad_credentials_limited'), 16,
   'G4: and they are counted');

# and by default, where nothing is configured: fifty, then ten a second
@got = map { $t->get('/free/', key => $wrong[$_ % 20],
                     from => '127.0.0.44')->status } 1 .. 500;
cmp_ok(scalar(grep { $_ == 401 } @got), '>=', 50,
       'G4: by default fifty guesses are free');
cmp_ok(scalar(grep { $_ == 429 } @got), '>', 0, 'G4: five hundred are not');

# G9: sane for everybody at once
my $load = $t->load('/plan', key => $who{roomy}, clients => 8, seconds => 1)
             ->wait;
is($load->failed, 0, 'under load everybody is answered');
my %status = $load->status;
is(join(' ', sort keys %status), '200 429', 'served or refused, no third');
$res = $t->get('/plan', key => $who{roomy});
is(left($res, 'main'), 0, 'G9: and nothing is left, not less');
is($status{200}, $before - 2, 'G5: exactly what was left was served');

# What nginx -t says
my $where = 'in locations.conf:1';
my $conf  = Gatehouse::Test->new(status => 0);
sub refused { return $conf->conf_error("location / { gatehouse_authenticate "
                                       . "off; $_[0] proxy_pass http://echo;"
                                       . ' }') }

like(refused('gatehouse_limit rate=1r/s;'), qr/needs name=NAME.* \Q$where/,
     'a limit without a name is refused');
like(refused('gatehouse_limit name=a;'), qr/needs rate=.* \Q$where/,
     'and without a rate');
like(refused('gatehouse_limit name=a rate=ten;'),
     qr/limit "ten": .* \Q$where/, 'and with a rate that is none');
like(refused('gatehouse_limit name=a rate=0r/s;'),
     qr/limit "0r\/s": .* \Q$where/, 'and with a rate of nothing');
like(refused('gatehouse_limit name=a rate=1r/s; gatehouse_limit name=a '
             . 'rate=2r/s;'), qr/another rate in|given twice/,
     'and with two rates under one name');
like(refused('gatehouse_limit plan burst=5;'),
     qr/takes only cost= beside "plan"/, 'and a plan with numbers');
like(refused('gatehouse_limit off; gatehouse_limit plan;'),
     qr/stands beside "gatehouse_limit off;"/, 'and "off" beside a limit');
like(refused('gatehouse_bad_credentials rate=10r/day;'),
     qr/takes a rate per second, minute or hour/,
     'and bad credentials by the day');

done_testing;
