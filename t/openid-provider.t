# The certified provider of the tests is one: people log in at it, every way
# to be a client works, and what it is told to do happens.
use Gatehouse::Test needs => 'provider';
use Gatehouse::Test::Browser;
use Gatehouse::Test::Login;
use Gatehouse::Test::OpenID;
use Gatehouse::Test::Party;
use Gatehouse::Test::Token;

my $key  = Gatehouse::Test::Token->new(alg => 'ES256');
my $back = 'https://rp.example/cb';
my $op   = Gatehouse::Test::OpenID->new(
    redirect_uris => [$back], jwks => { keys => [ $key->jwk ] }, consent => 1,
    post_logout_redirect_uris => ['https://rp.example/bye']);

sub party {
    return Gatehouse::Test::Party->new(
        issuer => $op->issuer, ca => $op->ca, secret => $op->secret,
        redirect_uri => $back, @_);
}

sub person { return Gatehouse::Test::Login->new(ca => $op->ca) }


# A person logs in with every way a client proves itself
my $rp    = party();
my $alice = person();
my ($answer, $tokens, $claims);

for (
    [ 'client_secret_basic', $rp ],
    [ 'client_secret_post',
      party(client_id => 'gatehouse-post', auth => 'post') ],
    [ 'private_key_jwt',
      party(client_id => 'gatehouse-jwt', auth => 'jwt', key => $key) ],
) {
    my ($way, $client) = @$_;
    $answer = $client->code($alice, 'alice');
    is($answer->{state}, $client->state, "$way: the state comes back");
    is($answer->{iss}, $op->issuer, "$way: the answer names its issuer");
    $tokens = $client->tokens($answer->{code});
    $claims = $client->verify($tokens->{id_token});
    is("$claims->{sub} @{ $claims->{groups} }", 'u-2482 staff admin',
       "$way: the token says who");
}

# What a provider must refuse
is($rp->token_request(grant_type => 'authorization_code',
                      code => $answer->{code}, redirect_uri => $back,
                      code_verifier => $rp->verifier)->status,
   400, 'a code works once, for its client');
is(party(secret => 'wrong')->refresh('x')->status, 401,
   'a client without its secret is refused');
like($rp->code($alice, 'alice', code_challenge => undef,
               code_challenge_method => undef)->{error},
     qr/invalid_request/, 'PKCE is required');
is($alice->visit($rp->authorize_url(redirect_uri => 'https://evil/'))->status,
   400, 'another redirect address is refused on the spot');
my $bad = party(client_id => 'gatehouse-jwt', auth => 'jwt', key => $key,
                issuer => $op->issuer);
{
    no warnings 'redefine';
    local *Gatehouse::Test::Party::assertion = sub {
        return $key->sign({ iss => 'gatehouse-jwt', sub => 'gatehouse-jwt',
                            aud => $op->issuer . '/token', jti => 'one',
                            exp => time + 60 });
    };
    is($bad->refresh('x')->status, 401,
       'an assertion for the token endpoint, not the issuer, is refused');
}

# Wrong passwords, and a person who says no
my $bob = person();
my $page = $bob->login($rp->authorize_url, 'bob', password => 'wrong');
is($page->status, 401, 'a wrong password is refused');
like($page->text, qr/is not right/, 'and told');
$page = $bob->visit($rp->authorize_url);
is($bob->visit($page->link('cancel'), stop => qr/^\Q$back/)->location
     =~ /error=access_denied/, 1, 'a person can say no');
is($rp->verify($rp->tokens($rp->code($bob, 'bob')->{code})->{id_token})
     ->{sub}, 'u-1001', 'Bob is another person');

# Tokens: userinfo, refreshed with rotation, revoked
$answer = $rp->code($alice, 'alice');
$tokens = $rp->tokens($answer->{code});
is($rp->userinfo($tokens->{access_token})->json->{name}, "Alice \x{c1}rvay",
   'userinfo knows her name');
my $second = $rp->refresh($tokens->{refresh_token})->json;
ok($second->{access_token}, 'a refresh token is exchanged');
isnt($second->{refresh_token}, $tokens->{refresh_token}, 'for a new one');
is($rp->refresh($tokens->{refresh_token})->status, 400,
   'the old one is refused');
is($rp->refresh($second->{refresh_token})->status, 400,
   'and the use of it ended the whole family');

# Orders: other claims, other keys, everybody out
$op->user('alice', groups => ['staff']);
$tokens = $rp->tokens($rp->code($alice, 'alice')->{code});
is("@{ $rp->verify($tokens->{id_token})->{groups} }", 'staff',
   'a change of groups is in the next token');

my ($kid) = $op->rotate;
my $new = $rp->tokens($rp->code($alice, 'alice')->{code});
is($rp->header($new->{id_token})->{kid}, $kid, 'a new key signs');
ok($rp->jwks->{keys}[3], 'the old ones are still in the set');
$op->rotate(keep => 0);
is(scalar @{ $rp->jwks->{keys} }, 3, 'until they are not');

my $echo = Gatehouse::Test->new->start('location / { proxy_pass http://echo; }');
$op->client(client_id => 'told', redirect_uris => [$back],
            backchannel_logout_uri => 'http://localhost:' . $echo->port
                                      . '/backchannel',
            backchannel_logout_session_required => JSON::PP::true());
my $told = party(client_id => 'told');
$told->tokens($told->code($alice, 'alice')->{code});
my @told = $op->logout(sub => 'u-2482');
is($told[0]{client}, 'told', 'an administrator ends her sessions');
my ($seen) = $echo->journal;
my %form = Gatehouse::Test::Page::decode_form($seen->body);
is($told->claims($form{logout_token})->{sid}, $told[0]{sid},
   'and the client is told, back-channel');
is($rp->refresh($new->{refresh_token})->status, 400, 'her tokens are dead');

# Logout that starts at the client
$tokens = $rp->tokens($rp->code($alice, 'alice')->{code});
$page = $alice->visit($rp->metadata->{end_session_endpoint} . '?'
    . Gatehouse::Test::Page::encode_form({
        id_token_hint => $tokens->{id_token}, state => 'xyz',
        post_logout_redirect_uri => 'https://rp.example/bye' }));
$page = $alice->submit($page, button => 'go', stop => qr/rp\.example/);
is($page->location, 'https://rp.example/bye?state=xyz',
   'the way back from a logout');
like($alice->visit($rp->authorize_url)->text, qr/Log in/,
     'she has to log in again');

my %told_secret = map { $_ => 1 } $op->secrets;
ok(!grep({ !$told_secret{$_} } @$tokens{qw(access_token refresh_token)},
         $answer->{code}), 'what must not be in a log is told');

# The journal, and a provider that is away
cmp_ok($op->asked('token', grant_type => 'refresh_token', status => 200), '==',
       1, 'the journal counts what worked');
$op->stop;
ok(!eval { $rp->metadata }, 'it can be away');
$op->start;
ok($rp->metadata->{issuer}, 'and comes back');

# A real browser gets through its pages
SKIP: {
my $why = Gatehouse::Test::Needs::lacking('browser');
skip $why, 2 if $why;

my $landing = 'http://localhost:' . $echo->port . '/landing';
my $rp2 = party(client_id => 'web', redirect_uri => $landing);
$op->client(client_id => 'web', redirect_uris => [$landing]);
my $browser = Gatehouse::Test::Browser->new(trust => $op->certificate);
my $tab = $browser->tab->goto($rp2->authorize_url);
$tab->screenshot("$ENV{SCREENSHOTS}/provider-login.png") if $ENV{SCREENSHOTS};
$tab->fill('#login', 'bob')->fill('#password', 'demo')->click('#go')
    ->wait_text(qr/would like to know/);
$tab->screenshot("$ENV{SCREENSHOTS}/provider-consent.png")
    if $ENV{SCREENSHOTS};
$tab->click('#go')->wait_url(qr/^\Q$landing/);
my %back = Gatehouse::Test::Page::decode_form($tab->url);
is($rp2->verify($rp2->tokens($back{code})->{id_token})->{email},
   'bob@example.com', 'Bob logs in with Chromium');
is(join("\n", grep { !/favicon/ } $tab->errors), '', 'nothing is wrong there');
$browser->stop;
}

done_testing;
