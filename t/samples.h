/*
 * One customer, one visitor, and what they sign: valid things of every layout,
 * the same bytes on every run.  Used by the unit tests and by the tool that
 * wrote the shared vectors.
 *
 * Keys come from labels, so that nobody mistakes them for secrets.
 */

#ifndef SEALCHAT_T_SAMPLES_H
#define SEALCHAT_T_SAMPLES_H

#include <sodium.h>

#include "protocol/account.h"
#include "protocol/ed25519.h"
#include "protocol/envelope.h"
#include "protocol/hello.h"
#include "protocol/ids.h"
#include "protocol/roster.h"
#include "protocol/suite.h"
#include "protocol/wrap.h"

#define SAMPLE_TIME 1700000000000ull
#define SAMPLE_DAY  86400000ull

struct sample_key {
    uint8_t pk[32];
    uint8_t sk[64];
    uint8_t id[32];                /* signkey_id */
};

struct sample_world {
    struct sample_key ik, session;
    struct sample_key device[3];   /* ascending by pk */
    uint8_t device_pks[3 * 32];
    uint8_t cid[32];
    uint8_t account_id[32];
    uint8_t rsa[SC_RSA_SPKI_BYTES];
    uint8_t x25519[32];
    uint8_t noise[20480];          /* stands for anything sealed */
};

static inline void
sample_fill(uint8_t *out, size_t n, const char *label)
{
    uint8_t seed[randombytes_SEEDBYTES];
    sc_hash hash;

    sc_hash_begin(&hash, "sample");
    sc_hash_bytes(&hash, label, strlen(label));
    sc_hash_end(&hash, seed);
    randombytes_buf_deterministic(out, n, seed);
}

static inline void
sample_key(struct sample_key *key, const char *label)
{
    uint8_t seed[32];

    sample_fill(seed, sizeof(seed), label);
    crypto_sign_seed_keypair(key->pk, key->sk, seed);
    sc_signkey_id_of(key->id, key->pk);
}

static inline void
sample_sort_devices(struct sample_world *world)
{
    struct sample_key *d = world->device;
    struct sample_key  swap;
    int                i;

    for (i = 0; i < 2; ) {
        if (memcmp(d[i].pk, d[i + 1].pk, 32) < 0) {
            i++;
            continue;
        }
        swap = d[i];
        d[i] = d[i + 1];
        d[i + 1] = swap;
        i = 0;
    }

    for (i = 0; i < 3; i++) {
        memcpy(world->device_pks + 32 * i, d[i].pk, 32);
    }
}

/* An odd number of 3072 bits in the one encoding that is taken.  Nobody knows
 * its factors, and no layout asks for them. */
static inline void
sample_rsa(uint8_t out[SC_RSA_SPKI_BYTES])
{
    static const uint8_t head[33] = {
        0x30, 0x82, 0x01, 0xa2, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
        0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01,
        0x8f, 0x00, 0x30, 0x82, 0x01, 0x8a, 0x02, 0x82, 0x01, 0x81, 0x00
    };
    static const uint8_t tail[5] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

    memcpy(out, head, sizeof(head));
    sample_fill(out + sizeof(head), 384, "rsa");
    out[sizeof(head)] |= 0x80;
    out[sizeof(head) + 383] |= 1;
    memcpy(out + sizeof(head) + 384, tail, sizeof(tail));
}

static inline void
sample_world(struct sample_world *world)
{
    uint8_t scalar[32];

    sample_key(&world->ik, "identity");
    sample_key(&world->session, "session");
    sample_key(&world->device[0], "device 1");
    sample_key(&world->device[1], "device 2");
    sample_key(&world->device[2], "device 3");
    sample_sort_devices(world);

    sc_cid_of(world->cid, world->ik.pk);
    sc_account_id_of(world->account_id, "shop@example.org", 16);
    sample_rsa(world->rsa);
    sample_fill(scalar, sizeof(scalar), "x25519");
    crypto_scalarmult_base(world->x25519, scalar);
    sample_fill(world->noise, sizeof(world->noise), "noise");
}

static inline struct sc_bytes
sample_bytes(const uint8_t *p, size_t n)
{
    struct sc_bytes bytes = { p, n };

    return bytes;
}

static inline struct sc_bytes
sample_kem(const struct sample_world *world, uint8_t suite)
{
    return suite == SC_SUITE_RSA
           ? sample_bytes(world->rsa, sizeof(world->rsa))
           : sample_bytes(world->x25519, sizeof(world->x25519));
}

static const uint8_t sample_zeros[64];

/* Version 1; the caller changes what it likes and builds it. */
static inline struct sc_roster
sample_roster(const struct sample_world *world, uint8_t suite)
{
    struct sc_roster roster = { 0 };

    roster.version = 1;
    roster.generation = 1;
    roster.prev = sample_zeros;
    roster.not_before = SAMPLE_TIME;
    roster.not_after = SAMPLE_TIME + 180 * SAMPLE_DAY;
    roster.suite = suite;
    roster.kem_pk = sample_kem(world, suite);
    roster.n_devices = 2;
    roster.devices = world->device_pks;
    return roster;
}

static inline struct sc_hello
sample_hello(const struct sample_world *world, uint8_t suite)
{
    struct sc_hello hello = { 0 };

    hello.cid = world->cid;
    hello.suite = suite;
    hello.kem_pk = sample_kem(world, suite);
    hello.time = SAMPLE_TIME + 1;
    hello.roster_id = world->noise + 64;
    return hello;
}

static inline struct sc_wrap
sample_wrap(const struct sample_world *world, uint8_t kind, size_t ct)
{
    struct sc_wrap wrap = { 0 };
    int            sealed = kind == SC_WRAP_AK_RECOVERY
                            || kind == SC_WRAP_IK_RECOVERY;
    int            of_ik = kind == SC_WRAP_IK || kind == SC_WRAP_IK_RECOVERY;

    wrap.kind = kind;
    wrap.cid = world->cid;
    wrap.account_id = world->account_id;
    wrap.generation = kind == SC_WRAP_PREVIOUS_AK ? 2 : 1;
    wrap.key_id = of_ik ? world->cid : world->noise + 128;
    wrap.iv = sealed ? sample_zeros : world->noise + 160 + 12 * kind;
    wrap.ct = sample_bytes(world->noise + 256 * kind, ct);
    return wrap;
}

static inline struct sc_account
sample_account(const struct sample_world *world)
{
    struct sc_account account = { 0 };

    account.account_id = world->account_id;
    account.generation = 1;
    account.kdf_id = SC_KDF_ID;
    account.server_salt = world->noise + 512;
    account.login_pk = world->noise + 544;
    account.recovery_pk = world->noise + 576;
    account.recovery_kem = world->noise + 608;
    account.roster_id = world->noise + 640;
    account.wraps = world->noise + 672;
    return account;
}

/* sid is a run of noise: no layout asks what it is the hash of. */
static inline struct sc_envelope
sample_envelope(const struct sample_world *world, uint8_t customer_suite,
                uint8_t session_suite)
{
    struct sc_envelope envelope = { 0 };

    envelope.type = SC_ENVELOPE_STORED;
    envelope.direction = SC_TO_CUSTOMER;
    envelope.cid = world->cid;
    envelope.sid = world->noise + 704;
    envelope.seq = 1;
    envelope.time = SAMPLE_TIME + 2;
    envelope.prev = sample_zeros;
    envelope.roster_id = world->noise + 768;
    envelope.commitment = world->noise + 800;
    envelope.customer.suite = customer_suite;
    envelope.customer.kem_id = world->noise + 832;
    envelope.customer.sealed =
        sample_bytes(world->noise + 864, sc_suite_sealed_bytes(customer_suite));
    envelope.session.suite = session_suite;
    envelope.session.kem_id = world->noise + 1280;
    envelope.session.sealed =
        sample_bytes(world->noise + 1312, sc_suite_sealed_bytes(session_suite));
    envelope.ct = sample_bytes(world->noise + 1728, 256 + SC_CT_TAG);
    return envelope;
}


/* A whole first generation, or the next one after it. */
struct sample_set {
    uint8_t         account[SC_ACCOUNT_BYTES];
    uint8_t         roster[SC_ROSTER_MAX];
    uint8_t         wraps[SC_WRAP_KINDS * (SC_WRAP_MAX + 2)];
    struct sc_bytes account_bytes, roster_bytes;
    struct sc_list  list;
    size_t          message_ct;    /* of kind 5; 0: as its suite wants */
};

static inline void
sample_set_wraps(struct sample_set *set, const struct sample_world *world,
                 const struct sc_roster *roster, uint8_t hash_out[32])
{
    static const size_t ct[] = { 0, 48, 80, 64, 96, 64, 48 };
    uint8_t             one[SC_WRAP_MAX], kem_id[32];
    struct sc_writer    w = sc_writer_of(set->wraps, sizeof(set->wraps));
    struct sc_bytes     bytes[SC_WRAP_KINDS];
    struct sc_blob      blob;
    struct sc_wrap      wrap;
    uint8_t             kind, last = roster->generation == 1 ? 5 : 6;

    sc_kem_id_of(kem_id, roster->suite, roster->kem_pk);

    for (kind = 1; kind <= last; kind++) {
        wrap = sample_wrap(world, kind, ct[kind]);
        wrap.generation = roster->generation;

        if (kind == SC_WRAP_MESSAGE_KEY) {
            wrap.key_id = kem_id;
            if (roster->suite == SC_SUITE_RSA) {
                wrap.ct.n = 1810;
            }
            if (set->message_ct) {
                wrap.ct.n = set->message_ct;
            }
        }

        blob.bytes = sample_bytes(one, sc_wrap_build(one, sizeof(one), &wrap));
        bytes[kind - 1] = sample_bytes(w.p + 2, blob.bytes.n);
        sc_blob_put(&w, &blob);
    }

    set->list.p = set->wraps;
    set->list.n = (size_t) (w.p - set->wraps);
    set->list.count = last;
    sc_wraps_hash(hash_out, bytes, last);
}

/* Signs roster, wraps and an account record that agree with one another. */
static inline void
sample_set(struct sample_set *set, const struct sample_world *world,
           const struct sc_roster *roster)
{
    struct sc_account account = sample_account(world);
    uint8_t           roster_id[32], wraps[32];
    size_t            n;

    n = sc_roster_build(set->roster, sizeof(set->roster), roster,
                        world->ik.sk);
    set->roster_bytes = sample_bytes(set->roster, n);
    sc_signed_id_of(roster_id, set->roster_bytes);
    sample_set_wraps(set, world, roster, wraps);

    account.generation = roster->generation;
    account.roster_id = roster_id;
    account.wraps = wraps;
    n = sc_account_build(set->account, sizeof(set->account), &account,
                         world->ik.sk);
    set->account_bytes = sample_bytes(set->account, n);
}

#endif
