/*
 * fuzz_bans.c - bans as Redis tells them, a line each. What is read is found by its subject, and is
 * written as what reads the same.
 */
#include "ban_list.h"
#include "fuzz.h"

#define NOW_MS 1000000

static void check_line(const struct cw_ban_list *list, struct cw_bytes line)
{
    (void)fuzz_take(&line, ' ');
    struct cw_bytes subject = fuzz_take(&line, ' ');
    struct cw_bytes network = subject;
    struct cw_ip ip;
    unsigned bits;
    fuzz_require(line.size <= CW_BAN_REASON_MAX);
    struct cw_bytes kind = fuzz_take(&network, ':');
    if (!cw_bytes_is(kind, "address")) {
        fuzz_require(cw_ban_list_find(list, subject, NOW_MS) != NULL);
        return;
    }
    fuzz_require(cw_ip_parse_network(network, &ip, &bits) && bits <= CW_IP_BITS);
    fuzz_require(cw_ban_list_find_ip(list, &ip, NOW_MS) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes text = cw_bytes_make(data, size);
    struct cw_ban_list list;
    struct cw_ban_list again;
    struct cw_writer writer;
    struct cw_writer second;
    cw_ban_list_init(&list);
    cw_ban_list_init(&again);
    cw_writer_init(&writer);
    cw_writer_init(&second);
    int rc = cw_ban_list_read(&list, text, NOW_MS);
    fuzz_require(rc == CW_OK || rc == CW_ERR_INVALID || rc == CW_ERR_FULL);
    fuzz_require(list.bans.count <= CW_BANS_MAX);

    cw_ban_list_write(&list, NOW_MS, &writer);
    struct cw_bytes written = cw_writer_view(&writer);
    for (struct cw_bytes rest = written; rest.size > 0;)
        check_line(&list, fuzz_take(&rest, '\n'));
    fuzz_require(cw_ban_list_read(&again, written, NOW_MS) == CW_OK);
    cw_ban_list_write(&again, NOW_MS, &second);
    fuzz_require(cw_writer_view(&second).size == written.size);

    cw_ban_list_lift(&list, text);
    cw_ban_list_purge(&list, INT64_MAX);
    fuzz_require(list.bans.count == 0);
    cw_writer_finish(&writer);
    cw_writer_finish(&second);
    cw_ban_list_finish(&list);
    cw_ban_list_finish(&again);
    return 0;
}
