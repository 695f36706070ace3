/*
 * The roster: who speaks for a customer (docs/protocol.md, "Roster").
 *
 *     "SCR1" cid:32 ik_pk:32 version:8 generation:8 prev:32 not_before:8
 *     not_after:8 suite:1 len:2 kem_pk n_devices:1 devices:32 each sig:64
 */

#ifndef SEALCHAT_PROTOCOL_ROSTER_H
#define SEALCHAT_PROTOCOL_ROSTER_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#define SC_ROSTER_FIXED 200u  /* without key and devices */
#define SC_ROSTER_MAX (SC_ROSTER_FIXED + SC_RSA_SPKI_BYTES \
                       + 32u * SC_ROSTER_DEVICES_MAX)

/* Pointers go into the bytes that were parsed. */
struct sc_roster {
    struct sc_bytes bytes;       /* the whole roster */
    const uint8_t  *cid;
    const uint8_t  *ik_pk;
    uint64_t        version;     /* from 1 */
    uint64_t        generation;  /* from 1 */
    const uint8_t  *prev;        /* id; zeros exactly in version 1 */
    uint64_t        not_before;  /* ms */
    uint64_t        not_after;
    uint8_t         suite;
    struct sc_bytes kem_pk;
    uint8_t         n_devices;   /* 1 to 64 */
    const uint8_t  *devices;     /* strictly ascending, 32 bytes each */
};

/* Layout and limits.  NULL, or what is wrong. */
const char *sc_roster_parse(struct sc_bytes bytes, struct sc_roster *out);

/* cid is that of ik_pk, and ik_pk signed.  NULL, or what is wrong. */
const char *sc_roster_verify(const struct sc_roster *roster);

/* next may follow last: same cid, version + 1, prev its id, and either the
 * same generation, the same message key and no device less, or generation + 1.
 * Neither signature is looked at.  NULL, or what is wrong. */
const char *sc_roster_succeeds(const struct sc_roster *last,
                               const struct sc_roster *next);

/* The device key with that signkey_id, or NULL.  Hashes each key: keep what
 * it returns. */
const uint8_t *sc_roster_device(const struct sc_roster *roster,
                                const uint8_t signkey_id[32]);

/*
 * Writes and signs a roster of in's fields (bytes, cid and ik_pk are not
 * looked at: ik_sk, libsodium's 64 bytes, has them).  Returns the bytes
 * written, 0 when they do not fit.
 */
size_t sc_roster_build(uint8_t *out, size_t cap, const struct sc_roster *in,
                       const uint8_t ik_sk[64]);

#endif
