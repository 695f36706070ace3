/*
 * Limits: the policy.  What is counted, under which key, and what follows.
 *
 * A stream that has not proven anything is asked the cheap questions first: a
 * few buckets in memory, then one read of the store where a mark was passed, and
 * one hash where there was a puzzle.
 */

#include "throttle.h"

#include <string.h>

#include <arpa/inet.h>
#include <sodium.h>

#include "protocol/hello.h"
#include "protocol/ids.h"
#include "protocol/puzzle.h"
#include "service.h"
#include "stream.h"

/* What an account's puzzle is harder by than that of a session: a login is
 * seldom, and a guess is worth more. */
#define ACCOUNT_BITS  3u

/* No puzzle grows beyond this: a slow phone, with some ten thousand hashes a
 * second, has to solve it while its challenge holds and before nginx closes
 * what is not authenticated.  Whoever configures harder ones has them. */
#define GROWN_BITS  18u


int
sc_throttle_start(struct sc_service *service)
{
    const struct sc_limit *limits = service->config->limits.limits;

    if (service->config->limits.off) {
        return 0;
    }

    for (int i = 0; i < SC_LIMIT_COUNT; i++) {
        service->rates[i] = sc_rate_new(&limits[i]);
        if (service->rates[i] == NULL && limits[i].n) {
            return -1;
        }
    }

    return 0;
}


void
sc_throttle_end(struct sc_service *service)
{
    for (int i = 0; i < SC_LIMIT_COUNT; i++) {
        sc_rate_free(service->rates[i]);
        service->rates[i] = NULL;
    }
}


/* --- keys ---------------------------------------------------------------- */

static uint64_t
keyed(const struct sc_service *service, const void *bytes, size_t n)
{
    uint64_t hash;

    crypto_shorthash((unsigned char *) &hash, bytes, n, service->hash_key);

    return hash;
}


uint64_t
sc_throttle_address(const struct sc_service *service, const uint8_t *text,
                  size_t n)
{
    /* IPv4 as a socket for both writes it, and as a network without IPv4 gets
     * it (RFC 6052): behind that all of IPv4 is in one /64. */
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t translated[12] = { 0x00, 0x64, 0xff, 0x9b };

    char    copy[INET6_ADDRSTRLEN];
    uint8_t address[16];

    if (n == 0 || n >= sizeof(copy)) {
        return 0;
    }

    memcpy(copy, text, n);
    copy[n] = '\0';

    if (inet_pton(AF_INET, copy, address) == 1) {
        return keyed(service, address, 4);
    }

    if (inet_pton(AF_INET6, copy, address) != 1) {
        return 0;
    }

    if (memcmp(address, mapped, sizeof(mapped)) == 0
        || memcmp(address, translated, sizeof(translated)) == 0)
    {
        return keyed(service, address + 12, 4);
    }

    return keyed(service, address, 8);
}


/* Of one account, from one address; 0 where there is none. */
static uint64_t
account_at(const struct sc_stream *stream, uint64_t account)
{
    uint64_t both[2] = { account, stream->address };

    return stream->address ? keyed(stream->service, both, sizeof(both)) : 0;
}


static uint64_t
now_of(const struct sc_stream *stream)
{
    return uv_now(&stream->service->loop);
}


static unsigned
over(const struct sc_stream *stream, enum sc_limit_name name, uint64_t key)
{
    return key ? sc_rate_over(stream->service->rates[name], key,
                              now_of(stream)) : 0;
}


static void
add(const struct sc_stream *stream, enum sc_limit_name name, uint64_t key)
{
    if (key) {
        sc_rate_add(stream->service->rates[name], key, now_of(stream));
    }
}


static void
note(struct sc_stream *stream, enum sc_limit_name name)
{
    stream->service->metrics.limited.refused[name]++;
}


/* Whether this one has to wait. */
static int
waits(struct sc_stream *stream, enum sc_limit_name name, uint64_t key,
      uint32_t *retry)
{
    *retry = key ? sc_rate_wait(stream->service->rates[name], key,
                                now_of(stream)) : 0;
    if (*retry) {
        note(stream, name);
    }

    return *retry != 0;
}


/* Counts one; or ms to wait. */
static uint32_t
count_or_wait(struct sc_stream *stream, enum sc_limit_name name, uint64_t key)
{
    uint32_t retry;

    if (!waits(stream, name, key, &retry)) {
        add(stream, name, key);
    }

    return retry;
}


/* --- puzzles ------------------------------------------------------------- */

/* As configured, some more, and one more for each doubling of the rate. */
static unsigned
bits_of(unsigned base, unsigned more, unsigned times)
{
    unsigned bits = base + more;

    for ( ; times > 1; times /= 2) {
        bits++;
    }

    return base > GROWN_BITS ? base : bits < GROWN_BITS ? bits : GROWN_BITS;
}


/*
 * Whether the challenge's puzzle was solved; else asks for one, times as hard.
 * What was asked may be easier than what would be asked now, but not than any
 * of its kind: it was asked of somebody in another role, then.
 */
static enum sc_error_code
ask(struct sc_stream *stream, const struct sc_frame_auth *auth,
    const uint8_t challenge[32], unsigned asked, unsigned more,
    unsigned times, enum sc_limit_name name)
{
    struct sc_limited *limited = &stream->service->metrics.limited;
    unsigned           base = stream->service->config->limits.puzzle_bits;

    if (asked >= bits_of(base, more, 1)
        && sc_puzzle_solved(challenge, auth->subject, auth->puzzle, asked))
    {
        limited->solved++;
        return SC_E_NONE;
    }

    limited->unsolved += asked != 0;
    note(stream, name);
    stream->puzzle = (uint8_t) bits_of(base, more, times);

    return SC_E_PUZZLE;
}


/* --- sessions ------------------------------------------------------------ */

/* Whether the session is one that the store has, or had: then it is no new
 * one.  Its name alone is not enough, since anybody has one to write before a
 * hello of other keys.  -1 on failure. */
static int
is_stored(const struct sc_stream *stream, const struct sc_frame_auth *auth,
          uint64_t customer)
{
    struct sc_session_info info;
    struct sc_hello        hello;
    uint8_t                sid[32];
    int                    rc;

    if (sc_hello_parse(auth->hello, &hello) != NULL) {
        return 0;
    }

    sc_sid_of(sid, hello.cid, hello.suite, hello.sign_pk, hello.kem_pk);
    if (memcmp(sid, auth->subject, 32) != 0) {
        return 0;
    }

    rc = sc_store_session(stream->service->store, customer, sid, sid, &info);

    return rc < 0 ? -1 : rc || info.deleted;
}


static enum sc_error_code
limit_visitor(struct sc_stream *stream, const struct sc_frame_auth *auth,
              uint64_t customer, const uint8_t challenge[32], unsigned asked,
              uint32_t *retry)
{
    unsigned base = stream->service->config->limits.puzzle_bits;
    uint64_t cid = sc_service_hash(stream->service, stream->cid);
    unsigned by_address, by_customer;
    int      stored;

    by_address = over(stream, SC_LIMIT_PUZZLE_ADDRESS, stream->address);
    by_customer = over(stream, SC_LIMIT_PUZZLE_CUSTOMER, cid);

    if (!by_address && !by_customer
        && !over(stream, SC_LIMIT_SESSIONS_ADDRESS, stream->address))
    {
        return SC_E_NONE;
    }

    stored = is_stored(stream, auth, customer);
    if (stored) {
        return stored < 0 ? SC_E_INTERNAL : SC_E_NONE;
    }

    if (waits(stream, SC_LIMIT_SESSIONS_ADDRESS, stream->address, retry)) {
        return SC_E_SLOW_DOWN;
    }

    if (base == 0 || !(by_address || by_customer)) {
        return SC_E_NONE;
    }

    return by_address >= by_customer
           ? ask(stream, auth, challenge, asked, 0, by_address,
                 SC_LIMIT_PUZZLE_ADDRESS)
           : ask(stream, auth, challenge, asked, 0, by_customer,
                 SC_LIMIT_PUZZLE_CUSTOMER);
}


void
sc_throttle_new_session(struct sc_stream *stream)
{
    add(stream, SC_LIMIT_PUZZLE_ADDRESS, stream->address);
    add(stream, SC_LIMIT_SESSIONS_ADDRESS, stream->address);
    add(stream, SC_LIMIT_PUZZLE_CUSTOMER,
        sc_service_hash(stream->service, stream->cid));
}


/* --- logins to an account ------------------------------------------------ */

/*
 * By the name that was given, whether there is such an account or not.  Who
 * tries in vain waits where he is; somebody else's failures, from elsewhere,
 * cost the owner a puzzle and never the login.  A recovery code cannot be
 * guessed, so only its address is looked at.
 */
static enum sc_error_code
limit_owner(struct sc_stream *stream, const struct sc_frame_auth *auth,
            const uint8_t challenge[32], unsigned asked, uint32_t *retry)
{
    unsigned base = stream->service->config->limits.puzzle_bits;
    uint64_t account = sc_service_hash(stream->service, auth->subject);
    unsigned times;

    if (waits(stream, SC_LIMIT_LOGINS_ADDRESS, stream->address, retry)) {
        return SC_E_SLOW_DOWN;
    }

    if (auth->role != SC_ROLE_PASSWORD) {
        return SC_E_NONE;
    }

    if (waits(stream, SC_LIMIT_LOGINS_ACCOUNT, account_at(stream, account),
              retry))
    {
        return SC_E_SLOW_DOWN;
    }

    times = over(stream, SC_LIMIT_PUZZLE_ACCOUNT, account);

    return times == 0 || base == 0
           ? SC_E_NONE
           : ask(stream, auth, challenge, asked, ACCOUNT_BITS, times,
                 SC_LIMIT_PUZZLE_ACCOUNT);
}


void
sc_throttle_failed_login(struct sc_stream *stream,
                       const struct sc_frame_auth *auth)
{
    uint64_t account = sc_service_hash(stream->service, auth->subject);

    add(stream, SC_LIMIT_LOGINS_ADDRESS, stream->address);

    if (auth->role == SC_ROLE_PASSWORD) {
        add(stream, SC_LIMIT_LOGINS_ACCOUNT, account_at(stream, account));
        add(stream, SC_LIMIT_PUZZLE_ACCOUNT, account);
    }
}


enum sc_error_code
sc_throttle_auth(struct sc_stream *stream, const struct sc_frame_auth *auth,
               uint64_t customer, const uint8_t challenge[32],
               uint32_t *retry)
{
    unsigned asked = stream->puzzle;

    *retry = 0;
    stream->puzzle = 0;

    switch (auth->role) {

    case SC_ROLE_VISITOR:
        return limit_visitor(stream, auth, customer, challenge, asked, retry);

    case SC_ROLE_PASSWORD:
    case SC_ROLE_RECOVERY:
        return limit_owner(stream, auth, challenge, asked, retry);

    default:
        return SC_E_NONE;        /* a device's key cannot be guessed */
    }
}


/* --- registrations, and changes of accounts ------------------------------ */

uint32_t
sc_throttle_registration(struct sc_stream *stream)
{
    return count_or_wait(stream, SC_LIMIT_REGISTRATIONS_ADDRESS,
                         stream->address);
}


/* Each leaves a roster that is kept for good, which no quota counts, and may
 * go where messages may not (store/room.c). */
uint32_t
sc_throttle_change(struct sc_stream *stream)
{
    return count_or_wait(stream, SC_LIMIT_CHANGES_ACCOUNT,
                         sc_service_hash(stream->service, stream->self));
}


/* --- messages ------------------------------------------------------------ */

uint32_t
sc_throttle_message(struct sc_stream *stream)
{
    return count_or_wait(stream, SC_LIMIT_MESSAGES_SESSION,
                         stream->session->node.hash);
}


/* Each goes to every device that is connected, which verifies and opens it. */
uint32_t
sc_throttle_signal(struct sc_stream *stream)
{
    return count_or_wait(stream, SC_LIMIT_SIGNALS_SESSION,
                         stream->session->node.hash);
}
