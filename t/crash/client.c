/*
 * Many streams over a few links, as nginx's module would carry them, driven
 * by one poll loop: every visitor and a device of each customer write and
 * read, an owner changes the account.  What a break left unanswered is sent
 * again with the same bytes.
 */

#include "world.h"

#include <fcntl.h>


enum {
    TAG_AUTH = 1000,
    TAG_VAULT,
    TAG_PUT,
    LOOKS = 6,                       /* at an account while it changes */
    IN_ROOM = 1 << 18,
    OUT_ROOM = 1 << 20,
    OUT_MARK = 1 << 18               /* nothing new is written above */
};

struct link {
    int       fd;
    int       paused;                /* by the service */
    int       ended;
    uint32_t  streams;
    size_t    in_n, out_n;
    uint8_t  *in, *out;
    struct conn *conns[64];          /* by id */
};

static struct link links[LINKS];

uint64_t
clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static void
refuse(const char *what, unsigned code)
{
    W.refused++;
    complain("%s %u", what, code);
}


/* --- output -------------------------------------------------------------- */

static void
write_link(struct link *link)
{
    ssize_t n = 1;

    while (link->out_n && n > 0) {
        n = send(link->fd, link->out, link->out_n, MSG_NOSIGNAL);
        if (n > 0) {
            link->out_n -= (size_t) n;
            memmove(link->out, link->out + n, link->out_n);
        }
    }

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        link->out_n = 0;             /* the reading side sees the end */
    }
}

static void
record(struct link *link, uint8_t kind, uint32_t stream, const void *payload,
       size_t n)
{
    struct sc_record rec = { .length = (uint32_t) n, .kind = kind,
                             .stream = stream };

    assert_true(link->out_n + SC_RECORD_HEADER + n <= OUT_ROOM);
    sc_record_put(link->out + link->out_n, &rec);
    memcpy(link->out + link->out_n + SC_RECORD_HEADER, payload, n);
    link->out_n += SC_RECORD_HEADER + n;
}

static int
may_write(const struct conn *conn)
{
    const struct link *link = &links[conn->link];

    return conn->ready && !link->paused && link->out_n < OUT_MARK;
}

#define TELL(conn, tag, name, ...)                                            \
    do {                                                                      \
        static uint8_t tell_out_[SC_FRAME_MAX];                               \
        struct sc_frame_##name tell_frame_ = { __VA_ARGS__ };                 \
        size_t tell_n_ = sc_##name##_encode(tell_out_, sizeof(tell_out_),     \
                                            (uint16_t) (tag), &tell_frame_);  \
        assert_true(tell_n_ > 0);                                             \
        record(&links[(conn)->link], SC_RECORD_DATA, (conn)->id, tell_out_,   \
               tell_n_);                                                      \
    } while (0)


/* --- sending ------------------------------------------------------------- */

static int
flight_of(const struct conn *conn)
{
    for (int i = 0; i < FLIGHTS; i++) {
        if (conn->flights[i].sender == NULL) {
            return i;
        }
    }

    return -1;
}

static void
send_notes(struct conn *conn, struct sender *sender)
{
    struct note *note;
    int          flight;

    while (may_write(conn) && (flight = flight_of(conn)) >= 0) {
        if (sender->sent == sender->n) {
            if (!W.making || sender->n - sender->answered >= SENDER_FLIGHTS) {
                return;
            }
            note_make(sender);
        }

        note = sender->notes[sender->sent];
        conn->flights[flight].sender = sender;
        conn->flights[flight].index = sender->sent++;
        TELL(conn, flight + 1, send, .envelope = { note->bytes, note->n });
    }
}

static void
change_account(struct customer *customer)
{
    struct conn *conn = &customer->owner;

    if (!may_write(conn) || customer->asking) {
        return;
    }

    if (!customer->changing && W.making && !W.plain
        && (chance(8) == 0 || customer->changes == 1))
    {
        account_next(customer);
    }

    if (customer->changing) {
        const struct owner *o = &customer->next;

        customer->asking = 1 + LOOKS;
        customer->looking = 1;
        TELL(conn, TAG_PUT, account_put,
             .account = { o->account, SC_ACCOUNT_BYTES },
             .roster = { o->roster, o->roster_n }, .wraps = wraps_list(o));

        /* Whoever reads while it changes gets one of both. */
        for (int i = 0; i < LOOKS; i++) {
            TELL(conn, TAG_VAULT, vault_get, .generation = 0);
        }
    }
}

static void
pump(struct customer *customer)
{
    size_t first = chance(SESSIONS);

    for (size_t i = 0; i < SESSIONS; i++) {
        struct session *session = &customer->sessions[(first + i) % SESSIONS];

        send_notes(&customer->visitors[(first + i) % SESSIONS],
                   &session->senders[0]);

        /* A session begins with its visitor's first message. */
        if (session->senders[0].answered) {
            send_notes(&customer->device, &session->senders[1]);
        }
    }

    change_account(customer);
}


/* --- receiving ----------------------------------------------------------- */

static void
ack(struct conn *conn)
{
    if (conn->last > conn->acked) {
        conn->acked = conn->last;
        TELL(conn, 0, ack, .position = conn->last);
    }
}

static void
on_deliver(struct conn *conn, const struct sc_frame *frame)
{
    struct sc_frame_deliver d;
    struct sender          *from;
    struct note            *note;

    if (!sc_deliver_decode(frame->body, &d)) {
        refuse("a bad DELIVER", 0);
        return;
    }

    note = note_delivered(conn->customer, d.position, d.time, d.envelope,
                          &from);
    if (note == NULL) {
        return;
    }

    if (d.position <= conn->cursor) {
        W.late++;
        complain("%llu delivered, acknowledged up to %llu",
                 (unsigned long long) d.position,
                 (unsigned long long) conn->cursor);
    } else if (d.position <= conn->last) {
        W.twice++;
        complain("%llu delivered behind %llu on one stream",
                 (unsigned long long) d.position,
                 (unsigned long long) conn->last);
    }

    W.again += note->seen;
    note->seen = 1;
    conn->last = d.position;

    if (W.settling || chance(4) == 0) {
        ack(conn);
    }
}

static void
on_stored(struct conn *conn, const struct sc_frame *frame)
{
    struct sc_frame_stored s;
    int                    flight = frame->tag - 1;

    if (!sc_stored_decode(frame->body, &s) || flight < 0 || flight >= FLIGHTS
        || conn->flights[flight].sender == NULL)
    {
        refuse("a STORED that was not asked for", frame->tag);
        return;
    }

    note_stored(conn->flights[flight].sender, conn->flights[flight].index,
                s.position, s.time);
    conn->flights[flight].sender = NULL;
}

/* What the service says that the visitor wrote must be what it wrote, and at
 * least all that was answered. */
static void
check_last(const struct sender *sender, uint64_t seq, const uint8_t id[32])
{
    if (seq < sender->answered) {
        W.broken = 1;
        complain("a visitor's last is %llu after STORED of %zu",
                 (unsigned long long) seq, sender->answered);
    } else if (seq > sender->n
               || (seq && memcmp(id, sender->notes[seq - 1]->id, 32) != 0))
    {
        W.wrong++;
        complain("a visitor's last is not what it sent");
    }
}

static void
on_ready(struct conn *conn, const struct sc_frame *frame)
{
    struct sc_frame_ready r;

    if (!sc_ready_decode(frame->body, &r)) {
        refuse("a bad READY", 0);
        return;
    }

    if (conn->role == SC_ROLE_PASSWORD) {
        conn->ready = 1;
        conn->customer->asking = 1;
        TELL(conn, TAG_VAULT, vault_get, .generation = 0);
        return;
    }

    if (r.cursor > conn->acked || r.cursor < conn->cursor) {
        W.backward++;
        complain("cursor %llu after %llu, acknowledged %llu",
                 (unsigned long long) r.cursor,
                 (unsigned long long) conn->cursor,
                 (unsigned long long) conn->acked);
    }

    conn->ready = 1;
    conn->cursor = conn->last = r.cursor;
    conn->acked = r.cursor;

    if (conn->session) {
        check_last(&conn->session->senders[0], r.seq, r.id);
    }
}

static void
on_vault(struct conn *conn, const struct sc_frame *frame)
{
    struct sc_frame_vault v;

    conn->customer->asking--;
    if (!sc_vault_decode(frame->body, &v)) {
        refuse("a bad VAULT", 0);
        return;
    }

    account_check(conn->customer, v.account, v.roster, &v.wraps);
}

static void
prove(struct conn *conn, const struct sc_frame *frame)
{
    static const uint8_t       zeros[32];
    const struct customer     *customer = conn->customer;
    const struct owner        *o = &customer->now;
    const struct keys         *device = &o->devices[READER];
    struct sc_frame_challenge  challenge;
    struct client              c = { .peer = NULL };
    const uint8_t             *subject = o->account_id;
    const uint8_t             *sk = customer->replaced
                                    ? customer->next.login.sk : o->login.sk;
    struct sc_bytes            hello = { NULL, 0 };
    uint8_t                    sig[64];

    if (!sc_challenge_decode(frame->body, &challenge)) {
        refuse("a bad CHALLENGE", 0);
        return;
    }

    memcpy(c.challenge, challenge.challenge, 32);

    if (conn->role == SC_ROLE_DEVICE) {
        subject = device->id;
        sk = device->sk;
    } else if (conn->role == SC_ROLE_VISITOR) {
        subject = conn->session->visitor.sid;
        sk = conn->session->visitor.keys.sk;
        hello.p = conn->session->visitor.hello;
        hello.n = conn->session->visitor.hello_n;
    }

    sign_in(sig, &c, conn->role, subject, NULL, sk);
    TELL(conn, TAG_AUTH, auth, .role = conn->role, .subject = subject,
         .sig = sig, .release = zeros, .hello = hello);
}

/* Whoever lost the answer to a change of the login tries the new one. */
static int
may_be_replaced(const struct conn *conn, const struct sc_frame_error *error)
{
    return error->code == SC_E_AUTH_FAILED && conn->role == SC_ROLE_PASSWORD
           && conn->customer->changing && !conn->customer->replaced;
}

static void
on_error(struct conn *conn, const struct sc_frame *frame)
{
    struct sc_frame_error error;

    if (sc_error_decode(frame->body, &error)
        && may_be_replaced(conn, &error))
    {
        conn->customer->replaced = 1;
        W.replaced++;
    } else if (sc_error_decode(frame->body, &error) && sc_error_info(error.code)) {
        complain("%s", sc_error_info(error.code)->name);
        refuse("ERROR", error.code);
    } else {
        refuse("a bad ERROR", 0);
    }
}

static void
on_frame(struct conn *conn, const struct sc_frame *frame)
{
    switch (frame->type) {
    case SC_FRAME_CHALLENGE:
        prove(conn, frame);
        break;
    case SC_FRAME_READY:
        on_ready(conn, frame);
        break;
    case SC_FRAME_STORED:
        on_stored(conn, frame);
        break;
    case SC_FRAME_DELIVER:
        on_deliver(conn, frame);
        break;
    case SC_FRAME_VAULT:
        on_vault(conn, frame);
        break;
    case SC_FRAME_DONE:
        conn->customer->asking--;
        account_done(conn->customer);
        break;
    case SC_FRAME_ERROR:
        on_error(conn, frame);
        break;
    case SC_FRAME_ROSTERS:
        break;
    default:
        refuse("frame", frame->type);
    }
}

static void conn_open(struct conn *conn, unsigned number);

static void
on_record(struct link *link, const struct sc_record *rec, const uint8_t *p)
{
    struct conn    *conn = rec->stream < 64 ? link->conns[rec->stream] : NULL;
    struct sc_frame frame;

    if (rec->stream == 0) {
        if (rec->kind == SC_RECORD_PAUSE || rec->kind == SC_RECORD_RESUME) {
            link->paused = rec->kind == SC_RECORD_PAUSE;
        }

    } else if (rec->kind == SC_RECORD_CLOSE && conn && !conn->ready
               && conn->customer->replaced && conn == &conn->customer->owner)
    {
        link->conns[rec->stream] = NULL;
        conn_open(conn, (unsigned) conn->link);

    } else if (conn == NULL || rec->kind == SC_RECORD_CLOSE) {
        refuse("CLOSE", rec->code);

    } else if (rec->kind == SC_RECORD_DATA) {
        if (sc_frame_open(p, rec->length, &frame) == SC_E_NONE) {
            on_frame(conn, &frame);
        } else {
            refuse("a bad frame", p[0]);
        }
    }
}

static void
cut(struct link *link)
{
    size_t           at = 0;
    struct sc_record rec;

    while (link->in_n - at >= SC_RECORD_HEADER) {
        assert_null(sc_record_get(link->in + at, &rec));
        if (link->in_n - at - SC_RECORD_HEADER < rec.length) {
            break;
        }
        on_record(link, &rec, link->in + at + SC_RECORD_HEADER);
        at += SC_RECORD_HEADER + rec.length;
    }

    link->in_n -= at;
    memmove(link->in, link->in + at, link->in_n);
}

static void
read_link(struct link *link)
{
    ssize_t n = recv(link->fd, link->in + link->in_n, IN_ROOM - link->in_n, 0);

    if (n > 0) {
        link->in_n += (size_t) n;
        cut(link);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        link->ended = 1;
    }
}


/* --- coming and going ---------------------------------------------------- */

static void
conn_open(struct conn *conn, unsigned number)
{
    struct link   *link = &links[number % LINKS];
    struct sc_open open = {
        .addr = (const uint8_t *) "127.0.0.1", .addr_len = 9,
        .origin = (const uint8_t *) ORIGIN, .origin_len = strlen(ORIGIN)
    };
    char    text[SC_CID_TEXT + 1];
    uint8_t payload[SC_OPEN_MAX];

    sc_cid_write(text, conn->customer->now.cid);
    open.cid = (const uint8_t *) text;
    open.cid_len = strlen(text);

    conn->link = (int) (number % LINKS);
    conn->id = ++link->streams;
    conn->ready = 0;
    memset(conn->flights, 0, sizeof(conn->flights));
    link->conns[conn->id] = conn;
    record(link, SC_RECORD_OPEN, conn->id, payload,
           sc_open_put(payload, sizeof(payload), &open));
}

static void
customer_open(struct customer *c, unsigned number)
{
    c->asking = 0;
    c->looking = 0;
    conn_open(&c->device, number);
    conn_open(&c->owner, number + 1);

    for (unsigned i = 0; i < SESSIONS; i++) {
        c->sessions[i].senders[0].sent = c->sessions[i].senders[0].answered;
        c->sessions[i].senders[1].sent = c->sessions[i].senders[1].answered;
        conn_open(&c->visitors[i], number + i);
    }
}

int
clients_open(const char *sock)
{
    uint8_t hello[SC_RECORD_HELLO_BYTES];

    memset(links, 0, sizeof(links));
    sc_hello_put(hello);

    for (int i = 0; i < LINKS; i++) {
        struct link *link = &links[i];

        link->fd = connect_to(sock);
        link->in = malloc(IN_ROOM);
        link->out = malloc(OUT_ROOM);
        assert_true(link->in && link->out);
        if (link->fd < 0) {
            link->ended = 1;
            continue;
        }
        fcntl(link->fd, F_SETFL, O_NONBLOCK);
        memcpy(link->out, hello, sizeof(hello));
        link->out_n = sizeof(hello);
    }

    for (unsigned i = 0; i < CUSTOMERS; i++) {
        customer_open(&W.customers[i], i);
    }

    return links[0].ended || links[LINKS - 1].ended ? -1 : 0;
}

void
clients_close(void)
{
    for (int i = 0; i < LINKS; i++) {
        if (links[i].fd >= 0) {
            close(links[i].fd);
        }
        free(links[i].in);
        free(links[i].out);
    }
}

int
clients_ready(void)
{
    int n = 0;

    for (int i = 0; i < CUSTOMERS; i++) {
        n += W.customers[i].device.ready + W.customers[i].owner.ready;
        for (int k = 0; k < SESSIONS; k++) {
            n += W.customers[i].visitors[k].ready;
        }
    }

    return n == CUSTOMERS * (2 + SESSIONS);
}

static int
sender_settled(const struct sender *sender)
{
    if (sender->answered < sender->n) {
        return 0;
    }

    for (size_t i = 0; i < sender->n; i++) {
        if (!sender->notes[i]->seen) {
            return 0;
        }
    }

    return 1;
}

static int
settled(void)
{
    for (int i = 0; i < CUSTOMERS; i++) {
        const struct customer *c = &W.customers[i];

        if (c->changing || c->asking || c->device.acked < c->device.last) {
            return 0;
        }
        for (int k = 0; k < SESSIONS; k++) {
            if (!sender_settled(&c->sessions[k].senders[0])
                || !sender_settled(&c->sessions[k].senders[1])
                || c->visitors[k].acked < c->visitors[k].last)
            {
                return 0;
            }
        }
    }

    return clients_ready() && links[0].out_n + links[LINKS - 1].out_n == 0;
}

/* The acknowledgements that are still kept back. */
static void
ack_all(void)
{
    for (int i = 0; i < CUSTOMERS; i++) {
        struct customer *c = &W.customers[i];

        if (c->device.ready) {
            ack(&c->device);
        }
        for (int k = 0; k < SESSIONS; k++) {
            if (c->visitors[k].ready) {
                ack(&c->visitors[k]);
            }
        }
    }
}

static int
turn(int ms)
{
    struct pollfd fds[LINKS];
    int           ended = 0;

    for (int i = 0; i < LINKS; i++) {
        fds[i].fd = links[i].ended ? -1 : links[i].fd;
        fds[i].events = (short) (POLLIN | (links[i].out_n ? POLLOUT : 0));
        fds[i].revents = 0;
    }

    poll(fds, LINKS, ms);

    for (int i = 0; i < LINKS; i++) {
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) {
            read_link(&links[i]);
        }
        if (!links[i].ended && links[i].out_n) {
            write_link(&links[i]);
        }
        ended += links[i].ended;
    }

    return ended == LINKS;
}

int
clients_run(uint64_t deadline)
{
    while (clock_ms() < deadline) {
        if (turn(5)) {
            return 1;
        }
        if (W.broken) {
            return 0;
        }
        for (int i = 0; i < CUSTOMERS; i++) {
            pump(&W.customers[i]);
        }
        if (W.settling) {
            ack_all();
            if (settled()) {
                return 2;
            }
        }
    }

    return 0;
}

void
clients_drain(void)
{
    for (int i = 0; i < LINKS; i++) {
        links[i].out_n = 0;
        while (!links[i].ended) {
            read_link(&links[i]);
            links[i].out_n = 0;
        }
    }
}
