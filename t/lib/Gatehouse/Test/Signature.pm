# A key of HTTP message signatures (RFC 9421) and the requests it signs, good
# and bad ones alike. Written apart from the module, so that both must mean
# the same.
package Gatehouse::Test::Signature;

use strict;
use warnings;

use Digest::SHA qw(sha256 sha512);
use MIME::Base64 qw(encode_base64);

use Gatehouse::Test::Consumer;
use Gatehouse::Test::Token;

my %JOSE = ('hmac-sha256' => 'HS256', 'ed25519' => 'EdDSA',
            'ecdsa-p256-sha256' => 'ES256', 'ecdsa-p384-sha384' => 'ES384',
            'rsa-pss-sha512' => 'PS512', 'rsa-v1_5-sha256' => 'RS256');
my $serial = 0;


# keyid => text, algorithm => 'hmac-sha256' (or another of RFC 9421 3.3)
sub new {
    my ($class, %arg) = @_;
    my $algorithm = $arg{algorithm} || 'hmac-sha256';
    my $alg = $JOSE{$algorithm} or die "no algorithm $algorithm\n";

    return bless {
        keyid => $arg{keyid} // 'key-' . ++$serial, algorithm => $algorithm,
        key => Gatehouse::Test::Token->new(
            alg => $alg, kid => undef,
            secret => Gatehouse::Test::Consumer::random_text(48)),
    }, $class;
}


sub keyid     { return $_[0]{keyid} }
sub algorithm { return $_[0]{algorithm} }
sub secret    { return $_[0]{key}->secret }


# How policies declare it; its file is made beside them.
sub declared {
    my ($self, $t) = @_;
    my $hmac = $self->{algorithm} eq 'hmac-sha256';
    my $name = "signature-$self->{keyid}";

    $t->plant_secret($self->secret) if $hmac;
    my $path = $t->file($name, $hmac ? $self->secret . "\n"
                                     : $self->{key}->public_pem);
    return { keyid => $self->{keyid}, algorithm => $self->{algorithm},
             ($hmac ? 'secret' : 'public_key') => "file:$path" };
}


# The headers that sign a request, as a flat list.
#   host scheme headers body   the request
#   components                 default: @method @authority @path @query, and
#                              content-digest with a body
#   digest => 'sha-256'        algorithm, or the whole field
#   created expires nonce keyid alg tag     undef leaves one out
#   label, params, input, base, value       the text itself, as it is sent;
#                              base and value may be a sub that changes it
sub sign {
    my ($self, $method, $target, %arg) = @_;
    my @headers = @{ $arg{headers} || [] };
    my $body    = ref $arg{body} ? join('', @{ $arg{body} }) : $arg{body};
    my @out;

    if (defined $body && !grep { lc eq 'content-digest' } @headers) {
        push @out, 'Content-Digest' => digest($arg{digest}, $body);
    }

    my @components = @{ $arg{components}
        || [ qw(@method @authority @path @query),
             defined $body ? 'content-digest' : () ] };
    my $input = $arg{input} // $self->input(\@components, %arg);
    my $label = $arg{label} // 'sig';

    my %message = (method => $method, target => $target,
                   host => $arg{host} // 'localhost',
                   scheme => $arg{scheme} // 'http',
                   headers => [ Host => $arg{host} // 'localhost', @headers,
                                @out ]);
    my $base = join "\n", (map { identifier($_) . ': ' . value($_, %message) }
                           @components), "\"\@signature-params\": $input";
    $base = $arg{base}->($base) if $arg{base};

    my $value = encode_base64($self->{key}->signature($base), '');
    $value = $arg{value}->($value) if $arg{value};

    return (@out, 'Signature-Input' => "$label=$input",
            'Signature' => "$label=:$value:");
}


sub digest {
    my ($digest, $body) = @_;
    $digest //= 'sha-256';
    return $digest if $digest =~ /=|^$/;
    return "$digest=:" . encode_base64($digest eq 'sha-512' ? sha512($body)
                                                           : sha256($body),
                                       '') . ':';
}


sub input {
    my ($self, $components, %arg) = @_;
    my %p = (created => time, keyid => $self->{keyid}, nonce => nonce(),
             %arg);
    my $text = '(' . join(' ', map { identifier($_) } @$components) . ')';

    for my $name (qw(created expires)) {
        $text .= ";$name=$p{$name}" if defined $p{$name};
    }
    for my $name (qw(keyid nonce alg tag)) {
        $text .= ";$name=\"$p{$name}\"" if defined $p{$name};
    }

    return $text . ($arg{params} // '');
}


sub nonce { return Gatehouse::Test::Consumer::random_text(22) }


# '@query-param;name="a"' is written "@query-param";name="a"
sub identifier {
    my ($component) = @_;
    my ($name, $params) = $component =~ /^([^;]*)(.*)$/s;
    return "\"$name\"$params";
}


sub value {
    my ($component, %m) = @_;
    my ($path, $query) = split /\?/, $m{target}, 2;
    my $authority = lc $m{host} =~ s/:80$//r;
    my $q = defined $query ? "?$query" : '';

    return $m{method}                              if $component eq '@method';
    return $authority                              if $component eq '@authority';
    return $m{scheme}                              if $component eq '@scheme';
    return $path                                   if $component eq '@path';
    return $q || '?'                               if $component eq '@query';
    return $m{target}                      if $component eq '@request-target';
    return "$m{scheme}://$authority$path$q"        if $component eq '@target-uri';

    if ($component =~ /^\@query-param;name="([^"]*)"/) {
        my ($value) = map { /^\Q$1\E=(.*)/s ? $1 : () } split /&/, $query // '';
        return $value // '';
    }

    my ($name, $params) = $component =~ /^([^;]*)(.*)$/s;
    my (@lines, @flat) = ();
    @flat = @{ $m{headers} };
    while (my ($n, $v) = splice @flat, 0, 2) {
        push @lines, $v =~ s/^[ \t]+|[ \t]+$//gr if lc $n eq $name;
    }

    return join ', ', map { ':' . encode_base64($_, '') . ':' } @lines
        if $params eq ';bs';
    if ($params =~ /^;key="([^"]*)"$/) {
        my $key = $1;
        my ($v) = join(', ', @lines) =~ /(?:^|,)\s*\Q$key\E=([^,]*)/;
        return $v // '';
    }
    return join ', ', @lines;
}

1;
