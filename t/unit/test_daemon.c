/*
 * The daemon end to end, as a link sees it: a customer registers, devices and
 * visitors log in, write and read; windows, pauses, pages, restarts.
 */

#include "served.h"

static void
restart(void)
{
    peer_close(&P);
    daemon_start(&D);
    peer_open(&P, &D);
}

static void
test_conversation(void **state)
{
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   vc = { 0 }, dc = { 0 };
    struct letter  a, b, c;
    uint64_t       p;

    (void) state;

    owner_register(&o, &P);
    device_login(&device, &P, &o, 0);
    assert_int_equal(device.cursor, 0);
    assert_int_equal(device.head, 0);

    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    assert_int_equal(visitor.seq, 0);

    letter_make(&a, &o, &v, NULL, &vc);
    ask_send(&visitor, &a);
    assert_int_equal(expect_stored(&visitor), 1);
    assert_int_equal(expect_deliver(&device, &a, &v), 1);

    letter_make(&b, &o, &v, NULL, &vc);
    ask_send(&visitor, &b);
    assert_int_equal(expect_stored(&visitor), 2);
    assert_int_equal(expect_deliver(&device, &b, NULL), 2);
    ask_ack(&device, 2);

    letter_make(&c, &o, &v, &o.devices[0], &dc);
    ask_send(&device, &c);
    p = expect_stored(&device);
    assert_int_equal(p, 3);
    assert_int_equal(expect_deliver(&visitor, &c, NULL), 3);
    ask_ack(&visitor, 3);

    /* Nobody gets what he sent himself. */
    expect_quiet(&visitor, QUIET);
    expect_quiet(&device, QUIET);

    client_close(&device);
    client_close(&visitor);

    /* Acknowledged: it does not come again. */
    device_login(&device, &P, &o, 0);
    assert_int_equal(device.cursor, 2);
    assert_int_equal(device.head, 3);
    visitor_login(&visitor, &P, &o, &v);
    assert_int_equal(visitor.cursor, 3);
    assert_int_equal(visitor.seq, 2);
    assert_memory_equal(visitor.last_id, b.id, 32);
    expect_quiet(&device, QUIET);
    expect_quiet(&visitor, QUIET);
}

/* The same bytes get the same answer, and are delivered once. */
static void
test_repeat(void **state)
{
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   vc = { 0 };
    struct letter  a, b;

    (void) state;

    owner_register(&o, &P);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);

    letter_make(&a, &o, &v, NULL, &vc);
    letter_make(&b, &o, &v, NULL, &vc);
    ask_send(&visitor, &a);
    ask_send(&visitor, &a);
    ask_send(&visitor, &b);
    ask_send(&visitor, &a);
    assert_int_equal(expect_stored(&visitor), 1);
    assert_int_equal(expect_stored(&visitor), 1);
    assert_int_equal(expect_stored(&visitor), 2);
    assert_int_equal(expect_stored(&visitor), 1);
    expect_deliver(&device, &a, &v);
    expect_deliver(&device, &b, NULL);
    expect_quiet(&device, QUIET);
}

/* A second device and a second tab see all that the others wrote. */
static void
test_devices_and_tabs(void **state)
{
    struct owner   o;
    struct visitor v, other;
    struct client  one, two, tab_a, tab_b, stranger, c;
    struct chain   vc = { 0 }, dc = { 0 }, oc = { 0 };
    struct letter  a, b, x;
    struct answer  done;

    (void) state;

    owner_register(&o, &P);
    device_login(&one, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_make(&other, &o);
    visitor_login(&tab_a, &P, &o, &v);
    visitor_login(&tab_b, &P, &o, &v);
    visitor_login(&stranger, &P, &o, &other);

    letter_make(&a, &o, &v, NULL, &vc);
    ask_send(&tab_a, &a);
    expect_stored(&tab_a);
    expect_deliver(&one, &a, &v);

    /* A login with the password adds the device; it gets everything. */
    keys_make(&o.devices[1]);
    o.n_devices = 2;
    owner_login(&c, &P, &o, SC_ROLE_PASSWORD);
    owner_next(&o, 0);
    ask_account_put(&c, &o);
    done = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&done);
    expect_roster(&one, &o);
    expect_roster(&tab_a, &o);
    expect_roster(&tab_b, &o);
    expect_roster(&stranger, &o);

    device_login(&two, &P, &o, 1);
    assert_int_equal(two.cursor, 0);
    expect_deliver(&two, &a, &v);

    letter_make(&b, &o, &v, &o.devices[1], &dc);
    ask_send(&two, &b);
    expect_stored(&two);
    expect_deliver(&one, &b, NULL);
    expect_deliver(&tab_a, &b, NULL);
    expect_deliver(&tab_b, &b, NULL);

    letter_make(&x, &o, &other, NULL, &oc);
    ask_send(&stranger, &x);
    expect_stored(&stranger);
    expect_deliver(&one, &x, &other);
    expect_deliver(&two, &x, &other);

    expect_quiet(&stranger, QUIET);
    expect_quiet(&tab_a, 0);
    expect_quiet(&tab_b, 0);
    expect_quiet(&two, 0);
}

/* 64 unacknowledged at most; the rest comes as ACKs make room, in order. */
static void
test_window(void **state)
{
    enum { N = 300 };

    struct letter *letters = calloc(N, sizeof(*letters));
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   vc = { 0 };
    int            got = 0;

    (void) state;

    assert_non_null(letters);
    owner_register(&o, &P);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    send_letters(&visitor, &o, &v, &vc, letters, N);

    while (got < (int) SC_DELIVER_WINDOW) {
        expect_deliver(&device, &letters[got], got ? NULL : &v);
        got++;
    }
    expect_quiet(&device, QUIET);

    ask_ack(&device, 1);
    expect_deliver(&device, &letters[got++], NULL);
    expect_quiet(&device, QUIET);

    while (got < N) {
        ask_ack(&device, (uint64_t) got);
        for (int k = 0; k < (int) SC_DELIVER_WINDOW && got < N; k++) {
            expect_deliver(&device, &letters[got++], NULL);
        }
    }

    ask_ack(&device, N);
    expect_quiet(&device, QUIET);
    free(letters);
}

/* A paused stream gets nothing, a paused link nobody; then all comes. */
static void
test_pause(void **state)
{
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   vc = { 0 };
    struct letter  letters[3];

    (void) state;

    owner_register(&o, &P);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);

    put_record(&P, SC_RECORD_PAUSE, 0, 0, device.id, NULL, 0);
    send_letters(&visitor, &o, &v, &vc, letters, 2);
    ASK(&device, sessions, .from = v.sid, .count = 4);
    expect_quiet(&device, QUIET);

    put_record(&P, SC_RECORD_PAUSE, 0, 0, 0, NULL, 0);
    put_record(&P, SC_RECORD_RESUME, 0, 0, device.id, NULL, 0);
    letter_make(&letters[2], &o, &v, NULL, &vc);
    ask_send(&visitor, &letters[2]);
    expect_quiet(&visitor, QUIET);
    expect_quiet(&device, 0);

    put_record(&P, SC_RECORD_RESUME, 0, 0, 0, NULL, 0);
    assert_int_equal(expect_stored(&visitor), 3);

    /* Answer and messages come in whatever order; all of them come. */
    for (int i = 0, delivered = 0, pages = 0; i < 4; i++) {
        struct answer a;

        assert_true(next_frame(&device, &a, PATIENCE));
        if (a.frame.type == SC_FRAME_DELIVER) {
            delivered++;
        } else {
            assert_int_equal(a.frame.type, SC_FRAME_SESSION_PAGE);
            assert_int_equal(a.frame.tag, device.tag);
            pages++;
        }
        answer_free(&a);
        assert_true(i < 3 || (delivered == 3 && pages == 1));
    }
}

/* A stream that nginx opened paused still gets its challenge later. */
static void
test_open_paused(void **state)
{
    struct owner  o;
    struct client c;
    char          text[SC_CID_TEXT + 1];

    (void) state;

    owner_register(&o, &P);
    sc_cid_write(text, o.cid);
    open_text(&c, &P, text, 1);
    expect_quiet(&c, QUIET);
    put_record(&P, SC_RECORD_RESUME, 0, 0, c.id, NULL, 0);
    expect_challenge(&c);
    ask_auth(&c, SC_ROLE_DEVICE, o.devices[0].id, o.devices[0].sk, NULL, 0);
    expect_ready(&c, SC_ROLE_DEVICE);
}

static void
test_history(void **state)
{
    enum { N = 200 };

    struct letter *letters = calloc(N, sizeof(*letters));
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   vc = { 0 };
    uint64_t       before = 0;
    int            left = N, pages = 0;

    (void) state;

    assert_non_null(letters);
    owner_register(&o, &P);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    send_letters(&visitor, &o, &v, &vc, letters, N);

    do {
        ASK(&visitor, history, .sid = v.sid, .before = before, .count = 255);
        before = expect_history(&visitor, letters, &left, v.sid);
        pages++;
    } while (before);

    assert_int_equal(left, 0);
    assert_true(pages > 2 && pages < 10);

    /* A device reads the same, from the middle. */
    device_login(&device, &P, &o, 0);
    for (int i = 0; i < (int) SC_DELIVER_WINDOW; i++) {
        expect_deliver(&device, &letters[i], i ? NULL : &v);
    }

    left = 100;
    ASK(&device, history, .sid = v.sid, .before = 101, .count = 10);
    assert_int_equal(expect_history(&device, letters, &left, v.sid), 91);
    assert_int_equal(left, 90);
    free(letters);
}

static void
test_sessions(void **state)
{
    enum { N = 70 };

    struct owner                 o;
    struct visitor              *v = calloc(N, sizeof(*v));
    struct client                device, c;
    struct letter                letter;
    struct sc_frame_session_page page;
    struct sc_session            item;
    struct answer                a;
    uint8_t                      from[32] = { 0 }, last[32] = { 0 };
    int                          n = 0;

    (void) state;

    assert_non_null(v);
    owner_register(&o, &P);

    for (int i = 0; i < N; i++) {
        struct chain chain = { 0 };

        visitor_make(&v[i], &o);
        visitor_login(&c, &P, &o, &v[i]);
        letter_make(&letter, &o, &v[i], NULL, &chain);
        ask_send(&c, &letter);
        expect_stored(&c);
        client_close(&c);
    }

    device_login(&device, &P, &o, 0);
    for (int i = 0; i < (int) SC_DELIVER_WINDOW; i++) {
        a = expect_frame(&device, SC_FRAME_DELIVER);
        answer_free(&a);
    }

    do {
        ASK(&device, sessions, .from = from, .count = 64);
        a = expect_frame(&device, SC_FRAME_SESSION_PAGE);
        assert_true(sc_session_page_decode(a.frame.body, &page));

        while (sc_session_next(&page.sessions, &item)) {
            assert_true(memcmp(last, item.sid, 32) < 0);
            memcpy(last, item.sid, 32);
            assert_true(item.hello.n > SC_HELLO_FIXED);
            assert_int_equal(item.seq, 0);
            assert_true(item.head >= 1 && item.head <= N);
            n++;
        }

        memcpy(from, page.next, 32);
        answer_free(&a);
    } while (!sc_is_zero(from, 32));

    assert_int_equal(n, N);
    free(v);
}

static void
make_signal(struct letter *letter, const struct owner *o,
            const struct visitor *v, const struct keys *device)
{
    static struct draft   d;
    static const uint8_t  zeros[32];
    struct chain          chain = { 0 };

    draft_make(&d, o, v, device == NULL, &chain);
    d.e.type = SC_ENVELOPE_SIGNAL;
    d.e.seq = 0;
    d.e.prev = zeros;
    draft_sign(letter, &d, device ? device : &v->keys);
}

static void
expect_signalled(struct client *c, const struct letter *letter)
{
    struct answer a = expect_frame(c, SC_FRAME_SIGNALLED);

    assert_int_equal(a.frame.body.n, letter->n);
    assert_memory_equal(a.frame.body.p, letter->bytes, letter->n);
    answer_free(&a);
}

static void
test_signals(void **state)
{
    struct owner   o;
    struct visitor v, w;
    struct client  device, visitor, other;
    struct chain   vc = { 0 };
    struct letter  letter, sig;

    (void) state;

    owner_register(&o, &P);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_make(&w, &o);
    visitor_login(&visitor, &P, &o, &v);
    visitor_login(&other, &P, &o, &w);
    letter_make(&letter, &o, &v, NULL, &vc);
    ask_send(&visitor, &letter);
    expect_stored(&visitor);
    expect_deliver(&device, &letter, &v);

    make_signal(&sig, &o, &v, NULL);
    ASK(&visitor, signal, .envelope = { sig.bytes, sig.n });
    expect_signalled(&device, &sig);

    make_signal(&sig, &o, &v, &o.devices[0]);
    ASK(&device, signal, .envelope = { sig.bytes, sig.n });
    expect_signalled(&visitor, &sig);
    expect_quiet(&other, QUIET);

    /* Dropped, not kept, for one that cannot take it. */
    put_record(&P, SC_RECORD_PAUSE, 0, 0, visitor.id, NULL, 0);
    ASK(&device, signal, .envelope = { sig.bytes, sig.n });
    nap(QUIET);
    put_record(&P, SC_RECORD_RESUME, 0, 0, visitor.id, NULL, 0);
    expect_quiet(&visitor, QUIET);

    /* A signal is no message, and a message no signal. */
    ASK(&visitor, send, .envelope = { sig.bytes, sig.n });
    expect_error(&visitor, SC_E_BAD_ENVELOPE);
    ASK(&visitor, signal, .envelope = { letter.bytes, letter.n });
    expect_error(&visitor, SC_E_BAD_ENVELOPE);
}

/* What was answered with STORED survives kill -9; clients go on. */
static void
test_kill(void **state)
{
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   vc = { 0 };
    struct letter  letters[20];

    (void) state;

    owner_register(&o, &P);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    send_letters(&visitor, &o, &v, &vc, letters, 20);

    daemon_kill(&D);
    restart();

    device_login(&device, &P, &o, 0);
    assert_int_equal(device.head, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(expect_deliver(&device, &letters[i],
                                        i ? NULL : &v), i + 1);
    }

    visitor_login(&visitor, &P, &o, &v);
    assert_int_equal(visitor.seq, 20);
    assert_memory_equal(visitor.last_id, letters[19].id, 32);
}

/* SIGTERM in the middle of it: clean, and cursors are kept. */
static void
test_stop(void **state)
{
    struct owner   o;
    struct visitor v;
    struct client  device, visitor;
    struct chain   vc = { 0 };
    struct letter  letters[20];

    (void) state;

    owner_register(&o, &P);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    send_letters(&visitor, &o, &v, &vc, letters, 20);
    for (int i = 0; i < 20; i++) {
        expect_deliver(&device, &letters[i], i ? NULL : &v);
    }
    ask_ack(&device, 15);
    put_record(&P, SC_RECORD_PING, 0, 0, 0, NULL, 0);
    free(next_record(&P, 0, PATIENCE));

    daemon_stop(&D);
    assert_int_equal(access(D.sock, F_OK), -1);
    assert_true(log_has(&D, "ready"));
    assert_true(log_has(&D, "stopped"));
    restart();

    device_login(&device, &P, &o, 0);
    assert_int_equal(device.cursor, 15);
    for (int i = 15; i < 20; i++) {
        expect_deliver(&device, &letters[i], NULL);
    }
}

/* Many at once, on several links, each in order and none lost. */
static void
test_many(void **state)
{
    enum { PAIRS = 20, EACH = 10 };

    struct peer    peers[2];
    struct owner   o;
    struct visitor v[PAIRS];
    struct client  c[PAIRS], device;
    struct chain   chains[PAIRS];
    struct letter  letter;
    struct answer  a;
    int            seen = 0;

    (void) state;

    peer_open(&peers[0], &D);
    peer_open(&peers[1], &D);
    owner_register(&o, &P);
    device_login(&device, &P, &o, 0);
    memset(chains, 0, sizeof(chains));

    for (int i = 0; i < PAIRS; i++) {
        visitor_make(&v[i], &o);
        visitor_login(&c[i], &peers[i % 2], &o, &v[i]);
    }

    for (int k = 0; k < EACH; k++) {
        for (int i = 0; i < PAIRS; i++) {
            letter_make(&letter, &o, &v[i], NULL, &chains[i]);
            ask_send(&c[i], &letter);
        }
    }

    while (seen < PAIRS * EACH) {
        struct sc_frame_deliver deliver;

        a = expect_frame(&device, SC_FRAME_DELIVER);
        assert_true(sc_deliver_decode(a.frame.body, &deliver));
        assert_int_equal(deliver.position, ++seen);
        answer_free(&a);
        ask_ack(&device, (uint64_t) seen);
    }

    for (int i = 0; i < PAIRS; i++) {
        for (int k = 0; k < EACH; k++) {
            expect_stored(&c[i]);
        }
    }

    /* A link goes away with all its streams while others stay. */
    peer_close(&peers[0]);
    letter_make(&letter, &o, &v[1], NULL, &chains[1]);
    ask_send(&c[1], &letter);
    expect_stored(&c[1]);
    expect_deliver(&device, &letter, NULL);
    peer_close(&peers[1]);
}

/* Runs the program and compares what it says and how it ends. */
static void
says(const char *arguments, int status, const char *text)
{
    char   command[256], out[1024];
    FILE  *f;
    size_t n;

    snprintf(command, sizeof(command), "%s %s 2>&1", daemon_program(),
             arguments);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(out, 1, sizeof(out) - 1, f);
    out[n] = '\0';
    assert_int_equal(WEXITSTATUS(pclose(f)), status);
    if (strstr(out, text) == NULL) {
        fail_msg("sealchatd %s does not say \"%s\" but: %s", arguments, text,
                 out);
    }
}

static void
test_options(void **state)
{
    char  arguments[128];
    FILE *f;

    (void) state;

    says("-v", 0, "sealchatd 0.");
    says("-h", 0, "usage: sealchatd");
    says("-x", 2, "usage: sealchatd");
    says("stray", 2, "usage: sealchatd");
    says("-c /nowhere", 1, "/nowhere: No such file or directory");

    snprintf(arguments, sizeof(arguments), "-t -c %s", D.conf);
    says(arguments, 0, "is in order");

    f = fopen(D.conf, "a");
    assert_non_null(f);
    fputs("colour = blue\n", f);
    fclose(f);
    says(arguments, 1, "conf:19: unknown key colour in [log]");
    says(arguments + 3, 1, "conf:19: unknown key colour in [log]");
}

/* Whoever can connect can end it cleanly, however soon. */
static void
test_stop_at_once(void **state)
{
    int fd;

    (void) state;

    peer_close(&P);
    daemon_stop(&D);

    for (int i = 0; i < 20; i++) {
        unlink(D.sock);
        D.pid = daemon_spawn(&D);
        while ((fd = connect_to(D.sock)) < 0) {
            assert_int_equal(waitpid(D.pid, NULL, WNOHANG), 0);
        }
        daemon_stop(&D);
        close(fd);
    }

    daemon_start(&D);
    peer_open(&P, &D);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conversation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices_and_tabs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_window, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_paused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
