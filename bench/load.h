/*
 * What the load generator's parts share.  A pair is a sender and a receiver of
 * one conversation; a peer is a system that carries it.
 */

#ifndef SEALCHAT_BENCH_LOAD_H
#define SEALCHAT_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/limits.h>

#include "client.h"
#include "histogram.h"

struct options {
    struct address address;
    const char    *path;
    unsigned       pairs;
    unsigned       inflight;
    unsigned       messages;      /* of each pair */
    unsigned       seconds;       /* 0: until all messages are delivered */
    unsigned       procs;
    unsigned       size;          /* bytes of one envelope */
};

struct pair {
    const struct options *options;
    struct client  sender;
    struct client  receiver;

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
    uint64_t       position;      /* SealChat: delivered, */
    uint64_t       acked;         /* and acknowledged */
};

struct peer {
    const char *name;

    /* Connects both ends and writes the frames. */
    void (*prepare)(struct pair *pair, unsigned index);

    /* Looks at a message that the sender got: how many messages it
     * acknowledges. */
    unsigned (*on_answer)(struct pair *pair, const uint8_t *p, size_t n);

    /* Looks at a message that the receiver got: the number (from 1) of the
     * message it delivers, 0 if none. */
    uint64_t (*on_delivery)(struct pair *pair, const uint8_t *p, size_t n);

    /* All that has come at once to the receiver was taken. */
    void (*taken)(struct pair *pair);
};

extern const struct peer sealchat_peer, nchan_peer;

/* Where an envelope holds its number; nchan's messages do too. */
#define SEQ_OFFSET 104u

struct result {
    uint64_t         stored;
    uint64_t         delivered;
    double           seconds;
    double           cpu_seconds;   /* of the load generator */
    struct histogram stored_us;
    struct histogram delivered_us;
};

/* Runs one process's pairs, all prepared, to the end. */
void run_pairs(const struct peer *peer, struct pair *pairs, unsigned n,
               const struct options *options, struct result *result);

uint64_t now_us(void);

#endif
