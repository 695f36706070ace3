/*
 * What an idle stream costs sealchatd: 100,000 visitors whose sessions are
 * stored, authenticated over a few links to the shipped daemon, and its
 * memory before and after.  Then other kinds of streams, fewer of them.
 *
 * Counted is anonymous memory in use, of /proc: with everything the process
 * needs for a stream, and without pages of the store's file.
 */

#define _GNU_SOURCE

#include "../unit/people.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "store.h"
#include "vault.h"

#define LINKS       4
#define CUSTOMERS   10
#define STREAMS     100000
#define SOME        20000
#define WARM        100          /* streams of each link before the count */
#define BATCH       500          /* messages of one commit */
#define SEALCHATD   "build/sealchatd"

/* Bytes a stream.  A visitor's hello is kept until his first message. */
#define BOUND        512
#define BOUND_HELLO  768

enum kind {
    VISITORS,                    /* of stored sessions */
    DEVICES,
    STRANGERS,                   /* not authenticated yet */
    NEWCOMERS                    /* who have written nothing */
};

/* One process with a link of its own. */
struct side {
    pid_t pid;
    int   to, from;
};

static struct daemon D;
static struct owner  owners[CUSTOMERS];
static struct side   sides[LINKS];

/* Shared with the links' processes, which make them. */
static struct visitor *visitors;

static void
configure(void)
{
    FILE *f = fopen(D.conf, "w");

    assert_non_null(f);
    fprintf(f, "[service]\norigin = %s\nregistration = open\n"
            "[link]\nlisten = %s\nmode = 0600\n"
            "[store]\npath = %s/store\nmap_size = 1g\nvault_key = %s/key\n"
            "[limits]\nenabled = off\n"
            "[log]\nlevel = warn\nfile = %s\n", ORIGIN, D.sock, D.dir, D.dir,
            D.log);
    fclose(f);
}

static long
anonymous_kb(void)
{
    char  path[64], line[256];
    long  kb = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int) D.pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "RssAnon: %ld kB", &kb) == 1) {
            break;
        }
    }
    fclose(f);
    assert_true(kb > 0);
    return kb;
}


/* --- a link's process ---------------------------------------------------- */

static void
tell(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

/* 0 at the end of the other side. */
static int
hear(int fd)
{
    char byte;

    return read(fd, &byte, 1) == 1;
}

static void
log_in(struct peer *peer, enum kind kind, int i)
{
    struct owner *o = &owners[i % CUSTOMERS];
    struct client c;

    switch (kind) {
    case VISITORS:
    case NEWCOMERS:
        visitor_login(&c, peer, o, &visitors[i]);
        break;
    case DEVICES:
        device_login(&c, peer, o, 0);
        break;
    case STRANGERS:
        client_open(&c, peer, o->cid);
    }
}

static void
play(enum kind kind, int first, int n, int from, int to)
{
    struct peer peer;
    int         i;

    for (i = 0; i < n && (kind == VISITORS || kind == NEWCOMERS); i++) {
        visitor_make(&visitors[first + i],
                     &owners[(first + i) % CUSTOMERS]);
    }

    tell(to);
    if (!hear(from)) {
        _exit(1);
    }

    peer_open(&peer, &D);
    for (i = 0; i < WARM; i++) {
        log_in(&peer, kind, first + i);
    }
    tell(to);
    if (!hear(from)) {
        _exit(1);
    }

    for ( ; i < n; i++) {
        log_in(&peer, kind, first + i);
    }
    tell(to);
    (void) hear(from);
    _exit(0);
}

static void
side_start(struct side *side, enum kind kind, int first, int n)
{
    int down[2], up[2];

    assert_int_equal(pipe2(down, O_CLOEXEC), 0);
    assert_int_equal(pipe2(up, O_CLOEXEC), 0);
    side->pid = fork();

    if (side->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(down[1]);
        close(up[0]);
        play(kind, first, n, down[0], up[1]);
    }

    assert_true(side->pid > 0);
    close(down[0]);
    close(up[1]);
    side->to = down[1];
    side->from = up[0];
}

/* All sides have come to the same point. */
static void
gather(void)
{
    for (int i = 0; i < LINKS; i++) {
        assert_int_equal(hear(sides[i].from), 1);
    }
}

static void
release(void)
{
    for (int i = 0; i < LINKS; i++) {
        tell(sides[i].to);
    }
}


/* --- tests --------------------------------------------------------------- */

static void
make_owners(void)
{
    struct peer peer;

    peer_open(&peer, &D);
    for (int i = 0; i < CUSTOMERS; i++) {
        owner_register(&owners[i], &peer);
    }
    peer_close(&peer);
}

/* One message of each visitor, put into the store of the daemon that is not
 * running. */
static void
write_first(int n)
{
    static struct letter letters[BATCH];
    static const uint8_t none[32];

    struct sc_store_options options = { .map_size = 1u << 30 };
    struct sc_op            ops[BATCH];
    struct sc_customer      customers[CUSTOMERS];
    struct sc_store        *store;
    char                    path[80], why[256];

    snprintf(path, sizeof(path), "%s/key", D.dir);
    options.vault = sc_vault_load(path, why, sizeof(why));
    assert_non_null(options.vault);
    snprintf(path, sizeof(path), "%s/store", D.dir);
    options.path = path;
    store = sc_store_open(&options, why, sizeof(why));
    assert_non_null(store);

    for (int i = 0; i < CUSTOMERS; i++) {
        assert_int_equal(sc_store_customer(store, owners[i].cid,
                                           &customers[i]), 1);
    }

    for (int i = 0; i < n; i++) {
        const struct visitor *v = &visitors[i];
        struct letter        *letter = &letters[i % BATCH];
        struct sc_op         *op = &ops[i % BATCH];
        struct chain          chain = { .seq = 0 };

        letter_make(letter, &owners[i % CUSTOMERS], v, NULL, &chain);
        *op = (struct sc_op) { .kind = SC_OP_APPEND, .append = {
            .customer = customers[i % CUSTOMERS].number, .sid = v->sid,
            .signkey_id = v->keys.id, .prev = none,
            .id = letter->id, .seq = 1, .time = now_ms(), .by_session = 1,
            .hello = { v->hello, v->hello_n },
            .envelope = { letter->bytes, letter->n }
        } };

        if (i % BATCH == BATCH - 1 || i == n - 1) {
            assert_int_equal(sc_store_apply(store, ops, why, sizeof(why)), 0);
        } else {
            op->next = op + 1;
        }
    }

    sc_store_close(store);
    sc_vault_free(options.vault);
}

static void
measure(enum kind kind, const char *what, int streams, long bound)
{
    long before, after, each;
    int  i, n = streams / LINKS;

    daemon_make(&D);
    configure();
    daemon_start(&D);
    make_owners();
    daemon_stop(&D);

    for (i = 0; i < LINKS; i++) {
        side_start(&sides[i], kind, i * n, n);
    }

    gather();
    if (kind == VISITORS) {
        write_first(n * LINKS);
    }
    daemon_start(&D);
    release();

    gather();
    before = anonymous_kb();
    release();

    gather();
    after = anonymous_kb();
    release();

    for (i = 0; i < LINKS; i++) {
        assert_int_equal(wait_for(sides[i].pid), 0);
        close(sides[i].to);
        close(sides[i].from);
    }
    daemon_free(&D);

    each = (after - before) * 1024 / ((n - WARM) * LINKS);
    print_message("# %d %s over %d links: %ld bytes each (%ld kB before, "
                  "%ld kB after)\n", n * LINKS, what, LINKS, each, before,
                  after);
    assert_true(each > 0 && each <= bound);
}

static void
test_visitors(void **state)
{
    (void) state;
    measure(VISITORS, "visitors", STREAMS, BOUND);
}

static void
test_devices(void **state)
{
    (void) state;
    measure(DEVICES, "devices", SOME, BOUND);
}

static void
test_strangers(void **state)
{
    (void) state;
    measure(STRANGERS, "streams before their AUTH", SOME, BOUND);
}

static void
test_newcomers(void **state)
{
    (void) state;
    measure(NEWCOMERS, "visitors before their first message", SOME,
            BOUND_HELLO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visitors),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_newcomers),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    visitors = mmap(NULL, STREAMS * sizeof(*visitors), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (visitors == MAP_FAILED) {
        return 1;
    }

    setenv("SEALCHATD", SEALCHATD, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
