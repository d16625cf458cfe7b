/*
 * usage: load PORT[,PORT...] CLIENTS SECONDS RATE REQUESTS [LOG]
 *
 * Many clients on kept connections, at RATE requests a second in all (0: as
 * fast as they can). Each stays with one port, and who finds nobody there
 * rests for a moment. REQUESTS is a file of whole requests, each ended by a
 * NUL byte; they are sent in turn. Prints counts as JSON. LOG gets a line per
 * request: its start and end (microseconds of the wall clock), its status (0
 * for none) and its number in REQUESTS.
 *
 * A kept connection that the server closes before the first byte of an answer
 * is no failure: HTTP tells clients to try again, and this one does, once.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 1024
#define ANSWER_MAX (1024 * 1024)
#define PORTS_MAX 16
#define PATIENCE_US (15 * 1000000ULL)
#define REST_US 50000

typedef enum {
    IDLE,
    SENDING,
    READING
} state_t;

typedef struct {
    int fd;
    int port;
    state_t state;
    bool reused;
    bool retried;
    size_t request;
    size_t sent;
    uint64_t start_us;
    uint64_t rests_until_us;
    char *answer;
    size_t len;
} client_t;

typedef struct {
    int ports[PORTS_MAX];
    size_t n_ports;
    size_t n_clients;
    size_t next; /* whose turn it is */
    uint64_t end_us;
    uint64_t begin_us;
    double rate;
    const char **requests;
    size_t *lengths;
    size_t n_requests;
    FILE *log;

    client_t clients[CLIENTS_MAX];
    struct pollfd polls[CLIENTS_MAX];

    uint64_t issued;
    uint64_t answered;
    uint64_t failed;
    uint64_t retried;
    uint64_t status[600];
    uint32_t *times_us;
    size_t n_times;
    size_t cap_times;
} load_t;


static void ports_read(load_t *l, const char *text);
static void requests_read(load_t *l, const char *path);
static bool turn(load_t *l);
static void issue(load_t *l, client_t *c);
static void client_connect(load_t *l, client_t *c);
static void client_write(load_t *l, client_t *c);
static void client_read(load_t *l, client_t *c);
static void client_lost(load_t *l, client_t *c);
static void client_done(load_t *l, client_t *c, int status);
static size_t answer_complete(const client_t *c, bool *close_after);
static size_t chunked_end(const char *body, size_t len);
static const char *header(const client_t *c, const char *name);
static void report(load_t *l);


static uint64_t
now_us(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


int
main(int argc, char **argv)
{
    load_t *l = calloc(1, sizeof(*l));

    if (l == NULL || argc < 6 || argc > 7) {
        (void) fprintf(
            stderr, "usage: load PORT[,PORT...] CLIENTS SECONDS RATE REQUESTS "
                    "[LOG]\n");
        return 2;
    }

    ports_read(l, argv[1]);
    l->n_clients = strtoul(argv[2], NULL, 10);
    l->rate = strtod(argv[4], NULL);
    requests_read(l, argv[5]);

    if (l->n_clients == 0 || l->n_clients > CLIENTS_MAX || l->n_requests == 0
        || l->n_ports == 0)
    {
        (void) fprintf(stderr, "load: nothing to do\n");
        return 2;
    }

    if (argc == 7) {
        l->log = fopen(argv[6], "w");
        if (l->log == NULL) {
            perror(argv[6]);
            return 1;
        }
    }

    for (size_t i = 0; i < l->n_clients; i++) {
        l->clients[i].fd = -1;
        l->clients[i].port = l->ports[i % l->n_ports];
        l->clients[i].answer = malloc(ANSWER_MAX + 1);
        if (l->clients[i].answer == NULL) {
            abort();
        }
    }

    l->begin_us = now_us();
    l->end_us = l->begin_us + (uint64_t) (strtod(argv[3], NULL) * 1e6);

    while (turn(l)) {
        continue;
    }

    report(l);
    return l->log != NULL && fclose(l->log) != 0;
}


static void
ports_read(load_t *l, const char *text)
{
    char *end;

    while (l->n_ports < PORTS_MAX) {
        l->ports[l->n_ports] = (int) strtol(text, &end, 10);
        if (end == text) {
            return;
        }
        l->n_ports++;
        text = (*end == ',') ? end + 1 : end;
    }
}


static void
requests_read(load_t *l, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (file == NULL) {
        perror(path);
        exit(1);
    }

    while ((len = getdelim(&line, &cap, '\0', file)) > 1) {
        size_t n = l->n_requests++;

        l->requests = realloc(l->requests, (n + 1) * sizeof(char *));
        l->lengths = realloc(l->lengths, (n + 1) * sizeof(size_t));
        if (l->requests == NULL || l->lengths == NULL) {
            abort();
        }
        l->requests[n] = line;
        l->lengths[n] = (size_t) len - 1;
        line = NULL;
        cap = 0;
    }

    free(line);
    (void) fclose(file);
}


/* One turn; false when time is up and every answer has come or is lost. */

static bool
turn(load_t *l)
{
    uint64_t now = now_us();
    size_t busy = 0;
    int timeout_ms = 20;
    size_t first = l->next;

    for (size_t k = 0; k < l->n_clients; k++) {
        size_t i = (first + k) % l->n_clients;
        client_t *c = &l->clients[i];

        if (c->state == IDLE && now < l->end_us && now >= c->rests_until_us
            && (l->rate <= 0
                || (double) l->issued
                       < l->rate * (double) (now - l->begin_us) / 1e6))
        {
            issue(l, c);
            l->next = (i + 1) % l->n_clients;
        }

        if (c->state != IDLE && now > c->start_us + PATIENCE_US) {
            c->reused = false;
            client_lost(l, c);
        }

        short events = c->state == SENDING ? POLLOUT : POLLIN;

        l->polls[i] = (struct pollfd){ c->fd, events, 0 };
        busy += c->state != IDLE;
    }

    if (busy == 0 && now >= l->end_us) {
        return false;
    }

    if (l->rate > 0) {
        timeout_ms = 1;
    }

    if (poll(l->polls, (nfds_t) l->n_clients, timeout_ms) == -1) {
        return errno == EINTR;
    }

    for (size_t i = 0; i < l->n_clients; i++) {
        client_t *c = &l->clients[i];

        if (l->polls[i].revents == 0) {
            continue;
        }
        if (c->state == SENDING) {
            client_write(l, c);
        } else {
            client_read(l, c);
        }
    }

    return true;
}


static void
issue(load_t *l, client_t *c)
{
    c->request = l->issued++ % l->n_requests;
    c->start_us = now_us();
    c->retried = false;
    c->reused = c->fd != -1;
    c->sent = 0;
    c->len = 0;
    c->state = SENDING;

    if (c->fd == -1) {
        client_connect(l, c);
    }
}


static void
client_connect(load_t *l, client_t *c)
{
    struct sockaddr_in sin = { 0 };
    int one = 1;

    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) c->port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd == -1
        || (connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
            && errno != EINPROGRESS))
    {
        client_lost(l, c);
        return;
    }

    (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}


static void
client_write(load_t *l, client_t *c)
{
    ssize_t n = send(c->fd, l->requests[c->request] + c->sent,
                     l->lengths[c->request] - c->sent, MSG_NOSIGNAL);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n == -1) {
        client_lost(l, c);
        return;
    }

    c->sent += (size_t) n;
    if (c->sent == l->lengths[c->request]) {
        c->state = READING;
    }
}


static void
client_read(load_t *l, client_t *c)
{
    ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_MAX - c->len, 0);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        if (c->state == IDLE) {
            (void) close(c->fd);
            c->fd = -1;
            return;
        }
        client_lost(l, c);
        return;
    }

    if (c->state == IDLE) {
        client_lost(l, c); /* bytes that nobody asked for */
        return;
    }

    c->len += (size_t) n;
    c->answer[c->len] = '\0';

    bool close_after = false;

    if (answer_complete(c, &close_after) == 0) {
        return;
    }

    int status = (int) strtol(c->answer + 9, NULL, 10);

    if (close_after) {
        (void) close(c->fd);
        c->fd = -1;
    }
    client_done(l, c, status);
}


static void
client_lost(load_t *l, client_t *c)
{
    if (c->fd != -1) {
        (void) close(c->fd);
        c->fd = -1;
    }

    if (c->state != IDLE && c->reused && !c->retried && c->len == 0) {
        l->retried++;
        c->retried = true;
        c->sent = 0;
        c->state = SENDING;
        client_connect(l, c);
        return;
    }

    client_done(l, c, 0);
}


static void
client_done(load_t *l, client_t *c, int status)
{
    uint64_t end = now_us();

    if (status >= 100 && status < 600) {
        l->answered++;
        l->status[status]++;
    } else {
        status = 0;
        l->failed++;
        c->rests_until_us = end + REST_US;
    }

    if (l->n_times == l->cap_times) {
        l->cap_times = l->cap_times * 2 + 1024;
        l->times_us = realloc(l->times_us, l->cap_times * sizeof(uint32_t));
        if (l->times_us == NULL) {
            abort();
        }
    }
    l->times_us[l->n_times++] = (uint32_t) (end - c->start_us);

    if (l->log != NULL) {
        (void) fprintf(l->log, "%llu %llu %d %zu\n",
                       (unsigned long long) c->start_us,
                       (unsigned long long) end, status, c->request);
    }

    c->state = IDLE;
}


/* Its length once it is whole, 0 before; an error ends as "whole" too. */

static size_t
answer_complete(const client_t *c, bool *close_after)
{
    const char *end = strstr(c->answer, "\r\n\r\n");

    if (end == NULL) {
        return 0;
    }

    size_t head = (size_t) (end - c->answer) + 4;
    const char *value = header(c, "\r\nConnection: close");

    *close_after = value != NULL && value <= end;

    value = header(c, "\r\nContent-Length:");
    if (value != NULL && value < end) {
        size_t want = head + strtoul(value, NULL, 10);
        return c->len >= want ? want : 0;
    }

    value = header(c, "\r\nTransfer-Encoding: chunked");
    if (value != NULL && value <= end) {
        size_t body = chunked_end(c->answer + head, c->len - head);
        return body > 0 ? head + body : 0;
    }

    return head;
}


static size_t
chunked_end(const char *body, size_t len)
{
    size_t at = 0;

    while (at < len) {
        const char *eol = memmem(body + at, len - at, "\r\n", 2);
        if (eol == NULL) {
            return 0;
        }

        size_t size = strtoul(body + at, NULL, 16);
        at = (size_t) (eol - body) + 2 + size + 2;
        if (size == 0) {
            return at <= len ? at : 0;
        }
    }

    return 0;
}


static const char *
header(const client_t *c, const char *name)
{
    const char *found = strcasestr(c->answer, name);

    return found != NULL ? found + strlen(name) : NULL;
}


static int
by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a;
    uint32_t y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


static void
report(load_t *l)
{
    double seconds = (double) (now_us() - l->begin_us) / 1e6;
    size_t n = l->n_times;

    qsort(l->times_us, n, sizeof(uint32_t), by_size);

    (void) printf("{\"requests\":%llu,\"answered\":%llu,\"failed\":%llu,"
                  "\"retried\":%llu,\"seconds\":%.3f,",
                  (unsigned long long) l->issued,
                  (unsigned long long) l->answered,
                  (unsigned long long) l->failed,
                  (unsigned long long) l->retried, seconds);
    (void) printf("\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"status\":{",
                  n > 0 ? l->times_us[n / 2] : 0,
                  n > 0 ? l->times_us[n * 99 / 100] : 0,
                  n > 0 ? l->times_us[n - 1] : 0);

    const char *comma = "";
    for (int i = 0; i < 600; i++) {
        if (l->status[i] > 0) {
            (void) printf("%s\"%d\":%llu", comma, i,
                          (unsigned long long) l->status[i]);
            comma = ",";
        }
    }
    (void) printf("}}\n");
}
