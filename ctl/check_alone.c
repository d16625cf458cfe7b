/*
 * The same reading and compiling that the gateway does, with nothing outside
 * to ask. The image is thrown away.
 */

#include "check_alone.h"
#include "gh_policy_dir.h"

#include <stdlib.h>
#include <time.h>


static gh_rc_t load(gh_policy_set_t *set, const char *directory,
                    gh_policy_errors_t *errors);
static gh_rc_t load_file(gh_policy_set_t *set, const gh_policy_file_t *file,
                         gh_policy_errors_t *errors);


gh_rc_t
ctl_check_alone(const char *directory, gh_policy_errors_t *errors)
{
    static const uint8_t sip[16];
    const gh_policy_env_t nothing = { NULL, NULL, NULL, NULL, NULL, NULL };
    gh_policy_set_t *set;
    gh_str_t image = { NULL, 0 };
    gh_rc_t rc = gh_policy_set_create(gh_alloc_libc(), &set);

    if (rc != GH_OK) {
        return rc;
    }

    rc = load(set, directory, errors);

    if (rc == GH_OK) {
        rc = gh_policy_set_compile(set, &nothing, 1, (int64_t) time(NULL), sip,
                                   &image, errors);
    }

    free((void *) (uintptr_t) image.data);
    gh_policy_set_destroy(set);

    return rc;
}


static gh_rc_t
load(gh_policy_set_t *set, const char *directory, gh_policy_errors_t *errors)
{
    gh_policy_listing_t listing = { NULL, 0, 0, 0 };
    gh_rc_t rc = gh_policy_listing_read(directory, &listing, errors);

    if (rc != GH_OK) {
        return rc;
    }

    for (size_t i = 0; i < listing.n && rc == GH_OK; i++) {
        rc = load_file(set, &listing.files[i], errors);
    }

    gh_policy_listing_clear(&listing);

    return rc;
}


/* What is wrong with its content is said when all of them are compiled. */
static gh_rc_t
load_file(gh_policy_set_t *set, const gh_policy_file_t *file,
          gh_policy_errors_t *errors)
{
    gh_str_t text;
    gh_rc_t rc = gh_policy_file_read(file, &text, errors);

    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_policy_set_file(set, gh_str(file->path), text, 1, NULL);
    free((void *) (uintptr_t) text.data);

    return rc == GH_INVALID ? GH_OK : rc;
}
