/*
 * slower.c - makes a node some 10 % dearer per delivery, to see that test_cost.py finds it.
 *
 * Linked around the product's own objects (--wrap), which know nothing of it.
 */
#include "channel/outbox.h"

#define ROUNDS 16 /* of about five instructions */

/* The linker's names. */
int __real_cw_outbox_push(struct cw_outbox *outbox, struct cw_buf *frame, size_t limit_bytes);
int __wrap_cw_outbox_push(struct cw_outbox *outbox, struct cw_buf *frame, size_t limit_bytes);

int __wrap_cw_outbox_push(struct cw_outbox *outbox, struct cw_buf *frame, size_t limit_bytes)
{
    for (volatile int i = 0; i < ROUNDS;)
        i = i + 1;
    return __real_cw_outbox_push(outbox, frame, limit_bytes);
}
