# What a provider says about itself, its keys, its certificate and how its
# answers travel: whatever is not exactly as it must be counts as no answer,
# leads nowhere, and leaves everybody else alone (threats 2.1, 2.4, E37, J).
use Gatehouse::Test timeout => 500;
use Gatehouse::Test::SignOn;

# Each row has a provider of its own that is wrong from the start; they share
# a key, and one gateway serves them all.
my $key  = Gatehouse::Test::Token->new(alg => 'ES256');
my $trap = Gatehouse::Test::Misprovider->new(tls => 0, key => $key);
my $evil = $trap->issuer;

my @rows = (
    # name of the row, switches, what a login comes to
    [ '2.1 discovery-issuer-mismatch, E37', { issuer_mismatch => 1 }, 503 ],
    [ 'E37', { issuer_case => 1 }, 503 ], [ 'E37', { issuer_slash => 1 }, 503 ],
    [ 'E37', { issuer_missing => 1 }, 503 ],
    [ 'E37', { issuer_list => 1 }, 503 ],
    (map { my $name = $_; map { [ 'J3', { endpoint_at => [ $name => $_ ] },
        $name eq 'userinfo' ? 200 : 503 ] }
        'http://169.254.169.254/latest', 'file:///etc/passwd',
        'gopher://localhost/', 'unix:/var/run/x', 'https://other.example/',
        "$evil/token", 'https://localhost@evil.example/', 'x' }
        qw(token jwks userinfo)),
    [ 'J3', { endpoint_at => [ authorization => 'javascript:alert(1)' ] },
      503 ],
    (map { [ '2.1 discovery-openid-config', { endpoint_missing => $_ }, 503 ] }
        qw(token jwks authorization)),
    [ '2.1 discovery-openid-config', { endpoint_missing => 'userinfo' }, 200 ],
    [ 'J5', { endpoint_number => 1 }, 503 ],
    [ '2.1 mtls-endpoint-aliases', { mtls_aliases => 1 }, 200 ],
    [ 'E6', { iss_unannounced => 1 }, 200 ],
    [ 'E6', { iss_unannounced => 1, answer_iss_missing => 1 }, 200 ],
    [ 'E7', { pkce_plain => 1 }, '200|503' ],
    [ 'E7', { pkce_unannounced => 1 }, 200 ],
    [ '2.1 client-secret-basic', { auth_unannounced => 1 }, 200 ],
    [ '2.1 idtoken-sig-none', { algs_none => 1 }, '200|503' ],
    [ '2.1 discovery-jwks-uri-keys', { keys_none => 1 }, '403|503' ],
    [ '2.1 kid-absent-single-jwks', { kid_absent_single => 1 }, 200 ],
    [ '2.1 kid-absent-multiple-jwks', { kid_absent_multiple => 1 }, 200 ],
    [ '2.4 kid reuse', { kid_twice => 1 }, '200|403|503' ],
    [ 'D', { key_use_enc => 1 }, '403|503' ],
    [ 'D', { key_alg_other => 1 }, '403|503' ],
    [ '2.1 invalid-sig-hs256', { key_oct => 1, signature_hs256 => 1 },
      '403|503' ],
    [ 'J5', { key_unknown_first => 1 }, 200 ],
    [ 'J5, K', { keys_many => 1 }, '403|503' ],
    (map { my $at = $_; map { [ $_->[0], { "$at.$_->[1]" => $_->[2] // 1 },
                                $_->[3] // '403|503' ] }
        [ '3', 'close' ], [ '3', 'reset' ], [ 'J5', 'half' ],
        [ '2.4', status => 503 ], [ '3', retry => 9 ], [ 'J5', 'html' ],
        [ 'J5', 'empty' ], [ 'J5', 'garbage' ], [ 'J5', 'noise' ],
        [ 'J5', 'array' ], [ 'J5', 'text' ], [ 'J5', 'null' ],
        [ 'J5', 'twice' ], [ 'J5', 'deep' ], [ 'J5', 'trailing' ],
        [ 'J5', 'utf16' ], [ 'J5', 'nul' ], [ 'J5', padded => 2_000_000 ],
        [ 'J5', 'huge' ], [ 'J5', 'endless' ], [ 'J5', 'unbounded' ],
        [ 'J5', length => 999_999 ], [ 'J5', 'gzip_bomb' ],
        [ 'J4', redirect => "$evil/" ], [ 'J4', 'redirect_same' ],
        [ 'J7', 'header_huge' ], [ 'J7', 'header_endless' ],
        [ 'J7', 'header_empty', 1, 200 ],
        [ 'J2', 'smuggled', 1, 200 ] }
        qw(discovery keys)),
);

my $so = Gatehouse::Test::SignOn->new(op => { key => $key },
                                      t => { connections => 2048 });
my ($t, $op) = ($so->t, $so->op);
my @certificates = qw(self_signed expired not_yet wrong_name other_ca
                      client_only closes plaintext);
my (@ops, $http, $locations);

for my $i (0 .. $#rows) {
    $ops[$i] = Gatehouse::Test::Misprovider->new(
        tls => 0, key => $key, switches => $rows[$i][1]);
    $http .= $so->block("row$i", $ops[$i]);
    $locations .= "location /row$i { gatehouse_authenticate oidc=row$i;"
                . " proxy_pass http://echo; }\n";
}
for my $kind (@certificates) {
    my $bad = Gatehouse::Test::Misprovider->new(tls => $kind, key => $key);
    push @rows, [ "J1: a certificate that is $kind", {}, 503,
                  "cert_$kind", $bad ];
    $http .= $so->block("cert_$kind", $bad);
    $locations .= "location /cert_$kind { gatehouse_authenticate"
                . " oidc=cert_$kind; proxy_pass http://echo; }\n";
}
$trap->forget;
$so->start(http => $http, locations => $locations . <<'EOL');
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
EOL

sub name_of { return $rows[$_[0]][3] // "row$_[0]" }

# How often it was asked for what is wrong with it.
sub asked {
    my ($i) = @_;
    my ($what) = map { /^(\w+)\./ ? $1 : /^key/ ? 'keys' : 'discovery' }
                 keys %{ $rows[$i][1] };
    return $ops[$i]->asked($what);
}

sub judge {
    my ($i, $page, $who) = @_;
    my ($row, $switch, $expected, undef, $bad) = @{ $rows[$i] };
    my $name = name_of($i);
    $bad //= $ops[$i];
    my $what = join ', ', map { my $v = $switch->{$_};
        "$_" . (ref $v ? " @$v" : $v eq '1' ? '' : " $v") } sort keys %$switch;
    my $session = $who->cookie("__Host-gh-$name") ? 200 : 0;
    like($page->status, qr/^(?:$expected)$/, "$row: $what");
    is($session, $page->status == 200 ? 200 : 0,
       "$row: and " . ($session ? 'a session' : 'no session'));
    isnt(asked($i), 0, "$row: it was asked for what is wrong") if !$rows[$i][4];
    is($bad->asked('token'), 0, "$row: no secret is sent")
        if $page->status == 503 && !grep { /^key/ } keys %$switch;
    return;
}

# So many are asked at the start that one may have to wait: it has its turn
# behind the next stories
my @patient;
for my $i (0 .. $#rows) {
    my ($page, $who) = $so->login('/' . name_of($i));
    if ($page->status == 503
        && ($rows[$i][2] =~ /^200/ || !$rows[$i][4] && !asked($i)))
    {
        push @patient, $i;
    } else {
        judge($i, $page, $who);
    }
}
is(($so->login('/'))[0]->status, 200, 'an honest provider beside all of them');


# ---- the answers of a login, one by one (J5, J7, 3) ---------------------------------------

# (three failures in a row open the breaker: an honest login closes it)
for my $endpoint (qw(token userinfo)) {
    for my $row (
        [ 'close' ], [ 'reset' ], [ 'half' ], [ status => 503 ],
        [ error => '503 server_error' ], [ retry => 9 ], [ 'html' ],
        [ type => 'text/plain', $endpoint eq 'token' ? 200 : 403 ], [ 'empty' ],
        [ 'garbage' ], [ 'noise' ], [ 'array' ], [ 'text' ], [ 'null' ],
        [ 'twice' ], [ 'deep' ], [ 'trailing' ], [ 'utf16' ], [ 'nul' ],
        [ 'number' ], [ padded => 2_000_000 ], [ 'huge' ], [ 'endless' ],
        [ 'unbounded' ], [ length => 999_999 ], [ 'gzip_bomb' ],
        [ redirect => "$evil/" ], [ 'redirect_same' ], [ 'headers_many' ],
        [ 'header_empty', 1, 200 ], [ 'header_huge' ], [ 'header_endless' ],
        [ 'interim' ], [ 'smuggled', 1, 200 ],
    ) {
        my ($fault, $value, $expected) = @$row;
        $op->behave;
        $so->login('/');
        $op->misbehave("$endpoint.$fault" => $value // 1)->forget;
        my ($page, $who) = $so->login('/');
        my $want = $expected // ($fault =~ /^(?:headers_many|interim|number)$/
                                 ? '200|403|503' : '403|503');
        like($page->status, qr/^(?:$want)$/, "J5: $endpoint.$fault");
        is($who->cookie('__Host-gh-staff') ? 'session' : 'nobody',
           $page->status == 200 ? 'session' : 'nobody',
           "J5: $endpoint.$fault: " . $page->status . ' means it');
        is($page->header('Retry-After') ? 1 : 0, 1,
           "3: $endpoint.$fault: when to come back")
            if $page->status == 503;
    }
}
$op->behave;
is(scalar $trap->journal, 0, 'J4: no redirect was followed');

for my $i (@patient) {
    my ($page, $who) = $so->login('/' . name_of($i));
    wait_for(sub { ($page, $who) = $so->login('/' . name_of($i));
                   $rows[$i][2] eq '200' ? $page->status == 200 : asked($i) },
             20, "$rows[$i][0]: an answer of any kind")
        if $page->status == 503 && ($rows[$i][2] eq '200' || !asked($i));
    judge($i, $page, $who);
}
is(scalar $trap->journal, 0, 'J3, J4: nobody was led elsewhere');


# ---- what was good last (2.4, 4.1) -----------------------------------------------------------

$t->restart($so->text(http => $http));
$op->misbehave('discovery.status' => 503, 'keys.status' => 503);
$t->restart($so->text);
is(($so->login('/'))[0]->status, 200,
   '2.4: discovery 5xx at the start: the metadata of before still holds');
$op->behave->misbehave(issuer_mismatch => 1, keys_none => 1);
$t->restart($so->text);
is(($so->login('/'))[0]->status, 200,
   '4.1: metadata of somebody else and an empty set replace nothing');

$t->plant_secret(grep { length() < 4096 && !/^eyJ/ } $op->secrets);
done_testing;
