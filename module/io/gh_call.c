/*
 * The only file that talks to providers. libcurl makes every call: keys,
 * discovery, tokens, userinfo, revocation. liboauth2's HTTP client cannot hold
 * what is promised here: see docs/design-notes.md.
 */

#include "gh_call.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define HEADERS_MAX 65536 /* bytes of an answer's header lines */
#define BODY_FIRST 4096
#define HEADER_MAX 8192 /* bytes of one header line of a call */

#ifndef GH_VERSION
#define GH_VERSION "unknown"
#endif


struct gh_caller_s {
    CURL *curl;

    /* during a call */
    const gh_call_t *call;
    gh_answer_t *answer;
    gh_url_t url;
    struct curl_slist *lines;
    size_t body_cap, headers_len;
    bool refused; /* an address the URL may not lead to */
    bool too_long;
    char error[CURL_ERROR_SIZE];
};


static bool is_value(const char *text);
static bool prepare(gh_caller_t *c);
static bool add_line(gh_caller_t *c, const char *name, const char *value);
static CURLcode set_all(gh_caller_t *c);
static CURLcode set_limits(gh_caller_t *c);
static CURLcode set_tls(gh_caller_t *c);
static CURLcode set_content(gh_caller_t *c);
static void conclude(gh_caller_t *c, CURLcode code);
static bool is_too_large(CURLcode code);
static void say(gh_answer_t *answer, const char *text);
static curl_socket_t open_socket(void *data, curlsocktype purpose,
                                 struct curl_sockaddr *address);
static gh_address_t kind_of(const struct curl_sockaddr *address);
static size_t take_header(char *data, size_t size, size_t n, void *ctx);
static size_t take_body(char *data, size_t size, size_t n, void *ctx);
static bool make_room(gh_caller_t *c, size_t more);
static int look_up(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d,
                   curl_off_t e);
static void wipe_lines(struct curl_slist *lines);


gh_rc_t
gh_call_begin(void)
{
    return (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) ? GH_OK
                                                               : GH_NOMEM;
}


void
gh_call_end(void)
{
    curl_global_cleanup();
}


gh_caller_t *
gh_caller_create(void)
{
    gh_caller_t *c;

    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }

    c->curl = curl_easy_init();
    if (c->curl == NULL) {
        free(c);
        return NULL;
    }

    return c;
}


void
gh_caller_destroy(gh_caller_t *caller)
{
    if (caller != NULL) {
        curl_easy_cleanup(caller->curl);
        free(caller);
    }
}


gh_rc_t
gh_call_check(const gh_call_t *call, gh_url_t *url, const char **why)
{
    if (gh_url_parse(gh_str(call->url), url, why) != GH_OK
        || gh_url_callable(url, call->loopback_http, why) != GH_OK)
    {
        return GH_INVALID;
    }

    if (!is_value(call->accept) || !is_value(call->authorization)) {
        *why = "a header holds control bytes, or is too long";
        return GH_INVALID;
    }

    return GH_OK;
}


static bool
is_value(const char *text)
{
    size_t n = 0;

    if (text == NULL) {
        return true;
    }

    while (text[n] != '\0') {
        if ((unsigned char) text[n] < 0x20 || text[n] == 0x7f) {
            return false;
        }
        n++;
    }

    return n < HEADER_MAX - 64;
}


void
gh_call(gh_caller_t *caller, const gh_call_t *call, gh_answer_t *out)
{
    CURLcode code;
    const char *why = "";

    memset(out, 0, sizeof(*out));

    caller->call = call;
    caller->answer = out;
    caller->lines = NULL;
    caller->body_cap = caller->headers_len = 0;
    caller->refused = caller->too_long = false;
    caller->error[0] = '\0';

    out->rc = gh_call_check(call, &caller->url, &why);
    if (out->rc != GH_OK) {
        say(out, why);
        return;
    }

    if (!prepare(caller) || set_all(caller) != CURLE_OK) {
        out->rc = GH_NOMEM;
        say(out, "no memory");

    } else {
        code = curl_easy_perform(caller->curl);
        conclude(caller, code);
    }

    wipe_lines(caller->lines);
    curl_slist_free_all(caller->lines);
    caller->lines = NULL;
    curl_easy_reset(caller->curl); /* keeps connections, forgets the rest */
}


static bool
prepare(gh_caller_t *c)
{
    const gh_call_t *call = c->call;

    return (call->accept == NULL || add_line(c, "Accept", call->accept))
           && (call->authorization == NULL
               || add_line(c, "Authorization", call->authorization))
           && add_line(c, "Expect", "");
}


/* "Name:" alone takes a header off that curl would send. */

static bool
add_line(gh_caller_t *c, const char *name, const char *value)
{
    char line[HEADER_MAX];
    struct curl_slist *lines;

    (void) snprintf(line, sizeof(line), "%s:%s%s", name,
                    (value[0] == '\0') ? "" : " ", value);

    lines = curl_slist_append(c->lines, line);
    OPENSSL_cleanse(line, sizeof(line));

    if (lines == NULL) {
        return false;
    }

    c->lines = lines;

    return true;
}


static void
wipe_lines(struct curl_slist *lines)
{
    for (; lines != NULL; lines = lines->next) {
        OPENSSL_cleanse(lines->data, strlen(lines->data));
    }
}


static CURLcode
set_all(gh_caller_t *c)
{
    CURLcode code;

    code = set_limits(c);
    if (code == CURLE_OK) {
        code = set_tls(c);
    }

    return (code == CURLE_OK) ? set_content(c) : code;
}


static CURLcode
set_limits(gh_caller_t *c)
{
    CURLcode code = CURLE_OK;

#define SET(option, value)                                                    \
    code = (code == CURLE_OK) ? curl_easy_setopt(c->curl, (option), (value))  \
                              : code

    SET(CURLOPT_URL, c->call->url);
    SET(CURLOPT_ERRORBUFFER, c->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long) c->call->deadline_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long) c->call->connect_ms);

    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look_up);
    SET(CURLOPT_XFERINFODATA, c);

    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, c);

#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, c->url.https ? "https" : "http");
#else
    SET(CURLOPT_PROTOCOLS,
        c->url.https ? (long) CURLPROTO_HTTPS : (long) CURLPROTO_HTTP);
#endif

    return code;
}


static CURLcode
set_tls(gh_caller_t *c)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);

    if (c->call->ca_file != NULL) {
        /* these only, not the system's beside them */
        SET(CURLOPT_CAINFO, c->call->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }

    return code;
}


/* No Accept-Encoding: what is not compressed cannot burst. */

static CURLcode
set_content(gh_caller_t *c)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_HTTPHEADER, c->lines);
    SET(CURLOPT_USERAGENT, "gatehouse/" GH_VERSION);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, c);

    if (c->call->post != NULL) {
        SET(CURLOPT_POSTFIELDSIZE, (long) strlen(c->call->post));
        SET(CURLOPT_POSTFIELDS, c->call->post);
    }

#undef SET

    return code;
}


static void
conclude(gh_caller_t *c, CURLcode code)
{
    char *type = NULL;
    gh_answer_t *answer = c->answer;

    if (code == CURLE_OK) {
        (void) curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE,
                                 &answer->status);
        (void) curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);

        if (type != NULL) {
            answer->content_type = strdup(type);
        }

        answer->rc = GH_OK;
        return;
    }

    if (c->too_long || is_too_large(code)) {
        answer->rc = GH_TOO_LONG;
        say(answer, "the answer is too long");
        return;
    }

    answer->rc = GH_UNAVAILABLE;

    if (c->refused) {
        say(answer, "the name leads to an address of this machine or its "
                    "link; if that is meant, write the address itself");
    } else {
        say(answer,
            (c->error[0] != '\0') ? c->error : curl_easy_strerror(code));
    }
}


/* Later ones have bounds of their own, as on the number of header lines. */

static bool
is_too_large(CURLcode code)
{
#if LIBCURL_VERSION_NUM >= 0x080600
    return code == CURLE_TOO_LARGE;
#else
    (void) code;
    return false;
#endif
}


/* Parts of it may have come from outside: printable ASCII only. */

static void
say(gh_answer_t *answer, const char *text)
{
    size_t i, n = strnlen(text, sizeof(answer->why) - 1);

    for (i = 0; i < n; i++) {
        answer->why[i] = (text[i] >= 0x20 && text[i] < 0x7f) ? text[i] : '?';
    }

    answer->why[n] = '\0';
}


/* After the name was resolved, before anything is sent. */

static curl_socket_t
open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    gh_caller_t *c = data;

    (void) purpose;

    if ((address->family != AF_INET && address->family != AF_INET6)
        || !gh_url_may_reach(&c->url, kind_of(address)))
    {
        c->refused = true;
        errno = EACCES;
        return CURL_SOCKET_BAD;
    }

    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}


static gh_address_t
kind_of(const struct curl_sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->family == AF_INET) {
        memcpy(&v4, &address->addr, sizeof(v4));
        return gh_address_v4((const uint8_t *) &v4.sin_addr);
    }

    /* curl reserves room for any family behind addr */
    memcpy(&v6, (const char *) address + offsetof(struct curl_sockaddr, addr),
           sizeof(v6));

    return gh_address_v6((const uint8_t *) &v6.sin6_addr);
}


static size_t
take_header(char *data, size_t size, size_t n, void *ctx)
{
    gh_caller_t *c = ctx;

    (void) data;
    c->headers_len += size * n;

    if (c->headers_len > HEADERS_MAX) {
        c->too_long = true;
        return 0;
    }

    return size * n;
}


static size_t
take_body(char *data, size_t size, size_t n, void *ctx)
{
    size_t len = size * n;
    gh_caller_t *c = ctx;

    if (len > c->call->max_bytes - c->answer->body_len) {
        c->too_long = true;
        return 0;
    }

    if (len == 0 || !make_room(c, len)) {
        return 0;
    }

    memcpy(c->answer->body + c->answer->body_len, data, len);
    c->answer->body_len += len;
    c->answer->body[c->answer->body_len] = '\0';

    return len;
}


static bool
make_room(gh_caller_t *c, size_t more)
{
    char *body;
    size_t need = c->answer->body_len + more + 1, cap = c->body_cap;

    if (need <= cap) {
        return true;
    }

    if (cap == 0) {
        cap = BODY_FIRST;
    }

    while (cap < need) {
        cap *= 2;
    }

    body = malloc(cap);
    if (body == NULL) {
        return false;
    }

    if (c->answer->body != NULL) {
        /* it may hold tokens: nothing of it stays behind */
        memcpy(body, c->answer->body, c->answer->body_len);
        OPENSSL_cleanse(c->answer->body, c->answer->body_len);
        free(c->answer->body);
    }

    c->answer->body = body;
    c->body_cap = cap;

    return true;
}


static int
look_up(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    gh_caller_t *c = ctx;

    (void) a;
    (void) b;
    (void) d;
    (void) e;

    return c->call->stopped != NULL && c->call->stopped(c->call->ctx);
}


void
gh_answer_clear(gh_answer_t *answer)
{
    if (answer->body != NULL) {
        OPENSSL_cleanse(answer->body, answer->body_len);
    }

    free(answer->body);
    free(answer->content_type);
    memset(answer, 0, sizeof(*answer));
}
