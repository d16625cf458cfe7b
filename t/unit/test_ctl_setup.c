/*
 * What the tool learns from nginx.conf: the same defaults as the module, the
 * names that policies may use, and where to ask for the status.
 */

#include "gh_test.h"
#include "gh_test_dir.h"

#include "setup.h"

#include <stdio.h>
#include <stdlib.h>


typedef struct {
    ctl_arena_t arena;
    ctl_setup_t setup;
} story_t;


static int
begin(void **state)
{
    *state = calloc(1, sizeof(story_t));
    assert_non_null(*state);

    return gh_test_dir_setup(state) == 0 ? 0 : 1;
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


static const ctl_setup_t *
setup(story_t *s, const char *text)
{
    const char *path = gh_test_path("nginx.conf");
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(ctl_setup_read(&s->arena, path, &s->setup), GH_OK);

    return &s->setup;
}


static void
without_a_word_the_defaults_are_the_modules(void **state)
{
    const ctl_setup_t *s = setup(*state, "http { }");

    assert_string_equal(s->state, GH_STATE_DIR);
    assert_null(s->policies);
    assert_int_equal(s->n_secrets, 0);
    assert_int_equal(s->map_bytes, 0);
    assert_int_equal(s->n_listeners, 0);
    assert_null(s->user);
    assert_string_equal(s->upstreams.text, "");
}


static void
policies_store_and_root_keys_are_found(void **state)
{
    const ctl_setup_t *s =
        setup(*state, "user www-data staff;\n"
                      "http {\n"
                      "  gatehouse_policies rules;\n"
                      "  gatehouse_store lmdb:/srv/gh?size=64m;\n"
                      "  gatehouse_secret file:/k/new file:old;\n"
                      "}");

    assert_string_equal(s->user, "www-data");
    assert_string_equal(s->policies, gh_test_path("rules"));
    assert_string_equal(s->state, "/srv/gh");
    assert_int_equal(s->map_bytes, 64 << 20);
    assert_int_equal(s->n_secrets, 2);
    assert_string_equal(s->secrets[0], "/k/new");
    assert_string_equal(s->secrets[1], gh_test_path("old"));
}


static void
the_store_of_the_test_backend_is_the_one_behind_it(void **state)
{
    const ctl_setup_t *s =
        setup(*state, "http { gatehouse_store "
                      "test:lmdb:/srv/gh?seed=7&size=1g&fail=9; }");

    assert_string_equal(s->state, "/srv/gh");
    assert_int_equal(s->map_bytes, 1 << 30);
}


static void
another_kind_of_store_has_no_directory(void **state)
{
    const ctl_setup_t *s =
        setup(*state, "http { gatehouse_store sqlite:/a; }");

    assert_null(s->state);
    assert_false(s->shared);
    assert_string_equal(s->store, "sqlite:/a");
}


static void
an_address_of_redis_is_taken_apart(void **state)
{
    const ctl_setup_t *s =
        setup(*state, "http { gatehouse_store "
                      "rediss://[::1]:7/3?timeout=1s&state=/srv/gh; }");

    assert_true(s->shared);
    assert_true(s->redis.tls);
    assert_string_equal(s->redis.host, "[::1]");
    assert_string_equal(s->redis.port, "7");
    assert_int_equal(s->redis.database, 3);
    assert_string_equal(s->state, "/srv/gh");
}


static void
a_block_of_redis_is_found_by_its_name(void **state)
{
    const ctl_setup_t *s =
        setup(*state, "http {"
                      "  gatehouse_redis other { server other; }"
                      "  gatehouse_redis mine {"
                      "    server redis://unix:/run/redis.sock; database 2;"
                      "    username gate; password file:/etc/secret; }"
                      "  gatehouse_store redis=mine; }");

    assert_true(s->shared);
    assert_false(s->redis.tls);
    assert_null(s->redis.host);
    assert_string_equal(s->redis.path, "/run/redis.sock");
    assert_string_equal(s->redis.username, "gate");
    assert_string_equal(s->redis_password, "/etc/secret");
    assert_int_equal(s->redis.database, 2);
    assert_string_equal(s->state, GH_STATE_DIR);
}


static void
a_host_alone_has_the_usual_port(void **state)
{
    const ctl_setup_t *s =
        setup(*state, "http { gatehouse_store redis://redis.example; }");

    assert_string_equal(s->redis.host, "redis.example");
    assert_string_equal(s->redis.port, "6379");
}


static void
names_of_upstreams_and_issuers_are_known(void **state)
{
    const ctl_setup_t *s =
        setup(*state, "http {\n"
                      "  upstream b { server x; } upstream a { server y; }\n"
                      "  gatehouse_token_issuer partners { issuer z; }\n"
                      "  gatehouse_oidc_provider people { issuer y; }\n"
                      "  gatehouse_oidc_provider staff { audience a; }\n"
                      "  server { location / { proxy_pass http://c; } }\n"
                      "}\n"
                      "stream { upstream d { server x; } }");

    assert_true(ctl_names_have(&s->upstreams, GH_STR("a")));
    assert_true(ctl_names_have(&s->upstreams, GH_STR("b")));
    assert_false(ctl_names_have(&s->upstreams, GH_STR("c")));
    assert_false(ctl_names_have(&s->upstreams, GH_STR("d")));
    assert_false(ctl_names_have(&s->upstreams, GH_STR("")));
    assert_string_equal(s->upstreams.text, "a, b");
    assert_string_equal(s->issuers.text, "partners, staff");
}


static void
many_names_are_cut_in_messages_only(void **state)
{
    story_t *s = *state;
    char *text = ctl_text(&s->arena, "http {");

    for (int i = 0; i < 200; i++) {
        text = ctl_text(&s->arena, "%s upstream orders_%d { }", text, i);
    }

    (void) setup(s, ctl_text(&s->arena, "%s }", text));

    assert_int_equal(s->setup.upstreams.n, 200);
    assert_true(ctl_names_have(&s->setup.upstreams, GH_STR("orders_199")));
    assert_true(strlen(s->setup.upstreams.text) < 300);
    assert_non_null(strstr(s->setup.upstreams.text, ", ..."));
}


static void
the_status_is_asked_where_it_listens(void **state)
{
    static const struct {
        const char *server, *host, *port, *path;
    } cases[] = {
        { "listen 127.0.0.1:9145; gatehouse_status;", "127.0.0.1", "9145",
          "" },
        { "listen 9145; gatehouse_status;", "127.0.0.1", "9145", "" },
        { "listen *:9145; gatehouse_status;", "127.0.0.1", "9145", "" },
        { "listen 0.0.0.0:9145; gatehouse_status;", "127.0.0.1", "9145", "" },
        { "listen [::]:9145; gatehouse_status;", "::1", "9145", "" },
        { "listen [::1]:9145; gatehouse_status;", "::1", "9145", "" },
        { "listen localhost:9145; gatehouse_status;", "localhost", "9145",
          "" },
        { "listen 10.0.0.1; gatehouse_status allow=10.0.0.0/8;", "10.0.0.1",
          "80", "" },
        { "gatehouse_status;", "127.0.0.1", "80", "" },
        { "listen unix:/run/gh.sock; gatehouse_status;", "/run/gh.sock", "80",
          "" },
        { "listen 1; location /gh/ { gatehouse_status; }", "127.0.0.1", "1",
          "/gh" },
        { "listen 1; location ^~ /gh { gatehouse_status; }", "127.0.0.1", "1",
          "/gh" },
        { "listen 1; location = /gh/status { gatehouse_status; }", "127.0.0.1",
          "1", "/gh" },
        { "listen 1; location / { location /a/ { gatehouse_status; } }",
          "127.0.0.1", "1", "/a" },
        { "listen 1; location ~ /(status|ready)$ { gatehouse_status; }",
          "127.0.0.1", "1", "" },
        { "listen 443 ssl; listen 9145; gatehouse_status;", "127.0.0.1",
          "9145", "" },
    };
    story_t *s = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const ctl_listener_t *l = &s->setup.listeners[0];

        (void) setup(s, ctl_text(&s->arena,
                                 "http { server { listen 1; } server { %s } }",
                                 cases[i].server));

        assert_true(s->setup.n_listeners > 0);
        assert_false(l->tls);

        if (strcmp(l->host, cases[i].host) != 0
            || strcmp(l->port, cases[i].port) != 0
            || strcmp(l->path, cases[i].path) != 0)
        {
            fail_msg("%s: %s %s %s", cases[i].server, l->host, l->port,
                     l->path);
        }
    }
}


static void
the_name_that_is_asked_for_is_one_that_answers(void **state)
{
    story_t *s = *state;

    (void) setup(s, "http { server { listen 1; server_name a.test; "
                    "gatehouse_status; } }");
    assert_string_equal(s->setup.listeners[0].header, "localhost");

    (void) setup(s, "http { server { listen 1; server_name a.test; "
                    "gatehouse_status allow=10.0.0.0/8; } }");
    assert_string_equal(s->setup.listeners[0].header, "a.test");

    (void) setup(s, "http { server { listen 1; server_name *.test; "
                    "gatehouse_status allow=10.0.0.0/8; } }");
    assert_string_equal(s->setup.listeners[0].header, "localhost");
}


static void
a_listener_with_tls_alone_is_known_as_such(void **state)
{
    story_t *s = *state;

    (void) setup(s, "http { server { listen 443 ssl; gatehouse_status; } }");

    assert_int_equal(s->setup.n_listeners, 1);
    assert_true(s->setup.listeners[0].tls);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
        STORY(without_a_word_the_defaults_are_the_modules),
        STORY(policies_store_and_root_keys_are_found),
        STORY(the_store_of_the_test_backend_is_the_one_behind_it),
        STORY(another_kind_of_store_has_no_directory),
        STORY(an_address_of_redis_is_taken_apart),
        STORY(a_block_of_redis_is_found_by_its_name),
        STORY(a_host_alone_has_the_usual_port),
        STORY(names_of_upstreams_and_issuers_are_known),
        STORY(many_names_are_cut_in_messages_only),
        STORY(the_status_is_asked_where_it_listens),
        STORY(the_name_that_is_asked_for_is_one_that_answers),
        STORY(a_listener_with_tls_alone_is_known_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
