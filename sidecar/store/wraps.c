/*
 * The vault: wrap records, each sealed under the service's own key before it
 * is written and opened when it is read, so that the store alone gives nobody
 * a password to guess.
 *
 * A record is sealed for the key of its row: it cannot be put in the place of
 * another.  meta says under which key the vault lies; a store whose key is
 * not there is not opened.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "state.h"

/* Where a wrap record has its kind: behind "SCK1". */
#define WRAP_KIND_AT   4u

/* Wraps of kinds up to this open with the password or the recovery code. */
#define WRAP_OF_OWNER  4u

/* Rows that one operation looks at. */
#define RESEAL_STEP    256u

/* account_id:32 generation:8 kind:1 */
static size_t
wrap_key(uint8_t key[SC_KEY_MAX], const uint8_t account_id[32],
         uint64_t generation, uint8_t kind)
{
    struct sc_writer w = sc_writer_of(key, SC_KEY_MAX);

    sc_put_bytes(&w, account_id, 32);
    sc_put_uint(&w, generation, 8);
    sc_put_uint(&w, kind, 1);
    return 41;
}

static void
note_key(struct sc_store *store, struct sc_txn *txn)
{
    uint8_t id[SC_VAULT_ID_BYTES];

    sc_vault_present(store->vault, id);
    sc_txn_put(txn, SC_DB_META, "vault", 5, id, sizeof(id));
}

int
sc_wraps_open(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_txn  *txn = sc_txn_write(store->db);
    struct sc_bytes value;
    char            id[2 * SC_VAULT_ID_BYTES + 1];

    if (!sc_txn_get(txn, SC_DB_META, "vault", 5, &value)) {
        note_key(store, txn);

    } else if (value.n != SC_VAULT_ID_BYTES) {
        sc_txn_fail(txn, EBADMSG);

    } else if (!sc_vault_knows(store->vault, value.p)) {
        snprintf(why, why_size, "the vault of the store lies under key %s, "
                 "which is not in the key file",
                 sodium_bin2hex(id, sizeof(id), value.p, value.n));
        sc_txn_end(txn);
        return -1;
    }

    return sc_txn_commit(txn, why, why_size) == SC_E_NONE ? 0 : -1;
}


/* --- one record ---------------------------------------------------------- */

static void
put_sealed(struct sc_store *store, struct sc_txn *txn, const uint8_t *key,
           size_t key_n, const uint8_t *plain, size_t n)
{
    uint8_t *sealed = malloc(n + SC_VAULT_OVERHEAD);

    if (sealed == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    sc_vault_seal(store->vault, key, key_n, plain, n, sealed);
    sc_txn_put(txn, SC_DB_WRAPS, key, key_n, sealed, n + SC_VAULT_OVERHEAD);
    free(sealed);
}

/* Opens a row; out->p is NULL and the transaction has failed where that is
 * not possible. */
static void
unseal(struct sc_store *store, struct sc_txn *txn, const uint8_t *key,
       size_t key_n, struct sc_bytes sealed, struct sc_blob_out *out)
{
    *out = (struct sc_blob_out) { NULL, 0 };

    if (sealed.n < SC_VAULT_OVERHEAD) {
        sc_txn_fail(txn, EBADMSG);
        return;
    }

    out->n = sealed.n - SC_VAULT_OVERHEAD;
    out->p = malloc(out->n ? out->n : 1);
    if (out->p == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    if (sc_vault_unseal(store->vault, key, key_n, sealed.p, sealed.n, out->p)
        != 0)
    {
        sc_txn_fail(txn, EBADMSG);
        free(out->p);
        *out = (struct sc_blob_out) { NULL, 0 };
    }
}

static int
same_wrap(struct sc_apply *apply, const uint8_t *key, size_t key_n,
          struct sc_bytes sealed, struct sc_bytes given)
{
    struct sc_blob_out stored;
    int                same;

    unseal(apply->store, apply->txn, key, key_n, sealed, &stored);
    same = stored.p != NULL && stored.n == given.n
           && sodium_memcmp(stored.p, given.p, given.n) == 0;
    free(stored.p);
    return same;
}


/* --- of an operation ----------------------------------------------------- */

int
sc_wraps_same(struct sc_apply *apply, const struct sc_op *op)
{
    uint8_t         key[SC_KEY_MAX];
    struct sc_bytes value;
    size_t          given = 0;
    unsigned        kind;

    for (kind = 0; kind <= UINT8_MAX; kind++) {
        size_t key_n = wrap_key(key, op->account.account_id,
                                op->account.generation, (uint8_t) kind);

        if (!sc_txn_get(apply->txn, SC_DB_WRAPS, key, key_n, &value)) {
            continue;
        }

        if (given == op->account.n_wraps
            || !same_wrap(apply, key, key_n, value,
                          op->account.wraps[given++]))
        {
            return 0;
        }
    }

    return given == op->account.n_wraps && !sc_txn_failed(apply->txn);
}

int
sc_wraps_in_order(const struct sc_op *op)
{
    size_t i;
    int    last = -1;

    for (i = 0; i < op->account.n_wraps; i++) {
        const struct sc_bytes *wrap = &op->account.wraps[i];

        if (wrap->n <= WRAP_KIND_AT || wrap->p[WRAP_KIND_AT] <= last) {
            return 0;
        }
        last = wrap->p[WRAP_KIND_AT];
    }

    return 1;
}

void
sc_wraps_put(struct sc_apply *apply, const struct sc_op *op)
{
    uint8_t key[SC_KEY_MAX];
    size_t  i;

    for (i = 0; i < op->account.n_wraps; i++) {
        const struct sc_bytes *wrap = &op->account.wraps[i];
        size_t key_n = wrap_key(key, op->account.account_id,
                                op->account.generation,
                                wrap->p[WRAP_KIND_AT]);

        put_sealed(apply->store, apply->txn, key, key_n, wrap->p, wrap->n);
    }
}

void
sc_wraps_drop_owners(struct sc_txn *txn, const uint8_t account_id[32],
                     uint64_t generation)
{
    uint8_t key[SC_KEY_MAX];
    uint8_t kind;

    for (kind = 1; kind <= WRAP_OF_OWNER; kind++) {
        sc_txn_del(txn, SC_DB_WRAPS, key,
                   wrap_key(key, account_id, generation, kind));
    }
}


/* --- another key --------------------------------------------------------- */

/* The row goes under the present key, if it lies under another.  1, or 0. */
static int
reseal_row(struct sc_apply *apply, const uint8_t *key, size_t key_n,
           struct sc_bytes sealed)
{
    struct sc_blob_out plain;

    if (sc_vault_is_present(apply->store->vault, sealed.p, sealed.n)) {
        return 0;
    }

    unseal(apply->store, apply->txn, key, key_n, sealed, &plain);
    if (plain.p == NULL) {
        return 0;
    }

    put_sealed(apply->store, apply->txn, key, key_n, plain.p, plain.n);
    free(plain.p);
    return 1;
}

/* The first key behind the one reached, copied there.  1, or 0 at the end. */
static int
next_row(struct sc_txn *txn, struct sc_op *op, struct sc_bytes *value)
{
    struct sc_walk *walk = sc_walk_open(txn, SC_DB_WRAPS);
    struct sc_bytes key = { NULL, 0 };
    int             more = 0;

    if (walk != NULL) {
        op->reseal.reached[op->reseal.n_reached] = 0;
        more = sc_walk_seek(walk, op->reseal.reached,
                            op->reseal.n_reached + 1, &key, value);
    }

    if (more && key.n >= sizeof(op->reseal.reached)) {
        sc_txn_fail(txn, EBADMSG);
        more = 0;
    }

    if (more) {
        memcpy(op->reseal.reached, key.p, key.n);
        op->reseal.n_reached = key.n;
    }

    sc_walk_close(walk);
    return more;
}

enum sc_error_code
sc_wraps_reseal(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_bytes value;
    unsigned        i;
    int             more = 1;

    op->reseal.resealed = 0;
    op->reseal.n_reached = op->reseal.n;
    memcpy(op->reseal.reached, op->reseal.at, op->reseal.n);

    for (i = 0; i < RESEAL_STEP && more; i++) {
        more = next_row(apply->txn, op, &value);
        if (more) {
            op->reseal.resealed += (uint64_t) reseal_row(
                apply, op->reseal.reached, op->reseal.n_reached, value);
        }
    }

    op->reseal.done = !more;
    if (op->reseal.done) {
        note_key(apply->store, apply->txn);
    }

    return SC_E_NONE;
}

/* Not before: what is tried again after a failure must pass over nothing. */
void
sc_wraps_resealed(struct sc_op *op)
{
    op->reseal.n = op->reseal.n_reached;
    memcpy(op->reseal.at, op->reseal.reached, op->reseal.n);
}


/* --- reading ------------------------------------------------------------- */

int
sc_lmdb_wrap(struct sc_store *store, const uint8_t account_id[32],
             uint64_t generation, uint8_t kind, struct sc_blob_out *wrap)
{
    struct sc_txn  *txn = sc_txn_read(store->db);
    struct sc_bytes value;
    uint8_t         key[SC_KEY_MAX];
    size_t          key_n = wrap_key(key, account_id, generation, kind);
    int             found;

    memset(wrap, 0, sizeof(*wrap));
    if (txn == NULL) {
        return -1;
    }

    /* An account that was erased is empty, and its wraps are on their way. */
    found = sc_txn_get(txn, SC_DB_ACCOUNTS, account_id, 32, &value)
            && value.n > 0
            && sc_txn_get(txn, SC_DB_WRAPS, key, key_n, &value);
    if (found) {
        unseal(store, txn, key, key_n, value, wrap);
    }
    if (sc_txn_failed(txn)) {
        found = -1;
    }

    sc_txn_end(txn);
    return found;
}
