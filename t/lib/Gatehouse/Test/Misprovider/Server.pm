package Gatehouse::Test::Misprovider::Server;

use strict;
use warnings;

use Digest::SHA ();
use IO::Select;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64);
use POSIX ();
use Socket ();
use Time::HiRes qw(sleep time);

use Gatehouse::Test::Misprovider::State;
use Gatehouse::Test::Misprovider::Switches;
use Gatehouse::Test::Misprovider::Wire;
use Gatehouse::Test::Page;
use Gatehouse::Test::Party;

=head1 NAME

Gatehouse::Test::Misprovider::Server - the process of the misbehaving provider

=head1 DESCRIPTION

A provider for the code flow that is strict by itself: PKCE, registered
redirect addresses, a code once, client authentication in all three ways,
refresh tokens replaced at each use. What is switched on makes it wrong. One
process per connection; what they share are files (F<State.pm>), so that a
hanging answer holds up nobody.

C<< serve($socket, $state, $tls) >> runs until its parent is gone.

=cut

my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;
my %ROUTE = ('/.well-known/openid-configuration' => 'discovery',
             '/keys' => 'keys', '/authorize' => 'authorize',
             '/token' => 'token', '/userinfo' => 'userinfo',
             '/revoke' => 'revoke', '/end_session' => 'end_session');


sub serve {
    my ($socket, $state, $tls) = @_;
    my $parent = getppid;
    my $select = IO::Select->new($socket);

    $SIG{CHLD} = 'IGNORE';
    warm_up($tls);
    while (getppid == $parent) {
        $select->can_read(0.5) or next;
        my $client = $socket->accept or next;
        my $pid = fork // next;
        if (!$pid) {
            close $socket;
            eval { connection($client, $state, $tls); 1 }
                or $state->complain("crash: $@");
            POSIX::_exit(0);
        }
        close $client;
    }
    kill 'KILL', -$$;
    return;
}


# What every connection needs is loaded once, before the forks.
sub warm_up {
    my ($tls) = @_;
    require Crypt::PK::RSA;
    require Crypt::PK::ECC;
    require Crypt::PK::Ed25519;
    return if !$tls;

    require IO::Socket::SSL;
    my %tls = %$tls;
    delete $tls{trick};
    my $context = IO::Socket::SSL::SSL_Context->new(SSL_server => 1, %tls);
    $tls->{SSL_reuse_ctx} = $context if $context;
    return;
}


sub connection {
    my ($client, $state, $tls) = @_;

    if ($tls) {
        my %tls = %$tls;
        my $trick = delete $tls{trick} // '';
        sleep 3600 if $trick eq 'mute';
        syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
            if $trick eq 'plaintext';
        return if $trick eq 'closes';
        IO::Socket::SSL->start_SSL($client, SSL_server => 1, %tls)
            or return;
    }
    my $in = '';
    while (my $request = read_request($client, \$in)) {
        answer($client, $state, $request) or last;
    }
    $client->close;
    return;
}


sub read_request {
    my ($client, $in) = @_;

    until ($$in =~ /\r\n\r\n/) {
        sysread($client, $$in, 65536, length $$in) or return;
    }
    $$in =~ s/\A(.*?)\r\n\r\n//s;
    my ($line, @lines) = split /\r\n/, $1;
    my ($method, $target) = split / /, $line;
    my %header;
    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or next;
        $header{ lc $name } = defined $header{ lc $name }
                            ? "$header{ lc $name }, $value" : $value;
    }

    my $length = $header{'content-length'} // 0;
    while (length $$in < $length) {
        sysread($client, $$in, 65536, length $$in) or return;
    }
    my $body = substr $$in, 0, $length, '';
    my ($path, $query) = split /\?/, $target, 2;
    return { method => $method, target => $target, path => $path,
             headers => \%header, body => $body, query => $query // '' };
}


sub answer {
    my ($client, $state, $request) = @_;
    $state->load;
    my $base  = $state->{path};
    my $route = ($state->{fixture}
                 ? $state->{fixture}{routes}{ $request->{path} }
                 : $ROUTE{ $request->{path} =~ s/\A\Q$base\E//r }) // '';

    $request->{route} = $route;
    $request->{query_pairs} = [ Gatehouse::Test::Page::decode_form(
        $request->{query}) ];
    $request->{form_pairs} = [ Gatehouse::Test::Page::decode_form(
        $request->{body}) ];
    my %form = @{ $request->{form_pairs} };
    my $refreshing = ($form{grant_type} // '') eq 'refresh_token';
    my $endpoint = $route eq 'token' && $refreshing ? 'refresh' : $route;

    $state->record($request, $endpoint);
    my ($fault, $value) = Gatehouse::Test::Misprovider::Wire::fault(
        $state->{switches}, $endpoint || 'none');

    my $run = __PACKAGE__->can("do_$route");
    my $answer = $route ne '' && $run ? $run->($state, $request)
               : { status => 404, type => 'text/plain', body => 'not here' };
    $answer->{url} = $state->{issuer} . "/$route";
    return Gatehouse::Test::Misprovider::Wire::respond($client, $answer,
                                                       $fault, $value);
}


sub json {
    my ($document, $status) = @_;
    return { status => $status // 200, type => 'application/json',
             headers => "Cache-Control: no-store\r\n",
             body => $JSON->encode($document) };
}


sub refuse {
    my ($state, $error, $why, $status) = @_;
    $state->complain("$error: $why");
    return json({ error => $error, error_description => $why },
                $status // 400);
}


sub context {
    my ($state, %more) = @_;
    return { issuer => $state->{issuer}, switches => $state->{switches},
             key => $state->signer, decoy => $state->decoy, %more };
}


# ---- endpoints ---------------------------------------------------------------

sub do_discovery {
    my ($state) = @_;
    my $issuer = $state->{issuer};
    my $worn   = $state->{fixture} && $state->{fixture}{metadata};

    return json(Gatehouse::Test::Misprovider::Switches::apply('metadata',
                                                              $worn || {
        issuer => $issuer, jwks_uri => "$issuer/keys",
        authorization_endpoint => "$issuer/authorize",
        token_endpoint => "$issuer/token",
        userinfo_endpoint => "$issuer/userinfo",
        revocation_endpoint => "$issuer/revoke",
        end_session_endpoint => "$issuer/end_session",
        response_types_supported => ['code'],
        response_modes_supported => [qw(query fragment form_post)],
        grant_types_supported => [qw(authorization_code refresh_token)],
        subject_types_supported => ['public'],
        scopes_supported => [qw(openid profile email groups offline_access)],
        id_token_signing_alg_values_supported =>
            [qw(RS256 PS256 ES256 ES384 ES512 EdDSA)],
        token_endpoint_auth_methods_supported =>
            [qw(client_secret_basic client_secret_post private_key_jwt)],
        token_endpoint_auth_signing_alg_values_supported =>
            [qw(RS256 PS256 ES256 EdDSA)],
        code_challenge_methods_supported => ['S256'],
        authorization_response_iss_parameter_supported => JSON::PP::true,
        backchannel_logout_supported => JSON::PP::true,
        backchannel_logout_session_supported => JSON::PP::true,
    }, context($state)));
}


sub do_keys {
    my ($state) = @_;
    my $set = [ map { $_->jwk } $state->published ];
    Gatehouse::Test::Misprovider::Switches::apply('set', $set,
                                                  context($state));
    for my $jwk (grep { ref $_ eq 'HASH' } @$set) {
        $state->dress_key($jwk);
        delete $jwk->{kid} if !defined $jwk->{kid};
    }
    return json({ keys => $set });
}


sub do_authorize {
    my ($state, $request) = @_;
    my @pairs = (@{ $request->{query_pairs} }, @{ $request->{form_pairs} });
    my %asked = @pairs;
    my $on = $state->{switches};

    if (my $why = unfit($state, \%asked, scalar @pairs / 2)) {
        $state->complain("authorize: $why");
        return { status => 400, type => 'text/plain', body => $why };
    }
    if (exists $on->{ask} && !$asked{go}) {
        my $next = $request->{target};
        $next =~ s/&/&amp;/g;
        return { status => 200, type => 'text/html', body =>
            "<!doctype html><title>Who?</title><form method=post action=\""
            . "$next\"><button id=go name=go value=1>Go on</button></form>" };
    }

    my $code = Gatehouse::Test::Party::fresh();
    $state->append('issued', $code);
    $state->put('codes', $code, { %asked, at => time,
                                  sub => $state->{claims}{sub} });
    my $back = [ code => $code, state => $asked{state} ];
    push @$back, iss => $state->{issuer}
        if !$state->{fixture} || $state->{fixture}{metadata}
               {authorization_response_iss_parameter_supported};
    Gatehouse::Test::Misprovider::Switches::apply('answer', $back,
                                                  context($state));
    return way_back($state, $asked{redirect_uri}, $back);
}


# Why an authorization request cannot be answered, or nothing
sub unfit {
    my ($state, $asked, $n) = @_;
    my @known = @{ $state->{redirect_uris} };

    return 'a parameter stands there twice'
        if $n != keys %$asked && !$asked->{go};
    return 'unknown client'
        if ($asked->{client_id} // '') ne $state->{client_id};
    return 'redirect_uri is not registered' if !length(
        $asked->{redirect_uri} // '') || @known
        && !grep { $_ eq $asked->{redirect_uri} } @known;
    return 'response_type' if ($asked->{response_type} // '') ne 'code';
    return 'scope' if ($asked->{scope} // '') !~ /(?:^| )openid(?: |$)/;
    return 'no PKCE with S256'
        if ($asked->{code_challenge_method} // '') ne 'S256'
           || ($asked->{code_challenge} // '') !~ /^[\w-]{43}$/;
    return 'no nonce' if !length($asked->{nonce} // '');
    return 'no state' if !length($asked->{state} // '');
    return;
}


sub way_back {
    my ($state, $uri, $pairs) = @_;
    my $on = $state->{switches};

    if (exists $on->{form_post}) {
        my @old = @$pairs;
        my $fields = '';
        while (my ($name, $value) = splice @old, 0, 2) {
            $value =~ s/([^\w.~:\/-])/sprintf '&#%d;', ord $1/ge;
            $fields .= "<input type=hidden name=\"$name\""
                     . " value=\"$value\">";
        }
        return { status => 200, type => 'text/html', body =>
            '<!doctype html><title>Back</title><body '
            . 'onload="document.forms[0].submit()">'
            . "<form method=post action=\"$uri\">$fields"
            . '<button id=go>Go on</button></form>' };
    }

    my $query = Gatehouse::Test::Page::encode_form(@$pairs);
    my $mark  = exists $on->{fragment} ? '#' : $uri =~ /\?/ ? '&' : '?';
    return { status => 302, type => 'text/plain', body => '',
             headers => 'Location: ' . $uri
                        . (length $query ? "$mark$query" : '') . "\r\n" };
}


sub do_token {
    my ($state, $request) = @_;
    my %form = @{ $request->{form_pairs} };

    return refuse($state, 'invalid_request', 'not a POST')
        if $request->{method} ne 'POST';
    if (my $why = $state->stranger($request, \%form)) {
        return refuse($state, 'invalid_client', $why, 401);
    }
    return by_code($state, \%form)
        if ($form{grant_type} // '') eq 'authorization_code';
    return by_refresh($state, \%form)
        if ($form{grant_type} // '') eq 'refresh_token';
    return refuse($state, 'unsupported_grant_type', $form{grant_type} // '');
}


sub by_code {
    my ($state, $form) = @_;
    my $take = exists $state->{switches}{code_reusable} ? 'get' : 'take';
    my $grant = $state->$take('codes', $form->{code} // '')
        or return refuse($state, 'invalid_grant', 'no such code');

    return refuse($state, 'invalid_grant', 'another redirect_uri')
        if ($form->{redirect_uri} // '') ne $grant->{redirect_uri};
    my $verifier = $form->{code_verifier} // '';
    return refuse($state, 'invalid_grant', 'verifier')
        if $verifier !~ /^[\w.~-]{43,128}$/ || $grant->{code_challenge}
           ne encode_base64url(Digest::SHA::sha256($verifier));

    $grant->{sid}    = Gatehouse::Test::Party::fresh();
    $grant->{family} = Gatehouse::Test::Party::fresh();
    $state->put('families', $grant->{family}, {});
    $state->put('sessions', $grant->{sid}, { sub => $grant->{sub} });
    return issue($state, $grant, code => $form->{code});
}


sub by_refresh {
    my ($state, $form) = @_;
    my $token = $form->{refresh_token} // '';
    my $on = $state->{switches};

    return refuse($state, 'invalid_grant', 'switched off')
        if exists $on->{refresh_refused};
    my $take = exists $on->{refresh_reusable}
               || exists $on->{refresh_same_token} ? 'get' : 'take';
    my $grant = $state->$take('refresh', $token);
    if (!$grant) {
        my $used = $state->get('used', $token);
        $state->take('families', $used->{family}) if $used;
        return refuse($state, 'invalid_grant',
                      $used ? 'used before' : 'unknown');
    }
    return refuse($state, 'invalid_grant', 'the family has ended')
        if !$state->get('families', $grant->{family});

    $state->put('used', $token, { family => $grant->{family} });
    return issue($state, $grant, refreshing => 1);
}


sub issue {
    my ($state, $grant, %more) = @_;
    my $context = context($state, %more, grant => $grant);
    my ($access, $refresh) = map { Gatehouse::Test::Party::fresh() } 1, 2;
    my $worn = $state->{fixture} || {};

    $state->put('access', $access, { sub => $grant->{sub} });
    $state->put('refresh', $refresh, $grant);

    my $tokens = {
        access_token => $access, token_type => 'Bearer',
        refresh_token => $refresh, expires_in => $state->{lifetime},
        scope => $grant->{scope},
        id_token => $state->id_token($context, $access),
        %{ $worn->{tokens} || {} },
    };
    delete @$tokens{ @{ $worn->{no_tokens} || [] } };
    my @given = @$tokens{qw(access_token refresh_token id_token)};
    $state->append('issued', $_) for grep { defined } @given;
    return json(Gatehouse::Test::Misprovider::Switches::apply(
        'tokens', $tokens, $context));
}


sub do_userinfo {
    my ($state, $request) = @_;
    my ($token) = ($request->{headers}{authorization} // '')
                  =~ /^Bearer (\S+)$/;
    my $known = defined $token && $state->get('access', $token);
    my $on = $state->{switches};

    return { %{ refuse($state, 'invalid_token', 'userinfo', 401) },
             headers => "WWW-Authenticate: Bearer error=invalid_token\r\n" }
        if !$known;
    my $claims = Gatehouse::Test::Misprovider::Switches::apply('userinfo',
        { %{ ($state->{fixture} || {})->{userinfo} || $state->{claims} },
          sub => $known->{sub} }, context($state));
    return json($claims) if !grep { /^userinfo_signed/ } keys %$on;

    my %jwt = (%$claims, iss => $state->{issuer}, aud => $state->{client_id});
    $jwt{aud} = 'another' if exists $on->{userinfo_signed_aud};
    my $text = $state->signer->sign(\%jwt, header => {
        exists $on->{userinfo_signed_none} ? (alg => 'none') : () });
    $text =~ s/[^.]*\z// if exists $on->{userinfo_signed_none};
    return { status => 200, type => 'application/jwt', body => $text };
}


sub do_revoke {
    my ($state, $request) = @_;
    my %form = @{ $request->{form_pairs} };

    if (my $why = $state->stranger($request, \%form)) {
        return refuse($state, 'invalid_client', $why, 401);
    }
    my $grant = $state->take('refresh', $form{token} // '');
    $state->take('families', $grant->{family}) if $grant;
    $state->take('access', $form{token} // '');
    return { status => 200, type => 'text/plain', body => '' };
}


sub do_end_session {
    my ($state, $request) = @_;
    my %asked = (@{ $request->{query_pairs} }, @{ $request->{form_pairs} });
    my $to = $asked{post_logout_redirect_uri};

    return { status => 200, type => 'text/html',
             body => '<!doctype html><title>Bye</title>Logged out' }
        if !defined $to;
    my $back = [ defined $asked{state} ? (state => $asked{state}) : () ];
    Gatehouse::Test::Misprovider::Switches::apply('bye', $back,
                                                  context($state));
    return way_back({ switches => {} }, $to, $back);
}

1;
