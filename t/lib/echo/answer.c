/*
 * Answers a request as it was ordered: by the test for the whole backend, by
 * the request's X-Echo header ("status=404 delay=50"), or by its path
 * ("/_status/404/_delay/50", anywhere in it). The later of these wins.
 */

#include "echo.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/sha.h>


static void orders_from_header(orders_t *orders, const request_t *rq);
static void orders_from_path(orders_t *orders, slice_t path);
static void percent_decode(text_t *out, slice_t in);
static void describe(world_t *w, conn_t *c, text_t *doc);
static void upgrade(conn_t *c);
static void filler(text_t *body, long size);


void
answer(world_t *w, conn_t *c)
{
    request_t *rq = &c->rq;
    orders_t orders = c->backend->orders;
    text_t doc = { 0 };

    memset(&orders.headers, 0, sizeof(orders.headers));
    text_add(&orders.headers, c->backend->orders.headers.data,
             c->backend->orders.headers.len);
    orders_from_header(&orders, rq);
    orders_from_path(&orders, rq->target);

    if (orders.early ? rq->answered : rq->stage != AT_END) {
        text_free(&orders.headers);
        return;
    }

    rq->answered = true;
    describe(w, c, &doc);

    if (orders.close) {
        c->dead = true;
    }

    if (orders.hang || orders.close) {
        text_free(&orders.headers);
        text_free(&doc);
        return;
    }

    if (orders.delay_ms > 0) {
        c->due_us = now_us() + (uint64_t) orders.delay_ms * 1000;
    }

    if (rq->upgrade && orders.status == 0) {
        upgrade(c);
        text_free(&orders.headers);
        text_free(&doc);
        return;
    }

    if (orders.size >= 0) {
        doc.len = 0;
        filler(&doc, orders.size);
    }

    if (orders.chunked) {
        text_str(&orders.headers, "Transfer-Encoding: chunked\r\n");
    }

    respond(c, orders.status, orders.headers.data,
            (slice_t){ doc.data, doc.len });

    if (orders.partial) {
        c->out.len -= doc.len / 2 + 1;
        c->closing = true;
    }

    text_free(&orders.headers);
    text_free(&doc);
}


/* One "name=value"; false if there is no such order. */

bool
orders_parse(orders_t *orders, slice_t word)
{
    const char *eq = memchr(word.data, '=', word.len);
    size_t name_len = eq != NULL ? (size_t) (eq - word.data) : word.len;
    slice_t name = { word.data, name_len };
    slice_t value = { word.data + word.len, 0 };
    char buf[32] = "1";

    if (eq != NULL) {
        value = (slice_t){ eq + 1, word.len - name_len - 1 };
        (void) snprintf(buf, sizeof(buf), "%.*s",
                        value.len < 31 ? (int) value.len : 31, value.data);
    }

    long number = strtol(buf, NULL, 10);

    if (slice_is(name, "status")) {
        orders->status = (int) number;
    } else if (slice_is(name, "delay")) {
        orders->delay_ms = (int) number;
    } else if (slice_is(name, "size")) {
        orders->size = number;
    } else if (slice_is(name, "chunked")) {
        orders->chunked = number != 0;
    } else if (slice_is(name, "close")) {
        orders->close = number != 0;
    } else if (slice_is(name, "hang")) {
        orders->hang = number != 0;
    } else if (slice_is(name, "partial")) {
        orders->partial = number != 0;
    } else if (slice_is(name, "early")) {
        orders->early = number != 0;
    } else if (slice_is(name, "header")) {
        percent_decode(&orders->headers, value);
        text_str(&orders->headers, "\r\n");
    } else if (slice_is(name, "accel")) {
        text_str(&orders->headers, "X-Accel-Redirect: ");
        percent_decode(&orders->headers, value);
        text_str(&orders->headers, "\r\n");
    } else {
        return false;
    }

    return true;
}


void
orders_clear(orders_t *orders)
{
    text_free(&orders->headers);
    memset(orders, 0, sizeof(*orders));
    orders->size = -1;
}


static void
orders_from_header(orders_t *orders, const request_t *rq)
{
    const header_t *h = request_header(rq, "x-echo");
    if (h == NULL) {
        return;
    }

    slice_t rest = h->value;

    while (rest.len > 0) {
        const char *sp = memchr(rest.data, ' ', rest.len);
        size_t len = sp != NULL ? (size_t) (sp - rest.data) : rest.len;

        (void) orders_parse(orders, (slice_t){ rest.data, len });

        size_t skip = sp != NULL ? len + 1 : len;
        rest = (slice_t){ rest.data + skip, rest.len - skip };
    }
}


static void
orders_from_path(orders_t *orders, slice_t path)
{
    const char *query = path.len > 0 ? memchr(path.data, '?', path.len) : NULL;
    const char *end = query != NULL ? query : path.data + path.len;

    for (const char *p = path.data; p + 2 < end; p++) {
        if (p[0] != '/' || p[1] != '_') {
            continue;
        }

        const char *name = p + 2;
        const char *slash = memchr(name, '/', (size_t) (end - name));
        const char *value = slash != NULL ? slash + 1 : end;
        const char *stop = value;

        while (stop < end && *stop != '/') {
            stop++;
        }

        text_t word = { 0 };
        text_add(&word, name, (size_t) ((slash != NULL ? slash : end) - name));
        if (stop > value) {
            text_str(&word, "=");
            text_add(&word, value, (size_t) (stop - value));
        }
        (void) orders_parse(orders, (slice_t){ word.data, word.len });
        text_free(&word);
    }
}


static void
percent_decode(text_t *out, slice_t in)
{
    for (size_t i = 0; i < in.len; i++) {
        char ch = in.data[i];

        if (ch == '%' && i + 2 < in.len) {
            char hex[3] = { in.data[i + 1], in.data[i + 2], '\0' };
            ch = (char) strtol(hex, NULL, 16);
            i += 2;
        }
        text_add(out, &ch, 1);
    }
}


/* The document of a request, also for the journal. */

static void
describe(world_t *w, conn_t *c, text_t *doc)
{
    request_t *rq = &c->rq;
    unsigned char hash[32];
    EVP_MD_CTX *copy = EVP_MD_CTX_new();

    if (copy == NULL || EVP_MD_CTX_copy_ex(copy, rq->sha256) != 1
        || EVP_DigestFinal_ex(copy, hash, NULL) != 1)
    {
        abort();
    }
    EVP_MD_CTX_free(copy);

    text_printf(doc, "{\"n\":%llu,\"backend\":\"%s\",\"port\":%d,",
                (unsigned long long) ++w->n_requests, c->backend->name,
                c->backend->port);
    text_printf(doc, "\"conn\":%llu,\"at_us\":%llu,\"line\":",
                (unsigned long long) c->id, (unsigned long long) now_us());
    text_json(doc, rq->line.data, rq->line.len);
    text_str(doc, ",\"method\":");
    text_json(doc, rq->method.data, rq->method.len);
    text_str(doc, ",\"target\":");
    text_json(doc, rq->target.data, rq->target.len);
    text_str(doc, ",\"version\":");
    text_json(doc, rq->version.data, rq->version.len);
    text_str(doc, ",\"headers\":[");

    for (size_t i = 0; i < rq->n_headers; i++) {
        text_str(doc, i > 0 ? ",[" : "[");
        text_json(doc, rq->headers[i].name.data, rq->headers[i].name.len);
        text_str(doc, ",");
        text_json(doc, rq->headers[i].value.data, rq->headers[i].value.len);
        text_str(doc, "]");
    }

    text_printf(doc, "],\"body_length\":%llu,\"body_sha256\":\"",
                (unsigned long long) rq->body_len);
    for (size_t i = 0; i < sizeof(hash); i++) {
        text_printf(doc, "%02x", hash[i]);
    }
    text_str(doc, "\",\"body\":");
    text_json(doc, rq->body.data, rq->body.len);
    text_str(doc, "}");

    c->backend->count++;
    if (w->n_journal < ECHO_JOURNAL_MAX) {
        text_t *entry = &w->journal[w->n_journal++];
        memset(entry, 0, sizeof(*entry));
        text_add(entry, doc->data, doc->len);
    }

    text_str(doc, "\n");
}


/* RFC 6455 section 4.2.2: the accept key. After it, bytes go back as is. */

static void
upgrade(conn_t *c)
{
    const header_t *h = request_header(&c->rq, "sec-websocket-key");
    text_t key = { 0 };
    unsigned char hash[SHA_DIGEST_LENGTH];
    unsigned char accept[64] = "";

    if (h != NULL) {
        text_add(&key, h->value.data, h->value.len);
        text_str(&key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        SHA1((const unsigned char *) key.data, key.len, hash);
        EVP_EncodeBlock(accept, hash, sizeof(hash));
    }

    text_printf(&c->out,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                (const char *) accept);
    text_free(&key);
    c->tunnel = true;
}


static void
filler(text_t *body, long size)
{
    static const char block[] = "0123456789abcdef0123456789abcdef"
                                "0123456789abcdef0123456789abcde\n";

    while (size > 0) {
        size_t len = size < 64 ? (size_t) size : 64;
        text_add(body, block, len);
        size -= (long) len;
    }
}
