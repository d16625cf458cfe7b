/*
 * Station limit: bad credentials by source before any cryptography, then
 * what a plan and the location's named limits say. All must admit; what was
 * taken from one when another refuses is given back. Each limit is charged
 * once per request.
 */

#include "ngx_http_gatehouse.h"


/* Odd, so that no bit of a part is lost. */
#define NGX_HTTP_GATEHOUSE_LIMIT_FACTOR 0x9e3779b97f4a7c15
#define NGX_HTTP_GATEHOUSE_SERVICE_FACTOR 0xbf58476d1ce4e5b9


/* One counter of one limit, and how headers show it. */
typedef struct {
    ngx_gatehouse_limit_key_t key;
    const gh_limit_text_t *text;
    uint64_t cost;
} ngx_http_gatehouse_counter_t;

typedef struct {
    const gh_limit_t *limit;
    uint64_t now_ns;
    uint64_t held_ns;
    uint64_t cost;
    gh_limit_state_t *state;
} ngx_http_gatehouse_step_t;


static ngx_int_t ngx_http_gatehouse_limit_plan(
    ngx_http_gatehouse_request_t *gr, uint64_t cost);
static ngx_int_t ngx_http_gatehouse_limit_named(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_limit_t *limit,
    uint64_t cost);
static ngx_int_t ngx_http_gatehouse_limit_one(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_counter_t *counter);
static ngx_int_t ngx_http_gatehouse_limit_refused(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_counter_t *counter,
    gh_rc_t rc, uint64_t retry_ns);
static ngx_http_gatehouse_charge_t *ngx_http_gatehouse_charge_add(
    ngx_http_gatehouse_request_t *gr);
static gh_rc_t ngx_http_gatehouse_limit_rate_take(
    ngx_http_gatehouse_main_conf_t *gmcf, uint64_t hash,
    ngx_http_gatehouse_step_t *step);
static gh_rc_t ngx_http_gatehouse_limit_take(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_counter_t *counter,
    ngx_http_gatehouse_charge_t *charge);
static void ngx_http_gatehouse_limit_undo(ngx_http_gatehouse_request_t *gr);
static uint64_t ngx_http_gatehouse_counter_hash(uint64_t limit,
                                                uint64_t service,
                                                uint64_t subject);
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
    uint64_t cost;
    ngx_int_t rc;
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t **limit;
    ngx_http_gatehouse_charge_t *charge;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    if (glcf->limits == NULL) {
        return NGX_OK;
    }

    limit = glcf->limits->elts;

    for (i = 0; i < glcf->limits->nelts; i++) {

        if (ngx_http_gatehouse_limit_cost(gr->request, limit[i], &cost)
            != NGX_OK) {
            rc = ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);

        } else if (cost == 0) {
            rc = NGX_OK;

        } else {
            rc = limit[i]->plan
                     ? ngx_http_gatehouse_limit_plan(gr, cost)
                     : ngx_http_gatehouse_limit_named(gr, limit[i], cost);
        }

        if (rc != NGX_OK) {
            gr->limits_asked = 0;
            ngx_gatehouse_waiter_cancel(&gr->limit_waiter);
            return rc;
        }
    }

    if (gr->limits_asked) {
        gr->limits_asked = 0;
        return NGX_AGAIN;
    }

    charge = gr->charges.elts;

    for (i = 0; i < gr->charges.nelts; i++) {
        charge[i].pending = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_limit_plan(ngx_http_gatehouse_request_t *gr, uint64_t cost)
{
    u_char source[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    uint32_t i;
    uint64_t subject, service;
    ngx_int_t rc;
    gh_sipkey_t *sip;
    const gh_image_t *im;
    const gh_image_plan_t *plan;
    const gh_image_limit_t *limits;
    ngx_http_gatehouse_known_t *known;
    ngx_http_gatehouse_bound_t *bound;
    ngx_http_gatehouse_counter_t counter;
    ngx_http_gatehouse_plan_limit_t *made;

    plan = ngx_http_gatehouse_plan(gr);
    if (plan == NULL) {
        return NGX_OK;
    }

    sip = &gr->gmcf->shm->sip;
    im = &gr->image->im;
    bound = gr->image->bound;
    limits = gh_image_at(im, plan->limits);
    made = bound->plans[plan - gh_image_plan(im, 0)];

    counter.cost = cost;
    counter.key.scope = gh_image_str(im, plan->name);
    counter.key.subject = gr->principal.id;

    if (gr->principal.type == GH_PRINCIPAL_ANONYMOUS) {
        counter.key.subject = ngx_http_gatehouse_gh(
            ngx_http_gatehouse_source(gr->request->connection, source));
    }

    known = ngx_http_gatehouse_known(gr);
    subject = known ? known->subject : gh_siphash(sip, counter.key.subject);
    service = 0;
    counter.key.service = GH_STR("");

    if (plan->per_service && gr->service != NULL) {
        counter.key.service = gh_image_str(im, gr->service->name);
        service = gh_siphash(sip, counter.key.service);
    }

    for (i = 0; i < plan->limits.n; i++) {
        counter.key.rule = &limits[i].limit;
        counter.key.name = gh_image_str(im, limits[i].name);
        counter.text = &made[i].text;
        counter.key.hash =
            ngx_http_gatehouse_counter_hash(made[i].hash, service, subject);

        rc = ngx_http_gatehouse_limit_one(gr, &counter);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_limit_named(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_limit_t *limit,
                               uint64_t cost)
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
    counter.cost = cost;
    counter.key.rule = &limit->limit;
    counter.text = &limit->text;
    counter.key.name = ngx_http_gatehouse_gh(limit->name);
    counter.key.subject = ngx_http_gatehouse_gh(key);
    counter.key.hash = ngx_http_gatehouse_counter_hash(
        limit->hash, 0, gh_siphash(&gr->gmcf->shm->sip, counter.key.subject));

    return ngx_http_gatehouse_limit_one(gr, &counter);
}


static ngx_int_t
ngx_http_gatehouse_limit_one(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_counter_t *counter)
{
    gh_rc_t rc;
    ngx_uint_t i;
    const gh_limit_t *limit;
    ngx_http_gatehouse_charge_t *charge;

    limit = counter->key.rule;
    charge = gr->charges.elts;

    for (i = 0; i < gr->charges.nelts; i++) {
        if (charge[i].hash == counter->key.hash) {
            return NGX_OK;
        }
    }

    if (gr->limits_asked) {
        /* it waits for one before: ask for all at once */

        if (gr->gmcf->leases != NULL && limit->kind == GH_LIMIT_RATE) {
            ngx_gatehouse_lease_prepare(gr->gmcf->leases, &counter->key,
                                        counter->cost);
        }

        return NGX_OK;
    }

    /* before anything is taken that it must remember */

    charge = ngx_http_gatehouse_charge_add(gr);
    if (charge == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    ngx_memzero(charge, sizeof(ngx_http_gatehouse_charge_t));

    rc = ngx_http_gatehouse_limit_take(gr, counter, charge);

    if (rc == GH_AGAIN) {
        gr->charges.nelts--;
        gr->limits_asked = 1;
        return NGX_OK;
    }

    if (rc != GH_DENIED && rc != GH_OK) {
        gr->charges.nelts--;
        return ngx_http_gatehouse_limit_refused(gr, counter, rc, 0);
    }

    charge->hash = counter->key.hash;
    charge->pending = (rc == GH_OK);
    charge->taken = (rc == GH_OK);
    charge->taken_at_s = ngx_time();
    charge->cost = counter->cost;
    charge->limit = limit;
    charge->shown.text = *counter->text;

    return (rc == GH_OK) ? NGX_OK
                         : ngx_http_gatehouse_limit_refused(
                             gr, counter, rc, charge->shown.state.retry_ns);
}


static gh_rc_t
ngx_http_gatehouse_limit_take(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_counter_t *counter,
                              ngx_http_gatehouse_charge_t *charge)
{
    gh_rc_t rc;
    ngx_http_gatehouse_step_t step;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = gr->gmcf;
    gr->limit_waiter.handler = ngx_http_gatehouse_wake;
    gr->limit_waiter.data = gr;

    if (counter->key.rule->kind == GH_LIMIT_QUOTA) {
        return ngx_gatehouse_quota_take(gmcf->quota, &counter->key,
                                        counter->cost, &charge->shown.state,
                                        &gr->limit_waiter);
    }

    if (gmcf->leases != NULL) {
        return ngx_gatehouse_lease_take(gmcf->leases, &counter->key,
                                        counter->cost, &charge->shown.state,
                                        &gr->limit_waiter, &charge->leased);
    }

    step.limit = counter->key.rule;
    step.cost = counter->cost;
    step.state = &charge->shown.state;

    rc = ngx_http_gatehouse_limit_rate_take(gmcf, counter->key.hash, &step);
    charge->leased.taken_ns = step.now_ns;

    return rc;
}


static ngx_int_t
ngx_http_gatehouse_limit_refused(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_counter_t *counter,
                                 gh_rc_t rc, uint64_t retry_ns)
{
    ngx_http_gatehouse_limit_undo(gr);

    if (rc != GH_DENIED) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    if (counter->cost > gh_limit_most(counter->key.rule)) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_COST_ABOVE_LIMIT);
    }

    /* never: of a node's share, for as long as it counts alone */

    gr->retry_ns = (retry_ns == UINT64_MAX) ? 0 : retry_ns;

    return ngx_http_gatehouse_refuse(gr,
                                     (counter->key.rule->kind == GH_LIMIT_RATE)
                                         ? GH_REASON_RATE_LIMITED
                                         : GH_REASON_QUOTA_EXHAUSTED);
}


static ngx_http_gatehouse_charge_t *
ngx_http_gatehouse_charge_add(ngx_http_gatehouse_request_t *gr)
{
    ngx_http_request_t *r;

    r = gr->request;

    if (gr->charges.elts == NULL
        && ngx_array_init(&gr->charges, r->pool, 2,
                          sizeof(ngx_http_gatehouse_charge_t))
               != NGX_OK)
    {
        return NULL;
    }

    if (gr->charges.nelts == NGX_HTTP_GATEHOUSE_CHARGES_MAX) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "gatehouse: more than %d limits on one request",
                      NGX_HTTP_GATEHOUSE_CHARGES_MAX);
        return NULL;
    }

    return ngx_array_push(&gr->charges);
}


static gh_rc_t
ngx_http_gatehouse_limit_rate_take(ngx_http_gatehouse_main_conf_t *gmcf,
                                   uint64_t hash,
                                   ngx_http_gatehouse_step_t *step)
{
    step->now_ns = ngx_gatehouse_monotonic_ns();

    return gh_cells_move(gmcf->shm->rates, hash, step->now_ns,
                         &gmcf->cells_lock, gh_gcra_idle,
                         ngx_http_gatehouse_limit_step, step);
}


static uint64_t
ngx_http_gatehouse_limit_step(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_http_gatehouse_step_t *step = data;

    return gh_gcra_step(old, step->limit, step->now_ns, step->cost,
                        step->state, rc);
}


static uint64_t
ngx_http_gatehouse_limit_back_step(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_http_gatehouse_step_t *step = data;

    *rc = GH_OK;

    return gh_gcra_give_back_step(old, step->limit, step->cost, step->held_ns);
}


/* Gives back what this request took before one of its limits refused. */

static void
ngx_http_gatehouse_limit_undo(ngx_http_gatehouse_request_t *gr)
{
    gh_rc_t rc;
    ngx_uint_t i;
    ngx_gatehouse_limit_key_t key;
    ngx_http_gatehouse_step_t step;
    ngx_http_gatehouse_charge_t *charge;

    charge = gr->charges.elts;

    for (i = 0; i < gr->charges.nelts; i++, charge++) {

        if (!charge->pending || !charge->taken) {
            continue;
        }

        charge->taken = 0;
        charge->pending = 0;

        ngx_memzero(&key, sizeof(ngx_gatehouse_limit_key_t));
        key.hash = charge->hash;
        key.rule = charge->limit;

        if (charge->limit->kind == GH_LIMIT_QUOTA) {
            ngx_gatehouse_quota_give_back(gr->gmcf->quota, &key, charge->cost,
                                          charge->taken_at_s);
            continue;
        }

        if (gr->gmcf->leases != NULL) {
            ngx_gatehouse_lease_give_back(gr->gmcf->leases, &key, charge->cost,
                                          &charge->leased);
            continue;
        }

        step.limit = charge->limit;
        step.cost = charge->cost;
        step.now_ns = ngx_gatehouse_monotonic_ns();
        step.held_ns = step.now_ns - charge->leased.taken_ns;

        rc = gh_cells_move(gr->gmcf->shm->rates, charge->hash, step.now_ns,
                           &gr->gmcf->cells_lock, gh_gcra_idle,
                           ngx_http_gatehouse_limit_back_step, &step);
        (void) rc;
    }
}


/*
 * Of three parts, each hashed under the node's secret key: the limit's is
 * the same for every request, the subject's for all of its limits.
 */

static uint64_t
ngx_http_gatehouse_counter_hash(uint64_t limit, uint64_t service,
                                uint64_t subject)
{
    return limit * NGX_HTTP_GATEHOUSE_LIMIT_FACTOR
           + service * NGX_HTTP_GATEHOUSE_SERVICE_FACTOR + subject;
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

    if (gr->gmcf->shm->bad_until_ns < gr->began_ns) {
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
    uint64_t until_ns;
    gh_limit_state_t state;
    const gh_limit_t *limit;
    ngx_http_gatehouse_step_t step;
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

    until_ns = ngx_gatehouse_monotonic_ns() + GH_NS_PER_S
               + limit->burst * limit->interval_ns;

    if (gr->gmcf->shm->bad_until_ns < until_ns) {
        gr->gmcf->shm->bad_until_ns = until_ns;
    }

    step.limit = limit;
    step.cost = 1;
    step.state = &state;

    (void) ngx_http_gatehouse_limit_rate_take(
        gr->gmcf, ngx_http_gatehouse_limit_bad_hash(gr), &step);
}


static uint64_t
ngx_http_gatehouse_limit_bad_hash(ngx_http_gatehouse_request_t *gr)
{
    u_char source[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    gh_str_t subject;
    gh_sipkey_t *sip;

    sip = &gr->gmcf->shm->sip;
    subject = ngx_http_gatehouse_gh(
        ngx_http_gatehouse_source(gr->request->connection, source));

    return ngx_http_gatehouse_counter_hash(gh_siphash(sip, GH_STR("bad")), 0,
                                           gh_siphash(sip, subject));
}
