/*
 * Walks structured fields (RFC 9651 section 4.2). What one call has returned
 * is checked to its last byte, parameters included, so that whoever walks on
 * in it meets no surprise.
 */

#include "gh_sfv.h"
#include "gh_sfv_bare.h"


static gh_rc_t check_item(gh_str_t text, size_t *n);
static gh_rc_t check_members(gh_sfv_kind_t kind, gh_str_t text, size_t *n);
static bool is_new(gh_str_t *keys, size_t *n, gh_str_t key);
static gh_rc_t member(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t inner_list(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t params(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t param(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t comma(gh_str_t *rest);
static void skip(gh_str_t *rest, bool tabs);
static bool begins(gh_str_t s, char c);
static void advance(gh_str_t *rest, size_t n);


gh_rc_t
gh_sfv_check(gh_sfv_kind_t kind, gh_str_t text, size_t *n)
{
    size_t count = 0;
    gh_rc_t rc = kind == GH_SFV_ITEM ? check_item(text, &count)
                                     : check_members(kind, text, &count);

    if (rc == GH_OK && n != NULL) {
        *n = count;
    }

    return rc;
}


static gh_rc_t
check_item(gh_str_t text, size_t *n)
{
    gh_sfv_t item;

    *n = 1;

    return gh_sfv_item(text, &item);
}


static gh_rc_t
check_members(gh_sfv_kind_t kind, gh_str_t text, size_t *n)
{
    gh_str_t keys[GH_SFV_MEMBERS_MAX];
    size_t n_keys = 0;
    gh_sfv_t m;

    for (;;) {
        gh_rc_t rc = kind == GH_SFV_LIST ? gh_sfv_list_next(&text, &m)
                                         : gh_sfv_dictionary_next(&text, &m);

        if (rc != GH_OK) {
            return rc == GH_ABSENT ? GH_OK : rc;
        }

        if (++*n > GH_SFV_MEMBERS_MAX) {
            return GH_TOO_LONG;
        }

        if (kind == GH_SFV_DICTIONARY && !is_new(keys, &n_keys, m.key)) {
            return GH_INVALID;
        }
    }
}


/* There is room for one more in keys. */
static bool
is_new(gh_str_t *keys, size_t *n, gh_str_t key)
{
    for (size_t i = 0; i < *n; i++) {
        if (gh_str_eq(keys[i], key)) {
            return false;
        }
    }

    keys[(*n)++] = key;

    return true;
}


gh_rc_t
gh_sfv_item(gh_str_t text, gh_sfv_t *out)
{
    out->key = (gh_str_t){ NULL, 0 };
    skip(&text, false);

    gh_rc_t rc = gh_sfv_bare(&text, out);

    if (rc == GH_OK) {
        rc = params(&text, out);
    }

    skip(&text, false);

    return rc == GH_OK && text.len > 0 ? GH_INVALID : rc;
}


gh_rc_t
gh_sfv_list_next(gh_str_t *rest, gh_sfv_t *out)
{
    out->key = (gh_str_t){ NULL, 0 };
    skip(rest, false);

    if (rest->len == 0) {
        return GH_ABSENT;
    }

    gh_rc_t rc = member(rest, out);

    return rc == GH_OK ? comma(rest) : rc;
}


gh_rc_t
gh_sfv_dictionary_next(gh_str_t *rest, gh_sfv_t *out)
{
    gh_rc_t rc;

    skip(rest, false);

    if (rest->len == 0) {
        return GH_ABSENT;
    }

    if (gh_sfv_key(rest, &out->key) != GH_OK) {
        return GH_INVALID;
    }

    if (begins(*rest, '=')) {
        advance(rest, 1);
        rc = member(rest, out);

    } else {
        out->type = GH_SFV_BOOLEAN;
        out->text = (gh_str_t){ rest->data, 0 };
        out->number = 1;
        rc = params(rest, out);
    }

    return rc == GH_OK ? comma(rest) : rc;
}


gh_rc_t
gh_sfv_dictionary_get(gh_str_t text, gh_str_t key, gh_sfv_t *out)
{
    gh_rc_t rc;

    do {
        rc = gh_sfv_dictionary_next(&text, out);
    } while (rc == GH_OK && !gh_str_eq(out->key, key));

    return rc;
}


static gh_rc_t
member(gh_str_t *rest, gh_sfv_t *out)
{
    gh_rc_t rc =
        begins(*rest, '(') ? inner_list(rest, out) : gh_sfv_bare(rest, out);

    return rc == GH_OK ? params(rest, out) : rc;
}


/* All but its parameters: its items are checked here, once. */
static gh_rc_t
inner_list(gh_str_t *rest, gh_sfv_t *out)
{
    gh_sfv_t item;
    size_t n = 0;

    advance(rest, 1);

    gh_str_t inside = *rest;

    for (;;) {
        skip(rest, false);

        if (begins(*rest, ')')) {
            break;
        }

        gh_rc_t rc = gh_sfv_bare(rest, &item);

        if (rc == GH_OK) {
            rc = params(rest, &item);
        }

        if (rc != GH_OK) {
            return rc;
        }

        if (!begins(*rest, ' ') && !begins(*rest, ')')) {
            return GH_INVALID;
        }

        if (++n > GH_SFV_MEMBERS_MAX) {
            return GH_TOO_LONG;
        }
    }

    out->type = GH_SFV_INNER_LIST;
    out->text = (gh_str_t){ inside.data, inside.len - rest->len };
    out->number = (int64_t) n;
    advance(rest, 1);

    return GH_OK;
}


gh_rc_t
gh_sfv_inner_next(gh_str_t *rest, gh_sfv_t *out)
{
    out->key = (gh_str_t){ NULL, 0 };
    skip(rest, false);

    if (rest->len == 0) {
        return GH_ABSENT;
    }

    gh_rc_t rc = gh_sfv_bare(rest, out);

    if (rc == GH_OK) {
        rc = params(rest, out);
    }

    return rc == GH_OK && rest->len > 0 && !begins(*rest, ' ') ? GH_INVALID
                                                               : rc;
}


/* Those of one member: checked, and their text kept. */
static gh_rc_t
params(gh_str_t *rest, gh_sfv_t *out)
{
    gh_str_t keys[GH_SFV_PARAMS_MAX];
    gh_str_t before = *rest;
    size_t n = 0;
    gh_sfv_t p;

    while (begins(*rest, ';')) {
        if (n == GH_SFV_PARAMS_MAX) {
            return GH_TOO_LONG;
        }

        gh_rc_t rc = param(rest, &p);

        if (rc != GH_OK) {
            return rc;
        }

        if (!is_new(keys, &n, p.key)) {
            return GH_INVALID;
        }
    }

    out->params = (gh_str_t){ before.data, before.len - rest->len };

    return GH_OK;
}


static gh_rc_t
param(gh_str_t *rest, gh_sfv_t *out)
{
    advance(rest, 1);
    skip(rest, false);
    out->params = (gh_str_t){ NULL, 0 };

    if (gh_sfv_key(rest, &out->key) != GH_OK) {
        return GH_INVALID;
    }

    if (begins(*rest, '=')) {
        advance(rest, 1);
        return gh_sfv_bare(rest, out);
    }

    out->type = GH_SFV_BOOLEAN;
    out->text = (gh_str_t){ rest->data, 0 };
    out->number = 1;

    return GH_OK;
}


gh_rc_t
gh_sfv_param_next(gh_str_t *rest, gh_sfv_t *out)
{
    if (rest->len == 0) {
        return GH_ABSENT;
    }

    return begins(*rest, ';') ? param(rest, out) : GH_INVALID;
}


/* Behind a member: nothing more, or a comma and another one. */
static gh_rc_t
comma(gh_str_t *rest)
{
    skip(rest, true);

    if (rest->len == 0) {
        return GH_OK;
    }

    if (!begins(*rest, ',')) {
        return GH_INVALID;
    }

    advance(rest, 1);
    skip(rest, true);

    return rest->len == 0 ? GH_INVALID : GH_OK;
}


static void
skip(gh_str_t *rest, bool tabs)
{
    while (begins(*rest, ' ') || (tabs && begins(*rest, '\t'))) {
        advance(rest, 1);
    }
}


static bool
begins(gh_str_t s, char c)
{
    return s.len > 0 && s.data[0] == c;
}


static void
advance(gh_str_t *rest, size_t n)
{
    rest->data += n;
    rest->len -= n;
}
