/*
 * What the files of a set were read into, as one block of bytes, so that
 * another process need not read unchanged files again. Native to the machine
 * and to the version that made it; whoever opens one has its checksum
 * compared and every reference in it looked at.
 */

#ifndef GH_POLICY_PARTS_H
#define GH_POLICY_PARTS_H

#include "gh_policy.h"
#include "gh_policy_part.h"

#define GH_POLICY_PARTS_MAGIC UINT64_C(0x3130535452504847) /* as an image's */
#define GH_POLICY_MARK_LEN 72


/* Parts that were opened; borrowed memory. */
typedef struct {
    gh_str_t bytes;
    uint32_t n;    /* of files */
    uint32_t next; /* private: the file that comes next, */
    size_t at;     /* and where its bytes begin */
} gh_policy_parts_t;

/* One file. Lies in the bytes. */
typedef struct {
    gh_str_t path;
    const uint8_t *mark; /* GH_POLICY_MARK_LEN bytes */
    gh_policy_part_t part;
} gh_policy_kept_t;


/*
 * All files of the set, in the order of their paths.
 *
 *   maker  mark of whoever may open them again
 *   mark   says what file of that path was read; false: of none
 *   out    allocated with the set's allocator and handed over
 *
 * GH_INVALID: a file is broken, or has no mark; GH_NOMEM
 */
gh_rc_t gh_policy_parts_build(const gh_policy_set_t *set,
                              const uint8_t maker[GH_SHA256_LEN],
                              bool (*mark)(void *ctx, gh_str_t path,
                                           uint8_t out[GH_POLICY_MARK_LEN]),
                              void *ctx, gh_str_t *out);

/*
 * bytes must be aligned to 8. GH_INVALID: of another maker or layout, or
 * damaged.
 */
gh_rc_t gh_policy_parts_open(gh_str_t bytes,
                             const uint8_t maker[GH_SHA256_LEN],
                             gh_policy_parts_t *out);
/* The next file; false after the last. */
bool gh_policy_parts_next(gh_policy_parts_t *parts, gh_policy_kept_t *out);

/*
 * Adds a file, or replaces it, as gh_policy_set_file would have read it; its
 * bytes are borrowed as long as the set has it. GH_NOMEM: the set is as it
 * was.
 */
gh_rc_t gh_policy_set_take(gh_policy_set_t *set, const gh_policy_kept_t *kept,
                           uint64_t stamp);


#endif
