/*
 * Problem documents (RFC 9457) and pages for refusals, and the choice
 * between them. Neither says which product or version wrote it.
 */

#include "gh_problem.h"

#include "gh_json.h"


#define ID_MAX 256

/* A weight of Accept in thousandths; NO_WEIGHT: not named. */
#define NO_WEIGHT (-1)

/* gh_problem_csp() has its hash. */
#define STYLE                                                                 \
    "html{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}"        \
    "main{max-width:36rem;margin:15vh auto 0;padding:0 1.5rem}"               \
    "h1{font-size:1.5rem;line-height:1.25}"                                   \
    "code{overflow-wrap:anywhere}"


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
static gh_rc_t add_all(gh_buf_t *out, const gh_str_t *parts, size_t n);
static gh_rc_t add_escaped(gh_buf_t *out, gh_str_t text);


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
    gh_rc_t rc = add_all(out, before, 5);

    if (rc == GH_OK) {
        rc = gh_buf_add_u64(out, info->status);
    }

    if (rc == GH_OK) {
        rc = add_all(out, after, 3);
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
    const gh_str_t page[] = {
        GH_STR("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
               "<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" "
               "content=\"width=device-width, initial-scale=1\">\n"
               "<meta name=\"robots\" content=\"noindex\">\n<title>"),
        info->title,
        GH_STR("</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<main>\n"
               "<h1>"),
        info->title,
        GH_STR("</h1>\n<p>"),
        info->detail,
        GH_STR("</p>\n<p>Status "),
    };
    gh_rc_t rc = add_all(out, page, sizeof(page) / sizeof(page[0]));

    if (rc == GH_OK) {
        rc = gh_buf_add_u64(out, info->status);
    }

    if (rc == GH_OK && id.len > 0 && id.len <= ID_MAX) {
        rc = gh_buf_add(out, GH_STR(", request id <code>"));

        if (rc == GH_OK) {
            rc = add_escaped(out, id);
        }

        if (rc == GH_OK) {
            rc = gh_buf_add(out, GH_STR("</code>"));
        }
    }

    return rc == GH_OK ? gh_buf_add(out, GH_STR("</p>\n</main>\n</body>\n"
                                                "</html>\n"))
                       : rc;
}


gh_str_t
gh_problem_csp(void)
{
    return GH_STR(
        "default-src 'none'; "
        "style-src 'sha256-bTVODsdl+RujRLoF5mZeF0gikXewFdlStxfzPdzE2ag='; "
        "base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'");
}


static gh_rc_t
add_all(gh_buf_t *out, const gh_str_t *parts, size_t n)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = gh_buf_add(out, parts[i]);
    }

    return rc;
}


/* What could leave the element, and what is not visible ASCII, goes. */
static gh_rc_t
add_escaped(gh_buf_t *out, gh_str_t text)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < text.len && rc == GH_OK; i++) {
        char c = text.data[i];

        switch (c) {

        case '&':
            rc = gh_buf_add(out, GH_STR("&amp;"));
            break;

        case '<':
            rc = gh_buf_add(out, GH_STR("&lt;"));
            break;

        case '>':
            rc = gh_buf_add(out, GH_STR("&gt;"));
            break;

        default:
            rc = gh_buf_add_char(out, c > ' ' && c <= '~' ? c : '?');
            break;
        }
    }

    return rc;
}
