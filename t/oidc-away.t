# The provider hangs, dribbles, floods, or is not there: whoever needs nothing
# of it is served meanwhile, whoever does is told, and it heals. People leave,
# workers reload and die at every point of a login.
#
# environment: GH_ABORTS=1000 for the long version, SEED
use Gatehouse::Test timeout => 400 + 3 * ($ENV{GH_ABORTS} || 0);
use Gatehouse::Test::SignOn;

my $seed = $ENV{SEED} // 7;
srand $seed;
note "SEED=$seed";

my $so = Gatehouse::Test::SignOn->new(
    provider => "    jwks_min_interval 1s;\n");
my ($t, $op) = ($so->t, $so->op);
my $robot = $t->consumer('robot');
my $NAME  = '__Host-gh-staff';
my @conf  = (locations => <<'EOL');
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
    my $who = $so->person;
    my $to  = $who->visit($so->at . '/page', stop => qr{/oidc_callback});
    return ($who, $to->location);
}

# Two callbacks that the provider was asked for. Each worker has its own mind
# on whether it is worth asking: where the fault before is not forgotten yet
# they are refused at once, and others come.
sub begun {
    my ($name, $value, $endpoint) = @_;
    my @flight;

    wait_for(sub {
        my @people = map { [ callback() ] } 1, 2;
        $op->misbehave($name => $value)->forget;
        @flight = map { launch($_->[0], GET => $_->[1]) } @people;
        my $asked = eval { wait_for(sub { $op->asked($endpoint) >= 2 }, 1) };
        $op->behave if !$asked;
        return $asked;
    }, 20, "$name to begin");

    return @flight;
}

sub answer { return $_[0]->read_response('GET')->status }

sub heals {
    return eval {
        wait_for(sub { ($so->login('/'))[0]->status == 200 }, 10);
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
my %over  = %{ $alice->cookie($NAME) };
my $hers  = [ Cookie => "$NAME=" . $alice->cookie($NAME)->{value} ];

for (
    [ 'token.hang' => 1, '503' ], [ 'token.stall' => 1, '503' ],
    [ 'token.slow' => 1, '303' ], [ 'token.drip' => 0.02, '503|303' ],
    [ 'token.huge' => 1, '403|503' ], [ 'token.endless' => 1, '403|503' ],
    [ 'token.garbage' => 1, '403|503' ], [ 'userinfo.hang' => 1, '503' ],
    [ 'userinfo.unbounded' => 1, '403|503' ],
    [ 'token.header_endless' => 1, '403|503' ],
) {
    my ($name, $value, $expected) = @$_;
    my ($endpoint, $fault) = split /\./, $name;
    my @flight = begun($name, $value, $endpoint);

    my %seen;
    for (1 .. 25) {
        $seen{ $t->get('/', host => 'gw.test',
                       headers => $hers)->status }++;
        $seen{ $t->get('/api', key => $robot)->status }++;
    }
    is(join(' ', %seen), '200 50', "J5: $name: fifty others are served");
    my @got = map { answer($_) } @flight;
    is(scalar(grep { /^(?:$expected)$/ } @got), 2,
       "J5: $name: and the two hear of it") or diag("@got");
    $op->behave;
    ok(heals(), "J5: $name: it heals") ;
}
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

# Given a store that answers late too, so that every step is an await
$t->{store} = 'test:lmdb:%%DIR%%/state?seed=7&delay=4&late=8';
$t->restart($so->text(@conf));
my $pids = join ' ', $t->workers;
ok(heals(), 'a store that answers late is fine');

my $times = $ENV{GH_ABORTS} || 25;
my $back  = $so->at . '/oidc_backchannel_logout';
my $form  = [ 'Content-Type', 'application/x-www-form-urlencoded' ];
my %leave = (
    begin => sub { launch($so->person, GET => $so->at . '/') },
    callback => sub { my ($who, $to) = callback(); launch($who, GET => $to) },
    logout => sub { my $who = $so->login('/');
        launch($who, GET => $so->at . '/oidc_logout',
               [ 'Sec-Fetch-Site', 'none' ]) },
    back_channel => sub { $so->login('/');
        my $text = 'logout_token=' . $op->logout_token;
        launch($so->person, POST => $back, $form, \$text) },
    half_a_token => sub {
        launch($so->person, POST => $back, $form,
               [ 'Content-Length', 500 ], \'logout_token=x') },
    refresh => sub { $op->misbehave(expires_in => 1);
        my $who = $so->login('/');
        $op->behave('expires_in');
        my $at = time;
        wait_for(sub { time >= $at + 2 }, 5);
        launch($who, GET => $so->at . '/') },
    form => sub { my $who = $so->person;
        $who->jar->plant(%over);
        my $text = 'a=' . 'b' x 3000;
        launch($who, POST => $so->at . '/save', $form,
               [ 'Sec-Fetch-Site', 'same-origin' ], \$text) },
);
$alice->visit($so->at . '/oidc_logout');
$op->misbehave('token.slow' => 0.01, 'refresh.slow' => 0.01,
               'userinfo.slow' => 0.01);
for my $what (sort keys %leave) {
    my $n = $what eq 'refresh' ? 1 + $times / 10 : $times;
    for (1 .. $n) {
        my $http = $leave{$what}->();
        # somewhere on its way
        select undef, undef, undef, rand 0.05;
        undef $http;
    }
    is(join(' ', $t->workers), $pids, "people leave during $what");
}
$op->behave;
ok(heals(), 'and those who stay log in');

# All of them leave while the provider hangs, and the worker goes besides
$op->misbehave('token.hang' => 1);
my @gone = map { my ($who, $to) = callback(); launch($who, GET => $to) } 1 .. 6;
splice @gone, 0, 3;
ok($t->reload($so->text(@conf)), 'a reload with logins that nobody waits for');
@gone = ();
$op->behave;
ok(heals(), 'is one like any other');

$t->plant_secret(grep { length() < 4096 && !/^eyJ/ } $op->secrets);
done_testing;
