/*
 * The last good set and metadata in the store, so that a node that starts
 * while its provider is away can verify tokens. It is a help, never a
 * condition: what the store cannot do is passed over.
 */

#include "ngx_gatehouse_keys_inner.h"

#include "gh_keys_record.h"


static ngx_gatehouse_store_op_t *store_op(
    const ngx_gatehouse_keys_issuer_t *issuer, ngx_gatehouse_store_type_e type,
    gh_kind_t kind, gh_str_t value);
static void store_restored(ngx_gatehouse_store_op_t *op);
static void store_take(ngx_gatehouse_keys_issuer_t *issuer,
                       const ngx_gatehouse_store_op_t *op);
static void store_take_metadata(ngx_gatehouse_keys_issuer_t *issuer,
                                const ngx_gatehouse_store_op_t *op);
static void store_publish(ngx_gatehouse_keys_issuer_t *issuer,
                          const gh_keys_record_t *record, uint64_t keys);


void
ngx_gatehouse_keys_restore(ngx_gatehouse_keys_issuer_t *issuer)
{
    ngx_int_t rc;
    ngx_gatehouse_store_op_t *op;

    if (issuer->restored || issuer->restoring != NULL
        || issuer->keys->store == NULL || issuer->slot == NULL
        || issuer->slot->set.version != 0)
    {
        return;
    }

    if (issuer->restoring_kind == 0) {
        issuer->restoring_kind = (issuer->source->metadata != NULL)
                                     ? GH_KIND_METADATA
                                     : GH_KIND_KEYS;
    }

    op = store_op(issuer, NGX_GATEHOUSE_STORE_GET, issuer->restoring_kind,
                  GH_STR(""));
    if (op == NULL) {
        return;
    }

    op->handler = store_restored;
    op->data = issuer;

    rc = ngx_gatehouse_store_submit(issuer->keys->store, op);

    if (rc == NGX_AGAIN) {
        issuer->restoring = op;
        return;
    }

    if (rc == NGX_OK) {
        store_take(issuer, op);
    }

    ngx_gatehouse_store_op_destroy(op);
}


static ngx_gatehouse_store_op_t *
store_op(const ngx_gatehouse_keys_issuer_t *issuer,
         ngx_gatehouse_store_type_e type, gh_kind_t kind, gh_str_t value)
{
    char room[GH_STORE_NAME_MAX];
    gh_str_t name, uri;
    gh_buf_t out = GH_BUF(room);

    name.data = (const char *) issuer->source->issuer.data;
    name.len = issuer->source->issuer.len;
    uri.data = (const char *) issuer->source->jwks_uri.data;
    uri.len = issuer->source->jwks_uri.len;

    if (gh_keys_record_name(name, uri, &out) != GH_OK) {
        return NULL;
    }

    return ngx_gatehouse_store_op_create(type, kind, gh_buf_str(&out), value);
}


static void
store_restored(ngx_gatehouse_store_op_t *op)
{
    ngx_uint_t answered = op->rc != GH_UNAVAILABLE && op->rc != GH_FULL;
    ngx_gatehouse_keys_issuer_t *issuer = op->data;

    issuer->restoring = NULL;
    store_take(issuer, op);
    ngx_gatehouse_store_op_destroy(op);

    /* whoever waits needs the set as well, and not with the next tick */

    if (answered && !issuer->restored) {
        ngx_gatehouse_keys_restore(issuer);
    }
}


/* What the store holds is judged like what comes from outside. */

static void
store_take(ngx_gatehouse_keys_issuer_t *issuer,
           const ngx_gatehouse_store_op_t *op)
{
    uint64_t keys;
    gh_jwks_t *set;
    gh_keys_record_t record;

    if (op->rc == GH_UNAVAILABLE || op->rc == GH_FULL) {
        return; /* the next tick asks again */
    }

    if (issuer->restoring_kind == GH_KIND_METADATA) {
        store_take_metadata(issuer, op);
        issuer->restoring_kind = GH_KIND_KEYS;
        return; /* the set is asked for next */
    }

    issuer->restored = 1;

    if (op->rc != GH_OK || gh_keys_record_decode(op->result, &record) != GH_OK
        || gh_jwks_parse(record.text, gh_alloc_libc(), &set, NULL) != GH_OK)
    {
        return;
    }

    keys = gh_jwks_count(set);
    gh_jwks_destroy(set);

    store_publish(issuer, &record, keys);
}


static void
store_take_metadata(ngx_gatehouse_keys_issuer_t *issuer,
                    const ngx_gatehouse_store_op_t *op)
{
    const char *why;
    gh_provider_t provider;
    gh_keys_record_t record;
    ngx_gatehouse_keys_slot_t *slot = issuer->slot;

    if (op->rc != GH_OK || gh_keys_record_decode(op->result, &record) != GH_OK
        || gh_provider_parse(record.text, issuer->source->metadata, &provider,
                             &why)
               != GH_OK)
    {
        return;
    }

    gh_provider_clear(&provider);

    ngx_gatehouse_keys_slot_lock(issuer->keys->zone);

    if (slot->id == issuer->id && slot->metadata.version == 0) {
        (void) ngx_gatehouse_keys_slot_put(issuer->keys->zone, &slot->metadata,
                                           record.text);
    }

    ngx_gatehouse_keys_slot_unlock(issuer->keys->zone);

    ngx_gatehouse_keys_wake(issuer);
}


static void
store_publish(ngx_gatehouse_keys_issuer_t *issuer,
              const gh_keys_record_t *record, uint64_t keys)
{
    int64_t age_ms;
    ngx_uint_t done = 0;
    ngx_gatehouse_keys_slot_t *slot = issuer->slot;

    age_ms = ((int64_t) ngx_time() - record->fetched_at_s) * 1000;

    ngx_gatehouse_keys_slot_lock(issuer->keys->zone);

    if (slot->id == issuer->id && slot->set.version == 0
        && ngx_gatehouse_keys_slot_put(issuer->keys->zone, &slot->set,
                                       record->text)
               == GH_OK)
    {
        gh_refresh_restore(&slot->refresh, ngx_gatehouse_keys_now_ms(),
                           age_ms);
        slot->fetched_at_s = record->fetched_at_s;
        slot->keys = keys;
        done = 1;
    }

    ngx_gatehouse_keys_slot_unlock(issuer->keys->zone);

    if (done) {
        ngx_log_error(NGX_LOG_NOTICE, issuer->keys->log, 0,
                      "gatehouse: keys of issuer \"%V\", %L s old, restored "
                      "from the store",
                      &issuer->source->name, age_ms / 1000);

        ngx_gatehouse_keys_wake(issuer);
    }
}


void
ngx_gatehouse_keys_restore_cancel(ngx_gatehouse_keys_issuer_t *issuer)
{
    if (issuer->restoring != NULL) {
        ngx_gatehouse_store_op_abandon(issuer->restoring);
        issuer->restoring = NULL;
    }
}


void
ngx_gatehouse_keys_keep(ngx_gatehouse_keys_issuer_t *issuer, gh_kind_t kind,
                        gh_str_t text, int64_t fetched_at_s)
{
    gh_buf_t value;
    ngx_gatehouse_store_op_t *op = NULL;
    gh_keys_record_t record = { fetched_at_s, text };

    if (issuer->keys->store == NULL) {
        return;
    }

    value.len = 0;
    value.cap = text.len + 64;
    value.data = ngx_alloc(value.cap, issuer->keys->log);

    if (value.data == NULL) {
        return;
    }

    if (gh_keys_record_encode(&record, &value) == GH_OK) {
        op = store_op(issuer, NGX_GATEHOUSE_STORE_PUT, kind,
                      gh_buf_str(&value));
    }

    ngx_free(value.data);

    if (op == NULL) {
        return;
    }

    op->if_version = GH_VERSION_ANY;

    if (ngx_gatehouse_store_submit(issuer->keys->store, op) == NGX_AGAIN) {
        ngx_gatehouse_store_op_abandon(op);
    } else {
        ngx_gatehouse_store_op_destroy(op);
    }
}
