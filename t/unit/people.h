/*
 * Customers, devices and visitors for tests of the real daemon, with real
 * keys and signatures.  What is sealed inside an envelope is random: the
 * service cannot tell.
 */

#ifndef SEALCHAT_TEST_PEOPLE_H
#define SEALCHAT_TEST_PEOPLE_H

#include "peer.h"

#include "protocol/account.h"
#include "protocol/auth.h"
#include "protocol/envelope.h"
#include "protocol/hello.h"
#include "protocol/ids.h"
#include "protocol/roster.h"
#include "protocol/suite.h"
#include "protocol/wrap.h"

/* --- people -------------------------------------------------------------- */

#define DEVICES_MAX 4

struct keys {
    uint8_t pk[32], sk[64], id[32];
};

struct owner {
    struct keys ik, login, recovery;
    struct keys devices[DEVICES_MAX];
    int         n_devices;
    uint8_t     suite;
    uint8_t     kem_pk[SC_RSA_SPKI_BYTES];
    size_t      kem_n;
    uint8_t     kem_id[32];
    uint8_t     cid[32], account_id[32], salt[16], recovery_kem[32];
    uint64_t    version, generation;
    uint8_t     prev[32], roster_id[32];
    uint8_t     account[SC_ACCOUNT_BYTES];
    uint8_t     roster[SC_ROSTER_MAX];
    size_t      roster_n;
    uint8_t     wraps[16384];
    size_t      wraps_n;
    uint16_t    wraps_count;
};

struct visitor {
    struct keys  keys;
    uint8_t      suite;
    uint8_t      kem_pk[32];
    uint8_t      kem_id[32], sid[32];
    uint8_t      hello[SC_HELLO_MAX];
    size_t       hello_n;
};

/* A sender's place in a session. */
struct chain {
    uint64_t seq;
    uint8_t  prev[32];
};

static inline uint64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static inline void
keys_make(struct keys *keys)
{
    crypto_sign_keypair(keys->pk, keys->sk);
    sc_signkey_id_of(keys->id, keys->pk);
}

static inline void
message_key_make(struct owner *o)
{
    struct sc_bytes kem = { o->kem_pk, o->kem_n };

    randombytes_buf(o->kem_pk, o->kem_n);
    sc_kem_id_of(o->kem_id, o->suite, kem);
}

static inline void
owner_make(struct owner *o)
{
    char name[40];

    memset(o, 0, sizeof(*o));
    keys_make(&o->ik);
    keys_make(&o->login);
    keys_make(&o->recovery);
    keys_make(&o->devices[0]);
    o->n_devices = 1;
    o->suite = SC_SUITE_X25519;
    o->kem_n = SC_X25519_BYTES;
    message_key_make(o);
    sc_cid_of(o->cid, o->ik.pk);
    snprintf(name, sizeof(name), "shop-%08x%08x", randombytes_random(),
             randombytes_random());
    assert_true(sc_account_id_of(o->account_id, name, strlen(name)));
    randombytes_buf(o->recovery_kem, 32);
    o->version = o->generation = 1;
}

static inline int
by_pk(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static inline void
roster_sign(struct owner *o)
{
    uint8_t          devices[32 * DEVICES_MAX];
    struct sc_roster in = {
        .version = o->version, .generation = o->generation, .prev = o->prev,
        .not_before = now_ms() - 1000,
        .not_after = now_ms() + 180ull * 86400 * 1000,
        .suite = o->suite, .kem_pk = { o->kem_pk, o->kem_n },
        .n_devices = (uint8_t) o->n_devices, .devices = devices
    };
    struct sc_bytes bytes = { o->roster, 0 };

    for (int i = 0; i < o->n_devices; i++) {
        memcpy(devices + 32 * i, o->devices[i].pk, 32);
    }
    qsort(devices, (size_t) o->n_devices, 32, by_pk);

    o->roster_n = sc_roster_build(o->roster, sizeof(o->roster), &in,
                                  o->ik.sk);
    assert_true(o->roster_n > 0);
    bytes.n = o->roster_n;
    sc_signed_id_of(o->roster_id, bytes);
}

/* New wrap records of the present generation. */
static inline void
wraps_make(struct owner *o)
{
    static const size_t ct_n[] = { 0, SC_WRAP_AK_CT, SC_WRAP_AK_RECOVERY_CT,
        SC_WRAP_IK_CT, SC_WRAP_IK_RECOVERY_CT, SC_WRAP_X25519_CT,
        SC_WRAP_AK_CT };

    static const uint8_t zeros[12];

    struct sc_writer w = sc_writer_of(o->wraps, sizeof(o->wraps));
    uint8_t          ak[32], iv[12], ct[128], record[SC_WRAP_MAX];

    randombytes_buf(ak, sizeof(ak));
    o->wraps_count = 0;

    for (uint8_t kind = 1; kind <= 6 - (o->generation == 1); kind++) {
        struct sc_wrap in = {
            .kind = kind, .cid = o->cid, .account_id = o->account_id,
            .generation = o->generation, .key_id = ak,
            .iv = kind == 2 || kind == 4 ? zeros : iv,
            .ct = { ct, ct_n[kind] }
        };
        struct sc_blob blob = { .bytes = { record, 0 } };

        if (kind == 3 || kind == 4) {
            in.key_id = o->cid;
        } else if (kind == 5) {
            in.key_id = o->kem_id;
        }

        randombytes_buf(iv, sizeof(iv));
        randombytes_buf(ct, sizeof(ct));
        blob.bytes.n = sc_wrap_build(record, sizeof(record), &in);
        assert_true(blob.bytes.n > 0);
        sc_blob_put(&w, &blob);
        o->wraps_count++;
    }

    o->wraps_n = (size_t) (w.p - o->wraps);
}

static inline struct sc_list
wraps_list(const struct owner *o)
{
    struct sc_list list = { o->wraps, o->wraps_n, o->wraps_count };

    return list;
}

static inline void
account_sign(struct owner *o)
{
    struct sc_list    list = wraps_list(o);
    struct sc_blob    blob;
    struct sc_bytes   wraps[6];
    uint8_t           hash[32];
    size_t            n = 0;
    struct sc_account in = {
        .account_id = o->account_id, .generation = o->generation,
        .kdf_id = SC_KDF_ID, .server_salt = o->salt,
        .login_pk = o->login.pk, .recovery_pk = o->recovery.pk,
        .recovery_kem = o->recovery_kem, .roster_id = o->roster_id,
        .wraps = hash
    };

    while (sc_blob_next(&list, &blob)) {
        wraps[n++] = blob.bytes;
    }
    sc_wraps_hash(hash, wraps, n);
    assert_int_equal(sc_account_build(o->account, sizeof(o->account), &in,
                                      o->ik.sk), SC_ACCOUNT_BYTES);
}

static inline void
owner_sign(struct owner *o)
{
    roster_sign(o);
    account_sign(o);
}

/* The next roster: version + 1, and a new generation if rise. */
static inline void
owner_next(struct owner *o, int rise)
{
    memcpy(o->prev, o->roster_id, 32);
    o->version++;

    if (rise) {
        o->generation++;
        message_key_make(o);
        wraps_make(o);
    }

    owner_sign(o);
}

static inline void
sign_in(uint8_t sig[64], const struct client *c, uint8_t role,
        const uint8_t *subject, const uint8_t *invitation,
        const uint8_t sk[64])
{
    uint8_t              origin[32];
    struct sc_auth_claim claim = {
        .role = role, .origin_hash = origin, .challenge = c->challenge,
        .subject = subject, .invitation = invitation
    };

    sc_origin_hash(origin, ORIGIN, strlen(ORIGIN));
    sc_auth_sign(sig, &claim, sk);
}

static inline void
take_salt(struct client *c, struct owner *o)
{
    struct sc_frame_salt salt;
    struct answer        a;

    ASK(c, login_start, .account_id = o->account_id);
    a = expect_frame(c, SC_FRAME_SALT);
    assert_int_equal(a.frame.tag, c->tag);
    assert_true(sc_salt_decode(a.frame.body, &salt));
    assert_int_equal(salt.kdf_id, SC_KDF_ID);
    memcpy(o->salt, salt.server_salt, 16);
    answer_free(&a);
}

static inline void
ask_register_invited(struct client *c, const struct owner *o,
                     const uint8_t invitation[16])
{
    uint8_t sig[64];

    sign_in(sig, c, SC_ROLE_REGISTRATION, o->account_id, invitation,
            o->ik.sk);
    ASK(c, register, .sig = sig, .invitation = invitation,
        .account = { o->account, SC_ACCOUNT_BYTES },
        .roster = { o->roster, o->roster_n }, .wraps = wraps_list(o));
}

static inline void
ask_register(struct client *c, const struct owner *o)
{
    static const uint8_t zeros[16];

    ask_register_invited(c, o, zeros);
}

/* Registers a customer that was made. */
static inline void
owner_enrol(struct owner *o, struct peer *peer)
{
    struct client c;
    struct answer a;

    client_open(&c, peer, o->cid);
    take_salt(&c, o);
    wraps_make(o);
    owner_sign(o);
    ask_register(&c, o);
    a = expect_frame(&c, SC_FRAME_DONE);
    assert_int_equal(a.frame.tag, c.tag);
    answer_free(&a);
    expect_challenge(&c);
    client_close(&c);
}

/* Makes and registers a customer with one device. */
static inline void
owner_register(struct owner *o, struct peer *peer)
{
    owner_make(o);
    owner_enrol(o, peer);
}

static inline void
ask_account_put(struct client *c, const struct owner *o)
{
    ASK(c, account_put, .account = { o->account, SC_ACCOUNT_BYTES },
        .roster = { o->roster, o->roster_n }, .wraps = wraps_list(o));
}

static inline void
visitor_make(struct visitor *v, const struct owner *o)
{
    struct sc_bytes kem = { v->kem_pk, SC_X25519_BYTES };
    struct sc_hello in = {
        .cid = o->cid, .suite = SC_SUITE_X25519, .kem_pk = kem,
        .time = now_ms(), .roster_id = o->roster_id
    };

    memset(v, 0, sizeof(*v));
    keys_make(&v->keys);
    v->suite = SC_SUITE_X25519;
    randombytes_buf(v->kem_pk, sizeof(v->kem_pk));
    sc_kem_id_of(v->kem_id, v->suite, kem);
    sc_sid_of(v->sid, o->cid, v->suite, v->keys.pk, kem);
    v->hello_n = sc_hello_build(v->hello, sizeof(v->hello), &in, v->keys.sk);
    assert_true(v->hello_n > 0);
}

static inline void
ask_auth(struct client *c, uint8_t role, const uint8_t *subject,
         const uint8_t sk[64], const uint8_t *hello, size_t hello_n)
{
    static const uint8_t zeros[32];

    uint8_t sig[64];

    sign_in(sig, c, role, subject, NULL, sk);
    ASK(c, auth, .role = role, .subject = subject, .sig = sig,
        .release = zeros, .hello = { hello, hello_n });
}

/* The module is told too, and of the same role. */
static inline void
expect_ticket(struct client *c, uint8_t role)
{
    struct got *got = next_record(c->peer, c->id, PATIENCE);

    assert_non_null(got);
    assert_int_equal(got->rec.kind, SC_RECORD_TICKET);
    assert_in_range(got->rec.length, 1, 1 + SC_TICKET_MAX);
    assert_int_equal(got->payload[0], role);
    c->role = role;
    c->ticket_n = got->rec.length - 1;
    memcpy(c->ticket, got->payload + 1, c->ticket_n);
    free(got);
}

static inline void
expect_ready(struct client *c, uint8_t role)
{
    struct sc_frame_ready ready;
    struct answer         a;

    a = expect_frame(c, SC_FRAME_READY);
    expect_ticket(c, role);

    assert_int_equal(a.frame.tag, c->tag);
    assert_true(sc_ready_decode(a.frame.body, &ready));
    assert_int_equal(ready.role, role);
    assert_true(ready.time > 1600000000000ull);
    assert_true(ready.roster.n > SC_ROSTER_FIXED);
    assert_int_equal(ready.window, SC_DELIVER_WINDOW);
    assert_int_equal(ready.requests, SC_REQUEST_WINDOW);
    c->cursor = ready.cursor;
    c->head = ready.head;
    c->earliest = ready.earliest;
    c->seq = ready.seq;
    memcpy(c->last_id, ready.id, 32);
    answer_free(&a);
}

/* The roster that replaced the one of READY, unasked. */
static inline void
expect_roster(struct client *c, const struct owner *o)
{
    struct sc_frame_rosters rosters;
    struct sc_blob          blob;
    struct answer           a = expect_frame(c, SC_FRAME_ROSTERS);

    assert_int_equal(a.frame.tag, 0);
    assert_true(sc_rosters_decode(a.frame.body, &rosters));
    assert_int_equal(rosters.next, 0);
    assert_int_equal(rosters.rosters.count, 1);
    assert_true(sc_blob_next(&rosters.rosters, &blob));
    assert_int_equal(blob.bytes.n, o->roster_n);
    assert_memory_equal(blob.bytes.p, o->roster, o->roster_n);
    answer_free(&a);
}

static inline void
device_login(struct client *c, struct peer *peer, const struct owner *o,
             int device)
{
    const struct keys *keys = &o->devices[device];

    client_open(c, peer, o->cid);
    ask_auth(c, SC_ROLE_DEVICE, keys->id, keys->sk, NULL, 0);
    expect_ready(c, SC_ROLE_DEVICE);
}

static inline void
visitor_login(struct client *c, struct peer *peer, const struct owner *o,
              const struct visitor *v)
{
    client_open(c, peer, o->cid);
    ask_auth(c, SC_ROLE_VISITOR, v->sid, v->keys.sk, v->hello, v->hello_n);
    expect_ready(c, SC_ROLE_VISITOR);
}

static inline void
owner_login(struct client *c, struct peer *peer, const struct owner *o,
            uint8_t role)
{
    client_open(c, peer, o->cid);
    ask_auth(c, role, o->account_id,
             role == SC_ROLE_PASSWORD ? o->login.sk : o->recovery.sk,
             NULL, 0);
    expect_ready(c, role);
}

/* --- messages ------------------------------------------------------------ */

struct letter {
    uint8_t bytes[SC_ENVELOPE_MAX];
    size_t  n;
    uint8_t id[32];
};

/* What an envelope is made of; tests spoil one part at a time. */
struct draft {
    struct sc_envelope e;
    uint8_t            sealed[2 * SC_HPKE_SEALED_BYTES];
    uint8_t            commitment[32];
    uint8_t            ct[16384 + SC_CT_TAG];
};

static inline void
draft_make(struct draft *d, const struct owner *o, const struct visitor *v,
           int to_customer, const struct chain *chain)
{
    memset(d, 0, sizeof(*d));
    randombytes_buf(d->sealed, sizeof(d->sealed));
    randombytes_buf(d->commitment, sizeof(d->commitment));
    randombytes_buf(d->ct, sizeof(d->ct));

    d->e = (struct sc_envelope) {
        .type = SC_ENVELOPE_STORED,
        .direction = to_customer ? SC_TO_CUSTOMER : SC_TO_VISITOR,
        .cid = o->cid, .sid = v->sid, .seq = chain->seq + 1,
        .time = now_ms(), .prev = chain->prev, .roster_id = o->roster_id,
        .commitment = d->commitment,
        .customer = { o->suite, o->kem_id,
                      { d->sealed, SC_HPKE_SEALED_BYTES } },
        .session = { v->suite, v->kem_id,
                     { d->sealed + SC_HPKE_SEALED_BYTES,
                       SC_HPKE_SEALED_BYTES } },
        .ct = { d->ct, 256 + SC_CT_TAG }
    };
}

static inline void
draft_sign(struct letter *letter, const struct draft *d,
           const struct keys *keys)
{
    struct sc_bytes bytes = { letter->bytes, 0 };

    letter->n = sc_envelope_build(letter->bytes, sizeof(letter->bytes), &d->e,
                                  keys->sk);
    assert_true(letter->n > 0);
    bytes.n = letter->n;
    sc_signed_id_of(letter->id, bytes);
}

static inline void
chain_add(struct chain *chain, const struct letter *letter)
{
    chain->seq++;
    memcpy(chain->prev, letter->id, 32);
}

/* The sender's next message; v writes unless device is given. */
static inline void
letter_make(struct letter *letter, const struct owner *o,
            const struct visitor *v, const struct keys *device,
            struct chain *chain)
{
    static struct draft d;

    draft_make(&d, o, v, device == NULL, chain);
    draft_sign(letter, &d, device ? device : &v->keys);
    chain_add(chain, letter);
}

static inline void
ask_send(struct client *c, const struct letter *letter)
{
    ASK(c, send, .envelope = { letter->bytes, letter->n });
}

static inline uint64_t
expect_stored(struct client *c)
{
    struct sc_frame_stored stored;
    struct answer          a = expect_frame(c, SC_FRAME_STORED);

    assert_true(sc_stored_decode(a.frame.body, &stored));
    assert_true(stored.position > 0);
    assert_true(stored.time > 1600000000000ull);
    answer_free(&a);
    return stored.position;
}

/* DELIVER of exactly that letter; hello NULL: without one. */
static inline uint64_t
expect_deliver(struct client *c, const struct letter *letter,
               const struct visitor *hello)
{
    struct sc_frame_deliver deliver;
    struct answer           a = expect_frame(c, SC_FRAME_DELIVER);
    uint64_t                position;

    assert_int_equal(a.frame.tag, 0);
    assert_true(sc_deliver_decode(a.frame.body, &deliver));
    assert_int_equal(deliver.envelope.n, letter->n);
    assert_memory_equal(deliver.envelope.p, letter->bytes, letter->n);
    assert_int_equal(deliver.hello.n, hello ? hello->hello_n : 0);
    if (hello) {
        assert_memory_equal(deliver.hello.p, hello->hello, hello->hello_n);
    }
    position = deliver.position;
    answer_free(&a);
    return position;
}

/* Makes letters, sends them and waits until all are stored. */
static inline void
send_letters(struct client *visitor, const struct owner *o,
          const struct visitor *v, struct chain *chain,
          struct letter *letters, int n)
{
    for (int i = 0; i < n; i++) {
        letter_make(&letters[i], o, v, NULL, chain);
        ask_send(visitor, &letters[i]);
        if (i % 32 == 31 || i == n - 1) {
            for (int k = 0; k <= i % 32; k++) {
                expect_stored(visitor);
            }
        }
    }
}

static inline void
ask_ack(struct client *c, uint64_t position)
{
    ASK(c, ack, .position = position);
}

/* A page of a history that ends at letters[*left - 1] and has nothing but
 * these, the latest first; the position to go on before, 0 at the start. */
static inline uint64_t
expect_history(struct client *c, const struct letter *letters, int *left,
               const uint8_t *sid)
{
    struct sc_frame_messages messages;
    struct sc_message        m;
    struct answer            a = expect_frame(c, SC_FRAME_MESSAGES);

    assert_true(sc_messages_decode(a.frame.body, &messages));
    assert_memory_equal(messages.sid, sid, 32);

    while (sc_message_next(&messages.messages, &m)) {
        (*left)--;
        assert_int_equal(m.position, *left + 1);
        assert_int_equal(m.envelope.n, letters[*left].n);
        assert_memory_equal(m.envelope.p, letters[*left].bytes, m.envelope.n);
    }

    answer_free(&a);
    return messages.next;
}

#endif
