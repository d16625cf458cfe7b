/*
 * The tool's connection: open, name oneself, ask and wait for one reply.
 */

#include "gh_redis_client_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_S 5


static BIO *connect_to(const gh_redis_place_t *place, SSL_CTX **tls,
                       char *why);
static BIO *connect_socket(const char *path);
static BIO *connect_tls(const gh_redis_place_t *place, char *address,
                        SSL_CTX **tls, char *why);
static gh_rc_t greet(gh_redis_client_t *c, const gh_redis_place_t *place,
                     char *why);
static gh_rc_t claim_root(gh_redis_client_t *c, char *why);
static gh_rc_t compare_root(gh_redis_client_t *c, char *why);


gh_rc_t
gh_redis_client_open(const gh_redis_place_t *place, const gh_secret_t *secret,
                     gh_redis_client_t **out, char *why)
{
    gh_redis_client_t *c = calloc(1, sizeof(*c));
    struct timeval wait = { .tv_sec = WAIT_S };
    gh_rc_t rc = GH_UNAVAILABLE;
    int fd = -1;

    *out = NULL;

    if (c == NULL) {
        return GH_NOMEM;
    }

    (void) snprintf(why, GH_LMDB_WHY, "Redis at %s cannot be reached",
                    place->path != NULL ? place->path : place->host);

    gh_redis_init(&c->words, secret, place->database);
    c->reader = gh_redis_reader_create();
    c->bio = connect_to(place, &c->tls, why);

    if (c->bio != NULL && c->reader != NULL) {
        (void) BIO_get_fd(c->bio, &fd);
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
        rc = greet(c, place, why);
    }

    if (rc == GH_OK && place->first) {
        rc = claim_root(c, why);
    }

    if (rc == GH_OK) {
        rc = compare_root(c, why);
    }

    if (rc != GH_OK) {
        gh_redis_client_close(c);
        return rc;
    }

    *out = c;

    return GH_OK;
}


void
gh_redis_client_close(gh_redis_client_t *c)
{
    if (c == NULL) {
        return;
    }

    BIO_free_all(c->bio);
    SSL_CTX_free(c->tls);

    if (c->reader != NULL) {
        redisReaderFree(c->reader);
    }

    free(c);
}


static BIO *
connect_to(const gh_redis_place_t *place, SSL_CTX **tls, char *why)
{
    char address[300];
    BIO *bio;

    if (place->path != NULL && !place->tls) {
        return connect_socket(place->path);
    }

    (void) snprintf(address, sizeof(address), "%s:%s",
                    place->host == NULL ? "" : place->host, place->port);

    if (place->tls) {
        return connect_tls(place, address, tls, why);
    }

    bio = BIO_new_connect(address);

    if (bio != NULL && BIO_do_connect(bio) == 1) {
        return bio;
    }

    BIO_free_all(bio);

    return NULL;
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


static BIO *
connect_tls(const gh_redis_place_t *place, char *address, SSL_CTX **tls,
            char *why)
{
    char name[256]; /* OpenSSL's macros want one that is not const */
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    BIO *bio = NULL;
    bool good = ctx != NULL;

    *tls = ctx;
    (void) snprintf(name, sizeof(name), "%s",
                    place->ssl_name == NULL ? "" : place->ssl_name);

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

    if (good) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        bio = BIO_new_ssl_connect(ctx);
        good = bio != NULL && BIO_get_ssl(bio, &ssl) == 1;
    }

    good = good && BIO_set_conn_hostname(bio, address) == 1
           && SSL_set1_host(ssl, name) == 1
           && SSL_set_tlsext_host_name(ssl, name) == 1;

    if (good && BIO_do_connect(bio) == 1) {
        return bio;
    }

    (void) snprintf(
        why, GH_LMDB_WHY,
        "Redis at %.200s cannot be reached with TLS, or is not whom "
        "its certificate must name",
        address);
    BIO_free_all(bio);

    return NULL;
}


static gh_rc_t
greet(gh_redis_client_t *c, const gh_redis_place_t *place, char *why)
{
    char number[16];
    gh_str_t args[3];
    gh_rc_t rc = GH_OK;

    (void) snprintf(number, sizeof(number), "%u", place->database);

    if (place->password != NULL) {
        size_t n = 0;

        args[n++] = GH_STR("AUTH");
        if (place->username != NULL) {
            args[n++] = gh_str(place->username);
        }
        args[n++] = gh_str(place->password);
        rc = gh_redis_client_say(c, args, n, why);
    }

    args[0] = GH_STR("SELECT");
    args[1] = gh_str(number);
    rc = rc == GH_OK ? gh_redis_client_say(c, args, 2, why) : rc;

    for (int i = 0; i < GH_REDIS_SCRIPTS && rc == GH_OK; i++) {
        args[0] = GH_STR("SCRIPT");
        args[1] = GH_STR("LOAD");
        args[2] = gh_redis_script_text((gh_redis_script_t) i);
        rc = gh_redis_client_say(c, args, 3, why);
    }

    return rc;
}


/* As a gateway does when it starts. */

static gh_rc_t
claim_root(gh_redis_client_t *c, char *why)
{
    char fingerprint[17];
    gh_str_t args[] = { GH_STR("SET"), GH_STR("gh:{root}"), GH_STR(""),
                        GH_STR("NX") };

    gh_secret_fingerprint(c->words.secret, fingerprint);
    args[2] = gh_str(fingerprint);

    return gh_redis_client_say(c, args, 4, why);
}


/* Gateways make the mark; where there is none, nothing is sealed yet. */

static gh_rc_t
compare_root(gh_redis_client_t *c, char *why)
{
    gh_str_t args[] = { GH_STR("GET"), GH_STR("gh:{root}") };
    redisReply *reply = gh_redis_client_ask(c, args, 2);
    bool known = false;

    if (reply == NULL) {
        return GH_UNAVAILABLE;
    }

    if (reply->type == REDIS_REPLY_STRING) {
        known = gh_secret_knows(c->words.secret,
                                (gh_str_t){ reply->str, (size_t) reply->len });
        (void) snprintf(why, GH_LMDB_WHY,
                        "it belongs to gateways of another root key than "
                        "this nginx.conf names");
    } else {
        (void) snprintf(why, GH_LMDB_WHY,
                        "no gateway has used it yet: start nginx first");
    }

    freeReplyObject(reply);

    return known ? GH_OK : GH_UNAVAILABLE;
}


redisReply *
gh_redis_client_ask(gh_redis_client_t *c, const gh_str_t *args, size_t n)
{
    gh_redis_bytes_t bytes;

    if (c->broken || gh_redis_command(args, n, &bytes) != GH_OK) {
        return NULL;
    }

    return gh_redis_client_send(c, &bytes) ? gh_redis_client_reply(c) : NULL;
}


bool
gh_redis_client_send(gh_redis_client_t *c, gh_redis_bytes_t *bytes)
{
    size_t sent = 0;

    while (sent < bytes->len && !c->broken) {
        size_t now = 0;

        if (BIO_write_ex(c->bio, bytes->data + sent, bytes->len - sent, &now)
            != 1) {
            c->broken = true;
        }
        sent += now;
    }

    OPENSSL_cleanse(bytes->data, bytes->len);
    free(bytes->data);

    return !c->broken;
}


redisReply *
gh_redis_client_reply(gh_redis_client_t *c)
{
    char room[16384];
    void *reply = NULL;
    size_t fed = 0;

    while (!c->broken) {
        size_t n = 0;

        if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) {
            break;
        }

        if (reply != NULL) {
            return reply;
        }

        if (fed > GH_REDIS_REPLY_MAX
            || BIO_read_ex(c->bio, room, sizeof(room), &n) != 1
            || redisReaderFeed(c->reader, room, n) != REDIS_OK)
        {
            break;
        }

        fed += n;
    }

    /* what may come late is nobody's answer */
    c->broken = true;

    return NULL;
}


gh_rc_t
gh_redis_client_say(gh_redis_client_t *c, const gh_str_t *args, size_t n,
                    char *why)
{
    redisReply *reply = gh_redis_client_ask(c, args, n);
    gh_str_t code;
    bool good;

    if (reply == NULL) {
        (void) snprintf(why, GH_LMDB_WHY, "Redis does not answer");
        return GH_UNAVAILABLE;
    }

    good = gh_redis_error(reply, &code) == GH_REDIS_DONE;

    if (!good) {
        (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                        gh_redis_error_words(code));
    }

    freeReplyObject(reply);

    return good ? GH_OK : GH_UNAVAILABLE;
}
