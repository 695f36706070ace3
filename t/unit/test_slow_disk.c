/*
 * The daemon on a disk that stops: new messages wait for it, and whoever
 * reads what was committed before does not.
 */

#include "people.h"

#include <fcntl.h>

#define PRELOADED  "build/t/preload/slow_disk.so"

enum {
    STORED  = 1000,              /* many windows of deliveries */
    WAITING = 40
};

/* A log-in, all deliveries and the history may take that much longer. */
#define RATIO    5
#define SPARE_NS 200000000ull

static struct daemon D;
static struct peer   P;
static char          Stop[96];

/* The filter of system calls knows nothing of how the stopped disk waits, and
 * the sanitizer none of a library before its own. */
static int
setup(void **state)
{
    const char *asan = getenv("ASAN_OPTIONS");
    char        options[512];

    (void) state;

    daemon_make(&D);
    snprintf(Stop, sizeof(Stop), "%s/stop", D.dir);

    setenv("SECCOMP", "off", 1);
    daemon_configure(&D, "open");

    setenv("SLOW_DISK", Stop, 1);
    snprintf(options, sizeof(options), "%s:verify_asan_link_order=0",
             asan ? asan : "");
    setenv("ASAN_OPTIONS", options, 1);
    setenv("LD_PRELOAD", PRELOADED, 1);
    daemon_start(&D);
    unsetenv("LD_PRELOAD");

    peer_open(&P, &D);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;

    (void) unlink(Stop);
    peer_close(&P);
    daemon_free(&D);
    return 0;
}

static void
disk_stop(void)
{
    int fd = open(Stop, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

static void
disk_run(void)
{
    assert_int_equal(unlink(Stop), 0);
}

static uint64_t
elapsed_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

static void
add_device(struct owner *o)
{
    struct client c;
    struct answer a;

    keys_make(&o->devices[o->n_devices++]);
    owner_login(&c, &P, o, SC_ROLE_PASSWORD);
    owner_next(o, 0);
    ask_account_put(&c, o);
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);
    client_close(&c);
}

/* The device comes, reads window after window, then the history: in ns. */
static uint64_t
read_all_of(struct client *device, const struct owner *o, int which,
            const struct visitor *v, const struct letter *letters)
{
    uint64_t start = elapsed_ns(), before = 0;
    int      left = STORED;

    device_login(device, &P, o, which);
    assert_int_equal(device->cursor, 0);
    assert_int_equal(device->head, STORED);

    for (int i = 0; i < STORED; i++) {
        uint64_t position = expect_deliver(device, &letters[i],
                                           i ? NULL : v);

        assert_int_equal(position, i + 1);
        if (position % SC_DELIVER_WINDOW == 0 || position == STORED) {
            ask_ack(device, position);
        }
    }

    do {
        ASK(device, history, .sid = v->sid, .before = before, .count = 255);
        before = expect_history(device, letters, &left, v->sid);
    } while (before);

    assert_int_equal(left, 0);
    return elapsed_ns() - start;
}

static void
test_reading_waits_for_no_disk(void **state)
{
    struct letter *letters = calloc(STORED + WAITING, sizeof(*letters));
    struct owner   o;
    struct visitor v;
    struct client  visitor, one, two;
    struct chain   vc = { 0 };
    uint64_t       undisturbed, stopped;

    (void) state;

    assert_non_null(letters);
    owner_register(&o, &P);
    add_device(&o);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    send_letters(&visitor, &o, &v, &vc, letters, STORED);

    undisturbed = read_all_of(&one, &o, 0, &v, letters);

    disk_stop();
    for (int i = STORED; i < STORED + WAITING; i++) {
        letter_make(&letters[i], &o, &v, NULL, &vc);
        ask_send(&visitor, &letters[i]);
    }
    expect_quiet(&visitor, QUIET);

    stopped = read_all_of(&two, &o, 1, &v, letters);
    print_message("# undisturbed %.1f ms, with the disk stopped %.1f ms\n",
                  (double) undisturbed / 1e6, (double) stopped / 1e6);
    assert_true(stopped < RATIO * undisturbed + SPARE_NS);

    /* It did stand still, and nobody reads what it does not hold yet. */
    expect_quiet(&visitor, QUIET);
    expect_quiet(&one, QUIET);
    expect_quiet(&two, 0);

    disk_run();
    for (int i = STORED; i < STORED + WAITING; i++) {
        assert_int_equal(expect_stored(&visitor), i + 1);
        assert_int_equal(expect_deliver(&one, &letters[i], NULL), i + 1);
        assert_int_equal(expect_deliver(&two, &letters[i], NULL), i + 1);
    }

    /* The ACKs of the time in between are stored as well. */
    daemon_stop(&D);
    peer_close(&P);
    daemon_start(&D);
    peer_open(&P, &D);
    device_login(&two, &P, &o, 1);
    assert_int_equal(two.cursor, STORED);
    free(letters);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reading_waits_for_no_disk,
                                        setup, teardown)
    };

    return sodium_init() < 0
           || cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
