/*
 * The tokens of a JSON text (RFC 8259 section 2) and where they begin,
 * without recursion and without judging what stands between them.
 */

#include "gh_json_scan.h"


static bool is_space(char c);
static bool is_structural(char c);
static size_t string_end(gh_str_t text, size_t at);


bool
gh_json_scan_next(gh_json_scan_t *scan, gh_str_t *token)
{
    gh_str_t text = scan->text;
    size_t at = scan->at;

    while (at < text.len && is_space(text.data[at])) {
        at++;
    }

    if (at == text.len) {
        scan->at = at;
        return false;
    }

    size_t end = at + 1;

    if (text.data[at] == '"') {
        end = string_end(text, end);

    } else if (!is_structural(text.data[at])) {
        while (end < text.len && text.data[end] != '"'
               && !is_space(text.data[end]) && !is_structural(text.data[end]))
        {
            end++;
        }
    }

    *token = (gh_str_t){ text.data + at, end - at };
    scan->at = end;
    return true;
}


static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}


static bool
is_structural(char c)
{
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ':'
           || c == ',';
}


static size_t
string_end(gh_str_t text, size_t at)
{
    while (at < text.len && text.data[at] != '"') {
        at += text.data[at] == '\\' ? 2 : 1;
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
