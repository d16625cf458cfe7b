/*
 * Limits as people write them and as answers show them
 * (draft-ietf-httpapi-ratelimit-headers). The arithmetic of rates is
 * gh_gcra.c, that of quotas gh_quota.c.
 */

#include "gh_limit.h"

#include "gh_decimal.h"

#define SF_INTEGER_MAX UINT64_C(999999999999999) /* RFC 9651 section 3.3.1 */
#define PARAMETER_MAX 18 /* ";r=" and the most digits */


typedef struct {
    gh_str_t word;
    gh_limit_kind_t kind;
    gh_period_t period;
    uint64_t unit_s;
} unit_t;


static const unit_t *find_unit(gh_str_t word);
static gh_str_t next_word(gh_str_t *text);
static gh_rc_t parse_amount(gh_str_t text, const unit_t *unit, gh_limit_t *out,
                            const char **message);
static gh_rc_t parse_burst(gh_str_t text, gh_limit_t *out,
                           const char **message);
static inline gh_rc_t begin_item(const gh_limit_shown_t *shown, size_t i,
                                 gh_buf_t *out);
static gh_rc_t add_string(gh_str_t s, gh_buf_t *out);
static gh_rc_t add_left(const gh_limit_shown_t *shown, gh_buf_t *out);
static gh_rc_t add_parameter(char key, uint64_t value, gh_buf_t *out);
static char *put_parameter(char *at, char key, uint64_t value);
static uint64_t seconds(uint64_t ns);


static const unit_t units[] = {
    { { "s", 1 }, GH_LIMIT_RATE, GH_PERIOD_DAY, 1 },
    { { "m", 1 }, GH_LIMIT_RATE, GH_PERIOD_DAY, 60 },
    { { "h", 1 }, GH_LIMIT_RATE, GH_PERIOD_DAY, 3600 },
    { { "day", 3 }, GH_LIMIT_QUOTA, GH_PERIOD_DAY, 86400 },
    { { "month", 5 }, GH_LIMIT_QUOTA, GH_PERIOD_MONTH, 2592000 },
};

static const char bad_form[] =
    "expected a limit such as 100r/s, 60r/m, 5000r/h, 100000r/day or "
    "1000000r/month, and burst=N behind a rate";


gh_rc_t
gh_limit_parse(gh_str_t text, gh_limit_t *out, const char **message)
{
    gh_limit_t limit = { 0 };
    gh_str_t unit_word;
    gh_str_t amount = gh_str_cut(next_word(&text), '/', &unit_word);
    gh_str_t option = next_word(&text);
    const unit_t *unit = find_unit(unit_word);

    *message = bad_form;

    if (unit == NULL || next_word(&text).len > 0) {
        return GH_INVALID;
    }

    if (parse_amount(amount, unit, &limit, message) != GH_OK) {
        return GH_INVALID;
    }

    if (option.len > 0 && parse_burst(option, &limit, message) != GH_OK) {
        return GH_INVALID;
    }

    *message = NULL;
    *out = limit;

    return GH_OK;
}


static const unit_t *
find_unit(gh_str_t word)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (gh_str_eq(units[i].word, word)) {
            return &units[i];
        }
    }

    return NULL;
}


/* Cuts the next word off; empty when there is none. */
static gh_str_t
next_word(gh_str_t *text)
{
    *text = gh_str_trim(*text);

    size_t len = 0;

    while (len < text->len && text->data[len] != ' '
           && text->data[len] != '\t') {
        len++;
    }

    gh_str_t word = { text->data, len };

    if (len > 0) {
        text->data += len;
        text->len -= len;
    }

    return word;
}


static gh_rc_t
parse_amount(gh_str_t text, const unit_t *unit, gh_limit_t *out,
             const char **message)
{
    bool rate = unit->kind == GH_LIMIT_RATE;
    uint64_t max = rate ? GH_RATE_PER_S_MAX * unit->unit_s : GH_QUOTA_MAX;

    if (text.len == 0 || text.data[text.len - 1] != 'r') {
        return GH_INVALID;
    }

    text.len--;

    gh_rc_t rc = gh_str_to_u64(text, max, &out->amount);

    if (rc == GH_TOO_LONG) {
        *message = rate ? "more than 10000000 requests per second"
                        : "more than 100000000000 requests per period";
        return GH_INVALID;
    }

    if (rc != GH_OK) {
        return GH_INVALID;
    }

    if (out->amount == 0) {
        *message = "a limit of 0 requests; to let nobody in, use deny";
        return GH_INVALID;
    }

    out->kind = unit->kind;
    out->period = unit->period;
    out->unit_s = unit->unit_s;

    if (rate) {
        out->burst = out->amount;
        /* up: a shorter interval would exceed the rate */
        out->interval_ns =
            (unit->unit_s * GH_NS_PER_S + out->amount - 1) / out->amount;
    }

    return GH_OK;
}


static gh_rc_t
parse_burst(gh_str_t text, gh_limit_t *out, const char **message)
{
    static const gh_str_t prefix = { "burst=", 6 };

    if (!gh_str_starts(text, prefix)) {
        return GH_INVALID;
    }

    if (out->kind == GH_LIMIT_QUOTA) {
        *message = "a limit per day or month has no burst";
        return GH_INVALID;
    }

    text.data += prefix.len;
    text.len -= prefix.len;

    uint64_t max = GH_BURST_SPAN_S * GH_NS_PER_S / out->interval_ns;
    gh_rc_t rc = gh_str_to_u64(text, max, &out->burst);

    if (rc == GH_TOO_LONG) {
        *message = "a burst that takes more than a year to come back";
        return GH_INVALID;
    }

    if (rc != GH_OK) {
        return GH_INVALID;
    }

    if (out->burst == 0) {
        *message = "a burst of 0 would refuse every request";
        return GH_INVALID;
    }

    return GH_OK;
}


gh_rc_t
gh_cost_parse(gh_str_t text, uint64_t *cost)
{
    gh_rc_t rc;

    *cost = 1;

    if (text.len == 0) {
        return GH_OK;
    }

    rc = gh_str_to_u64(text, GH_COST_MAX, cost);

    if (rc == GH_TOO_LONG) {
        *cost = GH_COST_MAX;
    }

    return rc;
}


uint64_t
gh_limit_most(const gh_limit_t *limit)
{
    return limit->kind == GH_LIMIT_RATE ? limit->burst : limit->amount;
}


bool
gh_limit_valid(const gh_limit_t *l)
{
    if (l->unit_s == 0 || l->amount == 0) {
        return false;
    }

    if (l->kind == GH_LIMIT_QUOTA) {
        return l->amount <= GH_QUOTA_MAX
               && (l->period == GH_PERIOD_DAY || l->period == GH_PERIOD_MONTH);
    }

    return l->kind == GH_LIMIT_RATE && l->burst > 0 && l->interval_ns > 0
           && l->burst <= GH_BURST_SPAN_S * GH_NS_PER_S / l->interval_ns;
}


gh_rc_t
gh_limit_text(gh_str_t name, const gh_limit_t *l, gh_buf_t *out,
              gh_limit_text_t *text)
{
    size_t start = out->len;
    bool rate = l->kind == GH_LIMIT_RATE;
    gh_rc_t rc = add_string(name, out);

    *text = (gh_limit_text_t){ { NULL, 0 }, out->len - start };

    if (rc == GH_OK) {
        rc = add_parameter('q', rate ? l->burst : l->amount, out);
    }

    if (rc == GH_OK) {
        rc = add_parameter(
            'w', rate ? seconds(l->burst * l->interval_ns) : l->unit_s, out);
    }

    if (rc != GH_OK) {
        out->len = start;
        return rc;
    }

    text->policy = (gh_str_t){ out->data + start, out->len - start };

    return GH_OK;
}


gh_rc_t
gh_limit_policy_field(const gh_limit_shown_t *shown, size_t n, gh_buf_t *out)
{
    size_t start = out->len;
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = begin_item(&shown[i], i, out);

        if (rc == GH_OK) {
            rc = gh_buf_add(out, shown[i].text.policy);
        }
    }

    if (rc != GH_OK) {
        out->len = start;
    }

    return rc;
}


gh_rc_t
gh_limit_field(const gh_limit_shown_t *shown, size_t n, gh_buf_t *out)
{
    size_t start = out->len;
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = begin_item(&shown[i], i, out);

        if (rc == GH_OK) {
            rc = add_left(&shown[i], out);
        }
    }

    if (rc != GH_OK) {
        out->len = start;
    }

    return rc;
}


static inline gh_rc_t
begin_item(const gh_limit_shown_t *shown, size_t i, gh_buf_t *out)
{
    if (shown->text.policy.len == 0) {
        return GH_INVALID;
    }

    return i > 0 ? gh_buf_add(out, GH_STR(", ")) : GH_OK;
}


static gh_rc_t
add_string(gh_str_t s, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_char(out, '"');

    for (size_t i = 0; i < s.len && rc == GH_OK; i++) {
        char c = s.data[i];

        if (c < 0x20 || c > 0x7e) {
            return GH_INVALID;
        }

        if (c == '"' || c == '\\') {
            rc = gh_buf_add_char(out, '\\');
        }

        if (rc == GH_OK) {
            rc = gh_buf_add_char(out, c);
        }
    }

    return rc == GH_OK ? gh_buf_add_char(out, '"') : rc;
}


static gh_rc_t
add_parameter(char key, uint64_t value, gh_buf_t *out)
{
    char text[PARAMETER_MAX];
    char *end = put_parameter(text, key, value);

    return gh_buf_add(out, (gh_str_t){ text, (size_t) (end - text) });
}


/* The name, what remains, and when all of it does again. */
static gh_rc_t
add_left(const gh_limit_shown_t *shown, gh_buf_t *out)
{
    gh_str_t name = { shown->text.policy.data, shown->text.name_len };
    char *at = out->data + out->len;

    if (out->cap - out->len < name.len + 2 * PARAMETER_MAX) {
        return GH_TOO_LONG;
    }

    memcpy(at, name.data, name.len);
    at = put_parameter(at + name.len, 'r', shown->state.remaining);
    at = put_parameter(at, 't', seconds(shown->state.reset_ns));
    out->len = (size_t) (at - out->data);

    return GH_OK;
}


static char *
put_parameter(char *at, char key, uint64_t value)
{
    at[0] = ';';
    at[1] = key;
    at[2] = '=';

    return gh_decimal_put(at + 3,
                          value < SF_INTEGER_MAX ? value : SF_INTEGER_MAX);
}


/* Rounded up: who waits that long is not refused again. */
static uint64_t
seconds(uint64_t ns)
{
    return ns / GH_NS_PER_S + (ns % GH_NS_PER_S > 0);
}
