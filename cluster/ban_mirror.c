/* ban_mirror.c - asked for, told of, given back; see the header. */
#include "ban_mirror.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "functions.h"

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void count_bans(const struct cw_ban_mirror *bans)
{
    CW_STAT(bans_active) = (int64_t)bans->list.bans.count;
    CW_STAT(bans_version) = (int64_t)bans->version;
}

/* Takes digits up to the next space, or all of it, off the front of `bytes`. */
static bool take_number(struct cw_bytes *bytes, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;
    if (bytes->size == 0)
        return false; /* and there may be no `data` */
    for (; i < bytes->size && bytes->data[i] != ' '; i++) {
        if (bytes->data[i] < '0' || bytes->data[i] > '9' || i >= 16)
            return false;
        number = number * 10 + (uint64_t)(bytes->data[i] - '0');
    }
    size_t taken = i < bytes->size ? i + 1 : i;
    *bytes = cw_bytes_make(bytes->data + taken, bytes->size - taken);
    *ret_number = number;
    return i > 0;
}

/* --- everything ------------------------------------------------------------------------------- */

static void on_read(void *arg, int rc, const struct cw_bytes *strings, size_t count);
static void on_given_back(void *arg, int rc, bool was_lost);

static void ask(struct cw_ban_mirror *bans)
{
    char version[24];
    if (bans->is_asking) {
        bans->must_ask = true;
        return;
    }
    bans->must_ask = false;
    bans->asked_version = bans->version;
    (void)snprintf(version, sizeof(version), "%" PRIu64, bans->version);
    const struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"), cw_bytes_text("cw_node_bans"),
                                    cw_bytes_text("1"), cw_bytes_text(bans->key),
                                    cw_bytes_text(version)};
    bans->is_asking = cw_functions_strings(bans->endpoints, args, 5, on_read, bans) == CW_OK;
}

static void give_back(struct cw_ban_mirror *bans)
{
    char version[24];
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_ban_list_write(&bans->list, cw_clock_ms(), &writer);
    (void)snprintf(version, sizeof(version), "%" PRIu64, bans->version);
    const struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_bans_back"),
                                    cw_bytes_text("1"),     cw_bytes_text(bans->key),
                                    cw_bytes_text(version), cw_writer_view(&writer)};
    bans->is_asking = !writer.has_failed &&
                      cw_functions_flag(bans->endpoints, args, 6, on_given_back, bans) == CW_OK;
    cw_writer_finish(&writer);
}

static void on_given_back(void *arg, int rc, bool was_lost)
{
    struct cw_ban_mirror *bans = arg;
    bans->is_asking = false;
    if (rc != CW_OK)
        return; /* asked again in time */
    if (was_lost) {
        CW_STAT(bans_restored_total)++;
        cw_log_warn(cw_log_node(), "Redis had lost bans: it has them again, as of %" PRIu64,
                    bans->version);
    }
    ask(bans);
}

static void replace(struct cw_ban_mirror *bans, uint64_t version, struct cw_bytes text)
{
    struct cw_ban_list list;
    cw_ban_list_init(&list);
    int rc = cw_ban_list_read(&list, text, cw_clock_ms());
    if (rc != CW_OK)
        cw_log_warn(cw_log_node(), "bans that can't be read are left out: %s", cw_error_text(rc));
    if (rc == CW_ERR_NOMEM) {
        cw_ban_list_finish(&list);
        return;
    }
    cw_ban_list_finish(&bans->list);
    bans->list = list;
    bans->version = version;
    bans->is_current = true;
    count_bans(bans);
    if (bans->on_change != NULL && list.bans.count > 0)
        bans->on_change(bans->on_change_arg);
}

static void on_read(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct cw_ban_mirror *bans = arg;
    uint64_t version = 0;
    bans->is_asking = false;
    struct cw_bytes first = rc == CW_OK && count == 2 ? strings[0] : cw_bytes_make(NULL, 0);
    if (!take_number(&first, &version)) {
        cw_log_debug(cw_log_node(), "Redis does not say who is banned: asking again in %d ms",
                     CW_BAN_MIRROR_ASK_MS);
        return;
    }
    if (bans->version != bans->asked_version)
        bans->must_ask = true; /* changes came meanwhile: the answer is from before them */
    else if (version == bans->version)
        bans->is_current = true;
    else if (version > bans->version || (version == 0 && bans->list.bans.count == 0))
        replace(bans, version, strings[1]);
    else
        give_back(bans);
    if (bans->must_ask)
        ask(bans);
}

/* --- one change ------------------------------------------------------------------------------- */

/* True: it is applied. */
static bool apply(struct cw_ban_mirror *bans, uint64_t left_ms, struct cw_bytes rest)
{
    int64_t now_ms = cw_clock_ms();
    size_t size = 0;
    while (size < rest.size && rest.data[size] != ' ')
        size++;
    if (size == rest.size)
        return false;
    struct cw_bytes subject = cw_bytes_make(rest.data, size);
    struct cw_bytes reason = cw_bytes_make(rest.data + size + 1, rest.size - size - 1);
    if (left_ms == 0) {
        cw_ban_list_lift(&bans->list, subject);
        return true;
    }
    if (bans->list.bans.count >= CW_BANS_MAX)
        cw_ban_list_purge(&bans->list, now_ms);
    return cw_ban_list_set(&bans->list, subject, reason, now_ms + (int64_t)left_ms) == CW_OK;
}

void cw_ban_mirror_on_message(struct cw_ban_mirror *bans, struct cw_bytes bytes)
{
    uint64_t before = 0;
    uint64_t version = 0;
    uint64_t left_ms = 0;
    if (!take_number(&bytes, &before) || !take_number(&bytes, &version) ||
        !take_number(&bytes, &left_ms))
        return;
    if (version <= bans->version)
        return; /* it was read already */
    if (before != bans->version || !apply(bans, left_ms, bytes)) {
        ask(bans);
        return;
    }
    bans->version = version;
    count_bans(bans);
    if (left_ms > 0 && bans->on_change != NULL)
        bans->on_change(bans->on_change_arg);
}

/* --- the link --------------------------------------------------------------------------------- */

void cw_ban_mirror_on_up(struct cw_ban_mirror *bans)
{
    ask(bans);
}

void cw_ban_mirror_on_down(struct cw_ban_mirror *bans)
{
    bans->is_current = false;
}

static const struct timeval ask_every = {CW_BAN_MIRROR_ASK_MS / 1000, 0};

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_ban_mirror *bans = arg;
    (void)fd;
    (void)what;
    cw_ban_list_purge(&bans->list, cw_clock_ms());
    count_bans(bans);
    if (cw_endpoints_serve(bans->endpoints, cw_bytes_text(bans->key)))
        ask(bans);
    (void)event_add(bans->timer, &ask_every);
}

int cw_ban_mirror_init(struct cw_ban_mirror *bans, struct event_base *base,
                       struct cw_endpoints *endpoints, const char *prefix)
{
    *bans = (struct cw_ban_mirror){.endpoints = endpoints};
    cw_ban_list_init(&bans->list);
    (void)snprintf(bans->key, sizeof(bans->key), "%s:bans", prefix);
    bans->timer = evtimer_new(base, on_timer, bans);
    return bans->timer == NULL || event_add(bans->timer, &ask_every) != 0 ? CW_ERR_NOMEM : CW_OK;
}

void cw_ban_mirror_finish(struct cw_ban_mirror *bans)
{
    if (bans->timer != NULL)
        event_free(bans->timer);
    bans->timer = NULL;
    cw_ban_list_finish(&bans->list);
}
