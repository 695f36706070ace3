/*
 * Live customers: a cache of what the store knows of a customer and its
 * rosters, and the table of who is connected.  It reads the store and never
 * writes it.
 */

#include "customer.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/ids.h"
#include "stream.h"


/* --- rosters ------------------------------------------------------------- */

static void
known_free(struct sc_known_roster *known)
{
    sc_body_drop(known->body);
    *known = (struct sc_known_roster) { .body = NULL };
}


/* Replaces what known holds.  0, or -1 when there is no memory or what the
 * store has is no roster; then known is empty. */
static int
known_set(struct sc_known_roster *known, const uint8_t *p, size_t n)
{
    struct sc_bytes bytes;

    known_free(known);

    known->body = sc_body_new(p, n);
    if (known->body == NULL) {
        return -1;
    }

    bytes.p = known->body->bytes;
    bytes.n = n;

    if (sc_roster_parse(bytes, &known->roster) != NULL) {
        known_free(known);
        return -1;
    }

    sc_signed_id_of(known->id, bytes);
    sc_kem_id_of(known->kem_id, known->roster.suite, known->roster.kem_pk);

    return 0;
}


const struct sc_known_roster *
sc_customer_roster(struct sc_live *customer, const uint8_t id[32])
{
    struct sc_known_roster *older = &customer->older;
    struct sc_blob_out      blob = { .p = NULL };
    int                     rc;

    if (memcmp(customer->present.id, id, 32) == 0) {
        return &customer->present;
    }

    if (older->body && memcmp(older->id, id, 32) == 0) {
        return older;
    }

    rc = sc_store_roster_by_id(customer->service->store, customer->number,
                               id, &blob);
    if (rc == 1) {
        rc = known_set(older, blob.p, blob.n) == 0;
    }

    free(blob.p);

    return rc == 1 ? older : NULL;
}


int
sc_roster_lists(const struct sc_roster *roster, const uint8_t pk[32])
{
    for (size_t i = 0; i < roster->n_devices; i++) {
        if (memcmp(roster->devices + 32 * i, pk, 32) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
close_removed(struct sc_live *customer)
{
    struct sc_stream *stream, *next;

    for (stream = customer->devices.streams; stream; stream = next) {
        next = stream->queue_next;

        if (!sc_roster_lists(&customer->present.roster, stream->pk)) {
            sc_log(SC_LOG_INFO, "cid %s: device %s was removed, closed",
                   sc_log_id(customer->cid).text,
                   sc_log_id(stream->self).text);
            sc_stream_close(stream, 1008, "device-removed");
        }
    }
}


static void
close_owners(struct sc_live *customer, const struct sc_stream *but)
{
    struct sc_stream *stream, *next;

    for (stream = customer->owners.streams; stream; stream = next) {
        next = stream->queue_next;

        if (stream != but) {
            sc_stream_close(stream, 1008, "login-replaced");
        }
    }
}


/* Now, or when the stream goes on: none may miss that a device was removed. */
static void
show_to(struct sc_stream *stream, struct sc_body *frame)
{
    int may_send = sc_stream_may_send(stream);

    if (may_send && sc_link_has_room(stream->link)) {
        stream->roster_due = 0;
        sc_stream_send(stream, 0, NULL, 0, frame, frame->bytes, frame->n);
        return;
    }

    stream->roster_due = 1;
    if (may_send) {
        sc_link_wait(stream->link, stream);
    }
}


static void
show_roster_to(const struct sc_queue *queue, struct sc_body *frame)
{
    struct sc_stream *stream, *next;

    for (stream = queue->streams; stream; stream = next) {
        next = stream->queue_next;
        show_to(stream, frame);
    }
}


static void
show_roster_to_session(struct sc_map_node *node, void *frame)
{
    show_roster_to(&sc_map_entry(node, struct sc_session_live, node)->queue,
                   frame);
}


/* The present roster, as ROSTERS that nobody asked for; NULL when there is no
 * memory. */
static struct sc_body *
roster_frame(const struct sc_live *customer)
{
    struct sc_bytes         roster = customer->present.roster.bytes;
    uint8_t                 list[2 + SC_ROSTER_MAX];
    struct sc_writer        w = sc_writer_of(list, sizeof(list));
    struct sc_blob          blob = { .bytes = roster };
    struct sc_frame_rosters rosters = { .next = 0 };
    struct sc_body         *frame;

    sc_blob_put(&w, &blob);
    rosters.rosters = (struct sc_list) {
        .p = list, .n = (size_t) (w.p - list), .count = 1
    };

    frame = sc_body_new(NULL, SC_FRAME_HEADER + 10 + rosters.rosters.n);
    if (frame) {
        frame->n = sc_rosters_encode(frame->bytes, frame->n, 0, &rosters);
    }

    return frame;
}


/* Devices and visitors who are connected use a new roster at once. */
static void
show_roster(struct sc_live *customer)
{
    struct sc_body *frame = roster_frame(customer);

    if (frame) {
        show_roster_to(&customer->devices, frame);
        sc_map_walk(&customer->sessions, show_roster_to_session, frame);
        sc_body_drop(frame);
    }
}


void
sc_customer_show(struct sc_stream *stream)
{
    struct sc_body *frame = roster_frame(stream->customer);

    if (frame) {
        show_to(stream, frame);
        sc_body_drop(frame);
    }
}


void
sc_customer_changed(struct sc_live *customer, struct sc_bytes roster,
                    int generation_rose, const struct sc_stream *by)
{
    struct sc_known_roster last = customer->present;

    customer->present = (struct sc_known_roster) { .body = NULL };

    if (known_set(&customer->present, roster.p, roster.n) != 0) {
        sc_log(SC_LOG_ERROR, "cid %s: the new roster could not be kept",
               sc_log_id(customer->cid).text);
        customer->present = last;
        return;
    }

    known_free(&customer->older);
    customer->older = last;

    /* Closing a stream may give the last reference back. */
    sc_customer_ref(customer);
    close_removed(customer);
    show_roster(customer);

    if (generation_rose) {
        close_owners(customer, by);
    }

    sc_customer_drop(customer);
}


static struct sc_live *
customer_find(const struct sc_service *service, const uint8_t cid[32],
              uint64_t hash)
{
    struct sc_map_node *node = sc_map_find(&service->customers, hash);
    struct sc_live     *customer;

    for ( ; node; node = sc_map_next(node)) {
        customer = sc_map_entry(node, struct sc_live, node);
        if (memcmp(customer->cid, cid, 32) == 0) {
            return customer;
        }
    }

    return NULL;
}


/* An end that clients are told. */
struct ending {
    uint16_t    code;
    const char *reason;
};


static void
close_all(struct sc_queue *queue, const struct ending *ending)
{
    struct sc_stream *stream, *next;

    for (stream = queue->streams; stream; stream = next) {
        next = stream->queue_next;
        sc_stream_close(stream, ending->code, ending->reason);
    }
}


static void
close_session(struct sc_map_node *node, void *ending)
{
    close_all(&sc_map_entry(node, struct sc_session_live, node)->queue,
              ending);
}


/* Closes all streams of the customer, who may be gone after it. */
static void
close_streams(struct sc_live *customer, struct ending *ending)
{
    /* Closing a stream may give the last reference back. */
    sc_customer_ref(customer);
    sc_map_walk(&customer->sessions, close_session, ending);
    close_all(&customer->devices, ending);
    close_all(&customer->owners, ending);
    sc_customer_drop(customer);
}


void
sc_customer_erased(struct sc_service *service, const uint8_t cid[32])
{
    struct ending   ending = { 1008, "account-deleted" };
    struct sc_live *customer;

    sc_log(SC_LOG_INFO, "cid %s: erased", sc_log_id(cid).text);

    customer = customer_find(service, cid, sc_service_hash(service, cid));
    if (customer == NULL) {
        return;
    }

    customer->erased = 1;
    customer->deletions++;
    close_streams(customer, &ending);
}


void
sc_customer_disabled(struct sc_service *service, const uint8_t cid[32],
                     int disabled)
{
    struct ending   ending = { 1013, "not-here" };
    struct sc_live *customer;

    sc_log(SC_LOG_INFO, "cid %s: %s", sc_log_id(cid).text,
           disabled ? "disabled" : "enabled");

    customer = customer_find(service, cid, sc_service_hash(service, cid));
    if (customer == NULL) {
        return;
    }

    customer->disabled = disabled != 0;
    if (disabled) {
        close_streams(customer, &ending);
    }
}


/* --- customers ----------------------------------------------------------- */

static int
load_roster(struct sc_live *customer)
{
    struct sc_blob_out blob = { .p = NULL };
    int                rc;

    rc = sc_store_roster(customer->service->store, customer->number, 0,
                         &blob);
    rc = rc == 1 ? known_set(&customer->present, blob.p, blob.n) : -1;
    free(blob.p);

    return rc;
}


static struct sc_live *
customer_make(struct sc_service *service, const uint8_t cid[32],
              uint64_t hash, const struct sc_customer *stored)
{
    struct sc_live *customer = calloc(1, sizeof(*customer));

    if (customer == NULL) {
        return NULL;
    }

    customer->service = service;
    customer->refs = 1;
    customer->number = stored->number;
    customer->devices.head = stored->head;
    memcpy(customer->cid, cid, 32);
    memcpy(customer->account_id, stored->account_id, 32);

    if (load_roster(customer) != 0
        || sc_map_add(&service->customers, &customer->node, hash) != 0)
    {
        known_free(&customer->present);
        free(customer);
        return NULL;
    }

    return customer;
}


enum sc_error_code
sc_customer_get(struct sc_service *service, const uint8_t cid[32],
                struct sc_live **out)
{
    uint64_t           hash = sc_service_hash(service, cid);
    struct sc_customer stored;
    int                rc;

    *out = customer_find(service, cid, hash);
    if (*out && ((*out)->erased || (*out)->disabled)) {
        *out = NULL;
        return SC_E_NOT_HERE;
    }

    if (*out) {
        sc_customer_ref(*out);
        return SC_E_NONE;
    }

    rc = sc_store_customer(service->store, cid, &stored);
    if (rc != 1) {
        return rc == 0 ? SC_E_NOT_HERE : SC_E_INTERNAL;
    }

    if (stored.disabled) {
        return SC_E_NOT_HERE;
    }

    *out = customer_make(service, cid, hash, &stored);

    return *out ? SC_E_NONE : SC_E_INTERNAL;
}


void
sc_customer_ref(struct sc_live *customer)
{
    customer->refs++;
}


void
sc_customer_drop(struct sc_live *customer)
{
    if (--customer->refs) {
        return;
    }

    sc_map_remove(&customer->service->customers, &customer->node);
    sc_map_free(&customer->sessions);
    known_free(&customer->present);
    known_free(&customer->older);
    free(customer);
}


/* --- sessions ------------------------------------------------------------ */

struct sc_session_live *
sc_session_find(struct sc_live *customer, const uint8_t sid[32])
{
    uint64_t            hash = sc_service_hash(customer->service, sid);
    struct sc_map_node *node = sc_map_find(&customer->sessions, hash);

    struct sc_session_live *session;

    for ( ; node; node = sc_map_next(node)) {
        session = sc_map_entry(node, struct sc_session_live, node);
        if (memcmp(session->sid, sid, 32) == 0) {
            return session;
        }
    }

    return NULL;
}


struct sc_session_live *
sc_session_get(struct sc_live *customer, const uint8_t sid[32],
               const struct sc_hello *hello, int stored)
{
    struct sc_session_live *session = sc_session_find(customer, sid);

    if (session) {
        session->refs++;
        return session;
    }

    session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return NULL;
    }

    if (!stored) {
        session->hello = sc_body_new(hello->bytes.p, hello->bytes.n);
    }

    if ((!stored && session->hello == NULL)
        || sc_map_add(&customer->sessions, &session->node,
                      sc_service_hash(customer->service, sid)) != 0)
    {
        sc_body_drop(session->hello);
        free(session);
        return NULL;
    }

    session->refs = 1;
    session->suite = hello->suite;
    memcpy(session->sid, sid, 32);
    sc_kem_id_of(session->kem_id, hello->suite, hello->kem_pk);

    return session;
}


void
sc_session_drop(struct sc_live *customer, struct sc_session_live *session)
{
    if (--session->refs) {
        return;
    }

    sc_map_remove(&customer->sessions, &session->node);
    sc_body_drop(session->hello);
    free(session);
}
