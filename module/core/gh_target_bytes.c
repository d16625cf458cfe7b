/*
 * The table of bytes and percent-encodings; see gh_target_bytes.h.
 */

#include "gh_target_bytes.h"


/* Short names, so that a row of eight fits a line. */
enum {
    FREE = GH_PATH_FREE,
    DELIM = GH_PATH_DELIM,
    ODD = GH_PATH_ODD,
    HIGH = GH_PATH_HIGH,
    CTRL = GH_PATH_CONTROL
};


static int digit(char c);


/* clang-format off */
const uint8_t gh_path_kinds[256] = {
    CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL,
    CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL,
    CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL,
    CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL, CTRL,
    GH_PATH_SPACE, DELIM, ODD, GH_PATH_HASH,
    DELIM, GH_PATH_PERCENT, DELIM, DELIM,
    DELIM, DELIM, DELIM, DELIM, DELIM, FREE, FREE, GH_PATH_SLASH,
    FREE, FREE, FREE, FREE, FREE, FREE, FREE, FREE,
    FREE, FREE, DELIM, GH_PATH_SEMICOLON, ODD, DELIM, ODD, GH_PATH_QUESTION,
    DELIM, FREE, FREE, FREE, FREE, FREE, FREE, FREE,
    FREE, FREE, FREE, FREE, FREE, FREE, FREE, FREE,
    FREE, FREE, FREE, FREE, FREE, FREE, FREE, FREE,
    FREE, FREE, FREE, ODD, GH_PATH_BACKSLASH, ODD, ODD, FREE,
    ODD, FREE, FREE, FREE, FREE, FREE, FREE, FREE,
    FREE, FREE, FREE, FREE, FREE, FREE, FREE, FREE,
    FREE, FREE, FREE, FREE, FREE, FREE, FREE, FREE,
    FREE, FREE, FREE, ODD, ODD, ODD, FREE, CTRL,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH,
    HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH
};
/* clang-format on */


int
gh_path_escaped(const char *at, const char *end)
{
    if (end - at < 3) {
        return -1;
    }

    int high = digit(at[1]), low = digit(at[2]);

    return high < 0 || low < 0 ? -1 : high << 4 | low;
}


static int
digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
