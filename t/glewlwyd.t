# The recipe for Debian's glewlwyd gives a provider that people log in at: a
# code by PKCE, an id_token with groups, userinfo, refresh, logout.
use Gatehouse::Test needs => 'glewlwyd';
use Gatehouse::Test::Browser;
use Gatehouse::Test::Glewlwyd;
use Gatehouse::Test::Login;
use Gatehouse::Test::Party;

my $t    = Gatehouse::Test->new->start('location / { proxy_pass http://echo; }');
my $back = 'http://localhost:' . $t->port . '/callback';
my $op   = Gatehouse::Test::Glewlwyd->new(redirect_uri => $back);
my $rp   = Gatehouse::Test::Party->new(
    issuer => $op->issuer, ca => $op->ca, secret => $op->secret,
    redirect_uri => $back);
my $alice = Gatehouse::Test::Login->new(ca => $op->ca);
my %there = (stop => qr/^\Q$back/);

# Its documents
my $metadata = $rp->metadata;
is($metadata->{issuer}, $op->issuer, 'the issuer is what the recipe says');
is("@{ $metadata->{code_challenge_methods_supported} }", 'S256',
   'PKCE with S256 and nothing else');
is($rp->jwks->{keys}[0]{kty}, 'RSA', 'its key is there');

# A login
my $page = $op->login($alice, $rp->authorize_url, 'alice', %there);
my %answer = Gatehouse::Test::Page::decode_form($page->location // '');
is($answer{state}, $rp->state, 'the state comes back');
my $tokens = $rp->tokens($answer{code});
my $claims = $rp->verify($tokens->{id_token});
is("@{ $claims->{groups} }", 'staff admin', 'the id_token has her groups');
is($claims->{email}, 'alice@example.com', 'and her address');
my $info = $rp->userinfo($tokens->{access_token})->json;
is($info->{sub}, $claims->{sub}, 'userinfo knows her, too');

# What it must refuse
ok(!eval { $rp->tokens($answer{code}) }, 'a code works once');
my $plain = $rp->authorize_url(code_challenge => undef,
                               code_challenge_method => undef);
like($alice->visit($plain, %there)->location // '', qr/error=/,
     'PKCE is required');

# Refresh: each token works once. A replay ends what hangs on it.
$page = $op->login($alice, $rp->authorize_url, 'alice', %there);
%answer = Gatehouse::Test::Page::decode_form($page->location // '');
$tokens = $rp->tokens($answer{code});
my $next = $rp->refresh($tokens->{refresh_token});
is($next->status, 200, 'a refresh token is exchanged');
isnt($next->json->{refresh_token}, $tokens->{refresh_token},
     'for another one');
isnt($rp->refresh($tokens->{refresh_token})->status, 200,
     'the old one is refused');

# Bob comes with a real browser, and runs all its scripts
SKIP: {
my $why = Gatehouse::Test::Needs::lacking('browser');
skip $why, 1 if $why;

my $browser = Gatehouse::Test::Browser->new(trust => $op->certificate,
                                            size => [ 1000, 900 ]);
my $tab = $browser->tab->goto($rp->authorize_url);
$op->login_in_tab($tab, 'bob')->wait_url(qr/^\Q$back/);
%answer = Gatehouse::Test::Page::decode_form($tab->url);
is("@{ $rp->verify($rp->tokens($answer{code})->{id_token})->{groups} }",
   'staff', 'Bob gets through with Chromium, and is no admin');
$browser->stop;
}

done_testing;
