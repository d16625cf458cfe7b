/*
 * Forms: what is read is UTF-8 without NULs, and comes back when written.
 */

#include "fuzz.h"

#include "gh_form.h"

#include "gh_utf8.h"


static bool
same(const gh_form_field_t *a, const gh_form_field_t *b)
{
    return gh_str_eq(a->name, b->name) && gh_str_eq(a->value, b->value);
}


static void
write_and_read(const gh_form_t *form, size_t size)
{
    size_t cap = 3 * size + 2 * GH_FORM_FIELDS_MAX + 1;
    gh_buf_t text = { malloc(cap), 0, cap }, room = { malloc(cap), 0, cap };
    gh_form_t again;
    size_t n = 0;

    require(text.data != NULL && room.data != NULL);

    for (size_t i = 0; i < form->n; i++) {
        require(gh_form_add(&text, form->fields[i].name, form->fields[i].value)
                == GH_OK);
    }

    require(gh_form_parse(gh_buf_str(&text), &room, &again) == GH_OK);
    require(again.n == form->n);

    for (size_t i = 0; i < form->n; i++) {
        gh_str_t value;
        gh_rc_t rc = gh_form_one(form, form->fields[i].name, &value);

        n += same(&form->fields[i], &again.fields[i]);
        require(rc == GH_OK || rc == GH_CONFLICT);
    }

    require(n == form->n);
    free(text.data);
    free(room.data);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1), *room = malloc(size + 1);
    gh_buf_t out = { room, 0, size };
    gh_form_t form;

    require(copy != NULL && room != NULL);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    if (gh_form_parse((gh_str_t){ copy, size }, &out, &form) == GH_OK) {
        require(gh_utf8_valid(gh_buf_str(&out)));
        require(memchr(room, '\0', out.len) == NULL);
        write_and_read(&form, size);

    } else {
        require(out.len == 0 && form.n == 0);
    }

    free(copy);
    free(room);

    return 0;
}
