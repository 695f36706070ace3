/*
 * What the fuzz targets share.  A target is one file with one function of
 * libFuzzer's name; t/unit/test_corpora.c includes all of them and runs their
 * corpora, so that nothing else in a target may have the name of something
 * in another.
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

#endif
