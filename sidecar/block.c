/*
 * BLOCK: a customer has no more of one session, or lets it in again.
 *
 * It is told when it is durable: to the customer's other devices, which mark
 * the session, and to the session's own streams, which end.  A login and a
 * ticket of a session that is blocked are refused from that moment on, since
 * they ask the store.
 */

#include <stdlib.h>
#include <string.h>

#include "customer.h"
#include "stream.h"

/* A BLOCK on its way to the store. */
struct sc_blocking {
    struct sc_commit_op op;
    struct sc_stream   *stream;
    struct sc_live     *customer;
    uint16_t            tag;
    uint8_t             sid[32];
};


static void
blocking_free(struct sc_blocking *blocking)
{
    sc_customer_drop(blocking->customer);
    sc_stream_drop(blocking->stream);
    free(blocking);
}


static void
tell_devices(const struct sc_blocking *blocking)
{
    struct sc_frame_blocked frame = {
        .sid = blocking->sid, .blocked = blocking->op.op.block.blocked != 0
    };
    struct sc_stream *stream, *next;
    uint8_t           out[SC_FRAME_HEADER + 33];
    size_t            n = sc_blocked_encode(out, sizeof(out), 0, &frame);

    for (stream = blocking->customer->devices.streams; stream; stream = next) {
        next = stream->queue_next;

        if (stream != blocking->stream) {
            sc_stream_tell(stream, out, n);
        }
    }
}


static void
close_visitors(const struct sc_blocking *blocking)
{
    const struct sc_session_live *session;
    struct sc_stream             *stream, *next;

    session = sc_session_find(blocking->customer, blocking->sid);
    stream = session ? session->queue.streams : NULL;

    /* The last one that closes takes the live session with it. */
    for ( ; stream; stream = next) {
        next = stream->queue_next;
        sc_stream_error(stream, 0, 0, SC_E_SESSION_BLOCKED, NULL);
    }
}


static void
on_blocked(struct sc_commit_op *op)
{
    struct sc_blocking  *blocking = op->data;
    struct sc_stream    *stream = blocking->stream;
    struct sc_frame_done done = { .nothing = 0 };
    uint8_t              out[SC_FRAME_HEADER];
    size_t               n;

    if (op->op.error != SC_E_NONE) {
        if (!stream->closed) {
            sc_stream_error(stream, 1, blocking->tag, op->op.error, NULL);
        }
        blocking_free(blocking);
        return;
    }

    n = sc_done_encode(out, sizeof(out), blocking->tag, &done);
    sc_stream_send(stream, 1, out, n, NULL, NULL, 0);

    if (!op->op.block.repeated) {
        sc_log(SC_LOG_INFO, "cid %s: a session was %s",
               sc_log_id(blocking->customer->cid).text,
               op->op.block.blocked ? "blocked" : "let in again");
        tell_devices(blocking);
    }

    if (op->op.block.blocked) {
        close_visitors(blocking);
    }

    blocking_free(blocking);
}


void
sc_do_block(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_block asked;
    struct sc_blocking   *blocking;
    struct sc_op         *op;

    if (!sc_block_decode(frame->body, &asked) || asked.blocked > 1) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    blocking = calloc(1, sizeof(*blocking));
    if (blocking == NULL) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        return;
    }

    blocking->stream = stream;
    sc_stream_ref(stream);
    blocking->customer = stream->customer;
    sc_customer_ref(blocking->customer);
    blocking->tag = frame->tag;
    memcpy(blocking->sid, asked.sid, 32);
    blocking->op.done = on_blocked;
    blocking->op.data = blocking;

    op = &blocking->op.op;
    op->kind = SC_OP_BLOCK;
    op->block.customer = stream->customer->number;
    op->block.sid = blocking->sid;
    op->block.time = sc_service_time();
    op->block.blocked = asked.blocked;

    if (sc_commit_submit(stream->service->commit, &blocking->op) != 0) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        blocking_free(blocking);
    }
}
