# Station resolve: which service and version a request asks for, what is said
# about versions that go away, and what the service behind receives.
use Gatehouse::Test;

my @backends = qw(v1 v2 v3 old plain);
my $t = Gatehouse::Test->new(backends => \@backends);

sub version {
    my ($upstream, %more) = @_;
    return { deployments => { blue => { upstream => $upstream } }, %more };
}

# Given services with versions in the path, in a header, in the media type
my %versions = (
    v1 => version('v1', deprecated => '2024-06-01', sunset => '2099-06-01',
                  successor => 'v2', link => 'https://docs.example.com/v2'),
    v2 => version('v2'),
    v0 => version('old', sunset => '2020-01-01'),
);
$t->services(
    orders   => { default_version => 'v2', versions => \%versions,
                  version_from => [ 'path', 'header:API-Version',
                                    'media-type' ],
                  access => [ { versions => ['v1'],
                                consumers => ['alice'] } ] },
    stripped => { versions => { v1 => version('v1'), v2 => version('v2') },
                  version_from => ['path'], strip_version => JSON::PP::true },
    plain    => { versions => { v1 => version('plain') } },
);
my ($alice, $bob) = $t->consumers(2);

$t->start(server => <<'EOS', http => <<'EOH', locations => <<'EOL');
    gatehouse_authenticate  api_key;
EOS
    map $arg_service $service {
        default  $arg_service;
    }
EOH
    location /orders/ {
        gatehouse_service  orders;
        proxy_pass         http://gatehouse;
    }
    location /s/ {
        gatehouse_service  stripped;
        proxy_pass         http://gatehouse;
    }
    location /bare {
        gatehouse_service  stripped;
        proxy_pass         http://gatehouse;
    }
    location /loose/ {
        gatehouse_service  stripped;
        gatehouse_target   allow=encoded-slash,double-slash,semicolon;
        proxy_pass         http://gatehouse;
    }
    location /based/ {
        gatehouse_service  stripped;
        proxy_pass         http://gatehouse/base/;
    }
    location ~ ^/v\d+/regex {
        gatehouse_service  stripped;
        proxy_pass         http://gatehouse;
    }
    location /tried/ {
        gatehouse_service  orders;
        try_files          /nonexistent @tried;
    }
    location @tried {
        gatehouse_service  orders;
        proxy_pass         http://gatehouse;
    }
    location /falls/ {
        gatehouse_service       stripped;
        proxy_intercept_errors  on;
        error_page              404 = @falls;
        proxy_pass              http://gatehouse;
    }
    location @falls {
        gatehouse_service  stripped;
        proxy_set_header   X-Echo "";
        proxy_pass         http://gatehouse;
    }
    location /plain/ {
        gatehouse_service  plain;
        proxy_pass         http://gatehouse;
    }
    location /many/ {
        gatehouse_service  $service;
        proxy_pass         http://gatehouse;
    }
    location /mix/ {
        gatehouse_service  orders;
        proxy_pass         http://gatehouse;
    }
EOL


sub ask {
    my ($target, @headers) = @_;
    return $t->get($target, key => $alice, headers => \@headers);
}

# "v1 /what/it/received", or the status and reason
sub seen {
    my ($res) = @_;
    my $got = $res->received;
    return $got ? $got->backend . ' ' . $got->target : $res->status;
}

my $wants = 'application/vnd.orders.';

# Where a version is said
is(seen(ask('/orders/v1/x')), 'v1 /orders/v1/x', 'a version in the path');
is(seen(ask('/orders/x')), 'v2 /orders/x', 'the default without one');
is(seen(ask('/orders/')), 'v2 /orders/', 'also for the location itself');
is(seen(ask('/orders/x', 'API-Version' => 'v1')), 'v1 /orders/x',
   'a version in a header');
is(seen(ask('/orders/x', 'API-Version' => '1')), 'v1 /orders/x',
   'its number is enough');
is(seen(ask('/orders/x', 'api-version' => ' v1 ')), 'v1 /orders/x',
   'in any case and with spaces around');
is(seen(ask('/orders/x', Accept => "${wants}v1+json")), 'v1 /orders/x',
   'a version in the media type');
is(seen(ask('/orders/x', Accept => 'application/json; version=1')),
   'v1 /orders/x', 'or a parameter of it');
is(seen(ask('/orders/x', Accept => 'application/json')), 'v2 /orders/x',
   'a media type without one says nothing');
is(seen(ask('/orders/v1', 'API-Version' => 'v1',
            Accept => "${wants}v1+json")), 'v1 /orders/v1',
   'three places that agree');

# Where they disagree, and B19: nobody picks one version's rules and
# another's service
$t->journal_clear;
is(seen(ask('/orders/v1/x', 'API-Version' => 'v2')), 400,
   'B19: path and header that disagree are refused');
is(seen(ask('/orders/v2/x', Accept => "${wants}v1+json")), 400,
   'B19: path and media type too');
is(seen(ask('/orders/x', 'API-Version' => 'v1', 'API-Version' => 'v2')), 400,
   'B19: two headers too');
is(seen(ask('/orders/x', Accept => "${wants}v1+json, ${wants}v2+json")), 400,
   'B19: two media types too');
my $res = $t->get('/orders/v1/x', key => $bob);
is($res->status, 403, 'B19: a version is for whom its rules admit');
is($t->get('/orders/x', key => $bob, headers => [ 'API-Version' => '1' ])
     ->status, 403, 'B19: however it is asked for');
is(scalar $t->journal, 0, 'B19: and no service saw any of these');
is($t->get('/orders/v2/x', key => $bob)->status, 200,
   'the other version is open');

# What is unknown, and what is over
is(seen(ask('/orders/v9/x')), 404, 'an unknown version is 404');
is(seen(ask('/orders/x', 'API-Version' => 'v9')), 404, 'in a header too');
is(seen(ask('/orders/x', 'API-Version' => '../v1')), 404,
   'what is no name is unknown');
is(seen(ask('/orders/vanilla')), 'v2 /orders/vanilla',
   'a segment that is no version is a name like others');
$res = ask('/orders/v0/x');
is($res->status, 410, 'after its sunset a version is 410');
is($res->json->{status}, 410, 'as a problem document');
is(seen(ask('/s/x')), 404, 'without a default a version must be given');
is(seen(ask('/plain/v1/x')), 'plain /plain/v1/x',
   'a service of one version needs none, and has no path of it');
is($t->get('/orders/v9/x')->status, 404,
   'the version is known before the caller');

# Services by variable
is(seen(ask('/many/x?service=plain')), 'plain /many/x?service=plain',
   'a variable names the service');
is(seen(ask('/many/v2/x?service=orders')), 'v2 /many/v2/x?service=orders',
   'another value, another service');
is(seen(ask('/many/x?service=nobody')), 404, 'an unknown one is 404');
is(seen(ask('/many/x')), 404, 'no name is unknown, too');

# What is announced
$res = ask('/orders/v1/x?secret=1');
is($res->header('Deprecation'), '@1717200000', 'since when it is deprecated');
is($res->header('Sunset'), 'Mon, 01 Jun 2099 00:00:00 GMT', 'when it ends');
like(join(', ', $res->headers('Link')),
     qr{<https://docs\.example\.com/v2>;\s*rel="?deprecation"?},
     'where to read about it');
like(join(', ', $res->headers('Link')),
     qr{</orders/v2[^?>]*>;\s*rel="?successor-version"?},
     'what comes after it');
unlike(join(', ', $res->headers('Link')), qr/secret/,
       'and nothing of the query');
$res = $t->get('/orders/v1/x', key => $bob);
is($res->header('Deprecation'), '@1717200000', 'refusals announce it too');
$res = ask('/orders/v1/_status/500');
is($res->header('Sunset'), 'Mon, 01 Jun 2099 00:00:00 GMT',
   'so do failures of the service');
is(ask('/orders/v2/x')->header('Deprecation'), undef,
   'a version that stays announces nothing');

# strip_version: the service receives what it would without us
my @stripped = (
    '/s/v1/x'          => 'v1 /s/x',
    '/s/v2/x/y?a=/v2/' => 'v2 /s/x/y?a=/v2/',
    '/s/v1'            => 'v1 /s/',
    '/s/v1?a=1'        => 'v1 /s/?a=1',
    '/s/v1/'           => 'v1 /s/',
    '/s/v1/v1/x'       => 'v1 /s/v1/x',
    '/s/v1/a%20b'      => 'v1 /s/a%20b',
    '/s/v1/%C3%B6'     => 'v1 /s/%C3%B6',
    '/s/%76%31/x'      => 'v1 /s/x',
    '/s/v1/x?y=%2e%2f' => 'v1 /s/x?y=%2e%2f',
    '/bare/v1/x'       => 'v1 /bare/x',
    '/bare/v1'         => 'v1 /bare/',
    '/based/v1/x'      => 'v1 /base/x',
    '/based/v1/a%20b'  => 'v1 /base/a%20b',
    '/based/v1'        => 'v1 /base/',
    '/v1/regex/x'      => 'v1 /regex/x',
    '/loose/v1/a%2Fb'  => 'v1 /loose/a%2Fb',
    '/loose/v1%2Fx'    => 'v1 /loose/x',
    '/loose//v1/x'     => 'v1 /loose/x',
    '/loose%2Fv1/x'    => 'v1 /loose/x',
);
while (my ($sent, $received) = splice @stripped, 0, 2) {
    is(seen(ask($sent)), $received, "strip_version: $sent");
}
is(seen($t->get('/s/v1/x', key => $alice, http2 => 1)), 'v1 /s/x',
   'strip_version: over HTTP/2');

# Jumps keep the version
is(seen(ask('/tried/v1/x')), 'v1 /tried/v1/x',
   'a named location knows the prefix of the one before it');
is($t->get('/tried/v1/x', key => $bob)->status, 403,
   'and asks the same version\'s rules');
is(seen(ask('/falls/v2/x', 'X-Echo' => 'status=404')), 'v2 /falls/x',
   'a fallback is asked for the version of the request');
is(seen(ask('/mix/v2/x', 'X-Echo' => 'accel=/mix/v1/y')), 500,
   'a redirect that never ends is nginx\'s 500');
$t->journal_clear;
$t->get('/mix/v2/x', key => $bob, headers => [ 'X-Echo' =>
                                              'accel=/mix/v1/y' ]);
is(join(' ', map { $_->backend } $t->journal('v1')), '',
   'B19: a redirect to another version asks the rules of that version');

# Over a reload and a change of policies
$versions{v3} = version('v3');
$t->services(orders => { default_version => 'v3', versions => \%versions,
                         version_from => ['path'] });
is(seen(ask('/orders/x')), 'v3 /orders/x', 'a new version is there at once');
is(seen(ask('/orders/x', 'API-Version' => 'v1')), 'v3 /orders/x',
   'and a header says nothing where it is not asked');
is(scalar(grep { $_->{reason} eq 'version_sunset' } $t->decisions), 1,
   'the log says why');

done_testing;
