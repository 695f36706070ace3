/*
 * Limits on what comes in a short time: who has to solve a puzzle first, and
 * who is to wait.
 *
 * Memory is taken at the start and never more.  A client's address is known
 * here by a hash of it under a secret that ends with the process: an IPv4
 * address, or the first 64 bits of an IPv6 one.  Whatever has no address, such
 * as a client of nginx on a Unix socket, has no limits by address.
 */

#ifndef SEALCHAT_THROTTLE_H
#define SEALCHAT_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#include "rate.h"

struct sc_service;
struct sc_stream;

#define SC_LIMIT_MAX  1000000u

/* Each limit, as it is named in [limits] of sealchatd.conf and in metrics. */
#define SC_LIMITS(X)                                                          \
    X(PUZZLE_ADDRESS,   puzzle_address)                                       \
    X(PUZZLE_CUSTOMER,  puzzle_customer)                                      \
    X(PUZZLE_ACCOUNT,   puzzle_account)                                       \
    X(SESSIONS_ADDRESS, sessions_address)                                     \
    X(MESSAGES_SESSION, messages_session)                                     \
    X(SIGNALS_SESSION,  signals_session)                                      \
    X(LOGINS_ADDRESS,   logins_address)                                       \
    X(LOGINS_ACCOUNT,   logins_account)                                       \
    X(REGISTRATIONS_ADDRESS, registrations_address)                           \
    X(CHANGES_ACCOUNT,  changes_account)

#define SC_LIMIT_ENUM(NAME, name) SC_LIMIT_##NAME,
enum sc_limit_name { SC_LIMITS(SC_LIMIT_ENUM) SC_LIMIT_COUNT };
#undef SC_LIMIT_ENUM

/* What an operator may set. */
struct sc_throttle_config {
    struct sc_limit limits[SC_LIMIT_COUNT];
    unsigned        puzzle_bits;
    int             off;         /* none of these */
};

/* In config.c. */
extern const struct sc_throttle_config sc_throttle_default;

/* Counted on the loop's thread. */
struct sc_limited {
    uint64_t refused[SC_LIMIT_COUNT];    /* or asked for a puzzle, by limit */
    uint64_t solved;                     /* puzzles */
    uint64_t unsolved;                   /* solutions that were none */
};

/* 0, or -1 when there is no memory. */
int  sc_throttle_start(struct sc_service *service);
void sc_throttle_end(struct sc_service *service);

/* The key of an address as OPEN has it; 0: none. */
uint64_t sc_throttle_address(const struct sc_service *service,
                           const uint8_t *text, size_t n);

/*
 * Asked before anything of an AUTH is verified, with the challenge that it
 * answers, which is taken from the stream.  SC_E_NONE; SC_E_PUZZLE: the next
 * challenge has one, of stream->puzzle bits; SC_E_SLOW_DOWN: not before *retry
 * ms.  customer is the internal number of the stream's.
 */
enum sc_error_code sc_throttle_auth(struct sc_stream *stream,
                                  const struct sc_frame_auth *auth,
                                  uint64_t customer,
                                  const uint8_t challenge[32],
                                  uint32_t *retry);

/* A visitor has proven, or tried to, who has no stored session; somebody tried
 * to log in to an account in vain. */
void sc_throttle_new_session(struct sc_stream *stream);
void sc_throttle_failed_login(struct sc_stream *stream,
                            const struct sc_frame_auth *auth);

/* Somebody registers a customer, in vain or not: counts it before any of it is
 * verified, and is 0; or ms to wait. */
uint32_t sc_throttle_registration(struct sc_stream *stream);

/* An owner changes the account, in vain or not: the same. */
uint32_t sc_throttle_change(struct sc_stream *stream);

/* A visitor sends a message, or leaves spare keys: counts it, and is 0; or ms
 * to wait. */
uint32_t sc_throttle_message(struct sc_stream *stream);

/* A visitor sends a signal: counts it, and is 0; or more: it is dropped. */
uint32_t sc_throttle_signal(struct sc_stream *stream);

#endif
