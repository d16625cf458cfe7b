package Gatehouse::Test::Glewlwyd;

use strict;
use warnings;

use File::Path ();
use File::Temp ();
use IO::Select;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Gatehouse::Test::Page;
use Gatehouse::Test::Ports;
use Gatehouse::Test::Tls;

=head1 NAME

Gatehouse::Test::Glewlwyd - Debian's glewlwyd as a provider

=head1 SYNOPSIS

    my $op = Gatehouse::Test::Glewlwyd->new(redirect_uri => $back);
    my $page = $op->login($person, $url, 'alice');

=head1 DESCRIPTION

Runs F<examples/glewlwyd/run> on a port of its own, over https with an
authority of its own, or http with C<< tls => 0 >>. The client is
C<gatehouse>; people are alice (groups staff, admin) and bob (staff).

=over

=item new(redirect_uri => ..., post_logout_uri => ..., tls => 1)

=item issuer, port, ca, certificate, secret, secret_file

=item login($person, $url, $name, %visit)

Its login page is a program of many scripts. This does what that program
does (its API: password, then consent) for a L<Gatehouse::Test::Login> that
was sent there by C<$url>, and goes on to where that leads.

=item login_in_tab($tab, $name)

the same by hand in a L<Gatehouse::Test::Tab> that has come to the login page.

=item stop

=back

=cut

my $OWNER = $$;


sub new {
    my ($class, %arg) = @_;
    my $dir = File::Temp::tempdir('ghglew-XXXXXX', TMPDIR => 1);
    my $tls = exists $arg{tls} ? $arg{tls} : 1;
    my $self = bless { dir => $dir, out => '',
                       port => Gatehouse::Test::Ports::free_port() }, $class;
    my %env = (PORT => $self->{port}, REDIRECT_URI => $arg{redirect_uri},
               POST_LOGOUT_URI => $arg{post_logout_uri}
                                  // $arg{redirect_uri});

    chmod 0755, $dir;
    if ($tls) {
        $self->{authority} = Gatehouse::Test::Tls->new("$dir/tls");
        @env{qw(CERT KEY)}
            = $self->{authority}->issue('localhost', '127.0.0.1');
        $self->{certificate} = $env{CERT};
    }
    $self->start(%env);

    $self->{issuer} = $self->value('ISSUER');
    $self->{secret} = $self->value('CLIENT_SECRET');
    open my $fh, '>', "$dir/secret" or die "secret: $!\n";
    print {$fh} $self->{secret};
    close $fh or die "secret: $!\n";
    return $self;
}


sub start {
    my ($self, %env) = @_;
    my $script = Gatehouse::Test::root() . '/examples/glewlwyd/run';
    my $leash  = Gatehouse::Test::build() . '/leash';
    pipe my $in, my $out or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp 0, 0;
        @ENV{ keys %env } = values %env;
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $out;
        exec $leash, $script, "$self->{dir}/run" or POSIX::_exit(127);
    }
    close $out;
    @$self{qw(pid in)} = ($pid, $in);

    my $end = time + 60 * Gatehouse::Test::slow();
    my $poll = IO::Select->new($in);
    while ($self->{out} !~ /^ready:/m) {
        my $n = $poll->can_read($end - time)
            && sysread $in, $self->{out}, 4096, length $self->{out};
        next if $n;
        $self->stop;
        die "glewlwyd did not start: $self->{out}\n";
    }
    return;
}


sub value {
    my ($self, $name) = @_;
    open my $fh, '<', "$self->{dir}/run/env" or die "env: $!\n";
    my ($line) = grep { /^\Q$name\E=/ } <$fh>;
    return $line =~ /=(.*)/ ? $1 : '';
}


sub port        { return $_[0]{port} }
sub issuer      { return $_[0]{issuer} }
sub secret      { return $_[0]{secret} }
sub secret_file { return "$_[0]{dir}/secret" }
sub certificate { return $_[0]{certificate} }

sub ca {
    my ($self) = @_;
    return $self->{authority} && $self->{authority}->ca;
}


sub api {
    my ($self, $person, $method, $path, $document) = @_;
    my $origin = Gatehouse::Test::Page::parse_url($self->issuer)->{origin};
    my $page = $person->ask($method, "$origin/api/$path",
        headers => [ 'Content-Type' => 'application/json' ],
        body => JSON::PP->new->utf8->encode($document));
    die "glewlwyd: $method $path: ", $page->status, ' ', $page->body, "\n"
        if $page->status != 200;
    return $page;
}


sub login {
    my ($self, $person, $url, $name, %visit) = @_;
    my $page = $person->visit($url, %visit);
    my %asked = Gatehouse::Test::Page::decode_form($page->url);

    return $page if $page->url !~ m{/login\.html\?};
    $self->api($person, 'POST', 'auth/', {
        username => $name, password => "demo-$name" });
    $self->api($person, 'PUT', "auth/grant/$asked{client_id}", {
        scope => $asked{scope} });
    return $person->visit("$asked{callback_url}&g_continue", %visit);
}


# The same by hand in a real browser's tab that has come to the login page.
sub login_in_tab {
    my ($self, $tab, $name) = @_;
    $tab->fill('#username', $name)->fill('#password', "demo-$name")
        ->click('#loginbut')->wait_for('.btn-success');

    # asked for consent, unless that was given before
    my @boxes = grep { $tab->has("#grant-$_") } qw(profile email groups);
    $tab->click("#grant-$_") for @boxes;
    $tab->click('.carousel-item .btn-primary') if @boxes;
    return $tab->wait_until(sub { !@boxes || $tab->text
                                      !~ /on 'Grant access' to proceed/ },
                            'the consent to be taken')
               ->click('.btn-success');
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    my $end = time + 5;

    kill 'TERM', $pid;
    sleep 0.02 while waitpid($pid, POSIX::WNOHANG()) == 0 && time < $end;
    kill 'KILL', -$pid;
    waitpid $pid, 0;
    return;
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
