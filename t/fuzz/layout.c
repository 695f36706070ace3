/*
 * The signed layouts and the wrap records, chosen by the first byte.  What is
 * taken is built to the same bytes again, but for what follows from the key
 * that signs.
 */

#include <sodium.h>

#include "fuzz.h"
#include "protocol/account.h"
#include "protocol/ed25519.h"
#include "protocol/envelope.h"
#include "protocol/hello.h"
#include "protocol/ids.h"
#include "protocol/roster.h"
#include "protocol/wrap.h"

/* Compares but for own bytes at that place and the signature. */
static void
layout_same(struct sc_bytes in, const uint8_t *again, size_t n_again,
            size_t own_at, size_t own)
{
    size_t behind = own_at + own;

    MUST(n_again == in.n && n_again > behind + SC_SIG_BYTES);
    MUST(memcmp(in.p, again, own_at) == 0);
    MUST(memcmp(in.p + behind, again + behind,
                in.n - behind - SC_SIG_BYTES) == 0);
}

static const uint8_t *
layout_sk(void)
{
    static uint8_t pk[32], sk[64];
    static int     made;

    if (!made) {
        static const uint8_t seed[32] = { 7 };

        MUST(sodium_init() >= 0);
        crypto_sign_seed_keypair(pk, sk, seed);
        made = 1;
    }

    return sk;
}

static void
layout_account(struct sc_bytes in, uint8_t *out, size_t cap)
{
    struct sc_account account;

    if (sc_account_parse(in, &account) == NULL) {
        layout_same(in, out, sc_account_build(out, cap, &account, layout_sk()),
                    4, 64);
        (void) sc_account_verify(&account);
    }
}

static void
layout_envelope(struct sc_bytes in, uint8_t *out, size_t cap)
{
    struct sc_envelope e;

    if (sc_envelope_parse(in, &e) == NULL) {
        layout_same(in, out, sc_envelope_build(out, cap, &e, layout_sk()),
                    72, 32);
        MUST(sc_envelope_recipients(&e, e.customer.suite, e.customer.kem_id,
                                    e.session.suite, e.session.kem_id)
             == NULL);
    }
}

static void
layout_hello(struct sc_bytes in, uint8_t *out, size_t cap)
{
    struct sc_hello hello;
    uint8_t         sid[32];

    if (sc_hello_parse(in, &hello) == NULL) {
        MUST(in.n <= SC_HELLO_MAX);
        layout_same(in, out, sc_hello_build(out, cap, &hello, layout_sk()),
                    37, 32);
        (void) sc_hello_verify(&hello, sid);
    }
}

static void
layout_roster(struct sc_bytes in, uint8_t *out, size_t cap)
{
    struct sc_roster roster;
    uint8_t          id[32];

    if (sc_roster_parse(in, &roster) == NULL) {
        MUST(in.n <= SC_ROSTER_MAX);
        layout_same(in, out, sc_roster_build(out, cap, &roster, layout_sk()),
                    4, 64);
        (void) sc_roster_verify(&roster);
        MUST(sc_roster_succeeds(&roster, &roster) != NULL);
        sc_signkey_id_of(id, roster.devices);
        MUST(sc_roster_device(&roster, id) == roster.devices);
    }
}

static void
layout_wrap(struct sc_bytes in, uint8_t *out, size_t cap)
{
    struct sc_wrap wrap;

    if (sc_wrap_parse(in, &wrap) == NULL) {
        MUST(sc_wrap_build(out, cap, &wrap) == in.n);
        MUST(memcmp(out, in.p, in.n) == 0);
    }
}

/* The body of ACCOUNT_PUT, as one. */
static void
layout_set(struct sc_bytes in, uint8_t *out, size_t cap)
{
    struct sc_frame_account_put put;
    struct sc_account_set       set;
    const char                 *why = NULL;

    (void) out;
    (void) cap;

    if (!sc_account_put_decode(in, &put)) {
        return;
    }

    if (sc_account_set_check(put.account, put.roster, put.wraps, &set, &why)
        == SC_E_NONE)
    {
        MUST(set.n_wraps <= SC_WRAP_KINDS);
        (void) sc_account_set_first(&set);
        (void) sc_account_set_succeeds(&set.account, &set.roster, &set, &why);
    }
}

static void
layout_names(struct sc_bytes in, uint8_t *out, size_t cap)
{
    char text[SC_CID_TEXT + 1];

    (void) cap;

    if (sc_cid_read(out, (const char *) in.p, in.n)) {
        MUST(in.n == SC_CID_TEXT);
        sc_cid_write(text, out);
        MUST(memcmp(text, in.p, in.n) == 0);
    }

    if (sc_account_id_of(out, (const char *) in.p, in.n)) {
        MUST(in.n >= 3 && in.n <= 64);
    }

    if (in.n >= 96) {
        (void) sc_ed25519_point_ok(in.p);
        (void) sc_ed25519_verify(in.p, in.p, in.n - 64, in.p + in.n - 64);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static uint8_t out[SC_FRAME_MAX];
    static void  (*const layouts[])(struct sc_bytes, uint8_t *, size_t) = {
        layout_account, layout_envelope, layout_hello, layout_roster,
        layout_wrap, layout_set, layout_names
    };

    struct sc_bytes in;

    if (n == 0 || bytes[0] >= sizeof(layouts) / sizeof(layouts[0])) {
        return 0;
    }

    in.p = bytes + 1;
    in.n = n - 1;
    layouts[bytes[0]](in, out, sizeof(out));
    return 0;
}
