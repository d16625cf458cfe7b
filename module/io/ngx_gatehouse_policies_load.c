/*
 * One task of nginx's default thread pool per big image.
 */

#include "ngx_gatehouse_policies_load.h"

#include <ngx_thread_pool.h>


struct ngx_gatehouse_policies_load_s {
    ngx_thread_task_t task;
    const char *state;
    ngx_gatehouse_policies_load_pt handler;
    void *data;

    gh_rc_t rc; /* GH_AGAIN: not done */
    gh_image_t im;
    char why[GH_IMAGE_WHY_MAX];
};


static void load_run(void *data, ngx_log_t *log);
static void load_done(ngx_event_t *ev);


ngx_gatehouse_policies_load_t *
ngx_gatehouse_policies_load_start(ngx_cycle_t *cycle, const char *state,
                                  ngx_gatehouse_policies_load_pt handler,
                                  void *data)
{
    ngx_str_t name = ngx_string("default");
    ngx_thread_pool_t *pool;
    ngx_gatehouse_policies_load_t *load;

    pool = ngx_thread_pool_get(cycle, &name);
    if (pool == NULL) {
        return NULL;
    }

    load = ngx_calloc(sizeof(ngx_gatehouse_policies_load_t), cycle->log);
    if (load == NULL) {
        return NULL;
    }

    load->state = state;
    load->handler = handler;
    load->data = data;
    load->rc = GH_AGAIN;

    load->task.ctx = load;
    load->task.handler = load_run;
    load->task.event.data = load;
    load->task.event.handler = load_done;
    load->task.event.log = cycle->log;

    if (ngx_thread_task_post(pool, &load->task) != NGX_OK) {
        ngx_free(load);
        return NULL;
    }

    return load;
}


/* On a thread: nothing of nginx. */

static void
load_run(void *data, ngx_log_t *log)
{
    ngx_gatehouse_policies_load_t *load = data;

    load->rc = gh_image_file_map(load->state, &load->im, load->why);
}


static void
load_done(ngx_event_t *ev)
{
    ngx_gatehouse_policies_load_t *load = ev->data;

    load->handler(load->data, load->rc, &load->im, load->why);
    ngx_free(load);
}


void
ngx_gatehouse_policies_load_cancel(ngx_gatehouse_policies_load_t *load)
{
    if (load == NULL) {
        return;
    }

    if (load->rc == GH_OK) {
        gh_image_file_unmap(&load->im);
    }

    ngx_free(load);
}
