/*
 * Policy documents become an image: each file is parsed and checked by
 * itself, then all of them are linked (names, references) and compiled. Every
 * complaint has file, line and column, quotes the word and names the way out.
 * Reading files is the caller's business; only changed ones are handed in
 * again.
 */

#ifndef GH_POLICY_H
#define GH_POLICY_H

#include "gh_image.h"
#include "gh_rules.h"

#define GH_POLICY_FILE_MAX (256u * 1024 * 1024)
#define GH_POLICY_ERRORS_MAX 50


typedef struct {
    char file[256];        /* as handed in, cut from the left */
    unsigned line, column; /* 0: the file as a whole */
    char message[400];
} gh_policy_error_t;

typedef struct {
    gh_policy_error_t items[GH_POLICY_ERRORS_MAX];
    size_t n;
    size_t more; /* beyond the room */
} gh_policy_errors_t;

/* What the outside knows; each may be NULL, then it is not asked. */
typedef struct {
    /* False makes an unknown upstream an error that lists those there are.
     * NULL: the tool without an nginx.conf. */
    bool (*upstream_known)(void *ctx, gh_str_t name);
    const char *upstreams_text; /* "orders_v1, orders_v2", for messages */
    /* Same for token issuers. */
    bool (*issuer_known)(void *ctx, gh_str_t name);
    const char *issuers_text;
    /* Bytes of a "file:..." secret, appended; at most out->cap. *why is
     * static text when it fails ("does not exist"), GH_TOO_LONG needs none.
     * The path is as written, without "file:". NULL: only its syntax is
     * checked, and the image holds no secrets. */
    gh_rc_t (*read_secret)(void *ctx, gh_str_t path, gh_buf_t *out,
                           const char **why);
    void *ctx;
} gh_policy_env_t;

typedef struct gh_policy_set_s gh_policy_set_t;


gh_rc_t gh_policy_set_create(const gh_alloc_t *a, gh_policy_set_t **out);
void gh_policy_set_destroy(gh_policy_set_t *set); /* NULL is fine */

/*
 * Adds or replaces one file. text is not kept. `stamp` is the caller's mark
 * of this content (for gh_policy_set_stamp).
 *
 *   errors  added to; may be NULL, for gh_policy_set_compile says it again
 *
 * GH_INVALID: the file is kept as broken, so that a later compile fails too
 * GH_NOMEM: the set is as it was
 */
gh_rc_t gh_policy_set_file(gh_policy_set_t *set, gh_str_t path, gh_str_t text,
                           uint64_t stamp, gh_policy_errors_t *errors);
/* 0 when the file is not in the set. */
uint64_t gh_policy_set_stamp(const gh_policy_set_t *set, gh_str_t path);
/* Keeps only the files for which keep() is true. */
void gh_policy_set_retain(gh_policy_set_t *set,
                          bool (*keep)(void *ctx, gh_str_t path), void *ctx);

/*
 * Links and compiles everything; records are numbered in the order of the
 * files' paths, then as they stand. Does not change the set, so that one set
 * can be compiled again at any time.
 *
 *   env     NULL knows nothing
 *   sip     16 random bytes for the image's own hash tables
 *   image   allocated with the set's allocator and handed over. It holds the
 *           secrets: wipe it before it is freed
 *   errors  added to, those of broken files again; may be NULL
 *
 * GH_INVALID: nothing was made; GH_NOMEM
 */
gh_rc_t gh_policy_set_compile(gh_policy_set_t *set, const gh_policy_env_t *env,
                              uint64_t generation, int64_t now_s,
                              const uint8_t sip[16], gh_str_t *image,
                              gh_policy_errors_t *errors);

/* "file:line:column: message" of one error, appended. */
gh_rc_t gh_policy_error_text(const gh_policy_error_t *e, gh_buf_t *out);


#endif
