/*
 * What customers publish of their key, as `sealchatctl verify` reads it: each
 * thing that is refused, and answers of the DNS byte by byte.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "../../sidecar/ctl/claims.h"
#include "../../sidecar/ctl/txt.h"

#define CID "bIjOGJRkl8sVebicLy6p2rBpjqXKOJfgEAy1Nz4Gp7I"
#define REST " src=\"https://c.example/w.js\" integrity='sha384-x'" \
             " data-service=https://c.example>"

static const char *
page(const char *html, struct sc_claim *out)
{
    return sc_claim_of_page(html, strlen(html), out);
}

static void
test_page(void **state)
{
    struct sc_claim c;

    (void) state;

    assert_null(page("<SCRIPT data-cid=" CID REST, &c));
    assert_int_equal(c.min_generation, 1);
    assert_string_equal(c.service, "https://c.example");
    assert_string_equal(c.widget, "https://c.example/w.js");
    assert_string_equal(c.integrity, "sha384-x");
    assert_int_equal(c.cid[0], 0x6c);

    assert_null(page("<!-- <script data-cid=x> --><script>'<script "
                     "data-cid=x>'</script><script defer data-min-generation"
                     " = \"7\" data-cid=" CID REST, &c));
    assert_int_equal(c.min_generation, 7);

    assert_non_null(page("", &c));
    assert_non_null(page("<script", &c));
    assert_non_null(page("<script data-cid", &c));
    assert_non_null(page("<script data-cid=\"" CID, &c));
    assert_non_null(page("<!-- <script data-cid=" CID REST, &c));
    assert_non_null(page("<script data-cid=" CID ">", &c));
    assert_non_null(page("<script data-cid=" CID "=" REST, &c));
    assert_non_null(page("<script data-cid=" CID " data-cid=" CID REST, &c));
    assert_non_null(page("<script data-cid=" CID REST "</script>"
                         "<script data-cid=" CID REST, &c));
    assert_non_null(page("<script data-min-generation=0 data-cid=" CID REST,
                         &c));
    assert_non_null(page("<script data-min-generation=1x data-cid=" CID REST,
                         &c));
    assert_non_null(page("<script data-min-generation=9007199254740992 "
                         "data-cid=" CID REST, &c));
}

static void
test_json(void **state)
{
    static const char *const refused[] = {
        "", "{", "[]", "3", "{\"cid\": 3}", "{\"cid\": \"x\"}",
        "{\"cid\": \"" CID "\", \"cid\": \"" CID "\"}",
        "{\"cid\": \"" CID "\", \"min_generation\": 0}",
        "{\"cid\": \"" CID "\", \"min_generation\": \"2\"}",
        "{\"cid\": \"" CID "\", \"service\": \"\"}",
        "{\"cid\": \"" CID "\"} more",
    };
    struct sc_claim c;
    const char     *good = "{\"cid\": \"" CID "\", \"min_generation\": 2}";

    (void) state;

    assert_null(sc_claim_of_json(good, strlen(good), &c));
    assert_int_equal(c.min_generation, 2);
    assert_string_equal(c.service, "");

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_non_null(sc_claim_of_json(refused[i], strlen(refused[i]), &c));
    }
}

static void
test_record(void **state)
{
    static const char *const refused[] = {
        "", "v=spf1", "v=sealchat1", "v=sealchat1 cid=", "v=sealchat1 cid",
        "v=sealchat1 cid=" CID " cid=" CID, "v=sealchat1 min-generation=2",
        "v=sealchat1 cid=" CID " min-generation=-1",
    };
    struct sc_claim c;
    const char     *good = " v=sealchat1  min-generation=3 other cid=" CID " ";

    (void) state;

    assert_null(sc_claim_of_txt(good, strlen(good), &c));
    assert_int_equal(c.min_generation, 3);

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_non_null(sc_claim_of_txt(refused[i], strlen(refused[i]), &c));
    }
}

/* Two records, the second in two strings; refused at every length below. */
static void
test_answer(void **state)
{
    static const uint8_t answer[] =
        "\0\1\x81\x80\0\1\0\2\0\0\0\0" "\1s\0\0\x10\0\1"
        "\xc0\x0c\0\x10\0\1\0\0\1\x2c\0\x0c\x0bv=spf1 -all"
        "\xc0\x0c\0\x10\0\1\0\0\1\x2c\0\x13\x0bv=sealchat1\6 cid=x";
    char text[SC_TXT_MAX];

    (void) state;

    assert_null(sc_txt_of_answer(answer, sizeof(answer) - 1, text));
    assert_string_equal(text, "v=sealchat1 cid=x");

    for (size_t n = 0; n < sizeof(answer) - 1; n++) {
        assert_non_null(sc_txt_of_answer(answer, n, text));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_answer),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
