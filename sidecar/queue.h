/*
 * Delivery: each device and each visitor's stream gets the messages of its
 * queue in order, a window at a time.  What has just been committed goes out
 * from memory to streams that have everything before it; the others read
 * from the store.
 */

#ifndef SEALCHAT_QUEUE_H
#define SEALCHAT_QUEUE_H

#include <stdint.h>

#include "customer.h"
#include "stream.h"

/* A message that is durable. */
struct sc_delivery {
    uint64_t              position;
    uint64_t              time;
    const uint8_t        *signkey_id;  /* of its sender */
    int                   first;       /* opened its session */
    struct sc_bytes       hello;       /* of its session, if first */
    struct sc_body       *body;        /* holds the envelope */
    struct sc_bytes       envelope;
};

/* Joins the queue of its role, having acknowledged up to cursor; delivery
 * begins with sc_queue_pump(). */
void sc_queue_join(struct sc_stream *stream, uint64_t cursor);

/* Leaves it; what was acknowledged is submitted. */
void sc_queue_leave(struct sc_stream *stream);

/* The queue of the stream's role; NULL before it is authenticated. */
struct sc_queue *sc_queue_of(const struct sc_stream *stream);

/* A message was committed: sends it to whoever is ready for it, the session's
 * visitor too.  session: its live one, NULL if there is none. */
void sc_queue_committed(struct sc_live *customer,
                        struct sc_session_live *session,
                        const struct sc_delivery *message);

/* Delivers as far as window, link and store let it. */
void sc_queue_pump(struct sc_stream *stream);

/* Submits the release that a visitor runs; its session is stored, or its
 * first message was submitted just before. */
void sc_queue_save_release(struct sc_stream *stream);

/* Submits all cursors that moved; called by a timer and at the end. */
void sc_queue_save(struct sc_service *service);

#endif
