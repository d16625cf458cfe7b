/*
 * The row of questions on the connection of operations. Each takes exactly
 * the replies that are its own; whoever does not wait any more leaves an
 * empty place in the row, never a reply to somebody else.
 */

#include "ngx_gatehouse_store_redis.h"


static ngx_int_t redis_send(ngx_gatehouse_store_t *store,
                            ngx_gatehouse_redis_slot_t *slot);
static void redis_renew(ngx_gatehouse_store_t *store,
                        ngx_gatehouse_redis_slot_t *slot);


ngx_gatehouse_redis_slot_t *
ngx_gatehouse_store_redis_ask(ngx_gatehouse_store_t *store,
                              ngx_gatehouse_redis_question_e type,
                              gh_redis_bytes_t *bytes,
                              ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_gatehouse_redis_slot_t *slot;

    slot = ngx_calloc(sizeof(ngx_gatehouse_redis_slot_t), store->log);
    if (slot == NULL) {
        free(bytes->data);
        return NULL;
    }

    slot->type = type;
    slot->bytes = *bytes;
    slot->replies = bytes->replies;
    slot->op = op;
    slot->kind = op != NULL ? op->kind : GH_KIND_META;
    slot->code = GH_STR("");
    slot->look = redis->unsure;

    redis->n++;

    if (op != NULL) {
        op->private_data = slot;
    }

    if (op != NULL && !redis->ready) {
        ngx_queue_insert_tail(&redis->waiting, &slot->queue);
        return slot;
    }

    ngx_queue_insert_tail(&redis->asked, &slot->queue);

    if (redis_send(store, slot) != NGX_OK) {
        ngx_gatehouse_store_redis_free(store, slot);
        return NULL;
    }

    return slot;
}


static ngx_int_t
redis_send(ngx_gatehouse_store_t *store, ngx_gatehouse_redis_slot_t *slot)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    slot->asked_at = ngx_current_msec;

    return ngx_gatehouse_redis_send(&redis->ops, &slot->bytes);
}


void
ngx_gatehouse_store_redis_release(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_queue_t *q;
    ngx_gatehouse_store_op_t *op;
    ngx_gatehouse_redis_slot_t *slot;

    while (!ngx_queue_empty(&redis->waiting)) {
        q = ngx_queue_head(&redis->waiting);
        slot = ngx_queue_data(q, ngx_gatehouse_redis_slot_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&redis->asked, q);
        redis_renew(store, slot);

        if (redis_send(store, slot) == NGX_OK) {
            continue;
        }

        op = slot->op;
        ngx_gatehouse_store_redis_free(store, slot);

        if (op != NULL) {
            op->rc = GH_NOMEM;
            ngx_gatehouse_store_complete(store, op);
        }
    }
}


/* An asking for a lease says which run of which server it means: this one. */

static void
redis_renew(ngx_gatehouse_store_t *store, ngx_gatehouse_redis_slot_t *slot)
{
    gh_redis_bytes_t bytes;

    if (slot->op == NULL || !slot->op->leased
        || ngx_gatehouse_store_redis_command(store, slot->op, &bytes) != GH_OK)
    {
        return;
    }

    free(slot->bytes.data);
    slot->bytes = bytes;
}


void
ngx_gatehouse_store_redis_free(ngx_gatehouse_store_t *store,
                               ngx_gatehouse_redis_slot_t *slot)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (slot->op != NULL) {
        slot->op->private_data = NULL;
    }

    if (slot->type == NGX_GATEHOUSE_REDIS_CHANGES) {
        redis->polling = 0;
    }

    if (slot->type == NGX_GATEHOUSE_REDIS_BEAT) {
        redis->beating = 0;
    }

    ngx_queue_remove(&slot->queue);
    redis->n--;
    free(slot->bytes.data);
    ngx_free(slot);
}


/* Who is told may ask again: those come into a row of their own. */

void
ngx_gatehouse_store_redis_fail(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_uint_t again, tries;
    ngx_queue_t all;
    ngx_gatehouse_store_op_t *op;
    ngx_gatehouse_redis_slot_t *slot;

    ngx_queue_init(&all);

    if (!ngx_queue_empty(&redis->asked)) {
        ngx_queue_add(&all, &redis->asked);
        ngx_queue_init(&redis->asked);
    }

    if (!redis->hopeful && !ngx_queue_empty(&redis->waiting)) {
        ngx_queue_add(&all, &redis->waiting);
        ngx_queue_init(&redis->waiting);
    }

    while (!ngx_queue_empty(&all)) {
        slot = ngx_queue_data(ngx_queue_head(&all), ngx_gatehouse_redis_slot_t,
                              queue);
        op = slot->op;
        tries = slot->tries;
        again = slot->type == NGX_GATEHOUSE_REDIS_GET && redis->hopeful;
        ngx_gatehouse_store_redis_free(store, slot);

        /* a question changes nothing: it may be asked again */

        if (op != NULL
            && (!again
                || ngx_gatehouse_store_redis_elsewhere(store, op, tries)
                       != NGX_OK))
        {
            op->rc = GH_UNAVAILABLE;
            op->lost = 1;
            ngx_gatehouse_store_complete(store, op);
        }
    }
}


void
ngx_gatehouse_store_redis_cancel(ngx_gatehouse_store_t *store,
                                 ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_gatehouse_redis_slot_t *first, *slot = op->private_data;

    op->private_data = NULL;
    slot->op = NULL;

    if (slot->bytes.data != NULL) {
        /* it was never sent */
        ngx_gatehouse_store_redis_free(store, slot);
        store->dropped++;
        return;
    }

    /* replies come in order: it has waited for the first one's */

    first = ngx_queue_data(ngx_queue_head(&redis->asked),
                           ngx_gatehouse_redis_slot_t, queue);
    first->overdue = 1;
}
