/*
 * Leaky buckets of many keys: what one key may, that it leaks, what is said
 * above the limit, and that keys do not disturb one another.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "rate.h"

#define T0 5000000ull            /* ms */

static uint64_t
key_of(uint64_t n)
{
    static const uint8_t secret[crypto_shorthash_KEYBYTES] = { 7 };

    uint64_t hash;

    crypto_shorthash((unsigned char *) &hash, (const unsigned char *) &n,
                     sizeof(n), secret);
    return hash;
}

static struct sc_rate *
rate_of(uint32_t n, uint32_t seconds)
{
    struct sc_limit limit = { n, seconds };
    struct sc_rate *rate = sc_rate_new(&limit);

    assert_non_null(rate);
    return rate;
}

static void
test_limit(void **state)
{
    struct sc_rate *rate = rate_of(20, 60);
    uint64_t        key = key_of(1), now = T0;

    (void) state;

    /* All at once. */
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sc_rate_over(rate, key, now), 0);
        assert_int_equal(sc_rate_wait(rate, key, now), 0);
        sc_rate_add(rate, key, now);
    }

    assert_int_equal(sc_rate_over(rate, key, now), 1);
    assert_int_equal(sc_rate_wait(rate, key, now), 3000);

    /* One more each three seconds, and no sooner. */
    assert_int_equal(sc_rate_wait(rate, key, now + 2000), 1000);
    assert_int_equal(sc_rate_over(rate, key, now + 2999), 1);
    assert_int_equal(sc_rate_over(rate, key, now + 3000), 0);
    sc_rate_add(rate, key, now + 3000);
    assert_int_equal(sc_rate_wait(rate, key, now + 3000), 3000);

    /* Empty again after a minute, and never fuller than that. */
    now += 70000;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sc_rate_over(rate, key, now), 0);
        sc_rate_add(rate, key, now);
    }
    assert_int_equal(sc_rate_over(rate, key, now), 1);

    sc_rate_free(rate);
}

static void
test_above(void **state)
{
    struct sc_rate *rate = rate_of(10, 60);
    uint64_t        key = key_of(2);
    unsigned        last = 0, over;

    (void) state;

    for (int i = 0; i < 200; i++) {
        over = sc_rate_over(rate, key, T0);
        assert_true(over >= last);
        assert_true(over <= SC_RATE_DEPTH);
        assert_int_equal(over, i < 10 ? 0 : i / 10 < 8 ? i / 10 : 8);
        last = over;
        sc_rate_add(rate, key, T0);
    }

    /* However many came, it is over after so many times the period. */
    assert_int_equal(sc_rate_over(rate, key, T0 + 7 * 60000), 1);
    assert_int_equal(sc_rate_over(rate, key, T0 + 8 * 60000), 0);

    sc_rate_free(rate);
}

/* A flood of other keys, a hundred times as many as there is memory for, one
 * in ten of them as often as it may: whoever has done nothing may still do
 * everything. */
static void
test_others(void **state)
{
    struct sc_rate *rate = rate_of(10, 3600);

    (void) state;

    for (uint64_t i = 0; i < 1600000; i++) {
        for (int k = 0; k < (i % 10 ? 1 : 10); k++) {
            sc_rate_add(rate, key_of(1000 + i), T0 + i / 1000);
        }
    }

    for (uint64_t i = 0; i < 10000; i++) {
        assert_int_equal(sc_rate_wait(rate, key_of(90000000 + i), T0 + 1600),
                         0);
    }

    sc_rate_free(rate);
}

/* Whoever overdoes it is not forgotten for a flood of those who do not. */
static void
test_heavy(void **state)
{
    struct sc_rate *rate = rate_of(20, 60);

    (void) state;

    for (uint64_t i = 0; i < 400; i++) {
        for (int k = 0; k < 40; k++) {
            sc_rate_add(rate, key_of(i), T0);
        }
    }
    for (uint64_t i = 0; i < 1000000; i++) {
        sc_rate_add(rate, key_of(1000 + i), T0 + i / 100);
    }
    for (uint64_t i = 0; i < 400; i++) {
        assert_int_equal(sc_rate_over(rate, key_of(i), T0 + 10000), 1);
    }

    sc_rate_free(rate);
}

static void
test_none(void **state)
{
    struct sc_limit limit = { 0, 60 };

    (void) state;

    assert_null(sc_rate_new(&limit));
    sc_rate_add(NULL, 1, T0);
    assert_int_equal(sc_rate_over(NULL, 1, T0), 0);
    assert_int_equal(sc_rate_wait(NULL, 1, T0), 0);
    sc_rate_free(NULL);
}

/* The largest that can be set, and the smallest. */
static void
test_extremes(void **state)
{
    struct sc_rate *rate = rate_of(1000000, 1);

    (void) state;

    for (int i = 0; i < 1000000; i++) {
        sc_rate_add(rate, 5, T0);
    }
    assert_int_equal(sc_rate_wait(rate, 5, T0), 1);
    sc_rate_free(rate);

    rate = rate_of(1, 3600);
    assert_int_equal(sc_rate_wait(rate, 5, T0), 0);
    sc_rate_add(rate, 5, T0);
    assert_int_equal(sc_rate_wait(rate, 5, T0), 3600000);
    sc_rate_free(rate);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_above),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_heavy),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_extremes),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
