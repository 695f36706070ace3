/*
 * An invitation is 16 random bytes that the operator hands on; the store knows
 * it by this name, from which it cannot be guessed.
 */

#ifndef SEALCHAT_INVITATION_H
#define SEALCHAT_INVITATION_H

#include <stdint.h>

#include <sodium.h>

#define SC_INVITATION_BYTES  16u

static inline void
sc_invitation_name(uint8_t name[32],
                   const uint8_t invitation[SC_INVITATION_BYTES])
{
    static const char word[] = "SealChat/1 invitation";

    crypto_generichash(name, 32, invitation, SC_INVITATION_BYTES,
                       (const uint8_t *) word, sizeof(word) - 1);
}

#endif
