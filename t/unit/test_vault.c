/*
 * The vault's keys: their file, what is no such file, sealing, rotating.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "vault.h"

#define KEY_A "sealchat-vault-key " \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define KEY_B "sealchat-vault-key " \
    "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define KEY_C "sealchat-vault-key " \
    "fe0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static char Why[512];
static char Dir[64], File[128];


static int
setup(void **state)
{
    (void) state;

    strcpy(Dir, "/tmp/sealchat-test-XXXXXX");
    assert_non_null(mkdtemp(Dir));
    snprintf(File, sizeof(File), "%s/key", Dir);
    return 0;
}


static int
teardown(void **state)
{
    char command[128];

    (void) state;

    snprintf(command, sizeof(command), "rm -rf %s", Dir);
    return system(command);
}


static struct sc_vault *
parse(const char *text)
{
    return sc_vault_parse(text, strlen(text), Why, sizeof(Why));
}


static void
test_text(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        { "", "no key" },
        { "# nothing\n\n", "no key" },
        { "sealchat-vault-key 00\n", "line 1: not a line" },
        { "# one\n" KEY_A "key\n", "line 3: not a line" },
        { "sealchat-vault-key "
          "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n",
          "not a line" },
        { " " KEY_A, "not a line" },
        { KEY_A KEY_A, "stands twice" },
    };
    struct sc_vault *vault;

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(parse(rows[i].text));
        if (strstr(Why, rows[i].why) == NULL) {
            fail_msg("\"%s\": %s", rows[i].text, Why);
        }
    }

    vault = parse("# two\n" KEY_A "\n" KEY_B);
    assert_non_null(vault);
    assert_int_equal(sc_vault_n_keys(vault), 2);
    sc_vault_free(vault);

    /* Without the last newline. */
    vault = sc_vault_parse(KEY_A, strlen(KEY_A) - 1, Why, sizeof(Why));
    assert_non_null(vault);
    assert_int_equal(sc_vault_add_key(vault), 0);
    assert_int_equal(sc_vault_add_key(vault), 0);
    assert_int_equal(sc_vault_add_key(vault), 0);
    assert_int_equal(sc_vault_add_key(vault), -1);
    sc_vault_free(vault);
}


static void
test_seal(void **state)
{
    struct sc_vault *vault = parse(KEY_A), *other = parse(KEY_B);
    uint8_t          sealed[100 + SC_VAULT_OVERHEAD], out[100], plain[100];
    uint8_t          twice[sizeof(sealed)];

    (void) state;

    randombytes_buf(plain, sizeof(plain));
    sc_vault_seal(vault, "row", 3, plain, sizeof(plain), sealed);
    sc_vault_seal(vault, "row", 3, plain, sizeof(plain), twice);
    assert_memory_not_equal(sealed, twice, sizeof(sealed));

    assert_int_equal(sc_vault_unseal(vault, "row", 3, sealed, sizeof(sealed),
                                     out), 0);
    assert_memory_equal(out, plain, sizeof(plain));

    /* For another row, under another key, cut, and with any bit changed. */
    assert_int_equal(sc_vault_unseal(vault, "rox", 3, sealed, sizeof(sealed),
                                     out), -1);
    assert_int_equal(sc_vault_unseal(other, "row", 3, sealed, sizeof(sealed),
                                     out), -1);
    for (size_t n = 0; n < sizeof(sealed); n++) {
        assert_int_equal(sc_vault_unseal(vault, "row", 3, sealed, n, out),
                         -1);
        sealed[n] ^= 0x10;
        assert_int_equal(sc_vault_unseal(vault, "row", 3, sealed,
                                         sizeof(sealed), out), -1);
        sealed[n] ^= 0x10;
    }

    sc_vault_free(vault);
    sc_vault_free(other);
}


static void
test_rotate(void **state)
{
    struct sc_vault *vault = parse(KEY_A), *both = parse(KEY_B KEY_A);
    struct sc_vault *stranger = parse(KEY_C KEY_B);
    uint8_t          sealed[4 + SC_VAULT_OVERHEAD], out[4];

    (void) state;

    sc_vault_seal(vault, "", 0, (const uint8_t *) "wrap", 4, sealed);
    assert_true(sc_vault_is_present(vault, sealed, sizeof(sealed)));

    assert_int_equal(sc_vault_adopt(vault, stranger), -1);
    assert_int_equal(sc_vault_adopt(vault, both), 0);
    assert_false(sc_vault_is_present(vault, sealed, sizeof(sealed)));
    assert_int_equal(sc_vault_unseal(vault, "", 0, sealed, sizeof(sealed),
                                     out), 0);
    assert_memory_equal(out, "wrap", 4);

    sc_vault_drop_old(vault);
    assert_int_equal(sc_vault_n_keys(vault), 1);
    assert_int_equal(sc_vault_unseal(vault, "", 0, sealed, sizeof(sealed),
                                     out), -1);

    sc_vault_free(vault);
    sc_vault_free(both);
    sc_vault_free(stranger);
}


static void
test_file(void **state)
{
    struct sc_vault *vault = sc_vault_new(), *read;
    struct stat      st;
    uint8_t          a[SC_VAULT_ID_BYTES], b[SC_VAULT_ID_BYTES];
    char             link[160];

    (void) state;

    assert_null(sc_vault_load(File, Why, sizeof(Why)));
    assert_int_equal(errno, ENOENT);

    assert_int_equal(sc_vault_save(vault, File, 0, Why, sizeof(Why)), 0);
    assert_int_equal(stat(File, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    /* What is there is never written over unasked. */
    assert_int_equal(sc_vault_save(vault, File, 0, Why, sizeof(Why)), -1);
    assert_non_null(strstr(Why, "File exists"));

    assert_int_equal(sc_vault_add_key(vault), 0);
    assert_int_equal(sc_vault_save(vault, File, 1, Why, sizeof(Why)), 0);
    read = sc_vault_load(File, Why, sizeof(Why));
    assert_non_null(read);
    assert_int_equal(sc_vault_n_keys(read), 2);
    sc_vault_present(vault, a);
    sc_vault_present(read, b);
    assert_memory_equal(a, b, sizeof(a));
    sc_vault_free(read);

    for (unsigned bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(File, 0600 | bit), 0);
        assert_null(sc_vault_load(File, Why, sizeof(Why)));
        assert_non_null(strstr(Why, "chmod 600"));
    }
    assert_int_equal(chmod(File, 0600), 0);

    if (geteuid() == 0) {
        assert_int_equal(chown(File, 12345, (gid_t) -1), 0);
        assert_null(sc_vault_load(File, Why, sizeof(Why)));
        assert_non_null(strstr(Why, "neither root"));
        assert_int_equal(chown(File, 0, (gid_t) -1), 0);
    }

    snprintf(link, sizeof(link), "%s.link", File);
    assert_int_equal(symlink(File, link), 0);
    assert_null(sc_vault_load(link, Why, sizeof(Why)));
    assert_non_null(strstr(Why, "symbolic link"));

    assert_null(sc_vault_load(Dir, Why, sizeof(Why)));
    assert_non_null(strstr(Why, "no regular file"));

    assert_int_equal(truncate(File, SC_VAULT_FILE_MAX), 0);
    assert_null(sc_vault_load(File, Why, sizeof(Why)));
    assert_non_null(strstr(Why, "too long"));

    sc_vault_free(vault);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_rotate),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
