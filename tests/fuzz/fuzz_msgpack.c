/*
 * fuzz_msgpack.c - a client's MessagePack frames, and JSON text on its way to one: the first byte
 * says which. What was converted must convert back to the same.
 */
#include "fuzz.h"
#include "protocol/command.h"
#include "protocol/json_to_msgpack.h"
#include "protocol/msgpack_to_json.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGE 65536

/* Touches every byte of a view, so that one that points nowhere is found. */
static unsigned read_all(struct cw_bytes bytes)
{
    unsigned sum = 0;
    for (size_t i = 0; i < bytes.size; i++)
        sum += (unsigned char)bytes.data[i];
    return sum;
}

static void read_command(const struct cw_command *command)
{
    volatile unsigned sum = read_all(command->group) + read_all(command->to) +
                            read_all(command->key) + read_all(command->token) +
                            read_all(command->cursor) + read_all(command->payload);
    for (size_t i = 0; i < command->group_since_count; i++)
        sum += read_all(command->group_since[i].group);
    (void)sum;
    if (command->op >= CW_OP_COUNT || command->id.size > CW_ID_TEXT_MAX)
        abort();
}

/* A copy in memory of exactly its size, owned by the caller. */
static struct cw_bytes copy(struct cw_bytes bytes)
{
    char *memory = malloc(bytes.size > 0 ? bytes.size : 1);
    if (memory == NULL)
        abort();
    if (bytes.size > 0)
        memcpy(memory, bytes.data, bytes.size);
    return cw_bytes_make(memory, bytes.size);
}

static void drop(struct cw_bytes copied)
{
    free((char *)(uintptr_t)copied.data);
}

/* `json` is what the decoder or msgpack_to_json wrote: it must be that again. */
static void check_round(struct cw_bytes json)
{
    struct cw_bytes object;
    struct cw_bytes again;
    const char *why;
    if (cw_json_to_msgpack(json, &object) != CW_OK)
        abort();
    struct cw_bytes copied = copy(object);
    char *space = malloc(cw_msgpack_to_json_space(copied.size));
    if (space == NULL || cw_msgpack_to_json(copied, space, &again, &why) != CW_OK ||
        !cw_bytes_equal(again, json))
        abort();
    free(space);
    drop(copied);
}

static void read_frame(struct cw_command_parser *parser, struct cw_bytes frame)
{
    struct cw_command command;
    struct cw_command_error error;
    if (cw_command_parse(parser, CW_KIND_MSGPACK, frame, &command, &error) != CW_OK)
        return;
    read_command(&command);
    if (command.payload_type != CW_PAYLOAD_JSON || command.payload.size == 0)
        return;
    if (!cw_json_is_valid(parser, command.payload))
        abort();
    check_round(command.payload);
}

static void read_text(struct cw_command_parser *parser, struct cw_bytes text)
{
    struct cw_bytes object;
    struct cw_bytes json;
    const char *why;
    /* Whatever the depth; only what clients may send has a way back. */
    int rc = cw_json_to_msgpack(text, &object);
    if (!cw_json_is_valid(parser, text))
        return;
    if (rc != CW_OK)
        abort();
    struct cw_bytes copied = copy(object);
    char *space = malloc(cw_msgpack_to_json_space(copied.size));
    if (space == NULL || cw_msgpack_to_json(copied, space, &json, &why) != CW_OK)
        abort();
    if (cw_json_to_msgpack(json, &object) != CW_OK || !cw_bytes_equal(object, copied))
        abort();
    free(space);
    drop(copied);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cw_command_parser *parser;
    if (parser == NULL)
        parser = cw_command_parser_create(MAX_MESSAGE);
    if (size == 0 || size > MAX_MESSAGE || parser == NULL)
        return 0;

    struct cw_bytes input = copy(cw_bytes_make(data + 1, size - 1));
    if (data[0] % 2 == 0)
        read_frame(parser, input);
    else
        read_text(parser, input);
    drop(input);
    return 0;
}
