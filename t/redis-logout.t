# A provider's logout token counts once on all gateways that share a Redis. One
# that was emptied does not know what was used before: it vouches for nothing
# made before its beginning (THREATS E29, 4.1: Redis for replay).
use lib 't/lib';
use Gatehouse::Test timeout => 200;
use Gatehouse::Test::Redis;
use Gatehouse::Test::SignOn;

my $SLOW = Gatehouse::Test::slow();

# Given somebody who is logged in, and a Redis that has on disk what it
# acknowledged
my $redis = Gatehouse::Test::Redis->new(aof => 1);
my $so = Gatehouse::Test::SignOn->new(
    t => { store => $redis->words(timeout => 900 * $SLOW . 'ms'), workers => 2 });
my $t  = $so->t;
my $op = $so->op;
$t->file('root.key', 'a7' x 32);
chmod 0600, $t->dir . '/root.key';
$t->start($so->text(http => 'gatehouse_secret file:' . $t->dir . '/root.key;',
                    locations => <<'CONF'));
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
CONF
my $at = 'https://gw.test:' . $t->port('tls');

sub token { return $op->logout_token(sub => 'u-1', sid => 'nobody-s', @_) }

sub status {
    my ($token) = @_;
    return $op->send_logout('http://gw.test:' . $t->port
                            . '/oidc_backchannel_logout', token => $token)
              ->status;
}

# Until what is made now counts; it is that token.
sub counts {
    my ($what) = @_;
    my $made;
    wait_for(sub { $made = token(); status($made) == 200 }, 60 * $SLOW, $what);
    return $made;
}

# When one is used
my $used = counts('Redis to vouch for logout tokens');
is(status($used), 400, 'E29: a logout token counts once');

$redis->kill->start;
wait_for(sub { $t->status->{store}{available} }, 60, 'it is back');
like(status($used), qr/^(?:400|503)$/, 'not again when Redis was started anew');
my $kept = counts('it to vouch again');
is(status($used), 400, 'nor later: it has it on disk');

# When Redis is emptied
my $unused = token();
$redis->cli('FLUSHALL');
is(status($kept), 503, 'Redis was emptied: what counted is not taken for new');
is(status($unused), 503, 'nor what was made before');
counts('new ones to count');
is(status($kept), 503, 'what was used before stays refused');
is(status($unused), 503, 'as does what may have been');

# When it is emptied while it is away
my $late = counts('one more');
$redis->kill;
is(status(token()), 503, 'without Redis nobody knows');
unlink $_ for glob $redis->dir . '/appendonlydir/*';
$redis->start;
wait_for(sub { $t->status->{store}{available} }, 60, 'it is back');
is(status($late), 503, 'and one that comes back empty vouches for nothing');
counts('new ones to count');
is(status($late), 503, 'made before its beginning');

done_testing;
