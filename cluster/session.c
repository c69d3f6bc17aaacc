/* session.c - the calls about sessions; see the header. */
#include "session.h"

#include "functions.h"
#include "names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 24

struct session_call {
    union {
        cw_session_fn found;
        cw_taken_fn taken;
    } fn;
    void *arg;
};

static struct cw_bytes text_or_empty(const char *text)
{
    return text == NULL ? cw_bytes_make("", 0) : cw_bytes_text(text);
}

/* Digits of an answer, which its caller has checked to be short; 0 if they are none. */
static uint64_t number_of(struct cw_bytes text)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)text.size, text.data);
    return strtoull(digits, NULL, 10);
}

/* The call takes the struct if it is sent. */
static int send_call(struct cw_endpoints *endpoints, const struct cw_bytes *args, size_t count,
                     cw_strings_fn fn, const struct session_call *call)
{
    struct session_call *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return CW_ERR_NOMEM;
    *copy = *call;
    int rc = cw_functions_strings(endpoints, args, count, fn, copy);
    if (rc != CW_OK)
        free(copy);
    return rc;
}

/* {type, created, expires, node}, or nothing */

static bool read_type(struct cw_bytes text, enum cw_payload_type *ret_type)
{
    static const char *const types[] = {"json", "text", "bytes"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!cw_bytes_is(text, types[i]))
            continue;
        *ret_type = (enum cw_payload_type)i;
        return true;
    }
    return false;
}

static void on_found(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct session_call call = *(struct session_call *)arg;
    struct cw_session session = {0};
    free(arg);
    if (rc == CW_OK && count == 0) {
        rc = CW_ERR_NOT_FOUND;
    } else if (rc == CW_OK) {
        if (count != 4 || !read_type(strings[0], &session.type))
            rc = CW_ERR_INTERNAL;
        else {
            session.created_ms = (int64_t)number_of(strings[1]);
            session.expires_s = (int64_t)number_of(strings[2]);
        }
    }
    call.fn.found(call.arg, rc, &session);
}

int cw_session_find(struct cw_endpoints *endpoints, const char *channel_key, struct cw_bytes digest,
                    const char *user, cw_session_fn fn, void *arg)
{
    const struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"),
                                    cw_bytes_text("cw_node_session"),
                                    cw_bytes_text("1"),
                                    cw_bytes_text(channel_key),
                                    digest,
                                    text_or_empty(user)};
    const struct session_call call = {.fn.found = fn, .arg = arg};
    return send_call(endpoints, args, sizeof(args) / sizeof(args[0]), on_found, &call);
}

/* {generation, node before, epoch, offset, direct, group, position, ...}, or nothing */

static int read_taken(const struct cw_bytes *strings, size_t count, uint64_t *ret_generation,
                      struct cw_resumed *ret_resumed)
{
    static struct cw_written groups[CW_FUNCTIONS_STRINGS_MAX / 2];
    if (count == 0)
        return CW_ERR_NOT_FOUND;
    if (count < 5 || count % 2 == 0)
        return CW_ERR_INTERNAL;
    struct cw_bytes direct = strings[4];
    ret_resumed->is_direct_known = direct.size == 0 || direct.data[0] != '?';
    if (!ret_resumed->is_direct_known)
        direct = cw_bytes_make(direct.data + 1, direct.size - 1);
    if (!cw_position_parse(direct, &ret_resumed->direct))
        return CW_ERR_INTERNAL;
    for (size_t i = 5; i < count; i += 2) {
        struct cw_written *group = &groups[ret_resumed->group_count++];
        group->group = strings[i];
        group->is_known = cw_position_parse(strings[i + 1], &group->position);
    }
    ret_resumed->groups = groups;
    *ret_generation = number_of(strings[0]);
    return *ret_generation > 0 ? CW_OK : CW_ERR_INTERNAL;
}

static void on_taken(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct session_call call = *(struct session_call *)arg;
    struct cw_resumed resumed = {0};
    uint64_t generation = 0;
    free(arg);
    if (rc == CW_OK)
        rc = read_taken(strings, count, &generation, &resumed);
    call.fn.taken(call.arg, rc, generation, &resumed);
}

int cw_session_take(struct cw_endpoints *endpoints, const struct cw_taking *taking, cw_taken_fn fn,
                    void *arg)
{
    struct cw_bytes args[9 + FIELDS_MAX] = {
        cw_bytes_text("FCALL"),
        cw_bytes_text("cw_node_resume"),
        cw_bytes_text("1"),
        cw_bytes_text(taking->channel_key),
        cw_bytes_text(taking->node),
        taking->digest,
        taking->new_digest,
        text_or_empty(taking->user),
        cw_bytes_text(taking->inbox_limits),
    };
    if (taking->field_count > FIELDS_MAX)
        return CW_ERR_INTERNAL;
    memcpy(args + 9, taking->fields, taking->field_count * sizeof(args[0]));
    const struct session_call call = {.fn.taken = fn, .arg = arg};
    return send_call(endpoints, args, 9 + taking->field_count, on_taken, &call);
}

void cw_session_settle(struct cw_endpoints *endpoints, const char *channel_key, const char *node,
                       uint64_t generation)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%" PRIu64, generation);
    const struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_settle"),
                                    cw_bytes_text("1"),     cw_bytes_text(channel_key),
                                    cw_bytes_text(node),    cw_bytes_text(digits)};
    /* Without it the token before ends a few seconds later. */
    (void)cw_functions_command(endpoints, args, sizeof(args) / sizeof(args[0]), NULL, NULL);
}

struct cw_departure *cw_departure_create(const struct cw_leaving *leaving)
{
    size_t count = 1 + 2 * leaving->group_count;
    size_t bytes = CW_POSITION_TEXT_SIZE * (1 + leaving->group_count);
    for (size_t i = 0; i < leaving->group_count; i++)
        bytes += leaving->groups[i].group.size;
    struct cw_departure *departure =
        malloc(sizeof(*departure) + count * sizeof(departure->words[0]) + bytes);
    if (departure == NULL)
        return NULL;
    departure->resume_s = leaving->resume_s;
    departure->fn = leaving->fn;
    departure->arg = leaving->arg;
    departure->count = count;
    char *at = (char *)(departure->words + count);
    departure->words[0] = cw_bytes_make(at, cw_position_write(at, leaving->direct));
    at += CW_POSITION_TEXT_SIZE;
    for (size_t i = 0; i < leaving->group_count; i++) {
        const struct cw_written *group = &leaving->groups[i];
        size_t size = group->is_known ? cw_position_write(at, group->position) : 0;
        departure->words[2 + 2 * i] = cw_bytes_make(at, size);
        at += CW_POSITION_TEXT_SIZE;
        memcpy(at, group->group.data, group->group.size);
        departure->words[1 + 2 * i] = cw_bytes_make(at, group->group.size);
        at += group->group.size;
    }
    return departure;
}

void cw_departure_end(struct cw_departure *departure, int rc)
{
    if (departure == NULL)
        return;
    cw_done_fn fn = departure->fn;
    void *arg = departure->arg;
    free(departure);
    if (fn != NULL)
        fn(arg, rc);
}
