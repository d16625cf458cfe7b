/*
 * Reads an entry of a policy document, which jansson has judged, token by
 * token: shapes of objects are tables of members, each complaint knows its
 * place, nothing is kept but what goes into the part.
 */

#ifndef GH_POLICY_READ_H
#define GH_POLICY_READ_H

#include "gh_json_scan.h"
#include "gh_policy_error.h"

#define GH_POLICY_RECENT 256 /* power of two */


typedef enum {
    GH_POLICY_STRING = 0,
    GH_POLICY_OBJECT,
    GH_POLICY_ARRAY,
    GH_POLICY_BOOL,
    GH_POLICY_NUMBER,
    GH_POLICY_NULL
} gh_policy_type_t;

typedef struct {
    const gh_alloc_t *a;
    gh_policy_part_t *part;
    gh_str_t file;
    gh_policy_errors_t *errors;
    gh_rc_t rc;      /* GH_OK, or GH_NOMEM for good: then reading stops */
    bool complained; /* about anything in the file */

    gh_json_scan_t scan;
    gh_str_t token;            /* len 0: the end */
    size_t placed_at, line_at; /* offsets: last place, its line's start */
    uint32_t line;

    char subject[184];        /* whose members are being read: plan "gold" */
    json_t *decoded[2];       /* last name and last string with escapes */
    gh_policy_list_t scratch; /* char */
    gh_ref_t recent[GH_POLICY_RECENT]; /* what was interned lately */
} gh_policy_reader_t;

/*
 * Takes a value of the right type: rd->token is its first token when called
 * and its last one on return.
 */
typedef void (*gh_policy_take_pt)(gh_policy_reader_t *rd, void *record);

typedef struct {
    const char *name;
    gh_policy_type_t type;
    bool required;
    gh_policy_take_pt take; /* NULL: passed over */
} gh_policy_member_t;

typedef struct {
    const char *what; /* "an API key"; NULL: the subject itself */
    const gh_policy_member_t *members;
    size_t n; /* at most 32 */
} gh_policy_shape_t;

#define GH_POLICY_SHAPE(what, members)                                        \
    {                                                                         \
        (what), (members), sizeof(members) / sizeof((members)[0])             \
    }


/* text must live as long as the reader; rd is the caller's memory. */
void gh_policy_reader_init(gh_policy_reader_t *rd, gh_str_t text);
void gh_policy_reader_clear(gh_policy_reader_t *rd);

/* To the next token. */
void gh_policy_next(gh_policy_reader_t *rd);
bool gh_policy_token_is(const gh_policy_reader_t *rd, char c);
/* From the first token of a value to its last. */
void gh_policy_skip(gh_policy_reader_t *rd);
gh_policy_type_t gh_policy_type(const gh_policy_reader_t *rd);

/* What the string at rd->token says, valid until the next is asked for.
 * False after a complaint. */
bool gh_policy_string(gh_policy_reader_t *rd, gh_str_t *out);
/* The same for any string token and slot of rd->decoded. */
bool gh_policy_text(gh_policy_reader_t *rd, gh_str_t token, json_t **slot,
                    gh_str_t *out);
/* True if the value has that type; else complains, skips it. `what` as in "a
 * group". */
bool gh_policy_want(gh_policy_reader_t *rd, gh_policy_type_t type,
                    const char *what);

/* An object with the members of its shape and those welcome everywhere. */
void gh_policy_object(gh_policy_reader_t *rd, const gh_policy_shape_t *shape,
                      void *record);

/* An object whose names are the author's. name is borrowed for the call and
 * at the place of `at`; take finds the value at rd->token, of any type. */
typedef void (*gh_policy_entry_pt)(gh_policy_reader_t *rd, gh_str_t name,
                                   gh_str_t at, void *record);
size_t gh_policy_entries(gh_policy_reader_t *rd, gh_policy_entry_pt take,
                         void *record);
/* Each value of an array, of any type. Both return how many there were. */
size_t gh_policy_items(gh_policy_reader_t *rd, gh_policy_take_pt take,
                       void *record);

/* `at` is a token of the text. */
gh_policy_place_t gh_policy_place(gh_policy_reader_t *rd, gh_str_t at);
void gh_policy_complain(gh_policy_reader_t *rd, gh_str_t at,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void gh_policy_complain_at(gh_policy_reader_t *rd, gh_policy_place_t place,
                           const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Into the part; on GH_NOMEM the reader's rc says so. */
uint32_t gh_policy_add(gh_policy_reader_t *rd, gh_policy_kind_t kind,
                       const void *item);
uint32_t gh_policy_count(const gh_policy_reader_t *rd, gh_policy_kind_t kind);
gh_ref_t gh_policy_keep(gh_policy_reader_t *rd, gh_str_t s);
/* The same for texts that come again and again. */
gh_ref_t gh_policy_intern(gh_policy_reader_t *rd, gh_str_t s);


#endif
