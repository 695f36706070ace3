/*
 * sealchatd.conf: every key, its limits, and errors that name file and line.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

#define GOOD "[service]\norigin = https://chat.example.com\n" \
             "[link]\nlisten = /run/s.sock\n[store]\npath = /var/lib/s\n"

static char why[512];

static int
read_text(struct sc_config *config, const char *text)
{
    char  name[] = "/tmp/sealchat-conf-XXXXXX";
    int   fd = mkstemp(name), rc;
    FILE *f;

    assert_true(fd >= 0);
    f = fdopen(fd, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);

    why[0] = '\0';
    rc = sc_config_read(config, name, why, sizeof(why));

    if (rc != 0) {
        assert_memory_equal(why, name, strlen(name));
        memmove(why, why + strlen(name), strlen(why + strlen(name)) + 1);
    }

    unlink(name);
    return rc;
}

static void
refused(const char *text, const char *at, const char *part)
{
    struct sc_config config;

    assert_int_equal(read_text(&config, text), -1);
    assert_memory_equal(why, at, strlen(at));
    if (strstr(why, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why, part);
    }
    sc_config_free(&config);
}

static void
test_defaults(void **state)
{
    struct sc_config config;

    (void) state;

    assert_int_equal(read_text(&config, GOOD), 0);
    assert_string_equal(config.origin, "https://chat.example.com");
    assert_int_equal(config.registration, 0);
    assert_string_equal(config.listen, "/run/s.sock");
    assert_int_equal(config.mode, 0660);
    assert_string_equal(config.store_path, "/var/lib/s");
    assert_true(config.map_size == 64ull << 30);
    assert_int_equal(config.level, SC_LOG_INFO);
    assert_null(config.log_file);
    assert_null(config.user);
    assert_null(config.group);
    assert_null(config.peers);
    assert_int_equal(config.seccomp, 1);
    assert_string_equal(config.admin_listen, "/run/s.sock.admin");
    assert_string_equal(config.vault_key, "/var/lib/s.key");
    assert_int_equal(config.days, 90);
    assert_true(config.quotas.bytes == SC_NO_LIMIT);
    assert_true(config.quotas.first_messages == 1000);
    assert_memory_equal(&config.limits, &sc_throttle_default,
                        sizeof(config.limits));
    sc_config_free(&config);
}

static void
test_all_keys(void **state)
{
    struct sc_config config;

    (void) state;

    assert_int_equal(read_text(&config,
        "; a comment\n# another\n\n[service]\n  origin=http://[::1]:8080\n"
        "registration = open ; inline\nuser = chat\nseccomp = off\n"
        "[link]\nlisten = ./s\nmode = 0600\ngroup = web\npeers = a 7\n"
        "[admin]\nlisten = ./adm\n[store]\npath = p\nmap_size = 3G\n"
        "vault_key = p.d/key\nkeep = forever\n"
        "[quotas]\nbytes = 2g\nmessages = none\nsessions = 10k\n"
        "first_bytes = 5\nfirst_messages = 6\n"
        "[limits]\nenabled = off\npuzzle_bits = 20\npuzzle_address = none\n"
        "puzzle_customer = 7/s\npuzzle_account = 8/m\n"
        "sessions_address = 9/h\nmessages_session = 1k/s\n"
        "signals_session = 5/m\nlogins_address = 1000000/h\nlogins_account = 1/m\n"
        "registrations_address = 3/m\nchanges_account = 2/s\n"
        "[log]\nlevel = error\n"
        "file = /tmp/x.log\n"), 0);
    assert_string_equal(config.user, "chat");
    assert_int_equal(config.seccomp, 0);
    assert_string_equal(config.group, "web");
    assert_string_equal(config.peers, "a 7");
    assert_string_equal(config.admin_listen, "./adm");
    assert_string_equal(config.vault_key, "p.d/key");
    assert_string_equal(config.origin, "http://[::1]:8080");
    assert_int_equal(config.registration, 1);
    assert_int_equal(config.mode, 0600);
    assert_true(config.map_size == 3ull << 30);
    assert_int_equal(config.days, SC_KEPT);
    assert_true(config.quotas.bytes == 2ull << 30);
    assert_true(config.quotas.messages == SC_NO_LIMIT);
    assert_true(config.quotas.sessions == 10240);
    assert_true(config.quotas.first_bytes == 5);
    assert_true(config.quotas.first_messages == 6);
    assert_int_equal(config.limits.off, 1);
    assert_int_equal(config.limits.puzzle_bits, 20);
#define LIMIT(NAME, count, in) \
    assert_int_equal(config.limits.limits[SC_LIMIT_##NAME].n, count); \
    assert_true(count == 0 \
                || config.limits.limits[SC_LIMIT_##NAME].seconds == in)
    LIMIT(PUZZLE_ADDRESS, 0, 0);
    LIMIT(PUZZLE_CUSTOMER, 7, 1);
    LIMIT(PUZZLE_ACCOUNT, 8, 60);
    LIMIT(SESSIONS_ADDRESS, 9, 3600);
    LIMIT(MESSAGES_SESSION, 1024, 1);
    LIMIT(SIGNALS_SESSION, 5, 60);
    LIMIT(LOGINS_ADDRESS, 1000000, 3600);
    LIMIT(LOGINS_ACCOUNT, 1, 60);
    LIMIT(REGISTRATIONS_ADDRESS, 3, 60);
    LIMIT(CHANGES_ACCOUNT, 2, 1);
#undef LIMIT
    assert_int_equal(config.level, SC_LOG_ERROR);
    assert_string_equal(config.log_file, "/tmp/x.log");
    sc_config_free(&config);
}

static void
test_example(void **state)
{
    struct sc_config config;

    (void) state;

    assert_int_equal(sc_config_read(&config, "packaging/sealchatd.conf",
                                    why, sizeof(why)), 0);
    assert_int_equal(config.registration, 0);
    assert_int_equal(config.mode, 0660);
    assert_true(config.map_size == 64ull << 30);
    assert_null(config.log_file);
    assert_int_equal(config.days, 90);
    assert_true(config.quotas.messages == SC_NO_LIMIT);
    assert_true(config.quotas.first_bytes == 4u << 20);
    assert_true(config.quotas.first_messages == 1000);
    assert_memory_equal(&config.limits, &sc_throttle_default,
                        sizeof(config.limits));
    sc_config_free(&config);
}

/* A copy of the store must not bring its key along. */
static void
test_vault_key(void **state)
{
    struct sc_config config;

    (void) state;

    refused(GOOD "vault_key = /var/lib/s/key\n", ": ", "inside of path");

    assert_int_equal(read_text(&config, GOOD "vault_key = /var/lib/s2/k\n"),
                     0);
    sc_config_free(&config);
}

static void
test_lines(void **state)
{
    char long_line[400];

    (void) state;

    refused(GOOD "[log]\nlevle = info\n", ":8: ", "unknown key levle in [log]");
    refused("[service]\nlisten = /x\n", ":2: ", "unknown key listen");
    refused("[servise]\norigin = http://a\n", ":2: ", "in [servise]");
    refused("origin = http://a\n", ":1: ", "unknown key origin in []");
    refused(GOOD "what is this\n", ":7: ", "neither");
    refused(GOOD "[log\nlevel = info\n", ":7: ", "neither");
    refused(GOOD "path = again\n", ":7: ", "path stands twice");
    refused(GOOD "   mode = 0600\n", ":7: ", "unknown key mode in [store]");

    memset(long_line, 'x', sizeof(long_line));
    memcpy(long_line, "[log]\nfile = ", 13);
    long_line[sizeof(long_line) - 1] = '\0';
    refused(long_line, ":2: ", "longer than");
}

static void
test_missing(void **state)
{
    struct sc_config config;

    (void) state;

    refused("", ": ", "origin is missing in [service]");
    refused("[service]\norigin = http://a\n", ": ",
            "listen is missing in [link]");
    refused("[service]\norigin = http://a\n[link]\nlisten = x\n", ": ",
            "path is missing in [store]");

    assert_int_equal(sc_config_read(&config, "/nowhere/at/all", why,
                                    sizeof(why)), -1);
    assert_string_equal(why, "/nowhere/at/all: No such file or directory");
    sc_config_free(&config);

    assert_int_equal(sc_config_read(&config, "/tmp", why, sizeof(why)), -1);
    assert_non_null(strstr(why, "Is a directory"));
    sc_config_free(&config);
}

static void
test_values(void **state)
{
    static const struct {
        const char *line;
        const char *part;
    } bad[] = {
        { "[service]\nregistration = yes\n", "not one of off, open, invitation" },
        { "[service]\nregistration =\n", "not one of off, open, invitation" },
        { "[link]\nmode = 660\n", "octal" },
        { "[link]\nmode = 0999\n", "octal" },
        { "[link]\nmode = 01777\n", "octal" },
        { "[link]\nmode = 0\n", "octal" },
        { "[link]\nlisten =\n", "1 to 107 bytes" },
        { "[admin]\nlisten =\n", "1 to 107 bytes" },
        { "[service]\nuser =\n", "user: empty" },
        { "[service]\nseccomp = yes\n", "not one of off, on, kill" },
        { "[link]\ngroup =\n", "group: empty" },
        { "[store]\nvault_key =\n", "vault_key: empty" },
        { "[store]\npath =\n", "empty" },
        { "[store]\nmap_size = 1m\n", "less than 64m" },
        { "[store]\nmap_size = -1\n", "not a size" },
        { "[store]\nmap_size = 12x\n", "not a size" },
        { "[store]\nmap_size = 1gb\n", "not a size" },
        { "[store]\nmap_size = 99999999999999999999\n", "not a size" },
        { "[store]\nmap_size = 18446744073709551615t\n", "not a size" },
        { "[store]\nkeep = 8\n", "not 7, 30, 90 or 365 days" },
        { "[store]\nkeep =\n", "not 7, 30, 90 or 365 days" },
        { "[quotas]\nbytes = 0\n", "neither a number" },
        { "[quotas]\nmessages = many\n", "neither a number" },
        { "[quotas]\nsessions = -1\n", "neither a number" },
        { "[quotas]\nfirst_bytes = 1z\n", "neither a number" },
        { "[quotas]\nfirst_messages =\n", "neither a number" },
        { "[limits]\nenabled = maybe\n", "neither on nor off" },
        { "[limits]\npuzzle_bits = 21\n", "not a number up to 20" },
        { "[limits]\npuzzle_bits = hard\n", "not a number up to 20" },
        { "[limits]\npuzzle_address = 20\n", "neither a rate" },
        { "[limits]\npuzzle_customer = 0/m\n", "neither a rate" },
        { "[limits]\npuzzle_account = 1/d\n", "neither a rate" },
        { "[limits]\nsessions_address = 1/\n", "neither a rate" },
        { "[limits]\nmessages_session = /m\n", "neither a rate" },
        { "[limits]\nlogins_address = 1/mm\n", "neither a rate" },
        { "[limits]\nlogins_account = 1000001/m\n", "neither a rate" },
        { "[limits]\nlogins_account = 12345678901234567890/m\n",
          "neither a rate" },
        { "[log]\nlevel = chatty\n", "not one of" },
        { "[log]\nfile =\n", "empty" },
    };

    char path[160] = "[link]\nlisten = ";

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(bad[i].line, ":2: ", bad[i].part);
    }

    memset(path + strlen(path), 'p', 108);
    refused(path, ":2: ", "1 to 107 bytes");
}

static void
test_origins(void **state)
{
    static const char *const good[] = {
        "http://a", "https://chat.example.com", "http://chat.localhost:8080",
        "https://a:80", "http://127.0.0.1:1", "http://[::1]", "http://a:65535",
        "https://xn--e1aybc.example"
    };
    static const char *const bad[] = {
        "", "chat.example.com", "ftp://a", "https://", "http://a/",
        "https://a:443", "http://a:80", "http://a:", "http://a:0",
        "http://a:65536", "http://a:123456", "http://A", "http://a b",
        "http://a@b", "http://a?x", "http://[::1", "http://[]", "http://:80",
        "HTTP://a", "http://a:8x", "http://a:080"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!sc_origin_ok(good[i])) {
            fail_msg("%s is an origin", good[i]);
        }
    }

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (sc_origin_ok(bad[i])) {
            fail_msg("%s is no origin", bad[i]);
        }
    }

    refused("[service]\norigin = https://a/chat\n", ":2: ", "not an origin");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_vault_key),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
