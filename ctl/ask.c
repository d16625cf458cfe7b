/*
 * One question per connection, HTTP/1.0, so that the end of the answer is the
 * end of the connection. Everything has one deadline.
 */

#include "ask.h"
#include "gh_json.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX (64 * 1024 * 1024)


static gh_rc_t ask_one(ctl_t *c, const ctl_listener_t *l, const char *page,
                       ctl_answer_t *out);
static int connect_to(const ctl_listener_t *l, int64_t end_ms, char *why);
static int connect_unix(const char *path, char *why);
static int connect_inet(const ctl_listener_t *l, int64_t end_ms, char *why);
static int try_connect(const struct addrinfo *ai, int64_t end_ms);
static bool send_all(int fd, gh_str_t bytes, int64_t end_ms);
static gh_rc_t receive(ctl_t *c, int fd, int64_t end_ms, gh_str_t *all);
static gh_rc_t parse(gh_str_t all, ctl_answer_t *out);
static bool wait_fd(int fd, short events, int64_t end_ms);
static int64_t now_ms(void);


gh_rc_t
ctl_ask(ctl_t *c, const char *page, ctl_answer_t *out)
{
    const ctl_setup_t *s = &c->setup;
    gh_rc_t rc = GH_ABSENT;

    memset(out, 0, sizeof(*out));

    (void) snprintf(out->why, sizeof(out->why),
                    "%.180s has no gatehouse_status for us to ask; add: "
                    "server { listen 127.0.0.1:9145; gatehouse_status; }",
                    c->conf_file);

    for (size_t i = 0; i < s->n_listeners && rc != GH_OK; i++) {
        if (!s->listeners[i].tls) {
            rc = ask_one(c, &s->listeners[i], page, out);
        }
    }

    return rc;
}


static gh_rc_t
ask_one(ctl_t *c, const ctl_listener_t *l, const char *page, ctl_answer_t *out)
{
    const char *request =
        ctl_text(&c->arena,
                 "GET %s%s HTTP/1.0\r\nHost: %s\r\nUser-Agent: gatehouse\r\n"
                 "\r\n",
                 l->path, page, l->header);
    int64_t end_ms = now_ms() + CTL_ASK_MS;
    gh_str_t all = { NULL, 0 };
    gh_rc_t rc = GH_UNAVAILABLE;
    char why[120];
    int fd = connect_to(l, end_ms, why);

    if (fd != -1) {
        (void) snprintf(why, sizeof(why), "no answer: %s",
                        "it took too long, or the connection broke");

        if (send_all(fd, gh_str(request), end_ms)) {
            rc = receive(c, fd, end_ms, &all);
        }

        (void) close(fd);
    }

    if (rc == GH_OK) {
        (void) snprintf(why, sizeof(why), "what answers is not HTTP");
        rc = parse(all, out);
    }

    if (rc == GH_OK && (out->status == 200 || out->status == 503)) {
        return GH_OK;
    }

    if (rc == GH_OK) {
        (void) snprintf(why, sizeof(why), "it answers with status %u",
                        out->status);
    }

    (void) snprintf(out->why, sizeof(out->why),
                    "the gateway does not answer at %s%.100s%s%.10s%.60s%s: "
                    "%.80s",
                    l->unix_socket ? "unix:" : "http://", l->host,
                    l->unix_socket ? " " : ":", l->unix_socket ? "" : l->port,
                    l->path, page, why);

    return GH_UNAVAILABLE;
}


static int
connect_to(const ctl_listener_t *l, int64_t end_ms, char *why)
{
    return l->unix_socket ? connect_unix(l->host, why)
                          : connect_inet(l, end_ms, why);
}


static int
connect_unix(const char *path, char *why)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    int fd;

    if (len >= sizeof(address.sun_path)) {
        (void) snprintf(why, 120, "the path is too long");
        return -1;
    }

    memcpy(address.sun_path, path, len);

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd != -1
        && connect(fd, (const struct sockaddr *) &address, sizeof(address))
               == 0
        && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
    {
        return fd;
    }

    (void) snprintf(why, 120, "%s", strerror(errno));

    if (fd != -1) {
        (void) close(fd);
    }

    return -1;
}


static int
connect_inet(const ctl_listener_t *l, int64_t end_ms, char *why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int fd = -1, err = getaddrinfo(l->host, l->port, &hints, &list);

    if (err != 0) {
        (void) snprintf(why, 120, "%s", gai_strerror(err));
        return -1;
    }

    for (const struct addrinfo *ai = list; ai != NULL && fd == -1;
         ai = ai->ai_next)
    {
        fd = try_connect(ai, end_ms);
    }

    if (fd == -1) {
        (void) snprintf(why, 120, "%s", strerror(errno));
    }

    freeaddrinfo(list);

    return fd;
}


static int
try_connect(const struct addrinfo *ai, int64_t end_ms)
{
    int fd =
        socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int err = 0;
    socklen_t len = sizeof(err);

    if (fd == -1) {
        return -1;
    }

    if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        err = errno;
    }

    if (err == EINPROGRESS) {
        err = !wait_fd(fd, POLLOUT, end_ms) ? ETIMEDOUT : 0;

        if (err == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        {
            err = errno;
        }
    }

    if (err == 0) {
        return fd;
    }

    (void) close(fd);
    errno = err;

    return -1;
}


static bool
send_all(int fd, gh_str_t bytes, int64_t end_ms)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);

        if (n > 0) {
            bytes.data += n;
            bytes.len -= (size_t) n;

        } else if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_fd(fd, POLLOUT, end_ms)) {
                return false;
            }

        } else {
            return false;
        }
    }

    return true;
}


static gh_rc_t
receive(ctl_t *c, int fd, int64_t end_ms, gh_str_t *all)
{
    size_t cap = 65536, len = 0;
    char *room = ctl_alloc(&c->arena, cap);

    for (;;) {
        ssize_t n;

        if (len + 1 == cap) {
            char *larger;

            if (cap > ANSWER_MAX) {
                return GH_TOO_LONG;
            }

            larger = ctl_alloc(&c->arena, 2 * cap);
            memcpy(larger, room, len);
            room = larger;
            cap *= 2;
        }

        n = recv(fd, room + len, cap - len - 1, 0);

        if (n == 0) {
            *all = (gh_str_t){ room, len };
            return GH_OK;
        }

        if (n > 0) {
            len += (size_t) n;

        } else if ((errno != EAGAIN && errno != EINTR)
                   || !wait_fd(fd, POLLIN, end_ms)) {
            return GH_UNAVAILABLE;
        }
    }
}


static gh_rc_t
parse(gh_str_t all, ctl_answer_t *out)
{
    const char *end =
        all.len == 0 ? NULL : memmem(all.data, all.len, "\r\n\r\n", 4);
    uint64_t status;

    if (end == NULL || all.len < 13 || !gh_str_starts(all, GH_STR("HTTP/1."))
        || gh_str_to_u64((gh_str_t){ all.data + 9, 3 }, 999, &status) != GH_OK)
    {
        return GH_INVALID;
    }

    out->status = (unsigned) status;
    out->body.data = end + 4;
    out->body.len = all.len - (size_t) (out->body.data - all.data);

    return GH_OK;
}


static bool
wait_fd(int fd, short events, int64_t end_ms)
{
    struct pollfd p = { .fd = fd, .events = events };
    int n;

    do {
        int64_t left = end_ms - now_ms();

        n = left <= 0 ? 0 : poll(&p, 1, (int) left);
    } while (n == -1 && errno == EINTR);

    return n == 1;
}


static int64_t
now_ms(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


json_t *
ctl_ask_status(ctl_t *c, bool said)
{
    ctl_answer_t answer;
    json_t *status = NULL;

    if (ctl_ask(c, "/status", &answer) == GH_OK
        && (answer.status != 200
            || gh_json_parse(answer.body, ANSWER_MAX, &status, NULL) != GH_OK))
    {
        (void) snprintf(answer.why, sizeof(answer.why),
                        "what answers at /status is not a gateway");
    }

    if (status == NULL && said) {
        (void) ctl_fail(c, CTL_UNAVAILABLE, "%s", answer.why);
    }

    return status;
}
