/*
 * The event loop's side of calls to providers. A call belongs to the loop
 * before it is posted and after the thread is done with it; in between the
 * thread reads its inputs and writes into `answer`, and nobody else touches
 * either. The deadline also holds for the handler: a thread that is stuck (a
 * resolver that does not answer) gives its caller up and finishes alone.
 */

#include "ngx_gatehouse_fetch.h"

#include <ngx_thread_pool.h>

#include <openssl/crypto.h>
#include <stdatomic.h>

#include "gh_breaker.h"
#include "ngx_gatehouse_shm.h"

#define FETCH_BODY_MAX 524288
#define FETCH_GRACE_MS 250 /* for the thread to keep its deadline itself */
#define FETCH_HOST_MAX (GH_HOST_MAX + 16)


/* A provider: scheme, host and port. Kept for as long as the worker lives. */
typedef struct {
    ngx_queue_t queue;
    gh_breaker_t breaker;
    ngx_uint_t in_flight;
    ngx_uint_t n_idle;
    gh_caller_t *idle[NGX_GATEHOUSE_FETCH_PER_HOST];
    size_t len;
    char name[FETCH_HOST_MAX];
} fetch_host_t;

struct ngx_gatehouse_fetcher_s {
    ngx_log_t *log;
    ngx_thread_pool_t *pool;
    ngx_queue_t hosts, jobs;
    ngx_uint_t n_hosts, in_flight;
};

/* What the outside sees is the first member. */
typedef struct {
    ngx_gatehouse_fetch_t fetch;
    ngx_gatehouse_fetcher_t *fetcher;
    ngx_queue_t queue; /* of the fetcher's jobs, while under way */
    fetch_host_t *host;

    ngx_thread_task_t task;
    ngx_event_t guard;
    ngx_connection_t dummy; /* for the event's debug log */

    uint64_t until_ns; /* monotonic */
    gh_caller_t *caller;
    gh_call_t call;
    gh_answer_t answer;
    atomic_bool done; /* the thread will not touch it again */

    unsigned running : 1;   /* posted, completion not seen */
    unsigned delivered : 1; /* the handler was called */
    unsigned destroyed : 1; /* by its owner, while running */
} fetch_job_t;


static ngx_int_t fetch_refused(ngx_gatehouse_fetch_t *f, gh_rc_t rc,
                               const char *why);
static fetch_host_t *fetch_host(ngx_gatehouse_fetcher_t *fetcher,
                                const gh_url_t *url);
static ngx_int_t fetch_post(ngx_gatehouse_fetcher_t *fetcher,
                            fetch_job_t *job);
static void fetch_run(void *data, ngx_log_t *log);
static bool fetch_stopped(void *ctx);
static void fetch_done(ngx_event_t *ev);
static void fetch_late(ngx_event_t *ev);
static void fetch_leave(fetch_job_t *job);
static void fetch_deliver(fetch_job_t *job);
static void fetch_free(fetch_job_t *job);
static void fetch_wipe(char *text);
static uint64_t fetch_now_ms(void);


ngx_int_t
ngx_gatehouse_fetch_configure(ngx_conf_t *cf)
{
    return (ngx_thread_pool_add(cf, NULL) != NULL) ? NGX_OK : NGX_ERROR;
}


ngx_gatehouse_fetcher_t *
ngx_gatehouse_fetch_open(ngx_cycle_t *cycle)
{
    ngx_str_t name = ngx_string("default");
    ngx_gatehouse_fetcher_t *fetcher;

    fetcher = ngx_pcalloc(cycle->pool, sizeof(ngx_gatehouse_fetcher_t));
    if (fetcher == NULL) {
        return NULL;
    }

    if (gh_call_begin() != GH_OK) {
        return NULL;
    }

    fetcher->log = cycle->log;
    fetcher->pool = ngx_thread_pool_get(cycle, &name);
    ngx_queue_init(&fetcher->hosts);
    ngx_queue_init(&fetcher->jobs);

    return fetcher;
}


/*
 * nginx ends its thread pools before the modules that come later, so every
 * thread is done. One that is not keeps what it uses.
 */

void
ngx_gatehouse_fetch_close(ngx_gatehouse_fetcher_t *fetcher)
{
    ngx_uint_t alone = 1;
    ngx_queue_t *q;
    fetch_job_t *job;
    fetch_host_t *host;

    if (fetcher == NULL) {
        return;
    }

    while (!ngx_queue_empty(&fetcher->jobs)) {
        q = ngx_queue_head(&fetcher->jobs);
        job = ngx_queue_data(q, fetch_job_t, queue);

        if (!atomic_load(&job->done)) {
            ngx_queue_remove(q);
            alone = 0;
            continue;
        }

        fetch_leave(job);
        fetch_free(job);
    }

    while (!ngx_queue_empty(&fetcher->hosts)) {
        q = ngx_queue_head(&fetcher->hosts);
        ngx_queue_remove(q);
        host = ngx_queue_data(q, fetch_host_t, queue);

        while (host->n_idle > 0) {
            gh_caller_destroy(host->idle[--host->n_idle]);
        }

        ngx_free(host);
    }

    if (alone) {
        gh_call_end();
    }
}


ngx_gatehouse_fetch_t *
ngx_gatehouse_fetch_create(gh_str_t url)
{
    fetch_job_t *job;

    job = ngx_calloc(sizeof(fetch_job_t), ngx_cycle->log);
    if (job == NULL) {
        return NULL;
    }

    atomic_init(&job->done, true);

    job->fetch.url = ngx_gatehouse_fetch_text(url);
    if (job->fetch.url == NULL) {
        ngx_free(job);
        return NULL;
    }

    job->fetch.max_bytes = FETCH_BODY_MAX;
    job->fetch.deadline = NGX_GATEHOUSE_FETCH_TOTAL_MS;

    return &job->fetch;
}


char *
ngx_gatehouse_fetch_text(gh_str_t s)
{
    char *text;

    text = ngx_alloc(s.len + 1, ngx_cycle->log);
    if (text != NULL) {
        ngx_memcpy(text, s.data, s.len);
        text[s.len] = '\0';
    }

    return text;
}


ngx_int_t
ngx_gatehouse_fetch_start(ngx_gatehouse_fetcher_t *fetcher,
                          ngx_gatehouse_fetch_t *f)
{
    gh_url_t url;
    const char *why = "";
    fetch_job_t *job = (fetch_job_t *) f;

    job->fetcher = fetcher;

    job->call.url = f->url;
    job->call.post = f->post;
    job->call.accept = f->accept;
    job->call.authorization = f->authorization;
    job->call.ca_file = f->ca_file;
    job->call.max_bytes = f->max_bytes;
    job->call.loopback_http = f->allow_loopback_http;
    job->call.stopped = fetch_stopped;

    if (gh_call_check(&job->call, &url, &why) != GH_OK) {
        return fetch_refused(f, GH_INVALID, why);
    }

    job->host = fetch_host(fetcher, &url);

    if (job->host == NULL) {
        return fetch_refused(f, GH_UNAVAILABLE, "no memory");
    }

    if (fetcher->in_flight >= NGX_GATEHOUSE_FETCH_IN_FLIGHT
        || job->host->in_flight >= NGX_GATEHOUSE_FETCH_PER_HOST)
    {
        return fetch_refused(f, GH_FULL, "too many calls are under way");
    }

    if (!gh_breaker_admit(&job->host->breaker, fetch_now_ms())) {
        return fetch_refused(f, GH_FULL,
                             "it failed a moment ago and is not asked yet");
    }

    if (fetch_post(fetcher, job) != NGX_OK) {
        gh_breaker_done(&job->host->breaker, false, fetch_now_ms(),
                        (uint64_t) ngx_random());
        return fetch_refused(f, GH_UNAVAILABLE, "no thread for it");
    }

    return NGX_OK;
}


static ngx_int_t
fetch_refused(ngx_gatehouse_fetch_t *f, gh_rc_t rc, const char *why)
{
    f->rc = rc;
    (void) ngx_cpystrn((u_char *) f->why, (u_char *) (uintptr_t) why,
                       sizeof(f->why));

    return (rc == GH_FULL) ? NGX_BUSY : NGX_ERROR;
}


static fetch_host_t *
fetch_host(ngx_gatehouse_fetcher_t *fetcher, const gh_url_t *url)
{
    u_char *p, name[FETCH_HOST_MAX];
    ngx_str_t host;
    ngx_queue_t *q;
    fetch_host_t *h;

    host.data = (u_char *) (uintptr_t) url->host.data;
    host.len = url->host.len;

    p = ngx_snprintf(name, sizeof(name), "%s:%V:%d", url->https ? "s" : "p",
                     &host, (int) url->port);
    ngx_strlow(name, name, (size_t) (p - name));

    for (q = ngx_queue_head(&fetcher->hosts);
         q != ngx_queue_sentinel(&fetcher->hosts); q = ngx_queue_next(q))
    {
        h = ngx_queue_data(q, fetch_host_t, queue);

        if (h->len == (size_t) (p - name)
            && ngx_memcmp(h->name, name, h->len) == 0) {
            return h;
        }
    }

    if (fetcher->n_hosts == NGX_GATEHOUSE_FETCH_HOSTS) {
        return NULL;
    }

    h = ngx_calloc(sizeof(fetch_host_t), fetcher->log);
    if (h != NULL) {
        h->len = (size_t) (p - name);
        ngx_memcpy(h->name, name, h->len);
        ngx_queue_insert_tail(&fetcher->hosts, &h->queue);
        fetcher->n_hosts++;
    }

    return h;
}


static ngx_int_t
fetch_post(ngx_gatehouse_fetcher_t *fetcher, fetch_job_t *job)
{
    fetch_host_t *host = job->host;

    if (fetcher->pool == NULL) {
        return NGX_ERROR;
    }

    job->caller =
        (host->n_idle > 0) ? host->idle[--host->n_idle] : gh_caller_create();
    if (job->caller == NULL) {
        return NGX_ERROR;
    }

    job->until_ns = ngx_gatehouse_monotonic_ns()
                    + (uint64_t) job->fetch.deadline * 1000000;

    job->task.ctx = job;
    job->task.handler = fetch_run;
    job->task.event.data = job;
    job->task.event.handler = fetch_done;
    job->task.event.log = fetcher->log;
    atomic_store(&job->done, false);

    if (ngx_thread_task_post(fetcher->pool, &job->task) != NGX_OK) {
        atomic_store(&job->done, true);
        host->idle[host->n_idle++] = job->caller;
        job->caller = NULL;
        return NGX_ERROR;
    }

    job->running = 1;
    host->in_flight++;
    fetcher->in_flight++;
    ngx_queue_insert_tail(&fetcher->jobs, &job->queue);

    job->dummy.fd = (ngx_socket_t) -1;
    job->dummy.data = job;
    job->guard.data = &job->dummy;
    job->guard.handler = fetch_late;
    job->guard.log = fetcher->log;
    ngx_add_timer(&job->guard, job->fetch.deadline + FETCH_GRACE_MS);

    return NGX_OK;
}


/* On a thread: nothing of nginx. It may have waited for the thread. */

static void
fetch_run(void *data, ngx_log_t *log)
{
    uint64_t now = ngx_gatehouse_monotonic_ns(), left_ms;
    fetch_job_t *job = data;

    left_ms = (now < job->until_ns) ? (job->until_ns - now) / 1000000 : 0;

    if (left_ms == 0) {
        job->answer.rc = GH_UNAVAILABLE;
        (void) strcpy(job->answer.why, "no thread was free in time");

    } else {
        job->call.deadline_ms = (unsigned) left_ms;
        job->call.connect_ms = NGX_GATEHOUSE_FETCH_CONNECT_MS;
        gh_call(job->caller, &job->call, &job->answer);
    }

    atomic_store(&job->done, true);
}


/* A worker that is told to end now does not wait for providers. */

static bool
fetch_stopped(void *ctx)
{
    return ngx_terminate != 0;
}


static void
fetch_done(ngx_event_t *ev)
{
    fetch_job_t *job = ev->data;
    ngx_gatehouse_fetch_t *f = &job->fetch;

    fetch_leave(job);

    gh_breaker_done(&job->host->breaker,
                    job->answer.rc == GH_OK && job->answer.status < 500,
                    fetch_now_ms(), (uint64_t) ngx_random());

    if (job->destroyed) {
        fetch_free(job);
        return;
    }

    if (job->delivered) {
        return; /* too late, and still its owner's */
    }

    f->rc = job->answer.rc;
    f->status = job->answer.status;
    f->content_type = job->answer.content_type;
    f->body = job->answer.body;
    f->body_len = job->answer.body_len;
    ngx_memcpy(f->why, job->answer.why, sizeof(f->why));
    ngx_memzero(&job->answer, sizeof(gh_answer_t));

    fetch_deliver(job);
}


/* The thread has not kept the deadline; it finishes without its caller. */

static void
fetch_late(ngx_event_t *ev)
{
    fetch_job_t *job = ((ngx_connection_t *) ev->data)->data;

    /* still keeps an exiting worker: its memory is in use */
    ngx_add_timer(&job->guard, NGX_GATEHOUSE_FETCH_TOTAL_MS);

    if (job->delivered || job->destroyed) {
        return;
    }

    (void) fetch_refused(&job->fetch, GH_UNAVAILABLE,
                         "no answer before the deadline");
    fetch_deliver(job);
}


/* Out of the fetcher's books; the connection is kept for the next call. */

static void
fetch_leave(fetch_job_t *job)
{
    fetch_host_t *host = job->host;

    job->running = 0;
    ngx_queue_remove(&job->queue);
    host->in_flight--;
    job->fetcher->in_flight--;

    if (job->guard.timer_set) {
        ngx_del_timer(&job->guard);
    }

    if (host->n_idle < NGX_GATEHOUSE_FETCH_PER_HOST) {
        host->idle[host->n_idle++] = job->caller;
    } else {
        gh_caller_destroy(job->caller);
    }

    job->caller = NULL;
}


static void
fetch_deliver(fetch_job_t *job)
{
    job->delivered = 1;
    job->fetch.handler(&job->fetch);
}


void
ngx_gatehouse_fetch_abandon(ngx_gatehouse_fetch_t *f)
{
    if (f->handler != NULL && ((fetch_job_t *) f)->running) {
        ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                       "gatehouse: nobody waits any more for %s", f->url);
    }

    f->abandoned = 1;
    ngx_gatehouse_fetch_destroy(f);
}


void
ngx_gatehouse_fetch_destroy(ngx_gatehouse_fetch_t *f)
{
    fetch_job_t *job = (fetch_job_t *) f;

    if (f == NULL) {
        return;
    }

    job->destroyed = 1;

    if (!job->running) {
        fetch_free(job);
    }
}


static void
fetch_free(fetch_job_t *job)
{
    ngx_gatehouse_fetch_t *f = &job->fetch;

    gh_answer_clear(&job->answer);

    if (f->body != NULL) {
        OPENSSL_cleanse(f->body, f->body_len);
    }

    fetch_wipe(f->post);
    fetch_wipe(f->authorization);

    ngx_free(f->body);
    ngx_free(f->content_type);
    ngx_free(f->url);
    ngx_free(f->post);
    ngx_free(f->accept);
    ngx_free(f->authorization);
    ngx_free(f->ca_file);
    ngx_free(job);
}


static void
fetch_wipe(char *text)
{
    if (text != NULL) {
        OPENSSL_cleanse(text, ngx_strlen(text));
    }
}


static uint64_t
fetch_now_ms(void)
{
    return ngx_gatehouse_monotonic_ns() / 1000000;
}
