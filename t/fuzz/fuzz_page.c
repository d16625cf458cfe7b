/*
 * Pages from an operator's template and from what people and providers send:
 * no value becomes markup, whatever it is and wherever it stands. The first
 * byte is the page, then follow the template, a link, a token, a hint, an
 * origin and a form, each after a NUL.
 */

#include "fuzz.h"

#include "gh_page.h"

#include "gh_utf8.h"


#define PARTS 6
#define ROOM (2 * GH_PAGE_MAX)


static size_t
count(gh_str_t text, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += text.data[i] == c;
    }

    return n;
}


static size_t
times(gh_str_t text, gh_str_t what)
{
    size_t n = 0;

    for (size_t i = 0; i + what.len <= text.len; i++) {
        n += gh_str_eq((gh_str_t){ text.data + i, what.len }, what);
    }

    return n;
}


/* The markup is the template's, and one <input> for each field. */
static void
check_filled(gh_str_t template, const gh_page_values_t *values, gh_str_t page)
{
    size_t inputs = times(template, GH_STR("{{fields}}")) * values->form->n;

    require(page.len <= GH_PAGE_MAX);
    require(count(page, '<') == count(template, '<') + inputs);
    require(count(page, '>') == count(template, '>') + inputs);
    require(count(page, '"') == count(template, '"') + 6 * inputs);
    require(count(page, '\'') == count(template, '\''));
    require(!gh_utf8_valid(template) || gh_utf8_valid(page));
}


/* Ours has as much of it as with values that need no escaping. */
static void
check_ours(gh_page_t page, const gh_page_values_t *values, gh_str_t made,
           gh_buf_t *room)
{
    static gh_form_t form;
    gh_page_values_t plain = { .form = &form };

    form.n = values->form->n;

    for (size_t i = 0; i < form.n; i++) {
        form.fields[i] = (gh_form_field_t){ GH_STR("a"), GH_STR("b") };
    }

    plain.link = values->link.len > 0 ? GH_STR("/") : GH_STR("");
    plain.token = values->token.len > 0 ? GH_STR("t") : GH_STR("");
    plain.hint = values->hint.len > 0 ? GH_STR("h") : GH_STR("");

    require(gh_page_make(page, GH_STR(""), &plain, room) == GH_OK);

    for (const char *c = "<>\"'"; *c != '\0'; c++) {
        require(count(made, *c) == count(gh_buf_str(room), *c));
    }

    require(gh_utf8_valid(made));
}


static void
check_csp(gh_str_t source, gh_str_t origin)
{
    char room[1024];
    gh_buf_t out = GH_BUF(room);

    if (gh_page_csp_style(source, origin, &out) == GH_OK) {
        require(count(gh_buf_str(&out), ';') == 4);
        require(count(gh_buf_str(&out), ',') == 0);
        require(count(gh_buf_str(&out), '\r') == 0);
        require(count(gh_buf_str(&out), '\n') == 0);

    } else {
        require(out.len == 0);
    }
}


static void
check_page(gh_page_t page, const gh_str_t part[PARTS])
{
    char source_room[GH_PAGE_STYLE_MAX];
    gh_buf_t source = GH_BUF(source_room);
    gh_buf_t room = { malloc(ROOM), 0, ROOM };
    gh_buf_t out = { malloc(ROOM), 0, ROOM };
    gh_buf_t plain = { malloc(ROOM), 0, ROOM };
    gh_form_t form = { .n = 0 };
    const char *why;

    require(room.data != NULL && out.data != NULL && plain.data != NULL);

    if (gh_form_parse(part[5], &room, &form) != GH_OK) {
        form.n = 0;
    }

    const gh_page_values_t values = {
        .link = part[1], .token = part[2], .hint = part[3], .form = &form
    };

    if (gh_page_template(page, part[0], &source, &why) == GH_OK) {
        require(source.len > 0 && source.len <= GH_PAGE_STYLE_MAX);
        check_csp(gh_buf_str(&source), part[4]);

    } else {
        require(why != NULL && source.len == 0);
    }

    if (gh_page_make(page, part[0], &values, &out) != GH_OK) {
        require(out.len == 0);

    } else if (part[0].len > 0) {
        check_filled(part[0], &values, gh_buf_str(&out));

    } else {
        check_ours(page, &values, gh_buf_str(&out), &plain);
    }

    check_csp(GH_STR("'none'"), part[4]);

    free(room.data);
    free(out.data);
    free(plain.data);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t part[PARTS], rest;

    if (size == 0 || size > 4096) {
        return 0;
    }

    rest = (gh_str_t){ (const char *) data + 1, size - 1 };

    for (size_t i = 0; i < PARTS; i++) {
        part[i] =
            rest.data != NULL ? gh_str_cut(rest, '\0', &rest) : GH_STR("");
    }

    check_page((gh_page_t) (data[0] % GH_PAGE_COUNT), part);

    return 0;
}
