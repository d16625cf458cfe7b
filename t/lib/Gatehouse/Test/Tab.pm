package Gatehouse::Test::Tab;

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 ();
use Scalar::Util ();
use Time::HiRes qw(sleep time);

=head1 NAME

Gatehouse::Test::Tab - one tab of a Gatehouse::Test::Browser

=head1 DESCRIPTION

Actions return the tab and die when they cannot be done in 40 seconds; places
on a page are CSS selectors, the first match counts.

=over

=item goto($url), reload

navigates and waits until the page has loaded, redirects included. An address
that cannot be reached dies with Chromium's word (C<net::ERR_...>).

=item fill($place, $text), click($place), press($key)

as a person does: focus and typed text, a mouse at the middle, a key such as
C<Enter>. A click does not wait for what it starts; the waits below do.

=item wait_url(qr//), wait_text(qr//), wait_for($place), wait_until(sub)

=item url, title, text, html, has($place), value($place)

=item status, header($name), headers

of the last document that was loaded.

=item requests

everything it asked for: { method url type status }.

=item run($javascript)

the value of an expression in the page; promises are waited for. It works on
pages whose policy allows no script.

=item screenshot($file)

the whole page as PNG.

=item errors

what the console and the policies complained about.

=item close

=back

=cut

my $DEADLINE = 40;
my %KEY = (Enter => [ 13, "\r" ], Tab => [ 9, '' ], Escape => [ 27, '' ]);


sub new {
    my ($class, $browser, $target, $session) = @_;
    my $self = bless { browser => $browser, target => $target,
                       session => $session, requests => {}, order => [],
                       errors => [], loaded => {}, frame => '' }, $class;
    Scalar::Util::weaken($self->{browser});
    return $self;
}


sub target  { return $_[0]{target} }
sub session { return $_[0]{session} }
sub errors  { return @{ $_[0]{errors} } }

sub requests { return @{ $_[0]{order} } }


sub call {
    my ($self, $method, %params) = @_;
    my $browser = $self->{browser} // die "the browser has ended\n";
    return $browser->call($method, \%params, $self->{session});
}


sub prepare {
    my ($self) = @_;
    $self->call("$_.enable") for qw(Page Network Runtime Log);
    $self->call('Page.setLifecycleEventsEnabled',
                enabled => JSON::PP::true);
    $self->{frame} = $self->call('Page.getFrameTree')
                          ->{frameTree}{frame}{id};
    return $self;
}


# An event that the browser heard for this tab
sub heard {
    my ($self, $event, $p) = @_;

    if ($event eq 'Network.requestWillBeSent') {
        my $request = { method => $p->{request}{method}, status => 0,
                        url => $p->{request}{url}, type => $p->{type},
                        post => $p->{request}{postData} };
        my $before = $self->{requests}{ $p->{requestId} };
        $before->{status} = $p->{redirectResponse}{status}
            if $before && $p->{redirectResponse};
        $self->{requests}{ $p->{requestId} } = $request;
        push @{ $self->{order} }, $request;
    } elsif ($event eq 'Network.responseReceived') {
        my $request = $self->{requests}{ $p->{requestId} };
        $request->{status} = $p->{response}{status} if $request;
        $self->{document} = $p->{response}
            if $p->{type} eq 'Document' && $p->{frameId} eq $self->{frame};
    } elsif ($event eq 'Page.lifecycleEvent') {
        $self->{loaded}{ $p->{loaderId} } = 1
            if $p->{name} eq 'load' && $p->{frameId} eq $self->{frame};
    } elsif ($event eq 'Log.entryAdded') {
        push @{ $self->{errors} }, $p->{entry}{text}
            if $p->{entry}{level} eq 'error';
    } elsif ($event eq 'Page.javascriptDialogOpening') {
        push @{ $self->{errors} }, "dialog: $p->{message}";
    }
    return;
}


# ---- going somewhere --------------------------------------------------------

sub goto {
    my ($self, $url) = @_;
    my $went = $self->call('Page.navigate', url => $url);

    die "$url: $went->{errorText}\n" if length($went->{errorText} // '');
    return $self if !defined $went->{loaderId};
    return $self->wait_until(sub { $self->{loaded}{ $went->{loaderId} } },
                             "$url to load");
}


sub reload {
    my ($self) = @_;
    $self->{loaded} = {};
    $self->call('Page.reload');
    return $self->wait_until(sub { %{ $self->{loaded} } }, 'a reload');
}


sub close {
    my ($self) = @_;
    $self->{browser}->close_tab($self) if $self->{browser};
    return;
}


# ---- looking ----------------------------------------------------------------

sub run {
    my ($self, $javascript) = @_;
    my $answer = $self->call('Runtime.evaluate', expression => $javascript,
        returnByValue => JSON::PP::true, awaitPromise => JSON::PP::true);
    my $wrong = $answer->{exceptionDetails};
    die 'in the page: ', $wrong->{exception}{description} // $wrong->{text},
        "\n" if $wrong;
    return $answer->{result}{value};
}


sub quote { return JSON::PP->new->allow_nonref->ascii->encode("$_[0]") }

sub url   { return $_[0]->run('location.href') }
sub title { return $_[0]->run('document.title') }
sub html  { return $_[0]->run('document.documentElement.outerHTML') }

sub text {
    return $_[0]->run('document.body ? document.body.innerText : ""');
}

sub has {
    my ($self, $place) = @_;
    return $self->run('!!document.querySelector(' . quote($place) . ')');
}

sub value {
    my ($self, $place) = @_;
    return $self->run('document.querySelector(' . quote($place) . ').value');
}

sub status { return ($_[0]{document} || {})->{status} }

sub headers { return ($_[0]{document} || {})->{headers} || {} }

sub header {
    my ($self, $name) = @_;
    my $all = $self->headers;
    my ($found) = grep { lc $_ eq lc $name } keys %$all;
    return defined $found ? $all->{$found} : undef;
}


sub screenshot {
    my ($self, $file) = @_;
    my $data = $self->call('Page.captureScreenshot', format => 'png',
        captureBeyondViewport => JSON::PP::true)->{data};
    open my $fh, '>:raw', $file or die "$file: $!\n";
    print {$fh} MIME::Base64::decode_base64($data);
    CORE::close($fh) or die "$file: $!\n";
    return $self;
}


# ---- waiting ----------------------------------------------------------------

# A page that is just being replaced has no answer to a question; asked again
# it has.
sub wait_until {
    my ($self, $condition, $what) = @_;
    my $end = time + $DEADLINE * Gatehouse::Test::slow();

    while (1) {
        my $value = eval { $condition->() };
        die $@ if $@ && $@ !~ /^(?:Runtime|Page|DOM)\.|^in the page/;
        return $self if $value;
        die 'waited in vain for ', $what // 'a condition', ' at ',
            eval { $self->url } // 'no page', ': ',
            substr(eval { $self->text } // '', 0, 500), "\n" if time > $end;
        $self->{browser}->listen(0.02);
    }
}


# The page is there and has been read to its end.
sub ready { return $_[0]->run('document.readyState') eq 'complete' }

sub wait_url {
    my ($self, $pattern) = @_;
    return $self->wait_until(
        sub { $self->url =~ $pattern && $self->ready }, "address $pattern");
}


sub wait_text {
    my ($self, $pattern) = @_;
    return $self->wait_until(sub { $self->text =~ $pattern },
                             "text $pattern");
}


sub wait_for {
    my ($self, $place) = @_;
    return $self->wait_until(sub { $self->has($place) }, $place);
}


# ---- acting -----------------------------------------------------------------

sub click {
    my ($self, $place) = @_;
    my $at;

    $self->wait_until(sub {
        $at = $self->run('(() => { const e = document.querySelector('
            . quote($place) . '); if (!e) return null;'
            . ' e.scrollIntoView({ block: "center", behavior: "instant" });'
            . ' const r = e.getBoundingClientRect(); return r.width'
            . ' ? [ r.x + r.width / 2, r.y + r.height / 2 ] : null; })()');
    }, "$place to click at");

    for my $type (qw(mouseMoved mousePressed mouseReleased)) {
        my $down = $type ne 'mouseMoved';
        $self->call('Input.dispatchMouseEvent', type => $type,
                    x => $at->[0], y => $at->[1],
                    $down ? (button => 'left', clickCount => 1) : ());
    }
    return $self;
}


sub fill {
    my ($self, $place, $text) = @_;
    $self->wait_for($place);
    $self->run('(() => { const e = document.querySelector(' . quote($place)
        . '); e.focus(); if (e.select) e.select(); e.value = ""; })()');
    $self->call('Input.insertText', text => "$text");
    return $self;
}


sub press {
    my ($self, $key) = @_;
    my ($code, $text) = @{ $KEY{$key} or die "no key $key\n" };

    for my $type (qw(keyDown keyUp)) {
        $self->call('Input.dispatchKeyEvent', type => $type, key => $key,
                    code => $key, windowsVirtualKeyCode => $code,
                    length $text && $type eq 'keyDown' ? (text => $text)
                                                       : ());
    }
    return $self;
}

1;
