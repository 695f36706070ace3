/*
 * The codec of frames: every frame of the tables is filled, encoded, decoded
 * and compared, cut at every length and lengthened by a byte.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include <sealchat/frames.h>

static uint8_t noise[65536];
static uint8_t list_bytes[65536];
static size_t  list_used;

static uint64_t
pseudo(void)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static struct sc_bytes
some_bytes(void)
{
    struct sc_bytes bytes = { noise + pseudo() % 1000, pseudo() % 90 };

    return bytes;
}

#define FILL_U8(f)   out->f = (uint8_t) pseudo();
#define FILL_U16(f)  out->f = (uint16_t) pseudo();
#define FILL_U32(f)  out->f = (uint32_t) pseudo();
#define FILL_U64(f)  out->f = pseudo() & SC_NUMBER_MAX;
#define FILL_B16(f)  out->f = noise + pseudo() % 1000;
#define FILL_B32(f)  out->f = noise + pseudo() % 1000;
#define FILL_B64(f)  out->f = noise + pseudo() % 1000;
#define FILL_V16(f)  out->f = some_bytes();
#define FILL_REST(f) out->f = some_bytes();
#define FILL_LIST_blob(f)    out->f = some_blobs();
#define FILL_LIST_message(f) out->f = some_messages();
#define FILL_LIST_session(f) out->f = some_sessions();
#define FILL(kind, f) FILL_##kind(f)

#define SAME_U8(f)   assert_int_equal(a->f, b->f);
#define SAME_U16(f)  assert_int_equal(a->f, b->f);
#define SAME_U32(f)  assert_int_equal(a->f, b->f);
#define SAME_U64(f)  assert_true(a->f == b->f);
#define SAME_B16(f)  assert_memory_equal(a->f, b->f, 16);
#define SAME_B32(f)  assert_memory_equal(a->f, b->f, 32);
#define SAME_B64(f)  assert_memory_equal(a->f, b->f, 64);
#define SAME_RUN(f)  assert_int_equal(a->f.n, b->f.n); \
                     assert_memory_equal(a->f.p, b->f.p, a->f.n);
#define SAME_V16(f)  SAME_RUN(f)
#define SAME_REST(f) SAME_RUN(f)
#define SAME_LIST(f) assert_int_equal(a->f.count, b->f.count); SAME_RUN(f)
#define SAME_LIST_blob(f)    SAME_LIST(f) same_blobs(a->f, b->f);
#define SAME_LIST_message(f) SAME_LIST(f) same_messages(a->f, b->f);
#define SAME_LIST_session(f) SAME_LIST(f) same_sessions(a->f, b->f);
#define SAME(kind, f) SAME_##kind(f)

#define ITEM_TESTS(item)                                                      \
    static struct sc_list                                                     \
    some_##item##s(void)                                                      \
    {                                                                         \
        struct sc_list   list = { list_bytes + list_used, 0, 0 };             \
        struct sc_writer w = sc_writer_of(list_bytes + list_used,             \
                                          sizeof(list_bytes) - list_used);    \
        unsigned         left = (unsigned) (pseudo() % 5);                    \
                                                                              \
        for ( ; left; left--, list.count++) {                                 \
            struct sc_##item  it, *out = &it;                                 \
                                                                              \
            SC_##item##_FIELDS(FILL)                                          \
            sc_##item##_put(&w, out);                                         \
        }                                                                     \
                                                                              \
        assert_false(w.bad);                                                  \
        list.n = (size_t) (w.p - list.p);                                     \
        list_used += list.n;                                                  \
        return list;                                                          \
    }                                                                         \
                                                                              \
    static void                                                               \
    same_##item##s(struct sc_list x, struct sc_list y)                        \
    {                                                                         \
        struct sc_##item ax, by, *a = &ax, *b = &by;                          \
        unsigned         n = x.count;                                         \
                                                                              \
        for ( ; n; n--) {                                                     \
            assert_true(sc_##item##_next(&x, a));                             \
            assert_true(sc_##item##_next(&y, b));                             \
            SC_##item##_FIELDS(SAME)                                          \
        }                                                                     \
                                                                              \
        assert_false(sc_##item##_next(&x, a));                                \
        assert_int_equal(x.n, 0);                                             \
    }

SC_ITEMS(ITEM_TESTS)

/* A list that says it is longer than its bytes yields no more items. */
static void
test_list_cut(void **state)
{
    struct sc_list list = { noise, 1, 3 };
    struct sc_blob blob;

    (void) state;
    assert_false(sc_blob_next(&list, &blob));
}

/* Frames that end in REST cannot be too short beyond their fixed part, nor
 * have a byte too many below their largest size. */
#define ENDS_U8   0
#define ENDS_U16  0
#define ENDS_U32  0
#define ENDS_U64  0
#define ENDS_B16  0
#define ENDS_B32  0
#define ENDS_B64  0
#define ENDS_V16  0
#define ENDS_LIST_blob    0
#define ENDS_LIST_message 0
#define ENDS_LIST_session 0
#define ENDS_REST 1
#define ENDS(kind, f) | ENDS_##kind

#define REST_N_U8(f)
#define REST_N_U16(f)
#define REST_N_U32(f)
#define REST_N_U64(f)
#define REST_N_B16(f)
#define REST_N_B32(f)
#define REST_N_B64(f)
#define REST_N_V16(f)
#define REST_N_LIST_blob(f)
#define REST_N_LIST_message(f)
#define REST_N_LIST_session(f)
#define REST_N_REST(f) + in->f.n
#define REST_N_MINUS(kind, f) - (0 REST_N_##kind(f))

static void
check_name(const struct sc_frame_info *info, const char *expected)
{
    assert_string_equal(info->name, expected);
}

#define FRAME_TEST(frame_type, NAME, name, largest)                           \
    static void                                                               \
    round_##name(void)                                                        \
    {                                                                         \
        struct sc_frame_##name  x, y, *out = &x, *in = &x, *a = &x, *b = &y;  \
        struct sc_frame         frame;                                        \
        struct sc_bytes         cut;                                          \
        uint8_t                *buf = malloc(SC_FRAME_MAX + 1);               \
        uint16_t                tag = (uint16_t) pseudo();                    \
        size_t                  n, fixed, i;                                  \
        int                     rest = 0 SC_##NAME##_FIELDS(ENDS);            \
                                                                              \
        assert_non_null(buf);                                                 \
        (void) a, (void) b;                                                   \
        list_used = 0;                                                        \
        out->nothing = 0;                                                     \
        SC_##NAME##_FIELDS(FILL)                                              \
        n = sc_##name##_encode(buf, SC_FRAME_MAX, tag, in);                   \
        assert_true(n >= SC_FRAME_HEADER);                                    \
        assert_int_equal(sc_frame_open(buf, n, &frame), SC_E_NONE);           \
        assert_int_equal(frame.type, frame_type);                             \
        assert_int_equal(frame.tag, tag);                                     \
        assert_true(sc_##name##_decode(frame.body, &y));                      \
        SC_##NAME##_FIELDS(SAME)                                              \
                                                                              \
        fixed = n - SC_FRAME_HEADER SC_##NAME##_FIELDS(REST_N_MINUS);         \
        for (i = 0; i < n - SC_FRAME_HEADER; i++) {                           \
            cut.p = frame.body.p;                                             \
            cut.n = i;                                                        \
            assert_int_equal(sc_##name##_decode(cut, &y),                     \
                             rest && i >= fixed);                             \
        }                                                                     \
                                                                              \
        for (i = 0; i < n; i++) {                                             \
            assert_int_equal(sc_##name##_encode(buf, i, tag, in), 0);         \
        }                                                                     \
                                                                              \
        buf[n] = 0;                                                           \
        cut.p = buf + SC_FRAME_HEADER;                                        \
        cut.n = n - SC_FRAME_HEADER + 1;                                      \
        assert_int_equal(sc_##name##_decode(cut, &y),                         \
                         rest && cut.n <= (largest));                         \
                                                                              \
        cut.n = (largest) + 1u;                                               \
        assert_false(sc_##name##_decode(cut, &y));                            \
        if (cut.n + SC_FRAME_HEADER <= SC_FRAME_MAX) {                        \
            assert_int_equal(sc_frame_open(buf, cut.n + SC_FRAME_HEADER,      \
                                           &frame), SC_E_TOO_LARGE);          \
            assert_int_equal(frame.type, frame_type);                         \
        }                                                                     \
        free(buf);                                                            \
    }                                                                         \
                                                                              \
    static void                                                               \
    test_##name(void **state)                                                 \
    {                                                                         \
        const struct sc_frame_info *info = sc_frame_info(frame_type);         \
        int                         i;                                        \
                                                                              \
        (void) state;                                                         \
        assert_non_null(info);                                                \
        check_name(info, #name);                                              \
        assert_int_equal(info->max, largest);                                 \
        for (i = 0; i < 20; i++) {                                            \
            round_##name();                                                   \
        }                                                                     \
    }

#define CLIENT_TEST(type, NAME, name, roles, max, repeat, answer) \
    FRAME_TEST(type, NAME, name, max)

SC_CLIENT_FRAMES(CLIENT_TEST)
SC_SERVICE_FRAMES(FRAME_TEST)

static void
test_header(void **state)
{
    static const uint8_t flagged[] = { 0x06, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t unknown[] = { 0x7f, 0, 0x12, 0x34 };
    struct sc_frame      frame;
    unsigned             type, known = 0;
    size_t               n;

    (void) state;

    for (n = 0; n < SC_FRAME_HEADER; n++) {
        assert_int_equal(sc_frame_open(unknown, n, &frame), SC_E_BAD_FRAME);
    }

    assert_int_equal(sc_frame_open(flagged, sizeof(flagged), &frame),
                     SC_E_BAD_FRAME);
    assert_int_equal(sc_frame_open(unknown, sizeof(unknown), &frame),
                     SC_E_UNKNOWN_FRAME);
    assert_int_equal(frame.type, 0x7f);
    assert_int_equal(frame.tag, 0x1234);

    for (type = 0; type < 256; type++) {
        const struct sc_frame_info *info = sc_frame_info((uint8_t) type);

        if (info) {
            known++;
            assert_int_equal(info->type, type);
            /* from a client exactly if some role may send it */
            assert_int_equal(info->roles != 0, type < 0x80);
            assert_true(info->max + SC_FRAME_HEADER <= SC_FRAME_MAX);
        }
    }

    assert_int_equal(known, 34);
}

static void
test_roles(void **state)
{
    (void) state;

    assert_int_equal(sc_frame_info(SC_FRAME_SEND)->roles,
                     1 << SC_ROLE_VISITOR | 1 << SC_ROLE_DEVICE);
    assert_int_equal(sc_frame_info(SC_FRAME_ACCOUNT_PUT)->roles,
                     1 << SC_ROLE_PASSWORD | 1 << SC_ROLE_RECOVERY);
    assert_int_equal(sc_frame_info(SC_FRAME_SEND)->answer, SC_FRAME_STORED);
    assert_int_equal(sc_frame_info(SC_FRAME_ACK)->answer, SC_FRAME_NONE);
}

static void
test_numbers(void **state)
{
    struct sc_frame_ack ack = { .position = SC_NUMBER_MAX };
    struct sc_frame     frame;
    uint8_t             buf[16];
    size_t              n;

    (void) state;

    n = sc_ack_encode(buf, sizeof(buf), 1, &ack);
    assert_int_equal(n, 12);
    assert_int_equal(sc_frame_open(buf, n, &frame), SC_E_NONE);
    assert_true(sc_ack_decode(frame.body, &ack));
    assert_true(ack.position == SC_NUMBER_MAX);

    memcpy(buf + 4, "\0\x20\0\0\0\0\0\0", 8);       /* 2^53 */
    assert_false(sc_ack_decode(frame.body, &ack));

    ack.position = SC_NUMBER_MAX + 1;
    assert_int_equal(sc_ack_encode(buf, sizeof(buf), 1, &ack), 0);
}

static void
test_too_long_for_v16(void **state)
{
    static uint8_t         out[SC_FRAME_MAX];
    struct sc_frame_error  error = { .code = 1, .sentence = { noise, 65536 } };

    (void) state;

    assert_int_equal(sc_error_encode(out, sizeof(out), 1, &error), 0);
    error.sentence.n = 512 - 8;
    assert_int_equal(sc_error_encode(out, sizeof(out), 1, &error), 516);
    error.sentence.n++;
    assert_int_equal(sc_error_encode(out, sizeof(out), 1, &error), 0);
}

static void
test_errors(void **state)
{
    unsigned code, n = 0;

    (void) state;

    for (code = 0; code < 70000; code++) {
        const struct sc_error_info *info = sc_error_info(code);

        if (info) {
            n++;
            assert_int_equal(info->code, code);
            assert_true(strlen(info->name) > 0);
            /* fits an ERROR frame */
            assert_true(strlen(info->sentence) <= 512 - 8);
        }
    }

    assert_int_equal(n, 35);
    assert_string_equal(sc_error_info(SC_E_BAD_FRAME)->name, "bad-frame");
    assert_int_equal(sc_error_info(SC_E_BAD_FRAME)->close, 1007);
}

/* Whatever comes, a decoder answers yes or no, and a yes encodes to the same
 * bytes again. */
#define NOISE_CASE(type, NAME, name, max)                                     \
    case type: {                                                              \
        struct sc_frame_##name decoded;                                       \
                                                                              \
        if (sc_##name##_decode(frame.body, &decoded)) {                       \
            size_t m = sc_##name##_encode(again, sizeof(again), frame.tag,    \
                                          &decoded);                          \
                                                                              \
            assert_int_equal(m, n);                                           \
            assert_memory_equal(again, bytes, n);                             \
            accepted++;                                                       \
        }                                                                     \
        break;                                                                \
    }
#define NOISE_CLIENT(type, NAME, name, roles, max, repeat, answer) \
    NOISE_CASE(type, NAME, name, max)

static void
test_noise(void **state)
{
    static uint8_t  again[SC_FRAME_MAX];
    uint8_t        *bytes;
    struct sc_frame frame;
    unsigned        accepted = 0;
    size_t          n, i;
    int             round;

    (void) state;

    for (round = 0; round < 60000; round++) {
        n = pseudo() % 200;
        bytes = malloc(n ? n : 1);   /* its own, so that ASan sees its end */
        assert_non_null(bytes);

        for (i = 0; i < n; i++) {
            bytes[i] = (uint8_t) (pseudo() % (round & 1 ? 3 : 256));
        }

        if (n > 1) {
            bytes[0] = (uint8_t) (pseudo() % 2 ? 1 + pseudo() % 11
                                               : 0x81 + pseudo() % 12);
            bytes[1] = 0;
        }

        if (sc_frame_open(bytes, n, &frame) == SC_E_NONE) {
            switch (frame.type) {
            SC_CLIENT_FRAMES(NOISE_CLIENT)
            SC_SERVICE_FRAMES(NOISE_CASE)
            }
        }

        free(bytes);
    }

    assert_true(accepted > 1000);
}

int
main(void)
{
#define CLIENT_ENTRY(type, NAME, name, roles, max, repeat, answer) \
    cmocka_unit_test(test_##name),
#define SERVICE_ENTRY(type, NAME, name, max) cmocka_unit_test(test_##name),

    const struct CMUnitTest tests[] = {
        SC_CLIENT_FRAMES(CLIENT_ENTRY)
        SC_SERVICE_FRAMES(SERVICE_ENTRY)
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_too_long_for_v16),
        cmocka_unit_test(test_list_cut),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_noise),
    };

    if (sodium_init() < 0) {
        return 1;
    }
    randombytes_buf_deterministic(noise, sizeof(noise),
                                  (const uint8_t *)
                                  "the same bytes on every run.....");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
