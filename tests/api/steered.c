/*
 * steered.c - a gateway in a program of its own, which does what its standard input says.
 *
 *   steered LISTEN REDIS NODE EVENTS
 *
 * A line is a verb and its arguments, payloads in hex, "-" for none or NULL. It is answered, on
 * standard output, by `<line number> refused <rc>` if the call returned an error, else later by
 * `<line number> done <rc>[ <facts>]`, once. `end` destroys the gateway with whatever is under way;
 * the last line is `ended <calls that were never completed>`.
 */
#include <chanway/gateway.h>
#include <chanway/group.h>
#include <chanway/registry.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_SIZE (4 << 20)
#define WORDS_MAX     10

struct steered {
    struct cw_gateway *gateway;
    struct event *input;
    char *line;
    size_t size;     /* of what was read of it */
    unsigned number; /* of the line */
    unsigned calls;  /* not completed */
    bool hides;      /* every channel, as it connects */
};

/* One call on its way. */
struct call {
    struct steered *steered;
    unsigned number;
};

static void say(const char *format, ...) CW_PRINTF(1, 2);

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)fflush(stdout);
}

static struct call *begin(struct steered *steered)
{
    struct call *call = malloc(sizeof(*call));
    if (call == NULL)
        abort();
    *call = (struct call){steered, steered->number};
    steered->calls++;
    return call;
}

/* The number of its line; the call is over. */
static unsigned end_call(struct call *call)
{
    unsigned number = call->number;
    call->steered->calls--;
    free(call);
    return number;
}

static void check(struct call *call, int rc)
{
    if (rc != CW_OK)
        say("%u refused %d\n", end_call(call), rc);
}

static int width(struct cw_bytes bytes)
{
    return (int)bytes.size;
}

/* Completions. */

static void on_done(void *arg, int rc)
{
    say("%u done %d\n", end_call(arg), rc);
}

static void on_published(void *arg, int rc, const struct cw_published *published)
{
    say("%u done %d %d %" PRIu64 " %" PRIu64 " %d\n", end_call(arg), rc, published->is_logged,
        published->position.epoch, published->position.offset, published->is_duplicate);
}

static void on_sent(void *arg, int rc, const struct cw_sent *sent)
{
    say("%u done %d %s %d\n", end_call(arg), rc, sent->is_delivered ? "delivered" : "queued",
        sent->is_duplicate);
}

static void on_count(void *arg, int rc, int64_t count)
{
    say("%u done %d %" PRId64 "\n", end_call(arg), rc, count);
}

static void on_members(void *arg, int rc, const struct cw_member_info *members, size_t count,
                       struct cw_bytes next)
{
    unsigned number = end_call(arg);
    (void)printf("%u done %d %.*s", number, rc, width(next), next.data == NULL ? "" : next.data);
    for (size_t i = 0; i < count; i++)
        (void)printf(" %.*s@%.*s", width(members[i].channel), members[i].channel.data,
                     width(members[i].node), members[i].node.data);
    say("\n");
}

static void on_page(void *arg, int rc, const struct cw_registry_item *items, size_t count,
                    struct cw_bytes next)
{
    unsigned number = end_call(arg);
    (void)printf("%u done %d %.*s", number, rc, width(next), next.data == NULL ? "" : next.data);
    for (size_t i = 0; i < count; i++)
        (void)printf(" %.*s@%.*s", width(items[i].uuid), items[i].uuid.data, width(items[i].node),
                     items[i].node.data);
    say("\n");
}

static void on_entry(void *arg, int rc, const struct cw_registry_entry *entry)
{
    unsigned number = end_call(arg);
    (void)printf("%u done %d", number, rc);
    if (entry != NULL) {
        (void)printf(" uuid=%.*s node=%.*s user=%.*s address=%.*s type=%d created=%" PRId64
                     " expires=%" PRId64 " queued=%" PRId64 " connected=%d groups=",
                     width(entry->uuid), entry->uuid.data, width(entry->node), entry->node.data,
                     width(entry->user), entry->user.data, width(entry->address),
                     entry->address.data, (int)entry->type, entry->created_ms, entry->expires_s,
                     entry->queued, entry->is_connected);
        for (size_t i = 0; i < entry->group_count; i++)
            (void)printf("%s%.*s", i == 0 ? "" : ",", width(entry->groups[i]),
                         entry->groups[i].data);
    }
    say("\n");
}

/* Arguments. */

static enum cw_payload_type type_of(const char *word)
{
    return strcmp(word, "json") == 0   ? CW_PAYLOAD_JSON
           : strcmp(word, "text") == 0 ? CW_PAYLOAD_TEXT
           : strcmp(word, "none") == 0 ? (enum cw_payload_type)9
                                       : CW_PAYLOAD_BYTES;
}

/* Hex, decoded in place. */
static struct cw_bytes payload_of(char *word)
{
    size_t size = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {word[2 * i], word[2 * i + 1], '\0'};
        word[i] = (char)strtol(digits, NULL, 16);
    }
    return cw_bytes_make(word, size);
}

static const char *text_or_null(const char *word)
{
    return strcmp(word, "-") == 0 ? NULL : word;
}

static struct cw_message message_of(char **words)
{
    return (struct cw_message){.type = type_of(words[0]),
                               .payload = payload_of(words[1]),
                               .from = cw_bytes_text(text_or_null(words[2])),
                               .key = cw_bytes_text(text_or_null(words[3])),
                               .skips_sender = strcmp(words[4], "skip") == 0};
}

/* Verbs: those of groups get the group, those of channels of this node the channel. */

static int group_verb(const char *verb, struct cw_group *group, char **words, struct call *call)
{
    if (strcmp(verb, "add") == 0)
        return cw_group_add(group, text_or_null(words[0]), on_done, call);
    if (strcmp(verb, "remove") == 0)
        return cw_group_remove(group, text_or_null(words[0]), on_done, call);
    if (strcmp(verb, "json") == 0)
        return cw_group_send_json(group, payload_of(words[0]), on_published, call);
    if (strcmp(verb, "text") == 0)
        return cw_group_send_text(group, payload_of(words[0]), on_published, call);
    if (strcmp(verb, "bytes") == 0)
        return cw_group_send_bytes(group, payload_of(words[0]), on_published, call);
    if (strcmp(verb, "send") == 0)
        return cw_group_send(group, type_of(words[0]), payload_of(words[1]), on_published, call);
    if (strcmp(verb, "message") == 0) {
        struct cw_message message = message_of(words);
        return cw_group_send_message(group, &message, on_published, call);
    }
    if (strcmp(verb, "members") == 0)
        return cw_group_members(group, text_or_null(words[0]), atoi(words[1]), on_members, call);
    return cw_group_count(group, on_count, call);
}

static int registry_verb(struct cw_gateway *gateway, const char *verb, char **words,
                         struct call *call)
{
    const char *uuid = text_or_null(words[0]);
    if (strcmp(verb, "get") == 0)
        return cw_registry_get(gateway, uuid, on_entry, call);
    if (strcmp(verb, "get_all") == 0)
        return cw_registry_get_all(gateway, uuid, atoi(words[1]), on_page, call);
    if (strcmp(verb, "send") == 0)
        return cw_registry_send(gateway, uuid, type_of(words[1]), payload_of(words[2]), on_sent,
                                call);
    if (strcmp(verb, "message") == 0) {
        struct cw_message message = message_of(words + 1);
        return cw_registry_send_message(gateway, uuid, &message, on_sent, call);
    }
    if (strcmp(verb, "close") == 0)
        return cw_registry_close(gateway, uuid, atoi(words[1]), text_or_null(words[2]), on_done,
                                 call);
    struct cw_channel *channel = cw_registry_get_local(gateway, uuid);
    if (strcmp(verb, "local") == 0) {
        on_done(call, channel == NULL ? CW_ERR_NOT_FOUND : CW_OK);
        return CW_OK;
    }
    if (strcmp(verb, "hide") == 0)
        return cw_registry_remove(channel, on_done, call);
    return cw_registry_add(channel, on_done, call);
}

static void run(struct steered *steered, char **words)
{
    if (strcmp(words[0], "end") == 0) {
        (void)event_base_loopbreak(cw_gateway_event_base(steered->gateway));
    } else if (strcmp(words[0], "stop") == 0) {
        cw_gateway_stop(steered->gateway);
    } else if (strcmp(words[0], "hiding") == 0) {
        steered->hides = strcmp(words[1], "on") == 0;
        say("%u done 0\n", steered->number);
    } else if (strcmp(words[0], "registry") == 0) {
        struct call *call = begin(steered);
        check(call, registry_verb(steered->gateway, words[1], words + 2, call));
    } else {
        struct call *call = begin(steered);
        struct cw_group *group = NULL;
        int rc = cw_group_get(steered->gateway, text_or_null(words[1]), &group);
        if (rc == CW_OK && strcmp(cw_group_name(group), words[1]) != 0)
            abort();
        check(call, rc == CW_OK ? group_verb(words[2], group, words + 3, call) : rc);
        cw_group_release(group);
    }
}

/* Input. */

static void run_line(struct steered *steered, char *line)
{
    static char none[] = "-";
    char *words[WORDS_MAX];
    size_t count = 0;
    for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX;
         word = strtok(NULL, " "))
        words[count++] = word;
    while (count < WORDS_MAX)
        words[count++] = none;
    steered->number++;
    run(steered, words);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct steered *steered = arg;
    (void)what;
    ssize_t size = read(fd, steered->line + steered->size, LINE_MAX_SIZE - steered->size);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        (void)event_base_loopbreak(cw_gateway_event_base(steered->gateway));
        return;
    }
    steered->size += (size_t)size;
    char *end;
    while ((end = memchr(steered->line, '\n', steered->size)) != NULL) {
        size_t taken = (size_t)(end - steered->line) + 1;
        *end = '\0';
        run_line(steered, steered->line);
        steered->size -= taken;
        memmove(steered->line, end + 1, steered->size);
    }
}

/* Events. */

static void on_ready(void *arg)
{
    const struct steered *steered = arg;
    say("ready %s\n", cw_gateway_node_id(steered->gateway));
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    struct steered *steered = arg;
    if (steered->hides) {
        struct call *call = begin(steered);
        call->number = 0;
        check(call, cw_registry_remove(channel, on_done, call));
    }
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)arg;
    say("message %s %.*s\n", cw_channel_uuid(channel), width(message->payload),
        message->payload.data);
}

static void on_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)arg;
    (void)reason;
    /* It is going: nothing more can be done with it. */
    say("disconnect %s %d %d\n", cw_channel_uuid(channel), code,
        cw_registry_remove(channel, NULL, NULL));
}

static int start(struct steered *steered, char **argv)
{
    struct cw_gateway_options options;
    char error[200];
    cw_gateway_options_init(&options);
    options.listen = argv[1];
    options.admin_listen = "";
    options.redis = argv[2];
    options.node = argv[3];
    options.events_mask = (unsigned)strtoul(argv[4], NULL, 10);
    options.on_ready = on_ready;
    options.on_ready_arg = steered;
    int rc = cw_gateway_create(&options, error, sizeof(error), &steered->gateway);
    if (rc != CW_OK) {
        (void)fprintf(stderr, "%s\n", error);
        return rc;
    }
    (void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    steered->input = event_new(cw_gateway_event_base(steered->gateway), STDIN_FILENO,
                               EV_READ | EV_PERSIST, on_input, steered);
    if (steered->input == NULL || event_add(steered->input, NULL) != 0 ||
        cw_gateway_on_connect(steered->gateway, on_connect, steered) != CW_OK ||
        cw_gateway_on_disconnect(steered->gateway, on_disconnect, steered) != CW_OK ||
        cw_gateway_on_message(steered->gateway, on_message, steered) != CW_OK)
        return CW_ERR_NOMEM;
    return CW_OK;
}

int main(int argc, char **argv)
{
    struct steered steered = {.line = malloc(LINE_MAX_SIZE)};
    struct cw_group *held = NULL; /* longer than its gateway lives */
    struct call last = {&steered, 0};
    if (argc != 5 || steered.line == NULL || start(&steered, argv) != CW_OK)
        return 1;
    int rc = cw_group_get(steered.gateway, "held", &held);
    if (rc == CW_OK)
        rc = cw_gateway_run(steered.gateway);
    event_free(steered.input);
    cw_gateway_destroy(steered.gateway);
    if (cw_group_count(held, on_count, &last) != CW_ERR_CANCELLED ||
        strcmp(cw_group_name(held), "held") != 0)
        abort();
    cw_group_release(held);
    free(steered.line);
    say("ended %u\n", steered.calls);
    return rc == CW_OK ? 0 : 1;
}
