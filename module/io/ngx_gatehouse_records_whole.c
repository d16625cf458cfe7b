/*
 * The set only grows between two readings: a record that is taken away is
 * asked for, and found absent, like before.
 */

#include "ngx_gatehouse_records_whole.h"


static bool whole_name(void *ctx, gh_str_t name);
static ngx_uint_t whole_place(const ngx_gatehouse_records_whole_t *w,
                              uint64_t hash);
static ngx_uint_t whole_add(ngx_gatehouse_records_whole_t *w, uint64_t hash);


ngx_uint_t
ngx_gatehouse_records_whole_load(ngx_gatehouse_records_whole_t *w,
                                 ngx_gatehouse_store_t *store)
{
    ngx_int_t rc;

    if (w->known || w->hopeless) {
        return w->known;
    }

    w->n = 0;
    rc = ngx_gatehouse_store_names(store, w->kind, whole_name, w);

    if (rc == NGX_DECLINED) {
        w->hopeless = 1;
    }

    if (rc == NGX_OK && !w->hopeless) {
        w->known = 1;
        w->loaded_at = ngx_current_msec;
    }

    return w->known;
}


static bool
whole_name(void *ctx, gh_str_t name)
{
    ngx_gatehouse_records_whole_t *w = ctx;

    return whole_add(w, gh_store_name_hash(w->kind, name));
}


ngx_uint_t
ngx_gatehouse_records_whole_has(const ngx_gatehouse_records_whole_t *w,
                                uint64_t hash)
{
    ngx_uint_t i = whole_place(w, hash);

    return i < w->n && w->hashes[i] == hash;
}


/* Where it is or belongs. */

static ngx_uint_t
whole_place(const ngx_gatehouse_records_whole_t *w, uint64_t hash)
{
    ngx_uint_t from = 0, to = w->n, middle;

    while (from < to) {
        middle = from + (to - from) / 2;

        if (w->hashes[middle] < hash) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }

    return from;
}


/* 0: no room for it. */

static ngx_uint_t
whole_add(ngx_gatehouse_records_whole_t *w, uint64_t hash)
{
    ngx_uint_t i;

    if (w->hashes == NULL) {
        w->hashes =
            ngx_alloc(NGX_GATEHOUSE_RECORDS_WHOLE_MAX * sizeof(uint64_t),
                      ngx_cycle->log);
    }

    i = whole_place(w, hash);

    if (i < w->n && w->hashes[i] == hash) {
        return 1;
    }

    if (w->hashes == NULL || w->n == NGX_GATEHOUSE_RECORDS_WHOLE_MAX) {
        w->known = 0;
        w->hopeless = 1;
        return 0;
    }

    ngx_memmove(&w->hashes[i + 1], &w->hashes[i],
                (w->n - i) * sizeof(uint64_t));
    w->hashes[i] = hash;
    w->n++;

    return 1;
}


void
ngx_gatehouse_records_whole_follow(ngx_gatehouse_records_whole_t *w,
                                   const gh_store_change_t *line)
{
    if (line == NULL) {
        w->known = 0;
        w->hopeless = 0;

    } else if (w->known && line->kind == w->kind) {
        (void) whole_add(w, line->name_hash);
    }
}


void
ngx_gatehouse_records_whole_free(ngx_gatehouse_records_whole_t *w)
{
    if (w->hashes != NULL) {
        ngx_free(w->hashes);
        w->hashes = NULL;
    }
}
