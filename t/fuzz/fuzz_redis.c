/*
 * Bytes from Redis or a sentinel, as whatever was asked: no reply does harm,
 * and an address that is accepted is one that is written in one way only.
 */

#include "fuzz.h"

#include "gh_redis_sentinel.h"

#include <stdio.h>


static void try_store(const redisReply *reply);
static void try_lease(const redisReply *reply);
static void try_sentinel(const redisReply *reply);
static void try_address(const gh_redis_address_t *address);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redisReader *reader = gh_redis_reader_create();
    void *reply = NULL;

    if (reader == NULL || size > 65536) {
        redisReaderFree(reader);
        return 0;
    }

    (void) redisReaderFeed(reader, (const char *) data, size);

    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
        try_store(reply);
        try_lease(reply);
        try_sentinel(reply);
        freeReplyObject(reply);
        reply = NULL;
    }

    redisReaderFree(reader);

    return 0;
}


static void
try_store(const redisReply *reply)
{
    static gh_redis_changes_t changes;
    gh_write_t w = { .type = GH_WRITE_PUT };
    gh_write_t take = { .type = GH_WRITE_TAKE, .n = 5 };
    gh_write_t logged = { .type = GH_WRITE_PUT, .log = true };
    gh_str_t code;

    (void) gh_redis_error_words(GH_STR(""));
    (void) gh_redis_error(reply, &code);
    (void) gh_redis_queued_judge(reply, 0);
    (void) gh_redis_write_judge(reply, &w, &changes);
    (void) gh_redis_write_judge(reply, &logged, &changes);

    require(gh_redis_write_judge(reply, &take, &changes) != GH_REDIS_DONE
            || take.granted <= take.n);
    require(gh_redis_changes_judge(reply, &changes) != GH_REDIS_DONE
            || changes.n <= GH_REDIS_LINES);
}


static void
try_lease(const redisReply *reply)
{
    gh_redis_t r = { 0 };
    gh_redis_beat_t beat;
    uint64_t run;

    (void) gh_redis_run_judge(reply, &run);

    if (gh_redis_beat_judge(reply, &beat) != GH_REDIS_DONE) {
        return;
    }

    require(beat.nodes > 0 && beat.now_us <= INT64_MAX / 2);
    require(gh_redis_beat_step(&r, &beat, 1000000, 2000000) == 0);
    require(gh_redis_beat_step(&r, &beat, 5000000, 5000000) == 0);
    require(gh_redis_beat_step(&r, &beat, 0, 0)
            == (beat.epoch == 0 ? 0 : 5000000));
}


static void
try_sentinel(const redisReply *reply)
{
    gh_redis_vote_t vote;
    gh_redis_address_t address;
    gh_str_t text;

    (void) gh_redis_role_judge(reply);

    if (gh_redis_primary_judge(reply, &vote) == GH_REDIS_DONE
        && vote.state == GH_REDIS_VOTE_NAMED)
    {
        try_address(&vote.address);
    }

    if (reply->type == REDIS_REPLY_STRING) {
        text = (gh_str_t){ reply->str, (size_t) reply->len };

        if (gh_redis_switch_parse(text, GH_STR("main"), &address) == GH_OK) {
            try_address(&address);
        }
    }
}


static void
try_address(const gh_redis_address_t *address)
{
    char port[8];
    gh_redis_address_t again;

    (void) snprintf(port, sizeof(port), "%u", address->port);

    require(
        gh_redis_address_parse(gh_str(address->host), gh_str(port), &again));
    require(gh_redis_address_eq(address, &again));
    require(address->name == again.name);
}
