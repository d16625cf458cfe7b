# The browser of the tests is a real one: it goes, types, clicks, keeps
# cookies and tabs as people's browsers do, and trusts whom it is told to.
use Gatehouse::Test needs => 'browser';
use Gatehouse::Test::Browser;

my $t = Gatehouse::Test->new(tls => 1)->prepare('');
my $form = '<!doctype html><title>Form</title><form method=post action=/done>'
    . '<input name=who id=who value=old><button id=go>Go</button></form>'
    . '<p><a id=away href=/page>A page</a>';

$t->file('form.html', $form);
$t->start(<<'EOF');
    location = /form {
        default_type  text/html;
        add_header    Set-Cookie "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax";
        add_header    Set-Cookie "b=2; Max-Age=600";
        add_header    Content-Security-Policy "default-src 'none'";
        alias         %%DIR%%/form.html;
    }
    location = /start {
        return  302 /form;
    }
    location / {
        proxy_pass  http://echo;
    }
EOF
my $origin = 'https://localhost:' . $t->port('tls');

# Given a browser that knows the certificate, and one page with a strict policy
my $browser = Gatehouse::Test::Browser->new(trust => $t->{tls_pair}[0]);
my $tab = $browser->tab;

# When it goes there, over a redirect
$tab->goto("$origin/start");

# Then it is there, and says what it was told
is($tab->url, "$origin/form", 'a redirect is followed');
is($tab->title, 'Form', 'the page has its title');
is($tab->status, 200, 'and its status');
is($tab->header('content-security-policy'), "default-src 'none'",
   'and its headers');
is(join(' ', map { $_->{status} }
        grep { $_->{url} !~ /favicon/ } $tab->requests), '302 200',
   'each request is told');
like($tab->text, qr/A page/, 'the text is what people read');

# Cookies, with their flags
my $cookie = $browser->cookie('__Host-a');
is($cookie->{sameSite}, 'Lax', 'SameSite');
ok($cookie->{secure} && $cookie->{httpOnly} && $cookie->{session},
   'Secure, HttpOnly, for the session');
ok(!$browser->cookie('b')->{session}, 'a lifetime');
is($tab->run('document.cookie'), 'b=2', 'HttpOnly keeps scripts away');

# A form is filled and sent
$t->journal_clear;
$tab->fill('#who', 'Alice & Bob')->click('#go')->wait_url(qr{/done$});
my ($seen) = $t->journal;
is($seen->body, 'who=Alice+%26+Bob', 'what was typed arrives');
like($seen->header('Cookie'), qr/__Host-a=1/, 'with the cookies');
is($seen->header('Sec-Fetch-Mode'), 'navigate', 'as a navigation');
$tab->goto("$origin/form")->fill('#who', 'x')->press('Enter')
    ->wait_url(qr{/done$});
pass('the Enter key sends it, too');

# Tabs share cookies, persons do not
my $second = $browser->tab->goto("$origin/page");
$tab->goto("$origin/form")->click('#away')->wait_url(qr{/page$});
like($second->text, qr/__Host-a=1/, 'a second tab has the same cookies');
my $bob = $browser->tab(person => 'bob')->goto("$origin/page");
unlike($bob->text, qr/__Host-a/, 'another person has none');
$second->close;
is(scalar $browser->tabs, 2, 'a tab is closed');

# A picture
my $png = $t->dir . '/form.png';
$tab->goto("$origin/form")->screenshot($png);
like(Gatehouse::Test::Logs::slurp($png), qr/\A\x89PNG/, 'a picture of it');

# Nothing else is trusted
my ($other) = Gatehouse::Test::Tls->new($t->dir . '/other')
                                  ->issue('localhost');
$browser->stop;
my $stranger = Gatehouse::Test::Browser->new(trust => $other);
ok(!eval { $stranger->tab->goto("$origin/form") },
   'a certificate that it was not told of is refused');
like($@, qr/ERR_CERT_AUTHORITY_INVALID/, 'with the reason');
$stranger->stop;

done_testing;
