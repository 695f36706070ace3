/*
 * The measured part: one process's pairs on one epoll.  Each sender keeps its
 * window full, each receiver checks that numbers come in order, each once.
 */

#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Nothing may stand still for longer than this. */
#define STALL_US 20000000u

/* What was delivered twice has come by then. */
#define LATE_MS  50

struct run {
    const struct peer    *peer;
    const struct options *options;
    struct pair          *pairs;
    unsigned              n;
    unsigned              ends;
    struct result        *result;
    int                   epoll;
    uint64_t              deadline;   /* 0: none */
};

uint64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000u + (uint64_t) t.tv_nsec / 1000u;
}

/* Events carry the pair's number twice, and which of its two ends it is. */
static void
watch(struct run *run, int op, unsigned index, int receiver, uint32_t events)
{
    struct pair       *pair = &run->pairs[index];
    struct epoll_event event = { .events = events };

    event.data.u64 = index * 2u + (unsigned) receiver;
    if (epoll_ctl(run->epoll, op,
                  receiver ? pair->receiver.fd : pair->sender.fd, &event) != 0)
    {
        die("epoll: %s", strerror(errno));
    }
}

/* Messages are stamped when the first attempt to send them is made. */
static void
fill_window(struct run *run, unsigned index)
{
    struct pair *pair = &run->pairs[index];
    unsigned     until = pair->stored + run->options->inflight;
    uint64_t     now = now_us();
    size_t       end;
    ssize_t      n;

    if (until > run->options->messages) {
        until = run->options->messages;
    }

    if (run->deadline && now >= run->deadline) {
        until = pair->sent;
    }

    while (pair->sent < until) {
        pair->sent_at[pair->sent++] = now;
    }

    end = pair->sent * pair->frame_bytes;

    while (pair->written < end) {
        n = send(pair->sender.fd, pair->frames + pair->written,
                 end - pair->written, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN) {
                die("send: %s", strerror(errno));
            }
            break;
        }
        pair->written += (size_t) n;
    }

    if ((pair->written < end) != pair->writable_wanted) {
        pair->writable_wanted = !pair->writable_wanted;
        watch(run, EPOLL_CTL_MOD, index, 0,
              pair->writable_wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

void
pair_stored(struct pair *pair)
{
    if (pair->stored == pair->sent) {
        die("an answer to a message that was not sent");
    }

    histogram_add(&pair->result->stored_us,
                  pair->now - pair->sent_at[pair->stored]);
    pair->stored++;
    pair->result->stored++;
}

void
pair_delivered(struct pair *pair, uint64_t number)
{
    if (number <= pair->delivered) {
        die("message %llu was delivered twice", (unsigned long long) number);
    }

    if (number != pair->delivered + 1) {
        die("message %u is lost: %llu was delivered in its place",
            pair->delivered + 1, (unsigned long long) number);
    }

    if (number > pair->sent) {
        die("message %llu was delivered and never sent",
            (unsigned long long) number);
    }

    histogram_add(&pair->result->delivered_us,
                  pair->now - pair->sent_at[pair->delivered]);
    pair->delivered++;
    pair->result->delivered++;
}

static const uint8_t *
next_of(const struct run *run, struct client *client, size_t *n)
{
    return run->peer->raw ? client_bytes(client, n) : client_next(client, n);
}

static void
read_answers(struct run *run, unsigned index)
{
    struct pair   *pair = &run->pairs[index];
    const uint8_t *p;
    size_t         n;

    if (client_read(&pair->sender)) {
        pair->now = now_us();
        while ((p = next_of(run, &pair->sender, &n)) != NULL) {
            run->peer->on_answer(pair, p, n);
        }
    }
}

static void
take_deliveries(struct run *run, struct pair *pair)
{
    const uint8_t *p;
    size_t         n;

    pair->now = now_us();
    while ((p = next_of(run, &pair->receiver, &n)) != NULL) {
        run->peer->on_delivery(pair, p, n);
    }
    if (run->peer->taken) {
        run->peer->taken(pair);
    }
}

static void
read_deliveries(struct run *run, unsigned index)
{
    struct pair *pair = &run->pairs[index];

    if (client_read(&pair->receiver)) {
        take_deliveries(run, pair);
    }
}

static int
finished(const struct run *run)
{
    const struct pair *pair;
    unsigned           i;
    int                over = run->deadline && now_us() >= run->deadline;

    for (i = 0; i < run->n; i++) {
        pair = &run->pairs[i];

        if (run->ends & SENDERS
            && (pair->stored < pair->sent
                || (pair->sent < run->options->messages && !over)))
        {
            return 0;
        }

        if (run->ends & RECEIVERS && !run->peer->no_delivery
            && pair->delivered < pair->sent)
        {
            return 0;
        }
    }

    return 1;
}

static void
handle(struct run *run, const struct epoll_event *event)
{
    unsigned index = (unsigned) (event->data.u64 / 2);

    if (event->data.u64 % 2) {
        read_deliveries(run, index);
        return;
    }

    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        read_answers(run, index);
    }
    fill_window(run, index);
}

static int
turn(struct run *run, int ms)
{
    struct epoll_event events[128];
    int                i, ready;

    ready = epoll_wait(run->epoll, events, 128, ms);
    for (i = 0; i < ready; i++) {
        handle(run, &events[i]);
    }

    return ready;
}

static void
open_run(struct run *run)
{
    unsigned k;

    run->epoll = epoll_create1(0);

    for (k = 0; k < run->n; k++) {
        run->pairs[k].result = run->result;

        if (run->ends & RECEIVERS && !run->peer->no_receiver) {
            client_nonblocking(&run->pairs[k].receiver);
            watch(run, EPOLL_CTL_ADD, k, 1, EPOLLIN);

            /* What came behind the answer to its login. */
            take_deliveries(run, &run->pairs[k]);
        }
        if (run->ends & SENDERS) {
            client_nonblocking(&run->pairs[k].sender);
            watch(run, EPOLL_CTL_ADD, k, 0, EPOLLIN);
            fill_window(run, k);
        }
    }
}

void
run_pairs(const struct peer *peer, struct pair *pairs, unsigned n,
          const struct options *options, unsigned ends, struct result *result)
{
    struct run run = { peer, options, pairs, n, ends, result, -1, 0 };
    uint64_t   begun = now_us(), moved = begun, before = 0;
    clock_t    cpu = clock();
    unsigned   k;

    if (options->ms && ends & SENDERS) {
        run.deadline = begun + options->ms * 1000ull;
    }

    for (k = 0; k < n && !(ends & SENDERS); k++) {
        peer->arrive(&pairs[k]);
    }

    open_run(&run);

    while (!finished(&run)) {
        turn(&run, 1000);

        if (result->stored + result->delivered != before) {
            before = result->stored + result->delivered;
            moved = now_us();

        } else if (now_us() - moved > STALL_US) {
            die("nothing moved for 20 seconds: %llu stored, %llu delivered",
                (unsigned long long) result->stored,
                (unsigned long long) result->delivered);
        }
    }

    result->seconds = (double) (now_us() - begun) / 1e6;
    result->cpu_seconds = (double) (clock() - cpu) / CLOCKS_PER_SEC;
    close(run.epoll);
}

void
run_settle(const struct peer *peer, struct pair *pairs, unsigned n,
           const struct options *options)
{
    static struct result late;
    struct run           run = { peer, options, pairs, n,
                                 peer->pours ? 0 : RECEIVERS, &late, -1, 0 };
    unsigned             k;

    open_run(&run);
    while (turn(&run, LATE_MS)) {
    }
    close(run.epoll);

    for (k = 0; k < n && peer->finish; k++) {
        peer->finish(&pairs[k]);
    }
}
