/*
 * policy.h - what the gateway's policies need of a cluster beyond its public API.
 */
#ifndef CW_POLICY_H
#define CW_POLICY_H

struct cw_ban_mirror;
struct cw_cluster;
struct cw_seats;

/** Connections counted in the whole cluster (seats.h). */
struct cw_seats *cw_cluster_seats(struct cw_cluster *cluster);
/** Who is banned, as far as this node knows (ban_mirror.h). */
struct cw_ban_mirror *cw_cluster_bans(struct cw_cluster *cluster);

#endif
