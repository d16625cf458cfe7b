/*
 * Opening, reading, writing, leaving. The attempt to open is the probe of a
 * breaker: one at a time, and nobody asks before it has succeeded.
 */

#include "ngx_gatehouse_redis_connection.h"


#define REDIS_OPEN_MIN 1000 /* ms: opening may take so long at least */
#define REDIS_PAUSE 50      /* ms: doubled with every failure, */
#define REDIS_PAUSE_MAX 2000
#define REDIS_STEADY 1000 /* ms: who lasted so long is no failure */
#define REDIS_OUT_MAX (64 * 1024 * 1024)
#define REDIS_READ 16384


static void redis_wait(ngx_gatehouse_redis_connection_t *conn);
static void redis_timer(ngx_event_t *ev);
static void redis_open(ngx_gatehouse_redis_connection_t *conn);
static void redis_connected(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_test_connect(ngx_connection_t *c);
static void redis_handshake(ngx_gatehouse_redis_connection_t *conn);
static void redis_handshaken(ngx_connection_t *c);
static void redis_greet(ngx_gatehouse_redis_connection_t *conn);
static void redis_close(ngx_gatehouse_redis_connection_t *conn);

static void redis_read_handler(ngx_event_t *ev);
static const char *redis_read(ngx_gatehouse_redis_connection_t *conn);
static const char *redis_replies(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_reply(ngx_gatehouse_redis_connection_t *conn,
                             const redisReply *reply, const char **why);
static void redis_write_handler(ngx_event_t *ev);
static void redis_flush_handler(ngx_event_t *ev);
static const char *redis_flush(ngx_gatehouse_redis_connection_t *conn);


void
ngx_gatehouse_redis_start(ngx_gatehouse_redis_connection_t *conn)
{
    conn->dummy.fd = (ngx_socket_t) -1;
    conn->dummy.data = conn;

    conn->timer.handler = redis_timer;
    conn->timer.data = &conn->dummy;
    conn->timer.log = conn->log;
    conn->timer.cancelable = 1;

    conn->flush.handler = redis_flush_handler;
    conn->flush.data = &conn->dummy;
    conn->flush.log = conn->log;

    conn->waiting = 1;
    ngx_add_timer(&conn->timer, 1);
}


void
ngx_gatehouse_redis_stop(ngx_gatehouse_redis_connection_t *conn)
{
    redis_close(conn);

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }
}


static void
redis_wait(ngx_gatehouse_redis_connection_t *conn)
{
    ngx_uint_t i;
    ngx_msec_t pause;

    pause = conn->failures == 0 ? 10 : REDIS_PAUSE;

    for (i = 1; i < conn->failures && pause < REDIS_PAUSE_MAX; i++) {
        pause *= 2;
    }

    pause = ngx_min(pause, REDIS_PAUSE_MAX);
    pause = pause / 2 + (ngx_msec_t) ngx_random() % (pause / 2 + 1);

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    conn->waiting = 1;
    ngx_add_timer(&conn->timer, pause);
}


static void
redis_timer(ngx_event_t *ev)
{
    ngx_connection_t *dummy = ev->data;
    ngx_gatehouse_redis_connection_t *conn = dummy->data;

    if (conn->waiting) {
        conn->waiting = 0;
        redis_open(conn);
        return;
    }

    ngx_gatehouse_redis_leave(conn, "does not answer");
}


static void
redis_open(ngx_gatehouse_redis_connection_t *conn)
{
    ngx_int_t rc;
    ngx_addr_t *addr;
    ngx_connection_t *c;
    ngx_peer_connection_t *pc;

    addr = &conn->conf->addrs[conn->address % conn->conf->naddrs];
    conn->address++;

    pc = &conn->peer;
    ngx_memzero(pc, sizeof(ngx_peer_connection_t));

    pc->sockaddr = addr->sockaddr;
    pc->socklen = addr->socklen;
    pc->name = &addr->name;
    pc->get = ngx_event_get_peer;
    pc->log = conn->log;
    pc->log_error = NGX_ERROR_ERR;

    conn->reader = gh_redis_reader_create();
    if (conn->reader == NULL) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
        return;
    }

    rc = ngx_event_connect_peer(pc);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_gatehouse_redis_leave(conn, "cannot be reached");
        return;
    }

    c = pc->connection;
    c->data = conn;
    c->log = conn->log;
    c->read->log = conn->log;
    c->write->log = conn->log;
    c->read->handler = redis_read_handler;
    c->write->handler = redis_write_handler;

    c->pool = ngx_create_pool(1024, conn->log);
    if (c->pool == NULL) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
        return;
    }

    ngx_add_timer(&conn->timer, ngx_max(conn->conf->timeout, REDIS_OPEN_MIN));

    if (rc == NGX_OK) {
        redis_connected(conn);
    }
}


static void
redis_connected(ngx_gatehouse_redis_connection_t *conn)
{
    if (redis_test_connect(conn->peer.connection) != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "cannot be reached");
        return;
    }

    conn->connected = 1;

    if (conn->conf->ssl != NULL) {
        redis_handshake(conn);
        return;
    }

    redis_greet(conn);
}


static ngx_int_t
redis_test_connect(ngx_connection_t *c)
{
    int err;
    socklen_t len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    return err ? NGX_ERROR : NGX_OK;
}


static void
redis_handshake(ngx_gatehouse_redis_connection_t *conn)
{
    ngx_int_t rc;
    ngx_connection_t *c;

    c = conn->peer.connection;

    if (ngx_ssl_create_connection(conn->conf->ssl, c, NGX_SSL_CLIENT)
        != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
        return;
    }

    /* an address is no name to ask for (RFC 6066 section 3) */

    if (conn->conf->ssl_name.data[0] != '['
        && ngx_inet_addr(conn->conf->ssl_name.data, conn->conf->ssl_name.len)
               == INADDR_NONE
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) conn->conf->ssl_name.data)
               == 0)
    {
        ngx_gatehouse_redis_leave(conn, "has a name that TLS cannot carry");
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = redis_handshaken;
        return;
    }

    redis_handshaken(c);
}


static void
redis_handshaken(ngx_connection_t *c)
{
    ngx_gatehouse_redis_connection_t *conn = c->data;

    if (!c->ssl->handshaked) {
        ngx_gatehouse_redis_leave(conn, "does not agree on TLS");
        return;
    }

    if (SSL_get_verify_result(c->ssl->connection) != X509_V_OK) {
        ngx_gatehouse_redis_leave(conn, "has a certificate that is not of "
                                        "a trusted authority");
        return;
    }

    if (ngx_ssl_check_host(c, &conn->conf->ssl_name) != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "has a certificate of another name");
        return;
    }

    c->read->handler = redis_read_handler;
    c->write->handler = redis_write_handler;

    redis_greet(conn);
}


static void
redis_greet(ngx_gatehouse_redis_connection_t *conn)
{
    size_t n;
    char number[NGX_INT_T_LEN];
    gh_str_t args[3];
    ngx_int_t rc;
    ngx_gatehouse_redis_conf_t *conf = conn->conf;
    gh_redis_bytes_t bytes;

    rc = NGX_OK;

    if (conf->password.len > 0) {
        n = 0;
        args[n++] = GH_STR("AUTH");

        if (conf->username.len > 0) {
            args[n].data = (char *) conf->username.data;
            args[n++].len = conf->username.len;
        }

        args[n].data = (char *) conf->password.data;
        args[n++].len = conf->password.len;

        if (gh_redis_command(args, n, &bytes) != GH_OK) {
            rc = NGX_ERROR;
        } else {
            rc = ngx_gatehouse_redis_send(conn, bytes.data, bytes.len);
            ngx_explicit_memzero(bytes.data, bytes.len);
            free(bytes.data);
            conn->greeting++;
        }
    }

    if (rc == NGX_OK) {
        args[0] = GH_STR("SELECT");
        args[1].data = number;
        args[1].len =
            (size_t) (ngx_sprintf((u_char *) number, "%ui", conf->database)
                      - (u_char *) number);

        if (gh_redis_command(args, 2, &bytes) != GH_OK) {
            rc = NGX_ERROR;
        } else {
            rc = ngx_gatehouse_redis_send(conn, bytes.data, bytes.len);
            free(bytes.data);
            conn->greeting++;
        }
    }

    if (rc != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
        return;
    }

    conn->opened(conn);
}


void
ngx_gatehouse_redis_settled(ngx_gatehouse_redis_connection_t *conn)
{
    conn->settled = 1;
    conn->settled_at = ngx_current_msec;

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }
}


void
ngx_gatehouse_redis_leave(ngx_gatehouse_redis_connection_t *conn,
                          const char *why)
{
    if (conn->waiting) {
        return;
    }

    if (conn->settled && ngx_current_msec - conn->settled_at > REDIS_STEADY) {
        conn->failures = 0;
    } else {
        conn->failures++;
    }

    redis_close(conn);
    redis_wait(conn);

    conn->lost(conn, why);
}


static void
redis_close(ngx_gatehouse_redis_connection_t *conn)
{
    ngx_pool_t *pool;
    ngx_connection_t *c;

    c = conn->peer.connection;

    if (c != NULL) {
        pool = c->pool;

        if (c->ssl != NULL) {
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;
            (void) ngx_ssl_shutdown(c);
        }

        ngx_close_connection(c);

        if (pool != NULL) {
            ngx_destroy_pool(pool);
        }

        conn->peer.connection = NULL;
    }

    if (conn->flush.posted) {
        ngx_delete_posted_event(&conn->flush);
    }

    if (conn->reader != NULL) {
        redisReaderFree(conn->reader);
        conn->reader = NULL;
    }

    if (conn->out != NULL) {
        ngx_explicit_memzero(conn->out, conn->out_cap);
        ngx_free(conn->out);
        conn->out = NULL;
    }

    conn->out_sent = conn->out_len = conn->out_cap = 0;
    conn->fed = 0;
    conn->greeting = 0;
    conn->connected = 0;
    conn->settled = 0;
}


static void
redis_read_handler(ngx_event_t *ev)
{
    const char *why;
    ngx_connection_t *c = ev->data;
    ngx_gatehouse_redis_connection_t *conn = c->data;

    if (!conn->connected) {
        /* closed before it was opened */
        redis_connected(conn);
        return;
    }

    why = redis_read(conn);

    if (why != NULL) {
        ngx_gatehouse_redis_leave(conn, why);
    }
}


static const char *
redis_read(ngx_gatehouse_redis_connection_t *conn)
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
        why = redis_replies(conn);

        if (why != NULL) {
            return why;
        }

        if (conn->fed > GH_REDIS_REPLY_MAX) {
            return "sends a reply that has no end";
        }
    }
}


static const char *
redis_replies(ngx_gatehouse_redis_connection_t *conn)
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
        rc = redis_reply(conn, reply, &why);
        freeReplyObject(reply);

        if (rc != NGX_OK) {
            return why;
        }
    }
}


static ngx_int_t
redis_reply(ngx_gatehouse_redis_connection_t *conn, const redisReply *reply,
            const char **why)
{
    gh_str_t code;

    if (conn->greeting == 0) {
        return conn->reply(conn, reply, why);
    }

    conn->greeting--;

    if (gh_redis_error(reply, &code) != GH_REDIS_DONE) {
        *why = gh_redis_error_words(code);
        return NGX_ERROR;
    }

    return reply->type == REDIS_REPLY_STATUS ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_gatehouse_redis_send(ngx_gatehouse_redis_connection_t *conn,
                         const char *data, size_t len)
{
    u_char *more;
    size_t cap;

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

    ngx_memcpy(conn->out + conn->out_len, data, len);
    conn->out_len += len;

    if (!conn->flush.posted) {
        ngx_post_event(&conn->flush, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
redis_write_handler(ngx_event_t *ev)
{
    const char *why;
    ngx_connection_t *c = ev->data;
    ngx_gatehouse_redis_connection_t *conn = c->data;

    if (!conn->connected) {
        redis_connected(conn);
        return;
    }

    why = redis_flush(conn);

    if (why != NULL) {
        ngx_gatehouse_redis_leave(conn, why);
    }
}


static void
redis_flush_handler(ngx_event_t *ev)
{
    const char *why;
    ngx_connection_t *dummy = ev->data;
    ngx_gatehouse_redis_connection_t *conn = dummy->data;

    if (!conn->connected) {
        return;
    }

    why = redis_flush(conn);

    if (why != NULL) {
        ngx_gatehouse_redis_leave(conn, why);
    }
}


static const char *
redis_flush(ngx_gatehouse_redis_connection_t *conn)
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
