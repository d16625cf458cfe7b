/*
 * gatehouse_pages: an operator's own templates of the pages that people see,
 * read and looked at with the configuration.
 */

#include "ngx_http_gatehouse_pages.h"
#include "ngx_http_gatehouse_conf.h"

#define PAGES_SUFFIX ".html"


static char *pages_file(ngx_conf_t *cf, ngx_str_t *dir, ngx_str_t *name,
                        ngx_http_gatehouse_pages_t *pages);
static char *pages_read(ngx_conf_t *cf, ngx_str_t *path, gh_str_t *template);


/* gatehouse_pages DIR; */

char *
ngx_http_gatehouse_set_pages(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    char *rv;
    ngx_dir_t dir;
    ngx_str_t *value, name;

    if (gmcf->pages != NULL) {
        return "is duplicate";
    }

    gmcf->pages = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_pages_t));
    if (gmcf->pages == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_open_dir(&value[1], &dir) == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "the directory of pages \"%V\" cannot be opened",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_OK;

    while (rv == NGX_CONF_OK && ngx_read_dir(&dir) == NGX_OK) {

        name.data = ngx_de_name(&dir);
        name.len = ngx_de_namelen(&dir);

        if (name.len > sizeof(PAGES_SUFFIX) - 1 && name.data[0] != '.'
            && ngx_strcmp(name.data + name.len - (sizeof(PAGES_SUFFIX) - 1),
                          PAGES_SUFFIX)
                   == 0)
        {
            rv = pages_file(cf, &value[1], &name, gmcf->pages);
        }
    }

    (void) ngx_close_dir(&dir);

    return rv;
}


static char *
pages_file(ngx_conf_t *cf, ngx_str_t *dir, ngx_str_t *name,
           ngx_http_gatehouse_pages_t *pages)
{
    char *rv;
    gh_buf_t source;
    gh_str_t word;
    gh_page_t page;
    ngx_str_t path;
    const char *why;

    word.data = (const char *) name->data;
    word.len = name->len - (sizeof(PAGES_SUFFIX) - 1);
    page = gh_page_parse(word);

    if (page == GH_PAGE_COUNT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there is no page \"%V\" in \"%V\" to replace; "
                           "pages are: login_failed, login_away, "
                           "login_expired, logged_out, logout_confirm, "
                           "form_resume, each with .html",
                           name, dir);
        return NGX_CONF_ERROR;
    }

    path.len = dir->len + 1 + name->len;
    path.data = ngx_pnalloc(cf->pool, path.len + 1);
    source.len = 0;
    source.cap = GH_PAGE_STYLE_MAX;
    source.data = ngx_pnalloc(cf->pool, source.cap);

    if (path.data == NULL || source.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_sprintf(path.data, "%V/%V%Z", dir, name);

    rv = pages_read(cf, &path, &pages->templates[page]);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (gh_page_template(page, pages->templates[page], &source, &why) != GH_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the page \"%V\" %s", &path,
                           why ? why : "is too long");
        return NGX_CONF_ERROR;
    }

    pages->styles[page] = gh_buf_str(&source);

    return NGX_CONF_OK;
}


/* One byte more than may be, so that what is too long is seen. */

static char *
pages_read(ngx_conf_t *cf, ngx_str_t *path, gh_str_t *template)
{
    u_char *text;
    ssize_t n;
    ngx_fd_t fd;

    text = ngx_pnalloc(cf->pool, GH_PAGE_TEMPLATE_MAX + 1);
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    n = (fd == NGX_INVALID_FILE)
            ? -1
            : ngx_read_fd(fd, text, GH_PAGE_TEMPLATE_MAX + 1);

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "the page \"%V\" cannot be read", path);
    }

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }

    template->data = (const char *) text;
    template->len = (n < 0) ? 0 : (size_t) n;

    return (n < 0) ? NGX_CONF_ERROR : NGX_CONF_OK;
}
