/*
 * The set of policy files: each is kept as the part it was read into, so
 * that a changed file alone is read again.
 */

#include "gh_policy_entry.h"
#include "gh_policy_parts.h"
#include "gh_policy_set.h"


static gh_rc_t read_file(gh_policy_set_t *set, gh_policy_source_t *file,
                         gh_str_t text);
static gh_rc_t read_text(gh_policy_set_t *set, gh_policy_source_t *file,
                         gh_str_t text, gh_policy_errors_t *errors);
static gh_rc_t keep_errors(gh_policy_set_t *set, gh_policy_source_t *file,
                           const gh_policy_errors_t *errors);
static gh_rc_t put_file(gh_policy_set_t *set, gh_policy_source_t *file);
static bool find(const gh_policy_set_t *set, gh_str_t path, uint32_t *at);
static gh_policy_source_t **files_of(const gh_policy_set_t *set);
static gh_policy_source_t *file_create(gh_policy_set_t *set, gh_str_t path);
static void file_destroy(gh_policy_set_t *set, gh_policy_source_t *file);


gh_rc_t
gh_policy_set_create(const gh_alloc_t *a, gh_policy_set_t **out)
{
    gh_policy_set_t *set = a->alloc(a->ctx, sizeof(*set));

    *out = set;

    if (set == NULL) {
        return GH_NOMEM;
    }

    memset(set, 0, sizeof(*set));
    set->a = a;
    set->files.size = sizeof(gh_policy_source_t *);

    return GH_OK;
}


void
gh_policy_set_destroy(gh_policy_set_t *set)
{
    if (set == NULL) {
        return;
    }

    for (uint32_t i = 0; i < set->files.n; i++) {
        file_destroy(set, files_of(set)[i]);
    }

    gh_policy_list_free(&set->files, set->a);
    set->a->free(set->a->ctx, set);
}


gh_rc_t
gh_policy_set_file(gh_policy_set_t *set, gh_str_t path, gh_str_t text,
                   uint64_t stamp, gh_policy_errors_t *errors)
{
    gh_policy_source_t *file = file_create(set, path);

    if (file == NULL) {
        return GH_NOMEM;
    }

    file->stamp = stamp;

    gh_rc_t rc = read_file(set, file, text);

    if (rc != GH_OK || (rc = put_file(set, file)) != GH_OK) {
        file_destroy(set, file);
        return rc;
    }

    gh_policy_file_errors(file, errors);

    return file->broken ? GH_INVALID : GH_OK;
}


gh_rc_t
gh_policy_set_take(gh_policy_set_t *set, const gh_policy_kept_t *kept,
                   uint64_t stamp)
{
    gh_policy_source_t *file = file_create(set, kept->path);

    if (file == NULL) {
        return GH_NOMEM;
    }

    file->stamp = stamp;
    file->part = kept->part;
    file->borrowed = true;

    gh_rc_t rc = put_file(set, file);

    if (rc != GH_OK) {
        file_destroy(set, file);
    }

    return rc;
}


/* GH_OK also for a broken file, which keeps its errors. */
static gh_rc_t
read_file(gh_policy_set_t *set, gh_policy_source_t *file, gh_str_t text)
{
    const gh_alloc_t *a = set->a;
    gh_policy_errors_t *errors = a->alloc(a->ctx, sizeof(*errors));

    if (errors == NULL) {
        return GH_NOMEM;
    }

    errors->n = 0;
    errors->more = 0;

    gh_rc_t rc = read_text(set, file, text, errors);

    if (rc == GH_INVALID) {
        file->broken = true;
        rc = keep_errors(set, file, errors);
    }

    a->free(a->ctx, errors);

    return rc == GH_OK ? gh_policy_part_trim(&file->part, a) : rc;
}


static gh_rc_t
read_text(gh_policy_set_t *set, gh_policy_source_t *file, gh_str_t text,
          gh_policy_errors_t *errors)
{
    const gh_alloc_t *a = set->a;

    if (text.len > GH_POLICY_FILE_MAX) {
        file->part.incomplete = true;
        gh_policy_error_add(errors, file->path, (gh_policy_place_t){ 0, 0 },
                            "larger than %u MiB; split it into several files",
                            GH_POLICY_FILE_MAX >> 20);
        return GH_INVALID;
    }

    gh_policy_reader_t *rd = a->alloc(a->ctx, sizeof(*rd));

    if (rd == NULL) {
        return GH_NOMEM;
    }

    gh_policy_reader_init(rd, text);
    rd->a = a;
    rd->part = &file->part;
    rd->file = file->path;
    rd->errors = errors;

    gh_rc_t rc = gh_policy_document(rd);

    gh_policy_reader_clear(rd);
    a->free(a->ctx, rd);

    return rc;
}


static gh_rc_t
keep_errors(gh_policy_set_t *set, gh_policy_source_t *file,
            const gh_policy_errors_t *errors)
{
    size_t size = errors->n * sizeof(errors->items[0]);

    file->errors = set->a->alloc(set->a->ctx, size);
    if (file->errors == NULL) {
        return GH_NOMEM;
    }

    memcpy(file->errors, errors->items, size);
    file->n_errors = errors->n;
    file->more = errors->more;

    return GH_OK;
}


void
gh_policy_file_errors(const gh_policy_source_t *file,
                      gh_policy_errors_t *errors)
{
    for (size_t i = 0; i < file->n_errors; i++) {
        gh_policy_error_again(errors, &file->errors[i]);
    }

    if (errors != NULL) {
        errors->more += file->more;
    }
}


/* Takes the place of the file of that path, or its own between the others. */
static gh_rc_t
put_file(gh_policy_set_t *set, gh_policy_source_t *file)
{
    uint32_t at;

    if (find(set, file->path, &at)) {
        file_destroy(set, files_of(set)[at]);
        files_of(set)[at] = file;
        return GH_OK;
    }

    if (gh_policy_list_add(&set->files, set->a, &file, 1) == NULL) {
        return GH_NOMEM;
    }

    gh_policy_source_t **files = files_of(set);

    for (uint32_t i = set->files.n - 1; i > at; i--) {
        files[i] = files[i - 1];
    }

    files[at] = file;
    return GH_OK;
}


/* Where it is, or where it would go. */
static bool
find(const gh_policy_set_t *set, gh_str_t path, uint32_t *at)
{
    uint32_t low = 0, high = set->files.n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = gh_str_cmp(files_of(set)[middle]->path, path);

        if (order == 0) {
            *at = middle;
            return true;
        }

        if (order < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    *at = low;
    return false;
}


static gh_policy_source_t **
files_of(const gh_policy_set_t *set)
{
    return set->files.items;
}


const gh_policy_source_t *
gh_policy_set_at(const gh_policy_set_t *set, uint32_t i)
{
    return files_of(set)[i];
}


static gh_policy_source_t *
file_create(gh_policy_set_t *set, gh_str_t path)
{
    /* the path in the same block, behind the file */
    char *room =
        set->a->alloc(set->a->ctx, sizeof(gh_policy_source_t) + path.len);

    if (room == NULL) {
        return NULL;
    }

    gh_policy_source_t *file = (gh_policy_source_t *) (void *) room;

    memset(file, 0, sizeof(*file));
    gh_policy_part_init(&file->part);

    file->path = (gh_str_t){ room + sizeof(*file), path.len };
    if (path.len > 0) {
        memcpy(room + sizeof(*file), path.data, path.len);
    }

    return file;
}


static void
file_destroy(gh_policy_set_t *set, gh_policy_source_t *file)
{
    if (!file->borrowed) {
        gh_policy_part_clear(&file->part, set->a);
    }

    set->a->free(set->a->ctx, file->errors);
    set->a->free(set->a->ctx, file);
}


uint64_t
gh_policy_set_stamp(const gh_policy_set_t *set, gh_str_t path)
{
    uint32_t at;

    return find(set, path, &at) ? files_of(set)[at]->stamp : 0;
}


void
gh_policy_set_retain(gh_policy_set_t *set,
                     bool (*keep)(void *ctx, gh_str_t path), void *ctx)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < set->files.n; i++) {
        gh_policy_source_t *file = files_of(set)[i];

        if (keep(ctx, file->path)) {
            files_of(set)[kept++] = file;

        } else {
            file_destroy(set, file);
        }
    }

    set->files.n = kept;
}
