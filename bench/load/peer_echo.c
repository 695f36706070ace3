/*
 * A bare WebSocket echo behind nginx's proxy_pass: what comes back to the
 * sender is answer and delivery in one.  It stores nothing and knows nobody
 * else; it shows what nginx alone makes possible.
 */

#include "load.h"

static void
prepare(struct pair *pair, unsigned index)
{
    static const struct payload_format format = { .room = 0 };

    (void) index;
    client_open(&pair->sender, &pair->options->address, pair->options->path);
    payload_frames(pair, &format);
}

static void
on_answer(struct pair *pair, const uint8_t *p, size_t n)
{
    uint64_t number = payload_number(pair, p, n);

    pair_stored(pair);
    pair_delivered(pair, number);
}

const struct peer echo_peer = {
    .name = "echo",
    .no_receiver = 1,
    .prepare = prepare,
    .on_answer = on_answer
};
