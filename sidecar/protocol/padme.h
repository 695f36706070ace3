/*
 * PADME lengths (docs/protocol.md, "Envelope"): padding that lets a length
 * tell at most the position of its highest bit and a few bits below it.
 */

#ifndef SEALCHAT_PROTOCOL_PADME_H
#define SEALCHAT_PROTOCOL_PADME_H

#include <stdint.h>

#include <sealchat/limits.h>

#define SC_BODY_MIN 256u

/* len:4 kind:1 n:1, eight heads, the longest content. */
#define SC_BODY_USED_MAX (4u + 2u + 32u * SC_HEADS_MAX + SC_CONTENT_MAX)

/* The smallest PADME length that is not below n. */
uint32_t sc_padme(uint32_t n);

/* Whether a message's padded body can be n bytes long. */
int sc_body_bytes_ok(uint32_t n);

#endif
