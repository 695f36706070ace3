/*
 * The other end of a link, for tests of the real daemon: starts sealchatd on
 * a directory of its own and speaks records as nginx's module does.
 */

#ifndef SEALCHAT_TEST_PEER_H
#define SEALCHAT_TEST_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include <sealchat/frames.h>
#include <sealchat/record.h>

#include "protocol/ids.h"

#define ORIGIN     "http://chat.localhost:8080"
#define PATIENCE   10000         /* ms, for what has to come */
#define QUIET      150           /* ms, for what must not come */

/* --- the daemon ---------------------------------------------------------- */

struct daemon {
    char  dir[64];
    char  conf[96];
    char  sock[96];
    char  log[96];
    pid_t pid;
    const char *quotas;          /* a section, instead of none */
    const char *limits;          /* the same */
};

static inline const char *
daemon_program(void)
{
    const char *program = getenv("SEALCHATD");

    return program ? program : "build/asan/sealchatd";
}

static inline void
daemon_configure(const struct daemon *d, const char *registration)
{
    const char *seccomp = getenv("SECCOMP");
    FILE       *f = fopen(d->conf, "w");

    assert_non_null(f);
    fprintf(f, "[service]\norigin = %s\nregistration = %s\nseccomp = %s\n"
            "[link]\nlisten = %s\nmode = 0600\n"
            "[store]\npath = %s/store\nmap_size = 1g\n"
            "%s%s"
            "[log]\nlevel = debug\nfile = %s\n",
            ORIGIN, registration, seccomp ? seccomp : "kill", d->sock, d->dir,
            d->quotas ? d->quotas
                      : "[quotas]\nfirst_bytes = none\n"
                        "first_messages = none\n",
            d->limits ? d->limits : "[limits]\nenabled = off\n", d->log);
    fclose(f);
}

static inline void
daemon_make(struct daemon *d)
{
    memset(d, 0, sizeof(*d));
    strcpy(d->dir, "/tmp/sealchat-test-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    snprintf(d->conf, sizeof(d->conf), "%s/conf", d->dir);
    snprintf(d->sock, sizeof(d->sock), "%s/sock", d->dir);
    snprintf(d->log, sizeof(d->log), "%s/log", d->dir);
    daemon_configure(d, "open");
}

static inline int
connect_to(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(addr.sun_path, path);

    if (connect(fd, (struct sockaddr *) &addr, sizeof(addr)) != 0) {
        close(fd);
        return -1;
    }

    return fd;
}

static inline void
nap(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&t, NULL);
}

static inline pid_t
daemon_spawn(const struct daemon *d)
{
    pid_t pid = fork();

    if (pid == 0) {
        /* Neither outlive a test that dies nor hold its output open. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen("/dev/null", "w", stdout) == NULL) {
            _exit(126);
        }
        execl(daemon_program(), "sealchatd", "-c", d->conf, (char *) NULL);
        _exit(127);
    }

    assert_true(pid > 0);
    return pid;
}

static inline void
daemon_start(struct daemon *d)
{
    int fd = -1;

    d->pid = daemon_spawn(d);

    for (int i = 0; i < PATIENCE / 20 && fd < 0; i++) {
        nap(20);
        fd = connect_to(d->sock);
    }

    assert_true(fd >= 0);
    close(fd);
}

/* Waits for an end of that kind: 0 for a clean one. */
static inline int
wait_for(pid_t pid)
{
    int status;

    for (int i = 0; i < PATIENCE / 10; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            return status;
        }
        nap(10);
    }

    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    fail_msg("the daemon did not end");
    return -1;
}

/* A clean stop, with the leak check of the sanitizer behind it. */
static inline void
daemon_stop(struct daemon *d)
{
    int status;

    kill(d->pid, SIGTERM);
    status = wait_for(d->pid);
    d->pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void
daemon_kill(struct daemon *d)
{
    kill(d->pid, SIGKILL);
    (void) wait_for(d->pid);
    d->pid = 0;
}

static inline void
daemon_free(struct daemon *d)
{
    char command[128];

    if (d->pid) {
        daemon_stop(d);
    }

    snprintf(command, sizeof(command), "rm -rf %s", d->dir);
    assert_int_equal(system(command), 0);
}

static inline int
log_has(const struct daemon *d, const char *text)
{
    static char all[1 << 20];
    FILE       *f = fopen(d->log, "r");
    size_t      n;

    assert_non_null(f);
    n = fread(all, 1, sizeof(all) - 1, f);
    all[n] = '\0';
    fclose(f);

    return strstr(all, text) != NULL;
}

/* Lines of its log that have that text. */
static inline unsigned
log_lines(const struct daemon *d, const char *text)
{
    char     line[2048];
    FILE    *f = fopen(d->log, "r");
    unsigned n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        n += strstr(line, text) != NULL;
    }
    fclose(f);
    return n;
}

/* ms of the monotonic clock. */
static inline uint64_t
steady_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* --- the link ------------------------------------------------------------ */

struct got {
    struct got      *next;
    struct sc_record rec;
    uint8_t          payload[];
};

struct peer {
    int         fd;
    struct got *first;           /* read, not asked for yet */
    uint32_t    streams;         /* ids given out */
};

static inline void
write_all(int fd, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    ssize_t        k;

    while (n) {
        k = send(fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        assert_true(k > 0);
        p += k;
        n -= (size_t) k;
    }
}

/* 1, or 0 when there was nothing for that long, -1 at the end. */
static inline int
read_all(int fd, void *bytes, size_t n, int ms)
{
    uint8_t *p = bytes;
    ssize_t  k;

    while (n) {
        struct pollfd pfd = { .fd = fd, .events = POLLIN };

        k = poll(&pfd, 1, p == bytes ? ms : PATIENCE);
        if (k == 0) {
            return 0;
        }

        k = recv(fd, p, n, 0);
        if (k <= 0) {
            return -1;
        }
        p += k;
        n -= (size_t) k;
    }

    return 1;
}

static inline void
put_record(const struct peer *peer, uint8_t kind, uint8_t flags,
           uint16_t code, uint32_t stream, const void *payload, size_t n)
{
    struct sc_record rec = { (uint32_t) n, kind, flags, code, stream };
    uint8_t         *out = malloc(SC_RECORD_HEADER + n);

    assert_non_null(out);
    sc_record_put(out, &rec);
    if (n) {
        memcpy(out + SC_RECORD_HEADER, payload, n);
    }
    write_all(peer->fd, out, SC_RECORD_HEADER + n);
    free(out);
}

/* The next record, freed by the caller; NULL after ms, or at the end of the
 * link, which *ended tells. */
static inline struct got *
read_record(struct peer *peer, int ms, int *ended)
{
    uint8_t          header[SC_RECORD_HEADER];
    struct sc_record rec;
    struct got      *got;
    int              rc = read_all(peer->fd, header, sizeof(header), ms);

    *ended = rc < 0;
    if (rc != 1) {
        return NULL;
    }

    assert_null(sc_record_get(header, &rec));
    got = malloc(sizeof(*got) + rec.length);
    assert_non_null(got);
    got->next = NULL;
    got->rec = rec;

    if (rec.length) {
        assert_int_equal(read_all(peer->fd, got->payload, rec.length,
                                  PATIENCE), 1);
    }

    return got;
}

/* The next record for a stream, from those kept or from the link. */
static inline struct got *
next_record(struct peer *peer, uint32_t stream, int ms)
{
    struct got **at = &peer->first, *got;
    int          ended;

    for ( ; *at; at = &(*at)->next) {
        if ((*at)->rec.stream == stream) {
            got = *at;
            *at = got->next;
            return got;
        }
    }

    while ((got = read_record(peer, ms, &ended)) != NULL) {
        if (got->rec.stream == stream) {
            return got;
        }

        for (at = &peer->first; *at; at = &(*at)->next) { }
        *at = got;
    }

    return NULL;
}

static inline void
peer_open_raw(struct peer *peer, const struct daemon *d)
{
    uint8_t hello[SC_RECORD_HELLO_BYTES];

    memset(peer, 0, sizeof(*peer));
    peer->fd = connect_to(d->sock);
    assert_true(peer->fd >= 0);
    assert_int_equal(read_all(peer->fd, hello, sizeof(hello), PATIENCE), 1);
    assert_null(sc_hello_get(hello + SC_RECORD_HEADER));
}

static inline void
peer_open(struct peer *peer, const struct daemon *d)
{
    uint8_t hello[SC_RECORD_HELLO_BYTES];

    peer_open_raw(peer, d);
    sc_hello_put(hello);
    write_all(peer->fd, hello, sizeof(hello));
}

static inline void
peer_close(struct peer *peer)
{
    struct got *got;

    while ((got = peer->first) != NULL) {
        peer->first = got->next;
        free(got);
    }

    close(peer->fd);
}

/* The daemon gives the link up. */
static inline void
peer_expect_end(struct peer *peer)
{
    struct got *got;
    int         ended = 0;

    while (!ended) {
        got = read_record(peer, PATIENCE, &ended);
        if (got == NULL && !ended) {
            fail_msg("the link stays open");
        }
        free(got);
    }

    peer_close(peer);
}

/* --- a stream ------------------------------------------------------------ */

struct client {
    struct peer *peer;
    uint32_t     id;
    uint16_t     tag;
    uint8_t      challenge[32];
    uint64_t     cursor, head, earliest, seq;   /* of READY */
    uint8_t      last_id[32];
    uint8_t      role;                /* of TICKET */
    uint8_t      ticket[SC_TICKET_MAX];
    size_t       ticket_n;
};

struct answer {
    struct got     *got;
    struct sc_frame frame;
};

static inline void
answer_free(struct answer *answer)
{
    free(answer->got);
    answer->got = NULL;
}

/* The next record of the stream that is no TICKET: that is kept. */
static inline struct got *
next_of(struct client *c, int ms)
{
    struct got *got;

    while ((got = next_record(c->peer, c->id, ms)) != NULL
           && got->rec.kind == SC_RECORD_TICKET)
    {
        c->role = got->payload[0];
        c->ticket_n = got->rec.length - 1;
        memcpy(c->ticket, got->payload + 1, c->ticket_n);
        free(got);
    }

    return got;
}

/* The next DATA, opened; 0 when there is none for that long. */
static inline int
next_frame(struct client *c, struct answer *answer, int ms)
{
    answer->got = next_of(c, ms);
    if (answer->got == NULL) {
        return 0;
    }

    assert_int_equal(answer->got->rec.kind, SC_RECORD_DATA);
    assert_int_equal(sc_frame_open(answer->got->payload,
                                   answer->got->rec.length, &answer->frame),
                     SC_E_NONE);
    return 1;
}

static inline struct answer
expect_frame(struct client *c, uint8_t type)
{
    struct answer answer;

    if (!next_frame(c, &answer, PATIENCE)) {
        fail_msg("no %s came", sc_frame_info(type)->name);
    }

    if (answer.frame.type == SC_FRAME_ERROR && type != SC_FRAME_ERROR) {
        struct sc_frame_error error;

        assert_true(sc_error_decode(answer.frame.body, &error));
        fail_msg("instead of %s: error %s: %.*s", sc_frame_info(type)->name,
                 sc_error_info(error.code)->name, (int) error.sentence.n,
                 (const char *) error.sentence.p);
    }

    assert_string_equal(sc_frame_info(answer.frame.type)->name,
                        sc_frame_info(type)->name);
    return answer;
}

static inline void
expect_quiet(struct client *c, int ms)
{
    struct got *got = next_of(c, ms);

    if (got) {
        fail_msg("a record of kind %u came, type 0x%02x", got->rec.kind,
                 got->rec.length ? got->payload[0] : 0);
    }
}

static inline void
expect_close(struct client *c, uint16_t code, const char *reason)
{
    struct got *got = next_of(c, PATIENCE);

    assert_non_null(got);
    assert_int_equal(got->rec.kind, SC_RECORD_CLOSE);
    assert_int_equal(got->rec.code, code);
    if (reason) {
        assert_int_equal(got->rec.length, strlen(reason));
        assert_memory_equal(got->payload, reason, strlen(reason));
    }
    free(got);
}

/* ERROR of that code, with CLOSE behind it where the table says so. */
static inline void
expect_error(struct client *c, enum sc_error_code code)
{
    const struct sc_error_info *info = sc_error_info(code);
    struct sc_frame_error       error;
    struct answer               a = expect_frame(c, SC_FRAME_ERROR);

    assert_true(sc_error_decode(a.frame.body, &error));
    assert_string_equal(sc_error_info(error.code)->name, info->name);
    assert_true(error.sentence.n > 10);
    answer_free(&a);

    if (info->close) {
        expect_close(c, info->close, info->name);
    }
}

static inline void
expect_challenge(struct client *c)
{
    struct sc_frame_challenge challenge;
    struct answer             a = expect_frame(c, SC_FRAME_CHALLENGE);

    assert_true(sc_challenge_decode(a.frame.body, &challenge));
    assert_int_equal(challenge.puzzle_bits, 0);
    memcpy(c->challenge, challenge.challenge, 32);
    answer_free(&a);
}

static inline void
open_text(struct client *c, struct peer *peer, const char *cid, int paused)
{
    struct sc_open open = {
        .addr = (const uint8_t *) "127.0.0.1", .addr_len = 9,
        .origin = (const uint8_t *) "http://shop.localhost:8080",
        .origin_len = 26,
        .cid = (const uint8_t *) cid, .cid_len = strlen(cid)
    };
    uint8_t payload[SC_OPEN_MAX];
    size_t  n = sc_open_put(payload, sizeof(payload), &open);

    memset(c, 0, sizeof(*c));
    c->peer = peer;
    c->id = ++peer->streams;
    put_record(peer, SC_RECORD_OPEN, paused ? SC_RECORD_FLAG_PAUSED : 0, 0,
               c->id, payload, n);
}

static inline void
client_open(struct client *c, struct peer *peer, const uint8_t cid[32])
{
    char text[SC_CID_TEXT + 1];

    sc_cid_write(text, cid);
    open_text(c, peer, text, 0);
    expect_challenge(c);
}

/* What was on its way before the CLOSE that answers ours is let pass. */
static inline void
client_close(struct client *c)
{
    struct got *got;
    int         kind = 0;

    put_record(c->peer, SC_RECORD_CLOSE, 0, 1000, c->id, NULL, 0);

    while (kind != SC_RECORD_CLOSE) {
        got = next_record(c->peer, c->id, PATIENCE);
        assert_non_null(got);
        kind = got->rec.kind;
        free(got);
    }
}

static inline void
put_frame(struct client *c, const uint8_t *frame, size_t n)
{
    assert_true(n > 0);
    put_record(c->peer, SC_RECORD_DATA, 0, 0, c->id, frame, n);
}

/* ASK(client, name, field = value, ...): sends a frame with a new tag. */
#define ASK(c, name, ...)                                                     \
    do {                                                                      \
        static uint8_t ask_out_[SC_FRAME_MAX];                                \
        struct sc_frame_##name ask_frame_ = { __VA_ARGS__ };                  \
        put_frame((c), ask_out_,                                              \
                  sc_##name##_encode(ask_out_, sizeof(ask_out_), ++(c)->tag,  \
                                     &ask_frame_));                           \
    } while (0)

#endif
