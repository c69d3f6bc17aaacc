/*
 * checker.c - a message is delivered once, in order, unless a gap that covers it was told.
 */
#include "loop/checker.h"

#include "base/buf.h"
#include "envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POSITION(p) (unsigned long long)(p).epoch, (unsigned long long)(p).offset

static struct checker *current; /* of on_append */

static unsigned find_group(const struct checker *checker, const char *name, size_t size)
{
    for (unsigned i = 0; i < CHECKER_GROUPS; i++)
        if (strlen(checker->groups[i].name) == size &&
            memcmp(checker->groups[i].name, name, size) == 0)
            return i;
    fail_msg("a group of nobody's: %.*s", (int)size, name);
    return 0;
}

static void on_append(void *arg, const struct fake_group *from, const struct fake_entry *entry)
{
    struct cw_message message;
    struct cw_bytes name = cw_key_group(cw_bytes_text(from->key), "cw");
    struct checker_group *group = &current->groups[find_group(current, name.data, name.size)];
    (void)arg;
    if (group->count == group->capacity) {
        group->capacity = group->capacity == 0 ? 64 : 2 * group->capacity;
        group->records = realloc(group->records, group->capacity * sizeof(group->records[0]));
        assert_non_null(group->records);
    }
    assert_int_equal(cw_envelope_decode_body(cw_buf_bytes(entry->body), &message), CW_OK);
    char digits[16];
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)message.payload.size, message.payload.data);
    struct checker_record record = {.position = entry->position,
                                    .previous = entry->previous,
                                    .serial = (unsigned)strtoul(digits, NULL, 10)};
    if (current->refused[record.serial])
        fail_msg("message %u is published, though it was said to be unavailable", record.serial);
    if (group->count > 0)
        assert_true(
            cw_position_compare(group->records[group->count - 1].position, record.position) < 0);
    group->records[group->count++] = record;
}

void checker_init(struct checker *checker, struct path *path, size_t serials_max)
{
    memset(checker, 0, sizeof(*checker));
    for (unsigned i = 0; i < CHECKER_GROUPS; i++)
        (void)snprintf(checker->groups[i].name, sizeof(checker->groups[i].name), "g%u", i);
    checker->refused = calloc(serials_max + 1, 1);
    assert_non_null(checker->refused);
    path->redis->store.on_append = on_append;
    current = checker;
}

void checker_finish(struct checker *checker)
{
    for (unsigned i = 0; i < CHECKER_GROUPS; i++)
        free(checker->groups[i].records);
    free(checker->refused);
    current = NULL;
}

static void note_loss(struct checker_group *group, const struct fake_group *store)
{
    struct cw_position tip = store == NULL ? (struct cw_position){0, 0} : store->tip;
    if (group->count == 0 ||
        cw_position_compare(group->records[group->count - 1].position, tip) <= 0)
        return;
    group->losses++;
    for (size_t i = 0; i < group->count; i++)
        if (cw_position_compare(group->records[i].position, tip) > 0 || tip.epoch == 0)
            group->records[i].is_lost = true;
}

void checker_note_loss(struct checker *checker, const struct path *path)
{
    for (unsigned i = 0; i < CHECKER_GROUPS; i++)
        note_loss(&checker->groups[i],
                  fake_store_group(&path->redis->store, checker->groups[i].name));
}

/* Clients. */

void checker_begin(struct checker *checker, struct checker_client *client, bool is_raw,
                   struct path_client *path_client)
{
    memset(client, 0, sizeof(*client));
    client->client = path_client;
    client->is_raw = is_raw;
    client->next_id = 1;
    for (unsigned i = 0; is_raw && i < CHECKER_GROUPS; i++) {
        client->views[i].is_member = true;
        const struct checker_group *group = &checker->groups[i];
        if (group->count > 0)
            client->views[i].cursor = group->records[group->count - 1].position;
    }
}

void checker_say(struct checker *checker, struct checker_client *client, enum checker_verb verb,
                 unsigned group)
{
    static const char *const verbs[] = {"publish", "join", "leave"};
    struct checker_op op = {.verb = verb, .id = client->next_id++, .group = group};
    assert_true(client->count < CHECKER_OPS_MAX);
    if (verb == CHECKER_PUBLISH)
        op.serial = (unsigned)checker->serials++;
    client->ops[(client->first + client->count++) % CHECKER_OPS_MAX] = op;
    path_say(client->client, "{'op':'%s','id':%u,'group':'%s','data':%u}", verbs[verb], op.id,
             checker->groups[group].name, op.serial);
}

/* Frames. */

static struct cw_position position_of(const char *frame)
{
    struct cw_position position = {0, 0};
    const char *epoch = strstr(frame, "\"epoch\":\"");
    const char *offset = strstr(frame, "\"offset\":");
    if (epoch != NULL && offset != NULL) {
        position.epoch = strtoull(epoch + strlen("\"epoch\":\""), NULL, 10);
        position.offset = strtoull(offset + strlen("\"offset\":"), NULL, 10);
    }
    return position;
}

static unsigned group_of(const struct checker *checker, const char *frame)
{
    const char *name = strstr(frame, "\"group\":\"");
    assert_non_null(name);
    name += strlen("\"group\":\"");
    return find_group(checker, name, strcspn(name, "\""));
}

/* The record at `position`; NULL: Redis never had it. */
static const struct checker_record *find_record(const struct checker_group *group,
                                                struct cw_position position)
{
    size_t low = 0, high = group->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cw_position_compare(group->records[middle].position, position);
        if (order == 0)
            return &group->records[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The last record that is after `cursor`, before `end`, and was to be delivered; NULL: none. */
static const struct checker_record *find_missing(const struct checker_group *group,
                                                 struct cw_position cursor, struct cw_position end)
{
    for (size_t i = group->count; i > 0; i--) {
        const struct checker_record *record = &group->records[i - 1];
        if (cw_position_compare(record->position, cursor) <= 0)
            return NULL;
        if (cw_position_compare(record->position, end) < 0 && !record->is_lost)
            return record;
    }
    return NULL;
}

static void check_message(struct checker *checker, struct checker_client *client, unsigned index,
                          const struct checker_record *record, const char *frame)
{
    const struct checker_group *group = &checker->groups[index];
    struct checker_view *view = &client->views[index];
    if (!view->is_member)
        fail_msg("a message to one who is no member: %s", frame);
    if (record == NULL)
        fail_msg("a message that Redis never had: %s", frame);
    if (cw_position_compare(record->position, view->cursor) <= 0)
        fail_msg("again, or out of order: %s after %llu-%llu", frame, POSITION(view->cursor));
    const struct checker_record *missing = find_missing(group, view->cursor, record->position);
    if (missing != NULL && !client->is_raw)
        fail_msg("%s %llu-%llu was passed over in silence: %s after %llu-%llu", group->name,
                 POSITION(missing->position), frame, POSITION(view->cursor));
    view->cursor = record->position;
    checker->delivered++;
}

static void take_message(struct checker *checker, struct checker_client *client, const char *frame)
{
    unsigned index = group_of(checker, frame);
    const char *data = strstr(frame, "\"data\":");
    const struct checker_record *record = find_record(&checker->groups[index], position_of(frame));
    assert_non_null(data);
    if (record != NULL)
        assert_int_equal(record->serial, strtoul(data + strlen("\"data\":"), NULL, 10));
    check_message(checker, client, index, record, frame);
}

/* A raw client's frame is the payload alone. */
static void take_raw(struct checker *checker, struct checker_client *client, const char *frame)
{
    unsigned serial = (unsigned)strtoul(frame, NULL, 10);
    for (unsigned i = 0; i < CHECKER_GROUPS; i++) {
        const struct checker_group *group = &checker->groups[i];
        for (size_t k = group->count; k > 0; k--) {
            if (group->records[k - 1].serial != serial)
                continue;
            check_message(checker, client, i, &group->records[k - 1], frame);
            return;
        }
    }
    fail_msg("a raw frame that Redis never had: %s", frame);
}

/* Whether a gap up to `end` is true for one who has come to `cursor`, or nobody can know better. */
static bool is_gap_justified(const struct checker_group *group, struct cw_position cursor,
                             struct cw_position end)
{
    struct cw_position next = {end.epoch, end.offset + 1};
    const struct checker_record *first = find_record(group, next);
    const struct checker_record *seen = find_record(group, cursor);
    if (cw_position_compare(end, cursor) <= 0 && seen != NULL && seen->is_lost)
        return true; /* Redis went back behind what was seen */
    if (first != NULL && first->is_lost)
        return true; /* it was on its way when Redis forgot it */
    if (end.offset == 0 && first != NULL && cw_position_compare(first->previous, cursor) != 0)
        return true; /* an epoch whose predecessor is not the last id seen */
    for (size_t i = group->count; i > 0; i--) {
        const struct checker_record *record = &group->records[i - 1];
        if (cw_position_compare(record->position, cursor) <= 0)
            return false;
        if (cw_position_compare(record->position, end) <= 0)
            return true;
    }
    return false;
}

static void take_gap(struct checker *checker, struct checker_client *client, const char *frame)
{
    unsigned index = group_of(checker, frame);
    const struct checker_group *group = &checker->groups[index];
    struct checker_view *view = &client->views[index];
    struct cw_position end = position_of(frame);
    if (!view->is_member)
        fail_msg("a gap to one who is no member: %s", frame);
    if (!is_gap_justified(group, view->cursor, end) && view->losses == group->losses)
        fail_msg("a gap without a loss: %s after %llu-%llu", frame, POSITION(view->cursor));
    view->losses = group->losses;
    if (cw_position_compare(end, view->cursor) > 0)
        view->cursor = end;
    checker->gaps++;
}

static void take_ok(struct checker *checker, struct checker_client *client,
                    const struct checker_op *op, const char *frame)
{
    struct checker_view *view = &client->views[op->group];
    const struct checker_group *group = &checker->groups[op->group];
    struct cw_position position = position_of(frame);
    if (op->verb == CHECKER_PUBLISH) {
        const struct checker_record *record = find_record(group, position);
        if (record == NULL || record->serial != op->serial)
            fail_msg("an ok for what Redis does not have: %s", frame);
        checker->acked++;
    } else if (op->verb == CHECKER_LEAVE) {
        view->is_member = false;
    } else {
        view->is_member = true;
        view->cursor = position;
        view->losses = 0; /* its node may not have seen the last one yet */
    }
}

static void take_error(struct checker *checker, struct checker_client *client,
                       const struct checker_op *op, const char *frame)
{
    bool is_timeout = strstr(frame, "\"code\":\"timeout\"") != NULL;
    if (!is_timeout && strstr(frame, "\"code\":\"unavailable\"") == NULL)
        fail_msg("what error is this? %s", frame);
    if (is_timeout)
        checker->timeouts++;
    else
        checker->unavailable++;
    if (op->verb == CHECKER_LEAVE && is_timeout)
        client->views[op->group].is_member = false;
    if (op->verb != CHECKER_PUBLISH || is_timeout)
        return;
    const struct checker_group *group = &checker->groups[op->group];
    for (size_t i = group->count; i > 0; i--)
        if (group->records[i - 1].serial == op->serial)
            fail_msg("unavailable, but it was published: %s", frame);
    checker->refused[op->serial] = 1;
}

static void take_answer(struct checker *checker, struct checker_client *client, bool is_ok,
                        const char *frame)
{
    const char *id = strstr(frame, "\"id\":");
    assert_non_null(id);
    if (client->count == 0)
        fail_msg("an answer too many: %s", frame);
    const struct checker_op *op = &client->ops[client->first];
    if (strtoul(id + strlen("\"id\":"), NULL, 10) != op->id)
        fail_msg("where the answer to %u should be: %s", op->id, frame);
    client->first = (client->first + 1) % CHECKER_OPS_MAX;
    client->count--;
    if (is_ok)
        take_ok(checker, client, op, frame);
    else
        take_error(checker, client, op, frame);
}

void checker_read(struct checker *checker, struct checker_client *client)
{
    static const char message[] = "{\"op\":\"message\"", gap[] = "{\"op\":\"gap\"",
                      ok[] = "{\"op\":\"ok\"", error[] = "{\"op\":\"error\"";
    const char *frame;
    assert_int_equal(client->client->close_code, 0);
    while ((frame = path_next(client->client)) != NULL) {
        if (client->is_raw)
            take_raw(checker, client, frame);
        else if (strncmp(frame, message, strlen(message)) == 0)
            take_message(checker, client, frame);
        else if (strncmp(frame, gap, strlen(gap)) == 0)
            take_gap(checker, client, frame);
        else if (strncmp(frame, ok, strlen(ok)) == 0)
            take_answer(checker, client, true, frame);
        else if (strncmp(frame, error, strlen(error)) == 0)
            take_answer(checker, client, false, frame);
        else if (strstr(frame, "\"welcome\"") == NULL)
            fail_msg("what frame is this? %s", frame);
    }
}

void checker_end(const struct checker *checker, const struct path *path,
                 const struct checker_client *client)
{
    assert_int_equal(client->count, 0);
    for (unsigned i = 0; i < CHECKER_GROUPS; i++) {
        const struct checker_group *group = &checker->groups[i];
        const struct checker_view *view = &client->views[i];
        struct cw_position tip = group->records[group->count - 1].position;
        if (view->is_member && cw_position_compare(view->cursor, tip) != 0)
            fail_msg("%s has stayed behind in %s: %llu-%llu of %llu-%llu", client->client->uuid,
                     group->name, POSITION(view->cursor), POSITION(tip));
        if (view->is_member != path_is_member(path, client->client, group->name) ||
            view->is_member != path_is_marked(path, client->client, group->name))
            fail_msg("%s in %s: it believes %d, members %d, mark %d", client->client->uuid,
                     group->name, view->is_member,
                     path_is_member(path, client->client, group->name),
                     path_is_marked(path, client->client, group->name));
    }
}
