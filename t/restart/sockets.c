/*
 * Thousands of WebSockets through the real nginx, each a device or a visitor
 * who writes and reads.  Unless they are told to come back nobody connects
 * again: a socket that closes is what the test is about.
 */

#include "sockets.h"

#include <sys/epoll.h>

#include "ws.h"

enum {
    KEPT_MOST = 1 << 16,             /* nothing new is written above */
    EVENTS = 512,
    SECONDS = 600                    /* in which sockets may come back */
};

struct socket {
    struct ws   *ws;
    struct conn *conn;
    int          wants_out;
    uint64_t     back_at;            /* 0: it is connected, or lost */
    int          was_back;
};

static struct socket *sockets;
static unsigned       n_sockets;
static int            poller;
static const char    *port;

static struct {
    uint64_t since;                  /* 0: nobody comes back */
    unsigned all;                    /* that came back, */
    unsigned again;                  /* and not for the first time */
    unsigned in[SECONDS];            /* each second */
} back;

int
conn_may_send(const struct conn *conn)
{
    return ws_kept(sockets[conn->id].ws) < KEPT_MOST;
}

void
conn_send(struct conn *conn, const uint8_t *frame, size_t n)
{
    ws_send(sockets[conn->id].ws, frame, n);
}

static void
watch(struct socket *s, int operation)
{
    struct epoll_event event = { .data.ptr = s };

    event.events = EPOLLIN | (s->wants_out ? EPOLLOUT : 0u);
    assert_int_equal(epoll_ctl(poller, operation, ws_fd(s->ws), &event), 0);
}

static void
connect_one(struct socket *s)
{
    char path[64] = "/sealchat?c=";

    sc_cid_write(path + strlen(path), s->conn->customer->now.cid);
    s->ws = ws_open(port, ORIGIN, path);
    s->wants_out = 0;
    watch(s, EPOLL_CTL_ADD);
}

static void
open_one(struct conn *conn)
{
    struct socket *s = &sockets[n_sockets];

    s->conn = conn;
    conn->id = n_sockets++;
    connect_one(s);
}

void
sockets_open(const char *at)
{
    port = at;
    sockets = calloc((size_t) W.n_customers * (1 + SESSIONS),
                     sizeof(sockets[0]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    assert_true(sockets && poller >= 0);

    for (int i = 0; i < W.n_customers; i++) {
        open_one(&W.customers[i].device);
        for (int k = 0; k < SESSIONS; k++) {
            open_one(&W.customers[i].visitors[k]);
        }
    }
}

void
sockets_close(void)
{
    for (unsigned i = 0; i < n_sockets; i++) {
        ws_close(sockets[i].ws);
    }

    free(sockets);
    close(poller);
    n_sockets = 0;
}

unsigned
sockets_n(void)
{
    return n_sockets;
}

/* --- going and coming back ----------------------------------------------- */

void
sockets_come_back(void)
{
    for (unsigned i = 0; i < n_sockets; i++) {
        sockets[i].was_back = 0;
    }

    memset(&back, 0, sizeof(back));
    back.since = clock_ms();
}

unsigned
sockets_back(void)
{
    return back.all;
}

unsigned
sockets_back_again(void)
{
    return back.again;
}

unsigned
sockets_back_peak(void)
{
    unsigned most = 0;

    for (unsigned i = 0; i < SECONDS; i++) {
        most = back.in[i] > most ? back.in[i] : most;
    }

    return most;
}

/* What a stream's end left unanswered is sent again on the next. */
static void
forget_stream(struct conn *conn)
{
    struct customer *customer = conn->customer;

    conn->ready = 0;
    memset(conn->flights, 0, sizeof(conn->flights));

    for (int i = 0; i < SESSIONS; i++) {
        struct sender *sender =
            &customer->sessions[i].senders[conn == &customer->device];

        if (conn == &customer->device || conn == &customer->visitors[i]) {
            sender->sent = sender->answered;
        }
    }
}

static void
return_one(struct socket *s)
{
    uint64_t second = (s->back_at - back.since) / 1000;

    s->back_at = 0;
    ws_close(s->ws);
    connect_one(s);
    back.again += (unsigned) s->was_back;
    back.all += !s->was_back;
    s->was_back = 1;
    assert_true(second < SECONDS);
    back.in[second]++;
}

static void
return_those_due(void)
{
    uint64_t now = clock_ms();

    for (unsigned i = 0; i < n_sockets; i++) {
        if (sockets[i].back_at && sockets[i].back_at <= now) {
            return_one(&sockets[i]);
        }
    }
}

static void
ended(struct socket *s)
{
    struct epoll_event event = { 0 };

    if (back.since && ws_retry_after(s->ws) >= 0) {
        s->back_at = clock_ms() + (uint64_t) ws_retry_after(s->ws);
        forget_stream(s->conn);
        epoll_ctl(poller, EPOLL_CTL_DEL, ws_fd(s->ws), &event);
        return;
    }

    if (s->conn->disconnected == 0) {
        complain("a socket was closed");
    }

    s->conn->disconnected++;
    s->conn->ready = 0;
    epoll_ctl(poller, EPOLL_CTL_DEL, ws_fd(s->ws), &event);
}

static void
flush(struct socket *s)
{
    int wants_out;

    ws_flush(s->ws);
    wants_out = ws_kept(s->ws) > 0;

    if (wants_out != s->wants_out && !ws_ended(s->ws)) {
        s->wants_out = wants_out;
        watch(s, EPOLL_CTL_MOD);
    }
}

static void
take(struct socket *s)
{
    struct sc_frame frame;
    const uint8_t  *p;
    size_t          n;

    while (!ws_ended(s->ws) && ws_read(s->ws)) {
        while ((p = ws_next(s->ws, &n)) != NULL) {
            if (sc_frame_open(p, n, &frame) == SC_E_NONE) {
                conn_frame(s->conn, &frame);
            } else {
                refuse("a bad frame", n ? p[0] : 0);
            }
        }
    }

    if (ws_ended(s->ws)) {
        ended(s);
    }
}

static void
turn(void)
{
    struct epoll_event events[EVENTS];
    int                n = epoll_wait(poller, events, EVENTS, 2);

    for (int i = 0; i < n; i++) {
        struct socket *s = events[i].data.ptr;

        if (events[i].events & ~(uint32_t) EPOLLOUT) {
            take(s);
        }
        flush(s);
    }

    if (back.since) {
        return_those_due();
    }
}

/* What one customer's people wrote leaves at once. */
static void
pump(struct customer *customer)
{
    customer_pump(customer);
    flush(&sockets[customer->device.id]);

    for (int k = 0; k < SESSIONS; k++) {
        flush(&sockets[customer->visitors[k].id]);
    }
}

int
sockets_run(int (*done)(void), uint64_t ms)
{
    static int whose;

    uint64_t deadline = clock_ms() + ms;

    while (clock_ms() < deadline) {
        if (done && done()) {
            return 1;
        }

        turn();

        /* Some customers at a time: what has come is taken in between. */
        for (int i = 0; i < 8 && i < W.n_customers; i++) {
            pump(&W.customers[whose++ % W.n_customers]);
        }

        if (W.settling) {
            ack_everything();
        }
    }

    return done && done();
}

unsigned
sockets_resumed(unsigned times)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_sockets; i++) {
        n += sockets[i].conn->resumed >= times;
    }

    return n;
}

unsigned
sockets_disconnected(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_sockets; i++) {
        n += sockets[i].conn->disconnected > 0;
    }

    return n;
}
