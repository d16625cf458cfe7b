/*
 * Puts a session into a store, as a login would have, and prints its cookie's
 * value. Whoever runs it becomes the store's owner.
 *
 * usage: session STORE ROOT.key PROVIDER ISSUER CLIENT HOST
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "gh_lmdb.h"
#include "gh_session.h"

#define DAY_S 86400


static bool read_secret(const char *path, gh_secret_t *out);
static bool make_record(const gh_secret_t *secret, char **names, gh_str_t name,
                        gh_buf_t *out);
static bool become_owner(const char *directory);
static bool store(const char *directory, gh_str_t name, gh_str_t record);


int
main(int argc, char **argv)
{
    static char sealed[GH_SESSION_BYTES_MAX];
    uint8_t id[GH_SESSION_ID_LEN];
    char cookie[GH_SESSION_COOKIE_LEN], name[GH_SESSION_NAME_LEN];
    gh_str_t named = { name, sizeof(name) };
    gh_str_t value = { cookie, sizeof(cookie) };
    gh_buf_t record = GH_BUF(sealed);
    gh_secret_t secret = { 0 };

    if (argc != 7) {
        (void) fprintf(stderr, "usage: session STORE ROOT.key PROVIDER ISSUER"
                               " CLIENT HOST\n");
        return 2;
    }

    bool done =
        read_secret(argv[2], &secret) && RAND_bytes(id, sizeof(id)) == 1
        && gh_session_cookie(&secret, id, cookie) == GH_OK
        && gh_session_name(&secret, value, name) == GH_OK
        && make_record(&secret, argv + 3, named, &record)
        && become_owner(argv[1]) && store(argv[1], named, gh_buf_str(&record));

    gh_secret_clear(&secret);

    if (!done) {
        (void) fprintf(stderr, "session: it could not be made\n");
        return 1;
    }

    (void) printf("%.*s\n", (int) value.len, value.data);

    return 0;
}


static bool
read_secret(const char *path, gh_secret_t *out)
{
    char text[1024];
    FILE *in = fopen(path, "r");

    if (in == NULL) {
        return false;
    }

    size_t len = fread(text, 1, sizeof(text), in);

    (void) fclose(in);

    return gh_secret_add(out, (gh_str_t){ text, len }) == GH_OK;
}


/* names: provider, issuer, client, host */
static bool
make_record(const gh_secret_t *secret, char **names, gh_str_t name,
            gh_buf_t *out)
{
    int64_t now_s = (int64_t) time(NULL);
    uint8_t nonce[12];
    gh_session_t s = { .provider = gh_str(names[0]),
                       .issuer = gh_str(names[1]),
                       .client_id = gh_str(names[2]),
                       .host = gh_str(names[3]),
                       .sub = GH_STR("bench"),
                       .created_at_s = now_s,
                       .seen_at_s = now_s,
                       .refreshed_at_s = now_s };

    s.claims =
        json_pack("{s:s, s:s, s:s, s:[s, s]}", "sub", "bench", "name", "Bench",
                  "email", "bench@example.com", "groups", "partner", "staff");

    bool done = s.claims != NULL && RAND_bytes(nonce, sizeof(nonce)) == 1
                && gh_session_seal(secret, name, &s, nonce, out) == GH_OK;

    json_decref(s.claims);

    return done;
}


static bool
become_owner(const char *directory)
{
    struct stat st;

    if (stat(directory, &st) != 0) {
        return false;
    }

    return geteuid() == st.st_uid
           || (setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0);
}


static bool
store(const char *directory, gh_str_t name, gh_str_t record)
{
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db;
    gh_lmdb_options_t o = { .directory = gh_str(directory),
                            .uid = UINT32_MAX,
                            .gid = UINT32_MAX };
    gh_write_t w = { .type = GH_WRITE_PUT,
                     .kind = GH_KIND_SESSION,
                     .name = name,
                     .value = record,
                     .if_version = GH_VERSION_ANY,
                     .log = true,
                     .now_s = (int64_t) time(NULL),
                     .ttl_s = DAY_S };

    if (gh_lmdb_open(&o, &db, why, sizeof(why)) != GH_OK) {
        (void) fprintf(stderr, "session: %s\n", why);
        return false;
    }

    gh_rc_t rc = gh_lmdb_write(db, &w, 1, why, sizeof(why));

    gh_lmdb_close(db);

    return rc == GH_OK && w.rc == GH_OK;
}
