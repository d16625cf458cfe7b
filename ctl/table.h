/*
 * Columns for people.
 */

#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "ctl.h"

#define CTL_TABLE_COLUMNS_MAX 8


/* Zeroed but for columns. The first row is the heading. */
typedef struct {
    size_t columns;
    size_t n; /* rows */
    const char **cells;
    size_t widths[CTL_TABLE_COLUMNS_MAX];
} ctl_table_t;


/* Cells live as long as the table; fit for a terminal already. */
void ctl_table_row(ctl_t *c, ctl_table_t *t, const char *const *cells);
/* Nothing with --json. */
void ctl_table_print(const ctl_t *c, const ctl_table_t *t);


#endif
