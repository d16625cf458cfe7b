# The module loads into nginx and nginx starts with it.
use Gatehouse::Test;

my $t = Gatehouse::Test->new->start(<<'EOF');
    location / {
        proxy_pass  http://echo;
    }
EOF

is($t->get('/')->status, 200, 'a server without a word of Gatehouse serves');
is($t->conf_error('location / { gatehouse_nonsense; }'),
   '[emerg] unknown directive "gatehouse_nonsense" in locations.conf:1',
   'a directive that does not exist is refused');
ok($t->has_directive('gatehouse_authenticate'),
   'the module knows its directives');
ok($t->reload('location / { proxy_pass http://echo; }'),
   'a reload takes place');

done_testing;
