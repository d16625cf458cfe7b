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


static void put_trace(const uint8_t random[16], char *text);
static void put_parent(const uint8_t random[8], char *text);
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
        put_trace(random, text + TRACE_AT);
    }

    put_parent(random + 16, text + PARENT_AT);
    out->len += GH_TRACEPARENT_LEN;

    return GH_OK;
}


/* One of zeros would mean "none". */
static void
put_trace(const uint8_t random[16], char *text)
{
    uint64_t words[2];

    memcpy(words, random, sizeof(words));
    ((uint8_t *) words)[15] |= (words[0] | words[1]) == 0;

    gh_hex_of_8(&words[0], text);
    gh_hex_of_8(&words[1], text + 16);
}


static void
put_parent(const uint8_t random[8], char *text)
{
    uint64_t word;

    memcpy(&word, random, sizeof(word));
    ((uint8_t *) &word)[7] |= word == 0;

    gh_hex_of_8(&word, text);
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
