# Requests that stay (websockets, long answers) end when what let them in no
# longer stands: revocation, suspension, expiry, other policies. Their
# neighbours go on (THREATS B18).
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Frames;
use POSIX ();

my $es = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $t  = Gatehouse::Test->new(workers => 2, backends => ['other']);

$t->plans(default => '1000r/s burst=1000',
          small   => { limits => { main => '1000r/s burst=1000' },
                       services => ['talk'] });
my %c;
$c{$_} = $t->consumer($_, groups => ['chat'], plan => 'small')
    for qw(alice bob carol dave erin frank gina henry);
$t->consumer('tom', groups => ['chat'], credentials => { tokens => [
    { issuer => 'idp', claims => { azp => 'tom' } } ] });
my %talk = (access => [ { groups => ['chat'] } ], versions => { v1 => {
    deployments => { main => { upstream => 'other' } } } });
$t->services(talk => { %talk });
$t->file('jwks.json', Gatehouse::Test::Token::jwks($es));

my %conf = (http => <<'EOH', locations => <<'EOL');
    gatehouse_streams  check=%%CHECK%%;
    gatehouse_token_issuer idp {
        issuer     https://idp.test;
        audience   https://api.test;
        jwks_file  %%DIR%%/jwks.json;
        skew       0s;
    }
EOH
    proxy_set_header        Upgrade    $http_upgrade;
    proxy_set_header        Connection upgrade;
    proxy_read_timeout      120s;

    location /chat/ {
        gatehouse_authenticate  api_key token=idp;
        proxy_pass              http://echo;
    }
    location /group/ {
        gatehouse_authenticate  api_key token=idp;
        gatehouse_authorize     group=chat;
        proxy_pass              http://echo;
    }
    location /talk/ {
        gatehouse_authenticate  api_key;
        gatehouse_service       talk;
        proxy_pass              http://gatehouse;
    }
    location /long/ {
        gatehouse_authenticate  api_key;
        limit_rate              1k;
        proxy_pass              http://echo;
    }
    location /open/ {
        gatehouse_authenticate  optional api_key;
        proxy_pass              http://echo;
    }
EOL

# Nobody looks of his own accord for an hour: what ends is told to
sub looking {
    my ($every) = @_;
    return (%conf, http => $conf{http} =~ s/%%CHECK%%/$every/r);
}
$t->start(looking('1h'));

my $WORD = 'still there?';


sub opened {
    my ($target, %arg) = @_;
    my ($http, $res) = $t->websocket($target, %arg);
    is($res->status, 101, "given a websocket at $target") or die;
    return $http;
}

# What is sent comes back
sub alive {
    my ($http) = @_;
    $http->send_raw($WORD);
    return $http->read_bytes(length $WORD, 10) eq $WORD;
}

# The other side ends it, and not because we grew tired of waiting
sub ended {
    my ($http) = @_;
    my $rest = $http->read_all(20 * Gatehouse::Test::slow());
    return $http->error ne 'timeout';
}

sub done {
    my ($what, @arg) = @_;
    my ($status, $out, $err) = $t->tool(@arg);
    is($status, 0, "when $what") or diag($out . $err);
    return $out;
}

my $neighbour = opened('/chat/', key => $c{alice});
my $anonymous = opened('/open/');


# ---- the store -------------------------------------------------------------

my $ws = opened('/chat/', key => $c{bob});
done('the declared key is revoked', qw(key revoke), $c{bob}->key_id);
ok(ended($ws), 'B18: a websocket of a revoked key ends');

my ($issued) = done('a key is issued', qw(key create bob --id bob1))
    =~ /\b(gh_\w+)/;
$ws = opened('/chat/', key => $issued);
done('the issued key is revoked', qw(key revoke bob1));
ok(ended($ws), 'B18: so does that of an issued one');

$ws = opened('/chat/', key => $c{carol});
my $again = opened('/talk/', key => $c{carol});
done('its consumer is suspended', qw(consumer suspend carol));
ok(ended($ws) && ended($again),
   'B18: all of a consumer that is suspended end, in every worker');


# ---- policies --------------------------------------------------------------

my $consumers = $t->{policies}{consumers};
my $bound = $es->sign({ iss => 'https://idp.test', aud => 'https://api.test',
                        sub => 'u3', azp => 'tom', exp => time + 600 });

$ws = opened('/chat/', key => $c{dave});
delete $consumers->{dave};
$t->apply_policies;
ok(ended($ws), 'B18: a consumer that is no longer there is gone');

$ws = opened('/chat/', key => $c{erin});
$consumers->{erin}{credentials}{api_keys} = [];
$t->apply_policies;
ok(ended($ws), 'B18: so is a key that is no longer declared');

$ws = opened('/group/', key => $c{frank});
$again = opened('/talk/', key => $c{frank});
my $token = opened('/group/', token => $bound);
my $chat = opened('/chat/', key => $c{frank});
$consumers->{frank}{groups} = ['others'];
$consumers->{tom}{groups} = ['others'];
$t->apply_policies;
ok(ended($ws), 'B18: who left a group leaves what the group may enter');
ok(ended($again), 'B18: by a rule of the service too');
ok(ended($token), 'B18: whatever proves who he is');
ok(alive($chat), 'what no rule guards stays');

$token = opened('/chat/', token => $bound);
delete $consumers->{tom}{credentials}{tokens};
$t->apply_policies;
ok(ended($token), 'B18: a token that speaks for nobody now has to come again');

$ws = opened('/talk/', key => $c{gina});
$consumers->{gina}{plan} = 'elsewhere';
$t->{policies}{plans}{elsewhere} = { limits => { main => '1r/s' },
                                     services => ['quiet'] };
$t->{policies}{services}{quiet} = { %talk };
$t->apply_policies;
ok(ended($ws), 'B18: a plan without the service ends it');


# ---- long answers, HTTP/2 --------------------------------------------------

# Given an answer that takes minutes
my $slow = $t->connect;
$slow->send_raw("GET /long/_size/200000 HTTP/1.1\r\nHost: localhost\r\n"
                . "X-API-Key: $c{frank}\r\n\r\n");
ok(defined $slow->read_until(qr/\r\n\r\n/), 'a long answer has begun');

# and two streams of one HTTP/2 connection
my $two = Gatehouse::Test::Frames->new(
    $t->connect(port => $t->port($t->nginx_version < 1_025_001 ? 'h2' : '')));
my @ask = (':method' => 'GET', ':scheme' => 'http',
           ':authority' => 'localhost', ':path' => '/long/_size/60000',
           'x-api-key');
for ([ 1, $c{frank} ], [ 3, $c{alice} ]) {
    my ($stream, $key) = @$_;
    $two->ask($stream, undef, @ask, "$key");
    ok($two->until_frame(sub { $_[0]{stream} == $stream
                               && $_[0]{type} == 1 }),
       "given stream $stream of a connection");
}

# When the caller of one is suspended
done('one caller is suspended', qw(consumer suspend frank));

# Then its answers end, and the neighbour's goes on
ok(ended($slow), 'B18: a long answer ends');
ok(ended($chat), 'and the rest of its caller');
my $reset = $two->until_frame(sub { $_[0]{stream} == 1
                                    && ($_[0]{type} == 3
                                        || $_[0]{flags} & 1) });
is($reset && $reset->{type}, 3, 'B18: a stream of HTTP/2 is reset');
ok($two->until_frame(sub { $_[0]{stream} == 3 && $_[0]{type} == 0 }),
   'B18: and the other of its connection goes on');
$two->ask(5, undef, @ask[0 .. 5], ':path' => '/chat/', 'x-api-key',
          "$c{alice}");
ok($two->until_frame(sub { $_[0]{stream} == 5 && $_[0]{type} == 1 }),
   'which takes another request');
undef $two;

# An exiting worker looks as well: its streams outlive a reload
$t->allow_log(qr/open socket #\d+ left in connection/);
ok($t->reload, 'when nginx is reloaded');
ok(alive($neighbour), 'B18: the neighbour was never touched');
ok(alive($anonymous), 'nor was one who is nobody');
done('the neighbour is suspended', qw(consumer suspend alice));
ok(ended($neighbour), 'B18: a stream of a worker that is leaving ends too');
undef $anonymous;


# ---- the clock -------------------------------------------------------------

# Given a look every second: nobody tells what time brings
$t->restart(looking('1s'));

my $short = $es->sign({ iss => 'https://idp.test', aud => 'https://api.test',
                        sub => 'u1', exp => time + 3 });
my $longer = $es->sign({ iss => 'https://idp.test', aud => 'https://api.test',
                         sub => 'u2', exp => time + 600 });
$ws = opened('/chat/', token => $short);
my $user = opened('/chat/', token => $longer);
ok(ended($ws), 'B18: a websocket of a token ends when the token does');
ok(alive($user), 'that of a better one goes on');

$ws = opened('/talk/', key => $c{henry});
$t->{policies}{services}{talk}{versions}{v1}{sunset}
    = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 3));
$t->apply_policies;
ok(ended($ws), 'B18: and the sunset of its version');
undef $user;

done_testing;
