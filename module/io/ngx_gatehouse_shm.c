/*
 * The shared memory of one node. The zone is cut up once, when it is made:
 * limit cells, counting slots, series, and the slab's free rest for key
 * sets. After that nothing is allocated on a request's way.
 */

#include "ngx_gatehouse_shm.h"

#include <openssl/rand.h>
#include <signal.h>

#if (NGX_PTR_SIZE != 8)
#error "Gatehouse needs a platform of 64 bits: claims are one atomic word"
#endif

#define SHM_LAYOUT UINT64_C(0x4748534800000001) /* "GHSH", layout */

/* Shares of the zone in hundredths; what is left stays with the slab. */
#define SHM_RATES 40
#define SHM_QUOTAS 15
#define SHM_SEEN 5
#define SHM_SERIES 20
#define SHM_REPLAY 6

#define SHM_SLOTS_MIN 8
#define SHM_SERIES_PROBE 128

#define CLAIM_BITS 42 /* ms since boot; above it the pid */
#define CLAIM_MASK ((UINT64_C(1) << CLAIM_BITS) - 1)


static ngx_int_t shm_init(ngx_shm_zone_t *zone, void *old);
static uint64_t shm_magic(void);
static ngx_int_t shm_build(ngx_shm_zone_t *zone, ngx_gatehouse_shm_t *shm);
static ngx_uint_t shm_slots(ngx_cycle_t *cycle);
static void *shm_array(ngx_shm_zone_t *zone, size_t n, size_t size);
static gh_cells_t *shm_cells(ngx_shm_zone_t *zone, size_t bytes);
static size_t shm_fitting(size_t bytes, size_t smallest,
                          size_t (*size)(size_t n));
static gh_replay_t *shm_replay(ngx_shm_zone_t *zone, gh_sipkey_t *sip,
                               size_t bytes);
static void shm_lock(void *ctx);
static void shm_unlock(void *ctx);

static ngx_uint_t claim_holds(uint64_t word);
static uint64_t claim_now(void);
static ngx_uint_t process_is_gone(ngx_pid_t pid);
static ngx_uint_t slot_of_caller(ngx_gatehouse_shm_t *shm);
static void add_words(uint64_t *to, const uint64_t *from, size_t size);

static ngx_uint_t series_find(ngx_gatehouse_shm_t *shm, gh_str_t service,
                              gh_str_t version, gh_str_t deployment,
                              ngx_uint_t *room);
static ngx_uint_t series_is(const ngx_gatehouse_series_name_t *name,
                            gh_str_t service, gh_str_t version,
                            gh_str_t deployment);


ngx_shm_zone_t *
ngx_gatehouse_shm_add(ngx_conf_t *cf, size_t bytes, void *tag)
{
    ngx_str_t name = ngx_string("gatehouse");
    ngx_shm_zone_t *zone;

    if (bytes < NGX_GATEHOUSE_SHM_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "gatehouse_memory is too small: %uzk; at least "
                           "%uik are needed, 32m is the default",
                           bytes / 1024, NGX_GATEHOUSE_SHM_MIN / 1024);
        return NULL;
    }

    zone = ngx_shared_memory_add(cf, &name, bytes, tag);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = shm_init;
    zone->data = cf->cycle; /* until it is made: how many workers */

    return zone;
}


ngx_gatehouse_shm_t *
ngx_gatehouse_shm(ngx_shm_zone_t *zone)
{
    return zone->data;
}


ngx_slab_pool_t *
ngx_gatehouse_shm_pool(ngx_shm_zone_t *zone)
{
    return (ngx_slab_pool_t *) zone->shm.addr;
}


gh_lock_t
ngx_gatehouse_shm_lock(ngx_shm_zone_t *zone)
{
    gh_lock_t lock;

    lock.lock = shm_lock;
    lock.unlock = shm_unlock;
    lock.ctx = &ngx_gatehouse_shm_pool(zone)->mutex;

    return lock;
}


static void
shm_lock(void *ctx)
{
    ngx_shmtx_lock(ctx);
}


static void
shm_unlock(void *ctx)
{
    ngx_shmtx_unlock(ctx);
}


/* `old` is the same zone in the cycle before: same size, same module. */

static ngx_int_t
shm_init(ngx_shm_zone_t *zone, void *old)
{
    ngx_slab_pool_t *pool = ngx_gatehouse_shm_pool(zone);
    ngx_gatehouse_shm_t *shm;

    shm = (old != NULL || zone->shm.exists) ? pool->data : NULL;

    if (shm != NULL) {
        if (shm->magic != shm_magic()) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "the shared memory \"%V\" has another layout; "
                          "stop nginx and start it again",
                          &zone->shm.name);
            return NGX_ERROR;
        }

        zone->data = shm;
        return NGX_OK;
    }

    shm = ngx_slab_calloc(pool, sizeof(ngx_gatehouse_shm_t));

    if (shm == NULL || shm_build(zone, shm) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "could not lay out the shared memory \"%V\"; raise "
                      "gatehouse_memory",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    pool->data = shm;
    zone->data = shm;

    return NGX_OK;
}


/* The layout's number and the sizes that make it. */

static uint64_t
shm_magic(void)
{
    return SHM_LAYOUT ^ (sizeof(ngx_gatehouse_shm_t) << 4)
           ^ (sizeof(ngx_gatehouse_counters_t) << 12)
           ^ (sizeof(gh_series_t) << 20);
}


static ngx_int_t
shm_build(ngx_shm_zone_t *zone, ngx_gatehouse_shm_t *shm)
{
    size_t hundredth = zone->shm.size / 100, per_series;
    uint64_t node;

    if (RAND_bytes((u_char *) &shm->sip, sizeof(gh_sipkey_t)) != 1
        || RAND_bytes((u_char *) &node, sizeof(node)) != 1)
    {
        return NGX_ERROR;
    }

    ngx_sprintf((u_char *) shm->node.id, "%016xL%Z", node);

    shm->slots = shm_slots(zone->data);

    per_series =
        shm->slots * sizeof(gh_series_t) + sizeof(ngx_gatehouse_series_name_t);
    shm->series_max = hundredth * SHM_SERIES / per_series;

    shm->rates = shm_cells(zone, hundredth * SHM_RATES);
    shm->quotas = shm_cells(zone, hundredth * SHM_QUOTAS);
    shm->seen = shm_cells(zone, hundredth * SHM_SEEN);
    shm->replay = shm_replay(zone, &shm->sip, hundredth * SHM_REPLAY);
    shm->counters =
        shm_array(zone, shm->slots, sizeof(ngx_gatehouse_counters_t));
    shm->progress =
        shm_array(zone, shm->slots, sizeof(ngx_gatehouse_progress_t));
    shm->series =
        shm_array(zone, shm->slots * shm->series_max, sizeof(gh_series_t));
    shm->series_names =
        shm_array(zone, shm->series_max, sizeof(ngx_gatehouse_series_name_t));

    if (shm->rates == NULL || shm->quotas == NULL || shm->seen == NULL
        || shm->counters == NULL || shm->progress == NULL
        || shm->series == NULL || shm->series_names == NULL
        || shm->replay == NULL)
    {
        return NGX_ERROR;
    }

    shm->series_names[NGX_GATEHOUSE_SERIES_NONE].used = 1;
    shm->series_names[NGX_GATEHOUSE_SERIES_REST].used = 1;
    shm->magic = shm_magic();

    /* from here on the slab serves key sets; a full one is said there */
    ngx_gatehouse_shm_pool(zone)->log_nomem = 0;

    return NGX_OK;
}


/* Two per worker, for the overlap of old and new ones during a reload. */

static ngx_uint_t
shm_slots(ngx_cycle_t *cycle)
{
    ngx_uint_t slots;
    ngx_core_conf_t *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    slots = 2 * (ngx_uint_t) ngx_max(ccf->worker_processes, ngx_ncpu);

    return ngx_min(ngx_max(slots, SHM_SLOTS_MIN), NGX_GATEHOUSE_SLOTS_MAX);
}


/* Zeroed now: pages are there before anyone needs them. */

static void *
shm_array(ngx_shm_zone_t *zone, size_t n, size_t size)
{
    return ngx_slab_calloc(ngx_gatehouse_shm_pool(zone), n * size);
}


static gh_cells_t *
shm_cells(ngx_shm_zone_t *zone, size_t bytes)
{
    void *memory;
    size_t n = shm_fitting(bytes, sizeof(uint64_t), gh_cells_size);

    memory = shm_array(zone, 1, gh_cells_size(n));

    return (memory != NULL) ? gh_cells_init(memory, n) : NULL;
}


/* The most elements that so many bytes hold. */

static size_t
shm_fitting(size_t bytes, size_t smallest, size_t (*size)(size_t n))
{
    size_t low = 1, high = bytes / smallest, middle;

    while (low + 1 < high) {
        middle = low + (high - low) / 2;

        if (size(middle) <= bytes) {
            low = middle;
        } else {
            high = middle;
        }
    }

    return low;
}


static gh_replay_t *
shm_replay(ngx_shm_zone_t *zone, gh_sipkey_t *sip, size_t bytes)
{
    void *memory;
    size_t n = shm_fitting(bytes, 2 * sizeof(uint64_t), gh_replay_size);

    memory = shm_array(zone, 1, gh_replay_size(n));

    return (memory != NULL) ? gh_replay_init(memory, n, sip, ngx_time())
                            : NULL;
}


ngx_int_t
ngx_gatehouse_claim(ngx_gatehouse_claim_t *claim, ngx_msec_t span)
{
    uint64_t word = claim->word, mine;

    if (claim_holds(word) && word >> CLAIM_BITS != (uint64_t) ngx_pid) {
        return NGX_BUSY;
    }

    mine = (uint64_t) ngx_pid << CLAIM_BITS;
    mine |= (claim_now() + span) & CLAIM_MASK;

    return ngx_atomic_cmp_set(&claim->word, word, mine) ? NGX_OK : NGX_BUSY;
}


ngx_uint_t
ngx_gatehouse_claimed(const ngx_gatehouse_claim_t *claim)
{
    return claim_holds(claim->word);
}


static ngx_uint_t
claim_holds(uint64_t word)
{
    return word != 0 && (word & CLAIM_MASK) > claim_now()
           && !process_is_gone((ngx_pid_t) (word >> CLAIM_BITS));
}


void
ngx_gatehouse_claim_release(ngx_gatehouse_claim_t *claim)
{
    uint64_t word = claim->word;

    if (word >> CLAIM_BITS == (uint64_t) ngx_pid) {
        (void) ngx_atomic_cmp_set(&claim->word, word, 0);
    }
}


static uint64_t
claim_now(void)
{
    return ngx_gatehouse_monotonic_ns() / 1000000;
}


static ngx_uint_t
process_is_gone(ngx_pid_t pid)
{
    return kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


/*
 * Its own slot is where it looks first nearly always. When all slots belong
 * to live processes (many old workers linger) two share one, and an add may
 * be lost.
 */

static ngx_uint_t
slot_of_caller(ngx_gatehouse_shm_t *shm)
{
    ngx_uint_t i, slot, first = ngx_worker % shm->slots;
    ngx_atomic_uint_t owner, pid = (ngx_atomic_uint_t) ngx_pid;

    for (i = 0; i < shm->slots; i++) {
        slot = (first + i) % shm->slots;

        if (shm->owners[slot] == pid) {
            return slot;
        }
    }

    for (i = 0; i < shm->slots; i++) {
        slot = (first + i) % shm->slots;
        owner = shm->owners[slot];

        if ((owner == 0 || process_is_gone((ngx_pid_t) owner))
            && ngx_atomic_cmp_set(&shm->owners[slot], owner, pid))
        {
            return slot;
        }
    }

    return first;
}


ngx_gatehouse_counters_t *
ngx_gatehouse_counters(ngx_gatehouse_shm_t *shm)
{
    return &shm->counters[slot_of_caller(shm)];
}


void
ngx_gatehouse_counters_sum(const ngx_gatehouse_shm_t *shm,
                           ngx_gatehouse_counters_t *out)
{
    ngx_uint_t slot;

    ngx_memzero(out, sizeof(ngx_gatehouse_counters_t));

    for (slot = 0; slot < shm->slots; slot++) {
        add_words((uint64_t *) out, (const uint64_t *) &shm->counters[slot],
                  sizeof(ngx_gatehouse_counters_t));
    }
}


ngx_gatehouse_progress_t *
ngx_gatehouse_progress(ngx_gatehouse_shm_t *shm)
{
    return &shm->progress[slot_of_caller(shm)];
}


ngx_int_t
ngx_gatehouse_progress_of(const ngx_gatehouse_shm_t *shm, ngx_uint_t slot,
                          ngx_pid_t *pid, ngx_gatehouse_progress_t *out)
{
    *pid = (ngx_pid_t) shm->owners[slot];
    out->sequence = shm->progress[slot].sequence;
    out->generation = shm->progress[slot].generation;

    return (*pid == 0 || (out->sequence == 0 && out->generation == 0)
            || process_is_gone(*pid))
               ? NGX_DECLINED
               : NGX_OK;
}


/* Counters and series consist of nothing but 64-bit words. */

static void
add_words(uint64_t *to, const uint64_t *from, size_t size)
{
    size_t i, n = size / sizeof(uint64_t);
    const volatile uint64_t *word = from;

    for (i = 0; i < n; i++) {
        to[i] += word[i];
    }
}


ngx_uint_t
ngx_gatehouse_series_index(ngx_shm_zone_t *zone, gh_str_t service,
                           gh_str_t version, gh_str_t deployment)
{
    u_char *p;
    ngx_uint_t i, room;
    ngx_slab_pool_t *pool = ngx_gatehouse_shm_pool(zone);
    ngx_gatehouse_shm_t *shm = ngx_gatehouse_shm(zone);
    ngx_gatehouse_series_name_t *name;

    if (service.len + version.len + deployment.len > NGX_GATEHOUSE_SERIES_NAME)
    {
        return NGX_GATEHOUSE_SERIES_REST;
    }

    i = series_find(shm, service, version, deployment, &room);
    if (i != NGX_GATEHOUSE_SERIES_REST || room == NGX_GATEHOUSE_SERIES_REST) {
        return i;
    }

    ngx_shmtx_lock(&pool->mutex);

    i = series_find(shm, service, version, deployment, &room);

    if (i == NGX_GATEHOUSE_SERIES_REST && room != i) {
        name = &shm->series_names[room];
        name->service_len = (u_short) service.len;
        name->version_len = (u_short) version.len;
        name->deployment_len = (u_short) deployment.len;

        p = ngx_cpymem(name->name, service.data, service.len);
        p = ngx_cpymem(p, version.data, version.len);
        ngx_memcpy(p, deployment.data, deployment.len);

        ngx_memory_barrier();
        name->used = 1;
        i = room;
    }

    ngx_shmtx_unlock(&pool->mutex);

    return i;
}


/*
 * The series of that name, or the rest; then *room is where it may be made,
 * or the rest when there is none. Names are never removed, so a free place
 * ends the search.
 */

static ngx_uint_t
series_find(ngx_gatehouse_shm_t *shm, gh_str_t service, gh_str_t version,
            gh_str_t deployment, ngx_uint_t *room)
{
    uint64_t h;
    ngx_uint_t i, n, max = shm->series_max - 2;
    ngx_gatehouse_series_name_t *name;

    h = gh_siphash(&shm->sip, service);
    h = h * 31 + gh_siphash(&shm->sip, version);
    h = h * 31 + gh_siphash(&shm->sip, deployment);

    *room = NGX_GATEHOUSE_SERIES_REST;

    for (n = 0; n < SHM_SERIES_PROBE && n < max; n++) {
        i = 2 + (h + n) % max;
        name = &shm->series_names[i];

        if (!name->used) {
            *room = i;
            break;
        }

        ngx_memory_barrier();

        if (series_is(name, service, version, deployment)) {
            return i;
        }
    }

    return NGX_GATEHOUSE_SERIES_REST;
}


static ngx_uint_t
series_is(const ngx_gatehouse_series_name_t *name, gh_str_t service,
          gh_str_t version, gh_str_t deployment)
{
    const char *p = name->name;

    if (name->service_len != service.len || name->version_len != version.len
        || name->deployment_len != deployment.len)
    {
        return 0;
    }

    return ngx_memcmp(p, service.data, service.len) == 0
           && ngx_memcmp(p + service.len, version.data, version.len) == 0
           && ngx_memcmp(p + service.len + version.len, deployment.data,
                         deployment.len)
                  == 0;
}


gh_series_t *
ngx_gatehouse_series(ngx_gatehouse_shm_t *shm, ngx_uint_t series)
{
    if (series >= shm->series_max) {
        series = NGX_GATEHOUSE_SERIES_REST;
    }

    return &shm->series[slot_of_caller(shm) * shm->series_max + series];
}


ngx_int_t
ngx_gatehouse_series_name(const ngx_gatehouse_shm_t *shm, ngx_uint_t series,
                          gh_str_t *service, gh_str_t *version,
                          gh_str_t *deployment)
{
    const ngx_gatehouse_series_name_t *name;

    if (series >= shm->series_max || !shm->series_names[series].used) {
        return NGX_DECLINED;
    }

    ngx_memory_barrier();

    name = &shm->series_names[series];

    service->data = name->name;
    service->len = name->service_len;
    version->data = service->data + service->len;
    version->len = name->version_len;
    deployment->data = version->data + version->len;
    deployment->len = name->deployment_len;

    return NGX_OK;
}


void
ngx_gatehouse_series_sum(const ngx_gatehouse_shm_t *shm, ngx_uint_t series,
                         gh_series_t *out)
{
    ngx_uint_t slot;
    const gh_series_t *s;

    ngx_memzero(out, sizeof(gh_series_t));

    if (series >= shm->series_max) {
        return;
    }

    for (slot = 0; slot < shm->slots; slot++) {
        s = &shm->series[slot * shm->series_max + series];
        add_words((uint64_t *) out, (const uint64_t *) s, sizeof(gh_series_t));
    }
}


void
ngx_gatehouse_degraded(ngx_gatehouse_shm_t *shm, ngx_gatehouse_degraded_t what,
                       ngx_uint_t on)
{
    ngx_atomic_t *since = &shm->degraded_since[what];

    if (on) {
        (void) ngx_atomic_cmp_set(since, 0, (ngx_atomic_uint_t) ngx_time());
        return;
    }

    if (*since != 0) {
        *since = 0;
    }
}


uint64_t
ngx_gatehouse_monotonic_ns(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * GH_NS_PER_S + (uint64_t) ts.tv_nsec;
}
