/*
 * Reads the secrets and public keys that signatures name, and wipes them
 * wherever they were on the way into the image.
 */

#include "gh_policy_link.h"
#include "gh_policy_secret.h"

#include <openssl/crypto.h>


static void secret_read(gh_policy_link_t *l, uint32_t file,
                        const gh_policy_signature_t *signature,
                        gh_buf_t *room);
static void secret_take(gh_policy_link_t *l, uint32_t file,
                        const gh_policy_signature_t *signature, gh_str_t text,
                        gh_ref_t *out);
static bool secrets_grow(gh_policy_link_t *l, size_t more);
static void wipe(const gh_policy_link_t *l, void *p, size_t size);


void
gh_policy_link_secrets(gh_policy_link_t *l)
{
    gh_buf_t room = { NULL, 0, GH_POLICY_SECRET_MAX };

    if (l->totals[GH_POLICY_SIGNATURES] == 0 || l->rc != GH_OK) {
        return;
    }

    room.data = l->a->alloc(l->a->ctx, room.cap);
    if (room.data == NULL) {
        l->rc = GH_NOMEM;
        return;
    }

    for (uint32_t f = 0; f < l->set->files.n; f++) {
        uint32_t n = gh_policy_link_n(l, f, GH_POLICY_SIGNATURES);

        for (uint32_t i = 0; i < n && l->rc == GH_OK; i++) {
            secret_read(l, f, gh_policy_link_at(l, f, GH_POLICY_SIGNATURES, i),
                        &room);
        }
    }

    wipe(l, room.data, room.cap);
}


static void
secret_read(gh_policy_link_t *l, uint32_t file,
            const gh_policy_signature_t *signature, gh_buf_t *room)
{
    const gh_policy_part_t *part = gh_policy_link_part(l, file);
    gh_str_t path = gh_policy_part_str(part, signature->image.key);
    gh_ref_t ref = { 0, 0 };
    const char *why = "cannot be read";

    room->len = 0;

    if (path.len > 0 && l->env->read_secret != NULL) {
        gh_rc_t rc = l->env->read_secret(l->env->ctx, path, room, &why);

        if (rc == GH_OK) {
            secret_take(l, file, signature, gh_buf_str(room), &ref);

        } else if (rc == GH_NOMEM) {
            l->rc = rc;

        } else {
            gh_policy_link_complain(l, file, signature->key_place,
                                    "\"file:%s\" %s",
                                    gh_policy_word(path).text,
                                    rc == GH_TOO_LONG ? "is too long" : why);
        }
    }

    if (gh_policy_list_add(&l->secret_refs, l->a, &ref, 1) == NULL) {
        l->rc = GH_NOMEM;
    }
}


static void
secret_take(gh_policy_link_t *l, uint32_t file,
            const gh_policy_signature_t *signature, gh_str_t text,
            gh_ref_t *out)
{
    const gh_policy_part_t *part = gh_policy_link_part(l, file);
    gh_str_t algorithm = gh_policy_part_str(part, signature->image.algorithm);
    gh_str_t path = gh_policy_part_str(part, signature->image.key);
    const char *why = "";
    gh_str_t key;
    gh_rc_t rc = gh_policy_secret_check(algorithm, text, l->a, &key, &why);

    if (rc == GH_NOMEM || (rc == GH_OK && !secrets_grow(l, key.len))) {
        l->rc = GH_NOMEM;
        return;
    }

    if (rc != GH_OK) {
        gh_policy_link_complain(l, file, signature->key_place,
                                "\"file:%s\" %s", gh_policy_word(path).text,
                                why);
        return;
    }

    *out = (gh_ref_t){ (uint32_t) l->secrets_len, (uint32_t) key.len };
    memcpy(l->secrets + l->secrets_len, key.data, key.len);
    l->secrets_len += key.len;
}


/* What was there does not stay behind. */
static bool
secrets_grow(gh_policy_link_t *l, size_t more)
{
    size_t cap = l->secrets_cap == 0 ? 4096 : l->secrets_cap;

    while (cap - l->secrets_len < more) {
        cap *= 2;
    }

    if (cap == l->secrets_cap) {
        return true;
    }

    char *bigger = cap > UINT32_MAX ? NULL : l->a->alloc(l->a->ctx, cap);

    if (bigger == NULL) {
        return false;
    }

    if (l->secrets_len > 0) {
        memcpy(bigger, l->secrets, l->secrets_len);
    }

    wipe(l, l->secrets, l->secrets_len);
    l->secrets = bigger;
    l->secrets_cap = cap;

    return true;
}


void
gh_policy_secrets_release(gh_policy_link_t *l)
{
    wipe(l, l->secrets, l->secrets_len);
    l->secrets = NULL;
}


static void
wipe(const gh_policy_link_t *l, void *p, size_t size)
{
    if (p != NULL) {
        OPENSSL_cleanse(p, size);
    }

    l->a->free(l->a->ctx, p);
}
