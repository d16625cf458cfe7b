# What is measured: a line per path. To measure one more, add a line here and
# its location to t/bench/conf.
package Gatehouse::Bench::Paths;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(paths);

# name, server, port, target, what is sent, the answer's status, in words
#
# sent: none, key (declared), issued, slow (no allowance left), unknown,
#       key-each (with a limit that nobody has asked for before),
#       RS256, ES256 (one token), RS256s, ES256s (thousands, each new to the
#       cache), session (a person's cookie), signed-1k, signed-64k (POST
#       with a body of that size, each with a signature of its own)
my @PATHS = (
    [ qw(bare bare BARE / none 200), 'bare `proxy_pass`, no module' ],
    [ qw(bare-key bare BARE / key 200), 'bare, sent an API key' ],
    [ qw(bare-rs bare BARE / RS256 200), 'bare, sent an RS256 token' ],
    [ qw(bare-es bare BARE / ES256 200), 'bare, sent an ES256 token' ],
    [ qw(bare-session bare BARE / session 200), 'bare, sent a cookie' ],
    [ qw(bare-signed-1k bare BARE /signed signed-1k 200),
      'bare, sent a signed 1 KB body' ],
    [ qw(bare-signed-64k bare BARE /signed signed-64k 200),
      'bare, sent a signed 64 KB body' ],

    [ qw(public gate GATE /public none 200), 'public location' ],
    [ qw(key-nolog gate GATE /key-nolog key 200),
      'API key + plan limit + principal headers' ],
    [ qw(key gate GATE /key key 200), 'the same, with the log line' ],
    [ qw(key-issued gate GATE /key issued 200),
      'a key issued by the tool' ],
    [ qw(key-redis shared SHARED /key key 200),
      'key and log line, the plan shared through Redis' ],
    [ qw(key-redis-each shared SHARED /each key-each 200),
      'the same, each request asks Redis' ],
    [ qw(router gate GATE /router/v2/x key 200),
      'service with versions, green and blue' ],
    [ qw(jwt-rs gate GATE /jwt-rs RS256 200), 'JWT RS256, repeated' ],
    [ qw(jwt-es gate GATE /jwt-es ES256 200), 'JWT ES256, repeated' ],
    [ qw(session gate GATE /session session 200), 'session in memory' ],
    [ qw(jwt-rs-new gate GATE /jwt-rs RS256s 200), 'JWT RS256, each one new' ],
    [ qw(jwt-es-new gate GATE /jwt-es ES256s 200), 'JWT ES256, each one new' ],
    [ qw(signed-1k gate GATE /signed signed-1k 200),
      'signature ES256, 1 KB body' ],
    [ qw(signed-64k gate GATE /signed signed-64k 200),
      'signature ES256, 64 KB body' ],
    [ qw(refused-401 gate GATE /key unknown 401),
      'refused: unknown key (401)' ],
    [ qw(refused-403 gate GATE /admin key 403), 'refused: wrong group (403)' ],
    [ qw(refused-429 gate GATE /key slow 429),
      'refused: plan used up (429)' ],

    [ qw(nginx-key nginx NGINX /key key 200),
      'nginx: `map` + `limit_req` + header' ],
    [ qw(nginx-key-log nginx NGINX /key-log key 200),
      'nginx: the same, with a log line' ],
    [ qw(haproxy-key haproxy HAPROXY_KEY /key key 200),
      'HAProxy: map + stick table + header' ],
    [ qw(haproxy-key-log haproxy HAPROXY_KEY /key-log key 200),
      'HAProxy: the same, with a log line' ],
    [ qw(haproxy-jwt-rs haproxy HAPROXY_JWT / RS256 200),
      'HAProxy: JWT RS256, repeated' ],
    [ qw(haproxy-jwt-es haproxy HAPROXY_JWT / ES256 200),
      'HAProxy: JWT ES256, repeated' ],
    [ qw(haproxy-jwt-rs-new haproxy HAPROXY_JWT / RS256s 200),
      'HAProxy: JWT RS256, each one new' ],
    [ qw(haproxy-jwt-es-new haproxy HAPROXY_JWT / ES256s 200),
      'HAProxy: JWT ES256, each one new' ],
);


# Bare nginx reads and passes on what is sent, too: a path is compared with
# bare that is sent the same. { path => bare path }
my %BARE = (none => 'bare', RS256 => 'bare-rs', RS256s => 'bare-rs',
            ES256 => 'bare-es', ES256s => 'bare-es',
            session => 'bare-session', 'signed-1k' => 'bare-signed-1k',
            'signed-64k' => 'bare-signed-64k');


# All of them, or the bare ones and those that are named ("key,router").
sub paths {
    my ($only) = @_;
    my @all = map {
        my %path;
        @path{qw(name server port target sent status title)} = @$_;
        $path{bare} = $BARE{ $path{sent} } // 'bare-key';
        \%path;
    } @PATHS;
    my %wanted = map { $_ => 1 } split /,/, $only // '';

    return @all if ($only // '') eq '';

    my %known = map { $_->{name} => 1 } @all;
    for my $name (grep { !$known{$_} } sort keys %wanted) {
        die "no path \"$name\"; there are: "
            . join(' ', map { $_->{name} } @all) . "\n";
    }
    return grep { $wanted{ $_->{name} } || $_->{server} eq 'bare' } @all;
}

1;
