/*
 * What people say and hear on their streams, whatever carries them: every
 * visitor and a device of each customer write and read, visitors leave spare
 * keys, an owner changes the account.  What a break left unanswered is sent
 * again with the same bytes.
 */

#include "world.h"


enum {
    TAG_AUTH = 1000,
    TAG_VAULT,
    TAG_PUT,
    TAG_SPARE,
    LOOKS = 6                        /* at an account while it changes */
};

void
refuse(const char *what, unsigned code)
{
    W.refused++;
    complain("%s %u", what, code);
}

#define TELL(conn, tag, name, ...)                                            \
    do {                                                                      \
        static uint8_t tell_out_[SC_FRAME_MAX];                               \
        struct sc_frame_##name tell_frame_ = { __VA_ARGS__ };                 \
        size_t tell_n_ = sc_##name##_encode(tell_out_, sizeof(tell_out_),     \
                                            (uint16_t) (tag), &tell_frame_);  \
        assert_true(tell_n_ > 0);                                             \
        conn_send(conn, tell_out_, tell_n_);                                  \
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

static size_t
limit_of(const struct sender *sender)
{
    size_t limit = sender->keys ? W.replies : W.messages;

    return limit ? limit : SIZE_MAX;
}

static void
send_notes(struct conn *conn, struct sender *sender)
{
    struct note *note;
    int          flight;

    while (conn->ready && conn_may_send(conn) && (flight = flight_of(conn)) >= 0) {
        if (sender->sent == sender->n) {
            if (!W.making || sender->n - sender->answered >= SENDER_FLIGHTS
                || sender->n >= limit_of(sender))
            {
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
ask_spare(struct conn *conn)
{
    uint8_t token[32], name[32], sealed[SPARE];

    spare_make(conn->session, conn->session->spare.asked, token, sealed);
    sc_spare_name_of(name, token);
    conn->session->spare.asking = 1;
    TELL(conn, TAG_SPARE, spare_put, .name = name,
         .sealed = { sealed, SPARE });
}

/* Of a session that is stored. */
static void
leave_spare(struct conn *conn)
{
    struct spare *spare = &conn->session->spare;

    if (W.plain || !conn->ready || !conn_may_send(conn) || spare->asking
        || conn->session->senders[0].answered == 0)
    {
        return;
    }

    if (spare->asked == spare->kept && W.making && chance(32) == 0) {
        spare->asked++;
    }

    if (spare->asked > spare->kept) {
        ask_spare(conn);
    }
}

static void
spare_done(struct conn *conn)
{
    struct spare *spare = &conn->session->spare;

    if (!spare->asking) {
        refuse("a DONE that was not asked for", 0);
        return;
    }

    spare->asking = 0;
    spare->kept = spare->asked;
    W.spares++;
}

static void
change_account(struct customer *customer)
{
    struct conn *conn = &customer->owner;

    if (!conn->ready || !conn_may_send(conn) || customer->asking) {
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

void
customer_pump(struct customer *customer)
{
    size_t first = chance(SESSIONS);

    for (size_t i = 0; i < SESSIONS; i++) {
        struct session *session = &customer->sessions[(first + i) % SESSIONS];

        send_notes(&customer->visitors[(first + i) % SESSIONS],
                   &session->senders[0]);
        leave_spare(&customer->visitors[(first + i) % SESSIONS]);

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
        conn->session->spare.asking = 0;
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

    /* Whoever was known before is to be known still. */
    if (conn->disconnected) {
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

static int
by_index(const void *a, const void *b)
{
    const struct flight *x = *(const struct flight *const *) a;
    const struct flight *y = *(const struct flight *const *) b;

    return x->index < y->index ? -1 : x->index > y->index;
}

/* The link behind the connection broke.  Each sender's messages go out again
 * in their order. */
static void
on_resumed(struct conn *conn, const struct sc_frame *frame)
{
    struct sc_frame_resumed r;
    struct flight          *unanswered[FLIGHTS];
    size_t                  n = 0;

    if (!sc_resumed_decode(frame->body, &r)) {
        refuse("a bad RESUMED", 0);
        return;
    }

    /* An ACK may be lost: what comes again is acknowledged again. */
    conn->last = conn->acked = 0;
    conn->resumed++;
    conn->disconnected += r.role != conn->role;
    conn->ready = r.role == conn->role;
    TELL(conn, 0, resume, .mark = r.mark);

    for (int i = 0; i < FLIGHTS && conn->ready; i++) {
        if (conn->flights[i].sender) {
            unanswered[n++] = &conn->flights[i];
        }
    }

    if (conn->session && conn->session->spare.asking && conn->ready) {
        ask_spare(conn);
    }

    qsort(unanswered, n, sizeof(unanswered[0]), by_index);

    for (size_t i = 0; i < n; i++) {
        const struct note *note
            = unanswered[i]->sender->notes[unanswered[i]->index];

        TELL(conn, unanswered[i] - conn->flights + 1, send,
             .envelope = { note->bytes, note->n });
    }
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
    } else if (sc_error_decode(frame->body, &error)
               && sc_error_info(error.code))
    {
        complain("%s", sc_error_info(error.code)->name);
        refuse("ERROR", error.code);
    } else {
        refuse("a bad ERROR", 0);
    }
}

void
conn_frame(struct conn *conn, const struct sc_frame *frame)
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
        if (conn->session) {
            spare_done(conn);
        } else {
            conn->customer->asking--;
            account_done(conn->customer);
        }
        break;
    case SC_FRAME_RESUMED:
        on_resumed(conn, frame);
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



/* --- all of them --------------------------------------------------------- */

int
everybody_ready(void)
{
    int n = 0;

    for (int i = 0; i < W.n_customers; i++) {
        n += W.customers[i].device.ready + W.customers[i].owner.ready;
        for (int k = 0; k < SESSIONS; k++) {
            n += W.customers[i].visitors[k].ready;
        }
    }

    return n == W.n_customers * (1 + !W.plain + SESSIONS);
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

int
everything_settled(void)
{
    for (int i = 0; i < W.n_customers; i++) {
        const struct customer *c = &W.customers[i];

        if (c->changing || c->asking || c->device.acked < c->device.last) {
            return 0;
        }
        for (int k = 0; k < SESSIONS; k++) {
            if (!sender_settled(&c->sessions[k].senders[0])
                || !sender_settled(&c->sessions[k].senders[1])
                || c->sessions[k].spare.kept < c->sessions[k].spare.asked
                || c->visitors[k].acked < c->visitors[k].last)
            {
                return 0;
            }
        }
    }

    return everybody_ready();
}

/* The acknowledgements that are still kept back. */
void
ack_everything(void)
{
    for (int i = 0; i < W.n_customers; i++) {
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
