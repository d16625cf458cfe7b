/*
 * Message signatures: whatever the two fields and the request hold, a base is
 * ASCII, has one line per component and one for the parameters, and nobody
 * without the secret has made a signature over it. A line each: the target,
 * Signature-Input, Signature; then fields.
 */

#include "fuzz.h"

#include "gh_digest.h"
#include "gh_signature.h"


#define FIELDS_MAX 16


static bool
always(void *data, gh_str_t keyid)
{
    (void) data;

    return keyid.len % 2 == 0;
}


static size_t
count_components(gh_str_t list)
{
    gh_component_t c;
    size_t n = 0;

    while (gh_component_next(&list, &c) == GH_OK) {
        n++;
    }

    require(list.len == 0);

    return n;
}


static void
check_base(const gh_signature_t *s, gh_str_t base)
{
    size_t lines = 1;

    for (size_t i = 0; i < base.len; i++) {
        require((base.data[i] >= 0x20 && base.data[i] <= 0x7e)
                || base.data[i] == '\t' || base.data[i] == '\n');
        lines += base.data[i] == '\n';
    }

    require(lines == count_components(s->components) + 1);
}


static void
judge(const gh_message_t *msg, const gh_signature_t *s)
{
    static char room[65536];
    gh_signature_policy_t policy = { .skew_s = 60, .digest = true };
    gh_reason_t reason = GH_REASON_OK;
    gh_buf_t base = GH_BUF(room);

    (void) gh_signature_check(s, &policy, 1800000000, true, &reason);

    if (gh_sigbase_build(msg, s->components, s->params, &base) != GH_OK) {
        require(base.len == 0);
        return;
    }

    check_base(s, gh_buf_str(&base));
    require(gh_signature_verify(s, GH_STR("hmac-sha256"),
                                GH_STR("a secret of thirty-two bytes, no?"),
                                NULL, gh_buf_str(&base), &reason)
            != GH_OK);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_message_field_t fields[FIELDS_MAX];
    char *copy = malloc(size);
    gh_str_t rest = { copy, size };
    gh_signature_policy_t policy = { .skew_s = 60 };
    gh_signatures_t all;
    const gh_signature_t *s;

    if (size > 0) {
        require(copy != NULL);
        memcpy(copy, data, size);
    }

    gh_message_t msg = { .method = GH_STR("GET"),
                         .scheme = GH_STR("http"),
                         .host = GH_STR("Example.test:80"),
                         .target = gh_str_cut(rest, '\n', &rest),
                         .fields = fields };
    gh_str_t input = gh_str_cut(rest, '\n', &rest);
    gh_str_t signature = gh_str_cut(rest, '\n', &rest);

    while (rest.data != NULL && msg.n_fields < FIELDS_MAX) {
        gh_str_t line = gh_str_cut(rest, '\n', &rest);
        gh_message_field_t *f = &fields[msg.n_fields++];
        gh_digest_t digest;

        f->name = gh_str_cut(line, ':', &f->value);
        (void) gh_digest_parse(f->value, &digest);
    }

    if (gh_signatures_parse(input, signature, &all) == GH_OK) {
        require(all.n > 0 && all.n <= GH_SIGNATURE_LABELS_MAX);

        for (size_t i = 0; i < all.n; i++) {
            judge(&msg, &all.list[i]);
        }

        if (gh_signature_choose(&all, &policy, always, NULL, &s) == GH_OK) {
            require(s != NULL && s->keyid.data != NULL);
        }
    }

    free(copy);

    return 0;
}
