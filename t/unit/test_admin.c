/*
 * sealchatctl and the daemon, end to end: what an operator asks, changes,
 * backs up and restores, and what is refused.
 */

#define _GNU_SOURCE  /* memmem */

#include "people.h"

#include <sys/file.h>
#include <sys/ioctl.h>

#include "invitation.h"
#include "log.h"
#include "socket.h"
#include "store/db.h"

#define MESSAGES 300

static struct daemon D;
static struct peer   P;
static char          Out[1 << 20];


static int
setup(void **state)
{
    (void) state;

    daemon_make(&D);
    daemon_start(&D);
    peer_open(&P, &D);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;

    peer_close(&P);
    daemon_free(&D);
    return 0;
}

static const char *
ctl_program(void)
{
    const char *program = getenv("SEALCHATCTL");

    return program ? program : "build/asan/sealchatctl";
}

/* Runs sealchatctl; its output is in Out, both channels.  The exit code. */
static int
ctl(const char *format, ...)
{
    char    command[1024];
    va_list args;
    FILE   *pipe;
    size_t  n;
    int     used, status;

    used = snprintf(command, sizeof(command), "%s -c %s ", ctl_program(),
                    D.conf);
    va_start(args, format);
    used += vsnprintf(command + used, sizeof(command) - (size_t) used,
                      format, args);
    va_end(args);
    snprintf(command + used, sizeof(command) - (size_t) used, " 2>&1");

    pipe = popen(command, "r");
    assert_non_null(pipe);
    n = fread(Out, 1, sizeof(Out) - 1, pipe);
    Out[n] = '\0';
    status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
says(const char *text)
{
    if (strstr(Out, text) == NULL) {
        fail_msg("\"%s\" is not in: %s", text, Out);
    }
}

#define CTL_OK(...) \
    do { \
        if (ctl(__VA_ARGS__) != 0) { \
            fail_msg("failed: %s", Out); \
        } \
    } while (0)

static const char *
cid_text(const struct owner *o)
{
    static char text[SC_CID_TEXT + 1];

    sc_cid_write(text, o->cid);
    return text;
}


/* --- looking ------------------------------------------------------------- */

static void
test_status(void **state)
{
    struct owner o;
    char         command[256];

    (void) state;

    owner_register(&o, &P);

    CTL_OK("status");
    says("links                        1");
    CTL_OK("-j status");
    says("\"end\":\"ok\"}\n");

    CTL_OK("metrics");
    says("\nsealchatd_frames_total{type=\"register\"} 1\n");
    says("\nsealchatd_commit_duration_seconds_count ");
    snprintf(command, sizeof(command),
             "%s -c %s metrics | promtool check metrics", ctl_program(),
             D.conf);
    assert_int_equal(system(command), 0);

    assert_int_equal(ctl("nonsense"), 2);
    says("there is no command nonsense");
    assert_int_equal(ctl("customers show"), 2);
    assert_int_equal(ctl("-s /nowhere status"), 1);
    says("sealchatd does not run");
}

/* Bytes that are no request get one line and an end. */
static void
test_refusals(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        { "what\n", "There is no command what." },
        { "status why=1\n", "status knows no why." },
        { "STATUS\n", "no verb" },
        { "status\nstatus\n", "more than one line" },
        { "customer\n", "base64url" },
        { "backup\n", "No file came" },
        { "rotate\n", "No file came" },
        { "invite days=0\n", "1 to 3650" },
    };
    char path[128], answer[1024], flood[4096];
    int  fd;

    (void) state;

    snprintf(path, sizeof(path), "%s.admin", D.sock);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ssize_t n;

        fd = connect_to(path);
        assert_true(fd >= 0);
        write_all(fd, rows[i].text, strlen(rows[i].text));
        n = read(fd, answer, sizeof(answer) - 1);
        assert_true(n > 0);
        answer[n] = '\0';
        if (strstr(answer, rows[i].why) == NULL) {
            fail_msg("%s: %s", rows[i].text, answer);
        }
        close(fd);
    }

    /* Longer than any request, and never ended. */
    memset(flood, 'a', sizeof(flood));
    fd = connect_to(path);
    (void) send(fd, flood, sizeof(flood), MSG_NOSIGNAL);
    assert_true(read(fd, answer, sizeof(answer)) >= 0);
    close(fd);

    CTL_OK("status");
}

/* Eight at a time; the next one is told so, and they end in time. */
static void
test_many(void **state)
{
    char    path[128], answer[256];
    int     fds[9];
    ssize_t n;

    (void) state;

    snprintf(path, sizeof(path), "%s.admin", D.sock);
    for (int i = 0; i < 9; i++) {
        fds[i] = connect_to(path);
        assert_true(fds[i] >= 0);
    }

    n = read(fds[8], answer, sizeof(answer) - 1);
    assert_true(n > 0);
    answer[n] = '\0';
    assert_non_null(strstr(answer, "too many"));

    for (int i = 0; i < 9; i++) {
        close(fds[i]);
    }

    nap(100);
    CTL_OK("status");
}

/* Sends a command; its answer is read from what is returned. */
static int
begin(const char *format, ...)
{
    char    path[128], line[256];
    va_list args;
    int     fd;

    snprintf(path, sizeof(path), "%s.admin", D.sock);
    fd = connect_to(path);
    assert_true(fd >= 0);

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    write_all(fd, line, strlen(line));

    return fd;
}

/* Reads to the end of an answer, which says ok. */
static void
end_ok(int fd)
{
    char    answer[1024];
    size_t  used = 0;
    ssize_t n;

    while ((n = read(fd, answer + used, sizeof(answer) - 1 - used)) > 0) {
        used += (size_t) n;
    }

    answer[used] = '\0';
    close(fd);
    assert_non_null(strstr(answer, "\"end\":\"ok\""));
}

/* Its socket is full of an answer when no more comes. */
static void
wait_stuck(int fd)
{
    int queued = 0, before;

    do {
        before = queued;
        nap(300);
        assert_int_equal(ioctl(fd, FIONREAD, &queued), 0);
    } while (queued != before || queued == 0);
}

/* Whoever does not read an answer holds up no stop. */
static void
test_stop(void **state)
{
    int fd;

    (void) state;

    /* Their list has to be longer than a socket holds. */
    for (int i = 0; i < 400; i++) {
        end_ok(begin("invite label=%060d\n", i));
    }

    fd = begin("invitations\n");
    wait_stuck(fd);
    peer_close(&P);
    daemon_stop(&D);
    close(fd);

    daemon_start(&D);
    peer_open(&P, &D);
}


/* --- customers ----------------------------------------------------------- */

/* Where the log says it for the last time; -1: nowhere. */
static long
log_last(const char *text)
{
    static char log[1 << 20];

    FILE  *f = fopen(D.log, "r");
    char  *at = log, *found = NULL;
    size_t n;

    assert_non_null(f);
    n = fread(log, 1, sizeof(log) - 1, f);
    log[n] = '\0';
    fclose(f);

    while ((at = strstr(at, text)) != NULL) {
        found = at++;
    }

    return found ? found - log : -1;
}

/* What was committed last is what holds. */
static void
test_at_once(void **state)
{
    struct owner o;
    char         disabled[64], enabled[64];
    long         at[2];
    int          fds[2];

    (void) state;

    owner_register(&o, &P);
    snprintf(disabled, sizeof(disabled), "%s: disabled",
             sc_log_id(o.cid).text);
    snprintf(enabled, sizeof(enabled), "%s: enabled", sc_log_id(o.cid).text);

    for (int i = 0; i < 60; i++) {
        fds[i & 1] = begin("disable cid=%s\n", cid_text(&o));
        fds[~i & 1] = begin("enable cid=%s\n", cid_text(&o));
        end_ok(fds[0]);
        end_ok(fds[1]);

        at[0] = log_last(enabled);
        at[1] = log_last(disabled);
        assert_true(at[0] >= 0 && at[1] >= 0);
        CTL_OK("-j customers show %s", cid_text(&o));
        says(at[1] > at[0] ? "\"disabled\":true" : "\"disabled\":false");
    }
}

/* CLOSE comes, whatever was said before it. */
static void
is_closed(struct client *c, uint16_t code, const char *reason)
{
    struct got *got;

    while ((got = next_of(c, PATIENCE)) != NULL
           && got->rec.kind != SC_RECORD_CLOSE)
    {
        free(got);
    }

    assert_non_null(got);
    assert_int_equal(got->rec.code, code);
    assert_int_equal(got->rec.length, strlen(reason));
    assert_memory_equal(got->payload, reason, strlen(reason));
    free(got);
}

static void
test_customers(void **state)
{
    struct owner   o, other;
    struct visitor v, gone;
    struct client  device, visitor, leaver;
    struct chain   vc = { 0 };
    struct letter  a;
    struct answer  done;
    char           text[64];

    (void) state;

    owner_register(&o, &P);
    owner_register(&other, &P);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    letter_make(&a, &o, &v, NULL, &vc);
    ask_send(&visitor, &a);
    expect_stored(&visitor);
    expect_deliver(&device, &a, &v);

    CTL_OK("-j customers list");
    says("\"end\":\"ok\"");
    says("\"customers\":2");
    says(cid_text(&o));
    says(cid_text(&other));

    CTL_OK("-j customers show %s", cid_text(&o));
    says("\"messages\":1");
    says("\"days\":90");
    CTL_OK("-j sessions %s", cid_text(&o));
    says("\"sessions\":1");
    CTL_OK("-j devices %s", cid_text(&o));
    says("\"devices\":1");
    says("\"behind\":1");

    CTL_OK("customers retention %s forever", cid_text(&o));
    CTL_OK("customers quota %s --messages 1 --bytes none", cid_text(&o));
    CTL_OK("-j customers show %s", cid_text(&o));
    says("\"days\":\"forever\"");
    says("\"messages\":1,\"sessions\":null");
    says("\"bytes\":\"none\"");
    assert_int_equal(ctl("customers retention %s 8", cid_text(&o)), 1);
    says("one of 7, 30, 90, 365 and forever");
    assert_int_equal(ctl("customers quota %s --messages x", cid_text(&o)), 1);

    letter_make(&a, &o, &v, NULL, &vc);
    ask_send(&visitor, &a);
    expect_error(&visitor, SC_E_QUOTA_FULL);

    /* What stays of a session that ended can be watched. */
    visitor_make(&gone, &o);
    visitor_login(&leaver, &P, &o, &gone);
    ASK(&leaver, delete, .sid = gone.sid);
    done = expect_frame(&leaver, SC_FRAME_DONE);
    answer_free(&done);
    CTL_OK("metrics");
    says("\nsealchatd_store_entries{table=\"deleted\"} 1\n");
    says("\nsealchatd_store_bytes{table=\"deleted\"} ");

    /* Streams are closed, and nobody gets in until it is enabled. */
    CTL_OK("customers disable %s", cid_text(&o));
    is_closed(&visitor, 1013, "not-here");
    is_closed(&device, 1013, "not-here");
    client_open(&device, &P, o.cid);
    ask_auth(&device, SC_ROLE_DEVICE, o.devices[0].id, o.devices[0].sk, NULL,
             0);
    expect_error(&device, SC_E_NOT_HERE);
    CTL_OK("customers enable %s", cid_text(&o));
    device_login(&device, &P, &o, 0);

    assert_int_equal(ctl("customers delete %s other", cid_text(&o)), 1);
    says("has to stand twice");
    snprintf(text, sizeof(text), "%s", cid_text(&o));
    CTL_OK("customers delete %s %s", text, text);
    is_closed(&device, 1008, "account-deleted");
    assert_int_equal(ctl("customers show %s", text), 1);
    CTL_OK("-j customers list");
    says("\"customers\":1");
}

static void
test_invitations(void **state)
{
    struct owner  o, second;
    struct client c;
    struct answer a;
    char          text[64] = "", *at;
    uint8_t       invitation[SC_INVITATION_BYTES];

    (void) state;

    peer_close(&P);
    daemon_stop(&D);
    daemon_configure(&D, "invitation");
    daemon_start(&D);
    peer_open(&P, &D);

    CTL_OK("-j invitations create --days 7 --label shop-7");
    at = strstr(Out, "\"invitation\":\"");
    assert_non_null(at);
    memcpy(text, at + 14, 32);
    assert_int_equal(sodium_hex2bin(invitation, sizeof(invitation), text, 32,
                                    NULL, NULL, NULL), 0);

    /* What is in the store is not what lets anyone in. */
    CTL_OK("-j invitations list");
    says("\"label\":\"shop-7\"");
    assert_null(strstr(Out, text));

    owner_make(&o);
    client_open(&c, &P, o.cid);
    take_salt(&c, &o);
    wraps_make(&o);
    owner_sign(&o);
    ask_register(&c, &o);
    expect_error(&c, SC_E_REGISTRATION_CLOSED);

    client_open(&c, &P, o.cid);
    take_salt(&c, &o);
    ask_register_invited(&c, &o, invitation);
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);
    expect_challenge(&c);
    client_close(&c);

    /* Once. */
    owner_make(&second);
    client_open(&c, &P, second.cid);
    take_salt(&c, &second);
    wraps_make(&second);
    owner_sign(&second);
    ask_register_invited(&c, &second, invitation);
    expect_error(&c, SC_E_REGISTRATION_CLOSED);

    CTL_OK("-j invitations list");
    says(cid_text(&o));

    CTL_OK("-j invitations create");
    at = strstr(Out, "\"name\":\"");
    assert_non_null(at);
    memcpy(text, at + 8, SC_CID_TEXT);
    text[SC_CID_TEXT] = '\0';
    CTL_OK("invitations revoke %s", text);
    assert_int_equal(ctl("invitations revoke %s", text), 1);
}


/* --- the vault ----------------------------------------------------------- */

/* Whether the store's file has that text. */
static int
store_has(const char *text)
{
    static char all[64 << 20];
    char        path[128];
    FILE       *file;
    size_t      n;

    snprintf(path, sizeof(path), "%s/store/store.mdb", D.dir);
    file = fopen(path, "r");
    assert_non_null(file);
    n = fread(all, 1, sizeof(all), file);
    fclose(file);

    return memmem(all, n, text, strlen(text)) != NULL;
}

static void
refuses_to_start(const char *why)
{
    int status = wait_for(daemon_spawn(&D));

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    if (!log_has(&D, why)) {
        fail_msg("nothing in the log of \"%s\"", why);
    }
}

static void
test_vault(void **state)
{
    struct owner  o;
    struct client owner;
    struct stat   before, after;
    char          key[128], kept[160], path[192];
    int           folder;

    (void) state;

    owner_register(&o, &P);
    snprintf(key, sizeof(key), "%s/store.key", D.dir);
    snprintf(kept, sizeof(kept), "%s.kept", key);

    /* The account record lies there as it is, and wraps do not. */
    assert_true(store_has("SCA1"));
    assert_false(store_has("SCK1"));

    /* While another one is at it, nothing is changed. */
    folder = open(D.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(folder, LOCK_EX), 0);
    assert_int_equal(stat(key, &before), 0);
    assert_int_equal(ctl("vault rotate"), 1);
    says("another rotation is under way");
    assert_int_equal(stat(key, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    close(folder);

    CTL_OK("-j vault rotate");
    says("\"resealed\":5");
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    client_close(&owner);

    peer_close(&P);
    daemon_stop(&D);

    assert_int_equal(chmod(key, 0640), 0);
    refuses_to_start("chmod 600");
    assert_int_equal(chmod(key, 0600), 0);

    assert_int_equal(rename(key, kept), 0);
    refuses_to_start("is missing, and the store");
    assert_int_not_equal(access(key, F_OK), 0);

    CTL_OK("vault create");
    refuses_to_start("which is not in the key file");
    assert_int_equal(ctl("vault create"), 1);
    says("File exists");

    assert_int_equal(rename(kept, key), 0);
    CTL_OK("check");
    says("wraps                        5");
    daemon_start(&D);
    peer_open(&P, &D);
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    client_close(&owner);

    snprintf(path, sizeof(path), "%s.new", key);
    assert_int_not_equal(access(path, F_OK), 0);
}


/* --- backup, restore, check ---------------------------------------------- */

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
    KEEP_BLOCK, DAMAGES };

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
        ADMIN_TEST(test_status),
        ADMIN_TEST(test_refusals),
        ADMIN_TEST(test_many),
        ADMIN_TEST(test_stop),
        ADMIN_TEST(test_at_once),
        ADMIN_TEST(test_customers),
        ADMIN_TEST(test_invitations),
        ADMIN_TEST(test_vault),
        ADMIN_TEST(test_backup),
        ADMIN_TEST(test_damaged_backup),
        ADMIN_TEST(test_check),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
