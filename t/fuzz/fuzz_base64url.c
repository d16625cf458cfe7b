/*
 * Texts of bytes: whatever decodes must encode to the very same text, so
 * that no value has two, and a refusal must leave the buffer as it was.
 */

#include "fuzz.h"

#include "gh_bytes.h"


typedef gh_rc_t (*coder_t)(gh_str_t in, gh_buf_t *out);

static void one_text_per_value(gh_str_t text, coder_t decode, coder_t encode);
static void comes_back(gh_str_t bytes, coder_t decode, coder_t encode);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };

    one_text_per_value(text, gh_base64url_decode, gh_base64url_encode);
    one_text_per_value(text, gh_base64_decode, gh_base64_encode);
    comes_back(text, gh_base64url_decode, gh_base64url_encode);
    comes_back(text, gh_base64_decode, gh_base64_encode);
    comes_back(text, gh_hex_decode, gh_hex_encode);

    return 0;
}


static void
one_text_per_value(gh_str_t text, coder_t decode, coder_t encode)
{
    size_t cap = text.len / 4 * 3 + 3;
    gh_buf_t bytes = { malloc(cap), 0, cap };
    gh_buf_t again = { malloc(text.len + 1), 0, text.len };

    require(bytes.data != NULL && again.data != NULL);

    if (decode(text, &bytes) == GH_OK) {
        require(encode(gh_buf_str(&bytes), &again) == GH_OK);
        require(gh_str_eq(gh_buf_str(&again), text));

        size_t len = bytes.len;
        gh_buf_t small = { bytes.data, 0, len == 0 ? 0 : len - 1 };

        require(decode(text, &small) == (len == 0 ? GH_OK : GH_TOO_LONG));
        require(small.len == 0);

    } else {
        require(bytes.len == 0);
    }

    free(bytes.data);
    free(again.data);
}


static void
comes_back(gh_str_t bytes, coder_t decode, coder_t encode)
{
    size_t cap = bytes.len * 2 + 4;
    gh_buf_t text = { malloc(cap), 0, cap };
    gh_buf_t again = { malloc(bytes.len + 1), 0, bytes.len };

    require(text.data != NULL && again.data != NULL);
    require(encode(bytes, &text) == GH_OK);
    require(decode(gh_buf_str(&text), &again) == GH_OK);
    require(gh_str_eq(gh_buf_str(&again), bytes));

    free(text.data);
    free(again.data);
}
