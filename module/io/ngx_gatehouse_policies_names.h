/*
 * What the cycle's configuration knows, as policies are checked against it:
 * names of upstreams and token issuers, sorted, as texts for messages, and as
 * one hash.
 */

#ifndef NGX_GATEHOUSE_POLICIES_NAMES_H
#define NGX_GATEHOUSE_POLICIES_NAMES_H

#include "ngx_gatehouse_policies.h"
#include "gh_policy_build.h"


typedef struct {
    ngx_str_t *names; /* sorted */
    ngx_uint_t n;
    char *text; /* "a, b, c", cut */
} ngx_gatehouse_names_t;

typedef struct {
    ngx_gatehouse_names_t upstreams, issuers;
} ngx_gatehouse_policies_names_t;


/*
 * Fills the builder's configuration from the cycle's: paths, names, hash.
 * Everything is allocated from pool. NGX_ERROR without memory.
 */
ngx_int_t ngx_gatehouse_policies_build_conf(
    ngx_pool_t *pool, const ngx_gatehouse_policies_conf_t *pc,
    ngx_gatehouse_policies_names_t *names, gh_policy_build_conf_t *out);


#endif
