/*
 * The names a policy set may use, taken from the configuration.
 */

#include "ngx_gatehouse_policies_names.h"

#include "gh_bytes.h"

#define NAMES_TEXT 300 /* bytes of a list in a message */


static ngx_int_t names_sort(ngx_pool_t *pool, const ngx_array_t *array,
                            ngx_gatehouse_names_t *out);
static ngx_int_t names_text(ngx_pool_t *pool, ngx_gatehouse_names_t *out);
static int compare_names(const void *a, const void *b);
static bool names_have(const ngx_gatehouse_names_t *names, gh_str_t name);
static bool upstream_known(void *ctx, gh_str_t name);
static bool issuer_known(void *ctx, gh_str_t name);
static void names_hash(const ngx_gatehouse_names_t *names,
                       uint8_t hash[GH_SHA256_LEN]);
static char *nul_terminated(ngx_pool_t *pool, const ngx_str_t *s);


ngx_int_t
ngx_gatehouse_policies_build_conf(ngx_pool_t *pool,
                                  const ngx_gatehouse_policies_conf_t *pc,
                                  ngx_gatehouse_policies_names_t *names,
                                  gh_policy_build_conf_t *out)
{
    ngx_memzero(out, sizeof(gh_policy_build_conf_t));
    ngx_memzero(names, sizeof(ngx_gatehouse_policies_names_t));

    out->directory = nul_terminated(pool, &pc->directory);
    out->state = nul_terminated(pool, &pc->state);

    if (out->directory == NULL || out->state == NULL
        || names_sort(pool, pc->upstreams, &names->upstreams) != NGX_OK
        || names_sort(pool, pc->issuers, &names->issuers) != NGX_OK)
    {
        return NGX_ERROR;
    }

    out->names.ctx = names;
    out->names.upstream_known = upstream_known;
    out->names.upstreams_text = names->upstreams.text;
    out->names.issuer_known = issuer_known;
    out->names.issuers_text = names->issuers.text;

    names_hash(&names->upstreams, out->names_hash);
    names_hash(&names->issuers, out->names_hash);

    return NGX_OK;
}


static char *
nul_terminated(ngx_pool_t *pool, const ngx_str_t *s)
{
    char *copy;

    copy = ngx_pnalloc(pool, s->len + 1);
    if (copy != NULL) {
        ngx_memcpy(copy, s->data, s->len);
        copy[s->len] = '\0';
    }

    return copy;
}


static ngx_int_t
names_sort(ngx_pool_t *pool, const ngx_array_t *array,
           ngx_gatehouse_names_t *out)
{
    if (array != NULL && array->nelts > 0) {
        out->n = array->nelts;

        out->names = ngx_palloc(pool, out->n * sizeof(ngx_str_t));
        if (out->names == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(out->names, array->elts, out->n * sizeof(ngx_str_t));
        ngx_qsort(out->names, out->n, sizeof(ngx_str_t), compare_names);
    }

    return names_text(pool, out);
}


static int
compare_names(const void *a, const void *b)
{
    const ngx_str_t *one = a, *other = b;

    return (int) ngx_memn2cmp(one->data, other->data, one->len, other->len);
}


/* Empty when there are none: the message says so then. */

static ngx_int_t
names_text(ngx_pool_t *pool, ngx_gatehouse_names_t *out)
{
    u_char *p, *last;
    ngx_uint_t i;

    out->text = ngx_pnalloc(pool, NAMES_TEXT);
    if (out->text == NULL) {
        return NGX_ERROR;
    }

    p = (u_char *) out->text;
    last = p + NAMES_TEXT - sizeof(", ...");

    for (i = 0; i < out->n; i++) {
        if (out->names[i].len + 2 > (size_t) (last - p)) {
            p = ngx_sprintf(p, ", ...");
            break;
        }

        p = ngx_sprintf(p, "%s%V", (i == 0) ? "" : ", ", &out->names[i]);
    }

    *p = '\0';

    return NGX_OK;
}


static bool
upstream_known(void *ctx, gh_str_t name)
{
    ngx_gatehouse_policies_names_t *names = ctx;

    return names_have(&names->upstreams, name);
}


static bool
issuer_known(void *ctx, gh_str_t name)
{
    ngx_gatehouse_policies_names_t *names = ctx;

    return names_have(&names->issuers, name);
}


static bool
names_have(const ngx_gatehouse_names_t *names, gh_str_t name)
{
    ngx_int_t order;
    ngx_uint_t low = 0, high = names->n, middle;
    const ngx_str_t *candidate;

    while (low < high) {
        middle = low + (high - low) / 2;
        candidate = &names->names[middle];

        order = ngx_memn2cmp((u_char *) (uintptr_t) name.data, candidate->data,
                             name.len, candidate->len);
        if (order == 0) {
            return true;
        }

        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return false;
}


/* hash = SHA-256(hash, SHA-256(name)) for each; the count closes the list. */

static void
names_hash(const ngx_gatehouse_names_t *names, uint8_t hash[GH_SHA256_LEN])
{
    uint8_t both[2 * GH_SHA256_LEN];
    gh_str_t more;
    uint64_t n = names->n;
    ngx_uint_t i;

    for (i = 0; i <= names->n; i++) {
        if (i < names->n) {
            more.data = (const char *) names->names[i].data;
            more.len = names->names[i].len;
        } else {
            more.data = (const char *) &n;
            more.len = sizeof(n);
        }

        ngx_memcpy(both, hash, GH_SHA256_LEN);
        gh_sha256(more, both + GH_SHA256_LEN);
        gh_sha256((gh_str_t){ (const char *) both, sizeof(both) }, hash);
    }
}
