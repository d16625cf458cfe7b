/*
 * Timers and posted events that belong to no connection. nginx looks for one
 * behind each of them when it writes its debug log: there is a dummy.
 */

#ifndef NGX_GATEHOUSE_EVENT_H
#define NGX_GATEHOUSE_EVENT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/* All are borrowed as long as the event is; several events of one data may
 * share a dummy. The handler finds data in ngx_gatehouse_event_data(). */
void ngx_gatehouse_event_init(ngx_event_t *ev, ngx_connection_t *dummy,
                              void *data, ngx_event_handler_pt handler,
                              ngx_log_t *log);
void *ngx_gatehouse_event_data(ngx_event_t *ev);


#endif
