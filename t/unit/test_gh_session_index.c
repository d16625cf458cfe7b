/*
 * The index of sessions, by which a provider's logout finds whom it means:
 * names that say one thing only, and lists that are bounded. Names beginning
 * with e and a number are rows of the table of logins in docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_session.h"

#include <stdio.h>

#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER                                                                 \
    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"


static void
an_index_name_says_one_thing_only(void **state)
{
    static const struct {
        const char *kind, *issuer, *client, *value;
    } cases[] = {
        { "sid", "https://a", "c", "1" },  { "sub", "https://a", "c", "1" },
        { "sid", "https://a1", "c", "" },  { "sid", "https://a", "c1", "" },
        { "sid", "https://a", "", "c1" },  { "sid", "https://", "ac", "1" },
        { "sid", "https://a", "c", "1:" }, { "si", "d3:a", "c", "1" },
    };
    enum {
        N = sizeof(cases) / sizeof(cases[0])
    };
    gh_secret_t secret = { 0 };
    char names[N][GH_SESSION_NAME_LEN], other[GH_SESSION_NAME_LEN];

    (void) state;
    assert_int_equal(gh_secret_add(&secret, gh_str(ROOT)), GH_OK);
    assert_int_equal(gh_secret_add(&secret, gh_str(OTHER)), GH_OK);

    for (size_t i = 0; i < N; i++) {
        gh_session_index_t what = { gh_str(cases[i].kind),
                                    gh_str(cases[i].issuer),
                                    gh_str(cases[i].client),
                                    gh_str(cases[i].value) };

        assert_int_equal(gh_session_index_name(&secret, 0, &what, names[i]),
                         GH_OK);
        assert_int_equal(gh_session_index_name(&secret, 1, &what, other),
                         GH_OK);
        assert_memory_not_equal(names[i], other, sizeof(other));
        assert_int_equal(gh_session_index_name(&secret, 2, &what, other),
                         GH_ABSENT);

        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(names[i], names[j], sizeof(other));
        }
    }
}


static void
e30_all_sessions_of_a_person_are_found(void **state)
{
    char names[3][GH_SESSION_NAME_LEN], room_a[256], room_b[256];
    gh_buf_t a = GH_BUF(room_a), b = GH_BUF(room_b);

    (void) state;
    memset(names[0], 'a', sizeof(names[0]));
    memset(names[1], 'b', sizeof(names[1]));
    memset(names[2], 'c', sizeof(names[2]));

    assert_int_equal(gh_session_index_add(GH_STR(""), names[0], &a), GH_OK);
    assert_int_equal(gh_session_index_add(gh_buf_str(&a), names[1], &b),
                     GH_OK);
    a.len = 0;
    assert_int_equal(gh_session_index_add(gh_buf_str(&b), names[2], &a),
                     GH_OK);
    b.len = 0;
    assert_int_equal(gh_session_index_add(gh_buf_str(&a), names[1], &b),
                     GH_OK);

    assert_int_equal(gh_session_index_count(gh_buf_str(&b)), 3);

    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(gh_session_index_at(gh_buf_str(&b), i).data,
                            names[i], GH_SESSION_NAME_LEN);
    }

    a.len = 0;
    assert_int_equal(gh_session_index_remove(gh_buf_str(&b), names[1], &a),
                     GH_OK);
    assert_int_equal(gh_session_index_count(gh_buf_str(&a)), 2);
    assert_memory_equal(gh_session_index_at(gh_buf_str(&a), 1).data, names[2],
                        GH_SESSION_NAME_LEN);
    b.len = 0;
    assert_int_equal(gh_session_index_remove(gh_buf_str(&a), names[1], &b),
                     GH_ABSENT);
    assert_int_equal(b.len, 0);
}


static void
an_index_is_bounded_and_holds_nothing_but_names(void **state)
{
    static char list[(GH_SESSION_INDEX_MAX + 1) * GH_SESSION_NAME_LEN];
    static char room[sizeof(list)];
    char name[GH_SESSION_NAME_LEN];
    gh_buf_t out = GH_BUF(room);
    gh_str_t full = { list, sizeof(list) - GH_SESSION_NAME_LEN };

    (void) state;
    memset(list, 'a', sizeof(list));
    memset(name, 'b', sizeof(name));

    assert_int_equal(gh_session_index_add(full, name, &out), GH_FULL);
    full.len -= GH_SESSION_NAME_LEN;
    assert_int_equal(gh_session_index_add(full, name, &out), GH_OK);
    full.len--;
    assert_int_equal(gh_session_index_add(full, name, &out), GH_INVALID);
    assert_int_equal(gh_session_index_count(full), 0);
    full.len -= GH_SESSION_NAME_LEN - 1;
    list[5] = 'g';
    assert_int_equal(gh_session_index_add(full, name, &out), GH_INVALID);
    assert_int_equal(gh_session_index_remove(full, name, &out), GH_INVALID);
    assert_int_equal(gh_session_index_count(full), 0);
    list[5] = 'a';
    name[0] = 'B';
    assert_int_equal(gh_session_index_add(full, name, &out), GH_INVALID);
    name[0] = 'b';
    out = (gh_buf_t){ room, 0, 100 };
    assert_int_equal(gh_session_index_add((gh_str_t){ list, 64 }, name, &out),
                     GH_TOO_LONG);
    memset(name, 'a', sizeof(name));
    assert_int_equal(
        gh_session_index_remove((gh_str_t){ list, 192 }, name, &out),
        GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


/* As a login does: the oldest ends, leaves the list, and the newest comes. */

static void
a_full_index_takes_the_newest_for_the_oldest(void **state)
{
    static char room[2][GH_SESSION_INDEX_MAX * GH_SESSION_NAME_LEN];
    char name[GH_SESSION_NAME_LEN + 1];
    gh_buf_t list[2] = { GH_BUF(room[0]), GH_BUF(room[1]) };
    unsigned at = 0;

    (void) state;

    for (unsigned i = 0; i < GH_SESSION_INDEX_MAX + 3; i++) {
        gh_buf_t *old = &list[at], *fresh = &list[1 - at];
        gh_str_t names = gh_buf_str(old);
        gh_rc_t expected = i < GH_SESSION_INDEX_MAX ? GH_OK : GH_FULL;

        (void) snprintf(name, sizeof(name), "%064x", i);
        fresh->len = 0;
        assert_int_equal(gh_session_index_add(names, name, fresh), expected);

        if (expected == GH_FULL) {
            assert_int_equal(fresh->len, 0);
            names.data += GH_SESSION_NAME_LEN;
            names.len -= GH_SESSION_NAME_LEN;
            assert_int_equal(gh_session_index_add(names, name, fresh), GH_OK);
        }

        at = 1 - at;
    }

    assert_int_equal(gh_session_index_count(gh_buf_str(&list[at])),
                     GH_SESSION_INDEX_MAX);

    /* in their order: without the first three, with the last */
    for (unsigned i = 0; i < GH_SESSION_INDEX_MAX; i++) {
        (void) snprintf(name, sizeof(name), "%064x", i + 3);
        assert_memory_equal(gh_session_index_at(gh_buf_str(&list[at]), i).data,
                            name, GH_SESSION_NAME_LEN);
    }

    /* who is there already needs no room */
    list[1 - at].len = 0;
    assert_int_equal(
        gh_session_index_add(gh_buf_str(&list[at]), name, &list[1 - at]),
        GH_OK);
    assert_int_equal(list[1 - at].len, list[at].len);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_name_says_one_thing_only),
        cmocka_unit_test(e30_all_sessions_of_a_person_are_found),
        cmocka_unit_test(an_index_is_bounded_and_holds_nothing_but_names),
        cmocka_unit_test(a_full_index_takes_the_newest_for_the_oldest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
