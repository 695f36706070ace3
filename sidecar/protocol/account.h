/*
 * The account record, and what it has to agree with: the wrap records of its
 * generation and the roster (docs/protocol.md, "Account, password, vault").
 *
 *     "SCA1" cid:32 ik_pk:32 account_id:32 generation:8 kdf_id:1
 *     server_salt:16 login_pk:32 recovery_pk:32 recovery_kem:32 roster_id:32
 *     wraps:32 sig:64
 */

#ifndef SEALCHAT_PROTOCOL_ACCOUNT_H
#define SEALCHAT_PROTOCOL_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#include "protocol/roster.h"
#include "protocol/wrap.h"

#define SC_ACCOUNT_BYTES 349u
#define SC_KDF_ID        1u

/* Pointers go into the bytes that were parsed. */
struct sc_account {
    struct sc_bytes bytes;
    const uint8_t  *cid;
    const uint8_t  *ik_pk;
    const uint8_t  *account_id;
    uint64_t        generation;
    uint8_t         kdf_id;
    const uint8_t  *server_salt;   /* 16 bytes */
    const uint8_t  *login_pk;
    const uint8_t  *recovery_pk;
    const uint8_t  *recovery_kem;
    const uint8_t  *roster_id;
    const uint8_t  *wraps;
};

/* Layout and limits; a kdf_id other than 1 is refused.  NULL, or what is
 * wrong. */
const char *sc_account_parse(struct sc_bytes bytes, struct sc_account *out);

/* cid is that of ik_pk, and ik_pk signed.  NULL, or what is wrong. */
const char *sc_account_verify(const struct sc_account *account);

/* Writes and signs; bytes, cid and ik_pk of in are not looked at.  Returns the
 * bytes written, 0 when they do not fit. */
size_t sc_account_build(uint8_t *out, size_t cap, const struct sc_account *in,
                        const uint8_t ik_sk[64]);


/* What REGISTER and ACCOUNT_PUT carry: one generation, whole. */
struct sc_account_set {
    struct sc_account account;
    struct sc_roster  roster;
    size_t            n_wraps;
    struct sc_wrap    wraps[SC_WRAP_KINDS];
    struct sc_bytes   wrap_bytes[SC_WRAP_KINDS];  /* for the store */
    uint8_t           roster_id[32];
};

/*
 * Parses and verifies all parts and that they agree: one cid, one account_id,
 * one generation; one wrap record of each kind, ascending (6 exactly from
 * generation 2 on); roster_id and wraps of the account record are those of
 * roster and records; the message key's wrap names the roster's key and is as
 * long as its suite wants.  That server_salt is the service's own, and that
 * the set may follow the stored one, is for the caller to ask.
 *
 * Returns SC_E_NONE, SC_E_BAD_ACCOUNT, SC_E_BAD_ROSTER or SC_E_BAD_WRAPS with
 * a sentence in why.
 */
enum sc_error_code sc_account_set_check(struct sc_bytes account,
                                        struct sc_bytes roster,
                                        struct sc_list wraps,
                                        struct sc_account_set *out,
                                        const char **why);

/* The set may be the first of an account: roster version 1, generation 1.
 * NULL, or what is wrong. */
const char *sc_account_set_first(const struct sc_account_set *set);

/*
 * The set may follow the stored account record and roster: the roster is a
 * successor, account_id and server_salt stay, and within a generation so do
 * wraps, login_pk, recovery_pk and recovery_kem.  SC_E_NONE, or BAD_ROSTER or
 * BAD_ACCOUNT with a sentence in why.  That the stored roster is the
 * predecessor at all, or else CONFLICT, is decided by the store.
 */
enum sc_error_code sc_account_set_succeeds(const struct sc_account *account,
                                           const struct sc_roster *roster,
                                           const struct sc_account_set *next,
                                           const char **why);

#endif
