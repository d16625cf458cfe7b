# What a login is made of stays where it belongs: client secret, code,
# verifier, tokens and cookies stand in no log at any level, no metric, no
# status, no page, no answer, nothing in the store, and not at the service.
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::SignOn;

use File::Find ();
use MIME::Base64 qw(encode_base64 encode_base64url);

my $client = Gatehouse::Test::Token->new(alg => 'ES256');
my $pem    = $client->{pk}->export_key_pem('private');
my $signs  = Gatehouse::Test::Misprovider->new(
    tls => 0, alg => 'ES256', auth => 'jwt', client_jwk => $client->jwk);
my $posts  = Gatehouse::Test::Misprovider->new(
    tls => 0, alg => 'ES256', auth => 'post');
my $so = Gatehouse::Test::SignOn->new(op => { auth => 'basic' });
my ($t, $op) = ($so->t, $so->op);
$t->prepare('');

my @conf = (http => $so->block('posts', $posts, "    client_authentication "
                               . "client_secret_post;\n")
                  . $so->block('signs', $signs, '    private_key file:'
                               . $t->file('client.pem', $pem) . ";\n")
                  . <<'EOH', locations => <<'EOL');
    log_format  all escape=none '$request $request_uri $args $http_referer '
                                '$gatehouse_log_text $gatehouse_log_json';
    access_log  %%DIR%%/logs/text.log all;
EOH
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /posts {
        gatehouse_authenticate  oidc=posts;
        proxy_pass              http://echo;
    }
    location /signs {
        gatehouse_authenticate  oidc=signs;
        proxy_pass              http://echo;
    }
EOL
$so->start(@conf);

my (%secret, @answers, %cookie);

sub keep {
    my ($who, @pages) = @_;
    push @answers, grep { defined } @pages;
    for my $one ($who->cookies) {
        $cookie{ $one->{value} } = 1 if length $one->{value} > 8;
    }
    return;
}

# ---- everything that happens -------------------------------------------------------

for my $path ('/', '/posts', '/signs') {
    my ($page, $who) = $so->login("${path}?x=1");
    is($page->status, 200, "a login at $path");
    keep($who, $page);
    $who->ask(GET => $so->at . "$path/again");
    keep($who, $who->ask(GET => $so->at . '/oidc_logout', headers => [
        Accept => 'text/html', 'Sec-Fetch-Site' => 'cross-site' ]));
    keep($who, $who->ask(GET => $so->at . '/oidc_logout', headers => [
        Accept => 'text/html' ])) if $path ne '/';
}

# Failures of each stage
for my $switch (qw(nonce_wrong signature_wrong iss_wrong userinfo_sub_wrong
    code_wrong answer_error answer_iss_wrong state_wrong code_twice
    jwt_cut claims_twice token.html token.trailing token.array
    userinfo.trailing id_token_list access_token_breaks token_type_other))
{
    $op->behave;
    keep(reverse $so->login("/")) if $switch =~ /^token/;
    $op->misbehave($switch => 1);
    my ($page, $who) = $so->login('/');
    keep($who, $page);
}
$op->behave->misbehave('token.error' => '400 invalid_grant');
keep(reverse $so->login('/'));

# A callback that comes twice, one in another browser, one that is posted
$op->behave;
my ($alice, $mallory) = ($so->person, $so->person);
my $back = $alice->visit($so->at . '/', stop => qr{/oidc_callback})->location;
keep($mallory, $mallory->ask(GET => $back));
keep($mallory, $mallory->ask(POST => $so->at . '/oidc_callback',
                             form => { Gatehouse::Test::Page::decode_form(
                                       $back) }));
keep($alice, $alice->ask(GET => $back), $alice->ask(GET => $back));

# Refreshes, good and bad
for my $switch (undef, 'refresh_sub_wrong', 'refresh_refused',
                'refresh.html') {
    $op->behave->misbehave(expires_in => 1);
    my ($page, $who) = $so->login('/');
    my $at = time;
    keep($who, $page);
    $op->behave;
    $op->misbehave($switch => 1) if $switch;
    wait_for(sub { time >= $at + 2 }, 5, 'the end of a token');
    $who->ask(GET => $so->at . '/', headers => [ Accept => 'text/plain' ])
        for 1 .. 3;
}
$op->behave;

# A form, a logout, the back channel
my ($page, $bob) = $so->login('/');
keep($bob, $page);
my $token = $op->logout_token;
keep($bob, $op->send_logout($so->at . '/oidc_backchannel_logout',
                            token => $_)) for $token, $token, "${token}x";
keep($bob, $bob->visit($so->at . '/oidc_logout'));


# ---- and where nothing of it stands --------------------------------------------------------

$secret{$_} = 1 for grep { length() < 4096 } map { $_->secrets }
                    $op, $posts, $signs;
my %shown = map { $_ => 1 } grep { /^eyJ/ } keys %secret;
$secret{$_} = 1 for keys %cookie, $token;
for my $pair (map { [ 'gatehouse', $_->secret ] } $op, $posts) {
    $secret{ encode_base64(join(':', @$pair), '') } = 1;
}
$secret{ (split /\n/, $pem)[1] } = 1;
delete $secret{''};
cmp_ok(scalar keys %secret, '>', 100, 'many secrets were made');

my $any = join '|', map { quotemeta } grep { length >= 8 } keys %secret;
$any = qr/$any/;
sub nowhere {
    my ($what, @texts) = @_;
    my ($found) = grep { $_ =~ $any } @texts;
    ok(!defined $found, "no secret in $what")
        or diag(substr $found, ($-[0] // 0), 80);
    return;
}

nowhere('a metric', $t->metrics);
nowhere('the status', map { $t->status_get($_)->body } '/status', '/',
        '/ready');
nowhere('a page', map { $_->body } grep { $_->body !~ /^\{"line/ } @answers);
my $service = join "\n", map {
    my $head = $_->{headers};
    join "\n", $_->line, (map { ref $_ eq 'ARRAY' ? "@$_" : $_ }
                          ref $head eq 'HASH' ? %$head : @$head),
         $_->body // '';
} $t->journal;
like($service, qr/staff:u-2482/, 'the service saw who it was');
nowhere('what the service saw', $service);
nowhere('a decision', $t->decision_log);
nowhere('the error log', $t->error_log);
nowhere('the formatted log',
        Gatehouse::Test::Logs::slurp($t->dir . '/logs/text.log'));
nowhere('the debug log\'s lines of ours', grep { /\bgatehouse: / }
        split /\n/, $t->debug_log);

# The store holds sealed records only
$t->stop;
my @files;
File::Find::find(sub { push @files, $File::Find::name if -f },
                 $t->dir . '/state');
cmp_ok(scalar @files, '>', 0, 'there is a store');
nowhere('the store', map { Gatehouse::Test::Logs::slurp($_) }
        grep { !/secret|root/ } @files);

# (of an id_token nginx writes the redirect that it is part of, at level debug)
$t->plant_secret(grep { !$shown{$_} } keys %secret);
done_testing;
