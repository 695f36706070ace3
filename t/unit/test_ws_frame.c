/*
 * The WebSocket frame parser and writer: every refusal, and every split of
 * every stream has the result of the stream in one piece.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "ws_frame.h"

#define MAX_MESSAGE 70000

/* What came of a stream, as text: "M(3)abc" a message, "I(1)x" a ping,
 * "O()" a pong, "C1000(2)hi" a Close, "E1002" a refusal, and "+3" when a
 * message of so many bytes is begun at the end. */
struct outcome {
    char    text[400];
    size_t  n;
    uint8_t message[MAX_MESSAGE];
    size_t  len;
};

static void
note(struct outcome *out, const char *kind, const uint8_t *bytes, size_t n)
{
    size_t shown = n < 16 ? n : 16;

    out->n += (size_t) snprintf(out->text + out->n,
                                sizeof(out->text) - out->n, "%s(%zu)%.*s ",
                                kind, n, (int) shown, (const char *) bytes);
    assert_true(out->n < sizeof(out->text));
}

static void
take(struct outcome *out, ws_event_t event, const ws_piece_t *piece)
{
    char kind[16];

    switch (event) {

    case WS_DATA:
        assert_true(out->len + piece->len <= MAX_MESSAGE);
        memcpy(out->message + out->len, piece->data, piece->len);
        out->len += piece->len;
        if (piece->last) {
            note(out, "M", out->message, out->len);
            out->len = 0;
        }
        break;

    case WS_PING:
        note(out, "I", piece->data, piece->len);
        break;

    case WS_PONG:
        note(out, "O", piece->data, piece->len);
        break;

    case WS_CLOSE:
        snprintf(kind, sizeof(kind), "C%u", (unsigned) piece->code);
        note(out, kind, piece->data, piece->len);
        break;

    default:
        assert_int_equal(event, WS_ERROR);
        assert_int_equal(piece->len, strlen((const char *) piece->data));
        snprintf(kind, sizeof(kind), "E%u", (unsigned) piece->code);
        note(out, kind, piece->data, 0);
    }
}

static void
feed(ws_parser_t *p, struct outcome *out, const uint8_t *bytes, size_t n)
{
    /* On the heap and exactly as long, so that a sanitizer sees overruns. */
    uint8_t   *copy = malloc(n ? n : 1);
    uint8_t   *pos = copy;
    ws_piece_t piece;
    ws_event_t event;

    memcpy(copy, bytes, n);

    for (;;) {
        event = ws_parse(p, &pos, copy + n, &piece);
        if (event == WS_AGAIN) {
            break;
        }
        take(out, event, &piece);
    }

    assert_ptr_equal(pos, copy + n);
    free(copy);
}

static struct outcome *
finish(struct outcome *out)
{
    if (out->len) {
        snprintf(out->text + out->n, sizeof(out->text) - out->n, "+%zu ",
                 out->len);
    }

    return out;
}

static void
parse_in_steps(struct outcome *out, const uint8_t *bytes, size_t n,
               size_t first, size_t step, uint32_t max)
{
    ws_parser_t p;
    size_t      at = first < n ? first : n;

    memset(out, 0, sizeof(*out));
    ws_parser_init(&p, max);
    feed(&p, out, bytes, at);

    while (at < n) {
        size_t k = n - at < step ? n - at : step;

        feed(&p, out, bytes + at, k);
        at += k;
    }

    finish(out);
}

static struct outcome whole, split;

/* Parses a stream in one piece, in two at each place, and in steps of 1 to
 * 9 bytes. */
static void
expect(const uint8_t *bytes, size_t n, uint32_t max, const char *wanted)
{
    size_t i;

    parse_in_steps(&whole, bytes, n, n, 1, max);
    assert_string_equal(whole.text, wanted);

    for (i = 0; i < n && n < 400; i++) {
        parse_in_steps(&split, bytes, n, i, n, max);
        assert_string_equal(split.text, wanted);
    }

    for (i = 1; i < 10; i++) {
        parse_in_steps(&split, bytes, n, 0, i, max);
        assert_string_equal(split.text, wanted);
    }
}

#define EXPECT(bytes, wanted) \
    expect((const uint8_t *) bytes, sizeof(bytes) - 1, 65536, wanted)

#define MASK "\0\0\0\0"

/* Appends a masked frame; returns the stream's new length. */
static size_t
put_frame(uint8_t *out, size_t at, unsigned first, const uint8_t *payload,
          size_t n)
{
    static const uint8_t mask[4] = { 0xa1, 0x5e, 0x00, 0xff };
    size_t               i, header;

    header = ws_put_header(out + at, first & 0x0f, n);
    out[at] = (uint8_t) first;
    out[at + 1] |= 0x80;
    at += header;
    memcpy(out + at, mask, 4);
    at += 4;

    for (i = 0; i < n; i++) {
        out[at + i] = payload[i] ^ mask[i & 3];
    }

    return at + n;
}

static void
takes_messages(void **state)
{
    (void) state;

    EXPECT("\x82\x83" MASK "abc", "M(3)abc ");
    EXPECT("\x82\x83" MASK "abc\x82\x81" MASK "d", "M(3)abc M(1)d ");
    EXPECT("\x82\x80" MASK, "M(0) ");
    EXPECT("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "M(5)Hello ");
    EXPECT("", "");
    EXPECT("\x82", "");
    EXPECT("\x82\x83" MASK "ab", "+2 ");
}

static void
takes_fragments(void **state)
{
    (void) state;

    EXPECT("\x02\x81" MASK "a\x00\x81" MASK "b\x80\x81" MASK "c",
           "M(3)abc ");
    EXPECT("\x02\x80" MASK "\x00\x80" MASK "\x80\x80" MASK, "M(0) ");
    EXPECT("\x02\x82" MASK "ab\x80\x80" MASK, "M(2)ab ");
    EXPECT("\x02\x81" MASK "a\x89\x82" MASK "hi\x8a\x80" MASK
           "\x80\x81" MASK "b", "I(2)hi O(0) M(2)ab ");
    EXPECT("\x02\x81" MASK "a\x88\x82" MASK "\x03\xe8", "C1000(0) +1 ");
}

static void
takes_control_frames(void **state)
{
    uint8_t stream[300], payload[125];
    size_t  n;

    (void) state;
    memset(payload, 'p', sizeof(payload));

    EXPECT("\x89\x80" MASK "\x8a\x83" MASK "abc", "I(0) O(3)abc ");
    n = put_frame(stream, 0, 0x89, payload, 125);
    expect(stream, n, 1, "I(125)pppppppppppppppp ");

    EXPECT("\x88\x80" MASK, "C1005(0) ");
    EXPECT("\x88\x84" MASK "\x0f\xa0hi", "C4000(2)hi ");
    EXPECT("\x88\x80" MASK "\x89\x80" MASK "\xff\xff", "C1005(0) ");
}

static void
refuses_what_the_header_tells(void **state)
{
    unsigned first;

    (void) state;

    for (first = 0; first < 256; first++) {
        uint8_t  stream[8] = { (uint8_t) first, 0x80 };
        unsigned opcode = first & 0x0f;
        int      control = opcode >= 8;

        if (first & 0x70 || (opcode > 2 && opcode < 8) || opcode > 10
            || opcode == 0 || (control && !(first & 0x80)))
        {
            expect(stream, 6, 100, "E1002(0) ");
        } else if (opcode == 1) {
            expect(stream, 6, 100, "E1003(0) ");
        }
    }

    EXPECT("\x82\x03" "abc", "E1002(0) ");
    EXPECT("\x89\x00", "E1002(0) ");
    EXPECT("\x88\x02\x03\xe8", "E1002(0) ");
    EXPECT("\x89\xfe\x00\x7e", "E1002(0) ");
    EXPECT("\x88\xff\0\0\0\0\0\1\0\0", "E1002(0) ");
    EXPECT("\x02\x81" MASK "a\x82\x81" MASK "b", "E1002(0) +1 ");
    EXPECT("\x02\x81" MASK "a\x81\x81" MASK "b", "E1002(0) +1 ");
    EXPECT("\x02\x81" MASK "a\x80\x81" MASK "b\x80\x81" MASK "c",
           "M(2)ab E1002(0) ");
}

static void
refuses_lengths(void **state)
{
    uint8_t  stream[10];
    unsigned n;

    (void) state;

    for (n = 0; n < 126; n++) {
        memset(stream, 0, sizeof(stream));
        memcpy(stream, "\x82\xfe", 2);
        stream[3] = (uint8_t) n;
        expect(stream, 4, 65536, "E1002(0) ");
    }

    EXPECT("\x82\xfe\x00\x7e", "");
    EXPECT("\x82\xff\0\0\0\0\0\0\0\x7e", "E1002(0) ");
    EXPECT("\x82\xff\0\0\0\0\0\0\xff\xff", "E1002(0) ");
    EXPECT("\x82\xff\0\0\0\0\0\1\0\0", "");
    EXPECT("\x82\xff\0\0\0\0\0\1\0\1", "E1009(0) ");
    EXPECT("\x82\xff\0\0\0\0\x40\0\0\0", "E1009(0) ");
    EXPECT("\x82\xff\0\0\0\1\0\0\0\0", "E1009(0) ");
    EXPECT("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", "E1009(0) ");
    EXPECT("\x82\xff\x80\0\0\0\0\0\0\0", "E1002(0) ");
    EXPECT("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", "E1002(0) ");
}

static void
refuses_messages_above_the_limit(void **state)
{
    static uint8_t       stream[300];
    static const uint8_t payload[200];
    size_t               n;

    (void) state;

    n = put_frame(stream, 0, 0x82, payload, 100);
    expect(stream, n, 99, "E1009(0) ");

    /* Control frames do not count towards it, all fragments do. */
    n = put_frame(stream, 0, 0x02, payload, 60);
    n = put_frame(stream, n, 0x89, payload, 100);
    expect(stream, put_frame(stream, n, 0x80, payload, 41) , 100,
           "I(100) E1009(0) +60 ");

    n = put_frame(stream, 0, 0x02, (const uint8_t *) "a", 1);
    n = put_frame(stream, n, 0x80, (const uint8_t *) "b", 1);
    n = put_frame(stream, n, 0x82, (const uint8_t *) "cd", 2);
    expect(stream, n, 2, "M(2)ab M(2)cd ");
}

static void
refuses_close_payloads(void **state)
{
    static const unsigned invalid[] = {
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000,
        65535
    };
    static const unsigned valid[] = {
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
        1014, 3000, 3999, 4000, 4999
    };
    uint8_t stream[16] = "\x88\x82" MASK;
    char    wanted[32];
    size_t  i;

    (void) state;

    EXPECT("\x88\x81" MASK "\x03", "E1002(0) ");

    for (i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        stream[6] = (uint8_t) (invalid[i] >> 8);
        stream[7] = (uint8_t) invalid[i];
        expect(stream, 8, 100, "E1002(0) ");
    }

    for (i = 0; i < sizeof(valid) / sizeof(*valid); i++) {
        stream[6] = (uint8_t) (valid[i] >> 8);
        stream[7] = (uint8_t) valid[i];
        snprintf(wanted, sizeof(wanted), "C%u(0) ", valid[i]);
        expect(stream, 8, 100, wanted);
    }

    EXPECT("\x88\x83" MASK "\x03\xe8\xff", "E1007(0) ");
    EXPECT("\x88\x83" MASK "\x03\xe8\xc3", "E1007(0) ");
    EXPECT("\x88\x84" MASK "\x03\xe8\xc3\xbc", "C1000(2)\xc3\xbc ");
}

static void
unmasks_at_every_offset(void **state)
{
    static uint8_t stream[4 * 400], payload[100];
    size_t         i, n = 0;

    (void) state;

    for (i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t) ('!' + i % 90);
    }

    n = put_frame(stream, n, 0x02, payload, 13);
    n = put_frame(stream, n, 0x00, payload + 13, 50);
    n = put_frame(stream, n, 0x80, payload + 63, 37);

    for (i = 1; i < 120; i++) {
        parse_in_steps(&split, stream, n, 0, i, 65536);
        assert_memory_equal(split.message, payload, 100);
        assert_string_equal(split.text, "M(100)!\"#$%&'()*+,-./0 ");
    }
}

static void
takes_the_largest_message(void **state)
{
    static uint8_t stream[65536 * 7 + 64], payload[65536];
    size_t         i, n = 0;

    (void) state;
    memset(payload, 'z', sizeof(payload));

    n = put_frame(stream, 0, 0x82, payload, 65536);
    parse_in_steps(&whole, stream, n, n, 1, 65536);
    assert_string_equal(whole.text, "M(65536)zzzzzzzzzzzzzzzz ");

    for (n = 0, i = 0; i < 65536; i++) {
        n = put_frame(stream, n, (i == 0 ? 2u : 0u)
                                 | (i == 65535 ? 0x80u : 0u), payload, 1);
    }

    parse_in_steps(&whole, stream, n, n, 1, 65536);
    assert_string_equal(whole.text, "M(65536)zzzzzzzzzzzzzzzz ");
    parse_in_steps(&split, stream, n, 0, 1000, 65536);
    assert_string_equal(split.text, whole.text);
    parse_in_steps(&split, stream, n, n, 1, 65535);
    assert_string_equal(split.text, "E1009(0) +65535 ");
}

static void
writes_headers(void **state)
{
    uint8_t out[WS_HEADER_MAX];

    (void) state;

    assert_int_equal(ws_put_header(out, WS_OPCODE_PONG, 0), 2);
    assert_memory_equal(out, "\x8a\x00", 2);
    assert_int_equal(ws_put_header(out, WS_OPCODE_BINARY, 125), 2);
    assert_memory_equal(out, "\x82\x7d", 2);
    assert_int_equal(ws_put_header(out, WS_OPCODE_BINARY, 126), 4);
    assert_memory_equal(out, "\x82\x7e\x00\x7e", 4);
    assert_int_equal(ws_put_header(out, WS_OPCODE_BINARY, 65535), 4);
    assert_memory_equal(out, "\x82\x7e\xff\xff", 4);
    assert_int_equal(ws_put_header(out, WS_OPCODE_BINARY, 65536), 10);
    assert_memory_equal(out, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
}

static void
writes_close_frames(void **state)
{
    uint8_t out[WS_CLOSE_MAX], reason[200];

    (void) state;

    assert_int_equal(ws_put_close(out, WS_CLOSE_NONE, NULL, 0), 2);
    assert_memory_equal(out, "\x88\x00", 2);
    assert_int_equal(ws_put_close(out, 1012, NULL, 0), 4);
    assert_memory_equal(out, "\x88\x02\x03\xf4", 4);
    assert_int_equal(ws_put_close(out, 4000, (const uint8_t *) "hi", 2), 6);
    assert_memory_equal(out, "\x88\x04\x0f\xa0hi", 6);

    memset(reason, 'r', sizeof(reason));
    assert_int_equal(ws_put_close(out, 1000, reason, 123), 127);
    assert_int_equal(ws_put_close(out, 1000, reason, 200), 127);
    assert_int_equal(out[1], 125);

    /* A character is not cut in two. */
    memcpy(reason + 121, "\xe2\x82\xac", 3);
    assert_int_equal(ws_put_close(out, 1000, reason, 124), 4 + 121);
    assert_int_equal(out[1], 2 + 121);
}

static void
knows_utf8(void **state)
{
    static const char *const valid[] = {
        "", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z"
    };
    static const char *const invalid[] = {
        "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
        "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82\x41", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "ok\xfe"
    };
    size_t i;

    (void) state;

    for (i = 0; i < sizeof(valid) / sizeof(*valid); i++) {
        assert_true(ws_utf8_valid((const uint8_t *) valid[i],
                                  strlen(valid[i])));
    }

    for (i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        assert_false(ws_utf8_valid((const uint8_t *) invalid[i],
                                   strlen(invalid[i])));
    }

    assert_true(ws_utf8_valid((const uint8_t *) "a\0b", 3));
}

/* Random streams, whatever they hold, come to one result in any split. */
static void
splits_do_not_matter(void **state)
{
    uint8_t  stream[64];
    uint32_t seed = 12345;
    size_t   i, n;
    int      round;

    (void) state;

    for (round = 0; round < 3000; round++) {
        for (i = 0; i < sizeof(stream); i++) {
            seed = seed * 1664525u + 1013904223u;
            stream[i] = (uint8_t) (seed >> 24);
        }

        /* Mostly frames that get beyond their header. */
        stream[0] = (uint8_t) ("\x82\x02\x89\x8a\x88\x82\x02\x00"[round & 7]);
        stream[1] = (uint8_t) (0x80 | (stream[1] & 0x1f));

        n = stream[63] % sizeof(stream);
        parse_in_steps(&whole, stream, n, n, 1, 40);

        for (i = 1; i < 8; i++) {
            parse_in_steps(&split, stream, n, stream[62] % 9u, i, 40);
            assert_string_equal(split.text, whole.text);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_messages),
        cmocka_unit_test(takes_fragments),
        cmocka_unit_test(takes_control_frames),
        cmocka_unit_test(refuses_what_the_header_tells),
        cmocka_unit_test(refuses_lengths),
        cmocka_unit_test(refuses_messages_above_the_limit),
        cmocka_unit_test(refuses_close_payloads),
        cmocka_unit_test(unmasks_at_every_offset),
        cmocka_unit_test(takes_the_largest_message),
        cmocka_unit_test(writes_headers),
        cmocka_unit_test(writes_close_frames),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(splits_do_not_matter),
    };

    return cmocka_run_group_tests_name("ws_frame", tests, NULL, NULL);
}
