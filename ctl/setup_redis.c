/*
 * The words about Redis in nginx.conf, as the module reads them; what is
 * wrong in them is nginx's to refuse.
 */

#include "setup_redis.h"


static const ctl_directive_t *find_block(const ctl_setup_t *setup,
                                         const char *name);
static void read_member(ctl_arena_t *arena, ctl_setup_t *setup,
                        const ctl_directive_t *d);
static void read_address(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t s);
static void read_host(ctl_arena_t *arena, gh_redis_place_t *place, gh_str_t s,
                      const char *port);
static bool read_sentinels(ctl_arena_t *arena, ctl_setup_t *setup,
                           const ctl_directive_t *d);
static void read_sentinel(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t s);
static void finish_sentinels(ctl_setup_t *setup);
static bool take_scheme(gh_str_t *s);
static void read_value(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t name,
                       gh_str_t value);


void
ctl_setup_redis(ctl_arena_t *arena, ctl_setup_t *setup)
{
    gh_str_t s = gh_str(setup->store);
    const ctl_directive_t *block;

    if (!gh_str_starts(s, GH_STR("redis://"))
        && !gh_str_starts(s, GH_STR("rediss://"))
        && !gh_str_starts(s, GH_STR("redis=")))
    {
        return;
    }

    setup->shared = true;
    setup->state = GH_STATE_DIR;

    if (!gh_str_starts(s, GH_STR("redis="))) {
        read_address(arena, setup, s);
        return;
    }

    block = find_block(setup, setup->store + 6);

    for (const ctl_directive_t *d = block != NULL ? block->first : NULL;
         d != NULL; d = d->next)
    {
        if (d->n == 2) {
            read_member(arena, setup, d);
        }
    }

    finish_sentinels(setup);
}


bool
ctl_setup_has_redis(const ctl_setup_t *setup, const char *name)
{
    return find_block(setup, name) != NULL;
}


static const ctl_directive_t *
find_block(const ctl_setup_t *setup, const char *name)
{
    const ctl_directive_t *http = NULL, *d;

    while ((http = ctl_conf_next(&setup->conf.root, "http", http)) != NULL) {
        d = NULL;

        while ((d = ctl_conf_next(http, "gatehouse_redis", d)) != NULL) {
            if (d->block && d->n > 1 && strcmp(d->words[1], name) == 0) {
                return d;
            }
        }
    }

    return NULL;
}


static void
read_member(ctl_arena_t *arena, ctl_setup_t *setup, const ctl_directive_t *d)
{
    gh_redis_place_t *place = &setup->redis;
    const char *value = d->words[1];
    gh_str_t name = gh_str(d->words[0]);

    if (read_sentinels(arena, setup, d)) {
        return;
    }

    if (gh_str_eq(name, GH_STR("server"))) {
        read_address(arena, setup, gh_str(value));

    } else if (gh_str_eq(name, GH_STR("username"))) {
        place->username = value;

    } else if (gh_str_eq(name, GH_STR("ssl_name"))) {
        place->ssl_name = value;

    } else if (gh_str_eq(name, GH_STR("password"))
               && strncmp(value, "file:", 5) == 0)
    {
        setup->redis_password = ctl_conf_path(arena, &setup->conf, value + 5);

    } else if (gh_str_eq(name, GH_STR("ssl_trusted_certificate"))) {
        place->ca = ctl_conf_path(arena, &setup->conf, value);

    } else if (gh_str_eq(name, GH_STR("ssl_certificate"))) {
        place->certificate = ctl_conf_path(arena, &setup->conf, value);

    } else if (gh_str_eq(name, GH_STR("ssl_certificate_key"))) {
        place->certificate_key = ctl_conf_path(arena, &setup->conf, value);

    } else {
        read_value(arena, setup, name, gh_str(value));
    }
}


/* [redis[s]://]HOST[:PORT][/DATABASE][?NAME=VALUE...], unix:/PATH for HOST */

static void
read_address(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t s)
{
    gh_str_t args, word, value, rest;

    setup->redis.tls = take_scheme(&s);
    s = gh_str_cut(s, '?', &args);

    while (args.data != NULL) {
        word = gh_str_cut(args, '&', &args);
        word = gh_str_cut(word, '=', &value);

        if (value.data != NULL) {
            read_value(arena, setup, word, value);
        }
    }

    if (!gh_str_starts(s, GH_STR("unix:"))) {
        s = gh_str_cut(s, '/', &rest);

        if (rest.len > 0) {
            read_value(arena, setup, GH_STR("database"), rest);
        }
    }

    read_host(arena, &setup->redis, s, "6379");
}


/* Takes "redis://" or "rediss://" off; true: it is the second one. */

static bool
take_scheme(gh_str_t *s)
{
    bool tls = gh_str_starts(*s, GH_STR("rediss://"));
    size_t len = tls ? 9 : gh_str_starts(*s, GH_STR("redis://")) ? 8 : 0;

    *s = (gh_str_t){ s->data + len, s->len - len };

    return tls;
}


static void
read_host(ctl_arena_t *arena, gh_redis_place_t *place, gh_str_t s,
          const char *port)
{
    size_t at = s.len;

    if (gh_str_starts(s, GH_STR("unix:"))) {
        place->path = ctl_copy(arena, (gh_str_t){ s.data + 5, s.len - 5 });
        return;
    }

    /* the last colon, but not one within the brackets of IPv6 */

    while (at > 0 && s.data[at - 1] != ':' && s.data[at - 1] != ']') {
        at--;
    }

    if (at > 0 && s.data[at - 1] == ':') {
        place->port = ctl_copy(arena, (gh_str_t){ s.data + at, s.len - at });
        s.len = at - 1;
    } else {
        place->port = port;
    }

    place->host = ctl_copy(arena, s);

    if (place->ssl_name == NULL) {
        place->ssl_name = place->host;
    }
}


static void
read_value(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t name,
           gh_str_t value)
{
    uint64_t n;

    if (gh_str_eq(name, GH_STR("database"))
        && gh_str_to_u64(value, 65535, &n) == GH_OK)
    {
        setup->redis.database = (unsigned) n;
    }

    if (gh_str_eq(name, GH_STR("state"))) {
        setup->state = ctl_copy(arena, value);
    }
}


static bool
read_sentinels(ctl_arena_t *arena, ctl_setup_t *setup,
               const ctl_directive_t *d)
{
    const char *value = d->words[1];
    gh_str_t name = gh_str(d->words[0]), s = gh_str(value);
    gh_redis_place_t *all = &setup->sentinels[0];

    if (gh_str_eq(name, GH_STR("sentinel"))) {
        read_sentinel(arena, setup, s);

    } else if (gh_str_eq(name, GH_STR("primary"))) {
        setup->redis.tls = take_scheme(&s);
        setup->redis.primary = ctl_copy(arena, s);

    } else if (gh_str_eq(name, GH_STR("sentinel_password"))
               && strncmp(value, "file:", 5) == 0)
    {
        setup->sentinel_password =
            ctl_conf_path(arena, &setup->conf, value + 5);

    } else if (gh_str_eq(name, GH_STR("sentinel_username"))
               || gh_str_eq(name, GH_STR("sentinel_ssl_name")))
    {
        for (size_t i = 0; i < GH_REDIS_SENTINELS_MAX; i++) {
            if (gh_str_eq(name, GH_STR("sentinel_username"))) {
                all[i].username = value;
            } else {
                all[i].ssl_name = value;
            }
        }

    } else {
        return false;
    }

    return true;
}


static void
read_sentinel(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t s)
{
    gh_redis_place_t *place;

    if (setup->n_sentinels == GH_REDIS_SENTINELS_MAX) {
        return;
    }

    place = &setup->sentinels[setup->n_sentinels++];
    place->tls = take_scheme(&s);
    read_host(arena, place, s, "26379");
}


/* Whose certificates are trusted, and which one is shown, is the same. */

static void
finish_sentinels(ctl_setup_t *setup)
{
    for (size_t i = 0; i < setup->n_sentinels; i++) {
        setup->sentinels[i].ca = setup->redis.ca;
        setup->sentinels[i].certificate = setup->redis.certificate;
        setup->sentinels[i].certificate_key = setup->redis.certificate_key;
    }
}
