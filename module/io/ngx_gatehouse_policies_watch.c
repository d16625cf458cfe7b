/*
 * The claim on watching, and its results. The thread itself publishes: it
 * moves the serial as soon as the file has its name, so that no worker waits
 * for another one's event loop.
 */

#include "ngx_gatehouse_policies_watch.h"


/* Much longer than a stall of the loop, short enough for a stopped worker. */
#define WATCH_CLAIM_MS 5000


struct ngx_gatehouse_policies_watch_s {
    ngx_log_t *log;
    ngx_shm_zone_t *zone;
    ngx_gatehouse_shm_t *shm;
    gh_policy_watch_conf_t conf;

    gh_policy_watch_t *thread; /* NULL: another worker watches */
    gh_policy_result_t *result;
    char *said;        /* the last trouble, to say it once */
    ngx_uint_t failed; /* unsigned  failed:1; */
};


static uint64_t watch_in_force(void *ctx);
static void watch_published(void *ctx, uint64_t generation);
static void watch_judged(void *ctx);
static void watch_claim(ngx_gatehouse_policies_watch_t *w);
static void watch_give_up(ngx_gatehouse_policies_watch_t *w);
static void watch_report(ngx_gatehouse_policies_watch_t *w);
static void watch_valid(ngx_gatehouse_policies_watch_t *w);
static void watch_refused(ngx_gatehouse_policies_watch_t *w);
static void watch_trouble(ngx_gatehouse_policies_watch_t *w, const char *why);
static void watch_say(ngx_gatehouse_policies_watch_t *w, ngx_uint_t invalid,
                      const gh_buf_t *text);


ngx_gatehouse_policies_watch_t *
ngx_gatehouse_policies_watch_create(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
                                    const gh_policy_build_conf_t *build,
                                    ngx_msec_t quiet)
{
    ngx_gatehouse_policies_watch_t *w;

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_gatehouse_policies_watch_t));
    if (w == NULL) {
        return NULL;
    }

    w->result = ngx_palloc(cycle->pool, sizeof(gh_policy_result_t));
    w->said = ngx_pcalloc(cycle->pool, GH_IMAGE_WHY_MAX);

    if (w->result == NULL || w->said == NULL) {
        return NULL;
    }

    w->log = cycle->log;
    w->zone = zone;
    w->shm = ngx_gatehouse_shm(zone);

    w->conf.build = *build;
    w->conf.quiet_ms = (unsigned) quiet;
    w->conf.in_force = watch_in_force;
    w->conf.published = watch_published;
    w->conf.judged = watch_judged;
    w->conf.ctx = w->shm;

    return w;
}


/* On the thread: plain words in shared memory, nothing of nginx. */

static uint64_t
watch_in_force(void *ctx)
{
    ngx_gatehouse_shm_t *shm = ctx;

    return shm->policy_generation;
}


static void
watch_published(void *ctx, uint64_t generation)
{
    ngx_gatehouse_shm_t *shm = ctx;

    shm->policy_generation = generation;
    shm->policy_applied_at_s = (int64_t) time(NULL);
    shm->policy_invalid = 0;

    (void) ngx_atomic_fetch_add(&shm->policy_serial, 1); /* a barrier, too */
}


static void
watch_judged(void *ctx)
{
    ngx_gatehouse_shm_t *shm = ctx;

    shm->policy_judged = 1;
}


void
ngx_gatehouse_policies_watch_destroy(ngx_gatehouse_policies_watch_t *w)
{
    watch_give_up(w);
}


void
ngx_gatehouse_policies_watch_tick(ngx_gatehouse_policies_watch_t *w)
{
    if (ngx_exiting || ngx_terminate || ngx_quit) {
        watch_give_up(w);
        return;
    }

    watch_claim(w);

    if (w->thread == NULL) {
        return;
    }

    if (w->shm->policy_wanted
        && ngx_atomic_cmp_set(&w->shm->policy_wanted, 1, 0)) {
        gh_policy_watch_rebuild(w->thread);
    }

    if (gh_policy_watch_result(w->thread, w->result)) {
        watch_report(w);
    }
}


static void
watch_claim(ngx_gatehouse_policies_watch_t *w)
{
    if (ngx_gatehouse_claim(&w->shm->policy_claim, WATCH_CLAIM_MS) != NGX_OK) {
        watch_give_up(w);
        return;
    }

    if (w->thread != NULL) {
        return;
    }

    w->failed = 0;

    if (gh_policy_watch_start(&w->conf, &w->thread) != GH_OK) {
        w->thread = NULL;
        ngx_log_error(NGX_LOG_ERR, w->log, 0,
                      "gatehouse: no thread to watch the policies with");
    }
}


static void
watch_give_up(ngx_gatehouse_policies_watch_t *w)
{
    if (w->thread != NULL) {
        gh_policy_watch_stop(w->thread);
        w->thread = NULL;
        ngx_gatehouse_claim_release(&w->shm->policy_claim);
    }
}


ngx_uint_t
ngx_gatehouse_policies_watch_failed(const ngx_gatehouse_policies_watch_t *w)
{
    return (w->thread != NULL) ? w->failed : w->shm->policy_invalid;
}


static void
watch_report(ngx_gatehouse_policies_watch_t *w)
{
    gh_policy_report_t *report = &w->result->report;

    switch (w->result->rc) {

    case GH_OK:
        ngx_log_error(NGX_LOG_NOTICE, w->log, 0,
                      "gatehouse: generation %uL of the policies is published",
                      report->generation);

        if (report->open_secret[0] != '\0') {
            ngx_log_error(NGX_LOG_WARN, w->log, 0,
                          "gatehouse: the secret \"%s\" can be read by "
                          "everybody on this machine",
                          report->open_secret);
        }

        watch_valid(w);
        break;

    case GH_ABSENT:
        watch_valid(w);
        break;

    case GH_INVALID:
        watch_refused(w);
        break;

    case GH_UNAVAILABLE:
        watch_trouble(w, report->why);
        break;

    default:
        watch_trouble(w, "no memory");
    }
}


static void
watch_valid(ngx_gatehouse_policies_watch_t *w)
{
    w->failed = 0;
    w->said[0] = '\0';

    watch_say(w, 0, NULL);
}


static void
watch_refused(ngx_gatehouse_policies_watch_t *w)
{
    char room[4096];
    size_t i, before;
    gh_buf_t text = GH_BUF(room);
    gh_policy_errors_t *errors = &w->result->report.errors;

    w->failed = 1;

    for (i = 0; i < errors->n; i++) {
        before = text.len;

        if (gh_policy_error_text(&errors->items[i], &text) != GH_OK) {
            break;
        }

        ngx_log_error(NGX_LOG_ERR, w->log, 0,
                      "gatehouse: policies refused: %*s", text.len - before,
                      text.data + before);

        (void) gh_buf_add_char(&text, '\n');
    }

    if (i < errors->n || errors->more > 0) {
        ngx_log_error(NGX_LOG_ERR, w->log, 0,
                      "gatehouse: policies refused: %uz more complaints",
                      errors->n - i + errors->more);
    }

    watch_say(w, 1, &text);
}


/* Tried again every few seconds, said once. */

static void
watch_trouble(ngx_gatehouse_policies_watch_t *w, const char *why)
{
    gh_buf_t text;

    w->failed = 1;

    if (ngx_strcmp(w->said, why) == 0) {
        return;
    }

    (void) ngx_cpystrn((u_char *) w->said, (u_char *) (uintptr_t) why,
                       GH_IMAGE_WHY_MAX);

    ngx_log_error(NGX_LOG_ERR, w->log, 0,
                  "gatehouse: the changed policies are not in force: %s", why);

    text.data = w->said;
    text.len = ngx_strlen(w->said);
    text.cap = GH_IMAGE_WHY_MAX;

    watch_say(w, 1, &text);
}


/* For status and metrics of every worker. */

static void
watch_say(ngx_gatehouse_policies_watch_t *w, ngx_uint_t invalid,
          const gh_buf_t *text)
{
    size_t len = 0;
    ngx_slab_pool_t *pool = ngx_gatehouse_shm_pool(w->zone);

    ngx_shmtx_lock(&pool->mutex);

    if (text != NULL) {
        len = ngx_min(text->len, sizeof(w->shm->policy_error) - 1);
        ngx_memcpy(w->shm->policy_error, text->data, len);
    }

    w->shm->policy_error[len] = '\0';

    ngx_shmtx_unlock(&pool->mutex);

    w->shm->policy_invalid = invalid;
    ngx_gatehouse_degraded(w->shm, NGX_GATEHOUSE_DEGRADED_POLICIES, invalid);
}
