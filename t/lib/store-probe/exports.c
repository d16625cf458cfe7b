/*
 * What nginx looks for in a dynamic module; its own build writes the like.
 */

#include <ngx_config.h>
#include <ngx_core.h>

extern ngx_module_t ngx_http_store_probe_module;

extern ngx_module_t *ngx_modules[];
extern char *ngx_module_names[];
extern char *ngx_module_order[];

ngx_module_t *ngx_modules[] = { &ngx_http_store_probe_module, NULL };
char *ngx_module_names[] = { "ngx_http_store_probe_module", NULL };
char *ngx_module_order[] = { NULL };
