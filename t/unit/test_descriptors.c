/*
 * The daemon when it has no descriptors left: whoever waits at its two sockets
 * waits, and those who are there go on.
 */

#include "served.h"

#include <sys/resource.h>

#define DESCRIPTORS  48
#define HELD         64

/* One look at the backlog in so many ms, at most. */
#define RETRY_MS     500u

static char Admin[108];

static int
few(void **state)
{
    struct rlimit usual, small;

    (void) state;

    daemon_make(&D);
    snprintf(Admin, sizeof(Admin), "%s.admin", D.sock);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    small = (struct rlimit) { DESCRIPTORS, usual.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    daemon_start(&D);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);

    peer_open(&P, &D);
    return 0;
}

static void
await_line(const char *text)
{
    for (int i = 0; i < PATIENCE / 20 && log_lines(&D, text) == 0; i++) {
        nap(20);
    }
    assert_true(log_lines(&D, text) > 0);
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

    n = log_lines(&D, "admin: accept");
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
        cmocka_unit_test_setup_teardown(test_admin_waits, few, teardown),
    };

    assert_true(sodium_init() >= 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
