/*
 * Header values from claims: one line, decodable, never beyond the bound.
 * The first byte is the bound, the rest the value and (cut at its zero
 * bytes) the members of a list.
 */

#include "fuzz.h"

#include "gh_principal.h"


static int
digit(char c)
{
    require((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));

    return c <= '9' ? c - '0' : c - 'A' + 10;
}


/* What was sent begins with what is decoded, and no decoded part is torn. */
static void
check_line(gh_str_t line, gh_str_t raw, bool whole)
{
    size_t at = 0;

    require(line.len == 0
            || (line.data[0] != ' ' && line.data[line.len - 1] != ' '));

    for (size_t i = 0; i < line.len; i++, at++) {
        int c = (unsigned char) line.data[i];

        require(c >= ' ' && c < 0x7f);

        if (c == '%') {
            require(line.len - i >= 3);
            c = digit(line.data[i + 1]) << 4 | digit(line.data[i + 2]);
            i += 2;
        }

        require(at < raw.len && (unsigned char) raw.data[at] == c);
    }

    require(!whole || at == raw.len);
}


static void
check_list(gh_str_t text, size_t max)
{
    gh_str_t items[16];
    size_t n = 0, members = 0;
    char room[256];
    gh_buf_t out = GH_BUF(room);

    while (n < 16 && text.data != NULL) {
        items[n++] = gh_str_cut(text, '\0', &text);
    }

    require(gh_principal_list(items, n, max, &out) == GH_OK);
    require(out.len <= max);

    for (gh_str_t rest = gh_buf_str(&out); out.len > 0 && rest.data != NULL;
         members++)
    {
        gh_str_t member = gh_str_cut(rest, ',', &rest);

        require(member.len > 0);
    }

    require(members <= n);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }

    gh_str_t raw = { (const char *) data + 1, size - 1 };
    gh_buf_t all = { malloc(3 * size), 0, 3 * size };
    char room[256];
    gh_buf_t cut = GH_BUF(room);

    require(all.data != NULL);
    require(gh_principal_value(raw, 3 * size, &all) == GH_OK);
    check_line(gh_buf_str(&all), raw, true);

    require(gh_principal_value(raw, data[0], &cut) == GH_OK);
    require(cut.len <= data[0]);
    check_line(gh_buf_str(&cut), raw, all.len <= data[0]);

    check_list(raw, data[0]);

    free(all.data);

    return 0;
}
