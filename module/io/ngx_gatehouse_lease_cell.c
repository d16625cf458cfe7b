/*
 * The steps of a counter's cells in shared memory.
 */

#include "ngx_gatehouse_lease_inside.h"


gh_rc_t
ngx_gatehouse_lease_move(ngx_gatehouse_leases_t *l, uint64_t hash,
                         gh_cells_step_pt step,
                         ngx_gatehouse_lease_step_t *data)
{
    return gh_cells_move(l->shm->rates, hash, data->now_ns, &l->lock,
                         gh_gcra_idle, step, data);
}


/*
 * The time of the decision is one at which the token was there: after the
 * store gave it, before anybody else could take it.
 */

uint64_t
ngx_gatehouse_lease_take_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    step->now_ns = ngx_gatehouse_monotonic_ns();
    *rc = GH_OK;

    return gh_lease_take_step(old, step->now_ns, step->cost, &step->taken);
}


uint64_t
ngx_gatehouse_lease_back_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_give_back_step(old, step->now_ns, step->serial,
                                   step->cost);
}


uint64_t
ngx_gatehouse_lease_ask_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_ask_step(old, step->now_ns, &step->asked);
}


uint64_t
ngx_gatehouse_lease_grant_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_grant_step(old, step->serial, step->granted, step->ends_ns,
                               &step->used);
}


uint64_t
ngx_gatehouse_lease_fail_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_fail_step(old, step->serial);
}


uint64_t
ngx_gatehouse_lease_word_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    *rc = GH_OK;

    return step->word;
}


uint64_t
ngx_gatehouse_lease_rate_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    return gh_gcra_step(old, step->rule, step->now_ns, step->cost, step->state,
                        rc);
}


uint64_t
ngx_gatehouse_lease_rate_back_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_lease_step_t *step = data;

    *rc = GH_OK;

    return gh_gcra_give_back_step(old, step->rule, step->cost, step->held_ns);
}
