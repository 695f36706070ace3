/*
 * nchan as a peer: a publisher and a subscriber of one channel, both over
 * WebSocket.  nchan answers each published message on the publisher's
 * connection.
 *
 * Messages have the size of SealChat's whole frame, so that both systems carry
 * the same number of bytes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include <sealchat/frames.h>

#include "load.h"

static void
write_frames(struct pair *pair)
{
    size_t           size = SC_FRAME_HEADER + pair->options->size;
    uint8_t         *message = malloc(size);
    size_t           room = size + CLIENT_HEADER_MAX, used = 0;
    unsigned         i;
    struct sc_writer w;

    pair->frames = malloc(room * pair->options->messages);
    if (message == NULL || pair->frames == NULL) {
        die("no memory");
    }

    randombytes_buf(message, size);

    for (i = 1; i <= pair->options->messages; i++) {
        w = sc_writer_of(message + SC_FRAME_HEADER + SEQ_OFFSET, 8);
        sc_put_uint(&w, i, 8);
        pair->frame_bytes = client_frame(pair->frames + used, message, size);
        used += pair->frame_bytes;
    }

    free(message);
}

static void
prepare(struct pair *pair, unsigned index)
{
    char path[128];

    /* Channels of an earlier run still hold its last messages. */
    snprintf(path, sizeof(path), "/sub?id=%ld-%u", (long) getpid(), index);
    client_open(&pair->receiver, &pair->options->address, path);
    snprintf(path, sizeof(path), "/pub?id=%ld-%u", (long) getpid(), index);
    client_open(&pair->sender, &pair->options->address, path);
    write_frames(pair);
}

static unsigned
on_answer(struct pair *pair, const uint8_t *p, size_t n)
{
    (void) pair;

    if (n < 15 || memcmp(p, "queued messages", 15) != 0) {
        die("nchan answered: %.*s", (int) n, (const char *) p);
    }

    return 1;
}

static uint64_t
on_delivery(struct pair *pair, const uint8_t *p, size_t n)
{
    struct sc_reader r;

    if (n != SC_FRAME_HEADER + pair->options->size) {
        die("nchan delivered %zu bytes", n);
    }

    r = sc_reader_of(p + SC_FRAME_HEADER + SEQ_OFFSET, 8);
    return sc_get_u64(&r);
}

static void
taken(struct pair *pair)
{
    (void) pair;
}

const struct peer nchan_peer = {
    "nchan", prepare, on_answer, on_delivery, taken
};
