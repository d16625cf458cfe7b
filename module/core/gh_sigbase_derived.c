/*
 * The components that are derived from a request (RFC 9421 section 2.2), out
 * of what the client sent.
 */

#include "gh_sigbase_value.h"


/* A target taken apart; path and query as they came. */
typedef struct {
    gh_str_t authority; /* of an absolute target, else empty */
    gh_str_t path;      /* empty for "*" */
    gh_str_t query;     /* behind the '?'; data NULL: there is none */
} target_t;

typedef gh_rc_t (*derive_pt)(const gh_message_t *msg, const target_t *target,
                             gh_buf_t *out);


static target_t take_apart(gh_str_t target);
static gh_rc_t add_method(const gh_message_t *msg, const target_t *target,
                          gh_buf_t *out);
static gh_rc_t add_uri(const gh_message_t *msg, const target_t *target,
                       gh_buf_t *out);
static gh_rc_t add_authority(const gh_message_t *msg, const target_t *target,
                             gh_buf_t *out);
static gh_rc_t add_scheme(const gh_message_t *msg, const target_t *target,
                          gh_buf_t *out);
static gh_rc_t add_target(const gh_message_t *msg, const target_t *target,
                          gh_buf_t *out);
static gh_rc_t add_path(const gh_message_t *msg, const target_t *target,
                        gh_buf_t *out);
static gh_rc_t add_query(const gh_message_t *msg, const target_t *target,
                         gh_buf_t *out);
static gh_rc_t add_query_param(gh_str_t query, gh_str_t wanted, gh_buf_t *out);
static gh_rc_t add_form_text(gh_str_t s, gh_buf_t *out);
static int digit16(char c);
static gh_rc_t add_lower(gh_str_t s, gh_buf_t *out);
static const struct {
    const char *name;
    derive_pt add;
} derivations[] = {
    { "@method", add_method },         { "@target-uri", add_uri },
    { "@authority", add_authority },   { "@scheme", add_scheme },
    { "@request-target", add_target }, { "@path", add_path },
    { "@query", add_query },
};

gh_rc_t
gh_sigbase_derived(const gh_message_t *msg, const gh_component_t *c,
                   gh_buf_t *out)
{
    target_t target = take_apart(msg->target);

    if (c->param.data != NULL) {
        return add_query_param(target.query, c->param, out);
    }

    for (size_t i = 0; i < sizeof(derivations) / sizeof(derivations[0]); i++) {
        if (gh_str_eq(c->name, gh_str(derivations[i].name))) {
            return derivations[i].add(msg, &target, out);
        }
    }

    return GH_DENIED;
}


static target_t
take_apart(gh_str_t target)
{
    target_t t = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    gh_str_t rest = gh_str_cut(target, '?', &t.query);

    if (rest.len > 0 && rest.data[0] == '/') {
        t.path = rest;
        return t;
    }

    for (size_t i = 0; i + 3 <= rest.len; i++) {
        if (memcmp(rest.data + i, "://", 3) == 0) {
            gh_str_t behind = { rest.data + i + 3, rest.len - i - 3 };
            gh_str_t path;

            t.authority = gh_str_cut(behind, '/', &path);

            if (path.data != NULL) {
                t.path = (gh_str_t){ path.data - 1, path.len + 1 };
            }
            break;
        }
    }

    return t;
}


static gh_rc_t
add_method(const gh_message_t *msg, const target_t *target, gh_buf_t *out)
{
    (void) target;

    return gh_buf_add(out, msg->method);
}


/* Section 2.2.2: the scheme and authority are as in their own components. */
static gh_rc_t
add_uri(const gh_message_t *msg, const target_t *target, gh_buf_t *out)
{
    gh_rc_t rc = add_scheme(msg, target, out);

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("://"));
    }

    if (rc == GH_OK) {
        rc = add_authority(msg, target, out);
    }

    if (rc == GH_OK && !gh_str_eq(msg->target, GH_STR("*"))) {
        rc = add_path(msg, target, out);
    }

    return rc == GH_OK && target->query.data != NULL
               ? add_query(msg, target, out)
               : rc;
}


/* Section 2.2.3: lower case, and without the scheme's own port. */
static gh_rc_t
add_authority(const gh_message_t *msg, const target_t *target, gh_buf_t *out)
{
    gh_str_t host = target->authority.len > 0 ? target->authority : msg->host;
    gh_str_t port = gh_str_eq_nocase(msg->scheme, GH_STR("https"))
                        ? GH_STR(":443")
                        : GH_STR(":80");

    if (host.len > port.len
        && memcmp(host.data + host.len - port.len, port.data, port.len) == 0)
    {
        host.len -= port.len;

    } else if (host.len > 0 && host.data[host.len - 1] == ':') {
        host.len--;
    }

    return host.len == 0 ? GH_ABSENT : add_lower(host, out);
}


static gh_rc_t
add_scheme(const gh_message_t *msg, const target_t *target, gh_buf_t *out)
{
    (void) target;

    return add_lower(msg->scheme, out);
}


static gh_rc_t
add_target(const gh_message_t *msg, const target_t *target, gh_buf_t *out)
{
    (void) target;

    return gh_buf_add(out, msg->target);
}


/* Section 2.2.6: an empty path is "/". */
static gh_rc_t
add_path(const gh_message_t *msg, const target_t *target, gh_buf_t *out)
{
    (void) msg;

    return gh_buf_add(out, target->path.len > 0 ? target->path : GH_STR("/"));
}


/* Section 2.2.7: with its '?', which stands alone when there is no query. */
static gh_rc_t
add_query(const gh_message_t *msg, const target_t *target, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_char(out, '?');

    (void) msg;

    return rc == GH_OK && target->query.len > 0
               ? gh_buf_add(out, target->query)
               : rc;
}


/*
 * Section 2.2.8: name and value are decoded and encoded again as forms are,
 * so that both sides write them alike. One that comes twice has no value.
 */
static gh_rc_t
add_query_param(gh_str_t query, gh_str_t wanted, gh_buf_t *out)
{
    size_t before = out->len, end = before;
    bool found = false;

    while (query.data != NULL) {
        gh_str_t item = gh_str_cut(query, '&', &query);
        gh_str_t value;
        gh_str_t name = gh_str_cut(item, '=', &value);

        gh_rc_t rc = add_form_text(name, out);

        if (rc != GH_OK) {
            return rc;
        }

        bool same = item.len > 0
                    && gh_str_eq((gh_str_t){ out->data + end, out->len - end },
                                 wanted);
        out->len = end;

        if (!same) {
            continue;
        }

        rc = found ? GH_DENIED : add_form_text(value, out);

        if (rc != GH_OK) {
            return rc;
        }

        found = true;
        end = out->len;
    }

    return found ? GH_OK : GH_ABSENT;
}


static gh_rc_t
add_form_text(gh_str_t s, gh_buf_t *out)
{
    static const char hex[] = "0123456789ABCDEF";
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; rc == GH_OK && i < s.len; i++) {
        unsigned char c = (unsigned char) s.data[i];

        if (c == '+') {
            c = ' ';

        } else if (c == '%' && s.len - i > 2 && digit16(s.data[i + 1]) >= 0
                   && digit16(s.data[i + 2]) >= 0)
        {
            c = (unsigned char) (digit16(s.data[i + 1]) << 4
                                 | digit16(s.data[i + 2]));
            i += 2;
        }

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || (c != '\0' && strchr("*-._", c) != NULL))
        {
            rc = gh_buf_add_char(out, (char) c);

        } else {
            char code[3] = { '%', hex[c >> 4], hex[c & 15] };

            rc = gh_buf_add(out, (gh_str_t){ code, sizeof(code) });
        }
    }

    return rc;
}


static int
digit16(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


static gh_rc_t
add_lower(gh_str_t s, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = gh_buf_add(out, s);

    for (size_t i = before; rc == GH_OK && i < out->len; i++) {
        if (out->data[i] >= 'A' && out->data[i] <= 'Z') {
            out->data[i] = (char) (out->data[i] + ('a' - 'A'));
        }
    }

    return rc;
}
