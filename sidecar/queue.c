/*
 * Delivery.  A stream has looked at everything up to `sent'; where that is
 * the head of its queue, the next committed message goes to it straight from
 * memory.  Whenever it falls behind (window used up, link full, paused, just
 * connected) it catches up by reading windows from the store in the thread
 * pool, until it is at the head again.
 *
 * This file moves cursors but never waits for them: a lost one means that
 * something is delivered twice, and clients drop duplicates by id.
 */

#include "queue.h"

#include <stdlib.h>
#include <string.h>

#define READ_BYTES  (256u * 1024)
#define SAVE_MS     200u

/* Positions that were delivered and not yet acknowledged, oldest first. */
struct sc_window {
    unsigned first;
    unsigned n;
    uint64_t positions[SC_DELIVER_WINDOW];
};

/* A window being read from the store. */
struct sc_read {
    uv_work_t         req;
    struct sc_link   *link;
    struct sc_stream *stream;
    struct sc_store  *store;
    uint64_t          customer;
    uint64_t          above;
    uint64_t          head;      /* of the queue when it began */
    size_t            n;
    int               by_session;
    uint8_t           sid[32];
    uint8_t           self[32];
    unsigned          deletions; /* of the customer when it began */
    struct sc_page   *page;      /* out */
};

/* A cursor on its way to the store. */
struct sc_cursor_op {
    struct sc_commit_op op;
    uint8_t             id[32];
    uint8_t             release[32];
};


struct sc_queue *
sc_queue_of(const struct sc_stream *stream)
{
    switch (stream->role) {

    case SC_ROLE_VISITOR:
        return &stream->session->queue;

    case SC_ROLE_DEVICE:
        return &stream->customer->devices;

    case SC_ROLE_PASSWORD:
    case SC_ROLE_RECOVERY:
        return &stream->customer->owners;

    default:
        return NULL;
    }
}


static int
takes_messages(const struct sc_stream *stream)
{
    return !stream->closed && (SC_MAY_CHAT & 1u << stream->role);
}


/* --- cursors ------------------------------------------------------------- */

/* A session or customer may be gone, or its first message may have been
 * refused. */
static void
on_cursor(struct sc_commit_op *op)
{
    if (op->op.error != SC_E_NONE && op->op.error != SC_E_SESSION_DELETED
        && op->op.error != SC_E_UNKNOWN_SESSION
        && op->op.error != SC_E_NOT_HERE)
    {
        sc_log(SC_LOG_WARN, "a cursor was not stored: %s",
               sc_error_info(op->op.error)->name);
    }

    free(op);
}


static void
submit_cursor(struct sc_stream *stream, const uint8_t *release)
{
    struct sc_cursor_op *cursor = calloc(1, sizeof(*cursor));
    struct sc_op        *op;
    int                  visitor = stream->role == SC_ROLE_VISITOR;

    if (cursor == NULL) {
        return;
    }

    memcpy(cursor->id, visitor ? stream->session->sid : stream->self, 32);

    op = &cursor->op.op;
    op->kind = SC_OP_CURSOR;
    op->cursor.customer = stream->customer->number;
    op->cursor.id = cursor->id;
    op->cursor.of_session = visitor;
    op->cursor.position = stream->acked;
    if (release) {
        memcpy(cursor->release, release, 32);
        op->cursor.release = cursor->release;
    }
    op->cursor.time = sc_service_time();
    cursor->op.done = on_cursor;

    if (sc_commit_submit(stream->service->commit, &cursor->op) != 0) {
        free(cursor);
    }
}


void
sc_queue_save_release(struct sc_stream *stream)
{
    submit_cursor(stream, stream->release);
}


void
sc_queue_save(struct sc_service *service)
{
    struct sc_stream *stream;

    while ((stream = service->unsaved) != NULL) {
        service->unsaved = stream->unsaved_next;

        if (stream->unsaved && !stream->closed) {
            submit_cursor(stream, NULL);
        }

        stream->unsaved = 0;
        sc_stream_drop(stream);
    }
}


static void
on_save(uv_timer_t *timer)
{
    sc_queue_save(timer->data);
}


static void
save_later(struct sc_stream *stream)
{
    struct sc_service *service = stream->service;

    if (stream->unsaved) {
        return;
    }

    if (service->unsaved == NULL) {
        uv_timer_start(&service->saver, on_save, SAVE_MS, 0);
    }

    stream->unsaved = 1;
    stream->unsaved_next = service->unsaved;
    service->unsaved = stream;
    sc_stream_ref(stream);
}


/* --- joining and leaving ------------------------------------------------- */

void
sc_queue_join(struct sc_stream *stream, uint64_t cursor)
{
    struct sc_queue *queue = sc_queue_of(stream);

    stream->acked = stream->sent = cursor;
    stream->queue_prev = NULL;
    stream->queue_next = queue->streams;

    if (queue->streams) {
        queue->streams->queue_prev = stream;
    }

    queue->streams = stream;
}


void
sc_queue_leave(struct sc_stream *stream)
{
    struct sc_queue *queue = sc_queue_of(stream);

    if (queue == NULL) {
        return;
    }

    if (stream->unsaved) {
        submit_cursor(stream, NULL);
    }

    if (stream->queue_prev) {
        stream->queue_prev->queue_next = stream->queue_next;
    } else {
        queue->streams = stream->queue_next;
    }

    if (stream->queue_next) {
        stream->queue_next->queue_prev = stream->queue_prev;
    }

    free(stream->window);
    stream->window = NULL;
}


/* --- the window ---------------------------------------------------------- */

static size_t
window_room(const struct sc_stream *stream)
{
    return SC_DELIVER_WINDOW - (stream->window ? stream->window->n : 0);
}


/* 0, or -1 when there is no memory. */
static int
window_add(struct sc_stream *stream, uint64_t position)
{
    struct sc_window *window = stream->window;

    if (window == NULL) {
        window = stream->window = malloc(sizeof(*window));
        if (window == NULL) {
            return -1;
        }

        window->first = window->n = 0;
    }

    window->positions[(window->first + window->n++) % SC_DELIVER_WINDOW]
        = position;

    return 0;
}


static void
window_acked(struct sc_stream *stream, uint64_t position)
{
    struct sc_window *window = stream->window;

    while (window && window->n
           && window->positions[window->first] <= position)
    {
        window->first = (window->first + 1) % SC_DELIVER_WINDOW;
        window->n--;
    }

    if (window && window->n == 0) {
        free(window);
        stream->window = NULL;
    }
}


void
sc_do_ack(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_ack ack;
    struct sc_queue    *queue = sc_queue_of(stream);

    if (!sc_ack_decode(frame->body, &ack)) {
        sc_stream_error(stream, 0, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    /* A client may have got it on an earlier connection, which this one does
     * not remember, but nobody can have what is not there. */
    if (ack.position > queue->head && ack.position > stream->sent) {
        sc_stream_error(stream, 0, frame->tag, SC_E_BAD_POSITION, NULL);
        return;
    }

    if (ack.position <= stream->acked) {
        return;
    }

    stream->acked = ack.position;
    if (stream->sent < ack.position) {
        stream->sent = ack.position;
    }

    window_acked(stream, ack.position);
    save_later(stream);
    sc_queue_pump(stream);
}


/* --- delivering ---------------------------------------------------------- */

/* 0, or -1 when there is no memory. */
static int
deliver(struct sc_stream *stream, uint64_t position, uint64_t time,
        struct sc_bytes hello, struct sc_body *body, struct sc_bytes envelope)
{
    uint8_t          head[SC_FRAME_HEADER + 18 + SC_HELLO_MAX];
    struct sc_writer w = sc_writer_of(head, sizeof(head));

    if (window_add(stream, position) != 0) {
        sc_stream_close(stream, 1011, "internal");
        return -1;
    }

    sc_put_uint(&w, SC_FRAME_DELIVER, 1);
    sc_put_uint(&w, 0, 3);
    sc_put_uint(&w, position, 8);
    sc_put_uint(&w, time, 8);
    sc_put_uint(&w, hello.n, 2);
    sc_put_bytes(&w, hello.p, hello.n);

    sc_stream_send(stream, 0, head, (size_t) (w.p - head),
                   body, envelope.p, envelope.n);
    stream->service->metrics.delivered++;
    stream->sent = position;

    return 0;
}


static int
may_deliver(const struct sc_stream *stream)
{
    return sc_stream_may_send(stream) && window_room(stream)
           && sc_link_has_room(stream->link);
}


static void
offer(struct sc_stream *stream, const struct sc_delivery *message,
      uint64_t last_head)
{
    if (stream->sent >= message->position) {
        return;
    }

    if (stream->sent < last_head || stream->reading) {
        sc_queue_pump(stream);
        return;
    }

    if (memcmp(stream->self, message->signkey_id, 32) == 0) {
        stream->sent = message->position;
        return;
    }

    if (may_deliver(stream)) {
        deliver(stream, message->position, message->time, message->hello,
                message->body, message->envelope);
        return;
    }

    sc_queue_pump(stream);
}


static void
queue_committed(struct sc_queue *queue, const struct sc_delivery *message)
{
    struct sc_stream *stream, *next;
    uint64_t          last_head = queue->head;

    if (queue->head < message->position) {
        queue->head = message->position;
    }

    for (stream = queue->streams; stream; stream = next) {
        next = stream->queue_next;
        offer(stream, message, last_head);
    }
}


void
sc_queue_committed(struct sc_live *customer, struct sc_session_live *session,
                   const struct sc_delivery *message)
{
    queue_committed(&customer->devices, message);

    if (session) {
        queue_committed(&session->queue, message);
    }
}


/* --- catching up --------------------------------------------------------- */

static void
read_work(uv_work_t *req)
{
    struct sc_read *read = req->data;

    if (read->by_session) {
        read->page = sc_store_read_session(read->store, read->customer,
                                           read->sid, read->above, read->self,
                                           read->n, READ_BYTES);
        return;
    }

    read->page = sc_store_read(read->store, read->customer, read->above + 1,
                               read->self, read->n, READ_BYTES);
}


/* Up to where the page says that there is nothing more for this stream. */
static uint64_t
looked_at(const struct sc_read *read)
{
    const struct sc_page *page = read->page;
    uint64_t              last = read->head;

    if (page->next) {
        return read->by_session ? page->next : page->next - 1;
    }

    if (page->n && page->messages[page->n - 1].position > last) {
        last = page->messages[page->n - 1].position;
    }

    return last;
}


static void
deliver_page(struct sc_stream *stream, const struct sc_read *read,
             struct sc_body *body)
{
    const struct sc_stored *m;
    uint64_t                last = looked_at(read);

    for (size_t i = 0; i < read->page->n; i++) {
        m = &read->page->messages[i];

        if (m->position <= stream->sent) {
            continue;
        }

        if (!may_deliver(stream)
            || deliver(stream, m->position, m->time, m->hello, body,
                       m->envelope) != 0)
        {
            return;
        }
    }

    if (stream->sent < last) {
        stream->sent = last;
    }
}


/* What was read before a deletion was told is read again. */
static void
read_done(uv_work_t *req, int status)
{
    struct sc_read   *read = req->data;
    struct sc_stream *stream = read->stream;
    struct sc_body   *body;

    stream->reading = 0;

    if (status == 0 && read->page) {
        body = sc_body_of_page(read->page);
        if (body && takes_messages(stream)
            && read->deletions == stream->customer->deletions)
        {
            deliver_page(stream, read, body);
        }
        sc_body_drop(body);
        sc_queue_pump(stream);

    } else if (!stream->closed) {
        sc_log(SC_LOG_ERROR, "cid %s: reading messages failed",
               sc_log_id(stream->cid).text);
        sc_stream_close(stream, 1011, "internal");
    }

    sc_link_read_ends(read->link);
    sc_stream_drop(stream);
    free(read);
}


static void
read_window(struct sc_stream *stream)
{
    struct sc_read *read = calloc(1, sizeof(*read));

    if (read == NULL) {
        sc_stream_close(stream, 1011, "internal");
        return;
    }

    read->req.data = read;
    read->link = stream->link;
    read->stream = stream;
    read->store = stream->service->store;
    read->customer = stream->customer->number;
    read->above = stream->sent;
    read->head = sc_queue_of(stream)->head;
    read->deletions = stream->customer->deletions;
    read->n = window_room(stream);
    read->by_session = stream->role == SC_ROLE_VISITOR;
    memcpy(read->self, stream->self, 32);

    if (read->by_session) {
        memcpy(read->sid, stream->session->sid, 32);
    }

    if (uv_queue_work(&stream->service->loop, &read->req, read_work,
                      read_done) != 0)
    {
        free(read);
        sc_stream_close(stream, 1011, "internal");
        return;
    }

    stream->reading = 1;
    sc_stream_ref(stream);
    sc_link_read_begins(stream->link);
}


void
sc_queue_pump(struct sc_stream *stream)
{
    if (!takes_messages(stream) || stream->reading
        || stream->sent >= sc_queue_of(stream)->head
        || !sc_stream_may_send(stream) || window_room(stream) == 0)
    {
        return;
    }

    if (!sc_link_may_read(stream->link)) {
        sc_link_wait(stream->link, stream);
        return;
    }

    read_window(stream);
}
