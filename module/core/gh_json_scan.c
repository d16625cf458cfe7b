/*
 * The tokens of a JSON text (RFC 8259 section 2) and where they begin,
 * without recursion and without judging what stands between them.
 */

#include "gh_json_scan.h"


#define SPACE 1
#define STRUCTURAL 2
#define QUOTE 4
#define STRANGE 8 /* in a string: its end, or what is not one byte by itself */


static bool is(char c, unsigned kinds);
static size_t string_end(gh_str_t text, size_t at);


/* Hundreds of megabytes go through here. */
static const uint8_t kinds_of[256] = {
    [' '] = SPACE,      ['\t'] = SPACE,          ['\n'] = SPACE,
    ['\r'] = SPACE,     ['{'] = STRUCTURAL,      ['}'] = STRUCTURAL,
    ['['] = STRUCTURAL, [']'] = STRUCTURAL,      [':'] = STRUCTURAL,
    [','] = STRUCTURAL, ['"'] = QUOTE | STRANGE, ['\\'] = STRANGE,
};


bool
gh_json_scan_next(gh_json_scan_t *scan, gh_str_t *token)
{
    gh_str_t text = scan->text;
    size_t at = scan->at;

    while (at < text.len && is(text.data[at], SPACE)) {
        at++;
    }

    if (at == text.len) {
        scan->at = at;
        return false;
    }

    size_t end = at + 1;

    if (text.data[at] == '"') {
        end = string_end(text, end);

    } else if (!is(text.data[at], STRUCTURAL)) {
        while (end < text.len
               && !is(text.data[end], SPACE | STRUCTURAL | QUOTE)) {
            end++;
        }
    }

    *token = (gh_str_t){ text.data + at, end - at };
    scan->at = end;
    return true;
}


static bool
is(char c, unsigned kinds)
{
    return (kinds_of[(unsigned char) c] & kinds) != 0;
}


static size_t
string_end(gh_str_t text, size_t at)
{
    while (at < text.len) {
        if (!is(text.data[at], STRANGE)) {
            at++;

        } else if (text.data[at] == '\\') {
            at += 2;

        } else {
            break;
        }
    }

    return at < text.len ? at + 1 : text.len;
}


void
gh_json_scan_place(gh_str_t text, size_t offset, unsigned *line,
                   unsigned *column)
{
    *line = 1;
    *column = 1;

    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.data[i] == '\n') {
            ++*line;
            *column = 1;

        } else {
            ++*column;
        }
    }
}
