# An operator's own pages: what people see is theirs, what keeps them safe is
# not; and what would break is said at nginx -t.
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::SignOn;

use Digest::SHA ();

my $so = Gatehouse::Test::SignOn->new;
my ($t, $op) = ($so->t, $so->op);
my $style = "body { color: #123 }\n";

mkdir "$t->{dir}/pages" or die "pages: $!\n";
sub page { return $t->file("pages/$_[0].html", $_[1]) }
page(login_failed => "<!doctype html><title>Acme</title><style>$style</style>"
    . '<p>{{text}}</p><a href="{{link}}">back</a> {{request_id}} {{nothing}}');
page(logout_confirm => '<!doctype html><form method="post" action="{{link}}">'
    . '<input type="hidden" name="token" value="{{token}}">'
    . '<button>Acme: leave</button></form>');
$t->file('pages/README', 'not a page');

$so->start(http => 'gatehouse_pages %%DIR%%/pages;');

# Given a login that fails
$op->misbehave(nonce_wrong => 1);
my $alice = $so->person;
my $page = $alice->login($so->at . '/x?a=<script>"', 'alice');

# Then the person sees the operator's page
is($page->status, 403, 'a login fails');
like($page->body, qr{^<!doctype html><title>Acme</title>}, 'with their page');
like($page->body, qr{The login was refused}, 'and our words in it');
unlike($page->body, qr{<script>}, 'escaped');
like($page->body, qr/\{\{nothing\}\}/, 'what is no mark stays');

# And its own style, and nothing else, is allowed
my $hash = Digest::SHA::sha256_base64($style);
$hash .= '=' while length($hash) % 4;
is($page->header('Content-Security-Policy'),
   "default-src 'none'; style-src 'sha256-$hash'; base-uri 'none'; "
   . "form-action 'self'; frame-ancestors 'none'", 'by the hash of its style');

# And the pages that have no template are ours
$op->behave;
($page, $alice) = $so->login('/');
is($so->told($page, $alice), '200 session', 'Alice is in');
$page = $alice->ask(GET => $so->at . '/oidc_logout', headers =>
    [ Accept => 'text/html', 'Sec-Fetch-Site' => 'cross-site' ]);
like($page->body, qr/Acme: leave/, 'the question is theirs');
like($page->header('Content-Security-Policy'), qr/style-src 'none';/,
     'without a style of its own');
$page = $alice->submit($page, stop => qr/logged_out/);
isnt($so->ask($alice, '/'), 200, 'and logs her out');
$page = $alice->ask(GET => $so->at . '/oidc_logged_out');
like($page->body, qr/You are logged out/, 'this page is ours');


# ---- nginx -t ------------------------------------------------------------------

my $form = '<form method="post" action="{{link}}">';
for (
    [ login_faild => 'x', qr/there is no page "login_faild\.html" in .* to replace; pages are: login_failed, / ],
    [ login_away => '', qr{the page ".*/login_away\.html" is empty} ],
    [ login_away => 'x' x 65_537, qr/is longer than 64 kB/ ],
    [ login_away => "\xff", qr/is not UTF-8/ ],
    [ login_away => '<SCRIPT>', qr/has a script, which no browser would run/ ],
    [ login_away => '<p style="x">', qr/has a style= attribute/ ],
    [ login_away => '<style media=x>', qr/has a <style> with attributes/ ],
    [ login_away => '<style>', qr/has a <style> that is not ended/ ],
    [ login_away => '<style>{{text}}</style>', qr/has a \{\{ in its <style>/ ],
    [ login_away => '<style></style><style></style>', qr/more than one <sty/ ],
    [ form_resume => $form, qr/has no \{\{fields\}\}: the form that/ ],
    [ form_resume => '{{fields}}', qr/has no form that posts to \{\{link/ ],
    [ logout_confirm => $form, qr/has no \{\{token\}\}: nobody could log out/ ],
) {
    my ($name, $text, $why) = @$_;
    my $dir = sprintf '%s/pages-%d', $t->{dir}, ++$t->{pages};
    mkdir $dir or die "$dir: $!\n";
    $t->file(($dir =~ s{.*/}{}r) . "/$name.html", $text);
    like($t->conf_error(http => "gatehouse_pages $dir;", locations => ''),
         $why, "nginx -t: $why" =~ s/\(\?\^:|\\|\)\z//gr);
}
like($t->conf_error(http => 'gatehouse_pages /nowhere;', locations => ''),
     qr{the directory of pages "/nowhere" cannot be opened}, 'nginx -t: none');

done_testing();
