/*
 * A process that holds the lock that writers of a store share, until it is
 * told otherwise on its standard input. It says "held" when it has it.
 *
 *     holder DIRECTORY
 */

#include "gh_lmdb_inside.h"

#include <stdio.h>


int
main(int argc, char **argv)
{
    gh_lmdb_options_t o = { 0 };
    char why[GH_LMDB_WHY];
    gh_lmdb_batch_t b;
    gh_lmdb_t *db;

    if (argc != 2) {
        return 2;
    }

    o.directory = gh_str(argv[1]);
    o.uid = o.gid = UINT32_MAX;

    if (gh_lmdb_open(&o, &db, why, sizeof(why)) != GH_OK) {
        (void) fprintf(stderr, "%s\n", why);
        return 1;
    }

    if (gh_lmdb_batch_begin(db, &b, NULL, 0) != 0) {
        return 1;
    }

    (void) puts("held");
    (void) fflush(stdout);
    (void) getchar();

    mdb_txn_abort(b.txn);
    gh_lmdb_close(db);

    return 0;
}
