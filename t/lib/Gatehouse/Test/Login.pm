package Gatehouse::Test::Login;

use strict;
use warnings;

use File::Temp ();

use Gatehouse::Test::Http;
use Gatehouse::Test::Jar;
use Gatehouse::Test::Logs;
use Gatehouse::Test::Page;

=head1 NAME

Gatehouse::Test::Login - a person at a browser without scripts

=head1 SYNOPSIS

    my $alice = Gatehouse::Test::Login->new(
        ca => [ $op->ca, $t->{tls_ca}->ca ]);
    my $page  = $alice->login("https://localhost:$port/orders", 'alice');

    is($page->status, 200, 'Alice sees the orders');
    is($alice->cookie('__Host-gatehouse')->{samesite}, 'Lax', '...');

=head1 DESCRIPTION

One object is one person with cookies of their own. Every host name leads to
loopback, at the port that the address names. What a browser says about a
visit is said here too (C<Accept>, C<Sec-Fetch-*>); C<headers> replaces it.

=over

=item new(ca => file or [files])

authorities to trust; without one, https is not verified.

=item ask($method, $url, headers => [], form => {}, body => text)

one request, cookies sent and stored, no redirect followed. Returns a
L<Gatehouse::Test::Page>.

=item visit($url, stop => qr/.../, ...)

the same, with redirects followed (20 at most). An address that matches
C<stop> is not asked for: the redirect to it is returned.

=item submit($page, fields => {}, form => word, button => word, ...)

sends a form of a page as it stands, with these fields, and follows.

=item login($url, $name, password => 'demo', stop => ..., ...)

visits and answers what the provider asks (name and password, consent, pages
that only carry a form on) until a page comes that asks nothing.

=item cookies, cookie($name), jar

see L<Gatehouse::Test::Jar>.

=item hops

of the last visit: [method, url, status] each.

=back

=cut

my @NAVIGATION = (
    Accept => 'text/html,application/xhtml+xml,*/*;q=0.8',
    'User-Agent' => 'Mozilla/5.0 (X11; Linux x86_64) Gatehouse test',
    'Accept-Language' => 'en',
    'Sec-Fetch-Dest' => 'document', 'Sec-Fetch-Mode' => 'navigate',
    'Sec-Fetch-Site' => 'none', 'Sec-Fetch-User' => '?1',
    'Upgrade-Insecure-Requests' => 1);


sub new {
    my ($class, %arg) = @_;
    my @ca = ref $arg{ca} ? @{ $arg{ca} } : grep { defined } $arg{ca};
    return bless { jar => Gatehouse::Test::Jar->new, ca => \@ca, hops => [],
                   timeout => $arg{timeout} || 20 }, $class;
}


sub jar     { return $_[0]{jar} }
sub cookies { return $_[0]{jar}->all }
sub cookie  { return $_[0]{jar}->find($_[1]) }
sub hops    { return @{ $_[0]{hops} } }


sub ask {
    my ($self, $method, $to, %arg) = @_;
    my $url  = Gatehouse::Test::Page::parse_url($to);
    my $body = $arg{form} ? Gatehouse::Test::Page::encode_form(
                   ref $arg{form} eq 'ARRAY' ? @{ $arg{form} } : $arg{form})
                          : $arg{body};
    my @flat = @{ $arg{headers} || \@NAVIGATION };
    my @headers = ([ Host => $url->{host} . ($url->{port}
                     == ($url->{scheme} eq 'https' ? 443 : 80)
                     ? '' : ":$url->{port}") ]);

    while (@flat) {
        push @headers, [ splice @flat, 0, 2 ];
    }
    push @headers, [ 'Content-Type', 'application/x-www-form-urlencoded' ]
        if $arg{form};
    my $cookie = $self->jar->header($url);
    push @headers, [ Cookie => $cookie ] if defined $cookie;

    my $http = Gatehouse::Test::Http->new(
        port => $url->{port}, timeout => $arg{timeout} || $self->{timeout},
        tls => $url->{scheme} eq 'https' ? $self->tls($url->{host}) : undef);
    $http->send_raw(Gatehouse::Test::Http::format_request(
        $method, $url->{target}, \@headers, $body));

    my $page = Gatehouse::Test::Page->of($http->read_response($method), $to);
    $self->jar->store($url, $page->headers('Set-Cookie'));
    push @{ $self->{hops} }, [ $method, $to, $page->status ];
    return $page;
}


sub tls {
    my ($self, $host) = @_;
    require IO::Socket::SSL;
    my %name = (SSL_hostname => $host, SSL_verifycn_name => $host,
                SSL_verifycn_scheme => 'http');

    return { %name, SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE() }
        if !@{ $self->{ca} };

    if (!$self->{bundle}) {
        $self->{bundle} = File::Temp->new;
        print { $self->{bundle} } map { Gatehouse::Test::Logs::slurp($_) }
                                  @{ $self->{ca} };
        $self->{bundle}->flush;
    }
    return { %name, SSL_ca_file => $self->{bundle}->filename };
}


sub visit {
    my ($self, $url, %arg) = @_;
    my $method = delete $arg{method} || 'GET';
    my $stop   = delete $arg{stop};

    $self->{hops} = [] if !delete $arg{further};

    for (1 .. 20) {
        my $page = $self->ask($method, $url, %arg);
        my $to   = $page->location;
        return $page if $page->status !~ /^30[12378]$/ || !defined $to;
        return $page if $stop && $to =~ $stop;
        if ($page->status !~ /^30[78]$/) {
            $method = 'GET';
            delete @arg{qw(form body)};
        }
        $url = $to =~ s/\#.*//r;
    }

    die "redirected in a circle: $url\n";
}


sub submit {
    my ($self, $page, %arg) = @_;
    my $form = $page->form($arg{form} // $arg{button})
        or die 'no such form on ' . $page->url . ': ' . $page->body . "\n";
    my %set  = %{ delete $arg{fields} || {} };
    my $word = delete $arg{button};
    delete $arg{form};

    my ($button) = grep { !defined $word || ($_->{name} // '') eq $word
                          || ($_->{id} // '') eq $word } @{ $form->{buttons} };
    my @pairs = map { ($_->{name}, exists $set{ $_->{name} }
                                   ? delete $set{ $_->{name} } : $_->{value}) }
                grep { length($_->{name} // '') }
                @{ $form->{fields} }, $button // ();
    push @pairs, %set;

    return $self->visit($form->{action}, %arg, further => 1,
                        method => 'POST', form => \@pairs)
        if $form->{method} eq 'POST';

    my $query = Gatehouse::Test::Page::encode_form(@pairs);
    return $self->visit($form->{action} =~ s/\?.*//r . "?$query", %arg,
                        further => 1);
}


sub login {
    my ($self, $url, $name, %arg) = @_;
    my $password = delete $arg{password} // 'demo';
    my $stop = $arg{stop};
    my $home = Gatehouse::Test::Page::parse_url($url)->{origin};
    my $page = ref $arg{page} ? delete $arg{page} : $self->visit($url, %arg);

    for (1 .. 5) {
        return $page if $page->status !~ /^(?:200|401)$/;
        my $form = $page->form or return $page;
        my %field = map { ($_->{name} // '') => 1 } @{ $form->{fields} };
        my $asks  = $field{password};
        return $page if $asks && $page->status == 401;
        return $page if !$asks && !$stop && $page->url =~ /^\Q$home\E\//
            && $form->{action} =~ /^\Q$home\E\//;

        my ($who) = grep { $field{$_} } qw(login username user);
        $page = $self->submit($page, fields => {
            $asks ? (($who // 'login') => $name, password => $password) : (),
        }, ($stop ? (stop => $stop) : ()));
    }

    die 'the provider asks for ever: ' . $page->url . "\n";
}

1;
