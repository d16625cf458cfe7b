/*
 * Each wrong document is answered with a place, the word and the way out.
 */

#include "gh_test_policies.h"

#include <stdio.h>


/* A document and the complaints about it, one per line. */
typedef struct {
    const char *text;
    const char *complaints;
} case_t;


static const char *complaints_about(const char *text);


/* A consumer's, a plan's, a service's, a version's member by itself. */
#define PLAN(members) "{'plans':{'gold':{" members "}}}"
#define CONSUMER(members) "{'consumers':{'acme':{" members "}}}"
#define KEY(members) CONSUMER("'credentials':{'api_keys':[{" members "}]}")
#define HASH                                                                  \
    "'hash':'sha256:"                                                         \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'"
#define SIGNATURE(members)                                                    \
    CONSUMER("'credentials':{'signatures':[{" members "}]}")
#define TOKEN(members) CONSUMER("'credentials':{'tokens':[{" members "}]}")
#define VERSIONS "'versions':{'v1':{'deployments':{'a':{'upstream':'blue'}}}}"
#define SERVICE(members) "{'services':{'orders':{" members "," VERSIONS "}}}"
#define ACCESS(members) SERVICE("'access':[{" members "}]")
#define VERSION(members)                                                      \
    "{'services':{'orders':{'versions':{'v1':{" members                       \
    ",'deployments':{'a':{'upstream':'blue'}}}}}}}"
#define DEPLOYMENTS(members)                                                  \
    "{'services':{'orders':{'versions':{'v1':{'deployments':{" members "}}}}" \
    "}}"

static const case_t cases[] = {
    /* the document */
    { "", "p.json:1:1: the file is empty; an empty document is {}" },
    { "[]", "p.json:1:1: a policy document is an object: { \"plans\": ..., "
            "\"consumers\": ..., \"services\": ... }" },
    { "\xef\xbb\xbf{}",
      "p.json:1:1: not JSON: begins with a byte order mark; save it without "
      "one" },
    { "{} {}", "p.json:1:4: something follows the end of the document" },
    { "{'plans':{}", "p.json:1:12: not JSON: expected ',' or '}'" },
    { "{'plans' {}}", "p.json:1:10: not JSON: expected ':'" },
    { "{plans:{}}", "p.json:1:2: not JSON: expected a name in double quotes" },
    { "{'plans':{},}",
      "p.json:1:13: not JSON: expected a name in double quotes" },
    { "{'plans':{'gold':{'limits':{'s':'1r/s',}}}}",
      "p.json:1:40: not JSON: string or '}' expected near '}'" },
    { "{'plans':{'gold':{'per':'service','limits':{},\n 'per':'consumer'}}}",
      "p.json:2:2: member \"per\" appears twice; the first is at 1:19" },
    { "{'plans':{},\n'plans':{}}",
      "p.json:2:1: member \"plans\" appears twice; the first is at 1:2; put "
      "all entries into one" },
    { "{'description':nul}",
      "p.json:1:16: not JSON: invalid token near 'nul'" },
    { "{'description':7}",
      "p.json:1:16: \"description\" of a policy document must be a string, "
      "not a number" },
    { "{'plan':{}}",
      "p.json:1:2: unknown member \"plan\" in a policy document; did you mean "
      "\"plans\"? members are: plans, consumers, services, description, "
      "owner, labels, $schema" },
    { "{'plans':[]}",
      "p.json:1:10: \"plans\" of a policy document must be an object, not an "
      "array" },
    { "{'plans':{'a b':{}}}",
      "p.json:1:11: \"a b\" cannot be the name of a plan: letters, digits, "
      "'.', '_' and '-', beginning with a letter or digit, at most 64" },
    { "{'services':{'a\\'b;{}\\n':{" VERSIONS "}}}",
      "p.json:1:14: \"a\"b;{}?\" cannot be the name of a service: letters, "
      "digits, '.', '_' and '-', beginning with a letter or digit, at most "
      "64" },
    { "{'plans':{'gold':7}}",
      "p.json:1:18: plan \"gold\" must be an object, not a number" },

    /* plans */
    { PLAN("'lmits':{}"),
      "p.json:1:19: unknown member \"lmits\" in plan \"gold\"; did you mean "
      "\"limits\"? members are: limits, services, per, description, owner, "
      "labels, $schema" },
    { PLAN("'limits':'1r/s'"),
      "p.json:1:28: \"limits\" of plan \"gold\" must be an object, not a "
      "string" },
    { PLAN("'limits':{'second':5}"),
      "p.json:1:38: a limit of plan \"gold\" must be a string, not a number" },
    { PLAN("'limits':{'se cond':'5r/s'}"),
      "p.json:1:29: \"se cond\" cannot be the name of a limit: letters, "
      "digits, '.', '_' and '-', beginning with a letter or digit, at most "
      "64" },
    { PLAN("'limits':{'second':'5 per second'}"),
      "p.json:1:38: limit \"second\" of plan \"gold\": \"5 per second\": "
      "expected a limit such as 100r/s, 60r/m, 5000r/h, 100000r/day or "
      "1000000r/month, and burst=N behind a rate" },
    { PLAN("'limits':{'a':'1r/s','b':'1r/s','c':'1r/s','d':'1r/s','e':'1r/"
           "s','f':'1r/s','g':'1r/s','h':'1r/s','i':'1r/s'}"),
      "p.json:1:28: plan \"gold\" has 9 limits, at most 8 are possible" },
    { PLAN("'services':[]"),
      "p.json:1:30: \"services\" of plan \"gold\" is empty; name the "
      "services, or leave it out for all of them" },
    { PLAN("'services':['orders']"),
      "p.json:1:31: unknown service \"orders\"; there are no services" },
    { "{'plans':{'gold':{'services':['order']}},'services':{'orders':"
      "{" VERSIONS "}}}",
      "p.json:1:31: unknown service \"order\"; did you mean \"orders\"? "
      "services are: orders" },
    { "{'plans':{'gold':{'services':['orders','orders']}},'services':{'orders'"
      ":{" VERSIONS "}}}",
      "p.json:1:11: plan \"gold\" names the service \"orders\" twice" },
    { PLAN("'services':[7,'']"),
      "p.json:1:31: a service of plan \"gold\" must be a string, not a "
      "number\np.json:1:33: \"\" cannot be the name of a service: letters, "
      "digits, '.', '_' and '-', beginning with a letter or digit, at most "
      "64" },
    { PLAN("'per':'user'"),
      "p.json:1:25: \"per\" of plan \"gold\" is \"user\"; choices are: "
      "consumer, service" },
    { PLAN("'per':'servce'"),
      "p.json:1:25: \"per\" of plan \"gold\" is \"servce\"; did you mean "
      "\"service\"? choices are: consumer, service" },

    /* consumers */
    { "{'consumers':{'a/b':{}}}",
      "p.json:1:15: \"a/b\" cannot be the name of a consumer: letters, "
      "digits, '.', '_', '-' and '@', beginning with a letter or digit, at "
      "most 64" },
    { "{'plans':{'gold':{},'silver':{}},'consumers':{'acme':{'plan':'glod'}}}",
      "p.json:1:62: unknown plan \"glod\"; did you mean \"gold\"? plans are: "
      "gold, silver" },
    { "{'plans':{'gold':{},'silver':{}},'consumers':{'acme':{'plan':'slivr'}}"
      "}",
      "p.json:1:62: unknown plan \"slivr\"; did you mean \"silver\"? plans "
      "are: gold, silver" },
    { "{'plans':{'gold':{},'silver':{}},'consumers':{'acme':{'plan':'platinum'"
      "}}}",
      "p.json:1:62: unknown plan \"platinum\"; plans are: gold, silver" },
    { "{'plans':{'gold-of-the-north':{},'p':{}},'consumers':{'acme':{'plan':'"
      "gold-of-north-the'}}}",
      "p.json:1:70: unknown plan \"gold-of-north-the\"; plans are: "
      "gold-of-the-north, p" },
    { "{'plans':{'gold-of-the-north':{},'p':{}},'consumers':{'acme':{'plan':'"
      "old-of-the-nroth'}}}",
      "p.json:1:70: unknown plan \"old-of-the-nroth\"; did you mean "
      "\"gold-of-the-north\"? plans are: gold-of-the-north, p" },
    { CONSUMER("'plan':'gold'"),
      "p.json:1:30: unknown plan \"gold\"; there are no plans" },
    { CONSUMER("'plan':'go ld'"),
      "p.json:1:30: \"go ld\" cannot be the name of a plan: letters, digits, "
      "'.', '_' and '-', beginning with a letter or digit, at most 64" },
    { CONSUMER("'groups':['a,b']"),
      "p.json:1:33: \"a,b\" cannot be the name of a group: letters, digits, "
      "'.', '_' and '-', beginning with a letter or digit, at most 64" },
    { CONSUMER("'groups':[true]"),
      "p.json:1:33: a group of consumer \"acme\" must be a string, not true "
      "or false" },
    { CONSUMER("'scopes':['a b']"),
      "p.json:1:33: \"a b\" cannot be a scope: printable ASCII without space, "
      "'\"' and '\\', at most 128" },
    { CONSUMER("'scopes':[null]"),
      "p.json:1:33: a scope of consumer \"acme\" must be a string, not null" },
    { CONSUMER("'name':''"),
      "p.json:1:30: \"name\" of consumer \"acme\" must be one line of 1 to "
      "256 bytes" },
    { CONSUMER("'name':'a\\r\\nX-Principal: root'"),
      "p.json:1:30: \"name\" of consumer \"acme\" must be one line of 1 to "
      "256 bytes" },
    { CONSUMER("'email':'nobody'"), "p.json:1:31: \"email\" of consumer "
                                    "\"acme\": \"nobody\" is no address" },
    { CONSUMER("'credentials':{'api_key':[]}"),
      "p.json:1:38: unknown member \"api_key\" in credentials of consumer "
      "\"acme\"; did you mean \"api_keys\"? members are: api_keys, "
      "signatures, tokens, description, owner, labels, $schema" },

    /* API keys */
    { KEY("'id':'7f3a'"),
      "p.json:1:50: \"hash\" is missing in an API key of consumer \"acme\"" },
    { KEY(HASH),
      "p.json:1:50: \"id\" is missing in an API key of consumer \"acme\"" },
    { KEY("'id':'7f/3a'," HASH),
      "p.json:1:56: \"7f/3a\" cannot be the name of a key: letters, digits, "
      "'.', '_' and '-', beginning with a letter or digit, at most 64" },
    { KEY("'id':'7f3a','hash':'sha256:00ff'"),
      "p.json:1:70: \"hash\" in an API key of consumer \"acme\" must be "
      "\"sha256:\" and 64 hexadecimal digits, the hash of the whole key" },
    { KEY("'id':'7f3a','hash':'sha256:"
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'"),
      "p.json:1:70: \"hash\" in an API key of consumer \"acme\" is the hash "
      "of the empty text; was the key's variable set?" },
    { KEY("'id':'7f3a','expires':'tomorrow'," HASH),
      "p.json:1:73: \"expires\" of consumer \"acme\": \"tomorrow\" is no "
      "time; write \"2027-06-01\" or \"2027-06-01T08:00:00Z\"" },
    { CONSUMER("'credentials':{'api_keys':['gh_7f3a_secret']}"),
      "p.json:1:50: an API key of consumer \"acme\" must be an object, not a "
      "string" },

    /* signatures */
    { SIGNATURE("'keyid':'k'"),
      "p.json:1:52: \"algorithm\" is missing in a signature of consumer "
      "\"acme\"" },
    { SIGNATURE(
          "'keyid':'k','algorithm':'hmac-sha265','secret':'file:/s/good'"),
      "p.json:1:77: unknown algorithm \"hmac-sha265\"; did you mean "
      "\"hmac-sha256\"? algorithms are: hmac-sha256, ed25519, "
      "ecdsa-p256-sha256, ecdsa-p384-sha384, rsa-pss-sha512, "
      "rsa-v1_5-sha256" },
    { SIGNATURE("'keyid':'k','algorithm':'hmac-sha256'"),
      "p.json:1:77: \"secret\" is missing in a signature of consumer "
      "\"acme\", as in \"file:/etc/gatehouse/secrets/acme\"" },
    { SIGNATURE("'keyid':'k','algorithm':'ed25519','secret':'file:/s/good'"),
      "p.json:1:96: this algorithm takes a \"public_key\" in a signature of "
      "consumer \"acme\", not a \"secret\"" },
    { SIGNATURE("'keyid':'k','algorithm':'hmac-sha256','secret':'"
                "hunter2hunter2hunter2hunter2hunt'"),
      "p.json:1:100: \"secret\" in a signature of consumer \"acme\" must name "
      "a file, as in \"file:/etc/gatehouse/secrets/acme\"; policies hold no "
      "secrets" },
    { SIGNATURE(
          "'keyid':'k','algorithm':'hmac-sha256','secret':'file:/s/none'"),
      "p.json:1:100: \"file:/s/none\" does not exist" },
    { SIGNATURE(
          "'keyid':'k','algorithm':'hmac-sha256','secret':'file:/s/short'"),
      "p.json:1:100: \"file:/s/short\" holds less than 32 bytes" },
    { SIGNATURE(
          "'keyid':'k','algorithm':'hmac-sha256','secret':'file:/s/empty'"),
      "p.json:1:100: \"file:/s/empty\" is empty" },
    { SIGNATURE(
          "'keyid':'k','algorithm':'hmac-sha256','secret':'file:/s/blank'"),
      "p.json:1:100: \"file:/s/blank\" is empty" },
    { SIGNATURE(
          "'keyid':'k','algorithm':'hmac-sha256','secret':'file:/s/huge'"),
      "p.json:1:100: \"file:/s/huge\" is too long" },
    { SIGNATURE(
          "'keyid':'k','algorithm':'ed25519','public_key':'file:/s/text.pem'"),
      "p.json:1:100: \"file:/s/text.pem\" holds no public key in PEM that can "
      "be used" },
    { SIGNATURE("'keyid':'k','algorithm':'ecdsa-p256-sha256','public_key':'"
                "file:/s/ed25519.pem'"),
      "p.json:1:110: \"file:/s/ed25519.pem\" is no key on P-256, which this "
      "algorithm takes" },

    /* tokens */
    { TOKEN("'issuer':'partners'"),
      "p.json:1:48: \"claims\" is missing in a token of consumer \"acme\"" },
    { TOKEN("'issuer':'partners','claims':{}"),
      "p.json:1:78: \"claims\" of a token of consumer \"acme\" is empty: "
      "every token of the issuer would match; name at least one, as in { "
      "\"azp\": \"acme\" }" },
    { TOKEN("'issuer':'partners','claims':{'azp':7}"),
      "p.json:1:85: the value of a claim of consumer \"acme\" must be a "
      "string, not a number" },
    { TOKEN("'issuer':'partners','claims':{'/a~b':'x'}"),
      "p.json:1:79: \"/a~b\" is neither the name of a claim nor a JSON "
      "pointer to one" },
    { TOKEN("'issuer':'partners','claims':{'azp':''}"),
      "p.json:1:85: the value of a claim of consumer \"acme\" must be one "
      "line of 1 to 256 bytes" },
    { TOKEN("'issuer':'partners','claims':{'azp':'x','/azp':'y'}"),
      "p.json:1:78: \"claims\" of a token of consumer \"acme\" names one "
      "claim twice, as a name and as a pointer" },
    { TOKEN("'issuer':'partners','claims':{'a':'1','b':'1','c':'1','d':'1','e'"
            ":'1','f':'1','g':'1','h':'1','i':'1'}"),
      "p.json:1:78: a token of consumer \"acme\" has more than 8 claims" },
    { TOKEN("'issuer':'partner','claims':{'azp':'x'}"),
      "p.json:1:58: unknown token issuer \"partner\"; did you mean "
      "\"partners\"? issuers are: partners" },

    /* services */
    { "{'services':{'orders':{}}}",
      "p.json:1:23: \"versions\" is missing in service \"orders\"" },
    { "{'services':{'orders':{'versions':{}}}}",
      "p.json:1:35: service \"orders\" has no versions; one is enough: { "
      "\"v1\": { \"deployments\": { \"main\": { \"upstream\": \"NAME\" } } } "
      "}" },
    { "{'services':{'orders':{'versions':{'V1':{'deployments':{'a':{'upstream'"
      ":'blue'}}}}}}}",
      "p.json:1:36: \"V1\" cannot be the name of a version: small letters, "
      "digits, '.', '_' and '-', beginning with a letter or digit, at most "
      "32" },
    { SERVICE("'default_version':'v3'"),
      "p.json:1:42: unknown version \"v3\" in \"default_version\" of service "
      "\"orders\"; did you mean \"v1\"? versions are: v1" },
    { "{'services':{'orders':{'versions':{'v1':{'deployments':{'a':{'upstream'"
      ":'blue'}}},'v2':{'deployments':{'a':{'upstream':'blue'}}}}}}}",
      "p.json:1:14: service \"orders\" has 2 versions and no request can "
      "choose: add \"default_version\", or \"version_from\" as in "
      "[\"path\"]" },
    { SERVICE("'version_from':['header']"),
      "p.json:1:40: \"version_from\" of service \"orders\": \"header\"; "
      "choices are: path, header:API-Version, media-type" },
    { SERVICE("'version_from':['pat']"),
      "p.json:1:40: \"version_from\" of service \"orders\": \"pat\"; did you "
      "mean \"path\"? choices are: path, header:API-Version, media-type" },
    { SERVICE("'version_from':['header:A B']"),
      "p.json:1:40: \"version_from\" of service \"orders\": \"header:A B\"; "
      "choices are: path, header:API-Version, media-type" },
    { SERVICE("'version_from':['header:X-Principal-Version']"),
      "p.json:1:40: header \"X-Principal-Version\" in \"version_from\" of "
      "service \"orders\" never comes in from outside: the gateway removes "
      "it; take another, as in \"API-Version\"" },
    { SERVICE("'version_from':['path','header:A','path','header:a']"),
      "p.json:1:58: \"version_from\" of service \"orders\" names this place "
      "twice\np.json:1:65: \"version_from\" of service \"orders\" names this "
      "place twice" },
    { SERVICE("'strip_version':'yes'"),
      "p.json:1:40: \"strip_version\" of service \"orders\" must be true or "
      "false, not a string" },
    { SERVICE("'version_from':['header:A'],'strip_version':true"),
      "p.json:1:68: \"strip_version\" of service \"orders\" takes the version "
      "out of the path, but \"version_from\" does not name \"path\"" },

    /* versions */
    { "{'services':{'orders':{'versions':{'v1':{}}}}}",
      "p.json:1:41: \"deployments\" is missing in version \"v1\" of service "
      "\"orders\"" },
    { DEPLOYMENTS(""),
      "p.json:1:56: version \"v1\" of service \"orders\" has no deployments; "
      "one is enough: { \"main\": { \"upstream\": \"NAME\" } }" },
    { DEPLOYMENTS("'a':{}"),
      "p.json:1:61: \"upstream\" is missing in a deployment of version \"v1\" "
      "of service \"orders\"" },
    { DEPLOYMENTS("'a':{'upstream':'blu'}"),
      "p.json:1:73: unknown upstream \"blu\"; did you mean \"blue\"? "
      "upstreams are: blue, green" },
    { DEPLOYMENTS("'a':{'upstream':'x;return 200'}"),
      "p.json:1:73: \"x;return 200\" cannot be the name of an upstream" },
    { DEPLOYMENTS("'a':{'upstream':'blue'},'b':{'upstream':'green'}"),
      "p.json:1:56: the deployments of version \"v1\" of service \"orders\" "
      "have no \"initial_weight\"; an even split is a 50%, b 50%" },
    { DEPLOYMENTS("'a':{'upstream':'blue'},'b':{'upstream':'green'},'c':{'"
                  "upstream':'green'}"),
      "p.json:1:56: the deployments of version \"v1\" of service \"orders\" "
      "have no \"initial_weight\"; an even split is a 33.34%, b 33.33%, c "
      "33.33%" },
    { DEPLOYMENTS("'a':{'upstream':'blue','initial_weight':'90%'},'b':{'"
                  "upstream':'green'}"),
      "p.json:1:56: deployment \"b\" of version \"v1\" of service \"orders\" "
      "has no \"initial_weight\"; 10% is what the others leave" },
    { DEPLOYMENTS("'a':{'upstream':'blue','initial_weight':'90%'},'b':{'"
                  "upstream':'green','initial_weight':'20%'}"),
      "p.json:1:145: the initial weights of version \"v1\" of service "
      "\"orders\" add up to 110%; they must add up to 100%" },
    { DEPLOYMENTS("'a':{'upstream':'blue','initial_weight':'99%'}"),
      "p.json:1:97: the initial weights of version \"v1\" of service "
      "\"orders\" add up to 99%; they must add up to 100%" },
    { DEPLOYMENTS("'a':{'upstream':'blue','initial_weight':100}"),
      "p.json:1:97: \"initial_weight\" of a deployment of version \"v1\" of "
      "service \"orders\" must be a string, not a number" },
    { DEPLOYMENTS("'a':{'upstream':'blue','initial_weight':'100'}"),
      "p.json:1:97: \"initial_weight\" in a deployment of version \"v1\" of "
      "service \"orders\": \"100\" is no weight; write \"0%\" to \"100%\", in "
      "steps of \"0.01%\"" },
    { VERSION("'deprecated':'2026-13-01'"),
      "p.json:1:55: \"deprecated\" of version \"v1\" of service \"orders\": "
      "\"2026-13-01\" is no time; write \"2027-06-01\" or "
      "\"2027-06-01T08:00:00Z\"" },
    { VERSION("'sunset':'2026-01-01','deprecated':'2026-06-01'"),
      "p.json:1:51: the sunset of version \"v1\" of service \"orders\" is "
      "before it is deprecated" },
    { VERSION("'successor':'v2'"),
      "p.json:1:54: unknown version \"v2\" in \"successor\" of service "
      "\"orders\"; did you mean \"v1\"? versions are: v1" },
    { VERSION("'successor':'v1'"),
      "p.json:1:54: version \"v1\" of service \"orders\" cannot be its own "
      "successor" },
    { VERSION("'link':'javascript:alert(1)'"),
      "p.json:1:49: \"link\" of version \"v1\" of service \"orders\": "
      "\"javascript:alert(1)\" is neither an https or http URI nor a path" },
    { VERSION("'link':'https://x/>; rel=next'"),
      "p.json:1:49: \"link\" of version \"v1\" of service \"orders\": "
      "\"https://x/>; rel=next\" is neither an https or http URI nor a path" },
    { VERSION("'sticky':'cooky'"),
      "p.json:1:51: \"sticky\" of version \"v1\" of service \"orders\" is "
      "\"cooky\"; did you mean \"cookie\"? choices are: none, principal, "
      "cookie, source" },

    /* access rules */
    { ACCESS("'methods':['DELETE']"),
      "p.json:1:34: an access rule of service \"orders\" says where it "
      "applies but not what must hold there; add \"groups\", \"scopes\", "
      "\"consumers\" or \"claims\"" },
    { ACCESS("\n'versions':\n['v1']"),
      "p.json:1:34: an access rule of service \"orders\" says where it "
      "applies but not what must hold there; add \"groups\", \"scopes\", "
      "\"consumers\" or \"claims\"" },
    { ACCESS(""),
      "p.json:1:34: an access rule of service \"orders\" says where it "
      "applies but not what must hold there; add \"groups\", \"scopes\", "
      "\"consumers\" or \"claims\"" },
    { ACCESS("'groups':[]"),
      "p.json:1:44: an empty list in an access rule of service \"orders\"; "
      "name at least one, or leave it out" },
    { ACCESS("'methods':['get'],'groups':['admin']"),
      "p.json:1:46: \"get\" in an access rule of service \"orders\" is no "
      "method; methods are written as in \"GET\"" },
    { ACCESS("'versions':['v9'],'groups':['admin']"),
      "p.json:1:47: unknown version \"v9\" in an access rule of service "
      "\"orders\"; did you mean \"v1\"? versions are: v1" },
    { ACCESS("'consumers':['acme']"),
      "p.json:1:48: unknown consumer \"acme\"; there are no consumers" },
    { ACCESS("'scopes':['a b']"),
      "p.json:1:45: \"a b\" in an access rule of service \"orders\" can match "
      "nothing" },
    { ACCESS("'role':['admin']"),
      "p.json:1:35: unknown member \"role\" in an access rule of service "
      "\"orders\"; members are: methods, versions, groups, scopes, consumers, "
      "claims, description, owner, labels, $schema" },
    { ACCESS("'claims':{}"),
      "p.json:1:44: \"claims\" in an access rule of service \"orders\" is "
      "empty; name at least one, or leave it out" },
    { ACCESS("'claims':{'level':[]}"),
      "p.json:1:45: claim \"level\" in an access rule of service \"orders\" "
      "has no values; name at least one" },
    { ACCESS("'claims':{'level':1.5}"),
      "p.json:1:53: the value of a claim of service \"orders\" must be a "
      "whole number, a string, true or false" },
    { ACCESS("'claims':{'/a~2':'x'}"),
      "p.json:1:45: \"/a~2\" is neither the name of a claim nor a JSON "
      "pointer to one" },
    { ACCESS("'claims':{'level':1,'/level':2}"),
      "p.json:1:55: an access rule of service \"orders\" names one claim "
      "twice, as a name and as a pointer" },
    { "{'pl\\u0061ns':{}}",
      "p.json:1:2: members of a document are written without '\\'" },
    { SERVICE("'access':['admin']"),
      "p.json:1:34: an access rule of service \"orders\" must be an object, "
      "not a string" },
};


static const char *
complaints_about(const char *text)
{
    static char all[8192];
    gh_test_policies_t *t = gh_test_policies();
    gh_buf_t out = GH_BUF(all);

    (void) gh_test_policies_file(t, "p.json", text);
    (void) gh_test_policies_compile(t, &gh_test_policy_env);

    for (size_t i = 0; i < t->errors.n; i++) {
        assert_int_equal(gh_buf_add_fmt(&out, "%s%s", i == 0 ? "" : "\n",
                                        gh_test_policies_error(t, i)),
                         GH_OK);
    }

    all[out.len] = '\0';
    gh_test_policies_end(t);

    return all;
}


static void
each_wrong_document_is_answered(void **state)
{
    (void) state;
    size_t wrong = 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = complaints_about(cases[i].text);

        if (strcmp(got, cases[i].complaints) != 0) {
            wrong++;
            print_error("%s\n  got:      %s\n  expected: %s\n", cases[i].text,
                        got, cases[i].complaints);
        }
    }

    assert_int_equal(wrong, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_document_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
