/*
 * Where versions are found: a name that comes out is a version name, lies in
 * what was sent, and what is written about it stays one header line.
 */

#include "fuzz.h"

#include "gh_version.h"


static void in_path(gh_str_t path, gh_str_t prefix);
static void in_accept(gh_str_t accept);
static void in_link(gh_str_t uri);
static bool lies_in(gh_str_t part, gh_str_t whole);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };
    gh_str_t name;

    if (gh_version_from_header(text, &name) == GH_OK) {
        require(gh_version_name_valid(name) && lies_in(name, text));
        require(gh_version_same(name, name));
    }

    in_path(text, GH_STR("/"));
    in_path(text, GH_STR("/api/"));
    in_path(text, GH_STR("/api"));
    in_path(text, GH_STR(""));
    in_path(text, (gh_str_t){ text.data, size / 2 });
    in_accept(text);
    in_link(text);

    return 0;
}


static void
in_path(gh_str_t path, gh_str_t prefix)
{
    gh_str_t name, rest;

    if (gh_version_from_path(path, prefix, &name, &rest) != GH_OK) {
        return;
    }

    require(gh_version_name_valid(name) && lies_in(name, path));
    require(name.data - path.data - (ptrdiff_t) prefix.len <= 1);
    require(rest.len > 0 && rest.data[0] == '/');

    /* nothing but the name was cut out */
    require(rest.len == 1 || lies_in(rest, path));
    require(rest.len == 1 || rest.data == name.data + name.len);
}


static void
in_accept(gh_str_t accept)
{
    gh_str_t name = { NULL, 0 }, again;
    gh_rc_t rc = gh_version_from_accept(accept, &name);

    require(rc == GH_OK || rc == GH_ABSENT || rc == GH_CONFLICT
            || rc == GH_INVALID);
    require((rc == GH_OK) == (name.len > 0));

    if (rc != GH_OK) {
        return;
    }

    require(gh_version_name_valid(name) && lies_in(name, accept));

    /* asking for it once more changes nothing, for another is a conflict */
    char *room = malloc(accept.len + 64);
    gh_buf_t more = { room, 0, accept.len + 64 };

    require(room != NULL);
    require(gh_buf_add(&more, accept) == GH_OK);
    require(gh_buf_add(&more, GH_STR(", a/b;version=")) == GH_OK);
    require(gh_buf_add(&more, name) == GH_OK);
    require(gh_version_from_accept(gh_buf_str(&more), &again) == GH_OK);
    require(gh_str_eq(name, again));
    more.len = accept.len;
    require(gh_buf_add(&more, GH_STR(",a/b;version=zz")) == GH_OK);
    require(gh_version_from_accept(gh_buf_str(&more), &again)
            == (gh_str_eq(name, GH_STR("zz")) ? GH_OK : GH_CONFLICT));
    free(room);
}


static void
in_link(gh_str_t uri)
{
    size_t cap = 2 * uri.len + 128;
    gh_buf_t out = { malloc(cap), 0, cap };

    require(out.data != NULL);

    if (gh_version_link(uri, uri, &out) == GH_OK) {
        for (size_t i = 0; i < out.len; i++) {
            require(out.data[i] >= 0x20 && out.data[i] < 0x7f);
        }

    } else {
        require(out.len == 0);
    }

    free(out.data);
}


static bool
lies_in(gh_str_t part, gh_str_t whole)
{
    return part.data >= whole.data
           && part.data + part.len <= whole.data + whole.len;
}
