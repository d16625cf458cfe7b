/*
 * Reads a request target byte by byte, as every reader behind might: names
 * what they could disagree about, and tells whether anything would have to
 * be written differently; gh_target_canonical.c does that.
 */

#include "gh_target.h"
#include "gh_target_bytes.h"


/* What follows a separator. */
typedef enum {
    NAME = 0,   /* a segment like any other */
    DOTS_INNER, /* . or .. for readers with other separators than ours */
    DOTS        /* . or .. */
} segment_t;

typedef struct {
    const char *at, *end;
    gh_target_flags_t flags;
    bool changes; /* the canonical form differs */
    bool high;    /* bytes >= 0x80, raw or encoded */
} scan_t;


static void scan_path(scan_t *s);
static inline void scan_slash(scan_t *s);
static void scan_special(scan_t *s, gh_path_kind_t kind);
static void scan_percent(scan_t *s);
static gh_target_flags_t encoded_flag(uint8_t value);
static void scan_query(scan_t *s);
static segment_t dots(const char *at, const char *end);
static bool ends_somewhere(const char *at, const char *end);
static bool is_utf8(const char *at, const char *end);
static const char *next_byte(const char *at, const char *end, uint8_t *byte);


/* clang-format off */
/* In the order of the bits. */
static const gh_str_t words[] = {
    { "encoded-slash", 13 },    { "backslash", 9 },
    { "double-slash", 12 },     { "dot-segment", 11 },
    { "semicolon", 9 },         { "control", 7 },
    { "nul", 3 },               { "fragment", 8 },
    { "encoded-percent", 15 },  { "encoded-question", 16 },
    { "encoded-hash", 12 },     { "bad-encoding", 12 },
    { "not-ascii", 9 },         { "not-utf8", 8 },
    { "form", 4 },              { "space", 5 }
};
/* clang-format on */

#define N_WORDS (sizeof(words) / sizeof(words[0]))


gh_target_flags_t
gh_target_inspect(gh_str_t target, bool *canonical)
{
    const char *start = target.data;
    scan_t s = { start, start + target.len, 0, false, false };

    *canonical = true;

    if (target.len == 0) {
        return GH_TARGET_FORM;
    }

    if (*start != '/') {
        s.flags = GH_TARGET_FORM;

        if (dots(s.at, s.end) != NAME) {
            s.flags |= GH_TARGET_DOT_SEGMENT;
        }
    }

    scan_path(&s);

    if (s.high && !is_utf8(start, s.at)) {
        s.flags |= GH_TARGET_NOT_UTF8;
    }

    scan_query(&s);

    *canonical = !s.changes || *start != '/';

    return s.flags;
}


static void
scan_path(scan_t *s)
{
    const char *at = s->at, *end = s->end;

    while (at < end) {
        gh_path_kind_t kind = gh_path_kinds[(uint8_t) *at];

        if (kind <= GH_PATH_DELIM) {
            at++;
            continue;
        }

        if (kind == GH_PATH_QUESTION) {
            break;
        }

        s->at = at;

        if (kind == GH_PATH_SLASH) {
            scan_slash(s);

        } else {
            scan_special(s, kind);
        }

        at = s->at;
    }

    s->at = at;
}


static inline void
scan_slash(scan_t *s)
{
    const char *next = ++s->at;

    if (next == s->end) {
        return;
    }

    if (*next == '/') {
        s->flags |= GH_TARGET_DOUBLE_SLASH;
        return;
    }

    if (*next != '.' && *next != '%') {
        return; /* cannot be dots */
    }

    segment_t segment = dots(next, s->end);

    if (segment != NAME) {
        s->flags |= GH_TARGET_DOT_SEGMENT;
    }

    if (segment == DOTS) {
        s->changes = true;
    }
}


static void
scan_special(scan_t *s, gh_path_kind_t kind)
{
    static const gh_target_flags_t flags[] = {
        [GH_PATH_HIGH] = GH_TARGET_NOT_ASCII,
        [GH_PATH_SEMICOLON] = GH_TARGET_SEMICOLON,
        [GH_PATH_BACKSLASH] = GH_TARGET_BACKSLASH,
        [GH_PATH_HASH] = GH_TARGET_FRAGMENT,
        [GH_PATH_SPACE] = GH_TARGET_SPACE,
        [GH_PATH_CONTROL] = GH_TARGET_CONTROL,
    };

    if (kind == GH_PATH_PERCENT) {
        scan_percent(s);
        return;
    }

    s->flags |= *s->at == '\0' ? GH_TARGET_NUL : flags[kind];
    s->high |= kind == GH_PATH_HIGH;
    s->changes |= kind != GH_PATH_SEMICOLON && kind != GH_PATH_HASH;
    s->at++;

    if (kind == GH_PATH_BACKSLASH && dots(s->at, s->end) != NAME) {
        s->flags |= GH_TARGET_DOT_SEGMENT;
    }
}


static void
scan_percent(scan_t *s)
{
    int value = gh_path_escaped(s->at, s->end);

    if (value < 0) {
        s->flags |= GH_TARGET_BAD_ENCODING | GH_TARGET_ENCODED_PERCENT;
        s->changes = true;
        s->at++;
        return;
    }

    s->changes |= gh_path_kinds[value] == GH_PATH_FREE || s->at[1] >= 'a'
                  || s->at[2] >= 'a';
    s->high |= value >= 0x80;
    s->flags |= encoded_flag((uint8_t) value);
    s->at += 3;

    if ((value == '/' || value == '\\') && dots(s->at, s->end) != NAME) {
        s->flags |= GH_TARGET_DOT_SEGMENT;
    }
}


static gh_target_flags_t
encoded_flag(uint8_t value)
{
    static const gh_target_flags_t flags[] = {
        [GH_PATH_SLASH] = GH_TARGET_ENCODED_SLASH,
        [GH_PATH_PERCENT] = GH_TARGET_ENCODED_PERCENT,
        [GH_PATH_QUESTION] = GH_TARGET_ENCODED_QUESTION,
        [GH_PATH_SEMICOLON] = GH_TARGET_SEMICOLON,
        [GH_PATH_BACKSLASH] = GH_TARGET_BACKSLASH,
        [GH_PATH_HASH] = GH_TARGET_ENCODED_HASH,
        [GH_PATH_SPACE] = 0,
        [GH_PATH_CONTROL] = GH_TARGET_CONTROL,
    };

    return value == 0 ? GH_TARGET_NUL : flags[gh_path_kinds[value]];
}


static void
scan_query(scan_t *s)
{
    const char *at = s->at, *end = s->end;

    while (at < end) {
        gh_path_kind_t kind = gh_path_kinds[(uint8_t) *at];

        if (kind < GH_PATH_HASH) {
            at++;
            continue;
        }

        s->at = at;
        scan_special(s, kind);
        at = s->at;
    }
}


/*
 * What the segment at `at` is. Encoded dots are dots; a segment also ends
 * where a reader that decodes first, knows path parameters or takes a
 * backslash for a slash would end it.
 */
static segment_t
dots(const char *at, const char *end)
{
    unsigned n = 0;

    for (/* void */; at < end && n < 3; n++) {
        if (*at == '.') {
            at++;

        } else if (*at == '%' && gh_path_escaped(at, end) == '.') {
            at += 3;

        } else {
            break;
        }
    }

    if (n == 0 || n == 3) {
        return NAME;
    }

    if (at == end || *at == '/' || *at == '?') {
        return DOTS;
    }

    return ends_somewhere(at, end) ? DOTS_INNER : NAME;
}


static bool
ends_somewhere(const char *at, const char *end)
{
    int value = *at == '%' ? gh_path_escaped(at, end) : (uint8_t) *at;

    return value == '/' || value == '\\' || value == ';' || value == '?'
           || value == '#' || value == '\0';
}


/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool
is_utf8(const char *at, const char *end)
{
    while (at < end) {
        uint8_t byte = 0, low = 0x80, high = 0xbf;
        unsigned more;

        at = next_byte(at, end, &byte);

        if (byte < 0x80) {
            continue;
        }

        if (byte < 0xc2 || byte > 0xf4) {
            return false;
        }

        more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : low;
        high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : high;

        for (/* void */; more > 0; more--) {
            if (at == end) {
                return false;
            }

            at = next_byte(at, end, &byte);

            if (byte < low || byte > high) {
                return false;
            }

            low = 0x80;
            high = 0xbf;
        }
    }

    return true;
}


/* One decoded byte; a bad escape is its percent sign. */
static const char *
next_byte(const char *at, const char *end, uint8_t *byte)
{
    int value = *at == '%' ? gh_path_escaped(at, end) : -1;

    *byte = value < 0 ? (uint8_t) *at : (uint8_t) value;

    return value < 0 ? at + 1 : at + 3;
}


gh_str_t
gh_target_flag_word(gh_target_flag_t flag)
{
    for (size_t i = 0; i < N_WORDS; i++) {
        if ((uint32_t) flag == UINT32_C(1) << i) {
            return words[i];
        }
    }

    return GH_STR("");
}


gh_target_flags_t
gh_target_flag_parse(gh_str_t word)
{
    for (size_t i = 0; i < N_WORDS; i++) {
        if (gh_str_eq(word, words[i])) {
            return UINT32_C(1) << i;
        }
    }

    return 0;
}


gh_rc_t
gh_target_flags_text(gh_target_flags_t flags, gh_buf_t *out)
{
    size_t base = out->len;

    for (size_t i = 0; i < N_WORDS; i++) {
        if ((flags & UINT32_C(1) << i) == 0) {
            continue;
        }

        if ((out->len > base && gh_buf_add_char(out, ',') != GH_OK)
            || gh_buf_add(out, words[i]) != GH_OK)
        {
            out->len = base;
            return GH_TOO_LONG;
        }
    }

    return GH_OK;
}
