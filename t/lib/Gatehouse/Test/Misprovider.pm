package Gatehouse::Test::Misprovider;

use strict;
use warnings;

use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use Gatehouse::Test::Login;
use Gatehouse::Test::Misprovider::Fixture;
use Gatehouse::Test::Misprovider::Server;
use Gatehouse::Test::Misprovider::State;
use Gatehouse::Test::Misprovider::Switches;
use Gatehouse::Test::Page;
use Gatehouse::Test::Party;
use Gatehouse::Test::Ports;
use Gatehouse::Test::Tls;
use Gatehouse::Test::Token;

=head1 NAME

Gatehouse::Test::Misprovider - a provider that misbehaves when told to

=head1 SYNOPSIS

    my $op = Gatehouse::Test::Misprovider->new(redirect_uris => [$back]);

    $op->misbehave(nonce_wrong => 1);               # E1
    is($alice->login($page, 'alice')->status, 403, 'E1: ...');
    is($op->asked('userinfo'), 0, 'and userinfo was not asked');

    $op->behave->misbehave('token.hang' => 1);      # J5
    $op->behave->misbehave('keys.status' => 503);

=head1 DESCRIPTION

By itself it is a strict provider; nobody has to log in, whoever comes is the
one that C<person> named. Each misbehaviour is a switch;
C<t/lib/misprovider --list> shows them all with the rows they play.

=over

=item new(%options)

C<tls> (1: https with an authority of its own; 0; or a kind of certificate,
see below), C<alg> (RS256), C<key> (of another provider, to share it), C<path>
of the issuer (such as /realms/staff), C<client_id> (gatehouse),
C<client_secret>, C<auth> (basic post jwt; undef for any), C<client_jwk>,
C<redirect_uris> (none: any will do), C<lifetime> (300, of access tokens),
C<id_lifetime> (300), C<claims>. C<fixture> dresses it up as a provider of
F<t/fixtures/oidc> (keycloak, entra, google, okta, auth0): its discovery
document, paths, claims and answers.

=item issuer, port, ca, certificate, secret, secret_file

=item misbehave(name => value, ...), behave(@names)

switches on; off, without names all. Switches hold from the next request on,
also on connections that are open.

=item person(%claims), set(%options)

who comes from now on; any option but tls and path.

=item rotate(keep => 0, kid => text, alg => ...)

a new key; the old one stays in the set unless C<keep> is false. C<kid> lets
it take the place of another under its name. Returns the key's id.

=item key, keys

the L<Gatehouse::Test::Token> that signs; all that are published.

=item logout_token(%claims), send_logout($url, %claims)

a logout token of the last session (or C<sid>, C<sub> as given), as the
switches C<logout_...> make it; and sent, as the provider does: the page of the
answer. C<< token => $text >> sends that one again.

=item sessions, sids

{ sid sub } of all logins; their C<sid>s alone, in no order.

=item grant($url)

the way back from an authorization request, without anybody going there: the
address of the callback, with a code.

=item secrets

every code and token that it gave out, every verifier and client secret that
it was shown: for C<< $t->plant_secret($op->secrets) >>.

=item journal($endpoint), asked($endpoint, %params), complaints, forget

requests as { endpoint method path headers query form params body at }; in
words, what clients did wrong; both forgotten. Endpoints are discovery keys
authorize token refresh (the token endpoint, asked for one) userinfo revoke
end_session.

=item stop, start(tls => kind)

away and back at the same port, with another certificate if given: good,
self_signed, expired, not_yet, wrong_name, other_ca, client_only; or mute (no
handshake, ever), closes (instead of one), plaintext (an answer before it).

=back

=cut

my $OWNER = $$;
my $JSON  = JSON::PP->new->utf8->canonical->allow_nonref;

my %ALICE = (
    sub => 'u-2482', name => 'Alice Example', given_name => 'Alice',
    family_name => 'Example', preferred_username => 'alice',
    email => 'alice@example.com', email_verified => JSON::PP::true,
    groups => [qw(staff admin)]);


sub new {
    my ($class, %arg) = @_;
    my $dir = File::Temp::tempdir('ghmis-XXXXXX', TMPDIR => 1);
    my $tls = exists $arg{tls} ? delete $arg{tls} : 1;
    my $port = Gatehouse::Test::Ports::free_port();
    my $path = delete $arg{path} // '';
    my $alg  = delete $arg{alg} // 'RS256';
    my $scheme = $tls ? 'https' : 'http';
    my $worn = delete $arg{fixture};

    if (defined $worn) {
        $worn = Gatehouse::Test::Misprovider::Fixture::dress(
            $worn, $scheme, $port);
        $arg{claims} ||= $worn->{claims};
        $path = $worn->{path};
    }

    chmod 0755, $dir;
    my $self = bless {
        dir => $dir, port => $port, tls => $tls,
        store => Gatehouse::Test::Misprovider::State->new($dir),
        keys => [ delete $arg{key}
                  || Gatehouse::Test::Token->new(alg => $alg) ],
        decoy => {}, option => {
            issuer => "$scheme://localhost:$port$path", fixture => $worn,
            path => $path, client_id => 'gatehouse', auth => undef,
            client_secret => Gatehouse::Test::Party::fresh(),
            redirect_uris => [], lifetime => 300, id_lifetime => 300,
            claims => {%ALICE}, switches => {}, %arg,
        },
    }, $class;

    $self->{authority} = Gatehouse::Test::Tls->new("$dir/tls") if $tls;
    Gatehouse::Test::Misprovider::State::write_file(
        "$dir/secret", $self->secret);
    $self->misbehave(%{ delete $self->{option}{switches} });
    return $self->start;
}


sub port        { return $_[0]{port} }
sub issuer      { return $_[0]{option}{issuer} }
sub secret      { return $_[0]{option}{client_secret} }
sub secret_file { return "$_[0]{dir}/secret" }
sub certificate { return ($_[0]{pair} || [])->[0] }
sub key         { return $_[0]{keys}[0] }
sub keys        { return @{ $_[0]{keys} } }

sub ca {
    my ($self) = @_;
    return $self->{authority} && $self->{authority}->ca;
}


# ---- what it does wrong -----------------------------------------------------

sub misbehave {
    my ($self, %switches) = @_;
    Gatehouse::Test::Misprovider::Switches::check(CORE::keys %switches);
    my $on = $self->{option}{switches} ||= {};
    @$on{ CORE::keys %switches } = values %switches;

    if (exists $switches{rotate_at_signing}) {
        unlink "$self->{dir}/spare-used";
        $self->{spare} = Gatehouse::Test::Token->new(alg => $self->key->alg);
    }
    return $self->save;
}


sub behave {
    my ($self, @names) = @_;
    my $on = $self->{option}{switches};
    delete @$on{ @names ? @names : CORE::keys %$on };
    return $self->save;
}


sub person {
    my ($self, %claims) = @_;
    $self->{option}{claims} = \%claims;
    return $self->save;
}


sub set {
    my ($self, %option) = @_;
    @{ $self->{option} }{ CORE::keys %option } = values %option;
    return $self->save;
}


sub rotate {
    my ($self, %arg) = @_;
    my $key = Gatehouse::Test::Token->new(
        alg => $arg{alg} || $self->key->alg,
        (exists $arg{kid} ? (kid => $arg{kid}) : ()));
    my $keep = !exists $arg{keep} || $arg{keep};

    $self->{keys} = [ $key, $keep ? $self->keys : () ];
    $self->save;
    return $key->kid;
}


# A key of the same kind that is in no set; made when something is switched on
sub decoy {
    my ($self) = @_;
    my $alg = $self->key->alg;

    return if !%{ $self->{option}{switches} };
    my $freeze = \&Gatehouse::Test::Misprovider::State::freeze;
    return $self->{decoy}{$alg}
        //= $freeze->(Gatehouse::Test::Token->new(alg => $alg));
}


sub save {
    my ($self) = @_;
    my $freeze = \&Gatehouse::Test::Misprovider::State::freeze;
    $self->{store}->save(
        %{ $self->{option} }, decoy => scalar $self->decoy,
        keys => [ map { $freeze->($_) } $self->keys ],
        spare => $self->{spare} && $freeze->($self->{spare}));
    return $self;
}


# ---- its life ---------------------------------------------------------------

sub start {
    my ($self, %arg) = @_;
    return $self if $self->{pid};
    $self->{tls} = $arg{tls} if exists $arg{tls};
    $self->save;

    my $tls;
    if ($self->{tls}) {
        my $kind = $self->{tls} eq '1' ? 'good' : $self->{tls};
        my $trick = $kind =~ /^(?:mute|closes|plaintext)$/ ? $kind : undef;
        $self->{pair} = [ $self->pair_of($trick ? 'good' : $kind) ];
        $tls = { trick => $trick, SSL_cert_file => $self->{pair}[0],
                 SSL_key_file  => $self->{pair}[1] };
        require IO::Socket::SSL;
    }
    my $socket = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 256,
        ReuseAddr => 1, Proto => 'tcp') or die "listen: $!\n";

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setpgid(0, 0);
        $SIG{$_} = 'DEFAULT' for qw(INT TERM ALRM);
        alarm 0;
        eval {
            Gatehouse::Test::Misprovider::Server::serve(
                $socket, $self->{store}, $tls);
        };
        POSIX::_exit(0);
    }
    POSIX::setpgid($pid, $pid);
    $self->{pid} = $pid;
    return $self;
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return $self;
    kill 'KILL', -$pid;
    waitpid $pid, 0;
    return $self;
}


# A certificate that is good, or wrong in one way
sub pair_of {
    my ($self, $kind) = @_;
    my $good = $self->{authority};
    my %make = (
        good        => sub { $good->issue('localhost', '127.0.0.1') },
        wrong_name  => sub { $good->issue('elsewhere.example') },
        other_ca    => sub { Gatehouse::Test::Tls->new(
            "$self->{dir}/other")->issue('localhost', '127.0.0.1') },
        self_signed => sub { $self->special('self_signed', [], 30) },
        expired     => sub { $self->special('expired',
            [qw(-startdate 20200101000000Z -enddate 20200201000000Z)]) },
        not_yet     => sub { $self->special('not_yet',
            [qw(-startdate 20900101000000Z -enddate 20900201000000Z)]) },
        client_only => sub { $self->special('client_only', [], 30) },
    );
    my $run = $make{$kind} or die "no certificate \"$kind\"; there are: "
        . join(' ', sort CORE::keys %make) . "\n";
    return $run->();
}


# Dates, and uses, that only "openssl ca" knows how to give
sub special {
    my ($self, $name, $dates, $days) = @_;
    my $dir  = "$self->{dir}/tls";
    my $path = "$dir/$name";
    my $use  = $name eq 'client_only' ? 'clientAuth' : 'serverAuth';
    my $run  = \&Gatehouse::Test::Tls::run;

    Gatehouse::Test::Misprovider::State::write_file("$path.cnf", <<"EOF");
[ca]
default_ca = own
[own]
database = $path.index
new_certs_dir = $dir
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
[ext]
subjectAltName = DNS:localhost,IP:127.0.0.1
extendedKeyUsage = $use
EOF
    Gatehouse::Test::Misprovider::State::write_file("$path.index", '');
    $run->('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
           '-nodes', '-subj', '/CN=localhost', '-keyout', "$path.key",
           '-out', "$path.csr");
    $run->('ca', '-batch', '-config', "$path.cnf", '-extensions', 'ext',
           '-in', "$path.csr", '-out', "$path.pem", '-notext',
           ($days ? ('-days', $days) : @$dates),
           $name eq 'self_signed' ? ('-selfsign', '-keyfile', "$path.key")
           : ('-cert', "$dir/ca.pem", '-keyfile', "$dir/ca.key"));
    return ("$path.pem", "$path.key");
}


# ---- logout -----------------------------------------------------------------

sub sessions {
    my ($self) = @_;
    my @files = glob "$self->{dir}/sessions/*";
    my %since = map { $_ => (Time::HiRes::stat($_))[9] } @files;
    return map { { sid => m{([^/]+)$} ? $1 : '',
                   %{ $JSON->decode(
                       Gatehouse::Test::Misprovider::State::slurp($_)) } } }
           sort { $since{$a} <=> $since{$b} } @files;
}


sub sids {
    my ($self) = @_;
    return map { m{([^/]+)$} } glob "$self->{dir}/sessions/*";
}


sub grant {
    my ($self, $url) = @_;
    my %asked = Gatehouse::Test::Page::decode_form($url =~ s/.*?\?//r);
    my $code  = Gatehouse::Test::Party::fresh();

    $self->{store}->append('issued', $code);
    $self->{store}->put('codes', $code, {
        %asked, at => time, sub => $self->{option}{claims}{sub} });
    return "$asked{redirect_uri}?" . Gatehouse::Test::Page::encode_form(
        code => $code, state => $asked{state}, iss => $self->issuer);
}


sub logout_token {
    my ($self, %claims) = @_;
    my ($last) = $claims{sid} && $claims{sub} ? {} : reverse $self->sessions;
    my $now  = int time;
    my $jwt  = {
        key => $self->key,
        header => { typ => 'logout+jwt', alg => $self->key->alg,
                    kid => $self->key->kid },
        claims => {
            iss => $self->issuer, aud => $self->{option}{client_id},
            iat => $now, exp => $now + 120,
            jti => Gatehouse::Test::Party::fresh(),
            sub => $last->{sub}, sid => $last->{sid}, events => {
                'http://schemas.openid.net/event/backchannel-logout' => {} },
            %claims,
        },
    };

    $self->{store}->load;
    Gatehouse::Test::Misprovider::Switches::apply('logout', $jwt, {
        switches => $self->{option}{switches},
        hmac => $self->{store}->hmac });
    my ($header, $set) = @$jwt{qw(header claims)};
    delete $set->{$_} for grep { !defined $set->{$_} } CORE::keys %$set;
    $header->{alg} = $jwt->{key}->alg if $jwt->{key} != $self->key;

    my $text = $jwt->{key}->sign($set, raw_header => $JSON->encode($header));
    $text =~ s/[^.]*\z// if $header->{alg} eq 'none';
    Gatehouse::Test::Misprovider::Claims::spoil(\$text) if $jwt->{spoil};
    return $text;
}


sub send_logout {
    my ($self, $url, %claims) = @_;
    my $token = delete $claims{token} // $self->logout_token(%claims);
    return Gatehouse::Test::Login->new->ask('POST', $url,
        form => { logout_token => $token }, headers => [ Accept => '*/*' ]);
}


# ---- what was asked ---------------------------------------------------------

sub lines {
    my ($self, $name) = @_;
    return map { $JSON->decode($_) } split /\n/,
        Gatehouse::Test::Misprovider::State::slurp("$self->{dir}/$name")
        // '';
}


sub journal {
    my ($self, $endpoint) = @_;
    return grep { !defined $endpoint || $_->{endpoint} eq $endpoint }
           $self->lines('journal');
}


sub asked {
    my ($self, $endpoint, %params) = @_;
    return scalar grep {
        my $request = $_;
        !grep { ($request->{params}{$_} // '') ne $params{$_} }
              CORE::keys %params
    } $self->journal($endpoint);
}


sub secrets {
    my ($self) = @_;
    my %secret = map { $_ => 1 } $self->secret, $self->lines('issued');
    for my $request ($self->journal) {
        $secret{$_} = 1 for grep { length($_ // '') } $request->{headers}
            {authorization}, map { $request->{params}{$_} }
            qw(code code_verifier refresh_token token client_assertion);
    }
    return sort { $a cmp $b } CORE::keys %secret;
}


sub complaints { return $_[0]->lines('complaints') }

sub forget {
    my ($self) = @_;
    unlink map { "$self->{dir}/$_" } qw(journal complaints);
    return $self;
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
