/*
 * What the files of the HTTP room share: configuration of the three levels,
 * the state that one request carries along the corridor, and the stations'
 * entry points in the order in which they are called.
 */

#ifndef NGX_HTTP_GATEHOUSE_H
#define NGX_HTTP_GATEHOUSE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "gh_apikey.h"
#include "gh_choose.h"
#include "gh_header.h"
#include "gh_image.h"
#include "gh_jwt.h"
#include "gh_logline.h"
#include "gh_principal.h"
#include "gh_rules.h"
#include "gh_secret.h"
#include "gh_target.h"
#include "gh_trace.h"
#include "gh_traffic.h"
#include "ngx_gatehouse_keys.h"
#include "ngx_gatehouse_policies.h"
#include "ngx_gatehouse_lease.h"
#include "ngx_gatehouse_records.h"
#include "ngx_gatehouse_shm.h"
#include "ngx_gatehouse_store.h"
#include "ngx_http_gatehouse_limit.h"

#define NGX_HTTP_GATEHOUSE_ID_LEN 24 /* trace id and parent id */
#define NGX_HTTP_GATEHOUSE_IDS 128   /* drawn at once */
#define NGX_HTTP_GATEHOUSE_SENT 4    /* lists of headers per principal */
#define NGX_HTTP_GATEHOUSE_VALUE_MAX 8192
#define NGX_HTTP_GATEHOUSE_SOURCE_LEN 16
#define NGX_HTTP_GATEHOUSE_ISSUERS_MAX 8 /* on one line */
#define NGX_HTTP_GATEHOUSE_STICKY_NAME "__Host-gh-sticky"


typedef struct ngx_http_gatehouse_oidc_s ngx_http_gatehouse_oidc_t;
typedef struct ngx_http_gatehouse_assertion_s ngx_http_gatehouse_assertion_t;
typedef struct ngx_http_gatehouse_asserted_s ngx_http_gatehouse_asserted_t;
typedef struct ngx_http_gatehouse_pages_s ngx_http_gatehouse_pages_t;
typedef struct ngx_http_gatehouse_session_entry_s
    ngx_http_gatehouse_session_entry_t;
typedef struct ngx_http_gatehouse_sessions_s ngx_http_gatehouse_sessions_t;
typedef struct ngx_http_gatehouse_update_s ngx_http_gatehouse_update_t;
typedef struct ngx_http_gatehouse_tokens_s ngx_http_gatehouse_tokens_t;
typedef struct ngx_http_gatehouse_known_key_s ngx_http_gatehouse_known_key_t;
typedef struct ngx_http_gatehouse_signature_s ngx_http_gatehouse_signature_t;
typedef struct ngx_http_gatehouse_signature_conf_s
    ngx_http_gatehouse_signature_conf_t;
typedef struct ngx_http_gatehouse_signature_keys_s
    ngx_http_gatehouse_signature_keys_t;
typedef struct ngx_http_gatehouse_token_entry_s
    ngx_http_gatehouse_token_entry_t;


/* gatehouse_token_issuer NAME { ... } */
typedef struct {
    ngx_str_t name;
    ngx_str_t issuer;
    ngx_array_t *audiences; /* gh_str_t */
    gh_algs_t algs;
    ngx_str_t groups_claim; /* JSON pointer or name */
    ngx_str_t scope_claim;
    ngx_str_t name_claim, email_claim;
    time_t skew_s;
    gh_jwt_policy_t policy; /* of the above */
    ngx_gatehouse_keys_source_t keys;
    u_char *file; /* where it was declared */
    ngx_uint_t line;
} ngx_http_gatehouse_issuer_t;


/* gatehouse_authenticate ...; what a location asks for */
typedef struct {
    ngx_uint_t methods[GH_METHOD_COUNT]; /* in order */
    ngx_uint_t n_methods;
    ngx_http_gatehouse_issuer_t *issuers[NGX_HTTP_GATEHOUSE_ISSUERS_MAX];
    ngx_uint_t n_issuers;
    ngx_http_gatehouse_oidc_t *oidc; /* the provider of method oidc */
    unsigned off : 1;
    unsigned optional : 1;
    unsigned api_key : 1;   /* is one of the methods */
    unsigned signature : 1; /* so is this */
} ngx_http_gatehouse_authenticate_t;

/* One principal header that a location sends. */
typedef struct {
    ngx_str_t name;
    u_char *lowcase;
    ngx_uint_t hash;
    gh_part_t part;
    gh_str_t claim; /* unless empty: instead of the part */
} ngx_http_gatehouse_header_t;

/* Principal headers as one list of locations' headers makes them. */
typedef struct {
    ngx_array_t *headers; /* the list: header_t */
    ngx_table_elt_t *elts;
    ngx_uint_t n;
} ngx_http_gatehouse_sent_t;

/* A principal that a worker remembers, see ..._known.c */
typedef struct {
    ngx_pool_t *pool;         /* its own; everything below lives there */
    ngx_uint_t refs;          /* requests, and who remembers it */
    gh_principal_t principal; /* claims are borrowed */
    uint64_t subject;         /* hash of its id, for counters */
    ngx_http_gatehouse_sent_t sent[NGX_HTTP_GATEHOUSE_SENT];
    ngx_uint_t n_sent;
    gh_str_t who[2]; /* in decision lines: text, JSON */
} ngx_http_gatehouse_known_t;

/* A verified token that a worker remembers, and the principal it makes. */
struct ngx_http_gatehouse_token_entry_s {
    ngx_queue_t queue;                      /* least recently used last */
    ngx_http_gatehouse_token_entry_t *next; /* of its bucket */
    uint64_t hash;
    gh_str_t text; /* compared whole */
    json_t *claims;
    ngx_http_gatehouse_issuer_t *issuer; /* the policy it is bound to */
    uint64_t keys_version;
    int64_t from_s, until_s; /* when its times let it pass */
    uint64_t generation;     /* for which consumer holds */
    uint32_t consumer;
    gh_principal_t principal;          /* strings live in claims, pool */
    ngx_http_gatehouse_known_t *known; /* held; whom it made of it last */
    uint64_t known_generation;         /* under these policies; 0: none */
    uint32_t known_consumer;           /* its index in them */
    uint64_t records; /* their version when it was let in; 0: ask */
    ngx_pool_t *pool;
    ngx_uint_t refs; /* requests and the table */
};

/* What the configuration walk judges: one per block that was merged. */
typedef struct {
    ngx_http_core_srv_conf_t *cscf;
    ngx_http_core_loc_conf_t *clcf;
    void *glcf;
    void *outer; /* glcf of the level around it */
    ngx_str_t file;
    ngx_uint_t line;
    unsigned server : 1;     /* the server level itself */
    unsigned subrequest : 1; /* warned of already */
} ngx_http_gatehouse_place_t;


typedef struct {
    size_t memory;
    ngx_shm_zone_t *zone;
    ngx_gatehouse_policies_conf_t policies_conf;
    ngx_gatehouse_store_conf_t store_conf;
    gh_secret_t *secret;
    ngx_array_t issuers;               /* issuer_t * */
    ngx_array_t providers;             /* oidc_t * */
    ngx_array_t *assertions;           /* assertion_t * */
    ngx_http_gatehouse_pages_t *pages; /* NULL: ours */
    ngx_array_t limits;                /* limit_t *: named */
    ngx_array_t places;                /* place_t */
    ngx_array_t upstreams;             /* ngx_str_t */
    ngx_array_t limit_uses;            /* limit_t *: each place of a name */
    ngx_array_t issuer_names;          /* ngx_str_t */
    ngx_array_t key_sources;           /* keys_source_t * */
    gh_header_set_t *principal_names;  /* union of them all */
    ngx_array_t *default_headers;      /* header_t */
    ngx_http_gatehouse_header_t trace_header, token_header, assertion_header;
    ngx_http_upstream_srv_conf_t *router;
    ngx_http_upstream_main_conf_t *umcf;
    ngx_http_gatehouse_signature_conf_t *signature; /* the defaults */
    time_t signature_skew_s, signature_ahead_s; /* widest of any location */
    ngx_int_t request_id_index;                 /* of $request_id */
    ngx_array_t *heard; /* ngx_uint_t: $http_..., $cookie_..., $request_uri */
    unsigned used : 1;  /* any directive of ours
                                                       that needs a worker's
                                                       rooms */
    unsigned store_set : 1;

    /* of one worker, made in init_process */
    ngx_gatehouse_store_t *store;
    ngx_gatehouse_records_t *records;
    ngx_gatehouse_fetcher_t *fetcher;
    ngx_gatehouse_keys_t *keys;
    ngx_gatehouse_policies_t *policies;
    ngx_gatehouse_quota_t *quota;
    ngx_gatehouse_leases_t *leases; /* NULL: rates are this node's alone */
    ngx_gatehouse_shm_t *shm;
    ngx_gatehouse_counters_t *counters;
    ngx_http_gatehouse_tokens_t *tokens;
    ngx_http_gatehouse_sessions_t *sessions;
    ngx_http_gatehouse_asserted_t *asserted;
    ngx_http_gatehouse_known_key_t **known_keys;
    ngx_http_gatehouse_signature_keys_t *signature_keys;
    u_char ids[NGX_HTTP_GATEHOUSE_IDS][NGX_HTTP_GATEHOUSE_ID_LEN];
    ngx_uint_t ids_left;
    gh_sipkey_t sip; /* secret, of its own tables */
    gh_lock_t cells_lock;
    char line[GH_LOGLINE_MAX]; /* where a decision line is written */
    gh_logline_last_t line_last;
    ngx_queue_t bound;   /* images bound */
    ngx_queue_t updates; /* of sessions, under way */
    ngx_queue_t streams; /* requests with a principal, by last look */
    ngx_msec_t streams_check;
    ngx_event_t streams_event;
    ngx_connection_t streams_dummy;
    time_t refusals_second, cost_said_at; /* the error log's bound */
    ngx_uint_t refusals_logged, refusals_silent;
} ngx_http_gatehouse_main_conf_t;


typedef struct {
    ngx_array_t *trusted;   /* ngx_cidr_t; whose forwarding
                                               headers are believed */
    ngx_array_t *providers; /* oidc_t *: that its locations ask for */
    unsigned used : 1;      /* some location has a word */
} ngx_http_gatehouse_srv_conf_t;


typedef struct {
    ngx_http_gatehouse_authenticate_t *authenticate;
    ngx_array_t *rule_lines; /* ngx_array_t of gh_str_t */
    gh_str_t rules;
    ngx_array_t *limits; /* limit_t * */
    ngx_http_gatehouse_limit_t *bad_credentials;
    ngx_flag_t bad_credentials_off;
    ngx_http_complex_value_t *service;
    ngx_str_t api_key_header;
    ngx_http_gatehouse_header_t api_key_in;
    ngx_str_t api_key_query; /* empty: not looked at */
    ngx_http_gatehouse_signature_conf_t *signature;
    gh_target_flags_t target_allow; /* NGX_CONF_UNSET_UINT */
    ngx_uint_t target_allow_set;
    ngx_array_t *headers; /* header_t */
    ngx_flag_t forward_credentials;
    ngx_uint_t forward_token; /* handover_e; set with the flag */
    ngx_http_gatehouse_assertion_t *assertion;
    gh_principal_t *dev; /* everybody is; NULL: nobody */
    ngx_str_t request_id_header;
    ngx_http_gatehouse_header_t request_id_out;
    ngx_array_t *request_id_trusted; /* ngx_cidr_t */
    ngx_flag_t status;
    ngx_array_t *status_allow; /* ngx_cidr_t */

    /* where the block opened, for messages */
    ngx_str_t file;
    ngx_uint_t line;
    unsigned own_authenticate : 1;
    unsigned own_authorize : 1;
    unsigned own_limit : 1;
} ngx_http_gatehouse_loc_conf_t;


/* One deployment and one version of an image, bound to this cycle. */
typedef struct {
    ngx_http_upstream_srv_conf_t *upstream;
    ngx_uint_t series;
} ngx_http_gatehouse_deployment_t;

typedef struct {
    gh_choice_t *choices; /* weights now in force */
    uint64_t change;      /* id; 0: the file's weights */
    uint64_t name_hash;   /* of its traffic record */
    ngx_uint_t series;    /* of requests without a deployment */
    time_t loaded_at;     /* 0: the store was never asked */
    unsigned fresh : 1;   /* equals the store's */
    unsigned loaded : 1;
} ngx_http_gatehouse_weights_t;

typedef struct {
    ngx_queue_t queue; /* of the worker's */
    ngx_pool_t *pool;
    ngx_http_gatehouse_deployment_t *deployments; /* by index */
    ngx_http_gatehouse_weights_t *weights;        /* by version index */
    ngx_http_gatehouse_plan_limit_t **plans;      /* by index, in order */
    uint32_t n_versions;
} ngx_http_gatehouse_bound_t;


/* A redirect to a provider, ready for the header filter. */
typedef struct {
    ngx_str_t location; /* empty: none */
    ngx_str_t cookie;   /* the Set-Cookie header's value */
    ngx_uint_t status;
} ngx_http_gatehouse_login_t;


/* The state one main request carries along the corridor. It lives in the
 * request's pool and is found again after internal redirects. */
typedef struct {
    ngx_http_request_t *request;
    ngx_http_gatehouse_main_conf_t *gmcf;
    uint64_t began_ns;
    ngx_gatehouse_image_t *image; /* held */

    /* receive */
    ngx_str_t request_id;
    u_char id_bytes[NGX_HTTP_GATEHOUSE_ID_LEN];
    u_char own_id[32];
    u_char traceparent[GH_TRACEPARENT_LEN + 1];
    ngx_str_t original_target;
    gh_target_flags_t target_flags;

    /* resolve */
    ngx_str_t service_name;
    const gh_image_service_t *service;
    const gh_image_version_t *version;
    ngx_http_gatehouse_loc_conf_t *resolved_for;
    ngx_str_t prefix;   /* of the location, before a named one */
    size_t strip;       /* length of "/v1" to take out */
    size_t strip_at;    /* where in the path */
    size_t version_end; /* of its name in resolved_uri;
                                                  0: not from the path */
    ngx_str_t resolved_uri;

    /* authenticate */
    gh_principal_t principal;
    const gh_image_consumer_t *consumer; /* it is this one; may be NULL */
    ngx_http_gatehouse_known_t *known;   /* held; its strings may be used */
    ngx_http_gatehouse_authenticate_t *authenticated_by;
    ngx_http_gatehouse_signature_t *signature;   /* verified, or NULL */
    ngx_http_gatehouse_token_entry_t *token;     /* held */
    ngx_http_gatehouse_session_entry_t *session; /* held */
    ngx_http_gatehouse_login_t login;
    void *endpoint; /* of a callback or logout: its own state */

    /* limit */
    ngx_array_t charges; /* charge_t */
    uint64_t retry_ns;

    /* choose */
    const gh_image_deployment_t *deployment;
    ngx_str_t sticky_cookie; /* to be set, or empty */

    /* forward */
    ngx_uint_t n_forwarded;       /* headers that we made */
    unsigned token_forwarded : 1; /* Authorization is ours */

    /* streams */
    ngx_queue_t stream;
    ngx_msec_t checked_at;
    uint64_t checked_generation;
    ngx_gatehouse_waiter_t stream_waiter;

    /* what it came to */
    gh_reason_t reason;
    ngx_http_gatehouse_authenticate_t *refused_by;
    ngx_str_t accept_signature; /* of a refusal, or empty */
    gh_reason_t refused;        /* by an earlier pass, and not withdrawn */
    uint64_t duration_us;
    gh_buf_t body; /* of a refusal */
    ngx_uint_t keys_tries;

    /* awaits: one at a time */
    ngx_gatehouse_waiter_t record_waiter;
    ngx_gatehouse_waiter_t keys_waiter;
    ngx_gatehouse_waiter_t limit_waiter;
    ngx_gatehouse_waiter_t session_waiter;

    unsigned cleaned : 1; /* headers, in this pass */
    unsigned trace_continued : 1;
    unsigned judged : 1; /* access has decided */
    unsigned bad_charged : 1;
    unsigned limits_asked : 1;
    unsigned waiting : 1;
    unsigned recorded : 1;
    unsigned streaming : 1; /* linked in the worker's streams */
    unsigned answered : 1;  /* header filter was here */
    unsigned page : 1;      /* the refusal is ours */
    unsigned body_sent : 1;
    unsigned body_read : 1; /* by us, whole */
    unsigned storing : 1;   /* an operation of ours is under way */
} ngx_http_gatehouse_request_t;


extern ngx_module_t ngx_http_gatehouse_module;


static ngx_inline gh_str_t
ngx_http_gatehouse_gh(ngx_str_t s)
{
    gh_str_t out;

    out.data = (const char *) s.data;
    out.len = s.len;

    return out;
}


static ngx_inline ngx_str_t
ngx_http_gatehouse_ngx(gh_str_t s)
{
    ngx_str_t out;

    out.data = (u_char *) (uintptr_t) s.data;
    out.len = s.len;

    return out;
}


/* state: made on first use; NULL without memory. _find never makes one. */
ngx_http_gatehouse_request_t *ngx_http_gatehouse_request(
    ngx_http_request_t *r);
ngx_http_gatehouse_request_t *ngx_http_gatehouse_request_find(
    ngx_http_request_t *r);
/* Suspends the phase handler until a waiter wakes it. */
ngx_int_t ngx_http_gatehouse_suspend(ngx_http_gatehouse_request_t *gr);
void ngx_http_gatehouse_wake(void *data);
/* Sets the reason and gives the status that refuses the request. */
/* What the log and the counters say it came to. */
gh_reason_t ngx_http_gatehouse_outcome(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_refuse(ngx_http_gatehouse_request_t *gr,
                                    gh_reason_t reason);

/* stations */
ngx_int_t ngx_http_gatehouse_receive(ngx_http_request_t *r,
                                     ngx_uint_t server_rewrite);
ngx_int_t ngx_http_gatehouse_resolve(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_authenticate(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_apikey(ngx_http_gatehouse_request_t *gr,
                                    ngx_str_t *text);
ngx_int_t ngx_http_gatehouse_token(ngx_http_gatehouse_request_t *gr,
                                   ngx_str_t *text);
ngx_int_t ngx_http_gatehouse_signature(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_authorize(ngx_http_gatehouse_request_t *gr);
const gh_image_plan_t *ngx_http_gatehouse_plan(
    ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_limit(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_limit_bad_check(ngx_http_gatehouse_request_t *gr);
void ngx_http_gatehouse_limit_bad_charge(ngx_http_gatehouse_request_t *gr);
/* The parts of counters' hashes that no request changes. */
void ngx_http_gatehouse_limits_open(ngx_http_gatehouse_main_conf_t *gmcf);
ngx_int_t ngx_http_gatehouse_bind_plan(ngx_http_gatehouse_main_conf_t *gmcf,
                                       const gh_image_t *im, uint32_t index,
                                       ngx_http_gatehouse_bound_t *bound);
ngx_int_t ngx_http_gatehouse_admit(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_choose(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_forward(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_record(ngx_http_request_t *r);
void ngx_http_gatehouse_answer_init(void);
/* Appends one header to the answer; name outlives the request. */
ngx_int_t ngx_http_gatehouse_answer_add(ngx_http_request_t *r,
                                        const char *name, size_t len,
                                        ngx_str_t *value);
ngx_int_t ngx_http_gatehouse_answer_set(ngx_http_request_t *r, ngx_str_t *name,
                                        ngx_str_t *value);
ngx_int_t ngx_http_gatehouse_receive_id(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_receive_trace(ngx_http_gatehouse_request_t *gr,
                                           ngx_uint_t trusted);
/* Where the successor version of this request's version is: "/api/v2/x"
 * when versions are in the path, else empty. */
gh_str_t ngx_http_gatehouse_successor(ngx_http_gatehouse_request_t *gr);

/* Addresses of our own, see ..._endpoint.c; NGX_DECLINED: none of them. */
ngx_int_t ngx_http_gatehouse_endpoint(ngx_http_gatehouse_request_t *gr);
/* method oidc: NGX_OK with a principal; NGX_DECLINED: no session, as if no
 * cookie had come; NGX_AGAIN; or a status */
ngx_int_t ngx_http_gatehouse_session(ngx_http_gatehouse_request_t *gr,
                                     ngx_http_gatehouse_oidc_t *oidc);
/*
 * Before a request is refused for want of a credential: gets everything ready
 * for the redirect to the provider, if it is a person's. NGX_OK: ready, or
 * not a person; NGX_AGAIN; NGX_DONE: do not touch the request any more; or a
 * status (the provider is away).
 */
ngx_int_t ngx_http_gatehouse_login_prepare(ngx_http_gatehouse_request_t *gr,
                                           ngx_http_gatehouse_oidc_t *oidc);
/* Whether the session of a request that stays still holds: GH_DENIED; GH_AGAIN
 * as of ..._stands. */
gh_rc_t ngx_http_gatehouse_session_stands(ngx_http_gatehouse_request_t *gr);
/* A websocket's Origin, if it sends one, is this request's own. */
ngx_int_t ngx_http_gatehouse_own_origin(ngx_http_request_t *r);
/* In the header filter: the final 401 becomes the redirect. */
ngx_int_t ngx_http_gatehouse_login_answer(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_sessions_open(
    ngx_cycle_t *cycle, ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_sessions_close(ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_session_release(
    ngx_http_gatehouse_session_entry_t *entry);

/* headers of a request: removal without holes, see ..._headers.c */
typedef ngx_int_t (*ngx_http_gatehouse_drop_pt)(void *data,
                                                ngx_table_elt_t *h);
ngx_int_t ngx_http_gatehouse_headers_drop(ngx_http_request_t *r,
                                          ngx_http_gatehouse_drop_pt drop,
                                          void *data);
/* nginx's own pointer to a header that goes away. */
void ngx_http_gatehouse_headers_forget(ngx_http_request_t *r,
                                       ngx_table_elt_t *h);
/* Whether a header of the request came under that name: nginx folds names as
 * it reads them. */
static ngx_inline ngx_uint_t
ngx_http_gatehouse_header_is(ngx_table_elt_t *h,
                             ngx_http_gatehouse_header_t *header)
{
    return h->key.len == header->name.len
           && (h->lowcase_key
                   ? ngx_memcmp(h->lowcase_key, header->lowcase, h->key.len)
                   : ngx_strncasecmp(h->key.data, header->lowcase, h->key.len))
                  == 0;
}


/* The same under a name that is written in the source, in lower case. */
#define ngx_http_gatehouse_header_called(h, text)                             \
    ((h)->key.len == sizeof(text) - 1                                         \
     && ngx_http_gatehouse_header_reads(h, text, sizeof(text) - 1))

static ngx_inline ngx_uint_t
ngx_http_gatehouse_header_reads(ngx_table_elt_t *h, const char *text,
                                size_t len)
{
    return (h->lowcase_key ? ngx_memcmp(h->lowcase_key, text, len)
                           : ngx_strncasecmp(h->key.data,
                                             (u_char *) (uintptr_t) text, len))
           == 0;
}


/* Whether a value begins with that scheme, in any case (RFC 9110 section
 * 11.1); almost all write it so. */
static ngx_inline ngx_uint_t
ngx_http_gatehouse_bearer(ngx_str_t *value)
{
    return value->len >= 6
           && (ngx_memcmp(value->data, "Bearer", 6) == 0
               || ngx_strncasecmp(value->data, (u_char *) "bearer", 6) == 0);
}


/* The first header of that name, NULL when there is none. */
ngx_table_elt_t *ngx_http_gatehouse_header_named(ngx_http_request_t *r,
                                                 ngx_str_t *name);

/* the source address as limits know it: v4, or the /64 of v6 */
ngx_str_t ngx_http_gatehouse_source(ngx_connection_t *c,
                                    u_char buf[NGX_HTTP_GATEHOUSE_SOURCE_LEN]);

/* records of the store as stations ask for them */
gh_rc_t ngx_http_gatehouse_lookup(ngx_http_gatehouse_request_t *gr,
                                  gh_kind_t kind, gh_str_t name,
                                  gh_str_t *value, uint64_t *stamp);
ngx_int_t ngx_http_gatehouse_not_asked(ngx_http_gatehouse_request_t *gr,
                                       gh_rc_t rc);
/* GH_OK: that consumer is not suspended; GH_DENIED: it is. */
gh_rc_t ngx_http_gatehouse_consumer_stands(
    ngx_http_gatehouse_request_t *gr, const gh_image_consumer_t *consumer);
/* The principal becomes that consumer; GH_DENIED: it is suspended. */
gh_rc_t ngx_http_gatehouse_be_consumer(ngx_http_gatehouse_request_t *gr,
                                       const gh_image_consumer_t *consumer);
/* A browser's own signed name for choose. */
ngx_int_t ngx_http_gatehouse_sticky_cookie(ngx_http_gatehouse_request_t *gr,
                                           gh_str_t *key);
/* How many cookies have that name; *value is the first one's. */
ngx_uint_t ngx_http_gatehouse_cookie(ngx_http_request_t *r, ngx_str_t *name,
                                     ngx_str_t *value);
/* NGX_OK: one, or several that are equal. */
ngx_int_t ngx_http_gatehouse_cookie_one(ngx_http_request_t *r, ngx_str_t *name,
                                        ngx_str_t *value);
/* Takes our own cookies off the request; a header that held nothing else is
 * left empty, for forward to take it out. */
ngx_int_t ngx_http_gatehouse_cookies_forward(ngx_http_gatehouse_request_t *gr);
/* API keys verified before, see ..._apikey_known.c */
typedef struct {
    uint64_t stamp;
    int64_t expires_at_s; /* or revoked; 0: never */
    unsigned issued : 1;
} ngx_http_gatehouse_verified_key_t;

ngx_int_t ngx_http_gatehouse_known_open(ngx_cycle_t *cycle,
                                        ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_known_close(ngx_http_gatehouse_main_conf_t *gmcf);
ngx_int_t ngx_http_gatehouse_known_check(ngx_http_gatehouse_request_t *gr,
                                         gh_str_t text);
void ngx_http_gatehouse_known_add(
    ngx_http_gatehouse_request_t *gr, gh_str_t text,
    const gh_image_consumer_t *consumer,
    const ngx_http_gatehouse_verified_key_t *key);
ngx_int_t ngx_http_gatehouse_apikey_consumer(
    ngx_http_gatehouse_request_t *gr, const gh_image_consumer_t *consumer);
/* principals remembered, whatever proved them, see ..._known.c */
ngx_http_gatehouse_known_t *ngx_http_gatehouse_known_create(
    ngx_http_gatehouse_main_conf_t *gmcf, const gh_principal_t *principal);
void ngx_http_gatehouse_known_use(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_known_t *known,
                                  const gh_image_consumer_t *consumer);
void ngx_http_gatehouse_known_release(ngx_http_gatehouse_known_t *known);
ngx_http_gatehouse_known_t *ngx_http_gatehouse_known(
    ngx_http_gatehouse_request_t *gr);
ngx_http_gatehouse_sent_t *ngx_http_gatehouse_known_headers(
    ngx_http_gatehouse_known_t *known, ngx_array_t *headers);
/* message signatures, see ..._signature.c */
ngx_uint_t ngx_http_gatehouse_signature_holds(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_loc_conf_t *glcf);
void ngx_http_gatehouse_signature_wanted(ngx_http_gatehouse_request_t *gr,
                                         ngx_http_gatehouse_loc_conf_t *glcf);
ngx_int_t ngx_http_gatehouse_signature_open(
    ngx_cycle_t *cycle, ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_signature_close(ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_signature_init(void);
/* How many query arguments have that name; *value is the last one's. */
ngx_uint_t ngx_http_gatehouse_argument(ngx_str_t args, ngx_str_t *name,
                                       ngx_str_t *value);

/* declared issuers and providers; NULL: no such name */
ngx_http_gatehouse_issuer_t *ngx_http_gatehouse_issuer_find(
    ngx_http_gatehouse_main_conf_t *gmcf, ngx_str_t *name);
ngx_http_gatehouse_oidc_t *ngx_http_gatehouse_oidc_find(
    ngx_http_gatehouse_main_conf_t *gmcf, ngx_str_t *name);
/* the members that issuers and providers have in common */
void ngx_http_gatehouse_issuer_defaults(ngx_conf_t *cf,
                                        ngx_http_gatehouse_issuer_t *issuer,
                                        ngx_str_t *name);
char *ngx_http_gatehouse_issuer_take(ngx_conf_t *cf,
                                     ngx_http_gatehouse_issuer_t *issuer,
                                     ngx_uint_t *known);
char *ngx_http_gatehouse_issuer_finish(ngx_conf_t *cf,
                                       ngx_http_gatehouse_issuer_t *issuer);

/* requests that stay, see ..._streams.c */
ngx_int_t ngx_http_gatehouse_streams_open(
    ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_streams_close(ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_streams_follow(void *data,
                                       const gh_store_change_t *line);
void ngx_http_gatehouse_stream_begin(ngx_http_gatehouse_request_t *gr);
void ngx_http_gatehouse_stream_end(ngx_http_gatehouse_request_t *gr);
/* GH_DENIED: it would not be let in now. GH_AGAIN: asked again when
 * gr->stream_waiter says so. GH_OK: it would, or this cannot be asked. */
gh_rc_t ngx_http_gatehouse_stands(ngx_http_gatehouse_request_t *gr);

/* binding of an image to this cycle */
ngx_int_t ngx_http_gatehouse_bind(void *data, ngx_gatehouse_image_t *image);
void ngx_http_gatehouse_unbind(void *data, ngx_gatehouse_image_t *image);
/* For status: as the store has them, unless that must be waited for. */
ngx_http_gatehouse_weights_t *ngx_http_gatehouse_weights_now(
    ngx_http_gatehouse_main_conf_t *gmcf, ngx_gatehouse_image_t *image,
    const gh_image_service_t *service, const gh_image_version_t *version);
void ngx_http_gatehouse_weights_follow(void *data,
                                       const gh_store_change_t *line);
ngx_int_t ngx_http_gatehouse_router_init(ngx_conf_t *cf);


#endif
