/*
 * Accounts: salts, registration, and the one change that an account knows,
 * ACCOUNT_PUT.  What a set of account record, wrap records and roster has to
 * satisfy by itself is checked in protocol/account.c; here it is compared
 * with the stream, the service's salt and what is stored.  The store decides
 * races by compare-and-swap.
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "customer.h"
#include "invitation.h"
#include "protocol/account.h"
#include "protocol/auth.h"
#include "protocol/ids.h"
#include "resume.h"
#include "stream.h"

/* A change on its way to the store, with the frame's body copied. */
struct sc_change {
    struct sc_commit_op   op;
    struct sc_stream     *stream;
    struct sc_live       *customer;   /* NULL: registration */
    uint16_t              tag;
    int                   generation_rose;
    uint32_t              retry;      /* ms to wait, when put off */
    struct sc_account_set set;        /* points into bytes */
    int                   invited;
    uint8_t               invitation[32];  /* its name, if so */
    size_t                n;
    uint8_t               bytes[];
};


void
sc_do_login_start(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_service           *service = stream->service;
    struct sc_frame_login_start  start;
    struct sc_frame_salt         answer = { .kdf_id = SC_KDF_ID };
    struct sc_customer           customer;
    uint8_t                      salt[SC_SERVER_SALT_BYTES];
    uint8_t                      out[SC_FRAME_HEADER + 17];
    size_t                       n;
    int                          rc;

    if (!sc_login_start_decode(frame->body, &start)) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    rc = sc_store_customer(service->store, stream->cid, &customer);
    if (rc < 0 || (rc == 0 && !service->config->registration)) {
        sc_stream_error(stream, 1, frame->tag,
                        rc < 0 ? SC_E_INTERNAL : SC_E_NOT_HERE, NULL);
        return;
    }

    sc_server_salt_of(salt, sc_store_salt_secret(service->store),
                      start.account_id);
    answer.server_salt = salt;
    n = sc_salt_encode(out, sizeof(out), frame->tag, &answer);
    sc_stream_send(stream, 1, out, n, NULL, NULL, 0);
}


/* --- what both changes have in common ------------------------------------ */

static struct sc_change *
change_new(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_change *change = calloc(1, sizeof(*change) + frame->body.n);

    if (change == NULL) {
        return NULL;
    }

    change->stream = stream;
    sc_stream_ref(stream);
    change->customer = stream->customer;
    if (change->customer) {
        sc_customer_ref(change->customer);
    }

    change->tag = frame->tag;
    change->op.data = change;
    change->n = frame->body.n;
    memcpy(change->bytes, frame->body.p, frame->body.n);

    return change;
}


static void
change_free(struct sc_change *change)
{
    if (change->customer) {
        sc_customer_drop(change->customer);
    }

    sc_stream_drop(change->stream);
    free(change);
}


static void
change_refuse(struct sc_change *change, enum sc_error_code code,
              const char *why)
{
    if (!change->stream->closed) {
        if (change->retry) {
            sc_stream_slow_down(change->stream, change->tag, change->retry);
        } else {
            sc_stream_error(change->stream, 1, change->tag, code, why);
        }

        sc_stream_challenge(change->stream);
    }

    change_free(change);
}


static void
send_done(struct sc_change *change)
{
    struct sc_frame_done done = { .nothing = 0 };
    uint8_t              out[SC_FRAME_HEADER];
    size_t               n;

    n = sc_done_encode(out, sizeof(out), change->tag, &done);
    sc_stream_send(change->stream, 1, out, n, NULL, NULL, 0);
    sc_stream_challenge(change->stream);
}


/* What can be said without looking at what is stored. */
static enum sc_error_code
check_set(struct sc_change *change, struct sc_bytes account,
          struct sc_bytes roster, struct sc_list wraps, const char **why)
{
    struct sc_account_set *set = &change->set;
    struct sc_service     *service = change->stream->service;
    enum sc_error_code     code;
    uint8_t                salt[SC_SERVER_SALT_BYTES];

    code = sc_account_set_check(account, roster, wraps, set, why);
    if (code != SC_E_NONE) {
        return code;
    }

    if (memcmp(set->account.cid, change->stream->cid, 32) != 0) {
        *why = "The account record is of another customer than the address.";
        return SC_E_BAD_ACCOUNT;
    }

    sc_server_salt_of(salt, sc_store_salt_secret(service->store),
                      set->account.account_id);
    if (memcmp(set->account.server_salt, salt, sizeof(salt)) != 0) {
        *why = "The account record has another salt than this service gave.";
        return SC_E_BAD_ACCOUNT;
    }

    return SC_E_NONE;
}


static void
submit(struct sc_change *change, enum sc_op_kind kind,
       void (*done)(struct sc_commit_op *op))
{
    const struct sc_account_set *set = &change->set;
    struct sc_op                *op = &change->op.op;

    op->kind = kind;
    op->account.cid = set->account.cid;
    op->account.account_id = set->account.account_id;
    op->account.roster_id = set->roster_id;
    op->account.prev = set->roster.prev;
    op->account.version = set->roster.version;
    op->account.generation = set->roster.generation;
    op->account.time = sc_service_time();
    op->account.account = set->account.bytes;
    op->account.roster = set->roster.bytes;
    op->account.wraps = set->wrap_bytes;
    op->account.n_wraps = set->n_wraps;
    op->account.invitation = change->invited ? change->invitation : NULL;
    change->op.done = done;

    if (sc_commit_submit(change->stream->service->commit, &change->op) != 0) {
        change_refuse(change, SC_E_INTERNAL, NULL);
    }
}


/* --- REGISTER ------------------------------------------------------------ */

static void
on_register(struct sc_commit_op *op)
{
    struct sc_change *change = op->data;

    if (op->op.error != SC_E_NONE) {
        change_refuse(change, op->op.error,
                      op->op.error == SC_E_REGISTRATION_CLOSED
                      ? "The invitation is unknown, used or too old." : NULL);
        return;
    }

    sc_log(SC_LOG_INFO, "cid %s: registered",
           sc_log_id(change->stream->cid).text);
    send_done(change);
    change_free(change);
}


/* Whether the store has it and it was not used, the store says. */
static enum sc_error_code
take_invitation(struct sc_change *change, const uint8_t *invitation,
                const char **why)
{
    int given = !sc_is_zero(invitation, SC_INVITATION_BYTES);
    int wanted = change->stream->service->config->registration
                 == SC_REGISTRATION_INVITATION;

    if (given && !wanted) {
        *why = "This service knows no invitations.";
        return SC_E_AUTH_FAILED;
    }

    if (!given && wanted) {
        *why = "This service registers by invitation alone.";
        return SC_E_REGISTRATION_CLOSED;
    }

    if (given) {
        sc_invitation_name(change->invitation, invitation);
        change->invited = 1;
    }

    return SC_E_NONE;
}


static enum sc_error_code
check_register(struct sc_change *change, const char **why)
{
    struct sc_service       *service = change->stream->service;
    struct sc_frame_register reg;
    struct sc_bytes          body = { change->bytes, change->n };
    struct sc_auth_claim     claim = { .role = SC_ROLE_REGISTRATION };
    enum sc_error_code       code;
    uint8_t                  challenge[32];

    if (!sc_register_decode(body, &reg)) {
        return SC_E_BAD_FRAME;
    }

    if (!service->config->registration) {
        return SC_E_REGISTRATION_CLOSED;
    }

    code = sc_stream_take_challenge(change->stream, challenge);
    if (code == SC_E_NONE) {
        change->retry = sc_throttle_registration(change->stream);
        code = change->retry
               ? SC_E_SLOW_DOWN
               : check_set(change, reg.account, reg.roster, reg.wraps, why);
    }

    if (code != SC_E_NONE) {
        return code;
    }

    *why = sc_account_set_first(&change->set);
    if (*why) {
        return SC_E_BAD_ROSTER;
    }

    claim.origin_hash = service->origin_hash;
    claim.challenge = challenge;
    claim.subject = change->set.account.account_id;
    claim.invitation = reg.invitation;

    code = take_invitation(change, reg.invitation, why);
    if (code != SC_E_NONE) {
        return code;
    }

    return sc_auth_verify(&claim, change->set.account.ik_pk, reg.sig) == NULL
           ? SC_E_NONE : SC_E_AUTH_FAILED;
}


void
sc_do_register(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_change  *change = change_new(stream, frame);
    enum sc_error_code code;
    const char        *why = NULL;

    if (change == NULL) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        return;
    }

    code = check_register(change, &why);
    if (code != SC_E_NONE) {
        change_refuse(change, code, why);
        return;
    }

    submit(change, SC_OP_REGISTER, on_register);
}


/* --- ACCOUNT_PUT --------------------------------------------------------- */

static void
on_account(struct sc_commit_op *op)
{
    struct sc_change *change = op->data;

    if (op->op.error != SC_E_NONE) {
        change_refuse(change, op->op.error, NULL);
        return;
    }

    sc_log(SC_LOG_INFO, "cid %s: roster %llu of generation %llu",
           sc_log_id(change->set.account.cid).text,
           (unsigned long long) change->set.roster.version,
           (unsigned long long) change->set.roster.generation);

    /* A repetition may come late: only a newer one replaces. */
    if (change->set.roster.version
        > change->customer->present.roster.version)
    {
        sc_customer_changed(change->customer, change->set.roster.bytes,
                            change->generation_rose, change->stream);

        /* The ticket of the generation before is worth nothing now. */
        sc_resume_give(change->stream);
    }

    send_done(change);

    change_free(change);
}


/* The set follows what is stored, or is what is stored. */
static enum sc_error_code
check_follows(struct sc_change *change, struct sc_bytes stored,
              const char **why)
{
    const struct sc_known_roster *present = &change->customer->present;
    struct sc_account_set        *set = &change->set;
    struct sc_account             account;

    if (sc_account_parse(stored, &account) != NULL) {
        return SC_E_INTERNAL;
    }

    if (memcmp(set->roster_id, present->id, 32) == 0) {
        return SC_E_NONE;
    }

    if (set->roster.version != present->roster.version + 1
        || memcmp(set->roster.prev, present->id, 32) != 0)
    {
        return SC_E_CONFLICT;
    }

    change->generation_rose = set->roster.generation
                              > present->roster.generation;

    return sc_account_set_succeeds(&account, &present->roster, set, why);
}


static enum sc_error_code
check_account(struct sc_change *change, const char **why)
{
    struct sc_stream           *stream = change->stream;
    struct sc_frame_account_put put;
    struct sc_bytes             body = { change->bytes, change->n };
    struct sc_blob_out          blob = { .p = NULL };
    enum sc_error_code          code;
    uint8_t                     cid[32];
    int                         rc;

    if (!sc_account_put_decode(body, &put)) {
        return SC_E_BAD_FRAME;
    }

    change->retry = sc_throttle_change(stream);
    if (change->retry) {
        return SC_E_SLOW_DOWN;
    }

    code = check_set(change, put.account, put.roster, put.wraps, why);
    if (code != SC_E_NONE) {
        return code;
    }

    if (memcmp(change->set.account.account_id, stream->self, 32) != 0) {
        *why = "The account record is of another account than the login.";
        return SC_E_BAD_ACCOUNT;
    }

    rc = sc_store_account(stream->service->store, stream->self, cid, &blob);
    if (rc == 1) {
        struct sc_bytes stored = { blob.p, blob.n };

        code = check_follows(change, stored, why);
    } else {
        code = SC_E_INTERNAL;
    }

    free(blob.p);

    return code;
}


void
sc_do_account_put(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_change  *change = change_new(stream, frame);
    enum sc_error_code code;
    const char        *why = NULL;

    if (change == NULL) {
        sc_stream_error(stream, 1, frame->tag, SC_E_INTERNAL, NULL);
        return;
    }

    code = check_account(change, &why);
    if (code != SC_E_NONE) {
        change_refuse(change, code, why);
        return;
    }

    submit(change, SC_OP_ACCOUNT, on_account);
}
