/*
 * The daemon when it has no descriptors left: whoever waits at its two sockets
 * waits, and those who are there go on.
 */

#include "people.h"

#include <sys/resource.h>

#define DESCRIPTORS  48
#define HELD         64

/* One look at the backlog in so many ms, at most. */
#define RETRY_MS     500u

static struct daemon D;
static struct peer   P;
static char          Admin[108];

static int
setup(void **state)
{
    struct rlimit usual, few;

    (void) state;

    daemon_make(&D);
    snprintf(Admin, sizeof(Admin), "%s.admin", D.sock);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = (struct rlimit) { DESCRIPTORS, usual.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    daemon_start(&D);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);

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

static uint64_t
steady_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* Lines of the log that have that text. */
static unsigned
lines_with(const char *text)
{
    char     line[2048];
    FILE    *f = fopen(D.log, "r");
    unsigned n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        n += strstr(line, text) != NULL;
    }
    fclose(f);
    return n;
}

static void
await_line(const char *text)
{
    for (int i = 0; i < PATIENCE / 20 && lines_with(text) == 0; i++) {
        nap(20);
    }
    assert_true(lines_with(text) > 0);
}

/* Who waits at the admin socket neither keeps the loop busy nor fills the log,
 * and is served once there is room. */
static void
test_admin_waits(void **state)
{
    static const char *const request = "status\n";

    struct owner   o;
    struct visitor v;
    struct client  c;
    struct chain   chain = { 0 };
    struct letter  letter;
    char           answer[4096] = "";
    int            held[HELD], admin;
    uint64_t       began;
    ssize_t        n;

    (void) state;

    owner_register(&o, &P);
    visitor_make(&v, &o);
    visitor_login(&c, &P, &o, &v);

    for (int i = 0; i < HELD; i++) {
        held[i] = connect_to(D.sock);
        assert_true(held[i] >= 0);
    }
    await_line("could not accept a link: Too many open files");

    began = steady_ms();
    admin = connect_to(Admin);
    assert_true(admin >= 0);
    await_line("admin: accept: Too many open files");

    for (int i = 0; i < 50; i++) {
        letter_make(&letter, &o, &v, NULL, &chain);
        ask_send(&c, &letter);
        assert_int_equal(expect_stored(&c), i + 1);
    }

    n = lines_with("admin: accept");
    assert_true((uint64_t) n <= 1 + (steady_ms() - began) / RETRY_MS);

    n = send(admin, request, strlen(request), MSG_NOSIGNAL);
    assert_int_equal(n, strlen(request));
    for (int i = 0; i < HELD; i++) {
        close(held[i]);
    }
    n = recv(admin, answer, sizeof(answer) - 1, 0);
    assert_true(n > 0);
    assert_non_null(strstr(answer, "\"end\":\"ok\""));
    close(admin);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_admin_waits, setup, teardown),
    };

    assert_true(sodium_init() >= 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
