/*
 * Hot state: what the store knows in memory of customers and sessions.
 *
 * Everything here has two sides.  The published side is what is durable; any
 * thread reads it under the lock.  The staged side belongs to the commit
 * thread alone: what the transaction under way would make of it.  Publishing
 * turns the staged into the published, rolling back forgets it, and neither
 * can fail.
 *
 * A session or customer is dirty from its publishing until a checkpoint has
 * written it: the log has the message, the rows do not.  A checkpoint takes
 * those that are dirty as its pass, and writes them a few at a time, as they
 * are then; what becomes dirty meanwhile waits for the next.  Clean sessions
 * are evicted above a bound; customers stay.  A session that was deleted
 * stays, marked as gone, until its turn, so that none of it is written.
 */

#ifndef SEALCHAT_STORE_HOT_H
#define SEALCHAT_STORE_HOT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "../store.h"
#include "entry.h"

struct sc_hot_session;

/* Messages, their bytes, and sessions. */
struct sc_usage {
    uint64_t messages;
    uint64_t bytes;
    uint64_t sessions;
};

/* tail: the places of positions tail_first, tail_first + 1, ..., which no
 * block on disk has yet.  Messages that were ever appended are as many as the
 * head says. */
struct sc_hot_customer {
    uint64_t                number;
    uint64_t                head;            /* newest position, 0: none */
    uint64_t                bytes;           /* ever appended */
    uint64_t                sessions;        /* ever begun */
    struct sc_usage         left;            /* of both, what left again */
    struct sc_quotas        quotas;
    unsigned                class;
    uint8_t                 erased;
    uint64_t                tail_first;
    uint64_t               *tail;
    size_t                  n_tail;
    size_t                  room;
    size_t                  staged;          /* beyond n_tail */
    uint64_t                staged_bytes;
    uint64_t                staged_sessions;
    struct sc_usage         staged_left;
    uint64_t                staged_earliest; /* 0: nothing expires */
    uint64_t                staged_expired;
    struct sc_quotas        staged_quotas;   /* if relimited */
    unsigned                staged_class;
    uint8_t                 relimited;
    uint8_t                 erasing;         /* staged: is to be erased */
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
    struct sc_hot_session   *unstored_prev;
    uint8_t                  unstored;       /* in its customer's list */
    uint8_t                  stored;         /* has a row on disk */
    uint8_t                  dirty;
    uint8_t                  touched;
    uint8_t                  going;          /* staged: is to be gone */
    uint8_t                  gone;           /* deleted */
    uint8_t                  used;           /* since the hand passed */
    uint8_t                  blocked;        /* the commit thread's alone */
    uint8_t                  staged_blocked; /* if reblocked */
    uint8_t                  reblocked;
};

/* What one checkpoint writes: sessions in the order of their keys, then
 * customers.  Of both together, those below `at' are written, those below
 * `put' as well if the transaction under way is committed. */
struct sc_hot_pass {
    struct sc_hot_session  **sessions;
    struct sc_hot_customer **customers;
    size_t                   n_sessions;
    size_t                   n_customers;
    size_t                   at;
    size_t                   put;
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
    size_t                   n_dirty;        /* sessions, listed above */
    size_t                   n_dirty_customers;
    struct sc_hot_pass       pass;
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

/* like: number, head and what else a customer of a row has. */
struct sc_hot_customer *
sc_hot_add_customer(struct sc_hot *hot, const struct sc_hot_customer *like);

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

/* Stages the message of a session that is gone: its position alone.  0, or
 * -1. */
int sc_hot_stage_place(struct sc_hot *hot, struct sc_hot_customer *customer,
                       const struct sc_entry *entry, uint64_t place);

/* Stages what a message makes of its session alone.  0, or -1. */
int sc_hot_stage_state(struct sc_hot *hot, struct sc_hot_session *session,
                       const struct sc_entry *entry, uint64_t place);

/* Stages other limits of a customer, and its end. */
void sc_hot_stage_limits(struct sc_hot *hot, struct sc_hot_customer *customer,
                         const struct sc_quotas *quotas, unsigned class);
void sc_hot_stage_erase(struct sc_hot *hot, struct sc_hot_customer *customer);

/* What a customer has stored, and its limits, as the transaction sees them. */
struct sc_usage sc_hot_usage(const struct sc_hot_customer *customer);
const struct sc_quotas *sc_hot_quotas(const struct sc_hot_customer *customer);
unsigned sc_hot_class(const struct sc_hot_customer *customer);
int sc_hot_erased(const struct sc_hot_customer *customer);

/* Stages the session's end. */
void sc_hot_stage_end(struct sc_hot *hot, struct sc_hot_session *session);

/* Stages that the session is blocked, or is not any more; and whether the
 * transaction sees it so. */
void sc_hot_stage_block(struct sc_hot *hot, struct sc_hot_session *session,
                        int blocked);
int sc_hot_blocked(const struct sc_hot_session *session);

/* Stages that something of a customer leaves; from which position on what is
 * left of it begins, and what serial has expired, or zeros. */
void sc_hot_stage_left(struct sc_hot *hot, struct sc_hot_customer *customer,
                       const struct sc_usage *left, uint64_t earliest,
                       uint64_t expired);

/* Whether the transaction sees it as deleted. */
int sc_hot_ended(const struct sc_hot_session *session);

void sc_hot_publish(struct sc_hot *hot);

/* A customer that the failed transaction registered may stay: it is as empty
 * as the next one of its number. */
void sc_hot_rollback(struct sc_hot *hot);

/* Begins a pass over what is dirty; there must be none under way.  0, or -1
 * when there is no memory. */
int sc_hot_pass_begin(struct sc_hot *hot);

/* Whether a pass is under way, and how much of it is left to write. */
int sc_hot_passing(const struct sc_hot *hot);
size_t sc_hot_pass_left(const struct sc_hot *hot);

/* What was put is committed: it is clean.  Before publishing. */
void sc_hot_pass_clean(struct sc_hot *hot);

/* Everything is written: the pass is over. */
void sc_hot_pass_end(struct sc_hot *hot);

/* Evicts clean sessions not used of late, if there are too many; a share of
 * them at a time. */
void sc_hot_evict(struct sc_hot *hot);

#endif
