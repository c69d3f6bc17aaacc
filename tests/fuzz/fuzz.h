/*
 * fuzz.h - a fuzzer: one function that is given any bytes. What it asserts holds in every build.
 */
#ifndef CW_TESTS_FUZZ_H
#define CW_TESTS_FUZZ_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libFuzzer calls, and replay.c. `data` has exactly `size` bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program unless `condition` holds: the input is a finding. */
#define fuzz_require(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Ends the program: this can't be. */
#define fuzz_fail(what)                                                                            \
    do {                                                                                           \
        (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);                            \
        abort();                                                                                   \
    } while (0)

/* Reads every byte of a view, so that one that points nowhere is found. */
static inline void fuzz_touch(struct cw_bytes bytes)
{
    volatile unsigned sum = 0;
    for (size_t i = 0; i < bytes.size; i++)
        sum += (unsigned char)bytes.data[i];
    (void)sum;
}

/* `view` lies in `whole`; an empty one may be anywhere. */
static inline bool fuzz_is_within(struct cw_bytes view, struct cw_bytes whole)
{
    uintptr_t start = (uintptr_t)view.data;
    uintptr_t from = (uintptr_t)whole.data;
    return view.size == 0 ||
           (start >= from && view.size <= whole.size && start - from <= whole.size - view.size);
}

/* Takes what comes before `byte`, and the byte, off the front of `rest`; all of it without one. */
static inline struct cw_bytes fuzz_take(struct cw_bytes *rest, char byte)
{
    fuzz_require(rest->size <= PTRDIFF_MAX); /* what gcc does not know of it */
    const char *end = rest->size > 0 ? memchr(rest->data, byte, rest->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    struct cw_bytes taken = cw_bytes_make(rest->data, size);
    size_t used = end != NULL ? size + 1 : size;
    if (used > 0)
        *rest = cw_bytes_make(rest->data + used, rest->size - used);
    return taken;
}

/* Takes one byte; 0 at the end. */
static inline unsigned fuzz_take_byte(struct cw_bytes *rest)
{
    if (rest->size == 0)
        return 0;
    unsigned byte = (unsigned char)rest->data[0];
    *rest = cw_bytes_make(rest->data + 1, rest->size - 1);
    return byte;
}

/* A copy in memory of exactly its size, owned by the caller: an overread is seen. */
static inline char *fuzz_copy(struct cw_bytes bytes)
{
    fuzz_require(bytes.size <= PTRDIFF_MAX);
    char *memory = malloc(bytes.size > 0 ? bytes.size : 1);
    fuzz_require(memory != NULL);
    if (bytes.size > 0)
        memcpy(memory, bytes.data, bytes.size);
    return memory;
}

/* The same with a NUL behind it. */
static inline char *fuzz_copy_text(struct cw_bytes bytes)
{
    char *memory = malloc(bytes.size + 1);
    fuzz_require(memory != NULL);
    if (bytes.size > 0)
        memcpy(memory, bytes.data, bytes.size);
    memory[bytes.size] = '\0';
    return memory;
}

#endif
