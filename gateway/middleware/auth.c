/* auth.c - at connect only: what an op may do is a branch in dispatch.c. */
#include "middleware/auth.h"

#include "channel/channel.h"
#include "channel/grants.h"
#include "channel/wait.h"
#include "middleware/token.h"

static enum cw_verdict on_connect(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    (void)arg;
    if (channel->grants == NULL && cw_tokens_are_required(channel->node->tokens)) {
        if (channel->kind == CW_KIND_RAW)
            return cw_step_close(step, 4001, "a token is required", -1);
        struct cw_wait *wait = cw_step_wait(step);
        if (wait == NULL)
            return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
        wait->is_patient = true;
        cw_channel_await_token(channel);
        return CW_WAIT;
    }
    /* A raw client is told of no error: it would wait in vain. */
    if (channel->grants != NULL && channel->publish_group != NULL &&
        !cw_grants_may_publish(channel->grants, cw_bytes_text(channel->publish_group)))
        return cw_step_close(step, 4001, "its token does not allow to publish there", -1);
    return CW_PASS;
}

const struct cw_middleware cw_auth_middleware = {.name = "token", .on_connect = on_connect};
