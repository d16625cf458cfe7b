/*
 * Verified tokens that one worker remembers: found by SipHash with a secret
 * key and compared whole, bounded in number and bytes, the least recently
 * used go first. What an entry may be used for is the caller's to check.
 */

#include "ngx_http_gatehouse.h"
#include "ngx_http_gatehouse_tokens.h"

#define NGX_HTTP_GATEHOUSE_TOKENS_BYTES (16 * 1024 * 1024)
#define NGX_HTTP_GATEHOUSE_TOKEN_END 32 /* of its signature: 192 bits */


struct ngx_http_gatehouse_tokens_s {
    ngx_http_gatehouse_token_entry_t **buckets;
    ngx_uint_t mask;
    ngx_uint_t n, max;
    size_t bytes;
    ngx_queue_t queue;
    gh_jwt_last_t last;
    ngx_log_t *log;
};


static uint64_t ngx_http_gatehouse_token_hash(const gh_sipkey_t *sip,
                                              gh_str_t text);
static ngx_uint_t ngx_http_gatehouse_token_allowed(
    ngx_http_gatehouse_authenticate_t *auth,
    ngx_http_gatehouse_issuer_t *issuer);
static gh_rc_t ngx_http_gatehouse_token_principal(
    ngx_http_gatehouse_token_entry_t *entry);
static gh_rc_t ngx_http_gatehouse_token_words(
    ngx_http_gatehouse_token_entry_t *entry, ngx_str_t *pointer,
    ngx_uint_t split, const gh_str_t **out, size_t *n);
static gh_str_t ngx_http_gatehouse_token_text(
    ngx_http_gatehouse_token_entry_t *entry, ngx_str_t *pointer);
static void ngx_http_gatehouse_tokens_unlink(
    ngx_http_gatehouse_tokens_t *t, ngx_http_gatehouse_token_entry_t *entry);


ngx_http_gatehouse_tokens_t *
ngx_http_gatehouse_tokens_create(ngx_cycle_t *cycle, ngx_uint_t max)
{
    ngx_uint_t size;
    ngx_http_gatehouse_tokens_t *t;

    for (size = 16; size < max * 2; size *= 2) { /* void */
    }

    t = ngx_pcalloc(cycle->pool, sizeof(ngx_http_gatehouse_tokens_t));
    if (t == NULL) {
        return NULL;
    }

    t->buckets = ngx_pcalloc(cycle->pool, size * sizeof(void *));
    if (t->buckets == NULL) {
        return NULL;
    }

    t->mask = size - 1;
    t->max = max;
    t->log = cycle->log;
    ngx_queue_init(&t->queue);

    return t;
}


void
ngx_http_gatehouse_tokens_destroy(ngx_http_gatehouse_tokens_t *t)
{
    ngx_queue_t *q;

    while (!ngx_queue_empty(&t->queue)) {
        q = ngx_queue_head(&t->queue);
        ngx_http_gatehouse_tokens_drop(
            t, ngx_queue_data(q, ngx_http_gatehouse_token_entry_t, queue));
    }

    gh_jwt_last_clear(&t->last);
}


gh_jwt_last_t *
ngx_http_gatehouse_tokens_last(ngx_http_gatehouse_tokens_t *t)
{
    return &t->last;
}


ngx_http_gatehouse_token_entry_t *
ngx_http_gatehouse_tokens_find(ngx_http_gatehouse_tokens_t *t,
                               const gh_sipkey_t *sip, gh_str_t text,
                               ngx_http_gatehouse_authenticate_t *auth)
{
    uint64_t hash;
    ngx_http_gatehouse_token_entry_t *entry;

    if (text.len == 0 || text.len > GH_JWT_BYTES_MAX) {
        return NULL;
    }

    hash = ngx_http_gatehouse_token_hash(sip, text);

    for (entry = t->buckets[hash & t->mask]; entry; entry = entry->next) {

        if (entry->hash == hash && gh_str_eq(entry->text, text)
            && ngx_http_gatehouse_token_allowed(auth, entry->issuer))
        {
            ngx_queue_remove(&entry->queue);
            ngx_queue_insert_head(&t->queue, &entry->queue);
            return entry;
        }
    }

    return NULL;
}


/* Nobody makes two tokens that end alike and verify. */

static uint64_t
ngx_http_gatehouse_token_hash(const gh_sipkey_t *sip, gh_str_t text)
{
    if (text.len > NGX_HTTP_GATEHOUSE_TOKEN_END) {
        text.data += text.len - NGX_HTTP_GATEHOUSE_TOKEN_END;
        text.len = NGX_HTTP_GATEHOUSE_TOKEN_END;
    }

    return gh_siphash(sip, text);
}


/* Two blocks may share an "iss" and differ in everything else, so an entry
 * belongs to the block that accepted it. */

static ngx_uint_t
ngx_http_gatehouse_token_allowed(ngx_http_gatehouse_authenticate_t *auth,
                                 ngx_http_gatehouse_issuer_t *issuer)
{
    ngx_uint_t i;

    for (i = 0; i < auth->n_issuers; i++) {
        if (auth->issuers[i] == issuer) {
            return 1;
        }
    }

    return 0;
}


ngx_http_gatehouse_token_entry_t *
ngx_http_gatehouse_tokens_add(ngx_http_gatehouse_tokens_t *t,
                              const gh_sipkey_t *sip, gh_str_t text,
                              json_t *claims,
                              ngx_http_gatehouse_issuer_t *issuer)
{
    u_char *copy;
    ngx_pool_t *pool;
    ngx_queue_t *q;
    ngx_http_gatehouse_token_entry_t *entry, **bucket;

    pool = ngx_create_pool(1024, t->log);
    if (pool == NULL) {
        json_decref(claims);
        return NULL;
    }

    entry = ngx_pcalloc(pool, sizeof(ngx_http_gatehouse_token_entry_t));
    copy = ngx_pnalloc(pool, text.len);

    if (entry == NULL || copy == NULL) {
        ngx_destroy_pool(pool);
        json_decref(claims);
        return NULL;
    }

    ngx_memcpy(copy, text.data, text.len);

    entry->pool = pool;
    entry->refs = 1;
    entry->claims = claims;
    entry->issuer = issuer;
    entry->hash = ngx_http_gatehouse_token_hash(sip, text);
    entry->text.data = (const char *) copy;
    entry->text.len = text.len;
    entry->consumer = GH_IMAGE_ABSENT;
    gh_jwt_span(claims, &issuer->policy, &entry->from_s, &entry->until_s);

    if (ngx_http_gatehouse_token_principal(entry) != GH_OK) {
        ngx_http_gatehouse_token_release(entry);
        return NULL;
    }

    while (
        t->n >= t->max
        || (t->n > 0 && t->bytes + text.len > NGX_HTTP_GATEHOUSE_TOKENS_BYTES))
    {
        q = ngx_queue_last(&t->queue);
        ngx_http_gatehouse_tokens_drop(
            t, ngx_queue_data(q, ngx_http_gatehouse_token_entry_t, queue));
    }

    bucket = &t->buckets[entry->hash & t->mask];
    entry->next = *bucket;
    *bucket = entry;

    ngx_queue_insert_head(&t->queue, &entry->queue);
    t->n++;
    t->bytes += text.len;

    return entry;
}


void
ngx_http_gatehouse_tokens_drop(ngx_http_gatehouse_tokens_t *t,
                               ngx_http_gatehouse_token_entry_t *entry)
{
    ngx_http_gatehouse_tokens_unlink(t, entry);
    ngx_http_gatehouse_token_release(entry);
}


static void
ngx_http_gatehouse_tokens_unlink(ngx_http_gatehouse_tokens_t *t,
                                 ngx_http_gatehouse_token_entry_t *entry)
{
    ngx_http_gatehouse_token_entry_t **at;

    for (at = &t->buckets[entry->hash & t->mask]; *at != entry;
         at = &(*at)->next) {
        /* void */
    }

    *at = entry->next;

    ngx_queue_remove(&entry->queue);
    t->n--;
    t->bytes -= entry->text.len;
}


/* A request may still use it after the table has dropped it. */

void
ngx_http_gatehouse_token_release(ngx_http_gatehouse_token_entry_t *entry)
{
    if (--entry->refs > 0) {
        return;
    }

    if (entry->known != NULL) {
        ngx_http_gatehouse_known_release(entry->known);
    }

    json_decref(entry->claims);
    ngx_explicit_memzero((void *) (uintptr_t) entry->text.data,
                         entry->text.len);
    ngx_destroy_pool(entry->pool);
}


static gh_rc_t
ngx_http_gatehouse_token_principal(ngx_http_gatehouse_token_entry_t *entry)
{
    u_char *p;
    gh_rc_t rc;
    gh_str_t sub, client;
    gh_principal_t *pr;
    ngx_http_gatehouse_issuer_t *issuer;

    issuer = entry->issuer;
    pr = &entry->principal;

    if (gh_json_str(entry->claims, "sub", &sub) != GH_OK) {
        sub = GH_STR("");
    }

    if (gh_json_str(entry->claims, "client_id", &client) != GH_OK
        && gh_json_str(entry->claims, "azp", &client) != GH_OK)
    {
        client = GH_STR("");
    }

    /* client credentials: the client speaks for itself (RFC 9068 s. 2.2) */

    pr->type = (sub.len == 0 || gh_str_eq(sub, client)) ? GH_PRINCIPAL_CLIENT
                                                        : GH_PRINCIPAL_USER;
    pr->method = GH_METHOD_TOKEN;
    pr->claims = entry->claims;
    pr->issuer = issuer->policy.issuer;

    if (sub.len == 0) {
        sub = client;
    }

    p = ngx_pnalloc(entry->pool, issuer->name.len + 1 + sub.len);
    if (p == NULL) {
        return GH_NOMEM;
    }

    pr->id.data = (const char *) p;
    pr->id.len = issuer->name.len + 1 + sub.len;

    p = ngx_cpymem(p, issuer->name.data, issuer->name.len);
    *p++ = ':';
    ngx_memcpy(p, sub.data, sub.len);

    pr->name = ngx_http_gatehouse_token_text(entry, &issuer->name_claim);
    pr->email = ngx_http_gatehouse_token_text(entry, &issuer->email_claim);

    rc = ngx_http_gatehouse_token_words(entry, &issuer->groups_claim, 0,
                                        &pr->groups, &pr->n_groups);
    if (rc != GH_OK) {
        return rc;
    }

    return ngx_http_gatehouse_token_words(entry, &issuer->scope_claim, 1,
                                          &pr->scopes, &pr->n_scopes);
}


static gh_str_t
ngx_http_gatehouse_token_text(ngx_http_gatehouse_token_entry_t *entry,
                              ngx_str_t *pointer)
{
    json_t *value;
    gh_str_t s;

    value = gh_json_pointer(entry->claims, ngx_http_gatehouse_gh(*pointer));

    if (!json_is_string(value)) {
        return GH_STR("");
    }

    s.data = json_string_value(value);
    s.len = json_string_length(value);

    return s;
}


/* An array of strings; or one string, split at spaces when it is a scope
 * (RFC 8693 section 4.2). Anything else in it is passed over. */

static gh_rc_t
ngx_http_gatehouse_token_words(ngx_http_gatehouse_token_entry_t *entry,
                               ngx_str_t *pointer, ngx_uint_t split,
                               const gh_str_t **out, size_t *n)
{
    size_t i, max;
    json_t *value, *item;
    gh_str_t *list, rest, word;

    *out = NULL;
    *n = 0;

    value = gh_json_pointer(entry->claims, ngx_http_gatehouse_gh(*pointer));

    if (json_is_array(value)) {
        max = json_array_size(value);

    } else if (json_is_string(value)) {
        max = split ? json_string_length(value) / 2 + 1 : 1;

    } else {
        return GH_OK;
    }

    list = ngx_palloc(entry->pool, (max + 1) * sizeof(gh_str_t));
    if (list == NULL) {
        return GH_NOMEM;
    }

    *out = list;

    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (json_is_string(item)) {
                list[*n].data = json_string_value(item);
                list[(*n)++].len = json_string_length(item);
            }
        }

        return GH_OK;
    }

    rest.data = json_string_value(value);
    rest.len = json_string_length(value);

    if (!split) {
        list[(*n)++] = rest;
        return GH_OK;
    }

    while (rest.data != NULL) {
        word = gh_str_cut(rest, ' ', &rest);

        if (word.len != 0) {
            list[(*n)++] = word;
        }
    }

    return GH_OK;
}
