package Gatehouse::Test::Browser;

use strict;
use warnings;

use Digest::SHA ();
use File::Path ();
use File::Temp ();
use IO::Select;
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Gatehouse::Test::Tab;

=head1 NAME

Gatehouse::Test::Browser - a real Chromium, driven over its DevTools pipe

=head1 SYNOPSIS

    my $browser = Gatehouse::Test::Browser->new(trust => [ $cert, $op->ca ]);
    my $tab = $browser->tab;

    $tab->goto("https://localhost:$port/orders");
    $tab->fill('#login', 'alice')->fill('#password', 'demo')->click('#go');
    $tab->wait_url(qr{/orders$});
    like($tab->text, qr/Orders/, 'Alice sees the orders');
    is($browser->cookie('__Host-gatehouse')->{sameSite}, 'Lax', '...');
    $tab->screenshot('orders.png');

=head1 DESCRIPTION

Debian's C<chromium>, headless, with a profile of its own that goes away with
it. Nothing leaves the machine: every host name leads to loopback.

=over

=item new(trust => [files], size => [800, 600], visible => 0)

C<trust> are certificates (PEM) that stand for themselves or for those they
signed: their keys, and nothing else, are accepted although no authority of
the system knows them. An authority counts only if the server sends it along;
so name the server's own certificate.

=item tab(person => 'bob')

a new tab, a L<Gatehouse::Test::Tab>. Tabs share cookies, unless another
person sits at them.

=item tabs, close_tab($tab)

=item cookies($person), cookie($name, $person), set_cookie(%cookie),
clear_cookies($person)

as DevTools tell them: name value domain path expires size httpOnly secure
session sameSite.

=item call($method, \%params, $session)

one DevTools command; dies with its error. C<event(sub)> waits for an event.

=item stop

=back

=cut

my $OWNER = $$;
my $JSON  = JSON::PP->new->utf8->canonical;
my @FLAGS = qw(
    --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage
    --remote-debugging-pipe --no-first-run --no-default-browser-check
    --disable-background-networking --disable-component-update --disable-sync
    --disable-extensions --disable-default-apps --disable-domain-reliability
    --disable-breakpad --disable-client-side-phishing-detection --no-pings
    --metrics-recording-only --mute-audio --hide-scrollbars
    --password-store=basic --use-mock-keychain --no-proxy-server);


sub new {
    my ($class, %arg) = @_;
    my $self = bless {
        dir => File::Temp::tempdir('ghweb-XXXXXX', TMPDIR => 1),
        text => '', queue => [], events => [], next => 1, context => {},
        tabs => [], size => $arg{size} || [ 800, 600 ],
    }, $class;
    my @trust = ref $arg{trust} ? @{ $arg{trust} } : $arg{trust} // ();
    my @spki  = map { spki($_) } @trust;

    my @command = (program(), @FLAGS,
                   '--host-resolver-rules=MAP * 127.0.0.1',
                   "--user-data-dir=$self->{dir}/profile",
                   '--window-size=' . join(',', @{ $self->{size} }));
    push @command, '--ignore-certificate-errors-spki-list='
                   . join(',', @spki) if @spki;

    $self->launch(@command, 'about:blank');
    $self->{agent} = $self->call('Browser.getVersion')->{product};
    return $self;
}


sub program {
    for my $name (qw(chromium chromium-browser google-chrome)) {
        for my $dir (split /:/, $ENV{PATH}) {
            return "$dir/$name" if -x "$dir/$name";
        }
    }
    die "no browser to test with: apt-get install chromium\n";
}


# The hash of a certificate's public key, as Chromium's flag wants it
sub spki {
    my ($file) = @_;
    require Gatehouse::Test::Tls;
    my $pem = Gatehouse::Test::Tls::run('x509', '-in', $file, '-noout',
                                        '-pubkey');
    my ($text) = $pem =~ /-----BEGIN PUBLIC KEY-----(.*?)-----END/s
        or die "$file: no certificate\n";
    return MIME::Base64::encode_base64(
        Digest::SHA::sha256(MIME::Base64::decode_base64($text)), '');
}


# It reads commands from descriptor 3 and writes answers to descriptor 4.
sub launch {
    my ($self, @command) = @_;
    pipe my $their_in, my $our_out or die "pipe: $!\n";
    pipe my $our_in, my $their_out or die "pipe: $!\n";
    my $leash = Gatehouse::Test::build() . '/leash';

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp 0, 0;
        # away from 3 and 4 first, in case they are just those
        my $in  = POSIX::dup(fileno $their_in);
        my $out = POSIX::dup(fileno $their_out);
        ($in, $out) = map { my $fd = $_;
            $fd = POSIX::dup($fd) while $fd <= 4; $fd } $in, $out;
        POSIX::dup2($in, 3);
        POSIX::dup2($out, 4);
        POSIX::close($_) for $in, $out;
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>>', "$self->{dir}/log";
        open STDERR, '>>', "$self->{dir}/log";
        @ENV{qw(HOME XDG_CONFIG_HOME XDG_CACHE_HOME)} = ($self->{dir}) x 3;
        delete @ENV{qw(DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS)};
        exec $leash, @command or POSIX::_exit(127);
    }

    close $their_in;
    close $their_out;
    binmode $our_out, ':raw';
    $our_out->autoflush(1);
    @$self{qw(pid out in)} = ($pid, $our_out, $our_in);
    return;
}


# ---- DevTools ---------------------------------------------------------------

sub call {
    my ($self, $method, $params, $session) = @_;
    my $id = $self->{next}++;
    my $message = { id => $id, method => $method, params => $params || {} };
    $message->{sessionId} = $session if defined $session;

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{out} } $JSON->encode($message), "\0";

    my $deadline = $self->deadline;
    while (1) {
        my $said = $self->next_message($deadline, $method);
        if (($said->{id} // 0) == $id) {
            die "$method: $said->{error}{message}\n" if $said->{error};
            return $said->{result};
        }
        $self->keep($said);
    }
}


# Events are told to the tab they belong to.
sub keep {
    my ($self, $said) = @_;
    return if !defined $said->{method};
    for my $tab (@{ $self->{tabs} }) {
        $tab->heard($said->{method}, $said->{params})
            if $tab && ($said->{sessionId} // '') eq $tab->session;
    }
    return;
}


# Reads what has come by now, or within so many seconds.
sub listen {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds || 0);
    while (defined(my $said = $self->message($end))) {
        $self->keep($said);
        $end = 0;
    }
    return;
}


sub deadline { return time + ($_[1] || 60) * Gatehouse::Test::slow() }

sub next_message {
    my ($self, $deadline, $what) = @_;
    return $self->message($deadline)
        // die "the browser did not answer: $what\n";
}


# The next message, or undef when the time has come
sub message {
    my ($self, $end) = @_;
    while (1) {
        my $at = index $self->{text}, "\0";
        if ($at >= 0) {
            my $text = substr $self->{text}, 0, $at + 1, '';
            chop $text;
            return $JSON->decode($text);
        }
        my $left = $end - time;
        $left = 0 if $left < 0;
        IO::Select->new($self->{in})->can_read($left) or return;
        sysread($self->{in}, $self->{text}, 1 << 20, length $self->{text})
            or die 'the browser ended: ', $self->log, "\n";
    }
}


sub log {
    my ($self) = @_;
    open my $fh, '<', "$self->{dir}/log" or return '';
    local $/;
    return <$fh> // '';
}


# ---- tabs and cookies -------------------------------------------------------

# Another person is another profile without a trace of the first.
sub context {
    my ($self, $person) = @_;
    return () if !defined $person;
    $self->{context}{$person}
        //= $self->call('Target.createBrowserContext')->{browserContextId};
    return (browserContextId => $self->{context}{$person});
}


sub tab {
    my ($self, %arg) = @_;
    my $target = $self->call('Target.createTarget', {
        url => 'about:blank', $self->context($arg{person}) })->{targetId};
    my $session = $self->call('Target.attachToTarget', {
        targetId => $target, flatten => JSON::PP::true })->{sessionId};
    my $tab = Gatehouse::Test::Tab->new($self, $target, $session);

    push @{ $self->{tabs} }, $tab;
    return $tab->prepare;
}


sub tabs { return @{ $_[0]{tabs} } }

sub close_tab {
    my ($self, $tab) = @_;
    $self->call('Target.closeTarget', { targetId => $tab->target });
    @{ $self->{tabs} } = grep { $_ != $tab } $self->tabs;
    return;
}


sub cookies {
    my ($self, $person) = @_;
    return @{ $self->call('Storage.getCookies',
                          { $self->context($person) })->{cookies} };
}


sub cookie {
    my ($self, $name, $person) = @_;
    my ($found) = grep { $_->{name} eq $name } $self->cookies($person);
    return $found;
}


sub set_cookie {
    my ($self, %cookie) = @_;
    my $person = delete $cookie{person};
    $self->call('Storage.setCookies', { cookies => [ \%cookie ],
                                        $self->context($person) });
    return $self;
}


sub clear_cookies {
    my ($self, $person) = @_;
    $self->call('Storage.clearCookies', { $self->context($person) });
    return $self;
}


# ---- the end ----------------------------------------------------------------

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    $_->{browser} = undef for $self->tabs;
    $self->{tabs} = [];
    {
        local $SIG{PIPE} = 'IGNORE';
        print { $self->{out} } $JSON->encode(
            { id => 0, method => 'Browser.close' }), "\0";
    }
    close delete $self->{out};

    my $deadline = time + 5;
    my $gone;
    until ($gone = waitpid($pid, POSIX::WNOHANG()) == $pid) {
        last if time > $deadline;
        sleep 0.01;
    }
    kill 'KILL', -$pid;
    waitpid $pid, 0 if !$gone;
    close delete $self->{in};
    return;
}


sub DESTROY {
    my ($self) = @_;
    return if $$ != $OWNER;
    local ($?, $@, $!);
    $self->stop;
    for (1 .. 20) {
        File::Path::remove_tree($self->{dir}, { error => \my $wrong });
        last if !@$wrong;
        sleep 0.1;
    }
    return;
}

1;
