/*
 * The scripts by which nodes share the rate of a limit. Times are
 * microseconds of Redis's clock; each script touches KEYS[1] alone.
 */

#ifndef GH_REDIS_LEASE_SCRIPTS_H
#define GH_REDIS_LEASE_SCRIPTS_H

/*
 * A bucket and what is out of it. ARGV: node, run, since, epoch, the clock
 * at least and at most, burst, interval in ns, serial, unspent, need, how
 * much at once, and what is too little to be of use. Its value: "1 run epoch
 * level at", then for each node "|node out until serial asked".
 *
 * level + what is out <= burst at all times, and only time adds to the sum,
 * at the rate: whatever is spent when, in any span T it is no more than
 * burst + rate * T. What nobody has spent in time is not put back. A bucket
 * of another run of Redis may have been fuller than it ought to be: it
 * begins empty at `since`, and so does one that is not there, unless since
 * is 0. In another epoch the clock was set: no time has passed.
 */
#define GH_REDIS_LUA_SCRIPT_LEASE                                             \
    "local t = redis.call('TIME')\n"                                          \
    "local now = t[1] * 1000000 + t[2]\n"                                     \
    "local f, num = string.format, tonumber\n"                                \
    "if now < num(ARGV[5]) or now > num(ARGV[6]) then\n"                      \
    "  return {'absent', '0', '0', '0'}\n"                                    \
    "end\n"                                                                   \
    "local burst, step = num(ARGV[7]), num(ARGV[8]) / 1000\n"                 \
    "local since = num(ARGV[3])\n"                                            \
    "local out, held, level, at = {}, 0, nil, now\n"                          \
    "local began = burst\n"                                                   \
    "if since > 0 then began = math.max(0, now - since) / step end\n"         \
    "local v = redis.pcall('GET', KEYS[1])\n"                                 \
    "if not v then level = began\n"                                           \
    "elseif type(v) == 'string' and #v < 65536 then\n"                        \
    "  local run, epoch, l, a =\n"                                            \
    "    string.match(v, '^1 (%x+) (%d+) ([%d%.e+-]+) (%d+)')\n"              \
    "  level, at = num(l or ''), num(a or '')\n"                              \
    "  local anew = run ~= ARGV[2] or epoch ~= ARGV[4]\n"                     \
    "  for n, o, u, s, w in\n"                                                \
    "    string.gmatch(v, '|(%x+) (%d+) (%d+) (%d+) (%d+)') do\n"             \
    "    u = num(u)\n"                                                        \
    "    if anew or u > now + 1100000 then u = now + 1100000 end\n"           \
    "    if anew then w = now end\n"                                          \
    "    out[#out + 1] = {n, num(o), u, num(s), num(w)}\n"                    \
    "    held = held + out[#out][2]\n"                                        \
    "  end\n"                                                                 \
    "  if run and run ~= ARGV[2] then level = began end\n"                    \
    "  if anew or not at or at > now + 1000000 then at = now end\n"           \
    "end\n"                                                                   \
    "if not level or level ~= level then\n"                                   \
    "  level, at, out, held = 0, now, {}, 0\n"                                \
    "end\n"                                                                   \
    "local function fill(to)\n"                                               \
    "  if to > at then level = level + (to - at) / step at = to end\n"        \
    "  level = math.max(0, math.min(burst - held, level))\n"                  \
    "end\n"                                                                   \
    "table.sort(out, function(a, b) return a[3] < b[3] end)\n"                \
    "local live, mine = {}, nil\n"                                            \
    "for i = 1, #out do\n"                                                    \
    "  local e = out[i]\n"                                                    \
    "  if e[3] <= now then fill(e[3]) held = held - e[2]\n"                   \
    "  else\n"                                                                \
    "    live[#live + 1] = e\n"                                               \
    "    if e[1] == ARGV[1] then mine = e end\n"                              \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "fill(now)\n"                                                             \
    "local serial, unspent = num(ARGV[9]), num(ARGV[10])\n"                   \
    "local need, ahead = num(ARGV[11]), 0\n"                                  \
    "if mine then\n"                                                          \
    "  if serial <= mine[4] then\n"                                           \
    "    return {'conflict', '0', '0', '0'}\n"                                \
    "  end\n"                                                                 \
    "  local spent = math.max(0, mine[2] - unspent)\n"                        \
    "  local span = math.max(1, now - mine[5])\n"                             \
    "  ahead = math.min(2 * spent, math.ceil(spent * 1000000 / span))\n"      \
    "else\n"                                                                  \
    "  mine = {ARGV[1], 0}\n"                                                 \
    "  live[#live + 1] = mine\n"                                              \
    "end\n"                                                                   \
    "held = held - mine[2] + unspent\n"                                       \
    "fill(now)\n"                                                             \
    "local most = math.min(num(ARGV[12]), math.floor(burst / (2 * #live)))\n" \
    "local want = math.max(need, math.min(most, need + ahead))\n"             \
    "local n = math.max(0, math.min(want - unspent, math.floor(level)))\n"    \
    "if n + unspent < num(ARGV[13]) then n = 0 end\n"                         \
    "level = level - n\n"                                                     \
    "mine[2], mine[3], mine[4], mine[5] = "                                   \
    "unspent + n, now + 1100000, serial, now\n"                               \
    "local text = f('1 %s %s %.17g %.0f', ARGV[2], ARGV[4], level, now)\n"    \
    "for i = 1, #live do\n"                                                   \
    "  local e = live[i]\n"                                                   \
    "  text = text .. f('|%s %.0f %.0f %.0f %.0f', e[1], e[2], e[3], e[4], "  \
    "e[5])\n"                                                                 \
    "end\n"                                                                   \
    "local ttl = math.ceil((burst - level) * step / 1000) + 3000\n"           \
    "redis.call('SET', KEYS[1], text, 'PX', f('%.0f', ttl))\n"                \
    "return {'ok', '0', f('%.0f', n), f('%.0f', math.floor(level * 1000))}\n"

/*
 * Who is there, since when the counters can be trusted, and what time it is.
 * ARGV: node, run of this Redis, the run that the node knew before or "-",
 * the epoch that the node saw end or "-". Answers since, epoch, nodes, now.
 */
#define GH_REDIS_LUA_SCRIPT_BEAT                                              \
    "local t = redis.call('TIME')\n"                                          \
    "local now = t[1] * 1000000 + t[2]\n"                                     \
    "local f, num, k = string.format, tonumber, KEYS[1]\n"                    \
    "local all = redis.pcall('HGETALL', k)\n"                                 \
    "local h, lost = {}, false\n"                                             \
    "if all.err or #all > 4096 then redis.call('DEL', k) all, lost = {}, "    \
    "true end\n"                                                              \
    "for i = 1, #all, 2 do h[all[i]] = all[i + 1] end\n"                      \
    "local since, epoch = num(h.since or ''), num(h.epoch or '')\n"           \
    "if h.run and not (since and epoch) then lost = true end\n"               \
    "local set = h.run ~= ARGV[2] or lost\n"                                  \
    "if set then\n"                                                           \
    "  since = (h.run or lost or ARGV[3] ~= '-') and now or 0\n"              \
    "  epoch = math.max((epoch or 0) + 1, math.floor(now / 1000000))\n"       \
    "elseif since == 0 and ARGV[3] ~= '-' and ARGV[3] ~= ARGV[2] then\n"      \
    "  set, since = true, now\n"                                              \
    "elseif ARGV[4] == h.epoch then\n"                                        \
    "  set, epoch = true, epoch + 1\n"                                        \
    "end\n"                                                                   \
    "if set then\n"                                                           \
    "  redis.call('HSET', k, 'run', ARGV[2], 'since', f('%.0f', since), "     \
    "'epoch', f('%.0f', epoch))\n"                                            \
    "end\n"                                                                   \
    "local mine = 'node:' .. ARGV[1]\n"                                       \
    "local n = 1\n"                                                           \
    "for name, seen in pairs(h) do\n"                                         \
    "  if string.sub(name, 1, 5) == 'node:' and name ~= mine then\n"          \
    "    local age = now - (num(seen) or 0)\n"                                \
    "    if age < 10000000 and age > -1000000 then n = n + 1\n"               \
    "    else redis.call('HDEL', k, name) end\n"                              \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "redis.call('HSET', k, mine, f('%.0f', now))\n"                           \
    "redis.call('EXPIRE', k, 34560000)\n"                                     \
    "return {f('%.0f', since), f('%.0f', epoch), f('%.0f', n), "              \
    "f('%.0f', now)}\n"


#endif
