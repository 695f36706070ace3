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

/* Nothing may stand still for longer than this. */
#define STALL_US 20000000u

struct run {
    const struct peer    *peer;
    const struct options *options;
    struct pair          *pairs;
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

static void
read_answers(struct run *run, unsigned index)
{
    struct pair   *pair = &run->pairs[index];
    const uint8_t *p;
    uint64_t       now;
    size_t         n;
    unsigned       more;

    if (!client_read(&pair->sender)) {
        return;
    }

    now = now_us();

    while ((p = client_next(&pair->sender, &n)) != NULL) {
        for (more = run->peer->on_answer(pair, p, n); more; more--) {
            if (pair->stored == pair->sent) {
                die("an answer to a message that was not sent");
            }
            histogram_add(&run->result->stored_us,
                          now - pair->sent_at[pair->stored]);
            pair->stored++;
            run->result->stored++;
        }
    }
}

static void
read_deliveries(struct run *run, unsigned index)
{
    struct pair   *pair = &run->pairs[index];
    const uint8_t *p;
    uint64_t       now, seq;
    size_t         n;

    if (!client_read(&pair->receiver)) {
        return;
    }

    now = now_us();

    while ((p = client_next(&pair->receiver, &n)) != NULL) {
        seq = run->peer->on_delivery(pair, p, n);
        if (seq == 0) {
            continue;
        }

        if (seq != pair->delivered + 1) {
            die("message %llu was delivered after %u",
                (unsigned long long) seq, pair->delivered);
        }

        if (seq > pair->sent) {
            die("a message was delivered that was not sent");
        }

        histogram_add(&run->result->delivered_us,
                      now - pair->sent_at[pair->delivered]);
        pair->delivered++;
        run->result->delivered++;
    }

    run->peer->taken(pair);
}

static int
finished(const struct run *run, unsigned n)
{
    const struct pair *pair;
    unsigned           i;
    int                over = run->deadline && now_us() >= run->deadline;

    for (i = 0; i < n; i++) {
        pair = &run->pairs[i];
        if (pair->delivered < pair->sent || pair->stored < pair->sent
            || (pair->sent < run->options->messages && !over))
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

void
run_pairs(const struct peer *peer, struct pair *pairs, unsigned n,
          const struct options *options, struct result *result)
{
    struct run         run = { peer, options, pairs, result, -1, 0 };
    struct epoll_event events[128];
    uint64_t           begun = now_us(), moved = begun, before = 0;
    clock_t            cpu = clock();
    int                i, ready;
    unsigned           k;

    run.epoll = epoll_create1(0);
    if (options->seconds) {
        run.deadline = begun + options->seconds * 1000000ull;
    }

    for (k = 0; k < n; k++) {
        watch(&run, EPOLL_CTL_ADD, k, 0, EPOLLIN);
        watch(&run, EPOLL_CTL_ADD, k, 1, EPOLLIN);
        fill_window(&run, k);
    }

    while (!finished(&run, n)) {
        ready = epoll_wait(run.epoll, events, 128, 1000);
        for (i = 0; i < ready; i++) {
            handle(&run, &events[i]);
        }

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
}
