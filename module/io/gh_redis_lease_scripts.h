/*
 * The scripts by which nodes share the rate of a limit. Times are
 * microseconds of Redis's clock; each script touches KEYS[1] alone.
 */

#ifndef GH_REDIS_LEASE_SCRIPTS_H
#define GH_REDIS_LEASE_SCRIPTS_H

/*
 * A bucket and what is out of it. ARGV: node, run, since, epoch, by how much
 * the clock was set, when it was sent, burst, interval in ns, serial, unspent,
 * need, how much at once, and what is too little to be of use. Its value is
 * packed: 2, run, epoch, level, at, then for each node its id, out, until,
 * serial, asked.
 *
 * level + what is out <= burst at all times, and only time adds to the sum,
 * at the rate: whatever is spent when, in any span T it is no more than
 * burst + rate * T. What nobody has spent in time is not put back, so no more
 * is handed out ahead than comes back in half a minute. A bucket of another
 * run of Redis may have been fuller than it ought to be: it begins empty at
 * `since`, and so does one that is not there, unless since is 0.
 *
 * Time is Redis's clock less what it was set forward by, and never later than
 * it was sent by the sender's own clock, which no step of Redis's can move.
 * What comes back on the way is for the next asking, if there is room for it
 * beside what is out. The sender is told how much later it is by this clock
 * if it looks much, and knows whether the way was so long. Another thousand of
 * epochs is another time: none has passed. In a later one of the same thousand
 * somebody has seen a step that the sender has not: it must beat first. What
 * is out stands a while longer than its node may spend it.
 */
#define GH_REDIS_LUA_SCRIPT_LEASE                                             \
    "local call, floor = redis.call, math.floor\n"                            \
    "local t = call('TIME')\n"                                                \
    "local me, run, since, epoch, set, sent, burst, step, serial,\n"          \
    "  unspent, need, most, useful = unpack(ARGV)\n"                          \
    "local clock, now = t[1] * 1000000 + t[2] - set, sent + 0\n"              \
    "if clock < now - 250000 or clock > now + 500000 then\n"                  \
    "  return {'absent', '0', '0', '0'}\n"                                    \
    "end\n"                                                                   \
    "local late = clock - now > 5000 and string.format('%.0f', clock - "      \
    "now)\n"                                                                  \
    "if clock < now then now = clock end\n"                                   \
    "since, epoch, burst = since + 0, epoch + 0, burst + 0\n"                 \
    "step, serial, unspent = step / 1000, serial + 0, unspent + 0\n"          \
    "need, most, useful = need + 0, most + 0, useful + 0\n"                   \
    "local began = burst\n"                                                   \
    "if since > 0 then\n"                                                     \
    "  began = now > since and (now - since) / step or 0\n"                   \
    "end\n"                                                                   \
    "local v = redis.pcall('GET', KEYS[1])\n"                                 \
    "local held, level, at, mine, asked, over = 0, nil, now, nil, nil, nil\n" \
    "local live, rest, long = 1, '', clock + 1300000\n"                       \
    "local size = type(v) == 'string' and #v or 0\n"                          \
    "if not v then level = began\n"                                           \
    "elseif size > 40 and size < 65536 and size % 48 == 41 then\n"            \
    "  local unpack = struct.unpack\n"                                        \
    "  local form, r, e, l, a = unpack('<Bc16I8dI8', v)\n"                    \
    "  if form == 2 and l == l then\n"                                        \
    "    level, at = l, a\n"                                                  \
    "    local anew = r ~= run or floor(e / 1000) ~= floor(epoch / 1000)\n"   \
    "    if not anew and e > epoch then\n"                                    \
    "      return {'absent', '0', '0', '0'}\n"                                \
    "    end\n"                                                               \
    "    if r ~= run then level = began end\n"                                \
    "    if anew or at > clock + 1000000 then at = clock end\n"               \
    "    for p = 42, size, 48 do\n"                                           \
    "      local n, o, u, s, w = unpack('<c16I8I8I8I8', v, p)\n"              \
    "      local late = anew or u > long\n"                                   \
    "      held = held + o\n"                                                 \
    "      if late then u = long end\n"                                       \
    "      if anew then w = now end\n"                                        \
    "      if u <= now then\n"                                                \
    "        over = over or {}\n"                                             \
    "        over[#over + 1] = {o, u}\n"                                      \
    "      elseif n == me then\n"                                             \
    "        if serial <= s then\n"                                           \
    "          return {'conflict', '0', '0', '0'}\n"                          \
    "        end\n"                                                           \
    "        mine, asked = o, w\n"                                            \
    "      else\n"                                                            \
    "        live = live + 1\n"                                               \
    "        rest = rest .. (late\n"                                          \
    "          and struct.pack('<c16I8I8I8I8', n, o, u, s, w)\n"              \
    "          or string.sub(v, p, p + 47))\n"                                \
    "      end\n"                                                             \
    "    end\n"                                                               \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "if not level then level, at = 0, now end\n"                              \
    "if over then\n"                                                          \
    "  table.sort(over, function(a, b) return a[2] < b[2] end)\n"             \
    "  for i = 1, #over do\n"                                                 \
    "    local o, u = over[i][1], over[i][2]\n"                               \
    "    if u > at then level = level + (u - at) / step at = u end\n"         \
    "    if level > burst - held then level = burst - held end\n"             \
    "    if level < 0 then level = 0 end\n"                                   \
    "    held = held - o\n"                                                   \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "if now > at then level = level + (now - at) / step at = now end\n"       \
    "if level > burst - held then level = burst - held end\n"                 \
    "if level < 0 then level = 0 end\n"                                       \
    "local room = math.max(burst - held - level, 0) * step\n"                 \
    "if clock - at > room then at = math.ceil(clock - room) end\n"            \
    "local want = need\n"                                                     \
    "if mine then\n"                                                          \
    "  local spent = mine - unspent\n"                                        \
    "  if spent > 0 then\n"                                                   \
    "    local ahead = now > asked and spent * 1000000 / (now - asked)\n"     \
    "      or spent * 1000000\n"                                              \
    "    ahead = math.min(math.ceil(ahead), floor(30000000 / step))\n"        \
    "    want = need + (ahead < 2 * spent and ahead or 2 * spent)\n"          \
    "  end\n"                                                                 \
    "  held = held - mine\n"                                                  \
    "end\n"                                                                   \
    "held = held + unspent\n"                                                 \
    "if level > burst - held then level = burst - held end\n"                 \
    "if level < 0 then level = 0 end\n"                                       \
    "local share = floor(burst / (2 * live))\n"                               \
    "if most > share then most = share end\n"                                 \
    "if want > most then want = most end\n"                                   \
    "if want < need then want = need end\n"                                   \
    "local n = want - unspent\n"                                              \
    "if n > level then n = floor(level) end\n"                                \
    "if n < 0 or n + unspent < useful then n = 0 end\n"                       \
    "level = level - n\n"                                                     \
    "call('SET', KEYS[1], struct.pack('<Bc16I8dI8c16I8I8I8I8', 2, run, "      \
    "epoch,\n"                                                                \
    "  level, at, me, unspent + n, long, serial, now) .. rest,\n"             \
    "  'PX', math.ceil((burst - level) * step / 1000) + 3000)\n"              \
    "return {'ok', late or '0', string.format('%.0f', n),\n"                  \
    "  string.format('%.0f', floor(level * 1000))}\n"

/*
 * Who is there, since when the counters can be trusted, what time it is, and
 * by how much the clock was set forward in all, which is not in that time. A
 * clock that is set forward ends the life of keys, too: they live three
 * seconds longer than they have to, and by so much more counters are lost.
 * ARGV: node, run of this Redis, the run that the node knew before or "-",
 * the epoch that the node saw end or "-", and by what step of the clock.
 * Answers since, epoch, nodes, now, set.
 */
#define GH_REDIS_LUA_SCRIPT_BEAT                                              \
    "local t = redis.call('TIME')\n"                                          \
    "local wall = t[1] * 1000000 + t[2]\n"                                    \
    "local f, num, k = string.format, tonumber, KEYS[1]\n"                    \
    "local all = redis.pcall('HGETALL', k)\n"                                 \
    "local h, lost = {}, false\n"                                             \
    "if all.err or #all > 4096 then redis.call('DEL', k) all, lost = {}, "    \
    "true end\n"                                                              \
    "for i = 1, #all, 2 do h[all[i]] = all[i + 1] end\n"                      \
    "local function sane(s)\n"                                                \
    "  s = s and #s <= 16 and string.match(s, '^%d+$')\n"                     \
    "  return s and num(s)\n"                                                 \
    "end\n"                                                                   \
    "local since, epoch = sane(h.since), sane(h.epoch)\n"                     \
    "local set, step = sane(h.set or '0'), ARGV[5] + 0\n"                     \
    "if h.run and not (since and epoch and set) then lost = true end\n"       \
    "if lost or not set or set > wall then set, lost = 0, true end\n"         \
    "local now = wall - set\n"                                                \
    "local new = h.run ~= ARGV[2] or lost\n"                                  \
    "if new then\n"                                                           \
    "  since = (h.run or lost or ARGV[3] ~= '-') and now or 0\n"              \
    "  epoch = 1000 * math.max(math.floor((epoch or 0) / 1000) + 1,\n"        \
    "    math.floor(wall / 1000000))\n"                                       \
    "elseif since == 0 and ARGV[3] ~= '-' and ARGV[3] ~= ARGV[2] then\n"      \
    "  new, since = true, now\n"                                              \
    "elseif ARGV[4] == h.epoch and step <= now then\n"                        \
    "  new, epoch, set, now = true, epoch + 1, set + step, now - step\n"      \
    "  if step > 1000000 then since = now end\n"                              \
    "end\n"                                                                   \
    "if new then\n"                                                           \
    "  redis.call('HSET', k, 'run', ARGV[2], 'since', f('%.0f', since), "     \
    "'epoch', f('%.0f', epoch), 'set', f('%.0f', set))\n"                     \
    "end\n"                                                                   \
    "local mine = 'node:' .. ARGV[1]\n"                                       \
    "local n = 1\n"                                                           \
    "for name, seen in pairs(h) do\n"                                         \
    "  if string.sub(name, 1, 5) == 'node:' and name ~= mine then\n"          \
    "    local age = wall - (num(seen) or 0)\n"                               \
    "    if age < 10000000 and age > -1000000 then n = n + 1\n"               \
    "    else redis.call('HDEL', k, name) end\n"                              \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "redis.call('HSET', k, mine, f('%.0f', wall))\n"                          \
    "redis.call('EXPIRE', k, 34560000)\n"                                     \
    "return {f('%.0f', since), f('%.0f', epoch), f('%.0f', n), "              \
    "f('%.0f', now), f('%.0f', set)}\n"


#endif
