/*
 * Images of policies: the published one is mapped, another one is compiled in
 * memory and thrown away at the end.
 */

#include "policies.h"
#include "commands.h"
#include "gh_policy_builder.h"
#include "gh_policy_error.h"

#include <stdlib.h>


static bool upstream_known(void *ctx, gh_str_t name);
static bool issuer_known(void *ctx, gh_str_t name);
static gh_rc_t compile(ctl_t *c);
static ctl_exit_t no_consumer(const ctl_t *c, const gh_image_t *im,
                              const char *name);


gh_rc_t
ctl_policies_builder(ctl_t *c, const char *directory, gh_policy_build_t **out)
{
    gh_policy_build_conf_t conf = { .directory = directory,
                                    .state = c->setup.state };

    /* names in a file that we may not read would be missing */
    if (c->setup_read && c->setup.conf.unread == NULL) {
        conf.names.upstream_known = upstream_known;
        conf.names.upstreams_text = c->setup.upstreams.text;
        conf.names.issuer_known = issuer_known;
        conf.names.issuers_text = c->setup.issuers.text;
        conf.names.ctx = c;
    }

    return gh_policy_build_create(&conf, out);
}


static bool
upstream_known(void *ctx, gh_str_t name)
{
    const ctl_t *c = ctx;

    return ctl_names_have(&c->setup.upstreams, name);
}


static bool
issuer_known(void *ctx, gh_str_t name)
{
    const ctl_t *c = ctx;

    return ctl_names_have(&c->setup.issuers, name);
}


const gh_image_t *
ctl_policies_in_force(ctl_t *c)
{
    char why[GH_IMAGE_WHY_MAX];
    gh_image_note_t note;
    bool ours;

    if (c->published.base != NULL) {
        return &c->published;
    }

    if (c->setup.policies == NULL || c->setup.state == NULL
        || gh_image_note_read(c->setup.state, &note) != GH_OK)
    {
        return NULL;
    }

    ours = strcmp(note.directory, c->setup.policies) == 0;
    gh_image_note_clear(&note);

    return ours
                   && gh_image_file_map(c->setup.state, &c->published, why)
                          == GH_OK
               ? &c->published
               : NULL;
}


/* A million keys take seconds to compile, and a glance when they are what is
 * in force. */
const gh_image_t *
ctl_policies_compiled(ctl_t *c)
{
    if (c->compiled_image.base != NULL) {
        return &c->compiled_image;
    }

    if (c->setup.policies == NULL || c->build != NULL
        || ctl_policies_builder(c, c->setup.policies, &c->build) != GH_OK)
    {
        return NULL;
    }

    if (ctl_policies_in_force(c) != NULL
        && gh_policy_build_is_current(c->build, false, NULL))
    {
        c->compiled_image = c->published;
        return &c->compiled_image;
    }

    return compile(c) == GH_OK ? &c->compiled_image : NULL;
}


static gh_rc_t
compile(ctl_t *c)
{
    gh_rc_t rc = GH_CONFLICT;

    c->build->report = ctl_alloc(&c->arena, sizeof(gh_policy_report_t));

    for (unsigned i = 0; rc == GH_CONFLICT && i < 5; i++) {
        rc = gh_policy_build_image(c->build, 1, &c->compiled);
    }

    return rc == GH_OK ? gh_image_open(c->compiled.data, c->compiled.len,
                                       false, &c->compiled_image)
                       : rc;
}


ctl_exit_t
ctl_policies_compile(ctl_t *c, const char *directory)
{
    gh_rc_t rc = ctl_policies_builder(c, directory, &c->build);

    rc = rc == GH_OK ? compile(c) : rc;

    if (rc == GH_INVALID) {
        return ctl_check_report(c, &c->build->report->errors, directory);
    }

    return rc == GH_OK ? CTL_DONE
                       : ctl_fail(c, CTL_UNAVAILABLE,
                                  "%s cannot be compared: it changes all the "
                                  "time, or needs more memory than there is",
                                  directory);
}


const gh_image_t *
ctl_policies_any(ctl_t *c)
{
    const gh_image_t *im = ctl_policies_in_force(c);

    if (im == NULL) {
        im = ctl_policies_compiled(c);
    }

    if (im == NULL && c->setup.policies == NULL) {
        (void) ctl_fail(c, CTL_UNAVAILABLE,
                        "%s has no gatehouse_policies line, so there are no "
                        "consumers and no services",
                        c->conf_file);
    } else if (im == NULL) {
        (void) ctl_fail(c, CTL_REFUSED,
                        "the policies in %s are not valid, and none are in "
                        "force; see: gatehouse check",
                        c->setup.policies);
    }

    return im;
}


ctl_exit_t
ctl_policies_consumer(ctl_t *c, const char *name, bool *pending)
{
    const gh_image_t *im = ctl_policies_any(c), *newer;

    if (pending != NULL) {
        *pending = false;
    }

    if (im == NULL) {
        return CTL_REFUSED;
    }

    if (gh_image_consumer(im, gh_str(name)) != NULL) {
        return CTL_DONE;
    }

    newer = ctl_policies_compiled(c);

    if (newer == NULL || gh_image_consumer(newer, gh_str(name)) == NULL) {
        return no_consumer(c, newer == NULL ? im : newer, name);
    }

    if (pending != NULL) {
        *pending = true;
    }

    return CTL_DONE;
}


static ctl_exit_t
no_consumer(const ctl_t *c, const gh_image_t *im, const char *name)
{
    gh_policy_choices_t choices = { .word = gh_str(name) };

    for (uint32_t i = 0; i < im->n_consumers; i++) {
        gh_policy_choice(&choices,
                         gh_image_str(im, gh_image_consumer_at(im, i)->name));
    }

    return ctl_fail(c, CTL_REFUSED, "no consumer \"%s\" in %s%s",
                    gh_policy_word(gh_str(name)).text, c->setup.policies,
                    gh_policy_advice(&choices, "consumers").text);
}


const gh_image_key_t *
ctl_policies_key(ctl_t *c, gh_str_t id, const gh_image_t **im)
{
    const gh_image_key_t *key = NULL;

    *im = ctl_policies_in_force(c);

    if (*im != NULL) {
        key = gh_image_key_by_id(*im, id);
    }

    if (key == NULL) {
        *im = ctl_policies_compiled(c);
        key = *im == NULL ? NULL : gh_image_key_by_id(*im, id);
    }

    return key;
}
