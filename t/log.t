# The decision line, as text and as JSON: one line whatever came, escaped,
# and without what opens a door (THREATS M1, M2). The single variables for
# people's own formats and cache keys (M5), and how many refusals the error
# log takes (K11).
use Gatehouse::Test;

# Given both formats side by side
my $t = Gatehouse::Test->new;
$t->plans(default => '1r/h burst=1000');
my $key = $t->consumers(1);
$t->start(http => <<'EOH', locations => <<'EOL');
    log_format  test_text escape=none '$gatehouse_log_text';
    access_log  %%DIR%%/logs/text.log test_text;
EOH
    gatehouse_bad_credentials  off;
    location / {
        gatehouse_authenticate  api_key;
        gatehouse_api_key       header=X-API-Key query=door;
        gatehouse_limit         plan;
        proxy_pass              http://echo;
    }
EOL

sub text_log {
    return split /\n/,
           Gatehouse::Test::Logs::slurp($t->dir . '/logs/text.log');
}

# When a caller is let in, and another is not
is($t->get('/x?a=b', key => $key)->status, 200, 'a good key enters');
is($t->get('/x', key => "${key}x")->status, 401, 'a wrong one does not');

# Then there is a line of each, in both formats
my ($good, $bad) = $t->decisions(2);
is("$good->{decision} $good->{reason} $good->{status}", 'allowed ok 200',
   'what was decided, and why');
is("$good->{principal} $good->{consumer} $good->{credential}",
   'consumer:alice alice ' . $key->key_id, 'for whom, by which key');
is("$good->{http_method} $good->{host} $good->{target} $good->{source}",
   'GET localhost /x?a=b 127.0.0.1', 'what was asked, from where');
is($good->{generation}, $t->generation, 'under which policies');
like($good->{request_id}, qr/^[0-9a-f]{32}$/, 'which request');
like($good->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'and when');
is("$bad->{decision} $bad->{status}", 'refused 401', 'the other is refused');
ok(!exists $bad->{principal}, 'and is nobody');
$t->wait_for(sub { text_log() >= 2 }, 5, 'the text lines');
my ($line) = text_log();
like($line, qr/^\S+Z gatehouse: allowed reason=ok status=200 http_method=GET/,
     'the text says the same');
like($line, qr/ request_id=$good->{request_id}( |$)/, 'of the same request');

# M2: whatever is in it, a line is one line
my @odd = ("/a%0D%0Agatehouse:%20allowed", '/%1B[31mred', '/"quoted"',
           '/%EF%BB%BFbom', '/%C3%A4', '/%FF%FE', '/\\back', '/a=b%20c',
           '/%00', '/' . 'x' x 3000);
my $before = $t->decision_log;
$t->raw_request("GET $_ HTTP/1.1\r\nHost: localhost\r\nX-API-Key: $key\r\n"
                . "User-Agent: \x1b[31m\"evil\\\r\n\r\n") for @odd;
my @lines = $t->decisions($before + @odd);
is(scalar @lines, $before + @odd, 'M2: each request is one line of JSON');
$t->wait_for(sub { text_log() >= $before + @odd }, 5, 'the text lines');
my @text = text_log();
is(scalar @text, $before + @odd, 'M2: and one line of text');
is(scalar(grep { /[^\x20-\x7e]/ } @text, $t->decision_log), 0,
   'M2: of nothing but visible ASCII');
is(scalar(grep { !/^\S+Z gatehouse: (?:allowed|refused|undecided) / } @text), 0,
   'M2: that begins as ours does');
cmp_ok((sort { $b <=> $a } map { length } @text)[0], '<', 4096,
       'M2: and is cut where it would be too long');

# M1: what opens a door is masked
$t->get('/x?access_token=opensesame1&q=1&code=opensesame2', key => $key);
$t->get("/x?door=$key&q=2");
$t->get('/x?DOOR=opensesame3&password=opensesame4&token=opensesame5');
$t->plant_secret(map { "opensesame$_" } 1, 2, 4, 5);
@lines = $t->decisions($before + @odd + 3);
is($lines[-3]{target}, '/x?access_token=***&q=1&code=***',
   'M1: values of known names are masked');
is($lines[-2]{reason}, 'ok', 'M1: a key in the query opens');
unlike($lines[-2]{target}, qr/gh_/, 'M1: and is not in the line');


# ---- single variables --------------------------------------------------------

# Given a format of every variable, and a service that is told some of them
my @name = qw(principal consumer method service version deployment decision
              reason request_id source claim_tenant claim_level claim_admin
              claim_roles claim_none);
my $es = Gatehouse::Test->token_key(alg => 'ES256', kid => 'es');
my $v  = Gatehouse::Test->new(backends => ['blue']);
my $vera = $v->consumer('vera');
my $adam = $v->consumer('adam');
$v->services(talk => { default_version => 'v2', version_from => ['path'],
    versions => { map { $_ => { deployments => { main => {
        upstream => 'blue' } } } } qw(v1 v2) } });
$v->file('jwks.json', Gatehouse::Test::Token::jwks($es));
$v->start(http => <<'EOH', server => 'set $early $gatehouse_principal;',
    log_format  own '$gatehouse_principal|$gatehouse_consumer|'
                    '$gatehouse_method|$gatehouse_service|'
                    '$gatehouse_version|$gatehouse_deployment|'
                    '$gatehouse_decision|$gatehouse_reason|'
                    '$gatehouse_request_id|$gatehouse_source|'
                    '$gatehouse_claim_tenant|$gatehouse_claim_level|'
                    '$gatehouse_claim_admin|$gatehouse_claim_roles|'
                    '$gatehouse_claim_none|$early';
    access_log  %%DIR%%/logs/own.log own;
    access_log  %%DIR%%/logs/decisions.log test_json;
    map $gatehouse_principal $whose {
        default   theirs;
        ~.        $gatehouse_principal;
    }
    proxy_cache_path  %%DIR%%/cache keys_zone=kept:1m;
    gatehouse_token_issuer idp {
        issuer     https://idp.test;
        audience   https://api.test;
        jwks_file  %%DIR%%/jwks.json;
    }
EOH
          locations => <<'EOL');
    gatehouse_bad_credentials  off;
    location / {
        gatehouse_authenticate  optional api_key token=idp;
        proxy_set_header        X-Told "$gatehouse_principal $gatehouse_method";
        proxy_set_header        X-Map  $whose;
        proxy_pass              http://echo;
    }
    location /talk/ {
        gatehouse_authenticate  api_key;
        gatehouse_service       talk;
        proxy_pass              http://gatehouse;
    }
    location /kept/ {
        gatehouse_authenticate  api_key;
        proxy_cache             kept;
        proxy_cache_key         $gatehouse_principal$request_uri;
        proxy_cache_valid       200 1h;
        proxy_pass              http://echo;
    }
EOL

my $seen = 0;

# The values that the line of this request has, by name
sub values_of {
    my ($target, %arg) = @_;
    my $res = $v->get($target, %arg);
    my @lines;
    $seen++;
    $v->wait_for(sub {
        @lines = split /\n/,
                 Gatehouse::Test::Logs::slurp($v->dir . '/logs/own.log');
        return @lines >= $seen;
    }, 5, 'its line');
    my %value;
    @value{ @name, 'early' } = split /\|/, $lines[$seen - 1], -1;
    is($value{request_id}, $res->header('X-Request-Id'),
       "the id of the request: $target");
    is($value{source}, '127.0.0.1', 'and where it came from');
    return (\%value, $res);
}

sub shown {
    my ($value, @which) = @_;
    return join ' ', map { $value->{$_} } @which;
}

my @who = qw(principal consumer method);
my ($value, $res) = values_of('/', key => $vera);
is(shown($value, @who), 'consumer:vera vera api_key', 'who it was, by what');
is(shown($value, qw(decision reason service version deployment)),
   'allowed ok - - -', 'what was decided');
is($value->{early}, '', 'before that, nobody was anybody');
is($res->received->header('X-Told'), 'consumer:vera api_key',
   'the service can be told the same');
is($res->received->header('X-Map'), 'consumer:vera', 'by a map as well');

my $token = $es->sign({ iss => 'https://idp.test', aud => 'https://api.test',
    sub => 'u1', exp => time + 600, tenant => 'north', level => 3,
    admin => JSON::PP::true(), roles => ['a'] });
($value, $res) = values_of('/', token => $token);
is(shown($value, @who), 'idp:u1 - token', 'a bearer of a token');
is(shown($value, grep { /^claim_/ } @name), 'north 3 true a -',
   'with the claims as a header would carry them');
my $forged = substr($token, 0, -8) . 'AAAAAAAA';
$v->plant_secret($forged);
($value, $res) = values_of('/', token => $forged);
is($res->status . ' ' . shown($value, @who, qw(decision reason claim_tenant)),
   '401 - - - refused token_signature -',
   'A15: of a token that is forged nothing is told');
($value, $res) = values_of('/');
is(shown($value, @who, 'reason') . ' ' . $res->received->header('X-Map'),
   '- - - anonymous theirs', 'nobody is nobody');

($value) = values_of('/talk/x', key => $vera);
is(shown($value, qw(service version deployment)), 'talk v2 main',
   'what it was routed to by default');
($value) = values_of('/talk/v1/x', key => $vera);
is(shown($value, qw(service version deployment)), 'talk v1 main', 'and by name');
($value, $res) = values_of('/talk/v9/x', key => $vera);
is($res->status . ' ' . shown($value, qw(service version decision reason)),
   '404 talk - refused version_unknown', 'or not at all');
($value) = values_of('/talk/x');
is(shown($value, qw(decision reason)), 'refused credential_missing',
   'a refusal has its reason');

# M5: a cache of nginx's own that is keyed by the principal
$v->journal_clear;
for my $key ($vera, $vera, $adam, $vera, $adam) {
    my $name = $key->name;
    $res = $v->get('/kept/x', key => $key);
    is($res->received->header('X-Principal'), "consumer:$name",
       "M5: a kept answer is given to whom it was made for: $name");
}
is(scalar $v->journal, 2, 'M5: and was asked for once by each');
is($v->get('/kept/x')->status, 401, 'M5: and by nobody else');


# ---- K11 ---------------------------------------------------------------------

# When somebody is refused some hundred times a second
my $load = $v->load('/talk/x', clients => 4, seconds => 2, rate => 300)->wait;
cmp_ok($load->status(401), '>', 200, 'K11: given hundreds of refusals');
my %said;
$said{$_}++ for map { m{^(\S+ \S+) .*gatehouse: refused} ? $1 : () }
                split /\n/, $v->error_log;
my ($most) = sort { $b <=> $a } values %said;
cmp_ok($most, '<=', 20, 'K11: at most twenty a second are in the error log');
# the next second says how many were left out
my $left_out = $v->wait_for(sub {
    $v->get('/talk/x');
    my ($sum, $log) = (0, $v->error_log);
    $sum += $1 while $log =~ /gatehouse: (\d+) more refusals were/g;
    return $sum > 100 && $sum;
}, 5, 'the number of the others');
cmp_ok($left_out, '>', 100, 'K11: and of the others how many they were');
ok($v->wait_for(sub {
    $load->status(401)
        <= scalar grep { /credential_missing/ } $v->decision_log;
}, 5, 'all of them'), 'K11: the decision log has them all');

done_testing;
