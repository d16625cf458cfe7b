/*
 * Changes of a session's record while it lives: a refresh of its tokens, for
 * which one of the node or cluster is chosen by a claim, and the time when it
 * was seen. Each is a job of its own that outlives the request that asked.
 */

#include "ngx_http_gatehouse_update.h"
#include "ngx_gatehouse_logins.h"

#include <openssl/rand.h>

#define UPDATE_CLAIM_S 15
#define UPDATE_CLAIM_LEN (sizeof("refresh::") + GH_SESSION_NAME_LEN + 20)
#define UPDATE_POLL_MS 100  /* for the end of another's refresh */
#define UPDATE_WAIT_MS 6000 /* in all */
#define UPDATE_TRIES 4
#define UPDATE_TOUCH_MS 30000


static ngx_http_gatehouse_update_t *update_create(
    ngx_http_gatehouse_session_entry_t *entry, ngx_uint_t refresh);
static void update_free(ngx_http_gatehouse_update_t *u);
static gh_str_t update_name(const ngx_http_gatehouse_update_t *u);
static void update_store(ngx_http_gatehouse_update_t *u,
                         ngx_gatehouse_store_type_e type, gh_str_t value,
                         ngx_http_gatehouse_update_pt next);
static void update_stored(ngx_gatehouse_store_op_t *op);
static gh_rc_t update_rc(ngx_http_gatehouse_update_t *u);
static void update_claim(ngx_http_gatehouse_update_t *u);
static gh_str_t update_claim_name(const ngx_http_gatehouse_update_t *u,
                                  char room[UPDATE_CLAIM_LEN]);
static void update_give_up(ngx_http_gatehouse_update_t *u);
static void update_claimed(ngx_http_gatehouse_update_t *u);
static void update_poll(ngx_event_t *ev);
static void update_get(ngx_http_gatehouse_update_t *u);
static void update_got(ngx_http_gatehouse_update_t *u);
static ngx_int_t update_open(ngx_http_gatehouse_update_t *u);
static void update_touched(ngx_http_gatehouse_update_t *u);
static void update_written(ngx_http_gatehouse_update_t *u);


ngx_int_t
ngx_http_gatehouse_session_refresh(ngx_http_gatehouse_session_entry_t *entry)
{
    ngx_http_gatehouse_update_t *u;

    if (entry->update != NULL) {
        return NGX_AGAIN;
    }

    if (entry->refresh_after != 0
        && (ngx_msec_int_t) (entry->refresh_after - ngx_current_msec) > 0)
    {
        return NGX_DECLINED;
    }

    u = update_create(entry, 1);
    if (u == NULL) {
        return NGX_DECLINED;
    }

    update_claim(u);

    return (entry->update != NULL) ? NGX_AGAIN : NGX_DECLINED;
}


void
ngx_http_gatehouse_session_touch(ngx_http_gatehouse_session_entry_t *entry)
{
    ngx_http_gatehouse_update_t *u;

    if (entry->update != NULL
        || (entry->touch_after != 0
            && (ngx_msec_int_t) (entry->touch_after - ngx_current_msec) > 0))
    {
        return;
    }

    entry->touch_after = (ngx_current_msec + UPDATE_TOUCH_MS) | 1;

    u = update_create(entry, 0);

    if (u != NULL) {
        update_get(u);
    }
}


void
ngx_http_gatehouse_session_end(ngx_http_gatehouse_session_entry_t *entry)
{
    gh_str_t name;
    ngx_gatehouse_store_op_t *op;

    name.data = (char *) entry->name;
    name.len = GH_SESSION_NAME_LEN;

    op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_DELETE,
                                       GH_KIND_SESSION, name, GH_STR(""));
    if (op == NULL) {
        return;
    }

    op->log = 1;

    if (ngx_gatehouse_store_submit(entry->gmcf->store, op) == NGX_AGAIN) {
        ngx_gatehouse_store_op_abandon(op);

    } else {
        ngx_gatehouse_store_op_destroy(op);
    }
}


static ngx_http_gatehouse_update_t *
update_create(ngx_http_gatehouse_session_entry_t *entry, ngx_uint_t refresh)
{
    ngx_http_gatehouse_update_t *u;

    u = ngx_calloc(sizeof(ngx_http_gatehouse_update_t), ngx_cycle->log);
    if (u == NULL) {
        return NULL;
    }

    u->entry = entry;
    u->gmcf = entry->gmcf;
    u->oidc = entry->oidc;
    u->refresh = refresh ? 1 : 0;
    u->until = ngx_current_msec + UPDATE_WAIT_MS;

    u->dummy.fd = (ngx_socket_t) -1;
    u->dummy.data = u;
    u->timer.data = &u->dummy;
    u->timer.handler = update_poll;
    u->timer.log = ngx_cycle->log;

    entry->update = u;
    entry->refs++;
    ngx_queue_insert_tail(&u->gmcf->updates, &u->queue);

    return u;
}


static void
update_free(ngx_http_gatehouse_update_t *u)
{
    ngx_queue_remove(&u->queue);
    ngx_gatehouse_waiter_cancel(&u->keys_waiter);

    if (u->timer.timer_set) {
        ngx_del_timer(&u->timer);
    }

    if (u->op != NULL) {
        ngx_gatehouse_store_op_abandon(u->op);
    }

    if (u->fetch != NULL) {
        ngx_gatehouse_fetch_abandon(u->fetch);
    }

    if (u->replied || u->reply.document != NULL) {
        gh_oidc_reply_clear(&u->reply);
    }

    if (u->opened) {
        gh_session_clear(&u->session);
    }

    json_decref(u->claims);
    ngx_free(u->sealed.data);
    ngx_free(u);
}


/* Those who wait look at the session again. */

void
ngx_http_gatehouse_update_end(ngx_http_gatehouse_update_t *u)
{
    ngx_queue_t woken;
    ngx_gatehouse_waiter_t *waiter;
    ngx_http_gatehouse_session_entry_t *entry = u->entry;

    update_free(u);
    entry->update = NULL;

    ngx_queue_init(&woken);

    if (!ngx_queue_empty(&entry->waiters)) {
        ngx_queue_add(&woken, &entry->waiters);
        ngx_queue_init(&entry->waiters);
    }

    while (!ngx_queue_empty(&woken)) {
        waiter = ngx_gatehouse_waiter_first(&woken);
        waiter->handler(waiter->data);
    }

    ngx_http_gatehouse_session_release(entry);
}


void
ngx_http_gatehouse_update_fail(ngx_http_gatehouse_update_t *u, const char *why)
{
    if (u->refresh) {
        u->gmcf->counters->refreshes[NGX_GATEHOUSE_REFRESH_FAILED]++;

        u->entry->refresh_after =
            (ngx_current_msec + NGX_HTTP_GATEHOUSE_UPDATE_RETRY_MS) | 1;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "gatehouse: tokens of a session of provider \"%V\" "
                      "could not be refreshed: %s",
                      &u->oidc->name, why);

        update_give_up(u);
    }

    ngx_http_gatehouse_update_end(u);
}


void
ngx_http_gatehouse_updates_close(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_queue_t *q;
    ngx_http_gatehouse_update_t *u;
    ngx_http_gatehouse_session_entry_t *entry;

    while (gmcf->updates.next != NULL && !ngx_queue_empty(&gmcf->updates)) {
        q = ngx_queue_head(&gmcf->updates);
        u = ngx_queue_data(q, ngx_http_gatehouse_update_t, queue);
        entry = u->entry;

        update_free(u);
        entry->update = NULL;
        ngx_http_gatehouse_session_release(entry);
    }
}


static gh_str_t
update_name(const ngx_http_gatehouse_update_t *u)
{
    return (gh_str_t){ (char *) u->entry->name, GH_SESSION_NAME_LEN };
}


/* `next` is called when it is done, perhaps before this returns; the job may
 * be gone then. */

static void
update_store(ngx_http_gatehouse_update_t *u, ngx_gatehouse_store_type_e type,
             gh_str_t value, ngx_http_gatehouse_update_pt next)
{
    char room[UPDATE_CLAIM_LEN];
    gh_str_t name = update_name(u);
    gh_kind_t kind = GH_KIND_SESSION;

    if (type == NGX_GATEHOUSE_STORE_CLAIM) {
        kind = GH_KIND_CLAIM;
        name = update_claim_name(u, room);
    }

    u->next = next;
    u->op = ngx_gatehouse_store_op_create(type, kind, name, value);

    if (u->op == NULL) {
        ngx_http_gatehouse_update_fail(u, "no memory");
        return;
    }

    u->op->handler = update_stored;
    u->op->data = u;

    if (type == NGX_GATEHOUSE_STORE_CLAIM) {
        u->op->ttl_s = UPDATE_CLAIM_S;
    }

    if (type == NGX_GATEHOUSE_STORE_PUT) {
        u->op->if_version = u->version;
        u->op->log = u->refresh;
        u->op->ttl_s =
            gh_session_ttl(&u->session, &u->oidc->times, (int64_t) ngx_time());
    }

    if (ngx_gatehouse_store_submit(u->gmcf->store, u->op) != NGX_AGAIN) {
        update_stored(u->op);
    }
}


static void
update_stored(ngx_gatehouse_store_op_t *op)
{
    ngx_http_gatehouse_update_t *u = op->data;

    u->next(u);
}


/* To be called by what update_store led to, once. */

static gh_rc_t
update_rc(ngx_http_gatehouse_update_t *u)
{
    gh_rc_t rc = u->op->rc;

    ngx_gatehouse_store_op_destroy(u->op);
    u->op = NULL;

    return rc;
}


static void
update_claim(ngx_http_gatehouse_update_t *u)
{
    update_store(u, NGX_GATEHOUSE_STORE_CLAIM, GH_STR(""), update_claimed);
}


/* Of this refresh and not of the next one, which may come soon. */

static gh_str_t
update_claim_name(const ngx_http_gatehouse_update_t *u,
                  char room[UPDATE_CLAIM_LEN])
{
    u_char *p;

    p = ngx_sprintf((u_char *) room, "refresh:%*s:%L",
                    (size_t) GH_SESSION_NAME_LEN, u->entry->name,
                    (int64_t) u->entry->session.refreshed_at_s);

    return (gh_str_t){ room, (size_t) (p - (u_char *) room) };
}


/* It failed: whoever waits for it on another worker need not wait on. */

static void
update_give_up(ngx_http_gatehouse_update_t *u)
{
    char room[UPDATE_CLAIM_LEN];
    ngx_gatehouse_store_op_t *op;

    if (!u->claimed) {
        return;
    }

    op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_DELETE,
                                       GH_KIND_CLAIM,
                                       update_claim_name(u, room), GH_STR(""));
    if (op == NULL) {
        return;
    }

    if (ngx_gatehouse_store_submit(u->gmcf->store, op) == NGX_AGAIN) {
        ngx_gatehouse_store_op_abandon(op);

    } else {
        ngx_gatehouse_store_op_destroy(op);
    }
}


static void
update_claimed(ngx_http_gatehouse_update_t *u)
{
    gh_rc_t rc = update_rc(u);

    if (rc == GH_OK) {
        u->claimed = 1;
        update_get(u);
        return;
    }

    if (rc != GH_CONFLICT) {
        ngx_http_gatehouse_update_fail(u, "the store could not be asked");
        return;
    }

    /* somebody else refreshes it: its record will move */

    if ((ngx_msec_int_t) (u->until - ngx_current_msec) <= 0) {
        ngx_http_gatehouse_update_fail(
            u, "another worker began and did not end it");
        return;
    }

    ngx_add_timer(&u->timer, UPDATE_POLL_MS);
}


static void
update_poll(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;
    ngx_http_gatehouse_update_t *u = c->data;

    if (u->replied) {
        ngx_http_gatehouse_update_write(u);
        return;
    }

    u->tries++;
    update_get(u);
}


static void
update_get(ngx_http_gatehouse_update_t *u)
{
    update_store(u, NGX_GATEHOUSE_STORE_GET, GH_STR(""), update_got);
}


static void
update_got(ngx_http_gatehouse_update_t *u)
{
    ngx_int_t opened = NGX_DECLINED;
    gh_rc_t rc = u->op->rc;
    ngx_uint_t polled = u->tries > 0 && !u->replied;

    if (rc == GH_OK) {
        u->version = u->op->version;
        opened = update_open(u);
    }

    (void) update_rc(u);

    if (rc == GH_ABSENT || (rc == GH_OK && opened == NGX_DECLINED)) {
        ngx_http_gatehouse_update_end(u); /* logged out meanwhile */
        return;
    }

    if (rc != GH_OK || opened != NGX_OK) {
        ngx_http_gatehouse_update_fail(u, "the store could not be asked");
        return;
    }

    if (u->replied) {
        ngx_http_gatehouse_update_write(u);
        return;
    }

    if (!u->refresh) {
        update_touched(u);
        return;
    }

    if (u->session.refreshed_at_s != u->entry->session.refreshed_at_s
        || u->session.refresh_token.len == 0)
    {
        ngx_http_gatehouse_update_end(u); /* done by somebody else */
        return;
    }

    if (polled) {
        /* nothing has moved yet; its maker may have died */
        update_claim(u);
        return;
    }

    ngx_http_gatehouse_update_ask(u);
}


static ngx_int_t
update_open(ngx_http_gatehouse_update_t *u)
{
    gh_rc_t rc;

    if (u->opened) {
        gh_session_clear(&u->session);
        u->opened = 0;
    }

    rc = gh_session_open(u->gmcf->secret, update_name(u), u->op->result,
                         &u->session);
    u->opened = (rc == GH_OK);

    return (rc == GH_OK)       ? NGX_OK
           : (rc == GH_DENIED) ? NGX_DECLINED
                               : NGX_ERROR;
}


/* Another worker may have written it already. */

static void
update_touched(ngx_http_gatehouse_update_t *u)
{
    int64_t now = ngx_time();

    if (!gh_session_touch_due(&u->session, &u->oidc->times, now)) {
        u->entry->session.seen_at_s = u->session.seen_at_s;
        ngx_http_gatehouse_update_end(u);
        return;
    }

    ngx_http_gatehouse_update_write(u);
}


void
ngx_http_gatehouse_update_write(ngx_http_gatehouse_update_t *u)
{
    uint8_t nonce[12];
    gh_buf_t *out = &u->sealed;
    gh_session_t s;
    int64_t now = ngx_time();

    u->session.seen_at_s = now;
    s = u->session;

    if (u->replied) {
        s.access_token = u->reply.access_token;
        s.expires_at_s =
            u->reply.expires_in_s ? now + u->reply.expires_in_s : 0;
        s.refreshed_at_s = now;

        if (u->claims != NULL) {
            s.claims = u->claims;
        }

        if (u->reply.refresh_token.len != 0) {
            s.refresh_token = u->reply.refresh_token;
        }

        if (u->reply.id_token.len != 0) {
            s.id_token = u->reply.id_token;
        }
    }

    if (out->data == NULL) {
        out->cap = GH_SESSION_BYTES_MAX + GH_SEAL_OVERHEAD;
        out->data = ngx_alloc(out->cap, ngx_cycle->log);
    }

    out->len = 0;

    if (out->data == NULL || RAND_bytes(nonce, sizeof(nonce)) != 1
        || gh_session_seal(u->gmcf->secret, update_name(u), &s, nonce, out)
               != GH_OK)
    {
        ngx_http_gatehouse_update_fail(u, "its record could not be made");
        return;
    }

    update_store(u, NGX_GATEHOUSE_STORE_PUT, gh_buf_str(out), update_written);
}


/* What the provider gave cannot be had a second time: it is written in the
 * end, over whatever moved meanwhile, unless the session is gone. */

static void
update_written(ngx_http_gatehouse_update_t *u)
{
    gh_rc_t rc = update_rc(u);

    if (rc == GH_OK || !u->refresh) {

        if (rc == GH_OK && u->refresh) {
            u->gmcf->counters->refreshes[NGX_GATEHOUSE_REFRESH_OK]++;
            ngx_http_gatehouse_session_renew(u->entry, gh_buf_str(&u->sealed));

        } else if (rc == GH_OK) {
            u->entry->session.seen_at_s = ngx_time();
        }

        ngx_http_gatehouse_update_end(u);
        return;
    }

    if (++u->tries > UPDATE_TRIES) {
        ngx_http_gatehouse_update_fail(u, "the store did not take it");
        return;
    }

    if (rc == GH_CONFLICT) {
        update_get(u);
        return;
    }

    ngx_add_timer(&u->timer, UPDATE_POLL_MS * u->tries);
}
