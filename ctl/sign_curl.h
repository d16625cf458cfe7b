/*
 * A command line of curl, read for the request that it will send: method,
 * target, headers and body. What cannot be told from the line (forms, input
 * from a pipe) is refused, since its signature would be wrong.
 */

#ifndef CTL_SIGN_CURL_H
#define CTL_SIGN_CURL_H

#include "ctl.h"
#include "gh_sigbase.h"

#define CTL_CURL_FIELDS_MAX 64


/* Borrowed from the arguments or the arena. */
typedef struct {
    gh_message_t msg;
    gh_message_field_t fields[CTL_CURL_FIELDS_MAX];
    gh_str_t body;
    bool has_body;

    const char *method; /* of -X */
    const char *url;
    bool head, has_type;
} ctl_curl_t;


/* args[0] is curl. CTL_USAGE after a message, or CTL_REFUSED for a file that
 * cannot be read. */
ctl_exit_t ctl_curl_read(ctl_t *c, const char *const *args, size_t n,
                         ctl_curl_t *out);

/* Adds a header that will be sent. */
ctl_exit_t ctl_curl_field(const ctl_t *c, ctl_curl_t *curl, gh_str_t name,
                          gh_str_t value);


#endif
