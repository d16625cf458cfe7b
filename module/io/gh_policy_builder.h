/*
 * A builder from inside, for the file that makes images and the one that
 * publishes them.
 */

#ifndef GH_POLICY_BUILDER_H
#define GH_POLICY_BUILDER_H

#include "gh_policy_build.h"
#include "gh_secret_files.h"


struct gh_policy_build_s {
    gh_policy_build_conf_t conf;
    gh_alloc_t alloc;
    gh_policy_set_t *set;

    /* the last look */
    gh_rc_t looked; /* GH_AGAIN: not yet */
    gh_policy_listing_t listing;
    gh_policy_errors_t errors;

    gh_policy_listing_t loaded;     /* files as they are in the set */
    gh_str_t kept;                  /* mapped: the set borrows from it */
    bool recalled;                  /* it was asked for */
    bool unkept;                    /* the file lacks what is in the set */
    gh_secret_files_t secrets;      /* of the last compile, or of the note */
    uint64_t published;             /* generation of our own last image */
    uint8_t content[GH_SHA256_LEN]; /* of what is published */
    gh_str_t made;                  /* an image that is not published yet */
    bool moved;   /* is_current: the same bytes in other files */
    bool renamed; /* is_current: checked against other names */

    gh_policy_report_t *report; /* during a build */
    bool stopped;
};


/*
 * An image of what is there now. b->report is set. GH_OK: *image is owned by
 * the caller (gh_policy_build_free_image). Others as in _publish.
 */
gh_rc_t gh_policy_build_image(gh_policy_build_t *b, uint64_t generation,
                              gh_str_t *image);
void gh_policy_build_free_image(gh_policy_build_t *b, gh_str_t image);
/* Of the image that is there; 0: none. */
uint64_t gh_policy_last_generation(gh_policy_build_t *b);

/*
 * Takes what is kept of the files listed into the set, at most once; as if
 * they had been read when it was kept.
 */
void gh_policy_recall(gh_policy_build_t *b);
/* Empties the set. Does not ask again for what is kept. */
void gh_policy_forget(gh_policy_build_t *b);
/* Under the lock. GH_INVALID: the set is not one that was loaded whole. */
gh_rc_t gh_policy_keep_locked(gh_policy_build_t *b);
/* The set's mark for a file of that content, never 0. */
uint64_t gh_policy_stamp(const uint8_t content[GH_SHA256_LEN]);

/* Over our version and the directory. */
void gh_policy_maker_hash(const gh_policy_build_t *b,
                          uint8_t out[GH_SHA256_LEN]);

/* Over all bytes: those of listing, whose content is set, and of secrets. */
void gh_policy_content_hash(const gh_policy_build_t *b,
                            const gh_policy_listing_t *listing,
                            uint8_t out[GH_SHA256_LEN]);

/* The note of b->content as it stands in b->listing. Under the lock. */
gh_rc_t gh_policy_note_write(gh_policy_build_t *b, uint64_t generation,
                             char *why);


#endif
