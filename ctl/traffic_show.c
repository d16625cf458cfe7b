/*
 * traffic show: for each version what its file says, what is in force, and
 * whose change that was.
 */

#include "traffic.h"
#include "gh_policy_error.h"
#include "policies.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>


typedef struct {
    ctl_t *c;
    const char **names;
    size_t n;
} left_t;


static bool wanted(const ctl_t *c, const char *name);
static void show(ctl_t *c, const ctl_split_t *split, json_t *list);
static void show_people(ctl_t *c, const ctl_split_t *split,
                        const gh_change_t *change);
static json_t *show_json(const ctl_split_t *split, const gh_change_t *change);
static ctl_exit_t show_left(ctl_t *c, const gh_image_t *im, json_t *list,
                            size_t *shown);
static bool keep_name(void *ctx, gh_str_t name, gh_str_t value,
                      uint64_t version);


ctl_exit_t
ctl_traffic_show(ctl_t *c)
{
    const gh_image_t *im;
    json_t *list;
    size_t shown = 0;
    ctl_exit_t rc = ctl_store_open(c, 0);

    if (rc != CTL_DONE) {
        return rc;
    }

    im = ctl_policies_any(c);
    if (im == NULL) {
        return CTL_REFUSED;
    }

    list = json_array();

    for (uint32_t i = 0; i < im->n_services && rc == CTL_DONE; i++) {
        const gh_image_service_t *s = gh_image_service_at(im, i);
        const gh_image_version_t *v = gh_image_at(im, s->versions);

        for (uint32_t k = 0; k < s->versions.n && rc == CTL_DONE; k++) {
            ctl_split_t split;

            ctl_split_of(c, im, s, &v[k], &split);

            if (wanted(c, split.name)) {
                rc = ctl_split_stored(c, &split);
                show(c, &split, list);
                shown++;
            }
        }
    }

    if (rc == CTL_DONE) {
        rc = show_left(c, im, list, &shown);
    }

    if (rc == CTL_DONE && shown == 0 && c->n_args > 0) {
        ctl_split_t split;

        json_decref(list);
        return ctl_split_read(c, c->args[0], &split); /* says what there is */
    }

    if (rc != CTL_DONE) {
        json_decref(list);
        return rc;
    }

    ctl_print_json(c, json_pack("{s:o}", "traffic", list));

    return CTL_DONE;
}


/* "orders" is all of its versions. */
static bool
wanted(const ctl_t *c, const char *name)
{
    size_t len;

    if (c->n_args == 0) {
        return true;
    }

    len = strlen(c->args[0]);

    return strncmp(name, c->args[0], len) == 0
           && (name[len] == '\0' || name[len] == '/');
}


static void
show(ctl_t *c, const ctl_split_t *split, json_t *list)
{
    gh_change_t *change = ctl_alloc(&c->arena, sizeof(*change));
    bool found = split->stored
                 && ctl_change_read(c, split->record.change, change) == GH_OK;

    if (c->json) {
        (void) json_array_append_new(list,
                                     show_json(split, found ? change : NULL));
    } else {
        show_people(c, split, found ? change : NULL);
    }
}


static void
show_people(ctl_t *c, const ctl_split_t *split, const gh_change_t *change)
{
    gh_traffic_t now = ctl_split_now(split);

    ctl_say(c, "%s\n", split->name);

    if (split->known) {
        ctl_say(c, "  in force  %s\n", ctl_weights(c, &now));
        ctl_say(c, "  file      %s\n", ctl_weights(c, &split->file));
    }

    if (split->stored && !split->fits) {
        ctl_say(c,
                "  store     %s: not in force, because the policies have "
                "no such %s; gatehouse traffic reset %s\n",
                ctl_weights(c, &split->record),
                split->known ? "deployments" : "version", split->name);
    }

    if (change != NULL) {
        ctl_say(c, "  by        %s%s%s\n", ctl_change_words(c, change),
                change->reason[0] == '\0' ? "" : ": ",
                ctl_plain(c, gh_str(change->reason)));
    }
}


static json_t *
show_json(const ctl_split_t *split, const gh_change_t *change)
{
    gh_traffic_t now = ctl_split_now(split);
    json_t *o =
        json_pack("{s:s, s:b, s:o, s:o}", "version", split->name, "declared",
                  (int) split->known, "in_force", ctl_json_weights(&now),
                  "file", ctl_json_weights(&split->file));

    if (o != NULL && split->stored) {
        (void) json_object_set_new(o, "store",
                                   ctl_json_weights(&split->record));
        (void) json_object_set_new(o, "store_fits", json_boolean(split->fits));
        (void) json_object_set_new(
            o, "change", json_integer((json_int_t) split->record.change));
    }

    if (o != NULL && change != NULL) {
        (void) json_object_set_new(o, "who",
                                   ctl_json_text(gh_str(change->who)));
        (void) json_object_set_new(o, "at", ctl_json_when(change->at_s));
        (void) json_object_set_new(o, "reason",
                                   ctl_json_text(gh_str(change->reason)));
    }

    return o;
}


/* Records of versions that the policies do not have any more. */
static ctl_exit_t
show_left(ctl_t *c, const gh_image_t *im, json_t *list, size_t *shown)
{
    left_t left = { .c = c };
    ctl_exit_t rc = CTL_DONE;

    if (ctl_store_each(c, GH_KIND_TRAFFIC, keep_name, &left) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "the store cannot be read");
    }

    for (size_t i = 0; i < left.n && rc == CTL_DONE; i++) {
        gh_str_t version, name = gh_str(left.names[i]);
        const gh_image_service_t *s =
            gh_image_service(im, gh_str_cut(name, '/', &version));
        ctl_split_t split = { .name = left.names[i] };

        if (!wanted(c, left.names[i])
            || (s != NULL && gh_image_version(im, s, version) != NULL))
        {
            continue;
        }

        rc = ctl_split_stored(c, &split);

        if (rc == CTL_DONE) {
            show(c, &split, list);
            ++*shown;
        }
    }

    return rc;
}


static bool
keep_name(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    left_t *l = ctx;

    (void) value;
    (void) version;

    l->names = ctl_grow(&l->c->arena, l->names, l->n, sizeof(*l->names));
    l->names[l->n++] = ctl_copy(&l->c->arena, name);

    return true;
}
