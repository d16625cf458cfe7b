/*
 * An operator's own pages, by the page; empty where ours stands.
 */

#ifndef NGX_HTTP_GATEHOUSE_PAGES_H
#define NGX_HTTP_GATEHOUSE_PAGES_H

#include "ngx_http_gatehouse.h"

#include "gh_page.h"


struct ngx_http_gatehouse_pages_s {
    gh_str_t templates[GH_PAGE_COUNT];
    gh_str_t styles[GH_PAGE_COUNT]; /* sources for style-src */
};


#endif
