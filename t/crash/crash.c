/*
 * Kills the real sealchatd again and again under load, and then reads back
 * through the protocol whatever was answered with STORED.
 *
 *     crash [options] sealchatd
 *     -k n      kill it n times (10)
 *     -s seed   of the moments (from the clock, and printed)
 *     -f step   it stops by itself at this step of its commit thread
 *     -u lib    preload libunsynced.so, and with each kill lose what was not
 *               synced; all of it every second time, else some blocks
 *     -l        nothing but a loss passes: for builds that must fail
 *     -t file   no kill: one load under strace, its output in that file
 *
 * Speaks TAP without a plan; the last line is kills, stored, lost, twice.
 */

#include "world.h"

enum { CUSTOMERS = 3 };

struct options {
    const char *program, *step, *library, *trace;
    uint64_t    kills, seed;
    int         must_lose;
};

static struct options O = { .kills = 10 };
static struct daemon  D;
static char           store[96];
static int            failures;

static void
check(int right, const char *what)
{
    failures += !right;
    printf("%sok - %s\n", right ? "" : "not ", what);
    fflush(stdout);
}


/* --- the process --------------------------------------------------------- */

static void
run_child(const char *fault)
{
    char *plain[] = { NULL, "-c", D.conf, NULL };
    char *traced[] = { "strace", "-D", "-f", "-y", "-xx", "-s", "200000",
                       "-e", "trace=read,recvmsg,recvfrom,write,writev,"
                       "sendmsg,pwrite64,pwritev,fdatasync,fsync,openat",
                       "-o", NULL, NULL, "-c", D.conf, NULL };

    plain[0] = traced[11] = (char *) (uintptr_t) O.program;
    traced[10] = (char *) (uintptr_t) O.trace;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (O.library) {
        setenv("LD_PRELOAD", O.library, 1);
    }
    if (fault) {
        setenv("SC_FAULT", fault, 1);
    }
    if (freopen("/dev/null", "w", stdout) == NULL) {
        _exit(126);
    }
    execvp(O.trace ? "strace" : O.program, O.trace ? traced : plain);
    _exit(127);
}

static void
spawn(const char *fault)
{
    fflush(stdout);
    D.pid = fork();
    assert_true(D.pid >= 0);
    if (D.pid == 0) {
        run_child(fault);
    }
}

/* 1 when it listens; 0 when it ended or the deadline passed. */
static int
wait_ready(uint64_t deadline, int *status)
{
    int fd;

    while (clock_ms() < deadline) {
        fd = connect_to(D.sock);
        if (fd >= 0) {
            close(fd);
            return 1;
        }
        if (waitpid(D.pid, status, WNOHANG) == D.pid) {
            D.pid = 0;
            return 0;
        }
        nap(2);
    }

    return 0;
}

/* Its status; -1 when it was gone before. */
static int
end(int signal)
{
    int status = -1;

    if (D.pid) {
        kill(D.pid, signal);
        status = wait_for(D.pid);
        D.pid = 0;
    }

    return status;
}

static int
start(void)
{
    int status;

    spawn(NULL);
    return wait_ready(clock_ms() + PATIENCE, &status);
}


/* --- the load ------------------------------------------------------------ */

/* Customers are made in peace, and on the disk before the first kill. */
static void
set_up(void)
{
    char        undo[128];
    struct peer peer;

    assert_true(start());
    peer_open(&peer, &D);
    for (int i = 0; i < CUSTOMERS; i++) {
        customer_register(&W.customers[i], &peer);
    }
    peer_close(&peer);
    W.changes = 0;

    if (O.trace == NULL) {
        assert_int_equal(end(SIGTERM), 0);
        snprintf(undo, sizeof(undo), "%s.undo", store);
        unlink(undo);
    }
}

/* Until everybody is in, then for a while; 1 when the links ended. */
static int
load(uint64_t from, uint64_t last)
{
    int ended = 0;

    while (!ended && !everybody_ready() && clock_ms() < from && !W.broken
           && !W.refused)
    {
        ended = clients_run(clock_ms() + 5) == 1;
    }

    return ended || (!W.broken && !W.refused
                     && clients_run(clock_ms() + last) == 1);
}

static void
lose(void)
{
    if (O.library) {
        disk_revert(store, O.must_lose || W.kills % 2);
    }
}

/* One life.  A tenth are killed while they start.  Builds that must lose have
 * short ones: what they lose is their last commit, so that kills count. */
static void
kill_once(void)
{
    int      early = chance(10) == 0, status;
    uint64_t born = clock_ms();

    spawn(NULL);
    if (early) {
        nap((long) chance(150));
    } else if (wait_ready(born + PATIENCE, &status)
               && clients_open(D.sock) == 0)
    {
        if (load(clock_ms() + PATIENCE, 5 + chance(O.must_lose ? 40 : 250))) {
            W.wrong++;
            complain("the daemon ended by itself");
        }
    } else {
        W.broken = 1;
        complain("the daemon does not start");
        early = 1;
    }

    end(SIGKILL);
    if (!early) {
        clients_drain();
        clients_close();
    }
    W.kills++;
    lose();
}

/* How often a step is passed before the one that is the last. */
static uint64_t
passes(const char *name)
{
    return strcmp(name, "replayed") == 0 ? 1
           : strncmp(name, "checkpoint", 10) == 0 ? 1 + chance(3)
           : 1 + chance(60);
}

static void
stop_once(void)
{
    char fault[64];
    int  status = -1, opened = 0;

    /* Nothing is written up to there: another life does. */
    if (strcmp(O.step, "replayed") == 0) {
        kill_once();
    }

    snprintf(fault, sizeof(fault), "%s:%llu", O.step,
             (unsigned long long) passes(O.step));
    spawn(fault);

    if (wait_ready(clock_ms() + PATIENCE, &status)) {
        opened = 1;
        if (clients_open(D.sock) == 0 && !load(clock_ms() + PATIENCE, PATIENCE))
        {
            W.wrong++;
            complain("the step %s was not reached", fault);
            end(SIGKILL);
        }
    }

    if (D.pid) {
        status = wait_for(D.pid);
        D.pid = 0;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 86) {
        W.wrong++;
        complain("at %s the daemon ended with status %x", fault, status);
    }

    if (opened) {
        clients_drain();
        clients_close();
    }
    W.kills++;
    lose();
}


/* --- what is left -------------------------------------------------------- */

/* What was unanswered is sent again, everything is read and acknowledged. */
static void
settle(void)
{
    W.making = 0;
    W.settling = 1;

    if (!start() || clients_open(D.sock) != 0) {
        W.broken = 1;
        complain("the daemon does not start");
        return;
    }

    if (clients_run(clock_ms() + 2 * PATIENCE) != 2) {
        W.broken = 1;
        complain("not everything is answered and read");
    }

    nap(200);
    if (end(SIGTERM) != 0) {
        W.wrong++;
        complain("the daemon did not stop cleanly");
    }
    clients_close();
}

static void
judge(void)
{
    W.broken |= W.refused != 0;
    if (!W.broken) {
        settle();
    }
    end(SIGKILL);

    if (!start()) {
        W.lost = W.stored;
        W.broken = 1;
        complain("the daemon does not start");
        return;
    }

    if (!W.broken) {
        check_cursors(D.sock);
    }
    read_back(D.sock);

    if (end(SIGTERM) != 0) {
        W.wrong++;
        complain("the daemon did not stop cleanly at the end");
    }
}

static void
report(void)
{
    printf("# seed %llu, %llu account changes, %llu logins found replaced, "
           "%llu spare keys, %llu delivered again before an ACK, "
           "%llu blocks reverted\n",
           (unsigned long long) O.seed, (unsigned long long) W.changes,
           (unsigned long long) W.replaced, (unsigned long long) W.spares, (unsigned long long) W.again,
           (unsigned long long) W.reverted);

    if (O.must_lose) {
        check(W.lost > 0, "what was acknowledged too early is lost");
    } else {
        check(W.stored >= (O.step ? 1 : 10 * W.kills) && W.changes > 0
              && (!O.step || !strstr(O.step, "written") || W.reverted > 0),
              "the load was a load");
        check(W.lost == 0, "every STORED is read back, byte for byte");
        check(W.twice == 0, "each once");
        check(W.wrong == 0, "in order, in its place, and nothing else");
        check(W.late == 0, "nothing is delivered behind a durable ACK");
        check(W.backward == 0, "cursors never move back");
        check(W.unspared == 0 && (O.step || W.spares > 0),
              "spare keys are those of the last DONE");
        check(W.mixed == 0, "each account is wholly of one version");
        check(W.refused == 0 && !W.broken, "everybody goes on, readers see "
              "all");
    }

    printf("kills %llu stored %llu lost %llu twice %llu\n",
           (unsigned long long) W.kills, (unsigned long long) W.stored,
           (unsigned long long) W.lost, (unsigned long long) W.twice);
}

static void
traced_load(void)
{
    if (clients_open(D.sock) == 0) {
        W.making = 1;
        load(clock_ms() + PATIENCE, 150);
        W.making = 0;
        W.settling = 1;
        check(clients_run(clock_ms() + 2 * PATIENCE) == 2
              && W.stored > 100 && W.wrong == 0, "the load was a load");
        clients_close();
    }
    check(end(SIGTERM) == 0, "a clean stop");
}

static int
options(int argc, char **argv)
{
    int option;

    O.seed = (uint64_t) time(NULL);

    while ((option = getopt(argc, argv, "k:s:f:u:lt:")) != -1) {
        switch (option) {
        case 'k':
            O.kills = strtoull(optarg, NULL, 10);
            break;
        case 's':
            O.seed = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            O.step = optarg;
            break;
        case 'u':
            O.library = optarg;
            break;
        case 'l':
            O.must_lose = 1;
            break;
        case 't':
            O.trace = optarg;
            break;
        default:
            return -1;
        }
    }

    O.program = argv[optind];
    return optind == argc - 1 ? 0 : -1;
}

int
main(int argc, char **argv)
{
    if (options(argc, argv) != 0 || sodium_init() < 0) {
        fputs("usage: crash [-k n] [-s seed] [-f step] [-u lib] [-l] "
              "[-t file] sealchatd\n", stderr);
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);
    world_make(O.seed, CUSTOMERS);
    W.plain = O.must_lose;
    daemon_make(&D);
    snprintf(store, sizeof(store), "%s/store/store.mdb", D.dir);
    set_up();

    if (O.trace) {
        traced_load();
    } else {
        while (W.kills < O.kills && !W.broken && !W.refused) {
            if (O.step) {
                stop_once();
            } else {
                kill_once();
            }
        }
        judge();
        report();
    }

    if (failures && getenv("KEEP")) {
        printf("# kept: %s\n", D.dir);
    } else {
        daemon_free(&D);
    }
    world_free();
    return failures != 0;
}
