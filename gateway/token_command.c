/*
 * token_command.c - its own flags are taken out of the arguments; what is left are settings, read
 * as those of a node.
 */
#include "token_command.h"

#include <chanway/token.h>

#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define TTL_DEFAULT_S 3600

static const char usage[] =
    "Usage: chanwayd token --sub USER [--SETTING VALUE]...\n"
    "\n"
    "Prints a token signed with this node's token-secret, or the private key in its\n"
    "token-key-file; settings come from flags, environment and file as for a node.\n"
    "\n"
    "  --sub USER      the user\n"
    "  --join GLOB     groups that may be joined; may repeat\n"
    "  --publish GLOB  groups that may be published to; may repeat\n"
    "  --group NAME    a group that is joined at connect; may repeat\n"
    "  --send          the op send is allowed\n"
    "  --type TYPE     payload type of the channel: json, text or bytes\n"
    "  --expires TIME  longest life of the channel, such as 8h\n"
    "  --ttl TIME      how long the token holds (1h); 0: for ever\n";

/* Room for as many as there are arguments. */
struct wishes {
    struct cw_token_claims claims;
    const char **join;
    const char **publish;
    const char **groups;
    char **rest; /* arguments that are settings; rest[0] is the program */
    int rest_count;
    bool wants_help;
};

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "chanwayd token: %s: %s\n", what, why);
    return CW_ERR_INVALID;
}

static int read_seconds(const char *name, const char *text, int64_t *ret_seconds)
{
    static const struct cw_setting seconds = {
        .default_text = "0", .min = "0", .max = "36500d", .type = CW_SETTING_SECONDS};
    struct cw_setting_value value;
    char why[200];
    if (cw_setting_parse(&seconds, text, why, sizeof(why), &value) != CW_OK)
        return fail(name, why);
    *ret_seconds = value.number;
    return CW_OK;
}

/* CW_OK; CW_ERR_NOT_FOUND: it is a setting. */
static int take(struct wishes *wishes, const char *name, const char *value)
{
    struct cw_token_claims *claims = &wishes->claims;
    if (strcmp(name, "--sub") == 0)
        claims->sub = value;
    else if (strcmp(name, "--join") == 0)
        wishes->join[claims->join_count++] = value;
    else if (strcmp(name, "--publish") == 0)
        wishes->publish[claims->publish_count++] = value;
    else if (strcmp(name, "--group") == 0)
        wishes->groups[claims->group_count++] = value;
    else if (strcmp(name, "--type") == 0)
        claims->type = value;
    else if (strcmp(name, "--expires") == 0)
        return read_seconds(name, value, &claims->expires_s);
    else if (strcmp(name, "--ttl") == 0)
        return read_seconds(name, value, &claims->ttl_s);
    else
        return CW_ERR_NOT_FOUND;
    return CW_OK;
}

/* `--name value` or `--name=value`. */
static int read_arguments(struct wishes *wishes, int argc, char *argv[])
{
    wishes->rest[wishes->rest_count++] = argv[0];
    for (int i = 2; i < argc; i++) {
        char name[32];
        const char *equals = strchr(argv[i], '=');
        size_t size = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const char *value = equals != NULL ? equals + 1 : argv[i + 1];
        (void)snprintf(name, sizeof(name), "%.*s", (int)size, argv[i]);
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            wishes->wants_help = true;
            return CW_OK;
        }
        if (strcmp(name, "--send") == 0 && equals == NULL) {
            wishes->claims.sends = true;
            continue;
        }
        int rc = value != NULL ? take(wishes, name, value) : CW_ERR_NOT_FOUND;
        if (rc == CW_OK) {
            i += equals == NULL;
        } else if (rc == CW_ERR_NOT_FOUND) {
            wishes->rest[wishes->rest_count++] = argv[i];
            if (equals == NULL && i + 1 < argc)
                wishes->rest[wishes->rest_count++] = argv[++i];
        } else {
            return rc;
        }
    }
    if (wishes->claims.sub == NULL || wishes->claims.sub[0] == '\0')
        return fail("--sub", "is missing: the user that the token is for");
    return CW_OK;
}

void cw_token_fill_options(const struct cw_config *config, struct cw_gateway_options *options)
{
    static const char *const algorithms[] = {"HS256", "HS384", "HS512", "RS256", "RS384",
                                             "RS512", "ES256", "ES384", "ES512", "EdDSA"};
    options->token_secret = config->token_secret;
    options->token_secret_2 = config->token_secret_2;
    options->token_key_file = config->token_key_file;
    options->token_alg = algorithms[config->token_alg];
    options->token_issuer = config->token_issuer;
    options->token_audience = config->token_audience;
    options->require_token = (enum cw_require_token)config->require_token;
}

static int print_token(struct wishes *wishes, const struct cw_config *config)
{
    struct cw_gateway_options options;
    char error[CW_CONFIG_ERROR_SIZE];
    char *token = NULL;
    wishes->claims.join = wishes->claims.join_count > 0 ? wishes->join : NULL;
    wishes->claims.publish = wishes->claims.publish_count > 0 ? wishes->publish : NULL;
    wishes->claims.groups = wishes->claims.group_count > 0 ? wishes->groups : NULL;
    cw_gateway_options_init(&options);
    cw_token_fill_options(config, &options);
    int rc = cw_token_make(&options, &wishes->claims, error, sizeof(error), &token);
    if (rc != CW_OK) {
        (void)fprintf(stderr, "chanwayd token: %s\n", error);
        return rc == CW_ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
    }
    bool is_printed = printf("%s\n", token) > 0 && fflush(stdout) == 0;
    free(token);
    return is_printed ? EXIT_OK : EXIT_FAILED;
}

static int run(struct wishes *wishes, char *const environment[])
{
    struct cw_config config;
    enum cw_config_action action;
    char error[CW_CONFIG_ERROR_SIZE];
    if (wishes->wants_help)
        return fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
    int rc = cw_config_load(wishes->rest_count, wishes->rest, environment, &config, &action, error,
                            sizeof(error));
    if (rc != CW_OK) {
        (void)fprintf(stderr, "chanwayd token: %s\n", error);
        return rc == CW_ERR_NOMEM ? EXIT_FAILED : EXIT_USAGE;
    }
    rc = print_token(wishes, &config);
    cw_config_finish(&config);
    return rc;
}

int cw_token_command(int argc, char *argv[], char *const environment[])
{
    struct wishes wishes = {.claims.ttl_s = TTL_DEFAULT_S};
    int rc = EXIT_FAILED;
    size_t room = (size_t)argc + 1;
    wishes.join = calloc(room, sizeof(*wishes.join));
    wishes.publish = calloc(room, sizeof(*wishes.publish));
    wishes.groups = calloc(room, sizeof(*wishes.groups));
    wishes.rest = calloc(room, sizeof(*wishes.rest));
    if (wishes.join != NULL && wishes.publish != NULL && wishes.groups != NULL &&
        wishes.rest != NULL)
        rc = read_arguments(&wishes, argc, argv) == CW_OK ? run(&wishes, environment) : EXIT_USAGE;
    free(wishes.join);
    free(wishes.publish);
    free(wishes.groups);
    free(wishes.rest);
    return rc;
}
