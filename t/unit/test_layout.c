/*
 * Roster, hello, wrap record and envelope: what is valid parses, verifies and
 * reads back; each refusal happens, and for the reason stated; whatever comes,
 * nothing is read beyond its end (address sanitizer).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../samples.h"

#include "protocol/padme.h"

static struct sample_world world;
static uint8_t             buf[SC_ENVELOPE_MAX + 1024];

/* All four, so that one loop can treat them alike. */
union parsed {
    struct sc_roster   roster;
    struct sc_hello    hello;
    struct sc_wrap     wrap;
    struct sc_account  account;
    struct sc_envelope envelope;
};

typedef const char *(*parse_fn)(struct sc_bytes bytes, union parsed *out);

#define PARSE(name)                                                           \
    static const char *                                                       \
    parse_##name(struct sc_bytes bytes, union parsed *out)                    \
    {                                                                         \
        return sc_##name##_parse(bytes, &out->name);                          \
    }

PARSE(roster)
PARSE(hello)
PARSE(wrap)
PARSE(account)
PARSE(envelope)

/* In memory of its own, so that the sanitizer sees its end. */
static const char *
parse_alone(parse_fn parse, const uint8_t *p, size_t n, union parsed *out)
{
    uint8_t    *own = malloc(n ? n : 1);
    const char *wrong;

    assert_non_null(own);
    memcpy(own, p, n);
    wrong = parse(sample_bytes(own, n), out);
    free(own);
    return wrong;
}

static void
refuses(parse_fn parse, size_t n, const char *reason)
{
    union parsed out;
    const char  *wrong = parse_alone(parse, buf, n, &out);

    assert_non_null(wrong);
    assert_string_equal(wrong, reason);
}

/* Refused when cut anywhere, and with a byte more; then with random bytes
 * changed, which must end in an answer. */
static void
torture(parse_fn parse, size_t n)
{
    static uint32_t state = 12345;
    uint8_t        *copy = malloc(n + 1);
    union parsed    out;
    size_t          i;
    int             round, changes;

    assert_non_null(copy);
    memcpy(copy, buf, n);
    copy[n] = 0;

    for (i = 0; i < n; i += i < 256 || n - i < 256 ? 1 : 37) {
        assert_non_null(parse_alone(parse, copy, i, &out));
    }
    assert_non_null(parse_alone(parse, copy, n + 1, &out));

    for (round = 0; round < 3000; round++) {
        memcpy(copy, buf, n);
        for (changes = 1 + round % 4; changes; changes--) {
            state = state * 1664525 + 1013904223;
            copy[(state >> 8) % n] = (uint8_t) (state >> 24);
        }
        parse_alone(parse, copy, n, &out);
    }

    for (round = 0; round < 500; round++) {
        state = state * 1664525 + 1013904223;
        i = (state >> 8) % (n + 1);
        sample_fill(copy, i, (const char[]) { (char) (1 + round % 100),
                                              (char) (1 + round / 100), 0 });
        if (i >= 4) {
            memcpy(copy, buf, 4);
        }
        parse_alone(parse, copy, i, &out);
    }

    free(copy);
}


/* --- roster -------------------------------------------------------------- */

static size_t
build_roster(const struct sc_roster *in)
{
    size_t n = sc_roster_build(buf, sizeof(buf), in, world.ik.sk);

    assert_true(n > 0);
    return n;
}

static void
test_roster(void **state)
{
    struct sc_roster in, out;
    size_t           n;
    uint8_t          suite;

    (void) state;

    for (suite = SC_SUITE_RSA; suite <= SC_SUITE_X25519; suite++) {
        in = sample_roster(&world, suite);
        n = build_roster(&in);
        assert_int_equal(n, SC_ROSTER_FIXED + sc_suite_pk_bytes(suite) + 64);
        assert_null(sc_roster_parse(sample_bytes(buf, n), &out));
        assert_null(sc_roster_verify(&out));
        assert_memory_equal(out.cid, world.cid, 32);
        assert_memory_equal(out.ik_pk, world.ik.pk, 32);
        assert_true(out.version == 1 && out.generation == 1);
        assert_true(out.not_before == in.not_before);
        assert_true(out.not_after == in.not_after);
        assert_int_equal(out.suite, suite);
        assert_memory_equal(out.kem_pk.p, in.kem_pk.p, in.kem_pk.n);
        assert_int_equal(out.n_devices, 2);
        assert_memory_equal(out.devices, world.device_pks, 64);
        assert_ptr_equal(sc_roster_device(&out, world.device[1].id),
                         out.devices + 32);
        assert_null(sc_roster_device(&out, world.device[2].id));
        torture(parse_roster, n);
    }

    assert_int_equal(sc_roster_build(buf, n - 1, &in, world.ik.sk), 0);
}

static void
test_roster_refusals(void **state)
{
    struct sc_roster good = sample_roster(&world, SC_SUITE_X25519), in;
    uint8_t          many[65 * 32];
    size_t           n, i;

    (void) state;

#define ROSTER_REFUSED(change, reason)                                        \
    in = good;                                                                \
    change;                                                                   \
    refuses(parse_roster, build_roster(&in), reason)

    ROSTER_REFUSED(in.version = 0, "a roster of version 0");
    ROSTER_REFUSED(in.generation = 0, "a roster of generation 0");
    ROSTER_REFUSED(in.version = 2,
        "a roster names no predecessor exactly in version 1");
    ROSTER_REFUSED(in.prev = world.noise,
        "a roster names no predecessor exactly in version 1");
    ROSTER_REFUSED(in.not_after = in.not_before,
        "a roster that ends before it begins");
    ROSTER_REFUSED(in.not_after = in.not_before + 190 * SAMPLE_DAY + 1,
        "a roster that is valid for more than 190 days");
    ROSTER_REFUSED(in.suite = 3, "a suite that does not exist");
    ROSTER_REFUSED(in.suite = 0, "a suite that does not exist");
    ROSTER_REFUSED(in.suite = SC_SUITE_RSA,
        "a key of another length than its suite's");
    ROSTER_REFUSED(in.kem_pk.n = 31,
        "a key of another length than its suite's");
    ROSTER_REFUSED(in.n_devices = 0, "a roster without a device");
    ROSTER_REFUSED(in.version = SC_NUMBER_MAX + 1,
        "a roster of another length than its fields");

    for (i = 0; i < 65; i++) {
        memset(many + 32 * i, 0, 32);
        many[32 * i] = (uint8_t) i;
    }
    ROSTER_REFUSED((in.n_devices = 65, in.devices = many),
        "a roster of more than 64 devices");
    many[0] = 1;
    ROSTER_REFUSED((in.n_devices = 2, in.devices = many),
        "the devices of a roster are not in ascending order");
    many[0] = 2;
    ROSTER_REFUSED((in.n_devices = 2, in.devices = many),
        "the devices of a roster are not in ascending order");

    in = good;
    in.not_after = in.not_before + 190 * SAMPLE_DAY;
    in.n_devices = 64;
    in.devices = many + 32;
    n = build_roster(&in);
    assert_null(sc_roster_parse(sample_bytes(buf, n), &in));

    buf[3] = '2';
    refuses(parse_roster, n, "not a roster");
}

static void
test_roster_signature(void **state)
{
    struct sc_roster in = sample_roster(&world, SC_SUITE_X25519), out;
    size_t           n, i;

    (void) state;

    n = build_roster(&in);
    assert_null(sc_roster_parse(sample_bytes(buf, n), &out));

    for (i = 4; i < n; i += 5) {
        buf[i] ^= 1;
        assert_non_null(sc_roster_verify(&out));
        buf[i] ^= 1;
    }
    assert_null(sc_roster_verify(&out));

    /* another identity key over this cid */
    memcpy(buf + 36, world.device[0].pk, 32);
    assert_string_equal(sc_roster_verify(&out),
        "a roster whose cid is not that of its identity key");

    /* signed as something else */
    n = build_roster(&in);
    assert_null(sc_signed_verify("roster", sample_bytes(buf, n),
                                 world.ik.pk));
    assert_non_null(sc_signed_verify("record", sample_bytes(buf, n),
                                     world.ik.pk));
    assert_non_null(sc_signed_verify("roster", sample_bytes(buf, 63),
                                     world.ik.pk));
    assert_non_null(sc_signed_verify("roster",
                                     sample_bytes(buf, SC_ENVELOPE_MAX + 500),
                                     world.ik.pk));
}

static void
test_roster_succession(void **state)
{
    static uint8_t   first[SC_ROSTER_MAX];
    struct sc_roster good = sample_roster(&world, SC_SUITE_X25519);
    struct sc_roster last, in, next;
    uint8_t          id[32], other[32];
    size_t           n;

    (void) state;

    n = sc_roster_build(first, sizeof(first), &good, world.ik.sk);
    assert_null(sc_roster_parse(sample_bytes(first, n), &last));
    sc_signed_id_of(id, last.bytes);
    memcpy(other, id, 32);
    other[7] ^= 1;

    good.version = 2;
    good.prev = id;

#define SUCCEEDS(change)                                                      \
    in = good;                                                                \
    change;                                                                   \
    n = build_roster(&in);                                                    \
    assert_null(sc_roster_parse(sample_bytes(buf, n), &next));                \
    assert_null(sc_roster_succeeds(&last, &next))

#define FAILS(change, reason)                                                 \
    in = good;                                                                \
    change;                                                                   \
    n = build_roster(&in);                                                    \
    assert_null(sc_roster_parse(sample_bytes(buf, n), &next));                \
    assert_string_equal(sc_roster_succeeds(&last, &next), reason)

    SUCCEEDS(in.not_after++);
    SUCCEEDS(in.n_devices = 3);
    SUCCEEDS((in.generation = 2, in.n_devices = 1, in.suite = SC_SUITE_RSA,
              in.kem_pk = sample_kem(&world, SC_SUITE_RSA)));

    FAILS(in.version = 3, "a roster's version is its predecessor's plus one");
    FAILS(in.prev = other, "a roster that names another predecessor");
    FAILS(in.generation = 3,
        "a roster's generation is its predecessor's or one more");
    FAILS((in.suite = SC_SUITE_RSA,
           in.kem_pk = sample_kem(&world, SC_SUITE_RSA)),
        "another message key within a generation");
    FAILS(in.kem_pk.p = world.noise,
        "another message key within a generation");
    FAILS(in.n_devices = 1,
        "a device was removed without a new generation");
    FAILS(in.devices = world.device_pks + 32,
        "a device was removed without a new generation");

    n = sc_roster_build(buf, sizeof(buf), &good, world.device[0].sk);
    assert_null(sc_roster_parse(sample_bytes(buf, n), &next));
    assert_string_equal(sc_roster_succeeds(&last, &next),
                        "the roster of another customer");
}


/* --- hello --------------------------------------------------------------- */

static void
test_hello(void **state)
{
    struct sc_hello in, out;
    uint8_t         sid[32], expected[32];
    size_t          n;
    uint8_t         suite;

    (void) state;

    for (suite = SC_SUITE_RSA; suite <= SC_SUITE_X25519; suite++) {
        in = sample_hello(&world, suite);
        n = sc_hello_build(buf, sizeof(buf), &in, world.session.sk);
        assert_int_equal(n, SC_HELLO_FIXED + sc_suite_pk_bytes(suite));
        assert_null(sc_hello_parse(sample_bytes(buf, n), &out));
        assert_null(sc_hello_verify(&out, sid));
        sc_sid_of(expected, world.cid, suite, world.session.pk, in.kem_pk);
        assert_memory_equal(sid, expected, 32);
        assert_true(out.time == in.time);
        assert_memory_equal(out.roster_id, in.roster_id, 32);
        torture(parse_hello, n);

        buf[n - 1] ^= 0x10;
        assert_non_null(sc_hello_verify(&out, sid));
        assert_int_equal(sc_hello_build(buf, n - 1, &in, world.session.sk), 0);
    }
}

static void
test_hello_refusals(void **state)
{
    struct sc_hello in = sample_hello(&world, SC_SUITE_RSA);
    uint8_t        *pk = world.rsa;
    size_t          n;

    (void) state;

#define HELLO_REFUSED(at, bit, reason)                                        \
    pk[at] ^= bit;                                                            \
    n = sc_hello_build(buf, sizeof(buf), &in, world.session.sk);              \
    refuses(parse_hello, n, reason);                                          \
    pk[at] ^= bit

    HELLO_REFUSED(0, 1,
        "not the encoding of an RSA-3072 key with exponent 65537");
    HELLO_REFUSED(32, 1,
        "not the encoding of an RSA-3072 key with exponent 65537");
    HELLO_REFUSED(421, 2,
        "not the encoding of an RSA-3072 key with exponent 65537");
    HELLO_REFUSED(33, 0x80, "an RSA modulus of fewer than 3072 bits");
    HELLO_REFUSED(416, 1, "an even RSA modulus");
    HELLO_REFUSED(416, 3, "an even RSA modulus");

    in.suite = SC_SUITE_X25519;
    n = sc_hello_build(buf, sizeof(buf), &in, world.session.sk);
    refuses(parse_hello, n, "a key of another length than its suite's");
    in.suite = 3;
    n = sc_hello_build(buf, sizeof(buf), &in, world.session.sk);
    refuses(parse_hello, n, "a suite that does not exist");

    in = sample_hello(&world, SC_SUITE_X25519);
    in.time = SC_NUMBER_MAX + 1;
    n = sc_hello_build(buf, sizeof(buf), &in, world.session.sk);
    refuses(parse_hello, n, "a hello of another length than its fields");
    buf[0] = 's';
    refuses(parse_hello, n, "not a hello");
}


/* --- wrap records -------------------------------------------------------- */

static void
test_wrap(void **state)
{
    static const struct { uint8_t kind; size_t ct; } good[] = {
        { 1, 48 }, { 2, 80 }, { 3, 64 }, { 4, 96 }, { 5, 64 },
        { 5, 1616 }, { 5, 1810 }, { 5, 2064 }, { 6, 48 }
    };
    struct sc_wrap in, out;
    size_t         n, i;

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        in = sample_wrap(&world, good[i].kind, good[i].ct);
        n = sc_wrap_build(buf, sizeof(buf), &in);
        assert_int_equal(n, SC_WRAP_HEADER + good[i].ct);
        assert_null(sc_wrap_parse(sample_bytes(buf, n), &out));
        assert_int_equal(out.kind, in.kind);
        assert_memory_equal(out.cid, in.cid, 32);
        assert_memory_equal(out.account_id, in.account_id, 32);
        assert_memory_equal(out.key_id, in.key_id, 32);
        assert_memory_equal(out.iv, in.iv, 12);
        assert_true(out.generation == in.generation);
        assert_memory_equal(out.ct.p, in.ct.p, in.ct.n);
        torture(parse_wrap, n);
        assert_int_equal(sc_wrap_build(buf, n - 1, &in), 0);
    }
}

static void
test_wrap_refusals(void **state)
{
    static const struct { uint8_t kind; size_t ct; } bad[] = {
        { 1, 47 }, { 1, 49 }, { 1, 80 }, { 2, 48 }, { 2, 96 }, { 3, 48 },
        { 3, 96 }, { 4, 64 }, { 5, 48 }, { 5, 65 }, { 5, 1615 },
        { 5, 2065 }, { 6, 64 }, { 1, 0 }
    };
    struct sc_wrap in;
    size_t         i;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        in = sample_wrap(&world, bad[i].kind, bad[i].ct);
        refuses(parse_wrap, sc_wrap_build(buf, sizeof(buf), &in),
                "a wrapped key of another length than its kind's");
    }

#define WRAP_REFUSED(kind_of, ct_of, change, reason)                          \
    in = sample_wrap(&world, kind_of, ct_of);                                 \
    change;                                                                   \
    refuses(parse_wrap, sc_wrap_build(buf, sizeof(buf), &in), reason)

    WRAP_REFUSED(0, 48, , "a wrap record of a kind that does not exist");
    WRAP_REFUSED(7, 48, , "a wrap record of a kind that does not exist");
    WRAP_REFUSED(1, 48, in.generation = 0, "a wrap record of generation 0");
    WRAP_REFUSED(6, 48, in.generation = 1,
                 "generation 1 has no account key before it");
    WRAP_REFUSED(2, 80, in.iv = world.noise,
                 "a key sealed for recovery has no iv");
    WRAP_REFUSED(4, 96, in.iv = world.noise,
                 "a key sealed for recovery has no iv");
    WRAP_REFUSED(3, 64, in.key_id = world.noise,
                 "the identity key goes by its cid");
    WRAP_REFUSED(4, 96, in.key_id = world.noise,
                 "the identity key goes by its cid");
    WRAP_REFUSED(1, 48, in.generation = SC_NUMBER_MAX + 1,
                 "a wrap record of another length than its fields");
    buf[1] = 'X';
    refuses(parse_wrap, 100, "not a wrap record");
}


/* --- envelope ------------------------------------------------------------ */

static size_t
build_envelope(const struct sc_envelope *in)
{
    size_t n = sc_envelope_build(buf, sizeof(buf), in, world.session.sk);

    assert_true(n > 0);
    return n;
}

static void
test_envelope(void **state)
{
    static const struct { uint8_t customer, session; size_t n; } sizes[] = {
        { 2, 2, 782 }, { 1, 1, 1390 }, { 1, 2, 1086 }, { 2, 1, 1086 }
    };
    struct sc_envelope in, out;
    size_t             n, i;

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        in = sample_envelope(&world, sizes[i].customer, sizes[i].session);
        n = build_envelope(&in);
        assert_int_equal(n, sizes[i].n);
        assert_null(sc_envelope_parse(sample_bytes(buf, n), &out));
        assert_null(sc_envelope_verify(&out, world.session.pk));
        assert_int_equal(out.type, in.type);
        assert_int_equal(out.direction, in.direction);
        assert_memory_equal(out.sid, in.sid, 32);
        assert_memory_equal(out.signkey_id, world.session.id, 32);
        assert_true(out.seq == 1 && out.time == in.time);
        assert_memory_equal(out.commitment, in.commitment, 32);
        assert_memory_equal(out.session.sealed.p, in.session.sealed.p,
                            in.session.sealed.n);
        assert_memory_equal(out.ct.p, in.ct.p, in.ct.n);
        torture(parse_envelope, n);
        buf[n / 2] ^= 4;
        assert_non_null(sc_envelope_verify(&out, world.session.pk));
    }

    in = sample_envelope(&world, 1, 1);
    in.ct = sample_bytes(world.noise, 17408 + 16);
    n = build_envelope(&in);
    assert_int_equal(n, 18542);
    assert_null(sc_envelope_parse(sample_bytes(buf, n), &out));
    assert_string_equal(sc_envelope_verify(&out, world.ik.pk),
                        "an envelope that names another signing key");
    assert_int_equal(sc_envelope_build(buf, n - 1, &in, world.session.sk), 0);
}

static void
test_envelope_refusals(void **state)
{
    struct sc_envelope good = sample_envelope(&world, 2, 2), in, out;
    const char *length = "an envelope of another length than its fields, or "
                         "of a suite that does not exist";
    size_t      n;

    (void) state;

#define ENVELOPE_REFUSED(change, reason)                                      \
    in = good;                                                                \
    change;                                                                   \
    refuses(parse_envelope, build_envelope(&in), reason)

    ENVELOPE_REFUSED(in.type = 0,
        "an envelope of a type that does not exist");
    ENVELOPE_REFUSED(in.type = 3,
        "an envelope of a type that does not exist");
    ENVELOPE_REFUSED(in.direction = 0,
        "an envelope of a direction that does not exist");
    ENVELOPE_REFUSED(in.direction = 3,
        "an envelope of a direction that does not exist");
    ENVELOPE_REFUSED(in.seq = 0,
        "messages are numbered from 1, and signals 0");
    ENVELOPE_REFUSED(in.type = SC_ENVELOPE_SIGNAL,
        "messages are numbered from 1, and signals 0");
    ENVELOPE_REFUSED(in.seq = 2,
        "an envelope names no predecessor exactly if it is the first or a "
        "signal");
    ENVELOPE_REFUSED(in.prev = world.noise,
        "an envelope names no predecessor exactly if it is the first or a "
        "signal");
    ENVELOPE_REFUSED((in.type = SC_ENVELOPE_SIGNAL, in.seq = 0,
                      in.prev = world.noise),
        "an envelope names no predecessor exactly if it is the first or a "
        "signal");
    ENVELOPE_REFUSED(in.seq = SC_NUMBER_MAX + 1, length);
    ENVELOPE_REFUSED(in.time = SC_NUMBER_MAX + 1, length);
    ENVELOPE_REFUSED(in.customer.suite = 3, length);
    ENVELOPE_REFUSED(in.session.suite = 0, length);
    ENVELOPE_REFUSED(in.session.suite = 1, length);
    ENVELOPE_REFUSED(in.customer.sealed.n = 79, length);
    ENVELOPE_REFUSED(in.ct.n = 256 + 16 + 1,
        "a body that was not padded as it must be");
    ENVELOPE_REFUSED(in.ct.n = 255 + 16,
        "a body that was not padded as it must be");
    ENVELOPE_REFUSED(in.ct.n = 240 + 16,
        "a body that was not padded as it must be");
    ENVELOPE_REFUSED(in.ct.n = 15, "a body that was not padded as it must be");
    ENVELOPE_REFUSED(in.ct.n = 0, "a body that was not padded as it must be");
    ENVELOPE_REFUSED(in.ct = sample_bytes(world.noise, 18432 + 16),
        "a body that was not padded as it must be");
    ENVELOPE_REFUSED(in.ct = sample_bytes(world.noise, 20000),
        "an envelope of more than 20480 bytes");

    n = build_envelope(&good);
    buf[6] = 1;
    refuses(parse_envelope, n, length);
    buf[6] = 0;
    buf[7] = 1;
    refuses(parse_envelope, n, length);
    buf[7] = 0;
    buf[216] = 0xff;                    /* ct of 4 GiB */
    refuses(parse_envelope, n, length);
    buf[216] = 0;
    assert_null(sc_envelope_parse(sample_bytes(buf, n), &out));
    buf[3] = '3';
    refuses(parse_envelope, n, "not an envelope");

    in = good;
    in.type = SC_ENVELOPE_SIGNAL;
    in.seq = 0;
    in.direction = SC_TO_VISITOR;
    n = build_envelope(&in);
    assert_null(sc_envelope_parse(sample_bytes(buf, n), &out));
}

static void
test_envelope_recipients(void **state)
{
    struct sc_envelope in = sample_envelope(&world, 1, 2), out;
    const uint8_t     *customer = in.customer.kem_id;
    const uint8_t     *session = in.session.kem_id;
    size_t             n = build_envelope(&in);

    (void) state;

    assert_null(sc_envelope_parse(sample_bytes(buf, n), &out));
    assert_null(sc_envelope_recipients(&out, 1, customer, 2, session));
    assert_string_equal(
        sc_envelope_recipients(&out, 2, customer, 2, session),
        "not sealed to the message key of its roster");
    assert_string_equal(
        sc_envelope_recipients(&out, 1, session, 2, session),
        "not sealed to the message key of its roster");
    assert_string_equal(
        sc_envelope_recipients(&out, 1, customer, 1, session),
        "not sealed to the key of its session");
    assert_string_equal(
        sc_envelope_recipients(&out, 1, customer, 2, customer),
        "not sealed to the key of its session");
}

static void
test_padme(void **state)
{
    static const uint32_t pairs[][2] = {
        { 9, 10 }, { 256, 256 }, { 257, 272 }, { 1025, 1088 },
        { 5000, 5120 }, { 16389, 17408 }, { 16646, 17408 }
    };
    uint32_t n, last = 0;
    size_t   i;

    (void) state;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_int_equal(sc_padme(pairs[i][0]), pairs[i][1]);
    }

    for (n = 1; n < 40000; n++) {
        assert_true(sc_padme(n) >= n);
        assert_true(sc_padme(n) >= last);
        assert_int_equal(sc_padme(sc_padme(n)), sc_padme(n));
        assert_true(n < 2 || sc_padme(n) <= n + n / 8 + 1);
        last = sc_padme(n);
    }

    assert_int_equal(SC_BODY_USED_MAX, 16646);
    assert_false(sc_body_bytes_ok(255));
    assert_true(sc_body_bytes_ok(256));
    assert_false(sc_body_bytes_ok(257));
    assert_true(sc_body_bytes_ok(17408));
    assert_false(sc_body_bytes_ok(18432));
}

/* The account record has a file of its own; its parser is tortured here. */
static void
test_account_bytes(void **state)
{
    struct sc_account in = sample_account(&world);
    size_t n = sc_account_build(buf, sizeof(buf), &in, world.ik.sk);

    (void) state;

    assert_int_equal(n, SC_ACCOUNT_BYTES);
    torture(parse_account, n);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roster),
        cmocka_unit_test(test_roster_refusals),
        cmocka_unit_test(test_roster_signature),
        cmocka_unit_test(test_roster_succession),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_hello_refusals),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_wrap_refusals),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_envelope_refusals),
        cmocka_unit_test(test_envelope_recipients),
        cmocka_unit_test(test_padme),
        cmocka_unit_test(test_account_bytes),
    };

    if (sodium_init() < 0) {
        return 1;
    }
    sample_world(&world);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
