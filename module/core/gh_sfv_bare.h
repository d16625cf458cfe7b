/*
 * The atoms of structured fields: keys and bare items. For the files of
 * gh_sfv only.
 */

#ifndef GH_SFV_BARE_H
#define GH_SFV_BARE_H

#include "gh_sfv.h"


/* Reads one from the beginning of *rest, which moves behind it; sets type,
 * text and number. GH_INVALID. */
gh_rc_t gh_sfv_bare(gh_str_t *rest, gh_sfv_t *out);
gh_rc_t gh_sfv_key(gh_str_t *rest, gh_str_t *key);

/* Appends its canonical form. GH_TOO_LONG: does not fit. */
gh_rc_t gh_sfv_add_bare(const gh_sfv_t *item, gh_buf_t *out);


#endif
