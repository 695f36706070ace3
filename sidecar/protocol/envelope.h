/*
 * The envelope: one message as the service sees it (docs/protocol.md,
 * "Envelope").
 *
 *     "SCW1" type:1 direction:1 zero:2 cid:32 sid:32 signkey_id:32 seq:8
 *     time:8 prev:32 roster_id:32 commitment:32 ct_len:4
 *     twice (suite:1 kem_id:32 sealed) ct sig:64
 */

#ifndef SEALCHAT_PROTOCOL_ENVELOPE_H
#define SEALCHAT_PROTOCOL_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#define SC_ENVELOPE_FIXED 220u   /* before the recipients */
#define SC_CT_TAG         16u

enum sc_envelope_type {
    SC_ENVELOPE_STORED = 1,
    SC_ENVELOPE_SIGNAL = 2
};

enum sc_direction {
    SC_TO_CUSTOMER = 1,
    SC_TO_VISITOR = 2
};

struct sc_recipient {
    uint8_t         suite;
    const uint8_t  *kem_id;
    struct sc_bytes sealed;
};

/* Pointers go into the bytes that were parsed. */
struct sc_envelope {
    struct sc_bytes     bytes;
    uint8_t             type;
    uint8_t             direction;
    const uint8_t      *cid;
    const uint8_t      *sid;
    const uint8_t      *signkey_id;
    uint64_t            seq;         /* from 1; 0 exactly in a signal */
    uint64_t            time;        /* ms, advisory */
    const uint8_t      *prev;        /* zeros exactly if seq is 0 or 1 */
    const uint8_t      *roster_id;
    const uint8_t      *commitment;
    struct sc_recipient customer;    /* the roster's message key */
    struct sc_recipient session;     /* the session's key */
    struct sc_bytes     ct;
};

/*
 * Everything that can be seen of an envelope alone: layout, types, the rules
 * for seq and prev, the lengths that the suites fix, a body of a PADME length,
 * no trailing byte.  NULL, or what is wrong.
 */
const char *sc_envelope_parse(struct sc_bytes bytes, struct sc_envelope *out);

/* The key whose id it names signed it.  NULL, or what is wrong. */
const char *sc_envelope_verify(const struct sc_envelope *envelope,
                               const uint8_t pk[32]);

/* It is sealed to exactly these two keys.  NULL, or what is wrong. */
const char *sc_envelope_recipients(const struct sc_envelope *envelope,
                                   uint8_t roster_suite,
                                   const uint8_t roster_kem_id[32],
                                   uint8_t session_suite,
                                   const uint8_t session_kem_id[32]);

/* Writes and signs; bytes and signkey_id of in are not looked at: sk has
 * them.  Returns the bytes written, 0 when they do not fit. */
size_t sc_envelope_build(uint8_t *out, size_t cap,
                         const struct sc_envelope *in, const uint8_t sk[64]);

#endif
