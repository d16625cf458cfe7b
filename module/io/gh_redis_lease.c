/*
 * How nodes share the rate of a limit through Redis: what they ask of its
 * scripts, and what the answers mean.
 */

#include "gh_redis_inside.h"

#include "gh_bytes.h"

#include <inttypes.h>
#include <stdio.h>

#define NODES_KEY "gh:{nodes}"
#define EPOCHS 1000   /* of one even time; as the scripts have it */
#define DRIFT_US 5000 /* clocks drift apart so far between two beats */
#define RUN_DIGITS 16 /* of 40 */


static gh_str_t hex(uint64_t n, char room[24]);
static gh_str_t line_of(gh_str_t text, gh_str_t name);


gh_rc_t
gh_redis_run_command(gh_redis_bytes_t *out)
{
    const gh_str_t args[] = { GH_STR("INFO"), GH_STR("server") };

    return gh_redis_command(args, 2, out);
}


/* One that hides it, or refuses to say, is one that never starts anew. */

gh_redis_verdict_t
gh_redis_run_judge(const redisReply *reply, uint64_t *run)
{
    gh_str_t code, text, id;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);
    uint8_t bytes[RUN_DIGITS / 2];
    gh_buf_t out = { (char *) bytes, 0, sizeof(bytes) };

    *run = 0;

    if (verdict != GH_REDIS_DONE) {
        return verdict == GH_REDIS_REFUSED && gh_str_eq(code, GH_STR("NOPERM"))
                   ? GH_REDIS_DONE
                   : verdict;
    }

    if (reply->type != REDIS_REPLY_STRING) {
        return GH_REDIS_DOUBT;
    }

    text = (gh_str_t){ reply->str, (size_t) reply->len };
    id = line_of(text, GH_STR("run_id:"));

    if (id.len < RUN_DIGITS
        || gh_hex_decode((gh_str_t){ id.data, RUN_DIGITS }, &out) != GH_OK)
    {
        return GH_REDIS_DONE;
    }

    for (size_t i = 0; i < sizeof(bytes); i++) {
        *run = *run << 8 | bytes[i];
    }

    return GH_REDIS_DONE;
}


/* What stands behind a name at the beginning of a line. */

static gh_str_t
line_of(gh_str_t text, gh_str_t name)
{
    while (text.len > 0) {
        gh_str_t rest, line = gh_str_cut(text, '\n', &rest);

        if (gh_str_starts(line, name)) {
            line.data += name.len;
            line.len -= name.len;
            return gh_str_trim(line);
        }

        text = rest;
    }

    return GH_STR("");
}


gh_rc_t
gh_redis_beat_command(const gh_redis_t *r, uint64_t known, uint64_t ended,
                      uint64_t step_us, gh_redis_bytes_t *out)
{
    char run[24], before[24], epoch[24], step[24];
    gh_str_t args[9];

    args[0] = GH_STR("EVALSHA");
    args[1] = gh_str(r->sha[GH_REDIS_BEAT]);
    args[2] = GH_STR("1");
    args[3] = GH_STR(NODES_KEY);
    args[4] = gh_str(r->node.id);
    args[5] = hex(r->node.run, run);
    args[6] = known != 0 ? hex(known, before) : GH_STR("-");
    args[7] = ended != 0 ? gh_redis_number(ended, epoch) : GH_STR("-");
    args[8] = gh_redis_number(step_us, step);

    return gh_redis_command(args, 9, out);
}


gh_redis_verdict_t
gh_redis_beat_judge(const redisReply *reply, gh_redis_beat_t *beat)
{
    gh_str_t code;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5
        || !gh_redis_number_of(reply->element[0], &beat->since_us)
        || !gh_redis_number_of(reply->element[1], &beat->epoch)
        || !gh_redis_number_of(reply->element[2], &beat->nodes)
        || !gh_redis_number_of(reply->element[3], &beat->now_us)
        || !gh_redis_number_of(reply->element[4], &beat->set_us)
        || beat->nodes == 0 || beat->now_us > INT64_MAX / 2)
    {
        return GH_REDIS_DOUBT;
    }

    return GH_REDIS_DONE;
}


/*
 * So much is known of how far its time is from ours: at least as if it had
 * looked at its clock just now, at most as if when we sent. A time that is
 * behind may have been set back, or we were stopped with our clock; nobody
 * gets more by going back with it.
 */

uint64_t
gh_redis_beat_step(gh_redis_t *r, const gh_redis_beat_t *beat,
                   uint64_t sent_us, uint64_t now_us)
{
    gh_redis_node_t *node = &r->node;
    int64_t least = (int64_t) beat->now_us - (int64_t) now_us;
    int64_t most = (int64_t) beat->now_us - (int64_t) sent_us;
    bool known =
        node->epoch != 0 && node->epoch / EPOCHS == beat->epoch / EPOCHS;

    if (known && node->clock_us < least - DRIFT_US) {
        return (uint64_t) (most - node->clock_us);
    }

    if (!known || node->clock_us > most) {
        node->clock_us = most;

    } else if (node->clock_us < least) {
        node->clock_us = least;
    }

    node->since_us = beat->since_us;
    node->epoch = beat->epoch;
    node->set_us = beat->set_us;

    return 0;
}


/* The serial is the time of asking: it grows, and over all workers. */

void
gh_redis_lease_args(const gh_redis_t *r, const gh_store_lease_t *lease,
                    gh_redis_lease_args_t *out)
{
    const gh_redis_node_t *node = &r->node;
    int64_t now_us = (int64_t) (lease->sent_ns / 1000) + node->clock_us;
    gh_str_t *arg = out->args;

    arg[0] = gh_str(node->id);
    arg[1] = hex(node->run, out->room[1]);
    arg[2] = gh_redis_number(node->since_us, out->room[2]);
    arg[3] = gh_redis_number(node->epoch, out->room[3]);
    arg[4] = gh_redis_number(node->set_us, out->room[4]);
    arg[5] = gh_redis_number(now_us > 0 ? (uint64_t) now_us : 0, out->room[5]);
    arg[6] = gh_redis_number(lease->rule.burst, out->room[6]);
    arg[7] = gh_redis_number(lease->rule.interval_ns, out->room[7]);
    arg[8] = gh_redis_number(lease->asked_ns / 1000, out->room[8]);
    arg[9] = gh_redis_number(lease->unspent, out->room[9]);
    arg[10] = gh_redis_number(lease->need, out->room[10]);
    arg[11] = gh_redis_number(GH_LEASE_TOKENS, out->room[11]);
    arg[12] = gh_redis_number(lease->least, out->room[12]);
}


/* What it says in place of a version is how late we were for its clock. */

bool
gh_redis_lease_stepped(const gh_write_t *w, uint64_t now_ns)
{
    return w->rc == GH_ABSENT
           || (w->rc == GH_OK
               && w->version > (now_ns - w->lease->sent_ns) / 1000 + DRIFT_US);
}


static gh_str_t
hex(uint64_t n, char room[24])
{
    (void) snprintf(room, 24, "%016" PRIx64, n);

    return gh_str(room);
}
