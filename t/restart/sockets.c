/*
 * Thousands of WebSockets through the real nginx, each a device or a visitor
 * who writes and reads.  Nobody connects again: a socket that closes is what
 * the test is about.
 */

#include "sockets.h"

#include <sys/epoll.h>

#include "ws.h"

enum {
    KEPT_MOST = 1 << 16,             /* nothing new is written above */
    EVENTS = 512
};

struct socket {
    struct ws   *ws;
    struct conn *conn;
    int          wants_out;
};

static struct socket *sockets;
static unsigned       n_sockets;
static int            poller;

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
open_one(struct conn *conn, const char *port)
{
    struct socket *s = &sockets[n_sockets];
    char           path[64] = "/sealchat?c=";

    sc_cid_write(path + strlen(path), conn->customer->now.cid);
    s->ws = ws_open(port, ORIGIN, path);
    s->conn = conn;
    conn->id = n_sockets++;
    watch(s, EPOLL_CTL_ADD);
}

void
sockets_open(const char *port)
{
    sockets = calloc((size_t) W.n_customers * (1 + SESSIONS),
                     sizeof(sockets[0]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    assert_true(sockets && poller >= 0);

    for (int i = 0; i < W.n_customers; i++) {
        open_one(&W.customers[i].device, port);
        for (int k = 0; k < SESSIONS; k++) {
            open_one(&W.customers[i].visitors[k], port);
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

static void
ended(struct socket *s)
{
    struct epoll_event event = { 0 };

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
