/*
 * The decision line: which fields, in which order, and how long each may
 * become, so that the whole fits GH_LOGLINE_MAX. It is made for every
 * request.
 */

#include "gh_logline.h"

#include "gh_logline_put.h"


#define END_OF_9999_MS INT64_C(253402300800000)


static gh_rc_t write_line(const gh_logline_t *l, bool json, gh_buf_t *out);
static gh_rc_t write_beside(const gh_logline_t *l, bool json, gh_buf_t *out);
static void put_head(gh_logline_put_t *w, const gh_logline_t *l,
                     gh_logline_last_t *last);
static void put_first_head(gh_logline_put_t *w, const gh_logline_t *l);
static void put_verdict(gh_logline_put_t *w, const gh_logline_t *l,
                        gh_logline_last_t *last);
static void write_verdict(gh_logline_put_t *w, const gh_logline_t *l);
static gh_str_t verdict(gh_reason_t reason);
static void put_strings(gh_logline_put_t *w, const gh_logline_t *l);
static void put_who(gh_logline_put_t *w, const gh_logline_t *l);
static void put_numbers(gh_logline_put_t *w, const gh_logline_t *l);


static const struct {
    gh_logline_name_t reason, status, http_method, host, target, source,
        method, principal, consumer, credential, service, version, deployment,
        request_id, duration_us, upstream_us, bytes_sent, generation;
} names = {
    .reason = GH_LOGLINE_NAME("reason"),
    .status = GH_LOGLINE_NAME("status"),
    .http_method = GH_LOGLINE_NAME("http_method"),
    .host = GH_LOGLINE_NAME("host"),
    .target = GH_LOGLINE_NAME("target"),
    .source = GH_LOGLINE_NAME("source"),
    .method = GH_LOGLINE_NAME("method"),
    .principal = GH_LOGLINE_NAME("principal"),
    .consumer = GH_LOGLINE_NAME("consumer"),
    .credential = GH_LOGLINE_NAME("credential"),
    .service = GH_LOGLINE_NAME("service"),
    .version = GH_LOGLINE_NAME("version"),
    .deployment = GH_LOGLINE_NAME("deployment"),
    .request_id = GH_LOGLINE_NAME("request_id"),
    .duration_us = GH_LOGLINE_NAME("duration_us"),
    .upstream_us = GH_LOGLINE_NAME("upstream_us"),
    .bytes_sent = GH_LOGLINE_NAME("bytes_sent"),
    .generation = GH_LOGLINE_NAME("generation"),
};


gh_rc_t
gh_logline_text(const gh_logline_t *l, gh_buf_t *out)
{
    return write_line(l, false, out);
}


gh_rc_t
gh_logline_json(const gh_logline_t *l, gh_buf_t *out)
{
    return write_line(l, true, out);
}


static gh_rc_t
write_line(const gh_logline_t *l, bool json, gh_buf_t *out)
{
    if (out->cap - out->len < GH_LOGLINE_MAX) {
        return write_beside(l, json, out);
    }

    char *start = out->data + out->len;
    gh_logline_put_t w = { start, start + GH_LOGLINE_MAX, json, false };

    if (l->last != NULL) {
        put_head(&w, l, l->last);

    } else {
        put_first_head(&w, l);
    }

    put_strings(&w, l);
    put_numbers(&w, l);
    gh_logline_put(&w, json ? GH_STR("}") : GH_STR(""));

    if (w.full) {
        return GH_TOO_LONG;
    }

    out->len = (size_t) (w.at - out->data);

    return GH_OK;
}


/* It may still fit. */
static gh_rc_t
write_beside(const gh_logline_t *l, bool json, gh_buf_t *out)
{
    char room[GH_LOGLINE_MAX];
    gh_buf_t line = GH_BUF(room);
    gh_rc_t rc = write_line(l, json, &line);

    return rc == GH_OK ? gh_buf_add(out, gh_buf_str(&line)) : rc;
}


static void
put_first_head(gh_logline_put_t *w, const gh_logline_t *l)
{
    gh_logline_last_t none;

    none.second[0] = '\0';
    none.verdict = 0;
    put_head(w, l, &none);
}


static void
put_head(gh_logline_put_t *w, const gh_logline_t *l, gh_logline_last_t *last)
{
    bool timed = l->at_ms > 0 && l->at_ms < END_OF_9999_MS;

    if (timed) {
        gh_logline_put(w, w->json ? GH_STR("{\"time\":\"") : GH_STR(""));
        gh_logline_put_time(w, l->at_ms, last);
        gh_logline_put(w, w->json ? GH_STR("\",") : GH_STR(" "));

    } else if (w->json) {
        gh_logline_put(w, GH_STR("{"));
    }

    put_verdict(w, l, last);
}


/* Copied whole: what is too much of it is written over. */
static void
put_verdict(gh_logline_put_t *w, const gh_logline_t *l,
            gh_logline_last_t *last)
{
    uint64_t key = (uint64_t) l->status << 32 | (uint64_t) l->reason << 8
                   | (uint64_t) l->dry_run << 2 | (uint64_t) w->json << 1 | 1;

    if ((size_t) (w->end - w->at) < GH_LOGLINE_HEAD_MAX) {
        w->full = true;
        return;
    }

    if (last->verdict != key) {
        gh_logline_put_t head = { last->head, last->head + sizeof(last->head),
                                  w->json, false };

        write_verdict(&head, l);

        last->verdict = head.full ? 0 : key;
        last->head_len = (size_t) (head.at - last->head);
        w->full = w->full || head.full;
    }

    memcpy(w->at, last->head, GH_LOGLINE_HEAD_MAX);
    w->at += last->head_len;
}


static void
write_verdict(gh_logline_put_t *w, const gh_logline_t *l)
{
    gh_logline_put(
        w, w->json ? GH_STR("\"decision\":\"") : GH_STR("gatehouse: "));
    gh_logline_put(w, verdict(l->reason));
    gh_logline_put(w, w->json ? GH_STR("\"") : GH_STR(""));

    if (l->reason != GH_REASON_NONE) {
        gh_logline_put_string(w, &names.reason,
                              gh_reason_info(l->reason)->word, 36);
    }

    if (l->dry_run) {
        gh_logline_put(
            w, w->json ? GH_STR(",\"dry_run\":true") : GH_STR(" dry_run=1"));
    }

    gh_logline_put_number(w, &names.status, l->status);
}


static gh_str_t
verdict(gh_reason_t reason)
{
    if (reason == GH_REASON_NONE) {
        return GH_STR("undecided");
    }

    return gh_reason_admits(reason) ? GH_STR("allowed") : GH_STR("refused");
}


/* The bounds of one line together stay below GH_LOGLINE_MAX. */
static void
put_strings(gh_logline_put_t *w, const gh_logline_t *l)
{
    gh_logline_put_string(w, &names.http_method, l->http_method, 32);
    gh_logline_put_string(w, &names.host, l->host, 264);
    gh_logline_put_string(w, &names.target, l->target, 1400);
    gh_logline_put_string(w, &names.source, l->source, 64);

    if (l->who.len > 0) {
        gh_logline_put(w, l->who);

    } else {
        put_who(w, l);
    }

    gh_logline_put_string(w, &names.service, l->service, 160);
    gh_logline_put_string(w, &names.version, l->version, 72);
    gh_logline_put_string(w, &names.deployment, l->deployment, 72);
    gh_logline_put_string(w, &names.request_id, l->request_id, 136);
}


static void
put_who(gh_logline_put_t *w, const gh_logline_t *l)
{
    if (l->method != GH_METHOD_NONE) {
        gh_logline_put_string(w, &names.method, gh_method_word(l->method), 32);
    }

    gh_logline_put_string(w, &names.principal, l->principal, 320);
    gh_logline_put_string(w, &names.consumer, l->consumer, 160);
    gh_logline_put_string(w, &names.credential, l->credential, 96);
}


gh_rc_t
gh_logline_who(const gh_logline_t *l, bool json, gh_buf_t *out)
{
    char *start = out->data + out->len;
    gh_logline_put_t w = { start, out->data + out->cap, json, false };

    put_who(&w, l);

    if (w.full) {
        return GH_TOO_LONG;
    }

    out->len += (size_t) (w.at - start);

    return GH_OK;
}


static void
put_numbers(gh_logline_put_t *w, const gh_logline_t *l)
{
    gh_logline_put_number(w, &names.duration_us, l->duration_us);
    gh_logline_put_number(w, &names.upstream_us, l->upstream_us);
    gh_logline_put_number(w, &names.bytes_sent, l->bytes_sent);
    gh_logline_put_number(w, &names.generation, l->generation);
}
