# What is measured: keys, tokens, policies and configurations in a directory
# of its own, and the servers that run on them.
package Gatehouse::Bench::Site;

use strict;
use warnings;

use Cwd ();
use Digest::SHA qw(sha256_hex);
use File::Path ();
use File::Temp ();
use JSON::PP ();

use Gatehouse::Bench::Http;
use Gatehouse::Bench::Process;
use Gatehouse::Test::Ports;

my $ISSUER   = 'https://tokens.bench.test';
my $AUDIENCE = 'https://api.bench.test';
my $PROVIDER = 'https://people.bench.test';
my $CONF     = 't/bench/conf';


# new(build => DIR, worker => core, other => core, nginx => binary,
#     extent => how much is done)
sub new {
    my ($class, %arg) = @_;
    my $self = bless { ports => {}, servers => {}, %arg }, $class;

    @$self{qw(worker other)} = ("$arg{worker},$arg{other}") x 2
        if !$self->extent('pinned');
    $self->{dir} = File::Temp::tempdir('ghbench-XXXXXX', TMPDIR => 1,
                                       CLEANUP => 1);
    chmod 0755, $self->{dir};
    mkdir "$self->{dir}/$_" for qw(tmp policies);
    $self->{user} = getpwnam 'www-data' ? 'www-data' : 'nobody';
    $self->state_directory($_) for qw(state shared-state);
    return $self;
}


sub dir      { return $_[0]{dir} }
sub audience { return $AUDIENCE }
sub extent   { return $_[0]{extent}{ $_[1] } }


sub port {
    my ($self, $name) = @_;
    return $self->{ports}{$name} //= Gatehouse::Test::Ports::free_port();
}


# The store must belong to the workers.
sub state_directory {
    my ($self, $name) = @_;
    my $path = "$self->{dir}/$name";

    mkdir $path, 0700;
    chown +(getpwnam $self->{user})[2, 3], $path if $> == 0;
    return;
}


sub file {
    my ($self, $name, $text) = @_;
    open my $out, '>', "$self->{dir}/$name" or die "$name: $!\n";
    print {$out} $text;
    close $out or die "$name: $!\n";
    return "$self->{dir}/$name";
}


# A configuration from its template; more words as pairs.
sub configure {
    my ($self, $template, $as, %more) = @_;
    my %word = (DIR => $self->{dir}, BUILD => $self->{build},
                ROOT => Cwd::getcwd(), ISSUER => $ISSUER,
                AUDIENCE => $AUDIENCE, PROVIDER => $PROVIDER,
                USER => $> == 0 ? "user $self->{user};" : '',
                TIMEOUT => '100ms', PROCESSES => '', %more);

    open my $in, '<', "$CONF/$template.in" or die "$template: $!\n";
    my $text = do { local $/; <$in> };
    $text =~ s{\@PORT_(\w+)\@}{$self->port($1)}ge;
    $text =~ s{\@(\w+)\@}{$word{$1} // die "$template: no \@$1\@\n"}ge;
    return $self->file($as // $template, $text);
}


# From now on each nginx is one process, and of this user: callgrind can not
# be talked to in a worker that has become somebody else. It is slow.
sub one_process {
    my ($self) = @_;

    $self->configure('main.conf', undef, PROCESSES => 'master_process off;',
                     USER => $> == 0 ? 'user root;' : '');
    $self->configure('shared.conf', undef, TIMEOUT => '30s');
    return if $> != 0;
    for my $path (map { ($_, glob "$_/*") } glob "$self->{dir}/*state") {
        chown 0, 0, $path;
    }
    return;
}


# Everything that all paths need.
sub prepare {
    my ($self) = @_;

    $self->{key}{$_} = key_text($_) for qw(key slow unknown);
    $self->make_tokens($_) for qw(RS256 ES256);
    $self->make_session;
    $self->file('policies/bench.json',
                JSON::PP->new->pretty->canonical->encode($self->policies));
    $self->file('keys.map', "$self->{key}{key} consumer:bench;\n");
    $self->file('haproxy.map', "$self->{key}{key} consumer:bench\n");
    $self->configure($_) for qw(main.conf http.conf back.conf bare.conf
                                nginx.conf gate.conf shared.conf haproxy.cfg);
    $self->file('redis.conf', join "\n", 'bind 127.0.0.1', 'save ""',
                'port ' . $self->port('REDIS'), "dir $self->{dir}/tmp", '');
    return $self;
}


sub key_text {
    my ($name) = @_;
    return 'gatehouse-bench-' . substr sha256_hex("key of $name"), 0, 32;
}


sub policies {
    my ($self) = @_;
    my %hash = map { $_ => 'sha256:' . sha256_hex($self->{key}{$_}) }
               qw(key slow);
    my $half = sub { { upstream => 'back', initial_weight => '50%' } };

    return {
        plans => {
            bench => { limits => { second => '1000000r/s burst=1000000' } },
            slow  => { limits => { hour => '1r/h burst=1' } },
        },
        consumers => {
            bench  => { plan => 'bench', groups => ['partner'],
                        scopes => [ 'orders:read', 'orders:write' ],
                        credentials => {
                            api_keys => [ { id => 'bench1',
                                            hash => $hash{key} } ],
                            signatures => [ {
                                keyid => 'bench',
                                algorithm => 'ecdsa-p256-sha256',
                                public_key => "file:$self->{dir}/ES256.pub",
                            } ],
                            tokens => [ map { { issuer => $_, claims =>
                                                { azp => 'bench' } } }
                                        qw(rs es) ] } },
            issued => { plan => 'bench', groups => ['partner'] },
            slow   => { plan => 'slow', credentials => {
                            api_keys => [ { id => 'slow1',
                                            hash => $hash{slow} } ] } },
        },
        services => {
            orders => { default_version => 'v2', version_from => ['path'],
                        versions => {
                            v1 => { deployments => {
                                main => { upstream => 'back' } } },
                            v2 => { deployments => {
                                blue => $half->(), green => $half->() } },
                        } },
        },
    };
}


# A key pair and a file of tokens, one per line, for an algorithm.
sub make_tokens {
    my ($self, $alg) = @_;
    my $base = "$self->{dir}/$alg";
    my $kind = $alg =~ /^RS/ ? '-algorithm RSA -pkeyopt rsa_keygen_bits:2048'
             : '-algorithm EC -pkeyopt ec_paramgen_curve:P-256';

    system("umask 077; openssl genpkey -quiet $kind -out '$base.pem' &&"
           . " umask 022; openssl pkey -in '$base.pem' -pubout"
           . " -out '$base.pub'") == 0 or die "openssl made no key\n";

    my $n = $self->extent('tokens');
    my @tokens = `'$self->{build}/bench/tokens' $alg '$base.pem' $n \\
                  $ISSUER $AUDIENCE bench`;
    die "no $alg tokens\n" if @tokens != $n;
    chomp @tokens;
    chmod 0644, "$base.pub";

    $self->{token}{$alg} = $tokens[0];
    $self->{tokens}{$alg} = \@tokens;
    return;
}


# A person who is logged in: a session in the store, and its cookie.
sub make_session {
    my ($self) = @_;
    my $secret = $self->file('root.key', sha256_hex("root of $self->{dir}"));

    chmod 0600, $secret, $self->file('client.key', 'of no provider');
    my $cookie = `'$self->{build}/bench/session' '$self->{dir}/state' \\
                  '$secret' staff $PROVIDER bench 127.0.0.1`;
    die "no session\n" if $? || $cookie !~ /^(\S+)\n\z/;
    $self->{cookie} = "__Host-gh-staff=$1";
    return;
}


# What wrk is told so that it sends what a path sends.
sub sends {
    my ($self, $path) = @_;
    my $sent = $path->{sent};

    return %{ $path->{sends} } if $path->{sends};
    return () if $sent eq 'none';
    return $self->sends_signed($path) if $sent =~ /^signed-(\d+)k$/;
    if ($sent =~ /^(.*)s$/ && $self->{tokens}{$1}) {
        my $file = "$path->{name}.requests";
        $self->file($file, join '', map {
            "$path->{target} Authorization: Bearer $_\n"
        } @{ $self->{tokens}{$1} }) if !-e "$self->{dir}/$file";
        return (script => 't/bench/in-turn.lua',
                args => ["$self->{dir}/$file"]);
    }
    return $self->sends_each($path) if $sent eq 'key-each';
    return (headers => ["Cookie: $self->{cookie}"]) if $sent eq 'session';
    return (headers => [ $self->{token}{$sent}
                         ? "Authorization: Bearer $self->{token}{$sent}"
                         : "X-API-Key: $self->{key}{$sent}" ]);
}


sub sends_each {
    my ($self, $path) = @_;
    my $header = "X-API-Key: $self->{key}{key}";
    my $n = $self->extent('warm') + $self->extent('counted');
    return (headers => [$header], script => 't/bench/each.lua',
            once => [ map { "$path->{target}?k=$_ $header" } 1 .. $n ]);
}


# Signatures are made for each run: none may come twice or be old. Three of
# them are `once`, whole requests.
sub sends_signed {
    my ($self, $path) = @_;
    my ($kb) = $path->{sent} =~ /(\d+)/;
    my $body = $self->file("$path->{name}.body", 'x' x ($kb * 1024));
    my $n = $self->how_many_signed($path);
    my @signed = `'$self->{build}/bench/signed' '$self->{dir}/ES256.pem' \\
                  bench $n 127.0.0.1 $path->{target} '$body'`;

    die "no signed requests\n" if @signed != $n;
    return (script => 't/bench/signed.lua',
            args => [ $self->file("$path->{name}.requests",
                                  join '', @signed[3 .. $#signed]), $body ],
            once => [ map { whole_request($_, 'x' x ($kb * 1024)) }
                      @signed[0 .. 2] ]);
}


# More than a worker can let in on any machine, since it verifies each: half
# as many again as OpenSSL alone verifies in that time. Bare nginx looks at
# none, and is sent a few of them again and again.
sub how_many_signed {
    my ($self, $path) = @_;
    my $us = ($self->{verify_us} || {})->{ES256};

    return 100 if $path->{server} eq 'bare' || !$us;
    return int($self->extent('seconds') * 1.5e6 / $us);
}


sub whole_request {
    my ($line, $body) = @_;
    my ($path, $headers) = $line =~ /^(\S+) (.*)$/;

    return \join "\r\n", "POST $path HTTP/1.1", 'Host: 127.0.0.1',
                 'Content-Length: ' . length $body,
                 split(/\t/, $headers), '', $body;
}


# A server by its name; wrapped: what runs it, such as valgrind
sub server {
    my ($self, $name, @wrapped) = @_;
    my $dir = $self->{dir};
    my $conf = $name eq 'haproxy' ? 'haproxy.cfg' : "$name.conf";
    my @command = $name eq 'haproxy'
        ? ('haproxy', '-db', '-f', "$dir/$conf")
        : ($self->{nginx}, '-p', "$dir/", '-c', "$dir/$conf");

    @command = ('redis-server', "$dir/redis.conf") if $name eq 'redis';

    return Gatehouse::Bench::Process->start(
        name => $name,
        core => $name =~ /^(?:back|redis)$/ ? $self->{other} : $self->{worker},
        command => [ @wrapped, @command ], log => "$dir/$name.out",
        out => "$dir/$name.stdout",
        port => $self->port({ haproxy => 'HAPROXY_KEY' }->{$name} // uc $name),
        seconds => 120);
}


sub start {
    my ($self, @names) = @_;

    unshift @names, 'redis'
        if !$self->{servers}{redis} && grep { $_ eq 'shared' } @names;
    $self->{servers}{$_} = $self->server($_) for @names;
    $self->wait_until_ready('SHARED_STATUS')
        if grep { $_ eq 'shared' } @names;
    if (grep { $_ eq 'gate' } @names) {
        $self->wait_until_ready('GATE_STATUS');
        # signatures of the second of its start may have been used before it
        my $started = time;
        Gatehouse::Bench::Http::wait_until(sub { time > $started }, 3,
                                           'the next second');
    }
    return $self;
}


sub stop {
    my ($self, @names) = @_;
    for my $name (@names) {
        my $server = delete $self->{servers}{$name} or next;
        $server->stop;
    }
    return;
}


sub wait_until_ready {
    my ($self, $port, $seconds) = @_;
    Gatehouse::Bench::Http::wait_until(
        sub { (Gatehouse::Bench::Http::get($self->port($port), '/ready'))[0]
              == 200 }, $seconds // 60, 'a gateway that is ready');
    return;
}


# How often Redis has run a script.
sub redis_calls {
    my ($self) = @_;
    my $socket = Gatehouse::Bench::Http::connect_to($self->port('REDIS'))
        or return 0;
    syswrite $socket, "INFO commandstats\r\nQUIT\r\n";
    my $text = do { local $/; <$socket> } // '';
    my $sum = 0;
    $sum += $1 while $text =~ /^cmdstat_eval(?:sha)?:calls=(\d+)/mg;
    return $sum;
}


# A key of the tool's own making, for the running gateway.
sub issue_key {
    my ($self) = @_;
    my $conf = "$self->{dir}/gate.conf";
    my $key = `'$self->{build}/gatehouse' key create issued -c '$conf' --wait`;

    die "the tool issued no key\n" if $? || $key !~ /^(gh_\S+)\s*\z/;
    $self->{key}{issued} = $1;
    return;
}


# A log that is off would make its path look cheap.
sub check_logs {
    my ($self) = @_;
    my %log = (gate => 'gate.log', shared => 'shared.log',
               redis => 'redis.stdout', nginx => 'nginx.log',
               haproxy => 'haproxy.stdout');

    for my $name (grep { $log{$_} } sort keys %{ $self->{servers} }) {
        Gatehouse::Bench::Http::wait_until(
            sub { -s "$self->{dir}/$log{$name}" }, 20, "a log line of $name");
    }
    return;
}


# Decision lines are not kept: they would fill the disk.
sub empty_logs {
    my ($self) = @_;
    truncate $_, 0 for grep { -s } map { "$self->{dir}/$_" }
                       qw(gate.log shared.log nginx.log haproxy.stdout);
    return;
}

1;
