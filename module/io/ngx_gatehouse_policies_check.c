/*
 * The policies at configuration time: the whole set is read and compiled, and
 * every complaint is printed where it stands. A set that was published
 * already and checked against the same names is not read again, so that a
 * start with a million keys costs a look at the directory.
 */

#include "ngx_gatehouse_policies.h"
#include "ngx_gatehouse_policies_names.h"


static ngx_uint_t is_first_start(const ngx_conf_t *cf);
static ngx_int_t check_set(ngx_conf_t *cf, ngx_gatehouse_policies_conf_t *pc,
                           gh_policy_build_t *builder);
static void report_errors(ngx_log_t *log, const gh_policy_errors_t *errors);
static ngx_uint_t drops_root(ngx_conf_t *cf,
                             const ngx_gatehouse_policies_conf_t *pc);
static ngx_int_t check_state(ngx_conf_t *cf, ngx_gatehouse_policies_conf_t *pc,
                             const char *state);


ngx_int_t
ngx_gatehouse_policies_check(ngx_conf_t *cf, ngx_gatehouse_policies_conf_t *pc)
{
    ngx_int_t rc;
    gh_policy_build_t *builder;
    gh_policy_build_conf_t conf;
    ngx_gatehouse_policies_names_t names;

    if (pc->directory.len == 0) {
        return NGX_OK;
    }

    if (ngx_gatehouse_policies_build_conf(cf->pool, pc, &names, &conf)
        != NGX_OK) {
        return NGX_ERROR;
    }

    if (check_state(cf, pc, conf.state) != NGX_OK) {
        return NGX_ERROR;
    }

    if (gh_policy_build_create(&conf, &builder) != GH_OK) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (!gh_policy_build_is_current(builder, true, NULL)) {
        rc = check_set(cf, pc, builder);
    }

    if (pc->made == NULL) {
        gh_policy_build_destroy(builder);
        gh_policy_build_trim();
    }

    return rc;
}


/* Not of a reload: the workers that are there have it, or make it. */

static ngx_uint_t
is_first_start(const ngx_conf_t *cf)
{
    return ngx_is_init_cycle(cf->cycle->old_cycle) && !ngx_test_config
           && ngx_process != NGX_PROCESS_SIGNALLER;
}


static ngx_int_t
check_set(ngx_conf_t *cf, ngx_gatehouse_policies_conf_t *pc,
          gh_policy_build_t *builder)
{
    gh_rc_t rc;
    const char *path = NULL;
    gh_policy_report_t *report;

    report = ngx_alloc(sizeof(gh_policy_report_t), cf->log);
    if (report == NULL) {
        return NGX_ERROR;
    }

    rc = is_first_start(cf) ? gh_policy_build_make(builder, report)
                            : gh_policy_build_check(builder, report);

    if (rc == GH_INVALID) {
        report_errors(cf->log, &report->errors);

    } else if (rc != GH_OK) {
        ngx_log_error(
            NGX_LOG_EMERG, cf->log, 0,
            "the policies in \"%V\" could not be checked: %s", &pc->directory,
            (rc == GH_NOMEM) ? "no memory" : "they change all the time");
    }

    if (report->open_secret[0] != '\0') {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "the secret \"%s\" can be read by everybody on this "
                      "machine; chmod o-r it",
                      report->open_secret);
    }

    if (rc == GH_OK && drops_root(cf, pc)) {
        path = gh_policy_build_unreadable(builder, (uint32_t) pc->user,
                                          (uint32_t) pc->group);
    }

    if (path != NULL) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "the workers' user does not seem to be able to read "
                      "\"%s\"; then no change of the policies is taken up",
                      path);
    }

    if (rc == GH_OK && path == NULL && is_first_start(cf)) {
        pc->made = builder;
        pc->report = report;
        return NGX_OK;
    }

    ngx_free(report);

    return (rc == GH_OK) ? NGX_OK : NGX_ERROR;
}


static void
report_errors(ngx_log_t *log, const gh_policy_errors_t *errors)
{
    char room[1024];
    size_t i;
    gh_buf_t text = GH_BUF(room);

    for (i = 0; i < errors->n; i++) {
        text.len = 0;
        (void) gh_policy_error_text(&errors->items[i], &text);
        ngx_log_error(NGX_LOG_EMERG, log, 0, "%*s", text.len, text.data);
    }

    if (errors->more > 0) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "%uz more complaints about the policies", errors->more);
    }
}


/* The workers will be somebody else, and it is known who. */

static ngx_uint_t
drops_root(ngx_conf_t *cf, const ngx_gatehouse_policies_conf_t *pc)
{
    ngx_core_conf_t *ccf;

    ccf =
        (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx, ngx_core_module);

    return geteuid() == 0 && ccf->master != 0 && pc->user != 0
           && pc->user != (ngx_uid_t) NGX_CONF_UNSET_UINT;
}


/*
 * Said now, because when the workers find out it is too late to refuse. A
 * directory that does not exist yet is made by the master.
 */

static ngx_int_t
check_state(ngx_conf_t *cf, ngx_gatehouse_policies_conf_t *pc,
            const char *state)
{
    ngx_file_info_t fi;

    if (ngx_file_info(state, &fi) == NGX_FILE_ERROR) {
        return NGX_OK;
    }

    if (!ngx_is_dir(&fi)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the state directory \"%s\" is not a directory", state);
        return NGX_ERROR;
    }

    if ((ngx_file_access(&fi) & 022) != 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the state directory \"%s\" can be written by others "
                      "than its owner; chmod 700 it",
                      state);
        return NGX_ERROR;
    }

    if (drops_root(cf, pc) && fi.st_uid != pc->user) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the state directory \"%s\" belongs to uid %d, but the "
                      "workers are uid %d; chown it",
                      state, (int) fi.st_uid, (int) pc->user);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_gatehouse_policies_prepare(ngx_gatehouse_policies_conf_t *pc,
                               ngx_log_t *log)
{
    gh_rc_t rc;
    ngx_uint_t dropped;

    if (pc->made == NULL) {
        return;
    }

    dropped = geteuid() == 0 && pc->user != 0;

    if (!dropped || (setegid(pc->group) == 0 && seteuid(pc->user) == 0)) {
        rc = gh_policy_build_place(pc->made, pc->report);

        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "gatehouse: the policies were compiled at the start: "
                      "%s",
                      (rc == GH_OK) ? "published" : "left to the workers");
    }

    if (dropped && (seteuid(0) != 0 || setegid(0) != 0)) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "gatehouse: seteuid(0) failed");
    }

    gh_policy_build_destroy(pc->made);
    gh_policy_build_trim();
    ngx_free(pc->report);
    pc->made = NULL;
}
