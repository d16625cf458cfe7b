/*
 * The fields of a request as components (RFC 9421 section 2.1): their lines
 * as one value, as bytes, or in structured form.
 */

#include "gh_bytes.h"
#include "gh_sigbase_value.h"


static gh_rc_t add_lines(const gh_message_t *msg, gh_str_t name, bool bytes,
                         gh_buf_t *out);
static gh_rc_t add_line_value(gh_str_t value, gh_buf_t *out);
static gh_rc_t add_line_bytes(gh_str_t value, gh_buf_t *out);
static gh_rc_t make_structured(const gh_component_t *c, size_t before,
                               gh_buf_t *out);
static gh_rc_t add_structured(const gh_component_t *c, gh_str_t text,
                              gh_buf_t *out);
static bool kind_of(gh_str_t name, gh_sfv_kind_t *kind);


/* What the definitions of fields say that they are. */
static const struct {
    const char *name;
    gh_sfv_kind_t kind;
} kinds[] = {
    { "accept-ch", GH_SFV_LIST },
    { "accept-signature", GH_SFV_DICTIONARY },
    { "available-dictionary", GH_SFV_ITEM },
    { "cache-status", GH_SFV_LIST },
    { "capsule-protocol", GH_SFV_ITEM },
    { "cdn-cache-control", GH_SFV_DICTIONARY },
    { "client-cert", GH_SFV_ITEM },
    { "client-cert-chain", GH_SFV_LIST },
    { "content-digest", GH_SFV_DICTIONARY },
    { "dictionary-id", GH_SFV_ITEM },
    { "idempotency-key", GH_SFV_ITEM },
    { "incremental", GH_SFV_ITEM },
    { "priority", GH_SFV_DICTIONARY },
    { "proxy-status", GH_SFV_LIST },
    { "repr-digest", GH_SFV_DICTIONARY },
    { "signature", GH_SFV_DICTIONARY },
    { "signature-input", GH_SFV_DICTIONARY },
    { "want-content-digest", GH_SFV_DICTIONARY },
    { "want-repr-digest", GH_SFV_DICTIONARY },
};


gh_rc_t
gh_sigbase_field(const gh_message_t *msg, const gh_component_t *c,
                 gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = add_lines(msg, c->name, c->bs, out);

    if (rc != GH_OK || (!c->sf && c->key.data == NULL)) {
        return rc;
    }

    return make_structured(c, before, out);
}


gh_rc_t
gh_message_field(const gh_message_t *msg, gh_str_t name, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = add_lines(msg, name, false, out);

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


static gh_rc_t
add_lines(const gh_message_t *msg, gh_str_t name, bool bytes, gh_buf_t *out)
{
    bool found = false;
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; rc == GH_OK && i < msg->n_fields; i++) {
        if (!gh_str_eq_nocase(msg->fields[i].name, name)) {
            continue;
        }

        gh_str_t value = gh_str_trim(msg->fields[i].value);

        if (found) {
            rc = gh_buf_add(out, GH_STR(", "));
        }

        if (rc == GH_OK) {
            rc = bytes ? add_line_bytes(value, out)
                       : add_line_value(value, out);
        }

        found = true;
    }

    return rc == GH_OK && !found ? GH_ABSENT : rc;
}


/* Section 2.1: an obsolete fold and the space around it is one space. */
static gh_rc_t
add_line_value(gh_str_t value, gh_buf_t *out)
{
    gh_rc_t rc = GH_OK;

    while (rc == GH_OK && value.data != NULL) {
        gh_str_t rest;
        gh_str_t line = gh_str_cut(value, '\n', &rest);

        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }

        line = gh_str_trim(line);
        rc = line.len > 0 ? gh_buf_add(out, line) : GH_OK;
        value = rest;

        if (rc == GH_OK && rest.data != NULL) {
            rc = gh_buf_add_char(out, ' ');
        }
    }

    return rc;
}


/* Section 2.1.3. */
static gh_rc_t
add_line_bytes(gh_str_t value, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_char(out, ':');

    if (rc == GH_OK && value.len > 0) {
        rc = gh_base64_encode(value, out);
    }

    return rc == GH_OK ? gh_buf_add_char(out, ':') : rc;
}


/*
 * What stands behind `before` is replaced by its structured form (sections
 * 2.1.1 and 2.1.2), which is first written behind it and then moved.
 */
static gh_rc_t
make_structured(const gh_component_t *c, size_t before, gh_buf_t *out)
{
    size_t middle = out->len;
    gh_rc_t rc = add_structured(
        c, (gh_str_t){ out->data + before, middle - before }, out);

    if (rc != GH_OK) {
        return rc == GH_INVALID ? GH_DENIED : rc;
    }

    memmove(out->data + before, out->data + middle, out->len - middle);
    out->len -= middle - before;

    return GH_OK;
}


static gh_rc_t
add_structured(const gh_component_t *c, gh_str_t text, gh_buf_t *out)
{
    gh_sfv_kind_t kind;
    gh_sfv_t m;

    if (c->key.data == NULL) {
        return kind_of(c->name, &kind) ? gh_sfv_canonical(kind, text, out)
                                       : GH_INVALID;
    }

    gh_rc_t rc = gh_sfv_check(GH_SFV_DICTIONARY, text, NULL);

    if (rc == GH_OK) {
        rc = gh_sfv_dictionary_get(text, c->key, &m);
    }

    return rc == GH_OK ? gh_sfv_add(&m, out) : rc;
}


static bool
kind_of(gh_str_t name, gh_sfv_kind_t *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (gh_str_eq(name, gh_str(kinds[i].name))) {
            *kind = kinds[i].kind;
            return true;
        }
    }

    return false;
}
