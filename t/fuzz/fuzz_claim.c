/*
 * A claim that an operator names and a provider fills, as a header: one line
 * that decodes to the claim, or none at all. The input is the pointer, a line
 * feed, and the claims as JSON.
 */

#include "fuzz.h"

#include "gh_json_path.h"
#include "gh_principal.h"


#define CLAIMS_MAX 65536


/* Visible, and a space only between what is visible. */
static void
check_line(gh_str_t line, size_t max)
{
    require(line.len > 0 && line.len <= max);
    require(line.data[0] != ' ' && line.data[line.len - 1] != ' ');

    for (size_t i = 0; i < line.len; i++) {
        require(line.data[i] >= ' ' && line.data[i] < 0x7f);
    }
}


static int
digit(char c)
{
    require((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));

    return c <= '9' ? c - '0' : c - 'A' + 10;
}


/* Takes a byte of the meaning off the front of what was sent. */
static int
take(gh_str_t *line)
{
    int c = (unsigned char) line->data[0];
    size_t n = 1;

    if (c == '%') {
        require(line->len >= 3);
        c = digit(line->data[1]) << 4 | digit(line->data[2]);
        n = 3;
    }

    line->data += n;
    line->len -= n;

    return c;
}


static void
check_text(gh_str_t line, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);

    for (size_t i = 0; i < len; i++) {
        require(line.len > 0 && take(&line) == (unsigned char) text[i]);
    }

    require(line.len == 0);
}


static void
check_claim(gh_str_t line, const json_t *value)
{
    require(value != NULL && !json_is_null(value));
    check_line(line, json_is_array(value) || json_is_object(value)
                         ? GH_PRINCIPAL_LIST_MAX
                         : GH_PRINCIPAL_VALUE_MAX);

    if (json_is_string(value)) {
        check_text(line, value);
    }
}


/* With less room it is the same or nothing. */
static void
check_room(const gh_principal_t *p, gh_str_t pointer, gh_str_t line)
{
    char room[GH_PRINCIPAL_LIST_MAX];
    gh_buf_t out = { room, 0, line.len };

    require(gh_principal_claim(p, pointer, &out) == GH_OK);
    require(gh_str_eq(gh_buf_str(&out), line));

    out = (gh_buf_t){ room, 0, line.len - 1 };
    require(gh_principal_claim(p, pointer, &out) == GH_TOO_LONG);
    require(out.len == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size }, json;
    gh_str_t pointer = gh_str_cut(text, '\n', &json);
    char room[GH_PRINCIPAL_LIST_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_json_path_t path;
    json_t *claims;

    if (json.data == NULL
        || gh_json_parse(json, CLAIMS_MAX, &claims, NULL) != GH_OK)
    {
        return 0;
    }

    const gh_principal_t p = { .type = GH_PRINCIPAL_USER, .claims = claims };
    gh_rc_t rc = gh_principal_claim(&p, pointer, &out);

    require(rc == GH_OK || (rc == GH_ABSENT && out.len == 0));
    require(rc == GH_ABSENT || gh_principal_claim_valid(pointer));
    require(gh_json_path_init(&path, pointer)
            || gh_json_pointer(claims, pointer) == NULL);

    if (rc == GH_OK) {
        check_claim(gh_buf_str(&out), gh_json_pointer(claims, pointer));
        check_room(&p, pointer, gh_buf_str(&out));
    }

    json_decref(claims);

    return 0;
}
