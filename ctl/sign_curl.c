/*
 * Reads curl's words as curl does, as far as they make the request.
 */

#include "sign_curl.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX ((size_t) 64 * 1024 * 1024)


typedef enum {
    NOTHING = 0, /* a value that does not concern the request */
    METHOD,
    HEADER,
    DATA,        /* @FILE without its line ends */
    DATA_BINARY, /* @FILE as it is */
    DATA_RAW,
    DATA_JSON,
    URL,
    HEAD, /* takes no value */
    UNKNOWABLE
} meaning_t;

typedef struct {
    const char *word; /* long name */
    char letter;      /* short one, or NUL */
    meaning_t meaning;
} option_t;


static ctl_exit_t read_long(ctl_t *c, const char *const *args, size_t n,
                            size_t *at, ctl_curl_t *out);
static ctl_exit_t read_short(ctl_t *c, const char *const *args, size_t n,
                             size_t *at, ctl_curl_t *out);
static ctl_exit_t take(ctl_t *c, ctl_curl_t *out, meaning_t meaning,
                       const char *value);
static ctl_exit_t take_header(ctl_t *c, ctl_curl_t *out, const char *text);
static ctl_exit_t take_data(ctl_t *c, ctl_curl_t *out, meaning_t meaning,
                            const char *text);
static ctl_exit_t read_file(ctl_t *c, const char *path, gh_str_t *out);
static gh_str_t without_lines(ctl_t *c, gh_str_t s);
static ctl_exit_t take_url(const ctl_t *c, ctl_curl_t *out, const char *url);
static ctl_exit_t make_message(ctl_t *c, ctl_curl_t *out);
static ctl_exit_t make_target(ctl_t *c, ctl_curl_t *out);
static bool is_url(const char *text);


/* Those that take a value, since the word behind them is no URL, and those
 * that say something about the request. */
static const option_t options[] = {
    { "request", 'X', METHOD },
    { "header", 'H', HEADER },
    { "data", 'd', DATA },
    { "data-ascii", '\0', DATA },
    { "data-binary", '\0', DATA_BINARY },
    { "data-raw", '\0', DATA_RAW },
    { "json", '\0', DATA_JSON },
    { "url", '\0', URL },
    { "head", 'I', HEAD },
    { "form", 'F', UNKNOWABLE },
    { "form-string", '\0', UNKNOWABLE },
    { "data-urlencode", '\0', UNKNOWABLE },
    { "upload-file", 'T', UNKNOWABLE },
    { "get", 'G', UNKNOWABLE },
    { "config", 'K', UNKNOWABLE },
    { "next", ':', UNKNOWABLE },
    { "url-query", '\0', UNKNOWABLE },
    { "request-target", '\0', UNKNOWABLE },
    { "user-agent", 'A', NOTHING },
    { "cookie", 'b', NOTHING },
    { "cookie-jar", 'c', NOTHING },
    { "continue-at", 'C', NOTHING },
    { "dump-header", 'D', NOTHING },
    { "referer", 'e', NOTHING },
    { "cert", 'E', NOTHING },
    { "key", '\0', NOTHING },
    { "cacert", '\0', NOTHING },
    { "capath", '\0', NOTHING },
    { "connect-to", '\0', NOTHING },
    { "connect-timeout", '\0', NOTHING },
    { "resolve", '\0', NOTHING },
    { "interface", '\0', NOTHING },
    { "max-time", 'm', NOTHING },
    { "output", 'o', NOTHING },
    { "output-dir", '\0', NOTHING },
    { "quote", 'Q', NOTHING },
    { "range", 'r', NOTHING },
    { "retry", '\0', NOTHING },
    { "speed-limit", 'Y', NOTHING },
    { "speed-time", 'y', NOTHING },
    { "telnet-option", 't', NOTHING },
    { "user", 'u', NOTHING },
    { "proxy", 'x', NOTHING },
    { "preproxy", '\0', NOTHING },
    { "proxy-user", 'U', NOTHING },
    { "noproxy", '\0', NOTHING },
    { "doh-url", '\0', NOTHING },
    { "write-out", 'w', NOTHING },
    { "time-cond", 'z', NOTHING },
    { "ftp-port", 'P', NOTHING },
    { "unix-socket", '\0', NOTHING },
    { "trace", '\0', NOTHING },
    { "trace-ascii", '\0', NOTHING },
    { "stderr", '\0', NOTHING },
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))


ctl_exit_t
ctl_curl_read(ctl_t *c, const char *const *args, size_t n, ctl_curl_t *out)
{
    ctl_exit_t rc = CTL_DONE;

    memset(out, 0, sizeof(*out));

    for (size_t i = 1; i < n && rc == CTL_DONE; i++) {
        if (strncmp(args[i], "--", 2) == 0) {
            rc = read_long(c, args, n, &i, out);

        } else if (args[i][0] == '-' && args[i][1] != '\0') {
            rc = read_short(c, args, n, &i, out);

        } else if (is_url(args[i])) {
            rc = take_url(c, out, args[i]);
        }
    }

    if (rc == CTL_DONE && out->url == NULL) {
        rc = ctl_fail(c, CTL_USAGE,
                      "no URL behind curl; write it with http:// or https://");
    }

    return rc == CTL_DONE ? make_message(c, out) : rc;
}


static bool
is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0
           || strncmp(text, "https://", 8) == 0;
}


static ctl_exit_t
read_long(ctl_t *c, const char *const *args, size_t n, size_t *at,
          ctl_curl_t *out)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(args[*at] + 2, options[i].word) != 0) {
            continue;
        }

        if (options[i].meaning == HEAD || options[i].meaning == UNKNOWABLE) {
            return take(c, out, options[i].meaning, args[*at]);
        }

        return take(c, out, options[i].meaning,
                    *at + 1 < n ? args[++*at] : "");
    }

    return CTL_DONE;
}


/* -sSd VALUE and -sSdVALUE: the first letter that takes one ends the word. */
static ctl_exit_t
read_short(ctl_t *c, const char *const *args, size_t n, size_t *at,
           ctl_curl_t *out)
{
    for (const char *p = args[*at] + 1; *p != '\0'; p++) {
        const option_t *found = NULL;

        for (size_t i = 0; i < OPTIONS; i++) {
            if (options[i].letter == *p) {
                found = &options[i];
            }
        }

        if (found == NULL) {
            continue;
        }

        if (found->meaning == HEAD) {
            out->head = true;
            continue;
        }

        if (found->meaning == UNKNOWABLE) {
            return take(c, out, UNKNOWABLE, args[*at]);
        }

        const char *value = p[1] != '\0'  ? p + 1
                            : *at + 1 < n ? args[++*at]
                                          : "";

        return take(c, out, found->meaning, value);
    }

    return CTL_DONE;
}


static ctl_exit_t
take(ctl_t *c, ctl_curl_t *out, meaning_t meaning, const char *value)
{
    switch (meaning) {

    case METHOD:
        out->method = value;
        return CTL_DONE;

    case HEADER:
        return take_header(c, out, value);

    case DATA:
    case DATA_BINARY:
    case DATA_RAW:
    case DATA_JSON:
        return take_data(c, out, meaning, value);

    case URL:
        return take_url(c, out, value);

    case HEAD:
        out->head = true;
        return CTL_DONE;

    case UNKNOWABLE:
        return ctl_fail(c, CTL_USAGE,
                        "%s cannot be signed: the request cannot be told from "
                        "the line; use -d, --data-binary or --json, and write "
                        "the whole URL",
                        value);

    default:
        return CTL_DONE;
    }
}


/* "Name: value", or "Name;" for an empty one; "Name:" takes one away. */
static ctl_exit_t
take_header(ctl_t *c, ctl_curl_t *out, const char *text)
{
    gh_str_t value;
    gh_str_t name = gh_str_cut(gh_str(text), ':', &value);

    if (text[0] == '@') {
        return ctl_fail(c, CTL_USAGE,
                        "headers in a file cannot be signed: "
                        "name each with -H");
    }

    if (value.data == NULL && name.len > 0 && name.data[name.len - 1] == ';') {
        name.len--;
        value = (gh_str_t){ text, 0 };

    } else if (gh_str_trim(value).len == 0) {
        return CTL_DONE;
    }

    return ctl_curl_field(c, out, name, gh_str_trim(value));
}


ctl_exit_t
ctl_curl_field(const ctl_t *c, ctl_curl_t *curl, gh_str_t name, gh_str_t value)
{
    if (curl->msg.n_fields == CTL_CURL_FIELDS_MAX) {
        return ctl_fail(c, CTL_USAGE, "more than %d headers",
                        CTL_CURL_FIELDS_MAX);
    }

    curl->fields[curl->msg.n_fields++] = (gh_message_field_t){ name, value };

    if (gh_str_eq_nocase(name, GH_STR("host"))) {
        curl->msg.host = value;
    }

    if (gh_str_eq_nocase(name, GH_STR("content-type"))) {
        curl->has_type = true;
    }

    return CTL_DONE;
}


/* Several are one, with '&' between, but for --json. */
static ctl_exit_t
take_data(ctl_t *c, ctl_curl_t *out, meaning_t meaning, const char *text)
{
    gh_str_t piece = gh_str(text);
    bool joined = out->has_body && meaning != DATA_JSON;

    if (text[0] == '@' && meaning != DATA_RAW) {
        ctl_exit_t rc = read_file(c, text + 1, &piece);

        if (rc != CTL_DONE) {
            return rc;
        }

        if (meaning == DATA) {
            piece = without_lines(c, piece);
        }
    }

    size_t len = out->body.len + (joined ? 1 : 0) + piece.len;
    char *body = ctl_alloc(&c->arena, len + 1);

    if (out->body.len > 0) {
        memcpy(body, out->body.data, out->body.len);
    }

    if (joined) {
        body[out->body.len] = '&';
    }

    if (piece.len > 0) {
        memcpy(body + len - piece.len, piece.data, piece.len);
    }

    out->body = (gh_str_t){ body, len };
    out->has_body = true;

    return meaning == DATA_JSON && !out->has_type ? ctl_curl_field(
               c, out, GH_STR("Content-Type"), GH_STR("application/json"))
                                                  : CTL_DONE;
}


static ctl_exit_t
read_file(ctl_t *c, const char *path, gh_str_t *out)
{
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0
        || (size_t) st.st_size > BODY_MAX)
    {
        if (fd >= 0) {
            (void) close(fd);
        }

        return ctl_fail(c, CTL_REFUSED,
                        "\"@%s\" is no file of at most 64 MB that can be "
                        "read twice",
                        path);
    }

    size_t size = (size_t) st.st_size, len = 0;
    char *text = ctl_alloc(&c->arena, size + 1);

    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);

        if (n <= 0) {
            break;
        }

        len += (size_t) n;
    }

    (void) close(fd);
    *out = (gh_str_t){ text, len };

    return len == size
               ? CTL_DONE
               : ctl_fail(c, CTL_REFUSED, "\"%s\" cannot be read", path);
}


/* As curl sends a file with -d. */
static gh_str_t
without_lines(ctl_t *c, gh_str_t s)
{
    char *text = ctl_alloc(&c->arena, s.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != '\r' && s.data[i] != '\n' && s.data[i] != '\0') {
            text[len++] = s.data[i];
        }
    }

    return (gh_str_t){ text, len };
}


static ctl_exit_t
take_url(const ctl_t *c, ctl_curl_t *out, const char *url)
{
    if (out->url != NULL) {
        return ctl_fail(c, CTL_USAGE,
                        "one signature is for one URL, and here are two");
    }

    for (const char *p = url; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == '\\') {
            return ctl_fail(c, CTL_USAGE,
                            "the URL has bytes that must be percent-encoded");
        }
    }

    out->url = url;

    return is_url(url) ? CTL_DONE
                       : ctl_fail(c, CTL_USAGE,
                                  "write the URL with http:// or https://");
}


static ctl_exit_t
make_message(ctl_t *c, ctl_curl_t *out)
{
    const char *method = out->method != NULL ? out->method
                         : out->head         ? "HEAD"
                         : out->has_body     ? "POST"
                                             : "GET";
    ctl_exit_t rc = CTL_DONE;

    out->msg.method = gh_str(method);
    out->msg.fields = out->fields;

    if (out->has_body && !out->has_type) {
        rc = ctl_curl_field(c, out, GH_STR("Content-Type"),
                            GH_STR("application/x-www-form-urlencoded"));
    }

    return rc == CTL_DONE ? make_target(c, out) : rc;
}


/* What curl sends of a URL, with --path-as-is: no user, no fragment, and at
 * least a slash. */
static ctl_exit_t
make_target(ctl_t *c, ctl_curl_t *out)
{
    bool https = out->url[4] == 's';
    gh_str_t fragment, path, user;
    gh_str_t rest =
        gh_str_cut(gh_str(out->url + (https ? 8 : 7)), '#', &fragment);
    size_t n = 0;

    while (n < rest.len && rest.data[n] != '/' && rest.data[n] != '?') {
        n++;
    }

    gh_str_t host = { rest.data, n };

    for (user = host; user.data != NULL;) {
        host = user;
        (void) gh_str_cut(host, '@', &user);
    }

    path = (gh_str_t){ rest.data + n, rest.len - n };
    out->msg.scheme = https ? GH_STR("https") : GH_STR("http");
    out->msg.target = gh_str(ctl_text(
        &c->arena, "%s%.*s", path.len == 0 || path.data[0] == '?' ? "/" : "",
        (int) path.len, path.data));

    if (out->msg.host.len == 0) {
        out->msg.host = host;
    }

    return host.len == 0 ? ctl_fail(c, CTL_USAGE, "the URL names no host")
                         : CTL_DONE;
}
