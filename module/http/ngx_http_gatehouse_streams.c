/*
 * Requests that stay: websockets, event streams, long downloads. What let
 * them in is looked at again every 30 seconds, and at once when the store
 * says that a key or a consumer changed; one that would not be let in now is
 * closed.
 */

#include "ngx_http_gatehouse.h"

#define NGX_HTTP_GATEHOUSE_STREAM_CHECK 30000 /* ms between looks */
#define NGX_HTTP_GATEHOUSE_STREAM_TICK 5000


static void ngx_http_gatehouse_streams_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_gatehouse_stream_stands(
    ngx_http_gatehouse_request_t *gr);
static ngx_uint_t ngx_http_gatehouse_stream_key_stands(
    ngx_http_gatehouse_request_t *gr);
static ngx_uint_t ngx_http_gatehouse_stream_known(
    ngx_http_gatehouse_request_t *gr, gh_kind_t kind, gh_str_t name);
static void ngx_http_gatehouse_stream_close(ngx_http_gatehouse_request_t *gr);
static ngx_uint_t ngx_http_gatehouse_stream_concerned(
    ngx_http_gatehouse_request_t *gr, const gh_store_change_t *line);


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
    ngx_queue_insert_tail(&gr->gmcf->streams, &gr->stream);
}


void
ngx_http_gatehouse_stream_end(ngx_http_gatehouse_request_t *gr)
{
    if (gr->streaming) {
        gr->streaming = 0;
        ngx_queue_remove(&gr->stream);
    }
}


/* The queue is in the order of the last look. */

static void
ngx_http_gatehouse_streams_tick(ngx_event_t *ev)
{
    ngx_queue_t *q;
    ngx_connection_t *dummy = ev->data;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = dummy->data;

    while (!ngx_queue_empty(&gmcf->streams)) {

        q = ngx_queue_head(&gmcf->streams);
        gr = ngx_queue_data(q, ngx_http_gatehouse_request_t, stream);

        if (ngx_current_msec - gr->checked_at
            < NGX_HTTP_GATEHOUSE_STREAM_CHECK) {
            break;
        }

        gr->checked_at = ngx_current_msec;
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&gmcf->streams, q);

        if (!ngx_http_gatehouse_stream_stands(gr)) {
            ngx_http_gatehouse_stream_close(gr);
        }
    }

    ngx_add_timer(ev, NGX_HTTP_GATEHOUSE_STREAM_TICK);
}


void
ngx_http_gatehouse_streams_follow(void *data, const gh_store_change_t *line)
{
    ngx_queue_t *q;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_main_conf_t *gmcf = data;

    if (line != NULL && line->kind != GH_KIND_KEY
        && line->kind != GH_KIND_REVOKED && line->kind != GH_KIND_SUSPENDED)
    {
        return;
    }

    for (q = ngx_queue_head(&gmcf->streams);
         q != ngx_queue_sentinel(&gmcf->streams); q = ngx_queue_next(q))
    {
        gr = ngx_queue_data(q, ngx_http_gatehouse_request_t, stream);

        if (ngx_http_gatehouse_stream_concerned(gr, line)
            && !ngx_http_gatehouse_stream_stands(gr))
        {
            ngx_http_gatehouse_stream_close(gr);
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


/* What cannot be asked now stands until the next look. */

static ngx_uint_t
ngx_http_gatehouse_stream_stands(ngx_http_gatehouse_request_t *gr)
{
    gh_reason_t reason;
    ngx_gatehouse_image_t *image;

    if (gr->token != NULL
        && gh_jwt_recheck(gr->token->claims, &gr->token->issuer->policy,
                          ngx_time(), &reason)
               != GH_OK)
    {
        return 0;
    }

    if (gr->principal.method == GH_METHOD_API_KEY
        && !ngx_http_gatehouse_stream_key_stands(gr))
    {
        return 0;
    }

    if (gr->principal.consumer.len == 0) {
        return 1;
    }

    if (ngx_http_gatehouse_stream_known(gr, GH_KIND_SUSPENDED,
                                        gr->principal.consumer))
    {
        return 0;
    }

    image = ngx_gatehouse_policies_current(gr->gmcf->policies);

    return image == NULL
           || gh_image_consumer(&image->im, gr->principal.consumer) != NULL;
}


static ngx_uint_t
ngx_http_gatehouse_stream_key_stands(ngx_http_gatehouse_request_t *gr)
{
    void *doc;
    gh_rc_t rc;
    gh_str_t record;
    ngx_uint_t stands;
    gh_store_key_t key;
    ngx_gatehouse_image_t *image;
    const gh_image_key_t *declared;

    rc = ngx_gatehouse_records_get(gr->gmcf->records, GH_KIND_KEY,
                                   gr->principal.credential, &record, NULL,
                                   NULL);

    if (rc == GH_OK && gh_store_key_decode(record, &key, &doc) == GH_OK) {

        stands = (key.revoked_at_s == 0 || key.revoked_at_s > ngx_time())
                 && (key.expires_at_s == 0 || key.expires_at_s > ngx_time());

        gh_store_doc_free(doc);

        return stands;
    }

    if (rc != GH_ABSENT) {
        return 1;
    }

    if (ngx_http_gatehouse_stream_known(gr, GH_KIND_REVOKED,
                                        gr->principal.credential))
    {
        return 0;
    }

    image = ngx_gatehouse_policies_current(gr->gmcf->policies);

    if (image == NULL) {
        return 1;
    }

    declared = gh_image_key_by_id(&image->im, gr->principal.credential);

    return declared != NULL
           && (declared->expires_at_s == 0
               || declared->expires_at_s > ngx_time());
}


static ngx_uint_t
ngx_http_gatehouse_stream_known(ngx_http_gatehouse_request_t *gr,
                                gh_kind_t kind, gh_str_t name)
{
    gh_str_t record;

    return ngx_gatehouse_records_get(gr->gmcf->records, kind, name, &record,
                                     NULL, NULL)
           == GH_OK;
}


/*
 * The socket is shut; nginx's own handlers then find the end of both sides
 * and clean up as they do for a client that left. Of an HTTP/2 connection all
 * streams end: they came over the same credential's connection.
 */

static void
ngx_http_gatehouse_stream_close(ngx_http_gatehouse_request_t *gr)
{
    ngx_connection_t *c;
    ngx_str_t credential;

    c = gr->request->connection;
    credential = ngx_http_gatehouse_ngx(gr->principal.credential);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "gatehouse: closed a stream whose credential no longer "
                  "stands credential=%V request_id=%V",
                  &credential, &gr->request_id);

    if (ngx_shutdown_socket(c->fd, SHUT_RDWR) == -1) {
        ngx_log_error(NGX_LOG_INFO, c->log, ngx_socket_errno,
                      ngx_shutdown_socket_n " failed");
    }
}
