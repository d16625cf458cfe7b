/*
 * Weights and lines of history as records of the store: JSON objects, read
 * back only if they are what we write.
 *
 *   {"v":1,"change":7,"weights":{"blue":9000,"green":1000}}
 *   {"v":1,"id":8,"at":1748736000,"who":"root","subject":"traffic orders/v2",
 *    "action":"set","reason":"","before_change":7,
 *    "before":{"change":7,"weights":{...}},"after":null}
 */

#include "gh_traffic.h"

#define RECORD_VERSION 1


static bool traffic_valid(const gh_traffic_t *t);
static bool name_valid(gh_str_t name);
static gh_rc_t add_traffic(const gh_traffic_t *t, gh_buf_t *out);
static gh_rc_t add_side(const char *name, bool there, const gh_traffic_t *t,
                        gh_buf_t *out);
static gh_rc_t add_number(const char *name, uint64_t n, gh_buf_t *out);
static gh_rc_t add_text(const char *name, const char *room, size_t cap,
                        gh_buf_t *out);
static gh_rc_t parse_record(gh_str_t text, size_t max_bytes, json_t **out);
static gh_rc_t read_traffic(const json_t *object, gh_traffic_t *out);
static gh_rc_t read_side(const json_t *object, const char *name, bool *there,
                         gh_traffic_t *out);
static gh_rc_t read_number(const json_t *object, const char *name,
                           uint64_t max, uint64_t *out);
static gh_rc_t read_text(const json_t *object, const char *name, char *room,
                         size_t cap);
static gh_rc_t read_change(const json_t *object, gh_change_t *out);


gh_rc_t
gh_traffic_encode(const gh_traffic_t *t, gh_buf_t *out)
{
    size_t start = out->len;

    if (!traffic_valid(t)) {
        return GH_INVALID;
    }

    if (add_number("{\"v\":", RECORD_VERSION, out) != GH_OK
        || gh_buf_add_char(out, ',') != GH_OK || add_traffic(t, out) != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


static bool
traffic_valid(const gh_traffic_t *t)
{
    uint64_t sum = 0;

    if (t->n == 0 || t->n > GH_DEPLOYMENTS_MAX || t->change > INT64_MAX) {
        return false;
    }

    for (size_t i = 0; i < t->n; i++) {
        const gh_traffic_weight_t *w = &t->weights[i];
        gh_str_t name = { w->name, strnlen(w->name, sizeof(w->name)) };

        if (!name_valid(name)) {
            return false;
        }

        for (size_t j = 0; j < i; j++) {
            if (gh_str_eq(name, gh_str(t->weights[j].name))) {
                return false;
            }
        }

        sum += w->weight;
    }

    return sum == GH_WEIGHT_ALL;
}


static bool
name_valid(gh_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= 0x20 || name.data[i] > 0x7e) {
            return false;
        }
    }

    return name.len > 0 && name.len <= GH_NAME_MAX;
}


/* Without the opening brace: "change":7,"weights":{...}} */
static gh_rc_t
add_traffic(const gh_traffic_t *t, gh_buf_t *out)
{
    gh_rc_t rc = add_number("\"change\":", t->change, out);

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR(",\"weights\":{"));
    }

    for (size_t i = 0; i < t->n && rc == GH_OK; i++) {
        const gh_traffic_weight_t *w = &t->weights[i];

        if (i > 0 && gh_buf_add_char(out, ',') != GH_OK) {
            return GH_TOO_LONG;
        }

        rc = gh_json_quote(gh_str(w->name), out);

        if (rc == GH_OK) {
            rc = add_number(":", w->weight, out);
        }
    }

    return rc == GH_OK ? gh_buf_add(out, GH_STR("}}")) : rc;
}


gh_rc_t
gh_change_encode(const gh_change_t *c, gh_buf_t *out)
{
    size_t start = out->len;

    if (c->id == 0 || c->id > INT64_MAX || c->at_s < 0
        || c->before_change > INT64_MAX
        || (c->had_before && !traffic_valid(&c->before))
        || (c->has_after && !traffic_valid(&c->after)))
    {
        return GH_INVALID;
    }

    if (add_number("{\"v\":", RECORD_VERSION, out) != GH_OK
        || add_number(",\"id\":", c->id, out) != GH_OK
        || add_number(",\"at\":", (uint64_t) c->at_s, out) != GH_OK
        || add_text(",\"who\":", c->who, sizeof(c->who), out) != GH_OK
        || add_text(",\"subject\":", c->subject, sizeof(c->subject), out)
               != GH_OK
        || add_text(",\"action\":", c->action, sizeof(c->action), out) != GH_OK
        || add_text(",\"reason\":", c->reason, sizeof(c->reason), out) != GH_OK
        || add_number(",\"before_change\":", c->before_change, out) != GH_OK
        || add_side(",\"before\":", c->had_before, &c->before, out) != GH_OK
        || add_side(",\"after\":", c->has_after, &c->after, out) != GH_OK
        || gh_buf_add_char(out, '}') != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


static gh_rc_t
add_side(const char *name, bool there, const gh_traffic_t *t, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(name));

    if (rc != GH_OK) {
        return rc;
    }

    if (!there) {
        return gh_buf_add(out, GH_STR("null"));
    }

    rc = gh_buf_add_char(out, '{');

    return rc == GH_OK ? add_traffic(t, out) : rc;
}


static gh_rc_t
add_number(const char *name, uint64_t n, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(name));

    return rc == GH_OK ? gh_buf_add_u64(out, n) : rc;
}


static gh_rc_t
add_text(const char *name, const char *room, size_t cap, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(name));

    return rc == GH_OK
               ? gh_json_quote((gh_str_t){ room, strnlen(room, cap) }, out)
               : rc;
}


gh_rc_t
gh_traffic_decode(gh_str_t text, gh_traffic_t *out)
{
    json_t *record;
    gh_rc_t rc = parse_record(text, GH_TRAFFIC_BYTES_MAX, &record);

    if (rc == GH_OK) {
        rc = read_traffic(record, out);
        json_decref(record);
    }

    return rc;
}


gh_rc_t
gh_change_decode(gh_str_t text, gh_change_t *out)
{
    json_t *record;
    gh_rc_t rc = parse_record(text, GH_CHANGE_BYTES_MAX, &record);

    if (rc == GH_OK) {
        rc = read_change(record, out);
        json_decref(record);
    }

    return rc;
}


static gh_rc_t
parse_record(gh_str_t text, size_t max_bytes, json_t **out)
{
    uint64_t version;
    gh_rc_t rc = gh_json_parse(text, max_bytes, out, NULL);

    if (rc != GH_OK) {
        return rc == GH_NOMEM ? rc : GH_INVALID;
    }

    if (read_number(*out, "v", RECORD_VERSION, &version) != GH_OK
        || version != RECORD_VERSION)
    {
        json_decref(*out);
        return GH_INVALID;
    }

    return GH_OK;
}


static gh_rc_t
read_traffic(const json_t *object, gh_traffic_t *out)
{
    json_t *weights = json_object_get(object, "weights");
    gh_traffic_t t = { 0 };

    if (!json_is_object(weights)
        || json_object_size(weights) > GH_DEPLOYMENTS_MAX
        || read_number(object, "change", INT64_MAX, &t.change) != GH_OK)
    {
        return GH_INVALID;
    }

    for (void *at = json_object_iter(weights); at != NULL;
         at = json_object_iter_next(weights, at))
    {
        gh_traffic_weight_t *w = &t.weights[t.n++];
        const char *name = json_object_iter_key(at);
        uint64_t weight;

        if (!name_valid(gh_str(name))
            || read_number(weights, name, GH_WEIGHT_ALL, &weight) != GH_OK)
        {
            return GH_INVALID;
        }

        memcpy(w->name, name, strlen(name));
        w->weight = (uint32_t) weight;
    }

    if (!traffic_valid(&t)) {
        return GH_INVALID;
    }

    *out = t;

    return GH_OK;
}


static gh_rc_t
read_change(const json_t *object, gh_change_t *out)
{
    uint64_t at_s;

    memset(out, 0, sizeof(*out));

    if (read_number(object, "id", INT64_MAX, &out->id) != GH_OK || out->id == 0
        || read_number(object, "at", INT64_MAX, &at_s) != GH_OK
        || read_number(object, "before_change", INT64_MAX, &out->before_change)
               != GH_OK
        || read_text(object, "who", out->who, sizeof(out->who)) != GH_OK
        || read_text(object, "subject", out->subject, sizeof(out->subject))
               != GH_OK
        || read_text(object, "action", out->action, sizeof(out->action))
               != GH_OK
        || read_text(object, "reason", out->reason, sizeof(out->reason))
               != GH_OK
        || read_side(object, "before", &out->had_before, &out->before) != GH_OK
        || read_side(object, "after", &out->has_after, &out->after) != GH_OK)
    {
        return GH_INVALID;
    }

    out->at_s = (int64_t) at_s;

    return GH_OK;
}


static gh_rc_t
read_side(const json_t *object, const char *name, bool *there,
          gh_traffic_t *out)
{
    const json_t *side = json_object_get(object, name);

    *there = json_is_object(side);

    if (*there) {
        return read_traffic(side, out);
    }

    return json_is_null(side) ? GH_OK : GH_INVALID;
}


static gh_rc_t
read_number(const json_t *object, const char *name, uint64_t max,
            uint64_t *out)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0
        || (uint64_t) json_integer_value(value) > max)
    {
        return GH_INVALID;
    }

    *out = (uint64_t) json_integer_value(value);

    return GH_OK;
}


static gh_rc_t
read_text(const json_t *object, const char *name, char *room, size_t cap)
{
    gh_str_t text;
    gh_rc_t rc = gh_json_str(object, name, &text);

    if (rc == GH_OK) {
        gh_change_text(room, cap, text);
    }

    return rc;
}


void
gh_change_text(char *room, size_t room_bytes, gh_str_t text)
{
    size_t len = 0;

    while (len < text.len && len < room_bytes - 1 && text.data[len] != '\0') {
        len++;
    }

    /* not between the bytes of one character, which are four at most */
    for (size_t i = 0; i < 3 && len > 0 && len < text.len; i++) {
        if (((unsigned char) text.data[len] & 0xc0) != 0x80) {
            break;
        }

        len--;
    }

    if (len > 0) {
        memcpy(room, text.data, len);
    }

    memset(room + len, 0, room_bytes - len);
}
