/*
 * The queues that waiters stand in.
 */

#include "ngx_gatehouse_waiter.h"


void
ngx_gatehouse_waiter_link(ngx_queue_t *waiters, ngx_gatehouse_waiter_t *waiter)
{
    ngx_gatehouse_waiter_cancel(waiter);
    ngx_queue_insert_tail(waiters, &waiter->queue);
    waiter->linked = 1;
}


void
ngx_gatehouse_waiter_cancel(ngx_gatehouse_waiter_t *waiter)
{
    if (waiter->linked) {
        ngx_queue_remove(&waiter->queue);
        waiter->linked = 0;
    }
}


ngx_gatehouse_waiter_t *
ngx_gatehouse_waiter_first(ngx_queue_t *waiters)
{
    ngx_gatehouse_waiter_t *waiter;

    waiter =
        ngx_queue_data(ngx_queue_head(waiters), ngx_gatehouse_waiter_t, queue);
    ngx_gatehouse_waiter_cancel(waiter);

    return waiter;
}
