/*
 * Reading everything back through the protocol, after the last restart: by
 * HISTORY of each session, as a device that never read before, and what spare
 * keys there are.  Nothing here stops at what is missing: it is counted.
 */

#include "world.h"

/* The next frame of a stream that is no delivery, unless one is wanted; 0
 * when the stream was closed or nothing came. */
static int
frame_of(struct client *c, struct answer *a, uint8_t type)
{
    for ( ;; ) {
        a->got = next_record(c->peer, c->id, PATIENCE);
        if (a->got == NULL || a->got->rec.kind == SC_RECORD_CLOSE) {
            answer_free(a);
            return 0;
        }
        if (a->got->rec.kind == SC_RECORD_DATA
            && sc_frame_open(a->got->payload, a->got->rec.length, &a->frame)
               == SC_E_NONE
            && (a->frame.type == type || a->frame.type != SC_FRAME_DELIVER))
        {
            return 1;
        }
        answer_free(a);
    }
}

static int
expect(struct client *c, struct answer *a, uint8_t type)
{
    if (!frame_of(c, a, type)) {
        complain("no %s came", sc_frame_info(type)->name);
        return 0;
    }

    if (a->frame.type != type) {
        complain("%s instead of %s", sc_frame_info(a->frame.type)->name,
                 sc_frame_info(type)->name);
        answer_free(a);
        return 0;
    }

    return 1;
}

static int
login(struct client *c, struct peer *peer, const struct owner *o,
      uint8_t role, const uint8_t *subject, const uint8_t *sk,
      struct sc_bytes hello, struct sc_frame_ready *ready)
{
    struct sc_frame_challenge challenge;
    struct answer             a;
    char                      text[SC_CID_TEXT + 1];

    sc_cid_write(text, o->cid);
    open_text(c, peer, text, 0);
    if (!expect(c, &a, SC_FRAME_CHALLENGE)
        || !sc_challenge_decode(a.frame.body, &challenge))
    {
        return 0;
    }
    memcpy(c->challenge, challenge.challenge, 32);
    answer_free(&a);

    ask_auth(c, role, subject, sk, hello.p, hello.n);
    if (!expect(c, &a, SC_FRAME_READY)) {
        return 0;
    }
    if (!sc_ready_decode(a.frame.body, ready)) {
        answer_free(&a);
        return 0;
    }
    c->head = ready->head;
    c->cursor = ready->cursor;
    answer_free(&a);
    return 1;
}

static int
device_in(struct client *c, struct peer *peer, const struct owner *o, int i)
{
    struct sc_bytes       none = { NULL, 0 };
    struct sc_frame_ready ready;

    return login(c, peer, o, SC_ROLE_DEVICE, o->devices[i].id,
                 o->devices[i].sk, none, &ready);
}


/* --- a device that never read -------------------------------------------- */

/* Positions without a gap, each sender's numbers in order. */
static void
late_device(struct customer *customer, struct peer *peer)
{
    struct client           c;
    struct answer           a;
    struct sc_frame_deliver d;
    struct sender          *from;
    struct note            *note;
    uint64_t                last = 0;

    if (!device_in(&c, peer, &customer->now, LATE)) {
        return;
    }

    while (last < c.head && expect(&c, &a, SC_FRAME_DELIVER)) {
        if (!sc_deliver_decode(a.frame.body, &d) || d.position != last + 1) {
            W.wrong++;
            complain("a gap in what a new device reads, behind %llu",
                     (unsigned long long) last);
            answer_free(&a);
            return;
        }

        last = d.position;
        note = note_delivered(customer, d.position, d.time, d.envelope,
                              &from);
        if (note) {
            note->read++;
            if (note->seq > 1 && !from->notes[note->seq - 2]->read) {
                W.wrong++;
                complain("seq %llu before the one ahead of it",
                         (unsigned long long) note->seq);
            }
        }
        answer_free(&a);

        if (last % 32 == 0) {
            ask_ack(&c, last);
        }
    }
}


/* --- HISTORY ------------------------------------------------------------- */

static uint64_t
history_page(struct customer *customer, struct session *session,
             const struct answer *a, uint64_t *below)
{
    struct sc_frame_messages  page;
    struct sc_message         m;
    struct sender            *from;
    struct note              *note;

    if (!sc_messages_decode(a->frame.body, &page)) {
        W.wrong++;
        return 0;
    }

    while (sc_message_next(&page.messages, &m)) {
        if (*below && m.position >= *below) {
            W.wrong++;
            complain("HISTORY does not descend at %llu",
                     (unsigned long long) m.position);
        }
        *below = m.position;

        note = note_delivered(customer, m.position, m.time, m.envelope,
                              &from);
        if (note) {
            W.wrong += from->session != session;
            note->paged++;
        }
    }

    return page.next;
}

static void
history(struct customer *customer, struct session *session, struct client *c)
{
    struct answer a;
    uint64_t      before = 0, below = 0;

    do {
        ASK(c, history, .sid = session->visitor.sid, .before = before,
            .count = 255);
        if (!expect(c, &a, SC_FRAME_MESSAGES)) {
            return;
        }
        before = history_page(customer, session, &a, &below);
        answer_free(&a);
    } while (before);
}

/* As each visitor, who need not take what is delivered in between. */
static void
histories(struct customer *customer, struct peer *peer)
{
    for (int i = 0; i < SESSIONS; i++) {
        struct session       *session = &customer->sessions[i];
        struct visitor       *v = &session->visitor;
        struct sc_bytes       hello = { v->hello, v->hello_n };
        struct sc_frame_ready ready;
        struct client         c;

        if (login(&c, peer, &customer->now, SC_ROLE_VISITOR, v->sid,
                  v->keys.sk, hello, &ready)
            && (ready.head || !W.broken))
        {
            history(customer, session, &c);
        }
    }
}


/* --- spare keys ---------------------------------------------------------- */

/* Whether those of that number are there, as a stranger sees it who has their
 * token. */
static int
spare_is_there(const struct customer *customer, const struct session *session,
               uint64_t number, struct peer *peer)
{
    struct sc_frame_spare spare;
    struct client         c;
    struct answer         a;
    uint8_t               token[32], sealed[SPARE];
    int                   there;

    spare_make(session, number, token, sealed);
    client_open(&c, peer, customer->now.cid);
    ASK(&c, spare_get, .token = token);
    if (!frame_of(&c, &a, SC_FRAME_SPARE)) {
        complain("no SPARE came");
        return 0;
    }

    there = a.frame.type == SC_FRAME_SPARE;
    if (there && (!sc_spare_decode(a.frame.body, &spare)
                  || spare.sealed.n != SPARE
                  || memcmp(spare.sealed.p, sealed, SPARE) != 0))
    {
        W.wrong++;
        complain("spare keys of other bytes");
    }

    answer_free(&a);
    client_close(&c);
    return there;
}

/* Those of the last DONE and no others, or what was asked for since. */
static void
spares(struct customer *customer, struct peer *peer)
{
    for (int i = 0; i < SESSIONS; i++) {
        struct session     *session = &customer->sessions[i];
        const struct spare *spare = &session->spare;
        int                 there = 0;

        for (uint64_t k = spare->kept ? spare->kept : 1; k <= spare->asked; k++)
        {
            there += spare_is_there(customer, session, k, peer);
        }

        if (spare->kept > 1) {
            there += spare_is_there(customer, session, spare->kept - 1, peer);
        }

        if (there != 1 && (spare->kept || there)) {
            W.unspared++;
            complain("%d spare keys of a session, %llu kept, %llu asked for",
                     there, (unsigned long long) spare->kept,
                     (unsigned long long) spare->asked);
        }
    }
}


/* --- accounts ------------------------------------------------------------ */

static void
rosters(struct customer *customer, struct client *c)
{
    static const uint8_t   zeros[32];
    struct sc_frame_rosters page;
    struct sc_blob         blob;
    struct answer          a;
    uint64_t               version = 1;

    do {
        ASK(c, roster_get, .id = zeros, .version = version);
        if (!expect(c, &a, SC_FRAME_ROSTERS)
            || !sc_rosters_decode(a.frame.body, &page))
        {
            W.mixed++;
            return;
        }

        while (sc_blob_next(&page.rosters, &blob)) {
            const struct roster_copy *copy = &customer->rosters[version - 1];

            if (version > customer->now.version || blob.bytes.n != copy->n
                || memcmp(blob.bytes.p, copy->bytes, copy->n) != 0)
            {
                W.mixed++;
                complain("roster %llu is another",
                         (unsigned long long) version);
                answer_free(&a);
                return;
            }
            version++;
        }
        answer_free(&a);
    } while (page.next);

    if (version != customer->now.version + 1) {
        W.mixed++;
        complain("%llu rosters of %llu", (unsigned long long) version - 1,
                 (unsigned long long) customer->now.version);
    }
}

/* Of a generation that has passed, only what opens old messages is left. */
static void
old_generation(struct client *c, uint64_t generation)
{
    struct sc_frame_vault v;
    struct sc_blob        blob;
    struct sc_wrap        wrap;
    struct answer         a;

    ASK(c, vault_get, .generation = generation);
    if (!expect(c, &a, SC_FRAME_VAULT) || !sc_vault_decode(a.frame.body, &v)) {
        W.mixed++;
        return;
    }

    while (sc_blob_next(&v.wraps, &blob)) {
        if (sc_wrap_parse(blob.bytes, &wrap) != NULL || wrap.kind < 5
            || wrap.generation != generation)
        {
            W.mixed++;
            complain("a wrap of kind %u is left of generation %llu",
                     wrap.kind, (unsigned long long) generation);
        }
    }

    answer_free(&a);
}

static void
account(struct customer *customer, struct peer *peer)
{
    const struct owner   *o = &customer->now;
    struct sc_bytes       none = { NULL, 0 };
    struct sc_frame_ready ready;
    struct sc_frame_vault v;
    struct client         c;
    struct answer         a;

    if (!login(&c, peer, o, SC_ROLE_PASSWORD, o->account_id, o->login.sk,
               none, &ready))
    {
        W.mixed++;
        return;
    }

    ASK(&c, vault_get, .generation = 0);
    if (!expect(&c, &a, SC_FRAME_VAULT) || !sc_vault_decode(a.frame.body, &v)) {
        W.mixed++;
        return;
    }
    customer->looking = 0;
    account_check(customer, v.account, v.roster, &v.wraps);
    answer_free(&a);

    for (uint64_t g = 1; g < o->generation; g++) {
        old_generation(&c, g);
    }

    rosters(customer, &c);
}


/* --- all of it ----------------------------------------------------------- */

static void
count(const struct sender *sender)
{
    for (size_t i = 0; i < sender->n; i++) {
        const struct note *note = sender->notes[i];

        if (note->stored && (note->read == 0 || note->paged == 0)) {
            W.lost++;
        }
        if (note->read > 1 || note->paged > 1) {
            W.twice++;
        }
    }
}

void
read_back(const char *sock)
{
    struct daemon d = { .pid = 0 };
    struct peer   peer;

    strcpy(d.sock, sock);
    peer_open(&peer, &d);

    for (int i = 0; i < W.n_customers; i++) {
        struct customer *c = &W.customers[i];

        late_device(c, &peer);
        histories(c, &peer);
        spares(c, &peer);
        account(c, &peer);

        for (int k = 0; k < 2 * SESSIONS; k++) {
            count(&c->sessions[k / 2].senders[k % 2]);
        }
    }

    peer_close(&peer);
}


/* --- cursors ------------------------------------------------------------- */

static void
check_quiet(struct client *c, const struct conn *conn)
{
    struct got *got;

    if (c->cursor != conn->acked) {
        W.backward++;
        complain("the cursor is %llu after a clean stop, acknowledged %llu",
                 (unsigned long long) c->cursor,
                 (unsigned long long) conn->acked);
    }

    while ((got = next_record(c->peer, c->id, 20)) != NULL) {
        if (got->rec.kind == SC_RECORD_DATA
            && got->payload[0] == SC_FRAME_DELIVER)
        {
            W.late++;
            complain("delivered again after a clean stop");
        }
        free(got);
    }
}

void
check_cursors(const char *sock)
{
    struct daemon d = { .pid = 0 };
    struct peer   peer;

    strcpy(d.sock, sock);
    peer_open(&peer, &d);

    for (int i = 0; i < W.n_customers; i++) {
        struct customer      *customer = &W.customers[i];
        struct sc_frame_ready ready;
        struct client         c;

        if (device_in(&c, &peer, &customer->now, READER)) {
            check_quiet(&c, &customer->device);
        }

        for (int k = 0; k < SESSIONS; k++) {
            struct visitor *v = &customer->sessions[k].visitor;
            struct sc_bytes hello = { v->hello, v->hello_n };

            if (login(&c, &peer, &customer->now, SC_ROLE_VISITOR, v->sid,
                      v->keys.sk, hello, &ready))
            {
                check_quiet(&c, &customer->visitors[k]);
            }
        }
    }

    peer_close(&peer);
}
