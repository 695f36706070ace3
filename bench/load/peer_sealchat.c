/*
 * SealChat: for each pair a customer that registers, its device that logs in,
 * and a visitor with a session of his own.
 */

#include <stdlib.h>
#include <string.h>

#include <sealchat/frames.h>

#include "load.h"
#include "people.h"

/* A pair's. */
struct chat {
    struct customer customer;
    struct session  session;
    uint64_t        position;     /* delivered, */
    uint64_t        acked;        /* and acknowledged */
};

static void
write_frames(struct pair *pair, struct chat *chat)
{
    static uint8_t message[SC_FRAME_MAX];
    size_t         n = SC_FRAME_HEADER + pair->options->size
                       + CLIENT_HEADER_MAX;
    size_t         used = 0;

    pair->frames = malloc(n * pair->options->messages);
    if (pair->frames == NULL) {
        die("no memory");
    }

    while (chat->session.seq < pair->options->messages) {
        n = session_message(&chat->session, message, pair->options->size);
        pair->frame_bytes = client_frame(pair->frames + used, message, n);
        used += pair->frame_bytes;
    }
}

static void
arrive(struct pair *pair)
{
    struct chat *chat = pair->own;

    client_open(&pair->receiver, &pair->options->address, chat->customer.path);
    device_prove(&chat->customer, &pair->receiver);
    await_ready(&pair->receiver);
}

static void
prepare(struct pair *pair, unsigned index)
{
    struct chat *chat = calloc(1, sizeof(*chat));
    unsigned     requests;

    (void) index;

    if (chat == NULL) {
        die("no memory");
    }

    pair->own = chat;
    customer_make(&chat->customer, &pair->options->address,
                  pair->options->path);
    customer_register(&chat->customer);
    session_make(&chat->session, &chat->customer);

    if (!pair->options->away) {
        arrive(pair);
    }

    client_open(&pair->sender, &pair->options->address, chat->customer.path);
    session_prove(&chat->session, &pair->sender);
    requests = await_ready(&pair->sender);
    if (pair->options->inflight > requests) {
        die("the service takes %u unanswered requests, not %u", requests,
            pair->options->inflight);
    }

    write_frames(pair, chat);
}

static void
on_answer(struct pair *pair, const uint8_t *p, size_t n)
{
    struct sc_frame        frame;
    struct sc_frame_stored stored;
    struct sc_frame_error  error;

    if (sc_frame_open(p, n, &frame) == SC_E_NONE
        && frame.type == SC_FRAME_STORED
        && sc_stored_decode(frame.body, &stored)
        && frame.tag == ((pair->stored + 1) & 0xffff))
    {
        pair_stored(pair);
        return;
    }

    if (frame.type == SC_FRAME_ERROR && sc_error_decode(frame.body, &error)) {
        die("the service refused: %u %.*s", error.code,
            (int) error.sentence.n, (const char *) error.sentence.p);
    }

    die("a frame that was not due: type %u, tag %u", frame.type, frame.tag);
}

static void
on_delivery(struct pair *pair, const uint8_t *p, size_t n)
{
    struct chat            *chat = pair->own;
    struct sc_frame         frame;
    struct sc_frame_deliver deliver;
    struct sc_reader        r;

    if (sc_frame_open(p, n, &frame) != SC_E_NONE
        || frame.type != SC_FRAME_DELIVER
        || !sc_deliver_decode(frame.body, &deliver)
        || deliver.envelope.n != pair->options->size)
    {
        die("a frame of type %u where DELIVER was due", frame.type);
    }

    chat->position = deliver.position;
    r = sc_reader_of(deliver.envelope.p + SEQ_OFFSET, 8);
    pair_delivered(pair, sc_get_u64(&r));
}

/* One cumulative ACK for all that came at once, as a client does that persists
 * in batches. */
static void
taken(struct pair *pair)
{
    struct chat        *chat = pair->own;
    struct sc_frame_ack ack = { .position = chat->position };
    uint8_t             out[32];

    if (chat->position == chat->acked) {
        return;
    }

    client_send(&pair->receiver, out, sc_ack_encode(out, sizeof(out), 0,
                                                    &ack));
    chat->acked = chat->position;
}

const struct peer sealchat_peer = {
    .name = "sealchat",
    .subprotocol = SC_SUBPROTOCOL,
    .prepare = prepare,
    .arrive = arrive,
    .on_answer = on_answer,
    .on_delivery = on_delivery,
    .taken = taken
};
