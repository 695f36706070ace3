/*
 * Logging in: a challenge, one signature, and then a role for good.
 *
 * Whoever is not who he says, or names an account, device or customer's
 * account that is not there, costs the same work and gets the same answer:
 * the signature is then checked against a decoy key that nobody has.
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "login.h"
#include "protocol/account.h"
#include "protocol/auth.h"
#include "protocol/ids.h"
#include "queue.h"
#include "resume.h"

/* Whoever asks, until the proof is checked. */
struct login {
    struct sc_frame_auth auth;
    struct sc_login      who;
    uint8_t              pk[32];
    int                  found;
};


/* --- becoming ------------------------------------------------------------ */

enum sc_error_code
sc_login_visitor(struct sc_stream *stream, struct sc_login *login)
{
    int rc;

    sc_signkey_id_of(stream->self, login->hello.sign_pk);
    rc = sc_store_session(stream->service->store, login->customer->number,
                          login->subject, stream->self, &login->stored);
    if (rc < 0) {
        return SC_E_INTERNAL;
    }

    if (rc == 0 && !login->stored.deleted) {
        memset(&login->stored, 0, sizeof(login->stored));
    }

    return SC_E_NONE;
}


const uint8_t *
sc_login_device(struct sc_stream *stream, struct sc_login *login)
{
    const uint8_t *pk;

    memcpy(stream->self, login->subject, 32);
    pk = sc_roster_device(&login->customer->present.roster, login->subject);
    if (pk) {
        memcpy(stream->pk, pk, 32);
    }

    return pk;
}


enum sc_error_code
sc_login_become(struct sc_stream *stream, struct sc_login *login,
                uint64_t *cursor)
{
    *cursor = 0;

    if (login->role == SC_ROLE_VISITOR) {
        stream->session = sc_session_get(login->customer, login->subject,
                                         &login->hello,
                                         login->stored.head != 0);
        if (stream->session == NULL) {
            return SC_E_INTERNAL;
        }

        *cursor = login->stored.cursor;
        if (stream->session->queue.head < login->stored.head) {
            stream->session->queue.head = login->stored.head;
        }
    }

    if (login->role == SC_ROLE_DEVICE
        && sc_store_cursor(stream->service->store, login->customer->number,
                           stream->self, cursor) != 0)
    {
        return SC_E_INTERNAL;
    }

    sc_stream_become(stream, (enum sc_role) login->role);
    stream->customer = login->customer;
    login->customer = NULL;
    sc_queue_join(stream, *cursor);

    return SC_E_NONE;
}


/* --- finding the key ----------------------------------------------------- */

/* Byte for byte what the session was stored with: its signature was verified
 * then, and half of what a login costs is saved. */
static int
stored_hello(const struct sc_login *who)
{
    const struct sc_session_info *stored = &who->stored;

    return !stored->deleted && who->hello.bytes.n == stored->hello_len
           && memcmp(who->hello.bytes.p, stored->hello,
                     stored->hello_len) == 0;
}


static enum sc_error_code
find_visitor(struct sc_stream *stream, struct login *login, const char **why)
{
    const struct sc_known_roster *roster;

    struct sc_hello   *hello = &login->who.hello;
    enum sc_error_code code;
    uint8_t            sid[32];

    *why = sc_hello_parse(login->auth.hello, hello);
    if (*why) {
        return SC_E_BAD_HELLO;
    }

    sc_sid_of(sid, hello->cid, hello->suite, hello->sign_pk, hello->kem_pk);

    if (memcmp(hello->cid, stream->cid, 32) != 0
        || memcmp(sid, login->auth.subject, 32) != 0)
    {
        *why = "The hello is of another customer or session.";
        return SC_E_BAD_HELLO;
    }

    code = sc_login_visitor(stream, &login->who);
    if (code != SC_E_NONE) {
        return code;
    }

    if (!stored_hello(&login->who)) {
        *why = sc_hello_verify(hello, sid);
    }
    if (*why) {
        return SC_E_BAD_HELLO;
    }

    roster = sc_customer_roster(login->who.customer, hello->roster_id);
    if (roster == NULL || roster->roster.suite != hello->suite) {
        *why = "The hello names a roster that this customer never had, or "
               "one of another suite.";
        return SC_E_BAD_HELLO;
    }

    memcpy(login->pk, hello->sign_pk, 32);
    login->found = 1;

    return SC_E_NONE;
}


static void
find_device(struct sc_stream *stream, struct login *login)
{
    const uint8_t *pk = sc_login_device(stream, &login->who);

    if (pk) {
        memcpy(login->pk, pk, 32);
        login->found = 1;
    }
}


static enum sc_error_code
find_owner(struct sc_stream *stream, struct login *login)
{
    struct sc_blob_out blob = { .p = NULL };
    struct sc_account  account;
    struct sc_bytes    bytes;
    uint8_t            cid[32];
    int                rc;

    rc = sc_store_account(stream->service->store, login->auth.subject, cid,
                          &blob);
    bytes.p = blob.p;
    bytes.n = blob.n;

    if (rc == 1 && memcmp(cid, stream->cid, 32) == 0) {
        if (sc_account_parse(bytes, &account) == NULL) {
            memcpy(login->pk, login->auth.role == SC_ROLE_PASSWORD
                              ? account.login_pk : account.recovery_pk, 32);
            login->found = 1;
        } else {
            rc = -1;
        }
    }

    free(blob.p);

    return rc < 0 ? SC_E_INTERNAL : SC_E_NONE;
}


/* Finds the key that has to have signed; not finding one is no error here. */
static enum sc_error_code
find_key(struct sc_stream *stream, struct login *login, const char **why)
{
    memcpy(login->pk, stream->service->decoy_pk, 32);
    memcpy(stream->self, login->auth.subject, 32);
    memcpy(login->who.subject, login->auth.subject, 32);
    login->who.role = login->auth.role;

    if (login->auth.role == SC_ROLE_VISITOR) {
        return find_visitor(stream, login, why);
    }

    if (login->auth.hello.n) {
        *why = "Only a visitor has a hello.";
        return SC_E_BAD_HELLO;
    }

    if (login->auth.role == SC_ROLE_DEVICE) {
        find_device(stream, login);
        return SC_E_NONE;
    }

    if (login->auth.role == SC_ROLE_PASSWORD
        || login->auth.role == SC_ROLE_RECOVERY)
    {
        return find_owner(stream, login);
    }

    *why = "There is no login in this role.";
    return SC_E_AUTH_FAILED;
}


static enum sc_error_code
prove(struct sc_stream *stream, struct login *login,
      const uint8_t challenge[32])
{
    struct sc_auth_claim claim = {
        .role = login->auth.role,
        .origin_hash = stream->service->origin_hash,
        .challenge = challenge,
        .subject = login->auth.subject
    };
    int good;

    good = sc_auth_verify(&claim, login->pk, login->auth.sig) == NULL;

    return good & login->found ? SC_E_NONE : SC_E_AUTH_FAILED;
}


/* What he runs now. */
static void
note_release(struct sc_stream *stream, const struct login *login)
{
    if (stream->role != SC_ROLE_VISITOR) {
        return;
    }

    memcpy(stream->release, login->auth.release, 32);

    if (login->who.stored.head
        && memcmp(login->who.stored.release, login->auth.release, 32) != 0)
    {
        sc_queue_save_release(stream);
    }
}


static void
send_ready(struct sc_stream *stream, uint16_t tag, const struct login *login,
           uint64_t cursor)
{
    static const uint8_t zeros[32];

    struct sc_customer    stored = { .earliest = 1 };
    struct sc_frame_ready ready = {
        .role = stream->role,
        .time = sc_service_time(),
        .roster = stream->customer->present.roster.bytes,
        .cursor = cursor,
        .id = zeros,
        .window = SC_DELIVER_WINDOW,
        .requests = SC_REQUEST_WINDOW
    };
    struct sc_body *body;

    if (SC_MAY_CHAT & 1u << stream->role) {
        ready.head = sc_queue_of(stream)->head;
    }

    if (stream->role == SC_ROLE_VISITOR) {
        ready.seq = login->who.stored.seq;
        ready.id = login->who.stored.id;
    }

    if (sc_store_customer(stream->service->store, stream->cid, &stored) == 1) {
        ready.earliest = stored.earliest;
    }

    body = sc_body_new(NULL, SC_FRAME_HEADER + 4096);
    if (body) {
        body->n = sc_ready_encode(body->bytes, body->n, tag, &ready);
    }

    sc_stream_send_body(stream, 1, body);
}


/* What counts against limits, whether it held or not. */
static void
count(struct sc_stream *stream, const struct login *login,
      enum sc_error_code code)
{
    switch (login->auth.role) {

    case SC_ROLE_VISITOR:
        if (login->who.stored.head == 0 && !login->who.stored.deleted) {
            sc_throttle_new_session(stream);
        }
        return;

    case SC_ROLE_PASSWORD:
    case SC_ROLE_RECOVERY:
        if (code == SC_E_AUTH_FAILED) {
            sc_throttle_failed_login(stream, &login->auth);
        }
        return;

    default:
        return;                  /* whatever a client wrote there */
    }
}


/* Verifies what limits let pass. */
static enum sc_error_code
verify(struct sc_stream *stream, struct login *login,
       const uint8_t challenge[32], const char **why)
{
    enum sc_error_code code = find_key(stream, login, why);

    if (code == SC_E_NONE) {
        code = prove(stream, login, challenge);
    }

    count(stream, login, code);

    return code;
}


static enum sc_error_code
log_in(struct sc_stream *stream, struct login *login, uint64_t *cursor,
       const char **why, uint32_t *retry)
{
    uint8_t            challenge[32];
    enum sc_error_code code;

    code = sc_stream_take_challenge(stream, challenge);
    if (code == SC_E_NONE) {
        code = sc_customer_get(stream->service, stream->cid,
                               &login->who.customer);
    }

    if (code == SC_E_NONE) {
        code = sc_throttle_auth(stream, &login->auth,
                                login->who.customer->number, challenge, retry);
    }

    if (code == SC_E_NONE) {
        code = verify(stream, login, challenge, why);
    }

    if (code == SC_E_NONE && login->who.stored.deleted) {
        code = SC_E_SESSION_DELETED;
    }

    if (code == SC_E_NONE && login->who.stored.blocked) {
        code = SC_E_SESSION_BLOCKED;
    }

    if (code == SC_E_NONE) {
        code = sc_login_become(stream, &login->who, cursor);
    }

    sodium_memzero(challenge, sizeof(challenge));

    return code;
}


void
sc_do_auth(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct login       login = { .found = 0 };
    enum sc_error_code code;
    const char        *why = NULL;
    uint64_t           cursor = 0;
    uint32_t           retry = 0;

    if (!sc_auth_decode(frame->body, &login.auth)) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BAD_FRAME, NULL);
        return;
    }

    code = log_in(stream, &login, &cursor, &why, &retry);

    if (code == SC_E_NONE) {
        sc_log(SC_LOG_DEBUG, "cid %s: role %u as %s",
               sc_log_id(stream->cid).text, stream->role,
               sc_log_id(stream->self).text);
        note_release(stream, &login);
        send_ready(stream, frame->tag, &login, cursor);
        sc_resume_give(stream);
        sc_queue_pump(stream);
        return;
    }

    if (login.who.customer) {
        sc_customer_drop(login.who.customer);
    }

    if (retry) {
        sc_stream_slow_down(stream, frame->tag, retry);
    } else {
        sc_stream_error(stream, 1, frame->tag, code, why);
    }

    sc_stream_challenge(stream);
}
