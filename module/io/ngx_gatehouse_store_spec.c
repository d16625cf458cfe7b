/*
 * The words of gatehouse_store: which backend, where, and how the test
 * backend misbehaves. Looks at the words only, never at the disk.
 */

#include "ngx_gatehouse_store_backend.h"
#include "gh_lmdb.h"


#define SIZE_MIN (1024 * 1024)


typedef struct {
    ngx_str_t name;
    size_t offset;
    ngx_uint_t max;
} spec_number_t;


static ngx_int_t spec_arguments(ngx_str_t args,
                                ngx_gatehouse_store_spec_t *spec, u_char *why,
                                size_t why_len);
static ngx_int_t spec_argument(gh_str_t name, gh_str_t value,
                               ngx_gatehouse_store_spec_t *spec, u_char *why,
                               size_t why_len);
static ngx_int_t spec_size(gh_str_t value, size_t *size);


static const spec_number_t spec_numbers[] = {
    { ngx_string("delay"), offsetof(ngx_gatehouse_store_spec_t, delay),
      60000 },
    { ngx_string("kind"), offsetof(ngx_gatehouse_store_spec_t, kind),
      GH_KIND_MAX - 1 },
    { ngx_string("late"), offsetof(ngx_gatehouse_store_spec_t, late), 60000 },
    { ngx_string("fail"), offsetof(ngx_gatehouse_store_spec_t, fail), 100 },
    { ngx_string("lose"), offsetof(ngx_gatehouse_store_spec_t, lose), 100 },
    { ngx_string("hang"), offsetof(ngx_gatehouse_store_spec_t, hang), 100 },
    { ngx_string("refuse"), offsetof(ngx_gatehouse_store_spec_t, refuse),
      100 },
    { ngx_string("now"), offsetof(ngx_gatehouse_store_spec_t, now), 100 },
    { ngx_string("gap"), offsetof(ngx_gatehouse_store_spec_t, gap), 100 },
    { ngx_null_string, 0, 0 }
};


ngx_int_t
ngx_gatehouse_store_spec_parse(ngx_str_t *text,
                               ngx_gatehouse_store_spec_t *spec, u_char *why,
                               size_t why_len)
{
    u_char *p;
    ngx_str_t s, args;

    ngx_memzero(spec, sizeof(ngx_gatehouse_store_spec_t));
    ngx_str_null(&args);

    s = *text;

    if (s.len > 5 && ngx_strncmp(s.data, "test:", 5) == 0) {
        spec->test = 1;
        s.data += 5;
        s.len -= 5;
    }

    spec->inner = s;

    if (s.len < 5 || ngx_strncmp(s.data, "lmdb:", 5) != 0) {
        ngx_snprintf(why, why_len,
                     "names a store \"%V\" of no known kind; write "
                     "lmdb:/DIRECTORY or redis://HOST:PORT%Z",
                     text);
        return NGX_ERROR;
    }

    s.data += 5;
    s.len -= 5;

    p = ngx_strlchr(s.data, s.data + s.len, '?');

    if (p != NULL) {
        args.data = p + 1;
        args.len = s.data + s.len - args.data;
        s.len = p - s.data;
    }

    if (s.len < 2 || s.data[0] != '/') {
        ngx_snprintf(why, why_len,
                     "names a directory \"%V\" that is not absolute; write "
                     "lmdb:/DIRECTORY%Z",
                     &s);
        return NGX_ERROR;
    }

    spec->directory = s;

    return spec_arguments(args, spec, why, why_len);
}


static ngx_int_t
spec_arguments(ngx_str_t args, ngx_gatehouse_store_spec_t *spec, u_char *why,
               size_t why_len)
{
    gh_str_t rest, word, name, value;

    rest.data = (char *) args.data;
    rest.len = args.len;

    while (rest.len > 0) {
        word = gh_str_cut(rest, '&', &rest);
        name = gh_str_cut(word, '=', &value);

        if (spec_argument(name, value, spec, why, why_len) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (spec->fail + spec->lose + spec->hang > 100) {
        ngx_snprintf(why, why_len,
                     "has a store that fails, loses and hangs more often "
                     "than always%Z");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
spec_argument(gh_str_t name, gh_str_t value, ngx_gatehouse_store_spec_t *spec,
              u_char *why, size_t why_len)
{
    size_t i;
    uint64_t n;

    if (gh_str_eq(name, GH_STR("size"))) {
        if (spec_size(value, &spec->size) == NGX_OK) {
            return NGX_OK;
        }

        ngx_snprintf(why, why_len,
                     "has an invalid size \"%*s\"; it is at least 1m, and "
                     "16g if left out%Z",
                     value.len, value.data);
        return NGX_ERROR;
    }

    if (spec->test && gh_str_eq(name, GH_STR("seed"))
        && gh_str_to_u64(value, UINT64_MAX, &spec->seed) == GH_OK)
    {
        return NGX_OK;
    }

    for (i = 0; spec->test && spec_numbers[i].name.len > 0; i++) {

        if (spec_numbers[i].name.len == name.len
            && ngx_strncmp(spec_numbers[i].name.data, name.data, name.len) == 0
            && gh_str_to_u64(value, spec_numbers[i].max, &n) == GH_OK)
        {
            *(ngx_uint_t *) ((u_char *) spec + spec_numbers[i].offset) = n;
            return NGX_OK;
        }
    }

    ngx_snprintf(why, why_len,
                 "has an unknown or invalid \"%*s=%*s\"; a store takes "
                 "size=%Z",
                 name.len, name.data, value.len, value.data);

    return NGX_ERROR;
}


static ngx_int_t
spec_size(gh_str_t value, size_t *size)
{
    off_t bytes;
    u_char room[24];
    ngx_str_t text;

    if (value.len >= sizeof(room)) {
        return NGX_ERROR;
    }

    ngx_memcpy(room, value.data, value.len);
    text.data = room;
    text.len = value.len;

    bytes = ngx_parse_offset(&text);

    if (bytes < SIZE_MIN || (uint64_t) bytes > SIZE_MAX / 2) {
        return NGX_ERROR;
    }

    *size = (size_t) bytes;

    return NGX_OK;
}
