/*
 * Reading the entries of a document, a function per noun, and the reading of
 * a whole document.
 */

#ifndef GH_POLICY_ENTRY_H
#define GH_POLICY_ENTRY_H

#include "gh_policy_read.h"


/* A service while it is read: what members say about each other is checked
 * when all are known. */
typedef struct {
    gh_policy_service_t service;
    gh_policy_named_t default_version; /* line 0: not given */
    gh_policy_list_t rule_versions;    /* gh_policy_named_t */
    gh_str_t strip_at;                 /* where strip_version is true */
    bool from_path;
} gh_policy_service_draft_t;


/*
 * Reads rd's text into rd->part. GH_OK, GH_INVALID (complained about) or
 * GH_NOMEM.
 */
gh_rc_t gh_policy_document(gh_policy_reader_t *rd);

/* One plan, consumer or service; record is not looked at. */
void gh_policy_plan(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                    void *record);
void gh_policy_consumer(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                        void *record);
void gh_policy_service(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                       void *record);

/* Of a consumer, which will be added as the next one. */
void gh_policy_credentials(gh_policy_reader_t *rd, void *record);
void gh_policy_signatures(gh_policy_reader_t *rd, void *record);

/* "access" of a service: record is its gh_policy_service_draft_t. */
void gh_policy_access(gh_policy_reader_t *rd, void *record);

/* "versions" of a service: the same record. */
void gh_policy_versions(gh_policy_reader_t *rd, void *record);


/* Complains unless the name is one; `what` as in "plan". */
bool gh_policy_name_check(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                          const char *what);

/* The time that the string says, never 0, which stands for no time; 0 after
 * a complaint about the member `what`. */
int64_t gh_policy_time(gh_policy_reader_t *rd, const char *what);

/* Sets whose members are read from here on, as in "plan "gold"". */
void gh_policy_subject(gh_policy_reader_t *rd, const char *what,
                       gh_str_t name);


#endif
