/* chain.c - asking one middleware after the other, and what they say. */
#include "middleware/chain.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/op.h"
#include "channel/stream.h"
#include "channel/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_AGAIN_MS 1000

struct cw_step {
    struct cw_channel *channel;
    const struct cw_command *command;       /* of an operation */
    const struct cw_event_details *details; /* of a payload that is refused; NULL: none */
    struct cw_wait *wait;                   /* NULL: not asked for */
    bool is_connect;
    struct cw_outcome outcome;
};

int cw_chain_add(struct cw_chain *chain, const struct cw_middleware *middleware)
{
    struct cw_middleware *items =
        realloc(chain->items, (chain->count + 1) * sizeof(struct cw_middleware));
    if (items == NULL)
        return CW_ERR_NOMEM;
    chain->items = items;
    chain->items[chain->count++] = *middleware;
    chain->asked_about_ops += middleware->on_operation != NULL;
    return CW_OK;
}

void cw_chain_set_operation(struct cw_chain *chain, size_t index, cw_operation_fn on_operation)
{
    struct cw_middleware *item = &chain->items[index];
    chain->asked_about_ops -= item->on_operation != NULL;
    chain->asked_about_ops += on_operation != NULL;
    item->on_operation = on_operation;
}

void cw_chain_finish(struct cw_chain *chain)
{
    while (chain->count > 0) {
        const struct cw_middleware *last = &chain->items[--chain->count];
        if (last->destroy != NULL)
            last->destroy(last->arg);
    }
    free(chain->items);
    chain->items = NULL;
}

/* --- what a middleware says ------------------------------------------------------------------- */

static void set_close(struct cw_outcome *outcome, int code, const char *reason, int64_t retry_ms)
{
    *outcome = (struct cw_outcome){.is_close = true, .code = code, .retry_ms = retry_ms};
    (void)snprintf(outcome->text, sizeof(outcome->text), "%s", reason == NULL ? "" : reason);
}

static void set_error(struct cw_outcome *outcome, int error, const char *message, int64_t retry_ms)
{
    *outcome = (struct cw_outcome){.error = error, .retry_ms = retry_ms};
    (void)snprintf(outcome->text, sizeof(outcome->text), "%s", message == NULL ? "" : message);
}

enum cw_verdict cw_step_close(struct cw_step *step, int code, const char *reason, int64_t retry_ms)
{
    set_close(&step->outcome, code, reason, retry_ms);
    return CW_REJECT;
}

enum cw_verdict cw_step_fail(struct cw_step *step, int error, const char *message, int64_t retry_ms)
{
    set_error(&step->outcome, error, message, retry_ms);
    return CW_REJECT;
}

const struct cw_command *cw_step_command(const struct cw_step *step)
{
    return step->command;
}

enum cw_verdict cw_step_refuse_payload(struct cw_step *step, const char *message,
                                       const struct cw_event_details *details)
{
    step->details = details;
    return cw_step_fail(step, CW_ERR_PAYLOAD, message, -1);
}

struct cw_wait *cw_step_wait(struct cw_step *step)
{
    if (step->wait == NULL)
        step->wait = calloc(1, sizeof(*step->wait));
    if (step->wait != NULL) {
        step->wait->channel = step->channel;
        step->wait->is_connect = step->is_connect;
    }
    return step->wait;
}

/* The step was answered at once: PASS, or REJECT with its outcome. */
static enum cw_verdict settle(struct cw_step *step, enum cw_verdict verdict, const char *name)
{
    struct cw_wait *wait = step->wait;
    if (verdict == CW_WAIT && wait != NULL && !wait->is_decided) {
        wait->is_returned = true;
        return CW_WAIT;
    }
    if (verdict == CW_WAIT && wait != NULL) {
        step->outcome = wait->outcome;
        verdict = step->outcome.is_pass ? CW_PASS : CW_REJECT;
    } else if (verdict == CW_WAIT) {
        cw_log_error(cw_channel_log(step->channel), "middleware %s waits for nothing", name);
        set_error(&step->outcome, CW_ERR_INTERNAL, NULL, -1);
        verdict = CW_REJECT;
    } else if (verdict == CW_REJECT && !step->outcome.is_close && step->outcome.error == CW_OK) {
        set_error(&step->outcome, CW_ERR_FORBIDDEN, NULL, -1);
    }
    free(wait);
    step->wait = NULL;
    return verdict;
}

static void close_channel(struct cw_channel *channel, const struct cw_outcome *outcome)
{
    cw_channel_close(channel, outcome->code, outcome->text[0] == '\0' ? NULL : outcome->text,
                     outcome->retry_ms);
}

/* --- connections ------------------------------------------------------------------------------ */

static void reject_connection(struct cw_channel *channel, const struct cw_outcome *outcome)
{
    if (outcome->is_close) {
        close_channel(channel, outcome);
        return;
    }
    int code = 1011;
    if (outcome->error == CW_ERR_UNAUTHENTICATED || outcome->error == CW_ERR_FORBIDDEN)
        code = 4001;
    else if (outcome->error == CW_ERR_RATE_LIMITED)
        code = 4002;
    const char *text = outcome->text[0] == '\0' ? cw_error_text(outcome->error) : outcome->text;
    cw_channel_close(channel, code, text, outcome->retry_ms);
}

static bool admit_from(struct cw_channel *channel, size_t first)
{
    const struct cw_chain *chain = channel->node->chain;
    for (size_t i = first; i < chain->count; i++) {
        const struct cw_middleware *item = &chain->items[i];
        struct cw_step step = {.channel = channel, .is_connect = true};
        if (item->on_connect == NULL)
            continue;
        enum cw_verdict verdict =
            settle(&step, item->on_connect(item->arg, channel, &step), item->name);
        if (channel->state == CW_CHANNEL_CLOSING) { /* it closed the channel by hand */
            cw_wait_drop(step.wait);
            return false;
        }
        if (verdict == CW_REJECT)
            reject_connection(channel, &step.outcome);
        if (verdict == CW_WAIT) {
            channel->wait = step.wait;
            step.wait->next = i + 1;
            step.wait->until_ms = cw_clock_ms() + channel->node->limits.op_timeout_ms;
            if (!step.wait->is_patient)
                cw_list_push_back(&channel->node->waits, &step.wait->in_waits);
        }
        if (verdict != CW_PASS)
            return false;
    }
    return true;
}

bool cw_chain_admit(struct cw_channel *channel)
{
    return admit_from(channel, 0);
}

void cw_chain_expire(struct cw_node *node)
{
    int64_t now_ms = cw_clock_ms();
    struct cw_list_node *first;
    while ((first = cw_list_first(&node->waits)) != NULL) {
        struct cw_wait *wait = CW_CONTAINER(first, struct cw_wait, in_waits);
        struct cw_channel *channel = wait->channel;
        if (wait->until_ms > now_ms)
            return;
        cw_wait_detach(wait);
        cw_channel_close(channel, 1013, "it can't be said in time whether you may come in",
                         TRY_AGAIN_MS);
    }
}

/* --- operations ------------------------------------------------------------------------------- */

/* `details`: what cw_step_refuse_payload() was given, or NULL. */
static void reject_op(struct cw_channel *channel, struct cw_op *op,
                      const struct cw_outcome *outcome, const struct cw_event_details *details)
{
    struct cw_event_error error = {.error = outcome->is_close ? CW_ERR_FORBIDDEN : outcome->error,
                                   .message = outcome->text[0] == '\0' ? NULL : outcome->text,
                                   .retry_ms = outcome->retry_ms,
                                   .details = details};
    if (outcome->is_close)
        close_channel(channel, outcome);
    (void)cw_op_finish_error(op, &error);
    if (details == NULL)
        return;
    cw_events_error(channel, error.error, error.message);
    cw_stream_error(channel, error.error, error.message);
}

bool cw_chain_allow(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op,
                    bool is_binary, struct cw_bytes frame)
{
    const struct cw_chain *chain = channel->node->chain;
    if (chain == NULL || chain->asked_about_ops == 0 || op->checked >= chain->count)
        return true;
    const struct cw_message message = {.type = command->payload_type,
                                       .payload = command->payload,
                                       .from = cw_bytes_text(channel->uuid),
                                       .group = command->group,
                                       .key = command->key,
                                       .skips_sender = command->skips_sender};
    bool has_payload =
        command->op == CW_OP_PUBLISH || command->op == CW_OP_SEND || command->op == CW_OP_MESSAGE;
    const struct cw_operation operation = {.name = cw_op_name(command->op),
                                           .group = command->group,
                                           .to = command->to,
                                           .key = command->key,
                                           .message = has_payload ? &message : NULL};
    for (size_t i = op->checked; i < chain->count; i++) {
        const struct cw_middleware *item = &chain->items[i];
        struct cw_step step = {.channel = channel, .command = command};
        if (item->on_operation == NULL)
            continue;
        enum cw_verdict verdict =
            settle(&step, item->on_operation(item->arg, channel, &operation, &step), item->name);
        if (channel->state == CW_CHANNEL_CLOSING) {
            cw_wait_detach(step.wait);
            (void)cw_op_finish(op, CW_ERR_FORBIDDEN);
            return false;
        }
        if (verdict == CW_WAIT && cw_op_hold(op, is_binary, frame) != CW_OK) {
            cw_wait_detach(step.wait);
            set_error(&step.outcome, CW_ERR_NOMEM, NULL, -1);
            verdict = CW_REJECT;
        }
        if (verdict == CW_REJECT)
            reject_op(channel, op, &step.outcome, step.details);
        if (verdict == CW_WAIT) {
            channel->wait = step.wait;
            step.wait->next = i + 1;
        }
        if (verdict != CW_PASS)
            return false;
    }
    return true;
}

/* --- later ------------------------------------------------------------------------------------ */

static void go_on(struct cw_wait *wait, struct cw_channel *channel)
{
    const struct cw_outcome *outcome = &wait->outcome;
    struct cw_op *op = channel->held;
    if (wait->is_connect && outcome->is_pass) {
        if (admit_from(channel, wait->next))
            cw_channel_admit(channel);
    } else if (wait->is_connect) {
        reject_connection(channel, outcome);
    } else if (outcome->is_pass) {
        op->checked = (uint32_t)wait->next;
        cw_op_release(op);
    } else {
        reject_op(channel, op, outcome, NULL);
        cw_op_run_waiting(channel);
    }
}

static void decide(struct cw_wait *wait)
{
    struct cw_channel *channel = wait->channel;
    wait->is_decided = true;
    if (!wait->is_returned)
        return; /* the chain looks when the middleware has returned */
    cw_wait_detach(wait);
    if (channel != NULL && channel->state != CW_CHANNEL_CLOSING)
        go_on(wait, channel);
    free(wait);
}

void cw_wait_next(struct cw_wait *wait)
{
    wait->outcome = (struct cw_outcome){.is_pass = true};
    decide(wait);
}

void cw_wait_close(struct cw_wait *wait, int code, const char *reason, int64_t retry_ms)
{
    set_close(&wait->outcome, code, reason, retry_ms);
    decide(wait);
}

void cw_wait_fail(struct cw_wait *wait, int error, const char *message, int64_t retry_ms)
{
    set_error(&wait->outcome, error, message, retry_ms);
    decide(wait);
}

struct cw_channel *cw_wait_channel(const struct cw_wait *wait)
{
    return wait->channel;
}
