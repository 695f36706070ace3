/*
 * Streams that are opened again by ticket: who comes back, in what state, and
 * every kind of ticket that must not bring anybody back.
 */

#include "served.h"

#include "ticket.h"


static const uint8_t zeros[32];

static void
start_again(void)
{
    peer_close(&P);
    daemon_start(&D);
    peer_open(&P, &D);
}

static void
restart(int by_signal)
{
    if (by_signal == SIGKILL) {
        daemon_kill(&D);
    } else {
        daemon_stop(&D);
    }

    start_again();
}


/* --- opening again ------------------------------------------------------- */

static void
reopen(struct client *c, const uint8_t cid[32], const uint8_t *ticket,
       size_t n, uint8_t flags)
{
    char           text[SC_CID_TEXT + 1];
    uint8_t        payload[SC_OPEN_MAX];
    struct sc_open open = {
        .addr = (const uint8_t *) "127.0.0.1", .addr_len = 9,
        .origin = (const uint8_t *) "http://shop.localhost:8080",
        .origin_len = 26, .cid = (const uint8_t *) text,
        .cid_len = SC_CID_TEXT, .ticket = ticket, .ticket_len = n
    };

    sc_cid_write(text, cid);
    memset(c, 0, sizeof(*c));
    c->peer = &P;
    c->id = ++P.streams;
    put_record(&P, SC_RECORD_OPEN, flags | SC_RECORD_FLAG_AGAIN, 0, c->id,
               payload, sc_open_put(payload, sizeof(payload), &open));
}

/* RESUMED in that role; the mark to answer with. */
static uint64_t
expect_resumed(struct client *c, uint8_t role)
{
    struct sc_frame_resumed resumed;
    struct answer           a = expect_frame(c, SC_FRAME_RESUMED);

    assert_int_equal(a.frame.tag, 0);
    assert_true(sc_resumed_decode(a.frame.body, &resumed));
    assert_int_equal(resumed.role, role);
    assert_true(resumed.mark > 0);
    answer_free(&a);
    return resumed.mark;
}

/* Goes on as who it was. */
static void
comes_back(struct client *c, const uint8_t cid[32], uint8_t role,
           const uint8_t *ticket, size_t n)
{
    uint64_t mark;

    reopen(c, cid, ticket, n, 0);
    mark = expect_resumed(c, role);
    expect_ticket(c, role);
    ASK(c, resume, .mark = mark);
}

/* Gets a new challenge, and nothing else. */
static void
is_nobody(struct client *c, const uint8_t cid[32], const uint8_t *ticket,
          size_t n)
{
    reopen(c, cid, ticket, n, 0);
    expect_resumed(c, SC_ROLE_NONE);
    expect_challenge(c);
    assert_int_equal(c->role, SC_ROLE_NONE);
}

static void
refused(const uint8_t cid[32], const uint8_t *ticket, size_t n,
        const char *why)
{
    struct client c;

    is_nobody(&c, cid, ticket, n);
    client_close(&c);
    if (!log_has(&D, why)) {
        fail_msg("nothing in the log of \"%s\"", why);
    }
}

/* A visitor whose session is stored. */
static void
visitor_writes(struct client *c, struct visitor *v, struct chain *chain,
               struct letter *letter)
{
    memset(chain, 0, sizeof(*chain));
    visitor_make(v, &O);
    visitor_login(c, &P, &O, v);
    letter_make(letter, &O, v, NULL, chain);
    ask_send(c, letter);
    expect_stored(c);
    expect_ticket(c, SC_ROLE_VISITOR);
}


/* --- who comes back ------------------------------------------------------ */

static void
comes_back_after(int by_signal)
{
    struct client  device, visitor, again;
    struct visitor v;
    struct chain   chain, replies = { 0 };
    struct letter  first, second, reply;
    uint64_t       position;

    device_login(&device, &P, &O, 0);
    assert_int_equal(device.ticket_n, SC_TICKET_BYTES);
    visitor_writes(&visitor, &v, &chain, &first);
    position = expect_deliver(&device, &first, &v);
    ask_ack(&device, position);
    letter_make(&reply, &O, &v, &O.devices[0], &replies);
    ask_send(&device, &reply);
    expect_stored(&device);
    nap(400);                        /* the cursor is written */

    restart(by_signal);

    /* The device has acknowledged all; the visitor has not. */
    comes_back(&again, O.cid, SC_ROLE_DEVICE, device.ticket,
               device.ticket_n);
    device = again;
    if (by_signal == SIGTERM) {
        expect_quiet(&device, QUIET);
    }
    comes_back(&again, O.cid, SC_ROLE_VISITOR, visitor.ticket,
               visitor.ticket_n);
    visitor = again;
    expect_deliver(&visitor, &reply, NULL);

    /* A repetition, and the next one. */
    ask_send(&visitor, &first);
    assert_int_equal(expect_stored(&visitor), position);
    letter_make(&second, &O, &v, NULL, &chain);
    ask_send(&visitor, &second);
    expect_stored(&visitor);
    if (by_signal == SIGTERM) {
        expect_deliver(&device, &second, NULL);
    }
}

static void
test_kill(void **state)
{
    (void) state;
    comes_back_after(SIGKILL);
}

static void
test_term(void **state)
{
    (void) state;
    comes_back_after(SIGTERM);
}

static void
test_before_stored(void **state)
{
    struct client  one, tab, again;
    struct visitor v;
    struct chain   chain = { 0 };
    struct letter  letter;

    (void) state;

    visitor_make(&v, &O);
    visitor_login(&one, &P, &O, &v);
    visitor_login(&tab, &P, &O, &v);
    assert_int_equal(one.ticket_n, 0);
    assert_int_equal(tab.ticket_n, 0);

    /* Without a ticket: the same socket, a new proof. */
    is_nobody(&again, O.cid, NULL, 0);

    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&one, &letter);
    expect_stored(&one);
    expect_ticket(&one, SC_ROLE_VISITOR);
    assert_int_equal(one.ticket_n, SC_TICKET_BYTES);

    /* The other tab is as good. */
    expect_ticket(&tab, SC_ROLE_VISITOR);
    assert_int_equal(tab.ticket_n, SC_TICKET_BYTES);
    comes_back(&again, O.cid, SC_ROLE_VISITOR, tab.ticket, tab.ticket_n);
}

static void
test_mark(void **state)
{
    struct client  device, again, visitor;
    struct visitor v;
    struct chain   chain;
    struct letter  letter;
    uint64_t       mark, old;
    struct answer  a;

    (void) state;

    visitor_writes(&visitor, &v, &chain, &letter);
    device_login(&device, &P, &O, 0);

    reopen(&again, O.cid, device.ticket, device.ticket_n, 0);
    old = expect_resumed(&again, SC_ROLE_DEVICE);
    reopen(&again, O.cid, device.ticket, device.ticket_n, 0);
    mark = expect_resumed(&again, SC_ROLE_DEVICE);
    assert_true(mark != old);
    expect_deliver(&again, &letter, &v);

    /* What was sent to the stream before, and what it was told of. */
    ASK(&again, login_start, .account_id = O.account_id);
    ASK(&again, resume, .mark = old);
    ASK(&again, login_start, .account_id = O.account_id);
    expect_quiet(&again, QUIET);

    ASK(&again, resume, .mark = mark);
    ASK(&again, login_start, .account_id = O.account_id);
    a = expect_frame(&again, SC_FRAME_SALT);
    assert_int_equal(a.frame.tag, again.tag);
    answer_free(&a);

    /* A challenge is not taken for an answer to what came before either. */
    is_nobody(&again, O.cid, zeros, sizeof(zeros));
    ask_ack(&again, 1);
    expect_quiet(&again, QUIET);
}

static void
test_paused(void **state)
{
    struct client device, again;

    (void) state;

    device_login(&device, &P, &O, 0);
    reopen(&again, O.cid, device.ticket, device.ticket_n,
           SC_RECORD_FLAG_PAUSED);
    expect_quiet(&again, QUIET);
    assert_int_equal(again.role, SC_ROLE_NONE);
    put_record(&P, SC_RECORD_RESUME, 0, 0, again.id, NULL, 0);
    expect_resumed(&again, SC_ROLE_DEVICE);
    expect_ticket(&again, SC_ROLE_DEVICE);
}


/* --- who does not -------------------------------------------------------- */

static void
test_forged(void **state)
{
    struct client device, control;
    uint8_t       ticket[SC_TICKET_MAX] = { 0 };

    (void) state;

    device_login(&device, &P, &O, 0);

    for (size_t i = 0; i < device.ticket_n; i++) {
        memcpy(ticket, device.ticket, device.ticket_n);
        ticket[i] ^= (uint8_t) (1u << i % 8);
        refused(O.cid, ticket, device.ticket_n,
                i < 4 ? "its key is not here" : "it does not open");
    }

    memcpy(ticket, device.ticket, device.ticket_n);
    for (size_t n = 1; n <= SC_TICKET_MAX; n += n < 90 ? 7 : 1) {
        if (n != device.ticket_n) {
            refused(O.cid, ticket, n, "it has another size");
        }
    }

    comes_back(&control, O.cid, SC_ROLE_DEVICE, ticket, device.ticket_n);
}

static void
test_other_customer(void **state)
{
    struct owner  other;
    struct client device, control;

    (void) state;

    owner_register(&other, &P);
    device_login(&device, &P, &O, 0);
    refused(other.cid, device.ticket, device.ticket_n, "it does not open");
    refused(zeros, device.ticket, device.ticket_n, "it does not open");
    comes_back(&control, O.cid, SC_ROLE_DEVICE, device.ticket,
               device.ticket_n);
}

/* Runs the daemon at another origin, with the same store and keys. */
static void
set_origin(const char *origin)
{
    char command[256];

    snprintf(command, sizeof(command), "sed -i 's|^origin = .*|origin = %s|' "
             "%s", origin, D.conf);
    assert_int_equal(system(command), 0);
}

static void
test_other_service(void **state)
{
    struct client device, control;

    (void) state;

    device_login(&device, &P, &O, 0);
    set_origin("http://other.localhost");
    restart(SIGTERM);
    refused(O.cid, device.ticket, device.ticket_n, "it does not open");
    set_origin(ORIGIN);
    restart(SIGTERM);
    comes_back(&control, O.cid, SC_ROLE_DEVICE, device.ticket,
               device.ticket_n);
}

static void
move_keys(const char *from, const char *to)
{
    char command[256];

    snprintf(command, sizeof(command), "mv %s/store/%s %s/store/%s",
             D.dir, from, D.dir, to);
    assert_int_equal(system(command), 0);
}

/* A peer that never gave the ticket out has other keys. */
static void
test_other_peer(void **state)
{
    struct client device, control;

    (void) state;

    device_login(&device, &P, &O, 0);
    daemon_kill(&D);
    move_keys("tickets", "kept");
    start_again();
    refused(O.cid, device.ticket, device.ticket_n, "its key is not here");
    daemon_kill(&D);
    move_keys("kept", "tickets");
    start_again();
    comes_back(&control, O.cid, SC_ROLE_DEVICE, device.ticket,
               device.ticket_n);
}

/* Tickets as only one who has the keys can make them. */
static void
seal(const struct sc_ticket *ticket, uint8_t out[SC_TICKET_BYTES])
{
    struct sc_tickets *tickets;
    char               store[80], why[512];

    snprintf(store, sizeof(store), "%s/store", D.dir);
    tickets = sc_tickets_open(store, now_ms(), why, sizeof(why));
    assert_non_null(tickets);
    assert_string_equal(why, "");
    sc_ticket_seal(tickets, ticket, out);
    sc_tickets_close(tickets);
}

static void
test_stale(void **state)
{
    struct client    control;
    uint8_t          origin[32], ticket[SC_TICKET_BYTES];
    struct sc_ticket t = {
        .cid = O.cid, .origin_hash = origin, .role = SC_ROLE_DEVICE,
        .version = O.version
    };

    (void) state;

    sc_origin_hash(origin, ORIGIN, strlen(ORIGIN));
    memcpy(t.self, O.devices[0].id, 32);

    t.expires = now_ms();
    seal(&t, ticket);
    refused(O.cid, ticket, sizeof(ticket), "it has expired");

    /* Of a store that has since been put back to what it was. */
    t.expires = now_ms() + 60000;
    t.version++;
    seal(&t, ticket);
    refused(O.cid, ticket, sizeof(ticket), "it is of a later roster");
    t.version--;

    t.role = SC_ROLE_REGISTRATION;
    seal(&t, ticket);
    refused(O.cid, ticket, sizeof(ticket), "its account is another one");
    t.role = SC_ROLE_DEVICE;

    seal(&t, ticket);
    comes_back(&control, O.cid, SC_ROLE_DEVICE, ticket, sizeof(ticket));
}

/* The owner changes the account, with a device less or the login replaced. */
static void
change(struct client *owner, int rise, int devices)
{
    struct answer a;

    O.n_devices = devices;
    owner_next(&O, rise);
    ask_account_put(owner, &O);
    a = expect_frame(owner, SC_FRAME_DONE);
    answer_free(&a);
}

static void
test_removed_device(void **state)
{
    struct client owner, kept, gone, again;
    uint64_t      mark;
    uint8_t       ticket[SC_TICKET_BYTES];

    (void) state;

    keys_make(&O.devices[1]);
    owner_login(&owner, &P, &O, SC_ROLE_PASSWORD);
    change(&owner, 0, 2);
    device_login(&kept, &P, &O, 0);
    device_login(&gone, &P, &O, 1);
    comes_back(&again, O.cid, SC_ROLE_DEVICE, gone.ticket, gone.ticket_n);

    change(&owner, 1, 1);
    refused(O.cid, gone.ticket, gone.ticket_n,
            "the present roster does not list its device");

    /* The one that stays learns of the roster that it has missed, before the
     * ticket says that it has; even if it may be sent nothing at first. */
    for (int paused = 0; paused < 2; paused++) {
        reopen(&again, O.cid, kept.ticket, kept.ticket_n,
               paused ? SC_RECORD_FLAG_PAUSED : 0);
        if (paused) {
            expect_quiet(&again, QUIET);
            put_record(&P, SC_RECORD_RESUME, 0, 0, again.id, NULL, 0);
        }
        mark = expect_resumed(&again, SC_ROLE_DEVICE);
        expect_roster(&again, &O);
        expect_ticket(&again, SC_ROLE_DEVICE);
        ASK(&again, resume, .mark = mark);
    }

    restart(SIGKILL);
    refused(O.cid, gone.ticket, gone.ticket_n,
            "the present roster does not list its device");
    memcpy(ticket, again.ticket, sizeof(ticket));
    comes_back(&again, O.cid, SC_ROLE_DEVICE, ticket, sizeof(ticket));
}

static void
test_replaced_login(void **state)
{
    struct client one, other, again;
    uint8_t       old[SC_TICKET_BYTES];

    (void) state;

    owner_login(&one, &P, &O, SC_ROLE_PASSWORD);
    owner_login(&other, &P, &O, SC_ROLE_RECOVERY);
    assert_int_equal(one.ticket_n, SC_TICKET_BYTES);
    memcpy(old, one.ticket, sizeof(old));

    /* A roster of the same generation replaces no login. */
    change(&one, 0, 1);
    comes_back(&again, O.cid, SC_ROLE_RECOVERY, other.ticket,
               other.ticket_n);
    client_close(&again);

    change(&one, 1, 1);
    expect_close(&other, 1008, "login-replaced");
    refused(O.cid, other.ticket, other.ticket_n, "its login was replaced");
    refused(O.cid, old, sizeof(old), "its login was replaced");

    /* Whoever replaced it stays, by the ticket that came with it. */
    comes_back(&again, O.cid, SC_ROLE_PASSWORD, one.ticket, one.ticket_n);
}

static void
test_deleted_session(void **state)
{
    struct client  device, visitor, again;
    struct visitor v, kept;
    struct chain   chain;
    struct letter  letter;
    struct answer  a;
    uint8_t        ticket[SC_TICKET_BYTES];

    (void) state;

    visitor_writes(&visitor, &kept, &chain, &letter);
    memcpy(ticket, visitor.ticket, sizeof(ticket));
    visitor_writes(&visitor, &v, &chain, &letter);
    comes_back(&again, O.cid, SC_ROLE_VISITOR, visitor.ticket,
               visitor.ticket_n);
    client_close(&again);
    client_close(&visitor);

    device_login(&device, &P, &O, 0);
    ASK(&device, delete, .sid = v.sid);
    do {
        assert_true(next_frame(&device, &a, PATIENCE));
        answer_free(&a);
    } while (a.frame.type != SC_FRAME_DONE);

    refused(O.cid, visitor.ticket, visitor.ticket_n, "its session is gone");
    restart(SIGKILL);
    is_nobody(&again, O.cid, visitor.ticket, visitor.ticket_n);

    /* Nor does a proof bring it back. */
    comes_back(&again, O.cid, SC_ROLE_VISITOR, ticket, sizeof(ticket));
    client_open(&again, &P, O.cid);
    ask_auth(&again, SC_ROLE_VISITOR, v.sid, v.keys.sk, v.hello, v.hello_n);
    expect_error(&again, SC_E_SESSION_DELETED);
}

static void
set_blocked(struct client *device, const struct visitor *v, uint8_t blocked)
{
    struct answer a;

    ASK(device, block, .sid = v->sid, .blocked = blocked);
    do {
        assert_true(next_frame(device, &a, PATIENCE));
        answer_free(&a);
    } while (a.frame.type != SC_FRAME_DONE);
}

/* Neither by the ticket from before nor by a proof, however often the service
 * starts; once it is let in again, by the same ticket. */
static void
test_blocked_session(void **state)
{
    struct client  device, visitor, again;
    struct visitor v, kept;
    struct chain   chain;
    struct letter  letter;
    uint8_t        ticket[SC_TICKET_BYTES];

    (void) state;

    visitor_writes(&visitor, &kept, &chain, &letter);
    memcpy(ticket, visitor.ticket, sizeof(ticket));
    visitor_writes(&visitor, &v, &chain, &letter);
    comes_back(&again, O.cid, SC_ROLE_VISITOR, visitor.ticket,
               visitor.ticket_n);
    client_close(&again);
    client_close(&visitor);

    device_login(&device, &P, &O, 0);
    set_blocked(&device, &v, 1);
    refused(O.cid, visitor.ticket, visitor.ticket_n,
            "its session is blocked");

    restart(SIGKILL);
    refused(O.cid, visitor.ticket, visitor.ticket_n,
            "its session is blocked");
    client_open(&again, &P, O.cid);
    ask_auth(&again, SC_ROLE_VISITOR, v.sid, v.keys.sk, v.hello, v.hello_n);
    expect_error(&again, SC_E_SESSION_BLOCKED);
    comes_back(&again, O.cid, SC_ROLE_VISITOR, ticket, sizeof(ticket));

    device_login(&device, &P, &O, 0);
    set_blocked(&device, &v, 0);
    comes_back(&again, O.cid, SC_ROLE_VISITOR, visitor.ticket,
               visitor.ticket_n);
}

/* One line to the operator's socket, and what it answers. */
static void
tell_admin(const char *verb, const uint8_t cid[32])
{
    char path[sizeof(D.sock) + 8], line[128], text[SC_CID_TEXT + 1];
    int  fd;

    snprintf(path, sizeof(path), "%s.admin", D.sock);
    sc_cid_write(text, cid);
    snprintf(line, sizeof(line), "%s cid=%s\n", verb, text);

    fd = connect_to(path);
    assert_true(fd >= 0);
    write_all(fd, line, strlen(line));
    memset(line, 0, sizeof(line));
    assert_true(read(fd, line, sizeof(line) - 1) > 0);
    assert_non_null(strstr(line, "\"ok\""));
    close(fd);
}

/* The same of an account that the operator has disabled, in each role. */
static void
test_disabled_account(void **state)
{
    static const uint8_t roles[] = {
        SC_ROLE_VISITOR, SC_ROLE_DEVICE, SC_ROLE_PASSWORD, SC_ROLE_RECOVERY
    };

    struct client  c[4], other, again;
    struct owner   kept;
    struct visitor v;
    struct chain   chain;
    struct letter  letter;

    (void) state;

    owner_register(&kept, &P);
    device_login(&other, &P, &kept, 0);
    visitor_writes(&c[0], &v, &chain, &letter);
    device_login(&c[1], &P, &O, 0);
    owner_login(&c[2], &P, &O, SC_ROLE_PASSWORD);
    owner_login(&c[3], &P, &O, SC_ROLE_RECOVERY);

    for (int i = 0; i < 4; i++) {
        comes_back(&again, O.cid, roles[i], c[i].ticket, c[i].ticket_n);
    }

    tell_admin("disable", O.cid);
    for (int by_kill = 0; by_kill < 2; by_kill++) {
        for (int i = 0; i < 4; i++) {
            refused(O.cid, c[i].ticket, c[i].ticket_n,
                    "its customer is not here");
        }

        client_open(&again, &P, O.cid);
        ask_auth(&again, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk,
                 NULL, 0);
        expect_error(&again, SC_E_NOT_HERE);
        comes_back(&again, kept.cid, SC_ROLE_DEVICE, other.ticket,
                   other.ticket_n);
        if (!by_kill) {
            restart(SIGKILL);
        }
    }

    tell_admin("enable", O.cid);
    for (int i = 0; i < 4; i++) {
        comes_back(&again, O.cid, roles[i], c[i].ticket, c[i].ticket_n);
    }
}

static void
test_renewed(void **state)
{
    struct client c, again;
    uint8_t       first[SC_TICKET_BYTES];
    uint64_t      life = 6000, made;

    (void) state;

    assert_int_equal(setenv("SEALCHATD", "build/asan/sealchatd-brief", 1), 0);
    restart(SIGTERM);
    unsetenv("SEALCHATD");

    device_login(&c, &P, &O, 0);
    made = now_ms();
    memcpy(first, c.ticket, sizeof(first));
    expect_ticket(&c, SC_ROLE_DEVICE);
    assert_in_range(now_ms() - made, life / 6, life - 1);

    while (now_ms() <= made + life) {
        nap(100);
    }

    expect_quiet(&c, 1);             /* takes what has come */
    refused(O.cid, first, sizeof(first), "it has expired");
    assert_memory_not_equal(c.ticket, first, sizeof(first));
    memcpy(first, c.ticket, sizeof(first));
    comes_back(&again, O.cid, SC_ROLE_DEVICE, first, sizeof(first));
}


/* --- keys ---------------------------------------------------------------- */

#define T0 1700000000000ull

static struct sc_tickets *
keys_at(uint64_t now, const char *trouble)
{
    struct sc_tickets *tickets;
    char               why[512];

    tickets = sc_tickets_open(D.dir, now, why, sizeof(why));
    assert_non_null(tickets);
    if (trouble ? strstr(why, trouble) == NULL : why[0] != '\0') {
        fail_msg("at %llu: \"%s\"", (unsigned long long) now, why);
    }
    return tickets;
}

static void
is_opened(const struct sc_tickets *tickets, uint64_t now,
          const uint8_t *ticket, const char *wrong)
{
    struct sc_ticket t = { .cid = O.cid, .origin_hash = O.cid };
    const char      *is = sc_ticket_open(tickets, now, ticket,
                                         SC_TICKET_BYTES, &t);

    if (wrong) {
        assert_non_null(is);
        assert_string_equal(is, wrong);
        return;
    }

    assert_null(is);
    assert_int_equal(t.role, SC_ROLE_VISITOR);
    assert_int_equal(t.version, 7);
    assert_memory_equal(t.self, O.account_id, 32);
}

static void
test_keys_change(void **state)
{
    struct sc_ticket   t = { .cid = O.cid, .origin_hash = O.cid,
                             .role = SC_ROLE_VISITOR, .version = 7,
                             .expires = T0 + 10 * SC_TICKET_KEY_MS };
    struct sc_tickets *tickets = keys_at(T0, NULL);
    uint8_t            first[SC_TICKET_BYTES], second[SC_TICKET_BYTES];
    char               why[512];
    uint64_t           next = T0 + SC_TICKET_KEY_MS;

    (void) state;

    memcpy(t.self, O.account_id, 32);
    sc_ticket_seal(tickets, &t, first);
    is_opened(tickets, T0, first, NULL);
    is_opened(tickets, t.expires - 1, first, NULL);
    is_opened(tickets, t.expires, first, "it has expired");

    /* The same key for a day, by whatever process. */
    sc_tickets_close(tickets);
    tickets = keys_at(next - 1, NULL);
    sc_ticket_seal(tickets, &t, second);
    assert_memory_equal(first, second, 4);
    assert_true(memcmp(first + 4, second + 4, 24) != 0);

    /* The next one opens what the last has sealed, for a ticket's life. */
    sc_tickets_rotate(tickets, next, why, sizeof(why));
    assert_string_equal(why, "");
    sc_ticket_seal(tickets, &t, second);
    assert_true(memcmp(first, second, 4) != 0);
    is_opened(tickets, next, first, NULL);
    sc_tickets_close(tickets);

    tickets = keys_at(next + SC_TICKET_LIFE_MS - 1, NULL);
    is_opened(tickets, next, first, NULL);
    is_opened(tickets, next, second, NULL);
    sc_tickets_close(tickets);

    tickets = keys_at(next + SC_TICKET_LIFE_MS, NULL);
    is_opened(tickets, next, first, "its key is not here");
    is_opened(tickets, next, second, NULL);
    sc_tickets_close(tickets);

    /* A clock that goes back makes a new one and forgets none. */
    tickets = keys_at(T0, NULL);
    is_opened(tickets, T0, second, NULL);
    sc_tickets_close(tickets);
}

static void
spoil_keys(size_t n, int byte)
{
    char  path[96];
    FILE *f;

    snprintf(path, sizeof(path), "%s/tickets", D.dir);
    if (byte >= 0) {
        f = fopen(path, "r+");
        assert_non_null(f);
        fseek(f, (long) n, SEEK_SET);
        fputc(byte, f);
        fclose(f);
    } else {
        assert_int_equal(truncate(path, (off_t) n), 0);
    }
}

static void
test_bad_keys(void **state)
{
    struct sc_tickets *tickets;
    struct stat        status;
    char               path[96], why[512];

    (void) state;

    for (size_t n = 0; n < 49; n++) {
        sc_tickets_close(keys_at(T0, NULL));
        spoil_keys(n, -1);
        sc_tickets_close(keys_at(T0, "holds no keys of tickets"));
    }

    spoil_keys(0, 'X');
    sc_tickets_close(keys_at(T0, "holds no keys of tickets"));
    spoil_keys(4, 4);
    sc_tickets_close(keys_at(T0, "holds no keys of tickets"));
    spoil_keys(4, 2);
    sc_tickets_close(keys_at(T0, "holds no keys of tickets"));
    spoil_keys(49, 0);
    sc_tickets_close(keys_at(T0, "holds no keys of tickets"));
    sc_tickets_close(keys_at(T0, NULL));

    snprintf(path, sizeof(path), "%s/tickets", D.dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);

    /* Where nothing can be written, they live as long as the process. */
    tickets = sc_tickets_open("/nonexistent", T0, why, sizeof(why));
    assert_non_null(tickets);
    assert_non_null(strstr(why, "could not be kept in /nonexistent"));
    sc_tickets_close(tickets);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_##name, owned, teardown)
        T(kill), T(term), T(before_stored), T(mark), T(paused), T(forged),
        T(other_customer), T(other_service), T(other_peer), T(stale),
        T(removed_device), T(replaced_login), T(deleted_session),
        T(blocked_session), T(disabled_account),
        T(renewed),
        T(keys_change), T(bad_keys)
#undef T
    };

    assert_true(sodium_init() >= 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
