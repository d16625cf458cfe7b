/*
 * Method signature: HTTP message signatures (RFC 9421) by keys of consumers.
 * Headers first: fields, coverage, times, key; then the arithmetic; then the
 * body against its digest, of which nobody behind sees a byte before it has
 * been read whole; last the nonce, which is used up by a request that is
 * right in everything else.
 */

#include "ngx_http_gatehouse_signature.h"

#define NGX_HTTP_GATEHOUSE_SIGNATURE_BASE 4096  /* most bases */
#define NGX_HTTP_GATEHOUSE_SIGNATURE_MAX 131072 /* all of them */


/* What is looked at while the headers are judged. */
typedef struct {
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_signature_conf_t *conf;
    gh_message_t msg;
    gh_signatures_t all;
    const gh_signature_t *chosen;
    const gh_image_signature_t *key; /* NULL: nobody's */
} ngx_http_gatehouse_signed_t;


static ngx_int_t ngx_http_gatehouse_signature_headers(
    ngx_http_gatehouse_request_t *gr,
    ngx_http_gatehouse_signature_conf_t *conf);
static ngx_int_t ngx_http_gatehouse_signature_message(
    ngx_http_gatehouse_signed_t *s);
static gh_str_t ngx_http_gatehouse_signature_target(
    ngx_http_gatehouse_request_t *gr);
static gh_str_t ngx_http_gatehouse_signature_scheme(ngx_http_request_t *r);
static gh_reason_t ngx_http_gatehouse_signature_parse(
    ngx_http_gatehouse_signed_t *s);
static gh_rc_t ngx_http_gatehouse_signature_field(
    ngx_http_gatehouse_signed_t *s, const char *name, gh_str_t *value);
static bool ngx_http_gatehouse_signature_known(void *data, gh_str_t keyid);
static gh_reason_t ngx_http_gatehouse_signature_prove(
    ngx_http_gatehouse_signed_t *s);
static gh_reason_t ngx_http_gatehouse_signature_over(
    ngx_http_gatehouse_signed_t *s, gh_buf_t *base);
static ngx_int_t ngx_http_gatehouse_signature_keep(
    ngx_http_gatehouse_signed_t *s);
static gh_reason_t ngx_http_gatehouse_signature_digest(
    ngx_http_gatehouse_signed_t *s, ngx_http_gatehouse_signature_t *sig);
static ngx_int_t ngx_http_gatehouse_signature_claim(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_signature_t *sig);


ngx_int_t
ngx_http_gatehouse_signature(ngx_http_gatehouse_request_t *gr)
{
    ngx_int_t rc;
    const gh_image_t *im;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_signature_t *sig;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    if (gr->image == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_POLICIES_UNAVAILABLE);
    }

    if (gr->signature == NULL || gr->signature->conf != glcf->signature) {

        rc = ngx_http_gatehouse_signature_headers(gr, glcf->signature);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    sig = gr->signature;
    im = &gr->image->im;
    gr->principal.credential = gh_image_str(im, sig->key->keyid);

    if (sig->digested && !sig->intact) {

        rc = ngx_http_gatehouse_signature_body(gr);
        if (rc != NGX_OK) {
            return rc;
        }

        if (gh_digest_final(&sig->digest) != GH_OK) {
            return ngx_http_gatehouse_refuse(gr, GH_REASON_SIGNATURE_DIGEST);
        }

        sig->intact = 1;
    }

    if (sig->nonce && !sig->claimed) {

        rc = ngx_http_gatehouse_signature_claim(gr, sig);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_gatehouse_apikey_consumer(
        gr, gh_image_consumer_at(im, sig->key->consumer));
}


/* Verified under another location, which required the same. */

ngx_uint_t
ngx_http_gatehouse_signature_holds(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_loc_conf_t *glcf)
{
    return gr->principal.method != GH_METHOD_SIGNATURE
           || (gr->signature != NULL
               && gr->signature->conf == glcf->signature);
}


/* What a refusal tells callers about signing, if the location takes it. */

void
ngx_http_gatehouse_signature_wanted(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_loc_conf_t *glcf)
{
    if (glcf->authenticate == NULL || !glcf->authenticate->signature) {
        return;
    }

    gr->accept_signature = ngx_http_gatehouse_has_body(gr->request)
                               ? glcf->signature->accept_body
                               : glcf->signature->accept;
}


static ngx_int_t
ngx_http_gatehouse_signature_headers(ngx_http_gatehouse_request_t *gr,
                                     ngx_http_gatehouse_signature_conf_t *conf)
{
    gh_reason_t reason;
    ngx_http_gatehouse_signed_t s;

    ngx_memzero(&s, sizeof(ngx_http_gatehouse_signed_t));
    s.gr = gr;
    s.conf = conf;

    if (ngx_http_gatehouse_signature_message(&s) != NGX_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    reason = ngx_http_gatehouse_signature_parse(&s);

    if (reason == GH_REASON_OK) {
        reason = ngx_http_gatehouse_signature_prove(&s);
    }

    if (s.key != NULL) {
        gr->principal.credential = gh_image_str(&gr->image->im, s.key->keyid);
    }

    if (reason != GH_REASON_OK) {
        return ngx_http_gatehouse_refuse(gr, reason);
    }

    return ngx_http_gatehouse_signature_keep(&s);
}


/* The request as it came in: target and authority are the client's own. */

static ngx_int_t
ngx_http_gatehouse_signature_message(ngx_http_gatehouse_signed_t *s)
{
    ngx_uint_t i, n;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;
    ngx_http_request_t *r;
    gh_message_field_t *fields;

    r = s->gr->request;
    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    fields = ngx_palloc(r->pool, n * sizeof(gh_message_field_t));
    if (fields == NULL) {
        return NGX_ERROR;
    }

    s->msg.fields = fields;
    s->msg.n_fields = n;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            fields->name = ngx_http_gatehouse_gh(h[i].key);
            fields->value = ngx_http_gatehouse_gh(h[i].value);
            fields++;
        }
    }

    s->msg.method = ngx_http_gatehouse_gh(r->method_name);
    s->msg.target = ngx_http_gatehouse_signature_target(s->gr);
    s->msg.scheme = ngx_http_gatehouse_signature_scheme(r);
    s->msg.host = GH_STR("");

    if (r->headers_in.host != NULL) {
        s->msg.host = ngx_http_gatehouse_gh(r->headers_in.host->value);
    }

    return NGX_OK;
}


/* Of an absolute target nginx keeps the path alone; its text is still there
 * in one piece. */

static gh_str_t
ngx_http_gatehouse_signature_target(ngx_http_gatehouse_request_t *gr)
{
    gh_str_t target;
    ngx_http_request_t *r;

    r = gr->request;
    target = ngx_http_gatehouse_gh(gr->original_target);

    if (r->http_version < NGX_HTTP_VERSION_20 && r->schema_start != NULL
        && r->uri_end > r->schema_start)
    {
        target.data = (const char *) r->schema_start;
        target.len = (size_t) (r->uri_end - r->schema_start);
    }

    return target;
}


/* A trusted proxy that took TLS off says so. */

static gh_str_t
ngx_http_gatehouse_signature_scheme(ngx_http_request_t *r)
{
    gh_str_t scheme, said;
    ngx_str_t name;
    ngx_table_elt_t *h;
    ngx_http_gatehouse_srv_conf_t *gscf;

    scheme = GH_STR("http");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        scheme = GH_STR("https");
    }
#endif

    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);

    if (gscf->trusted == NULL
        || ngx_cidr_match(r->connection->sockaddr, gscf->trusted) != NGX_OK)
    {
        return scheme;
    }

    ngx_str_set(&name, "X-Forwarded-Proto");
    h = ngx_http_gatehouse_header_named(r, &name);

    if (h != NULL) {
        said = ngx_http_gatehouse_gh(h->value);

        if (gh_str_eq_nocase(said, GH_STR("https"))) {
            return GH_STR("https");
        }

        if (gh_str_eq_nocase(said, GH_STR("http"))) {
            return GH_STR("http");
        }
    }

    return scheme;
}


static gh_reason_t
ngx_http_gatehouse_signature_parse(ngx_http_gatehouse_signed_t *s)
{
    gh_rc_t rc;
    gh_str_t input, signature;

    rc = ngx_http_gatehouse_signature_field(s, "signature-input", &input);

    if (rc == GH_OK) {
        rc = ngx_http_gatehouse_signature_field(s, "signature", &signature);
    }

    if (rc == GH_OK) {
        rc = gh_signatures_parse(input, signature, &s->all);
    }

    if (rc != GH_OK) {
        return (rc == GH_NOMEM) ? GH_REASON_INTERNAL
                                : GH_REASON_SIGNATURE_MALFORMED;
    }

    rc =
        gh_signature_choose(&s->all, &s->conf->policy,
                            ngx_http_gatehouse_signature_known, s, &s->chosen);

    if (rc == GH_DENIED) {
        return GH_REASON_CREDENTIAL_DUPLICATE;
    }

    if (s->chosen == NULL) {
        return GH_REASON_SIGNATURE_KEY_UNKNOWN;
    }

    if (rc == GH_OK) {
        s->key = gh_image_signature(&s->gr->image->im, s->chosen->keyid);
    }

    return GH_REASON_OK;
}


/* One line is borrowed, which is the rule. GH_ABSENT: there is none;
 * GH_TOO_LONG: more than any of these fields may be. */

static gh_rc_t
ngx_http_gatehouse_signature_field(ngx_http_gatehouse_signed_t *s,
                                   const char *name, gh_str_t *value)
{
    size_t i, n;
    gh_rc_t rc;
    gh_buf_t out;

    n = 0;

    for (i = 0; i < s->msg.n_fields; i++) {
        if (gh_str_eq_nocase(s->msg.fields[i].name, gh_str(name))) {
            *value = gh_str_trim(s->msg.fields[i].value);
            n++;
        }
    }

    if (n < 2) {
        return (n == 0) ? GH_ABSENT : GH_OK;
    }

    out.len = 0;
    out.cap = GH_SIGNATURE_FIELD_MAX;
    out.data = ngx_pnalloc(s->gr->request->pool, out.cap);
    if (out.data == NULL) {
        return GH_NOMEM;
    }

    rc = gh_message_field(&s->msg, gh_str(name), &out);
    *value = gh_buf_str(&out);

    return rc;
}


static bool
ngx_http_gatehouse_signature_known(void *data, gh_str_t keyid)
{
    ngx_http_gatehouse_signed_t *s = data;

    return gh_image_signature(&s->gr->image->im, keyid) != NULL;
}


/* An unknown key costs what a known one with another secret costs. */

static gh_reason_t
ngx_http_gatehouse_signature_prove(ngx_http_gatehouse_signed_t *s)
{
    char room[NGX_HTTP_GATEHOUSE_SIGNATURE_BASE];
    gh_rc_t rc;
    gh_buf_t base;
    gh_reason_t reason;

    reason = GH_REASON_INTERNAL;
    rc = gh_signature_check(s->chosen, &s->conf->policy, ngx_time(),
                            ngx_http_gatehouse_has_body(s->gr->request),
                            &reason);

    if (rc != GH_OK) {
        return (s->key == NULL) ? GH_REASON_SIGNATURE_KEY_UNKNOWN : reason;
    }

    base.data = room;
    base.len = 0;
    base.cap = sizeof(room);

    rc = gh_sigbase_build(&s->msg, s->chosen->components, s->chosen->params,
                          &base);

    if (rc == GH_TOO_LONG) {
        base.cap = NGX_HTTP_GATEHOUSE_SIGNATURE_MAX;
        base.data = ngx_pnalloc(s->gr->request->pool, base.cap);
        if (base.data == NULL) {
            return GH_REASON_INTERNAL;
        }

        rc = gh_sigbase_build(&s->msg, s->chosen->components,
                              s->chosen->params, &base);
    }

    if (rc != GH_OK) {
        return (rc == GH_DENIED) ? GH_REASON_SIGNATURE_COMPONENT
                                 : GH_REASON_SIGNATURE_MALFORMED;
    }

    return ngx_http_gatehouse_signature_over(s, &base);
}


static gh_reason_t
ngx_http_gatehouse_signature_over(ngx_http_gatehouse_signed_t *s,
                                  gh_buf_t *base)
{
    gh_rc_t rc;
    gh_str_t algorithm, secret;
    gh_jwks_t *keys;
    gh_reason_t reason;
    const gh_image_t *im;

    im = &s->gr->image->im;
    keys = NULL;
    reason = GH_REASON_INTERNAL;

    if (s->key == NULL) {
        secret.data = (const char *) &s->gr->gmcf->shm->sip;
        secret.len = sizeof(s->gr->gmcf->shm->sip);

        (void) gh_signature_verify(s->chosen, GH_STR("hmac-sha256"), secret,
                                   NULL, gh_buf_str(base), &reason);

        return GH_REASON_SIGNATURE_KEY_UNKNOWN;
    }

    algorithm = gh_image_str(im, s->key->algorithm);
    secret = gh_image_str(im, s->key->key);

    if (gh_signature_alg(algorithm) != GH_ALG_HS256) {

        keys = ngx_http_gatehouse_signature_key(s->gr, s->key);
        if (keys == NULL) {
            return GH_REASON_INTERNAL;
        }
    }

    rc = gh_signature_verify(s->chosen, algorithm, secret, keys,
                             gh_buf_str(base), &reason);

    return (rc == GH_OK) ? GH_REASON_OK : reason;
}


/* It is verified: what is still to be done about it. */

static ngx_int_t
ngx_http_gatehouse_signature_keep(ngx_http_gatehouse_signed_t *s)
{
    gh_reason_t reason;
    gh_replay_use_t *use;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_signature_t *sig, *before;

    gr = s->gr;
    before = gr->signature;

    sig =
        ngx_pcalloc(gr->request->pool, sizeof(ngx_http_gatehouse_signature_t));
    if (sig == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    sig->conf = s->conf;
    sig->key = s->key;

    if (s->chosen->nonce.data != NULL) {
        sig->nonce = 1;
        use = &sig->ask.use;
        use->made_at_s = s->chosen->created_at_s;
        use->expires_at_s =
            s->chosen->created_at_s + gr->gmcf->signature_skew_s + 1;
        use->ahead_s = gr->gmcf->signature_ahead_s;

        gh_replay_name(GH_STR("signature"), s->chosen->keyid, s->chosen->nonce,
                       use->name);
    }

    reason = ngx_http_gatehouse_signature_digest(s, sig);

    if (reason != GH_REASON_OK) {
        return ngx_http_gatehouse_refuse(gr, reason);
    }

    /* under another location before: what was done is not done again */

    if (before != NULL) {
        sig->intact = before->intact;
        sig->read = before->read;
        sig->claimed = before->claimed
                       && ngx_memcmp(before->ask.use.name, sig->ask.use.name,
                                     GH_REPLAY_NAME_LEN)
                              == 0;
        ngx_gatehouse_replay_leave(&before->ask);
    }

    gr->signature = sig;

    return NGX_OK;
}


static gh_reason_t
ngx_http_gatehouse_signature_digest(ngx_http_gatehouse_signed_t *s,
                                    ngx_http_gatehouse_signature_t *sig)
{
    gh_rc_t rc;
    gh_str_t field;

    if (!gh_signature_covers(s->chosen, GH_STR("content-digest"))) {
        return GH_REASON_OK;
    }

    rc = ngx_http_gatehouse_signature_field(s, "content-digest", &field);

    if (rc == GH_OK) {
        rc = gh_digest_parse(field, &sig->digest);
    }

    if (rc != GH_OK) {
        return (rc == GH_NOMEM) ? GH_REASON_INTERNAL
                                : GH_REASON_SIGNATURE_DIGEST;
    }

    sig->digested = 1;

    return GH_REASON_OK;
}


static ngx_int_t
ngx_http_gatehouse_signature_claim(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_signature_t *sig)
{
    sig->ask.handler = ngx_http_gatehouse_wake;
    sig->ask.data = gr;

    switch (ngx_gatehouse_replay_claim(gr->gmcf->zone, gr->gmcf->store,
                                       &sig->ask)) {

    case GH_OK:
        sig->claimed = 1;
        return NGX_OK;

    case GH_AGAIN:
        return NGX_AGAIN;

    case GH_CONFLICT:
        return ngx_http_gatehouse_refuse(gr, GH_REASON_SIGNATURE_REPLAYED);

    default:
        return ngx_http_gatehouse_refuse(gr, GH_REASON_REPLAY_UNAVAILABLE);
    }
}
