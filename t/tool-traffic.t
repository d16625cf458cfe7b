# Traffic from the tool: shown, set, switched, undone, reset, and in whose
# name; the gateway follows without a reload.
use Gatehouse::Test;

use JSON::PP qw(decode_json);

delete $ENV{SUDO_USER};
my $me = getpwuid $<;

my %split = (
    version_from => ['path'],
    versions     => {
        v1 => { deployments => { only => { upstream => 'blue' } } },
        v2 => {
            sticky      => 'none',
            deployments => {
                blue  => { upstream => 'blue',  initial_weight => '100%' },
                green => { upstream => 'green', initial_weight => '0%' },
            },
        },
    },
);

my $t = Gatehouse::Test->new(workers => 4, backends => [ 'blue', 'green' ])
                       ->services(orders => \%split);

# Connections are spread over the workers by the kernel
$t->start(http => <<'CONF');
    server {
        listen 127.0.0.1:%%PORT_spread%% reuseport;
        location / {
            gatehouse_authenticate  off;
            gatehouse_service       orders;
            proxy_pass              http://gatehouse;
        }
    }
CONF

# ---- set, switch -----------------------------------------------------------

is(served(40), 'blue', 'the file rules at first');
my ($show) = shown('orders/v2');
is_deeply($show->{in_force}, { blue => '100%', green => '0%' },
          'and is shown as what is in force');
is($show->{change}, undef, 'by nobody\'s change');

# When everything is switched and that has been waited for
my $doc = json('traffic', 'switch', 'orders/v2', 'green', '--wait',
               '--reason', 'release 7');
is($doc->{change}, 1, 'changes are numbered from 1');
is(served(40), 'green', 'no worker sends anybody to the old side any more');

# When it is set without waiting
my ($status, $out) = $t->tool('traffic', 'set', 'orders/v2', 'blue=50%');
is($status, 0, 'a weight is set');
like($out, qr/change 2: orders\/v2 blue 0%, green 100% -> blue 50%, green 50%/,
     'and what was changed is said');
wait_for(sub { served(40) eq 'blue green' }, 2, 'both sides are served soon');
pass('both sides are served soon');

# What is shown says both weights, and who, when, why
(undef, $out) = $t->tool('traffic', 'show', 'orders/v2');
like($out, qr/in force +blue 50%, green 50%/, 'the weights in force');
like($out, qr/file +blue 100%, green 0%/, 'beside those of the file');
like($out, qr/change 2, .* set by $me on \d{4}-/, 'and whose they are');
is(scalar(shown('orders')), 2, 'a service is shown with all its versions');

# ---- what is refused ---------------------------------------------------------

refused(qr{no version "orders/v3".*did you mean "orders/v[12]"},
        'traffic', 'set', 'orders/v3', 'green=1%');
refused(qr{no version "orders"}, 'traffic', 'set', 'orders', 'green=1%');
refused(qr{no deployment "gren"; did you mean "green"},
        'traffic', 'set', 'orders/v2', 'gren=1%');
refused(qr{no deployment "gren"}, 'traffic', 'switch', 'orders/v2', 'gren');
refused(qr{more than 100 %}, 'traffic', 'set', 'orders/v2', 'green=60%',
        'blue=60%');
refused(qr{less than 100 %}, 'traffic', 'set', 'orders/v2', 'green=40%',
        'blue=40%');
refused(qr{expected NAME=WEIGHT}, 'traffic', 'set', 'orders/v2', 'green=1.234%');
refused(qr{expected NAME=WEIGHT}, 'traffic', 'set', 'orders/v2', 'green');
is(($t->tool('traffic', 'set', 'orders/v2'))[0], 2,
   'no weight is a misuse');
is(join(',', map { $_->{change} } history()), '2,1',
   'what is refused is not in the history');

# ---- undo --------------------------------------------------------------------

refused(qr{newer change of orders/v2 stands: change 2, .* by $me},
        'traffic', 'undo', 1);
refused(qr{no change 99}, 'traffic', 'undo', 99);
is(($t->tool('traffic', 'undo', 'last'))[0], 2, 'a word is no change');

$doc = json('traffic', 'undo', 2, '--wait');
is($doc->{change}, 3, 'an undo is a change');
is(served(40), 'green', 'what stood before stands again');
refused(qr{newer change of orders/v2 stands: change 3},
        'traffic', 'undo', 2);

# Back to before anybody changed anything is back to the file
json('traffic', 'undo', 3, '--wait');
is(served(40), 'blue green', 'an undo can be undone');
json('traffic', 'switch', 'orders/v2', 'green', '--wait');
json('traffic', 'reset', 'orders/v2', '--wait', '--reason', 'enough');
is(served(40), 'blue', 'a reset returns to the file');
($status, $out) = $t->tool('traffic', 'reset', 'orders/v2');
is($status, 0, 'resetting twice does no harm');
like($out, qr/weights of its file already/, 'and says so');
json('traffic', 'undo', 6, '--wait');
is(served(40), 'green', 'a reset can be undone');

# A change of a key cannot be undone
$t->consumer('acme');
my (undef, $key) = $t->tool('key', 'create', 'acme', '--id', 'acme1');
$t->plant_secret($key =~ s/\n//r);
refused(qr{change 8 is not about traffic \(create of key acme1 of acme\)},
        'traffic', 'undo', 8);

# ---- history -----------------------------------------------------------------

my @lines = history();
is(join(',', map { $_->{change} } @lines), '8,7,6,5,4,3,2,1',
   'the history is newest first');
my %of = map { $_->{change} => $_ } @lines;
is($of{1}{before}, undef, 'before the first change the file ruled');
is_deeply($of{1}{after}, { blue => '0%', green => '100%' }, 'then the change');
is($of{1}{reason}, 'release 7', 'with its reason');
is($of{1}{who}, $me, 'and who made it');
is_deeply($of{2}{before}, $of{1}{after}, 'each begins where the last ended');
is($of{2}{before_change}, 1, 'and names it');
is($of{6}{after}, undef, 'a reset ends at the file');
is(join(',', map { $_->{change} } history('--subject', 'orders/v2',
                                          '--limit', 2)), '7,6',
   'it can be asked for one subject, and cut');
(undef, $out) = $t->tool('history', '--limit', 1);
like($out, qr/^8  .* UTC  $me  create key acme1 of acme$/m, 'for people, too');
like($out, qr/7 older ones/, 'who are told that there is more');
SKIP: {
    skip 'only root may say for whom it works', 1 if $<;
    local $ENV{SUDO_USER} = "al\e[2Jice";
    $t->tool('traffic', 'set', 'orders/v2', 'green=30%');
    is((history('--limit', 1))[0]{who}, 'al?[2Jice',
       'behind sudo it is who called sudo, and no control character');
}

# ---- when the files change under it -------------------------------------------

# Given a version that loses the deployment that has all the traffic
my $all_green = json('traffic', 'switch', 'orders/v2', 'green', '--wait');
my $green = delete $split{versions}{v2}{deployments}{green};
$t->services(orders => \%split);

# Then the file rules, and the tool says so
is(served(20), 'blue', 'a weight of a deployment that is gone does not rule');
(undef, $out) = $t->tool('traffic', 'show', 'orders/v2');
like($out, qr/store +blue 0%, green 100%: not in force/, 'which is shown');
refused(qr{names deployments that orders/v2 does not have any more},
        'traffic', 'undo', $all_green->{change});

# And a version that is gone can be cleaned up
$split{versions}{v2}{deployments}{green} = $green;
my $v2 = delete $split{versions}{v2};
$t->services(orders => \%split);
(undef, $out) = $t->tool('traffic', 'show');
like($out, qr/no such version; gatehouse traffic reset orders\/v2/,
     'weights of a version that is gone are shown');
refused(qr{no version orders/v2 any more}, 'traffic', 'switch', 'orders/v2',
        'green');
($status) = $t->tool('traffic', 'reset', 'orders/v2');
is($status, 0, 'and can be reset');
(undef, $out) = $t->tool('traffic', 'show');
unlike($out, qr{orders/v2}, 'then nothing is left of it');

done_testing;


# Who served so many requests: "blue", "green" or "blue green"
sub served {
    my ($n) = @_;
    my %seen;

    for (1 .. $n) {
        my $res = $t->get('/v2/x', port => $t->port('spread'));
        $seen{ $res->status == 200 ? $res->received->backend
                                   : $res->status }++;
    }
    return join ' ', sort keys %seen;
}

sub refused {
    my ($why, @arg) = @_;
    my ($got, undef, $said) = $t->tool(@arg);
    is($got, 1, "\"@arg\" is refused");
    like($said, $why, '... and says why');
    return;
}

sub json {
    my ($got, $text, $said) = $t->tool(@_, '--json');
    diag("@_: $got $said") if $got;
    return decode_json($text);
}

sub shown   { return @{ json('traffic', 'show', @_)->{traffic} } }
sub history { return @{ json('history', @_)->{history} } }
