# The configuration walk: nginx -t refuses what would leave a door open, and
# warns of what weakens protection by accident.
use Gatehouse::Test;

my $t = Gatehouse::Test->new;
my $key = 'gatehouse_authenticate api_key;';

sub refused { return $t->conf_error(@_) }
sub said    { return ($t->conf_test(@_))[0] }


# Every location that passes requests on must say who may enter
my $uses = "location /a/ { $key proxy_pass http://echo; }\n";
for my $case (
    [ 'a prefix location',   '/x/',    'location /x/ { %s }' ],
    [ 'an exact location',   '/x',     'location = /x { %s }' ],
    [ 'a regex location',    '\.x$',   'location ~ \.x$ { %s }' ],
    [ 'a named location',    '@x',     'location @x { %s }' ],
    [ 'a nested location',   '/a/b/',
      'location /a/ { location /a/b/ { %s } }' ],
    [ 'an "if"',             '/x/',
      'location /x/ { if ($arg_a) { %s } }' ],
) {
    my ($what, $name, $text) = @$case;
    my $uses = $text =~ m{/a/} ? "location /z/ { $key }\n" : $uses;
    for my $pass ('proxy_pass http://echo;', 'fastcgi_pass 127.0.0.1:1;',
                  'grpc_pass grpc://echo;')
    {
        my $got = refused($uses . sprintf $text, $pass);
        like($got, qr/\[emerg\] .*\Q"$name"\E .* in locations\.conf:2 passes/,
             "$what with " . $pass =~ s/ .*//r . ' needs a word');
        like($got, qr/add "gatehouse_authenticate api_key;" or/,
             'and is told which');
    }
}
like(refused($uses . 'location /x/ { gatehouse_limit name=x rate=1r/s; '
             . 'proxy_pass http://echo; }'),
     qr/"\/x\/" .* does not say who may enter/, 'a limit is no such word');
like(refused($uses . "location /x/ { proxy_pass http://echo; }\n"
             . 'location /y/ { proxy_pass http://echo; }'),
     qr/"\/x\/".*"\/y\/"/s, 'all of them are named at once');
for my $fine (
    [ 'a location of its own',
      "$uses location /x/ { $key proxy_pass http://echo; }" ],
    [ 'the server\'s word for its locations',
      "$key location /x/ { proxy_pass http://echo; }"
      . 'location ~ \.x$ { proxy_pass http://echo; }' ],
    [ 'off, on purpose',
      "$uses location /x/ { gatehouse_authenticate off; "
      . 'proxy_pass http://echo; }' ],
    [ 'an "if" inside a location with a word',
      "location /x/ { $key if (\$arg_a) { proxy_pass http://echo; } }" ],
    [ 'limit_except inside one',
      "location /x/ { $key proxy_pass http://echo; "
      . 'limit_except GET { deny all; } }' ],
    [ 'stub_status and empty_gif',
      "$uses location = /s { stub_status; } location = /e { empty_gif; }" ],
    [ 'a server without a word of ours',
      'location /x/ { proxy_pass http://echo; }' ],
) {
    is(said($fine->[1]), '', "accepted in silence: $fine->[0]");
}
is(said(locations => $uses, http => 'server { listen 127.0.0.1:%%PORT_o%%; '
        . 'location / { proxy_pass http://echo; } }'), '',
   'accepted in silence: another server without a word of ours');
$t->prepare(http => '');


# Our lines stand where they have effect
for my $block ('if ($arg_a)', 'limit_except GET') {
    for my $line ('gatehouse_authenticate off', 'gatehouse_limit plan',
                  'gatehouse_authorize group=a', 'gatehouse_service x',
                  'gatehouse_forward off', 'gatehouse_target strict',
                  'gatehouse_principal_headers off')
    {
        my ($word) = split ' ', $line;
        like(refused("location / { $key\n $block { $line; } }"),
             qr/"$word" directive is not allowed here in locations\.conf:2/,
             "$word is refused in $block");
    }
}
like(refused("location /p/ {\n gatehouse_authenticate off; "
             . "gatehouse_authorize group=a; proxy_pass http://echo; }"),
     qr/"\/p\/" .* in locations\.conf:1 is public .*remove one of them/,
     'a public location has no rules of its own');


# `return` answers before anybody is asked
for my $line ($key, 'gatehouse_authorize group=a;', 'gatehouse_limit plan;') {
    like(refused("$key location /r/ {\n $line return 200 x; }"),
         qr/\[emerg\] .*"\/r\/".* in locations\.conf:1 .*"return 200"/,
         'a return 2xx is refused beside ' . $line =~ s/ .*//r);
}
like(refused("location /r/ { $key set \$x 1; return 204; }"),
     qr/"return 204"/, 'also after a set');
like(refused("location /r/ { $key if (\$arg_a) { set \$x 1; } return 201; }"),
     qr/"return 201"/, 'also after an if that does not answer');
like(refused("$key return 200 x;"), qr/server "localhost".*"return 200"/,
     'also for a whole server');
for my $case (
    [ 'inherited protection', "$key location /r/ { return 200 x; }" ],
    [ 'an "if"',
      "location /r/ { $key if (\$arg_a) { return 200 x; } "
      . 'proxy_pass http://echo; }' ],
    [ 'what a rewrite leaves',
      "location /r/ { $key rewrite ^/r/a /b last; return 200 x; }" ],
) {
    my ($got, $status) = $t->conf_test($case->[1]);
    is($status, 0, "a return 2xx is accepted: $case->[0]");
    like($got, qr/^\[warn\] .*"\/r\/".*"return 200".*not asked/,
         "with a warning: $case->[0]");
}
for my $text ('return 301 /x;', 'return 403;', 'return 404 no;',
              'if ($arg_a) { return 403; } proxy_pass http://echo;',
              'break; return 200;')
{
    is(said("location /r/ { $key $text }"), '', "nothing to say of: $text");
}
is(said("$uses location /r/ { gatehouse_authenticate off; return 200 x; }"),
   '', 'nor of what is public on purpose');


# Lines of an inner level that drop outer ones
like(said("$key gatehouse_authorize group=a; location /i/ { "
          . 'gatehouse_authorize group=b; proxy_pass http://echo; }'),
     qr/^\[warn\] .*"\/i\/".*gatehouse_authorize.*do not hold there; repeat/,
     'a rule that is dropped is said');
like(said("$key gatehouse_limit plan; location /i/ { gatehouse_limit name=a "
          . 'rate=1r/s; proxy_pass http://echo; }'),
     qr/^\[warn\] .*"\/i\/".*gatehouse_limit.*do not hold/,
     'so is a limit');
is(said("$key gatehouse_authorize group=a; location /i/ { "
        . 'gatehouse_authorize group=a; gatehouse_authorize group=b; '
        . 'proxy_pass http://echo; }'), '', 'a rule that is repeated is not');
for my $case (
    [ 'gatehouse_authorize deny group=x; gatehouse_authorize deny scope=y;',
      1, 'lines that only deny' ],
    [ 'gatehouse_authorize deny group=x; gatehouse_authorize group=y;', 0,
      'a line that admits' ],
    [ 'gatehouse_authorize deny;', 0, 'nobody, on purpose' ],
) {
    my ($lines, $warned, $what) = @$case;
    my $said = said("$key location /d/ { $lines proxy_pass http://echo; }");
    if ($warned) {
        like($said, qr/^\[warn\] .*"\/d\/".*only gatehouse_authorize lines that deny, so nobody is let in; add/,
             "$what: a warning");
    } else {
        is($said, '', "$what: none");
    }
}
is(said("$key gatehouse_limit plan; location /i/ { gatehouse_limit plan; "
        . 'gatehouse_limit name=a rate=1r/s; proxy_pass http://echo; }'), '',
   'nor a limit');
is(said("$key gatehouse_authorize group=a; location /i/ { "
        . 'gatehouse_authenticate off; proxy_pass http://echo; }'), '',
   'nor what a public location has no use for');


# What keeps from a service what it is to be told
for my $case (
    [ 'proxy_set_header X-Principal ""', 'proxy_set_header X-Principal',
      'gatehouse_principal_headers' ],
    [ 'proxy_set_header x-principal-groups staff',
      'proxy_set_header x-principal-groups', 'gatehouse_principal_headers' ],
    [ 'gatehouse_principal_headers off X-User=id; proxy_set_header X-User me',
      'proxy_set_header X-User', 'gatehouse_principal_headers' ],
    [ 'gatehouse_forward access_token; proxy_set_header Authorization ""',
      'proxy_set_header Authorization', 'gatehouse_forward' ],
) {
    my ($text, $line, $by) = @$case;
    like(said("\nlocation /a/ { $key proxy_pass http://echo;\n $text; }"),
         qr/^\[warn\] .*"\/a\/" .*\.conf:2 has "\Q$line\E", .* \Q$by\E tells/,
         "$line takes the place of what $by sends");
}
like(said("$key proxy_set_header X-Principal-Type 7;\n"
          . 'location /a/ { proxy_pass http://echo; }'),
     qr/^\[warn\] .*"\/a\/" .*:2 has "proxy_set_header X-Principal-Type"/,
     'also one that is inherited');
like(said("location /a/ { $key grpc_pass grpc://echo;\n"
          . 'grpc_set_header X-Principal-Type 7; }'),
     qr/:1 has "grpc_set_header X-Principal-Type"/, 'and of another module');
for my $module (qw(proxy fastcgi)) {
    my $line = "${module}_pass_request_headers off";
    my $to = $module eq 'proxy' ? 'http://echo' : '127.0.0.1:1';
    like(said("location /a/ { $key ${module}_pass $to;\n $line; }"),
         qr/^\[warn\] .*"\/a\/" .*:1 has "\Q$line\E", so the service behind is/,
         "$line keeps all from it");
}
is(said("location /a/ { $key proxy_pass http://echo; "
        . 'proxy_set_header X-Mine 1; proxy_set_header Authorization ""; '
        . 'proxy_set_header X-Principal-Type $gatehouse_principal; }'
        . "location /b/ { $key proxy_pass http://echo; "
        . 'gatehouse_principal_headers off; proxy_pass_request_headers off; '
        . 'proxy_set_header X-Principal-Type 7; }'
        . 'location /c/ { gatehouse_authenticate off; proxy_pass http://echo; '
        . 'proxy_pass_request_headers off; proxy_set_header X-Principal ""; }'),
   '', 'other headers, our own variables, and where nothing is sent, are fine');


# Files, and what subrequests do not meet
like(said("$uses location /f/ {\n root /tmp; }"),
     qr/^\[warn\] .*"\/f\/" .* in locations\.conf:2 serves files to everybody/,
     'files without a word are said');
is(said("$uses location /f/ { gatehouse_authenticate off; root /tmp; }\n"
        . 'location /i/ { internal; root /tmp; } location /g { return 404; }'
        . 'location /h { rewrite ^ /a/ last; }'), '',
   'but not those meant for all, internal ones, and what serves none');
for my $by ('auth_request', 'mirror') {
    like(said("location /m/ { $key $by /sub; proxy_pass http://echo; }\n"
              . "location = /sub { $key proxy_pass http://echo; }"),
         qr/^\[warn\] .*"\/sub" in locations\.conf:2 .*when $by calls it/,
         "protection that $by does not meet is said");
    is(said("location /m/ { $key $by /sub; proxy_pass http://echo; }\n"
            . 'location = /sub { gatehouse_authenticate off; '
            . 'proxy_pass http://echo; }'), '', 'a public one is not');
}
my $twice = said("location /m/ { $key mirror /sub; proxy_pass http://echo; "
                 . 'location /m/n { proxy_pass http://echo; } }'
                 . "location = /sub { $key proxy_pass http://echo; }");
is(scalar(() = $twice =~ /\[warn\]/g), 1, 'and each is said once');


# What only policies can answer needs them
my $none = Gatehouse::Test->new(policies => 0);
for my $case ([ api_key => $key ],
              [ gatehouse_service => 'gatehouse_service x;' ],
              [ plan => 'gatehouse_limit plan;' ])
{
    like($none->conf_error("location / {\n $case->[1] "
             . ($case->[1] eq $key ? '' : 'gatehouse_authenticate off; ')
             . 'proxy_pass http://echo; }'),
         qr{$case->[0]" in locations\.conf:1 needs policies; add "gatehouse_po},
         "$case->[0] without policies");
}

# And it does as it says: a public location under rules of the server is open
$t->start("$key gatehouse_authorize group=a;\n"
          . 'location /o/ { gatehouse_authenticate off; '
          . 'proxy_pass http://echo; } '
          . 'location /p/ { proxy_pass http://echo; }');
is($t->get('/o/')->status, 200, 'off is public, whatever the server asks for');
is($t->get('/p/')->status, 401, 'and only there');

done_testing;
