/*
 * Live customers: what the loop keeps of a customer while one of its streams
 * is authenticated: who is connected, the present roster, and the sessions
 * that have a visitor online.
 */

#ifndef SEALCHAT_CUSTOMER_H
#define SEALCHAT_CUSTOMER_H

#include <stddef.h>
#include <stdint.h>

#include "body.h"
#include "map.h"
#include "protocol/hello.h"
#include "protocol/roster.h"
#include "service.h"

struct sc_stream;

/* Streams that take the same messages. */
struct sc_queue {
    uint64_t          head;      /* newest position that concerns it */
    struct sc_stream *streams;
};

struct sc_known_roster {
    struct sc_body  *body;       /* NULL: none */
    struct sc_roster roster;     /* points into body */
    uint8_t          id[32];
    uint8_t          kem_id[32];
};

struct sc_session_live {
    struct sc_map_node node;     /* in customer->sessions */
    unsigned           refs;
    uint8_t            sid[32];
    uint8_t            suite;
    uint8_t            kem_id[32];
    struct sc_body    *hello;    /* NULL once it is stored */
    struct sc_queue    queue;
};

struct sc_live {
    struct sc_map_node     node; /* in service->customers */
    struct sc_service     *service;
    unsigned               refs;
    uint8_t                cid[32];
    uint8_t                account_id[32];
    uint64_t               number;
    struct sc_queue        devices;
    struct sc_queue        owners;    /* logged in to the account */
    struct sc_map          sessions;  /* with a visitor online */
    struct sc_known_roster present;
    struct sc_known_roster older;     /* the last one that was asked for */
    unsigned               deletions; /* of sessions, so far */
    unsigned               erased:1;  /* nobody finds it any more */
    unsigned               disabled:1;  /* nobody finds it for now */
};

/* The live customer of that cid, a reference for the caller.  SC_E_NOT_HERE,
 * or SC_E_INTERNAL. */
enum sc_error_code sc_customer_get(struct sc_service *service,
                                   const uint8_t cid[32],
                                   struct sc_live **out);
void sc_customer_ref(struct sc_live *customer);
void sc_customer_drop(struct sc_live *customer);

/* A roster that the customer has or had; valid until the next call or
 * change.  NULL: never had it (or the store failed). */
const struct sc_known_roster *sc_customer_roster(struct sc_live *customer,
                                                 const uint8_t id[32]);

/* A new roster was committed: it is the present one from now on, and streams
 * that it removes are closed.  by is the stream that put it, or NULL;
 * generation_rose closes the other owners' streams too. */
void sc_customer_changed(struct sc_live *customer, struct sc_bytes roster,
                         int generation_rose, const struct sc_stream *by);

/* A customer's erasure was committed, whoever asked for it: all of its streams
 * are closed, and nobody gets it any more. */
void sc_customer_erased(struct sc_service *service, const uint8_t cid[32]);

/* It was committed that a customer is disabled, or enabled again: its streams
 * are closed, and nobody gets it meanwhile. */
void sc_customer_disabled(struct sc_service *service, const uint8_t cid[32],
                          int disabled);

/* Shows a device or visitor the present roster, unasked, as soon as it may be
 * sent something. */
void sc_customer_show(struct sc_stream *stream);

/* Whether the roster lists that key. */
int sc_roster_lists(const struct sc_roster *roster, const uint8_t pk[32]);

/* The live session of that sid, or NULL; no reference. */
struct sc_session_live *sc_session_find(struct sc_live *customer,
                                        const uint8_t sid[32]);

/* The live session of a hello that was verified, made if it is not there; a
 * reference for the caller.  The hello is kept unless the store has the
 * session.  NULL when there is no memory. */
struct sc_session_live *sc_session_get(struct sc_live *customer,
                                       const uint8_t sid[32],
                                       const struct sc_hello *hello,
                                       int stored);
void sc_session_drop(struct sc_live *customer,
                     struct sc_session_live *session);

#endif
