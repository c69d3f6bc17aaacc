/*
 * redis_url.c - the `redis` setting -> an address. Errors never quote it: it may hold a password.
 */
#include "redis_url.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PORT_DEFAULT 6379
#define PORT_MAX     65535
/* A name in DNS has at most 253 bytes, a literal address fewer. */
#define HOST_MAX 253

#define UNIX_SCHEME "unix:"

#define SENTINEL_PORT_DEFAULT 26379

static int refuse(char *error, size_t error_size, const char *why)
{
    (void)snprintf(error, error_size, "%s", why);
    return CW_ERR_INVALID;
}

static int refuse_memory(char *error, size_t error_size)
{
    (void)snprintf(error, error_size, "out of memory");
    return CW_ERR_NOMEM;
}

/* Cuts `text` at its first byte `c`: what is before goes to `ret_head`. False: there is no `c`. */
static bool split(struct cw_bytes *text, char c, struct cw_bytes *ret_head)
{
    const char *at = text->size == 0 ? NULL : memchr(text->data, c, text->size);
    if (at == NULL)
        return false;
    size_t head_size = (size_t)(at - text->data);
    *ret_head = cw_bytes_make(text->data, head_size);
    *text = cw_bytes_make(at + 1, text->size - head_size - 1);
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A new string without percent-encoding. CW_ERR_INVALID: a bad escape, or one of a NUL. */
static int decode_percent(struct cw_bytes text, char **ret_text)
{
    char *decoded = malloc(text.size + 1);
    if (decoded == NULL)
        return CW_ERR_NOMEM;

    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                free(decoded);
                return CW_ERR_INVALID;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        decoded[size++] = c;
    }
    decoded[size] = '\0';
    *ret_text = decoded;
    return CW_OK;
}

/* A decimal number 0..max, the whole of `text`; -1: it is none. */
static int parse_number(struct cw_bytes text, int max)
{
    int number = 0;
    if (text.size == 0)
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        int digit = text.data[i] - '0';
        if (number > (max - digit) / 10)
            return -1;
        number = number * 10 + digit;
    }
    return number;
}

/* Letters, digits, '.', '-', '_'; in brackets (an IPv6 address) ':' and '%' too. */
static bool is_host(struct cw_bytes host, const char *others)
{
    if (host.size == 0 || host.size > HOST_MAX)
        return false;
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return true;
}

/* user:password, each may be empty. */
static int parse_credentials(struct cw_bytes text, char *error, size_t error_size,
                             struct cw_redis_address *address)
{
    struct cw_bytes user;
    if (!split(&text, ':', &user))
        return refuse(error, error_size, "before the '@' write USER:PASSWORD or :PASSWORD");

    int rc = user.size > 0 ? decode_percent(user, &address->user) : CW_OK;
    if (rc == CW_OK && (text.size > 0 || user.size > 0))
        rc = decode_percent(text, &address->password);
    if (rc == CW_ERR_INVALID)
        return refuse(error, error_size,
                      "a '%' in the user or password must begin %01..%FF; write '%' itself as %25");
    return rc < 0 ? refuse_memory(error, error_size) : CW_OK;
}

/* host, host:port, [ipv6], [ipv6]:port */
static int parse_host_and_port(struct cw_bytes text, char *error, size_t error_size,
                               struct cw_redis_address *address)
{
    struct cw_bytes host = text;
    struct cw_bytes none;
    bool has_brackets = text.size > 0 && text.data[0] == '[';
    bool has_port;
    if (has_brackets) {
        if (!split(&text, ']', &host))
            return refuse(error, error_size, "a '[' before the host needs its ']'");
        host = cw_bytes_make(host.data + 1, host.size - 1);
        has_port = text.size > 0;
        if (has_port && (!split(&text, ':', &none) || none.size > 0))
            return refuse(error, error_size, "after ']' only :PORT or /DB may follow");
    } else {
        has_port = split(&text, ':', &host);
    }

    if (host.size == 0)
        return refuse(error, error_size, "the host is missing");
    if (!is_host(host, has_brackets ? ".-_:%" : ".-_"))
        return refuse(error, error_size, "the host is too long or has a byte that no host has");
    if (has_port) {
        address->port = parse_number(text, PORT_MAX);
        if (address->port < 1)
            return refuse(error, error_size, "the port must be a number from 1 to 65535");
    }
    address->host = strndup(host.data, host.size);
    return address->host == NULL ? refuse_memory(error, error_size) : CW_OK;
}

/* The last '@' ends the credentials: passwords may hold '@' and '/' as they are. `text` is cut. */
static int take_credentials(struct cw_bytes *text, char *error, size_t error_size,
                            struct cw_redis_address *address)
{
    for (size_t i = text->size; i > 0; i--) {
        if (text->data[i - 1] != '@')
            continue;
        struct cw_bytes credentials = cw_bytes_make(text->data, i - 1);
        *text = cw_bytes_make(text->data + i, text->size - i);
        return parse_credentials(credentials, error, error_size, address);
    }
    return CW_OK;
}

/* host[:port],host[:port],... */
static int parse_hosts(struct cw_bytes text, int port, char *error, size_t error_size,
                       struct cw_redis_address *address)
{
    address->hosts = calloc(CW_REDIS_HOSTS_MAX, sizeof(address->hosts[0]));
    if (address->hosts == NULL)
        return refuse_memory(error, error_size);
    for (bool has_more = true; has_more;) {
        struct cw_redis_address one = {.port = port};
        struct cw_bytes host = text;
        if (address->host_count == CW_REDIS_HOSTS_MAX)
            return refuse(error, error_size, "more than 64 hosts");
        has_more = split(&text, ',', &host);
        int rc = parse_host_and_port(host, error, error_size, &one);
        if (rc < 0)
            return rc;
        address->hosts[address->host_count++] = (struct cw_redis_host){one.host, one.port};
    }
    return CW_OK;
}

/* What follows redis+sentinel:// or rediss+sentinel:// */
static int parse_sentinel(struct cw_bytes text, char *error, size_t error_size,
                          struct cw_redis_address *address)
{
    struct cw_bytes hosts;
    struct cw_bytes name;
    int rc = take_credentials(&text, error, error_size, address);
    if (rc < 0)
        return rc;
    if (!split(&text, '/', &hosts))
        return refuse(error, error_size, "after the Sentinels /NAME of the primary is missing");
    bool has_db = split(&text, '/', &name);
    if (!has_db)
        name = text;
    if (!is_host(name, ".-_"))
        return refuse(error, error_size, "the primary's NAME is letters, digits, '.', '-', '_'");
    address->db = has_db ? parse_number(text, INT_MAX) : 0;
    if (address->db < 0)
        return refuse(error, error_size, "after NAME/ only the number of a database may follow");
    address->kind = CW_REDIS_SENTINEL;
    address->sentinel_name = strndup(name.data, name.size);
    if (address->sentinel_name == NULL)
        return refuse_memory(error, error_size);
    return parse_hosts(hosts, SENTINEL_PORT_DEFAULT, error, error_size, address);
}

/* What follows redis+cluster:// or rediss+cluster:// */
static int parse_cluster(struct cw_bytes text, char *error, size_t error_size,
                         struct cw_redis_address *address)
{
    struct cw_bytes hosts;
    int rc = take_credentials(&text, error, error_size, address);
    if (rc < 0)
        return rc;
    if (!split(&text, '/', &hosts))
        hosts = text;
    else if (text.size > 0 && !cw_bytes_is(text, "0"))
        return refuse(error, error_size, "a Redis Cluster has database 0 only");
    address->kind = CW_REDIS_CLUSTER;
    return parse_hosts(hosts, PORT_DEFAULT, error, error_size, address);
}

static bool is_twice(const struct cw_redis_address *address, size_t index)
{
    const struct cw_redis_host *host = &address->hosts[index];
    for (size_t i = 0; i < index; i++)
        if (address->hosts[i].port == host->port && strcmp(address->hosts[i].host, host->host) == 0)
            return true;
    return false;
}

/* What follows redis-shards:// or rediss-shards:// */
static int parse_shards(struct cw_bytes text, char *error, size_t error_size,
                        struct cw_redis_address *address)
{
    struct cw_bytes hosts;
    int rc = take_credentials(&text, error, error_size, address);
    if (rc < 0)
        return rc;
    bool has_db = split(&text, '/', &hosts);
    address->db = has_db && text.size > 0 ? parse_number(text, INT_MAX) : 0;
    if (address->db < 0)
        return refuse(error, error_size, "after the '/' only the number of a database may follow");
    address->kind = CW_REDIS_SHARDS;
    rc = parse_hosts(has_db ? hosts : text, PORT_DEFAULT, error, error_size, address);
    for (size_t i = 1; rc == CW_OK && i < address->host_count; i++) {
        if (is_twice(address, i))
            rc = refuse(error, error_size, "a shard is named twice");
    }
    return rc;
}

/* What follows redis:// or rediss:// */
static int parse_tcp(struct cw_bytes text, char *error, size_t error_size,
                     struct cw_redis_address *address)
{
    int rc = take_credentials(&text, error, error_size, address);
    if (rc < 0)
        return rc;

    struct cw_bytes host_and_port;
    if (split(&text, '/', &host_and_port)) {
        address->db = text.size == 0 ? 0 : parse_number(text, INT_MAX);
        if (address->db < 0)
            return refuse(error, error_size,
                          "after the '/' only the number of a database may follow");
    } else {
        host_and_port = text;
    }
    return parse_host_and_port(host_and_port, error, error_size, address);
}

static int parse_unix(const char *path, char *error, size_t error_size,
                      struct cw_redis_address *address)
{
    struct sockaddr_un name;
    if (path[0] == '\0')
        return refuse(error, error_size, "after unix: the path of the socket is missing");
    if (strlen(path) >= sizeof(name.sun_path)) {
        (void)snprintf(error, error_size, "the path of the socket is longer than %zu bytes",
                       sizeof(name.sun_path) - 1);
        return CW_ERR_INVALID;
    }
    address->unix_path = strdup(path);
    return address->unix_path == NULL ? refuse_memory(error, error_size) : CW_OK;
}

typedef int (*parse_fn)(struct cw_bytes text, char *error, size_t error_size,
                        struct cw_redis_address *address);

/* The scheme that `url` begins with, and what reads the rest; NULL: none. */
static parse_fn find_scheme(const char **url, bool *ret_uses_tls)
{
    static const struct {
        const char *scheme;
        bool uses_tls;
        parse_fn parse;
    } rows[] = {
        {"redis://", false, parse_tcp},
        {"rediss://", true, parse_tcp},
        {"redis+sentinel://", false, parse_sentinel},
        {"rediss+sentinel://", true, parse_sentinel},
        {"redis+cluster://", false, parse_cluster},
        {"rediss+cluster://", true, parse_cluster},
        {"redis-shards://", false, parse_shards},
        {"rediss-shards://", true, parse_shards},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size = strlen(rows[i].scheme);
        if (strncmp(*url, rows[i].scheme, size) != 0)
            continue;
        *url += size;
        *ret_uses_tls = rows[i].uses_tls;
        return rows[i].parse;
    }
    return NULL;
}

int cw_redis_address_parse(const char *url, char *error, size_t error_size,
                           struct cw_redis_address *ret_address)
{
    static const char forms[] = "it must be embedded, or begin with unix:, redis://, "
                                "redis+sentinel://, redis+cluster:// or redis-shards:// "
                                "(by TLS: rediss...)";
    struct cw_redis_address address = {0};
    int rc = CW_OK;
    if (strnlen(url, CW_REDIS_URL_MAX + 1) > CW_REDIS_URL_MAX) {
        rc = refuse(error, error_size, "it is longer than 4096 bytes");
    } else if (strcmp(url, "embedded") == 0) {
        address.is_embedded = true;
    } else if (strncmp(url, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0) {
        rc = parse_unix(url + strlen(UNIX_SCHEME), error, error_size, &address);
    } else {
        parse_fn parse = find_scheme(&url, &address.uses_tls);
        address.port = PORT_DEFAULT;
        rc = parse == NULL ? refuse(error, error_size, forms)
                           : parse(cw_bytes_text(url), error, error_size, &address);
    }

    if (rc < 0)
        cw_redis_address_finish(&address);
    else
        *ret_address = address;
    return rc;
}

void cw_redis_address_finish(struct cw_redis_address *address)
{
    free(address->unix_path);
    free(address->host);
    free(address->user);
    free(address->sentinel_name);
    for (size_t i = 0; i < address->host_count; i++)
        free(address->hosts[i].host);
    free(address->hosts);
    if (address->password != NULL)
        explicit_bzero(address->password, strlen(address->password));
    free(address->password);
    *address = (struct cw_redis_address){0};
}

/* Of a list: the first, and how many more there are. */
static void describe_hosts(const struct cw_redis_address *address, const char *kind, char *text,
                           size_t size)
{
    const struct cw_redis_host *first = &address->hosts[0];
    if (address->host_count == 1) {
        (void)snprintf(text, size, "%s:%s:%d", kind, first->host, first->port);
    } else {
        (void)snprintf(text, size, "%s:%s:%d+%zu", kind, first->host, first->port,
                       address->host_count - 1);
    }
}

static void describe_server(const struct cw_redis_address *address, char *text, size_t size)
{
    bool is_ipv6 = address->host != NULL && strchr(address->host, ':') != NULL;
    if (address->host == NULL)
        (void)snprintf(text, size, "no address");
    else
        (void)snprintf(text, size, is_ipv6 ? "[%s]:%d/%d" : "%s:%d/%d", address->host,
                       address->port, address->db);
}

void cw_redis_address_describe(const struct cw_redis_address *address, char *text, size_t size)
{
    if (address->is_embedded)
        (void)snprintf(text, size, "embedded");
    else if (address->unix_path != NULL)
        (void)snprintf(text, size, UNIX_SCHEME "%s", address->unix_path);
    else if (address->kind == CW_REDIS_SENTINEL)
        (void)snprintf(text, size, "sentinel:%s/%d", address->sentinel_name, address->db);
    else if (address->kind == CW_REDIS_CLUSTER)
        describe_hosts(address, "cluster", text, size);
    else if (address->kind == CW_REDIS_SHARDS)
        describe_hosts(address, "shards", text, size);
    else
        describe_server(address, text, size);
}
