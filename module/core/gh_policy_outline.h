/*
 * Is it JSON? A document is judged entry by entry, so that memory is bounded
 * by the largest entry and not by the file.
 */

#ifndef GH_POLICY_OUTLINE_H
#define GH_POLICY_OUTLINE_H

#include "gh_policy_read.h"


/*
 * Reads rd's text from its beginning. True: an object with no member twice,
 * and plans, consumers and services, where they are objects, hold values
 * that are JSON; names of entries are yet to be judged, and may come twice.
 * False: complained about, or rd->rc is GH_NOMEM.
 */
bool gh_policy_outline(gh_policy_reader_t *rd);


#endif
