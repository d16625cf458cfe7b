/*
 * nginx.conf as the tool reads it: the words that nginx would see, includes,
 * blocks of Lua, and what is refused.
 */

#include "gh_test.h"
#include "gh_test_dir.h"

#include "conf.h"
#include "conf_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


typedef struct {
    ctl_arena_t arena;
    ctl_conf_t conf;
    char path[512];
} story_t;


static int
begin(void **state)
{
    story_t *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    (void) gh_test_dir();
    (void) snprintf(s->path, sizeof(s->path), "%s",
                    gh_test_path("nginx.conf"));
    *state = s;

    return 0;
}


static int
end(void **state)
{
    story_t *s = *state;

    ctl_arena_clear(&s->arena);
    free(s);
    gh_test_dir_end();

    return 0;
}


static void
write_file(const char *name, const char *text)
{
    FILE *f = fopen(gh_test_path(name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


static gh_rc_t
read_conf(story_t *s, const char *text)
{
    write_file("nginx.conf", text);

    return ctl_conf_read(&s->arena, s->path, &s->conf);
}


/* The words of the first directive, joined by bars. */
static const char *
first_words(story_t *s, const char *text)
{
    const ctl_directive_t *d;
    char *joined;

    assert_int_equal(read_conf(s, text), GH_OK);

    d = s->conf.root.first;
    assert_non_null(d);
    joined = ctl_text(&s->arena, "%s", d->words[0]);

    for (size_t i = 1; i < d->n; i++) {
        joined = ctl_text(&s->arena, "%s|%s", joined, d->words[i]);
    }

    return joined;
}


static void
words_are_those_that_nginx_sees(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "user www-data;", "user|www-data" },
        { "user\n\twww-data\r\n;", "user|www-data" },
        { "a b;c d;", "a|b" },
        { "# comment\na #b\n c;", "a|c" },
        { "a b#c;", "a|b#c" },
        { "a \"b c\" 'd;e';", "a|b c|d;e" },
        { "a \"b\\\"c\" 'd\\'e';", "a|b\"c|d'e" },
        { "a 'it''s';", NULL },
        { "a b\\ c;", "a|b\\ c" },
        { "a b\\;c;", "a|b\\;c" },
        { "a \\\\b\\tc;", "a|\\b\tc" },
        { "a \"\";", "a|" },
        { "a ${b}c {}", "a|${b}c" },
        { "a $b{}", "a|$b" },
        { "if ($a = \"b\") { c d; }", "if|($a|=|b|)" },
        { "a \"multi\nline\";", "a|multi\nline" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].words == NULL) {
            assert_int_equal(read_conf(*state, cases[i].text), GH_INVALID);
        } else {
            assert_string_equal(first_words(*state, cases[i].text),
                                cases[i].words);
        }
    }
}


static void
blocks_nest_and_lines_are_counted(void **state)
{
    story_t *s = *state;
    const ctl_directive_t *http, *server, *listen;

    assert_int_equal(read_conf(s, "http {\n"
                                  "  server { listen 80; }\n"
                                  "  server {\n"
                                  "    listen '8\n"
                                  "0';\n"
                                  "    listen 443;\n"
                                  "  }\n"
                                  "}\n"),
                     GH_OK);

    http = ctl_conf_next(&s->conf.root, "http", NULL);
    assert_non_null(http);
    assert_true(http->block);

    server =
        ctl_conf_next(http, "server", ctl_conf_next(http, "server", NULL));
    assert_non_null(server);
    assert_ptr_equal(server->parent, http);
    assert_null(ctl_conf_next(http, "server", server));

    listen = ctl_conf_next(server, "listen", NULL);
    assert_int_equal(listen->line, 4);
    listen = ctl_conf_next(server, "listen", listen);
    assert_int_equal(listen->line, 6);
    assert_string_equal(listen->words[1], "443");
}


static void
includes_stand_where_they_are_included(void **state)
{
    story_t *s = *state;
    const ctl_directive_t *d;

    write_file("b.inc", "two 2; include c.inc;");
    write_file("c.inc", "three 3;");

    assert_int_equal(
        read_conf(s, "one 1; include b.inc; four 4; include nothing-*.inc;"),
        GH_OK);

    d = s->conf.root.first;
    assert_string_equal(d->words[0], "one");
    d = ctl_conf_next(&s->conf.root, "three", NULL);
    assert_non_null(d);
    assert_ptr_equal(d->parent, &s->conf.root);
    assert_non_null(strstr(d->file, "c.inc"));
    assert_non_null(ctl_conf_next(&s->conf.root, "four", d));
}


static void
a_glob_includes_every_match_in_order(void **state)
{
    story_t *s = *state;
    const ctl_directive_t *d;

    write_file("site-b.inc", "site b;");
    write_file("site-a.inc", "site a;");

    assert_int_equal(read_conf(s, "include site-*.inc;"), GH_OK);

    d = ctl_conf_next(&s->conf.root, "site", NULL);
    assert_string_equal(d->words[1], "a");
    d = ctl_conf_next(&s->conf.root, "site", d);
    assert_string_equal(d->words[1], "b");
}


static void
a_file_that_includes_itself_is_refused(void **state)
{
    story_t *s = *state;

    write_file("a.inc", "\ninclude b.inc;");
    write_file("b.inc", "include a.inc;");

    assert_int_equal(read_conf(s, "include a.inc;"), GH_INVALID);
    assert_non_null(strstr(s->conf.why, "b.inc:1: "));
    assert_non_null(strstr(s->conf.why, "includes itself"));
}


static void
one_file_may_be_included_twice(void **state)
{
    story_t *s = *state;

    write_file("a.inc", "x y;");

    assert_int_equal(read_conf(s, "a { include a.inc; } "
                                  "b { include a.inc; }"),
                     GH_OK);
}


static void
a_missing_include_says_where(void **state)
{
    story_t *s = *state;

    assert_int_equal(read_conf(s, "\n\ninclude gone.inc;"), GH_INVALID);
    assert_non_null(strstr(s->conf.why, "nginx.conf:3: include "));
    assert_non_null(strstr(s->conf.why, "No such file"));
}


static void
a_file_we_may_not_read_is_passed_over_and_remembered(void **state)
{
    story_t *s = *state;

    write_file("secret.inc", "a b;");
    write_file("nginx.conf", "include secret.inc; c d;");
    assert_int_equal(chmod(gh_test_path("secret.inc"), 0), 0);
    assert_int_equal(chmod(gh_test_path(""), 0755), 0);

    if (geteuid() == 0) {
        assert_int_equal(seteuid(65534), 0);
    }

    assert_int_equal(ctl_conf_read(&s->arena, s->path, &s->conf), GH_OK);

    if (getuid() == 0) {
        assert_int_equal(seteuid(0), 0);
    }

    assert_non_null(s->conf.unread);
    assert_non_null(strstr(s->conf.unread, "secret.inc"));
    assert_non_null(ctl_conf_next(&s->conf.root, "c", NULL));
}


static void
lua_is_passed_over_whatever_is_in_it(void **state)
{
    static const char *const blocks[] = {
        "content_by_lua_block { ngx.say(\"}\") }",
        "content_by_lua_block { local a = '\\'}' }",
        "access_by_lua_block { if a then b = { c = { } } end }",
        "access_by_lua_block { -- a } in a comment\n local d = 1 }",
        "access_by_lua_block { --[[ } \n } ]] local d = 1 }",
        "access_by_lua_block { --[==[ ]] } ]==] local d = 1 }",
        "set_by_lua_block $x { return [[ } ]] }",
        "init_by_lua_block { return [=[ ]] } ]=] }",
        "init_by_lua_block { return t[a[1]] }",
    };
    story_t *s = *state;

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        const char *text = ctl_text(&s->arena, "%s\nafter it;", blocks[i]);

        if (read_conf(s, text) != GH_OK) {
            fail_msg("%s: %s", blocks[i], s->conf.why);
        }

        if (ctl_conf_next(&s->conf.root, "after", NULL) == NULL) {
            fail_msg("nothing after: %s", blocks[i]);
        }
    }
}


static void
what_is_no_configuration_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "\na b", ":2: \"a\" is not ended by" },
        { "a {", ":1: a block is not closed" },
        { "a; }", ":1: unexpected \"}\"" },
        { ";", ":1: unexpected \";\"" },
        { "a; {}", ":1: unexpected \"{\"" },
        { "a { b }", ":1: unexpected \"}\"" },
        { "a \"b", ":1: a quote is not closed" },
        { "a \"b\"c;", ":1: something follows a closing quote" },
        { "content_by_lua_block { '", ":1: a block of Lua is not closed" },
        { "include a b;", ":1: include takes one name" },
    };
    story_t *s = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_conf(s, cases[i].text), GH_INVALID);

        if (strstr(s->conf.why, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].text, s->conf.why);
        }
    }

    assert_int_equal(
        ctl_conf_read(&s->arena, "/nonexistent/nginx.conf", &s->conf),
        GH_UNAVAILABLE);
}


static void
blocks_without_end_do_not_eat_the_stack(void **state)
{
    story_t *s = *state;
    size_t n = 100000;
    char *text = ctl_alloc(&s->arena, 2 * n + 1);

    for (size_t i = 0; i < n; i++) {
        text[2 * i] = 'a';
        text[2 * i + 1] = '{';
    }

    assert_int_equal(read_conf(s, text), GH_INVALID);
    assert_non_null(strstr(s->conf.why, "nested too deep"));
}


static void
any_cut_of_a_configuration_is_read_to_its_end(void **state)
{
    static const char text[] =
        "a 'b\\'c' \"d\" ${e}; x_by_lua_block { --[==[ ]] ]==] '\\'' [[a]] } "
        "if ($a = \"b\") { c \\; d; } # e\n";
    story_t *s = *state;

    for (size_t len = 0; len < sizeof(text); len++) {
        char *exact = gh_test_exact((gh_str_t){ text, len });
        ctl_conf_text_t t = { exact, exact + len, 1 };
        unsigned line;
        char *word;

        while (t.p < t.end) {
            if (ctl_conf_token(&s->arena, &t, &word, &line) == CTL_CONF_OPEN) {
                (void) ctl_conf_skip_lua(&t);
            }
        }

        free(exact);
    }
}


static void
relative_names_begin_where_the_configuration_is(void **state)
{
    story_t *s = *state;

    assert_int_equal(read_conf(s, ""), GH_OK);

    assert_string_equal(ctl_conf_path(&s->arena, &s->conf, "policies"),
                        gh_test_path("policies"));
    assert_string_equal(ctl_conf_path(&s->arena, &s->conf, "/etc/x"),
                        "/etc/x");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
        STORY(words_are_those_that_nginx_sees),
        STORY(blocks_nest_and_lines_are_counted),
        STORY(includes_stand_where_they_are_included),
        STORY(a_glob_includes_every_match_in_order),
        STORY(a_file_that_includes_itself_is_refused),
        STORY(one_file_may_be_included_twice),
        STORY(a_missing_include_says_where),
        STORY(a_file_we_may_not_read_is_passed_over_and_remembered),
        STORY(lua_is_passed_over_whatever_is_in_it),
        STORY(what_is_no_configuration_is_refused_with_its_line),
        STORY(blocks_without_end_do_not_eat_the_stack),
        STORY(any_cut_of_a_configuration_is_read_to_its_end),
        STORY(relative_names_begin_where_the_configuration_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
