/*
 * The frozen vectors of t/vectors that C can judge, one test for each file.
 * Run from the top of the tree.
 *
 * A file that is missing, or has no vector of either verdict, fails.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "protocol/account.h"
#include "protocol/auth.h"
#include "protocol/ed25519.h"
#include "protocol/envelope.h"
#include "protocol/hello.h"
#include "protocol/ids.h"
#include "protocol/padme.h"
#include "protocol/puzzle.h"
#include "protocol/roster.h"
#include "protocol/suite.h"
#include "protocol/wrap.h"

/* The vector under test, for messages. */
static const char *current = "";

#define must(condition)                                                       \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fail_msg("vector \"%s\": %s", current, #condition);               \
        }                                                                     \
    } while (0)


/* --- reading JSON -------------------------------------------------------- */

static json_t *
member(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    if (value == NULL) {
        fail_msg("vector \"%s\" has no \"%s\"", current, name);
    }
    return value;
}

static const char *
text(const json_t *object, const char *name)
{
    const char *value = json_string_value(member(object, name));

    must(value != NULL);
    return value;
}

static uint64_t
number(const json_t *object, const char *name)
{
    json_t *value = member(object, name);

    must(json_is_integer(value));
    return (uint64_t) json_integer_value(value);
}

/* Everything of one vector, freed after it; each run of bytes is alone in its
 * memory, so that the sanitizer sees its end. */
static void  *held[64];
static size_t n_held;

static struct sc_bytes
from_hex(const json_t *value)
{
    const char     *hex = json_string_value(value);
    struct sc_bytes bytes;
    uint8_t        *p;
    size_t          n;

    must(hex != NULL && strlen(hex) % 2 == 0);
    must(n_held < sizeof(held) / sizeof(held[0]));
    n = strlen(hex) / 2;
    p = malloc(n ? n : 1);
    assert_non_null(p);
    held[n_held++] = p;
    must(sodium_hex2bin(p, n, hex, 2 * n, NULL, &bytes.n, NULL) == 0);
    must(bytes.n == n);
    bytes.p = p;
    return bytes;
}

static struct sc_bytes
hex(const json_t *object, const char *name)
{
    return from_hex(member(object, name));
}

static const uint8_t *
hex_of(const json_t *object, const char *name, size_t n)
{
    struct sc_bytes bytes = hex(object, name);

    must(bytes.n == n);
    return bytes.p;
}

static void
same_run(const json_t *object, const char *name, struct sc_bytes got)
{
    struct sc_bytes want = hex(object, name);

    if (got.n != want.n || memcmp(got.p, want.p, got.n) != 0) {
        fail_msg("vector \"%s\": another %s", current, name);
    }
}

static void
same(const json_t *object, const char *name, const uint8_t *got, size_t n)
{
    struct sc_bytes bytes = { got, n };

    same_run(object, name, bytes);
}

static void
same_number(const json_t *object, const char *name, uint64_t got)
{
    if (number(object, name) != got) {
        fail_msg("vector \"%s\": another %s", current, name);
    }
}

static int
is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

/* Calls judge with each vector of a file; fails is NULL in a valid one. */
static void
each(const char *name, void (*judge)(const json_t *v, const char *fails))
{
    char         path[128];
    json_error_t error;
    json_t      *file, *v;
    size_t       i, valid = 0;

    snprintf(path, sizeof(path), "t/vectors/%s.json", name);
    file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL) {
        fail_msg("%s:%d: %s", path, error.line, error.text);
    }

    current = path;
    must(is(text(file, "of"), name));

    json_array_foreach(member(file, "vectors"), i, v) {
        current = text(v, "name");
        must(json_is_boolean(member(v, "valid")));
        must(json_is_true(member(v, "valid"))
             == (json_object_get(v, "fails") == NULL));
        valid += json_is_true(member(v, "valid"));
        judge(v, json_string_value(json_object_get(v, "fails")));

        while (n_held) {
            free(held[--n_held]);
        }
    }

    current = path;
    must(valid > 0 && valid < i);
    json_decref(file);
}


/* --- frames -------------------------------------------------------------- */

#define SAME_U8(f)   same_number(fields, #f, got->f);
#define SAME_U16(f)  same_number(fields, #f, got->f);
#define SAME_U32(f)  same_number(fields, #f, got->f);
#define SAME_U64(f)  same_number(fields, #f, got->f);
#define SAME_B16(f)  same(fields, #f, got->f, 16);
#define SAME_B32(f)  same(fields, #f, got->f, 32);
#define SAME_B64(f)  same(fields, #f, got->f, 64);
#define SAME_V16(f)  same_run(fields, #f, got->f);
#define SAME_REST(f) same_run(fields, #f, got->f);
#define SAME_LIST_blob(f)    same_blobs(member(fields, #f), got->f);
#define SAME_LIST_message(f) same_messages(member(fields, #f), got->f);
#define SAME_LIST_session(f) same_sessions(member(fields, #f), got->f);
#define SAME(kind, f) SAME_##kind(f)

#define ITEM(item)                                                            \
    static void                                                               \
    same_##item##s(const json_t *array, struct sc_list list)                  \
    {                                                                         \
        struct sc_##item  it, *got = &it;                                     \
        const json_t     *fields;                                             \
        size_t            i;                                                  \
                                                                              \
        must(json_array_size(array) == list.count);                           \
        json_array_foreach(array, i, fields) {                                \
            must(sc_##item##_next(&list, got));                               \
            SC_##item##_FIELDS(SAME)                                          \
        }                                                                     \
    }

SC_ITEMS(ITEM)

/* Whether a body decodes, and, given fields, has them and is encoded to the
 * same bytes again. */
#define FRAME(type, NAME, name_, max)                                         \
    static int                                                                \
    body_##name_(const struct sc_frame *frame, const json_t *fields,         \
                  struct sc_bytes whole)                                      \
    {                                                                         \
        struct sc_frame_##name_  decoded, *got = &decoded;                    \
        uint8_t                 *again;                                       \
                                                                              \
        if (!sc_##name_##_decode(frame->body, got)) {                         \
            return 0;                                                         \
        }                                                                     \
        if (fields) {                                                         \
            SC_##NAME##_FIELDS(SAME)                                          \
            again = malloc(whole.n);                                          \
            assert_non_null(again);                                           \
            must(sc_##name_##_encode(again, whole.n, frame->tag, got)         \
                 == whole.n);                                                 \
            must(memcmp(again, whole.p, whole.n) == 0);                       \
            free(again);                                                      \
        }                                                                     \
        return 1;                                                             \
    }
#define CLIENT(type, NAME, name, roles, max, repeat, answer) \
    FRAME(type, NAME, name, max)

SC_CLIENT_FRAMES(CLIENT)
SC_SERVICE_FRAMES(FRAME)

static int
decodes(const struct sc_frame *frame, const json_t *fields,
        struct sc_bytes whole)
{
#define CASE(type, NAME, name, max) \
    case type: return body_##name(frame, fields, whole);
#define CLIENT_CASE(type, NAME, name, roles, max, repeat, answer) \
    CASE(type, NAME, name, max)

    switch (frame->type) {
    SC_CLIENT_FRAMES(CLIENT_CASE)
    SC_SERVICE_FRAMES(CASE)
    default:
        return 0;
    }
}

static void
judge_frame(const json_t *v, const char *fails)
{
    struct sc_bytes    whole = hex(v, "hex");
    struct sc_frame    frame;
    enum sc_error_code code = sc_frame_open(whole.p, whole.n, &frame);

    if (fails == NULL) {
        must(code == SC_E_NONE);
        must(is(sc_frame_info(frame.type)->name, text(v, "frame")));
        same_number(v, "tag", frame.tag);
        must(decodes(&frame, member(v, "fields"), whole));
        return;
    }

    if (code == SC_E_NONE && !decodes(&frame, NULL, whole)) {
        code = SC_E_BAD_FRAME;
    }
    must(code != SC_E_NONE);
    must(is(fails, sc_error_info(code)->name));
}


/* --- things of one layout ------------------------------------------------ */

/* What a step says is what the vector says.  Returns 1 if the thing stands. */
static int
verdict(const char *wrong_parse, const char *wrong_verify, const char *fails)
{
    const char *got = wrong_parse ? "parse" : wrong_verify ? "verify" : NULL;

    if (got == NULL ? fails != NULL : !is(fails, got)) {
        fail_msg("vector \"%s\" fails at \"%s\" (%s)", current,
                 got ? got : "nothing",
                 wrong_parse ? wrong_parse : wrong_verify ? wrong_verify : "");
    }

    return got == NULL;
}

static void
same_id(const json_t *v, struct sc_bytes bytes)
{
    uint8_t id[32];

    sc_signed_id_of(id, bytes);
    same(v, "id", id, 32);
}

static void
judge_roster(const json_t *v, const char *fails)
{
    struct sc_bytes  bytes = hex(v, "hex");
    struct sc_roster r;
    const char      *wrong = sc_roster_parse(bytes, &r);
    const json_t    *f, *device;
    size_t           i;

    if (!verdict(wrong, wrong ? NULL : sc_roster_verify(&r), fails)) {
        return;
    }

    same_id(v, bytes);
    f = member(v, "fields");
    same(f, "cid", r.cid, 32);
    same(f, "ik_pk", r.ik_pk, 32);
    same_number(f, "version", r.version);
    same_number(f, "generation", r.generation);
    same(f, "prev", r.prev, 32);
    same_number(f, "not_before", r.not_before);
    same_number(f, "not_after", r.not_after);
    same_number(f, "suite", r.suite);
    same_run(f, "kem_pk", r.kem_pk);
    must(json_array_size(member(f, "devices")) == r.n_devices);
    json_array_foreach(member(f, "devices"), i, device) {
        must(n_held < 64);
        must(memcmp(from_hex(device).p, r.devices + 32 * i, 32) == 0);
        free(held[--n_held]);
    }
}

static void
judge_successor(const json_t *v, const char *fails)
{
    struct sc_roster last, next;

    must(sc_roster_parse(hex(v, "last"), &last) == NULL);
    must(sc_roster_parse(hex(v, "next"), &next) == NULL);
    must(sc_roster_verify(&last) == NULL && sc_roster_verify(&next) == NULL);
    must((sc_roster_succeeds(&last, &next) == NULL) == (fails == NULL));
}

static void
judge_hello(const json_t *v, const char *fails)
{
    struct sc_bytes bytes = hex(v, "hex");
    struct sc_hello h;
    uint8_t         sid[32];
    const char     *wrong = sc_hello_parse(bytes, &h);
    const json_t   *f;

    if (!verdict(wrong, wrong ? NULL : sc_hello_verify(&h, sid), fails)) {
        return;
    }

    same_id(v, bytes);
    same(v, "sid", sid, 32);
    f = member(v, "fields");
    same(f, "cid", h.cid, 32);
    same_number(f, "suite", h.suite);
    same(f, "sign_pk", h.sign_pk, 32);
    same_run(f, "kem_pk", h.kem_pk);
    same_number(f, "time", h.time);
    same(f, "roster_id", h.roster_id, 32);
}

static void
judge_wrap(const json_t *v, const char *fails)
{
    struct sc_bytes bytes = hex(v, "hex");
    struct sc_wrap  w;
    const json_t   *f;

    if (!verdict(sc_wrap_parse(bytes, &w), NULL, fails)) {
        return;
    }

    f = member(v, "fields");
    same_number(f, "kind", w.kind);
    same(f, "cid", w.cid, 32);
    same(f, "account_id", w.account_id, 32);
    same_number(f, "generation", w.generation);
    same(f, "key_id", w.key_id, 32);
    same(f, "iv", w.iv, 12);
    same_run(f, "ct", w.ct);
}

static void
judge_account(const json_t *v, const char *fails)
{
    struct sc_bytes   bytes = hex(v, "hex");
    struct sc_account a;
    const char       *wrong = sc_account_parse(bytes, &a);
    const json_t     *f;

    if (!verdict(wrong, wrong ? NULL : sc_account_verify(&a), fails)) {
        return;
    }

    same_id(v, bytes);
    f = member(v, "fields");
    same(f, "cid", a.cid, 32);
    same(f, "ik_pk", a.ik_pk, 32);
    same(f, "account_id", a.account_id, 32);
    same_number(f, "generation", a.generation);
    same_number(f, "kdf_id", a.kdf_id);
    same(f, "server_salt", a.server_salt, 16);
    same(f, "login_pk", a.login_pk, 32);
    same(f, "recovery_pk", a.recovery_pk, 32);
    same(f, "recovery_kem", a.recovery_kem, 32);
    same(f, "roster_id", a.roster_id, 32);
    same(f, "wraps", a.wraps, 32);
}

static void
judge_account_set(const json_t *v, const char *fails)
{
    static uint8_t        list_bytes[SC_FRAME_MAX];
    struct sc_writer      w = sc_writer_of(list_bytes, sizeof(list_bytes));
    struct sc_list        list = { list_bytes, 0, 0 };
    struct sc_account_set set;
    struct sc_blob        blob;
    const json_t         *wrap;
    enum sc_error_code    code;
    const char           *why;
    size_t                i;

    json_array_foreach(member(v, "wraps"), i, wrap) {
        blob.bytes = from_hex(wrap);
        sc_blob_put(&w, &blob);
        list.count++;
    }
    list.n = (size_t) (w.p - list_bytes);

    code = sc_account_set_check(hex(v, "account"), hex(v, "roster"), list,
                                &set, &why);
    must(code ? is(fails, sc_error_info(code)->name) : fails == NULL);
}

static void
judge_envelope(const json_t *v, const char *fails)
{
    struct sc_bytes    bytes = hex(v, "hex");
    const uint8_t     *pk = hex_of(v, "pk", 32);
    struct sc_envelope e;
    const char        *wrong = sc_envelope_parse(bytes, &e);
    const json_t      *f;

    if (!verdict(wrong, wrong ? NULL : sc_envelope_verify(&e, pk), fails)) {
        return;
    }

    same_id(v, bytes);
    f = member(v, "fields");
    same_number(f, "type", e.type);
    same_number(f, "direction", e.direction);
    same(f, "cid", e.cid, 32);
    same(f, "sid", e.sid, 32);
    same(f, "signkey_id", e.signkey_id, 32);
    same_number(f, "seq", e.seq);
    same_number(f, "time", e.time);
    same(f, "prev", e.prev, 32);
    same(f, "roster_id", e.roster_id, 32);
    same(f, "commitment", e.commitment, 32);
    same_number(f, "customer_suite", e.customer.suite);
    same(f, "customer_kem_id", e.customer.kem_id, 32);
    same_run(f, "customer_sealed", e.customer.sealed);
    same_number(f, "session_suite", e.session.suite);
    same(f, "session_kem_id", e.session.kem_id, 32);
    same_run(f, "session_sealed", e.session.sealed);
    same_run(f, "ct", e.ct);
}


/* --- ids, proofs of identity, signatures --------------------------------- */

static void
judge_cid(const json_t *v, const char *fails)
{
    const char *shown = text(v, "text");
    char        written[SC_CID_TEXT + 1];
    uint8_t     cid[32];

    must(sc_cid_read(cid, shown, strlen(shown)) == (fails == NULL));
    if (fails) {
        return;
    }

    same(v, "cid", cid, 32);
    sc_cid_write(written, cid);
    must(is(written, shown));
    sc_cid_of(cid, hex_of(v, "ik_pk", 32));
    same(v, "cid", cid, 32);
}

static void
judge_id(const json_t *v, const char *fails)
{
    const char    *name = text(v, "name");
    const uint8_t *sid;
    char           digits[SC_SAFETY_TEXT];
    uint8_t        id[32];

    must(fails == NULL || is(name, "cid"));

    if (is(name, "cid")) {
        judge_cid(v, fails);

    } else if (is(name, "signkey_id")) {
        sc_signkey_id_of(id, hex_of(v, "pk", 32));
        same(v, "signkey_id", id, 32);

    } else if (is(name, "kem_id")) {
        sc_kem_id_of(id, (uint8_t) number(v, "suite"), hex(v, "kem_pk"));
        same(v, "kem_id", id, 32);

    } else if (is(name, "sid")) {
        sc_sid_of(id, hex_of(v, "cid", 32), (uint8_t) number(v, "suite"),
                  hex_of(v, "sign_pk", 32), hex(v, "kem_pk"));
        same(v, "sid", id, 32);

    } else if (is(name, "safety")) {
        sid = json_object_get(v, "sid") ? hex_of(v, "sid", 32) : NULL;
        sc_safety_number(digits, hex_of(v, "cid", 32), sid);
        must(is(digits, text(v, "number")));

    } else if (is(name, "account_id")) {
        must(sc_account_id_of(id, text(v, "account"),
                              strlen(text(v, "account"))));
        same(v, "account_id", id, 32);

    } else if (is(name, "server_salt")) {
        sc_server_salt_of(id, hex_of(v, "secret", 32),
                          hex_of(v, "account_id", 32));
        same(v, "server_salt", id, 16);

    } else if (is(name, "padme")) {
        same_number(v, "padded", sc_padme((uint32_t) number(v, "n")));

    } else {
        fail_msg("a derived id that is not known: %s", name);
    }
}

static void
judge_auth(const json_t *v, const char *fails)
{
    const char          *origin = text(v, "origin");
    uint8_t              hash[32], message[SC_AUTH_MESSAGE_MAX];
    struct sc_auth_claim claim;

    sc_origin_hash(hash, origin, strlen(origin));
    claim.role = (uint8_t) number(v, "role");
    claim.origin_hash = hash;
    claim.challenge = hex_of(v, "challenge", 32);
    claim.subject = hex_of(v, "subject", 32);
    claim.invitation = claim.role == SC_ROLE_REGISTRATION
                       ? hex_of(v, "invitation", 16) : NULL;

    same(v, "message", message, sc_auth_message(message, &claim));
    verdict(NULL, sc_auth_verify(&claim, hex_of(v, "pk", 32),
                                 hex_of(v, "sig", 64)), fails);
}

static void
judge_puzzle(const json_t *v, const char *fails)
{
    const uint8_t *challenge = hex_of(v, "challenge", 32);
    const uint8_t *subject = hex_of(v, "subject", 32);
    unsigned       bits = (unsigned) number(v, "bits");
    uint64_t       n = number(v, "n");

    verdict(NULL, sc_puzzle_solved(challenge, subject, n, bits)
                  ? NULL : "not solved", fails);
    if (fails == NULL) {
        same_number(v, "n", sc_puzzle_solve(challenge, subject, bits));
    }
}

static void
judge_ed25519(const json_t *v, const char *fails)
{
    struct sc_bytes message = hex(v, "message");

    verdict(NULL, sc_ed25519_verify(hex_of(v, "pk", 32), message.p, message.n,
                                    hex_of(v, "sig", 64)), fails);
}


/* --- sealed by a browser's cryptography ---------------------------------- */

static void
judge_sealed(const json_t *v)
{
    struct sc_bytes    bytes = hex(v, "envelope");
    struct sc_bytes    keys[2] = { hex(member(v, "rosterKey"), "pk"),
                                   hex(member(v, "sessionKey"), "pk") };
    struct sc_envelope e;
    uint8_t            kem_id[2][32], suite[2];
    int                i;

    must(sc_envelope_parse(bytes, &e) == NULL);
    must(sc_envelope_verify(&e, hex_of(v, "signPk", 32)) == NULL);
    same_id(v, bytes);

    for (i = 0; i < 2; i++) {
        suite[i] = keys[i].n == SC_RSA_SPKI_BYTES ? SC_SUITE_RSA
                                                  : SC_SUITE_X25519;
        must(sc_kem_pk_check(suite[i], keys[i]) == NULL);
        sc_kem_id_of(kem_id[i], suite[i], keys[i]);
    }

    must(sc_envelope_recipients(&e, suite[0], kem_id[0], suite[1], kem_id[1])
         == NULL);
    must(sc_envelope_recipients(&e, suite[1], kem_id[1], suite[0], kem_id[0])
         != NULL);
}

static void
judge_sealed_wrap(const json_t *v, uint8_t kind)
{
    struct sc_wrap w;

    must(sc_wrap_parse(hex(v, "wrap"), &w) == NULL);
    must(w.kind == kind);
    same(v, "accountId", w.account_id, 32);
}

/* C opens nothing: of these it can judge what the service sees. */
static void
test_sealed(void **state)
{
    json_error_t error;
    json_t      *file, *v;
    size_t       i;

    (void) state;
    current = "crypto-sealed";
    file = json_load_file("t/vectors/crypto-sealed.json",
                          JSON_REJECT_DUPLICATES, &error);
    must(file != NULL);

    json_array_foreach(member(file, "envelopes"), i, v) {
        current = text(v, "name");
        judge_sealed(v);
        while (n_held) {
            free(held[--n_held]);
        }
    }

    current = "crypto-sealed";
    must(i == 4);
    judge_sealed_wrap(member(file, "password"), SC_WRAP_IK);
    judge_sealed_wrap(member(file, "recovery"), SC_WRAP_AK_RECOVERY);
    while (n_held) {
        free(held[--n_held]);
    }
    json_decref(file);
}


/* An account through its generations; what they wrap is for whoever has the
 * password. */
static void
test_generations(void **state)
{
    json_error_t error;
    json_t      *file, *v;
    size_t       i;

    (void) state;

    current = "generations";
    file = json_load_file("t/vectors/generations.json",
                          JSON_REJECT_DUPLICATES, &error);
    must(file != NULL);

    json_array_foreach(member(file, "generations"), i, v) {
        judge_account_set(v, NULL);
        while (n_held) {
            free(held[--n_held]);
        }
    }

    must(i == 3);
    json_decref(file);
}


#define FILE_TEST(name, file, judge)                                          \
    static void                                                               \
    test_##name(void **state)                                                 \
    {                                                                         \
        (void) state;                                                         \
        each(file, judge);                                                    \
    }

#define FILES(X)                                                              \
    X(frames,      "frames",      judge_frame)                                \
    X(roster,      "roster",      judge_roster)                               \
    X(successors,  "successors",  judge_successor)                            \
    X(hello,       "hello",       judge_hello)                                \
    X(wrap,        "wrap",        judge_wrap)                                 \
    X(account,     "account",     judge_account)                              \
    X(account_set, "account-set", judge_account_set)                          \
    X(envelope,    "envelope",    judge_envelope)                             \
    X(ids,         "ids",         judge_id)                                   \
    X(auth,        "auth",        judge_auth)                                 \
    X(puzzle,      "puzzle",      judge_puzzle)                               \
    X(ed25519,     "ed25519",     judge_ed25519)

FILES(FILE_TEST)

int
main(void)
{
#define ENTRY(name, file, judge) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {
        FILES(ENTRY)
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_generations),
    };

    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
