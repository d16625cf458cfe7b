package Gatehouse::Test::Misprovider::State;

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64url);
use Time::HiRes qw(time);

use Gatehouse::Test::Misprovider::Switches;
use Gatehouse::Test::Page;
use Gatehouse::Test::Party;
use Gatehouse::Test::Token;

=head1 NAME

Gatehouse::Test::Misprovider::State - what the processes of the provider share

=head1 DESCRIPTION

A directory: C<state> is written by the test and read at each request; codes,
tokens and families are files of their own, taken by removing them, so that
of two who come with one code only one gets something. C<journal> and
C<complaints> grow by lines.

=over

=item new($dir), load, save

=item put($kind, $name, \%document), get($kind, $name), take($kind, $name)

=item signer, decoy, published, id_token($context, $access_token)

=item stranger($request, \%form)

why a client is not who it says, or nothing

=item record($request, $endpoint), complain($text)

=back

=cut

my $JSON  = JSON::PP->new->utf8->canonical->allow_nonref;
my @KINDS = qw(codes refresh used families access sessions assertions);


sub new {
    my ($class, $dir) = @_;
    mkdir "$dir/$_" for @KINDS;
    return bless { dir => $dir }, $class;
}


sub load {
    my ($self) = @_;
    my $dir = $self->{dir};
    %$self = (dir => $dir, %{ $JSON->decode(slurp("$dir/state")) });
    return $self;
}


sub save {
    my ($self, %state) = @_;
    write_file("$self->{dir}/state", $JSON->encode(\%state));
    return;
}


sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return;
    local $/;
    return <$fh> // '';
}


sub write_file {
    my ($path, $text) = @_;
    open my $fh, '>:raw', "$path.$$" or die "$path: $!\n";
    print {$fh} $text;
    close $fh or die "$path: $!\n";
    rename "$path.$$", $path or die "$path: $!\n";
    return;
}


sub path {
    my ($self, $kind, $name) = @_;
    return $name =~ /^[\w-]{1,200}$/ ? "$self->{dir}/$kind/$name" : undef;
}


sub put {
    my ($self, $kind, $name, $document) = @_;
    write_file($self->path($kind, $name), $JSON->encode($document));
    return;
}


sub get {
    my ($self, $kind, $name) = @_;
    my $path = $self->path($kind, $name) // return;
    my $text = slurp($path) // return;
    return $JSON->decode($text);
}


sub take {
    my ($self, $kind, $name) = @_;
    my $document = $self->get($kind, $name) // return;
    return unlink($self->path($kind, $name)) ? $document : undef;
}


# ---- keys and tokens --------------------------------------------------------

# Keys travel as private JWKs.
sub thaw {
    my ($frozen) = @_;
    my ($alg, $jwk) = @$frozen{qw(alg jwk)};
    my $class = $alg =~ /^[RP]S/ ? 'Crypt::PK::RSA'
              : $alg =~ /^ES/ ? 'Crypt::PK::ECC' : 'Crypt::PK::Ed25519';

    eval "require $class; 1" or die $@;
    return bless { alg => $alg, kid => $frozen->{kid},
                   pk => $class->new($jwk) }, 'Gatehouse::Test::Token';
}


sub freeze {
    my ($key) = @_;
    return { alg => $key->alg, kid => $key->kid,
             jwk => $key->{pk}->export_key_jwk('private', 1) };
}


sub decoy { return $_[0]{decoy} && thaw($_[0]{decoy}) }

# The key that signs; a spare one at the first signature, if so switched
sub signer {
    my ($self) = @_;
    return thaw($self->{keys}[0])
        if !exists $self->{switches}{rotate_at_signing};
    return thaw($self->{spare});
}


sub published {
    my ($self) = @_;
    my @keys = @{ $self->{keys} };
    unshift @keys, $self->{spare}
        if exists $self->{switches}{rotate_at_signing}
           && -e "$self->{dir}/spare-used";
    return map { thaw($_) } @keys;
}


# A published key with the members that its model has, and no others
sub dress_key {
    my ($self, $jwk) = @_;
    my $model = ($self->{fixture} || return)->{jwk};

    delete @$jwk{ grep { !exists $model->{$_} } keys %$jwk };
    for my $name (grep { !exists $jwk->{$_} } keys %$model) {
        $jwk->{$name} = $model->{$name} =~ /^https:/ ? $self->{issuer}
                                                     : $model->{$name};
    }
    return;
}


sub hmac {
    my ($self, $secret) = @_;
    return Gatehouse::Test::Token->new(
        alg => 'HS256', kid => $self->{keys}[0]{kid},
        secret => $secret // $self->{client_secret});
}


sub id_token {
    my ($self, $context, $access) = @_;
    my $grant = $context->{grant};
    my $key   = $context->{key};
    my $now   = int time;
    my ($bits) = $key->alg =~ /(\d+)$/;
    my $hash  = Digest::SHA->new($bits // 512)->add($access)->digest;
    my $claims = {
        %{ $self->{claims} }, iss => $self->{issuer}, sub => $grant->{sub},
        aud => $grant->{client_id}, iat => $now, auth_time => int $grant->{at},
        exp => $now + $self->{id_lifetime}, sid => $grant->{sid},
        nonce => $grant->{nonce},
        at_hash => encode_base64url(substr $hash, 0, length($hash) / 2),
    };

    if (my $worn = $self->{fixture}) {
        delete @$claims{ @{ $worn->{no_claims} } };
        $claims->{azp} = $grant->{client_id} if $worn->{azp};
        $claims->{nbf} = $now if !grep { $_ eq 'nbf' } @{ $worn->{no_claims} };
    }

    my $name = 'Gatehouse::Test::Misprovider::Switches';
    $context->{hmac} = $self->hmac;
    $context->{confused} = $self->hmac($key->public_pem)
        if exists $self->{switches}{signature_confused};
    $name->can('apply')->('claims', $claims, $context);
    $name->can('apply')->('refreshed', $claims, $context)
        if $context->{refreshing};

    my $header = { typ => 'JWT', alg => $key->alg, kid => $key->kid };
    $name->can('apply')->('header', $header, $context);
    delete $header->{kid}
        if grep { /^kid_absent/ } keys %{ $self->{switches} };
    my $text = $key->sign($claims, raw_header => $JSON->encode($header));
    $text =~ s/[^.]*\z// if lc($header->{alg}) eq 'none';
    $name->can('apply')->('jwt', \$text, $context);

    write_file("$self->{dir}/spare-used", '')
        if exists $self->{switches}{rotate_at_signing};
    return $text;
}


# ---- clients ----------------------------------------------------------------

sub stranger {
    my ($self, $request, $form) = @_;
    my $basic = $request->{headers}{authorization} // '';
    my @ways = grep { $_ } $basic =~ /^Basic /i && 'basic',
               defined $form->{client_secret} && 'post',
               defined $form->{client_assertion} && 'jwt';

    return 'no client authentication' if !@ways;
    return "more than one way to authenticate: @ways" if @ways > 1;
    return "authenticated by $ways[0], registered for $self->{auth}"
        if defined $self->{auth} && $ways[0] ne $self->{auth};
    return $self->forger($form) if $ways[0] eq 'jwt';

    my ($id, $secret) = @$form{qw(client_id client_secret)};
    if ($ways[0] eq 'basic') {
        ($id, $secret) = map { s/\+/ /gr
                               =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger }
            split /:/, decode_base64($basic =~ s/^Basic\s+//ir), 2;
        return 'two client ids'
            if defined $form->{client_id} && $form->{client_id} ne $id;
    }
    return 'unknown client' if ($id // '') ne $self->{client_id};
    return 'wrong secret' if ($secret // '') ne $self->{client_secret};
    return;
}


# E36: what a client assertion must be
sub forger {
    my ($self, $form) = @_;
    my $jwt = $form->{client_assertion};
    my $party = 'Gatehouse::Test::Party';
    my ($header, $claims) = map { $party->$_($jwt) } qw(header claims);
    my $now = time;

    return 'client_assertion_type' if ($form->{client_assertion_type} // '')
        ne 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    return 'no key of this client is known' if !$self->{client_jwk};
    return 'signature of the assertion'
        if !Gatehouse::Test::Party::signed($jwt, $header->{alg},
                                           $self->{client_jwk});
    return 'iss and sub must be the client'
        if grep { ($claims->{$_} // '') ne $self->{client_id} } qw(iss sub);
    return 'the audience must be the issuer alone'
        if ref $claims->{aud} || ($claims->{aud} // '') ne $self->{issuer};
    return 'exp' if ($claims->{exp} // 0) <= $now
                    || $claims->{exp} > $now + 330;
    return 'no jti' if !length($claims->{jti} // '');
    my $jti = encode_base64url(Digest::SHA::sha256($claims->{jti}));
    return 'the jti was used before' if $self->get('assertions', $jti);
    $self->put('assertions', $jti, {});
    return;
}


# ---- memory -----------------------------------------------------------------

sub append {
    my ($self, $name, $document) = @_;
    open my $fh, '>>:raw', "$self->{dir}/$name" or die "$name: $!\n";
    syswrite $fh, $JSON->encode($document) . "\n";
    close $fh;
    return;
}


sub record {
    my ($self, $request, $endpoint) = @_;
    $self->append('journal', {
        at => time, endpoint => $endpoint,
        map({ $_ => $request->{$_} } qw(method path headers body)),
        query => { @{ $request->{query_pairs} } },
        form => { @{ $request->{form_pairs} } },
        params => { @{ $request->{query_pairs} },
                    @{ $request->{form_pairs} } },
    });
    return;
}


sub complain {
    my ($self, $text) = @_;
    $self->append('complaints', $text);
    return;
}

1;
