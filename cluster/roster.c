/*
 * roster.c - members of a watched group; see the header.
 */
#include "roster.h"

#include "base/map.h"
#include "base/stats.h"
#include "functions.h"
#include "interest.h"
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500

struct entry {
    struct cw_map_node in_entries;
    uint32_t seen;    /* the reading that saw it last */
    uint32_t touched; /* the reading during which pub/sub spoke of it: pages are older */
    bool is_in;       /* false: left during this reading */
    uint16_t user_size;
    char uuid[CW_UUID_TEXT_SIZE];
    char user[];
};

struct cw_roster {
    struct cw_interest *interest; /* NULL: destroyed while a page was under way */
    struct cw_map entries;
    uint32_t reading; /* counts up; 1 is the first, of which nobody is told */
    bool is_reading;
    bool wants_more;   /* asked to refresh while it was reading */
    bool is_too_large; /* passes changes on without remembering */
    char cursor[96];
};

static struct cw_bytes key_of_entry(const struct cw_map_node *node)
{
    return cw_bytes_make(CW_CONST_CONTAINER(node, struct entry, in_entries)->uuid,
                         CW_UUID_TEXT_SIZE - 1);
}

static struct entry *find_entry(const struct cw_roster *roster, struct cw_bytes uuid)
{
    struct cw_map_node *node = cw_map_find(&roster->entries, uuid);
    return node == NULL ? NULL : CW_CONTAINER(node, struct entry, in_entries);
}

static void forget_all(struct cw_roster *roster)
{
    struct cw_map_node *node = cw_map_next(&roster->entries, NULL);
    while (node != NULL) {
        struct entry *entry = CW_CONTAINER(node, struct entry, in_entries);
        node = cw_map_next(&roster->entries, node);
        cw_map_remove(&roster->entries, &entry->in_entries);
        free(entry);
    }
}

static void give_up(struct cw_roster *roster)
{
    CW_STAT(presence_rosters_full_total)++;
    roster->is_too_large = true;
    forget_all(roster);
}

static struct entry *add_entry(struct cw_roster *roster, struct cw_bytes uuid, struct cw_bytes user)
{
    struct entry *entry = NULL;
    if (roster->entries.count < CW_ROSTER_MAX && user.size <= UINT16_MAX)
        entry = calloc(1, sizeof(*entry) + user.size);
    if (entry != NULL) {
        memcpy(entry->uuid, uuid.data, CW_UUID_TEXT_SIZE - 1);
        if (user.size > 0)
            memcpy(entry->user, user.data, user.size);
        entry->user_size = (uint16_t)user.size;
        entry->is_in = true;
        if (cw_map_add(&roster->entries, &entry->in_entries) == CW_OK)
            return entry;
        free(entry);
    }
    give_up(roster);
    return NULL;
}

static void tell(const struct cw_roster *roster, bool is_join, struct cw_bytes uuid,
                 struct cw_bytes user)
{
    struct cw_interest *interest = roster->interest;
    const struct cw_interests *owner = interest->owner;
    if (interest->joined > 0 && owner->events.on_presence != NULL)
        owner->events.on_presence(owner->events_arg, interest->local, is_join, uuid, user);
}

void cw_roster_change(struct cw_roster *roster, bool is_join, struct cw_bytes uuid,
                      struct cw_bytes user)
{
    struct entry *entry = find_entry(roster, uuid);
    bool is_news = entry == NULL ? is_join : entry->is_in != is_join;
    /* The first reading is told to nobody, and may have come after what is told now. */
    if (roster->reading == 1)
        is_news |= entry == NULL || entry->touched == 0;
    if (roster->is_too_large) {
        tell(roster, is_join, uuid, user);
        return;
    }
    if (entry == NULL && (is_join || roster->is_reading))
        entry = add_entry(roster, uuid, user);
    if (entry != NULL) {
        entry->is_in = is_join;
        entry->seen = entry->touched = roster->reading;
    }
    if (is_news)
        tell(roster, is_join, uuid, user);
    if (entry != NULL && !is_join && !roster->is_reading) {
        cw_map_remove(&roster->entries, &entry->in_entries);
        free(entry);
    }
}

/* Reading. */

static void read_next_page(struct cw_roster *roster);

static void take_member(struct cw_roster *roster, const struct cw_member_info *member)
{
    struct entry *entry = find_entry(roster, member->channel);
    if (roster->is_too_large || !cw_uuid_is_valid(member->channel))
        return;
    if (entry == NULL) {
        entry = add_entry(roster, member->channel, member->user);
        if (entry != NULL && roster->reading > 1)
            tell(roster, true, member->channel, member->user);
    }
    if (entry != NULL && entry->touched != roster->reading)
        entry->seen = roster->reading;
}

/* Those that no page named and pub/sub did not speak of are gone. */
static void end_reading(struct cw_roster *roster)
{
    struct cw_map_node *node = cw_map_next(&roster->entries, NULL);
    while (node != NULL) {
        struct entry *entry = CW_CONTAINER(node, struct entry, in_entries);
        node = cw_map_next(&roster->entries, node);
        if (entry->is_in && entry->seen == roster->reading)
            continue;
        if (entry->is_in)
            tell(roster, false, cw_bytes_text(entry->uuid),
                 cw_bytes_make(entry->user, entry->user_size));
        cw_map_remove(&roster->entries, &entry->in_entries);
        free(entry);
    }
    roster->is_reading = false;
    if (roster->wants_more)
        cw_roster_refresh(roster);
}

static void free_roster(struct cw_roster *roster)
{
    forget_all(roster);
    cw_map_finish(&roster->entries);
    free(roster);
}

static void on_page(void *arg, int rc, const struct cw_member_info *members, size_t count,
                    struct cw_bytes next_cursor)
{
    struct cw_roster *roster = arg;
    if (roster->interest == NULL) {
        free_roster(roster);
        return;
    }
    if (rc != CW_OK || next_cursor.size >= sizeof(roster->cursor)) {
        roster->is_reading = false; /* read again when the link is back */
        return;
    }
    for (size_t i = 0; i < count; i++)
        take_member(roster, &members[i]);
    (void)snprintf(roster->cursor, sizeof(roster->cursor), "%.*s", (int)next_cursor.size,
                   next_cursor.data);
    if (roster->is_too_large)
        roster->is_reading = false;
    else if (strcmp(roster->cursor, "0") == 0)
        end_reading(roster);
    else
        read_next_page(roster);
}

static void read_next_page(struct cw_roster *roster)
{
    struct cw_interest *interest = roster->interest;
    roster->is_reading =
        cw_functions_members(interest->owner->endpoints, interest->key,
                             cw_bytes_text(roster->cursor), PAGE, on_page, roster) == CW_OK;
}

void cw_roster_refresh(struct cw_roster *roster)
{
    roster->wants_more = roster->is_reading;
    if (roster->is_reading || roster->is_too_large)
        return;
    roster->reading++;
    (void)snprintf(roster->cursor, sizeof(roster->cursor), "0");
    read_next_page(roster);
}

int cw_roster_create(struct cw_interest *interest, struct cw_roster **ret_roster)
{
    struct cw_roster *roster = calloc(1, sizeof(*roster));
    if (roster == NULL)
        return CW_ERR_NOMEM;
    roster->interest = interest;
    cw_map_init(&roster->entries, key_of_entry);
    cw_roster_refresh(roster);
    *ret_roster = roster;
    return CW_OK;
}

void cw_roster_destroy(struct cw_roster *roster)
{
    if (roster == NULL)
        return;
    roster->interest = NULL;
    if (!roster->is_reading)
        free_roster(roster);
}
