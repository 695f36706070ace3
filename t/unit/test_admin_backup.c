/*
 * sealchatctl and the store: backing it up and restoring it, and looking it
 * over.
 */

#include "operator.h"

#include "store/db.h"

#define MESSAGES 300

/* Sends while somebody else makes a backup; returns how many were stored. */
static void
send_some(const struct owner *o, const struct visitor *v,
          struct client *visitor, struct chain *chain, int n)
{
    struct letter letter;

    for (int i = 0; i < n; i++) {
        letter_make(&letter, o, v, NULL, chain);
        ask_send(visitor, &letter);
        expect_stored(visitor);
    }
}

static void
test_backup(void **state)
{
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   chain = { 0 };
    char           command[512];
    FILE          *backup;

    (void) state;

    owner_register(&o, &P);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    send_some(&o, &v, &visitor, &chain, MESSAGES);

    /* Under load. */
    snprintf(command, sizeof(command),
             "%s -c %s -j backup %s/backup 2>&1", ctl_program(), D.conf,
             D.dir);
    backup = popen(command, "r");
    assert_non_null(backup);
    send_some(&o, &v, &visitor, &chain, MESSAGES);
    Out[fread(Out, 1, sizeof(Out) - 1, backup)] = '\0';
    assert_int_equal(pclose(backup), 0);
    says("\"blake2b\":\"");
    client_close(&visitor);
    peer_close(&P);

    assert_int_equal(ctl("backup %s/backup", D.dir), 1);
    says("there is something in it");

    /* The store is lost; the key is not. */
    daemon_kill(&D);
    snprintf(command, sizeof(command), "rm -rf %s/store", D.dir);
    assert_int_equal(system(command), 0);
    CTL_OK("restore %s/backup %s/store", D.dir, D.dir);
    says("wrong                        0");

    daemon_start(&D);
    peer_open(&P, &D);
    device_login(&device, &P, &o, 0);
    assert_true(device.head >= MESSAGES);
    assert_true(device.head <= 2 * MESSAGES);
    client_close(&device);
    owner_login(&device, &P, &o, SC_ROLE_PASSWORD);
    client_close(&device);
}

/* A byte of the backup changes: it is not restored. */
static void
test_damaged_backup(void **state)
{
    char  path[128];
    FILE *file;
    int   c;

    (void) state;

    CTL_OK("backup %s/backup", D.dir);
    snprintf(path, sizeof(path), "%s/backup/store.mdb", D.dir);
    file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    c = fgetc(file);
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    assert_int_equal(fputc(c ^ 1, file), c ^ 1);
    fclose(file);

    assert_int_equal(ctl("restore %s/backup %s/other", D.dir, D.dir), 1);
    says("the backup is damaged");
    snprintf(path, sizeof(path), "%s/other", D.dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* Damage that is planted in a stopped store, one at a time. */
enum damage { LOSE_MESSAGE, CHANGE_ENVELOPE, LOSE_ROSTER, OTHER_CUSTOMER,
              LOSE_BLOCK, LOSE_HELLO, CHANGE_WRAP, LOSE_SESSION_END,
              KEEP_BLOCK, COUNT_TOO_MANY, COUNT_TOO_FEW, DAMAGES };

static int
first(struct sc_txn *txn, enum sc_db_name name, uint8_t key[64],
      size_t *key_n, uint8_t *value, size_t *value_n)
{
    static const uint8_t lowest[1];

    struct sc_walk *walk = sc_walk_open(txn, name);
    struct sc_bytes k, v;
    int             more = sc_walk_seek(walk, lowest, 1, &k, &v);

    if (more) {
        memcpy(key, k.p, k.n);
        memcpy(value, v.p, v.n);
        *key_n = k.n;
        *value_n = v.n;
    }
    sc_walk_close(walk);
    return more;
}

/* What is in the rows is taken away, or its last byte changed. */
static void
plant(struct sc_txn *txn, enum damage damage)
{
    static const struct {
        enum sc_db_name name;
        int             lose;
    } rows[DAMAGES] = {
        [LOSE_ROSTER] = { SC_DB_ROSTERS, 1 },
        [OTHER_CUSTOMER] = { SC_DB_CIDS, 0 },
        [LOSE_BLOCK] = { SC_DB_BLOCKS, 1 },
        [LOSE_HELLO] = { SC_DB_HELLOS, 1 },
        [CHANGE_WRAP] = { SC_DB_WRAPS, 0 },
    };
    static uint8_t  value[65536];
    uint8_t         key[64];
    size_t          key_n, value_n;
    uint64_t        place;
    struct sc_walk *walk;
    struct sc_bytes found;

    if (damage == LOSE_MESSAGE || damage == CHANGE_ENVELOPE
        || damage == LOSE_SESSION_END)
    {
        walk = sc_walk_open(txn, SC_DB_LOG_90);
        if (damage == LOSE_SESSION_END) {
            assert_true(sc_walk_last_number(walk, &place));
        } else {
            assert_true(sc_walk_seek_number(walk, 0, &place, &found));
            assert_true(sc_walk_next_number(walk, &place, &found));
        }
        sc_walk_close(walk);

        if (damage == CHANGE_ENVELOPE) {
            assert_true(sc_txn_get_number(txn, SC_DB_LOG_90, place, &found));
            value_n = found.n;
            memcpy(value, found.p, value_n);
            value[value_n - 100] ^= 1;
            sc_txn_put(txn, SC_DB_LOG_90, &place, sizeof(place), value,
                       value_n);
        } else {
            sc_txn_del_number(txn, SC_DB_LOG_90, place);
        }
        return;
    }

    if (damage == KEEP_BLOCK) {
        memset(value, 0, 8);
        assert_true(first(txn, SC_DB_SESSIONS, key, &key_n, value + 8,
                          &value_n));
        key[key_n - 1] ^= 1;
        sc_txn_put(txn, SC_DB_DELETED, key, key_n, value, 8);
        sc_txn_put(txn, SC_DB_BLOCKED, key, key_n, value, 8);
        return;
    }

    if (damage == COUNT_TOO_MANY || damage == COUNT_TOO_FEW) {
        memset(value, damage == COUNT_TOO_MANY ? 0xff : 0, 8);
        sc_txn_put(txn, SC_DB_META, "customers", 9, value, 8);
        return;
    }

    assert_true(first(txn, rows[damage].name, key, &key_n, value, &value_n));
    if (rows[damage].lose) {
        sc_txn_del(txn, rows[damage].name, key, key_n);
    } else {
        value[value_n - 1] ^= 3;
        sc_txn_put(txn, rows[damage].name, key, key_n, value, value_n);
    }
}

static void
test_check(void **state)
{
    static const char *const says_of[DAMAGES] = {
        [LOSE_MESSAGE] = "messages are there where",
        [CHANGE_ENVELOPE] = "is not what was stored",
        [LOSE_ROSTER] = "roster 1 is missing",
        [OTHER_CUSTOMER] = "cid",
        [LOSE_BLOCK] = "is in no block",
        [LOSE_HELLO] = "its hello is missing",
        [CHANGE_WRAP] = "does not open",
        [LOSE_SESSION_END] = "its newest message is missing",
        [KEEP_BLOCK] = "it was deleted and is blocked",
        [COUNT_TOO_MANY] = "numbers of customers are said to be given out",
        [COUNT_TOO_FEW] = "numbers of customers are said to be given out",
    };
    struct owner   o;
    struct visitor v;
    struct client  visitor;
    struct chain   chain = { 0 };
    char           command[512], store[96], why[256];

    (void) state;

    owner_register(&o, &P);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    send_some(&o, &v, &visitor, &chain, 100);
    client_close(&visitor);

    assert_int_equal(ctl("check"), 1);
    says("another sealchatd uses the store");

    peer_close(&P);
    daemon_stop(&D);
    CTL_OK("check");
    says("messages                     100");

    snprintf(store, sizeof(store), "%s/store", D.dir);
    for (int damage = 0; damage < DAMAGES; damage++) {
        struct sc_db  *db;
        struct sc_txn *txn;

        snprintf(command, sizeof(command), "rm -rf %s.sound && cp -a %s "
                 "%s.sound", store, store, store);
        assert_int_equal(system(command), 0);

        db = sc_db_open(store, 256u << 20, why, sizeof(why));
        assert_non_null(db);
        txn = sc_txn_write(db);
        plant(txn, (enum damage) damage);
        assert_int_equal(sc_txn_commit(txn, why, sizeof(why)), SC_E_NONE);
        sc_db_close(db);

        assert_int_equal(ctl("check"), 1);
        says(says_of[damage]);

        snprintf(command, sizeof(command), "rm -rf %s && mv %s.sound %s",
                 store, store, store);
        assert_int_equal(system(command), 0);
    }

    CTL_OK("check");

    /* A file that was cut ends the process that reads it, and says so. */
    snprintf(command, sizeof(command), "truncate -s 20000 %s/store.mdb",
             store);
    assert_int_equal(system(command), 0);
    assert_int_equal(ctl("check"), 1);

    snprintf(command, sizeof(command), "rm -rf %s", store);
    assert_int_equal(system(command), 0);
    assert_int_equal(ctl("check %s", D.dir), 1);
    says("there is no store");
    daemon_start(&D);
    peer_open(&P, &D);
}

#define ADMIN_TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ADMIN_TEST(test_backup),
        ADMIN_TEST(test_damaged_backup),
        ADMIN_TEST(test_check),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
