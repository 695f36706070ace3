/*
 * Another user, who may connect, and what a service manager hands over: in
 * processes of their own, and in the real daemon.
 */

#include "people.h"

#include <fcntl.h>

#include "peers.h"
#include "privilege.h"
#include "socket.h"

#define NOBODY  65534

static char Why[256];


/* Runs fn in a process of its own; how that ended. */
static int
apart(int (*fn)(void))
{
    pid_t pid = fork();
    int   status;

    if (pid == 0) {
        _exit(fn());
    }

    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}


/* --- the user ------------------------------------------------------------ */

static int
become_nobody(void)
{
    if (sc_privilege_drop("nobody", Why, sizeof(Why)) != 0) {
        return 1;
    }

    return getuid() == NOBODY && geteuid() == NOBODY && setuid(0) != 0
           && getgroups(0, NULL) <= 1 && open("/etc/shadow", O_RDONLY) < 0
           ? 0 : 2;
}

static void
test_drop(void **state)
{
    (void) state;

    if (geteuid() == 0) {
        assert_int_equal(apart(become_nobody), 0);
    }

    assert_int_equal(sc_privilege_drop("no-such-user", Why, sizeof(Why)), -1);
    assert_non_null(strstr(Why, "no such user"));
}

static void
test_peers(void **state)
{
    struct sc_peers peers;

    (void) state;

    assert_int_equal(sc_peers_find(&peers, NULL, Why, sizeof(Why)), 0);
    assert_true(sc_peers_allow(&peers, 0));
    assert_true(sc_peers_allow(&peers, geteuid()));
    assert_false(sc_peers_allow(&peers, NOBODY));

    assert_int_equal(sc_peers_find(&peers, "nobody 4711", Why, sizeof(Why)),
                     0);
    assert_true(sc_peers_allow(&peers, NOBODY));
    assert_true(sc_peers_allow(&peers, 4711));
    assert_false(sc_peers_allow(&peers, 4712));

    assert_int_equal(sc_peers_find(&peers, "no-such-user", Why, sizeof(Why)),
                     -1);
    assert_non_null(strstr(Why, "no user no-such-user"));
    assert_int_equal(sc_peers_find(&peers, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 "
                                   "15", Why, sizeof(Why)), -1);
    assert_non_null(strstr(Why, "more than"));
}


/* --- the daemon ---------------------------------------------------------- */

static struct daemon D;

static int
setup(void **state)
{
    (void) state;

    daemon_make(&D);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;

    daemon_free(&D);
    return 0;
}

/* Connects as nobody: 0 when the other end says HELLO, 1 when it ends. */
static int
hello_as_nobody(void)
{
    char byte;
    int  fd;

    if (geteuid() == 0 && setuid(NOBODY) != 0) {
        return 3;
    }

    fd = connect_to(D.sock);

    return fd < 0 ? 2 : read(fd, &byte, 1) == 1 ? 0 : 1;
}

static void
append_conf(const char *text)
{
    FILE *f = fopen(D.conf, "a");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
test_peer_refused(void **state)
{
    struct peer p;

    (void) state;

    if (geteuid() != 0) {
        return;
    }

    daemon_start(&D);
    assert_int_equal(chmod(D.dir, 0755), 0);
    assert_int_equal(chmod(D.sock, 0666), 0);
    assert_int_equal(WEXITSTATUS(apart(hello_as_nobody)), 1);
    assert_true(log_has(&D, "refused user 65534"));
    peer_open(&p, &D);
    peer_close(&p);
    daemon_stop(&D);

    /* The control: named, it may. */
    append_conf("[link]\npeers = nobody\n");
    daemon_start(&D);
    assert_int_equal(chmod(D.sock, 0666), 0);
    assert_int_equal(WEXITSTATUS(apart(hello_as_nobody)), 0);
}

/* Lines that say of a process what it may not do any more. */
static int
given_up(pid_t pid)
{
    char  path[64], line[256];
    int   n = 0;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
    status = fopen(path, "r");
    assert_non_null(status);
    while (fgets(line, sizeof(line), status) != NULL) {
        n += strcmp(line, "Uid:\t65534\t65534\t65534\t65534\n") == 0
             || strcmp(line, "Groups:\t65534 \n") == 0
             || strcmp(line, "Seccomp:\t2\n") == 0;
    }
    fclose(status);
    return n;
}

/* Started as root with a user, it reads root's key file and is that user:
 * soon, since its socket is there before it gives up what that takes. */
static void
test_user(void **state)
{
    int n = 0;

    (void) state;

    if (geteuid() != 0) {
        return;
    }

    append_conf("[service]\nuser = nobody\n");
    assert_int_equal(chown(D.dir, NOBODY, NOBODY), 0);
    daemon_start(&D);

    for (int i = 0; i < PATIENCE / 10 && n < 3; i++) {
        usleep(10000);
        n = given_up(D.pid);
    }
    assert_int_equal(n, 3);

    /* And again, with the store and root's key file there. */
    daemon_stop(&D);
    daemon_start(&D);
    assert_false(log_has(&D, "runs as root"));
}

/* As systemd starts it: the socket is descriptor 3, and stays its own. */
static pid_t
spawn_activated(int listener, const char *notify)
{
    pid_t pid = fork();
    char  text[16];

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        snprintf(text, sizeof(text), "%d", (int) getpid());
        setenv("LISTEN_PID", text, 1);
        setenv("LISTEN_FDS", "1", 1);
        setenv("NOTIFY_SOCKET", notify, 1);
        if (dup2(listener, 3) != 3 || fcntl(3, F_SETFD, 0) != 0) {
            _exit(126);
        }
        execl(daemon_program(), "sealchatd", "-c", D.conf, (char *) NULL);
        _exit(127);
    }

    assert_true(pid > 0);
    return pid;
}

static int
notify_socket(char path[108])
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval     patience = { .tv_sec = PATIENCE / 1000 };
    int                fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(path, 108, "%s/notify", D.dir);
    strcpy(addr.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                                sizeof(patience)), 0);
    return fd;
}

static void
expect_state(int fd, const char *state)
{
    char    text[64] = "";
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    assert_true(n > 0);
    assert_string_equal(text, state);
}

static void
test_activation(void **state)
{
    struct sc_socket listener;
    struct peer      p;
    char             path[108];
    uint8_t          byte;
    int              notify, early;

    (void) state;

    notify = notify_socket(path);
    assert_int_equal(sc_socket_listen(&listener, D.sock, 0600, (gid_t) -1,
                                      Why, sizeof(Why)), 0);

    D.pid = spawn_activated(listener.fd, path);
    expect_state(notify, "READY=1");
    peer_open(&p, &D);
    peer_close(&p);
    daemon_stop(&D);
    expect_state(notify, "STOPPING=1");

    /* Nobody is there, and who comes is not turned away. */
    early = connect_to(D.sock);
    assert_true(early >= 0);
    D.pid = spawn_activated(listener.fd, path);
    expect_state(notify, "READY=1");
    assert_int_equal(read(early, &byte, 1), 1);
    close(early);
    daemon_stop(&D);

    sc_socket_close(&listener);
    close(notify);
}

#define DAEMON_TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_peers),
        DAEMON_TEST(test_peer_refused),
        DAEMON_TEST(test_user),
        DAEMON_TEST(test_activation),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
