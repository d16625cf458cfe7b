/*
 * Publishing an image. Image first, note second: a crash between them costs
 * one build, the other order would keep an old set in force.
 */

#include "gh_policy_builder.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUPS_MAX 128


static gh_rc_t publish_locked(gh_policy_build_t *b, uint64_t least);
static gh_rc_t place_locked(gh_policy_build_t *b);
static gh_rc_t put(gh_policy_build_t *b, gh_str_t image);
static int groups_of(uint32_t uid, uint32_t gid, gid_t groups[GROUPS_MAX]);
static bool may_read(const char *path, uint32_t uid, const gid_t *groups,
                     int n);


gh_rc_t
gh_policy_build_publish(gh_policy_build_t *b, uint64_t least,
                        gh_policy_report_t *report)
{
    int fd;
    gh_rc_t rc;

    memset(report, 0, sizeof(*report));

    rc = gh_state_lock(b->conf.state, &fd, report->why);
    if (rc != GH_OK) {
        return (rc == GH_CONFLICT) ? GH_AGAIN : rc;
    }

    b->report = report;
    rc = publish_locked(b, least);
    b->report = NULL;
    (void) close(fd);

    return rc;
}


gh_rc_t
gh_policy_build_place(gh_policy_build_t *b, gh_policy_report_t *report)
{
    int fd;
    gh_rc_t rc = gh_state_lock(b->conf.state, &fd, report->why);

    if (rc == GH_OK) {
        b->report = report;
        rc = place_locked(b);
        b->report = NULL;
        (void) close(fd);

    } else if (rc == GH_CONFLICT) {
        rc = GH_AGAIN;
    }

    gh_policy_build_free_image(b, b->made);
    b->made = (gh_str_t){ NULL, 0 };

    return rc;
}


static gh_rc_t
place_locked(gh_policy_build_t *b)
{
    gh_rc_t rc;
    gh_str_t image = b->made;

    if (image.data == NULL
        || gh_policy_last_generation(b) + 1 != b->report->generation
        || gh_policy_build_look(b))
    {
        return GH_CONFLICT;
    }

    b->made = (gh_str_t){ NULL, 0 };

    rc = put(b, image);

    if (rc == GH_OK) {
        (void) gh_policy_keep_locked(b); /* a worker would read it all again */
    }

    return rc;
}


static gh_rc_t
publish_locked(gh_policy_build_t *b, uint64_t least)
{
    gh_rc_t rc;
    gh_str_t image;
    uint64_t last = gh_policy_last_generation(b);
    gh_policy_report_t *report = b->report;

    report->generation = ((last > least) ? last : least) + 1;

    rc = gh_policy_build_image(b, report->generation, &image);

    return (rc == GH_OK) ? put(b, image) : rc;
}


/* The image is handed over. */

static gh_rc_t
put(gh_policy_build_t *b, gh_str_t image)
{
    gh_policy_report_t *report = b->report;
    gh_rc_t rc = gh_state_replace(b->conf.state, GH_IMAGE_FILE_NAME, image,
                                  report->why);

    gh_policy_build_free_image(b, image);

    if (rc != GH_OK) {
        return rc;
    }

    b->published = report->generation;

    /* without a note the next start builds again: no reason to fail */
    gh_policy_content_hash(b, &b->loaded, b->content);
    (void) gh_policy_note_write(b, report->generation, report->why);

    return GH_OK;
}


/* Its note spares us mapping it. */

uint64_t
gh_policy_last_generation(gh_policy_build_t *b)
{
    char why[GH_IMAGE_WHY_MAX];
    uint64_t noted = 0, mapped = 0;
    gh_image_t image;
    gh_image_note_t note;

    if (gh_image_note_read(b->conf.state, &note) == GH_OK) {
        noted = note.generation;
        gh_image_note_clear(&note);
    }

    if (noted != 0 && noted == b->published) {
        return noted;
    }

    if (gh_image_file_map(b->conf.state, &image, why) == GH_OK) {
        mapped = image.generation;
        gh_image_file_unmap(&image);
    }

    return (noted > mapped) ? noted : mapped;
}


const char *
gh_policy_build_unreadable(gh_policy_build_t *b, uint32_t uid, uint32_t gid)
{
    int n;
    gid_t groups[GROUPS_MAX];

    if (uid == 0) {
        return NULL;
    }

    n = groups_of(uid, gid, groups);

    for (size_t i = 0; i < b->listing.n; i++) {
        if (!may_read(b->listing.files[i].path, uid, groups, n)) {
            return b->listing.files[i].path;
        }
    }

    for (size_t i = 0; i < b->secrets.n; i++) {
        if (!may_read(b->secrets.items[i].path, uid, groups, n)) {
            return b->secrets.items[i].path;
        }
    }

    return NULL;
}


/* As initgroups(3) will give them to the workers. */

static int
groups_of(uint32_t uid, uint32_t gid, gid_t groups[GROUPS_MAX])
{
    int n = GROUPS_MAX;
    char room[4096];
    struct passwd user, *found = NULL;

    if (getpwuid_r(uid, &user, room, sizeof(room), &found) != 0
        || found == NULL || getgrouplist(user.pw_name, gid, groups, &n) == -1)
    {
        groups[0] = gid;
        n = 1;
    }

    return n;
}


static bool
may_read(const char *path, uint32_t uid, const gid_t *groups, int n)
{
    struct stat st;

    if (stat(path, &st) == -1) {
        return true; /* that is said elsewhere */
    }

    if (st.st_uid == uid) {
        return (st.st_mode & 0400) != 0;
    }

    for (int i = 0; i < n; i++) {
        if (groups[i] == st.st_gid) {
            return (st.st_mode & 0040) != 0;
        }
    }

    return (st.st_mode & 0004) != 0;
}
