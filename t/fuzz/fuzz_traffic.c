/*
 * Records of weights and of history, and the words that change weights: what
 * is read can be written and read again as the same; weights that come out
 * add up.
 */

#include "fuzz.h"

#include "gh_traffic.h"


static void weights(gh_str_t text);
static void history(gh_str_t text);
static void words(gh_str_t text);
static void adds_up(const gh_traffic_t *t);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };

    weights(text);
    history(text);
    words(text);

    return 0;
}


static void
weights(gh_str_t text)
{
    gh_traffic_t t, again;
    char room[GH_TRAFFIC_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_rc_t rc = gh_traffic_decode(text, &t);

    require(rc == GH_OK || rc == GH_INVALID);

    if (rc != GH_OK) {
        return;
    }

    adds_up(&t);
    require(gh_traffic_encode(&t, &out) == GH_OK);
    require(gh_traffic_decode(gh_buf_str(&out), &again) == GH_OK);
    require(memcmp(&t, &again, sizeof(t)) == 0);
    require(gh_traffic_switch(&t, gh_str(t.weights[t.n - 1].name), &again)
            == GH_OK);
    adds_up(&again);
}


static void
history(gh_str_t text)
{
    static gh_change_t c, again;
    static char room[GH_CHANGE_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_rc_t rc = gh_change_decode(text, &c);

    require(rc == GH_OK || rc == GH_INVALID);

    if (rc == GH_OK) {
        require(gh_change_encode(&c, &out) == GH_OK);
        require(gh_change_decode(gh_buf_str(&out), &again) == GH_OK);
        require(memcmp(&c, &again, sizeof(c)) == 0);
    }
}


static void
words(gh_str_t text)
{
    static const gh_traffic_t now = { .n = 4,
                                      .weights = { { "blue", 6000 },
                                                   { "green", 3000 },
                                                   { "red", 1000 },
                                                   { "w", 0 } } };
    gh_str_t list[GH_DEPLOYMENTS_MAX];
    gh_traffic_t next;
    const char *message = NULL;
    size_t n = 0;

    while (text.len > 0 && n < GH_DEPLOYMENTS_MAX) {
        list[n++] = gh_str_cut(text, ' ', &text);
    }

    if (gh_traffic_set(&now, list, n, &next, &message) == GH_OK) {
        adds_up(&next);

    } else {
        require(message != NULL);
    }
}


static void
adds_up(const gh_traffic_t *t)
{
    uint64_t sum = 0;

    require(t->n > 0 && t->n <= GH_DEPLOYMENTS_MAX);

    for (size_t i = 0; i < t->n; i++) {
        sum += t->weights[i].weight;
    }

    require(sum == GH_WEIGHT_ALL);
}
