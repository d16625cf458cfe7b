# The recipes of docs/guides/providers.md log people in: at glewlwyd itself,
# and at documents shaped as those of Keycloak, Entra ID, Google, Okta and
# Auth0 (t/fixtures/oidc; never run against the live services).
use Gatehouse::Test timeout => 400;
use Gatehouse::Test::Glewlwyd;
use Gatehouse::Test::Login;
use Gatehouse::Test::Misprovider;

my $page = Gatehouse::Test::Logs::slurp(Gatehouse::Test::root()
                                        . '/docs/guides/providers.md');
my %recipe = map { /^gatehouse_oidc_provider (\w+)/ ? ($1 => $_) : () }
             $page =~ /^```nginx\n(.*?)^```/gms;

my $t  = Gatehouse::Test->new(tls => 1);
my $at = 'https://localhost:' . $t->port('tls');

# Given a gateway with every recipe, the addresses of ours put in
my @names = Gatehouse::Test::Misprovider::Fixture::names();
my $lacking = Gatehouse::Test::Needs::lacking('glewlwyd');
my %op = (map({ $_ => Gatehouse::Test::Misprovider->new(
                    fixture => $_, redirect_uris => ["$at/oidc_callback"]) }
              @names),
          $lacking ? () : (glewlwyd => Gatehouse::Test::Glewlwyd->new(
              redirect_uri => "$at/oidc_callback")));
diag($lacking) if $lacking;
is(join(' ', grep { !$recipe{$_} } sort keys %op), '',
   'every provider has a recipe');

sub here {
    my ($name) = @_;
    my $op = $op{$name};
    my ($issuer, $file, $ca) = ($op->issuer, $op->secret_file, $op->ca);
    my $other = '127.0.0.1:' . $op->port;

    return $recipe{$name}
        =~ s/^(\s+issuer\s+).*;/$1$issuer;/mr
        =~ s/^(\s+endpoint_hosts\s+).*;/$1$other;/mr
        =~ s/^(\s+client_secret\s+).*;/$1file:$file;/mr
        =~ s/^\}/    ssl_trusted_certificate  $ca;\n}/mr;
}

$t->start(http => join('', map { here($_) } sort keys %op),
          locations => join('', map { <<"EOF" } sort keys %op));
    location /$_/ {
        gatehouse_authenticate  oidc=$_;
        @{[ $_ eq 'google' ? 'gatehouse_authorize claim:hd=example.com;' : '' ]}
        proxy_pass              http://echo;
    }
EOF

# When somebody comes
my $authority = $t->authority->ca;
my %login = (glewlwyd => sub { $op{glewlwyd}->login(@_, 'alice') });

# Then the service behind knows who, and of which groups
my %expect = (
    auth0    => [ 'auth0:auth0|64f1c0ffee0123456789abcd', 'staff,admin',
                  'alice@example.com' ],
    entra    => [ 'entra:u3FvN0sYbQm8kLr2TzWcXeJdHgPiAoUqVnBfRtSyE5w',
                  '6c1a4b7e-0d55-4a0c-9a42-1f7f3e0a9b01,'
                  . 'e2d0b6c8-7a39-4c4f-8f57-5b0d9f6c2a02', 'alice@example.com' ],
    google   => [ 'google:104857600123456789012', 'none',
                  'alice@example.com' ],
    keycloak => [ 'keycloak:8d1f3b52-7c44-4a0e-b8d9-2f1e6c9a7b30',
                  'default-roles-staff,offline_access,uma_authorization,'
                  . 'admin', 'alice@example.com' ],
    okta     => [ 'okta:00u1abcd2EFGH3ijkl4m', 'Everyone,staff',
                  'alice@example.com' ],
    glewlwyd => [ undef, 'staff,admin', 'alice@example.com' ],
);
for my $name (sort keys %op) {
    my $op = $op{$name};
    my $alice = Gatehouse::Test::Login->new(ca => [ $op->ca, $authority ]);
    my $run = $login{$name} || sub { $_[0]->login($_[1], 'alice') };
    my $answer = $run->($alice, "$at/$name/");
    my $seen = $answer->received;

    is($answer->status, 200, "$name: a login")
        or diag($answer->url, ' ', $answer->text, ' ',
                $op->can('complaints') ? $op->complaints : '');
    next if !$seen;
    my ($who, $groups, $mail) = @{ $expect{$name} };
    my $says = sub { $seen->header("X-Principal$_[0]") // 'none' };
    is($says->(''), $who, "$name: who it is") if defined $who;
    is($says->('-Groups'), $groups, "$name: the groups");
    is($says->('-Email'), $mail, "$name: the address");
    is(join(' ', $op->complaints), '', "$name: nothing to complain about")
        if $op->can('complaints');
    $t->plant_secret($op->can('secrets') ? $op->secrets : $op->secret);
}

is($op{google}->asked('authorize', access_type => 'offline'), 1,
   'google: the arguments of the recipe are sent');

# At Google, somebody of no Workspace
$op{google}->misbehave(claims_with => { hd => undef },
                        userinfo_with => { hd => undef });
my $stranger = Gatehouse::Test::Login->new(
    ca => [ $op{google}->ca, $authority ]);
is($stranger->login("$at/google/", 'mallory')->status, 403,
   'google: the rule for one domain keeps everybody else out');

# Too many groups at Entra ID: a pointer in their place, which nobody follows
my $over = Gatehouse::Test::Misprovider::Fixture::read_file(
    'entra', 'id_token_overage');
$op{entra}->misbehave(claims_with => { groups => undef,
    map { $_ => $over->{$_} } qw(_claim_names _claim_sources) });
my $many = Gatehouse::Test::Login->new(ca => [ $op{entra}->ca, $authority ])
                                 ->login("$at/entra/", 'alice');
is($many->status, 200, 'entra: too many groups are no reason to refuse');
is($many->received && $many->received->header('X-Principal-Groups'), undef,
   'entra: and give none');

done_testing;
