/*
 * Asking the running gateway: its status listener, over plain HTTP on
 * loopback, a unix socket, or wherever nginx.conf puts it.
 */

#ifndef CTL_ASK_H
#define CTL_ASK_H

#include "ctl.h"

#define CTL_ASK_MS 3000 /* deadline of one question */
#define CTL_ASK_WHY 300


typedef struct {
    unsigned status;
    gh_str_t body;         /* in the arena, with a NUL behind it */
    char why[CTL_ASK_WHY]; /* unless GH_OK */
} ctl_answer_t;


/*
 * GET of a page such as "/status" from the first listener that answers.
 * GH_ABSENT: nginx.conf has none that we could ask; GH_UNAVAILABLE: none
 * answered.
 */
gh_rc_t ctl_ask(ctl_t *c, const char *page, ctl_answer_t *out);

/* /status, parsed; to be released. NULL after a message (if `said`). */
json_t *ctl_ask_status(ctl_t *c, bool said);

/*
 * With --wait: until every worker has followed the change log as far as the
 * change that was written last. CTL_PENDING when the span is over, or nobody
 * can be asked, after a note that says so. Without --wait CTL_DONE at once.
 */
ctl_exit_t ctl_wait(ctl_t *c);
/* Until every worker decides by that generation of the policies, or the time
 * is over; also without --wait. */
ctl_exit_t ctl_wait_generation(ctl_t *c, uint64_t generation, int64_t end_s);
/* The end of the span that --wait gives, from now; the clock is time(). */
int64_t ctl_wait_end(const ctl_t *c);
/* CTL_USAGE after a message when the value of --wait is no span. */
ctl_exit_t ctl_wait_check(const ctl_t *c);


#endif
