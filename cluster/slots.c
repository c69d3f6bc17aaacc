/* slots.c - CRC16 of a hash tag. */
#include "slots.h"

#include <stddef.h>
#include <string.h>

static struct cw_bytes hash_tag(struct cw_bytes key)
{
    const char *open = key.size == 0 ? NULL : memchr(key.data, '{', key.size);
    if (open == NULL)
        return key;
    open++;
    size_t left = key.size - (size_t)(open - key.data);
    const char *close = left == 0 ? NULL : memchr(open, '}', left);
    if (close == NULL || close == open)
        return key;
    return cw_bytes_make(open, (size_t)(close - open));
}

uint16_t cw_slot_of(struct cw_bytes key)
{
    /* Polynomial 0x1021, four bits at a time. */
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                       0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                       0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    struct cw_bytes tag = hash_tag(key);
    uint16_t crc = 0;
    for (size_t i = 0; i < tag.size; i++) {
        uint8_t byte = (uint8_t)tag.data[i];
        crc = (uint16_t)(crc << 4 ^ table[crc >> 12 ^ byte >> 4]);
        crc = (uint16_t)(crc << 4 ^ table[crc >> 12 ^ (byte & 15)]);
    }
    return crc % CW_SLOTS;
}

bool cw_slots_refused(const char *error)
{
    static const char *const words[] = {"MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN "};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strncmp(error, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}
