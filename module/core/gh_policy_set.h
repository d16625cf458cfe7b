/*
 * The files of a policy set, in the order of their paths, and what linking
 * and compiling share.
 */

#ifndef GH_POLICY_SET_H
#define GH_POLICY_SET_H

#include "gh_policy_part.h"
#include "gh_policy.h"


typedef struct {
    gh_str_t path; /* in the same block */
    uint64_t stamp;
    bool broken;
    bool borrowed; /* what its part's lists hold */
    gh_policy_part_t part;
    gh_policy_error_t *errors; /* owned, of a broken file */
    size_t n_errors, more;
} gh_policy_source_t;

struct gh_policy_set_s {
    const gh_alloc_t *a;
    gh_policy_list_t files; /* gh_policy_source_t *, sorted by path */
};


const gh_policy_source_t *gh_policy_set_at(const gh_policy_set_t *set,
                                           uint32_t i);
/* Adds what was complained about when the file was read. */
void gh_policy_file_errors(const gh_policy_source_t *file,
                           gh_policy_errors_t *errors);


#endif
