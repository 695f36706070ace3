/*
 * Restarts the real sealchatd under the load of thousands of WebSockets
 * through the real nginx: by kill -9, by SIGTERM, and to be replaced by
 * another build.  Then reads back, through the protocol, what was answered
 * with STORED.
 *
 *     restart [options] module.so sealchatd another-sealchatd
 *     -n n    sockets (5000)
 *     -c      the control: passes if sockets are disconnected
 *     -s n    seed
 *
 * Speaks TAP without a plan; the last line is sockets, stored, lost, twice,
 * disconnected.
 */

#include "sockets.h"

#include <netinet/in.h>
#include <sys/resource.h>

enum { ROUNDS = 4 };                 /* a restart behind each but the last */

/* What a visitor has written by the end of each, and the device to each. */
static const size_t messages[ROUNDS] = { 4, 7, 9, 11 };
static const size_t replies[ROUNDS] = { 1, 2, 2, 2 };

static const char  *programs[2], *module;
static struct daemon D;
static pid_t        nginx;
static char         port[8];
static int          sockets_wanted = 5000, control, failures;
static uint64_t     seed;
static uint64_t     kill_at;         /* stored, when it is time */
static unsigned     restarts;

static void
check(int right, const char *what)
{
    failures += !right;
    printf("%sok - %s\n", right ? "" : "not ", what);
    fflush(stdout);
}


/* --- processes ----------------------------------------------------------- */

static void
take_descriptors(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    if (limit.rlim_max < (rlim_t) sockets_wanted + 100) {
        fprintf(stderr, "restart: %llu descriptors are too few\n",
                (unsigned long long) limit.rlim_max);
        exit(2);
    }
}

static void
find_port(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t          n = sizeof(addr);
    int                fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *) &addr, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &addr, &n), 0);
    snprintf(port, sizeof(port), "%u", ntohs(addr.sin_port));
    close(fd);
}

static void
configure(void)
{
    char  path[128];
    FILE *f = fopen(D.conf, "w");

    assert_non_null(f);
    fprintf(f, "[service]\norigin = %s\nregistration = open\n"
            "[link]\nlisten = %s\nmode = 0600\n"
            "[store]\npath = %s/store\nmap_size = 2g\n"
            "[log]\nlevel = info\nfile = %s\n", ORIGIN, D.sock, D.dir, D.log);
    fclose(f);

    snprintf(path, sizeof(path), "%s/nginx.conf", D.dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s daemon off; worker_processes 2; pid %s/nginx.pid;\n"
            "error_log %s/nginx.log error; load_module %s;\n"
            "worker_rlimit_nofile %d;\n"
            "events { worker_connections %d; }\n"
            "http { access_log off;\n"
            "upstream sealchat { server unix:%s; }\n"
            "server { listen 127.0.0.1:%s backlog=4096;\n"
            "location /sealchat { sealchat_pass sealchat; } } }\n",
            geteuid() == 0 ? "user root;" : "", D.dir, D.dir, module,
            sockets_wanted + 100, sockets_wanted + 100, D.sock, port);
    fclose(f);
}

static void
start_nginx(void)
{
    char conf[128], log[128];

    snprintf(conf, sizeof(conf), "%s/nginx.conf", D.dir);
    snprintf(log, sizeof(log), "%s/nginx.log", D.dir);
    nginx = fork();
    assert_true(nginx >= 0);

    if (nginx == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl("/usr/sbin/nginx", "nginx", "-p", D.dir, "-c", conf, "-e", log,
              (char *) NULL);
        _exit(127);
    }
}

static int
listens(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    int                fd = socket(AF_INET, SOCK_STREAM, 0), rc;

    addr.sin_port = htons((uint16_t) atoi(port));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rc = connect(fd, (struct sockaddr *) &addr, sizeof(addr));
    close(fd);
    return rc == 0;
}

static void
start_daemon(const char *program)
{
    setenv("SEALCHATD", program, 1);
    daemon_start(&D);
}

static void
set_up(void)
{
    struct peer peer;

    daemon_make(&D);
    find_port();
    configure();
    start_daemon(programs[0]);

    peer_open(&peer, &D);
    for (int i = 0; i < W.n_customers; i++) {
        customer_register(&W.customers[i], &peer);
    }
    peer_close(&peer);
    W.changes = 0;

    start_nginx();
    for (int i = 0; i < PATIENCE / 20 && !listens(); i++) {
        nap(20);
    }
    sockets_open(port);
}


/* --- the load ------------------------------------------------------------ */

static int
time_to_kill(void)
{
    return W.stored >= kill_at;
}

static int
all_came_back(void)
{
    return sockets_resumed(restarts) == sockets_n()
           || (control && sockets_disconnected() > 0);
}

static uint64_t
stored_by(int round)
{
    return (uint64_t) W.n_customers * SESSIONS
           * (messages[round] + replies[round]);
}

static void
end_daemon(int round)
{
    if (round == 0) {
        daemon_kill(&D);
    } else {
        daemon_stop(&D);
    }
}

static void
restart(int round)
{
    static const char *const how[] = { "kill -9", "SIGTERM", "another build" };

    uint64_t before = W.stored, start;
    char     what[80];

    W.messages = messages[round];
    W.replies = replies[round];

    /* Some have said all of this round, some nothing. */
    kill_at = before + (stored_by(round) - before) / (2 + chance(3));
    if (!sockets_run(time_to_kill, 3 * PATIENCE)) {
        check(0, "the load goes on");
    }

    restarts++;
    start = clock_ms();
    end_daemon(round);
    sockets_run(NULL, 100 + chance(300));
    start_daemon(programs[round == ROUNDS - 2]);

    snprintf(what, sizeof(what), "%s: every stream comes back", how[round]);
    check(sockets_run(all_came_back, 3 * PATIENCE) || control, what);
    printf("# after %llu ms, with %llu stored\n",
           (unsigned long long) (clock_ms() - start),
           (unsigned long long) W.stored);
}

/* The log may say that the sidecar was away, and nothing worse. */
static int
nginx_is_content(void)
{
    char  path[128], line[1024];
    int   content = 1;
    FILE *f;

    snprintf(path, sizeof(path), "%s/nginx.log", D.dir);
    f = fopen(path, "r");
    assert_non_null(f);

    while (fgets(line, sizeof(line), f)) {
        if (strstr(line, "[alert]") || strstr(line, "[emerg]")) {
            content = 0;
            printf("# %s", line);
        }
    }

    fclose(f);
    return content;
}

static void
end_nginx(void)
{
    int status;

    kill(nginx, SIGTERM);
    status = wait_for(nginx);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0 && nginx_is_content(),
          "nginx has nothing alarming to say");
}

static void
settle(void)
{
    W.messages = messages[ROUNDS - 1];
    W.replies = replies[ROUNDS - 1];
    kill_at = stored_by(ROUNDS - 1);
    check(sockets_run(time_to_kill, 6 * PATIENCE), "everything is stored");

    W.making = 0;
    W.settling = 1;
    check(sockets_run(everything_settled, 3 * PATIENCE),
          "and read by everybody");
}

static int
run(void)
{
    uint64_t disconnected;

    /* Before its first one a session is not in the store: no ticket. */
    W.messages = W.replies = 1;
    check(sockets_run(everybody_ready, 6 * PATIENCE), "everybody is in");
    kill_at = (uint64_t) W.n_customers * SESSIONS * 2;
    check(sockets_run(time_to_kill, 6 * PATIENCE),
          "every session has begun");

    for (int round = 0; round < ROUNDS - 1; round++) {
        restart(round);
        if (control && sockets_disconnected()) {
            break;
        }
    }

    disconnected = sockets_disconnected();

    if (control) {
        check(disconnected > 0, "without tickets streams are lost");

    } else {
        settle();
        check(disconnected == 0, "no socket is closed, no stream forgotten");
        check(W.stored >= 10ull * sockets_n(), "ten messages for each socket");
    }

    sockets_close();
    end_nginx();

    if (!control) {
        daemon_stop(&D);
        start_daemon(programs[0]);
        read_back(D.sock);
        check(W.lost == 0, "every STORED is read back, byte for byte");
        check(W.twice == 0, "each once");
        check(W.wrong == 0 && W.late == 0 && W.refused == 0,
              "in order, in its place, and nothing else");
    }

    return (int) disconnected;
}

static void
options(int argc, char **argv)
{
    int option;

    seed = (uint64_t) time(NULL);

    while ((option = getopt(argc, argv, "n:cs:")) != -1) {
        if (option == 'n') {
            sockets_wanted = atoi(optarg);
        } else if (option == 'c') {
            control = 1;
        } else if (option == 's') {
            seed = strtoull(optarg, NULL, 10);
        }
    }

    if (argc - optind != 3 || sockets_wanted < 1 + SESSIONS) {
        fputs("usage: restart [-n sockets] [-c] [-s seed] module sealchatd "
              "sealchatd\n", stderr);
        exit(2);
    }

    module = argv[optind];
    programs[0] = argv[optind + 1];
    programs[1] = argv[optind + 2];
}

int
main(int argc, char **argv)
{
    unsigned n;
    int      disconnected;

    setvbuf(stdout, NULL, _IOLBF, 0);
    options(argc, argv);
    if (sodium_init() < 0) {
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);
    take_descriptors();
    world_make(seed, sockets_wanted / (1 + SESSIONS));
    W.plain = 1;
    printf("# seed %llu\n", (unsigned long long) seed);

    set_up();
    n = sockets_n();
    disconnected = run();

    printf("restart: sockets %u stored %llu lost %llu twice %llu "
           "disconnected %d\n", n, (unsigned long long) W.stored,
           (unsigned long long) W.lost, (unsigned long long) W.twice,
           disconnected);

    daemon_free(&D);
    world_free();
    return failures != 0;
}
