# alone: it loads the machine
# Judged by decision time, no window holds more than its burst and what came
# back in it, whoever asks over whichever worker (THREATS G5, G6). Twelve times
# as much is asked as is allowed: refusing costs those who are served nothing
# (G7).
use Gatehouse::Test timeout => 300;

my $SECONDS = $ENV{GH_LIMIT_SECONDS} || 8;
my $RATE    = 100;
my $BURST   = 20;

# Given one key on a hundred a second with a burst of twenty, four workers,
# and 64 clients who ask for more than that
my $t = Gatehouse::Test->new(workers => 4, debug => 0, decisions => 0);
$t->plans(exact => "${RATE}r/s burst=$BURST");
my $key = $t->consumers(1, plan => 'exact');
$t->start(<<'EOF');
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
EOF

# When they ask for so long
my $load = $t->load('/', key => $key, clients => 64, seconds => $SECONDS,
                    rate => 12 * $RATE / Gatehouse::Test::slow())->wait;

# Then each answer is one of two
my %status = $load->status;
is($load->failed, 0, 'everybody is answered');
is(join(' ', sort keys %status), '200 429', 'served or refused');

# By the clock of the service, which is a little behind the decision, the
# slack is what lies between: a decision is made after its request was sent
# and before the service saw it.
my @served = sort { $a->[0] <=> $b->[0] }
             grep { $_->[2] == 200 } $load->log;
my @at     = sort { $a <=> $b } map { $_->at_us } $t->journal;
is(scalar @at, scalar @served, 'the service saw what was served, no more');

# No window that certainly holds its decisions exceeds the bound: those that
# were sent at or after its begin and seen by its end were decided in it.
my ($worst, $excess) = worst_window(\@served);
cmp_ok($excess, '<=', 0, "no window exceeds burst + rate x T: $worst");

# Nor does the whole, from before the first decision to after the last
my $span    = ($at[-1] - $served[0][0]) / 1e6;
my $allowed = $BURST + $RATE * $span;
cmp_ok(scalar @served, '<=', $allowed, 'nor does the whole');
my $wanted = offered(sort { $a <=> $b } map { $_->[0] } $load->log);
my $later  = offered(sort { $a <=> $b } map { $_->[1] } $load->log);
$wanted = $later if $later < $wanted;
cmp_ok($wanted, '>=', $RATE * $SECONDS / 2, 'enough was asked for');
cmp_ok(scalar @served, '>=', 0.99 * $wanted,
       'G7: and 99 % of what is allowed is served: ' . scalar(@served)
       . " of $wanted");

done_testing;


# How many of requests at these times one bucket serves. On a busy machine
# nobody may ask for a while, and what a full bucket gains is lost.
sub offered {
    my (@at) = @_;
    my ($tokens, $last, $n) = ($BURST, $at[0], 0);

    for my $now (@at) {
        $tokens += $RATE * ($now - $last) / 1e6;
        $tokens = $BURST if $tokens > $BURST;
        $last = $now;
        next if $tokens < 1;
        $tokens--;
        $n++;
    }
    return $n;
}


# The window [start of i, end of j] holds the decisions of every request whose
# span lies in it. Returns words and by how much the fullest exceeds.
sub worst_window {
    my ($served) = @_;
    my ($words, $excess) = ('none', -1e9);
    my @by_end = sort { $a->[1] <=> $b->[1] } @$served;

    for my $i (0 .. $#$served) {
        my ($begin, $n) = ($served->[$i][0], 0);
        for my $one (@by_end) {
            next if $one->[0] < $begin;
            $n++;
            my $over = $n - $BURST - $RATE * ($one->[1] - $begin) / 1e6;
            next if $over <= $excess;
            $excess = $over;
            $words  = sprintf '%d in %.3f s, bound %.1f', $n,
                      ($one->[1] - $begin) / 1e6, $n - $over;
        }
    }
    return ($words, $excess);
}
