/*
 * The admin socket's requests: what is one, and each way not to be one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/request.h"

static struct sc_admin_request R;
static char                    Line[SC_ADMIN_REQUEST_MAX + 16];


static const char *
parse(const char *text)
{
    snprintf(Line, sizeof(Line), "%s", text);
    return sc_admin_request_parse(Line, strlen(Line), &R);
}


static void
test_good(void **state)
{
    (void) state;

    assert_null(parse("status\n"));
    assert_string_equal(R.verb, "status");
    assert_int_equal(R.n_args, 0);

    assert_null(parse("quota cid=ab bytes=7 note=\n"));
    assert_string_equal(R.verb, "quota");
    assert_int_equal(R.n_args, 3);
    assert_string_equal(sc_admin_arg(&R, "cid"), "ab");
    assert_string_equal(sc_admin_arg(&R, "bytes"), "7");
    assert_string_equal(sc_admin_arg(&R, "note"), "");
    assert_null(sc_admin_arg(&R, "byte"));

    assert_null(parse("a b=c=d\n"));
    assert_string_equal(sc_admin_arg(&R, "b"), "c=d");
}


static void
test_refused(void **state)
{
    static const struct {
        const char *line;
        const char *why;
    } rows[] = {
        { "", "no whole line" },
        { "status", "no whole line" },
        { "\n", "no verb" },
        { " status\n", "no verb" },
        { "Status\n", "no verb" },
        { "a=b\n", "no verb" },
        { "status \n", "name=value" },
        { "status  a=b\n", "name=value" },
        { "status a\n", "name=value" },
        { "status =b\n", "name=value" },
        { "status A=b\n", "name=value" },
        { "status a=b a=c\n", "twice" },
        { "x a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1\n", "too many" },
        { "status a=\x7f\n", "printable" },
        { "status a=\xc3\xa4\n", "printable" },
        { "status\ta=b\n", "printable" },
        { "status\r\n", "printable" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = parse(rows[i].line);

        if (why == NULL || strstr(why, rows[i].why) == NULL) {
            fail_msg("\"%s\": %s", rows[i].line, why ? why : "taken");
        }
    }
}


static void
test_limits(void **state)
{
    (void) state;

    memset(Line, 'a', sizeof(Line));
    Line[SC_ADMIN_REQUEST_MAX - 1] = '\n';
    assert_null(sc_admin_request_parse(Line, SC_ADMIN_REQUEST_MAX, &R));

    memset(Line, 'a', sizeof(Line));
    Line[SC_ADMIN_REQUEST_MAX] = '\n';
    assert_non_null(sc_admin_request_parse(Line, SC_ADMIN_REQUEST_MAX + 1,
                                           &R));

    memcpy(Line, "a\0b\n", 4);
    assert_non_null(sc_admin_request_parse(Line, 4, &R));

    assert_null(parse("x a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1\n"));
    assert_int_equal(R.n_args, SC_ADMIN_ARGS_MAX);
}


static void
test_numbers(void **state)
{
    uint64_t n = 0;

    (void) state;

    assert_true(sc_admin_number("0", 9, &n));
    assert_int_equal(n, 0);
    assert_true(sc_admin_number("18446744073709551615", UINT64_MAX, &n));
    assert_true(n == UINT64_MAX);
    assert_true(sc_admin_number("365", 365, &n));
    assert_int_equal(n, 365);

    assert_false(sc_admin_number("366", 365, &n));
    assert_false(sc_admin_number("7", 5, &n));
    assert_false(sc_admin_number("18446744073709551616", UINT64_MAX, &n));
    assert_false(sc_admin_number("", 9, &n));
    assert_false(sc_admin_number("01", 9, &n));
    assert_false(sc_admin_number("-1", 9, &n));
    assert_false(sc_admin_number("1 ", 9, &n));
}


static void
test_hex(void **state)
{
    uint8_t out[2];

    (void) state;

    assert_true(sc_admin_hex("00ff", out, 2));
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 255);
    assert_false(sc_admin_hex("00f", out, 2));
    assert_false(sc_admin_hex("00fff", out, 2));
    assert_false(sc_admin_hex("00FF", out, 2));
    assert_false(sc_admin_hex("00fg", out, 2));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
