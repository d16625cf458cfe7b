/*
 * One canonical request target for rules, log, limit keys and the service
 * behind (RFC 3986 section 6.2.2, RFC 9110 section 4.2.3): unreserved
 * characters decoded, percent-encodings in upper case, dot segments gone.
 * What two readers could read differently is named, so that the caller
 * refuses it.
 */

#ifndef GH_TARGET_H
#define GH_TARGET_H

#include "gh.h"


/*
 * Bits: what makes a target ambiguous. All are about the path; in the query
 * only raw control bytes, raw spaces and a raw # are judged: bytes >= 0x80
 * and bad encodings there are common, decide nothing, and pass as sent.
 */
typedef enum {
    GH_TARGET_ENCODED_SLASH = 1 << 0,    /* %2f */
    GH_TARGET_BACKSLASH = 1 << 1,        /* \ or %5c */
    GH_TARGET_DOUBLE_SLASH = 1 << 2,     /* // */
    GH_TARGET_DOT_SEGMENT = 1 << 3,      /* . or .. in any encoding, also
                                             beside \ %2f ; and what else
                                             ends a segment for some reader */
    GH_TARGET_SEMICOLON = 1 << 4,        /* ; or %3b */
    GH_TARGET_CONTROL = 1 << 5,          /* 0x01-0x1f, 0x7f, encoded too */
    GH_TARGET_NUL = 1 << 6,              /* %00, or raw */
    GH_TARGET_FRAGMENT = 1 << 7,         /* a literal # */
    GH_TARGET_ENCODED_PERCENT = 1 << 8,  /* %25: decodes twice */
    GH_TARGET_ENCODED_QUESTION = 1 << 9, /* %3f */
    GH_TARGET_ENCODED_HASH = 1 << 10,    /* %23 */
    GH_TARGET_BAD_ENCODING = 1 << 11,    /* % without two hex digits; comes
                                             with ENCODED_PERCENT, since its
                                             canonical spelling is %25 */
    GH_TARGET_NOT_ASCII = 1 << 12,       /* raw bytes >= 0x80 */
    GH_TARGET_NOT_UTF8 = 1 << 13,        /* does not decode to UTF-8
                                             (overlong forms included) */
    GH_TARGET_FORM = 1 << 14,            /* does not begin with / */
    GH_TARGET_SPACE = 1 << 15            /* a raw space */
} gh_target_flag_t;

typedef uint32_t gh_target_flags_t;

/* Never allowed, whatever a location says. */
#define GH_TARGET_NEVER                                                       \
    (GH_TARGET_NUL | GH_TARGET_FORM | GH_TARGET_FRAGMENT                      \
     | GH_TARGET_BAD_ENCODING | GH_TARGET_CONTROL | GH_TARGET_SPACE)


/*
 * Canonical form of an origin-form target (path and optional query) into
 * out, appended; *flags says what was ambiguous in it. In the path,
 * characters that RFC 3986 does not allow raw are percent-encoded, so that
 * each has one spelling; reserved ones keep theirs (%2F is not /), and //
 * stays. In the query raw control bytes and spaces are percent-encoded,
 * nothing else changes. A target that does not begin with / is copied as
 * sent. Absolute-form is reduced to its path by the caller (nginx does).
 * The result is its own canonical form and has no flag that the target had
 * not.
 *
 *   out  room of its own, not inside target
 *
 * GH_TOO_LONG: does not fit (3 x the input always does); out is unchanged,
 * *flags is set.
 */
gh_rc_t gh_target_canonical(gh_str_t target, gh_buf_t *out,
                            gh_target_flags_t *flags);

/* Only the flags; one pass, no output. The common clean target is quick;
 * *canonical is true when the target already is its own canonical form. */
gh_target_flags_t gh_target_inspect(gh_str_t target, bool *canonical);

/* Word of one flag for directives and log ("encoded-slash"), borrowed for
 * ever, and back; empty or 0 when there is none. */
gh_str_t gh_target_flag_word(gh_target_flag_t flag);
gh_target_flags_t gh_target_flag_parse(gh_str_t word);
/* "encoded-slash,semicolon" of all set flags, appended; GH_TOO_LONG leaves
 * out unchanged. */
gh_rc_t gh_target_flags_text(gh_target_flags_t flags, gh_buf_t *out);


#endif
