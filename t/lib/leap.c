/*
 * Preloaded into a program: its monotonic clock is ahead by the seconds that
 * a file holds, so that what it would do after half a minute of quiet can be
 * seen at once. The wall clock goes on as it does; clock.c moves that one.
 *
 * environment: GH_LEAP, the file: one signed 64-bit number, which only grows
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TURN_NS 20000000 /* a thread that waits looks at the clock so often */
#define NS_PER_S 1000000000

static const volatile int64_t *ahead;


__attribute__((constructor)) static void
begin(void)
{
    const char *path = getenv("GH_LEAP");
    int fd = (path != NULL) ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd != -1) {
        void *p = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);

        ahead = (p == MAP_FAILED) ? NULL : p;
        (void) close(fd);
    }
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && ahead != NULL
        && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE))
    {
        ts->tv_sec += *ahead;
    }

    return rc;
}


static bool
is_over(const struct timespec *until)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return now.tv_sec > until->tv_sec
           || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}


/* Who waits for a time of ours, and that is all there are here, sleeps by the
 * kernel's clock, which does not leap. */

int
pthread_cond_timedwait(pthread_cond_t *restrict cond,
                       pthread_mutex_t *restrict mutex,
                       const struct timespec *restrict until)
{
    struct timespec turn;
    int rc;

    do {
        (void) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &turn);
        turn.tv_nsec += TURN_NS;
        turn.tv_sec += turn.tv_nsec / NS_PER_S;
        turn.tv_nsec %= NS_PER_S;

        rc = pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &turn);
    } while (rc == ETIMEDOUT && !is_over(until));

    return rc;
}
