/*
 * claims.c - `sub`, times, `iss`, `aud`, and the lists of `cw`.
 *
 * Each step returns NULL, or why the token is refused.
 */
#include "middleware/claims.h"

#include <chanway/message.h>

#include "channel/grants.h"
#include "names.h"

#include <yyjson.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Later times are as good as never, and are exact in every client's numbers: the end of 9999. */
#define TIME_MAX_MS INT64_C(253402300799000)
/* As in the query: what is above counts as this (handshake.c). */
#define EXPIRES_MAX_S INT64_C(2147483647)

static const char out_of_memory[] = "out of memory";

static struct cw_bytes text_of(yyjson_val *value)
{
    return cw_bytes_make(yyjson_get_str(value), yyjson_get_len(value));
}

/* Seconds since 1970, perhaps with a fraction, as ms. False: it is no such number. */
static bool read_time(yyjson_val *value, int64_t *ret_ms)
{
    if (!yyjson_is_num(value))
        return false;
    double ms = floor(yyjson_get_num(value) * 1000.0);
    if (!(ms > 0))
        *ret_ms = 0;
    else
        *ret_ms = ms < (double)TIME_MAX_MS ? (int64_t)ms : TIME_MAX_MS;
    return true;
}

static const char *check_times(yyjson_val *claims, int64_t now_ms, struct cw_grants *grants)
{
    yyjson_val *exp = yyjson_obj_get(claims, "exp");
    yyjson_val *nbf = yyjson_obj_get(claims, "nbf");
    yyjson_val *iat = yyjson_obj_get(claims, "iat");
    int64_t ms = 0;
    if (exp != NULL) {
        if (!read_time(exp, &ms))
            return "its exp is no time";
        if (now_ms >= ms + CW_GRANTS_SKEW_MS)
            return "it has expired";
        grants->expires_at_ms = ms > 0 ? ms : 1;
    }
    if (nbf != NULL && !read_time(nbf, &ms))
        return "its nbf is no time";
    if (nbf != NULL && now_ms + CW_GRANTS_SKEW_MS < ms)
        return "it is not valid yet";
    if (iat != NULL && !read_time(iat, &ms))
        return "its iat is no time";
    if (iat != NULL && now_ms + CW_GRANTS_SKEW_MS < ms)
        return "it is of the future";
    return NULL;
}

static bool is_for(yyjson_val *audience, const char *wanted)
{
    size_t i, max;
    yyjson_val *item;
    if (!yyjson_is_arr(audience))
        return yyjson_is_str(audience) && cw_bytes_is(text_of(audience), wanted);
    yyjson_arr_foreach(audience, i, max, item)
    {
        if (yyjson_is_str(item) && cw_bytes_is(text_of(item), wanted))
            return true;
    }
    return false;
}

static const char *check_origin(yyjson_val *claims, const struct cw_claims_wishes *wishes)
{
    yyjson_val *issuer = yyjson_obj_get(claims, "iss");
    if (wishes->issuer != NULL &&
        (!yyjson_is_str(issuer) || !cw_bytes_is(text_of(issuer), wishes->issuer)))
        return "it is of another issuer";
    if (wishes->audience != NULL && !is_for(yyjson_obj_get(claims, "aud"), wishes->audience))
        return "it is for another audience";
    return NULL;
}

static const char *read_user(yyjson_val *claims, struct cw_grants *grants)
{
    char name[CW_GROUP_NAME_MAX + 1];
    yyjson_val *sub = yyjson_obj_get(claims, "sub");
    if (!yyjson_is_str(sub) || yyjson_get_len(sub) == 0)
        return "it has no sub";
    struct cw_bytes user = text_of(sub);
    if (memchr(user.data, '\0', user.size) != NULL || !cw_user_group_write(user, name))
        return "its sub is too long";
    grants->user = strndup(user.data, user.size);
    return grants->user == NULL ? out_of_memory : NULL;
}

/* --- lists ------------------------------------------------------------------------------------ */

static bool is_in(const struct cw_grants_list *list, struct cw_bytes text)
{
    for (size_t i = 0; i < list->count; i++)
        if (cw_bytes_equal(list->items[i], text))
            return true;
    return false;
}

/* What the lists need of memory: views, then bytes. False: one of them is not to be had. */
static bool measure(yyjson_val *list, bool is_names, size_t *items, size_t *bytes)
{
    size_t i, max;
    yyjson_val *item;
    if (list == NULL)
        return true;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > CW_GRANTS_LIST_MAX)
        return false;
    yyjson_arr_foreach(list, i, max, item)
    {
        if (!yyjson_is_str(item) || yyjson_get_len(item) > CW_GROUP_NAME_MAX ||
            (is_names && !cw_group_name_is_valid(text_of(item))))
            return false;
        *items += 1;
        *bytes += yyjson_get_len(item);
    }
    return true;
}

/* Where in the block the next list goes. */
struct filling {
    struct cw_bytes *items;
    char *bytes;
};

static void fill(struct filling *filling, yyjson_val *list, struct cw_grants_list *ret_list)
{
    size_t i, max;
    yyjson_val *item;
    ret_list->items = filling->items;
    ret_list->count = 0;
    if (list == NULL)
        return;
    yyjson_arr_foreach(list, i, max, item)
    {
        struct cw_bytes text = text_of(item);
        if (is_in(ret_list, text))
            continue;
        if (text.size > 0)
            memcpy(filling->bytes, text.data, text.size);
        ret_list->items[ret_list->count++] = cw_bytes_make(filling->bytes, text.size);
        filling->bytes += text.size;
        filling->items++;
    }
}

static const char *read_lists(yyjson_val *rights, struct cw_grants *grants)
{
    yyjson_val *join = yyjson_obj_get(rights, "join");
    yyjson_val *publish = yyjson_obj_get(rights, "publish");
    yyjson_val *groups = yyjson_obj_get(rights, "groups");
    size_t items = 0, bytes = 0;
    if (!measure(join, false, &items, &bytes) || !measure(publish, false, &items, &bytes) ||
        !measure(groups, true, &items, &bytes))
        return "a list in its cw is not one of at most 256 names or globs of 128 bytes";
    grants->has_publish = publish != NULL;
    if (items == 0)
        return NULL;
    grants->memory = malloc(items * sizeof(struct cw_bytes) + bytes);
    if (grants->memory == NULL)
        return out_of_memory;
    struct filling filling = {(struct cw_bytes *)(void *)grants->memory,
                              grants->memory + items * sizeof(struct cw_bytes)};
    fill(&filling, join, &grants->join);
    fill(&filling, publish, &grants->publish);
    fill(&filling, groups, &grants->groups);
    return NULL;
}

static const char *read_rights(yyjson_val *rights, struct cw_grants *grants)
{
    static const char *const types[] = {"json", "text", "bytes"};
    if (rights == NULL)
        return NULL;
    if (!yyjson_is_obj(rights))
        return "its cw is no object";
    const char *why = read_lists(rights, grants);
    if (why != NULL)
        return why;
    yyjson_val *send = yyjson_obj_get(rights, "send");
    if (send != NULL && !yyjson_is_bool(send))
        return "send in its cw is neither true nor false";
    grants->sends = yyjson_get_bool(send);
    yyjson_val *type = yyjson_obj_get(rights, "type");
    for (int i = 0; type != NULL && i < 3; i++)
        if (yyjson_equals_str(type, types[i]))
            grants->type = i;
    if (type != NULL && grants->type < 0)
        return "type in its cw is none of json, text, bytes";
    yyjson_val *expires = yyjson_obj_get(rights, "expires");
    if (expires != NULL && !yyjson_is_uint(expires))
        return "expires in its cw is no number of seconds";
    uint64_t seconds = yyjson_get_uint(expires);
    grants->expires_s = seconds > (uint64_t)EXPIRES_MAX_S ? EXPIRES_MAX_S : (int64_t)seconds;
    return NULL;
}

int cw_claims_read(struct cw_bytes json, const struct cw_claims_wishes *wishes,
                   struct cw_grants **ret_grants, const char **ret_reason)
{
    yyjson_doc *document = yyjson_read(json.data, json.size, 0);
    struct cw_grants *grants = calloc(1, sizeof(*grants));
    const char *why = grants == NULL ? out_of_memory : NULL;
    yyjson_val *claims = yyjson_doc_get_root(document);
    if (why == NULL && !yyjson_is_obj(claims))
        why = "its claims are no object";
    if (why == NULL) {
        grants->type = -1;
        why = check_times(claims, wishes->now_ms, grants);
    }
    if (why == NULL)
        why = check_origin(claims, wishes);
    if (why == NULL)
        why = read_user(claims, grants);
    if (why == NULL)
        why = read_rights(yyjson_obj_get(claims, "cw"), grants);
    yyjson_doc_free(document);
    if (why != NULL) {
        cw_grants_destroy(grants);
        *ret_reason = why;
        return why == out_of_memory ? CW_ERR_NOMEM : CW_ERR_UNAUTHENTICATED;
    }
    *ret_grants = grants;
    return CW_OK;
}
