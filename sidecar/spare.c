/*
 * SPARE_PUT: a visitor leaves spare keys of the session here, sealed, and DONE
 * says that they are durable.  Who fetches them is no concern of this file:
 * SPARE_GET is answered with the pages.
 */

#include <stdlib.h>
#include <string.h>

#include "customer.h"
#include "stream.h"

/* Spare keys on their way to the store. */
struct sc_spare_op {
    struct sc_commit_op op;
    struct sc_stream   *stream;
    uint16_t            tag;
    uint8_t             sid[32];
    uint8_t             name[32];
    uint8_t             sealed[];
};


static void
spare_op_free(struct sc_spare_op *spare)
{
    sc_stream_drop(spare->stream);
    free(spare);
}


static void
on_spare(struct sc_commit_op *op)
{
    struct sc_spare_op  *spare = op->data;
    struct sc_stream    *stream = spare->stream;
    struct sc_frame_done done = { .nothing = 0 };
    uint8_t              out[SC_FRAME_HEADER];
    size_t               n;

    if (op->op.error == SC_E_NONE) {
        n = sc_done_encode(out, sizeof(out), spare->tag, &done);
        sc_stream_send(stream, 1, out, n, NULL, NULL, 0);
    } else if (!stream->closed) {
        sc_stream_error(stream, 1, spare->tag, op->op.error,
                        op->op.error == SC_E_CONFLICT
                        ? "Another session has spare keys of this name."
                        : NULL);
    }

    spare_op_free(spare);
}


static struct sc_spare_op *
spare_op_new(struct sc_stream *stream, uint16_t tag,
             const struct sc_frame_spare_put *put)
{
    struct sc_spare_op *spare = calloc(1, sizeof(*spare) + put->sealed.n);
    struct sc_op       *op;

    if (spare == NULL) {
        return NULL;
    }

    spare->stream = stream;
    sc_stream_ref(stream);
    spare->tag = tag;
    spare->op.done = on_spare;
    spare->op.data = spare;
    memcpy(spare->sid, stream->session->sid, 32);
    memcpy(spare->name, put->name, 32);
    memcpy(spare->sealed, put->sealed.p, put->sealed.n);

    op = &spare->op.op;
    op->kind = SC_OP_SPARE;
    op->spare.customer = stream->customer->number;
    op->spare.sid = spare->sid;
    op->spare.name = spare->name;
    op->spare.sealed.p = spare->sealed;
    op->spare.sealed.n = put->sealed.n;

    return spare;
}


void
sc_do_spare_put(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_spare_put put;
    struct sc_spare_op       *spare;
    uint32_t                  retry;

    /* Nothing shorter than a tag was sealed. */
    if (!sc_spare_put_decode(frame->body, &put) || put.sealed.n < 16) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    /* It costs the disk what a message does. */
    retry = sc_throttle_message(stream);
    if (retry) {
        sc_stream_slow_down(stream, frame->tag, retry);
        return;
    }

    spare = spare_op_new(stream, frame->tag, &put);
    if (spare == NULL) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        return;
    }

    if (sc_commit_submit(stream->service->commit, &spare->op) != 0) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        spare_op_free(spare);
    }
}
