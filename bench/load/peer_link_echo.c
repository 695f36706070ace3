/*
 * The module with link-echo behind it, a sidecar that has its messages without
 * a store (t/tools/link-echo.c, --pour and --pour-bytes): what nginx alone
 * makes possible for a device that catches up.  Messages have the length of
 * SealChat's DELIVER.
 */

#include <stdio.h>

#include <sealchat/frames.h>

#include "load.h"

#define TRIGGER       1200u       /* bytes, of what makes link-echo pour */
#define DELIVER_BYTES (SC_FRAME_HEADER + 18u)

static void
prepare(struct pair *pair, unsigned index)
{
    char path[320];

    (void) index;
    snprintf(path, sizeof(path), "%s?c=%.*s", pair->options->path, 43,
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    client_open(&pair->receiver, &pair->options->address, path);
    pair->sent = pair->options->messages;
}

static void
arrive(struct pair *pair)
{
    static const uint8_t trigger[TRIGGER];

    client_send(&pair->receiver, trigger, sizeof(trigger));
}

static void
on_delivery(struct pair *pair, const uint8_t *p, size_t n)
{
    (void) p;

    if (n != DELIVER_BYTES + pair->options->size) {
        die("link-echo poured a message of %zu bytes", n);
    }
    pair_delivered(pair, pair->delivered + 1);
}

const struct peer link_echo_peer = {
    .name = "link-echo",
    .subprotocol = SC_SUBPROTOCOL,
    .pours = 1,
    .prepare = prepare,
    .arrive = arrive,
    .on_delivery = on_delivery
};
