/*
 * Kinds of which a node has few records, and asks for on each request: keys
 * that were revoked, consumers that are suspended. A worker knows the hashes
 * of all their names, so that what is not among them is absent without a
 * question, also when the store has just gone away.
 */

#ifndef NGX_GATEHOUSE_RECORDS_WHOLE_H
#define NGX_GATEHOUSE_RECORDS_WHOLE_H

#include "ngx_gatehouse_store.h"

#define NGX_GATEHOUSE_RECORDS_WHOLE_MAX 4096 /* of one kind */


/* Zeroed with its kind set. */
typedef struct {
    gh_kind_t kind;
    uint64_t *hashes; /* sorted; perhaps also of records that are gone */
    ngx_uint_t n;
    ngx_msec_t loaded_at;
    unsigned known : 1;
    unsigned hopeless : 1; /* too many, or the store cannot; until a gap */
} ngx_gatehouse_records_whole_t;


/* Reads all names if they are not known; 0: they cannot be known now. */
ngx_uint_t ngx_gatehouse_records_whole_load(ngx_gatehouse_records_whole_t *w,
                                            ngx_gatehouse_store_t *store);
/* Of those known: whether a record of that name may be there. */
ngx_uint_t ngx_gatehouse_records_whole_has(
    const ngx_gatehouse_records_whole_t *w, uint64_t hash);
/* A line of the change log about the kind; NULL: lines were lost. */
void ngx_gatehouse_records_whole_follow(ngx_gatehouse_records_whole_t *w,
                                        const gh_store_change_t *line);
void ngx_gatehouse_records_whole_free(ngx_gatehouse_records_whole_t *w);


#endif
