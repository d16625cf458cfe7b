/*
 * How the tool speaks: to people, and with --json to programs.
 */

#include "ctl.h"
#include "gh_time.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


static const char *const exit_words[] = { "done", "refused", "usage",
                                          "unavailable", "pending" };


ctl_exit_t
ctl_fail(const ctl_t *c, ctl_exit_t exit, const char *fmt, ...)
{
    va_list args;
    char text[4096];

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    (void) fprintf(stderr, "gatehouse: %s\n", text);

    if (c->json) {
        ctl_print_json(c, json_pack("{s:s, s:o}", "result", exit_words[exit],
                                    "error", ctl_json_text(gh_str(text))));
    }

    return exit;
}


void
ctl_say(const ctl_t *c, const char *fmt, ...)
{
    va_list args;

    if (c->json) {
        return;
    }

    va_start(args, fmt);
    (void) vprintf(fmt, args);
    va_end(args);
}


void
ctl_note(const ctl_t *c, const char *fmt, ...)
{
    va_list args;

    if (c->json) {
        return;
    }

    va_start(args, fmt);
    (void) vfprintf(stderr, fmt, args);
    va_end(args);
}


void
ctl_print_json(const ctl_t *c, json_t *document)
{
    if (!c->json) {
        json_decref(document);
        return;
    }

    if (document == NULL || json_dumpf(document, stdout, JSON_INDENT(2)) != 0)
    {
        (void) fputs("gatehouse: out of memory\n", stderr);
        exit(CTL_UNAVAILABLE);
    }

    (void) putchar('\n');
    json_decref(document);
}


const char *
ctl_plain(ctl_t *c, gh_str_t s)
{
    char *text = ctl_copy(&c->arena, s);

    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char) text[i];

        /* C1 controls are 0x80 to 0x9f behind 0xc2 in UTF-8 */
        if (byte < 0x20 || byte == 0x7f
            || (byte >= 0x80 && byte < 0xa0 && i > 0
                && (unsigned char) text[i - 1] == 0xc2))
        {
            text[i] = '?';
        }
    }

    return text;
}


const char *
ctl_when(ctl_t *c, int64_t at_s)
{
    char room[40];
    gh_buf_t out = GH_BUF(room);
    char *text;

    if (at_s == 0) {
        return "never";
    }

    if (gh_time_rfc3339(at_s, &out) != GH_OK) {
        return "?";
    }

    text = ctl_copy(&c->arena, gh_buf_str(&out));
    text[10] = ' ';
    text[out.len - 1] = '\0';

    return text;
}


const char *
ctl_when_utc(ctl_t *c, int64_t at_s)
{
    return at_s == 0 ? "never"
                     : ctl_text(&c->arena, "%s UTC", ctl_when(c, at_s));
}


json_t *
ctl_json_when(int64_t at_s)
{
    char room[40];
    gh_buf_t out = GH_BUF(room);

    if (at_s == 0 || gh_time_rfc3339(at_s, &out) != GH_OK) {
        return json_null();
    }

    return json_stringn(out.data, out.len);
}


json_t *
ctl_json_text(gh_str_t s)
{
    json_t *text = json_stringn(s.len == 0 ? "" : s.data, s.len);

    return text != NULL ? text : json_string("(not UTF-8)");
}
