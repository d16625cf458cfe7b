/*
 * The change log of the shared store. What the channel says is a hint: lines
 * come over the connection of the operations, in their order, and are asked
 * for at least twice a second.
 */

#include "ngx_gatehouse_store_redis.h"


#define REDIS_SILENT_MIN 2000 /* ms: who owes a reply so long is left */
#define REDIS_STOPPED 100     /* ms: we were stopped, and have not looked */


static void redis_follow(ngx_event_t *ev);
static void redis_channel_opened(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_channel_reply(ngx_gatehouse_redis_connection_t *conn,
                                     const redisReply *reply,
                                     const char **why);
static void redis_channel_lost(ngx_gatehouse_redis_connection_t *conn,
                               const char *why);


static const ngx_gatehouse_redis_owner_t redis_channel_owner = {
    redis_channel_opened,
    redis_channel_reply,
    redis_channel_lost,
};


void
ngx_gatehouse_store_redis_follow(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    redis->follow.handler = redis_follow;
    redis->follow.data = &store->dummy;
    redis->follow.log = store->log;
    redis->follow.cancelable = 1;

    ngx_gatehouse_redis_start(&redis->channel, &redis_channel_owner, store,
                              redis->conf, store->log);
    redis->follow_due = ngx_current_msec + store->conf.follow;
    ngx_add_timer(&redis->follow, store->conf.follow);
}


void
ngx_gatehouse_store_redis_lines(ngx_gatehouse_store_t *store,
                                const gh_redis_changes_t *changes)
{
    size_t i;
    ngx_gatehouse_redis_t *redis = store->ctx;

    for (i = 0; i < changes->n && redis->sequence < changes->last; i++) {

        if (changes->lines[i].sequence <= redis->sequence) {
            continue;
        }

        if (changes->lines[i].sequence != redis->sequence + 1) {
            break;
        }

        redis->sequence++;
        ngx_gatehouse_store_line(store, &changes->lines[i]);
    }

    /* trimmed, begun anew, or more than are worth reading one by one */

    if (redis->sequence != changes->last) {
        redis->sequence = changes->last;
        store->sequence = changes->last;
        ngx_gatehouse_store_line(store, NULL);
    }

    ngx_gatehouse_store_heard(store);

    if (redis->wanted > redis->sequence) {
        ngx_gatehouse_store_redis_poll(store);
    }
}


void
ngx_gatehouse_store_redis_poll(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->ready && !redis->polling) {
        redis->wanted = 0;
        (void) ngx_gatehouse_store_redis_ask_changes(store, 0, 0);
    }
}


ngx_uint_t
ngx_gatehouse_store_redis_late(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_gatehouse_redis_slot_t *first;

    if (!redis->ready || ngx_queue_empty(&redis->asked)) {
        return 0;
    }

    first = ngx_queue_data(ngx_queue_head(&redis->asked),
                           ngx_gatehouse_redis_slot_t, queue);

    return first->overdue
           && ngx_current_msec - first->asked_at > store->conf.deadline;
}


ngx_uint_t
ngx_gatehouse_store_redis_silent(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_gatehouse_redis_slot_t *first;

    if (ngx_queue_empty(&redis->asked)) {
        return 0;
    }

    first = ngx_queue_data(ngx_queue_head(&redis->asked),
                           ngx_gatehouse_redis_slot_t, queue);

    return ngx_current_msec - first->asked_at
           > ngx_max(2 * store->conf.deadline, REDIS_SILENT_MIN);
}


static void
redis_follow(ngx_event_t *ev)
{
    ngx_connection_t *dummy = ev->data;
    ngx_gatehouse_store_t *store = dummy->data;
    ngx_gatehouse_redis_t *redis = store->ctx;
    ngx_uint_t stopped;

    stopped = ngx_current_msec - redis->follow_due > REDIS_STOPPED;

    /* cancelable: an exiting worker does not wait for it, and follows on as
     * long as something else keeps it */

    redis->follow_due = ngx_current_msec + store->conf.follow;
    ngx_add_timer(&redis->follow, store->conf.follow);

    if (redis->draining
        || (redis->ready && !stopped
            && ngx_gatehouse_store_redis_silent(store)))
    {
        ngx_gatehouse_redis_leave(&redis->ops, "does not answer");
        return;
    }

    if (redis->ready) {
        (void) ngx_gatehouse_store_redis_beat(store);
    }

    ngx_gatehouse_store_redis_poll(store);
}


static void
redis_channel_opened(ngx_gatehouse_redis_connection_t *conn)
{
    gh_str_t args[2];
    ngx_gatehouse_store_t *store = conn->data;
    ngx_gatehouse_redis_t *redis = store->ctx;

    args[0] = GH_STR("SUBSCRIBE");
    args[1] = gh_str(redis->words.channel);

    if (ngx_gatehouse_redis_command(conn, args, 2) != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
    }
}


/* ["subscribe", channel, 1], then ["message", channel, "sequence:..."] */

static ngx_int_t
redis_channel_reply(ngx_gatehouse_redis_connection_t *conn,
                    const redisReply *reply, const char **why)
{
    gh_str_t code, word, text;
    uint64_t sequence;
    ngx_gatehouse_store_t *store = conn->data;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (gh_redis_error(reply, &code) != GH_REDIS_DONE) {
        *why = gh_redis_error_words(code);
        return NGX_ERROR;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3
        || reply->element[0]->type != REDIS_REPLY_STRING)
    {
        return NGX_ERROR;
    }

    word.data = reply->element[0]->str;
    word.len = (size_t) reply->element[0]->len;

    if (gh_str_eq(word, GH_STR("subscribe")) && !conn->settled) {
        ngx_gatehouse_redis_settled(conn);
        ngx_gatehouse_store_redis_poll(store);
        return NGX_OK;
    }

    if (!gh_str_eq(word, GH_STR("message"))
        || reply->element[2]->type != REDIS_REPLY_STRING)
    {
        return NGX_ERROR;
    }

    text.data = reply->element[2]->str;
    text.len = (size_t) reply->element[2]->len;

    if (gh_redis_message_sequence(text, &sequence)
        && sequence > redis->sequence) {
        redis->wanted = sequence;
        ngx_gatehouse_store_redis_poll(store);
    }

    return NGX_OK;
}


/* Lines are asked for without it, too: it is said, and that is all. */

static void
redis_channel_lost(ngx_gatehouse_redis_connection_t *conn, const char *why)
{
    ngx_gatehouse_store_t *store = conn->data;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->ready) {
        ngx_log_error(NGX_LOG_INFO, store->log, 0,
                      "gatehouse: the change channel: %s",
                      ngx_gatehouse_store_redis_say(store, why));
    }
}
