/*
 * sign: signs the request of a curl command as a consumer would (RFC 9421)
 * and runs it with the headers that came out. The URL goes out as it was
 * typed.
 */

#include "commands.h"
#include "gh_bytes.h"
#include "gh_digest.h"
#include "gh_secret_files.h"
#include "gh_signature.h"
#include "sign_curl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536
#define BASE_MAX 131072
#define NONCE_BYTES 16


typedef struct {
    ctl_curl_t curl;
    gh_alg_t alg;
    gh_str_t secret;
    EVP_PKEY *pkey;
    gh_signature_draft_t draft;
    gh_str_t components[GH_SIGBASE_COMPONENTS_MAX];
    const char *digest, *input, *signature, *base; /* as they are sent */
} sign_t;


static ctl_exit_t read_key(ctl_t *c, sign_t *s);
static ctl_exit_t read_key_file(ctl_t *c, const char *option, gh_str_t *out);
static ctl_exit_t choose_algorithm(const ctl_t *c, sign_t *s);
static const char *usual_algorithm(const EVP_PKEY *pkey);
static ctl_exit_t take_components(const ctl_t *c, sign_t *s);
static ctl_exit_t digest_body(ctl_t *c, sign_t *s);
static ctl_exit_t make_signature(ctl_t *c, sign_t *s);
static ctl_exit_t sign_base(ctl_t *c, sign_t *s, const char *label,
                            gh_str_t base);
static ctl_exit_t print(ctl_t *c, const sign_t *s);
static ctl_exit_t run_curl(ctl_t *c, const sign_t *s);


ctl_exit_t
ctl_sign(ctl_t *c)
{
    sign_t s = { .alg = GH_ALG_NONE };
    const char *program = strrchr(c->args[0], '/');
    ctl_exit_t rc = CTL_DONE;

    if (strcmp(program == NULL ? c->args[0] : program + 1, "curl") != 0) {
        return ctl_fail(c, CTL_USAGE,
                        "only curl's requests can be signed, as in gatehouse "
                        "sign --keyid acme-1 --secret file:acme.secret -- "
                        "curl https://...");
    }

    if (c->options[CTL_OPT_KEYID] == NULL) {
        return ctl_fail(c, CTL_USAGE,
                        "--keyid is missing: the name of the "
                        "key in the policies");
    }

    rc = ctl_curl_read(c, c->args, c->n_args, &s.curl);
    rc = rc == CTL_DONE ? read_key(c, &s) : rc;
    rc = rc == CTL_DONE ? choose_algorithm(c, &s) : rc;
    rc = rc == CTL_DONE ? take_components(c, &s) : rc;
    rc = rc == CTL_DONE ? digest_body(c, &s) : rc;
    rc = rc == CTL_DONE ? make_signature(c, &s) : rc;

    EVP_PKEY_free(s.pkey);

    if (rc != CTL_DONE) {
        return rc;
    }

    return c->json ? print(c, &s) : run_curl(c, &s);
}


static ctl_exit_t
read_key(ctl_t *c, sign_t *s)
{
    bool secret = c->options[CTL_OPT_SECRET] != NULL;
    gh_str_t text = { NULL, 0 };

    if (secret == (c->options[CTL_OPT_KEY] != NULL)) {
        return ctl_fail(c, CTL_USAGE,
                        "write --secret file:PATH for a shared secret, or "
                        "--key file:PATH for a private key in PEM");
    }

    ctl_exit_t rc = read_key_file(
        c, secret ? c->options[CTL_OPT_SECRET] : c->options[CTL_OPT_KEY],
        &text);

    if (rc != CTL_DONE) {
        return rc;
    }

    if (secret) {
        s->secret = text;
        return text.len > 0 ? CTL_DONE
                            : ctl_fail(c, CTL_REFUSED, "the secret is empty");
    }

    BIO *bio = BIO_new_mem_buf(text.data, (int) text.len);

    s->pkey =
        bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();

    return s->pkey != NULL
               ? CTL_DONE
               : ctl_fail(c, CTL_REFUSED,
                          "\"%s\" holds no private key in PEM that can be "
                          "read without a passphrase",
                          c->options[CTL_OPT_KEY]);
}


/* White space around a secret is no part of it, here as in the policies. */
static ctl_exit_t
read_key_file(ctl_t *c, const char *option, gh_str_t *out)
{
    const char *why = "cannot be read";
    gh_buf_t text = { ctl_alloc(&c->arena, KEY_FILE_MAX), 0, KEY_FILE_MAX };

    if (strncmp(option, "file:", 5) != 0 || option[5] == '\0') {
        return ctl_fail(c, CTL_USAGE,
                        "secrets come from files: write file:PATH");
    }

    gh_rc_t rc = gh_secret_file_read(option + 5, &text, NULL, &why);

    if (rc != GH_OK) {
        return ctl_fail(c, CTL_REFUSED, "\"%s\" %s", option,
                        rc == GH_TOO_LONG ? "is too long" : why);
    }

    *out = gh_buf_str(&text);

    while (out->len > 0 && strchr(" \t\r\n", out->data[out->len - 1]) != NULL)
    {
        out->len--;
    }

    while (out->len > 0 && strchr(" \t\r\n", out->data[0]) != NULL) {
        out->data++;
        out->len--;
    }

    return CTL_DONE;
}


static ctl_exit_t
choose_algorithm(const ctl_t *c, sign_t *s)
{
    const char *asked = c->options[CTL_OPT_ALGORITHM];
    const char *name = asked != NULL     ? asked
                       : s->pkey == NULL ? "hmac-sha256"
                                         : usual_algorithm(s->pkey);

    s->alg = gh_signature_alg(gh_str(name));

    if (s->alg == GH_ALG_NONE || (s->alg == GH_ALG_HS256) != (s->pkey == NULL))
    {
        return ctl_fail(c, CTL_USAGE,
                        "\"%s\" does not go with this key; algorithms are: "
                        "hmac-sha256 with --secret; ed25519, "
                        "ecdsa-p256-sha256, ecdsa-p384-sha384, "
                        "rsa-pss-sha512, rsa-v1_5-sha256 with --key",
                        name);
    }

    return CTL_DONE;
}


static const char *
usual_algorithm(const EVP_PKEY *pkey)
{
    switch (EVP_PKEY_get_base_id(pkey)) {

    case EVP_PKEY_ED25519:
        return "ed25519";

    case EVP_PKEY_EC:
        return EVP_PKEY_get_bits(pkey) == 384 ? "ecdsa-p384-sha384"
                                              : "ecdsa-p256-sha256";

    default:
        return "rsa-pss-sha512";
    }
}


static ctl_exit_t
take_components(const ctl_t *c, sign_t *s)
{
    const char *asked = c->options[CTL_OPT_COMPONENTS];
    gh_str_t rest =
        gh_str(asked != NULL ? asked : "@method,@authority,@path,@query");
    size_t n = 0;

    while (rest.data != NULL && n + 1 < GH_SIGBASE_COMPONENTS_MAX) {
        s->components[n++] = gh_str_cut(rest, ',', &rest);
    }

    if (asked == NULL && s->curl.has_body) {
        s->components[n++] = GH_STR("content-digest");
    }

    s->draft.components = s->components;
    s->draft.n_components = n;

    return rest.data == NULL ? CTL_DONE
                             : ctl_fail(c, CTL_USAGE, "too many components");
}


/* A digest that is covered is sent, also that of no body. */
static ctl_exit_t
digest_body(ctl_t *c, sign_t *s)
{
    gh_buf_t text = { ctl_alloc(&c->arena, 256), 0, 255 };
    bool covered = false;

    for (size_t i = 0; i < s->draft.n_components; i++) {
        covered = covered
                  || gh_str_starts(s->components[i], GH_STR("content-digest"));
    }

    if (!covered && !s->curl.has_body) {
        return CTL_DONE;
    }

    if (gh_digest_build(GH_STR("sha-256"), s->curl.body, &text) != GH_OK) {
        return CTL_UNAVAILABLE;
    }

    s->digest = text.data;

    return ctl_curl_field(c, &s->curl, GH_STR("Content-Digest"),
                          gh_buf_str(&text));
}


static ctl_exit_t
make_signature(ctl_t *c, sign_t *s)
{
    uint8_t random[NONCE_BYTES];
    char nonce_room[2 * NONCE_BYTES];
    gh_buf_t nonce = GH_BUF(nonce_room);
    gh_buf_t input = { ctl_alloc(&c->arena, BASE_MAX), 0, BASE_MAX - 1 };
    gh_buf_t base = { ctl_alloc(&c->arena, BASE_MAX), 0, BASE_MAX - 1 };
    const char *label = c->options[CTL_OPT_LABEL];
    const char *tag = c->options[CTL_OPT_TAG];
    gh_signatures_t parsed;

    if (RAND_bytes(random, sizeof(random)) != 1
        || gh_base64url_encode((gh_str_t){ (char *) random, sizeof(random) },
                               &nonce)
               != GH_OK)
    {
        return ctl_fail(c, CTL_UNAVAILABLE, "no random numbers");
    }

    label = label == NULL ? "sig" : label;
    s->draft.keyid = gh_str(c->options[CTL_OPT_KEYID]);
    s->draft.nonce = gh_buf_str(&nonce);
    s->draft.tag = gh_str(tag == NULL ? "" : tag);
    s->draft.created_at_s = (int64_t) time(NULL);

    gh_rc_t rc = gh_buf_add_fmt(&input, "%s=", label);

    if (rc == GH_OK) {
        rc = gh_signature_draft(&s->draft, &input);
    }

    s->input = input.data;

    if (rc == GH_OK) {
        rc = gh_signatures_parse(
            gh_buf_str(&input),
            gh_str(ctl_text(&c->arena, "%s=:YQ==:", label)), &parsed);
    }

    if (rc != GH_OK) {
        return ctl_fail(c, CTL_USAGE,
                        "a component, the keyid, the label or the tag cannot "
                        "be written in a signature");
    }

    rc = gh_sigbase_build(&s->curl.msg, parsed.list[0].components,
                          parsed.list[0].params, &base);

    if (rc != GH_OK) {
        return ctl_fail(c, CTL_USAGE,
                        "a component is not in this request, or is named "
                        "twice; headers are those given with -H");
    }

    s->base = base.data;

    return sign_base(c, s, label, gh_buf_str(&base));
}


static ctl_exit_t
sign_base(ctl_t *c, sign_t *s, const char *label, gh_str_t base)
{
    char raw[GH_SIGNATURE_MAX];
    gh_buf_t bytes = GH_BUF(raw);
    gh_buf_t text = { ctl_alloc(&c->arena, 2 * sizeof(raw)), 0,
                      2 * sizeof(raw) - 1 };

    if (gh_signature_sign(s->alg, s->secret, s->pkey, base, &bytes) != GH_OK
        || gh_base64_encode(gh_buf_str(&bytes), &text) != GH_OK)
    {
        return ctl_fail(c, CTL_REFUSED,
                        "the key does not go with that algorithm");
    }

    s->signature = ctl_text(&c->arena, "%s=:%s:", label, text.data);

    return CTL_DONE;
}


static ctl_exit_t
print(ctl_t *c, const sign_t *s)
{
    json_t *headers = json_pack("{s:s, s:s}", "Signature-Input", s->input,
                                "Signature", s->signature);

    if (s->digest != NULL) {
        (void) json_object_set_new(headers, "Content-Digest",
                                   json_string(s->digest));
    }

    ctl_print_json(
        c, json_pack("{s:o, s:s}", "headers", headers, "base", s->base));

    return CTL_DONE;
}


static ctl_exit_t
run_curl(ctl_t *c, const sign_t *s)
{
    const char *headers[3], *names[3];
    size_t n = 0, n_headers = 0;
    char **argv = ctl_alloc(&c->arena, (c->n_args + 9) * sizeof(*argv));

    names[n_headers] = "Signature-Input";
    headers[n_headers++] = s->input;
    names[n_headers] = "Signature";
    headers[n_headers++] = s->signature;

    if (s->digest != NULL) {
        names[n_headers] = "Content-Digest";
        headers[n_headers++] = s->digest;
    }

    argv[n++] = ctl_copy(&c->arena, gh_str(c->args[0]));

    for (size_t i = 0; i < n_headers; i++) {
        argv[n++] = ctl_copy(&c->arena, GH_STR("-H"));
        argv[n++] = ctl_text(&c->arena, "%s: %s", names[i], headers[i]);
    }

    argv[n++] = ctl_copy(&c->arena, GH_STR("--path-as-is"));
    argv[n++] = ctl_copy(&c->arena, GH_STR("-g"));

    for (size_t i = 1; i < c->n_args; i++) {
        argv[n++] = ctl_copy(&c->arena, gh_str(c->args[i]));
    }

    (void) fflush(stdout);
    (void) execvp(argv[0], argv);

    return ctl_fail(c, CTL_UNAVAILABLE, "\"%s\" cannot be run", c->args[0]);
}
