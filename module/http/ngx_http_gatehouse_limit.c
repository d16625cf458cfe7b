/*
 * Station limit: bad credentials by source before any cryptography, then
 * what a plan and the location's named limits say. All must admit; what was
 * taken from one when another refuses is given back. Each limit is charged
 * once per request.
 */

#include "ngx_http_gatehouse.h"


#define NGX_HTTP_GATEHOUSE_PART_MAX 200


/* The parts of a counter's name, hashed with the node's secret key. */
typedef struct {
    gh_str_t kind, scope, limit, subject, service;
    uint64_t amount; /* a changed quota begins anew */
} ngx_http_gatehouse_counter_t;

typedef struct {
    const gh_limit_t *limit;
    uint64_t now_ns;
    uint64_t held_ns;
    gh_limit_state_t *state;
} ngx_http_gatehouse_step_t;


static ngx_int_t ngx_http_gatehouse_limit_plan(
    ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_limit_named(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_limit_t *limit);
static ngx_int_t ngx_http_gatehouse_limit_one(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_counter_t *counter,
    const gh_limit_t *limit, gh_str_t shown_name);
static gh_rc_t ngx_http_gatehouse_limit_rate_take(
    ngx_http_gatehouse_main_conf_t *gmcf, uint64_t hash,
    const gh_limit_t *limit, gh_limit_state_t *state);
static gh_rc_t ngx_http_gatehouse_limit_quota_take(
    ngx_http_gatehouse_request_t *gr, uint64_t hash,
    ngx_http_gatehouse_counter_t *counter, const gh_limit_t *limit,
    gh_limit_state_t *state);
static void ngx_http_gatehouse_limit_undo(ngx_http_gatehouse_request_t *gr);
static uint64_t ngx_http_gatehouse_counter_hash(
    gh_sipkey_t *key, ngx_http_gatehouse_counter_t *counter);
static uint64_t ngx_http_gatehouse_limit_bad_hash(
    ngx_http_gatehouse_request_t *gr);
static uint64_t ngx_http_gatehouse_limit_step(uint64_t old, void *data,
                                              gh_rc_t *rc);
static uint64_t ngx_http_gatehouse_limit_back_step(uint64_t old, void *data,
                                                   gh_rc_t *rc);


/* 10 bad credentials a second and source, unless configured */
static const gh_limit_t ngx_http_gatehouse_bad_default = {
    GH_LIMIT_RATE, 0, 10, 1, 50, 100000000
};


ngx_int_t
ngx_http_gatehouse_limit(ngx_http_gatehouse_request_t *gr)
{
    ngx_int_t rc;
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t **limit;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    if (glcf->limits == NULL) {
        return NGX_OK;
    }

    limit = glcf->limits->elts;

    for (i = 0; i < glcf->limits->nelts; i++) {

        rc = limit[i]->plan ? ngx_http_gatehouse_limit_plan(gr)
                            : ngx_http_gatehouse_limit_named(gr, limit[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    for (i = 0; i < gr->n_charges; i++) {
        gr->charges[i].pending = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_limit_plan(ngx_http_gatehouse_request_t *gr)
{
    u_char source[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    uint32_t i;
    ngx_int_t rc;
    const gh_image_t *im;
    const gh_image_plan_t *plan;
    const gh_image_limit_t *limits;
    ngx_http_gatehouse_counter_t counter;

    plan = ngx_http_gatehouse_plan(gr);
    if (plan == NULL) {
        return NGX_OK;
    }

    im = &gr->image->im;
    limits = gh_image_at(im, plan->limits);

    ngx_memzero(&counter, sizeof(ngx_http_gatehouse_counter_t));
    counter.kind = GH_STR("plan");
    counter.scope = gh_image_str(im, plan->name);
    counter.subject = gr->principal.id;

    if (gr->principal.type == GH_PRINCIPAL_ANONYMOUS) {
        counter.subject = ngx_http_gatehouse_gh(
            ngx_http_gatehouse_source(gr->request->connection, source));
    }

    if (plan->per_service && gr->service != NULL) {
        counter.service = gh_image_str(im, gr->service->name);
    }

    for (i = 0; i < plan->limits.n; i++) {
        counter.limit = gh_image_str(im, limits[i].name);

        rc = ngx_http_gatehouse_limit_one(gr, &counter, &limits[i].limit,
                                          counter.limit);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_limit_named(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_limit_t *limit)
{
    u_char source[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    ngx_str_t key;
    ngx_http_gatehouse_counter_t counter;

    if (limit->key == NULL) {
        key = ngx_http_gatehouse_source(gr->request->connection, source);

    } else if (ngx_http_complex_value(gr->request, limit->key, &key) != NGX_OK)
    {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    /* an empty key is not counted, as nginx's own limits have it */

    if (key.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&counter, sizeof(ngx_http_gatehouse_counter_t));
    counter.kind = GH_STR("name");
    counter.limit = ngx_http_gatehouse_gh(limit->name);
    counter.subject = ngx_http_gatehouse_gh(key);

    return ngx_http_gatehouse_limit_one(gr, &counter, &limit->limit,
                                        counter.limit);
}


static ngx_int_t
ngx_http_gatehouse_limit_one(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_counter_t *counter,
                             const gh_limit_t *limit, gh_str_t shown_name)
{
    gh_rc_t rc;
    uint64_t hash;
    ngx_uint_t i;
    gh_limit_state_t state;
    ngx_http_gatehouse_charge_t *charge;

    counter->amount = (limit->kind == GH_LIMIT_QUOTA) ? limit->amount : 0;

    hash = ngx_http_gatehouse_counter_hash(&gr->gmcf->shm->sip, counter);

    for (i = 0; i < gr->n_charges; i++) {
        if (gr->charges[i].hash == hash) {
            return NGX_OK;
        }
    }

    if (gr->n_charges == NGX_HTTP_GATEHOUSE_CHARGES_MAX) {
        ngx_log_error(NGX_LOG_ERR, gr->request->connection->log, 0,
                      "gatehouse: more than %d limits on one request",
                      NGX_HTTP_GATEHOUSE_CHARGES_MAX);
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    ngx_memzero(&state, sizeof(gh_limit_state_t));

    rc = (limit->kind == GH_LIMIT_RATE) ? ngx_http_gatehouse_limit_rate_take(
             gr->gmcf, hash, limit, &state)
                                        : ngx_http_gatehouse_limit_quota_take(
                                            gr, hash, counter, limit, &state);

    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == GH_DENIED || rc == GH_OK) {
        charge = &gr->charges[gr->n_charges++];
        charge->hash = hash;
        charge->pending = (rc == GH_OK);
        charge->taken = (rc == GH_OK);
        charge->taken_ns = ngx_gatehouse_monotonic_ns();
        charge->taken_at_s = ngx_time();
        charge->shown.name = shown_name;
        charge->shown.limit = limit;
        charge->shown.state = state;
    }

    if (rc == GH_OK) {
        return NGX_OK;
    }

    ngx_http_gatehouse_limit_undo(gr);

    if (rc != GH_DENIED) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    gr->retry_ns = state.retry_ns;

    return ngx_http_gatehouse_refuse(gr, (limit->kind == GH_LIMIT_RATE)
                                             ? GH_REASON_RATE_LIMITED
                                             : GH_REASON_QUOTA_EXHAUSTED);
}


static gh_rc_t
ngx_http_gatehouse_limit_rate_take(ngx_http_gatehouse_main_conf_t *gmcf,
                                   uint64_t hash, const gh_limit_t *limit,
                                   gh_limit_state_t *state)
{
    ngx_http_gatehouse_step_t step;

    step.limit = limit;
    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.state = state;

    return gh_cells_move(gmcf->shm->rates, hash, step.now_ns,
                         &gmcf->cells_lock, gh_gcra_idle,
                         ngx_http_gatehouse_limit_step, &step);
}


static uint64_t
ngx_http_gatehouse_limit_step(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_http_gatehouse_step_t *step = data;

    return gh_gcra_step(old, step->limit, step->now_ns, 1, step->state, rc);
}


static uint64_t
ngx_http_gatehouse_limit_back_step(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_http_gatehouse_step_t *step = data;

    *rc = GH_OK;

    return gh_gcra_give_back_step(old, step->limit, 1, step->held_ns);
}


static gh_rc_t
ngx_http_gatehouse_limit_quota_take(ngx_http_gatehouse_request_t *gr,
                                    uint64_t hash,
                                    ngx_http_gatehouse_counter_t *counter,
                                    const gh_limit_t *limit,
                                    gh_limit_state_t *state)
{
    u_char *p, name[3 * GH_NAME_MAX + 32];
    ngx_str_t scope, limit_name, service;
    ngx_gatehouse_quota_key_t key;

    scope = ngx_http_gatehouse_ngx(counter->scope);
    limit_name = ngx_http_gatehouse_ngx(counter->limit);
    service = ngx_http_gatehouse_ngx(counter->service);

    p = ngx_snprintf(name, sizeof(name), "%V/%V/%V", &scope, &limit_name,
                     &service);

    key.hash = hash;
    key.limit.data = (char *) name;
    key.limit.len = (size_t) (p - name);
    key.subject = counter->subject;
    key.rule = limit;

    gr->quota_waiter.handler = ngx_http_gatehouse_wake;
    gr->quota_waiter.data = gr;

    return ngx_gatehouse_quota_take(gr->gmcf->quota, &key, 1, state,
                                    &gr->quota_waiter);
}


/* Gives back what this request took before one of its limits refused. */

static void
ngx_http_gatehouse_limit_undo(ngx_http_gatehouse_request_t *gr)
{
    gh_rc_t rc;
    ngx_uint_t i;
    ngx_gatehouse_quota_key_t key;
    ngx_http_gatehouse_step_t step;
    ngx_http_gatehouse_charge_t *charge;

    for (i = 0; i < gr->n_charges; i++) {
        charge = &gr->charges[i];

        if (!charge->pending || !charge->taken) {
            continue;
        }

        charge->taken = 0;
        charge->pending = 0;

        if (charge->shown.limit->kind == GH_LIMIT_QUOTA) {
            ngx_memzero(&key, sizeof(ngx_gatehouse_quota_key_t));
            key.hash = charge->hash;
            key.rule = charge->shown.limit;
            ngx_gatehouse_quota_give_back(gr->gmcf->quota, &key, 1,
                                          charge->taken_at_s);
            continue;
        }

        step.limit = charge->shown.limit;
        step.now_ns = ngx_gatehouse_monotonic_ns();
        step.held_ns = step.now_ns - charge->taken_ns;

        rc = gh_cells_move(gr->gmcf->shm->rates, charge->hash, step.now_ns,
                           &gr->gmcf->cells_lock, gh_gcra_idle,
                           ngx_http_gatehouse_limit_back_step, &step);
        (void) rc;
    }
}


/* Each part with its length, so that no two names run into each other. */

static uint64_t
ngx_http_gatehouse_counter_hash(gh_sipkey_t *key,
                                ngx_http_gatehouse_counter_t *counter)
{
    size_t i;
    u_char *p, text[5 * (NGX_HTTP_GATEHOUSE_PART_MAX + 2) + 8];
    uint64_t inner;
    gh_str_t s, parts[5];

    parts[0] = counter->kind;
    parts[1] = counter->scope;
    parts[2] = counter->limit;
    parts[3] = counter->service;
    parts[4] = counter->subject;

    p = text;

    for (i = 0; i < 5; i++) {

        if (parts[i].len > NGX_HTTP_GATEHOUSE_PART_MAX) {
            /* the key of an ad-hoc limit may be anything */
            inner = gh_siphash(key, parts[i]);
            *p++ = 0xff;
            *p++ = 0xff;
            p = ngx_cpymem(p, &inner, sizeof(inner));
            continue;
        }

        *p++ = (u_char) (parts[i].len >> 8);
        *p++ = (u_char) (parts[i].len & 0xff);
        p = ngx_cpymem(p, parts[i].data, parts[i].len);
    }

    p = ngx_cpymem(p, &counter->amount, sizeof(counter->amount));

    s.data = (char *) text;
    s.len = (size_t) (p - text);

    return gh_siphash(key, s);
}


/* A source that sent too many bad credentials is refused before any work. */

ngx_int_t
ngx_http_gatehouse_limit_bad_check(ngx_http_gatehouse_request_t *gr)
{
    uint64_t tat;
    gh_rc_t rc;
    gh_limit_state_t state;
    const gh_limit_t *limit;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    if (glcf->bad_credentials_off == 1) {
        return NGX_OK;
    }

    if (gr->gmcf->shm->bad_until_s < ngx_time()) {
        /* nobody has sent a bad credential lately */
        return NGX_OK;
    }

    tat = gh_cells_get(gr->gmcf->shm->rates,
                       ngx_http_gatehouse_limit_bad_hash(gr));

    if (tat == 0) {
        return NGX_OK;
    }

    limit = glcf->bad_credentials ? &glcf->bad_credentials->limit
                                  : &ngx_http_gatehouse_bad_default;

    (void) gh_gcra_step(tat, limit, ngx_gatehouse_monotonic_ns(), 1, &state,
                        &rc);

    if (rc == GH_OK) {
        return NGX_OK;
    }

    gr->retry_ns = state.retry_ns;

    return ngx_http_gatehouse_refuse(gr, GH_REASON_BAD_CREDENTIALS_LIMITED);
}


void
ngx_http_gatehouse_limit_bad_charge(ngx_http_gatehouse_request_t *gr)
{
    time_t until_s;
    gh_limit_state_t state;
    const gh_limit_t *limit;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    if (glcf->bad_credentials_off == 1 || gr->bad_charged) {
        return;
    }

    gr->bad_charged = 1;

    limit = glcf->bad_credentials ? &glcf->bad_credentials->limit
                                  : &ngx_http_gatehouse_bad_default;

    /* longer than any bucket of bad credentials takes to drain */

    until_s = ngx_time() + 1
              + (time_t) (limit->burst * limit->interval_ns / GH_NS_PER_S);

    if (gr->gmcf->shm->bad_until_s < until_s) {
        gr->gmcf->shm->bad_until_s = until_s;
    }

    (void) ngx_http_gatehouse_limit_rate_take(
        gr->gmcf, ngx_http_gatehouse_limit_bad_hash(gr), limit, &state);
}


static uint64_t
ngx_http_gatehouse_limit_bad_hash(ngx_http_gatehouse_request_t *gr)
{
    u_char source[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    ngx_http_gatehouse_counter_t counter;

    ngx_memzero(&counter, sizeof(ngx_http_gatehouse_counter_t));
    counter.kind = GH_STR("bad");
    counter.subject = ngx_http_gatehouse_gh(
        ngx_http_gatehouse_source(gr->request->connection, source));

    return ngx_http_gatehouse_counter_hash(&gr->gmcf->shm->sip, &counter);
}
