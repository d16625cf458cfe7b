# The misbehaving provider behaves until it is told not to, and each of its
# switches does what its line in the table says.
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::Login;
use Gatehouse::Test::Misprovider;
use Gatehouse::Test::Party;

my $back   = 'https://rp.example/cb';
my $client = Gatehouse::Test::Token->new(alg => 'ES256');
my $op     = Gatehouse::Test::Misprovider->new(
    tls => 0, redirect_uris => [$back], client_jwk => $client->jwk);
my $rp     = party();
my $person = Gatehouse::Test::Login->new(ca => $op->ca);

sub party {
    return Gatehouse::Test::Party->new(
        issuer => $op->issuer, ca => $op->ca, secret => $op->secret,
        redirect_uri => $back, key => $client, @_);
}

# Logs in and returns the answer of the token endpoint
sub tokens { return $rp->tokens($rp->code($person, 'alice')->{code}) }

# Everything that the next tokens say, or how they fail, as text
sub look {
    my $tokens = eval { tokens() } or return "no tokens: $@";
    my $jwt = $tokens->{id_token} // 'none';
    my @parts = map { eval { $rp->$_($jwt) } || 'unreadable' }
                qw(header claims);
    delete @{ $parts[1] }{qw(iat nbf exp nonce at_hash sid auth_time)}
        if ref $parts[1] eq 'HASH';
    my $verdict = eval { $rp->verify($jwt); 'good' } || $@;
    return JSON::PP->new->canonical->allow_nonref->encode(
        [ @parts, $verdict, length($jwt =~ s/[^.]*\z//r),
          sort keys %$tokens ]);
}


# A login with each algorithm and each way to authenticate, without complaint
for my $alg (qw(RS256 PS256 ES256 ES384 EdDSA)) {
    $op->rotate(alg => $alg, keep => 0);
    is(eval { $rp->verify(tokens()->{id_token})->{sub} } || $@, 'u-2482',
       "a good login with $alg");
}
$op->rotate(alg => 'ES256', keep => 0);
for my $way (qw(basic post jwt)) {
    $op->set(auth => $way);
    $rp = party(auth => $way);
    ok(eval { tokens() } || diag($@), "a client proves itself: $way");
}
$op->set(auth => undef);
$rp = party();
my $tokens = tokens();
is($rp->userinfo($tokens->{access_token})->json->{name}, 'Alice Example',
   'userinfo');
my $next = $rp->refresh($tokens->{refresh_token})->json;
is($rp->verify($next->{id_token})->{sub}, 'u-2482', 'a refresh');
is(join(' ', $op->complaints), '', 'all that without a complaint');

# It is strict
is($rp->refresh($tokens->{refresh_token})->status, 400,
   'an old refresh token is refused');
is($rp->refresh($next->{refresh_token})->status, 400,
   'and ends its family');
is(party(secret => 'wrong')->refresh('x')->status, 401, 'a wrong secret');
my $code = $rp->code($person, 'alice')->{code};
ok($rp->tokens($code) && !eval { $rp->tokens($code) }, 'a code works once');
for ([ nonce => undef ], [ code_challenge => undef ],
     [ redirect_uri => 'https://evil.example/' ], [ scope => 'email' ])
{
    is($person->visit($rp->authorize_url(@$_))->status, 400,
       "authorize without a good $_->[0] is refused");
}
like(join(' ', $op->complaints), qr/used before.*no such code.*no nonce/,
     'and each is written down');
is($op->asked('refresh'), 4,
   'the journal counts');

# Switches that show in the tokens
my %value = (iat_skew => -4000, auth_time => 9999, acr => 'gold',
    email => 'a@b@c', groups => 'staff', claims_with => { name => 'X' },
    typ_other => 'at+jwt', expires_in => 'soon');
my $good = look();
is($good, look(), 'two good logins look alike');

for my $row (grep { $_->{stage} =~ /^(?:claims|header|jwt|tokens)$/ }
             Gatehouse::Test::Misprovider::Switches::all())
{
    my $name = $row->{name};
    next if $name =~ /^(?:refresh_|access_token_|expires_in$|token_type_\w+
                      |iat_skew|nbf_future|at_hash|c_hash|auth_time
                      |exp_text|exp_huge|iat_missing|scope_less)/x;
    $op->behave->misbehave($name => $value{$name} // 1);
    isnt(look(), $good, "$name: $row->{does}");
}

# and those that show elsewhere
my %see = (
    iat_skew => sub { $rp->claims($_->{id_token})->{iat} < time - 3000 },
    nbf_future => sub { $rp->claims($_->{id_token})->{nbf} > time + 3000 },
    iat_missing => sub { !$rp->claims($_->{id_token})->{iat} },
    at_hash_missing => sub { !$rp->claims($_->{id_token})->{at_hash} },
    at_hash_wrong => sub {
        $rp->claims($_->{id_token})->{at_hash} =~ /^eHh4/ },
    c_hash_wrong => sub { $rp->claims($_->{id_token})->{c_hash} },
    auth_time => sub { $rp->claims($_->{id_token})->{auth_time}
                       < time - 9000 },
    exp_text => sub { $rp->claims($_->{id_token})->{exp} =~ /^\d+$/ },
    exp_huge => sub { $rp->claims($_->{id_token})->{exp} > 1e299 },
    expires_in => sub { $_->{expires_in} eq 'soon' },
    scope_less => sub { $_->{scope} eq 'openid' },
    token_type_case => sub { $_->{token_type} eq 'bEaReR' },
    token_type_other => sub { $_->{token_type} eq 'mac' },
    access_token_breaks => sub { $_->{access_token} =~ /\r\n/ },
    access_token_long => sub { length $_->{access_token} > 500_000 },
    refresh_same_token => sub {
        !$rp->refresh($_->{refresh_token})->json->{refresh_token} },
    refresh_no_id_token => sub {
        !$rp->refresh($_->{refresh_token})->json->{id_token} },
    refresh_iss_wrong => sub {
        $rp->claims($rp->refresh($_->{refresh_token})->json->{id_token})
           ->{iss} =~ /evil/ },
    refresh_sub_wrong => sub {
        $rp->claims($rp->refresh($_->{refresh_token})->json->{id_token})
           ->{sub} =~ /else/ },
    refresh_refused => sub {
        $rp->refresh($_->{refresh_token})->status == 400 },
    refresh_reusable => sub {
        $rp->refresh($_->{refresh_token});
        $rp->refresh($_->{refresh_token})->status == 200 },
    userinfo_sub_wrong => sub {
        $rp->userinfo($_->{access_token})->json->{sub} eq 'somebody-else' },
    userinfo_sub_missing => sub {
        !$rp->userinfo($_->{access_token})->json->{sub} },
    userinfo_signed => sub {
        $rp->claims($rp->userinfo($_->{access_token})->body)->{sub} },
    userinfo_signed_aud => sub {
        $rp->claims($rp->userinfo($_->{access_token})->body)->{aud}
            eq 'another' },
    userinfo_signed_none => sub {
        $rp->userinfo($_->{access_token})->body =~ /\.\z/ },
);
for my $name (sort keys %see) {
    $op->behave->misbehave($name => $value{$name} // 1);
    ok(eval { local $_ = tokens(); $see{$name}->() }, $name) or diag($@);
}
$op->behave;

# What must not be in a log is told
$tokens = tokens();
my %told = map { $_ => 1 } $op->secrets;
is(scalar(grep { !$told{$_} } @$tokens{qw(access_token refresh_token
                                          id_token)},
          $rp->verifier, $op->secret), 0, 'its secrets are told');

# The document, the set, the answer, the way back
my @rows = Gatehouse::Test::Misprovider::Switches::all();
my %argument = (endpoint_at => [ token => 'http://169.254.169.254/' ],
    endpoint_missing => 'token', metadata_member => { issuer => 7 },
    answer_with => [ code => undef, state => 'x' ]);
my %part = (
    metadata => sub { $rp->fetch($op->issuer
                                 . '/.well-known/openid-configuration') },
    set => sub { $rp->jwks },
    answer => sub {
        my $url  = $rp->authorize_url;
        my $page = $person->visit($url, stop => qr/^\Q$back/);
        my $text = $page->location // $page->text;
        $text =~ s/code=[\w-]{43}/code=C/;
        my $state = $rp->state;
        return $text =~ s/\Q$state/S/gr;
    },
);
for my $stage (sort keys %part) {
    my $json = JSON::PP->new->canonical->allow_nonref;
    my $was  = $json->encode($part{$stage}->());
    for my $row (grep { $_->{stage} eq $stage } @rows) {
        my $name = $row->{name};
        $op->behave->misbehave($name => $argument{$name} // 1);
        isnt($json->encode($part{$stage}->()), $was,
             "$name: $row->{does}");
    }
    $op->behave;
}
$op->misbehave(ask => 1, form_post => 1);
my $page = $person->visit($rp->authorize_url);
$page = $person->submit($page, button => 'go');
is($page->form->{action}, $back, 'ask, form_post: a page, then a form');
$op->behave->misbehave(fragment => 1);
like($person->visit($rp->authorize_url, stop => qr/^\Q$back/)->location,
     qr/#code=/, 'fragment');

# Keys that change: the signing key is published from then on
$op->behave->misbehave(rotate_at_signing => 1);
my $before = $rp->jwks->{keys};
my $late = tokens()->{id_token};
is(scalar(grep { $_->{kid} eq $rp->header($late)->{kid} } @$before), 0,
   'rotate_at_signing: the set did not have the key');
is($rp->verify($late)->{sub}, 'u-2482', 'and has it now');
$op->behave;

# Logout tokens
tokens();
my $fine = $op->logout_token;
is($rp->header($fine)->{typ}, 'logout+jwt', 'a good logout token');
for my $row (grep { $_->{stage} eq 'logout' } @rows) {
    $op->behave->misbehave($row->{name} => 1);
    my $bad = $op->logout_token(jti => $rp->claims($fine)->{jti},
        iat => $rp->claims($fine)->{iat}, exp => $rp->claims($fine)->{exp});
    my $cut = sub { $_[0] =~ s/[^.]*\z//r };
    ok($cut->($bad) ne $cut->($fine)
       || !Gatehouse::Test::Party::signed($bad, 'ES256', $op->key->jwk),
       "$row->{name}: $row->{does}");
}
$op->behave;
my $end = $rp->metadata->{end_session_endpoint};
for ([ bye_state_wrong => 'another' ], [ bye_state_missing => undef ]) {
    $op->behave->misbehave($_->[0] => 1);
    my $to = $person->visit("$end?post_logout_redirect_uri="
        . 'https://rp.example/bye&state=abc', stop => qr/rp/)->location;
    my %got = Gatehouse::Test::Page::decode_form($to);
    is($got{state}, $_->[1], $_->[0]);
}
$op->behave;

# The wire
my %with = (slow => 0.2, drip => 0.0005, status => 503, retry => 7,
    error => '503 server_error', body => '{"x":1}', length => 999_999,
    type => 'text/plain', redirect => 'http://169.254.169.254/',
    headers => "X-Odd: 1\r\n", padded => 70_000);
my $keys = $op->issuer . '/keys';
my $whole = $rp->fetch($keys);
for my $row (Gatehouse::Test::Misprovider::Wire::table()) {
    my ($fault) = $row->{name} =~ /\.(\w+)$/;
    $op->behave->misbehave("keys.$fault" => $with{$fault} // 1);
    my $got = $fault =~ /^(?:huge|endless|unbounded|header_endless)$/
            ? torrent() : short($keys);
    my $odd = ref $got ? told($got) : $got;
    isnt($odd, "200 application/json whole", "keys.$fault: $row->{does}")
        if $fault !~ /^(?:slow|drip|interim|smuggled|headers|header_|padded)/;
    like($odd, qr/200 .*whole/, "keys.$fault: $row->{does}")
        if $fault =~ /^(?:slow|drip|interim|header_empty|headers_many)$/;
}
$op->behave;

sub short {
    my ($url) = @_;
    my $http = Gatehouse::Test::Login->new(ca => $op->ca, timeout => 1);
    return $http->ask('GET', $url, headers => []);
}

sub told {
    my ($page) = @_;
    my $document = eval { $page->json };
    return join ' ', $page->status, $page->header('Content-Type') // '-',
        $page->error // '', ref $document eq 'HASH' && $document->{keys}
        && !$page->error ? 'whole' : 'odd' =~ s/  / /gr;
}

# More than anybody wants: reads 20 MB and hangs up
sub torrent {
    my $http = Gatehouse::Test::Http->new(port => $op->port, timeout => 5);
    $http->send_raw("GET /keys HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return length $http->read_bytes(20_000_000) == 20_000_000
        ? 'a torrent' : '200 application/json whole';
}

# Certificates
my $tls = Gatehouse::Test::Misprovider->new;
my $asks = Gatehouse::Test::Party->new(issuer => $tls->issuer,
                                       ca => $tls->ca);
is($asks->metadata->{issuer}, $tls->issuer, 'a good certificate is trusted');
for my $kind (qw(self_signed expired not_yet wrong_name other_ca
                 client_only closes plaintext))
{
    $tls->stop->start(tls => $kind);
    ok(!eval { $asks->metadata }, "J1: a certificate that is $kind");
}
$tls->stop->start(tls => 'mute');
my $mute = Gatehouse::Test::Login->new(ca => $tls->ca, timeout => 1);
is($mute->ask('GET', $tls->issuer)->status, 0, 'J5: no handshake at all');
$tls->stop->start(tls => 'good');
ok($asks->metadata, 'and a good one');

# Other providers' clothes
my %group = (auth0 => sub { $_[0]{'https://app.example/groups'}[0] },
    entra => sub { $_[0]{groups}[0] }, google => sub { $_[0]{hd} },
    keycloak => sub { $_[0]{realm_access}{roles}[3] },
    okta => sub { $_[0]{groups}[1] });
my %says = (auth0 => 'staff', google => 'example.com', keycloak => 'admin',
    entra => '6c1a4b7e-0d55-4a0c-9a42-1f7f3e0a9b01', okta => 'staff');

for my $name (Gatehouse::Test::Misprovider::Fixture::names()) {
    my $worn = Gatehouse::Test::Misprovider->new(tls => 0, fixture => $name);
    my $asks = Gatehouse::Test::Party->new(
        issuer => $worn->issuer, secret => $worn->secret,
        redirect_uri => $back);
    my $who = Gatehouse::Test::Login->new;
    my $got = eval { $asks->tokens($asks->code($who, 'alice')->{code}) };
    my $claims = eval { $asks->verify($got->{id_token}) } || { error => $@ };
    my %model = map { $_ => Gatehouse::Test::Misprovider::Fixture::read_file(
                                $name, $_) } qw(discovery id_token token jwk);

    is(eval { $group{$name}->($claims) }, $says{$name},
       "$name: a login with its claims") or diag($@, explain($claims));
    is(join(' ', sort keys %{ $asks->metadata }),
       join(' ', sort keys %{ $model{discovery} }), "$name: its metadata");
    is(join(' ', sort keys %$claims),
       join(' ', sort keys %{ $model{id_token} }), "$name: its claims");
    is(join(' ', sort keys %$got), join(' ', sort keys %{ $model{token} }),
       "$name: its answer");
    is(join(' ', sort keys %{ $asks->jwks->{keys}[0] }),
       join(' ', sort keys %{ $model{jwk} }), "$name: its keys");
    is($asks->userinfo($got->{access_token})->json->{sub}, $claims->{sub},
       "$name: its userinfo");
}

my $list = Gatehouse::Test::Misprovider::Switches::list();
is((() = $list =~ /\[[^\]\n]+\]$/mg), (() = $list =~ /^  \S/mg),
   'each switch names its row');

# every module of the plans that a switch can play, and what needs none: the
# plain login above, or something that is the gateway's own
my @modules = qw(invalid-iss missing-sub invalid-aud missing-aud missing-iat
    kid-absent-single-jwks kid-absent-multiple-jwks idtoken-sig-none
    invalid-sig-rs256 invalid-sig-es256 invalid-sig-hs256 userinfo-invalid-sub
    nonce-invalid nonce-unless-code-flow scope-userinfo-claims
    client-secret-basic invalid-chash invalid-athash missing-athash
    discovery-openid-config discovery-jwks-uri-keys discovery-issuer-mismatch
    signing-key-rotation-just-before-signing signing-key-rotation
    userinfo-signed mtls-endpoint-aliases aggregated-claims distributed-claims
    form-post-error refresh-token refresh-token-invalid-issuer
    refresh-token-invalid-sub rp-init-logout-other-state
    rp-init-logout-no-state alg-none no-event with-nonce wrong-alg wrong-aud
    wrong-event wrong-iss invalid-secondary-aud invalid-null-alg
    invalid-alternate-alg invalid-expired-exp invalid-missing-exp
    invalid-missing-iss valid-aud-as-array invalid-missing-nonce
    invalid-authorization-response-iss remove-authorization-response-iss
    invalid-state missing-state token-endpoint-response-without-expires_in
    token-type-case-insensitivity);
is(join(' ', grep { $list !~ /\[[^\]\n]*\b\Q$_\E\b/ } @modules), '',
   'every module of the plans has a switch');
ok(!eval { $op->misbehave(nonsense => 1) }, 'an unknown switch is refused');

done_testing;
