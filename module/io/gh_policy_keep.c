/*
 * Files as they were read, kept beside the image, so that a start knows what
 * is in those that did not change. What is kept is named by states and bytes
 * of files, never by time: if it is older than the image, more is read again,
 * and nothing else.
 */

#include "gh_policy_builder.h"

#include "gh_bytes.h"
#include "gh_policy_parts.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>


/* What a file was when it was read. */
typedef struct {
    gh_file_state_t state;
    uint8_t content[GH_SHA256_LEN];
} mark_t;

_Static_assert(sizeof(mark_t) == GH_POLICY_MARK_LEN, "it fits");


static bool take_all(gh_policy_build_t *b, gh_policy_parts_t *parts);
static gh_rc_t take(gh_policy_build_t *b, const gh_policy_file_t *listed,
                    const gh_policy_kept_t *kept);
static bool none(void *ctx, gh_str_t path);
static bool mark_of(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN]);


void
gh_policy_recall(gh_policy_build_t *b)
{
    char why[GH_IMAGE_WHY_MAX];
    uint8_t maker[GH_SHA256_LEN];
    gh_policy_parts_t parts;

    if (b->recalled || b->conf.state == NULL) {
        return;
    }

    b->recalled = true;
    b->unkept = true;

    if (gh_state_map(b->conf.state, GH_POLICY_PARTS_NAME, &b->kept, why)
        != GH_OK) {
        return;
    }

    gh_policy_maker_hash(b, maker);

    if (gh_policy_parts_open(b->kept, maker, &parts) != GH_OK
        || !take_all(b, &parts))
    {
        gh_policy_forget(b);
    }
}


/* False: not all that is there could be taken. */

static bool
take_all(gh_policy_build_t *b, gh_policy_parts_t *parts)
{
    uint32_t taken = 0;
    gh_policy_kept_t kept;
    const gh_policy_file_t *listed;

    while (gh_policy_parts_next(parts, &kept)) {
        listed = gh_policy_listing_find(&b->listing, kept.path);

        if (listed == NULL) {
            continue; /* the file is gone */
        }

        if (take(b, listed, &kept) != GH_OK) {
            return false;
        }

        taken++;
    }

    b->unkept = taken != parts->n;

    return true;
}


static gh_rc_t
take(gh_policy_build_t *b, const gh_policy_file_t *listed,
     const gh_policy_kept_t *kept)
{
    mark_t mark;

    memcpy(&mark, kept->mark, sizeof(mark));

    if (gh_policy_listing_add(&b->loaded, gh_str(listed->path), &mark.state)
            != GH_OK
        || gh_policy_set_take(b->set, kept, gh_policy_stamp(mark.content))
               != GH_OK)
    {
        return GH_NOMEM;
    }

    memcpy(b->loaded.files[b->loaded.n - 1].content, mark.content,
           GH_SHA256_LEN);

    return GH_OK;
}


void
gh_policy_forget(gh_policy_build_t *b)
{
    gh_policy_set_retain(b->set, none, NULL);
    gh_policy_listing_clear(&b->loaded);
    gh_state_unmap(b->kept);
    b->kept = (gh_str_t){ NULL, 0 };
}


static bool
none(void *ctx, gh_str_t path)
{
    (void) ctx;
    (void) path;

    return false;
}


gh_rc_t
gh_policy_build_keep(gh_policy_build_t *b)
{
    int fd;
    gh_rc_t rc;
    char why[GH_IMAGE_WHY_MAX];

    if (!b->unkept) {
        return GH_OK;
    }

    rc = gh_state_lock(b->conf.state, &fd, why);
    if (rc != GH_OK) {
        return (rc == GH_CONFLICT) ? GH_AGAIN : rc;
    }

    rc = gh_policy_keep_locked(b);
    (void) close(fd);

    /* from here on it lies in the file, and memory is given back */
    if (rc == GH_OK) {
        gh_policy_forget(b);
        b->recalled = false;
        gh_policy_recall(b);
    }

    return rc;
}


gh_rc_t
gh_policy_keep_locked(gh_policy_build_t *b)
{
    gh_rc_t rc;
    gh_str_t bytes;
    char why[GH_IMAGE_WHY_MAX];
    uint8_t maker[GH_SHA256_LEN];

    gh_policy_maker_hash(b, maker);

    rc = gh_policy_parts_build(b->set, maker, mark_of, b, &bytes);
    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_state_replace(b->conf.state, GH_POLICY_PARTS_NAME, bytes, why);
    b->alloc.free(b->alloc.ctx, (void *) (uintptr_t) bytes.data);

    return rc;
}


/* False also when a load broke off: then it is not known what was read. */

static bool
mark_of(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN])
{
    mark_t mark;
    gh_policy_build_t *b = ctx;
    const gh_policy_file_t *file = gh_policy_listing_find(&b->loaded, path);

    if (file == NULL
        || gh_policy_set_stamp(b->set, path) != gh_policy_stamp(file->content))
    {
        return false;
    }

    mark.state = file->state;
    memcpy(mark.content, file->content, GH_SHA256_LEN);
    memcpy(out, &mark, sizeof(mark));

    return true;
}


void
gh_policy_build_rest(gh_policy_build_t *b)
{
    if (b->kept.data != NULL) {
        (void) madvise((void *) (uintptr_t) b->kept.data, b->kept.len,
                       MADV_DONTNEED);
    }

    gh_policy_build_trim();
}
