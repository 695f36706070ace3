/*
 * Streams that come again after their link broke.
 *
 * A ticket says who a stream was; whether it may still be that is asked
 * anew: the device has to stand in today's roster, the session has to be
 * there, an owner's login must not have been replaced.  Whatever does not
 * hold costs the stream its login and nothing else: it gets a new CHALLENGE.
 * What the client sent on the old link is dropped here, until it has heard
 * that there is a new one.
 */

#include "resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "link.h"
#include "login.h"
#include "protocol/ids.h"
#include "queue.h"
#include "ticket.h"

/* Tickets are renewed at half their life, give or take an eighth, so that
 * those of one moment are not all due in one. */
#define HALF_MS   ((uint32_t) (SC_TICKET_LIFE_MS / 2))
#define SPREAD_MS ((uint32_t) (SC_TICKET_LIFE_MS / 8))
#define SWEEP_MS  (SC_TICKET_LIFE_MS / 64)


/* --- giving -------------------------------------------------------------- */

/* Whether what a ticket would stand for is in the store. */
static int
is_stored(const struct sc_stream *stream)
{
    return stream->role != SC_ROLE_VISITOR || stream->session->hello == NULL;
}


static void
seal(const struct sc_stream *stream, uint8_t out[SC_TICKET_BYTES])
{
    struct sc_service *service = stream->service;
    struct sc_ticket   ticket = {
        .cid = stream->cid, .origin_hash = service->origin_hash,
        .role = stream->role,
        .version = stream->customer->present.roster.version,
        .expires = sc_service_time() + SC_TICKET_LIFE_MS
    };

    memcpy(ticket.self, stream->role == SC_ROLE_VISITOR
                        ? stream->session->sid : stream->self, 32);
    sc_ticket_seal(service->tickets, &ticket, out);
}


static uint32_t
seconds(const struct sc_service *service)
{
    return (uint32_t) (uv_now(&service->loop) / 1000);
}


void
sc_resume_give(struct sc_stream *stream)
{
    uint8_t ticket[SC_TICKET_BYTES];

    if (stream->closed || stream->link == NULL
        || stream->role == SC_ROLE_NONE)
    {
        return;
    }

    /* nginx must not have it before the client has what it rests on. */
    if (stream->held_first || stream->roster_due) {
        stream->ticket_held = 1;
        return;
    }

    stream->ticket_held = 0;

    if (!is_stored(stream)) {
        sc_link_ticket(stream->link, stream->id, stream->role, NULL, 0);
        return;
    }

    seal(stream, ticket);
    sc_link_ticket(stream->link, stream->id, stream->role, ticket,
                   sizeof(ticket));
    stream->ticket_due = seconds(stream->service)
                         + (HALF_MS - SPREAD_MS
                            + randombytes_uniform(2 * SPREAD_MS)) / 1000;
}


void
sc_resume_stored(struct sc_session_live *session)
{
    struct sc_stream *stream, *next;

    for (stream = session->queue.streams; stream; stream = next) {
        next = stream->queue_next;

        if (stream->ticket_due == 0) {
            sc_resume_give(stream);
        }
    }
}


static void
renew(struct sc_map_node *node, void *data)
{
    struct sc_stream *stream = sc_map_entry(node, struct sc_stream, node);
    const uint32_t   *now = data;

    if (stream->ticket_due && stream->ticket_due <= *now) {
        sc_resume_give(stream);
    }
}


static void
on_sweep(uv_timer_t *timer)
{
    struct sc_service *service = timer->data;
    struct sc_link    *link;
    char               why[512];
    uint32_t           now = seconds(service);

    sc_tickets_rotate(service->tickets, sc_service_time(), why, sizeof(why));
    if (why[0]) {
        sc_log(SC_LOG_WARN, "%s", why);
    }

    for (link = service->links; link; link = link->next) {
        sc_map_walk(&link->streams, renew, &now);
    }
}


/* --- taking back --------------------------------------------------------- */

static const char *
find_visitor(struct sc_stream *stream, struct sc_login *login)
{
    struct sc_bytes bytes;

    /* Asked for a key that is not known yet: the hello tells it. */
    if (sc_store_session(stream->service->store, login->customer->number,
                         login->subject, login->subject,
                         &login->stored) != 1)
    {
        return "its session is gone";
    }

    if (login->stored.blocked) {
        return "its session is blocked";
    }

    bytes.p = login->stored.hello;
    bytes.n = login->stored.hello_len;
    if (sc_hello_parse(bytes, &login->hello) != NULL) {
        return "its session's hello does not hold";
    }

    sc_signkey_id_of(stream->self, login->hello.sign_pk);

    return NULL;
}


/* Of what generation the roster was that the ticket names; 0 if unknown. */
static uint64_t
generation_of(const struct sc_live *customer, uint64_t version)
{
    struct sc_blob_out blob = { .p = NULL };
    struct sc_roster   roster;
    struct sc_bytes    bytes;
    uint64_t           generation = 0;

    if (version == customer->present.roster.version) {
        return customer->present.roster.generation;
    }

    if (version && sc_store_roster(customer->service->store, customer->number,
                                   version, &blob) == 1)
    {
        bytes.p = blob.p;
        bytes.n = blob.n;
        if (sc_roster_parse(bytes, &roster) == NULL) {
            generation = roster.generation;
        }
    }

    free(blob.p);

    return generation;
}


static const char *
find_owner(struct sc_stream *stream, struct sc_login *login, uint64_t version)
{
    const struct sc_live *customer = login->customer;

    if (memcmp(customer->account_id, login->subject, 32) != 0) {
        return "its account is another one";
    }

    if (generation_of(customer, version)
        != customer->present.roster.generation)
    {
        return "its login was replaced";
    }

    memcpy(stream->self, login->subject, 32);

    return NULL;
}


/* Fills in login; the reference in it is the caller's in any case. */
static const char *
find(struct sc_stream *stream, const struct sc_open *open,
     struct sc_login *login, uint64_t *version)
{
    struct sc_service *service = stream->service;
    struct sc_ticket   ticket = {
        .cid = stream->cid, .origin_hash = service->origin_hash
    };
    const char        *wrong;

    wrong = sc_ticket_open(service->tickets, sc_service_time(), open->ticket,
                           open->ticket_len, &ticket);
    *version = ticket.version;
    if (wrong) {
        return wrong;
    }

    if (sc_customer_get(service, stream->cid, &login->customer) != SC_E_NONE)
    {
        return "its customer is not here";
    }

    if (ticket.version > login->customer->present.roster.version) {
        return "it is of a later roster than the store has";
    }

    login->role = ticket.role;
    memcpy(login->subject, ticket.self, 32);

    switch (ticket.role) {

    case SC_ROLE_VISITOR:
        return find_visitor(stream, login);

    case SC_ROLE_DEVICE:
        return sc_login_device(stream, login)
               ? NULL : "the present roster does not list its device";

    default:
        return find_owner(stream, login, ticket.version);
    }
}


/* 1 when the stream is whose the ticket says; *version is that of the roster
 * that he knew. */
static int
take_back(struct sc_stream *stream, const struct sc_open *open,
          uint64_t *version)
{
    struct sc_login login = { .customer = NULL };
    uint64_t        cursor;
    const char     *wrong = find(stream, open, &login, version);

    if (wrong == NULL
        && sc_login_become(stream, &login, &cursor) != SC_E_NONE)
    {
        wrong = "the service failed";
    }

    if (login.customer) {
        sc_customer_drop(login.customer);
    }

    if (wrong) {
        stream->service->metrics.tickets_refused++;
        sc_log(SC_LOG_INFO, "cid %s: a ticket was refused: %s",
               sc_log_id(stream->cid).text, wrong);
        return 0;
    }

    stream->service->metrics.resumed++;

    if (stream->session) {
        memcpy(stream->release, login.stored.release, 32);
    }

    return 1;
}


static void
tell(struct sc_stream *stream)
{
    struct sc_frame_resumed resumed = { .role = stream->role };
    uint8_t                 out[SC_FRAME_HEADER + 9];
    size_t                  n;

    randombytes_buf(&stream->mark, sizeof(stream->mark));
    stream->mark = (stream->mark & SC_NUMBER_MAX) | 1;
    resumed.mark = stream->mark;

    n = sc_resumed_encode(out, sizeof(out), 0, &resumed);
    sc_stream_tell(stream, out, n);
}


void
sc_resume_open(struct sc_stream *stream, const struct sc_open *open)
{
    uint64_t version;
    int      known = open->ticket_len && take_back(stream, open, &version);

    tell(stream);
    if (stream->closed) {
        return;                    /* there was no memory */
    }

    if (!known) {
        sc_stream_challenge(stream);
        return;
    }

    sc_log(SC_LOG_DEBUG, "cid %s: role %u goes on as %s",
           sc_log_id(stream->cid).text, stream->role,
           sc_log_id(stream->self).text);

    /* A roster that came meanwhile was shown to nobody who was away. */
    if ((SC_MAY_CHAT & 1u << stream->role)
        && version < stream->customer->present.roster.version)
    {
        sc_customer_show(stream);
    }

    sc_resume_give(stream);
    sc_queue_pump(stream);
}


void
sc_do_resume(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_resume resume;

    if (!sc_resume_decode(frame->body, &resume)) {
        sc_stream_error(stream, 0, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    /* Another mark is that of a link that has broken since. */
    if (resume.mark == stream->mark) {
        stream->mark = 0;
    }
}


/* --- starting and stopping ----------------------------------------------- */

int
sc_resume_start(struct sc_service *service, char *why, size_t why_size)
{
    char trouble[512];

    service->tickets = sc_tickets_open(service->config->store_path,
                                       sc_service_time(), trouble,
                                       sizeof(trouble));
    if (service->tickets == NULL) {
        snprintf(why, why_size, "no memory for the keys of tickets");
        return -1;
    }

    if (trouble[0]) {
        sc_log(SC_LOG_WARN, "%s", trouble);
    }

    uv_timer_init(&service->loop, &service->renewer);
    service->renewer.data = service;
    uv_timer_start(&service->renewer, on_sweep, SWEEP_MS, SWEEP_MS);

    return 0;
}


void
sc_resume_stop(struct sc_service *service)
{
    uv_close((uv_handle_t *) &service->renewer, NULL);
}


void
sc_resume_end(struct sc_service *service)
{
    sc_tickets_close(service->tickets);
    service->tickets = NULL;
}
