/*
 * Who of the node's workers watches the policies, and what is said about the
 * results: in the log, in shared memory, as a degradation.
 */

#ifndef NGX_GATEHOUSE_POLICIES_WATCH_H
#define NGX_GATEHOUSE_POLICIES_WATCH_H

#include "ngx_gatehouse_policies_names.h"
#include "gh_policy_watch.h"


typedef struct ngx_gatehouse_policies_watch_s ngx_gatehouse_policies_watch_t;


/* build must outlive it. NULL without memory. */
ngx_gatehouse_policies_watch_t *ngx_gatehouse_policies_watch_create(
    ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
    const gh_policy_build_conf_t *build, ngx_msec_t quiet);
void ngx_gatehouse_policies_watch_destroy(ngx_gatehouse_policies_watch_t *w);

/* Every fifth of a second: takes or renews the claim, or gives it up when the
 * worker exits; reports what the thread made. */
void ngx_gatehouse_policies_watch_tick(ngx_gatehouse_policies_watch_t *w);

/* True when waiting for an image leads nowhere: the set was refused. */
ngx_uint_t ngx_gatehouse_policies_watch_failed(
    const ngx_gatehouse_policies_watch_t *w);


#endif
