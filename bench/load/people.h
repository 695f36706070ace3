/*
 * The people of a benchmark, who do what clients of SealChat do: customers
 * with one device each, and their visitors' sessions.
 */

#ifndef SEALCHAT_BENCH_PEOPLE_H
#define SEALCHAT_BENCH_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>
#include <sealchat/limits.h>

#include "client.h"
#include "protocol/hello.h"

struct key {
    uint8_t pk[32];
    uint8_t sk[64];
    uint8_t id[32];
};

struct customer {
    const struct address *address;
    char       path[256];         /* to connect to */
    struct key ik, device;
    uint8_t    cid[32], account_id[32];
    uint8_t    message_pk[32];
    uint8_t    roster_id[32];
    uint8_t    noise[SC_ENVELOPE_MAX];
};

struct session {
    const struct customer *customer;
    struct key key;
    uint8_t    sid[32];
    uint8_t    kem_pk[32];
    uint8_t    hello[SC_HELLO_MAX];
    size_t     hello_n;
    uint64_t   seq;               /* of the last message, */
    uint8_t    prev[32];          /* and its id */
};

/* The address stays the caller's and must outlive the customer. */
void customer_make(struct customer *customer, const struct address *address,
                   const char *path);
void customer_register(struct customer *customer);

/* A new visitor of a customer who is registered. */
void session_make(struct session *session, const struct customer *customer);

/* The session's next message as a whole SEND frame with its number as tag, an
 * envelope of size bytes.  out has room for SC_FRAME_MAX. */
size_t session_message(struct session *session, uint8_t *out, unsigned size);

/* On a connection that was opened: waits for CHALLENGE and answers it. */
void session_prove(const struct session *session, struct client *client);
void device_prove(const struct customer *customer, struct client *client);

/* How many unanswered requests the service takes. */
unsigned await_ready(struct client *client);

/* Waits for a frame of that type and finds its body. */
struct sc_bytes expect(struct client *client, uint8_t type);

#endif
