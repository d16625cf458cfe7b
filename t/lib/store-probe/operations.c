/*
 * The probe's operations. A request waits for one operation or for many; its
 * pool's cleanup is what a client that goes away sets off, at whatever await
 * it stands.
 */

#include "probe.h"


/* A request that waits. */
typedef struct {
    ngx_http_request_t *r;
    probe_main_conf_t *pmcf;
    ngx_gatehouse_store_op_t *op;
    unsigned submitting : 1;
    unsigned gone : 1;
} probe_wait_t;

/* One that waits for many at once. */
typedef struct {
    ngx_http_request_t *r;
    probe_main_conf_t *pmcf;
    ngx_uint_t left, tally[GH_NOMEM + 1];
    uint64_t granted;
    unsigned submitting : 1;
    unsigned gone : 1;
} probe_many_t;

typedef struct {
    ngx_http_request_t *r;
    ngx_gatehouse_waiter_t waiter;
    ngx_uint_t waits;
} probe_lookup_t;


static ngx_gatehouse_store_op_t *probe_op(ngx_http_request_t *r,
                                          ngx_gatehouse_store_type_e type,
                                          gh_str_t name);
static void probe_done(ngx_gatehouse_store_op_t *op);
static size_t probe_answer(ngx_gatehouse_store_op_t *op, u_char *text,
                           size_t len);
static void probe_cleanup(void *data);
static void probe_suspend(ngx_http_request_t *r);

static void probe_many_done(ngx_gatehouse_store_op_t *op);
static void probe_many_count(probe_many_t *m, ngx_gatehouse_store_op_t *op);
static size_t probe_many_answer(probe_many_t *m, u_char *text, size_t len);
static void probe_many_cleanup(void *data);

static ngx_int_t probe_lookup(probe_lookup_t *l, u_char *text, size_t *len);
static void probe_lookup_again(void *data);
static void probe_lookup_cleanup(void *data);


ngx_int_t
probe_operation(ngx_http_request_t *r, ngx_gatehouse_store_type_e type)
{
    u_char text[4096];
    ngx_int_t rc;
    ngx_str_t name;
    probe_wait_t *w;
    ngx_pool_cleanup_t *cln;

    name = probe_arg(r, "name");

    cln = ngx_pool_cleanup_add(r->pool, sizeof(probe_wait_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w = cln->data;
    ngx_memzero(w, sizeof(probe_wait_t));
    w->r = r;
    w->pmcf = probe_conf(r);
    w->op = probe_op(r, type, (gh_str_t){ (char *) name.data, name.len });

    if (w->op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = probe_cleanup;
    w->op->handler = probe_done;
    w->op->data = w;

    w->submitting = 1;
    w->pmcf->under_way++;
    rc = ngx_gatehouse_store_submit(w->pmcf->store, w->op);
    w->submitting = 0;

    if (rc == NGX_AGAIN) {
        probe_suspend(r);
        return NGX_DONE;
    }

    w->pmcf->under_way--;

    return probe_send(r, text, probe_answer(w->op, text, sizeof(text)));
}


static ngx_gatehouse_store_op_t *
probe_op(ngx_http_request_t *r, ngx_gatehouse_store_type_e type, gh_str_t name)
{
    size_t size;
    gh_str_t value;
    ngx_str_t arg;
    ngx_gatehouse_store_op_t *op;

    arg = probe_arg(r, "value");
    size = probe_arg_number(r, "size", 0);

    if (size > 0) {
        arg.data = ngx_pnalloc(r->pool, size);
        if (arg.data == NULL) {
            return NULL;
        }
        ngx_memset(arg.data, 'v', size);
        arg.len = size;
    }

    value.data = (char *) arg.data;
    value.len = arg.len;

    op = ngx_gatehouse_store_op_create(
        type, probe_arg_number(r, "kind", GH_KIND_KEY), name, value);

    if (op == NULL) {
        return NULL;
    }

    if (probe_arg(r, "version").len > 0) {
        op->if_version = probe_arg_number(r, "version", 0);
    }

    op->ttl_s = probe_arg_number(r, "ttl", 0);
    op->n = probe_arg_number(r, "n", 0);
    op->limit = probe_arg_number(r, "limit", 0);
    op->deadline = probe_arg_number(r, "deadline", 0);
    op->log = probe_arg_number(r, "log", 0);

    return op;
}


/* What wakes us, and what a client that leaves is noticed by. */

static void
probe_suspend(ngx_http_request_t *r)
{
    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
}


static void
probe_done(ngx_gatehouse_store_op_t *op)
{
    u_char text[4096];
    size_t len;
    probe_wait_t *w = op->data;

    if (w->submitting) {
        w->pmcf->too_early++;
    }

    if (w->gone) {
        w->pmcf->too_late++;
    }

    w->pmcf->under_way--;

    len = probe_answer(op, text, sizeof(text));

    probe_finish(w->r, text, len);
}


static size_t
probe_answer(ngx_gatehouse_store_op_t *op, u_char *text, size_t len)
{
    u_char *p;

    p = ngx_snprintf(text, len,
                     "rc=%s\nversion=%uL\ngranted=%uL\nexpires=%L\n"
                     "length=%uz\nvalue=%*s\n",
                     probe_word(op->rc), op->version, op->granted,
                     op->expires_at_s, op->result.len,
                     ngx_min(op->result.len, 1000),
                     op->result.data == NULL ? "" : op->result.data);

    return p - text;
}


static void
probe_cleanup(void *data)
{
    probe_wait_t *w = data;

    w->gone = 1;

    if (w->op->rc == GH_UNAVAILABLE && w->op->private_data != NULL) {
        w->pmcf->under_way--;
    }

    ngx_gatehouse_store_op_abandon(w->op);
}


/* /many?op=put&count=100: that many at once, each of its own name. */

ngx_int_t
probe_many(ngx_http_request_t *r)
{
    u_char *p, text[512], name[64];
    ngx_int_t rc;
    ngx_str_t word;
    ngx_uint_t i, count;
    probe_many_t *m;
    ngx_pool_cleanup_t *cln;
    ngx_gatehouse_store_op_t *op;
    ngx_gatehouse_store_type_e type;

    word = probe_arg(r, "op");
    count = probe_arg_number(r, "count", 1);
    type = word.len == 3 && ngx_strncmp(word.data, "put", 3) == 0
               ? NGX_GATEHOUSE_STORE_PUT
           : word.len == 4 && ngx_strncmp(word.data, "take", 4) == 0
               ? NGX_GATEHOUSE_STORE_TAKE
               : NGX_GATEHOUSE_STORE_GET;
    word = probe_arg(r, "name");

    /* on the heap: operations outlive the request */

    m = ngx_calloc(sizeof(probe_many_t), r->connection->log);
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL || m == NULL) {
        ngx_free(m);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->r = r;
    m->pmcf = probe_conf(r);
    m->left = 1;
    m->submitting = 1;

    for (i = 0; i < count; i++) {
        p = ngx_snprintf(name, sizeof(name), "%V%ui", &word,
                         type == NGX_GATEHOUSE_STORE_TAKE ? 0 : i);
        op = probe_op(r, type, (gh_str_t){ (char *) name, p - name });

        if (op == NULL) {
            continue;
        }

        op->handler = probe_many_done;
        op->data = m;

        rc = ngx_gatehouse_store_submit(m->pmcf->store, op);

        if (rc == NGX_AGAIN) {
            m->left++;
            m->pmcf->under_way++;
        } else {
            probe_many_count(m, op);
            ngx_gatehouse_store_op_destroy(op);
        }
    }

    m->submitting = 0;

    if (--m->left > 0) {
        cln->handler = probe_many_cleanup;
        cln->data = m;
        probe_suspend(r);
        return NGX_DONE;
    }

    p = text + probe_many_answer(m, text, sizeof(text));
    ngx_free(m);

    return probe_send(r, text, p - text);
}


static void
probe_many_done(ngx_gatehouse_store_op_t *op)
{
    u_char text[512];
    size_t len;
    probe_many_t *m = op->data;

    if (m->submitting) {
        m->pmcf->too_early++;
    }

    m->pmcf->under_way--;
    probe_many_count(m, op);
    ngx_gatehouse_store_op_destroy(op);

    if (--m->left > 0) {
        return;
    }

    if (m->gone) {
        ngx_free(m);
        return;
    }

    /* the cleanup frees it */

    len = probe_many_answer(m, text, sizeof(text));
    probe_finish(m->r, text, len);
}


static void
probe_many_count(probe_many_t *m, ngx_gatehouse_store_op_t *op)
{
    m->tally[op->rc]++;
    m->granted += op->granted;
}


static size_t
probe_many_answer(probe_many_t *m, u_char *text, size_t len)
{
    u_char *p;
    ngx_uint_t i;

    p = ngx_snprintf(text, len, "granted=%uL\n", m->granted);

    for (i = 0; i <= GH_NOMEM; i++) {
        p = ngx_snprintf(p, text + len - p, "%s=%ui\n", probe_word(i),
                         m->tally[i]);
    }

    return p - text;
}


static void
probe_many_cleanup(void *data)
{
    probe_many_t *m = data;

    if (m->left == 0) {
        ngx_free(m);
        return;
    }

    m->gone = 1;
}


ngx_int_t
probe_record(ngx_http_request_t *r)
{
    u_char text[4096];
    size_t len;
    probe_lookup_t *l;
    ngx_pool_cleanup_t *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(probe_lookup_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    l = cln->data;
    ngx_memzero(l, sizeof(probe_lookup_t));
    l->r = r;
    l->waiter.handler = probe_lookup_again;
    l->waiter.data = l;
    cln->handler = probe_lookup_cleanup;

    if (probe_lookup(l, text, &len) == NGX_AGAIN) {
        probe_suspend(r);
        return NGX_DONE;
    }

    return probe_send(r, text, len);
}


static ngx_int_t
probe_lookup(probe_lookup_t *l, u_char *text, size_t *len)
{
    gh_rc_t rc;
    gh_str_t name, value;
    uint64_t stamp;
    ngx_str_t arg;

    stamp = 0;
    value = GH_STR("");
    arg = probe_arg(l->r, "name");
    name.data = (char *) arg.data;
    name.len = arg.len;

    rc = ngx_gatehouse_records_get(probe_conf(l->r)->records,
                                   probe_arg_number(l->r, "kind", GH_KIND_KEY),
                                   name, &value, &stamp, &l->waiter);

    if (rc == GH_AGAIN) {
        l->waits++;
        return NGX_AGAIN;
    }

    *len = ngx_snprintf(text, 4096,
                        "rc=%s\nstamp=%uL\nwaits=%ui\nlength=%uz\n"
                        "value=%*s\n",
                        probe_word(rc), stamp, l->waits, value.len,
                        ngx_min(value.len, 1000), value.data)
           - text;

    return NGX_OK;
}


static void
probe_lookup_again(void *data)
{
    u_char text[4096];
    size_t len;
    probe_lookup_t *l = data;

    if (probe_lookup(l, text, &len) == NGX_OK) {
        probe_finish(l->r, text, len);
    }
}


static void
probe_lookup_cleanup(void *data)
{
    probe_lookup_t *l = data;

    ngx_gatehouse_waiter_cancel(&l->waiter);
}
