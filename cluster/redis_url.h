/*
 * redis_url.h - the `redis` setting -> an address. Pure.
 *
 *   embedded   unix:PATH   redis://[user:pass@]host[:port][/db]   rediss://...   (TLS)
 *   redis+sentinel://[user:pass@]host[:port],host[:port],.../NAME[/db]   rediss+sentinel://...
 *   redis+cluster://[user:pass@]host[:port],...   redis-shards://[user:pass@]host[:port],...[/db]
 * User and password may be percent-encoded; redis://:pass@host has no user. IPv6 is in brackets.
 */
#ifndef CW_REDIS_URL_H
#define CW_REDIS_URL_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a whole setting: tokens of cloud providers used as passwords reach 2 KiB. */
#define CW_REDIS_URL_MAX 4096

struct cw_redis_tls;

/* Sentinels, shards, or nodes of a Redis Cluster that are asked for the others. */
#define CW_REDIS_HOSTS_MAX 64

/** What is behind the address. */
enum cw_redis_kind {
    CW_REDIS_SERVER,   /* one server */
    CW_REDIS_SENTINEL, /* one server, which Sentinels name */
    CW_REDIS_CLUSTER,  /* a Redis Cluster: its nodes say who has which slots */
    CW_REDIS_SHARDS,   /* independent servers, each with its part of the slots */
};

struct cw_redis_host {
    char *host; /* owned by the address */
    int port;
};

struct cw_redis_address {
    enum cw_redis_kind kind;
    bool is_embedded;
    bool uses_tls;
    const struct cw_redis_tls *tls; /* not owned; whoever connects fills it in for TLS */
    char *unix_path;                /* owned; NULL: TCP */
    char *host;                     /* owned */
    int port;                       /* default 6379 */
    char *user;                     /* owned; NULL: none */
    char *password;                 /* owned; NULL: none; never NULL with a user */
    int db;
    char *sentinel_name;         /* owned; what Sentinels call the primary; NULL: no Sentinel */
    struct cw_redis_host *hosts; /* owned; of all kinds but one server: `host` is unset then */
    size_t host_count;
    bool is_member; /* of a Redis Cluster: never of a setting */
    bool is_guide;  /* who is at host:port is asked for others, and not used: never of a setting */
};

/**
 * Reads `url`. CW_ERR_INVALID with a clear text in `error` (never the password), CW_ERR_NOMEM;
 * `ret_address` is unchanged then. cw_redis_address_finish it.
 */
CW_MUST_CHECK int cw_redis_address_parse(const char *url, char *error, size_t error_size,
                                         struct cw_redis_address *ret_address);
/** Frees what is in it; harmless on a zeroed one. */
void cw_redis_address_finish(struct cw_redis_address *address);
/** "unix:/run/redis.sock" or "redis.example:6379/0", without credentials, for logs. */
void cw_redis_address_describe(const struct cw_redis_address *address, char *text, size_t size);

#endif
