/*
 * One claim as the text of a header. What a provider lets people choose may
 * hold anything; what leaves here is one line of visible ASCII.
 */

#include "gh_principal.h"

#include "gh_json_path.h"

#define SCALAR_MAX 32 /* a number as jansson writes it */
#define MEMBERS_MAX 256
#define CUT_MAX 13 /* bytes that a cut may take: a character, a space */


static bool is_scalar(const json_t *value);
static gh_rc_t add_list(const json_t *list, gh_buf_t *out);
static gh_str_t scalar(const json_t *value, char room[SCALAR_MAX]);
static gh_rc_t add_json(const json_t *value, gh_buf_t *out);
static gh_rc_t add_whole(gh_str_t text, size_t max, gh_buf_t *out);


gh_rc_t
gh_principal_claim(const gh_principal_t *p, gh_str_t pointer, gh_buf_t *out)
{
    char room[SCALAR_MAX];

    if (p == NULL || p->claims == NULL || pointer.len == 0) {
        return GH_ABSENT;
    }

    /* gh_json_pointer gives what it was given; nothing is changed here */
    const json_t *value =
        gh_json_pointer((json_t *) (uintptr_t) p->claims, pointer);
    bool plain = json_is_array(value);

    for (size_t i = 0; plain && i < json_array_size(value); i++) {
        plain = is_scalar(json_array_get(value, i));
    }

    if (plain && json_array_size(value) <= MEMBERS_MAX) {
        return add_list(value, out);
    }

    if (json_is_array(value) || json_is_object(value)) {
        return add_json(value, out);
    }

    return is_scalar(value)
               ? add_whole(scalar(value, room), GH_PRINCIPAL_VALUE_MAX, out)
               : GH_ABSENT;
}


bool
gh_principal_claim_valid(gh_str_t pointer)
{
    gh_json_path_t path;

    return pointer.len > 0 && gh_json_path_init(&path, pointer);
}


static bool
is_scalar(const json_t *value)
{
    return json_is_string(value) || json_is_boolean(value)
           || json_is_number(value);
}


static gh_rc_t
add_list(const json_t *list, gh_buf_t *out)
{
    char rooms[MEMBERS_MAX][SCALAR_MAX];
    gh_str_t items[MEMBERS_MAX];
    size_t n = json_array_size(list), before = out->len;

    for (size_t i = 0; i < n; i++) {
        items[i] = scalar(json_array_get(list, i), rooms[i]);
    }

    gh_rc_t rc = gh_principal_list(items, n, GH_PRINCIPAL_LIST_MAX, out);

    return rc == GH_OK && out->len == before ? GH_ABSENT : rc;
}


static gh_str_t
scalar(const json_t *value, char room[SCALAR_MAX])
{
    if (json_is_string(value)) {
        return (gh_str_t){ json_string_value(value),
                           json_string_length(value) };
    }

    if (json_is_boolean(value)) {
        return json_is_true(value) ? GH_STR("true") : GH_STR("false");
    }

    size_t n = json_dumpb(value, room, SCALAR_MAX, JSON_ENCODE_ANY);

    return (gh_str_t){ room, n <= SCALAR_MAX ? n : 0 };
}


static gh_rc_t
add_json(const json_t *value, gh_buf_t *out)
{
    char room[GH_PRINCIPAL_LIST_MAX];
    size_t n = json_dumpb(value, room, sizeof(room),
                          JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);

    if (n == 0 || n > sizeof(room)
        || (json_object_size(value) == 0 && json_array_size(value) == 0))
    {
        return GH_ABSENT;
    }

    return add_whole((gh_str_t){ room, n }, GH_PRINCIPAL_LIST_MAX, out);
}


/* A whole character more than allowed tells a text that was cut. */
static gh_rc_t
add_whole(gh_str_t text, size_t max, gh_buf_t *out)
{
    char room[GH_PRINCIPAL_LIST_MAX + CUT_MAX];
    gh_buf_t one = { room, 0, sizeof(room) };

    if (text.len == 0 || text.len > max
        || gh_principal_value(text, max + CUT_MAX, &one) != GH_OK
        || one.len > max)
    {
        return GH_ABSENT;
    }

    return gh_buf_add(out, gh_buf_str(&one));
}
