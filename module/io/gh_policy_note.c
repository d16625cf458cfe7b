/*
 * The note beside the image, from which a start knows that it has nothing to
 * do: states of files are compared first, their bytes only if these differ (a
 * fresh checkout, a container's new mount of the same files).
 */

#include "gh_policy_builder.h"

#include "gh_bytes.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef GH_VERSION
#define GH_VERSION "unknown"
#endif

#define SECRET_MAX 65536


static bool adopt_secrets(gh_policy_build_t *b, gh_image_note_t *note);
static bool same_bytes(gh_policy_build_t *b, const gh_image_note_t *note);
static bool read_secrets(gh_secret_files_t *secrets);
static void states_hash(const gh_policy_build_t *b,
                        uint8_t out[GH_SHA256_LEN]);
static void hash_more(uint8_t hash[GH_SHA256_LEN], gh_str_t more);
static gh_str_t bytes_of(const void *data, size_t len);


gh_rc_t
gh_policy_note_write(gh_policy_build_t *b, uint64_t generation, char *why)
{
    gh_rc_t rc;
    gh_image_note_t note;

    memset(&note, 0, sizeof(note));
    note.generation = generation;
    memcpy(note.names, b->conf.names_hash, GH_SHA256_LEN);
    memcpy(note.content, b->content, GH_SHA256_LEN);
    states_hash(b, note.states);

    if (strlen(b->conf.directory) >= sizeof(note.directory)) {
        return GH_TOO_LONG;
    }

    memcpy(note.directory, b->conf.directory, strlen(b->conf.directory));

    note.secrets = calloc(b->secrets.n + 1, sizeof(char *));
    if (note.secrets == NULL) {
        return GH_NOMEM;
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
    bool current = false;
    uint8_t states[GH_SHA256_LEN];
    gh_image_note_t note;

    if (gh_image_note_read(b->conf.state, &note) != GH_OK) {
        return false;
    }

    if (adopt_secrets(b, &note)) {
        (void) gh_policy_build_look(b);
        states_hash(b, states);

        b->moved = memcmp(note.states, states, GH_SHA256_LEN) != 0;
        b->renamed =
            memcmp(note.names, b->conf.names_hash, GH_SHA256_LEN) != 0;
        memcpy(b->content, note.content, GH_SHA256_LEN);

        current = b->looked == GH_OK
                  && strcmp(note.directory, b->conf.directory) == 0
                  && !(names && b->renamed)
                  && (!b->moved || same_bytes(b, &note));
    }

    if (current && generation != NULL) {
        *generation = note.generation;
    }

    gh_image_note_clear(&note);

    return current;
}


/* What the set was made with is what is looked at from now on. */

static bool
adopt_secrets(gh_policy_build_t *b, gh_image_note_t *note)
{
    char *path;

    gh_secret_files_clear(&b->secrets);

    for (size_t i = 0; i < note->n_secrets; i++) {
        path = note->secrets[i];
        note->secrets[i] = NULL;

        if (gh_secret_files_add(&b->secrets, path) != GH_OK) {
            return false;
        }
    }

    return true;
}


static bool
same_bytes(gh_policy_build_t *b, const gh_image_note_t *note)
{
    uint8_t content[GH_SHA256_LEN];
    gh_str_t text;

    for (size_t i = 0; i < b->listing.n; i++) {
        if (gh_policy_file_read(&b->listing.files[i], &text, NULL) != GH_OK) {
            return false;
        }

        gh_sha256(text, b->listing.files[i].content);
        free((void *) (uintptr_t) text.data);
    }

    if (!read_secrets(&b->secrets)) {
        return false;
    }

    gh_policy_content_hash(b, &b->listing, content);

    return memcmp(content, note->content, GH_SHA256_LEN) == 0;
}


static bool
read_secrets(gh_secret_files_t *secrets)
{
    bool all = true;
    gh_buf_t room = { malloc(SECRET_MAX), 0, SECRET_MAX };
    const char *why;

    if (room.data == NULL) {
        return false;
    }

    for (size_t i = 0; all && i < secrets->n; i++) {
        room.len = 0;
        all = gh_secret_file_read(secrets->items[i].path, &room, NULL, &why)
              == GH_OK;
        gh_sha256(gh_buf_str(&room), secrets->items[i].content);
    }

    OPENSSL_cleanse(room.data, SECRET_MAX);
    free(room.data);

    return all;
}


void
gh_policy_build_renew_note(gh_policy_build_t *b)
{
    int fd;
    char why[GH_IMAGE_WHY_MAX];
    uint64_t generation;

    if (gh_state_lock(b->conf.state, &fd, why) != GH_OK) {
        return;
    }

    if (gh_policy_build_is_current(b, false, &generation)
        && (b->moved || b->renamed))
    {
        (void) gh_policy_note_write(b, generation, why);
    }

    (void) close(fd);
}


static void
states_hash(const gh_policy_build_t *b, uint8_t out[GH_SHA256_LEN])
{
    gh_policy_maker_hash(b, out);

    for (size_t i = 0; i < b->listing.n; i++) {
        const gh_policy_file_t *file = &b->listing.files[i];

        hash_more(out, gh_str(file->path));
        hash_more(out, bytes_of(&file->state, sizeof(file->state)));
    }

    hash_more(out, GH_STR("secrets"));

    for (size_t i = 0; i < b->secrets.n; i++) {
        const gh_secret_file_t *secret = &b->secrets.items[i];

        hash_more(out, gh_str(secret->path));
        hash_more(out, bytes_of(&secret->state, sizeof(secret->state)));
    }
}


void
gh_policy_content_hash(const gh_policy_build_t *b,
                       const gh_policy_listing_t *listing,
                       uint8_t out[GH_SHA256_LEN])
{
    gh_policy_maker_hash(b, out);

    for (size_t i = 0; i < listing->n; i++) {
        hash_more(out, gh_str(listing->files[i].path));
        hash_more(out, bytes_of(listing->files[i].content, GH_SHA256_LEN));
    }

    hash_more(out, GH_STR("secrets"));

    for (size_t i = 0; i < b->secrets.n; i++) {
        hash_more(out, gh_str(b->secrets.items[i].path));
        hash_more(out, bytes_of(b->secrets.items[i].content, GH_SHA256_LEN));
    }
}


/* Versions of ours count too: the next one may compile otherwise. */

void
gh_policy_maker_hash(const gh_policy_build_t *b, uint8_t out[GH_SHA256_LEN])
{
    uint64_t magic = GH_IMAGE_MAGIC;

    memset(out, 0, GH_SHA256_LEN);
    hash_more(out, GH_STR(GH_VERSION));
    hash_more(out, bytes_of(&magic, sizeof(magic)));
    hash_more(out, gh_str(b->conf.directory));
}


/* hash = SHA-256(hash, SHA-256(more)): no boundary can be shifted. */

static void
hash_more(uint8_t hash[GH_SHA256_LEN], gh_str_t more)
{
    uint8_t both[2 * GH_SHA256_LEN];

    memcpy(both, hash, GH_SHA256_LEN);
    gh_sha256(more, both + GH_SHA256_LEN);
    gh_sha256(bytes_of(both, sizeof(both)), hash);
}


static gh_str_t
bytes_of(const void *data, size_t len)
{
    return (gh_str_t){ data, len };
}
