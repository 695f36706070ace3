/*
 * The envelope: everything that can be seen from outside.  What is sealed, and
 * whether a number follows its predecessor, is no business of this file.
 */

#include "protocol/envelope.h"

#include "protocol/ed25519.h"
#include "protocol/ids.h"
#include "protocol/padme.h"
#include "protocol/suite.h"

/* A suite that does not exist has no length, and marks the reader bad. */
static void
get_recipient(struct sc_reader *r, struct sc_recipient *out)
{
    out->suite = sc_get_u8(r);
    out->kem_id = sc_get_bytes(r, 32);
    out->sealed.n = sc_suite_sealed_bytes(out->suite);
    out->sealed.p = sc_get_bytes(r, out->sealed.n);

    if (out->sealed.n == 0) {
        r->bad = 1;
    }
}

static void
put_recipient(struct sc_writer *w, const struct sc_recipient *in)
{
    sc_put_uint(w, in->suite, 1);
    sc_put_bytes(w, in->kem_id, 32);
    sc_put_bytes(w, in->sealed.p, in->sealed.n);
}

static const char *
check_head(const struct sc_envelope *envelope)
{
    if (envelope->type != SC_ENVELOPE_STORED
        && envelope->type != SC_ENVELOPE_SIGNAL)
    {
        return "an envelope of a type that does not exist";
    }

    if (envelope->direction != SC_TO_CUSTOMER
        && envelope->direction != SC_TO_VISITOR)
    {
        return "an envelope of a direction that does not exist";
    }

    if ((envelope->seq == 0) != (envelope->type == SC_ENVELOPE_SIGNAL)) {
        return "messages are numbered from 1, and signals 0";
    }

    if (sc_is_zero(envelope->prev, 32) != (envelope->seq <= 1)) {
        return "an envelope names no predecessor exactly if it is the first "
               "or a signal";
    }

    return NULL;
}

const char *
sc_envelope_parse(struct sc_bytes bytes, struct sc_envelope *out)
{
    struct sc_reader r = sc_reader_of(bytes.p, bytes.n);
    const uint8_t   *magic = sc_get_bytes(&r, 4);
    unsigned         zero;

    if (magic == NULL || memcmp(magic, "SCW1", 4) != 0) {
        return "not an envelope";
    }

    if (bytes.n > SC_ENVELOPE_MAX) {
        return "an envelope of more than 20480 bytes";
    }

    out->bytes = bytes;
    out->type = sc_get_u8(&r);
    out->direction = sc_get_u8(&r);
    zero = sc_get_u16(&r);
    out->cid = sc_get_bytes(&r, 32);
    out->sid = sc_get_bytes(&r, 32);
    out->signkey_id = sc_get_bytes(&r, 32);
    out->seq = sc_get_u64(&r);
    out->time = sc_get_u64(&r);
    out->prev = sc_get_bytes(&r, 32);
    out->roster_id = sc_get_bytes(&r, 32);
    out->commitment = sc_get_bytes(&r, 32);
    out->ct.n = sc_get_u32(&r);
    get_recipient(&r, &out->customer);
    get_recipient(&r, &out->session);
    out->ct.p = sc_get_bytes(&r, out->ct.n);
    sc_get_bytes(&r, SC_SIG_BYTES);

    if (!sc_reader_done(&r) || zero) {
        return "an envelope of another length than its fields, or of a suite "
               "that does not exist";
    }

    if (out->ct.n < SC_CT_TAG
        || !sc_body_bytes_ok((uint32_t) out->ct.n - SC_CT_TAG))
    {
        return "a body that was not padded as it must be";
    }

    return check_head(out);
}

const char *
sc_envelope_verify(const struct sc_envelope *envelope, const uint8_t pk[32])
{
    uint8_t id[32];

    sc_signkey_id_of(id, pk);
    if (memcmp(id, envelope->signkey_id, 32) != 0) {
        return "an envelope that names another signing key";
    }

    return sc_signed_verify("envelope", envelope->bytes, pk);
}

const char *
sc_envelope_recipients(const struct sc_envelope *envelope,
                       uint8_t roster_suite, const uint8_t roster_kem_id[32],
                       uint8_t session_suite,
                       const uint8_t session_kem_id[32])
{
    if (envelope->customer.suite != roster_suite
        || memcmp(envelope->customer.kem_id, roster_kem_id, 32) != 0)
    {
        return "not sealed to the message key of its roster";
    }

    if (envelope->session.suite != session_suite
        || memcmp(envelope->session.kem_id, session_kem_id, 32) != 0)
    {
        return "not sealed to the key of its session";
    }

    return NULL;
}

size_t
sc_envelope_build(uint8_t *out, size_t cap, const struct sc_envelope *in,
                  const uint8_t sk[64])
{
    struct sc_writer w = sc_writer_of(out, cap);
    uint8_t          pk[32], signkey_id[32];

    crypto_sign_ed25519_sk_to_pk(pk, sk);
    sc_signkey_id_of(signkey_id, pk);

    sc_put_bytes(&w, "SCW1", 4);
    sc_put_uint(&w, in->type, 1);
    sc_put_uint(&w, in->direction, 1);
    sc_put_uint(&w, 0, 2);
    sc_put_bytes(&w, in->cid, 32);
    sc_put_bytes(&w, in->sid, 32);
    sc_put_bytes(&w, signkey_id, 32);
    sc_put_uint(&w, in->seq, 8);
    sc_put_uint(&w, in->time, 8);
    sc_put_bytes(&w, in->prev, 32);
    sc_put_bytes(&w, in->roster_id, 32);
    sc_put_bytes(&w, in->commitment, 32);
    sc_put_uint(&w, in->ct.n, 4);
    put_recipient(&w, &in->customer);
    put_recipient(&w, &in->session);
    sc_put_bytes(&w, in->ct.p, in->ct.n);
    sc_signed_finish(&w, out, "envelope", sk);

    return w.bad ? 0 : (size_t) (w.p - out);
}
