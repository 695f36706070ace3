/*
 * What the parts of the growth benchmark share: sealchatds that run beside
 * each other, a link to each, and the shops and sessions that use them.
 *
 * What goes wrong ends the program with a sentence: a figure from a run with
 * errors is worth nothing.
 */

#ifndef SEALCHAT_BENCH_GROWTH_H
#define SEALCHAT_BENCH_GROWTH_H

#include "../../t/unit/people.h"
#include "../load/histogram.h"

#define INFLIGHT  8              /* messages of a session without STORED */

struct side;
struct stream;

typedef void (*frame_handler)(struct stream *stream,
                              const struct sc_frame *frame);

struct stream {
    struct side  *side;
    uint32_t      id;
    frame_handler on;
};

struct side {
    const char     *name;
    struct daemon   daemon;
    int             fd;
    int             paused;      /* by the daemon */
    uint8_t        *in, *out;
    size_t          in_n, out_n, out_at;
    struct stream **streams;     /* by id */
    uint32_t        n_streams;
    size_t          ready;       /* READYs so far */
    size_t          stored;      /* STOREDs so far */
    size_t          answers;     /* pages, deliveries */
    size_t          listed;      /* messages in pages */
};

struct shop {
    struct owner  owner;
    uint64_t      number;        /* in the store; 0: not asked yet */
    struct stream device;
    unsigned      with;          /* which of the owner's devices */
    uint64_t      head;          /* READY's */
    uint64_t      position;      /* delivered */
    uint64_t      acked;
};

struct session {
    struct stream     stream;    /* first: a stream's session is itself */
    struct shop      *shop;
    struct visitor    visitor;
    uint8_t           envelope[SC_ENVELOPE_MIN];    /* the last one */
    uint8_t           id[32];    /* and its id */
    uint64_t          seq;
    uint64_t          stored;
    uint64_t          sent_at[INFLIGHT];
    struct histogram *latency;   /* NULL: not measured */
};


/* --- wire.c -------------------------------------------------------------- */

void die(const char *format, ...) __attribute__((format(printf, 1, 2),
                                                 noreturn));
uint64_t now_us(void);

/* Makes the side's folder below that one, and its configuration. */
void side_make(struct side *side, const char *name, const char *folder);

/* Starts the daemon and links to it; returns the us that it took. */
uint64_t side_start(struct side *side);

/* A link more, of a process of its own, in place of the one it was forked
 * with. */
void side_link(struct side *side);

/* Ends the daemon: SIGTERM or SIGKILL. */
void side_end(struct side *side, int signal);

/* Seconds of processor time that the daemon has taken so far. */
double side_cpu(const struct side *side);

/* Waits for what comes, ms at most, and passes it on. */
void side_turn(struct side *side, int ms);

/* Whether a SEND may be added now. */
int side_takes(const struct side *side);

void stream_open(struct stream *stream, struct side *side,
                 const uint8_t cid[32], frame_handler on);
void stream_close(struct stream *stream);
void stream_put(struct stream *stream, const uint8_t *frame, size_t n);

#define TELL(stream, tag, name, ...)                                          \
    do {                                                                      \
        static uint8_t tell_out_[SC_FRAME_MAX];                               \
        struct sc_frame_##name tell_frame_ = { __VA_ARGS__ };                 \
        stream_put((stream), tell_out_,                                       \
                   sc_##name##_encode(tell_out_, sizeof(tell_out_),           \
                                      (uint16_t) (tag), &tell_frame_));       \
    } while (0)


/* --- talk.c -------------------------------------------------------------- */

/* Shops that are registered, with as many devices as can be, and sessions spread over them, not yet known to
 * the service. */
struct shop *shops_make(struct side *side, size_t n);
struct session *sessions_make(struct shop *shops, size_t n_shops, size_t n);

void sessions_log_in(struct side *side, struct session **sessions, size_t n);
void sessions_log_out(struct session **sessions, size_t n);

/* Makes the session's next envelope. */
void session_write(struct session *session);

/* One more message of a session, stamped with that time (us). */
void session_send(struct session *session, uint64_t at);
unsigned session_inflight(const struct session *session);

/* Logs a device of the shop in, which then reads all that it has not.  The us
 * from READY to the last message. */
uint64_t shop_catch_up(struct side *side, struct shop *shop);

/* What a device does with a frame. */
void shop_on_device(struct shop *shop, const struct sc_frame *frame);

/* Asks for the newest n messages of the session. */
void session_ask_history(struct session *session, uint8_t n);


/* --- fill.c -------------------------------------------------------------- */

/* All through the interface that the daemon uses, while it does not run. */

#define DAY_MS      86400000ull
#define SPAN_GRAIN  10u              /* ms of a span in one list */
#define FILL_BURST  10u              /* messages of a session in a row */

/* From then to before then, ms since 1970; whole grains. */
struct span {
    uint64_t from;
    uint64_t to;
};

/* Makes the key file and the store of a side, as if it had been then. */
void store_make(const struct side *side, uint64_t time);

/*
 * Puts messages of these sessions, some in a row by turns, into the store, in
 * lists as its commit thread gathers them under load, each synced.  time: when
 * that is said to be, no less than what the store knows.  step() is told now
 * and then how many there are, and how many a second they were.
 */
void fill(const struct side *side, struct session **sessions, size_t n,
          size_t messages, uint64_t time,
          void (*step)(void *data, size_t stored, double a_second),
          void *data);

/* As many messages a second as if these spans had passed, each of a session
 * that writes so many in all; at the end it is now. */
void fill_spans(const struct side *side, struct session *sessions,
                size_t each, const struct span *spans, size_t n,
                unsigned rate);


/* --- rounds.c ------------------------------------------------------------ */

/* Each session sends so many, INFLIGHT at a time.  Messages a second. */
double round_accept(struct side *side, struct session **sessions, size_t n,
                    size_t messages);

/* Newest pages of that many messages, one of each session.  Messages a
 * second. */
double round_history(struct side *side, struct session **sessions, size_t n,
                     uint8_t page);

/* What the devices of n shops have not read.  Messages a second. */
double round_catch_up(struct side *side, struct shop *shops, size_t n);

/* As many messages a second, for so long, of sessions by turns.  Latencies
 * from when a message was due to its STORED. */
void round_paced(struct side *side, struct session **sessions, size_t n,
                 unsigned rate, unsigned ms, struct histogram *latency);


/* --- noise.c ------------------------------------------------------------- */

/* What may go on beside, each in a process of its own. */
enum {
    NOISE_READER  = 1,           /* of shops, far behind */
    NOISE_BACKUP  = 2,
    NOISE_REMOVER = 4            /* of the doomed sessions */
};

struct noise {
    struct side     *side;
    struct shop     *behind;     /* for the reader */
    size_t           n_behind;
    struct session **doomed;     /* for the remover */
    size_t           n_doomed;
};

void noise_start(const struct noise *noise, unsigned noises);
void noise_stop(const struct noise *noise);

/* What they did, all rounds together. */
struct noise_done {
    unsigned long read;
    unsigned long shops;         /* read, or begun */
    unsigned long copies;        /* whole ones */
    uint64_t      copied;        /* bytes, of others too */
    unsigned long deleted;
};

extern struct noise_done *noise_done;

#endif
