# What the pages show is true: nginx takes every snippet of configuration, the
# tool every policy and every command line, make every goal.
#
# Blocks marked nginx are put where they can stand (main, http, server or
# location level); blocks marked json are policies, whole documents or parts.
# What a snippet names without declaring it (upstreams, issuers, plans) is
# declared for it, files that it names are made.
use Gatehouse::Test timeout => 300;

use JSON::PP ();
use Text::ParseWords ();

my $root  = Gatehouse::Test::root();
my $build = Gatehouse::Test::build();
my $tool  = "$build/gatehouse";
my @pages = map { chomp; $_ } `cd $root && ls README.md docs/*.md docs/*/*.md`;
my %page  = map { $_ => Gatehouse::Test::Logs::slurp("$root/$_") } @pages;

my $t   = Gatehouse::Test->new(tls => 1, policies => { 'a.json' => <<'JSON' });
{ "plans":     { "gold": { "limits": { "second": "100r/s" } } },
  "consumers": { "acme": { "plan": "gold" } },
  "services":  { "orders": { "versions": { "v1": {
                 "deployments": { "main": { "upstream": "orders" } } } } } } }
JSON
$t->prepare('');
my $dir  = $t->dir;
my $cert = $t->{tls_pair};
my %made;
$t->file('key.pem', Gatehouse::Test::Logs::slurp($cert->[0]));

# ---- nginx -----------------------------------------------------------------------

my %count = (nginx => 0, json => 0, command => 0, inline => 0, make => 0);

for my $page (@pages) {
    for my $block (blocks($page, 'nginx')) {
        my ($line, $text) = @$block;
        my $error = nginx_says($text);
        is($error, '', "$page:$line: nginx takes it");
        $count{nginx}++;
    }
    ok($page{$page} =~ s/^```.*?^```//gmsr
       !~ /^    (?:http|server|location\b.*) \{$/m,
       "$page: configuration is marked as such");
}

# the whole nginx.conf that is shipped, with the sample policies
my $whole = Gatehouse::Test::Logs::slurp("$root/conf/gateway.conf");
$whole =~ s{/etc/gatehouse/policies}{$root/policies};
$whole =~ s{^(?:user|pid|load_module)\s.*}{}gm;
is(nginx_test(here("pid $dir/docs.pid;\n"
   . ($t->{module} ? "load_module $t->{module};\n" : '') . $whole)), '',
   'nginx takes conf/gateway.conf with the policies that go with it');

# ---- policies -----------------------------------------------------------------------

for my $page (@pages) {
    for my $block (blocks($page, 'json')) {
        my ($line, $text) = @$block;
        is(policies_say($text), '', "$page:$line: these are policies");
        $count{json}++;
    }
}

# ---- the tool -----------------------------------------------------------------------

for my $page (@pages) {
    for my $command ($page{$page} =~ /^    (gatehouse \S.*)$/mg) {
        my ($status, $err) = tool_says(arguments($command));
        is("$status $err" =~ s/\A3 .*/3/sr, 3, "$page: $command");
        $count{command}++;
    }

    my $prose = $page{$page} =~ s/^```.*?^```//gmsr;
    for my $command ($prose =~ /[`(](gatehouse [a-z][^`()]*)/g) {
        my ($status, $err) = tool_says(arguments($command =~ s/\s+/ /gr));
        ok($status == 3 || $status == 0 || $err =~ /something is missing/,
           "$page: $command") or diag("$status $err");
        $count{inline}++;
    }
}

# The table of commands: "| `key create CONSUMER [--id ID]` | ..."
for my $row ($page{'docs/reference/tool.md'} =~ /^\| `([a-z][^`]*)` \|/mg) {
    my @words = split ' ', $row =~ s/\s[^a-z].*//r;
    my (undef, $help) = Gatehouse::Test::run($tool, 'help', @words);
    like($help, qr/gatehouse @words\b/, "docs/reference/tool.md: @words");
    like($help, qr/\Q$_\E\b/, "... $_") for $row =~ /(--[a-z]+)/g;
}

# ---- make and configure ------------------------------------------------------------

my $makefile = Gatehouse::Test::Logs::slurp("$root/Makefile");
my %goal = map { $_ => 1 } map { split ' ' }
           ($makefile =~ s/\\\n//gr) =~ /^\.PHONY:(.*)$/mg;
my $configure = `$root/configure --help`;

for my $page (@pages) {
    for my $goal ($page{$page} =~ /(?:^    |[`&] ?)make ([a-z]\w*)/mg) {
        ok($goal{$goal}, "$page: make $goal");
        $count{make}++;
    }
    like($configure, qr/\Q$_\E\b/, "$page: ./configure $_")
        for $page{$page} =~ m{\./configure[^`\n]*?(--[a-z-]+)}g;
}

cmp_ok($count{$_}, '>', 3, "there is something of the kind: $_")
    for sort keys %count;

done_testing;


# (line, text) of each block marked so.
sub blocks {
    my ($page, $kind) = @_;
    my @found;

    while ($page{$page} =~ /^```$kind\n(.*?)^```$/gms) {
        my $text = $1;
        push @found, [ 1 + (() = substr($page{$page}, 0, $-[1]) =~ /\n/g),
                       $text ];
    }
    return @found;
}


# '' or the first complaint of the level where it gets furthest.
sub nginx_says {
    my ($text) = @_;
    my ($best, $far) = ('nothing takes it', -1);

    # a patch: the new lines are marked with a plus
    $text =~ s/^[+ ] //gm if $text =~ /^\+ /m;

    for my $level (qw(main http server location)) {
        my $said = nginx_test(wrapped($level, $text));
        return '' if $said eq '';
        next if $said =~ /directive is not allowed here|is duplicate/;
        my ($at) = $said =~ /:(\d+)$/m;
        ($best, $far) = ("at $level level: $said", $at // 0)
            if ($at // 0) > $far;
    }
    return $best;
}


sub wrapped {
    my ($level, $text) = @_;
    my $server = "server {\n listen 127.0.0.1:" . $t->port('docs') . ";\n";
    my ($before, $after) = ('', '');

    ($before, $after) = ("location /x/ {\n", "}\n") if $level eq 'location';
    ($before, $after) = ("$server$before", "$after}\n")
        if $level eq 'location' || $level eq 'server';
    ($before, $after) = ("http {\n$before", "$after}\n") if $level ne 'main';

    return declared($before . $text . $after);
}


# What it names and does not declare goes to the beginning of the http block.
sub declared {
    my ($text) = @_;
    my $more = join '', map { " ${_}_temp_path $dir/tmp/$_;\n" }
               qw(client_body proxy fastcgi uwsgi scgi);

    my %upstream = map { $_ => 1 }
                   $text =~ m{(?:proxy|grpc)_pass\s+(?:http|grpc)://([a-z_]\w*)}g;
    delete @upstream{ 'gatehouse', 'localhost', $text =~ /upstream (\w+)/g };
    $upstream{orders} = 1 if $text !~ /upstream orders\b/;
    $more .= " upstream $_ { server 127.0.0.1:9; }\n" for sort keys %upstream;

    my %issuer = map { $_ => 1 } $text =~ /\btoken=(\w+)/g;
    delete @issuer{ $text =~ /gatehouse_token_issuer (\w+)/g };
    $more .= issuer($_) for sort keys %issuer;

    my %provider = map { $_ => 1 } $text =~ /\boidc=(\w+)/g;
    delete @provider{ $text =~ /gatehouse_oidc_provider (\w+)/g };
    $more .= provider($_) for sort keys %provider;

    $more .= " gatehouse_policies $dir/policies;\n"
        if $text !~ /gatehouse_policies/;
    $more .= " gatehouse_store lmdb:$dir/state;\n"
        if $text !~ /gatehouse_store/;
    $more .= " gatehouse_authenticate off;\n"
        if $text !~ /gatehouse_authenticate/;
    $more .= " include $root/conf/log.conf;\n" if $text !~ /log\.conf/;
    $more .= " ssl_certificate $cert->[0]; ssl_certificate_key $cert->[1];\n"
        if $text !~ /ssl_certificate/;
    $more .= " limit_req_zone \$binary_remote_addr zone=z:1m rate=1r/s;\n";

    my $main = "user $t->{user};\n" x ($> == 0) . "pid $dir/docs.pid;\n";
    $main .= "load_module $t->{module};\n" if $t->{module};
    $text =~ s/^\s*load_module.*\n//m;
    $text .= "http {\n}\n" if $text !~ /^\s*http \{/m;
    $text =~ s/^(\s*http \{\n)/$1$more/m;

    return $main . ($text =~ /^\s*events\b/m ? '' : "events {}\n")
         . here($text);
}


sub provider {
    my ($name) = @_;
    return " gatehouse_oidc_provider $name { issuer https://$name.example.com;"
         . " client_id me; client_secret file:/etc/gatehouse/secrets/me; }\n";
}


sub issuer {
    my ($name) = @_;
    return " gatehouse_token_issuer $name { issuer https://$name.example.com;"
         . " audience me; jwks_file $dir/key.pem; }\n";
}


# Paths and ports of the pages, as they are on this machine.
sub here {
    my ($text) = @_;

    $text =~ s{\binclude(\s+)gatehouse/}{include$1$root/conf/}g;
    $text =~ s{(?<!\w)/etc/gatehouse/policies}{$dir/policies}g;
    $text =~ s{(?<!\w)/var/lib/gatehouse}{$dir/state}g;
    $text =~ s{(?<!\w)/var/log/nginx/}{$dir/logs/}g;
    $text =~ s{(ssl_certificate\s+)\S+;}{$1$cert->[0];}g;
    $text =~ s{(ssl_certificate_key\s+)\S+;}{$1$cert->[1];}g;
    $text =~ s{(listen\s+)(?:([\d.]+):)?(\d+)}
              {$1 . ($2 ? "$2:" : '') . $t->port("docs $3")}ge;
    $text =~ s{\bredis\.example\.com\b}{127.0.0.1}g;
    $text =~ s{/etc/gatehouse/pages}{$dir}g;
    $text =~ s{((?:file:)?)(/etc/(?:gatehouse|nginx|ssl)/(?!mime)[^\s;"]+)}
              {$1 . made($2)}ge;
    return $text;
}


sub made {
    my ($path) = @_;

    return $made{$path} //= do {
        my $name = $path =~ s{/}{_}gr;
        my $text = $path =~ m{/secrets/.*\.pem$} ? key('cat')
            : $path =~ /\.(?:pem|crt)$/
            ? Gatehouse::Test::Logs::slurp($cert->[0])
            : $path =~ /\.pub$/ ? key('openssl pkey -pubout')
            : '0123456789abcdef' x 4 . "\n";
        $t->file($name, $text);
        chmod 0600, "$dir/$name";
        chown +(getpwnam $t->{user})[2, 3], "$dir/$name" if $> == 0;
        "$dir/$name";
    };
}


sub key {
    my ($as) = @_;
    my $text = `openssl genpkey -algorithm ed25519 | $as`;
    return $text;
}


sub nginx_test {
    my ($conf) = @_;

    $t->file('docs.conf', $conf);
    my ($said, $status) = Gatehouse::Test::Nginx->new(
        binary => $t->{binary}, dir => $dir, conf => "$dir/docs.conf")->check;
    unlink "$dir/logs/start.log";
    return '' if $status == 0;
    my ($first) = $said =~ /\[emerg\] (?:\d+#\d+: )?(.*)/;
    return $first // $said;
}


# '' or the best of what the tool complains of.
sub policies_say {
    my ($text) = @_;
    my $said = 'nothing takes it';

    $text =~ s/sha256:[0-9a-f]+\.\.\.[0-9a-f]+/'sha256:' . '6f' x 32/ge;
    my $stub = '{ "deployments": { "main": { "upstream": "stub" } } }';
    $text =~ s/\{ \.\.\. \}/$stub/g;
    $text = here($text);
    my $service = '"default_version": "v2", "versions": { "v1": '
                . "$stub, \"v2\": $stub }";

    for my $try ($text, "{ $text }", "{ \"plans\": { $text } }",
                 "{ \"consumers\": { $text } }", "{ \"services\": { $text } }",
                 "{ \"services\": { \"s\": { \"version_from\": [\"path\"],"
                 . " \"versions\": { $text } } } }",
                 "{ \"services\": { \"s\": { $service, $text } } }")
    {
        my $document = eval { JSON::PP->new->utf8->decode($try) } or next;
        my $error = check($try, $document);
        return '' if $error eq '';
        $said = $error if $error !~ /unknown member/ || $said =~ /^nothing/;
    }
    return $said;
}


# The tool's word, with everything declared that the document only names.
sub check {
    my ($text, $document) = @_;
    my %stub;
    my $said = '';

    for (1 .. 20) {
        my %set = %stub;
        delete $set{plans}{$_}     for keys %{ $document->{plans} || {} };
        delete $set{consumers}{$_} for keys %{ $document->{consumers} || {} };
        delete $set{services}{$_}  for keys %{ $document->{services} || {} };

        system 'rm', '-rf', "$dir/set";
        mkdir "$dir/set";
        $t->file('set/a.json', $text);
        $t->file('set/stub.json', JSON::PP->new->canonical->encode(\%set));
        my %upstream = map { $_ => 1 } 'stub', $text =~ /"upstream": "(\w+)"/g;
        my %issuer   = map { $_ => 1 } $text =~ /"issuer": "(\w+)"/g;
        $t->file('set.conf', "events {}\nhttp {\n gatehouse_policies $dir/set;\n"
            . join('', map { " upstream $_ { server 127.0.0.1:9; }\n" }
                   sort keys %upstream)
            . join('', map { issuer($_) } sort keys %issuer) . "}\n");

        (my $status, undef, $said) = Gatehouse::Test::run(
            $tool, '-c', "$dir/set.conf", 'check', "$dir/set");
        return '' if $status == 0;

        my ($kind, $name) = $said =~ /unknown (plan|consumer|service) "([^"]+)"/
            or return $said;
        $stub{"${kind}s"}{$name} = $kind ne 'service' ? {}
            : { versions => { v1 => { deployments =>
                { main => { upstream => 'stub' } } } } };
    }
    return $said;
}


# What is typed behind "gatehouse": without comment, pipe and redirection.
sub arguments {
    my ($command) = @_;

    $command =~ s/\s{2,}\S.*//;
    $command =~ s/\s*(?:&&|\||2?>).*//;
    my @word = Text::ParseWords::shellwords($command);
    return @word[1 .. $#word];
}


# With no nginx.conf to read a command ends with 3, once it is understood.
sub tool_says {
    my (@arg) = @_;
    return (3, '') if $arg[0] eq 'help';
    if ($arg[0] eq 'dev') {
        # it would serve until it is told to stop: its words are looked at
        my (undef, $help) = Gatehouse::Test::run($tool, 'help', 'dev');
        my @unknown = grep { $help !~ /^  \Q$_\E /m } grep { /^--/ } @arg;
        return @unknown ? (2, "unknown: @unknown") : (3, '');
    }
    my ($status, undef, $err)
        = Gatehouse::Test::run($tool, '-c', "$dir/no.conf", @arg);
    return ($status, $err);
}
