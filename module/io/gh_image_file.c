/*
 * Files of the state directory: written beside, synced, renamed. The note is
 * lines of "word value"; a note that is not wholly understood is no note,
 * which costs one compile.
 */

#include "gh_image_file.h"

#include "gh_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_FIRST_LINE "gatehouse policies 1"
#define NOTE_MAX (64 * 1024 * 1024)
#define NOTE_MEMBERS 31 /* a bit for each that must be there */


static gh_rc_t put_in_place(const char *state, const char *name,
                            gh_str_t bytes, bool given, char *why);
static gh_rc_t say(char *why, const char *what, const char *path);
static bool path_in(const char *state, const char *name, const char *ending,
                    char out[GH_POLICY_DIR_PATH_MAX]);
static bool give(int fd, const char *state);
static bool write_all(int fd, gh_str_t bytes);
static bool sync_directory(const char *state);
static gh_rc_t map_owned(int fd, gh_str_t *out, const char *path, char *why);
static gh_rc_t note_line(gh_image_note_t *note, gh_str_t line, unsigned *seen);
static gh_rc_t note_parse(gh_str_t text, gh_image_note_t *out);
static bool hash_read(gh_str_t hex, uint8_t out[GH_SHA256_LEN]);
static gh_rc_t note_build(const gh_image_note_t *note, gh_buf_t *out);
static gh_rc_t note_hash(gh_buf_t *out, const char *word,
                         const uint8_t hash[GH_SHA256_LEN]);
static gh_rc_t note_member(gh_buf_t *out, const char *word, gh_str_t value);
static gh_rc_t slurp(const char *path, gh_str_t *out);


gh_rc_t
gh_state_replace(const char *state, const char *name, gh_str_t bytes,
                 char *why)
{
    return put_in_place(state, name, bytes, false, why);
}


gh_rc_t
gh_state_give(const char *state, const char *name, gh_str_t bytes, char *why)
{
    return put_in_place(state, name, bytes, true, why);
}


static gh_rc_t
put_in_place(const char *state, const char *name, gh_str_t bytes, bool given,
             char *why)
{
    int fd, error;
    char path[GH_POLICY_DIR_PATH_MAX], temporary[GH_POLICY_DIR_PATH_MAX];

    if (!path_in(state, name, "", path)
        || !path_in(state, name, ".new", temporary))
    {
        errno = ENAMETOOLONG;
        return say(why, "write to", state);
    }

    /* a leftover of a process that died while it held the lock */
    (void) unlink(temporary);

    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
              0600);
    if (fd == -1) {
        return say(why, "create", temporary);
    }

    if ((given && !give(fd, state)) || !write_all(fd, bytes)
        || fsync(fd) == -1) {
        error = errno;
        (void) close(fd);
        (void) unlink(temporary);
        errno = error;
        return say(why, "write", temporary);
    }

    if (close(fd) == -1 || rename(temporary, path) == -1) {
        error = errno;
        (void) unlink(temporary);
        errno = error;
        return say(why, "put in place", path);
    }

    return sync_directory(state) ? GH_OK : say(why, "sync", state);
}


static gh_rc_t
say(char *why, const char *what, const char *path)
{
    char room[128];

    (void) snprintf(why, GH_IMAGE_WHY_MAX, "could not %s \"%s\": %s", what,
                    path, strerror_r(errno, room, sizeof(room)));

    return GH_UNAVAILABLE;
}


static bool
path_in(const char *state, const char *name, const char *ending,
        char out[GH_POLICY_DIR_PATH_MAX])
{
    int n;

    n = snprintf(out, GH_POLICY_DIR_PATH_MAX, "%s/%s%s", state, name, ending);

    return n > 0 && n < GH_POLICY_DIR_PATH_MAX;
}


static bool
give(int fd, const char *state)
{
    struct stat st;

    return geteuid() != 0
           || (stat(state, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0);
}


static bool
write_all(int fd, gh_str_t bytes)
{
    size_t done = 0;
    ssize_t n;

    while (done < bytes.len) {
        n = write(fd, bytes.data + done, bytes.len - done);

        if (n >= 0) {
            done += (size_t) n;

        } else if (errno != EINTR) {
            return false;
        }
    }

    return true;
}


static bool
sync_directory(const char *state)
{
    int fd, error;
    bool done;

    fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return false;
    }

    done = fsync(fd) == 0;
    error = errno;
    (void) close(fd);
    errno = error;

    return done;
}


gh_rc_t
gh_state_lock(const char *state, int *fd, char *why)
{
    char path[GH_POLICY_DIR_PATH_MAX];

    if (!path_in(state, GH_IMAGE_LOCK_NAME, "", path)) {
        errno = ENAMETOOLONG;
        return say(why, "lock", state);
    }

    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd == -1) {
        return say(why, "open", path);
    }

    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        return GH_OK;
    }

    if (errno == EWOULDBLOCK) {
        (void) snprintf(why, GH_IMAGE_WHY_MAX,
                        "\"%s\" is held by another "
                        "process",
                        path);
        (void) close(*fd);
        return GH_CONFLICT;
    }

    (void) say(why, "lock", path);
    (void) close(*fd);

    return GH_UNAVAILABLE;
}


gh_rc_t
gh_state_map(const char *state, const char *name, gh_str_t *out, char *why)
{
    int fd;
    char path[GH_POLICY_DIR_PATH_MAX];
    gh_rc_t rc;

    *out = (gh_str_t){ NULL, 0 };

    if (!path_in(state, name, "", path)) {
        errno = ENAMETOOLONG;
        return say(why, "open", state);
    }

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1) {
        rc = (errno == ENOENT) ? GH_ABSENT : GH_UNAVAILABLE;
        (void) say(why, "open", path);
        return rc;
    }

    rc = map_owned(fd, out, path, why);
    (void) close(fd);

    return rc;
}


/*
 * Whoever may write to it could kill us with SIGBUS (a mapped file that
 * becomes shorter) or let anybody in, so it must be ours.
 */

static gh_rc_t
map_owned(int fd, gh_str_t *out, const char *path, char *why)
{
    void *base;
    struct stat st;

    if (fstat(fd, &st) == -1) {
        return say(why, "look at", path);
    }

    if (!S_ISREG(st.st_mode) || (st.st_mode & 022) != 0
        || (st.st_uid != geteuid() && st.st_uid != 0) || st.st_size <= 0)
    {
        (void) snprintf(why, GH_IMAGE_WHY_MAX,
                        "\"%s\" is not a file that only this user may write",
                        path);
        return GH_INVALID;
    }

    base = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        return say(why, "map", path);
    }

    out->data = base;
    out->len = (size_t) st.st_size;

    return GH_OK;
}


void
gh_state_unmap(gh_str_t mapped)
{
    if (mapped.data != NULL) {
        (void) munmap((void *) (uintptr_t) mapped.data, mapped.len);
    }
}


gh_rc_t
gh_image_file_map(const char *state, gh_image_t *out, char *why)
{
    gh_rc_t rc;
    gh_str_t mapped;

    rc = gh_state_map(state, GH_IMAGE_FILE_NAME, &mapped, why);
    if (rc != GH_OK) {
        return rc;
    }

    if (gh_image_open(mapped.data, mapped.len, false, out) != GH_OK) {
        gh_state_unmap(mapped);
        (void) snprintf(why, GH_IMAGE_WHY_MAX,
                        "\"%s/%s\" is damaged or of another version", state,
                        GH_IMAGE_FILE_NAME);
        return GH_INVALID;
    }

    return GH_OK;
}


void
gh_image_file_unmap(gh_image_t *image)
{
    gh_state_unmap((gh_str_t){ image->base, image->size });
    memset(image, 0, sizeof(*image));
}


gh_rc_t
gh_image_note_read(const char *state, gh_image_note_t *out)
{
    char path[GH_POLICY_DIR_PATH_MAX];
    gh_rc_t rc;
    gh_str_t text;

    memset(out, 0, sizeof(*out));

    if (!path_in(state, GH_IMAGE_NOTE_NAME, "", path)
        || slurp(path, &text) != GH_OK)
    {
        return GH_ABSENT;
    }

    rc = note_parse(text, out);
    free((void *) (uintptr_t) text.data);

    if (rc != GH_OK) {
        gh_image_note_clear(out);
    }

    return rc;
}


static gh_rc_t
slurp(const char *path, gh_str_t *out)
{
    int fd;
    char *data;
    ssize_t n;
    size_t len = 0;
    struct stat st;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1) {
        return GH_ABSENT;
    }

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size > NOTE_MAX
        || (data = malloc((size_t) st.st_size + 1)) == NULL)
    {
        (void) close(fd);
        return GH_ABSENT;
    }

    while (len < (size_t) st.st_size) {
        n = read(fd, data + len, (size_t) st.st_size - len);
        if (n <= 0) {
            break;
        }
        len += (size_t) n;
    }

    (void) close(fd);
    out->data = data;
    out->len = len;

    return GH_OK;
}


/* Each member once but secrets, "end" as the last line. */

static gh_rc_t
note_parse(gh_str_t text, gh_image_note_t *out)
{
    unsigned seen = 0;
    gh_str_t line, rest = text;

    line = gh_str_cut(rest, '\n', &rest);

    if (!gh_str_eq(line, GH_STR(NOTE_FIRST_LINE))) {
        return GH_ABSENT;
    }

    while (rest.len > 0) {
        line = gh_str_cut(rest, '\n', &rest);

        if (gh_str_eq(line, GH_STR("end"))) {
            return (seen == NOTE_MEMBERS && rest.len == 0) ? GH_OK : GH_ABSENT;
        }

        if (note_line(out, line, &seen) != GH_OK) {
            return GH_ABSENT;
        }
    }

    return GH_ABSENT;
}


static gh_rc_t
note_line(gh_image_note_t *note, gh_str_t line, unsigned *seen)
{
    char **secrets;
    gh_str_t word, value;
    unsigned bit = 0;

    word = gh_str_cut(line, ' ', &value);

    if (gh_str_eq(word, GH_STR("generation"))) {
        bit = gh_str_to_u64(value, UINT64_MAX, &note->generation) == GH_OK;

    } else if (gh_str_eq(word, GH_STR("directory")) && value.len > 0
               && value.len < sizeof(note->directory))
    {
        memcpy(note->directory, value.data, value.len);
        bit = 2;

    } else if (gh_str_eq(word, GH_STR("content"))) {
        bit = hash_read(value, note->content) ? 4 : 0;

    } else if (gh_str_eq(word, GH_STR("names"))) {
        bit = hash_read(value, note->names) ? 8 : 0;

    } else if (gh_str_eq(word, GH_STR("states"))) {
        bit = hash_read(value, note->states) ? 16 : 0;

    } else if (gh_str_eq(word, GH_STR("secret")) && value.len > 0) {
        secrets =
            realloc(note->secrets, (note->n_secrets + 1) * sizeof(char *));
        if (secrets == NULL) {
            return GH_NOMEM;
        }

        note->secrets = secrets;
        secrets[note->n_secrets] = strndup(value.data, value.len);

        if (secrets[note->n_secrets] == NULL) {
            return GH_NOMEM;
        }

        note->n_secrets++;
        return GH_OK;
    }

    if (bit == 0 || (*seen & bit) != 0) {
        return GH_INVALID;
    }

    *seen |= bit;

    return GH_OK;
}


static bool
hash_read(gh_str_t hex, uint8_t out[GH_SHA256_LEN])
{
    char room[GH_SHA256_LEN];
    gh_buf_t bytes = GH_BUF(room);

    if (gh_hex_decode(hex, &bytes) != GH_OK || bytes.len != GH_SHA256_LEN) {
        return false;
    }

    memcpy(out, room, GH_SHA256_LEN);

    return true;
}


gh_rc_t
gh_image_note_write(const char *state, const gh_image_note_t *note, char *why)
{
    size_t size = 4096;
    gh_rc_t rc;
    gh_buf_t text = { NULL, 0, 0 };

    for (size_t i = 0; i < note->n_secrets; i++) {
        size += sizeof("secret \n") + strlen(note->secrets[i]);
    }

    text.data = malloc(size);
    if (text.data == NULL) {
        (void) snprintf(why, GH_IMAGE_WHY_MAX, "no memory");
        return GH_NOMEM;
    }

    text.cap = size;

    rc = note_build(note, &text);
    if (rc == GH_OK) {
        rc = gh_state_replace(state, GH_IMAGE_NOTE_NAME, gh_buf_str(&text),
                              why);
    } else {
        (void) snprintf(why, GH_IMAGE_WHY_MAX, "the note is too long");
    }

    free(text.data);

    return rc;
}


static gh_rc_t
note_build(const gh_image_note_t *note, gh_buf_t *out)
{
    char number[24];
    gh_rc_t rc;
    gh_buf_t text = GH_BUF(number);

    (void) gh_buf_add_u64(&text, note->generation);

    rc = gh_buf_add(out, GH_STR(NOTE_FIRST_LINE "\n"));
    rc |= note_member(out, "generation ", gh_buf_str(&text));
    rc |= note_member(out, "directory ", gh_str(note->directory));
    rc |= note_hash(out, "states ", note->states);
    rc |= note_hash(out, "content ", note->content);
    rc |= note_hash(out, "names ", note->names);

    for (size_t i = 0; i < note->n_secrets; i++) {
        rc |= note_member(out, "secret ", gh_str(note->secrets[i]));
    }

    rc |= gh_buf_add(out, GH_STR("end\n"));

    return (rc == GH_OK) ? GH_OK : GH_TOO_LONG;
}


static gh_rc_t
note_hash(gh_buf_t *out, const char *word, const uint8_t hash[GH_SHA256_LEN])
{
    char room[2 * GH_SHA256_LEN];
    gh_buf_t hex = GH_BUF(room);

    (void) gh_hex_encode((gh_str_t){ (const char *) hash, GH_SHA256_LEN },
                         &hex);

    return note_member(out, word, gh_buf_str(&hex));
}


static gh_rc_t
note_member(gh_buf_t *out, const char *word, gh_str_t value)
{
    if (gh_buf_add(out, gh_str(word)) != GH_OK
        || gh_buf_add(out, value) != GH_OK) {
        return GH_TOO_LONG;
    }

    return gh_buf_add_char(out, '\n');
}


void
gh_image_note_clear(gh_image_note_t *note)
{
    for (size_t i = 0; i < note->n_secrets; i++) {
        free(note->secrets[i]);
    }

    free(note->secrets);
    memset(note, 0, sizeof(*note));
}
