/*
 * dev: an nginx with our module on loopback, in a directory that goes with
 * it, before a service that somebody works on.
 */

#include "commands.h"
#include "gh_policy_error.h"
#include "gh_url.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE "ngx_http_gatehouse_module.so"


static ctl_exit_t check_url(const ctl_t *c, const char *url);
static ctl_exit_t check_port(const ctl_t *c, const char **port);
static const char *find_module(ctl_t *c);
static const char *quoted(ctl_t *c, const char *text);
static const char *words(ctl_t *c, const char *name, const char *list);
static const char *configuration(ctl_t *c, const char *dir, const char *port);
static ctl_exit_t run(ctl_t *c, const char *dir, const char *port);
static ctl_exit_t write_file(const ctl_t *c, const char *path,
                             const char *text);
static void child(const char *dir, pid_t parent);
static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw);


ctl_exit_t
ctl_dev(ctl_t *c)
{
    const char *tmp = getenv("TMPDIR");
    const char *port = "8080";
    ctl_exit_t rc = check_url(c, c->args[0]);

    rc = rc == CTL_DONE ? check_port(c, &port) : rc;

    if (rc == CTL_DONE && c->options[CTL_OPT_AS] == NULL) {
        rc = ctl_fail(c, CTL_USAGE,
                      "whom should the service see? say --as alice");
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    char *dir = ctl_text(&c->arena, "%s/gatehouse-dev-XXXXXX",
                         tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");

    if (mkdtemp(dir) == NULL) {
        return ctl_fail(c, CTL_UNAVAILABLE, "%s: %s", dir, strerror(errno));
    }

    rc = run(c, dir, port);
    (void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);

    return rc;
}


/* It stands in the configuration as it is. */
static ctl_exit_t
check_url(const ctl_t *c, const char *url)
{
    gh_url_t parsed;
    const char *why = NULL;

    if (gh_url_parse(gh_str(url), &parsed, &why) == GH_OK
        && strpbrk(url, "$\"'\\;{}?# ") == NULL)
    {
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_USAGE,
                    "\"%s\" is not the address of a service such as "
                    "http://localhost:3000",
                    gh_policy_word(gh_str(url)).text);
}


/* A number alone: there is no way to name another address. */
static ctl_exit_t
check_port(const ctl_t *c, const char **port)
{
    const char *text = c->options[CTL_OPT_PORT];
    uint64_t n;

    if (text == NULL) {
        return CTL_DONE;
    }

    if (gh_str_to_u64(gh_str(text), 65535, &n) == GH_OK && n > 0) {
        *port = text;
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_USAGE,
                    "--port \"%s\" is no port; the address is always "
                    "127.0.0.1",
                    gh_policy_word(gh_str(text)).text);
}


/* Beside the tool where it was built, else where nginx looks. */
static const char *
find_module(ctl_t *c)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    while (n > 0 && self[n - 1] != '/') {
        n--;
    }

    if (n > 0) {
        const char *path =
            ctl_text(&c->arena, "%.*s%s", (int) n, self, MODULE);

        if (access(path, R_OK) == 0) {
            return path;
        }
    }

    return "modules/" MODULE;
}


static const char *
quoted(ctl_t *c, const char *text)
{
    size_t n = 0, len = strlen(text);
    char *out = ctl_alloc(&c->arena, 2 * len + 1);

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            out[n++] = '\\';
        }

        out[n++] = text[i];
    }

    return out;
}


/* A word of the directive for each member of a list. */
static const char *
words(ctl_t *c, const char *name, const char *list)
{
    const char *out = "";
    gh_str_t rest = gh_str(list == NULL ? "" : list);

    while (rest.data != NULL) {
        gh_str_t item = gh_str_cut(rest, ',', &rest);

        if (item.len > 0) {
            out = ctl_text(&c->arena, "%s\n            \"%s=%s\"", out, name,
                           quoted(c, ctl_copy(&c->arena, item)));
        }
    }

    return out;
}


static const char *
configuration(ctl_t *c, const char *dir, const char *port)
{
    const char *name = c->options[CTL_OPT_NAME];
    const char *email = c->options[CTL_OPT_EMAIL];

    const char *who = ctl_text(
        &c->arena, "\"%s\"%s%s%s%s%s%s%s%s", quoted(c, c->options[CTL_OPT_AS]),
        words(c, "group", c->options[CTL_OPT_GROUP]),
        words(c, "claim", c->options[CTL_OPT_CLAIM]),
        name == NULL ? "" : " \"name=", name == NULL ? "" : quoted(c, name),
        name == NULL ? "" : "\"", email == NULL ? "" : " \"email=",
        email == NULL ? "" : quoted(c, email), email == NULL ? "" : "\"");

    return ctl_text(
        &c->arena,
        "load_module %s;\n%sdaemon off;\nworker_processes 1;\n"
        "pid %s/nginx.pid;\nerror_log stderr warn;\nevents { }\n"
        "http {\n"
        "    client_body_temp_path %s/body;\n    proxy_temp_path %s/proxy;\n"
        "    fastcgi_temp_path %s/fastcgi;\n    uwsgi_temp_path %s/uwsgi;\n"
        "    scgi_temp_path %s/scgi;\n"
        "    log_format gatehouse escape=none '$gatehouse_log_text';\n"
        "    access_log /dev/stdout gatehouse;\n"
        "    gatehouse_store lmdb:%s/state;\n"
        "    gatehouse_policies %s/policies;\n"
        "    map $http_upgrade $upgraded { default upgrade; '' ''; }\n"
        "    server {\n        listen 127.0.0.1:%s;\n"
        "        gatehouse_dev_principal %s;\n"
        "        gatehouse_authenticate api_key;\n"
        "        proxy_http_version 1.1;\n"
        "        proxy_set_header Host $http_host;\n"
        "        proxy_set_header Upgrade $http_upgrade;\n"
        "        proxy_set_header Connection $upgraded;\n"
        "        proxy_set_header X-Real-IP $remote_addr;\n"
        "        proxy_set_header X-Forwarded-For $remote_addr;\n"
        "        proxy_set_header X-Forwarded-Proto $scheme;\n"
        "        proxy_set_header X-Forwarded-Host $host;\n"
        "        location / { proxy_pass %s; }\n    }\n}\n",
        find_module(c), geteuid() == 0 ? "user root;\n" : "", dir, dir, dir,
        dir, dir, dir, dir, dir, port, who, c->args[0]);
}


static ctl_exit_t
run(ctl_t *c, const char *dir, const char *port)
{
    const char *policies = ctl_text(&c->arena, "%s/policies", dir);
    ctl_exit_t rc;
    const char *path = ctl_text(&c->arena, "%s/nginx.conf", dir);
    int status = 0, signal = 0;
    pid_t parent = getpid(), pid = -1;
    sigset_t ends;

    rc = write_file(c, path, configuration(c, dir, port));

    /* an empty set: nobody else is known there */
    if (rc == CTL_DONE && mkdir(policies, 0700) == 0) {
        rc = write_file(c, ctl_text(&c->arena, "%s/none.json", policies),
                        "{}\n");
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    (void) sigemptyset(&ends);
    (void) sigaddset(&ends, SIGINT);
    (void) sigaddset(&ends, SIGTERM);
    (void) sigaddset(&ends, SIGHUP);
    (void) sigaddset(&ends, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &ends, NULL);

    ctl_note(c, "http://127.0.0.1:%s is %s before %s; Ctrl-C ends it\n", port,
             ctl_text(&c->arena, "dev:%s", c->options[CTL_OPT_AS]),
             c->args[0]);
    (void) fflush(stdout);

    pid = fork();

    if (pid == 0) {
        (void) sigprocmask(SIG_UNBLOCK, &ends, NULL);
        child(dir, parent);
    }

    if (pid == -1 || sigwait(&ends, &signal) != 0) {
        return ctl_fail(c, CTL_UNAVAILABLE, "%s", strerror(errno));
    }

    if (signal != SIGCHLD) {
        (void) kill(pid, SIGTERM);
    }

    (void) waitpid(pid, &status, 0);

    if (signal != SIGCHLD) {
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_UNAVAILABLE,
                    "nginx did not start or did not stay; it said why above "
                    "(is port %s in use, is the module installed?)",
                    port);
}


static ctl_exit_t
write_file(const ctl_t *c, const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    if (f != NULL && fputs(text, f) != EOF && fclose(f) == 0) {
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_UNAVAILABLE, "%s: %s", path, strerror(errno));
}


/* A tool that is killed takes its nginx along. */
static void
child(const char *dir, pid_t parent)
{
    char conf[4200];
    char *path = getenv("PATH");
    char places[8192];

    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);

    if (getppid() != parent) {
        _exit(1);
    }

    (void) snprintf(conf, sizeof(conf), "%s/nginx.conf", dir);
    (void) snprintf(places, sizeof(places), "%s:/usr/sbin:/usr/local/sbin",
                    path == NULL ? "/usr/bin" : path);
    (void) setenv("PATH", places, 1);
    (void) execlp("nginx", "nginx", "-e", "stderr", "-c", conf, (char *) NULL);
    _exit(127);
}


static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    (void) remove(path);

    return 0;
}
