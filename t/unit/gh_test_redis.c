/*
 * Replies of Redis for stories.
 */

#include "gh_test_redis.h"


redisReply *
gh_test_reply(const char *bytes)
{
    redisReader *reader = gh_redis_reader_create();
    void *reply = NULL;

    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);

    return reply;
}
