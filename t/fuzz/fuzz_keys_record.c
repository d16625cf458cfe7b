/*
 * Key sets from the store: what is read is written as the same bytes again.
 */

#include "fuzz.h"

#include "gh_keys_record.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1), *room = malloc(size + 64);
    gh_buf_t out = { room, 0, size + 64 };
    gh_keys_record_t record, again;

    require(copy != NULL && room != NULL);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    if (gh_keys_record_decode((gh_str_t){ copy, size }, &record) == GH_OK) {
        require(record.fetched_at_s >= 0);
        require(gh_keys_record_encode(&record, &out) == GH_OK);
        require(gh_keys_record_decode(gh_buf_str(&out), &again) == GH_OK);
        require(again.fetched_at_s == record.fetched_at_s
                && gh_str_eq(again.text, record.text));
    }

    free(copy);
    free(room);

    return 0;
}
