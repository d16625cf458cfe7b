/*
 * What the two files of the embedded store's backend share.
 */

#ifndef NGX_GATEHOUSE_STORE_LMDB_H
#define NGX_GATEHOUSE_STORE_LMDB_H

#include "ngx_gatehouse_store_backend.h"
#include "gh_lmdb_writer.h"

#define NGX_GATEHOUSE_LMDB_SCRATCH 16384


typedef struct {
    gh_lmdb_writer_t *writer;
    gh_lmdb_t *db; /* to read from; NULL: away */
    ngx_uint_t opens;
    ngx_connection_t *connection;
    ngx_event_t follow;
    uint64_t sequence; /* followed so far */
    char scratch[NGX_GATEHOUSE_LMDB_SCRATCH];
} ngx_gatehouse_lmdb_t;


ngx_int_t ngx_gatehouse_store_lmdb_submit(ngx_gatehouse_store_t *store,
                                          ngx_gatehouse_store_op_t *op);
void ngx_gatehouse_store_lmdb_cancel(ngx_gatehouse_store_t *store,
                                     ngx_gatehouse_store_op_t *op);
/* A job that came back; frees it, and completes its operation. */
void ngx_gatehouse_store_lmdb_finish(ngx_gatehouse_store_t *store,
                                     gh_lmdb_job_t *job);

/* It could not be read: not read from any more, and opened again. */
void ngx_gatehouse_store_lmdb_let_go(ngx_gatehouse_store_t *store);


#endif
