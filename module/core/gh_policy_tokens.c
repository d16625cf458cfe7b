/*
 * Which issuers consumers name, and by which claims their tokens are known:
 * a set of claim names is a shape, looked up by the values of its claims.
 */

#include "gh_policy_link.h"


static void token_link(gh_policy_link_t *l, uint32_t file, uint32_t i,
                       uint32_t *last);
static uint32_t issuer_of(gh_policy_link_t *l, uint32_t file,
                          const gh_policy_token_t *token);
static void issuer_check(gh_policy_link_t *l, uint32_t file,
                         const gh_policy_token_t *token);
static uint32_t shape_add(gh_policy_link_t *l, uint32_t file, uint32_t i,
                          const gh_policy_token_t *token);
static bool has_shape(const gh_policy_link_t *l, uint32_t file,
                      const gh_policy_token_t *token, uint32_t shape);
static gh_str_t pointer_of(const gh_policy_link_t *l, uint32_t file,
                           const gh_policy_token_t *token, uint32_t i);
static void sort_shapes(gh_policy_link_t *l);
static bool is_before(const gh_policy_token_shape_t *shapes, uint32_t a,
                      uint32_t b);
static gh_policy_issuer_t *issuers_of(const gh_policy_link_t *l);
static gh_policy_token_shape_t *shapes_of(const gh_policy_link_t *l);


void
gh_policy_link_tokens(gh_policy_link_t *l)
{
    uint32_t last = 0;

    for (uint32_t f = 0; f < l->set->files.n; f++) {
        uint32_t n = gh_policy_link_n(l, f, GH_POLICY_TOKENS);

        for (uint32_t i = 0; i < n && l->rc == GH_OK; i++) {
            token_link(l, f, i, &last);
        }
    }

    sort_shapes(l);
}


/* Most tokens have the shape of the one before. */
static void
token_link(gh_policy_link_t *l, uint32_t file, uint32_t i, uint32_t *last)
{
    const gh_policy_token_t *token =
        gh_policy_link_at(l, file, GH_POLICY_TOKENS, i);
    uint32_t found = GH_IMAGE_ABSENT;

    if (token->image.issuer.len == 0 || token->image.claims.n == 0) {
        *last = 0; /* complained about when it was read */

    } else if (*last < l->shapes.n && has_shape(l, file, token, *last)) {
        found = *last;

    } else {
        found = shape_add(l, file, i, token);
        *last = found;
    }

    if (gh_policy_list_add(&l->token_shapes, l->a, &found, 1) == NULL) {
        l->rc = GH_NOMEM;
    }
}


static uint32_t
shape_add(gh_policy_link_t *l, uint32_t file, uint32_t i,
          const gh_policy_token_t *token)
{
    for (uint32_t s = 0; s < l->shapes.n; s++) {
        if (has_shape(l, file, token, s)) {
            return s;
        }
    }

    uint32_t issuer = issuer_of(l, file, token);

    if (issuer == GH_IMAGE_ABSENT) {
        return issuer;
    }

    if (issuers_of(l)[issuer].n_shapes == GH_IMAGE_SHAPES_MAX) {
        gh_policy_word_t name = gh_policy_word(issuers_of(l)[issuer].name);

        gh_policy_link_complain(l, file, token->place,
                                "tokens of issuer \"%s\" are known by more "
                                "than %u different sets of claims; use the "
                                "same claims for all consumers",
                                name.text, GH_IMAGE_SHAPES_MAX);
        return GH_IMAGE_ABSENT;
    }

    gh_policy_token_shape_t shape = {
        .issuer = issuer, .file = file, .token = i, .n = token->image.claims.n
    };

    if (gh_policy_list_add(&l->shapes, l->a, &shape, 1) == NULL) {
        l->rc = GH_NOMEM;
        return GH_IMAGE_ABSENT;
    }

    issuers_of(l)[issuer].n_shapes++;
    return l->shapes.n - 1;
}


static uint32_t
issuer_of(gh_policy_link_t *l, uint32_t file, const gh_policy_token_t *token)
{
    gh_policy_issuer_t issuer = {
        gh_policy_part_str(gh_policy_link_part(l, file), token->image.issuer),
        0
    };

    for (uint32_t i = 0; i < l->issuers.n; i++) {
        if (gh_str_eq(issuers_of(l)[i].name, issuer.name)) {
            return i;
        }
    }

    issuer_check(l, file, token);

    if (l->issuers.n == GH_POLICY_ISSUERS_MAX) {
        gh_policy_link_complain(l, file, token->place,
                                "consumers name more than %d token issuers",
                                GH_POLICY_ISSUERS_MAX);
        return GH_IMAGE_ABSENT;
    }

    if (gh_policy_list_add(&l->issuers, l->a, &issuer, 1) == NULL) {
        l->rc = GH_NOMEM;
        return GH_IMAGE_ABSENT;
    }

    return l->issuers.n - 1;
}


static void
issuer_check(gh_policy_link_t *l, uint32_t file,
             const gh_policy_token_t *token)
{
    gh_str_t name =
        gh_policy_part_str(gh_policy_link_part(l, file), token->image.issuer);
    gh_policy_choices_t choices = { .word = name };

    if (l->env->issuer_known == NULL
        || l->env->issuer_known(l->env->ctx, name)) {
        return;
    }

    gh_policy_choices_text(&choices, l->env->issuers_text);
    gh_policy_link_complain(
        l, file, token->issuer_place, "unknown token issuer \"%s\"%s",
        gh_policy_word(name).text, gh_policy_advice(&choices, "issuers").text);
}


/* Claims are sorted by pointer: equal sets are equal lists. */
static bool
has_shape(const gh_policy_link_t *l, uint32_t file,
          const gh_policy_token_t *token, uint32_t shape)
{
    const gh_policy_token_shape_t *s = &shapes_of(l)[shape];
    const gh_policy_token_t *first =
        gh_policy_link_at(l, s->file, GH_POLICY_TOKENS, s->token);
    gh_str_t issuer =
        gh_policy_part_str(gh_policy_link_part(l, file), token->image.issuer);

    if (s->n != token->image.claims.n
        || !gh_str_eq(issuers_of(l)[s->issuer].name, issuer))
    {
        return false;
    }

    for (uint32_t i = 0; i < s->n; i++) {
        if (!gh_str_eq(pointer_of(l, file, token, i),
                       pointer_of(l, s->file, first, i)))
        {
            return false;
        }
    }

    return true;
}


static gh_str_t
pointer_of(const gh_policy_link_t *l, uint32_t file,
           const gh_policy_token_t *token, uint32_t i)
{
    const gh_ref_t *pair = gh_policy_link_at(l, file, GH_POLICY_REFS,
                                             token->image.claims.off + 2 * i);

    return gh_policy_part_str(gh_policy_link_part(l, file), *pair);
}


/*
 * By issuer, then the most claims first. Each is given its number by
 * counting those before it; there are a thousand at most.
 */
static void
sort_shapes(gh_policy_link_t *l)
{
    gh_policy_token_shape_t *shapes = shapes_of(l);

    for (uint32_t i = 0; i < l->shapes.n; i++) {
        shapes[i].sorted = 0;

        for (uint32_t j = 0; j < l->shapes.n; j++) {
            shapes[i].sorted += is_before(shapes, j, i);
        }
    }
}


static bool
is_before(const gh_policy_token_shape_t *shapes, uint32_t a, uint32_t b)
{
    const gh_policy_token_shape_t *first = &shapes[a], *second = &shapes[b];

    if (first->issuer != second->issuer) {
        return first->issuer < second->issuer;
    }

    return first->n > second->n || (first->n == second->n && a < b);
}


static gh_policy_issuer_t *
issuers_of(const gh_policy_link_t *l)
{
    return l->issuers.items;
}


static gh_policy_token_shape_t *
shapes_of(const gh_policy_link_t *l)
{
    return l->shapes.items;
}
