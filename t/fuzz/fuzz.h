/*
 * What the fuzz targets share.  A target is one file with one function of
 * libFuzzer's name; replay.c makes a test of it that runs its corpus.
 */

#ifndef SEALCHAT_FUZZ_H
#define SEALCHAT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What must hold whatever the input is. */
#define MUST(condition)                                                       \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                          \
        }                                                                     \
    } while (0)

/* Reads every byte, so that a sanitizer sees one that is not there. */
static inline void
touch(const void *bytes, size_t n)
{
    const uint8_t   *p = bytes;
    volatile uint8_t sum = 0;

    while (n--) {
        sum = (uint8_t) (sum + *p++);
    }
}

/* A sum of bytes to compare two runs by, in steps as large as may be. */
#define SUM_OF_NOTHING  0xcbf29ce484222325ull

static inline uint64_t
sum_of(uint64_t sum, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t       word;

    while (n) {
        size_t k = n < sizeof(word) ? n : sizeof(word);

        word = 0;
        memcpy(&word, p, k);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
        sum ^= sum >> 29;
        p += k;
        n -= k;
    }

    return sum;
}

#endif
