/*
 * The policy set in force: one worker of the node watches the directory,
 * compiles a changed set off the loop and publishes the image by rename;
 * every worker maps the newest image read-only and swaps one pointer. A
 * request keeps the image it began with.
 */

#ifndef NGX_GATEHOUSE_POLICIES_H
#define NGX_GATEHOUSE_POLICIES_H

#include "gh_policy_build.h"
#include "ngx_gatehouse_shm.h"


typedef struct ngx_gatehouse_policies_s ngx_gatehouse_policies_t;

/* A mapped image; freed when the last holder lets go. `bound` is the HTTP
 * room's own (upstreams, series), made by its bind callback. */
typedef struct {
    gh_image_t im;
    void *bound; /* made by bind, freed by unbind */
    ngx_uint_t refs;
    size_t mapped;
} ngx_gatehouse_image_t;

/* From configuration; borrowed for the cycle. */
typedef struct {
    ngx_str_t directory;    /* empty: no policies; then no image ever */
    ngx_str_t state;        /* directory for images, 0700, of the workers */
    ngx_msec_t quiet;       /* 300 ms */
    ngx_array_t *upstreams; /* ngx_str_t: explicit upstreams of the cycle */
    ngx_array_t *issuers;   /* ngx_str_t */
    ngx_shm_zone_t *zone;
    ngx_log_t *log;
    ngx_uid_t user;
    ngx_gid_t group;
    gh_policy_build_t *made; /* by the first check, for _prepare */
    gh_policy_report_t *report;
    /* Called for each newly mapped image before it is used. NGX_ERROR: it is
     * not taken up by this cycle (an upstream is missing), why is logged. */
    ngx_int_t (*bind)(void *data, ngx_gatehouse_image_t *image);
    void (*unbind)(void *data, ngx_gatehouse_image_t *image);
    void *data;
} ngx_gatehouse_policies_conf_t;


/*
 * At the end of configuration, also in `nginx -t`: reads and checks the whole
 * set, reports each error as file:line:column through cf->log at emerg.
 * NGX_ERROR when it is invalid, so that nginx refuses the reload. A set that
 * is published already, unchanged, and was checked against the same names is
 * not read again. Writes nothing; at the first start of a master what was
 * compiled is kept for _prepare.
 */
ngx_int_t ngx_gatehouse_policies_check(ngx_conf_t *cf,
                                       ngx_gatehouse_policies_conf_t *pc);

/* In the master before workers start (never in -t), when the state directory
 * is there: publishes what the check compiled, as the workers' user, so that
 * a start compiles once. What cannot be done the workers do. */
void ngx_gatehouse_policies_prepare(ngx_gatehouse_policies_conf_t *pc,
                                    ngx_log_t *log);

/*
 * In init_process of workers: maps the published image if it is of the same
 * directory and watches. At a start it waits up to 2 s until one worker has
 * seen that the image is that of the files, or has made it. Never fails the
 * worker: NULL only without memory.
 */
ngx_gatehouse_policies_t *ngx_gatehouse_policies_open(
    ngx_cycle_t *cycle, ngx_gatehouse_policies_conf_t *pc);
/* In exit_process. Images are freed whoever holds them: no request runs. */
void ngx_gatehouse_policies_close(ngx_gatehouse_policies_t *p);

/*
 * The image in force, or NULL when none could be had yet. Looks at the serial
 * (one atomic read) and maps a newer one first. Borrowed until the next event,
 * or from _hold (a request's, with a pool cleanup) to _release.
 */
ngx_gatehouse_image_t *ngx_gatehouse_policies_current(
    ngx_gatehouse_policies_t *p);
void ngx_gatehouse_image_hold(ngx_gatehouse_image_t *image);
void ngx_gatehouse_image_release(ngx_gatehouse_policies_t *p,
                                 ngx_gatehouse_image_t *image);


#endif
