/*
 * What lies in the store may be anything: the record of an API key, and a
 * value with its head as the embedded store keeps it. What is accepted must
 * come back the same when it is written and read once more.
 */

#include "fuzz.h"

#include "gh_lmdb_inside.h"


static void try_key(gh_str_t text);
static void try_stored(gh_str_t text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };

    if (size > 65536) {
        return 0;
    }

    try_key(text);
    try_stored(text);

    return 0;
}


static void
try_key(gh_str_t text)
{
    gh_store_key_t k, again;
    void *doc, *doc_again;
    char *room;

    if (gh_store_key_decode(text, &k, &doc) != GH_OK) {
        require(doc == NULL);
        return;
    }

    /* an escape is at most six characters for one byte */
    room = malloc(6 * text.len + 512);
    gh_buf_t out = { room, 0, 6 * text.len + 512 };

    require(room != NULL && gh_store_key_encode(&k, &out) == GH_OK);
    require(gh_store_key_decode(gh_buf_str(&out), &again, &doc_again)
            == GH_OK);
    require(gh_str_eq(k.id, again.id)
            && gh_str_eq(k.consumer, again.consumer));
    require(memcmp(k.hash, again.hash, sizeof(k.hash)) == 0);
    require(k.keyed == again.keyed && k.pepper == again.pepper);
    require(k.expires_at_s == again.expires_at_s
            && k.revoked_at_s == again.revoked_at_s);

    gh_store_doc_free(doc_again);
    gh_store_doc_free(doc);
    free(room);
}


static void
try_stored(gh_str_t text)
{
    gh_str_t name = GH_STR("name");
    gh_lmdb_stored_t s = { 7, 9, 1, text }, back;
    size_t len = GH_LMDB_HEAD_LEN + text.len;
    unsigned char *bytes = malloc(len);

    if (bytes == NULL) {
        return;
    }

    if (text.len > 0) {
        memcpy(bytes, text.data, text.len);
    }

    /* as it is, at its exact length; then with a head of our making */
    (void) gh_lmdb_stored_parse(GH_KIND_KEY, name,
                                (MDB_val){ text.len, bytes }, &back);

    gh_lmdb_stored_build(GH_KIND_KEY, name, &s, (MDB_val){ len, bytes });

    require(
        gh_lmdb_stored_parse(GH_KIND_KEY, name, (MDB_val){ len, bytes }, &back)
        == GH_OK);
    require(back.version == 7 && back.expires_at_s == 9 && back.flags == 1);
    require(gh_str_eq(back.value, text));
    require(gh_lmdb_stored_parse(GH_KIND_REVOKED, name,
                                 (MDB_val){ len, bytes }, &back)
            != GH_OK);

    free(bytes);
}
