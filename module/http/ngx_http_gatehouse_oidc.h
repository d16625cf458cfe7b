/*
 * Single sign-on: what the files of the HTTP room that log people in share.
 * A provider is declared once for all servers; a location names it in
 * gatehouse_authenticate; its callback and logout addresses are served
 * before any location is looked for.
 */

#ifndef NGX_HTTP_GATEHOUSE_OIDC_H
#define NGX_HTTP_GATEHOUSE_OIDC_H

#include "ngx_http_gatehouse.h"

#include "gh_login.h"
#include "gh_oidc.h"
#include "gh_page.h"
#include "gh_session.h"

#define NGX_HTTP_GATEHOUSE_LISTS_MAX 1024 /* groups or scopes of a person */
#define NGX_HTTP_GATEHOUSE_FORM_MAX                                           \
    16384 /* of a POST that a login interrupts */


/* gatehouse_oidc_provider NAME { ... } */
struct ngx_http_gatehouse_oidc_s {
    ngx_str_t name;
    ngx_http_gatehouse_issuer_t issuer; /* its keys; and its access tokens,
                                           where an audience is named */
    gh_oidc_client_t client;            /* redirect_uri is filled in per
                                           request when it is a path */
    ngx_str_t client_id, scope, key_id;
    ngx_str_t redirect_uri;    /* as configured: a path or https://... */
    ngx_str_t redirect_path;   /* the path of it */
    ngx_str_t redirect_origin; /* empty: the request's own */
    ngx_str_t logout_uri, backchannel_logout_uri, frontchannel_logout_uri;
    ngx_str_t post_logout_uri, login_uri;
    ngx_str_t logged_out_uri; /* our own page */
    ngx_str_t cookie_name, login_cookie_name, cookie_domain;
    gh_session_times_t times;
    gh_session_claims_t claims;
    gh_provider_rules_t rules;
    ngx_array_t *hosts;     /* gh_str_t */
    ngx_array_t *arguments; /* gh_form_field_t: of the authorization request */
    ngx_array_t *acr;       /* gh_str_t */
    ngx_str_t acr_values, max_age_text;
    time_t max_age;
    ngx_flag_t userinfo;
    unsigned email_any : 1; /* also one that is not verified */
};

/* A session that a worker has open. Held by requests and by the table. */
struct ngx_http_gatehouse_session_entry_s {
    ngx_queue_t queue;                        /* least recently used last */
    ngx_http_gatehouse_session_entry_t *next; /* of its bucket */
    ngx_http_gatehouse_main_conf_t *gmcf;
    ngx_http_gatehouse_oidc_t *oidc;
    u_char cookie[GH_SESSION_COOKIE_LEN];
    u_char name[GH_SESSION_NAME_LEN];
    uint64_t stamp; /* of the record it was opened from */
    gh_session_t session;
    gh_principal_t principal;
    ngx_http_gatehouse_known_t *known; /* of it; held, made when needed */
    gh_str_t *lists;                   /* its groups and scopes */
    uint64_t hash;                     /* of the name: when it was seen last */
    uint64_t record_hash;              /* of the name, as the store has it */
    int64_t seen_at_s;                 /* told to all workers last */
    ngx_http_gatehouse_update_t *update; /* under way here */
    ngx_queue_t waiters;                 /* of requests that wait for it */
    ngx_msec_t refresh_after;            /* not again before, unless 0 */
    ngx_msec_t touch_after;
    ngx_uint_t refs;
    unsigned listed : 1; /* in the table */
    unsigned ended : 1;  /* whatever the worker still remembers */
};

/* Whose callback, logout or other page this path is; what it is. */
typedef enum {
    NGX_HTTP_GATEHOUSE_ENDPOINT_NONE = 0,
    NGX_HTTP_GATEHOUSE_ENDPOINT_CALLBACK,
    NGX_HTTP_GATEHOUSE_ENDPOINT_LOGIN,
    NGX_HTTP_GATEHOUSE_ENDPOINT_LOGOUT,
    NGX_HTTP_GATEHOUSE_ENDPOINT_LOGGED_OUT,
    NGX_HTTP_GATEHOUSE_ENDPOINT_BACKCHANNEL,
    NGX_HTTP_GATEHOUSE_ENDPOINT_FRONTCHANNEL
} ngx_http_gatehouse_endpoint_e;


/* As ngx_http_gatehouse_session looks, without waiting for refreshes or
 * touching: is there one? */
ngx_int_t ngx_http_gatehouse_session_peek(ngx_http_gatehouse_request_t *gr,
                                          ngx_http_gatehouse_oidc_t *oidc);
/* The session cookie of the request: exactly one value, well formed. */
ngx_int_t ngx_http_gatehouse_session_cookie(ngx_http_request_t *r,
                                            ngx_http_gatehouse_oidc_t *oidc,
                                            gh_str_t *cookie);
/* What a session is bound to beside its provider: the cookie's domain or the
 * host. Borrowed. */
gh_str_t ngx_http_gatehouse_session_host(ngx_http_request_t *r,
                                         ngx_http_gatehouse_oidc_t *oidc);

/* What was just written of it is used here at once. */
void ngx_http_gatehouse_session_renew(
    ngx_http_gatehouse_session_entry_t *entry, gh_str_t sealed);
/* It is over: its record goes, nobody waits for that. */
void ngx_http_gatehouse_session_end(ngx_http_gatehouse_session_entry_t *entry);
void ngx_http_gatehouse_updates_close(ngx_http_gatehouse_main_conf_t *gmcf);

/* Changes of a session's record that outlive the request: see ..._update.c.
 * The entry is held meanwhile, and its waiters are called at the end. */
/* NGX_AGAIN: a refresh is under way; NGX_DECLINED: it is too early for one
 * after the last has failed, or none can be begun. */
ngx_int_t ngx_http_gatehouse_session_refresh(
    ngx_http_gatehouse_session_entry_t *entry);
void ngx_http_gatehouse_session_touch(
    ngx_http_gatehouse_session_entry_t *entry);

/* A redirect to the provider for that login; again and form are taken from
 * it. NGX_OK: gr->login is filled in. NGX_ERROR. */
ngx_int_t ngx_http_gatehouse_login_begin(ngx_http_gatehouse_request_t *gr,
                                         ngx_http_gatehouse_oidc_t *oidc,
                                         const gh_provider_t *provider,
                                         gh_login_t *login);
/* "https://app.example.com" of this request; NGX_DECLINED: it did not come
 * over TLS, and is not of this machine. */
ngx_int_t ngx_http_gatehouse_origin(ngx_http_request_t *r, ngx_str_t *origin);
/* The redirect_uri of this request, absolute. */
ngx_int_t ngx_http_gatehouse_redirect_uri(ngx_http_request_t *r,
                                          ngx_http_gatehouse_oidc_t *oidc,
                                          ngx_str_t *uri);

/* Whether this provider's addresses are served by this request's server. */
ngx_uint_t ngx_http_gatehouse_endpoint_here(ngx_http_request_t *r,
                                            ngx_http_gatehouse_oidc_t *oidc);
/* Another provider that a request to an address of our own may be about, when
 * it is not this one; NULL: none. */
ngx_http_gatehouse_oidc_t *ngx_http_gatehouse_endpoint_next(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *before);
/* Each answers what the phase handler is to answer; NGX_AGAIN: it waits. */
ngx_int_t ngx_http_gatehouse_callback(ngx_http_gatehouse_request_t *gr,
                                      ngx_http_gatehouse_oidc_t *oidc);
ngx_int_t ngx_http_gatehouse_logout(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_oidc_t *oidc);
ngx_int_t ngx_http_gatehouse_login(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_oidc_t *oidc);
ngx_int_t ngx_http_gatehouse_logged_out(ngx_http_gatehouse_request_t *gr,
                                        ngx_http_gatehouse_oidc_t *oidc);
ngx_int_t ngx_http_gatehouse_backchannel(ngx_http_gatehouse_request_t *gr,
                                         ngx_http_gatehouse_oidc_t *oidc);
ngx_int_t ngx_http_gatehouse_frontchannel(ngx_http_gatehouse_request_t *gr,
                                          ngx_http_gatehouse_oidc_t *oidc);

/*
 * Answers of our own, sent whole. NGX_DONE: the request is at its end and may
 * be gone; else a status that the phase handler answers with.
 */
ngx_int_t ngx_http_gatehouse_send_page(ngx_http_gatehouse_request_t *gr,
                                       gh_page_t page,
                                       const gh_page_values_t *values,
                                       gh_str_t form_origin);
ngx_int_t ngx_http_gatehouse_send_redirect(ngx_http_gatehouse_request_t *gr,
                                           ngx_uint_t status,
                                           ngx_str_t *location);
ngx_int_t ngx_http_gatehouse_send_empty(ngx_http_gatehouse_request_t *gr,
                                        ngx_uint_t status);
/* A cookie to be set; value empty: it is taken back. max_age 0: until the
 * browser closes. */
typedef struct {
    ngx_str_t name, value;
    time_t max_age;
} ngx_http_gatehouse_cookie_t;

/* Its Set-Cookie line, with the provider's domain; and added to the answer. */
ngx_int_t ngx_http_gatehouse_make_cookie(ngx_http_request_t *r,
                                         ngx_http_gatehouse_oidc_t *oidc,
                                         ngx_http_gatehouse_cookie_t *cookie,
                                         ngx_str_t *out);
ngx_int_t ngx_http_gatehouse_set_cookie(ngx_http_request_t *r,
                                        ngx_http_gatehouse_oidc_t *oidc,
                                        ngx_http_gatehouse_cookie_t *cookie);

/*
 * The body of a small form, read to its end: NGX_OK, *body (may be empty);
 * NGX_DONE: it comes later, do not touch the request any more, the phases run
 * again; NGX_DECLINED: longer than max; or a status.
 */
ngx_int_t ngx_http_gatehouse_body(ngx_http_gatehouse_request_t *gr, size_t max,
                                  ngx_str_t *body);

/* Starts an operation that the request waits for: the phases run again when
 * it is over. NGX_OK: it is over already, look at op->rc; NGX_AGAIN. */
ngx_int_t ngx_http_gatehouse_submit(ngx_http_gatehouse_request_t *gr,
                                    ngx_gatehouse_store_op_t *op);

/* One argument of that name, decoded; else NGX_DECLINED. */
ngx_int_t ngx_http_gatehouse_plain_argument(ngx_http_request_t *r,
                                            const char *name,
                                            ngx_str_t *value);
/* The request's query and what was logged of it go, code and state with it. */
ngx_int_t ngx_http_gatehouse_blank(ngx_http_gatehouse_request_t *gr);

/*
 * The form that this request carries, for a login that begins now. NGX_OK: it
 * is kept, and login says so; NGX_DECLINED: there is none to be kept;
 * NGX_AGAIN; NGX_DONE as of _body.
 */
ngx_int_t ngx_http_gatehouse_form_keep(ngx_http_gatehouse_request_t *gr,
                                       ngx_http_gatehouse_oidc_t *oidc,
                                       gh_login_t *login);
/* Of its record: 32 characters, appended. */
void ngx_http_gatehouse_form_name(const uint8_t id[GH_LOGIN_ID_LEN],
                                  gh_buf_t *name);

/* A code or a refresh token that is exchanged for tokens. */
typedef struct {
    gh_str_t code, verifier, redirect_uri;
    gh_str_t refresh_token;
} ngx_http_gatehouse_grant_t;

/* Calls of the provider's endpoints, ready to be started; NULL: no memory, or
 * the client cannot prove itself in any way that the provider knows. */
ngx_gatehouse_fetch_t *ngx_http_gatehouse_oidc_grant(
    ngx_http_gatehouse_oidc_t *oidc, const gh_provider_t *provider,
    const ngx_http_gatehouse_grant_t *grant);
ngx_gatehouse_fetch_t *ngx_http_gatehouse_oidc_revoke(
    ngx_http_gatehouse_oidc_t *oidc, const gh_provider_t *provider,
    gh_str_t token, gh_str_t hint);
ngx_gatehouse_fetch_t *ngx_http_gatehouse_oidc_userinfo(
    ngx_http_gatehouse_oidc_t *oidc, const gh_provider_t *provider,
    gh_str_t access_token);

/*
 * The signature of a token by the provider's keys, which are asked for once
 * more when it names one that is not among them. GH_OK, GH_DENIED; GH_AGAIN:
 * the waiter is linked; GH_UNAVAILABLE, GH_NOMEM.
 */
gh_rc_t ngx_http_gatehouse_oidc_verify(ngx_http_gatehouse_main_conf_t *gmcf,
                                       ngx_http_gatehouse_oidc_t *oidc,
                                       const gh_jwt_t *jwt,
                                       ngx_gatehouse_waiter_t *waiter);


#endif
