/*
 * One decision as one line: key=value text or a JSON object, made in one
 * pass into the caller's buffer. Values from outside are escaped and cut.
 */

#ifndef GH_LOGLINE_H
#define GH_LOGLINE_H

#include "gh_reason.h"
#include "gh_principal.h"


typedef struct {
    int64_t     at_ms;       /* since 1970 */
    gh_str_t    request_id;
    gh_str_t    source;      /* peer address */
    gh_str_t    http_method;
    gh_str_t    host;
    gh_str_t    target;      /* canonical path, the query masked by the caller */
    unsigned    status;
    gh_reason_t reason;
    bool        dry_run;     /* would have been refused */
    gh_method_t method;
    gh_str_t    principal, consumer, credential;
    gh_str_t    service, version, deployment;
    uint64_t    duration_us;
    uint64_t    upstream_us; /* 0: none */
    uint64_t    bytes_sent;
    uint64_t    generation;  /* of the policies */
} gh_logline_t;

#define GH_LOGLINE_MAX 4096


/* Append; fields that are empty or 0 are left out ("-" never appears). */
gh_rc_t gh_logline_text(const gh_logline_t *l, gh_buf_t *out);
gh_rc_t gh_logline_json(const gh_logline_t *l, gh_buf_t *out);

/*
 * The query of a target with the values of api_key, access_token, id_token,
 * token, code, state, password, signature and `extra` (n names) masked as
 * "***". Appends the whole target.
 */
gh_rc_t gh_logline_mask_query(gh_str_t target, const gh_str_t *extra,
                              size_t n, gh_buf_t *out);


#endif
