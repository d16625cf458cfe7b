/*
 * Who a request acts for, as every station sees it, and the texts that the
 * service behind receives. Values are borrowed from the credential's owner
 * (policy image, verified token, session) for the life of the request.
 */

#ifndef GH_PRINCIPAL_H
#define GH_PRINCIPAL_H

#include "gh_json.h"


typedef enum {
    GH_PRINCIPAL_ANONYMOUS = 0,
    GH_PRINCIPAL_USER,     /* a person */
    GH_PRINCIPAL_CONSUMER, /* a registered client of the APIs */
    GH_PRINCIPAL_CLIENT    /* a program with a token, not registered here */
} gh_principal_type_t;

/* One word per method everywhere. */
typedef enum {
    GH_METHOD_NONE = 0,
    GH_METHOD_API_KEY,
    GH_METHOD_TOKEN,
    GH_METHOD_OIDC,
    GH_METHOD_SIGNATURE,
    GH_METHOD_COUNT
} gh_method_t;

typedef struct {
    gh_principal_type_t type;
    gh_method_t         method;
    gh_str_t            id;         /* qualified: consumer:acme, staff:2482 */
    gh_str_t            name;       /* any of these may be empty */
    gh_str_t            email;
    gh_str_t            issuer;
    gh_str_t            consumer;   /* its name when it is registered */
    gh_str_t            credential; /* public id of what proved it (log) */
    const gh_str_t     *groups;
    size_t              n_groups;
    const gh_str_t     *scopes;
    size_t              n_scopes;
    const json_t       *claims;     /* verified; NULL without a token */
} gh_principal_t;


gh_str_t gh_method_word(gh_method_t method);           /* "api_key" ... */
gh_str_t gh_principal_type_word(gh_principal_type_t type); /* "consumer" */

/*
 * Makes a value safe as one header line: visible ASCII and single inner
 * spaces pass; every other byte, '%' and (in members) ',' are
 * percent-encoded; cut at max bytes on a whole character. Appends.
 */
gh_rc_t gh_principal_value(gh_str_t raw, size_t max, gh_buf_t *out);
/* Comma separated, each member encoded. */
gh_rc_t gh_principal_list(const gh_str_t *items, size_t n, size_t max,
                          gh_buf_t *out);


/* The parts of a principal that a header can carry. */
typedef enum {
    GH_PART_ID = 0, GH_PART_TYPE, GH_PART_NAME, GH_PART_EMAIL,
    GH_PART_GROUPS, GH_PART_SCOPES, GH_PART_ISSUER, GH_PART_CONSUMER,
    GH_PART_METHOD, GH_PART_ASSERTION, GH_PART_SUBJECT, GH_PART_ANONYMOUS,
    GH_PART_COUNT
} gh_part_t;

typedef struct {
    gh_str_t  name; /* header as sent: "X-Principal-Groups" */
    gh_part_t part;
} gh_principal_header_t;

/*
 * The headers of a preset: default, kong, oauth2-proxy, mod_auth_openidc.
 * NULL when there is no such preset. *n is set.
 */
const gh_principal_header_t *gh_principal_preset(gh_str_t name, size_t *n);
bool gh_part_parse(gh_str_t word, gh_part_t *out); /* "groups", "email" */

/*
 * The text of one part; GH_ABSENT when the principal has none (then no
 * header is sent). Appends to out.
 */
gh_rc_t gh_principal_part(const gh_principal_t *p, gh_part_t part,
                          gh_buf_t *out);


#endif
