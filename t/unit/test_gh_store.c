/*
 * The words of the store: names that cannot collide, kinds, and the record
 * of an API key, of which every byte may have been changed by somebody.
 */

#include "gh_test.h"

#include "gh_store.h"

#include <stdio.h>


static const char hash_hex[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";


static gh_store_key_t
sample(void)
{
    gh_store_key_t k = { 0 };

    k.id = GH_STR("7f3a");
    k.consumer = GH_STR("acme");
    k.keyed = true;
    k.pepper = UINT32_MAX;
    k.created_at_s = 1767225600;
    k.expires_at_s = 1798761600;
    k.note = GH_STR("for \"the\" shop\n");

    for (unsigned i = 0; i < GH_SHA256_LEN; i++) {
        k.hash[i] = (uint8_t) i;
    }

    return k;
}


static gh_rc_t
decode(const char *text)
{
    gh_store_key_t k;
    void *doc;
    gh_rc_t rc = gh_store_key_decode(gh_str(text), &k, &doc);

    assert_true((rc == GH_OK) == (doc != NULL));
    gh_store_doc_free(doc);

    return rc;
}


/* A sound record with one member written otherwise. */
static gh_rc_t
decode_with(const char *v, const char *id, const char *hash, const char *rest)
{
    char text[512];

    (void) snprintf(text, sizeof(text),
                    "{\"v\":%s,\"id\":%s,\"consumer\":\"acme\",\"hash\":%s%s}",
                    v, id, hash, rest);

    return decode(text);
}


static gh_rc_t
decode_with_hash(const char *hash)
{
    char quoted[128];

    (void) snprintf(quoted, sizeof(quoted), "\"%s\"", hash);

    return decode_with("1", "\"7f3a\"", quoted, "");
}


static gh_rc_t
decode_with_rest(const char *rest)
{
    char quoted[128];

    (void) snprintf(quoted, sizeof(quoted), "\"%s\"", hash_hex);

    return decode_with("1", "\"7f3a\"", quoted, rest);
}


static void
a_key_comes_back_as_it_was_stored(void **state)
{
    (void) state;
    char room[512];
    gh_buf_t out = GH_BUF(room);
    gh_store_key_t k = sample(), back;
    void *doc;

    assert_int_equal(gh_store_key_encode(&k, &out), GH_OK);
    assert_int_equal(gh_store_key_decode(gh_buf_str(&out), &back, &doc),
                     GH_OK);

    assert_str(back.id, "7f3a");
    assert_str(back.consumer, "acme");
    assert_str(back.note, "for \"the\" shop\n");
    assert_memory_equal(back.hash, k.hash, sizeof(k.hash));
    assert_true(back.keyed);
    assert_int_equal(back.pepper, UINT32_MAX);
    assert_int_equal(back.created_at_s, 1767225600);
    assert_int_equal(back.expires_at_s, 1798761600);
    assert_int_equal(back.revoked_at_s, 0);

    gh_store_doc_free(doc);
}


static void
a_plain_hash_and_a_revocation_come_back_too(void **state)
{
    (void) state;
    char room[512];
    gh_buf_t out = GH_BUF(room);
    gh_store_key_t k = sample(), back;
    void *doc;

    k.keyed = false;
    k.revoked_at_s = 1770000000;
    k.note = GH_STR("");

    assert_int_equal(gh_store_key_encode(&k, &out), GH_OK);
    assert_int_equal(gh_store_key_decode(gh_buf_str(&out), &back, &doc),
                     GH_OK);

    assert_false(back.keyed);
    assert_int_equal(back.revoked_at_s, 1770000000);
    assert_int_equal(back.note.len, 0);

    gh_store_doc_free(doc);
}


static void
a_buffer_too_small_is_left_as_it_was(void **state)
{
    (void) state;
    char room[512];
    gh_store_key_t k = sample();
    gh_buf_t whole = GH_BUF(room);

    assert_int_equal(gh_store_key_encode(&k, &whole), GH_OK);

    for (size_t cap = 0; cap < whole.len; cap++) {
        gh_buf_t out = { room, 0, cap };

        assert_int_equal(gh_store_key_encode(&k, &out), GH_TOO_LONG);
        assert_int_equal(out.len, 0);
    }
}


static void
what_decode_would_refuse_is_not_encoded(void **state)
{
    (void) state;
    char room[512];
    gh_buf_t out = GH_BUF(room);
    gh_store_key_t k = sample();

    k.id = GH_STR("");
    assert_int_equal(gh_store_key_encode(&k, &out), GH_INVALID);

    k = sample();
    k.consumer = GH_STR("");
    assert_int_equal(gh_store_key_encode(&k, &out), GH_INVALID);

    k = sample();
    k.expires_at_s = -1;
    assert_int_equal(gh_store_key_encode(&k, &out), GH_INVALID);
    assert_int_equal(out.len, 0);
}


static void
h3_a_record_that_is_anything_else_is_no_key(void **state)
{
    (void) state;

    assert_int_equal(decode_with_hash(hash_hex), GH_OK);

    assert_int_equal(decode(""), GH_INVALID);
    assert_int_equal(decode("null"), GH_INVALID);
    assert_int_equal(decode("[]"), GH_INVALID);
    assert_int_equal(decode("{}"), GH_INVALID);
    assert_int_equal(decode("{\"v\":1"), GH_INVALID);
    assert_int_equal(decode("\xff\xfe"), GH_INVALID);
}


static void
another_version_of_the_record_is_refused(void **state)
{
    (void) state;
    char hash[128];

    (void) snprintf(hash, sizeof(hash), "\"%s\"", hash_hex);

    assert_int_equal(decode_with("1", "\"a\"", hash, ""), GH_OK);
    assert_int_equal(decode_with("2", "\"a\"", hash, ""), GH_INVALID);
    assert_int_equal(decode_with("0", "\"a\"", hash, ""), GH_INVALID);
    assert_int_equal(decode_with("\"1\"", "\"a\"", hash, ""), GH_INVALID);
    assert_int_equal(decode_with("1.0", "\"a\"", hash, ""), GH_INVALID);
}


static void
members_of_another_type_are_refused(void **state)
{
    (void) state;
    char hash[128];

    (void) snprintf(hash, sizeof(hash), "\"%s\"", hash_hex);

    assert_int_equal(decode_with("1", "7", hash, ""), GH_INVALID);
    assert_int_equal(decode_with("1", "\"\"", hash, ""), GH_INVALID);
    assert_int_equal(decode_with("1", "null", hash, ""), GH_INVALID);
    assert_int_equal(decode_with("1", "\"a\"", "7", ""), GH_INVALID);

    assert_int_equal(decode_with_rest(",\"pepper\":\"1\""), GH_INVALID);
    assert_int_equal(decode_with_rest(",\"pepper\":-1"), GH_INVALID);
    assert_int_equal(decode_with_rest(",\"pepper\":4294967296"), GH_INVALID);
    assert_int_equal(decode_with_rest(",\"expires\":\"never\""), GH_INVALID);
    assert_int_equal(decode_with_rest(",\"expires\":-1"), GH_INVALID);
    assert_int_equal(decode_with_rest(",\"note\":[]"), GH_INVALID);
}


static void
a_revocation_that_cannot_be_read_is_not_taken_for_none(void **state)
{
    (void) state;

    assert_int_equal(decode_with_rest(",\"revoked\":1770000000"), GH_OK);
    assert_int_equal(decode_with_rest(",\"revoked\":true"), GH_INVALID);
    assert_int_equal(decode_with_rest(",\"revoked\":null"), GH_INVALID);
    assert_int_equal(decode_with_rest(",\"revoked\":1,\"revoked\":0"),
                     GH_INVALID);
}


static void
a_hash_is_exactly_64_hexadecimal_digits(void **state)
{
    (void) state;
    char text[70];

    assert_int_equal(decode_with_hash(""), GH_INVALID);

    (void) snprintf(text, sizeof(text), "%s00", hash_hex);
    assert_int_equal(decode_with_hash(text), GH_INVALID);

    text[62] = '\0';
    assert_int_equal(decode_with_hash(text), GH_INVALID);

    (void) snprintf(text, sizeof(text), "%s", hash_hex);
    text[5] = 'g';
    assert_int_equal(decode_with_hash(text), GH_INVALID);
}


static void
the_hash_of_a_name_is_the_same_in_every_release(void **state)
{
    (void) state;

    /* on disk: these numbers never change */
    assert_true(gh_store_name_hash(GH_KIND_KEY, GH_STR("7f3a"))
                == UINT64_C(0x640fa615291fb825));
    assert_true(gh_store_name_hash(GH_KIND_REVOKED, GH_STR("7f3a"))
                == UINT64_C(0xcd20dee6a81889cd));
}


static void
every_kind_has_its_word(void **state)
{
    (void) state;

    for (int a = GH_KIND_KEY; a < GH_KIND_MAX; a++) {
        gh_str_t word = gh_kind_word((gh_kind_t) a);

        assert_true(gh_kind_valid((gh_kind_t) a));
        assert_true(word.len > 0);
        assert_false(gh_str_eq(word, GH_STR("unknown")));

        for (int b = GH_KIND_KEY; b < a; b++) {
            assert_false(gh_str_eq(word, gh_kind_word((gh_kind_t) b)));
        }
    }

    assert_str(gh_kind_word(GH_KIND_SESSION_INDEX), "session_index");
    assert_str(gh_kind_word((gh_kind_t) 0), "unknown");
    assert_str(gh_kind_word(GH_KIND_MAX), "unknown");
    assert_false(gh_kind_valid((gh_kind_t) 0));
    assert_false(gh_kind_valid(GH_KIND_MAX));
}


static void
h2_names_of_counters_do_not_run_into_one_another(void **state)
{
    (void) state;
    static const struct {
        const char *limit, *subject;
        uint32_t period;
    } parts[] = {
        { "month", "acme", 1 },   { "month", "acme", 2 },
        { "month", "acme", 256 }, { "montha", "cme", 1 },
        { "mont", "hacme", 1 },   { "", "monthacme", 1 },
        { "monthacme", "", 1 },   { "month:acme", "", 1 },
        { "month", ":acme", 1 },  { "month:", "acme", 1 },
    };
    char names[10][32];

    for (size_t i = 0; i < 10; i++) {
        gh_buf_t out = GH_BUF(names[i]);

        assert_int_equal(gh_store_quota_name(gh_str(parts[i].limit),
                                             gh_str(parts[i].subject),
                                             parts[i].period, &out),
                         GH_OK);
        assert_int_equal(out.len, 32);

        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(names[i], names[k], 32);
        }
    }
}


static void
a_counters_name_needs_its_32_characters(void **state)
{
    (void) state;
    char room[31];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(
        gh_store_quota_name(GH_STR("month"), GH_STR("acme"), 1, &out),
        GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_comes_back_as_it_was_stored),
        cmocka_unit_test(a_plain_hash_and_a_revocation_come_back_too),
        cmocka_unit_test(a_buffer_too_small_is_left_as_it_was),
        cmocka_unit_test(what_decode_would_refuse_is_not_encoded),
        cmocka_unit_test(h3_a_record_that_is_anything_else_is_no_key),
        cmocka_unit_test(another_version_of_the_record_is_refused),
        cmocka_unit_test(members_of_another_type_are_refused),
        cmocka_unit_test(
            a_revocation_that_cannot_be_read_is_not_taken_for_none),
        cmocka_unit_test(a_hash_is_exactly_64_hexadecimal_digits),
        cmocka_unit_test(the_hash_of_a_name_is_the_same_in_every_release),
        cmocka_unit_test(every_kind_has_its_word),
        cmocka_unit_test(h2_names_of_counters_do_not_run_into_one_another),
        cmocka_unit_test(a_counters_name_needs_its_32_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
