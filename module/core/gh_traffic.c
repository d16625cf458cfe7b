/*
 * The rules by which weights change. How they are written to the store is
 * gh_traffic_record.c; compare-and-set is the store's.
 */

#include "gh_traffic.h"


static size_t find(const gh_traffic_t *t, gh_str_t name);
static gh_rc_t read_words(const gh_traffic_t *now, const gh_str_t *words,
                          size_t n, gh_traffic_t *next, bool *given,
                          const char **message);
static gh_rc_t share_rest(const gh_traffic_t *now, const bool *given,
                          gh_traffic_t *next, const char **message);


gh_rc_t
gh_traffic_set(const gh_traffic_t *now, const gh_str_t *words, size_t n,
               gh_traffic_t *next, const char **message)
{
    bool given[GH_DEPLOYMENTS_MAX] = { false };
    gh_traffic_t t = *now;

    t.change = 0;

    if (read_words(now, words, n, &t, given, message) != GH_OK
        || share_rest(now, given, &t, message) != GH_OK)
    {
        return GH_INVALID;
    }

    *next = t;

    return GH_OK;
}


static gh_rc_t
read_words(const gh_traffic_t *now, const gh_str_t *words, size_t n,
           gh_traffic_t *next, bool *given, const char **message)
{
    if (n == 0) {
        *message = "no weight is given; such as green=10%";
        return GH_INVALID;
    }

    for (size_t i = 0; i < n; i++) {
        gh_str_t text;
        gh_str_t name = gh_str_cut(words[i], '=', &text);
        size_t at = find(now, name);
        uint32_t weight;

        if (gh_weight_parse(text, &weight) != GH_OK) {
            *message = "expected NAME=WEIGHT such as green=10% or green=0.5%";
            return GH_INVALID;
        }

        if (at == now->n) {
            *message = "there is no such deployment in this version";
            return GH_INVALID;
        }

        if (given[at]) {
            *message = "a deployment is given twice";
            return GH_INVALID;
        }

        given[at] = true;
        next->weights[at].weight = weight;
    }

    return GH_OK;
}


/* The deployments that were not given get what is left, in proportion. */
static gh_rc_t
share_rest(const gh_traffic_t *now, const bool *given, gh_traffic_t *next,
           const char **message)
{
    uint64_t taken = 0, others_had = 0;
    size_t others = 0, largest = 0;

    for (size_t i = 0; i < now->n; i++) {
        uint32_t had = now->weights[i].weight;

        if (given[i]) {
            taken += next->weights[i].weight;
            continue;
        }

        if (others == 0 || had > now->weights[largest].weight) {
            largest = i;
        }

        others++;
        others_had += had;
    }

    if (taken > GH_WEIGHT_ALL) {
        *message = "the weights add up to more than 100 %";
        return GH_INVALID;
    }

    uint64_t rest = GH_WEIGHT_ALL - taken, left = rest;

    if (rest > 0 && others == 0) {
        *message = "the weights add up to less than 100 %, and no deployment "
                   "is left to take the rest";
        return GH_INVALID;
    }

    if (rest > 0 && others_had == 0 && others > 1) {
        *message = "the rest would go to deployments that have no traffic; "
                   "give their weights, too";
        return GH_INVALID;
    }

    for (size_t i = 0; i < now->n; i++) {
        if (!given[i]) {
            uint64_t share = others_had == 0
                                 ? 0
                                 : rest * now->weights[i].weight / others_had;

            next->weights[i].weight = (uint32_t) share;
            left -= share;
        }
    }

    if (others > 0) {
        next->weights[largest].weight += (uint32_t) left;
    }

    return GH_OK;
}


gh_rc_t
gh_traffic_switch(const gh_traffic_t *now, gh_str_t name, gh_traffic_t *next)
{
    gh_traffic_t t = *now;
    size_t at = find(now, name);

    if (at == now->n) {
        return GH_ABSENT;
    }

    for (size_t i = 0; i < t.n; i++) {
        t.weights[i].weight = i == at ? GH_WEIGHT_ALL : 0;
    }

    t.change = 0;
    *next = t;

    return GH_OK;
}


bool
gh_traffic_fits(const gh_traffic_t *t, const gh_str_t *names, size_t n)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t at = 0;

        while (at < n && !gh_str_eq(names[at], gh_str(t->weights[i].name))) {
            at++;
        }

        if (at == n) {
            return false;
        }
    }

    return true;
}


/* t->n when there is none. */
static size_t
find(const gh_traffic_t *t, gh_str_t name)
{
    size_t at = 0;

    while (at < t->n && !gh_str_eq(gh_str(t->weights[at].name), name)) {
        at++;
    }

    return at;
}
