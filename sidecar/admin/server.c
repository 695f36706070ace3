/*
 * The admin socket: accepting, and a thread for each of a few exchanges.
 *
 * An exchange is straight-line code that may wait: for its reader, for the
 * store, for the loop.  What belongs to the loop is reached by a call that
 * the loop executes; nothing here is touched by both without the lock.
 */

#define _GNU_SOURCE  /* ucred, accept4 */

#include "../admin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "exchange.h"

#define PEERS_MAX      8u
#define READ_SECONDS   5       /* for the request to come */
#define WRITE_SECONDS  60      /* for its reader to take a line */
#define STOP_SECONDS   1       /* for all of them, when the service stops */

/* How long to leave those waiting that cannot be taken, ms. */
#define RETRY_MS       500u

struct call {
    struct call  *next;
    void        (*fn)(struct sc_service *service, void *data);
    void         *data;
    int           later;       /* fn only begins it */
    int           done;        /* 1, or -1: the service stops */
};

struct peer {
    struct sc_admin *admin;
    uv_thread_t      thread;
    int              fd;
    int              used;
    int              finished; /* the thread is at its end */
};

struct sc_admin {
    struct sc_service *service;
    struct sc_socket   listener;
    uv_poll_t          poll;
    uv_timer_t         retry;       /* after accepting failed */
    uv_async_t         async;
    unsigned           handles;     /* to be closed */

    uv_mutex_t         lock;        /* of what follows */
    uv_cond_t          called;      /* or finished */
    struct call       *first;
    struct call      **last;
    int                stopping;
    struct peer        peers[PEERS_MAX];
};


/* --- saying -------------------------------------------------------------- */

static int
send_all(int fd, const char *p, size_t n)
{
    ssize_t sent;

    while (n > 0) {
        sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return -1;
        }

        p += sent;
        n -= (size_t) sent;
    }

    return 0;
}


int
sc_admin_say(struct sc_admin_exchange *exchange, json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

    if (text == NULL || exchange->broken
        || send_all(exchange->fd, text, strlen(text)) != 0
        || send_all(exchange->fd, "\n", 1) != 0)
    {
        exchange->broken = 1;
    }

    free(text);
    json_decref(line);

    return exchange->broken ? -1 : 0;
}


void
sc_admin_ok(struct sc_admin_exchange *exchange, json_t *line)
{
    if (line == NULL) {
        line = json_object();
    }

    json_object_set_new(line, "end", json_string("ok"));
    exchange->ended = 1;
    (void) sc_admin_say(exchange, line);
}


void
sc_admin_fail(struct sc_admin_exchange *exchange, const char *code,
              const char *format, ...)
{
    char    message[512];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    exchange->ended = 1;
    (void) sc_admin_say(exchange, json_pack("{s:s, s:s, s:s}", "end", "error",
                                            "code", code,
                                            "message", message));
}


void
sc_admin_fail_code(struct sc_admin_exchange *exchange,
                   enum sc_error_code code)
{
    const struct sc_error_info *info = sc_error_info(code);

    sc_admin_fail(exchange, info->name, "%s", info->sentence);
}


/* --- what the loop does for exchanges ------------------------------------ */

static void
finish(struct sc_admin *admin, struct call *call, int done)
{
    uv_mutex_lock(&admin->lock);
    call->done = done;
    uv_cond_broadcast(&admin->called);
    uv_mutex_unlock(&admin->lock);
}


static struct call *
take_call(struct sc_admin *admin)
{
    struct call *call;

    uv_mutex_lock(&admin->lock);
    call = admin->first;
    if (call) {
        admin->first = call->next;
        if (admin->first == NULL) {
            admin->last = &admin->first;
        }
    }
    uv_mutex_unlock(&admin->lock);

    return call;
}


static void
on_async(uv_async_t *async)
{
    struct sc_admin *admin = async->data;
    struct call     *call;
    int              later;

    while ((call = take_call(admin)) != NULL) {
        later = call->later;
        call->fn(admin->service, call->data);
        if (!later) {
            finish(admin, call, 1);
        }
    }
}


static int
run_call(struct sc_admin *admin, struct call *call)
{
    uv_mutex_lock(&admin->lock);

    if (admin->stopping) {
        call->done = -1;
    } else {
        call->next = NULL;
        *admin->last = call;
        admin->last = &call->next;
        uv_async_send(&admin->async);
    }

    while (call->done == 0) {
        uv_cond_wait(&admin->called, &admin->lock);
    }

    uv_mutex_unlock(&admin->lock);

    return call->done == 1 ? 0 : -1;
}


int
sc_admin_on_loop(struct sc_admin_exchange *exchange,
                 void (*fn)(struct sc_service *service, void *data),
                 void *data)
{
    struct call call = { .fn = fn, .data = data };

    return run_call(exchange->admin, &call);
}


struct apply {
    struct call          call;
    struct sc_admin     *admin;
    struct sc_commit_op *op;
    void               (*then)(struct sc_service *service, void *data);
    void                *data;
};


static void
on_applied(struct sc_commit_op *op)
{
    struct apply *apply = op->data;

    if (apply->then && op->op.error == SC_E_NONE) {
        apply->then(apply->admin->service, apply->data);
    }

    finish(apply->admin, &apply->call, 1);
}


static void
submit(struct sc_service *service, void *data)
{
    struct apply *apply = data;

    if (sc_commit_submit(service->commit, apply->op) != 0) {
        finish(apply->admin, &apply->call, -1);
    }
}


enum sc_error_code
sc_admin_apply(struct sc_admin_exchange *exchange, struct sc_commit_op *op,
               void (*then)(struct sc_service *service, void *data),
               void *data)
{
    struct apply apply = {
        .call = { .fn = submit, .later = 1 },
        .admin = exchange->admin, .op = op, .then = then, .data = data
    };

    apply.call.data = &apply;
    /* cppcheck-suppress autoVariables ; until it is done */
    op->data = &apply;
    op->done = on_applied;

    return run_call(exchange->admin, &apply.call) == 0 ? op->op.error
                                                       : SC_E_INTERNAL;
}


int
sc_admin_gone(struct sc_admin_exchange *exchange)
{
    struct pollfd end = { .fd = exchange->fd, .events = POLLRDHUP };
    int           stopping;

    uv_mutex_lock(&exchange->admin->lock);
    stopping = exchange->admin->stopping;
    uv_mutex_unlock(&exchange->admin->lock);

    return stopping || exchange->broken
           || (poll(&end, 1, 0) > 0
               && end.revents & (POLLRDHUP | POLLHUP | POLLERR));
}


/* --- one exchange -------------------------------------------------------- */

/* The descriptor that came with a message; further ones are closed. */
static void
take_passed(struct msghdr *message, int *passed)
{
    struct cmsghdr *c;
    int             fd;
    size_t          n;

    for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }

        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
        for (size_t i = 0; i < n; i++) {
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (*passed < 0) {
                *passed = fd;
            } else {
                (void) close(fd);
            }
        }
    }
}


/* Reads up to the newline, which has to be the last byte that comes.  How
 * many bytes, 0 when nothing came that is a line. */
static size_t
read_line(int fd, char line[SC_ADMIN_REQUEST_MAX], int *passed)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    size_t  n = 0;
    ssize_t got;

    while (n < SC_ADMIN_REQUEST_MAX) {
        struct iovec  iov = { line + n, SC_ADMIN_REQUEST_MAX - n };
        struct msghdr message = {
            .msg_iov = &iov, .msg_iovlen = 1,
            .msg_control = control.bytes,
            .msg_controllen = sizeof(control.bytes)
        };

        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return 0;
        }

        take_passed(&message, passed);
        n += (size_t) got;
        if (memchr(line, '\n', n)) {
            break;
        }
    }

    return n;
}


static void
converse(struct sc_admin_exchange *exchange)
{
    char        line[SC_ADMIN_REQUEST_MAX];
    const char *wrong;
    size_t      n;

    n = read_line(exchange->fd, line, &exchange->passed);
    if (n == 0) {
        return;
    }

    wrong = memchr(line, '\n', n) == line + n - 1 || n == sizeof(line)
            ? sc_admin_request_parse(line, n, &exchange->request)
            : "There is more than one line.";

    if (wrong) {
        sc_admin_fail(exchange, "bad-request", "%s", wrong);
        return;
    }

    sc_admin_answer(exchange);

    if (!exchange->ended) {
        sc_admin_fail(exchange, "internal", "The answer was not finished.");
    }
}


static void
peer_main(void *arg)
{
    struct peer             *peer = arg;
    struct timeval           reading = { .tv_sec = READ_SECONDS };
    struct timeval           writing = { .tv_sec = WRITE_SECONDS };
    struct sc_admin_exchange exchange = {
        .admin = peer->admin, .service = peer->admin->service,
        .fd = peer->fd, .passed = -1
    };

    if (setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &reading,
                   sizeof(reading)) == 0
        && setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &writing,
                      sizeof(writing)) == 0)
    {
        converse(&exchange);
    }

    if (exchange.passed >= 0) {
        (void) close(exchange.passed);
    }

    uv_mutex_lock(&peer->admin->lock);
    (void) close(peer->fd);
    peer->fd = -1;
    peer->finished = 1;
    uv_cond_broadcast(&peer->admin->called);
    uv_mutex_unlock(&peer->admin->lock);
}


/* --- accepting ----------------------------------------------------------- */

static void
peer_join(struct peer *peer)
{
    uv_thread_join(&peer->thread);
    peer->used = 0;
}


/* A place for one more, those that have ended being cleared away. */
static struct peer *
free_peer(struct sc_admin *admin)
{
    struct peer *found = NULL, *peer;
    int          finished;

    for (unsigned i = 0; i < PEERS_MAX; i++) {
        peer = &admin->peers[i];

        uv_mutex_lock(&admin->lock);
        finished = peer->used && peer->finished;
        uv_mutex_unlock(&admin->lock);

        if (finished) {
            peer_join(peer);
        }
        if (!peer->used) {
            found = peer;
        }
    }

    return found;
}


/* NULL, or why this connection is not served. */
static const char *
refusal(int fd)
{
    struct sc_socket_peer peer;

    if (sc_socket_peer(fd, &peer) != 0) {
        return "its user is not known";
    }

    if (peer.uid != 0 && peer.uid != geteuid()) {
        sc_log(SC_LOG_WARN, "admin: refused user %u (process %d)",
               (unsigned) peer.uid, (int) peer.pid);
        return "only root and sealchatd's own user may";
    }

    return NULL;
}


static void
serve(struct sc_admin *admin, int fd)
{
    struct sc_admin_exchange exchange = { .fd = fd, .passed = -1 };
    const char              *why = refusal(fd);
    struct peer             *peer;

    peer = why ? NULL : free_peer(admin);
    if (peer) {
        *peer = (struct peer) { .admin = admin, .fd = fd, .used = 1 };
        if (uv_thread_create(&peer->thread, peer_main, peer) == 0) {
            return;
        }
        peer->used = 0;
    }

    sc_admin_fail(&exchange, why ? "not-allowed" : "busy", "%s",
                  why ? why : "too many commands are under way");
    (void) close(fd);
}


static void
on_retry(uv_timer_t *retry);


/* Whoever waits in the backlog makes the socket readable for as long as there
 * is no descriptor: the loop would do nothing else. */
static void
put_off(struct sc_admin *admin, const char *why)
{
    admin->service->metrics.accepts_failed++;
    sc_log(SC_LOG_ERROR, "admin: accept: %s; trying again", why);

    uv_poll_stop(&admin->poll);
    uv_timer_start(&admin->retry, on_retry, RETRY_MS, 0);
}


static void
on_readable(uv_poll_t *poll, int status, int events)
{
    struct sc_admin *admin = poll->data;
    int              fd;

    (void) events;

    fd = status < 0 ? -1 : accept4(admin->listener.fd, NULL, NULL,
                                   SOCK_CLOEXEC);
    if (fd >= 0) {
        serve(admin, fd);
        return;
    }

    if (status < 0 || (errno != EAGAIN && errno != EINTR
                       && errno != ECONNABORTED))
    {
        put_off(admin, status < 0 ? uv_strerror(status) : strerror(errno));
    }
}


static void
on_retry(uv_timer_t *retry)
{
    struct sc_admin *admin = retry->data;

    uv_poll_start(&admin->poll, UV_READABLE, on_readable);
}


/* --- coming and going ---------------------------------------------------- */

int
sc_admin_start(struct sc_service *service, char *why, size_t why_size)
{
    struct sc_admin *admin = calloc(1, sizeof(*admin));

    if (admin == NULL || uv_mutex_init(&admin->lock) != 0
        || uv_cond_init(&admin->called) != 0)
    {
        snprintf(why, why_size, "no memory for the admin socket");
        free(admin);
        return -1;
    }

    admin->service = service;
    admin->last = &admin->first;

    if (sc_socket_listen(&admin->listener, service->config->admin_listen,
                         0600, (gid_t) -1, why, why_size) != 0)
    {
        free(admin);
        return -1;
    }

    /* Not by a thread, later. */
    json_object_seed(0);

    uv_async_init(&service->loop, &admin->async, on_async);
    uv_poll_init(&service->loop, &admin->poll, admin->listener.fd);
    uv_timer_init(&service->loop, &admin->retry);
    admin->async.data = admin->poll.data = admin->retry.data = admin;
    admin->handles = 3;
    uv_poll_start(&admin->poll, UV_READABLE, on_readable);
    service->admin = admin;

    return 0;
}


void
sc_admin_stop(struct sc_service *service)
{
    struct sc_admin *admin = service->admin;
    struct call     *call;

    if (admin == NULL) {
        return;
    }

    uv_poll_stop(&admin->poll);
    uv_timer_stop(&admin->retry);

    uv_mutex_lock(&admin->lock);
    admin->stopping = 1;
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        if (admin->peers[i].used && admin->peers[i].fd >= 0) {
            (void) shutdown(admin->peers[i].fd, SHUT_RD);
        }
    }
    uv_mutex_unlock(&admin->lock);

    while ((call = take_call(admin)) != NULL) {
        finish(admin, call, -1);
    }
}


static void
on_closed(uv_handle_t *handle)
{
    struct sc_admin *admin = handle->data;

    if (--admin->handles > 0) {
        return;
    }

    sc_socket_close(&admin->listener);
    uv_cond_destroy(&admin->called);
    uv_mutex_destroy(&admin->lock);
    free(admin);
}


static int
all_finished(const struct sc_admin *admin)
{
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        if (admin->peers[i].used && !admin->peers[i].finished) {
            return 0;
        }
    }

    return 1;
}


/* Lets answers go out, but not wait for a reader who takes none. */
static void
hurry(struct sc_admin *admin)
{
    uint64_t end = uv_hrtime() + STOP_SECONDS * 1000000000ull;
    uint64_t now;

    uv_mutex_lock(&admin->lock);

    while (!all_finished(admin) && (now = uv_hrtime()) < end) {
        (void) uv_cond_timedwait(&admin->called, &admin->lock, end - now);
    }

    for (unsigned i = 0; i < PEERS_MAX; i++) {
        if (admin->peers[i].used && admin->peers[i].fd >= 0) {
            (void) shutdown(admin->peers[i].fd, SHUT_RDWR);
        }
    }

    uv_mutex_unlock(&admin->lock);
}


void
sc_admin_end(struct sc_service *service)
{
    struct sc_admin *admin = service->admin;

    if (admin == NULL) {
        return;
    }

    hurry(admin);

    for (unsigned i = 0; i < PEERS_MAX; i++) {
        if (admin->peers[i].used) {
            peer_join(&admin->peers[i]);
        }
    }

    service->admin = NULL;
    uv_close((uv_handle_t *) &admin->poll, on_closed);
    uv_close((uv_handle_t *) &admin->retry, on_closed);
    uv_close((uv_handle_t *) &admin->async, on_closed);
}
