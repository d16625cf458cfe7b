/*
 * One login on its way through the callback, as the files that end it share
 * it: the steps in their order are in ..._callback.c.
 */

#ifndef NGX_HTTP_GATEHOUSE_CALLBACK_H
#define NGX_HTTP_GATEHOUSE_CALLBACK_H

#include "ngx_http_gatehouse_oidc.h"


typedef struct ngx_http_gatehouse_callback_s ngx_http_gatehouse_callback_t;

struct ngx_http_gatehouse_callback_s {
    ngx_http_gatehouse_oidc_t *oidc;
    ngx_uint_t step;
    gh_login_t login;
    char room[GH_LOGIN_STATE_MAX]; /* login's strings */
    gh_str_t cookie, code, iss;
    gh_login_proofs_t proofs;

    ngx_gatehouse_store_op_t *op;
    ngx_gatehouse_fetch_t *fetch;
    gh_oidc_reply_t reply;
    gh_jwt_t jwt;
    json_t *claims; /* of the id_token, then userinfo's too */

    char session_cookie[GH_SESSION_COOKIE_LEN];
    char session_name[GH_SESSION_NAME_LEN];
    char oldest[GH_SESSION_NAME_LEN]; /* ended: its index was full */
    ngx_uint_t index;                 /* 0: sid, 1: sub */
    ngx_uint_t tries;
    uint64_t index_version;

    gh_form_t *form;        /* the arguments */
    unsigned malformed : 1; /* they are */
    unsigned known : 1;     /* whose login it is */
    unsigned fetched : 1;   /* fetch is over */
    unsigned parsed : 1;    /* jwt is to be cleared */
};


/* Steps: NGX_DECLINED to go on, NGX_AGAIN when it waits, else what ends the
 * request. */
ngx_int_t ngx_http_gatehouse_callback_exchange(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);
ngx_int_t ngx_http_gatehouse_callback_verify(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);
ngx_int_t ngx_http_gatehouse_callback_userinfo(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);
ngx_int_t ngx_http_gatehouse_callback_session(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);
ngx_int_t ngx_http_gatehouse_callback_index(ngx_http_gatehouse_request_t *gr,
                                            ngx_http_gatehouse_callback_t *cb);
ngx_int_t ngx_http_gatehouse_callback_form(ngx_http_gatehouse_request_t *gr,
                                           ngx_http_gatehouse_callback_t *cb);

/* The first step of all: NGX_DECLINED when the state is ours, of this browser,
 * and a code came. */
ngx_int_t ngx_http_gatehouse_callback_state(ngx_http_gatehouse_request_t *gr,
                                            ngx_http_gatehouse_callback_t *cb);
/* The redirect to where the login began. */
ngx_int_t ngx_http_gatehouse_callback_return(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);

/* The login ends without a session: a page says so, our log why (static). */
ngx_int_t ngx_http_gatehouse_callback_refuse(ngx_http_gatehouse_request_t *gr,
                                             ngx_http_gatehouse_callback_t *cb,
                                             gh_page_t page, const char *why);
/* The cookies that a login ends with. */
ngx_int_t ngx_http_gatehouse_callback_cookies(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);
/* Where the login began: our own, and never another site's. */
ngx_int_t ngx_http_gatehouse_callback_url(ngx_http_gatehouse_request_t *gr,
                                          ngx_http_gatehouse_callback_t *cb,
                                          ngx_str_t *url);


#endif
