/*
 * The control port: GET /journal, GET /counts, POST /clear, and POST /set
 * with "backend=NAME status=503 ..." (standing orders; "listen=0" refuses
 * connections, no order at all returns to normal). Also how any answer is
 * written.
 */

#include "echo.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static void journal(world_t *w, text_t *out);
static void counts(world_t *w, text_t *out);
static bool set(world_t *w, slice_t words);
static backend_t *backend_named(world_t *w, slice_t name);


void
control(world_t *w, conn_t *c)
{
    slice_t target = c->rq.target;
    text_t out = { 0 };
    int status = 200;

    if (slice_is(target, "/journal")) {
        journal(w, &out);
    } else if (slice_is(target, "/counts")) {
        counts(w, &out);
    } else if (slice_is(target, "/clear")) {
        for (size_t i = 0; i < w->n_journal; i++) {
            text_free(&w->journal[i]);
        }
        w->n_journal = 0;
        w->n_requests = 0;
        for (size_t i = 0; i < w->n_backends; i++) {
            w->backends[i].count = 0;
        }
    } else if (slice_is(target, "/set")) {
        status =
            set(w, (slice_t){ c->rq.body.data, c->rq.body.len }) ? 200 : 400;
    } else {
        status = 404;
    }

    respond(c, status, NULL, (slice_t){ out.data, out.len });
    text_free(&out);
}


void
respond(conn_t *c, int status, const char *headers, slice_t body)
{
    bool chunked =
        headers != NULL && strstr(headers, "Transfer-Encoding") != NULL;
    bool bodyless =
        status == 204 || status == 304 || slice_is(c->rq.method, "head");

    text_printf(&c->out, "HTTP/1.1 %d %s\r\n", status > 0 ? status : 200,
                status >= 400 ? "Ordered" : "OK");
    text_str(&c->out, "Server: echo\r\n");
    if (headers == NULL || strstr(headers, "Content-Type:") == NULL) {
        text_str(&c->out, "Content-Type: application/json\r\n");
    }
    if (headers != NULL) {
        text_str(&c->out, headers);
    }
    if (!chunked && status != 204) {
        text_printf(&c->out, "Content-Length: %zu\r\n", body.len);
    }
    if (!c->rq.keepalive) {
        text_str(&c->out, "Connection: close\r\n");
        c->closing = true;
    }
    text_str(&c->out, "\r\n");

    if (bodyless) {
        return;
    }

    if (!chunked) {
        text_add(&c->out, body.data, body.len);
        return;
    }

    for (size_t at = 0; at < body.len; at += 100) {
        size_t len = body.len - at < 100 ? body.len - at : 100;
        text_printf(&c->out, "%zx\r\n", len);
        text_add(&c->out, body.data + at, len);
        text_str(&c->out, "\r\n");
    }
    text_str(&c->out, "0\r\n\r\n");
}


static void
journal(world_t *w, text_t *out)
{
    text_str(out, "[");
    for (size_t i = 0; i < w->n_journal; i++) {
        text_str(out, i > 0 ? ",\n" : "");
        text_add(out, w->journal[i].data, w->journal[i].len);
    }
    text_str(out, "]\n");
}


static void
counts(world_t *w, text_t *out)
{
    text_str(out, "{");
    for (size_t i = 0; i < w->n_backends; i++) {
        if (!w->backends[i].control) {
            text_printf(out, "\"%s\":%llu,", w->backends[i].name,
                        (unsigned long long) w->backends[i].count);
        }
    }
    text_printf(out, "\"\":%llu}\n", (unsigned long long) w->n_requests);
}


static bool
set(world_t *w, slice_t words)
{
    backend_t *b = NULL;

    while (words.len > 0) {
        const char *sp = memchr(words.data, ' ', words.len);
        size_t len = sp != NULL ? (size_t) (sp - words.data) : words.len;
        slice_t word = { words.data, len };
        size_t skip = sp != NULL ? len + 1 : len;

        words = (slice_t){ words.data + skip, words.len - skip };

        if (b == NULL) {
            b = backend_named(w, word);
            if (b == NULL) {
                return false;
            }
            orders_clear(&b->orders);

        } else if (slice_is(word, "listen=0")) {
            if (b->fd != -1) {
                (void) close(b->fd);
                b->fd = -1;
            }

        } else if (slice_is(word, "listen=1")) {
            backend_listen(b);

        } else if (!orders_parse(&b->orders, word)) {
            return false;
        }
    }

    return b != NULL;
}


static backend_t *
backend_named(world_t *w, slice_t word)
{
    size_t skip = sizeof("backend=") - 1;

    if (word.len <= skip || memcmp(word.data, "backend=", skip) != 0) {
        return NULL;
    }

    for (size_t i = 0; i < w->n_backends; i++) {
        const char *name = w->backends[i].name;

        if (strlen(name) == word.len - skip
            && memcmp(name, word.data + skip, word.len - skip) == 0)
        {
            return &w->backends[i];
        }
    }

    return NULL;
}
