package Gatehouse::Test::SignOn;

use strict;
use warnings;

require Gatehouse::Test;
use Gatehouse::Test::Login;
use Gatehouse::Test::Misprovider;

=head1 NAME

Gatehouse::Test::SignOn - a gateway behind which people log in

=head1 SYNOPSIS

    my $so = Gatehouse::Test::SignOn->new(op => { lifetime => 60 });
    $so->start;
    my ($page, $alice) = $so->login('/orders');
    is($so->told($page, $alice), '200 session', 'Alice is in');
    $so->op->misbehave(nonce_wrong => 1);

=head1 DESCRIPTION

A L<Gatehouse::Test> with TLS, two workers and one provider named C<staff>, a
L<Gatehouse::Test::Misprovider> over plain http on loopback unless C<op> says
otherwise.

=over

=item new(op => {}, t => {}, provider => text)

options of the provider and of the gateway, and further lines of its block.

=item t, op, at

the two, and the address of the gateway (C<https://gw.test:PORT>);
C<< at('other.gw.test') >> is the one of another host.

=item start(locations => ..., http => ..., server => ...)

without locations, everything asks for C<oidc=staff>; C<http> stands behind the
provider's block.

=item block($name, $op, $lines)

the block of another provider.

=item person, login($path, $person)

somebody new; a login from that page on: the last page, and the person.

=item told($page, $person, $cookie)

in one line: its status and whether there is a session cookie.

=item ask($person, $path, ...)

a request that does not begin a login: the status.

=item begin($n, $cookie, $path)

sends so many requests at once, none of which begins a login, on connections
of their own, so that each worker has some: the connections.

=item on_every_worker($cookie, $path)

what the cookie opens: the statuses that were seen until each worker had
answered, as in C<200 401>. The location must say who answers:
C<add_header X-Worker $pid always;>.

=item is_same($what), all_log

the workers have been the same since the start (a test); every log as text.

=back

=cut


sub new {
    my ($class, %arg) = @_;
    my $t = Gatehouse::Test->new(workers => 2, tls => 1, %{ $arg{t} || {} });
    my $op = Gatehouse::Test::Misprovider->new(tls => 0, %{ $arg{op} || {} });
    return bless { t => $t, op => $op, provider => $arg{provider} // '' },
           $class;
}


sub t  { return $_[0]{t} }
sub op { return $_[0]{op} }

sub at {
    my ($self, $host) = @_;
    return 'https://' . ($host // 'gw.test') . ':' . $self->t->port('tls');
}


sub block {
    my ($self, $name, $op, $lines) = @_;
    my $secret = ($lines // '') =~ /\b(?:client_secret|private_key) /
        ? '' : '    client_secret  file:' . $op->secret_file . ";\n";
    my $ca = $op->ca ? '    ssl_trusted_certificate  ' . $op->ca . ";\n" : '';

    return "gatehouse_oidc_provider $name {\n    issuer  " . $op->issuer
         . ";\n    client_id  gatehouse;\n$secret$ca" . ($lines // '')
         . "}\n";
}


sub text {
    my ($self, %arg) = @_;
    return (%arg, locations => $arg{locations} // <<'EOT',
    location / {
        gatehouse_authenticate  oidc=staff;
        proxy_pass              http://echo;
    }
EOT
        http => $self->block('staff', $self->op, $self->{provider})
                . ($arg{http} // ''));
}


sub start {
    my ($self, %arg) = @_;
    $self->t->start($self->text(%arg));
    $self->{pids} = join ' ', $self->t->workers;
    return $self;
}


sub person {
    my ($self, @ca) = @_;
    return Gatehouse::Test::Login->new(
        timeout => 20 * Gatehouse::Test::slow(),
        ca => [ grep { defined } $self->t->authority->ca, $self->op->ca,
                @ca ]);
}


sub login {
    my ($self, $path, $person) = @_;
    $person //= $self->person;
    my $url = ($path // '/') =~ /^https?:/ ? $path : $self->at . ($path // '/');
    my $page = $person->login($url, 'alice');
    return wantarray ? ($page, $person) : $person;
}


sub told {
    my ($self, $page, $person, $name) = @_;
    return $page->status . ' '
         . ($person->cookie($name // '__Host-gh-staff') ? 'session'
                                                        : 'nobody');
}


sub ask {
    my ($self, $person, $path, %arg) = @_;
    return $person->ask(GET => $self->at . ($path // '/'),
                        headers => [ Accept => 'text/plain' ], %arg)->status;
}


sub begin {
    my ($self, $n, $cookie, $path) = @_;
    my @open = map { $self->t->connect } 1 .. $n;
    $_->send_raw(Gatehouse::Test::Http::format_request(
        'GET', $path // '/', [ [ Host => 'gw.test' ], [ Cookie => $cookie ],
                               [ Accept => 'text/plain' ] ])) for @open;
    return @open;
}


sub on_every_worker {
    my ($self, $cookie, $path) = @_;
    my (%seen, %asked);

    for (1 .. 100) {
        for my $open ($self->begin(8, $cookie, $path)) {
            my $answer = $open->read_response(
                'GET', 20 * Gatehouse::Test::slow());
            $seen{ $answer->status } = 1;
            $asked{ $answer->header('X-Worker') // '' } = 1;
        }
        last if !grep { !$asked{$_} } $self->t->workers;
    }
    $seen{'a worker was not asked'} = 1
        if grep { !$asked{$_} } $self->t->workers;
    return join ' ', sort keys %seen;
}


sub is_same {
    my ($self, $what) = @_;
    return Test::More::is(join(' ', $self->t->workers), $self->{pids},
                          $what // 'the workers are the same');
}


sub all_log {
    my ($self) = @_;
    my $t = $self->t;
    return join "\n", $t->error_log, $t->debug_log, $t->decision_log;
}

1;
