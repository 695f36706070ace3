/*
 * The measured parts, each on one side at a time.
 */

#include "world.h"

static double
a_second(size_t n, uint64_t begun)
{
    return (double) n * 1e6 / (double) (now_us() - begun);
}

double
round_accept(struct side *side, struct session **sessions, size_t n,
             size_t messages)
{
    uint64_t begun = now_us();
    size_t   sent = 0, before = side->stored, i = 0, skipped;

    while (side->stored - before < n * messages) {
        for (skipped = 0; sent < n * messages && side_takes(side)
                          && skipped < n; i++)
        {
            struct session *s = sessions[i % n];

            if (session_inflight(s) == INFLIGHT) {
                skipped++;
                continue;
            }
            skipped = 0;
            session_send(s, 0);
            sent++;
        }
        side_turn(side, 1000);
    }

    return a_second(n * messages, begun);
}

double
round_history(struct side *side, struct session **sessions, size_t n,
              uint8_t page)
{
    uint64_t begun = now_us();
    size_t   asked = 0, before = side->answers, listed = side->listed;

    while (side->answers - before < n) {
        for ( ; asked < n && asked - (side->answers - before) < 16; asked++) {
            session_ask_history(sessions[asked], page);
        }
        side_turn(side, 1000);
    }

    return a_second(side->listed - listed, begun);
}

double
round_catch_up(struct side *side, struct shop *shops, size_t n)
{
    uint64_t us = 0;
    size_t   i, before = side->answers;

    for (i = 0; i < n; i++) {
        us += shop_catch_up(side, &shops[i]);
    }

    return (double) (side->answers - before) * 1e6 / (double) (us + 1);
}

void
round_paced(struct side *side, struct session **sessions, size_t n,
            unsigned rate, unsigned ms, struct histogram *latency)
{
    uint64_t begun = now_us(), until = begun + ms * 1000ull, due, sent = 0;
    size_t   i, before = side->stored;

    for (i = 0; i < n; i++) {
        sessions[i]->latency = latency;
    }

    for (due = begun; due < until || side->stored - before < sent; ) {
        while (due < until && due <= now_us() && side_takes(side)) {
            struct session *s = sessions[sent % n];

            /* It waits, and its time runs. */
            if (session_inflight(s) == INFLIGHT) {
                break;
            }
            session_send(s, due);
            sent++;
            due = begun + sent * 1000000u / rate;
        }
        side_turn(side, 1);
    }

    for (i = 0; i < n; i++) {
        sessions[i]->latency = NULL;
    }
}
