/*
 * Where the primary is, for the tool: sentinels are asked one after the
 * other, and believed as gateways believe them.
 */

#include "gh_redis_client_inside.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_S 2 /* for one of them */


static void ask(const gh_redis_place_t *sentinel, const char *primary,
                gh_redis_vote_t *vote);
static bool decided(const gh_redis_vote_t *votes, size_t n);


gh_rc_t
gh_redis_client_find(const gh_redis_place_t *place, gh_redis_address_t *out,
                     char *why)
{
    gh_redis_vote_t votes[GH_REDIS_SENTINELS_MAX] = { 0 };
    size_t n = place->n_sentinels, winner;

    for (size_t i = 0; i < n && !decided(votes, n); i++) {
        ask(&place->sentinels[i], place->primary, &votes[i]);
    }

    winner = gh_redis_elect(votes, n, false);

    if (winner == n) {
        (void) snprintf(why, GH_LMDB_WHY, "Redis \"%.128s\" %s",
                        place->primary, gh_redis_elect_words(votes, n));
        return GH_UNAVAILABLE;
    }

    *out = votes[winner].address;

    return GH_OK;
}


/* More than half say the same: nobody else has to be asked. */

static bool
decided(const gh_redis_vote_t *votes, size_t n)
{
    return gh_redis_elect(votes, n, true) != n;
}


static void
ask(const gh_redis_place_t *sentinel, const char *primary,
    gh_redis_vote_t *vote)
{
    char why[GH_LMDB_WHY];
    gh_redis_client_t *c = calloc(1, sizeof(*c));
    gh_str_t args[] = { GH_STR("SENTINEL"), GH_STR("get-master-addr-by-name"),
                        gh_str(primary) };
    redisReply *reply = NULL;

    vote->state = GH_REDIS_VOTE_AWAY;

    if (c == NULL) {
        return;
    }

    c->reader = gh_redis_reader_create();
    c->bio = gh_redis_client_connect(sentinel, WAIT_S, &c->tls, why);

    if (c->bio != NULL && c->reader != NULL
        && gh_redis_client_name(c, sentinel, why) == GH_OK)
    {
        reply = gh_redis_client_ask(c, args, 3);
    }

    if (reply != NULL) {
        (void) gh_redis_primary_judge(reply, vote);
        freeReplyObject(reply);
    }

    gh_redis_client_close(c);
}


gh_rc_t
gh_redis_client_primary(gh_redis_client_t *c, char *why)
{
    gh_str_t role = GH_STR("ROLE");
    redisReply *reply = gh_redis_client_ask(c, &role, 1);
    gh_redis_verdict_t verdict = GH_REDIS_DOUBT;
    gh_str_t code = GH_STR("");

    if (reply != NULL) {
        verdict = gh_redis_role_judge(reply);
        (void) gh_redis_error(reply, &code);
        freeReplyObject(reply);
    }

    if (verdict == GH_REDIS_DONE) {
        return GH_OK;
    }

    (void) snprintf(why, GH_LMDB_WHY, "Redis, where sentinels sent us, %s",
                    verdict == GH_REDIS_REPLICA ? "is a replica"
                    : verdict == GH_REDIS_DOUBT ? "is no primary"
                                                : gh_redis_error_words(code));

    return GH_UNAVAILABLE;
}
