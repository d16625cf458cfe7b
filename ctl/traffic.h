/*
 * What the commands about traffic share: a version of a service, the weights
 * it has in its file, and those in the store.
 */

#ifndef CTL_TRAFFIC_H
#define CTL_TRAFFIC_H

#include "change.h"


typedef struct {
    const char *name; /* "orders/v2" */
    bool known;       /* in the policies */
    size_t n;         /* deployments */
    gh_str_t names[GH_DEPLOYMENTS_MAX];
    gh_traffic_t file; /* weights of the file, in its order */

    bool stored; /* there is a record, */
    bool fits;   /* and it is in force: its deployments exist */
    gh_traffic_t record;
    uint64_t version; /* of the record; 0: none */
} ctl_split_t;


ctl_exit_t ctl_traffic_show(ctl_t *c);
ctl_exit_t ctl_traffic_set(ctl_t *c);
ctl_exit_t ctl_traffic_switch(ctl_t *c);
ctl_exit_t ctl_traffic_undo(ctl_t *c);
ctl_exit_t ctl_traffic_reset(ctl_t *c);

/*
 * One version by its name. Without a record of it in the store a version that
 * the policies do not have is refused, with the nearest name.
 */
ctl_exit_t ctl_split_read(ctl_t *c, const char *name, ctl_split_t *out);
/* From the image alone. */
void ctl_split_of(ctl_t *c, const gh_image_t *im,
                  const gh_image_service_t *service,
                  const gh_image_version_t *version, ctl_split_t *out);
/* Adds what the store says. CTL_UNAVAILABLE after a message. */
ctl_exit_t ctl_split_stored(ctl_t *c, ctl_split_t *split);

/* The weights in force, in the order of the file. */
gh_traffic_t ctl_split_now(const ctl_split_t *split);

/* "blue 90%, green 10%" */
const char *ctl_weights(ctl_t *c, const gh_traffic_t *t);
json_t *ctl_json_weights(const gh_traffic_t *t);
/* "traffic orders/v2": the subject of a change. */
const char *ctl_traffic_subject(ctl_t *c, const char *name);


#endif
