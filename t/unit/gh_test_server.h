/*
 * A provider for one story: listens on loopback, answers every request with
 * the same bytes, remembers what it was sent. One connection at a time.
 */

#ifndef GH_TEST_SERVER_H
#define GH_TEST_SERVER_H

#include "gh_test.h"

typedef struct gh_test_server_s gh_test_server_t;

typedef enum {
    GH_TEST_PLAIN = 0,
    GH_TEST_TLS,     /* a fresh certificate for localhost and 127.0.0.1 */
    GH_TEST_ENDLESS, /* repeats the answer's last bytes until hung up on */
    GH_TEST_SILENT   /* reads and never answers */
} gh_test_server_mode_t;


gh_test_server_t *gh_test_server(gh_test_server_mode_t mode,
                                 const char *answer);
/* Waits for its thread. */
void gh_test_server_end(gh_test_server_t *s);

/* "http://127.0.0.1:PORT/path" or https, in a buffer of the server. */
const char *gh_test_server_url(gh_test_server_t *s, const char *host,
                               const char *path);
/* The certificate as a file for ca_file, in a directory that exists. */
void gh_test_server_write_ca(gh_test_server_t *s, const char *file);

unsigned gh_test_server_connections(gh_test_server_t *s);
unsigned gh_test_server_requests(gh_test_server_t *s);
/* The last request's head, borrowed until the server ends. */
const char *gh_test_server_seen(gh_test_server_t *s);


#endif
