/*
 * The weights of one version as the store keeps them, the history of their
 * changes, and the rules of change: compare-and-set, weights add up to
 * 100 %, undo restores what stood before and refuses when a newer one stands.
 */

#ifndef GH_TRAFFIC_H
#define GH_TRAFFIC_H

#include "gh_choose.h"
#include "gh_json.h"

#define GH_NAME_MAX 64

/* Room that is enough for every record. */
#define GH_TRAFFIC_BYTES_MAX 3072
#define GH_CHANGE_BYTES_MAX 9216


typedef struct {
    char name[GH_NAME_MAX + 1]; /* NUL-terminated */
    uint32_t weight;
} gh_traffic_weight_t;

typedef struct {
    uint64_t change; /* id of the change that made it; from 1 */
    size_t n;
    gh_traffic_weight_t weights[GH_DEPLOYMENTS_MAX];
} gh_traffic_t;

/* One line of history; texts are cut to the room. */
typedef struct {
    uint64_t id; /* from 1, over all services */
    int64_t at_s;
    char who[64];
    char subject[160]; /* "traffic orders/v2", "key 7f3a" */
    char action[32];   /* set, switch, undo, reset, create, revoke */
    char reason[200];
    uint64_t before_change;     /* the change that stood before; 0: the file */
    bool had_before, has_after; /* false: the policy file's weights */
    gh_traffic_t before, after;
} gh_change_t;


/*
 * Store records are JSON, versioned by a member "v"; unknown members are
 * passed over. Encoding appends. Names are visible ASCII, each once, 1 to
 * GH_DEPLOYMENTS_MAX of them, and weights add up to GH_WEIGHT_ALL, both ways.
 *
 * GH_INVALID   not such a record (or of another version); *out undefined
 * GH_TOO_LONG  no room; the buffer is as it was
 * GH_NOMEM     could not be read
 */
gh_rc_t gh_traffic_encode(const gh_traffic_t *t, gh_buf_t *out);
gh_rc_t gh_traffic_decode(gh_str_t text, gh_traffic_t *out);
gh_rc_t gh_change_encode(const gh_change_t *c, gh_buf_t *out);
gh_rc_t gh_change_decode(gh_str_t text, gh_change_t *out);

/* Copies text into one of the rooms of gh_change_t, cut between characters
 * (UTF-8) or at a NUL, NUL-terminated. */
void gh_change_text(char *room, size_t room_bytes, gh_str_t text);

/*
 * What stands now + "green=10%" words → the next weights. Names not given
 * share the rest in the proportion they had (exact sum: the largest takes
 * the remainder); a single one takes it all. GH_INVALID sets *message
 * (static): no word, a word of another form, a name that is unknown or given
 * twice, a sum above 100 %, nobody to take the rest, or only deployments
 * without traffic to share it. next->change is 0 for the caller to set.
 */
gh_rc_t gh_traffic_set(const gh_traffic_t *now, const gh_str_t *words,
                       size_t n, gh_traffic_t *next, const char **message);
/* All to one deployment. GH_ABSENT: no such deployment. */
gh_rc_t gh_traffic_switch(const gh_traffic_t *now, gh_str_t name,
                          gh_traffic_t *next);
/* True when every deployment of t is in names (else the file rules). */
bool gh_traffic_fits(const gh_traffic_t *t, const gh_str_t *names, size_t n);


#endif
