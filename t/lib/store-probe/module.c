/*
 * The probe's directives and its short pages: how the store and the record
 * cache stand, what the change log has told, what records there are.
 *
 *     store_probe SPEC [deadline=MS] [queue=N] [follow=MS] [records=N]
 *                      [stale=MS] [root=N];                   http
 *     store_probe_redis NAME { ... }     as gatehouse_redis; http
 *     store_probe_location;                                   location
 */

#include "probe.h"


typedef struct {
    ngx_http_request_t *r;
    u_char *last, *end;
} probe_list_t;


static void *probe_create_main_conf(ngx_conf_t *cf);
static char *probe_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *probe_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *probe_set_location(ngx_conf_t *cf, ngx_command_t *cmd,
                                void *conf);
static ngx_int_t probe_init_module(ngx_cycle_t *cycle);
static ngx_int_t probe_init_process(ngx_cycle_t *cycle);
static void probe_exit_process(ngx_cycle_t *cycle);
static void probe_follow(void *data, const gh_store_change_t *line);
static ngx_int_t probe_handler(ngx_http_request_t *r);
static ngx_int_t probe_state(ngx_http_request_t *r);
static ngx_int_t probe_each(ngx_http_request_t *r);
static bool probe_each_one(void *ctx, gh_str_t name, gh_str_t value,
                           uint64_t version);


/* clang-format off */

static ngx_command_t probe_commands[] = {

    { ngx_string("store_probe"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      probe_set_store,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("store_probe_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      probe_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("store_probe_location"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      probe_set_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};

static ngx_http_module_t probe_module_ctx = {
    NULL,                          /* preconfiguration */
    NULL,                          /* postconfiguration */
    probe_create_main_conf,        /* create main configuration */
    NULL,                          /* init main configuration */
    NULL,                          /* create server configuration */
    NULL,                          /* merge server configuration */
    NULL,                          /* create location configuration */
    NULL                           /* merge location configuration */
};

ngx_module_t ngx_http_store_probe_module = {
    NGX_MODULE_V1,
    &probe_module_ctx,             /* module context */
    probe_commands,                /* module directives */
    NGX_HTTP_MODULE,               /* module type */
    NULL,                          /* init master */
    probe_init_module,             /* init module */
    probe_init_process,            /* init process */
    NULL,                          /* init thread */
    NULL,                          /* exit thread */
    probe_exit_process,            /* exit process */
    NULL,                          /* exit master */
    NGX_MODULE_V1_PADDING
};

/* clang-format on */


static void *
probe_create_main_conf(ngx_conf_t *cf)
{
    probe_main_conf_t *pmcf;

    pmcf = ngx_pcalloc(cf->pool, sizeof(probe_main_conf_t));

    if (pmcf != NULL) {
        pmcf->records_max = 1000;
        pmcf->records_stale = 30000;
    }

    return pmcf;
}


static char *
probe_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    probe_main_conf_t *pmcf = conf;

    char root[] = "root key of nobody, for tests only: 0000";
    ngx_int_t n;
    ngx_uint_t i;
    ngx_str_t *value;

    value = cf->args->elts;
    pmcf->conf.spec = value[1];
    pmcf->set = 1;

    for (i = 2; i < cf->args->nelts; i++) {
        u_char *p =
            ngx_strlchr(value[i].data, value[i].data + value[i].len, '=');

        if (p == NULL) {
            return "has a word without \"=\"";
        }

        n = ngx_atoi(p + 1, value[i].data + value[i].len - p - 1);

        if (n == NGX_ERROR) {
            return "has an invalid number";
        }

        if (ngx_strncmp(value[i].data, "deadline=", 9) == 0) {
            pmcf->conf.deadline = n;
        } else if (ngx_strncmp(value[i].data, "follow=", 7) == 0) {
            pmcf->conf.follow = n;
        } else if (ngx_strncmp(value[i].data, "queue=", 6) == 0) {
            pmcf->conf.queue = n;
        } else if (ngx_strncmp(value[i].data, "records=", 8) == 0) {
            pmcf->records_max = n;
        } else if (ngx_strncmp(value[i].data, "stale=", 6) == 0) {
            pmcf->records_stale = n;
        } else if (ngx_strncmp(value[i].data, "root=", 5) == 0) {
            root[sizeof(root) - 2] = (char) ('0' + n % 10);
        } else {
            return "has an unknown word";
        }
    }

    if (gh_secret_add(&pmcf->secret, gh_str(root)) != GH_OK) {
        return "has no root key";
    }

    pmcf->conf.secret = &pmcf->secret;

    return ngx_gatehouse_store_parse(cf, &pmcf->conf);
}


static char *
probe_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    probe_main_conf_t *pmcf = conf;

    if (pmcf->conf.blocks == NULL) {
        pmcf->conf.blocks = ngx_array_create(
            cf->pool, 1, sizeof(ngx_gatehouse_redis_conf_t *));

        if (pmcf->conf.blocks == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_gatehouse_redis_block(cf, pmcf->conf.blocks);
}


static char *
probe_set_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = probe_handler;

    return NGX_CONF_OK;
}


static probe_main_conf_t *
probe_cycle_conf(ngx_cycle_t *cycle)
{
    probe_main_conf_t *pmcf;

    pmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_store_probe_module);

    return pmcf != NULL && pmcf->set ? pmcf : NULL;
}


static ngx_int_t
probe_init_module(ngx_cycle_t *cycle)
{
    ngx_core_conf_t *ccf;
    probe_main_conf_t *pmcf;

    pmcf = probe_cycle_conf(cycle);

    if (pmcf == NULL || ngx_test_config) {
        return NGX_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    pmcf->conf.user = ccf->user;
    pmcf->conf.group = ccf->group;

    return ngx_gatehouse_store_prepare(&pmcf->conf, cycle->log);
}


static ngx_int_t
probe_init_process(ngx_cycle_t *cycle)
{
    probe_main_conf_t *pmcf;

    pmcf = probe_cycle_conf(cycle);

    if (pmcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    pmcf->store = ngx_gatehouse_store_open(cycle, &pmcf->conf);
    if (pmcf->store == NULL) {
        return NGX_ERROR;
    }

    pmcf->records = ngx_gatehouse_records_create(
        cycle, pmcf->store, pmcf->records_max, pmcf->records_stale);
    if (pmcf->records == NULL) {
        return NGX_ERROR;
    }

    return ngx_gatehouse_records_subscribe(pmcf->records, probe_follow, pmcf);
}


static void
probe_exit_process(ngx_cycle_t *cycle)
{
    probe_main_conf_t *pmcf;

    pmcf = probe_cycle_conf(cycle);

    if (pmcf == NULL || pmcf->store == NULL) {
        return;
    }

    if (pmcf->too_early != 0 || pmcf->too_late != 0 || pmcf->disorder != 0) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "store probe: %ui too early, %ui too late, %ui lines "
                      "out of order",
                      pmcf->too_early, pmcf->too_late, pmcf->disorder);
    }

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "store probe: %ui under way at exit", pmcf->under_way);

    ngx_gatehouse_records_destroy(pmcf->records);
    ngx_gatehouse_store_close(pmcf->store);
}


static void
probe_follow(void *data, const gh_store_change_t *line)
{
    probe_main_conf_t *pmcf = data;

    if (line == NULL) {
        pmcf->gaps++;
        pmcf->last = 0;
        return;
    }

    if (pmcf->last != 0 && line->sequence != pmcf->last + 1) {
        pmcf->disorder++;
    }

    pmcf->last = line->sequence;
    pmcf->lines++;
}


probe_main_conf_t *
probe_conf(ngx_http_request_t *r)
{
    return ngx_http_get_module_main_conf(r, ngx_http_store_probe_module);
}


static ngx_int_t
probe_handler(ngx_http_request_t *r)
{
    ngx_uint_t i;
    ngx_int_t rc;

    static const ngx_str_t operations[] = {
        ngx_string("/get"),   ngx_string("/put"),  ngx_string("/delete"),
        ngx_string("/claim"), ngx_string("/take"),
    };

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < 5; i++) {
        if (r->uri.len == operations[i].len
            && ngx_strncmp(r->uri.data, operations[i].data, r->uri.len) == 0)
        {
            return probe_operation(r, (ngx_gatehouse_store_type_e) i);
        }
    }

    if (ngx_strncmp(r->uri.data, "/many", 5) == 0) {
        return probe_many(r);
    }

    if (ngx_strncmp(r->uri.data, "/record", 7) == 0) {
        return probe_record(r);
    }

    if (ngx_strncmp(r->uri.data, "/each", 5) == 0) {
        return probe_each(r);
    }

    return probe_state(r);
}


static ngx_int_t
probe_state(ngx_http_request_t *r)
{
    u_char *p, text[2048];
    probe_main_conf_t *pmcf;
    ngx_gatehouse_store_state_t s;
    ngx_gatehouse_records_state_t c;

    pmcf = probe_conf(r);

    ngx_gatehouse_store_state(pmcf->store, &s);
    ngx_gatehouse_records_state(pmcf->records, &c);

    p = ngx_snprintf(
        text, sizeof(text),
        "pid=%P\nbackend=%s\navailable=%d\nwritable=%d\nwhy=%s\n"
        "sequence=%uL\nreads=%uL\nwrites=%uL\nwrite_failures=%uL\n"
        "queue=%uL\ndropped=%uL\nrecords=%uL\nlines=%ui\ngaps=%ui\n"
        "last=%uL\nunder_way=%ui\npresent=%ui\nabsent=%ui\nfetching=%ui\n"
        "hits=%uL\nfetches=%uL\nevictions=%uL\nbytes=%uz\n",
        ngx_pid, s.backend, (int) s.available, (int) s.writable, s.why,
        s.sequence, s.reads, s.writes, s.write_failures, s.queue, s.dropped,
        s.records, pmcf->lines, pmcf->gaps, pmcf->last, pmcf->under_way,
        c.present, c.absent, c.fetching, c.hits, c.fetches, c.evictions,
        c.bytes);

    return probe_send(r, text, p - text);
}


static ngx_int_t
probe_each(ngx_http_request_t *r)
{
    u_char text[8192];
    ngx_int_t rc;
    probe_list_t list;

    list.r = r;
    list.last = text;
    list.end = text + sizeof(text);

    rc = ngx_gatehouse_store_each(probe_conf(r)->store,
                                  probe_arg_number(r, "kind", GH_KIND_KEY),
                                  probe_each_one, &list);

    if (rc != NGX_OK) {
        list.last = ngx_snprintf(text, sizeof(text), "rc=%i\n", rc);
    }

    return probe_send(r, text, list.last - text);
}


static bool
probe_each_one(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    probe_list_t *list = ctx;

    list->last =
        ngx_snprintf(list->last, list->end - list->last, "%*s=%*s\n", name.len,
                     name.data, ngx_min(value.len, 100), value.data);

    return list->end - list->last > 400;
}
