# Policies come into force by themselves, whole or not at all, whatever
# happens to files, workers and configurations meanwhile.
use Gatehouse::Test timeout => 300;

my $LOCATION = <<'EOF';
    gatehouse_bad_credentials off;
    location / {
        gatehouse_authenticate  api_key;
        proxy_pass              http://echo;
    }
EOF

# asks often enough that every worker will have answered
sub everywhere {
    my ($t, $key, $status) = @_;
    my $n = 12 * scalar $t->workers;
    return !grep { $t->get('/', key => $key)->status != $status } 1 .. $n;
}

sub mappings {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/maps" or return -1;
    return scalar grep { m{/policies\.image} } <$fh>;
}

# by a worker's watching thread
sub takes_kept_files {
    my ($t) = @_;
    return scalar grep {
        open my $fh, '<', "/proc/$_/maps";
        $fh && grep { m{/policies\.parts$} } <$fh>;
    } $t->workers;
}

# which file it is, and since when
sub made { return join ' ', grep { defined } (stat $_[0])[1, 9] }

sub key_of {
    my ($name) = @_;
    my $key = Gatehouse::Test::Consumer::new_key($name);
    return ($key, { consumers => { $name => { credentials => { api_keys => [
        { id => $name, hash => Gatehouse::Test::Consumer::hash_of($key) }
    ] } } } });
}

sub refusal {
    my ($t) = @_;
    wait_for(sub { $t->status->{policies}{invalid} }, 10, 'it is refused');
    return $t->status->{policies}{error};
}

# Stories that wait for seconds go on at the end, all at once
my @later;


{
    # Given four workers and a consumer
    my $t = Gatehouse::Test->new(workers => 4);
    my $alice = $t->consumer('alice');
    $t->start($LOCATION);
    ok(everywhere($t, $alice->key, 200), 'the first set is in force at once');
    like($t->error_log, qr/compiled at the start: published/,
         'the start has compiled it');
    unlike($t->error_log, qr/generation 1 of the policies is published/,
           'and no worker did so again');
    my $first = $t->generation;

    # When another one is written to a file of its own
    my $bob = Gatehouse::Test::Consumer::new_key('bobskey');
    my %bob = (consumers => { bob => { credentials => { api_keys => [
        { id => 'bobskey', hash => Gatehouse::Test::Consumer::hash_of($bob) }
    ] } } });
    $t->plant_secret($bob);
    $t->apply_policies('bob.json' => \%bob);

    # Then every worker knows it, and the generation says so
    ok(everywhere($t, $bob, 200), 'a new consumer, without a reload');
    cmp_ok($t->generation, '>', $first, 'a new generation');

    # When a file is wrong
    my $before = $t->generation;
    $t->write_policies('bad.json' => "{ \"plans\":\n  { \"a\": 3 } }");
    like(refusal($t), qr{policies/bad\.json:2:10: }, 'file, line and column');
    ok(everywhere($t, $alice->key, 200), 'the old set stays in force');
    is($t->generation, $before, 'and its number');
    like($t->error_log, qr{policies refused: \S+/bad\.json:2:10: },
         'the error log says it');

    # When it is mended
    $t->apply_policies('bad.json' => '{}');
    is($t->status->{policies}{invalid} ? 1 : 0, 0, 'the complaint is gone');

    # When bob's file is taken away
    $t->remove_policy('bob.json');
    ok(wait_for(sub { everywhere($t, $bob, 401) }, 10, 'bob is gone'),
       'what is taken away is gone');

    # Then every worker maps one image and no old one
    ok(wait_for(sub { !grep { mappings($_) != 1 } $t->workers }, 10, 'maps'),
       'old images are let go');

    # When the directory is emptied by accident
    unlink glob $t->dir . '/policies/*.json';
    like(refusal($t), qr/no policy file/, 'that is refused');
    ok(everywhere($t, $alice->key, 200), 'and changes nothing');
    $t->apply_policies;

    # When the set names an upstream that this configuration lacks
    $t->write_policies('orders.json' => { services => { orders => { versions =>
        { v1 => { deployments => { blue => { upstream => 'nowhere' } } } } }
    } });
    like(refusal($t), qr/"nowhere".*echo/s,
         'an unknown upstream is refused and the known ones are listed');
    $t->remove_policy('orders.json');
    wait_for(sub { !$t->status->{policies}{invalid} }, 10, 'mended');

    # When workers are killed, the one that watches among them
    for my $round (1 .. 4) {
        $t->kill_worker(pid => ($t->workers)[0]);
        my $was = $t->generation;
        $t->apply_policies("round$round.json" => '{}');
        cmp_ok($t->generation, '>', $was,
               "changes are still taken up, worker $round killed");
    }
    ok(everywhere($t, $alice->key, 200), 'the new workers have the set');

    # When the image is lost or damaged and a worker has to start
    for my $case (
        [ 'lost', sub { unlink $_[0] } ],
        [ 'damaged', sub { open my $fh, '>', "$_[0].x"; print $fh 'x' x 9999;
                           close $fh; chown +(stat $_[0])[4, 5], "$_[0].x";
                           rename "$_[0].x", $_[0] } ],
    ) {
        $case->[1]->($t->dir . '/state/policies.image');
        $t->kill_worker;
        ok(wait_for(sub { everywhere($t, $alice->key, 200) }, 20, 'again'),
           "an image that is $case->[0] is made again");
    }
}


{
    # Given a gateway that was stopped
    my $t = Gatehouse::Test->new(workers => 2);
    my $alice = $t->consumer('alice');
    $t->start($LOCATION);
    my $first = $t->generation;

    # Then a start finds its image, and a change meanwhile is not lost
    $t->restart;
    is($t->generation, $first, 'the same bytes: the image is there');
    ok(everywhere($t, $alice->key, 200), 'and in force');

    $t->stop;
    my $bob = $t->consumer('bob');
    $t->write_policies;
    $t->start;
    cmp_ok($t->generation, '>', $first, 'changed while it was stopped');
    ok(everywhere($t, $bob->key, 200), 'in force at the first request');

    # When it is reloaded
    ok($t->reload, 'a reload');
    my $carol = $t->consumer('carol');
    ok(everywhere($t, $carol->key, 200), 'changes are taken up after it');

    # When shared memory gets another size
    my $before = $t->generation;
    ok($t->reload(locations => $LOCATION, http => 'gatehouse_memory 40m;'),
       'a reload with another gatehouse_memory');
    ok(everywhere($t, $alice->key, 200), 'the set is in force at once');
    is($t->generation, $before, 'under its number');
    my $dave = $t->consumer('dave');
    ok(everywhere($t, $dave->key, 200), 'and changes are taken up');

    # When the set is invalid and nginx is told to reload
    $t->write_policies('bad.json' => '{');
    refusal($t);
    $t->allow_log(qr/bad\.json:1:2: /);
    ok(!$t->reload, 'nginx refuses the reload');
    ok(everywhere($t, $dave->key, 200), 'and the old configuration serves');
    $t->remove_policy('bad.json');
    wait_for(sub { !$t->status->{policies}{invalid} }, 10, 'mended');
}


{
    # What nginx -t says
    my $t = Gatehouse::Test->new;
    $t->backend('orders_v1');
    $t->prepare('');

    for my $case (
        [ "{\n  \"plan\": {} }", qr{^\[emerg\] policies/x\.json:2:3: .*plans} ],
        [ '{ "plans": { "a": {} }, "consumers": { "b": { "plan": "c" } } }',
          qr{policies/x\.json:1:\d+: .*"c"} ],
        [ '{ "services": { "s": { "versions": { "v": { "deployments": '
          . '{ "d": { "upstream": "u" } } } } } } }',
          qr{policies/x\.json:1:\d+: .*"u".*echo, orders_v1} ],
        [ '', qr{policies/x\.json} ],
    ) {
        my ($text, $says) = @$case;
        $t->write_policies('x.json' => $text);
        like($t->conf_error(''), $says, $text =~ tr{\n}{ }r . ' is refused');
    }
    $t->remove_policy('x.json');

    unlink glob $t->dir . '/policies/*.json';
    delete $t->{policies};
    like($t->conf_error(locations => '', http =>
                        'gatehouse_policies %%DIR%%/policies;'),
         qr/no policy file/, 'an empty directory is refused');
    like($t->conf_error(locations => '', http =>
                        'gatehouse_policies %%DIR%%/missing;'),
         qr{missing: cannot be opened: No such file}, 'a missing one, too');

    SKIP: {
        skip 'not root', 1 if $> != 0;
        mkdir $t->dir . '/other', 0755;
        $t->file('other/x.json', '{}');
        chmod 0777, $t->dir . '/state';
        like($t->conf_error(locations => '', http =>
                            'gatehouse_policies %%DIR%%/other;'),
             qr/can be written by others|writable|0?700/,
             'a state directory that others may write to is refused');
        chmod 0700, $t->dir . '/state';
    }
}


{
    # Given a directory that is a link, as tools that deploy make it
    my $t = Gatehouse::Test->new(workers => 2);
    my ($alice, $bob) = map { $t->consumer_entry($_) } qw(alice bob);
    my $json = JSON::PP->new;
    my %entry = %{ $t->{policies}{consumers} };
    $t->{policies} = 0;
    $t->prepare('');
    my $dir = $t->dir;

    mkdir "$dir/$_" for qw(v1 v2);
    chmod 0755, "$dir/v1", "$dir/v2";
    $t->file('v1/x.json', $json->encode(
        { consumers => { alice => $entry{alice} } }));
    $t->file('v2/x.json', $json->encode(
        { consumers => { bob => $entry{bob} } }));
    symlink 'v1', "$dir/current";

    $t->start(locations => $LOCATION, http =>
              'gatehouse_policies %%DIR%%/current;');
    ok(everywhere($t, $alice->key, 200), 'the set behind the link');

    # When the link is swapped
    symlink 'v2', "$dir/next";
    rename "$dir/next", "$dir/current";
    ok(wait_for(sub { everywhere($t, $bob->key, 200) }, 10, 'v2'),
       'the new set is in force');
    ok(everywhere($t, $alice->key, 401), 'and the old one is not');
}


SKIP: {
    # Given a state directory that takes no new files
    my $t = Gatehouse::Test->new(workers => 2);
    my $alice = $t->consumer('alice');
    $t->start($LOCATION);
    my $before = $t->generation;

    chmod 0500, $t->dir . '/state';
    $t->write_policies('more.json' => '{}');
    like(refusal($t), qr/policies\.image.*Permission denied/,
         'it is said why nothing changes');
    ok(everywhere($t, $alice->key, 200), 'what is in force stays');

    # When it takes files again
    chmod 0700, $t->dir . '/state';
    push @later, sub {
        ok(wait_for(sub { $t->generation > $before }, 30, 'published'),
           'it is published by itself');
    };
}


{
    # Given load, and a set that changes all the time around one consumer
    my $t = Gatehouse::Test->new(workers => 4, log_level => 'notice',
                                 debug => 0);
    my $alice = $t->consumer('alice');
    $t->start($LOCATION);

    my $load = $t->load('/', key => $alice->key, clients => 16,
                        seconds => 4);
    for my $n (1 .. 4) {
        $t->apply_policies("n$n.json" => { plans => { "p$n" => {} } });
    }

    # Then no request fails
    my %status = $load->wait->status;
    is(join(' ', sort keys %status), '200', 'every request is served');
    is($load->failed, 0, 'and none is lost');
    ok(!grep({ mappings($_) > 2 } $t->workers), 'images do not pile up');
}


{
    # Given a set in several files, which the first start has kept as it read
    # them
    my $t = Gatehouse::Test->new(workers => 2);
    my $alice = $t->consumer('alice');
    my (%key, %file);
    for my $name (qw(stays changes goes comes)) {
        ($key{$name}, $file{$name}) = key_of($name);
        $t->plant_secret($key{$name});
    }
    $t->{policies}{"$_.json"} = $file{$_} for qw(stays changes goes);
    $t->start($LOCATION);
    my $kept = $t->dir . '/state/policies.parts';
    ok(-s $kept, 'a first start keeps the files as they were read');
    is((stat _)[2] & 0777, 0600, 'for its own eyes');
    ok(wait_for(sub { takes_kept_files($t) }, 20, 'taken'),
       'and its workers read none of them again');

    # When it is started again, with what was kept and without
    my $old;
    for my $case (
        [ 'what was kept'    => sub { } ],
        [ 'half of it'       => sub { truncate $_[0], (-s $_[0]) / 2 } ],
        [ 'foreign bytes'    => sub { open my $fh, '+<', $_[0] or die;
                                      print $fh 'x' x -s $fh; close $fh } ],
        [ 'what a killed process left' =>
                                sub { open my $fh, '>', "$_[0].new" or die;
                                      print $fh 'x' x 99; close $fh } ],
    ) {
        my ($found, $harm) = @$case;
        $t->stop;
        $harm->($kept);
        $old = made($kept);
        $t->start;
        my $was = $t->generation;

        # and then one file changes, one comes, one goes
        my ($new, $changed) = key_of('changes');
        $t->plant_secret($new);
        $t->remove_policy('goes.json');
        $t->apply_policies('changes.json' => $changed,
                           'comes.json' => $file{comes});

        # Then all of it is in force, and what did not change still is
        cmp_ok($t->generation, '>', $was, "a change after $found was found");
        is(join(' ', map { $t->get('/', key => $_)->status } $alice->key, $new,
                @key{qw(stays comes changes goes)}),
           '200 200 200 200 401 401', "after $found: as it was written");

        # and what is wrong changes nothing
        $t->write_policies('comes.json' => $file{stays});
        like(refusal($t), qr/"stays" is declared twice; the first is at/,
             "after $found: files are checked against each other");
        is($t->get('/', key => $key{comes})->status, 200, 'the old set stays');
        $t->remove_policy('comes.json');
        $t->apply_policies('changes.json' => $file{changes},
                           'goes.json' => $file{goes});
        is(join(' ', map { $t->get('/', key => $_)->status } $new,
                @key{qw(stays comes changes goes)}),
           '401 200 401 200 200', "after $found: and back again");
    }

    push @later, sub {
        ok(wait_for(sub { made($kept) ne $old && takes_kept_files($t) }, 30,
                    'kept'), 'when all has been quiet, it is kept anew');
        ok(!-e "$kept.new", 'and whole');

        other_bytes($t, $key{stays});
    };
}

sub other_bytes {
    my ($t, $key) = @_;

    # When a file gets other bytes behind the clock
    my $path = $t->dir . '/policies/stays.json';
    my @times = (stat $path)[8, 9];
    open my $fh, '+<', $path or die "$path: $!";
    my $text = do { local $/; <$fh> };
    my ($other) = key_of('stays');
    $t->plant_secret($other);
    my ($was, $is) = map { Gatehouse::Test::Consumer::hash_of($_) }
                     $key, $other;
    ok($text =~ s/\Q$was\E/$is/, 'another hash of the same length');
    seek $fh, 0, 0;
    print $fh $text;
    close $fh;
    utime @times, $path;

    # Then it is seen all the same
    ok(wait_for(sub { everywhere($t, $other, 200) }, 20, 'seen'),
       'other bytes of the same size and time are seen');
    is($t->get('/', key => $key)->status, 401, 'the old key is gone');
}


{
    # Given an image that was damaged while nginx was stopped
    my $t = Gatehouse::Test->new(workers => 2);
    my $alice = $t->consumer('alice');
    $t->start($LOCATION);
    is($t->get('/', key => $alice->key)->status, 200, 'all is well');
    $t->stop;

    my $image = $t->dir . '/state/policies.image';
    open my $fh, '+<', $image or die "$image: $!";
    seek $fh, 200, 0;
    print $fh "\xff" x 8;
    close $fh;

    # Then a start makes it again before it serves anybody
    $t->start;
    is($t->get('/', key => $alice->key)->status, 200, 'made again at once');
    is($t->get('/', key => 'gh_none')->status, 401, 'never open meanwhile');
    like($t->error_log, qr/damaged or of another version/, 'and it is said');
}


{
    # Given a request that an old worker still serves after a reload
    my $t = Gatehouse::Test->new;
    my $alice = $t->consumer('alice');
    my $two = $LOCATION . <<'EOF';
    location /more {
        gatehouse_authenticate  api_key;
        gatehouse_service       more;
        proxy_pass              http://gatehouse;
    }
EOF
    $t->start($LOCATION);

    my $c = $t->connect;
    $c->send_raw("GET /_delay/4000 HTTP/1.1\r\nHost: localhost\r\n"
                 . 'X-API-Key: ' . $alice->key
                 . "\r\nConnection: close\r\n\r\n");
    wait_for(sub { $t->journal }, 10, 'the service has it');

    # When the new configuration and the policies know another upstream
    my $port = $t->port('more');
    ok($t->reload(locations => $two,
                  http => "upstream more { server 127.0.0.1:$port; }"),
       'a reload');
    $t->apply_policies('more.json' => { services => { more => {
        default_version => 'v1', versions => { v1 => { deployments =>
        { blue => { upstream => 'more' } } } } } } });

    # Then the new worker has it, the old one keeps what it can use
    is($t->get('/more', key => $alice->key)->status, 502,
       'the new service is there, and nobody behind it');
    $t->allow_log(qr/upstream/);
    push @later, sub {
        is($c->read_response('GET')->status, 200, 'the old request is served');
        like($t->error_log, qr/not taken up by this configuration/,
             'the old worker says that it keeps the old set');
    };
}


{
    # Given an image that is mapped on a thread (more than 8 MB)
    my $t = Gatehouse::Test->new(workers => 2, debug => 0);
    my $alice = $t->consumer('alice');
    my %many = map { ("c$_" => { groups => [ 'x' x 50 . $_ ], email =>
                     "consumer$_\@example.com", name => 'y' x 60 . $_ }) }
               1 .. 40_000;
    $t->{policies}{'many.json'} = { consumers => \%many };
    $t->start($LOCATION);
    ok(everywhere($t, $alice->key, 200), 'a big set');
    cmp_ok(-s $t->dir . '/state/policies.image', '>', 8 * 1024 * 1024,
           'of more than 8 MB');

    my $bob = $t->consumer('bob');
    ok(wait_for(sub { everywhere($t, $bob->key, 200) }, 20, 'bob'),
       'a change of it comes into force');
    ok(wait_for(sub { !grep { mappings($_) != 1 } $t->workers }, 20, 'maps'),
       'and the old image is let go');
    $t->apply_policies('n.json' => '{}');
    ok($t->reload, 'a reload just after a change');

    # When it is changed while nginx is stopped
    $t->stop;
    delete $t->{policies}{consumers}{alice};
    my $carol = $t->consumer('carol');
    $t->write_policies;
    $t->start;

    # Then no request is judged by what stood before
    is($t->get('/', key => $alice->key)->status, 401, 'nobody of yesterday');
    is($t->get('/', key => $carol->key)->status, 200, 'but of today');
}


{
    # One process that is everything
    my $t = Gatehouse::Test->new(single => 1);
    my $alice = $t->consumer('alice');
    $t->start($LOCATION);
    is($t->get('/', key => $alice->key)->status, 200, 'without a master');
    my $bob = $t->consumer('bob');
    is($t->get('/', key => $bob->key)->status, 200, 'and changes hold');
}


$_->() for @later;

done_testing;
