# Every parser of outside bytes in core has a fuzz target that calls it, and
# every target has seeds. A parser is what is called like one.
use Gatehouse::Lint;

my @headers = files(qr{^module/core/.*\.h$});
my @targets = files(qr{^t/fuzz/fuzz_.*\.c$});
my $targets = join '', map { slurp($_) } @targets;

# Not of outside bytes, or reached through another one only
my %else = (
    gh_alg_parse            => 'a word of the configuration and of headers: fuzz_jwt',
    gh_client_auth_parse    => 'a word of the configuration and of metadata',
    gh_ecdsa_from_der       => 'what OpenSSL has just made',
    gh_jwk_import           => 'one key of a set: fuzz_jwk',
    gh_jwks_from_secret     => 'a file of the operator',
    gh_secret_open          => 'the seal itself',
    gh_page_parse           => 'a template of the operator',
    gh_part_parse           => 'a word of the configuration',
    gh_policy_pointer_parse => 'inside the policies: fuzz_policy',
    gh_reason_parse         => 'a word of the tool',
    gh_rules_open           => 'opens a rule that is being built',
    gh_rules_condition_open => 'as above',
    gh_rules_rule_open      => 'as above',
    gh_target_flag_parse    => 'a word of the configuration',
    gh_weight_parse         => 'a word of the tool and of policies',
);

my $like = qr/\b(gh_\w*(?:_parse|_decode|_inspect|_classify|_import|_open
                          |_canonical|_valid|_from_\w+))\s*\(/x;
my (%where, @missing);

for my $file (@headers) {
    my $text = slurp($file) =~ s{/\*.*?\*/}{}gsr;
    $where{$1} //= $file while $text =~ /$like/g;
}
for my $name (sort keys %where) {
    next if $else{$name} || $targets =~ /\b$name\b/;
    next if $name =~ /_valid$/ && $name !~ /^gh_(?:request_id|traceparent)/;
    push @missing, "$where{$name}: $name";
}

clean('every parser of outside bytes has a fuzz target', \@headers,
      \@missing);
clean('none is excused that is not there', \@headers,
      [ grep { !$where{$_} } sort keys %else ]);
clean('every target has seeds', \@targets,
      [ grep { my ($n) = /fuzz_(\w+)\.c$/; !files(qr{^t/fuzz/corpus/$n/}) }
        @targets ]);

done_testing();
