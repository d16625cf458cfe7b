/*
 * Authorize lines and blocks. When the first byte is 'L' the rest is lines
 * of words: what is taken makes a well-formed block, what is not is told
 * why. Else the rest is a block, which may be anything: nothing outside of
 * it is read, and what is not well formed admits nobody by all its lines.
 */

#include "fuzz.h"

#include "gh_rules.h"


#define WORDS 16


static void check_lines(gh_str_t lines);
static void check_line(gh_rules_builder_t *b, gh_str_t line);
static void check_block(gh_str_t block);
static json_t *claims(void);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }

    if (data[0] == 'L') {
        check_lines((gh_str_t){ (const char *) data + 1, size - 1 });
        return 0;
    }

    /* a copy of its own, so that a byte too many is seen */
    char *copy = malloc(size);

    require(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    check_block((gh_str_t){ copy, size - 1 });
    free(copy);

    return 0;
}


static void
check_lines(gh_str_t lines)
{
    const gh_alloc_t *a = gh_alloc_libc();
    gh_rules_builder_t *b;
    gh_str_t block;

    require(gh_rules_begin(a, &b) == GH_OK);

    while (lines.data != NULL) {
        check_line(b, gh_str_cut(lines, '\n', &lines));
    }

    require(gh_rules_finish(b, &block) == GH_OK);
    require(gh_rules_valid(block));
    check_block(block);
    a->free(a->ctx, (void *) (uintptr_t) block.data);
}


static void
check_line(gh_rules_builder_t *b, gh_str_t line)
{
    gh_str_t words[WORDS];
    char room[600];
    gh_buf_t message = GH_BUF(room);
    size_t n = 0;

    while (line.data != NULL && n < WORDS) {
        words[n++] = gh_str_cut(line, ' ', &line);
    }

    gh_rc_t rc = gh_rules_add_line(b, words, n, &message);

    require(rc == GH_OK || rc == GH_INVALID || rc == GH_FULL);

    if (rc != GH_OK) {
        require(message.len > 0 && strlen(room) == message.len);
        require(message.len < sizeof(room) - 1);

        for (size_t i = 0; i < message.len; i++) {
            require(room[i] >= ' ' && room[i] <= '~');
        }
    }
}


static void
check_block(gh_str_t block)
{
    static const gh_str_t names[] = { { "staff", 5 }, { "x", 1 } };
    static const gh_str_t methods[] = { { "GET", 3 },
                                        { "HEAD", 4 },
                                        { "", 0 } };
    gh_principal_t p = { .type = GH_PRINCIPAL_CONSUMER,
                         .consumer = { "acme", 4 },
                         .groups = names,
                         .n_groups = 2,
                         .scopes = names,
                         .n_scopes = 2 };
    bool valid = gh_rules_valid(block);

    p.claims = claims();

    for (size_t i = 0; i < 6; i++) {
        gh_subject_t s = { i < 3 ? &p : NULL, methods[i % 3], GH_STR("v1") };
        gh_reason_t admit = gh_rules_admit(block, &s);
        gh_reason_t must = gh_rules_require(block, &s);

        /* a block is of one kind, so one of the two refuses it */
        require(block.len == 0 || admit == GH_REASON_INTERNAL
                || must == GH_REASON_INTERNAL);

        /* and a well-formed one is never more than refused */
        require(!valid || admit != GH_REASON_INTERNAL
                || must != GH_REASON_INTERNAL);
    }

    json_decref((json_t *) (uintptr_t) p.claims);
}


static json_t *
claims(void)
{
    json_t *c =
        json_loads("{\"a\":{\"b\":[\"x\",7,true]},\"r\":1.5}", 0, NULL);

    require(c != NULL);

    return c;
}
