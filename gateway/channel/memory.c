/*
 * memory.c - looks, and rounds of taking.
 *
 * What is measured is what the process holds of the system's memory, so what was freed has to be
 * given back before it is measured again. Giving back walks through the whole heap: the next round
 * comes ten times as long after one as that took, so that rounds take a tenth of the time at most.
 */
#include "channel/memory.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/node.h"
#include "channel/shed.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALM_MS 5000
/* A round is not worth a smaller queue. */
#define QUEUE_MIN    4096
#define PAUSE_FACTOR 10

/* --- looking --------------------------------------------------------------------------------- */

/* The second number of /proc/self/statm: resident pages. */
static size_t read_resident(struct cw_memory *memory)
{
    char text[128];
    if (memory->file == 0)
        memory->file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t size = memory->file > 0 ? pread(memory->file, text, sizeof(text) - 1, 0) : -1;
    if (size <= 0)
        return 0;
    text[size] = '\0';
    const char *second = strchr(text, ' ');
    return second != NULL ? strtoul(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static size_t measure(struct cw_memory *memory)
{
    size_t resident =
        memory->measure != NULL ? memory->measure(memory->measure_arg) : read_resident(memory);
    CW_STAT(node_memory_bytes) = (int64_t)resident;
    return resident;
}

static void give_back(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

/* --- taking ---------------------------------------------------------------------------------- */

struct queue {
    struct cw_channel *channel;
    size_t bytes;
};

/* What waits behind a full socket, without what the socket was handed. */
static size_t waiting_bytes(const struct cw_outbox *outbox)
{
    size_t bytes = outbox->bytes;
    if (outbox->flying == 0 || bytes < QUEUE_MIN)
        return 0;
    for (uint32_t i = 0; i < outbox->flying; i++)
        bytes -= cw_outbox_peek(outbox, i)->size;
    return bytes;
}

static int compare_queues(const void *a, const void *b)
{
    const struct queue *left = a;
    const struct queue *right = b;
    return (left->bytes < right->bytes) - (left->bytes > right->bytes);
}

/* The queues that are worth it, the largest first. NULL: no memory. */
static struct queue *find_queues(const struct cw_node *node, size_t *ret_count)
{
    size_t count = 0;
    struct queue *queues = malloc((node->count + 1) * sizeof(*queues));
    if (queues == NULL)
        return NULL;
    for (size_t i = 0; i < node->count; i++) {
        size_t bytes = waiting_bytes(&node->all[i]->outbox);
        if (bytes >= QUEUE_MIN)
            queues[count++] = (struct queue){node->all[i], bytes};
    }
    qsort(queues, count, sizeof(*queues), compare_queues);
    *ret_count = count;
    return queues;
}

/* What may go goes, else everything. Returns the bytes. */
static size_t take(struct cw_channel *channel)
{
    struct cw_outbox *outbox = &channel->outbox;
    size_t before = outbox->bytes;
    bool is_closing = channel->state == CW_CHANNEL_CLOSING;
    if (!is_closing && cw_shed_what_may(outbox) == CW_OK && before - outbox->bytes >= QUEUE_MIN) {
        cw_channel_on_shed(channel);
        return before - outbox->bytes;
    }
    int rc = cw_shed_everything(outbox);
    size_t taken = before - outbox->bytes;
    if (rc != CW_OK)
        cw_log_warn(cw_channel_log(channel), "memory-max: no memory to say what it loses");
    if (!is_closing)
        cw_channel_close_slow(channel, before);
    return taken;
}

/* Nobody leaves the node's array here: closing only marks. */
static void take_from_largest(struct cw_node *node, size_t wanted)
{
    size_t count, taken = 0;
    struct queue *queues = find_queues(node, &count);
    if (queues == NULL)
        return;
    for (size_t i = 0; i < count && taken < wanted; i++) {
        taken += take(queues[i].channel);
        CW_STAT(memory_queues_dropped_total)++;
    }
    free(queues);
    CW_STAT(memory_dropped_bytes_total) += taken;
}

/* --- states ---------------------------------------------------------------------------------- */

static size_t low_mark(size_t max)
{
    return max - max / 16;
}

static void set_low(struct cw_memory *memory, bool is_low, size_t resident, size_t max)
{
    memory->calm_since_ms = 0;
    if (memory->is_low == is_low)
        return;
    memory->is_low = is_low;
    CW_STAT(node_memory_low) = is_low;
    if (is_low) {
        CW_STAT(memory_max_passed_total)++;
        cw_log_warn(cw_log_node(),
                    "memory: %zu KiB of memory-max %zu KiB: refusing new connections, the largest "
                    "queues go",
                    resident / 1024, max / 1024);
    } else {
        cw_log_info(cw_log_node(), "memory: %zu KiB of memory-max %zu KiB: as usual again",
                    resident / 1024, max / 1024);
    }
}

/* Above the ceiling: gives back, and takes if that is not enough. Returns what is held then. */
static size_t make_room(struct cw_node *node, size_t max)
{
    struct cw_memory *memory = &node->memory;
    int64_t begin_us = cw_clock_us();
    give_back();
    size_t resident = measure(memory);
    if (resident > max) {
        set_low(memory, true, resident, max);
        take_from_largest(node, resident - low_mark(max));
        give_back();
        resident = measure(memory);
    }
    int64_t end_us = cw_clock_us();
    memory->next_round_us = end_us + PAUSE_FACTOR * (end_us - begin_us);
    return resident;
}

void cw_memory_tick(struct cw_node *node)
{
    struct cw_memory *memory = &node->memory;
    size_t max = node->limits.memory_max;
    size_t resident = measure(memory);
    if (resident == 0 && max > 0 && !memory->is_blind) {
        memory->is_blind = true;
        cw_log_warn(cw_log_node(), "memory-max: /proc/self/statm can't be read: no ceiling");
    }
    if (max > 0 && resident > max && cw_clock_us() >= memory->next_round_us)
        resident = make_room(node, max);
    if (!memory->is_low)
        return;
    if (max > 0 && resident > max) {
        memory->calm_since_ms = 0;
        return;
    }
    int64_t now_ms = cw_clock_ms();
    if (memory->calm_since_ms == 0)
        memory->calm_since_ms = now_ms;
    if (max == 0 || resident <= low_mark(max) || now_ms - memory->calm_since_ms >= CALM_MS)
        set_low(memory, false, resident, max);
}

void cw_memory_finish(struct cw_memory *memory)
{
    if (memory->file > 0)
        close(memory->file);
    memory->file = -1;
}
