/*
 * What the load generator's parts share.  A pair is a sender and a receiver of
 * one conversation; a peer is a system that carries it, and how it is spoken
 * to.
 */

#ifndef SEALCHAT_BENCH_LOAD_H
#define SEALCHAT_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/limits.h>

#include "client.h"
#include "histogram.h"
#include "stream.h"

struct options {
    struct address address;
    const char    *path;
    unsigned       pairs;
    unsigned       inflight;
    unsigned       messages;      /* of each pair */
    unsigned       ms;            /* of sending; 0: all messages */
    unsigned       procs;
    unsigned       size;          /* bytes of one envelope */
    int            away;          /* receivers come when all is stored */
};

struct result {
    uint64_t         stored;
    uint64_t         delivered;
    double           seconds;
    double           cpu_seconds;   /* of the load generator */
    struct histogram stored_us;
    struct histogram delivered_us;
};

struct pair {
    const struct options *options;
    struct result *result;        /* where it counts */
    uint64_t       now;           /* us, of the read that is looked at */
    struct client  sender;
    struct client  receiver;
    struct stream  answers;       /* of protocols without frames of their own */
    struct stream  deliveries;
    void          *own;           /* the peer's */

    /* All messages of the run, masked and one behind the other: nothing is
     * signed or masked while the clock runs. */
    uint8_t       *frames;
    size_t         frame_bytes;
    size_t         written;       /* bytes of frames */
    unsigned       sent;          /* messages begun */
    unsigned       stored;        /* acknowledged */
    unsigned       delivered;
    uint64_t      *sent_at;       /* us, of each message */
    int            writable_wanted;
};

/* What is NULL is not needed. */
struct peer {
    const char *name;
    const char *subprotocol;      /* of the WebSocket */
    int         raw;              /* bytes over TCP, no WebSocket */
    int         no_receiver;      /* answers come to who sends */
    int         no_delivery;      /* it stores, and tells nobody */
    int         pours;            /* it has messages, and nobody sends them */

    /* Connects both ends and writes the frames. */
    void (*prepare)(struct pair *pair, unsigned index);

    /* With options.away: connects the receiver, which is only then there. */
    void (*arrive)(struct pair *pair);

    /* Looks at what the sender got and calls pair_stored(). */
    void (*on_answer)(struct pair *pair, const uint8_t *p, size_t n);

    /* Looks at what the receiver got and calls pair_delivered(). */
    void (*on_delivery)(struct pair *pair, const uint8_t *p, size_t n);

    /* All that has come at once to the receiver was taken: time to
     * acknowledge it. */
    void (*taken)(struct pair *pair);

    /* After the clock: looks whether all is there, and removes it. */
    void (*finish)(struct pair *pair);
};

extern const struct peer sealchat_peer, nchan_peer, echo_peer, mosquitto_peer,
                         nats_peer, redis_peer, link_echo_peer;

/* The next message of the pair was acknowledged. */
void pair_stored(struct pair *pair);

/* The message of that number (from 1) was delivered.  Numbers come in order,
 * each once; another one ends the run. */
void pair_delivered(struct pair *pair, uint64_t number);

/* Runs one process's pairs, all prepared, to the end.  Senders alone: nobody
 * is there to receive.  Receivers alone: they come, to what was sent. */
enum { SENDERS = 1, RECEIVERS = 2 };

void run_pairs(const struct peer *peer, struct pair *pairs, unsigned n,
               const struct options *options, unsigned ends,
               struct result *result);

/* Afterwards: whether anything comes twice, and each peer's finish(). */
void run_settle(const struct peer *peer, struct pair *pairs, unsigned n,
                const struct options *options);

uint64_t now_us(void);


/* --- payload.c: what peers carry that know nothing of envelopes ------------
 *
 * Noise as long as SealChat's whole frame, so that all carry the same number
 * of bytes, with its number where an envelope has it. */

#define SEQ_OFFSET 104u           /* in an envelope */

size_t payload_bytes(const struct options *options);

/* All frames of a pair: what head() writes, the payload, what tail() writes,
 * masked unless the peer is raw.  Both return how many bytes they wrote, which
 * are the same for each message; room is what both need at the most. */
struct payload_format {
    size_t room;
    size_t (*head)(const struct pair *pair, uint8_t *out, unsigned number);
    size_t (*tail)(const struct pair *pair, uint8_t *out, unsigned number);
    int    raw;
};

void payload_frames(struct pair *pair, const struct payload_format *format);

/* The number of a payload that came; ends the run if it has another length. */
uint64_t payload_number(const struct pair *pair, const uint8_t *p, size_t n);

#endif
