/*
 * The steps of a JSON pointer (RFC 6901) and the tree they lead through.
 * The empty pointer means the whole document.
 */

#include "gh_json_path.h"
#include "gh_json.h"


static json_t *member(json_t *object, const gh_json_path_t *path,
                      gh_str_t step);
static bool step_is(const gh_json_path_t *path, gh_str_t step, gh_str_t name);


json_t *
gh_json_pointer(json_t *root, gh_str_t pointer)
{
    gh_json_path_t path;
    json_t *at = root;
    gh_str_t step;
    size_t index = 0;

    if (!gh_json_path_init(&path, pointer)) {
        return NULL;
    }

    while (at != NULL && gh_json_path_next(&path, &step)) {
        if (json_is_object(at)) {
            at = member(at, &path, step);

        } else if (json_is_array(at) && gh_json_path_index(step, &index)) {
            at = json_array_get(at, index);

        } else {
            at = NULL;
        }
    }

    return at;
}


static json_t *
member(json_t *object, const gh_json_path_t *path, gh_str_t step)
{
    if (step.len == 0) {
        return json_object_get(object, "");
    }

    if (path->plain || memchr(step.data, '~', step.len) == NULL) {
        return json_object_getn(object, step.data, step.len);
    }

    for (void *i = json_object_iter(object); i != NULL;
         i = json_object_iter_next(object, i))
    {
        gh_str_t name = { json_object_iter_key(i),
                          json_object_iter_key_len(i) };

        if (step_is(path, step, name)) {
            return json_object_iter_value(i);
        }
    }

    return NULL;
}


static bool
step_is(const gh_json_path_t *path, gh_str_t step, gh_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (gh_json_path_byte(path, &step) != (unsigned char) name.data[i]) {
            return false;
        }
    }

    return gh_json_path_byte(path, &step) == -1;
}


bool
gh_json_path_init(gh_json_path_t *path, gh_str_t pointer)
{
    path->plain = pointer.len > 0 && pointer.data[0] != '/';
    path->rest = pointer;

    if (pointer.len == 0) {
        path->rest.data = NULL;
    }

    if (pointer.len == 0 || path->plain) {
        return true;
    }

    path->rest.data++;
    path->rest.len--;

    for (size_t i = 0; i < pointer.len; i++) {
        if (pointer.data[i] == '~'
            && (i + 1 == pointer.len
                || (pointer.data[i + 1] != '0' && pointer.data[i + 1] != '1')))
        {
            return false;
        }
    }

    return true;
}


bool
gh_json_path_next(gh_json_path_t *path, gh_str_t *step)
{
    if (path->rest.data == NULL) {
        return false;
    }

    if (path->plain) {
        *step = path->rest;
        path->rest = (gh_str_t){ NULL, 0 };
        return true;
    }

    *step = gh_str_cut(path->rest, '/', &path->rest);
    return true;
}


int
gh_json_path_byte(const gh_json_path_t *path, gh_str_t *step)
{
    if (step->len == 0) {
        return -1;
    }

    unsigned char c = (unsigned char) step->data[0];
    size_t taken = 1;

    if (c == '~' && !path->plain) {
        c = step->data[1] == '0' ? '~' : '/';
        taken = 2;
    }

    step->data += taken;
    step->len -= taken;
    return c;
}


bool
gh_json_path_index(gh_str_t step, size_t *index)
{
    uint64_t n;

    if (step.len > 1 && step.data[0] == '0') {
        return false;
    }

    if (gh_str_to_u64(step, SIZE_MAX, &n) != GH_OK) {
        return false;
    }

    *index = (size_t) n;
    return true;
}
