/*
 * redis_url.h - the `redis` setting -> an address. Pure.
 *
 *   embedded   unix:PATH   redis://[user:pass@]host[:port][/db]   rediss://...   (TLS)
 *   redis+sentinel://[user:pass@]host[:port],host[:port],.../NAME[/db]   rediss+sentinel://...
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

/* Of one cluster; three or five are usual. */
#define CW_REDIS_SENTINELS_MAX 16

struct cw_redis_host {
    char *host; /* owned by the address */
    int port;
};

struct cw_redis_address {
    bool is_embedded;
    bool uses_tls;
    const struct cw_redis_tls *tls; /* not owned; whoever connects fills it in for TLS */
    char *unix_path;                /* owned; NULL: TCP */
    char *host;                     /* owned */
    int port;                       /* default 6379 */
    char *user;                     /* owned; NULL: none */
    char *password;                 /* owned; NULL: none; never NULL with a user */
    int db;
    char *sentinel_name;             /* owned; what Sentinels call the primary; NULL: no Sentinel */
    struct cw_redis_host *sentinels; /* owned; `host` and `port` are unset then */
    size_t sentinel_count;
    bool is_sentinel; /* a Sentinel is at host:port, and no Redis: never of a setting */
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
