/*
 * Counters and log-linear histograms of fixed size in shared memory: a
 * padded slot per worker, so that counting is one plain add, summed when
 * somebody looks. Labels are declared names; the texts follow Prometheus's
 * exposition format (version 0.0.4).
 */

#ifndef GH_METRICS_H
#define GH_METRICS_H

#include "gh_reason.h"
#include "gh_principal.h"

/* One up to 64 us, 4 per power of two from there to 2^28 us (about 4.5 min),
 * one for all above. */
#define GH_HISTOGRAM_FIRST_US 64
#define GH_HISTOGRAM_POWERS 22
#define GH_HISTOGRAM_BUCKETS (1 + 4 * GH_HISTOGRAM_POWERS + 1)


typedef struct {
    uint64_t counts[GH_HISTOGRAM_BUCKETS];
    uint64_t sum_us;
    uint64_t count; /* of all buckets */
} gh_histogram_t;

/* What is counted per series (service, version, deployment) and worker. */
typedef struct {
    uint64_t requests[6];              /* by status class; [0] other */
    uint64_t methods[GH_METHOD_COUNT]; /* who was let in, by method */
    gh_histogram_t duration;           /* whole request */
    gh_histogram_t upstream;           /* tries of this deployment */
    uint64_t upstream_failures;
} gh_series_t;


/* Which bucket counts us; bounds are inclusive, the last is UINT64_MAX. */
unsigned gh_histogram_bucket(uint64_t us);
uint64_t gh_histogram_bound_us(unsigned bucket);
/* By the slot's only writer, while others may read. */
void gh_histogram_add(gh_histogram_t *h, uint64_t us);
/* Adds `from` (another process may be writing it) to `to`. */
void gh_histogram_merge(gh_histogram_t *to, const gh_histogram_t *from);
/*
 * The bound that at least percent (1 to 100) of the durations do not exceed,
 * at most a quarter above the true one; what is in the last bucket counts as
 * the bound before it. 0 when nothing was counted.
 */
uint64_t gh_histogram_quantile_us(const gh_histogram_t *h, unsigned percent);

/*
 * Exposition: "# HELP", "# TYPE" once per family, then samples. Names are
 * ours and valid; texts and label values are escaped (backslash, newline, in
 * values the quote). All append whole lines or, with GH_TOO_LONG, nothing.
 */
gh_rc_t gh_metrics_family(const char *name, const char *type, const char *help,
                          gh_buf_t *out);
typedef struct {
    const char *name;
    gh_str_t value;
} gh_label_t;
gh_rc_t gh_metrics_sample(const char *name, const gh_label_t *labels, size_t n,
                          uint64_t value, gh_buf_t *out);
/*
 * Cumulative buckets at powers of two, "le" in seconds, "+Inf"; _sum in
 * seconds and _count. h is the caller's own sum: nobody writes it meanwhile.
 */
gh_rc_t gh_metrics_histogram(const char *name, const gh_label_t *labels,
                             size_t n, const gh_histogram_t *h, gh_buf_t *out);


#endif
