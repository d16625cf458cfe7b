/*
 * How far each worker of the node is: the change log followed to here, the
 * policies of that generation. So whoever made a change can ask any one
 * worker whether it is in force in all of them.
 */

#include "ngx_http_gatehouse_status.h"

#define NGX_HTTP_GATEHOUSE_PROGRESS 100 /* ms */


typedef struct {
    ngx_event_t event;
    ngx_connection_t dummy;
    ngx_http_gatehouse_main_conf_t *gmcf;
} ngx_http_gatehouse_progress_t;


static void ngx_http_gatehouse_progress_tell(ngx_event_t *ev);


ngx_int_t
ngx_http_gatehouse_progress_open(ngx_cycle_t *cycle,
                                 ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_http_gatehouse_progress_t *p;

    p = ngx_pcalloc(cycle->pool, sizeof(ngx_http_gatehouse_progress_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    p->gmcf = gmcf;
    p->dummy.fd = (ngx_socket_t) -1;
    p->dummy.data = p;
    p->event.data = &p->dummy;
    p->event.handler = ngx_http_gatehouse_progress_tell;
    p->event.log = cycle->log;
    p->event.cancelable = 1;

    ngx_http_gatehouse_progress_tell(&p->event);

    return NGX_OK;
}


static void
ngx_http_gatehouse_progress_tell(ngx_event_t *ev)
{
    ngx_connection_t *dummy;
    ngx_gatehouse_image_t *image;
    ngx_gatehouse_progress_t *mine;
    ngx_http_gatehouse_progress_t *p;

    dummy = ev->data;
    p = dummy->data;

    mine = ngx_gatehouse_progress(p->gmcf->shm);
    image = ngx_gatehouse_policies_current(p->gmcf->policies);

    mine->sequence = ngx_gatehouse_store_sequence(p->gmcf->store);
    mine->generation = image ? image->im.generation : 0;

    ngx_add_timer(ev, NGX_HTTP_GATEHOUSE_PROGRESS);
}


/* Who leaves is not waited for. */

void
ngx_http_gatehouse_progress_close(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_gatehouse_progress_t *mine;

    if (gmcf->shm == NULL) {
        return;
    }

    mine = ngx_gatehouse_progress(gmcf->shm);

    mine->sequence = 0;
    mine->generation = 0;
}


json_t *
ngx_http_gatehouse_progress_json(ngx_http_gatehouse_main_conf_t *gmcf)
{
    json_t *list;
    ngx_pid_t pid;
    ngx_uint_t slot;
    ngx_gatehouse_progress_t progress;

    list = json_array();

    for (slot = 0; slot < gmcf->shm->slots; slot++) {

        if (ngx_gatehouse_progress_of(gmcf->shm, slot, &pid, &progress)
            != NGX_OK) {
            continue;
        }

        (void) json_array_append_new(
            list, json_pack("{s:I, s:I, s:I}", "pid", (json_int_t) pid,
                            "sequence", (json_int_t) progress.sequence,
                            "generation", (json_int_t) progress.generation));
    }

    return list;
}
