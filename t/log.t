# The decision line, as text and as JSON: one line whatever came, escaped,
# and without what opens a door (THREATS M1, M2).
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

done_testing;
