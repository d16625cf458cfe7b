package Gatehouse::Test::Misprovider::Switches;

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

use Gatehouse::Test::Misprovider::Claims;
use Gatehouse::Test::Misprovider::Wire;

=head1 NAME

Gatehouse::Test::Misprovider::Switches - every way the provider misbehaves

=head1 DESCRIPTION

One table. A switch has a name, the stage at which it acts, the rows of the
threat tables it plays, what it does in a sentence, and a sub that does it to
what the stage makes:

    metadata   the discovery document          set         the list of JWKs
    answer     pairs of the redirect's query   claims      of the id_token
    header     of the id_token                 jwt         its text
    tokens     the token endpoint's document   refreshed   claims after a
    userinfo   its document                                refresh
    logout     { claims, header } of a logout token
    bye        pairs of the way back from a logout
    flow       asked for by name where the provider decides

The sub gets that, the value the switch was given, and the provider's context
(issuer, client, state, a key). C<all> is the table, C<apply($stage, $thing,
$context)> does what is switched on, C<check(@names)> dies of an unknown name.
Claims stand in F<Claims.pm>, faults of the connection in F<Wire.pm>.

=cut

my $EVENT = 'http://schemas.openid.net/event/backchannel-logout';

my @METADATA = map { [ $_->[0], 'metadata', @$_[1 .. 3] ] } (
    [ issuer_mismatch => '2.1 discovery-issuer-mismatch, E37',
      'names another issuer', sub { $_[0]{issuer} = 'https://evil.example' } ],
    [ issuer_case => 'E37', 'writes its issuer in capitals',
      sub { $_[0]{issuer} = uc $_[0]{issuer} } ],
    [ issuer_slash => 'E37', 'adds a slash to its issuer',
      sub { $_[0]{issuer} .= '/' } ],
    [ issuer_missing => 'E37', 'names no issuer',
      sub { delete $_[0]{issuer} } ],
    [ issuer_list => 'E37', 'names a list of issuers',
      sub { $_[0]{issuer} = [ $_[0]{issuer} ] } ],
    [ endpoint_at => 'J3, E37',
      'puts an endpoint (token jwks userinfo ...) at the address given: '
      . '[ token => URL ]',
      sub { my ($name, $url) = @{ $_[1] };
            $_[0]{ $name eq 'jwks' ? 'jwks_uri' : "${name}_endpoint" }
                = $url } ],
    [ endpoint_missing => '2.1 discovery-openid-config',
      'leaves an endpoint out: token jwks authorization userinfo ...',
      sub { delete $_[0]{ $_[1] eq 'jwks' ? 'jwks_uri'
                                          : "$_[1]_endpoint" } } ],
    [ endpoint_number => 'J5', 'gives a number as token endpoint',
      sub { $_[0]{token_endpoint} = 1 } ],
    [ mtls_aliases => '2.1 mtls-endpoint-aliases',
      'offers aliases for mutual TLS at another port',
      sub { $_[0]{mtls_endpoint_aliases} = {
                token_endpoint => 'https://mtls.example/token' } } ],
    [ iss_unannounced => 'E6', 'does not announce iss in its answers',
      sub { delete
                $_[0]{authorization_response_iss_parameter_supported} } ],
    [ pkce_plain => 'E7', 'supports only the plain challenge',
      sub { $_[0]{code_challenge_methods_supported} = ['plain'] } ],
    [ pkce_unannounced => 'E7', 'does not announce PKCE',
      sub { delete $_[0]{code_challenge_methods_supported} } ],
    [ auth_unknown => '2.1 client-secret-basic',
      'supports only tls_client_auth',
      sub { $_[0]{token_endpoint_auth_methods_supported}
                = ['tls_client_auth'] } ],
    [ auth_unannounced => '2.1 client-secret-basic',
      'announces no way to authenticate (basic is the default)',
      sub { delete $_[0]{token_endpoint_auth_methods_supported} } ],
    [ algs_none => '2.1 idtoken-sig-none', 'announces no algorithm but none',
      sub { $_[0]{id_token_signing_alg_values_supported} = ['none'] } ],
    [ backchannel_unannounced => '2.2', 'announces no back-channel logout',
      sub { delete $_[0]{$_} for grep { /^backchannel/ } keys %{ $_[0] } } ],
    [ metadata_member => 'J5', 'changes members: { name => value }',
      sub { %{ $_[0] } = (%{ $_[0] }, %{ $_[1] }) } ],
);

my @SET = map { [ $_->[0], 'set', @$_[1 .. 3] ] } (
    [ keys_none => 'J5, 2.1 discovery-jwks-uri-keys', 'publishes no key',
      sub { @{ $_[0] } = () } ],
    [ kid_absent_single => '2.1 kid-absent-single-jwks',
      'one key, no kid in set or token',
      sub { @{ $_[0] } = map { +{ %$_, kid => undef } } $_[0][0] } ],
    [ kid_absent_multiple => '2.1 kid-absent-multiple-jwks',
      'two keys of a kind, the right one last, no kid in set or token',
      sub { my ($set, undef, $context) = @_;
            my $decoy = $context->{decoy}->jwk;
            @$set = map { +{ %$_, kid => undef } } $decoy, @$set } ],
    [ kid_twice => '2.4 kid reuse', 'two keys have the same kid, the wrong '
      . 'one first',
      sub { my ($set, undef, $context) = @_;
            unshift @$set, { %{ $context->{decoy}->jwk },
                             kid => $set->[0]{kid} } } ],
    [ key_use_enc => 'D', 'its key is for encryption',
      sub { $_->{use} = 'enc' for @{ $_[0] } } ],
    [ key_alg_other => 'D', 'its key says another algorithm',
      sub { $_->{alg} = 'RS512' for @{ $_[0] } } ],
    [ key_oct => '2.1 invalid-sig-hs256',
      'publishes a shared secret as a key',
      sub { @{ $_[0] } = { kty => 'oct', alg => 'HS256', use => 'sig',
                           kid => $_[0][0]{kid},
                           k => encode_base64url('k' x 32) } } ],
    [ key_private => 'D', 'publishes its private key, too',
      sub { @{ $_[0] } = map { +{ %$_, d => encode_base64url('x' x 32) } }
                         @{ $_[0] } } ],
    [ key_unknown_first => 'J5',
      'puts keys of unknown kinds before the right one',
      sub { unshift @{ $_[0] }, { kty => 'XYZ', kid => 'x' },
                    { kid => 'y' }, {}, 'text', undef, [ 1 ] } ],
    [ keys_many => 'J5, K', 'puts 2,000 keys before the right one',
      sub { my ($set, undef, $context) = @_;
            my $decoy = $context->{decoy}->jwk;
            unshift @$set, map { +{ %$decoy, kid => "many-$_" } }
                           1 .. 2000 } ],
);

my @ANSWER = map { [ $_->[0], 'answer', @$_[1 .. 3] ] } (
    [ state_wrong => 'E2, 2.3 invalid-state', 'another state',
      sub { put($_[0], state => 'x' x 43) } ],
    [ state_missing => 'E4, 2.3 missing-state', 'no state',
      sub { put($_[0], state => undef) } ],
    [ state_twice => 'E5', 'the state twice, the wrong one last',
      sub { push @{ $_[0] }, state => 'x' x 43 } ],
    [ state_huge => 'E4', '100 kB of state',
      sub { put($_[0], state => 'x' x 100_000) } ],
    [ code_wrong => 'E3', 'a code it never gave',
      sub { put($_[0], code => 'never-given') } ],
    [ code_missing => 'E4', 'no code', sub { put($_[0], code => undef) } ],
    [ code_empty => 'E4', 'an empty code', sub { put($_[0], code => '') } ],
    [ code_twice => 'E5', 'two codes',
      sub { push @{ $_[0] }, code => 'never-given' } ],
    [ answer_iss_wrong => 'E6, 2.3 invalid-authorization-response-iss',
      'another issuer in the answer',
      sub { put($_[0], iss => 'https://evil.example') } ],
    [ answer_iss_missing => 'E6, 2.3 remove-authorization-response-iss',
      'no issuer in the answer, although announced',
      sub { put($_[0], iss => undef) } ],
    [ answer_iss_twice => 'E5, E6', 'the issuer twice, a wrong one last',
      sub { push @{ $_[0] }, iss => 'https://evil.example' } ],
    [ answer_error => 'E22',
      'an error instead of a code: 1 for access_denied, or the word',
      sub { fail($_[0], $_[1] eq '1' ? 'access_denied' : $_[1],
                 'nobody there') } ],
    [ answer_error_script => 'E22', 'an error that is a script',
      sub { fail($_[0], '<script>alert(1)</script>',
                 '"><img src=x onerror=alert(1)>') } ],
    [ answer_error_binary => 'E4, E22',
      'an error with line breaks, NUL and broken UTF-8',
      sub { fail($_[0], "a\r\nX-Evil: 1", "\0\xff\xfe\r\n") } ],
    [ answer_both => 'E4', 'a code and an error at once',
      sub { push @{ $_[0] }, error => 'access_denied' } ],
    [ answer_nothing => 'E4', 'comes back with no parameter at all',
      sub { @{ $_[0] } = () } ],
    [ answer_tokens => '2.1 nonce-unless-code-flow',
      'adds an access_token and an id_token to the answer',
      sub { push @{ $_[0] }, access_token => 'x.y.z', id_token => 'x.y.z',
                 token_type => 'Bearer' } ],
    [ answer_with => 'E4, E5', 'changes parameters: [ name => value ]; undef '
      . 'removes', sub { put($_[0], @{ $_[1] }) } ],
);

my @TOKENS = map { [ $_->[0], 'tokens', @$_[1 .. 3] ] } (
    [ id_token_missing => '2.1', 'no id_token',
      sub { delete $_[0]{id_token} } ],
    [ id_token_null => 'J5', 'the id_token is null',
      sub { $_[0]{id_token} = undef } ],
    [ id_token_list => 'J5', 'a list of id_tokens',
      sub { $_[0]{id_token} = [ $_[0]{id_token} ] } ],
    [ access_token_missing => 'J5', 'no access token',
      sub { delete $_[0]{access_token} } ],
    [ access_token_breaks => 'J5, A', 'line breaks in the access token',
      sub { $_[0]{access_token} .= "\r\nX-Principal: admin" } ],
    [ access_token_long => 'J5', 'an access token of 600 kB',
      sub { $_[0]{access_token} = 'x' x 600_000 } ],
    [ token_type_case => '2.3 token-type-case-insensitivity',
      'token_type bEaReR', sub { $_[0]{token_type} = 'bEaReR' } ],
    [ token_type_other => '2.3', 'token_type mac',
      sub { $_[0]{token_type} = 'mac' } ],
    [ token_type_missing => '2.3', 'no token_type',
      sub { delete $_[0]{token_type} } ],
    [ expires_in_missing => '2.3 token-endpoint-response-without-expires_in',
      'no expires_in', sub { delete $_[0]{expires_in} } ],
    [ expires_in => 'J5, E25', 'expires_in as given, of any type',
      sub { $_[0]{expires_in} = $_[1] } ],
    [ refresh_token_missing => 'E25', 'no refresh token',
      sub { delete $_[0]{refresh_token} } ],
    [ scope_less => 'E24', 'grants only openid',
      sub { $_[0]{scope} = 'openid' } ],
    [ refresh_no_id_token => '2.1 refresh-token',
      'no id_token after a refresh',
      sub { delete $_[0]{id_token} if $_[2]{refreshing} } ],
    [ refresh_same_token => 'E25', 'no new refresh token after a refresh',
      sub { delete $_[0]{refresh_token} if $_[2]{refreshing} } ],
);

my @USERINFO = map { [ $_->[0], 'userinfo', @$_[1 .. 3] ] } (
    [ userinfo_sub_wrong => '2.1 userinfo-invalid-sub, E27',
      'userinfo of somebody else',
      sub { $_[0]{sub} = 'somebody-else' } ],
    [ userinfo_sub_missing => 'E27', 'userinfo of nobody',
      sub { delete $_[0]{sub} } ],
    [ userinfo_sub_list => 'E27', 'userinfo of a list of people',
      sub { $_[0]{sub} = [ $_[0]{sub} ] } ],
    [ userinfo_with => '2.1 scope-userinfo-claims',
      'members of userinfo: { name => value }',
      sub { %{ $_[0] } = (%{ $_[0] }, %{ $_[1] }) } ],
);

my @LOGOUT = map { [ "logout_$_->[0]", 'logout', @$_[1 .. 3] ] } (
    [ alg_none => '2.2 alg-none, E29', 'alg none',
      sub { $_[0]{header}{alg} = 'none' } ],
    [ wrong_alg => '2.2 wrong-alg, E29',
      'signed with the client secret (HS256)',
      sub { $_[0]{key} = $_[2]{hmac} } ],
    [ signature_wrong => 'E29', 'a signature of something else',
      sub { $_[0]{spoil} = 1 } ],
    [ kid_unknown => 'E29', 'a kid nobody knows',
      sub { $_[0]{header}{kid} = 'nobody' } ],
    [ no_event => '2.2 no-event, E29', 'no events',
      sub { delete $_[0]{claims}{events} } ],
    [ wrong_event => '2.2 wrong-event, E29', 'another event',
      sub { $_[0]{claims}{events} = { 'http://evil.example/' => {} } } ],
    [ event_list => 'E29', 'events are a list',
      sub { $_[0]{claims}{events} = [$EVENT] } ],
    [ nonce => '2.2 with-nonce, E29', 'carries a nonce',
      sub { $_[0]{claims}{nonce} = 'x' } ],
    [ wrong_aud => '2.2 wrong-aud, E29', 'for another client',
      sub { $_[0]{claims}{aud} = 'another' } ],
    [ wrong_iss => '2.2 wrong-iss, E29', 'from another issuer',
      sub { $_[0]{claims}{iss} = 'https://evil.example' } ],
    [ no_jti => 'E29', 'no jti', sub { delete $_[0]{claims}{jti} } ],
    [ no_iat => 'E29', 'no iat', sub { delete $_[0]{claims}{iat} } ],
    [ old => 'E29', 'issued an hour ago',
      sub { $_[0]{claims}{$_} -= 3600 for qw(iat exp) } ],
    [ future => 'E29', 'issued in an hour',
      sub { $_[0]{claims}{$_} += 3600 for qw(iat exp) } ],
    [ nobody => 'E29', 'neither sid nor sub',
      sub { delete @{ $_[0]{claims} }{qw(sid sub)} } ],
    [ sub_only => 'E30', 'only a sub', sub { delete $_[0]{claims}{sid} } ],
    [ sid_only => '2.2', 'only a sid', sub { delete $_[0]{claims}{sub} } ],
    [ typ_wrong => 'E29', 'typ at+jwt',
      sub { $_[0]{header}{typ} = 'at+jwt' } ],
    [ id_token => 'E29', 'an id_token in place of a logout token',
      sub { delete $_[0]{claims}{events};
            $_[0]{header}{typ} = 'JWT'; $_[0]{claims}{nonce} = 'x' } ],
);

my @BYE = map { [ $_->[0], 'bye', @$_[1 .. 3] ] } (
    [ bye_state_wrong => '2.2 rp-init-logout-other-state',
      'another state on the way back from a logout',
      sub { put($_[0], state => 'another') } ],
    [ bye_state_missing => '2.2 rp-init-logout-no-state',
      'no state on the way back from a logout',
      sub { put($_[0], state => undef) } ],
);

# Acted upon where the server decides; without a sub.
my @FLOW = map { [ $_->[0], 'flow', @$_[1, 2] ] } (
    [ ask => '2.4 two tabs', 'a page with a button before the answer' ],
    [ form_post => '2.1 form-post-error', 'answers by a form (POST)' ],
    [ fragment => 'E4', 'answers in the fragment' ],
    [ code_reusable => '2.4 code replay', 'takes a code more than once' ],
    [ refresh_refused => 'E25, E26', 'refuses refresh tokens (invalid_grant)'
    ],
    [ refresh_reusable => 'E25', 'takes an old refresh token again' ],
    [ rotate_at_signing => '2.1 signing-key-rotation-just-before-signing',
      'signs with a key that it publishes only from then on' ],
    [ userinfo_signed => '2.1 userinfo-signed', 'userinfo as a signed JWT' ],
    [ userinfo_signed_aud => '2.4 userinfo JWT with wrong aud',
      'userinfo as a JWT for another client' ],
    [ userinfo_signed_none => '2.4', 'userinfo as a JWT with alg none' ],
);

my @ALL = map { { name => $_->[0], stage => $_->[1], row => $_->[2],
                  does => $_->[3], run => $_->[4] } }
    @METADATA, @SET, @ANSWER, Gatehouse::Test::Misprovider::Claims::table(),
    @TOKENS, @USERINFO, @LOGOUT, @BYE, @FLOW;
my %BY_NAME;
for my $row (@ALL) {
    die "two switches \"$row->{name}\"\n" if $BY_NAME{ $row->{name} };
    $BY_NAME{ $row->{name} } = $row;
}


sub all { return @ALL }


sub apply {
    my ($stage, $thing, $context) = @_;
    my $on = $context->{switches};

    for my $row (grep { $_->{stage} eq $stage } @ALL) {
        $row->{run}->($thing, $on->{ $row->{name} }, $context)
            if exists $on->{ $row->{name} };
    }
    return $thing;
}


sub check {
    my (@names) = @_;
    for my $name (@names) {
        next if $BY_NAME{$name}
                || Gatehouse::Test::Misprovider::Wire::known($name);
        die "no switch \"$name\"; t/lib/misprovider --list shows all\n";
    }
    return;
}


# The table as text
sub list {
    my $text = '';
    my $stage = '';
    for my $row (@ALL, Gatehouse::Test::Misprovider::Wire::table()) {
        if ($row->{stage} ne $stage) {
            $stage = $row->{stage};
            $text .= "\n$stage\n";
        }
        $text .= sprintf "  %-24s %s  [%s]\n",
                         @$row{qw(name does row)};
    }
    return $text =~ s/^\n//r;
}


# Sets a pair, or removes it (undef); others keep their places.
sub put {
    my ($pairs, @set) = @_;
    while (my ($name, $value) = splice @set, 0, 2) {
        my @new;
        my @old = @$pairs;
        my $done = 0;
        while (my ($n, $v) = splice @old, 0, 2) {
            if ($n ne $name) {
                push @new, $n, $v;
            } elsif (defined $value && !$done++) {
                push @new, $name, $value;
            }
        }
        push @new, $name, $value if defined $value && !$done;
        @$pairs = @new;
    }
    return;
}


sub fail {
    my ($pairs, $error, $words) = @_;
    put($pairs, code => undef);
    push @$pairs, error => $error, error_description => $words;
    return;
}

1;
