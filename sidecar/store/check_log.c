/*
 * The check of messages: the logs, and what speaks of them.
 *
 * Each entry is compared with the envelope it has, whose id is a hash of it:
 * a changed byte is found here.  What is missing is found by counting: a
 * customer's row says how many messages were ever appended, and how many have
 * left.
 */

#include "check_state.h"

#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "../protocol/envelope.h"
#include "../protocol/hello.h"
#include "../protocol/ids.h"


/* --- the logs ------------------------------------------------------------ */

/* NULL, or what is wrong with a place that an entry names. */
static const char *
check_link(struct sc_checking *checking, const struct sc_entry *entry,
           uint64_t place, uint64_t ordinal)
{
    struct sc_entry named;

    if (place == 0 || !sc_entry_at(checking->txn, place, &named)) {
        return NULL;             /* whether it may be gone, counting tells */
    }

    if (named.customer != entry->customer
        || memcmp(named.sid, entry->sid, 32) != 0
        || named.position >= entry->position)
    {
        return "its chain leads to another session";
    }

    return named.ordinal != ordinal ? "its chain leads to another message"
                                    : NULL;
}

/* NULL, or what is wrong with the message as such. */
static const char *
check_message(const struct sc_entry *entry, const struct sc_customer_row *row)
{
    struct sc_envelope envelope;
    uint8_t            id[32];

    if (sc_envelope_parse(entry->envelope, &envelope) != NULL) {
        return "its envelope does not parse";
    }

    if (memcmp(envelope.cid, row->cid, 32) != 0
        || memcmp(envelope.sid, entry->sid, 32) != 0
        || memcmp(envelope.signkey_id, entry->signkey_id, 32) != 0
        || envelope.seq != entry->seq)
    {
        return "its envelope is another's";
    }

    sc_signed_id_of(id, entry->envelope);

    return memcmp(id, entry->id, 32) != 0
           ? "its envelope is not what was stored" : NULL;
}

/* NULL, or what is wrong. */
static const char *
check_entry(struct sc_checking *checking, uint64_t place,
            enum sc_db_name log, struct sc_bytes value)
{
    struct sc_entry    entry;
    struct sc_checked *customer;
    const char        *wrong;
    uint64_t           skip;

    if (!sc_entry_read(value, &entry)) {
        return "it does not parse";
    }

    if (sc_log_of(place) != log) {
        return "it is in the log of another class";
    }

    customer = sc_check_customer(checking, entry.customer);
    if (customer == NULL) {
        return "its customer is not there";
    }

    if (customer->row.erased) {
        return NULL;
    }

    if (entry.position <= customer->row.head) {
        customer->messages++;
        customer->bytes += sc_entry_bytes(&entry);
    }

    if ((entry.ordinal == 1) != (entry.prev == 0)) {
        return "its chain does not begin at the session's first message";
    }

    skip = (entry.ordinal - 1) / SC_SKIP_STEP * SC_SKIP_STEP;
    wrong = check_message(&entry, &customer->row);
    if (wrong == NULL) {
        wrong = check_link(checking, &entry, entry.prev, entry.ordinal - 1);
    }
    if (wrong == NULL) {
        wrong = check_link(checking, &entry, entry.skip, skip);
    }

    return wrong;
}

static void
check_log(struct sc_checking *checking, enum sc_db_name log)
{
    struct sc_walk *walk = sc_walk_open(checking->txn, log);
    struct sc_bytes value;
    uint64_t        place;
    const char     *wrong;
    int             more;

    more = walk != NULL && sc_walk_seek_number(walk, 0, &place, &value);
    while (more) {
        wrong = check_entry(checking, place, log, value);
        if (wrong != NULL) {
            sc_check_found(checking, "message at place %llu: %s",
                           (unsigned long long) place, wrong);
        }

        checking->check->messages++;
        sc_check_step(checking);
        more = sc_walk_next_number(walk, &place, &value);
    }

    sc_walk_close(walk);
}

/* What a customer ever had, less what has left, is there. */
static void
check_sums(struct sc_checking *checking)
{
    const struct sc_customer_row *row;
    const struct sc_checked      *customer;
    uint64_t                      number;

    for (number = 1; number <= checking->n_customers; number++) {
        customer = sc_check_customer(checking, number);
        if (customer == NULL || customer->row.erased) {
            continue;
        }

        row = &customer->row;
        if (customer->messages != row->head - row->left.messages) {
            sc_check_found(checking, "customer %llu: %llu messages are there "
                           "where %llu should be",
                           (unsigned long long) number,
                           (unsigned long long) customer->messages,
                           (unsigned long long) (row->head
                                                 - row->left.messages));
        } else if (customer->bytes != row->bytes - row->left.bytes) {
            sc_check_found(checking, "customer %llu: its messages have %llu "
                           "bytes where they should have %llu",
                           (unsigned long long) number,
                           (unsigned long long) customer->bytes,
                           (unsigned long long) (row->bytes
                                                 - row->left.bytes));
        }
    }
}

void
sc_check_logs(struct sc_checking *checking)
{
    unsigned class;

    for (class = 0; class < SC_CLASSES; class++) {
        check_log(checking, (enum sc_db_name) (SC_DB_LOG + class));
    }

    check_sums(checking);
}


/* --- sessions ------------------------------------------------------------ */

/* NULL, or what is wrong. */
static const char *
check_hello(struct sc_checking *checking, struct sc_bytes key)
{
    struct sc_bytes value;
    struct sc_hello hello;
    uint8_t         sid[32];

    if (!sc_txn_get(checking->txn, SC_DB_HELLOS, key.p, key.n, &value)) {
        return "its hello is missing";
    }

    return sc_hello_parse(value, &hello) != NULL
           || sc_hello_verify(&hello, sid) != NULL
           || memcmp(sid, key.p + 8, 32) != 0 ? "its hello does not hold"
                                              : NULL;
}

/* NULL, or what is wrong. */
static const char *
check_session(struct sc_checking *checking, struct sc_bytes key,
              const struct sc_session_state *state)
{
    struct sc_reader r = sc_reader_of(key.p, key.n);
    uint64_t         number = sc_get_uint(&r, 8);
    struct sc_entry  entry;

    if (sc_deleted(checking->txn, number, key.p + 8)) {
        return "it was deleted and is there";
    }

    if (!sc_entry_at(checking->txn, state->place, &entry)) {
        return "its newest message is missing";
    }

    if (entry.customer != number || memcmp(entry.sid, key.p + 8, 32) != 0
        || entry.ordinal != state->ordinal
        || entry.position != state->position)
    {
        return "its newest message is another's";
    }

    return check_hello(checking, key);
}

void
sc_check_sessions(struct sc_checking *checking)
{
    static const uint8_t lowest[1];

    struct sc_walk          *walk = sc_walk_open(checking->txn,
                                                 SC_DB_SESSIONS);
    struct sc_bytes          key, value;
    struct sc_session_state *state;
    struct sc_checked       *customer;
    const char              *wrong;
    int                      more;

    more = walk != NULL
           && sc_walk_seek(walk, lowest, sizeof(lowest), &key, &value);
    while (more) {
        struct sc_reader r = sc_reader_of(key.p, key.n);

        customer = sc_check_customer(checking, sc_get_uint(&r, 8));
        state = key.n == 40 ? sc_session_row_read(value) : NULL;
        wrong = customer == NULL ? "its customer is not there"
                : state == NULL ? "its row does not hold"
                : customer->row.erased ? NULL
                : check_session(checking, key, state);
        if (wrong != NULL) {
            sc_check_found(checking, "session %s: %s",
                           key.n == 40 ? sc_log_id(key.p + 8).text : "?",
                           wrong);
        }

        free(state);
        checking->check->sessions++;
        sc_check_step(checking);
        more = sc_walk_next(walk, &key, &value);
    }

    sc_walk_close(walk);
}


/* --- blocks -------------------------------------------------------------- */

/* Positions from the earliest to the head are in blocks without a gap. */
static void
check_positions(struct sc_checking *checking, uint64_t number,
                const struct sc_customer_row *row)
{
    struct sc_block block;
    struct sc_entry entry;
    uint64_t        position = row->earliest, at;
    size_t          i;

    while (position <= row->head) {
        if (!sc_block_find(checking->txn, number, position, &block)) {
            sc_check_found(checking, "customer %llu: position %llu is in no "
                           "block", (unsigned long long) number,
                           (unsigned long long) position);
            return;
        }

        for (i = 0, at = block.first; i < block.n; i++, at++) {
            if (sc_entry_at(checking->txn, block.places[i], &entry)
                && (entry.customer != number || entry.position != at))
            {
                sc_check_found(checking, "customer %llu: position %llu leads "
                               "to another message",
                               (unsigned long long) number,
                               (unsigned long long) at);
                return;
            }
        }

        position = at;
        sc_check_step(checking);
    }
}

void
sc_check_blocks(struct sc_checking *checking)
{
    const struct sc_checked *customer;
    uint64_t                 number;

    for (number = 1; number <= checking->n_customers; number++) {
        customer = sc_check_customer(checking, number);
        if (customer != NULL && !customer->row.erased) {
            check_positions(checking, number, &customer->row);
        }
    }
}
