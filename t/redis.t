# The five operations of the store in a worker, with Redis: what they answer,
# what the other gateway sees of it and when, what stands in Redis itself.
use lib 't/lib';
use Gatehouse::Test timeout => 300;
use Gatehouse::Test::Redis;
use Gatehouse::Test::StoreProbe;

my $redis = Gatehouse::Test::Redis->new;
my $spec  = $redis->words(state => 'DIR', timeout => '10s');
my @gate  = map { Gatehouse::Test::StoreProbe->new(workers => 2,
                                                   spec => $spec)->start }
            1 .. 2;
my $t = $gate[0];


# ---- the vocabulary --------------------------------------------------------

my $put = $t->ask('put', name => 'alice', value => 'wonderland', log => 1);
is($put->{rc}, 'ok', 'a record is put');

for my $gate (@gate) {
    my $got = $gate->ask('get', name => 'alice');
    is("$got->{rc} $got->{value}", 'ok wonderland', 'and got, by each gateway');
    is($got->{version}, $put->{version}, 'under the version it was given');
}

is($t->ask('get', name => 'alice', kind => 3)->{rc}, 'absent',
   'another kind is another record');
is($t->ask('get', name => 'bob')->{rc}, 'absent', 'what is not there is said');

is($t->ask('put', name => 'alice', value => 'x', version => 0)->{rc},
   'conflict', 'a first put of what is there is a conflict');
is($t->ask('put', name => 'alice', value => 'x',
           version => $put->{version})->{rc},
   'ok', 'a put of the version that is there is not');
is($t->ask('put', name => 'alice', value => 'y', log => 1,
           version => $put->{version})->{rc},
   'conflict', 'of the one before it is');
is($t->ask('get', name => 'alice')->{value}, 'x', 'and changed nothing');

my %claim = (kind => 10, name => 'refresh', ttl => 60);
is($t->ask('claim', %claim)->{rc}, 'ok', 'a claim is made');
is($gate[1]->ask('claim', %claim)->{rc}, 'conflict', 'by one gateway only');
is($t->ask('delete', kind => 10, name => 'refresh')->{rc}, 'ok',
   'and given back');
is($gate[1]->ask('claim', %claim)->{rc}, 'ok', 'so it can be made again');
is($t->ask('claim', kind => 10, name => 'never')->{rc}, 'invalid',
   'a claim without an end is none');

my %take = (kind => 9, name => 'month', n => 40, limit => 100);
is(join(' ', map { $gate[$_ % 2]->ask('take', %take)->{granted} } 1 .. 4),
   '40 40 20 0', 'a counter grants its limit and no more');

is($t->ask('delete', name => 'alice', log => 1)->{rc}, 'ok',
   'a record is deleted');
is($t->ask('delete', name => 'alice')->{rc}, 'absent', 'once');

is($t->ask('put', name => 'big', size => 1048577)->{rc}, 'too_long',
   'a value has its bound');
is($t->ask('put', name => 'big', size => 1048576)->{rc}, 'ok',
   'and may be as long as that');
is($gate[1]->ask('get', name => 'big')->{length}, 1048576,
   'and comes back whole');

# names and values are one argument each, whatever they hold (THREATS H1)
my @hostile = ("%s%n\r\nFLUSHALL\r\n", 'a b "c"', "x\0y", "*3\r\n\$3\r\nSET");
for my $name (@hostile) {
    $t->ask('put', name => $name, value => $name);
    is($gate[1]->ask('get', name => $name)->{length}, length $name,
       'H1: a hostile name is a name');
}
is($redis->calls('flushall'), 0, 'H1: and no word of Redis');

$t->ask('put', name => 'short', value => 'v', ttl => 2);
is($t->ask('record', name => 'short')->{rc}, 'ok',
   'a record with an end is there until then');
wait_for(sub { $t->ask('record', name => 'short')->{rc} eq 'absent' }, 20,
         'a remembered record to expire');


# ---- what one gateway writes, the other one knows ------------------------------

sub everywhere {
    my ($what, %arg) = @_;
    my %seen;
    for my $gate (@gate) {
        $seen{ $gate->ask('record', %arg)->{$what} }++ for 1 .. 20;
    }
    return join ' ', sort keys %seen;
}

is(everywhere('rc', name => 'carol'), 'absent', 'all remember: not there');
is($t->ask('put', name => 'carol', value => 'here', log => 1)->{rc}, 'ok',
   'one worker puts what all know to be absent');
wait_for(sub { everywhere('rc', name => 'carol') eq 'ok' }, 10,
         'the other workers to know');
pass('soon all know');

my $many = $t->ask('many', op => 'put', count => 1000, name => 'many',
                   value => 'v', log => 1);
is($many->{ok}, 1000, 'a thousand writes at once are all done');
is($gate[1]->ask('get', name => 'many999')->{value}, 'v', 'and are there');

my @asked = map { $gate[$_ % 2]->begin('many', op => 'take', count => 50,
                                       kind => 9, name => 'shared', n => 7,
                                       limit => 1000) } 1 .. 8;
my $granted = 0;
$granted += $_->answer->{granted} for @asked;
is($granted, 1000, 'two gateways together take no more than the limit');

my $load = $t->load('/put?name=load&value=v&log=1', clients => 8,
                    seconds => 4);
for (1 .. 3) {
    my %before = map { $_ => 1 } $t->workers(all => 1);
    $t->reload;
    wait_for(sub { !grep { $before{$_} } $t->workers(all => 1) }, 30,
             'old workers to leave');
}
$load->wait;
is($load->failed, 0, 'reloads under writes lose no request');


# ---- what stands in Redis ------------------------------------------------------

$t->ask('put', name => 'mallory@example.com', value => 'SECRET-VALUE',
        log => 1);
my @keys = split /\n/, $redis->cli('--scan');
cmp_ok(scalar @keys, '>', 1000, 'there are keys');
is_deeply([ grep { !/^gh:\{(?:log|root|nodes|replay|[a-z_]+:[0-9a-f]{32})\}$/ } @keys ], [],
          'H2, H6: all named by a hash');

my $dump = join "\n", map { $redis->cli('HGETALL', $_) }
                      (grep { /\{key:/ } @keys)[0 .. 30],
                      key_of('mallory@example.com');
unlike($dump, qr/SECRET-VALUE|mallory/, 'H6: no value and no name in clear');

# what others write there is no record, and harms nobody (THREATS H3)
$t->ask('put', name => "swap$_", value => $_) for 1 .. 2;
my %of = map { $_ => key_of($_) } qw(swap1 swap2);
$redis->cli('COPY', $of{swap1}, $of{swap2}, 'REPLACE');
is($t->ask('get', name => 'swap2')->{rc}, 'invalid',
   'H3: a value under another name is none');
$redis->cli('HSET', $of{swap1}, 'd', 'junk');
is($t->ask('get', name => 'swap1')->{rc}, 'invalid', 'H3: junk is none');
$redis->cli('DEL', $of{swap1});
$redis->cli('LPUSH', $of{swap1}, 'junk');
is($t->ask('get', name => 'swap1')->{rc}, 'invalid', 'H3: a list is none');
is($t->ask('put', name => 'swap1', value => 'x', version => 0)->{rc},
   'invalid', 'H3: nor is it nothing');
is($t->ask('put', name => 'swap1', value => 'new')->{rc}, 'ok',
   'but may be written over');
is($t->ask('get', name => 'swap1')->{value}, 'new', 'and is whole again');

$redis->cli('HSET', $of{swap1}, 'v', '9' x 309);
is($t->ask('put', name => 'swap1', value => 'newer')->{rc}, 'ok',
   'H3: as may be one of a version that no number holds');
like($redis->cli('HGET', $of{swap1}, 'v'), qr/^[1-9]\d{15}$/,
     'which has one that does again');

# nor what they write for the log: everybody reads all again, and goes on
for my $junk ([ 'SET', 'junk' ], [ 'LPUSH', 'a', 'b' ], [ 'HSET', 'a', 'b' ],
              [ 'XADD', '18446744073709551615-18446744073709551615', 'c', 'x' ],
              [ 'XADD', '9999999999999999-0', 'c', 'x' ],
              [ 'XADD', '5000-7', 'c', 'x' ],
              [ 'XADD', '5000-0', 'c', 'junk', 'of', 'somebody' ],
              [ 'XADD', '5000-0', '', '250:0123456789abcdef' ],
              [ 'XADD', '5000-0', 'c', 'x' x 100_000 ])
{
    my ($verb, @rest) = @$junk;
    my $what = substr "$verb @rest", 0, 40;
    $redis->cli('DEL', 'gh:{log}');
    $redis->cli($verb, 'gh:{log}', @rest);
    is($gate[0]->ask('put', name => 'logged', value => $what, log => 1)->{rc},
       'ok', "H3: $what in the log: writes go on");
    wait_for(sub { ($gate[1]->ask('get', name => 'logged')->{value} // '')
                   eq $what }, 10, 'it to be read at the other');
    wait_for(sub { my $s = $gate[1]->state;
                   $s->{available}
                   && $s->{sequence} == $gate[0]->state->{sequence} }, 10,
             "$what: both to have heard of it");
    pass('... and is heard of at the other');
}

$redis->cli('SCRIPT', 'FLUSH');
is($t->ask('put', name => 'flushed', value => 1, log => 1)->{rc}, 'ok',
   'scripts that were flushed are loaded again');
$redis->cli('SCRIPT', 'FLUSH');
is($t->ask('put', name => 'flushed', value => 2, log => 1)->{rc}, 'ok',
   'as often as that happens');


sub key_of {
    my ($name) = @_;
    require Digest::SHA;
    return 'gh:{key:' . substr(Digest::SHA::sha256_hex($name), 0, 32) . '}';
}


# ---- another root key ----------------------------------------------------------

my $other = Gatehouse::Test::StoreProbe->new(spec => $spec,
                                             words => 'root=7')->start;
is($other->ask('get', name => 'big')->{rc}, 'unavailable',
   'a gateway of another root key reads nothing');
like($other->state->{why}, qr/another root key: give this one the same gatehouse_secret/,
     'and says why');

done_testing;
