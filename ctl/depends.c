/*
 * Counting by root key. Under which key a session began is told by the index
 * of logouts: its names are made with the key that was first at login, as
 * the cookie was, while the record itself is sealed anew with every touch.
 */

#include "depends.h"
#include "gh_session.h"
#include "store.h"
#include "store_redis.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define IDS_MAX 20 /* shown */


typedef struct {
    ctl_t *c;
    ctl_side_t *side;
    ctl_depends_t *out;
    ctl_batch_t *index; /* room */
    unsigned ids;
    char *why;
} count_t;


static bool key_stands(gh_str_t value, uint32_t *pepper, const char **id,
                       ctl_t *c);
static void count_key(count_t *n, const ctl_record_t *r);
static gh_rc_t count_session(count_t *n, const ctl_record_t *r);
static gh_rc_t listed(count_t *n, const gh_session_t *s, gh_str_t name,
                      unsigned key, bool *is);
static bool names(const gh_secret_t *secret, uint32_t id);
static ctl_exit_t refuse(ctl_t *c, const ctl_side_t *from, const char *path,
                         size_t keys, size_t sessions);


gh_rc_t
ctl_depends_count(ctl_t *c, ctl_side_t *side, const ctl_items_t *items,
                  ctl_batch_t *room, ctl_depends_t *out, char *why)
{
    count_t n = {
        c, side, out, ctl_alloc(&c->arena, sizeof(*n.index)), 0, why
    };
    gh_rc_t rc = GH_OK;

    memset(out, 0, sizeof(*out));
    out->ids = "";

    for (size_t i = 0; i < items->n && rc == GH_OK; i++) {
        const ctl_item_t *item = &items->items[i];

        if (item->kind != GH_KIND_KEY && item->kind != GH_KIND_SESSION) {
            continue;
        }

        rc = ctl_side_read(side, item, 1, room, why);

        if (rc != GH_OK || room->records[0].rc != GH_OK) {
            continue;
        }

        if (item->kind == GH_KIND_KEY) {
            count_key(&n, &room->records[0]);
        } else {
            rc = count_session(&n, &room->records[0]);
        }
    }

    ctl_batch_free(n.index);

    return rc;
}


static void
count_key(count_t *n, const ctl_record_t *r)
{
    const gh_secret_t *secret = &n->c->secret;
    const char *id;
    uint32_t pepper;

    if (!key_stands(r->value, &pepper, &id, n->c)) {
        return;
    }

    for (unsigned i = 0; i < secret->n; i++) {
        if (secret->keys[i].id != pepper) {
            continue;
        }

        n->out->keys[i]++;

        if (i > 0 && n->ids++ < IDS_MAX) {
            n->out->ids = ctl_text(&n->c->arena, "%s%s%s", n->out->ids,
                                   n->ids == 1 ? "" : ", ",
                                   n->ids == IDS_MAX ? "..." : id);
        }
    }
}


/* Imported ones are hashed without a root key. */
static bool
key_stands(gh_str_t value, uint32_t *pepper, const char **id, ctl_t *c)
{
    int64_t now_s = (int64_t) time(NULL);
    gh_store_key_t key;
    void *doc = NULL;
    bool stands = false;

    if (gh_store_key_decode(value, &key, &doc) == GH_OK) {
        stands = key.keyed
                 && (key.revoked_at_s == 0 || key.revoked_at_s > now_s)
                 && (key.expires_at_s == 0 || key.expires_at_s > now_s);
        *pepper = key.pepper;
        *id = stands ? ctl_plain(c, key.id) : "";
    }

    gh_store_doc_free(doc);

    return stands;
}


static gh_rc_t
count_session(count_t *n, const ctl_record_t *r)
{
    const gh_secret_t *secret = &n->c->secret;
    gh_session_t s;
    gh_rc_t rc = GH_OK;
    bool is = false;

    if (gh_session_open(secret, r->name, r->value, &s) != GH_OK) {
        return GH_OK;
    }

    for (unsigned i = 0; i < secret->n && rc == GH_OK && !is; i++) {
        rc = listed(n, &s, r->name, i, &is);

        if (rc == GH_OK && is) {
            n->out->sessions[i]++;
        }

        if (rc == GH_OK && is && i > 0
            && r->expires_at_s > n->out->sessions_end_s) {
            n->out->sessions_end_s = r->expires_at_s;
        }
    }

    gh_session_clear(&s);

    return rc;
}


static gh_rc_t
listed(count_t *n, const gh_session_t *s, gh_str_t name, unsigned key,
       bool *is)
{
    gh_session_index_t what = { GH_STR("sub"), s->issuer, s->client_id,
                                s->sub };
    char index[GH_SESSION_NAME_LEN], room[GH_REDIS_KEY_MAX + 1] = "";
    gh_buf_t at = { room, 0, GH_REDIS_KEY_MAX };
    ctl_item_t item = { GH_KIND_SESSION_INDEX,
                        room,
                        { index, sizeof(index) } };
    const ctl_record_t *r = &n->index->records[0];
    gh_rc_t rc;

    *is = false;

    if (gh_session_index_name(&n->c->secret, key, &what, index) != GH_OK) {
        return GH_OK;
    }

    (void) gh_redis_key(GH_KIND_SESSION_INDEX, item.name, &at);
    rc = ctl_side_read(n->side, &item, 1, n->index, n->why);

    for (size_t i = 0;
         rc == GH_OK && r->rc == GH_OK && i < gh_session_index_count(r->value);
         i++)
    {
        *is = *is || gh_str_eq(gh_session_index_at(r->value, i), name);
    }

    return rc;
}


ctl_exit_t
ctl_depends_check(ctl_t *c, ctl_side_t *from, const ctl_items_t *items,
                  ctl_batch_t *room)
{
    const char *path = ctl_text(&c->arena, "%s/root.key", from->setup.state),
               *id;
    char why[GH_LMDB_WHY];
    gh_secret_t own = { .n = 0 };
    size_t keys = 0, sessions = 0;
    uint32_t pepper, own_id;
    ctl_exit_t rc;

    if (access(path, F_OK) != 0) {
        return CTL_DONE;
    }

    rc = ctl_store_read_secret(c, path, &own);
    own_id = own.keys[0].id;
    gh_secret_clear(&own);

    if (rc != CTL_DONE || names(&c->secret, own_id)) {
        return rc;
    }

    for (size_t i = 0; i < items->n; i++) {
        const ctl_record_t *r = &room->records[0];
        gh_kind_t kind = items->items[i].kind;

        if ((kind != GH_KIND_KEY && kind != GH_KIND_SESSION)
            || ctl_side_read(from, &items->items[i], 1, room, why) != GH_OK
            || r->rc != GH_OK)
        {
            continue;
        }

        if (kind == GH_KIND_KEY) {
            keys += key_stands(r->value, &pepper, &id, c) && pepper == own_id;
        } else {
            sessions += gh_secret_sealed_by(r->value) == own_id;
        }
    }

    return keys + sessions == 0 ? CTL_DONE
                                : refuse(c, from, path, keys, sessions);
}


static bool
names(const gh_secret_t *secret, uint32_t id)
{
    for (unsigned i = 0; i < secret->n; i++) {
        if (secret->keys[i].id == id) {
            return true;
        }
    }

    return false;
}


static ctl_exit_t
refuse(ctl_t *c, const ctl_side_t *from, const char *path, size_t keys,
       size_t sessions)
{
    return ctl_fail(c, CTL_REFUSED,
                    "%zu issued key%s and %zu session%s of %s depend on %s, "
                    "which gatehouse_secret in %s does not name: gateways of "
                    "the other store would refuse them. Copy that file beside "
                    "the other root keys and name the copy there, first or "
                    "behind the one that seals; nothing was copied",
                    keys, keys == 1 ? "" : "s", sessions,
                    sessions == 1 ? "" : "s", from->words, path, c->conf_file);
}
