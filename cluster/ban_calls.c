/*
 * ban_calls.c - bans made and lifted from here, as administrators do it.
 */
#include <chanway/cluster.h>

#include "functions.h"
#include "names.h"
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>

int cw_cluster_ban(struct cw_cluster *cluster, struct cw_bytes who, int64_t seconds,
                   struct cw_bytes reason, cw_done_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    char digits[24];
    (void)snprintf(key, sizeof(key), "%s:bans", cluster->prefix);
    (void)snprintf(digits, sizeof(digits), "%" PRId64, seconds);
    const struct cw_bytes args[] = {cw_bytes_text("FCALL"),
                                    cw_bytes_text("cw_ban"),
                                    cw_bytes_text("1"),
                                    cw_bytes_text(key),
                                    who,
                                    cw_bytes_text(digits),
                                    reason};
    size_t count = sizeof(args) / sizeof(args[0]);
    return cw_functions_command(cluster->endpoints, args, reason.size > 0 ? count : count - 1, fn,
                                arg);
}

int cw_cluster_unban(struct cw_cluster *cluster, struct cw_bytes who, cw_done_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    (void)snprintf(key, sizeof(key), "%s:bans", cluster->prefix);
    const struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_unban"),
                                    cw_bytes_text("1"), cw_bytes_text(key), who};
    return cw_functions_command(cluster->endpoints, args, sizeof(args) / sizeof(args[0]), fn, arg);
}
