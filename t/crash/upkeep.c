/*
 * Kills what removes: a process that appends, deletes, blocks, erases, changes
 * classes and lets messages expire, on a clock that runs through days, is killed again
 * and again, at random moments or at one step of the commit thread.  What it
 * did and what was answered is kept outside it, and each life begins with a
 * comparison of all of that with what the store says.
 *
 *     upkeep [-k kills] [-s seed] [-f step] [-u libunsynced.so]
 *
 * Speaks TAP without a plan; the last line is kills, stored, lost, twice.
 */

#include "world.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "../unit/store_fixture.h"
#include "store/db.h"
#include "store/state.h"

#define HOUR  3600000ull
#define NONE  UINT64_MAX

enum {
    SLOTS = 4,                       /* customers at a time */
    TALKS = 6,                       /* sessions of each, at a time */
    MOST = 1 << 16,                  /* positions of one customer */
    LIST = 24
};

/* What was asked for, and what was answered. */
struct talk {
    uint64_t number;                 /* of the session, by which it is named */
    uint64_t asked, done;            /* numbers of messages */
    int      deleting, deleted;
    int      blocking, blocked;      /* being told so, or the contrary; told */
};

struct slot {
    uint64_t number;                 /* of the customer, by which it is named */
    uint64_t customer;               /* the store's, 0: not answered */
    int      erasing, erased;
    uint64_t head, earliest;
    struct talk talks[TALKS];
    struct { uint32_t session, seq; } at[MOST];
};

struct book {
    uint64_t now;                    /* the clock */
    uint64_t random;
    uint64_t names;                  /* of customers and sessions */
    uint64_t lives, lists, stored, expired, erased, deleted, blocks;
    uint64_t lost, twice, wrong;
    uint64_t gone[1024];             /* customers that were erased */
    uint64_t n_gone;
    struct slot slots[SLOTS];
};

static struct book  *B;
static struct fixture F;

static uint64_t
below(uint64_t n)
{
    B->random ^= B->random << 13;
    B->random ^= B->random >> 7;
    B->random ^= B->random << 17;
    return B->random % n;
}

static uint64_t
book_clock(void)
{
    return B->now;
}

static void
wrong(const char *what, const struct slot *slot, uint64_t a, uint64_t b)
{
    B->wrong++;
    printf("# %s: customer %llu, %llu, %llu\n", what,
           (unsigned long long) slot->number, (unsigned long long) a,
           (unsigned long long) b);
    fflush(stdout);
}


/* --- comparing ----------------------------------------------------------- */

static void
chat_of(struct chat *chat, const struct slot *slot, uint64_t session,
        uint64_t seq)
{
    chat_init(chat, slot->customer, session, 0);
    chat->seq = seq;
    if (seq > 0) {
        memcpy(chat->last_id, name_of('m', session << 32 | seq), 32);
    }
}

static int
is_message(const struct sc_stored *m, const struct slot *slot,
           uint64_t session, uint64_t seq)
{
    static struct message_op expected;
    struct chat              chat;

    chat_of(&chat, slot, session, seq - 1);
    message_op(&expected, &chat);
    return m->envelope.n == sizeof(expected.envelope)
           && memcmp(m->envelope.p, expected.envelope, m->envelope.n) == 0;
}

/* A message that was not answered, and is stored all the same. */
static void
unanswered(struct slot *slot, const struct sc_stored *m)
{
    for (int i = 0; i < TALKS; i++) {
        struct talk *talk = &slot->talks[i];

        for (uint64_t seq = talk->done + 1; seq <= talk->asked; seq++) {
            if (is_message(m, slot, talk->number, seq)) {
                slot->at[m->position].session = (uint32_t) talk->number;
                slot->at[m->position].seq = (uint32_t) seq;
                return;
            }
        }
    }

    wrong("a message that nobody sent", slot, m->position, 0);
}

static int
may_be_gone(const struct slot *slot, uint32_t session)
{
    for (int i = 0; i < TALKS; i++) {
        if (slot->talks[i].number == session) {
            return slot->talks[i].deleting;
        }
    }

    return 1;                        /* its place was given to another */
}

/* Every position from the earliest on, once and byte for byte.  Returns how
 * many messages there are. */
static uint64_t
compare_messages(struct slot *slot, const struct sc_customer *customer)
{
    struct sc_page *page;
    uint64_t        next = 1, expect = customer->earliest, n = 0;

    while (next != 0) {
        page = sc_store_read(F.store, slot->customer, next, NULL, 256,
                             1 << 20);
        if (page == NULL) {
            wrong("does not read", slot, next, 0);
            return n;
        }

        for (size_t i = 0; i < page->n; i++, n++, expect++) {
            const struct sc_stored *m = &page->messages[i];

            for (; expect < m->position; expect++) {
                B->lost += expect <= slot->head
                           && !may_be_gone(slot, slot->at[expect].session);
            }
            B->twice += m->position < expect;

            if (m->position > slot->head) {
                unanswered(slot, m);
            } else if (!is_message(m, slot, slot->at[m->position].session,
                                   slot->at[m->position].seq))
            {
                wrong("other bytes", slot, m->position, 0);
            }
        }

        next = page->next;
        sc_store_page_free(page);
    }

    for (; expect <= slot->head; expect++) {
        B->lost += !may_be_gone(slot, slot->at[expect].session);
    }

    return n;
}

static void
talk_new(struct talk *talk)
{
    memset(talk, 0, sizeof(*talk));
    talk->number = ++B->names;
}

/* Its last number is between what was answered and what was asked for; if it
 * has ended, somebody deleted it or all of it has expired. */
static uint64_t
compare_talk(struct slot *slot, struct talk *talk, uint64_t earliest)
{
    struct sc_session_info info;
    struct chat            chat;
    uint64_t               last = 0;
    int                    rc;

    chat_of(&chat, slot, talk->number, 0);
    rc = sc_store_session(F.store, slot->customer, chat.sid, chat.key, &info);

    if (rc == 1) {
        if (talk->deleted || info.seq < talk->done || info.seq > talk->asked
            || memcmp(info.id, name_of('m', talk->number << 32 | info.seq),
                      32) != 0)
        {
            wrong("a session at another message", slot, info.seq, talk->done);
        }
        if (!talk->blocking && talk->blocked != info.blocked) {
            wrong("a block is lost", slot, talk->number, 0);
        }
        talk->done = talk->asked = info.seq;
        talk->deleting = talk->blocking = 0;
        talk->blocked = info.blocked;
        return 1;
    }

    for (uint64_t p = 1; p <= slot->head; p++) {
        if (slot->at[p].session == talk->number) {
            last = p;
        }
    }

    if (rc < 0 || (talk->done > 0
                   && (!info.deleted
                       || (!talk->deleting && last >= earliest))))
    {
        wrong("a session is gone", slot, talk->number, last);
    }

    talk_new(talk);
    return 0;
}

static void
slot_new(struct slot *slot)
{
    memset(slot, 0, sizeof(*slot));
    slot->number = ++B->names;
    for (int i = 0; i < TALKS; i++) {
        talk_new(&slot->talks[i]);
    }
}

/* exact: upkeep is done, so that counters are what can be read. */
static void
compare_slot(struct slot *slot, int exact)
{
    struct sc_customer customer;
    struct sc_limits   limits;
    uint64_t           n, sessions = 0;
    int                rc = sc_store_customer(F.store,
                                              name_of('c', slot->number),
                                              &customer);

    if (rc != 1) {
        if (rc < 0 || (slot->customer != 0 && !slot->erasing)) {
            wrong("a customer is gone", slot, 0, 0);
        }
        if (slot->erasing && B->n_gone < 1024) {
            B->gone[B->n_gone++] = slot->number;
        }
        slot_new(slot);
        return;
    }

    if (slot->erased || customer.head < slot->head
        || customer.earliest < slot->earliest)
    {
        wrong("a customer as it was before", slot, customer.head,
              customer.earliest);
    }

    slot->erasing = 0;
    slot->customer = customer.number;
    n = compare_messages(slot, &customer);
    slot->head = customer.head;
    B->expired += customer.earliest - (slot->earliest ? slot->earliest : 1);
    slot->earliest = customer.earliest;
    for (int i = 0; i < TALKS; i++) {
        sessions += compare_talk(slot, &slot->talks[i], customer.earliest);
    }

    rc = sc_store_limits(F.store, name_of('c', slot->number), &limits);
    if (rc != 1 || limits.messages < n
        || (exact && (limits.messages != n || limits.sessions != sessions
                      || limits.bytes < n * ENVELOPE
                      || limits.bytes > n * ENVELOPE + sessions * HELLO)))
    {
        wrong("counted wrongly", slot, limits.messages, n);
    }
}

static void
compare(int exact)
{
    struct account_op a;

    for (int i = 0; i < SLOTS; i++) {
        compare_slot(&B->slots[i], exact);
    }

    /* Nobody comes back. */
    for (uint64_t i = 0; i < B->n_gone; i++) {
        account_op(&a, SC_OP_REGISTER, B->gone[i], 1, 1);
        if (apply_one(&F, &a.op) != SC_E_ACCOUNT_TAKEN) {
            wrong("registered again", &B->slots[0], B->gone[i], 0);
        }
    }
}


/* --- one life ------------------------------------------------------------ */

static void
open_store(void)
{
    char key[128];

    snprintf(key, sizeof(key), "%s.key", F.dir);
    F.options.path = F.dir;
    F.options.map_size = 1ull << 30;
    F.options.clock = book_clock;
    F.options.catch_up = UINT32_MAX;
    F.options.vault = sc_vault_load(key, F.why, WHY);
    F.store = F.options.vault ? sc_store_open(&F.options, F.why, WHY) : NULL;
    if (F.store == NULL) {
        B->wrong++;
        printf("# %s\n", F.why);
        exit(1);
    }
}

/* The messages of one list, of one customer. */
struct list {
    struct message_op m[LIST];
    struct talk      *talks[LIST];
    unsigned          n;
};

static void
add_message(struct list *list, const struct slot *slot, struct talk *talk)
{
    struct message_op *m = &list->m[list->n];
    struct chat        chat;

    chat_of(&chat, slot, talk->number, talk->asked);
    message_op(m, &chat);
    m->op.next = NULL;
    if (list->n > 0) {
        list->m[list->n - 1].op.next = &m->op;
    }
    list->talks[list->n++] = talk;
    talk->asked++;
}

static void
note_answer(struct slot *slot, struct talk *talk, const struct sc_op *op,
            int *ended)
{
    if (op->error == SC_E_SESSION_DELETED) {
        *ended = 1;
        return;
    }

    if (op->error != SC_E_NONE) {
        wrong("refused", slot, op->error, 0);
        return;
    }

    slot->at[op->append.position].session = (uint32_t) talk->number;
    slot->at[op->append.position].seq = (uint32_t) op->append.seq;
    slot->head = op->append.position;
    talk->done = op->append.seq;
    B->stored++;
}

/* Of somebody who is blocked, unless the session has ended meanwhile. */
static void
send_blocked(struct slot *slot, const struct talk *talk)
{
    static struct message_op m;
    struct chat              chat;

    chat_of(&chat, slot, talk->number, talk->asked);
    message_op(&m, &chat);
    if (sc_store_apply(F.store, &m.op, F.why, WHY) == 0
        && m.op.error != SC_E_SESSION_BLOCKED
        && m.op.error != SC_E_SESSION_DELETED)
    {
        wrong("goes on, though blocked", slot, talk->number, m.op.error);
    }
}

static void
send_list(struct slot *slot)
{
    static struct list list;
    struct sc_customer customer;
    unsigned           n = 1 + (unsigned) below(LIST);
    int                ended = 0;

    list.n = 0;
    for (unsigned i = 0; i < n && slot->head + n < MOST; i++) {
        struct talk *talk = &slot->talks[below(TALKS)];

        if (talk->blocked) {
            send_blocked(slot, talk);
        } else {
            add_message(&list, slot, talk);
        }
    }

    if (list.n == 0
        || sc_store_apply(F.store, &list.m[0].op, F.why, WHY) != 0)
    {
        return;
    }

    for (unsigned i = 0; i < list.n; i++) {
        note_answer(slot, list.talks[i], &list.m[i].op, &ended);
    }

    /* Somebody who is told so looks for the rest of it. */
    for (int i = 0; ended && i < TALKS; i++) {
        (void) sc_store_customer(F.store, name_of('c', slot->number),
                                 &customer);
        (void) compare_talk(slot, &slot->talks[i], customer.earliest);
    }
}

static void
change_class(struct slot *slot)
{
    static const uint16_t days[] = { 7, 30, 90, 7, 30, SC_KEPT };
    struct sc_op          op = { .kind = SC_OP_LIMITS };

    op.limits.cid = name_of('c', slot->number);
    op.limits.set = SC_SET_DAYS;
    op.limits.days = days[below(6)];
    if (apply_one(&F, &op) != SC_E_NONE) {
        wrong("no class", slot, op.error, 0);
    }
}

static void
delete_talk(struct slot *slot)
{
    struct talk *talk = &slot->talks[below(TALKS)];
    struct sc_op op = { .kind = SC_OP_DELETE };

    op.remove.customer = slot->customer;
    op.remove.sid = name_of('s', talk->number);
    op.remove.by_session = 1;
    op.remove.time = B->now;
    talk->deleting = 1;
    if (apply_one(&F, &op) == SC_E_NONE) {
        talk->deleted = 1;
        B->deleted++;
        talk_new(talk);
    }
}

static void
block_talk(struct slot *slot)
{
    struct talk *talk = &slot->talks[below(TALKS)];
    struct sc_op op = { .kind = SC_OP_BLOCK };

    op.block.customer = slot->customer;
    op.block.sid = name_of('s', talk->number);
    op.block.time = B->now;
    op.block.blocked = !talk->blocked;
    talk->blocking = 1;
    if (apply_one(&F, &op) == SC_E_NONE) {
        talk->blocked = op.block.blocked;
        B->blocks++;
        if (op.block.repeated) {
            wrong("was so before", slot, talk->number, 0);
        }
    }
    talk->blocking = 0;
}

static void
erase_slot(struct slot *slot)
{
    struct sc_op op = { .kind = SC_OP_ERASE };

    op.erase.cid = name_of('c', slot->number);
    op.erase.account_id = name_of('a', slot->number);
    op.erase.time = B->now;
    slot->erasing = 1;
    if (apply_one(&F, &op) == SC_E_NONE) {
        slot->erased = 1;
        B->erased++;
        if (B->n_gone < 1024) {
            B->gone[B->n_gone++] = slot->number;
        }
        slot_new(slot);
    }
}

static void
make_customer(struct slot *slot)
{
    struct account_op a;

    account_op(&a, SC_OP_REGISTER, slot->number, 1, 1);
    if (apply_one(&F, &a.op) == SC_E_NONE) {
        slot->customer = a.op.account.customer;
        slot->earliest = 1;
        change_class(slot);
    }
}

/* Until it is killed. */
static _Noreturn void
live(void)
{
    open_store();
    B->lives++;
    compare(0);

    for (;;) {
        struct slot *slot = &B->slots[below(SLOTS)];
        uint64_t     what = below(100);

        B->now += below(12) * HOUR;
        B->lists++;

        if (slot->customer == 0) {
            make_customer(slot);
        } else if (what < 2 || slot->head + LIST >= MOST) {
            erase_slot(slot);
        } else if (what < 8) {
            delete_talk(slot);
        } else if (what < 12) {
            change_class(slot);
        } else if (what < 19) {
            block_talk(slot);
        } else if (what < 40) {
            if (sc_store_apply(F.store, NULL, F.why, WHY) != 0
                || F.why[0] != '\0')
            {
                printf("# %s\n", F.why);
                B->wrong++;
            }
        } else {
            send_list(slot);
        }
    }
}


/* --- the end ------------------------------------------------------------- */

/* Counts what is really in the file, which is what can be read. */
static void
compare_file(void)
{
    struct sc_db   *db = sc_db_open(F.dir, F.options.map_size, F.why, WHY);
    struct sc_txn  *txn = sc_txn_read(db);
    struct sc_walk *walk;
    struct sc_entry entry;
    struct sc_bytes value, key;
    struct sc_customer_row row;
    uint64_t        place, left = 0, removals = 0;
    int             more;

    for (unsigned class = 0; class < SC_CLASSES; class++) {
        walk = sc_walk_open(txn, sc_log_of(class));
        more = sc_walk_seek_number(walk, 0, &place, &value);
        for (; more; more = sc_walk_next_number(walk, &place, &value)) {
            if (!sc_entry_read(value, &entry)
                || !sc_customer_row(txn, entry.customer, &row) || row.erased
                || entry.position < row.earliest)
            {
                left++;
            }
        }
        sc_walk_close(walk);
    }

    for (int i = 0; i < 2; i++) {
        walk = sc_walk_open(txn, i ? SC_DB_PURGES : SC_DB_REMOVALS);
        removals += (uint64_t) sc_walk_seek(walk, "", 1, &key, &value);
        sc_walk_close(walk);
    }

    if (left > 0 || removals > 0) {
        wrong("left in the file", &B->slots[0], left, removals);
    }
    sc_txn_end(txn);
    sc_db_close(db);
}

static int
judge(void)
{
    open_store();
    compare(0);
    (void) fixture_settle(&F);
    compare(1);
    sc_store_close(F.store);
    compare_file();
    return 0;
}


/* --- the parent ---------------------------------------------------------- */

struct options {
    uint64_t    kills, seed;
    const char *step, *library, *self;
};

static struct options O = { .kills = 12 };
static char           ledger[128];

static pid_t
spawn(const char *what, const char *fault)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (O.library) {
            setenv("LD_PRELOAD", O.library, 1);
        }
        if (fault) {
            setenv("SC_FAULT", fault, 1);
        }
        execl(O.self, O.self, what, F.dir, ledger, (char *) NULL);
        _exit(127);
    }

    return pid;
}

static void
map_ledger(int flags)
{
    int fd = open(ledger, O_RDWR | O_CLOEXEC | flags, 0600);

    assert_true(fd >= 0 && ftruncate(fd, sizeof(*B)) == 0);
    B = mmap(NULL, sizeof(*B), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(B, MAP_FAILED);
    close(fd);
}

/* As often as a step is passed before the one that is the last. */
static uint64_t
passes(void)
{
    return strcmp(O.step, "replayed") == 0 ? 1 : 1 + below(4);
}

static void
kill_once(uint64_t i)
{
    char  fault[64], path[128];
    pid_t pid;
    int   status;

    if (O.step) {
        snprintf(fault, sizeof(fault), "%s:%llu", O.step,
                 (unsigned long long) passes());
    }
    pid = spawn("live", O.step ? fault : NULL);

    if (O.step) {
        for (int ms = 0; waitpid(pid, &status, WNOHANG) != pid; ms += 5) {
            if (ms > PATIENCE) {
                kill(pid, SIGKILL);
            }
            nap(5);
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 86) {
            B->wrong++;
            printf("# at %s it ended with %x\n", fault, status);
        }
    } else {
        nap((long) (20 + below(300)));
        kill(pid, SIGKILL);
        status = wait_for(pid);
        if (!WIFSIGNALED(status)) {
            B->wrong++;
            printf("# it ended by itself with %x\n", status);
        }
    }

    if (O.library) {
        snprintf(path, sizeof(path), "%s/store.mdb", F.dir);
        disk_revert(path, i % 2);
    }
}

static int failures;

static void
check(int right, const char *what)
{
    failures += !right;
    printf("%sok - %s\n", right ? "" : "not ", what);
}

static void
report(void)
{
    printf("# seed %llu, %llu lives, %llu lists, %llu expired, %llu deleted, "
           "%llu blocked or not, %llu erased, %llu blocks reverted\n",
           (unsigned long long) O.seed, (unsigned long long) B->lives,
           (unsigned long long) B->lists, (unsigned long long) B->expired,
           (unsigned long long) B->deleted, (unsigned long long) B->blocks,
           (unsigned long long) B->erased,
           (unsigned long long) W.reverted);
    check(B->stored > 10 * O.kills
          && (O.step || (B->expired > 0 && B->deleted > 0 && B->erased > 0
                         && (B->blocks > 0 || B->lists < 200))),
          "the load was a load");
    check(B->lost == 0, "every message that has not expired is there");
    check(B->twice == 0, "each once");
    check(B->wrong == 0, "what is gone is gone, and counted so");
    printf("kills %llu stored %llu lost %llu twice %llu\n",
           (unsigned long long) O.kills, (unsigned long long) B->stored,
           (unsigned long long) B->lost, (unsigned long long) B->twice);
}

static int
options(int argc, char **argv)
{
    int option;

    O.seed = (uint64_t) time(NULL);
    O.self = argv[0];
    while ((option = getopt(argc, argv, "k:s:f:u:")) != -1) {
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
        default:
            return -1;
        }
    }

    return optind == argc ? 0 : -1;
}

static void
set_up(void)
{
    char             key[128];
    struct sc_vault *vault = sc_vault_new();

    strcpy(F.dir, "/tmp/sealchat-upkeep-XXXXXX");
    assert_non_null(mkdtemp(F.dir));
    snprintf(key, sizeof(key), "%s.key", F.dir);
    snprintf(ledger, sizeof(ledger), "%s.book", F.dir);
    assert_int_equal(sc_vault_save(vault, key, 0, F.why, WHY), 0);
    sc_vault_free(vault);

    map_ledger(O_CREAT);
    B->now = 1700000000000ull;
    B->random = W.random = O.seed * 0x9e3779b97f4a7c15ull | 1;
    for (int i = 0; i < SLOTS; i++) {
        slot_new(&B->slots[i]);
    }
}

static void
take_down(void)
{
    char path[160];

    fixture_unlink(&F, "store.mdb");
    fixture_unlink(&F, "store.mdb.undo");
    fixture_unlink(&F, "store.mdb-lock");
    fixture_unlink(&F, "lock");
    rmdir(F.dir);
    snprintf(path, sizeof(path), "%s.key", F.dir);
    unlink(path);
    unlink(ledger);
}

static int
child(char **argv)
{
    snprintf(F.dir, sizeof(F.dir), "%s", argv[2]);
    snprintf(ledger, sizeof(ledger), "%s", argv[3]);
    map_ledger(0);
    if (strcmp(argv[1], "live") == 0) {
        live();
    }

    return judge();
}

int
main(int argc, char **argv)
{
    if (sodium_init() < 0) {
        return 2;
    }

    if (argc == 4 && argv[1][0] != '-') {
        return child(argv);
    }

    if (options(argc, argv) != 0) {
        fputs("usage: upkeep [-k n] [-s seed] [-f step] [-u lib]\n", stderr);
        return 2;
    }

    set_up();
    for (uint64_t i = 0; i < O.kills && B->wrong + B->lost == 0; i++) {
        kill_once(i);
    }
    O.library = NULL;
    check(wait_for(spawn("judge", NULL)) == 0, "it opens and closes");
    report();

    if (failures == 0 || !getenv("KEEP")) {
        take_down();
    }
    return failures != 0;
}
