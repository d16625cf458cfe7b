/*
 * The tool's connection: open, name oneself, ask and wait for one reply.
 */

#include "gh_redis_client_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/crypto.h>

#define WAIT_S 5


static gh_rc_t open_at(gh_redis_client_t *c, const gh_redis_place_t *place,
                       char *why);
static gh_rc_t greet(gh_redis_client_t *c, const gh_redis_place_t *place,
                     char *why);
static gh_rc_t claim_root(gh_redis_client_t *c, char *why);
static gh_rc_t compare_root(gh_redis_client_t *c, char *why);


gh_rc_t
gh_redis_client_open(const gh_redis_place_t *place, const gh_secret_t *secret,
                     gh_redis_client_t **out, char *why)
{
    char port[8];
    gh_redis_address_t address = { 0 };
    gh_redis_place_t at = *place;
    gh_redis_client_t *c = calloc(1, sizeof(*c));
    gh_rc_t rc = GH_OK;

    *out = NULL;

    if (c == NULL) {
        return GH_NOMEM;
    }

    gh_redis_init(&c->words, secret, place->database);

    if (place->n_sentinels > 0) {
        rc = gh_redis_client_find(place, &address, why);
        (void) snprintf(port, sizeof(port), "%u", address.port);
        at.host = address.host;
        at.port = port;
    }

    if (rc == GH_OK) {
        rc = open_at(c, &at, why);
    }

    if (rc != GH_OK) {
        gh_redis_client_close(c);
        return rc;
    }

    *out = c;

    return GH_OK;
}


static gh_rc_t
open_at(gh_redis_client_t *c, const gh_redis_place_t *place, char *why)
{
    gh_rc_t rc = GH_UNAVAILABLE;

    c->reader = gh_redis_reader_create();
    c->bio = gh_redis_client_connect(place, WAIT_S, &c->tls, why);

    if (c->bio != NULL && c->reader != NULL) {
        rc = greet(c, place, why);
    }

    if (rc == GH_OK && place->first) {
        rc = claim_root(c, why);
    }

    return rc == GH_OK ? compare_root(c, why) : rc;
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


static gh_rc_t
greet(gh_redis_client_t *c, const gh_redis_place_t *place, char *why)
{
    char number[16];
    gh_str_t args[3];
    gh_rc_t rc = gh_redis_client_name(c, place, why);

    if (rc == GH_OK && place->n_sentinels > 0) {
        rc = gh_redis_client_primary(c, why);
    }

    (void) snprintf(number, sizeof(number), "%u", place->database);
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


gh_rc_t
gh_redis_client_name(gh_redis_client_t *c, const gh_redis_place_t *place,
                     char *why)
{
    gh_str_t args[3];
    size_t n = 0;

    if (place->password == NULL) {
        return GH_OK;
    }

    args[n++] = GH_STR("AUTH");

    if (place->username != NULL) {
        args[n++] = gh_str(place->username);
    }

    args[n++] = gh_str(place->password);

    return gh_redis_client_say(c, args, n, why);
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
