/*
 * One decision as one line: key=value text or a JSON object, made in one
 * pass into the caller's buffer. Values from outside are escaped and cut.
 */

#ifndef GH_LOGLINE_H
#define GH_LOGLINE_H

#include "gh_reason.h"
#include "gh_principal.h"


#define GH_LOGLINE_HEAD_MAX 128 /* decision to status */

/* What the last line began with: the next one most often begins alike.
 * Zeroed before the first. */
typedef struct {
    int64_t at_s;
    char second[sizeof("2026-11-23T03:11:00.")]; /* empty: nothing yet */
    uint64_t verdict; /* of which `head` is; 0: of none yet */
    size_t head_len;
    char head[GH_LOGLINE_HEAD_MAX];
} gh_logline_last_t;

typedef struct {
    int64_t at_ms;           /* since 1970 */
    gh_logline_last_t *last; /* of all lines of one writer, or NULL */
    gh_str_t request_id;
    gh_str_t source; /* peer address */
    gh_str_t http_method;
    gh_str_t host;
    gh_str_t target; /* canonical path, the query masked by the caller */
    unsigned status;
    gh_reason_t reason;
    bool dry_run; /* would have been refused */
    gh_method_t method;
    gh_str_t principal, consumer, credential;
    gh_str_t who; /* method to credential, of gh_logline_who; or empty */
    gh_str_t service, version, deployment;
    uint64_t duration_us;
    uint64_t upstream_us; /* 0: none */
    uint64_t bytes_sent;
    uint64_t generation; /* of the policies */
} gh_logline_t;

/* With this much room a line always fits, whatever its values are. */
#define GH_LOGLINE_MAX 4096
#define GH_LOGLINE_WHO_MAX 720


/*
 * Append one line without its line feed; fields that are empty or 0 are left
 * out ("-" never appears), the credential method when it is none, the time
 * when it is before 1970 or after 9999.
 *
 *   2026-11-23T03:11:00.123Z gatehouse: refused reason=key_expired
 *       status=401 http_method=GET host=api.example.com target="/x?a=b" ...
 *   {"time":"2026-11-23T03:11:00.123Z","decision":"refused",
 *       "reason":"key_expired","status":401,"http_method":"GET", ...}
 *
 * "refused", "allowed", or "undecided" for GH_REASON_NONE; what dry_run let
 * pass says refused and dry_run=1 (JSON: true). Text values that hold more
 * than visible ASCII, or a space, '"', '=' or '\', are quoted; in quotes
 * '"' and '\' follow a '\', and bytes outside ASCII and controls are \xHH.
 * JSON is escaped as gh_json_quote does. A value that was cut ends with
 * "...".
 *
 * GH_TOO_LONG: out has no room; it is unchanged
 */
gh_rc_t gh_logline_text(const gh_logline_t *l, gh_buf_t *out);
gh_rc_t gh_logline_json(const gh_logline_t *l, gh_buf_t *out);

/*
 * Appends what a line of either form says from method to credential, to be
 * given as `who` to the next lines of the same principal.
 *
 * GH_TOO_LONG: out has no room; never with GH_LOGLINE_WHO_MAX
 */
gh_rc_t gh_logline_who(const gh_logline_t *l, bool json, gh_buf_t *out);

/*
 * Appends the target; in its query the values of these names, and of `extra`
 * (n names), are "***": access_token, api_key, apikey, assertion,
 * client_assertion, client_secret, code, code_verifier, id_token,
 * id_token_hint, logout_token, passwd, password, refresh_token, SAMLRequest,
 * SAMLResponse, secret, signature, state, token. Names are compared decoded,
 * without case and without what follows a '['; '-', '.' and ' ' are '_'. A
 * name begins after '?', '&', ';' or '=', its value ends at '&'.
 *
 * GH_TOO_LONG: out has no room (4 x the target always is enough); out is
 *     unchanged
 */
gh_rc_t gh_logline_mask_query(gh_str_t target, const gh_str_t *extra, size_t n,
                              gh_buf_t *out);


#endif
