# What the status listener says about people who log in: how each provider
# is, how logins and refreshes ended.
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::SignOn;

my $so = Gatehouse::Test::SignOn->new(op => { lifetime => 2 });
my ($t, $op) = ($so->t, $so->op);
$t->allow_log(qr/could not be had/);
my $away = 'http://127.0.0.1:' . $t->port('nobody');
$so->start(http => <<"EOH", locations => <<'EOL');
    gatehouse_oidc_provider away {
        issuer        $away;
        client_id     gatehouse;
        client_secret file:${\ $op->secret_file};
        redirect_uri  /away_callback;
        logout_uri    /away_logout;
        post_logout_uri /away_out;
        backchannel_logout_uri /away_backchannel;
        login_uri     /away_login;
    }
EOH
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
EOL

# Given a provider that answers and one that is away
# When Alice logs in, and one login is refused
my ($page, $alice) = $so->login('/');
is($so->told($page, $alice), '200 session', 'Alice is in');
$op->misbehave(nonce_wrong => 1);
is($so->login('/')->ask(GET => $so->at, headers => [ Accept => 'text/plain' ])
     ->status, 401, 'a login of a wrong nonce is not');
$op->behave;

# Then the metrics have both, by the name of the provider
my $metrics = $t->metrics;
like($metrics, qr/^gatehouse_logins_total\{provider="staff",result="ok"\} 1$/m,
     'a login that was one');
like($metrics,
     qr/^gatehouse_logins_total\{provider="staff",result="failed"\} 1$/m,
     'a login that failed');
unlike($metrics, qr/provider="away"/, 'nobody logged in at the other one');

# When somebody without a login asks for the callback
$so->person->ask(GET => $so->at . '/oidc_callback?code=x&state=y') for 1 .. 3;
like($t->metrics,
     qr/^gatehouse_logins_total\{provider="staff",result="failed"\} 1$/m,
     'that is no login');

# When her token is refreshed
ok($t->wait_for(sub {
       $so->ask($alice);
       return $t->metrics
           =~ /^gatehouse_session_refreshes_total\{result="ok"\} [1-9]/m;
   }, 20, 'a refresh'), 'a refresh is counted');

# Then the status has providers and sessions
my $status = $t->status;
my $staff = $status->{providers}{staff};
is($staff->{issuer}, $op->issuer, 'the provider by its name');
like("$staff->{metadata_age} $staff->{keys_age}", qr/^\d+ \d+$/,
     'how old what we know of it is');
cmp_ok($staff->{keys}, '>', 0, 'its keys');
is($staff->{failures}, 0, 'and no failure');
my $bad = $status->{providers}{away};
is($bad->{metadata_age}, undef, 'of one that is away nothing is known');
ok($t->wait_for(sub {
       $bad = $t->status->{providers}{away};
       return $bad->{failures} > 0 && $bad->{why};
   }, 20, 'a failure'), 'and why');
like($bad->{why}, qr/connect/i, 'in words');
like($status->{sessions}{open}, qr/^\d+$/, 'how many sessions are open');

# And nothing that opens a door, and nobody
my $all = $t->metrics . $t->status_get('/status')->body;
unlike($all, qr/u-2482|alice/i, 'nobody is named');
is(scalar(grep { index($all, $_) >= 0 } $op->secrets), 0, 'no token');

done_testing();
