/*
 * Names of providers in shared memory, each with a place in the counters.
 * They are added under the mutex and never go while the zone lives.
 */

#include "ngx_gatehouse_logins.h"


static ngx_uint_t login_find(const ngx_gatehouse_shm_t *shm,
                             const ngx_str_t *provider);


void
ngx_gatehouse_login_count(ngx_shm_zone_t *zone, const ngx_str_t *provider,
                          ngx_gatehouse_login_e result)
{
    ngx_uint_t i, n;
    ngx_slab_pool_t *pool;
    ngx_gatehouse_shm_t *shm;

    shm = ngx_gatehouse_shm(zone);
    i = login_find(shm, provider);

    if (i == NGX_GATEHOUSE_LOGINS_MAX
        && provider->len < NGX_GATEHOUSE_LOGIN_NAME) {
        pool = ngx_gatehouse_shm_pool(zone);

        ngx_shmtx_lock(&pool->mutex);

        i = login_find(shm, provider);
        n = shm->n_logins;

        if (i == NGX_GATEHOUSE_LOGINS_MAX && n < NGX_GATEHOUSE_LOGINS_MAX) {
            ngx_memzero(shm->login_names[n], NGX_GATEHOUSE_LOGIN_NAME);
            ngx_memcpy(shm->login_names[n], provider->data, provider->len);
            ngx_memory_barrier();
            shm->n_logins = n + 1;
            i = n;
        }

        ngx_shmtx_unlock(&pool->mutex);
    }

    if (i < NGX_GATEHOUSE_LOGINS_MAX) {
        ngx_gatehouse_counters(shm)->logins[i][result]++;
    }
}


ngx_int_t
ngx_gatehouse_login_name(const ngx_gatehouse_shm_t *shm, ngx_uint_t i,
                         gh_str_t *name)
{
    if (i >= shm->n_logins || i >= NGX_GATEHOUSE_LOGINS_MAX) {
        return NGX_DECLINED;
    }

    *name = gh_str(shm->login_names[i]);

    return NGX_OK;
}


static ngx_uint_t
login_find(const ngx_gatehouse_shm_t *shm, const ngx_str_t *provider)
{
    ngx_uint_t i;
    gh_str_t name, wanted;

    wanted.data = (const char *) provider->data;
    wanted.len = provider->len;

    for (i = 0; ngx_gatehouse_login_name(shm, i, &name) == NGX_OK; i++) {
        if (gh_str_eq(name, wanted)) {
            return i;
        }
    }

    return NGX_GATEHOUSE_LOGINS_MAX;
}
