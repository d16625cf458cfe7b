/*
 * The table of key sets in shared memory, made by whoever comes first.
 */

#include "ngx_gatehouse_keys_inner.h"

#define SLOT_UNUSED_MS (24 * 3600 * 1000)


static uint64_t slot_hash(const ngx_gatehouse_shm_t *shm, const ngx_str_t *s);
static ngx_gatehouse_keys_slot_t *slot_choose(ngx_gatehouse_keys_slot_t *table,
                                              uint64_t id);
static void slot_clear(ngx_shm_zone_t *zone, ngx_gatehouse_keys_slot_t *slot);


uint64_t
ngx_gatehouse_keys_slot_id(const ngx_gatehouse_shm_t *shm,
                           const ngx_gatehouse_keys_source_t *source)
{
    uint64_t id;

    id = slot_hash(shm, &source->issuer);
    id = id * 31 + slot_hash(shm, &source->jwks_uri);
    id = id * 31 + slot_hash(shm, &source->ca_file);
    id = id * 31 + (source->metadata != NULL);

    return (id != 0) ? id : 1;
}


static uint64_t
slot_hash(const ngx_gatehouse_shm_t *shm, const ngx_str_t *s)
{
    return gh_siphash(&shm->sip, (gh_str_t){ (char *) s->data, s->len });
}


int64_t
ngx_gatehouse_keys_now_ms(void)
{
    return (int64_t) (ngx_gatehouse_monotonic_ns() / 1000000);
}


void
ngx_gatehouse_keys_slot_lock(ngx_shm_zone_t *zone)
{
    ngx_shmtx_lock(&ngx_gatehouse_shm_pool(zone)->mutex);
}


void
ngx_gatehouse_keys_slot_unlock(ngx_shm_zone_t *zone)
{
    ngx_shmtx_unlock(&ngx_gatehouse_shm_pool(zone)->mutex);
}


ngx_gatehouse_keys_slot_t *
ngx_gatehouse_keys_slot(ngx_shm_zone_t *zone, uint64_t id)
{
    ngx_gatehouse_shm_t *shm = ngx_gatehouse_shm(zone);
    ngx_gatehouse_keys_slot_t *slot = NULL;

    ngx_gatehouse_keys_slot_lock(zone);

    if (shm->keys == NULL) {
        shm->keys = ngx_slab_calloc_locked(
            ngx_gatehouse_shm_pool(zone),
            NGX_GATEHOUSE_KEYS_SLOTS * sizeof(ngx_gatehouse_keys_slot_t));
    }

    if (shm->keys != NULL) {
        slot = slot_choose(shm->keys, id);
    }

    if (slot != NULL && slot->id != id) {
        slot_clear(zone, slot);
        slot->id = id;
    }

    if (slot != NULL) {
        slot->used_ms = (uint64_t) ngx_gatehouse_keys_now_ms();
    }

    ngx_gatehouse_keys_slot_unlock(zone);

    return slot;
}


static ngx_gatehouse_keys_slot_t *
slot_choose(ngx_gatehouse_keys_slot_t *table, uint64_t id)
{
    uint64_t now = (uint64_t) ngx_gatehouse_keys_now_ms();
    ngx_uint_t i;
    ngx_gatehouse_keys_slot_t *unused = NULL;

    for (i = 0; i < NGX_GATEHOUSE_KEYS_SLOTS; i++) {
        if (table[i].id == id) {
            return &table[i];
        }
    }

    for (i = 0; i < NGX_GATEHOUSE_KEYS_SLOTS; i++) {
        if (table[i].id == 0) {
            return &table[i];
        }

        if (now - table[i].used_ms > SLOT_UNUSED_MS
            && (unused == NULL || table[i].used_ms < unused->used_ms))
        {
            unused = &table[i];
        }
    }

    return unused;
}


static void
slot_clear(ngx_shm_zone_t *zone, ngx_gatehouse_keys_slot_t *slot)
{
    ngx_slab_pool_t *pool = ngx_gatehouse_shm_pool(zone);

    if (slot->set.text != NULL) {
        ngx_slab_free_locked(pool, slot->set.text);
    }

    if (slot->metadata.text != NULL) {
        ngx_slab_free_locked(pool, slot->metadata.text);
    }

    ngx_memzero(slot, sizeof(ngx_gatehouse_keys_slot_t));
}


gh_rc_t
ngx_gatehouse_keys_slot_copy(const ngx_gatehouse_keys_issuer_t *issuer,
                             const ngx_gatehouse_keys_text_t *from,
                             gh_str_t *text, uint64_t *version)
{
    u_char *copy = NULL;
    size_t len;
    gh_rc_t rc = GH_OK;
    ngx_shm_zone_t *zone = issuer->keys->zone;

    ngx_gatehouse_keys_slot_lock(zone);
    len = from->len;
    ngx_gatehouse_keys_slot_unlock(zone);

    copy = ngx_alloc(len + 1, ngx_cycle->log);
    if (copy == NULL) {
        return GH_NOMEM;
    }

    ngx_gatehouse_keys_slot_lock(zone);

    if (issuer->slot->id != issuer->id) {
        rc = GH_CONFLICT;

    } else if (from->text == NULL || from->len != len) {
        rc = GH_ABSENT; /* or just exchanged: the next look has it */

    } else {
        ngx_memcpy(copy, from->text, len);
        *version = from->version;
    }

    ngx_gatehouse_keys_slot_unlock(zone);

    if (rc != GH_OK) {
        ngx_free(copy);
        return rc;
    }

    text->data = (char *) copy;
    text->len = len;

    return GH_OK;
}


gh_rc_t
ngx_gatehouse_keys_slot_put(ngx_shm_zone_t *zone,
                            ngx_gatehouse_keys_text_t *to, gh_str_t text)
{
    u_char *copy;
    ngx_slab_pool_t *pool = ngx_gatehouse_shm_pool(zone);
    ngx_gatehouse_shm_t *shm = ngx_gatehouse_shm(zone);

    if (to->version != 0 && to->len == text.len
        && ngx_memcmp(to->text, text.data, text.len) == 0)
    {
        return GH_OK;
    }

    copy = ngx_slab_alloc_locked(pool, text.len);
    if (copy == NULL) {
        return GH_FULL;
    }

    ngx_memcpy(copy, text.data, text.len);

    if (to->text != NULL) {
        ngx_slab_free_locked(pool, to->text);
    }

    to->text = copy;
    to->len = text.len;
    to->version = ngx_atomic_fetch_add(&shm->keys_serial, 1) + 1;

    return GH_OK;
}
