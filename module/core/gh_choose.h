/*
 * Weighted rendezvous hashing: which deployment a sticky key belongs to, so
 * that raising a weight never moves a key away from the raised side.
 * Integer arithmetic only, equal on every machine.
 */

#ifndef GH_CHOOSE_H
#define GH_CHOOSE_H

#include "gh_bytes.h"

#define GH_DEPLOYMENTS_MAX 16


typedef struct {
    uint64_t name_hash; /* gh_choose_hash of the deployment's name */
    uint32_t weight;    /* hundredths of a percent; 0 is never chosen */
} gh_choice_t;


/* Fixed, public hash: nodes must agree. */
uint64_t gh_choose_hash(gh_str_t s);

/*
 * Index of the winner for key_hash, -1 when all weights are 0; the order of
 * the choices does not matter. Each wins in proportion to its weight (above
 * GH_WEIGHT_ALL counts as that).
 *
 * Moving weight from A to B: nobody leaves B, nobody arrives at A. Of two
 * sides that means that only keys of A move, and only to B. A third side C
 * that keeps its weight gets some keys of A and gives about as many to B;
 * among sides that keep theirs nobody moves. Only proportions count: all
 * weights times one factor moves nobody, so raising B while all others
 * shrink in proportion moves keys to B and nowhere else.
 */
int gh_choose(const gh_choice_t *choices, size_t n, uint64_t key_hash);

/*
 * Parses "10%", "12.5%", "0.01%", "100%" to hundredths of a percent.
 * GH_INVALID: finer than 0.01 %, above 100 %, or no percent sign.
 */
gh_rc_t gh_weight_parse(gh_str_t text, uint32_t *out);
gh_rc_t gh_weight_text(uint32_t weight, gh_buf_t *out); /* "12.5%" */


#endif
