/*
 * Links: records in, records out.
 *
 * Input is read into one bounded buffer and cut into records in place.
 * Output gathers in chunks of small bytes and references to bodies; before
 * the loop waits, each chunk becomes one write.  A record that breaks the
 * layout or the order of the link costs the link, since nothing after it can
 * be trusted.  This file knows streams by id and looks into no frame.
 */

#include "link.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"
#include "stream.h"

#define IN_BYTES     (2 * (SC_RECORD_HEADER + SC_RECORD_PAYLOAD_MAX))
#define OUT_SMALL    8192u
#define OUT_IOVS     128u
#define OUT_BODIES   64u
#define HEAD_MAX     1024u     /* of what is copied at once */
#define READS_MAX    8u        /* of the store, under way for one link */

/* What heeds our PAUSE never makes us hold so much. */
#define OUT_MAX      (16 * SC_LINK_WINDOW)

/* What one write takes. */
struct sc_out {
    struct sc_out  *next;
    struct sc_link *link;
    uv_write_t      req;
    size_t          bytes;
    size_t          small_n;
    unsigned        n_iovs;
    unsigned        n_bodies;
    uv_buf_t        iovs[OUT_IOVS];
    struct sc_body *bodies[OUT_BODIES];
    uint8_t         small[OUT_SMALL];
};

static unsigned link_numbers;


/* --- output -------------------------------------------------------------- */

static void
out_free(struct sc_out *out)
{
    struct sc_link *link = out->link;

    for (unsigned i = 0; i < out->n_bodies; i++) {
        sc_body_drop(out->bodies[i]);
    }

    if (link->out_spare == NULL) {
        link->out_spare = out;
        return;
    }

    free(out);
}


/* A chunk with room for n small bytes, two buffers and a body; NULL when
 * there is no memory. */
static struct sc_out *
out_get(struct sc_link *link, size_t n)
{
    struct sc_out *out = link->out_last;

    if (out && out->small_n + n <= OUT_SMALL && out->n_iovs + 2 <= OUT_IOVS
        && out->n_bodies < OUT_BODIES)
    {
        return out;
    }

    out = link->out_spare;
    link->out_spare = NULL;

    if (out == NULL) {
        out = malloc(sizeof(*out));
        if (out == NULL) {
            return NULL;
        }
    }

    out->next = NULL;
    out->link = link;
    out->bytes = out->small_n = 0;
    out->n_iovs = out->n_bodies = 0;

    if (link->out_last) {
        link->out_last->next = out;
    } else {
        link->out_first = out;
    }

    link->out_last = out;

    return out;
}


static void
out_small(struct sc_out *out, const void *bytes, size_t n)
{
    uint8_t  *to = out->small + out->small_n;
    uv_buf_t *last = out->n_iovs ? &out->iovs[out->n_iovs - 1] : NULL;

    if (n == 0) {
        return;
    }

    memcpy(to, bytes, n);
    out->small_n += n;

    if (last && (uint8_t *) last->base + last->len == to) {
        last->len += n;
        return;
    }

    out->iovs[out->n_iovs++] = uv_buf_init((char *) to, (unsigned) n);
}


static void
out_body(struct sc_out *out, struct sc_body *body, const uint8_t *p, size_t n)
{
    out->bodies[out->n_bodies++] = sc_body_ref(body);
    out->iovs[out->n_iovs++] = uv_buf_init((char *) (uintptr_t) p,
                                           (unsigned) n);
}


static void
put_record(struct sc_link *link, const struct sc_record *rec,
           const uint8_t *head, size_t head_n,
           struct sc_body *body, const uint8_t *p)
{
    uint8_t        header[SC_RECORD_HEADER];
    struct sc_out *out;

    if (link->closing) {
        return;
    }

    out = link->out_bytes < OUT_MAX ? out_get(link, SC_RECORD_HEADER + head_n)
                                    : NULL;
    if (out == NULL) {
        link->broken = 1;
        return;
    }

    sc_record_put(header, rec);
    out_small(out, header, sizeof(header));
    out_small(out, head, head_n);

    if (rec->length > head_n) {
        out_body(out, body, p, rec->length - head_n);
    }

    out->bytes += SC_RECORD_HEADER + rec->length;
    link->out_bytes += SC_RECORD_HEADER + rec->length;
    link->service->metrics.bytes_out += SC_RECORD_HEADER + rec->length;
}


void
sc_link_data(struct sc_link *link, uint32_t stream,
             const uint8_t *head, size_t head_n,
             struct sc_body *body, const uint8_t *p, size_t n)
{
    struct sc_record rec = {
        .length = (uint32_t) (head_n + n),
        .kind = SC_RECORD_DATA, .stream = stream
    };

    put_record(link, &rec, head, head_n, body, p);
}


void
sc_link_close_stream(struct sc_link *link, uint32_t stream,
                     uint16_t code, const char *reason)
{
    struct sc_record rec = {
        .length = (uint32_t) strnlen(reason, SC_CLOSE_REASON_MAX),
        .kind = SC_RECORD_CLOSE, .code = code, .stream = stream
    };

    put_record(link, &rec, (const uint8_t *) reason, rec.length, NULL, NULL);
}


void
sc_link_ticket(struct sc_link *link, uint32_t stream, uint8_t role,
               const uint8_t *ticket, size_t n)
{
    struct sc_record rec = {
        .length = (uint32_t) (1 + n), .kind = SC_RECORD_TICKET,
        .stream = stream
    };
    uint8_t          payload[1 + SC_TICKET_MAX];

    payload[0] = role;
    if (n) {
        memcpy(payload + 1, ticket, n);
    }

    put_record(link, &rec, payload, 1 + n, NULL, NULL);
}


static void
put_control(struct sc_link *link, uint8_t kind, uint8_t flags)
{
    struct sc_record rec = { .kind = kind, .flags = flags };

    put_record(link, &rec, NULL, 0, NULL, NULL);
}


/* What is too long for a record is not told in part: an empty one then. */
static void
put_status(struct sc_link *link)
{
    size_t           n = 0;
    char            *text = sc_metrics_text(link->service, &n);
    struct sc_body  *body = NULL;
    struct sc_record rec = {
        .kind = SC_RECORD_STATUS, .flags = SC_RECORD_FLAG_ANSWER
    };

    if (text && n <= SC_RECORD_PAYLOAD_MAX) {
        body = sc_body_new(text, n);
    }

    if (body) {
        rec.length = (uint32_t) n;
        put_record(link, &rec, NULL, 0, body, body->bytes);
        sc_body_drop(body);
    } else {
        put_record(link, &rec, NULL, 0, NULL, NULL);
    }

    free(text);
}


static void
put_hello(struct sc_link *link)
{
    uint8_t        hello[SC_RECORD_HELLO_BYTES];
    struct sc_out *out = out_get(link, sizeof(hello));

    if (out == NULL) {
        link->broken = 1;
        return;
    }

    sc_hello_put(hello);
    out_small(out, hello, sizeof(hello));
    out->bytes += sizeof(hello);
    link->out_bytes += sizeof(hello);
}


int
sc_link_has_room(const struct sc_link *link)
{
    return link->out_bytes < SC_LINK_WINDOW && !link->closing;
}


static void
pressure(struct sc_link *link)
{
    int hold;

    if (link->closing || !link->greeted) {
        return;
    }

    hold = link->out_bytes > SC_LINK_WINDOW
           || sc_commit_full(link->service->commit);

    if (hold && !link->pausing) {
        link->pausing = 1;
        put_control(link, SC_RECORD_PAUSE, 0);

    } else if (!hold && link->pausing
               && link->out_bytes <= SC_LINK_WINDOW / 2)
    {
        link->pausing = 0;
        put_control(link, SC_RECORD_RESUME, 0);
    }
}


void
sc_link_pressure_all(struct sc_service *service)
{
    for (struct sc_link *link = service->links; link; link = link->next) {
        pressure(link);
    }
}


/* Lets those go on that wait for room. */
static void
wake(struct sc_link *link)
{
    struct sc_stream *stream;

    while (link->waiting_first && sc_link_has_room(link)
           && link->reads < READS_MAX && !link->paused)
    {
        stream = link->waiting_first;
        link->waiting_first = stream->wait_next;
        if (link->waiting_first == NULL) {
            link->waiting_last = NULL;
        }

        stream->waiting = 0;
        sc_stream_go_on(stream);
        sc_stream_drop(stream);
    }
}


/* That chunk has left.  What waited for room may make new ones. */
static void
out_done(struct sc_out *out)
{
    struct sc_link *link = out->link;

    link->out_bytes -= out->bytes;
    out_free(out);

    if (!link->closing) {
        wake(link);
        pressure(link);
    }
}


static void
on_written(uv_write_t *req, int status)
{
    struct sc_out *out = req->data;

    if (status < 0) {
        sc_link_close(out->link, uv_strerror(status));
    }

    out_done(out);
}


/* Takes so many bytes off the front of what is to be written. */
static unsigned
skip_iovs(struct sc_out *out, size_t n)
{
    unsigned i = 0;

    while (n >= out->iovs[i].len) {
        n -= out->iovs[i++].len;
    }

    out->iovs[i].base += n;
    out->iovs[i].len -= n;

    return i;
}


/* At once what the socket takes: a request of libuv's makes two more system
 * calls.  Only what is left becomes one. */
static void
write_out(struct sc_link *link, struct sc_out *out)
{
    unsigned i;
    int      rc;

    rc = uv_try_write((uv_stream_t *) &link->pipe, out->iovs, out->n_iovs);
    if (rc > 0 && (size_t) rc == out->bytes) {
        out_done(out);
        return;
    }

    i = skip_iovs(out, rc > 0 ? (size_t) rc : 0);
    out->req.data = out;
    rc = uv_write(&out->req, (uv_stream_t *) &link->pipe, out->iovs + i,
                  out->n_iovs - i, on_written);
    if (rc < 0) {
        out_free(out);
        sc_link_close(link, uv_strerror(rc));
    }
}


static void
flush(struct sc_link *link)
{
    struct sc_out *out;

    while (link->out_first && !link->closing && !link->broken) {
        out = link->out_first;
        link->out_first = out->next;
        if (link->out_first == NULL) {
            link->out_last = NULL;
        }

        write_out(link, out);
    }

    if (link->broken && !link->closing) {
        sc_link_close(link, link->out_bytes < OUT_MAX
                            ? "out of memory" : "it does not read");
    }
}


void
sc_link_flush_all(struct sc_service *service)
{
    struct sc_link *link, *next;

    for (link = service->links; link; link = next) {
        next = link->next;
        flush(link);
    }
}


/* --- waiting for room ---------------------------------------------------- */

static void
link_free(struct sc_link *link)
{
    if (link->reads) {
        return;
    }

    free(link->out_spare);
    free(link->in);
    free(link);
}


void
sc_link_wait(struct sc_link *link, struct sc_stream *stream)
{
    if (stream->waiting) {
        return;
    }

    stream->waiting = 1;
    stream->wait_next = NULL;
    sc_stream_ref(stream);

    if (link->waiting_last) {
        link->waiting_last->wait_next = stream;
    } else {
        link->waiting_first = stream;
    }

    link->waiting_last = stream;
}


int
sc_link_may_read(const struct sc_link *link)
{
    return sc_link_has_room(link) && link->reads < READS_MAX;
}


void
sc_link_read_begins(struct sc_link *link)
{
    link->reads++;
}


void
sc_link_read_ends(struct sc_link *link)
{
    link->reads--;

    if (link->closed) {
        link_free(link);
        return;
    }

    wake(link);
}


/* --- input --------------------------------------------------------------- */

/* Ids are the module's own small numbers; it gains nothing by collisions. */
static uint64_t
id_hash(uint32_t id)
{
    return id * 0x9e3779b97f4a7c15ull >> 20;
}


static struct sc_stream *
stream_of(const struct sc_link *link, uint32_t id)
{
    struct sc_map_node *node = sc_map_find(&link->streams, id_hash(id));
    struct sc_stream   *stream;

    for ( ; node; node = sc_map_next(node)) {
        stream = sc_map_entry(node, struct sc_stream, node);
        if (stream->id == id) {
            return stream;
        }
    }

    return NULL;
}


static const char *
on_open(struct sc_link *link, const struct sc_record *rec,
        const uint8_t *payload)
{
    struct sc_open    open;
    struct sc_stream *stream;
    const char       *wrong = sc_open_get(payload, rec->length, &open);

    if (wrong) {
        return wrong;
    }

    if (stream_of(link, rec->stream)) {
        return "OPEN of a stream that is open";
    }

    stream = sc_stream_open(link, rec->stream, &open, rec->flags);
    if (stream == NULL) {
        return "out of memory";
    }

    if (sc_map_add(&link->streams, &stream->node, id_hash(rec->stream)) != 0) {
        sc_stream_forget(stream);
        return "out of memory";
    }

    return NULL;
}


static void
on_close(struct sc_link *link, struct sc_stream *stream)
{
    /* After our own CLOSE this one only sets the id free. */
    sc_stream_close(stream, 1000, "");

    if (!link->closing) {
        sc_map_remove(&link->streams, &stream->node);
        sc_stream_forget(stream);
    }
}


static const char *
on_stream_record(struct sc_link *link, const struct sc_record *rec,
                 const uint8_t *payload)
{
    struct sc_stream *stream = stream_of(link, rec->stream);

    if (stream == NULL) {
        return "a record for a stream that is not open";
    }

    switch (rec->kind) {

    case SC_RECORD_DATA:
        sc_stream_frame(stream, payload, rec->length);
        break;

    case SC_RECORD_CLOSE:
        on_close(link, stream);
        break;

    case SC_RECORD_TICKET:
        return "TICKET from nginx";

    default:
        sc_stream_pause(stream, rec->kind == SC_RECORD_PAUSE);
        break;
    }

    return NULL;
}


static void
go_on(struct sc_map_node *node, void *data)
{
    (void) data;

    sc_stream_go_on(sc_map_entry(node, struct sc_stream, node));
}


static const char *
on_link_record(struct sc_link *link, const struct sc_record *rec)
{
    switch (rec->kind) {

    case SC_RECORD_HELLO:
        return "a second HELLO";

    case SC_RECORD_PAUSE:
        link->paused = 1;
        return NULL;

    case SC_RECORD_RESUME:
        link->paused = 0;
        sc_map_walk(&link->streams, go_on, NULL);
        wake(link);
        return NULL;

    case SC_RECORD_STATUS:
        if (rec->flags) {
            return "a STATUS answer from nginx";
        }
        put_status(link);
        return NULL;

    default:
        if (!rec->flags) {
            put_control(link, SC_RECORD_PING, SC_RECORD_FLAG_ANSWER);
        }
        return NULL;
    }
}


static const char *
on_record(struct sc_link *link, const struct sc_record *rec,
          const uint8_t *payload)
{
    const char *wrong;

    if (!link->greeted) {
        if (rec->kind != SC_RECORD_HELLO) {
            return "the first record is not HELLO";
        }

        wrong = sc_hello_get(payload);
        link->greeted = wrong == NULL;
        return wrong;
    }

    if (rec->kind == SC_RECORD_OPEN) {
        return on_open(link, rec, payload);
    }

    return rec->stream ? on_stream_record(link, rec, payload)
                       : on_link_record(link, rec);
}


/* Takes the whole records off the buffer.  NULL, or what is wrong. */
static const char *
cut(struct sc_link *link)
{
    const uint8_t   *p = link->in;
    size_t           left = link->in_n;
    struct sc_record rec;
    const char      *wrong = NULL;

    while (left >= SC_RECORD_HEADER && !link->closing) {
        wrong = sc_record_get(p, &rec);
        if (wrong || left - SC_RECORD_HEADER < rec.length) {
            break;
        }

        wrong = on_record(link, &rec, p + SC_RECORD_HEADER);
        if (wrong) {
            break;
        }

        p += SC_RECORD_HEADER + rec.length;
        left -= SC_RECORD_HEADER + rec.length;
    }

    memmove(link->in, p, left);
    link->in_n = left;

    return wrong;
}


static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct sc_link *link = handle->data;

    (void) suggested;
    *buf = uv_buf_init((char *) link->in + link->in_n,
                       (unsigned) (IN_BYTES - link->in_n));
}


static void
on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct sc_link *link = handle->data;
    const char     *wrong;

    (void) buf;

    if (n < 0) {
        sc_link_close(link, n != UV_EOF ? uv_strerror((int) n)
                            : link->in_n ? "closed within a record"
                            : "closed by nginx");
        return;
    }

    link->in_n += (size_t) n;
    link->service->metrics.bytes_in += (size_t) n;
    wrong = cut(link);

    if (wrong) {
        sc_link_close(link, wrong);
        return;
    }

    pressure(link);
}


/* --- coming and going ---------------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
    struct sc_link *link = handle->data;
    struct sc_out  *out;

    link->closed = 1;

    while ((out = link->out_first) != NULL) {
        link->out_first = out->next;
        out_free(out);
    }

    link_free(link);
}


static void
lose(struct sc_map_node *node, void *data)
{
    struct sc_link   *link = data;
    struct sc_stream *stream = sc_map_entry(node, struct sc_stream, node);

    sc_map_remove(&link->streams, node);
    sc_stream_close(stream, 1001, "");
    sc_stream_forget(stream);
}


static void
lose_streams(struct sc_link *link)
{
    struct sc_stream *stream;

    while ((stream = link->waiting_first) != NULL) {
        link->waiting_first = stream->wait_next;
        stream->waiting = 0;
        sc_stream_drop(stream);
    }

    link->waiting_last = NULL;

    sc_map_walk(&link->streams, lose, link);
    sc_map_free(&link->streams);
}


void
sc_link_close(struct sc_link *link, const char *why)
{
    if (link->closing) {
        return;
    }

    sc_log(SC_LOG_INFO, "link %u: closed with %zu streams: %s",
           link->number, link->streams.n, why);

    link->closing = 1;

    link->service->metrics.links--;

    if (link->prev) {
        link->prev->next = link->next;
    } else {
        link->service->links = link->next;
    }

    if (link->next) {
        link->next->prev = link->prev;
    }

    uv_close((uv_handle_t *) &link->pipe, on_closed);
    lose_streams(link);
}


void
sc_link_accept(struct sc_service *service, int fd)
{
    struct sc_link *link = calloc(1, sizeof(*link));
    uv_stream_t    *pipe;
    int             rc;

    if (link == NULL) {
        sc_log(SC_LOG_ERROR, "no memory for a link");
        (void) close(fd);
        return;
    }

    link->service = service;
    link->number = ++link_numbers;
    uv_pipe_init(&service->loop, &link->pipe, 0);
    link->pipe.data = link;
    pipe = (uv_stream_t *) &link->pipe;

    link->next = service->links;
    if (link->next) {
        link->next->prev = link;
    }
    service->links = link;
    service->metrics.links++;
    service->metrics.links_opened++;

    link->in = malloc(IN_BYTES);
    rc = link->in ? uv_pipe_open(&link->pipe, fd) : UV_ENOMEM;
    if (rc < 0) {
        (void) close(fd);
    }
    if (rc == 0 && !sc_listen_admits(service, &link->pipe)) {
        rc = UV_EACCES;
    }
    if (rc == 0) {
        rc = uv_read_start(pipe, on_alloc, on_read);
    }

    if (rc < 0) {
        sc_link_close(link, uv_strerror(rc));
        return;
    }

    sc_log(SC_LOG_INFO, "link %u: opened", link->number);
    put_hello(link);
}
