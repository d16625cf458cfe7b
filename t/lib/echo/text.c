/* Growing text, slices, and JSON strings made of any bytes. */

#include "echo.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


void
text_add(text_t *text, const char *data, size_t len)
{
    if (text->len + len + 1 > text->cap) {
        text->cap = (text->len + len + 1) * 2;
        text->data = realloc(text->data, text->cap);
        if (text->data == NULL) {
            abort();
        }
    }

    if (len > 0) {
        memcpy(text->data + text->len, data, len);
    }
    text->len += len;
    text->data[text->len] = '\0';
}


void
text_str(text_t *text, const char *str)
{
    text_add(text, str, strlen(str));
}


void
text_printf(text_t *text, const char *fmt, ...)
{
    char buf[1024];
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(buf, sizeof(buf), fmt, args);
    va_end(args);

    text_str(text, buf);
}


/* Each byte becomes the code point of its number, so nothing is lost. */

void
text_json(text_t *text, const char *data, size_t len)
{
    text_add(text, "\"", 1);

    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char) data[i];

        if (ch < 0x20 || ch > 0x7e || ch == '"' || ch == '\\') {
            text_printf(text, "\\u%04x", ch);
        } else {
            text_add(text, data + i, 1);
        }
    }

    text_add(text, "\"", 1);
}


void
text_drop(text_t *text, size_t len)
{
    memmove(text->data, text->data + len, text->len - len);
    text->len -= len;
}


void
text_free(text_t *text)
{
    free(text->data);
    memset(text, 0, sizeof(*text));
}


bool
slice_is(slice_t s, const char *lowercase)
{
    if (s.len != strlen(lowercase)) {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        if (tolower((unsigned char) s.data[i]) != lowercase[i]) {
            return false;
        }
    }

    return true;
}


slice_t
slice_trim(slice_t s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len > 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'
               || s.data[s.len - 1] == '\r'))
    {
        s.len--;
    }

    return s;
}
