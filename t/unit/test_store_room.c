/*
 * A store that is full: messages are refused before they reach into the
 * reserve, and from what that leaves everything else still commits: cursors,
 * accounts, deletions.  Once with a map that is full, once on a small file
 * system without a free byte.
 */

#define _GNU_SOURCE

#include "store_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <sealchat/limits.h>

#include "store/state.h"

#define MIB       (1024ull * 1024)
#define SESSIONS  40u
#define LARGE     16000u

static struct chat chats[SESSIONS];
static unsigned    stored;

static uint8_t envelopes[SESSIONS][LARGE];

/* A message that fills a store soon; envelopes follow from their ids. */
static void
large_op(struct message_op *m, unsigned i)
{
    message_op(m, &chats[i]);
    fill_from(envelopes[i], LARGE, m->id);
    m->op.append.envelope.p = envelopes[i];
    m->op.append.envelope.n = LARGE;
}

static int
took(struct chat *chat, const struct message_op *m)
{
    if (m->op.error != SC_E_NONE) {
        assert_int_equal(m->op.error, SC_E_STORAGE_FULL);
        return 0;
    }

    chat_sent(chat, m);
    stored += !m->op.append.repeated;
    return 1;
}

static int
send_one(struct fixture *f, unsigned i, int large)
{
    struct message_op m;

    if (large) {
        large_op(&m, i);
    } else {
        message_op(&m, &chats[i]);
    }
    (void) apply_one(f, &m.op);
    return took(&chats[i], &m);
}

/* One of each session in one list; how many were taken. */
static unsigned
send_round(struct fixture *f)
{
    static struct message_op m[SESSIONS];
    unsigned                 i, taken = 0;

    for (i = 0; i < SESSIONS; i++) {
        large_op(&m[i], i);
        m[i].op.next = i + 1 < SESSIONS ? &m[i + 1].op : NULL;
    }

    assert_int_equal(sc_store_apply(f->store, &m[0].op, f->why, WHY), 0);
    for (i = 0; i < SESSIONS; i++) {
        taken += (unsigned) took(&chats[i], &m[i]);
    }

    return taken;
}

/* It is said once, and not again with every message that is refused behind
 * something that is not. */
static void
said_once(struct fixture *f, uint64_t number)
{
    unsigned i, refused = 0;

    for (i = 0; i < SESSIONS; i++) {
        if (!send_one(f, i, 1)) {
            refused++;
            assert_string_equal(f->why, "");
        }
        assert_int_equal(set_cursor(f, number, 0, name_of('e', i), 1),
                         SC_E_NONE);
        assert_string_equal(f->why, "");
    }

    assert_true(refused > SESSIONS / 2);
}

static uint64_t
fill(struct fixture *f)
{
    struct sc_store_counters counters;
    uint64_t                 number = register_customer(f, 1);
    unsigned                 i;

    stored = 0;
    for (i = 0; i < SESSIONS; i++) {
        chat_init(&chats[i], number, i, 0);
    }

    while (send_round(f) == SESSIONS) {
        assert_true(stored < 20000);
    }

    assert_true(stored > SESSIONS);
    assert_non_null(strstr(f->why, "no room for messages"));
    said_once(f, number);
    while (send_one(f, 0, 0)) {
        continue;
    }

    sc_store_counters(f->store, &counters);
    assert_true(counters.room >= counters.reserve - MIB);
    assert_true(counters.room < counters.reserve + MIB);
    assert_int_equal(counters.failed, 0);
    return number;
}

/* One message in a list is refused, and the list is not. */
static void
one_list(struct fixture *f, uint64_t number)
{
    struct message_op m;
    struct account_op a;
    struct sc_op      cursor = { .kind = SC_OP_CURSOR };

    message_op(&m, &chats[1]);
    account_op(&a, SC_OP_ACCOUNT, 1, 2, 2);
    cursor.cursor.customer = number;
    cursor.cursor.id = chats[1].sid;
    cursor.cursor.of_session = 1;
    cursor.cursor.position = stored;
    m.op.next = &a.op;
    a.op.next = &cursor;

    assert_int_equal(sc_store_apply(f->store, &m.op, f->why, WHY), 0);
    assert_int_equal(m.op.error, SC_E_STORAGE_FULL);
    assert_int_equal(a.op.error, SC_E_NONE);
    assert_int_equal(cursor.error, SC_E_NONE);

    account_op(&a, SC_OP_REGISTER, 2, 1, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_STORAGE_FULL);
}

/* A repetition needs no room. */
static void
repetition(struct fixture *f)
{
    struct message_op m;
    struct chat       before = chats[0];

    before.seq--;
    message_op(&m, &before);
    assert_int_equal(apply_one(f, &m.op), SC_E_NONE);
    assert_int_equal(m.op.append.repeated, 1);
}

static void
assert_all_there(struct fixture *f, uint64_t number)
{
    struct sc_page *page;
    uint64_t        next = 1, n = 0;

    while (next != 0) {
        page = sc_store_read(f->store, number, next, NULL, 64, 1 << 20);
        assert_non_null(page);
        n += page->n;
        next = page->next;
        sc_store_page_free(page);
    }

    assert_int_equal(n, stored);
}

static void
use_the_reserve(struct fixture *f, uint64_t number)
{
    struct sc_store_counters counters;
    struct sc_op             op = { .kind = SC_OP_DELETE };
    unsigned                 i;

    one_list(f, number);
    repetition(f);
    assert_all_there(f, number);

    for (i = 0; i < 500; i++) {
        assert_int_equal(set_cursor(f, number, 0, name_of('d', i), 1),
                         SC_E_NONE);
    }
    fixture_reopen(f);
    assert_all_there(f, number);

    /* A visitor begins sessions as he likes: nor do their ends get any. */
    op.remove.customer = number;
    op.remove.by_session = 1;
    op.remove.sid = name_of('s', 12345);
    assert_int_equal(apply_one(f, &op), SC_E_STORAGE_FULL);
    op.remove.by_session = 0;

    for (i = 0; i < SESSIONS; i++) {
        op.remove.sid = chats[i].sid;
        assert_int_equal(apply_one(f, &op), SC_E_NONE);
    }
    (void) fixture_settle(f);
    sc_store_counters(f->store, &counters);
    assert_int_equal(counters.failed, 0);

    stored = 0;
    assert_all_there(f, number);
    chat_init(&chats[0], number, 99, 0);
    for (i = 0; i < 50; i++) {
        assert_true(send_one(f, 0, 1));
    }
    assert_all_there(f, number);
}

static void
test_map_full(void **state)
{
    struct fixture *f = *state;

    sc_store_close(f->store);
    f->options.map_size = 64 * MIB;
    fixture_open(f);
    use_the_reserve(f, fill(f));
}

/* With the reserve given up, the control: then deletions fail too. */
static void
test_without_reserve(void **state)
{
    struct fixture *f = *state;
    struct sc_op    op = { .kind = SC_OP_DELETE };
    uint64_t        number;
    unsigned        i, failed = 0;

    sc_store_close(f->store);
    f->options.map_size = 16 * MIB;
    fixture_open(f);
    number = fill(f);
    sc_store_close(f->store);
    f->options.map_size = 12 * MIB + 64 * 1024;
    f->options.checkpoint_every = 1;
    fixture_open(f);

    /* A visitor begins sessions as he likes: nor do their ends get any. */
    op.remove.customer = number;
    op.remove.by_session = 1;
    op.remove.sid = name_of('s', 12345);
    assert_int_equal(apply_one(f, &op), SC_E_STORAGE_FULL);
    op.remove.by_session = 0;

    for (i = 0; i < SESSIONS; i++) {
        op.remove.sid = chats[i].sid;
        failed += apply_one(f, &op) == SC_E_STORAGE_FULL;
    }
    assert_true(failed > 0);
}

/* A file system of our own, seen by nobody else. */
static int
mount_small(const char *dir, unsigned mib)
{
    char size[32];

    snprintf(size, sizeof(size), "size=%um", mib);
    return unshare(CLONE_NEWNS) == 0
           && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
           && mount("tmpfs", dir, "tmpfs", 0, size) == 0 ? 0 : -1;
}

/* Not a byte is left for anybody. */
static void
fill_disk(const struct fixture *f)
{
    static const char zeros[65536];
    struct statvfs    disk;
    char              path[128];
    size_t            n = sizeof(zeros);
    int               fd;

    snprintf(path, sizeof(path), "%s/filler", f->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (n > 0) {
        if (write(fd, zeros, n) != (ssize_t) n) {
            n /= 2;
        }
    }
    close(fd);
    assert_int_equal(statvfs(f->dir, &disk), 0);
    assert_int_equal(disk.f_bavail, 0);
}

static void
test_disk_full(void **state)
{
    struct fixture *f = *state;
    uint64_t        number;

    sc_store_close(f->store);
    f->store = NULL;
    if (mount_small(f->dir, 128) != 0) {
        print_message("not allowed to mount: only the map was filled\n");
        fixture_open(f);
        return;
    }

    f->options.map_size = 1024 * MIB;
    fixture_open(f);
    number = fill(f);
    fill_disk(f);
    use_the_reserve(f, number);

    sc_store_close(f->store);
    f->store = NULL;
    assert_int_equal(umount2(f->dir, MNT_DETACH), 0);
    fixture_open(f);
}

/* A file that LMDB has made longer than was reserved is taken as it is: no
 * more of the disk is taken than what is used asks for. */
static void
test_longer_file(void **state)
{
    struct fixture *f = *state;
    uint64_t        number = register_customer(f, 1);
    struct stat     st;
    char            path[128];
    unsigned        i;

    stored = 0;
    for (i = 0; i < SESSIONS; i++) {
        chat_init(&chats[i], number, i, 0);
    }

    snprintf(path, sizeof(path), "%s/store.mdb", f->dir);
    assert_int_equal(truncate(path, (off_t) (200 * MIB)), 0);
    while (stored * (uint64_t) LARGE < 40 * MIB) {
        assert_int_equal(send_round(f), SESSIONS);
    }

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 200 * MIB);
}

int
main(void)
{
    const struct CMUnitTest lmdb_tests[] = {
        STORE_TEST(test_map_full),
        STORE_TEST(test_without_reserve),
        STORE_TEST(test_longer_file),
        STORE_TEST(test_disk_full),
    };

    return run_on_engines(NULL, 0, lmdb_tests,
                          sizeof(lmdb_tests) / sizeof(lmdb_tests[0]));
}
