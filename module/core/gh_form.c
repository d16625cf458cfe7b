/*
 * Reads and writes application/x-www-form-urlencoded (WHATWG URL sections
 * 5.1 and 5.2), but refuses on the way in what a browser would repair.
 */

#include "gh_form.h"

#include "gh_target_bytes.h"
#include "gh_utf8.h"


static gh_rc_t add_item(gh_str_t item, gh_buf_t *room, gh_form_t *out);
static gh_rc_t decode(gh_str_t text, gh_buf_t *room, gh_str_t *out);
static bool stays(char c);


gh_rc_t
gh_form_parse(gh_str_t text, gh_buf_t *room, gh_form_t *out)
{
    size_t before = room->len;

    out->n = 0;

    if (text.len > room->cap - room->len) {
        return GH_TOO_LONG;
    }

    while (text.data != NULL) {
        gh_str_t item = gh_str_cut(text, '&', &text);
        gh_rc_t rc = item.len == 0 ? GH_OK : add_item(item, room, out);

        if (rc != GH_OK) {
            room->len = before;
            out->n = 0;
            return rc;
        }
    }

    return GH_OK;
}


static gh_rc_t
add_item(gh_str_t item, gh_buf_t *room, gh_form_t *out)
{
    gh_form_field_t *field = &out->fields[out->n];
    gh_str_t value;
    gh_str_t name = gh_str_cut(item, '=', &value);

    if (out->n == GH_FORM_FIELDS_MAX) {
        return GH_FULL;
    }

    if (decode(name, room, &field->name) != GH_OK
        || decode(value, room, &field->value) != GH_OK)
    {
        return GH_INVALID;
    }

    out->n++;

    return GH_OK;
}


/* The room is there: nothing becomes longer by being decoded. */
static gh_rc_t
decode(gh_str_t text, gh_buf_t *room, gh_str_t *out)
{
    size_t begin = room->len;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '+') {
            c = ' ';

        } else if (c == '%') {
            int escaped = gh_path_escaped(text.data + i, text.data + text.len);

            if (escaped < 0) {
                return GH_INVALID;
            }

            c = (char) (unsigned char) escaped;
            i += 2;
        }

        if (c == '\0' || gh_buf_add_char(room, c) != GH_OK) {
            return GH_INVALID;
        }
    }

    *out = (gh_str_t){ "", 0 };

    if (room->len > begin) {
        *out = (gh_str_t){ room->data + begin, room->len - begin };
    }

    return gh_utf8_valid(*out) ? GH_OK : GH_INVALID;
}


gh_rc_t
gh_form_one(const gh_form_t *form, gh_str_t name, gh_str_t *value)
{
    const gh_form_field_t *found = NULL;

    for (size_t i = 0; i < form->n; i++) {
        if (!gh_str_eq(form->fields[i].name, name)) {
            continue;
        }

        if (found != NULL) {
            return GH_CONFLICT;
        }

        found = &form->fields[i];
    }

    if (found == NULL) {
        return GH_ABSENT;
    }

    *value = found->value;

    return GH_OK;
}


gh_rc_t
gh_form_add(gh_buf_t *out, gh_str_t name, gh_str_t value)
{
    size_t before = out->len;
    gh_rc_t rc = GH_OK;

    if (before > 0 && out->data[before - 1] != '?') {
        rc = gh_buf_add_char(out, '&');
    }

    if (rc == GH_OK) {
        rc = gh_form_encode(name, out);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '=');
    }

    if (rc == GH_OK) {
        rc = gh_form_encode(value, out);
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


gh_rc_t
gh_form_encode(gh_str_t text, gh_buf_t *out)
{
    static const char hex[] = "0123456789ABCDEF";

    size_t before = out->len;
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < text.len && rc == GH_OK; i++) {
        unsigned char c = (unsigned char) text.data[i];

        if (c == ' ') {
            rc = gh_buf_add_char(out, '+');

        } else if (stays(text.data[i])) {
            rc = gh_buf_add_char(out, text.data[i]);

        } else {
            char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

            rc = gh_buf_add(out, (gh_str_t){ escape, sizeof(escape) });
        }
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


/* The application/x-www-form-urlencoded percent-encode set, turned round. */
static bool
stays(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '*' || c == '-' || c == '.'
           || c == '_';
}
