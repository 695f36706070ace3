/*
 * Records of the link: what is written is read back, and every malformed
 * header, HELLO and OPEN is refused.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include <sealchat/record.h>

static const char *
get(uint32_t length, uint8_t kind, uint8_t flags, uint16_t code,
    uint32_t stream)
{
    struct sc_record rec = { length, kind, flags, code, stream }, back;
    uint8_t          bytes[SC_RECORD_HEADER];
    const char      *wrong;

    sc_record_put(bytes, &rec);
    wrong = sc_record_get(bytes, &back);

    assert_int_equal(back.length, length);
    assert_int_equal(back.kind, kind);
    assert_int_equal(back.flags, flags);
    assert_int_equal(back.code, code);
    assert_int_equal(back.stream, stream);

    return wrong;
}

#define assert_valid(...)          assert_null(get(__VA_ARGS__))
#define assert_refused(why, ...)   assert_string_equal(get(__VA_ARGS__), why)

static void
lays_out_headers(void **state)
{
    struct sc_record rec = { 0x00010000, 4, 0, 0x03f4, 0xdeadbeef };
    uint8_t          bytes[SC_RECORD_HEADER];

    (void) state;

    sc_record_put(bytes, &rec);
    assert_memory_equal(bytes, "\0\1\0\0\4\0\x03\xf4\xde\xad\xbe\xef", 12);
}

static void
takes_every_kind(void **state)
{
    (void) state;

    assert_valid(10, SC_RECORD_HELLO, 0, 0, 0);
    assert_valid(8, SC_RECORD_OPEN, 0, 0, 1);
    assert_valid(SC_OPEN_MAX, SC_RECORD_OPEN, SC_RECORD_FLAG_PAUSED, 0, 1);
    assert_valid(SC_OPEN_MAX, SC_RECORD_OPEN,
                 SC_RECORD_FLAG_PAUSED | SC_RECORD_FLAG_AGAIN, 0, 1);
    assert_valid(1, SC_RECORD_DATA, 0, 0, 1);
    assert_valid(65536, SC_RECORD_DATA, 0, 0, UINT32_MAX);
    assert_valid(0, SC_RECORD_CLOSE, 0, 1000, 1);
    assert_valid(123, SC_RECORD_CLOSE, 0, 65535, 1);
    assert_valid(0, SC_RECORD_PAUSE, 0, 0, 0);
    assert_valid(0, SC_RECORD_PAUSE, 0, 0, 7);
    assert_valid(0, SC_RECORD_RESUME, 0, 0, 0);
    assert_valid(0, SC_RECORD_PING, 0, 0, 0);
    assert_valid(0, SC_RECORD_PING, SC_RECORD_FLAG_ANSWER, 0, 0);
    assert_valid(0, SC_RECORD_STATUS, 0, 0, 0);
    assert_valid(0, SC_RECORD_STATUS, SC_RECORD_FLAG_ANSWER, 0, 0);
    assert_valid(SC_RECORD_PAYLOAD_MAX, SC_RECORD_STATUS,
                 SC_RECORD_FLAG_ANSWER, 0, 0);
    assert_valid(1, SC_RECORD_TICKET, 0, 0, 1);
    assert_valid(1 + SC_TICKET_MAX, SC_RECORD_TICKET, 0, 0, 1);
}

static void
refuses_headers(void **state)
{
    unsigned kind, flags;

    (void) state;

    for (kind = 0; kind < 256; kind++) {
        if (kind == 0 || kind >= SC_RECORD_KINDS) {
            assert_refused("unknown kind of record", 0, (uint8_t) kind, 0, 0,
                           1);
        }

        assert_refused("record payload above 65536 bytes", 65537,
                       (uint8_t) kind, 0, 0, 1);
        assert_refused("record payload above 65536 bytes", UINT32_MAX,
                       (uint8_t) kind, 0, 0, 1);

        if (kind != SC_RECORD_OPEN && kind != SC_RECORD_PING
            && kind != SC_RECORD_STATUS)
        {
            assert_refused("unknown flags in a record", 0, (uint8_t) kind, 1,
                           0, 1);
        }

        if (kind != SC_RECORD_CLOSE) {
            assert_refused("a code in a record other than CLOSE", 0,
                           (uint8_t) kind, 0, 1, 1);
        }

        for (flags = kind == SC_RECORD_OPEN ? 4 : 2; flags < 256; flags++) {
            assert_refused("unknown flags in a record", 0, (uint8_t) kind,
                           (uint8_t) flags, 0, 1);
        }
    }

    assert_refused("malformed HELLO record", 9, SC_RECORD_HELLO, 0, 0, 0);
    assert_refused("malformed HELLO record", 11, SC_RECORD_HELLO, 0, 0, 0);
    assert_refused("malformed HELLO record", 10, SC_RECORD_HELLO, 0, 0, 1);
    assert_refused("malformed OPEN record", 6, SC_RECORD_OPEN, 0, 0, 0);
    assert_refused("malformed OPEN record", SC_OPEN_MAX + 1, SC_RECORD_OPEN,
                   0, 0, 1);
    assert_refused("malformed DATA record", 0, SC_RECORD_DATA, 0, 0, 1);
    assert_refused("malformed DATA record", 1, SC_RECORD_DATA, 0, 0, 0);
    assert_refused("malformed CLOSE record", 124, SC_RECORD_CLOSE, 0, 1000,
                   1);
    assert_refused("malformed CLOSE record", 0, SC_RECORD_CLOSE, 0, 1000, 0);
    assert_refused("malformed PAUSE or RESUME record", 1, SC_RECORD_PAUSE, 0,
                   0, 1);
    assert_refused("malformed PAUSE or RESUME record", 1, SC_RECORD_RESUME,
                   0, 0, 0);
    assert_refused("malformed PING record", 1, SC_RECORD_PING, 0, 0, 0);
    assert_refused("malformed PING record", 0, SC_RECORD_PING, 0, 0, 1);
    assert_refused("malformed TICKET record", 0, SC_RECORD_TICKET, 0, 0, 1);
    assert_refused("malformed TICKET record", 2 + SC_TICKET_MAX,
                   SC_RECORD_TICKET, 0, 0, 1);
    assert_refused("malformed TICKET record", 1, SC_RECORD_TICKET, 0, 0, 0);
    assert_refused("malformed STATUS record", 1, SC_RECORD_STATUS, 0, 0, 0);
    assert_refused("malformed STATUS record", 0, SC_RECORD_STATUS, 0, 0, 1);
}

static void
greets(void **state)
{
    uint8_t          bytes[SC_RECORD_HELLO_BYTES];
    uint8_t         *payload = bytes + SC_RECORD_HEADER;
    struct sc_record rec;

    (void) state;

    sc_hello_put(bytes);
    assert_null(sc_record_get(bytes, &rec));
    assert_int_equal(rec.kind, SC_RECORD_HELLO);
    assert_int_equal(rec.length, sizeof(bytes) - SC_RECORD_HEADER);
    assert_null(sc_hello_get(payload));

    payload[3] ^= 1;
    assert_string_equal(sc_hello_get(payload), "not a SealChat link");
    payload[3] ^= 1;
    payload[5]++;
    assert_string_equal(sc_hello_get(payload),
                        "another version of the link protocol");
    payload[5]--;
    payload[7] = 0;
    assert_string_equal(sc_hello_get(payload),
                        "the other end takes no full-sized records");
    payload[6] = 1;
    assert_null(sc_hello_get(payload));
}

static struct sc_open
open_of(const char *addr, const char *origin, const char *cid)
{
    struct sc_open open = {
        (const uint8_t *) addr, strlen(addr),
        (const uint8_t *) origin, strlen(origin),
        (const uint8_t *) cid, strlen(cid), NULL, 0
    };

    return open;
}

static void
opens(void **state)
{
    uint8_t        out[SC_OPEN_MAX];
    struct sc_open open = open_of("192.0.2.1", "https://shop.example",
                                  "abc"), back;
    size_t         i, n;

    (void) state;

    open.ticket = (const uint8_t *) "\0ticket";
    open.ticket_len = 7;
    n = sc_open_put(out, sizeof(out), &open);
    assert_int_equal(n, 8 + 9 + 20 + 3 + 7);
    assert_null(sc_open_get(out, n, &back));
    assert_int_equal(back.addr_len, 9);
    assert_memory_equal(back.addr, "192.0.2.1", 9);
    assert_int_equal(back.origin_len, 20);
    assert_memory_equal(back.origin, "https://shop.example", 20);
    assert_int_equal(back.cid_len, 3);
    assert_memory_equal(back.cid, "abc", 3);
    assert_int_equal(back.ticket_len, 7);
    assert_memory_equal(back.ticket, "\0ticket", 7);

    for (i = 0; i < n; i++) {
        uint8_t *copy = malloc(i + 1);

        memcpy(copy, out, i);
        assert_string_equal(sc_open_get(copy, i, &back),
                            "malformed OPEN record");
        free(copy);
        assert_int_equal(sc_open_put(out, i, &open), 0);
    }

    n = sc_open_put(out, sizeof(out), &open);
    assert_string_equal(sc_open_get(out, n + 1, &back),
                        "malformed OPEN record");

    open = open_of("", "", "");
    n = sc_open_put(out, sizeof(out), &open);
    assert_int_equal(n, 8);
    assert_null(sc_open_get(out, n, &back));
    assert_int_equal(back.addr_len + back.origin_len + back.cid_len
                     + back.ticket_len, 0);
}

static void
opens_within_limits(void **state)
{
    static char    text[1024];
    uint8_t        out[SC_OPEN_MAX], large[2048];
    struct sc_open open, back;
    size_t         n;

    (void) state;
    memset(text, 'x', sizeof(text) - 1);

    open = open_of(text, text, text);
    open.addr_len = SC_OPEN_ADDR_MAX;
    open.origin_len = SC_OPEN_ORIGIN_MAX;
    open.cid_len = SC_OPEN_CID_MAX;
    open.ticket = (const uint8_t *) text;
    open.ticket_len = SC_TICKET_MAX;
    n = sc_open_put(out, sizeof(out), &open);
    assert_int_equal(n, SC_OPEN_MAX);
    assert_null(sc_open_get(out, n, &back));

    open.addr_len++;
    assert_int_equal(sc_open_put(large, sizeof(large), &open), 0);
    open.addr_len--;
    open.origin_len++;
    assert_int_equal(sc_open_put(large, sizeof(large), &open), 0);
    open.origin_len--;
    open.cid_len++;
    assert_int_equal(sc_open_put(large, sizeof(large), &open), 0);
    open.cid_len--;
    open.ticket_len++;
    assert_int_equal(sc_open_put(large, sizeof(large), &open), 0);

    memset(large, 0, sizeof(large));
    large[1] = SC_OPEN_ADDR_MAX + 1;
    assert_string_equal(sc_open_get(large, 8 + SC_OPEN_ADDR_MAX + 1, &back),
                        "a part of an OPEN record is too long");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lays_out_headers),
        cmocka_unit_test(takes_every_kind),
        cmocka_unit_test(refuses_headers),
        cmocka_unit_test(greets),
        cmocka_unit_test(opens),
        cmocka_unit_test(opens_within_limits),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
