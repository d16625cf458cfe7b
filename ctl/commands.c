/*
 * Every command with its words, its options and its help, in the order in
 * which help shows them.
 */

#include "commands.h"
#include "key.h"
#include "traffic.h"

#define BIT(option) (1u << (option))


/* clang-format off */
const ctl_command_t ctl_commands[] = {
    {
        .group = "check",
        .run = ctl_check,
        .args_max = 1,
        .usage = "[DIR]",
        .summary = "are the policies right?",
        .examples =
            "gatehouse check\n"
            "gatehouse check ./policies        before a commit\n"
            "gatehouse check --json | jq -r '.errors[].message'\n",
        .text =
            "Reads the directory that nginx.conf names, or DIR, as the gateway would:\n"
            "every error as file:line:column, also names of upstreams and issuers of\n"
            "tokens that nginx.conf does not have. Changes nothing.\n",
    },
    {
        .group = "diff",
        .run = ctl_diff,
        .args_max = 1,
        .usage = "[DIR]",
        .summary = "what would change?",
        .examples =
            "gatehouse diff ./policies         before it is put in force\n"
            "gatehouse diff                    what is in the directory, not in force\n"
            "gatehouse diff ./policies --json | jq '.changes[] | select(.kind == \"plan\")'\n",
        .text =
            "Compares the policies in force with DIR: plans, consumers and services that\n"
            "came (+), went (-) or changed (~), and of those what. Keys and secrets are\n"
            "named, never shown. Changes nothing.\n",
    },
    {
        .group = "apply",
        .run = ctl_apply,
        .args_max = 1,
        .options = BIT(CTL_OPT_WAIT),
        .usage = "[DIR] [--wait=SPAN]",
        .summary = "puts policies in force",
        .examples =
            "gatehouse diff ./policies && gatehouse apply ./policies\n"
            "gatehouse apply                   are they in force?\n"
            "gatehouse apply --wait=60s        a large set takes longer\n",
        .text =
            "With DIR: checks it, copies it beside the gateway's directory and exchanges\n"
            "both in one step; what was there stays beside it as NAME.before. The gateway\n"
            "takes up what is in its directory by itself, about a second after the last\n"
            "write. With or without DIR this waits until every worker decides by it, and\n"
            "says which generation it is.\n",
    },
    {
        .group = "key",
        .name = "create",
        .run = ctl_key_create,
        .options = BIT(CTL_OPT_ID) | BIT(CTL_OPT_EXPIRES)
                   | BIT(CTL_OPT_NOTE) | BIT(CTL_OPT_REASON)
                   | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "CONSUMER [--id ID] [--expires WHEN] [--note TEXT]",
        .summary = "makes a key for a consumer and shows it once",
        .examples =
            "gatehouse key create acme\n"
            "gatehouse key create acme --expires 90d --note 'their new shop'\n"
            "KEY=$(gatehouse key create acme --wait)\n",
        .text =
            "The key alone is on stdout, what there is to know on stderr. The store\n"
            "keeps a hash of it, keyed with the root key: nobody can show it again. The\n"
            "consumer must be declared in the policies.\n",
    },
    {
        .group = "key",
        .name = "list",
        .run = ctl_key_list,
        .args_max = 1,
        .usage = "[CONSUMER]",
        .summary = "issued and declared keys side by side",
        .examples =
            "gatehouse key list\n"
            "gatehouse key list acme\n"
            "gatehouse key list --json | jq '.keys[] | select(.state == \"works\")'\n",
        .text =
            "Keys that no longer do anything are flagged: revoked, expired, dead (their\n"
            "consumer is not in the policies), suspended.\n",
    },
    {
        .group = "key",
        .name = "rotate",
        .run = ctl_key_rotate,
        .options = BIT(CTL_OPT_OVERLAP) | BIT(CTL_OPT_ID)
                   | BIT(CTL_OPT_EXPIRES) | BIT(CTL_OPT_NOTE)
                   | BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "ID [--overlap SPAN]",
        .summary = "a new key now, the old one ends after the overlap",
        .examples =
            "gatehouse key rotate 7f3a --overlap 24h\n"
            "gatehouse key rotate 7f3a --overlap 0      the old one ends now\n",
        .text =
            "Without --expires the new key lives as long as the old one was given at its\n"
            "beginning; one that never ended is followed by one that never ends. The\n"
            "note goes with it.\n",
    },
    {
        .group = "key",
        .name = "revoke",
        .run = ctl_key_revoke,
        .options = BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "ID [--reason TEXT] [--wait]",
        .summary = "ends a key, issued or declared, within a second",
        .examples =
            "gatehouse key revoke 7f3a --reason 'found in a public repository'\n"
            "gatehouse key revoke 7f3a --wait           until every worker has it\n",
        .text =
            "Holds in every worker within a second, for good: a file that declares the\n"
            "key again does not bring it back. Revoking twice does no harm.\n",
    },
    {
        .group = "key",
        .name = "import",
        .run = ctl_key_import,
        .options = BIT(CTL_OPT_HASH) | BIT(CTL_OPT_ID)
                   | BIT(CTL_OPT_EXPIRES) | BIT(CTL_OPT_NOTE)
                   | BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "CONSUMER --hash sha256:... [--id ID]",
        .summary = "takes over a key of another gateway by its hash",
        .examples =
            "HASH=$(printf %s \"$KEY\" | sha256sum | cut -c1-64)\n"
            "gatehouse key import acme --hash sha256:$HASH\n",
        .text =
            "The key itself is never given. It must have been generated, not chosen: a\n"
            "plain hash of a word that people choose can be guessed.\n",
    },
    {
        .group = "consumer",
        .name = "show",
        .run = ctl_consumer_show,
        .args_min = 1,
        .args_max = 1,
        .usage = "CONSUMER",
        .summary = "what a consumer is and may",
        .examples =
            "gatehouse consumer show acme\n",
        .text = "",
    },
    {
        .group = "consumer",
        .name = "suspend",
        .run = ctl_consumer_suspend,
        .options = BIT(CTL_OPT_FOR) | BIT(CTL_OPT_REASON)
                   | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "CONSUMER [--for SPAN] [--reason TEXT] [--wait]",
        .summary = "refuses everything of a consumer, within a second",
        .examples =
            "gatehouse consumer suspend acme --reason 'runs in circles'\n"
            "gatehouse consumer suspend acme --for 2h\n",
        .text =
            "Keys, tokens and signatures of the consumer are refused until it is\n"
            "resumed, or the span is over. Nothing is lost.\n",
    },
    {
        .group = "consumer",
        .name = "resume",
        .run = ctl_consumer_resume,
        .options = BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "CONSUMER [--reason TEXT] [--wait]",
        .summary = "lets it in again",
        .examples =
            "gatehouse consumer resume acme\n",
        .text = "",
    },
    {
        .group = "session",
        .name = "list",
        .run = ctl_session_list,
        .args_max = 1,
        .usage = "[NAME]",
        .summary = "who is logged in",
        .examples =
            "gatehouse session list\n"
            "gatehouse session list alice@example.com\n"
            "gatehouse session list --json | jq -r '.sessions[].person'\n",
        .text =
            "One line per session: a short id, the person as services know it, where and\n"
            "when they logged in, and when the gateway last wrote that it saw them.\n"
            "NAME is a person, a sub, a name, an email address or a short id. Tokens and\n"
            "cookies are never shown.\n",
    },
    {
        .group = "session",
        .name = "revoke",
        .run = ctl_session_revoke,
        .options = BIT(CTL_OPT_ALL) | BIT(CTL_OPT_REASON)
                   | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "NAME [--all] [--reason TEXT] [--wait]",
        .summary = "ends all sessions of a person, within a second",
        .examples =
            "gatehouse session revoke alice@example.com --reason 'lost laptop'\n"
            "gatehouse session revoke 1a2b3c4d         one session\n",
        .text =
            "NAME as for session list. Ends every session that it names; if these are of\n"
            "several people, only with --all. The person may log in again: stop that at\n"
            "the provider first. Tokens that services behind were given live on until\n"
            "they expire.\n",
    },
    {
        .group = "traffic",
        .name = "show",
        .run = ctl_traffic_show,
        .args_max = 1,
        .usage = "[SERVICE[/VERSION]]",
        .summary = "weights in force and in the file, and who set them",
        .examples =
            "gatehouse traffic show\n"
            "gatehouse traffic show orders/v2\n",
        .text =
            "A weight that was set rules until it is reset, whatever the file says, as\n"
            "long as the deployments it names exist.\n",
    },
    {
        .group = "traffic",
        .name = "set",
        .run = ctl_traffic_set,
        .options = BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 2,
        .args_max = CTL_ARGS_MAX,
        .usage =
            "SERVICE/VERSION DEPLOYMENT=WEIGHT ... [--reason TEXT] [--wait]",
        .summary = "gives deployments their share",
        .examples =
            "gatehouse traffic set orders/v2 green=10%\n"
            "gatehouse traffic set orders/v2 green=0.5% blue=99.5% --reason canary\n",
        .text =
            "Deployments that are not named share the rest as they did before. Raising\n"
            "a weight only moves people towards it. If somebody else changed the version\n"
            "meanwhile, nothing is done, and you are told who it was.\n",
    },
    {
        .group = "traffic",
        .name = "switch",
        .run = ctl_traffic_switch,
        .options = BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 2,
        .args_max = 2,
        .usage = "SERVICE/VERSION DEPLOYMENT [--reason TEXT] [--wait]",
        .summary = "everything to one deployment",
        .examples =
            "gatehouse traffic switch orders/v2 green --wait\n",
        .text =
            "No reload, and no request is lost: those under way end where they are.\n",
    },
    {
        .group = "traffic",
        .name = "undo",
        .run = ctl_traffic_undo,
        .options = BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "CHANGE [--reason TEXT] [--wait]",
        .summary = "restores what stood before a change",
        .examples =
            "gatehouse history --subject orders/v2\n"
            "gatehouse traffic undo 12\n",
        .text =
            "Refuses when a newer change of the same version stands, and names it. An\n"
            "undo is a change like any other and can be undone.\n",
    },
    {
        .group = "traffic",
        .name = "reset",
        .run = ctl_traffic_reset,
        .options = BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
        .args_min = 1,
        .args_max = 1,
        .usage = "SERVICE/VERSION [--reason TEXT] [--wait]",
        .summary = "back to the weights of the policy file",
        .examples =
            "gatehouse traffic reset orders/v2\n",
        .text = "",
    },
    {
        .group = "history",
        .run = ctl_history,
        .options = BIT(CTL_OPT_SUBJECT) | BIT(CTL_OPT_LIMIT),
        .usage = "[--subject TEXT] [--limit N]",
        .summary = "who changed what, when, from what to what, why",
        .examples =
            "gatehouse history\n"
            "gatehouse history --subject orders/v2\n"
            "gatehouse history --subject 'of acme' --limit 0\n",
        .text =
            "Newest first. Who is the user that typed it; behind sudo, the one who\n"
            "called sudo.\n",
    },
    {
        .group = "store",
        .name = "show",
        .run = ctl_store_show,
        .args_max = 1,
        .usage = "[STORE]",
        .summary = "how many records of which kind, and whose root key",
        .examples =
            "gatehouse store show\n"
            "gatehouse store show redis://10.0.0.5\n",
        .text =
            "STORE is written as for gatehouse_store: lmdb:/DIRECTORY, redis://HOST:PORT,\n"
            "redis=NAME; without it, the one of nginx.conf. Says what an older root key\n"
            "of gatehouse_secret is still needed for. Changes nothing.\n",
    },
    {
        .group = "store",
        .name = "copy",
        .run = ctl_store_copy,
        .options = BIT(CTL_OPT_REPLACE),
        .args_min = 2,
        .args_max = 2,
        .usage = "FROM TO [--replace]",
        .summary = "all records of one store into another",
        .examples =
            "gatehouse store copy lmdb:/var/lib/gatehouse redis://10.0.0.5\n"
            "gatehouse store copy lmdb:/var/lib/gatehouse redis=shared --replace\n"
            "gatehouse store copy redis=shared lmdb:/var/lib/gatehouse\n",
        .text =
            "Keys, revocations, weights, history, sessions, quotas and the rest, with\n"
            "their expiry, sealed anew where that is due. TO must be empty; with\n"
            "--replace it becomes what FROM is, and only what differs is written. When\n"
            "it was stopped in the middle, run the same again. What gateways change in\n"
            "FROM after a record was read is not in TO: stop them for the last run.\n",
    },
    {
        .group = "store",
        .name = "reseal",
        .run = ctl_store_reseal,
        .usage = "",
        .summary = "seals with the new root key what an older one sealed",
        .examples =
            "gatehouse store reseal\n"
            "gatehouse store reseal --json | jq .older_keys\n",
        .text =
            "After gatehouse_secret file:NEW file:OLD is in force on every node. Says how\n"
            "much still needs the older one: records, issued keys (rotate them), sessions\n"
            "(they end). Exit status 0: nothing does, and it may go; 4: something does.\n",
    },
    {
        .group = "sign",
        .run = ctl_sign,
        .options = BIT(CTL_OPT_KEYID) | BIT(CTL_OPT_SECRET)
                   | BIT(CTL_OPT_KEY) | BIT(CTL_OPT_ALGORITHM)
                   | BIT(CTL_OPT_COMPONENTS) | BIT(CTL_OPT_LABEL)
                   | BIT(CTL_OPT_TAG),
        .args_min = 1,
        .args_max = CTL_ARGS_MAX,
        .usage = "--keyid ID (--secret | --key) file:PATH -- curl ...",
        .summary = "sends a signed request, as a consumer would",
        .examples =
            "gatehouse sign --keyid acme-1 --secret file:acme.secret -- \\\n"
            "    curl -d '{\"id\": 7}' https://api.example.com/api/orders\n"
            "gatehouse sign --keyid acme-2 --key file:acme.key --json -- curl https://...\n",
        .text =
            "Covers @method, @authority, @path and @query, and the digest of what -d,\n"
            "--data-binary, --data-raw or --json send; --components names others, also\n"
            "headers given with -H. Needs no nginx.conf. With --json nothing is sent:\n"
            "it shows the headers and the base that was signed. The exit status is\n"
            "curl's.\n",
    },
    {
        .group = "dev",
        .run = ctl_dev,
        .options = BIT(CTL_OPT_AS) | BIT(CTL_OPT_GROUP) | BIT(CTL_OPT_NAME)
                   | BIT(CTL_OPT_EMAIL) | BIT(CTL_OPT_CLAIM)
                   | BIT(CTL_OPT_PORT),
        .args_min = 1,
        .args_max = 1,
        .usage = "--as SUB [--group A,B] [--port N] URL",
        .summary = "the gateway's headers before a service you work on",
        .examples =
            "gatehouse dev --as alice http://localhost:3000\n"
            "gatehouse dev --as alice --group staff,admin --claim tenant=north \\\n"
            "    --port 9000 http://localhost:3000\n",
        .text =
            "An nginx of its own on 127.0.0.1, nowhere else, where everybody is that\n"
            "person: the service at URL gets the headers that it gets in production.\n"
            "Needs no nginx.conf, keeps nothing; Ctrl-C ends it.\n",
    },
    {
        .group = "status",
        .run = ctl_status,
        .usage = "",
        .summary = "is all well?",
        .examples =
            "gatehouse status\n"
            "gatehouse status --json | jq .degraded\n",
        .text =
            "Asks the gatehouse_status listener of nginx.conf. Exit status 0: it is\n"
            "ready; 1: it answers and is not ready; 3: it does not answer.\n",
    },
    { .group = NULL },
};
/* clang-format on */
