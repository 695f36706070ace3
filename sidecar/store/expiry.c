/*
 * Retention: what has been kept for as long as its class says leaves at the
 * front of that class's log.
 *
 * Logs are in the order of their stamps, so only their first entries are
 * looked at, and only when the first of all of them is due.
 */

#include <errno.h>

#include "state.h"

#define DAY_MS    86400000ull

/* After a failure, and at most between two looks at the clock, ms. */
#define RETRY_MS  1000u
#define LOOK_MS   60000u

/* What is due gathers for so long, so that steps are full. */
#define GATHER_MS 1000u

static uint64_t
due(unsigned class, uint64_t stamp)
{
    return stamp + sc_class_days(class) * DAY_MS;
}

/* When the first message that is left of the class is due. */
static uint64_t
expire_class(struct sc_leave *leave, unsigned class)
{
    struct sc_store *store = leave->store;
    enum sc_db_name  log = sc_log_of(class);
    struct sc_walk  *walk = sc_walk_open(leave->txn, log);
    struct sc_entry  entry;
    struct sc_bytes  value;
    uint64_t         place, when = UINT64_MAX;

    /* From the front again each time, since the last one found is gone. */
    while (walk != NULL && sc_walk_seek_number(walk, 0, &place, &value)) {
        if (!sc_entry_read(value, &entry)) {
            sc_txn_fail(leave->txn, EBADMSG);
            break;
        }

        when = due(class, entry.stamp);
        if (when > store->clock.now || !sc_leave_more(leave, 1)) {
            break;
        }

        /* A replay would miss it; the next checkpoint lets it go. */
        if (sc_serial_of(place) > store->indexed_to) {
            store->needs = sc_serial_of(place);
            break;
        }

        sc_leave_message(leave, place, &entry, 1);
        when = UINT64_MAX;
    }

    sc_walk_close(walk);
    return when;
}

enum sc_error_code
sc_expiry_step(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_leave    leave;
    enum sc_error_code error;
    uint64_t           first = UINT64_MAX, when;
    unsigned           class;

    /* Whatever comes of it, the next attempt waits. */
    store->expire_at = sc_store_clock() + RETRY_MS;

    sc_leave_begin(&leave, store);
    for (class = 0; class < SC_CLASSES; class++) {
        if (sc_class_days(class) == SC_KEPT) {
            continue;
        }

        when = expire_class(&leave, class);
        first = when < first ? when : first;
    }

    if (leave.messages == 0 && !sc_txn_failed(leave.txn)) {
        sc_txn_end(leave.txn);
        store->expire_due = first;
        store->expiring = 0;

        /* Nothing is due before first; what is due waits for a checkpoint. */
        if (first > store->clock.now) {
            store->expire_at = 0;
        }
        return SC_E_NONE;
    }

    sc_clock_save(&store->clock, leave.txn);
    error = sc_leave_commit(&leave, &store->expired, why, why_size);
    if (error == SC_E_NONE) {
        store->expire_due = first;
        store->expire_at = 0;
        store->expiring = first <= store->clock.now;
    }

    return error;
}

void
sc_expiry_appended(struct sc_store *store, unsigned classes, uint64_t stamp)
{
    unsigned class;

    for (class = 0; class < SC_CLASSES; class++) {
        if ((classes & 1u << class) && sc_class_days(class) != SC_KEPT
            && due(class, stamp) < store->expire_due)
        {
            store->expire_due = due(class, stamp);
        }
    }
}

int
sc_expiry_is_due(const struct sc_store *store)
{
    return store->expire_due <= store->clock.now
           && store->expire_at <= sc_store_clock();
}

int64_t
sc_expiry_wait(const struct sc_store *store)
{
    uint64_t now = sc_store_clock();
    uint64_t due = store->expire_due;
    uint64_t left;

    if (due == UINT64_MAX) {
        return -1;
    }

    due += store->expiring ? 0 : GATHER_MS;
    if (due > store->clock.now) {
        left = due - store->clock.now;
        return (int64_t) (left < LOOK_MS ? left : LOOK_MS);
    }

    return now >= store->expire_at ? 0 : (int64_t) (store->expire_at - now);
}
