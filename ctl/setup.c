/*
 * From the tree of nginx.conf to what the tool needs of it. Only the http
 * block counts; what is said twice is nginx's to refuse.
 */

#include "setup.h"
#include "setup_listen.h"
#include "setup_redis.h"

#include <stdlib.h>

#define NAMES_TEXT 300 /* bytes of a list in a message */


static void read_main(ctl_setup_t *setup);
static void read_http(ctl_arena_t *arena, ctl_setup_t *setup,
                      const ctl_directive_t *http);
static void read_store(ctl_arena_t *arena, ctl_setup_t *setup);
static size_t read_size(const char *text);
static void read_secrets(ctl_arena_t *arena, ctl_setup_t *setup,
                         const ctl_directive_t *d);
static void names_add(ctl_arena_t *arena, ctl_names_t *names,
                      const char *name);
static void names_end(ctl_arena_t *arena, ctl_names_t *names);
static int compare(const void *a, const void *b);


gh_rc_t
ctl_setup_read(ctl_arena_t *arena, const char *path, ctl_setup_t *setup)
{
    const ctl_directive_t *http = NULL;
    gh_rc_t rc;

    memset(setup, 0, sizeof(*setup));

    rc = ctl_conf_read(arena, path, &setup->conf);
    if (rc != GH_OK) {
        return rc;
    }

    setup->store = "lmdb:" GH_STATE_DIR;

    read_main(setup);

    while ((http = ctl_conf_next(&setup->conf.root, "http", http)) != NULL) {
        read_http(arena, setup, http);
    }

    read_store(arena, setup);
    ctl_setup_redis(arena, setup);
    names_end(arena, &setup->upstreams);
    names_end(arena, &setup->issuers);

    return GH_OK;
}


static void
read_main(ctl_setup_t *setup)
{
    const ctl_directive_t *d = ctl_conf_next(&setup->conf.root, "user", NULL);

    if (d != NULL && d->n > 1) {
        setup->user = d->words[1];
    }
}


static void
read_http(ctl_arena_t *arena, ctl_setup_t *setup, const ctl_directive_t *http)
{
    for (const ctl_directive_t *d = http->first; d != NULL; d = d->next) {
        const char *name = d->words[0];
        const char *value = d->n > 1 ? d->words[1] : "";

        if (strcmp(name, "gatehouse_policies") == 0) {
            setup->policies = ctl_conf_path(arena, &setup->conf, value);

        } else if (strcmp(name, "gatehouse_store") == 0) {
            setup->store = value;

        } else if (strcmp(name, "gatehouse_secret") == 0) {
            read_secrets(arena, setup, d);

        } else if (strcmp(name, "gatehouse_token_issuer") == 0
                   || (strcmp(name, "gatehouse_oidc_provider") == 0
                       && ctl_conf_next(d, "audience", NULL) != NULL))
        {
            /* of a provider with an audience, access tokens are accepted */
            names_add(arena, &setup->issuers, value);

        } else if (strcmp(name, "upstream") == 0 && d->block) {
            names_add(arena, &setup->upstreams, value);

        } else if (strcmp(name, "server") == 0 && d->block) {
            ctl_setup_server(arena, setup, d);
        }
    }
}


void
ctl_setup_store(ctl_arena_t *arena, const ctl_setup_t *setup,
                const char *words, ctl_setup_t *out)
{
    *out = *setup;

    out->store = words;
    out->state = NULL;
    out->map_bytes = 0;
    out->shared = false;
    out->redis_password = NULL;
    out->sentinel_password = NULL;
    out->n_sentinels = 0;
    memset(out->sentinels, 0, sizeof(out->sentinels));
    memset(&out->redis, 0, sizeof(out->redis));

    read_store(arena, out);
    ctl_setup_redis(arena, out);
}


/* "lmdb:/DIRECTORY?size=16g", perhaps behind "test:". */
static void
read_store(ctl_arena_t *arena, ctl_setup_t *setup)
{
    gh_str_t rest, word, value, s = gh_str(setup->store);

    if (gh_str_starts(s, GH_STR("test:"))) {
        s.data += 5;
        s.len -= 5;
    }

    if (!gh_str_starts(s, GH_STR("lmdb:/"))) {
        return;
    }

    word = gh_str_cut(s, '?', &rest);
    setup->state = ctl_copy(arena, (gh_str_t){ word.data + 5, word.len - 5 });

    while (rest.data != NULL) {
        word = gh_str_cut(rest, '&', &rest);

        if (gh_str_eq(gh_str_cut(word, '=', &value), GH_STR("size"))
            && value.data != NULL)
        {
            setup->map_bytes = read_size(ctl_copy(arena, value));
        }
    }
}


/* 0, the default, for what nginx would refuse. */
static size_t
read_size(const char *text)
{
    size_t len = strlen(text);
    uint64_t n, unit = 1;

    if (len > 0) {
        switch (text[len - 1]) {
        case 'k':
        case 'K':
            unit = 1024;
            break;
        case 'm':
        case 'M':
            unit = UINT64_C(1024) * 1024;
            break;
        case 'g':
        case 'G':
            unit = UINT64_C(1024) * 1024 * 1024;
            break;
        default:
            break;
        }
    }

    len -= unit == 1 ? 0 : 1;

    if (gh_str_to_u64((gh_str_t){ text, len }, SIZE_MAX / 2 / unit, &n)
        != GH_OK) {
        return 0;
    }

    return (size_t) (n * unit);
}


static void
read_secrets(ctl_arena_t *arena, ctl_setup_t *setup, const ctl_directive_t *d)
{
    for (size_t i = 1; i < d->n && setup->n_secrets < GH_SECRET_KEYS_MAX; i++)
    {
        if (strncmp(d->words[i], "file:", 5) == 0) {
            setup->secrets[setup->n_secrets++] =
                ctl_conf_path(arena, &setup->conf, d->words[i] + 5);
        }
    }
}


static void
names_add(ctl_arena_t *arena, ctl_names_t *names, const char *name)
{
    names->items =
        ctl_grow(arena, names->items, names->n, sizeof(*names->items));
    names->items[names->n++] = name;
}


static void
names_end(ctl_arena_t *arena, ctl_names_t *names)
{
    char *text = ctl_alloc(arena, NAMES_TEXT);
    gh_buf_t out = { text, 0, NAMES_TEXT - sizeof(", ...") };
    bool all = true;

    if (names->n > 0) {
        qsort(names->items, names->n, sizeof(*names->items), compare);
    }

    for (size_t i = 0; i < names->n && all; i++) {
        size_t len = out.len;

        all = (i == 0 || gh_buf_add(&out, GH_STR(", ")) == GH_OK)
              && gh_buf_add(&out, gh_str(names->items[i])) == GH_OK;

        if (!all) {
            out.len = len;
        }
    }

    if (!all) {
        memcpy(text + out.len, ", ...", sizeof(", ..."));
    } else {
        text[out.len] = '\0';
    }

    names->text = text;
}


static int
compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}


bool
ctl_names_have(const ctl_names_t *names, gh_str_t name)
{
    size_t low = 0, high = names->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = gh_str_cmp(gh_str(names->items[middle]), name);

        if (order == 0) {
            return true;
        }

        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return false;
}
