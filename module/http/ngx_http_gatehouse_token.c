/*
 * Method token: a bearer JWT of one of the location's issuers. Cheap checks
 * first; the public-key operation only when everything else holds; a token
 * verified before is found again and only what can change is looked at.
 */

#include "ngx_http_gatehouse.h"
#include "ngx_http_gatehouse_tokens.h"


static ngx_int_t ngx_http_gatehouse_token_new(ngx_http_gatehouse_request_t *gr,
                                              gh_str_t text);
static ngx_int_t ngx_http_gatehouse_token_verify(
    ngx_http_gatehouse_request_t *gr, gh_str_t text, gh_jwt_t *jwt);
static ngx_int_t ngx_http_gatehouse_token_signature(
    ngx_http_gatehouse_request_t *gr, gh_jwt_t *jwt,
    ngx_http_gatehouse_issuer_t *issuer, uint64_t *version);
static ngx_int_t ngx_http_gatehouse_token_known(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_token_entry_t *entry,
    ngx_str_t *text);
static ngx_int_t ngx_http_gatehouse_token_recall(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_token_entry_t *entry);
static void ngx_http_gatehouse_token_remember(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_token_entry_t *entry);
static uint64_t ngx_http_gatehouse_token_generation(
    ngx_http_gatehouse_request_t *gr);
static void ngx_http_gatehouse_token_hold(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_token_entry_t *entry);
static ngx_int_t ngx_http_gatehouse_token_use(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_token_entry_t *entry);
static gh_rc_t ngx_http_gatehouse_token_consumer(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_token_entry_t *entry);
static gh_rc_t ngx_http_gatehouse_token_keys(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_issuer_t *issuer,
    gh_jwks_t **set, uint64_t *version);
static ngx_http_gatehouse_issuer_t *ngx_http_gatehouse_token_issuer_of(
    ngx_http_gatehouse_authenticate_t *auth, json_t *claims);
static ngx_uint_t ngx_http_gatehouse_token_fits(
    ngx_http_gatehouse_token_entry_t *entry);
static ngx_int_t ngx_http_gatehouse_token_refuse(
    ngx_http_gatehouse_request_t *gr, gh_rc_t rc, gh_reason_t reason);


ngx_int_t
ngx_http_gatehouse_token(ngx_http_gatehouse_request_t *gr, ngx_str_t *text)
{
    gh_str_t s;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_token_entry_t *entry;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    s = ngx_http_gatehouse_gh(*text);

    entry = ngx_http_gatehouse_tokens_find(
        gr->gmcf->tokens, &gr->gmcf->shm->sip, s, glcf->authenticate);
    if (entry != NULL) {
        return ngx_http_gatehouse_token_known(gr, entry, text);
    }

    return ngx_http_gatehouse_token_new(gr, s);
}


static ngx_int_t
ngx_http_gatehouse_token_new(ngx_http_gatehouse_request_t *gr, gh_str_t text)
{
    gh_rc_t rc;
    gh_jwt_t jwt;
    ngx_int_t status;
    gh_reason_t reason;

    gr->gmcf->counters->token_cache_misses++;

    reason = GH_REASON_TOKEN_MALFORMED;
    rc = gh_jwt_parse_like(
        text, ngx_http_gatehouse_tokens_last(gr->gmcf->tokens), &jwt, &reason);

    if (rc != GH_OK) {
        return ngx_http_gatehouse_token_refuse(gr, rc, reason);
    }

    status = ngx_http_gatehouse_token_verify(gr, text, &jwt);

    gh_jwt_clear(&jwt);

    return status;
}


static ngx_int_t
ngx_http_gatehouse_token_verify(ngx_http_gatehouse_request_t *gr,
                                gh_str_t text, gh_jwt_t *jwt)
{
    json_t *claims;
    gh_rc_t rc;
    uint64_t version;
    ngx_int_t status;
    gh_reason_t reason;
    ngx_http_gatehouse_issuer_t *issuer;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_token_entry_t *entry;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    reason = GH_REASON_TOKEN_MALFORMED;
    rc = gh_jwt_peek(jwt, &claims, &reason);

    if (rc != GH_OK) {
        return ngx_http_gatehouse_token_refuse(gr, rc, reason);
    }

    issuer = ngx_http_gatehouse_token_issuer_of(glcf->authenticate, claims);

    if (issuer == NULL) {
        json_decref(claims);
        return ngx_http_gatehouse_refuse(gr, GH_REASON_TOKEN_ISSUER);
    }

    rc =
        gh_jwt_check_claims(jwt, claims, &issuer->policy, ngx_time(), &reason);
    if (rc != GH_OK) {
        json_decref(claims);
        return ngx_http_gatehouse_token_refuse(gr, rc, reason);
    }

    status = ngx_http_gatehouse_token_signature(gr, jwt, issuer, &version);

    if (status != NGX_OK) {
        json_decref(claims);
        return status;
    }

    /* takes the claims over, also on failure */

    entry = ngx_http_gatehouse_tokens_add(
        gr->gmcf->tokens, &gr->gmcf->shm->sip, text, claims, issuer);
    if (entry == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    entry->keys_version = version;

    if (!ngx_http_gatehouse_token_fits(entry)) {
        ngx_http_gatehouse_tokens_drop(gr->gmcf->tokens, entry);
        return ngx_http_gatehouse_refuse(gr, GH_REASON_TOKEN_CLAIM);
    }

    return ngx_http_gatehouse_token_use(gr, entry);
}


static ngx_int_t
ngx_http_gatehouse_token_signature(ngx_http_gatehouse_request_t *gr,
                                   gh_jwt_t *jwt,
                                   ngx_http_gatehouse_issuer_t *issuer,
                                   uint64_t *version)
{
    gh_rc_t rc;
    gh_jwks_t *set;
    gh_reason_t reason;

    rc = ngx_http_gatehouse_token_keys(gr, issuer, &set, version);

    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_KEYS_UNAVAILABLE);
    }

    reason = GH_REASON_TOKEN_SIGNATURE;
    rc = gh_jwt_verify(jwt, set, issuer->policy.algs, &reason);

    if (rc != GH_ABSENT || gr->keys_tries++ > 0) {
        return (rc == GH_OK) ? NGX_OK
                             : ngx_http_gatehouse_token_refuse(gr, rc, reason);
    }

    /* an unknown kid may be a new key: one refresh for the whole node */

    gr->keys_waiter.handler = ngx_http_gatehouse_wake;
    gr->keys_waiter.data = gr;

    rc = ngx_gatehouse_keys_unknown_kid(gr->gmcf->keys, &issuer->keys,
                                        &gr->keys_waiter);

    return (rc == GH_AGAIN)
               ? NGX_AGAIN
               : ngx_http_gatehouse_refuse(gr, GH_REASON_TOKEN_KEY_UNKNOWN);
}


static gh_rc_t
ngx_http_gatehouse_token_keys(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_issuer_t *issuer,
                              gh_jwks_t **set, uint64_t *version)
{
    gr->keys_waiter.handler = ngx_http_gatehouse_wake;
    gr->keys_waiter.data = gr;

    return ngx_gatehouse_keys_get(gr->gmcf->keys, &issuer->keys, set, version,
                                  &gr->keys_waiter);
}


/* Verified before, by one of this location's issuers. */

static ngx_int_t
ngx_http_gatehouse_token_known(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_token_entry_t *entry,
                               ngx_str_t *text)
{
    time_t now;
    gh_rc_t rc;
    uint64_t version;
    ngx_int_t status;
    gh_jwks_t *set;
    gh_reason_t reason;

    rc = ngx_http_gatehouse_token_keys(gr, entry->issuer, &set, &version);

    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_KEYS_UNAVAILABLE);
    }

    if (version != entry->keys_version) {
        /* a key may have been taken back: verify as if it were new */
        ngx_http_gatehouse_tokens_drop(gr->gmcf->tokens, entry);
        return ngx_http_gatehouse_token(gr, text);
    }

    now = ngx_time();

    if (now < entry->from_s || now >= entry->until_s) {

        reason = GH_REASON_TOKEN_EXPIRED;
        rc = gh_jwt_recheck(entry->claims, &entry->issuer->policy, now,
                            &reason);
        ngx_http_gatehouse_tokens_drop(gr->gmcf->tokens, entry);

        return (rc == GH_OK) ? ngx_http_gatehouse_token(gr, text)
                             : ngx_http_gatehouse_token_refuse(gr, rc, reason);
    }

    gr->gmcf->counters->token_cache_hits++;

    if (ngx_http_gatehouse_token_recall(gr, entry) == NGX_OK) {
        return NGX_OK;
    }

    status = ngx_http_gatehouse_token_use(gr, entry);

    if (status == NGX_OK) {
        ngx_http_gatehouse_token_remember(gr, entry);
    }

    return status;
}


/* NGX_DECLINED: whom it stands for has to be found out anew. */

static ngx_int_t
ngx_http_gatehouse_token_recall(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_token_entry_t *entry)
{
    uint64_t records;
    const gh_image_consumer_t *consumer;

    if (entry->known == NULL
        || entry->known_generation != ngx_http_gatehouse_token_generation(gr))
    {
        return NGX_DECLINED;
    }

    consumer = NULL;

    if (entry->known->principal.type == GH_PRINCIPAL_CONSUMER) {

        consumer = gh_image_consumer_at(&gr->image->im, entry->known_consumer);
        records = ngx_gatehouse_records_version(gr->gmcf->records);

        if (records == 0 || records != entry->records) {

            if (ngx_http_gatehouse_consumer_stands(gr, consumer) != GH_OK) {
                return NGX_DECLINED;
            }

            entry->records = records;
        }
    }

    ngx_http_gatehouse_token_hold(gr, entry);
    ngx_http_gatehouse_known_use(gr, entry->known, consumer);

    return NGX_OK;
}


/* When it comes again: many a token comes once. */

static void
ngx_http_gatehouse_token_remember(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_token_entry_t *entry)
{
    if (entry->known != NULL) {
        ngx_http_gatehouse_known_release(entry->known);
    }

    entry->known = ngx_http_gatehouse_known_create(gr->gmcf, &gr->principal);
    entry->known_generation = ngx_http_gatehouse_token_generation(gr);
    entry->known_consumer = entry->consumer;
    entry->records = 0;
}


static uint64_t
ngx_http_gatehouse_token_generation(ngx_http_gatehouse_request_t *gr)
{
    return gr->image ? gr->image->im.generation : 0;
}


static ngx_int_t
ngx_http_gatehouse_token_use(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_token_entry_t *entry)
{
    gh_rc_t rc;

    ngx_http_gatehouse_token_hold(gr, entry);
    gr->principal = entry->principal;

    rc = ngx_http_gatehouse_token_consumer(gr, entry);

    switch (rc) {

    case GH_OK:
        return NGX_OK;

    case GH_DENIED:
        return ngx_http_gatehouse_refuse(gr, GH_REASON_CONSUMER_SUSPENDED);

    default:
        return ngx_http_gatehouse_not_asked(gr, rc);
    }
}


static void
ngx_http_gatehouse_token_hold(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_token_entry_t *entry)
{
    if (gr->token == entry) {
        return;
    }

    if (gr->token != NULL) {
        ngx_http_gatehouse_token_release(gr->token);
    }

    entry->refs++;
    gr->token = entry;
}


/*
 * A registered consumer behind the token: its groups join the token's, the
 * token's scopes stand when it has any, else the consumer's.
 */

static gh_rc_t
ngx_http_gatehouse_token_consumer(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_token_entry_t *entry)
{
    size_t n;
    gh_rc_t rc;
    gh_str_t *groups;
    gh_principal_t *p, *token;
    const gh_image_t *im;
    const gh_image_token_t *binding;

    if (gr->image == NULL) {
        return GH_OK;
    }

    im = &gr->image->im;

    if (entry->generation != im->generation) {
        binding = gh_image_token(
            im, ngx_http_gatehouse_gh(entry->issuer->name), entry->claims);

        entry->consumer = binding ? binding->consumer : GH_IMAGE_ABSENT;
        entry->generation = im->generation;
    }

    if (entry->consumer == GH_IMAGE_ABSENT) {
        return GH_OK;
    }

    p = &gr->principal;
    token = &entry->principal;

    rc = ngx_http_gatehouse_be_consumer(
        gr, gh_image_consumer_at(im, entry->consumer));

    if (rc != GH_OK) {
        return rc;
    }

    if (token->n_scopes != 0) {
        p->scopes = token->scopes;
        p->n_scopes = token->n_scopes;
    }

    if (token->n_groups == 0) {
        return GH_OK;
    }

    n = p->n_groups + token->n_groups;
    groups = ngx_palloc(gr->request->pool, n * sizeof(gh_str_t));
    if (groups == NULL) {
        return GH_NOMEM;
    }

    if (p->n_groups != 0) {
        ngx_memcpy(groups, p->groups, p->n_groups * sizeof(gh_str_t));
    }

    ngx_memcpy(groups + p->n_groups, token->groups,
               token->n_groups * sizeof(gh_str_t));

    p->groups = groups;
    p->n_groups = n;

    return GH_OK;
}


/* The token says who made it; only the location's issuers are believed. */

static ngx_http_gatehouse_issuer_t *
ngx_http_gatehouse_token_issuer_of(ngx_http_gatehouse_authenticate_t *auth,
                                   json_t *claims)
{
    gh_str_t iss;
    ngx_uint_t i;

    if (gh_json_str(claims, "iss", &iss) != GH_OK) {
        return NULL;
    }

    for (i = 0; i < auth->n_issuers; i++) {
        if (gh_str_eq(iss, auth->issuers[i]->policy.issuer)) {
            return auth->issuers[i];
        }
    }

    return NULL;
}


/* An id that no header could carry whole is nobody's: a cut one may be
 * another's. */

static ngx_uint_t
ngx_http_gatehouse_token_fits(ngx_http_gatehouse_token_entry_t *entry)
{
    char room[GH_PRINCIPAL_VALUE_MAX];
    gh_buf_t id;

    id.data = room;
    id.len = 0;
    id.cap = sizeof(room);

    return gh_principal_part(&entry->principal, GH_PART_ID, &id) == GH_OK;
}


static ngx_int_t
ngx_http_gatehouse_token_refuse(ngx_http_gatehouse_request_t *gr, gh_rc_t rc,
                                gh_reason_t reason)
{
    return ngx_http_gatehouse_refuse(
        gr, (rc == GH_NOMEM) ? GH_REASON_INTERNAL : reason);
}
