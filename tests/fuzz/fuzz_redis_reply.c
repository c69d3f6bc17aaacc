/*
 * fuzz_redis_reply.c - a byte that says in how large pieces the rest comes, then RESP: our replies
 * are those of hiredis, at the same bytes, and have the same errors. What of them is taken for the
 * map of a Redis Cluster has its bounds.
 */
#include "fuzz.h"
#include "redis_reply.h"
#include "slots.h"
#include "topology.h"

#include <hiredis/hiredis.h>

#define ELEMENTS_MAX 4096
#define RANGES_MAX   16

static void compare(const redisReply *own, const redisReply *theirs)
{
    fuzz_require(own->type == theirs->type);
    fuzz_require(own->integer == theirs->integer);
    fuzz_require(own->len == theirs->len && own->elements == theirs->elements);
    fuzz_require(memcmp(&own->dval, &theirs->dval, sizeof(own->dval)) == 0);
    fuzz_require(memcmp(own->vtype, theirs->vtype, sizeof(own->vtype)) == 0);
    fuzz_require((own->str == NULL) == (theirs->str == NULL));
    if (own->str != NULL)
        fuzz_require(memcmp(own->str, theirs->str, own->len + 1) == 0);
    for (size_t i = 0; i < own->elements; i++)
        compare(own->element[i], theirs->element[i]);
}

static void read_map(const redisReply *reply)
{
    struct cw_slot_range ranges[RANGES_MAX];
    int count = cw_topology_read(reply, ranges, RANGES_MAX);
    fuzz_require(count >= -1 && count <= RANGES_MAX);
    for (int i = 0; i < count; i++) {
        const char *host = ranges[i].host;
        fuzz_require(ranges[i].first <= ranges[i].last && ranges[i].last < CW_SLOTS);
        fuzz_require(ranges[i].port >= 1 && ranges[i].port <= 65535);
        fuzz_require(host == NULL || (strlen(host) >= 1 && strlen(host) <= 253));
    }
}

/* False: there is no reply yet, or there never will be one. */
static bool read_both(redisReader *own, redisReader *theirs)
{
    void *own_reply = NULL;
    void *their_reply = NULL;
    int rc = redisReaderGetReply(theirs, &their_reply);
    fuzz_require(redisReaderGetReply(own, &own_reply) == rc);
    fuzz_require(own->err == theirs->err && strcmp(own->errstr, theirs->errstr) == 0);
    fuzz_require((own_reply == NULL) == (their_reply == NULL));
    if (own_reply == NULL)
        return false;
    compare(own_reply, their_reply);
    read_map(own_reply);
    own->fn->freeObject(own_reply);
    theirs->fn->freeObject(their_reply);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes rest = cw_bytes_make(data, size);
    size_t step = fuzz_take_byte(&rest) + 1;
    redisReader *own = redisReaderCreate();
    redisReader *theirs = redisReaderCreate();
    fuzz_require(own != NULL && theirs != NULL);
    own->maxelements = ELEMENTS_MAX;
    theirs->maxelements = ELEMENTS_MAX;
    cw_redis_reply_attach(own);
    while (rest.size > 0 && theirs->err == 0) {
        size_t part = rest.size < step ? rest.size : step;
        fuzz_require(redisReaderFeed(own, rest.data, part) == REDIS_OK);
        fuzz_require(redisReaderFeed(theirs, rest.data, part) == REDIS_OK);
        rest = cw_bytes_make(rest.data + part, rest.size - part);
        while (read_both(own, theirs))
            ;
    }
    redisReaderFree(own);
    redisReaderFree(theirs);
    return 0;
}
