/*
 * setting.c - types of settings, one row each in three small tables: units, checks, what is
 * allowed.
 */
#include "setting.h"

#include "base/address.h"
#include "names.h"
#include "redis_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define TEXT_SIZE_MAX  4096
#define SHOWN_SIZE_MAX 80

struct unit {
    const char *name;
    int64_t size;
};

/* Largest first: a value is written in the largest that divides it. */
static const struct unit byte_units[] = {
    {"GiB", INT64_C(1) << 30}, {"MiB", INT64_C(1) << 20}, {"KiB", INT64_C(1) << 10}, {"", 1}, {0}};
static const struct unit time_units[] = {
    {"d", INT64_C(86400000)}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {0}};
static const struct unit no_units[] = {{"", 1}, {0}};

enum store { STORE_TEXT, STORE_NUMBER };

static const struct {
    enum store store;
    const char *word;
} types[] = {
#define TYPE_ROW(name, kept_as, type_word) [CW_SETTING_##name] = {STORE_##kept_as, type_word},
    CW_SETTING_TYPES(TYPE_ROW)
#undef TYPE_ROW
};

bool cw_setting_is_text(const struct cw_setting *setting)
{
    return types[setting->type].store == STORE_TEXT;
}

const char *cw_setting_type_word(const struct cw_setting *setting)
{
    return types[setting->type].word;
}

static const struct unit *units_of(const struct cw_setting *setting)
{
    switch (setting->type) {
    case CW_SETTING_BYTES:
        return byte_units;
    case CW_SETTING_DURATION:
    case CW_SETTING_SECONDS:
        return time_units;
    default:
        return no_units;
    }
}

/* Digits and one of `units`. "0" needs no unit. */
static bool parse_number(const char *text, const struct unit *units, int64_t *ret_number)
{
    int64_t number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';
        if (number > (INT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (at == text)
        return false;
    if (number == 0 && *at == '\0') {
        *ret_number = 0;
        return true;
    }
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(at, unit->name) != 0)
            continue;
        if (number > INT64_MAX / unit->size)
            return false;
        *ret_number = number * unit->size;
        return true;
    }
    return false;
}

static bool read_number(const struct cw_setting *setting, const char *text, int64_t *ret_number)
{
    const struct unit *units = units_of(setting);
    int64_t number = 0;
    int64_t min = 0;
    int64_t max = 0;

    if (!parse_number(text, units, &number) || !parse_number(setting->min, units, &min) ||
        !parse_number(setting->max, units, &max) || number < min || number > max)
        return false;
    if (setting->type == CW_SETTING_SECONDS) {
        if (number % 1000 != 0)
            return false;
        number /= 1000;
    }
    *ret_number = number;
    return true;
}

/* The `index`th word of "a|b|c"; empty: there is none. */
static struct cw_bytes enum_word(const struct cw_setting *setting, int64_t index)
{
    const char *at = setting->min;
    for (;;) {
        const char *end = strchrnul(at, '|');
        if (index == 0)
            return cw_bytes_make(at, (size_t)(end - at));
        if (*end == '\0')
            return cw_bytes_make(NULL, 0);
        at = end + 1;
        index--;
    }
}

static bool read_enum(const struct cw_setting *setting, const char *text, int64_t *ret_number)
{
    for (int64_t i = 0; enum_word(setting, i).size > 0; i++) {
        if (cw_bytes_is(enum_word(setting, i), text)) {
            *ret_number = i;
            return true;
        }
    }
    return false;
}

static struct cw_bytes trim(struct cw_bytes text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = cw_bytes_make(text.data + 1, text.size - 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* Words of the row separated by commas, each any number of times. */
static bool read_words(const struct cw_setting *setting, const char *text, int64_t *ret_number)
{
    int64_t words = 0;
    for (const char *at = text;; at++) {
        struct cw_bytes word = trim(cw_bytes_make(at, strcspn(at, ",")));
        int64_t index = 0;
        while (enum_word(setting, index).size > 0 &&
               !cw_bytes_equal(enum_word(setting, index), word))
            index++;
        if (enum_word(setting, index).size == 0)
            return false;
        words |= INT64_C(1) << index;
        at += strcspn(at, ",");
        if (*at == '\0')
            break;
    }
    *ret_number = words;
    return true;
}

static void format_words(const struct cw_setting *setting, int64_t words, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; enum_word(setting, i).size > 0 && used < size; i++) {
        struct cw_bytes word = enum_word(setting, i);
        if ((words >> i & 1) == 0)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", used > 0 ? "," : "",
                                 (int)word.size, word.data);
    }
}

/* "N/TIME", each within its part of the row's min and max; the parts of those are good. */
static bool split_rate(const char *text, int64_t *ret_count, int64_t *ret_ms)
{
    char digits[20];
    size_t size = strcspn(text, "/");
    if (text[size] != '/' || size >= sizeof(digits))
        return false;
    memcpy(digits, text, size);
    digits[size] = '\0';
    return parse_number(digits, no_units, ret_count) &&
           parse_number(text + size + 1, time_units, ret_ms);
}

static bool read_rate(const struct cw_setting *setting, const char *text, int64_t *ret_rate)
{
    int64_t count = 0, count_min = 0, count_max = 0;
    int64_t ms = 0, ms_min = 0, ms_max = 0;
    if (strcmp(text, "0") == 0) {
        *ret_rate = 0;
        return true;
    }
    if (!split_rate(text, &count, &ms) || !split_rate(setting->min, &count_min, &ms_min) ||
        !split_rate(setting->max, &count_max, &ms_max) || count < count_min || count > count_max ||
        ms < ms_min || ms > ms_max)
        return false;
    *ret_rate = count << CW_RATE_TIME_BITS | ms;
    return true;
}

/* In the largest unit that divides it; 0 has none. */
static void format_number(int64_t number, const struct unit *units, char *text, size_t size)
{
    while (number % units->size != 0)
        units++;
    if (number == 0)
        (void)snprintf(text, size, "0");
    else
        (void)snprintf(text, size, "%lld%s", (long long)(number / units->size), units->name);
}

static void format_rate(int64_t rate, char *text, size_t size)
{
    char time[32];
    format_number(cw_rate_ms(rate), time_units, time, sizeof(time));
    if (rate == 0)
        (void)snprintf(text, size, "0");
    else
        (void)snprintf(text, size, "%lld/%s", (long long)cw_rate_count(rate), time);
}

int cw_listen_address_parse(const char *text, struct cw_listen_address *ret_address)
{
    struct cw_listen_address address = {0};
    const char *host = text;
    const char *colon = strrchr(text, ':');

    if (strncmp(text, "unix:", 5) == 0) {
        size_t size = strlen(text + 5);
        if (size == 0 || size >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
            return CW_ERR_INVALID;
        address.is_unix = true;
        memcpy(address.host, text + 5, size);
        *ret_address = address;
        return CW_OK;
    }
    if (colon == NULL)
        return CW_ERR_INVALID;

    int64_t port;
    if (strlen(colon + 1) > 5 || !parse_number(colon + 1, no_units, &port) || port > UINT16_MAX)
        return CW_ERR_INVALID;
    size_t size = (size_t)(colon - text);
    bool is_bracketed = size >= 2 && text[0] == '[' && colon[-1] == ']';
    if (is_bracketed) {
        host++;
        size -= 2;
    }
    static const char of_names[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    static const char of_ipv6[] = "ABCDEFabcdef0123456789:.%";
    if (size >= sizeof(address.host) || (is_bracketed && size == 0) ||
        strspn(host, is_bracketed ? of_ipv6 : of_names) < size)
        return CW_ERR_INVALID;
    memcpy(address.host, host, size);
    address.port = (int)port;
    *ret_address = address;
    return CW_OK;
}

static bool is_address(const char *text)
{
    struct cw_listen_address address;
    return cw_listen_address_parse(text, &address) == CW_OK;
}

/* What may stand in a request line before '?', beginning with '/'. */
static bool is_url_path(const char *text)
{
    if (text[0] != '/' || strlen(text) > 255)
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || strchr("?#\"<>\\^`{|}", *at) != NULL)
            return false;
    }
    return true;
}

/* Globs separated by commas, none of them empty; white space around them is of no meaning. */
static bool is_origins(const char *text)
{
    const char *at = text;
    for (;;) {
        size_t size = strcspn(at, ",");
        if (strspn(at, " ") >= size)
            return false;
        if (at[size] == '\0')
            return true;
        at += size + 1;
    }
}

static bool is_user_name(const char *text)
{
    static const char of_users[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t size = strlen(text);
    return size >= 1 && size <= 32 && strspn(text, of_users) == size && text[0] != '-';
}

static bool is_networks(const char *text)
{
    struct cw_networks networks;
    if (cw_networks_parse(cw_bytes_text(text), &networks) != CW_OK)
        return false;
    cw_networks_finish(&networks);
    return true;
}

static bool has_control_character(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            return true;
    }
    return false;
}

static bool is_redis(const char *text, char *why, size_t why_size)
{
    struct cw_redis_address address;
    if (cw_redis_address_parse(text, why, why_size, &address) != CW_OK)
        return false;
    cw_redis_address_finish(&address);
    return true;
}

static bool is_good_text(const struct cw_setting *setting, const char *text, char *why,
                         size_t why_size)
{
    if (strlen(text) > TEXT_SIZE_MAX || has_control_character(text))
        return false;
    switch (setting->type) {
    case CW_SETTING_ADDRESS:
        return is_address(text);
    case CW_SETTING_ADDRESS_OR_NONE:
        return text[0] == '\0' || is_address(text);
    case CW_SETTING_URL_PATH:
        return is_url_path(text);
    case CW_SETTING_NODE_NAME:
        return cw_node_name_is_valid(cw_bytes_text(text));
    case CW_SETTING_PREFIX:
        return cw_prefix_is_valid(cw_bytes_text(text));
    case CW_SETTING_ORIGINS:
        return is_origins(text);
    case CW_SETTING_NETWORKS:
        return is_networks(text);
    case CW_SETTING_REDIS:
        return is_redis(text, why, why_size);
    case CW_SETTING_USER:
        return is_user_name(text);
    default:
        return text[0] != '\0';
    }
}

void cw_setting_allowed(const struct cw_setting *setting, char *text, size_t size)
{
    static const char redis_urls[] =
        "embedded, unix:PATH, redis:// or rediss://[USER:PASSWORD@]HOST[:PORT][/DB], "
        "redis+sentinel://[USER:PASSWORD@]HOST[:PORT],.../NAME[/DB], "
        "redis+cluster://[USER:PASSWORD@]HOST[:PORT],..., "
        "redis-shards://[USER:PASSWORD@]HOST[:PORT],...[/DB]";
    static const char *const texts[] = {
        [CW_SETTING_ADDRESS] = "HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH",
        [CW_SETTING_ADDRESS_OR_NONE] = "HOST:PORT, [IPV6]:PORT, :PORT, unix:PATH or nothing (off)",
        [CW_SETTING_URL_PATH] = "a path such as /ws: up to 255 characters, without ? and #",
        [CW_SETTING_NODE_NAME] = "1 to 50 bytes of A-Z a-z 0-9 _ . -",
        [CW_SETTING_REDIS] = redis_urls,
        [CW_SETTING_PREFIX] = "1 to 32 bytes of A-Z a-z 0-9 _ . : -",
        [CW_SETTING_FILE_NAME] = "the name of a folder or file",
        [CW_SETTING_SECRET] = "1 to 4096 characters, none of them a control character",
        [CW_SETTING_WORD] = "up to 4096 characters, none of them a control character",
        [CW_SETTING_MODULES] = "PATH.so or PATH.so:ARGS; several: repeated, or separated by ;",
        [CW_SETTING_NETWORKS] = "networks separated by commas, such as 10.0.0.0/8, or unix",
        [CW_SETTING_USER] = "the name of a user: 1 to 32 bytes of A-Z a-z 0-9 _ . -",
        [CW_SETTING_ORIGINS] = "globs separated by commas, such as https://*.example.com",
    };
    switch (setting->type) {
    case CW_SETTING_INTEGER:
        (void)snprintf(text, size, "an integer from %s to %s", setting->min, setting->max);
        break;
    case CW_SETTING_BYTES:
        (void)snprintf(text, size, "%s to %s: bytes, or with a unit KiB, MiB, GiB", setting->min,
                       setting->max);
        break;
    case CW_SETTING_DURATION:
        (void)snprintf(text, size, "%s to %s, with a unit: ms, s, m, h, d", setting->min,
                       setting->max);
        break;
    case CW_SETTING_SECONDS:
        (void)snprintf(text, size, "%s to %s in whole seconds, with a unit: s, m, h, d",
                       setting->min, setting->max);
        break;
    case CW_SETTING_ENUM:
        (void)snprintf(text, size, "one of %s", setting->min);
        break;
    case CW_SETTING_WORDS:
        (void)snprintf(text, size, "any of %s, separated by commas", setting->min);
        break;
    case CW_SETTING_RATE:
        (void)snprintf(text, size, "0, or N/TIME such as 20/60s, from %s to %s", setting->min,
                       setting->max);
        break;
    default:
        (void)snprintf(text, size, "%s", texts[setting->type]);
        break;
    }
}

int cw_setting_parse(const struct cw_setting *setting, const char *text, char *error,
                     size_t error_size, struct cw_setting_value *ret_value)
{
    struct cw_setting_value value = {0};
    char why[160] = "";
    bool is_good;

    if (text[0] == '\0' && setting->default_text[0] == '\0')
        is_good = true;
    else if (setting->type == CW_SETTING_ENUM)
        is_good = read_enum(setting, text, &value.number);
    else if (setting->type == CW_SETTING_WORDS)
        is_good = read_words(setting, text, &value.number);
    else if (setting->type == CW_SETTING_RATE)
        is_good = read_rate(setting, text, &value.number);
    else if (cw_setting_is_text(setting))
        is_good = is_good_text(setting, text, why, sizeof(why));
    else
        is_good = read_number(setting, text, &value.number);

    if (!is_good) {
        char allowed[400];
        cw_setting_allowed(setting, allowed, sizeof(allowed));
        (void)snprintf(error, error_size, "%s%sallowed: %s", why, why[0] != '\0' ? "; " : "",
                       allowed);
        return CW_ERR_INVALID;
    }
    if (cw_setting_is_text(setting)) {
        value.text = strdup(text);
        if (value.text == NULL) {
            (void)snprintf(error, error_size, "%s", cw_error_text(CW_ERR_NOMEM));
            return CW_ERR_NOMEM;
        }
    }
    *ret_value = value;
    return CW_OK;
}

void cw_setting_show(const struct cw_setting *setting, const char *text, char *shown, size_t size)
{
    if (setting->type == CW_SETTING_SECRET) {
        (void)snprintf(shown, size, "%s", text[0] == '\0' ? "" : "***");
        return;
    }
    bool has_secret = setting->type == CW_SETTING_REDIS && strncmp(text, "unix:", 5) != 0;
    const char *secret_end = has_secret ? strrchr(text, '@') : NULL;

    if (secret_end != NULL) {
        const char *slashes = strstr(text, "://");
        int start = slashes != NULL && slashes < secret_end ? (int)(slashes + 3 - text) : 0;
        (void)snprintf(shown, size, "%.*s***%s", start, text, secret_end);
    } else if (strlen(text) > SHOWN_SIZE_MAX) {
        (void)snprintf(shown, size, "%.*s...", SHOWN_SIZE_MAX, text);
    } else {
        (void)snprintf(shown, size, "%s", text);
    }
}

void cw_setting_format(const struct cw_setting *setting, const struct cw_setting_value *value,
                       char *text, size_t size)
{
    if (setting->type == CW_SETTING_REDIS || setting->type == CW_SETTING_SECRET) {
        cw_setting_show(setting, value->text, text, size);
        return;
    }
    if (cw_setting_is_text(setting)) {
        (void)snprintf(text, size, "%s", value->text);
        return;
    }
    if (setting->type == CW_SETTING_ENUM) {
        struct cw_bytes word = enum_word(setting, value->number);
        (void)snprintf(text, size, "%.*s", (int)word.size, word.data);
        return;
    }
    if (setting->type == CW_SETTING_WORDS) {
        format_words(setting, value->number, text, size);
        return;
    }

    if (setting->type == CW_SETTING_RATE) {
        format_rate(value->number, text, size);
        return;
    }
    format_number(value->number * (setting->type == CW_SETTING_SECONDS ? 1000 : 1),
                  units_of(setting), text, size);
}
