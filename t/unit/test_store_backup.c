/*
 * Backups of a store in use: what they hold, and each way in which one is
 * broken off without harm to the store.
 */

#include "store_fixture.h"

#include <pthread.h>
#include <signal.h>

#define MESSAGES  4000u
#define NAPS      12        /* that the reader takes */

/* A file that takes nothing for a while: a pipe, and who reads it. */
struct slow {
    int             ends[2];
    pthread_t       reader;
    int             ms;
    struct fixture *f;
    struct chat    *chat;
};

static void *
read_slowly(void *arg)
{
    struct slow    *slow = arg;
    struct timespec nap = { slow->ms / 1000, slow->ms % 1000 * 1000000 };
    static char     bytes[1 << 16];
    int             naps = 0;

    while (read(slow->ends[0], bytes, sizeof(bytes)) > 0) {
        if (naps++ < NAPS) {
            nanosleep(&nap, NULL);
        }
    }

    return NULL;
}

static void
slow_begin(struct slow *slow, int ms)
{
    slow->ms = ms;
    assert_int_equal(pipe(slow->ends), 0);
    assert_int_equal(pthread_create(&slow->reader, NULL, read_slowly, slow),
                     0);
}

static void
slow_end(struct slow *slow)
{
    close(slow->ends[1]);
    pthread_join(slow->reader, NULL);
    close(slow->ends[0]);
}

static void
expect_no_reader(struct fixture *f)
{
    struct sc_store_sizes sizes;

    assert_int_equal(sc_store_sizes(f->store, &sizes), 0);
    assert_int_equal(sizes.readers, 0);
}

static int
write_more(void *data, const struct sc_backup *backup)
{
    struct slow *slow = data;

    (void) backup;
    send_many(slow->f, slow->chat, 200);
    return 0;
}

static int
give_up(void *data, const struct sc_backup *backup)
{
    (void) data;
    (void) backup;
    return -1;
}

static void
test_broken_off(void **state)
{
    static const struct {
        uint64_t    growth, ms;
        int       (*progress)(void *, const struct sc_backup *);
        const char *why;
    } rows[] = {
        { UINT64_MAX, 100, NULL, "took longer" },
        { UINT64_MAX, 60000, give_up, "nobody waits" },
        { 0, 60000, write_more, "grew by more" },
    };
    struct fixture *f = *state;
    struct chat     chat;
    char            why[256];

    chat_init(&chat, register_customer(f, 1), 1, 0);
    send_many(f, &chat, MESSAGES);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slow      slow = { .f = f, .chat = &chat };
        struct sc_backup backup = {
            .max_growth = rows[i].growth, .max_ms = rows[i].ms,
            .progress = rows[i].progress, .data = &slow
        };

        slow_begin(&slow, 100);
        backup.fd = slow.ends[1];
        assert_int_equal(sc_store_backup(f->store, &backup, why,
                                         sizeof(why)), -1);
        if (strstr(why, rows[i].why) == NULL) {
            fail_msg("%zu: %s", i, why);
        }
        slow_end(&slow);
        expect_no_reader(f);
        send_many(f, &chat, 10);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_broken_off),
    };

    signal(SIGPIPE, SIG_IGN);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
