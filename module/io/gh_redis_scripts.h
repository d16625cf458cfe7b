/*
 * The scripts that Redis runs for the store. Each touches KEYS[1] alone.
 * Versions are microseconds of Redis's clock, or one more than the last, so
 * that none comes twice; a change log that begins anew begins at the time.
 * What is not of ours under a key counts as damaged: it may be overwritten
 * by who does not ask for a version.
 */

#ifndef GH_REDIS_SCRIPTS_H
#define GH_REDIS_SCRIPTS_H

/* v: its version, 0 absent, false damaged */
#define GH_REDIS_LUA_LOOK                                                     \
    "local k = KEYS[1]\n"                                                     \
    "local v = '0'\n"                                                         \
    "local t = redis.call('TYPE', k).ok\n"                                    \
    "if t == 'hash' then v = redis.call('HGET', k, 'v') "                     \
    "if v and (#v > 16 or not string.match(v, '^[1-9]%d*$')) then "           \
    "v = false end\n"                                                         \
    "elseif t ~= 'none' then v = false end\n"

/* put(data, ttl): its new version */
#define GH_REDIS_LUA_PUT                                                      \
    "local function put(d, ttl)\n"                                            \
    "  local now = redis.call('TIME')\n"                                      \
    "  local n = now[1] * 1000000 + now[2]\n"                                 \
    "  if v and n <= tonumber(v) then n = tonumber(v) + 1 end\n"              \
    "  local e = 0\n"                                                         \
    "  if ttl > 0 then e = now[1] + ttl end\n"                                \
    "  n = string.format('%.0f', n)\n"                                        \
    "  if t ~= 'none' and t ~= 'hash' then redis.call('DEL', k) end\n"        \
    "  redis.call('HSET', k, 'v', n, 'd', d, 'e', "                           \
    "string.format('%.0f', e))\n"                                             \
    "  if ttl > 0 then redis.call('EXPIRE', k, ttl)\n"                        \
    "  else redis.call('PERSIST', k) end\n"                                   \
    "  return n\n"                                                            \
    "end\n"

/* ARGV: version or *, ttl, data */
#define GH_REDIS_LUA_SCRIPT_PUT                                               \
    GH_REDIS_LUA_LOOK GH_REDIS_LUA_PUT                                        \
        "if ARGV[1] ~= '*' then\n"                                            \
        "  if not v then return {'invalid', '0'} end\n"                       \
        "  if v ~= ARGV[1] then return {'conflict', v} end\n"                 \
        "end\n"                                                               \
        "return {'ok', put(ARGV[3], tonumber(ARGV[2]))}\n"

/* ARGV: version or *, "1" with a line of the log: what takes no line for want
 * of memory deletes nothing either, which some servers would allow */
#define GH_REDIS_LUA_SCRIPT_DELETE                                            \
    GH_REDIS_LUA_LOOK                                                         \
    "if v == '0' then return {'absent', '0'} end\n"                           \
    "if ARGV[1] ~= '*' then\n"                                                \
    "  if not v then return {'invalid', '0'} end\n"                           \
    "  if v ~= ARGV[1] then return {'conflict', v} end\n"                     \
    "end\n"                                                                   \
    "if ARGV[2] == '1' and t == 'hash' then\n"                                \
    "  redis.call('HSET', k, 'v', v or '0')\n"                                \
    "end\n"                                                                   \
    "redis.call('DEL', k)\n"                                                  \
    "return {'ok', v or '0'}\n"

/* ARGV: ttl, data; a claim of more than two ttls is of another clock */
#define GH_REDIS_LUA_SCRIPT_CLAIM                                             \
    GH_REDIS_LUA_LOOK GH_REDIS_LUA_PUT                                        \
        "local ttl = tonumber(ARGV[1])\n"                                     \
        "if v and v ~= '0' and redis.call('TTL', k) <= 2 * ttl then\n"        \
        "  return {'conflict', v}\n"                                          \
        "end\n"                                                               \
        "return {'ok', put(ARGV[2], ttl)}\n"

/* ARGV: n, limit, ttl, least; a damaged counter does not begin again at
 * nothing */
#define GH_REDIS_LUA_SCRIPT_TAKE                                              \
    GH_REDIS_LUA_LOOK GH_REDIS_LUA_PUT                                        \
        "local taken, left, ttl = 0, 0, tonumber(ARGV[3])\n"                  \
        "if not v then return {'invalid', '0', '0', '0'} end\n"               \
        "if v ~= '0' then\n"                                                  \
        "  local d = redis.call('HGET', k, 'd')\n"                            \
        "  if not d or not string.match(d, '^%d+$') then\n"                   \
        "    return {'invalid', v, '0', '0'}\n"                               \
        "  end\n"                                                             \
        "  taken = tonumber(d)\n"                                             \
        "end\n"                                                               \
        "local limit, n = tonumber(ARGV[2]), tonumber(ARGV[1])\n"             \
        "if limit > taken then left = limit - taken end\n"                    \
        "if n > left then n = left end\n"                                     \
        "if left < tonumber(ARGV[4]) then n = 0 end\n"                        \
        "local f = string.format\n"                                           \
        "if n > 0 then\n"                                                     \
        "  local d = f('%.0f', taken + n)\n"                                  \
        "  if v == '0' then v = put(d, ttl)\n"                                \
        "  else redis.call('HSET', k, 'd', d) end\n"                          \
        "end\n"                                                               \
        "return {'ok', v, f('%.0f', n), f('%.0f', left - n)}\n"

/* ARGV[1]: the first line that is wanted; at most ARGV[2] of them. What is no
 * log of ours is removed: who follows it sees that it begins anew, and reads
 * everything again. */
#define GH_REDIS_LUA_LINES                                                    \
    "local k = KEYS[1]\n"                                                     \
    "local function newest()\n"                                               \
    "  local t = redis.call('TYPE', k).ok\n"                                  \
    "  if t == 'none' then return end\n"                                      \
    "  if t == 'stream' then\n"                                               \
    "    local e = redis.call('XREVRANGE', k, '+', '-', 'COUNT', 1)[1]\n"     \
    "    local n = e and string.match(e[1], '^(%d+)-0$')\n"                   \
    "    if n and #n < 16 then return tonumber(n) end\n"                      \
    "  end\n"                                                                 \
    "  redis.call('DEL', k)\n"                                                \
    "end\n"                                                                   \
    "local last = newest()\n"                                                 \
    "local function lines()\n"                                                \
    "  local out, all = {string.format('%.0f', last or 0)}, {}\n"             \
    "  if last then all = redis.call('XRANGE', k, ARGV[1] .. '-0', '+', "     \
    "'COUNT', ARGV[2]) end\n"                                                 \
    "  for i = 1, #all do\n"                                                  \
    "    out[i + 1] = string.match(all[i][1], '^%d+') .. ':' .. "             \
    "string.sub(all[i][2][2], 1, 32)\n"                                       \
    "  end\n"                                                                 \
    "  return out\n"                                                          \
    "end\n"

#define GH_REDIS_LUA_SCRIPT_CHANGES GH_REDIS_LUA_LINES "return lines()\n"

/* ARGV[3]: kind:hash, ARGV[4]: channel, ARGV[5]: how many are kept */
#define GH_REDIS_LUA_SCRIPT_LOG                                               \
    GH_REDIS_LUA_LINES                                                        \
    "if not last then\n"                                                      \
    "  local now = redis.call('TIME')\n"                                      \
    "  last = now[1] * 1000 + math.floor(now[2] / 1000)\n"                    \
    "end\n"                                                                   \
    "last = last + 1\n"                                                       \
    "local n = string.format('%.0f', last)\n"                                 \
    "redis.call('XADD', k, 'MAXLEN', '~', ARGV[5], n .. '-0', 'c', "          \
    "ARGV[3])\n"                                                              \
    "redis.call('PUBLISH', ARGV[4], n .. ':' .. ARGV[3])\n"                   \
    "return lines()\n"


#endif
