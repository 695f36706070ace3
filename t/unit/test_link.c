/*
 * The link's own rules in the real daemon: HELLO, records that break the
 * layout or the order, any cut of the bytes, PING, and who may have socket
 * and store.
 */

#define _GNU_SOURCE  /* memmem */

#include "people.h"

static struct daemon D;

static int
setup(void **state)
{
    (void) state;

    daemon_make(&D);
    daemon_start(&D);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;

    daemon_free(&D);
    return 0;
}

/* The daemon still serves others. */
static void
still_there(void)
{
    struct peer  p;
    struct owner o;

    peer_open(&p, &D);
    owner_register(&o, &p);
    peer_close(&p);
}

static void
test_hello(void **state)
{
    static const struct {
        size_t      at;
        uint8_t     value;
        const char *log;
    } wrongs[] = {
        { SC_RECORD_HEADER + 5, 1, "another version of the link protocol" },
        { SC_RECORD_HEADER, 'X', "not a SealChat link" },
        { SC_RECORD_HEADER + 7, 0, "takes no full-sized records" },
        { 4, SC_RECORD_PING, "malformed PING record" },
        { 4, 99, "unknown kind of record" },
        { 11, 1, "malformed HELLO record" },
    };

    struct peer p;
    uint8_t     hello[SC_RECORD_HELLO_BYTES];

    (void) state;

    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        peer_open_raw(&p, &D);
        sc_hello_put(hello);
        hello[wrongs[i].at] = wrongs[i].value;
        write_all(p.fd, hello, sizeof(hello));
        peer_expect_end(&p);
        assert_true(log_has(&D, wrongs[i].log));
    }

    peer_open_raw(&p, &D);
    put_record(&p, SC_RECORD_PING, 0, 0, 0, NULL, 0);
    peer_expect_end(&p);
    assert_true(log_has(&D, "the first record is not HELLO"));

    peer_open(&p, &D);
    sc_hello_put(hello);
    write_all(p.fd, hello, sizeof(hello));
    peer_expect_end(&p);
    assert_true(log_has(&D, "a second HELLO"));

    still_there();
}

static void
test_broken_records(void **state)
{
    static const struct {
        uint8_t     bytes[SC_RECORD_HEADER];
        const char *log;
    } wrongs[] = {
        { { 0, 1, 0, 1, SC_RECORD_DATA, 0, 0, 0, 0, 0, 0, 1 },
          "record payload above 65536 bytes" },
        { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xff, 0xff }, "record payload above 65536 bytes" },
        { { 0, 0, 0, 0, SC_RECORD_DATA, 0, 0, 0, 0, 0, 0, 1 },
          "malformed DATA record" },
        { { 0, 0, 0, 1, SC_RECORD_DATA, 0, 0, 0, 0, 0, 0, 0 },
          "malformed DATA record" },
        { { 0, 0, 0, 0, SC_RECORD_DATA, 1, 0, 0, 0, 0, 0, 1 },
          "unknown flags in a record" },
        { { 0, 0, 0, 0, SC_RECORD_OPEN, 4, 0, 0, 0, 0, 0, 1 },
          "unknown flags in a record" },
        { { 0, 0, 0, 0, SC_RECORD_PAUSE, 0, 1, 0, 0, 0, 0, 1 },
          "a code in a record other than CLOSE" },
        { { 0, 0, 0, 200, SC_RECORD_CLOSE, 0, 0, 0, 0, 0, 0, 1 },
          "malformed CLOSE record" },
        { { 0, 0, 0, 1, SC_RECORD_PAUSE, 0, 0, 0, 0, 0, 0, 1 },
          "malformed PAUSE or RESUME record" },
        { { 0, 0, 0, 0, SC_RECORD_PING, 0, 0, 0, 0, 0, 0, 1 },
          "malformed PING record" },
        { { 0, 0, 9, 0, SC_RECORD_OPEN, 0, 0, 0, 0, 0, 0, 1 },
          "malformed OPEN record" },
        { { 0, 0, 0, 0, SC_RECORD_OPEN, 0, 0, 0, 0, 0, 0, 1 },
          "malformed OPEN record" },
        { { 0, 0, 0, 0, SC_RECORD_TICKET, 0, 0, 0, 0, 0, 0, 1 },
          "malformed TICKET record" },
        { { 0, 0, 0, 0, SC_RECORD_KINDS, 0, 0, 0, 0, 0, 0, 1 },
          "unknown kind of record" },
        { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "unknown kind of record" },
        { { 0, 0, 0, 1, SC_RECORD_DATA, 0, 0, 0, 0, 0, 0, 1 },
          "a record for a stream that is not open" },
        { { 0, 0, 0, 0, SC_RECORD_PAUSE, 0, 0, 0, 0, 0, 0, 7 },
          "a record for a stream that is not open" },
        { { 0, 0, 0, 0, SC_RECORD_CLOSE, 0, 3, 232, 0, 0, 0, 7 },
          "a record for a stream that is not open" },
    };

    struct peer p;
    uint8_t     bytes[SC_RECORD_HEADER + 1] = { 0 };

    (void) state;

    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        peer_open(&p, &D);
        memcpy(bytes, wrongs[i].bytes, SC_RECORD_HEADER);
        write_all(p.fd, bytes, sizeof(bytes));
        peer_expect_end(&p);
        if (!log_has(&D, wrongs[i].log)) {
            fail_msg("nothing in the log of \"%s\"", wrongs[i].log);
        }
    }

    still_there();
}

static void
test_ticket(void **state)
{
    struct owner  o;
    struct peer   p;
    struct client c;
    uint8_t       role = SC_ROLE_DEVICE;

    (void) state;

    peer_open(&p, &D);
    owner_register(&o, &p);
    client_open(&c, &p, o.cid);
    put_record(&p, SC_RECORD_TICKET, 0, 0, c.id, &role, 1);
    peer_expect_end(&p);
    assert_true(log_has(&D, "TICKET from nginx"));

    still_there();
}

static void
test_garbage(void **state)
{
    struct peer p;
    uint8_t     noise[4096], seed[randombytes_SEEDBYTES] = { 7 };

    (void) state;

    for (uint8_t i = 0; i < 40; i++) {
        seed[1] = i;
        randombytes_buf_deterministic(noise, sizeof(noise), seed);
        noise[0] = 1;        /* longer than any record: wrong at once */
        peer_open(&p, &D);
        write_all(p.fd, noise, sizeof(noise));
        peer_expect_end(&p);
    }

    still_there();
}

static void
test_truncated(void **state)
{
    static const uint8_t part[] = { 0, 0, 0, 50, SC_RECORD_OPEN, 0, 0, 0,
                                    0, 0, 0, 1, 'x' };

    struct peer p;

    (void) state;

    for (size_t n = 1; n <= sizeof(part); n++) {
        peer_open(&p, &D);
        write_all(p.fd, part, n);
        shutdown(p.fd, SHUT_WR);
        peer_expect_end(&p);
    }

    assert_true(log_has(&D, "closed within a record"));
    still_there();
}

/* Ids: not twice at once, but again after both CLOSEs. */
static void
test_ids(void **state)
{
    struct peer   p;
    struct owner  o;
    struct client c;

    (void) state;

    peer_open(&p, &D);
    owner_register(&o, &p);
    client_open(&c, &p, o.cid);
    client_close(&c);
    p.streams = c.id - 1;
    client_open(&c, &p, o.cid);

    /* Ours first: what the browser still sends is let pass. */
    ASK(&c, ack, .position = 1);
    expect_error(&c, SC_E_NOT_ALLOWED);
    ASK(&c, ack, .position = 1);
    ASK(&c, login_start, .account_id = o.account_id);
    put_record(&p, SC_RECORD_PAUSE, 0, 0, c.id, NULL, 0);
    put_record(&p, SC_RECORD_RESUME, 0, 0, c.id, NULL, 0);
    put_record(&p, SC_RECORD_CLOSE, 0, 1008, c.id, NULL, 0);
    expect_quiet(&c, QUIET);

    p.streams = c.id - 1;
    client_open(&c, &p, o.cid);
    p.streams = c.id - 1;
    {
        char text[SC_CID_TEXT + 1];

        sc_cid_write(text, o.cid);
        open_text(&c, &p, text, 0);
    }
    peer_expect_end(&p);
    assert_true(log_has(&D, "OPEN of a stream that is open"));
    still_there();
}

/* Any cut of the bytes: the whole registration, one byte at a time. */
static void
test_cuts(void **state)
{
    struct owner o;
    struct peer  p, relay;
    int          pair[2], ended = 0;
    uint8_t      byte;

    (void) state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    peer_open(&relay, &D);
    memset(&p, 0, sizeof(p));
    p.fd = pair[0];

    if (fork() == 0) {
        close(pair[0]);
        while (!ended) {
            struct pollfd fds[2] = { { .fd = pair[1], .events = POLLIN },
                                     { .fd = relay.fd, .events = POLLIN } };

            poll(fds, 2, PATIENCE);
            for (int i = 0; i < 2; i++) {
                if (fds[i].revents && (read(fds[i].fd, &byte, 1) != 1
                                       || write(fds[!i].fd, &byte, 1) != 1))
                {
                    ended = 1;
                }
            }
        }
        _exit(0);
    }

    close(pair[1]);
    owner_register(&o, &p);
    peer_close(&p);
    peer_close(&relay);
    wait(NULL);
}

static void
test_ping(void **state)
{
    struct peer p;
    struct got *got;

    (void) state;

    peer_open(&p, &D);
    put_record(&p, SC_RECORD_PING, 0, 0, 0, NULL, 0);
    got = next_record(&p, 0, PATIENCE);
    assert_non_null(got);
    assert_int_equal(got->rec.kind, SC_RECORD_PING);
    assert_int_equal(got->rec.flags, SC_RECORD_FLAG_ANSWER);
    free(got);

    put_record(&p, SC_RECORD_PING, SC_RECORD_FLAG_ANSWER, 0, 0, NULL, 0);
    assert_null(next_record(&p, 0, QUIET));
    peer_close(&p);
}

static void
test_status(void **state)
{
    struct peer p;
    struct got *got;

    (void) state;

    peer_open(&p, &D);
    put_record(&p, SC_RECORD_STATUS, 0, 0, 0, NULL, 0);
    got = next_record(&p, 0, PATIENCE);
    assert_non_null(got);
    assert_int_equal(got->rec.kind, SC_RECORD_STATUS);
    assert_int_equal(got->rec.flags, SC_RECORD_FLAG_ANSWER);
    assert_non_null(memmem(got->payload, got->rec.length,
                           "\nsealchatd_links 1\n", 19));
    free(got);

    put_record(&p, SC_RECORD_STATUS, SC_RECORD_FLAG_ANSWER, 0, 0, NULL, 0);
    peer_expect_end(&p);
    assert_true(log_has(&D, "a STATUS answer from nginx"));
    still_there();
}

static void
ends_with(const struct daemon *d, const char *text)
{
    int status = wait_for(daemon_spawn(d));

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    if (!log_has(d, text)) {
        fail_msg("nothing in the log of \"%s\"", text);
    }
}

/* One store, one daemon; one socket, one daemon. */
static void
test_two_daemons(void **state)
{
    struct daemon other;
    struct stat   st;

    (void) state;

    ends_with(&D, "another sealchatd uses the store");

    daemon_make(&other);
    strcpy(other.sock, D.sock);
    daemon_configure(&other, "open");
    ends_with(&other, "another process answers there");
    daemon_free(&other);

    assert_int_equal(stat(D.sock, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    still_there();
}

/* A socket that a killed daemon left is taken over; a file is not. */
static void
test_stale_socket(void **state)
{
    FILE *f;

    (void) state;

    daemon_kill(&D);
    assert_int_equal(access(D.sock, F_OK), 0);
    daemon_start(&D);
    still_there();
    daemon_stop(&D);

    f = fopen(D.sock, "w");
    assert_non_null(f);
    fclose(f);
    ends_with(&D, "there is a file that is no socket");
    assert_int_equal(unlink(D.sock), 0);
}

/* Two megabytes of answers that nobody reads yet: nothing is lost, the
 * module is asked to hold back, and then all of it comes. */
static void
test_slow_module(void **state)
{
    enum { ASKS = 40, N = 80 };

    struct peer    p, reader;
    struct owner   o;
    struct visitor v;
    struct client  c, r[16];
    struct chain   chain = { 0 };
    struct letter  letter;
    struct answer  a;
    int            pauses = 0, resumes = 0;
    struct got    *got;

    (void) state;

    peer_open(&p, &D);
    peer_open(&reader, &D);
    owner_register(&o, &p);
    visitor_make(&v, &o);
    visitor_login(&c, &p, &o, &v);
    for (int i = 0; i < N; i++) {
        letter_make(&letter, &o, &v, NULL, &chain);
        ask_send(&c, &letter);
        expect_stored(&c);
    }

    for (int i = 0; i < 16; i++) {
        visitor_login(&r[i], &reader, &o, &v);
    }

    for (int k = 0; k < ASKS; k++) {
        for (int i = 0; i < 16; i++) {
            ASK(&r[i], history, .sid = v.sid, .count = N);
        }
    }

    nap(500);
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < ASKS; k++) {
            a = expect_frame(&r[i], SC_FRAME_MESSAGES);
            assert_int_equal(a.frame.tag, r[i].tag - ASKS + 1 + k);
            answer_free(&a);
        }
    }

    while ((got = next_record(&reader, 0, QUIET)) != NULL) {
        pauses += got->rec.kind == SC_RECORD_PAUSE;
        resumes += got->rec.kind == SC_RECORD_RESUME;
        free(got);
    }

    assert_true(pauses > 0);
    assert_int_equal(pauses, resumes);
    peer_close(&p);
    peer_close(&reader);
}

/* More than the commit queue takes at once: all of it is stored, each PAUSE
 * has its RESUME, and control records are answered all the while. */
static void
test_flood(void **state)
{
    enum { STREAMS = 24, EACH = 60 };

    static struct draft d;
    struct peer    p;
    struct owner   o;
    struct visitor v[STREAMS];
    struct client  c[STREAMS];
    struct chain   chain;
    struct letter *letters = calloc(STREAMS * EACH, sizeof(*letters));
    struct got    *got;
    int            pauses = 0, resumes = 0, pings = 0;
    pid_t          writer;

    (void) state;

    assert_non_null(letters);
    peer_open(&p, &D);
    owner_register(&o, &p);

    for (int i = 0; i < STREAMS; i++) {
        visitor_make(&v[i], &o);
        visitor_login(&c[i], &p, &o, &v[i]);
        memset(&chain, 0, sizeof(chain));
        for (int k = 0; k < EACH; k++) {
            draft_make(&d, &o, &v[i], 1, &chain);
            d.e.ct.n = 16384 + SC_CT_TAG;
            draft_sign(&letters[i * EACH + k], &d, &v[i].keys);
            chain_add(&chain, &letters[i * EACH + k]);
        }
    }

    writer = fork();
    if (writer == 0) {
        for (int k = 0; k < STREAMS * EACH; k++) {
            ask_send(&c[k / EACH], &letters[k]);
        }
        put_record(&p, SC_RECORD_PING, 0, 0, 0, NULL, 0);
        _exit(0);
    }

    for (int k = 0; k < STREAMS * EACH; k++) {
        expect_stored(&c[k / EACH]);
    }

    assert_int_equal(wait_for(writer), 0);
    while ((got = next_record(&p, 0, 500)) != NULL) {
        pauses += got->rec.kind == SC_RECORD_PAUSE;
        resumes += got->rec.kind == SC_RECORD_RESUME;
        pings += got->rec.kind == SC_RECORD_PING;
        free(got);
    }

    assert_int_equal(pauses, resumes);
    assert_int_equal(pings, 1);
    free(letters);
    peer_close(&p);
}

/* Opens so many streams and takes their challenges. */
static void
open_many(struct peer *p, const char *cid, int n)
{
    struct client c;
    struct got   *got;
    int           ended;

    for (int left = n; left > 0; left -= 500) {
        for (int i = 0; i < 500; i++) {
            open_text(&c, p, cid, 0);
        }
        for (int i = 0; i < 500; i++) {
            got = read_record(p, PATIENCE, &ended);
            assert_non_null(got);
            assert_int_equal(got->rec.kind, SC_RECORD_DATA);
            free(got);
        }
    }
}

/* A worker that dies with all its browsers: the others notice nothing. */
static void
test_many_streams(void **state)
{
    enum { STREAMS = 60000 };

    struct peer  p, other;
    struct owner o;
    struct got  *got;
    char         cid[SC_CID_TEXT + 1];
    uint64_t     start;

    (void) state;

    peer_open(&p, &D);
    peer_open(&other, &D);
    owner_register(&o, &p);
    sc_cid_write(cid, o.cid);
    open_many(&p, cid, STREAMS);
    peer_close(&p);

    nap(20);
    start = now_ms();
    put_record(&other, SC_RECORD_PING, 0, 0, 0, NULL, 0);
    got = next_record(&other, 0, PATIENCE);
    assert_non_null(got);
    assert_int_equal(got->rec.kind, SC_RECORD_PING);
    assert_true(now_ms() - start < 1000);
    free(got);
    peer_close(&other);
}

/* A module that neither reads nor heeds PAUSE is given up before it makes the
 * daemon hold much. */
static void
test_deaf_module(void **state)
{
    struct timeval patience = { .tv_sec = PATIENCE / 1000 };
    struct peer    p;
    struct owner   o;
    struct client  c;
    uint8_t        signals[4096][SC_RECORD_HEADER + SC_FRAME_HEADER];
    int            blocks = 0;

    (void) state;

    peer_open(&p, &D);
    owner_register(&o, &p);
    device_login(&c, &p, &o, 0);

    for (size_t i = 0; i < 4096; i++) {
        struct sc_record rec = { .length = SC_FRAME_HEADER,
            .kind = SC_RECORD_DATA, .stream = c.id };

        memset(signals[i], 0, sizeof(signals[i]));
        sc_record_put(signals[i], &rec);
        signals[i][SC_RECORD_HEADER] = SC_FRAME_SIGNAL;
    }

    /* None of them is a signal, so that each is answered with an ERROR. */
    assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
                                sizeof(patience)), 0);
    while (blocks < 400 && send(p.fd, signals, sizeof(signals), MSG_NOSIGNAL)
                           == (ssize_t) sizeof(signals))
    {
        blocks++;
    }

    assert_true(blocks < 400);
    peer_expect_end(&p);
    still_there();
}

/* Answers that were held for many streams go out as fast as they are read. */
static void
test_many_resumed(void **state)
{
    enum { STREAMS = 10000, ASKS = 60 };

    static const uint8_t zeros[32];

    struct peer   p;
    struct owner  o;
    struct client c;
    struct got   *got;
    int           ended, salts = 0;

    (void) state;

    peer_open(&p, &D);
    owner_register(&o, &p);
    for (int i = 0; i < STREAMS; i++) {
        client_open(&c, &p, o.cid);
        put_record(&p, SC_RECORD_PAUSE, 0, 0, c.id, NULL, 0);
        for (int k = 0; k < ASKS; k++) {
            ASK(&c, login_start, .account_id = zeros);
        }
    }

    for (uint32_t id = c.id - STREAMS + 1; id <= c.id; id++) {
        put_record(&p, SC_RECORD_RESUME, 0, 0, id, NULL, 0);
    }

    while (salts < STREAMS * ASKS) {
        got = read_record(&p, PATIENCE, &ended);
        assert_non_null(got);
        salts += got->rec.kind == SC_RECORD_DATA;
        free(got);
    }

    peer_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hello, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ticket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cuts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ping, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_daemons, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_module, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deaf_module, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_resumed, setup, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
