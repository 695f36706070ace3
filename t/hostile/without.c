/*
 * Linked into sealchatd for tests alone, by the linker's --wrap: one named
 * defence is missing, or what a login costs is counted.  sidecar/ knows
 * nothing of it.
 *
 *     SC_WITHOUT=single-use   any challenge that was ever given counts
 *     SC_WITHOUT=roles        whoever is logged in may do what the owner may
 *     SC_WITHOUT=decoy        an account that is not there costs nothing
 *     SC_WITHOUT=domains      a bare challenge that is signed proves who one is
 *     SC_WITHOUT=origin       a proof that was made for elsewhere counts
 *     SC_WITHOUT=registration-proof   nobody proves the identity key
 *     SC_WITHOUT=own-roster   the roster may be another customer's
 *     SC_COUNTS=file          a line for each LOGIN_START and AUTH: signatures
 *                             verified, MACs, reads of the store
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>
#include <sodium.h>

#include "config.h"
#include "customer.h"
#include "protocol/account.h"
#include "protocol/auth.h"
#include "protocol/ids.h"
#include "stream.h"

/* What one thread has done: the loop's own count is not the committer's. */
static _Thread_local struct {
    unsigned verified;
    unsigned macs;
    unsigned reads;
} done;

static int
without(const char *name)
{
    const char *off = getenv("SC_WITHOUT");

    return off && strcmp(off, name) == 0;
}


/* --- counting ------------------------------------------------------------ */

int __real_crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long n, const unsigned char *pk);
int __wrap_crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long n, const unsigned char *pk);

int
__wrap_crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long n, const unsigned char *pk)
{
    done.verified++;

    return __real_crypto_sign_verify_detached(sig, m, n, pk);
}


int __real_crypto_auth_hmacsha256(unsigned char *out, const unsigned char *in,
    unsigned long long n, const unsigned char *k);
int __wrap_crypto_auth_hmacsha256(unsigned char *out, const unsigned char *in,
    unsigned long long n, const unsigned char *k);

int
__wrap_crypto_auth_hmacsha256(unsigned char *out, const unsigned char *in,
    unsigned long long n, const unsigned char *k)
{
    done.macs++;

    return __real_crypto_auth_hmacsha256(out, in, n, k);
}


int __real_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);

int
__wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
    done.reads++;

    return __real_mdb_get(txn, dbi, key, data);
}


static void
tell(const char *what)
{
    const char *path = getenv("SC_COUNTS");
    FILE       *file = path ? fopen(path, "a") : NULL;

    if (file) {
        fprintf(file, "%s verified %u macs %u reads %u\n", what,
                done.verified, done.macs, done.reads);
        fclose(file);
    }
}


void __real_sc_do_login_start(struct sc_stream *stream,
    const struct sc_frame *frame);
void __wrap_sc_do_login_start(struct sc_stream *stream,
    const struct sc_frame *frame);

void
__wrap_sc_do_login_start(struct sc_stream *stream,
    const struct sc_frame *frame)
{
    memset(&done, 0, sizeof(done));
    __real_sc_do_login_start(stream, frame);
    tell("login_start");
}


/* --- a decoy ------------------------------------------------------------- */

static const uint8_t           *decoy;
static const struct sc_service *service;

void __real_sc_do_auth(struct sc_stream *stream, const struct sc_frame *frame);
void __wrap_sc_do_auth(struct sc_stream *stream, const struct sc_frame *frame);

void
__wrap_sc_do_auth(struct sc_stream *stream, const struct sc_frame *frame)
{
    service = stream->service;
    decoy = service->decoy_pk;
    memset(&done, 0, sizeof(done));
    __real_sc_do_auth(stream, frame);
    tell("auth");
}


/* --- what a proof says ---------------------------------------------------- */

/* The origin of which the pages of t/hostile say that it is elsewhere. */
static void
elsewhere(uint8_t out[32])
{
    const char *origin = service->config->origin;
    const char *host = strstr(origin, "//chat.");
    char        other[256];
    int         n;

    n = snprintf(other, sizeof(other), "http://elsewhere.%s",
                 host ? host + strlen("//chat.") : "");
    sc_origin_hash(out, other, (size_t) n);
}


const char *__real_sc_auth_verify(const struct sc_auth_claim *claim,
    const uint8_t pk[32], const uint8_t sig[64]);
const char *__wrap_sc_auth_verify(const struct sc_auth_claim *claim,
    const uint8_t pk[32], const uint8_t sig[64]);

const char *
__wrap_sc_auth_verify(const struct sc_auth_claim *claim,
    const uint8_t pk[32], const uint8_t sig[64])
{
    if (without("decoy") && decoy && memcmp(pk, decoy, 32) == 0) {
        return "no such account";
    }

    if (without("registration-proof") && claim->role == SC_ROLE_REGISTRATION) {
        return NULL;
    }

    if (without("domains")
        && __real_crypto_sign_verify_detached(sig, claim->challenge, 32, pk)
           == 0)
    {
        return NULL;
    }

    if (without("origin") && service) {
        struct sc_auth_claim other = *claim;
        uint8_t              hash[32];

        elsewhere(hash);
        other.origin_hash = hash;
        if (__real_sc_auth_verify(&other, pk, sig) == NULL) {
            return NULL;
        }
    }

    return __real_sc_auth_verify(claim, pk, sig);
}


/* --- whose roster --------------------------------------------------------- */

enum sc_error_code __real_sc_account_set_check(struct sc_bytes account,
    struct sc_bytes roster, struct sc_list wraps, struct sc_account_set *out,
    const char **why);
enum sc_error_code __wrap_sc_account_set_check(struct sc_bytes account,
    struct sc_bytes roster, struct sc_list wraps, struct sc_account_set *out,
    const char **why);

enum sc_error_code
__wrap_sc_account_set_check(struct sc_bytes account, struct sc_bytes roster,
    struct sc_list wraps, struct sc_account_set *out, const char **why)
{
    enum sc_error_code code = __real_sc_account_set_check(account, roster,
                                                          wraps, out, why);
    struct sc_blob     blob = { { NULL, 0 } };

    if (code != SC_E_BAD_ROSTER || !without("own-roster")
        || sc_roster_parse(roster, &out->roster) != NULL
        || wraps.count > SC_WRAP_KINDS)
    {
        return code;
    }

    sc_signed_id_of(out->roster_id, roster);
    for (out->n_wraps = 0; sc_blob_next(&wraps, &blob); out->n_wraps++) {
        out->wrap_bytes[out->n_wraps] = blob.bytes;
        if (sc_wrap_parse(blob.bytes, &out->wraps[out->n_wraps]) != NULL) {
            return code;
        }
    }

    return SC_E_NONE;
}


/* --- single use ---------------------------------------------------------- */

enum sc_error_code __real_sc_stream_take_challenge(struct sc_stream *stream,
    uint8_t out[32]);
enum sc_error_code __wrap_sc_stream_take_challenge(struct sc_stream *stream,
    uint8_t out[32]);

/* One that was used before stands for each later one, as often as it holds. */
enum sc_error_code
__wrap_sc_stream_take_challenge(struct sc_stream *stream, uint8_t out[32])
{
    static uint8_t first[32];
    static int     given;

    enum sc_error_code code = __real_sc_stream_take_challenge(stream, out);
    const char        *path = getenv("SC_REPLAYED");
    FILE              *file;

    if (code != SC_E_NONE || !without("single-use")) {
        return code;
    }

    /* From here on, says the test. */
    file = path ? fopen(path, "r") : NULL;
    if (file) {
        fclose(file);
        if (given) {
            memcpy(out, first, 32);
        }
        return code;
    }

    memcpy(first, out, 32);
    given = 1;

    return code;
}


/* --- roles --------------------------------------------------------------- */

const struct sc_frame_info *__real_sc_frame_info(uint8_t type);
const struct sc_frame_info *__wrap_sc_frame_info(uint8_t type);

const struct sc_frame_info *
__wrap_sc_frame_info(uint8_t type)
{
    static struct sc_frame_info any[256];

    const struct sc_frame_info *info = __real_sc_frame_info(type);

    if (info == NULL || !without("roles")) {
        return info;
    }

    any[type] = *info;
    any[type].roles |= SC_MAY_KNOWN;

    return &any[type];
}


typedef void (*answerer)(struct sc_stream *, const struct sc_frame *);

/* A device as if it were the owner. */
static void
as_owner(struct sc_stream *stream, const struct sc_frame *frame, answerer real)
{
    uint8_t self[32];
    int     role = stream->role;

    if (role != SC_ROLE_DEVICE || !without("roles")) {
        real(stream, frame);
        return;
    }

    memcpy(self, stream->self, 32);
    memcpy(stream->self, stream->customer->account_id, 32);
    stream->role = SC_ROLE_PASSWORD;
    real(stream, frame);
    stream->role = SC_ROLE_DEVICE;
    memcpy(stream->self, self, 32);
}


#define AS_OWNER(name)                                                        \
    void __real_##name(struct sc_stream *stream, const struct sc_frame *f);   \
    void __wrap_##name(struct sc_stream *stream, const struct sc_frame *f);   \
                                                                              \
    void                                                                      \
    __wrap_##name(struct sc_stream *stream, const struct sc_frame *f)         \
    {                                                                         \
        as_owner(stream, f, __real_##name);                                   \
    }

AS_OWNER(sc_do_vault_get)
AS_OWNER(sc_do_delete)
AS_OWNER(sc_do_account_put)
