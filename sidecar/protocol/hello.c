/*
 * A visitor's hello: layout, signature, and the sid that its keys amount to.
 */

#include "protocol/hello.h"

#include "protocol/ed25519.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

const char *
sc_hello_parse(struct sc_bytes bytes, struct sc_hello *out)
{
    struct sc_reader r = sc_reader_of(bytes.p, bytes.n);
    const uint8_t   *magic = sc_get_bytes(&r, 4);

    if (magic == NULL || memcmp(magic, "SCS1", 4) != 0) {
        return "not a hello";
    }

    out->bytes = bytes;
    out->cid = sc_get_bytes(&r, 32);
    out->suite = sc_get_u8(&r);
    out->sign_pk = sc_get_bytes(&r, 32);
    out->kem_pk.n = sc_get_u16(&r);
    out->kem_pk.p = sc_get_bytes(&r, out->kem_pk.n);
    out->time = sc_get_u64(&r);
    out->roster_id = sc_get_bytes(&r, 32);
    sc_get_bytes(&r, SC_SIG_BYTES);

    if (!sc_reader_done(&r)) {
        return "a hello of another length than its fields";
    }

    return sc_kem_pk_check(out->suite, out->kem_pk);
}

const char *
sc_hello_verify(const struct sc_hello *hello, uint8_t sid[32])
{
    sc_sid_of(sid, hello->cid, hello->suite, hello->sign_pk, hello->kem_pk);

    return sc_signed_verify("hello", hello->bytes, hello->sign_pk);
}

size_t
sc_hello_build(uint8_t *out, size_t cap, const struct sc_hello *in,
               const uint8_t sign_sk[64])
{
    struct sc_writer w = sc_writer_of(out, cap);
    uint8_t          sign_pk[32];

    crypto_sign_ed25519_sk_to_pk(sign_pk, sign_sk);

    sc_put_bytes(&w, "SCS1", 4);
    sc_put_bytes(&w, in->cid, 32);
    sc_put_uint(&w, in->suite, 1);
    sc_put_bytes(&w, sign_pk, 32);
    sc_put_uint(&w, in->kem_pk.n, 2);
    sc_put_bytes(&w, in->kem_pk.p, in->kem_pk.n);
    sc_put_uint(&w, in->time, 8);
    sc_put_bytes(&w, in->roster_id, 32);
    sc_signed_finish(&w, out, "hello", sign_sk);

    return w.bad ? 0 : (size_t) (w.p - out);
}
