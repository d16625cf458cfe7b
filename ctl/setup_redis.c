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
static void read_host(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t s);
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

    if (gh_str_starts(s, GH_STR("rediss://"))) {
        setup->redis.tls = true;
        s = (gh_str_t){ s.data + 9, s.len - 9 };

    } else if (gh_str_starts(s, GH_STR("redis://"))) {
        s = (gh_str_t){ s.data + 8, s.len - 8 };
    }

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

    read_host(arena, setup, s);
}


static void
read_host(ctl_arena_t *arena, ctl_setup_t *setup, gh_str_t s)
{
    gh_redis_place_t *place = &setup->redis;
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
        place->port = "6379";
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
