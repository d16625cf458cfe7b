/*
 * The watching thread. It owns the builder; what it shares with the rest of
 * the process stands under one mutex.
 */

#include "gh_policy_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MS 200   /* between two looks when all is quiet */
#define LOOK_FAST 50  /* when something changed a moment ago */
#define LOOK_SHARE 20 /* a look takes at most one part in 20 of the time */
#define RETRY_MS 5000 /* after the state directory refused an image */
#define KEEP_AFTER 16 /* times what is quiet before what was read is kept */
#define MS_TO_NS 1000000
#define MS_PER_S 1000


struct gh_policy_watch_s {
    gh_policy_watch_conf_t conf;
    gh_policy_build_t *builder; /* the thread's */
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    atomic_bool stop;
    bool rebuild; /* under the mutex, as what follows */
    bool news;
    gh_policy_result_t result;

    /* the thread's: times in ms of the monotonic clock */
    bool pending;
    uint64_t changed_at, retry_at;
    uint64_t keep_at; /* 0: not */
    gh_policy_result_t made;
};


static gh_rc_t start_thread(gh_policy_watch_t *w);
static bool init_waiting(gh_policy_watch_t *w);
static void *watch(void *data);
static void begin(gh_policy_watch_t *w);
static uint64_t look(gh_policy_watch_t *w);
static void attempt(gh_policy_watch_t *w);
static void keep_later(gh_policy_watch_t *w);
static void keep(gh_policy_watch_t *w);
static void tell(gh_policy_watch_t *w, gh_rc_t rc);
static bool pause_for(gh_policy_watch_t *w, uint64_t ms);
static bool is_stopped(void *ctx);
static uint64_t now_ms(void);


gh_rc_t
gh_policy_watch_start(const gh_policy_watch_conf_t *conf,
                      gh_policy_watch_t **out)
{
    gh_policy_watch_t *w;
    gh_policy_build_conf_t build = conf->build;

    w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return GH_NOMEM;
    }

    w->conf = *conf;
    atomic_init(&w->stop, false);
    build.stopped = is_stopped;
    build.ctx = w;

    if (gh_policy_build_create(&build, &w->builder) != GH_OK) {
        free(w);
        return GH_NOMEM;
    }

    if (start_thread(w) != GH_OK) {
        gh_policy_build_destroy(w->builder);
        free(w);
        return GH_NOMEM;
    }

    *out = w;

    return GH_OK;
}


/* Signals are the event loop's business: the thread takes none. */

static gh_rc_t
start_thread(gh_policy_watch_t *w)
{
    int failed;
    sigset_t all, before;

    if (!init_waiting(w)) {
        return GH_NOMEM;
    }

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&w->thread, NULL, watch, w);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (failed) {
        (void) pthread_cond_destroy(&w->wake);
        (void) pthread_mutex_destroy(&w->mutex);
        return GH_NOMEM;
    }

    return GH_OK;
}


static bool
init_waiting(gh_policy_watch_t *w)
{
    bool done;
    pthread_condattr_t attr;

    if (pthread_mutex_init(&w->mutex, NULL) != 0) {
        return false;
    }

    if (pthread_condattr_init(&attr) != 0) {
        (void) pthread_mutex_destroy(&w->mutex);
        return false;
    }

    done = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0
           && pthread_cond_init(&w->wake, &attr) == 0;

    (void) pthread_condattr_destroy(&attr);

    if (!done) {
        (void) pthread_mutex_destroy(&w->mutex);
    }

    return done;
}


void
gh_policy_watch_stop(gh_policy_watch_t *w)
{
    if (w == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&w->mutex);
    atomic_store(&w->stop, true);
    (void) pthread_cond_signal(&w->wake);
    (void) pthread_mutex_unlock(&w->mutex);

    (void) pthread_join(w->thread, NULL);

    (void) pthread_cond_destroy(&w->wake);
    (void) pthread_mutex_destroy(&w->mutex);
    gh_policy_build_destroy(w->builder);
    free(w);
}


bool
gh_policy_watch_result(gh_policy_watch_t *w, gh_policy_result_t *out)
{
    bool news;

    (void) pthread_mutex_lock(&w->mutex);

    news = w->news;
    if (news) {
        *out = w->result;
        w->news = false;
    }

    (void) pthread_mutex_unlock(&w->mutex);

    return news;
}


void
gh_policy_watch_rebuild(gh_policy_watch_t *w)
{
    (void) pthread_mutex_lock(&w->mutex);
    w->rebuild = true;
    (void) pthread_cond_signal(&w->wake);
    (void) pthread_mutex_unlock(&w->mutex);
}


static void *
watch(void *data)
{
    uint64_t pause = 0;
    gh_policy_watch_t *w = data;

    begin(w);

    while (pause_for(w, pause)) {
        pause = look(w);

        if (!w->pending) {
            keep(w);
            continue;
        }

        if (now_ms() < w->retry_at) {
            continue;
        }

        if (now_ms() >= w->changed_at + w->conf.quiet_ms) {
            attempt(w);

        } else {
            pause = LOOK_FAST;
        }
    }

    return NULL;
}


/* At a start nothing is waited for: the set was checked a moment ago. What is
 * not kept is read, so that the first change costs no more than those after
 * it. */

static void
begin(gh_policy_watch_t *w)
{
    if (gh_policy_build_is_current(w->builder, false, NULL)) {
        gh_policy_build_renew_note(w->builder);
        tell(w, GH_ABSENT);
        gh_policy_build_warm(w->builder, &w->made.report);
        gh_policy_build_rest(w->builder);
        keep_later(w);
        return;
    }

    (void) gh_policy_build_look(w->builder);
    attempt(w);
}


/* For how long to pause now. */

static uint64_t
look(gh_policy_watch_t *w)
{
    bool rebuild;
    uint64_t before = now_ms(), took;

    if (gh_policy_build_look(w->builder)) {
        w->pending = true;
        w->changed_at = before;
        w->retry_at = 0;
    }

    (void) pthread_mutex_lock(&w->mutex);
    rebuild = w->rebuild;
    w->rebuild = false;
    (void) pthread_mutex_unlock(&w->mutex);

    if (rebuild && !w->pending) {
        w->pending = true;
        w->changed_at = 0;
    }

    took = now_ms() - before;

    return (took * LOOK_SHARE > LOOK_MS) ? took * LOOK_SHARE : LOOK_MS;
}


static void
attempt(gh_policy_watch_t *w)
{
    gh_rc_t rc;

    rc = gh_policy_build_publish(w->builder, w->conf.in_force(w->conf.ctx),
                                 &w->made.report);

    if (is_stopped(w)) {
        return;
    }

    switch (rc) {

    case GH_CONFLICT:
        w->pending = true;
        w->changed_at = now_ms();
        return;

    case GH_AGAIN:
        w->pending = true;
        w->retry_at = now_ms() + LOOK_MS;
        return;

    case GH_OK:
        w->pending = false;
        w->conf.published(w->conf.ctx, w->made.report.generation);
        keep_later(w);
        break;

    case GH_INVALID:
        w->pending = false;
        break;

    default: /* no room, no memory: that may pass */
        w->pending = true;
        w->retry_at = now_ms() + RETRY_MS;
        break;
    }

    tell(w, rc);
    gh_policy_build_rest(w->builder);
}


/* It is as large as the image, so changes that come one after another are
 * kept together. */

static void
keep_later(gh_policy_watch_t *w)
{
    w->keep_at = now_ms() + (uint64_t) w->conf.quiet_ms * KEEP_AFTER;
}


static void
keep(gh_policy_watch_t *w)
{
    if (w->keep_at == 0 || now_ms() < w->keep_at) {
        return;
    }

    w->keep_at = 0;

    if (gh_policy_build_keep(w->builder) == GH_AGAIN) {
        keep_later(w);
    }

    gh_policy_build_rest(w->builder);
}


static void
tell(gh_policy_watch_t *w, gh_rc_t rc)
{
    w->made.rc = rc;

    if (w->conf.judged != NULL) {
        w->conf.judged(w->conf.ctx);
    }

    (void) pthread_mutex_lock(&w->mutex);
    w->result = w->made;
    w->news = true;
    (void) pthread_mutex_unlock(&w->mutex);
}


/* False: stop. */

static bool
pause_for(gh_policy_watch_t *w, uint64_t ms)
{
    uint64_t at = (now_ms() + ms) * MS_TO_NS;
    struct timespec until;

    until.tv_sec = (time_t) (at / GH_NS_PER_S);
    until.tv_nsec = (long) (at % GH_NS_PER_S);

    (void) pthread_mutex_lock(&w->mutex);

    while (!atomic_load(&w->stop) && !w->rebuild
           && pthread_cond_timedwait(&w->wake, &w->mutex, &until) == 0)
    {
        /* woken for one of the two, or for nothing */
    }

    (void) pthread_mutex_unlock(&w->mutex);

    return !atomic_load(&w->stop);
}


static bool
is_stopped(void *ctx)
{
    gh_policy_watch_t *w = ctx;

    return atomic_load_explicit(&w->stop, memory_order_relaxed);
}


static uint64_t
now_ms(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * MS_PER_S + (uint64_t) ts.tv_nsec / MS_TO_NS;
}
