/*
 * Options may stand anywhere, with "=" or with the next word as their value;
 * behind "--" everything is an argument. Nothing is guessed: an option that
 * the command does not take is refused.
 */

#include "args.h"
#include "gh_policy_error.h"


typedef struct {
    const char *word;
    bool value;    /* takes one, with = or as the next word */
    bool optional; /* may take one, with = only */
} option_t;


static ctl_exit_t parse_option(ctl_t *c, int argc, char **argv, int *at);
static ctl_exit_t parse_global(ctl_t *c, gh_str_t name, const char **value);
static ctl_exit_t find_command(ctl_t *c);
static ctl_exit_t unknown_name(const ctl_t *c, const char *group,
                               const char *word);
static ctl_exit_t check_options(const ctl_t *c);
static ctl_exit_t check_args(const ctl_t *c);


static const option_t options[CTL_OPT_COUNT] = {
    [CTL_OPT_ID] = { "--id", true, false },
    [CTL_OPT_EXPIRES] = { "--expires", true, false },
    [CTL_OPT_NOTE] = { "--note", true, false },
    [CTL_OPT_OVERLAP] = { "--overlap", true, false },
    [CTL_OPT_REASON] = { "--reason", true, false },
    [CTL_OPT_HASH] = { "--hash", true, false },
    [CTL_OPT_WAIT] = { "--wait", false, true },
    [CTL_OPT_SUBJECT] = { "--subject", true, false },
    [CTL_OPT_FOR] = { "--for", true, false },
    [CTL_OPT_LIMIT] = { "--limit", true, false },
    [CTL_OPT_KEYID] = { "--keyid", true, false },
    [CTL_OPT_SECRET] = { "--secret", true, false },
    [CTL_OPT_KEY] = { "--key", true, false },
    [CTL_OPT_ALGORITHM] = { "--algorithm", true, false },
    [CTL_OPT_COMPONENTS] = { "--components", true, false },
    [CTL_OPT_LABEL] = { "--label", true, false },
    [CTL_OPT_TAG] = { "--tag", true, false },
    [CTL_OPT_ALL] = { "--all", false, true },
    [CTL_OPT_AS] = { "--as", true, false },
    [CTL_OPT_GROUP] = { "--group", true, false },
    [CTL_OPT_NAME] = { "--name", true, false },
    [CTL_OPT_EMAIL] = { "--email", true, false },
    [CTL_OPT_CLAIM] = { "--claim", true, false },
    [CTL_OPT_PORT] = { "--port", true, false },
    [CTL_OPT_REPLACE] = { "--replace", false, true },
};


const char *
ctl_option_word(ctl_opt_t option)
{
    return options[option].word;
}


ctl_exit_t
ctl_args_parse(ctl_t *c, int argc, char **argv)
{
    bool only_args = false;
    ctl_exit_t rc;

    c->program = argc > 0 ? argv[0] : "gatehouse";

    for (int i = 1; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "--") == 0) {
            only_args = true;
            continue;
        }

        if (!only_args && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = parse_option(c, argc, argv, &i);
            if (rc != CTL_DONE) {
                return rc;
            }
            continue;
        }

        if (c->n_args == CTL_ARGS_MAX) {
            return ctl_fail(c, CTL_USAGE, "more than %d words", CTL_ARGS_MAX);
        }

        c->args[c->n_args++] = argv[i];
    }

    if (c->help || c->version || c->n_args == 0
        || strcmp(c->args[0], "help") == 0) {
        return CTL_DONE;
    }

    rc = find_command(c);
    if (rc == CTL_DONE) {
        rc = check_options(c);
    }

    return rc == CTL_DONE ? check_args(c) : rc;
}


static ctl_exit_t
parse_option(ctl_t *c, int argc, char **argv, int *at)
{
    gh_str_t name, rest;
    const char *value, *words[CTL_OPT_COUNT];
    const char **room = NULL;
    ctl_exit_t rc;

    name = gh_str_cut(gh_str(argv[*at]), '=', &rest);
    value = rest.data;

    rc = parse_global(c, name, &value);
    if (rc != CTL_PENDING) {
        return rc;
    }

    bool takes =
        gh_str_eq(name, GH_STR("-c")) || gh_str_eq(name, GH_STR("-p"));
    bool optional = false;

    if (takes) {
        room = name.data[1] == 'c' ? &c->conf_file : &c->prefix;
    }

    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        words[i] = options[i].word;

        if (gh_str_eq(name, gh_str(options[i].word))) {
            room = &c->options[i];
            takes = options[i].value;
            optional = options[i].optional;
        }
    }

    if (room == NULL) {
        return ctl_unknown(c, "option", ctl_copy(&c->arena, name), words,
                           CTL_OPT_COUNT);
    }

    if (value == NULL && takes && *at + 1 < argc) {
        value = argv[++*at];
    }

    if (value == NULL && !optional) {
        return ctl_fail(c, CTL_USAGE, "%.*s needs a value", (int) name.len,
                        name.data);
    }

    if (*room != NULL) {
        return ctl_fail(c, CTL_USAGE, "%.*s is given twice", (int) name.len,
                        name.data);
    }

    *room = value == NULL ? "" : value;

    return CTL_DONE;
}


/* CTL_PENDING: none of these. */
static ctl_exit_t
parse_global(ctl_t *c, gh_str_t name, const char **value)
{
    bool *flag = NULL;

    if (gh_str_eq(name, GH_STR("--json"))) {
        flag = &c->json;
    } else if (gh_str_eq(name, GH_STR("--help"))
               || gh_str_eq(name, GH_STR("-h"))) {
        flag = &c->help;
    } else if (gh_str_eq(name, GH_STR("--version"))) {
        flag = &c->version;
    }

    if (flag == NULL) {
        return CTL_PENDING;
    }

    if (*value != NULL) {
        return ctl_fail(c, CTL_USAGE, "%.*s takes no value", (int) name.len,
                        name.data);
    }

    *flag = true;

    return CTL_DONE;
}


/* Takes the words of the command off the arguments. */
static ctl_exit_t
find_command(ctl_t *c)
{
    const char *group = c->args[0];
    const char *name = c->n_args > 1 ? c->args[1] : NULL;
    size_t used = 1;

    c->command = ctl_command_find(group, NULL);

    if (c->command == NULL) {
        if (!ctl_group_known(group)) {
            return ctl_unknown_group(c, group);
        }

        if (name == NULL) {
            c->help = true; /* "gatehouse key" asks what there is */
            return CTL_DONE;
        }

        c->command = ctl_command_find(group, name);
        used = 2;

        if (c->command == NULL) {
            return unknown_name(c, group, name);
        }
    }

    c->n_args -= used;
    memmove(c->args, c->args + used, c->n_args * sizeof(*c->args));

    return CTL_DONE;
}


const ctl_command_t *
ctl_command_find(const char *group, const char *word)
{
    for (const ctl_command_t *k = ctl_commands; k->group != NULL; k++) {
        if (strcmp(k->group, group) == 0
            && (word == NULL ? k->name == NULL
                             : k->name != NULL && strcmp(k->name, word) == 0))
        {
            return k;
        }
    }

    return NULL;
}


bool
ctl_group_known(const char *group)
{
    for (const ctl_command_t *k = ctl_commands; k->group != NULL; k++) {
        if (strcmp(k->group, group) == 0) {
            return true;
        }
    }

    return false;
}


ctl_exit_t
ctl_unknown_group(const ctl_t *c, const char *word)
{
    const char *known[CTL_ARGS_MAX];
    size_t n = 0;

    for (const ctl_command_t *k = ctl_commands;
         k->group != NULL && n < CTL_ARGS_MAX - 1; k++)
    {
        if (n == 0 || strcmp(known[n - 1], k->group) != 0) {
            known[n++] = k->group;
        }
    }

    known[n++] = "help";

    return ctl_unknown(c, "command", word, known, n);
}


static ctl_exit_t
unknown_name(const ctl_t *c, const char *group, const char *word)
{
    const char *known[CTL_ARGS_MAX];
    char kind[40] = "";
    gh_buf_t out = GH_BUF(kind);
    size_t n = 0;

    for (const ctl_command_t *k = ctl_commands;
         k->group != NULL && n < CTL_ARGS_MAX; k++)
    {
        if (strcmp(k->group, group) == 0) {
            known[n++] = k->name;
        }
    }

    (void) gh_buf_add_fmt(&out, "%s command", group);

    return ctl_unknown(c, kind, word, known, n);
}


ctl_exit_t
ctl_unknown(const ctl_t *c, const char *kind, const char *word,
            const char *const *known, size_t n)
{
    gh_policy_choices_t choices = { .word = gh_str(word) };
    char nouns[48] = "";
    gh_buf_t out = { nouns, 0, sizeof(nouns) - 1 };

    for (size_t i = 0; i < n; i++) {
        gh_policy_choice(&choices, gh_str(known[i]));
    }

    (void) gh_buf_add_fmt(&out, "%ss", kind);

    return ctl_fail(c, CTL_USAGE, "unknown %s \"%s\"%s", kind,
                    gh_policy_word(gh_str(word)).text,
                    gh_policy_advice(&choices, nouns).text);
}


static ctl_exit_t
check_options(const ctl_t *c)
{
    for (unsigned i = 0; c->command != NULL && i < CTL_OPT_COUNT; i++) {
        if (c->options[i] != NULL && (c->command->options & 1u << i) == 0) {
            return ctl_fail(c, CTL_USAGE,
                            "\"%s%s%s\" does not take %s; see: gatehouse "
                            "help %s",
                            c->command->group,
                            c->command->name == NULL ? "" : " ",
                            c->command->name == NULL ? "" : c->command->name,
                            options[i].word, c->command->group);
        }
    }

    return CTL_DONE;
}


static ctl_exit_t
check_args(const ctl_t *c)
{
    const ctl_command_t *k = c->command;
    const char *space, *name;

    if (k == NULL || (c->n_args >= k->args_min && c->n_args <= k->args_max)) {
        return CTL_DONE;
    }

    space = k->name == NULL ? "" : " ";
    name = k->name == NULL ? "" : k->name;

    if (c->n_args > k->args_max) {
        return ctl_fail(c, CTL_USAGE,
                        "\"%s\" is one word too many; usage: gatehouse "
                        "%s%s%s %s",
                        gh_policy_word(gh_str(c->args[k->args_max])).text,
                        k->group, space, name, k->usage);
    }

    return ctl_fail(c, CTL_USAGE,
                    "something is missing; usage: gatehouse %s%s%s %s",
                    k->group, space, name, k->usage);
}


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
