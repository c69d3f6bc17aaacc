/* ban_list.c - one map: users and channels by their subjects, networks by their bits and bytes. */
#include "ban_list.h"

#include "base/list.h"
#include "names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A network's key: this byte, which no subject begins with, its bits, its bytes. */
#define NETWORK          '/'
#define NETWORK_KEY_SIZE (2 + CW_IP_SIZE)

static const char of_user[] = "user:";
static const char of_address[] = "address:";
static const char of_channel[] = "channel:";

static struct cw_bytes key_of_ban(const struct cw_map_node *node)
{
    const struct cw_ban *ban = CW_CONST_CONTAINER(node, struct cw_ban, in_bans);
    return cw_bytes_make(ban->key, ban->key_size);
}

/* True: `subject` begins with `word`, and the rest of it is `*ret_rest`. */
static bool begins(struct cw_bytes subject, const char *word, struct cw_bytes *ret_rest)
{
    size_t size = strlen(word);
    if (subject.size <= size || memcmp(subject.data, word, size) != 0)
        return false;
    *ret_rest = cw_bytes_make(subject.data + size, subject.size - size);
    return true;
}

static struct cw_bytes write_network_key(char key[NETWORK_KEY_SIZE], const struct cw_ip *ip,
                                         unsigned bits)
{
    key[0] = NETWORK;
    key[1] = (char)(unsigned char)bits;
    memcpy(key + 2, ip->bytes, CW_IP_SIZE);
    return cw_bytes_make(key, NETWORK_KEY_SIZE);
}

/* The key of a subject, which may need `room`; empty: there is no such subject. */
static struct cw_bytes key_of(struct cw_bytes subject, char room[NETWORK_KEY_SIZE])
{
    const struct cw_bytes none = {NULL, 0};
    struct cw_bytes rest;
    struct cw_ip ip;
    unsigned bits = 0;
    if (begins(subject, of_address, &rest))
        return cw_ip_parse_network(rest, &ip, &bits) ? write_network_key(room, &ip, bits) : none;
    if (begins(subject, of_user, &rest))
        return cw_group_name_is_valid(subject) ? subject : none;
    if (begins(subject, of_channel, &rest))
        return cw_uuid_is_valid(rest) ? subject : none;
    return none;
}

void cw_ban_list_init(struct cw_ban_list *list)
{
    *list = (struct cw_ban_list){0};
    cw_map_init(&list->bans, key_of_ban);
}

static void remove_ban(struct cw_ban_list *list, struct cw_ban *ban)
{
    cw_map_remove(&list->bans, &ban->in_bans);
    if (ban->key[0] == NETWORK)
        list->networks[(unsigned char)ban->key[1]]--;
    free(ban);
}

static void remove_until(struct cw_ban_list *list, int64_t now_ms)
{
    struct cw_map_node *node = cw_map_next(&list->bans, NULL);
    while (node != NULL) {
        struct cw_ban *ban = CW_CONTAINER(node, struct cw_ban, in_bans);
        node = cw_map_next(&list->bans, node);
        if (ban->until_ms <= now_ms)
            remove_ban(list, ban);
    }
}

void cw_ban_list_finish(struct cw_ban_list *list)
{
    remove_until(list, INT64_MAX);
    cw_map_finish(&list->bans);
    cw_ban_list_init(list);
}

void cw_ban_list_purge(struct cw_ban_list *list, int64_t now_ms)
{
    remove_until(list, now_ms);
}

static struct cw_ban *create_ban(struct cw_bytes key, struct cw_bytes subject,
                                 struct cw_bytes reason, int64_t until_ms)
{
    struct cw_ban *ban = malloc(sizeof(*ban) + key.size + subject.size + reason.size + 2);
    if (ban == NULL)
        return NULL;
    char *subject_text = ban->key + key.size;
    char *reason_text = subject_text + subject.size + 1;
    ban->until_ms = until_ms;
    ban->key_size = key.size;
    memcpy(ban->key, key.data, key.size);
    memcpy(subject_text, subject.data, subject.size);
    subject_text[subject.size] = '\0';
    if (reason.size > 0)
        memcpy(reason_text, reason.data, reason.size);
    reason_text[reason.size] = '\0';
    ban->subject = subject_text;
    ban->reason = reason_text;
    return ban;
}

static struct cw_ban *find(const struct cw_ban_list *list, struct cw_bytes key)
{
    struct cw_map_node *node = cw_map_find(&list->bans, key);
    return node == NULL ? NULL : CW_CONTAINER(node, struct cw_ban, in_bans);
}

int cw_ban_list_set(struct cw_ban_list *list, struct cw_bytes subject, struct cw_bytes reason,
                    int64_t until_ms)
{
    char room[NETWORK_KEY_SIZE];
    struct cw_bytes key = key_of(subject, room);
    if (key.size == 0 || reason.size > CW_BAN_REASON_MAX)
        return CW_ERR_INVALID;
    struct cw_ban *old = find(list, key);
    if (old == NULL && list->bans.count >= CW_BANS_MAX)
        return CW_ERR_FULL;
    struct cw_ban *ban = create_ban(key, subject, reason, until_ms);
    if (ban == NULL)
        return CW_ERR_NOMEM;
    if (old != NULL)
        remove_ban(list, old);
    if (cw_map_add(&list->bans, &ban->in_bans) != CW_OK) {
        free(ban);
        return CW_ERR_NOMEM;
    }
    if (ban->key[0] == NETWORK)
        list->networks[(unsigned char)ban->key[1]]++;
    return CW_OK;
}

void cw_ban_list_lift(struct cw_ban_list *list, struct cw_bytes subject)
{
    char room[NETWORK_KEY_SIZE];
    struct cw_bytes key = key_of(subject, room);
    struct cw_ban *ban = key.size == 0 ? NULL : find(list, key);
    if (ban != NULL)
        remove_ban(list, ban);
}

/* Takes what is before the next `end` off the front of `text`; false: there is no `end`. */
static bool take_until(struct cw_bytes *text, char end, struct cw_bytes *ret_part)
{
    const char *at = text->size == 0 ? NULL : memchr(text->data, end, text->size);
    if (at == NULL)
        return false;
    size_t size = (size_t)(at - text->data);
    *ret_part = cw_bytes_make(text->data, size);
    *text = cw_bytes_make(at + 1, text->size - size - 1);
    return true;
}

/* Digits alone, few enough for 64 bits. */
static bool read_ms(struct cw_bytes text, int64_t *ret_ms)
{
    int64_t ms = 0;
    if (text.size == 0 || text.size > 15)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        ms = ms * 10 + (text.data[i] - '0');
    }
    *ret_ms = ms;
    return true;
}

int cw_ban_list_read(struct cw_ban_list *list, struct cw_bytes text, int64_t now_ms)
{
    struct cw_bytes line;
    int rc = CW_OK;
    while (take_until(&text, '\n', &line)) {
        struct cw_bytes left;
        struct cw_bytes subject;
        int64_t left_ms = 0;
        if (!take_until(&line, ' ', &left) || !take_until(&line, ' ', &subject) ||
            !read_ms(left, &left_ms)) {
            rc = CW_ERR_INVALID;
            continue;
        }
        int set = cw_ban_list_set(list, subject, line, now_ms + left_ms);
        if (set == CW_ERR_NOMEM)
            return set;
        rc = set == CW_OK ? rc : set;
    }
    return text.size == 0 ? rc : CW_ERR_INVALID;
}

void cw_ban_list_write(const struct cw_ban_list *list, int64_t now_ms, struct cw_writer *writer)
{
    for (const struct cw_map_node *node = cw_map_next(&list->bans, NULL); node != NULL;
         node = cw_map_next(&list->bans, node)) {
        const struct cw_ban *ban = CW_CONST_CONTAINER(node, struct cw_ban, in_bans);
        if (ban->until_ms > now_ms)
            cw_writer_printf(writer, "%" PRId64 " %s %s\n", ban->until_ms - now_ms, ban->subject,
                             ban->reason);
    }
}

static const struct cw_ban *find_live(const struct cw_ban_list *list, struct cw_bytes key,
                                      int64_t now_ms)
{
    const struct cw_ban *ban = find(list, key);
    return ban != NULL && ban->until_ms > now_ms ? ban : NULL;
}

const struct cw_ban *cw_ban_list_find_ip(const struct cw_ban_list *list, const struct cw_ip *ip,
                                         int64_t now_ms)
{
    struct cw_ip network = *ip;
    for (int bits = CW_IP_BITS; bits >= 0; bits--) {
        char key[NETWORK_KEY_SIZE];
        if (list->networks[bits] == 0)
            continue;
        cw_ip_mask(&network, (unsigned)bits);
        const struct cw_ban *ban =
            find_live(list, write_network_key(key, &network, (unsigned)bits), now_ms);
        if (ban != NULL)
            return ban;
    }
    return NULL;
}

const struct cw_ban *cw_ban_list_find(const struct cw_ban_list *list, struct cw_bytes subject,
                                      int64_t now_ms)
{
    return find_live(list, subject, now_ms);
}
