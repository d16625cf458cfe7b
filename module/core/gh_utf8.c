/*
 * Decodes UTF-8 one code point at a time (RFC 3629 section 4).
 */

#include "gh_utf8.h"


size_t
gh_utf8_first(gh_str_t s, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (s.len == 0) {
        return 0;
    }

    unsigned char c = (unsigned char) s.data[0];
    size_t n = c < 0x80   ? 1
               : c < 0xc0 ? 0
               : c < 0xe0 ? 2
               : c < 0xf0 ? 3
               : c < 0xf8 ? 4
                          : 0;

    if (n == 0 || n > s.len) {
        return 0;
    }

    *code = n == 1 ? c : c & (0x7fu >> n);

    for (size_t i = 1; i < n; i++) {
        c = (unsigned char) s.data[i];

        if ((c & 0xc0) != 0x80) {
            return 0;
        }

        *code = *code << 6 | (c & 0x3f);
    }

    if (*code < least[n] || *code > 0x10ffff
        || (*code >= 0xd800 && *code < 0xe000))
    {
        return 0;
    }

    return n;
}


bool
gh_utf8_valid(gh_str_t s)
{
    uint32_t code;

    while (s.len > 0) {
        size_t n = gh_utf8_first(s, &code);

        if (n == 0) {
            return false;
        }

        s.data += n;
        s.len -= n;
    }

    return true;
}
