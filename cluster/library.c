/* library.c - one step after the other, each answered before the next is sent. */
#include "library.h"

#include "cw_chanway_lua.h"
#include "names.h"
#include "redis_link.h"

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct preparation {
    struct cw_redis_request request;
    struct cw_redis_link *link;
    struct cw_log_object log;
    const char *prefix;
    const char *probe;
    cw_library_fn fn;
    void *arg;
};

/* The one place that knows the version is the library itself: "local VERSION = N". */
static long long library_version(void)
{
    static const char word[] = "local VERSION = ";
    const char *at = strstr(cw_chanway_lua, word);
    return at == NULL ? 0 : strtoll(at + sizeof(word) - 1, NULL, 10);
}

static void end(struct preparation *preparation, const char *why)
{
    struct preparation last = *preparation;
    free(preparation);
    last.fn(last.arg, why);
}

/* Where it can't be sent the link is going: nobody is told more than that. */
static void send_step(struct preparation *preparation,
                      void (*on_reply)(struct cw_redis_request *, int, const redisReply *),
                      const struct cw_bytes *args, size_t count)
{
    preparation->request.on_reply = on_reply;
    if (cw_redis_link_call(preparation->link, &preparation->request, args, count) != CW_OK)
        free(preparation);
}

/* A node that may read but not write would be ready and useless: its first write shows it. */
static void on_probed(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct preparation *preparation = (struct preparation *)request;
    if (reply == NULL)
        free(preparation);
    else
        end(preparation, rc == CW_OK ? NULL : reply->str);
}

static void probe_writing(struct preparation *preparation)
{
    char nodes[CW_KEY_MAX];
    (void)snprintf(nodes, sizeof(nodes), "%s:nodes", preparation->prefix);
    struct cw_bytes unlist[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_list"),
                                cw_bytes_text("1"), cw_bytes_text(nodes),
                                cw_bytes_text("probe.00000000")};
    if (preparation->probe == NULL) {
        send_step(preparation, on_probed, unlist, 5);
        return;
    }
    struct cw_bytes del[] = {cw_bytes_text("DEL"), cw_bytes_text(preparation->probe)};
    send_step(preparation, on_probed, del, 2);
}

static void on_loaded(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct preparation *preparation = (struct preparation *)request;
    if (reply == NULL) {
        free(preparation);
    } else if (rc != CW_OK) {
        char why[160];
        (void)snprintf(why, sizeof(why), "FUNCTION LOAD was refused: %.120s", reply->str);
        end(preparation, why);
    } else {
        cw_log_info(preparation->log, "function library version %lld loaded", library_version());
        probe_writing(preparation);
    }
}

static void on_version(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct preparation *preparation = (struct preparation *)request;
    if (reply == NULL) {
        free(preparation);
    } else if (rc == CW_OK && reply->type == REDIS_REPLY_INTEGER &&
               reply->integer >= library_version()) {
        probe_writing(preparation);
    } else if (rc != CW_OK &&
               strcmp(reply->str, CW_REDIS_NO_FUNCTION) != 0) { /* LOADING, no permission, ... */
        end(preparation, reply->str);
    } else {
        struct cw_bytes args[] = {cw_bytes_text("FUNCTION"), cw_bytes_text("LOAD"),
                                  cw_bytes_text("REPLACE"),
                                  cw_bytes_make(cw_chanway_lua, cw_chanway_lua_size)};
        send_step(preparation, on_loaded, args, 4);
    }
}

void cw_library_prepare(struct cw_redis_link *link, struct cw_log_object log, const char *prefix,
                        const char *probe, cw_library_fn fn, void *arg)
{
    struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"), cw_bytes_text("cw_version"),
                              cw_bytes_text("0")};
    struct preparation *preparation = calloc(1, sizeof(*preparation));
    if (preparation == NULL) {
        fn(arg, "out of memory");
        return;
    }
    preparation->link = link;
    preparation->log = log;
    preparation->prefix = prefix;
    preparation->probe = probe;
    preparation->fn = fn;
    preparation->arg = arg;
    send_step(preparation, on_version, args, 3);
}
