package Gatehouse::Test::Page;

use strict;
use warnings;

use Gatehouse::Test::Response;

our @ISA = qw(Gatehouse::Test::Response);

=head1 NAME

Gatehouse::Test::Page - an answer read as a page without scripts

=head1 DESCRIPTION

A L<Gatehouse::Test::Response> that knows where it came from.

=over

=item url

where it is; after redirects, where they ended.

=item location

where it redirects to, made absolute, or undef.

=item forms

its forms in order: { id action method fields buttons }, where fields and
buttons are lists of { name value type id }. C<form($word)> is the first whose
id, field or button has that name; without a word, the first of all.

=item links

the targets of its links, made absolute; C<link($id)> is the one with that id.

=item text

what a reader sees.

=back

The functions C<parse_url>, C<absolute>, C<encode_form>, C<decode_form> serve
others too.

=cut

my %ENTITY = (amp => '&', lt => '<', gt => '>', quot => '"', apos => "'",
              nbsp => ' ');


# Of a response that the client got
sub of {
    my ($class, $response, $url) = @_;
    return bless { %$response, url => $url }, $class;
}


sub url { return $_[0]{url} }


sub location {
    my ($self) = @_;
    my $to = $self->header('Location');
    return defined $to ? absolute($to, $self->url) : undef;
}


sub text {
    my ($self) = @_;
    my $text = $self->body =~ s{<(style|script|title)\b.*?</\1>}{}gsri;
    $text = unescape($text =~ s/<[^>]*>/ /gsr);
    return $text =~ s/\s+/ /gr =~ s/^ | $//gr;
}


sub links {
    my ($self) = @_;
    return map { absolute($_->{href}, $self->url) } grep { $_->{href} }
           map { attributes($_) } $self->body =~ /<a\s([^>]*)>/gi;
}


sub link {
    my ($self, $id) = @_;
    my ($found) = grep { ($_->{id} // '') eq $id }
                  map { attributes($_) } $self->body =~ /<a\s([^>]*)>/gi;
    return $found && absolute($found->{href}, $self->url);
}


sub form {
    my ($self, $word) = @_;
    my @forms = $self->forms;
    return $forms[0] if !defined $word;

    for my $form (@forms) {
        return $form if grep { ($_ // '') eq $word } $form->{id},
            map { @$_{qw(name id)} } @{ $form->{fields} },
                                     @{ $form->{buttons} };
    }
    return;
}


sub forms {
    my ($self) = @_;
    my (@forms, $form, %by_id, @late, $textarea, $select);

    my $html = $self->body;

    while ($html =~ m{<(/?)(form|input|button|textarea|select|option)
                            \b([^>]*)>([^<]*)}gsix)
    {
        my ($close, $tag, $rest, $after) = ($1, lc $2, $3, $4);
        my $has = attributes($rest);

        if ($tag eq 'form') {
            $form = $close ? undef : {
                id => $has->{id}, fields => [], buttons => [],
                action => absolute($has->{action} // '', $self->url),
                method => uc($has->{method} // 'get'),
            };
            push @forms, $form if $form;
            $by_id{ $has->{id} } = $form if $form && defined $has->{id};
            next;
        }
        next if $close || exists $has->{disabled};

        my $type  = lc($has->{type} // ($tag eq 'button' ? 'submit' : 'text'));
        my $field = { name => $has->{name}, id => $has->{id}, type => $type,
                      value => $has->{value} // '' };
        my $list  = $type =~ /^(?:submit|image|button)$/ ? 'buttons'
                                                         : 'fields';
        if ($tag eq 'textarea') {
            $field->{value} = unescape($after =~ s/^\r?\n//r);
        } elsif ($tag eq 'select') {
            $select = $field;
        } elsif ($tag eq 'option') {
            $select->{value} = $has->{value} // unescape($after)
                if $select && (exists $has->{selected}
                               || !$select->{chosen}++);
            next;
        } elsif ($type =~ /^(?:checkbox|radio)$/) {
            next if !exists $has->{checked};
            $field->{value} = $has->{value} // 'on';
        }
        push @late, [ $has->{form}, $form, $list, $field ];
    }

    for (@late) {
        my ($id, $around, $list, $field) = @$_;
        my $owner = defined $id ? $by_id{$id} : $around;
        push @{ $owner->{$list} }, $field if $owner;
    }
    return @forms;
}


sub attributes {
    my ($text) = @_;
    my %has;

    while ($text =~ m{([^\s=/>"']+)
                      (?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?}gx)
    {
        my ($name, $value) = (lc $1, $2 // $3 // $4 // '');
        $has{$name} //= unescape($value);
    }
    return \%has;
}


sub unescape {
    my ($text) = @_;
    my $byte = sub { my $c = chr shift; utf8::encode($c); $c };
    $text =~ s/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/
               defined $1 ? $byte->($1) : defined $2 ? $byte->(hex $2)
                          : $ENTITY{$3} \/\/ "&$3;"/gie;
    return $text;
}


# scheme, host, port, path (without the query), target (with it), origin
sub parse_url {
    my ($url) = @_;
    my ($scheme, $host, $port, $rest)
        = $url =~ m{^(https?)://([^/:?\#]+|\[[^\]]+\])(?::(\d+))?([^\#]*)}i
        or die "no http address: $url\n";

    $scheme = lc $scheme;
    $host   = lc $host;
    $port ||= $scheme eq 'https' ? 443 : 80;
    $rest = "/$rest" if $rest !~ m{^/};
    return { scheme => $scheme, host => $host, port => $port,
             target => $rest, path => $rest =~ s/\?.*//sr,
             origin => "$scheme://$host:$port" };
}


sub absolute {
    my ($to, $base) = @_;
    return $to if $to =~ m{^[a-z][a-z0-9+.-]*:}i;

    my $url = parse_url($base);
    my ($origin) = $base =~ m{^([^/]+//[^/?\#]+)};
    return "$url->{scheme}:$to" if $to =~ m{^//};
    return "$origin$to"         if $to =~ m{^/};
    return $base =~ s/\#.*//r   if $to eq '';
    return "$origin$url->{path}$to" if $to =~ /^\?/;

    my $path = $url->{path} =~ s{[^/]*$}{}r . $to;
    1 while $path =~ s{(?:^|/)\./}{/} || $path =~ s{/(?!\.\./)[^/]+/\.\./}{/};
    return "$origin$path";
}


sub encode {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    return $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
}


# Pairs, or a hash, as application/x-www-form-urlencoded
sub encode_form {
    my (@pairs) = @_;
    @pairs = map { $_ => $pairs[0]{$_} } sort keys %{ $pairs[0] }
        if ref $pairs[0];
    my @text;
    while (@pairs) {
        my ($name, $value) = splice @pairs, 0, 2;
        push @text, encode($name) . '=' . encode($value) if defined $value;
    }
    return join '&', @text;
}


# The pairs of such a text, or of an address's query
sub decode_form {
    my ($text) = @_;
    $text =~ s/^[^?]*\?// if $text =~ m{^(?:https?:/)?/};
    return map {
        my ($name, $value) = split /=/, $_, 2;
        map { s/\+/ /gr =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger }
            $name, $value // '';
    } grep { length } split /&/, $text =~ s/\#.*//sr;
}

1;
