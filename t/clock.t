# The wall clock is stepped under a running gateway, hours ahead and back.
# Rates and the bound on guessing go by the monotonic clock and notice
# nothing; quotas and expiry go by the calendar and lock nobody out (THREATS
# G6).
use Gatehouse::Test;

use POSIX ();

plan(skip_all => 'the sanitizers\' library wants to be loaded first')
    if Gatehouse::Test::mk('GH_SANITIZE') ne '';

my $es = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $t  = Gatehouse::Test->new(debug => 0);
$t->plans(slow  => '3r/h burst=3', quick => '50r/s burst=1',
          daily => '5r/day');
my %key = map { $_ => scalar $t->consumers(1, plan => $_) }
          qw(slow quick daily);
$t->file('jwks.json', Gatehouse::Test::Token::jwks($es));

# Given a gateway with a clock of our own
my $library = $t->dir . '/clock.so';
my $source  = Gatehouse::Test::root() . '/t/lib/clock.c';
system('cc', '-shared', '-fPIC', '-O1', '-o', $library, $source, '-ldl') == 0
    or die "cannot build $source\n";

# Noon of a day to come, so that an hour either way is the same day
my $real  = time;
my $noon  = $real - $real % 86400 + 12 * 3600 + 86400;
my $at    = $noon;
$t->file('clock', pack 'q', $at - $real);

sub step_to {
    ($at) = @_;
    my $path = $t->dir . '/clock';
    open my $fh, '+<', $path or die "$path: $!\n";
    syswrite $fh, pack 'q', $at - $real;
    close $fh;
    # nginx reads the time once per turn of its loop
    my $hour = POSIX::strftime('%d %b %Y %H:', gmtime $at);
    wait_for(sub { $t->get('/open')->header('Date') =~ /\Q$hour\E/ }, 5,
             'the time that was set');
    return;
}

$t->prepare(http => <<'EOH', locations => <<'EOL');
    gatehouse_token_issuer idp {
        issuer     https://idp.test;
        audience   https://api.test;
        jwks_file  %%DIR%%/jwks.json;
    }
EOH
    gatehouse_bad_credentials  rate=1r/m burst=2;
    location / {
        gatehouse_authenticate  api_key token=idp;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
    location /open {
        gatehouse_authenticate  off;
        proxy_pass              http://echo;
    }
EOL
{
    local $ENV{LD_PRELOAD} = $library;
    local $ENV{GH_CLOCK}   = $t->dir . '/clock';
    $t->start(map { $_ => $t->{$_} } qw(http locations));
}
step_to($noon);

sub asks {
    my ($who, $n, %arg) = @_;
    return join ' ', map { $t->get('/', key => $key{$who}, %arg)->status }
           1 .. $n;
}


# ---- rates -----------------------------------------------------------------

is(asks(slow => 2), '200 200', 'given two of three an hour');
step_to($noon + 2 * 3600);
is(asks(slow => 2), '200 429', 'G6: two hours that did not pass bring nothing');
step_to($noon - 2 * 3600);
is(asks(slow => 1), '429', 'G6: nor do hours taken back');

step_to($noon + 3600);
is(asks(quick => 1), '200', 'given a rate that comes back in 20 ms');
step_to($noon - 3600);
ok($t->wait_for(sub { asks(quick => 1) eq '200' }, 3, 'a token comes back'),
   'G6: a clock that was put back freezes no bucket');


# ---- guesses ---------------------------------------------------------------

step_to($noon);
my @guess = (from => '127.0.0.66');
my $wrong = Gatehouse::Test::Consumer::new_key('guess1');
is(join(' ', map { $t->get('/', key => $wrong, @guess)->status } 1 .. 3),
   '401 401 429', 'given a source that guessed too often');
step_to($noon + 3600);
is($t->get('/', key => $wrong, @guess)->status, 429,
   'G6: an hour that did not pass forgives nobody');
step_to($noon - 3600);
is($t->get('/', key => $wrong, @guess)->status, 429,
   'G6: nor one that comes twice');
is($t->get('/', key => $wrong, from => '127.0.0.67')->status, 401,
   'while others are only wrong');


# ---- the calendar ----------------------------------------------------------

# A day has five, however often its noon comes
step_to($noon);
is(asks(daily => 6), '200 200 200 200 200 429', 'given a day that is used up');
step_to($noon + 3600);
is(asks(daily => 1), '429', 'G6: an hour later it still is');
step_to($noon - 3600);
is(asks(daily => 1), '429', 'G6: an hour earlier too');
step_to($noon + 86400);
is(asks(daily => 6), '200 200 200 200 200 429', 'G6: the next day has five');
step_to($noon);
is(asks(daily => 3), '429 429 429', 'G6: and the day before has none again');
step_to($noon + 86400);
is(asks(daily => 1), '429', 'G6: nor the day after it, seen twice');
step_to($noon + 2 * 86400);
is(asks(daily => 1), '200', 'G6: the day after that is a day like all');

# What expires does so by the calendar, and is what it was when that goes back
my $token = $es->sign({ iss => 'https://idp.test', aud => 'https://api.test',
                        sub => 'u1', exp => $noon + 600 });
step_to($noon);
is($t->get('/', token => $token, from => '127.0.0.68')->status, 200,
   'given a token for ten minutes');
step_to($noon + 3600);
is($t->get('/', token => $token, from => '127.0.0.68')->status, 401,
   'G6: an hour later it has ended');
step_to($noon);
is($t->get('/', token => $token, from => '127.0.0.68')->status, 200,
   'G6: it is judged by the time that is');

done_testing;
