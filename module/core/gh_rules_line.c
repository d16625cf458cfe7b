/*
 * Reads authorize lines as people type them. What is wrong is said with the
 * word itself and the way out, since it is read at "nginx -t".
 */

#include "gh_rules_build.h"

#include <stdarg.h>
#include <stdio.h>


#define SHOWN_MAX 64 /* bytes of a word in a message */


typedef struct {
    gh_str_t name;
    gh_rule_word_t word;
    const char *form;
} known_t;

/* "group=staff,admin" taken apart; borrowed. */
typedef struct {
    const known_t *known; /* NULL: no such word */
    gh_str_t name;
    gh_str_t pointer; /* data NULL: without ':' */
    gh_str_t values;  /* data NULL: without '=' */
} term_t;

/* A word as it may be shown. */
typedef struct {
    char text[SHOWN_MAX + 4];
} shown_t;


static term_t take_apart(gh_str_t word);
static gh_rc_t check(gh_str_t word, gh_buf_t *message);
static gh_rc_t check_values(gh_str_t word, term_t t, gh_buf_t *message);
static gh_rc_t check_method(gh_str_t method, gh_buf_t *message);
static gh_rc_t write_line(gh_rules_builder_t *b, gh_rule_kind_t kind,
                          const gh_str_t *words, size_t n);
static gh_rc_t write_terms(gh_rules_builder_t *b, const gh_str_t *words,
                           size_t n);
static bool same(term_t a, term_t b);
static shown_t shown(gh_str_t word);
static gh_rc_t say(gh_buf_t *message, gh_rc_t rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));


static const known_t words_known[] = {
    { { "group", 5 }, GH_WORD_GROUP, "group=NAME[,NAME...]" },
    { { "scope", 5 }, GH_WORD_SCOPE, "scope=SCOPE[,SCOPE...]" },
    { { "consumer", 8 }, GH_WORD_CONSUMER, "consumer=NAME[,NAME...]" },
    { { "method", 6 }, GH_WORD_METHOD, "method=GET[,POST...]" },
    { { "claim", 5 },
      GH_WORD_CLAIM,
      "claim:POINTER=VALUE[,VALUE...], as in "
      "claim:/realm_access/roles=admin" },
};


gh_rc_t
gh_rules_add_line(gh_rules_builder_t *b, const gh_str_t *words, size_t n,
                  gh_buf_t *message)
{
    gh_rule_kind_t kind = GH_RULE_ADMIT;

    if (n == 0) {
        return say(message, GH_INVALID,
                   "no rule; say who may enter, as in group=staff");
    }

    if (gh_str_eq(words[0], GH_STR("deny"))) {
        kind = GH_RULE_DENY;
        words++;
        n--;
    }

    for (size_t i = 0; i < n; i++) {
        gh_rc_t rc = check(words[i], message);

        if (rc != GH_OK) {
            return rc;
        }
    }

    gh_rc_t rc = write_line(b, kind, words, n);

    switch (rc) {

    case GH_OK:
        return GH_OK;

    case GH_FULL:
        return say(message, rc,
                   "the rules of one place are above %d bytes; give the names "
                   "in them a common group",
                   GH_RULES_MAX);

    case GH_NOMEM:
        return say(message, rc, "no memory for the rules");

    default:
        return say(message, rc, "an authorize line among access rules");
    }
}


static term_t
take_apart(gh_str_t word)
{
    term_t t = { .known = NULL };

    t.name = gh_str_cut(word, '=', &t.values);
    t.name = gh_str_cut(t.name, ':', &t.pointer);

    for (size_t i = 0; i < sizeof(words_known) / sizeof(words_known[0]); i++) {
        if (gh_str_eq(t.name, words_known[i].name)) {
            t.known = &words_known[i];
        }
    }

    return t;
}


static gh_rc_t
check(gh_str_t word, gh_buf_t *message)
{
    term_t t = take_apart(word);

    if (gh_str_eq(word, GH_STR("deny"))) {
        return say(message, GH_INVALID,
                   "\"deny\" must be the first word of its line, once");
    }

    if (gh_str_eq(word, GH_STR("dry_run"))) {
        return say(message, GH_INVALID,
                   "\"dry_run\" must be the last word of its line, once");
    }

    if (t.known == NULL) {
        return say(message, GH_INVALID,
                   "unknown word \"%s\"; words are: group, scope, consumer, "
                   "method, claim:POINTER",
                   shown(t.name).text);
    }

    bool pointed = t.known->word == GH_WORD_CLAIM;

    if (t.values.data == NULL || pointed != (t.pointer.data != NULL)
        || (pointed && t.pointer.len == 0))
    {
        return say(message, GH_INVALID, "cannot read \"%s\"; write %s",
                   shown(word).text, t.known->form);
    }

    if (!gh_rules_word_valid(t.known->word, t.pointer)) {
        return say(message, GH_INVALID,
                   "malformed pointer in \"%s\"; write ~0 for ~ and ~1 for / "
                   "in a name",
                   shown(word).text);
    }

    return check_values(word, t, message);
}


static gh_rc_t
check_values(gh_str_t word, term_t t, gh_buf_t *message)
{
    while (t.values.data != NULL) {
        gh_str_t value = gh_str_cut(t.values, ',', &t.values);
        gh_rc_t rc = GH_OK;

        if (value.len == 0) {
            return say(message, GH_INVALID, "empty value in \"%s\"; write %s",
                       shown(word).text, t.known->form);
        }

        if (t.known->word == GH_WORD_METHOD) {
            rc = check_method(value, message);
        }

        if (rc != GH_OK) {
            return rc;
        }
    }

    return GH_OK;
}


static gh_rc_t
check_method(gh_str_t method, gh_buf_t *message)
{
    shown_t upper = shown(method);

    if (gh_rules_value_valid(GH_WORD_METHOD, method)) {
        return GH_OK;
    }

    for (char *c = upper.text; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char) (*c - 'a' + 'A') : *c;
    }

    if (gh_rules_value_valid(GH_WORD_METHOD, gh_str(upper.text))) {
        return say(message, GH_INVALID,
                   "method \"%s\" is in lower case, and methods are told "
                   "apart by case; write %s",
                   shown(method).text, upper.text);
    }

    return say(message, GH_INVALID,
               "\"%s\" is no HTTP method; write words such as GET or POST",
               shown(method).text);
}


static gh_rc_t
write_line(gh_rules_builder_t *b, gh_rule_kind_t kind, const gh_str_t *words,
           size_t n)
{
    gh_rc_t rc = gh_rules_rule_open(b, kind);

    if (rc != GH_OK) {
        return rc;
    }

    rc = write_terms(b, words, n);

    if (rc != GH_OK) {
        gh_rules_rule_drop(b);
        return rc;
    }

    gh_rules_rule_close(b);

    return GH_OK;
}


/* Words of one name become one condition, where the first of them stands. */
static gh_rc_t
write_terms(gh_rules_builder_t *b, const gh_str_t *words, size_t n)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        term_t t = take_apart(words[i]);
        size_t first = 0;

        while (!same(take_apart(words[first]), t)) {
            first++;
        }

        if (first < i) {
            continue;
        }

        rc = gh_rules_condition_open(b, t.known->word, t.pointer);

        for (size_t j = i; j < n && rc == GH_OK; j++) {
            term_t other = take_apart(words[j]);

            if (!same(other, t)) {
                continue;
            }

            while (other.values.data != NULL && rc == GH_OK) {
                rc = gh_rules_value_add(
                    b, gh_str_cut(other.values, ',', &other.values));
            }
        }

        if (rc == GH_OK) {
            gh_rules_condition_close(b);
        }
    }

    return rc;
}


static bool
same(term_t a, term_t b)
{
    return a.known == b.known && gh_str_eq(a.pointer, b.pointer);
}


/* Cut, and without what a terminal would take for more than a letter. */
static shown_t
shown(gh_str_t word)
{
    shown_t s;
    size_t len = word.len < SHOWN_MAX ? word.len : SHOWN_MAX;

    for (size_t i = 0; i < len; i++) {
        char c = word.data[i];

        s.text[i] = c >= ' ' && c <= '~' ? c : '?';
    }

    (void) snprintf(s.text + len, sizeof(s.text) - len, "%s",
                    len < word.len ? "..." : "");

    return s;
}


static gh_rc_t
say(gh_buf_t *message, gh_rc_t rc, const char *format, ...)
{
    va_list args;

    if (message == NULL || message->cap == 0) {
        return rc;
    }

    va_start(args, format);
    int n = vsnprintf(message->data, message->cap, format, args);
    va_end(args);

    message->len = n < 0                        ? 0
                   : (size_t) n >= message->cap ? message->cap - 1
                                                : (size_t) n;

    return rc;
}
