/*
 * Structured fields: what is taken has a canonical form, which is taken too
 * and is its own canonical form; and every view lies in the text.
 */

#include "fuzz.h"

#include "gh_sfv.h"


static void
walk(gh_str_t text)
{
    gh_str_t rest = text;
    gh_sfv_t m, inner, p;

    while (gh_sfv_dictionary_next(&rest, &m) == GH_OK) {
        require(is_within(m.key, text) && is_within(m.text, text)
                && is_within(m.params, text));

        gh_str_t params = m.params;
        gh_rc_t rc;

        while ((rc = gh_sfv_param_next(&params, &p)) == GH_OK) {
            require(is_within(p.text, text));
        }

        require(rc == GH_ABSENT);

        if (m.type == GH_SFV_INNER_LIST) {
            gh_str_t inside = m.text;

            while ((rc = gh_sfv_inner_next(&inside, &inner)) == GH_OK) {
                require(is_within(inner.text, text));
            }

            require(rc == GH_ABSENT);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const gh_sfv_kind_t kinds[] = { GH_SFV_ITEM, GH_SFV_LIST,
                                           GH_SFV_DICTIONARY };
    size_t cap = 2 * size + 64;
    char *copy = malloc(size), *room = malloc(cap), *again = malloc(cap);
    gh_str_t text = { copy, size };

    require(room != NULL && again != NULL);

    if (size > 0) {
        require(copy != NULL);
        memcpy(copy, data, size);
    }

    walk(text);

    for (size_t i = 0; i < 3; i++) {
        gh_buf_t one = { room, 0, cap }, two = { again, 0, cap };

        if (gh_sfv_canonical(kinds[i], text, &one) != GH_OK) {
            require(one.len == 0);
            continue;
        }

        require(gh_sfv_canonical(kinds[i], gh_buf_str(&one), &two) == GH_OK);
        require(gh_str_eq(gh_buf_str(&one), gh_buf_str(&two)));
    }

    free(copy);
    free(room);
    free(again);

    return 0;
}
