/*
 * Wrap records, seen from outside: what a record claims to hold and how long
 * that has to be.  Opens nothing.
 */

#include "protocol/wrap.h"

#include "protocol/ids.h"

static const char *
check_ct(uint8_t kind, size_t n)
{
    int ok;

    switch (kind) {

    case SC_WRAP_AK:
    case SC_WRAP_PREVIOUS_AK:
        ok = n == SC_WRAP_AK_CT;
        break;

    case SC_WRAP_AK_RECOVERY:
        ok = n == SC_WRAP_AK_RECOVERY_CT;
        break;

    case SC_WRAP_IK:
        ok = n == SC_WRAP_IK_CT;
        break;

    case SC_WRAP_IK_RECOVERY:
        ok = n == SC_WRAP_IK_RECOVERY_CT;
        break;

    case SC_WRAP_MESSAGE_KEY:
        ok = n == SC_WRAP_X25519_CT
             || (n >= SC_WRAP_RSA_CT_MIN && n <= SC_WRAP_RSA_CT_MAX);
        break;

    default:
        return "a wrap record of a kind that does not exist";
    }

    return ok ? NULL : "a wrapped key of another length than its kind's";
}

const char *
sc_wrap_parse(struct sc_bytes bytes, struct sc_wrap *out)
{
    struct sc_reader r = sc_reader_of(bytes.p, bytes.n);
    const uint8_t   *magic = sc_get_bytes(&r, 4);

    if (magic == NULL || memcmp(magic, "SCK1", 4) != 0) {
        return "not a wrap record";
    }

    out->bytes = bytes;
    out->kind = sc_get_u8(&r);
    out->cid = sc_get_bytes(&r, 32);
    out->account_id = sc_get_bytes(&r, 32);
    out->generation = sc_get_u64(&r);
    out->key_id = sc_get_bytes(&r, 32);
    out->iv = sc_get_bytes(&r, 12);
    out->ct.n = sc_get_u16(&r);
    out->ct.p = sc_get_bytes(&r, out->ct.n);

    if (!sc_reader_done(&r)) {
        return "a wrap record of another length than its fields";
    }

    if (out->generation == 0) {
        return "a wrap record of generation 0";
    }

    if (out->kind == SC_WRAP_PREVIOUS_AK && out->generation == 1) {
        return "generation 1 has no account key before it";
    }

    if ((out->kind == SC_WRAP_AK_RECOVERY || out->kind == SC_WRAP_IK_RECOVERY)
        && !sc_is_zero(out->iv, 12))
    {
        return "a key sealed for recovery has no iv";
    }

    if ((out->kind == SC_WRAP_IK || out->kind == SC_WRAP_IK_RECOVERY)
        && memcmp(out->key_id, out->cid, 32) != 0)
    {
        return "the identity key goes by its cid";
    }

    return check_ct(out->kind, out->ct.n);
}

size_t
sc_wrap_build(uint8_t *out, size_t cap, const struct sc_wrap *in)
{
    struct sc_writer w = sc_writer_of(out, cap);

    sc_put_bytes(&w, "SCK1", 4);
    sc_put_uint(&w, in->kind, 1);
    sc_put_bytes(&w, in->cid, 32);
    sc_put_bytes(&w, in->account_id, 32);
    sc_put_uint(&w, in->generation, 8);
    sc_put_bytes(&w, in->key_id, 32);
    sc_put_bytes(&w, in->iv, 12);
    sc_put_uint(&w, in->ct.n, 2);
    sc_put_bytes(&w, in->ct.p, in->ct.n);

    return w.bad ? 0 : (size_t) (w.p - out);
}
