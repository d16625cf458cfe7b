/*
 * The image in force, as one worker sees it: mapped read-only, counted by its
 * holders, exchanged when the node's serial moves. The worker that holds the
 * claim also runs the watching thread and reports what comes of it.
 */

#include "ngx_gatehouse_policies.h"

#include <ngx_event.h>

#include "ngx_gatehouse_policies_load.h"
#include "ngx_gatehouse_policies_watch.h"


#define POLICIES_TICK_MS 200
#define POLICIES_RETRY_MS 1000 /* after an image that could not be mapped */
#define POLICIES_START_MS 2000 /* to wait for the first image of all */
#define POLICIES_INLINE (8 * 1024 * 1024) /* more is mapped on a thread */


/* What is handed out is the first member. */
typedef struct {
    ngx_gatehouse_image_t image;
    ngx_queue_t queue;
} policies_image_t;

struct ngx_gatehouse_policies_s {
    ngx_gatehouse_policies_conf_t *conf;
    ngx_cycle_t *cycle;
    ngx_log_t *log;
    ngx_gatehouse_shm_t *shm; /* NULL: no directory */

    ngx_gatehouse_policies_names_t names;
    gh_policy_build_conf_t build;

    ngx_gatehouse_image_t *current;
    ngx_queue_t images;       /* all that are mapped */
    ngx_atomic_uint_t serial; /* looked at */
    ngx_msec_t retry_at;      /* 0: not */
    unsigned missing : 1;     /* said that it cannot be mapped */
    unsigned refused : 1;     /* by bind: waiting does not help */

    ngx_gatehouse_policies_load_t *load; /* under way, or NULL */
    ngx_gatehouse_policies_watch_t *watch;

    ngx_event_t tick;
    ngx_connection_t dummy; /* for the event's debug log */
};


static ngx_int_t policies_init(ngx_gatehouse_policies_t *p);
static void policies_first(ngx_gatehouse_policies_t *p);
static void policies_tick(ngx_event_t *ev);
static void policies_refresh(ngx_gatehouse_policies_t *p, ngx_uint_t wait);
static void policies_loaded(void *data, gh_rc_t rc, gh_image_t *im,
                            const char *why);
static void policies_take_up(ngx_gatehouse_policies_t *p, gh_image_t *im);
static policies_image_t *policies_bind(ngx_gatehouse_policies_t *p,
                                       const gh_image_t *im);
static void policies_missing(ngx_gatehouse_policies_t *p, gh_rc_t rc,
                             const char *why);
static void policies_free(ngx_gatehouse_policies_t *p,
                          policies_image_t *image);


ngx_gatehouse_policies_t *
ngx_gatehouse_policies_open(ngx_cycle_t *cycle,
                            ngx_gatehouse_policies_conf_t *pc)
{
    ngx_gatehouse_policies_t *p;

    p = ngx_pcalloc(cycle->pool, sizeof(ngx_gatehouse_policies_t));
    if (p == NULL) {
        return NULL;
    }

    p->conf = pc;
    p->cycle = cycle;
    p->log = cycle->log;
    ngx_queue_init(&p->images);

    if (pc->directory.len == 0) {
        return p;
    }

    if (policies_init(p) != NGX_OK) {
        return NULL;
    }

    policies_first(p);
    ngx_add_timer(&p->tick, 1 + ngx_random() % POLICIES_TICK_MS);

    return p;
}


static ngx_int_t
policies_init(ngx_gatehouse_policies_t *p)
{
    if (ngx_gatehouse_policies_build_conf(p->cycle->pool, p->conf, &p->names,
                                          &p->build)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p->shm = ngx_gatehouse_shm(p->conf->zone);

    p->watch = ngx_gatehouse_policies_watch_create(p->cycle, p->conf->zone,
                                                   &p->build, p->conf->quiet);
    if (p->watch == NULL) {
        return NGX_ERROR;
    }

    p->dummy.fd = (ngx_socket_t) -1;
    p->tick.data = &p->dummy;
    p->dummy.data = p;
    p->tick.handler = policies_tick;
    p->tick.log = p->log;
    p->tick.cancelable = 1;

    return NGX_OK;
}


/*
 * The image of another directory is not ours. At a start the worker waits a
 * little before it takes requests, while one of them looks whether the image
 * is that of the files, and makes it: connections wait in the kernel, where
 * answers would be 503, or by rules from before the last stop.
 */

static void
policies_first(ngx_gatehouse_policies_t *p)
{
    uint64_t end;
    gh_image_note_t note;

    if (gh_image_note_read(p->build.state, &note) == GH_OK) {
        if (ngx_strcmp(note.directory, p->build.directory) == 0) {
            policies_refresh(p, 1);
        } else {
            p->serial = p->shm->policy_serial;
        }

        gh_image_note_clear(&note);
    }

    ngx_gatehouse_policies_watch_tick(p->watch);

    end =
        ngx_gatehouse_monotonic_ns() + (uint64_t) POLICIES_START_MS * 1000000;

    while ((p->current == NULL || !p->shm->policy_judged) && !p->refused
           && !ngx_gatehouse_policies_watch_failed(p->watch)
           && ngx_gatehouse_monotonic_ns() < end)
    {
        ngx_msleep(2);
        ngx_gatehouse_policies_watch_tick(p->watch);

        if (p->serial != p->shm->policy_serial) {
            policies_refresh(p, 1);
        }
    }
}


void
ngx_gatehouse_policies_close(ngx_gatehouse_policies_t *p)
{
    ngx_queue_t *q;

    if (p == NULL || p->shm == NULL) {
        return;
    }

    ngx_gatehouse_policies_watch_destroy(p->watch);

    if (p->tick.timer_set) {
        ngx_del_timer(&p->tick);
    }

    ngx_gatehouse_policies_load_cancel(p->load);
    p->load = NULL;
    p->current = NULL;

    /* no request runs any more, whatever some of them still held */

    while (!ngx_queue_empty(&p->images)) {
        q = ngx_queue_head(&p->images);
        policies_free(p, ngx_queue_data(q, policies_image_t, queue));
    }
}


static void
policies_tick(ngx_event_t *ev)
{
    ngx_connection_t *dummy = ev->data;
    ngx_gatehouse_policies_t *p = dummy->data;

    ngx_gatehouse_policies_watch_tick(p->watch);
    (void) ngx_gatehouse_policies_current(p);

    ngx_add_timer(ev, POLICIES_TICK_MS);
}


ngx_gatehouse_image_t *
ngx_gatehouse_policies_current(ngx_gatehouse_policies_t *p)
{
    if (p->shm != NULL
        && (p->serial != p->shm->policy_serial
            || (p->retry_at != 0
                && (ngx_msec_int_t) (ngx_current_msec - p->retry_at) >= 0)))
    {
        policies_refresh(p, 0);
    }

    return p->current;
}


/*
 * The serial is read before the file is opened: a newer file under the older
 * number is mapped once more, an older one never stays under the newer.
 */

static void
policies_refresh(ngx_gatehouse_policies_t *p, ngx_uint_t wait)
{
    gh_rc_t rc;
    gh_image_t im;
    ngx_file_info_t fi;
    ngx_atomic_uint_t serial = p->shm->policy_serial;
    char why[GH_IMAGE_WHY_MAX], path[GH_POLICY_DIR_PATH_MAX];

    if (p->load != NULL) {
        return;
    }

    p->serial = serial;
    p->retry_at = 0;

    (void) ngx_snprintf((u_char *) path, sizeof(path), "%s/%s%Z",
                        p->build.state, GH_IMAGE_FILE_NAME);

    if (!wait && ngx_file_info(path, &fi) != NGX_FILE_ERROR
        && ngx_file_size(&fi) > POLICIES_INLINE)
    {
        p->load = ngx_gatehouse_policies_load_start(p->cycle, p->build.state,
                                                    policies_loaded, p);

        if (p->load != NULL) {
            return;
        }
    }

    rc = gh_image_file_map(p->build.state, &im, why);
    policies_loaded(p, rc, &im, why);
}


static void
policies_loaded(void *data, gh_rc_t rc, gh_image_t *im, const char *why)
{
    ngx_gatehouse_policies_t *p = data;

    p->load = NULL;

    if (rc != GH_OK) {
        policies_missing(p, rc, why);
        return;
    }

    if (p->current != NULL && p->current->im.generation == im->generation) {
        gh_image_file_unmap(im);
        return;
    }

    policies_take_up(p, im);
}


/* The old image is let go only when the new one can be used. */

static void
policies_take_up(ngx_gatehouse_policies_t *p, gh_image_t *im)
{
    uint64_t generation = im->generation;
    policies_image_t *image;
    ngx_gatehouse_image_t *old = p->current;

    image = policies_bind(p, im);

    p->missing = 0;
    p->refused = (image == NULL);

    if (image == NULL) {
        gh_image_file_unmap(im);

        ngx_log_error(NGX_LOG_ERR, p->log, 0,
                      "gatehouse: generation %uL of the policies is not "
                      "taken up by this configuration; generation %uL stays",
                      generation, (old != NULL) ? old->im.generation : 0);
        return;
    }

    p->current = &image->image;

    if (p->shm->policy_generation < generation) {
        p->shm->policy_generation = generation; /* a new zone */
        p->shm->policy_applied_at_s = im->compiled_at_s;
    }

    ngx_log_error(NGX_LOG_INFO, p->log, 0,
                  "gatehouse: generation %uL of the policies is in force "
                  "in this worker",
                  generation);

    if (old != NULL) {
        ngx_gatehouse_image_release(p, old);
    }
}


static policies_image_t *
policies_bind(ngx_gatehouse_policies_t *p, const gh_image_t *im)
{
    policies_image_t *image;

    image = ngx_calloc(sizeof(policies_image_t), p->log);
    if (image == NULL) {
        return NULL;
    }

    image->image.im = *im;
    image->image.mapped = im->size;
    image->image.refs = 1; /* the worker's own */

    if (p->conf->bind != NULL
        && p->conf->bind(p->conf->data, &image->image) != NGX_OK)
    {
        ngx_free(image);
        return NULL;
    }

    ngx_queue_insert_tail(&p->images, &image->queue);

    return image;
}


/* Asks whoever watches to make it again; what is in force stays. */

static void
policies_missing(ngx_gatehouse_policies_t *p, gh_rc_t rc, const char *why)
{
    if (rc == GH_ABSENT && p->serial == 0) {
        return; /* none was ever made */
    }

    if (!p->missing) {
        p->missing = 1;
        ngx_log_error(NGX_LOG_ERR, p->log, 0,
                      "gatehouse: the image of the policies is not usable: "
                      "%s; it is made again",
                      why);
    }

    p->retry_at = ngx_current_msec + POLICIES_RETRY_MS;

    if (p->retry_at == 0) {
        p->retry_at = 1;
    }

    p->shm->policy_wanted = 1;
}


void
ngx_gatehouse_image_hold(ngx_gatehouse_image_t *image)
{
    image->refs++;
}


void
ngx_gatehouse_image_release(ngx_gatehouse_policies_t *p,
                            ngx_gatehouse_image_t *image)
{
    if (--image->refs == 0) {
        policies_free(p, (policies_image_t *) image);
    }
}


static void
policies_free(ngx_gatehouse_policies_t *p, policies_image_t *image)
{
    ngx_queue_remove(&image->queue);

    if (p->conf->unbind != NULL) {
        p->conf->unbind(p->conf->data, &image->image);
    }

    gh_image_file_unmap(&image->image.im);
    ngx_free(image);
}
