/*
 * Request ids and W3C Trace Context: reads what a caller may have sent, and
 * writes what the service behind receives.
 */

#include "gh_trace.h"

#include "gh_bytes.h"

/* version-traceid-parentid-flags: 00-<32>-<16>-<2> */
#define TRACE_AT 3
#define TRACE_LEN 32
#define PARENT_AT 36
#define PARENT_LEN 16
#define FLAGS_AT 53


static void put_id(const uint8_t *random, size_t n_words, char *text);
static bool hex_lower(gh_str_t s);
static bool all_are(gh_str_t s, char c);
static bool odd(char digit);
static gh_str_t part(gh_str_t s, size_t at, size_t len);


bool
gh_request_id_valid(gh_str_t id)
{
    static const char others[] = "._~+/=@:-";

    if (id.len == 0 || id.len > GH_REQUEST_ID_MAX) {
        return false;
    }

    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')) {
            continue;
        }

        if (c == '\0' || strchr(others, c) == NULL) {
            return false;
        }
    }

    return true;
}


bool
gh_traceparent_valid(gh_str_t value)
{
    if (value.len != GH_TRACEPARENT_LEN || !gh_str_starts(value, GH_STR("00-"))
        || value.data[35] != '-' || value.data[52] != '-')
    {
        return false;
    }

    gh_str_t trace = part(value, TRACE_AT, TRACE_LEN);
    gh_str_t parent = part(value, PARENT_AT, PARENT_LEN);

    return hex_lower(trace) && !all_are(trace, '0') && hex_lower(parent)
           && !all_are(parent, '0') && hex_lower(part(value, FLAGS_AT, 2));
}


gh_rc_t
gh_traceparent_build(gh_str_t from, const uint8_t random[24], gh_buf_t *out)
{
    if (out->cap - out->len < GH_TRACEPARENT_LEN) {
        return GH_TOO_LONG;
    }

    bool continues = gh_traceparent_valid(from);
    bool sampled = continues && odd(from.data[FLAGS_AT + 1]);
    char *text = out->data + out->len;

    /* section 3.2.2.5.2: flags that are not defined yet are not passed on */
    text[0] = '0';
    text[1] = '0';
    text[2] = '-';
    text[TRACE_AT + TRACE_LEN] = '-';
    text[PARENT_AT + PARENT_LEN] = '-';
    text[FLAGS_AT] = '0';
    text[FLAGS_AT + 1] = sampled ? '1' : '0';

    if (continues) {
        memcpy(text + TRACE_AT, from.data + TRACE_AT, TRACE_LEN);

    } else {
        put_id(random, 2, text + TRACE_AT);
    }

    put_id(random + 16, 1, text + PARENT_AT);
    out->len += GH_TRACEPARENT_LEN;

    return GH_OK;
}


/* One of zeros would mean "none". */
static void
put_id(const uint8_t *random, size_t n_words, char *text)
{
    uint64_t words[2] = { 0 };
    gh_buf_t out = { text, 0, 2 * n_words * sizeof(words[0]) };
    uint8_t *bytes = (uint8_t *) words;

    memcpy(words, random, out.cap / 2);
    bytes[out.cap / 2 - 1] |= (words[0] | words[1]) == 0;

    (void) gh_hex_encode((gh_str_t){ (char *) bytes, out.cap / 2 }, &out);
}


static bool
hex_lower(gh_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }

    return true;
}


static bool
all_are(gh_str_t s, char c)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != c) {
            return false;
        }
    }

    return true;
}


/* Whether the lowest bit of a hexadecimal digit is set. */
static bool
odd(char digit)
{
    return strchr("13579bdf", digit) != NULL;
}


static gh_str_t
part(gh_str_t s, size_t at, size_t len)
{
    return (gh_str_t){ s.data + at, len };
}
