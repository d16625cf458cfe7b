/*
 * What the store asks of Redis: keys, scripts, commands, and the sealing of
 * what is stored.
 */

#include "gh_redis_inside.h"
#include "gh_redis_lease_scripts.h"
#include "gh_redis_scripts.h"
#include "gh_redis_use.h"

#include "gh_bytes.h"
#include "gh_redis_command.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_KEY "gh:{log}"
#define NUMBER_MAX (UINT64_C(1) << 53) /* what Lua counts exactly */


static bool is_hash(gh_str_t name);
static gh_rc_t seal(const gh_redis_t *r, const gh_write_t *w, gh_str_t key,
                    gh_buf_t *out);
static size_t write_args(const gh_write_t *w, gh_str_t data, char numbers[96],
                         gh_str_t *args);
static gh_rc_t add_one(const gh_redis_t *r, const gh_write_t *w,
                       uint64_t since, gh_redis_bytes_t *out);
static gh_rc_t add_line(const gh_redis_t *r, const gh_write_t *w,
                        uint64_t since, gh_redis_bytes_t *out);
static gh_rc_t add_word(gh_redis_bytes_t *out, gh_str_t word);
static gh_rc_t add(gh_redis_bytes_t *b, const gh_str_t *args, size_t n);
static void add_script(const gh_redis_t *r, gh_redis_script_t script,
                       gh_str_t key, gh_str_t *args);


gh_str_t
gh_redis_script_text(gh_redis_script_t script)
{
    switch (script) {
    case GH_REDIS_PUT:
        return GH_STR(GH_REDIS_LUA_SCRIPT_PUT);
    case GH_REDIS_DELETE:
        return GH_STR(GH_REDIS_LUA_SCRIPT_DELETE);
    case GH_REDIS_CLAIM:
        return GH_STR(GH_REDIS_LUA_SCRIPT_CLAIM);
    case GH_REDIS_USE:
        return gh_redis_use_script();
    case GH_REDIS_TAKE:
        return GH_STR(GH_REDIS_LUA_SCRIPT_TAKE);
    case GH_REDIS_LEASE:
        return GH_STR(GH_REDIS_LUA_SCRIPT_LEASE);
    case GH_REDIS_BEAT:
        return GH_STR(GH_REDIS_LUA_SCRIPT_BEAT);
    case GH_REDIS_LOG:
        return GH_STR(GH_REDIS_LUA_SCRIPT_LOG);
    case GH_REDIS_CHANGES:
    case GH_REDIS_SCRIPTS:
    default:
        return GH_STR(GH_REDIS_LUA_SCRIPT_CHANGES);
    }
}


/* SHA-1 is how Redis names scripts, and proves nothing here. */

void
gh_redis_init(gh_redis_t *r, const gh_secret_t *secret, unsigned database)
{
    memset(r, 0, sizeof(*r));
    r->secret = secret;

    (void) snprintf(r->channel, sizeof(r->channel), "gh:log:%u", database);

    for (int i = 0; i < GH_REDIS_SCRIPTS; i++) {
        gh_str_t text = gh_redis_script_text((gh_redis_script_t) i);
        gh_buf_t out = { r->sha[i], 0, 40 };
        unsigned char sha[EVP_MAX_MD_SIZE];
        unsigned len = 0;

        (void) EVP_Digest(text.data, text.len, sha, &len, EVP_sha1(), NULL);
        (void) gh_hex_encode((gh_str_t){ (const char *) sha, len }, &out);
    }
}


gh_rc_t
gh_redis_key(gh_kind_t kind, gh_str_t name, gh_buf_t *out)
{
    uint8_t hash[GH_SHA256_LEN];

    if (gh_buf_add(out, GH_STR("gh:{")) != GH_OK
        || gh_buf_add(out, gh_kind_word(kind)) != GH_OK
        || gh_buf_add_char(out, ':') != GH_OK)
    {
        return GH_TOO_LONG;
    }

    if (kind == GH_KIND_QUOTA && is_hash(name)) {
        return gh_buf_add(out, name) == GH_OK ? gh_buf_add_char(out, '}')
                                              : GH_TOO_LONG;
    }

    gh_sha256(name, hash);

    if (gh_hex_encode((gh_str_t){ (const char *) hash, 16 }, out) != GH_OK) {
        return GH_TOO_LONG;
    }

    return gh_buf_add_char(out, '}');
}


static bool
is_hash(gh_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }

    return name.len == 32;
}


gh_rc_t
gh_redis_command(const gh_str_t *args, size_t n, gh_redis_bytes_t *out)
{
    memset(out, 0, sizeof(*out));

    return add(out, args, n);
}


/* Appends a command; all is released when there is no memory. */

static gh_rc_t
add(gh_redis_bytes_t *b, const gh_str_t *args, size_t n)
{
    size_t len = gh_redis_command_len(args, n);
    char *more = realloc(b->data, b->len + len);
    gh_buf_t out;

    if (more == NULL) {
        free(b->data);
        memset(b, 0, sizeof(*b));
        return GH_NOMEM;
    }

    out = (gh_buf_t){ more, b->len, b->len + len };
    (void) gh_redis_command_build(args, n, &out);

    b->data = more;
    b->len = out.len;
    b->replies++;

    return GH_OK;
}


gh_rc_t
gh_redis_get_command(gh_kind_t kind, gh_str_t name, gh_redis_bytes_t *out)
{
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);
    gh_str_t args[5];

    (void) gh_redis_key(kind, name, &key);

    args[0] = GH_STR("HMGET");
    args[1] = gh_buf_str(&key);
    args[2] = GH_STR("v");
    args[3] = GH_STR("d");
    args[4] = GH_STR("e");

    return gh_redis_command(args, 5, out);
}


gh_rc_t
gh_redis_changes_command(const gh_redis_t *r, uint64_t since,
                         gh_redis_bytes_t *out)
{
    char from[24], count[24];
    gh_str_t args[6];

    add_script(r, GH_REDIS_CHANGES, GH_STR(LOG_KEY), args);
    args[4] = gh_redis_number(since + 1, from);
    args[5] = gh_redis_number(GH_REDIS_LINES, count);

    return gh_redis_command(args, 6, out);
}


/* The first four arguments. */

static void
add_script(const gh_redis_t *r, gh_redis_script_t script, gh_str_t key,
           gh_str_t *args)
{
    args[0] = GH_STR("EVALSHA");
    args[1] = gh_str(r->sha[script]);
    args[2] = GH_STR("1");
    args[3] = key;
}


gh_str_t
gh_redis_number(uint64_t n, char room[GH_REDIS_NUMBER_MAX])
{
    gh_buf_t out = { room, 0, GH_REDIS_NUMBER_MAX };

    (void) gh_buf_add_u64(&out, n);

    return gh_buf_str(&out);
}


gh_rc_t
gh_redis_write_command(const gh_redis_t *r, const gh_write_t *w,
                       uint64_t since, gh_redis_bytes_t *out)
{
    gh_rc_t rc = GH_OK;

    memset(out, 0, sizeof(*out));

    if (w->log) {
        rc = add_word(out, GH_STR("MULTI"));
    }

    if (rc == GH_OK) {
        rc = add_one(r, w, since, out);
    }

    if (rc == GH_OK && w->log) {
        rc = add_word(out, GH_STR("EXEC"));
    }

    return rc;
}


gh_rc_t
gh_redis_batch_command(const gh_redis_t *r, const gh_write_t *w, size_t n,
                       gh_redis_bytes_t *out)
{
    gh_rc_t rc;

    memset(out, 0, sizeof(*out));
    rc = add_word(out, GH_STR("MULTI"));

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = add_one(r, &w[i], NUMBER_MAX, out);
    }

    return rc == GH_OK ? add_word(out, GH_STR("EXEC")) : rc;
}


static gh_rc_t
add_word(gh_redis_bytes_t *out, gh_str_t word)
{
    return add(out, &word, 1);
}


/* A line that is there without its write does no harm: it comes first. */

static gh_rc_t
add_one(const gh_redis_t *r, const gh_write_t *w, uint64_t since,
        gh_redis_bytes_t *out)
{
    char room[GH_REDIS_KEY_MAX], numbers[96];
    gh_buf_t key = GH_BUF(room), sealed = { NULL, 0, 0 };
    gh_str_t args[4 + GH_REDIS_LEASE_ARGS];
    gh_redis_lease_args_t lease;
    size_t n;
    gh_rc_t rc = GH_OK;

    static const gh_redis_script_t scripts[] = {
        [GH_WRITE_PUT] = GH_REDIS_PUT,
        [GH_WRITE_DELETE] = GH_REDIS_DELETE,
        [GH_WRITE_CLAIM] = GH_REDIS_CLAIM,
        [GH_WRITE_TAKE] = GH_REDIS_TAKE,
    };

    (void) gh_redis_key(w->kind, w->name, &key);

    if (w->type == GH_WRITE_PUT || w->type == GH_WRITE_CLAIM) {
        rc = seal(r, w, gh_buf_str(&key), &sealed);
    }

    if (w->type == GH_WRITE_TAKE && w->lease != NULL) {
        add_script(r, GH_REDIS_LEASE, gh_buf_str(&key), args);
        gh_redis_lease_args(r, w->lease, &lease);
        memcpy(&args[4], lease.args, sizeof(lease.args));
        n = 4 + GH_REDIS_LEASE_ARGS;

    } else {
        add_script(r, scripts[w->type], gh_buf_str(&key), args);
        n = 4 + write_args(w, gh_buf_str(&sealed), numbers, &args[4]);
    }

    if (rc == GH_OK && w->log) {
        rc = add_line(r, w, since, out);
    }

    if (rc == GH_OK) {
        rc = add(out, args, n);
    }

    if (rc != GH_OK) {
        free(out->data);
        memset(out, 0, sizeof(*out));
    }

    free(sealed.data);

    return rc;
}


static size_t
write_args(const gh_write_t *w, gh_str_t data, char numbers[96],
           gh_str_t *args)
{
    gh_str_t version = w->if_version == GH_VERSION_ANY
                           ? GH_STR("*")
                           : gh_redis_number(w->if_version, numbers);
    gh_str_t ttl = gh_redis_number((uint64_t) w->ttl_s, numbers + 24);

    switch (w->type) {

    case GH_WRITE_DELETE:
        args[0] = version;
        args[1] = w->log ? GH_STR("1") : GH_STR("0");
        return 2;

    case GH_WRITE_CLAIM:
        args[0] = ttl;
        args[1] = data;
        return 2;

    case GH_WRITE_TAKE:
        args[0] =
            gh_redis_number(w->n < NUMBER_MAX ? w->n : NUMBER_MAX, numbers);
        args[1] = gh_redis_number(
            w->limit < NUMBER_MAX ? w->limit : NUMBER_MAX, numbers + 48);
        args[2] = ttl;
        args[3] = gh_redis_number(
            w->least < NUMBER_MAX ? w->least : NUMBER_MAX, numbers + 72);
        return 4;

    case GH_WRITE_PUT:
    default:
        args[0] = version;
        args[1] = ttl;
        args[2] = data;
        return 3;
    }
}


static gh_rc_t
add_line(const gh_redis_t *r, const gh_write_t *w, uint64_t since,
         gh_redis_bytes_t *out)
{
    char from[24], count[24], kept[24], line[40];
    gh_str_t args[9];

    (void) snprintf(line, sizeof(line), "%d:%016" PRIx64, (int) w->kind,
                    gh_store_name_hash(w->kind, w->name));

    add_script(r, GH_REDIS_LOG, GH_STR(LOG_KEY), args);
    args[4] = gh_redis_number(since + 1, from);
    args[5] = gh_redis_number(GH_REDIS_LINES, count);
    args[6] = gh_str(line);
    args[7] = gh_str(r->channel);
    args[8] = gh_redis_number(GH_LMDB_LOG_KEPT, kept);

    return add(out, args, 9);
}


/* The name goes in, too: whoever walks the keys learns it from there. */

static gh_rc_t
seal(const gh_redis_t *r, const gh_write_t *w, gh_str_t key, gh_buf_t *out)
{
    uint8_t nonce[12];
    size_t len = 1 + w->name.len + w->value.len;
    gh_buf_t plain;
    gh_rc_t rc;

    plain = (gh_buf_t){ malloc(len), 0, len };
    *out = (gh_buf_t){ malloc(len + GH_SEAL_OVERHEAD), 0,
                       len + GH_SEAL_OVERHEAD };

    if (plain.data == NULL || out->data == NULL
        || RAND_bytes(nonce, sizeof(nonce)) != 1)
    {
        free(plain.data);
        return GH_NOMEM;
    }

    (void) gh_buf_add_char(&plain, (char) w->name.len);
    (void) gh_buf_add(&plain, w->name);
    (void) gh_buf_add(&plain, w->value);

    rc = gh_secret_seal(r->secret, GH_PURPOSE_STORE, key, nonce,
                        gh_buf_str(&plain), out);

    OPENSSL_cleanse(plain.data, len);
    free(plain.data);

    return rc;
}
