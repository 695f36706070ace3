/*
 * The account record: layout, signature, and how it agrees with the wrap
 * records and the roster that are put with it.  Pure: what is stored is for
 * the caller to look up and pass.
 */

#include "protocol/account.h"

#include "protocol/ed25519.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

const char *
sc_account_parse(struct sc_bytes bytes, struct sc_account *out)
{
    struct sc_reader r = sc_reader_of(bytes.p, bytes.n);
    const uint8_t   *magic = sc_get_bytes(&r, 4);

    if (magic == NULL || memcmp(magic, "SCA1", 4) != 0) {
        return "not an account record";
    }

    out->bytes = bytes;
    out->cid = sc_get_bytes(&r, 32);
    out->ik_pk = sc_get_bytes(&r, 32);
    out->account_id = sc_get_bytes(&r, 32);
    out->generation = sc_get_u64(&r);
    out->kdf_id = sc_get_u8(&r);
    out->server_salt = sc_get_bytes(&r, SC_SERVER_SALT_BYTES);
    out->login_pk = sc_get_bytes(&r, 32);
    out->recovery_pk = sc_get_bytes(&r, 32);
    out->recovery_kem = sc_get_bytes(&r, 32);
    out->roster_id = sc_get_bytes(&r, 32);
    out->wraps = sc_get_bytes(&r, 32);
    sc_get_bytes(&r, SC_SIG_BYTES);

    if (!sc_reader_done(&r)) {
        return "an account record of another length than its fields";
    }

    if (out->generation == 0) {
        return "an account record of generation 0";
    }

    if (out->kdf_id != SC_KDF_ID) {
        return "a way to derive keys that does not exist";
    }

    return NULL;
}

const char *
sc_account_verify(const struct sc_account *account)
{
    uint8_t cid[32];

    sc_cid_of(cid, account->ik_pk);
    if (memcmp(cid, account->cid, 32) != 0) {
        return "an account record whose cid is not that of its identity key";
    }

    return sc_signed_verify("record", account->bytes, account->ik_pk);
}

size_t
sc_account_build(uint8_t *out, size_t cap, const struct sc_account *in,
                 const uint8_t ik_sk[64])
{
    struct sc_writer w = sc_writer_of(out, cap);
    uint8_t          ik_pk[32], cid[32];

    crypto_sign_ed25519_sk_to_pk(ik_pk, ik_sk);
    sc_cid_of(cid, ik_pk);

    sc_put_bytes(&w, "SCA1", 4);
    sc_put_bytes(&w, cid, 32);
    sc_put_bytes(&w, ik_pk, 32);
    sc_put_bytes(&w, in->account_id, 32);
    sc_put_uint(&w, in->generation, 8);
    sc_put_uint(&w, in->kdf_id, 1);
    sc_put_bytes(&w, in->server_salt, SC_SERVER_SALT_BYTES);
    sc_put_bytes(&w, in->login_pk, 32);
    sc_put_bytes(&w, in->recovery_pk, 32);
    sc_put_bytes(&w, in->recovery_kem, 32);
    sc_put_bytes(&w, in->roster_id, 32);
    sc_put_bytes(&w, in->wraps, 32);
    sc_signed_finish(&w, out, "record", ik_sk);

    return w.bad ? 0 : (size_t) (w.p - out);
}


/* --- one generation, whole ----------------------------------------------- */

static const char *
check_account(struct sc_bytes bytes, struct sc_account *out)
{
    const char *wrong = sc_account_parse(bytes, out);

    return wrong ? wrong : sc_account_verify(out);
}

static const char *
check_roster(struct sc_bytes bytes, struct sc_account_set *set)
{
    const char *wrong = sc_roster_parse(bytes, &set->roster);

    if (wrong == NULL) {
        wrong = sc_roster_verify(&set->roster);
    }
    if (wrong) {
        return wrong;
    }

    if (memcmp(set->roster.cid, set->account.cid, 32) != 0) {
        return "a roster of another customer than the account record's";
    }

    if (set->roster.generation != set->account.generation) {
        return "a roster of another generation than the account record's";
    }

    sc_signed_id_of(set->roster_id, bytes);
    return NULL;
}

/* wrap is the next one, expected to be of that kind. */
static const char *
check_wrap(struct sc_bytes bytes, unsigned kind, struct sc_account_set *set)
{
    struct sc_wrap *wrap = &set->wraps[kind - 1];
    const char     *wrong = sc_wrap_parse(bytes, wrap);

    if (wrong) {
        return wrong;
    }

    if (wrap->kind != kind) {
        return "wrap records are one of each kind, in ascending order";
    }

    if (memcmp(wrap->cid, set->account.cid, 32) != 0
        || memcmp(wrap->account_id, set->account.account_id, 32) != 0)
    {
        return "a wrap record of another account";
    }

    if (wrap->generation != set->account.generation) {
        return "a wrap record of another generation";
    }

    return NULL;
}

static const char *
check_message_key(const struct sc_account_set *set)
{
    const struct sc_wrap *wrap = &set->wraps[SC_WRAP_MESSAGE_KEY - 1];
    uint8_t               kem_id[32];
    int                   x25519;

    sc_kem_id_of(kem_id, set->roster.suite, set->roster.kem_pk);
    if (memcmp(kem_id, wrap->key_id, 32) != 0) {
        return "a wrapped message key that is not the roster's";
    }

    x25519 = set->roster.suite == SC_SUITE_X25519;
    if (x25519 != (wrap->ct.n == SC_WRAP_X25519_CT)) {
        return "a wrapped message key of another length than its suite's";
    }

    return NULL;
}

static const char *
check_wraps(struct sc_list list, struct sc_account_set *set)
{
    const struct sc_wrap *ak = &set->wraps[SC_WRAP_AK - 1];
    const struct sc_wrap *recovery = &set->wraps[SC_WRAP_AK_RECOVERY - 1];
    struct sc_blob        blob = { { NULL, 0 } };
    const char           *wrong;
    unsigned              kind;
    uint8_t               hash[32];

    set->n_wraps = SC_WRAP_KINDS - (set->account.generation == 1);
    if (list.count != set->n_wraps) {
        return "wrap records are one of each kind, the sixth from "
               "generation 2 on";
    }

    for (kind = 1; sc_blob_next(&list, &blob); kind++) {
        wrong = check_wrap(blob.bytes, kind, set);
        if (wrong) {
            return wrong;
        }
        set->wrap_bytes[kind - 1] = blob.bytes;
    }

    if (kind != set->n_wraps + 1) {
        return "a list of wrap records that is not whole";
    }

    if (memcmp(ak->key_id, recovery->key_id, 32) != 0) {
        return "two account keys in one generation";
    }

    sc_wraps_hash(hash, set->wrap_bytes, set->n_wraps);
    if (memcmp(hash, set->account.wraps, 32) != 0) {
        return "wrap records that the account record does not name";
    }

    return check_message_key(set);
}

enum sc_error_code
sc_account_set_check(struct sc_bytes account, struct sc_bytes roster,
                     struct sc_list wraps, struct sc_account_set *out,
                     const char **why)
{
    *why = check_account(account, &out->account);
    if (*why) {
        return SC_E_BAD_ACCOUNT;
    }

    *why = check_roster(roster, out);
    if (*why) {
        return SC_E_BAD_ROSTER;
    }

    if (memcmp(out->roster_id, out->account.roster_id, 32) != 0) {
        *why = "a roster that the account record does not name";
        return SC_E_BAD_ACCOUNT;
    }

    *why = check_wraps(wraps, out);
    return *why ? SC_E_BAD_WRAPS : SC_E_NONE;
}

const char *
sc_account_set_first(const struct sc_account_set *set)
{
    if (set->roster.version != 1) {
        return "an account begins with version 1 of its roster";
    }

    if (set->account.generation != 1) {
        return "an account begins with generation 1";
    }

    return NULL;
}

enum sc_error_code
sc_account_set_succeeds(const struct sc_account *account,
                        const struct sc_roster *roster,
                        const struct sc_account_set *next, const char **why)
{
    const struct sc_account *new = &next->account;

    *why = sc_roster_succeeds(roster, &next->roster);
    if (*why) {
        return SC_E_BAD_ROSTER;
    }

    if (memcmp(account->account_id, new->account_id, 32) != 0
        || memcmp(account->server_salt, new->server_salt,
                  SC_SERVER_SALT_BYTES) != 0)
    {
        *why = "an account keeps its name and its salt";
        return SC_E_BAD_ACCOUNT;
    }

    if (account->generation == new->generation
        && (memcmp(account->wraps, new->wraps, 32) != 0
            || memcmp(account->login_pk, new->login_pk, 32) != 0
            || memcmp(account->recovery_pk, new->recovery_pk, 32) != 0
            || memcmp(account->recovery_kem, new->recovery_kem, 32) != 0))
    {
        *why = "wrapped keys and logins change with a new generation alone";
        return SC_E_BAD_ACCOUNT;
    }

    return SC_E_NONE;
}
