/* policy.c - parts of a cluster, for the gateway. */
#include "policy.h"

#include "parts.h"

struct cw_seats *cw_cluster_seats(struct cw_cluster *cluster)
{
    return &cluster->seats;
}

struct cw_ban_mirror *cw_cluster_bans(struct cw_cluster *cluster)
{
    return &cluster->bans;
}
