/*
 * Sentinels are asked for an address, and what they say is taken for nothing
 * more. One that is cut off from the others, or lies, is outvoted.
 */

#include "gh_redis_sentinel.h"

#include <arpa/inet.h>
#include <string.h>


static bool is_alnum(char c);
static bool is_address(const char *host, gh_redis_address_t *out);
static bool is_name(gh_str_t host);
static gh_str_t text_of(const redisReply *reply);
static size_t count(const gh_redis_vote_t *votes, size_t n,
                    const gh_redis_address_t *address);


bool
gh_redis_primary_valid(gh_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!is_alnum(c) && c != '.' && c != '-' && c != '_') {
            return false;
        }
    }

    return name.len > 0 && name.len <= 128;
}


static bool
is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


bool
gh_redis_address_parse(gh_str_t host, gh_str_t port, gh_redis_address_t *out)
{
    uint64_t n;

    memset(out, 0, sizeof(*out));

    if (host.len == 0 || host.len >= sizeof(out->host)
        || gh_str_to_u64(port, UINT16_MAX, &n) != GH_OK || n == 0)
    {
        return false;
    }

    if (memchr(host.data, '\0', host.len) != NULL) {
        return false;
    }

    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];

        out->host[i] = c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
    }

    out->port = (uint16_t) n;
    out->name = is_name(gh_str(out->host));

    return out->name || is_address(out->host, out);
}


/* One that can be connected to: no "any", no group of hosts. */

static bool
is_address(const char *host, gh_redis_address_t *out)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1) {
        uint32_t n = ntohl(v4.s_addr);

        return n >> 24 != 0 && n >> 24 < 224
               && inet_ntop(AF_INET, &v4, out->host, sizeof(out->host))
                      != NULL;
    }

    return inet_pton(AF_INET6, host, &v6) == 1 && !IN6_IS_ADDR_UNSPECIFIED(&v6)
           && !IN6_IS_ADDR_MULTICAST(&v6)
           && inet_ntop(AF_INET6, &v6, out->host, sizeof(out->host)) != NULL;
}


/* Labels of letters, digits, "-" and "_"; the last one is no number, or it
 * would be an address to somebody (RFC 3696 section 2). */

static bool
is_name(gh_str_t host)
{
    size_t label = 0;
    bool digits = true;

    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];

        if (c == '.') {
            if (label == 0) {
                return false;
            }

            label = 0;
            digits = true;
            continue;
        }

        if ((!is_alnum(c) && c != '-' && c != '_') || ++label > 63
            || (label == 1 && c == '-'))
        {
            return false;
        }

        digits = digits && c >= '0' && c <= '9';
    }

    return label > 0 && !digits;
}


bool
gh_redis_address_eq(const gh_redis_address_t *a, const gh_redis_address_t *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}


gh_rc_t
gh_redis_primary_command(gh_str_t name, gh_redis_bytes_t *out)
{
    gh_str_t args[] = { GH_STR("SENTINEL"), GH_STR("get-master-addr-by-name"),
                        name };

    return gh_redis_command(args, 3, out);
}


gh_redis_verdict_t
gh_redis_primary_judge(const redisReply *reply, gh_redis_vote_t *vote)
{
    gh_str_t code;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    vote->state = GH_REDIS_VOTE_AWAY;

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type == REDIS_REPLY_NIL) {
        vote->state = GH_REDIS_VOTE_UNKNOWN;
        return GH_REDIS_DONE;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || !gh_redis_address_parse(text_of(reply->element[0]),
                                   text_of(reply->element[1]), &vote->address))
    {
        return GH_REDIS_DOUBT;
    }

    vote->state = GH_REDIS_VOTE_NAMED;

    return GH_REDIS_DONE;
}


static gh_str_t
text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING
               ? (gh_str_t){ reply->str, (size_t) reply->len }
               : GH_STR("");
}


gh_rc_t
gh_redis_switch_parse(gh_str_t text, gh_str_t name, gh_redis_address_t *out)
{
    gh_str_t words[5], rest = text;
    size_t n = 0;

    while (rest.data != NULL && n < 5) {
        words[n++] = gh_str_cut(rest, ' ', &rest);
    }

    if (n != 5 || rest.data != NULL || !gh_redis_primary_valid(words[0])) {
        return GH_INVALID;
    }

    if (!gh_str_eq(words[0], name)) {
        return GH_ABSENT;
    }

    return gh_redis_address_parse(words[3], words[4], out) ? GH_OK
                                                           : GH_INVALID;
}


size_t
gh_redis_elect(const gh_redis_vote_t *votes, size_t n, bool stay)
{
    size_t best = n, most = 0, due = 0;
    bool tie = false;

    for (size_t i = 0; i < n; i++) {
        size_t here;

        due += votes[i].state == GH_REDIS_VOTE_DUE ? 1 : 0;

        if (votes[i].state != GH_REDIS_VOTE_NAMED) {
            continue;
        }

        here = count(votes, n, &votes[i].address);

        if (here > most) {
            most = here;
            best = i;
            tie = false;

        } else if (here == most
                   && !gh_redis_address_eq(&votes[best].address,
                                           &votes[i].address))
        {
            tie = true;
        }
    }

    return most > n / 2 || (!stay && !tie && due == 0) ? best : n;
}


static size_t
count(const gh_redis_vote_t *votes, size_t n,
      const gh_redis_address_t *address)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        if (votes[i].state == GH_REDIS_VOTE_NAMED
            && gh_redis_address_eq(&votes[i].address, address))
        {
            found++;
        }
    }

    return found;
}


const char *
gh_redis_elect_words(const gh_redis_vote_t *votes, size_t n)
{
    bool named = false, unknown = false;

    for (size_t i = 0; i < n; i++) {
        named = named || votes[i].state == GH_REDIS_VOTE_NAMED;
        unknown = unknown || votes[i].state == GH_REDIS_VOTE_UNKNOWN;
    }

    return named     ? "is named differently by its sentinels"
           : unknown ? "is a name that no sentinel knows"
                     : "is not known: no sentinel answers";
}


gh_redis_verdict_t
gh_redis_role_judge(const redisReply *reply)
{
    gh_str_t code, word;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1) {
        return GH_REDIS_DOUBT;
    }

    word = text_of(reply->element[0]);

    if (gh_str_eq(word, GH_STR("slave"))) {
        return GH_REDIS_REPLICA;
    }

    return gh_str_eq(word, GH_STR("master")) ? GH_REDIS_DONE : GH_REDIS_DOUBT;
}
