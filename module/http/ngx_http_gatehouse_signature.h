/*
 * Method signature: what a location requires of message signatures, and what
 * one request's signature has come to.
 */

#ifndef NGX_HTTP_GATEHOUSE_SIGNATURE_H
#define NGX_HTTP_GATEHOUSE_SIGNATURE_H

#include "ngx_http_gatehouse.h"

#include "gh_digest.h"
#include "gh_signature.h"
#include "ngx_gatehouse_replay.h"

#define NGX_HTTP_GATEHOUSE_SIGNATURE_SKEW 60 /* seconds */
#define NGX_HTTP_GATEHOUSE_SIGNATURE_AHEAD 5


/* gatehouse_signature ...; */
struct ngx_http_gatehouse_signature_conf_s {
    gh_signature_policy_t policy;
    ngx_str_t accept;      /* Accept-Signature of a request without a body */
    ngx_str_t accept_body; /* and of one with a body */
};

/* Of one request; in its pool. */
struct ngx_http_gatehouse_signature_s {
    ngx_http_gatehouse_signature_conf_t *conf; /* under which it verified */
    const gh_image_signature_t *key;           /* in the request's image */
    gh_digest_t digest;                        /* of the body */
    ngx_gatehouse_replay_ask_t ask;            /* for the nonce */
    unsigned nonce : 1;                        /* it has one */
    unsigned digested : 1;                     /* the body is covered */
    unsigned awaited : 1; /* its body was not there at once */
    unsigned read : 1;
    unsigned intact : 1;  /* the body is the digest's */
    unsigned claimed : 1; /* the nonce is this request's */
};


/*
 * Reads the body of a request whose signature covers its digest. NGX_OK: all
 * of it is here and hashed; NGX_DONE: the phases run again when it is; else
 * the status that refuses it.
 */
ngx_int_t ngx_http_gatehouse_signature_body(ngx_http_gatehouse_request_t *gr);

/* The request has, or may have, a body. */
ngx_uint_t ngx_http_gatehouse_has_body(ngx_http_request_t *r);

/* The key of an entry of the image, parsed; NULL: no memory. Borrowed until
 * the next call. */
gh_jwks_t *ngx_http_gatehouse_signature_key(ngx_http_gatehouse_request_t *gr,
                                            const gh_image_signature_t *key);


#endif
