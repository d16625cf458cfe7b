/*
 * Requests that stay: websockets, event streams, long downloads. What let
 * them in is looked at again every `check`, and at once when the store says
 * that a key or a consumer changed or when other policies are in force; one
 * that would not be let in now is closed. ..._stands.c says which.
 */

#include "ngx_http_gatehouse_conf.h"

#define NGX_HTTP_GATEHOUSE_STREAM_TICK 1000 /* ms */
#define NGX_HTTP_GATEHOUSE_STREAM_LOOKS 512 /* in one go */


static void ngx_http_gatehouse_streams_tick(ngx_event_t *ev);
static uint64_t ngx_http_gatehouse_streams_generation(
    ngx_http_gatehouse_main_conf_t *gmcf);
static void ngx_http_gatehouse_stream_look(void *data);
static void ngx_http_gatehouse_stream_close(ngx_http_gatehouse_request_t *gr);
static ngx_uint_t ngx_http_gatehouse_stream_concerned(
    ngx_http_gatehouse_request_t *gr, const gh_store_change_t *line);


/* gatehouse_streams check=TIME */

char *
ngx_http_gatehouse_set_streams(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    ngx_int_t ms;
    ngx_str_t *value, time;

    if (gmcf->streams_check != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!ngx_http_gatehouse_option(&value[1], "check", &time)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "gatehouse_streams: unknown word \"%V\"; there is: "
                           "check=TIME",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    ms = ngx_parse_time(&time, 0);

    if (ms == NGX_ERROR || ms < 1000 || ms > 3600 * 1000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "gatehouse_streams: check=\"%V\" is no time from "
                           "1s to 1h",
                           &time);
        return NGX_CONF_ERROR;
    }

    gmcf->streams_check = (ngx_msec_t) ms;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_gatehouse_streams_open(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_event_t *ev;

    ngx_queue_init(&gmcf->streams);

    ev = &gmcf->streams_event;
    ngx_memzero(ev, sizeof(ngx_event_t));

    /* debug logging looks for a connection behind ev->data */

    gmcf->streams_dummy.fd = (ngx_socket_t) -1;
    gmcf->streams_dummy.data = gmcf;

    ev->data = &gmcf->streams_dummy;
    ev->handler = ngx_http_gatehouse_streams_tick;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_GATEHOUSE_STREAM_TICK);

    return ngx_gatehouse_records_subscribe(
        gmcf->records, ngx_http_gatehouse_streams_follow, gmcf);
}


void
ngx_http_gatehouse_streams_close(ngx_http_gatehouse_main_conf_t *gmcf)
{
    if (gmcf->streams_event.timer_set) {
        ngx_del_timer(&gmcf->streams_event);
    }
}


/* From precontent on, until the request ends. */

void
ngx_http_gatehouse_stream_begin(ngx_http_gatehouse_request_t *gr)
{
    if (gr->streaming || gr->principal.type == GH_PRINCIPAL_ANONYMOUS) {
        return;
    }

    gr->streaming = 1;
    gr->checked_at = ngx_current_msec;
    gr->checked_generation = gr->image ? gr->image->im.generation : 0;
    ngx_queue_insert_tail(&gr->gmcf->streams, &gr->stream);
}


void
ngx_http_gatehouse_stream_end(ngx_http_gatehouse_request_t *gr)
{
    if (gr->streaming) {
        gr->streaming = 0;
        ngx_queue_remove(&gr->stream);
        ngx_gatehouse_waiter_cancel(&gr->stream_waiter);
    }
}


/* The queue is in the order of the last look. */

static void
ngx_http_gatehouse_streams_tick(ngx_event_t *ev)
{
    uint64_t generation;
    ngx_uint_t n;
    ngx_queue_t *q;
    ngx_connection_t *dummy = ev->data;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = dummy->data;
    generation = ngx_http_gatehouse_streams_generation(gmcf);

    for (n = 0; n < NGX_HTTP_GATEHOUSE_STREAM_LOOKS; n++) {

        q = ngx_queue_head(&gmcf->streams);
        if (q == ngx_queue_sentinel(&gmcf->streams)) {
            break;
        }

        gr = ngx_queue_data(q, ngx_http_gatehouse_request_t, stream);

        if (gr->checked_generation == generation
            && ngx_current_msec - gr->checked_at < gmcf->streams_check)
        {
            break;
        }

        gr->checked_at = ngx_current_msec;
        gr->checked_generation = generation;
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&gmcf->streams, q);

        ngx_http_gatehouse_stream_look(gr);
    }

    /* many of them are looked at in portions, between other events */

    ngx_add_timer(ev, (n == NGX_HTTP_GATEHOUSE_STREAM_LOOKS)
                          ? 1
                          : NGX_HTTP_GATEHOUSE_STREAM_TICK);
}


static uint64_t
ngx_http_gatehouse_streams_generation(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_gatehouse_image_t *image;

    if (gmcf->policies == NULL) {
        return 0;
    }

    image = ngx_gatehouse_policies_current(gmcf->policies);

    return (image == NULL) ? 0 : image->im.generation;
}


void
ngx_http_gatehouse_streams_follow(void *data, const gh_store_change_t *line)
{
    ngx_queue_t *q, *next;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_main_conf_t *gmcf = data;

    if (line != NULL && line->kind != GH_KIND_KEY
        && line->kind != GH_KIND_REVOKED && line->kind != GH_KIND_SUSPENDED)
    {
        return;
    }

    for (q = ngx_queue_head(&gmcf->streams);
         q != ngx_queue_sentinel(&gmcf->streams); q = next)
    {
        next = ngx_queue_next(q);
        gr = ngx_queue_data(q, ngx_http_gatehouse_request_t, stream);

        if (ngx_http_gatehouse_stream_concerned(gr, line)) {
            ngx_http_gatehouse_stream_look(gr);
        }
    }
}


static ngx_uint_t
ngx_http_gatehouse_stream_concerned(ngx_http_gatehouse_request_t *gr,
                                    const gh_store_change_t *line)
{
    gh_str_t name;

    if (line == NULL) {
        /* lines were lost */
        return 1;
    }

    name = (line->kind == GH_KIND_SUSPENDED) ? gr->principal.consumer
                                             : gr->principal.credential;

    return name.len != 0
           && gh_store_name_hash(line->kind, name) == line->name_hash;
}


/* Also a waiter's handler: the record that was missing has come. */

static void
ngx_http_gatehouse_stream_look(void *data)
{
    ngx_http_gatehouse_request_t *gr = data;

    ngx_gatehouse_waiter_cancel(&gr->stream_waiter);

    gr->stream_waiter.handler = ngx_http_gatehouse_stream_look;
    gr->stream_waiter.data = gr;

    if (ngx_http_gatehouse_stands(gr) == GH_DENIED) {
        ngx_http_gatehouse_stream_end(gr);
        ngx_http_gatehouse_stream_close(gr);
    }
}


/*
 * Where the connection is the request's own, the socket is shut; nginx's own
 * handlers then find the end of both sides and clean up as they do for a
 * client that left. A stream of HTTP/2 or 3 is given up as if its client had
 * reset it, and the others of its connection go on.
 */

static void
ngx_http_gatehouse_stream_close(ngx_http_gatehouse_request_t *gr)
{
    ngx_str_t credential;
    ngx_connection_t *c;

    c = gr->request->connection;
    credential = ngx_http_gatehouse_ngx(gr->principal.credential);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "gatehouse: closed a stream whose credential no longer "
                  "stands credential=%V request_id=%V",
                  &credential, &gr->request_id);

    if (gr->request->http_version >= NGX_HTTP_VERSION_20) {
        c->error = 1;
        c->read->error = 1;
        ngx_post_event(c->read, &ngx_posted_events);
        return;
    }

    if (ngx_shutdown_socket(c->fd, SHUT_RDWR) == -1) {
        ngx_log_error(NGX_LOG_INFO, c->log, ngx_socket_errno,
                      ngx_shutdown_socket_n " failed");
    }
}
