/*
 * The clock of retention.
 *
 * What it says decides what is removed for good, so it trusts the machine's
 * clock only so far.  It never goes back, and where the machine's jumped ahead
 * it follows a day in an hour: whoever set a wrong year has days to see the
 * line in the log.  What was missed while nothing ran is made up for in the
 * same way.
 */

#include <stdio.h>
#include <time.h>

#include "state.h"

#define CATCH_UP  24u
#define DAY_MS    86400000ull

uint64_t
sc_store_clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

uint64_t
sc_store_clock(void)
{
    return sc_store_clock_ns() / 1000000;
}

static uint64_t
machine_clock(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

void
sc_clock_start(struct sc_clock *clock, uint64_t (*wall)(void),
               uint32_t catch_up, uint64_t saved)
{
    clock->wall = wall ? wall : machine_clock;
    clock->catch_up = catch_up ? catch_up : CATCH_UP;
    clock->now = saved ? saved : clock->wall();
    clock->looked = sc_store_clock();
}

uint64_t
sc_clock_now(struct sc_clock *clock)
{
    uint64_t looked = sc_store_clock();
    uint64_t most = (looked - clock->looked) * clock->catch_up;
    uint64_t wall = clock->wall();

    if (wall > clock->now) {
        clock->now += wall - clock->now < most || clock->catch_up == UINT32_MAX
                      ? wall - clock->now : most;
    }

    clock->looked = looked;
    return clock->now;
}

int
sc_clock_jumped(struct sc_clock *clock, char *why, size_t why_size)
{
    uint64_t wall = clock->wall();
    int      was = clock->behind;

    clock->behind = wall > clock->now && wall - clock->now > DAY_MS;
    if (clock->behind <= was) {
        return 0;
    }

    snprintf(why, why_size, "the machine's clock is %llu days ahead of "
             "retention's, which follows it slowly: if it is wrong, set it "
             "right", (unsigned long long) ((wall - clock->now) / DAY_MS));
    return 1;
}

void
sc_clock_save(const struct sc_clock *clock, struct sc_txn *txn)
{
    uint8_t number[8];

    sc_put_number(number, clock->now);
    sc_txn_put(txn, SC_DB_META, "clock", 5, number, sizeof(number));
}
