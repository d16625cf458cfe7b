/*
 * Ids from outside: whatever comes, what goes on is a trace parent of ours,
 * and it belongs to the caller's trace exactly when theirs was valid.
 */

#include "fuzz.h"

#include "gh_trace.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t random[24] = { 1,  2,  3,  4,  5,  6,  7,  8,
                                        9,  10, 11, 12, 13, 14, 15, 16,
                                        17, 18, 19, 20, 21, 22, 23, 24 };
    static const char ours[] = "0102030405060708090a0b0c0d0e0f10";
    gh_str_t value = { (const char *) data, size };
    char room[GH_TRACEPARENT_LEN];
    gh_buf_t out = GH_BUF(room);
    bool theirs = gh_traceparent_valid(value);

    require(gh_traceparent_build(value, random, &out) == GH_OK);
    require(out.len == GH_TRACEPARENT_LEN);
    require(gh_traceparent_valid(gh_buf_str(&out)));
    require(memcmp(room + 3, theirs ? value.data + 3 : ours, 32) == 0);
    require(memcmp(room + 36, "1112131415161718", 16) == 0);

    if (gh_request_id_valid(value)) {
        require(size >= 1 && size <= GH_REQUEST_ID_MAX);

        for (size_t i = 0; i < size; i++) {
            require(data[i] > 0x20 && data[i] < 0x7f && data[i] != '"'
                    && data[i] != '\\' && data[i] != ',' && data[i] != ';');
        }
    }

    return 0;
}
