/* fake_limits.c - a hash for the seats, one for the stamps of those that were let in. */
#include "loop/fake_limits.h"

#include "loop/fake_commands.h"
#include "loop/fake_reply.h"

#include <stdio.h>
#include <stdlib.h>

static size_t count_of(const struct fake_store *store, struct cw_bytes key)
{
    const struct fake_hash *hash = fake_hash_find(store, key);
    return hash == NULL ? 0 : hash->fields.count;
}

static long number_of(struct cw_bytes text)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)text.size, text.data);
    return strtol(digits, NULL, 10);
}

static redisReply *pair(const char *word, struct cw_bytes more)
{
    redisReply *reply = fake_reply_array();
    fake_reply_add(reply, fake_reply_text(cw_bytes_text(word)));
    fake_reply_add(reply, fake_reply_text(more));
    return reply;
}

static redisReply *refusal(const char *word, int ms)
{
    char digits[16];
    (void)snprintf(digits, sizeof(digits), "%d", ms);
    return pair(word, cw_bytes_text(digits));
}

/* key uuid ttl max rate window */
static redisReply *admit(struct fake_store *store, const struct cw_bytes *args,
                         struct cw_bytes rates)
{
    static unsigned last_stamp;
    long max = number_of(args[3]);
    long rate = number_of(args[4]);
    char stamp[16] = "";
    if (max > 0 && count_of(store, args[0]) >= (size_t)max &&
        fake_hash_get(store, args[0], args[1]) == NULL)
        return refusal("full", FAKE_SEAT_WAIT_MS);
    if (rate > 0 && count_of(store, rates) >= (size_t)rate)
        return refusal("rate", FAKE_RATE_WAIT_MS);
    if (rate > 0) {
        (void)snprintf(stamp, sizeof(stamp), "%u", ++last_stamp);
        (void)fake_hash_set(store, rates, cw_bytes_text(stamp), cw_bytes_text(""));
    }
    if (max > 0)
        (void)fake_hash_set(store, args[0], args[1], cw_bytes_text(""));
    return pair("admitted", cw_bytes_text(stamp));
}

struct redisReply *fake_limits_run(struct fake_store *store, struct cw_bytes function,
                                   const struct cw_bytes *args, size_t count)
{
    char key[200];
    int size =
        count == 0 ? 0 : snprintf(key, sizeof(key), "%.*s:r", (int)args[0].size, args[0].data);
    struct cw_bytes rates = cw_bytes_make(key, (size_t)size);
    if (cw_bytes_is(function, "cw_node_admit") && count == 6)
        return admit(store, args, rates);
    if (cw_bytes_is(function, "cw_node_seats") && count >= 3) {
        for (size_t i = 2; i < count; i++)
            (void)fake_hash_set(store, args[0], args[i], cw_bytes_text(""));
        return fake_reply_integer(1);
    }
    if (cw_bytes_is(function, "cw_node_unseat") && count == 3) {
        (void)fake_hash_unset(store, rates, args[1]);
        return fake_reply_integer(fake_hash_unset(store, args[0], args[2]));
    }
    return NULL;
}
