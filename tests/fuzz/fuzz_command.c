/*
 * fuzz_command.c - a client's frames: the first byte says on which kind of channel.
 */
#include "fuzz.h"
#include "protocol/command.h"

#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cw_command_parser *parser;
    if (parser == NULL)
        parser = cw_command_parser_create(65536);
    if (size == 0 || size > 65536 || parser == NULL)
        return 0;

    struct cw_bytes frame = cw_bytes_make(data + 1, size - 1);
    struct cw_command_error error;
    if (data[0] % 4 == 3) {
        struct cw_command command;
        if (cw_command_parse(parser, CW_KIND_JSON, frame, &command, &error) == CW_OK)
            read_command(&command);
    } else {
        enum cw_payload_type type = (enum cw_payload_type)(data[0] % 4);
        (void)cw_command_check_raw(parser, type, data[0] & 4, frame, &error);
    }
    return 0;
}
