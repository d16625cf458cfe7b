/*
 * Operations on the embedded store: a get is answered in the loop, a write
 * goes to the writer thread with copies of all that it needs.
 */

#include "ngx_gatehouse_store_lmdb.h"


/* A write with copies of what the thread needs: the operation may end, and
 * be freed, while the thread is at it. */
typedef struct {
    gh_lmdb_job_t job;            /* first */
    ngx_gatehouse_store_op_t *op; /* NULL: nobody waits for it any more */
    u_char bytes[1];
} lmdb_write_t;


static ngx_int_t lmdb_get(ngx_gatehouse_store_t *store,
                          ngx_gatehouse_store_op_t *op);
static gh_rc_t lmdb_read(ngx_gatehouse_store_t *store,
                         ngx_gatehouse_store_op_t *op,
                         gh_lmdb_record_t *record);
static char *lmdb_copy(ngx_gatehouse_store_t *store, const char *data,
                       size_t len);
static ngx_int_t lmdb_write(ngx_gatehouse_store_t *store,
                            ngx_gatehouse_store_op_t *op);
static lmdb_write_t *lmdb_write_create(ngx_gatehouse_store_t *store,
                                       ngx_gatehouse_store_op_t *op);


ngx_int_t
ngx_gatehouse_store_lmdb_submit(ngx_gatehouse_store_t *store,
                                ngx_gatehouse_store_op_t *op)
{
    return op->type == NGX_GATEHOUSE_STORE_GET ? lmdb_get(store, op)
                                               : lmdb_write(store, op);
}


static ngx_int_t
lmdb_get(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    gh_lmdb_record_t record;

    op->rc = lmdb_read(store, op, &record);

    if (op->rc == GH_OK) {
        op->version = record.version;
        op->expires_at_s = record.expires_at_s;
        return NGX_OK;
    }

    if (op->rc == GH_INVALID && !gh_lmdb_broken(lmdb->db)) {
        ngx_gatehouse_store_complain(store, NGX_LOG_ERR,
                                     "a record of the store is damaged; it "
                                     "counts as unreadable until it is "
                                     "written again");
        return NGX_OK;
    }

    if (gh_lmdb_broken(lmdb->db)) {
        op->rc = GH_UNAVAILABLE;
        ngx_gatehouse_store_lmdb_let_go(store);
    }

    return op->rc == GH_ABSENT ? NGX_OK : NGX_ERROR;
}


static gh_rc_t
lmdb_read(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op,
          gh_lmdb_record_t *record)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    char *data;
    gh_rc_t rc;
    gh_buf_t out = GH_BUF(lmdb->scratch);

    rc = gh_lmdb_read(lmdb->db, op->kind, op->name, ngx_time(), &out, record);

    if (rc == GH_OK) {
        data = lmdb_copy(store, out.data, out.len);
        if (data == NULL) {
            return GH_NOMEM;
        }

        ngx_gatehouse_store_op_result(op, data, out.len);
        return GH_OK;
    }

    /* it may have grown before the second look */

    while (rc == GH_TOO_LONG) {
        data = ngx_alloc(record->need, store->log);
        if (data == NULL) {
            return GH_NOMEM;
        }

        out.data = data;
        out.len = 0;
        out.cap = record->need;

        rc = gh_lmdb_read(lmdb->db, op->kind, op->name, ngx_time(), &out,
                          record);

        if (rc == GH_OK) {
            ngx_gatehouse_store_op_result(op, data, out.len);
            return GH_OK;
        }

        ngx_free(data);
    }

    return rc;
}


static char *
lmdb_copy(ngx_gatehouse_store_t *store, const char *data, size_t len)
{
    char *copy;

    copy = ngx_alloc(len ? len : 1, store->log);

    if (copy != NULL) {
        ngx_memcpy(copy, data, len);
    }

    return copy;
}


static ngx_int_t
lmdb_write(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    lmdb_write_t *w;

    w = lmdb_write_create(store, op);
    if (w == NULL) {
        op->rc = GH_NOMEM;
        return NGX_ERROR;
    }

    op->rc = gh_lmdb_writer_put(lmdb->writer, &w->job);

    if (op->rc == GH_OK) {
        op->rc = GH_UNAVAILABLE; /* until it is known */
        op->private_data = w;
        return NGX_AGAIN;
    }

    ngx_free(w);

    if (op->rc == GH_FULL) {
        store->dropped++;
        ngx_gatehouse_store_complain(store, NGX_LOG_ERR,
                                     "too many writes wait for the store");
    }

    return NGX_ERROR;
}


static lmdb_write_t *
lmdb_write_create(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op)
{
    gh_write_t *write;
    lmdb_write_t *w;

    static const gh_write_type_t types[] = {
        [NGX_GATEHOUSE_STORE_PUT] = GH_WRITE_PUT,
        [NGX_GATEHOUSE_STORE_DELETE] = GH_WRITE_DELETE,
        [NGX_GATEHOUSE_STORE_CLAIM] = GH_WRITE_CLAIM,
        [NGX_GATEHOUSE_STORE_TAKE] = GH_WRITE_TAKE,
    };

    w = ngx_alloc(sizeof(lmdb_write_t) + op->name.len + op->value.len,
                  store->log);
    if (w == NULL) {
        return NULL;
    }

    ngx_memzero(w, sizeof(lmdb_write_t));
    w->op = op;

    ngx_memcpy(w->bytes, op->name.data, op->name.len);
    ngx_memcpy(w->bytes + op->name.len, op->value.data, op->value.len);

    write = &w->job.write;
    write->type = types[op->type];
    write->kind = op->kind;
    write->name.data = (char *) w->bytes;
    write->name.len = op->name.len;
    write->value.data = (char *) w->bytes + op->name.len;
    write->value.len = op->value.len;
    write->if_version = op->if_version;
    write->log = op->log;
    write->now_s = ngx_time();
    write->ttl_s = op->ttl_s;
    write->n = op->n;
    write->limit = op->limit;
    write->least = op->least;

    return w;
}


void
ngx_gatehouse_store_lmdb_cancel(ngx_gatehouse_store_t *store,
                                ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    lmdb_write_t *w;

    w = op->private_data;
    op->private_data = NULL;

    if (gh_lmdb_writer_cancel(lmdb->writer, &w->job)) {
        ngx_free(w);
        store->dropped++;
        return;
    }

    /* it is being written, and comes back for nobody */

    w->op = NULL;
}


void
ngx_gatehouse_store_lmdb_finish(ngx_gatehouse_store_t *store,
                                gh_lmdb_job_t *job)
{
    lmdb_write_t *w;
    ngx_gatehouse_store_op_t *op;

    w = (lmdb_write_t *) job;
    op = w->op;

    if (op != NULL) {
        op->private_data = NULL;
        op->rc = job->write.rc;
        op->version = job->write.version;
        op->granted = job->write.granted;
        op->left = job->write.left;
    }

    ngx_free(w);

    if (op != NULL) {
        ngx_gatehouse_store_complete(store, op);
    }
}
