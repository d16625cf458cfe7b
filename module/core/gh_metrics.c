/*
 * Prometheus's text format, version 0.0.4: lines that a scraper parses, so
 * they are written whole or not at all.
 */

#include "gh_metrics.h"

#define US_PER_S UINT64_C(1000000)


static gh_rc_t add_escaped(gh_str_t s, bool quote, gh_buf_t *out);
static gh_rc_t add_name(const char *name, const char *suffix,
                        const gh_label_t *labels, size_t n, gh_buf_t *out);
static gh_rc_t add_le(const char *name, const gh_label_t *labels, size_t n,
                      uint64_t bound_us, gh_buf_t *out);
static gh_rc_t add_labels(const gh_label_t *labels, size_t n, gh_buf_t *out);
static gh_rc_t add_value(uint64_t value, gh_buf_t *out);
static gh_rc_t add_seconds(uint64_t us, gh_buf_t *out);
static gh_rc_t add_buckets(const char *name, const gh_label_t *labels,
                           size_t n, const gh_histogram_t *h, gh_buf_t *out);
static uint64_t all_counts(const gh_histogram_t *h);


gh_rc_t
gh_metrics_family(const char *name, const char *type, const char *help,
                  gh_buf_t *out)
{
    size_t start = out->len;

    if (gh_buf_add(out, GH_STR("# HELP ")) != GH_OK
        || gh_buf_add(out, gh_str(name)) != GH_OK
        || gh_buf_add_char(out, ' ') != GH_OK
        || add_escaped(gh_str(help), false, out) != GH_OK
        || gh_buf_add(out, GH_STR("\n# TYPE ")) != GH_OK
        || gh_buf_add(out, gh_str(name)) != GH_OK
        || gh_buf_add_char(out, ' ') != GH_OK
        || gh_buf_add(out, gh_str(type)) != GH_OK
        || gh_buf_add_char(out, '\n') != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


gh_rc_t
gh_metrics_sample(const char *name, const gh_label_t *labels, size_t n,
                  uint64_t value, gh_buf_t *out)
{
    size_t start = out->len;

    if (add_name(name, "", labels, n, out) != GH_OK
        || add_value(value, out) != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


gh_rc_t
gh_metrics_histogram(const char *name, const gh_label_t *labels, size_t n,
                     const gh_histogram_t *h, gh_buf_t *out)
{
    size_t start = out->len;

    if (add_buckets(name, labels, n, h, out) != GH_OK
        || add_name(name, "_sum", labels, n, out) != GH_OK
        || gh_buf_add_char(out, ' ') != GH_OK
        || add_seconds(h->sum_us, out) != GH_OK
        || gh_buf_add_char(out, '\n') != GH_OK
        || add_name(name, "_count", labels, n, out) != GH_OK
        || add_value(all_counts(h), out) != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


static gh_rc_t
add_buckets(const char *name, const gh_label_t *labels, size_t n,
            const gh_histogram_t *h, gh_buf_t *out)
{
    uint64_t below = 0;

    for (unsigned i = 0; i < GH_HISTOGRAM_BUCKETS; i++) {
        below += h->counts[i];

        /* the last of a power, the first and the last of all */
        if (i % 4 != 0 && i != GH_HISTOGRAM_BUCKETS - 1) {
            continue;
        }

        gh_rc_t rc = add_le(name, labels, n, gh_histogram_bound_us(i), out);

        if (rc == GH_OK) {
            rc = add_value(below, out);
        }

        if (rc != GH_OK) {
            return rc;
        }
    }

    return GH_OK;
}


/*
 * Not h->count: where slots were summed word by word it may have been read
 * before or after the buckets, and _count must equal the bucket "+Inf".
 */
static uint64_t
all_counts(const gh_histogram_t *h)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < GH_HISTOGRAM_BUCKETS; i++) {
        sum += h->counts[i];
    }

    return sum;
}


static gh_rc_t
add_name(const char *name, const char *suffix, const gh_label_t *labels,
         size_t n, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(name));

    if (rc == GH_OK) {
        rc = gh_buf_add(out, gh_str(suffix));
    }

    if (rc != GH_OK || n == 0) {
        return rc;
    }

    rc = gh_buf_add_char(out, '{');

    if (rc == GH_OK) {
        rc = add_labels(labels, n, out);
    }

    return rc == GH_OK ? gh_buf_add_char(out, '}') : rc;
}


static gh_rc_t
add_le(const char *name, const gh_label_t *labels, size_t n, uint64_t bound_us,
       gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(name));

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("_bucket{"));
    }

    if (rc == GH_OK && n > 0) {
        rc = add_labels(labels, n, out);

        if (rc == GH_OK) {
            rc = gh_buf_add_char(out, ',');
        }
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("le=\""));
    }

    if (rc == GH_OK) {
        rc = bound_us == UINT64_MAX ? gh_buf_add(out, GH_STR("+Inf"))
                                    : add_seconds(bound_us, out);
    }

    return rc == GH_OK ? gh_buf_add(out, GH_STR("\"}")) : rc;
}


static gh_rc_t
add_labels(const gh_label_t *labels, size_t n, gh_buf_t *out)
{
    for (size_t i = 0; i < n; i++) {
        if ((i > 0 && gh_buf_add_char(out, ',') != GH_OK)
            || gh_buf_add(out, gh_str(labels[i].name)) != GH_OK
            || gh_buf_add(out, GH_STR("=\"")) != GH_OK
            || add_escaped(labels[i].value, true, out) != GH_OK
            || gh_buf_add_char(out, '"') != GH_OK)
        {
            return GH_TOO_LONG;
        }
    }

    return GH_OK;
}


static gh_rc_t
add_escaped(gh_str_t s, bool quote, gh_buf_t *out)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < s.len && rc == GH_OK; i++) {
        char c = s.data[i];

        if (c == '\n') {
            rc = gh_buf_add(out, GH_STR("\\n"));
            continue;
        }

        if (c == '\\' || (c == '"' && quote)) {
            rc = gh_buf_add_char(out, '\\');
        }

        if (rc == GH_OK) {
            rc = gh_buf_add_char(out, c);
        }
    }

    return rc;
}


static gh_rc_t
add_value(uint64_t value, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_char(out, ' ');

    if (rc == GH_OK) {
        rc = gh_buf_add_u64(out, value);
    }

    return rc == GH_OK ? gh_buf_add_char(out, '\n') : rc;
}


static gh_rc_t
add_seconds(uint64_t us, gh_buf_t *out)
{
    char text[8] = { '.' };
    uint64_t rest = us % US_PER_S;

    for (size_t i = 6; i > 0; i--) {
        text[i] = (char) ('0' + rest % 10);
        rest /= 10;
    }

    gh_rc_t rc = gh_buf_add_u64(out, us / US_PER_S);

    return rc == GH_OK ? gh_buf_add(out, (gh_str_t){ text, 7 }) : rc;
}
