/*
 * Hot state: what the store knows in memory of customers and sessions.
 *
 * Everything here has two sides.  The published side is what is durable; any
 * thread reads it under the lock.  The staged side belongs to the commit
 * thread alone: what the transaction under way would make of it.  Publishing
 * turns the staged into the published, rolling back forgets it, and neither
 * can fail.
 *
 * A session or customer is dirty from its publishing to the next checkpoint:
 * the log has the message, the rows do not.  Clean sessions are evicted above
 * a bound; customers stay.  A session that was deleted stays, marked as gone,
 * to the next checkpoint, so that none of what it had is written there.
 */

#ifndef SEALCHAT_STORE_HOT_H
#define SEALCHAT_STORE_HOT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "entry.h"

struct sc_hot_session;

/* tail: the places of positions tail_first, tail_first + 1, ..., which no
 * block on disk has yet. */
struct sc_hot_customer {
    uint64_t                number;
    uint64_t                head;            /* newest position, 0: none */
    uint64_t                tail_first;
    uint64_t               *tail;
    size_t                  n_tail;
    size_t                  room;
    size_t                  staged;          /* beyond n_tail */
    int                     touched;
    int                     dirty;
    struct sc_hot_customer *touched_next;
    struct sc_hot_customer *dirty_next;
    struct sc_hot_session  *unstored;        /* sessions without a row */
};

struct sc_hot_session {
    struct sc_hot_session   *bucket_next;
    struct sc_hot_customer  *customer;
    uint8_t                  sid[32];
    uint64_t                 hash;
    uint64_t                 first_place;    /* has the hello; if not stored */
    struct sc_session_state *state;          /* NULL: never published */
    struct sc_session_state *staged;         /* NULL: not touched */
    struct sc_hot_session   *touched_next;
    struct sc_hot_session   *dirty_next;
    struct sc_hot_session   *unstored_next;
    uint8_t                  stored;         /* has a row on disk */
    uint8_t                  dirty;
    uint8_t                  touched;
    uint8_t                  going;          /* staged: is to be gone */
    uint8_t                  gone;           /* deleted */
    uint8_t                  used;           /* since the hand passed */
};

struct sc_hot {
    pthread_mutex_t          lock;
    uint8_t                  key[16];        /* of the hash */
    struct sc_hot_session  **buckets;
    size_t                   n_buckets;      /* a power of two */
    size_t                   n_sessions;
    size_t                   max_sessions;
    size_t                   hand;
    struct sc_hot_customer **customers;      /* by number */
    size_t                   n_customers;
    struct sc_hot_session   *touched_sessions;
    struct sc_hot_customer  *touched_customers;
    struct sc_hot_session   *dirty_sessions;
    struct sc_hot_customer  *dirty_customers;
    size_t                   n_dirty;        /* sessions */
};

/* 0, or -1 when there is no memory. */
int sc_hot_init(struct sc_hot *hot, size_t max_sessions);
void sc_hot_free(struct sc_hot *hot);

/* NULL if it is not in memory.  Commit thread, or under the lock. */
struct sc_hot_customer *sc_hot_customer(const struct sc_hot *hot,
                                        uint64_t number);
struct sc_hot_session *sc_hot_session(const struct sc_hot *hot,
                                      uint64_t customer,
                                      const uint8_t sid[32]);

/*
 * The rest is the commit thread's.  Those that return a pointer return NULL
 * when there is no memory.
 */
struct sc_hot_customer *sc_hot_add_customer(struct sc_hot *hot,
                                            uint64_t number, uint64_t head);

/* Takes state over; NULL for a session that the staged message creates. */
struct sc_hot_session *sc_hot_add_session(struct sc_hot *hot,
                                          struct sc_hot_customer *customer,
                                          const uint8_t sid[32],
                                          struct sc_session_state *state);

/* What the transaction sees: the staged side, or the published. */
const struct sc_session_state *
sc_hot_state(const struct sc_hot_session *session);
uint64_t sc_hot_head(const struct sc_hot_customer *customer);

/* Stages a message of that session.  0, or -1 when there is no memory; then
 * a session that had no message is gone, and nothing else was changed. */
int sc_hot_stage(struct sc_hot *hot, struct sc_hot_session *session,
                 const struct sc_entry *entry, uint64_t place);

/* Stages a position of a customer whose session is gone.  0, or -1. */
int sc_hot_stage_place(struct sc_hot *hot, struct sc_hot_customer *customer,
                       uint64_t place);

/* Stages the session's end. */
void sc_hot_stage_end(struct sc_hot *hot, struct sc_hot_session *session);

/* Whether the transaction sees it as deleted. */
int sc_hot_ended(const struct sc_hot_session *session);

void sc_hot_publish(struct sc_hot *hot);

/* A customer that the failed transaction registered may stay: it is as empty
 * as the next one of its number. */
void sc_hot_rollback(struct sc_hot *hot);

/* After a checkpoint: nothing is dirty. */
void sc_hot_clean(struct sc_hot *hot);

/* Evicts clean sessions not used of late, if there are too many; a share of
 * them at a time. */
void sc_hot_evict(struct sc_hot *hot);

#endif
