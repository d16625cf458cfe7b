/*
 * Request targets: what is canonical stays so, is said to be so, and reads
 * no more ambiguous than what was sent.
 */

#include "fuzz.h"

#include "gh_target.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t target = { (const char *) data, size };
    gh_target_flags_t flags, flags_again;
    bool canonical;

    /* exact rooms, so that a byte too many is seen */
    gh_buf_t once = { malloc(3 * size + 1), 0, 3 * size };
    gh_buf_t again = { malloc(3 * size + 1), 0, 3 * size };

    require(once.data != NULL && again.data != NULL);

    require(gh_target_canonical(target, &once, &flags) == GH_OK);
    require(gh_target_inspect(target, &canonical) == flags);
    require(canonical == gh_str_eq(target, gh_buf_str(&once)));

    require(gh_target_canonical(gh_buf_str(&once), &again, &flags_again)
            == GH_OK);
    require(gh_str_eq(gh_buf_str(&once), gh_buf_str(&again)));
    require((flags_again & ~flags) == 0);

    if ((flags & GH_TARGET_FORM) == 0) {
        require(once.len > 0 && once.data[0] == '/');
    }

    free(once.data);
    free(again.data);

    return 0;
}
