/*
 * Versions and their weights, from the policies and from the store.
 */

#include "traffic.h"
#include "gh_policy_error.h"
#include "policies.h"
#include "store.h"


static bool find(const gh_image_t *im, gh_str_t name,
                 const gh_image_service_t **service,
                 const gh_image_version_t **version);
static ctl_exit_t unknown(ctl_t *c, const gh_image_t *im, const char *name);


ctl_exit_t
ctl_split_read(ctl_t *c, const char *name, ctl_split_t *out)
{
    const gh_image_t *im = ctl_policies_any(c);
    const gh_image_service_t *service;
    const gh_image_version_t *version;
    ctl_exit_t rc;

    memset(out, 0, sizeof(*out));

    if (im == NULL) {
        return CTL_REFUSED;
    }

    out->name = name;

    if (strlen(name) > GH_STORE_NAME_MAX) {
        return unknown(c, im, name);
    }

    if (find(im, gh_str(name), &service, &version)) {
        ctl_split_of(c, im, service, version, out);
    }

    rc = ctl_split_stored(c, out);

    return rc == CTL_DONE && !out->known && !out->stored ? unknown(c, im, name)
                                                         : rc;
}


static bool
find(const gh_image_t *im, gh_str_t name, const gh_image_service_t **service,
     const gh_image_version_t **version)
{
    gh_str_t rest;

    *service = gh_image_service(im, gh_str_cut(name, '/', &rest));
    *version = *service == NULL || rest.data == NULL
                   ? NULL
                   : gh_image_version(im, *service, rest);

    return *version != NULL;
}


static ctl_exit_t
unknown(ctl_t *c, const gh_image_t *im, const char *name)
{
    gh_policy_choices_t choices = { .word = gh_str(name) };

    for (uint32_t i = 0; i < im->n_services; i++) {
        const gh_image_service_t *s = gh_image_service_at(im, i);
        const gh_image_version_t *v = gh_image_at(im, s->versions);

        for (uint32_t k = 0; k < s->versions.n; k++) {
            ctl_split_t split;

            ctl_split_of(c, im, s, &v[k], &split);
            gh_policy_choice(&choices, gh_str(split.name));
        }
    }

    return ctl_fail(c, CTL_REFUSED, "no version \"%s\" in %s%s",
                    gh_policy_word(gh_str(name)).text, c->setup.policies,
                    gh_policy_advice(&choices, "versions").text);
}


void
ctl_split_of(ctl_t *c, const gh_image_t *im, const gh_image_service_t *service,
             const gh_image_version_t *version, ctl_split_t *out)
{
    const gh_image_deployment_t *d = gh_image_at(im, version->deployments);
    gh_str_t first = gh_image_str(im, service->name);
    gh_str_t second = gh_image_str(im, version->name);

    memset(out, 0, sizeof(*out));

    out->known = true;
    out->name = ctl_text(&c->arena, "%.*s/%.*s", (int) first.len, first.data,
                         (int) second.len, second.data);

    for (uint32_t i = 0;
         i < version->deployments.n && out->n < GH_DEPLOYMENTS_MAX; i++)
    {
        gh_str_t name = gh_image_str(im, d[i].name);
        gh_traffic_weight_t *w = &out->file.weights[out->n];

        if (name.len > GH_NAME_MAX) {
            continue;
        }

        memcpy(w->name, name.data, name.len);
        w->weight = d[i].initial_weight;
        out->names[out->n++] = name;
    }

    out->file.n = out->n;
}


ctl_exit_t
ctl_split_stored(ctl_t *c, ctl_split_t *split)
{
    gh_str_t value, name = gh_str(split->name);
    gh_rc_t rc =
        ctl_store_read(c, GH_KIND_TRAFFIC, name, &value, &split->version);

    if (rc == GH_ABSENT) {
        return CTL_DONE;
    }

    if (rc == GH_OK) {
        rc = gh_traffic_decode(value, &split->record);
    }

    if (rc != GH_OK) {
        return ctl_store_failed(c, GH_KIND_TRAFFIC, name);
    }

    split->stored = true;
    split->fits = split->known
                  && gh_traffic_fits(&split->record, split->names, split->n);

    return CTL_DONE;
}


/* A deployment that came after the change has no traffic yet. */
gh_traffic_t
ctl_split_now(const ctl_split_t *split)
{
    gh_traffic_t now = split->file;

    if (!split->fits) {
        return now;
    }

    now.change = split->record.change;

    for (size_t i = 0; i < now.n; i++) {
        now.weights[i].weight = 0;

        for (size_t k = 0; k < split->record.n; k++) {
            if (strcmp(now.weights[i].name, split->record.weights[k].name)
                == 0) {
                now.weights[i].weight = split->record.weights[k].weight;
            }
        }
    }

    return now;
}


const char *
ctl_weights(ctl_t *c, const gh_traffic_t *t)
{
    char room[GH_DEPLOYMENTS_MAX * (GH_NAME_MAX + 16)];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < t->n; i++) {
        (void) gh_buf_add(&out, gh_str(i == 0 ? "" : ", "));
        (void) gh_buf_add(&out, gh_str(t->weights[i].name));
        (void) gh_buf_add_char(&out, ' ');
        (void) gh_weight_text(t->weights[i].weight, &out);
    }

    return ctl_copy(&c->arena, gh_buf_str(&out));
}


json_t *
ctl_json_weights(const gh_traffic_t *t)
{
    json_t *o = json_object();

    for (size_t i = 0; i < t->n; i++) {
        char room[16];
        gh_buf_t out = GH_BUF(room);

        (void) gh_weight_text(t->weights[i].weight, &out);
        (void) json_object_set_new_nocheck(o, t->weights[i].name,
                                           ctl_json_text(gh_buf_str(&out)));
    }

    return o;
}


const char *
ctl_traffic_subject(ctl_t *c, const char *name)
{
    return ctl_text(&c->arena, "traffic %s", name);
}
