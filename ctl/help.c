/*
 * Overview, one page per group of commands, one page per command.
 */

#include "help.h"
#include "args.h"

#include <stdio.h>


static void overview(void);
static void group_page(const char *group);
static void command_page(const ctl_command_t *k);
static void options_page(const ctl_command_t *k);
static void print_lines(const char *title, const char *lines);
static void words(const ctl_command_t *k, char *out, size_t cap);


static const char *const option_help[CTL_OPT_COUNT] = {
    [CTL_OPT_ID] = "--id ID            its public name, 4-16 of a-z, 0-9",
    [CTL_OPT_EXPIRES] = "--expires WHEN     90d, 12h, or 2027-06-01",
    [CTL_OPT_NOTE] = "--note TEXT        what the key is for",
    [CTL_OPT_OVERLAP] = "--overlap SPAN     so long the old key works (24h)",
    [CTL_OPT_REASON] = "--reason TEXT      why; it stands in the history",
    [CTL_OPT_HASH] = "--hash HASH        sha256: and 64 hexadecimal digits",
    [CTL_OPT_WAIT] = "--wait[=SPAN]      until every worker has it (10s)",
    [CTL_OPT_SUBJECT] = "--subject TEXT     only changes of what has the text",
    [CTL_OPT_FOR] = "--for SPAN         it ends by itself after that",
    [CTL_OPT_LIMIT] = "--limit N          so many lines (20; 0: all)",
    [CTL_OPT_KEYID] = "--keyid ID         the key's name in the policies",
    [CTL_OPT_SECRET] = "--secret file:F    a secret that both sides have",
    [CTL_OPT_KEY] = "--key file:F       a private key in PEM",
    [CTL_OPT_ALGORITHM] = "--algorithm NAME   if not the usual one of the key",
    [CTL_OPT_COMPONENTS] = "--components A,B   what is covered",
    [CTL_OPT_LABEL] = "--label LABEL      of the signature (sig)",
    [CTL_OPT_TAG] = "--tag TEXT         what the signature is for",
    [CTL_OPT_ALL] = "--all              also if it is several people",
    [CTL_OPT_AS] = "--as SUB           whom the service sees, as dev:SUB",
    [CTL_OPT_GROUP] = "--group A,B        their groups",
    [CTL_OPT_NAME] = "--name TEXT        their name",
    [CTL_OPT_EMAIL] = "--email ADDRESS    their email address",
    [CTL_OPT_CLAIM] = "--claim K=V,K=V    what the provider says beside that",
    [CTL_OPT_PORT] = "--port N           of 127.0.0.1 (8080)",
    [CTL_OPT_REPLACE] = "--replace          TO becomes what FROM is",
};


ctl_exit_t
ctl_help(const ctl_t *c)
{
    const char *const *asked = c->args;
    size_t n = c->n_args;

    if (c->command != NULL) {
        command_page(c->command);
        return CTL_DONE;
    }

    if (n > 0 && strcmp(asked[0], "help") == 0) {
        asked++;
        n--;
    }

    if (n == 0) {
        overview();
        return CTL_DONE;
    }

    const ctl_command_t *k = ctl_command_find(asked[0], NULL);

    if (k == NULL && n > 1) {
        k = ctl_command_find(asked[0], asked[1]);
    }

    if (k != NULL) {
        command_page(k);
        return CTL_DONE;
    }

    if (ctl_group_known(asked[0])) {
        group_page(asked[0]);
        return CTL_DONE;
    }

    return ctl_unknown_group(c, asked[0]);
}


static void
overview(void)
{
    char name[40];

    (void) puts("gatehouse: the tool of the gateway in nginx\n"
                "\n"
                "  gatehouse check                        are the policies "
                "right?\n"
                "  gatehouse key create acme              a key for a "
                "consumer\n"
                "  gatehouse traffic set orders/v2 green=10% --wait\n"
                "  gatehouse status                       is all well?\n"
                "\n"
                "Commands:");

    for (const ctl_command_t *k = ctl_commands; k->group != NULL; k++) {
        words(k, name, sizeof(name));
        (void) printf("  %-18s %s\n", name, k->summary);
    }

    (void) puts("\n"
                "Everywhere:\n"
                "  -c FILE            the gateway's nginx.conf (" GH_CONF_FILE
                ")\n"
                "  -p PREFIX          nginx's prefix, where a relative FILE "
                "begins\n"
                "  --json             the answer as a JSON document\n"
                "  --help             of the command that stands before it\n"
                "\n"
                "Exit status: 0 done, 1 refused, 2 not understood, 3 store or "
                "gateway away,\n"
                "4 accepted but not yet in force everywhere.\n"
                "\n"
                "More: gatehouse help key, gatehouse help traffic set, man "
                "gatehouse");
}


static void
group_page(const char *group)
{
    (void) printf("gatehouse %s\n\nExamples:\n", group);

    for (const ctl_command_t *k = ctl_commands; k->group != NULL; k++) {
        if (strcmp(k->group, group) == 0) {
            print_lines(NULL, k->examples);
        }
    }

    (void) puts("\nCommands:");

    for (const ctl_command_t *k = ctl_commands; k->group != NULL; k++) {
        if (strcmp(k->group, group) == 0) {
            (void) printf("  %s %s\n      %s\n", k->name, k->usage,
                          k->summary);
        }
    }

    (void) printf("\nMore: gatehouse help %s COMMAND\n", group);
}


static void
command_page(const ctl_command_t *k)
{
    char name[40];

    words(k, name, sizeof(name));

    (void) printf("gatehouse %s: %s\n", name, k->summary);
    print_lines("\nExamples:", k->examples);
    (void) printf("\nUsage:\n  gatehouse %s%s%s\n", name,
                  k->usage[0] == '\0' ? "" : " ", k->usage);
    options_page(k);

    if (k->text[0] != '\0') {
        (void) printf("\n%s", k->text);
    }
}


static void
options_page(const ctl_command_t *k)
{
    for (unsigned i = 0; i < CTL_OPT_COUNT; i++) {
        if ((k->options & 1u << i) != 0) {
            (void) printf("  %s\n", option_help[i]);
        }
    }
}


/* Lines indented by two. */
static void
print_lines(const char *title, const char *lines)
{
    gh_str_t rest = gh_str(lines);

    if (title != NULL) {
        (void) puts(title);
    }

    while (rest.len > 0) {
        gh_str_t line = gh_str_cut(rest, '\n', &rest);

        (void) printf("  %.*s\n", (int) line.len, line.data);
    }
}


static void
words(const ctl_command_t *k, char *out, size_t cap)
{
    (void) snprintf(out, cap, "%s%s%s", k->group, k->name == NULL ? "" : " ",
                    k->name == NULL ? "" : k->name);
}
