/*
 * Limits as people write them: what is taken can be kept, and is spent and
 * shown without a surprise; what is refused says why. What says the cost of
 * a request always says one.
 */

#include "fuzz.h"

#include "gh_limit.h"


static void weigh(gh_str_t text);
static void spend(const gh_limit_t *limit);
static void show(gh_str_t name, const gh_limit_t *limit);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };
    const char *message = "untouched";
    gh_limit_t limit;

    weigh(text);

    if (gh_limit_parse(text, &limit, &message) != GH_OK) {
        require(message != NULL && message[0] != '\0');
        return 0;
    }

    require(message == NULL);
    require(gh_limit_valid(&limit));
    show(text, &limit);

    if (limit.kind == GH_LIMIT_RATE) {
        /* never more than the rate, and 99 % of it */
        uint64_t served = limit.unit_s * GH_NS_PER_S / limit.interval_ns;

        require(served <= limit.amount);
        require(served >= limit.amount / 100 * 99);
        spend(&limit);

    } else {
        require(gh_quota_reservation(&limit) <= limit.amount);
    }

    return 0;
}


static void
weigh(gh_str_t text)
{
    uint64_t cost = UINT64_MAX;

    switch (gh_cost_parse(text, &cost)) {
    case GH_OK:
        require(cost <= GH_COST_MAX && (text.len > 0 || cost == 1));
        return;
    case GH_TOO_LONG:
        require(cost == GH_COST_MAX);
        return;
    default:
        require(cost == 1);
        return;
    }
}


/* All of it at once, and then one more after one interval. */
static void
spend(const gh_limit_t *limit)
{
    uint64_t now_ns = UINT64_C(1) << 61;
    gh_gcra_cell_t cell = 0;
    gh_limit_state_t s;

    require(gh_gcra_take(&cell, limit, now_ns, limit->burst, &s) == GH_OK);
    require(s.remaining == 0);
    require(gh_gcra_take(&cell, limit, now_ns, 1, &s) == GH_DENIED);
    require(s.retry_ns == limit->interval_ns);
    require(gh_gcra_take(&cell, limit, now_ns + s.retry_ns, 1, &s) == GH_OK);
}


static void
show(gh_str_t name, const gh_limit_t *limit)
{
    gh_limit_shown_t shown = { .state = { 1, 1, 0 } };
    size_t cap = GH_LIMIT_TEXT_MAX(name.len);
    gh_buf_t text = { malloc(cap), 0, cap }, out = { malloc(cap), 0, cap };

    require(text.data != NULL && out.data != NULL);

    gh_rc_t rc = gh_limit_text(name, limit, &text, &shown.text);

    require(rc == GH_OK || (rc == GH_INVALID && text.len == 0));
    require(gh_limit_policy_field(&shown, 1, &out) == rc);
    require(gh_str_eq(gh_buf_str(&out), gh_buf_str(&text)));

    out.len = 0;
    require(gh_limit_field(&shown, 1, &out) == rc);
    free(text.data);
    free(out.data);
}
