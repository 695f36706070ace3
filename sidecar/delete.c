/*
 * DELETE and CHECK: the two requests that are told to others.
 *
 * A deletion is told when it is durable, and to whoever is connected then:
 * the customer's devices, which go on, and the session's own streams, which
 * end; with an account, all streams of its customer end.  A check is passed on
 * to the customer's devices and nothing of it is kept.
 */

#include <stdlib.h>
#include <string.h>

#include "customer.h"
#include "stream.h"

/* A deletion on its way to the store. */
struct sc_deletion {
    struct sc_commit_op op;
    struct sc_stream   *stream;
    struct sc_live     *customer;
    uint16_t            tag;
    uint8_t             sid[32]; /* or an account_id */
};


static void
send_done(struct sc_stream *stream, uint16_t tag)
{
    struct sc_frame_done done = { .nothing = 0 };
    uint8_t              out[SC_FRAME_HEADER];
    size_t               n = sc_done_encode(out, sizeof(out), tag, &done);

    sc_stream_send(stream, 1, out, n, NULL, NULL, 0);
}


/* --- DELETE -------------------------------------------------------------- */

static void
deletion_free(struct sc_deletion *deletion)
{
    sc_customer_drop(deletion->customer);
    sc_stream_drop(deletion->stream);
    free(deletion);
}


static void
tell(struct sc_stream *stream, const uint8_t sid[32])
{
    struct sc_frame_deleted deleted = { .sid = sid };
    uint8_t                 out[SC_FRAME_HEADER + 32];
    size_t                  n = sc_deleted_encode(out, sizeof(out), 0,
                                                  &deleted);

    sc_stream_tell(stream, out, n);
}


static void
tell_devices(const struct sc_deletion *deletion)
{
    struct sc_stream *stream, *next;

    for (stream = deletion->customer->devices.streams; stream; stream = next) {
        next = stream->queue_next;

        if (stream != deletion->stream) {
            tell(stream, deletion->sid);
        }
    }
}


static void
close_visitors(const struct sc_deletion *deletion)
{
    const struct sc_session_live *session;
    struct sc_stream             *stream, *next;

    session = sc_session_find(deletion->customer, deletion->sid);
    stream = session ? session->queue.streams : NULL;

    /* The last one that closes takes the live session with it. */
    for ( ; stream; stream = next) {
        next = stream->queue_next;

        if (stream != deletion->stream) {
            tell(stream, deletion->sid);
        }

        sc_stream_close(stream, 1008, "session-deleted");
    }
}


static void
on_deleted(struct sc_commit_op *op)
{
    struct sc_deletion *deletion = op->data;

    if (op->op.error != SC_E_NONE) {
        if (!deletion->stream->closed) {
            sc_stream_error(deletion->stream, 1, deletion->tag, op->op.error,
                            NULL);
        }
        deletion_free(deletion);
        return;
    }

    send_done(deletion->stream, deletion->tag);

    if (!op->op.remove.repeated) {
        sc_log(SC_LOG_INFO, "cid %s: a session was deleted",
               sc_log_id(deletion->customer->cid).text);
        deletion->customer->deletions++;
        tell_devices(deletion);
    }

    close_visitors(deletion);
    deletion_free(deletion);
}


static void
on_erased(struct sc_commit_op *op)
{
    struct sc_deletion *deletion = op->data;

    if (op->op.error != SC_E_NONE) {
        if (!deletion->stream->closed) {
            sc_stream_error(deletion->stream, 1, deletion->tag, op->op.error,
                            NULL);
        }
        deletion_free(deletion);
        return;
    }

    send_done(deletion->stream, deletion->tag);
    sc_customer_erased(deletion->stream->service,
                       deletion->customer->cid);
    deletion_free(deletion);
}


static struct sc_deletion *
deletion_new(struct sc_stream *stream, uint16_t tag, const uint8_t sid[32])
{
    struct sc_deletion *deletion = calloc(1, sizeof(*deletion));
    struct sc_op       *op;

    if (deletion == NULL) {
        return NULL;
    }

    deletion->stream = stream;
    sc_stream_ref(stream);
    deletion->customer = stream->customer;
    sc_customer_ref(deletion->customer);
    deletion->tag = tag;
    deletion->op.done = on_deleted;
    deletion->op.data = deletion;
    memcpy(deletion->sid, sid, 32);

    op = &deletion->op.op;

    if (SC_MAY_OWNER & 1u << stream->role) {
        deletion->op.done = on_erased;
        op->kind = SC_OP_ERASE;
        op->erase.cid = deletion->customer->cid;
        op->erase.account_id = deletion->sid;
        op->erase.time = sc_service_time();
        return deletion;
    }

    op->kind = SC_OP_DELETE;
    op->remove.customer = stream->customer->number;
    op->remove.sid = deletion->sid;
    op->remove.time = sc_service_time();
    op->remove.by_session = stream->role == SC_ROLE_VISITOR;

    return deletion;
}


/* A session has itself, an owner its account; devices have all sessions. */
static enum sc_error_code
check_delete(const struct sc_stream *stream, const uint8_t id[32])
{
    if (stream->role == SC_ROLE_VISITOR
        && memcmp(id, stream->session->sid, 32) != 0)
    {
        return SC_E_UNKNOWN_SESSION;
    }

    if ((SC_MAY_OWNER & 1u << stream->role)
        && memcmp(id, stream->self, 32) != 0)
    {
        return SC_E_NOT_FOUND;
    }

    return SC_E_NONE;
}


void
sc_do_delete(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_delete asked;
    struct sc_deletion    *deletion;
    enum sc_error_code     code;

    if (!sc_delete_decode(frame->body, &asked)) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    code = check_delete(stream, asked.sid);
    if (code != SC_E_NONE) {
        sc_stream_error(stream, 1, frame->tag, code, NULL);
        return;
    }

    deletion = deletion_new(stream, frame->tag, asked.sid);
    if (deletion == NULL) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        return;
    }

    if (sc_commit_submit(stream->service->commit, &deletion->op) != 0) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        deletion_free(deletion);
    }
}


/* --- CHECK --------------------------------------------------------------- */

static void
pass_on(const struct sc_live *customer, const struct sc_frame_check *check,
        const struct sc_stream *asker)
{
    struct sc_frame_checked checked = {
        .code = check->code, .release = check->release,
        .min_generation = check->min_generation
    };
    struct sc_stream *stream, *next;
    uint8_t           out[SC_FRAME_HEADER + 56];
    size_t            n = sc_checked_encode(out, sizeof(out), 0, &checked);

    for (stream = customer->devices.streams; stream; stream = next) {
        next = stream->queue_next;

        if (stream != asker && sc_stream_may_send(stream)
            && sc_link_has_room(stream->link))
        {
            sc_stream_send(stream, 0, out, n, NULL, NULL, 0);
        }
    }
}


void
sc_do_check(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_check check;
    struct sc_live       *customer;
    enum sc_error_code    code;

    if (!sc_check_decode(frame->body, &check)) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    if (stream->checks >= SC_CHECKS_MAX) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BUSY,
                        "A connection reports few checks.");
        return;
    }

    stream->checks++;
    code = sc_customer_get(stream->service, stream->cid, &customer);
    if (code != SC_E_NONE) {
        sc_stream_error(stream, 1, frame->tag, code, NULL);
        return;
    }

    pass_on(customer, &check, stream);
    sc_customer_drop(customer);
    send_done(stream, frame->tag);
}
