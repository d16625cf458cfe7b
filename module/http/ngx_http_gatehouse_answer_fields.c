/*
 * What an answer says beside the answer: the limits that were charged, the
 * announced end of a version, and that it is for one caller only.
 */

#include "ngx_http_gatehouse_answer.h"


static gh_rc_t ngx_http_gatehouse_answer_many(ngx_http_gatehouse_request_t *gr,
                                              gh_buf_t *out, ngx_str_t *policy,
                                              ngx_str_t *value);


ngx_int_t
ngx_http_gatehouse_answer_limits(ngx_http_gatehouse_request_t *gr)
{
    size_t i, len;
    gh_rc_t rc;
    gh_buf_t out;
    ngx_str_t policy, value;
    ngx_http_gatehouse_charge_t *charge;

    charge = gr->charges.elts;
    len = 0;

    for (i = 0; i < gr->charges.nelts; i++) {
        len += 2 * GH_LIMIT_FIELD_MAX(charge[i].shown.text);
    }

    out.cap = len;
    out.len = 0;
    out.data = ngx_pnalloc(gr->request->pool, out.cap);
    if (out.data == NULL) {
        return NGX_ERROR;
    }

    if (gr->charges.nelts == 1) {
        policy = ngx_http_gatehouse_ngx(charge->shown.text.policy);
        rc = gh_limit_field(&charge->shown, 1, &out);
        value = ngx_http_gatehouse_ngx(gh_buf_str(&out));

    } else {
        rc = ngx_http_gatehouse_answer_many(gr, &out, &policy, &value);
    }

    if (rc != GH_OK) {
        return NGX_OK;
    }

    if (ngx_http_gatehouse_answer_add(gr->request, "RateLimit-Policy", 16,
                                      &policy)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_answer_add(gr->request, "RateLimit", 9, &value);
}


static gh_rc_t
ngx_http_gatehouse_answer_many(ngx_http_gatehouse_request_t *gr, gh_buf_t *out,
                               ngx_str_t *policy, ngx_str_t *value)
{
    size_t n;
    gh_rc_t rc;
    gh_limit_shown_t shown[NGX_HTTP_GATEHOUSE_CHARGES_MAX];
    ngx_http_gatehouse_charge_t *charge;

    charge = gr->charges.elts;

    for (n = 0; n < gr->charges.nelts; n++) {
        shown[n] = charge[n].shown;
    }

    rc = gh_limit_policy_field(shown, n, out);
    if (rc != GH_OK) {
        return rc;
    }

    *policy = ngx_http_gatehouse_ngx(gh_buf_str(out));
    value->data = (u_char *) out->data + out->len;

    rc = gh_limit_field(shown, n, out);
    value->len = (size_t) ((u_char *) out->data + out->len - value->data);

    return rc;
}


ngx_int_t
ngx_http_gatehouse_answer_version(ngx_http_gatehouse_request_t *gr)
{
    gh_rc_t rc;
    size_t i;
    gh_buf_t out;
    gh_str_t successor;
    ngx_str_t value;
    const gh_image_t *im;
    const gh_image_version_t *v;

    static const struct {
        const char *name;
        size_t len;
    } fields[] = { { "Deprecation", 11 }, { "Sunset", 6 }, { "Link", 4 } };

    v = gr->version;

    if (v->deprecated_at_s == 0 && v->sunset_at_s == 0 && v->successor.len == 0
        && v->link.len == 0)
    {
        return NGX_OK;
    }

    im = &gr->image->im;

    for (i = 0; i < 3; i++) {

        out.cap = 2048;
        out.len = 0;
        out.data = ngx_pnalloc(gr->request->pool, out.cap);
        if (out.data == NULL) {
            return NGX_ERROR;
        }

        switch (i) {

        case 0:
            rc = gh_version_deprecation(v->deprecated_at_s, &out);
            break;

        case 1:
            rc = gh_version_sunset(v->sunset_at_s, &out);
            break;

        default:
            successor = ngx_http_gatehouse_successor(gr);
            rc = gh_version_link(successor, gh_image_str(im, v->link), &out);
            break;
        }

        if (rc != GH_OK || out.len == 0) {
            continue;
        }

        value = ngx_http_gatehouse_ngx(gh_buf_str(&out));

        if (ngx_http_gatehouse_answer_add(gr->request, fields[i].name,
                                          fields[i].len, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* An answer made for one principal, of which the service says nothing, is
 * not for shared caches: they do not know our credentials. */

ngx_int_t
ngx_http_gatehouse_answer_private(ngx_http_gatehouse_request_t *gr)
{
    ngx_str_t value;
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;
    ngx_http_request_t *r;

    r = gr->request;

    if (gr->page
        || (r->headers_out.expires != NULL && r->headers_out.expires->hash))
    {
        return NGX_OK;
    }

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash != 0 && h[i].key.len == 13
                && ngx_strncasecmp(h[i].key.data, (u_char *) "cache-control",
                                   13)
                       == 0)
            {
                return NGX_OK;
            }
        }
    }

    ngx_str_set(&value, "private");

    return ngx_http_gatehouse_answer_add(r, "Cache-Control", 13, &value);
}
