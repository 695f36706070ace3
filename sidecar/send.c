/*
 * SEND and SIGNAL: everything about an envelope that the service can see is
 * compared with what the stream has proved and with the roster and session
 * that the envelope names.  Then it goes to the commit queue; STORED and
 * DELIVER leave from the completion and from nowhere else.  Signatures of
 * envelopes are the receivers' business.
 */

#include <stddef.h>
#include <string.h>

#include "customer.h"
#include "protocol/envelope.h"
#include "protocol/hello.h"
#include "protocol/ids.h"
#include "queue.h"
#include "resume.h"
#include "stream.h"

/* A message on its way to the store.  It lies behind the envelope's bytes in
 * the body, and goes with it. */
struct sc_send {
    struct sc_commit_op op;
    struct sc_stream   *stream;
    struct sc_live     *customer;
    struct sc_body     *hello;     /* of a visitor's session */
    struct sc_body     *body;      /* the envelope */
    uint16_t            tag;
    uint8_t             id[32];
};

/* Of where it lies: what a body's bytes follow is aligned so. */
#define SEND_ALIGN  _Alignof(struct sc_send)

_Static_assert(offsetof(struct sc_body, bytes) % SEND_ALIGN == 0,
               "the bytes of a body are not aligned");

/* The session's key, as the sender's recipients must name it. */
struct session_key {
    uint8_t suite;
    uint8_t kem_id[32];
};


/* --- what can be seen of an envelope ------------------------------------- */

static enum sc_error_code
check_sender(const struct sc_stream *stream, const struct sc_envelope *e)
{
    int visitor = stream->role == SC_ROLE_VISITOR;

    if (e->direction != (visitor ? SC_TO_CUSTOMER : SC_TO_VISITOR)
        || memcmp(e->cid, stream->cid, 32) != 0
        || memcmp(e->signkey_id, stream->self, 32) != 0
        || (visitor && memcmp(e->sid, stream->session->sid, 32) != 0))
    {
        return SC_E_WRONG_SENDER;
    }

    return SC_E_NONE;
}


static enum sc_error_code
stored_session_key(const struct sc_live *customer, const uint8_t sid[32],
                   struct session_key *key)
{
    struct sc_session_info info;
    struct sc_hello        hello;
    struct sc_bytes        bytes;
    int                    rc;

    rc = sc_store_session(customer->service->store, customer->number, sid,
                          sid, &info);
    if (rc != 1) {
        return rc < 0 ? SC_E_INTERNAL
               : info.deleted ? SC_E_SESSION_DELETED : SC_E_UNKNOWN_SESSION;
    }

    bytes.p = info.hello;
    bytes.n = info.hello_len;
    if (sc_hello_parse(bytes, &hello) != NULL) {
        return SC_E_INTERNAL;
    }

    key->suite = hello.suite;
    sc_kem_id_of(key->kem_id, hello.suite, hello.kem_pk);

    return SC_E_NONE;
}


/* The live session that an envelope of that stream names: a visitor's own, as
 * check_sender() has made sure.  NULL if no visitor of it is here. */
static struct sc_session_live *
session_of(const struct sc_stream *stream, struct sc_live *customer,
           const uint8_t sid[32])
{
    return stream->session ? stream->session : sc_session_find(customer, sid);
}


static enum sc_error_code
session_key(const struct sc_stream *stream, const uint8_t sid[32],
            struct session_key *key)
{
    const struct sc_session_live *session;

    session = session_of(stream, stream->customer, sid);
    if (session == NULL) {
        return stored_session_key(stream->customer, sid, key);
    }

    key->suite = session->suite;
    memcpy(key->kem_id, session->kem_id, 32);

    return SC_E_NONE;
}


static enum sc_error_code
check(struct sc_stream *stream, const struct sc_envelope *e, const char **why)
{
    const struct sc_known_roster *roster;
    struct session_key            key;
    enum sc_error_code            code = check_sender(stream, e);

    if (code != SC_E_NONE) {
        return code;
    }

    roster = sc_customer_roster(stream->customer, e->roster_id);
    if (roster == NULL) {
        return SC_E_UNKNOWN_ROSTER;
    }

    if (stream->role == SC_ROLE_DEVICE
        && !sc_roster_lists(&roster->roster, stream->pk))
    {
        *why = "The roster that the envelope names does not list this "
               "device.";
        return SC_E_WRONG_SENDER;
    }

    code = session_key(stream, e->sid, &key);
    if (code != SC_E_NONE) {
        return code;
    }

    return sc_envelope_recipients(e, roster->roster.suite, roster->kem_id,
                                  key.suite, key.kem_id) == NULL
           ? SC_E_NONE : SC_E_WRONG_RECIPIENTS;
}


/* --- SEND ---------------------------------------------------------------- */

static void
send_free(struct sc_send *send)
{
    sc_body_drop(send->hello);
    sc_customer_drop(send->customer);
    sc_stream_drop(send->stream);
    sc_body_drop(send->body);
}


static void
send_stored(struct sc_send *send)
{
    const struct sc_op     *op = &send->op.op;
    struct sc_frame_stored  stored = {
        .position = op->append.position, .time = op->append.stored_time
    };
    uint8_t out[SC_FRAME_HEADER + 16];
    size_t  n = sc_stored_encode(out, sizeof(out), send->tag, &stored);

    sc_stream_send(send->stream, 1, out, n, NULL, NULL, 0);
}


static void
deliver(struct sc_send *send)
{
    const struct sc_op *op = &send->op.op;
    struct sc_delivery  message = {
        .position = op->append.position,
        .time = op->append.stored_time,
        .signkey_id = op->append.signkey_id,
        .first = op->append.first,
        .body = send->body,
        .envelope = op->append.envelope
    };

    if (op->append.first) {
        message.hello = op->append.hello;
    }

    sc_queue_committed(send->customer,
                       session_of(send->stream, send->customer,
                                  op->append.sid),
                       &message);
}


/* The store has it now. */
static void
forget_hello(const struct sc_send *send)
{
    struct sc_session_live *session;

    if (send->hello == NULL) {
        return;
    }

    session = sc_session_find(send->customer, send->op.op.append.sid);
    if (session) {
        sc_body_drop(session->hello);
        session->hello = NULL;
        sc_resume_stored(session);
    }
}


static void
on_append(struct sc_commit_op *op)
{
    struct sc_send *send = op->data;

    if (op->op.error != SC_E_NONE) {
        if (!send->stream->closed) {
            sc_stream_error(send->stream, 1, send->tag, op->op.error, NULL);
        }

    } else {
        send_stored(send);
        forget_hello(send);

        if (!op->op.append.repeated) {
            deliver(send);
        }
    }

    send_free(send);
}


static void
fill(struct sc_send *send, const struct sc_envelope *e)
{
    const struct sc_stream *stream = send->stream;
    struct sc_op           *op = &send->op.op;

    op->kind = SC_OP_APPEND;
    op->append.customer = send->customer->number;
    op->append.sid = e->sid;
    op->append.signkey_id = e->signkey_id;
    op->append.prev = e->prev;
    op->append.id = send->id;
    op->append.seq = e->seq;
    op->append.time = sc_service_time();
    op->append.envelope = e->bytes;

    if (stream->role == SC_ROLE_VISITOR) {
        op->append.by_session = 1;
        send->hello = sc_body_ref(stream->session->hello);
    }

    if (send->hello) {
        op->append.hello.p = send->hello->bytes;
        op->append.hello.n = send->hello->n;
    }

    sc_signed_id_of(send->id, e->bytes);
}


/* The envelope as it lies in the copy of its bytes. */
static struct sc_envelope
moved_to(const struct sc_body *body, const struct sc_envelope *e)
{
    const uint8_t     *from = e->bytes.p;
    struct sc_envelope moved = { .seq = e->seq };

    moved.bytes.p = body->bytes;
    moved.bytes.n = e->bytes.n;
    moved.sid = body->bytes + (e->sid - from);
    moved.signkey_id = body->bytes + (e->signkey_id - from);
    moved.prev = body->bytes + (e->prev - from);

    return moved;
}


/* Takes a copy of the envelope, the only one there will be.  Both lie in one
 * allocation, which lives until the last DELIVER has left.  NULL when there
 * is no memory. */
static struct sc_send *
send_new(struct sc_stream *stream, const struct sc_envelope *e, uint16_t tag)
{
    size_t             at = (e->bytes.n + SEND_ALIGN - 1) / SEND_ALIGN
                            * SEND_ALIGN;
    struct sc_body    *body = sc_body_new(NULL, at + sizeof(struct sc_send));
    struct sc_send    *send;
    struct sc_envelope moved;

    if (body == NULL) {
        return NULL;
    }

    memcpy(body->bytes, e->bytes.p, e->bytes.n);
    body->n = e->bytes.n;

    send = (struct sc_send *) (void *) (body->bytes + at);
    memset(send, 0, sizeof(*send));
    send->body = body;
    send->tag = tag;
    send->stream = stream;
    sc_stream_ref(stream);
    send->customer = stream->customer;
    sc_customer_ref(send->customer);
    send->op.done = on_append;
    send->op.data = send;

    moved = moved_to(body, e);
    fill(send, &moved);

    return send;
}


void
sc_do_send(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_send    *send;
    struct sc_envelope e;
    enum sc_error_code code;
    const char        *why = sc_envelope_parse(frame->body, &e);
    uint32_t           retry = 0;

    if (why || e.type != SC_ENVELOPE_STORED) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BAD_ENVELOPE,
                        why ? why : "A signal is not stored.");
        return;
    }

    code = check(stream, &e, &why);
    if (code != SC_E_NONE) {
        sc_stream_error(stream, 1, frame->tag, code, why);
        return;
    }

    if (stream->role == SC_ROLE_VISITOR) {
        retry = sc_throttle_message(stream);
    }

    if (retry) {
        sc_stream_slow_down(stream, frame->tag, retry);
        return;
    }

    send = send_new(stream, &e, frame->tag);
    if (send == NULL) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        return;
    }

    if (sc_commit_submit(stream->service->commit, &send->op) != 0) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        send_free(send);
        return;
    }

    /* Behind the message that may open the session, in the same commit. */
    if (send->hello && !sc_is_zero(stream->release, 32)) {
        sc_queue_save_release(stream);
    }
}


/* --- SIGNAL -------------------------------------------------------------- */

static void
signal_to(const struct sc_queue *queue, struct sc_body *body)
{
    static const uint8_t head[SC_FRAME_HEADER] = { SC_FRAME_SIGNALLED };

    struct sc_stream *stream, *next;

    for (stream = queue->streams; stream; stream = next) {
        next = stream->queue_next;

        if (sc_stream_may_send(stream) && sc_link_has_room(stream->link)) {
            sc_stream_send(stream, 0, head, sizeof(head),
                           body, body->bytes, body->n);
        }
    }
}


void
sc_do_signal(struct sc_stream *stream, const struct sc_frame *frame)
{
    const struct sc_session_live *session;
    struct sc_envelope            e;
    struct sc_body               *body;
    enum sc_error_code            code;
    const char                   *why;

    /* Signals may be lost, so nobody is told. */
    if (stream->role == SC_ROLE_VISITOR && sc_throttle_signal(stream)) {
        return;
    }

    why = sc_envelope_parse(frame->body, &e);
    if (why || e.type != SC_ENVELOPE_SIGNAL) {
        sc_stream_error(stream, 0, frame->tag, SC_E_BAD_ENVELOPE,
                        why ? why : "A message is not a signal.");
        return;
    }

    code = check(stream, &e, &why);
    if (code != SC_E_NONE) {
        sc_stream_error(stream, 0, frame->tag, code, why);
        return;
    }

    body = sc_body_new(frame->body.p, frame->body.n);
    if (body == NULL) {
        return;
    }

    if (stream->role == SC_ROLE_VISITOR) {
        signal_to(&stream->customer->devices, body);
    } else {
        session = sc_session_find(stream->customer, e.sid);
        if (session) {
            signal_to(&session->queue, body);
        }
    }

    sc_body_drop(body);
}
