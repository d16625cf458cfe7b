# People who leave: every await of a login, a session and a logout is given
# up again and again while it is pending. The gateway's own log says which it
# was each time, so that the counts are of awaits, not of attempts.
#
# Instrumented, what a worker has lost at its end is a report, too: GH_LEAKS=0
# where the machine forbids looking for it.
#
# environment: GH_ABORTS=1000 of each await (3); GH_ABORT_AT=WORD only the
# kinds that match it; SEED
use Gatehouse::Test timeout => 300 + 5 * ($ENV{GH_ABORTS} || 0);
use Gatehouse::Test::SignOn;
use Socket ();
use Time::HiRes qw(sleep time);

$ENV{GH_LEAKS} //= 1;
my $wanted = $ENV{GH_ABORTS} || 3;
my $only   = $ENV{GH_ABORT_AT} // '.';
my $seed   = $ENV{SEED} // int rand 1 << 30;
srand $seed;
note "SEED=$seed";

# Given a log of little else than who has left, a store that answers late
# about one kind of records at a time, and a provider that does
my $so = Gatehouse::Test::SignOn->new(
    t => { debug => 0, decisions => 0, log_level => 'notice',
           connections => 4096,
           store => 'test:lmdb:%%DIR%%/state?delay=40',
           main => "error_log %%DIR%%/logs/left.log debug_core;\n" },
    op => { alg => 'ES256' }, provider => "    jwks_min_interval 1s;\n");
my ($t, $op) = ($so->t, $so->op);
my $cold = Gatehouse::Test::Misprovider->new(tls => 0);
plan(skip_all => 'an nginx without --with-debug does not say who has left')
    if `$t->{binary} -V 2>&1` !~ /--with-debug/;

$cold->misbehave('discovery.hang' => 1);
my %text = $so->text(http => $so->block('cold', $cold, <<'EOB'),
    redirect_uri  /cold_callback;
    logout_uri    /cold_logout;
EOB
    locations => <<'EOL');
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
    location /cold {
        gatehouse_authenticate  oidc=cold;
        proxy_pass              http://echo;
    }
EOL
my $same = 1;

# Numbers of gh_kind_t
my %KIND = (claim => 10, session => 11, index => 12, form => 15);

sub late {
    my ($kind, $ms) = @_;
    $same &&= join(' ', $t->workers) eq $so->{pids} if $so->{pids};
    $t->{store} = 'test:lmdb:%%DIR%%/state'
                . ($kind ? "?delay=$ms&kind=$KIND{$kind}" : '');
    $t->restart(%text);
    $so->{pids} = join ' ', $t->workers;
    return;
}


# ---- one request, and many ------------------------------------------------------

my $person = $so->person;

# Half of them come over TLS
sub launch {
    my ($at, $method, $target, %arg) = @_;
    my $tls  = $at =~ /^https/;
    my $http = Gatehouse::Test::Http->new(
        port => $t->port($tls ? 'tls' : ''),
        timeout => 20 * Gatehouse::Test::slow(),
        tls => $tls ? $person->tls('localhost') : undef);
    my ($host) = $at =~ m{//(.*)};
    $http->send_raw(Gatehouse::Test::Http::format_request(
        $method, $target,
        [ [ Host => $host ], [ Accept => 'text/html' ],
          map { [ @$_ ] } @{ $arg{headers} || [] } ], $arg{body}));
    return $http;
}

sub somewhere {
    return rand() < 0.5 ? 'https://localhost:' . $t->port('tls')
                        : 'http://localhost:' . $t->port;
}

my @FORM = ([ 'Content-Type', 'application/x-www-form-urlencoded' ],
            [ 'Sec-Fetch-Site', 'same-origin' ]);

# So many logins that have come as far as the callback's address; with a
# cookie they began with a form.
sub begun {
    my ($n, $cookie) = @_;
    my @flight = map {
        my $at = somewhere();
        [ $at, $cookie
            ? launch($at, POST => '/save', headers => [ @FORM,
                  [ Cookie => "__Host-gh-staff=$cookie" ] ], body => 'a=b')
            : launch($at, GET => '/') ];
    } 1 .. $n;

    return map {
        my ($at, $http) = @$_;
        my $page = $http->read_response('GET');
        my ($own) = ($page->header('Set-Cookie') // '') =~ /^([^;]+)/;
        my $to = $page->header('Location') // die 'no login: ' . $page->head;
        { at => $at, cookie => $own,
          target => $op->grant($to) =~ s{^https?://[^/]+}{}r };
    } @flight;
}

sub back {
    my ($login, @more) = @_;
    return launch($login->{at}, GET => $login->{target}, headers =>
        [ [ Cookie => join '; ', $login->{cookie},
                           map { "__Host-gh-staff=$_" } @more ] ]);
}

# The cookies of so many sessions
sub sessions {
    my ($n) = @_;
    my @flight = map { [ $_->{at}, back($_) ] } begun($n);
    return map {
        my ($at, $http) = @$_;
        my ($cookie) = map { /^__Host-gh-staff=([^;]+)/ }
                       $http->read_response('GET')->headers('Set-Cookie');
        $cookie ? { at => $at, cookie => $cookie } : ();
    } @flight;
}

# One, and what its provider calls it
sub session {
    my %before = map { $_ => 1 } $op->sids;
    my ($session) = sessions(1);
    my ($sid) = grep { !$before{$_} } $op->sids;
    return ($session, sid => $sid, sub => 'u-2482');
}

sub with {
    my ($session, $target, @headers) = @_;
    return launch($session->{at}, GET => $target, headers =>
        [ [ Cookie => "__Host-gh-staff=$session->{cookie}" ], @headers ]);
}


# ---- who has left, in the gateway's words -----------------------------------------

my (%left, %asked_for, %gone, $read);

# Who is gone without having left an await was sending its body
sub gone {
    my ($pid) = @_;
    my $where = delete $gone{$pid} // return;
    $left{"$where: its body"}++;
    return;
}

sub look {
    open my $fh, '<:raw', $t->dir . '/logs/left.log' or return;
    seek $fh, $read // 0, 0;
    while (my $line = <$fh>) {
        last if $line !~ /\n\z/;
        $read += length $line;
        my ($pid) = $line =~ /\] (\d+)#/ or next;
        if ($line =~ /nobody waits any more for (.*)$/) {
            $asked_for{$pid} = $1 =~ s{^http.*/}{}r;
        } elsif ($line =~ m{"(/\S*)" is left while it waits for (.*)$}) {
            my ($where, $what) = ($1, $2);
            my $asked_for = delete $asked_for{$pid} // 'nothing';
            $what = $asked_for if $what eq 'what it asked for';
            $left{"$where: $what"}++;
            delete $gone{$pid};
        } elsif ($line =~ /client prematurely closed/) {
            gone($pid);
            $gone{$pid} = $1 if $line =~ /request: "POST (\S+)/;
        }
    }
    gone($_) for keys %gone;
    return;
}

# Everybody leaves at a moment of their own, some without a word
sub go {
    my ($http) = @_;
    my $sock = $http->sock or return;
    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
               pack 'ii', 1, 0 if rand() < 0.3;
    return;
}

my @slice = (0, 1);

sub leave {
    my ($within, @launch) = @_;
    my @there;

    while (@launch || @there) {
        my $run = shift @launch;
        push @there, [ time + $within * ($slice[0] + rand $slice[1]),
                       $run->() ] if $run;
        my $now = time;
        go($_->[1]) for grep { $_->[0] <= $now } @there;
        @there = grep { $_->[0] > $now } @there;
        sleep 0.001 if !@launch;
    }
    return;
}

# As often as it takes until each of these awaits was left so often. What is
# lacking is looked for at the moments where it was met before.
sub awaits {
    my ($name, $awaits, $batch) = @_;
    return if $name !~ /$only/;
    my ($began, $in_vain, %had) = (time, 0, %left);
    my @worth = (1e6) x 8;
    my $lack = sub {
        my $n = $wanted - ($left{$_[0]} // 0) + ($had{$_[0]} // 0);
        return $n > 0 ? $n : 0;
    };
    my $all = sub { my $n = 0; $n += $lack->($_) for @$awaits; return $n };

    while (my $before = $all->()) {
        my ($i) = rand() < 0.2 ? rand @worth
                : sort { $worth[$b] <=> $worth[$a] } 0 .. $#worth;
        @slice = $wanted < 50 ? (0, 1) : ($i / @worth, 1 / @worth);
        $batch->();
        look();
        my $won = $before - $all->();
        $worth[$i] = $worth[$i] == 1e6 ? $won : ($worth[$i] + $won) / 2;
        $in_vain = $won ? 0 : $in_vain + 1;
        last if $in_vain > 20;
    }
    @slice = (0, 1);
    is($lack->($_), 0, "people left $_") for @$awaits;
    note sprintf '%s: %.1f s', $name, time - $began;
    return;
}


# ---- awaits of the store -----------------------------------------------------------

late(form => 100);
my ($over) = sessions(1);
with($over, '/oidc_logout', [ 'Sec-Fetch-Site', 'none' ])
    ->read_response('GET');

# One whose session is over sends a form, or half of it
my @hers = (@FORM, [ Cookie => "__Host-gh-staff=$over->{cookie}" ]);
awaits('form', [ '/save: put form', '/save: its body' ], sub {
    leave(0.12, map { sub {
        launch(somewhere(), POST => '/save', body => 'a=b', headers =>
            [ @hers, rand() < 0.3 ? [ 'Content-Length', 900 ] : () ])
    } } 1 .. 40);
});

sub callbacks {
    my ($n, $within, @cookie) = @_;
    return leave($within, map { my $l = $_; sub { back($l) } }
                          begun($n, @cookie));
}
awaits('callback form', ['/oidc_callback: get form'],
       sub { callbacks(12, 0.25, $over->{cookie}) });

my @typed = [ 'Sec-Fetch-Site', 'none' ];
my $frame = '/oidc_frontchannel_logout';
my $back  = '/oidc_backchannel_logout';

sub told {
    my ($tell, $n) = @_;
    return map { my $token = $op->logout_token(@$tell); sub {
        launch(somewhere(), POST => $back, headers => [ $FORM[0],
               rand() < 0.1 ? [ 'Content-Length', 5000 ] : () ],
               body => "logout_token=$token")
    } } 1 .. $n;
}

# A token that came before and was not done with is taken up again
late(claim => 100);
awaits('callback claim', ['/oidc_callback: claim login'],
       sub { callbacks(24, 0.15) });
awaits('back_channel claims', [ map { "$back: $_" } 'its body',
       'claim logout', 'get logged-out', 'claim logged-out' ], sub {
    my (undef, @tell) = session();
    my @token = told(\@tell, 24);
    leave(0.25, @token) for 1, 2;
});

late(index => 100);
awaits('callback index', [ map { "/oidc_callback: $_ session_index" }
       qw(get put) ], sub { callbacks(12, 0.4) });
awaits('back_channel index', ["$back: get session_index"], sub {
    my (undef, @tell) = session();
    leave(0.15, told(\@tell, 24));
});

# Of a callback, the session from before is looked for at its end, and first
# when it is another browser's
late(session => 100);
awaits('callback session', ['/oidc_callback: put session'],
       sub { callbacks(12, 0.2) });
awaits('record', [ '/page: a record', '/oidc_callback: a record' ], sub {
    my @session = sessions(4);
    my ($other, @login) = begun(5);
    leave(0.15, map {
        my ($l, $s) = ($login[$_], $session[$_]);
        ((sub { with($s, '/page') }) x 8, sub { back($l, $s->{cookie}) },
         (sub { back({ %$other, cookie => 'x=y' }, $s->{cookie}) }) x 8)
    } 0 .. $#session);
});
awaits('logout', [ '/oidc_logout: a record', '/oidc_logout: delete session',
                   '/oidc_logout: its body' ], sub {
    leave(0.25, map { my $s = $_; map { sub {
        rand() < 0.7 ? with($s, '/oidc_logout', @typed)
        : launch($s->{at}, POST => '/oidc_logout', body => 'token=', headers =>
                 [ $FORM[0], [ 'Content-Length', 400 ],
                   [ Cookie => "__Host-gh-staff=$s->{cookie}" ] ])
    } } 1 .. 12 } sessions(4));
});
awaits('front_channel', [ "$frame: a record", "$frame: delete session" ], sub {
    my ($s, %his) = session();
    my $query = Gatehouse::Test::Page::encode_form(iss => $op->issuer,
                                                   sid => $his{sid});
    leave(0.25, map { sub { with($s, "$frame?$query") } } 1 .. 24);
});
awaits('back_channel session', ["$back: delete session"], sub {
    my (undef, @tell) = session();
    leave(0.15, told(\@tell, 24));
});


# ---- awaits of the provider --------------------------------------------------------

late();
awaits('begin', ["/cold: a provider's keys or metadata"], sub {
    leave(0.2, map { sub { launch(somewhere(), GET => '/cold') } } 1 .. 100);
});

# It is asked four things at once by a worker, not more
for my $call (qw(token userinfo)) {
    $op->misbehave("$call.slow" => 0.3);
    awaits($call, ["/oidc_callback: $call"], sub { callbacks(8, 0.3) });
    $op->behave;
}

# Signed with a key that the gateway has not seen; keys come once a second
sub rested {
    $op->behave;
    my $at = time + 2;
    wait_for(sub { time > $at }, 5);
    return;
}
awaits('callback keys', ["/oidc_callback: a provider's keys or metadata"],
       sub {
    my @login = begun($wanted < 50 ? 12 : 60);
    $op->misbehave('keys.slow' => 2)->rotate(alg => 'ES256');
    leave(0.8, map { my $l = $_; sub { sleep 0.02; back($l) } } @login);
    rested();
});
awaits('back_channel keys', ["$back: a provider's keys or metadata"], sub {
    $op->misbehave('keys.slow' => 2)->rotate(alg => 'ES256');
    leave(0.8, told([ sid => 'any', sub => 'any' ], 100));
    rested();
});
awaits('refresh', ['/page: a refresh'], sub {
    $op->behave->misbehave(expires_in => 1);
    my ($s) = sessions(1);
    $op->misbehave('refresh.slow' => 1);
    my $at = time + 2;
    wait_for(sub { time > $at }, 5);
    leave(0.8, map { sub { with($s, '/page') } } 1 .. 150);
});
$op->behave;


# ---- and then --------------------------------------------------------------------------

ok($same, 'no worker has died');
ok(eval { wait_for(sub { ($so->login('/'))[0]->status == 200 }, 20) },
   'those who stay log in');
$so->is_same('on the same workers');
note sprintf '%6d %s', $left{$_}, $_ for sort keys %left;

my @secrets = grep { length() < 4096 && !/^eyJ/ } $op->secrets;
$t->plant_secret(map { $secrets[rand @secrets] } 1 .. 300) if @secrets;
done_testing;
