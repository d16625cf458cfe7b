# A provider's own addresses are served where a location asks for it, and
# nowhere else: another server does not finish its logins, begin them or end
# its sessions, and its paths stay those of the service behind.
use Gatehouse::Test;
use Gatehouse::Test::SignOn;

my $so = Gatehouse::Test::SignOn->new;
my ($t, $op) = ($so->t, $so->op);
my $guests = Gatehouse::Test::Misprovider->new(tls => 0, alg => 'ES256');

# Given a server where staff logs in, one for guests and one for everybody
$so->start(server => "    server_name gw.test;\n", http => $so->block('guests', $guests) . join '', map { <<"EOF" }
server {
    listen 127.0.0.1:%%PORT_tls%% ssl;
    server_name $_->[0].gw.test;
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%CERT_KEY%%;
    location / {
        gatehouse_authenticate  $_->[1];
        proxy_pass              http://echo;
    }
}
EOF
    [ guests => 'oidc=guests' ], [ open => 'off' ]);
my $there = $so->at('guests.gw.test');

# When a callback of staff's comes there, with the cookie of its login
my $eve  = $so->person;
my $gone = $eve->visit($so->at . '/page', stop => qr{/oidc_callback});
my ($query) = $gone->location =~ /(\?.*)/s;
my $login = $eve->cookie('__Host-gh-login');
my $asked = $op->asked('token');
my $page  = $so->person->ask(GET => "$there/oidc_callback$query", headers => [
    Accept => 'text/html', Cookie => "$login->{name}=$login->{value}" ]);

# Then it is nobody's
is($page->status, 403, 'another server ends no login');
is($op->asked('token'), $asked, 'its provider is not even asked');
is(scalar(grep { /gh-staff=[^;]/ } $page->headers('Set-Cookie')), 0,
   'and nobody has a session');
is($eve->ask(GET => $so->at . "/oidc_callback$query")->status, 303,
   'where it began it ends well');

# When it is asked to begin a login of staff's
my $begun = $so->person->ask(GET => "$there/oidc_login?iss="
    . Gatehouse::Test::Page::encode($op->issuer));
unlike($begun->location // '', qr/^\Q@{[ $op->issuer ]}\E/,
       'another server begins no login of theirs');

# When the provider's word of a logout comes there
is($op->send_logout("$there/oidc_backchannel_logout")->status, 400,
   'another server takes no word of logouts from their provider');
is($so->ask($eve, '/page'), 200, 'and their session stands');
is($op->send_logout($so->at . '/oidc_backchannel_logout')->status, 200,
   'which ends by the same word at its own');

# And who asks for no provider has these paths for the service
for my $path (qw(/oidc_callback /oidc_login /oidc_logout /oidc_logged_out
                 /oidc_backchannel_logout /oidc_frontchannel_logout))
{
    my $got = $so->person->ask(GET => $so->at('open.gw.test') . $path);
    is($got->status == 200 && $got->received->target, $path,
       "$path is the service's where nobody logs in");
}

done_testing;
