/*
 * One thread per server: accept, read a head, write the answer, again.
 */

#include "gh_test_server.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 8192


struct gh_test_server_s {
    gh_test_server_mode_t mode;
    const char *answer;
    int fd, stop[2];
    unsigned port;
    pthread_t thread;

    SSL_CTX *ctx;
    EVP_PKEY *key;
    X509 *certificate;

    pthread_mutex_t mutex;
    unsigned connections, requests; /* under the mutex, as is seen */
    char seen[HEAD_MAX];
    char url[256];
};

typedef struct {
    gh_test_server_t *server;
    int fd;
    SSL *ssl;
} connection_t;


static void make_certificate(gh_test_server_t *s);
static void *serve(void *data);
static void converse(gh_test_server_t *s, int fd);
static bool read_head(connection_t *c);
static bool readable(connection_t *c);
static bool write_answer(connection_t *c);
static bool write_bytes(connection_t *c, const char *data, size_t len);


gh_test_server_t *
gh_test_server(gh_test_server_mode_t mode, const char *answer)
{
    socklen_t len;
    struct sockaddr_in address = { .sin_family = AF_INET };
    gh_test_server_t *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->mode = mode;
    s->answer = answer;

    (void) signal(SIGPIPE, SIG_IGN);

    if (mode == GH_TEST_TLS) {
        make_certificate(s);
    }

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    len = sizeof(address);

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *) &address, len), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *) &address, &len),
                     0);
    s->port = ntohs(address.sin_port);

    assert_int_equal(pipe(s->stop), 0);
    assert_int_equal(pthread_mutex_init(&s->mutex, NULL), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);

    return s;
}


static void
make_certificate(gh_test_server_t *s)
{
    X509 *x;
    X509_NAME *name;
    X509_EXTENSION *extension;

    s->key = EVP_EC_gen("P-256");
    s->certificate = x = X509_new();
    assert_non_null(s->key);
    assert_non_null(x);

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, s->key);

    name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *) "gatehouse test", -1,
                               -1, 0);
    X509_set_issuer_name(x, name);

    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                    "DNS:localhost,IP:127.0.0.1");
    assert_non_null(extension);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(x, s->key, EVP_sha256()) > 0);

    s->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(s->ctx);
    assert_int_equal(SSL_CTX_use_certificate(s->ctx, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s->ctx, s->key), 1);
}


void
gh_test_server_end(gh_test_server_t *s)
{
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(s->thread, NULL), 0);

    (void) close(s->fd);
    (void) close(s->stop[0]);
    (void) close(s->stop[1]);
    (void) pthread_mutex_destroy(&s->mutex);

    SSL_CTX_free(s->ctx);
    X509_free(s->certificate);
    EVP_PKEY_free(s->key);
    free(s);
}


const char *
gh_test_server_url(gh_test_server_t *s, const char *host, const char *path)
{
    (void) snprintf(s->url, sizeof(s->url), "%s://%s:%u%s",
                    (s->mode == GH_TEST_TLS) ? "https" : "http", host, s->port,
                    path);

    return s->url;
}


void
gh_test_server_write_ca(gh_test_server_t *s, const char *file)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, s->certificate), 1);
    assert_int_equal(fclose(f), 0);
}


static unsigned
read_count(gh_test_server_t *s, const unsigned *count)
{
    unsigned n;

    (void) pthread_mutex_lock(&s->mutex);
    n = *count;
    (void) pthread_mutex_unlock(&s->mutex);

    return n;
}


unsigned
gh_test_server_connections(gh_test_server_t *s)
{
    return read_count(s, &s->connections);
}


unsigned
gh_test_server_requests(gh_test_server_t *s)
{
    return read_count(s, &s->requests);
}


const char *
gh_test_server_seen(gh_test_server_t *s)
{
    (void) read_count(s, &s->requests); /* what was written before is seen */

    return s->seen;
}


static void *
serve(void *data)
{
    int fd;
    gh_test_server_t *s = data;
    struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN },
                             { .fd = s->stop[0], .events = POLLIN } };

    for (;;) {
        if (poll(fds, 2, -1) < 0 || fds[1].revents != 0) {
            return NULL;
        }

        fd = accept(s->fd, NULL, NULL);
        if (fd >= 0) {
            (void) pthread_mutex_lock(&s->mutex);
            s->connections++;
            (void) pthread_mutex_unlock(&s->mutex);

            converse(s, fd);
            (void) close(fd);
        }
    }
}


static void
converse(gh_test_server_t *s, int fd)
{
    connection_t c = { s, fd, NULL };

    if (s->mode == GH_TEST_TLS) {
        c.ssl = SSL_new(s->ctx);
        (void) SSL_set_fd(c.ssl, fd);

        if (SSL_accept(c.ssl) != 1) {
            SSL_free(c.ssl);
            return;
        }
    }

    while (read_head(&c) && write_answer(&c)) {
        /* the next request of this connection */
    }

    SSL_free(c.ssl);
}


static bool
read_head(connection_t *c)
{
    char head[HEAD_MAX];
    size_t len = 0;
    ssize_t n;
    gh_test_server_t *s = c->server;

    do {
        if (len == sizeof(head) - 1 || !readable(c)) {
            return false;
        }

        n = (c->ssl != NULL) ? SSL_read(c->ssl, head + len, 1)
                             : read(c->fd, head + len, 1);
        if (n <= 0) {
            return false;
        }

        len += (size_t) n;
        head[len] = '\0';

    } while (strstr(head, "\r\n\r\n") == NULL);

    (void) pthread_mutex_lock(&s->mutex);
    s->requests++;
    memcpy(s->seen, head, len + 1);
    (void) pthread_mutex_unlock(&s->mutex);

    return true;
}


/* False: the story is over. */

static bool
readable(connection_t *c)
{
    struct pollfd fds[2] = { { .fd = c->fd, .events = POLLIN },
                             { .fd = c->server->stop[0], .events = POLLIN } };

    if (c->ssl != NULL && SSL_pending(c->ssl) > 0) {
        return true;
    }

    return poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}


static bool
write_answer(connection_t *c)
{
    size_t len = strlen(c->server->answer);
    gh_test_server_t *s = c->server;

    if (s->mode == GH_TEST_SILENT) {
        return true;
    }

    if (!write_bytes(c, s->answer, len)) {
        return false;
    }

    while (s->mode == GH_TEST_ENDLESS) {
        if (!write_bytes(c, s->answer + len - 8, 8)) {
            return false;
        }
    }

    return true;
}


static bool
write_bytes(connection_t *c, const char *data, size_t len)
{
    ssize_t n;

    while (len > 0) {
        n = (c->ssl != NULL) ? SSL_write(c->ssl, data, (int) len)
                             : write(c->fd, data, len);
        if (n <= 0) {
            return false;
        }

        data += n;
        len -= (size_t) n;
    }

    return true;
}
