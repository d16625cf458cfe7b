/*
 * diff: what would change if the policies of a directory were put in force,
 * by name. Values are shown where they are plain words; of what has a secret
 * inside only the name is.
 */

#include "commands.h"
#include "facts.h"
#include "policies.h"
#include "store.h"

#include <inttypes.h>
#include <stdlib.h>

#define SHOWN_MAX 120 /* bytes of a value that people are shown */


typedef struct {
    ctl_t *c;
    ctl_facts_t old, new;
    json_t *changes; /* with --json */
    size_t n;
} diff_t;


static void compare(diff_t *d, const ctl_facts_kind_t *kind);
static void compare_entry(diff_t *d, const ctl_facts_kind_t *kind,
                          gh_str_t name, uint32_t old, uint32_t new);
static json_t *compare_members(const json_t *old, const json_t *new);
static void compare_items(json_t *list, const char *member, const json_t *old,
                          const json_t *new);
static void tell(diff_t *d, const char *change, const char *kind,
                 gh_str_t name, json_t *members);
static const char *member_words(ctl_t *c, const json_t *member);
static const char *value_words(ctl_t *c, const json_t *value);


ctl_exit_t
ctl_diff(ctl_t *c)
{
    diff_t d = { .c = c };
    const char *directory;
    ctl_exit_t rc = ctl_setup(c);

    if (rc == CTL_DONE && c->setup.policies == NULL) {
        rc = ctl_fail(c, CTL_UNAVAILABLE, "%s has no gatehouse_policies line",
                      c->conf_file);
    }

    directory = c->n_args > 0 ? c->args[0] : c->setup.policies;

    /* files that only root may read are read before root is given up */
    rc = rc == CTL_DONE ? ctl_policies_compile(c, directory) : rc;
    rc = rc == CTL_DONE ? ctl_store_become_owner(c) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    if (ctl_policies_in_force(c) == NULL) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "no policies of %s are in force: start nginx once",
                        c->setup.policies);
    }

    ctl_facts_init(c, &c->published, &d.old);
    ctl_facts_init(c, &c->compiled_image, &d.new);
    d.changes = c->json ? json_array() : NULL;

    for (size_t i = 0; i < CTL_FACTS_KINDS; i++) {
        compare(&d, &ctl_facts_kinds[i]);
    }

    ctl_say(c,
            d.n == 0 ? "%s is what is in force, generation %" PRIu64 "\n"
                     : "%s against generation %" PRIu64 "\n",
            directory, c->published.generation);
    ctl_print_json(
        c, json_pack("{s:b, s:s, s:I, s:o}", "same", d.n == 0, "directory",
                     directory, "generation",
                     (json_int_t) c->published.generation, "changes",
                     d.changes ? d.changes : json_array()));

    return CTL_DONE;
}


static void
compare(diff_t *d, const ctl_facts_kind_t *kind)
{
    const gh_image_t *old = d->old.im, *new = d->new.im;

    for (uint32_t i = 0; i < kind->count(old); i++) {
        gh_str_t name = kind->name(old, i);

        compare_entry(d, kind, name, i, kind->find(new, name));
    }

    for (uint32_t i = 0; i < kind->count(new); i++) {
        gh_str_t name = kind->name(new, i);

        if (kind->find(old, name) == GH_IMAGE_ABSENT) {
            tell(d, "added", kind->kind, name, NULL);
        }
    }
}


static void
compare_entry(diff_t *d, const ctl_facts_kind_t *kind, gh_str_t name,
              uint32_t old, uint32_t new)
{
    json_t *before, *after;

    if (new == GH_IMAGE_ABSENT) {
        tell(d, "removed", kind->kind, name, NULL);
        return;
    }

    before = kind->facts(&d->old, old);
    after = kind->facts(&d->new, new);

    if (!json_equal(before, after)) {
        tell(d, "changed", kind->kind, name, compare_members(before, after));
    }

    json_decref(before);
    json_decref(after);
}


static json_t *
compare_members(const json_t *old, const json_t *new)
{
    json_t *list = json_array();
    const char *member;
    json_t *before;

    json_object_foreach((json_t *) (uintptr_t) old, member, before)
    {
        json_t *after = json_object_get(new, member);

        if (json_is_object(before)) {
            compare_items(list, member, before, after);

        } else if (!json_equal(before, after)) {
            (void) json_array_append_new(
                list,
                json_pack("{s:s, s:s, s:O, s:O}", "change", "changed",
                          "member", member, "before", before, "after", after));
        }
    }

    return list;
}


static void
compare_items(json_t *list, const char *member, const json_t *old,
              const json_t *new)
{
    const char *item;
    json_t *before, *after;

    json_object_foreach((json_t *) (uintptr_t) old, item, before)
    {
        after = json_object_get(new, item);

        if (after == NULL) {
            (void) json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "change", "removed",
                                "member", member, "item", item));

        } else if (!json_equal(before, after)) {
            bool plain = json_is_string(before) && json_is_string(after);

            (void) json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:O*, s:O*}", "change",
                                "changed", "member", member, "item", item,
                                "before", plain ? before : NULL, "after",
                                plain ? after : NULL));
        }
    }

    json_object_foreach((json_t *) (uintptr_t) new, item, after)
    {
        if (json_object_get(old, item) == NULL) {
            (void) json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "change", "added", "member",
                                member, "item", item));
        }
    }
}


/* members is handed over, NULL: all of it came or went. */
static void
tell(diff_t *d, const char *change, const char *kind, gh_str_t name,
     json_t *members)
{
    const char *sign = change[0] == 'a' ? "+" : change[0] == 'r' ? "-" : "~";
    const json_t *member;
    size_t i;

    d->n++;
    ctl_say(d->c, "%s %s %s\n", sign, kind, ctl_plain(d->c, name));

    if (d->c->json) {
        (void) json_array_append_new(
            d->changes,
            json_pack("{s:s, s:s, s:o, s:O*}", "change", change, "kind", kind,
                      "name", ctl_json_text(name), "members", members));
    }

    json_array_foreach(members, i, member)
    {
        ctl_say(d->c, "      %s\n", member_words(d->c, member));
    }

    json_decref(members);
}


/* "plan gold -> silver", "api_keys +7f3a" */
static const char *
member_words(ctl_t *c, const json_t *member)
{
    const char *change = json_string_value(json_object_get(member, "change"));
    const char *name = json_string_value(json_object_get(member, "member"));
    const char *item = json_string_value(json_object_get(member, "item"));
    const json_t *before = json_object_get(member, "before");
    const char *sign = change[0] == 'a' ? "+" : change[0] == 'r' ? "-" : "~";

    if (item != NULL) {
        name = ctl_text(&c->arena, "%s %s%s", name, sign,
                        ctl_plain(c, gh_str(item)));
    }

    return before == NULL
               ? name
               : ctl_text(&c->arena, "%s %s -> %s", name,
                          value_words(c, before),
                          value_words(c, json_object_get(member, "after")));
}


static const char *
value_words(ctl_t *c, const json_t *value)
{
    char *dump;
    const char *text;

    if (json_is_string(value)) {
        text = json_string_value(value);
        return text[0] == '\0' ? "nothing" : ctl_plain(c, gh_str(text));
    }

    if (json_is_null(value)) {
        return "nothing";
    }

    dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    if (dump == NULL) {
        return "...";
    }

    text = strlen(dump) > SHOWN_MAX ? "..." : ctl_plain(c, gh_str(dump));
    free(dump);

    return text;
}
