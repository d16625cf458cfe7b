/*
 * A head, an entry per file, then per file its path and its lists, each
 * padded to 8 bytes. Where anything lies follows from how much there is of
 * what stands before it: there are no offsets to trust.
 */

#include "gh_policy_parts.h"

#include "gh_image_layout.h"
#include "gh_policy_set.h"


/* The first three as in an image: they share a checksum. */
typedef struct {
    uint64_t magic;
    uint64_t size;     /* of all bytes */
    uint64_t checksum; /* of everything but itself */
    uint64_t layout;   /* of records and entries */
    uint8_t maker[GH_SHA256_LEN];
    uint32_t n; /* entries */
    uint32_t reserved;
} head_t;

typedef struct {
    uint32_t n[GH_POLICY_LISTS];
    uint32_t path_len;
    uint32_t reserved;
    uint8_t mark[GH_POLICY_MARK_LEN];
} entry_t;

_Static_assert(offsetof(head_t, checksum)
                   == offsetof(gh_image_head_t, checksum),
               "the checksum leaves out itself");
_Static_assert(sizeof(head_t) % 8 == 0 && sizeof(entry_t) % 8 == 0,
               "records are aligned");


static uint64_t layout(void);
static uint64_t padded(uint64_t size);
static void entry_of(const gh_policy_source_t *file, entry_t *out);
static uint64_t entry_size(const entry_t *entry, const gh_policy_part_t *part);
static char *put(char *to, const void *bytes, size_t size);
static char *put_file(char *to, const gh_policy_source_t *file);
static bool files_fit(gh_policy_parts_t parts);


gh_rc_t
gh_policy_parts_build(const gh_policy_set_t *set,
                      const uint8_t maker[GH_SHA256_LEN],
                      bool (*mark)(void *ctx, gh_str_t path,
                                   uint8_t out[GH_POLICY_MARK_LEN]),
                      void *ctx, gh_str_t *out)
{
    entry_t entry;
    head_t head = { .magic = GH_POLICY_PARTS_MAGIC,
                    .size = sizeof(head),
                    .layout = layout(),
                    .n = set->files.n };

    *out = (gh_str_t){ NULL, 0 };
    memcpy(head.maker, maker, sizeof(head.maker));

    for (uint32_t i = 0; i < head.n; i++) {
        const gh_policy_source_t *file = gh_policy_set_at(set, i);

        if (file->broken) {
            return GH_INVALID;
        }

        entry_of(file, &entry);
        head.size += sizeof(entry) + entry_size(&entry, &file->part);
    }

    char *bytes = set->a->alloc(set->a->ctx, (size_t) head.size);

    if (bytes == NULL) {
        return GH_NOMEM;
    }

    char *entries = put(bytes, &head, sizeof(head));
    char *files = entries + head.n * sizeof(entry);

    for (uint32_t i = 0; i < head.n; i++) {
        const gh_policy_source_t *file = gh_policy_set_at(set, i);

        entry_of(file, &entry);

        if (!mark(ctx, file->path, entry.mark)) {
            set->a->free(set->a->ctx, bytes);
            return GH_INVALID;
        }

        entries = put(entries, &entry, sizeof(entry));
        files = put_file(files, file);
    }

    head.checksum = gh_image_checksum(bytes, (size_t) head.size);
    memcpy(bytes, &head, sizeof(head));
    *out = (gh_str_t){ bytes, (size_t) head.size };

    return GH_OK;
}


static uint64_t
layout(void)
{
    gh_policy_part_t part;
    uint64_t h = gh_image_layout() + sizeof(entry_t);

    gh_policy_part_init(&part);

    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        h = h * UINT64_C(0x9e3779b97f4a7c15) + part.lists[i].size;
    }

    return h;
}


static uint64_t
padded(uint64_t size)
{
    return (size + 7) / 8 * 8;
}


static void
entry_of(const gh_policy_source_t *file, entry_t *out)
{
    memset(out, 0, sizeof(*out));
    out->path_len = (uint32_t) file->path.len;

    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        out->n[i] = file->part.lists[i].n;
    }
}


/* Of path and lists. No sum of so few products of 32 bits overflows. */
static uint64_t
entry_size(const entry_t *entry, const gh_policy_part_t *part)
{
    uint64_t size = padded(entry->path_len);

    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        size += padded((uint64_t) entry->n[i] * part->lists[i].size);
    }

    return size;
}


/* Where the next goes. */
static char *
put(char *to, const void *bytes, size_t size)
{
    size_t end = (size_t) padded(size);

    if (size > 0) {
        memcpy(to, bytes, size);
    }

    memset(to + size, 0, end - size);

    return to + end;
}


static char *
put_file(char *to, const gh_policy_source_t *file)
{
    to = put(to, file->path.data, file->path.len);

    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        const gh_policy_list_t *list = &file->part.lists[i];

        to = put(to, list->items, (size_t) list->n * list->size);
    }

    return to;
}


gh_rc_t
gh_policy_parts_open(gh_str_t bytes, const uint8_t maker[GH_SHA256_LEN],
                     gh_policy_parts_t *out)
{
    head_t head;

    if (bytes.len < sizeof(head) || (uintptr_t) bytes.data % 8 != 0) {
        return GH_INVALID;
    }

    memcpy(&head, bytes.data, sizeof(head));

    if (head.magic != GH_POLICY_PARTS_MAGIC || head.size != bytes.len
        || head.layout != layout()
        || memcmp(head.maker, maker, sizeof(head.maker)) != 0
        || head.n > (bytes.len - sizeof(head)) / sizeof(entry_t)
        || head.checksum != gh_image_checksum(bytes.data, bytes.len))
    {
        return GH_INVALID;
    }

    *out =
        (gh_policy_parts_t){ .bytes = bytes,
                             .n = head.n,
                             .at = sizeof(head) + head.n * sizeof(entry_t) };

    return files_fit(*out) ? GH_OK : GH_INVALID;
}


static bool
files_fit(gh_policy_parts_t parts)
{
    gh_policy_kept_t kept;
    gh_str_t before = { NULL, 0 };

    for (uint32_t i = 0; i < parts.n; i++) {
        if (!gh_policy_parts_next(&parts, &kept)
            || (i > 0 && gh_str_cmp(before, kept.path) >= 0)
            || !gh_policy_part_check(&kept.part))
        {
            return false;
        }

        before = kept.path;
    }

    return parts.at == parts.bytes.len;
}


bool
gh_policy_parts_next(gh_policy_parts_t *parts, gh_policy_kept_t *out)
{
    entry_t entry;
    union {
        const char *borrowed;
        void *items; /* nobody writes to a part that has been read */
    } at;

    if (parts->next == parts->n) {
        return false;
    }

    out->mark = (const uint8_t *) parts->bytes.data + sizeof(head_t)
                + parts->next * sizeof(entry);
    memcpy(&entry, out->mark, sizeof(entry));
    out->mark += offsetof(entry_t, mark);

    gh_policy_part_init(&out->part);

    if (entry_size(&entry, &out->part) > parts->bytes.len - parts->at) {
        return false;
    }

    at.borrowed = parts->bytes.data + parts->at;
    out->path = (gh_str_t){ at.borrowed, entry.path_len };
    at.borrowed += padded(entry.path_len);

    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        gh_policy_list_t *list = &out->part.lists[i];

        list->n = entry.n[i];
        list->cap = entry.n[i];
        list->items = list->n > 0 ? at.items : NULL;
        at.borrowed += padded((uint64_t) list->n * list->size);
    }

    parts->at = (size_t) (at.borrowed - parts->bytes.data);
    parts->next++;

    return true;
}
