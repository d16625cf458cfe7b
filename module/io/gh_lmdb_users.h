/*
 * Who else has the embedded store open.
 */

#ifndef GH_LMDB_USERS_H
#define GH_LMDB_USERS_H

#include "gh_lmdb.h"


/*
 * Processes beside this one that have read from it since they opened it, as
 * workers do when they start; slots of dead ones are cleared before.
 */
gh_rc_t gh_lmdb_users(gh_lmdb_t *db, unsigned *n);


#endif
