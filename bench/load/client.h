/*
 * A WebSocket client (RFC 6455) for load: it blocks while it is being set up,
 * and never afterwards.  Everything that goes wrong ends the process with a
 * sentence: a figure from a run with errors is worth nothing.
 */

#ifndef SEALCHAT_BENCH_CLIENT_H
#define SEALCHAT_BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#define CLIENT_HEADER_MAX 14u      /* masked */

struct client {
    int      fd;
    struct ssl_st *ssl;            /* NULL: no TLS */
    uint8_t *in;                   /* what was read and not yet taken */
    size_t   in_n;
    size_t   in_at;
    size_t   in_cap;
    int      may_end;              /* the service may close it: */
    int      ended;                /* this is set, instead of the end */
    unsigned code;                 /* of its Close, 0: there was none */
    char     reason[124];
};

struct address {
    char        host[64];
    char        port[8];
    const char *origin;            /* of the Origin header */
    const char *subprotocol;       /* NULL: none */
    struct ssl_ctx_st *tls;        /* NULL: none */
    const char *headers;           /* more of them, each with its line's end */
};

void die(const char *format, ...) __attribute__((format(printf, 1, 2),
                                                 noreturn));

/* Connects and upgrades; path has its query. */
void client_open(struct client *client, const struct address *address,
                 const char *path);

/* The same in two steps, for many at a time: asks, and waits for the answer. */
void client_ask(struct client *client, const struct address *address,
                const char *path);
void client_upgraded(struct client *client, const char *path);

/* Connects and upgrades nothing: for protocols without WebSocket. */
void client_connect(struct client *client, const struct address *address);
void client_close(struct client *client);

/* One binary message in one masked frame, written to out, which has room for
 * n + CLIENT_HEADER_MAX bytes.  Returns its length. */
size_t client_frame(uint8_t *out, const uint8_t *message, size_t n);

/* Sends one message and waits until all of it is with the kernel. */
void client_send(struct client *client, const uint8_t *message, size_t n);

/* Bytes as they are, the same way. */
void client_put(struct client *client, const uint8_t *p, size_t n);

/* Waits for the next message; valid until the next call. */
const uint8_t *client_wait(struct client *client, size_t *n);

/* Waits for bytes, of a connection that was not upgraded. */
const uint8_t *client_wait_bytes(struct client *client, size_t *n);

/* From here on nothing waits. */
void client_nonblocking(struct client *client);

/* Reads what has come, once.  Returns 0 when there was nothing. */
int client_read(struct client *client);

/* The next message of what was read, or NULL.  Answers pings. */
const uint8_t *client_next(struct client *client, size_t *n);

/* All that was read, or NULL: of a connection that was not upgraded. */
const uint8_t *client_bytes(struct client *client, size_t *n);

#endif
