/*
 * A JSON pointer, a newline, and a JSON text: jansson's tree and the walk
 * through the text must agree on whether the pointer leads anywhere, and on
 * the value there; errors must have a place; any bytes quoted must read back.
 */

#include "fuzz.h"

#include "gh_json.h"


#define MAX 65536


static void check_error(const gh_json_error_t *err);
static void check_pointer(gh_str_t text, json_t *root, gh_str_t pointer);
static size_t offset_of(gh_str_t text, unsigned line, unsigned column);
static unsigned depth_of(json_t *value);
static void check_quote(gh_str_t bytes);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text;
    gh_str_t pointer =
        gh_str_cut((gh_str_t){ (const char *) data, size }, '\n', &text);
    gh_json_error_t err;
    unsigned line, column;
    json_t *root;
    gh_rc_t rc = gh_json_parse(text, MAX, &root, &err);

    if (rc == GH_OK) {
        require(depth_of(root) <= GH_JSON_DEPTH_MAX);
        check_pointer(text, root, pointer);
        json_decref(root);

    } else {
        require(root == NULL);
        check_error(&err);
        (void) gh_json_locate(text, pointer, false, &line, &column);
    }

    if (text.len < 4096) {
        check_quote(text);
    }

    return 0;
}


static void
check_error(const gh_json_error_t *err)
{
    size_t len = strnlen(err->message, sizeof(err->message));

    require(err->line >= 1 && err->column >= 1);
    require(len > 0 && len < sizeof(err->message));

    for (size_t i = 0; i < len; i++) {
        require(err->message[i] >= ' ' && err->message[i] <= '~');
    }
}


static void
check_pointer(gh_str_t text, json_t *root, gh_str_t pointer)
{
    unsigned line, column;
    json_t *value = gh_json_pointer(root, pointer);
    gh_rc_t rc = gh_json_locate(text, pointer, false, &line, &column);

    require(rc == (value != NULL ? GH_OK : GH_ABSENT));

    if (value == NULL) {
        require(gh_json_locate(text, pointer, true, &line, &column)
                == GH_ABSENT);
        return;
    }

    size_t at = offset_of(text, line, column);
    json_t *found = json_loadb(text.data + at, text.len - at,
                               JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);

    require(found != NULL && json_equal(found, value));
    json_decref(found);

    require(gh_json_locate(text, pointer, true, &line, &column) == GH_OK);
    require(offset_of(text, line, column) <= at);
}


static size_t
offset_of(gh_str_t text, unsigned line, unsigned column)
{
    size_t at = 0;

    while (line > 1) {
        require(at < text.len);
        line -= text.data[at++] == '\n';
    }

    at += column - 1;
    require(at < text.len);

    return at;
}


static unsigned
depth_of(json_t *value)
{
    unsigned deepest = 0, depth;
    const char *name;
    json_t *inner;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach(value, name, inner)
        {
            depth = depth_of(inner);
            deepest = depth > deepest ? depth : deepest;
        }

        return deepest + 1;
    }

    if (json_is_array(value)) {
        json_array_foreach(value, i, inner)
        {
            depth = depth_of(inner);
            deepest = depth > deepest ? depth : deepest;
        }

        return deepest + 1;
    }

    return 0;
}


static void
check_quote(gh_str_t bytes)
{
    size_t cap = bytes.len * 6 + 4;
    gh_buf_t out = { malloc(cap), 0, cap };
    json_t *root;

    require(out.data != NULL);
    require(gh_buf_add_char(&out, '[') == GH_OK);
    require(gh_json_quote(bytes, &out) == GH_OK);
    require(gh_buf_add_char(&out, ']') == GH_OK);

    /* a NUL is written as it should be, and refused by our own reader */
    root = json_loadb(out.data, out.len, JSON_ALLOW_NUL, NULL);
    require(root != NULL);
    require(memchr(out.data, '\n', out.len) == NULL);

    json_decref(root);
    free(out.data);
}
