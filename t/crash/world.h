/*
 * What the crash tests keep outside the process that they kill: every
 * message as its sender made it, what was answered with STORED and who was
 * given it, every roster and all spare keys that were answered with DONE.
 */

#ifndef SEALCHAT_CRASH_WORLD_H
#define SEALCHAT_CRASH_WORLD_H

#include "../unit/people.h"

#ifndef WORLD_SESSIONS
#define WORLD_SESSIONS 4
#endif

enum {
    SESSIONS = WORLD_SESSIONS,       /* of each customer */
    LINKS = 2,
    FLIGHTS = 24,                    /* unanswered SENDs of one stream */
    SENDER_FLIGHTS = 6,              /* of one sender in one session */
    READER = 0,                      /* the device that reads and writes */
    LATE = 1,                        /* the one that comes at the end */
    SPARE = 200                      /* bytes of spare keys, sealed */
};

/* One message. */
struct note {
    uint8_t  *bytes;
    size_t    n;
    uint8_t   id[32];
    uint64_t  seq;
    uint64_t  position;              /* of STORED or DELIVER; 0: unknown */
    uint64_t  time;
    unsigned  stored : 1;            /* STORED came */
    unsigned  seen : 1;              /* its reader was given it */
    unsigned  read;                  /* by the late device */
    unsigned  paged;                 /* by HISTORY */
};

/* One who writes into one session. */
struct sender {
    struct customer   *customer;
    struct session    *session;
    const struct keys *keys;         /* NULL: the visitor's own */
    struct chain       chain;
    struct note      **notes;        /* [seq - 1] */
    size_t             n, room;
    size_t             answered;     /* notes below have STORED */
    size_t             sent;         /* on this connection */
};

/* The spare keys of a session, each in place of those before; 0: none. */
struct spare {
    uint64_t asked;                  /* for these at last, */
    uint64_t kept;                   /* and DONE for these */
    int      asking;                 /* unanswered on this connection */
};

struct session {
    struct visitor visitor;
    struct sender  senders[2];       /* the visitor, the device */
    struct spare   spare;
};

/* An unanswered SEND. */
struct flight {
    struct sender *sender;           /* NULL: free */
    size_t         index;
};

struct conn {
    uint8_t            role;
    struct customer   *customer;
    struct session    *session;      /* a visitor's */
    int                link;
    uint32_t           id;
    int                ready;
    struct flight      flights[FLIGHTS];    /* by tag - 1 */
    unsigned           resumed;      /* how often */
    unsigned           disconnected; /* it was closed, or is not known */
    uint64_t           last;         /* delivered on this connection */
    uint64_t           acked;        /* the highest that was ever sent */
    uint64_t           cursor;       /* of the last READY */
};

struct roster_copy {
    uint8_t bytes[SC_ROSTER_MAX];
    size_t  n;
};

struct customer {
    struct owner       now;          /* what was answered with DONE */
    struct owner       next;         /* what was asked for since */
    struct owner       before;       /* what now took the place of */
    int                looking;      /* asked while it changed */
    int                changing;     /* next is not answered */
    int                replaced;     /* but it has taken the login's place */
    int                asking;       /* unanswered on this connection */
    uint64_t           changes;
    struct roster_copy *rosters;     /* [version - 1], answered ones */
    struct session     sessions[SESSIONS];
    struct note      **at;           /* by position */
    size_t             at_room;
    struct conn        device, owner;
    struct conn        visitors[SESSIONS];
};

struct world {
    struct customer *customers;
    int              n_customers;
    size_t           messages;       /* of a visitor, at most; 0: no end */
    size_t           replies;        /* of the device to each of them */
    int              making;         /* new messages and rosters */
    int              plain;          /* no rosters, no spare keys */
    int              settling;       /* everything is acknowledged */
    int              broken;         /* a loss was seen: only read back */
    uint64_t         random;

    uint64_t         kills, stored, lost, twice, changes;
    uint64_t         replaced;       /* logins found replaced after a kill */
    uint64_t         wrong;          /* other bytes, another place, disorder */
    uint64_t         refused;        /* ERROR or CLOSE that has no cause */
    uint64_t         late;           /* delivered behind a durable ACK */
    uint64_t         backward;       /* a cursor that moved back */
    uint64_t         mixed;          /* an account of two generations */
    uint64_t         spares;         /* answered with DONE */
    uint64_t         unspared;       /* sessions without what was last so */
    uint64_t         again;          /* delivered twice, before an ACK */
    uint64_t         reverted;       /* blocks of the file */
};

extern struct world W;

/* Numbers below n, from the seed. */
uint64_t chance(uint64_t n);

/* ms of the monotonic clock. */
uint64_t clock_ms(void);

/* Says what was seen, the first few times. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));


/* --- ledger.c ------------------------------------------------------------ */

void world_make(uint64_t seed, int customers);

/* Over a link of the test's own; its sessions are made too. */
void customer_register(struct customer *customer, struct peer *peer);
void world_free(void);

/* The sender's next message. */
struct note *note_make(struct sender *sender);

/* STORED came for that message. */
void note_stored(struct sender *sender, size_t index, uint64_t position,
                 uint64_t time);

/* The message that these bytes are, or NULL and it is counted as wrong.
 * position is compared with what was said of it before. */
struct note *note_delivered(struct customer *customer, uint64_t position,
                            uint64_t time, struct sc_bytes envelope,
                            struct sender **from);

/* The answer to ACCOUNT_PUT came: next is now. */
void account_done(struct customer *customer);

/* The session's spare keys of that number: what SPARE_GET has to show, and the
 * sealed ones. */
void spare_make(const struct session *session, uint64_t number,
                uint8_t token[32], uint8_t sealed[SPARE]);

/* Makes the next roster, every second of a new generation. */
void account_next(struct customer *customer);

/* Whether a VAULT is wholly what was answered, or wholly what was asked for
 * since; one that was asked for before the answer may have been read before
 * it. */
void account_check(struct customer *customer, struct sc_bytes account,
                   struct sc_bytes roster, const struct sc_list *wraps);


/* --- talk.c -------------------------------------------------------------- */

/* What carries the streams has these two: a frame leaves now or soon. */
int  conn_may_send(const struct conn *conn);
void conn_send(struct conn *conn, const uint8_t *frame, size_t n);

/* A frame has come. */
void conn_frame(struct conn *conn, const struct sc_frame *frame);

/* ERROR, CLOSE or a frame that has no cause. */
void refuse(const char *what, unsigned code);

/* Sends what may be sent. */
void customer_pump(struct customer *customer);

int  everybody_ready(void);
int  everything_settled(void);
void ack_everything(void);


/* --- client.c: many streams at once -------------------------------------- */

/* Connects.  0, or -1 when nobody listens. */
int  clients_open(const char *sock);

/* Goes on until the deadline (ms of the monotonic clock) or the end of the
 * links; returns 1 when it was the latter, 2 when everything is settled. */
int  clients_run(uint64_t deadline);

/* Takes what the dead one had written. */
void clients_drain(void);
void clients_close(void);


/* --- readback.c ---------------------------------------------------------- */

/* Reads everything back, HISTORY of each session and a device that never
 * read before, and counts. */
void read_back(const char *sock);

/* After a clean stop: cursors stand where they were acknowledged, and nothing
 * comes again. */
void check_cursors(const char *sock);


/* --- disk.c -------------------------------------------------------------- */

/* Puts blocks of the file that were not synced back to what they were, all or
 * each with a chance of one half. */
void disk_revert(const char *file, int all);

#endif
