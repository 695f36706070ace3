/*
 * What the two files of the engine in memory share.
 */

#ifndef SEALCHAT_T_MEMORY_STATE_H
#define SEALCHAT_T_MEMORY_STATE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define WRAP_KIND_AT  4u         /* behind "SCK1" */

struct blob {
    uint8_t *p;
    size_t   n;
};

struct sender {
    uint8_t  signkey_id[32];
    uint8_t  id[32];             /* of its last message */
    uint64_t seq;
};

struct session {
    struct session *next;
    uint8_t         sid[32];
    int             deleted;     /* or expired */
    int             blocked;
    uint64_t        bytes;       /* of its messages, ever */
    uint64_t        n;           /* messages; 0: only its deletion */
    uint64_t        head;
    uint64_t        time;
    uint64_t        cursor;
    uint8_t         release[32];
    struct blob     hello;
    uint8_t         spare_name[32];
    struct blob     spare;       /* p NULL: it has none */
    struct sender  *senders;
    size_t          n_senders;
};

struct message {
    uint64_t        time;
    uint64_t        expires;     /* by the store's clock */
    uint64_t        seq;
    uint64_t        before;      /* position of its session's last, 0: none */
    struct session *session;
    uint8_t         signkey_id[32];
    uint8_t         id[32];
    struct blob     envelope;
};

struct roster {
    uint8_t     id[32];
    struct blob bytes;
};

struct wrap {
    uint64_t    generation;
    uint8_t     kind;
    struct blob bytes;
};

struct cursor {
    uint8_t  signkey_id[32];
    uint64_t position;
};

struct customer {
    uint8_t         cid[32];
    uint8_t         account_id[32];
    uint64_t        number;
    int             erased;      /* its names stay taken */
    uint16_t        days;
    struct sc_quotas quotas;
    uint64_t        generation;
    struct blob     account;
    struct roster  *rosters;     /* of version 1, 2, ... */
    size_t          n_rosters;
    struct wrap    *wraps;
    size_t          n_wraps;
    struct session *sessions;
    struct message *messages;    /* of position 1, 2, ... */
    size_t          n_messages;
    uint64_t        earliest;    /* what is below has expired */
    struct cursor  *cursors;
    size_t          n_cursors;
};

struct sc_store {
    const struct sc_engine *engine;
    struct sc_store        *next;
    char                   *path;
    int                     open;
    struct sc_store_options options;
    uint64_t                clock;       /* of retention */
    uint64_t                looked;      /* at the machine's, monotonic ms */
    pthread_mutex_t         lock;
    uint8_t                 salt[32];
    struct customer       **customers;   /* of number 1, 2, ... */
    size_t                  n_customers;
};

/* Whether that mistake is to be made. */
static inline int
bug(const char *name)
{
    const char *planted = getenv("ENGINE_BUG");

    return planted != NULL && strcmp(planted, name) == 0;
}

static inline int
same_id(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 32) == 0;
}

static inline struct customer *
customer_of(const struct sc_store *store, uint64_t number)
{
    return number > 0 && number <= store->n_customers
           && !store->customers[number - 1]->erased
           ? store->customers[number - 1] : NULL;
}

static inline struct session *
session_of(const struct customer *customer, const uint8_t *sid)
{
    struct session *session = customer ? customer->sessions : NULL;

    while (session != NULL && !same_id(session->sid, sid)) {
        session = session->next;
    }

    return session;
}

static inline const struct sender *
sender_of(const struct session *session, const uint8_t *signkey_id)
{
    size_t i;

    for (i = 0; session != NULL && i < session->n_senders; i++) {
        if (same_id(session->senders[i].signkey_id, signkey_id)) {
            return &session->senders[i];
        }
    }

    return NULL;
}

/* The session that has spare keys of that name, or NULL. */
static inline const struct session *
spare_holder(const struct customer *customer, const uint8_t *name)
{
    const struct session *session = customer ? customer->sessions : NULL;

    while (session != NULL
           && ((session->deleted && !bug("spare keys outlive their session"))
               || session->spare.p == NULL
               || !same_id(session->spare_name, name)))
    {
        session = session->next;
    }

    return session;
}

static inline struct customer *
customer_by_cid(const struct sc_store *store, const uint8_t *cid)
{
    size_t i;

    for (i = 0; i < store->n_customers; i++) {
        if (same_id(store->customers[i]->cid, cid)) {
            return store->customers[i];
        }
    }

    return NULL;
}

/* Whether the message is still there: neither expired nor deleted. */
static inline int
is_left(const struct customer *customer, uint64_t position)
{
    return position >= customer->earliest
           && !customer->messages[position - 1].session->deleted;
}

/* Retention, quotas and the end of an account, in memory_limits.c. */
void memory_clock_start(struct sc_store *store);
void memory_clock_look(struct sc_store *store);
void memory_expire(struct sc_store *store);

/* When a message that comes now will expire. */
uint64_t memory_expires(const struct sc_store *store,
                        const struct customer *customer);

/* Adds what counts against a customer's quotas. */
void memory_usage(const struct customer *customer, struct sc_limits *out);

/* Whether the message may be stored; session is NULL before the first. */
enum sc_error_code memory_quota(const struct sc_store *store,
                                const struct customer *customer,
                                const struct session *session,
                                const struct sc_op *op);

enum sc_error_code memory_set_limits(struct sc_store *store,
                                     const struct sc_op *op);
enum sc_error_code memory_erase(struct sc_store *store, struct sc_op *op);

/* The functions of store.h that read, in memory_read.c. */
int memory_customer(struct sc_store *store, const uint8_t cid[32],
                    struct sc_customer *out);
int memory_limits(struct sc_store *store, const uint8_t cid[32],
                  struct sc_limits *out);
int memory_customers(struct sc_store *store, uint64_t from,
                     uint8_t (*cids)[32], int n, uint64_t *next);
int memory_account(struct sc_store *store, const uint8_t account_id[32],
                   uint8_t cid[32], struct sc_blob_out *record);
int memory_wrap(struct sc_store *store, const uint8_t account_id[32],
                uint64_t generation, uint8_t kind, struct sc_blob_out *wrap);
int memory_roster(struct sc_store *store, uint64_t number,
                  uint64_t version, struct sc_blob_out *roster);
int memory_roster_by_id(struct sc_store *store, uint64_t number,
                        const uint8_t id[32], struct sc_blob_out *roster);
int memory_session(struct sc_store *store, uint64_t number,
                   const uint8_t sid[32], const uint8_t signkey_id[32],
                   struct sc_session_info *out);
int memory_sessions(struct sc_store *store, uint64_t number,
                    const uint8_t from[32], const uint8_t signkey_id[32],
                    struct sc_session_info *out, int n);
int memory_spare(struct sc_store *store, uint64_t number,
                 const uint8_t name[32], struct sc_blob_out *sealed);
int memory_cursor(struct sc_store *store, uint64_t number,
                  const uint8_t signkey_id[32], uint64_t *position);
struct sc_page *memory_read(struct sc_store *store, uint64_t number,
                            uint64_t from, const uint8_t *skip_signkey,
                            size_t n, size_t max_bytes);
struct sc_page *memory_read_session(struct sc_store *store, uint64_t number,
                                    const uint8_t sid[32], uint64_t above,
                                    const uint8_t *skip_signkey, size_t n,
                                    size_t max_bytes);
struct sc_page *memory_history(struct sc_store *store, uint64_t number,
                               const uint8_t sid[32], uint64_t before,
                               size_t n, size_t max_bytes);

#endif
