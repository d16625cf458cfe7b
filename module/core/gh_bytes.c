/*
 * Strict texts of bytes (RFC 4648): what decodes has no second text.
 */

#include "gh_bytes.h"

#include <endian.h>


typedef uint8_t bytes8_t __attribute__((vector_size(8)));
typedef uint16_t words8_t __attribute__((vector_size(16)));
typedef int8_t signs16_t __attribute__((vector_size(16)));


static gh_rc_t decode64(gh_str_t text, uint8_t own, gh_buf_t *out);
static uint8_t write64(const unsigned char *in, size_t len, char *out);
static gh_rc_t encode64(gh_str_t bytes, const char *letters, bool pad,
                        gh_buf_t *out);
static void add_letters(gh_buf_t *out, const char *letters,
                        const unsigned char *in, size_t n);
static int digit16(char c);


static const char url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";
static const char classic_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "abcdefghijklmnopqrstuvwxyz0123456789+/";

/*
 * Letter to digit for both alphabets of RFC 4648: sections 4 and 5 share all
 * but the last two, which carry the mark of theirs. Neither: both marks.
 */
enum {
    URL_ONLY = 64,
    CLASSIC_ONLY = 128
};

/* clang-format off */
static const uint8_t digits64[256] = {
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,190,255,126,255,191,
     52, 53, 54, 55, 56, 57, 58, 59, 60, 61,255,255,255,255,255,255,
    255,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
     15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,255,255,255,255,127,
    255, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
     41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
};
/* clang-format on */


gh_rc_t
gh_base64url_decode(gh_str_t text, gh_buf_t *out)
{
    return decode64(text, URL_ONLY, out);
}


gh_rc_t
gh_base64url_encode(gh_str_t bytes, gh_buf_t *out)
{
    return encode64(bytes, url_letters, false, out);
}


gh_rc_t
gh_base64_decode(gh_str_t text, gh_buf_t *out)
{
    if (text.len % 4 != 0) {
        return GH_INVALID;
    }

    if (text.len > 0 && text.data[text.len - 1] == '=') {
        text.len -= text.data[text.len - 2] == '=' ? 2 : 1;
    }

    return decode64(text, CLASSIC_ONLY, out);
}


gh_rc_t
gh_base64_encode(gh_str_t bytes, gh_buf_t *out)
{
    return encode64(bytes, classic_letters, true, out);
}


/* Without padding; `own` marks the letters that only this alphabet has. */
static gh_rc_t
decode64(gh_str_t text, uint8_t own, gh_buf_t *out)
{
    const unsigned char *in = (const unsigned char *) text.data;
    size_t tail = text.len % 4;
    size_t len = text.len / 4 * 3 + (tail == 0 ? 0 : tail - 1);
    bool fits = len <= out->cap - out->len;
    uint8_t seen = 0;
    uint32_t bits = 0;

    for (size_t i = text.len - tail; i < text.len; i++) {
        bits = bits << 6 | (digits64[in[i]] & 63u);
    }

    /* what is written is nobody's until out->len says so */
    if (fits && len > 0) {
        seen = write64(in, text.len, out->data + out->len);

    } else {
        for (size_t i = 0; i < text.len; i++) {
            seen |= digits64[in[i]];
        }
    }

    /* one text per value: the bits that no byte takes must be zero */
    if (tail == 1 || (seen & ~(63 | own)) != 0
        || (bits
            & (tail == 2   ? 15u
               : tail == 3 ? 3u
                           : 0))
               != 0)
    {
        return GH_INVALID;
    }

    if (!fits) {
        return GH_TOO_LONG;
    }

    out->len += len;

    return GH_OK;
}


/* Whatever in holds: the marks of its letters are returned. */
static uint8_t
write64(const unsigned char *in, size_t len, char *out)
{
    uint32_t bits = 0;
    unsigned n = 0;
    uint8_t seen = 0;

    for (; len >= 4; len -= 4, in += 4) {
        uint32_t a = digits64[in[0]], b = digits64[in[1]];
        uint32_t c = digits64[in[2]], d = digits64[in[3]];

        seen |= (uint8_t) (a | b | c | d);
        bits = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);

        *out++ = (char) (uint8_t) (bits >> 16);
        *out++ = (char) (uint8_t) (bits >> 8 & 255);
        *out++ = (char) (uint8_t) (bits & 255);
    }

    for (bits = 0; len > 0; len--, in++) {
        seen |= digits64[*in];
        bits = bits << 6 | (digits64[*in] & 63u);
        n += 6;

        if (n >= 8) {
            n -= 8;
            *out++ = (char) (uint8_t) (bits >> n & 255);
        }
    }

    return seen;
}


static gh_rc_t
encode64(gh_str_t bytes, const char *letters, bool pad, gh_buf_t *out)
{
    const unsigned char *in = (const unsigned char *) bytes.data;
    size_t room = out->cap - out->len;
    size_t tail = bytes.len % 3;

    if (bytes.len / 3 > room / 4
        || (tail == 0 ? 0
            : pad     ? 4
                      : tail + 1)
               > room - bytes.len / 3 * 4)
    {
        return GH_TOO_LONG;
    }

    for (size_t i = 0; i < bytes.len - tail; i += 3) {
        add_letters(out, letters, in + i, 3);
    }

    if (tail > 0) {
        add_letters(out, letters, in + bytes.len - tail, tail);
    }

    for (; pad && tail % 3 != 0; tail++) {
        out->data[out->len++] = '=';
    }

    return GH_OK;
}


/* One more letter than the 1 to 3 bytes in `in`. */
static void
add_letters(gh_buf_t *out, const char *letters, const unsigned char *in,
            size_t n)
{
    uint32_t bits = (uint32_t) in[0] << 16;

    if (n > 1) {
        bits |= (uint32_t) in[1] << 8;
    }

    if (n > 2) {
        bits |= in[2];
    }

    for (size_t i = 0; i <= n; i++) {
        out->data[out->len++] = letters[bits >> (18 - 6 * i) & 63];
    }
}


gh_rc_t
gh_hex_decode(gh_str_t text, gh_buf_t *out)
{
    bool fits = text.len / 2 <= out->cap - out->len;
    size_t at = out->len;

    if (text.len % 2 != 0) {
        return GH_INVALID;
    }

    for (size_t i = 0; i < text.len; i += 2) {
        int high = digit16(text.data[i]);
        int low = digit16(text.data[i + 1]);

        if (high < 0 || low < 0) {
            return GH_INVALID;
        }

        if (fits) {
            out->data[at++] = (char) (uint8_t) (high << 4 | low);
        }
    }

    if (!fits) {
        return GH_TOO_LONG;
    }

    out->len = at;
    return GH_OK;
}


static int
digit16(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


gh_rc_t
gh_hex_encode(gh_str_t bytes, gh_buf_t *out)
{
    static const char digits[] = "0123456789abcdef";

    if (bytes.len > (out->cap - out->len) / 2) {
        return GH_TOO_LONG;
    }

    if (bytes.len == 0) {
        return GH_OK; /* there may be no room at all to point into */
    }

    char *at = out->data + out->len;
    const char *from = bytes.data, *end = bytes.data + bytes.len;

    for (/* void */; end - from >= 8; from += 8) {
        gh_hex_of_8(from, at);
        at += 16;
    }

    for (/* void */; from < end; from++) {
        unsigned char c = (unsigned char) *from;

        *at++ = digits[c >> 4];
        *at++ = digits[c & 15];
    }

    out->len += 2 * bytes.len;

    return GH_OK;
}


/* Each as the two values of its digits, and what is ten or more moved on to
 * the letters. */
void
gh_hex_of_8(const void *bytes, char text[16])
{
    bytes8_t eight;

    memcpy(&eight, bytes, sizeof(eight));

    words8_t x = __builtin_convertvector(eight, words8_t);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = (x & 0x0f) | (x & 0xf0) << 4;
#else
    x = x >> 4 | (x & 0x0f) << 8;
#endif

    signs16_t digits = (signs16_t) x;

    digits += '0' + ((digits > 9) & ('a' - '0' - 10));
    memcpy(text, &digits, sizeof(digits));
}
