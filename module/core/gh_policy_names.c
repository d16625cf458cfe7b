/*
 * Alphabets of the names in policies.
 */

#include "gh_policy_names.h"


static bool is_letter_or_digit(char c);
static bool is_one_of(char c, const char *set);
static bool all_visible(gh_str_t s, const char *but);


bool
gh_policy_name_valid(gh_str_t s, const char *more)
{
    if (s.len == 0 || s.len > GH_POLICY_NAME_MAX
        || !is_letter_or_digit(s.data[0])) {
        return false;
    }

    for (size_t i = 1; i < s.len; i++) {
        if (!is_letter_or_digit(s.data[i]) && !is_one_of(s.data[i], "._-")
            && !is_one_of(s.data[i], more))
        {
            return false;
        }
    }

    return true;
}


bool
gh_policy_scope_valid(gh_str_t s)
{
    return s.len <= 128 && all_visible(s, "\"\\");
}


bool
gh_policy_token_valid(gh_str_t s)
{
    return s.len <= 64 && all_visible(s, "\"(),/:;<=>?@[\\]{}");
}


bool
gh_policy_method_valid(gh_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] >= 'a' && s.data[i] <= 'z') {
            return false;
        }
    }

    return gh_policy_token_valid(s);
}


bool
gh_policy_text_valid(gh_str_t s)
{
    if (s.len == 0 || s.len > GH_POLICY_TEXT_MAX) {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char) s.data[i];

        if (c < ' ' || c == 0x7f) {
            return false;
        }
    }

    return true;
}


bool
gh_policy_email_valid(gh_str_t s)
{
    if (!gh_policy_text_valid(s) || memchr(s.data, ' ', s.len) != NULL) {
        return false;
    }

    const char *at = memchr(s.data, '@', s.len);

    return at != NULL && at != s.data && at + 1 < s.data + s.len;
}


bool
gh_policy_upstream_valid(gh_str_t s)
{
    return s.len <= GH_POLICY_UPSTREAM_MAX && all_visible(s, "\"'\\;{}$#/");
}


bool
gh_policy_uri_valid(gh_str_t s)
{
    if (s.len > GH_POLICY_URI_MAX || !all_visible(s, "\"<>\\^`{|}")) {
        return false;
    }

    if (gh_str_starts(s, GH_STR("https://"))
        || gh_str_starts(s, GH_STR("http://")))
    {
        return true;
    }

    /* another host, or another scheme: what is before the first '/' */
    gh_str_t rest;

    if (gh_str_starts(s, GH_STR("//"))) {
        return false;
    }

    gh_str_t first = gh_str_cut(s, '/', &rest);

    return first.len == 0 || memchr(first.data, ':', first.len) == NULL;
}


bool
gh_policy_pointer_parse(gh_str_t s, gh_str_t *out)
{
    if (!gh_policy_text_valid(s)) {
        return false;
    }

    *out = s;

    if (s.data[0] != '/') {
        return true;
    }

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '~'
            && (i + 1 == s.len || !is_one_of(s.data[i + 1], "01"))) {
            return false;
        }
    }

    gh_str_t name = { s.data + 1, s.len - 1 };

    if (name.len > 0 && memchr(name.data, '/', name.len) == NULL
        && memchr(name.data, '~', name.len) == NULL)
    {
        *out = name;
    }

    return true;
}


static bool
is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


static bool
is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}


/* At least one byte, each of them visible ASCII and not in `but`. */
static bool
all_visible(gh_str_t s, const char *but)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~' || is_one_of(s.data[i], but)) {
            return false;
        }
    }

    return s.len > 0;
}
