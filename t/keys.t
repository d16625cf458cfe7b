# Where the keys of a token issuer come from, and what becomes of them when
# it is away, slow, wrong or changes them (THREATS 1.D, 4: JWKS, discovery).
use Gatehouse::Test;
use Gatehouse::Test::Provider;
use Gatehouse::Test::StoreDump;

my $one   = Gatehouse::Test->token_key(alg => 'ES256', kid => 'one');
my $two   = Gatehouse::Test->token_key(alg => 'ES256', kid => 'two');
my $three = Gatehouse::Test->token_key(alg => 'RS256', kid => 'three');


sub gateway {
    my ($idp, %arg) = @_;
    my $issuer = $idp->issuer;
    my $more = delete $arg{issuer} // '';
    my $t = Gatehouse::Test->new(workers => 4, policies => 0, %arg,
        http => <<"EOF");
gatehouse_token_issuer partners {
    issuer    $issuer;
    audience  api;
    $more
}
EOF
    return $t->start(<<'EOF');
    gatehouse_bad_credentials off;
    location /open { gatehouse_authenticate off; proxy_pass http://echo; }
    location / {
        gatehouse_authenticate  token=partners;
        proxy_pass              http://echo;
    }
EOF
}

# The same with an issuer of its own for each of them, by name
sub gateway_of {
    my ($members, %idp) = @_;
    my $t = Gatehouse::Test->new(workers => 4, policies => 0, http =>
        join '', map { "gatehouse_token_issuer $_ { audience api; issuer "
                       . $idp{$_}->issuer . "; $members }\n" } sort keys %idp);
    my $words = join ' ', map { "token=$_" } sort keys %idp;
    return $t->start("gatehouse_bad_credentials off; location / { "
                     . "gatehouse_authenticate $words; "
                     . "proxy_pass http://echo; }");
}

sub token {
    my ($idp, $key) = @_;
    return $key->sign({ iss => $idp->issuer, aud => 'api', sub => 'alice',
                        exp => time + 600, n => rand });
}

sub ask {
    my ($t, $idp, $key) = @_;
    return $t->get('/', token => token($idp, $key))->status;
}

# n requests at once; their statuses, sorted
sub at_once {
    my ($t, $n, $make) = @_;
    my @open = map {
        my $c = $t->connect;
        $c->send_raw("GET / HTTP/1.1\r\nHost: localhost\r\n"
                     . 'Authorization: Bearer ' . $make->() . "\r\n"
                     . "Connection: close\r\n\r\n");
        $c;
    } 1 .. $n;
    return join ' ', sort map { $_->read_response('GET')->status } @open;
}

sub state_of {
    my ($t) = @_;
    my $issuers = $t->status->{issuers};
    return ref $issuers eq 'ARRAY' ? $issuers->[0] : (values %$issuers)[0];
}


{
    # Given an issuer whose discovery document names its keys, slowly
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    $idp->set('/keys', body => Gatehouse::Test::Token::jwks($one),
              delay => 0.7);

    # When many tokens arrive while the set is on its way
    my $t = gateway($idp);
    is(at_once($t, 16, sub { token($idp, $one) }), join(' ', (200) x 16),
       'requests of all workers wait for the first set');

    # Then it was asked for once
    is($idp->asked, 1, 'and it was fetched once for the node');
    is($idp->asked('/.well-known/openid-configuration'), 1,
       'as was the discovery document');

    is(ask($t, $idp, $two), 401, 'a key that is not in it opens nothing');
}


{
    # Given an issuer that is away when nginx starts
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ])->stop;
    my $t = gateway($idp);

    is(ask($t, $idp, $one), 503, 'no keys: could not be decided');
    is($t->get('/open')->status, 200, 'other locations serve');
    wait_for(sub { $t->error_log =~ /keys of issuer "partners" could not/ },
             10, 'the log line');
    pass('the log says which issuer');

    # When it comes back
    $idp->start;

    # Then nothing has to be told to the gateway
    ok(wait_for(sub { ask($t, $idp, $one) == 200 }, 60, '200'),
       'back by itself');
}


{
    # Given a set with one key
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $t = gateway($idp, issuer => 'jwks_min_interval 2s;');
    is(ask($t, $idp, $one), 200, 'the key of the set');

    # When the issuer signs with a new one, at once
    $idp->keys($one, $two);
    ok(wait_for(sub { ask($t, $idp, $two) == 200 }, 30, 'the new key'),
       'the new kid is learned without a reload');
    is(ask($t, $idp, $one), 200, 'the old key stands beside it');
}


{
    # Given a storm of invented kids (D32)
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $t = gateway($idp, issuer => 'jwks_min_interval 1h;');
    is(ask($t, $idp, $one), 200, 'the set is there');

    my $n = 0;
    my $statuses = at_once($t, 100, sub {
        $one->sign({ iss => $idp->issuer, aud => 'api', sub => 'alice',
                     exp => time + 600 }, header => { kid => 'x' . $n++ });
    });
    is($statuses, join(' ', (401) x 100), 'every one is refused');
    is($idp->asked, 2, 'the issuer was asked once more, for all of them');
    at_once($t, 50, sub {
        $one->sign({ iss => $idp->issuer, aud => 'api', sub => 'alice',
                     exp => time + 600 }, header => { kid => 'x' . $n++ });
    });
    is($idp->asked, 2, 'and not again within the interval');
    is(ask($t, $idp, $one), 200, 'a known kid is served');
}


{
    # Given a gateway that has just started, and an interval that is long
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $t = gateway($idp, issuer => 'jwks_min_interval 1h;');
    is(ask($t, $idp, $one), 200, 'the set is there');

    # When the keys move right then
    $idp->keys($two);
    is(ask($t, $idp, $two), 200,
       'the first unknown kid is asked for at once');
    $idp->keys($one, $two);
    is(ask($t, $idp, $one), 401, 'the next one waits for the interval');
}


{
    # The same when the interval has passed: one for all of them
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $t = gateway($idp, issuer => 'jwks_min_interval 1s;');
    is(ask($t, $idp, $one), 200, 'the set is there');
    select undef, undef, undef, 1.2;

    $idp->set('/keys', delay => 0.3,
              body => Gatehouse::Test::Token::jwks($one));
    my $before = $idp->asked;
    my $from = time;
    my $n = 0;
    my $statuses = at_once($t, 60, sub {
        $one->sign({ iss => $idp->issuer, aud => 'api', sub => 'alice',
                     exp => time + 600 }, header => { kid => 'y' . $n++ });
    });
    is($statuses, join(' ', (401) x 60), 'refused after one more look');
    cmp_ok($idp->asked - $before, '<=', 2 + time - $from,
           'which all of them shared that came in one interval');
}


SKIP: {
    # Given a CA that root can read, and the workers cannot
    skip 'not root', 3 if $> != 0;
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $t = Gatehouse::Test->new(workers => 2, policies => 0, tls => 1,
        http => sprintf 'gatehouse_token_issuer partners { issuer %s; '
            . 'audience api; ssl_trusted_certificate %%%%DIR%%%%/ca.pem; }',
            $idp->issuer)->prepare('');
    my $ca = $t->file('ca.pem',
                      Gatehouse::Test::Logs::slurp($t->authority->ca));
    chmod 0600, $ca;
    $t->start('location / { gatehouse_authenticate token=partners; '
              . 'proxy_pass http://echo; }');
    my $said = sub {
        return scalar(() = $t->error_log
            =~ /cannot read the ssl_trusted_certificate "\Q$ca\E" of issuer/g)
    };

    # Then nobody has to wait for the first login that fails
    ok(wait_for(sub { $said->() }, 10, 'a line'),
       'a CA that the workers cannot read is said at the start');
    chmod 0644, $ca;
    $t->restart;
    is($t->get('/')->status, 401, 'the gateway serves');
    is($said->(), 1, 'once, and not when they can read it');
}


{
    # Given answers that are no key sets, each of an issuer of its own
    my %bad = (
        'HTML'     => { type => 'text/html', body => '<html></html>' },
        'nothing'  => { body => '' },
        'an_empty_set' => { body => '{"keys":[]}' },
        'a_500'    => { status => 500, body => 'oops' },
        'a_redirect' => { status => 302,
                          headers => "Location: %s/keys2\r\n" },
        'other_keys' => { body => Gatehouse::Test::Token::jwks(
                          { kty => 'oct', kid => 'two', k => 'AAAA' },
                          { kty => 'EC', crv => 'P-256', kid => 'two',
                            x => 'AA', y => 'AA' }) },
        'a_huge_set' => { body => '{"keys":[' . ' ' x 600_000 . ']}' },
    );
    my %idp = map { $_ => Gatehouse::Test::Provider->new(
                    keys => [ $one, $two ]) } keys %bad;
    my $t = gateway_of('jwks_refresh 1s;', %idp);
    for my $what (sort keys %bad) {
        is(ask($t, $idp{$what}, $two), 200, "$what: the set is there");
    }

    my $all_asked = sub {
        my %before = map { $_ => $idp{$_}->asked } keys %idp;
        for my $what (sort keys %idp) {
            wait_for(sub { $idp{$what}->asked > $before{$what} }, 60,
                     "$what: asked again");
        }
    };

    $bad{a_redirect}{headers} =~ s/%s/$idp{a_redirect}->issuer/e;
    $idp{$_}->set('/keys', %{ $bad{$_} }) for keys %bad;
    $all_asked->();
    for my $what (sort keys %bad) {
        wait_for(sub { $t->status->{issuers}{$what}{stale} }, 10,
                 "$what: status says so");
        is(ask($t, $idp{$what}, $two), 200, "$what: the old set is kept");
    }
    is($idp{a_redirect}->asked('/keys2'), 0, 'no redirect was followed (J4)');

    # When they say what is right again
    $_->keys($one, $two) for values %idp;
    for my $what (sort keys %bad) {
        ok(wait_for(sub { !$t->status->{issuers}{$what}{stale} }, 60,
                    "$what: it is well"), "$what: heals by itself");
    }
}


{
    # Given a set of two
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one, $two ]);
    my $t = gateway($idp, issuer => 'jwks_refresh 1s;');
    is(ask($t, $idp, $two), 200, 'the set is there');

    # When a key is taken out on purpose
    $idp->keys($one);
    ok(wait_for(sub { ask($t, $idp, $two) == 401 }, 60, 'gone'),
       'it opens nothing any more');
    is(ask($t, $idp, $one), 200, 'the others do');
    is(state_of($t)->{stale} ? 1 : 0, 0, 'status says that all is well');
}


{
    # Given a set that nothing could verify yet, with one good key between
    # strange ones (D34)
    my $idp = Gatehouse::Test::Provider->new(keys => [
        { kty => 'AKP', alg => 'ML-DSA-44', kid => 'pq', pub => 'AAAA' },
        { kty => 'nonsense', kid => 'n' },
        { kty => 'EC', crv => 'P-999', kid => 'c', x => 'AA', y => 'AA' },
        $three ]);
    my $t = gateway($idp);
    is(ask($t, $idp, $three), 200, 'one bad key does not spoil a set');
}


{
    # Given discovery documents that are not to be believed (E37, J3)
    my $other = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $well_known = '/.well-known/openid-configuration';

    my %doc = (
        another_issuer => sub { { issuer => "$_[0]/",
                                  jwks_uri => "$_[0]/keys" } },
        keys_elsewhere => sub { { issuer => $_[0],
                                  jwks_uri => $other->issuer . '/keys' } },
        keys_in_a_file => sub { { issuer => $_[0],
                                  jwks_uri => 'file:///etc/passwd' } },
        no_keys_at_all => sub { { issuer => $_[0] } },
    );
    my %idp = map { $_ => Gatehouse::Test::Provider->new(keys => [ $one ]) }
              keys %doc;
    $idp{$_}->set($well_known, body => JSON::PP->new->encode(
        $doc{$_}->($idp{$_}->issuer))) for keys %doc;
    my $t = gateway_of('', %idp);
    for my $what (sort keys %doc) {
        is(ask($t, $idp{$what}, $one), 503,
           "$what: no token can be judged");
        is($idp{$what}->asked, 0, '... nor are its keys asked for');
    }
    is($other->asked, 0, 'the other host was never asked');
}


{
    # Given a gateway that has had a set once
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $t = gateway($idp);
    is(ask($t, $idp, $one), 200, 'the set is there');

    # When both go away and only the gateway comes back
    wait_for(sub { stored_sets($t) }, 10, 'a stored set');
    $t->stop;
    $idp->stop;
    $t->start;

    # Then it still has the last good set
    is(ask($t, $idp, $one), 200, 'kept in the store');
    like($t->error_log, qr/restored from the store/, 'and the log says so');
}


{
    # Given an issuer that hangs
    my $idp = Gatehouse::Test::Provider->new;
    $idp->set('/keys', hang => 1);
    my $t = gateway($idp);

    my $c = $t->connect;
    $c->send_raw("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                 . token($idp, $one) . "\r\nConnection: close\r\n\r\n");
    wait_for(sub { $idp->asked }, 10, 'it was asked');

    # When clients go away while they wait, and nginx is told to reload
    for (1 .. 20) {
        my $gone = $t->connect;
        $gone->send_raw("GET / HTTP/1.1\r\nHost: localhost\r\n"
            . 'Authorization: Bearer ' . token($idp, $one) . "\r\n\r\n");
        undef $gone;
    }
    is($t->get('/open')->status, 200, 'other requests are served meanwhile');
    ok($t->reload, 'a reload takes place meanwhile');

    # Then the one that stayed is answered by the old worker
    is($c->read_response('GET')->status, 503, 'an answer at the deadline');
    undef $c;
    ok(wait_for(sub { $t->workers(all => 1) == 4 }, 30, 'old workers'),
       'and the old workers end');
}


{
    # Given a set, and an issuer that has gone away since
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $t = gateway($idp, issuer => 'jwks_min_interval 1s;');
    is(ask($t, $idp, $one), 200, 'the set is there');
    $idp->stop;
    select undef, undef, undef, 1.1;

    # Then unknown kids are refused after one try, known ones are served
    is(ask($t, $idp, $two), 401, 'an unknown kid: the try has failed');
    is(ask($t, $idp, $two), 401, 'and is not repeated yet');
    is(ask($t, $idp, $one), 200, 'a known one is served');
    wait_for(sub { state_of($t)->{stale} }, 10, 'status');
    pass('status says that the set is from before');
}


{
    # Given a worker that fetches, and hangs with its provider
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    $idp->set('/keys', hang => 1);
    my $t = gateway($idp);
    wait_for(sub { $idp->asked }, 10, 'it was asked');
    $idp->keys($one);

    # When all workers are killed, it among them
    $t->kill_worker(pid => $_) for $t->workers;

    # Then another one takes it up
    ok(wait_for(sub { ask($t, $idp, $one) == 200 }, 60, '200'),
       'the attempt of a killed worker is made again');
}


{
    # Given six issuers at one host that hangs, and one that does not
    my $idp = Gatehouse::Test::Provider->new(keys => [ $one ]);
    my $good = Gatehouse::Test::Provider->new(keys => [ $two ]);
    my $host = $idp->issuer;
    $idp->set("/k$_", hang => 1) for 1 .. 6;
    my $t = Gatehouse::Test->new(workers => 1, policies => 0, http =>
        join("\n", map { "gatehouse_token_issuer i$_ { audience api; "
             . "issuer $host/$_; jwks_uri $host/k$_; }" } 1 .. 6)
        . "\ngatehouse_token_issuer good { audience api; issuer "
        . $good->issuer . "; }");
    my $words = join ' ', map { "token=$_" } qw(i1 i2 i3 i4 i5 i6 good);
    $t->start("gatehouse_bad_credentials off; location / { "
              . "gatehouse_authenticate $words; proxy_pass http://echo; }");

    # Then four of them wait for it, and nobody else does
    ok(wait_for(sub { $t->get('/', token => token($good, $two))->status
                      == 200 }, 10, 'good'), 'another issuer is served');
    my $calls = sub { scalar grep { m{^/k\d} } $idp->journal };
    wait_for(sub { $calls->() >= 4 }, 10, 'four calls');
    is($calls->(), 4, 'four calls are under way to one host, not six');

    # When it is there again
    $idp->stop;
    $idp->set("/k$_", body => Gatehouse::Test::Token::jwks($one)) for 1 .. 6;
    $idp->start;
    for my $n (1, 6) {
        ok(wait_for(sub { $t->get('/', token => $one->sign(
            { iss => "$host/$n", aud => 'api', sub => 'x',
              exp => time + 60 }))->status == 200 }, 60, "issuer $n"),
           "issuer $n is served");
    }
}


{
    # Keys from files
    my $t = Gatehouse::Test->new(policies => 0);
    my $secret = 'a secret of more than 32 bytes, all told';
    my $hs = $t->token_key(alg => 'HS256', kid => undef, secret => $secret);
    my $pem = $t->token_key(alg => 'ES256', kid => 'any');

    $t->plant_secret($secret);
    $t->prepare('');
    $t->file('set.json', Gatehouse::Test::Token::jwks($one, $three));
    $t->file('key.pem', $pem->public_pem);
    $t->file('secret', "$secret\n");
    chmod 0600, $t->dir . '/secret';

    $t->start(http => <<'EOF', locations => <<'EOF2');
gatehouse_token_issuer set { issuer a; audience api; jwks_file %%DIR%%/set.json; }
gatehouse_token_issuer pem { issuer b; audience api; jwks_file %%DIR%%/key.pem; }
gatehouse_token_issuer hs  { issuer c; audience api; secret file:%%DIR%%/secret; }
EOF
    location / {
        gatehouse_authenticate  token=set token=pem token=hs;
        proxy_pass              http://echo;
    }
EOF2

    for ([ a => $one ], [ a => $three ], [ b => $pem ], [ c => $hs ]) {
        my ($iss, $key) = @$_;
        is($t->get('/', token => $key->sign({ iss => $iss, aud => 'api',
           sub => 'x', exp => time + 60 }))->status, 200,
           "a token of issuer $iss, " . $key->alg);
    }
    is($t->get('/', token => $pem->sign({ iss => 'a', aud => 'api',
       sub => 'x', exp => time + 60 }))->status, 401,
       'a key of one issuer does not sign for another');
}


{
    # What nginx -t refuses
    my $t = Gatehouse::Test->new(policies => 0);
    $t->prepare('');
    my $error = sub {
        my ($members) = @_;
        return $t->conf_error(locations => '', http =>
            "gatehouse_token_issuer x { audience api; $members }\n");
    };

    $t->file('empty', '');
    $t->file('short', 'too short');
    $t->file('nul', 'x' x 40 . "\0");
    $t->file('text', 'hello');
    $t->file('none.json', '{"keys":[]}');
    $t->file('ca.pem', 'hello');
    chmod 0600, map { $t->dir . "/$_" } qw(empty short nul);

    my $dir = $t->dir;
    for my $case (
        [ 'http', 'issuer http://idp.test;', qr/it must be https/ ],
        [ 'no URL', 'issuer idp.test;', qr/does not begin with https/ ],
        [ 'a bad jwks_uri', 'issuer a; jwks_uri ftp://a.test/;',
          qr/jwks_uri "ftp:/ ],
        [ 'a user name', 'issuer https://a@b.test;', qr/user name/ ],
        [ 'no file', "issuer a; jwks_file $dir/missing;",
          qr/cannot be opened: No such file/ ],
        [ 'an empty file', "issuer a; jwks_file $dir/empty;", qr/is empty/ ],
        [ 'a directory', "issuer a; jwks_file $dir;", qr/no regular file/ ],
        [ 'text', "issuer a; jwks_file $dir/text;", qr/neither a JSON/ ],
        [ 'no key', "issuer a; jwks_file $dir/none.json;",
          qr/no key that could verify/ ],
        [ 'an empty secret', "issuer a; secret file:$dir/empty;",
          qr/is empty/ ],
        [ 'a short secret (D17)', "issuer a; secret file:$dir/short;",
          qr/at least 32 bytes/ ],
        [ 'a secret with a NUL', "issuer a; secret file:$dir/nul;",
          qr/no NUL/ ],
        [ 'a CA file that is none',
          "issuer https://a.test; ssl_trusted_certificate $dir/ca.pem;",
          qr/no certificate could be read/ ],
    ) {
        my ($what, $members, $says) = @$case;
        like($error->($members), $says, "$what is refused");
    }

    chmod 0644, $t->file('secret', 'x' x 40);
    my ($said, $status) = $t->conf_test(locations => '', http =>
        "gatehouse_token_issuer x { audience a; issuer a; secret "
        . "file:$dir/secret; }\n");
    is($status, 0, 'a secret that all may read is accepted');
    like($said, qr/can be read by everybody/, 'with a warning');
}

done_testing;


# In an embedded store a record's kind is the first byte of its key.
sub stored_sets {
    my ($t) = @_;
    return $t->{redis}->cli('KEYS', 'gh:{keys:*') =~ /keys/ if $t->{redis};
    my $records = Gatehouse::Test::StoreDump::records($t->dir . '/state');
    return grep { /^07/ } keys %$records;
}
