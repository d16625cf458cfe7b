/*
 * What the workers of one node know together of the store that it shares
 * with others. In shared memory; every word is written whole.
 */

#ifndef NGX_GATEHOUSE_NODE_H
#define NGX_GATEHOUSE_NODE_H

#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    char id[17];        /* random, of this zone; 16 hexadecimal digits */
    ngx_atomic_t nodes; /* that were there lately; 0: not known yet */
    ngx_atomic_t run;   /* of the server that was asked last; 0: none */
} ngx_gatehouse_node_t;


#endif
