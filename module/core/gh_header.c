/*
 * Folded header names, the built-in list of those that never pass from
 * outside, and sets of configured ones. Both are kept by the first byte, or
 * by the one after "x-": almost every ordinary name is done after a look at
 * it and at the two bytes behind it.
 */

#include "gh_header.h"


#define N_GROUPS 128
#define PLAIN(c) ((c) % 64)
#define X(c) (64 + (c) % 64)

/* Names are written folded; a trailing '*' is not part of them. */
#define NAME(text, class)                                                     \
    {                                                                         \
        text, sizeof(text) - 1, false, class                                  \
    }
#define PREFIX(text, class)                                                   \
    {                                                                         \
        text, sizeof(text) - 1, true, class                                   \
    }
#define GROUP(names)                                                          \
    {                                                                         \
        names, sizeof(names) / sizeof(names[0])                               \
    }


typedef struct {
    const char *text;
    size_t len;
    bool prefix;
    gh_header_class_t class;
} builtin_t;

typedef struct {
    const builtin_t *names;
    size_t n;
} group_t;

typedef struct entry_s entry_t;

struct entry_s {
    entry_t *next;
    size_t len;
    bool prefix;
    char text[];
};

/* What the two bytes behind the telling one may be: a bit per byte % 64. */
typedef struct {
    uint64_t next, second;
} behind_t;

struct gh_header_set_s {
    gh_alloc_t alloc;
    entry_t *wide; /* prefixes that end before the telling byte */
    entry_t *groups[N_GROUPS];
    behind_t behind[N_GROUPS]; /* of the built-in names, too */
};


static void note_builtins(gh_header_set_t *set);
static void note_behind(behind_t *b, gh_str_t name, bool prefix);
static bool may_hold(const gh_header_set_t *set, size_t which, gh_str_t name);
static bool matches(const char *text, size_t len, bool prefix, gh_str_t name);
static entry_t **list_for(gh_header_set_t *set, const entry_t *e);
static bool is_name(gh_str_t name);
static bool holds(const entry_t *e, gh_str_t name);
static gh_header_class_t builtin_class(size_t which, gh_str_t name);
static bool names_client_cert(size_t which, gh_str_t name);
static size_t group_of(const char *text, size_t len);
static inline size_t telling(size_t which);
static inline char fold(char c);


/* Letters in lower case and digits; all else is one. */
static const char folded[] =
    "------------------------------------------------0123456789------"
    "-abcdefghijklmnopqrstuvwxyz------abcdefghijklmnopqrstuvwxyz-----"
    "----------------------------------------------------------------"
    "----------------------------------------------------------------";


/* The first that matches counts. */

static const builtin_t x_a[] = {
    PREFIX("x-accel-", GH_HEADER_INTERNAL),
    PREFIX("x-amzn-mtls-", GH_HEADER_FORWARDED),
    PREFIX("x-amzn-oidc-", GH_HEADER_FORWARDED),
    NAME("x-appengine-user-ip", GH_HEADER_FORWARDED),
    PREFIX("x-arr-", GH_HEADER_FORWARDED),
    NAME("x-azure-clientip", GH_HEADER_FORWARDED),
    NAME("x-azure-socketip", GH_HEADER_FORWARDED),
};

static const builtin_t x_c[] = {
    PREFIX("x-client-cert", GH_HEADER_FORWARDED),
    NAME("x-client-dn", GH_HEADER_FORWARDED),
    NAME("x-client-ip", GH_HEADER_FORWARDED),
    PREFIX("x-client-issuer", GH_HEADER_FORWARDED),
    PREFIX("x-client-san", GH_HEADER_FORWARDED),
    PREFIX("x-client-subject", GH_HEADER_FORWARDED),
    NAME("x-client-verify", GH_HEADER_FORWARDED),
    NAME("x-cluster-client-ip", GH_HEADER_FORWARDED),
};

static const builtin_t x_e[] = {
    NAME("x-envoy-original-path", GH_HEADER_INTERNAL),
    PREFIX("x-envoy-", GH_HEADER_FORWARDED),
};

static const builtin_t x_f[] = {
    /* also x-forward-for, x-forwarded, x-forwarded-client-cert */
    PREFIX("x-forward", GH_HEADER_FORWARDED),
};

static const builtin_t x_g[] = {
    PREFIX("x-gatehouse", GH_HEADER_INTERNAL),
    PREFIX("x-goog-authenticated-user-", GH_HEADER_FORWARDED),
};

static const builtin_t x_h[] = {
    PREFIX("x-http-method", GH_HEADER_OVERRIDE),
    NAME("x-http-verb-override", GH_HEADER_OVERRIDE),
    NAME("x-http-host-override", GH_HEADER_FORWARDED),
    NAME("x-host", GH_HEADER_FORWARDED),
    NAME("x-host-override", GH_HEADER_FORWARDED),
};

static const builtin_t x_m[] = {
    NAME("x-method-override", GH_HEADER_OVERRIDE),
    PREFIX("x-ms-client-principal", GH_HEADER_FORWARDED),
};

static const builtin_t x_o[] = {
    NAME("x-original-method", GH_HEADER_INTERNAL),
    NAME("x-original-uri", GH_HEADER_INTERNAL),
    NAME("x-original-url", GH_HEADER_INTERNAL),
    NAME("x-original-for", GH_HEADER_FORWARDED),
    PREFIX("x-original-forwarded-", GH_HEADER_FORWARDED),
    NAME("x-original-host", GH_HEADER_FORWARDED),
    NAME("x-original-prefix", GH_HEADER_FORWARDED),
    NAME("x-original-proto", GH_HEADER_FORWARDED),
    NAME("x-originating-ip", GH_HEADER_FORWARDED),
};

static const builtin_t x_p[] = {
    PREFIX("x-principal", GH_HEADER_PRINCIPAL),
    NAME("x-proxyuser-ip", GH_HEADER_FORWARDED),
};

static const builtin_t x_r[] = {
    NAME("x-real-ip", GH_HEADER_FORWARDED),
    NAME("x-real-port", GH_HEADER_FORWARDED),
    NAME("x-remote-addr", GH_HEADER_FORWARDED),
    NAME("x-remote-ip", GH_HEADER_FORWARDED),
    NAME("x-rewrite-url", GH_HEADER_INTERNAL),
};

static const builtin_t x_s[] = {
    NAME("x-scheme", GH_HEADER_FORWARDED),
    NAME("x-script-name", GH_HEADER_FORWARDED),
    NAME("x-sendfile-type", GH_HEADER_INTERNAL),
    PREFIX("x-ssl", GH_HEADER_FORWARDED),
};

static const builtin_t x_t[] = {
    PREFIX("x-tls-", GH_HEADER_FORWARDED),
    NAME("x-true-client-ip", GH_HEADER_FORWARDED),
};

static const builtin_t x_u[] = {
    NAME("x-url-scheme", GH_HEADER_FORWARDED),
};

static const builtin_t plain_c[] = {
    PREFIX("cf-connecting-", GH_HEADER_FORWARDED),
    NAME("cf-pseudo-ipv4", GH_HEADER_FORWARDED),
    PREFIX("client-cert", GH_HEADER_FORWARDED), /* RFC 9440 */
    NAME("client-ip", GH_HEADER_FORWARDED),
};

static const builtin_t plain_f[] = {
    NAME("fastly-client-ip", GH_HEADER_FORWARDED),
    NAME("fly-client-ip", GH_HEADER_FORWARDED),
    PREFIX("forwarded", GH_HEADER_FORWARDED), /* RFC 7239, forwarded-for */
    NAME("front-end-https", GH_HEADER_FORWARDED),
};

static const builtin_t plain_p[] = {
    NAME("proxy", GH_HEADER_INTERNAL), /* HTTP_PROXY of CGI: CVE-2016-5385 */
    NAME("proxy-client-ip", GH_HEADER_FORWARDED),
};

static const builtin_t plain_s[] = {
    PREFIX("ssl-client-", GH_HEADER_FORWARDED),
};

static const builtin_t plain_t[] = {
    NAME("true-client-ip", GH_HEADER_FORWARDED),
};

static const builtin_t plain_w[] = {
    PREFIX("wl-proxy-", GH_HEADER_FORWARDED),
};

static const group_t builtins[N_GROUPS] = {
    [X('a')] = GROUP(x_a),         [X('c')] = GROUP(x_c),
    [X('e')] = GROUP(x_e),         [X('f')] = GROUP(x_f),
    [X('g')] = GROUP(x_g),         [X('h')] = GROUP(x_h),
    [X('m')] = GROUP(x_m),         [X('o')] = GROUP(x_o),
    [X('p')] = GROUP(x_p),         [X('r')] = GROUP(x_r),
    [X('s')] = GROUP(x_s),         [X('t')] = GROUP(x_t),
    [X('u')] = GROUP(x_u),         [PLAIN('c')] = GROUP(plain_c),
    [PLAIN('f')] = GROUP(plain_f), [PLAIN('p')] = GROUP(plain_p),
    [PLAIN('s')] = GROUP(plain_s), [PLAIN('t')] = GROUP(plain_t),
    [PLAIN('w')] = GROUP(plain_w),
};


bool
gh_header_eq(gh_str_t a, gh_str_t b)
{
    return a.len == b.len && gh_header_starts(a, b);
}


bool
gh_header_starts(gh_str_t name, gh_str_t prefix)
{
    if (name.len < prefix.len) {
        return false;
    }

    for (size_t i = 0; i < prefix.len; i++) {
        if (fold(name.data[i]) != fold(prefix.data[i])) {
            return false;
        }
    }

    return true;
}


gh_rc_t
gh_header_set_create(const gh_alloc_t *a, gh_header_set_t **out)
{
    gh_header_set_t *set = a->alloc(a->ctx, sizeof(*set));

    if (set == NULL) {
        return GH_NOMEM;
    }

    *set = (gh_header_set_t){ .alloc = *a };
    note_builtins(set);
    *out = set;

    return GH_OK;
}


static void
note_builtins(gh_header_set_t *set)
{
    for (size_t i = 0; i < N_GROUPS; i++) {
        for (size_t j = 0; j < builtins[i].n; j++) {
            const builtin_t *b = &builtins[i].names[j];

            note_behind(&set->behind[i], (gh_str_t){ b->text, b->len },
                        b->prefix);
        }
    }
}


/* Behind the end of a prefix may be anything, behind that of a name nothing:
 * one that is as short is asked for by all its bytes. */
static void
note_behind(behind_t *b, gh_str_t name, bool prefix)
{
    size_t at = telling(group_of(name.data, name.len)) + 1;

    if (at < name.len) {
        b->next |= UINT64_C(1) << (name.data[at] % 64);

    } else if (prefix) {
        b->next = UINT64_MAX;
    }

    if (at + 1 < name.len) {
        b->second |= UINT64_C(1) << (name.data[at + 1] % 64);

    } else if (prefix) {
        b->second = UINT64_MAX;
    }
}


void
gh_header_set_destroy(gh_header_set_t *set)
{
    if (set == NULL) {
        return;
    }

    gh_alloc_t a = set->alloc;

    for (size_t i = 0; i <= N_GROUPS; i++) {
        entry_t *e = i == N_GROUPS ? set->wide : set->groups[i];

        while (e != NULL) {
            entry_t *next = e->next;

            a.free(a.ctx, e);
            e = next;
        }
    }

    a.free(a.ctx, set);
}


gh_rc_t
gh_header_set_add(gh_header_set_t *set, gh_str_t name)
{
    bool prefix = name.len > 0 && name.data[name.len - 1] == '*';

    if (prefix) {
        name.len--;
    }

    if (!is_name(name)) {
        return GH_INVALID;
    }

    if (name.len > GH_HEADER_NAME_MAX) {
        return GH_TOO_LONG;
    }

    entry_t *e = set->alloc.alloc(set->alloc.ctx, sizeof(*e) + name.len);

    if (e == NULL) {
        return GH_NOMEM;
    }

    e->len = name.len;
    e->prefix = prefix;

    for (size_t i = 0; i < name.len; i++) {
        e->text[i] = fold(name.data[i]);
    }

    entry_t **list = list_for(set, e);

    for (const entry_t *old = *list; old != NULL; old = old->next) {
        if (old->prefix == prefix && old->len == e->len
            && memcmp(old->text, e->text, e->len) == 0)
        {
            set->alloc.free(set->alloc.ctx, e);
            return GH_OK;
        }
    }

    e->next = *list;
    *list = e;

    if (list != &set->wide) {
        note_behind(&set->behind[group_of(e->text, e->len)],
                    (gh_str_t){ e->text, e->len }, prefix);
    }

    return GH_OK;
}


/* "x*" and "x-*" concern names of many groups. */
static entry_t **
list_for(gh_header_set_t *set, const entry_t *e)
{
    if (e->prefix && e->len <= 2 && e->text[0] == 'x'
        && (e->len == 1 || e->text[1] == '-'))
    {
        return &set->wide;
    }

    return &set->groups[group_of(e->text, e->len)];
}


/* A token of RFC 9110 section 5.6.2. */
static bool
is_name(gh_str_t name)
{
    static const char others[] = "!#$%&'*+.^_`|~";

    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (c == '\0' || (fold(c) == '-' && c != '-' && !strchr(others, c))) {
            return false;
        }
    }

    return name.len > 0;
}


gh_header_class_t
gh_header_classify(const gh_header_set_t *principals, gh_str_t name)
{
    if (name.len == 0) {
        return GH_HEADER_KEEP;
    }

    size_t which = group_of(name.data, name.len);

    if (principals == NULL) {
        return builtin_class(which, name);
    }

    bool listed = may_hold(principals, which, name);

    if ((listed && holds(principals->groups[which], name))
        || holds(principals->wide, name))
    {
        return GH_HEADER_PRINCIPAL;
    }

    if (listed) {
        return builtin_class(which, name);
    }

    return names_client_cert(which, name) ? GH_HEADER_FORWARDED
                                          : GH_HEADER_KEEP;
}


/* False: it is in no list, neither of the set nor built in. */
static bool
may_hold(const gh_header_set_t *set, size_t which, gh_str_t name)
{
    const behind_t *b = &set->behind[which];
    size_t at = telling(which) + 1;

    if (name.len < at + 2) {
        return true;
    }

    return (b->next >> (fold(name.data[at]) % 64)
            & b->second >> (fold(name.data[at + 1]) % 64) & 1)
           != 0;
}


static bool
holds(const entry_t *e, gh_str_t name)
{
    for (/* void */; e != NULL; e = e->next) {
        if (matches(e->text, e->len, e->prefix, name)) {
            return true;
        }
    }

    return false;
}


static gh_header_class_t
builtin_class(size_t which, gh_str_t name)
{
    const group_t *group = &builtins[which];

    for (size_t i = 0; i < group->n; i++) {
        const builtin_t *b = &group->names[i];

        if (matches(b->text, b->len, b->prefix, name)) {
            return b->class;
        }
    }

    return names_client_cert(which, name) ? GH_HEADER_FORWARDED
                                          : GH_HEADER_KEEP;
}


/* x-NAME-client-cert, whichever proxy it is named after. */
static bool
names_client_cert(size_t which, gh_str_t name)
{
    static const char suffix[] = "-client-cert";

    size_t end = sizeof(suffix) - 1;

    return which >= X(0) && name.len > end
           && matches(suffix, end, false,
                      (gh_str_t){ name.data + name.len - end, end });
}


/* From the end: names of one group begin alike. */
static bool
matches(const char *text, size_t len, bool prefix, gh_str_t name)
{
    if (prefix ? name.len < len : name.len != len) {
        return false;
    }

    while (len > 0) {
        len--;

        if (fold(name.data[len]) != text[len]) {
            return false;
        }
    }

    return true;
}


/* Below 64 without "x-", from 64 on with it; len > 0. */
static size_t
group_of(const char *text, size_t len)
{
    char first = fold(text[0]);

    if (first == 'x' && len > 2 && fold(text[1]) == '-') {
        return X((size_t) fold(text[2]));
    }

    return PLAIN((size_t) first);
}


/* Where the byte is that a group goes by. */
static inline size_t
telling(size_t which)
{
    return which >= X(0) ? 2 : 0;
}


static inline char
fold(char c)
{
    return folded[(unsigned char) c];
}
