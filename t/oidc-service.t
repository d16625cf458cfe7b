# What the service behind learns of a person who is logged in: tokens where
# the location hands them over, claims as headers, whatever is in them.
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::SignOn;
use Gatehouse::Test::Token;

use MIME::Base64 ();

my $so = Gatehouse::Test::SignOn->new(
    provider => "    audience  api;\n    groups_claim  /realm_access/roles;\n");
my ($t, $op) = ($so->t, $so->op);

my $es = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
$t->file('jwks.json', Gatehouse::Test::Token::jwks($es));

my $trace = '00-' . '1' x 32 . '-' . '2' x 16 . '-01';
$so->start(http => <<"EOH" . <<'EOH', locations => <<'EOL');
    map "" \$our_trace { default $trace; }
EOH
    gatehouse_token_issuer partners {
        issuer     https://partners.test;
        audience   https://api.test;
        jwks_file  %%DIR%%/jwks.json;
    }
EOH
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /access {
        gatehouse_authenticate  oidc=staff;
        gatehouse_forward       access_token;
        proxy_pass              http://echo;
    }
    location /access/credentials {
        gatehouse_authenticate  oidc=staff;
        gatehouse_forward       off;
        proxy_pass              http://echo;
    }
    location /id {
        gatehouse_authenticate  oidc=staff;
        gatehouse_forward       id_token;
        proxy_pass              http://echo;
    }
    location /either {
        gatehouse_authenticate  token=partners oidc=staff;
        gatehouse_forward       access_token;
        proxy_pass              http://echo;
    }
    location /either-id {
        gatehouse_authenticate  token=partners oidc=staff;
        gatehouse_forward       id_token;
        proxy_pass              http://echo;
    }
    location /public {
        gatehouse_authenticate  off;
        gatehouse_forward       access_token;
        proxy_pass              http://echo;
    }
    location /moves {
        gatehouse_authenticate  oidc=staff;
        gatehouse_forward       access_token;
        error_page              418 = @moved;
        proxy_intercept_errors  on;
        proxy_pass              http://echo/_status/418;
    }
    location @moved {
        gatehouse_authenticate  optional token=partners;
        proxy_pass              http://echo;
    }
    location /own {
        gatehouse_authenticate  oidc=staff;
        gatehouse_forward       access_token;
        proxy_set_header        Authorization "Basic b3VyczpvdXJz";
        proxy_set_header        traceparent   $our_trace;
        proxy_set_header        X-Principal   "";
        proxy_pass              http://echo;
    }
    location /rebuilt {
        gatehouse_authenticate  oidc=staff;
        proxy_set_header        Cookie  $http_cookie;
        proxy_set_header        X-Theme "<$cookie_theme>";
        proxy_pass              http://echo;
    }
    location /early {
        set                     $early "$http_cookie$http_authorization";
        gatehouse_authenticate  oidc=staff;
        gatehouse_forward       access_token;
        proxy_set_header        Cookie        $http_cookie;
        proxy_set_header        Authorization $http_authorization;
        proxy_pass              http://echo;
    }
    location /claims {
        gatehouse_authenticate       token=partners oidc=staff;
        gatehouse_principal_headers  default X-Tenant=claim:tenant
            X-Country=claim:/address/country X-Roles=claim:/realm_access/roles
            X-Address=claim:address;
        proxy_set_header             X-Variable "<$gatehouse_claim_tenant>";
        proxy_pass                   http://echo;
    }
EOL


# ---- tokens ----------------------------------------------------------------------

# Given Alice is logged in
my $alice = $so->login('/');

sub sent {
    my ($path, @headers) = @_;
    my $got = $alice->ask(GET => $so->at . $path, headers =>
        [ Accept => 'text/plain', @headers ])->received;
    return join ' / ', $got ? $got->headers('Authorization') : 'refused';
}

# the token that the gateway itself used at the provider
my ($used) = map { $_->{headers}{authorization} } $op->journal('userinfo');
like($used, qr/^Bearer \S+$/, 'the gateway has an access token');

# Then the service is told the one that its location names
is(sent('/'), '', 'by itself a service gets no token');
is(sent('/access'), $used, 'access_token: it gets the access token');
is(sent('/access/credentials'), '', 'off: a location below takes it back');
my $id = sent('/id');
my ($claims) = $id =~ /^Bearer [^.]+\.([^.]+)\./;
is(JSON::PP::decode_json(MIME::Base64::decode_base64url($claims))->{sub},
   'u-2482', 'id_token: it gets the id token');

# A14: a location that makes the Cookie header of nginx's own variable, and
# requests of which something else is taken besides
my $staff = $alice->cookie('__Host-gh-staff')->{value};
my @lines = ("__Host-gh-staff=$staff; theme=dark", 'lang=en; __Host-gh-x=1',
             'zoom=2');
for my $more ([], [ 'X-Principal' => 'root' ], [ 'X-Principal' => 'root',
    'X-Principal-Groups' => 'admin', traceparent => 'forged' ])
{
    my $got = $t->get('/rebuilt', host => 'gw.test', headers => [
        Accept => 'text/plain', @$more, map { (Cookie => $_) } @lines ])
        ->received;
    my $name = 'A14: with ' . @$more / 2 . ' forged headers: ';
    is($got->header('Cookie') =~ s/; /;/gr, 'theme=dark;lang=en;zoom=2',
       "$name\$http_cookie has every cookie but the gate's own");
    is($got->header('X-Theme'), '<dark>', "$name\$cookie_ finds the others");
}

# A14: and one that read the variables before anybody was asked for
my $early = $t->get('/early', host => 'gw.test', headers => [
    Accept => 'text/plain', Authorization => 'Bearer forged.by.me',
    Cookie => $lines[0] ])->received;
is($early->header('Cookie'), 'theme=dark',
   'A14: $http_cookie that was read before is read anew');
is($early->header('Authorization'), $used,
   'A14: and $http_authorization is what the location hands over');

# And nothing of the kind from outside
is(sent('/access', Authorization => 'Bearer forged.by.me'), $used,
   'what somebody sends as bearer token does not pass');
is(sent('/access', Authorization => 'Basic bWU6bWU='), $used,
   'nor under another scheme');
is($alice->ask(GET => $so->at . '/', headers =>
     [ Accept => 'text/plain', traceparent => 'forged', 'X-Request-Id' => 'x' ])
     ->received->headers('X-Request-Id'), 1,
   'what is taken beside the cookies is gone as well');
is($t->get('/public', headers => [ Authorization => 'Bearer forged' ])
     ->received->header('Authorization'), undef,
   'nor where nobody has to log in: there, too, the service would believe it');

# And the one that we made is nobody's credential at another location
is(sent('/moves'), '', 'after an internal redirect it is gone');
my $moved = $alice->ask(GET => $so->at . '/moves',
                        headers => [ Accept => 'text/plain' ]);
is($moved->status, 200, 'and was not taken for one that a caller sent');

# And a proxy_set_header of the operator's has the last word, as with any
# other header: his value instead of ours, once
my $own = $alice->ask(GET => $so->at . '/own',
                      headers => [ Accept => 'text/plain' ])->received;
is(join(' / ', $own->headers('Authorization')), 'Basic b3VyczpvdXJz',
   'proxy_set_header Authorization takes the place of the token');
is(join(' / ', $own->headers('traceparent')), $trace,
   'proxy_set_header traceparent takes the place of ours');
is(join(' / ', $own->headers('X-Principal')), '',
   'an empty proxy_set_header sends no such header');

# And a caller that came by a token of its own keeps that
my $theirs = $es->sign({ iss => 'https://partners.test', sub => 'p1',
                         aud => 'https://api.test', exp => time + 600 });
is($t->get('/either', token => $theirs)->received->header('Authorization'),
   "Bearer $theirs", 'a caller\'s own token goes on as access_token');
is($t->get('/either-id', token => $theirs)->received->header('Authorization'),
   undef, 'and is no id_token');
is(sent('/either'), $used, 'Alice\'s is hers there');


# ---- claims ----------------------------------------------------------------------

# Given people about whom the provider says whatever it likes
sub told {
    my (%claims) = @_;
    $op->person(sub => 'u-1', %claims);
    my $got = $so->login('/claims')
                 ->ask(GET => $so->at . '/claims',
                       headers => [ Accept => 'text/plain' ])->received;
    return { map { $_ => $got->header("X-$_") }
             qw(Tenant Country Roles Address Variable Principal-Groups) };
}

my $got = told(tenant => 'north', address => { country => 'DE', n => 1 },
               realm_access => { roles => [ 'staff', 'night,shift' ] });
is($got->{Tenant}, 'north', 'a claim is a header');
is($got->{Variable}, '<north>', 'and a variable');
is($got->{Country}, 'DE', 'a nested one by its pointer');
is($got->{Roles}, 'staff,night%2Cshift', 'a list is separated by commas');
is($got->{'Principal-Groups'}, 'staff,night%2Cshift',
   'realm roles are groups by one line');
is($got->{Address}, '{"country":"DE","n":1}', 'an object is its JSON');

# Then nothing of it ends the line that it stands in
$got = told(tenant => "x\r\nX-Principal: root\r\n\r\nGET / HTTP/1.1",
            address => { country => "\x{1F1E9}\x{fc}\x{7f}\x00ok" =~ s/\0//r },
            realm_access => { roles => [ "a\nb", "\x{2028}" ] });
is($got->{Tenant},
   'x%0D%0AX-Principal: root%0D%0A%0D%0AGET / HTTP/1.1',
   'a line break is encoded');
is($got->{Variable}, "<$got->{Tenant}>", 'in the variable too');
is($got->{Country}, '%F0%9F%87%A9%C3%BC%7Fok', 'so is what is not ASCII');
is($got->{Roles}, 'a%0Ab,%E2%80%A8', 'and in lists');
unlike($got->{Address}, qr/[^\x20-\x7e]/, 'and in objects');

# And what is too long is left out whole
$op->misbehave(userinfo_with => { tenant => 'x' x 10_240,
    address => { country => 'y' x 10_240 },
    realm_access => { roles => [ 'a', 'b' x 10_240, 'c' ] } });
$got = told();
$op->behave;
is(join(' ', map { $_ // '-' } @$got{qw(Tenant Variable Country Address)}),
   '- <> - -', '10 kB are no header, and no piece of them is');
is($got->{Roles}, 'a,c', 'a member of 10 kB is left out of its list');

# And what is of another type says nothing that it is not
$got = told(tenant => [ { a => 1 }, [] ], address => undef,
            realm_access => 'staff');
is($got->{Tenant}, '[{"a":1},[]]', 'a list of objects is its JSON');
is(join(' ', map { $_ // '-' } @$got{qw(Country Roles Address)}), '- - -',
   'null has no members, a text neither');

# And nobody outside can send such a header
is($t->get('/public', headers => [ 'X-Tenant' => 'north', x_country => 'DE' ])
     ->received->header('X-Tenant'), undef, 'X-Tenant from outside is gone');

$t->plant_secret($op->secrets, $theirs, 'forged.by.me');

done_testing();
