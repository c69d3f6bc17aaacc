/* opening.c - groups and positions of a connection's beginning. */
#include "channel/opening.h"

#include "channel/grants.h"
#include "channel/op.h"
#include "protocol/handshake.h"

#include <stdlib.h>
#include <string.h>

static char *copy_name(struct cw_bytes name)
{
    return strndup(name.data, name.size);
}

struct cw_opening_group *cw_opening_find(const struct cw_opening *opening, struct cw_bytes name)
{
    for (size_t i = 0; i < opening->group_count; i++)
        if (cw_bytes_is(name, opening->groups[i].name))
            return &opening->groups[i];
    return NULL;
}

static const struct cw_opening_since *find_since(const struct cw_opening *opening,
                                                 struct cw_bytes group)
{
    for (size_t i = 0; i < opening->since_count; i++)
        if (cw_bytes_is(group, opening->since[i].group))
            return &opening->since[i];
    return NULL;
}

/* A row for `name`, which has none; there is room. */
static struct cw_opening_group *add_group(struct cw_opening *opening, struct cw_bytes name)
{
    struct cw_opening_group *group = &opening->groups[opening->group_count];
    const struct cw_opening_since *since = find_since(opening, name);
    *group = (struct cw_opening_group){.name = copy_name(name)};
    if (group->name == NULL)
        return NULL;
    opening->group_count++;
    if (since != NULL) {
        group->has_since = true;
        group->since = since->position;
    }
    return group;
}

static int make_room(struct cw_opening *opening, size_t count)
{
    if (count == 0)
        return CW_OK;
    struct cw_opening_group *groups =
        realloc(opening->groups, (opening->group_count + count) * sizeof(*groups));
    if (groups == NULL)
        return CW_ERR_NOMEM;
    opening->groups = groups;
    return CW_OK;
}

static int copy_since(struct cw_opening *opening, const struct cw_handshake *handshake)
{
    opening->is_later = handshake->is_since_later;
    opening->has_direct_since = handshake->has_direct_since;
    opening->direct_since = handshake->direct_since;
    if (handshake->group_since_count == 0)
        return CW_OK;
    opening->since = calloc(handshake->group_since_count, sizeof(*opening->since));
    if (opening->since == NULL)
        return CW_ERR_NOMEM;
    for (size_t i = 0; i < handshake->group_since_count; i++) {
        struct cw_opening_since *since = &opening->since[i];
        since->group = copy_name(handshake->group_since[i].group);
        since->position = handshake->group_since[i].position;
        if (since->group == NULL)
            return CW_ERR_NOMEM;
        opening->since_count++;
    }
    return CW_OK;
}

int cw_opening_create(const struct cw_handshake *handshake, const struct cw_resume *resume,
                      struct cw_opening **ret_opening)
{
    struct cw_opening *opening = calloc(1, sizeof(*opening));
    if (opening == NULL)
        return CW_ERR_NOMEM;
    if (resume != NULL) {
        opening->is_resuming = true;
        opening->resume = *resume;
    }
    int rc = copy_since(opening, handshake);
    if (rc == CW_OK)
        rc = make_room(opening, handshake->group_count);
    for (size_t i = 0; rc == CW_OK && i < handshake->group_count; i++) {
        struct cw_opening_group *group = add_group(opening, handshake->groups[i]);
        if (group == NULL)
            rc = CW_ERR_NOMEM;
        else
            group->wants_joined = true;
    }
    if (rc != CW_OK) {
        cw_opening_destroy(opening);
        return rc;
    }
    *ret_opening = opening;
    return CW_OK;
}

int cw_opening_add_granted(struct cw_opening *opening, const struct cw_grants *grants)
{
    char user_group[CW_GROUP_NAME_MAX + 1];
    int rc = make_room(opening, grants->groups.count + 1);
    if (rc != CW_OK)
        return rc;
    for (size_t i = 0; i < grants->groups.count; i++) {
        struct cw_opening_group *group = cw_opening_find(opening, grants->groups.items[i]);
        if (group == NULL)
            group = add_group(opening, grants->groups.items[i]);
        if (group == NULL)
            return CW_ERR_NOMEM;
        group->wants_joined = true;
    }
    if (!cw_user_group_write(cw_bytes_text(grants->user), user_group))
        return CW_ERR_INTERNAL; /* its token was refused for that */
    struct cw_opening_group *own = cw_opening_find(opening, cw_bytes_text(user_group));
    bool was_named = own != NULL;
    if (own == NULL)
        own = add_group(opening, cw_bytes_text(user_group));
    if (own == NULL)
        return CW_ERR_NOMEM;
    own->is_own = true;
    own->was_named = was_named;
    own->wants_joined = false;
    return CW_OK;
}

void cw_opening_destroy(struct cw_opening *opening)
{
    if (opening == NULL)
        return;
    for (size_t i = 0; i < opening->group_count; i++)
        free(opening->groups[i].name);
    for (size_t i = 0; i < opening->since_count; i++)
        free(opening->since[i].group);
    cw_op_abandon(opening->op);
    cw_op_abandon(opening->auth);
    free(opening->groups);
    free(opening->since);
    free(opening);
}

int cw_opening_add(struct cw_opening *opening, const struct cw_written *groups, size_t count)
{
    int rc = make_room(opening, count);
    for (size_t i = 0; rc == CW_OK && i < count; i++) {
        struct cw_opening_group *group = cw_opening_find(opening, groups[i].group);
        if (group == NULL)
            group = add_group(opening, groups[i].group);
        if (group == NULL)
            return CW_ERR_NOMEM;
        bool is_new = !group->is_resumed;
        group->is_resumed = true;
        if (find_since(opening, groups[i].group) != NULL)
            continue;
        if (groups[i].is_known) {
            group->has_since = true;
            group->since = groups[i].position;
        }
        if (is_new || groups[i].is_known)
            group->is_lost = !groups[i].is_known;
    }
    return rc;
}

void cw_opening_set_direct(struct cw_opening *opening, struct cw_position position, bool is_known)
{
    if (opening->has_direct_since)
        return;
    opening->direct_since = position;
    opening->is_direct_lost = !is_known;
}

void cw_opening_set_since(struct cw_opening *opening, struct cw_bytes name,
                          struct cw_position position)
{
    struct cw_opening_group *group = cw_opening_find(opening, name);
    if (group == NULL)
        return; /* of a session that is gone */
    group->has_since = true;
    group->is_lost = false;
    group->since = position;
}
