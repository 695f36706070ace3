/*
 * Links: Unix sockets on which nginx's workers connect.  A link cuts what it
 * reads into records, keeps the table of its streams, and gathers what they
 * send into few writes.
 */

#ifndef SEALCHAT_LINK_H
#define SEALCHAT_LINK_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include <sealchat/record.h>

#include "body.h"
#include "map.h"
#include "service.h"

struct sc_link {
    struct sc_service *service;
    struct sc_link    *prev;
    struct sc_link    *next;
    uv_pipe_t          pipe;

    struct sc_map      streams;       /* by id */

    uint8_t           *in;            /* read, not yet cut into records */
    size_t             in_n;

    struct sc_out     *out_first;     /* gathered, not yet with libuv */
    struct sc_out     *out_last;
    struct sc_out     *out_spare;
    size_t             out_bytes;     /* gathered or with libuv */

    struct sc_stream  *waiting_first; /* would send, found no room */
    struct sc_stream  *waiting_last;
    unsigned           reads;         /* of the store, under way for streams */

    unsigned           number;        /* for the log */
    unsigned           greeted:1;     /* its HELLO was good */
    unsigned           paused:1;      /* by the module: no DATA */
    unsigned           pausing:1;     /* we asked the module for none */
    unsigned           broken:1;      /* something could not be sent */
    unsigned           closing:1;
    unsigned           closed:1;      /* libuv is through with it */
};

/* Takes over a connection that was accepted. */
void sc_link_accept(struct sc_service *service, int fd);

/* Hands all that links have gathered to the kernel; runs before the loop
 * waits. */
void sc_link_flush_all(struct sc_service *service);

/* Closes the link and all its streams; why goes into the log. */
void sc_link_close(struct sc_link *link, const char *why);

/* Asks modules to hold DATA back, or lets it flow again, as commit queue and
 * the links' own output want it. */
void sc_link_pressure_all(struct sc_service *service);

/* Whether deliveries and pages may be added. */
int  sc_link_has_room(const struct sc_link *link);

/*
 * One DATA record: head, then n bytes at p.  head is copied; p lies in body,
 * of which a reference is taken, or body is NULL and n zero.
 */
void sc_link_data(struct sc_link *link, uint32_t stream,
                  const uint8_t *head, size_t head_n,
                  struct sc_body *body, const uint8_t *p, size_t n);

/* A CLOSE record. */
void sc_link_close_stream(struct sc_link *link, uint32_t stream,
                          uint16_t code, const char *reason);

/* A TICKET record: the stream is authenticated, in this role; n bytes at
 * ticket reopen it, or there is none yet. */
void sc_link_ticket(struct sc_link *link, uint32_t stream, uint8_t role,
                    const uint8_t *ticket, size_t n);

/* Puts a stream at the end of those that wait for room, once; the list has a
 * reference. */
void sc_link_wait(struct sc_link *link, struct sc_stream *stream);

/* Whether one more read of the store may begin for one of its streams; that
 * it has begun, that it has ended.  In between the link stays in memory. */
int  sc_link_may_read(const struct sc_link *link);
void sc_link_read_begins(struct sc_link *link);
void sc_link_read_ends(struct sc_link *link);

#endif
