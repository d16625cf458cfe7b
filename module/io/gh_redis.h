/*
 * The store's words for Redis, without a connection: names of keys, scripts,
 * commands of the five operations, and what a reply means. Workers and the
 * tool share it. Values are sealed with the root key and bound to their name;
 * only counters are numbers that Redis itself reads. A script touches one
 * key; a write and its line of the change log are one MULTI.
 */

#ifndef GH_REDIS_H
#define GH_REDIS_H

#include <hiredis/hiredis.h>

#include "gh_lease.h"
#include "gh_lmdb.h"
#include "gh_secret.h"

#define GH_REDIS_KEY_MAX 64
#define GH_REDIS_REPLY_MAX (2 * 1024 * 1024) /* bytes of one reply */
#define GH_REDIS_ELEMENTS_MAX 1024           /* of an array in a reply */
#define GH_REDIS_LINES 256 /* of the change log, in one reply */

/*
 * Loaded in this order: where a write's script is there, the one that logs
 * is there, so that no logged write is done without its line.
 */
typedef enum {
    GH_REDIS_LOG = 0, /* appends a line, answers like CHANGES */
    GH_REDIS_CHANGES, /* the last sequence, and lines */
    GH_REDIS_PUT,
    GH_REDIS_DELETE,
    GH_REDIS_CLAIM,
    GH_REDIS_USE, /* gh_redis_use.h */
    GH_REDIS_TAKE,
    GH_REDIS_LEASE,
    GH_REDIS_BEAT,
    GH_REDIS_SCRIPTS
} gh_redis_script_t;

typedef enum {
    GH_REDIS_DONE = 0,
    GH_REDIS_NOSCRIPT, /* nothing was done: load them, ask again */
    GH_REDIS_FULL,     /* no memory left there: nothing was written */
    GH_REDIS_READONLY, /* takes no writes: its disk or its replicas fail */
    GH_REDIS_REPLICA,  /* is no primary: nothing was written */
    GH_REDIS_DAMAGED,  /* what stands there is not ours */
    GH_REDIS_LOADING,  /* not yet there: nothing was done */
    GH_REDIS_REFUSED,  /* no right to ask, ... */
    GH_REDIS_DOUBT     /* not an answer to that question: leave */
} gh_redis_verdict_t;

/*
 * What is known of the Redis that is asked. Counters of another run of it may
 * have been lost in part. Its time is its clock less what that was set
 * forward by; it goes on evenly within a thousand of epochs.
 */
typedef struct {
    char id[17];       /* of this node; 16 hexadecimal digits */
    uint64_t run;      /* of the server; 0: it does not say */
    uint64_t since_us; /* what is missing was lost then; 0: never */
    uint64_t epoch;    /* counts on when the clock was set; 0: not known */
    uint64_t set_us;   /* forward, in all */
    int64_t clock_us;  /* its time, less this node's monotonic clock */
} gh_redis_node_t;

typedef struct {
    uint64_t since_us, epoch, nodes, now_us, set_us;
} gh_redis_beat_t;

typedef struct {
    const gh_secret_t *secret; /* borrowed */
    gh_redis_node_t node;      /* for askings of leases */
    char sha[GH_REDIS_SCRIPTS][41];
    char channel[40]; /* of that database; NUL-terminated */
} gh_redis_t;

/* Bytes of a command, or of commands in a row; released with free. */
typedef struct {
    char *data;
    size_t len;
    unsigned replies; /* so many come back */
} gh_redis_bytes_t;

typedef struct {
    char *value; /* released with free; NULL unless GH_OK */
    size_t len;
    gh_str_t name; /* that was sealed with it, in value's memory */
    uint64_t version;
    int64_t expires_at_s;
} gh_redis_record_t;

typedef struct {
    uint64_t last; /* sequence of the log's last line */
    size_t n;
    gh_store_change_t lines[GH_REDIS_LINES];
} gh_redis_changes_t;


void gh_redis_init(gh_redis_t *r, const gh_secret_t *secret,
                   unsigned database);
/* The text of a script, for SCRIPT LOAD. */
gh_str_t gh_redis_script_text(gh_redis_script_t script);

/* "gh:{kind:hash}": 32 hexadecimal digits of the name's SHA-256. A quota's
 * name is such a hash (gh_store_quota_name) and stands there as it is: it is
 * the one record that does not carry its name inside. */
gh_rc_t gh_redis_key(gh_kind_t kind, gh_str_t name, gh_buf_t *out);

/* GH_NOMEM, else GH_OK and bytes to send. */
gh_rc_t gh_redis_command(const gh_str_t *args, size_t n,
                         gh_redis_bytes_t *out);
gh_rc_t gh_redis_get_command(gh_kind_t kind, gh_str_t name,
                             gh_redis_bytes_t *out);
gh_rc_t gh_redis_changes_command(const gh_redis_t *r, uint64_t since,
                                 gh_redis_bytes_t *out);

/*
 * since: lines of the change log after it come back with a logged write.
 * With w->log four replies come, of which the last one counts, else one. A
 * limit above 2^53 counts as that.
 */
gh_rc_t gh_redis_write_command(const gh_redis_t *r, const gh_write_t *w,
                               uint64_t since, gh_redis_bytes_t *out);

/*
 * All of them in one MULTI; versions are not looked at: who wants that has
 * told Redis to WATCH. The last of its replies holds one for each write,
 * behind one for its line if it is logged.
 */
gh_rc_t gh_redis_batch_command(const gh_redis_t *r, const gh_write_t *w,
                               size_t n, gh_redis_bytes_t *out);

/* What tells one run of a server from another: of INFO server. */
gh_rc_t gh_redis_run_command(gh_redis_bytes_t *out);
gh_redis_verdict_t gh_redis_run_judge(const redisReply *reply, uint64_t *run);

/*
 * This node is there; asked again within 10 s, else it does not count. known:
 * the run that it asked before, 0: none. ended: the epoch in which it has
 * seen the clock step forward by step_us, 0: it has not.
 */
gh_rc_t gh_redis_beat_command(const gh_redis_t *r, uint64_t known,
                              uint64_t ended, uint64_t step_us,
                              gh_redis_bytes_t *out);
gh_redis_verdict_t gh_redis_beat_judge(const redisReply *reply,
                                       gh_redis_beat_t *beat);

/*
 * What a beat says of the time, sent and answered at these times of our
 * monotonic clock. 0: r->node has it. Otherwise the server's clock has gone
 * forward by so much more than ours, in microseconds: r->node is as it was,
 * and is to be told so that beat->epoch ends.
 */
uint64_t gh_redis_beat_step(gh_redis_t *r, const gh_redis_beat_t *beat,
                            uint64_t sent_us, uint64_t now_us);

/* The arguments of a lease, behind its key. */
#define GH_REDIS_LEASE_ARGS 13

typedef struct {
    char room[GH_REDIS_LEASE_ARGS][24];
    gh_str_t args[GH_REDIS_LEASE_ARGS];
} gh_redis_lease_args_t;

void gh_redis_lease_args(const gh_redis_t *r, const gh_store_lease_t *lease,
                         gh_redis_lease_args_t *out);

/*
 * Whether an answer that came at now_ns can only mean that the server's clock
 * is not what r->node thinks it is: then it is time to beat.
 */
bool gh_redis_lease_stepped(const gh_write_t *w, uint64_t now_ns);

/* GH_REDIS_DONE: not an error. *code: its first word if it is known. */
gh_redis_verdict_t gh_redis_error(const redisReply *reply, gh_str_t *code);
/* code, or that of an error within: of what a MULTI was to do. */
gh_str_t gh_redis_code(const redisReply *reply, gh_str_t code);
/* In an operator's words. */
const char *gh_redis_error_words(gh_str_t code);

/*
 * What each reply but the last of a logged write means: OK, QUEUED, QUEUED.
 */
gh_redis_verdict_t gh_redis_queued_judge(const redisReply *reply,
                                         unsigned index);
/*
 * The last reply of a write. DONE: w's results are set; with w->log *changes
 * is set too (caller's memory).
 */
gh_redis_verdict_t gh_redis_write_judge(const redisReply *reply, gh_write_t *w,
                                        gh_redis_changes_t *changes);
/* What a write's script itself answers. */
gh_redis_verdict_t gh_redis_script_judge(const redisReply *reply,
                                         gh_write_t *w);
/*
 * A line that is none of ours, or of a kind that came after us, ends what is
 * in *changes: who sees that lines are missing reads everything again.
 */
gh_redis_verdict_t gh_redis_changes_judge(const redisReply *reply,
                                          gh_redis_changes_t *changes);
/*
 * The reply to a get. DONE: *rc is GH_OK (record->value is the caller's),
 * GH_ABSENT, GH_INVALID (cannot be opened, or not of that name) or GH_NOMEM.
 */
gh_redis_verdict_t gh_redis_get_judge(const gh_redis_t *r,
                                      const redisReply *reply, gh_kind_t kind,
                                      gh_str_t name, gh_redis_record_t *record,
                                      gh_rc_t *rc);

/* The same for a key that was come by: record->name says whose it is. */
gh_redis_verdict_t gh_redis_found_judge(const gh_redis_t *r,
                                        const redisReply *reply,
                                        gh_kind_t kind, gh_str_t key,
                                        gh_redis_record_t *record,
                                        gh_rc_t *rc);

/* "sequence:..." of a message; false: not ours. */
bool gh_redis_message_sequence(gh_str_t text, uint64_t *sequence);

/* A reader of replies that refuses what would take memory without end. */
redisReader *gh_redis_reader_create(void);


#endif
