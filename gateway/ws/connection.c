/* connection.c - messages in, closing, pausing; the transport of channels. */
#include "ws/connection.h"

#include "base/clock.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/farewell.h"
#include "handlers/dispatch.h"
#include "protocol/deflate.h"
#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/utf8.h"
#include "ws/flush.h"
#include "ws/loop_adapter.h"
#include "ws/request.h"
#include "ws/socket.h"
#include "ws/state.h"

#include <libwebsockets.h>

#include <stdlib.h>
#include <string.h>

/* How long a closing client has to take what is queued and to answer the close frame. */
#define CLOSE_TIME_MS 2000
/* What of it is left at least when it is told, whether or not the cluster was. */
#define ANSWER_TIME_MS 1000
/* RFC 6455 section 5.5: a control frame's payload, less the code. */
#define REASON_MAX 123

/* Of a frame's first byte: it begins a compressed message. */
#define RSV1 0x40

#define CLOSE_GOING_AWAY   1001
#define CLOSE_PROTOCOL     1002
#define CLOSE_NO_CODE      1005
#define CLOSE_LOST         1006
#define CLOSE_BAD_TEXT     1007
#define CLOSE_TOO_BIG      1009
#define CLOSE_INTERNAL     1011
#define CLOSE_CODE_HIGHEST 4999

struct cw_connection *cw_connection_of(struct lws *wsi)
{
    struct cw_connection *connection = lws_wsi_user(wsi);
    return connection != NULL && connection->wsi == wsi ? connection : NULL;
}

/* --- closing --------------------------------------------------------------------------------- */

/* At most REASON_MAX bytes of `reason`, no character cut in two. */
static struct cw_bytes cut_reason(const char *reason)
{
    struct cw_bytes bytes = cw_bytes_text(reason);
    if (bytes.size <= REASON_MAX)
        return bytes;
    bytes.size = REASON_MAX;
    while (bytes.size > 0 && ((unsigned char)bytes.data[bytes.size] & 0xc0) == 0x80)
        bytes.size--;
    return bytes;
}

static struct cw_buf *create_close_frame(int code, const char *reason)
{
    struct cw_bytes text = cut_reason(reason);
    char payload[2 + REASON_MAX];
    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 0xff);
    if (text.size > 0)
        memcpy(payload + 2, text.data, text.size);
    return cw_frame_create(CW_FRAME_CLOSE, cw_bytes_make(payload, 2 + text.size));
}

/* The beginning of a message. */
struct cw_partial {
    size_t size, capacity; /* of `data` */
    char data[];
};

static void drop_partial(struct cw_connection *connection)
{
    free(connection->partial);
    connection->partial = NULL;
}

/* Made when it begins to end; NULL: out of memory. */
static struct cw_ending *ending_of(struct cw_connection *connection)
{
    if (connection->ending == NULL)
        connection->ending = calloc(1, sizeof(*connection->ending));
    if (connection->ending != NULL)
        connection->ending->connection = connection;
    return connection->ending;
}

static void destroy_ending(struct cw_connection *connection)
{
    struct cw_ending *ending = connection->ending;
    if (ending == NULL)
        return;
    cw_list_remove(&ending->closing);
    cw_buf_unref(ending->close_frame);
    free(ending);
    connection->ending = NULL;
}

/* Takes `close_frame`, in the place of one that was there. CW_ERR_NOMEM, also where it is NULL:
 * nothing has changed. */
static int set_close_frame(struct cw_connection *connection, struct cw_buf *close_frame)
{
    struct cw_ending *ending = close_frame != NULL ? ending_of(connection) : NULL;
    if (ending == NULL) {
        cw_buf_unref(close_frame);
        return CW_ERR_NOMEM;
    }
    cw_buf_unref(ending->close_frame);
    ending->close_frame = close_frame;
    return CW_OK;
}

/* No more data from here on, and not for ever. */
static void begin_closing(struct cw_connection *connection)
{
    struct cw_ws_server *server = connection->server;
    connection->is_closing = true;
    drop_partial(connection);
    struct cw_ending *ending = ending_of(connection);
    if (ending == NULL) {
        cw_connection_kill(connection);
        return;
    }
    ending->close_at_ms = server->node->now_ms + CLOSE_TIME_MS;
    cw_list_push_back(&server->closing, &ending->closing);
}

static void set_paused(struct cw_connection *connection, bool is_paused)
{
    if (connection->is_paused == is_paused)
        return;
    struct cw_ws_server *server = connection->server;
    connection->is_paused = is_paused;
    lws_rx_flow_control(connection->wsi, is_paused ? 0 : 1);
    if (is_paused) {
        cw_list_remove(&connection->resumed);
        return;
    }
    int fd = lws_get_socket_fd(connection->wsi);
    bool has_input = cw_loop_may_have_input(server->loop, fd) || server->tls != NULL;
    if (has_input && !cw_list_is_linked(&connection->resumed))
        cw_list_push_back(&server->resumed, &connection->resumed);
    if (connection->channel != NULL)
        connection->channel->last_seen_ms = server->node->now_ms; /* it could not be heard */
    cw_loop_request_post_turn(server->loop);
}

void cw_connection_kill(struct cw_connection *connection)
{
    connection->is_close_sent = true; /* nothing is written any more */
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    cw_loop_request_post_turn(connection->server->loop);
}

static void say_farewell(const struct cw_connection *connection)
{
    if (connection->channel != NULL)
        cw_farewell_say(connection->channel);
}

static void expire_farewells(struct cw_ws_server *server)
{
    int64_t until_ms = server->node->now_ms + ANSWER_TIME_MS;
    for (struct cw_list_node *node = cw_list_first(&server->closing); node != NULL;
         node = cw_list_next(&server->closing, node)) {
        const struct cw_ending *ending = CW_CONST_CONTAINER(node, struct cw_ending, closing);
        if (ending->close_at_ms > until_ms)
            return;
        say_farewell(ending->connection);
    }
}

void cw_connections_expire(struct cw_ws_server *server)
{
    struct cw_list_node *node;
    expire_farewells(server);
    while ((node = cw_list_first(&server->closing)) != NULL) {
        const struct cw_ending *ending = CW_CONST_CONTAINER(node, struct cw_ending, closing);
        if (ending->close_at_ms > server->node->now_ms)
            return;
        cw_list_remove(node);
        cw_connection_kill(ending->connection);
    }
}

/* --- the channel's transport ----------------------------------------------------------------- */

static void request_flush(struct cw_channel *channel)
{
    struct cw_connection *connection = channel->connection;
    if (connection == NULL)
        return; /* its 101 is not out: the opening flushes */
    if (!connection->is_blocked && !cw_list_is_linked(&channel->dirty))
        cw_list_push_back(&channel->node->dirty, &channel->dirty);
    cw_loop_request_post_turn(connection->server->loop);
}

static void flush_now(struct cw_channel *channel)
{
    if (channel->connection != NULL)
        cw_flush_connection(channel->connection);
}

static void close_connection(struct cw_channel *channel, int code, const char *reason)
{
    struct cw_connection *connection = channel->connection;
    if (connection == NULL || connection->is_closing)
        return;
    int rc = set_close_frame(connection, create_close_frame(code, reason));
    begin_closing(connection);
    if (rc < 0)
        cw_connection_kill(connection);
    set_paused(connection, false); /* to hear the answer */
    request_flush(channel);
}

static void pause_reading(struct cw_channel *channel, bool is_paused)
{
    struct cw_connection *connection = channel->connection;
    if (connection == NULL || connection->is_closing)
        return;
    if (connection->is_opening)
        connection->is_opening_paused = is_paused;
    else
        set_paused(connection, is_paused);
}

const struct cw_transport cw_connection_transport = {
    .request_flush = request_flush,
    .flush_now = flush_now,
    .close = close_connection,
    .pause_reading = pause_reading,
};

bool cw_connections_read_resumed(struct cw_ws_server *server)
{
    /* Those that are paused and resumed by this wait for the next turn. */
    struct cw_list resumed;
    cw_list_init(&resumed);
    cw_list_move_all(&resumed, &server->resumed);
    struct cw_list_node *node;
    while ((node = cw_list_pop_front(&resumed)) != NULL) {
        struct cw_connection *connection = CW_CONTAINER(node, struct cw_connection, resumed);
        cw_loop_read_now(server->loop, lws_get_socket_fd(connection->wsi));
    }
    return !cw_list_is_empty(&server->resumed);
}

/* --- opening --------------------------------------------------------------------------------- */

/* `bye` and the close frame as one piece; NULL: no memory. */
static struct cw_buf *create_refusal(const struct cw_request *request)
{
    const struct cw_refusal *refusal = &request->refusal;
    struct cw_buf *close_frame = create_close_frame(refusal->code, refusal->reason);
    struct cw_buf *bye =
        cw_event_bye(request->kind, refusal->code, refusal->reason, refusal->retry_ms);
    if (bye == NULL)
        return close_frame; /* a raw channel */
    struct cw_buf *both = NULL;
    if (close_frame != NULL)
        both = cw_buf_create((size_t)bye->size + close_frame->size);
    if (both != NULL) {
        memcpy(both->data, bye->data, bye->size);
        memcpy(both->data + bye->size, close_frame->data, close_frame->size);
    }
    cw_buf_unref(bye);
    cw_buf_unref(close_frame);
    return both;
}

/* Tells a client why it is not let in. */
static void turn_away(struct cw_connection *connection, const struct cw_request *request)
{
    int rc = set_close_frame(connection, create_refusal(request));
    CW_STAT(closes_total)[cw_stats_close_index(request->refusal.code)] += 1;
    begin_closing(connection);
    if (rc < 0)
        cw_connection_kill(connection);
    cw_flush_connection(connection);
}

int cw_connection_on_established(struct cw_connection *connection, struct lws *wsi,
                                 struct cw_request *request)
{
    connection->wsi = wsi;
    connection->server = request->server;
    connection->channel = request->channel;
    connection->is_held_back = request->is_held_back;
    connection->fd = request->is_tls ? -1 : lws_get_socket_fd(wsi);
    connection->is_library_writing = lws_partial_buffered(wsi) != 0;
    request->channel = NULL;
    if (connection->channel != NULL)
        connection->channel->is_compressed = request->is_compressed;
    if (connection->channel == NULL)
        turn_away(connection, request);
    cw_request_destroy(request);
    if (connection->channel == NULL)
        return 0;
    connection->channel->connection = connection;
    connection->channel->last_seen_ms = connection->server->node->now_ms;
    /* Most channels are open at once, so the pause while they are not is put off. */
    connection->is_opening = true;
    cw_channel_open(connection->channel);
    connection->is_opening = false;
    if (connection->is_opening_paused && !connection->is_closing)
        set_paused(connection, true);
    return 0;
}

/* --- messages -------------------------------------------------------------------------------- */

static void close_for(struct cw_connection *connection, int code, const char *reason)
{
    cw_channel_close(connection->channel, code, reason, -1);
}

/* Inflates a message; false: the connection is being closed instead. */
static bool inflate_message(struct cw_connection *connection, struct cw_bytes *message)
{
    const struct cw_node *node = connection->server->node;
    switch (cw_deflate_unpack(node->deflate, *message, node->limits.max_message, message)) {
    case CW_OK:
        cw_loop_note_inflated(connection->server->loop, message->size);
        return true;
    case CW_ERR_TOO_LARGE:
        close_for(connection, CLOSE_TOO_BIG, "message too big");
        return false;
    case CW_ERR_NOMEM:
        close_for(connection, CLOSE_INTERNAL, "out of memory");
        return false;
    default:
        close_for(connection, CLOSE_BAD_TEXT, "no compressed data");
        return false;
    }
}

static void handle_message(struct cw_connection *connection, struct cw_bytes message)
{
    if (connection->is_packed && !inflate_message(connection, &message))
        return;
    bool is_binary = lws_frame_is_binary(connection->wsi) != 0;
    if (!is_binary && !cw_utf8_is_valid(message)) {
        close_for(connection, CLOSE_BAD_TEXT, "text that is not UTF-8");
        return;
    }
    cw_dispatch_frame(connection->channel, is_binary, message);
}

/* Keeps a piece of a message; `expected` bytes of it are known to follow. */
static int keep_piece(struct cw_connection *connection, struct cw_bytes piece, size_t expected)
{
    struct cw_partial *partial = connection->partial;
    size_t size = (partial != NULL ? partial->size : 0) + piece.size;
    if (partial == NULL || size > partial->capacity) {
        size_t capacity = size + expected;
        if (partial != NULL && capacity < partial->capacity * 2)
            capacity = partial->capacity * 2;
        struct cw_partial *grown = realloc(partial, sizeof(*grown) + capacity);
        if (grown == NULL)
            return CW_ERR_NOMEM;
        if (partial == NULL)
            grown->size = 0;
        grown->capacity = capacity;
        connection->partial = partial = grown;
    }
    if (piece.size > 0)
        memcpy(partial->data + partial->size, piece.data, piece.size);
    partial->size = size;
    return CW_OK;
}

/* What the header of a frame from a client takes, for a payload of `size` bytes. */
static size_t header_size(size_t size)
{
    if (size < 126)
        return 6;
    return size <= 0xffff ? 8 : 14;
}

int cw_connection_on_receive(struct cw_connection *connection, const void *data, size_t size)
{
    struct lws *wsi = connection->wsi;
    size_t remaining = lws_remaining_packet_payload(wsi);
    cw_loop_note_read(connection->server->loop, size + (remaining == 0 ? header_size(size) : 0));
    if (connection->is_closing || connection->channel == NULL)
        return 0;

    /* The mark is on the first of its frames (RFC 7692 section 6.1). */
    if (lws_is_first_fragment(wsi))
        connection->is_packed = (lws_get_reserved_bits(wsi) & RSV1) != 0;
    size_t max = connection->server->node->limits.max_message;
    if (connection->is_packed)
        max = cw_deflate_bound(max);
    size_t known = (connection->partial != NULL ? connection->partial->size : 0) + size;
    if (known > max || remaining > max - known) {
        close_for(connection, CLOSE_TOO_BIG, "message too big");
        return 0;
    }
    bool is_final = lws_is_final_fragment(wsi) != 0;
    struct cw_bytes piece = cw_bytes_make(data, size);
    if (is_final && connection->partial == NULL) {
        handle_message(connection, piece);
        return 0;
    }
    if (keep_piece(connection, piece, remaining) < 0) {
        close_for(connection, CLOSE_INTERNAL, "out of memory");
        return 0;
    }
    if (!is_final)
        return 0;

    /* A handler may close the connection, which drops what it has: so it is taken out first. */
    struct cw_partial *message = connection->partial;
    connection->partial = NULL;
    handle_message(connection, cw_bytes_make(message->data, message->size));
    free(message);
    return 0;
}

/* --- the end --------------------------------------------------------------------------------- */

/* The code with which a peer's close frame is answered; sets what it said. */
static int read_close(struct cw_connection *connection, struct cw_bytes payload)
{
    char *reason = connection->server->close_reason;
    reason[0] = '\0';
    connection->peer_code = CLOSE_NO_CODE;
    if (payload.size == 0)
        return CLOSE_NO_CODE;
    const unsigned char *bytes = (const unsigned char *)payload.data;
    /* The library puts 1002 in the place of codes that are not to be sent, but for those too high.
     */
    int code = payload.size >= 2 ? bytes[0] << 8 | bytes[1] : CLOSE_PROTOCOL;
    if (code > CLOSE_CODE_HIGHEST)
        code = CLOSE_PROTOCOL;
    if (payload.size > 2 && payload.size - 2 <= REASON_MAX) {
        struct cw_bytes text = cw_bytes_make(payload.data + 2, payload.size - 2);
        if (cw_utf8_is_valid(text)) {
            memcpy(reason, text.data, text.size);
            reason[text.size] = '\0';
        } else {
            code = CLOSE_BAD_TEXT;
        }
    }
    connection->peer_code = (uint16_t)code;
    return code;
}

static bool can_be_echoed(struct cw_bytes payload, int answer)
{
    const unsigned char *bytes = (const unsigned char *)payload.data;
    return payload.size == 0 || (payload.size >= 2 && (bytes[0] << 8 | bytes[1]) == answer);
}

int cw_connection_on_peer_close(struct cw_connection *connection, const void *data, size_t size)
{
    if (connection->is_close_sent)
        return -1; /* the answer to ours: done */

    int code = read_close(connection, cw_bytes_make(data, size));
    if (lws_partial_buffered(connection->wsi) && can_be_echoed(cw_bytes_make(data, size), code)) {
        /* Half a frame is under way: behind it the library sends the peer's close frame back. */
        if (!connection->is_closing)
            begin_closing(connection);
        connection->is_close_sent = true;
        return 0;
    }
    if (cw_connection_close_frame(connection) == NULL) {
        struct cw_buf *answer = code == CLOSE_NO_CODE
                                    ? cw_frame_create(CW_FRAME_CLOSE, cw_bytes_make(NULL, 0))
                                    : create_close_frame(code, NULL);
        if (set_close_frame(connection, answer) < 0)
            return -1;
    }
    connection->is_closing = true;
    say_farewell(connection);
    cw_flush_connection(connection);
    return -1;
}

int cw_connection_on_writable(struct cw_connection *connection)
{
    connection->is_blocked = false;
    cw_flush_connection(connection);
    return 0;
}

void cw_connection_on_library_writing(struct cw_connection *connection, bool is_writing)
{
    connection->is_library_writing = is_writing;
}

void cw_connection_on_unbind(struct cw_connection *connection)
{
    connection->is_unbound = true;
    bool is_ending = connection->server->is_ending;
    say_farewell(connection);
    if (!connection->is_closing || (is_ending && !connection->is_close_sent)) {
        /* There are broken frames for which the library closes without a close frame. */
        if (lws_get_close_length(connection->wsi) == 0 &&
            cw_socket_is_peer_there(connection->wsi)) {
            (void)set_close_frame(
                connection,
                create_close_frame(is_ending ? CLOSE_GOING_AWAY : CLOSE_PROTOCOL, NULL));
            cw_flush_connection(connection);
        }
        if (!connection->is_closing)
            begin_closing(connection);
        return;
    }
    /* The library would send a close frame of its own behind ours. */
    if (connection->is_close_sent)
        cw_socket_end_output(connection->wsi);
}

/* The code that passed over the wire, or was to: the peer's, ours, the library's. */
static int final_code(const struct cw_connection *connection, const char **ret_reason)
{
    *ret_reason = "";
    if (connection->peer_code != 0) {
        *ret_reason = connection->server->close_reason;
        return connection->peer_code;
    }
    const unsigned char *payload = NULL;
    size_t size = 0;
    if (cw_connection_close_frame(connection) != NULL) {
        struct cw_bytes own = cw_frame_payload(cw_connection_close_frame(connection));
        payload = (const unsigned char *)own.data;
        size = own.size;
    } else if (lws_get_close_length(connection->wsi) > 0) {
        payload = lws_get_close_payload(connection->wsi);
        size = (size_t)lws_get_close_length(connection->wsi);
    }
    if (size < 2)
        return CLOSE_LOST;
    char *reason = connection->server->close_reason;
    size_t reason_size = size - 2 <= REASON_MAX ? size - 2 : REASON_MAX;
    memcpy(reason, payload + 2, reason_size);
    reason[reason_size] = '\0';
    *ret_reason = reason;
    return payload[0] << 8 | payload[1];
}

void cw_connection_on_closed(struct cw_connection *connection)
{
    cw_list_remove(&connection->resumed);
    drop_partial(connection);
    connection->is_closing = connection->is_close_sent = true;

    struct cw_channel *channel = connection->channel;
    connection->channel = NULL;
    if (channel != NULL) {
        const char *reason;
        int code = final_code(connection, &reason);
        cw_list_remove(&channel->dirty);
        channel->connection = NULL;
        cw_channel_closed(channel, code, reason);
    }
    destroy_ending(connection);
}
