/*
 * op.c - answers in order, deadlines, and ops that wait behind a join; see the header for the
 * states.
 */
#include "channel/op.h"

#include "base/clock.h"
#include "base/stats.h"
#include "channel/members.h"
#include "channel/wait.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Freed when neither its channel's queue nor a caller has it. */
static void free_if_done(struct cw_op *op)
{
    if (op->has_caller || cw_list_is_linked(&op->in_channel))
        return;
    cw_list_remove(&op->in_deadlines);
    (void)cw_buf_unref(op->reply);
    (void)cw_buf_unref(op->frame);
    free(op);
}

static void update_pause(struct cw_channel *channel)
{
    size_t max = channel->node->limits.max_pending_ops;
    bool is_full = channel->op_count >= max;
    bool is_low = channel->op_count <= max / 2;
    if (channel->state != CW_CHANNEL_OPEN || (channel->is_paused ? !is_low : !is_full))
        return;
    channel->is_paused = !channel->is_paused;
    if (channel->is_paused)
        CW_STAT(client_input_paused_total)++;
    channel->node->transport->pause_reading(channel, channel->is_paused);
}

static struct cw_op *push_op(struct cw_channel *channel, const struct cw_command_id *id)
{
    struct cw_op *op = calloc(1, sizeof(*op));
    if (op == NULL)
        return NULL;
    op->channel = channel;
    if (id != NULL)
        op->id = *id;
    cw_list_push_back(&channel->ops, &op->in_channel);
    channel->op_count++;
    return op;
}

struct cw_op *cw_op_create(struct cw_channel *channel, const struct cw_command *command)
{
    struct cw_op *op = push_op(channel, &command->id);
    if (op == NULL)
        return NULL;
    op->state = CW_OP_RUNNING;
    op->has_caller = true;
    op->deadline_ms = cw_clock_ms() + channel->node->limits.op_timeout_ms;
    op->has_since = command->has_since;
    op->since = command->since;
    if (command->group.size > 0)
        memcpy(op->group, command->group.data, command->group.size);
    cw_list_push_back(&channel->node->deadlines, &op->in_deadlines);
    update_pause(channel);
    return op;
}

/* Counted always; a raw channel is told of nothing but bad payloads, and one of bytes not of these:
 * a text frame would be none of its payloads. */
static struct cw_buf *error_frame(struct cw_channel *channel, const struct cw_command_id *id,
                                  const struct cw_event_error *error)
{
    bool is_mute = channel->kind == CW_KIND_RAW && channel->type == CW_PAYLOAD_BYTES;
    CW_STAT(errors_total)[cw_stats_error_index(error->error)]++;
    struct cw_buf *frame = is_mute ? NULL : cw_event_error((enum cw_kind)channel->kind, id, error);
    if (frame == NULL && channel->kind == CW_KIND_RAW)
        CW_STAT(raw_errors_total)++;
    return frame;
}

static struct cw_buf *ok_frame(const struct cw_op *op, const struct cw_event_ok *ok)
{
    if (op->id.type == CW_ID_NONE)
        return NULL;
    return cw_event_ok((enum cw_kind)op->channel->kind, &op->id, ok);
}

static struct cw_buf *answer_in_turn(const struct cw_op *op)
{
    struct cw_event_ok ok = {0};
    struct cw_event_error error = {.error = op->answer(op->answer_arg, &ok), .retry_ms = -1};
    return error.error == CW_OK ? ok_frame(op, &ok) : error_frame(op->channel, &op->id, &error);
}

/* Sends the answers of DONE ops from the front of the queue. */
static void send_answers(struct cw_channel *channel)
{
    struct cw_list_node *node;
    bool has_begun = false; /* something that others may wait for */
    while ((node = cw_list_first(&channel->ops)) != NULL) {
        struct cw_op *op = CW_CONTAINER(node, struct cw_op, in_channel);
        if (op->state != CW_OP_DONE)
            break;
        cw_list_remove(node);
        channel->op_count--;
        if (op->answer != NULL) {
            op->reply = answer_in_turn(op);
            has_begun = true;
        }
        op->channel = NULL;
        cw_channel_send_new_frame(channel, op->reply);
        op->reply = NULL;
        free_if_done(op);
    }
    update_pause(channel);
    if (has_begun)
        cw_op_run_waiting(channel);
}

static void settle(struct cw_op *op, struct cw_buf *reply)
{
    if (op->state == CW_OP_WAITING)
        op->channel->waiting_count--;
    if (op->channel->held == op) {
        op->channel->held = NULL;
        cw_wait_detach(op->channel->wait);
    }
    op->state = CW_OP_DONE;
    op->reply = reply;
    op->frame = cw_buf_unref(op->frame);
    cw_list_remove(&op->in_deadlines);
}

static void give_answer(struct cw_op *op, struct cw_buf *frame)
{
    struct cw_channel *channel = op->channel;
    settle(op, frame);
    if (!op->is_aside) {
        send_answers(channel);
        return;
    }
    cw_list_remove(&op->in_channel);
    channel->op_count--;
    op->channel = NULL;
    op->reply = NULL;
    cw_channel_send_new_frame(channel, frame);
    free_if_done(op);
    update_pause(channel);
}

bool cw_op_finish_frame(struct cw_op *op, struct cw_buf *frame)
{
    op->has_caller = false;
    if (op->channel == NULL || op->state == CW_OP_DONE) {
        (void)cw_buf_unref(frame);
        free_if_done(op);
        return false;
    }
    give_answer(op, frame);
    return true;
}

static void step_aside(struct cw_op *op)
{
    op->is_aside = true;
    cw_list_remove(&op->in_deadlines);
    cw_list_remove(&op->in_channel);
    cw_list_push_back(&op->channel->aside, &op->in_channel);
}

void cw_op_step_aside(struct cw_op *op)
{
    struct cw_channel *channel = op->channel;
    step_aside(op);
    struct cw_list_node *node = cw_list_first(&channel->ops);
    while (node != NULL) { /* what follows in its group */
        struct cw_op *later = CW_CONTAINER(node, struct cw_op, in_channel);
        node = cw_list_next(&channel->ops, node);
        if (later->state == CW_OP_WAITING && strcmp(later->group, op->group) == 0)
            step_aside(later);
    }
    send_answers(channel);
}

void cw_op_abandon(struct cw_op *op)
{
    if (op == NULL)
        return;
    op->channel = NULL;
    op->has_caller = false;
    free_if_done(op);
}

bool cw_op_is_over(const struct cw_op *op)
{
    return op->channel == NULL || op->state == CW_OP_DONE;
}

bool cw_op_finish_ok(struct cw_op *op, const struct cw_event_ok *ok)
{
    return cw_op_finish_frame(op, op->channel == NULL ? NULL : ok_frame(op, ok));
}

bool cw_op_finish_error(struct cw_op *op, const struct cw_event_error *error)
{
    struct cw_buf *frame = NULL;
    if (op->channel != NULL && op->state != CW_OP_DONE)
        frame = error_frame(op->channel, &op->id, error);
    return cw_op_finish_frame(op, frame);
}

bool cw_op_finish_in_turn(struct cw_op *op, cw_op_answer_fn answer, void *arg)
{
    if (op->channel != NULL && op->state != CW_OP_DONE) {
        op->answer = answer;
        op->answer_arg = arg;
    }
    return cw_op_finish_frame(op, NULL);
}

void cw_op_drop_answer(struct cw_channel *channel, const void *arg, int rc)
{
    const struct cw_event_error error = {.error = rc, .retry_ms = -1};
    for (struct cw_list_node *n = cw_list_first(&channel->ops); n != NULL;
         n = cw_list_next(&channel->ops, n)) {
        struct cw_op *op = CW_CONTAINER(n, struct cw_op, in_channel);
        if (op->answer == NULL || op->answer_arg != arg)
            continue;
        op->answer = NULL;
        op->reply = error_frame(channel, &op->id, &error);
    }
}

bool cw_op_finish(struct cw_op *op, int rc)
{
    static const struct cw_event_ok ok = {0};
    struct cw_event_error error = {.error = rc, .retry_ms = -1};
    return rc == CW_OK ? cw_op_finish_ok(op, &ok) : cw_op_finish_error(op, &error);
}

void cw_op_answer(struct cw_channel *channel, struct cw_buf *frame)
{
    struct cw_op *op = NULL;
    if (!cw_list_is_empty(&channel->ops)) {
        op = push_op(channel, NULL);
        if (op == NULL) {
            (void)cw_buf_unref(frame);
            cw_channel_close(channel, 1011, "out of memory", 0);
            return;
        }
        op->state = CW_OP_DONE;
        op->reply = frame;
        update_pause(channel);
        return;
    }
    cw_channel_send_new_frame(channel, frame);
}

void cw_op_answer_error(struct cw_channel *channel, const struct cw_command_id *id,
                        const struct cw_event_error *error)
{
    cw_op_answer(channel, error_frame(channel, id, error));
}

/* Waiting behind a join or leave. */

static bool has_waiting(const struct cw_list *list, struct cw_bytes group)
{
    for (struct cw_list_node *n = cw_list_first(list); n != NULL; n = cw_list_next(list, n)) {
        const struct cw_op *op = CW_CONTAINER(n, struct cw_op, in_channel);
        if (op->state == CW_OP_WAITING && cw_bytes_is(group, op->group))
            return true;
    }
    return false;
}

bool cw_op_has_to_wait(const struct cw_channel *channel, struct cw_bytes group)
{
    if (channel->state == CW_CHANNEL_OPENING || channel->held != NULL)
        return true;
    if (group.size == 0)
        return false;
    const struct cw_member *member = cw_member_find(channel, group);
    if (member != NULL && member->state != CW_MEMBER_JOINED)
        return true;
    return channel->waiting_count > 0 &&
           (has_waiting(&channel->ops, group) || has_waiting(&channel->aside, group));
}

/* Without a caller until it is run again. */
static int put_off(struct cw_op *op, bool is_binary, struct cw_bytes frame)
{
    op->frame = cw_buf_copy(frame);
    if (op->frame == NULL)
        return CW_ERR_NOMEM;
    op->is_binary = is_binary;
    op->state = CW_OP_WAITING;
    op->has_caller = false;
    op->channel->waiting_count++;
    return CW_OK;
}

int cw_op_hold(struct cw_op *op, bool is_binary, struct cw_bytes frame)
{
    int rc = put_off(op, is_binary, frame);
    if (rc == CW_OK)
        op->channel->held = op;
    return rc;
}

int cw_op_wait(struct cw_op *op, bool is_binary, struct cw_bytes frame)
{
    int rc = put_off(op, is_binary, frame);
    if (rc != CW_OK)
        return rc;
    const struct cw_member *member = cw_member_find(op->channel, cw_bytes_text(op->group));
    if (member != NULL && member->replay != NULL)
        step_aside(op);
    return CW_OK;
}

/* The first WAITING op whose group has no join or leave under way; those of one group stay in
 * order. */
static struct cw_op *find_runnable(const struct cw_channel *channel, const struct cw_list *list)
{
    for (struct cw_list_node *n = cw_list_first(list); n != NULL; n = cw_list_next(list, n)) {
        struct cw_op *op = CW_CONTAINER(n, struct cw_op, in_channel);
        if (op->state != CW_OP_WAITING)
            continue;
        const struct cw_member *member = cw_member_find(channel, cw_bytes_text(op->group));
        if (member == NULL || member->state == CW_MEMBER_JOINED)
            return op;
    }
    return NULL;
}

static void run_waiting_op(struct cw_op *op)
{
    struct cw_node *node = op->channel->node;
    op->channel->waiting_count--;
    op->state = CW_OP_RUNNING;
    op->has_caller = true;
    if (op->is_aside) { /* its time begins now */
        op->deadline_ms = cw_clock_ms() + node->limits.op_timeout_ms;
        cw_list_push_back(&node->deadlines, &op->in_deadlines);
    }
    node->run_waiting_op(op);
}

void cw_op_run_waiting(struct cw_channel *channel)
{
    while (channel->waiting_count > 0 && channel->state == CW_CHANNEL_OPEN &&
           channel->held == NULL) {
        struct cw_op *op = find_runnable(channel, &channel->aside);
        if (op == NULL)
            op = find_runnable(channel, &channel->ops);
        if (op == NULL)
            return;
        run_waiting_op(op);
    }
}

void cw_op_release(struct cw_op *op)
{
    struct cw_channel *channel = op->channel;
    channel->held = NULL;
    run_waiting_op(op);
    cw_op_run_waiting(channel);
}

/* Ends. */

void cw_wait_detach(struct cw_wait *wait)
{
    if (wait == NULL)
        return;
    if (wait->channel != NULL && wait->channel->wait == wait)
        wait->channel->wait = NULL;
    wait->channel = NULL;
    cw_list_remove(&wait->in_waits);
}

void cw_wait_drop(struct cw_wait *wait)
{
    cw_wait_detach(wait);
    if (wait != NULL && wait->is_patient)
        free(wait);
}

static void forget(struct cw_list *list)
{
    struct cw_list_node *node;
    while ((node = cw_list_pop_front(list)) != NULL) {
        struct cw_op *op = CW_CONTAINER(node, struct cw_op, in_channel);
        op->channel = NULL;
        cw_list_remove(&op->in_deadlines);
        free_if_done(op);
    }
}

void cw_op_forget_channel(struct cw_channel *channel)
{
    forget(&channel->ops);
    forget(&channel->aside);
    channel->op_count = 0;
    channel->waiting_count = 0;
    channel->held = NULL;
    cw_wait_drop(channel->wait);
}

void cw_op_expire(struct cw_node *node)
{
    int64_t now = cw_clock_ms();
    struct cw_list_node *first;
    while ((first = cw_list_first(&node->deadlines)) != NULL) {
        struct cw_op *op = CW_CONTAINER(first, struct cw_op, in_deadlines);
        struct cw_channel *channel = op->channel;
        assert(channel != NULL); /* a channel that goes takes its ops out of here */
        if (op->deadline_ms > now)
            break;
        bool was_handed_over = op->state == CW_OP_RUNNING;
        struct cw_event_error error = {
            .error = was_handed_over ? CW_ERR_TIMEOUT : CW_ERR_UNAVAILABLE, .retry_ms = -1};
        bool was_held = channel->held == op;
        give_answer(op, error_frame(channel, &op->id, &error));
        if (was_held)
            cw_op_run_waiting(channel);
    }
}
