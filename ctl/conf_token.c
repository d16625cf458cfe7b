/*
 * Words, quotes, escapes and comments as nginx has them, and the
 * end of a block of Lua as lua-nginx-module finds it.
 */

#include "conf_token.h"


static bool is_space(char c);
static void skip_space(ctl_conf_text_t *t);
static ctl_conf_token_t bare(ctl_arena_t *a, ctl_conf_text_t *t, char **word);
static ctl_conf_token_t quoted(ctl_arena_t *a, ctl_conf_text_t *t,
                               char **word);
static char *unescape(ctl_arena_t *a, const char *from, const char *to);
static void next(ctl_conf_text_t *t);
static bool skip_lua_string(ctl_conf_text_t *t);
static bool skip_lua_long(ctl_conf_text_t *t);


ctl_conf_token_t
ctl_conf_token(ctl_arena_t *a, ctl_conf_text_t *t, char **word, unsigned *line)
{
    skip_space(t);

    *word = NULL;
    *line = t->line;

    if (t->p == t->end) {
        return CTL_CONF_END;
    }

    switch (*t->p) {

    case ';':
        t->p++;
        return CTL_CONF_SEMICOLON;

    case '{':
        t->p++;
        return CTL_CONF_OPEN;

    case '}':
        t->p++;
        return CTL_CONF_CLOSE;

    case '"':
    case '\'':
        return quoted(a, t, word);

    default:
        return bare(a, t, word);
    }
}


static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static void
skip_space(ctl_conf_text_t *t)
{
    while (t->p < t->end && (is_space(*t->p) || *t->p == '#')) {
        if (*t->p == '#') {
            while (t->p < t->end && *t->p != '\n') {
                t->p++;
            }
        } else {
            next(t);
        }
    }
}


static void
next(ctl_conf_text_t *t)
{
    if (*t->p == '\n') {
        t->line++;
    }

    t->p++;
}


/* A brace right behind a dollar belongs to the word: ${name}. */
static ctl_conf_token_t
bare(ctl_arena_t *a, ctl_conf_text_t *t, char **word)
{
    const char *from = t->p;
    bool variable = false;

    while (t->p < t->end) {
        char c = *t->p;

        if (c == '\\' && t->end - t->p > 1) {
            next(t);
            next(t);
            variable = false;
            continue;
        }

        if (is_space(c) || c == ';' || (c == '{' && !variable)) {
            break;
        }

        variable = c == '$';
        next(t);
    }

    *word = unescape(a, from, t->p);

    return CTL_CONF_WORD;
}


static ctl_conf_token_t
quoted(ctl_arena_t *a, ctl_conf_text_t *t, char **word)
{
    char quote = *t->p++;
    const char *from = t->p;

    while (t->p < t->end && *t->p != quote) {
        if (*t->p == '\\' && t->end - t->p > 1) {
            next(t);
        }
        next(t);
    }

    if (t->p == t->end) {
        *word = ctl_copy(a, GH_STR("a quote is not closed"));
        return CTL_CONF_WRONG;
    }

    *word = unescape(a, from, t->p);
    t->p++;

    /* nginx takes a closing parenthesis for if ($a = "b") */
    if (t->p < t->end && !is_space(*t->p) && strchr(";{)", *t->p) == NULL) {
        *word = ctl_copy(a, GH_STR("something follows a closing quote"));
        return CTL_CONF_WRONG;
    }

    return CTL_CONF_WORD;
}


static char *
unescape(ctl_arena_t *a, const char *from, const char *to)
{
    static const char escapes[] = "\"\"''\\\\t\tr\rn\n";
    char *text = ctl_alloc(a, (size_t) (to - from) + 1);
    char *out = text;

    while (from < to) {
        bool known = false;

        for (size_t i = 0; *from == '\\' && to - from > 1
                           && i < sizeof(escapes) - 1 && !known;
             i += 2)
        {
            if (from[1] == escapes[i]) {
                *out++ = escapes[i + 1];
                from += 2;
                known = true;
            }
        }

        if (!known) {
            *out++ = *from++;
        }
    }

    return text;
}


bool
ctl_conf_skip_lua(ctl_conf_text_t *t)
{
    unsigned depth = 1;

    while (t->p < t->end) {
        char c = *t->p;
        bool comment = c == '-' && t->end - t->p > 1 && t->p[1] == '-';

        if (comment) {
            t->p += 2;
        }

        if ((comment || c == '[') && t->p < t->end && *t->p == '['
            && skip_lua_long(t)) {
            continue;
        }

        if (comment) {
            while (t->p < t->end && *t->p != '\n') {
                t->p++;
            }
            continue;
        }

        if (c == '"' || c == '\'') {
            if (!skip_lua_string(t)) {
                return false;
            }
            continue;
        }

        next(t);

        if (c == '{') {
            depth++;
        }

        if (c == '}' && --depth == 0) {
            return true;
        }
    }

    return false;
}


static bool
skip_lua_string(ctl_conf_text_t *t)
{
    char quote = *t->p++;

    while (t->p < t->end && *t->p != quote) {
        if (*t->p == '\\' && t->end - t->p > 1) {
            next(t);
        }
        next(t);
    }

    if (t->p == t->end) {
        return false;
    }

    t->p++;

    return true;
}


/* [[ ... ]] or [==[ ... ]==]. False, and nothing passed, for a mere bracket
 * or one that does not end. */
static bool
skip_lua_long(ctl_conf_text_t *t)
{
    ctl_conf_text_t at = *t;
    size_t level = 0;

    at.p++;

    while (at.p < at.end && *at.p == '=') {
        at.p++;
        level++;
    }

    if (at.p == at.end || *at.p != '[') {
        return false;
    }

    while (at.p < at.end) {
        size_t i = 1;

        while (*at.p == ']' && (size_t) (at.end - at.p) > i && i <= level
               && at.p[i] == '=')
        {
            i++;
        }

        if (*at.p == ']' && i == level + 1 && (size_t) (at.end - at.p) > i
            && at.p[i] == ']')
        {
            at.p += i + 1;
            *t = at;
            return true;
        }

        next(&at);
    }

    return false;
}
