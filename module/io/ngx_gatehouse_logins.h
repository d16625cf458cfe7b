/*
 * How logins and refreshes ended, counted for the whole node: by the name of
 * the provider, which stays whatever a reload does to their order.
 */

#ifndef NGX_GATEHOUSE_LOGINS_H
#define NGX_GATEHOUSE_LOGINS_H

#include "ngx_gatehouse_shm.h"


typedef enum {
    NGX_GATEHOUSE_LOGIN_OK = 0,
    NGX_GATEHOUSE_LOGIN_FAILED,  /* the provider or the callback refused */
    NGX_GATEHOUSE_LOGIN_EXPIRED, /* took too long, or another browser's */
    NGX_GATEHOUSE_LOGIN_AWAY     /* provider or store could not be asked */
} ngx_gatehouse_login_e;

typedef enum {
    NGX_GATEHOUSE_REFRESH_OK = 0,
    NGX_GATEHOUSE_REFRESH_FAILED, /* to be tried again */
    NGX_GATEHOUSE_REFRESH_ENDED   /* the session is over */
} ngx_gatehouse_refresh_e;


/* In the caller's slot; providers beyond NGX_GATEHOUSE_LOGINS_MAX are not
 * counted. Takes the mutex for a provider's first login. */
void ngx_gatehouse_login_count(ngx_shm_zone_t *zone, const ngx_str_t *provider,
                               ngx_gatehouse_login_e result);

/* The i-th provider that was counted, borrowed; NGX_DECLINED: none. */
ngx_int_t ngx_gatehouse_login_name(const ngx_gatehouse_shm_t *shm,
                                   ngx_uint_t i, gh_str_t *name);


#endif
