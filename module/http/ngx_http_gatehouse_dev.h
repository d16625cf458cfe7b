/*
 * The principal of a gateway for development: everybody who reaches it. It
 * can exist only where nobody but this machine can.
 */

#ifndef NGX_HTTP_GATEHOUSE_DEV_H
#define NGX_HTTP_GATEHOUSE_DEV_H

#include "ngx_http_gatehouse.h"


/* NGX_ERROR after a message when a server with such a principal listens on
 * anything but loopback. At postconfiguration. */
ngx_int_t ngx_http_gatehouse_dev_guard(ngx_conf_t *cf);


#endif
