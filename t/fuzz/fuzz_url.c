/*
 * URLs: whatever is accepted comes apart into parts that make it up again,
 * and http is callable only where loopback is written.
 */

#include "fuzz.h"

#include "gh_url.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_url_t url;
    const char *why = NULL;

    /* an exact copy, so that a byte too many is seen */
    char *copy = malloc(size);
    gh_str_t text = { copy, size };

    if (size > 0) {
        require(copy != NULL);
        memcpy(copy, data, size);
    }

    if (gh_url_parse(text, &url, &why) != GH_OK) {
        require(why != NULL);
        free(copy);
        return 0;
    }

    require(url.host.len > 0 && url.port > 0);
    require(is_within(url.host, text) && is_within(url.path, text)
            && is_within(url.query, text));
    require(url.path.len == 0 || url.path.data[0] == '/');
    require(gh_url_same_origin(&url, &url));
    require(!gh_url_may_reach(&url, GH_ADDRESS_NEVER));
    require(url.https || url.loopback
            || gh_url_callable(&url, true, &why) != GH_OK);
    require(!url.loopback || !gh_url_may_reach(&url, GH_ADDRESS_PUBLIC));

    free(copy);

    return 0;
}
