/*
 * Decision lines: always one line of text that ends in our own words, always
 * one JSON object, always within the stated room. The input is cut at its
 * line feeds into the values; the whole of it is a target to be masked.
 */

#include "fuzz.h"

#include "gh_logline.h"


static void
check_lines(const gh_logline_t *l)
{
    char *room = malloc(GH_LOGLINE_MAX);
    gh_buf_t out = { room, 0, GH_LOGLINE_MAX };
    json_t *object;

    require(room != NULL);
    require(gh_logline_text(l, &out) == GH_OK);
    require(gh_str_starts(gh_buf_str(&out),
                          GH_STR("2026-11-23T03:11:00.123Z gatehouse: ")));
    require(memcmp(room + out.len - 13, " generation=7", 13) == 0);

    for (size_t i = 0; i < out.len; i++) {
        require(room[i] >= ' ' && room[i] <= '~');
    }

    out.len = 0;
    require(gh_logline_json(l, &out) == GH_OK);
    object = json_loadb(room, out.len, JSON_ALLOW_NUL, NULL);
    require(json_is_object(object));
    require(json_integer_value(json_object_get(object, "generation")) == 7);
    json_decref(object);

    for (size_t i = 0; i < out.len; i++) {
        require((unsigned char) room[i] >= ' ');
    }

    free(room);
}


static void
check_mask(gh_str_t target)
{
    gh_str_t extra = GH_STR("key");
    size_t cap = 4 * target.len;
    gh_buf_t once = { malloc(cap + 1), 0, cap };
    gh_buf_t twice = { malloc(4 * cap + 1), 0, 4 * cap };

    require(once.data != NULL && twice.data != NULL);
    require(gh_logline_mask_query(target, &extra, 1, &once) == GH_OK);
    require(gh_logline_mask_query(gh_buf_str(&once), &extra, 1, &twice)
            == GH_OK);
    require(gh_str_eq(gh_buf_str(&once), gh_buf_str(&twice)));

    free(once.data);
    free(twice.data);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t rest = { (const char *) data, size };
    gh_logline_t l = { .at_ms = INT64_C(1795403460123), .generation = 7 };
    gh_str_t *const values[] = { &l.target,     &l.host,       &l.principal,
                                 &l.request_id, &l.source,     &l.http_method,
                                 &l.consumer,   &l.credential, &l.service,
                                 &l.version,    &l.deployment };

    check_mask(rest);

    if (size > 0) {
        l.reason = (gh_reason_t) (data[0] % GH_REASON_COUNT);
        l.method = (gh_method_t) (data[0] % GH_METHOD_COUNT);
        l.dry_run = data[0] % 2 == 1;
    }

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        *values[i] = gh_str_cut(rest, '\n', &rest);
    }

    check_lines(&l);

    return 0;
}
