/*
 * Shops and visitors: logging in, writing and reading.
 *
 * Hellos and logins are signed; of an envelope the first of its session is
 * signed, and the later ones have its signature, which the service cannot
 * tell: it verifies none.  Everything that it looks at is right in each.
 */

#include "world.h"

/* Where an envelope holds them. */
#define SEQ_AT   104u
#define PREV_AT  120u

#define LOGINS   256u            /* under way at a time */
#define ACK_EACH 32u             /* deliveries */

struct shop *
shops_make(struct side *side, size_t n)
{
    struct shop *shops = calloc(n, sizeof(*shops));
    struct peer  peer;

    if (shops == NULL) {
        die("no memory");
    }

    peer_open(&peer, &side->daemon);
    for (size_t i = 0; i < n; i++) {
        struct owner *owner = &shops[i].owner;

        owner_make(owner);
        while (owner->n_devices < DEVICES_MAX) {
            keys_make(&owner->devices[owner->n_devices++]);
        }
        owner_enrol(owner, &peer);
    }
    peer_close(&peer);
    return shops;
}

struct session *
sessions_make(struct shop *shops, size_t n_shops, size_t n)
{
    static struct letter letter;

    struct session *sessions = calloc(n, sizeof(*sessions));

    if (sessions == NULL) {
        die("no memory");
    }

    for (size_t i = 0; i < n; i++) {
        struct session *s = &sessions[i];
        struct chain    chain = { .seq = 0 };

        s->shop = &shops[i % n_shops];
        visitor_make(&s->visitor, &s->shop->owner);
        letter_make(&letter, &s->shop->owner, &s->visitor, NULL, &chain);
        memcpy(s->envelope, letter.bytes, sizeof(s->envelope));
        assert_int_equal(letter.n, sizeof(s->envelope));
    }

    return sessions;
}


/* --- logging in ---------------------------------------------------------- */

static void
prove(struct stream *stream, const struct sc_frame *frame, uint8_t role,
      const uint8_t *subject, const uint8_t *sk, struct sc_bytes hello)
{
    static const uint8_t      zeros[32];
    struct sc_frame_challenge challenge;
    struct client             c = { .peer = NULL };
    uint8_t                   sig[64];

    if (!sc_challenge_decode(frame->body, &challenge)) {
        die("a malformed CHALLENGE");
    }

    memcpy(c.challenge, challenge.challenge, 32);
    sign_in(sig, &c, role, subject, NULL, sk);
    TELL(stream, 1, auth, .role = role, .subject = subject, .sig = sig,
         .release = zeros, .hello = hello);
}

static void
on_page(struct side *side, const struct sc_frame *frame)
{
    struct sc_frame_messages page;

    if (!sc_messages_decode(frame->body, &page)) {
        die("a malformed page");
    }
    side->answers++;
    side->listed += page.messages.count;
}

static void
on_session(struct stream *stream, const struct sc_frame *frame)
{
    struct session       *s = (struct session *) (void *) stream;
    const struct visitor *v = &s->visitor;

    switch (frame->type) {
    case SC_FRAME_CHALLENGE:
        prove(stream, frame, SC_ROLE_VISITOR, v->sid, v->keys.sk,
              (struct sc_bytes) { v->hello, v->hello_n });
        break;
    case SC_FRAME_READY:
        stream->side->ready++;
        break;
    case SC_FRAME_STORED:
        if (s->latency) {
            histogram_add(s->latency,
                          now_us() - s->sent_at[s->stored % INFLIGHT]);
        }
        s->stored++;
        stream->side->stored++;
        break;
    case SC_FRAME_MESSAGES:
        on_page(stream->side, frame);
        break;
    default:
        break;
    }
}

void
sessions_log_in(struct side *side, struct session **sessions, size_t n)
{
    size_t opened = 0, before = side->ready;

    while (side->ready - before < n) {
        while (opened < n && opened - (side->ready - before) < LOGINS) {
            stream_open(&sessions[opened]->stream, side,
                        sessions[opened]->shop->owner.cid, on_session);
            opened++;
        }
        side_turn(side, 1000);
    }
}

void
sessions_log_out(struct session **sessions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        stream_close(&sessions[i]->stream);
        side_turn(sessions[i]->stream.side, 0);
    }
}


/* --- writing and reading ------------------------------------------------- */

void
session_write(struct session *s)
{
    struct sc_writer w = sc_writer_of(s->envelope + SEQ_AT, 16);

    if (s->seq > 0) {
        memcpy(s->envelope + PREV_AT, s->id, 32);
    }

    sc_put_uint(&w, ++s->seq, 8);
    sc_put_uint(&w, now_ms(), 8);
    sc_signed_id_of(s->id, (struct sc_bytes) { s->envelope,
                                               sizeof(s->envelope) });
}

void
session_send(struct session *s, uint64_t at)
{
    s->sent_at[s->seq % INFLIGHT] = at;
    session_write(s);
    TELL(&s->stream, s->seq, send,
         .envelope = { s->envelope, sizeof(s->envelope) });
}

unsigned
session_inflight(const struct session *s)
{
    return (unsigned) (s->seq - s->stored);
}

void
session_ask_history(struct session *s, uint8_t n)
{
    TELL(&s->stream, 2, history, .sid = s->visitor.sid, .before = 0,
         .count = n);
}

static void
on_deliver(struct shop *shop, const struct sc_frame *frame)
{
    struct sc_frame_deliver deliver;

    if (!sc_deliver_decode(frame->body, &deliver)
        || deliver.position <= shop->position)
    {
        die("a delivery out of order");
    }

    shop->position = deliver.position;
    shop->device.side->answers++;

    if (shop->position == shop->head
        || shop->position - shop->acked == ACK_EACH)
    {
        shop->acked = shop->position;
        TELL(&shop->device, 0, ack, .position = shop->position);
    }
}

void
shop_on_device(struct shop *shop, const struct sc_frame *frame)
{
    const struct keys    *keys = &shop->owner.devices[shop->with];
    struct sc_frame_ready ready;

    switch (frame->type) {
    case SC_FRAME_CHALLENGE:
        prove(&shop->device, frame, SC_ROLE_DEVICE, keys->id, keys->sk,
              (struct sc_bytes) { NULL, 0 });
        break;
    case SC_FRAME_READY:
        if (!sc_ready_decode(frame->body, &ready)) {
            die("a malformed READY");
        }
        shop->head = ready.head;
        shop->position = shop->acked = ready.cursor;
        shop->device.side->ready++;
        break;
    case SC_FRAME_DELIVER:
        on_deliver(shop, frame);
        break;
    default:
        break;
    }
}

static void
on_device(struct stream *stream, const struct sc_frame *frame)
{
    shop_on_device((struct shop *) (void *)
                   ((char *) stream - offsetof(struct shop, device)), frame);
}

uint64_t
shop_catch_up(struct side *side, struct shop *shop)
{
    size_t   ready = side->ready;
    uint64_t begun;

    shop->head = UINT64_MAX;
    shop->position = 0;
    stream_open(&shop->device, side, shop->owner.cid, on_device);
    while (side->ready == ready) {
        side_turn(side, 1000);
    }

    begun = now_us();
    while (shop->position < shop->head) {
        side_turn(side, 1000);
    }

    stream_close(&shop->device);
    return now_us() - begun;
}
