/*
 * The roster: layout, signature, succession.  Knows neither a clock nor what
 * is stored: whether a roster is in force is for the caller.
 */

#include "protocol/roster.h"

#include "protocol/ed25519.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

#define DAYS_MAX_MS (SC_ROSTER_DAYS_MAX * 86400000ull)

static const char *
check_numbers(const struct sc_roster *roster)
{
    if (roster->version == 0) {
        return "a roster of version 0";
    }

    if (roster->generation == 0) {
        return "a roster of generation 0";
    }

    if (sc_is_zero(roster->prev, 32) != (roster->version == 1)) {
        return "a roster names no predecessor exactly in version 1";
    }

    if (roster->not_after <= roster->not_before) {
        return "a roster that ends before it begins";
    }

    if (roster->not_after - roster->not_before > DAYS_MAX_MS) {
        return "a roster that is valid for more than 190 days";
    }

    return NULL;
}

static const char *
check_devices(const struct sc_roster *roster)
{
    const uint8_t *device = roster->devices;
    unsigned       i;

    if (roster->n_devices == 0) {
        return "a roster without a device";
    }

    if (roster->n_devices > SC_ROSTER_DEVICES_MAX) {
        return "a roster of more than 64 devices";
    }

    for (i = 1; i < roster->n_devices; i++, device += 32) {
        if (memcmp(device, device + 32, 32) >= 0) {
            return "the devices of a roster are not in ascending order";
        }
    }

    return NULL;
}

const char *
sc_roster_parse(struct sc_bytes bytes, struct sc_roster *out)
{
    struct sc_reader r = sc_reader_of(bytes.p, bytes.n);
    const uint8_t   *magic = sc_get_bytes(&r, 4);
    const char      *wrong;

    if (magic == NULL || memcmp(magic, "SCR1", 4) != 0) {
        return "not a roster";
    }

    out->bytes = bytes;
    out->cid = sc_get_bytes(&r, 32);
    out->ik_pk = sc_get_bytes(&r, 32);
    out->version = sc_get_u64(&r);
    out->generation = sc_get_u64(&r);
    out->prev = sc_get_bytes(&r, 32);
    out->not_before = sc_get_u64(&r);
    out->not_after = sc_get_u64(&r);
    out->suite = sc_get_u8(&r);
    out->kem_pk.n = sc_get_u16(&r);
    out->kem_pk.p = sc_get_bytes(&r, out->kem_pk.n);
    out->n_devices = sc_get_u8(&r);
    out->devices = sc_get_bytes(&r, 32u * out->n_devices);
    sc_get_bytes(&r, SC_SIG_BYTES);

    if (!sc_reader_done(&r)) {
        return "a roster of another length than its fields";
    }

    wrong = check_numbers(out);
    if (wrong == NULL) {
        wrong = sc_kem_pk_check(out->suite, out->kem_pk);
    }
    if (wrong == NULL) {
        wrong = check_devices(out);
    }

    return wrong;
}

const char *
sc_roster_verify(const struct sc_roster *roster)
{
    uint8_t cid[32];

    sc_cid_of(cid, roster->ik_pk);
    if (memcmp(cid, roster->cid, 32) != 0) {
        return "a roster whose cid is not that of its identity key";
    }

    return sc_signed_verify("roster", roster->bytes, roster->ik_pk);
}

/* Both lists ascend, so that one walk through each is enough. */
static int
lists_all_of(const struct sc_roster *next, const struct sc_roster *last)
{
    const uint8_t *p = next->devices;
    const uint8_t *p_end = p + 32u * next->n_devices;
    const uint8_t *q = last->devices;
    const uint8_t *q_end = q + 32u * last->n_devices;

    for ( ; q < q_end; q += 32, p += 32) {
        while (p < p_end && memcmp(p, q, 32) < 0) {
            p += 32;
        }

        if (p == p_end || memcmp(p, q, 32) != 0) {
            return 0;
        }
    }

    return 1;
}

const char *
sc_roster_succeeds(const struct sc_roster *last, const struct sc_roster *next)
{
    uint8_t id[32];

    if (memcmp(last->cid, next->cid, 32) != 0) {
        return "the roster of another customer";
    }

    if (next->version != last->version + 1) {
        return "a roster's version is its predecessor's plus one";
    }

    sc_signed_id_of(id, last->bytes);
    if (memcmp(id, next->prev, 32) != 0) {
        return "a roster that names another predecessor";
    }

    if (next->generation == last->generation + 1) {
        return NULL;
    }

    if (next->generation != last->generation) {
        return "a roster's generation is its predecessor's or one more";
    }

    if (next->suite != last->suite
        || memcmp(next->kem_pk.p, last->kem_pk.p, last->kem_pk.n) != 0)
    {
        return "another message key within a generation";
    }

    if (!lists_all_of(next, last)) {
        return "a device was removed without a new generation";
    }

    return NULL;
}

const uint8_t *
sc_roster_device(const struct sc_roster *roster, const uint8_t signkey_id[32])
{
    uint8_t        id[32];
    const uint8_t *pk = roster->devices;
    unsigned       i;

    for (i = 0; i < roster->n_devices; i++, pk += 32) {
        sc_signkey_id_of(id, pk);
        if (memcmp(id, signkey_id, 32) == 0) {
            return pk;
        }
    }

    return NULL;
}

size_t
sc_roster_build(uint8_t *out, size_t cap, const struct sc_roster *in,
                const uint8_t ik_sk[64])
{
    struct sc_writer w = sc_writer_of(out, cap);
    uint8_t          ik_pk[32], cid[32];

    crypto_sign_ed25519_sk_to_pk(ik_pk, ik_sk);
    sc_cid_of(cid, ik_pk);

    sc_put_bytes(&w, "SCR1", 4);
    sc_put_bytes(&w, cid, 32);
    sc_put_bytes(&w, ik_pk, 32);
    sc_put_uint(&w, in->version, 8);
    sc_put_uint(&w, in->generation, 8);
    sc_put_bytes(&w, in->prev, 32);
    sc_put_uint(&w, in->not_before, 8);
    sc_put_uint(&w, in->not_after, 8);
    sc_put_uint(&w, in->suite, 1);
    sc_put_uint(&w, in->kem_pk.n, 2);
    sc_put_bytes(&w, in->kem_pk.p, in->kem_pk.n);
    sc_put_uint(&w, in->n_devices, 1);
    sc_put_bytes(&w, in->devices, 32u * in->n_devices);
    sc_signed_finish(&w, out, "roster", ik_sk);

    return w.bad ? 0 : (size_t) (w.p - out);
}
