/*
 * Every command with its words, its options and its help, in the order in
 * which help shows them.
 */

#include "commands.h"
#include "key.h"
#include "traffic.h"

#define BIT(option) (1u << (option))


const ctl_command_t ctl_commands[] = {
    { "check", NULL, ctl_check, 0, 0, 1, "[DIR]", "are the policies right?",
      "gatehouse check\n"
      "gatehouse check ./policies        before a commit\n"
      "gatehouse check --json | jq -r '.errors[].message'\n",
      "Reads the directory that nginx.conf names, or DIR, as the gateway\n"
      "would: every error as file:line:column, also names of upstreams and\n"
      "token issuers that nginx.conf does not have. Changes nothing.\n" },

    { "key", "create", ctl_key_create,
      BIT(CTL_OPT_ID) | BIT(CTL_OPT_EXPIRES) | BIT(CTL_OPT_NOTE)
          | BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
      1, 1, "CONSUMER [--id ID] [--expires WHEN] [--note TEXT]",
      "makes a key for a consumer and shows it once",
      "gatehouse key create acme\n"
      "gatehouse key create acme --expires 90d --note 'their new shop'\n"
      "KEY=$(gatehouse key create acme --wait)\n",
      "The key alone is on stdout, what there is to know on stderr. The "
      "store\n"
      "keeps a hash of it, keyed with the root key: nobody can show it "
      "again.\n"
      "The consumer must be declared in the policies.\n" },

    { "key", "list", ctl_key_list, 0, 0, 1, "[CONSUMER]",
      "issued and declared keys side by side",
      "gatehouse key list\n"
      "gatehouse key list acme\n"
      "gatehouse key list --json | jq '.keys[] | select(.state != "
      "\"works\")'\n",
      "Keys that no longer do anything are flagged: revoked, expired, dead\n"
      "(their consumer is not in the policies), suspended.\n" },

    { "key", "rotate", ctl_key_rotate,
      BIT(CTL_OPT_OVERLAP) | BIT(CTL_OPT_ID) | BIT(CTL_OPT_EXPIRES)
          | BIT(CTL_OPT_NOTE) | BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
      1, 1, "ID [--overlap SPAN]",
      "a new key now, the old one ends after the overlap",
      "gatehouse key rotate 7f3a --overlap 24h\n"
      "gatehouse key rotate 7f3a --overlap 0      the old one ends now\n",
      "Without --expires the new key lives as long as the old one was given\n"
      "at its beginning; one that never ended is followed by one that never\n"
      "ends. The note goes with it.\n" },

    { "key", "revoke", ctl_key_revoke, BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
      1, 1, "ID [--reason TEXT] [--wait]",
      "ends a key, issued or declared, within a second",
      "gatehouse key revoke 7f3a --reason 'found in a public repository'\n"
      "gatehouse key revoke 7f3a --wait           until every worker has it\n",
      "Holds in every worker within a second, for good: a file that declares\n"
      "the key again does not bring it back. Revoking twice does no harm.\n" },

    { "key", "import", ctl_key_import,
      BIT(CTL_OPT_HASH) | BIT(CTL_OPT_ID) | BIT(CTL_OPT_EXPIRES)
          | BIT(CTL_OPT_NOTE) | BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT),
      1, 1, "CONSUMER --hash sha256:... [--id ID]",
      "takes over a key of another gateway by its hash",
      "gatehouse key import acme --hash sha256:$(printf %s \"$KEY\" | "
      "sha256sum | cut -c1-64)\n",
      "The key itself is never given. It must have been generated, not\n"
      "chosen: a plain hash of a word that people choose can be guessed.\n" },

    { "consumer", "show", ctl_consumer_show, 0, 1, 1, "CONSUMER",
      "what a consumer is and may", "gatehouse consumer show acme\n", "" },

    { "consumer", "suspend", ctl_consumer_suspend,
      BIT(CTL_OPT_FOR) | BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT), 1, 1,
      "CONSUMER [--for SPAN] [--reason TEXT] [--wait]",
      "refuses everything of a consumer, within a second",
      "gatehouse consumer suspend acme --reason 'runs in circles'\n"
      "gatehouse consumer suspend acme --for 2h\n",
      "Keys, tokens and signatures of the consumer are refused until it is\n"
      "resumed, or the span is over. Nothing is lost.\n" },

    { "consumer", "resume", ctl_consumer_resume,
      BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT), 1, 1,
      "CONSUMER [--reason TEXT] [--wait]", "lets it in again",
      "gatehouse consumer resume acme\n", "" },

    { "traffic", "show", ctl_traffic_show, 0, 0, 1, "[SERVICE[/VERSION]]",
      "weights in force and in the file, and who set them",
      "gatehouse traffic show\n"
      "gatehouse traffic show orders/v2\n",
      "A weight that was set rules until it is reset, whatever the file "
      "says,\n"
      "as long as the deployments it names exist.\n" },

    { "traffic", "set", ctl_traffic_set,
      BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT), 2, CTL_ARGS_MAX,
      "SERVICE/VERSION DEPLOYMENT=WEIGHT ... [--reason TEXT] [--wait]",
      "gives deployments their share",
      "gatehouse traffic set orders/v2 green=10%\n"
      "gatehouse traffic set orders/v2 green=0.5% blue=99.5% --reason "
      "'canary'\n",
      "Deployments that are not named share the rest as they did before.\n"
      "Raising a weight only moves people towards it. If somebody else\n"
      "changed the version meanwhile, nothing is done and both are told.\n" },

    { "traffic", "switch", ctl_traffic_switch,
      BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT), 2, 2,
      "SERVICE/VERSION DEPLOYMENT [--reason TEXT] [--wait]",
      "everything to one deployment",
      "gatehouse traffic switch orders/v2 green --wait\n",
      "No reload, and no request is lost: those under way end where they\n"
      "are.\n" },

    { "traffic", "undo", ctl_traffic_undo,
      BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT), 1, 1,
      "CHANGE [--reason TEXT] [--wait]", "restores what stood before a change",
      "gatehouse history --subject orders/v2\n"
      "gatehouse traffic undo 12\n",
      "Refuses when a newer change of the same version stands, and names it.\n"
      "An undo is a change like any other and can be undone.\n" },

    { "traffic", "reset", ctl_traffic_reset,
      BIT(CTL_OPT_REASON) | BIT(CTL_OPT_WAIT), 1, 1,
      "SERVICE/VERSION [--reason TEXT] [--wait]",
      "back to the weights of the policy file",
      "gatehouse traffic reset orders/v2\n", "" },

    { "history", NULL, ctl_history, BIT(CTL_OPT_SUBJECT) | BIT(CTL_OPT_LIMIT),
      0, 0, "[--subject TEXT] [--limit N]",
      "who changed what, when, from what to what, why",
      "gatehouse history\n"
      "gatehouse history --subject orders/v2\n"
      "gatehouse history --subject 'of acme' --limit 0\n",
      "Newest first. Who is the user that typed it; behind sudo, the one who\n"
      "called sudo.\n" },

    { "status", NULL, ctl_status, 0, 0, 0, "", "is all well?",
      "gatehouse status\n"
      "gatehouse status --json | jq .degraded\n",
      "Asks the gatehouse_status listener of nginx.conf. Exit status 0: it "
      "is\n"
      "ready; 1: it answers and is not ready; 3: it does not answer.\n" },

    { NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL },
};


ctl_exit_t
ctl_setup(ctl_t *c)
{
    if (c->setup_read) {
        return CTL_DONE;
    }

    if (c->conf_file == NULL) {
        c->conf_file = GH_CONF_FILE;
    }

    if (c->prefix != NULL && c->conf_file[0] != '/') {
        c->conf_file = ctl_text(&c->arena, "%s/%s", c->prefix, c->conf_file);
    }

    if (ctl_setup_read(&c->arena, c->conf_file, &c->setup) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "nginx.conf cannot be read: %s; name another one "
                        "with -c FILE",
                        c->setup.conf.why);
    }

    c->setup_read = true;

    return CTL_DONE;
}
