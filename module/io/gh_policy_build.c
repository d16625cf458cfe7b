/*
 * One build: list, read what changed, compile, list again. If the listings
 * differ, what was read may be half old and half new, and the result is
 * thrown away.
 */

#include "gh_policy_builder.h"

#include "gh_bytes.h"
#include "gh_policy_error.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <time.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define CHECK_TRIES 5


static void *build_alloc(void *ctx, size_t size);
static void build_free(void *ctx, void *p);
static bool is_stopped(gh_policy_build_t *b);
static bool same_errors(const gh_policy_errors_t *a,
                        const gh_policy_errors_t *b);

static gh_rc_t make(gh_policy_build_t *b, uint64_t generation,
                    gh_policy_report_t *report);
static gh_rc_t load(gh_policy_build_t *b);
static gh_rc_t load_files(gh_policy_build_t *b,
                          const gh_policy_listing_t *before);
static gh_rc_t load_file(gh_policy_build_t *b,
                         const gh_policy_listing_t *before,
                         gh_policy_file_t *file);
static bool is_listed(void *ctx, gh_str_t path);
static gh_rc_t compile(gh_policy_build_t *b, uint64_t generation,
                       gh_str_t *image);
static bool upstream_known(void *ctx, gh_str_t name);
static bool issuer_known(void *ctx, gh_str_t name);
static gh_rc_t read_secret(void *ctx, gh_str_t path, gh_buf_t *out,
                           const char **why);


gh_rc_t
gh_policy_build_create(const gh_policy_build_conf_t *conf,
                       gh_policy_build_t **out)
{
    gh_policy_build_t *b;

    b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return GH_NOMEM;
    }

    b->conf = *conf;
    b->looked = GH_AGAIN;
    b->alloc.alloc = build_alloc;
    b->alloc.free = build_free;
    b->alloc.ctx = b;

    if (gh_policy_set_create(&b->alloc, &b->set) != GH_OK) {
        free(b);
        return GH_NOMEM;
    }

    *out = b;

    return GH_OK;
}


void
gh_policy_build_destroy(gh_policy_build_t *b)
{
    if (b == NULL) {
        return;
    }

    gh_policy_build_free_image(b, b->made);
    gh_policy_forget(b);
    gh_policy_set_destroy(b->set);
    gh_policy_listing_clear(&b->listing);
    gh_secret_files_clear(&b->secrets);
    free(b);
}


void
gh_policy_build_trim(void)
{
#ifdef __GLIBC__
    (void) malloc_trim(0);
#endif
}


/*
 * Memory runs out at once when the process wants to end: a compile of ten
 * seconds stops within one allocation.
 */

static void *
build_alloc(void *ctx, size_t size)
{
    return is_stopped(ctx) ? NULL : malloc(size);
}


static void
build_free(void *ctx, void *p)
{
    (void) ctx;
    free(p);
}


static bool
is_stopped(gh_policy_build_t *b)
{
    if (!b->stopped && b->conf.stopped != NULL) {
        b->stopped = b->conf.stopped(b->conf.ctx);
    }

    return b->stopped;
}


bool
gh_policy_build_look(gh_policy_build_t *b)
{
    bool changed;
    gh_rc_t rc;
    gh_policy_errors_t *errors;
    gh_policy_listing_t listing = { NULL, 0, 0, 0 };

    /* much room, and mostly there are none */
    errors = malloc(sizeof(*errors));
    if (errors == NULL) {
        return false;
    }

    errors->n = 0;
    errors->more = 0;

    rc = gh_policy_listing_read(b->conf.directory, &listing, errors);
    if (rc == GH_NOMEM) {
        free(errors);
        return false;
    }

    changed = rc != b->looked || !same_errors(errors, &b->errors)
              || !gh_policy_listing_same(&listing, &b->listing);

    if (gh_secret_files_changed(&b->secrets)) {
        changed = true;
    }

    gh_policy_listing_clear(&b->listing);
    b->listing = listing;
    b->looked = rc;
    b->errors.n = errors->n;
    b->errors.more = errors->more;
    memcpy(b->errors.items, errors->items,
           errors->n * sizeof(errors->items[0]));
    free(errors);

    return changed;
}


static bool
same_errors(const gh_policy_errors_t *a, const gh_policy_errors_t *b)
{
    if (a->n != b->n || a->more != b->more) {
        return false;
    }

    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->items[i].file, b->items[i].file) != 0
            || strcmp(a->items[i].message, b->items[i].message) != 0)
        {
            return false;
        }
    }

    return true;
}


gh_rc_t
gh_policy_build_check(gh_policy_build_t *b, gh_policy_report_t *report)
{
    gh_rc_t rc = make(b, 1, report);

    gh_policy_build_free_image(b, b->made);
    b->made = (gh_str_t){ NULL, 0 };
    report->generation = 0;

    return rc;
}


gh_rc_t
gh_policy_build_make(gh_policy_build_t *b, gh_policy_report_t *report)
{
    return make(b, gh_policy_last_generation(b) + 1, report);
}


static gh_rc_t
make(gh_policy_build_t *b, uint64_t generation, gh_policy_report_t *report)
{
    gh_rc_t rc = GH_CONFLICT;

    memset(report, 0, sizeof(*report));
    report->generation = generation;
    b->report = report;

    for (unsigned i = 0; rc == GH_CONFLICT && i < CHECK_TRIES; i++) {
        rc = gh_policy_build_image(b, generation, &b->made);
    }

    b->report = NULL;

    return rc;
}


void
gh_policy_build_warm(gh_policy_build_t *b, gh_policy_report_t *report)
{
    b->report = report;

    if (b->looked == GH_OK) {
        (void) load(b);
    }

    b->report = NULL;
}


gh_rc_t
gh_policy_build_image(gh_policy_build_t *b, uint64_t generation,
                      gh_str_t *image)
{
    gh_rc_t rc;

    (void) gh_policy_build_look(b);

    if (b->looked != GH_OK) {
        b->report->errors = b->errors;
        return (b->looked == GH_INVALID) ? GH_INVALID : GH_NOMEM;
    }

    rc = load(b);
    if (rc == GH_NOMEM || rc == GH_CONFLICT) {
        return rc;
    }

    if (rc == GH_OK) {
        rc = compile(b, generation, image);
    }

    if (rc == GH_OK && gh_policy_build_look(b)) {
        gh_policy_build_free_image(b, *image);
        *image = (gh_str_t){ NULL, 0 };
        rc = GH_CONFLICT;
    }

    return rc;
}


/*
 * Hands in what changed. GH_INVALID: a file cannot be read; complaints about
 * content are made by the compile, also about files that did not change.
 */

static gh_rc_t
load(gh_policy_build_t *b)
{
    gh_rc_t rc;
    gh_policy_listing_t before, again = { NULL, 0, 0, 0 };

    gh_policy_recall(b);
    before = b->loaded;

    /* a load that fails half-way leaves nothing to rely on */
    memset(&b->loaded, 0, sizeof(b->loaded));
    gh_policy_set_retain(b->set, is_listed, b);

    rc = load_files(b, &before);
    gh_policy_listing_clear(&before);

    if (rc != GH_OK) {
        return rc;
    }

    /* what stands as it stood now need not be read the next time */
    rc = gh_policy_listing_read(b->conf.directory, &again, NULL);
    if (rc != GH_OK || !gh_policy_listing_same(&again, &b->listing)) {
        gh_policy_listing_clear(&again);
        return (rc == GH_NOMEM) ? GH_NOMEM : GH_CONFLICT;
    }

    for (size_t i = 0; i < again.n; i++) {
        memcpy(again.files[i].content, b->listing.files[i].content,
               GH_SHA256_LEN);
    }

    b->loaded = again;

    return GH_OK;
}


static gh_rc_t
load_files(gh_policy_build_t *b, const gh_policy_listing_t *before)
{
    gh_rc_t rc, result = GH_OK;

    for (size_t i = 0; i < b->listing.n; i++) {
        if (is_stopped(b)) {
            return GH_NOMEM;
        }

        rc = load_file(b, before, &b->listing.files[i]);

        if (rc == GH_INVALID) {
            result = rc; /* go on: one look finds all that is wrong */

        } else if (rc != GH_OK) {
            return rc;
        }
    }

    return result;
}


static bool
is_listed(void *ctx, gh_str_t path)
{
    gh_policy_build_t *b = ctx;

    return gh_policy_listing_find(&b->listing, path) != NULL;
}


static gh_rc_t
load_file(gh_policy_build_t *b, const gh_policy_listing_t *before,
          gh_policy_file_t *file)
{
    gh_rc_t rc;
    gh_str_t text, path = gh_str(file->path);
    uint64_t stamp;
    const gh_policy_file_t *known;

    known = gh_policy_listing_find(before, path);

    if (known != NULL && gh_file_state_same(&known->state, &file->state)) {
        memcpy(file->content, known->content, GH_SHA256_LEN);
        return GH_OK;
    }

    b->unkept = true;

    rc = gh_policy_file_read(file, &text, &b->report->errors);
    if (rc != GH_OK) {
        return rc;
    }

    gh_sha256(text, file->content);
    stamp = gh_policy_stamp(file->content);

    if (gh_policy_set_stamp(b->set, path) != stamp) {
        rc = gh_policy_set_file(b->set, path, text, stamp, NULL);
    }

    free((void *) (uintptr_t) text.data);

    return (rc == GH_INVALID) ? GH_OK : rc;
}


uint64_t
gh_policy_stamp(const uint8_t content[GH_SHA256_LEN])
{
    uint64_t stamp;

    memcpy(&stamp, content, sizeof(stamp));

    return stamp | 1; /* 0 says "not in the set" */
}


static gh_rc_t
compile(gh_policy_build_t *b, uint64_t generation, gh_str_t *image)
{
    gh_rc_t rc;
    gh_image_t sound;
    uint8_t sip[16];
    gh_policy_env_t env = b->conf.names;

    if (RAND_bytes(sip, sizeof(sip)) != 1) {
        return GH_NOMEM;
    }

    gh_secret_files_clear(&b->secrets);

    env.ctx = b;
    env.read_secret = read_secret;

    if (env.upstream_known != NULL) {
        env.upstream_known = upstream_known;
    }

    if (env.issuer_known != NULL) {
        env.issuer_known = issuer_known;
    }

    rc = gh_policy_set_compile(b->set, &env, generation, (int64_t) time(NULL),
                               sip, image, &b->report->errors);

    /* what was kept may be none of ours: then all is read again */
    if (rc == GH_OK && b->kept.data != NULL
        && gh_image_open(image->data, image->len, true, &sound) != GH_OK)
    {
        gh_policy_build_free_image(b, *image);
        gh_policy_forget(b);
        return GH_CONFLICT;
    }

    if (rc == GH_OK && is_stopped(b)) {
        gh_policy_build_free_image(b, *image);
        rc = GH_NOMEM;
    }

    return rc;
}


static bool
upstream_known(void *ctx, gh_str_t name)
{
    gh_policy_build_t *b = ctx;

    return b->conf.names.upstream_known(b->conf.names.ctx, name);
}


static bool
issuer_known(void *ctx, gh_str_t name)
{
    gh_policy_build_t *b = ctx;

    return b->conf.names.issuer_known(b->conf.names.ctx, name);
}


static gh_rc_t
read_secret(void *ctx, gh_str_t path, gh_buf_t *out, const char **why)
{
    char full[GH_POLICY_DIR_PATH_MAX], *copy;
    gh_rc_t rc;
    unsigned mode = 0;
    size_t from = out->len;
    gh_policy_build_t *b = ctx;

    rc = gh_secret_file_path(b->conf.directory, path, full);
    if (rc != GH_OK) {
        *why = "that is not a path";
        return GH_INVALID;
    }

    copy = strdup(full);
    if (copy == NULL || gh_secret_files_add(&b->secrets, copy) != GH_OK) {
        *why = "no memory";
        return GH_NOMEM;
    }

    rc = gh_secret_file_read(full, out, &mode, why);

    if (rc == GH_OK) {
        gh_sha256((gh_str_t){ out->data + from, out->len - from },
                  b->secrets.items[b->secrets.n - 1].content);
    }

    /* a PEM is a public key here, which everybody may read */
    if (rc == GH_OK && (mode & 0004) != 0 && b->report->open_secret[0] == '\0'
        && memmem(out->data + from, out->len - from, "-----BEGIN", 10) == NULL)
    {
        memcpy(b->report->open_secret, full, sizeof(full));
    }

    return rc;
}


void
gh_policy_build_free_image(gh_policy_build_t *b, gh_str_t image)
{
    if (image.data != NULL) {
        /* it holds secrets */
        OPENSSL_cleanse((void *) (uintptr_t) image.data, image.len);
        build_free(b, (void *) (uintptr_t) image.data);
    }
}
