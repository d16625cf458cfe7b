/*
 * Columns as wide as their widest cell, the last one as it is.
 */

#include "table.h"

#include <stdio.h>


static size_t width(const char *s);


void
ctl_table_row(ctl_t *c, ctl_table_t *t, const char *const *cells)
{
    t->cells =
        ctl_grow(&c->arena, t->cells, t->n, t->columns * sizeof(*t->cells));

    for (size_t i = 0; i < t->columns; i++) {
        size_t wide = width(cells[i]);

        t->cells[t->n * t->columns + i] = cells[i];

        if (wide > t->widths[i]) {
            t->widths[i] = wide;
        }
    }

    t->n++;
}


/* Characters of UTF-8, not bytes. */
static size_t
width(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char) *s & 0xc0) != 0x80;
    }

    return n;
}


void
ctl_table_print(const ctl_t *c, const ctl_table_t *t)
{
    if (c->json) {
        return;
    }

    for (size_t row = 0; row < t->n; row++) {
        const char *const *cells = t->cells + row * t->columns;
        size_t last = t->columns - 1;

        while (last > 0 && cells[last][0] == '\0') {
            last--;
        }

        for (size_t i = 0; i < last; i++) {
            (void) printf("%s%*s", cells[i],
                          (int) (t->widths[i] - width(cells[i]) + 2), "");
        }

        (void) printf("%s\n", cells[last]);
    }
}
