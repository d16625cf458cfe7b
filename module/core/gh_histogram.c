/*
 * Log-linear histograms: every power of two in four equal parts, so that a
 * duration is told to a quarter wherever it lies. One process writes, any
 * number read at the same time: single words, relaxed.
 */

#include "gh_metrics.h"

#define LAST (GH_HISTOGRAM_BUCKETS - 1)
#define PARTS 4


static uint64_t load(const uint64_t *word);
static void add(uint64_t *word, uint64_t n);


unsigned
gh_histogram_bucket(uint64_t us)
{
    if (us <= GH_HISTOGRAM_FIRST_US) {
        return 0;
    }

    if (us > (uint64_t) GH_HISTOGRAM_FIRST_US << GH_HISTOGRAM_POWERS) {
        return LAST;
    }

    /* bounds are inclusive: one less lies in the power it belongs to */
    uint64_t below = us - 1;
    unsigned power = 63 - (unsigned) __builtin_clzll(below) - 6;
    unsigned part = (unsigned) (below >> (power + 4)) % PARTS;

    return 1 + power * PARTS + part;
}


uint64_t
gh_histogram_bound_us(unsigned bucket)
{
    if (bucket == 0) {
        return GH_HISTOGRAM_FIRST_US;
    }

    if (bucket >= LAST) {
        return UINT64_MAX;
    }

    uint64_t power = (uint64_t) GH_HISTOGRAM_FIRST_US
                     << ((bucket - 1) / PARTS);

    return power + power / PARTS * ((bucket - 1) % PARTS + 1);
}


void
gh_histogram_add(gh_histogram_t *h, uint64_t us)
{
    add(&h->counts[gh_histogram_bucket(us)], 1);
    add(&h->sum_us, us);
    add(&h->count, 1);
}


/*
 * The count is made of what was read from the buckets: read by itself it
 * could be ahead of them, and the last bucket of an exposition must equal it.
 */
void
gh_histogram_merge(gh_histogram_t *to, const gh_histogram_t *from)
{
    for (unsigned i = 0; i < GH_HISTOGRAM_BUCKETS; i++) {
        uint64_t n = load(&from->counts[i]);

        to->counts[i] += n;
        to->count += n;
    }

    to->sum_us += load(&from->sum_us);
}


uint64_t
gh_histogram_quantile_us(const gh_histogram_t *h, unsigned percent)
{
    uint64_t total = 0, seen = 0;
    unsigned i = 0;

    for (unsigned b = 0; b < GH_HISTOGRAM_BUCKETS; b++) {
        total += load(&h->counts[b]);
    }

    if (total == 0) {
        return 0;
    }

    /* the rank of the one looked for, rounded up; from 1 */
    uint64_t rank = total / 100 * percent + (total % 100 * percent + 99) / 100;

    while (i < LAST - 1) {
        seen += load(&h->counts[i]);

        if (seen >= rank) {
            break;
        }

        i++;
    }

    return gh_histogram_bound_us(i);
}


static uint64_t
load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}


/* No lock prefix: the only writer. */
static void
add(uint64_t *word, uint64_t n)
{
    __atomic_store_n(word, *word + n, __ATOMIC_RELAXED);
}
