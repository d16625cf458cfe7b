/*
 * Problem documents (RFC 9457) and pages for refusals, and the choice
 * between them. Neither says which product or version wrote it.
 */

#include "gh_problem.h"

#include "gh_html.h"
#include "gh_json.h"


#define ID_MAX 256

/* A weight of Accept in thousandths; NO_WEIGHT: not named. */
#define NO_WEIGHT (-1)


/* The weights of what we can offer, as far as they were read. */
typedef struct {
    int html, json, application, any;
} weights_t;


static void read_range(gh_str_t range, weights_t *w);
static int weight(gh_str_t parameters);
static int thousandths(gh_str_t text);
static void raise_to(int *have, int more);
static const gh_reason_info_t *refusal(gh_reason_t reason);
static gh_rc_t write_json(const gh_reason_info_t *info, gh_str_t id,
                          gh_buf_t *out);
static gh_rc_t write_html(const gh_reason_info_t *info, gh_str_t id,
                          gh_buf_t *out);


bool
gh_problem_wants_html(gh_str_t accept)
{
    weights_t w = { NO_WEIGHT, NO_WEIGHT, NO_WEIGHT, NO_WEIGHT };

    while (accept.data != NULL) {
        read_range(gh_str_cut(accept, ',', &accept), &w);
    }

    /* the more exact range says how welcome JSON is */
    int json = w.json != NO_WEIGHT          ? w.json
               : w.application != NO_WEIGHT ? w.application
               : w.any != NO_WEIGHT         ? w.any
                                            : 0;

    return w.html > json;
}


static void
read_range(gh_str_t range, weights_t *w)
{
    static const gh_str_t html = { "text/html", 9 },
                          xhtml = { "application/xhtml+xml", 21 },
                          json = { "application/json", 16 },
                          problem = { "application/problem+json", 24 },
                          application = { "application/*", 13 },
                          any = { "*/*", 3 };

    gh_str_t parameters;
    gh_str_t type = gh_str_trim(gh_str_cut(range, ';', &parameters));
    int q = weight(parameters);

    if (gh_str_eq_nocase(type, html) || gh_str_eq_nocase(type, xhtml)) {
        raise_to(&w->html, q);

    } else if (gh_str_eq_nocase(type, json) || gh_str_eq_nocase(type, problem))
    {
        raise_to(&w->json, q);

    } else if (gh_str_eq_nocase(type, application)) {
        raise_to(&w->application, q);

    } else if (gh_str_eq(type, any)) {
        raise_to(&w->any, q);
    }
}


/* 1000 without a q; what is no weight is 0. */
static int
weight(gh_str_t parameters)
{
    while (parameters.data != NULL) {
        gh_str_t value;
        gh_str_t one = gh_str_cut(parameters, ';', &parameters);
        gh_str_t name = gh_str_trim(gh_str_cut(one, '=', &value));

        if (gh_str_eq_nocase(name, GH_STR("q"))) {
            return thousandths(gh_str_trim(value));
        }
    }

    return 1000;
}


/* A qvalue of RFC 9110 section 12.4.2. */
static int
thousandths(gh_str_t text)
{
    int q = 0, place = 1000;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[1] != '.'))
    {
        return 0;
    }

    for (size_t i = 0; i < text.len; i++) {
        if (i == 1) {
            continue;
        }

        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }

        q += (text.data[i] - '0') * place;
        place /= 10;
    }

    return q > 1000 ? 0 : q;
}


static void
raise_to(int *have, int more)
{
    if (*have < more) {
        *have = more;
    }
}


gh_rc_t
gh_problem_json(gh_reason_t reason, gh_str_t request_id, gh_buf_t *out)
{
    size_t base = out->len;
    gh_rc_t rc = write_json(refusal(reason), request_id, out);

    if (rc != GH_OK) {
        out->len = base;
    }

    return rc;
}


gh_rc_t
gh_problem_html(gh_reason_t reason, gh_str_t request_id, gh_buf_t *out)
{
    size_t base = out->len;
    gh_rc_t rc = write_html(refusal(reason), request_id, out);

    if (rc != GH_OK) {
        out->len = base;
    }

    return rc;
}


static const gh_reason_info_t *
refusal(gh_reason_t reason)
{
    return gh_reason_info(gh_reason_admits(reason) ? GH_REASON_INTERNAL
                                                   : reason);
}


/* The texts of the table hold nothing that JSON would escape. */
static gh_rc_t
write_json(const gh_reason_info_t *info, gh_str_t id, gh_buf_t *out)
{
    const gh_str_t before[] = { GH_STR("{\"type\":\"urn:gatehouse:problem:"),
                                info->type, GH_STR("\",\"title\":\""),
                                info->title, GH_STR("\",\"status\":") };
    const gh_str_t after[] = { GH_STR(",\"detail\":\""), info->detail,
                               GH_STR("\"") };
    gh_rc_t rc = gh_html_add(out, before, 5);

    if (rc == GH_OK) {
        rc = gh_buf_add_u64(out, info->status);
    }

    if (rc == GH_OK) {
        rc = gh_html_add(out, after, 3);
    }

    if (rc == GH_OK && id.len > 0 && id.len <= ID_MAX) {
        rc = gh_buf_add(out, GH_STR(",\"request_id\":"));

        if (rc == GH_OK) {
            rc = gh_json_quote(id, out);
        }
    }

    return rc == GH_OK ? gh_buf_add(out, GH_STR("}\n")) : rc;
}


/* Nor anything that HTML would. */
static gh_rc_t
write_html(const gh_reason_info_t *info, gh_str_t id, gh_buf_t *out)
{
    const gh_str_t text[] = { GH_STR("<p>"), info->detail,
                              GH_STR("</p>\n<p>Status ") };
    gh_rc_t rc = gh_html_begin(info->title, out);

    if (rc == GH_OK) {
        rc = gh_html_add(out, text, 3);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_u64(out, info->status);
    }

    if (rc == GH_OK && id.len > 0 && id.len <= ID_MAX) {
        rc = gh_buf_add(out, GH_STR(", request id <code>"));

        if (rc == GH_OK) {
            rc = gh_html_id(id, out);
        }

        if (rc == GH_OK) {
            rc = gh_buf_add(out, GH_STR("</code>"));
        }
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("</p>\n"));
    }

    return rc == GH_OK ? gh_html_end(out) : rc;
}


gh_str_t
gh_problem_csp(void)
{
    return GH_STR("default-src 'none'; style-src " GH_HTML_STYLE_SOURCE "; "
                  "base-uri 'none'; form-action 'none'; "
                  "frame-ancestors 'none'");
}
