/*
 * pattern.c - the one place that knows PCRE2.
 *
 * A pattern in the hands of an evil text can take for ever in two ways. From one place of the text
 * it may try every way to go on: PCRE2's limits of steps, depth and memory end that. And it may
 * begin at every place and go to the end each time (\s+$): the limits begin anew at each place, so
 * places are tried in slices, and the time is looked at between them.
 *
 * The time is the thread's own, so that a busy machine refuses nobody. It is asked of the kernel
 * only when the clock on the wall, which costs nothing, says that there may be something to see.
 */
#include "protocol/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Points of backtracking in memory at once; they have some hundred bytes each. */
#define DEPTH_MAX    UINT32_C(50000)
#define HEAP_MAX_KIB UINT32_C(8192)
/* Steps from one place: enough for what is linear, some milliseconds. In slices first few: where
 * they are not enough, places are tried one by one. */
#define STEPS_BASE     UINT64_C(200000)
#define STEPS_PER_BYTE UINT64_C(4)
#define STEPS_IN_SLICE UINT64_C(2000)
/* Places x bytes to the end: what a slice may look at; but no slice is so short that asking for it
 * is the work. */
#define SLICE_WORK ((size_t)4 << 20)
#define SLICE_MIN  32
/* Of a message. */
#define WALL_NS     1000000
#define CPU_NS      10000000
#define CPU_NS_BYTE 150 /* what is linear takes a third of it */

struct cw_pattern {
    pcre2_code *code;
    bool is_anchored; /* it can only begin where the text begins */
};

struct cw_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    int64_t wall_ns;  /* when the message's first match began; 0: there was none yet */
    int64_t until_ns; /* of the thread's time; 0: not asked for yet */
    int64_t extra_ns; /* for the texts so far */
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static pcre2_compile_context *make_compile_context(void)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL)
        return NULL;
    /* They fail for values that there are not. */
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    (void)pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    return context;
}

int cw_pattern_create(struct cw_bytes text, char *error, size_t error_size,
                      struct cw_pattern **ret_pattern)
{
    /* No start optimization: it would look through the whole text for each slice. */
    static const uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY |
                                    PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_UNSET_BACKREF |
                                    PCRE2_NO_START_OPTIMIZE | PCRE2_USE_OFFSET_LIMIT;
    PCRE2_UCHAR words[120] = "";
    int code = 0;
    PCRE2_SIZE at = 0;

    if (text.size > CW_PATTERN_SIZE_MAX) {
        (void)snprintf(error, error_size, "longer than %d bytes", CW_PATTERN_SIZE_MAX);
        return CW_ERR_INVALID;
    }
    struct cw_pattern *pattern = calloc(1, sizeof(*pattern));
    pcre2_compile_context *context = make_compile_context();
    if (pattern != NULL && context != NULL)
        pattern->code =
            pcre2_compile((PCRE2_SPTR)text.data, text.size, options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (pattern != NULL && pattern->code != NULL) {
        uint32_t all = 0;
        pattern->is_anchored =
            pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &all) == 0 &&
            (all & PCRE2_ANCHORED) != 0;
        *ret_pattern = pattern;
        return CW_OK;
    }
    free(pattern);
    if (code == 0 || code == PCRE2_ERROR_HEAP_FAILED)
        return CW_ERR_NOMEM;
    (void)pcre2_get_error_message(code, words, sizeof(words));
    (void)snprintf(error, error_size, "%s at byte %zu", (const char *)words, (size_t)at);
    return CW_ERR_INVALID;
}

void cw_pattern_destroy(struct cw_pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    free(pattern);
}

struct cw_matcher *cw_matcher_create(void)
{
    struct cw_matcher *matcher = calloc(1, sizeof(*matcher));
    if (matcher == NULL)
        return NULL;
    matcher->data = pcre2_match_data_create(1, NULL);
    matcher->context = pcre2_match_context_create(NULL);
    if (matcher->data == NULL || matcher->context == NULL) {
        cw_matcher_destroy(matcher);
        return NULL;
    }
    (void)pcre2_set_depth_limit(matcher->context, DEPTH_MAX);
    (void)pcre2_set_heap_limit(matcher->context, HEAP_MAX_KIB);
    return matcher;
}

void cw_matcher_destroy(struct cw_matcher *matcher)
{
    if (matcher == NULL)
        return;
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    free(matcher);
}

void cw_matcher_begin(struct cw_matcher *matcher)
{
    matcher->wall_ns = 0;
    matcher->until_ns = 0;
    matcher->extra_ns = 0;
}

static bool is_too_late(struct cw_matcher *matcher)
{
    if (now_ns(CLOCK_MONOTONIC) - matcher->wall_ns < WALL_NS)
        return false;
    int64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    if (matcher->until_ns == 0)
        matcher->until_ns = cpu_ns + CPU_NS;
    return cpu_ns > matcher->until_ns + matcher->extra_ns;
}

/* A match that begins at `from`, or up to `last`: PCRE2's number. */
static int match_from(struct cw_matcher *matcher, const struct cw_pattern *pattern,
                      struct cw_bytes text, size_t from, size_t last, uint64_t steps)
{
    (void)pcre2_set_match_limit(matcher->context, (uint32_t)steps);
    (void)pcre2_set_offset_limit(matcher->context, last);
    return pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.size, from, PCRE2_NO_UTF_CHECK,
                       matcher->data, matcher->context);
}

static size_t next_character(struct cw_bytes text, size_t at)
{
    do
        at++;
    while (at < text.size && ((unsigned char)text.data[at] & 0xC0) == 0x80);
    return at;
}

static uint64_t steps_for(struct cw_bytes text)
{
    uint64_t steps = STEPS_BASE + text.size * STEPS_PER_BYTE;
    return steps < UINT32_MAX ? steps : UINT32_MAX;
}

/* Where a match may begin from `from` on: at each place up to the text's end. */
static int match_anywhere(struct cw_matcher *matcher, const struct cw_pattern *pattern,
                          struct cw_bytes text)
{
    size_t places = SLICE_WORK / (text.size + 1);
    places = places > SLICE_MIN ? places : SLICE_MIN;
    size_t one_by_one = 0; /* places before it are */

    for (size_t from = 0; from <= text.size;) {
        bool is_slice = from >= one_by_one;
        size_t next =
            is_slice ? next_character(text, from + places - 1) : next_character(text, from);
        int rc = match_from(matcher, pattern, text, from, next - 1,
                            is_slice ? STEPS_IN_SLICE : steps_for(text));
        if (is_slice && rc == PCRE2_ERROR_MATCHLIMIT)
            one_by_one = next;
        else if (rc != PCRE2_ERROR_NOMATCH)
            return rc;
        else
            from = next;
        if (is_too_late(matcher))
            return PCRE2_ERROR_MATCHLIMIT;
    }
    return PCRE2_ERROR_NOMATCH;
}

enum cw_match cw_matcher_match(struct cw_matcher *matcher, const struct cw_pattern *pattern,
                               struct cw_bytes text)
{
    if (text.data == NULL)
        text.data = "";
    if (matcher->wall_ns == 0)
        matcher->wall_ns = now_ns(CLOCK_MONOTONIC);
    else if (is_too_late(matcher))
        return CW_MATCH_ENDLESS;
    matcher->extra_ns += (int64_t)text.size * CPU_NS_BYTE;

    int rc = pattern->is_anchored ? match_from(matcher, pattern, text, 0, 0, steps_for(text))
                                  : match_anywhere(matcher, pattern, text);
    if (rc >= 0) /* 0: there are more groups than places to put them */
        return CW_MATCH_YES;
    return rc == PCRE2_ERROR_NOMATCH ? CW_MATCH_NO : CW_MATCH_ENDLESS;
}
