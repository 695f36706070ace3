/*
 * Streams: from a frame to what answers it, and from an answer to the link.
 *
 * The table in sealchat/frames.h decides which frame may come from whom and
 * how large it may be; this file asks it and looks into no body.  Answers to
 * a stream that nginx has paused are held, as many as it may have requests
 * open; everything else that would be sent to it waits in the store or is
 * dropped.
 */

#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "pages.h"
#include "protocol/ids.h"
#include "queue.h"
#include "resume.h"

struct sc_held {
    struct sc_held *next;
    struct sc_body *body;
    const uint8_t  *p;
    size_t          n;
    size_t          head_n;
    uint8_t         head[];
};

typedef void (*sc_answerer)(struct sc_stream *, const struct sc_frame *);

#define ANSWERER(type, NAME, name, roles, max, repeat, answer) \
    [type] = sc_do_##name,
static const sc_answerer answerers[256] = { SC_CLIENT_FRAMES(ANSWERER) };
#undef ANSWERER


void
sc_stream_ref(struct sc_stream *stream)
{
    stream->refs++;
}


void
sc_stream_drop(struct sc_stream *stream)
{
    if (--stream->refs == 0) {
        free(stream);
    }
}


/* --- sending ------------------------------------------------------------- */

int
sc_stream_may_send(const struct sc_stream *stream)
{
    return !stream->closed && stream->link && !stream->paused
           && !stream->link->paused;
}


static void
hold(struct sc_stream *stream, const uint8_t *head, size_t head_n,
     struct sc_body *body, const uint8_t *p, size_t n)
{
    struct sc_held *held = malloc(sizeof(*held) + head_n);

    if (held == NULL) {
        sc_stream_close(stream, 1011, "internal");
        return;
    }

    held->next = NULL;
    held->body = sc_body_ref(body);
    held->p = p;
    held->n = n;
    held->head_n = head_n;
    if (head_n) {
        memcpy(held->head, head, head_n);
    }

    if (stream->held_last) {
        stream->held_last->next = held;
    } else {
        stream->held_first = held;
    }

    stream->held_last = held;
}


static struct sc_held *
held_take(struct sc_stream *stream)
{
    struct sc_held *held = stream->held_first;

    if (held) {
        stream->held_first = held->next;
        if (stream->held_first == NULL) {
            stream->held_last = NULL;
        }
    }

    return held;
}


static void
held_free(struct sc_held *held)
{
    sc_body_drop(held->body);
    free(held);
}


void
sc_stream_send(struct sc_stream *stream, int asked,
               const uint8_t *head, size_t head_n,
               struct sc_body *body, const uint8_t *p, size_t n)
{
    if (stream->closed) {
        return;
    }

    if (!sc_stream_may_send(stream) || (asked && stream->held_first)) {
        if (asked) {
            hold(stream, head, head_n, body, p, n);
        }
        return;
    }

    if (asked) {
        stream->unanswered--;
    }

    sc_link_data(stream->link, stream->id, head, head_n, body, p, n);
}


/* Sends what was held, as far as the link has room: many streams may be let
 * go at once.  0 when something is left. */
static int
send_held(struct sc_stream *stream)
{
    struct sc_held *held;

    while (sc_stream_may_send(stream) && stream->held_first) {
        if (!sc_link_has_room(stream->link)) {
            sc_link_wait(stream->link, stream);
            return 0;
        }

        held = held_take(stream);
        stream->unanswered--;
        sc_link_data(stream->link, stream->id, held->head, held->head_n,
                     held->body, held->p, held->n);
        held_free(held);
    }

    return stream->held_first == NULL;
}


void
sc_stream_send_body(struct sc_stream *stream, int asked, struct sc_body *body)
{
    if (body == NULL) {
        sc_stream_close(stream, 1011, "internal");
        return;
    }

    sc_stream_send(stream, asked, NULL, 0, body, body->bytes, body->n);
    sc_body_drop(body);
}


void
sc_stream_tell(struct sc_stream *stream, const uint8_t *bytes, size_t n)
{
    if (stream->closed) {
        return;
    }

    if (stream->unanswered >= SC_REQUEST_WINDOW) {
        sc_stream_close(stream, 1013, "too slow");
        return;
    }

    stream->unanswered++;
    sc_stream_send(stream, 1, bytes, n, NULL, NULL, 0);
}


/* A device has other sessions than the one that is gone. */
static int
goes_on(const struct sc_stream *stream, const struct sc_error_info *info)
{
    return info->close == 0
           || (info->code == SC_E_SESSION_DELETED
               && stream->role == SC_ROLE_DEVICE);
}


static void
refuse(struct sc_stream *stream, int asked, uint16_t tag,
       enum sc_error_code code, const char *sentence, uint32_t retry)
{
    const struct sc_error_info *info = sc_error_info(code);
    struct sc_frame_error       error = { .code = info->code, .retry = retry };
    uint8_t                     out[600];
    size_t                      n;

    stream->service->metrics.errors[code]++;
    error.sentence.p = (const uint8_t *) (sentence ? sentence
                                                   : info->sentence);
    error.sentence.n = strnlen((const char *) error.sentence.p, 500);

    sc_log(SC_LOG_DEBUG, "cid %s: error %s: %s",
           sc_log_id(stream->cid).text, info->name,
           (const char *) error.sentence.p);

    n = sc_error_encode(out, sizeof(out), tag, &error);
    sc_stream_send(stream, asked, out, n, NULL, NULL, 0);

    if (!goes_on(stream, info)) {
        sc_stream_close(stream, info->close, info->name);
    }
}


void
sc_stream_error(struct sc_stream *stream, int asked, uint16_t tag,
                enum sc_error_code code, const char *sentence)
{
    refuse(stream, asked, tag, code, sentence, 0);
}


void
sc_stream_slow_down(struct sc_stream *stream, uint16_t tag, uint32_t retry)
{
    refuse(stream, 1, tag, SC_E_SLOW_DOWN, NULL, retry);
}


void
sc_stream_challenge(struct sc_stream *stream)
{
    struct sc_frame_challenge frame = { .puzzle_bits = stream->puzzle };
    uint8_t                   out[SC_FRAME_HEADER + 33];
    size_t                    n;

    if (stream->closed || stream->role != SC_ROLE_NONE || stream->challenge) {
        return;
    }

    stream->challenge = malloc(sizeof(*stream->challenge));
    if (stream->challenge == NULL) {
        sc_stream_close(stream, 1011, "internal");
        return;
    }

    randombytes_buf(stream->challenge->bytes, 32);
    stream->challenge->time = uv_now(&stream->service->loop);

    frame.challenge = stream->challenge->bytes;
    n = sc_challenge_encode(out, sizeof(out), 0, &frame);

    /* Held like an answer: without it a paused client could never go on. */
    stream->unanswered++;
    sc_stream_send(stream, 1, out, n, NULL, NULL, 0);
}


enum sc_error_code
sc_stream_take_challenge(struct sc_stream *stream, uint8_t out[32])
{
    struct sc_challenge *challenge = stream->challenge;
    uint64_t             age;

    if (challenge == NULL) {
        return SC_E_CHALLENGE_EXPIRED;
    }

    age = uv_now(&stream->service->loop) - challenge->time;
    memcpy(out, challenge->bytes, 32);
    sodium_memzero(challenge, sizeof(*challenge));
    free(challenge);
    stream->challenge = NULL;

    return age <= SC_CHALLENGE_TTL_MS ? SC_E_NONE : SC_E_CHALLENGE_EXPIRED;
}


/* --- receiving ----------------------------------------------------------- */

static void
refuse_frame(struct sc_stream *stream, const struct sc_frame *frame,
             enum sc_error_code code)
{
    sc_stream_error(stream, 0, frame->tag, code, NULL);
}


static void
dispatch(struct sc_stream *stream, const struct sc_frame *frame)
{
    const struct sc_frame_info *info = sc_frame_info(frame->type);

    stream->service->metrics.frames[frame->type]++;

    if (!(info->roles & 1u << stream->role)) {
        refuse_frame(stream, frame, SC_E_NOT_ALLOWED);
        return;
    }

    if (info->answer) {
        if (stream->unanswered >= SC_REQUEST_WINDOW) {
            refuse_frame(stream, frame, SC_E_BUSY);
            return;
        }

        stream->unanswered++;
    }

    answerers[frame->type](stream, frame);
}


void
sc_stream_frame(struct sc_stream *stream, const uint8_t *bytes, size_t n)
{
    struct sc_frame    frame = { .tag = 0 };
    enum sc_error_code code;

    /* The browser did not know yet. */
    if (stream->closed) {
        return;
    }

    sc_stream_ref(stream);
    code = sc_frame_open(bytes, n, &frame);

    if (code != SC_E_NONE) {
        refuse_frame(stream, &frame, code);

    } else if (stream->mark == 0 || frame.type == SC_FRAME_RESUME) {
        dispatch(stream, &frame);
    }

    sc_stream_drop(stream);
}


void
sc_stream_pause(struct sc_stream *stream, int paused)
{
    stream->paused = paused ? 1 : 0;

    if (!paused) {
        sc_stream_go_on(stream);
    }
}


void
sc_stream_go_on(struct sc_stream *stream)
{
    if (send_held(stream) && sc_stream_may_send(stream)) {
        if (stream->roster_due) {
            sc_customer_show(stream);
        }
        if (stream->ticket_held) {
            sc_resume_give(stream);
        }
        sc_pages_go_on(stream);
        sc_queue_pump(stream);
    }
}


/* --- coming and going ---------------------------------------------------- */

struct sc_stream *
sc_stream_open(struct sc_link *link, uint32_t id, const struct sc_open *open,
               unsigned flags)
{
    struct sc_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return NULL;
    }

    stream->link = link;
    stream->service = link->service;
    stream->id = id;
    stream->refs = 1;
    stream->paused = (flags & SC_RECORD_FLAG_PAUSED) != 0;
    stream->address = sc_throttle_address(stream->service, open->addr,
                                          open->addr_len);
    stream->service->metrics.opened += !(flags & SC_RECORD_FLAG_AGAIN);
    stream->service->metrics.streams[SC_ROLE_NONE]++;

    if (!sc_cid_read(stream->cid, (const char *) open->cid, open->cid_len)) {
        sc_stream_error(stream, 0, 0, SC_E_BAD_CID, NULL);
        return stream;
    }

    if (flags & SC_RECORD_FLAG_AGAIN) {
        sc_resume_open(stream, open);
    } else {
        sc_stream_challenge(stream);
    }

    return stream;
}


void
sc_stream_become(struct sc_stream *stream, enum sc_role role)
{
    uint64_t *streams = stream->service->metrics.streams;

    streams[stream->role]--;
    streams[role]++;
    stream->role = (uint8_t) role;
}


static void
let_go(struct sc_stream *stream)
{
    struct sc_held *held;

    sc_queue_leave(stream);
    sc_pages_cancel(stream);

    if (stream->session) {
        sc_session_drop(stream->customer, stream->session);
        stream->session = NULL;
    }

    if (stream->customer) {
        sc_customer_drop(stream->customer);
        stream->customer = NULL;
    }

    if (stream->challenge) {
        sodium_memzero(stream->challenge, sizeof(*stream->challenge));
        free(stream->challenge);
        stream->challenge = NULL;
    }

    while ((held = held_take(stream)) != NULL) {
        held_free(held);
    }
}


void
sc_stream_close(struct sc_stream *stream, uint16_t code, const char *reason)
{
    if (stream->closed) {
        return;
    }

    stream->closed = 1;
    stream->service->metrics.streams[stream->role]--;
    let_go(stream);

    if (stream->link) {
        sc_link_close_stream(stream->link, stream->id, code, reason);
    }
}


void
sc_stream_forget(struct sc_stream *stream)
{
    sc_stream_close(stream, 1001, "");
    stream->link = NULL;
    sc_stream_drop(stream);
}
