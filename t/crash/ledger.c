/*
 * The ledger: who wrote what, what was answered, what came back.  It trusts
 * nothing that the service says and compares all of it with what is here.
 */

#include "world.h"

struct world W;

uint64_t
clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

uint64_t
chance(uint64_t n)
{
    W.random ^= W.random << 13;
    W.random ^= W.random >> 7;
    W.random ^= W.random << 17;
    return W.random % n;
}

void
complain(const char *format, ...)
{
    static int said;
    va_list    args;

    if (said++ >= 20) {
        return;
    }

    printf("# ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}


/* --- messages ------------------------------------------------------------ */

struct note *
note_make(struct sender *sender)
{
    static const uint32_t sizes[] = { 256, 512, 1024, 4096 };
    static struct draft   d;
    static struct letter  letter;
    const struct owner   *owner = &sender->customer->now;
    struct note          *note = calloc(1, sizeof(*note));

    assert_non_null(note);
    draft_make(&d, owner, &sender->session->visitor, sender->keys == NULL,
               &sender->chain);
    d.e.ct.n = sizes[chance(4) & chance(4)] + SC_CT_TAG;
    draft_sign(&letter, &d, sender->keys ? sender->keys
                                         : &sender->session->visitor.keys);
    chain_add(&sender->chain, &letter);

    note->bytes = malloc(letter.n);
    assert_non_null(note->bytes);
    memcpy(note->bytes, letter.bytes, letter.n);
    note->n = letter.n;
    memcpy(note->id, letter.id, 32);
    note->seq = sender->chain.seq;

    if (sender->n == sender->room) {
        sender->room = sender->room ? 2 * sender->room : 256;
        sender->notes = realloc(sender->notes,
                                sender->room * sizeof(sender->notes[0]));
        assert_non_null(sender->notes);
    }

    sender->notes[sender->n++] = note;
    return note;
}

static struct note **
place_of(struct customer *customer, uint64_t position)
{
    size_t room = customer->at_room;

    if (position >= room) {
        while (position >= room) {
            room = room ? 2 * room : 1024;
        }
        customer->at = realloc(customer->at, room * sizeof(customer->at[0]));
        assert_non_null(customer->at);
        memset(customer->at + customer->at_room, 0,
               (room - customer->at_room) * sizeof(customer->at[0]));
        customer->at_room = room;
    }

    return &customer->at[position];
}

/* A message has one position, a position one message. */
static void
settle_at(struct customer *customer, struct note *note, uint64_t position,
     uint64_t time)
{
    struct note **place;

    if (position == 0 || position > 1u << 30) {
        W.wrong++;
        complain("position %llu", (unsigned long long) position);
        return;
    }

    place = place_of(customer, position);

    if (note->position && note->position != position) {
        W.twice++;
        complain("seq %llu is at %llu and at %llu",
                 (unsigned long long) note->seq,
                 (unsigned long long) note->position,
                 (unsigned long long) position);

    } else if ((*place && *place != note)
               || (note->position && note->time != time))
    {
        W.wrong++;
        complain("position %llu has two messages or times",
                 (unsigned long long) position);
    }

    *place = note;
    note->position = position;
    note->time = time;
}

void
note_stored(struct sender *sender, size_t index, uint64_t position,
            uint64_t time)
{
    struct note *note = sender->notes[index];

    settle_at(sender->customer, note, position, time);

    if (!note->stored) {
        note->stored = 1;
        W.stored++;
    }

    if (index > sender->answered) {
        W.wrong++;
        complain("STORED of seq %llu before those ahead of it",
                 (unsigned long long) note->seq);
    } else if (index == sender->answered) {
        sender->answered++;
    }
}

static struct sender *
sender_of(struct customer *customer, const struct sc_envelope *e)
{
    struct session *session;

    for (int i = 0; i < SESSIONS; i++) {
        session = &customer->sessions[i];
        if (memcmp(session->visitor.sid, e->sid, 32) != 0) {
            continue;
        }
        if (memcmp(session->visitor.keys.id, e->signkey_id, 32) == 0) {
            return &session->senders[0];
        }
        if (memcmp(customer->now.devices[READER].id, e->signkey_id, 32) == 0) {
            return &session->senders[1];
        }
    }

    return NULL;
}

struct note *
note_delivered(struct customer *customer, uint64_t position, uint64_t time,
               struct sc_bytes envelope, struct sender **from)
{
    struct sc_envelope e;
    struct sender     *sender = NULL;
    struct note       *note = NULL;

    if (sc_envelope_parse(envelope, &e) == NULL) {
        sender = sender_of(customer, &e);
    }
    if (sender && e.seq >= 1 && e.seq <= sender->n) {
        note = sender->notes[e.seq - 1];
    }

    if (note == NULL || note->n != envelope.n
        || memcmp(note->bytes, envelope.p, note->n) != 0)
    {
        W.wrong++;
        complain("what is at %llu was never sent",
                 (unsigned long long) position);
        return NULL;
    }

    settle_at(customer, note, position, time);
    *from = sender;
    return note;
}


/* --- accounts ------------------------------------------------------------ */

void
account_next(struct customer *customer)
{
    struct owner *next = &customer->next;

    *next = customer->now;
    next->n_devices = next->n_devices == 2 ? 3 : 2;
    if (next->n_devices == 3) {
        keys_make(&next->devices[2]);
    }

    /* A device leaves, and password and kit are replaced, with a new
     * generation alone. */
    if (next->n_devices == 2) {
        keys_make(&next->login);
        keys_make(&next->recovery);
    }
    owner_next(next, next->n_devices == 2);
    customer->changing = 1;
}

void
account_done(struct customer *customer)
{
    struct roster_copy *copy;

    customer->before = customer->now;
    customer->now = customer->next;
    customer->changing = 0;
    customer->replaced = 0;
    customer->changes++;
    W.changes++;

    customer->rosters = realloc(customer->rosters, customer->now.version
                                * sizeof(customer->rosters[0]));
    assert_non_null(customer->rosters);
    copy = &customer->rosters[customer->now.version - 1];
    memcpy(copy->bytes, customer->now.roster, customer->now.roster_n);
    copy->n = customer->now.roster_n;
}

static int
is_set(const struct owner *o, struct sc_bytes account, struct sc_bytes roster,
       const struct sc_list *wraps)
{
    return account.n == SC_ACCOUNT_BYTES
           && memcmp(account.p, o->account, account.n) == 0
           && roster.n == o->roster_n
           && memcmp(roster.p, o->roster, roster.n) == 0
           && wraps->count == o->wraps_count && wraps->n == o->wraps_n
           && memcmp(wraps->p, o->wraps, wraps->n) == 0;
}

void
account_check(struct customer *customer, struct sc_bytes account,
              struct sc_bytes roster, const struct sc_list *wraps)
{
    if (is_set(&customer->now, account, roster, wraps)
        || (customer->changing
            && is_set(&customer->next, account, roster, wraps))
        || (customer->looking
            && is_set(&customer->before, account, roster, wraps)))
    {
        return;
    }

    W.mixed++;
    complain("an account is neither of version %llu nor of what followed",
             (unsigned long long) customer->now.version);
}


void
customer_register(struct customer *customer, struct peer *peer)
{
    struct client c;
    struct answer a;

    client_open(&c, peer, customer->now.cid);
    take_salt(&c, &customer->now);
    wraps_make(&customer->now);
    owner_sign(&customer->now);
    ask_register(&c, &customer->now);
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);

    customer->next = customer->now;
    account_done(customer);

    for (int i = 0; i < SESSIONS; i++) {
        visitor_make(&customer->sessions[i].visitor, &customer->now);
    }
}


/* --- spare keys ---------------------------------------------------------- */

void
spare_make(const struct session *session, uint64_t number,
           uint8_t token[32], uint8_t sealed[SPARE])
{
    uint8_t seed[40];

    memcpy(seed, session->visitor.sid, 32);
    memcpy(seed + 32, &number, 8);
    crypto_generichash(token, 32, seed, sizeof(seed), NULL, 0);
    randombytes_buf_deterministic(sealed, SPARE, token);
}


/* --- the world ----------------------------------------------------------- */

static void
sender_make(struct sender *sender, struct customer *customer,
            struct session *session, const struct keys *keys)
{
    sender->customer = customer;
    sender->session = session;
    sender->keys = keys;
}

void
world_make(uint64_t seed, int customers)
{
    memset(&W, 0, sizeof(W));
    W.random = seed * 0x9e3779b97f4a7c15ull + 1;
    W.making = 1;
    W.n_customers = customers;
    W.customers = calloc((size_t) customers, sizeof(W.customers[0]));
    assert_non_null(W.customers);

    for (int i = 0; i < W.n_customers; i++) {
        struct customer *c = &W.customers[i];

        owner_make(&c->now);
        keys_make(&c->now.devices[LATE]);
        c->now.n_devices = 2;
        c->device.role = SC_ROLE_DEVICE;
        c->owner.role = SC_ROLE_PASSWORD;
        c->device.customer = c->owner.customer = c;

        for (int k = 0; k < SESSIONS; k++) {
            struct session *s = &c->sessions[k];

            c->visitors[k].role = SC_ROLE_VISITOR;
            c->visitors[k].customer = c;
            c->visitors[k].session = s;
            sender_make(&s->senders[0], c, s, NULL);
            sender_make(&s->senders[1], c, s, &c->now.devices[READER]);
        }
    }
}

void
world_free(void)
{
    for (int i = 0; i < W.n_customers; i++) {
        struct customer *c = &W.customers[i];

        for (int k = 0; k < 2 * SESSIONS; k++) {
            struct sender *sender = &c->sessions[k / 2].senders[k % 2];

            for (size_t m = 0; m < sender->n; m++) {
                free(sender->notes[m]->bytes);
                free(sender->notes[m]);
            }
            free(sender->notes);
        }
        free(c->rosters);
        free(c->at);
    }

    free(W.customers);
}
