/*
 * A store for tests: one of the others inside, which is asked late, answers
 * later and in another order, fails, loses answers or never gives them, all
 * by a seed. Lines of the change log come late too, in their order, or turn
 * into gaps. Not for service, and it says so in the log.
 */

#include "ngx_gatehouse_store_backend.h"
#include "gh_bytes.h"


typedef enum {
    FATE_DONE = 0,
    FATE_FAIL,      /* answered with UNAVAILABLE, never asked */
    FATE_LOSE,      /* asked, and answered with UNAVAILABLE */
    FATE_HANG,      /* never asked, never answered */
    FATE_HANG_LATER /* asked, never answered */
} test_fate_e;

typedef struct {
    ngx_gatehouse_store_t *inner;
    ngx_queue_t questions;
    ngx_queue_t lines;
    ngx_event_t lines_timer;
    uint64_t rolled; /* how often chance was asked */
    u_char *words;   /* of the store inside */
} test_t;

/* One operation on its way in and out. */
typedef struct {
    ngx_queue_t queue;
    ngx_gatehouse_store_t *store;
    ngx_gatehouse_store_op_t *outer;
    ngx_gatehouse_store_op_t *inner;
    ngx_event_t timer;
    test_fate_e fate;
    unsigned answered : 1; /* by the store inside */
} test_question_t;

typedef struct {
    ngx_queue_t queue;
    gh_store_change_t line;
    ngx_msec_t due;
    unsigned gap : 1;
} test_line_t;


static ngx_int_t test_open(ngx_gatehouse_store_t *store);
static ngx_gatehouse_store_t *test_open_inner(ngx_gatehouse_store_t *store,
                                              test_t *test);
static void test_close(ngx_gatehouse_store_t *store);

static ngx_int_t test_submit(ngx_gatehouse_store_t *store,
                             ngx_gatehouse_store_op_t *op);
static test_question_t *test_question_create(ngx_gatehouse_store_t *store,
                                             ngx_gatehouse_store_op_t *op);
static test_fate_e test_fate(ngx_gatehouse_store_t *store);
static ngx_int_t test_ask_now(test_question_t *question);
static void test_timer(ngx_event_t *ev);
static void test_ask(test_question_t *question);
static void test_answered(ngx_gatehouse_store_op_t *inner);
static void test_answer_later(test_question_t *question);
static void test_answer(test_question_t *question);
static void test_question_free(test_question_t *question);
static void test_cancel(ngx_gatehouse_store_t *store,
                        ngx_gatehouse_store_op_t *op);

static void test_line(void *data, const gh_store_change_t *line);
static void test_lines_handler(ngx_event_t *ev);

static ngx_int_t test_each(ngx_gatehouse_store_t *store, gh_kind_t kind,
                           bool (*each)(void *ctx, gh_str_t name,
                                        gh_str_t value, uint64_t version),
                           void *ctx);
static ngx_int_t test_names(ngx_gatehouse_store_t *store, gh_kind_t kind,
                            bool (*each)(void *ctx, gh_str_t name), void *ctx);
static void test_state(ngx_gatehouse_store_t *store,
                       ngx_gatehouse_store_state_t *out);

static uint64_t test_random(ngx_gatehouse_store_t *store);
static ngx_msec_t test_delay(ngx_gatehouse_store_t *store, ngx_uint_t max);
static ngx_msec_t test_question_delay(const test_question_t *question);
static ngx_uint_t test_chance(ngx_gatehouse_store_t *store,
                              ngx_uint_t percent);


const ngx_gatehouse_store_backend_t ngx_gatehouse_store_test = {
    "test",      test_open, test_close, test_submit,
    test_cancel, test_each, test_names, test_state,
};


static ngx_int_t
test_open(ngx_gatehouse_store_t *store)
{
    test_t *test;

    ngx_log_error(NGX_LOG_WARN, store->log, 0,
                  "gatehouse: this store is for tests: it fails on purpose");

    test = ngx_calloc(sizeof(test_t), store->log);
    if (test == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&test->questions);
    ngx_queue_init(&test->lines);

    test->lines_timer.handler = test_lines_handler;
    test->lines_timer.data = &store->dummy;
    test->lines_timer.log = store->log;
    test->lines_timer.cancelable = 1;

    test->inner = test_open_inner(store, test);

    if (test->inner == NULL
        || ngx_gatehouse_store_subscribe(test->inner, test_line, store)
               != NGX_OK)
    {
        if (test->inner != NULL) {
            ngx_gatehouse_store_close(test->inner);
        }

        ngx_free(test->words);
        ngx_free(test);
        return NGX_ERROR;
    }

    store->ctx = test;
    store->available = test->inner->available;
    store->writable = test->inner->writable;
    store->sequence = test->inner->sequence;
    ngx_memcpy(store->why, test->inner->why, sizeof(store->why));

    test->inner->outer = store;

    return NGX_OK;
}


static ngx_gatehouse_store_t *
test_open_inner(ngx_gatehouse_store_t *store, test_t *test)
{
    size_t len;
    ngx_gatehouse_store_conf_t conf;

    len = sizeof("lmdb:?size=") + store->spec.directory.len + NGX_SIZE_T_LEN;

    test->words = ngx_alloc(len, store->log);
    if (test->words == NULL) {
        return NULL;
    }

    conf = store->conf;
    conf.spec.data = test->words;

    if (store->spec.size == 0) {
        conf.spec.len =
            ngx_snprintf(test->words, len, "lmdb:%V", &store->spec.directory)
            - test->words;
    } else {
        conf.spec.len = ngx_snprintf(test->words, len, "lmdb:%V?size=%uz",
                                     &store->spec.directory, store->spec.size)
                        - test->words;
    }

    return ngx_gatehouse_store_open(store->cycle, &conf);
}


static void
test_close(ngx_gatehouse_store_t *store)
{
    test_t *test = store->ctx;

    ngx_queue_t *q;

    if (test->lines_timer.timer_set) {
        ngx_del_timer(&test->lines_timer);
    }

    while (!ngx_queue_empty(&test->lines)) {
        q = ngx_queue_head(&test->lines);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, test_line_t, queue));
    }

    while (!ngx_queue_empty(&test->questions)) {
        q = ngx_queue_head(&test->questions);
        test_question_free(ngx_queue_data(q, test_question_t, queue));
    }

    ngx_gatehouse_store_close(test->inner);
    ngx_free(test->words);
    ngx_free(test);
}


static ngx_int_t
test_submit(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op)
{
    test_question_t *question;

    if (test_chance(store, store->spec.refuse)) {
        op->rc = GH_UNAVAILABLE;
        return NGX_ERROR;
    }

    question = test_question_create(store, op);
    if (question == NULL) {
        op->rc = GH_NOMEM;
        return NGX_ERROR;
    }

    op->private_data = question;
    op->rc = GH_UNAVAILABLE;

    if (test_chance(store, store->spec.now)) {
        return test_ask_now(question);
    }

    question->fate = test_fate(store);

    if (question->fate != FATE_HANG) {
        ngx_add_timer(&question->timer, test_question_delay(question));
    }

    return NGX_AGAIN;
}


static test_question_t *
test_question_create(ngx_gatehouse_store_t *store,
                     ngx_gatehouse_store_op_t *op)
{
    test_t *test = store->ctx;

    test_question_t *question;
    ngx_gatehouse_store_op_t *inner;

    question = ngx_calloc(sizeof(test_question_t), store->log);
    inner =
        ngx_gatehouse_store_op_create(op->type, op->kind, op->name, op->value);

    if (question == NULL || inner == NULL) {
        if (inner != NULL) {
            ngx_gatehouse_store_op_destroy(inner);
        }

        ngx_free(question);
        return NULL;
    }

    inner->if_version = op->if_version;
    inner->deadline = op->deadline;
    inner->ttl_s = op->ttl_s;
    inner->n = op->n;
    inner->limit = op->limit;
    inner->log = op->log;
    inner->handler = test_answered;
    inner->data = question;

    question->store = store;
    question->outer = op;
    question->inner = inner;
    question->timer.handler = test_timer;
    question->timer.data = &store->dummy;
    question->timer.log = store->log;

    ngx_queue_insert_tail(&test->questions, &question->queue);

    return question;
}


static test_fate_e
test_fate(ngx_gatehouse_store_t *store)
{
    ngx_uint_t roll;

    roll = test_random(store) % 100;

    if (roll < store->spec.fail) {
        return FATE_FAIL;
    }

    roll -= store->spec.fail;

    if (roll < store->spec.lose) {
        return FATE_LOSE;
    }

    roll -= store->spec.lose;

    if (roll < store->spec.hang) {
        return (roll & 1) ? FATE_HANG_LATER : FATE_HANG;
    }

    return FATE_DONE;
}


/* As the store inside answers: at once where it can. */

static ngx_int_t
test_ask_now(test_question_t *question)
{
    test_t *test = question->store->ctx;

    ngx_int_t rc;

    rc = ngx_gatehouse_store_submit(test->inner, question->inner);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ngx_gatehouse_store_op_move(question->outer, question->inner);
    question->outer->private_data = NULL;
    test_question_free(question);

    return rc;
}


static void
test_timer(ngx_event_t *ev)
{
    test_question_t *question;

    question =
        (test_question_t *) ((u_char *) ev - offsetof(test_question_t, timer));

    if (question->answered || question->fate == FATE_FAIL) {
        test_answer(question);
        return;
    }

    test_ask(question);
}


static void
test_ask(test_question_t *question)
{
    test_t *test = question->store->ctx;

    if (ngx_gatehouse_store_submit(test->inner, question->inner) != NGX_AGAIN)
    {
        test_answer_later(question);
    }
}


static void
test_answered(ngx_gatehouse_store_op_t *inner)
{
    test_answer_later(inner->data);
}


static void
test_answer_later(test_question_t *question)
{
    question->answered = 1;

    if (question->fate != FATE_HANG_LATER) {
        ngx_add_timer(&question->timer, test_question_delay(question));
    }
}


static void
test_answer(test_question_t *question)
{
    ngx_gatehouse_store_t *store;
    ngx_gatehouse_store_op_t *op;

    store = question->store;
    op = question->outer;
    op->private_data = NULL;

    if (question->fate == FATE_DONE) {
        ngx_gatehouse_store_op_move(op, question->inner);
    }

    test_question_free(question);

    ngx_gatehouse_store_complete(store, op);
}


static void
test_question_free(test_question_t *question)
{
    if (question->timer.timer_set) {
        ngx_del_timer(&question->timer);
    }

    /* one that is under way frees itself when it is done */

    ngx_gatehouse_store_op_abandon(question->inner);

    ngx_queue_remove(&question->queue);
    ngx_free(question);
}


/* Past its deadline: dropped if it was not asked yet, as a queue drops it. */

static void
test_cancel(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op)
{
    test_question_t *question;

    question = op->private_data;
    op->private_data = NULL;

    test_question_free(question);
    store->dropped++;
}


static void
test_line(void *data, const gh_store_change_t *line)
{
    ngx_gatehouse_store_t *store = data;
    test_t *test = store->ctx;

    ngx_msec_t due;
    test_line_t *l, *last;

    l = ngx_calloc(sizeof(test_line_t), store->log);

    if (l == NULL) {
        ngx_gatehouse_store_line(store, NULL);
        return;
    }

    l->gap = line == NULL || test_chance(store, store->spec.gap);

    if (line != NULL) {
        l->line = *line;
    }

    /* late, but never before an earlier one */

    due = ngx_current_msec + test_delay(store, store->spec.late);

    if (!ngx_queue_empty(&test->lines)) {
        last =
            ngx_queue_data(ngx_queue_last(&test->lines), test_line_t, queue);

        if ((ngx_msec_int_t) (due - last->due) < 0) {
            due = last->due;
        }
    }

    l->due = due;
    ngx_queue_insert_tail(&test->lines, &l->queue);

    if (!test->lines_timer.timer_set) {
        ngx_add_timer(&test->lines_timer, due - ngx_current_msec);
    }
}


static void
test_lines_handler(ngx_event_t *ev)
{
    test_t *test;
    ngx_queue_t *q;
    test_line_t *l;
    ngx_msec_int_t left;
    ngx_connection_t *dummy;
    ngx_gatehouse_store_t *store;

    dummy = ev->data;
    store = dummy->data;
    test = store->ctx;

    while (!ngx_queue_empty(&test->lines)) {
        q = ngx_queue_head(&test->lines);
        l = ngx_queue_data(q, test_line_t, queue);
        left = (ngx_msec_int_t) (l->due - ngx_current_msec);

        if (left > 0) {
            ngx_add_timer(ev, (ngx_msec_t) left);
            return;
        }

        ngx_queue_remove(q);

        if (l->gap) {
            store->sequence =
                l->line.sequence ? l->line.sequence : test->inner->sequence;
        }

        ngx_gatehouse_store_line(store, l->gap ? NULL : &l->line);
        ngx_free(l);
    }
}


static ngx_int_t
test_each(ngx_gatehouse_store_t *store, gh_kind_t kind,
          bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                       uint64_t version),
          void *ctx)
{
    test_t *test = store->ctx;

    return ngx_gatehouse_store_each(test->inner, kind, each, ctx);
}


static ngx_int_t
test_names(ngx_gatehouse_store_t *store, gh_kind_t kind,
           bool (*each)(void *ctx, gh_str_t name), void *ctx)
{
    test_t *test = store->ctx;

    /* who answers late has nothing at hand, like a store on a network */

    if (store->spec.delay > 0) {
        return NGX_DECLINED;
    }

    return (test_fate(store) == FATE_DONE)
               ? ngx_gatehouse_store_names(test->inner, kind, each, ctx)
               : NGX_ERROR;
}


static void
test_state(ngx_gatehouse_store_t *store, ngx_gatehouse_store_state_t *out)
{
    test_t *test = store->ctx;

    test->inner->backend->state(test->inner, out);
}


static uint64_t
test_random(ngx_gatehouse_store_t *store)
{
    test_t *test = store->ctx;

    gh_str_t s;
    gh_sipkey_t key;

    key.k0 = store->spec.seed;
    key.k1 = ngx_worker;

    test->rolled++;
    s.data = (char *) &test->rolled;
    s.len = sizeof(test->rolled);

    return gh_siphash(&key, s);
}


static ngx_msec_t
test_delay(ngx_gatehouse_store_t *store, ngx_uint_t max)
{
    return max ? test_random(store) % (max + 1) : 0;
}


static ngx_msec_t
test_question_delay(const test_question_t *question)
{
    ngx_gatehouse_store_t *store = question->store;

    return (store->spec.kind == 0
            || store->spec.kind == (ngx_uint_t) question->inner->kind)
               ? test_delay(store, store->spec.delay)
               : 0;
}


static ngx_uint_t
test_chance(ngx_gatehouse_store_t *store, ngx_uint_t percent)
{
    return percent != 0 && test_random(store) % 100 < percent;
}
