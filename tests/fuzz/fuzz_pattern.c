/*
 * fuzz_pattern.c - a pattern, a NUL, then a text: both UTF-8. What a pattern may take ends before
 * libFuzzer loses patience.
 */
#include "fuzz.h"
#include "protocol/pattern.h"
#include "protocol/utf8.h"

static struct cw_matcher *matcher(void)
{
    static struct cw_matcher *only;
    if (only == NULL)
        only = cw_matcher_create();
    fuzz_require(only != NULL);
    return only;
}

static enum cw_match match(const struct cw_pattern *pattern, struct cw_bytes text)
{
    char *copy = fuzz_copy(text);
    cw_matcher_begin(matcher());
    enum cw_match found = cw_matcher_match(matcher(), pattern, cw_bytes_make(copy, text.size));
    fuzz_require(found == CW_MATCH_NO || found == CW_MATCH_YES || found == CW_MATCH_ENDLESS);
    free(copy);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes text = cw_bytes_make(data, size);
    struct cw_bytes source = fuzz_take(&text, '\0');
    struct cw_pattern *pattern = NULL;
    char error[160] = "";
    if (!cw_utf8_is_valid(source) || !cw_utf8_is_valid(text))
        return 0;
    char *copy = fuzz_copy(source);
    int rc = cw_pattern_create(cw_bytes_make(copy, source.size), error, sizeof(error), &pattern);
    free(copy);
    if (rc == CW_OK) {
        enum cw_match found = match(pattern, text);
        enum cw_match again = match(pattern, text);
        fuzz_require(found == again || found == CW_MATCH_ENDLESS || again == CW_MATCH_ENDLESS);
        (void)match(pattern, source);
        cw_pattern_destroy(pattern);
    } else {
        fuzz_require(rc == CW_ERR_INVALID);
        fuzz_require(error[0] != '\0' && memchr(error, '\0', sizeof(error)) != NULL);
    }
    return 0;
}
