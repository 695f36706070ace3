/*
 * The real daemon when its surroundings fail: a sync, the directory, the
 * schema, descriptors, a second daemon, the clock, the room in the store.
 * Each time a clear error, service goes on where it can, and nothing that was
 * answered with STORED is lost.
 */

#define _GNU_SOURCE              /* unshare() */

#include "../unit/people.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "store/db.h"

#define NOBODY 65534

static struct daemon D;
static struct peer   P;

/* What a test has stored, to be read back after a restart. */
static struct owner   O;
static struct visitor V;
static struct chain   C;
static struct letter *letters;
static int            n_letters;

enum { LETTERS_MAX = 5000 };

static int
setup(void **state)
{
    (void) state;

    memset(&C, 0, sizeof(C));
    n_letters = 0;
    letters = calloc(LETTERS_MAX, sizeof(*letters));
    assert_non_null(letters);
    daemon_make(&D);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;

    unsetenv("SC_FAULT_EIO");
    unsetenv("SC_FAULT_CLOCK");
    unsetenv("SC_FAULT_CATCH_UP");
    free(letters);
    daemon_free(&D);
    return 0;
}

static void
begin(void)
{
    daemon_start(&D);
    peer_open(&P, &D);
}

static void
finish(void)
{
    peer_close(&P);
    daemon_stop(&D);
}

/* One more message, which has to be stored. */
static void
store_one(struct client *visitor)
{
    struct letter *letter = &letters[n_letters++];

    letter_make(letter, &O, &V, NULL, &C);
    ask_send(visitor, letter);
    expect_stored(visitor);
}

static void
customer_and_visitor(struct client *visitor)
{
    owner_register(&O, &P);
    visitor_make(&V, &O);
    visitor_login(visitor, &P, &O, &V);
}

/* HISTORY has exactly what was stored, byte for byte. */
static void
read_all_back(void)
{
    struct sc_frame_messages page;
    struct sc_message        m;
    struct client            c;
    struct answer            a;
    uint64_t                 before = 0;
    int                      left = n_letters;

    visitor_login(&c, &P, &O, &V);
    assert_int_equal(c.seq, n_letters);

    do {
        ASK(&c, history, .sid = V.sid, .before = before, .count = 255);
        a = expect_frame(&c, SC_FRAME_MESSAGES);
        assert_true(sc_messages_decode(a.frame.body, &page));
        while (sc_message_next(&page.messages, &m)) {
            assert_true(left-- > 0);
            assert_int_equal(m.position, left + 1);
            assert_int_equal(m.envelope.n, letters[left].n);
            assert_memory_equal(m.envelope.p, letters[left].bytes,
                                m.envelope.n);
        }
        before = page.next;
        answer_free(&a);
    } while (before);

    assert_int_equal(left, 0);
    client_close(&c);
}

/* A daemon of its own configuration that is to end by itself. */
static void
expect_refusal(const struct daemon *d, void (*before)(void), const char *text)
{
    pid_t pid = fork();
    int   status;

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (before) {
            before();
        }
        execl(daemon_program(), "sealchatd", "-c", d->conf, (char *) NULL);
        _exit(127);
    }

    status = wait_for(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_true(log_has(d, "[error]"));
    if (!log_has(d, text)) {
        fail_msg("the log does not say: %s", text);
    }
}

/* Refused, each time, with the stream closed. */
static void
expect_not_stored(struct letter *letter)
{
    struct client visitor;

    visitor_login(&visitor, &P, &O, &V);
    ask_send(&visitor, letter);
    expect_error(&visitor, SC_E_STORAGE_FAILED);
}

static void
test_sync_fails(void **state)
{
    struct client visitor;
    struct letter unsure;
    uint64_t      since;

    (void) state;

    begin();
    customer_and_visitor(&visitor);
    store_one(&visitor);
    finish();

    setenv("SC_FAULT_EIO", "4", 1);
    begin();
    visitor_login(&visitor, &P, &O, &V);
    for (int i = 0; i < 3; i++) {
        store_one(&visitor);
    }

    /* No STORED ever again, though later syncs might succeed. */
    letter_make(&unsure, &O, &V, NULL, &C);
    ask_send(&visitor, &unsure);
    expect_error(&visitor, SC_E_STORAGE_FAILED);
    since = steady_ms();
    for (int i = 0; i < 60; i++) {
        expect_not_stored(&unsure);
    }

    /* Whoever comes again and again does not fill the log: two lines a second,
     * one of them how often. */
    assert_true(log_lines(&D, "an earlier sync failed")
                <= 2 + 2 * (steady_ms() - since) / 1000);
    assert_true(log_has(&D, "could not write to the store: Input/output"));
    assert_true(log_has(&D, "an earlier sync failed; the store must be "
                        "reopened"));

    /* Reading goes on. */
    read_all_back();
    peer_close(&P);
    daemon_kill(&D);

    unsetenv("SC_FAULT_EIO");
    begin();
    visitor_login(&visitor, &P, &O, &V);
    ask_send(&visitor, &unsure);
    assert_int_equal(expect_stored(&visitor), n_letters + 1);
    letters[n_letters++] = unsure;
    store_one(&visitor);
    read_all_back();
    finish();
}

/* Seconds that the daemon's clock is ahead, for a daemon that starts now. */
static volatile int64_t *
clock_file(void)
{
    volatile int64_t *jump;
    char              path[128];
    int               fd;

    snprintf(path, sizeof(path), "%s/jump", D.dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 8), 0);
    jump = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(jump, MAP_FAILED);
    close(fd);
    setenv("SC_FAULT_CLOCK", path, 1);
    return jump;
}

static void
as_nobody(void)
{
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        _exit(125);
    }
}

static void
test_read_only(void **state)
{
    struct client visitor;
    char          path[128], store[96], key[96];

    (void) state;

    begin();
    customer_and_visitor(&visitor);
    store_one(&visitor);
    finish();

    /* The directory may be passed, the log written, the store only read. */
    snprintf(key, sizeof(key), "%s/store.key", D.dir);
    assert_int_equal(chown(key, geteuid() ? geteuid() : NOBODY,
                           (gid_t) -1), 0);
    snprintf(store, sizeof(store), "%s/store", D.dir);
    snprintf(path, sizeof(path), "%s/store/lock", D.dir);
    assert_int_equal(chmod(D.dir, 0777), 0);
    assert_int_equal(chmod(D.log, 0666), 0);
    assert_int_equal(chmod(D.conf, 0644), 0);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(store, 0555), 0);
    snprintf(key, sizeof(key), "%s/store.key", D.dir);
    if (geteuid() == 0) {
        assert_int_equal(chown(key, NOBODY, NOBODY), 0);
    }
    expect_refusal(&D, as_nobody, "store/lock: Permission denied");

    assert_int_equal(chown(key, geteuid(), (gid_t) -1), 0);
    assert_int_equal(chmod(store, 0700), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chown(key, geteuid(), getegid()), 0);
    begin();
    read_all_back();
    finish();
}

/* What expired is gone for everybody, and each is told in its own way. */
static void
test_retention(void **state)
{
    struct client            device, visitor;
    struct sc_frame_messages page;
    struct answer            a;
    struct letter            late;
    volatile int64_t        *jump = clock_file();

    (void) state;

    setenv("SC_FAULT_CATCH_UP", "1", 1);
    begin();
    customer_and_visitor(&visitor);
    for (int i = 0; i < 100; i++) {
        store_one(&visitor);
    }
    client_close(&visitor);
    device_login(&device, &P, &O, 0);
    assert_int_equal(device.earliest, 1);
    client_close(&device);

    *jump = 50 * 86400;
    finish();
    begin();
    visitor_login(&visitor, &P, &O, &V);
    for (int i = 0; i < 100; i++) {
        store_one(&visitor);
    }

    *jump = 91 * 86400;
    store_one(&visitor);
    do {
        client_close(&visitor);
        nap(20);
        visitor_login(&visitor, &P, &O, &V);
    } while (visitor.earliest != 101);
    assert_int_equal(visitor.seq, 201);

    /* READY says that a cursor fell behind; what is left is delivered. */
    device_login(&device, &P, &O, 0);
    assert_int_equal(device.cursor, 0);
    assert_int_equal(device.earliest, 101);
    a = expect_frame(&device, SC_FRAME_DELIVER);
    answer_free(&a);

    ASK(&visitor, history, .sid = V.sid, .before = 110, .count = 255);
    a = expect_frame(&visitor, SC_FRAME_MESSAGES);
    assert_true(sc_messages_decode(a.frame.body, &page));
    assert_int_equal(page.messages.count, 9);
    assert_int_equal(page.next, 0);
    answer_free(&a);

    /* All of it: the session has ended, for whoever was in it too. */
    *jump = 200 * 86400;
    ask_ack(&device, device.head);
    for (int i = 0; i < 200; i++) {
        client_close(&device);
        nap(20);
        device_login(&device, &P, &O, 0);
        if (device.earliest == 202) {
            break;
        }
    }
    assert_int_equal(device.earliest, 202);
    letter_make(&late, &O, &V, NULL, &C);
    ask_send(&visitor, &late);
    expect_error(&visitor, SC_E_SESSION_DELETED);
    client_open(&visitor, &P, O.cid);
    ask_auth(&visitor, SC_ROLE_VISITOR, V.sid, V.keys.sk, V.hello, V.hello_n);
    expect_error(&visitor, SC_E_SESSION_DELETED);

    memset(&C, 0, sizeof(C));
    visitor_make(&V, &O);
    visitor_login(&visitor, &P, &O, &V);
    letter_make(&late, &O, &V, NULL, &C);
    ask_send(&visitor, &late);
    assert_int_equal(expect_stored(&visitor), 202);
    finish();
    munmap((void *) (uintptr_t) jump, 8);
}

static void
put_schema(uint64_t schema)
{
    char              path[96], why[256];
    uint8_t           number[8];
    struct sc_writer  w = sc_writer_of(number, 8);
    struct sc_db     *db;
    struct sc_txn    *txn;

    snprintf(path, sizeof(path), "%s/store", D.dir);
    sc_put_uint(&w, schema, 8);
    db = sc_db_open(path, 256u << 20, why, sizeof(why));
    if (db == NULL) {
        fail_msg("%s", why);
        return;
    }
    txn = sc_txn_write(db);
    sc_txn_put(txn, SC_DB_META, "schema", 6, number, sizeof(number));
    assert_int_equal(sc_txn_commit(txn, why, sizeof(why)), SC_E_NONE);
    sc_db_close(db);
}

static void
test_newer_schema(void **state)
{
    struct client visitor;
    char          text[64];

    (void) state;

    begin();
    customer_and_visitor(&visitor);
    store_one(&visitor);
    finish();

    put_schema(SC_DB_SCHEMA + 1);
    snprintf(text, sizeof(text), "has schema %u, and", SC_DB_SCHEMA + 1);
    expect_refusal(&D, NULL, text);
    assert_true(log_has(&D, "newer version"));
}

static void
test_two_daemons(void **state)
{
    struct daemon other = D;
    struct client visitor;
    FILE         *f;

    (void) state;

    begin();
    customer_and_visitor(&visitor);
    store_one(&visitor);

    snprintf(other.conf, sizeof(other.conf), "%s/conf2", D.dir);
    snprintf(other.sock, sizeof(other.sock), "%s/sock2", D.dir);
    snprintf(other.log, sizeof(other.log), "%s/log2", D.dir);
    f = fopen(other.log, "w");
    assert_non_null(f);
    fclose(f);
    daemon_configure(&other, "open");
    expect_refusal(&other, NULL, "another sealchatd uses the store");

    store_one(&visitor);
    read_all_back();
    finish();
}

static rlim_t descriptors;

static void
few_descriptors(void)
{
    struct rlimit limit = { descriptors, descriptors };

    for (int fd = 3; fd < 256; fd++) {
        close(fd);
    }
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        _exit(125);
    }
}

/* It says why it does not start, or starts and stops.  With fewer than seven
 * libuv itself aborts. */
static void
test_few_descriptors(void **state)
{
    int refused = 0, ready = 0, status, fd;

    (void) state;

    for (descriptors = 7; descriptors < 40 && ready < 3; descriptors++) {
        unlink(D.log);
        D.pid = fork();
        assert_true(D.pid >= 0);
        if (D.pid == 0) {
            few_descriptors();
            execl(daemon_program(), "sealchatd", "-c", D.conf, (char *) NULL);
            _exit(127);
        }

        for (int i = 0; i < PATIENCE / 5; i++) {
            if (waitpid(D.pid, &status, WNOHANG) == D.pid) {
                D.pid = 0;
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), 1);
                assert_true(log_has(&D, "[error]"));
                refused++;
                break;
            }
            fd = connect_to(D.sock);
            if (fd >= 0) {
                close(fd);
                daemon_stop(&D);
                ready++;
                break;
            }
            nap(5);
        }
        assert_int_equal(D.pid, 0);
    }

    assert_true(refused > 3 && ready == 3);
}

/* No room for another link: those that are there go on, and once some have
 * gone others come. */
static void
test_no_descriptors(void **state)
{
    struct client visitor;
    int           fds[64], held = 0;

    (void) state;

    D.pid = fork();
    assert_true(D.pid >= 0);
    if (D.pid == 0) {
        descriptors = 40;
        few_descriptors();
        execl(daemon_program(), "sealchatd", "-c", D.conf, (char *) NULL);
        _exit(127);
    }
    for (int i = 0; i < 200 && access(D.sock, F_OK) != 0; i++) {
        nap(20);
    }
    nap(100);

    peer_open(&P, &D);
    customer_and_visitor(&visitor);
    store_one(&visitor);

    for (held = 0; held < 64; held++) {
        fds[held] = connect_to(D.sock);
        assert_true(fds[held] >= 0);
    }
    for (int i = 0; i < PATIENCE / 20 && !log_has(&D, "could not accept");
         i++)
    {
        nap(20);
    }
    assert_true(log_has(&D, "could not accept a link: Too many open files"));
    for (int i = 0; i < 5; i++) {
        store_one(&visitor);
    }
    read_all_back();

    while (held > 0) {
        close(fds[--held]);
    }
    nap(100);
    peer_close(&P);
    peer_open(&P, &D);
    read_all_back();
    finish();
}

/* Positions, not times, are the order; what was stored stays. */
static void
test_clock_jumps(void **state)
{
    static const int64_t jumps[] = { 0, -400 * 86400, 90 * 86400, -3600, 0 };
    struct client     visitor;
    volatile int64_t *jump = clock_file();

    (void) state;

    begin();
    customer_and_visitor(&visitor);
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        *jump = jumps[i];
        for (int k = 0; k < 20; k++) {
            store_one(&visitor);
        }
        client_close(&visitor);
        visitor_login(&visitor, &P, &O, &V);
        read_all_back();
    }

    /* It starts in another time than the one in which it stopped. */
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        finish();
        *jump = jumps[i];
        begin();
        visitor_login(&visitor, &P, &O, &V);
        store_one(&visitor);
    }
    finish();
    munmap((void *) (uintptr_t) jump, 8);
}

/* The visitor's next message, of the largest size. */
static void
large_letter(struct letter *letter)
{
    static struct draft d;

    draft_make(&d, &O, &V, 1, &C);
    d.e.ct.n = sizeof(d.ct);
    draft_sign(letter, &d, &V.keys);
    chain_add(&C, letter);
}

static void
configure(const char *map_size)
{
    FILE *f = fopen(D.conf, "w");

    assert_non_null(f);
    fprintf(f, "[service]\norigin = %s\nregistration = open\n"
            "[link]\nlisten = %s\nmode = 0600\n"
            "[store]\npath = %s/store\nmap_size = %s\n"
            "[quotas]\nfirst_bytes = none\nfirst_messages = none\n"
            "[limits]\nenabled = off\n"
            "[log]\nlevel = debug\nfile = %s\n",
            ORIGIN, D.sock, D.dir, map_size, D.log);
    fclose(f);
}

/* Until messages are refused; the stream stays, and says the same again. */
static void
fill(struct client *visitor)
{
    struct letter        *over;
    struct sc_frame_error error;
    struct answer         a;

    for ( ;; ) {
        assert_true(n_letters < LETTERS_MAX);
        over = &letters[n_letters];
        large_letter(over);
        ask_send(visitor, over);
        assert_true(next_frame(visitor, &a, PATIENCE));
        if (a.frame.type != SC_FRAME_STORED) {
            break;
        }
        answer_free(&a);
        n_letters++;
    }

    assert_int_equal(a.frame.type, SC_FRAME_ERROR);
    assert_true(sc_error_decode(a.frame.body, &error));
    assert_int_equal(error.code, SC_E_STORAGE_FULL);
    answer_free(&a);
    assert_true(n_letters > 100);
    assert_true(log_has(&D, "no room for messages"));

    ask_send(visitor, over);
    expect_error(visitor, SC_E_STORAGE_FULL);
}

static void
expect_done(struct client *c)
{
    struct answer a = expect_frame(c, SC_FRAME_DONE);

    answer_free(&a);
}

/* A new session can write once what was deleted has left. */
static void
write_again(void)
{
    struct client  visitor;
    struct visitor v;
    struct chain   chain = { .seq = 0 };
    struct letter  letter;
    struct answer  a;
    int            stored = 0;

    visitor_make(&v, &O);
    visitor_login(&visitor, &P, &O, &v);
    letter_make(&letter, &O, &v, NULL, &chain);

    for (int i = 0; i < PATIENCE / 20 && !stored; i++) {
        ask_send(&visitor, &letter);
        assert_true(next_frame(&visitor, &a, PATIENCE));
        stored = a.frame.type == SC_FRAME_STORED;
        answer_free(&a);
        nap(20);
    }

    assert_true(stored);
    client_close(&visitor);
}

/* Cursors, an account, everything deleted: all of it is durable. */
static void
use_the_reserve(void)
{
    struct client device, owner, visitor;
    struct owner  next = O;

    device_login(&device, &P, &O, 0);
    ask_ack(&device, device.head);
    nap(400);
    owner_login(&owner, &P, &O, SC_ROLE_PASSWORD);
    owner_next(&next, 1);
    ask_account_put(&owner, &next);
    expect_done(&owner);
    finish();

    begin();
    device_login(&device, &P, &O, 0);
    assert_int_equal(device.cursor, n_letters);
    client_close(&device);
    O = next;
    owner_login(&owner, &P, &O, SC_ROLE_PASSWORD);
    visitor_login(&visitor, &P, &O, &V);
    assert_int_equal(visitor.seq, n_letters);
    ASK(&visitor, delete, .sid = V.sid);
    expect_done(&visitor);
    expect_close(&visitor, 1008, "session-deleted");
    write_again();

    ASK(&owner, delete, .sid = O.account_id);
    expect_done(&owner);
    expect_close(&owner, 1008, "account-deleted");
    peer_close(&P);
    daemon_kill(&D);
    begin();
    client_open(&owner, &P, O.cid);
    ask_auth(&owner, SC_ROLE_PASSWORD, O.account_id, O.login.sk, NULL, 0);
    expect_error(&owner, SC_E_NOT_HERE);
    finish();
}

/* A store that has no room refuses messages and nothing else. */
static void
test_map_full(void **state)
{
    struct client visitor, c;

    (void) state;

    configure("64m");
    begin();
    customer_and_visitor(&visitor);
    fill(&visitor);
    device_login(&c, &P, &O, 0);
    client_close(&c);
    read_all_back();

    peer_close(&P);
    daemon_kill(&D);
    begin();
    visitor_login(&visitor, &P, &O, &V);
    assert_int_equal(visitor.seq, n_letters);
    client_close(&visitor);
    use_the_reserve();
}

/* The same on a file system of 128 MiB on which not a byte is free. */
static void
test_disk_full(void **state)
{
    static const char zeros[65536];
    struct client     visitor;
    char              path[96];
    size_t            n = sizeof(zeros);
    int               fd;

    (void) state;

    snprintf(path, sizeof(path), "%s/store", D.dir);
    if (mkdir(path, 0700) != 0 || unshare(CLONE_NEWNS) != 0
        || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount("tmpfs", path, "tmpfs", 0, "size=128m") != 0)
    {
        print_message("# not allowed to mount\n");
        return;
    }

    configure("1g");
    begin();
    customer_and_visitor(&visitor);
    fill(&visitor);

    snprintf(path, sizeof(path), "%s/store/filler", D.dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (n > 0) {
        n /= write(fd, zeros, n) == (ssize_t) n ? 1 : 2;
    }
    close(fd);

    read_all_back();
    use_the_reserve();
    snprintf(path, sizeof(path), "%s/store", D.dir);
    assert_int_equal(umount2(path, MNT_DETACH), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sync_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newer_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_daemons, setup, teardown),
        cmocka_unit_test_setup_teardown(test_few_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock_jumps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
