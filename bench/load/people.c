/*
 * Customers, devices and visitors of SealChat: registering, logging in, and
 * envelopes.  Signatures, hash chains and layouts are real; what would be
 * sealed is noise, since the service can not tell.
 */

#include "people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include <sealchat/frames.h>

#include "protocol/account.h"
#include "protocol/auth.h"
#include "protocol/ed25519.h"
#include "protocol/envelope.h"
#include "protocol/ids.h"
#include "protocol/padme.h"
#include "protocol/suite.h"

static const uint8_t zeros[64];

static uint64_t
time_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t) t.tv_sec * 1000u + (uint64_t) t.tv_nsec / 1000000u;
}

static struct sc_bytes
bytes_of(const uint8_t *p, size_t n)
{
    struct sc_bytes bytes = { p, n };

    return bytes;
}

static void
make_key(struct key *key)
{
    crypto_sign_keypair(key->pk, key->sk);
    sc_signkey_id_of(key->id, key->pk);
}

void
customer_make(struct customer *a, const struct address *address,
              const char *path)
{
    uint8_t scalar[32];
    char    text[SC_CID_TEXT + 1];
    int     n;

    a->address = address;
    make_key(&a->ik);
    make_key(&a->device);
    sc_cid_of(a->cid, a->ik.pk);
    randombytes_buf(a->account_id, sizeof(a->account_id));
    randombytes_buf(a->noise, sizeof(a->noise));

    randombytes_buf(scalar, sizeof(scalar));
    crypto_scalarmult_base(a->message_pk, scalar);

    sc_cid_write(text, a->cid);
    n = snprintf(a->path, sizeof(a->path), "%s?c=%s", path, text);
    if (n < 0 || (size_t) n >= sizeof(a->path)) {
        die("the path is too long");
    }
}


/* --- asking -------------------------------------------------------------- */

struct sc_bytes
expect(struct client *client, uint8_t type)
{
    struct sc_frame       frame;
    struct sc_frame_error error;
    const uint8_t        *p;
    size_t                n;

    p = client_wait(client, &n);
    if (sc_frame_open(p, n, &frame) != SC_E_NONE) {
        die("the service sent what is no frame");
    }

    if (frame.type == SC_FRAME_ERROR && sc_error_decode(frame.body, &error)) {
        die("the service refused: %u %.*s", error.code,
            (int) error.sentence.n, (const char *) error.sentence.p);
    }

    if (frame.type != type) {
        die("a frame of type %u where %u was due", frame.type, type);
    }

    return frame.body;
}

static void
await_challenge(struct client *client, uint8_t challenge[32])
{
    struct sc_frame_challenge frame;

    if (!sc_challenge_decode(expect(client, SC_FRAME_CHALLENGE), &frame)) {
        die("a malformed CHALLENGE");
    }
    memcpy(challenge, frame.challenge, 32);
}

static void
sign_claim(uint8_t sig[64], const struct customer *a, uint8_t role,
           const uint8_t challenge[32], const uint8_t subject[32],
           const uint8_t sk[64])
{
    uint8_t              origin[32];
    struct sc_auth_claim claim = {
        role, origin, challenge, subject,
        role == SC_ROLE_REGISTRATION ? zeros : NULL
    };

    sc_origin_hash(origin, a->address->origin,
                   strlen(a->address->origin));
    sc_auth_sign(sig, &claim, sk);
}


/* --- registering --------------------------------------------------------- */

static size_t
make_roster(uint8_t *out, size_t cap, struct customer *a)
{
    struct sc_roster roster = {
        .version = 1, .generation = 1, .prev = zeros,
        .not_before = time_ms(), .suite = SC_SUITE_X25519,
        .n_devices = 1, .devices = a->device.pk
    };
    size_t n;

    roster.not_after = roster.not_before + 180ull * 86400000;
    roster.kem_pk = bytes_of(a->message_pk, 32);
    n = sc_roster_build(out, cap, &roster, a->ik.sk);
    sc_signed_id_of(a->roster_id, bytes_of(out, n));
    return n;
}

/* The list of one wrap record of each kind, and what it hashes to. */
static struct sc_list
make_wraps(uint8_t *out, size_t cap, const struct customer *a, uint8_t hash[32])
{
    static const size_t ct[] = {
        0, SC_WRAP_AK_CT, SC_WRAP_AK_RECOVERY_CT, SC_WRAP_IK_CT,
        SC_WRAP_IK_RECOVERY_CT, SC_WRAP_X25519_CT
    };
    struct sc_list   list = { out, 0, 0 };
    struct sc_writer w = sc_writer_of(out, cap);
    struct sc_bytes  records[5];
    struct sc_blob   blob;
    struct sc_wrap   wrap = { .generation = 1 };
    uint8_t          one[SC_WRAP_MAX], kem_id[32];

    sc_kem_id_of(kem_id, SC_SUITE_X25519, bytes_of(a->message_pk, 32));
    wrap.cid = a->cid;
    wrap.account_id = a->account_id;

    for (wrap.kind = 1; wrap.kind <= 5; wrap.kind++) {
        wrap.key_id = wrap.kind <= SC_WRAP_AK_RECOVERY ? a->noise
                      : wrap.kind == SC_WRAP_MESSAGE_KEY ? kem_id : a->cid;
        wrap.iv = wrap.kind % 2 ? a->noise + 32 : zeros;
        wrap.ct = bytes_of(a->noise + 64, ct[wrap.kind]);
        blob.bytes = bytes_of(one, sc_wrap_build(one, sizeof(one), &wrap));
        records[wrap.kind - 1] = bytes_of(w.p + 2, blob.bytes.n);
        sc_blob_put(&w, &blob);
        list.count++;
    }

    list.n = (size_t) (w.p - out);
    sc_wraps_hash(hash, records, 5);
    return list;
}

static void
ask_salt(struct client *client, const struct customer *a, uint8_t salt[16])
{
    struct sc_frame_login_start ask = { .account_id = a->account_id };
    struct sc_frame_salt        answer;
    uint8_t                     out[64];

    client_send(client, out, sc_login_start_encode(out, sizeof(out), 1, &ask));
    if (!sc_salt_decode(expect(client, SC_FRAME_SALT), &answer)) {
        die("a malformed SALT");
    }
    memcpy(salt, answer.server_salt, SC_SERVER_SALT_BYTES);
}

void
customer_register(struct customer *a)
{
    static uint8_t           out[SC_FRAME_MAX];
    uint8_t                  account_out[SC_ACCOUNT_BYTES];
    uint8_t                  roster_out[SC_ROSTER_MAX];
    uint8_t                  wraps_out[4096], wraps_hash[32];
    uint8_t                  challenge[32], salt[16], sig[64];
    struct client            client;
    struct sc_frame_register ask = { .sig = sig, .invitation = zeros };
    struct sc_account        account = {
        .account_id = a->account_id, .generation = 1, .kdf_id = SC_KDF_ID,
        .server_salt = salt, .login_pk = a->noise + 256,
        .recovery_pk = a->noise + 288, .recovery_kem = a->noise + 320,
        .roster_id = a->roster_id, .wraps = wraps_hash
    };
    size_t n;

    client_open(&client, a->address, a->path);
    await_challenge(&client, challenge);
    ask_salt(&client, a, salt);
    n = make_roster(roster_out, sizeof(roster_out), a);
    ask.roster = bytes_of(roster_out, n);
    ask.wraps = make_wraps(wraps_out, sizeof(wraps_out), a, wraps_hash);
    n = sc_account_build(account_out, sizeof(account_out), &account, a->ik.sk);
    ask.account = bytes_of(account_out, n);
    sign_claim(sig, a, SC_ROLE_REGISTRATION, challenge, a->account_id,
               a->ik.sk);

    n = sc_register_encode(out, sizeof(out), 2, &ask);
    client_send(&client, out, n);
    expect(&client, SC_FRAME_DONE);
    client_close(&client);
}


/* --- logging in ---------------------------------------------------------- */

void
session_make(struct session *s, const struct customer *a)
{
    struct sc_hello hello = {
        .cid = a->cid, .suite = SC_SUITE_X25519, .time = time_ms(),
        .roster_id = a->roster_id
    };
    uint8_t scalar[32];

    memset(s, 0, sizeof(*s));
    s->customer = a;
    make_key(&s->key);
    randombytes_buf(scalar, sizeof(scalar));
    crypto_scalarmult_base(s->kem_pk, scalar);

    hello.kem_pk = bytes_of(s->kem_pk, 32);
    s->hello_n = sc_hello_build(s->hello, sizeof(s->hello), &hello, s->key.sk);
    sc_sid_of(s->sid, a->cid, SC_SUITE_X25519, s->key.pk, hello.kem_pk);
}

/* Waits for CHALLENGE and signs it. */
static void
prove(struct client *client, const struct customer *a,
      struct sc_frame_auth *ask, const uint8_t sk[64])
{
    uint8_t challenge[32], sig[64], out[2048];

    await_challenge(client, challenge);
    sign_claim(sig, a, ask->role, challenge, ask->subject, sk);
    ask->sig = sig;
    ask->release = zeros;
    client_send(client, out, sc_auth_encode(out, sizeof(out), 3, ask));
}

void
session_prove(const struct session *s, struct client *client)
{
    struct sc_frame_auth ask = {
        .role = SC_ROLE_VISITOR, .subject = s->sid,
        .hello = { s->hello, s->hello_n }
    };

    prove(client, s->customer, &ask, s->key.sk);
}

void
device_prove(const struct customer *a, struct client *client)
{
    struct sc_frame_auth ask = {
        .role = SC_ROLE_DEVICE, .subject = a->device.id
    };

    prove(client, a, &ask, a->device.sk);
}

unsigned
await_ready(struct client *client)
{
    struct sc_frame_ready ready;

    if (!sc_ready_decode(expect(client, SC_FRAME_READY), &ready)) {
        die("a malformed READY");
    }

    return ready.requests;
}


/* --- messages ------------------------------------------------------------ */

/* The length of ct that makes the envelope as large as asked. */
static size_t
ct_bytes(unsigned size)
{
    size_t others = SC_ENVELOPE_FIXED
                    + 2 * (1 + 32 + SC_HPKE_SEALED_BYTES) + SC_SIG_BYTES;

    if (size < SC_ENVELOPE_MIN
        || !sc_body_bytes_ok((uint32_t) (size - others - SC_CT_TAG)))
    {
        die("no envelope in suite 2 has %u bytes: 782 or a larger one", size);
    }

    return size - others;
}

size_t
session_message(struct session *s, uint8_t *out, unsigned size)
{
    const struct customer *a = s->customer;
    uint8_t                customer_id[32], session_id[32];
    struct sc_envelope     envelope = {
        .type = SC_ENVELOPE_STORED, .direction = SC_TO_CUSTOMER,
        .cid = a->cid, .sid = s->sid, .time = time_ms(), .prev = s->prev,
        .seq = ++s->seq, .roster_id = a->roster_id,
        .commitment = a->noise + 384
    };
    struct sc_writer w;
    size_t           n;

    sc_kem_id_of(customer_id, SC_SUITE_X25519, bytes_of(a->message_pk, 32));
    sc_kem_id_of(session_id, SC_SUITE_X25519, bytes_of(s->kem_pk, 32));
    envelope.customer.suite = envelope.session.suite = SC_SUITE_X25519;
    envelope.customer.kem_id = customer_id;
    envelope.session.kem_id = session_id;
    envelope.customer.sealed = bytes_of(a->noise + 416, SC_HPKE_SEALED_BYTES);
    envelope.session.sealed = bytes_of(a->noise + 496, SC_HPKE_SEALED_BYTES);
    envelope.ct = bytes_of(a->noise + 576, ct_bytes(size));

    n = sc_envelope_build(out + SC_FRAME_HEADER, SC_ENVELOPE_MAX, &envelope,
                          s->key.sk);
    sc_signed_id_of(s->prev, bytes_of(out + SC_FRAME_HEADER, n));

    w = sc_writer_of(out, SC_FRAME_HEADER);
    sc_put_uint(&w, SC_FRAME_SEND, 1);
    sc_put_uint(&w, 0, 1);
    sc_put_uint(&w, s->seq & 0xffff, 2);
    return SC_FRAME_HEADER + n;
}
