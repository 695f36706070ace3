/*
 * The numbers on which client, module and sidecar agree.
 *
 * Sizes are in bytes and times in milliseconds unless a name says otherwise.
 * A parser compares against these before it allocates anything.
 */

#ifndef SEALCHAT_LIMITS_H
#define SEALCHAT_LIMITS_H

#define SC_SUBPROTOCOL            "sealchat.1"

#define SC_FRAME_MAX              65536u     /* one binary WebSocket message */
#define SC_FRAME_HEADER           4u
#define SC_ENVELOPE_MAX           20480u
#define SC_ENVELOPE_MIN           782u       /* both recipients in suite 2 */
#define SC_CONTENT_MAX            16384u     /* UTF-8 text of one message */

#define SC_ID_BYTES               32u        /* cid, sid, account_id, ids */
#define SC_SIG_BYTES              64u
#define SC_CID_TEXT               43u        /* base64url of 32 bytes */

#define SC_RSA_SPKI_BYTES         422u       /* RSA-3072, e = 65537 */
#define SC_X25519_BYTES           32u
#define SC_RSA_SEALED_BYTES       384u
#define SC_HPKE_SEALED_BYTES      80u        /* enc:32, CK:32, tag:16 */

#define SC_ROSTER_DEVICES_MAX     64u
#define SC_ROSTER_DAYS_MAX        190u
#define SC_CLOCK_TOLERANCE_MS     (48ull * 3600 * 1000)

/* JavaScript holds integers exactly up to 2^53 - 1; larger ones are refused. */
#define SC_NUMBER_MAX             9007199254740991ull

#define SC_CHALLENGE_TTL_MS       60000u
#define SC_PUZZLE_BITS_MAX        20u        /* about a million hashes */
#define SC_HEADS_MAX              8u

/* A repeated SEND is recognised this far back along its session's chain. */
#define SC_REPEAT_DEPTH           64u

/* DELIVERs that may be unacknowledged on one stream. */
#define SC_DELIVER_WINDOW         64u

/* Requests of one stream that may be unanswered. */
#define SC_REQUEST_WINDOW         64u

/* CHECKs that one stream may send. */
#define SC_CHECKS_MAX             4u

/* A session's spare keys, sealed: RSA keys beside a roster of 64 devices. */
#define SC_SPARE_MAX              6144u

/* SPARE_GETs that one stream may send. */
#define SC_SPARE_GETS_MAX         4u

#define SC_PAGE_ROSTERS           16u
#define SC_PAGE_SESSIONS          64u
#define SC_PAGE_MESSAGES          128u

#endif
