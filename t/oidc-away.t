# Providers hang, dribble, flood, or are not there: whoever needs nothing of
# them is served meanwhile, whoever does is told, and it heals. Workers reload
# and die while logins wait. Those who leave have t/oidc-aborts.t.
use Gatehouse::Test;
use Gatehouse::Test::SignOn;

my $so = Gatehouse::Test::SignOn->new(
    provider => "    jwks_min_interval 1s;\n");
my ($t, $op) = ($so->t, $so->op);
my $robot = $t->consumer('robot');
my $NAME  = '__Host-gh-staff';

# Ten more providers, each with one fault
my @FAULTS = (
    [ 'token.hang' => 1, '503' ], [ 'token.stall' => 1, '503' ],
    [ 'token.slow' => 1, '303' ], [ 'token.drip' => 0.02, '503|303' ],
    [ 'token.huge' => 1, '403|503' ], [ 'token.endless' => 1, '403|503' ],
    [ 'token.garbage' => 1, '403|503' ], [ 'userinfo.hang' => 1, '503' ],
    [ 'userinfo.unbounded' => 1, '403|503' ],
    [ 'token.header_endless' => 1, '403|503' ],
);
my @bad = map { Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256') }
          @FAULTS;
my @conf = (http => join('', map { $so->block("bad$_", $bad[$_]) } 0 .. $#bad),
            locations => join '', (map { <<"EOL" } 0 .. $#bad), <<'EOL');
    location /bad$_ {
        gatehouse_authenticate  oidc=bad$_;
        proxy_pass              http://echo;
    }
EOL
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /api {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
EOL

# One request on its way, without waiting for its answer
sub launch {
    my ($who, $method, $to, @more) = @_;
    my $body = ref $more[-1] eq 'SCALAR' ? ${ pop @more } : undef;
    my $url  = Gatehouse::Test::Page::parse_url($to);
    my $http = Gatehouse::Test::Http->new(
        port => $url->{port}, timeout => 20 * Gatehouse::Test::slow(),
        tls => $who->tls($url->{host}));
    my $cookie = $who->jar->header($url);
    my @headers = ([ Host => "$url->{host}:$url->{port}" ],
                   [ Accept => 'text/html' ],
                   $cookie ? [ Cookie => $cookie ] : (), @more);
    $http->send_raw(Gatehouse::Test::Http::format_request(
        $method, $url->{target}, \@headers, $body));
    return $http;
}

sub callback {
    my ($page) = @_;
    my $who = $so->person;
    my $to  = $who->visit($so->at . ($page // '/page'),
                          stop => qr{/oidc_callback});
    return ($who, $to->location);
}

sub answer { return $_[0]->read_response('GET')->status }

sub heals {
    my ($page) = @_;
    return eval {
        wait_for(sub { ($so->login($page // '/'))[0]->status == 200 }, 10);
    } || 0;
}


# ---- not there at the start ------------------------------------------------------------

$op->stop;
$so->start(@conf);
is($t->get('/api', key => $robot)->status, 200,
   'who needs no provider is served from the start');
my $early = $so->person->ask(GET => $so->at . '/');
is($early->status, 503, 'who does is told that it is not possible now');
ok($early->header('Retry-After'), 'and when to come back');
is($early->header('Set-Cookie'), undef, 'without a cookie');
$op->start;
ok(heals(), 'it heals by itself');


# ---- it hangs, and more -------------------------------------------------------------------

my $alice = $so->login('/');
my $hers  = [ Cookie => "$NAME=" . $alice->cookie($NAME)->{value} ];

# Two logins at each are under way, and each worker knows metadata and keys
my @flight = map { my $i = $_;
    [ map { [ callback("/bad$i") ] } 1, 2 ] } 0 .. $#bad;
for my $i (0 .. $#bad) {
    $bad[$i]->misbehave(@{ $FAULTS[$i] }[0, 1]);
    $_ = launch($_->[0], GET => $_->[1]) for @{ $flight[$i] };
}
for my $i (0 .. $#bad) {
    my ($endpoint) = split /\./, $FAULTS[$i][0];
    wait_for(sub { $bad[$i]->asked($endpoint) >= 2 }, 10, $FAULTS[$i][0]);
}

my %seen;
for (1 .. 50) {
    $seen{ $t->get('/', host => 'gw.test', headers => $hers)->status }++;
    $seen{ $t->get('/api', key => $robot)->status }++;
}
is(join(' ', %seen), '200 100', 'J5: a hundred others are served');

for my $i (0 .. $#bad) {
    my ($name, undef, $expected) = @{ $FAULTS[$i] };
    my @got = map { answer($_) } @{ $flight[$i] };
    is(scalar(grep { /^(?:$expected)$/ } @got), 2,
       "J5: $name: the two who need it hear of it") or diag("@got");
    $bad[$i]->behave;
}
ok(heals("/bad$_"), "J5: $FAULTS[$_][0]: it heals") for 0 .. $#bad;
$so->is_same('no worker has died');


# ---- reload and kill while somebody waits ---------------------------------------------------

my ($bob, $his) = callback();
$op->misbehave('token.slow' => 1)->forget;
my $waits = launch($bob, GET => $his);
wait_for(sub { $op->asked('token') }, 5, 'a token call');
ok($t->reload($so->text(@conf)), 'a reload while a login waits');
is(answer($waits), 303, 'the login ends well');
undef $waits;

($bob, $his) = callback();
$op->behave->misbehave('token.hang' => 1)->forget;
$waits = launch($bob, GET => $his);
wait_for(sub { $op->asked('token') }, 5, 'a token call');
$t->kill_worker for 1, 2;
is(answer($waits), 0, 'a killed worker answers nobody');
undef $waits;
$op->behave;
is($bob->ask(GET => $his)->status, 400, 'that login is over');
ok(heals(), 'and the next one works');


# ---- people who leave ---------------------------------------------------------------------

# All of them leave while the provider hangs, and the worker goes besides
$op->misbehave('token.hang' => 1);
my @gone = map { my ($who, $to) = callback(); launch($who, GET => $to) } 1 .. 6;
splice @gone, 0, 3;
ok($t->reload($so->text(@conf)), 'a reload with logins that nobody waits for');
@gone = ();
$op->behave;
ok(heals(), 'is one like any other');

$t->plant_secret(grep { length() < 4096 && !/^eyJ/ }
                 map { $_->secrets } $op, @bad);
done_testing;
