/*
 * TXT records in an answer of the DNS.
 */

#ifndef SEALCHAT_CTL_TXT_H
#define SEALCHAT_CTL_TXT_H

#include <stddef.h>
#include <stdint.h>

#define SC_TXT_MAX 1024

/*
 * The text of the first TXT record among the answers that begins with
 * v=sealchat1, its strings put together, ended by a zero.  NULL, or what is
 * wrong with the answer.
 */
const char *sc_txt_of_answer(const uint8_t *answer, size_t n,
                             char out[SC_TXT_MAX]);

#endif
