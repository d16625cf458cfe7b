/*
 * Sentinels are all asked, and told on: one of them that is cut off, hangs
 * or lies moves nobody. Whatever they say is looked at before it is used.
 */

#include "ngx_gatehouse_redis_sentinel.h"
#include "ngx_gatehouse_event.h"


#define SENTINEL_TICK 1000    /* ms: asked so often, and so long waited for */
#define SENTINEL_RESOLVE 5000 /* ms */


static void sentinel_opened(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t sentinel_ask(ngx_gatehouse_redis_asked_t *asked);
static ngx_int_t sentinel_reply(ngx_gatehouse_redis_connection_t *conn,
                                const redisReply *reply, const char **why);
static ngx_int_t sentinel_pushed(ngx_gatehouse_redis_asked_t *asked,
                                 const redisReply *reply);
static void sentinel_lost(ngx_gatehouse_redis_connection_t *conn,
                          const char *why);
static void sentinel_tick(ngx_event_t *ev);

static void sentinel_count(ngx_gatehouse_redis_finder_t *finder);
static void sentinel_follow(ngx_gatehouse_redis_finder_t *finder);
static void sentinel_address(ngx_gatehouse_redis_finder_t *finder);
static void sentinel_add(ngx_gatehouse_redis_finder_t *finder,
                         struct sockaddr *sockaddr, socklen_t socklen);
static void sentinel_resolve(ngx_gatehouse_redis_finder_t *finder);
static void sentinel_resolved(ngx_resolver_ctx_t *ctx);
static ngx_uint_t sentinel_same(ngx_gatehouse_redis_finder_t *finder,
                                ngx_sockaddr_t *before, ngx_uint_t n);
static void sentinel_forget(ngx_gatehouse_redis_finder_t *finder);


static const ngx_gatehouse_redis_owner_t sentinel_owner = {
    sentinel_opened,
    sentinel_reply,
    sentinel_lost,
};


ngx_int_t
ngx_gatehouse_redis_find_start(ngx_gatehouse_redis_finder_t *finder)
{
    ngx_uint_t i, n;
    ngx_gatehouse_redis_conf_t **conf;
    ngx_gatehouse_redis_asked_t *asked;

    conf = finder->conf->sentinels->elts;
    n = finder->conf->sentinels->nelts;

    finder->asked =
        ngx_calloc(n * sizeof(ngx_gatehouse_redis_asked_t), finder->log);
    if (finder->asked == NULL) {
        return NGX_ERROR;
    }

    finder->where.data = finder->text;
    ngx_gatehouse_event_init(&finder->tick, &finder->dummy, finder,
                             sentinel_tick, finder->log);
    finder->tick.cancelable = 1;

    for (i = 0; i < n; i++) {
        asked = &finder->asked[i];

        asked->finder = finder;
        asked->vote = &finder->votes[i];

        ngx_gatehouse_redis_start(&asked->conn, &sentinel_owner, asked,
                                  conf[i], finder->log);
    }

    ngx_add_timer(&finder->tick, SENTINEL_TICK);

    return NGX_OK;
}


void
ngx_gatehouse_redis_find_stop(ngx_gatehouse_redis_finder_t *finder)
{
    ngx_uint_t i;

    if (finder->asked == NULL) {
        return;
    }

    for (i = 0; i < finder->conf->sentinels->nelts; i++) {
        ngx_gatehouse_redis_stop(&finder->asked[i].conn);
    }

    if (finder->tick.timer_set) {
        ngx_del_timer(&finder->tick);
    }

    sentinel_forget(finder);
    ngx_free(finder->asked);
    finder->asked = NULL;
}


void
ngx_gatehouse_redis_find_again(ngx_gatehouse_redis_finder_t *finder)
{
    ngx_uint_t i;
    ngx_gatehouse_redis_asked_t *asked;

    for (i = 0; i < finder->conf->sentinels->nelts; i++) {
        asked = &finder->asked[i];

        if (asked->conn.settled && !asked->asked) {
            (void) sentinel_ask(asked);
        }
    }

    sentinel_count(finder);

    /* the same name may have another address by now */

    if (finder->elected && finder->current.name && finder->resolving == NULL) {
        sentinel_resolve(finder);
    }
}


static void
sentinel_opened(ngx_gatehouse_redis_connection_t *conn)
{
    ngx_gatehouse_redis_asked_t *asked = conn->data;

    asked->asked = 0;
    asked->subscribed = 0;

    if (sentinel_ask(asked) != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
    }
}


/* Who listens may not ask (RESP2): it stops for the one question. */

static ngx_int_t
sentinel_ask(ngx_gatehouse_redis_asked_t *asked)
{
    ngx_int_t rc;
    gh_str_t args[2], name;
    gh_redis_bytes_t bytes;

    args[0] = GH_STR("UNSUBSCRIBE");
    args[1] = GH_STR(GH_REDIS_SWITCH);

    if (asked->subscribed
        && ngx_gatehouse_redis_command(&asked->conn, args, 2) != NGX_OK)
    {
        return NGX_ERROR;
    }

    name.data = (char *) asked->finder->conf->primary.data;
    name.len = asked->finder->conf->primary.len;

    if (gh_redis_primary_command(name, &bytes) != GH_OK) {
        return NGX_ERROR;
    }

    rc = ngx_gatehouse_redis_send(&asked->conn, &bytes);

    asked->asked = 1;
    asked->asked_at = ngx_current_msec;
    asked->subscribed = 1;
    args[0] = GH_STR("SUBSCRIBE");

    return rc == NGX_OK ? ngx_gatehouse_redis_command(&asked->conn, args, 2)
                        : rc;
}


/* Two words or nothing are an answer, three come from the channel. */

static ngx_int_t
sentinel_reply(ngx_gatehouse_redis_connection_t *conn, const redisReply *reply,
               const char **why)
{
    gh_str_t code;
    gh_redis_vote_t vote;
    gh_redis_verdict_t verdict;
    ngx_gatehouse_redis_asked_t *asked = conn->data;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3) {
        return sentinel_pushed(asked, reply);
    }

    verdict = gh_redis_primary_judge(reply, &vote);

    if (verdict == GH_REDIS_DOUBT
        || (!asked->asked && verdict == GH_REDIS_DONE)) {
        *why = "answers something else than an address";
        return NGX_ERROR;
    }

    if (verdict != GH_REDIS_DONE) {
        (void) gh_redis_error(reply, &code);
        *why = gh_redis_error_words(code);
        return NGX_ERROR;
    }

    asked->asked = 0;
    *asked->vote = vote;

    if (!conn->settled) {
        ngx_gatehouse_redis_settled(conn);
    }

    sentinel_count(asked->finder);

    return NGX_OK;
}


/* ["message", channel, "NAME OLD NEW"], or how many channels are heard */

static ngx_int_t
sentinel_pushed(ngx_gatehouse_redis_asked_t *asked, const redisReply *reply)
{
    gh_rc_t rc;
    gh_str_t word, text, name;
    gh_redis_address_t address;

    const redisReply *first = reply->element[0], *last = reply->element[2];

    if (first->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }

    word.data = first->str;
    word.len = (size_t) first->len;

    if (!gh_str_eq(word, GH_STR("message"))) {
        return gh_str_eq(word, GH_STR("subscribe"))
                       || gh_str_eq(word, GH_STR("unsubscribe"))
                   ? NGX_OK
                   : NGX_ERROR;
    }

    if (last->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }

    text.data = last->str;
    text.len = (size_t) last->len;
    name.data = (char *) asked->finder->conf->primary.data;
    name.len = asked->finder->conf->primary.len;

    rc = gh_redis_switch_parse(text, name, &address);

    if (rc == GH_OK) {
        asked->vote->state = GH_REDIS_VOTE_NAMED;
        asked->vote->address = address;
        sentinel_count(asked->finder);
    }

    return rc == GH_INVALID ? NGX_ERROR : NGX_OK;
}


static void
sentinel_lost(ngx_gatehouse_redis_connection_t *conn, const char *why)
{
    ngx_gatehouse_redis_asked_t *asked = conn->data;

    asked->asked = 0;
    asked->vote->state = GH_REDIS_VOTE_AWAY;

    asked->finder->away(asked->finder, &conn->conf->where, why);
    sentinel_count(asked->finder);
}


static void
sentinel_tick(ngx_event_t *ev)
{
    ngx_uint_t i;
    ngx_msec_t patience;
    ngx_gatehouse_redis_asked_t *asked;
    ngx_gatehouse_redis_finder_t *finder = ngx_gatehouse_event_data(ev);

    ngx_add_timer(
        &finder->tick,
        SENTINEL_TICK / 2 + (ngx_msec_t) ngx_random() % SENTINEL_TICK);

    patience = ngx_max(finder->conf->timeout, SENTINEL_TICK);

    for (i = 0; i < finder->conf->sentinels->nelts; i++) {
        asked = &finder->asked[i];

        if (!asked->conn.settled) {
            continue;
        }

        if (asked->asked && ngx_current_msec - asked->asked_at >= patience) {
            ngx_gatehouse_redis_leave(&asked->conn, "does not answer");

        } else if (!asked->asked && sentinel_ask(asked) != NGX_OK) {
            ngx_gatehouse_redis_leave(&asked->conn,
                                      "cannot be asked: no memory");
        }
    }

    if (finder->elected && finder->naddrs == 0 && finder->resolving == NULL) {
        sentinel_resolve(finder);
    }

    if (!finder->elected) {
        finder->none(finder,
                     gh_redis_elect_words(finder->votes,
                                          finder->conf->sentinels->nelts));
    }
}


static void
sentinel_count(ngx_gatehouse_redis_finder_t *finder)
{
    size_t n, winner;

    n = finder->conf->sentinels->nelts;
    winner = gh_redis_elect(finder->votes, n, finder->content);

    if (winner == n
        || (finder->elected
            && gh_redis_address_eq(&finder->current,
                                   &finder->votes[winner].address)))
    {
        return;
    }

    finder->current = finder->votes[winner].address;
    finder->elected = 1;

    sentinel_follow(finder);
}


static void
sentinel_follow(ngx_gatehouse_redis_finder_t *finder)
{
    const char *fmt;

    fmt =
        ngx_strchr(finder->current.host, ':') != NULL ? "[%s]:%ui" : "%s:%ui";

    finder->where.len =
        (size_t) (ngx_snprintf(finder->text, sizeof(finder->text), fmt,
                               finder->current.host,
                               (ngx_uint_t) finder->current.port)
                  - finder->text);

    ngx_log_error(NGX_LOG_NOTICE, finder->log, 0,
                  "gatehouse: sentinels name %V as the primary \"%V\"",
                  &finder->where, &finder->conf->primary);

    sentinel_forget(finder);
    finder->naddrs = 0;

    if (!finder->current.name) {
        sentinel_address(finder);
        finder->found(finder);
        return;
    }

    /* whatever it was: it is the primary no more */

    finder->found(finder);
    sentinel_resolve(finder);
}


static void
sentinel_address(ngx_gatehouse_redis_finder_t *finder)
{
    size_t len;
    u_char *host;
    in_addr_t v4;
    ngx_sockaddr_t any;

    ngx_memzero(&any, sizeof(ngx_sockaddr_t));
    host = (u_char *) finder->current.host;
    len = ngx_strlen(host);
    v4 = ngx_inet_addr(host, len);

    if (v4 != INADDR_NONE) {
        any.sockaddr_in.sin_family = AF_INET;
        any.sockaddr_in.sin_addr.s_addr = v4;
        sentinel_add(finder, &any.sockaddr, sizeof(struct sockaddr_in));
        return;
    }

#if (NGX_HAVE_INET6)
    if (ngx_inet6_addr(host, len, any.sockaddr_in6.sin6_addr.s6_addr)
        == NGX_OK) {
        any.sockaddr_in6.sin6_family = AF_INET6;
        sentinel_add(finder, &any.sockaddr, sizeof(struct sockaddr_in6));
    }
#endif
}


static void
sentinel_add(ngx_gatehouse_redis_finder_t *finder, struct sockaddr *sockaddr,
             socklen_t socklen)
{
    ngx_uint_t i;

    i = finder->naddrs;

    if (i == NGX_GATEHOUSE_REDIS_ADDRS || socklen > sizeof(ngx_sockaddr_t)) {
        return;
    }

    ngx_memcpy(&finder->sockaddrs[i], sockaddr, socklen);
    ngx_inet_set_port(&finder->sockaddrs[i].sockaddr, finder->current.port);

    finder->addrs[i].sockaddr = &finder->sockaddrs[i].sockaddr;
    finder->addrs[i].socklen = socklen;
    finder->addrs[i].name = finder->where;
    finder->naddrs++;
}


static void
sentinel_resolve(ngx_gatehouse_redis_finder_t *finder)
{
    ngx_resolver_ctx_t *ctx, temp;

    if (finder->conf->resolver == NULL) {
        finder->none(finder, "is a host name, as sentinels say it, and there "
                             "is no resolver: add \"resolver\" to the "
                             "gatehouse_redis block");
        return;
    }

    ngx_memzero(&temp, sizeof(ngx_resolver_ctx_t));
    temp.name.data = (u_char *) finder->current.host;
    temp.name.len = ngx_strlen(finder->current.host);

    ctx = ngx_resolve_start(finder->conf->resolver, &temp);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        finder->none(finder, "has a name that cannot be resolved now");
        return;
    }

    ctx->name = temp.name;
    ctx->handler = sentinel_resolved;
    ctx->data = finder;
    ctx->timeout = SENTINEL_RESOLVE;
    ctx->cancelable = 1;
    finder->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        finder->resolving = NULL;
        finder->none(finder, "has a name that cannot be resolved now");
    }
}


static void
sentinel_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t i, n;
    ngx_sockaddr_t before[NGX_GATEHOUSE_REDIS_ADDRS];
    ngx_gatehouse_redis_finder_t *finder = ctx->data;

    finder->resolving = NULL;

    if (ctx->state) {
        ngx_resolve_name_done(ctx);

        /* what it was before may still be right */

        if (finder->naddrs == 0) {
            finder->none(finder, "has a name that cannot be resolved");
        }

        return;
    }

    n = finder->naddrs;
    ngx_memcpy(before, finder->sockaddrs, sizeof(before));
    ngx_memzero(finder->sockaddrs, sizeof(finder->sockaddrs));
    finder->naddrs = 0;

    for (i = 0; i < ctx->naddrs; i++) {
        sentinel_add(finder, ctx->addrs[i].sockaddr, ctx->addrs[i].socklen);
    }

    ngx_resolve_name_done(ctx);

    if (!sentinel_same(finder, before, n)) {
        finder->found(finder);
    }
}


/* A resolver gives them in any order. */

static ngx_uint_t
sentinel_same(ngx_gatehouse_redis_finder_t *finder, ngx_sockaddr_t *before,
              ngx_uint_t n)
{
    ngx_uint_t i, k;

    for (i = 0; i < finder->naddrs && n == finder->naddrs; i++) {

        for (k = 0; k < n; k++) {
            if (ngx_memcmp(&finder->sockaddrs[i], &before[k],
                           sizeof(ngx_sockaddr_t))
                == 0) {
                break;
            }
        }

        if (k == n) {
            return 0;
        }
    }

    return n == finder->naddrs;
}


static void
sentinel_forget(ngx_gatehouse_redis_finder_t *finder)
{
    if (finder->resolving != NULL) {
        ngx_resolve_name_done(finder->resolving);
        finder->resolving = NULL;
    }
}
