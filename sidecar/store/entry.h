/*
 * Codecs of what the store writes: a message in the log, a session's row.
 *
 * Pure functions on bytes.  The envelope is opaque here: what the store must
 * know of a message stands beside it.
 */

#ifndef SEALCHAT_STORE_ENTRY_H
#define SEALCHAT_STORE_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

/* Each message knows the nearest one before it, in its session, whose ordinal
 * is a multiple of this: so a long chain is walked in long steps. */
#define SC_SKIP_STEP  64u

/*
 * A place is a message's key in its log: a serial, which is counted over all
 * logs together, and the number of the log's class below it.
 */
#define SC_CLASS_BITS  3u

static inline uint64_t
sc_place_of(uint64_t serial, unsigned class)
{
    return serial << SC_CLASS_BITS | class;
}

static inline uint64_t
sc_serial_of(uint64_t place)
{
    return place >> SC_CLASS_BITS;
}

static inline unsigned
sc_class_of(uint64_t place)
{
    return (unsigned) (place & ((1u << SC_CLASS_BITS) - 1));
}

/*
 * A message.  position is its number in the customer's order; stamp is the
 * time by the store's own clock, from which it is kept.
 *
 *     flags:1  position:8  time:8  stamp:8  customer:8  ordinal:8  prev:8
 *     skip:8  seq:8  sid:32  signkey_id:32  id:32  hello_len:2  hello
 *     envelope
 */
struct sc_entry {
    uint64_t        position;
    uint64_t        time;
    uint64_t        stamp;
    uint64_t        customer;
    uint64_t        ordinal;     /* in its session, from 1 */
    uint64_t        prev;        /* place of the one before it, 0: none */
    uint64_t        skip;        /* place as SC_SKIP_STEP says, 0: none */
    uint64_t        seq;
    const uint8_t  *sid;
    const uint8_t  *signkey_id;
    const uint8_t  *id;
    struct sc_bytes hello;       /* with ordinal 1 */
    struct sc_bytes envelope;
};

/* Of one sender in one session: the last number it used, and the id. */
struct sc_sender {
    uint8_t  signkey_id[32];
    uint8_t  id[32];
    uint64_t seq;
};

/*
 * What an appended message changes of its session.
 *
 *     ordinal:8  place:8  position:8  time:8  skip:8  bytes:8  n:4  n senders
 */
struct sc_session_state {
    uint64_t         ordinal;    /* of its newest message, and so on */
    uint64_t         place;
    uint64_t         position;
    uint64_t         time;
    uint64_t         skip;       /* what the next message will name */
    uint64_t         bytes;      /* of all that were ever appended */
    size_t           n;
    size_t           room;       /* senders that fit */
    struct sc_sender senders[];
};

size_t sc_entry_size(const struct sc_entry *entry);

/* What counts of it against quotas. */
static inline uint64_t
sc_entry_bytes(const struct sc_entry *entry)
{
    return entry->hello.n + entry->envelope.n;
}

void sc_entry_write(uint8_t *out, const struct sc_entry *entry);

/* 1, or 0 when the bytes are no entry; pointers point into them. */
int sc_entry_read(struct sc_bytes bytes, struct sc_entry *entry);

/* A copy with room for one more sender; from NULL, an empty one.  NULL when
 * there is no memory; free() frees it. */
struct sc_session_state *
sc_session_state_copy(const struct sc_session_state *state);

/* The entry of a sender, or NULL. */
const struct sc_sender *
sc_session_state_sender(const struct sc_session_state *state,
                        const uint8_t signkey_id[32]);

/* Takes a message into account.  state has room for one more sender. */
void sc_session_state_append(struct sc_session_state *state,
                             const struct sc_entry *entry, uint64_t place);

size_t sc_session_row_size(const struct sc_session_state *state);
void sc_session_row_write(uint8_t *out, const struct sc_session_state *state);

/* A state of its own, or NULL when the bytes are no row or there is no
 * memory. */
struct sc_session_state *sc_session_row_read(struct sc_bytes bytes);

#endif
