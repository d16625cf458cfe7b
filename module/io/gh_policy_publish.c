/*
 * Publishing an image, and the note from which a later start knows that it
 * has nothing to do. Image first, note second: a crash between them costs one
 * build, the other order would keep an old set in force.
 */

#include "gh_policy_builder.h"

#include "gh_bytes.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef GH_VERSION
#define GH_VERSION "unknown"
#endif

#define GROUPS_MAX 128


static gh_rc_t publish_locked(gh_policy_build_t *b, uint64_t least);
static uint64_t last_generation(gh_policy_build_t *b);
static gh_rc_t write_note(gh_policy_build_t *b, uint64_t generation,
                          char *why);
static void content_hash(const char *directory,
                         const gh_policy_listing_t *listing,
                         const gh_secret_files_t *secrets,
                         uint8_t out[GH_SHA256_LEN]);
static void hash_more(uint8_t hash[GH_SHA256_LEN], gh_str_t more);
static void hash_file(uint8_t hash[GH_SHA256_LEN], const char *path,
                      const gh_file_state_t *state);


gh_rc_t
gh_policy_build_publish(gh_policy_build_t *b, uint64_t least,
                        gh_policy_report_t *report)
{
    int fd;
    gh_rc_t rc;

    memset(report, 0, sizeof(*report));

    rc = gh_state_lock(b->conf.state, &fd, report->why);
    if (rc != GH_OK) {
        return (rc == GH_CONFLICT) ? GH_AGAIN : rc;
    }

    b->report = report;
    rc = publish_locked(b, least);
    b->report = NULL;
    (void) close(fd);

    return rc;
}


static gh_rc_t
publish_locked(gh_policy_build_t *b, uint64_t least)
{
    gh_rc_t rc;
    gh_str_t image;
    uint64_t last = last_generation(b);
    gh_policy_report_t *report = b->report;

    report->generation = ((last > least) ? last : least) + 1;

    rc = gh_policy_build_image(b, report->generation, &image);
    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_state_replace(b->conf.state, GH_IMAGE_FILE_NAME, image,
                          report->why);
    gh_policy_build_free_image(b, image);

    if (rc != GH_OK) {
        return rc;
    }

    b->published = report->generation;

    /* without a note the next start builds again: no reason to fail */
    (void) write_note(b, report->generation, report->why);

    return GH_OK;
}


/* Of the image that is there; its note spares us mapping it. */

static uint64_t
last_generation(gh_policy_build_t *b)
{
    char why[GH_IMAGE_WHY_MAX];
    uint64_t noted = 0, mapped = 0;
    gh_image_t image;
    gh_image_note_t note;

    if (gh_image_note_read(b->conf.state, &note) == GH_OK) {
        noted = note.generation;
        gh_image_note_clear(&note);
    }

    if (noted != 0 && noted == b->published) {
        return noted;
    }

    if (gh_image_file_map(b->conf.state, &image, why) == GH_OK) {
        mapped = image.generation;
        gh_image_file_unmap(&image);
    }

    return (noted > mapped) ? noted : mapped;
}


static gh_rc_t
write_note(gh_policy_build_t *b, uint64_t generation, char *why)
{
    gh_rc_t rc;
    gh_image_note_t note;

    memset(&note, 0, sizeof(note));
    note.generation = generation;
    memcpy(note.names, b->conf.names_hash, GH_SHA256_LEN);
    content_hash(b->conf.directory, &b->listing, &b->secrets, note.content);

    if (strlen(b->conf.directory) >= sizeof(note.directory)) {
        return GH_TOO_LONG;
    }

    memcpy(note.directory, b->conf.directory, strlen(b->conf.directory));

    if (b->secrets.n > 0) {
        note.secrets = calloc(b->secrets.n, sizeof(char *));
        if (note.secrets == NULL) {
            return GH_NOMEM;
        }
    }

    for (note.n_secrets = 0; note.n_secrets < b->secrets.n; note.n_secrets++) {
        note.secrets[note.n_secrets] = b->secrets.items[note.n_secrets].path;
    }

    rc = gh_image_note_write(b->conf.state, &note, why);
    free(note.secrets);

    return rc;
}


bool
gh_policy_build_is_current(gh_policy_build_t *b, bool names,
                           uint64_t *generation)
{
    bool current;
    char *path;
    uint8_t content[GH_SHA256_LEN];
    gh_image_note_t note;

    if (gh_image_note_read(b->conf.state, &note) != GH_OK) {
        return false;
    }

    gh_secret_files_clear(&b->secrets);

    for (size_t i = 0; i < note.n_secrets; i++) {
        path = note.secrets[i];
        note.secrets[i] = NULL;

        if (gh_secret_files_add(&b->secrets, path) != GH_OK) {
            gh_image_note_clear(&note);
            return false;
        }
    }

    (void) gh_policy_build_look(b);
    content_hash(b->conf.directory, &b->listing, &b->secrets, content);

    current =
        b->looked == GH_OK && strcmp(note.directory, b->conf.directory) == 0
        && memcmp(note.content, content, GH_SHA256_LEN) == 0
        && (!names
            || memcmp(note.names, b->conf.names_hash, GH_SHA256_LEN) == 0);

    if (current && generation != NULL) {
        *generation = note.generation;
    }

    gh_image_note_clear(&note);

    return current;
}


void
gh_policy_build_note_names(gh_policy_build_t *b)
{
    int fd;
    char why[GH_IMAGE_WHY_MAX];
    uint64_t generation;

    if (gh_state_lock(b->conf.state, &fd, why) != GH_OK) {
        return;
    }

    if (gh_policy_build_is_current(b, false, &generation)
        && !gh_policy_build_is_current(b, true, NULL))
    {
        (void) write_note(b, generation, why);
    }

    (void) close(fd);
}


/* Versions of ours count too: the next one may compile otherwise. */

static void
content_hash(const char *directory, const gh_policy_listing_t *listing,
             const gh_secret_files_t *secrets, uint8_t out[GH_SHA256_LEN])
{
    uint64_t magic = GH_IMAGE_MAGIC;

    memset(out, 0, GH_SHA256_LEN);
    hash_more(out, GH_STR(GH_VERSION));
    hash_more(out, (gh_str_t){ (const char *) &magic, sizeof(magic) });
    hash_more(out, gh_str(directory));

    for (size_t i = 0; i < listing->n; i++) {
        hash_file(out, listing->files[i].path, &listing->files[i].state);
    }

    hash_more(out, GH_STR("secrets"));

    for (size_t i = 0; i < secrets->n; i++) {
        hash_file(out, secrets->items[i].path, &secrets->items[i].state);
    }
}


/* hash = SHA-256(hash, SHA-256(more)): no boundary can be shifted. */

static void
hash_more(uint8_t hash[GH_SHA256_LEN], gh_str_t more)
{
    uint8_t both[2 * GH_SHA256_LEN];

    memcpy(both, hash, GH_SHA256_LEN);
    gh_sha256(more, both + GH_SHA256_LEN);
    gh_sha256((gh_str_t){ (const char *) both, sizeof(both) }, hash);
}


static void
hash_file(uint8_t hash[GH_SHA256_LEN], const char *path,
          const gh_file_state_t *state)
{
    hash_more(hash, gh_str(path));
    hash_more(hash, (gh_str_t){ (const char *) state, sizeof(*state) });
}


const char *
gh_policy_build_unreadable(gh_policy_build_t *b, uint32_t uid, uint32_t gid)
{
    int n = GROUPS_MAX, i;
    bool member;
    gid_t groups[GROUPS_MAX];
    struct stat st;
    struct passwd *user = getpwuid(uid);

    if (user == NULL || getgrouplist(user->pw_name, gid, groups, &n) == -1) {
        n = 1;
        groups[0] = gid;
    }

    for (size_t k = 0; uid != 0 && k < b->listing.n + b->secrets.n; k++) {
        const char *path = (k < b->listing.n)
                               ? b->listing.files[k].path
                               : b->secrets.items[k - b->listing.n].path;

        if (stat(path, &st) == -1) {
            continue;
        }

        member = false;
        for (i = 0; i < n; i++) {
            member = member || groups[i] == st.st_gid;
        }

        if ((st.st_mode
             & (st.st_uid == uid ? 0400u : (member ? 0040u : 0004u)))
            == 0) {
            return path;
        }
    }

    return NULL;
}
