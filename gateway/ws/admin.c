/* admin.c - origin, token, address. */
#include "ws/admin.h"

#include "base/address.h"
#include "http/http.h"
#include "ws/request.h"
#include "ws/state.h"

#include <libwebsockets.h>
#include <openssl/crypto.h>

#include <string.h>

#define HEADER_MAX 512
/* "Bearer ", and the longest token that the settings take. */
#define AUTHORIZATION_MAX (7 + 4096 + 1)

/* A header's value; false: it does not fit. Without it the value is empty. */
static bool copy_header(struct lws *wsi, enum lws_token_indexes token, char *ret_text, int size)
{
    ret_text[0] = '\0';
    return lws_hdr_total_length(wsi, token) == 0 || lws_hdr_copy(wsi, ret_text, size, token) > 0;
}

/* Whether a browser says that a page of another site asks. */
static bool is_of_another_site(struct lws *wsi, const char *host)
{
    char origin[HEADER_MAX];
    if (!copy_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)))
        return true;
    const char *scheme_end = strstr(origin, "://");
    return origin[0] != '\0' && (scheme_end == NULL || strcasecmp(scheme_end + 3, host) != 0);
}

static bool has_token(struct lws *wsi, const char *token)
{
    char value[AUTHORIZATION_MAX];
    size_t size = strlen(token);
    return copy_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, value, sizeof(value)) &&
           strncasecmp(value, "Bearer ", 7) == 0 && strlen(value + 7) == size &&
           CRYPTO_memcmp(value + 7, token, size) == 0;
}

static bool is_loopback(const struct cw_address *address)
{
    static const unsigned char ipv6[16] = {[15] = 1};
    static const unsigned char mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    if (address->kind != CW_ADDRESS_IP)
        return address->kind == CW_ADDRESS_UNIX;
    return memcmp(address->ip, ipv6, sizeof(ipv6)) == 0 ||
           memcmp(address->ip, mapped, sizeof(mapped)) == 0;
}

/* A name that leads here today may have led elsewhere when the page was loaded: only addresses, and
 * the one name that is always this machine. */
static bool is_own_name(const char *host)
{
    struct cw_address address;
    size_t name = strcspn(host, ":");
    return (name == 9 && strncasecmp(host, "localhost", 9) == 0) ||
           cw_address_parse(cw_bytes_text(host), &address);
}

void cw_admin_judge(const struct cw_request *request, struct lws *wsi, struct cw_http_request *http)
{
    const char *token = request->server->admin_token;
    char host[HEADER_MAX];
    http->forbidden = NULL;
    http->wants_token = false;
    if (!copy_header(wsi, WSI_TOKEN_HOST, host, sizeof(host)) || is_of_another_site(wsi, host)) {
        http->forbidden = "not for pages of other sites";
    } else if (token[0] != '\0') {
        http->wants_token = !has_token(wsi, token);
        http->forbidden = http->wants_token ? "the admin-token is asked for" : NULL;
    } else if (!is_loopback(&request->peer) || !is_own_name(host) ||
               lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0) {
        http->forbidden = "without an admin-token only from this machine";
    }
}
