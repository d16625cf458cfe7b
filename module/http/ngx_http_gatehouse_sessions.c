/*
 * The sessions that a worker has open: found by their cookie, bounded in
 * number, the least recently used go first; each lives as long as somebody
 * holds it.
 */

#include "ngx_http_gatehouse_session.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define SESSIONS_BITS 12
#define SESSIONS_MAX (1 << SESSIONS_BITS)


struct ngx_http_gatehouse_sessions_s {
    ngx_http_gatehouse_session_entry_t **buckets; /* twice as many */
    uint64_t key;
    ngx_uint_t n;
    ngx_queue_t queue;
};


static ngx_http_gatehouse_session_entry_t **session_bucket(
    ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t cookie);


ngx_uint_t
ngx_http_gatehouse_sessions_open_now(ngx_http_gatehouse_main_conf_t *gmcf)
{
    return gmcf->sessions ? gmcf->sessions->n : 0;
}


static ngx_http_gatehouse_session_entry_t **
session_bucket(ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t cookie)
{
    uint64_t word;

    /* random, and of nobody's choosing: the tag says so */

    ngx_memcpy(&word, cookie.data, sizeof(word));

    return &gmcf->sessions->buckets[(word * gmcf->sessions->key)
                                    >> (63 - SESSIONS_BITS)];
}


/* Listed in the table; NULL: not a cookie of ours, or no memory. */

ngx_http_gatehouse_session_entry_t *
ngx_http_gatehouse_session_find(ngx_http_gatehouse_main_conf_t *gmcf,
                                ngx_http_gatehouse_oidc_t *oidc,
                                gh_str_t cookie)
{
    char name[GH_SESSION_NAME_LEN];
    gh_str_t text;
    ngx_http_gatehouse_session_entry_t *entry;

    for (entry = *session_bucket(gmcf, cookie); entry; entry = entry->next) {

        if (entry->oidc == oidc
            && gh_equal_secret(entry->cookie, cookie.data, cookie.len))
        {
            ngx_queue_remove(&entry->queue);
            ngx_queue_insert_head(&gmcf->sessions->queue, &entry->queue);
            return entry;
        }
    }

    if (gh_session_name(gmcf->secret, cookie, name) != GH_OK) {
        return NULL;
    }

    entry =
        ngx_calloc(sizeof(ngx_http_gatehouse_session_entry_t), ngx_cycle->log);
    if (entry == NULL) {
        return NULL;
    }

    entry->gmcf = gmcf;
    entry->oidc = oidc;
    ngx_memcpy(entry->cookie, cookie.data, GH_SESSION_COOKIE_LEN);
    ngx_memcpy(entry->name, name, GH_SESSION_NAME_LEN);
    ngx_queue_init(&entry->waiters);

    text.data = name;
    text.len = GH_SESSION_NAME_LEN;
    entry->hash = gh_siphash(&gmcf->shm->sip, text);
    entry->record_hash = gh_store_name_hash(GH_KIND_SESSION, text);

    ngx_http_gatehouse_session_list(entry);

    return entry;
}


void
ngx_http_gatehouse_session_list(ngx_http_gatehouse_session_entry_t *entry)
{
    gh_str_t cookie;
    ngx_queue_t *q;
    ngx_http_gatehouse_sessions_t *t = entry->gmcf->sessions;
    ngx_http_gatehouse_session_entry_t **bucket;

    if (t->n == SESSIONS_MAX) {
        q = ngx_queue_last(&t->queue);
        ngx_http_gatehouse_session_unlist(
            ngx_queue_data(q, ngx_http_gatehouse_session_entry_t, queue));
    }

    cookie.data = (char *) entry->cookie;
    cookie.len = GH_SESSION_COOKIE_LEN;
    bucket = session_bucket(entry->gmcf, cookie);

    entry->next = *bucket;
    *bucket = entry;
    ngx_queue_insert_head(&t->queue, &entry->queue);
    t->n++;
    entry->listed = 1;
    entry->refs++;
}


void
ngx_http_gatehouse_session_unlist(ngx_http_gatehouse_session_entry_t *entry)
{
    gh_str_t cookie;
    ngx_http_gatehouse_session_entry_t **link;

    if (!entry->listed) {
        return;
    }

    cookie.data = (char *) entry->cookie;
    cookie.len = GH_SESSION_COOKIE_LEN;

    for (link = session_bucket(entry->gmcf, cookie); *link != entry;
         link = &(*link)->next)
    { /* void */
    }

    *link = entry->next;
    ngx_queue_remove(&entry->queue);
    entry->gmcf->sessions->n--;
    entry->listed = 0;

    ngx_http_gatehouse_session_release(entry);
}


void
ngx_http_gatehouse_session_release(ngx_http_gatehouse_session_entry_t *entry)
{
    if (--entry->refs != 0) {
        return;
    }

    if (entry->known != NULL) {
        ngx_http_gatehouse_known_release(entry->known);
    }

    gh_session_clear(&entry->session);
    ngx_free(entry->lists);
    OPENSSL_cleanse(entry->cookie, sizeof(entry->cookie));
    ngx_free(entry);
}


ngx_http_gatehouse_session_entry_t *
ngx_http_gatehouse_session_copy(
    const ngx_http_gatehouse_session_entry_t *entry)
{
    ngx_http_gatehouse_session_entry_t *copy;

    copy =
        ngx_calloc(sizeof(ngx_http_gatehouse_session_entry_t), ngx_cycle->log);
    if (copy == NULL) {
        return NULL;
    }

    copy->gmcf = entry->gmcf;
    copy->oidc = entry->oidc;
    copy->stamp = entry->stamp;
    copy->hash = entry->hash;
    copy->record_hash = entry->record_hash;
    ngx_memcpy(copy->cookie, entry->cookie, GH_SESSION_COOKIE_LEN);
    ngx_memcpy(copy->name, entry->name, GH_SESSION_NAME_LEN);
    ngx_queue_init(&copy->waiters);

    return copy;
}


ngx_int_t
ngx_http_gatehouse_sessions_open(ngx_cycle_t *cycle,
                                 ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_http_gatehouse_sessions_t *t;

    ngx_queue_init(&gmcf->updates);

    if (gmcf->providers.nelts == 0) {
        return NGX_OK;
    }

    t = ngx_pcalloc(cycle->pool, sizeof(ngx_http_gatehouse_sessions_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->buckets = ngx_pcalloc(cycle->pool, 2 * SESSIONS_MAX * sizeof(void *));

    if (t->buckets == NULL
        || RAND_bytes((u_char *) &t->key, sizeof(t->key)) != 1) {
        return NGX_ERROR;
    }

    t->key |= 1;
    ngx_queue_init(&t->queue);

    gmcf->sessions = t;

    return NGX_OK;
}


void
ngx_http_gatehouse_sessions_close(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_queue_t *q;
    ngx_http_gatehouse_sessions_t *t = gmcf->sessions;

    ngx_http_gatehouse_updates_close(gmcf);

    if (t == NULL) {
        return;
    }

    while (!ngx_queue_empty(&t->queue)) {
        q = ngx_queue_head(&t->queue);
        ngx_http_gatehouse_session_unlist(
            ngx_queue_data(q, ngx_http_gatehouse_session_entry_t, queue));
    }

    gmcf->sessions = NULL;
}
