# A real Chromium logs in, works in several tabs, loses its session over a
# form, and is logged out in every way; all pages that people see are plain.
# SCREENSHOTS=DIR keeps a picture of each of them.
use Gatehouse::Test timeout => 300, needs => 'browser provider';
use Gatehouse::Test::Browser;
use Gatehouse::Test::OpenID;

my $t    = Gatehouse::Test->new(tls => 1, workers => 2);
my $at   = 'https://localhost:' . $t->port('tls');
my $evil = 'http://evil.test:' . $t->port;
my $op   = Gatehouse::Test::OpenID->new(
    redirect_uris => ["$at/oidc_callback"],
    post_logout_redirect_uris => ["$at/oidc_logged_out"],
    backchannel_logout_uri => "$at/oidc_backchannel_logout",
    trust => $t->authority->ca);

$t->prepare('');
$t->file('form.html', '<!doctype html><title>Order</title>'
    . '<form method=post action=/save><input name=what id=what>'
    . '<textarea name=note id=note></textarea>'
    . '<button id=go>Save</button></form>');
$t->file('evil.html', "<!doctype html><title>Evil</title>"
    . "<img src=\"$at/oidc_logout\"><a id=link href=\"$at/oidc_logout\">x</a>");
$t->start(http => sprintf(<<'EOF', $op->issuer, $op->secret_file, $op->ca),
gatehouse_oidc_provider staff {
    issuer                   %s;
    client_id                gatehouse;
    client_secret            file:%s;
    ssl_trusted_certificate  %s;
    scope                    profile email groups;
}
EOF
    locations => <<'EOF');
    gatehouse_authenticate  oidc=staff;
    location = /form {
        default_type  text/html;
        alias         %%DIR%%/form.html;
    }
    location = /evil {
        gatehouse_authenticate  off;
        default_type            text/html;
        alias                   %%DIR%%/evil.html;
    }
    location /admin/ {
        gatehouse_authorize  group=admin;
        proxy_pass           http://echo;
    }
    location / {
        proxy_pass  http://echo;
    }
EOF

my $browser = Gatehouse::Test::Browser->new(
    trust => [ $t->{tls_pair}[0], $op->certificate ]);

# What a page of ours must be, and a picture of it
sub look {
    my ($tab, $name) = @_;
    my $policy = $tab->header('Content-Security-Policy') // '';

    like($policy, qr/default-src 'none'/, "$name: a strict policy");
    like($policy, qr/frame-ancestors 'none'/, "E32: $name: in no frame");
    unlike($tab->html, qr/<script|\son\w+=/i, "$name: no script");
    is($tab->run('document.title') ne '' && $tab->run(
           'document.querySelectorAll("h1").length') == 1
       && $tab->run('document.documentElement.lang') ne '', 1,
       "$name: a title, one heading, a language");
    picture($tab, $name);
    return;
}

sub picture {
    my ($tab, $name) = @_;
    $tab->screenshot("$ENV{SCREENSHOTS}/" . $name =~ s/\W+/-/gr . '.png')
        if $ENV{SCREENSHOTS};
    return;
}

sub log_in {
    my ($tab, $name) = @_;
    return $tab->fill('#login', $name)->fill('#password', 'demo')
               ->click('#go');
}


# ---- a login ----------------------------------------------------------------

# When Bob opens a page
my $tab = $browser->tab->goto("$at/orders?page=2");

# Then he is asked who he is, and comes to his page
like($tab->url, qr{/interaction/}, 'Bob is led to the provider');
picture($tab, 'provider');
log_in($tab, 'bob')->wait_url(qr{/orders\?page=2$});
like($tab->text, qr/"staff:u-1001"/, 'and the service behind knows him');

my $cookie = $browser->cookie('__Host-gh-staff');
is($cookie->{sameSite}, 'Lax', 'E16: SameSite');
ok($cookie->{secure} && $cookie->{httpOnly} && $cookie->{session}
   && $cookie->{path} eq '/' && $cookie->{domain} eq 'localhost',
   'E16: Secure, HttpOnly, for this host, until the browser ends');
is($browser->cookie('__Host-gh-login'), undef,
   'E16: the cookie of the login is gone');
is($tab->run('document.cookie'), '', 'scripts see none');
is($tab->run('fetch("/data").then(r => r.status)'), 200,
   'a fetch of the page is served');

$tab->goto("$at/admin/");
is($tab->status, 403, 'E35: without the group he is refused');
look($tab, 'not allowed');


# ---- many tabs ----------------------------------------------------------------

# Given Carol's browser, nobody logged in, three pages opened at once
my @tabs = map { $browser->tab(person => 'carol') } 1 .. 3;
$tabs[ $_ - 1 ]->goto("$at/page/$_") for 1 .. 3;

# When she logs in in each
log_in($tabs[$_], 'alice')->wait_url(qr{^\Q$at\E/page/}) for 2, 0, 1;

# Then each shows its own page
is(join(' ', map { $_->url =~ s/^\Q$at//r } @tabs), '/page/1 /page/2 /page/3',
   '2.4: many tabs, each at its own page');
$_->close for @tabs;


# ---- another site -------------------------------------------------------------

$tab->goto("$evil/evil");
$tab->wait_until(sub { grep { $_->{url} eq "$at/oidc_logout"
                              && $_->{status} } $tab->requests },
                 'the image to be refused');
$tab->goto("$at/orders");
is($tab->status, 200, 'E31: an image at another site logs nobody out');

$tab->goto("$evil/evil")->click('#link')->wait_url(qr{^\Q$at});
is($tab->status, 200, 'E31: a link from there leads to a question');
look($tab, 'log out?');
$tab->goto("$at/orders");
is($tab->url, "$at/orders", 'E31: and until it is answered nothing ends');


# ---- a session that ends over a form --------------------------------------------

# Given a form that is being filled in when an administrator ends all sessions
$tab->goto("$at/form");
my @told = $op->logout(sub => 'u-1001');
is($told[0]{error}, undef, 'back-channel: the provider is answered well');
$t->wait_for(sub {
    $tab->run('fetch("/data").then(r => r.status)') == 401
        && $tab->run('fetch("/data").then(r => r.status)') == 401;
}, 5, 'the end of the session');
pass('back-channel: the session has ended, and a fetch is not redirected');

# When it is sent, and he logs in again
$t->journal_clear;
$tab->fill('#what', 'tea & <b>"')->fill('#note', "two\nlines")->click('#go');
$tab->wait_for('#login');
is(scalar(grep { $_->method eq 'POST' } $t->journal), 0,
   'E20: the service sees nothing of it yet');
log_in($tab, 'bob')->wait_url(qr{^\Q$at});
look($tab, 'form not sent yet');

# Then it arrives as it was
$tab->click('button')->wait_url(qr{/save$});
my ($seen) = grep { $_->method eq 'POST' } $t->journal;
is($seen->body, 'what=tea+%26+%3Cb%3E%22&note=two%0D%0Alines',
   'E21: the form arrives as it was filled in');


# ---- logout -----------------------------------------------------------------------

# At the gateway, which leads to the provider and back
$tab->goto("$at/oidc_logout");
like($tab->url, qr{/session/end}, 'he is led to the provider to log out');
picture($tab, 'provider logout');
$tab->click('#go')->wait_url(qr{/oidc_logged_out});
is($browser->cookie('__Host-gh-staff'), undef, 'his cookie is gone');
look($tab, 'logged out');
$tab->goto("$at/orders");
like($tab->url, qr{/interaction/}, 'he must log in again, at the provider too');


# ---- what else people see ------------------------------------------------------------

$tab->click('#cancel')->wait_url(qr{^\Q$at\E/oidc_callback});
look($tab, 'login refused');

# a provider that takes too long over the code
$op->delay(token => 9000);
$tab->goto("$at/orders");
log_in($tab, 'bob')->wait_url(qr{^\Q$at\E/oidc_callback});
is($tab->status, 503, 'a provider that does not answer is told kindly');
look($tab, 'try again later');
$op->delay(token => 0);
is(join("\n", grep { !/favicon|status of (?:4\d\d|503)/ } $tab->errors), '',
   'no policy was broken');
$browser->stop;

done_testing;
