/*
 * Commands on customers: listing and showing them, letting them in or not,
 * what they may store and for how long, and their end.
 */

#include <stdlib.h>
#include <string.h>

#include "../customer.h"
#include "../protocol/ids.h"
#include "commands.h"

#define PAGE  64

/* The customer that the request names.  1, or 0, having said why not. */
static int
read_cid(struct sc_admin_exchange *exchange, uint8_t cid[32])
{
    const char *text = sc_admin_arg(&exchange->request, "cid");

    if (text && sc_cid_read(cid, text, strlen(text))) {
        return 1;
    }

    sc_admin_fail(exchange, "bad-request",
                  "cid is the customer's id in base64url, 43 characters.");

    return 0;
}


/* 1 and the customer, or 0, having said why not. */
static int
find(struct sc_admin_exchange *exchange, uint8_t cid[32],
     struct sc_customer *customer)
{
    int rc;

    if (!read_cid(exchange, cid)) {
        return 0;
    }

    rc = sc_store_customer(exchange->service->store, cid, customer);
    if (rc != 1) {
        sc_admin_fail_code(exchange, rc == 0 ? SC_E_NOT_FOUND
                                             : SC_E_STORAGE_FAILED);
    }

    return rc == 1;
}


/* --- showing ------------------------------------------------------------- */

/* A class of days, "forever" for those that are kept. */
static json_t *
days_of(uint16_t days)
{
    return days == SC_KEPT ? json_string("forever") : json_integer(days);
}


/* A quota: null where the service's own holds. */
static json_t *
quota_of(uint64_t quota)
{
    return quota == 0 ? json_null()
           : quota == SC_NO_LIMIT ? json_string("none")
           : json_integer((json_int_t) quota);
}


/* NULL when it is gone meanwhile, or could not be read. */
static json_t *
line_of(struct sc_store *store, const uint8_t cid[32],
        const struct sc_limits **limits_out, struct sc_limits *limits)
{
    struct sc_customer customer;
    char               text[SC_CID_TEXT + 1];

    if (sc_store_customer(store, cid, &customer) != 1
        || sc_store_limits(store, cid, limits) != 1)
    {
        return NULL;
    }

    *limits_out = limits;
    sc_cid_write(text, cid);

    return json_pack("{s:s, s:b, s:o, s:I, s:I, s:I, s:I, s:I}",
                     "cid", text,
                     "disabled", customer.disabled,
                     "days", days_of(limits->days),
                     "sessions", (json_int_t) limits->sessions,
                     "messages", (json_int_t) limits->messages,
                     "stored_bytes", (json_int_t) limits->bytes,
                     "newest", (json_int_t) customer.head,
                     "registered_ms", (json_int_t) customer.time);
}


void
sc_admin_customers(struct sc_admin_exchange *exchange)
{
    struct sc_store        *store = exchange->service->store;
    const struct sc_limits *limits;
    struct sc_limits        own;
    uint8_t                 cids[PAGE][32];
    uint64_t                next = 1;
    json_int_t              count = 0;
    json_t                 *line;
    int                     n;

    do {
        n = sc_store_customers(store, next, cids, PAGE, &next);
        if (n < 0) {
            sc_admin_fail_code(exchange, SC_E_STORAGE_FAILED);
            return;
        }

        for (int i = 0; i < n; i++) {
            line = line_of(store, cids[i], &limits, &own);
            if (line) {
                count++;
                (void) sc_admin_say(exchange, line);
            }
        }
    } while (next != 0 && !sc_admin_gone(exchange));

    sc_admin_ok(exchange, json_pack("{s:I}", "customers", count));
}


void
sc_admin_customer(struct sc_admin_exchange *exchange)
{
    const struct sc_limits *limits = NULL;
    struct sc_customer      customer;
    struct sc_limits        own;
    uint8_t                 cid[32];
    json_t                 *line;

    if (!find(exchange, cid, &customer)) {
        return;
    }

    line = line_of(exchange->service->store, cid, &limits, &own);
    if (line == NULL || limits == NULL) {
        sc_admin_fail_code(exchange, SC_E_NOT_FOUND);
        return;
    }

    json_object_set_new(line, "quotas", json_pack(
        "{s:o, s:o, s:o, s:o, s:o}",
        "bytes", quota_of(limits->quotas.bytes),
        "messages", quota_of(limits->quotas.messages),
        "sessions", quota_of(limits->quotas.sessions),
        "first-bytes", quota_of(limits->quotas.first_bytes),
        "first-messages", quota_of(limits->quotas.first_messages)));
    sc_admin_ok(exchange, line);
}


void
sc_admin_sessions(struct sc_admin_exchange *exchange)
{
    static const uint8_t nobody[32];

    struct sc_session_info *infos;
    struct sc_customer      customer;
    uint8_t                 cid[32], from[32] = { 0 };
    char                    sid[SC_CID_TEXT + 1];
    json_int_t              count = 0;
    int                     n = 0, at;

    if (!find(exchange, cid, &customer)) {
        return;
    }

    infos = calloc(PAGE, sizeof(*infos));

    do {
        n = infos ? sc_store_sessions(exchange->service->store,
                                      customer.number, from, nobody, infos,
                                      PAGE) : -1;

        for (int i = 0; i < n; i++) {
            sc_cid_write(sid, infos[i].sid);
            (void) sc_admin_say(exchange, json_pack(
                "{s:s, s:I, s:I, s:I, s:b}", "sid", sid,
                "newest", (json_int_t) infos[i].head,
                "cursor", (json_int_t) infos[i].cursor,
                "time_ms", (json_int_t) infos[i].time,
                "blocked", infos[i].blocked));
            count++;
        }

        /* The next one is the sid after the last. */
        if (n > 0) {
            memcpy(from, infos[n - 1].sid, 32);
            for (at = 31; at >= 0 && ++from[at] == 0; at--) {
                /* carry */
            }
        }
    } while (n == PAGE && !sc_admin_gone(exchange));

    free(infos);

    if (n < 0) {
        sc_admin_fail_code(exchange, SC_E_STORAGE_FAILED);
        return;
    }

    sc_admin_ok(exchange, json_pack("{s:I}", "sessions", count));
}


void
sc_admin_devices(struct sc_admin_exchange *exchange)
{
    struct sc_store   *store = exchange->service->store;
    struct sc_blob_out blob = { .p = NULL };
    struct sc_customer customer;
    struct sc_bytes    bytes;
    struct sc_roster   roster;
    uint8_t            cid[32], id[32];
    uint64_t           cursor = 0;
    char               text[SC_CID_TEXT + 1];

    if (!find(exchange, cid, &customer)) {
        return;
    }

    if (sc_store_roster(store, customer.number, 0, &blob) != 1) {
        sc_admin_fail_code(exchange, SC_E_STORAGE_FAILED);
        return;
    }

    bytes = (struct sc_bytes) { blob.p, blob.n };
    if (sc_roster_parse(bytes, &roster) != NULL) {
        free(blob.p);
        sc_admin_fail_code(exchange, SC_E_INTERNAL);
        return;
    }

    for (size_t i = 0; i < roster.n_devices; i++) {
        sc_signkey_id_of(id, roster.devices + 32 * i);
        (void) sc_store_cursor(store, customer.number, id, &cursor);
        sc_cid_write(text, id);
        (void) sc_admin_say(exchange, json_pack(
            "{s:s, s:I, s:I}", "device", text,
            "cursor", (json_int_t) cursor,
            "behind", (json_int_t) (customer.head > cursor
                                    ? customer.head - cursor : 0)));
    }

    sc_admin_ok(exchange, json_pack(
        "{s:i, s:I, s:I, s:I}", "devices", (int) roster.n_devices,
        "roster", (json_int_t) roster.version,
        "generation", (json_int_t) roster.generation,
        "expires_ms", (json_int_t) roster.not_after));
    free(blob.p);
}


/* --- changing ------------------------------------------------------------ */

/* Applies and says what came of it; then is told the operation.  1 when it
 * was done. */
static int
apply(struct sc_admin_exchange *exchange, struct sc_commit_op *op,
      void (*then)(struct sc_service *service, void *data))
{
    enum sc_error_code code = sc_admin_apply(exchange, op, then, op);

    if (code != SC_E_NONE) {
        sc_admin_fail_code(exchange, code);
    }

    return code == SC_E_NONE;
}


static void
after_disable(struct sc_service *service, void *data)
{
    const struct sc_commit_op *op = data;

    sc_customer_disabled(service, op->op.limits.cid, op->op.limits.disabled);
}


static void
set_disabled(struct sc_admin_exchange *exchange, int disabled)
{
    uint8_t             cid[32];
    struct sc_commit_op op = { .op = {
        .kind = SC_OP_LIMITS,
        .limits = { .cid = cid, .set = SC_SET_DISABLED,
                    .disabled = disabled }
    } };

    if (read_cid(exchange, cid) && apply(exchange, &op, after_disable)) {
        sc_admin_ok(exchange, NULL);
    }
}


void
sc_admin_disable(struct sc_admin_exchange *exchange)
{
    set_disabled(exchange, 1);
}


void
sc_admin_enable(struct sc_admin_exchange *exchange)
{
    set_disabled(exchange, 0);
}


static void
after_erase(struct sc_service *service, void *data)
{
    const struct sc_commit_op *op = data;

    sc_customer_erased(service, op->op.erase.cid);
}


void
sc_admin_delete(struct sc_admin_exchange *exchange)
{
    const char         *cid = sc_admin_arg(&exchange->request, "cid");
    const char         *again = sc_admin_arg(&exchange->request, "again");
    uint8_t             own[32];
    struct sc_commit_op op = { .op = {
        .kind = SC_OP_ERASE,
        .erase = { .cid = own, .time = sc_service_time() }
    } };

    if (cid == NULL || again == NULL || strcmp(cid, again) != 0) {
        sc_admin_fail(exchange, "bad-request", "A customer is deleted for "
                      "good: its id has to stand twice.");
        return;
    }

    if (read_cid(exchange, own) && apply(exchange, &op, after_erase)) {
        sc_admin_ok(exchange, json_pack("{s:b}", "before",
                                        op.op.erase.repeated));
    }
}


void
sc_admin_retention(struct sc_admin_exchange *exchange)
{
    const char         *text = sc_admin_arg(&exchange->request, "days");
    uint8_t             cid[32];
    uint64_t            days = SC_KEPT;
    struct sc_commit_op op = { .op = {
        .kind = SC_OP_LIMITS,
        .limits = { .cid = cid, .set = SC_SET_DAYS }
    } };

    if (text == NULL
        || (strcmp(text, "forever") != 0
            && (!sc_admin_number(text, 365, &days)
                || !sc_store_is_class((unsigned) days))))
    {
        sc_admin_fail(exchange, "bad-request",
                      "days is one of 7, 30, 90, 365 and forever.");
        return;
    }

    op.op.limits.days = (uint16_t) days;

    if (read_cid(exchange, cid) && apply(exchange, &op, NULL)) {
        sc_admin_ok(exchange, NULL);
    }
}


/* 1, or 0 when a value is none. */
static int
read_quotas(const struct sc_admin_request *request, struct sc_op *op)
{
    const struct {
        const char *name;
        unsigned    set;
        uint64_t   *to;
    } quotas[] = {
        { "bytes", SC_SET_BYTES, &op->limits.quotas.bytes },
        { "messages", SC_SET_MESSAGES, &op->limits.quotas.messages },
        { "sessions", SC_SET_SESSIONS, &op->limits.quotas.sessions },
        { "first-bytes", SC_SET_FIRST_BYTES,
          &op->limits.quotas.first_bytes },
        { "first-messages", SC_SET_FIRST_MESSAGES,
          &op->limits.quotas.first_messages },
    };
    const char *text;

    for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++) {
        text = sc_admin_arg(request, quotas[i].name);
        if (text == NULL) {
            continue;
        }

        op->limits.set |= quotas[i].set;
        if (strcmp(text, "none") == 0) {
            *quotas[i].to = SC_NO_LIMIT;
        } else if (strcmp(text, "default") != 0
                   && (!sc_admin_number(text, INT64_MAX, quotas[i].to)
                       || *quotas[i].to == 0))
        {
            return 0;
        }
    }

    return op->limits.set != 0;
}


void
sc_admin_quota(struct sc_admin_exchange *exchange)
{
    uint8_t             cid[32];
    struct sc_commit_op op = { .op = {
        .kind = SC_OP_LIMITS, .limits = { .cid = cid }
    } };

    if (!read_quotas(&exchange->request, &op.op)) {
        sc_admin_fail(exchange, "bad-request", "A quota is a number above 0, "
                      "none, or default for the service's own.");
        return;
    }

    if (read_cid(exchange, cid) && apply(exchange, &op, NULL)) {
        sc_admin_ok(exchange, NULL);
    }
}
