/*
 * nchan: a publisher and a subscriber of one channel, both over WebSocket.
 * nchan answers each published message on the publisher's connection.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static void
prepare(struct pair *pair, unsigned index)
{
    static const struct payload_format format = { .room = 0 };
    char                               path[128];

    /* Channels of an earlier run still hold its last messages. */
    snprintf(path, sizeof(path), "/sub?id=%ld-%u", (long) getpid(), index);
    client_open(&pair->receiver, &pair->options->address, path);
    snprintf(path, sizeof(path), "/pub?id=%ld-%u", (long) getpid(), index);
    client_open(&pair->sender, &pair->options->address, path);
    payload_frames(pair, &format);
}

static void
on_answer(struct pair *pair, const uint8_t *p, size_t n)
{
    if (n < 15 || memcmp(p, "queued messages", 15) != 0) {
        die("nchan answered: %.*s", (int) n, (const char *) p);
    }
    pair_stored(pair);
}

static void
on_delivery(struct pair *pair, const uint8_t *p, size_t n)
{
    pair_delivered(pair, payload_number(pair, p, n));
}

const struct peer nchan_peer = {
    .name = "nchan",
    .prepare = prepare,
    .on_answer = on_answer,
    .on_delivery = on_delivery
};
