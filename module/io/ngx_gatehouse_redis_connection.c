/*
 * Opening, greeting, leaving. The attempt to open is the probe of a breaker:
 * one at a time, and nobody asks before it has succeeded.
 */

#include "ngx_gatehouse_redis_connection.h"
#include "ngx_gatehouse_event.h"
#include "gh_redis_sentinel.h"


#define REDIS_OPEN_MIN 1000 /* ms: opening may take so long at least */
#define REDIS_PAUSE 10      /* ms: doubled with every failure, */
#define REDIS_PAUSE_MAX 2000
#define REDIS_UNSTEADY 3 /* failures: up to 80 ms */
#define REDIS_STEADY 100 /* ms: who lasted so long is no failure */


static void redis_wait(ngx_gatehouse_redis_connection_t *conn);
static void redis_timer(ngx_event_t *ev);
static void redis_open(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_test_connect(ngx_connection_t *c);
static void redis_handshake(ngx_gatehouse_redis_connection_t *conn);
static void redis_handshaken(ngx_connection_t *c);
static void redis_greet(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_authenticate(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_select(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_introduce(ngx_gatehouse_redis_connection_t *conn,
                                 const gh_str_t *args, size_t n);
static void redis_close(ngx_gatehouse_redis_connection_t *conn);


void
ngx_gatehouse_redis_start(ngx_gatehouse_redis_connection_t *conn,
                          const ngx_gatehouse_redis_owner_t *owner, void *data,
                          ngx_gatehouse_redis_conf_t *conf, ngx_log_t *log)
{
    conn->conf = conf;
    conn->log = log;
    conn->data = data;
    conn->owner = owner;

    ngx_gatehouse_event_init(&conn->timer, &conn->dummy, conn, redis_timer,
                             log);
    ngx_gatehouse_event_init(&conn->flush, &conn->dummy, conn,
                             ngx_gatehouse_redis_flush, log);
    conn->timer.cancelable = 1;

    conn->addrs = conn->conf->addrs;
    conn->naddrs = conn->conf->naddrs;
    conn->waiting = 1;

    if (conn->naddrs > 0) {
        ngx_add_timer(&conn->timer, 1);
    }
}


void
ngx_gatehouse_redis_go(ngx_gatehouse_redis_connection_t *conn,
                       ngx_addr_t *addrs, ngx_uint_t naddrs)
{
    ngx_uint_t told;

    told = !conn->waiting;

    redis_close(conn);

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    conn->addrs = addrs;
    conn->naddrs = naddrs;
    conn->address = 0;
    conn->failures = 0;
    conn->waiting = 1;

    /* many workers hear it at the same time */

    if (naddrs > 0) {
        ngx_add_timer(&conn->timer, 1 + (ngx_msec_t) ngx_random() % 10);
    }

    if (told) {
        conn->moved = 1;
        conn->owner->lost(conn, "is not the primary any more");
        conn->moved = 0;
    }
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

    pause = REDIS_PAUSE;

    for (i = 0; i < conn->failures && pause < REDIS_PAUSE_MAX; i++) {
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
    ngx_gatehouse_redis_connection_t *conn = ngx_gatehouse_event_data(ev);

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

    addr = &conn->addrs[conn->address % conn->naddrs];
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
    c->read->handler = ngx_gatehouse_redis_read;
    c->write->handler = ngx_gatehouse_redis_write;

    c->pool = ngx_create_pool(1024, conn->log);
    if (c->pool == NULL) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
        return;
    }

    ngx_add_timer(&conn->timer, ngx_max(conn->conf->timeout, REDIS_OPEN_MIN));

    if (rc == NGX_OK) {
        ngx_gatehouse_redis_connected(conn);
    }
}


void
ngx_gatehouse_redis_connected(ngx_gatehouse_redis_connection_t *conn)
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

    c->read->handler = ngx_gatehouse_redis_read;
    c->write->handler = ngx_gatehouse_redis_write;

    redis_greet(conn);
}


/*
 * A sentinel has no databases; one that it has called a primary must say so
 * itself before anything is asked of it.
 */

static void
redis_greet(ngx_gatehouse_redis_connection_t *conn)
{
    ngx_int_t rc;
    ngx_gatehouse_redis_conf_t *conf = conn->conf;

    const gh_str_t role = GH_STR("ROLE");

    rc = conf->password.len > 0 ? redis_authenticate(conn) : NGX_OK;

    if (rc == NGX_OK && !conf->sentinel) {
        rc = redis_select(conn);
    }

    if (rc == NGX_OK && conf->sentinels != NULL) {
        rc = redis_introduce(conn, &role, 1);
    }

    if (rc != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");

    } else if (conf->sentinels == NULL) {
        conn->owner->opened(conn);
    }
}


static ngx_int_t
redis_authenticate(ngx_gatehouse_redis_connection_t *conn)
{
    size_t n;
    gh_str_t args[3];
    ngx_gatehouse_redis_conf_t *conf = conn->conf;

    n = 0;
    args[n++] = GH_STR("AUTH");

    if (conf->username.len > 0) {
        args[n].data = (char *) conf->username.data;
        args[n++].len = conf->username.len;
    }

    args[n].data = (char *) conf->password.data;
    args[n++].len = conf->password.len;

    return redis_introduce(conn, args, n);
}


static ngx_int_t
redis_select(ngx_gatehouse_redis_connection_t *conn)
{
    char number[NGX_INT_T_LEN];
    u_char *last;
    gh_str_t args[2];

    last = ngx_sprintf((u_char *) number, "%ui", conn->conf->database);

    args[0] = GH_STR("SELECT");
    args[1].data = number;
    args[1].len = (size_t) (last - (u_char *) number);

    return redis_introduce(conn, args, 2);
}


static ngx_int_t
redis_introduce(ngx_gatehouse_redis_connection_t *conn, const gh_str_t *args,
                size_t n)
{
    conn->greeting++;

    return ngx_gatehouse_redis_command(conn, args, n);
}


ngx_int_t
ngx_gatehouse_redis_greeted(ngx_gatehouse_redis_connection_t *conn,
                            const redisReply *reply, const char **why)
{
    gh_str_t code;
    gh_redis_verdict_t verdict;

    conn->greeting--;
    verdict = gh_redis_error(reply, &code);

    if (verdict != GH_REDIS_DONE) {
        *why = gh_redis_error_words(code);
        return NGX_ERROR;
    }

    if (conn->greeting > 0 || conn->conf->sentinels == NULL) {
        return reply->type == REDIS_REPLY_STATUS ? NGX_OK : NGX_ERROR;
    }

    verdict = gh_redis_role_judge(reply);

    if (verdict != GH_REDIS_DONE) {
        *why = verdict == GH_REDIS_REPLICA
                   ? "is a replica, though sentinels call it the primary"
                   : "is no primary";
        return NGX_ERROR;
    }

    conn->owner->opened(conn);

    return conn->waiting ? NGX_ERROR : NGX_OK; /* it has left */
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

    if (conn->settled) {
        /* it can be opened: attempts need not be far apart */
        conn->failures = ngx_current_msec - conn->settled_at > REDIS_STEADY
                             ? 0
                             : ngx_min(conn->failures + 1, REDIS_UNSTEADY);
    } else {
        conn->failures++;
    }

    redis_close(conn);
    redis_wait(conn);

    conn->owner->lost(conn, why);
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
