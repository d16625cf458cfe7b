/*
 * Timers and posted events that belong to no connection.
 */

#include "ngx_gatehouse_event.h"


void
ngx_gatehouse_event_init(ngx_event_t *ev, ngx_connection_t *dummy, void *data,
                         ngx_event_handler_pt handler, ngx_log_t *log)
{
    dummy->fd = (ngx_socket_t) -1;
    dummy->data = data;
    ev->data = dummy;
    ev->handler = handler;
    ev->log = log;
}


void *
ngx_gatehouse_event_data(ngx_event_t *ev)
{
    ngx_connection_t *dummy = ev->data;

    return dummy->data;
}
