/*
 * Complaints about policies and the way out that each of them names.
 */

#include "gh_policy_error.h"

#include <stdarg.h>
#include <stdio.h>

#define SPELLING_MAX 64     /* longer words are not compared */
#define SPELLING_MISTAKES 2 /* more are another word */


static void error_keep(gh_policy_errors_t *errors, const gh_policy_error_t *e);
static void file_name(char *out, size_t cap, gh_str_t file);
static unsigned spelling_distance(gh_str_t a, gh_str_t b);
static void spelling_row(unsigned *const rows[3], gh_str_t a, gh_str_t b,
                         size_t i);


gh_policy_word_t
gh_policy_word(gh_str_t s)
{
    gh_policy_word_t word;
    size_t room = sizeof(word.text) - 1;
    size_t len = s.len <= room ? s.len : room - 3;

    for (size_t i = 0; i < len; i++) {
        word.text[i] = s.data[i] >= ' ' && s.data[i] <= '~' ? s.data[i] : '?';
    }

    if (len < s.len) {
        memcpy(word.text + len, "...", 3);
        len += 3;
    }

    word.text[len] = '\0';
    return word;
}


gh_policy_path_t
gh_policy_path(gh_str_t path)
{
    gh_policy_path_t out = { "" };

    file_name(out.text, sizeof(out.text), path);
    return out;
}


void
gh_policy_error_add(gh_policy_errors_t *errors, gh_str_t file,
                    gh_policy_place_t place, const char *format, ...)
{
    gh_policy_error_t e = { .line = place.line, .column = place.column };
    va_list args;

    if (errors == NULL) {
        return;
    }

    file_name(e.file, sizeof(e.file), file);

    va_start(args, format);
    (void) vsnprintf(e.message, sizeof(e.message), format, args);
    va_end(args);

    error_keep(errors, &e);
}


void
gh_policy_error_again(gh_policy_errors_t *errors, const gh_policy_error_t *e)
{
    if (errors != NULL) {
        error_keep(errors, e);
    }
}


static void
error_keep(gh_policy_errors_t *errors, const gh_policy_error_t *e)
{
    for (size_t i = 0; i < errors->n; i++) {
        const gh_policy_error_t *other = &errors->items[i];

        if (other->line == e->line && other->column == e->column
            && strcmp(other->message, e->message) == 0
            && strcmp(other->file, e->file) == 0)
        {
            return;
        }
    }

    if (errors->n == GH_POLICY_ERRORS_MAX) {
        errors->more++;
        return;
    }

    errors->items[errors->n++] = *e;
}


/* The end of a path tells more than its beginning. */
static void
file_name(char *out, size_t cap, gh_str_t file)
{
    size_t at = 0;

    if (file.len >= cap) {
        memcpy(out, "...", 3);
        at = 3;
        file.data += file.len - (cap - 1 - at);
        file.len = cap - 1 - at;
    }

    for (size_t i = 0; i < file.len; i++, at++) {
        unsigned char c = (unsigned char) file.data[i];

        out[at] = c >= ' ' && c != 0x7f ? file.data[i] : '?';
    }

    out[at] = '\0';
}


gh_rc_t
gh_policy_error_text(const gh_policy_error_t *e, gh_buf_t *out)
{
    if (e->line == 0) {
        return gh_buf_add_fmt(out, "%s: %s", e->file, e->message);
    }

    return gh_buf_add_fmt(out, "%s:%u:%u: %s", e->file, e->line, e->column,
                          e->message);
}


void
gh_policy_choice(gh_policy_choices_t *c, gh_str_t candidate)
{
    gh_policy_word_t word = gh_policy_word(candidate);
    unsigned distance = spelling_distance(c->word, candidate);

    c->n++;

    if (distance > 0 && (c->distance == 0 || distance < c->distance)) {
        c->distance = distance;
        c->best = word;
    }

    size_t len = strlen(word.text);
    size_t room = sizeof(c->list) - 1 - c->list_len;

    /* the list has no holes: it ends with the first that does not fit */
    if (c->listed + 1 == c->n && len + 2 <= room) {
        const char *comma = c->listed == 0 ? "" : ", ";
        int written = snprintf(c->list + c->list_len, room + 1, "%s%s", comma,
                               word.text);

        c->list_len += (size_t) written;
        c->listed++;
    }
}


gh_policy_advice_t
gh_policy_advice(const gh_policy_choices_t *c, const char *nouns)
{
    gh_policy_advice_t advice = { "" };
    char *text = advice.text;
    size_t cap = sizeof(advice.text);
    int len = 0;

    if (c->n == 0) {
        (void) snprintf(text, cap, "; there are no %s", nouns);
        return advice;
    }

    if (c->distance > 0) {
        len = snprintf(text, cap, "; did you mean \"%s\"?", c->best.text);

    } else {
        len = snprintf(text, cap, ";");
    }

    len += snprintf(text + len, cap - (size_t) len, " %s are: %s", nouns,
                    c->list);

    if (c->listed < c->n) {
        (void) snprintf(text + len, cap - (size_t) len, " and %zu more",
                        c->n - c->listed);
    }

    return advice;
}


/*
 * How many letters were mistaken, forgotten, added or swapped with their
 * neighbour; 0 when no typo explains one word by the other. The rows are
 * those of the classic table: before the last, the last, the current. Of
 * each only the cells count that a few mistakes can reach.
 */
static unsigned
spelling_distance(gh_str_t a, gh_str_t b)
{
    unsigned room[3][SPELLING_MAX + 2];
    unsigned *rows[3] = { room[0], room[1], room[2] };
    unsigned allowed = a.len <= 3 ? 1 : SPELLING_MISTAKES;

    if (a.len == 0 || a.len > SPELLING_MAX || b.len > SPELLING_MAX
        || a.len > b.len + allowed || b.len > a.len + allowed)
    {
        return 0;
    }

    for (size_t j = 0; j <= b.len; j++) {
        rows[2][j] = (unsigned) j;
    }

    for (size_t i = 1; i <= a.len; i++) {
        unsigned *oldest = rows[0];

        rows[0] = rows[1];
        rows[1] = rows[2];
        rows[2] = oldest;
        spelling_row(rows, a, b, i);
    }

    unsigned distance = rows[2][b.len];

    return distance <= allowed && distance < a.len ? distance : 0;
}


static void
spelling_row(unsigned *const rows[3], gh_str_t a, gh_str_t b, size_t i)
{
    size_t first = i > SPELLING_MISTAKES ? i - SPELLING_MISTAKES : 1;
    size_t last =
        i + SPELLING_MISTAKES < b.len ? i + SPELLING_MISTAKES : b.len;

    rows[2][first - 1] = first == 1 ? (unsigned) i : SPELLING_MAX;

    for (size_t j = first; j <= last; j++) {
        char c = a.data[i - 1], d = b.data[j - 1];
        unsigned best = rows[1][j - 1] + (c == d ? 0 : 1);

        best = best <= rows[1][j] ? best : rows[1][j] + 1;
        best = best <= rows[2][j - 1] ? best : rows[2][j - 1] + 1;

        if (i > 1 && j > 1 && c == b.data[j - 2] && d == a.data[i - 2]
            && rows[0][j - 2] < best)
        {
            best = rows[0][j - 2] + 1;
        }

        rows[2][j] = best;
    }

    rows[2][last + 1] = SPELLING_MAX; /* out of reach for the next row */
}
