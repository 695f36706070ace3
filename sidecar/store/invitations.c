/*
 * Invitations: who holds one may register one customer.  The store knows them
 * by a hash, so that nobody registers with what it has.
 *
 *     time:8 expires:8 used:8 cid:32 label
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define FIXED    56u
#define USED_AT  16u

enum sc_error_code
sc_invite(struct sc_apply *apply, struct sc_op *op)
{
    static const uint8_t nobody[32];

    uint8_t          value[FIXED + SC_LABEL_MAX];
    struct sc_writer w = sc_writer_of(value, sizeof(value));
    struct sc_bytes  there;

    if (sc_txn_get(apply->txn, SC_DB_INVITATIONS, op->invite.name, 32,
                   &there))
    {
        return SC_E_ACCOUNT_TAKEN;
    }

    sc_put_uint(&w, op->invite.time, 8);
    sc_put_uint(&w, op->invite.expires, 8);
    sc_put_uint(&w, 0, 8);
    sc_put_bytes(&w, nobody, sizeof(nobody));
    sc_put_bytes(&w, op->invite.label.p, op->invite.label.n);
    if (w.bad) {
        return SC_E_INTERNAL;
    }

    sc_txn_put(apply->txn, SC_DB_INVITATIONS, op->invite.name, 32, value,
               (size_t) (w.p - value));
    return SC_E_NONE;
}

enum sc_error_code
sc_revoke(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_bytes there;

    if (!sc_txn_get(apply->txn, SC_DB_INVITATIONS, op->revoke.name, 32,
                    &there))
    {
        return SC_E_NOT_FOUND;
    }

    sc_txn_del(apply->txn, SC_DB_INVITATIONS, op->revoke.name, 32);
    return SC_E_NONE;
}

/* 1, or 0: the bytes are no invitation. */
static int
read_row(const uint8_t *name, struct sc_bytes value,
         struct sc_invitation *out)
{
    struct sc_reader r = sc_reader_of(value.p, value.n);
    size_t           n;

    memset(out, 0, sizeof(*out));
    if (value.n < FIXED || value.n > FIXED + SC_LABEL_MAX) {
        return 0;
    }

    memcpy(out->name, name, 32);
    out->time = sc_get_uint(&r, 8);
    out->expires = sc_get_uint(&r, 8);
    out->used = sc_get_uint(&r, 8);
    memcpy(out->cid, sc_get_bytes(&r, 32), 32);
    n = sc_reader_left(&r);
    memcpy(out->label, sc_get_bytes(&r, n), n);
    return 1;
}

enum sc_error_code
sc_invitation_check(struct sc_apply *apply, const struct sc_op *op)
{
    struct sc_invitation invitation;
    struct sc_bytes      value;

    if (op->account.invitation == NULL) {
        return SC_E_NONE;
    }

    if (!sc_txn_get(apply->txn, SC_DB_INVITATIONS, op->account.invitation,
                    32, &value)
        || !read_row(op->account.invitation, value, &invitation)
        || invitation.used != 0
        || (invitation.expires != 0 && invitation.expires < op->account.time))
    {
        return SC_E_REGISTRATION_CLOSED;
    }

    return SC_E_NONE;
}

void
sc_invitation_use(struct sc_apply *apply, const struct sc_op *op)
{
    uint8_t          row[FIXED + SC_LABEL_MAX];
    struct sc_writer w = sc_writer_of(row + USED_AT, 40);
    struct sc_bytes  value;
    size_t           n;

    if (op->account.invitation == NULL
        || !sc_txn_get(apply->txn, SC_DB_INVITATIONS, op->account.invitation,
                       32, &value)
        || value.n < FIXED || value.n > sizeof(row))
    {
        return;
    }

    n = value.n;
    memcpy(row, value.p, n);
    sc_put_uint(&w, op->account.time, 8);
    sc_put_bytes(&w, op->account.cid, 32);
    sc_txn_put(apply->txn, SC_DB_INVITATIONS, op->account.invitation, 32, row,
               n);
}

int
sc_lmdb_invitations(struct sc_store *store, const uint8_t *above,
                    struct sc_invitation *out, int n)
{
    static const uint8_t lowest[1];

    struct sc_txn  *txn = sc_txn_read(store->db);
    struct sc_walk *walk = txn != NULL ? sc_walk_open(txn, SC_DB_INVITATIONS)
                                       : NULL;
    struct sc_bytes key, value;
    uint8_t         from[33] = { 0 };
    int             more = 0, found = 0;

    if (txn == NULL) {
        return -1;
    }

    if (walk != NULL && above != NULL) {
        memcpy(from, above, 32);
        more = sc_walk_seek(walk, from, sizeof(from), &key, &value);
    } else if (walk != NULL) {
        more = sc_walk_seek(walk, lowest, sizeof(lowest), &key, &value);
    }

    for ( ; more && found < n; more = sc_walk_next(walk, &key, &value)) {
        if (key.n != 32 || !read_row(key.p, value, &out[found++])) {
            sc_txn_fail(txn, EBADMSG);
            break;
        }
    }

    sc_walk_close(walk);
    return sc_txn_finish(txn, found);
}
