/* test_history.c - cluster/history.c: what one more entry means, and where reading ended. */
#include "history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LIVE    true
#define HISTORY false

/* clang-format off */
static const struct {
    const char *name;
    struct cw_position last, entry;
    bool has_predecessor;
    struct cw_position predecessor;
    bool is_live;
    enum cw_step step;
    struct cw_position after, lost; /* `lost` only with a gap */
} steps[] = {
    /* One epoch. */
    {"the next one, live",          {5, 7}, {5, 8}, false, {0, 0}, LIVE,    CW_STEP_DELIVER, {5, 8}, {0, 0}},
    {"the next one, read",          {5, 7}, {5, 8}, false, {0, 0}, HISTORY, CW_STEP_DELIVER, {5, 8}, {0, 0}},
    {"the same, live",              {5, 7}, {5, 7}, false, {0, 0}, LIVE,    CW_STEP_DROP,    {5, 7}, {0, 0}},
    {"the same, read",              {5, 7}, {5, 7}, false, {0, 0}, HISTORY, CW_STEP_DROP,    {5, 7}, {0, 0}},
    {"an elder, live",              {5, 7}, {5, 1}, false, {0, 0}, LIVE,    CW_STEP_DROP,    {5, 7}, {0, 0}},
    {"an elder, read",              {5, 7}, {5, 1}, false, {0, 0}, HISTORY, CW_STEP_DROP,    {5, 7}, {0, 0}},
    {"one is missing, live",        {5, 7}, {5, 9}, false, {0, 0}, LIVE,    CW_STEP_READ_HISTORY, {5, 7}, {0, 0}},
    {"one is missing, read",        {5, 7}, {5, 9}, false, {0, 0}, HISTORY, CW_STEP_GAP,     {5, 9}, {5, 8}},
    {"many are missing, read",      {5, 7}, {5, 900}, false, {0, 0}, HISTORY, CW_STEP_GAP,   {5, 900}, {5, 899}},
    {"the greatest offset",         {5, UINT64_MAX - 1}, {5, UINT64_MAX}, false, {0, 0}, LIVE, CW_STEP_DELIVER, {5, UINT64_MAX}, {0, 0}},
    {"past the greatest offset",    {5, UINT64_MAX}, {5, 0}, false, {0, 0}, LIVE, CW_STEP_DROP, {5, UINT64_MAX}, {0, 0}},

    /* A new epoch. */
    {"it names the last seen, live", {5, 7}, {6, 1}, true, {5, 7}, LIVE,    CW_STEP_DELIVER, {6, 1}, {0, 0}},
    {"it names the last seen, read", {5, 7}, {6, 1}, true, {5, 7}, HISTORY, CW_STEP_DELIVER, {6, 1}, {0, 0}},
    {"it names a later one, live",   {5, 7}, {6, 1}, true, {5, 9}, LIVE,    CW_STEP_READ_HISTORY, {5, 7}, {0, 0}},
    {"it names a later one, read",   {5, 7}, {6, 1}, true, {5, 9}, HISTORY, CW_STEP_GAP,     {6, 1}, {6, 0}},
    {"it names an elder, live",      {5, 7}, {6, 1}, true, {5, 4}, LIVE,    CW_STEP_READ_HISTORY, {5, 7}, {0, 0}},
    {"it names an elder, read",      {5, 7}, {6, 1}, true, {5, 4}, HISTORY, CW_STEP_GAP,     {6, 1}, {6, 0}},
    {"it names none, live",          {5, 7}, {6, 1}, true, {0, 0}, LIVE,    CW_STEP_READ_HISTORY, {5, 7}, {0, 0}},
    {"it names none, read",          {5, 7}, {6, 1}, true, {0, 0}, HISTORY, CW_STEP_GAP,     {6, 1}, {6, 0}},
    {"its first is missing, live",   {5, 7}, {6, 2}, false, {0, 0}, LIVE,   CW_STEP_READ_HISTORY, {5, 7}, {0, 0}},
    {"its first is missing, read",   {5, 7}, {6, 2}, false, {0, 0}, HISTORY, CW_STEP_GAP,    {6, 2}, {6, 1}},
    {"its offset is none of ours",   {5, 7}, {6, 0}, false, {0, 0}, HISTORY, CW_STEP_GAP,    {6, 0}, {6, 0}},
    {"an epoch was jumped",          {5, 7}, {9, 1}, true, {8, 3}, HISTORY, CW_STEP_GAP,     {9, 1}, {9, 0}},

    /* An elder epoch. */
    {"its offset is greater, live", {5, 7}, {4, 99}, false, {0, 0}, LIVE,    CW_STEP_DROP, {5, 7}, {0, 0}},
    {"its offset is greater, read", {5, 7}, {4, 99}, false, {0, 0}, HISTORY, CW_STEP_DROP, {5, 7}, {0, 0}},
    {"it names the last seen",      {5, 7}, {4, 1},  true,  {5, 7}, LIVE,    CW_STEP_DROP, {5, 7}, {0, 0}},

    /* From the beginning. */
    {"the first there ever was, live", {0, 0}, {1, 1}, true, {0, 0}, LIVE,    CW_STEP_DELIVER, {1, 1}, {0, 0}},
    {"the first there ever was, read", {0, 0}, {1, 1}, true, {0, 0}, HISTORY, CW_STEP_DELIVER, {1, 1}, {0, 0}},
    {"not the first, live",            {0, 0}, {1, 2}, false, {0, 0}, LIVE,   CW_STEP_READ_HISTORY, {0, 0}, {0, 0}},
    {"not the first, read",            {0, 0}, {1, 2}, false, {0, 0}, HISTORY, CW_STEP_GAP,    {1, 2}, {1, 1}},
    {"not the first epoch, read",      {0, 0}, {2, 1}, true, {1, 9}, HISTORY, CW_STEP_GAP,     {2, 1}, {2, 0}},
};

static const struct {
    const char *name;
    struct cw_position last, tip;
    bool is_gap;
} ends[] = {
    {"all was read",                       {5, 7}, {5, 7}, false},
    {"there never was anything",           {0, 0}, {0, 0}, false},
    {"the end of the log is gone",         {5, 7}, {5, 9}, true},
    {"a whole epoch is gone",              {5, 7}, {6, 3}, true},
    {"all there was before one came",      {0, 0}, {5, 9}, true},
    {"Redis went back",                    {5, 7}, {5, 4}, true},
    {"Redis went back to an elder epoch",  {5, 7}, {4, 9}, true},
    {"Redis forgot everything",            {5, 7}, {0, 0}, true},
};
/* clang-format on */

static void assert_position(const char *name, const char *what, struct cw_position position,
                            struct cw_position wanted)
{
    if (cw_position_compare(position, wanted) != 0)
        fail_msg("%s: %s is %llu-%llu, not %llu-%llu", name, what,
                 (unsigned long long)position.epoch, (unsigned long long)position.offset,
                 (unsigned long long)wanted.epoch, (unsigned long long)wanted.offset);
}

static void each_entry_is_delivered_dropped_read_for_or_told_as_a_gap(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct cw_position last = steps[i].last;
        struct cw_gap gap = {{0, 0}};
        struct cw_envelope entry = {
            .message = {.is_logged = true, .position = steps[i].entry},
            .has_predecessor = steps[i].has_predecessor,
            .predecessor = steps[i].predecessor,
        };
        enum cw_step step = cw_history_step(&last, &entry, steps[i].is_live, &gap);
        if (step != steps[i].step)
            fail_msg("%s: step %d, not %d", steps[i].name, (int)step, (int)steps[i].step);
        assert_position(steps[i].name, "last", last, steps[i].after);
        assert_position(steps[i].name, "the last lost", gap.last_lost, steps[i].lost);
    }
}

static void what_history_says_is_final(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct cw_position last = steps[i].last;
        struct cw_gap gap;
        struct cw_envelope entry = {
            .message = {.is_logged = true, .position = steps[i].entry},
            .has_predecessor = steps[i].has_predecessor,
            .predecessor = steps[i].predecessor,
        };
        assert_int_not_equal(cw_history_step(&last, &entry, HISTORY, &gap), CW_STEP_READ_HISTORY);
        assert_true(cw_position_compare(last, steps[i].entry) >= 0);
        /* Again, it is a duplicate, whatever it was. */
        assert_int_equal(cw_history_step(&last, &entry, HISTORY, &gap), CW_STEP_DROP);
        assert_int_equal(cw_history_step(&last, &entry, LIVE, &gap), CW_STEP_DROP);
    }
}

static struct cw_position later(struct cw_position a, struct cw_position b)
{
    return cw_position_compare(a, b) > 0 ? a : b;
}

static void the_end_of_reading_is_the_tip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct cw_position last = ends[i].last;
        struct cw_gap gap = {{0, 0}};
        if (cw_history_settle(&last, ends[i].tip, &gap) != ends[i].is_gap)
            fail_msg("%s: gap or no gap", ends[i].name);
        assert_position(ends[i].name, "last", last, ends[i].tip);
        if (ends[i].is_gap)
            assert_position(ends[i].name, "the last lost", gap.last_lost,
                            later(ends[i].last, ends[i].tip));
        assert_false(cw_history_settle(&last, ends[i].tip, &gap));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_entry_is_delivered_dropped_read_for_or_told_as_a_gap),
        cmocka_unit_test(what_history_says_is_final),
        cmocka_unit_test(the_end_of_reading_is_the_tip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
