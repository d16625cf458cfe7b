/*
 * The address of a listen directive, and the path under which a location's
 * gatehouse_status answers.
 */

#include "setup_listen.h"


static const ctl_directive_t *find_status(const ctl_directive_t *block);
static const char *status_path(ctl_arena_t *arena,
                               const ctl_directive_t *place);
static const char *host_header(const ctl_directive_t *server,
                               const ctl_directive_t *status);
static void add_listener(ctl_arena_t *arena, ctl_setup_t *setup,
                         const ctl_directive_t *listen, ctl_listener_t l);
static void read_address(ctl_arena_t *arena, const char *text,
                         ctl_listener_t *l);
static const char *reachable(const char *host);


void
ctl_setup_server(ctl_arena_t *arena, ctl_setup_t *setup,
                 const ctl_directive_t *server)
{
    const ctl_directive_t *status = find_status(server);
    const ctl_directive_t *listen = NULL;
    ctl_listener_t l = { 0 };

    if (status == NULL) {
        return;
    }

    l.path = status_path(arena, status->parent);
    l.header = host_header(server, status);

    if (ctl_conf_next(server, "listen", NULL) == NULL) {
        add_listener(arena, setup, NULL, l);
    }

    while ((listen = ctl_conf_next(server, "listen", listen)) != NULL) {
        add_listener(arena, setup, listen, l);
    }
}


static const ctl_directive_t *
find_status(const ctl_directive_t *block)
{
    for (const ctl_directive_t *d = block->first; d != NULL; d = d->next) {
        const ctl_directive_t *found =
            strcmp(d->words[0], "gatehouse_status") == 0 ? d : NULL;

        if (found == NULL && d->block && strcmp(d->words[0], "location") == 0)
        {
            found = find_status(d);
        }

        if (found != NULL) {
            return found;
        }
    }

    return NULL;
}


/* A prefix location answers below its prefix; of a regex nothing is known. */
static const char *
status_path(ctl_arena_t *arena, const ctl_directive_t *place)
{
    static const char tail[] = "/status";
    const char *path;
    size_t len;

    if (strcmp(place->words[0], "location") != 0 || place->n < 2
        || place->words[1][0] == '~' || place->words[1][0] == '@')
    {
        return "";
    }

    path = place->words[place->n - 1];
    len = strlen(path);

    if (strcmp(place->words[1], "=") == 0 && len >= sizeof(tail) - 1
        && strcmp(path + len - (sizeof(tail) - 1), tail) == 0)
    {
        len -= sizeof(tail) - 1;
    }

    while (len > 0 && path[len - 1] == '/') {
        len--;
    }

    return ctl_copy(arena, (gh_str_t){ path, len });
}


/* Without allow= the gateway answers to numbers and "localhost" only. */
static const char *
host_header(const ctl_directive_t *server, const ctl_directive_t *status)
{
    const ctl_directive_t *d = ctl_conf_next(server, "server_name", NULL);

    if (status->n > 1 && d != NULL && d->n > 1
        && strpbrk(d->words[1], "*~$_") == NULL && d->words[1][0] != '.'
        && d->words[1][0] != '\0')
    {
        return d->words[1];
    }

    return "localhost";
}


static void
add_listener(ctl_arena_t *arena, ctl_setup_t *setup,
             const ctl_directive_t *listen, ctl_listener_t l)
{
    size_t at = setup->n_listeners;

    if (at == CTL_STATUS_MAX) {
        return;
    }

    read_address(
        arena, listen != NULL && listen->n > 1 ? listen->words[1] : "80", &l);

    for (size_t i = 2; listen != NULL && i < listen->n; i++) {
        if (strcmp(listen->words[i], "ssl") == 0
            || strcmp(listen->words[i], "quic") == 0
            || strcmp(listen->words[i], "http2") == 0
            || strcmp(listen->words[i], "proxy_protocol") == 0)
        {
            l.tls = true;
        }
    }

    while (!l.tls && at > 0 && setup->listeners[at - 1].tls) {
        setup->listeners[at] = setup->listeners[at - 1];
        at--;
    }

    setup->listeners[at] = l;
    setup->n_listeners++;
}


/* "9145", "127.0.0.1:9145", "[::1]:9145", "localhost", "unix:/path" */
static void
read_address(ctl_arena_t *arena, const char *text, ctl_listener_t *l)
{
    const char *colon;

    l->port = "80";

    if (strncmp(text, "unix:", 5) == 0) {
        l->unix_socket = true;
        l->host = text + 5;
        return;
    }

    if (text[0] == '[') {
        const char *close = strchr(text, ']');

        close = close == NULL ? text + strlen(text) : close;
        l->host = ctl_copy(
            arena, (gh_str_t){ text + 1, (size_t) (close - text) - 1 });

        if (close[0] != '\0' && close[1] == ':') {
            l->port = close + 2;
        }

        l->host = reachable(l->host);
        return;
    }

    colon = strrchr(text, ':');

    if (colon != NULL) {
        l->host = ctl_copy(arena, (gh_str_t){ text, (size_t) (colon - text) });
        l->port = colon + 1;

    } else if (text[strspn(text, "0123456789")] == '\0') {
        l->host = "*";
        l->port = text;

    } else {
        l->host = text;
    }

    l->host = reachable(l->host);
}


/* What listens everywhere is asked here. */
static const char *
reachable(const char *host)
{
    if (strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }

    return strcmp(host, "::") == 0 ? "::1" : host;
}
