/*
 * Component identifiers and the base that they make. Where values
 * come from is in gh_sigbase_derived.c and gh_sigbase_field.c.
 */

#include "gh_sigbase.h"

#include "gh_sigbase_value.h"


static gh_rc_t identify(gh_component_t *c);
static gh_rc_t take_param(gh_component_t *c, const gh_sfv_t *p);
static bool is_name(gh_str_t name);
static bool is_derived(gh_str_t name);
static bool same_text(gh_str_t a, gh_str_t b);
static gh_rc_t add_line(const gh_message_t *msg, const gh_component_t *c,
                        gh_buf_t *out);
static gh_rc_t add_params_line(gh_str_t components, gh_str_t params,
                               gh_buf_t *out);
static bool signable(gh_str_t value);


gh_rc_t
gh_component_next(gh_str_t *rest, gh_component_t *out)
{
    *out = (gh_component_t){ .sf = false };

    gh_rc_t rc = gh_sfv_inner_next(rest, &out->item);

    if (rc != GH_OK) {
        return rc;
    }

    out->name = out->item.text;

    if (out->item.type != GH_SFV_STRING || !is_name(out->name)) {
        return GH_INVALID;
    }

    gh_str_t params = out->item.params;
    gh_sfv_t p;

    while ((rc = gh_sfv_param_next(&params, &p)) == GH_OK) {
        rc = take_param(out, &p);

        if (rc != GH_OK) {
            return rc;
        }
    }

    return rc == GH_ABSENT ? identify(out) : rc;
}


/* A field's name in lower case, or '@' and letters (RFC 9110 5.6.2). */
static bool
is_name(gh_str_t name)
{
    for (size_t i = name.len > 0 && name.data[0] == '@'; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
        {
            return false;
        }
    }

    return name.len > 0 && !(name.len == 1 && name.data[0] == '@');
}


static gh_rc_t
take_param(gh_component_t *c, const gh_sfv_t *p)
{
    bool flag = p->type == GH_SFV_BOOLEAN && p->number == 1;

    if (gh_str_eq(p->key, GH_STR("sf"))) {
        c->sf = true;
        return flag ? GH_OK : GH_INVALID;
    }

    if (gh_str_eq(p->key, GH_STR("bs"))) {
        c->bs = true;
        return flag ? GH_OK : GH_INVALID;
    }

    if (gh_str_eq(p->key, GH_STR("key"))) {
        c->key = p->text;
        return p->type == GH_SFV_STRING ? GH_OK : GH_INVALID;
    }

    if (gh_str_eq(p->key, GH_STR("name"))) {
        c->param = p->text;
        return p->type == GH_SFV_STRING ? GH_OK : GH_INVALID;
    }

    if (gh_str_eq(p->key, GH_STR("req")) || gh_str_eq(p->key, GH_STR("tr"))) {
        return flag ? GH_DENIED : GH_INVALID;
    }

    return GH_INVALID;
}


/* Which parameters go with which names, and with each other. */
static gh_rc_t
identify(gh_component_t *c)
{
    bool wants_param = gh_str_eq(c->name, GH_STR("@query-param"));

    if (c->name.data[0] != '@') {
        bool structured = c->sf || c->key.data != NULL;

        return c->param.data != NULL || (c->bs && structured) ? GH_INVALID
                                                              : GH_OK;
    }

    if (c->sf || c->bs || c->key.data != NULL
        || (c->param.data != NULL) != wants_param)
    {
        return GH_INVALID;
    }

    return wants_param || is_derived(c->name) ? GH_OK : GH_DENIED;
}


static bool
is_derived(gh_str_t name)
{
    static const char *const names[] = {
        "@method",         "@target-uri", "@authority", "@scheme",
        "@request-target", "@path",       "@query",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (gh_str_eq(name, gh_str(names[i]))) {
            return true;
        }
    }

    return false;
}


bool
gh_component_eq(const gh_component_t *a, const gh_component_t *b)
{
    return gh_str_eq(a->name, b->name) && a->sf == b->sf && a->bs == b->bs
           && same_text(a->key, b->key) && same_text(a->param, b->param);
}


static bool
same_text(gh_str_t a, gh_str_t b)
{
    return (a.data == NULL) == (b.data == NULL) && gh_str_eq(a, b);
}


gh_rc_t
gh_sigbase_build(const gh_message_t *msg, gh_str_t components, gh_str_t params,
                 gh_buf_t *out)
{
    gh_component_t seen[GH_SIGBASE_COMPONENTS_MAX];
    gh_str_t rest = components;
    size_t before = out->len;
    gh_rc_t rc = GH_OK;

    for (size_t n = 0; rc == GH_OK; n++) {
        gh_component_t c;

        rc = gh_component_next(&rest, &c);

        if (rc == GH_OK && n == GH_SIGBASE_COMPONENTS_MAX) {
            rc = GH_INVALID;
        }

        for (size_t i = 0; rc == GH_OK && i < n; i++) {
            rc = gh_component_eq(&seen[i], &c) ? GH_INVALID : GH_OK;
        }

        if (rc == GH_OK) {
            seen[n] = c;
            rc = add_line(msg, &c, out);
        }
    }

    if (rc == GH_ABSENT && rest.len == 0) {
        rc = add_params_line(components, params, out);
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


/* "name";param: value. An absent value is told from the end of the list. */
static gh_rc_t
add_line(const gh_message_t *msg, const gh_component_t *c, gh_buf_t *out)
{
    gh_rc_t rc = gh_sfv_add(&c->item, out);

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR(": "));
    }

    if (rc == GH_OK) {
        rc = gh_component_value(msg, c, out);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '\n');
    }

    return rc == GH_ABSENT ? GH_DENIED : rc;
}


static gh_rc_t
add_params_line(gh_str_t components, gh_str_t params, gh_buf_t *out)
{
    gh_sfv_t list = { .type = GH_SFV_INNER_LIST,
                      .text = components,
                      .params = params };

    gh_rc_t rc = gh_buf_add(out, GH_STR("\"@signature-params\": "));

    return rc == GH_OK ? gh_sfv_add(&list, out) : rc;
}


gh_rc_t
gh_component_value(const gh_message_t *msg, const gh_component_t *c,
                   gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = c->name.data[0] == '@' ? gh_sigbase_derived(msg, c, out)
                                        : gh_sigbase_field(msg, c, out);

    if (rc == GH_OK
        && !signable((gh_str_t){ out->data + before, out->len - before }))
    {
        rc = GH_DENIED;
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


/* Section 2.5: a base is ASCII, and a value never begins a line. */
static bool
signable(gh_str_t value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];

        if ((c < 0x20 && c != '\t') || c > 0x7e) {
            return false;
        }
    }

    return true;
}
