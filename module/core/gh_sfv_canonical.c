/*
 * Writes structured fields in the one form that they have (RFC 9651 section
 * 4.1), which is what a signature with ";sf" covers.
 */

#include "gh_sfv.h"
#include "gh_sfv_bare.h"


static gh_rc_t add_members(gh_sfv_kind_t kind, gh_str_t text, gh_buf_t *out);
static gh_rc_t add_member(const gh_sfv_t *m, gh_buf_t *out);
static gh_rc_t add_inner(gh_str_t text, gh_buf_t *out);


gh_rc_t
gh_sfv_canonical(gh_sfv_kind_t kind, gh_str_t text, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = gh_sfv_check(kind, text, NULL);
    gh_sfv_t item;

    if (rc != GH_OK) {
        return rc;
    }

    if (kind == GH_SFV_ITEM) {
        rc = gh_sfv_item(text, &item);

        if (rc == GH_OK) {
            rc = gh_sfv_add(&item, out);
        }

    } else {
        rc = add_members(kind, text, out);
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


static gh_rc_t
add_members(gh_sfv_kind_t kind, gh_str_t text, gh_buf_t *out)
{
    size_t first = out->len;
    gh_sfv_t m;
    gh_rc_t rc;

    for (;;) {
        rc = kind == GH_SFV_LIST ? gh_sfv_list_next(&text, &m)
                                 : gh_sfv_dictionary_next(&text, &m);

        if (rc != GH_OK) {
            return rc == GH_ABSENT ? GH_OK : rc;
        }

        if (out->len > first) {
            rc = gh_buf_add(out, GH_STR(", "));
        }

        if (rc == GH_OK) {
            rc = kind == GH_SFV_LIST ? gh_sfv_add(&m, out)
                                     : add_member(&m, out);
        }

        if (rc != GH_OK) {
            return rc;
        }
    }
}


/* "true" is not written in a dictionary. */
static gh_rc_t
add_member(const gh_sfv_t *m, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, m->key);

    if (rc != GH_OK) {
        return rc;
    }

    if (m->type == GH_SFV_BOOLEAN && m->number == 1) {
        return gh_sfv_add_params(m->params, out);
    }

    rc = gh_buf_add_char(out, '=');

    return rc == GH_OK ? gh_sfv_add(m, out) : rc;
}


gh_rc_t
gh_sfv_add(const gh_sfv_t *member, gh_buf_t *out)
{
    gh_rc_t rc = member->type == GH_SFV_INNER_LIST
                     ? add_inner(member->text, out)
                     : gh_sfv_add_bare(member, out);

    return rc == GH_OK ? gh_sfv_add_params(member->params, out) : rc;
}


static gh_rc_t
add_inner(gh_str_t text, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_char(out, '(');
    size_t first = out->len;
    gh_sfv_t item;

    while (rc == GH_OK) {
        rc = gh_sfv_inner_next(&text, &item);

        if (rc == GH_OK && out->len > first) {
            rc = gh_buf_add_char(out, ' ');
        }

        if (rc == GH_OK) {
            rc = gh_sfv_add(&item, out);
        }
    }

    return rc == GH_ABSENT ? gh_buf_add_char(out, ')') : rc;
}


gh_rc_t
gh_sfv_add_params(gh_str_t params, gh_buf_t *out)
{
    gh_sfv_t p;
    gh_rc_t rc;

    for (;;) {
        rc = gh_sfv_param_next(&params, &p);

        if (rc != GH_OK) {
            return rc == GH_ABSENT ? GH_OK : rc;
        }

        rc = gh_buf_add_char(out, ';');

        if (rc == GH_OK) {
            rc = gh_buf_add(out, p.key);
        }

        if (rc == GH_OK && !(p.type == GH_SFV_BOOLEAN && p.number == 1)) {
            rc = gh_buf_add_char(out, '=');

            if (rc == GH_OK) {
                rc = gh_sfv_add_bare(&p, out);
            }
        }

        if (rc != GH_OK) {
            return rc;
        }
    }
}


gh_rc_t
gh_sfv_add_string(gh_str_t s, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = gh_buf_add_char(out, '"');

    for (size_t i = 0; rc == GH_OK && i < s.len; i++) {
        if (s.data[i] < 0x20 || s.data[i] > 0x7e) {
            rc = GH_INVALID;
            break;
        }

        if (s.data[i] == '"' || s.data[i] == '\\') {
            rc = gh_buf_add_char(out, '\\');
        }

        if (rc == GH_OK) {
            rc = gh_buf_add_char(out, s.data[i]);
        }
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '"');
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}
