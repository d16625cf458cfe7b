/*
 * Complaints about policies: words quoted so that nothing odd reaches a
 * terminal or a log, the choices there were, and the nearest spelling.
 */

#ifndef GH_POLICY_ERROR_H
#define GH_POLICY_ERROR_H

#include "gh_policy.h"
#include "gh_policy_part.h"


/* A word of a document made fit for a message: cut, bytes outside printable
 * ASCII as '?'; NUL-terminated. */
typedef struct {
    char text[72];
} gh_policy_word_t;

/* What a word might have meant. Zeroed but for `word`. */
typedef struct {
    gh_str_t word;
    unsigned distance; /* of `best`; 0: there is none */
    gh_policy_word_t best;
    size_t n;
    char list[160]; /* the first of them, NUL-terminated */
    size_t list_len;
    size_t listed;
} gh_policy_choices_t;


gh_policy_word_t gh_policy_word(gh_str_t s);

/* A path, cut from the left. */
typedef struct {
    char text[112];
} gh_policy_path_t;

gh_policy_path_t gh_policy_path(gh_str_t path);

/*
 * Adds one complaint, cut to its room; the same one twice is kept once.
 * errors may be NULL. place 0:0 means the file as a whole.
 */
void gh_policy_error_add(gh_policy_errors_t *errors, gh_str_t file,
                         gh_policy_place_t place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds again what was kept. */
void gh_policy_error_again(gh_policy_errors_t *errors,
                           const gh_policy_error_t *e);

void gh_policy_choice(gh_policy_choices_t *c, gh_str_t candidate);

/* "; did you mean "gold"? plans are: gold, silver" for the noun "plans". */
typedef struct {
    char text[280];
} gh_policy_advice_t;

gh_policy_advice_t gh_policy_advice(const gh_policy_choices_t *c,
                                    const char *nouns);


#endif
