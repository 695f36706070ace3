/*
 * One browser's WebSocket that never waits: what cannot leave is kept.  Apart
 * from the clients of unit tests, whose names the load generator has too.
 */

#ifndef SEALCHAT_RESTART_WS_H
#define SEALCHAT_RESTART_WS_H

#include <stddef.h>
#include <stdint.h>

struct ws;

/* Connects and upgrades at 127.0.0.1; ends the process when it cannot. */
struct ws *ws_open(const char *port, const char *origin, const char *path);
void       ws_close(struct ws *ws);

int    ws_fd(const struct ws *ws);
int    ws_ended(const struct ws *ws);

/* After how many ms the service wants it back; -1 when it did not say. */
int    ws_retry_after(const struct ws *ws);

/* Bytes that are kept. */
size_t ws_kept(const struct ws *ws);

/* One binary message. */
void   ws_send(struct ws *ws, const uint8_t *message, size_t n);

/* Sends what is kept, as far as it goes. */
void   ws_flush(struct ws *ws);

/* Reads once; then all messages of that.  0: there was nothing. */
int            ws_read(struct ws *ws);
const uint8_t *ws_next(struct ws *ws, size_t *n);

#endif
