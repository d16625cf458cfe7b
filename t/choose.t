# Station choose and the router upstream: weights, who stays where, and what
# an upstream of the configuration brings along (THREATS G8).
use Gatehouse::Test timeout => 240;

my $PRINCIPALS = $ENV{GH_CHOOSE_PRINCIPALS}
                 || (Gatehouse::Test::slow() > 1 ? 2000 : 20_000);

# Given services with a blue and a green deployment, and four workers that
# share the work evenly
my $t = Gatehouse::Test->new(
    workers => 4, tls => 1, debug => 0,
    backends => [qw(blue green blue2 spare dead)],
    upstreams => { blue => 'keepalive 8;' });

sub split_of {
    my ($blue, $green, %more) = @_;
    return { default_version => 'v1', versions => { v1 => {
        deployments => {
            blue  => { upstream => 'blue',  initial_weight => "$blue%" },
            green => { upstream => 'green', initial_weight => "$green%" } },
        %more } } };
}

$t->plans(default => '1000000r/s');
$t->services(
    even    => split_of(50, 50, sticky => 'principal'),
    moving  => split_of(90, 10, sticky => 'principal'),
    cookies => split_of(50, 50, sticky => 'cookie'),
    sources => split_of(50, 50, sticky => 'source'),
    free    => split_of(50, 50, sticky => 'none'),
    stored  => split_of(100, 0),
    map { $_ => { default_version => 'v1', versions => { v1 => {
        deployments => { one => { upstream => "up_$_" } } } } } }
        qw(kept least backup broken secure empty));

my $key = $t->token_key(alg => 'HS256', kid => undef);
$t->plant_secret($key->secret);

$t->prepare('');
$t->file('secret', $key->secret);
chmod 0640, $t->dir . '/secret';
chown 0, (getpwnam $t->{user})[3], $t->dir . '/secret' if $> == 0;
$t->backend_set('dead', listen => 0);

$t->start(http => <<'EOH', locations => '');
    gatehouse_token_issuer people {
        issuer    https://people.test;
        audience  api;
        secret    file:%%DIR%%/secret;
    }
    upstream up_kept   { server 127.0.0.1:%%BACKEND_blue%%; keepalive 4; }
    upstream up_least  { least_conn; server 127.0.0.1:%%BACKEND_blue%%;
                         server 127.0.0.1:%%BACKEND_blue2%%; }
    upstream up_backup { server 127.0.0.1:%%BACKEND_dead%%;
                         server 127.0.0.1:%%BACKEND_spare%% backup; }
    upstream up_broken { server 127.0.0.1:%%BACKEND_dead%%; }
    upstream up_secure { server 127.0.0.1:%%PORT_inside%%; }
    upstream up_empty  { server 127.0.0.1:%%BACKEND_blue%% down; }
    server {
        listen               127.0.0.1:%%PORT_inside%% ssl;
        ssl_certificate      %%CERT%%;
        ssl_certificate_key  %%CERT_KEY%%;
        location / {
            gatehouse_authenticate  off;
            proxy_set_header        X-SNI $ssl_server_name;
            proxy_pass              http://green;
        }
    }
    server {
        listen      127.0.0.1:%%PORT_spread%% reuseport;
        add_header  X-Deployment $gatehouse_deployment;
        add_header  X-Worker     $pid;
        location ~ ^/people/(?<of>\w+) {
            gatehouse_authenticate  token=people;
            gatehouse_service       $of;
            proxy_pass              http://gatehouse;
        }
        location ~ ^/open/(?<of>\w+) {
            gatehouse_authenticate  off;
            gatehouse_service       $of;
            proxy_pass              http://gatehouse;
        }
        location ~ ^/named/(?<of>\w+) {
            gatehouse_authenticate  off;
            gatehouse_service       $of;
            set $upstream           gatehouse;
            proxy_pass              http://$upstream;
        }
        location /secure/ {
            gatehouse_authenticate         off;
            gatehouse_service              secure;
            proxy_ssl_verify               on;
            proxy_ssl_trusted_certificate  %%CA%%;
            proxy_ssl_session_reuse        off;
            proxy_ssl_server_name          on;
            proxy_ssl_name                 localhost;
            proxy_pass                     https://gatehouse;
        }
        location /secure/other/ {
            gatehouse_authenticate  off;
            gatehouse_service       secure;
            proxy_ssl_session_reuse off;
            proxy_ssl_server_name   on;
            proxy_pass              https://gatehouse;
        }
        location /secure/wrong/ {
            gatehouse_authenticate         off;
            gatehouse_service              secure;
            proxy_ssl_verify               on;
            proxy_ssl_trusted_certificate  %%CA%%;
            proxy_pass                     https://gatehouse;
        }
        location /of/ {
            gatehouse_status;
        }
        location /nothing/ {
            gatehouse_authenticate  off;
            proxy_pass              http://gatehouse;
        }
    }
EOH

my @spread = (port => $t->port('spread'));

sub token_of {
    my ($name) = @_;
    return $key->sign({ iss => 'https://people.test', aud => 'api',
                        sub => $name, exp => time + 3600 });
}

# Each of the header lists once: where it went, or the status.
sub placed {
    my ($target, @each) = @_;
    my @where;

    while (my @batch = splice @each, 0, 50) {
        my $http = $t->connect(@spread);
        $http->send_raw(join '', map {
            Gatehouse::Test::Http::format_request(
                'GET', $target, [ [ Host => 'localhost' ], @$_ ])
        } @batch);
        for (@batch) {
            my $res = $http->read_response('GET');
            push @where, $res->status == 200 ? $res->header('X-Deployment')
                                             : $res->status;
        }
    }
    return @where;
}

sub count_of { my ($what, @list) = @_; return scalar grep { $_ eq $what } @list }


# ---- weights ----------------------------------------------------------------

my @people = map { [ [ Authorization => 'Bearer ' . token_of("p$_") ] ] }
             1 .. $PRINCIPALS;
$t->plant_secret($people[0][0][1]);

# Equal weights: n/2 within four sigma of a coin
my @first = placed('/people/even', @people);
my $blue  = count_of('blue', @first);
is($blue + count_of('green', @first), $PRINCIPALS, 'everybody goes somewhere');
cmp_ok(abs($blue - $PRINCIPALS / 2), '<=', 4 * sqrt($PRINCIPALS) / 2,
       "of $PRINCIPALS on equal weights half are on each side ($blue)");
is_deeply([ placed('/people/even', @people[0 .. 199]) ], [ @first[0 .. 199] ],
          'and stay there, whichever worker answers');

# From ten percent to thirty
my @before = placed('/people/moving', @people);
my ($status, $out, $err) = $t->tool('traffic', 'set', 'moving/v1',
                                    'green=30%', '--reason', 'more of it');
is($status, 0, 'traffic set: done') or diag("$out$err");
in_force('moving/v1', 3000);
my @after = placed('/people/moving', @people);

cmp_ok(abs(count_of('green', @before) - $PRINCIPALS * 0.1), '<=',
       4 * sqrt($PRINCIPALS * 0.09), 'ten percent were a tenth');
cmp_ok(abs(count_of('green', @after) - $PRINCIPALS * 0.3), '<=',
       4 * sqrt($PRINCIPALS * 0.21), 'thirty percent are three tenths');
is(scalar(grep { $before[$_] eq 'green' && $after[$_] ne 'green' }
          0 .. $#people), 0, 'and nobody who was there has left');



# ---- changes ----------------------------------------------------------------

# From blue to green and back; no reload, no policy
is(join(' ', placed('/open/stored', ([]) x 8)), join(' ', ('blue') x 8),
   'all on blue, as the file says');
($status, $out, $err) = $t->tool('traffic', 'switch', 'stored/v1', 'green');
is($status, 0, 'traffic switch: done') or diag("$out$err");
in_force('stored/v1', 10000);
is(join(' ', placed('/open/stored', ([]) x 8)), join(' ', ('green') x 8),
   'all on green');
($status, $out, $err) = $t->tool('traffic', 'reset', 'stored/v1');
is($status, 0, 'traffic reset: done') or diag("$out$err");
in_force('stored/v1', 0);
is(join(' ', placed('/open/stored', ([]) x 8)), join(' ', ('blue') x 8),
   'and back to what the file says');

# Over a reload and a start the store's weights stand
$t->reload;
in_force('moving/v1', 3000);
is_deeply([ placed('/people/moving', @people[0 .. 199]) ],
          [ @after[0 .. 199] ], 'a reload moves nobody');
$t->restart;
in_force('moving/v1', 3000);
is_deeply([ placed('/people/moving', @people[0 .. 199]) ],
          [ @after[0 .. 199] ], 'nor does a start');


# ---- who is who -------------------------------------------------------------

# By source: this machine is one
my @sources = map { placed('/open/sources', ([]) x 5) } 1 .. 4;
is(count_of($sources[0], @sources), 20, 'a source stays where it is');
my %sides = map {
    $t->get('/open/sources', @spread, from => "127.0.1.$_")
      ->header('X-Deployment') => 1
} 1 .. 40;
is(join(' ', sort keys %sides), 'blue green', 'sources are on both sides');

# By nothing
%sides = map { $_ => 1 } placed('/open/free', ([]) x 60);
is(join(' ', sort keys %sides), 'blue green',
   'without stickiness one caller sees both sides');

# By cookie
my $res    = $t->get('/open/cookies', @spread);
my $cookie = $res->header('Set-Cookie');
like($cookie, qr/^__Host-gh-sticky=[\w-]{22}\.[\w-]{22};\ Path=\/;
                 \ Secure;\ HttpOnly;\ SameSite=Lax$/x,
     'a browser gets a cookie that only this host over TLS sees');
my ($value) = $cookie =~ /^([^;]+)/;

my @again = map { $t->get('/open/cookies', @spread, headers => [
    Cookie => "a=b; $value; c=d" ]) } 1 .. 12;
is(count_of($res->header('X-Deployment'), map { $_->header('X-Deployment') }
         @again), 12, 'with which it stays where it is');
is(scalar(grep { defined $_->header('Set-Cookie') } @again), 0,
   'and gets no other');
%sides = map { $_ => 1 } placed('/open/cookies', ([]) x 40);
is(join(' ', sort keys %sides), 'blue green', 'browsers are on both sides');

# G8: what a client makes up is no cookie of ours
my ($name, $id, $mac) = $value =~ /^([^=]+)=([^.]+)\.(.+)$/;
my $other = $id =~ tr/a-zA-Z/b-zaB-ZA/r;
for my $forged ("$name=green", "$name=v2", "$name=", "$name=$id",
                "$name=$id.", "$name=$id." . 'A' x 22, "$name=$other.$mac",
                "$name=$id.$mac.", "$name=$id.$mac; $name=$id.$mac",
                "\U$name\E=$id.$mac")
{
    $res = $t->get('/open/cookies', @spread, headers => [ Cookie => $forged ]);
    is($res->status, 200, 'G8: a forged cookie harms nobody');
    my ($new) = ($res->header('Set-Cookie') // '') =~ /^([^;]+)/;
    ok(defined $new && $new ne $value,
       'G8: and is replaced: ' . $forged =~ s/\Q$id\E/ID/gr
                                         =~ s/\Q$mac\E/MAC/gr);
}
my @words = map { [ $_ ] } (
    [ Cookie => 'gh_canary=v2' ], [ Cookie => 'gh_canary=green' ],
    [ Cookie => "$name=green" ], [ 'X-Canary' => 'green' ],
    [ 'X-Gatehouse-Deployment' => 'green' ], [ 'X-Deployment' => 'green' ],
    [ 'X-Gatehouse-Canary' => '1' ]);
is(count_of('blue', placed('/open/stored?gh_canary=green', @words)),
   scalar @words, 'G8: nothing a client says leads to what has no weight');


# ---- upstreams of the configuration -----------------------------------------

$t->journal_clear;
my $http = $t->connect(@spread);
for (1 .. 6) {
    $res = $t->request('GET', '/open/kept', connection => $http);
}
my %conns = map { $_->conn => 1 } $t->journal('blue');
is(scalar keys %conns, 1, 'six requests share one kept connection');
is($res->header('X-Deployment'), 'one', 'of the one deployment there is');

$t->journal_clear;
is(count_of('one', placed('/open/least', ([]) x 10)), 10,
   'least_conn balances');
my $counts = $t->counts;
ok($counts->{blue} && $counts->{blue2}, 'over both of its servers');

is(count_of('one', placed('/open/backup', ([]) x 6)), 6,
   'a backup stands in for a server that is down');
cmp_ok($t->metric('gatehouse_upstream_failures_total', service => 'backup'),
       '>', 0, 'and the failed tries are counted');

is($t->get('/open/broken', @spread)->status, 502,
   'where nobody is behind, 502');
is($t->get('/open/empty', @spread)->status, 502,
   'and where nobody is to be asked');
is($t->get('/open/none', @spread)->status, 404,
   'a service that nobody declared is not there');
is($t->get('/named/stored', @spread)->header('X-Deployment'), 'blue',
   'the router is found by a name in a variable too');

$res = $t->get('/secure/', @spread);
is($res->status, 200, 'TLS to a deployment, verified');
is($res->received->header('X-SNI'), 'localhost', 'under the name given');
$res = $t->get('/secure/other/', @spread);
is($res->received->header('X-SNI'), 'up_secure',
   'or that of its upstream');
is($t->get('/secure/wrong/', @spread)->status, 502,
   'a name that the certificate has not is no deployment');

is($t->get('/nothing/', @spread)->status, 500,
   'without a service there is no deployment');
like($t->error_log, qr/no deployment was chosen: a location with "proxy_pass/,
     'and the log says what is missing');

done_testing;


# Every worker has it, as the status page of each says after it was asked.
sub in_force {
    my ($version, $green) = @_;
    my $began = Time::HiRes::time();
    my ($service) = split m{/}, $version;

    $t->wait_for(sub {
        my %has;
        for (1 .. 16) {
            my $http = $t->connect(@spread);
            my $res  = $t->request('GET', "/people/$service",
                                   connection => $http,
                                   headers => $people[0]);
            my $doc  = $t->request('GET', '/of/status', connection => $http,
                                   host => '127.0.0.1')->json;
            $has{ $res->header('X-Worker') }
                = $doc->{traffic}{$version}{weights}{green};
        }
        return keys %has == 4 && !grep { $_ != $green } values %has;
    }, 10, "green=$green on every worker");
    note(sprintf '%s: in force everywhere after %.2f s', $version,
         Time::HiRes::time() - $began);
    return;
}
