/*
 * How the tool reaches a Redis or a sentinel: over TCP, a socket or TLS, and
 * never longer than it was told to wait.
 */

#include "gh_redis_client_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>


static BIO *connect_socket(const char *path);
static int connect_host(const gh_redis_place_t *place, int wait_s);
static int connect_address(const struct addrinfo *address, int wait_s);
static void limit(int fd, int wait_s);
static BIO *shake_hands(const gh_redis_place_t *place, SSL_CTX *ctx, BIO *tcp);
static SSL_CTX *trust(const gh_redis_place_t *place);
static bool is_address(const char *name);


BIO *
gh_redis_client_connect(const gh_redis_place_t *place, int wait_s,
                        SSL_CTX **tls, char *why)
{
    BIO *bio = NULL, *both;
    int fd;

    (void) snprintf(why, GH_LMDB_WHY,
                    "Redis at %.200s%s%.8s cannot be reached",
                    place->path != NULL ? place->path : place->host,
                    place->path != NULL ? "" : ":",
                    place->path != NULL ? "" : place->port);

    if (place->path != NULL && !place->tls) {
        bio = connect_socket(place->path);
    } else if (place->path == NULL && (fd = connect_host(place, wait_s)) != -1)
    {
        bio = BIO_new_socket(fd, BIO_CLOSE);
    }

    if (bio == NULL) {
        return NULL;
    }

    (void) BIO_get_fd(bio, &fd);
    limit(fd, wait_s);

    if (!place->tls) {
        return bio;
    }

    *tls = trust(place);
    both = *tls != NULL ? shake_hands(place, *tls, bio) : NULL;

    if (both == NULL) {
        (void) snprintf(why, GH_LMDB_WHY,
                        "Redis at %.80s:%.8s cannot be reached with TLS, or "
                        "is not whom its certificate must name (%.80s)",
                        place->host, place->port,
                        place->ssl_name != NULL ? place->ssl_name : "");
        BIO_free_all(bio);
    }

    return both;
}


static BIO *
connect_socket(const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BIO *bio = NULL;

    (void) snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);

    if (fd != -1
        && connect(fd, (const struct sockaddr *) &sun, sizeof(sun)) == 0) {
        bio = BIO_new_socket(fd, BIO_CLOSE);
    }

    if (bio == NULL && fd != -1) {
        (void) close(fd);
    }

    return bio;
}


/* All its addresses in turn; -1: none of them. */

static int
connect_host(const gh_redis_place_t *place, int wait_s)
{
    char host[256];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
    gh_str_t name = gh_str(place->host);
    int fd = -1;

    if (name.len > 2 && name.data[0] == '[') { /* IPv6 */
        name = (gh_str_t){ name.data + 1, name.len - 2 };
    }

    (void) snprintf(host, sizeof(host), "%.*s", (int) name.len, name.data);

    if (getaddrinfo(host, place->port, &hints, &all) != 0) {
        return -1;
    }

    for (const struct addrinfo *a = all; a != NULL && fd == -1; a = a->ai_next)
    {
        fd = connect_address(a, wait_s);
    }

    freeaddrinfo(all);

    return fd;
}


static int
connect_address(const struct addrinfo *address, int wait_s)
{
    int fd = socket(address->ai_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd pfd = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t len = sizeof(error);
    bool good;

    if (fd == -1) {
        return -1;
    }

    good = connect(fd, address->ai_addr, address->ai_addrlen) == 0
           || (errno == EINPROGRESS && poll(&pfd, 1, wait_s * 1000) == 1
               && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0
               && error == 0);

    if (!good || fcntl(fd, F_SETFL, 0) == -1) {
        (void) close(fd);
        return -1;
    }

    return fd;
}


/* Of each reading and writing from now on. */

static void
limit(int fd, int wait_s)
{
    struct timeval wait = { .tv_sec = wait_s };

    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}


static SSL_CTX *
trust(const gh_redis_place_t *place)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool good = ctx != NULL;

    good = good && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1
           && (place->ca != NULL
                   ? SSL_CTX_load_verify_locations(ctx, place->ca, NULL)
                   : SSL_CTX_set_default_verify_paths(ctx))
                  == 1;

    if (good && place->certificate != NULL) {
        good = SSL_CTX_use_certificate_chain_file(ctx, place->certificate) == 1
               && SSL_CTX_use_PrivateKey_file(ctx, place->certificate_key,
                                              SSL_FILETYPE_PEM)
                      == 1;
    }

    if (!good) {
        SSL_CTX_free(ctx);
        return NULL;
    }

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);

    return ctx;
}


/* TLS in front of tcp, which stays the caller's if it fails. */

static BIO *
shake_hands(const gh_redis_place_t *place, SSL_CTX *ctx, BIO *tcp)
{
    char name[256]; /* OpenSSL's macros want one that is not const */
    SSL *ssl = NULL;
    BIO *bio = BIO_new_ssl(ctx, 1);

    (void) snprintf(name, sizeof(name), "%s",
                    place->ssl_name == NULL ? "" : place->ssl_name);

    /* without a name nobody would be asked for one */

    if (bio != NULL && BIO_get_ssl(bio, &ssl) == 1 && name[0] != '\0'
        && SSL_set1_host(ssl, name) == 1
        && (is_address(name) || SSL_set_tlsext_host_name(ssl, name) == 1))
    {
        (void) BIO_push(bio, tcp);

        if (BIO_do_handshake(bio) == 1) {
            return bio;
        }

        (void) BIO_pop(bio);
    }

    BIO_free(bio);

    return NULL;
}


/* An address is no name to ask for (RFC 6066 section 3). */

static bool
is_address(const char *name)
{
    struct in_addr v4;

    return name[0] == '[' || inet_pton(AF_INET, name, &v4) == 1;
}
