/*
 * Pace: how much of what leaves may leave at a time.
 *
 * Messages wait behind a step of upkeep as they do behind the list before
 * them.  So while lists come, a step is about as large as a small list, and
 * rests for three times as long as it took; but as much may always leave as
 * comes, so that a store does not grow because it is busy.  When nothing comes
 * any more, steps get larger and do not rest.
 */

#include "state.h"

/* Of a step while lists come. */
#define BUSY_MESSAGES  64u
#define BUSY_PAGES     32u

/* Steps without a list in between, until they are full ones. */
#define ALONE          3u

/* So many messages that came end a rest. */
#define OWED           128u

#define REST_TIMES     3u
#define REST_MAX_NS    100000000u

void
sc_pace_list(struct sc_pace *pace, size_t appends)
{
    pace->alone = 0;
    pace->owed += appends;
}

void
sc_pace_empty(struct sc_pace *pace)
{
    pace->alone += pace->alone < ALONE;
}

int
sc_pace_alone(const struct sc_pace *pace)
{
    return pace->alone >= ALONE;
}

unsigned
sc_pace_messages(const struct sc_pace *pace)
{
    uint64_t n = BUSY_MESSAGES;

    if (n < 2 * pace->owed) {
        n = 2 * pace->owed;
    }

    return sc_pace_alone(pace) || n > SC_STEP_MESSAGES ? SC_STEP_MESSAGES
                                                       : (unsigned) n;
}

unsigned
sc_pace_pages(const struct sc_pace *pace)
{
    uint64_t n = BUSY_PAGES;

    if (n < pace->owed) {
        n = pace->owed;
    }

    return sc_pace_alone(pace) || n > SC_STEP_PAGES ? SC_STEP_PAGES
                                                    : (unsigned) n;
}

void
sc_pace_stepped(struct sc_pace *pace, uint64_t began)
{
    uint64_t now = sc_store_clock_ns();
    uint64_t rest = REST_TIMES * (now - began);

    pace->owed = 0;
    pace->rest_until = now + (rest < REST_MAX_NS ? rest : REST_MAX_NS);
}

int64_t
sc_pace_wait(const struct sc_pace *pace)
{
    uint64_t now = sc_store_clock_ns();

    if (sc_pace_alone(pace) || pace->owed >= OWED || now >= pace->rest_until) {
        return 0;
    }

    return (int64_t) ((pace->rest_until - now) / 1000000 + 1);
}
