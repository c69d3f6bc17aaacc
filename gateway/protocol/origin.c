/* origin.c - globs of origins. */
#include "protocol/origin.h"

#include "names.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static void lower(char *to, struct cw_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        to[i] = (char)tolower((unsigned char)text.data[i]);
}

bool cw_origin_is_allowed(const char *globs, struct cw_bytes origin)
{
    char low_origin[CW_ORIGIN_MAX];
    char low_glob[CW_ORIGIN_MAX];
    if (origin.size == 0 || strcmp(globs, "*") == 0)
        return true;
    if (origin.size > sizeof(low_origin))
        return false;
    lower(low_origin, origin);
    for (const char *at = globs; *at != '\0';) {
        at += strspn(at, ", \t");
        struct cw_bytes glob = cw_bytes_make(at, strcspn(at, ", \t"));
        at += glob.size;
        if (glob.size == 0 || glob.size > sizeof(low_glob))
            continue; /* no origin is so long */
        lower(low_glob, glob);
        if (cw_glob_matches(cw_bytes_make(low_glob, glob.size),
                            cw_bytes_make(low_origin, origin.size)))
            return true;
    }
    return false;
}
