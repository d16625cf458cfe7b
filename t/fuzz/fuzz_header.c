/*
 * Names of headers: what no spelling may change is the class of a name, as
 * CGI, WSGI and PHP read it, and a principal's name is one whatever follows.
 */

#include "fuzz.h"

#include "gh_header.h"

#include <ctype.h>

#define NAME_MAX 300


static void spelled(const char *name, size_t len, gh_header_class_t is);
static void configured(gh_str_t name, gh_header_class_t is);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t name = { (const char *) data, size };
    gh_header_class_t is;
    char longer[NAME_MAX + 16];

    if (size == 0 || size > NAME_MAX) {
        return 0;
    }

    is = gh_header_classify(NULL, name);
    require(is >= GH_HEADER_KEEP && is <= GH_HEADER_FORWARDED);
    require(gh_header_eq(name, name));
    spelled(name.data, name.len, is);
    configured(name, is);

    memcpy(longer, "x_PRINCIPAL", 11);
    memcpy(longer + 11, data, size);
    require(gh_header_classify(NULL, (gh_str_t){ longer, size + 11 })
            == GH_HEADER_PRINCIPAL);

    return 0;
}


/* Each byte in each spelling that folds to the same. */
static void
spelled(const char *name, size_t len, gh_header_class_t is)
{
    static const char other[] = { '-', '_', '.', ' ', '\0', '\x7f', '\xff' };
    char copy[NAME_MAX];
    gh_str_t again = { copy, len };

    memcpy(copy, name, len);

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) name[i];

        if (isalpha(c)) {
            copy[i] = (char) (c ^ 0x20);

        } else if (!isdigit(c)) {
            copy[i] = other[(i + c) % sizeof(other)];
        }
    }

    require(gh_header_eq((gh_str_t){ name, len }, again));
    require(gh_header_classify(NULL, again) == is);
}


/* A name that is configured is a principal's, and nothing else changes. */
static void
configured(gh_str_t name, gh_header_class_t is)
{
    gh_header_set_t *set;
    gh_rc_t rc;

    if (gh_header_set_create(gh_alloc_libc(), &set) != GH_OK) {
        return;
    }

    require(gh_header_classify(set, name) == is);
    rc = gh_header_set_add(set, name);
    require(rc == GH_OK || rc == GH_INVALID || rc == GH_TOO_LONG);
    require(gh_header_classify(set, name)
                == (rc == GH_OK && name.data[name.len - 1] != '*'
                        ? GH_HEADER_PRINCIPAL
                        : is)
            || (rc == GH_OK && name.data[name.len - 1] == '*'));
    gh_header_set_destroy(set);
}
