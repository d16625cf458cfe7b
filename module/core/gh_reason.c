/*
 * The table of reasons. Inside, each has its own word; outside, all failed
 * credentials read alike, all refusals by rule read alike, and all "could
 * not decide" read alike, so that an answer teaches nothing about keys,
 * consumers or rules.
 */

#include "gh_reason.h"


#define TEXT(literal)                                                         \
    {                                                                         \
        (literal), sizeof(literal) - 1                                        \
    }

/* Each family's members differ in their word and, where told, in detail. */
#define PASS(word)                                                            \
    {                                                                         \
        TEXT(word), 0, TEXT(""), TEXT(""), TEXT("")                           \
    }

#define AMBIGUOUS(word, detail)                                               \
    {                                                                         \
        TEXT(word), 400, TEXT("ambiguous-request"),                           \
            TEXT("Ambiguous request"), TEXT(detail)                           \
    }

#define NOT_FOUND(word, detail)                                               \
    {                                                                         \
        TEXT(word), 404, TEXT("not-found"), TEXT("Not found"), TEXT(detail)   \
    }

#define CREDENTIAL(word)                                                      \
    {                                                                         \
        TEXT(word), 401, TEXT("authentication-required"),                     \
            TEXT("Authentication required"),                                  \
            TEXT("Send one valid credential of a kind that WWW-Authenticate " \
                 "names.")                                                    \
    }

#define FORBIDDEN(word)                                                       \
    {                                                                         \
        TEXT(word), 403, TEXT("forbidden"), TEXT("Not allowed"),              \
            TEXT("This caller may not send this request. The owner of the "   \
                 "service can grant access.")                                 \
    }

#define LIMITED(word, type, detail)                                           \
    {                                                                         \
        TEXT(word), 429, TEXT(type), TEXT("Too many requests"), TEXT(detail)  \
    }

#define UNDECIDED(word)                                                       \
    {                                                                         \
        TEXT(word), 503, TEXT("unavailable"),                                 \
            TEXT("Temporarily unavailable"),                                  \
            TEXT("This request could not be decided now. Send it again "      \
                 "later.")                                                    \
    }

/* also what a request gets that nobody decided */
#define BROKEN(word)                                                          \
    {                                                                         \
        TEXT(word), 500, TEXT("internal-error"), TEXT("Internal error"),      \
            TEXT("Something went wrong here. Send the request again later; "  \
                 "if it persists, report the request id.")                    \
    }


static const gh_reason_info_t reasons[GH_REASON_COUNT] = {

    [GH_REASON_NONE] = BROKEN("none"),

    [GH_REASON_OK] = PASS("ok"),
    [GH_REASON_PUBLIC] = PASS("public"),
    [GH_REASON_ANONYMOUS] = PASS("anonymous"),
    [GH_REASON_ADMITTED] = PASS("admitted"),

    [GH_REASON_TARGET_AMBIGUOUS] =
        AMBIGUOUS("target_ambiguous",
                  "The target can be read in two ways: look for encoded "
                  "slashes, backslashes, dots or control characters, empty or "
                  "dot segments, semicolons and bytes that are not URL "
                  "characters."),
    [GH_REASON_HEADER_AMBIGUOUS] =
        AMBIGUOUS("header_ambiguous",
                  "A header that must come once came twice, or can be read in "
                  "two ways."),
    [GH_REASON_HOST_MISMATCH] = { TEXT("host_mismatch"), 421,
                                  TEXT("misdirected-request"),
                                  TEXT("Misdirected request"),
                                  TEXT("The connection was opened for another "
                                       "host name. Open a new one for this "
                                       "host.") },

    [GH_REASON_SERVICE_UNKNOWN] =
        NOT_FOUND("service_unknown", "There is no such service."),
    [GH_REASON_VERSION_UNKNOWN] =
        NOT_FOUND("version_unknown", "The service has no such version."),
    [GH_REASON_VERSION_CONFLICT] =
        AMBIGUOUS("version_conflict",
                  "Path, header and media type name different versions. Name "
                  "one."),
    [GH_REASON_VERSION_SUNSET] = { TEXT("version_sunset"), 410,
                                   TEXT("version-sunset"),
                                   TEXT("Version no longer offered"),
                                   TEXT("This version was switched off at the "
                                        "date in the Sunset header. The Link "
                                        "header names its successor, if there "
                                        "is one.") },

    [GH_REASON_CREDENTIAL_MISSING] = CREDENTIAL("credential_missing"),
    [GH_REASON_CREDENTIAL_DUPLICATE] = CREDENTIAL("credential_duplicate"),
    [GH_REASON_CREDENTIAL_MALFORMED] = CREDENTIAL("credential_malformed"),
    [GH_REASON_KEY_UNKNOWN] = CREDENTIAL("key_unknown"),
    [GH_REASON_KEY_EXPIRED] = CREDENTIAL("key_expired"),
    [GH_REASON_KEY_REVOKED] = CREDENTIAL("key_revoked"),
    [GH_REASON_CONSUMER_UNKNOWN] = CREDENTIAL("consumer_unknown"),
    [GH_REASON_CONSUMER_SUSPENDED] = CREDENTIAL("consumer_suspended"),
    [GH_REASON_TOKEN_MALFORMED] = CREDENTIAL("token_malformed"),
    [GH_REASON_TOKEN_ENCRYPTED] = CREDENTIAL("token_encrypted"),
    [GH_REASON_TOKEN_ALGORITHM] = CREDENTIAL("token_algorithm"),
    [GH_REASON_TOKEN_CRITICAL] = CREDENTIAL("token_critical"),
    [GH_REASON_TOKEN_KEY_UNKNOWN] = CREDENTIAL("token_key_unknown"),
    [GH_REASON_TOKEN_SIGNATURE] = CREDENTIAL("token_signature"),
    [GH_REASON_TOKEN_ISSUER] = CREDENTIAL("token_issuer"),
    [GH_REASON_TOKEN_AUDIENCE] = CREDENTIAL("token_audience"),
    [GH_REASON_TOKEN_TYPE] = CREDENTIAL("token_type"),
    [GH_REASON_TOKEN_EXPIRED] = CREDENTIAL("token_expired"),
    [GH_REASON_TOKEN_NOT_YET] = CREDENTIAL("token_not_yet"),
    [GH_REASON_TOKEN_CLAIM] = CREDENTIAL("token_claim"),
    [GH_REASON_SIGNATURE_MALFORMED] = CREDENTIAL("signature_malformed"),
    [GH_REASON_SIGNATURE_COMPONENT] = CREDENTIAL("signature_component"),
    [GH_REASON_SIGNATURE_COVERAGE] = CREDENTIAL("signature_coverage"),
    [GH_REASON_SIGNATURE_KEY_UNKNOWN] = CREDENTIAL("signature_key_unknown"),
    [GH_REASON_SIGNATURE_ALGORITHM] = CREDENTIAL("signature_algorithm"),
    [GH_REASON_SIGNATURE_EXPIRED] = CREDENTIAL("signature_expired"),
    [GH_REASON_SIGNATURE_NOT_YET] = CREDENTIAL("signature_not_yet"),
    [GH_REASON_SIGNATURE_NONCE] = CREDENTIAL("signature_nonce"),
    [GH_REASON_SIGNATURE_WRONG] = CREDENTIAL("signature_wrong"),
    [GH_REASON_SIGNATURE_DIGEST] = CREDENTIAL("signature_digest"),
    [GH_REASON_SIGNATURE_REPLAYED] = CREDENTIAL("signature_replayed"),

    [GH_REASON_LOGIN_FAILED] = { TEXT("login_failed"), 403,
                                 TEXT("login-failed"), TEXT("Login failed"),
                                 TEXT("This login could not be completed. "
                                      "Begin again at the page you wanted to "
                                      "see.") },

    [GH_REASON_ORIGIN_FOREIGN] = FORBIDDEN("origin_foreign"),
    [GH_REASON_RULE_NONE] = FORBIDDEN("rule_none"),
    [GH_REASON_RULE_DENY] = FORBIDDEN("rule_deny"),
    [GH_REASON_SERVICE_RULE] = FORBIDDEN("service_rule"),
    [GH_REASON_PLAN_SERVICE] = FORBIDDEN("plan_service"),

    [GH_REASON_RATE_LIMITED] =
        LIMITED("rate_limited", "rate-limited",
                "Requests come faster than the limit allows. Wait for the "
                "seconds in Retry-After."),
    [GH_REASON_QUOTA_EXHAUSTED] =
        LIMITED("quota_exhausted", "quota-exhausted",
                "The allowance of this period is used up. It is renewed after "
                "the seconds in Retry-After."),
    [GH_REASON_COST_ABOVE_LIMIT] =
        LIMITED("cost_above_limit", "cost-above-limit",
                "This request costs more than the limit ever admits at once. "
                "Waiting does not help: ask for less."),
    [GH_REASON_BAD_CREDENTIALS_LIMITED] =
        LIMITED("bad_credentials_limited", "rate-limited",
                "Too many credentials from this source were not valid. Wait "
                "for the seconds in Retry-After."),

    [GH_REASON_STORE_UNAVAILABLE] = UNDECIDED("store_unavailable"),
    [GH_REASON_KEYS_UNAVAILABLE] = UNDECIDED("keys_unavailable"),
    [GH_REASON_LOGIN_UNAVAILABLE] = UNDECIDED("login_unavailable"),
    [GH_REASON_POLICIES_UNAVAILABLE] = UNDECIDED("policies_unavailable"),
    [GH_REASON_REPLAY_UNAVAILABLE] = UNDECIDED("replay_unavailable"),
    [GH_REASON_NO_DEPLOYMENT] = UNDECIDED("no_deployment"),
    [GH_REASON_OVERLOADED] = UNDECIDED("overloaded"),
    [GH_REASON_INTERNAL] = BROKEN("internal"),
};


const gh_reason_info_t *
gh_reason_info(gh_reason_t reason)
{
    /* a reason that someone forgot to describe must not admit */
    if ((unsigned) reason >= GH_REASON_COUNT || reasons[reason].word.len == 0)
    {
        reason = GH_REASON_INTERNAL;
    }

    return &reasons[reason];
}


gh_reason_t
gh_reason_parse(gh_str_t word)
{
    for (unsigned i = 0; i < GH_REASON_COUNT; i++) {
        if (gh_str_eq(reasons[i].word, word)) {
            return (gh_reason_t) i;
        }
    }

    return GH_REASON_NONE;
}


bool
gh_reason_admits(gh_reason_t reason)
{
    return gh_reason_info(reason)->status == 0;
}
