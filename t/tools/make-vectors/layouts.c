/* Things of one layout, and a whole generation of them. */

#include "vectors.h"

static void (*show)(struct sc_bytes);

/* pk: for envelopes, whose signer's key is not in them; else NULL. */
static void
thing(const char *name, const char *fails, const char *reason, size_t n,
      const uint8_t *pk)
{
    if (n == 0) {
        fprintf(stderr, "make-vectors: %s was not built\n", name);
        exit(1);
    }

    entry(name, fails, reason);
    hex("hex", buf, n);
    if (pk) {
        hex("pk", pk, 32);
    }
    if (fails == NULL) {
        show(sample_bytes(buf, n));
    }
    entry_end();
}

/* What every layout refuses alike.  buf holds a valid one of n bytes; sealed
 * runs follow the header of those without a signature. */
static void
things_broken(size_t n, int is_signed, const uint8_t *pk)
{
    uint8_t *spare = malloc(n);

    if (spare == NULL) {
        exit(1);
    }
    memcpy(spare, buf, n);

    thing("cut by one byte", "parse", "one byte is missing", n - 1, pk);
    thing("only its magic", "parse", "all but 4 bytes are missing", 4, pk);
    thing("cut in the middle", "parse", "half of it is missing", n / 2, pk);
    buf[n] = 0;
    thing("one byte too many", "parse", "a trailing byte", n + 1, pk);
    buf[0] ^= 0x20;
    thing("other magic", "parse", "another magic", n, pk);
    memcpy(buf, spare, n);
    buf[3] = '2';
    thing("version 2", "parse", "another version of the layout", n, pk);
    memcpy(buf, spare, n);

    if (is_signed) {
        buf[n - 1] ^= 1;
        thing("a bit of the signature", "verify", "S was changed", n, pk);
        memcpy(buf, spare, n);
        buf[n - 64] ^= 1;
        thing("another bit of the signature", "verify", "R was changed", n,
              pk);
        memcpy(buf, spare, n);
        buf[n - 65] ^= 1;
        thing("a bit of what is signed", "verify", "its last byte was changed",
              n, pk);
        memcpy(buf, spare, n);
        memset(buf + n - 64, 0, 64);
        thing("a signature of zeros", "verify", "R is of small order", n, pk);
        memcpy(buf, spare, n);
    }

    free(spare);
}

#define CASE(build, good, pk, name, fails, reason, ...)                       \
    in = good;                                                                \
    __VA_ARGS__;                                                              \
    thing(name, fails, reason, build, pk)

void
rosters(void)
{
    struct sc_roster good = sample_roster(&world, SC_SUITE_X25519), in;
    uint8_t          many[65 * 32];
    unsigned         i;
    size_t           n;

#define ROSTER(...) \
    CASE(sc_roster_build(buf, sizeof(buf), &in, world.ik.sk), good, NULL, \
         __VA_ARGS__)

    for (i = 0; i < 65; i++) {
        memset(many + 32 * i, 0x11, 32);
        many[32 * i] = (uint8_t) i;
    }

    file_begin("roster");
    show = show_roster;
    ROSTER("suite 2", NULL, NULL, );
    ROSTER("suite 1", NULL, NULL, in.suite = 1,
           in.kem_pk = sample_kem(&world, 1));
    ROSTER("version 2", NULL, NULL, in.version = 2, in.prev = world.noise);
    ROSTER("largest numbers", NULL, NULL, in.version = SC_NUMBER_MAX,
           in.generation = SC_NUMBER_MAX, in.prev = world.noise,
           in.not_before = SC_NUMBER_MAX - 1, in.not_after = SC_NUMBER_MAX);
    ROSTER("190 days", NULL, NULL,
           in.not_after = in.not_before + 190 * SAMPLE_DAY);
    ROSTER("one device", NULL, NULL, in.n_devices = 1);
    ROSTER("64 devices", NULL, NULL, in.n_devices = 64, in.devices = many);

    ROSTER("version 0", "parse", "versions begin with 1", in.version = 0);
    ROSTER("generation 0", "parse", "generations begin with 1",
           in.generation = 0);
    ROSTER("version 2 without prev", "parse", "prev is zero",
           in.version = 2);
    ROSTER("version 1 with prev", "parse", "prev is not zero",
           in.prev = world.noise);
    ROSTER("no time", "parse", "ends when it begins",
           in.not_after = in.not_before);
    ROSTER("ends before it begins", "parse", "ends before it begins",
           in.not_after = in.not_before - 1);
    ROSTER("190 days and 1 ms", "parse", "valid too long",
           in.not_after = in.not_before + 190 * SAMPLE_DAY + 1);
    ROSTER("a version of 2^53", "parse", "above 2^53 - 1",
           in.version = SC_NUMBER_MAX + 1, in.prev = world.noise);
    ROSTER("an end of 2^53", "parse", "above 2^53 - 1",
           in.not_before = SC_NUMBER_MAX, in.not_after = SC_NUMBER_MAX + 1);
    ROSTER("suite 0", "parse", "no such suite", in.suite = 0);
    ROSTER("suite 3", "parse", "reserved", in.suite = 3);
    ROSTER("a key of the other suite", "parse", "32 bytes in suite 1",
           in.suite = 1);
    ROSTER("a key of 31 bytes", "parse", "31 bytes in suite 2",
           in.kem_pk.n = 31);
    ROSTER("no device", "parse", "at least one", in.n_devices = 0);
    ROSTER("65 devices", "parse", "64 at most", in.n_devices = 65,
           in.devices = many);
    many[0] = 1;
    ROSTER("the same device twice", "parse", "ascending is strict",
           in.devices = many);
    many[0] = 2;
    ROSTER("devices descending", "parse", "not ascending", in.devices = many);

    in = good;
    n = sc_roster_build(buf, sizeof(buf), &in, world.ik.sk);
    things_broken(n, 1, NULL);
    memcpy(buf + 4, world.noise, 32);
    thing("another cid", "verify", "not the hash of ik_pk", n, NULL);
    n = sc_roster_build(buf, sizeof(buf), &in, world.ik.sk);
    memcpy(buf + 36, world.device[0].pk, 32);
    thing("another ik_pk", "verify", "cid is not its hash", n, NULL);

    {
        struct sc_writer w = sc_writer_of(buf, sizeof(buf));

        n = sc_roster_build(buf, sizeof(buf), &in, world.ik.sk);
        w.p += n - 64;
        sc_signed_finish(&w, buf, "record", world.ik.sk);
        thing("signed as a record", "verify", "another domain", n, NULL);
    }
    file_end();
}

static void
successor(const char *name, const char *reason, const struct sc_roster *last,
          const struct sc_roster *next, const uint8_t *sk)
{
    size_t n = sc_roster_build(buf, sizeof(buf), next, sk);

    entry(name, reason ? "succeeds" : NULL, reason);
    hex("last", last->bytes.p, last->bytes.n);
    hex("next", buf, n);
    entry_end();
}

void
successors(void)
{
    uint8_t          bytes[SC_ROSTER_MAX], id[32];
    struct sc_roster good = sample_roster(&world, SC_SUITE_X25519), last, in;
    size_t           n;

    n = sc_roster_build(bytes, sizeof(bytes), &good, world.ik.sk);
    sc_roster_parse(sample_bytes(bytes, n), &last);
    sc_signed_id_of(id, last.bytes);
    good.version = 2;
    good.prev = id;

#define SUCCESSOR(name, reason, ...)                                          \
    in = good;                                                                \
    __VA_ARGS__;                                                              \
    successor(name, reason, &last, &in, world.ik.sk)

    file_begin("successors");
    SUCCESSOR("renewed", NULL, in.not_after++);
    SUCCESSOR("a device more", NULL, in.n_devices = 3);
    SUCCESSOR("next generation", NULL, in.generation = 2, in.n_devices = 1,
              in.suite = 1, in.kem_pk = sample_kem(&world, 1));
    SUCCESSOR("next generation, same key", NULL, in.generation = 2);
    SUCCESSOR("skips a version", "version + 1", in.version = 3);
    SUCCESSOR("another predecessor", "prev", in.prev = world.noise);
    SUCCESSOR("skips a generation", "generation + 1", in.generation = 3);
    SUCCESSOR("another key", "same message key", in.kem_pk.p = world.noise);
    SUCCESSOR("another suite", "same message key", in.suite = 1,
              in.kem_pk = sample_kem(&world, 1));
    SUCCESSOR("a device less", "no device less", in.n_devices = 1);
    SUCCESSOR("another device", "no device less",
              in.devices = world.device_pks + 32);
    successor("another customer", "same cid", &last, &good,
              world.device[0].sk);
    in = good;
    in.version = 1;
    in.prev = sample_zeros;
    successor("itself", "version + 1", &last, &in, world.ik.sk);
    file_end();
}

void
hellos(void)
{
    struct sc_hello good = sample_hello(&world, SC_SUITE_X25519), in;
    uint8_t        *rsa = world.rsa;
    size_t          n;

#define HELLO(...) \
    CASE(sc_hello_build(buf, sizeof(buf), &in, world.session.sk), good, NULL, \
         __VA_ARGS__)
#define HELLO_RSA(at, bit, name, reason)                                      \
    rsa[at] ^= bit;                                                           \
    HELLO(name, "parse", reason, in = sample_hello(&world, SC_SUITE_RSA));    \
    rsa[at] ^= bit

    file_begin("hello");
    show = show_hello;
    HELLO("suite 2", NULL, NULL, );
    HELLO("suite 1", NULL, NULL, in = sample_hello(&world, SC_SUITE_RSA));
    HELLO("time 0", NULL, NULL, in.time = 0);
    HELLO("largest time", NULL, NULL, in.time = SC_NUMBER_MAX);
    HELLO("a time of 2^53", "parse", "above 2^53 - 1",
          in.time = SC_NUMBER_MAX + 1);
    HELLO("suite 0", "parse", "no such suite", in.suite = 0);
    HELLO("suite 3", "parse", "reserved", in.suite = 3);
    HELLO("no key", "parse", "0 bytes in suite 2", in.kem_pk.n = 0);
    HELLO("an RSA key in suite 2", "parse", "422 bytes in suite 2",
          in = sample_hello(&world, SC_SUITE_RSA), in.suite = 2);
    HELLO_RSA(0, 1, "RSA: another tag", "fixed prefix");
    HELLO_RSA(3, 1, "RSA: another length", "fixed prefix");
    HELLO_RSA(14, 1, "RSA: another algorithm", "fixed prefix");
    HELLO_RSA(32, 1, "RSA: a negative modulus", "fixed prefix");
    HELLO_RSA(33, 0x80, "RSA: 3071 bits", "top bit of the modulus");
    HELLO_RSA(416, 1, "RSA: an even modulus", "odd");
    HELLO_RSA(421, 2, "RSA: exponent 65539", "e = 65537");

    in = good;
    n = sc_hello_build(buf, sizeof(buf), &in, world.session.sk);
    things_broken(n, 1, NULL);
    memcpy(buf + 37, world.device[0].pk, 32);
    thing("another sign_pk", "verify", "it did not sign", n, NULL);
    n = sc_hello_build(buf, sizeof(buf), &in, world.session.sk);
    memset(buf + 37, 0, 32);
    buf[37] = 1;
    thing("a sign_pk of small order", "verify", "identity", n, NULL);
    file_end();
}

void
wraps(void)
{
    static const struct {
        uint8_t     kind;
        size_t      ct;
        const char *name, *fails;
    } lengths[] = {
        { 1, 48, "kind 1", NULL }, { 2, 80, "kind 2", NULL },
        { 3, 64, "kind 3", NULL }, { 4, 96, "kind 4", NULL },
        { 5, 64, "kind 5, X25519", NULL }, { 5, 1810, "kind 5, RSA", NULL },
        { 5, 1616, "kind 5, shortest RSA", NULL },
        { 5, 2064, "kind 5, longest RSA", NULL }, { 6, 48, "kind 6", NULL },
        { 0, 48, "kind 0", "parse" }, { 7, 48, "kind 7", "parse" },
        { 1, 47, "kind 1 of 47 bytes", "parse" },
        { 1, 80, "kind 1 of 80 bytes", "parse" },
        { 2, 48, "kind 2 of 48 bytes", "parse" },
        { 3, 96, "kind 3 of 96 bytes", "parse" },
        { 4, 64, "kind 4 of 64 bytes", "parse" },
        { 5, 65, "kind 5 of 65 bytes", "parse" },
        { 5, 1615, "kind 5 of 1615 bytes", "parse" },
        { 5, 2065, "kind 5 of 2065 bytes", "parse" },
        { 6, 64, "kind 6 of 64 bytes", "parse" },
        { 1, 0, "kind 1 of nothing", "parse" },
    };
    struct sc_wrap good = sample_wrap(&world, 1, 48), in;
    size_t         i;

#define WRAP(...) \
    CASE(sc_wrap_build(buf, sizeof(buf), &in), good, NULL, __VA_ARGS__)

    file_begin("wrap");
    show = show_wrap;
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        WRAP(lengths[i].name, lengths[i].fails,
             "a kind fixes the length of its ct",
             in = sample_wrap(&world, lengths[i].kind, lengths[i].ct));
    }

    WRAP("generation 0", "parse", "generations begin with 1",
         in.generation = 0);
    WRAP("a generation of 2^53", "parse", "above 2^53 - 1",
         in.generation = SC_NUMBER_MAX + 1);
    WRAP("kind 6 in generation 1", "parse", "there is no previous AK",
         in = sample_wrap(&world, 6, 48), in.generation = 1);
    WRAP("kind 2 with an iv", "parse", "iv is zero",
         in = sample_wrap(&world, 2, 80), in.iv = world.noise);
    WRAP("kind 4 with an iv", "parse", "iv is zero",
         in = sample_wrap(&world, 4, 96), in.iv = world.noise);
    WRAP("kind 3, key_id not cid", "parse", "key_id is cid",
         in = sample_wrap(&world, 3, 64), in.key_id = world.noise);
    WRAP("kind 4, key_id not cid", "parse", "key_id is cid",
         in = sample_wrap(&world, 4, 96), in.key_id = world.noise);
    in = good;
    things_broken(sc_wrap_build(buf, sizeof(buf), &in), 0, NULL);
    file_end();
}

void
accounts(void)
{
    struct sc_account good = sample_account(&world), in;
    size_t            n;

#define ACCOUNT(...) \
    CASE(sc_account_build(buf, sizeof(buf), &in, world.ik.sk), good, NULL, \
         __VA_ARGS__)

    file_begin("account");
    show = show_account;
    ACCOUNT("generation 1", NULL, NULL, );
    ACCOUNT("largest generation", NULL, NULL, in.generation = SC_NUMBER_MAX);
    ACCOUNT("generation 0", "parse", "generations begin with 1",
            in.generation = 0);
    ACCOUNT("a generation of 2^53", "parse", "above 2^53 - 1",
            in.generation = SC_NUMBER_MAX + 1);
    ACCOUNT("kdf_id 0", "parse", "only 1 exists", in.kdf_id = 0);
    ACCOUNT("kdf_id 2", "parse", "only 1 exists", in.kdf_id = 2);
    ACCOUNT("kdf_id 255", "parse", "only 1 exists", in.kdf_id = 255);
    in = good;
    n = sc_account_build(buf, sizeof(buf), &in, world.ik.sk);
    things_broken(n, 1, NULL);
    memcpy(buf + 4, world.noise, 32);
    thing("another cid", "verify", "not the hash of ik_pk", n, NULL);
    n = sc_account_build(buf, sizeof(buf), &in, world.ik.sk);
    memcpy(buf + 36, world.device[0].pk, 32);
    thing("another ik_pk", "verify", "cid is not its hash", n, NULL);
    file_end();
}

void
envelopes(void)
{
    struct sc_envelope good = sample_envelope(&world, 2, 2), in;
    const uint8_t     *pk = world.session.pk;
    size_t             n;

#define ENVELOPE(...) \
    CASE(sc_envelope_build(buf, sizeof(buf), &in, world.session.sk), good, \
         pk, __VA_ARGS__)

    file_begin("envelope");
    show = show_envelope;
    ENVELOPE("suites 2 and 2", NULL, NULL, );
    ENVELOPE("suites 1 and 1", NULL, NULL,
             in = sample_envelope(&world, 1, 1));
    ENVELOPE("suites 1 and 2", NULL, NULL,
             in = sample_envelope(&world, 1, 2));
    ENVELOPE("suites 2 and 1", NULL, NULL,
             in = sample_envelope(&world, 2, 1));
    ENVELOPE("to the visitor, second", NULL, NULL, in.direction = 2,
             in.seq = 2, in.prev = world.noise);
    ENVELOPE("largest numbers", NULL, NULL, in.seq = SC_NUMBER_MAX,
             in.time = SC_NUMBER_MAX, in.prev = world.noise);
    ENVELOPE("signal", NULL, NULL, in.type = 2, in.seq = 0);
    ENVELOPE("next size", NULL, NULL, in.ct.n = 272 + 16);
    ENVELOPE("largest", NULL, NULL, in = sample_envelope(&world, 1, 1),
             in.ct = sample_bytes(world.noise, 17408 + 16));

    ENVELOPE("type 0", "parse", "no such type", in.type = 0);
    ENVELOPE("type 3", "parse", "no such type", in.type = 3);
    ENVELOPE("direction 0", "parse", "no such direction", in.direction = 0);
    ENVELOPE("direction 3", "parse", "no such direction", in.direction = 3);
    ENVELOPE("a message numbered 0", "parse", "from 1", in.seq = 0);
    ENVELOPE("a signal numbered 1", "parse", "0 in a signal", in.type = 2);
    ENVELOPE("the second without prev", "parse", "prev is zero", in.seq = 2);
    ENVELOPE("the first with prev", "parse", "prev is not zero",
             in.prev = world.noise);
    ENVELOPE("a signal with prev", "parse", "prev is not zero", in.type = 2,
             in.seq = 0, in.prev = world.noise);
    ENVELOPE("a number of 2^53", "parse", "above 2^53 - 1",
             in.seq = SC_NUMBER_MAX + 1, in.prev = world.noise);
    ENVELOPE("a time of 2^53", "parse", "above 2^53 - 1",
             in.time = SC_NUMBER_MAX + 1);
    ENVELOPE("first recipient of suite 3", "parse", "reserved",
             in.customer.suite = 3);
    ENVELOPE("second recipient of suite 0", "parse", "no such suite",
             in.session.suite = 0);
    ENVELOPE("suite 1 with a key of suite 2", "parse", "80 bytes of 384",
             in.session.suite = 1);
    ENVELOPE("a sealed key of 79 bytes", "parse", "79 bytes of 80",
             in.customer.sealed.n = 79);
    ENVELOPE("no ct", "parse", "not even a tag", in.ct.n = 0);
    ENVELOPE("a tag alone", "parse", "a body of nothing", in.ct.n = 16);
    ENVELOPE("a body of 240", "parse", "256 at least", in.ct.n = 240 + 16);
    ENVELOPE("a body of 257", "parse", "no PADME length",
             in.ct.n = 257 + 16);
    ENVELOPE("a body of 18432", "parse", "above the longest",
             in.ct = sample_bytes(world.noise, 18432 + 16));

    in = good;
    n = sc_envelope_build(buf, sizeof(buf), &in, world.session.sk);
    buf[6] = 1;
    thing("a zero that is not", "parse", "byte 6", n, pk);
    n = sc_envelope_build(buf, sizeof(buf), &in, world.session.sk);
    buf[7] = 1;
    thing("another zero that is not", "parse", "byte 7", n, pk);
    n = sc_envelope_build(buf, sizeof(buf), &in, world.session.sk);
    buf[216] = 0xff;
    thing("a ct of 4 GiB", "parse", "beyond the end", n, pk);
    n = sc_envelope_build(buf, sizeof(buf), &in, world.session.sk);
    things_broken(n, 1, pk);
    thing("another key", "verify", "signkey_id is not its id", n, world.ik.pk);
    file_end();
}


/* --- one generation, whole ----------------------------------------------- */

static void
set_entry(const char *name, enum sc_error_code expected,
          const struct sample_set *set)
{
    struct sc_account_set checked;
    struct sc_list        list = set->list;
    struct sc_blob        blob = { { NULL, 0 } };
    const char           *why;
    int                   first = 1;

    if (sc_account_set_check(set->account_bytes, set->roster_bytes, set->list,
                             &checked, &why) != expected)
    {
        fprintf(stderr, "make-vectors: %s: another verdict\n", name);
        exit(1);
    }

    entry(name, expected ? sc_error_info(expected)->name : NULL, why);
    hex("account", set->account_bytes.p, set->account_bytes.n);
    hex("roster", set->roster_bytes.p, set->roster_bytes.n);
    key("wraps");
    fputc('[', out);
    for ( ; sc_blob_next(&list, &blob); first = 0) {
        fputs(first ? "" : ", ", out);
        print_hex(blob.bytes.p, blob.bytes.n);
    }
    fputc(']', out);
    entry_end();
}

void
account_sets(void)
{
    static struct sample_set set, other;
    struct sc_roster         roster = sample_roster(&world, SC_SUITE_X25519);

    file_begin("account-set");
    sample_set(&set, &world, &roster);
    set_entry("suite 2", SC_E_NONE, &set);

    set.list.count = 4;
    set_entry("four wrap records", SC_E_BAD_WRAPS, &set);
    set.list.count = 5;
    set.wraps[set.list.n - 1] ^= 1;
    set_entry("a bit of the last wrap record", SC_E_BAD_WRAPS, &set);
    set.wraps[set.list.n - 1] ^= 1;
    set.wraps[2 + 5] ^= 1;
    set_entry("a wrap record of another customer", SC_E_BAD_WRAPS, &set);
    set.wraps[2 + 5] ^= 1;
    set.roster[SC_ROSTER_FIXED] ^= 1;
    set_entry("a bit of the roster", SC_E_BAD_ROSTER, &set);
    set.roster[SC_ROSTER_FIXED] ^= 1;
    set.account[SC_ACCOUNT_BYTES - 1] ^= 1;
    set_entry("a bit of the account record", SC_E_BAD_ACCOUNT, &set);
    set.account[SC_ACCOUNT_BYTES - 1] ^= 1;

    roster.not_after++;
    sample_set(&other, &world, &roster);
    other.account_bytes = set.account_bytes;
    set_entry("another roster of the same version", SC_E_BAD_ACCOUNT, &other);

    roster.generation = 2;
    roster.version = 2;
    roster.prev = world.noise;
    sample_set(&other, &world, &roster);
    set_entry("generation 2", SC_E_NONE, &other);
    other.account_bytes = set.account_bytes;
    set_entry("account record of the generation before", SC_E_BAD_ROSTER,
              &other);
    other.roster_bytes = set.roster_bytes;
    set_entry("wrap records of the generation after", SC_E_BAD_WRAPS, &other);

    roster = sample_roster(&world, SC_SUITE_RSA);
    sample_set(&set, &world, &roster);
    set_entry("suite 1", SC_E_NONE, &set);
    file_end();
}
