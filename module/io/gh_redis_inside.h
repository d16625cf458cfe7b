/*
 * What the files of gh_redis.h share.
 */

#ifndef GH_REDIS_INSIDE_H
#define GH_REDIS_INSIDE_H

#include "gh_redis.h"

#define GH_REDIS_NUMBER_MAX 24


/* In decimal, in room. */
gh_str_t gh_redis_number(uint64_t n, char room[GH_REDIS_NUMBER_MAX]);
/* False: the reply is not a string of decimal digits. */
bool gh_redis_number_of(const redisReply *reply, uint64_t *n);
/* Empty: it is of another type. */
gh_str_t gh_redis_text_of(const redisReply *reply);


#endif
