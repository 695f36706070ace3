/*
 * Wrap records: keys of an account, wrapped (docs/protocol.md, "Account,
 * password, vault").  The sidecar sees their outside alone.
 *
 *     "SCK1" kind:1 cid:32 account_id:32 generation:8 key_id:32 iv:12 len:2 ct
 */

#ifndef SEALCHAT_PROTOCOL_WRAP_H
#define SEALCHAT_PROTOCOL_WRAP_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#define SC_WRAP_HEADER 123u

enum sc_wrap_kind {
    SC_WRAP_AK = 1,           /* account key, under the password */
    SC_WRAP_AK_RECOVERY = 2,  /* account key, sealed for recovery */
    SC_WRAP_IK = 3,
    SC_WRAP_IK_RECOVERY = 4,
    SC_WRAP_MESSAGE_KEY = 5,  /* under the account key */
    SC_WRAP_PREVIOUS_AK = 6,  /* not in generation 1 */
    SC_WRAP_KINDS = 6
};

/* ct is as long as the kind says: AES-GCM adds 16 bytes, HPKE 48 (enc, tag). */
#define SC_WRAP_AK_CT           48u
#define SC_WRAP_AK_RECOVERY_CT  80u
#define SC_WRAP_IK_CT           64u
#define SC_WRAP_IK_RECOVERY_CT  96u
#define SC_WRAP_X25519_CT       64u
/* The PKCS #8 of an RSA-3072 key varies by some bytes around 1,794. */
#define SC_WRAP_RSA_CT_MIN      1616u
#define SC_WRAP_RSA_CT_MAX      2064u

#define SC_WRAP_MAX (SC_WRAP_HEADER + SC_WRAP_RSA_CT_MAX)

/* Pointers go into the bytes that were parsed. */
struct sc_wrap {
    struct sc_bytes bytes;
    uint8_t         kind;
    const uint8_t  *cid;
    const uint8_t  *account_id;
    uint64_t        generation;
    const uint8_t  *key_id;      /* of kinds 3 and 4: cid */
    const uint8_t  *iv;          /* of kinds 2 and 4: zeros */
    struct sc_bytes ct;
};

/* Layout and limits.  NULL, or what is wrong. */
const char *sc_wrap_parse(struct sc_bytes bytes, struct sc_wrap *out);

/* Writes; bytes of in is not looked at.  Returns the bytes written, 0 when
 * they do not fit. */
size_t sc_wrap_build(uint8_t *out, size_t cap, const struct sc_wrap *in);

#endif
