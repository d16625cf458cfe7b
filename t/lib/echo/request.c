/*
 * Reads one request as bytes come in: the head is kept as it was sent, the
 * body is counted and hashed. Lenient on purpose: judging is the gateway's.
 */

#include "echo.h"
#include <stdlib.h>
#include <string.h>


static bool head_feed(request_t *rq, text_t *in);
static void head_split(request_t *rq);
static void head_understand(request_t *rq);
static bool body_feed(request_t *rq, text_t *in);
static bool chunk_feed(request_t *rq, text_t *in);
static void body_take(request_t *rq, text_t *in);


/* Takes what it can from in; true when the request is complete. */

bool
request_feed(request_t *rq, text_t *in)
{
    if (rq->stage == AT_HEAD && !head_feed(rq, in)) {
        return false;
    }

    if (rq->stage == AT_BODY && body_feed(rq, in)) {
        rq->stage = AT_END;
    }

    return rq->stage == AT_END;
}


void
request_reset(request_t *rq)
{
    text_free(&rq->head);
    text_free(&rq->body);
    EVP_MD_CTX_free(rq->sha256);
    memset(rq, 0, sizeof(*rq));
}


const header_t *
request_header(const request_t *rq, const char *lowercase)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        if (slice_is(rq->headers[i].name, lowercase)) {
            return &rq->headers[i];
        }
    }

    return NULL;
}


static bool
head_feed(request_t *rq, text_t *in)
{
    if (in->len == 0) {
        return false;
    }

    const char *end = memmem(in->data, in->len, "\r\n\r\n", 4);
    if (end == NULL) {
        return false;
    }

    size_t len = (size_t) (end - in->data) + 4;
    text_add(&rq->head, in->data, len);
    text_drop(in, len);

    head_split(rq);
    head_understand(rq);

    rq->sha256 = EVP_MD_CTX_new();
    if (rq->sha256 == NULL
        || EVP_DigestInit_ex(rq->sha256, EVP_sha256(), NULL) != 1)
    {
        abort();
    }

    rq->stage = AT_BODY;
    return true;
}


static void
head_split(request_t *rq)
{
    const char *p = rq->head.data;
    const char *eol = strstr(p, "\r\n");

    rq->line = (slice_t){ p, (size_t) (eol - p) };

    const char *sp = memchr(p, ' ', rq->line.len);
    const char *last = memrchr(p, ' ', rq->line.len);
    if (sp != NULL && last > sp) {
        rq->method = (slice_t){ p, (size_t) (sp - p) };
        rq->target = (slice_t){ sp + 1, (size_t) (last - sp - 1) };
        rq->version = (slice_t){ last + 1, (size_t) (eol - last - 1) };
    }

    const char *end = rq->head.data + rq->head.len - 2;

    for (p = eol + 2; p < end && rq->n_headers < ECHO_HEADERS_MAX; p = eol + 2)
    {
        eol = memmem(p, (size_t) (end + 2 - p), "\r\n", 2);
        size_t len = (size_t) (eol - p);
        const char *colon = memchr(p, ':', len);
        size_t name = colon != NULL ? (size_t) (colon - p) : len;
        header_t *h = &rq->headers[rq->n_headers++];

        h->name = (slice_t){ p, name };
        h->value = (slice_t){ p + len, 0 };
        if (colon != NULL) {
            h->value = slice_trim((slice_t){ colon + 1, len - name - 1 });
        }
    }
}


static void
head_understand(request_t *rq)
{
    const header_t *h = request_header(rq, "transfer-encoding");
    rq->chunked = h != NULL && slice_is(h->value, "chunked");

    h = request_header(rq, "content-length");
    if (h != NULL && !rq->chunked) {
        rq->left = strtoull(h->value.data, NULL, 10);
    }

    h = request_header(rq, "upgrade");
    rq->upgrade = h != NULL && slice_is(h->value, "websocket");

    h = request_header(rq, "connection");
    rq->keepalive = slice_is(rq->version, "http/1.1")
                    && !(h != NULL && slice_is(h->value, "close"));
}


static bool
body_feed(request_t *rq, text_t *in)
{
    if (!rq->chunked) {
        body_take(rq, in);
        return rq->left == 0;
    }

    for (;;) {
        size_t before = in->len;

        if (chunk_feed(rq, in)) {
            return true;
        }
        if (in->len == before) {
            return false;
        }
    }
}


/* One step through a chunked body; true after the last trailer. */

static bool
chunk_feed(request_t *rq, text_t *in)
{
    if (rq->chunk == CHUNK_DATA) {
        body_take(rq, in);
        if (rq->left == 0) {
            rq->chunk = CHUNK_CRLF;
        }
        return false;
    }

    const char *eol =
        in->len > 1 ? memmem(in->data, in->len, "\r\n", 2) : NULL;
    if (eol == NULL) {
        return false;
    }

    size_t len = (size_t) (eol - in->data);
    bool end = false;

    switch (rq->chunk) {
    case CHUNK_SIZE:
        rq->left = strtoull(in->data, NULL, 16);
        rq->chunk = rq->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        break;
    case CHUNK_CRLF:
        rq->chunk = CHUNK_SIZE;
        break;
    default:
        end = len == 0;
        break;
    }

    text_drop(in, len + 2);
    return end;
}


static void
body_take(request_t *rq, text_t *in)
{
    size_t len = in->len < rq->left ? in->len : (size_t) rq->left;

    if (len == 0) {
        return;
    }

    if (EVP_DigestUpdate(rq->sha256, in->data, len) != 1) {
        abort();
    }

    if (rq->body.len < ECHO_BODY_KEPT) {
        size_t room = ECHO_BODY_KEPT - rq->body.len;
        text_add(&rq->body, in->data, len < room ? len : room);
    }

    rq->body_len += len;
    rq->left -= len;
    text_drop(in, len);
}
