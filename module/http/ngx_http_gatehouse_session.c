/*
 * Method oidc: the session that a cookie names. What a worker has opened is
 * kept, and bound to the record it came from: the change log says when that
 * moved. An unknown or ended session counts as no credential.
 */

#include "ngx_http_gatehouse_session.h"

#define SESSION_SEEN_S (24 * 3600) /* a cell that old may be given away */


static ngx_int_t session_current(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_oidc_t *oidc,
                                 ngx_http_gatehouse_session_entry_t **out);
static ngx_int_t session_open(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_session_entry_t *entry,
                              gh_str_t record, uint64_t stamp);
static ngx_int_t session_principal(ngx_http_gatehouse_session_entry_t *entry);
static ngx_uint_t session_is_ours(ngx_http_request_t *r,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  const gh_session_t *s);
static ngx_int_t session_judge(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_session_entry_t *entry);
static ngx_int_t session_wait(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_session_entry_t *entry);
static void session_use(ngx_http_gatehouse_request_t *gr,
                        ngx_http_gatehouse_session_entry_t *entry);
static void session_see(ngx_http_gatehouse_session_entry_t *entry,
                        int64_t now_s);
static uint64_t session_later(uint64_t old, void *data, gh_rc_t *rc);
static bool session_seen_idle(uint64_t value, uint64_t now_s);


ngx_int_t
ngx_http_gatehouse_session(ngx_http_gatehouse_request_t *gr,
                           ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_int_t rc;
    ngx_http_gatehouse_session_entry_t *entry;

    rc = session_current(gr, oidc, &entry);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = session_judge(gr, entry);

    if (rc == NGX_OK) {
        session_use(gr, entry);
        session_see(entry, ngx_time());
    }

    return rc;
}


ngx_int_t
ngx_http_gatehouse_session_peek(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_oidc_t *oidc)
{
    int64_t seen;
    ngx_int_t rc;
    ngx_http_gatehouse_session_entry_t *entry;

    rc = session_current(gr, oidc, &entry);

    if (rc != NGX_OK) {
        return rc;
    }

    seen = (int64_t) gh_cells_get(gr->gmcf->shm->seen, entry->hash);

    if (gh_session_judge(&entry->session, &oidc->times, seen, ngx_time())
        == GH_SESSION_OVER)
    {
        return NGX_DECLINED;
    }

    session_use(gr, entry);

    return NGX_OK;
}


/* The request's own, opened from the record as it is now. */

static ngx_int_t
session_current(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_oidc_t *oidc,
                ngx_http_gatehouse_session_entry_t **out)
{
    gh_rc_t rc;
    gh_str_t cookie, record;
    uint64_t stamp;
    ngx_gatehouse_name_t name;
    ngx_http_gatehouse_session_entry_t *entry;

    if (ngx_http_gatehouse_session_cookie(gr->request, oidc, &cookie)
        != NGX_OK) {
        return NGX_DECLINED;
    }

    entry = ngx_http_gatehouse_session_find(gr->gmcf, oidc, cookie);

    if (entry == NULL || entry->ended) {
        return NGX_DECLINED;
    }

    name.text.data = (char *) entry->name;
    name.text.len = GH_SESSION_NAME_LEN;
    name.hash = entry->record_hash;

    gr->record_waiter.handler = ngx_http_gatehouse_wake;
    gr->record_waiter.data = gr;

    rc = ngx_gatehouse_records_get_hashed(gr->gmcf->records, GH_KIND_SESSION,
                                          &name, &record, &stamp,
                                          &gr->record_waiter);

    if (rc == GH_ABSENT) {
        ngx_http_gatehouse_session_unlist(entry);
        return NGX_DECLINED;
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_not_asked(gr, rc);
    }

    if (entry->session.document != NULL && stamp != entry->stamp
        && entry->refs > 1)
    {
        /* others still read the old one: they keep it */
        ngx_http_gatehouse_session_unlist(entry);
        entry = ngx_http_gatehouse_session_find(gr->gmcf, oidc, cookie);

        if (entry == NULL) {
            return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
        }
    }

    if (entry->session.document == NULL || stamp != entry->stamp) {

        switch (session_open(gr, entry, record, stamp)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            ngx_http_gatehouse_session_unlist(entry);
            return NGX_DECLINED;

        default:
            ngx_http_gatehouse_session_unlist(entry);
            return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
        }
    }

    if (!session_is_ours(gr->request, oidc, &entry->session)) {
        return NGX_DECLINED;
    }

    *out = entry;

    return NGX_OK;
}


/* One cookie of that name, or several that are equal. */

ngx_int_t
ngx_http_gatehouse_session_cookie(ngx_http_request_t *r,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  gh_str_t *cookie)
{
    ngx_str_t value;

    if (ngx_http_gatehouse_cookie_one(r, &oidc->cookie_name, &value) != NGX_OK
        || value.len != GH_SESSION_COOKIE_LEN)
    {
        return NGX_DECLINED;
    }

    *cookie = ngx_http_gatehouse_gh(value);

    return NGX_OK;
}


static ngx_int_t
session_open(ngx_http_gatehouse_request_t *gr,
             ngx_http_gatehouse_session_entry_t *entry, gh_str_t record,
             uint64_t stamp)
{
    gh_rc_t rc;
    gh_str_t name;
    gh_session_t session;

    name.data = (char *) entry->name;
    name.len = GH_SESSION_NAME_LEN;

    rc = gh_session_open(gr->gmcf->secret, name, record, &session);

    if (rc != GH_OK) {
        return (rc == GH_DENIED) ? NGX_DECLINED : NGX_ERROR;
    }

    gh_session_clear(&entry->session);

    entry->session = session;
    entry->stamp = stamp;

    return session_principal(entry);
}


static ngx_int_t
session_principal(ngx_http_gatehouse_session_entry_t *entry)
{
    size_t n;
    gh_rc_t rc;
    gh_str_t room[2 * NGX_HTTP_GATEHOUSE_LISTS_MAX];
    gh_principal_t *p;

    p = &entry->principal;

    if (entry->known != NULL) {
        ngx_http_gatehouse_known_release(entry->known);
        entry->known = NULL;
    }

    ngx_free(entry->lists);
    entry->lists = NULL;

    rc = gh_session_principal(&entry->session, &entry->oidc->claims, room,
                              NGX_HTTP_GATEHOUSE_LISTS_MAX, p);

    if (rc == GH_TOO_LONG) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "gatehouse: a session of provider \"%V\" has more "
                      "than %d groups or scopes and counts as none",
                      &entry->oidc->name, NGX_HTTP_GATEHOUSE_LISTS_MAX);
    }

    if (rc != GH_OK) {
        return NGX_DECLINED;
    }

    n = p->n_groups + p->n_scopes;

    if (n == 0) {
        return NGX_OK;
    }

    entry->lists = ngx_alloc(n * sizeof(gh_str_t), ngx_cycle->log);
    if (entry->lists == NULL) {
        return NGX_ERROR;
    }

    if (p->n_groups != 0) {
        ngx_memcpy(entry->lists, p->groups, p->n_groups * sizeof(gh_str_t));
    }

    if (p->n_scopes != 0) {
        ngx_memcpy(entry->lists + p->n_groups, p->scopes,
                   p->n_scopes * sizeof(gh_str_t));
    }

    p->groups = entry->lists;
    p->scopes = entry->lists + p->n_groups;

    return NGX_OK;
}


/* A cookie of one host, provider or client opens nothing at another. */

static ngx_uint_t
session_is_ours(ngx_http_request_t *r, ngx_http_gatehouse_oidc_t *oidc,
                const gh_session_t *s)
{
    return gh_str_eq(s->provider, ngx_http_gatehouse_gh(oidc->name))
           && gh_str_eq(s->issuer, oidc->client.issuer)
           && gh_str_eq(s->client_id, oidc->client.client_id)
           && gh_str_eq(s->host, ngx_http_gatehouse_session_host(r, oidc))
           && (oidc->cookie_domain.len == 0
               || gh_login_host_within(
                   ngx_http_gatehouse_gh(r->headers_in.server),
                   ngx_http_gatehouse_gh(oidc->cookie_domain)));
}


gh_str_t
ngx_http_gatehouse_session_host(ngx_http_request_t *r,
                                ngx_http_gatehouse_oidc_t *oidc)
{
    return ngx_http_gatehouse_gh(
        oidc->cookie_domain.len ? oidc->cookie_domain : r->headers_in.server);
}


static ngx_int_t
session_judge(ngx_http_gatehouse_request_t *gr,
              ngx_http_gatehouse_session_entry_t *entry)
{
    int64_t seen, now;

    now = ngx_time();
    seen = (int64_t) gh_cells_get(gr->gmcf->shm->seen, entry->hash);

    switch (gh_session_judge(&entry->session, &entry->oidc->times, seen, now))
    {

    case GH_SESSION_OVER:
        ngx_http_gatehouse_session_end(entry);
        return NGX_DECLINED;

    case GH_SESSION_WAIT:
        return session_wait(gr, entry);

    case GH_SESSION_REFRESH:
        (void) ngx_http_gatehouse_session_refresh(entry);
        break;

    default:
        break;
    }

    if (gh_session_touch_due(&entry->session, &entry->oidc->times, now)) {
        ngx_http_gatehouse_session_touch(entry);
    }

    return NGX_OK;
}


/*
 * The record was just written here: the change log says so to everybody a
 * moment later, but who waited goes on now. Requests that still read the old
 * session keep it.
 */

void
ngx_http_gatehouse_session_renew(ngx_http_gatehouse_session_entry_t *entry,
                                 gh_str_t sealed)
{
    gh_str_t name;
    gh_session_t session;
    ngx_http_gatehouse_session_entry_t *fresh;

    name.data = (char *) entry->name;
    name.len = GH_SESSION_NAME_LEN;

    if (!entry->listed
        || gh_session_open(entry->gmcf->secret, name, sealed, &session)
               != GH_OK)
    {
        return;
    }

    fresh = entry;

    if (entry->refs > 2) {
        /* the table, the update, and requests */
        fresh = ngx_http_gatehouse_session_copy(entry);

        if (fresh == NULL) {
            gh_session_clear(&session);
            return;
        }

        ngx_http_gatehouse_session_unlist(entry);
        ngx_http_gatehouse_session_list(fresh);
    }

    gh_session_clear(&fresh->session);
    fresh->session = session;

    if (session_principal(fresh) != NGX_OK) {
        ngx_http_gatehouse_session_unlist(fresh);
    }
}


/* Its token has expired: who cannot be told a fresh one is told the old one
 * for a while, then nothing. */

static ngx_int_t
session_wait(ngx_http_gatehouse_request_t *gr,
             ngx_http_gatehouse_session_entry_t *entry)
{
    if (ngx_http_gatehouse_session_refresh(entry) == NGX_AGAIN) {

        gr->session_waiter.handler = ngx_http_gatehouse_wake;
        gr->session_waiter.data = gr;
        ngx_gatehouse_waiter_link(&entry->waiters, &gr->session_waiter);

        return NGX_AGAIN;
    }

    return gh_session_grace(&entry->session, ngx_time())
               ? NGX_OK
               : ngx_http_gatehouse_refuse(gr, GH_REASON_LOGIN_UNAVAILABLE);
}


gh_rc_t
ngx_http_gatehouse_session_stands(ngx_http_gatehouse_request_t *gr)
{
    gh_rc_t rc;
    gh_str_t name, record;
    int64_t now = ngx_time();
    ngx_http_gatehouse_session_entry_t *entry = gr->session;

    name.data = (char *) entry->name;
    name.len = GH_SESSION_NAME_LEN;

    rc = ngx_gatehouse_records_get(gr->gmcf->records, GH_KIND_SESSION, name,
                                   &record, NULL, &gr->stream_waiter);

    if (rc == GH_ABSENT || entry->ended
        || entry->session.created_at_s + entry->oidc->times.absolute_s <= now)
    {
        return GH_DENIED;
    }

    if (rc == GH_OK) {
        /* a stream that lives is activity */
        session_see(entry, now);
    }

    return (rc == GH_AGAIN) ? GH_AGAIN : GH_OK;
}


static void
session_use(ngx_http_gatehouse_request_t *gr,
            ngx_http_gatehouse_session_entry_t *entry)
{
    if (gr->session != entry) {

        if (gr->session != NULL) {
            ngx_http_gatehouse_session_release(gr->session);
        }

        entry->refs++;
        gr->session = entry;
    }

    if (entry->known == NULL) {
        entry->known =
            ngx_http_gatehouse_known_create(entry->gmcf, &entry->principal);
    }

    if (entry->known != NULL) {
        ngx_http_gatehouse_known_use(gr, entry->known, NULL);

    } else {
        gr->principal = entry->principal;
    }
}


/* For all workers; once a second is often enough. */

static void
session_see(ngx_http_gatehouse_session_entry_t *entry, int64_t now_s)
{
    uint64_t now = (uint64_t) now_s;
    ngx_http_gatehouse_main_conf_t *gmcf = entry->gmcf;

    if (entry->seen_at_s == now_s) {
        return;
    }

    entry->seen_at_s = now_s;

    if (gh_cells_get(gmcf->shm->seen, entry->hash) < now) {
        (void) gh_cells_move(gmcf->shm->seen, entry->hash, now,
                             &gmcf->cells_lock, session_seen_idle,
                             session_later, &now);
    }
}


static uint64_t
session_later(uint64_t old, void *data, gh_rc_t *rc)
{
    uint64_t *now = data;

    *rc = GH_OK;

    return (old > *now) ? old : *now;
}


static bool
session_seen_idle(uint64_t value, uint64_t now_s)
{
    return value + SESSION_SEEN_S < now_s;
}
