/*
 * Bytes of a connection: out once per turn of the loop, and in, cut into
 * replies.
 */

#include "ngx_gatehouse_redis_connection.h"
#include "ngx_gatehouse_event.h"


#define REDIS_OUT_MAX (64 * 1024 * 1024)
#define REDIS_READ 16384


static void stream_event(
    ngx_gatehouse_redis_connection_t *conn,
    const char *(*carry)(ngx_gatehouse_redis_connection_t *conn));
static const char *stream_read(ngx_gatehouse_redis_connection_t *conn);
static const char *stream_replies(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t stream_append(ngx_gatehouse_redis_connection_t *conn,
                               const gh_redis_bytes_t *bytes);
static const char *stream_write(ngx_gatehouse_redis_connection_t *conn);


void
ngx_gatehouse_redis_read(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;

    stream_event(c->data, stream_read);
}


void
ngx_gatehouse_redis_write(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;

    stream_event(c->data, stream_write);
}


void
ngx_gatehouse_redis_flush(ngx_event_t *ev)
{
    ngx_gatehouse_redis_connection_t *conn = ngx_gatehouse_event_data(ev);

    if (conn->connected) {
        stream_event(conn, stream_write);
    }
}


/* Before it is open, any event says that it is, or cannot be. */

static void
stream_event(ngx_gatehouse_redis_connection_t *conn,
             const char *(*carry)(ngx_gatehouse_redis_connection_t *conn))
{
    const char *why;

    if (!conn->connected) {
        ngx_gatehouse_redis_connected(conn);
        return;
    }

    why = carry(conn);

    if (why != NULL) {
        ngx_gatehouse_redis_leave(conn, why);
    }
}


static const char *
stream_read(ngx_gatehouse_redis_connection_t *conn)
{
    u_char room[REDIS_READ];
    ssize_t n;
    const char *why;
    ngx_connection_t *c;

    c = conn->peer.connection;

    for (;;) {
        n = c->recv(c, room, sizeof(room));

        if (n == NGX_AGAIN) {
            return ngx_handle_read_event(c->read, 0) == NGX_OK
                       ? NULL
                       : "cannot be read";
        }

        if (n == 0 || n == NGX_ERROR) {
            return "has closed the connection";
        }

        if (redisReaderFeed(conn->reader, (char *) room, (size_t) n)
            != REDIS_OK) {
            return "sends more than there is memory for";
        }

        conn->fed += (size_t) n;
        why = stream_replies(conn);

        if (why != NULL) {
            return why;
        }

        if (conn->fed > GH_REDIS_REPLY_MAX) {
            return "sends a reply that has no end";
        }
    }
}


static const char *
stream_replies(ngx_gatehouse_redis_connection_t *conn)
{
    void *reply;
    ngx_int_t rc;
    const char *why;

    for (;;) {
        if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK) {
            return "sends what is no reply";
        }

        if (reply == NULL) {
            return NULL;
        }

        conn->fed = conn->reader->len - conn->reader->pos;
        why = "sends what was not asked for";
        rc = conn->greeting > 0
                 ? ngx_gatehouse_redis_greeted(conn, reply, &why)
                 : conn->owner->reply(conn, reply, &why);
        freeReplyObject(reply);

        if (rc != NGX_OK) {
            return why;
        }
    }
}


ngx_int_t
ngx_gatehouse_redis_command(ngx_gatehouse_redis_connection_t *conn,
                            const gh_str_t *args, size_t n)
{
    gh_redis_bytes_t bytes;

    return gh_redis_command(args, n, &bytes) == GH_OK
               ? ngx_gatehouse_redis_send(conn, &bytes)
               : NGX_ERROR;
}


ngx_int_t
ngx_gatehouse_redis_send(ngx_gatehouse_redis_connection_t *conn,
                         gh_redis_bytes_t *bytes)
{
    ngx_int_t rc;

    rc = stream_append(conn, bytes);

    ngx_explicit_memzero(bytes->data, bytes->len);
    free(bytes->data);
    bytes->data = NULL;

    return rc;
}


static ngx_int_t
stream_append(ngx_gatehouse_redis_connection_t *conn,
              const gh_redis_bytes_t *bytes)
{
    u_char *more;
    size_t cap, len;

    len = bytes->len;

    if (conn->out_cap - conn->out_len < len) {

        if (conn->out_len - conn->out_sent + len > REDIS_OUT_MAX) {
            return NGX_ERROR;
        }

        cap = ngx_max(2 * (conn->out_len - conn->out_sent + len), 4096);

        more = ngx_alloc(cap, conn->log);
        if (more == NULL) {
            return NGX_ERROR;
        }

        if (conn->out != NULL) {
            ngx_memcpy(more, conn->out + conn->out_sent,
                       conn->out_len - conn->out_sent);
            ngx_explicit_memzero(conn->out, conn->out_cap);
            ngx_free(conn->out);
        }

        conn->out = more;
        conn->out_cap = cap;
        conn->out_len -= conn->out_sent;
        conn->out_sent = 0;
    }

    ngx_memcpy(conn->out + conn->out_len, bytes->data, len);
    conn->out_len += len;

    if (!conn->flush.posted) {
        ngx_post_event(&conn->flush, &ngx_posted_events);
    }

    return NGX_OK;
}


static const char *
stream_write(ngx_gatehouse_redis_connection_t *conn)
{
    ssize_t n;
    ngx_connection_t *c;

    c = conn->peer.connection;

    while (conn->out_sent < conn->out_len) {
        n = c->send(c, conn->out + conn->out_sent,
                    conn->out_len - conn->out_sent);

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        if (n == NGX_ERROR) {
            return "has closed the connection";
        }

        conn->out_sent += (size_t) n;
    }

    if (conn->out_sent == conn->out_len) {
        conn->out_sent = conn->out_len = 0;
    }

    return ngx_handle_write_event(c->write, 0) == NGX_OK ? NULL
                                                         : "cannot be written";
}
