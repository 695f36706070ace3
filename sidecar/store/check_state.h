/*
 * What the two files of the check share.
 */

#ifndef SEALCHAT_STORE_CHECK_STATE_H
#define SEALCHAT_STORE_CHECK_STATE_H

#include "check.h"
#include "state.h"

/* A customer while its messages are counted. */
struct sc_checked {
    struct sc_customer_row row;
    int                    there;      /* it has a row */
    uint64_t               messages;   /* up to row.head, in the logs */
    uint64_t               bytes;
};

struct sc_checking {
    struct sc_check   *check;
    struct sc_txn     *txn;
    uint64_t           n_customers;    /* numbers given out */
    struct sc_checked *customers;      /* of number 0, 1, ... */
    uint64_t           done;           /* entries looked at */
    uint64_t           all;
};

/* Says that something is wrong. */
void sc_check_found(struct sc_checking *checking, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One more entry was looked at. */
void sc_check_step(struct sc_checking *checking);

/* The customer of that number, or NULL; it may be one that was erased. */
struct sc_checked *sc_check_customer(struct sc_checking *checking,
                                     uint64_t number);

/* In check_log.c: messages, sessions, blocks. */
void sc_check_logs(struct sc_checking *checking);
void sc_check_sessions(struct sc_checking *checking);
void sc_check_blocks(struct sc_checking *checking);

#endif
