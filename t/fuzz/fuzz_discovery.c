/*
 * Discovery documents: what is believed names our issuer and leads to keys at
 * its own origin, by https.
 */

#include "fuzz.h"

#include "gh_discovery.h"


#define ISSUER "https://idp.test/realms/a"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char room[GH_URL_MAX], *copy = malloc(size + 1);
    gh_buf_t uri = GH_BUF(room);
    gh_url_t ours, theirs;
    const char *why = NULL;

    require(copy != NULL);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    if (gh_discovery_keys((gh_str_t){ copy, size }, GH_STR(ISSUER), false,
                          &uri, &why)
        == GH_OK)
    {
        require(gh_url_parse(GH_STR(ISSUER), &ours, NULL) == GH_OK);
        require(gh_url_parse(gh_buf_str(&uri), &theirs, NULL) == GH_OK);
        require(theirs.https && gh_url_same_origin(&ours, &theirs));

    } else {
        require(why != NULL && uri.len == 0);
    }

    free(copy);

    return 0;
}
