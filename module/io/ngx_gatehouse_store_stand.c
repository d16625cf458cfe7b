/*
 * How the store stands: whether it can be asked, what the change log has
 * told, who listens to it, and what of all this is said in the log.
 */

#include "ngx_gatehouse_store_backend.h"


#define STORE_COMPLAIN_MS 60000


typedef struct {
    ngx_queue_t queue;
    ngx_gatehouse_store_follow_pt follow;
    void *data;
} store_follower_t;


ngx_int_t
ngx_gatehouse_store_subscribe(ngx_gatehouse_store_t *store,
                              ngx_gatehouse_store_follow_pt follow, void *data)
{
    store_follower_t *f;

    f = ngx_alloc(sizeof(store_follower_t), store->log);
    if (f == NULL) {
        return NGX_ERROR;
    }

    f->follow = follow;
    f->data = data;
    ngx_queue_insert_tail(&store->followers, &f->queue);

    return NGX_OK;
}


void
ngx_gatehouse_store_unsubscribe(ngx_gatehouse_store_t *store,
                                ngx_gatehouse_store_follow_pt follow,
                                void *data)
{
    ngx_queue_t *q;
    store_follower_t *f;

    for (q = ngx_queue_head(&store->followers);
         q != ngx_queue_sentinel(&store->followers); q = ngx_queue_next(q))
    {
        f = ngx_queue_data(q, store_follower_t, queue);

        if (f->follow == follow && f->data == data) {
            ngx_queue_remove(q);
            ngx_free(f);
            return;
        }
    }
}


void
ngx_gatehouse_store_unsubscribe_all(ngx_gatehouse_store_t *store)
{
    ngx_queue_t *q;

    while (!ngx_queue_empty(&store->followers)) {
        q = ngx_queue_head(&store->followers);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, store_follower_t, queue));
    }
}


ngx_msec_t
ngx_gatehouse_store_age(ngx_gatehouse_store_t *store)
{
    return ngx_current_msec - store->heard_at;
}


void
ngx_gatehouse_store_state(ngx_gatehouse_store_t *store,
                          ngx_gatehouse_store_state_t *out)
{
    ngx_memzero(out, sizeof(ngx_gatehouse_store_state_t));

    out->available = store->available;
    out->writable = store->writable;
    out->since = store->since;
    ngx_memcpy(out->why, store->why, sizeof(out->why));
    out->sequence = store->sequence;
    out->reads = store->reads;
    out->writes = store->writes;
    out->write_failures = store->write_failures;
    out->dropped = store->dropped;

    store->backend->state(store, out);
    out->backend = store->backend->name;
}


void
ngx_gatehouse_store_line(ngx_gatehouse_store_t *store,
                         const gh_store_change_t *line)
{
    ngx_queue_t *q, *next;
    store_follower_t *f;

    if (line != NULL) {
        store->sequence = line->sequence;
    }

    for (q = ngx_queue_head(&store->followers);
         q != ngx_queue_sentinel(&store->followers); q = next)
    {
        next = ngx_queue_next(q);
        f = ngx_queue_data(q, store_follower_t, queue);

        f->follow(f->data, line);
    }
}


void
ngx_gatehouse_store_heard(ngx_gatehouse_store_t *store)
{
    store->heard_at = ngx_current_msec;

    if (store->outer != NULL) {
        store->outer->heard_at = ngx_current_msec;
    }
}


void
ngx_gatehouse_store_stands(ngx_gatehouse_store_t *store, ngx_uint_t available,
                           ngx_uint_t writable, const char *why)
{
    ngx_uint_t back, changed;

    back = available && !store->available;
    changed = store->available != available || store->writable != writable;

    store->available = available ? 1 : 0;
    store->writable = writable ? 1 : 0;

    (void) snprintf(store->why, sizeof(store->why), "%s", why);

    if (changed) {
        store->since = ngx_current_msec;
    }

    if (store->outer != NULL) {
        ngx_gatehouse_store_stands(store->outer, available, writable, why);

    } else if (!available || !writable) {
        ngx_gatehouse_store_complain(
            store, available ? NGX_LOG_WARN : NGX_LOG_ERR, why);

    } else if (changed && store->complained) {
        ngx_log_error(NGX_LOG_NOTICE, store->log, 0,
                      "gatehouse: the store is as it should be again");
        store->complained = 0;
    }

    if (back) {
        ngx_gatehouse_store_line(store, NULL);
    }
}


void
ngx_gatehouse_store_complain(ngx_gatehouse_store_t *store, ngx_uint_t level,
                             const char *words)
{
    uint64_t hash;
    ngx_uint_t i, room;

    hash = gh_store_name_hash(GH_KIND_META, gh_str(words));
    room = NGX_GATEHOUSE_STORE_SAID;

    for (i = 0; i < NGX_GATEHOUSE_STORE_SAID; i++) {

        if (store->said[i].words == 0
            || ngx_current_msec - store->said[i].at >= STORE_COMPLAIN_MS)
        {
            room = i;

        } else if (store->said[i].words == hash) {
            return;
        }
    }

    if (room == NGX_GATEHOUSE_STORE_SAID) {
        return;
    }

    store->said[room].words = hash;
    store->said[room].at = ngx_current_msec;
    store->complained = 1;

    ngx_log_error(level, store->log, 0, "gatehouse: %s", words);
}


uint64_t
ngx_gatehouse_store_sequence(const ngx_gatehouse_store_t *store)
{
    return store->sequence;
}
