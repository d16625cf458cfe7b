# The end of a session: at the gateway and from there at the provider, by the
# provider's back channel and in its frame; forged, repeated and cross-site
# ones end nothing, and what the store did not take is not called done.
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::Frames;
use Gatehouse::Test::SignOn;

my $so = Gatehouse::Test::SignOn->new(
    provider => "    jwks_min_interval 1s;\n");
my ($t, $op) = ($so->t, $so->op);
my $second = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256');
$so->start(http => $so->block('second', $second), locations => <<'EOL');
    add_header  X-Worker  $pid  always;
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /second {
        gatehouse_authenticate  oidc=second;
        proxy_pass              http://echo;
    }
EOL

my $NAME = '__Host-gh-staff';
my $BACK = $so->at . '/oidc_backchannel_logout';

sub value { return $_[0]->cookie($NAME)->{value} }

# What its cookie opens, on both workers: "200", "401", or both
sub stands { return $so->on_every_worker("$NAME=$_[0]") }

# Somebody new, and the sid of that session
sub login {
    my %old = map { $_->{sid} => 1 } $op->sessions;
    my $who = $so->login('/');
    my ($sid) = grep { !$old{$_} } map { $_->{sid} } $op->sessions;
    return ($who, $sid);
}

sub ends { my ($cookie) = @_;
           return eval { wait_for(sub { stands($cookie) eq '401' }, 1) } || 0 }


# ---- at the gateway, and from there at the provider (2.2, E31) --------------------------

my $alice = $so->login('/');
my $old   = value($alice);
$op->forget;
my $page = $alice->visit($so->at . '/oidc_logout');
is($page->url =~ s/\?.*//r, $so->at . '/oidc_logged_out',
   '2.2 rp-init-logout: to the provider and back to a page of ours');
my ($end) = $op->journal('end_session');
is($end->{params}{post_logout_redirect_uri}, $so->at . '/oidc_logged_out',
   '2.2 rp-init-logout: with the way back');
my $hint = $end->{params}{id_token_hint} // '';
is(eval { Gatehouse::Test::Party::claims(undef, $hint)->{sub} }, 'u-2482',
   '2.2 rp-init-logout: and whose session it is');
is($alice->cookie($NAME), undef, 'the cookie is gone');
ok(ends($old), 'and opens nothing any more, on either worker');
wait_for(sub { $op->asked('revoke') == 2 }, 5, 'both tokens to be revoked');
is(join(' ', sort map { $_->{params}{token_type_hint} }
             $op->journal('revoke')), 'access_token refresh_token',
   'both tokens were revoked at the provider');

for ([ 'other-state', 'bye_state_wrong' ], [ 'no-state', 'bye_state_missing' ])
{
    $op->behave->misbehave($_->[1] => 1);
    my $who = $so->login('/');
    is($who->visit($so->at . '/oidc_logout')->status, 200,
       "2.2 rp-init-logout-$_->[0]: comes back to the same page");
}
$op->behave;

# E18: nothing in the address says where people are led
for my $to ('//evil.example', 'https://evil.example/', '/\evil.example',
            'javascript:alert(1)', "/\t/evil.example", '%0d%0aX: 1',
            'https://gw.test@evil.example/', 'x' x 3000)
{
    my $who = $so->login('/');
    my $url = $so->at . '/oidc_logout?post_logout_redirect_uri='
            . Gatehouse::Test::Page::encode($to) . '&rd='
            . Gatehouse::Test::Page::encode($to);
    $who->visit($url);
    is(scalar(grep { $_->[1] !~ m{^(?:\Q@{[ $so->at ]}\E|\Q@{[
       $op->issuer ]}\E)/} } $who->hops), 0,
       'E18: ' . substr($to =~ s/[^ -~]/./gr, 0, 30) . ' leads nowhere');
}

# E31: who sends people there
for my $site (qw(cross-site same-site)) {
    for my $method (qw(GET POST)) {
        my $who = $so->login('/');
        my $got = $who->ask($method => $so->at . '/oidc_logout', headers => [
            Accept => 'text/html', 'Sec-Fetch-Site' => $site,
            'Sec-Fetch-Mode' => 'navigate' ],
            $method eq 'POST' ? (body => 'token=guessed') : ());
        is($got->status, 200, "E31: a $method from $site asks first");
        is(stands(value($who)), '200', "E31: a $method from $site ends nothing");
    }
}
my $bob = $so->login('/');
$bob->ask(GET => $so->at . '/oidc_logout', headers => [
    Accept => 'image/*', 'Sec-Fetch-Dest' => 'image' ]);
is(stands(value($bob)), '200', 'E31: nor does <img src=/oidc_logout>');
my $eve  = $so->login('/');
my $form = $eve->ask(GET => $so->at . '/oidc_logout',
                     headers => [ Accept => 'text/html' ]);
my $token = { map { ($_->{name} // '') => $_->{value} }
              @{ $form->form->{fields} } }->{token};
$bob->ask(POST => $so->at . '/oidc_logout', form => { token => $token },
          headers => [ Accept => 'text/html' ]);
is(stands(value($bob)), '200', 'E31: nor the token of another session\'s form');
like($form->header('Content-Security-Policy'), qr/frame-ancestors 'none'/,
     'E32: the question stands in no frame');
my $his = value($bob);
$bob->submit($bob->ask(GET => $so->at . '/oidc_logout',
                       headers => [ Accept => 'text/html' ]));
ok(ends($his), 'E31: his own answer does');


# ---- by the back channel (2.2, E29, E30) ------------------------------------------------

my ($carol, $her_sid) = login();
my $hers  = value($carol);
for (
    [ '2.2 alg-none, E29', 'logout_alg_none' ],
    [ '2.2 wrong-alg, E29', 'logout_wrong_alg' ],
    [ '2.2 no-event, E29', 'logout_no_event' ],
    [ '2.2 wrong-event, E29', 'logout_wrong_event' ],
    [ '2.2 with-nonce, E29', 'logout_nonce' ],
    [ '2.2 wrong-aud, E29', 'logout_wrong_aud' ],
    [ '2.2 wrong-iss, E29', 'logout_wrong_iss' ],
    map { [ 'E29', "logout_$_" ] } qw(signature_wrong event_list no_jti no_iat
        old future nobody typ_wrong id_token kid_unknown)
) {
    my ($row, $name) = @$_;
    $op->behave->misbehave($name => 1);
    my $got = $op->send_logout($BACK);
    is($got->status . ' ' . ($got->header('Cache-Control') // ''),
       '400 no-store', "$row: $name");
    is(stands($hers), '200', "$row: $name: the session lives");
}
$op->behave;

my $person = $so->person;
for my $body ('', 'logout_token=', 'logout_token=a&logout_token=b', 'x=1',
              'logout_token=' . 'a.' x 5000, 'logout_token=%zz', "\0" x 100)
{
    is($person->ask(POST => $BACK, body => $body, headers => [
        'Content-Type' => 'application/x-www-form-urlencoded' ])->status,
       400, 'E29: a body of ' . substr $body =~ s/[^ -~]/./gr, 0, 30);
}
is($person->ask(GET => "$BACK?logout_token=x")->status, 400, 'E29: a GET');
is($person->ask(PUT => $BACK, headers => [ Accept => '*/*' ],
                form => { logout_token => $op->logout_token })->status, 400,
   'E29: a good token that is PUT');
is(stands($hers), '200', 'E29: ends nothing');
my $long = $person->ask(POST => $BACK, body => 'logout_token=' . 'a' x 200_000,
    headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ]);
like($long->status, qr/^4\d\d$/, 'E29: a body of 200 kB');

my $good = $op->logout_token(sid => $her_sid);
my $got  = $op->send_logout($BACK, token => $good);
is($got->status . ' ' . $got->header('Cache-Control'), '200 no-store',
   '2.2 rp-backchannel-rpinitlogout');
ok(ends($hers), '2.2: the session is over within a second, on both workers');
my $again = $so->login('/');
is($op->send_logout($BACK, token => $good)->status, 400,
   'E29: the same token again is refused');
is(stands(value($again)), '200', 'E29: and ends nothing');

# One sid is one session, a sub is all of them
my @three = map { scalar $so->login('/') } 1, 2;
(my $third, my $third_sid) = login();
$op->misbehave(logout_sid_only => 1);
is($op->send_logout($BACK, sid => $third_sid)->status, 200,
   '2.2: a token with only a sid');
ok(ends(value($third)), '2.2: ends that session');
is(join(' ', map { stands(value($_)) } @three[ 0, 1 ]), '200 200',
   '2.2: and no other');
$op->behave->misbehave(logout_sub_only => 1);
my $dora = do { $op->person(sub => 'u-9', name => 'Dora');
                $so->login('/') };
is($op->send_logout($BACK, sub => 'u-2482')->status, 200,
   'E30: a token with only a sub');
is(scalar(grep { !ends(value($_)) } @three, $again, $eve), 0,
   'E30: ends all sessions of that person');
is(stands(value($dora)), '200', 'E30: and nobody else\'s');
is($op->send_logout($BACK, sub => 'nobody-here')->status, 200,
   '2.2: somebody who is not here is logged out as well');
$op->behave;


# ---- in a frame (E28) ---------------------------------------------------------------------

my ($frank, $sid) = login();
my $iss   = Gatehouse::Test::Page::encode($op->issuer);
my $frame = $so->at . '/oidc_frontchannel_logout';
$op->forget;
for my $query ("iss=$iss&sid=guessed", 'iss=https%3A%2F%2Fevil&sid=' . $sid,
               "sid=$sid", "iss=$iss", '', "iss=$iss&sid=", "iss=$iss&sid=$sid"
               . '&sid=x')
{
    my $got = $frank->ask(GET => "$frame?$query");
    like($got->status, qr/^(?:200|400)$/, 'E28: a frame with '
         . (substr($query, 0, 30) || 'nothing'));
    is(stands(value($frank)), '200', 'E28: ends nothing');
}
is($so->person->ask(GET => "$frame?iss=$iss&sid=$sid")->status, 200,
   'E28: in another browser, with the right sid');
is(stands(value($frank)), '200', 'E28: it ends nothing');
is($op->asked('revoke'), 0, 'E28: and revokes nothing');
my $framed = $frank->ask(GET => "$frame?iss=$iss&sid=$sid");
is($framed->header('X-Frame-Options'), undef,
   '2.2 rp-frontchannel-opinitlogout: that one may be framed');
ok(ends(value($frank)), '2.2 rp-frontchannel-opinitlogout: in its own '
   . 'browser it does');



# ---- two providers at the same addresses ----------------------------------------------------

# Given people of the one that is declared later
my @hers = map {
    my %old = map { $_->{sid} => 1 } $second->sessions;
    my $who = $so->login('/second');
    { who => $who, sid => (grep { !$old{$_} } map { $_->{sid} }
                                              $second->sessions)[0] };
} 1 .. 3;
sub is_out { my ($cookie) = @_;
             return eval { wait_for(sub {
                 $so->on_every_worker($cookie, '/second') eq '401' }, 2) } || 0 }
sub second { return '__Host-gh-second='
                  . $_[0]->cookie('__Host-gh-second')->{value} }

# When they log out where both are served, it is their own session that ends
$_->forget for $op, $second;
$hers[0]{who}->visit($so->at . '/oidc_logout');
is($second->asked('end_session') . $op->asked('end_session'), '10',
   'a logout leads to the provider whose session it is');
is($hers[0]{who}->cookie('__Host-gh-second'), undef, 'and takes that cookie');
$hers[1]{who}->ask(GET => "$frame?iss=" . Gatehouse::Test::Page::encode(
    $second->issuer) . "&sid=$hers[1]{sid}");
ok(is_out(second($hers[1]{who})), 'a frame is of the provider that it names');
is($so->ask($hers[2]{who}, '/second'), 200, 'and ends no other session');
is($second->send_logout($BACK, iss => $op->issuer, sid => $hers[2]{sid})
          ->status, 400, 'a logout token in the other one\'s name is refused');
is($so->ask($hers[2]{who}, '/second'), 200, 'and ends nothing');
is($second->send_logout($BACK, sid => $hers[2]{sid})->status, 200,
   'one in its own name is of the provider that signed it');
ok(is_out(second($hers[2]{who})), 'and ends that session');
is(join(' ', map { $_->send_logout($BACK, jti => 'seven', sub => 'nobody-here')
                     ->status } $op, $second, $op), '200 200 400',
   'E29: a token counts once, whatever ids another provider gives to its own');

# Given somebody whose session at the first is over, and its cookie still there
my ($gina, $gina_sid) = login();
$op->send_logout($BACK, sid => $gina_sid);
ok(ends(value($gina)), 'a session ends, its cookie stays');
$so->login('/second', $gina);
is($so->ask($gina, '/second'), 200, 'she logs in at the other one');
my $hers_there = second($gina);

# When she logs out
$_->forget for $op, $second;
$gina->visit($so->at . '/oidc_logout');

# Then it is the session that she has
is($second->asked('end_session') . $op->asked('end_session'), '10',
   'a cookie whose session is over keeps no other one from ending');
ok(is_out($hers_there), 'which opens nothing any more');

my $eve_too = $so->person;
like($eve_too->visit($so->at . '/oidc_login?iss='
         . Gatehouse::Test::Page::encode($second->issuer),
         stop => qr/^\Q@{[ $second->issuer ]}\E/)->location // '',
     qr/^\Q@{[ $second->issuer ]}\E/, 'a login is begun at the one it names');

$so->is_same;
$t->plant_secret(grep { length() < 4096 && !/^eyJ/ } $second->secrets);
# (of id_tokens nginx writes the address that they are part of, at level debug)
$t->plant_secret(grep { length() < 4096 && !/^eyJ/ } $op->secrets);
$t->stop;


# ---- a store that does not take it ------------------------------------------------------------

# Given a session, and then a disk that nothing can be written to any more
my $full = Gatehouse::Test::SignOn->new(t => {
    store => 'lmdb:%%DIR%%/state' })->start;
my $grace = $full->login('/');
$full->t->stop;
$full->t->{store} = 'test:lmdb:%%DIR%%/state?seed=3&fail=100';
my $still = $full->start;
my $gone  = $grace->ask(GET => $full->at . '/oidc_logout', headers => [
    Accept => 'text/html', 'Sec-Fetch-Site' => 'same-origin' ]);
is($gone->status, 503, 'a logout that the store cannot take is not done');
ok($grace->cookie($NAME), 'and the cookie stays');
is($full->op->send_logout($full->at . '/oidc_backchannel_logout')->status, 503,
   'nor is one of the back channel: the provider may repeat it');
$full->t->stop;
$full->t->{store} = 'lmdb:%%DIR%%/state';
$full->start;
is($full->ask($grace, '/'), 200, 'the session is what it was');
is($full->op->send_logout($full->at . '/oidc_backchannel_logout')->status, 200,
   'and ends when it is repeated');
ok(eval { $full->t->wait_for(sub { $full->ask($grace, '/') == 401 }, 2) },
   'on every worker');

# Given people who come and go while it breaks off now and then
$full->t->stop;
$full->t->{store} = 'test:lmdb:%%DIR%%/state?seed=11&fail=25';
$full->start;
my (%told, @stay);
for (1 .. 40) {
    my ($in, $who) = $full->login('/');
    $told{ 'in ' . $in->status }++;
    next if !$who->cookie($NAME);
    my $out = $who->ask(GET => $full->at . '/oidc_logout', headers => [
        Accept => 'text/html', 'Sec-Fetch-Site' => 'same-origin' ]);
    $told{ 'out ' . $out->status }++;
    push @stay, $who if $out->status == 503 && $who->cookie($NAME);
}
is(join(' ', sort keys %told), 'in 200 in 503 out 303 out 503',
   'each is let in or out, or told that it does not work now')
    or diag join "\n", map { "$_: $told{$_}" } sort keys %told;
$full->t->stop;
is(scalar(() = $full->t->error_log =~ /header already sent/g), 0,
   'and is told once');
$full->t->{store} = 'lmdb:%%DIR%%/state';
$full->start;
cmp_ok(scalar @stay, '>=', 3, 'given some who could not leave');
is(scalar(grep { $full->ask($_, '/') != 200 } @stay), 0,
   'who could not leave is still in: nothing was half done');

# Given six people, and then a store that breaks off now and then
my @six = map {
    my %old = map { $_->{sid} => 1 } $full->op->sessions;
    my $who = $full->login('/');
    { who => $who, sid => (grep { !$old{$_} } map { $_->{sid} }
                                              $full->op->sessions)[0] };
} 1 .. 6;
$full->t->stop;
$full->t->{store} = 'test:lmdb:%%DIR%%/state?seed=5&fail=35';
$full->start;

# When the provider repeats each token until it is not told 503
my @repeated;
for my $one (@six) {
    my $token = $full->op->logout_token(sid => $one->{sid});
    my ($status, @seen) = (503);
    for (1 .. 200) {
        $status = $full->op->send_logout(
            $full->at . '/oidc_backchannel_logout', token => $token)->status;
        push @seen, $status;
        last if $status != 503;
    }
    push @repeated, { token => $token, seen => "@seen" };
}

# Then each has counted, and none does again
is(scalar(grep { $_->{seen} =~ /\A(?:503 )*200\z/ } @repeated), 6,
   'E29: what the store broke off is taken up when the provider repeats it')
    or diag join "\n", map { $_->{seen} } @repeated;
like(join(' ', map { $_->{seen} } @repeated), qr/503/, '(it did break off)');
$full->t->stop;
$full->t->{store} = 'lmdb:%%DIR%%/state';
$full->start;
is(join(' ', map { $full->ask($_->{who}, '/') } @six), '401 401 401 401 401 401',
   'all six sessions are over');
is(join(' ', map { $full->op->send_logout(
       $full->at . '/oidc_backchannel_logout', token => $_->{token})->status }
       @repeated), '400 400 400 400 400 400', 'and no token counts again');


# ---- a browser that does not read -------------------------------------------------------------

# Given a page of ours for whom no byte of it may be sent yet
my $open = Gatehouse::Test::SignOn->new(t => { h2 => 1 })->start->t;
my $h2   = Gatehouse::Test::Frames->new($open->connect(
    port => $open->port($open->nginx_version < 1_025_001 ? 'h2' : '')));
$h2->send_raw(Gatehouse::Test::Frames::frame(
    $Gatehouse::Test::Frames::SETTINGS, 0, 0, pack 'nN', 4, 0));
$h2->ask(1, undef, ':method' => 'GET', ':scheme' => 'http',
         ':authority' => 'gw.test', ':path' => '/oidc_logged_out');
ok($h2->until_frame(sub {
    $_[0]{stream} == 1 && $_[0]{type} == $Gatehouse::Test::Frames::HEADERS;
}), 'a page is on its way to one who reads nothing yet');

# When it reads
$h2->send_raw(Gatehouse::Test::Frames::frame(
    $Gatehouse::Test::Frames::WINDOW, 0, 1, pack 'N', 100_000));
my $read = '';
$h2->until_frame(sub {
    my ($frame) = @_;
    return 0 if $frame->{stream} != 1 || $frame->{type} != 0;
    $read .= $frame->{payload};
    return $frame->{flags} & 1;
});
like($read, qr{</html>\s*\z}, 'it has the whole of it, once');
is(scalar(() = $read =~ /<html/g), 1, 'and the page begins but once');

done_testing;
