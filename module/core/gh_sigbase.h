/*
 * The signature base of HTTP message signatures (RFC 9421 section 2): what a
 * request is, which of its components a signature may cover, and the text
 * that both sides make of them. Of requests only: @status, ;req and trailers
 * (;tr) are no components here.
 */

#ifndef GH_SIGBASE_H
#define GH_SIGBASE_H

#include "gh_sfv.h"

#define GH_SIGBASE_COMPONENTS_MAX 32


typedef struct {
    gh_str_t name, value; /* a line of the header section, as it came */
} gh_message_field_t;

/* A request as it came in, before anybody made it canonical. Borrowed. */
typedef struct {
    gh_str_t method;
    gh_str_t scheme; /* "http" or "https": how it came, or came to a proxy
                        that is trusted */
    gh_str_t target; /* as in the request line, or :path */
    gh_str_t host;   /* Host or :authority; an absolute target's own counts
                        before it */
    const gh_message_field_t *fields; /* in their order */
    size_t n_fields;
} gh_message_t;

/* One component identifier (section 2): its name and its parameters. */
typedef struct {
    gh_sfv_t item; /* as listed */
    gh_str_t name;
    bool sf, bs;
    gh_str_t key;   /* of ;key, data NULL without */
    gh_str_t param; /* of ;name, data NULL without */
} gh_component_t;


/*
 * The next of the components of a signature's inner list. GH_ABSENT at the
 * end; GH_INVALID: not a string, a name in upper case, a parameter that is
 * unknown, of the wrong type or does not go with the others;
 * GH_DENIED: a component that requests do not have, or that nginx does not
 * show (@status, unknown @names, ;req, ;tr).
 */
gh_rc_t gh_component_next(gh_str_t *rest, gh_component_t *out);

/* The same component, whatever the order of its parameters. */
bool gh_component_eq(const gh_component_t *a, const gh_component_t *b);

/*
 * Appends the value of one component (sections 2.1 and 2.2).
 *
 * GH_ABSENT    the request has no such field, dictionary member or query
 *              parameter
 * GH_DENIED    a value that cannot be signed: a query parameter that comes
 *              twice, a field of unknown type with ;sf, not a structured
 *              field, bytes that are not ASCII
 * GH_TOO_LONG  does not fit
 */
gh_rc_t gh_component_value(const gh_message_t *msg, const gh_component_t *c,
                           gh_buf_t *out);

/*
 * Builds the signature base both sides of a message signature sign
 * (section 2.5): a line per covered component, then "@signature-params".
 *
 *   components  the inside of the signature's inner list
 *   params      its parameters, from the first ';' on; both have been
 *               checked by gh_sfv_check
 *   out         appended to; no newline after the last line
 *
 * GH_OK; GH_INVALID: a component listed twice, more than
 * GH_SIGBASE_COMPONENTS_MAX, or as above; else as gh_component_next and
 * _value say
 */
gh_rc_t gh_sigbase_build(const gh_message_t *msg, gh_str_t components,
                         gh_str_t params, gh_buf_t *out);

/*
 * Appends the lines of a field as one value: each trimmed, folds made one
 * space, joined by ", " (section 2.1). GH_ABSENT: there is no such field.
 */
gh_rc_t gh_message_field(const gh_message_t *msg, gh_str_t name,
                         gh_buf_t *out);


#endif
