/*
 * Values of a decision line. Almost all are plain and are copied eight bytes
 * at a time; only what is not goes the longer way through the escapes.
 */

#include "gh_logline_put.h"

#include "gh_decimal.h"
#include "gh_json.h"


#define TEXT_PLAIN 1 /* passes without quotes in text */
#define JSON_PLAIN 2 /* passes as it is in a JSON string, and in quotes */

#define DAY_S 86400
#define SECOND_LEN (sizeof(((gh_logline_last_t *) NULL)->second) - 1)
#define CUT_MARK "..."
#define CUT_LEN 3


/* Sixteen bytes, looked at all at once. */
typedef uint64_t words2_t __attribute__((vector_size(16)));
typedef int8_t block_t __attribute__((vector_size(16)));


static inline bool put_name(gh_logline_put_t *w, const gh_logline_name_t *name,
                            size_t more);
static void put_string_json(gh_logline_put_t *w, gh_str_t value, size_t max)
    __attribute__((noinline));
static inline bool copy_plain(char *at, gh_str_t s, uint8_t bit)
    __attribute__((always_inline));
static inline bool copy_blocks(char *at, gh_str_t s, uint8_t bit);
static inline bool copy_halves(char *at, gh_str_t s, uint8_t bit);
static inline bool copy_quarters(char *at, gh_str_t s, uint8_t bit);
static inline bool block_plain(words2_t x, uint8_t bit);
static void put_text(gh_logline_put_t *w, gh_str_t value, size_t max)
    __attribute__((noinline));
static size_t escape_text(char room[4], uint8_t byte);
static void put_json(gh_logline_put_t *w, gh_str_t value, size_t max);
static gh_str_t whole_characters(gh_str_t value, size_t len);
static void write_second(char text[SECOND_LEN + 1], int64_t at_s);


/* clang-format off */
/* Bytes above 127 are never plain. */
static const uint8_t plain[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 3, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0
};
/* clang-format on */


void
gh_logline_put(gh_logline_put_t *w, gh_str_t s)
{
    if ((size_t) (w->end - w->at) < s.len) {
        w->full = true;
        return;
    }

    if (s.len > 0) {
        memcpy(w->at, s.data, s.len);
        w->at += s.len;
    }
}


void
gh_logline_put_string(gh_logline_put_t *w, const gh_logline_name_t *name,
                      gh_str_t value, size_t max)
{
    if (value.len == 0 || !put_name(w, name, max)) {
        return;
    }

    if (w->json) {
        put_string_json(w, value, max);
        return;
    }

    if (value.len > max || !copy_plain(w->at, value, TEXT_PLAIN)) {
        put_text(w, value, max);
        return;
    }

    w->at += value.len;
}


static void
put_string_json(gh_logline_put_t *w, gh_str_t value, size_t max)
{
    if (value.len + 2 > max || !copy_plain(w->at + 1, value, JSON_PLAIN)) {
        put_json(w, value, max);
        return;
    }

    w->at[0] = '"';
    w->at[value.len + 1] = '"';
    w->at += value.len + 2;
}


/* False when there is no room for it and `more` bytes. */
static inline bool
put_name(gh_logline_put_t *w, const gh_logline_name_t *name, size_t more)
{
    if ((size_t) (w->end - w->at) < GH_LOGLINE_NAME_MAX + more) {
        w->full = true;
        return false;
    }

    memcpy(w->at, w->json ? name->json : name->text, GH_LOGLINE_NAME_MAX);
    w->at += w->json ? name->json_len : name->text_len;

    return true;
}


/* False when not all of s is plain; some of it may be there then. */
static inline bool
copy_plain(char *at, gh_str_t s, uint8_t bit)
{
    if (s.len >= 16) {
        return copy_blocks(at, s, bit);
    }

    if (s.len >= 8) {
        return copy_halves(at, s, bit);
    }

    if (s.len >= 4) {
        return copy_quarters(at, s, bit);
    }

    for (size_t i = 0; i < s.len; i++) {
        if ((plain[(uint8_t) s.data[i]] & bit) == 0) {
            return false;
        }

        at[i] = s.data[i];
    }

    return true;
}


/* The last block overlaps the one before it. */
static inline bool
copy_blocks(char *at, gh_str_t s, uint8_t bit)
{
    size_t last = s.len - 16;

    for (size_t i = 0;; i += 16) {
        words2_t x;

        if (i > last) {
            i = last;
        }

        memcpy(&x, s.data + i, 16);

        if (!block_plain(x, bit)) {
            return false;
        }

        memcpy(at + i, &x, 16);

        if (i == last) {
            return true;
        }
    }
}


/* Two halves of a block, which overlap too. */
static inline bool
copy_halves(char *at, gh_str_t s, uint8_t bit)
{
    uint64_t first, second;

    memcpy(&first, s.data, 8);
    memcpy(&second, s.data + s.len - 8, 8);

    if (!block_plain((words2_t){ first, second }, bit)) {
        return false;
    }

    memcpy(at, &first, 8);
    memcpy(at + s.len - 8, &second, 8);

    return true;
}


static inline bool
copy_quarters(char *at, gh_str_t s, uint8_t bit)
{
    uint32_t first, second;

    memcpy(&first, s.data, 4);
    memcpy(&second, s.data + s.len - 4, 4);

    uint64_t both = (uint64_t) second << 32 | first;

    if (!block_plain((words2_t){ both, both }, bit)) {
        return false;
    }

    memcpy(at, &first, 4);
    memcpy(at + s.len - 4, &second, 4);

    return true;
}


/* The table for sixteen bytes at once; those above 127 are negative. */
static inline bool
block_plain(words2_t x, uint8_t bit)
{
    block_t bytes = (block_t) x;
    block_t strange =
        (bytes == '"') | (bytes == '\\') | (bytes == 127)
        | (bit == TEXT_PLAIN ? (bytes <= ' ') | (bytes == '=') : bytes < ' ');
    words2_t any = (words2_t) strange;

    return (any[0] | any[1]) == 0;
}


/* In quotes, or plain but too long. */
static void
put_text(gh_logline_put_t *w, gh_str_t value, size_t max)
{
    char *at = w->at, *last = w->at + max - 1 - CUT_LEN;
    char room[4];
    size_t n = 1;

    if (value.len + 2 <= max && copy_plain(at + 1, value, JSON_PLAIN)) {
        at += value.len + 1;

    } else {
        at++;

        for (size_t i = 0; i < value.len; i++) {
            n = escape_text(room, (uint8_t) value.data[i]);

            if (n > (size_t) (last - at)) {
                memset(at, '.', CUT_LEN);
                at += CUT_LEN;
                break;
            }

            memcpy(at, room, n);
            at += n;
        }
    }

    *w->at = '"';
    *at++ = '"';
    w->at = at;
}


static size_t
escape_text(char room[4], uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";

    if ((plain[byte] & JSON_PLAIN) != 0) {
        room[0] = (char) byte;
        return 1;
    }

    room[0] = '\\';

    if (byte == '"' || byte == '\\') {
        room[1] = (char) byte;
        return 2;
    }

    room[1] = 'x';
    room[2] = digits[byte >> 4];
    room[3] = digits[byte & 15];

    return 4;
}


static void
put_json(gh_logline_put_t *w, gh_str_t value, size_t max)
{
    gh_buf_t window = { w->at, 0, max };

    if (gh_json_quote(value, &window) != GH_OK) {
        size_t cut = max - CUT_LEN - 2;

        window.cap -= CUT_LEN;

        /* what is escaped becomes up to six bytes each */
        if (gh_json_quote(whole_characters(value, cut), &window) != GH_OK) {
            (void) gh_json_quote(whole_characters(value, cut / 6), &window);
        }

        window.cap = max;
        window.len--; /* the quote comes behind the mark */
        (void) gh_buf_add(&window, GH_STR(CUT_MARK "\""));
    }

    w->at += window.len;
}


/* At most len bytes, cut before a character of UTF-8. */
static gh_str_t
whole_characters(gh_str_t value, size_t len)
{
    if (len >= value.len) {
        return value;
    }

    for (size_t back = 0; back < 4 && len > back; back++) {
        if (((uint8_t) value.data[len - back] & 0xc0) != 0x80) {
            return (gh_str_t){ value.data, len - back };
        }
    }

    return (gh_str_t){ value.data, len };
}


void
gh_logline_put_number(gh_logline_put_t *w, const gh_logline_name_t *name,
                      uint64_t value)
{
    if (value == 0 || !put_name(w, name, GH_DECIMAL_MAX)) {
        return;
    }

    w->at = gh_decimal_put(w->at, value);
}


void
gh_logline_put_time(gh_logline_put_t *w, int64_t at_ms,
                    gh_logline_last_t *last)
{
    uint32_t ms = (uint32_t) (at_ms % 1000);
    int64_t at_s = at_ms / 1000;

    if ((size_t) (w->end - w->at) < SECOND_LEN + 4) {
        w->full = true;
        return;
    }

    if (last->second[0] == '\0' || last->at_s != at_s) {
        last->at_s = at_s;
        write_second(last->second, at_s);
    }

    memcpy(w->at, last->second, SECOND_LEN);
    gh_decimal_pair(w->at + SECOND_LEN, ms / 10);
    w->at[SECOND_LEN + 2] = (char) ('0' + ms % 10);
    w->at[SECOND_LEN + 3] = 'Z';
    w->at += SECOND_LEN + 4;
}


/* By the civil calendar, whose years are counted from March so that leap
 * days come last. */
static void
write_second(char text[SECOND_LEN + 1], int64_t at_s)
{
    uint32_t s = (uint32_t) (at_s % DAY_S);
    uint32_t days = (uint32_t) (at_s / DAY_S) + 719468; /* 0000-03-01 */
    uint32_t era = days / 146097, day = days % 146097;
    uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint32_t in_year = day - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * in_year + 2) / 153; /* 0: March */

    year += era * 400 + (month >= 10);
    memcpy(text, "0000-00-00T00:00:00.", SECOND_LEN + 1);
    gh_decimal_pair(text, year / 100);
    gh_decimal_pair(text + 2, year % 100);
    gh_decimal_pair(text + 5, month < 10 ? month + 3 : month - 9);
    gh_decimal_pair(text + 8, in_year - (153 * month + 2) / 5 + 1);
    gh_decimal_pair(text + 11, s / 3600);
    gh_decimal_pair(text + 14, s / 60 % 60);
    gh_decimal_pair(text + 17, s % 60);
}
