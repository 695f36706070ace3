/*
 * Streams: one browser each.  A stream finds the frame that a record holds,
 * asks the table whether it may come now, and hands it to its answerer.
 */

#ifndef SEALCHAT_STREAM_H
#define SEALCHAT_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>
#include <sealchat/record.h>

#include "body.h"
#include "customer.h"
#include "link.h"
#include "map.h"

struct sc_challenge {
    uint8_t  bytes[32];
    uint64_t time;               /* of the loop's clock, ms */
};

/* An idle stream is this struct and nothing else; what hangs on pointers
 * exists while it is needed. */
struct sc_stream {
    struct sc_map_node   node;         /* in its link's table */
    struct sc_link      *link;         /* NULL: gone from it */
    struct sc_service   *service;
    uint32_t             id;

    uint8_t              role;         /* enum sc_role */
    uint8_t              unanswered;   /* requests */
    uint8_t              checks;       /* that it sent */
    uint8_t              spare_gets;   /* that it sent */
    uint8_t              puzzle;       /* bits of its next challenge's, or of
                                          the one that is out */
    unsigned             paused:1;     /* by the module */
    unsigned             closed:1;     /* we sent CLOSE */
    unsigned             waiting:1;    /* in link->waiting */
    unsigned             unsaved:1;    /* in service->unsaved */
    unsigned             reading:1;    /* a window of deliveries */
    unsigned             paging:1;     /* an answer */
    unsigned             ticket_held:1; /* behind answers, roster */
    unsigned             roster_due:1; /* a new one came that it was not shown */
    unsigned             refs;         /* operations that will come back */
    uint32_t             ticket_due;   /* when to renew it, s of the loop's
                                          clock; 0: it has none */

    uint8_t              cid[32];      /* of the address */
    uint8_t              self[32];     /* signkey_id; an owner's account_id */
    union {
        uint8_t          pk[32];       /* of a device */
        uint8_t          release[32];  /* of a visitor: of its AUTH */
    };
    struct sc_challenge *challenge;
    uint64_t             address;      /* throttle.h; 0: none */
    uint64_t             mark;         /* until RESUME brings it; 0: none */

    struct sc_live      *customer;     /* once authenticated */
    struct sc_session_live *session;   /* of a visitor */

    struct sc_stream    *queue_prev;   /* beside it in its queue */
    struct sc_stream    *queue_next;
    struct sc_stream    *wait_next;
    struct sc_stream    *unsaved_next;

    uint64_t             acked;        /* position that the client has */
    uint64_t             sent;         /* all up to here was looked at */
    struct sc_window    *window;       /* delivered and not acknowledged */

    struct sc_held      *held_first;   /* answers, while paused */
    struct sc_held      *held_last;
    struct sc_job       *jobs_first;   /* page requests */
    struct sc_job       *jobs_last;
};

/* OPEN came, with these flags: sends the first CHALLENGE, goes on by the
 * ticket, or says why not.  NULL when there is no memory. */
struct sc_stream *sc_stream_open(struct sc_link *link, uint32_t id,
                                 const struct sc_open *open, unsigned flags);

/* It is authenticated, in this role. */
void sc_stream_become(struct sc_stream *stream, enum sc_role role);

/* DATA came. */
void sc_stream_frame(struct sc_stream *stream, const uint8_t *bytes, size_t n);

/* PAUSE or RESUME came. */
void sc_stream_pause(struct sc_stream *stream, int paused);

/* Room on its link or a RESUME: sends what was held and goes on. */
void sc_stream_go_on(struct sc_stream *stream);

/* Ends the conversation: CLOSE is sent, everything but the entry in the
 * link's table is let go.  Does nothing the second time. */
void sc_stream_close(struct sc_stream *stream, uint16_t code,
                     const char *reason);

/* The stream's id is free or its link is gone; stream may be freed. */
void sc_stream_forget(struct sc_stream *stream);

/* For as long as an operation will come back to the stream. */
void sc_stream_ref(struct sc_stream *stream);
void sc_stream_drop(struct sc_stream *stream);

/* Whether DATA may go out now. */
int  sc_stream_may_send(const struct sc_stream *stream);

/*
 * Sends a frame: head, then n bytes at p in body (see sc_link_data).  asked
 * says that it answers a request: then it is held while the stream is paused;
 * otherwise it is dropped there.
 */
void sc_stream_send(struct sc_stream *stream, int asked,
                    const uint8_t *head, size_t head_n,
                    struct sc_body *body, const uint8_t *p, size_t n);

/* The same for a whole frame; takes over the reference.  A NULL body means
 * that there was no memory. */
void sc_stream_send_body(struct sc_stream *stream, int asked,
                         struct sc_body *body);

/* A frame that nobody asked for and that must not be missed: held while the
 * stream is paused, as answers are.  Where too many are, the stream is closed,
 * so that the client comes again and looks. */
void sc_stream_tell(struct sc_stream *stream, const uint8_t *bytes, size_t n);

/* Sends ERROR, and CLOSE where the table says so.  sentence may be NULL: the
 * table's own. */
void sc_stream_error(struct sc_stream *stream, int asked, uint16_t tag,
                     enum sc_error_code code, const char *sentence);

/* The same with SC_E_SLOW_DOWN: it may come again after so many ms. */
void sc_stream_slow_down(struct sc_stream *stream, uint16_t tag,
                         uint32_t retry);

/* Draws and sends a new challenge, with a puzzle of stream->puzzle bits, unless the stream is authenticated or has
 * one. */
void sc_stream_challenge(struct sc_stream *stream);

/* Takes the challenge away: copies it to out.  SC_E_CHALLENGE_EXPIRED when it
 * is too old or there is none. */
enum sc_error_code sc_stream_take_challenge(struct sc_stream *stream,
                                            uint8_t out[32]);

/* What answers each frame: sc_do_<name>(), in the file of its subject.  frame
 * and all bytes it points to are borrowed for the call. */
#define SC_DO_PROTO(type, NAME, name, roles, max, repeat, answer) \
    void sc_do_##name(struct sc_stream *stream, const struct sc_frame *frame);
SC_CLIENT_FRAMES(SC_DO_PROTO)
#undef SC_DO_PROTO

#endif
