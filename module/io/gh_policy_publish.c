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
static uint64_t last_generation(gh_policy_build_t *b);


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


static gh_rc_t
publish_locked(gh_policy_build_t *b, uint64_t least)
{
    gh_rc_t rc;
    gh_str_t image;
    uint64_t last = last_generation(b);
    gh_policy_report_t *report = b->report;

    report->generation = ((last > least) ? last : least) + 1;

    rc = gh_policy_build_image(b, report->generation, &image);
    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_state_replace(b->conf.state, GH_IMAGE_FILE_NAME, image,
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


/* Of the image that is there; its note spares us mapping it. */

static uint64_t
last_generation(gh_policy_build_t *b)
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
    int n = GROUPS_MAX, i;
    bool member;
    gid_t groups[GROUPS_MAX];
    struct stat st;
    struct passwd *user = getpwuid(uid);

    if (user == NULL || getgrouplist(user->pw_name, gid, groups, &n) == -1) {
        n = 1;
        groups[0] = gid;
    }

    for (size_t k = 0; uid != 0 && k < b->listing.n + b->secrets.n; k++) {
        const char *path = (k < b->listing.n)
                               ? b->listing.files[k].path
                               : b->secrets.items[k - b->listing.n].path;

        if (stat(path, &st) == -1) {
            continue;
        }

        member = false;
        for (i = 0; i < n; i++) {
            member = member || groups[i] == st.st_gid;
        }

        if ((st.st_mode
             & (st.st_uid == uid ? 0400u : (member ? 0040u : 0004u)))
            == 0) {
            return path;
        }
    }

    return NULL;
}
