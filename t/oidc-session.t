# A session from its cookie to its end: refreshed once for all who wait,
# bound to its host and provider, alive after reload, restart and crash, over
# when its time is, when the provider says so, or when its record goes.
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::SignOn;

my $so = Gatehouse::Test::SignOn->new(
    t => { debug => 0 },        # of ten thousand requests
    provider => "    jwks_min_interval 1s;\n");
my ($t, $op) = ($so->t, $so->op);
my $other = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256');

# Providers that cannot answer, each in its way; they wait side by side
my @away = map { { what => $_->[0], switch => $_->[1], op =>
    Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256') } } (
    [ 'that is broken', { 'refresh.status' => 503 } ],
    [ 'that hangs up', { 'refresh.close' => 1 } ],
    [ 'that answers with a page', { 'refresh.html' => 1 } ],
    [ 'that is busy', { 'refresh.retry' => 5 } ],
    [ 'that is out of its mind', { 'refresh.error' => '400 temporarily' } ]);
my @conf = (http => $so->block('other', $other), locations => <<'EOL');
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /admin/ {
        gatehouse_authenticate  oidc=staff;
        gatehouse_authorize     group=admin;
        proxy_pass              http://echo;
    }
    location /other {
        gatehouse_authenticate  oidc=other;
        proxy_pass              http://echo;
    }
EOL
$conf[1] .= $so->block('twin', $op);    # of the same issuer and client
$conf[3] .= <<'EOL';
    location /twin {
        gatehouse_authenticate  oidc=twin;
        proxy_pass              http://echo;
    }
EOL
for my $i (0 .. $#away) {
    $conf[1] .= $so->block("away$i", $away[$i]{op});
    $conf[3] .= "location /away$i { gatehouse_authenticate oidc=away$i;"
              . " proxy_pass http://echo; }\n";
}
$so->start(@conf);

my $NAME = '__Host-gh-staff';

sub value { return $_[0]->cookie($_[1] // $NAME)->{value} }

sub cookie { return join '=', $_[1] // $NAME, value(@_) }

# Their statuses, counted
sub statuses {
    my %seen;
    $seen{ $_->read_response('GET', 20 * Gatehouse::Test::slow())->status }++
        for @_;
    return join ' ', map { "$_ x $seen{$_}" } sort keys %seen;
}

sub at_once { return statuses($so->begin(@_)) }

# Somebody whose token is about to expire
sub soon_expired {
    my ($from, $path) = @_;
    $from->misbehave(expires_in => 1);
    my $who = $so->login($path);
    $from->behave;
    return $who;
}

# and then has, like those of all who came before
sub wait_for_expiry {
    my $at = time;
    return wait_for(sub { time >= $at + 2 }, 5, 'the end of a token');
}

# What everybody gets in the end, on both workers
sub in_the_end {
    my ($status, $cookie, $path) = @_;
    return eval {
        wait_for(sub { at_once(8, $cookie, $path) eq "$status x 8" }, 5);
    } || 0;
}


# ---- refresh (E25, E26, 2.1 refresh-token) ------------------------------------------

my @ends = (
    [ 'a refused one (invalid_grant)', refresh_refused => 1 ],
    [ 'E26, 2.1 refresh-token-invalid-sub', refresh_sub_wrong => 1 ],
    [ 'E26, 2.1 refresh-token-invalid-issuer', refresh_iss_wrong => 1 ],
    [ 'E26: for another client', refresh_aud_wrong => 1 ],
    [ 'E26: another nonce', refresh_nonce_wrong => 1 ],
    [ 'E26: a signature that is none of theirs', signature_wrong => 1 ],
    [ 'E26: no signature at all', alg_none => 1 ],
    [ 'E26: userinfo of somebody else', userinfo_sub_wrong => 1 ]);
my @fine = (
    [ 'no new id_token', refresh_no_id_token => 1 ],
    [ 'no new refresh token', refresh_same_token => 1 ],
    [ 'a new life without expires_in', expires_in_missing => 1 ]);

# Given people at one provider, each of whom will meet it in another mood, one
# at each of those that will be away, and two admins
my @ann = (sub => 'u-7', name => 'Ann');
$op->person(@ann);
my ($alice, $bob) = map { soon_expired($op, '/') } 1, 2;
my @leaving = map { soon_expired($op, '/') } @ends;
my @staying = map { soon_expired($op, '/') } @fine;
$away[$_]{who} = soon_expired($away[$_]{op}, "/away$_") for 0 .. $#away;

my %admin;
for my $from (qw(id_token userinfo)) {
    my @groups = (groups => ['admin']);
    $op->person(@ann, $from eq 'id_token' ? @groups : ());
    $op->misbehave(expires_in => 1, $from eq 'userinfo'
                   ? (userinfo_with => {@groups}) : ());
    $admin{$from} = $so->login('/');
    is($so->ask($admin{$from}, '/admin/'), 200, "E24: an admin, says $from");
    $op->behave;
}
$op->person(@ann)->forget;
wait_for_expiry();

is(at_once(100, cookie($alice)), '200 x 100',
   'E25: a hundred requests at the end of a token succeed');
is($op->asked('refresh'), 1, 'E25: by one refresh for both workers');
is(at_once(20, cookie($alice)), '200 x 20', 'and go on');
is($op->asked('refresh'), 1, 'with the new token');

# A provider that cannot answer ends nothing: what is asked now is answered
# behind all that follows
for my $i (0 .. $#away) {
    my $at = $away[$i];
    $at->{op}->misbehave(%{ $at->{switch} })->forget;
    $at->{open} = [ $so->begin(10, cookie($at->{who}, "__Host-gh-away$i"),
                               "/away$i") ];
}

# Twice in a row: tokens that live for a second only
$op->misbehave(expires_in => 1);
is(at_once(10, cookie($bob)), '200 x 10', 'a refresh');
$op->behave;
wait_for_expiry();
is(at_once(10, cookie($bob)), '200 x 10',
   'E25: and the next one, two seconds later');

for my $i (0 .. $#ends) {
    my ($what, @switch) = @{ $ends[$i] };
    my $old = cookie($leaving[$i]);
    $op->misbehave(@switch);
    ok(in_the_end(401, $old), "$what ends the session");
    $op->behave;
    is(at_once(4, $old), '401 x 4', "$what: for good");
}

for my $i (0 .. $#fine) {
    my ($what, @switch) = @{ $fine[$i] };
    $op->misbehave(@switch)->forget;
    is(at_once(10, cookie($staying[$i])), '200 x 10',
       "2.1 refresh-token: $what is fine");
    is($op->asked('refresh'), 1, "2.1 refresh-token: $what, asked once");
    $op->behave;
}

# E24: what has changed at the provider
for my $from (sort keys %admin) {
    ok(in_the_end(403, cookie($admin{$from}), '/admin/'),
       "E24: no admin any more after the refresh, says $from");
    is($so->ask($admin{$from}, '/'), 200, 'E24: and still somebody');
}

for my $at (@away) {
    is(statuses(@{ $at->{open} }), '200 x 10',
       "a provider $at->{what} leaves the session for a while");
    cmp_ok($at->{op}->asked('refresh'), '<=', 2,
           "a provider $at->{what} is asked at most once by each worker");
}


# ---- which cookie opens what (E8-E13, E15, E23) -----------------------------------------

$op->behave->person(sub => 'u-1', name => 'Alice');
my ($mallory, $victim) = map { scalar $so->login('/') } 1, 2;
my $planted = value($mallory);
my $eve = $so->person;
$eve->jar->plant(name => $NAME, value => $planted, host => 'gw.test',
                 secure => 1);
$eve->visit($so->at . '/oidc_login?target_link_uri=/');
isnt(value($eve), $planted, 'E8: a login makes a new session');
ok(in_the_end(401, cookie($mallory)), 'E8: and the one of before has ended');
my $fixed = $so->person;
$fixed->jar->plant(name => $NAME, value => 'A' x 64, host => 'gw.test',
                   secure => 1);
$so->login('/', $fixed);
isnt(value($fixed), 'A' x 64, 'E8: a made-up session is not kept');

is($so->ask($so->person, '/?token=junk'), 401, 'E9: ?token=junk is nobody');
is($so->person->ask(GET => $so->at . '/', headers => [
    Authorization => 'Bearer junk', Accept => 'text/html' ])->status, 401,
   'E9: Bearer junk is nobody');

my $good = value($victim);    # (nginx logs lines that it calls invalid)
sub with_cookie {
    my ($line, $host, $path) = @_;
    return $t->get($path // '/', host => $host // 'gw.test',
                   headers => [ Cookie => $line, Accept => 'text/plain' ]);
}

is(with_cookie("$NAME=$good")->status, 200, 'the cookie opens');
is(with_cookie("$NAME=$good", 'gw.test:13518')->status, 200,
   'E10: ports are no part of the name');
is(with_cookie("$NAME=$good", $_)->status, 401, "E23: not at $_")
    for qw(other.gw.test gw.tes gw.test.evil localhost xgw.test);
is(with_cookie("__Host-gh-other=$good", undef, '/other')->status, 401,
   'E23: nor at another provider');
is(with_cookie("__Host-gh-twin=$good", undef, '/twin')->status, 401,
   'E23: nor at one of the same issuer and client');

my %body;
for my $i (0 .. 63) {
    my $bad = $good;
    substr($bad, $i, 1) = substr($bad, $i, 1) eq 'A' ? 'B' : 'A';
    my $res = with_cookie("$NAME=$bad");
    $body{ $res->status . $res->body =~ s/"request_id":"\w+"//r }++;
}
is(scalar(keys %body), 1, 'E11: each changed byte is refused alike');
like((keys %body)[0], qr/^401/, 'E11: with 401');

for my $line ("$NAME=evil; $NAME=$good", "$NAME=$good; $NAME=evil",
    "$NAME=$good; $NAME=" . 'A' x 64, "\xe2\x80\x80$NAME=$good",
    "$NAME =\"$good\"", "$NAME=$good\0", lc($NAME) . "=$good",
    "\$Version=1; \$$NAME=$good", "$NAME=%" . $good)
{
    like(with_cookie($line)->status, qr/^40[01]$/,
         'E15: ' . substr $line =~ s/\Q$good\E/GOOD/gr =~ s/[^ -~]/./gr,
         0, 60);
}
is(with_cookie("$NAME=$good; $NAME=$good")->status, 200,
   'E15: twice the same is one');
is(with_cookie("\$Version=1; $NAME=$good")->status, 200,
   'E15: $Version means nothing');
is($t->get('/', host => 'gw.test', headers => [ Accept => 'text/plain',
    Cookie => "a=b", Cookie => "$NAME=$good", Cookie => "$NAME=x" ])->status,
   401, 'E15: in two headers neither');

for my $n ('99999999', '-1', '1e9', '0', 'x') {
    is(with_cookie("${NAME}_chunks=$n; ${NAME}_0=$good")->status, 401,
       "E12: _chunks=$n is another cookie");
}
for my $line ('', ';', '=', 'a=', ';;;', 'a="b;c"', "\$Version=1; gh=\"x\"",
              'x' x 8000, '=' x 4000, "; = ; $NAME ; $NAME=", 'a=b' . ';' x 99)
{
    like(with_cookie($line)->status, qr/^40[01]$/,
         'E13: ' . (substr($line, 0, 20) || 'nothing'));
}

# Ten thousand made-up sessions
my $left = $ENV{GH_LONG} ? 100_000 : 10_000;
my %answers;
while ($left > 0) {
    my $http = $t->connect;
    for my $batch (1 .. 10) {
        $http->send_raw(join '', map {
            my $junk = substr Gatehouse::Test::Party::fresh()
                     . Gatehouse::Test::Party::fresh(), 0,
                     $_ % 5 ? 64 : int rand 86;
            Gatehouse::Test::Http::format_request('GET', '/', [
                [ Host => 'gw.test' ], [ Accept => 'text/plain' ],
                [ Cookie => "$NAME=$junk" ] ])
        } 1 .. 50);
        $answers{ $http->read_response('GET')->status }++ for 1 .. 50;
        $left -= 50;
    }
}
is(join(' ', keys %answers), '401',
   'E11, E15: not one of 10,000 made-up cookies opens');
$so->is_same('E12, E13: and no worker has died of them');


# ---- what a session survives ----------------------------------------------------------------

my $carol = $so->login('/');
ok($t->reload($so->text(@conf)), 'a reload');
is($so->ask($carol, '/'), 200, 'a session survives a reload');
is(with_cookie("$NAME=$planted")->status, 401,
   'E8: one that a login has replaced is gone from the store');
for ([ 'client', 'client_id  gatehouse', 'client_id  elsewhere' ],
     [ 'issuer', 'issuer  ' . $op->issuer, 'issuer  ' . $other->issuer ])
{
    my ($what, $was, $is) = @$_;
    my %text = $so->text(@conf);
    $text{http} =~ s/\Q$was\E/$is/;    # of the first block, staff's
    $t->reload(%text);
    is($so->ask($carol, '/'), 401,
       "E23: a session of another $what under the same name opens nothing");
}
$t->reload($so->text(@conf));
is($so->ask($carol, '/'), 200, 'and is itself again where it belongs');
$t->kill_worker for 1, 2;
is($so->ask($carol, '/'), 200, 'and kill -9 of every worker');
$t->restart($so->text(@conf));
is($so->ask($carol, '/'), 200, 'and a restart');
$op->rotate(keep => 0);
$op->stop;
is($so->ask($carol, '/'), 200,
   '2.4: and new keys at its provider, which is away besides');
$op->start;
wait_for(sub { my ($page) = $so->login('/'); $page->status == 200 }, 5,
         'a login with the new keys');

# A refresh that a killed worker had begun is made by the other, when it is
# clear that nobody else does: behind the next stories
my $dora    = soon_expired($other, '/other');
my $gina    = soon_expired($op, '/');
my ($hers)  = reverse $op->sessions;
my $of_dora = cookie($dora, '__Host-gh-other');
wait_for_expiry();
$other->misbehave('refresh.hang' => 1)->forget;
my @asked = $so->begin(4, $of_dora, '/other');
wait_for(sub { $other->asked('refresh') }, 5, 'a refresh under way');
$other->behave;
$t->kill_worker for 1, 2;
@asked = $so->begin(8, $of_dora, '/other');


# ---- how it ends ------------------------------------------------------------------------------

# Its record goes: by a logout token, which names it alone
my $frank = $so->login('/');
is(at_once(8, cookie($frank)), '200 x 8', 'both workers know him');
$op->send_logout($so->at . '/oidc_backchannel_logout');
ok(in_the_end(401, cookie($frank)), 'a session that is deleted in the store '
   . 'is over on each worker');
is($so->ask($carol, '/'), 200, 'and no other');

# Also while a refresh is under way, which brings nobody back
$op->misbehave('refresh.slow' => 2)->forget;
my ($waiting) = $so->begin(1, cookie($gina));
wait_for(sub { $op->asked('refresh') }, 5, 'a refresh under way');
is($op->send_logout($so->at . '/oidc_backchannel_logout', %$hers)->status, 200,
   'given one who is logged out before the provider answers a refresh');
is($waiting->read_response('GET')->status, 401,
   'E25: what was asked with it meanwhile is refused');
is(at_once(16, cookie($gina)), '401 x 16',
   'E25: and new tokens do not bring the session back');
$op->behave;

# Then Dora's, which was left half done
is(statuses(@asked), '200 x 8', 'what waits for a dead worker is answered');
ok(in_the_end(200, $of_dora, '/other'),
   'a session survives the death of who refreshed it');

$t->plant_secret(grep { length() < 4096 } map { $_->secrets } $op, $other,
                 map { $_->{op} } @away);
$t->plant_secret(map { value($_) } $carol, $eve, $gina);
$t->plant_secret(value($dora, '__Host-gh-other'));
$t->stop;


# ---- its time (not with the sanitizers: they want to be loaded before our clock) ----

SKIP: {
    skip 'a clock of our own', 7 if Gatehouse::Test::mk('GH_SANITIZE') ne '';

    # (a store that answers late would lose what a reload cuts short)
    my $timed = Gatehouse::Test::SignOn->new(
        t => { store => 'lmdb:%%DIR%%/state' }, op => { lifetime => 100_000 },
        provider => "    session_timeout 10m;\n    session_lifetime 1h;\n");
    my $u = $timed->t;
    my $library = $u->dir . '/clock.so';
    my $source  = Gatehouse::Test::root() . '/t/lib/clock.c';
    system('cc', '-shared', '-fPIC', '-O1', '-o', $library, $source,
           '-ldl') == 0 or die "cannot build $source\n";
    $u->file('clock', pack 'q', 0);
    {
        local $ENV{LD_PRELOAD}    = $library;
        local $ENV{GH_CLOCK} = $u->dir . '/clock';
        $timed->start(locations => <<'EOL');
    location /open { gatehouse_authenticate off; proxy_pass http://echo; }
    location / { gatehouse_authenticate oidc=staff; proxy_pass http://echo; }
EOL
    }
    my $ahead = 0;
    my $wait = sub {
        # that it was used is written behind the answer, by any worker
        wait_for(sub {
            !grep { $u->status->{store}{queue} } 1 .. 12;
        }, 10, 'all to be written');
        $ahead += $_[0];
        open my $fh, '+<', $u->dir . '/clock' or die "clock: $!\n";
        syswrite $fh, pack 'q', $ahead;
        close $fh;
        wait_for(sub {
            my $date = $u->get('/open')->header('Date') // '';
            abs((Gatehouse::Test::Jar::date($date) // 0) - time - $ahead) < 30;
        }, 5, 'the time that was set');
        # what a worker has read lives for 30 s of the other clock
        $u->reload;
    };

    my ($idle, $busy) = map { scalar $timed->login('/') } 1, 2;
    for (1 .. 3) {
        $wait->(400);
        is($timed->ask($busy, '/'), 200, 'a session that is used goes on');
    }
    is($timed->ask($idle, '/'), 401, 'one that nobody uses ends');
    $u->kill_worker;
    is($timed->ask($busy, '/'), 200, 'when it was used last is remembered');
    for (1 .. 5) {
        $wait->(400);
        $timed->ask($busy, '/');
    }
    is($timed->ask($busy, '/'), 200, 'within the hour');
    $wait->(500);
    is($timed->ask($busy, '/'), 401, 'and after it everybody logs in again');
}

done_testing;
