/*
 * usage: echo-backend control=PORT NAME=PORT ...
 *
 * Listens on the loopback, prints "ready" and serves until its standard input
 * is closed, so it never outlives the test that started it.
 */

#include "echo.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 4096

typedef struct {
    world_t world;
    conn_t *conns[CONNS_MAX];
    size_t n_conns;
    uint64_t last_id;
    struct pollfd polls[CONNS_MAX + 64];
} server_t;


static void backends_parse(world_t *w, int argc, char **argv);
static bool turn(server_t *s);
static size_t watch(server_t *s, int *timeout_ms);
static void accept_on(server_t *s, backend_t *b);
static void conn_readable(server_t *s, conn_t *c);
static void conn_serve(server_t *s, conn_t *c);
static void conn_writable(conn_t *c);
static void sweep(server_t *s);
static bool cut_off(const conn_t *c);


int
main(int argc, char **argv)
{
    server_t *s = calloc(1, sizeof(*s));

    if (s == NULL || argc < 2 || argc > 60) {
        (void) fprintf(stderr,
                       "usage: echo-backend control=PORT NAME=PORT ...\n");
        return 2;
    }

    (void) signal(SIGPIPE, SIG_IGN);
    s->world.journal = calloc(ECHO_JOURNAL_MAX, sizeof(text_t));
    s->world.backends = calloc((size_t) argc, sizeof(backend_t));
    if (s->world.journal == NULL || s->world.backends == NULL) {
        return 1;
    }

    backends_parse(&s->world, argc, argv);
    (void) printf("ready\n");
    (void) fflush(stdout);

    while (turn(s)) {
        continue;
    }

    return 0;
}


uint64_t
now_us(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


void
backend_listen(backend_t *b)
{
    if (b->fd != -1) {
        return;
    }

    struct sockaddr_in sin = { 0 };
    int one = 1;

    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) b->port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    b->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (b->fd == -1
        || setsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1
        || bind(b->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(b->fd, 1024) == -1)
    {
        (void) fprintf(stderr, "echo-backend: port %d: %s\n", b->port,
                       strerror(errno));
        exit(1);
    }
}


static void
backends_parse(world_t *w, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        backend_t *b = &w->backends[w->n_backends++];

        if (sscanf(argv[i], "%63[^=]=%d", b->name, &b->port) != 2) {
            (void) fprintf(stderr, "echo-backend: not NAME=PORT: %s\n",
                           argv[i]);
            exit(2);
        }

        b->control = i == 1;
        b->fd = -1;
        orders_clear(&b->orders);
        backend_listen(b);
    }
}


/* One turn of the loop; false when whoever started us has gone. */

static bool
turn(server_t *s)
{
    int timeout_ms = -1;
    size_t n = watch(s, &timeout_ms);

    if (poll(s->polls, (nfds_t) n, timeout_ms) == -1) {
        return errno == EINTR;
    }

    if (s->polls[0].revents != 0) {
        char buf[64];
        if (read(STDIN_FILENO, buf, sizeof(buf)) <= 0) {
            return false;
        }
    }

    size_t first = 1 + s->world.n_backends;
    size_t n_conns = s->n_conns;

    for (size_t i = 0; i < n_conns; i++) {
        conn_t *c = s->conns[i];
        short events = s->polls[first + i].revents;

        if (events & (POLLIN | POLLHUP | POLLERR)) {
            conn_readable(s, c);
        }
        if (!c->dead) {
            conn_writable(c);
        }
    }

    for (size_t i = 0; i < s->world.n_backends; i++) {
        if (s->polls[1 + i].revents & POLLIN) {
            accept_on(s, &s->world.backends[i]);
        }
    }

    sweep(s);
    return true;
}


static size_t
watch(server_t *s, int *timeout_ms)
{
    size_t n = 0;
    uint64_t now = now_us();

    s->polls[n++] = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };

    for (size_t i = 0; i < s->world.n_backends; i++) {
        s->polls[n++] = (struct pollfd){ s->world.backends[i].fd, POLLIN, 0 };
    }

    for (size_t i = 0; i < s->n_conns; i++) {
        conn_t *c = s->conns[i];
        short events = POLLIN;

        if (c->out.len > 0 && c->due_us > now) {
            int wait_ms = (int) ((c->due_us - now) / 1000) + 1;
            if (*timeout_ms == -1 || wait_ms < *timeout_ms) {
                *timeout_ms = wait_ms;
            }
        } else if (c->out.len > 0) {
            events = POLLIN | POLLOUT;
        }

        s->polls[n++] = (struct pollfd){ c->fd, events, 0 };
    }

    return n;
}


static void
accept_on(server_t *s, backend_t *b)
{
    while (s->n_conns < CONNS_MAX && b->fd != -1) {
        int one = 1;
        int fd = accept4(b->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd == -1) {
            return;
        }

        conn_t *c = calloc(1, sizeof(*c));
        if (c == NULL) {
            abort();
        }

        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        c->fd = fd;
        c->id = ++s->last_id;
        c->backend = b;
        s->conns[s->n_conns++] = c;
    }
}


static void
conn_readable(server_t *s, conn_t *c)
{
    char buf[65536];
    ssize_t n = read(c->fd, buf, sizeof(buf));

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        c->dead = true;
        return;
    }

    if (c->tunnel) {
        text_add(&c->out, buf, (size_t) n);
        return;
    }

    text_add(&c->in, buf, (size_t) n);
    if (c->rq.stage == AT_HEAD && c->in.len > ECHO_HEAD_MAX) {
        c->dead = true;
        return;
    }

    conn_serve(s, c);
}


/* Pipelined requests are served one after the other. */

static void
conn_serve(server_t *s, conn_t *c)
{
    while (c->in.len > 0 && c->out.len == 0 && !c->dead && !c->tunnel) {
        bool complete = request_feed(&c->rq, &c->in);

        if (c->rq.stage == AT_HEAD) {
            return;
        }

        if (c->backend->control) {
            if (complete) {
                control(&s->world, c);
            }
        } else if (!c->rq.answered) {
            answer(&s->world, c);
        }

        if (!complete) {
            return;
        }
        request_reset(&c->rq);
    }
}


static void
conn_writable(conn_t *c)
{
    if (c->out.len == 0 || (c->due_us != 0 && now_us() < c->due_us)) {
        return;
    }

    ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);

    if (n == -1) {
        c->dead = errno != EAGAIN && errno != EINTR;
        return;
    }

    text_drop(&c->out, (size_t) n);

    if (c->out.len == 0) {
        c->due_us = 0;
        c->dead = c->closing;
    }
}


static void
sweep(server_t *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n_conns; i++) {
        conn_t *c = s->conns[i];

        if (!c->dead && !cut_off(c)) {
            s->conns[kept++] = c;
            if (c->in.len > 0 && c->out.len == 0) {
                conn_serve(s, c);
            }
            continue;
        }

        (void) close(c->fd);
        request_reset(&c->rq);
        text_free(&c->in);
        text_free(&c->out);
        free(c);
    }

    s->n_conns = kept;
}


/* Kept connections end with the listener, those at work may finish. */

static bool
cut_off(const conn_t *c)
{
    return c->backend->fd == -1 && c->in.len == 0 && c->out.len == 0
           && c->rq.stage == AT_HEAD && !c->tunnel;
}
