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
    gh_method_t method;
    gh_str_t id;   /* qualified: consumer:acme, staff:2482 */
    gh_str_t name; /* any of these may be empty */
    gh_str_t email;
    gh_str_t issuer;
    gh_str_t consumer;   /* its name when it is registered */
    gh_str_t credential; /* public id of what proved it (log) */
    const gh_str_t *groups;
    size_t n_groups;
    const gh_str_t *scopes;
    size_t n_scopes;
    const json_t *claims; /* verified; NULL without a token */
} gh_principal_t;


/* Borrowed for ever. "none" for GH_METHOD_NONE, "anonymous" for what is out
 * of range too. */
gh_str_t gh_method_word(gh_method_t method);               /* "api_key" ... */
gh_str_t gh_principal_type_word(gh_principal_type_t type); /* "consumer" */


#define GH_PRINCIPAL_VALUE_MAX 1024 /* bytes of one header value */
#define GH_PRINCIPAL_LIST_MAX 4096  /* the same of a list */

/*
 * Makes a value safe as one header line: visible ASCII and single inner
 * spaces pass; every other byte and '%' are percent-encoded, so that
 * decoding gives the value back; cut at max bytes of output on a whole
 * character. Appends.
 *
 * GH_TOO_LONG: out has no room for it; out is unchanged
 */
gh_rc_t gh_principal_value(gh_str_t raw, size_t max, gh_buf_t *out);

/*
 * Members separated by commas, each encoded as above and its commas too.
 * Empty members, and such as would go beyond max, are left out whole: a
 * piece of a group's name could be the name of another.
 *
 * GH_TOO_LONG: out has no room for it; out is unchanged
 */
gh_rc_t gh_principal_list(const gh_str_t *items, size_t n, size_t max,
                          gh_buf_t *out);


/* The parts of a principal that a header can carry. */
typedef enum {
    GH_PART_ID = 0,
    GH_PART_TYPE,
    GH_PART_NAME,
    GH_PART_EMAIL,
    GH_PART_GROUPS,
    GH_PART_SCOPES,
    GH_PART_ISSUER,
    GH_PART_CONSUMER,
    GH_PART_METHOD,
    GH_PART_ASSERTION,  /* always GH_ABSENT here: another station signs it */
    GH_PART_SUBJECT,    /* the id without its qualifier */
    GH_PART_ANONYMOUS,  /* "true" for the anonymous principal only */
    GH_PART_CREDENTIAL, /* public id of the credential; a user's subject,
                           since a session is nobody's business behind */
    GH_PART_NONE,       /* taken away from outside, never sent */
    GH_PART_COUNT
} gh_part_t;

typedef struct {
    gh_str_t name; /* header as sent: "X-Principal-Groups"; of GH_PART_NONE
                       also a prefix with '*', as gh_header_set_add takes */
    gh_part_t part;
} gh_principal_header_t;

/*
 * The headers of a preset: default, kong, oauth2-proxy, mod_auth_openidc.
 * NULL when there is no such preset; *n is set either way. All names of a
 * preset are to be taken away from outside.
 */
const gh_principal_header_t *gh_principal_preset(gh_str_t name, size_t *n);

/* "groups", "email"; not "none". */
bool gh_part_parse(gh_str_t word, gh_part_t *out);

/*
 * The text of one part, appended; p NULL is the anonymous principal.
 *
 * GH_ABSENT: the principal has none, or has an email address too long to be
 *     one: no header is sent
 * GH_TOO_LONG: out has no room, or a part that says who this is (id,
 *     subject, consumer, issuer, credential) is longer than
 *     GH_PRINCIPAL_VALUE_MAX when encoded. It is never cut, since a cut id
 *     may be another's: refuse the credential. out is unchanged
 */
gh_rc_t gh_principal_part(const gh_principal_t *p, gh_part_t part,
                          gh_buf_t *out);

/*
 * The text of one claim, appended, for a header or a variable: pointer as
 * gh_json_pointer takes it. Texts are encoded as by gh_principal_value,
 * numbers and truths stand as they are, a list of such as by
 * gh_principal_list, an object or any other list is its JSON on one line
 * (members sorted, ASCII), encoded like a text.
 *
 * GH_ABSENT: there is none, it is null or empty, or it is longer than
 *     GH_PRINCIPAL_VALUE_MAX, of lists and objects GH_PRINCIPAL_LIST_MAX: it
 *     is never cut, since a piece may mean something else
 * GH_TOO_LONG: out has no room for it; out is unchanged
 */
gh_rc_t gh_principal_claim(const gh_principal_t *p, gh_str_t pointer,
                           gh_buf_t *out);
/* A name, or a well-formed JSON pointer that is not the whole document. */
bool gh_principal_claim_valid(gh_str_t pointer);


#endif
