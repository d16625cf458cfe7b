/*
 * One call to a provider over HTTP, synchronous: for threads and the tool.
 * The promises of every call: https with certificate and name checked (http
 * only to loopback, when told), TLS 1.2 at least, no redirect, no proxy, one
 * deadline for all of it, a bound on the body, and no connection to an
 * address that the URL may not lead to (gh_url.h).
 */

#ifndef GH_CALL_H
#define GH_CALL_H

#include "gh_url.h"

#define GH_CALL_WHY_MAX 200

/* Keeps a connection open between calls. One call at a time. */
typedef struct gh_caller_s gh_caller_t;

/* Borrowed for the call; NUL-terminated. */
typedef struct {
    const char *url;
    const char *post;          /* a form; NULL: GET */
    const char *accept;        /* NULL: anything */
    const char *authorization; /* the header's value; NULL: none */
    const char *ca_file;       /* PEM; NULL: the system's */
    size_t max_bytes;          /* of the body */
    unsigned deadline_ms, connect_ms;
    bool loopback_http;
    bool (*stopped)(void *ctx); /* asked once a second; NULL: never */
    void *ctx;
} gh_call_t;

typedef struct {
    gh_rc_t rc; /* GH_OK: an answer came, whatever its status; GH_TOO_LONG;
                   GH_INVALID: not to be called; GH_UNAVAILABLE; GH_NOMEM */
    long status;
    char *content_type; /* NUL-terminated, may be NULL */
    char *body;         /* body_len bytes and a NUL; may be NULL */
    size_t body_len;
    char why[GH_CALL_WHY_MAX]; /* unless GH_OK; for the log, no secrets */
} gh_answer_t;


/* Once per process, before threads use it; and at its end. */
gh_rc_t gh_call_begin(void);
void gh_call_end(void);

/* NULL without memory. */
gh_caller_t *gh_caller_create(void);
void gh_caller_destroy(gh_caller_t *caller); /* NULL is fine */

/*
 * What can be said before anything is sent: GH_INVALID and *why (static)
 * when the URL may not be called or a header's value holds control bytes.
 * *url is borrowed from call->url.
 */
gh_rc_t gh_call_check(const gh_call_t *call, gh_url_t *url, const char **why);

/* out is the caller's and is written whole; clear it. */
void gh_call(gh_caller_t *caller, const gh_call_t *call, gh_answer_t *out);
void gh_answer_clear(gh_answer_t *answer);


#endif
