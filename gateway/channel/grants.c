/* grants.c - looking into a token's lists. */
#include "channel/grants.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

void cw_grants_destroy(struct cw_grants *grants)
{
    if (grants == NULL)
        return;
    free(grants->user);
    free(grants->memory);
    free(grants);
}

static bool has_glob(const struct cw_grants_list *list, struct cw_bytes group)
{
    for (size_t i = 0; i < list->count; i++)
        if (cw_glob_matches(list->items[i], group))
            return true;
    return false;
}

static bool has_name(const struct cw_grants_list *list, struct cw_bytes group)
{
    for (size_t i = 0; i < list->count; i++)
        if (cw_bytes_equal(list->items[i], group))
            return true;
    return false;
}

bool cw_grants_may_join(const struct cw_grants *grants, struct cw_bytes group)
{
    if (cw_group_name_is_reserved(group))
        return false;
    return grants == NULL || has_glob(&grants->join, group) || has_name(&grants->groups, group);
}

bool cw_grants_may_publish(const struct cw_grants *grants, struct cw_bytes group)
{
    if (cw_group_name_is_reserved(group))
        return false;
    if (grants == NULL || has_glob(&grants->publish, group))
        return true;
    return !grants->has_publish && has_name(&grants->groups, group);
}

bool cw_grants_may_list(const struct cw_grants *grants, struct cw_bytes group)
{
    return cw_grants_may_join(grants, group) || cw_grants_own(grants, group);
}

bool cw_grants_may_send(const struct cw_grants *grants)
{
    return grants == NULL || grants->sends;
}

bool cw_user_group_write(struct cw_bytes sub, char ret_name[CW_GROUP_NAME_MAX + 1])
{
    static const char prefix[] = "user:";
    static const char digits[] = "0123456789ABCDEF";
    char name[CW_GROUP_NAME_MAX + 1];
    size_t size = sizeof(prefix) - 1;
    if (sub.size == 0)
        return false;
    memcpy(name, prefix, size);
    for (size_t i = 0; i < sub.size; i++) {
        unsigned char byte = (unsigned char)sub.data[i];
        bool is_plain = byte != '=' && cw_group_name_is_valid(cw_bytes_make(sub.data + i, 1));
        if (size + (is_plain ? 1 : 3) > CW_GROUP_NAME_MAX)
            return false;
        if (is_plain) {
            name[size++] = (char)byte;
        } else {
            name[size++] = '=';
            name[size++] = digits[byte >> 4];
            name[size++] = digits[byte & 15];
        }
    }
    name[size] = '\0';
    memcpy(ret_name, name, size + 1);
    return true;
}

bool cw_grants_own(const struct cw_grants *grants, struct cw_bytes group)
{
    char name[CW_GROUP_NAME_MAX + 1];
    return grants != NULL && cw_user_group_write(cw_bytes_text(grants->user), name) &&
           cw_bytes_is(group, name);
}

int64_t cw_grants_end_ms(const struct cw_grants *grants)
{
    if (grants == NULL || grants->expires_at_ms == 0)
        return 0;
    int64_t left_ms = grants->expires_at_ms - cw_clock_wall_ms();
    if (left_ms <= 0)
        left_ms += CW_GRANTS_SKEW_MS;
    int64_t end_ms = cw_clock_ms() + left_ms;
    return end_ms > 0 ? end_ms : 1;
}
