package Gatehouse::Test::OpenID;

use strict;
use warnings;

use File::Path ();
use File::Temp ();
use IO::Select;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use Gatehouse::Test::Ports;
use Gatehouse::Test::Tls;

=head1 NAME

Gatehouse::Test::OpenID - the certified provider, on a port of its own

=head1 SYNOPSIS

    my $op = Gatehouse::Test::OpenID->new(
        redirect_uris => [ 'https://localhost:' . $t->port('tls') . '/cb' ]);

    # in nginx.conf: issuer, client_id gatehouse, client_secret file:...
    $t->start(... $op->issuer ... $op->ca ... $op->secret_file ...);

    $op->user('alice', groups => ['staff']);    # no admin any more
    $op->rotate;                                # new signing keys
    is($op->asked('token', grant_type => 'refresh_token'), 1, 'one refresh');

=head1 DESCRIPTION

Runs F<examples/provider> (npm C<oidc-provider>; C<auto/provider> puts it into
the build). People are alice (groups staff and admin) and bob (staff), both
with the password C<demo>; C<sub> of alice is C<u-2482>, of bob C<u-1001>.
Clients are C<gatehouse> (client_secret_basic), C<gatehouse-post> and, with
C<jwks>, C<gatehouse-jwt> (private_key_jwt).

=over

=item new(%options)

what F<examples/provider/server.js> lists: redirect_uris,
post_logout_redirect_uris, backchannel_logout_uri, client_secret, jwks,
clients, users, consent, rotate, claims, ttl => { AccessToken => 5 }, trust;
C<< tls => 0 >> for plain http. Consent is not asked unless
C<< consent => 1 >>.

=item issuer, port, ca, certificate, secret, secret_file

where it is, the authority that vouches for it, its own certificate (for a
browser), and the clients' secret.

=item client(client_id => ..., ...), user($name, %claims), forget($name)

another client (metadata of dynamic registration), other claims, nobody.

=item logout(sub => ..., quiet => 1, keep_tokens => 1)

ends the sessions of one person or of all, as an administrator does; the
clients are told back-channel. Returns what came of that: { client sid sub
error }.

=item revoke(sub => ...)

their tokens and grants end, nobody is told.

=item rotate(keep => 0)

new keys; with C<< keep => 0 >> the old ones leave the set at once. Returns
the key ids.

=item delay($route => $ms), trust($file)

routes are oidc-provider's: authorization token userinfo jwks discovery
revocation end_session.

=item journal, asked($route, %with), clear

requests so far: { at method path route grant_type client status }.

=item secrets

every code, access and refresh token that it gave out, and the clients'
secret: for C<< $t->plant_secret($op->secrets) >>.

=item stop, start

away, and back at the same port: keys stay, sessions do not.

=back

=cut

my $OWNER = $$;
my $JSON  = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %arg) = @_;
    my $self = bless {
        dir => File::Temp::tempdir('ghop-XXXXXX', TMPDIR => 1),
        port => Gatehouse::Test::Ports::free_port(),
    }, $class;
    my $tls = exists $arg{tls} ? delete $arg{tls} : 1;

    $self->{options} = {
        port => $self->{port}, consent => JSON::PP::false,
        client_secret => random_text(), %arg,
    };
    for (qw(consent rotate)) {
        $self->{options}{$_} = $arg{$_} ? JSON::PP::true : JSON::PP::false
            if exists $arg{$_};
    }

    chmod 0755, $self->{dir};
    if ($tls) {
        $self->{authority} = Gatehouse::Test::Tls->new("$self->{dir}/tls");
        my ($cert, $key)
            = $self->{authority}->issue('localhost', '127.0.0.1');
        $self->{options}{tls} = { cert => $cert, key => $key };
    }
    $self->{issuer} = ($tls ? 'https' : 'http') . "://localhost:$self->{port}";

    $self->write('secret', $self->secret);
    $self->write('options.json', $JSON->encode($self->{options}));
    return $self->start;
}


sub random_text {
    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    sysread $fh, my $bytes, 18;
    return unpack 'H*', $bytes;
}


sub write {
    my ($self, $name, $text) = @_;
    open my $fh, '>:raw', "$self->{dir}/$name" or die "$name: $!\n";
    print {$fh} $text;
    close $fh or die "$name: $!\n";
    return;
}


sub issuer      { return $_[0]{issuer} }
sub port        { return $_[0]{port} }
sub secret      { return $_[0]{options}{client_secret} }
sub secret_file { return "$_[0]{dir}/secret" }

sub ca {
    my ($self) = @_;
    return $self->{authority} && $self->{authority}->ca;
}


sub certificate { return ($_[0]{options}{tls} || {})->{cert} }


# ---- its life ---------------------------------------------------------------

sub start {
    my ($self) = @_;
    return $self if $self->{pid};

    my $build = Gatehouse::Test::build();
    my $home  = "$build/provider";
    my $root  = Gatehouse::Test::root();
    system("$root/auto/provider", $home) == 0
        or die "no provider to log in at: auto/provider $home\n";

    pipe my $their_in, my $our_out or die "pipe: $!\n";
    pipe my $our_in, my $their_out or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<&', $their_in  or POSIX::_exit(127);
        open STDOUT, '>&', $their_out or POSIX::_exit(127);
        open STDERR, '>>', "$self->{dir}/stderr" or POSIX::_exit(127);
        delete @ENV{qw(NODE_OPTIONS NODE_PATH)};
        $ENV{NODE_ENV} = 'production';
        exec "$build/leash", 'node', "$home/server.js",
             "$self->{dir}/options.json", '--control'
            or POSIX::_exit(127);
    }

    close $their_in;
    close $their_out;
    binmode $our_out, ':raw';
    $our_out->autoflush(1);
    @$self{qw(pid out in text)} = ($pid, $our_out, $our_in, '');

    eval { $self->line->{ready} } or do {
        my $why = $@;
        $self->stop;
        die "the provider did not start: $why", $self->stderr, "\n";
    };
    return $self;
}


sub stderr {
    my ($self) = @_;
    open my $fh, '<', "$self->{dir}/stderr" or return '';
    local $/;
    return <$fh> // '';
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return $self;
    close delete $self->{out};
    kill 'TERM', $pid;
    waitpid $pid, 0;
    close delete $self->{in};
    return $self;
}


# ---- orders -----------------------------------------------------------------

sub order {
    my ($self, $what, %arg) = @_;
    die "the provider is away\n" if !$self->{pid};

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{out} } $JSON->encode({ do => $what, %arg }), "\n";
    my $answer = $self->line;
    die "provider: $what: $answer->{error}\n" if !$answer->{ok};
    return $answer;
}


# One line of its output, decoded
sub line {
    my ($self) = @_;
    my $deadline = time + 60 * Gatehouse::Test::slow();
    my $poll = IO::Select->new($self->{in});

    while (1) {
        return $JSON->decode($1) if $self->{text} =~ s/^(.*)\n//;
        my $left = $deadline - time;
        die "it says nothing\n" if $left <= 0;
        next if !$poll->can_read($left);
        sysread($self->{in}, $self->{text}, 65536, length $self->{text})
            or die "it ended\n";
    }
}


sub client {
    my ($self, %metadata) = @_;
    $self->order('client', metadata => {
        client_secret => $self->secret, %metadata });
    return $self;
}


sub user {
    my ($self, $name, %claims) = @_;
    $self->order('user', name => $name, claims => \%claims);
    return $self;
}


sub forget {
    my ($self, $name) = @_;
    $self->order('user', name => $name, claims => undef);
    return $self;
}


sub logout {
    my ($self, %arg) = @_;
    return @{ $self->order('logout', %arg)->{told} };
}


sub revoke { my $self = shift; return $self->order('revoke', @_)->{grants} }

sub rotate {
    my ($self, %arg) = @_;
    my $keep = exists $arg{keep} && !$arg{keep} ? JSON::PP::false
                                                : JSON::PP::true;
    return @{ $self->order('rotate', keep => $keep)->{kids} };
}


sub delay {
    my ($self, $route, $ms) = @_;
    $self->order('delay', route => $route, ms => $ms + 0);
    return $self;
}


sub trust {
    my ($self, $file) = @_;
    $self->order('trust', file => $file);
    return $self;
}


sub journal { return @{ $_[0]->order('journal')->{requests} } }
sub clear   { $_[0]->order('clear'); return $_[0] }

sub secrets {
    my ($self) = @_;
    return ($self->secret, @{ $self->order('secrets')->{secrets} });
}


sub asked {
    my ($self, $route, %with) = @_;
    return scalar grep {
        my $request = $_;
        ($request->{route} // '') eq $route
            && !grep { ($request->{$_} // '') ne $with{$_} } keys %with
    } $self->journal;
}


sub DESTROY {
    my ($self) = @_;
    return if $$ != $OWNER;
    local ($?, $@, $!);
    $self->stop;
    File::Path::remove_tree($self->{dir}) if !$ENV{KEEP};
    return;
}

1;
