/*
 * WebSockets of the restart tests: the load generator's client, with output
 * that waits its turn.
 */

#include "ws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sealchat/limits.h>

#include "../../bench/load/client.h"

struct ws {
    struct client client;
    uint8_t      *out;
    size_t        out_n, out_room;
};


struct ws *
ws_open(const char *port, const char *origin, const char *path)
{
    struct address address = { .origin = origin,
                               .subprotocol = SC_SUBPROTOCOL };
    struct ws     *ws = calloc(1, sizeof(*ws));

    if (ws == NULL) {
        die("no memory");
    }

    strcpy(address.host, "127.0.0.1");
    snprintf(address.port, sizeof(address.port), "%s", port);
    client_open(&ws->client, &address, path);
    client_nonblocking(&ws->client);
    ws->client.may_end = 1;

    return ws;
}


void
ws_close(struct ws *ws)
{
    client_close(&ws->client);
    free(ws->out);
    free(ws);
}


int
ws_fd(const struct ws *ws)
{
    return ws->client.fd;
}


int
ws_ended(const struct ws *ws)
{
    return ws->client.ended;
}


int
ws_retry_after(const struct ws *ws)
{
    int ms;

    return ws->client.code == 1012
           && sscanf(ws->client.reason, "retry-after-ms=%d", &ms) == 1
           ? ms : -1;
}


size_t
ws_kept(const struct ws *ws)
{
    return ws->out_n;
}


void
ws_send(struct ws *ws, const uint8_t *message, size_t n)
{
    size_t need = ws->out_n + n + CLIENT_HEADER_MAX;

    if (need > ws->out_room) {
        ws->out_room = need < 4096 ? 4096 : 2 * need;
        ws->out = realloc(ws->out, ws->out_room);
        if (ws->out == NULL) {
            die("no memory");
        }
    }

    ws->out_n += client_frame(ws->out + ws->out_n, message, n);
}


void
ws_flush(struct ws *ws)
{
    ssize_t n;

    while (ws->out_n && !ws->client.ended) {
        n = send(ws->client.fd, ws->out, ws->out_n, MSG_NOSIGNAL);
        if (n < 0) {
            ws->client.ended = errno != EAGAIN && errno != EINTR;
            return;
        }
        ws->out_n -= (size_t) n;
        memmove(ws->out, ws->out + n, ws->out_n);
    }
}


int
ws_read(struct ws *ws)
{
    return client_read(&ws->client);
}


const uint8_t *
ws_next(struct ws *ws, size_t *n)
{
    return client_next(&ws->client, n);
}
