/*
 * Replies of Redis for stories, given as the bytes that come.
 */

#ifndef GH_TEST_REDIS_H
#define GH_TEST_REDIS_H

#include "gh_test.h"

#include "gh_redis.h"


/* One whole reply, read as the store reads it; freeReplyObject ends it. */
redisReply *gh_test_reply(const char *bytes);


#endif
