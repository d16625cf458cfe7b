# Sessions from the tool: who is logged in, and how an operator ends that in
# every worker; what is shown, and what never is.
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::SignOn;

use JSON::PP qw(decode_json);

my $so = Gatehouse::Test::SignOn->new(t => { workers => 4 });
my ($t, $op) = ($so->t, $so->op);
$so->start;

sub tool {
    my @said = $t->tool(@_);
    return (@said, join '', @said[1, 2]);
}

# Given nobody is logged in
my ($status, $out, $err, $all) = tool('session', 'list', '--json');
is("$status " . @{ decode_json($out)->{sessions} }, '0 0',
   'nobody is listed');

# When Alice logs in twice, and two people by the name of Sam once
my ($alice, $laptop) = map { scalar $so->login('/') } 1, 2;
$op->person(sub => 'u-7', name => 'Sam', email => 'sam@example.com',
            preferred_username => "sam\e[31m");
my $sam = $so->login('/');
$op->person(sub => 'u-8', name => 'Sam');
my $other = $so->login('/');
$op->person(sub => 'u-9', name => 'Zoe');
my $zoe = $so->login('/');
is(join(' ', map { $so->ask($_) } $alice, $laptop, $sam, $other, $zoe),
   join(' ', (200) x 5), 'five sessions');

# Then an operator sees them
($status, $out, $err) = tool('session', 'list');
is($status, 0, 'session list');
like($out, qr/^ID +PERSON +NAME +EMAIL +HOST +BEGAN +SEEN\n/, 'with a heading');
is(scalar(() = $out =~ /^[0-9a-f]{8} +staff:u-2482 +Alice Example +alice\@/mg),
   2, 'each session of a person is a line');
like($out, qr/^[0-9a-f]{8} +staff:u-7 +Sam +sam\@example\.com +gw\.test +2/m,
     'with whom, where and when');

my $list = decode_json((tool('session', 'list', '--json'))[1]);
is(join(' ', sort map { $_->{person} } @{ $list->{sessions} }),
   'staff:u-2482 staff:u-2482 staff:u-7 staff:u-8 staff:u-9', 'as JSON too');
is(scalar @{ decode_json((tool('session', 'list', 'SAM', '--json'))[1])
               ->{sessions} }, 2, 'a name chooses, in any case');

# And neither tokens nor cookies
my $json = join '', map { (tool('session', 'list', @$_))[3] } [], ['--json'];
my @secret = ($op->secrets, map { $_->cookie('__Host-gh-staff')->{value} }
              $alice, $laptop, $sam, $other, $zoe);
is(scalar(grep { index($json, $_) >= 0 } @secret), 0,
   'no token and no cookie is shown');
unlike($json, qr/\e/, 'nothing steers a terminal');

# When one session is ended by its id
my ($first) = map { $_->{id} } grep { $_->{sub} eq 'u-2482' }
              @{ $list->{sessions} };
($status, $out) = tool('session', 'revoke', $first, '--reason', 'lost laptop');
is($status, 0, 'a session ends by its short id');
like($out, qr/^1 session of staff:u-2482 ended; every worker/, 'as is said');
ok($t->wait_for(sub {
       my $in = grep { $so->ask($_) == 200 } $alice, $laptop;
       return $in == 1;
   }, 5, 'the end of one'), 'one of hers is over');

# When a person is
($status) = tool('session', 'revoke', 'alice@example.com', '--wait');
is($status, 0, 'all sessions of a person end by the email address');
my %said = map { $so->ask($_) => 1 } map { ($alice, $laptop) } 1 .. 20;
is(join(' ', keys %said), '401', 'they are over in every worker');
is(join(' ', map { $so->ask($_) } $sam, $other, $zoe), '200 200 200',
   'nobody else\'s');

# When a name is of several people
($status, $out, $err) = tool('session', 'revoke', 'Sam');
is($status, 1, 'a name of several people is refused');
like($err, qr/"Sam" are 2 people; name one as gatehouse session list/,
     'and how many they are');
is($so->ask($sam), 200, 'nothing was done');
($status, $out) = tool('session', 'revoke', 'Sam', '--all', '--wait');
is("$status " . ($out =~ /^2 sessions of several people/ ? 'said' : $out),
   '0 said', '--all ends them all');
is(join(' ', map { $so->ask($_) } $sam, $other, $zoe), '401 401 200',
   'and only them');

($status, undef, $err) = tool('session', 'revoke', 'nobody');
is($status, 1, 'who is not logged in is refused');
like($err, qr/nobody who is logged in is "nobody"; see: gatehouse session/,
     'with the way to find out');
($status, undef, $err) = tool('session', 'revoke', '');
is($status, 1, 'an empty name is nobody');

# Then the history says who did that
my $history = (tool('history', '--subject', 'session'))[1];
like($history, qr/session \Q$first\E of staff:u-2482/, 'what was ended');
like($history, qr/lost laptop/, 'and why');

# And the person may log in again
$op->behave;
$op->person(sub => 'u-7', name => 'Sam');
is($so->told($sam->login($so->at . '/', 'sam'), $sam), '200 session',
   'whoever may log in at the provider is in again');

# And with the gateway away it works as well
$t->stop;
($status, $out) = tool('session', 'revoke', 'u-9');
is($status, 0, 'the store is enough');

$t->plant_secret(@secret);
done_testing();
