/*
 * The test's service behind: answers each request with a JSON document of
 * exactly what arrived and remembers it in a journal. One process plays any
 * number of named backends, each on a port of its own.
 */

#ifndef ECHO_H
#define ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>

#define ECHO_HEAD_MAX (1024 * 1024)
#define ECHO_HEADERS_MAX 256
#define ECHO_BODY_KEPT 4096
#define ECHO_JOURNAL_MAX 20000


/* a growing piece of memory; out of memory ends the process */

typedef struct {
    char *data;
    size_t len;
    size_t cap;
} text_t;

void text_add(text_t *text, const char *data, size_t len);
void text_str(text_t *text, const char *str);
void text_printf(text_t *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void text_json(text_t *text, const char *data, size_t len);
void text_drop(text_t *text, size_t len);
void text_free(text_t *text);


typedef struct {
    const char *data;
    size_t len;
} slice_t;

bool slice_is(slice_t s, const char *lowercase);
slice_t slice_trim(slice_t s);


typedef struct {
    slice_t name;
    slice_t value;
} header_t;

/* what a request may ask of the backend, or a test of all its requests */

typedef struct {
    int status;
    int delay_ms;
    long size;      /* answer with that many bytes instead of the document */
    bool chunked;   /* answer chunked */
    bool close;     /* close instead of an answer */
    bool hang;      /* never answer */
    bool partial;   /* close in the middle of the answer */
    bool early;     /* answer before the body has come */
    text_t headers; /* more header lines of the answer */
} orders_t;

typedef enum {
    AT_HEAD,
    AT_BODY,
    AT_END
} stage_t;

typedef enum {
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_CRLF,
    CHUNK_TRAILER
} chunk_t;

typedef struct {
    stage_t stage;
    text_t head; /* owns what the slices below point at */
    slice_t line;
    slice_t method;
    slice_t target;
    slice_t version;
    header_t headers[ECHO_HEADERS_MAX];
    size_t n_headers;

    bool chunked;
    bool upgrade;
    bool keepalive;
    bool answered;
    uint64_t left; /* bytes of the body, or of the chunk, still to come */
    chunk_t chunk;

    uint64_t body_len;
    EVP_MD_CTX *sha256;
    text_t body; /* its first ECHO_BODY_KEPT bytes */
} request_t;

typedef struct {
    char name[64];
    int port;
    int fd; /* -1 while connections are refused */
    bool control;
    orders_t orders;
    uint64_t count;
} backend_t;

typedef struct {
    int fd;
    uint64_t id;
    backend_t *backend;
    text_t in;
    text_t out;
    request_t rq;
    uint64_t due_us; /* when out may be sent, 0 at once */
    bool closing;    /* close when out is sent */
    bool tunnel;     /* upgraded: bytes go back as they come */
    bool dead;
} conn_t;

typedef struct {
    backend_t *backends;
    size_t n_backends;
    text_t *journal; /* JSON documents */
    size_t n_journal;
    uint64_t n_requests;
} world_t;


/* request.c */

const header_t *request_header(const request_t *rq, const char *lowercase);
bool request_feed(request_t *rq, text_t *in);
void request_reset(request_t *rq);

/* answer.c */

void answer(world_t *w, conn_t *c);
bool orders_parse(orders_t *orders, slice_t word);
void orders_clear(orders_t *orders);

/* control.c */

void control(world_t *w, conn_t *c);
void respond(conn_t *c, int status, const char *headers, slice_t body);

/* main.c */

uint64_t now_us(void);
void backend_listen(backend_t *b);

#endif
