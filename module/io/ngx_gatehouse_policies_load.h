/*
 * Mapping a big image on a thread: checking every byte of it would hold the
 * event loop for a tenth of a second per 100 MB.
 */

#ifndef NGX_GATEHOUSE_POLICIES_LOAD_H
#define NGX_GATEHOUSE_POLICIES_LOAD_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "gh_image_file.h"


typedef struct ngx_gatehouse_policies_load_s ngx_gatehouse_policies_load_t;

/* In the event loop. GH_OK: *im is handed over. */
typedef void (*ngx_gatehouse_policies_load_pt)(void *data, gh_rc_t rc,
                                               gh_image_t *im,
                                               const char *why);


/* NULL when there is no thread for it: do it here. state must outlive it. */
ngx_gatehouse_policies_load_t *ngx_gatehouse_policies_load_start(
    ngx_cycle_t *cycle, const char *state,
    ngx_gatehouse_policies_load_pt handler, void *data);

/* At the end of the process, when the thread pool has ended. */
void ngx_gatehouse_policies_load_cancel(ngx_gatehouse_policies_load_t *load);


#endif
