# A provider that does not do what it must: nobody is logged in by it, and
# nothing else is asked of it. One that may do as it does is understood. The
# rows of the threats and the modules of certification stand in the names.
use Gatehouse::Test timeout => 500;
use Gatehouse::Test::SignOn;

my $so = Gatehouse::Test::SignOn->new;
my ($t, $op) = ($so->t, $so->op);
my $other  = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256');
my $client = Gatehouse::Test::Token->new(alg => 'ES256');
my $signs  = Gatehouse::Test::Misprovider->new(
    tls => 0, alg => 'EdDSA', auth => 'jwt', client_jwk => $client->jwk);
my $picky  = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'PS256');
my $quiet  = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256');
$quiet->misbehave(answer_iss_missing => 1, iss_unannounced => 1);

$so->start(
    http => $so->block('other', $other, "    jwks_min_interval 1s;\n")
          . $so->block('signs', $signs, '    client_authentication '
              . 'private_key_jwt;' . "\n    private_key file:"
              . $t->file('client.pem',
                                $client->{pk}->export_key_pem('private')) . ";\n")
          . $so->block('quiet', $quiet, "    redirect_uri /back;\n")
          . $so->block('picky', $picky,
                       "    max_age 60s;\n    acr_values gold silver;\n"),
    locations => <<'EOL' . join '', map { <<"EOT" }
    location /last {
        gatehouse_authenticate  oidc=staff;
        gatehouse_authorize     group=000000c8-0d55-4a0c-9a42-1f7f3e0a9b01;
        proxy_pass              http://echo;
    }
EOL
    location $_->[0] {
        gatehouse_authenticate  oidc=$_->[1];
        proxy_pass              http://echo;
    }
EOT
    [ '/', 'staff' ], [ '/other', 'other' ], [ '/signs', 'signs' ],
    [ '/picky', 'picky' ], [ '/quiet', 'quiet' ]);


# A login with these switches on: what came of it in one line, then the page
sub try_login {
    my (%switch) = @_;
    $op->behave->misbehave(%switch)->forget;
    $t->journal_clear;
    my ($page, $who) = $so->login('/orders');
    my $told = $so->told($page, $who);
    $told .= ', userinfo asked' if $op->asked('userinfo');
    $told .= ', service asked'  if $t->journal;
    return wantarray ? ($told, $page, $who) : $told;
}

my $in  = '200 session, userinfo asked, service asked';
my $out = '403 nobody';

is(try_login(), $in, '2.1 (bare): the code flow, and userinfo');


# ---- the id_token (2.1, 2.3, 2.4, E1) --------------------------------------------

for (
    [ '2.1 invalid-iss', 'iss_wrong' ], [ '2.1 invalid-iss', 'iss_list' ],
    [ '2.3 invalid-missing-iss', 'iss_missing' ],
    [ '2.1 missing-sub', 'sub_missing' ], [ '2.1 missing-sub', 'sub_empty' ],
    [ '2.1 missing-sub', 'sub_number' ], [ '2.1 missing-sub', 'sub_long' ],
    [ '2.1 invalid-aud', 'aud_wrong' ], [ '2.1 missing-aud', 'aud_missing' ],
    [ '2.1 missing-aud', 'aud_empty' ],
    [ '2.3 invalid-secondary-aud', 'aud_others' ],
    [ '2.4 azp', 'azp_wrong' ],
    [ '2.3 invalid-expired-exp', 'exp_past' ],
    [ '2.3 invalid-expired-exp', exp_past => 70 ],
    [ '2.3 invalid-missing-exp', 'exp_missing' ],
    [ '2.3 invalid-expired-exp', 'exp_text' ], [ '2.3', 'exp_negative' ],
    [ '2.3', 'exp_huge' ],
    [ '2.1 missing-iat', 'iat_missing' ],
    [ '2.4 iat skew', iat_skew => 90 ], [ '2.4', 'nbf_future' ],
    [ 'E1, 2.1 nonce-invalid', 'nonce_wrong' ],
    [ 'E1, 2.3 invalid-missing-nonce', 'nonce_missing' ],
    [ 'E1', 'nonce_list' ],
    [ '2.1 invalid-athash', 'at_hash_wrong' ],
    [ '2.1 invalid-chash', 'c_hash_wrong' ],
    [ '2.1 idtoken-sig-none, 2.3 invalid-null-alg', 'alg_none' ],
    [ '2.3 invalid-null-alg', 'alg_none_case' ],
    [ '2.3 invalid-alternate-alg', 'alg_label' ],
    [ '2.1 signing-key-rotation', 'kid_unknown' ],
    [ 'D', 'kid_number' ], [ 'D', 'jwk_embedded' ], [ 'D, J3', 'jku' ],
    [ 'D', 'crit_unknown' ], [ 'D', typ_other => 'at+jwt' ],
    [ '2.1 invalid-sig-rs256', 'signature_wrong' ],
    [ '2.1 invalid-sig-rs256', 'signature_missing' ],
    [ '2.4 key reuse across issuers', 'signature_other' ],
    [ '2.1 invalid-sig-hs256', 'signature_hs256' ],
    [ '2.1 invalid-sig-hs256', 'signature_confused' ],
    (map { [ 'J5', $_ ] } qw(jwt_cut jwt_four jwt_five jwt_text jwt_padded
        jwt_long claims_twice claims_deep claims_text claims_array
        claims_utf8)),
    [ '2.1', 'id_token_missing' ], [ 'J5', 'id_token_null' ],
    [ 'J5', 'id_token_list' ],
    (map { [ 'J5', $_ ] } qw(access_token_missing access_token_breaks
        access_token_long token_type_missing)),
    [ '2.3', 'token_type_other' ], [ 'J5', expires_in => 'soon' ],
    [ 'J5', expires_in => [] ], [ 'J5', expires_in => -1 ],
) {
    my ($row, $name, $value) = @$_;
    my ($told, $page) = try_login($name => $value // 1);
    is($told, $out, "$row: $name" . (defined $value ? " $value" : ''))
        or diag($page->body);
}

for (
    [ '2.1 missing-athash', 'at_hash_missing' ],
    [ '2.1 kid-absent-single-jwks', 'kid_missing' ],
    [ '2.3 valid-aud-as-array', 'aud_list' ], [ '2.4', 'aud_others_azp' ],
    [ '2.3 invalid-expired-exp, within the skew', exp_past => 20 ],
    [ '2.4 iat skew', iat_skew => 30 ], [ '2.4 iat skew', iat_skew => -900 ],
    [ '2.3 token-type-case-insensitivity', 'token_type_case' ],
    [ '2.3 token-endpoint-response-without-expires_in',
      'expires_in_missing' ],
    [ 'E25', 'refresh_token_missing' ], [ 'E24', 'scope_less' ],
    [ 'J5', expires_in => '300' ],
    [ '2.1 aggregated-claims', 'claims_aggregated' ],
    [ '2.1 distributed-claims, J3', 'claims_distributed' ],
    [ '2.1 nonce-unless-code-flow', 'answer_tokens' ],
    [ '2.1 client-secret-basic', 'code_reusable' ],
) {
    my ($row, $name, $value) = @$_;
    my ($told, $page) = try_login($name => $value // 1);
    is($told, $in, "$row: $name" . (defined $value ? " $value" : '')
       . ' is accepted') or diag($page->body);
}


# ---- userinfo (E27) -----------------------------------------------------------------

for (
    [ '2.1 userinfo-invalid-sub, E27', 'userinfo_sub_wrong' ],
    [ 'E27', 'userinfo_sub_missing' ], [ 'E27', 'userinfo_sub_list' ],
    [ '2.1 userinfo-signed, which is not taken', 'userinfo_signed' ],
    [ '2.4 userinfo JWT with wrong aud', 'userinfo_signed_aud' ],
    [ '2.4', 'userinfo_signed_none' ],
) {
    my ($row, $name) = @$_;
    is(try_login($name => 1), "$out, userinfo asked", "$row: $name");
}

# What it says adds to the id_token and replaces nothing of it
$op->person(sub => 'u-1', name => 'Ann', groups => ['staff']);
my ($told, $page) = try_login(userinfo_with => {
    name => 'Zoe', email => 'ann@example.com', groups => ['admin'] });
is($page->received->header('X-Principal-Groups'), 'staff',
   '2.1 scope-userinfo-claims: the signed groups stand');
is($page->received->header('X-Principal-Email'), 'ann@example.com',
   '2.1 scope-userinfo-claims: the address is userinfo\'s');


# ---- claims that attack (A, E34) ------------------------------------------------------

is(try_login(claims_hostile => 1), $out, '2.4: a NUL in a claim is refused');
($told, $page) = try_login(claims_with => {
    name => "A\r\nX-Principal: root", groups => [ 'a,b', "c\r\nX-Evil: 1",
    "\x{1f600}", '', { x => 1 }, 7, 'staff' ],
    preferred_username => "\x{202e}\"',;=%" });
is($told, $in, '2.4: hostile claims are only claims');
is(join(' ', $page->received->headers('X-Principal')), 'staff:u-1',
   'A: nobody becomes another by a line break');
is($page->received->header('X-Evil'), undef, 'A: no header grows out of one');
for ([ 'a@evil.example@example.com', 'two @' ], [ 'a@example.com.', 'a dot' ],
     [ "a\x{e9}\@example.com", 'unicode' ])
{
    ($told, $page) = try_login(email => $_->[0]);
    is($page->received->header('X-Principal-Email'), undef,
       "E34: an address with $_->[1] is none");
}
($told, $page) = try_login(email_unverified => 1);
is($page->received->header('X-Principal-Email'), undef,
   'E34: an address that is not verified is none');


# ---- the answer (E1-E6, E22, 2.3) ---------------------------------------------------

for (
    [ 'E2, 2.3 invalid-state', 'state_wrong' ],
    [ 'E4, 2.3 missing-state', 'state_missing' ], [ 'E5', 'state_twice' ],
    [ 'E4', 'code_missing' ], [ 'E4', 'code_empty' ], [ 'E5', 'code_twice' ],
    [ 'E6, 2.3 invalid-authorization-response-iss', 'answer_iss_wrong' ],
    [ 'E6, 2.3 remove-authorization-response-iss', 'answer_iss_missing' ],
    [ 'E5, E6', 'answer_iss_twice' ], [ 'E22', 'answer_error' ],
    [ 'E22', 'answer_error_script' ], [ 'E4, E22', 'answer_error_binary' ],
    [ 'E4', 'answer_both' ], [ 'E4', 'answer_nothing' ],
    [ '2.1 form-post-error', 'form_post' ], [ 'E4', 'fragment' ],
    [ 'E4', answer_with => [ state => "\0\xff\xfe" ] ],
    [ 'E4', answer_with => [ state => 'x' x 6000 ] ],
    [ 'E4', answer_with => [ code => 'c' x 5000 ] ],
) {
    my ($row, $name, $value) = @$_;
    ($told, $page) = try_login($name => $value // 1);
    is("$told, " . $op->asked('token'), "$out, 0", "$row: $name")
        or diag($page->body);
    unlike($page->body, qr/<script|alert\(/i, "$row: $name: nothing of it "
           . 'stands on the page') if $name =~ /error/;
}

# (nginx logs a line that it did not read to its end, code and all)
my %old = map { $_ => 1 } $op->secrets;
is(try_login(state_huge => 1), '414 nobody', 'E4: state_huge');
my %seen_by_nginx = map { $_ => 1 } grep { !$old{$_} } $op->secrets;

is(try_login(code_wrong => 1), $out, 'E3: code_wrong');
is($op->asked('token'), 1, 'E3: and asked once');

# By hand, what no provider sends: without a word, from nowhere, posted
my $stranger = $so->person;
for my $query ('', '?', '?code', '?error', '?code=&state=', '?state',
               '?code=x&state=y', '?' . '&' x 500, '?%', '?%zz=1&state=a',
               '?state=a;state=b', '?=&=', "?state=\xff\xfe&code=%00",
               '?state=' . 'A' x 6000 . '&code=x')
{
    my $got = $stranger->ask(GET => $so->at . "/oidc_callback$query");
    is(join(' ', $got->status, $so->told($got, $stranger) =~ /(\w+)$/),
       '403 nobody', 'E4: a callback with ' . substr $query =~
       s/[^ -~]/./gr, 0, 30);
}
for my $type (undef, 'text/plain', 'application/x-www-form-urlencoded',
              'multipart/form-data; boundary=x', 'a' x 300)
{
    my $got = $stranger->ask(POST => $so->at . '/oidc_callback',
        body => 'code=x&state=y', headers => [
            Accept => '*/*', $type ? ('Content-Type' => $type) : () ]);
    is($got->status, 403, 'E4: a posted callback of type '
       . substr $type // 'none', 0, 40);
}
is($op->asked('token', code => 'x'), 0, 'E4: the provider is not bothered');

# E22: the page that tells of an error
$op->behave->misbehave(answer_error_script => 1);
$page = $so->person->login($so->at . '/', 'alice');
like($page->header('Content-Security-Policy'), qr/default-src 'none'/,
     'E22: the page may do nothing');
is($page->header('X-Frame-Options'), 'DENY', 'E32: and stands in no frame');
is($page->header('Cache-Control'), 'no-store', 'and is not kept');
is($page->header('Referrer-Policy'), 'no-referrer', 'E38: no code leaks');


# ---- whose login it is (E2, E3, E6, E7) ------------------------------------------------

$op->behave->forget;
$_->forget for $other, $signs, $picky;

# The address of a callback, stopped on its way to us
sub callback_of {
    my ($who, $path) = @_;
    return $who->visit($so->at . $path, stop => qr{/(?:oidc_call)?back\?})
               ->location;
}

my ($alice, $mallory) = ($so->person, $so->person);
my $back = callback_of($mallory, '/hers');
is($so->told($alice->ask(GET => $back), $alice), '400 nobody',
   'E2: a callback in a browser that began no login');
is($op->asked('token'), 0, 'E2: its code is not used');
for my $method (qw(POST HEAD)) {
    is($mallory->ask($method => $back, headers => [ Accept => '*/*' ])->status
       . ' ' . $op->asked('token'), '403 0', "E4: a $method of it uses nothing");
}
my @held = $mallory->cookies;
is($so->told($mallory->visit($back), $mallory), '200 session',
   'E2: where it began it counts');
my $again = $mallory->ask(GET => $back);
like($again->status . ' ' . ($again->location // ''), qr{^(?:303|400) },
     'E3: a second time it does nothing');
is($op->asked('token'), 1, 'E3: and the code went out once');
my $second = $so->person;
$second->jar->plant(%$_) for $mallory->cookies;
$second->jar->remove('__Host-gh-staff');
is($so->told($second->ask(GET => $back), $second), '400 nobody',
   'E3: a state that was used, and no session');

my $third = $so->person;
$third->jar->plant(%$_) for @held;
is($so->told($third->ask(GET => $back), $third) . ' '
   . $op->asked('token'), '400 nobody 1',
   'E3: a state that was used, with the cookie it was bound to');

# The state of one login with the code of another
my ($one, $two) = map { callback_of($so->person, "/$_") } qw(a b);
my ($code) = $two =~ /[?&]code=([^&]+)/;
my $carol = $so->person;
my $mine  = callback_of($carol, '/mine') =~ s/code=[^&]+/code=$code/r;
$op->forget;
is($so->told($carol->ask(GET => $mine), $carol), $out,
   'E3: a code of another login is refused: PKCE');
my $state_of_a = $one =~ /state=([^&]+)/ ? $1 : '';
my $dave = $so->person;
my $his  = callback_of($dave, '/his') =~ s/state=[^&]+/state=$state_of_a/r;
like($so->told($dave->visit($his, stop => qr{/authorize}), $dave),
     qr/^(?:30\d|400) nobody/, 'E3: a state of another login logs nobody in');

my ($ivy, $jack, $kim) = map { $so->person } 1 .. 3;
my ($of_ivy) = map { callback_of($_, '/once') } $ivy, $jack, $kim;
my $anew = $jack->visit($of_ivy, stop => qr{/oidc_callback\?})->location;
$jack->jar->plant(%$_) for grep { $_->{name} =~ /login/ } $kim->cookies;
is($so->told($jack->ask(GET => $anew), $jack), '400 nobody',
   'E3: who has begun once more because of it does not begin for ever');

# Where it began it ends
is($so->login("/deep/page?x=1&y=%2F")->{hops}[-1][1],
   $so->at . '/deep/page?x=1&y=%2F', 'E3: back to the very page');

# E6: the answer of one provider with the code of another
$op->behave->forget;
my $erin = $so->person;
my $theirs = callback_of($erin, '/other');
my ($ours) = callback_of($erin, '/x') =~ /code=([^&]+)/;
$other->forget;
$erin->ask(GET => $theirs =~ s/code=[^&]+/code=$ours/r);
is($op->asked('token'), 0, 'E6: the one whose code it is was not asked');
my $frank = $so->person;
$theirs = callback_of($frank, '/other');
my $foreign = $op->issuer =~ s{([:/])}{sprintf '%%%02X', ord $1}ger;
$other->forget;
is($frank->ask(GET => $theirs =~ s/iss=[^&]+/iss=$foreign/r)->status, 403,
   'E6: an answer in another provider\'s name');
is($other->asked('token'), 0, 'E6: its code went nowhere');
is($so->told($frank->visit($theirs), $frank, '__Host-gh-other'),
   '200 session', 'E6: in its own name it counts');

# E6: a provider that does not name itself may do so, but only once and right
my $own = '&iss=' . $quiet->issuer;
for my $more ('', $own, "&iss=$foreign", "$own$own", "$own&iss=$foreign") {
    $quiet->forget;
    my $who = $so->person;
    my $to = callback_of($who, '/quiet') . $more;
    is($so->told($who->visit($to), $who, '__Host-gh-quiet') . ' '
       . $quiet->asked('token'), $more eq '' || $more eq $own
       ? '200 session 1' : '403 nobody 0', 'E5, E6: ' . ($more || 'no iss'));
}
my $gail = $so->person;
my $astray = callback_of($gail, '/quiet') =~ s{/back\?}{/oidc_callback?}r;
$quiet->forget;
is($gail->ask(GET => $astray)->status . ' ' . $quiet->asked('token'), '403 0',
   'E6: a callback at the address of another provider');

# E7
$op->forget;
$so->login('/') for 1 .. 3;
my %seen;
for ($op->journal('authorize')) {
    my $asks = $_->{params};
    is($asks->{code_challenge_method}, 'S256', 'E7: always S256');
    $seen{ $asks->{$_} }++ for qw(state nonce code_challenge);
}
my @verifiers = map { $_->{params}{code_verifier} } $op->journal('token');
is(scalar(grep { /^[\w.~-]{43,128}$/ } @verifiers), 3,
   'E7: verifiers are long enough');
is(scalar keys %{ { map { $_ => 1 } @verifiers } }, 3, 'E7: and unique');
is(scalar(grep { $_ > 1 } values %seen), 0,
   'E7: so are state, nonce and challenge');


# ---- who we are (E36, 2.1 client-secret-basic) ----------------------------------------

is(try_login(), $in, 'a login with Basic');
my ($token) = $op->journal('token');
like($token->{headers}{authorization}, qr/^Basic /,
     '2.1 client-secret-basic: the secret is in the header');
is($token->{params}{client_secret}, undef, 'and not in the form, too');

$so->login('/signs') for 1 .. 2;
my @proof = map { $_->{params}{client_assertion} } $signs->journal('token');
is(scalar @proof, 2, 'E36: two logins with a signed assertion');
my @claims = map { Gatehouse::Test::Party::claims(undef, $_) } @proof;
is($claims[0]{aud}, $signs->issuer, 'E36: its audience is the issuer alone');
isnt($claims[0]{jti}, $claims[1]{jti}, 'E36: each has an id of its own');
cmp_ok($claims[0]{exp} - $claims[0]{iat}, '<=', 60, 'E36: for a minute');
is(Gatehouse::Test::Party::header(undef, $proof[0])->{typ},
   'client-authentication+jwt', 'E36: and says what it is');


# ---- how somebody logged in (2.4 max_age, acr) ------------------------------------------

for ([ { auth_time => 10, acr => 'gold' }, '200 session' ],
     [ { auth_time => 10, acr => 'silver' }, '200 session' ],
     [ { auth_time => 10, acr => 'bronze' }, $out ],
     [ { auth_time => 10, acr => 0 }, $out ],
     [ { auth_time => 600, acr => 'gold' }, $out ],
     [ { auth_time => 0, acr => 'gold' }, $out ],
     [ { auth_time => -600, acr => 'gold' }, $out ])
{
    my ($switch, $expected) = @$_;
    $picky->behave->misbehave(%$switch);
    my ($got, $who) = $so->login('/picky');
    is($so->told($got, $who, '__Host-gh-picky'), $expected,
       "2.4 max_age, acr: $switch->{auth_time} s ago, $switch->{acr}");
}
my ($asked) = $picky->journal('authorize');
is("$asked->{params}{max_age} $asked->{params}{acr_values}",
   '60 gold silver', '2.4: both were asked for');


# ---- keys that change (2.1 signing-key-rotation, 2.4) ----------------------------------------

$other->behave->misbehave(rotate_at_signing => 1);
my ($late, $heidi) = $so->login('/other');
is($so->told($late, $heidi, '__Host-gh-other'), '200 session',
   '2.1 signing-key-rotation-just-before-signing');

# Many groups: as many as Entra names, and more than we keep
$op->behave->person(sub => 'u-2', name => 'Grace', groups => [
    map { sprintf '%08x-0d55-4a0c-9a42-1f7f3e0a9b01', $_ } 1 .. 200 ]);
my ($many, $grace) = $so->login('/orders');
is($many->status, 200, 'a token of 200 long groups is read');
is($so->ask($grace, '/last'), 200, 'and all of them count');
$op->person(sub => 'u-3', name => 'Heidi');
is(try_login(userinfo_with => { groups => [ map { "g$_" } 1 .. 1025 ] }),
   "$out, userinfo asked", 'somebody of 1,025 groups is not logged in with '
   . 'some of them');
like($t->error_log, qr/has more than 1024 groups or scopes/,
     'and the log says why');

$so->is_same('E4: none of this has killed a worker');
$t->plant_secret(grep { length() < 4096 && !$seen_by_nginx{$_} }
                 map { $_->secrets } $op, $other, $signs, $picky, $quiet);
done_testing;
