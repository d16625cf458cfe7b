/*
 * Finds the place of a value or a member's name by walking the text again,
 * so that jansson's tree needs to carry no places. Meant for error messages
 * about texts that were accepted; anything unexpected is "leads nowhere".
 */

#include "gh_json.h"
#include "gh_json_path.h"
#include "gh_json_scan.h"


/* A member's name, read out of its token byte by byte. */
typedef struct {
    gh_str_t rest;
    char utf8[4]; /* of the escape read last, in reverse */
    unsigned left;
} name_t;


static bool enter(gh_json_scan_t *scan, gh_str_t *value,
                  const gh_json_path_t *path, gh_str_t step, gh_str_t *name);
static bool enter_object(gh_json_scan_t *scan, gh_str_t *value,
                         const gh_json_path_t *path, gh_str_t step,
                         gh_str_t *name);
static bool skip(gh_json_scan_t *scan, gh_str_t value);
static bool name_is(gh_str_t token, const gh_json_path_t *path, gh_str_t step);
static int name_byte(name_t *n);
static int name_escape(name_t *n);
static uint32_t name_hex(name_t *n);
static void name_put(name_t *n, uint32_t code);


gh_rc_t
gh_json_locate(gh_str_t text, gh_str_t pointer, bool name, unsigned *line,
               unsigned *column)
{
    gh_json_scan_t scan = { text, 0 };
    gh_json_path_t path;
    gh_str_t value, step, named;

    if (!gh_json_path_init(&path, pointer)
        || !gh_json_scan_next(&scan, &value)) {
        return GH_ABSENT;
    }

    named = value;

    while (gh_json_path_next(&path, &step)) {
        if (!enter(&scan, &value, &path, step, &named)) {
            return GH_ABSENT;
        }
    }

    gh_str_t place = name ? named : value;

    gh_json_scan_place(text, (size_t) (place.data - text.data), line, column);
    return GH_OK;
}


/*
 * From the value that has just been read into the one at `step`; *name is
 * the member's name, or the value itself in an array.
 */
static bool
enter(gh_json_scan_t *scan, gh_str_t *value, const gh_json_path_t *path,
      gh_str_t step, gh_str_t *name)
{
    size_t index = 0;

    if (value->data[0] == '{') {
        return enter_object(scan, value, path, step, name);
    }

    if (value->data[0] != '[' || !gh_json_path_index(step, &index)) {
        return false;
    }

    while (gh_json_scan_next(scan, value) && value->data[0] != ']') {
        if (index-- == 0) {
            *name = *value;
            return true;
        }

        if (!skip(scan, *value) || !gh_json_scan_next(scan, value)
            || value->data[0] != ',')
        {
            return false;
        }
    }

    return false;
}


static bool
enter_object(gh_json_scan_t *scan, gh_str_t *value, const gh_json_path_t *path,
             gh_str_t step, gh_str_t *name)
{
    gh_str_t colon;

    while (gh_json_scan_next(scan, name) && name->data[0] == '"') {
        if (!gh_json_scan_next(scan, &colon) || colon.data[0] != ':'
            || !gh_json_scan_next(scan, value))
        {
            return false;
        }

        if (name_is(*name, path, step)) {
            return true;
        }

        if (!skip(scan, *value) || !gh_json_scan_next(scan, value)
            || value->data[0] != ',')
        {
            return false;
        }
    }

    return false;
}


/* To the end of the value whose first token has just been read. */
static bool
skip(gh_json_scan_t *scan, gh_str_t value)
{
    size_t depth = 0;

    for (;;) {
        char c = value.data[0];

        if (c == '{' || c == '[') {
            depth++;

        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return false;
            }

            depth--;
        }

        if (depth == 0) {
            return true;
        }

        if (!gh_json_scan_next(scan, &value)) {
            return false;
        }
    }
}


static bool
name_is(gh_str_t token, const gh_json_path_t *path, gh_str_t step)
{
    name_t n = { { token.data + 1, token.len - 1 }, { 0 }, 0 };
    int c;

    if (n.rest.len > 0 && n.rest.data[n.rest.len - 1] == '"') {
        n.rest.len--;
    }

    do {
        c = name_byte(&n);

        if (c != gh_json_path_byte(path, &step)) {
            return false;
        }
    } while (c != -1);

    return true;
}


/* -1 at the end. */
static int
name_byte(name_t *n)
{
    if (n->left > 0) {
        return (unsigned char) n->utf8[--n->left];
    }

    if (n->rest.len == 0) {
        return -1;
    }

    int c = (unsigned char) *n->rest.data++;

    n->rest.len--;

    return c == '\\' ? name_escape(n) : c;
}


static int
name_escape(name_t *n)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";

    if (n->rest.len == 0) {
        return -1;
    }

    char c = *n->rest.data++;

    n->rest.len--;

    const char *letter = memchr(letters, c, sizeof(letters) - 1);

    if (letter != NULL) {
        return meanings[letter - letters];
    }

    if (c != 'u') {
        return (unsigned char) c;
    }

    uint32_t code = name_hex(n);

    if (code >= 0xd800 && code < 0xdc00 && n->rest.len >= 6) {
        n->rest.data += 2; /* the \u of the low half */
        n->rest.len -= 2;
        code = 0x10000 + ((code - 0xd800) << 10) + (name_hex(n) & 0x3ff);
    }

    name_put(n, code);

    return name_byte(n);
}


static uint32_t
name_hex(name_t *n)
{
    uint32_t code = 0;

    for (unsigned i = 0; i < 4 && n->rest.len > 0; i++) {
        char c = *n->rest.data++;

        n->rest.len--;
        code =
            code << 4 | (uint32_t) (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        code &= 0xffff;
    }

    return code;
}


static void
name_put(name_t *n, uint32_t code)
{
    n->left = 0;

    if (code < 0x80) {
        n->utf8[n->left++] = (char) code;
        return;
    }

    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

    for (unsigned i = 0; i < more; i++) {
        n->utf8[n->left++] = (char) (uint8_t) (0x80 | (code & 0x3f));
        code >>= 6;
    }

    static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };

    n->utf8[n->left++] = (char) (uint8_t) (lead[more] | code);
}
